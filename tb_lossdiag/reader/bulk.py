"""Thousands of records in one stroke: the values of a stretch of a file, in numpy, with every checksum checked.

Records that hold one number differ only in wall time, step, number and checksum. All else is constant (the keys of the fields,
the tag, its description), and a file has few kinds of such records. Once one of a kind, a *template*, has been read the slow
way, its like are read together: of equal length and equal width of the step, they have these bytes in the same places.

Which template a record follows is told by its checksum. Checksums are linear: the stored one XOR the parts of wall time,
step and number is what the constant bytes amount to, and that *residue* is looked up among the templates. A record is
taken where it is found and its constant bytes are indeed the template's: so every checksum is checked, exactly. All
other records are read the slow way, in their order, and the first one that is damaged ends the stretch.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tb_lossdiag.reader import crc, event
from tb_lossdiag.reader.chain import AROUND, HEADER, Chain, Places, lag_of
from tb_lossdiag.reader.columns import Columns
from tb_lossdiag.reader.packs import Packs
from tb_lossdiag.reader.regular import WIDEST, Found, Period
from tb_lossdiag.reader.templates import STEP, WALL, Bytes, Crcs, Form, Shape, Templates, steps_in

__all__ = ["Bulk"]

SHORTEST, LONGEST = 20, 2047  # bytes of a payload that may be one of many: a lone number with its tag and description
WORTH = 12  # records alike: fewer are read faster one by one
FIRST_WINDOW, LARGEST_WINDOW = 1 << 8, 1 << 16  # records in one stroke: few at first, for templates, and after damage
GROWTH = 8
MOST_TEMPLATES = 20_000
STUBBORN = 32  # records of a shape that are no templates: then its other records are not asked any more
ALIKE = 32  # records in a row whose tags were seen before: then they may be a period
SHORT = 16  # records of a repetition that is likely to be a part of a longer one
MOST_FEW = 100  # records of a period that come too seldom to be read together
WORTH_A_PERIOD = 1 << 12  # records that a period should give before it ends

_checksum = struct.Struct("<I").unpack_from


@dataclass(slots=True)
class _Stretch:
    """Records that follow each other, and what was found in each. Its tag is 0 where that is nothing, or is in `more`."""

    data: bytes
    places: Places
    lengths: Places
    tags: NDArray[np.uint32]
    forms: NDArray[np.uint16]
    steps: NDArray[np.int64]
    walls: NDArray[np.float64]
    numbers: NDArray[np.float64]
    more: list[tuple[int, int, int, float, float]] = field(default_factory=list)

    def checks(self) -> Crcs:
        """The data as checksums, one at every byte."""
        return np.ndarray(len(self.data) - 3, "<u4", self.data, 0, (1,))

    def payload(self, index: int) -> bytes:
        """The bytes of one event."""
        begin = int(self.places[index]) + HEADER
        return self.data[begin : begin + int(self.lengths[index])]


@dataclass(slots=True)
class _Alike:
    """Some records of one shape: which they are, their bytes, and their residues so far (still with their numbers' part)."""

    indices: Places
    rows: Bytes
    residues: Crcs

    def __getitem__(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> _Alike:
        return _Alike(self.indices[chosen], self.rows[chosen], self.residues[chosen])

    def __len__(self) -> int:
        return len(self.indices)


class Bulk:
    """Reads stretches of one file into its columns, and remembers the file's templates."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._chain = Chain()
        self._templates = Templates.for_a_file()
        self._window = FIRST_WINDOW
        self._period: Period | None = None
        self._into = 0  # records of the period that were read already when the file ended in the midst of it

    def take(self, data: bytes, start: int, *, last: bool) -> tuple[int, int]:
        """Read whole, intact records that follow each other from `start` on: the place behind them, and how many they are.

        Stops at damage, where `data` ends (the file too, if it is the `last`), or after many records: what stopped it is the caller's to look at.
        """
        if self._period is not None:
            end, count = self._take_periods(self._period, data, start, last=last)
            if count:
                return end, count
        places, end = self._chain.places(data, start, self._window)
        count = len(places)
        if not count:
            return start, 0
        lengths = np.diff(places, append=end) - AROUND
        blank = (np.empty(count, np.int64), np.empty(count), np.empty(count))
        stretch = _Stretch(data, places, lengths, np.zeros(count, np.uint32), np.empty(count, np.uint16), *blank)
        good = self._read(stretch)
        self._templates.hand_on()
        self._emit(stretch, good)
        self._window = min(GROWTH * self._window, LARGEST_WINDOW) if good == count else FIRST_WINDOW
        if good == count:
            self._period, self._into = self._period_in(stretch, end), 0
        return (end if good == count else int(places[good])), good

    @property
    def wanted(self) -> int:
        """How many bytes are worth being read together, where there are more of them in the file."""
        return 0 if self._period is None else 2 * self._period.size

    def _take_periods(self, period: Period, data: bytes, start: int, *, last: bool) -> tuple[int, int]:
        """Read the repetitions of a period that follow each other: the place behind them, and how many records they are."""
        if self._into and len(data) - start > period.size:
            self._period = period = period.turned(self._into)
            self._into = 0
        found = None if self._into else period.read(data, start)
        if found is None:
            self._period, self._into = None, 0
            return start, 0
        self._add(found)
        left = len(data) - found.end  # the last records, where the period did not end but the data
        if found.count >= WORTH_A_PERIOD and left > period.size:  # behind one that soon ends a longer one is looked for
            self._window = FIRST_WINDOW
        rest = period.read_rest(data, found.end) if last and left < period.size + WIDEST else None
        if rest is None:
            return found.end, found.count
        self._add(rest)
        self._into = rest.count
        return rest.end, found.count + rest.count

    def _add(self, found: Found) -> None:
        pieces = ((self._templates.tags[tag], begin, end) for tag, begin, end in found.pieces)
        self._columns.add_points(pieces, found.steps, found.walls, found.numbers)

    def _period_in(self, stretch: _Stretch, end: int) -> Period | None:
        """What the last records of a stretch repeat, if they do."""
        lag = _period_of(stretch.tags)
        if len(stretch.tags) <= FIRST_WINDOW and lag < SHORT:  # too few records to show what interrupts it
            return None
        if not lag or not self._complete(stretch, lag):
            return None
        forms = stretch.forms[-lag:]
        layouts = {each: self._templates.forms[each].layout() for each in np.unique(forms).tolist()}
        begin = int(stretch.places[-lag])
        if not Period.possible(end - begin, layouts.values()):
            return None
        return Period(stretch.data[begin:end], stretch.places[-lag:] - begin, stretch.tags[-lag:], forms, layouts)

    def _complete(self, stretch: _Stretch, lag: int) -> bool:
        """Give those of the last records that were too few to be read together their tags and forms too; whether all have."""
        few = len(stretch.tags) - lag + np.flatnonzero(stretch.tags[-lag:] == 0)
        if len(few) > MOST_FEW:
            return False
        keys = _keys(stretch)[few].tolist()
        for index, key in zip(few.tolist(), keys, strict=True):
            lone = self._columns.lone(stretch.payload(index)) if key else None
            if lone is None:
                return False
            stretch.tags[index] = self._templates.tag(lone.tag)
            stretch.forms[index] = self._templates.form(self._templates.shape(key), lone.place, lone.kind).number
        return True

    def _read(self, stretch: _Stretch) -> int:
        """Fill the stretch; how many of its records are intact before the first that is not."""
        keys = _keys(stretch)
        order = np.argsort(keys, kind="stable")
        begins, ends = _runs(keys[order])
        for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
            if end - begin >= WORTH:
                indices = order[begin:end]
                self._read_alike(stretch, self._templates.shape(int(keys[indices[0]])), indices)
        slow = np.flatnonzero(stretch.tags == 0)
        return self._read_others(stretch, slow) if len(slow) else len(keys)

    def _read_others(self, stretch: _Stretch, slow: Places) -> int:
        """These records, which follow no template; the first of them that is not intact, or how many records there are in all."""
        lengths = stretch.lengths[slow]
        packs = Packs(stretch.data, stretch.places[slow], lengths)
        for length in set(lengths.tolist()):
            packs.learn(length, self._columns.tensors(length))
        place = packs.take(0, self._columns)
        while place < len(slow):
            index = int(slow[place])
            if not self._read_slowly(stretch, index):
                return index
            length = int(lengths[place])
            packs.learn(length, self._columns.tensors(length))
            place = packs.take(place + 1, self._columns)
        return len(stretch.places)

    def _read_alike(self, stretch: _Stretch, shape: Shape, indices: Places) -> None:
        """Those records of one shape that follow templates; new ones are learnt from the others."""
        if not shape.forms and shape.failed >= STUBBORN:
            return
        checks = stretch.checks()
        at = stretch.places[indices] + HEADER
        right = checks[at - 4] == shape.header
        if not right.all():
            indices, at = indices[right], at[right]
        rows = np.ndarray(len(stretch.data) - shape.length + 1, f"V{shape.length}", stretch.data, 0, (1,))[at]
        rows = rows.view(np.uint8).reshape(len(at), shape.length)
        residues = crc.unmask(checks[at + shape.length])
        residues ^= _part(rows, range(WALL, WALL + 8)) ^ _part(rows, shape.step_places())
        left = _Alike(indices, rows, residues)
        for form in shape.forms.values():
            left = _follow(stretch, shape, form, left)
        while len(left) and shape.failed < STUBBORN and self._templates.count < MOST_TEMPLATES:
            learnt = self._learn(stretch, shape, left)
            if not learnt:
                return
            for form in learnt:
                left = _follow(stretch, shape, form, left)

    def _learn(self, stretch: _Stretch, shape: Shape, left: _Alike) -> list[Form]:
        """Make templates of records that follow none: of the first, or of one of each residue that a known form makes of them."""
        chosen = np.zeros(1, np.int64)
        if shape.forms:
            last = list(shape.forms.values())[-1]
            _, chosen = np.unique(left.residues ^ _part(left.rows, last.number_places()), return_index=True)
        found: dict[tuple[int, str], list[tuple[int, int]]] = {}
        payloads, length = left.rows[chosen].tobytes(), shape.length
        stored = stretch.checks()[stretch.places[left.indices[chosen]] + HEADER + length].tolist()
        for i, (each, told) in enumerate(zip(chosen.tolist(), stored, strict=True)):
            payload = payloads[i * length : (i + 1) * length]
            lone = self._columns.lone(payload) if crc.masked_crc(payload) == told else None
            if lone is None:
                shape.failed += 1
                if shape.failed >= STUBBORN:
                    break
            else:
                self._templates.tensors |= lone.tensor is not None
                found.setdefault((lone.place, lone.kind), []).append((each, self._templates.tag(lone.tag)))
        for (place, kind), items in found.items():
            which = np.array([each for each, _ in items])
            rows = left.rows[which]
            form = self._templates.form(shape, place, kind)
            residues = left.residues[which] ^ _part(rows, form.number_places())
            tags = np.array([tag for _, tag in items], np.uint32)
            self._templates.add(form, residues, tags, _constant(rows, shape, form))
        return [shape.forms[key] for key in found]

    def _read_slowly(self, stretch: _Stretch, index: int) -> bool:
        """Read one record through protobuf, as it comes; whether it is intact."""
        data, begin, length = stretch.data, int(stretch.places[index]), int(stretch.lengths[index])
        end = begin + HEADER + length
        payload = data[begin + HEADER : end]
        if (
            crc.length_masked(length) != _checksum(data, begin + 8)[0]
            or crc.masked_crc(payload) != _checksum(data, end)[0]
        ):
            return False
        for tag, step, wall, number in self._columns.scalars_of(payload):
            stretch.more.append((index, self._templates.tag(tag), step, wall, number))
        return True

    def _emit(self, stretch: _Stretch, good: int) -> None:
        """Hand what was found to the columns, each tag's points in the order of the records."""
        which = np.flatnonzero(stretch.tags[:good])
        whole = slice(good) if len(which) == good else which  # no copies where every record is one number
        tags, steps, walls, numbers = (
            stretch.tags[whole], stretch.steps[whole], stretch.walls[whole], stretch.numbers[whole]
        )  # fmt: skip
        if stretch.more:
            index, more_tags, more_steps, more_walls, more_numbers = zip(*stretch.more, strict=True)
            spots = np.searchsorted(which, index)
            tags = np.insert(tags, spots, np.array(more_tags, np.uint32)).view(np.uint32)
            steps = np.insert(steps, spots, np.array(more_steps, np.int64)).view(np.int64)
            walls = np.insert(walls, spots, more_walls).view(np.float64)
            numbers = np.insert(numbers, spots, more_numbers).view(np.float64)
        if not len(tags):
            return
        order = np.argsort(tags.astype(np.uint16) if len(self._templates.tags) < 1 << 16 else tags, kind="stable")
        tags = tags[order]
        begins, ends = _runs(tags)
        first_seen = np.argsort(order[begins])  # new tags come in the order in which they were logged
        names = [self._templates.tags[each] for each in tags[begins[first_seen]].tolist()]
        pieces = zip(names, begins[first_seen].tolist(), ends[first_seen].tolist(), strict=True)
        self._columns.add_points(pieces, steps[order], walls[order], numbers[order])


def _runs(ascending: NDArray[np.unsignedinteger[Any]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the stretches of equal numbers begin and end, without the zeros."""
    begins = np.flatnonzero(np.diff(ascending, prepend=np.zeros(1, ascending.dtype)))
    return begins, np.append(begins[1:], len(ascending))[: len(begins)]


def _period_of(tags: NDArray[np.uint32]) -> int:
    """How many records it takes until all tags come again, as far as is seen here; 0 where they do not.

    A repetition that was interrupted, as by a validation every hundred steps, is looked for with its interruption.
    """
    alike = ALIKE
    while True:
        lag = lag_of(tags, alike)
        if not lag:
            return 0
        other = np.flatnonzero(tags[lag:] != tags[:-lag])
        if not len(other) or other[-1] < lag:  # perhaps a file's first records, which come once
            return lag
        alike = len(tags) - lag - int(other[-1])


def _keys(stretch: _Stretch) -> NDArray[np.uint16]:
    """For each record its length and the width of its step in one number; 0 where it can't be one of many."""
    data = np.frombuffer(stretch.data, np.uint8)
    fit = (stretch.lengths >= SHORTEST) & (stretch.lengths <= LONGEST)
    at = np.where(fit, stretch.places, stretch.places[fit][0] if fit.any() else 0) + HEADER
    if not fit.any():
        return np.zeros(len(at), np.uint16)
    width = (data[at + STEP - 1] == event.STEP).astype(np.uint16)
    more = width
    for place in range(STEP, STEP + 9):
        more = more & (data[at + place] >> 7)
        if not more.any():
            break
        width = width + more
    fit &= data[at] == event.WALL
    return np.where(fit, (stretch.lengths.astype(np.uint16) << 4) | width, 0).astype(np.uint16)


def _part(rows: Bytes, places: Iterable[int]) -> Crcs:
    """What these bytes contribute to the checksum of each row."""
    length = rows.shape[1]
    found = np.zeros(len(rows), np.uint32)
    for place in places:
        found ^= crc.of_byte(length - 1 - place).take(rows[:, place])
    return found


def _follow(stretch: _Stretch, shape: Shape, form: Form, some: _Alike) -> _Alike:
    """Take the records that follow one of the form's templates; the others."""
    if not len(some) or not len(form.residues):
        return some
    residues = some.residues ^ _part(some.rows, form.number_places())
    spots = np.searchsorted(form.residues, residues)
    spots[spots == len(form.residues)] = 0
    hit = form.residues[spots] == residues
    taken, spots = (some, spots) if hit.all() else (some[hit], spots[hit])
    constant = _constant(taken.rows, shape, form)
    expected = form.constants.take(spots, axis=0)
    if not np.array_equal(constant, expected):
        alike = (constant == expected).all(axis=1)
        hit[np.flatnonzero(hit)[~alike]] = False
        taken, spots = taken[alike], spots[alike]
    stretch.tags[taken.indices] = form.tags[spots]
    stretch.forms[taken.indices] = form.number
    stretch.walls[taken.indices] = _items(taken.rows, WALL, np.dtype("<f8"))
    stretch.numbers[taken.indices] = _items(taken.rows, form.place, form.kind)
    stretch.steps[taken.indices] = steps_in(taken.rows[:, STEP : STEP + shape.width])
    return some[~hit]


def _constant(rows: Bytes, shape: Shape, form: Form) -> Bytes:
    """The rows with zeros where they vary."""
    rows = rows.copy()
    rows[:, WALL : WALL + 8] = 0
    rows[:, STEP : STEP + shape.width] = 0
    rows[:, form.place : form.place + form.kind.itemsize] = 0
    return rows


def _items(rows: Bytes, place: int, kind: np.dtype[np.generic]) -> NDArray[np.generic]:
    return np.ascontiguousarray(rows[:, place : place + kind.itemsize]).view(kind)[:, 0]
