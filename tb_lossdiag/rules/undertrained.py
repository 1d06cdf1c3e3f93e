"""# Undertrained

## What you see

Training and validation loss both still fall when the run ends.

## Why it happens

Nothing is wrong. The training was stopped early, or the learning rate was decayed to nothing before the network was done.

## What to do

Train longer; stretch the learning rate's schedule to the new length. The report says how much longer is still worth it.

## When this is wrong

A learning rate that is too low looks alike: there the updates are tiny, and the right cure is larger steps, not more of them.
"""

from __future__ import annotations

import math

from tb_lossdiag.evidence import Curve, Fact, Line, Mark
from tb_lossdiag.finding import Finding, Remedy, confidence
from tb_lossdiag.rule import rule
from tb_lossdiag.series import Series
from tb_lossdiag.signals.loss import Shape

DOUBTFUL = 0.10  # of all progress, made in the last third: a finished training makes next to none there
CERTAIN = 0.35  # a straight line makes a third
SURE = 4.0  # standard errors that the fall of the last third must exceed
RISEN = 0.2  # of all progress, lost again since the best level: a loss that comes and goes is not on its way down
GAIN = 0.3  # share of the loss that as much training again would still take off: worth a warning
HARDLY = 0.05  # a fall below this share of the first loss is no learning that could be cut short


@rule(
    cause="The training ended while it was still getting somewhere.",
    stage="train",
    severity="info",
    remedies=(Remedy("Train longer", "epochs = 2 * epochs"),),
)
def undertrained(train_shape: Shape, train_loss: Series, eval_shape: Shape | None = None) -> Finding | None:
    """The share of all progress that was made in the last third of the run, and what as much again would bring."""
    if train_shape.fall <= HARDLY * abs(train_shape.first):
        return None
    share = train_shape.late_fall / train_shape.fall
    if train_shape.rise > RISEN * train_shape.fall:
        return None
    turned = eval_shape is not None and eval_shape.points >= 3 and eval_shape.rise > 2 * eval_shape.error  # noqa: PLR2004
    if share > DOUBTFUL and train_shape.late_fall > SURE * train_shape.late_error and not turned:
        # at a pace that itself decays from third to third, the next three thirds bring this much
        decay = min(1.0, train_shape.late_fall / max(train_shape.fall - train_shape.late_fall, 1e-12) * 2)
        gain = sum(train_shape.late_fall * decay**i for i in (1, 2, 3))
        gain = min(gain, max(train_shape.last, 0.0)) if train_shape.last > 0 else gain
        worth = gain / max(abs(train_shape.last), 1e-12)
        third = int(train_loss.steps[-1] - (train_loss.steps[-1] - train_loss.steps[0]) / 3)
        return Finding(
            summary=(
                f"The loss is still falling at the end: as many steps again would bring it from {train_shape.last:.3g} "
                f"to about {train_shape.last - gain:.3g}."
            ),
            confidence=confidence(math.log(share), doubtful=math.log(DOUBTFUL), certain=math.log(CERTAIN)),
            since=third,
            severity="warning" if worth > GAIN and share > CERTAIN else "info",
            evidence=[
                Curve(
                    "Training loss",
                    [Line("train", "observed", train_loss)],
                    "loss",
                    [Mark("stretch", "still falling", third, int(train_loss.steps[-1]))],
                ),
                Fact("Progress made in the last third", share, "share", DOUBTFUL),
            ],
            remedies=(
                Remedy(
                    "Train about twice as long",
                    "epochs = 2 * epochs",
                    f"A loss of about {train_shape.last - gain:.3g}.",
                ),
            ),
        )
    return None
