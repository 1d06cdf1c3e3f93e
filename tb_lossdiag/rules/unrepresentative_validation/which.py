"""Which samples validate: those that train as well, a handful, or other ones each time."""

from __future__ import annotations

import math

from tb_lossdiag.evidence import Fact
from tb_lossdiag.finding import REMARK, Finding, Remedy, confidence, percent
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.outputs import Contract
from tb_lossdiag.signals.samples import Samples

__all__ = ["anew", "leak", "too_few"]

FEW = 30  # samples: the standard error of an accuracy of 90 % is 5 % and 9 %, and one sample is 3 % and 8 %
VERY_FEW = 12
LONG = 32  # answers of a sample, such as a sequence's: a handful of these is a number of answers
LOUD = 0.9  # confidence from which on a handful is more than worth knowing: every number of the validation is then a matter of luck
EXACT = 0.01  # of a blind guess's loss: with less left in both there is no luck in it
ALL = 0.9  # share of the training samples that were put through the model during a validation: all that are known, but for chance
MOST_CHANGED = 0.5  # of the inputs: an augmentation leaves some as they are
LEAKED = 0.1  # share of the validation samples that are in training, too, beyond those that are alike by nature
MANY_LEAKED = 0.3


def leak(samples: Samples | None, count: int, called: int) -> Finding | None:
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


def anew(changed: float | None) -> Finding | None:
    """A word where validation inputs are others at each evaluation and their targets are not: what is measured is not what the network does in use."""
    if changed is None or changed < MOST_CHANGED:
        return None
    return Finding(
        summary=f"The validation inputs are changed anew: at the second evaluation {percent(changed)} of the first ones are others than before, though their "
        "targets are the same. A random augmentation makes validation harder than use, and code that changes the data in place does so more and more.",
        confidence=REMARK,
        severity="info",
        since=0,
        evidence=[Fact("Validation inputs that are others at the second evaluation", changed, "share", MOST_CHANGED)],
        remedies=(
            Remedy(
                "Give the validation set the transforms of the test set, without any that are random",
                "val_set = Subset(Data(transform=test_transform), val_indices)",
                "The same validation loss each time for the same network.",
            ),
            Remedy("Change a copy where data are prepared", "x = x.clone()"),
        ),
    )


def too_few(
    samples: int, train: Shape, evaluation: Shape, contract: Contract | None, blind: float | None
) -> Finding | None:
    """A word where the validation set is a handful of samples, a loud one where it is hardly that and each has few answers, unless they are told as
    exactly as the training samples are.
    """
    exact = blind is not None and max(train.last, evaluation.last) < EXACT * blind
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
            severity=None if sure >= LOUD and answers < LONG and not exact else "info",
        )
    return None
