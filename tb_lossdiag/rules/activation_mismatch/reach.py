"""Outputs between limits, held against what the loss compares them with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tb_lossdiag.evidence import Fact
from tb_lossdiag.finding import Finding, Remedy, confidence, percent
from tb_lossdiag.rules.activation_mismatch.said import linear, range_of
from tb_lossdiag.rules.activation_mismatch.stuck import BATCHES, LATE, LOST, UNLEARNT
from tb_lossdiag.signals.data import Features, Targets
from tb_lossdiag.signals.limits import Limit, limit_of
from tb_lossdiag.signals.outputs import CLOSE, Imitation, Outputs
from tb_lossdiag.signals.structure import LossFunction, Module

__all__ = [
    "DIFFERENCES",
    "SCORES",
    "SURER",
    "at_the_end",
    "behind_logarithms",
    "imitates",
    "own_loss",
    "several_at_once",
]

DOUBTFUL = 0.05  # share of targets beyond the limit: a tail ...
CERTAIN = 0.25  # ... and a quarter of all
# confidence for scores that cannot be negative: softmax can live with that, as long as no class is dead, and a network in network does (Lin et al. 2014)
CLIPPED = 0.85
APART = 0.1  # from 1, the classes of a sample on average: beyond it they are several, or some samples have none
SHARED = 0.6, 1.6  # what amounts may add up to that are meant for shares
SURER = 0.95  # confidence where much of the loss is left
OTHERS = {
    "HingeEmbeddingLoss", "MarginRankingLoss", "SoftMarginLoss", "MultiMarginLoss", "MultiLabelMarginLoss", "MultiLabelSoftMarginLoss",
    "CosineEmbeddingLoss", "KLDivLoss", "CTCLoss", "TripletMarginLoss", "hinge_embedding_loss", "margin_ranking_loss", "soft_margin_loss",
    "multi_margin_loss", "multilabel_margin_loss", "multilabel_soft_margin_loss", "cosine_embedding_loss", "kl_div", "ctc_loss",
    "triplet_margin_loss", "PoissonNLLLoss", "poisson_nll_loss", "GaussianNLLLoss", "gaussian_nll_loss",
}  # fmt: skip
"""Losses whose second argument is nothing that the output should become."""
LOGARITHMS = {"NLLLoss", "nll_loss"}
TIED = 1e-4  # of logarithms, by which classes differ that have the same score
SCORES = {"CrossEntropyLoss", "cross_entropy", "BCEWithLogitsLoss", "binary_cross_entropy_with_logits"}
DIFFERENCES = {
    "MSELoss", "mse_loss", "L1Loss", "l1_loss", "SmoothL1Loss", "smooth_l1_loss", "HuberLoss", "huber_loss",
}  # fmt: skip


def imitates(pair: Imitation) -> Finding | None:
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


def at_the_end(
    limit: Limit | None, loss: LossFunction, outputs: Outputs, targets: Features | None, left: float
) -> Finding | None:
    """What the limit of the outputs does to this loss."""
    if limit is None or loss.type in OTHERS:
        return None
    if loss.type in SCORES:
        return _bounded_scores(limit, outputs, loss, left, _never_above(limit, outputs))
    if targets is None:
        return None
    rectified = limit.low == 0 and limit.high > 1 and loss.type not in DIFFERENCES
    if rectified and len(targets.mean) > 1 and targets.yes_or_no:
        return _rectified_shares(limit, outputs, left)
    return _unreached(limit, outputs, targets)


def own_loss(
    limit: Limit | None, loss: LossFunction, outputs: Outputs, targets: Targets | None, left: float
) -> Finding | None:
    """Scores without a negative side, one for each class that occurs, which a loss of the user's own makes shares of."""
    if limit is None or targets is None or targets.counts is None or loss.type in OTHERS | SCORES | DIFFERENCES:
        return None
    each = len(outputs.names) > 1 and int((targets.counts > 0).sum()) == len(outputs.names)
    return _rectified_shares(limit, outputs, left) if each and limit.low == 0 and limit.high > 1 else None


def several_at_once(
    outputs: Outputs, targets: Features | None, last: Module | None, loss: LossFunction
) -> Finding | None:
    """A softmax where samples have several classes at once, or none, or where amounts do not add up to 1, as its outputs always do."""
    if targets is None or loss.type in OTHERS or len(targets.mean) != outputs.mean.shape[1] or len(targets.mean) == 1:
        return None
    classes = float(targets.mean.sum())
    if not outputs.add_up or abs(classes - 1) < APART:
        return None
    where = (last.name,) if last is not None and last.type == "Softmax" else ()
    limit = Limit(0.0, 1.0, where[0] if where else "a softmax at the end", where)
    if not targets.yes_or_no:
        return _shared_amounts(limit, outputs, classes) if loss.type in DIFFERENCES else None
    return Finding(
        summary=f"A sample has {classes:.2g} of the {len(targets.mean)} classes on average, and a softmax gives them a total of 1 to share.",
        confidence=LOST,
        since=0,
        where=where,
        evidence=[
            *range_of(limit, outputs),
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


def _shared_amounts(limit: Limit, outputs: Outputs, total: float) -> Finding | None:
    """Amounts that add up to much else than 1, on average."""
    if SHARED[0] < total < SHARED[1]:
        return None
    return Finding(
        summary=f"The {len(outputs.names)} targets of a sample add up to {total:.2g} on average, and {limit.function} gives them a total of 1 to share.",
        confidence=LOST,
        since=0,
        where=limit.where,
        evidence=[
            *range_of(limit, outputs),
            Fact("Total of a sample's targets, on average", total, "value", 1.0, "what the outputs add up to"),
        ],
        remedies=linear(limit, "Predictions that follow the targets, each by itself, and a loss that falls further."),
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
        evidence=range_of(limit, outputs),
        remedies=(
            Remedy(
                "Let the last layer be linear, and use cross-entropy",
                "loss_fn = nn.CrossEntropyLoss()",
                "Gradients for each class from the first step.",
            ),
        ),
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
                *range_of(limit, outputs),
                Fact("Targets out of reach", share, "share", DOUBTFUL, "more than a tail"),
            ],
            remedies=linear(limit, "Predictions on both sides of the limit, and a loss that falls further."),
        )
    return None


def behind_logarithms(last: Module | None, loss: LossFunction, outputs: Outputs, left: float) -> Finding | None:
    """The same of scores that a `log_softmax` follows, which a loss of logarithms is given: only the gradient shows the activation before it."""
    limit = limit_of(last) if last is not None else None
    if limit is None or limit.low != 0 or limit.high <= 1 or loss.type not in LOGARITHMS or outputs.max.max() > 0:
        return None
    tied = _tied(outputs)
    found = _bounded_scores(limit, outputs, loss, left, tied)
    same = Fact("Classes with the same lowest score for every sample", float(len(tied)), "count", 0.0)
    return None if found is None else replace(found, evidence=[same])


def _tied(outputs: Outputs) -> list[str]:
    """Classes whose logarithm is the lowest, and the same for all of them, in every late batch: their scores are all the limit."""
    late = slice(-max(BATCHES, round(LATE * len(outputs.steps))), None)
    lowest = [each[late] - each[late].min(axis=1, keepdims=True) for each in (outputs.mean, outputs.max, outputs.min)]
    tied = np.all([each.max(axis=0) < TIED for each in lowest], axis=0)
    return [name for name, each in zip(outputs.names, tied, strict=True) if each] if tied.sum() > 1 else []


def _never_above(limit: Limit, outputs: Outputs) -> list[str]:
    """The components that come to no more than their limit any more."""
    late = outputs.max[-max(1, round(LATE * len(outputs.steps))) :]
    return [name for name, highest in zip(outputs.names, late.max(axis=0), strict=True) if highest <= limit.low]


def _bounded_scores(limit: Limit, outputs: Outputs, loss: LossFunction, left: float, dead: list[str]) -> Finding | None:
    """Scores for a softmax or sigmoid of the loss that cannot be negative, or not grow. Shares are `loss-mismatch`'s business."""
    if (limit.low, limit.high) == (0.0, 1.0):
        return None
    late = outputs.max[-max(1, round(LATE * len(outputs.steps))) :]
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
            severity="info" if sure == CLIPPED and left <= UNLEARNT else None,
            where=[*limit.where, *dead],
            evidence=range_of(limit, outputs),
            remedies=linear(limit, "Scores on both sides of 0, and a lower loss."),
        )
    return None
