"""A batch that was looked at once more: in evaluation mode, and by gradients of its parts; and answers class by class."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tb_lossdiag.series import Packed, Run, Series
from tb_lossdiag.signals.signal import signal

__all__ = ["Answers", "ModeGap", "NoiseScale", "class_answers", "mode_gap", "noise_scale"]

WATCH = "writer.watch(model, optimizer, loss_fn)"
EVALUATING_VAL = 'with writer.evaluating("val"): ...'

FEWEST = 4  # probes: two early and two late ones
EARLY, LATE = 0.25, 0.5  # parts of the probes
LAST = 3  # probes, at least, that say how both modes end: a network that settles lets its running statistics catch up
PART = 128  # samples of a part, at most: of a batch twice as large the probe has not seen all
NEIGHBOURS = 2  # on each side, whose median noise sets the scale: gradients shrink a hundredfold while a network learns
SURE = 2.0  # standard errors that the signal must lie above zero


@dataclass(frozen=True, slots=True, eq=False)
class ModeGap:
    """The loss of the same batches in training mode and in evaluation mode, just before the step.

    `apart` is (train - evaluation) / the larger of both: above 0 evaluation mode is better (dropout), below 0 it is worse (running
    statistics). `early` and `late` are its medians over the first and the last quarter, `late_train` and `late_evaluation` those of
    the losses themselves.
    """

    train: Series
    evaluation: Series
    apart: Series
    early: float
    late: float
    late_train: float
    late_evaluation: float

    @property
    def latest(self) -> float:
        """By how much the two were apart when they were last seen: what is dropped matters more the more is learnt."""
        return float(self.apart.values[-1]) if len(self.apart) else math.nan


@dataclass(frozen=True, slots=True)
class NoiseScale:
    """The batch at which noise and signal of the gradient are equal, in samples (McCandlish et al. 2018, B_simple).

    `early` and `late` are the noise's mean over the signal's, over the first quarter and the last half of the probes; NaN
    where the signal does not stand out from zero. `least` is what the late one is at least, with the signal as large as its
    error allows. `batch` is the batch that was trained with, in the same samples.
    """

    early: float
    late: float
    least: float
    batch: float
    probes: int


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """One evaluation's answers by class: labels, answers and right answers, each of shape (classes,)."""

    classes: tuple[str, ...]
    count: NDArray[np.float64]
    predicted: NDArray[np.float64]
    right: NDArray[np.float64]


@signal(log=WATCH)
def mode_gap(run: Run) -> ModeGap | None:
    """How the losses of the same batch differ between training and evaluation mode."""
    found = _figures(run, "train_loss", "eval_loss")
    if found is None:
        return None
    steps, (train, evaluation) = found
    scale = np.maximum(np.abs(train), np.abs(evaluation))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        apart = np.where(scale > 0, train / scale - evaluation / scale, 0.0)
    late = slice(-max(LAST, round(EARLY * len(steps))), None)
    return ModeGap(
        Series(steps, train),
        Series(steps, evaluation),
        Series(steps, apart),
        early=float(np.median(apart[: max(1, round(EARLY * len(steps)))])),
        late=float(np.median(apart[late])),
        late_train=float(np.median(train[late])),
        late_evaluation=float(np.median(evaluation[late])),
    )


@signal(log=WATCH)
def noise_scale(run: Run) -> NoiseScale | None:
    """At which batch size the gradient's noise equals its signal."""
    found = _figures(run, "signal", "noise", "samples")
    if found is None or len(found[0]) < FEWEST:
        return None
    _, (squares, noise, samples) = found
    count = len(noise)
    around = [[*noise[max(0, i - NEIGHBOURS) : i], *noise[i + 1 : i + NEIGHBOURS + 1]] for i in range(count)]
    scale = np.array(
        [float(np.median(each)) for each in around]
    )  # its own noise left out: that would favour quiet batches
    if not (scale > 0).all():
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        squares, noise = squares / scale, noise / scale
    early, _ = _ratio(squares[: max(2, round(EARLY * count))], noise[: max(2, round(EARLY * count))])
    late, least = _ratio(squares[-round(LATE * count) :], noise[-round(LATE * count) :])
    batches = _figures(run, "batch")
    part = float(np.median(samples))
    batch = float(np.median(batches[1][0])) if batches is not None else 2 * part if part < PART else math.nan
    return NoiseScale(early, late, least, batch, count)


@signal(log=EVALUATING_VAL)
def class_answers(run: Run) -> Mapping[str, Answers] | None:
    """How often each class was the label, the answer and both, at each split's last evaluation."""
    found: dict[str, Answers] = {}
    for packed in run.packed:
        figures = [packed.figure(name) for name in ("count", "predicted", "right")]
        known = [each[-1] for each in figures if each is not None and len(each)]
        if packed.group == "answers" and len(known) == len(figures) and packed.split not in found:
            found[packed.split] = Answers(packed.columns, *known)
    return found or None


def _ratio(squares: NDArray[np.float64], noise: NDArray[np.float64]) -> tuple[float, float]:
    """Mean noise over mean signal (the mean of ratios would be biased), and what it is at least."""
    error = float(np.std(squares, ddof=1)) / math.sqrt(len(squares))
    size, over = float(np.mean(squares)), float(np.mean(noise))
    highest = size + SURE * error
    return over / size if size > SURE * error else math.nan, over / highest if highest > 0 else math.nan


def _figures(run: Run, *names: str) -> tuple[NDArray[np.int64], list[NDArray[np.float64]]] | None:
    """Figures of the probes at the steps where all of them are finite."""
    groups = [each for each in run.packed if each.group == "probe" and each.split == "train" and len(each.columns)]
    packed: Packed | None = max(groups, key=lambda each: len(each.steps), default=None)
    figures = [packed.figure(name) for name in names] if packed is not None else [None]
    known = [each[:, 0] for each in figures if each is not None]
    if packed is None or len(known) < len(figures):
        return None
    finite = np.isfinite(known).all(axis=0)
    return (packed.steps[finite], [each[finite] for each in known]) if finite.any() else None
