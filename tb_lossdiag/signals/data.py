"""What goes in and what is to come out: inputs, targets, batches and splits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tb_lossdiag.series import Packed, Run, Series
from tb_lossdiag.signals.signal import signal
from tb_lossdiag.signals.structure import places, watched

__all__ = [
    "Features", "Positions", "Targets", "batch_size", "blank_inputs", "entering_features", "input_features", "input_spread", "interleaved", "losses_per_step", "losses_without_step", "positions", "smooth", "step_passages", "step_targets", "targets", "test_accuracy", "train_size", "val_accuracy",
]  # fmt: skip

WATCH = "writer.watch(model, optimizer, loss_fn)"
EVALUATING = 'with writer.evaluating("val"): ...'
LOADER = "writer.watch(model, optimizer, loss_fn, train_loader=train_loader)"

SAME = math.log(1.5)  # between scales of the same quantity, of many samples and of the first few batches
ROUNDING, HARDLY = 1e-6, 0.01  # of what was added up, as float32 keeps it; and of the variance, where it hardly matters
BINARY = 0.02  # relative error of a variance that is p (1 - p), as only a quantity of zeros and ones has it


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """Statistics of each feature (or channel) of the model's input in training; arrays have shape (features,)."""

    names: Sequence[str]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    min: NDArray[np.float64]
    max: NDArray[np.float64]

    @property
    def scale(self) -> NDArray[np.float64]:
        """Each feature's root mean square."""
        found: NDArray[np.float64] = np.sqrt(np.square(self.mean) + np.square(self.std))
        return found

    @property
    def yes_or_no(self) -> bool:
        """Whether all values are zeros and ones: only then the variance is p (1 - p), with both within the range."""
        share = self.mean * (1 - self.mean)
        unit = bool(np.all((self.min >= 0) & (self.max <= 1)) and self.min.min() == 0 and self.max.max() == 1)
        return unit and bool(np.all(np.abs(np.square(self.std) - share) <= BINARY * share))


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """Statistics of the training targets: `counts` by class, shape (classes,), or mean and std by component."""

    counts: NDArray[np.float64] | None = None
    mean: NDArray[np.float64] | None = None
    std: NDArray[np.float64] | None = None

    @property
    def yes(self) -> NDArray[np.float64] | None:
        """The share of ones in each component, where all are answers of yes and no: of several labels, or of pixels; else None."""
        if self.mean is None or self.std is None or not np.all((self.mean >= 0) & (self.mean <= 1)):
            return None
        share = self.mean * (1 - self.mean)
        binary = bool(np.all(np.abs(np.square(self.std) - share) <= BINARY * share))
        return self.mean if binary and bool(share.any()) else None


@signal(log=WATCH)
def input_features(run: Run) -> Features | None:
    """Statistics of the training inputs, feature by feature, over all samples looked at."""
    packed = _last(run, "inputs")
    if packed is None:
        return None
    figures = [packed.figure(name) for name in ("mean", "std", "min", "max")]
    if any(each is None for each in figures):
        return None
    mean, std, low, high = (each[-1] for each in figures if each is not None)
    return Features(packed.columns, mean, std, low, high)


@signal(log=WATCH)
def input_spread(run: Run) -> Series | None:
    """How widely the inputs of each batch that was looked at spread: the root mean square of the features' standard deviations.

    What is logged are statistics of all batches so far, from which those of each are got back, as of batches of the same size. Features that
    lie so far from zero that rounding leaves nothing of the difference are left out.
    """
    packed = _last(run, "inputs")
    mean, std = (packed.figure(name) if packed is not None else None for name in ("mean", "std"))
    if packed is None or mean is None or std is None:
        return None
    so_far = np.arange(1.0, len(mean) + 1)[:, None]
    with np.errstate(invalid="ignore", over="ignore"):
        square = np.square(mean) + np.square(std)
        rounding = ROUNDING * so_far * square
        kept = np.isfinite(mean).all(axis=0) & (rounding[-1:] < HARDLY * np.square(std[-1:])).all(axis=0)
        own, own_square = (np.diff(so_far * each, axis=0, prepend=0.0) for each in (mean, square))
        variance = np.maximum(own_square - np.square(own), rounding)[:, kept]
    return Series(packed.steps, np.sqrt(variance.mean(axis=1))) if kept.any() else None


@signal(log=WATCH)
def entering_features(run: Run) -> Features | None:
    """The same of what enters the first layers that weigh their inputs, past what the model does to its own inputs before."""
    packed = _last(run, "entering")
    figures = [packed.figure(name) for name in ("mean", "std", "min", "max")] if packed is not None else []
    known = [each[-1] for each in figures if each is not None]
    return Features(packed.columns, *known) if packed is not None and len(known) == 4 else None  # noqa: PLR2004


@signal(log=WATCH)
def first_features(
    run: Run, input_features: Features | None = None, entering_features: Features | None = None
) -> Features | None:
    """What the first layers work on: what enters them where that was seen, unless it is the model's inputs themselves, which have seen more samples."""
    del run  # which is to say that more has to be logged where there is neither
    if entering_features is None or (input_features is not None and _same(input_features, entering_features)):
        return input_features
    return entering_features


def _same(one: Features, other: Features) -> bool:
    """Whether both are the same quantities, as far as their scales tell; feature by feature, of as many."""
    if len(one.names) != len(other.names):
        return False
    known = (one.scale > 0) & (other.scale > 0) & np.isfinite(one.scale) & np.isfinite(other.scale)
    apart = np.abs(np.log(one.scale[known] / other.scale[known]))
    return not len(apart) or float(np.median(apart)) < SAME


@dataclass(frozen=True, slots=True)
class Positions:
    """Positions of images and sequences: the `share` that was the same in all samples looked at, and the share of these
    `inside` the range of the others, where borders do not lie. `count` is how many were watched.
    """

    share: float
    inside: float
    count: int


@signal(log=WATCH)
def positions(run: Run) -> Positions | None:
    """Which part of an image, or of a sequence of amounts, never varied in training."""
    packed = _last(run, "positions")
    figures = [packed.figure(name) for name in ("still", "inside", "positions")] if packed is not None else []
    known = [float(each[-1][0]) for each in figures if each is not None]
    if len(known) < 3 or not np.isfinite(known).all():  # noqa: PLR2004
        return None
    return Positions(known[0], known[1], int(known[2]))


@signal(log=WATCH)
def interleaved(run: Run) -> float | None:
    """How far apart the values of a picture's row are that lie as many places apart as it has channels, over how far neighbours are: the
    middle of all looks. Above 1, but where the channels of each place follow one another.
    """
    packed = _last(run, "positions")
    ratio = packed.figure("interleaved") if packed is not None else None
    known = ratio[np.isfinite(ratio)] if ratio is not None else np.empty(0)
    return float(np.median(known)) if len(known) else None


@signal(log=WATCH)
def smooth(run: Run) -> float | None:
    """The correlation of neighbours in the rows of pictures, less what all pictures have in common: the middle of all looks. 0 of noise."""
    packed = _last(run, "positions")
    found = packed.figure("smooth") if packed is not None else None
    known = found[np.isfinite(found)] if found is not None else np.empty(0)
    return float(np.median(known)) if len(known) else None


@signal(log=WATCH)
def blank_inputs(run: Run) -> Mapping[str, float] | None:
    """The inputs beside the model's first that held one and the same number all along, and which."""
    packed = _last(run, "beside")
    low, high = (packed.figure(name) for name in ("min", "max")) if packed is not None else (None, None)
    if packed is None or low is None or high is None:
        return None
    ends = zip(packed.columns, low[-1], high[-1], strict=True)
    return {name: float(least) for name, least, most in ends if least == most}


@signal(log=WATCH)
def targets(run: Run) -> Targets | None:
    """Statistics of the training targets, over all samples looked at."""
    packed = _last(run, "targets")
    if packed is None:
        return None
    counts, mean, std = (packed.figure(name) for name in ("count", "mean", "std"))
    if counts is not None:
        return Targets(counts=counts[-1]) if np.nansum(counts[-1]) > 0 else None
    return Targets(mean=mean[-1], std=std[-1]) if mean is not None and std is not None else None


@signal(log=WATCH)
def batch_size(run: Run) -> int | None:
    """Samples in a training batch."""
    for _, model in watched(run):
        if model.get("batch_size"):
            return int(model["batch_size"])
    size = _data(run).get("batch_size")
    return int(size) if isinstance(size, int) else None


@signal(log=WATCH)
def losses_without_step(run: Run) -> int | None:
    """How many training losses there were of a model whose optimizer has not taken a single step."""
    return max(
        (int(each) for _, model in watched(run) if isinstance(each := model.get("losses_without_step"), int)),
        default=None,
    )


@signal(log=WATCH)
def losses_per_step(run: Run) -> int | None:
    """Training losses that are computed for each step of the optimizer, at most: several where the gradients of small batches are added up."""
    return next((int(each) for _, model in watched(run) if isinstance(each := model.get("losses_per_step"), int)), None)


@signal(log=WATCH)
def step_targets(run: Run, batch_size: int) -> int | None:
    """Targets that one step averages over: a batch's, those of all batches whose gradients are added up, of a text its tokens'."""
    for _, model in watched(run):
        target, losses = model.get("target"), model.get("losses_per_step")
        shape = target.get("shape") if isinstance(target, Mapping) else None
        whole = isinstance(target, Mapping) and str(target.get("dtype", "")).startswith(("int", "uint"))
        each = math.prod(shape) if whole and isinstance(shape, (list, tuple)) else 1
        if isinstance(losses, int):
            return batch_size * max(1, each) * losses * _processes(model)
    counted = [each for each in run.packed if each.group == "batch" and each.split == "train" and len(each.steps)]
    counts = counted[0].figure("count") if counted else None
    total = float(np.median(counts.sum(axis=1))) if counts is not None else math.nan
    return max(batch_size, int(total)) if math.isfinite(total) else batch_size


@signal(log=WATCH)
def step_passages(run: Run, step_targets: int) -> int | None:
    """Passages of a text, or pictures, that one step averages over, each with a target at every place; None where a sample has one target."""
    for _, model in watched(run):
        target = model.get("target")
        whole = isinstance(target, Mapping) and str(target.get("dtype", "")).startswith("int")
        count = places(model)
        if whole and count > 1 and step_targets % count == 0:
            return step_targets // count
    return None


@signal(log=LOADER)
def train_size(run: Run) -> int | None:
    """Samples in the training set."""
    size = _data(run).get("train_size")
    return int(size) if isinstance(size, int) else None


def _processes(model: Mapping[str, object]) -> int:
    """How many processes train it together, each with a batch of its own."""
    count = model.get("processes")
    return count if isinstance(count, int) and count > 0 else 1


def _last(run: Run, group: str) -> Packed | None:
    """The training split's packed group, the longest where there are several."""
    found = [each for each in run.packed if each.group == group and each.split == "train" and len(each.steps)]
    return max(found, key=lambda each: len(each.steps), default=None)


def _data(run: Run) -> dict[str, object]:
    data = run.facts.get("data")
    return dict(data) if isinstance(data, dict) else {}


@signal(log=EVALUATING)
def val_accuracy(run: Run) -> Series | None:
    """Share of validation samples classified rightly."""
    return run.series.get("accuracy/val")


@signal(log=EVALUATING)
def test_accuracy(run: Run) -> Series | None:
    """Share of test samples classified rightly."""
    return run.series.get("accuracy/test")
