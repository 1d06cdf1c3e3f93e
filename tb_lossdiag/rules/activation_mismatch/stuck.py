"""Outputs that all end where an activation keeps them, whatever the loss makes of it."""

from __future__ import annotations

import math

import numpy as np

from tb_lossdiag.finding import Finding, Remedy, percent
from tb_lossdiag.rules.activation_mismatch.said import linear, range_of
from tb_lossdiag.signals.limits import Limit, limit_of
from tb_lossdiag.signals.outputs import CLOSE, Outputs
from tb_lossdiag.signals.structure import Module

__all__ = ["BATCHES", "HIDDEN", "LATE", "LOST", "UNLEARNT", "WEIGHTS", "at_an_end"]

BATCHES = 4  # outputs that must all keep to a limit before it is one
PROVED = 1.0  # whatever else is wrong, nothing is learnt before this is mended
LOST = 0.97  # a class whose score is 0 for every sample, or scores that cannot grow
HIDDEN = 0.85  # confidence for what some networks mean, such as a softmax between layers
UNLEARNT = 0.1  # share of the loss that is left: above it nobody is served by what limits the network
LATE = 1 / 3
SPREAD = 0.3  # from an end of its range, where an output began that has come to it since
WEIGHTS = {"Linear", "Conv1d", "Conv2d", "Conv3d"}


def at_an_end(outputs: Outputs, limit: Limit | None, last: Module | None, left: float) -> Finding | None:
    """What the outputs show whatever the loss makes of them: they all end where an activation keeps them."""
    if len(outputs.steps) >= BATCHES and _always_one(outputs, last):
        return _lone_softmax(outputs, last)
    if limit is not None and _silent(limit, outputs):
        return _never_above(limit, outputs)
    end = _pressed(outputs) if left > UNLEARNT else None
    return _at_an_end(end, outputs, last, left) if end is not None else None


def _always_one(outputs: Outputs, last: Module | None) -> bool:
    """Whether a single output is 1 for every sample of every batch: what a softmax makes of a single score."""
    single = len(outputs.names) == 1 and bool(np.all(outputs.min == 1) and np.all(outputs.max == 1))
    return single and (last is None or last.type in {"Softmax", "Identity"} or last.type in WEIGHTS)


def _lone_softmax(outputs: Outputs, last: Module | None) -> Finding:
    where = (last.name,) if last is not None and last.type == "Softmax" else ()
    limit = Limit(1.0, 1.0, where[0] if where else "a softmax at the end", where)
    return Finding(
        summary="The model's single output is 1 for every sample: a softmax over one score says nothing, and passes no gradient on.",
        confidence=PROVED,
        since=0,
        where=where,
        evidence=range_of(limit, outputs),
        remedies=(
            Remedy("Use a sigmoid for a single output", "nn.Sigmoid()  # or none, with nn.BCEWithLogitsLoss()"),
            Remedy("Or give each class an output of its own, and use cross-entropy", "nn.Linear(width, 2)"),
        ),
    )


def _silent(limit: Limit, outputs: Outputs) -> bool:
    """Whether a rectified output ends at its limit for every sample. One that is only ever a whole number was rounded."""
    rounded = bool(outputs.max.any()) and not (outputs.max % 1).any()
    late = outputs.max[-max(BATCHES, round(LATE * len(outputs.steps))) :]
    ends = len(late) >= BATCHES and limit.high > 1 and math.isfinite(limit.low) and bool(late.max() <= limit.low)
    return ends and not rounded


def _never_above(limit: Limit, outputs: Outputs) -> Finding:
    """A unit at the output that is dead: no sample gets a gradient through it."""
    return Finding(
        summary=f"The output is {limit.low:g} for every sample: {limit.function} gives {limit.words}, and passes no gradient on from there.",
        confidence=LOST,
        since=0,
        where=limit.where,
        evidence=range_of(limit, outputs),
        remedies=(
            *linear(limit, "Outputs that differ from sample to sample."),
            Remedy("Or use softplus where the targets are never negative", "nn.Softplus()"),
        ),
    )


def _pressed(outputs: Outputs) -> float | None:
    """The end, 1 or -1, that all outputs have come to from elsewhere, and none has ever crossed: a linear layer would overshoot."""
    late = slice(-max(BATCHES, round(LATE * len(outputs.steps))), None)
    for end in (1.0, -1.0):
        off = np.maximum(np.abs(outputs.min - end), np.abs(outputs.max - end)).max(axis=1)
        beyond = outputs.max.max() > end if end > 0 else outputs.min.min() < end
        if len(off) >= 2 * BATCHES and off[0] > SPREAD and bool(np.all(off[late] < CLOSE)) and not beyond:
            return end
    return None


def _at_an_end(end: float, outputs: Outputs, last: Module | None, left: float) -> Finding:
    """Outputs that a tanh or a sigmoid keeps from going on, whatever the targets are."""
    own = limit_of(last) if last is not None else None
    limit = own or Limit(-1.0 if outputs.min.min() < 0 else 0.0, 1.0, "a tanh or a sigmoid at the end", ())
    return Finding(
        summary=f"Every output has gone to {end:g}, where {limit.function} keeps it, and {percent(left)} of the loss is left: the targets lie beyond.",
        confidence=HIDDEN,
        since=0,
        where=limit.where,
        evidence=range_of(limit, outputs),
        remedies=linear(limit, "Outputs that differ from sample to sample."),
    )
