"""What reaches the loss function: the model's outputs, the targets' range, and the shapes of both."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tb_lossdiag.series import Run
from tb_lossdiag.signals.data import Features
from tb_lossdiag.signals.signal import signal
from tb_lossdiag.signals.structure import Module, Modules, watched

__all__ = [
    "CLOSE",
    "Contract",
    "Imitation",
    "Outputs",
    "contract",
    "imitation",
    "last_module",
    "outputs",
    "target_range",
    "whole_targets",
]

SAME, APART = 1e-3, 0.05  # from 1, that a total is off by rounding, and by more than that
CLOSE = 0.03  # of the range: outputs that come so near to both ends, and never cross them, are squeezed
WIDE = 16  # values of a sample: with fewer it may be by chance that one model takes as many as another puts out
WATCH = "writer.watch(model, optimizer, loss_fn)"


@dataclass(frozen=True, slots=True, eq=False)
class Outputs:
    """The model's outputs in the sampled training batches; arrays have shape (steps, components)."""

    names: Sequence[str]
    steps: NDArray[np.int64]
    mean: NDArray[np.float64]
    min: NDArray[np.float64]
    max: NDArray[np.float64]

    @property
    def add_up(self) -> bool:
        """Whether the components of a sample add up to 1 in every batch, as shares do."""
        return bool(np.all(np.abs(self.mean.sum(axis=1) - 1) < CLOSE))


@dataclass(frozen=True, slots=True)
class Contract:
    """What the loss function was given: shapes without the batch, the task, and how many classes where there are any."""

    output: tuple[int, ...]
    target: tuple[int, ...]
    batch: int
    task: str | None = None
    classes: int | None = None
    over_batch: bool = False


@dataclass(frozen=True, slots=True)
class Imitation:
    """Two models of which one puts out what the other one is given, as a generator and its discriminator: the module that comes last
    in the first, and what the second sees at the first pass of a step, which is the data as a rule.
    """

    last: Module
    shown: Features


@signal(log=WATCH)
def outputs(run: Run) -> Outputs | None:
    """Mean and range of each component of the output, batch by batch, where all of them are finite."""
    found = [each for each in run.packed if each.group == "outputs" and each.split == "train" and len(each.steps)]
    packed = max(found, key=lambda each: len(each.steps), default=None)
    if packed is None:
        return None
    mean, low, high = (packed.figure(name) for name in ("mean", "min", "max"))
    if mean is None or low is None or high is None or not len(packed.columns):
        return None
    known = np.isfinite(mean).all(axis=1) & np.isfinite(low).all(axis=1) & np.isfinite(high).all(axis=1)
    if not known.any():
        return None
    return Outputs(packed.columns, packed.steps[known], mean[known], low[known], high[known])


@signal(log=WATCH)
def target_range(run: Run) -> Features | None:
    """Mean, deviation and range of each component of targets that are amounts, over all samples looked at."""
    found = [each for each in run.packed if each.group == "targets" and each.split == "train" and len(each.steps)]
    packed = max(found, key=lambda each: len(each.steps), default=None)
    figures = [packed.figure(name) for name in ("mean", "std", "min", "max")] if packed is not None else [None]
    known = [each[-1] for each in figures if each is not None]
    if packed is None or len(known) < len(figures) or not all(np.isfinite(each).all() for each in known):
        return None
    mean, std, low, high = known
    return Features(packed.columns, mean, std, low, high)


@signal(log=WATCH)
def whole_targets(run: Run) -> float | None:
    """Share of whole numbers among the training targets that are amounts, in the batch that has fewest; classes and counts are nothing else."""
    found = [each for each in run.packed if each.group == "whole" and each.split == "train" and len(each.steps)]
    shares = found[0].figure("share") if len(found) == 1 else None
    return float(np.nanmin(shares)) if shares is not None and np.isfinite(shares).any() else None


@signal(log=WATCH)
def contract(run: Run) -> Contract | None:
    """Shapes of the first training batch at the loss function of the first watched model."""
    for _, model in watched(run):
        output, target = _shape(model.get("output")), _shape(model.get("target"))
        if output is not None and target is not None:
            task, classes = model.get("task"), model.get("classes")
            return Contract(
                output,
                target,
                int(model.get("batch_size") or 1),
                str(task) if task else None,
                int(classes) if classes else None,
                _over_batch(model.get("output")),
            )
    return None


def _over_batch(output: object) -> bool:
    """Whether outputs add up to 1 for each class over the batch, and not for each sample."""
    totals = output.get("totals") if isinstance(output, Mapping) else None
    if not isinstance(totals, Mapping):
        return False
    sample, each = totals.get("sample"), totals.get("class")
    return isinstance(sample, (int, float)) and isinstance(each, (int, float)) and each < SAME < APART < sample


@signal(log=WATCH)
def last_module(modules: Modules, ends_in: str | None = None) -> Module | None:
    """The module without children that was first called last: what comes out of it is the output, as far as modules go. A function that
    the gradient shows behind it stands for a module of that kind.
    """
    called = [each for each in modules if each.order is not None and not each.children and each.type not in QUIET]
    last = max(called, key=lambda each: each.order or 0, default=None)
    if ends_in is None or (last is not None and last.type == ends_in):
        return last
    return Module(f"torch.{ends_in.lower()}", ends_in, 1 + (last.order or 0) if last is not None else 0, {}, 0)


@signal(log=WATCH)
def imitation(run: Run) -> Imitation | None:
    """The first pair of models of which one may imitate the data that the other one judges."""
    ends = [(name, *end) for name, model in watched(run) if (end := _end(model, name)) is not None]
    for judge, model in watched(run):
        given = model.get("input")
        size, shown = _size(given.get("shape") if isinstance(given, Mapping) else None), _shown(run, judge)
        for name, last, made in ends:
            if name != judge and shown is not None and size == made and size >= WIDE:
                return Imitation(last, shown)
    return None


def _end(model: Mapping[str, Any], prefix: str) -> tuple[Module, int] | None:
    """The module that comes last in a model, and how many values it puts out for a sample."""
    called = [
        each
        for each in model.get("modules") or ()
        if each.get("order") is not None and not each.get("children") and each.get("type") not in QUIET
    ]
    last = max(called, key=lambda each: each["order"], default=None)
    if last is None:
        return None
    name, kind = prefix + str(last.get("name", "")), str(last.get("type", ""))
    return Module(name, kind, last["order"], {}, 0), _size(last.get("out_shape"))


def _size(shape: object) -> int:
    return math.prod(shape) if isinstance(shape, (list, tuple)) and shape else 0


def _shown(run: Run, prefix: str) -> Features | None:
    """The inputs of the model whose layers' names carry this prefix."""
    for each in run.packed:
        if (each.group, each.split) == ("inputs", "train") and len(each.steps) and each.columns:
            known = [found[-1] for name in ("mean", "std", "min", "max") if (found := each.figure(name)) is not None]
            if each.columns[0].startswith(prefix) and len(known) == 4:  # noqa: PLR2004
                return Features(each.columns, *known)
    return None


QUIET = {"Identity", "Dropout", "Flatten", "Unflatten"}  # change no value (in use)


def _shape(facts: object) -> tuple[int, ...] | None:
    shape = facts.get("shape") if isinstance(facts, Mapping) else None
    return tuple(int(each) for each in shape) if isinstance(shape, (list, tuple)) else None
