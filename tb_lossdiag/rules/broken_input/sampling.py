"""Samples that repeat, that are poorer than those of validation, or that change as the training goes on."""

from __future__ import annotations

import math

import numpy as np

from tb_lossdiag.evidence import Curve, Fact, Line
from tb_lossdiag.finding import Finding, Remedy, confidence, percent
from tb_lossdiag.rules.broken_input.empty import FEWEST, LEFT, UNSURE, found_in
from tb_lossdiag.rules.broken_input.order import DONE
from tb_lossdiag.series import Series
from tb_lossdiag.signals.data import Features
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.samples import Relabelled, Samples
from tb_lossdiag.signals.splits import Shift

__all__ = ["drifts", "one_sample", "poorer", "repeats"]

POORER, MUCH_POORER = 1.15, 1.4  # validation inputs spread that many times as wide as training's
EASIER = 0.8  # validation loss over training loss: the training samples are the broken ones
REPEATED = 0.5  # distinct samples as a share of those expected: drawing rare classes more often leaves more than half
MANY_TIMES = 0.2
ALIKE = 0.3  # share of the distinct samples that validation has, too: then samples of this kind are alike by nature, or in all splits
HARM = 0.1  # gap between the losses as a share of all that was gained: less is no sign that repeating did harm
# share of the samples that are one and the same: all zeros, or a picture that stands for those that are missing
COMMON, VERY_COMMON = 0.15, 0.25
SEEN, OTHERS = 200, 20  # samples looked at, and different ones among them, from which on such a share is odd
OTHER_LABEL = (
    0.1  # of the samples that came again: they are of different classes, and the one that stands for them tells none
)
LOOKS = 5  # batches early and late
SLACK = 0.1  # of a logarithm
# spread of late inputs over that of early ones, or the other way round; of 388 runs with one model sound ones stayed below 1.4
OTHERWISE, FAR_OTHERWISE = 1.5, 3.0


def drifts(spread: Series, left: float | None) -> Finding | None:
    """Inputs that spread otherwise late in the run than early, and not by chance: somebody changes the samples where they are kept."""
    known = spread.finite()
    quarter = len(known) // 4
    if quarter < LOOKS or left is None or left < DONE or not known.values.min() > 0:
        return None
    logs = np.log(known.values)
    (early, late), middle = (
        (float(np.median(each)) for each in (logs[:quarter], logs[-quarter:])),
        logs[quarter:-quarter],
    )
    between = min(early, late) - SLACK <= float(np.median(middle)) <= max(early, late) + SLACK
    jitter = float(np.ptp(logs[:quarter]))  # of data in some order, a batch may spread as it likes
    sure = confidence(abs(late - early) - jitter, doubtful=math.log(OTHERWISE), certain=math.log(FAR_OTHERWISE))
    if not between or not sure > 0.5:  # noqa: PLR2004  (as sure as not)
        return None
    return Finding(
        summary=f"The inputs change as the training goes on: their spread goes from {math.exp(early):.3g} to {math.exp(late):.3g}. The samples may be changed where they "
        "are kept, as where each epoch normalises them once more.",
        confidence=sure,
        since=0,
        evidence=[
            Curve(
                "Spread of the inputs, batch by batch",
                [Line("standard deviation", "observed", known)],
                "value",
                [],
                "log",
            )
        ],
        remedies=(
            Remedy(
                "Let a transform return something new, and leave what it was given as it is",
                "x = (x - mean) / std  # not x -= mean; x /= std, nor x.sub_(mean).div_(std)",
                "Inputs that spread as widely in the last epoch as in the first.",
            ),
            Remedy(
                "Copy a sample before changing it: torch.from_numpy and slices share memory",
                "x = torch.from_numpy(array.copy())",
            ),
        ),
    )


def repeats(
    features: Features | None,
    train: Shape | None,
    evaluation: Shape | None,
    samples: Samples | None,
    left: float | None,
) -> Finding | None:
    """Far fewer distinct samples than were drawn from a training set of this size."""
    if samples is None or not 0 < samples.kept < REPEATED or (samples.values < FEWEST and not samples.shared < ALIKE):
        return None
    sure = confidence(math.log(samples.kept), doubtful=math.log(REPEATED), certain=math.log(MANY_TIMES))
    harms = left is not None and left > LEFT
    if train is not None and evaluation is not None:
        harms |= evaluation.last - train.last > HARM * (max(train.first, evaluation.first) - evaluation.best)
    if not harms or samples.shared > ALIKE:
        sure = min(sure, UNSURE)
    if sure > 0.5:  # noqa: PLR2004  (as sure as not)
        summary = (
            f"Samples repeat: of {samples.seen:,.0f} training samples that were looked at only {samples.distinct:,.0f} are distinct, where "
            f"about {samples.expected:,.0f} should be."
        )
        counted = Fact(
            "Distinct training samples",
            samples.distinct,
            "count",
            samples.expected,
            "the reference is what is expected",
        )
        others = found_in(summary, sure, features, ()).evidence if features is not None else ()
        return Finding(summary=summary, confidence=sure, since=0, evidence=[counted, *others])
    return None


def one_sample(samples: Samples | None, labels: Relabelled | None, left: float | None) -> Finding | None:
    """One sample that comes far more often than any other, with labels of different classes: what stands for samples that could not be read."""
    if samples is None or samples.seen < SEEN or samples.distinct < OTHERS or samples.values < FEWEST:
        return None
    share = samples.commonest / samples.seen  # NaN where it was not counted
    contradicted = labels is not None and labels.again > 0 and labels.otherwise > OTHER_LABEL * labels.again
    sure = confidence(share, doubtful=COMMON, certain=VERY_COMMON)
    if not contradicted or left is None or not left > LEFT or not sure > 0.5:  # noqa: PLR2004  (as sure as not)
        return None
    return Finding(
        summary=f"One and the same input makes up {percent(share)} of the training samples, and stands for different classes: samples that could not be read may "
        "arrive as zeros.",
        confidence=sure,
        since=0,
        evidence=[
            Fact(
                "Training samples that are one and the same",
                samples.commonest,
                "count",
                None,
                f"of {samples.seen:,.0f} that were looked at",
            ),
            Fact("Distinct training samples", samples.distinct, "count"),
        ],
        remedies=(
            Remedy(
                "Let a sample that cannot be read raise an error, and look at the first one",
                "except Exception as error:\n    raise RuntimeError(path) from error  # not: return torch.zeros(shape)",
                "Samples that differ from each other, and a loss that falls further.",
            ),
        ),
    )


def poorer(features: Features, train: Shape | None, evaluation: Shape | None, shift: Shift | None) -> Finding | None:
    """Training inputs that vary less than validation's, and a training loss far above validation's: samples got lost."""
    if train is None or evaluation is None or shift is None or not evaluation.last < EASIER * train.last:
        return None
    wider = math.log(shift.spread) - shift.chance_spread if shift.spread > 0 else 0.0
    sure = confidence(wider, doubtful=math.log(POORER), certain=math.log(MUCH_POORER))
    if sure > 0.5:  # noqa: PLR2004  (as sure as not)
        zero = 1 - 1 / shift.spread**2
        summary = (
            f"Training inputs vary {shift.spread:.1f} times less than validation inputs, and validation goes better: about "
            f"{percent(zero)} of the training samples may be empty."
        )
        return found_in(summary, sure, features, ())
    return None
