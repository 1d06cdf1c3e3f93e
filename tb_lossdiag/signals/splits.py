"""How validation and test data differ from the training data, as far as statistics of inputs and targets tell."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tb_lossdiag.series import Packed, Run, Series
from tb_lossdiag.signals.data import Targets
from tb_lossdiag.signals.loss import Shape, unasked
from tb_lossdiag.signals.signal import signal
from tb_lossdiag.signals.structure import LossFunction, watched
from tb_lossdiag.tags import TEST_LOSS, VAL_LOSS

__all__ = [
    "Gap",
    "Shift",
    "split_sizes",
    "test_gap",
    "test_shift",
    "val_called",
    "val_changed",
    "val_prior_loss",
    "val_shift",
]

EVALUATING_VAL = 'with writer.evaluating("val"): ...'
EVALUATING_TEST = 'with writer.evaluating("test"): ...'

FLOOR = 0.25  # of the median deviation: a pixel that is nearly always black must not make of a grey dot a shift of 100
RARE = 0.1  # a class with less than this part of its share in training was hardly learnt
SCATTER = (
    2.0  # standard deviation of single losses over their mean: 1.4 for squared errors, 1.5 to 3 for cross-entropies
)
CHANCE = (
    4.0  # times the squared shift that samples of this size show by chance: less is no shift (features go together)
)
SEEN = 5.0  # times that a value as far out as the furthest was seen in each split, as its spread has it: of rarer ones (the words of a few texts) chance tells the spread
BURSTS = 1.5  # standard errors of a token's share: what a text is about, it names again and again
FEW = 10.0  # samples of a class that training ought to hold: of fewer, chance alone may leave none


@dataclass(frozen=True, slots=True)
class Shift:
    """A split seen from the training data; NaN where it is not known.

    `inputs` is the root mean square over features of the mean's shift, in standard deviations of training, less what samples of
    this size show by chance; `features` names the features that moved most, with their shifts. `spread` is the median
    over features of their standard deviation as a share of training's, `chance_spread` by which factor (as a logarithm) it
    is off by chance. `scatter` is by how much the variance of those features has grown on average, in the units of the squared shift: noise
    and values that are lost add more to it than to the means, another situation moves the means. `target` is the shift of a regression target's mean. `unseen` is the share of the split's samples
    whose class hardly occurs in training, `ids` the share of its tokens, or other whole numbers, that would have to be others for them to be
    spread as training's are, less what chance makes of it, `absent` the share of training that is of classes which the split lacks, though it ought to hold some; `evenness` and `train_evenness` are exp(entropy) / classes of the labels.
    """

    samples: int
    inputs: float = math.nan
    features: Sequence[tuple[str, float]] = ()
    spread: float = math.nan
    chance_spread: float = math.nan
    scatter: float = math.nan
    target: float = math.nan
    unseen: float = math.nan
    ids: float = math.nan
    absent: float = math.nan
    evenness: float = math.nan
    train_evenness: float = math.nan

    @property
    def noisy(self) -> bool:
        """Whether the inputs have gained more in variance than their means have moved."""
        return self.scatter > self.inputs**2


@dataclass(frozen=True, slots=True)
class Gap:
    """By how much the test loss lies above the validation loss at the end; above the training loss where there is no validation (`beside`).

    `share` is in parts of all that was gained there since training began, `errors` in standard errors of the test loss.
    """

    val: float
    test: float
    share: float
    errors: float
    beside: str = "validation"


@signal(log=EVALUATING_VAL)
def val_shift(run: Run, batch_size: int | None = None) -> Shift | None:
    """How the validation data differ from the training data; or the test data, where these are evaluated again and again, and no others."""
    return _shift(run, "test" if _validates_on_test(run) else "val", batch_size or 1)


@signal(log=EVALUATING_TEST)
def test_shift(run: Run, batch_size: int | None = None) -> Shift | None:  # noqa: PT028  (a signal, no test)
    """How the test data differ from the training data."""
    return _shift(run, "test", batch_size or 1)


@signal(log=EVALUATING_TEST)
def test_gap(
    train_shape: Shape,
    test_loss: Series,
    split_sizes: Mapping[str, int],
    val_loss: Series | None = None,  # noqa: PT028  (a signal, no test)
    prior_loss: float | None = None,  # noqa: PT028
) -> Gap | None:
    """How the test loss compares with the validation loss, or else with the training loss, at the end. Test data that are evaluated again
    and again, with no others, are validation data.

    What was gained is counted from a blind guess, where that is known and higher than the start: fine-tuning begins with most of it.
    """
    known = val_loss.finite().values if val_loss is not None else np.array([train_shape.first, train_shape.last])
    now = test_loss.finite().values
    if val_loss is None and len(now) > 1:
        return None
    if not len(known) or not len(now) or "test" not in split_sizes:
        return None
    val, test = float(known[-1]), float(now[-1])
    gained = max(train_shape.first, float(known[0]), prior_loss or 0.0) - val
    error = SCATTER * abs(val) / math.sqrt(split_sizes["test"])
    if not gained > 0 or not error > 0:
        return None
    return Gap(
        val, test, (test - val) / gained, (test - val) / error, "validation" if val_loss is not None else "training"
    )


@signal(log=EVALUATING_VAL)
def split_sizes(run: Run) -> Mapping[str, int] | None:
    """Samples in each split that was counted: `train`, `val`, `test`."""
    data = run.facts.get("data")
    sizes = {split: _size(data, split) for split in ("train", "val", "test")} if isinstance(data, Mapping) else {}
    return {split: size for split, size in sizes.items() if size} or None


@signal(log=EVALUATING_VAL)
def val_called(run: Run) -> int | None:
    """Samples that the model was called with during the first validation; more than the split has where not all of them are in its loss."""
    data = run.facts.get("data")
    called = data.get("val_called") if isinstance(data, Mapping) else None
    return called if isinstance(called, int) and called > 0 else None


@signal(log=EVALUATING_VAL)
def val_changed(run: Run) -> float | None:
    """Share of the first validation inputs that are others at the second evaluation than at the first, though their targets are the same ones."""
    data = run.facts.get("data")
    changed = data.get("val_changed") if isinstance(data, Mapping) else None
    return float(changed) if isinstance(changed, (int, float)) else None


@signal(log=EVALUATING_VAL)
def val_prior_loss(run: Run, targets: Targets, loss_function: LossFunction) -> float | None:
    """What the best blind guess, made from the training targets, costs on the validation data."""
    packed = _packed(run, "targets", "val")
    if packed is None:
        return None
    cost = math.nan
    if loss_function.is_cross_entropy or loss_function.is_binary_cross_entropy:
        cost = _cost_of_classes(packed, targets)
    elif loss_function.is_squared_error:
        cost = _cost_of_amounts(packed, targets)
    return cost if np.isfinite(cost) and cost > 0 else None


def _validates_on_test(run: Run) -> bool:
    """Whether the test data are what the training is watched by."""
    return VAL_LOSS not in run.series and len(run.series.get(TEST_LOSS, ())) > 1


def _cost_of_classes(packed: Packed, targets: Targets) -> float:
    """The cross-entropy of telling the shares that the classes, or the answers of yes, have in training; NaN where they are not known."""
    counts, mean = packed.figure("count"), packed.figure("mean")
    if targets.counts is not None and counts is not None and len(counts[-1]) == len(targets.counts):
        share, seen = _share(targets.counts), _share(counts[-1])
        return math.nan if seen[share == 0].any() else float(-(seen[share > 0] * np.log(share[share > 0])).sum())
    if targets.yes is not None and mean is not None and mean.shape[1] == len(targets.yes):
        return unasked(mean[-1], targets.yes)
    return math.nan


def _cost_of_amounts(packed: Packed, targets: Targets) -> float:
    """The squared error of telling the mean that the targets have in training; NaN where it is not known."""
    mean, std = packed.figure("mean"), packed.figure("std")
    if targets.mean is None or mean is None or std is None or mean.shape[1] != len(targets.mean):
        return math.nan
    return float(np.mean(np.square(std[-1]) + np.square(mean[-1] - targets.mean)))


def _shift(run: Run, split: str, batch: int) -> Shift | None:
    data = run.facts.get("data")
    samples = _size(data, split) if isinstance(data, Mapping) else 0
    inputs, targets, ids = (_pair(run, group, split) for group in ("inputs", "targets", "ids"))
    if not samples or (inputs is None and targets is None and ids is None):
        return None
    found: dict[str, float | Sequence[tuple[str, float]]] = {}
    trained = _size(data, "train") if isinstance(data, Mapping) else 0
    if inputs is not None:
        found.update(_inputs(*inputs, samples, trained, _values(run, len(inputs[0].columns)), batch))
    if targets is not None:
        found.update(_targets(*targets, samples, trained))
    if ids is not None:
        found["ids"] = _other_ids(*ids)
    return Shift(samples, **found)  # type: ignore[arg-type]


def _inputs(
    train: Packed, other: Packed, samples: int, trained: int, values: float, batch: int
) -> dict[str, float | Sequence[tuple[str, float]]]:
    """Mean and spread of the features; those that never vary and whose mean is the same count as not shifted."""
    mean, std = _moments(train)
    mean_now, std_now = _moments(other)
    known = np.isfinite(mean) & np.isfinite(mean_now) & np.isfinite(std) & np.isfinite(std_now)
    varies = known & (std > 1e-5 * np.abs(mean))  # float32 sums leave constants a little spread
    if not varies.any():
        return {}
    typical = float(np.median(std[varies]))
    unit = np.maximum(std, FLOOR * typical)
    shift = np.where(known, (mean_now - mean) / unit, 0.0)
    seen = max(samples, len(train.steps))  # a batch each, at least one sample
    seen = min(seen, trained) if trained else seen  # a set of thirty has means of its own
    chance = np.where(known, (np.square(std_now) / samples + np.square(std) / seen) / np.square(unit), 0.0)
    counted = known & (varies | (std_now <= unit))  # what never varied and now does is no shift of a mean
    order = np.argsort(-np.abs(shift))[:10]
    looked_at = min(len(train.steps) * batch, samples)  # in either split
    wide = varies & (std >= FLOOR * typical) & (looked_at * values * _commonness(train, mean, std) >= SEEN)
    alike = math.sqrt(values)  # pixels of a channel count, but neighbours say the same: their root
    return {
        "inputs": _excess(float(np.mean(np.square(shift[counted]))), float(np.mean(chance[counted]))),
        "features": [(train.columns[i], float(shift[i])) for i in order],
        "spread": float(np.median(std_now[wide] / std[wide])) if wide.any() else math.nan,
        "chance_spread": 1.5
        * math.sqrt((0.5 / samples + (0.5 / trained if 0 < trained < samples else 0.0)) / alike),  # heavy tails
        "scatter": float(np.mean((np.square(std_now[wide]) - np.square(std[wide])) / np.square(std[wide])))
        if wide.any()
        else math.nan,
    }


def _commonness(train: Packed, mean: NDArray[np.float64], std: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share of a feature's values that lie as far out as its furthest, were all of its spread theirs: of zeros and ones that of the rarer."""
    low, high = train.figure("min"), train.figure("max")
    if low is None or high is None:
        return np.ones_like(std)
    furthest = np.maximum(high[-1] - mean, mean - low[-1])
    found: NDArray[np.float64] = np.square(std) / np.maximum(np.square(furthest), 1e-300)
    return found


def _targets(train: Packed, other: Packed, samples: int, trained: int) -> dict[str, float]:
    before, after = train.figure("count"), other.figure("count")
    if before is not None and after is not None:
        share, now = _share(before[-1]), _share(after[-1])
        looked = float(before[-1].sum())
        expected = now * (min(looked, trained) if trained else looked)
        return {
            "unseen": float(now[(share < RARE * now) & (expected >= FEW)].sum()),
            "absent": float(share[(now == 0) & (share * float(after[-1].sum()) >= FEW)].sum()),
            "evenness": _evenness(now),
            "train_evenness": _evenness(share),
        }
    mean, std = _moments(train)
    mean_now, std_now = _moments(other)
    unit = np.sqrt(np.mean(np.square(std)))
    if not unit > 0:
        return {}
    apart = float(np.mean(np.square(mean_now - mean)) / unit**2)
    chance = np.mean(np.square(std_now)) / unit**2 * (1 / samples + 1 / (min(samples, trained) if trained else samples))
    return {"target": _excess(apart, float(chance))}


def _other_ids(train: Packed, other: Packed) -> float:
    """Total variation distance between both, beyond chance. The first, which pads sequences to one length, does not count."""
    before, after = (each.figure("count") for each in (train, other))
    if before is None or after is None:
        return math.nan
    before, after = before[-1][1:], after[-1][1:]
    if not (before.sum() > 0 and after.sum() > 0):
        return math.nan
    share, now = _share(before), _share(after)
    spread = np.sqrt((share + now) / 2 * (1 / before.sum() + 1 / after.sum()))
    return max(0.5 * float(np.abs(now - share).sum()) - BURSTS * 0.5 * float(spread.sum()), 0.0)


def _excess(square: float, chance: float) -> float:
    """A root mean square less what chance has added to it; 0 where chance alone could have made it."""
    return math.sqrt(square - chance) if square > CHANCE * chance else 0.0 if square >= 0 else math.nan


def _evenness(share: NDArray[np.float64]) -> float:
    """exp(entropy) over the number of classes: 1 where all are equally frequent."""
    used = share[share > 0]
    return float(np.exp(-(used * np.log(used)).sum()) / len(share)) if len(used) else math.nan


def _share(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    total = counts.sum()
    return counts / total if total > 0 else np.zeros_like(counts)


def _moments(packed: Packed) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    mean, std = packed.figure("mean"), packed.figure("std")
    empty = np.full(len(packed.columns), np.nan)
    return (empty if mean is None else mean[-1]), (empty if std is None else std[-1])


def _pair(run: Run, group: str, split: str) -> tuple[Packed, Packed] | None:
    """The group of training and of another split, where both have the same columns and figures."""
    train, other = _packed(run, group, "train"), _packed(run, group, split)
    if train is None or other is None or train.columns != other.columns or train.figures != other.figures:
        return None
    return train, other


def _packed(run: Run, group: str, split: str) -> Packed | None:
    found = [each for each in run.packed if each.group == group and each.split == split and len(each.steps)]
    return max(found, key=lambda each: len(each.steps), default=None)


def _values(run: Run, features: int) -> float:
    """How many numbers a sample has of each feature, as pixels of a channel: one of a row, of which only some features may be looked at."""
    shapes = [model["input"].get("shape") for _, model in watched(run) if isinstance(model.get("input"), Mapping)]
    packed = _packed(run, "samples", "train")
    values = packed.figure("values") if packed is not None else None
    if (
        (shapes and all(isinstance(each, list) and len(each) == 1 for each in shapes))
        or values is None
        or not values.size
    ):
        return 1.0
    return max(1.0, float(values[-1, 0]) / features)


def _size(data: Mapping[str, object], split: str) -> int:
    size = data.get(f"{split}_size")
    return size if isinstance(size, int) else 0
