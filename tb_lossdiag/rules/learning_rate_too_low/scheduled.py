"""Schedules that end a training before it has begun or while it still goes on, begin anew, or are longer than the run."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tb_lossdiag.evidence import Curve, Evidence, Line, Mark
from tb_lossdiag.finding import Finding, Remedy
from tb_lossdiag.rules.learning_rate_too_low.progress import GOING, SURE
from tb_lossdiag.series import Series
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.optimizer import Optimizer
from tb_lossdiag.signals.schedule import Schedule

__all__ = ["MOST", "SHORT", "amiss", "never_warm"]

SHORT = 1.0  # update / weights, added up over all steps: with 1 weights can just move by their own size; sound runs: 0.8 to 5
MOST = 0.7  # most of the loss is left
ALSO = 1.0  # standard errors of the late fall in training, where validation, which is less noisy, says so too
# share of the largest learning rate that is none, and of the loss that is left: below it nobody minds
ZERO, DONE = 1e-6, 0.05
NOTHING, MOSTLY = 0.01, 0.5  # share of the largest learning rate with which nothing happens, for so much of the run
KILLED = 0.99  # by definition: no step after it does anything
NEVER_WARM = 0.85  # how sure a warm-up makes us that is longer than the run
CUT = 0.1  # share of the loss that is left where a schedule ends a training that still went on
CUT_SHORT = 0.85  # how sure that makes: a loss may fall a little further on its way to a floor
RESTARTS = 3  # warm-ups one after the other, each of which is cut off
STILL = 5  # losses in a third of what was before a schedule took the rate down: with fewer nobody can tell whether they fell


def amiss(
    schedule: Schedule | None,
    train: Shape,
    left: float | None,
    travel: float | None,
    optimizer: Optimizer | None,
    losses: tuple[Series | None, Series | None],
) -> Finding | None:
    """A schedule that ends training before it began, or while it still went on; or that begins anew."""
    if schedule is None:
        return None
    last = int(train.level.steps[-1])
    alive = _others_alive(optimizer)
    died, stopped = (None if alive else _died(schedule, last, least) for least in (NOTHING, ZERO))
    if died is not None and (left is None or left > MOST) and travel is not None and travel < SHORT:
        return _killed(died, schedule, train)
    if left is None:  # nobody knows what a blind guess costs
        return None
    if stopped is not None and left > DONE:
        return _switched_off(stopped, train, schedule)
    if died is not None and left > CUT and _fell_until(schedule, *losses):
        return _cut_short(died, schedule, train)
    return _begins_anew(schedule, train) if left > CUT and schedule.ramps >= RESTARTS else None


def _others_alive(optimizer: Optimizer | None) -> bool:
    """Whether other parameters still have a learning rate, when that of the first group is gone."""
    return optimizer is not None and any(float(each.get("lr") or 0.0) > 0 for each in optimizer.groups[1:])


def _died(schedule: Schedule, last: int, nothing: float) -> int | None:
    """The step from which on a schedule leaves at most such a share of the learning rate, where that is most of the run."""
    died = schedule.died(nothing)
    return died if died is not None and last - died > MOSTLY * (last - int(schedule.rates.steps[0])) else None


def _rate_and_loss(schedule: Schedule, form: Shape, *marks: Mark) -> list[Evidence]:
    """What the schedule did, and what became of the loss."""
    rate = [Line("learning rate", "observed", schedule.rates)]
    return [
        Curve("Learning rate", rate, "learning rate", list(marks), "log" if marks else "linear"),
        Curve("Training loss, smoothed", [Line("train", "observed", form.level)], "loss"),
    ]


def _switched_off(since: int, form: Shape, schedule: Schedule) -> Finding:
    """A rate of zero, as a schedule whose factor is 0 leaves it."""
    last = int(form.level.steps[-1])
    return Finding(
        summary=f"The learning rate is 0 from step {since:,} on, of {last:,}: nothing is learnt any more.",
        confidence=KILLED,
        since=since,
        evidence=_rate_and_loss(schedule, form),
        remedies=(
            Remedy(
                "Look at the factor of the schedule: a gamma of 0 ends the training at the first milestone, one of 1 leaves the rate as it is",
                "torch.optim.lr_scheduler.StepLR(optimizer, step_size, gamma=0.1)",
                "A loss that goes on falling after that step.",
            ),
        ),
    )


def _killed(died: int, schedule: Schedule, form: Shape) -> Finding:
    """A schedule that was meant to count epochs and counts steps, as a rule."""
    return Finding(
        summary=f"The schedule leaves less than a hundredth of the learning rate of {schedule.highest:g} from step {died:,} on, of {int(form.level.steps[-1]):,}: "
        "training ends before it has begun.",
        confidence=KILLED,
        since=0,
        evidence=_rate_and_loss(schedule, form, Mark("level", "a hundredth", NOTHING * schedule.highest)),
        remedies=(
            Remedy(
                "Call scheduler.step() once an epoch rather than once a batch, or give the schedule the number of steps of the run",
                "for epoch in range(epochs):\n    train_one_epoch()\n    scheduler.step()",
                "A learning rate that stays near its largest value for a good part of the run.",
            ),
        ),
    )


def _begins_anew(schedule: Schedule, form: Shape) -> Finding:
    """A warm-up that counts the steps of an epoch, where it should count those of the run."""
    first = schedule.falls[0]
    return Finding(
        summary=f"The warm-up begins anew at step {first:,}, and {schedule.ramps:,} times in all: the learning rate never gets beyond {schedule.highest:.2g}.",
        confidence=CUT_SHORT,
        since=first,
        evidence=_rate_and_loss(schedule, form),
        remedies=(
            Remedy(
                "Give the schedule the steps of the whole run, not those of the epoch",
                "step = epoch * len(train_loader) + batch",
                "A rate that rises once, and stays.",
            ),
        ),
    )


def _fell_until(schedule: Schedule, train: Series | None, evaluation: Series | None) -> bool:
    """Whether the training loss still fell when a schedule first took most of the rate away, and validation went on with it."""
    cut = schedule.cut
    if cut is None or train is None:
        return False
    earlier, later = _thirds(train, cut)
    before, after = _thirds(evaluation, cut) if evaluation is not None else (np.empty(0), np.empty(0))
    if min(len(earlier), len(later)) < STILL or (evaluation is not None and not (len(before) and len(after))):
        return False
    error = math.hypot(*(float(each.std()) / math.sqrt(len(each)) for each in (earlier, later)))
    surely = (SURE if evaluation is None else ALSO) * error
    falls = earlier.mean() - later.mean() > max(surely, GOING * abs(earlier.mean()))
    return bool(falls) and (evaluation is None or bool(before.min() - after.min() > GOING * abs(before.min())))


def _thirds(curve: Series, until: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The values of the second and of the last third before this step."""
    known = curve.finite()
    begin = int(known.steps[0]) if len(known) else 0
    bounds = np.searchsorted(
        known.steps, [begin + (until - begin) / 3, begin + 2 * (until - begin) / 3, until], side="right"
    )
    return known.values[bounds[0] : bounds[1]], known.values[bounds[1] : bounds[2]]


def _cut_short(died: int, schedule: Schedule, form: Shape) -> Finding:
    """A schedule that waits for something that does not come, or for too little of it."""
    return Finding(
        summary=f"The schedule has taken the learning rate of {schedule.highest:g} to a hundredth by step {died:,}, of {int(form.level.steps[-1]):,}, though the loss "
        "still fell: hardly anything is learnt after that.",
        confidence=CUT_SHORT,
        since=died,
        evidence=_rate_and_loss(schedule, form, Mark("level", "a hundredth", NOTHING * schedule.highest)),
        remedies=(
            Remedy(
                "Look at what the schedule waits for: ReduceLROnPlateau needs mode='min' for a loss and mode='max' for an accuracy, and more patience",
                "torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode='min', patience=10)",
                "A rate that goes down only where the loss has stopped falling.",
            ),
        ),
    )


def never_warm(schedule: Schedule, form: Shape, ratio: float) -> Finding:
    """A warm-up that is longer than the run."""
    return Finding(
        summary=f"The run ends before its warm-up does: the learning rate still rises at the end, to {schedule.last:.2g}, and a step changes the weights by "
        f"{ratio:.2g} of their size at most.",
        confidence=NEVER_WARM,
        since=0,
        evidence=_rate_and_loss(schedule, form),
        remedies=(
            Remedy(
                "Warm up for a tenth of the steps at most, or raise the rate that it leads to",
                "torch.optim.lr_scheduler.LinearLR(optimizer, 0.01, total_iters=steps // 20)",
                "A learning rate that reaches its largest value early, and a loss that falls faster from then on.",
            ),
        ),
    )
