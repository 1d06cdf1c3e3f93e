"""The loss curves, and what they are judged against."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from tb_lossdiag.series import Run, Series, every, quantiles
from tb_lossdiag.signals.data import Targets
from tb_lossdiag.signals.signal import signal
from tb_lossdiag.signals.structure import LossFunction
from tb_lossdiag.tags import TEST_LOSS, TRAIN_LOSS, VAL_LOSS

__all__ = [
    "BLIND",
    "Shape",
    "blank_loss",
    "chance_loss",
    "eval_loss",
    "eval_shape",
    "least_left",
    "levels",
    "loss_left",
    "mean_left",
    "prior_loss",
    "shape",
    "signed",
    "test_loss",
    "train_loss",
    "train_shape",
    "unasked",
    "val_loss",
]  # fmt: skip

STRETCHES = 60  # a curve's levels: medians of at most this many equal stretches; a chart's worth of detail
SMOOTHED, TOGETHER = 24, 3  # points from which on a scattered curve is read in threes: eight levels still show a trend
ENOUGH = 500  # points of a stretch whose median tells its level: its standard error is .06 of theirs
SCATTERED = 0.1  # standard deviation of single points over the spread of all
COUNTED = 600  # points up to which the lowest single point is where a curve was best; of more, one is lowest by chance
SOMETIMES = (
    0.02  # share of the points of either half of a run that lie on the rarer side of zero where a loss has no floor
)
BLIND = 0.97  # share of the blind guess's loss: above it nothing was learnt from the inputs
LATE = 1 / 3  # the late part of a run, whose trend says whether it still moves

LOG_TRAIN = 'writer.watch(model, optimizer, loss_fn)  # or writer.add_loss("train", loss)'
LOG_VAL = 'with writer.evaluating("val"): ...'
LOG_TEST = 'with writer.evaluating("test"): ...'
WATCH = "writer.watch(model, optimizer, loss_fn)"


@dataclass(frozen=True, slots=True)
class Shape:
    """A loss curve in a few numbers, all in units of the loss, taken from levels rather than from single points.

    `level` holds the levels themselves, `noise` is the standard deviation of single points around them, and `error` the
    standard error of one level. `late_fall` is by how much the level fell over the last third (a robust line through
    the levels; negative where it rose), `late_error` that fall's standard error.
    """

    level: Series
    first: float
    last: float
    best: float
    best_step: int
    noise: float
    error: float
    late_fall: float
    late_error: float
    points: int

    @property
    def fall(self) -> float:
        """How far the level has fallen from its start to its best."""
        return self.first - self.best

    def gained(self, prior: float | None) -> float:
        """How far it has fallen beyond what a blind guess reaches, where it began above that and went well below: to come down there is no progress."""
        return prior - self.best if prior is not None and self.best < BLIND * prior < self.first else self.fall

    @property
    def rise(self) -> float:
        """How far the last level lies above the best one."""
        return self.last - self.best


@signal(log=LOG_TRAIN)
def train_loss(run: Run) -> Series | None:
    """Training loss by step, as logged."""
    return _logged(run, TRAIN_LOSS)


@signal(log=LOG_VAL)
def val_loss(run: Run) -> Series | None:
    """Validation loss by step, as logged."""
    return _logged(run, VAL_LOSS)


@signal(log=LOG_TEST)
def test_loss(run: Run) -> Series | None:
    """Test loss by step, as logged."""
    return _logged(run, TEST_LOSS)


@signal(log=LOG_VAL)
def eval_loss(run: Run) -> Series | None:
    """The validation loss, or the test loss where that is all there is."""
    known = _logged(run, VAL_LOSS)
    return known if known is not None else _logged(run, TEST_LOSS)


def _logged(run: Run, tag: str) -> Series | None:
    """The curve, if it has a point."""
    found = run.series.get(tag)
    return found if found is not None and len(found) else None


@signal(log=LOG_TRAIN)
def train_shape(train_loss: Series) -> Shape | None:
    """The training loss in a few numbers."""
    return shape(train_loss)


@signal(log=LOG_VAL)
def eval_shape(eval_loss: Series) -> Shape | None:
    """The validation (or test) loss in a few numbers."""
    return shape(eval_loss)


@signal(log=WATCH)
def chance_loss(targets: Targets, loss_function: LossFunction) -> float | None:
    """The cross-entropy of guessing evenly, ln(number of classes) (CS231n, "look for correct loss at chance performance")."""
    if loss_function.is_cross_entropy and targets.counts is not None and len(targets.counts) > 1:
        return math.log(len(targets.counts))
    return None


@signal(log=WATCH)
def blank_loss(targets: Targets, loss_function: LossFunction, chance_loss: float | None = None) -> float | None:
    """The loss of a network that puts out zeros: of guessing evenly, or the mean square of the targets.

    A sane network begins near it (Karpathy, "A recipe for training neural networks": verify the loss at init).
    """
    if loss_function.is_squared_error and targets.std is not None and targets.mean is not None:
        return float(np.mean(np.square(targets.std) + np.square(targets.mean)))
    return chance_loss


@signal(log=WATCH)
def prior_loss(targets: Targets, loss_function: LossFunction) -> float | None:
    """The loss of the best guess that does not look at the input: the entropy of the labels, or the variance of the targets.

    A model whose loss never gets below it has learnt nothing from its inputs (Karpathy, "A recipe for training neural
    networks", the input-independent baseline; here in closed form).
    """
    if (loss_function.is_cross_entropy or loss_function.is_binary_cross_entropy) and targets.counts is not None:
        share = targets.counts[targets.counts > 0] / targets.counts.sum()
        return float(-(share * np.log(share)).sum()) if len(share) > 1 else None
    if loss_function.is_binary_cross_entropy and targets.yes is not None:
        return unasked(targets.yes, targets.yes)
    if loss_function.is_squared_error and targets.std is not None:
        return float(np.mean(np.square(targets.std)))
    return None


def unasked(yes: NDArray[np.float64], told: NDArray[np.float64]) -> float:
    """The binary cross-entropy of telling these shares, shape (components,), whatever the input, where so many are `yes`."""
    with np.errstate(divide="ignore", invalid="ignore"):
        costs = -np.where(yes > 0, yes * np.log(told), 0.0) - np.where(yes < 1, (1 - yes) * np.log1p(-told), 0.0)
    return float(np.mean(costs))


@signal(log=LOG_TRAIN)
def loss_left(
    train_loss: Series,
    train_shape: Shape,
    prior_loss: float | None = None,
    loss_function: LossFunction | None = None,
) -> float | None:
    """The last level of the training loss as a share of a blind guess's loss, or of where it started where that is unknown.

    Fine-tuning starts far below the blind guess and has little left; a start far above it has gained nothing by getting there.
    A loss that goes above and below zero has no share that is left, nor has one whose floor is not zero.
    """
    if signed(train_loss) or (loss_function is not None and not loss_function.has_floor):
        return None
    start = train_shape.first if prior_loss is None else prior_loss
    return train_shape.last / start if start > 0 else None


@signal(log=LOG_TRAIN)
def least_left(
    loss_left: float,
    eval_shape: Shape | None = None,
    val_prior_loss: float | None = None,
    prior_loss: float | None = None,
) -> float:
    """As `loss_left`, or what is left on held-out samples where that is less: under heavy dropout the training loss says little of what was learnt."""
    start = val_prior_loss if val_prior_loss is not None else prior_loss
    if eval_shape is None or start is None or not start > 0 or not eval_shape.last > 0:
        return loss_left
    return min(loss_left, eval_shape.last / start)


@signal(log=LOG_TRAIN)
def mean_left(train_loss: Series, train_shape: Shape, prior_loss: float | None = None) -> float | None:
    """As `loss_left`, from the mean of the last third: the losses of a few samples are skewed, and levels are medians."""
    if signed(train_loss):
        return None
    start = train_shape.first if prior_loss is None else prior_loss
    return float(np.mean(train_loss.finite().tail(LATE))) / start if start > 0 else None


def signed(curve: Series) -> bool:
    """Whether a loss goes above and below zero all along, as a policy gradient's does: then zero is no floor, and its size tells nothing.

    The likelihood of a density that comes to lie below zero and stays there is none of these: it began above and has fallen.
    """
    values = curve.finite().values
    return len(values) > 0 and all(
        SOMETIMES < float(np.mean(half < 0)) < 1 - SOMETIMES for half in np.array_split(values, 2)
    )


def shape(curve: Series) -> Shape | None:
    """A curve in a few numbers, or None where it has fewer than three finite points."""
    finite = curve.finite()
    if len(finite) < 3:  # noqa: PLR2004  (two points have no noise)
        return None
    noise = _noise(finite.values)
    level, size = levels(finite, _stretches(finite, noise))
    error = 1.25 * noise / math.sqrt(size)  # the median's standard error is 1.25 times the mean's
    fall, fall_error = _late_fall(level.values, error)
    best = int(np.argmin(level.values))
    lowest = finite if len(finite) <= COUNTED else level
    return Shape(
        level=level,
        first=float(level.values[0]),
        last=float(level.values[-1]),
        best=float(level.values[best]),
        best_step=int(lowest.steps[np.argmin(lowest.values)]),
        noise=noise,
        error=error,
        late_fall=fall,
        late_error=fall_error,
        points=len(finite),
    )


def _stretches(curve: Series, noise: float) -> int:
    """Into how many levels a curve is cut: one for each point, unless these are few and scatter by much of the whole fall."""
    low, high = quantiles(curve.values[:: every(len(curve))], 0.05, 0.95)
    spread = high - low
    if SMOOTHED <= len(curve) <= STRETCHES and noise > SCATTERED * spread:
        return len(curve) // TOGETHER
    if len(curve) <= STRETCHES:
        return STRETCHES
    size = max(TOGETHER, -(-len(curve) // STRETCHES))  # a median of two is a mean, and gives way to a spike
    return len(curve) // size  # of nearly equal lengths: the last third of them is that of the run


def levels(curve: Series, stretches: int = STRETCHES) -> tuple[Series, float]:
    """Medians of equal stretches of a finite curve, at the stretches' last steps, and the points that a median is of.

    The first level is the median of at most the first stretch's leading quarter: losses fall fastest at the start. Of stretches of
    1,000 points and more each second (third, ...) one is taken, so that the longest curve costs no more than one of 60,000 points.
    """
    if len(curve) <= stretches:
        return curve, 1.0
    # as numpy's array_split: the first `longer` stretches hold a point more; those of equal length are taken together
    short, longer = divmod(len(curve), stretches)
    cut = longer * (short + 1)
    parts = [curve.values[:cut].reshape(longer, short + 1), curve.values[cut:].reshape(stretches - longer, short)]
    first = short + (longer > 0)
    head = np.median(curve.values[: min(5, max(1, first // 4))])
    some = max(1, short // ENOUGH)
    values = np.concatenate([[head], *(np.median(part[:, ::some], axis=1) for part in parts)])
    ends = np.cumsum(np.repeat([short + 1, short], [longer, stretches - longer])) - 1
    steps = np.concatenate(([curve.steps[0]], curve.steps[ends]))
    return Series(steps, values), len(curve) / stretches / some


def _noise(values: NDArray[np.float64]) -> float:
    """Standard deviation of points around a smooth curve, from second differences: blind to a trend, robust to spikes."""
    some = every(len(values))
    second = values[2::some] - 2 * values[1:-1:some] + values[:-2:some]
    return float(1.4826 * np.median(np.abs(second)) / math.sqrt(6))  # Var(second difference) = 6 Var; 1.4826 MAD = std


def _late_fall(level: NDArray[np.float64], error: float) -> tuple[float, float]:
    """Fall over the last third by the Theil-Sen line (median of pairwise slopes), and its standard error."""
    late = level[-max(4, round(LATE * len(level))) :]
    count = len(late)
    i, j = _pairs(count)
    slope = float(np.median((late[j] - late[i]) / (j - i)))
    spread = math.sqrt(12 / (count * (count * count - 1)))  # of a least-squares slope, for unit errors
    return -slope * (count - 1), max(error * spread * (count - 1), 1e-12 * abs(float(late[-1])))


@cache
def _pairs(count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of so many points each with each one behind it."""
    first, second = np.triu_indices(count, 1)
    return first, second
