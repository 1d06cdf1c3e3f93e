"""# Class imbalance

## What you see

The accuracy looks fine, but it is that of always naming the most frequent class; or the training loss is low and rare classes
fail in validation.

## Why it happens

A class with a hundredth of the samples contributes a hundredth of the gradient. Until the frequent classes are learnt, answering with them is
the cheapest way down. Weights of the loss that are proportional to the frequency, instead of its inverse, make it worse. Of maps whose places are answered by yes or no, it is to say no everywhere.

## What to do

Weight the loss by class, draw rare classes more often, or get more samples of them. Judge by the error of each class, not by accuracy.

## When this is wrong

Imbalance alone does no harm: a network can learn rare classes well. It is named only where the loss stays near that of a blind
guess, where balanced validation data go badly, or where rare classes are named rightly far less often than frequent ones. Ten to
one is a moderate imbalance: a network that fails on the rarer of two classes may have another trouble.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tb_lossdiag.evidence import Bars, Evidence, Fact
from tb_lossdiag.finding import REMARK, Finding, Remedy, confidence, percent
from tb_lossdiag.rule import rule
from tb_lossdiag.rules.class_imbalance import maps, named, weights
from tb_lossdiag.rules.class_imbalance.named import NEVER, PARTLY, SHOWN, UNEQUAL
from tb_lossdiag.series import Series
from tb_lossdiag.signals.batches import Composition
from tb_lossdiag.signals.data import Targets
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.outputs import Contract, Outputs
from tb_lossdiag.signals.probe import Answers
from tb_lossdiag.signals.splits import Shift
from tb_lossdiag.signals.structure import LossFunction, Parameters

MAJORITY = 0.3  # of the way from the largest class's share to all right: less is naming that class
NEAR = 0.75  # validation loss as a share of a blind guess's: doubtful, and certain that rare classes are not learnt
AT = 0.95
EVEN = 0.1  # by how much the evaluation's labels are more even than training's
HARM, SURE_HARM = 0.1, 0.2  # gap between the losses as a share of all that was gained
STEEP = 2 * UNEQUAL  # below it, one of two classes may be the harder one for other reasons
LETTERS = 20  # classes from which on a network with as many inputs reads them one-hot
LEARNT = 0.5  # training loss over a blind guess's: the network has learnt what pays
SAMPLES = 10.0  # of training for each class: with fewer, drawing alone makes them uneven
FEWEST = 100.0  # of training in all: with fewer every class is a handful
UNSEEN = 0.05  # share of validation samples whose class training hardly holds: then the split is wrong
ORDERED = 3.0  # excess of the batches' composition: batches looked at are not like the training set
EVALUATIONS = 3
# validation loss over a blind guess's where classes overlap, and where features tell next to nothing
OVERLAP, VAGUE = 0.5, 0.85
NOTHING_LEARNT = 0.97  # the same where nothing is learnt


@rule(
    cause="Rare classes are not learnt: the frequent ones outweigh them.",
    stage="train",
    severity="warning",
    shows_in_loss=False,
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
    parameters: Parameters | None = None,
    class_answers: Mapping[str, Answers] | None = None,
    composition: Composition | None = None,
    train_size: int | None = None,
    outputs: Outputs | None = None,
    contract: Contract | None = None,
    loss_function: LossFunction | None = None,
) -> Finding | None:
    """Uneven label counts, and a network that names the majority, fails on rare classes, or on balanced validation data. Of maps whose places
    are answered by yes and no: one that never says yes.
    """
    answers = (class_answers or {}).get("val")
    labels = targets.counts if targets.counts is not None else maps.places(targets, answers)
    if labels is None:
        return maps.empty(outputs, targets, contract, loss_function, train_shape)
    turned = weights.turned_round(labels, loss_function)
    language = _is_language(parameters or (), len(labels))  # letters and words are uneven by nature
    if turned is not None or language or eval_shape is None or eval_shape.points < EVALUATIONS:
        return turned
    counts = labels[labels > 0]
    ratio = float(counts.max() / counts.min()) if len(counts) > 1 else 1.0
    uneven = confidence(math.log(ratio), doubtful=math.log(UNEQUAL / 2), certain=math.log(UNEQUAL))
    if not uneven > 0.5 or not ratio > UNEQUAL:  # noqa: PLR2004
        return None
    right = _right(val_accuracy, answers)
    blind = _blind(counts, eval_shape, val_prior_loss, right)
    balanced = _fails_when_balanced(train_shape, eval_shape, val_shift)
    learnt = val_prior_loss is not None and train_shape.last < LEARNT * val_prior_loss
    few = (train_size or labels.sum()) < max(SAMPLES * len(counts), FEWEST)
    places = composition is not None and not composition.by_sample  # which lie together, so that batches differ
    moved = (val_shift is not None and val_shift.unseen > UNSEEN) or (
        composition is not None and not places and composition.excess > ORDERED
    )
    failing = None if few or moved else named.failing(labels, answers, learnt=learnt)
    fails = failing[0] if failing else 0.0
    handful = 0.0 if few or moved else named.handful(counts, answers, labels, train_size)
    steep = confidence(math.log(ratio), doubtful=math.log(UNEQUAL), certain=math.log(STEEP))
    rarest = int(np.argmin(np.where(labels > 0, labels, np.inf)))
    unnamed = named.never(answers, labels, rarest)
    if blind > 0.5 and unnamed:  # noqa: PLR2004
        blind = max(blind, NEVER)
    sure = min(max(blind, balanced, fails, handful), steep)
    never = steep > 0.5 and not (few or moved) and unnamed  # noqa: PLR2004
    if sure > (REMARK if never else 0.5):  # as sure as not
        what = (
            failing[1]
            if failing and fails >= sure
            else "the network names the most frequent class"
            if blind >= sure
            else "validation, where classes are more even, goes badly"
            if balanced >= sure
            else "training holds no more than a handful of it, and validation hardly any"
        )
        return Finding(
            summary=f"Rare classes are not learnt: the most frequent class has {ratio:,.0f} times as many samples as class {rarest}; {what}.",
            confidence=sure,
            since=0,
            severity="info"
            if (failing and fails >= sure and named.mostly(failing[2], failing[3], len(counts)))
            or (failing and fails >= sure and named.partly(failing[2], labels, answers))
            or (not unnamed and _open(eval_shape, val_prior_loss, failing[2] if failing else 0.0))
            or (unnamed and not places and _tells_little(eval_shape, val_prior_loss))
            else None,
            where=[f"class {rarest}"],
            remedies=() if len(labels) > 2 or targets.counts is not None else maps.for_places(labels),  # noqa: PLR2004
            evidence=[
                *(named.recall(answers) if answers is not None and fails >= sure else ()),
                *_evidence(labels, eval_shape, val_prior_loss, val_accuracy),
            ],
        )
    seldom = steep > 0.5 and not (few or moved) and named.seldom(answers, labels, rarest)  # noqa: PLR2004
    if answers is None or not (never or seldom):
        return None
    summary = f"Class {rarest}, of which training has {ratio:,.0f} times fewer samples than of the most frequent one, is never named."
    if not never:
        share = percent(float(answers.right[rarest] / answers.count[rarest]))
        summary = f"Class {rarest}, of which training has {ratio:,.0f} times fewer samples than of the most frequent one, is named rightly for {share} of its own."
    settled = not eval_shape.late_fall > maps.SURE * eval_shape.late_error
    empty = never and places and len(counts) == 2 and settled  # noqa: PLR2004
    return Finding(
        summary=summary,
        confidence=maps.EMPTY if empty else REMARK,
        since=0,
        severity=None if empty else "info",
        where=[f"class {rarest}"],
        evidence=[*named.recall(answers), *_evidence(labels, eval_shape, val_prior_loss, val_accuracy)],
    )


def _open(evaluation: Shape, prior: float | None, rare: float) -> bool:
    """Whether the features leave so much open that an honest network seldom names a rare class, or names a part of it."""
    left = evaluation.last / prior if prior else 0.0
    return left > VAGUE or (left > OVERLAP and rare > PARTLY)


def _tells_little(evaluation: Shape, prior: float | None) -> bool:
    """Whether something was learnt, but the features tell so little that no sample is ever more likely of a rare class than not."""
    settled = not evaluation.late_fall > maps.SURE * evaluation.late_error
    return bool(prior) and settled and VAGUE < evaluation.last / (prior or 1.0) < NOTHING_LEARNT


def _is_language(parameters: Parameters, classes: int) -> bool:
    """Whether what is to be told is of the same kind as what is read: through an embedding, or one-hot."""
    if any(each.kind == "embedding" and each.shape[:1] == (classes,) for each in parameters):
        return True
    first = next((each for each in parameters if len(each.shape) == 2), None)  # noqa: PLR2004  (a matrix)
    return classes >= LETTERS and first is not None and first.shape[1] == classes


def _right(accuracy: Series | None, answers: Answers | None) -> float:
    """The share of right answers in validation, at the end; NaN where it is not known."""
    late = accuracy.finite().values[-EVALUATIONS:] if accuracy is not None else np.zeros(0)
    if len(late) >= EVALUATIONS:
        return float(np.median(late))
    known = accuracy is None and answers is not None and answers.count.sum() > 0
    return float(answers.right.sum() / answers.count.sum()) if known and answers is not None else math.nan


def _blind(counts: NDArray[np.float64], evaluation: Shape, prior: float | None, right: float) -> float:
    """How sure we are that the network answers with the most frequent class."""
    share = float(counts.max() / counts.sum())
    if prior is None or not abs(right - share) <= MAJORITY * (1 - share):
        return 0.0
    return confidence(evaluation.last / prior, doubtful=NEAR, certain=AT)


def _fails_when_balanced(train: Shape, evaluation: Shape, shift: Shift | None) -> float:
    """How sure we are that the evaluation suffers from classes which training hardly saw."""
    if shift is None or not shift.evenness > shift.train_evenness + EVEN:
        return 0.0
    gained = max(train.first, evaluation.first) - train.last
    gap = (evaluation.last - train.last) / gained if gained > 0 else 0.0
    return confidence(gap, doubtful=HARM, certain=SURE_HARM)


def _evidence(
    counts: NDArray[np.float64], evaluation: Shape, prior: float | None, accuracy: Series | None
) -> list[Evidence]:
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
