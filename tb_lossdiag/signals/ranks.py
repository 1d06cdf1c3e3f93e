"""Several processes that train one model together: what only they together can tell."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tb_lossdiag.series import Run
from tb_lossdiag.signals.signal import signal

__all__ = ["Ranks", "ranks"]


@dataclass(frozen=True, slots=True)
class Ranks:
    """The processes that train together, over the steps that all of them looked at.

    `same_batch` is the share of these steps at which some process saw the very batch that another one saw. `epochs` is how many
    different numbers `set_epoch` has given to the sampler that shares out the data; NaN where there is no such sampler.
    """

    processes: int
    steps: int
    same_batch: float
    epochs: float = math.nan


@signal(log="writer.watch(model, optimizer, loss_fn, train_loader=train_loader)  # in every process")
def ranks(run: Run) -> Ranks | None:
    """What the processes that train together have told each other; None where there is one only."""
    found = [each for each in run.packed if each.group == "ranks" and len(each.steps) and len(each.columns) > 1]
    if not found:
        return None
    packed = max(found, key=lambda each: len(each.steps))
    same, epoch = packed.figure("same_batch"), packed.figure("epoch")
    if same is None:
        return None
    known = np.unique(epoch[np.isfinite(epoch)]) if epoch is not None else np.empty(0)
    return Ranks(
        processes=len(packed.columns),
        steps=len(packed.steps),
        same_batch=float((same > 0).any(axis=1).mean()),
        epochs=float(len(known)) if len(known) else math.nan,
    )
