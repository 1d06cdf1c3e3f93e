"""Which steps are looked at closely, so that watching stays within its share of the training time."""

from __future__ import annotations

import math
import statistics
from collections import deque

__all__ = ["Schedule"]

ALWAYS = 20  # the first steps tell most, and tell it to those who stop early
NEAREST, FARTHEST = 10, 200  # steps between two sampled ones: no gain below, blindness above
EARLY = 8  # never farther apart than this part of the steps so far: a short run of tiny steps needs its evidence too
RECENT = 20  # steps whose median says how long a step takes now
COSTS = 5  # sampled steps whose median says what sampling costs: the very first one also builds things
YOUNG = 200  # steps that may cost the whole share; later ones less and less, as a long run is drawn no finer ...
GROWN = 0.15  # ... down to this part of the share
PROBE_AFTER, PROBE_NEAREST = 2, 4  # steps to the first probe, and from one to the next at least
PROBE_EARLY = 1  # as EARLY, for probes, which take longer than a step: at 2, 6, 12, 24, 48, ...
PROBE_SHARE = 0.5  # of the share, for probes


class Schedule:
    """Decides which step is sampled next from what sampling costs and what a step takes.

    `overhead` is the share of the training time that watching may take. A training that has grown pays less than that. At first it
    pays more: the first steps are all sampled, and whatever it costs, no two sampled steps lie more than an eighth of the steps so
    far apart, nor ever more than `FARTHEST`, and no two probes more than there were steps so far.
    """

    def __init__(self, overhead: float, first: int = 0) -> None:
        self.overhead = overhead
        self.next = first
        self.next_probe = first + PROBE_AFTER
        self._first = first
        self._last = first - 2
        self._steps: deque[float] = deque(maxlen=RECENT)
        self._costs: deque[float] = deque(maxlen=COSTS)
        self._probes: deque[float] = deque(maxlen=COSTS)

    def early(self, step: int) -> bool:
        """Whether it is one of the first steps, which are always looked at."""
        return step < self._first + ALWAYS

    def sampled(self, step: int) -> bool:
        """Whether this step is looked at closely."""
        return self.early(step) or step >= self.next

    def paired(self, step: int) -> bool:
        """Whether this step follows a sampled one, so that its gradient is compared with that one's."""
        return step == self._last + 1

    def probed(self, step: int) -> bool:
        """Whether this sampled step's batch is looked at once more."""
        return step >= self.next_probe and self.sampled(step)

    def took(self, seconds: float) -> None:
        """A step took this long, without what watching took of it."""
        self._steps.append(seconds)

    def cost(self, step: int, seconds: float, agreed: int | None = None) -> None:
        """Sampling this step took this long: plan the next one, as far ahead as was `agreed` with others, if it was."""
        self._costs.append(seconds)
        self._last = step
        farthest = min(FARTHEST, max(NEAREST, (step - self._first) // EARLY))
        self.next = step + min(farthest, self.spacing() if agreed is None else agreed)

    def probe(self, step: int, seconds: float) -> None:
        """Looking at this step's batch once more took this long: plan the next time."""
        self._probes.append(seconds)
        allowed = PROBE_SHARE * self._allowed(step)
        early, cost = max(PROBE_NEAREST, (step - self._first) // PROBE_EARLY), statistics.median(self._probes)
        affordable = math.ceil(cost / allowed) if cost < early * allowed else early
        self.next_probe = step + min(early, max(PROBE_NEAREST, affordable))

    def spacing(self) -> int:
        """Steps from one sampled step to the next that keep to the share."""
        allowed = self._allowed(self._last)
        cost = statistics.median(self._costs) if self._costs else 0.0
        if cost <= NEAREST * allowed:
            return NEAREST
        return FARTHEST if cost >= FARTHEST * allowed else int(cost / allowed) + 1

    def _allowed(self, step: int) -> float:
        """Seconds of each step, as long as they are now, that watching may take."""
        part = min(1.0, max(GROWN, YOUNG / max(1, step - self._first)))
        return part * self.overhead * statistics.median(self._steps) if self._steps else 0.0
