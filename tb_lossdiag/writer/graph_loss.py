"""Which loss function has made a loss of what, read off the loss itself: for one that was computed where nobody looked."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import torch.nn.functional as F  # noqa: N812  (everybody's name for it)
from torch import Tensor

from tb_lossdiag.writer.data import Batch
from tb_lossdiag.writer.nodes import WEIGHTED, Node, inputs, kind_of

__all__ = [
    "NEGATIVE",
    "SHAPED",
    "Output",
    "batch_in",
    "differences_in",
    "divergence_of_shares",
    "ends_in",
    "near",
    "part_in",
    "put_out_by",
    "raw_logarithm",
    "shares_in",
]

FUNCTIONS: Mapping[str, Callable[..., Tensor]] = {
    "MseLoss": F.mse_loss, "NllLoss": F.nll_loss, "NllLoss2D": F.nll_loss, "BinaryCrossEntropy": F.binary_cross_entropy,
    "BinaryCrossEntropyWithLogits": F.binary_cross_entropy_with_logits, "SmoothL1Loss": F.smooth_l1_loss, "HuberLoss": F.huber_loss,
}  # fmt: skip
"""By the name that torch gives their gradients. Cross-entropy is the last of them but a logarithm: its predictions are log-probabilities."""
SQUARES, AMOUNTS = F.mse_loss, F.l1_loss
CLASSES = {"NllLoss", "NllLoss2D"}
"""Those whose targets are classes."""
SAME = {"Alias", "Clone", "Mean", "Reshape", "Squeeze", "ToCopy", "Unsqueeze", "View"}
"""What leaves a mean what it is."""
COMBINED = {"Add", "Sub", "Rsub", "Mul", "Div", "Neg"}
"""What makes one loss of several."""
TERMS = 60  # nodes of such a loss that are looked at
ENDS = {
    "Sigmoid": "Sigmoid", "Softmax": "Softmax", "Tanh": "Tanh", "Relu": "ReLU", "Softplus": "Softplus", "Hardsigmoid": "Hardsigmoid",
}  # fmt: skip
"""Activations that limit what comes out of them, as torch calls their gradients, and the modules of the same name."""
SHAPED = {"Alias", "Clone", "Flatten", "Reshape", "Squeeze", "ToCopy", "UnsafeView", "Unsqueeze", "View"}
"""What leaves the values of an output as they are."""
PICKED = {"Index", "IndexSelect", "MaskedSelect", "Slice"}
"""What takes some of an output's samples, as the nodes of a graph that have a label."""
BOUNDED = {"Add", "Clamp", "ClampMin", "ClampMax", "Rsub", "Sub", "Maximum", "Minimum"}
"""What keeps a logarithm's argument away from 0, or takes it from 1."""
TOLD = {"Gather", "Index", "LogSoftmax", "NllLoss", "NllLoss2D", "Sum", "Where"}
"""What stands between a loss of classes that is written by hand and its logarithms."""
NOUGHT = 1e-3  # what a logarithm is kept above, at most: evidence that begins at 1 is not cut off
ROUNDING = 1e-3  # of shares that add up to 1, and of a target and what it lacks of 1
TABLE = 2  # axes of the differences between each prediction and each target
SETTINGS = {
    "weight": None,
    "pos_weight": None,
    "ignore_index": -100,
    "beta": 1.0,
    "delta": 1.0,
}  # as they are where nobody sets them
NEGATIVE = 1 << 63  # from which on a number below zero stands where torch keeps it as one without a sign
SUM = 2  # torch's number for that reduction


def batch_in(loss: Tensor) -> Batch | None:
    """Prediction and target of a loss that is the mean of one of torch's loss functions and nothing else, before its gradient is taken."""
    node = term_of(loss)
    if node is None or not _only(loss, node):
        return None
    return _batch(node)


def part_in(loss: Tensor) -> Batch | None:
    """The same of a loss that is made of several terms, one of which is the mean of one of torch's loss functions."""
    node = term_of(loss)
    return None if node is None else _batch(node)


def ends_in(loss: Tensor) -> str | None:
    """The activation, if there is one, that puts out the prediction of the loss function: `Sigmoid`, whether it is a module or a function."""
    node = term_of(loss)
    if node is None:
        return None
    sides = [each for each, _ in node.next_functions if each is not None]
    if len(sides) != 1:  # two outputs are compared with each other
        return None
    node, logarithms = sides[0], 0
    while kind_of(node) in SHAPED | PICKED | {"LogSoftmax"} and len(inputs(node)) == 1 and logarithms <= 1:
        logarithms += kind_of(node) == "LogSoftmax"  # the loss function's own, or what it wants
        node = inputs(node)[0]
    return ENDS.get(kind_of(node))


def raw_logarithm(loss: Tensor) -> bool:
    """Whether the loss takes the logarithm of what a layer has put out, with no activation in between that would keep it above 0, where it is cut off."""
    for node in near(loss.grad_fn, SAME | COMBINED | TOLD):
        if kind_of(node) == "Log" and _cut_off(node):
            below = inputs(node)
            while below and kind_of(below[0]) in BOUNDED | SHAPED | {"Div"}:  # by their sum
                below = inputs(below[0])
            if below and kind_of(below[0]) in WEIGHTED | {"Relu"}:
                return True
    return False


def _cut_off(logarithm: Any) -> bool:  # noqa: ANN401  (torch's nodes)
    """Whether it is taken of values as near to 0 as those are that would lie below."""
    try:
        argument = logarithm._saved_self  # noqa: SLF001
    except RuntimeError:  # the gradient was taken, and what it needed is gone
        return False
    return bool(argument.numel()) and bool(argument.min() < NOUGHT)


def shares_in(loss: Tensor) -> Batch | None:
    """Prediction and target of a cross-entropy that is written by hand: `-(y * p.log() + (1 - y) * (1 - p).log()).mean()`, or `-(y * p.log()).sum(1).mean()`
    of labels that are 1 for one class of each sample.

    The graph holds both logarithms' arguments, which add up to 1, and what each is multiplied by, which does so, too.
    """
    terms = [each for node in near(loss.grad_fn, SAME | COMBINED | {"Sum"}) for each in _weighed(node)]
    if len(terms) == 1:
        return _of_one_class(*terms[0][:2])
    if len(terms) != 2:  # noqa: PLR2004  (of yes and of no)
        return None
    (first, weight, _), (second, other, _) = terms
    if second.shape != first.shape or other.shape != weight.shape or weight.dim() != first.dim():
        return None  # a target may be one for several outputs, by mistake
    if not _near_one(first + second) or not _near_one(weight + other):
        return None
    prediction, target, _ = min(terms, key=lambda each: each[2])
    return Batch(F.binary_cross_entropy, prediction, target.to(prediction.dtype))


def _of_one_class(shares: Tensor, labels: Tensor) -> Batch | None:
    """The same of a logarithm that is multiplied by a table of labels."""
    table = labels.dim() == TABLE and labels.shape == shares.shape and labels.shape[1] > 1
    if not table or not _near_one(labels.sum(1)) or not _near_one(labels.amax(1)) or not bool((shares > 0).all()):
        return None
    return Batch(F.nll_loss, shares.log(), labels.argmax(1))


def _weighed(node: Any) -> list[tuple[Tensor, Tensor, bool]]:  # noqa: ANN401  (torch's nodes)
    """Of a product with a logarithm: the logarithm's argument, what it is multiplied by, and whether the argument was taken from something."""
    if kind_of(node) != "Mul":
        return []
    sides = [each for each, _ in node.next_functions]
    logarithms = [i for i, each in enumerate(sides) if each is not None and kind_of(each) == "Log"]
    if len(logarithms) != 1 or len(sides) != 2:  # noqa: PLR2004  (factors)
        return []
    logarithm: Any = sides[logarithms[0]]
    try:
        weight = node._saved_other if logarithms[0] == 0 else node._saved_self  # noqa: SLF001
        argument = logarithm._saved_self  # noqa: SLF001
    except RuntimeError:  # the gradient was taken, and what it needed is gone
        return []
    if not isinstance(weight, Tensor) or not weight.dim():
        return []
    below = inputs(logarithm)
    while len(below) == 1 and kind_of(below[0]) in {"Add", "Clamp", "ClampMin", "ClampMax"} | SHAPED:
        below = inputs(below[0])
    taken = bool(below) and kind_of(below[0]) in {"Rsub", "Sub"}
    return [(argument.detach(), weight.detach(), taken)]


def _near_one(values: Tensor) -> bool:
    """Whether all of them are 1, but for rounding."""
    return bool(values.numel()) and bool(((values.double() - 1).abs() <= ROUNDING).all())


def divergence_of_shares(loss: Tensor) -> bool:
    """Whether a term of the loss is torch's `kl_div` of a softmax, where it wants its logarithm: target * (log(target) - softmax) then.

    torch makes it of plain operations: the sum of a constant less the product of the target and of what it was given first.
    """
    for node in near(loss.grad_fn, SAME | COMBINED | {"Sum"}):
        below = [each for each, _ in node.next_functions]
        if kind_of(node) == "Sub" and len(below) == TABLE and below[0] is None and kind_of(below[1]) == "Mul":
            given = inputs(below[1])
            if len(given) == 1 and put_out_by(given[0]) == "Softmax":
                return True
    return False


def put_out_by(node: Node | None) -> str:
    """The kind of operation that these values come from, behind what leaves them as they are; "" for values that nothing has made."""
    while node is not None and kind_of(node) in SHAPED and len(inputs(node)) == 1:
        node = inputs(node)[0]
    return kind_of(node) if node is not None else ""


def near(root: Node | None, through: AbstractSet[str]) -> Iterator[Node]:
    """The nodes that a loss is made of, each once, from the loss on and through those of these kinds; no more than is worth a look."""
    seen: set[Node] = set()
    left = [root]
    while left and len(seen) < TERMS:
        node = left.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        yield node
        if kind_of(node) in through:
            left += inputs(node)


def term_of(loss: Tensor) -> Node | None:
    """The one node of the loss that is a loss function of torch's; None where there are several, or none, or more than is worth a look.

    Of several the one that is told of classes: a detector's beside its boxes. Only what is done to single numbers is looked
    through: sums of terms, and their weights.
    """
    found: list[Node] = []
    seen: set[Node] = set()
    left = [loss.grad_fn]
    while left and len(seen) < TERMS:
        node = left.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if kind_of(node) in FUNCTIONS:
            found.append(node)
        elif kind_of(node) in SAME | COMBINED:
            left += inputs(node)
    of_classes = [each for each in found if kind_of(each) in CLASSES]
    told = found if len(found) == 1 else of_classes
    return told[0] if len(told) == 1 and not left else None


def _only(loss: Tensor, term: Node) -> bool:
    """Whether the loss is this term alone."""
    node = loss.grad_fn
    while node is not None and node is not term and kind_of(node) in SAME and len(inputs(node)) == 1:
        node = inputs(node)[0]
    return node is term


def _batch(node: Node) -> Batch | None:
    if node._saved_reduction == SUM:  # noqa: SLF001  (documented, for all their underscores: "Saved tensors" in torch's notes)
        return None
    try:
        prediction, target = node._saved_self, node._saved_target  # noqa: SLF001
        settings = {name: getattr(node, f"_saved_{name}", None) for name in SETTINGS}
    except RuntimeError:  # the gradient was taken, and what it needed is gone
        return None
    if [each is None for each, _ in node.next_functions[:2]] == [True, False]:  # mse_loss(target, output)
        prediction, target = target, prediction
    ignored = settings["ignore_index"]
    settings["ignore_index"] = ignored - 2 * NEGATIVE if ignored is not None and ignored >= NEGATIVE else ignored
    given = {
        name: each for name, each in settings.items() if isinstance(each, Tensor) or each not in {None, SETTINGS[name]}
    }
    function = FUNCTIONS[kind_of(node)]
    return Batch(functools.partial(function, **given) if given else function, prediction, target)


@dataclass(frozen=True, slots=True)
class Output:
    """What the model has put out: where it stands in the graph, and its values."""

    node: Any
    values: Tensor

    @classmethod
    def of(cls, value: Tensor) -> Output:
        """Look at this one."""
        return cls(value.grad_fn, value.detach())


def differences_in(loss: Tensor, output: Output) -> Batch | None:
    """The same for a loss that is written by hand, as `((model(x) - y) ** 2).mean()`: the mean of squared or absolute differences.

    The graph holds the differences; with the model's output they tell the targets. One dimension too many, where each prediction is
    compared with each target, leaves a square of them.
    """
    node, averaged = loss.grad_fn, False
    while node is not None and kind_of(node) in SAME and len(inputs(node)) == 1:
        averaged |= kind_of(node) == "Mean"
        node = inputs(node)[0]
    found = _differences(node) if node is not None and averaged else None
    if found is None:
        return None
    function, differences, (first, second) = found
    if _leads_to(first, output.node):
        sign = 1.0
    elif _leads_to(second, output.node):
        sign = -1.0
    else:
        return None
    told = _told_apart(output.values, sign * differences.detach())
    return None if told is None else Batch(function, *told)


def _differences(node: Any) -> tuple[Callable[..., Tensor], Tensor, tuple[Any, Any]] | None:  # noqa: ANN401  (torch's nodes)
    """Which function of differences this is, the differences, and the nodes that they are between."""
    below = [each for each, _ in node.next_functions]
    try:
        if kind_of(node) == "Pow" and node._saved_exponent == 2:  # noqa: SLF001, PLR2004  (a square)
            found = SQUARES, node._saved_self  # noqa: SLF001
        elif kind_of(node) == "Abs":
            found = AMOUNTS, node._saved_self  # noqa: SLF001
        elif kind_of(node) == "Mul" and len(below) == 2 and below[0] is below[1]:  # noqa: PLR2004  (with itself)
            found = SQUARES, node._saved_self  # noqa: SLF001
        else:
            return None
    except RuntimeError:  # the gradient was taken, and what it needed is gone
        return None
    between = [each for each, _ in below[0].next_functions] if below[0] is not None else []
    if below[0] is None or kind_of(below[0]) not in {"Sub", "Rsub"} or not between or found[1] is None:
        return None
    first, second = (*between, None)[:2]
    return *found, (second, first) if kind_of(below[0]) == "Rsub" else (first, second)


def _leads_to(node: Any, wanted: Any) -> bool:  # noqa: ANN401  (torch's nodes)
    """Whether this is the output itself, or a view of it."""
    while node is not None and node is not wanted and kind_of(node) in SHAPED and len(inputs(node)) == 1:
        node = inputs(node)[0]
    return node is not None and node is wanted


def _told_apart(prediction: Tensor, differences: Tensor) -> tuple[Tensor, Tensor] | None:
    """Prediction and target of prediction - target = differences; None where that cannot be told."""
    if prediction.numel() == differences.numel():
        prediction = prediction.reshape(differences.shape)
        return prediction, prediction - differences
    count = prediction.numel()
    if differences.dim() != TABLE or tuple(differences.shape) != (count, count):
        return None
    if prediction.dim() == 1:  # along the columns, for torch aligns the last axis: the targets are along the rows
        return prediction, (prediction[0] - differences[:, 0])[:, None]
    return prediction, prediction.reshape(-1)[0] - differences[0]
