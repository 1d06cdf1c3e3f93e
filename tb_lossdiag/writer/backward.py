"""What backward leaves in the gradients, before anybody clips them: seen from a hook on the loss.

Whether somebody changes them at all is told by the tensors' versions, which cost nothing; their norm is only taken where
somebody does, from the next step on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from tb_lossdiag.writer.gradients import norms
from tb_lossdiag.writer.guard import Guard, Hook
from tb_lossdiag.writer.transfer import local, shards

__all__ = ["Backward"]

LOOKS, SELDOM = 4, 8  # sampled steps on which it is looked whether somebody changes gradients; later, one in so many
PART = "what backward leaves in the gradients"


class Backward:
    """The gradients of one step as backward has left them. `parameters` are the model's."""

    def __init__(self, guard: Guard, parameters: Callable[[], Iterable[Tensor]]) -> None:
        self._parameters = parameters
        self._begun = Hook(guard, PART, self._begins)
        self._last = Hook(guard, PART, self._queue)
        self._over = Hook(guard, PART, self._ends)
        self._wanted = False
        self._changes = False  # whether somebody is known to change gradients before the step
        self._looks = 0
        self._versions: dict[int, int] = {}
        self._norm: Tensor | None = None

    def arm(self) -> None:
        """A step begins whose backward may be seen."""
        self._looks += 1
        wanted = self._changes or self._looks <= LOOKS or self._looks % SELDOM == 0
        self._wanted, self._versions, self._norm = wanted, {}, None

    def disarm(self) -> None:
        """Let go of everything."""
        self._wanted, self._versions, self._norm = False, {}, None

    def see_loss(self, loss: Tensor) -> None:
        """A training loss, of which a gradient will be taken."""
        if self._wanted and loss.requires_grad and not loss.is_leaf:
            loss.register_hook(self._begun)  # type: ignore[no-untyped-call]

    def left(self) -> Tensor | None:
        """Just before the optimizer's step: the norm of the gradients as backward left them, where somebody changes them."""
        versions, norm = self._versions, self._norm
        if versions and not self._changes:
            self._changes = any(
                versions.get(id(each), -1) != each._version  # noqa: SLF001  (counts what was done in place)
                for each in self._gradients()
            )
        self.disarm()
        return norm

    def _begins(self, _gradient: Tensor) -> None:
        if self._wanted:
            # as DistributedDataParallel waits for the end of backward: there is no public way
            torch.autograd.Variable._execution_engine.queue_callback(self._last)  # noqa: SLF001

    def _queue(self) -> None:
        """What averages gradients over processes has queued itself by now, and must come first."""
        torch.autograd.Variable._execution_engine.queue_callback(self._over)  # noqa: SLF001

    def _gradients(self) -> list[Tensor]:
        """Of all parameters, as far as they lie here."""
        return [local(each.grad) for each in self._parameters() if each.grad is not None]

    def _ends(self) -> None:
        if not self._wanted:
            return
        found = self._gradients()
        self._changes |= any(shards(each) > 1 for each in self._parameters())  # versions of such tensors do not tell
        self._versions = {id(each): each._version for each in found}  # noqa: SLF001
        dense = [each.detach() for each in found if not each.is_sparse and not each.is_complex()]
        if self._changes and dense and len(dense) == len(found):
            with torch.no_grad():
                self._norm = torch.linalg.vector_norm(norms(dense))
