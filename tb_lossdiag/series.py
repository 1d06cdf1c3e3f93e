"""Plain values: what a run is once it has been read.

Nothing here knows event files, TensorBoard or torch. Everything that diagnoses starts from a `Run`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Layers", "Packed", "Run", "Series", "common_steps", "every", "middle", "quantiles", "series"]

ENOUGH = 20_000  # points whose percentiles differ from those of millions by less than any threshold is sure of


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One quantity over training: `values[i]` was seen at `steps[i]`, in the order of the steps.

    `steps` has shape (n,), int64; `values` has shape (n,), float64, and may hold NaN and infinities.
    `wall` is seconds since the epoch for each point, shape (n,), or None where nobody recorded it.
    """

    steps: NDArray[np.int64]
    values: NDArray[np.float64]
    wall: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.values)

    def finite(self) -> Series:
        """Only the points whose value is a finite number."""
        finite = np.isfinite(self.values)
        return self if finite.all() else self[finite]

    def __getitem__(self, chosen: slice | NDArray[np.bool_] | NDArray[np.int64]) -> Series:
        wall = None if self.wall is None else self.wall[chosen]
        return Series(self.steps[chosen], self.values[chosen], wall)

    def head(self, share: float) -> NDArray[np.float64]:
        """The values of the first `share` of the points, at least one where there is one."""
        return self.values[: max(1, round(share * len(self)))]

    def tail(self, share: float) -> NDArray[np.float64]:
        """The values of the last `share` of the points, at least one where there is one."""
        return self.values[len(self) - max(1, round(share * len(self))) :] if len(self) else self.values

    def above_since(self, limit: float) -> int:
        """The first step from which on all values lie above `limit`; the last step where even the last does not."""
        below = np.flatnonzero(~(self.values > limit))
        first = int(below[-1]) + 1 if len(below) else 0
        return int(self.steps[min(first, len(self) - 1)])


Layers = Mapping[str, Series]
"""One series for each layer (or each parameter tensor), in the network's order."""


def common_steps(curves: Iterable[Series]) -> NDArray[np.int64]:
    """All steps of these curves, in order, shape (n,). Layers that were measured together share one array: that one, then."""
    arrays = {id(each.steps): each.steps for each in curves}
    if len(arrays) == 1:
        return next(iter(arrays.values()))
    return np.unique(np.concatenate(list(arrays.values()))) if arrays else np.empty(0, dtype=np.int64)


def every(points: int) -> int:
    """Which of so many points (each, every second, ...) are enough for a percentile of all: of a long curve at least 10,000.

    >>> every(1000), every(1_000_000)
    (1, 50)
    """
    return max(1, -(-points // ENOUGH))


def middle(values: NDArray[np.float64]) -> float:
    """The median of those values that are not NaN; NaN where there are none.

    >>> middle(np.array([1.0, np.nan, 5.0])), middle(np.array([]))
    (3.0, nan)
    """
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else float("nan")


def quantiles(values: NDArray[np.float64], *shares: float) -> list[float]:
    """As numpy's `quantile` of values that are finite, shape (n,) with n > 0, interpolated linearly; for short curves in a sixth of its time.

    >>> quantiles(np.array([4.0, 1.0, 3.0]), 0.0, 0.75)
    [1.0, 3.5]
    """
    last = len(values) - 1
    places = [share * last for share in shares]
    below = [int(place) for place in places]
    wanted = {index for low in below for index in (low, min(low + 1, last))}
    ordered = np.partition(values, sorted(wanted))
    return [
        float(ordered[low] + (ordered[min(low + 1, last)] - ordered[low]) * (place - low))
        for low, place in zip(below, places, strict=True)
    ]


def series(*values: float, steps: ArrayLike | None = None) -> Series:
    """A series written down by hand: `series(2.3, 1.9, 1.4)`; steps count from 0 unless given."""
    array = np.asarray(values, dtype=np.float64)
    return Series(np.arange(len(array)) if steps is None else np.asarray(steps, dtype=np.int64), array)


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """Many figures of many columns (layers, features, classes) over training, as `tags.py` lays them out.

    `values` has shape (n, len(figures), len(columns)), float32: `values[i]` was seen at `steps[i]`.
    """

    group: str
    split: str
    figures: tuple[str, ...]
    columns: tuple[str, ...]
    steps: NDArray[np.int64]
    values: NDArray[np.float32]

    def figure(self, name: str) -> NDArray[np.float64] | None:
        """The figure called `name`, shape (n, len(columns)), or None where this group does not hold it."""
        if name not in self.figures:
            return None
        return self.values[:, self.figures.index(name), :].astype(np.float64)

    def columns_of(self, name: str) -> dict[str, Series]:
        """The figure called `name` as one series a column; points where it was not measured (NaN throughout) stay."""
        figure = self.figure(name)
        if figure is None:
            return {}
        columns = np.ascontiguousarray(figure.T)  # each column's values side by side: they are read many times
        return {column: Series(self.steps, values) for column, values in zip(self.columns, columns, strict=True)}


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """Everything that was logged of one training, under names of our own.

    `series` holds scalars under the names of `tags.py` (`loss/train`, `lr`, ...) and every other scalar under its tag;
    `sources` says which tag of the log each of our names was taken from, `metrics` which others measure
    how good the model is (tag -> `higher` or `lower`, whichever is better); `packed` holds what `DiagWriter` packs;
    `facts` is the JSON object that `DiagWriter` writes about model, optimizer, loss and data, empty for other logs.
    """

    name: str
    series: Mapping[str, Series] = field(default_factory=dict)
    packed: Sequence[Packed] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, str] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    sampled: bool = False
    updated: float | None = None
