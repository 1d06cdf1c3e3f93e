"""What held-out data show beside training data: samples that cost less, two classes that a coin tells apart."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tb_lossdiag.evidence import Bars, Curve, Fact, Line
from tb_lossdiag.finding import REMARK, Finding, Remedy, confidence, percent
from tb_lossdiag.rules.label_noise.classes import SAME_MODE
from tb_lossdiag.signals.data import Targets
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.probe import Answers, ModeGap
from tb_lossdiag.signals.splits import Shift

__all__ = ["all_the_same", "exchanged", "harder", "too_often"]

LABELS, NOTHING = 500, 0.02  # labels that were looked at, and what is left of the loss of a guess among all classes
PLAIN = 0.97  # by counting
SURELY_MORE = 3.0  # standard errors between the two losses
# training loss over that of held-out samples, in the same mode; beyond, they are not the same loss
HARDER, FAR_HARDER, OTHERWISE = 1.25, 1.6, 4.0
EVALUATIONS, LAST = 5, 3
# share of training labels beyond that of held-out ones, over it, and in its standard errors
EXCESS, TIMES, BEYOND_CHANCE = 0.1, 1.5, 6.0
UNMOVED = (
    0.02  # standard deviations that held-out inputs may lie off: classes that differ would move them with their shares
)
TOLD = 0.3  # of what naming the most frequent class leaves over, named rightly: the inputs tell classes apart
OTHERS, ENOUGH = 3, 20  # classes beside the two, and held-out samples of each
# how far the right answers of two classes, as shares, add up to other than 1; share of right answers in each other class; answers for the two beyond their number
COIN, KNOWN, SAME_TOTAL = 0.12, 0.85, 0.1


def all_the_same(targets: Targets, held_out: Answers | None, train: Shape) -> Finding | None:
    """Labels of one class only, of several that the network has, in training and in validation, and nothing left to be learnt."""
    counts = targets.counts
    if counts is None or held_out is None or not len(counts) > 1 or not counts.sum() >= LABELS:
        return None
    alone = np.count_nonzero(counts) == 1 and held_out.count[int(counts.argmax())] == held_out.count.sum() > 0
    if not alone or not train.last < NOTHING * math.log(len(counts)):
        return None
    return Finding(
        summary=f"All labels are class {int(counts.argmax())}, of {len(counts):,}, in training and in validation: there is nothing to tell apart. The others may "
        "have been lost in reading, as where masks of class numbers are scaled like pictures.",
        confidence=PLAIN,
        severity="error",
        hidden=True,
        since=0,
        where=[f"class {int(counts.argmax())}"],
        evidence=[
            Bars("Training labels by class", [str(i) for i in range(len(counts))], counts.tolist(), "count"),
            Fact(
                "Classes among the labels", 1, "count", float(len(counts)), "the reference is the classes of the output"
            ),
        ],
        remedies=(
            Remedy(
                "Look at the labels as they reach the loss",
                "x, y = next(iter(train_loader)); print(y.unique(return_counts=True))",
                "All classes, in the shares that they have in the files.",
            ),
        ),
    )


def harder(train: Shape, evaluation: Shape, gap: ModeGap | None, *, settled: bool) -> Finding | None:
    """Training samples that cost more than held-out ones, though the network is in the same mode with both and has seen only the former.

    While both losses still fall, the training loss of the end is held against the worst of the last evaluations: most of these were of a
    network that knew less.
    """
    if gap is None or not max(abs(gap.late), abs(gap.latest)) < SAME_MODE or evaluation.points < EVALUATIONS:
        return None
    own, own_error = _late_level(train) if settled else (train.last, train.error)
    held, held_error = _late_level(evaluation) if settled else (float(evaluation.level.values[-LAST:].max()), 0.0)
    if not 0 < held < own <= OTHERWISE * held or own - held < SURELY_MORE * math.hypot(own_error, held_error):
        return None
    sure = min(confidence(math.log(own / held), doubtful=math.log(HARDER), certain=math.log(FAR_HARDER)), REMARK)
    if sure <= 0.5:  # noqa: PLR2004  (as sure as not)
        return None
    return Finding(
        summary=f"The loss of the training samples is {own:.3g} at the end, that of held-out samples {held:.3g}, though dropout and "
        "running statistics make no difference: labels may be wrong in the training data only, or augmentation makes its samples harder.",
        confidence=sure,
        severity="info",
        since=int(evaluation.level.steps[0]),
        evidence=[
            Curve(
                "Loss",
                [Line("training", "observed", train.level), Line("held-out", "observed", evaluation.level)],
                "loss",
            )
        ],
    )


def _late_level(form: Shape) -> tuple[float, float]:
    """The level over the last third of a run, and its standard error."""
    late = form.level.values[-max(1, len(form.level) // 3) :]
    return float(np.median(late)), form.error / math.sqrt(len(late))


def too_often(counts: NDArray[np.float64], answers: Answers, shift: Shift | None) -> Finding | None:
    """A class that holds far more of the training labels than of the held-out ones, though inputs that tell classes apart are the same in both:
    a default where a label was missing or not understood.
    """
    if shift is None or len(counts) != len(answers.count) or not answers.count.sum() > 0 or not counts.sum() > 0:
        return None
    here, there = counts / counts.sum(), answers.count / answers.count.sum()
    which = int(np.argmax(here - there))
    excess, error = float(here[which] - there[which]), _error(float(there[which]), counts.sum(), answers.count.sum())
    plain = excess > max(EXCESS, BEYOND_CHANCE * error) and here[which] > TIMES * there[which]
    right = float(answers.right.sum() / answers.count.sum())
    told = right - float(there.max()) > TOLD * (1 - float(there.max()))
    alike = shift.inputs < UNMOVED and shift.spread > 0 and abs(math.log(shift.spread)) < shift.chance_spread
    rest = np.delete(here / np.maximum(there, 1e-12), which)  # of which all have lost the same part
    if not plain or not told or not alike or len(rest) < 2 or rest.max() > TIMES * rest.min():  # noqa: PLR2004
        return None
    name = answers.classes[which]
    return Finding(
        summary=f"Class {name} holds {percent(float(here[which]))} of the training labels and {percent(float(there[which]))} of the held-out ones, though their inputs are alike: "
        "it may be what a label becomes that is missing or not understood.",
        confidence=REMARK,
        severity="info",
        since=0,
        where=[f"class {name}"],
        evidence=[
            Bars("Share of the training labels by class", list(answers.classes), here.tolist(), "share"),
            Bars("Share of the held-out labels by class", list(answers.classes), there.tolist(), "share"),
        ],
        remedies=(
            Remedy(
                f"Look at training samples that are called {name}, and at how labels are read",
                "",
                "Labels that are missing, or spelt otherwise, raise an error instead of becoming a class.",
            ),
        ),
    )


def _error(share: float, here: float, there: float) -> float:
    """Standard error of the difference between two shares of so many samples."""
    return math.sqrt(max(share * (1 - share), 1 / there) * (1 / here + 1 / there))


def exchanged(answers: Answers) -> Finding | None:
    """Two classes that are told apart from all others and not from each other: a coin decides between them."""
    if len(answers.count) < 2 + OTHERS or answers.count.min() < ENOUGH:
        return None
    recall = answers.right / answers.count
    first, second = np.argsort(recall)[:2]
    if recall[second] > KNOWN:  # the coin says always the same
        second = np.argmax(answers.predicted - answers.count)
    pair = np.array([first, second])
    others = np.delete(recall, pair)
    together = float(answers.predicted[pair].sum() / answers.count[pair].sum())
    if abs(float(recall[pair].sum()) - 1) > COIN or others.min() < KNOWN or abs(together - 1) > SAME_TOTAL:
        return None
    names = [answers.classes[int(each)] for each in np.sort(pair)]
    return Finding(
        summary=f"Classes {names[0]} and {names[1]} are told from all others and not from each other: their labels may be mixed up, as where pictures are "
        "flipped that differ in nothing but their direction.",
        confidence=REMARK,
        severity="info",
        since=0,
        where=[f"class {each}" for each in names],
        evidence=[
            Bars(
                "Right answers, as a share of each class",
                [f"class {each}" for each in answers.classes],
                recall.tolist(),
                "share",
                KNOWN,
            )
        ],
        remedies=(
            Remedy(
                "Look at samples of both classes as the network gets them, augmented, with their labels",
                "",
                "Right answers in both classes.",
            ),
            Remedy("Leave out the augmentation that makes one class of the other, or exchange the labels with it"),
        ),
    )
