"""Where two curves part."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tb_lossdiag.series import Series

__all__ = ["SAME_NUMBER", "parting_step"]

SAME_NUMBER = 1e-6  # event files hold float32: 0.1 comes back as 0.10000000149
GRID = 1000  # steps at which two curves are compared: more would not move the parting by a visible amount
SMOOTHING = 50  # a curve is smoothed over 1/50 of its length before it is compared
NOISES = 3.0  # curves have parted where their difference is beyond this many standard deviations of their noise...
SPREAD = 0.02  # ... and beyond this share of the range that the calmer one covers, so that noiseless twins do not part over rounding
FOR_GOOD = 0.95  # share of all later points that are apart, too: a curve may touch the other once more by chance


def parting_step(one: Series, other: Series) -> int | None:
    """The first step from which two curves differ by more than their noise, and stay so; None where they do not.

    Compared are the steps that both cover. A curve that turns to NaN or infinity and stays there has parted, then.
    """
    first, second = one.finite(), other.finite()
    start, stop = _overlap(first, second)
    apart = _parted_within(first, second, start, stop) if stop > start else None
    return apart if apart is not None else _broken_since(one, other)


def _overlap(one: Series, other: Series) -> tuple[int, int]:
    if not (len(one) and len(other)):
        return 0, 0
    return max(int(one.steps.min()), int(other.steps.min())), min(int(one.steps.max()), int(other.steps.max()))


def _parted_within(one: Series, other: Series, start: int, stop: int) -> int | None:
    grid = np.unique(np.linspace(start, stop, GRID).astype(np.int64))
    (first, noise), (second, other_noise) = (_smoothed(each, grid) for each in (one, other))
    least = SPREAD * min(np.ptp(first), np.ptp(second)) + SAME_NUMBER * max(np.abs(first).max(), np.abs(second).max())
    apart = np.abs(first - second) > np.maximum(NOISES * np.hypot(noise, other_noise), least)
    stays = np.cumsum(apart[::-1])[::-1] / np.arange(len(apart), 0, -1)
    soon = _window_mean(apart.astype(float), _width(grid), ahead=True)
    ends_apart = apart[-max(1, len(apart) // 20) :].mean() >= FOR_GOOD
    settled = np.flatnonzero(apart & (stays >= FOR_GOOD) & (soon >= FOR_GOOD) & ends_apart)
    return int(grid[settled[0]]) if len(settled) else None


def _smoothed(curve: Series, grid: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The curve's running mean on the grid, and the standard error of that mean from the scatter around it."""
    order = np.argsort(curve.steps, kind="stable")
    limit = np.finfo(np.float64).max / (4 * GRID)  # so that no sum of values this large overflows
    values = np.interp(grid, curve.steps[order], np.clip(curve.values[order], -limit, limit))
    width = _width(grid)
    mean = _window_mean(values, width)
    scatter = _window_mean(np.abs(values - mean), 4 * width) * math.sqrt(math.pi / 2)  # mean deviation -> sigma
    independent = min(width, max(1.0, width * len(curve) / len(grid)))  # interpolated points tell nothing new
    return mean, scatter / math.sqrt(independent)


def _width(grid: NDArray[np.int64]) -> int:
    return max(1, len(grid) // SMOOTHING)


def _window_mean(values: NDArray[np.float64], width: int, *, ahead: bool = False) -> NDArray[np.float64]:
    """The mean over `width` points around each one (or from it on), over fewer at the ends."""
    before, after = (0, width) if ahead else (width // 2, width - width // 2)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    index = np.arange(len(values))
    low, high = np.maximum(index - before, 0), np.minimum(index + after, len(values))
    mean: NDArray[np.float64] = (sums[high] - sums[low]) / (high - low)
    return mean


def _broken_since(one: Series, other: Series) -> int | None:
    """The first step after which only one of the curves has finite values, although it goes on."""
    since = [_last_breaks(each) for each in (one, other)]
    if since.count(None) != 1:
        return None
    return since[0] if since[0] is not None else since[1]


def _last_breaks(curve: Series) -> int | None:
    """Where the curve's last stretch of non-finite values begins, None where it ends finite."""
    finite = np.flatnonzero(np.isfinite(curve.values))
    begins = int(finite[-1]) + 1 if len(finite) else 0
    return int(curve.steps[begins]) if begins < len(curve) else None
