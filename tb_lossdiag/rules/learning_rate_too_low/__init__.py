"""# Learning rate too low

## What you see

The loss falls, steadily and straight, but hardly at all.

## Why it happens

Each step goes the right way and far too short a distance. Gradient after gradient points the same way, which means that
much larger steps would have been safe. Or a schedule has taken the rate down too soon: to zero, where its factor is 0;
to next to nothing, where it waits for a loss to rise; or its warm-up begins anew in each epoch.

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
from tb_lossdiag.finding import REMARK, Finding, Remedy, about, confidence
from tb_lossdiag.rule import Lacking, rule
from tb_lossdiag.rules.learning_rate_too_low import progress, scheduled
from tb_lossdiag.rules.learning_rate_too_low.factor import raised, remedies
from tb_lossdiag.rules.learning_rate_too_low.progress import TOGETHER, TRIED
from tb_lossdiag.rules.learning_rate_too_low.scheduled import MOST, SHORT
from tb_lossdiag.series import Series, middle
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.optimizer import Optimizer
from tb_lossdiag.signals.schedule import Schedule
from tb_lossdiag.signals.structure import Parameters

RATIO = 3e-3  # largest update / weights that lasts: sound trainings from scratch reach 3e-3 to 8e-2 ...
TINY = 4e-4  # ... and one that never gets here needs tens of thousands of steps to move its weights by their own size
USUAL = 0.022  # the middle of sound trainings, where the optimizer is not known
SHORTEST = 0.3  # the same: certain
SLOW = 0.5  # of the usual steps: with larger ones such a run was short rather than slow
LEFT = 0.25  # share of the loss that is left: below it the run got somewhere
FALLING = 0.15  # of all progress, made in the last third: the loss still falls as it did at first
LONG = 200  # steps: before them a recurrent network at a usual rate may still be on its first plateau: no alarm
NEVER = 0.89  # a short way may have been all there was to go
BELOW = (
    0.3  # of the usual steps: fewer than one in a hundred sound runs from scratch whose loss was not done stay below
)
FAR = 0.145
STANDS = 0.1  # the same, of weights that are where they were drawn
OWN = 1.0  # update / weights, added up: the weights went as far as they are large, and faulty programs of ours stay at .85
SPENT = 1.6  # update / weights, added up: with more the weights went as far as in sound runs, by smaller steps
LEARNT = 0.9  # share of the loss that is left: above it, and with no fall to be seen, nothing says that steps help
SOME = 0.03  # share of the loss that is left: sound runs that leave more have a floor, or a gap, or went further
BLIND = (
    1.1  # the same, where steps still go one way: a network may come down from far above to what a blind guess reaches
)
UNSURE = 0.7  # most networks with batch normalisation are trained with steps far below the best
REMARKED = 0.75  # what is known from the size of the steps alone, and is less sure, is only worth a remark
ABOVE = 1.5  # first loss as a share of a blind guess's: above it weights or targets are large, and steps are small beside them
BEGUN = 0.7  # first loss as a share of a blind guess's: below it the network is fine-tuned, with small steps on purpose
AIMLESS = 0.1  # cosine of consecutive gradients: below it steps go nowhere, large or small
AGREE = 0.7  # cosine of consecutive gradients: above it steps go one way, whatever the loss makes of it
AGAINST = -0.15  # cosine of consecutive gradients: below it the steps are too large, if anything
# biases of a layer; largest over their standard deviation: 1.73 where they are drawn evenly, with few a little off
MANY, DRAWN = 32, 2.1
LITTLE = 6.0  # times too low, by what rates people use, though ...
BEYOND = 8.0  # ... steps are so many times smaller still
SMALL = Remedy(
    "Look for what makes the gradient small: weights that start small, many layers, saturated units, features that tell nothing",
    "print({name: float(p.grad.norm()) for name, p in model.named_parameters() if p.grad is not None})",
    "Gradients of one size in all layers.",
)
YOUNG = 12.0  # times too low, below which a training that went through its data a handful of times lacks steps in the first place
LIVE = 31.0  # times too low, below which a run that goes on may yet get there in its own time


@rule(
    cause="The steps go the right way but are far too small.",
    stage="train",
    severity="error",
    remedies=(Remedy("Raise the learning rate by 3 to 10 times"),),
    explains=(
        "class-imbalance",
        "undertrained",
        "insufficient-capacity",
        "uninformative-features",
        "batch-too-large",
    ),
)
def learning_rate_too_low(
    update_ratio: Series,
    train_shape: Shape,
    loss_left: float | None = None,
    grad_cosine: Series | None = None,
    schedule: Schedule | None = None,
    optimizer: Optimizer | None = None,
    travel: float | None = None,
    eval_shape: Shape | None = None,
    usual_update: float = USUAL,
    best_update: float = USUAL,
    fastest_updates: Series | None = None,
    train_loss: Series | None = None,
    eval_loss: Series | None = None,
    finished: bool | None = None,
    grad_norm: Series | None = None,
    parameters: Parameters | None = None,
    passes: float | None = None,
) -> Finding | None:
    """Steps that stay small all along, each of them or all together, in a run with most of its loss left; or small beside the
    usual ones, in a run that went a short way and has not begun to memorise; or a schedule that ends training before it began,
    or a training that ends before its schedule has begun.
    """
    amiss = scheduled.amiss(schedule, train_shape, loss_left, travel, optimizer, (train_loss, eval_loss))
    if amiss is not None:
        return amiss
    if loss_left is None:
        raise Lacking("loss_left")
    if fastest_updates is not None:  # part of the network is held back on purpose, as one that was trained before
        update_ratio, travel = fastest_updates, None
    ratio = _largest(update_ratio)
    opposed = grad_cosine is not None and middle(grad_cosine.values) < AGAINST
    first = train_shape.first + train_shape.noise  # as far as the first batches tell
    begun = loss_left * first / train_shape.last if train_shape.last > 0 else 1.0
    steps = int(train_shape.level.steps[-1] - train_shape.level.steps[0]) + 1
    arrived = progress.soon_flat(train_shape) or progress.nothing_left(grad_norm, train_shape)
    if not ratio > 0 or opposed or begun < BEGUN or progress.rises(train_shape) or arrived:
        return None
    if schedule is not None and schedule.warming_up:
        slow = steps >= TRIED and loss_left > LEFT and ratio < RATIO
        return scheduled.never_warm(schedule, train_shape, ratio) if finished and slow else None
    went = travel is not None and travel > SPENT
    small = 0.0 if went else confidence(math.log(ratio), doubtful=math.log(RATIO), certain=math.log(TINY))
    helped = progress.helps(train_shape, eval_shape)
    along = grad_cosine is not None and middle(grad_cosine.values) > AGREE and helped
    going = along or (helped and any(progress.goes_on(each) for each in (train_shape, eval_shape) if each is not None))
    turning = any(each.of_weight_norm for each in parameters or ())  # how far a step turns its directions is not known
    way = _way(travel) if ratio < SLOW * USUAL and begun < ABOVE and going and not turning else 0.0
    stands = travel is not None and travel < STANDS  # wherever the steps go
    aimless = grad_cosine is not None and abs(middle(grad_cosine.values)) < AIMLESS
    young = steps < LONG or not progress.crawls(train_shape, eval_shape)
    if steps < TRIED:
        way, small = 0.0, small if ratio < TINY else 0.0
    sure, beside = 0.0, 0.0
    if max(small, way) > 0.5 and loss_left > LEFT:  # noqa: PLR2004  (as sure as not)
        steady = train_shape.late_fall > FALLING * train_shape.fall
        more = 0.1 * (1 + (loss_left > MOST) + steady)
        sure = min(max(small + more if small > 0.5 else 0.0, min(way + more, NEVER)), 0.99)  # noqa: PLR2004
    held = going or any(progress.held(each, schedule) for each in (train_shape, eval_shape) if each is not None)
    scratch = (SOME if held else LEFT) < loss_left < (BLIND if along else 1 if helped else LEARNT)
    once = young and loss_left < LEFT and progress.seen_once_or_twice(eval_loss)
    far = travel is not None and travel < SPENT and not progress.went_on(train_shape, eval_shape)
    if scratch and far and steps >= TRIED and not once:
        least = UNSURE if turning else NEVER
        beside = max(min(_far(ratio / usual_update), least), min(_far(ratio / best_update), UNSURE))
    if max(sure, beside) > 0.5:  # noqa: PLR2004
        factor = raised(best_update / ratio, schedule, optimizer)
        spent = factor < LITTLE and best_update / ratio > BEYOND * factor
        few = young and factor < YOUNG and progress.seen_a_few_times(train_shape, passes, eval_loss)
        return Finding(
            summary=f"A step changes the weights by {ratio:.2g} of their size, and no usual rate makes up for it: the gradient is small."
            if spent
            else f"The learning rate is {about(factor)} times too low: a step changes the weights by {ratio:.2g} of their size.",
            confidence=REMARK if spent or few else max(sure, beside),
            severity="info"
            if young
            or progress.long_settled(eval_shape)
            or spent  # no rate that anybody uses would make such steps usual ones: it is the gradient that is small
            or _trained_before(parameters or ())
            or (finished is False and factor < LIVE)
            or (aimless and not helped and not stands)
            or (
                not helped and travel is not None and travel > SHORT
            )  # the weights have moved by their own size, and the loss stands
            or (sure == 0 and (beside < REMARKED or loss_left < LEFT or not going))
            or (sure == 0 and loss_left < LEARNT and travel is not None and travel > OWN)
            else None,
            since=0,
            evidence=_evidence(update_ratio, grad_cosine, train_shape, best_update),
            remedies=(SMALL,) if spent else remedies(factor, schedule, optimizer, best_update),
            factor=1 / factor,
        )
    return None


def _trained_before(parameters: Parameters) -> bool:
    """Whether the biases had left the even spread that torch draws them with, or their zeros, when the training began: small steps may be meant then."""
    known = [each for each in parameters if each.kind == "bias" and each.numel >= MANY and each.init_std]
    return bool(known) and all((each.init_abs_max or 0.0) > DRAWN * (each.init_std or 0.0) for each in known)


def _far(share: float) -> float:
    """How sure steps make us that are so many times as large as others are."""
    return confidence(math.log(share), doubtful=math.log(BELOW), certain=math.log(FAR))


def _way(travel: float | None) -> float:
    """How sure that all steps together were too short a way."""
    if travel is None or not travel > 0:
        return 0.0
    return confidence(math.log(travel), doubtful=math.log(SHORT), certain=math.log(SHORTEST))


def _largest(ratio: Series) -> float:
    """The largest update ratio that lasted for a few sampled steps: neither warm-up nor the end of a schedule counts."""
    values = ratio.values[np.isfinite(ratio.values)]
    if len(values) < TOGETHER:
        return math.nan
    return float(np.median(np.lib.stride_tricks.sliding_window_view(values, TOGETHER), axis=1).max())


def _evidence(ratio: Series, cosine: Series | None, form: Shape, usual: float) -> list[Evidence]:
    marks = [Mark("level", "usual", usual), Mark("level", "too slow", TINY)]
    evidence: list[Evidence] = [
        Curve(
            "Update ratio (median over layers)", [Line("update / weights", "observed", ratio)], "ratio", marks, "log"
        ),
        Curve("Training loss, smoothed", [Line("train", "observed", form.level)], "loss"),
    ]
    if cosine is not None:
        marks = [Mark("level", "each step undoes the last", AGAINST)]
        evidence.append(
            Curve("Agreement of consecutive gradients", [Line("cosine", "observed", cosine)], "cosine", marks)
        )
    return evidence
