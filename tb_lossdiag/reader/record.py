"""TFRecord framing: bytes of an event file -> the payloads whose checksums hold.

A record is an 8-byte little-endian length, its masked CRC32C (4 bytes), the payload, and the payload's masked CRC32C.
A torn tail waits for the rest. Where a checksum fails, reading goes on at the next place that looks like a record and
holds one; what was passed over is counted. A length is believed only after its checksum, so one that lies allocates nothing.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import google_crc32c

__all__ = ["Damage", "Records"]

HEADER = 12
FOOTER = 4
MASK = 0xA282EAD8
LARGEST = 1 << 30  # bytes: protobuf's own limit is 2 GiB, and TensorBoard's writers stay far below

_length = struct.Struct("<Q")
_checksum = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Damage:
    """A stretch of bytes, `start` to `end` (exclusive), in which no intact record was found."""

    start: int
    end: int


@dataclass(slots=True)
class Records:
    """The records of a growing file. `offset` is the first byte not yet consumed; `damage` lists what was passed over."""

    offset: int = 0
    damage: list[Damage] = field(default_factory=list)

    def read(self, data: bytes | memoryview, start: int, *, final: bool = False) -> Iterator[tuple[int, memoryview]]:
        """Offset and payload of each intact record in `data`, which begins at byte `start` of the file.

        Reading stops before a record that is not complete yet, unless `final` says that nothing more will come.
        """
        view = memoryview(data)
        place = self.offset - start
        while place < len(view):
            size = _header(view, place)
            if size is not None:
                end = place + HEADER + size + FOOTER
                if end > len(view):
                    if not final:
                        break
                elif _intact(view, place + HEADER, size):
                    yield start + place, view[place + HEADER : place + HEADER + size]
                    place = end
                    self.offset = start + place
                    continue
            elif len(view) - place < HEADER and not final:
                break
            after = _next(view, place + 1)
            if after is None:
                if final:
                    self._lost(start + place, start + len(view))
                    self.offset = start + len(view)
                else:
                    keep = max(place, len(view) - HEADER + 1)
                    self._lost(start + place, start + keep)
                    self.offset = start + keep
                break
            self._lost(start + place, start + after)
            place = after
            self.offset = start + place

    def _lost(self, start: int, end: int) -> None:
        """Note that nothing could be read here; neighbouring stretches are one."""
        if end <= start:
            return
        if self.damage and self.damage[-1].end == start:
            start = self.damage.pop().start
        self.damage.append(Damage(start, end))


def masked_crc(data: bytes | memoryview) -> int:
    """CRC32C as TFRecord stores it: rotated by 15 bits, plus a constant."""
    crc = int(google_crc32c.value(bytes(data)))
    return (((crc >> 15) | (crc << 17)) + MASK) & 0xFFFFFFFF


def _header(view: memoryview, place: int) -> int | None:
    """The length of the record at `place`, or None where no header with a right checksum stands."""
    if len(view) - place < HEADER:
        return None
    (size,) = _length.unpack_from(view, place)
    if size > LARGEST:
        return None
    (crc,) = _checksum.unpack_from(view, place + 8)
    return int(size) if crc == masked_crc(view[place : place + 8]) else None


def _intact(view: memoryview, start: int, size: int) -> bool:
    crc: int = _checksum.unpack_from(view, start + size)[0]
    return crc == masked_crc(view[start : start + size])


def _next(view: memoryview, place: int) -> int | None:
    """The next place with a valid header. Lengths are small, so a header's bytes 4 to 7 are zeros: search for those."""
    zeros = b"\0\0\0\0"
    data = bytes(view[place:])
    found = data.find(zeros, 4)
    while found != -1:
        # the zeros may begin before the header's upper half does: try each place that they allow
        if _header(view, place + found - 4) is not None and _plausible(view, place + found - 4):
            return place + found - 4
        found = data.find(zeros, found + 1)
    return None


def _plausible(view: memoryview, place: int) -> bool:
    """An all-zero header has a checksum of its own and never matches; an empty record is not one either."""
    return _length.unpack_from(view, place)[0] > 0
