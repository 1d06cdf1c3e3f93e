"""Models that compute their loss themselves, as those of Hugging Face do when they are given the labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from tb_lossdiag.integrations.loop import Loop
from tb_lossdiag.writer.guard import Guard, Hook

__all__ = ["OwnLoss"]

PART = "the losses that the model computes"


class OwnLoss:
    """Sees the loss among what a model puts out, and overhears how it was computed. `begins` is called before each pass.

    Its hooks are gone while the optimizer takes its step: a batch is looked at once more only where nobody else would see it.
    """

    def __init__(self, loop: Loop, model: nn.Module, begins: Callable[[nn.Module], None] = lambda _: None) -> None:
        self._loop = loop
        self._model = model
        self._first = begins
        self.processes = 1  # among which shares of the loss are divided, too
        self._shares = False
        self._handles: list[RemovableHandle] = []
        guard = Guard()
        self._before, self._after = Hook(guard, PART, self._begins), Hook(guard, PART, self._ends)
        self.enter()

    def enter(self, *_: object) -> None:
        """Register the hooks."""
        self.leave()
        self._handles.append(self._model.register_forward_pre_hook(self._before))
        self._handles.append(self._model.register_forward_hook(self._after, with_kwargs=True, always_call=True))

    def leave(self) -> None:
        """Remove the hooks."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def step(self, *_: object) -> None:
        """The optimizer is about to take the step that the losses so far lead to."""
        self._loop.computed()
        self._loop.step(shares=self._shares)
        self.leave()

    def _begins(self, *_: Any) -> None:
        self._first(self._model)
        self._loop.batch()

    def _ends(self, model: nn.Module, _args: Any, kwargs: Mapping[str, Any], output: Any) -> None:
        loss = output.get("loss") if isinstance(output, Mapping) else getattr(output, "loss", None)
        if output is None or isinstance(loss, Tensor):  # it has failed, or there is nothing more to overhear
            self._loop.computed()
        if isinstance(loss, Tensor) and model.training and torch.is_grad_enabled():
            self._shares = kwargs.get("num_items_in_batch") is not None
            self._loop.loss(loss if loss.dim() == 0 else loss.mean(), factor=self.processes if self._shares else 1)
