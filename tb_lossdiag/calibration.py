"""What a rule's confidence is worth: how often such findings were right on faults that were injected into real trainings.

The curve is fitted by `python -m benchmarks.faults --full` on the runs that thresholds were set on; `benchmarks/README.md` says how far
it is off on families of models and on tasks that it has not seen.
"""

from __future__ import annotations

import numpy as np

__all__ = ["KNOTS", "calibrated", "raw"]

KNOTS = (
    (0.5, 0.5),
    (0.6, 0.6),
    (0.7, 0.892),
    (0.8, 0.894),
    (0.9, 0.97),
    (0.95, 0.972),
    (0.99, 0.983),
)
"""(confidence by the rule's scale, share that was right); both increase."""


def calibrated(confidence: float) -> float:
    """The share of findings of this confidence that were right.

    >>> 0 <= calibrated(0.2) < calibrated(0.7) < calibrated(0.95) <= 1
    True
    """
    at, values = zip(*KNOTS, strict=True)
    return round(float(np.interp(confidence, at, values, left=confidence * values[0] / at[0])), 4)


def raw(stated: float) -> float:
    """The confidence by the rule's scale that `calibrated` made this of.

    >>> round(raw(calibrated(0.83)), 2)
    0.83
    """
    at, values = zip(*KNOTS, strict=True)
    return float(np.interp(stated, values, at, left=stated * at[0] / values[0]))
