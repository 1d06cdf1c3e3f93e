"""TFRecord framing: bytes of an event file -> the payloads whose checksums hold.

A record is an 8-byte little-endian length, its masked CRC32C (4 bytes), the payload, and the payload's masked CRC32C.
A torn tail waits for the rest. Damage is passed over up to the next record that is whole, and told by its range of bytes.
A length is believed only after its own checksum, and never beyond what the file has: one that lies allocates nothing.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from tb_lossdiag.reader.chain import HEADER
from tb_lossdiag.reader.crc import lengths_masked, masked_crc

__all__ = ["FOOTER", "LARGEST", "Scan", "length_in", "scan"]

FOOTER = 4  # bytes behind a payload
LARGEST = (1 << 31) - 1  # protobuf's own limit: a longer "record" is no event
FIRST_WINDOW, LARGEST_WINDOW = 1 << 12, 1 << 18  # bytes searched in one stroke: small at first, most damage is small

_length = struct.Struct("<Q")
_checksum = struct.Struct("<I")


@dataclass(slots=True)
class Scan:
    """What a piece of a file held: whole payloads, stretches `(start, end)` that were passed over, and how far it got."""

    payloads: list[bytes] = field(default_factory=list)
    lost: list[tuple[int, int]] = field(default_factory=list)
    consumed: int = 0


def scan(data: bytes, start: int = 0, *, last: bool, most: int = 1 << 31) -> Scan:
    """Read the records of `data` from `start` on, where one should begin. `last` says that the file ends where `data` does.

    What is not consumed is to be given again, with more behind it: the beginning of a record, or zeros at the end, which
    some file systems show where data is still to come. At most `most` records are read.
    """
    found = Scan()
    size, place = len(data), start
    while size - place >= HEADER and len(found.payloads) < most:
        length = length_in(data[place : place + HEADER])
        begin, end = place + HEADER, place + HEADER + (length or 0)
        if length is None:
            after = _next(data, place + 1)
        elif end + FOOTER > size:
            after = _next_whole(data, place + 1) if last else None  # a length that lies, or a torn tail
            if after is None:
                break
        elif masked_crc(payload := data[begin:end]) == _checksum.unpack_from(data, end)[0]:
            found.payloads.append(payload)
            place = end + FOOTER
            continue
        else:
            after = _next(data, place + 1)
        resume = _end_of_damage(data, place, last=last) if after is None else after
        if resume == place:
            break
        found.lost.append((place, resume))
        place = resume
    found.consumed = place
    return found


@lru_cache(maxsize=4096)  # a file has few different lengths: each header is checked once
def length_in(header: bytes) -> int | None:
    """The length that a header tells, or None where its checksum is wrong."""
    length: int = _length.unpack_from(header)[0]
    right = length <= LARGEST and masked_crc(header[:8]) == _checksum.unpack_from(header, 8)[0]
    return length if right else None


def _end_of_damage(data: bytes, place: int, *, last: bool) -> int:
    """How far to pass over damage that nothing readable follows: a header may begin in the last bytes."""
    end = max(place, len(data) - HEADER + 1)
    if not last:
        return end
    zeros = place + len(data[place:].rstrip(b"\0"))
    return min(end, zeros)


def _next(data: bytes, start: int) -> int | None:
    """Where reading goes on after damage: the next whole record, else the next header, whose record may be still to come."""
    hopeful = None
    for place, end in _headers(data, start):
        if end + FOOTER > len(data):
            hopeful = place if hopeful is None else hopeful
        elif masked_crc(data[place + HEADER : end]) == _checksum.unpack_from(data, end)[0]:
            return place
    return hopeful


def _next_whole(data: bytes, start: int) -> int | None:
    """The next whole record, or None."""
    after = _next(data, start)
    whole = after is not None and after + HEADER + _length.unpack_from(data, after)[0] + FOOTER <= len(data)
    return after if whole else None


def _headers(data: bytes, start: int) -> Iterator[tuple[int, int]]:
    """Every place from `start` on where a header stands whose checksum is right, and where its payload would end.

    Empty payloads are not looked for: no writer makes them, and zeros would look like their lengths everywhere.
    """
    window, end = FIRST_WINDOW, len(data) - HEADER + 1
    while start < end:
        count = min(window, end - start)
        lengths = np.ndarray(count, "<u8", data, start, (1,))  # at every byte, aligned or not
        places = np.flatnonzero((lengths > 0) & (lengths <= LARGEST))
        told = np.ndarray(count, "<u4", data, start + 8, (1,))[places]
        right = places[told == lengths_masked(lengths[places])]
        for place in right.tolist():
            yield start + place, start + place + HEADER + int(lengths[place])
        start += count
        window = min(2 * window, LARGEST_WINDOW)
