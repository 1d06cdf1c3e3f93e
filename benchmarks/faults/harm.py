"""Whether an injected fault measurably hurts, and what its curves really do: decided without the tool, from measurements that it never sees."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

__all__ = ["HURTS", "harm", "true_verdict"]

HURTS = 0.05  # share of what a sound training gains over a blind guess that must be lost ...
CERTAIN = 3.0  # ... and standard deviations of the clean twins that it must exceed
STILL_LEARNING, DONE = 0.12, 0.01  # of the whole fall, made over the last quarter
Scores = Mapping[str, float]

TEST = {"scenario-shift", "noisy-test-data"}


def harm(cause: str, scores: Scores, clean: Sequence[Scores], blind: Scores) -> float:
    """The share of what there was to gain that the fault has cost; 0 where it lies within what seeds do.

    `clean` are the scores of the sound twins, `blind` those of a guess that does not look. Faults of training are judged by
    the error and the loss on the task's own clean training and validation data; class imbalance by the error averaged over
    classes; faults of a split by how far what is measured on it lies from the same model's figure on clean data.
    """
    if cause in TEST:
        return _apart(scores, "test", clean, blind, signed=True)
    if cause == "unrepresentative-validation":
        return _apart(scores, "val", clean, blind, signed=False)
    keys = (
        ["val_error", "test_error"]
        if cause in {"overfitting", "train-eval-gap"}
        else ["train_error", "val_error", "test_error"]
    )
    if cause == "class-imbalance":
        keys = ["val_balanced", "test_balanced"]
    lost = [_lost(scores[key], [each[key] for each in clean], blind[key.partition("_")[2]]) for key in keys]
    if cause not in {"overfitting", "train-eval-gap", "class-imbalance"}:
        lost.append(_lost(scores["train_loss"], [each["train_loss"] for each in clean], blind["loss"]))
    return max(lost)


def _lost(value: float, clean: Sequence[float], blind: float) -> float:
    """By how much `value` is worse than the clean twins' mean, in parts of what they gained over the blind guess."""
    mean = float(np.mean(clean))
    gain = max(blind - mean, 1e-6)
    if not math.isfinite(value):
        return 1.0
    return min((value - mean) / gain, 1.0) if value - mean > CERTAIN * float(np.std(clean, ddof=1)) else 0.0


def _apart(scores: Scores, split: str, clean: Sequence[Scores], blind: Scores, *, signed: bool) -> float:
    """How far the error on a split as it was given lies from that on the clean one, or the loss by twice as much."""
    error = scores[f"{split}_own_error"] - scores[f"{split}_error"]
    gain = max(blind["error"] - float(np.mean([each[f"{split}_error"] for each in clean])), 1e-6)
    loss = scores[f"{split}_own_loss"] - scores[f"{split}_loss"]
    whole = max(blind["loss"] - float(np.mean([each[f"{split}_loss"] for each in clean])), 1e-6)
    found = max(error / gain, 0.5 * loss / whole) if signed else max(abs(error) / gain, 0.5 * abs(loss) / whole)
    return min(found, 1.0) if math.isfinite(found) else 1.0


def true_verdict(curves: Mapping[str, Sequence[float]], logged: np.ndarray) -> str | None:  # noqa: PLR0911  (a verdict a line)
    """What the curves do, from losses of the whole training and validation sets at 24 checkpoints, which carry no batch noise.

    None where the definitions of the catalogue leave it open: a case between two verdicts is not counted. `logged` are
    the training losses of the log: only whether they end in NaN is taken from them.
    """
    train, val = (
        np.array([math.inf if each is None else each for each in curves[key]], float) for key in ("train", "val")
    )
    if len(logged) and not np.isfinite(logged[-1]):
        return "non-finite"
    if not (np.isfinite(train).all() and np.isfinite(val).all()) or len(train) < 12:  # noqa: PLR2004
        return None
    start, end, best = train[0], float(np.mean(train[-2:])), float(train.min())
    size = max(abs(start), 1e-9)
    fall, late = start - best, float(np.mean(train[-8:-6])) - end
    ups = float(np.clip(np.diff(train), 0, None).sum())
    if end > 1.3 * start and train[-1] > 1.2 * start:
        return "diverging"
    if fall < 0.03 * size and ups < 0.1 * size:
        return "stuck"
    if ups > 0.5 * max(start - end, 1e-9):
        return None  # between unstable, stuck and diverging: no noise-free definition tells them apart
    pairs = (val[1:] + val[:-1]) / 2
    at = int(pairs.argmin())
    gained = max(val[0] - pairs[at], 1e-9)
    rise = (pairs[-1] - pairs[at]) / gained
    if rise > HURTS and train[at] - end > 0.1 * abs(train[at]):
        return "overfitting"
    gap = (float(np.mean(val[-2:])) - end) / gained
    if rise > HURTS / 5 or gap > 5 * HURTS or fall < 0.3 * size:
        return None  # a little memorising, or a wide gap without a rise: both words would do
    share = late / fall
    if share > STILL_LEARNING and float(np.mean(val[-8:-6])) - float(np.mean(val[-2:])) > HURTS * gained:
        return "learning"
    return "converged" if share < DONE else None
