"""# Missing non-linearity

## What you see

The loss falls to what a straight line can do and stays there. A larger network does no better.

## Why it happens

Two linear layers in a row are one linear layer: without an activation between them the second adds nothing, and the network
cannot bend. An activation applied to the result of another squeezes what the first left, and the gradient with it.

## What to do

Put an activation between the layers named, and only one after each.

## When this is wrong

A narrow layer between two wide ones keeps a matrix small on purpose (low rank, a linear bottleneck), and so does a depthwise convolution
before a pointwise one; neither is counted. Layers outside an `nn.Sequential`, and matrices of your own, are judged only where the graph of the
gradient shows that nothing bends between them: a function may stand there that no hook sees.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from tb_lossdiag.evidence import Evidence, Fact, Table
from tb_lossdiag.finding import Finding, Remedy, confidence
from tb_lossdiag.rule import rule
from tb_lossdiag.signals.chains import Chains
from tb_lossdiag.signals.structure import RECURRENT, Module, Modules, Parameters

LITTLE = 0.15  # share of the places for an activation that lack one: doubtful
ALL = 0.9  # certain: what is left cannot bend
HALF = 0.5  # below it the network still bends: worth knowing, no more
NOTHING = 0.9  # share of the loss that is left: a network that learns nothing bends too little, for all one can see ...
SEVERAL = 0.25
SUSPECT = 0.8  # ... and a layer that does nothing is the first thing to mend
TWICE = 0.8  # confidence that a squeezing pair matters: some such networks still learn
FILTERS, UNBENT = 3, 0.95  # convolutions, and how sure of a network of so many in which nothing bends
NO_BEND = 0.9  # slope of a leaky ReLU below zero, of 1 above it
MATRIX = 2  # axes
IDLE = 0.6  # confidence that a pair whose second does nothing is worth a word

LINEAR = {"Linear": "features", "Conv1d": "channels", "Conv2d": "channels", "Conv3d": "channels"}
BETWEEN = {"Identity", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "BatchNorm1d", "BatchNorm2d", "BatchNorm3d"}
STRAIGHT = BETWEEN | {
    "Flatten",
    "Unflatten",
    "AvgPool1d",
    "AvgPool2d",
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "Embedding",
}
SQUEEZING = {
    ("Sigmoid", "Sigmoid"), ("Tanh", "Tanh"), ("Softmax", "Softmax"), ("Softmax", "LogSoftmax"), ("Sigmoid", "Tanh"),
    ("Tanh", "Sigmoid"), ("ReLU", "Sigmoid"), ("ReLU", "Tanh"), ("ReLU", "Softmax"), ("ReLU", "LogSoftmax"),
}  # fmt: skip
REPEATED = {("ReLU", "ReLU"), ("Sigmoid", "ReLU"), ("Softmax", "ReLU")}  # the second changes nothing

Pair = tuple[Module, Module]


@rule(
    cause="Linear layers follow each other without an activation, or an activation is applied twice: the network cannot bend.",
    stage="setup",
    severity="error",
    remedies=(Remedy("Put one activation between the two layers", "nn.Sequential(first, nn.ReLU(), second)"),),
    explains=(
        "insufficient-capacity",
        "undertrained",
        "uninformative-features",
        "broken-input",
        "saturated-units",
        "learning-rate-too-low",
        "learning-rate-not-decayed",
        "vanishing-gradient",
        "batch-too-small",
        "batch-too-large",
    ),
)
def missing_nonlinearity(
    chains: Chains,
    modules: Modules,
    straight: bool | None = None,
    loss_left: float | None = None,
    parameters: Parameters | None = None,
    recurring: Mapping[str, int] | None = None,
) -> Finding | None:
    """Pairs of linear layers with nothing between them, as a share of all places that have or lack an activation.

    Where the graph of the gradient shows that nothing bends, layers follow each other in the order in which they are called; but a
    recurrent layer, which is one node there, bends within. Layers that are written out as products with matrices follow each other there
    in the order in which the matrices were made; a recurrence of these may be straight on purpose, as a linear system is.
    """
    if straight and not any(each.type in RECURRENT for each in modules if each.order is not None):
        layers = tuple(each for each in modules if each.order is not None and each.type in LINEAR)
        chains = (layers or _matrices(parameters or (), recurring or {}),)
        modules = ()
    bare = [pair for chain in chains for pair in _neighbours(chain) if _collapses(*pair)]
    twice = [pair for chain in chains for pair in _neighbours(chain) if _types(pair) in SQUEEZING | REPEATED]
    bends = sum(1 for each in modules if each.order is not None and _may_bend(each))
    share = len(bare) / max(1, len(bare) + bends)
    sure = confidence(share, doubtful=LITTLE, certain=ALL)
    nothing = share > SEVERAL and loss_left is not None and loss_left > NOTHING
    sure = max(sure, SUSPECT) if nothing else sure
    if sure > 0.5:  # noqa: PLR2004  (as sure as not)
        first = bare[0]
        return Finding(
            summary=_summary(len(bare), bends, first),
            confidence=sure,
            since=0,
            where=list(dict.fromkeys(each.name for pair in bare for each in pair)),
            evidence=_evidence("Linear layers in a row", bare, bends),
            remedies=_between(first),
            severity="error" if share >= HALF or nothing else "info",
        )
    filters = [each for chain in chains for each in chain if each.type != "Linear"]
    if straight and len(filters) >= FILTERS and loss_left is not None and loss_left > HALF:
        return _unbent(filters)
    if twice:
        squeezing = [pair for pair in twice if _types(pair) in SQUEEZING]
        first = (squeezing or twice)[0]
        return Finding(
            summary=f"Two activations follow each other in {len(twice)} place{'s' * (len(twice) > 1)}: {_named(first)}.",
            confidence=TWICE if squeezing else IDLE,
            since=0,
            where=[second.name for _, second in twice],
            evidence=_evidence("Activations in a row", twice, None),
            remedies=(
                Remedy(f"Remove one of {first[0].name} ({first[0].type}) and {first[1].name} ({first[1].type})"),
            ),
            severity="warning" if squeezing else "info",
        )
    return None


def _matrices(parameters: Parameters, recurring: Mapping[str, int]) -> tuple[Module, ...]:
    """Matrices of the user's own as linear layers, if each takes what the one before puts out."""
    own = [each for each in parameters if each.kind == "other" and len(each.shape) == MATRIX and each.trainable]
    if any(each.name in recurring for each in own):
        return ()
    for first, last in ((0, 1), (1, 0)):  # x @ weights, or weights @ x
        if all(one.shape[last] == other.shape[first] for one, other in pairwise(own)):
            widths = [{"in_features": each.shape[first], "out_features": each.shape[last]} for each in own]
            return tuple(Module(each.name, "Linear", i, widths[i], 0) for i, each in enumerate(own))
    return ()


def _unbent(filters: list[Module]) -> Finding:
    """Filters of several kinds, in a network that cannot bend anywhere: nobody means it, though two of them may be parts of one."""
    return Finding(
        summary=f"The network has no activation: nothing bends between its {len(filters)} convolutions, so all of them do no more than one.",
        confidence=UNBENT,
        since=0,
        where=[each.name for each in filters],
        evidence=[Table("Linear layers", ["layer", "type"], [[each.name, each.type] for each in filters])],
        remedies=(
            Remedy(
                "Put an activation behind each normalisation, or each convolution",
                "nn.Sequential(conv, norm, nn.ELU(), pool)",
                "A loss that falls below what a linear model reaches.",
            ),
        ),
    )


def _neighbours(chain: tuple[Module, ...]) -> list[Pair]:
    """Pairs of modules with nothing between them that could bend: dropout is off in use, batch normalisation is linear there."""
    return list(pairwise(each for each in chain if each.type not in BETWEEN and not _leaks(each)))


def _leaks(module: Module) -> bool:
    """Whether a leaky ReLU lets everything through: `LeakyReLU(True)` has a slope of 1 on both sides, where `inplace=True` was meant."""
    return module.type == "LeakyReLU" and float(module.settings.get("negative_slope") or 0.0) >= NO_BEND


def _collapses(first: Module, second: Module) -> bool:
    """Whether one layer could do what the two do: both linear, and the middle not narrower than both ends."""
    if first.type not in LINEAR or second.type != first.type:
        return False
    ends = [_width(first, "in"), _width(first, "out"), _width(second, "out")]
    known = [each for each in ends if each is not None]
    if _width(second, "in") != _width(first, "out"):  # neighbours by the order of calls alone, such as two heads
        return False
    return len(known) == len(ends) and known[1] >= min(known[0], known[2]) and _plain(first) and _plain(second)


def _width(module: Module, side: str) -> int | None:
    width = module.settings.get(f"{side}_{LINEAR[module.type]}")
    return width if isinstance(width, int) else None


def _plain(module: Module) -> bool:
    """Not a part of a factorised convolution: one group, and a kernel of equal sides."""
    kernel = module.settings.get("kernel_size")
    equal = len(set(kernel)) == 1 if isinstance(kernel, (list, tuple)) else True
    return module.settings.get("groups", 1) == 1 and equal


def _may_bend(module: Module) -> bool:
    """Whether a module is, or may hold, a non-linearity: an activation, anything unknown, a forward method that joins others."""
    if module.children:
        return module.type != "Sequential" and module.children > 1
    return module.type not in STRAIGHT | LINEAR.keys() | OUTPUT and not _leaks(module)


OUTPUT = {"Softmax", "LogSoftmax"}  # turn scores into shares, and separate nothing that a line does not


def _types(pair: Pair) -> tuple[str, str]:
    return pair[0].type, pair[1].type


def _named(pair: Pair) -> str:
    return f"{pair[1].name} ({pair[1].type}) takes what {pair[0].name} ({pair[0].type}) puts out"


def _summary(missing: int, bends: int, first: Pair) -> str:
    pair = f"{first[0].name} and {first[1].name}"
    places = f"{missing} place{'s' * (missing > 1)}"
    if not bends:
        return f"The network has no activation: in {places} a layer follows another directly, such as {pair}."
    return f"An activation is missing in {places}: {pair} follow each other and do no more than a single linear layer."


def _evidence(title: str, pairs: list[Pair], bends: int | None) -> list[Evidence]:
    rows = [[first.name, first.type, second.name, second.type] for first, second in pairs]
    table = Table(title, ["layer", "type", "next layer", "its type"], rows)
    if bends is None:
        return [table]
    return [
        table,
        Fact("Places without an activation", len(pairs), "count", bends, "compared with those that may have one"),
    ]


def _between(pair: Pair) -> tuple[Remedy, ...]:
    action = f"Put an activation between {pair[0].name} and {pair[1].name}"
    return (
        Remedy(
            action,
            "nn.Sequential(..., first, nn.ReLU(), second, ...)",
            "A loss that falls below what a linear model reaches.",
        ),
        Remedy("Or, if a linear model is what you want: make one layer of the two, which trains faster"),
    )
