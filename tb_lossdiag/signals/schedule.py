"""What became of the learning rate from the first step to the last: warm-ups, restarts, and where it went out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tb_lossdiag.series import Series
from tb_lossdiag.signals.signal import signal

__all__ = ["Schedule", "schedule"]

POINTS = 3  # fewer are no schedule
RISES = 1.5  # last learning rate, the largest so far, over the first: a warm-up that is still running
# a rate falls to such a share of itself at once where a warm-up begins anew, and has risen so many times within it
DROP, RISE = 0.35, 3.0
GRADUAL = (
    0.5  # share of the steps that change the learning rate: fewer are milestones, and the last may have been passed
)
LOWERED = 0.5  # share of the largest rate: below it a schedule has taken most of it away


@dataclass(frozen=True, slots=True)
class Schedule:
    """The learning rates of the first parameter group, as far as they are finite; at least one."""

    rates: Series

    @property
    def highest(self) -> float:
        """The largest of them."""
        return float(self.rates.values.max())

    @property
    def last(self) -> float:
        """The latest of them."""
        return float(self.rates.values[-1])

    @property
    def lowered(self) -> bool:
        """Whether it ends with less than half of the largest rate."""
        return len(self.rates) >= POINTS and self.last < LOWERED * self.highest

    @property
    def warming_up(self) -> bool:
        """Whether it still rises at the end."""
        return len(self.rates) > 1 and self.last == self.highest and self.last > RISES * float(self.rates.values[0])

    def died(self, nothing: float) -> int | None:
        """The step from which on it leaves no more than this share of the largest rate; None where it never does."""
        if len(self.rates) < POINTS or not self.highest > 0:
            return None
        alive = np.flatnonzero(self.rates.values > nothing * self.highest)
        last = int(alive[-1]) if len(alive) else -1
        return None if last == len(self.rates) - 1 else int(self.rates.steps[last + 1])

    @property
    def come_down(self) -> float:
        """How far it has come down step by step, as a share of the largest rate; 0 where it does not, or restarts."""
        after = self.rates.values[int(np.argmax(self.rates.values)) :]
        if not 0 < after[0] > after[-1] or (after[1:] > after[:-1]).any():
            return 0.0
        gradual = np.count_nonzero(after[1:] < after[:-1]) > GRADUAL * (len(after) - 1)
        return float(after[-1]) / float(after[0]) if gradual else 0.0

    @property
    def cut(self) -> int | None:
        """The step at which it first has taken most of the rate away, once it was at its largest; None where it never does."""
        low = np.flatnonzero(self.rates.values < LOWERED * self.highest)
        low = low[low > int(np.argmax(self.rates.values))]
        return int(self.rates.steps[low[0]]) if len(low) else None

    @property
    def falls(self) -> list[int]:
        """The steps at which it falls at once, as where a warm-up begins anew."""
        values = self.rates.values
        return [int(each) for each in self.rates.steps[np.flatnonzero(values[1:] < DROP * values[:-1]) + 1]]

    @property
    def ramps(self) -> int:
        """How many times it rises, step by step, and is back at its beginning at once: no schedule is meant to do that. 0 if it ever does else."""
        if len(self.rates) < 2 or not (self.rates.values > 0).all():  # noqa: PLR2004  (one step is no ramp)
            return 0
        ramps = np.split(self.rates.values, np.searchsorted(self.rates.steps, self.falls))
        whole = ramps[:-1]  # the last one may be cut off by the end of the run
        rises = all((each[1:] >= each[:-1]).all() for each in ramps)
        return len(whole) if rises and all(each[0] < each[-1] / RISE for each in whole) else 0


@signal(log="writer.watch(model, optimizer, loss_fn)")
def schedule(lr: Series) -> Schedule | None:
    """What became of the learning rate; None where no value of it is finite."""
    known = lr.finite()
    return Schedule(known) if len(known) else None
