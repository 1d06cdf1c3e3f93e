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

from tb_lossdiag.evidence import Bars, Curve, Evidence, Fact, Line, Mark
from tb_lossdiag.finding import REMARK, Finding, Remedy, about, confidence, percent
from tb_lossdiag.rule import rule
from tb_lossdiag.series import Series
from tb_lossdiag.signals.batches import Composition
from tb_lossdiag.signals.data import Targets
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.outputs import Contract, Outputs
from tb_lossdiag.signals.probe import Answers
from tb_lossdiag.signals.splits import Shift
from tb_lossdiag.signals.structure import LossFunction, Parameters

UNEQUAL = 8.0  # most frequent to rarest class; SageMaker Debugger takes 10, and counts of few samples wobble
MAJORITY = 0.3  # of the way from the largest class's share to all right: less is naming that class
NEAR = 0.75  # validation loss as a share of a blind guess's: doubtful, and certain that rare classes are not learnt
AT = 0.95
EVEN = 0.1  # by how much the evaluation's labels are more even than training's
HARM, SURE_HARM = 0.1, 0.2  # gap between the losses as a share of all that was gained
LOST = (
    0.1  # by how much less often rare classes are named rightly: half of that is lost where half the classes are rare
)
SURE_LOST = 0.2
LUCK = (
    -1.3
)  # logarithm of the chance that the rare samples fail as they do if all classes were equally hard: 5 %, 0.1 %
NO_LUCK = -3.0
STEEP = 2 * UNEQUAL  # below it, one of two classes may be the harder one for other reasons
HANDFUL, NOTHING = 8.0, 3.5  # samples of a class in training: of three, a network learns those three
LETTERS = 20  # classes from which on a network with as many inputs reads them one-hot
LEARNT = 0.5  # training loss over a blind guess's: the network has learnt what pays
KNOWN = 0.6  # share of the frequent classes' samples that are named rightly: it tells these from each other
SAMPLES = 10.0  # of training for each class: with fewer, drawing alone makes them uneven
FEWEST = 100.0  # of training in all: with fewer every class is a handful
UNSEEN = 0.05  # share of validation samples whose class training hardly holds: then the split is wrong
ORDERED = 3.0  # excess of the batches' composition: batches looked at are not like the training set
NEVER = 0.97  # confidence where a network that is hardly better than a blind guess names the rarest class for no sample at all
MOSTLY, BEHIND = (
    0.5,
    0.45,
)  # share of the rare classes' samples that is named rightly: they are learnt; and how far that may lie behind others
MANY, SELDOM = (
    20,
    0.3,
)  # validation samples of the rarest class, and the share of them that are named rightly, which are worth a remark
OVERLAP, VAGUE, NOTHING_LEARNT, PARTLY = (
    0.5,
    0.85,
    0.97,
    0.25,
)  # validation loss over a blind guess's where classes overlap, where features tell next to nothing, and where nothing is learnt; and share of the rare samples that is named rightly then
HARDLY_ANY = 0.05  # share of the validation samples that are of rare classes: next to nothing of all mistakes
EMPTY, SURE = (
    0.8,
    3.0,
)  # masks that stay empty, once validation has settled (in standard errors): of places no threshold is a matter of taste
SEVERAL = 5  # validation samples of a class that is never named: worth a remark
THRESHOLDS = {
    "BCEWithLogitsLoss": 0.0, "binary_cross_entropy_with_logits": 0.0, "BCELoss": 0.5, "binary_cross_entropy": 0.5,
}  # fmt: skip
"""Scores from which on yes is more likely than no."""
MAP, LOOKS = 64, 4  # answers of a sample that make a map, and batches that are looked at in the second half
TURNED, ALIKE = 3.0, 0.9  # spread of weights and counts, and their correlation, both of logarithms
SETTLED = 0.02  # of all progress, made in the last third
EVALUATIONS = 3
SHOWN = 40  # classes in the picture


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
    labels = targets.counts if targets.counts is not None else _places(targets, answers)
    if labels is None:
        return _empty(outputs, targets, contract, loss_function, train_shape)
    turned = _turned_round(labels, loss_function)
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
    failing = None if few or moved else _failing(labels, answers, learnt=learnt)
    fails = failing[0] if failing else 0.0
    handful = 0.0 if few or moved else _handful(counts, answers, labels, train_size)
    steep = confidence(math.log(ratio), doubtful=math.log(UNEQUAL), certain=math.log(STEEP))
    rarest = int(np.argmin(np.where(labels > 0, labels, np.inf)))
    unnamed = _never_named(answers, labels, rarest)
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
            if (failing and fails >= sure and _mostly(failing[2], failing[3], len(counts)))
            or (failing and fails >= sure and _partly(failing[2], labels, answers))
            or (not unnamed and _open(eval_shape, val_prior_loss, failing[2] if failing else 0.0))
            or (unnamed and not places and _tells_little(eval_shape, val_prior_loss))
            else None,
            where=[f"class {rarest}"],
            remedies=() if len(labels) > 2 or targets.counts is not None else _for_places(labels),  # noqa: PLR2004
            evidence=[
                *(_recall(answers) if answers is not None and fails >= sure else ()),
                *_evidence(labels, eval_shape, val_prior_loss, val_accuracy),
            ],
        )
    seldom = steep > 0.5 and not (few or moved) and _rarely_named(answers, labels, rarest)  # noqa: PLR2004
    if answers is None or not (never or seldom):
        return None
    summary = f"Class {rarest}, of which training has {ratio:,.0f} times fewer samples than of the most frequent one, is never named."
    if not never:
        share = percent(float(answers.right[rarest] / answers.count[rarest]))
        summary = f"Class {rarest}, of which training has {ratio:,.0f} times fewer samples than of the most frequent one, is named rightly for {share} of its own."
    settled = not eval_shape.late_fall > SURE * eval_shape.late_error
    empty = never and places and len(counts) == 2 and settled  # noqa: PLR2004
    return Finding(
        summary=summary,
        confidence=EMPTY if empty else REMARK,
        since=0,
        severity=None if empty else "info",
        where=[f"class {rarest}"],
        evidence=[*_recall(answers), *_evidence(labels, eval_shape, val_prior_loss, val_accuracy)],
    )


def _empty(
    outputs: Outputs | None,
    targets: Targets,
    contract: Contract | None,
    loss: LossFunction | None,
    train: Shape,
) -> Finding | None:
    """Scores of maps that stay below no everywhere, in every batch of the second half, though each batch holds places where yes is right."""
    threshold = THRESHOLDS.get(loss.type) if loss is not None else None
    if threshold is None or outputs is None or targets.yes is None or contract is None:
        return None
    late = outputs.steps >= (train.level.steps[0] + train.level.steps[-1]) / 2
    places = math.prod(contract.output)
    yes = float(np.mean(targets.yes))
    enough = places >= MAP and yes * places * contract.batch >= SEVERAL and late.sum() >= LOOKS
    if not enough:
        return None
    settled = not train.late_fall > max(SURE * train.late_error, SETTLED * train.fall)
    highest = float(outputs.max[late].max())
    if not (settled and 0 < yes < 1 / (1 + UNEQUAL) and highest < threshold):
        return None
    return Finding(
        summary=f"The network says no everywhere: yes is right at one place in {1 / yes:,.0f}, and no score of the second half of the training "
        f"came above {highest:.2g}, where yes begins at {threshold:g}.",
        confidence=EMPTY,
        since=int(outputs.steps[late][0]),
        evidence=[
            Curve(
                "Highest score of each batch",
                [Line("score", "observed", Series(outputs.steps, outputs.max.max(axis=1)))],
                "value",
                [Mark("level", "yes", threshold)],
            )
        ],
        remedies=_for_places(np.array([1 - yes, yes]) * places * contract.batch),
    )


def _mostly(rare: float, others: float, classes: int) -> bool:
    """Whether most samples of the rare classes are named rightly: of two classes the threshold decides how many, of several they are hardly behind."""
    return rare >= MOSTLY and (classes == 2 or others - rare < BEHIND)  # noqa: PLR2004


def _partly(rare: float, counts: np.typing.NDArray[np.float64], answers: Answers | None) -> bool:
    """Whether of several classes those that are rare are named rightly now and then, and are as rare in validation: as much as so few samples teach."""
    if answers is None or len(counts) == 2:  # noqa: PLR2004
        return False
    share = answers.count[counts < counts.max() * 2 / UNEQUAL].sum() / max(answers.count.sum(), 1.0)
    return rare > PARTLY and bool(share < HARDLY_ANY)


def _open(evaluation: Shape, prior: float | None, rare: float) -> bool:
    """Whether the features leave so much open that an honest network seldom names a rare class, or names a part of it."""
    left = evaluation.last / prior if prior else 0.0
    return left > VAGUE or (left > OVERLAP and rare > PARTLY)


def _tells_little(evaluation: Shape, prior: float | None) -> bool:
    """Whether something was learnt, but the features tell so little that no sample is ever more likely of a rare class than not."""
    settled = not evaluation.late_fall > SURE * evaluation.late_error
    return bool(prior) and settled and VAGUE < evaluation.last / (prior or 1.0) < NOTHING_LEARNT


def _never_named(answers: Answers | None, counts: np.typing.NDArray[np.float64], rarest: int) -> bool:
    """Whether not one validation sample is taken for the rarest class, although several are of it."""
    if answers is None or len(answers.count) != len(counts):
        return False
    return bool(answers.count[rarest] >= SEVERAL and answers.predicted[rarest] == 0)


def _rarely_named(answers: Answers | None, counts: np.typing.NDArray[np.float64], rarest: int) -> bool:
    """Whether few of the rarest class's validation samples are named rightly, though it is named: cautious, or hardly learnt."""
    if answers is None or len(answers.count) != len(counts) or not answers.count[rarest] >= MANY:
        return False
    return bool(0 < answers.right[rarest] < SELDOM * answers.count[rarest])


def _failing(
    counts: np.typing.NDArray[np.float64], answers: Answers | None, *, learnt: bool
) -> tuple[float, str, float, float] | None:
    """How sure the answers make us that rare classes fail where frequent ones do not, a clause that says so, and how often either are named rightly."""
    if answers is None or len(answers.count) != len(counts):
        return None
    rare = (counts < counts.max() * 2 / UNEQUAL) & (answers.count > 0)
    usual = (counts >= counts.max() * 2 / UNEQUAL) & (answers.count > 0)
    few, many = float(answers.count[rare].sum()), float(answers.count[usual].sum())
    if not few > 0 or not many > 0:
        return None
    right, often = float(answers.right[rare].sum()), float(answers.right[usual].sum()) / many
    learnt = learnt or (int(usual.sum()) > 1 and often > KNOWN)
    if learnt and 0 <= right <= few and 0 <= often <= 1:
        luck = _at_most(int(right), int(few), (often * many + 1) / (many + 2))  # Laplace's rule: nothing is certain
        sure = min(
            confidence(often - right / few, doubtful=LOST, certain=SURE_LOST),
            confidence(math.log10(max(luck, 1e-300)), doubtful=LUCK, certain=NO_LUCK),
        )
        clause = f"of their validation samples {percent(right / few)} are named rightly, of the others {percent(often)}"
        return sure, clause, right / few, often
    return None


def _handful(
    counts: np.typing.NDArray[np.float64],
    answers: Answers | None,
    known: np.typing.NDArray[np.float64],
    samples: int | None,
) -> float:
    """How sure a class of one to three samples makes us, where validation does not hold enough of it to say otherwise."""
    if samples is None or answers is None or len(answers.count) != len(known):
        return 0.0
    rare = (known < known.max() * 2 / UNEQUAL) & (answers.count > 0)
    told = float(answers.right[rare].sum()) > 0  # some of them are named rightly: then they are learnt, or partly
    held = float(counts.min() / counts.sum()) * samples
    return 0.0 if told else confidence(math.log(held), doubtful=math.log(HANDFUL), certain=math.log(NOTHING))


def _at_most(right: int, samples: int, chance: float) -> float:
    """The probability of at most so many right answers, each right with this chance."""
    log = math.lgamma(samples + 1)
    terms = (
        log
        - math.lgamma(k + 1)
        - math.lgamma(samples - k + 1)
        + k * math.log(chance)
        + (samples - k) * math.log1p(-chance)
        for k in range(right + 1)
    )
    return sum(math.exp(each) for each in terms)


def _turned_round(labels: np.typing.NDArray[np.float64], loss: LossFunction | None) -> Finding | None:
    """Weights of the loss that grow with the frequency of a class, where its inverse is meant: rare classes hardly count then."""
    weights = np.array(loss.settings.get("weight") or () if loss is not None else (), dtype=np.float64)
    if weights.shape != labels.shape or len(labels) < 2 or not (weights > 0).all() or not (labels > 0).all():  # noqa: PLR2004
        return None
    weight, count = np.log(weights), np.log(labels)
    if min(np.ptp(weight), np.ptp(count)) < math.log(TURNED) or np.corrcoef(weight, count)[0, 1] < ALIKE:
        return None
    names = [str(each) for each in range(len(labels))]
    return Finding(
        summary=f"The weights of the loss are turned round: the most frequent class counts {about(float(weights.max() / weights.min()))} times as much as the "
        "rarest, which is rare as it is.",
        confidence=NEVER,
        since=0,
        evidence=[
            Bars("Weight of each class in the loss", names[:SHOWN], weights[:SHOWN].tolist(), "ratio"),
            Bars("Training samples by class", names[:SHOWN], labels[:SHOWN].tolist(), "count"),
        ],
        remedies=(
            Remedy(
                "Weight each class by the inverse of its frequency",
                "nn.CrossEntropyLoss(weight=counts.sum() / (len(counts) * counts))",
                "The error of the rare classes falls.",
            ),
        ),
    )


def _is_language(parameters: Parameters, classes: int) -> bool:
    """Whether what is to be told is of the same kind as what is read: through an embedding, or one-hot."""
    if any(each.kind == "embedding" and each.shape[:1] == (classes,) for each in parameters):
        return True
    first = next((each for each in parameters if len(each.shape) == 2), None)  # noqa: PLR2004  (a matrix)
    return classes >= LETTERS and first is not None and first.shape[1] == classes


def _places(targets: Targets, answers: Answers | None) -> np.typing.NDArray[np.float64] | None:
    """How often no and yes are right in masks, where each place of an image is answered; None where there are none."""
    if targets.yes is None or len(targets.yes) > 1 or answers is None:
        return None
    yes = float(targets.yes[0])
    return np.array([1 - yes, yes]) * float(answers.count.sum())


def _for_places(labels: np.typing.NDArray[np.float64]) -> tuple[Remedy, ...]:
    """What to do where each place of a mask is answered: the loss has one weight, that of yes."""
    ratio = float(labels[0] / max(labels[1], 1.0))
    return (
        Remedy(
            "Weight the rare answer",
            f"nn.BCEWithLogitsLoss(pos_weight=torch.tensor({max(1.0, ratio / 5):.2g}))",
            "Places of the rare kind are found; where too many others are, lower the weight.",
        ),
        Remedy("Or use a loss of overlap, such as Dice, beside it or instead"),
        Remedy("Cut training images around what is rare"),
    )


def _right(accuracy: Series | None, answers: Answers | None) -> float:
    """The share of right answers in validation, at the end; NaN where it is not known."""
    late = accuracy.finite().values[-EVALUATIONS:] if accuracy is not None else np.zeros(0)
    if len(late) >= EVALUATIONS:
        return float(np.median(late))
    known = accuracy is None and answers is not None and answers.count.sum() > 0
    return float(answers.right.sum() / answers.count.sum()) if known and answers is not None else math.nan


def _blind(counts: np.typing.NDArray[np.float64], evaluation: Shape, prior: float | None, right: float) -> float:
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


def _recall(answers: Answers) -> list[Evidence]:
    shown = np.flatnonzero(answers.count > 0)[:SHOWN]
    values = [float(answers.right[i] / answers.count[i]) for i in shown]
    return [Bars("Validation samples named rightly, by class", [answers.classes[i] for i in shown], values, "share")]


def _evidence(
    counts: np.typing.NDArray[np.float64], evaluation: Shape, prior: float | None, accuracy: Series | None
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
