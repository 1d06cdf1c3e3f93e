"""Passes: how often the training has gone through its data."""

from __future__ import annotations

from collections.abc import Mapping

from tb_lossdiag.series import Run, Series
from tb_lossdiag.signals.signal import signal

__all__ = ["passes"]


@signal(log="writer.watch(model, optimizer, loss_fn, train_loader=train_loader)")
def passes(run: Run, train_loss: Series) -> float | None:
    """Steps over the steps that the training loader makes of one pass through its data."""
    data = run.facts.get("data")
    steps = data.get("steps_per_epoch") if isinstance(data, Mapping) else None
    if not isinstance(steps, int) or steps < 1 or not len(train_loss):
        return None
    return float(train_loss.steps[-1] - train_loss.steps[0] + 1) / steps
