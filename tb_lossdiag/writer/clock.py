"""How long a training's steps take, and how much of that is watching them."""

from __future__ import annotations

import time

from tb_lossdiag.writer.guard import Guard

__all__ = ["Clock"]


class Clock:
    """Runs from step to step. Evaluations are no part of a step: it is paused while they last."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._began = self._stepped_at = time.perf_counter()
        self._away = self._away_in_step = 0.0  # seconds of evaluations, in all and since the last step
        self._spent_away = self._spent_before = 0.0  # seconds of watching: in evaluations, and until the last step
        self._paused = (0.0, 0.0)

    def pause(self) -> None:
        """An evaluation begins."""
        self._paused = time.perf_counter(), self._guard.spent

    def resume(self) -> None:
        """An evaluation has ended."""
        since, spent = self._paused
        away, watching = time.perf_counter() - since, self._guard.spent - spent
        self._away += away
        self._away_in_step += away
        self._spent_away += watching
        self._spent_before += watching

    @property
    def waited(self) -> float:
        """Seconds since the last step was over."""
        return time.perf_counter() - self._stepped_at - self._away_in_step

    def step(self) -> tuple[float, float]:
        """A step is over: seconds that it took by itself, and seconds of watching it."""
        now, spent = time.perf_counter(), self._guard.spent
        watching = spent - self._spent_before
        took = now - self._stepped_at - self._away_in_step - watching
        self._spent_before, self._stepped_at, self._away_in_step = spent, now, 0.0
        return max(0.0, took), watching

    def share(self, aside: float) -> float | None:
        """The share of the training time that watching took so far, with the seconds that it took `aside`, on other threads."""
        elapsed = time.perf_counter() - self._began - self._away
        spent = self._guard.spent - self._spent_away + self._guard.aside + aside
        return min(1.0, spent / elapsed) if elapsed > 0 else None
