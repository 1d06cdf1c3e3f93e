"""The order of a tag's points: logs are resumed, repeated, written out of order, and logged at steps that do not move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Order", "in_order"]

SEVERAL = 2  # times that the steps go back for a single point, from which on that is another count
JITTER = 2  # points that a step may go back over because several threads write, which is no restart


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """Which points to take (`chosen`, in the order of their steps), and what had to be done to the log's own order.

    `straight`: all of them, as they were written. `restarted`: the steps went back to `at` and what came before from there on was superseded (`dropped` points).
    `mixed`: single points stand at steps of another count, as of epochs among batches; these were left out (`dropped`).
    `counted`: the steps do not tell the order (all the same, or counted anew each epoch); the order of writing does.
    """

    kind: Literal["plain", "restarted", "counted", "mixed"]
    chosen: NDArray[np.int64]
    at: int = 0
    dropped: int = 0
    straight: bool = False

    def of(self, points: NDArray[Any]) -> NDArray[Any]:
        """What was written with the points, shape (points, ...), as it is to be read: the same array where nothing changes."""
        return points if self.straight else points[self.chosen]

    def steps(self, steps: NDArray[np.int64]) -> NDArray[np.int64]:
        """The steps to read the points at."""
        return np.arange(len(self.chosen)) if self.kind == "counted" else self.of(steps)


def in_order(steps: NDArray[np.int64], joins: NDArray[np.int64]) -> Order:
    """How to read points that were written at `steps`; `joins` are the indices at which a further file begins."""
    if (steps[1:] > steps[:-1]).all():
        return Order("plain", np.arange(len(steps)), straight=True)
    if (steps == steps[0]).all():
        return Order("counted", np.arange(len(steps)))
    restarts = _restarts(steps, joins)
    if _counts_anew(steps, restarts, joins):
        return Order("counted", np.arange(len(steps)))
    strays = _strays(steps, restarts, joins)
    kept = (
        np.flatnonzero(_still_counts(steps, restarts)) if not len(strays) else np.delete(np.arange(len(steps)), strays)
    )
    dropped = len(steps) - len(kept)
    kept = kept[np.argsort(steps[kept], kind="stable")]
    if len(kept):
        kept = kept[np.append(steps[kept[1:]] > steps[kept[:-1]], True)]  # several points at one step: the last one
    if len(strays):
        return Order("mixed", kept, dropped=dropped)
    if dropped:
        return Order("restarted", kept, int(steps[restarts].min()), dropped)
    return Order("plain", kept)


def _restarts(steps: NDArray[np.int64], joins: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where the steps go back: to what a further file repeats, or over more than a few points of the same file."""
    back = np.flatnonzero(steps[1:] < steps[:-1]) + 1
    highest = np.maximum.accumulate(steps)
    before = back - 1 - JITTER
    far = (before >= 0) & (highest[np.maximum(before, 0)] >= steps[back])
    return back[far | np.isin(back, joins)]


def _strays(steps: NDArray[np.int64], restarts: NDArray[np.int64], joins: NDArray[np.int64]) -> NDArray[np.int64]:
    """Points at which the steps go back, to go on from where they were with the next one: as where the mean of each epoch is logged at
    its number, under a tag that has each batch at its step. None, where the steps go back otherwise, too.
    """
    back = np.flatnonzero(steps[1:] < steps[:-1]) + 1
    onward = np.append(steps[1:] >= np.maximum.accumulate(steps)[:-1], True)[back]
    alone = back[onward & ~np.isin(back, joins) & ~np.isin(back + 1, joins)]
    return alone if len(restarts) >= SEVERAL and np.isin(restarts, alone).all() else back[:0]


def _counts_anew(steps: NDArray[np.int64], restarts: NDArray[np.int64], joins: NDArray[np.int64]) -> bool:
    """Whether the step is a counter that each epoch begins anew: three stretches or more in one file, alike but the last."""
    bounds = np.concatenate(([0], restarts, [len(steps)]))
    lengths = np.diff(bounds)
    return (
        len(restarts) > 1
        and not np.isin(restarts, joins).any()
        and bool((steps[restarts] == steps[0]).all() and (lengths[:-1] == lengths[0]).all())
        and bool(lengths[-1] <= lengths[0])
    )


def _still_counts(steps: NDArray[np.int64], restarts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which points no later restart has superseded: those below the lowest step that is still to be restarted from."""
    lowest = np.full(len(steps) + 1, np.iinfo(np.int64).max)
    lowest[restarts] = steps[restarts]
    ahead = np.minimum.accumulate(lowest[::-1])[::-1]
    current: NDArray[np.bool_] = (steps < ahead[1:]) | (ahead[1:] == np.iinfo(np.int64).max)
    return current
