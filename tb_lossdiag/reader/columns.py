"""What one event file holds: for each tag a column of steps, wall times and values, in the order of writing."""

from __future__ import annotations

import math
import struct
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tb_lossdiag.reader import event
from tb_lossdiag.reader.histograms import HistogramColumn, Moments, moments_of_buckets
from tb_lossdiag.reader.settings import Setting, arguments, hyperparameters
from tb_lossdiag.reader.written import Part
from tb_lossdiag.tags import FACTS, PLUGIN, Schema

__all__ = ["Columns", "PackedColumn", "Point", "ScalarColumn"]

_float = struct.Struct("<f")

MOST_TENSORS = 1000  # forms of packed tensors that are remembered
LATELY = 16  # points before the last one that tell whether it was to be expected
LONG = 10_000  # points from which on copying all of a column anew, each time that it has grown, is dear
SPARE = 8  # a copy has room for one part in so many more
PER_TAG = 1000  # bytes that a tag's own objects take, its templates included

Point = tuple[bytes, int, float, float]
"""Tag, step, wall time and value."""


@dataclass(slots=True)
class ScalarColumn:
    """The points of one tag: 20 bytes each, and 24 from the first one on whose value is no single-precision number."""

    steps: array[int] = field(default_factory=lambda: array("q"))
    walls: array[float] = field(default_factory=lambda: array("d"))
    values: array[float] = field(default_factory=lambda: array("f"))
    judged: int = 0  # points when it was asked last whether it surprises
    surprised: bool = False  # the answer
    _ordered: tuple[int, bool] = (0, True)  # the same of whether it rises
    _kept: dict[str, NDArray[Any]] = field(
        default_factory=dict
    )  # of a long column what was looked at, with room to grow
    _known: dict[str, int] = field(default_factory=dict)  # how much of that is filled

    @property
    def rises(self) -> bool:
        """Whether every step lies beyond the one before. Only what is new since it was asked last is looked at."""
        count, answer = len(self.steps), self._ordered[1]
        if answer and count > self._ordered[0]:
            new = np.frombuffer(self.steps, np.int64)[max(0, self._ordered[0] - 1) :]
            answer = bool((new[1:] > new[:-1]).all())
            self._ordered = count, answer
        return answer

    @property
    def surprises(self) -> bool:
        """Whether the last value is no number, or farther from the range of those just before it than that range is wide."""
        count = len(self.values)
        if count != self.judged:
            before = self.values[-LATELY - 1 : -1] or self.values
            low, high = min(before), max(before)
            self.judged = count
            self.surprised = not 2 * low - high <= self.values[-1] <= 2 * high - low  # NaN is in no range
        return self.surprised

    @property
    def size(self) -> int:
        """Bytes of memory."""
        return len(self.steps) * (16 + self.values.itemsize) + sum([each.nbytes for each in self._kept.values()])

    def first(self, count: int, part: Part) -> NDArray[Any]:
        """The first so many steps, wall times or values, shape (count,), int64 or float64, to be read only.

        A copy: while numpy looks at a growing array, it cannot grow. Of a long column only what is new is copied.
        """
        source, kind = getattr(self, part), np.int64 if part == "steps" else np.float64
        kept = self._kept.get(part)
        if kept is None and count < LONG:
            return np.frombuffer(source, source.typecode, count).astype(kind) if count else np.zeros(0, kind)
        known = 0 if kept is None else self._known[part]
        if kept is None or count > len(kept):
            larger = np.empty(count + count // SPARE, kind)
            if kept is not None:
                larger[:known] = kept[:known]
            kept = self._kept[part] = larger
        if count > known:
            kept[known:count] = np.frombuffer(source, source.typecode, count)[known:]
            self._known[part] = count
        found = kept[:count]
        found.flags.writeable = False
        return found

    def append(self, step: int, wall: float, value: float) -> None:
        """Add a point."""
        if self.values.typecode == "f" and not _is_single(value):
            self.values = array("d", self.values)
        self.append_single(step, wall, value)

    def append_single(self, step: int, wall: float, value: float) -> None:
        """Add a point whose value is known to be a single-precision number."""
        self.steps.append(step)
        self.walls.append(wall)
        self.values.append(value)

    def extend(self, steps: memoryview, walls: memoryview, values: memoryview, kind: Literal["f", "d"]) -> None:
        """Add points, given as the bytes of int64, float64, and values of a kind."""
        self.steps.frombytes(steps)
        self.walls.frombytes(walls)
        if kind == "d" and self.values.typecode == "f":  # other tags' values may be why these are not given as singles
            kind, narrow = _narrowest(np.frombuffer(values, np.float64))
            values = narrow.view(np.uint8).data
        if kind == self.values.typecode:
            self.values.frombytes(values)
        else:
            self.values = array("d", self.values)
            self.values.extend(values.cast(kind))


@dataclass(slots=True)
class PackedColumn:
    """The tensors of one packed tag, flat, one after the other. `unfit` counts those that do not fit the schema."""

    schema: Schema
    steps: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("f"))
    unfit: int = 0


class Columns:
    """Everything that diagnosis uses of one file, growing as it is read."""

    def __init__(self) -> None:
        self.scalars: dict[bytes, ScalarColumn] = {}
        self.packed: dict[str, PackedColumn] = {}
        self.histograms: dict[str, HistogramColumn] = {}
        self.settings: dict[str, Setting] = {}
        self.facts: bytes | None = None
        self.began: float = math.inf
        self.updated: float = -math.inf
        self.undecoded = 0
        self.unreadable: dict[str, str] = {}
        self._plugins: dict[str, str] = {}
        self._tensors: dict[int, list[event.Tensor]] = {}
        self._wall = math.nan

    @property
    def size(self) -> int:
        """About how many bytes of memory this takes."""
        scalars = sum(each.size for each in self.scalars.values())
        groups = sum(8 * len(each.steps) + 4 * len(each.values) for each in self.packed.values())
        histograms = sum(24 * len(each.steps) for each in self.histograms.values())
        tags = len(self.scalars) + len(self.packed) + len(self.histograms)
        return scalars + groups + histograms + tags * PER_TAG

    @property
    def nature(self) -> tuple[object, ...]:
        """What kind of things this holds: equal to what it was before where only more of the same was added."""
        odd = [
            tag
            for tag, each in self.scalars.items()
            if (each.surprised if each.judged == len(each.values) else each.surprises)  # most are as they were
        ]
        return len(self.scalars), len(self.packed), len(self.histograms), self.facts, frozenset(odd)

    def add(self, payloads: Iterable[bytes]) -> None:
        """Take in events. What is no event is counted; what no diagnosis uses is left out."""
        plain, column = event.plain_scalar, self.column
        for payload in payloads:
            found = plain(payload)
            if found is None:
                for each in self._scalars_of(payload):
                    self.add_scalar(*each)
                continue
            tag, step, wall, value = found
            column(tag).append_single(step, wall, value)
            if wall != self._wall:  # what one step logs has often one time
                self.see(wall)

    def scalars_of(self, payload: bytes) -> list[Point]:
        """Take in all of one event but its scalars, and hand those back."""
        found = event.plain_scalar(payload)
        return self._scalars_of(payload) if found is None else [found]

    def lone(self, payload: bytes) -> event.Lone | None:
        """Where the number stands in an event that is one number of a scalar tag, or None for any other event.

        As a tensor without its tag's first metadata may turn out to be no scalar, tags are asked for that are known already.
        """
        found = event.lone(payload)
        if found is None or (
            found.tensor is not None and not self._is_scalar(found.tensor, self._plugins.get(found.tensor.tag))
        ):
            return None
        return found

    def column(self, tag: bytes) -> ScalarColumn:
        """The tag's column."""
        column = self.scalars.get(tag)
        if column is None:
            column = self.scalars[tag] = ScalarColumn()
        return column

    def see(self, wall: float) -> None:
        """Note when something was logged."""
        self._wall = wall
        self.began = min(self.began, wall)
        if self.updated < wall < math.inf:
            self.updated = wall

    def _see_all(self, walls: NDArray[np.float64]) -> None:
        seen = walls[~np.isnan(walls)]
        self.began = min(self.began, float(seen.min(initial=math.inf)))
        self.updated = max(self.updated, float(seen[seen < math.inf].max(initial=-math.inf)))

    def add_points(
        self,
        pieces: Iterable[tuple[bytes, int, int]],
        steps: NDArray[np.int64],
        walls: NDArray[np.float64],
        values: NDArray[np.floating[Any]],
    ) -> None:
        """Add points of many tags: `pieces` tells for each tag from where to where its points stand in the three arrays."""
        self._see_all(walls)
        kind, numbers = _narrowest(values)
        steps_, walls_, values_ = (each.view(np.uint8).data for each in (steps, walls, numbers))
        size = numbers.itemsize
        for tag, begin, end in pieces:
            self.column(tag).extend(
                steps_[8 * begin : 8 * end], walls_[8 * begin : 8 * end], values_[size * begin : size * end], kind
            )

    def add_scalar(self, tag: bytes, step: int, wall: float, value: float) -> None:
        """Add a point of a scalar tag."""
        self.see(wall)
        self.column(tag).append(step, wall, value)

    def add_packed(self, tag: str, content: bytes, step: int, values: NDArray[np.generic] | None) -> None:
        """Add a packed tensor, flat; `content` is the tag's schema, which only its first event must have."""
        column = self.packed.get(tag)
        if column is None:
            if tag in self.unreadable:
                return
            try:
                column = self.packed[tag] = PackedColumn(_schema(content))
            except ValueError as error:
                self.unreadable[tag] = str(error)
                return
        if values is None or len(values) != len(column.schema.figures) * len(column.schema.columns):
            column.unfit += 1
            return
        column.steps.append(step)
        column.values.frombytes(np.ascontiguousarray(values, np.float32).view(np.uint8).data)

    def tensors(self, length: int) -> Sequence[event.Tensor]:
        """The forms of packed tensors that are known, of events of this length."""
        return self._tensors.get(length, ())

    def take_tensors(
        self, tag: str, steps: NDArray[np.int64], walls: NDArray[np.float64], contents: NDArray[np.void]
    ) -> None:
        """Take in packed tensors of known forms, in the order of the records."""
        column = self.packed[tag]
        column.steps.frombytes(steps.view(np.uint8).data)
        column.values.frombytes(contents.view(np.uint8).data)
        self._see_all(walls)

    def _take_tensor(self, payload: bytes) -> bool:
        """Read a packed tensor without protobuf, where it differs from an earlier one in nothing but what it holds."""
        for form in self._tensors.get(len(payload), ()):
            found = form.in_(payload)
            if found is not None:
                step, wall, content = found
                column = self.packed[form.tag]
                column.steps.append(step)
                column.values.frombytes(content)
                self.see(wall)
                return True
        return False

    def _learn_tensor(self, payload: bytes) -> None:
        """Remember the form of the packed tensors that are like this one."""
        form = event.tensor(payload)
        column = None if form is None else self.packed.get(form.tag)
        if form is None or column is None or len(self._tensors) >= MOST_TENSORS:
            return
        size = len(payload) - form.start - len(form.head) - len(form.tail)
        if 0 < size == column.values.itemsize * len(column.schema.figures) * len(column.schema.columns):
            self._tensors.setdefault(len(payload), []).append(form)

    def _scalars_of(self, payload: bytes) -> list[Point]:
        if self._take_tensor(payload):
            return []
        try:
            found = [self._scalar_of(each) for each in event.values(payload)]
        except ValueError:
            self.undecoded += 1
            return []
        if found == [None] and self.packed:
            self._learn_tensor(payload)
        return [each for each in found if each is not None]

    def _scalar_of(self, value: event.Value) -> Point | None:
        """As TensorBoard does, believe a tag's first metadata."""
        if value.number is not None:
            return value.tag.encode(), value.step, value.wall, value.number
        if value.tensor is None:
            self._add_other(value)
            return None
        self.see(value.wall)
        plugin = self._plugins.setdefault(value.tag, value.plugin)
        if self._is_scalar(value, plugin):
            number = event.number(value.tensor)
            return None if number is None else (value.tag.encode(), value.step, value.wall, number)
        if plugin == PLUGIN and value.tag == FACTS:
            self.facts = event.text(value.tensor)
        elif plugin == PLUGIN:
            self.add_packed(value.tag, value.content, value.step, event.numbers(value.tensor))
        elif plugin == "histograms":
            buckets = event.numbers(value.tensor)
            self._add_histogram(value, None if buckets is None else moments_of_buckets(buckets))
        elif plugin == "text":
            self.settings |= arguments(event.text(value.tensor) or b"")
        return None

    def _add_other(self, value: event.Value) -> None:
        """A histogram of the old form, or hyperparameters, which are metadata only."""
        if value.histogram is not None:
            self.see(value.wall)
            squares = value.histogram.sum_squares
            self._add_histogram(value, (value.histogram.num, math.sqrt(squares) if squares >= 0 else math.nan))
        elif value.plugin == "hparams":
            self.settings |= hyperparameters(value.content)

    def _add_histogram(self, value: event.Value, moments: Moments | None) -> None:
        if moments is not None:
            self.histograms.setdefault(value.tag, HistogramColumn()).append(value.step, moments)

    @staticmethod
    def _is_scalar(value: event.Value, plugin: str | None) -> bool:
        """Whether a tensor is a scalar, where `plugin` is the first one that its tag had."""
        scalar = plugin is not None and plugin != PLUGIN and (value.scalar or plugin in {"", "scalars"})
        return scalar and value.tensor is not None and event.size(value.tensor) == 1


def _narrowest(values: NDArray[np.floating[Any]]) -> tuple[Literal["f", "d"], NDArray[np.floating[Any]]]:
    """The values in single precision where none of them differs in it, with their type code."""
    with np.errstate(over="ignore"):
        singles = values.astype(np.float32, copy=False)
    if singles is values:
        return "f", singles
    return ("f", singles) if ((singles == values) | np.isnan(values)).all() else ("d", values)


def _is_single(value: float) -> bool:
    try:
        return _float.unpack(_float.pack(value))[0] == value or math.isnan(value)
    except OverflowError:
        return False


def _schema(content: bytes) -> Schema:
    """The layout that a tag's first event tells. Raises ValueError, saying what is wrong."""
    if not content:
        raise ValueError("the first record, which tells its layout, is missing")
    try:
        return Schema.from_json(content)
    except RecursionError as error:
        raise ValueError("not a layout of tb_lossdiag") from error
