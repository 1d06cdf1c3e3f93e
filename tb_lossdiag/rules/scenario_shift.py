"""# Scenario shift

## What you see

Training and validation go well; the test loss is much worse.

## Why it happens

The test data come from another situation: other speakers, other cameras, another season, other class shares, or another way of
preparing them. The network has learnt what held in the one and does not hold in the other.

## What to do

Check first that the test data go through the same preprocessing. Then bring samples of the new situation into training and validation,
normalise by situation, or augment along what differs.

## When this is wrong

If the settings were chosen by the validation loss over very many runs, or samples of one person, device or place are in training and
validation both, the validation loss itself is too good. Test data that are
only noisier have the same mean and a larger spread.
"""

from __future__ import annotations

import math

from tb_lossdiag.evidence import Bars, Evidence, Fact
from tb_lossdiag.finding import REMARK, Finding, Remedy, confidence, percent
from tb_lossdiag.rule import rule
from tb_lossdiag.series import Series
from tb_lossdiag.signals.splits import Gap, Shift

HARM = 0.05  # test loss above validation loss, as a share of what was gained; sound splits: -0.3 to 0.05
SURE_HARM = 0.1
ERRORS = 3.0  # standard errors of the test loss that this must exceed
PERHAPS, PLAINLY = 1.5, 0.9  # the same, and how sure we are of a difference that is worth a remark
MOVED, FAR = 0.25, 0.5  # shift of the inputs in standard deviations beyond chance; sound splits: 0
TARGET, FAR_TARGET = 0.4, 0.8  # the same for the mean of regression targets
OTHER, MOSTLY_OTHER = 0.4, 0.65  # share of the tokens that would have to be others
UNSEEN, MANY_UNSEEN = 0.05, 0.15  # share of samples whose class training hardly holds
NARROWER = math.log(0.8)  # logarithm of the ratio of standard deviations: a larger spread is noise instead
HUGE, UTTER = 0.3, 1.0  # a gap that means another situation, even where the statistics recorded do not show which
FEWER = 0.05  # of the test samples named rightly than of those of validation
UNEXPLAINED = 0.8  # confidence at most where they do not
FEWER = 0.05  # of the test samples named rightly than of those of validation
UNEXPLAINED = 0.8  # confidence at most where they do not
SHARED = (
    Remedy(
        "Cut off validation by person, device or place, as test is, if samples of one are in training and validation",
        "train, val = next(sklearn.model_selection.GroupShuffleSplit(test_size=0.2).split(x, groups=person))",
        "A validation loss near the test loss: then it tells when to stop, and what helps.",
    ),
)
WIDER = math.log(1.1)  # then noise explains the gap


PREPROCESSING = Remedy("Check that test data go through the same preprocessing as training data")
GROUPS = Remedy(
    "Cut off validation by person, device or place, as test is, if samples of one are in training and validation",
    "train, val = next(sklearn.model_selection.GroupShuffleSplit(test_size=0.2).split(x, groups=person))",
    "A validation loss near the test loss: then it tells when to stop, and what helps.",
)
OTHERS = (
    Remedy(
        "Bring samples of the test situation into training and validation",
        "",
        "A validation loss as high as the test loss at first, and then both falling.",
    ),
    Remedy("Augment along what differs: brightness, contrast, background, speaker, device"),
)


@rule(
    cause="The test data come from another situation than the training data.",
    stage="test",
    severity="warning",
    remedies=(PREPROCESSING, *OTHERS),
)
def scenario_shift(
    test_shift: Shift,
    test_gap: Gap,
    val_shift: Shift | None = None,
    val_accuracy: Series | None = None,
    test_accuracy: Series | None = None,
) -> Finding | None:
    """Inputs or targets whose mean has moved, with a test loss well above the validation loss; or above the training loss, where there is none."""
    harm = confidence(test_gap.share, doubtful=HARM, certain=SURE_HARM)
    sure, summary = max(_differences(test_shift, val_shift))
    remedies: tuple[Remedy, ...] = ()
    if test_gap.errors < ERRORS or not harm > 0.5:  # noqa: PLR2004  (as sure as not)
        return _perhaps(sure, summary, test_shift, test_gap)
    wider = math.log(test_shift.spread) - test_shift.chance_spread if test_shift.spread > 0 else 0.0
    if not wider > WIDER and test_gap.beside == "validation":  # a network that has memorised is worse on any test data
        gap = min(confidence(test_gap.share, doubtful=HUGE, certain=UTTER), UNEXPLAINED)
        if _as_many_right(
            val_accuracy, test_accuracy
        ):  # a few samples cost a fortune, of a network that is sure of everything
            gap = 0.0
        if sure <= 0.5:  # noqa: PLR2004
            summary = (
                f"The test loss is {test_gap.test:.3g} where the validation loss is {test_gap.val:.3g}: the test data must differ "
                f"in a way that means and spreads do not show, or validation shares with training what test does not: persons, devices, places."
            )
            remedies = (PREPROCESSING, GROUPS, *OTHERS)
        sure = max(sure, gap)
    if sure > 0.5:  # noqa: PLR2004
        return Finding(
            summary=summary,
            confidence=min(harm, sure),
            where=[name for name, _ in test_shift.features[:3]] if not remedies else (),  # else no feature shows it
            evidence=_evidence(test_shift, test_gap),
            remedies=remedies,
        )
    return None


def _as_many_right(val: Series | None, test: Series | None) -> bool:
    """Whether test samples are named rightly about as often as those of validation."""
    known = [each.finite().values[-1:] for each in (val, test) if each is not None]
    return len(known) == 2 and all(len(each) for each in known) and bool(known[0][0] - known[1][0] < FEWER)  # noqa: PLR2004  (both)


def _perhaps(sure: float, summary: str, shift: Shift, gap: Gap) -> Finding | None:
    """A remark on data that surely come from another situation, and that go worse by little, or by no more than a few samples make."""
    if sure < PLAINLY or not gap.share > 0 or gap.errors < PERHAPS or gap.beside != "validation":
        return None
    return Finding(
        summary=summary,
        confidence=REMARK,
        severity="info",
        where=[name for name, _ in shift.features[:3]],
        evidence=_evidence(shift, gap),
    )


def _differences(shift: Shift, val: Shift | None) -> list[tuple[float, str]]:
    """Each way in which the situation may differ: how sure we are of it, and the sentence that says so.

    What validation data show as well does not explain why test data go worse.
    """
    inputs = _beyond(shift.inputs, val.inputs if val is not None else 0.0)
    target = _beyond(shift.target, val.target if val is not None else 0.0)
    unseen = _beyond(shift.unseen, val.unseen if val is not None else 0.0)
    ids = _beyond(shift.ids, val.ids if val is not None else 0.0)
    narrower = math.log(shift.spread) + shift.chance_spread if shift.spread > 0 else math.nan
    return [
        (
            0.0
            if shift.noisy
            else confidence(inputs, doubtful=MOVED, certain=FAR),  # noise: values lost move means a little, too
            f"The test data come from another situation: their inputs lie {shift.inputs:.1f} standard deviations from those of training.",
        ),
        (
            confidence(target, doubtful=TARGET, certain=FAR_TARGET),
            f"The test data come from another situation: their targets lie {shift.target:.1f} standard deviations from those of training.",
        ),
        (
            confidence(unseen, doubtful=UNSEEN, certain=MANY_UNSEEN),
            f"{percent(shift.unseen)} of the test samples are of classes that training hardly holds.",
        ),
        (
            confidence(ids, doubtful=OTHER, certain=MOSTLY_OTHER),
            f"The test data come from another situation: {percent(shift.ids)} of their tokens would have to be others for them to be like training's.",
        ),
        (
            confidence(narrower, doubtful=NARROWER, certain=2 * NARROWER),
            f"The test inputs are scaled differently: they spread {shift.spread:.2g} times as wide as the training inputs.",
        ),
    ]


def _beyond(value: float, known: float) -> float:
    """The part of a shift that validation data do not have."""
    return value - known if known == known else value  # noqa: PLR0124  (NaN: not known)


def _evidence(shift: Shift, gap: Gap) -> list[Evidence]:
    evidence: list[Evidence] = [
        Fact(
            "Test loss",
            gap.test,
            "loss",
            gap.val,
            "the reference is the validation loss"
            if gap.beside == "validation"
            else "the reference is the training loss",
        ),
    ]
    if shift.ids > OTHER:
        evidence.insert(0, Fact("Tokens that would have to be others", shift.ids, "share", OTHER))
    if shift.features:
        evidence.append(
            Bars(
                "Shift of test inputs, in standard deviations of training",
                [name for name, _ in shift.features],
                [value for _, value in shift.features],
                "ratio",
                MOVED,
            )
        )
        evidence.append(Fact("Spread of the test inputs", shift.spread, "ratio", 1.0, "1 is as in training"))
    return evidence
