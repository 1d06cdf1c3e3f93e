"""Where a loss of the user's own pulls the answers that are wrong: towards their labels, or further away from them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from tb_lossdiag.tags import Schema
from tb_lossdiag.writer.graph_loss import put_out_by
from tb_lossdiag.writer.guard import Guard, Hook
from tb_lossdiag.writer.loss_tap import Call, pair_of
from tb_lossdiag.writer.outbox import At
from tb_lossdiag.writer.own_loss import is_own
from tb_lossdiag.writer.transfer import Transfer

__all__ = ["FIGURES", "Towards"]

FIGURES = ("toward", "away")
PART = "where the loss pulls"
LOOKS, SELDOM = 8, 8  # sampled steps at which it is looked at; later, one in so many
ELEMENTS = 1 << 18  # of a prediction that are looked at, about
HALF = 0.5
SHARES = {"Sigmoid", "Softmax"}  # what puts out shares, of which yes begins at a half


class Towards:
    """Looks at the gradient that a loss of the user's own sends back to the output, of labels of yes and no.

    A loss that falls as answers come nearer to their labels has a gradient below zero where yes is right and the score is too low, and
    above zero where no is right and the score is too high. Of torch's own losses that is known.
    """

    def __init__(self, guard: Guard, name: str) -> None:
        self._guard, self._name = guard, name
        self._looks = 0

    def see(self, call: Call, transfer: Transfer, at: At) -> None:
        """A training loss, before its gradient is taken, on a sampled step."""
        pair = pair_of(call.args, call.kwargs) if is_own(call.loss_fn) else None
        if pair is None or pair[0].requires_grad == pair[1].requires_grad:
            return
        output, target = pair if pair[0].requires_grad else pair[::-1]
        if output.is_leaf or not _is_labelled(output, target):
            return
        self._looks += 1
        if self._looks <= LOOKS or self._looks % SELDOM == 0:
            self._wait(output, target.detach(), transfer, at)

    def _wait(self, output: Tensor, target: Tensor, transfer: Transfer, at: At) -> None:
        """For the gradient that comes back to the output."""
        schema = Schema("towards", "train", FIGURES, ("loss",), self._name)
        prediction, shares = output.detach(), put_out_by(output.grad_fn) in SHARES

        def seen(gradient: Tensor) -> None:
            with torch.no_grad():
                found = pulled(gradient.detach(), prediction, target, shares=shares)
            transfer.add([found], lambda values: at.packed(schema, values[0].astype(np.float32)[:, None]))

        output.register_hook(Hook(self._guard, PART, seen))  # type: ignore[no-untyped-call]


def _is_labelled(prediction: Tensor, target: Tensor) -> bool:
    """Whether there is a target for each output: classes are left out, as their numbers may as well say which embeddings are of one kind."""
    if not prediction.dim() or not prediction.numel() or not target.numel() or not prediction.is_floating_point():
        return False
    return prediction.numel() == target.numel() and len(prediction) == len(target)


def pulled(gradient: Tensor, prediction: Tensor, target: Tensor, *, shares: bool) -> Tensor:
    """How strongly the wrong answers are pulled towards their labels, and how strongly away from them, shape (2,).

    Zeros where targets of as many as the outputs are no labels of yes and no, or where the outputs cannot say no: distances are
    small where two things belong together. Nothing is waited for.
    """
    rows = max(1, ELEMENTS * len(prediction) // prediction.numel())
    gradient, prediction, target = gradient[:rows].float(), prediction[:rows].float(), target[:rows]
    yes, score, back = target.reshape(-1).float(), prediction.reshape(-1), gradient.reshape(-1)
    wrong = (yes > HALF) != (score > (HALF if shares else 0.0))
    along = torch.where(yes > HALF, -back, back)
    fit = ((yes == 0) | (yes == 1)).all() & (shares or score.min() < 0)
    pull = along * wrong
    return torch.stack([pull.clamp(min=0).sum(), (-pull).clamp(min=0).sum()]) * fit
