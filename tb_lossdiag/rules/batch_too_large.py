"""# Batch too large

## What you see

Each step goes the right way, but there are few of them: the loss falls smoothly and slowly, epoch by epoch.

## Why it happens

Averaging over more samples makes a gradient better only up to the noise scale (McCandlish et al., 2018); beyond that a step
costs more and is worth no more. With a handful of steps in an epoch the training ends before it has begun. Or the step is taken once an epoch, for
`backward()` and `step()` stand behind the loop over the batches instead of in it.

## What to do

Use a smaller batch, or raise the learning rate with it and train for more epochs.

## When this is wrong

Where steps are as many as they need to be, a large batch wastes time but does no harm. Tiny steps agree with each other at any batch size:
there the learning rate is too low.
"""

from __future__ import annotations

import math

from tb_lossdiag.evidence import Curve, Evidence, Fact, Line, Mark
from tb_lossdiag.finding import REMARK, Finding, Remedy, confidence
from tb_lossdiag.rule import rule
from tb_lossdiag.series import Series, middle
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.probe import NoiseScale
from tb_lossdiag.signals.samples import Samples

AGREE = 0.7  # cosine of consecutive gradients: with independent batches 1 / (1 + noise scale / batch), so a batch of 2 noise scales ...
SAME = 0.85  # ... and of more than 5, in a run that had few steps
LARGE = 64  # samples: nobody's idea of a large batch lies below
FEW = 10  # steps in an epoch: with more, an epoch is a training step by step
AMPLE = 128  # samples, from which on a run that ended within two epochs would have had more steps by smaller batches
SLOW = 0.003  # update / weights: smaller steps agree because they are small
ENOUGH = 300  # steps in all: a training with more had its steps, whatever the batch
LEFT = 0.2  # share of the loss that is left: below it the steps were enough
FALLING = 0.1  # of all progress, made in the last third
BEGUN = 10  # steps, and
EPOCHS = 2  # before which nobody knows how many steps there will be
WHOLE = 0.95  # share of the training samples that validation has, too: a graph's nodes go through the model together
YOUNG = 100  # steps of a training that goes on, whose batches may be all there is, and meant to be
SCARCE = 60  # steps in all that are few whatever a schedule makes of the last third ...
LATELY = 0.06  # ... if so much of all progress was made in the second half
REPEATS = 0.4  # share of a gradient that the next batch's repeats, though a full step lies between: sound runs with something left had less
ALL = 0.85
SOME = 0.03  # share of the loss that is left, which such agreement makes suspect ...
SPENT = 2.3  # ... in a run whose weights could not move further than that (update / weights, added up) ...
SECOND = 0.025  # ... and which made so much of all progress in its second half
HANDFUL = 24  # steps in an epoch, and ...
BRIEF = 150  # ... in all: no more, in a run that still gets on, are worth a remark on the batch ...
PLENTY = 50  # steps in an epoch, which make it a training step by step
MOST = 0.5  # ... and in one of small steps that has so much of its loss left
SEVERAL, NEARLY = 8, 0.1  # losses for a step, about as many as an epoch has batches, and ...
ONCE = 0.9  # ... how sure that makes us


@rule(
    cause="The batch averages over far more samples than a step needs, so that there are too few steps.",
    stage="train",
    severity="warning",
    remedies=(Remedy("Use a smaller batch"), Remedy("Train for more epochs")),
    explains=("undertrained", "insufficient-capacity"),
)
def batch_too_large(
    grad_cosine: Series,
    update_ratio: Series,
    train_shape: Shape,
    loss_left: float,
    batch_size: int,
    sample_count: float,
    noise_scale: NoiseScale | None = None,
    step_response: Series | None = None,
    travel: float | None = None,
    losses_per_step: int | None = None,
    finished: bool | None = None,
    samples: Samples | None = None,
) -> Finding | None:
    """Gradients that agree although the steps are not small, in a run that had few steps and is not done; or one step an epoch."""
    known = noise_scale is not None and noise_scale.batch > 0
    size = noise_scale.batch if noise_scale is not None and known else float(batch_size)  # of a text, not its tokens
    noisy = noise_scale is not None and known and noise_scale.late != 0  # samples that are all alike make none
    times = size / noise_scale.late if noise_scale is not None and noisy else math.nan  # batch over noise scale
    steps, in_all = sample_count / max(size, 1), float(train_shape.level.steps[-1] - train_shape.level.steps[0]) + 1
    outside = _outside(losses_per_step or 1, sample_count / max(batch_size, 1), in_all, loss_left)
    if outside is not None:
        return outside
    short = in_all < max(EPOCHS * steps, BEGUN)
    if (short and not (finished and in_all <= BRIEF and size >= AMPLE)) or (
        samples is not None and samples.shared > WHOLE
    ):
        return None  # it has only begun, or a batch is a graph with all its nodes
    cosine, ratio = middle(grad_cosine.values), middle(update_ratio.values)
    agree = max(cosine, times / (1 + times)) if times > 0 else cosine
    slow = ratio > SLOW and loss_left > LEFT and _unfinished(train_shape, in_all)
    sure, beside = 0.0, 0.0
    if agree > AGREE and slow and not short and (steps < FEW or in_all < SCARCE):
        sure = confidence(agree, doubtful=AGREE, certain=SAME)
    if ratio > SLOW and loss_left > SOME and travel is not None and travel < SPENT and steps < FEW and in_all < ENOUGH:
        repeats = (
            middle(step_response.values) if step_response is not None and _later(train_shape, in_all) > SECOND else 0.0
        )
        beside = confidence(repeats, doubtful=REPEATS, certain=ALL)
    gets_on = loss_left > SOME and _later(train_shape, in_all) > SECOND if ratio > SLOW else loss_left > MOST
    if (steps < HANDFUL or short) and in_all <= BRIEF and gets_on:
        beside = max(beside, REMARK)
    if size >= LARGE and max(sure, beside) > 0.5:  # noqa: PLR2004  (as sure as not)
        noise = size / times if times > 0 else size * (1 / min(cosine, 0.999) - 1) if cosine > 0 else math.inf
        better = noise if noise < size else min(sample_count / PLENTY, size / 2)
        better = max(8, 2 ** round(math.log2(max(better, 1.0))))
        evidence: list[Evidence] = [
            Curve(
                "Agreement of consecutive gradients",
                [Line("cosine", "observed", grad_cosine)],
                "cosine",
                [Mark("level", "noise is averaged out", AGREE)],
            ),
            Fact("Steps in an epoch", steps, "count", FEW),
            Fact("Batch size", size, "count", round(noise), "the gradient noise scale")
            if noise < size
            else Fact("Batch size", size, "count"),
        ]
        return Finding(
            summary=_summary(size, noise, in_all, steps),
            confidence=max(sure, beside),
            severity="info" if sure == 0 or (finished is False and in_all < YOUNG) else None,
            since=0,
            evidence=evidence,
            remedies=(
                Remedy(
                    f"Use a batch of about {better}",
                    f"DataLoader(train_set, batch_size={better}, shuffle=True)",
                    f"{sample_count / better:,.0f} steps in an epoch, and a loss that falls as much faster.",
                ),
                Remedy("Or train for more epochs with a higher learning rate"),
            ),
            factor=size / better,
        )
    return None


def _summary(size: float, noise: float, in_all: float, steps: float) -> str:
    if noise < size:
        return (
            f"The batch of {size:,.0f} is too large: the noise scale is about {noise:,.0f}, and there were {in_all:,.0f} steps, "
            f"{steps:,.0f} in an epoch."
        )
    return f"The batch of {size:,.0f} leaves few steps: there were {in_all:,.0f}, {steps:,.0f} in an epoch."


def _outside(losses: int, batches: float, steps: float, left: float) -> Finding | None:
    """One step for all the batches of an epoch, in a run that leaves something to be learnt."""
    if losses < SEVERAL or abs(losses / batches - 1) > NEARLY or steps > ENOUGH or not left > SOME:
        return None
    return Finding(
        summary=f"The optimizer takes one step an epoch, after {losses:,} losses: as many as there are batches.",
        confidence=ONCE,
        severity=None if left > LEFT else "info",
        since=0,
        evidence=[Fact("Losses for each step", float(losses), "count", round(batches), "batches in an epoch")],
        remedies=(
            Remedy(
                "Take a step for each batch: zero_grad, backward and step belong in the loop over the batches",
                "for x, y in train_loader:\n    optimizer.zero_grad()\n    loss_fn(model(x), y).backward()\n    optimizer.step()",
                f"{losses:,} times as many steps, and a loss that falls within the first epoch.",
            ),
        ),
    )


def _unfinished(train: Shape, steps: float) -> bool:
    """Whether more steps would have helped: the loss was still falling, or there were hardly any steps while it did."""
    if not steps < ENOUGH:
        return False
    scarce = steps < SCARCE and _later(train, steps) > LATELY
    return scarce or train.late_fall > FALLING * train.fall


def _later(train: Shape, steps: float) -> float:
    """The share of all progress that was made in the second half of so many steps."""
    then = float(train.level.values[train.level.steps - train.level.steps[0] <= steps / 2][-1])
    return (then - train.last) / train.fall if train.fall > 0 else 0.0
