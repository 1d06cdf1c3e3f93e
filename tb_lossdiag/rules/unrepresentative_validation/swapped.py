"""Classes that have other numbers in validation."""

from __future__ import annotations

import math

import numpy as np

from tb_lossdiag.evidence import Bars
from tb_lossdiag.finding import Finding, Remedy, confidence
from tb_lossdiag.signals.probe import Answers
from tb_lossdiag.wording import joined

__all__ = ["swapped"]

SEVERAL = 5  # validation samples of a class, and answers that name it
LUCK, NO_LUCK = -2.5, -3.7  # logarithm of the chance that answers so often miss


def swapped(answers: Answers | None, *, tested: bool = False) -> Finding | None:
    """Classes that are named, and occur, and never together, more often than chance allows: they have other numbers here, in validation or as they are `tested`."""
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
        summary=f"Classes have other numbers in the test data than in training: {joined(classes)} are named, and occur, and not once is that right."
        if tested
        else f"Classes have other numbers in validation than in training: {joined(classes)} are named, and occur, and not once is that right.",
        confidence=sure,
        since=0,
        where=[f"class {each}" for each in classes],
        evidence=[
            Bars("Samples by class", list(answers.classes), answers.count.tolist(), "count"),
            Bars("Answers by class", list(answers.classes), answers.predicted.tolist(), "count"),
            Bars("Right answers by class", list(answers.classes), answers.right.tolist(), "count"),
        ],
        remedies=(
            Remedy(
                "Number the classes once, on the training set, and use these numbers everywhere",
                "encoder = LabelEncoder().fit(y_train); y_val = encoder.transform(y_val)",
                "An accuracy near that of training.",
            ),
        ),
    )
