"""Whether answers suit their own samples: what a permutation of them costs, in validation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tb_lossdiag.series import Run, Series
from tb_lossdiag.signals.signal import signal

__all__ = ["Swapped", "swapped"]

EVALUATING_VAL = 'with writer.evaluating("val"): ...'
FIGURES = ("own", "other", "alike", "samples")


@dataclass(frozen=True, slots=True)
class Swapped:
    """The validation loss as a share of what it would be with the answers to other samples, evaluation by evaluation: 1 where the answers say nothing
    of single samples. `alike` is the share of values that the targets of two samples have in common, `samples` how many were looked at each time.
    """

    share: Series
    alike: float
    samples: float


@signal(log=EVALUATING_VAL)
def swapped(run: Run) -> Swapped | None:
    """Of targets that have many values each, where the loss is one of torch's own and positive."""
    found = [each for each in run.packed if each.group == "pairs" and each.split == "val" and len(each.steps)]
    if len(found) != 1:
        return None
    figures = [found[0].figure(name) for name in FIGURES]
    if any(each is None for each in figures):
        return None
    own, other, alike, samples = (each[:, 0] for each in figures if each is not None)
    known = np.isfinite(own) & np.isfinite(other) & (own > 0) & (other > 0)
    if not known.any():
        return None
    share = Series(found[0].steps[known], own[known] / other[known])
    return Swapped(share, float(alike[known][-1]), float(samples[known].min()))
