"""# Batch too large

## What you see

Each step goes the right way, but there are few of them: the loss falls smoothly and slowly, epoch by epoch.

## Why it happens

Averaging over more samples makes a gradient better only up to the noise scale (McCandlish et al., 2018); beyond that a step
costs more and is worth no more. With a handful of steps in an epoch the training ends before it has begun.

## What to do

Use a smaller batch, or raise the learning rate with it and train for more epochs.

## When this is wrong

Where steps are as many as they need to be, a large batch wastes time but does no harm. Tiny steps agree with each other at any batch size:
there the learning rate is too low.
"""

from __future__ import annotations

import math

from tb_lossdiag.evidence import Curve, Evidence, Fact, Line, Mark
from tb_lossdiag.finding import Finding, Remedy, confidence
from tb_lossdiag.rule import rule
from tb_lossdiag.series import Series, middle
from tb_lossdiag.signals.loss import Shape

AGREE = 0.7  # cosine of consecutive gradients: with independent batches 1 / (1 + noise scale / batch), so a batch of 2 noise scales ...
SAME = 0.92  # ... and of more than 10
FEW = 10  # steps in an epoch: with more, an epoch is a training step by step
SLOW = 0.003  # update / weights: smaller steps agree because they are small
ENOUGH = 300  # steps in all: a training with more had its steps, whatever the batch
LEFT = 0.2  # share of the loss that is left: below it the steps were enough
FALLING = 0.1  # of all progress, made in the last third


@rule(
    cause="The batch averages over far more samples than a step needs, so that there are too few steps.",
    stage="train",
    severity="warning",
    remedies=(Remedy("Use a smaller batch"), Remedy("Train for more epochs")),
    explains=("undertrained",),
)
def batch_too_large(
    grad_cosine: Series,
    update_ratio: Series,
    train_shape: Shape,
    loss_left: float,
    batch_size: int,
    train_size: int,
) -> Finding | None:
    """Gradients that agree although the steps are not small, in a run that had few steps and is not done."""
    steps = train_size / batch_size if batch_size else math.inf
    cosine = middle(grad_cosine.values)
    ratio = middle(update_ratio.values)
    unfinished = (
        train_shape.level.steps[-1] < ENOUGH and loss_left > LEFT and train_shape.late_fall > FALLING * train_shape.fall
    )
    if cosine > AGREE and ratio > SLOW and steps < FEW and unfinished:
        noise = batch_size * (1 / min(cosine, 0.999) - 1)
        better = max(8, 2 ** round(math.log2(max(noise, 1.0))))
        evidence: list[Evidence] = [
            Curve(
                "Agreement of consecutive gradients",
                [Line("cosine", "observed", grad_cosine)],
                "cosine",
                [Mark("level", "noise is averaged out", AGREE)],
            ),
            Fact("Steps in an epoch", steps, "count", FEW),
            Fact("Batch size", float(batch_size), "count", round(noise), "the gradient noise scale"),
        ]
        return Finding(
            summary=f"The batch of {batch_size:,} is too large: the noise scale is about {noise:,.0f}, and an epoch has {steps:.0f} steps.",
            confidence=confidence(cosine, doubtful=AGREE, certain=SAME),
            since=0,
            evidence=evidence,
            remedies=(
                Remedy(
                    f"Use a batch of about {better}",
                    f"DataLoader(train_set, batch_size={better}, shuffle=True)",
                    f"{train_size / better:,.0f} steps in an epoch, and a loss that falls as much faster.",
                ),
                Remedy("Or train for more epochs with a higher learning rate"),
            ),
            factor=batch_size / better,
        )
    return None
