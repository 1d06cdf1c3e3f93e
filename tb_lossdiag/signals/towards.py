"""Where a loss of the user's own pulls the answers that are wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tb_lossdiag.series import Run, Series
from tb_lossdiag.signals.signal import signal

__all__ = ["Towards", "towards"]

WATCH = "writer.watch(model, optimizer, loss_fn)"
FEWEST = 4  # looks at which some answer was wrong


@dataclass(frozen=True, slots=True, eq=False)
class Towards:
    """The gradient that comes back to wrong answers: `away` is the share of it, by size, that takes them further away from their labels.

    Near 0 in any loss that falls as answers come nearer to their labels. `median` is that over the run.
    """

    away: Series
    median: float


@signal(log=WATCH)
def towards(run: Run) -> Towards | None:
    """Of labels of yes and no, and a loss that is not torch's own."""
    for packed in run.packed:
        toward, away = packed.figure("toward"), packed.figure("away")
        if packed.group != "towards" or toward is None or away is None or not packed.columns:
            continue
        total = toward[:, 0] + away[:, 0]
        known = np.isfinite(total) & (total > 0)
        if known.sum() >= FEWEST:
            share = away[known, 0] / total[known]
            return Towards(Series(packed.steps[known], share), float(np.median(share)))
    return None
