"""An event file on this machine, read with as few calls of the operating system as it takes: a thousand live runs are a thousand of each."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from types import TracebackType

__all__ = ["LocalContent"]

BINARY = getattr(os, "O_BINARY", 0)  # Windows would translate line ends


@dataclass(slots=True)
class LocalContent:
    """An open file. `status` is that of the file itself: under its name there may be another one by now."""

    path: str
    status: os.stat_result = field(init=False)
    _file: int = field(init=False)
    _place: int = 0

    def __enter__(self) -> LocalContent:  # noqa: PYI034  (typing.Self is newer than Python 3.10)
        """Raises OSError where it cannot be opened."""
        self._file = os.open(self.path, os.O_RDONLY | BINARY)
        try:
            self.status = os.fstat(self._file)
        except OSError:
            os.close(self._file)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)

    def seek(self, place: int) -> int:
        """Read from here next."""
        if place != self._place:
            self._place = os.lseek(self._file, place, os.SEEK_SET)
        return place

    def read(self, count: int) -> bytes:
        """So many bytes, or fewer at the end. Raises OSError where they cannot be had."""
        data = os.read(self._file, count)
        self._place += len(data)
        while data and len(data) < count and (more := os.read(self._file, count - len(data))):
            data += more
            self._place += len(more)
        return data
