"""The optimizer: its settings and its learning rate over training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tb_lossdiag.series import Run, Series
from tb_lossdiag.signals.signal import signal
from tb_lossdiag.signals.structure import watched
from tb_lossdiag.tags import LR

__all__ = ["Optimizer", "lr", "optimizer"]

MOST = 0.999  # momentum that is taken at its word
HIGHEST, HIGHEST_ADAPTIVE = 1.0, 0.03
WATCH = "writer.watch(model, optimizer, loss_fn)"


@dataclass(frozen=True, slots=True)
class Optimizer:
    """Its type's name and the settings of each parameter group (`lr`, `momentum`, `weight_decay`, ...)."""

    type: str
    groups: Sequence[Mapping[str, Any]]

    @property
    def is_adaptive(self) -> bool:
        """Whether steps are scaled by the gradient's own size, so that the loss's scale does not matter."""
        return "adam" in self.type.lower() or self.type in {"RMSprop", "Adagrad", "Adadelta", "Rprop"}

    @property
    def searches(self) -> bool:
        """Whether a line search decides how far a step goes: the rate is where it begins to search."""
        return any(isinstance(each.get("line_search_fn"), str) for each in self.groups)

    @property
    def first_step(self) -> float:
        """How long the very first step is beside the later ones with gradients of its size: momentum has yet to build up, and
        RMSprop's mean of squares too (Adam corrects for that).
        """
        settings = self.groups[0] if self.groups else {}
        if self.type == "RMSprop":
            return float(self._too_long(np.zeros(1))[0])
        momentum = min(float(settings.get("momentum") or 0.0), MOST)
        if self.is_adaptive or momentum <= 0 or settings.get("dampening"):
            return 1.0
        return (1 - momentum) * (1 + momentum if settings.get("nesterov") else 1)

    @property
    def highest(self) -> float:
        """The largest learning rate that is worth a try: 1 without momentum, 0.1 with 0.9 (He et al. 2015 and most after them), 0.03
        where steps are scaled by the gradient's size (a sound Adam is at 2e-2 at most in our sweeps, and at 1e-3 as a rule).
        """
        settings = self.groups[0] if self.groups else {}
        momentum = min(float(settings.get("momentum") or 0.0), MOST)
        return HIGHEST_ADAPTIVE if self.is_adaptive else HIGHEST * (1 - momentum)

    def idle_schedule(self, lr: Series) -> bool:
        """Whether a schedule is set up that has left the learning rate as it was all along: torch's leave `initial_lr` in the groups."""
        first = self.groups[0].get("initial_lr") if self.groups else None
        return first is not None and len(lr) > 0 and bool(np.allclose(lr.values, float(first), rtol=1e-4, atol=0.0))

    def settled(self, steps: Series) -> Series:
        """Sizes of steps as they would be had RMSprop's mean of squares been built up from the start; of other optimizers as they are."""
        return Series(steps.steps, steps.values / self._too_long(steps.steps)) if self.type == "RMSprop" else steps

    def _too_long(self, steps: NDArray[Any]) -> NDArray[np.float64]:
        """How many times too long RMSprop's steps are while its mean of squares, which begins at zero, is still too small."""
        kept = float(self.groups[0].get("alpha", 0.99)) if self.groups else 0.99
        found: NDArray[np.float64] = 1 / np.sqrt(np.maximum(1 - kept ** (steps + 1.0), 1e-6))
        return found


@signal(log=WATCH)
def optimizer(run: Run) -> Optimizer | None:
    """The first watched optimizer."""
    for _, model in watched(run):
        facts = model.get("optimizer")
        if isinstance(facts, Mapping) and facts.get("type"):
            return Optimizer(str(facts["type"]), tuple(facts.get("groups") or ()))
    return None


@signal(log='writer.add_scalar("lr", scheduler.get_last_lr()[0], step)')
def lr(run: Run) -> Series | None:
    """The learning rate of the first parameter group."""
    return run.series.get(LR)
