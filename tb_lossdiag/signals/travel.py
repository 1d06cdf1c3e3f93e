"""Travel: how far the weights could have come."""

from __future__ import annotations

import numpy as np

from tb_lossdiag.series import Series
from tb_lossdiag.signals.signal import signal

__all__ = ["travel"]


@signal(log="writer.watch(model, optimizer, loss_fn)")
def travel(update_ratio: Series, train_loss: Series | None = None) -> float | None:
    """The sum of |update| / |weights| over all steps: by how many times their own size the weights could have moved at most.

    Sampled steps stand for those between them; the last one for what is left of the run.
    """
    known = update_ratio.finite()
    if len(known) < 2:  # noqa: PLR2004  (one step says nothing of the others)
        return None
    between = (known.values[1:] + known.values[:-1]) / 2 * np.diff(known.steps)
    rest = 0.0
    if train_loss is not None and len(train_loss):
        rest = max(float(train_loss.steps[-1] - known.steps[-1]), 0.0) * float(known.values[-1])
    return float(between.sum()) + rest
