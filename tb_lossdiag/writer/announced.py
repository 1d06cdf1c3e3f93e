"""Evaluations that the user, or a framework, says the beginning and the end of."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from functools import partial
from typing import Any

import torch

from tb_lossdiag.writer.evaluation import PART, Evaluation
from tb_lossdiag.writer.guard import Guard, Hook
from tb_lossdiag.writer.modules import around_calls
from tb_lossdiag.writer.outbox import Outbox
from tb_lossdiag.writer.overheard import Calls, Overheard
from tb_lossdiag.writer.watch import Watch

__all__ = ["Announced"]

NO_LOSS = "No loss was computed within writer.evaluating(%r): call the loss function that was given to watch(), or writer.add_loss, there."


class Announced:
    """All watched models are evaluated together. `open` holds the evaluations that go on, the innermost last.

    The sizes of splits are noted in `data`; `changed` is called when an evaluation is over, and `step` says where the training stands.
    """

    def __init__(  # noqa: PLR0913  (what is evaluated, and whom it tells)
        self,
        watches: Mapping[str, Watch],
        outbox: Outbox,
        data: MutableMapping[str, Any],
        guard: Guard,
        *,
        step: Callable[[], int],
        changed: Callable[[], object],
    ) -> None:
        self.open: list[Evaluation] = []
        self._watches = watches
        self._outbox = outbox
        self._data = data
        self._guard = guard
        self._step = step
        self._changed = changed

    @contextlib.contextmanager
    def within(self, split: str) -> Iterator[None]:
        """Evaluation mode and no gradients; what was seen is written at the end, unless that is an error."""
        evaluation = self.begin(split)
        done = False
        try:
            with torch.no_grad(), self._overhearing():
                yield
            done = True
        finally:
            self.end(evaluation, done=done)

    @contextlib.contextmanager
    def _overhearing(self) -> Iterator[None]:
        """Hear the loss of an evaluation where one of torch's functions computes it, as it does in training."""
        (watch,) = self._watches.values() if len(self._watches) == 1 else (None,)
        tap = watch.tap if watch is not None else None
        if watch is None or tap is None or not tap.only_heard or watch.about.function is None:
            yield
            return
        calls = Calls(tap.saw)
        remove = around_calls(watch.model, Hook(watch.guard, PART, lambda *_: calls.batch()), None)
        try:
            with Overheard(calls):
                yield
        finally:
            remove()

    def begin(self, split: str) -> Evaluation:
        """Evaluation mode; gradients are turned off by whoever evaluates."""
        again = f"{split}_size" in self._data
        evaluation = Evaluation(split, list(self._watches.values()), self._outbox, again=again)
        for watch in evaluation.watches:
            watch.clock.pause()
        evaluation.enter()
        self.open.append(evaluation)
        return evaluation

    def end(self, evaluation: Evaluation, *, done: bool) -> None:
        """Write what it has shown, if it is `done`, and put the modes back."""
        try:
            if done:
                Hook(self._guard, PART, partial(self._finish, evaluation))()
        finally:
            self.open.remove(evaluation)
            evaluation.leave()
            for watch in evaluation.watches:
                watch.clock.resume()

    def _finish(self, evaluation: Evaluation) -> None:
        self._outbox.settle()
        evaluation.finish(self._step())
        if evaluation.seen:
            key = f"{evaluation.split}_size"
            self._data[key] = max(evaluation.samples, self._data.get(key) or 0)
            if not evaluation.again and len(evaluation.watches) == 1:
                self._data[f"{evaluation.split}_called"] = evaluation.called
            if evaluation.changed is not None and len(evaluation.watches) == 1:
                self._data[f"{evaluation.split}_changed"] = evaluation.changed
            if evaluation.in_training_mode:
                self._data.setdefault("in_training_mode", {})[evaluation.split] = True
        else:
            self._guard.say(NO_LOSS, evaluation.split)
        self._changed()
