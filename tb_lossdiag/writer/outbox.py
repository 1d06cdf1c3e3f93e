"""What leaves the training loop: scalars, packed figures and facts, on their way into the event file.

The outbox knows neither model nor optimizer, so it can outlive them: when the process ends, or the writer is
forgotten, what was seen is still written.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tb_lossdiag.tags import Schema
from tb_lossdiag.writer.encoding import Packer, facts_event, scalar_event
from tb_lossdiag.writer.transfer import Transfer, fetch

__all__ = ["At", "Loss", "Outbox"]

Loss = Tensor | float
"""A loss that is still on its device, or its value."""

PATIENCE = 5.0  # seconds that a loss may stay on its device
PILE = 1000  # steps whose losses may


class Waiting(NamedTuple):
    """Losses of one step; their mean is logged."""

    tag: str
    step: int
    values: Sequence[Loss]
    wall: float

    @property
    def tensors(self) -> list[Tensor]:
        """Those that are to be fetched."""
        return [each for each in self.values if isinstance(each, Tensor)]

    def mean(self, fetched: Iterator[NDArray[np.float64]]) -> float:
        """Their mean, with the values of those tensors."""
        values = [float(np.mean(next(fetched))) if isinstance(each, Tensor) else each for each in self.values]
        return values[0] if len(values) == 1 else float(np.mean(values))


class Outbox:
    """Writes figures. `add` takes a serialised event; `defer` a job, to be done after what was added, on another thread."""

    def __init__(
        self, add: Callable[[bytes], None], defer: Callable[[Callable[[], None], int], None], patience: float = PATIENCE
    ) -> None:
        self._add = add
        self._defer = defer
        self._patience = patience
        self._packer = Packer()
        self._packing = threading.Lock()  # evaluations pack on the training thread
        self._waiting: list[Waiting] = []
        self._settled = time.time()
        self._facts = ""
        self.patient = False  # losses are averaged over processes at the steps that all look at

    def scalar(self, tag: str, step: int, value: float, wall: float | None = None) -> None:
        """One plain scalar."""
        self._add(scalar_event(tag, step, value, time.time() if wall is None else wall))

    def later(self, tag: str, step: int, values: Sequence[Loss]) -> None:
        """The mean of these losses, fetched together with others; further ones of the same step join them."""
        last = self._waiting[-1] if self._waiting else None
        if last is not None and last.tag == tag and last.step == step:
            self._waiting[-1] = last._replace(values=(*last.values, *values))
        else:
            self._waiting.append(Waiting(tag, step, tuple(values), time.time()))

    def keep(self, tag: str, step: int, value: Loss) -> bool:
        """The only loss of a step, likewise; whether losses are overdue now."""
        now = time.time()
        self._waiting.append(Waiting(tag, step, (value,), now))
        return self._late(now)

    @property
    def overdue(self) -> bool:
        """Whether losses have waited so long that whoever looks at the curve would miss them."""
        return bool(self._waiting) and self._late(time.time())

    def _late(self, now: float) -> bool:
        waited = now - self._settled
        late = waited > self._patience or waited < 0 or len(self._waiting) > PILE  # the clock may have been set back
        return late and not self.patient

    def settle(self, *, all_of_them: bool = False) -> None:
        """Have the losses that wait fetched, in one trip, and written; not while their mean over processes is awaited."""
        if self.patient and not all_of_them:
            return
        waiting, self._waiting = self._waiting, []
        self._settled = time.time()
        if not waiting:
            return
        transfer = Transfer()
        transfer.add([loss for each in waiting for loss in each.tensors], partial(self._write_losses, waiting))
        self.deliver(transfer)

    def deliver(self, transfer: Transfer, around: Callable[[Callable[[], None]], None] | None = None) -> None:
        """Have everything fetched and written by the other thread, `around` all that."""
        transfer.seal()
        self._defer(transfer.deliver if around is None else partial(around, transfer.deliver), transfer.weight)

    def packed(self, schema: Schema, step: int, values: NDArray[np.float32], wall: float | None = None) -> None:
        """Figures of many columns; nothing where there are no columns."""
        if values.size:
            with self._packing:
                self._add(self._packer.event(schema, step, values, time.time() if wall is None else wall))

    def means(self) -> list[tuple[Waiting, float]]:
        """Take the losses that wait, now: the mean of each step's."""
        waiting, self._waiting = self._waiting, []
        self._settled = time.time()
        return means_of(waiting, fetch([loss for each in waiting for loss in each.tensors]))

    def write(self, means: Iterable[tuple[Waiting, float]]) -> None:
        """Write losses."""
        for each, mean in means:
            self._add(scalar_event(each.tag, each.step, mean, each.wall))

    def _write_losses(self, waiting: Sequence[Waiting], values: list[NDArray[np.float64]]) -> None:
        self.write(means_of(waiting, values))

    def facts(self, text: str, step: int) -> None:
        """The facts as JSON text, where they differ from what was written last."""
        if text != self._facts:
            self._facts = text
            self._add(facts_event(text, step, time.time()))


def means_of(waiting: Sequence[Waiting], values: Sequence[NDArray[np.float64]]) -> list[tuple[Waiting, float]]:
    """The mean of each step's losses; those that are tensors have these values, one after the other."""
    fetched = iter(values)
    return [(each, each.mean(fetched)) for each in waiting]


class At:
    """Where the figures of one step go. It is made before they are known, and they may be written when the step is long over."""

    def __init__(self, outbox: Outbox, step: int, suffix: str) -> None:
        self._outbox = outbox
        self._step = step
        self._suffix = suffix
        self._wall = time.time()

    def packed(self, schema: Schema, values: NDArray[np.float32]) -> None:
        """Figures of many columns."""
        self._outbox.packed(schema, self._step, values, self._wall)

    def scalar(self, tag: str, value: float) -> None:
        """One plain scalar."""
        self._outbox.scalar(tag + self._suffix, self._step, value, self._wall)
