"""Maps whose places are answered by yes and no, of which hardly any is yes."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tb_lossdiag.evidence import Curve, Line, Mark
from tb_lossdiag.finding import Finding, Remedy
from tb_lossdiag.rules.class_imbalance.named import SEVERAL, UNEQUAL
from tb_lossdiag.series import Series
from tb_lossdiag.signals.data import Targets
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.outputs import Contract, Outputs
from tb_lossdiag.signals.probe import Answers
from tb_lossdiag.signals.structure import LossFunction

__all__ = ["EMPTY", "SURE", "empty", "for_places", "places"]

THRESHOLDS = {
    "BCEWithLogitsLoss": 0.0, "binary_cross_entropy_with_logits": 0.0, "BCELoss": 0.5, "binary_cross_entropy": 0.5,
}  # fmt: skip
"""Scores from which on yes is more likely than no."""
MAP, LOOKS = 64, 4  # answers of a sample that make a map, and batches that are looked at in the second half
SETTLED = 0.02  # of all progress, made in the last third
EMPTY = 0.8  # masks that stay empty, once validation has settled: of places no threshold is a matter of taste
SURE = 3.0  # standard errors beyond which a loss has not settled


def empty(
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
        remedies=for_places(np.array([1 - yes, yes]) * places * contract.batch),
    )


def places(targets: Targets, answers: Answers | None) -> NDArray[np.float64] | None:
    """How often no and yes are right in masks, where each place of an image is answered; None where there are none."""
    if targets.yes is None or len(targets.yes) > 1 or answers is None:
        return None
    yes = float(targets.yes[0])
    return np.array([1 - yes, yes]) * float(answers.count.sum())


def for_places(labels: NDArray[np.float64]) -> tuple[Remedy, ...]:
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
