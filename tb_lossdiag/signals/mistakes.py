"""What wrong labels cost, and what was so before a network had memorised them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tb_lossdiag.series import Layers, Series
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.signal import signal

__all__ = ["Best", "at_best", "cost_of_mistakes", "share_of_mistakes"]

AROUND = 0.06  # of the run, before and after the best held-out loss
FEWEST = 3  # points around it


@dataclass(frozen=True, slots=True)
class Best:
    """Medians around the step at which the held-out loss `eval` was best, when a network is as sure as it may be; NaN where nothing was logged.

    `accuracy` is that of held-out data; `costly` and `median` are the 95th percentile and the median of the losses of a batch's samples.
    """

    step: int
    train: float
    eval: float
    accuracy: float
    test_accuracy: float
    costly: float
    median: float


@signal(log='with writer.evaluating("val"): ...')
def at_best(
    eval_shape: Shape,
    train_loss: Series,
    sample_losses: Layers,
    val_accuracy: Series | None = None,
    test_accuracy: Series | None = None,
) -> Best | None:
    """What was so when the held-out loss was best; None where it was best from the start."""
    step, first, last = eval_shape.best_step, int(eval_shape.level.steps[0]), int(eval_shape.level.steps[-1])
    if step <= first:
        return None
    reach = AROUND * (last - first)

    def around(curve: Series | None) -> float:
        finite = curve.finite() if curve is not None else None
        if finite is None or not len(finite):
            return math.nan
        apart = np.abs(finite.steps - step)
        near = apart <= max(reach, float(np.sort(apart)[min(FEWEST, len(apart)) - 1]))
        return float(np.median(finite.values[near]))

    return Best(
        step=step,
        train=around(train_loss),
        eval=eval_shape.best,
        accuracy=around(val_accuracy if val_accuracy is not None else test_accuracy),
        test_accuracy=around(test_accuracy),
        costly=around(sample_losses.get("p95")),
        median=around(sample_losses.get("p50")),
    )


def cost_of_mistakes(wrong: float, classes: int) -> float:
    """The cross-entropy of the best answer where a share of the labels is replaced evenly by other classes."""
    wrong = min(max(wrong, 1e-6), 1 - 1 / classes)
    return -(1 - wrong) * math.log(1 - wrong) - wrong * math.log(wrong / (classes - 1))


def share_of_mistakes(loss: float, classes: int) -> float:
    """The share of wrong labels whose cost is `loss`."""
    shares = np.linspace(0.01, 1 - 1 / classes, 200)
    costs = np.array([cost_of_mistakes(float(share), classes) for share in shares])
    return float(shares[np.argmin(np.abs(costs - loss))])
