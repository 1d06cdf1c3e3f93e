"""# Unrepresentative validation data

## What you see

The validation loss lies far above the training loss from the start, or wobbles so much that it says little.

## Why it happens

The two sets were drawn differently (sorted before they were cut, other sources, other classes), or only one of them went through a
step of preprocessing: a vocabulary or class numbers of its own, targets that only one side scales. Or the validation set was split off an
augmented training set, and is augmented at random, too. Or there are too few validation samples for a mean that holds still.

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

from tb_lossdiag.evidence import Bars, Evidence, Fact
from tb_lossdiag.finding import Finding, Remedy, confidence, percent
from tb_lossdiag.rule import Lacking, rule
from tb_lossdiag.rules.unrepresentative_validation.swapped import swapped
from tb_lossdiag.rules.unrepresentative_validation.useless import useless
from tb_lossdiag.rules.unrepresentative_validation.which import anew, leak, too_few
from tb_lossdiag.series import Series
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.outputs import Contract
from tb_lossdiag.signals.probe import Answers, ModeGap
from tb_lossdiag.signals.samples import Samples
from tb_lossdiag.signals.splits import Shift

HARM, SURE_HARM = 0.04, 0.09  # gap between the losses as a share of all that training has gained
# share of what training gains that validation gains too, and a gap: as of a later time, which is meant to differ
CARRIES, MILD = 0.5, 0.35
MOVED, FAR = 0.25, 0.5  # shift of the inputs in standard deviations beyond chance; sound splits: 0
WIDER, MUCH_WIDER = math.log(1.3), math.log(1.7)  # logarithm of the ratio of their standard deviations
SOMEWHAT, WIDE = math.log(1.15), math.log(1.3)  # the same where validation is no better than a blind guess ...
NOTHING = 0.95  # ... though training is: its best loss over that of the guess
TARGET, FAR_TARGET = 0.4, 0.8  # shift of a regression target's mean, in standard deviations beyond chance
UNSEEN, MANY_UNSEEN = 0.05, 0.15  # share of samples whose class training hardly holds
OTHER, MOSTLY_OTHER = 0.4, 0.65  # share of the tokens that would have to be others
ABSENT, MOSTLY_ABSENT = 0.2, 0.4  # share of training that is of classes of which validation holds nothing
LEARNT = 0.5  # training loss over a blind guess's: the network does tell the classes apart


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
    val_changed: float | None = None,
) -> Finding | None:
    """Statistics of inputs or targets that differ, with a validation loss that suffers; a leak; or a handful of samples; or a validation that
    nothing of what is learnt helps; or, as a remark, inputs that something changes from evaluation to evaluation.
    """
    nothing = useless(
        train_shape, eval_shape, train_loss, val_prior_loss or prior_loss, batch_size, samples, mode_gap, sample_count
    )
    if val_shift is None:
        if nothing is None and val_changed is None:
            raise Lacking("val_shift")
        return nothing or anew(val_changed)
    gained = train_shape.first - train_shape.last
    gap = (eval_shape.last - train_shape.last) / gained if gained > 0 else 0.0
    harm = confidence(gap, doubtful=HARM, certain=SURE_HARM)
    count = (split_sizes or {}).get("val", val_shift.samples)
    learnt = val_prior_loss is not None and train_shape.last < LEARNT * val_prior_loss
    blind = learnt and val_prior_loss is not None and eval_shape.best > NOTHING * val_prior_loss
    sure, summary = max(_differences(val_shift, blind=blind))
    found = [
        _named_otherwise(class_answers or {}, train_shape, val_prior_loss or prior_loss),
        nothing,
        leak(samples, count, val_called or 0),
        too_few(count, train_shape, eval_shape, contract, val_prior_loss or prior_loss),
        anew(val_changed),
    ]
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


def _named_otherwise(answers: Mapping[str, Answers], train: Shape, blind: float | None) -> Finding | None:
    """Classes with other numbers, where training has learnt to tell them apart: in validation, or in the test set that is evaluated in its place."""
    if blind is None or not train.last < LEARNT * blind:
        return None
    return swapped(answers.get("val")) if "val" in answers else swapped(answers.get("test"), tested=True)


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
