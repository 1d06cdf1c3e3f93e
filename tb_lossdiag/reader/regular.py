"""Records that come again and again in the same order, as a loop logs them: read without looking at any of them alone.

A *period* is what such a loop writes in one go. Between two of them only wall times, steps, numbers and checksums differ; all
other bytes, the lengths and their checksums among them, are compared at once, with a mask. The checksums are checked together:
CRC32C is linear, so that each record's stored one, XOR a constant of its place in the period, is what brings the register of
a checksum over the whole stretch back to zero behind that record. With those in place one pass in C ends at zero where all
are right. Where it does not (a wrong one slips through as often as a wrong record slips through its own: once in 2^32), the
stretch is left to the reader of single records, which finds the one that is damaged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tb_lossdiag.reader import crc
from tb_lossdiag.reader.chain import HEADER, Places

__all__ = ["WIDEST", "Found", "Layout", "Period"]

WIDEST = 8  # bytes of a step: those of steps below 2^56
LARGEST = 1 << 20  # bytes of a period
AT_ONCE = 1 << 19  # bytes that are compared and checked in one stroke: they stay in the processor's cache
SMALL = 1 << 21  # bytes in all below which strokes are smaller:
SMALL_AT_ONCE = 96 << 10  # from 128 kB on, malloc has the system clear new pages, which takes longer than the work
CHECK = 4  # bytes of a checksum

Table = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where what varies stands in a payload: the wall time, the step and its width in bytes, the number and its kind."""

    wall: int
    step: int
    width: int
    number: int
    kind: np.dtype[np.generic]


@dataclass(frozen=True, slots=True)
class Found:
    """What a stretch held, by tag and in each tag in the order of the records, and where the stretch ends."""

    end: int
    count: int
    pieces: list[tuple[int, int, int]]
    """Tag, and from where to where its points stand in the three arrays; tags in the order in which they are logged."""
    steps: NDArray[np.int64]
    walls: NDArray[np.float64]
    numbers: NDArray[np.floating[Any]]
    """In single precision where all of them are."""


class Period:
    """What is the same in each repetition, learnt from one of them that was read record by record and found intact."""

    def __init__(
        self,
        content: bytes,
        places: Places,
        tags: NDArray[np.uint32],
        forms: NDArray[np.uint16],
        layouts: Mapping[int, Layout],
    ) -> None:
        """`places` are where the records begin in `content`; each one's tag and form are given, and the layout of each form."""
        self.size = len(content)
        self._content = content
        self._checks = np.append(places[1:], self.size) - CHECK
        self._turns = _turns(content, places, self._checks)
        self._walls = np.empty_like(places)
        self._steps: list[tuple[int, Places, Places]] = []
        self._numbers: list[tuple[np.dtype[np.generic], Places, Places]] = []
        self._mask = np.full(self.size, 255, np.uint8)
        for form, layout in layouts.items():
            which = np.flatnonzero(forms == form)
            payloads = places[which] + HEADER
            self._walls[which] = payloads + layout.wall
            self._steps.append((layout.width, which, payloads + layout.step))
            self._numbers.append((layout.kind, which, payloads + layout.number))
            self._keep(payloads + layout.wall, 8, 0)
            self._keep(payloads + layout.step, layout.width, 128)  # the bit that says whether a step goes on
            self._keep(payloads + layout.number, layout.kind.itemsize, 0)
        self._keep(self._checks, CHECK, 0)
        self._constant = np.frombuffer(content, np.uint8) & self._mask
        self._tags = tags
        self._places, self._forms, self._layouts = places, forms, layouts

    def turned(self, count: int) -> Period:
        """The same repetition, beginning behind its first so many records."""
        cut = int(self._places[count])
        places = np.concatenate([self._places[count:] - cut, self._places[:count] + self.size - cut])
        content, tags, forms = self._content, np.roll(self._tags, -count), np.roll(self._forms, -count)
        return Period(content[cut:] + content[:cut], places, tags, forms, self._layouts)

    @staticmethod
    def possible(size: int, layouts: Iterable[Layout]) -> bool:
        """Whether such records can be read this way."""
        return size <= LARGEST and all(each.width <= WIDEST for each in layouts)

    def _keep(self, places: Places, width: int, bits: int) -> None:
        """Compare only these bits of the bytes at these places."""
        for i in range(width):
            self._mask[places + i] = bits

    def read(self, data: bytes, start: int) -> Found | None:
        """The repetitions that follow each other from `start` on, all of them intact; None where there is not one."""
        most = (len(data) - WIDEST - start) // self.size  # a step is read as eight bytes
        if most < 1:
            return None
        good = sum(self._intact(data, start, most))
        return self._found(data, start, good, len(self._tags)) if good else None

    def read_rest(self, data: bytes, start: int) -> Found | None:
        """The records of a repetition that `data` ends in, all of them intact; None where that is not so.

        What is missing of the repetition is put in its place from the one that all was learnt from, which is intact.
        """
        count = int(np.searchsorted(self._checks + CHECK, len(data) - start, side="right"))
        if not 0 < count < len(self._tags):
            return None
        size = int(self._checks[count - 1]) + CHECK
        whole = b"".join((data[start : start + size], self._content[size:], bytes(WIDEST)))
        if not sum(self._intact(whole, 0, 1)):
            return None
        return replace(self._found(whole, 0, 1, count), end=start + size)

    def _found(self, data: bytes, start: int, good: int, count: int) -> Found:
        """What so many repetitions hold: the first `count` records of each."""
        rows = (data, start, good, self.size)
        steps, walls = np.empty((good, len(self._tags)), np.int64), _view(*rows, "<f8")[:, self._walls]
        for width, which, places in self._steps:
            steps[:, which] = _decoded(_view(*rows, "<u8")[:, places], width)
        numbers = np.empty((good, len(self._tags)), np.result_type(np.float32, *(kind for kind, _, _ in self._numbers)))
        for kind, which, places in self._numbers:
            numbers[:, which] = _view(*rows, kind)[:, places]
        some = slice(count)
        end = start + good * self.size
        return Found(end, good * count, *_by_tag(self._tags[some], steps[:, some], walls[:, some], numbers[:, some]))

    def _intact(self, data: bytes, start: int, most: int) -> Iterator[int]:
        """How many repetitions follow, in portions."""
        portion = max(1, (SMALL_AT_ONCE if most * self.size < SMALL else AT_ONCE) // self.size)
        compared = np.empty((min(portion, most), self.size), np.uint8)
        same = np.empty(compared.shape, np.bool_)
        for done in range(0, most, portion):
            asked = min(portion, most - done)
            at = start + done * self.size
            rows = np.ndarray((asked, self.size), np.uint8, data, at)
            np.bitwise_and(rows, self._mask, out=compared[:asked])
            alike = np.equal(compared[:asked], self._constant, out=same[:asked]).all(axis=1)
            good = asked if alike.all() else int(alike.argmin())
            if not good or not self._right(data, at, good):
                return
            yield good
            if good < asked:
                return

    def _right(self, data: bytes, at: int, count: int) -> bool:
        """Whether all checksums of payloads are right in this portion, where everything else is as it should be."""
        stored = _view(data, at, count, self.size, "<u4")[:, self._checks]
        whole = bytearray(data[at : at + count * self.size])
        np.ndarray((count, self.size - CHECK + 1), "<u4", whole, 0, (self.size, 1))[:, self._checks] = (
            crc.unmask(stored) ^ self._turns
        )
        return crc.extend(crc.BLANK, bytes(whole)) == crc.BLANK


def _by_tag(
    tags: NDArray[np.uint32], steps: NDArray[np.int64], walls: NDArray[np.float64], numbers: NDArray[np.floating[Any]]
) -> tuple[list[tuple[int, int, int]], NDArray[np.int64], NDArray[np.float64], NDArray[np.floating[Any]]]:
    """The tables, a row a repetition, as pieces by tag."""
    repetitions = len(steps)
    order = np.argsort(tags, kind="stable")
    each, begins, counts = np.unique(tags[order], return_index=True, return_counts=True)
    first = np.argsort(order[begins])
    pieces = [
        (tag, repetitions * begin, repetitions * (begin + count))
        for tag, begin, count in zip(*(some[first].tolist() for some in (each, begins, counts)), strict=True)
    ]
    if counts.max() > 1:
        order = np.argsort(np.tile(_small(tags), repetitions), kind="stable")
        return pieces, steps.ravel()[order], walls.ravel()[order], numbers.ravel()[order]
    # a column a tag: turning the tables is faster than sorting them
    return pieces, steps.T[order].ravel(), walls.T[order].ravel(), numbers.T[order].ravel()


def _turns(content: bytes, places: Places, checks: Places) -> NDArray[np.uint32]:
    """What each record's checksum must be turned by so that it brings the register to zero: the same for each length."""
    sizes, which, back = np.unique(checks - places, return_index=True, return_inverse=True)
    found = np.empty(len(sizes), np.uint32)
    for index, record in enumerate(which.tolist()):
        end = int(checks[record])
        stored = crc.unmask(np.frombuffer(content, "<u4", 1, end))[0]
        found[index] = stored ^ np.uint32(crc.extend(crc.BLANK, content[int(places[record]) : end]) ^ crc.BLANK)
    return found[back]


def _view(data: bytes, start: int, rows: int, size: int, kind: str | np.dtype[np.generic]) -> Table:
    """The data as numbers of a kind at every byte, a row for each repetition."""
    return np.ndarray((rows, size), kind, data, start, (size, 1))


def _decoded(raw: NDArray[np.uint64], width: int) -> NDArray[np.int64]:
    """Steps from protobuf's variable-width numbers, each in the lowest bytes: seven bits a byte, the lowest first."""
    found = raw & np.uint64(127)
    for i in range(1, width):
        found |= (raw >> np.uint64(i)) & np.uint64(127 << 7 * i)
    return found.view(np.int64) if width else np.zeros(raw.shape, np.int64)


def _small(tags: NDArray[np.uint32]) -> NDArray[np.unsignedinteger[Any]]:
    """Numbers from zero on in the same order, as narrow as possible: they are sorted faster."""
    ranks = np.unique(tags, return_inverse=True)[1]
    return ranks.astype(np.uint16 if len(tags) < 1 << 16 else np.uint32)
