"""One event file, followed as it grows: each poll reads what was appended, from the offset where the last one stopped."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from tb_lossdiag.reader.bulk import Bulk
from tb_lossdiag.reader.chain import HEADER
from tb_lossdiag.reader.columns import Columns
from tb_lossdiag.reader.crc import extend, mask_one
from tb_lossdiag.reader.local import LocalContent
from tb_lossdiag.reader.losses import Losses
from tb_lossdiag.reader.record import FOOTER, length_in, scan
from tb_lossdiag.reader.remote import RemoteContent, RemoteFile, Status

__all__ = ["Tail"]

CHUNK = 4 << 20  # bytes read at a time, whatever the file's size
LARGE = 16 << 20  # bytes of a record from which on it is checked piece by piece and its values are left out
MANY = 1 << 14  # bytes from which on records are read in strokes
FEW, SEVERAL = 32, 1 << 12  # records read one by one before strokes are tried again; more where those come to nothing
SIGNATURE = 64  # leading bytes that tell a file that was replaced from one that has grown
LFS = b"version https://git-lfs"


@dataclass(slots=True)
class Tail:
    """A file, how far it has been read, and what it held. `problem` says why it cannot be read now."""

    path: Path | RemoteFile
    columns: Columns = field(default_factory=Columns)
    problem: str = ""
    forgotten: bool = False
    lost: Losses = field(default_factory=Losses)
    _records: int = 0
    _large: int = 0
    _offset: int = 0
    _signature: bytes = b""
    _seen: tuple[int, int, int, int] | None = None
    _here: str = field(init=False)  # the path: asking a Path costs as much again as the system
    _bulk: Bulk = field(init=False)
    _slowly: int = FEW

    def __post_init__(self) -> None:
        self._here = str(self.path)
        self._bulk = Bulk(self.columns)

    @property
    def size(self) -> int:
        """About how many bytes of memory its values take."""
        return self.columns.size

    @property
    def seen(self) -> tuple[str, int, int, int]:
        """The file's path, and its time, size and number when it was last read; numbers that no file has before."""
        _, inode, size, modified = self._seen or (0, -1, -1, -1)
        return str(self.path), modified, size, inode

    @property
    def records(self) -> int:
        """How many records were read."""
        return self._records

    @property
    def nature(self) -> tuple[object, ...]:
        """What kind of things were read, or could not be: the same as before where the file has more of the same."""
        return self.problem, self.lost.places, self.columns.nature

    def forget(self) -> None:
        """Let go of what was read; a change of the file brings it back, read from the beginning."""
        self._begin_anew()
        self.forgotten = True

    def skip(self) -> None:
        """Take the file as read and forgotten as it is now."""
        self.forgotten = True
        try:
            self._seen = _identity(self.path.stat())
        except OSError:
            self._seen = None

    def recall(self) -> None:
        """Have the next poll read again what was forgotten."""
        if self.forgotten:
            self._seen = None

    def poll(self) -> bool:
        """Read what is new, if anything; whether there was. Costs one `stat` for a file that has not changed.

        A file that was replaced, or is shorter than what was read of it, is read from its beginning. One that cannot be
        read keeps what it gave so far, and says so.
        """
        try:
            status = self.path.stat() if isinstance(self.path, RemoteFile) else os.stat(self._here)  # noqa: PTH116  (as above)
            seen = _identity(status)
            if seen == self._seen:
                return False
            with self.path.open() if isinstance(self.path, RemoteFile) else LocalContent(self._here) as file:
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
        name = self.path.name
        found = [self.problem] if self.problem else []
        if self.lost.places:
            found.append(self.lost.sentence(name, self._records, self._offset) if self._records else self._foreign())
        if self._large:
            found.append(f"{name} holds {_records(self._large)} of more than {LARGE >> 20} MB, left out.")
        if self.columns.undecoded:
            found.append(f"{name} holds {_records(self.columns.undecoded)} that no event can be read from.")
        found += [f"{name}: {tag} is left out: {why}." for tag, why in self.columns.unreadable.items()]
        found += [
            f"{name}: {_records(each.unfit)} of {tag} do not have the size that the first one announced."
            for tag, each in self.columns.packed.items()
            if each.unfit
        ]
        return found

    def _foreign(self) -> str:
        if self._signature.startswith(LFS):
            return f"{self.path.name} is a Git LFS pointer instead of the file: run `git lfs pull` to get it."
        return f"{self.path.name} is not an event file, or is damaged throughout: nothing could be read from it."

    def _begin_anew_if_replaced(self, file: LocalContent | RemoteContent) -> None:
        """Forget what was read if this is another file, or less of it."""
        signature = file.read(SIGNATURE)
        moved = self._seen is not None and self._seen[:2] != _identity(file.status)[:2]
        if moved or file.status.st_size < self._offset or not signature.startswith(self._signature):
            self._begin_anew()
        self._signature = signature
        self.forgotten = False

    def _begin_anew(self) -> None:
        self.columns, self.lost = Columns(), Losses()
        self._bulk = Bulk(self.columns)
        self._records = self._large = self._offset = 0

    def _read(self, file: LocalContent | RemoteContent) -> None:
        """Read to the end that the file has now. Damage at the end of a piece continues in the next."""
        end, wanted = file.status.st_size, CHUNK
        while self._offset < end:
            file.seek(self._offset)
            data = file.read(min(wanted, end - self._offset))
            last = len(data) < wanted or self._offset + len(data) >= end
            consumed = self._take(data, last=last)
            self._offset += consumed
            if consumed:
                wanted = CHUNK
            elif last:
                return
            elif wanted < LARGE:
                wanted *= 2
            elif not self._pass_large(file, end):
                return

    def _take(self, data: bytes, *, last: bool) -> int:
        """Read the records of a piece, in strokes where they allow it; how many bytes were consumed."""
        place = 0
        while True:
            if place and not last and len(data) - place < self._bulk.wanted:
                return place
            if len(data) - place >= MANY:
                place, count = self._bulk.take(data, place, last=last)
                self._records += count
                if count > FEW:
                    self._slowly = FEW
                    continue
                self._slowly = min(2 * self._slowly, SEVERAL)
            found = scan(data, place, last=last, most=self._slowly)
            self.columns.add(found.payloads)
            self._records += len(found.payloads)
            for start, stop in found.lost:
                self.lost.add(self._offset + start, self._offset + stop)
            if found.consumed in {place, len(data)}:
                return found.consumed
            place = found.consumed

    def _pass_large(self, file: LocalContent | RemoteContent, end: int) -> bool:
        """Pass over a record too large to hold, or over its header where it lies; whether there was anything to pass."""
        file.seek(self._offset)
        length = length_in(file.read(HEADER))
        behind = self._offset + HEADER + (length or 0) + FOOTER
        if length is None or behind > end:
            return self._resume(file, end)
        checksum, left = 0, length
        while left:
            piece = file.read(min(CHUNK, left))
            if not piece:  # the file is being cut: what it holds now is seen at the next poll
                return False
            checksum, left = extend(checksum, piece), left - len(piece)
        if mask_one(checksum) != int.from_bytes(file.read(FOOTER), "little"):
            return self._resume(file, end)
        self._offset, self._large, self._records = behind, self._large + 1, self._records + 1
        return True

    def _resume(self, file: LocalContent | RemoteContent, end: int) -> bool:
        """Go on at the next whole record behind a header that lies; false where there is none, as more may be to come."""
        place = self._offset + 1
        while place < end:
            file.seek(place)
            data = file.read(min(LARGE, end - place))
            found = scan(data, last=True, most=1)
            if found.payloads:
                skipped = found.lost[0][1] if found.lost else 0
                self.lost.add(self._offset, place + skipped)
                self._offset = place + skipped
                return True
            if place + len(data) >= end:
                return False
            place += max(len(data) // 2, 1)
        return False


def _identity(status: os.stat_result | Status) -> tuple[int, int, int, int]:
    """What tells that a file is another one (the first two), or has changed."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _records(count: int) -> str:
    return "1 record" if count == 1 else f"{count:,} records"
