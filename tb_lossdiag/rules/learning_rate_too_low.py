"""# Learning rate too low

## What you see

The loss falls, steadily and straight, but hardly at all.

## Why it happens

Each step goes the right way and far too short a distance. Gradient after gradient points the same way, which means that
much larger steps would have been safe.

## What to do

Raise the learning rate by the factor named. Where the schedule decays to nothing early, or a warm-up never ends, mend the schedule.

## When this is wrong

A warm-up that is still running, and the end of a decayed schedule, have tiny steps on purpose. Where only the first layers stand
still the gradient vanishes. A frozen network does not move at any learning rate.
"""

from __future__ import annotations

import math

import numpy as np

from tb_lossdiag.evidence import Curve, Evidence, Line, Mark
from tb_lossdiag.finding import Finding, Remedy, about, confidence
from tb_lossdiag.rule import rule
from tb_lossdiag.series import Series
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.optimizer import Optimizer

RATIO = 1e-3  # update / weights: CS231n's good value, so half as sure as not ...
TINY = 1e-4  # ... and TheDeepChecker's "too slow"
USUAL = 5e-3  # a brisk but sound step
ALIKE = 0.5  # cosine of consecutive gradients in the first steps: above it, larger steps were safe
STRAIGHT = 0.95
FULL = 0.5  # of the largest learning rate of the run: smaller ones are warm-up or decay
LEFT = 0.3  # share of the first loss that is left: below it the run got somewhere


@rule(
    cause="The steps go the right way but are far too small.",
    stage="train",
    severity="error",
    remedies=(Remedy("Raise the learning rate by 3 to 10 times"),),
    explains=(
        "undertrained",
        "insufficient-capacity",
        "uninformative-features",
        "batch-too-large",
        "optimizer-mismatch",
    ),
)
def learning_rate_too_low(
    update_ratio: Series,
    train_shape: Shape,
    grad_cosine: Series | None = None,
    lr: Series | None = None,
    optimizer: Optimizer | None = None,
) -> Finding | None:
    """Small steps at full learning rate, that agree with each other, in a run with most of its loss left."""
    ratio = _at_full_rate(update_ratio, lr)
    left = train_shape.last / train_shape.first if train_shape.first > 0 else 0.0
    if not ratio > 0:
        return None
    small = confidence(math.log(ratio), doubtful=math.log(RATIO), certain=math.log(TINY))
    cosine = float(np.nanmedian(grad_cosine.values[:20])) if grad_cosine is not None and len(grad_cosine) else math.nan
    agree = confidence(cosine, doubtful=ALIKE, certain=STRAIGHT) if math.isfinite(cosine) else 0.6
    sure = min(0.99, small) * min(1.0, agree / 0.6)
    if sure > 0.5 and left > LEFT:  # noqa: PLR2004
        factor = USUAL / ratio
        return Finding(
            summary=f"The learning rate is about {about(factor)} times too low: a step changes the weights by {ratio:.2%} only.",
            confidence=sure,
            since=0,
            evidence=_evidence(update_ratio, grad_cosine, train_shape),
            remedies=_remedies(factor, lr, optimizer),
            factor=1 / factor,
        )
    return None


def _at_full_rate(ratio: Series, lr: Series | None) -> float:
    """Median update ratio over the steps at which the learning rate was near its largest: not in warm-up, not decayed."""
    values = ratio.values
    if lr is not None and len(lr) and float(np.nanmax(lr.values)) > 0:
        rate = lr.values[np.clip(np.searchsorted(lr.steps, ratio.steps, side="right") - 1, 0, len(lr) - 1)]
        values = values[rate >= FULL * np.nanmax(lr.values)]
    values = values[np.isfinite(values)]
    return float(np.median(values)) if len(values) else math.nan


def _evidence(ratio: Series, cosine: Series | None, form: Shape) -> list[Evidence]:
    marks = [Mark("level", "usual", USUAL), Mark("level", "too slow", TINY)]
    evidence: list[Evidence] = [
        Curve(
            "Update ratio (median over layers)", [Line("update / weights", "observed", ratio)], "ratio", marks, "log"
        ),
        Curve("Training loss, smoothed", [Line("train", "observed", form.level)], "loss"),
    ]
    if cosine is not None:
        marks = [Mark("level", "larger steps were safe", ALIKE)]
        evidence.append(
            Curve("Agreement of consecutive gradients", [Line("cosine", "observed", cosine)], "cosine", marks)
        )
    return evidence


def _remedies(factor: float, lr: Series | None, optimizer: Optimizer | None) -> tuple[Remedy, ...]:
    now = float(np.nanmax(lr.values)) if lr is not None and len(lr) else None
    if now is None and optimizer is not None and optimizer.groups:
        now = optimizer.groups[0].get("lr")
    expect = f"An update ratio near {USUAL:g}, and a loss that falls several times faster."
    if not now:
        return (Remedy(f"Raise the learning rate by about {about(factor)} times", "", expect),)
    name = optimizer.type if optimizer is not None else "SGD"
    code = f"torch.optim.{name}(model.parameters(), lr={now * factor:.1g})"
    return (Remedy(f"Raise the learning rate from {now:g} to about {now * factor:.1g}", code, expect),)
