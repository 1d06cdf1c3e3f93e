"""# Exploding gradient

## What you see

The gradient norm grows by orders of magnitude, by step or from the last layer to the first. The loss jumps and often
ends as NaN.

## Why it happens

On its way back the gradient is multiplied once for each layer or time step; factors above one make it grow without
bound. Weights that are too large, long sequences without gating, and steps that are too large all do it.

## What to do

Clip the gradient norm at about its usual value, initialise for the activation in use, add normalisation layers, and
lower the learning rate.

## When this is wrong

A single large gradient is one bad batch. In the losses of adversarial and reinforcement learning norms grow with the
reward.
"""

from __future__ import annotations

import math

import numpy as np

from tb_lossdiag.evidence import Bars, Curve, Evidence, Fact, Line, Mark
from tb_lossdiag.finding import Finding, Remedy, confidence
from tb_lossdiag.rule import rule
from tb_lossdiag.series import Layers, Series

GROWTH = 2.0  # log10 of the growth over the run that is doubtful: healthy norms move by a factor of ten at most
CERTAIN = 4.0
START = 10  # points that say what the norm was at first
CLIPPED = 0.99  # of its norm, below which a gradient was clipped rather than rounded
TOGETHER = 5  # points whose median must be large: a single large gradient is a bad batch


@rule(
    cause="The gradient norm grows without bound.",
    stage="train",
    severity="error",
    symptom=True,
    remedies=(
        Remedy("Clip the gradient norm", "torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)"),
        Remedy("Lower the learning rate"),
        Remedy("Add normalisation layers", "nn.LayerNorm(width)"),
    ),
    explains=("non-finite-values", "dead-units", "saturated-units"),
)
def exploding_gradient(
    grad_norm: Series, layer_gradients: Layers | None = None, clip_factor: Series | None = None
) -> Finding | None:
    """The largest norm that lasted, against the norm at the start."""
    finite = grad_norm.finite()
    if len(finite) <= START + TOGETHER:
        return None
    usual = float(np.median(finite.values[:START]))
    sustained = np.median(np.lib.stride_tricks.sliding_window_view(finite.values[START:], TOGETHER), axis=1)
    largest = float(sustained.max(initial=0.0))
    growth = math.log10(largest / usual) if usual > 0 and largest > 0 else 0.0
    if growth > GROWTH:
        since = int(finite.steps[START + int(np.argmax(sustained > 10 * usual))])
        level = Mark("level", "norm at the start", usual)
        evidence: list[Evidence] = [
            Curve("Gradient norm", [Line("gradient norm", "observed", grad_norm)], "norm", [level], "log")
        ]
        where: list[str] = []
        if layer_gradients:
            late = {
                name: float(each.finite().values.max()) for name, each in layer_gradients.items() if len(each.finite())
            }
            where = [name for name, value in late.items() if value >= 0.1 * max(late.values())]
            evidence.append(Bars("Largest gradient by layer", list(late), list(late.values()), "norm", scale="log"))
        if clip_factor is not None and len(clip_factor.finite()):
            clipped = float(np.mean(clip_factor.finite().values < CLIPPED))
            evidence.append(
                Fact("Steps whose gradient is clipped", clipped, "share", note="and still the norm grows like this")
            )
        return Finding(
            summary=f"The gradient explodes: its norm grows from {usual:.3g} to {largest:.3g} since step {since:,}.",
            confidence=confidence(growth, doubtful=GROWTH, certain=CERTAIN),
            since=since,
            where=where[:5],
            evidence=evidence,
            remedies=(
                Remedy(
                    f"Clip the gradient norm at about its usual value, {usual:.2g}",
                    f"torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm={usual:.2g})",
                    "The norm stays within a factor of ten of its start and the loss stops jumping.",
                ),
                Remedy("Lower the learning rate if most steps would then be clipped"),
            ),
        )
    return None
