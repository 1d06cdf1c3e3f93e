"""Weights of the loss that are turned round."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tb_lossdiag.evidence import Bars
from tb_lossdiag.finding import Finding, Remedy, about
from tb_lossdiag.rules.class_imbalance.named import NEVER, SHOWN
from tb_lossdiag.signals.structure import LossFunction

__all__ = ["turned_round"]

TURNED, ALIKE = 3.0, 0.9  # spread of weights and counts, and their correlation, both of logarithms


def turned_round(labels: NDArray[np.float64], loss: LossFunction | None) -> Finding | None:
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
