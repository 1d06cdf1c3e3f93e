"""What stated confidence is worth: an isotonic fit of how often a finding is right, on some families, judged on others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from sklearn.isotonic import IsotonicRegression

from benchmarks.faults.diagnoses import Tried
from benchmarks.faults.score import calibration_error, stated

__all__ = ["Fitted", "fitted", "knots", "left_one_out"]

AT = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)  # raw confidences between which the shipped curve is straight
LEAST = 0.002  # by which it rises from knot to knot: the raw confidence can be told from the stated one
PRIOR = 6  # findings at raw confidence r that are taken to be right in a share r: few samples do not make extremes
Fitted = Callable[[float], float]


def knots(pairs: Sequence[tuple[float, bool]]) -> list[tuple[float, float]]:
    """(raw confidence, share that is right) at `AT`, increasing."""
    raw = np.array([each for each, _ in pairs] + list(AT) * PRIOR)
    right = np.array([float(each) for _, each in pairs] + list(AT) * PRIOR)
    found = IsotonicRegression(y_min=0.02, y_max=0.99, out_of_bounds="clip").fit(raw, right)
    values = np.asarray(found.predict(np.array(AT)), dtype=float)
    for i in range(1, len(values)):
        values[i] = max(values[i], values[i - 1] + LEAST)
    return [(at, round(float(min(value, 0.99)), 3)) for at, value in zip(AT, values, strict=True)]


def fitted(pairs: Sequence[tuple[float, bool]]) -> Fitted:
    """The curve through the knots, as the tool draws it."""
    at, values = zip(*knots(pairs), strict=True)
    return lambda raw: float(np.interp(raw, at, values, left=raw * values[0] / at[0]))


def left_one_out(trials: Sequence[Tried], part: int) -> Mapping[str, float | None]:
    """For each family (`part` 0) or task (1) the calibration error on it, of the curve fitted on all others."""
    names = sorted({each.trial.base.split("/")[part] for each in trials if "/" in each.trial.base})
    found: dict[str, float | None] = {}
    for name in names:
        inside = [each for each in trials if name in each.trial.base.split("/")]
        curve = fitted([pair for each in trials if each not in inside for pair in stated(each)])
        found[name] = calibration_error([(curve(raw), right) for each in inside for raw, right in stated(each)])
    return found
