"""Which steps a GradScaler leaves out, because their gradients are not finite in half precision.

Such a step never reaches the optimizer's hooks, or is left out within it where the optimizer is fused. The scaler is
found among the callers of the optimizer's step; from then on the version of its scale tells how often it was updated,
which needs no waiting for the device.
"""

from __future__ import annotations

import math
import sys
import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tb_lossdiag.writer.transfer import Transfer

__all__ = ["Scaling"]

CALLERS = 16  # between a hook of the optimizer and the scaler's step, with wrappers of schedulers and frameworks
SCALER = getattr(
    torch.amp, "GradScaler", torch.cuda.amp.GradScaler
)  # of torch 2.3; before it there was that of CUDA only
LOOKS = 3  # steps at which the scaler is looked for
PILE = 200  # steps whose flags may wait on the device


class Scaling:
    """The scaler of one model's optimizers, once it is found. `skipped` counts the steps that it has left out."""

    def __init__(self) -> None:
        self.skipped = 0
        self.earlier = 0  # of those, the ones before the scaler was found
        self._looks = 0
        self._scaler: weakref.ref[Any] | None = None
        self._last = 0.0
        self._updates = 0  # as of the last step that was taken or left out
        self._each = 1  # updates from one step to the next
        self._flags: list[Tensor] = []

    @property
    def found(self) -> bool:
        """Whether a scaler is at work."""
        return self._scaler is not None

    @property
    def scale(self) -> Tensor | None:
        """What gradients are multiplied by, on its device."""
        scaler = self._scaler() if self._scaler is not None else None
        scale = getattr(scaler, "_scale", None)
        return scale if isinstance(scale, Tensor) else None

    def look(self) -> None:
        """An optimizer's step begins: look for a scaler among its callers, the first times."""
        if self._scaler is not None or self._looks >= LOOKS:
            return
        self._looks += 1
        scaler = scaler_of(sys._getframe(1))  # noqa: SLF001  (as warnings do)
        scale = getattr(scaler, "_scale", None)
        if scaler is None or not isinstance(scale, Tensor):
            return
        self._scaler = weakref.ref(scaler)
        self._last = float(scale)
        first, backoff = float(getattr(scaler, "_init_scale", self._last)), float(scaler.get_backoff_factor())
        if 0 < self._last < first and 0 < backoff < 1:
            self.earlier = self.skipped = round(math.log(self._last / first) / math.log(backoff))
        self._updates = scale._version  # noqa: SLF001  (counts what was done in place)

    def taken(self, optimizer: torch.optim.Optimizer) -> None:
        """A step has reached the optimizer; a fused one is told by a flag whether to leave it out."""
        flag = getattr(optimizer, "found_inf", None)
        if isinstance(flag, Tensor):
            self._flags.append(flag)
        scale = self.scale
        if scale is not None:
            self._updates = scale._version  # noqa: SLF001

    def left_out(self) -> bool:
        """Whether a step was left out since the last one. Asked when the next one's loss is there."""
        scale = self.scale
        if scale is None or scale._version - self._updates <= self._each:  # noqa: SLF001
            return False
        updates, self._updates = scale._version - self._updates, scale._version - self._each  # noqa: SLF001
        now, before, self._last = float(scale), self._last, float(scale)
        tracker = getattr(self._scaler() if self._scaler is not None else None, "_growth_tracker", None)
        if isinstance(tracker, Tensor) and int(tracker) == 0 and now <= before:
            self.skipped += 1
            return True
        self._each, self._updates = updates, scale._version - updates  # noqa: SLF001  (it serves several optimizers)
        return False

    def queue(self, transfer: Transfer, write: Callable[[str, float], None]) -> None:
        """Have the scale fetched with a sampled step's figures, and the flags of fused steps."""
        flags, self._flags = self._flags, []
        if flags:

            def count(values: list[Any]) -> None:
                self.skipped += sum(int(each[0] > 0) for each in values)

            transfer.add(flags, count)
        scale = self.scale
        if scale is not None:

            def consume(values: list[Any]) -> None:
                self._last = float(values[0][0])
                write("diag/loss_scale", self._last)
                write("diag/skipped_steps", float(self.skipped))

            transfer.add([scale.clone()], consume)

    @property
    def overdue(self) -> bool:
        """Whether so many flags wait that they are to be fetched."""
        return len(self._flags) > PILE


def scaler_of(frame: Any) -> Any:  # noqa: ANN401  (a frame, whose type has no public name; a GradScaler of any device)
    """The GradScaler whose method is among the callers of this frame."""
    for _ in range(CALLERS):
        if frame is None:
            return None
        owner = frame.f_locals.get("self") if frame.f_code.co_name in {"step", "_maybe_opt_step"} else None
        if isinstance(owner, SCALER):
            return owner
        frame = frame.f_back
    return None
