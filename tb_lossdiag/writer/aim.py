"""What a loss that is written by hand asks for, where that is not what it seems to: read off its graph before the gradient is taken."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Literal

import torch
from torch import Tensor

from tb_lossdiag.writer.crossing import multiplied_in
from tb_lossdiag.writer.graph_loss import COMBINED, SAME, SHAPED, TERMS, near, put_out_by
from tb_lossdiag.writer.nodes import Node, inputs, kind_of, sizes_of

__all__ = ["Aim", "aim_of"]

Aim = Literal["mean error", "exchanged", "raw scores", "no shares", "every pair", "shares again"]

POWERS = {"Abs", "Mul", "Pow"}  # of one value: with itself
REDUCED = {"Mean", "Sum"}
CHOSEN = {"Expand", "Gather", "Index", "IndexSelect", "Select", "Slice"}  # what takes one of several logarithms
BINARY = {"BinaryCrossEntropy", "BinaryCrossEntropyWithLogits"}
OFF = 0.05  # of the logarithm of what shares add up to: half precision is off by a tenth of that
LOGARITHM = -1.5  # least factor that must be one: labels, shares and signs are not below -1


def aim_of(loss: Tensor) -> Aim | None:
    """What is wrong with it: errors that are averaged before they are squared ("mean error"), prediction and target "exchanged" in a cross-entropy, or
    a CTC loss of "raw scores", which wants logarithms of probabilities; or a term that is a binary cross-entropy of targets that are "no shares";
    or one that multiplies what each sample has with what every other has ("every pair"); or a logarithm of the softmax of what is a softmax already
    ("shares again").
    """
    if _squares_a_mean(loss.grad_fn):
        return "mean error"
    if _exchanged(loss.grad_fn):
        return "exchanged"
    if any(map(_of_scores, _terms(loss.grad_fn, {"CtcLoss"}))):
        return "raw scores"
    if any(map(_of_amounts, _terms(loss.grad_fn, BINARY))):
        return "no shares"
    if _shares_again(loss.grad_fn):
        return "shares again"
    return "every pair" if multiplied_in(loss) else None


def _squares_a_mean(node: Node | None) -> bool:
    """Whether the loss is the square, or the absolute value, of the mean difference between an output and the targets, and nothing else."""
    while node is not None and kind_of(node) in SAME and len(inputs(node)) == 1:
        node = inputs(node)[0]
    below = [] if node is None else list(dict.fromkeys(inputs(node)))
    if node is None or kind_of(node) not in POWERS or len(below) != 1 or len(node.next_functions) > 2:  # noqa: PLR2004
        return False
    node, reduced = below[0], False
    while kind_of(node) in REDUCED | SHAPED | {"Div"} and len(inputs(node)) == 1:
        reduced |= kind_of(node) in REDUCED and sizes_of(node) == ()
        node = inputs(node)[0]
    many = sizes_of(node) or (1,)
    return reduced and many[0] > 1 and kind_of(node) in {"Rsub", "Sub"} and len(inputs(node)) == 1


def _terms(root: Node | None, kinds: AbstractSet[str]) -> list[Node]:
    """The terms of these kinds that a loss is made of, by sums, weights and means."""
    through = SAME | COMBINED | REDUCED | SHAPED | {"Where"}
    return [node for node in near(root, through) if kind_of(node) in kinds]


def _of_scores(node: Node) -> bool:
    """Whether what a CTC loss was given is no logarithm of shares that add up to one."""
    try:
        given = node._saved_log_probs  # noqa: SLF001  (documented: "Saved tensors" in torch's notes)
    except (AttributeError, RuntimeError):  # the gradient was taken, and what it needed is gone
        return False
    return isinstance(given, Tensor) and bool(given.detach().logsumexp(-1).abs().median() > OFF)


def _of_amounts(node: Node) -> bool:
    """Whether some of the targets of a binary cross-entropy lie outside of 0 and 1, where it has no lower bound."""
    try:
        target = node._saved_target  # noqa: SLF001
    except (AttributeError, RuntimeError):
        return False
    if not isinstance(target, Tensor) or not target.numel():
        return False
    low, high = torch.aminmax(target.detach())
    return bool((low < -OFF) | (high > 1 + OFF))


def _shares_again(root: Node | None) -> bool:
    """Whether a term picks from the logarithm of a softmax of shares: as `Categorical(logits=...)` does, which subtracts a logsumexp, or by hand.

    What torch's own loss functions are given is known without this.
    """
    for node in near(root, SAME | COMBINED | REDUCED | SHAPED | CHOSEN):
        below = inputs(node)
        if kind_of(node) == "LogSoftmax" and below and put_out_by(below[0]) == "Softmax":
            return True
        subtracted = below[1:] if kind_of(node) == "Sub" else []
        if any(kind_of(each) == "Logsumexp" and put_out_by(inputs(each)[0]) == "Softmax" for each in subtracted):
            return True
    return False


def _exchanged(root: Node | None) -> bool:
    """Whether it is a binary cross-entropy of the targets, given the output: torch's own, or one by hand, which multiplies a sigmoid by logarithms."""
    seen: set[Node] = set()
    left = [root]
    multiplied = False
    while left and len(seen) < TERMS:
        node = left.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        kind = kind_of(node)
        if kind == "BinaryCrossEntropy" and node.next_functions[0][0] is None:
            return True
        if kind == "Sigmoid":
            continue
        if kind == "Mul" and len(inputs(node)) == 1:
            multiplied |= _by_logarithms(node)
        elif kind not in SAME | COMBINED | SHAPED | {"Sum"} or (kind in {"Div", "Mul"} and len(inputs(node)) > 1):
            return False
        left += inputs(node)
    return multiplied and not left


def _by_logarithms(node: Node) -> bool:
    """Whether the constant factor of this product goes further below zero than labels and shares do."""
    try:
        factors = [getattr(node, name, None) for name in ("_saved_self", "_saved_other")]
    except RuntimeError:  # the gradient was taken, and what it needed is gone
        return False
    return any(isinstance(each, Tensor) and each.dim() > 0 and float(each.min()) < LOGARITHM for each in factors)
