"""# Unnormalised input

## What you see

The loss hardly falls, jumps at ordinary learning rates, or settles at the level of a guess. Features live on very
different scales, or far from zero.

## Why it happens

A feature that is a hundred times larger than the others gets gradients that are a hundred times larger: any learning rate is too
high for it or too low for the rest. Large inputs also push units into saturation, or switch them off for good.

## What to do

Give each feature zero mean and unit variance, with the statistics of the training set, and apply the same to
validation, test and use.

## When this is wrong

One-hot and other sparse features have unequal scales by nature. A network that begins with a normalisation layer does this by itself.
"""

from __future__ import annotations

import math

import numpy as np

from tb_lossdiag.evidence import Bars, Evidence, Table
from tb_lossdiag.finding import REMARK, Finding, Remedy, confidence
from tb_lossdiag.rule import rule
from tb_lossdiag.signals.data import Features
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.structure import Modules, Parameters

DOUBTFUL = 8.0  # root mean square of the largest feature; a standardised one has 1, a heavy-tailed one up to 5
CERTAIN = 40.0  # raw bytes have about 140
AWAY, FAR_AWAY = 3.0, 6.0  # mean of the median feature, both as it is and over its deviation: pixels in 0 to 1 have 0.4
# mean of the median feature over its deviation, however small both: what varies is a hundredth of what is added up
HIDDEN, LOST = 30.0, 100.0
TINY = 0.02  # inputs all below this leave the first layer with nothing but its bias
UNEQUAL = 100.0  # largest to median scale: a spread that no single learning rate serves
LEFT, LEFT_IN_VALIDATION = 0.05, 0.3  # of a blind guess's loss: less than this was learnt in spite of the scale
SHOWN = 30  # features in the picture


@rule(
    cause="The inputs are on very different scales, or far from zero mean and unit scale.",
    stage="setup",
    severity="error",
    remedies=(
        Remedy(
            "Standardise each feature with the training set's statistics",
            "mean, std = x_train.mean(0), x_train.std(0)\nx = (x - mean) / (std + 1e-8)",
            "The update ratios of the first layer fall into line with the others, and the loss falls from the first steps.",
        ),
        Remedy("Or begin the network with a normalisation layer", "nn.BatchNorm1d(features)"),
    ),
    explains=(
        "saturated-units",
        "dead-units",
        "exploding-gradient",
        "vanishing-gradient",
        "learning-rate-too-high",
        "learning-rate-too-low",
        "non-finite-values",
        "learning-rate-not-decayed",
        "uninformative-features",
        "insufficient-capacity",
        "optimizer-mismatch",
        "undertrained",
        "batch-too-small",
        "class-imbalance",
    ),
)
def unnormalized_input(
    first_features: Features,
    input_features: Features | None = None,
    modules: Modules | None = None,
    prior_loss: float | None = None,
    train_shape: Shape | None = None,
    eval_shape: Shape | None = None,
    parameters: Parameters | None = None,
) -> Finding | None:
    """The scale (root mean square) of the largest feature, and how it compares with the others: of what the first layers work on.

    A remark where nearly everything was learnt all the same, or where the first layer's output is normalised.
    """
    if _normalises(modules, 0) or not _weighed(first_features, parameters):
        return None
    sure = _sure(first_features)
    raw = _sure(input_features) > 0.5 if input_features is not None else not _embeds(modules)  # noqa: PLR2004  (as sure as not)
    if not raw:
        sure = _beside(first_features, sure)
    if sure > 0.5:  # noqa: PLR2004
        scale = first_features.scale
        used = scale[np.isfinite(scale) & (scale > 0)]
        largest = float(used.max())
        order = np.argsort(-np.where(np.isfinite(scale), scale, 0.0))
        first = first_features.names[int(order[0])]
        coped = _coped(prior_loss, train_shape, eval_shape)
        alike = largest < UNEQUAL * float(np.median(used))
        away = largest < DOUBTFUL and _offset(first_features) >= sure
        return Finding(
            summary=_summary(first, largest, float(np.median(used)), len(used), away),
            confidence=max(sure, REMARK),
            severity="info" if coped or sure < REMARK or (alike and _normalises(modules, 1)) else None,
            since=0,
            where=[first_features.names[i] for i in order[:3] if largest < DOUBTFUL or scale[i] > DOUBTFUL],
            evidence=_evidence(first_features, scale, order),
            factor=largest,
        )
    return None


def _weighed(features: Features, parameters: Parameters | None) -> bool:
    """Whether there may be a weight for each feature: the few parameters of a model of one's own, such as a filter's variances or how far one kind
    of event excites another, multiply none.
    """
    return parameters is None or any(
        (len(each.shape) > 1 and each.kind != "other") or each.numel >= len(features.names) for each in parameters
    )


def _coped(prior_loss: float | None, train: Shape | None, evaluation: Shape | None) -> bool:
    """Whether next to nothing is left of a blind guess's loss, and little of it in validation. Where the loss began says nothing: raw inputs put it high."""
    if prior_loss is None or train is None or not train.last < LEFT * prior_loss:
        return False
    return evaluation is None or evaluation.last < LEFT_IN_VALIDATION * prior_loss


def _sure(features: Features) -> float:
    """How sure we are that features are too large, too small or not centred."""
    used = features.scale[np.isfinite(features.scale) & (features.scale > 0)]
    if not len(used):
        return 0.0
    largest = math.log(float(used.max()))
    return max(
        confidence(largest, doubtful=math.log(DOUBTFUL), certain=math.log(CERTAIN)),
        confidence(largest, doubtful=math.log(TINY), certain=math.log(TINY / 10)),
        _offset(features),
    )


def _beside(features: Features, sure: float) -> float:
    """The same of what the network has made itself, such as embeddings, which may be large: only a feature far larger than those beside it is none of them."""
    used = features.scale[np.isfinite(features.scale) & (features.scale > 0)]
    return sure if len(used) and used.max() > max(DOUBTFUL, UNEQUAL * float(np.median(used))) else 0.0


def _offset(features: Features) -> float:
    """How sure we are that the features lie far from zero, all to one side or each to its own."""
    vary = np.isfinite(features.mean) & (features.std > 0)
    if not vary.any():
        return 0.0
    mean, share = np.abs(features.mean[vary]), np.abs(features.mean[vary]) / features.std[vary]
    away, hidden = min(float(np.median(mean)), float(np.median(share))), float(np.median(share))
    return max(
        confidence(math.log(max(away, 1e-12)), doubtful=math.log(AWAY), certain=math.log(FAR_AWAY)),
        confidence(math.log(max(hidden, 1e-12)), doubtful=math.log(HIDDEN), certain=math.log(LOST)),
    )


def _summary(first: str, largest: float, typical: float, count: int, away: bool) -> str:
    if away:
        return f"The inputs are not centred: they lie around {first}'s {largest:.2g}, several deviations from zero."
    if largest < 1:
        return f"The inputs are tiny: the largest, {first}, has a scale of {largest:.2g} where 1 is usual."
    if count > 1 and largest > UNEQUAL * typical:
        return f"The inputs are not normalised: {first} is {largest / typical:,.0f} times as large as the median one."
    return f"The inputs are not normalised: {first} has a scale of {largest:,.3g} where 1 is usual."


def _normalises(modules: Modules | None, place: int) -> bool:
    """Whether the first module that does anything, or the one after it, is a normalisation layer: after the first layer it
    takes a scale away that all features share.
    """
    order = [each for each in modules or () if not each.children and each.order is not None]
    return len(order) > place and "Norm" in order[place].type


def _embeds(modules: Modules | None) -> bool:
    """Whether whole numbers are looked up rather than taken for amounts; so it is, too, where nothing is known of the modules."""
    return modules is None or any("Embedding" in each.type for each in modules)


def _evidence(features: Features, scale: np.ndarray, order: np.ndarray) -> list[Evidence]:
    shown = np.sort(order[:SHOWN])
    rows = [
        [
            features.names[i],
            float(features.mean[i]),
            float(features.std[i]),
            float(features.min[i]),
            float(features.max[i]),
        ]
        for i in order[:SHOWN]
    ]
    return [
        Bars(
            "Scale of the input features (root mean square)",
            [features.names[i] for i in shown],
            [float(scale[i]) for i in shown],
            "value",
            1.0,
            "log",
        ),
        Table("Input features, largest first", ["feature", "mean", "std", "min", "max"], rows),
    ]
