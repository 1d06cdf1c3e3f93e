"""What leaves the training loop: scalars, packed figures and facts, on their way into the event file.

The outbox knows neither model nor optimizer, so it can outlive them: when the process ends, or the writer is
forgotten, what was seen is still written.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tb_lossdiag.tags import Schema
from tb_lossdiag.writer.encoding import Packer, facts_event, scalar_event
from tb_lossdiag.writer.transfer import fetch

__all__ = ["Outbox"]

PATIENCE = 5.0  # seconds that a loss may stay on its device
PILE = 1000  # steps whose losses may


@dataclass(slots=True)
class Waiting:
    """Losses of one step that are still on their device; their mean is logged."""

    tag: str
    step: int
    values: list[Tensor]
    wall: float


class Outbox:
    """Writes figures. `add` takes a serialised event; `finish` is called last."""

    def __init__(self, add: Callable[[bytes], None]) -> None:
        self._add = add
        self._packer = Packer()
        self._waiting: list[Waiting] = []
        self._settled = time.monotonic()
        self._facts = ""

    def scalar(self, tag: str, step: int, value: float) -> None:
        """One plain scalar."""
        self._add(scalar_event(tag, step, value, time.time()))

    def later(self, tag: str, step: int, values: Sequence[Tensor]) -> None:
        """The mean of these losses, fetched together with others; further ones of the same step join them."""
        last = self._waiting[-1] if self._waiting else None
        if last is not None and last.tag == tag and last.step == step:
            last.values.extend(values)
        else:
            self._waiting.append(Waiting(tag, step, list(values), time.time()))

    @property
    def overdue(self) -> bool:
        """Whether losses have waited so long that whoever looks at the curve would miss them."""
        waiting = len(self._waiting)
        return waiting > 0 and (waiting > PILE or time.monotonic() - self._settled > PATIENCE)

    def settle(self) -> None:
        """Fetch the losses that wait, in one trip, and write them."""
        waiting, self._waiting = self._waiting, []
        self._settled = time.monotonic()
        values = iter(fetch([value for each in waiting for value in each.values]))
        for each in waiting:
            mean = float(np.mean([next(values) for _ in each.values]))
            self._add(scalar_event(each.tag, each.step, mean, each.wall))

    def packed(self, schema: Schema, step: int, values: NDArray[np.float32]) -> None:
        """Figures of many columns; nothing where there are no columns."""
        if values.size:
            self._add(self._packer.event(schema, step, values, time.time()))

    def facts(self, text: str, step: int) -> None:
        """The facts as JSON text, where they differ from what was written last."""
        if text != self._facts:
            self._facts = text
            self._add(facts_event(text, step, time.time()))
