"""# Insufficient capacity

## What you see

Everything is sound, gradients and updates and data, but the loss settles far above what is possible, in training as in validation.

## Why it happens

The network is squeezed through a bottleneck: a hidden layer with fewer units than there are classes to tell apart, or too few parameters for
what there is to learn.

## What to do

Widen the narrowest layer named, or add layers.

## When this is wrong

Data with noise have a floor of their own, which no network gets below. An autoencoder's bottleneck is meant.
"""

from __future__ import annotations

import math

from tb_lossdiag.evidence import Bars, Evidence, Fact
from tb_lossdiag.finding import Finding, Remedy, confidence
from tb_lossdiag.rule import rule
from tb_lossdiag.signals.data import Targets
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.structure import Parameter, Parameters

LEFT = 0.2  # share of the loss that is left: below it the network found room enough
NARROW = 0.5  # units of the narrowest hidden layer for each class that are doubtful: k units tell apart 2^k classes, with effort
TIGHT = 0.25
CLASSES = 4  # with fewer, one or two units are enough
STILL = 0.1  # of all progress, made in the last third: more is a training that is not done
GAP = 0.3  # share by which validation may lie above training: more is no lack of room


@rule(
    cause="The network is too small, or squeezed through a bottleneck.",
    stage="train",
    severity="warning",
    remedies=(Remedy("Widen the narrowest layer"),),
)
def insufficient_capacity(
    parameters: Parameters,
    targets: Targets,
    train_shape: Shape,
    loss_left: float,
    eval_shape: Shape | None = None,
) -> Finding | None:
    """The width of the narrowest hidden layer against the number of classes, in a run that has settled too high."""
    if targets.counts is None or loss_left < LEFT or train_shape.late_fall > STILL * train_shape.fall:
        return None
    gap = (
        (eval_shape.last - train_shape.last) / train_shape.last
        if eval_shape is not None and train_shape.last > 0
        else 0.0
    )
    classes = int((targets.counts > 0).sum())
    hidden = [each for each in parameters if each.kind == "weight" and len(each.shape) > 1][:-1]
    if not hidden or classes < CLASSES or gap > GAP:
        return None
    narrowest = min(hidden, key=_units)
    share = _units(narrowest) / classes
    if share < NARROW:
        widths = {each.name: float(_units(each)) for each in hidden}
        evidence: list[Evidence] = [
            Bars("Units by hidden layer", list(widths), list(widths.values()), "count", float(classes)),
            Fact("Share of the loss that is left", loss_left, "share", LEFT),
        ]
        wide = 2 ** math.ceil(math.log2(4 * classes))
        return Finding(
            summary=f"{narrowest.name} has {_units(narrowest)} units for {classes} classes: too narrow to tell them apart.",
            confidence=confidence(share, doubtful=NARROW, certain=TIGHT),
            since=0,
            where=[narrowest.name],
            evidence=evidence,
            remedies=(
                Remedy(f"Widen {narrowest.module} to {wide} units or more", "", "A training loss well below this one."),
            ),
        )
    return None


def _units(parameter: Parameter) -> int:
    return parameter.shape[0]
