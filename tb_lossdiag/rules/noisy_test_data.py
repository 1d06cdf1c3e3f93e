"""# Noisy test data

## What you see

Training and validation go well; the test loss is worse, and the test inputs spread wider around the same means. Or classes are named, and occur, and
not once is that right.

## Why it happens

The test data carry noise that the training data do not: a poorer sensor, compression, interference, missing care in recording.
The network never learnt to look past it. Or the labels are not those of the training: folders that are listed in another order give the classes other numbers.

## What to do

Add noise of that size to the training data, clean the test data, or use a network that averages more.

## When this is wrong

Data that are scaled differently spread wider, too: compare the preprocessing. Where the means have moved the test data come from
another situation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from tb_lossdiag.evidence import Bars, Evidence, Fact
from tb_lossdiag.finding import Finding, Remedy, about, confidence
from tb_lossdiag.rule import Lacking, rule
from tb_lossdiag.rules.unrepresentative_validation.swapped import swapped
from tb_lossdiag.signals.probe import Answers
from tb_lossdiag.signals.splits import Gap, Shift

HARM = 0.05  # test loss above validation loss, as a share of what was gained; sound splits: -0.3 to 0.05
SURE_HARM = 0.1
ERRORS = 3.0  # standard errors of the test loss that this must exceed
WIDER = math.log(
    1.02
)  # spread beyond chance: noise of a fifth and of two fifths of a standard deviation; where the test loss is worse, that is cause enough
MUCH_WIDER = math.log(1.08)
# the same where there is no validation: what is memorised makes test data worse, too
PLAINLY, FAR_WIDER = math.log(1.2), math.log(1.5)
MOVED = 0.25  # shift of the means, in standard deviations beyond chance: more is another situation, unless variance has grown by more

TOLD_APART = 0.7  # share of the validation samples: a network that knows few classes may miss some for good
OUTLIERS = 2.5  # standard deviations of noise that would be needed: so much is no noise, but values that do not belong
CLEAN = Remedy("Clean the test data as the training data were cleaned")
STRANGE = (
    Remedy(
        "Look for test values that training never has: zeros or markers for what is missing, another unit, outliers",
        "print(x_test.min(0), x_test.max(0), x_train.min(0), x_train.max(0))",
    ),
    CLEAN,
)


@rule(
    cause="The test data are noisier than the training data.",
    stage="test",
    severity="warning",
    remedies=(
        Remedy(
            "Add noise of that size to the training data",
            "x = x + noise * torch.randn_like(x)",
            "A test loss nearer to the validation loss.",
        ),
        CLEAN,
    ),
)
def noisy_test_data(
    test_shift: Shift | None = None,
    test_gap: Gap | None = None,
    val_shift: Shift | None = None,
    class_answers: Mapping[str, Answers] | None = None,
) -> Finding | None:
    """Inputs that spread wider around the same means, with a test loss well above the validation loss; or labels that have other numbers than in validation."""
    answers = class_answers or {}
    other = swapped(answers.get("test"), tested=True) if _told_apart(answers.get("val")) else None
    if other is not None:
        return other
    if test_shift is None or test_gap is None:
        raise Lacking(*(name for name, each in (("test_shift", test_shift), ("test_gap", test_gap)) if each is None))
    if not test_shift.spread > 0 or not (test_shift.inputs < MOVED or test_shift.noisy) or test_gap.errors < ERRORS:
        return None
    known = math.log(val_shift.spread) if val_shift is not None and val_shift.spread > 0 else 0.0
    wider = math.log(test_shift.spread) - max(known, 0.0) - test_shift.chance_spread
    low, high = (WIDER, MUCH_WIDER) if test_gap.beside == "validation" else (PLAINLY, FAR_WIDER)
    sure = min(
        confidence(wider, doubtful=low, certain=high),
        confidence(test_gap.share, doubtful=HARM, certain=SURE_HARM),
    )
    if sure > 0.5:  # noqa: PLR2004  (as sure as not)
        noise = math.sqrt(test_shift.spread**2 - 1)
        evidence: list[Evidence] = [
            Bars(
                "Spread of the inputs, as a multiple of training's",
                _names(known),
                _values(test_shift, known),
                "ratio",
                1.0,
            ),
            Fact(
                "Test loss",
                test_gap.test,
                "loss",
                test_gap.val,
                "the reference is the validation loss"
                if test_gap.beside == "validation"
                else "the reference is the training loss",
            ),
            Fact("Shift of the test inputs", test_shift.inputs, "ratio", MOVED, "in standard deviations of training"),
        ]
        if noise > OUTLIERS:
            return Finding(
                summary=(
                    "The test data hold values far outside of training's: they spread "
                    f"{about(test_shift.spread)} times as wide as the training data around the same means."
                ),
                confidence=sure,
                evidence=evidence,
                remedies=STRANGE,
            )
        return Finding(
            summary=(
                f"The test data are noisier: they spread {test_shift.spread:.2g} times as wide as the training data around the same "
                f"means, as noise of {noise:.1g} standard deviations does."
            ),
            confidence=sure,
            evidence=evidence,
            remedies=(
                Remedy(
                    f"Add noise of about {noise:.1g} standard deviations to the training data",
                    f"x = x + {noise:.1g} * x.std() * torch.randn_like(x)",
                    "A test loss nearer to the validation loss.",
                ),
                CLEAN,
            ),
        )
    return None


def _told_apart(answers: Answers | None) -> bool:
    """Whether the network tells the classes of the validation set apart, most of the time."""
    return answers is not None and float(answers.right.sum()) > TOLD_APART * float(answers.count.sum()) > 0


def _names(known: float) -> list[str]:
    return ["training", "validation", "test"] if known else ["training", "test"]


def _values(shift: Shift, known: float) -> list[float]:
    return [1.0, math.exp(known), shift.spread] if known else [1.0, shift.spread]
