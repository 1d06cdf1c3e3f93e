"""One event file, followed as it grows: each poll reads what was appended, from the offset where the last one stopped."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tb_lossdiag.reader.event import Value, read_event
from tb_lossdiag.reader.record import Records

__all__ = ["Tail"]

CHUNK = 4 << 20  # bytes read at a time: bounds the memory, whatever the file's size
NAMED = 3  # damaged stretches told one by one
SIGNATURE = 64  # leading bytes that tell a replaced file from one that has grown


@dataclass(slots=True)
class Tail:
    """A file and how far it has been read. `restarted` counts how often it was replaced by another one."""

    path: Path
    restarted: int = 0
    undecoded: int = 0
    problem: str = ""
    _records: Records = field(default_factory=Records)
    _identity: tuple[int, int] = (0, 0)
    _signature: bytes = b""

    def poll(self) -> Iterator[Value]:
        """The values appended since the last poll. A file that cannot be read yields nothing and sets `problem`."""
        try:
            with self.path.open("rb") as file:
                self._check_identity(file.fileno(), file.read(SIGNATURE))
                yield from self._values(file.fileno())
            self.problem = ""
        except FileNotFoundError:
            self.problem = f"{self.path.name} has vanished; what was read of it is kept."
        except OSError as error:
            self.problem = f"{self.path.name} cannot be read: {error.strerror or error}."

    @property
    def changed(self) -> bool:
        """Whether the file is another one, or longer or shorter than what was read of it: costs one `stat`."""
        try:
            status = self.path.stat()
        except OSError:
            return not self.problem
        return (status.st_dev, status.st_ino) != self._identity or status.st_size != self._seen

    _seen: int = -1

    def _check_identity(self, descriptor: int, signature: bytes) -> None:
        """Begin anew where the file was replaced, or cut to less than what was read."""
        status = os.fstat(descriptor)
        identity = (status.st_dev, status.st_ino)
        replaced = self._identity not in {(0, 0), identity} or not signature.startswith(
            self._signature[: len(signature)]
        )
        if replaced or status.st_size < self._records.offset:
            self._records = Records()
            self.restarted += 1
        self._identity, self._signature, self._seen = identity, signature, status.st_size

    def _values(self, descriptor: int) -> Iterator[Value]:
        held, start = b"", self._records.offset
        place = start
        while chunk := os.pread(descriptor, CHUNK, place):
            place += len(chunk)
            data = held + chunk
            for _, payload in self._records.read(data, start):
                yield from self._decoded(payload)
            used = self._records.offset - start
            held, start = data[used:], self._records.offset
        self._seen = max(self._seen, place)

    def _decoded(self, payload: memoryview) -> Iterator[Value]:
        try:
            yield from read_event(payload)
        except ValueError:
            self.undecoded += 1

    def warnings(self) -> list[str]:
        """What a reader of the report must know about this file."""
        found = [self.problem] if self.problem else []
        found += [
            f"{self.path.name} is damaged between bytes {each.start:,} and {each.end:,}; the rest was read."
            for each in self._records.damage[:NAMED]
        ]
        more = len(self._records.damage) - NAMED
        if more > 0:
            found.append(f"{self.path.name} is damaged in {more} further places.")
        if self.undecoded:
            found.append(f"{self.path.name} holds {self.undecoded} records that are no events; they were left out.")
        return found
