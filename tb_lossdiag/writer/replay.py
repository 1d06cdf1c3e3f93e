"""The layers of a compiled model: its pass is run once more, as it was written, where hooks can see.

Nothing may be hooked within what is compiled: that would compile it anew. The second pass is without gradients and leaves
everything as it was (`untouched`); where that cannot be promised there is none.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from tb_lossdiag.writer.guard import Guard
from tb_lossdiag.writer.modules import COMPILED, eagerly, hooks_of_others, unwrapped
from tb_lossdiag.writer.samples import tensors_of
from tb_lossdiag.writer.untouched import Unsure, Untouched

__all__ = ["Replay"]

UNSEEN = "The layers of this compiled model cannot be watched (%s): activations are not logged."


class Replay:
    """Runs a compiled model's pass once more."""

    def __init__(self, model: nn.Module, guard: Guard) -> None:
        self._model = model
        self._guard = guard
        self.over = False

    def run(self, arguments: object, forward: Callable[[nn.Module], None]) -> bool:
        """Whether it was seen. `forward` runs the model, of which it is given what the user wrote."""
        model = unwrapped(self._model)
        modules = [each for each in model.modules() if not hasattr(each, COMPILED)]
        if any(map(hooks_of_others, modules)):
            return self._end("it has hooks that would be called once more")
        devices = {each.device for each in (*tensors_of(arguments, depth=4), *model.parameters())}
        try:
            with (
                Untouched(modules, [type(each).forward for each in modules], devices) as kept,
                torch.no_grad(),
                eagerly() as possible,
            ):
                if possible:
                    forward(model)
        except Unsure:
            return self._end("it may remember what it has seen")
        if not possible:
            return self._end("this needs torch 2.6 or later")
        return self._end("it remembers what it has seen") if kept.changes else True

    def _end(self, reason: str) -> bool:
        self.over = True
        self._guard.say(UNSEEN, reason)
        return False
