"""# Class imbalance

## What you see

The accuracy looks fine, but it is that of always naming the most frequent class; or the training loss is low and rare classes
fail in validation.

## Why it happens

A class with a hundredth of the samples contributes a hundredth of the gradient. Until the frequent classes are learnt, answering with them is
the cheapest way down.

## What to do

Weight the loss by class, draw rare classes more often, or get more samples of them. Judge by the error of each class, not by accuracy.

## When this is wrong

Imbalance alone does no harm: a network can learn rare classes well. It is named only where the loss stays near that of a blind
guess, or where balanced validation data go badly.
"""

from __future__ import annotations

import math

import numpy as np

from tb_lossdiag.evidence import Bars, Evidence, Fact
from tb_lossdiag.finding import Finding, Remedy, confidence
from tb_lossdiag.rule import rule
from tb_lossdiag.series import Series
from tb_lossdiag.signals.data import Targets
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.splits import Shift

UNEQUAL = 8.0  # most frequent to rarest class; SageMaker Debugger takes 10, and counts of few samples wobble
MAJORITY = 0.3  # of the way from the largest class's share to all right: less is naming that class
NEAR, AT = (
    0.75,
    0.95,
)  # validation loss as a share of a blind guess's: doubtful, and certain that rare classes are not learnt
EVEN = 0.1  # by how much the evaluation's labels are more even than training's
HARM, SURE_HARM = 0.1, 0.2  # gap between the losses as a share of all that was gained
EVALUATIONS = 3
SHOWN = 40  # classes in the picture


@rule(
    cause="Rare classes are not learnt: the frequent ones outweigh them.",
    stage="train",
    severity="warning",
    remedies=(
        Remedy(
            "Weight the loss by class",
            "nn.CrossEntropyLoss(weight=counts.sum() / (len(counts) * counts))",
            "The loss falls below that of a blind guess, and the error of the rare classes falls.",
        ),
        Remedy(
            "Or draw rare classes more often",
            "DataLoader(train_set, sampler=WeightedRandomSampler(1 / counts[labels], len(labels)))",
        ),
        Remedy("Get more samples of the rare classes"),
    ),
    explains=("uninformative-features", "overfitting", "unrepresentative-validation", "insufficient-capacity"),
)
def class_imbalance(
    targets: Targets,
    train_shape: Shape,
    eval_shape: Shape | None = None,
    val_prior_loss: float | None = None,
    val_accuracy: Series | None = None,
    val_shift: Shift | None = None,
) -> Finding | None:
    """Uneven label counts, and either a network that names the majority, or balanced validation data that go badly."""
    if targets.counts is None or eval_shape is None or eval_shape.points < EVALUATIONS:
        return None
    counts = targets.counts[targets.counts > 0]
    ratio = float(counts.max() / counts.min()) if len(counts) > 1 else 1.0
    uneven = confidence(math.log(ratio), doubtful=math.log(UNEQUAL / 2), certain=math.log(UNEQUAL))
    if not uneven > 0.5 or not ratio > UNEQUAL:  # noqa: PLR2004
        return None
    blind = _blind(counts, eval_shape, val_prior_loss, val_accuracy)
    sure = max(blind, _fails_when_balanced(train_shape, eval_shape, val_shift))
    if sure > 0.5:  # noqa: PLR2004  (as sure as not)
        rarest = int(np.argmin(np.where(targets.counts > 0, targets.counts, np.inf)))
        what = (
            "the network names the most frequent class"
            if blind >= sure
            else "validation, where classes are more even, goes badly"
        )
        return Finding(
            summary=f"Rare classes are not learnt: the most frequent class has {ratio:,.0f} times as many samples as class {rarest}; {what}.",
            confidence=sure,
            since=0,
            where=[f"class {rarest}"],
            evidence=_evidence(targets, eval_shape, val_prior_loss, val_accuracy),
        )
    return None


def _blind(
    counts: np.typing.NDArray[np.float64], evaluation: Shape, prior: float | None, accuracy: Series | None
) -> float:
    """How sure we are that the network answers with the most frequent class."""
    share = float(counts.max() / counts.sum())
    late = accuracy.finite().values[-EVALUATIONS:] if accuracy is not None else np.zeros(0)
    if prior is None or len(late) < EVALUATIONS or abs(float(np.median(late)) - share) > MAJORITY * (1 - share):
        return 0.0
    return confidence(evaluation.last / prior, doubtful=NEAR, certain=AT)


def _fails_when_balanced(train: Shape, evaluation: Shape, shift: Shift | None) -> float:
    """How sure we are that the evaluation suffers from classes which training hardly saw."""
    if shift is None or not shift.evenness > shift.train_evenness + EVEN:
        return 0.0
    gained = max(train.first, evaluation.first) - train.last
    gap = (evaluation.last - train.last) / gained if gained > 0 else 0.0
    return confidence(gap, doubtful=HARM, certain=SURE_HARM)


def _evidence(targets: Targets, evaluation: Shape, prior: float | None, accuracy: Series | None) -> list[Evidence]:
    counts = targets.counts if targets.counts is not None else np.zeros(0)
    order = np.sort(np.argsort(-counts)[:SHOWN])
    evidence: list[Evidence] = [
        Bars(
            "Training samples by class",
            [str(i) for i in order],
            [float(counts[i]) for i in order],
            "count",
            None,
            "log",
        )
    ]
    if prior is not None:
        evidence.append(Fact("Validation loss", evaluation.last, "loss", prior, "the reference is a blind guess"))
    if accuracy is not None and len(accuracy):
        share = float(counts.max() / counts.sum())
        note = "the reference is the share of the most frequent class"
        evidence.append(Fact("Validation accuracy", float(accuracy.values[-1]), "share", share, note))
    return evidence
