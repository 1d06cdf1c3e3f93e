"""One event file, followed as it grows: each poll reads what was appended, from the offset where the last one stopped."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from tb_lossdiag.reader.columns import Columns
from tb_lossdiag.reader.record import scan

__all__ = ["Tail"]

CHUNK = 4 << 20  # bytes read at a time, whatever the file's size; a longer record is read whole
NAMED = 3  # damaged stretches that are told one by one
SIGNATURE = 64  # leading bytes that tell a file that was replaced from one that has grown
LFS = b"version https://git-lfs"


@dataclass(slots=True)
class Tail:
    """A file, how far it has been read, and what it held. `problem` says why it cannot be read now."""

    path: Path
    columns: Columns = field(default_factory=Columns)
    problem: str = ""
    lost: list[tuple[int, int]] = field(default_factory=list)
    _records: int = 0
    _offset: int = 0
    _signature: bytes = b""
    _seen: tuple[int, int, int, int] | None = None

    def poll(self) -> bool:
        """Read what is new, if anything; whether there was. Costs one `stat` for a file that has not changed.

        A file that was replaced, or is shorter than what was read of it, is read from its beginning. One that cannot be
        read keeps what it gave so far, and says so.
        """
        try:
            seen = _identity(self.path.stat())
            if seen == self._seen:
                return False
            with self.path.open("rb") as file:
                self._begin_anew_if_replaced(file)
                self._read(file)
            self._seen, self.problem = seen, ""
        except OSError as error:
            problem = f"{self.path.name} cannot be read ({error.strerror or error})."
            news, self.problem, self._seen = problem != self.problem, problem, None
            return news
        return True

    def warnings(self) -> list[str]:
        """What a reader of the report should know about this file, one sentence each."""
        found = [self.problem] if self.problem else []
        if self.lost and not self._records:
            found.append(self._foreign())
        elif self.lost:
            total = sum(end - start for start, end in self.lost)
            ranges = ", ".join(f"{start:,} to {end - 1:,}" for start, end in self.lost[:NAMED])
            more = f" and {len(self.lost) - NAMED:,} more" if len(self.lost) > NAMED else ""
            places = "place" if len(self.lost) == 1 else "places"
            found.append(
                f"{self.path.name} is damaged in {len(self.lost):,} {places}: {total:,} bytes were skipped "
                f"(bytes {ranges}{more}), all else was read."
            )
        if self.columns.undecoded:
            found.append(f"{self.path.name} holds {_records(self.columns.undecoded)} that no event can be read from.")
        found += [f"{self.path.name}: {tag} is left out: {why}." for tag, why in self.columns.unreadable.items()]
        found += [
            f"{self.path.name}: {_records(each.unfit)} of {tag} do not have the size that the first one announced."
            for tag, each in self.columns.packed.items()
            if each.unfit
        ]
        return found

    def _foreign(self) -> str:
        if self._signature.startswith(LFS):
            return f"{self.path.name} is a Git LFS pointer instead of the file: run `git lfs pull` to get it."
        return f"{self.path.name} is not an event file, or is damaged throughout: nothing could be read from it."

    def _begin_anew_if_replaced(self, file: BinaryIO) -> None:
        """Forget what was read if this is another file, or less of it."""
        status = os.fstat(file.fileno())
        signature = file.read(SIGNATURE)
        moved = self._seen is not None and self._seen[:2] != _identity(status)[:2]
        if moved or status.st_size < self._offset or not signature.startswith(self._signature):
            self.columns, self.lost, self._records, self._offset = Columns(), [], 0, 0
        self._signature = signature

    def _read(self, file: BinaryIO) -> None:
        """Read to the end that the file has now. Damage at the end of a piece continues in the next."""
        end, wanted = os.fstat(file.fileno()).st_size, CHUNK
        while self._offset < end:
            file.seek(self._offset)
            data = file.read(min(wanted, end - self._offset))
            last = len(data) < wanted or self._offset + len(data) >= end
            found = scan(data, last=last)
            self.columns.add(found.payloads)
            self._records += len(found.payloads)
            for start, stop in found.lost:
                self._lose(self._offset + start, self._offset + stop)
            self._offset += found.consumed
            if last:
                return
            wanted = CHUNK if found.consumed else 2 * wanted

    def _lose(self, start: int, end: int) -> None:
        """Note that nothing could be read here; neighbouring stretches are one."""
        if self.lost and self.lost[-1][1] == start:
            start = self.lost.pop()[0]
        self.lost.append((start, end))


def _identity(status: os.stat_result) -> tuple[int, int, int, int]:
    """What tells that a file is another one (the first two), or has changed."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _records(count: int) -> str:
    return "1 record" if count == 1 else f"{count:,} records"
