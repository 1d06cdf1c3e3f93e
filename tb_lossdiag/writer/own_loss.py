"""Which of torch's loss functions one of the user's own comes down to: `def criterion(out, y): return F.cross_entropy(out, y.long())`.

The graph of a training loss tells; a validation's, which has none, is then known by the same function.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import FunctionType, MethodType
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  (everybody's name for it)
from torch import Tensor, nn

from tb_lossdiag.writer.data import Batch
from tb_lossdiag.writer.graph_loss import NEGATIVE, SHAPED, Output, batch_in, differences_in, part_in, term_of
from tb_lossdiag.writer.nodes import inputs, kind_of

__all__ = ["Meaning", "is_own", "meaning_of"]

SHARES: Mapping[
    tuple[str, Callable[..., Tensor]], Callable[..., Tensor]
] = {  # what makes probabilities of scores, and the loss function that does so itself
    ("LogSoftmax", F.nll_loss): F.cross_entropy,
    ("Sigmoid", F.binary_cross_entropy): F.binary_cross_entropy_with_logits,
}
CLASSES = {1, 2 * NEGATIVE - 1}  # the axis of classes, told as 1 or as the last one
PICKED = {"Select", "Slice"}
ROUNDING = 1e-3  # of a target that is told from what differs
LONGEST = 20  # operations between an output and the loss function that it is given to


@dataclass(frozen=True, slots=True)
class Meaning:
    """A loss function of torch's, and as what it is given prediction and target: sizes behind the axis of samples, and the targets' type."""

    loss_fn: Callable[..., Tensor]
    prediction: tuple[int, ...]
    target: tuple[int, ...]
    dtype: torch.dtype
    part: bool = False  # of several terms

    def batch(self, prediction: Tensor, target: Tensor) -> Batch | None:
        """The call that the user's own function makes; None where these do not fit."""
        try:
            shaped = prediction.reshape(-1, *self.prediction), target.reshape(-1, *self.target).to(self.dtype)
        except RuntimeError:
            return None
        return Batch(self.loss_fn, *shaped) if len(shaped[0]) == len(shaped[1]) else None


def is_own(loss_fn: object) -> bool:
    """Whether the loss is the user's own function, method or module: what it makes of its arguments nobody can know without looking."""
    if isinstance(loss_fn, (FunctionType, MethodType)):
        return not loss_fn.__module__.startswith("torch.")
    return isinstance(loss_fn, nn.Module) and not type(loss_fn).__module__.startswith("torch.")


def meaning_of(loss: Tensor, prediction: Tensor, target: Tensor) -> Meaning | None:
    """What has made this loss of these two, if it is the mean of one of torch's loss functions, or that is one of its terms, before its gradient is taken.

    Of those that are written by hand, squared and absolute differences are recognised.
    """
    whole = _of_torch(batch_in(loss), loss, prediction, target) or _by_hand(loss, prediction, target)
    if whole is not None:
        return whole
    part = _of_torch(part_in(loss), loss, prediction, target)
    return None if part is None else replace(part, part=True)


def _by_hand(loss: Tensor, prediction: Tensor, target: Tensor) -> Meaning | None:
    given = differences_in(loss, Output.of(prediction))
    if given is None or not given.target.dim() or not _same(given.target, target):
        return None
    whole: Any = given.loss_fn
    return Meaning(whole, tuple(given.prediction.shape[1:]), tuple(given.target.shape[1:]), given.target.dtype)


def _same(given: Tensor, target: Tensor) -> bool:
    """Whether what the loss function was given are the values of this target: of several targets, as of kinds and times, another may be as many."""
    if given.numel() != target.numel() or not given.numel():
        return False
    there = target.detach().reshape(-1).to(given.dtype)
    off = (given.detach().reshape(-1) - there).abs().max()
    return bool(off <= ROUNDING * (1 + there.abs().max()))


def _of_torch(given: Batch | None, loss: Tensor, prediction: Tensor, target: Tensor) -> Meaning | None:
    node: Any = term_of(loss)
    if given is None or node is None or not given.prediction.dim() or not given.target.dim():
        return None
    if given.prediction.numel() != prediction.numel() or not _same(given.target, target):
        return None
    function: Any = given.loss_fn
    plain, settings = getattr(function, "func", function), getattr(function, "keywords", {})
    for _ in range(LONGEST):
        below = inputs(node)
        if len(below) != 1:  # two outputs are compared with each other
            return None
        node = below[0]
        if node is prediction.grad_fn:
            whole = functools.partial(plain, **settings) if settings else plain
            return Meaning(whole, tuple(given.prediction.shape[1:]), tuple(given.target.shape[1:]), given.target.dtype)
        further = SHARES.get((kind_of(node), plain))
        if further is not None and (kind_of(node) != "LogSoftmax" or node._saved_dim in CLASSES):  # noqa: SLF001  (documented: "Saved tensors" in torch's notes)
            plain = further
        elif kind_of(node) not in SHAPED | PICKED:  # which have picked all, as there are as many
            return None
    return None
