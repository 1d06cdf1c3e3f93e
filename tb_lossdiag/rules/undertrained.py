"""# Undertrained

## What you see

Training and validation loss both still fall when the run ends. Where batches are too noisy to tell: the steps are still as large as
at first, the learning rate's schedule has hardly begun to lower them, and the weights have gone a short way.

## Why it happens

Nothing is wrong. The training was stopped early, or the learning rate was decayed to nothing before the network was done.

## What to do

Train longer; stretch the learning rate's schedule to the new length. The report says how much longer is still worth it.

## When this is wrong

A learning rate that is too low looks alike: there the updates are tiny, and the right cure is larger steps, not more of them. A training
that is still running looks like one that was stopped: that is why it is never more than a remark.
"""

from __future__ import annotations

import math

import numpy as np

from tb_lossdiag.evidence import Curve, Evidence, Fact, Line, Mark
from tb_lossdiag.finding import REMARK, Finding, Remedy, confidence, percent
from tb_lossdiag.rule import rule
from tb_lossdiag.series import Series, middle
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.schedule import Schedule

DOUBTFUL = 0.10  # of all progress, made in the last third: a finished training makes next to none there
CERTAIN = 0.35  # a straight line makes a third
SURE = 4.0  # standard errors that the fall of the last third must exceed
RISEN = 0.2  # of all progress, lost again since the best level: a loss that comes and goes is not on its way down
HARDLY = 0.05  # a fall below this share of the first loss is no learning that could be cut short
LITTLE = 0.01  # of all progress, in a third of the run: no longer worth it; nobody sees further than four such runs
MOST = 4.0
POINTS = 6  # evaluations that have a trend
SOME = 0.03  # share of the loss that is left: below it a short training was long enough
BRISK = 0.01  # late update / weights, and the sum over all steps: sound runs go further, or end with smaller steps
SPENT = 2.7
FEWEST, BETTER = 2, 0.9  # evaluations, and the loss of each as a share of that before
BRIEF, HALF = 150, 0.5  # steps, and share of the loss that is left, of a run that is likely to fall still ...
LIKELY = 2.0  # ... and the standard errors that suffice then
FEW, VERY_FEW = 100, 30  # steps: sound trainings of so few begin near their end, or take large ones
# share of the loss that is left, and update / weights, added up: hardly anything has happened yet
MOSTLY, NEAR = 0.15, 0.5
# evaluations; fall in the last third as a share of the last level; and of the fall in the third before
STEADY, SLOPE, UNBENT = 9, 0.05, 0.8
# share of the loss that is left, steps, and evaluations in a row of a run that was on its way
MUCH, SHORT, ROW = 0.3, 300, 5
# evaluations that suffice, steps of a run that is shorter still, and the last evaluation as a share of the first
THREE, SHORTER, FALLEN = 3, 200, 0.7
LOWERED = 0.5  # last learning rate as a share of the largest: a schedule that got no further was not meant to end here


@rule(
    cause="The training ended while it was still getting somewhere.",
    stage="train",
    severity="info",
    symptom=True,
    remedies=(Remedy("Train longer", "epochs = 2 * epochs"),),
)
def undertrained(
    train_shape: Shape,
    train_loss: Series,
    eval_shape: Shape | None = None,
    loss_left: float | None = None,
    passes: float | None = None,
    update_ratio: Series | None = None,
    travel: float | None = None,
    schedule: Schedule | None = None,
    eval_loss: Series | None = None,
    prior_loss: float | None = None,
) -> Finding | None:
    """The share of all progress that was made in the last third of the run, and what as much again would bring; else large steps
    that were cut short.
    """
    falling = (
        _falling(train_shape, train_loss, eval_shape, passes, prior_loss, _errors(train_shape, loss_left))
        or _hardly_begun(train_shape, loss_left, travel)
        or _each_better(eval_shape.level if eval_shape is not None else eval_loss)
        or _steadily(eval_shape, loss_left)
        or _on_its_way(train_shape, eval_shape, loss_left)
    )
    if (
        falling is None
        and loss_left is not None
        and loss_left > SOME
        and train_shape.fall > HARDLY * abs(train_shape.first)
    ):
        return _cut_short(update_ratio, travel, schedule)
    return falling


def _errors(train: Shape, left: float | None) -> float:
    """How many standard errors a fall must have: fewer where a run was so short, and left so much, that it is likely to fall."""
    short = train.level.steps[-1] - train.level.steps[0] < BRIEF
    return LIKELY if short and left is not None and left > HALF else SURE


def _falling(
    train_shape: Shape,
    train_loss: Series,
    eval_shape: Shape | None,
    passes: float | None,
    prior: float | None,
    errors: float,
) -> Finding | None:
    """A loss that still falls, late in the run.

    Judged by the training or by the validation loss, whichever is clearer: a short training has noisy batches, and a
    validation set that is the same each time.
    """
    curves = [train_shape] if eval_shape is None or eval_shape.points < POINTS else [train_shape, eval_shape]
    curves = [each for each in curves if each.fall > HARDLY * abs(each.first)]
    if not curves or train_shape.late_fall < -SURE * train_shape.late_error:
        return None
    form = max(curves, key=lambda each: each.late_fall / max(each.late_error, 1e-300))
    gained = form.gained(prior)
    share = form.late_fall / gained
    if min(each.rise / each.gained(prior) for each in curves) > RISEN:
        return None
    turned = eval_shape is not None and eval_shape.points >= 3 and eval_shape.rise > 2 * eval_shape.error  # noqa: PLR2004
    if share > DOUBTFUL and form.late_fall > errors * form.late_error and not turned:
        gain = _gain(form, gained)
        curve, name = (train_loss, "Training") if form is train_shape else (form.level, "Validation")
        third = int(train_loss.steps[-1] - (train_loss.steps[-1] - train_loss.steps[0]) / 3)
        return Finding(
            summary=(
                f"The {name.lower()} loss is still falling at the end: as many steps again would bring it from {form.last:.3g} "
                f"to about {form.last - gain:.3g}."
            ),
            confidence=confidence(math.log(share), doubtful=math.log(DOUBTFUL), certain=math.log(CERTAIN)),
            since=third,
            evidence=[
                Curve(
                    f"{name} loss",
                    [Line(name.lower(), "observed", curve)],
                    "loss",
                    [Mark("stretch", "still falling", third, int(train_loss.steps[-1]))],
                ),
                Fact("Progress made in the last third", share, "share", DOUBTFUL),
            ],
            remedies=(_longer(form, train_loss, passes, gain, gained),),
        )
    return None


def _each_better(evaluations: Series | None) -> Finding | None:
    """A few evaluations, each clearly better than the one before: worth a remark, however little of the first loss is left."""
    known = evaluations.finite() if evaluations is not None else None
    values = known.values if known is not None else np.empty(0)
    if known is None or not FEWEST <= len(values) < POINTS or not values[-1] > 0:
        return None
    if not (values[1:] < BETTER * values[:-1]).all():
        return None
    return Finding(
        summary=f"There were {len(values)} evaluations only, each better than the one before: validation goes from {values[-2]:.3g} to {values[-1]:.3g} at the end.",
        confidence=REMARK,
        since=int(known.steps[-2]),
        evidence=[Curve("Validation loss", [Line("validation", "observed", known)], "loss")],
    )


def _steadily(evaluation: Shape | None, left: float | None) -> Finding | None:
    """A remark on a slope that does not flatten: after a quick start, as much in the last third as in the one before, little of the first fall though it is."""
    if (
        evaluation is None
        or left is None
        or not left > MOSTLY
        or not STEADY <= evaluation.points <= len(evaluation.level)
    ):
        return None
    values = evaluation.level.values
    third = len(values) // 3
    late, before = values[-third - 1] - values[-1], values[-2 * third - 1] - values[-third - 1]
    lower = np.diff(values[-2 * third - 1 :]) < 0
    if not (values[-1] > 0 and late > SLOPE * values[-1] and late > UNBENT * before > 0 and lower.all()):
        return None
    return Finding(
        summary=f"The validation loss goes down a slope that does not flatten: from {values[-third - 1]:.3g} to {values[-1]:.3g} in the last third of the run.",
        confidence=REMARK,
        since=int(evaluation.level.steps[-2 * third - 1]),
        evidence=[Curve("Validation loss", [Line("validation", "observed", evaluation.level)], "loss")],
        remedies=(Remedy("Train longer, or take larger steps: an adaptive optimizer, or a higher learning rate"),),
    )


def _on_its_way(train: Shape, evaluation: Shape | None, left: float | None) -> Finding | None:
    """A remark on a brief run with a good part of the loss left, in which each evaluation is better than the one before."""
    steps = int(train.level.steps[-1] - train.level.steps[0]) + 1
    if evaluation is None or left is None or not left > MOSTLY or steps > SHORT or evaluation.points < THREE:
        return None
    values = evaluation.level.values
    if not (np.diff(values) < 0).all() or not values[-1] > 0:
        return None
    shorter = steps <= SHORTER and values[-1] < FALLEN * values[0]
    if not (shorter if evaluation.points < ROW else left > MUCH):
        return None
    return Finding(
        summary=f"Each of {len(values)} evaluations is better than the one before, and there were {steps:,} steps only: validation goes from {values[0]:.3g} to "
        f"{values[-1]:.3g}.",
        confidence=REMARK,
        since=int(evaluation.level.steps[-2]),
        evidence=[Curve("Validation loss", [Line("validation", "observed", evaluation.level)], "loss")],
    )


def _hardly_begun(train_shape: Shape, left: float | None, travel: float | None) -> Finding | None:
    """So few steps that nothing can be said but that: a good part of the loss is left, and the weights are about where they began."""
    steps = int(train_shape.level.steps[-1] - train_shape.level.steps[0]) + 1
    if left is None or travel is None or not (left > MOSTLY and travel < NEAR):
        return None
    sure = confidence(math.log(max(steps, 1)), doubtful=math.log(FEW), certain=math.log(VERY_FEW))
    if sure > 0.5:  # noqa: PLR2004  (as sure as not)
        return Finding(
            summary=f"The training was hardly begun: {steps:,} steps have moved the weights by {percent(travel)} of their size, all together.",
            confidence=sure,
            since=0,
            evidence=[
                Fact("Steps", float(steps), "count", float(FEW)),
                Fact("Update / weights, added up over all steps", travel, "ratio", NEAR),
                Curve("Training loss, smoothed", [Line("train", "observed", train_shape.level)], "loss"),
            ],
            remedies=(
                Remedy("Train for some hundred steps before judging anything else", "epochs = 10 * epochs"),
                Remedy("Use a smaller batch, if an epoch is a handful of steps"),
            ),
        )
    return None


def _cut_short(updates: Series | None, travel: float | None, schedule: Schedule | None) -> Finding | None:
    """Steps that end as large as they are in mid-training, after a short way, or under a schedule that has hardly begun."""
    late = middle(updates.tail(0.25)) if updates is not None else math.nan
    short = travel is not None and travel < SPENT and late > BRISK
    reached = schedule.come_down if schedule is not None else 0.0
    if updates is None or not (short or reached > LOWERED):
        return None
    evidence: list[Evidence] = [
        Curve(
            "Update ratio (median over layers)",
            [Line("update / weights", "observed", updates)],
            "ratio",
            [Mark("level", "brisk", BRISK)],
            "log",
        )
    ]
    if travel is not None:
        evidence.append(Fact("Update / weights, added up over all steps", travel, "ratio", SPENT))
    if schedule is not None and reached > LOWERED:
        evidence.insert(0, Curve("Learning rate", [Line("lr", "observed", schedule.rates)], "learning rate"))
        summary = (
            f"The training was short of its end: the learning rate's schedule had only come down to {percent(reached)}."
        )
    else:
        summary = f"The training was short: steps were still large at the end (weights change by {late:.2g} of their size in each)."
    return Finding(summary=summary, confidence=REMARK, evidence=evidence)


def _gain(form: Shape, gained: float, errors: float = 0.0) -> float:
    """What the next three thirds bring, at a pace that itself decays from third to third, or a straight line's where it does not.

    `errors` is by how many standard errors the pace is taken larger than it was measured.
    """
    late = max(0.0, form.late_fall + errors * form.late_error)
    gain = sum(late * _decay(gained, late) ** i for i in (1, 2, 3))
    return min(gain, max(form.last, 0.0)) if form.last > 0 else gain


def _decay(gained: float, late: float) -> float:
    """By what factor the fall shrinks from one third of the run to the next: the first two thirds' mean against the last."""
    return min(1.0, late / max(gained - late, 1e-12) * 2)


def _longer(form: Shape, train_loss: Series, passes: float | None, gain: float, gained: float) -> Remedy:
    """How much longer is worth it, and the loss to expect after as many steps again, both between two standard errors."""
    low, high = (_worth_running(form, gained, errors) for errors in (-2.0, 2.0))
    steps = int(train_loss.steps[-1] - train_loss.steps[0]) + 1
    unit, whole = ("epochs", passes) if passes is not None and passes >= 1 else ("steps", float(steps))
    more = f"{max(1, round(low * whole)):,} to {max(1, round(high * whole)):,} more {unit}"
    if high >= MOST:
        more = f"{max(1, round(low * whole)):,} more {unit} or longer"
    bounds = sorted((form.last - _gain(form, gained, errors) for errors in (-2.0, 2.0)), reverse=True)
    expect = f"A loss of about {form.last - gain:.3g} (between {bounds[1]:.3g} and {bounds[0]:.3g}) after as many steps again."
    return Remedy(f"Train for {more}", "epochs = 2 * epochs  # and stretch the schedule", expect)


def _worth_running(form: Shape, gained: float, errors: float) -> float:
    """Further runs of this length, at most `MOST`, until a third of one brings less than a hundredth of all progress."""
    late = max(form.late_fall + errors * form.late_error, 1e-12)
    decay = _decay(gained, late)
    if late < LITTLE * gained:
        return 0.0
    return min(MOST, math.log(LITTLE * gained / late) / math.log(decay) / 3) if decay < 1 else MOST
