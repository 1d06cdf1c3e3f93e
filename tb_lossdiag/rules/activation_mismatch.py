"""# Activation does not fit

## What you see

The loss stops well above zero. Predictions crowd at a limit, and some targets or classes are never reached.

## Why it happens

An activation at the end decides what the network can say at all: a ReLU no negative number, a sigmoid nothing outside 0 to 1, a tanh
nothing outside -1 to 1, nor do the states of a recurrent layer reach further. A softmax gives its classes a total of 1 to share: wrong where a sample has several of them, or none, and wrong
between layers, where little of the signal and hardly any gradient gets through. And where the loss holds second derivatives of the network by
its inputs, as that of a physics-informed network does, a ReLU has none: its pieces are straight.

## What to do

Let the last layer be linear, or bring the targets into the range of the activation. Where several classes may be right at once, give each
a sigmoid of its own. Give a generator the range of its data. Between layers use ReLU or GELU; tanh, SiLU or sine where second derivatives are taken.

## When this is wrong

An output activation is right where it can produce all targets: a sigmoid for shares, a ReLU or softplus for amounts that are never
negative. A few targets beyond the limit do little harm. A softmax that weighs (attention, mixtures, topics) belongs where it is.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from tb_lossdiag.evidence import Curve, Evidence, Fact, Line, Mark
from tb_lossdiag.finding import REMARK, Finding, Remedy, confidence, percent
from tb_lossdiag.rule import Lacking, rule
from tb_lossdiag.series import Series
from tb_lossdiag.signals.chains import Chains
from tb_lossdiag.signals.data import Features, Targets
from tb_lossdiag.signals.limits import Limit, limit_of
from tb_lossdiag.signals.loss import Shape, signed
from tb_lossdiag.signals.outputs import CLOSE, Imitation, Outputs
from tb_lossdiag.signals.structure import LossFunction, Module, Modules

DOUBTFUL = 0.05  # share of targets beyond the limit: a tail ...
CERTAIN = 0.25  # ... and a quarter of all
BATCHES = 4  # outputs that must all keep to a limit before it is one
CLIPPED = 0.85  # confidence for scores that cannot be negative: softmax can live with that, as long as no class is dead
APART = 0.1  # from 1, the classes of a sample on average: beyond it they are several, or some samples have none
LOST = 0.97  # a class whose score is 0 for every sample, or scores that cannot grow
HIDDEN = 0.85  # confidence for a softmax between layers: some networks mean it ...
UNLEARNT = 0.1  # share of the loss that is left: above it nobody is served by what limits the network, ...
SURER = 0.95  # ... and this much is certain, then
MANY_SHARES = 16  # of a softmax between layers: with fewer they may be topics, or a choice that is meant
SIGMOIDS = 2  # hidden layers: one may be a gate,
DEEP = 8  # and of more than eight little gradient arrives at the first (4^-8 is 1e-5),
# which `vanishing-gradient` measures and tells
HELD_UP, STOPPED = 0.25, 0.7  # share of the loss that is left where nothing but sigmoids stands between the layers
SOME = 0.015  # ... and from which they are worth a remark
LATE = 1 / 3
SPREAD = 0.3  # from an end of its range, where an output began that has come to it since

OTHERS = {
    "HingeEmbeddingLoss", "MarginRankingLoss", "SoftMarginLoss", "MultiMarginLoss", "MultiLabelMarginLoss", "MultiLabelSoftMarginLoss",
    "CosineEmbeddingLoss", "KLDivLoss", "CTCLoss", "TripletMarginLoss", "hinge_embedding_loss", "margin_ranking_loss", "soft_margin_loss",
    "multi_margin_loss", "multilabel_margin_loss", "multilabel_soft_margin_loss", "cosine_embedding_loss", "kl_div", "ctc_loss",
    "triplet_margin_loss", "PoissonNLLLoss", "poisson_nll_loss", "GaussianNLLLoss", "gaussian_nll_loss",
}  # fmt: skip
"""Losses whose second argument is nothing that the output should become."""
SCORES = {"CrossEntropyLoss", "cross_entropy", "BCEWithLogitsLoss", "binary_cross_entropy_with_logits"}
DIFFERENCES = {
    "MSELoss", "mse_loss", "L1Loss", "l1_loss", "SmoothL1Loss", "smooth_l1_loss", "HuberLoss", "huber_loss",
}  # fmt: skip
OPEN = {
    "ReLU", "ReLU6", "LeakyReLU", "PReLU", "RReLU", "ELU", "SELU", "CELU", "GELU", "SiLU", "Mish", "Hardswish", "Softplus", "Tanh", "GLU",
}  # fmt: skip
WEIGHTS = {"Linear", "Conv1d", "Conv2d", "Conv3d"}
PIECEWISE = {"ReLU", "ReLU6", "LeakyReLU", "PReLU", "RReLU", "Hardtanh"}
QUIET = {"Identity", "Dropout", "Flatten", "BatchNorm1d", "BatchNorm2d", "LayerNorm"}


@rule(
    cause="An activation keeps the network from saying what it should: at the output, a softmax between layers, or one without the derivatives that the loss takes.",
    stage="setup",
    severity="error",
    remedies=(Remedy("Let the last layer be linear", "nn.Linear(width, targets)  # and no activation after it"),),
    explains=(
        "class-imbalance",
        "dead-units",
        "saturated-units",
        "vanishing-gradient",
        "learning-rate-too-low",
        "learning-rate-not-decayed",
        "undertrained",
        "insufficient-capacity",
        "uninformative-features",
        "over-regularization",
        "batch-too-small",
        "batch-too-large",
        "parameters-not-updated",
        "non-finite-values",
    ),
)
def activation_mismatch(
    modules: Modules,
    loss_function: LossFunction | None = None,
    outputs: Outputs | None = None,
    output_limit: Limit | None = None,
    target_range: Features | None = None,
    last_module: Module | None = None,
    chains: Chains | None = None,
    loss_left: float | None = None,
    train_loss: Series | None = None,
    targets: Targets | None = None,
    flat_derivative: bool | None = None,
    imitation: Imitation | None = None,
    train_shape: Shape | None = None,
    finished: bool | None = None,
    hidden_shares: tuple[int, ...] | None = None,
) -> Finding | None:
    """Second derivatives that are zero everywhere; the range that the outputs never leave, held against the targets or the data that they
    imitate; else what saturates between layers.
    """
    if flat_derivative and (last_module is None or last_module.type not in PIECEWISE):
        return _flat(modules)
    fake = _imitates(imitation) if imitation is not None else None
    if fake is not None:
        return fake
    left = loss_left if loss_left is not None else 0.0
    alone = _by_themselves(outputs, output_limit, last_module, left) if outputs is not None else None
    if alone is not None:
        return alone
    if outputs is not None and loss_function is not None and len(outputs.steps) >= BATCHES:
        found = _at_the_end(output_limit, loss_function, outputs, target_range, left) or _own_loss(
            output_limit, loss_function, outputs, targets, left
        )
        if loss_function.type not in DIFFERENCES | SCORES and train_loss is not None and signed(train_loss):
            found = None  # no distance: what it is given beside the output may be a return or an advantage
        found = found or _several_at_once(outputs, target_range, last_module, loss_function)
        if found is not None:
            return found
    within = (
        _hidden_softmax(chains or (), left)
        or _shares(hidden_shares or (), left)
        or _sigmoids(modules, last_module, _reached(left, train_shape), goes_on=finished is False)
    )
    if within is None and (outputs is None or loss_function is None):
        raise Lacking(
            *(name for name, each in (("loss_function", loss_function), ("outputs", outputs)) if each is None)
        )
    return within


def _by_themselves(outputs: Outputs, limit: Limit | None, last: Module | None, left: float) -> Finding | None:
    """What the outputs show whatever the loss makes of them: they all end where an activation keeps them."""
    if len(outputs.steps) >= BATCHES and _always_one(outputs, last):
        return _lone_softmax(outputs, last)
    if limit is not None and _silent(limit, outputs):
        return _never_above(limit, outputs)
    end = _pressed(outputs) if left > UNLEARNT else None
    return _at_an_end(end, outputs, last, left) if end is not None else None


def _flat(modules: Modules) -> Finding:
    """An activation made of straight pieces, in a loss that holds the network's second derivative."""
    found = [each for each in modules if each.order is not None and each.type in PIECEWISE]
    name = found[0].type if found else "ReLU"
    return Finding(
        summary=f"The loss holds a second derivative of the network, and that of {name} is 0 everywhere: this part of it teaches nothing.",
        confidence=LOST,
        since=0,
        where=[each.name for each in found],
        evidence=[
            Fact("Second derivative of each activation", 0.0, "value", None, ", ".join(each.name for each in found))
        ],
        remedies=[
            Remedy(
                f"Use an activation that can be differentiated twice in place of {name}",
                "nn.Tanh()  # or nn.SiLU(), or a sine",
                "A residual of the equation that falls.",
            )
        ],
    )


def _imitates(pair: Imitation) -> Finding | None:
    """Data beyond what a generator can put out, whatever it learns: its judge tells them apart by that."""
    limit = limit_of(pair.last)
    if limit is None:
        return None
    share = limit.beyond(pair.shown)
    sure = confidence(share, doubtful=DOUBTFUL, certain=CERTAIN)
    if not sure > 0.5:  # noqa: PLR2004  (as sure as not)
        return None
    low, high = float(pair.shown.min.min()), float(pair.shown.max.max())
    return Finding(
        summary=f"About {percent(share)} of the data are out of the generator's reach: they run from {low:.3g} to {high:.3g}, and "
        f"{limit.function} gives {limit.words}.",
        confidence=sure,
        since=0,
        where=limit.where,
        evidence=[Fact("Data out of reach", share, "share", DOUBTFUL, "more than a tail")],
        remedies=(
            Remedy(
                "Let data and generator have one range",
                "nn.Tanh()  # for data from -1 to 1; nn.Sigmoid() for data from 0 to 1",
                "A judge that is wrong about some of the generated samples.",
            ),
        ),
    )


def _at_the_end(
    limit: Limit | None, loss: LossFunction, outputs: Outputs, targets: Features | None, left: float
) -> Finding | None:
    """What the limit of the outputs does to this loss."""
    if limit is None or loss.type in OTHERS:
        return None
    if loss.type in SCORES:
        return _bounded_scores(limit, outputs, loss, left)
    if targets is None:
        return None
    rectified = limit.low == 0 and limit.high > 1 and loss.type not in DIFFERENCES
    if rectified and len(targets.mean) > 1 and targets.yes_or_no:
        return _rectified_shares(limit, outputs, left)
    return _unreached(limit, outputs, targets)


def _own_loss(
    limit: Limit | None, loss: LossFunction, outputs: Outputs, targets: Targets | None, left: float
) -> Finding | None:
    """Scores without a negative side, one for each class that occurs, which a loss of the user's own makes shares of."""
    if limit is None or targets is None or targets.counts is None or loss.type in OTHERS | SCORES | DIFFERENCES:
        return None
    each = len(outputs.names) > 1 and int((targets.counts > 0).sum()) == len(outputs.names)
    return _rectified_shares(limit, outputs, left) if each and limit.low == 0 and limit.high > 1 else None


def _several_at_once(
    outputs: Outputs, targets: Features | None, last: Module | None, loss: LossFunction
) -> Finding | None:
    """A softmax where samples have several classes at once, or none: its outputs always add up to 1."""
    if targets is None or loss.type in OTHERS or len(targets.mean) != outputs.mean.shape[1] or len(targets.mean) == 1:
        return None
    classes = float(targets.mean.sum())
    if not outputs.add_up or not targets.yes_or_no or abs(classes - 1) < APART:
        return None
    where = (last.name,) if last is not None and last.type == "Softmax" else ()
    limit = Limit(0.0, 1.0, where[0] if where else "a softmax at the end", where)
    return Finding(
        summary=f"A sample has {classes:.2g} of the {len(targets.mean)} classes on average, and a softmax gives them a total of 1 to share.",
        confidence=LOST,
        since=0,
        where=where,
        evidence=[
            *_range(limit, outputs),
            Fact("Classes of a sample, on average", classes, "count", 1.0, "what the outputs add up to"),
        ],
        remedies=(
            Remedy(
                "Give each class a sigmoid of its own, and binary cross-entropy",
                "loss_fn = nn.BCEWithLogitsLoss()  # and no activation after the last layer",
                "Outputs that may be high for several classes at once, and a lower loss.",
            ),
        ),
    )


def _rectified_shares(limit: Limit, outputs: Outputs, left: float) -> Finding:
    """A ReLU before a loss that takes its outputs for shares of classes: a class at 0 gets no gradient."""
    late = outputs.max[-max(1, round(LATE * len(outputs.steps))) :]
    dead = [name for name, highest in zip(outputs.names, late.max(axis=0), strict=True) if highest <= limit.low]
    return Finding(
        summary=f"There is an output for each of {len(outputs.names)} classes, and {limit.function} gives {limit.words}: where it is 0, "
        "nothing is learnt.",
        confidence=LOST if dead else SURER if left > UNLEARNT else CLIPPED,
        since=0,
        where=[*limit.where, *dead],
        evidence=_range(limit, outputs),
        remedies=(
            Remedy(
                "Let the last layer be linear, and use cross-entropy",
                "loss_fn = nn.CrossEntropyLoss()",
                "Gradients for each class from the first step.",
            ),
        ),
    )


def _always_one(outputs: Outputs, last: Module | None) -> bool:
    """Whether a single output is 1 for every sample of every batch: what a softmax makes of a single score."""
    single = len(outputs.names) == 1 and bool(np.all(outputs.min == 1) and np.all(outputs.max == 1))
    return single and (last is None or last.type in {"Softmax", "Identity"} or last.type in WEIGHTS)


def _lone_softmax(outputs: Outputs, last: Module | None) -> Finding:
    where = (last.name,) if last is not None and last.type == "Softmax" else ()
    limit = Limit(1.0, 1.0, where[0] if where else "a softmax at the end", where)
    return Finding(
        summary="The model's single output is 1 for every sample: a softmax over one score says nothing, and passes no gradient on.",
        confidence=LOST,
        since=0,
        where=where,
        evidence=_range(limit, outputs),
        remedies=(
            Remedy("Use a sigmoid for a single output", "nn.Sigmoid()  # or none, with nn.BCEWithLogitsLoss()"),
            Remedy("Or give each class an output of its own, and use cross-entropy", "nn.Linear(width, 2)"),
        ),
    )


def _silent(limit: Limit, outputs: Outputs) -> bool:
    """Whether a rectified output ends at its limit for every sample. One that is only ever a whole number was rounded."""
    rounded = bool(outputs.max.any()) and not (outputs.max % 1).any()
    late = outputs.max[-max(BATCHES, round(LATE * len(outputs.steps))) :]
    ends = len(late) >= BATCHES and limit.high > 1 and math.isfinite(limit.low) and bool(late.max() <= limit.low)
    return ends and not rounded


def _never_above(limit: Limit, outputs: Outputs) -> Finding:
    """A unit at the output that is dead: no sample gets a gradient through it."""
    return Finding(
        summary=f"The output is {limit.low:g} for every sample: {limit.function} gives {limit.words}, and passes no gradient on from there.",
        confidence=LOST,
        since=0,
        where=limit.where,
        evidence=_range(limit, outputs),
        remedies=(
            *_linear(limit, "Outputs that differ from sample to sample."),
            Remedy("Or use softplus where the targets are never negative", "nn.Softplus()"),
        ),
    )


def _pressed(outputs: Outputs) -> float | None:
    """The end, 1 or -1, that all outputs have come to from elsewhere, and none has ever crossed: a linear layer would overshoot."""
    late = slice(-max(BATCHES, round(LATE * len(outputs.steps))), None)
    for end in (1.0, -1.0):
        off = np.maximum(np.abs(outputs.min - end), np.abs(outputs.max - end)).max(axis=1)
        beyond = outputs.max.max() > end if end > 0 else outputs.min.min() < end
        if len(off) >= 2 * BATCHES and off[0] > SPREAD and bool(np.all(off[late] < CLOSE)) and not beyond:
            return end
    return None


def _at_an_end(end: float, outputs: Outputs, last: Module | None, left: float) -> Finding:
    """Outputs that a tanh or a sigmoid keeps from going on, whatever the targets are."""
    own = limit_of(last) if last is not None else None
    limit = own or Limit(-1.0 if outputs.min.min() < 0 else 0.0, 1.0, "a tanh or a sigmoid at the end", ())
    return Finding(
        summary=f"Every output has gone to {end:g}, where {limit.function} keeps it, and {percent(left)} of the loss is left: the targets lie beyond.",
        confidence=HIDDEN,
        since=0,
        where=limit.where,
        evidence=_range(limit, outputs),
        remedies=_linear(limit, "Outputs that differ from sample to sample."),
    )


def _unreached(limit: Limit, outputs: Outputs, targets: Features) -> Finding | None:
    """Targets beyond what the output can say, as a share, by their mean and deviation and within their range."""
    if len(targets.mean) != outputs.mean.shape[1]:
        return None
    share = limit.beyond(targets)
    sure = confidence(share, doubtful=DOUBTFUL, certain=CERTAIN)
    if sure > 0.5:  # noqa: PLR2004  (as sure as not)
        low, high = float(targets.min.min()), float(targets.max.max())
        return Finding(
            summary=f"About {percent(share)} of the targets are out of reach: they run from {low:.3g} to {high:.3g}, and "
            f"{limit.function} gives {limit.words}.",
            confidence=sure,
            since=0,
            where=limit.where,
            evidence=[
                *_range(limit, outputs),
                Fact("Targets out of reach", share, "share", DOUBTFUL, "more than a tail"),
            ],
            remedies=_linear(limit, "Predictions on both sides of the limit, and a loss that falls further."),
        )
    return None


def _bounded_scores(limit: Limit, outputs: Outputs, loss: LossFunction, left: float) -> Finding | None:
    """Scores for a softmax or sigmoid of the loss that cannot be negative, or not grow. Shares are `loss-mismatch`'s business."""
    if (limit.low, limit.high) == (0.0, 1.0):
        return None
    late = outputs.max[-max(1, round(LATE * len(outputs.steps))) :]
    dead = [name for name, highest in zip(outputs.names, late.max(axis=0), strict=True) if highest <= limit.low]
    rectified = limit.high > 1
    binary = "binary" in loss.type or "BCE" in loss.type
    tight = not rectified and float(late.max()) > 1 - 2 * CLOSE
    sure = LOST if dead or tight or (rectified and binary) else SURER if left > UNLEARNT else CLIPPED
    if rectified or tight:
        lost = f", and {len(dead)} of {len(outputs.names)} never rise above it" if dead else ""
        return Finding(
            summary=f"{loss.type} needs scores of any size and sign, and {limit.function} gives {limit.words}{lost}.",
            confidence=sure,
            since=0,
            where=[*limit.where, *dead],
            evidence=_range(limit, outputs),
            remedies=_linear(limit, "Scores on both sides of 0, and a lower loss."),
        )
    return None


def _hidden_softmax(chains: Chains, left: float) -> Finding | None:
    """A softmax whose result is the input of a further layer."""
    pairs = [
        (first, second)
        for chain in chains
        for plain in [[each for each in chain if each.type not in QUIET]]
        for first, second in pairwise(plain)
        if first.type in {"Softmax", "LogSoftmax"} and second.type in WEIGHTS
    ]
    if pairs:
        first, second = pairs[0]
        return Finding(
            summary=f"{first.name} is a {first.type} between layers, {len(pairs)} in all: {second.name} gets shares that add up to 1.",
            confidence=SURER if left > UNLEARNT else HIDDEN,
            since=0,
            where=[each.name for each, _ in pairs],
            evidence=[
                Fact("Softmax between layers", len(pairs), "count", 0, ", ".join(each.name for each, _ in pairs))
            ],
            remedies=[
                Remedy(f"Use a ReLU in place of {first.name}", "nn.ReLU()", "Larger gradients in the layers before it.")
            ],
        )
    return None


def _shares(widths: tuple[int, ...], left: float) -> Finding | None:
    """The same of a softmax that no module tells of, or that no Sequential holds; of few classes it may be meant, as topics or a choice."""
    if not widths:
        return None
    wide = max(widths)
    return Finding(
        summary=f"A softmax stands between layers: the next one gets {wide:,} shares that add up to 1.",
        confidence=HIDDEN,
        since=0,
        severity=None if left > UNLEARNT and wide >= MANY_SHARES else "info",
        evidence=[Fact("Softmax between layers", len(widths), "count", 0)],
        remedies=[Remedy("Use a ReLU in its place", "F.relu(x)", "Larger gradients in the layers before it.")],
    )


def _reached(left: float, train: Shape | None) -> float:
    """The least of the loss that ever was left: activations that let the network learn are not why it was lost again."""
    return left * min(1.0, train.best / train.last) if train is not None and train.last > 0 else left


def _sigmoids(modules: Modules, last: Module | None, left: float, *, goes_on: bool) -> Finding | None:
    """Sigmoids as the only activation of several hidden layers, in a network that does not get far; of one that goes on that is not known yet.

    The slope of a sigmoid is a quarter at most (Glorot and Bengio 2010), and its outputs are never centred.
    """
    called = [each for each in modules if each.order is not None and not each.children]
    hidden = [each for each in called if each.type in {"Sigmoid", "Hardsigmoid"} and each != last]
    others = any(each.type in OPEN for each in called)
    sure = confidence(left, doubtful=HELD_UP, certain=STOPPED)
    if SIGMOIDS <= len(hidden) <= DEEP and not others and left > SOME:
        names = ", ".join(each.name for each in hidden)
        return Finding(
            summary=f"{len(hidden)} hidden layers end in a sigmoid, whose slope is a quarter at most, and {percent(left)} of the loss is left.",
            confidence=max(sure, REMARK),
            severity=None if sure > REMARK and not goes_on else "info",
            since=0,
            where=[each.name for each in hidden],
            evidence=[
                Fact("Sigmoids between layers", len(hidden), "count", 0, names),
                Fact("Share of the loss that is left", left, "share", HELD_UP),
            ],
            remedies=[
                Remedy("Use a ReLU in place of the sigmoids", "nn.ReLU()", "Larger gradients in the first layers.")
            ],
        )
    return None


def _range(limit: Limit, outputs: Outputs) -> list[Evidence]:
    marks = [Mark("level", "limit of the output", each) for each in (limit.low, limit.high) if math.isfinite(each)]
    lines = [
        Line("largest output", "observed", Series(outputs.steps, outputs.max.max(axis=1))),
        Line("smallest output", "observed", Series(outputs.steps, outputs.min.min(axis=1))),
    ]
    return [Curve("Range of the outputs, batch by batch", lines, "value", marks)]


def _linear(limit: Limit, expect: str) -> tuple[Remedy, ...]:
    name = limit.where[0] if limit.where else "the activation after the last layer"
    if limit.recurrent:
        return (Remedy(f"Put a linear layer behind {name}", "y = nn.Linear(hidden, targets)(states)", expect),)
    return (Remedy(f"Remove {name}", "", expect), Remedy("Or bring the targets into its range"))
