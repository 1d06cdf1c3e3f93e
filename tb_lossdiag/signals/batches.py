"""Single batches: what they are made of, in which order, and how the losses of their samples are spread."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tb_lossdiag.series import Layers, Packed, Run
from tb_lossdiag.signals.signal import signal
from tb_lossdiag.signals.structure import places, watched

__all__ = ["PURE", "Composition", "composition", "sample_losses", "shuffled"]

WATCH = "writer.watch(model, optimizer, loss_fn)"
LOADER = "writer.watch(model, optimizer, loss_fn, train_loader=train_loader)"

FEWEST = 8  # batches, and pairs of batches in a row: below that an order of two classes, or of amounts, cannot be told from chance
# pairs that do where they can differ in as many ways, one less than there are classes for each: chance leaves 1 / sqrt(24)
FEW, FREE = 3, 24
PURE = 10.0  # times chance: each batch holds one or two classes, and no neighbours are needed to see it
WHOLE = 1e-3  # off one, the sum of all classes' shares
MOST = 200  # batches that are recovered from running means: beyond, float32 has lost a batch's own mean


@dataclass(frozen=True, slots=True)
class Composition:
    """How batches differ from each other, as a multiple of what chance does, and whether neighbours are alike.

    `excess` is 1 for shuffled data: the mean chi-squared of the class counts over its degrees of freedom, or the variance of
    the batches' mean target over std^2 / batch size (that of the later half, where it is less). `alike` is the correlation of a batch with the next one, over
    `pairs` pairs. `by_sample` says whether each sample has one target; where it has many (text, pixels) these go together
    and `excess` is above 1 in shuffled data, too. `slides` is the correlation of mean targets that lie a pass over the data apart, or more,
    around their own mean: near 1 where they change for good, near 0 where each pass begins anew; NaN where there are few.
    """

    excess: float
    alike: float
    pairs: int
    classes: int
    by_sample: bool
    slides: float = math.nan


@signal(log=WATCH)
def composition(run: Run, batch_size: int | None = None, sample_count: float | None = None) -> Composition | None:
    """What the training batches are made of, by class, or by mean target in regression."""
    counted = [each for each in run.packed if each.group == "batch" and each.split == "train"]
    if counted:
        return _by_class(max(counted, key=lambda each: len(each.steps)), _one_target(run))
    means = [each for each in run.packed if each.group == "targets" and each.split == "train" and len(each.steps)]
    if means and batch_size:
        targets = max(means, key=lambda each: len(each.steps))
        if len(targets.columns) == 1:
            return _by_mean(targets, batch_size, _one_target(run), (sample_count or math.inf) / batch_size)
        return _by_indicators(targets, batch_size)
    return None


@signal(log=LOADER)
def shuffled(run: Run) -> bool | None:
    """Whether the training loader's sampler shuffles, where that can be told."""
    data = run.facts.get("data")
    found = data.get("shuffled") if isinstance(data, Mapping) else None
    return found if isinstance(found, bool) else None


@signal(log=WATCH)
def sample_losses(run: Run) -> Layers | None:
    """How the losses of a training batch's samples are spread: `mean`, `std`, `p05`, `p50`, `p95`, `max` over steps."""
    found = [each for each in run.packed if each.group == "losses" and each.split == "train" and len(each.steps)]
    if not found:
        return None
    packed = max(found, key=lambda each: len(each.steps))
    return {name: next(iter(packed.columns_of(name).values())) for name in packed.figures if packed.columns}


def _by_class(packed: Packed, by_sample: bool) -> Composition | None:
    counts = packed.figure("count")
    if counts is None or len(counts) < FEWEST:
        return None
    totals = counts.sum(axis=1)
    whole = totals > 0
    counts, totals, steps = counts[whole], totals[whole], packed.steps[whole]
    share = counts.sum(axis=0) / max(totals.sum(), 1.0)
    used = share > 0
    classes = int(used.sum())
    if len(counts) < FEWEST or classes < 2 or not np.isfinite(counts).all():  # noqa: PLR2004  (one class has no order)
        return None
    expected = totals[:, None] * share[used]
    apart = (counts[:, used] - expected) / np.sqrt(expected)
    return _composition(np.square(apart).sum(axis=1).mean() / (classes - 1), apart, steps, classes, by_sample)


def _by_mean(packed: Packed, size: int, by_sample: bool, steps_a_pass: float) -> Composition | None:
    """The batches' own means, recovered from the running mean of all batches so far."""
    mean, std = packed.figure("mean"), packed.figure("std")
    if mean is None or std is None or len(mean) < FEWEST:
        return None
    running = mean[:MOST, 0]
    many = np.arange(1, len(running) + 1)
    own = np.diff(many * running, prepend=0.0)
    deviation = float(std[min(MOST, len(std)) - 1, 0])
    apart = (own - running[-1]) / deviation * math.sqrt(size) if deviation > 0 else np.full(len(own), np.nan)
    if not np.isfinite(apart).all():
        return None
    steps = packed.steps[:MOST]
    later = _around_their_mean(apart[len(apart) // 2 :], steps[len(apart) // 2 :], 2)
    excess = float(np.mean(np.square(apart)))
    if len(later):
        excess = min(excess, float(np.mean(np.square(later))))  # what changed once, at the start, is no order
    passes = _around_their_mean(apart, steps, steps_a_pass)
    total = float(np.square(passes).sum())
    slides = float((passes[1:] * passes[:-1]).sum()) / total if total > 0 else math.nan
    found = _composition(excess, apart[:, None], steps, 0, by_sample)
    return None if found is None else replace(found, slides=slides)


def _by_indicators(packed: Packed, size: int) -> Composition | None:
    """As by class, of targets that are one for their class and zero for all others: the batches' shares, recovered as their means are."""
    mean, low, high = packed.figure("mean"), packed.figure("min"), packed.figure("max")
    if mean is None or low is None or high is None or len(mean) < FEWEST:
        return None
    if low[-1].any() or not set(high[-1]) <= {0.0, 1.0} or abs(float(mean[-1].sum()) - 1) > WHOLE:
        return None
    used = mean[-1] > 0
    share, running, steps = mean[-1, used], mean[:MOST, used], packed.steps[:MOST]
    classes = int(used.sum())
    own = np.diff(np.arange(1, len(running) + 1)[:, None] * running, axis=0, prepend=0.0)
    apart = (own - share) / np.sqrt(share / size)
    if classes < 2 or not np.isfinite(apart).all():  # noqa: PLR2004  (one class has no order)
        return None
    excess = float(np.square(apart).sum(axis=1).mean() / (classes - 1))
    return _composition(excess, apart, steps, classes, by_sample=True)


def _around_their_mean(apart: NDArray[np.float64], steps: NDArray[np.int64], least: float) -> NDArray[np.float64]:
    """The last looks of which each lies so many steps behind the one before, around their own mean; none where they are few."""
    near = np.flatnonzero(np.diff(steps) < least)
    late = apart[near[-1] + 1 :] if len(near) else apart
    return late - late.mean() if len(late) >= FEWEST else late[:0]


def _composition(
    excess: float, apart: NDArray[np.float64], steps: NDArray[np.int64], classes: int, by_sample: bool
) -> Composition | None:
    first = np.flatnonzero(np.diff(steps) == 1)
    told = len(first) >= FEWEST or (len(first) >= FEW and len(first) * (classes - 1) >= FREE)
    if not told and not (classes and by_sample and excess > PURE):
        return None
    here, there = apart[first], apart[first + 1]
    size = float(np.square(here).sum() + np.square(there).sum()) / 2
    alike = float((here * there).sum() / size) if size > 0 else 0.0
    return Composition(float(excess), alike, len(first), classes, by_sample)


def _one_target(run: Run) -> bool:
    """Whether each sample has a single class, or a single number, as its target; yes where nobody says."""
    for _, model in watched(run):
        target = model.get("target")
        shape = target.get("shape") if isinstance(target, Mapping) else None
        if isinstance(shape, (list, tuple)):
            return math.prod(shape) == 1 and places(model) == 1
    return True
