"""# Unrepresentative validation data

## What you see

The validation loss lies far above the training loss from the start, or wobbles so much that it says little.

## Why it happens

The two sets were drawn differently (sorted before they were cut, other sources, other classes), or only one of them went through a
step of preprocessing: a vocabulary or class numbers of its own, targets that only one side scales. Or there are too few validation samples for a
mean that holds still.

## What to do

Draw both sets at random from the same data, keep whatever belongs together (one patient, one session) on one side, and use the same
preprocessing, with the training set's statistics.

## When this is wrong

A network that has memorised also does worse in validation, on data that look the same. Augmentation makes training data differ a
little. A validation set from another situation may be meant: then the gap is the answer to the question.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tb_lossdiag.evidence import Bars, Curve, Evidence, Fact, Line, Mark
from tb_lossdiag.finding import Finding, Remedy, confidence, percent
from tb_lossdiag.rule import Lacking, rule
from tb_lossdiag.series import Series
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.outputs import Contract
from tb_lossdiag.signals.probe import Answers, ModeGap
from tb_lossdiag.signals.samples import Samples
from tb_lossdiag.signals.splits import Shift
from tb_lossdiag.wording import joined

HARM, SURE_HARM = 0.04, 0.09  # gap between the losses as a share of all that training has gained
CARRIES, MILD = (
    0.5,
    0.35,
)  # share of what training gains that validation gains too, and a gap: as of a later time, which is meant to differ
MOVED, FAR = 0.25, 0.5  # shift of the inputs in standard deviations beyond chance; sound splits: 0
WIDER, MUCH_WIDER = math.log(1.3), math.log(1.7)  # logarithm of the ratio of their standard deviations
SOMEWHAT, WIDE = math.log(1.15), math.log(1.3)  # the same where validation is no better than a blind guess ...
NOTHING = 0.95  # ... though training is: its best loss over that of the guess
TARGET, FAR_TARGET = 0.4, 0.8  # shift of a regression target's mean, in standard deviations beyond chance
UNSEEN, MANY_UNSEEN = 0.05, 0.15  # share of samples whose class training hardly holds
OTHER, MOSTLY_OTHER = 0.4, 0.65  # share of the tokens that would have to be others
ABSENT, MOSTLY_ABSENT = 0.2, 0.4  # share of training that is of classes of which validation holds nothing
FEW = 30  # samples: the standard error of an accuracy of 90 % is 5 % and 9 %, and one sample is 3 % and 8 %
VERY_FEW = 12
LONG = 32  # answers of a sample, such as a sequence's: a handful of these is a number of answers
LOUD = 0.9  # confidence from which on a handful is more than worth knowing: every number of the validation is then a matter of luck
LEARNT = 0.5  # training loss over a blind guess's: the network does tell the classes apart
SEVERAL = 5  # validation samples of a class, and answers that name it
LUCK, NO_LUCK = -2.5, -3.7  # logarithm of the chance that answers so often miss
EVALUATIONS, FIRST = 4, 12  # evaluations, and training losses before the first of them, that tell
OFTEN = 5.0  # times that a sample was seen by then, at most: more is time to memorise
EASILY = 0.8  # of what takes no learning, reached by then
ABOVE, FAR_ABOVE = (
    1.3,
    1.7,
)  # first validation loss over that: of new samples both are the same, but for a gap between the modes
WORSE, MUCH_WORSE = 1.2, 1.6  # last validation loss over the first
ONCE = 1.5  # times that a sample was seen by then, at most, where no validation loss that rises says so
LOST, MOSTLY_LOST = 0.5, 0.9  # of what training had gained on new samples by then, share that validation does not show
SURE = 4.0  # standard errors of the training loss that lie between the two
FROM_THE_START, BY_FAR = 3.0, 8.0  # first validation loss over that of new training samples, where it stays there
UNMOVED, STILL = (
    0.01,
    0.93,
)  # share by which a validation loss moves that does not react to training, and how sure that makes us
BARELY, SAME, TWICE = 0.85, 0.95, 2.0
ALL = 0.9  # share of the training samples that were put through the model during a validation: all that are known, but for chance
LEAKED = 0.1  # share of the validation samples that are in training, too, beyond those that are alike by nature
MANY_LEAKED = 0.3


@rule(
    cause="The validation data are drawn or prepared differently from the training data, or too few.",
    stage="val",
    severity="warning",
    remedies=(
        Remedy(
            "Cut at random, from the same data",
            "train_set, val_set = torch.utils.data.random_split(data, [0.8, 0.2])",
            "A validation loss that starts where the training loss starts.",
        ),
        Remedy("Use the same preprocessing for both, with the training set's statistics"),
    ),
    explains=("overfitting", "uninformative-features"),
)
def unrepresentative_validation(
    train_shape: Shape,
    eval_shape: Shape,
    train_loss: Series,
    val_shift: Shift | None = None,
    split_sizes: Mapping[str, int] | None = None,
    samples: Samples | None = None,
    class_answers: Mapping[str, Answers] | None = None,
    val_prior_loss: float | None = None,
    contract: Contract | None = None,
    prior_loss: float | None = None,
    batch_size: int | None = None,
    mode_gap: ModeGap | None = None,
    val_called: int | None = None,
    sample_count: float | None = None,
) -> Finding | None:
    """Statistics of inputs or targets that differ, with a validation loss that suffers; a leak; or a handful of samples; or a validation that
    nothing of what is learnt helps.
    """
    useless = _useless(
        train_shape, eval_shape, train_loss, val_prior_loss or prior_loss, batch_size, samples, mode_gap, sample_count
    )
    if val_shift is None:
        if useless is None:
            raise Lacking("val_shift")
        return useless
    gained = train_shape.first - train_shape.last
    gap = (eval_shape.last - train_shape.last) / gained if gained > 0 else 0.0
    harm = confidence(gap, doubtful=HARM, certain=SURE_HARM)
    count = (split_sizes or {}).get("val", val_shift.samples)
    learnt = val_prior_loss is not None and train_shape.last < LEARNT * val_prior_loss
    blind = learnt and val_prior_loss is not None and eval_shape.best > NOTHING * val_prior_loss
    sure, summary = max(_differences(val_shift, blind=blind))
    swapped = _swapped((class_answers or {}).get("val")) if learnt else None
    found = [swapped, useless, _leak(samples, count, val_called or 0), _too_few(count, eval_shape, contract)]
    if min(harm, sure) > 0.5:  # noqa: PLR2004  (as sure as not)
        carries = _gained(eval_shape, val_prior_loss) > CARRIES * gained
        differs = Finding(
            summary=summary,
            confidence=min(harm, sure),
            severity="info" if carries and gap < MILD else None,
            since=0,
            where=[name for name, _ in val_shift.features[:3]],
            evidence=_evidence(val_shift, train_shape, eval_shape),
        )
        found.append(differs)
    return max((each for each in found if each is not None), key=lambda each: each.confidence, default=None)


def _gained(evaluation: Shape, blind: float | None) -> float:
    """How far the validation loss came down, from a blind guess where that is known: the first evaluation may come late."""
    return max(evaluation.first, blind or 0.0) - evaluation.best


def _differences(shift: Shift, *, blind: bool) -> list[tuple[float, str]]:
    """Each way in which the data may differ: how sure we are of it, and the sentence that says so.

    Where what was learnt is of no use at all in validation (`blind`), a smaller difference is suspect.
    """
    doubtful, certain = (SOMEWHAT, WIDE) if blind else (WIDER, MUCH_WIDER)
    wider = abs(math.log(shift.spread)) - shift.chance_spread if shift.spread > 0 else math.nan
    return [
        (
            confidence(shift.inputs, doubtful=MOVED, certain=FAR),
            f"The validation inputs differ from the training inputs: their means are {shift.inputs:.1f} standard deviations apart.",
        ),
        (
            confidence(wider, doubtful=doubtful, certain=certain),
            f"The validation inputs are scaled differently: they spread {shift.spread:.2g} times as wide as the training inputs.",
        ),
        (
            confidence(shift.target, doubtful=TARGET, certain=FAR_TARGET),
            f"The validation targets differ: their mean is {shift.target:.1f} standard deviations from that of training.",
        ),
        (
            confidence(shift.unseen, doubtful=UNSEEN, certain=MANY_UNSEEN),
            f"{percent(shift.unseen)} of the validation samples are of classes that training hardly holds.",
        ),
        (
            confidence(shift.ids, doubtful=OTHER, certain=MOSTLY_OTHER),
            f"The validation inputs differ from the training inputs: {percent(shift.ids)} of their tokens would have to be others for both to be alike.",
        ),
        (
            confidence(shift.absent, doubtful=ABSENT, certain=MOSTLY_ABSENT),
            f"Validation holds no sample of classes that are {percent(shift.absent)} of training: it was not drawn from the same data.",
        ),
    ]


def _useless(
    train: Shape,
    evaluation: Shape,
    loss: Series,
    blind: float | None,
    batch_size: int | None,
    samples: Samples | None,
    modes: ModeGap | None,
    count: float | None,
) -> Finding | None:
    """A validation that is never better than a blind guess, and gets worse or does not move, while training gets better on samples that it
    has hardly seen before: what it learns holds for others of their kind, but not for these.
    """
    until = int(evaluation.level.steps[evaluation.level.steps > loss.steps[0]][:1].max(initial=0))
    before = loss.values[(loss.steps < until) & np.isfinite(loss.values)]
    if (
        samples is None
        or batch_size is None
        or evaluation.points < EVALUATIONS
        or len(before) < FIRST
        or train.first <= 0
    ):
        return None
    often = (until - int(loss.steps[0])) * batch_size / max(samples.distinct, 1.0)
    reference = blind if blind is not None else train.first
    fresh = float(np.median(before[-(len(before) // 3) :]))
    differs = modes is not None and modes.late_evaluation > TWICE * modes.late_train
    if often > OFTEN or differs or not fresh < EASILY * reference or not evaluation.best > 0:
        return None
    first, low, high = (float(each(evaluation.level.values)) for each in (lambda values: values[0], np.min, np.max))
    worse = min(
        confidence(math.log(evaluation.last / first), doubtful=math.log(WORSE), certain=math.log(MUCH_WORSE)),
        confidence(math.log(first / max(fresh, 1e-12)), doubtful=math.log(ABOVE), certain=math.log(FAR_ABOVE)),
    )
    useless = evaluation.best > BARELY * reference
    still = STILL if high - low < UNMOVED * high and low > TWICE * reference else 0.0
    new = (until - int(loss.steps[0])) * batch_size < ONCE * _about_all(samples, count)
    apart = _apart(first, before[-(len(before) // 3) :], reference) if new else 0.0
    sure = min(max(worse if useless else 0.0, still, apart), STILL)
    if not sure > 0.5 or low < SAME * first:  # noqa: PLR2004  (as sure as not)
        return None
    return Finding(
        summary=(
            f"Nothing of what is learnt helps in validation: its loss is {evaluation.best:.3g} at best, where {reference:.3g} takes no learning, and that of "
            f"training was {fresh:.3g} by step {until:,}, on samples that were all but new."
            if useless
            else f"The validation loss is {first:.3g} at its first evaluation and comes down no further, where that of training was {fresh:.3g} by then, at "
            f"step {until:,}, on samples that were all but new."
        ),
        confidence=sure,
        since=0,
        evidence=[
            Curve(
                "Training and validation loss",
                [Line("train", "observed", loss), Line("validation", "observed", evaluation.level)],
                "loss",
                [Mark("level", "without learning", reference)],
                "log",
            ),
            Fact("Training loss before the first evaluation", fresh, "loss", reference, "what takes no learning"),
        ],
        remedies=(
            Remedy(
                "Send one training batch through the code of the validation: its loss must be that of training",
                "x, y = next(iter(train_loader))  # the same vocabulary, class numbers, scaling and loss for both",
                "A validation loss that starts near the training loss, and falls with it.",
            ),
        ),
    )


def _about_all(samples: Samples, count: float | None) -> float:
    """How many different samples there are to train on, where that is known; else hardly any came again: of N that are drawn S times about S^2 / 2N do."""
    again = samples.seen - samples.distinct
    return count or max(samples.distinct, samples.seen**2 / (2 * again) if again > 0 else math.inf)


def _apart(validation: float, batches: NDArray[np.float64], reference: float) -> float:
    """How sure a first validation loss makes us that lies above that of new training samples by a multiple, or by most of what was gained.

    Means are compared, for a few samples may make most of either loss.
    """
    train, error = float(batches.mean()), float(batches.std()) / math.sqrt(len(batches))
    times = math.log(validation / max(train, 1e-12))
    if not times > math.log(ABOVE) or validation - train < SURE * error or not train < reference:
        return 0.0
    lost = (validation - train) / (reference - train)
    return max(
        confidence(times, doubtful=math.log(FROM_THE_START), certain=math.log(BY_FAR)),
        confidence(lost, doubtful=LOST, certain=MOSTLY_LOST),
    )


def _swapped(answers: Answers | None) -> Finding | None:
    """Classes that are named, and occur, and never together, more often than chance allows: they have other numbers here."""
    if answers is None or not answers.count.sum() > 0:
        return None
    total = float(answers.count.sum())
    never = (answers.right == 0) & (answers.count >= SEVERAL) & (answers.predicted >= SEVERAL)
    named = np.minimum(answers.predicted[never] / total, 0.99)
    luck = float((answers.count[never] * np.log1p(-named)).sum()) / math.log(10)
    sure = confidence(luck, doubtful=LUCK, certain=NO_LUCK)
    if never.sum() < 2 or not sure > 0.5:  # noqa: PLR2004  (it takes two to swap)
        return None
    classes = [name for name, each in zip(answers.classes, never, strict=True) if each]
    return Finding(
        summary=f"Classes have other numbers in validation than in training: {joined(classes)} are named, and occur, and not once is that right.",
        confidence=sure,
        since=0,
        where=[f"class {each}" for each in classes],
        evidence=[
            Bars("Validation samples by class", list(answers.classes), answers.count.tolist(), "count"),
            Bars("Answers by class", list(answers.classes), answers.predicted.tolist(), "count"),
            Bars("Right answers by class", list(answers.classes), answers.right.tolist(), "count"),
        ],
        remedies=(
            Remedy(
                "Number the classes once, on the training set, and use these numbers everywhere",
                "encoder = LabelEncoder().fit(y_train); y_val = encoder.transform(y_val)",
                "A validation accuracy near that of training.",
            ),
        ),
    )


def _leak(samples: Samples | None, count: int, called: int) -> Finding | None:
    """Training samples that are in validation as well, more than repeat within training.

    Those that the model was called with beside the validation loss, as for the accuracy on the training data, are not in it. Where it is
    called with more than the loss counts, and more of them are known than that, as all nodes of a graph, they are no samples.
    """
    beside = samples is not None and samples.shared > ALL and called - count > ALL * samples.in_val
    if samples is None or not count > 0 or beside or (called > count and samples.in_val > count):
        return None
    alike = max(1 - samples.kept, 0.0)
    leaked = samples.in_val / count
    sure = confidence(min(leaked, 1.0) - alike, doubtful=LEAKED, certain=MANY_LEAKED)
    if sure > 0.5:  # noqa: PLR2004  (as sure as not)
        return Finding(
            summary=(
                f"Validation leaks: at least {samples.in_val:,.0f} of the {count:,} validation samples are in the training set, too; its "
                f"loss says nothing of others."
            ),
            confidence=sure,
            since=0,
            evidence=[Fact("Validation samples that are in training", samples.in_val, "count", float(count))],
            remedies=(Remedy("Remove from training what is in validation, or cut again after removing duplicates"),),
        )
    return None


def _too_few(samples: int, evaluation: Shape, contract: Contract | None) -> Finding | None:
    """A word where the validation set is a handful of samples, a loud one where it is hardly that and each has few answers."""
    answers = math.prod(contract.target) if contract is not None else 1
    sure = confidence(math.log(max(samples, 1)), doubtful=math.log(FEW), certain=math.log(VERY_FEW))
    if sure > 0.5:  # noqa: PLR2004  (as sure as not)
        return Finding(
            summary=f"The validation set has {samples} samples only: its loss says little about others.",
            confidence=sure,
            since=0,
            evidence=[
                Fact("Validation samples", float(samples), "count", float(FEW)),
                Fact("Validation loss", evaluation.last, "loss", None, f"of {samples} samples"),
            ],
            remedies=(Remedy("Validate on more samples, or by cross-validation"),),
            severity=None if sure >= LOUD and answers < LONG else "info",
        )
    return None


def _evidence(shift: Shift, train: Shape, evaluation: Shape) -> list[Evidence]:
    evidence: list[Evidence] = []
    if shift.ids > OTHER:
        evidence.append(Fact("Tokens that would have to be others", shift.ids, "share", OTHER))
    if shift.features:
        evidence.append(
            Bars(
                "Shift of validation inputs, in standard deviations of training",
                [name for name, _ in shift.features],
                [value for _, value in shift.features],
                "ratio",
                MOVED,
            )
        )
        evidence.append(Fact("Spread of the validation inputs", shift.spread, "ratio", 1.0, "1 is as in training"))
    for title, value in (("Shift of the targets", shift.target), ("Share of unseen classes", shift.unseen)):
        if value > 0:  # NaN where it is not known
            evidence.append(Fact(title, value, "share" if "Share" in title else "ratio", 0.0))
    evidence.append(Fact("Validation loss", evaluation.last, "loss", train.last, "the reference is the training loss"))
    return evidence
