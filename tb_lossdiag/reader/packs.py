"""Packed tensors in one stroke: what `DiagWriter` packs at each step, read without looking at any of the events alone.

Events of one form (`event.Tensor`) and one length differ in nothing but wall time, step, content and checksum. That they do is
seen in all of them at once, in numpy. Only their checksums are compared one by one, which takes C half a microsecond each.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tb_lossdiag.reader import crc, event
from tb_lossdiag.reader.chain import HEADER, Places
from tb_lossdiag.reader.columns import Columns
from tb_lossdiag.reader.regular import SMALL_AT_ONCE
from tb_lossdiag.reader.templates import STEP, WALL, Bytes, steps_in

__all__ = ["Packs"]

WORTH = 12  # packed tensors in a row: fewer are read faster one by one
GOES_ON = 128  # the bit of a step's byte that says that another follows


@dataclass(frozen=True, slots=True)
class _Pile:
    """The packed tensors of one form and length: which records they are, and where the content of each stands."""

    tag: str
    width: int
    """Bytes of the content."""
    which: Places
    steps: NDArray[np.int64]
    walls: NDArray[np.float64]
    contents: Places

    def between(self, begin: int, end: int) -> _Pile:
        """Those among the records from `begin` to `end`."""
        some = slice(*np.searchsorted(self.which, (begin, end)).tolist())
        return _Pile(self.tag, self.width, self.which[some], self.steps[some], self.walls[some], self.contents[some])


class Packs:
    """The packed tensors among some records, as far as their forms are known."""

    def __init__(self, data: bytes, places: Places, lengths: Places) -> None:
        """`places` tell where the records begin, `lengths` how long their payloads are."""
        self._data, self._places, self._lengths = data, places, lengths
        self._piles: list[_Pile] = []
        self._asked: set[int] = set()
        self._known = np.zeros(len(places), np.bool_)
        self._others = list(range(len(places)))

    def learn(self, length: int, forms: Sequence[event.Tensor]) -> None:
        """Find those among payloads of this length that have one of these forms, unless that was asked before."""
        if not forms or length in self._asked:
            return
        self._asked.add(length)
        which = np.flatnonzero(self._lengths == length)
        headers = _at(self._data, self._places[which] + 8, "<u4") == crc.length_masked(length)
        which = which[headers]
        begins = self._places[which] + HEADER
        for form in forms:
            alike = _alike(self._data, begins, length, form)
            self._pile(form, length, which[alike], begins[alike])
        self._others = np.flatnonzero(~self._known).tolist()

    def take(self, start: int, columns: Columns) -> int:
        """Hand those that follow each other from record `start` on to the columns: which record is the next that is none, or is damaged."""
        other = bisect_left(self._others, start)
        end = self._others[other] if other < len(self._others) else len(self._places)
        if end - start < WORTH:
            return start
        end = self._intact(start, end)
        tags: dict[str, list[_Pile]] = {}
        for pile in self._piles:
            some = pile.between(start, end)
            if len(some.which):
                tags.setdefault(pile.tag, []).append(some)
        for tag, piles in tags.items():
            self._hand_over(tag, piles, columns)
        return end

    def _pile(self, form: event.Tensor, length: int, which: Places, begins: Places) -> None:
        first, last = form.start + len(form.head), length - len(form.tail)
        steps = steps_in(_bytes(self._data, begins + STEP, form.start - min(STEP, form.start)))
        walls = _at(self._data, begins + WALL, "<f8")
        self._piles.append(_Pile(form.tag, last - first, which, steps, walls, begins + first))
        self._known[which] = True

    def _intact(self, start: int, end: int) -> int:
        """The first of these records that does not have its checksum, or their end."""
        begins = self._places[start:end] + HEADER
        ends = begins + self._lengths[start:end]
        told = crc.unmask(_at(self._data, ends, "<u4")).tolist()
        found = [crc.crc(self._data[a:b]) for a, b in zip(begins.tolist(), ends.tolist(), strict=True)]
        return end if found == told else start + [a == b for a, b in zip(found, told, strict=True)].index(False)

    def _hand_over(self, tag: str, piles: Sequence[_Pile], columns: Columns) -> None:
        """One tag's events, in the order of the records."""
        order = np.argsort(np.concatenate([each.which for each in piles]), kind="stable")
        steps = np.concatenate([each.steps for each in piles])[order]
        walls = np.concatenate([each.walls for each in piles])[order]
        places = np.concatenate([each.contents for each in piles])[order]
        portion = max(1, SMALL_AT_ONCE // piles[0].width)
        for i in range(0, len(places), portion):
            some = slice(i, i + portion)
            columns.take_tensors(tag, steps[some], walls[some], _at(self._data, places[some], f"V{piles[0].width}"))


def _alike(data: bytes, at: Places, length: int, form: event.Tensor) -> NDArray[np.bool_]:
    """Whether each payload has the form's constant bytes, and a step as wide as the form's."""
    same: NDArray[np.bool_] = (_at(data, at, "u1") == event.WALL) & _equal(data, at + form.start, form.head)
    same &= _equal(data, at + length - len(form.tail), form.tail)
    same &= (_at(data, at + STEP - 1, "u1") == event.STEP) == (form.start >= STEP)
    for place in range(STEP, form.start):
        same &= (_at(data, at + place, "u1") >= GOES_ON) == (place < form.start - 1)
    return same


def _equal(data: bytes, at: Places, expected: bytes) -> NDArray[np.bool_]:
    """Whether these bytes stand at each place."""
    same: NDArray[np.bool_] = (_bytes(data, at, len(expected)) == np.frombuffer(expected, np.uint8)).all(axis=1)
    return same


def _bytes(data: bytes, at: Places, count: int) -> Bytes:
    """So many bytes from each place on, a row for each."""
    return (
        _at(data, at, f"V{count}").view(np.uint8).reshape(len(at), count) if count else np.empty((len(at), 0), np.uint8)
    )


def _at(data: bytes, places: Places, kind: str) -> NDArray[Any]:
    """What stands at these places, as a kind of number."""
    return np.ndarray(len(data) - np.dtype(kind).itemsize + 1, kind, data, 0, (1,))[places]
