"""Losses that compare each sample's prediction with every sample's target, as torch stretches (B, 1) and (B) to (B, B): read off the graph.

It holds the size of the differences and that of what they were made of, whoever has written the loss, and however many terms it has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch.nn.functional as F  # noqa: N812  (everybody's name for it)
from torch import Tensor

from tb_lossdiag.writer.graph_loss import COMBINED, SAME, near
from tb_lossdiag.writer.nodes import Node, inputs, kind_of, sizes_of
from tb_lossdiag.writer.reshapes import Sizes

__all__ = ["Crossing", "crossed_in", "multiplied_in"]

THROUGH = SAME | COMBINED | {"Maximum", "Minimum", "Sqrt", "Sum", "Where"}  # between a loss and its terms
Function = Callable[..., Tensor]
STRETCHED: Mapping[str, Function] = {
    "MseLoss": F.mse_loss,
    "SmoothL1Loss": F.smooth_l1_loss,
    "HuberLoss": F.huber_loss,
}  # both are stretched before them
PAIRS = 2  # axes of what compares each sample with each
POWERS: Mapping[str, Function] = {"Abs": F.l1_loss, "Mul": F.mse_loss, "Pow": F.mse_loss}  # of differences


@dataclass(frozen=True, slots=True)
class Crossing:
    """The loss function that it comes to, and the sizes of prediction and target, samples first."""

    loss_fn: Function
    prediction: Sizes
    target: Sizes


def crossed_in(loss: Tensor) -> Crossing | None:
    """The first term of a loss, before its gradient is taken, that compares samples with each other; None where there is none."""
    for node in near(loss.grad_fn, THROUGH):
        kind = kind_of(node)
        below = list(dict.fromkeys(inputs(node)))
        if kind in STRETCHED and len(below) == 1 and kind_of(below[0]) == "Expand":
            sizes = _crossed(below[0], below[0])
            if sizes is not None:
                return Crossing(STRETCHED[kind], *sizes)
        elif kind in POWERS and len(below) == 1 and kind_of(below[0]) in {"Rsub", "Sub"}:
            terms = inputs(below[0])
            sizes = _crossed(below[0], terms[0]) if len(terms) == 1 else None  # of two that learn it is meant
            if sizes is not None:
                return Crossing(POWERS[kind], *sizes)
    return None


def multiplied_in(loss: Tensor) -> bool:
    """Whether a term of a loss, before its gradient is taken, multiplies each sample's value with every sample's number: (B) with (B, 1), as an advantage.

    What stands for itself along an axis of one was meant to; and of two that learn it is.
    """
    for node in near(loss.grad_fn, THROUGH):
        below = inputs(node)
        if kind_of(node) == "Mul" and len(below) == 1 and kind_of(below[0]) not in {"Expand", "Unsqueeze"}:
            own, whole = sizes_of(below[0]), sizes_of(node)
            pairs = own is not None and whole is not None and len(whole) == PAIRS and crossed(own, whole) is not None
            if pairs and _factor(node) == max(own or (0,)):
                return True
    return False


def _factor(node: Node) -> int:
    """How many numbers the constant factor of a product has."""
    try:
        kept = [getattr(node, name, None) for name in ("_saved_self", "_saved_other")]
    except RuntimeError:  # the gradient was taken, and what it needed is gone
        return 0
    return sum(each.numel() for each in kept if isinstance(each, Tensor))


def _crossed(differences: Node, term: Node) -> tuple[Sizes, Sizes] | None:
    """The sizes of a prediction that was stretched to these differences, and of what it was compared with."""
    if kind_of(term) == "Expand" and inputs(term):
        term = inputs(term)[0]
    if kind_of(term) == "Unsqueeze":  # somebody wants it so
        return None
    own, whole = sizes_of(term), sizes_of(differences)
    return None if own is None or whole is None else crossed(own, whole)


def crossed(own: Sizes, whole: Sizes) -> tuple[Sizes, Sizes] | None:
    """The sizes of a prediction and its target where differences of the size `whole` hold the samples once more than the prediction does.

    >>> crossed((32, 1), (32, 32)), crossed((32,), (32, 32)), crossed((32, 3, 1, 1), (32, 3, 32, 3)), crossed((32, 1), (32, 5))
    (((32, 1), (32,)), ((32,), (32, 1)), ((32, 3, 1, 1), (32, 3)), None)
    """
    if not own or own[0] <= 1 or len(own) > len(whole):
        return None
    samples = len(whole) - len(own)  # the axis where they are
    filled = (1,) * samples + own
    stretched = [axis for axis, size in enumerate(filled) if size == 1 != whole[axis]]
    if not any(whole[axis] == own[0] for axis in stretched):
        return None
    first = stretched[0]
    target = tuple(1 if axis == samples else size for axis, size in enumerate(whole) if axis >= first)
    return own, target
