"""Losses that one answer to everything makes as small as they can be."""

from __future__ import annotations

import numpy as np

from tb_lossdiag.evidence import Curve, Fact, Line, Mark
from tb_lossdiag.finding import Finding, Remedy
from tb_lossdiag.series import Series
from tb_lossdiag.signals.data import Features
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.outputs import Outputs
from tb_lossdiag.signals.structure import LossFunction

__all__ = ["satisfied"]

LATE, LOOKS = 0.3, 5  # share of the looks at the outputs, and how many that are at least
ALIKE = (
    0.05  # range of the outputs in a batch over the targets' standard deviation: 4 to 5 where each has its own answer
)
REACH = 3.0  # standard deviations of the targets, within which the outputs began: from further away a constant is much progress, too
DONE = 0.02  # last loss over the first: the best constant leaves a tenth of any distance that begins within reach
SURE = 0.9


def satisfied(
    loss: LossFunction, outputs: Outputs | None, targets: Features | None, form: Shape | None
) -> Finding | None:
    """A loss of the user's own that has all but vanished, though the model gives every sample the same answer and the targets differ.

    What torch calls a distance or a cross-entropy cannot do so: there the best constant leaves what targets vary by.
    """
    if outputs is None or targets is None or form is None or len(outputs.names) != len(targets.names):
        return None
    if loss.is_distance or loss.is_cross_entropy or loss.is_binary_cross_entropy or not (targets.std > 0).all():
        return None
    late = max(LOOKS, int(LATE * len(outputs.steps)))
    widths = (outputs.max - outputs.min) / targets.std
    near = np.abs(outputs.mean[0] - targets.mean) < REACH * targets.std
    alike = len(widths) >= 2 * LOOKS and float(np.median(widths[-late:], axis=0).max()) < ALIKE
    if not alike or not near.all() or not 0 <= form.last < DONE * form.first:
        return None
    answer, meant = float(outputs.mean[-1, 0]), float(targets.mean[0])
    widest = Series(outputs.steps, widths.max(axis=1))
    return Finding(
        summary=f"One answer to everything satisfies the loss: it has fallen from {form.first:.3g} to {form.last:.3g} while all outputs came to be "
        f"{answer:.3g}, and the targets differ.",
        confidence=SURE,
        since=0,
        evidence=[
            Fact("What the model answers to every sample", answer, "value", meant, "the mean of the targets"),
            Curve(
                "Range of the outputs in a batch, in standard deviations of the targets",
                [Line("outputs", "observed", widest)],
                "ratio",
                [Mark("level", "all alike", ALIKE)],
                "log",
            ),
            Curve("Training loss, smoothed", [Line("train", "observed", form.level)], "loss", [], "log"),
        ],
        remedies=(
            Remedy(
                "Look at what the loss asks of samples of each kind: a wrong answer has to cost something for each of them",
                "loss = F.binary_cross_entropy(p, y)  # -(y * log(p)) alone never asks for a small p",
                "A loss that stays high as long as the outputs are all alike.",
            ),
        ),
    )
