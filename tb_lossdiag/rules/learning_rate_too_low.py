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
from numpy.typing import NDArray

from tb_lossdiag.evidence import Curve, Evidence, Line, Mark
from tb_lossdiag.finding import Finding, Remedy, about, confidence
from tb_lossdiag.rule import Lacking, rule
from tb_lossdiag.series import Series, middle
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.optimizer import Optimizer
from tb_lossdiag.signals.schedule import Schedule
from tb_lossdiag.signals.structure import Parameters

RATIO = 3e-3  # largest update / weights that lasts: sound trainings from scratch reach 3e-3 to 8e-2 ...
TINY = 4e-4  # ... and one that never gets here needs tens of thousands of steps to move its weights by their own size
USUAL = 0.022  # the middle of sound trainings, where the optimizer is not known
SHORT = 1.0  # update / weights, added up over all steps: with 1 weights can just move by their own size; sound runs: 0.8 to 5
SHORTEST = 0.3
SLOW = 0.5  # of the usual steps: with larger ones such a run was short rather than slow
LEFT = 0.25  # share of the loss that is left: below it the run got somewhere
MOST = 0.7  # most of the loss is left
FALLING = 0.15  # of all progress, made in the last third: the loss still falls as it did at first
GOING = 0.03  # of all progress, made in the last third: with less the run has arrived, however small its steps
TOGETHER = 3  # steps whose median counts: a single large step is a bad batch
TRIED = 100  # steps: before them any run has come a short way only ...
LONG = 200  # ... and before these a recurrent network at a usual rate may still be on its first plateau: no alarm
NEVER = 0.89  # a short way may have been all there was to go
BELOW = (
    0.3  # of the usual steps: fewer than one in a hundred sound runs from scratch whose loss was not done stay below
)
FAR = 0.145
STANDS = 0.1  # the same, of weights that are where they were drawn
SPENT = 1.6  # update / weights, added up: with more the weights went as far as in sound runs, by smaller steps
LEARNT = 0.9  # share of the loss that is left: above it, and with no fall to be seen, nothing says that steps help
SOME = 0.03  # share of the loss that is left: sound runs that leave more have a floor, or a gap, or went further
BLIND = (
    1.1  # the same, where steps still go one way: a network may come down from far above to what a blind guess reaches
)
GAP = 0.1  # between validation and training, of what validation gained: a network that memorises has had steps enough
PATIENT = 3.0  # further runs of this length, at the late pace, until half of what is left is gone: with fewer the run is young rather than slow
UNSURE = 0.7  # most networks with batch normalisation are trained with steps far below the best
REMARKED = 0.75  # what is known from the size of the steps alone, and is less sure, is only worth a remark
SURE = 3.0  # standard errors of the late fall, in training or validation: steps that go the right way
ALSO = 1.0  # the same in training where validation, which is less noisy, says so too
ABOVE = 1.5  # first loss as a share of a blind guess's: above it weights or targets are large, and steps are small beside them
BEGUN = 0.7  # first loss as a share of a blind guess's: below it the network is fine-tuned, with small steps on purpose
RISEN = 0.1  # last loss above the first, as a share of it
ZERO, DONE = (
    1e-6,
    0.05,
)  # share of the largest learning rate that is none, and of the loss that is left: below it nobody minds
NOTHING, MOSTLY = 0.01, 0.5  # share of the largest learning rate with which nothing happens, for so much of the run
KILLED = 0.99  # by definition: no step after it does anything
NEVER_WARM = 0.85  # how sure a warm-up makes us that is longer than the run
CUT = 0.1  # share of the loss that is left where a schedule ends a training that still went on
CUT_SHORT = 0.85  # how sure that makes: a loss may fall a little further on its way to a floor
RESTARTS = 3  # warm-ups one after the other, each of which is cut off
STILL = 5  # losses in a third of what was before a schedule took the rate down: with fewer nobody can tell whether they fell
AIMLESS = 0.1  # cosine of consecutive gradients: below it steps go nowhere, large or small
AGREE = 0.7  # cosine of consecutive gradients: above it steps go one way, whatever the loss makes of it
AGAINST = -0.15  # cosine of consecutive gradients: below it the steps are too large, if anything
NEARLY = 1.25  # level by then over the last one
MANY, DRAWN = (
    32,
    2.1,
)  # biases of a layer; largest over their standard deviation: 1.73 where they are drawn evenly, with few a little off
BETTER = 0.7  # second evaluation over the first
GONE = 0.05  # norm of the gradient in the end over that of the first steps
LIVE = 31.0  # times too low, below which a run that goes on may yet get there in its own time
SOON, BY_THEN, FELL = (
    (0.12, 0.25),
    0.8,
    0.2,
)  # part of the run by which such a share of all that is ever gained was gained; and that as a share of the first loss


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
) -> Finding | None:
    """Steps that stay small all along, each of them or all together, in a run with most of its loss left; or small beside the
    usual ones, in a run that went a short way and has not begun to memorise; or a schedule that ends training before it began,
    or a training that ends before its schedule has begun.
    """
    scheduled = _scheduled(schedule, train_shape, loss_left, travel, optimizer, (train_loss, eval_loss))
    if scheduled is not None:
        return scheduled
    if loss_left is None:
        raise Lacking("loss_left")
    if fastest_updates is not None:  # part of the network is held back on purpose, as one that was trained before
        update_ratio, travel = fastest_updates, None
    ratio = _largest(update_ratio)
    opposed = grad_cosine is not None and middle(grad_cosine.values) < AGAINST
    first = train_shape.first + train_shape.noise  # as far as the first batches tell
    begun = loss_left * first / train_shape.last if train_shape.last > 0 else 1.0
    steps = int(train_shape.level.steps[-1] - train_shape.level.steps[0]) + 1
    arrived = _soon_flat(train_shape) or _nothing_left(grad_norm, train_shape)
    if not ratio > 0 or opposed or begun < BEGUN or _rises(train_shape) or arrived:
        return None
    if schedule is not None and schedule.warming_up:
        slow = steps >= TRIED and loss_left > LEFT and ratio < RATIO
        return _never_warm(schedule, train_shape, ratio) if finished and slow else None
    went = travel is not None and travel > SPENT
    small = 0.0 if went else confidence(math.log(ratio), doubtful=math.log(RATIO), certain=math.log(TINY))
    helps = _helps(train_shape, eval_shape)
    along = grad_cosine is not None and middle(grad_cosine.values) > AGREE and helps
    going = along or (helps and any(_goes_on(each) for each in (train_shape, eval_shape) if each is not None))
    turning = any(each.of_weight_norm for each in parameters or ())  # how far a step turns its directions is not known
    way = _way(travel) if ratio < SLOW * USUAL and begun < ABOVE and going and not turning else 0.0
    stands = travel is not None and travel < STANDS  # wherever the steps go
    aimless = grad_cosine is not None and abs(middle(grad_cosine.values)) < AIMLESS
    young = steps < LONG or not _crawls(train_shape, eval_shape)
    if steps < TRIED:
        way, small = 0.0, small if ratio < TINY else 0.0
    sure, beside = 0.0, 0.0
    if max(small, way) > 0.5 and loss_left > LEFT:  # noqa: PLR2004  (as sure as not)
        steady = train_shape.late_fall > FALLING * train_shape.fall
        more = 0.1 * (1 + (loss_left > MOST) + steady)
        sure = min(max(small + more if small > 0.5 else 0.0, min(way + more, NEVER)), 0.99)  # noqa: PLR2004
    held = going or any(_held(each, schedule) for each in (train_shape, eval_shape) if each is not None)
    scratch = (SOME if held else LEFT) < loss_left < (BLIND if along else 1 if helps else LEARNT)
    once = young and loss_left < LEFT and _seen_once_or_twice(eval_loss)
    far = travel is not None and travel < SPENT and not _went_on(train_shape, eval_shape)
    if scratch and far and steps >= TRIED and not once:
        least = UNSURE if turning else NEVER
        beside = max(min(_far(ratio / usual_update), least), min(_far(ratio / best_update), UNSURE))
    if max(sure, beside) > 0.5:  # noqa: PLR2004
        factor = _raised(best_update / ratio, schedule, optimizer)
        return Finding(
            summary=f"The learning rate is {about(factor)} times too low: a step changes the weights by {ratio:.2g} of their size.",
            confidence=max(sure, beside),
            severity="info"
            if young
            or _trained_before(parameters or ())
            or (finished is False and factor < LIVE)
            or (aimless and not helps and not stands)
            or (sure == 0 and (beside < REMARKED or loss_left < LEFT or not going))
            else None,
            since=0,
            evidence=_evidence(update_ratio, grad_cosine, train_shape, best_update),
            remedies=_remedies(factor, schedule, optimizer, best_update),
            factor=1 / factor,
        )
    return None


def _seen_once_or_twice(evaluations: Series | None) -> bool:
    """Whether the training ended after an epoch or two, the second far better than the first: it is steps that it lacks."""
    values = evaluations.finite().values if evaluations is not None else np.empty(0)
    return len(values) == 2 and bool(values[1] < BETTER * values[0])  # noqa: PLR2004


def _soon_flat(form: Shape) -> bool:
    """Whether most of what was gained was gained early, and nothing since: steps of the same size got there, and went on for long."""
    levels = form.level.values
    early = levels[int(SOON[0] * len(levels)) : int(SOON[1] * len(levels))]
    gained = form.first - form.last
    if not len(early) or gained < FELL * abs(form.first):
        return False
    then = float(np.median(early))
    return form.first - then > BY_THEN * gained and then < NEARLY * form.last and form.late_fall < form.late_error


def _trained_before(parameters: Parameters) -> bool:
    """Whether the biases had left the even spread that torch draws them with, or their zeros, when the training began: small steps may be meant then."""
    known = [each for each in parameters if each.kind == "bias" and each.numel >= MANY and each.init_std]
    return bool(known) and all((each.init_abs_max or 0.0) > DRAWN * (each.init_std or 0.0) for each in known)


def _nothing_left(gradient: Series | None, form: Shape) -> bool:
    """Whether the gradient has all but gone, and the loss with it stands: steps that were too small would have left it what it was."""
    known = gradient.finite().values if gradient is not None else np.zeros(0)
    if len(known) < TRIED // 2:
        return False
    gone = np.median(known[-len(known) // 5 :]) < GONE * np.median(known[:TOGETHER])
    return bool(gone) and form.late_fall < SURE * form.late_error


def _scheduled(
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


def _far(share: float) -> float:
    """How sure steps make us that are so many times as large as others are."""
    return confidence(math.log(share), doubtful=math.log(BELOW), certain=math.log(FAR))


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


def _way(travel: float | None) -> float:
    """How sure that all steps together were too short a way."""
    if travel is None or not travel > 0:
        return 0.0
    return confidence(math.log(travel), doubtful=math.log(SHORT), certain=math.log(SHORTEST))


def _crawls(train: Shape, evaluation: Shape | None) -> bool:
    """Whether the run would have to go on for long at its late pace, that of training or of validation, to get rid of half of what is left."""
    paces = [
        0.5 * each.last / (3 * each.late_fall)
        for each in (train, evaluation)
        if each is not None and each.late_fall > max(SURE * each.late_error, 0.0)
    ]
    return min(paces, default=math.inf) > PATIENT


def _helps(train: Shape, evaluation: Shape | None) -> bool:
    """Whether the loss still falls, in training or, which is less noisy, in validation; and does not rise in either."""
    falls = [each.late_fall / max(each.late_error, 1e-300) for each in (train, evaluation) if each is not None]
    turned = evaluation is not None and evaluation.rise > 2 * evaluation.error
    return max(falls) > SURE and min(falls) > -SURE and not turned


def _goes_on(form: Shape) -> bool:
    """Whether the last third of the run has brought a part of all progress that is worth a word, and no chance."""
    return form.late_fall > max(SURE * form.late_error, GOING * form.fall)


def _held(form: Shape, schedule: Schedule | None) -> bool:
    """Whether the loss still fell when a schedule took the rate down: in the last third of the way, as learning rates added up measure it."""
    if schedule is None or not schedule.lowered:
        return False
    steps = form.level.steps
    rates = np.interp(steps, schedule.rates.steps, schedule.rates.values)
    way = np.concatenate([[0.0], np.cumsum(np.diff(steps) * (rates[1:] + rates[:-1]) / 2)])
    before = np.flatnonzero(way >= 2 / 3 * way[-1])[0]
    around = form.level.values[max(0, before - 1) : before + 2]
    return bool(np.median(around) - form.last > max(SURE * form.error, GOING * form.fall))


def _went_on(train: Shape, evaluation: Shape | None) -> bool:
    """Whether the loss rises late, or the network has begun to memorise: then larger steps are not what it lacks."""
    if train.late_fall < -SURE * train.late_error:
        return True
    if evaluation is None:
        return False
    gap = evaluation.last - train.last > GAP * evaluation.fall
    return gap or evaluation.late_fall < -SURE * evaluation.late_error


def _rises(form: Shape) -> bool:
    """Whether the loss ends above where it began: then larger steps would only take it there sooner, or it is no measure of progress."""
    return form.last - form.first > max(SURE * form.error, RISEN * abs(form.first))


def _never_warm(schedule: Schedule, form: Shape, ratio: float) -> Finding:
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


def _now(schedule: Schedule | None, optimizer: Optimizer | None) -> float:
    """The learning rate, or 0 where it is not known."""
    now = schedule.highest if schedule is not None else None
    if now is None and optimizer is not None and optimizer.groups:
        now = float(optimizer.groups[0].get("lr") or 0.0)
    return now or 0.0


def _raised(factor: float, schedule: Schedule | None, optimizer: Optimizer | None) -> float:
    """The factor, to a learning rate that is worth a try: on a first plateau steps are small because gradients are, and tell less."""
    now = _now(schedule, optimizer)
    highest = optimizer.highest if optimizer is not None else factor * now
    return min(factor, highest / now) if 0 < now < highest else factor


def _remedies(
    factor: float, schedule: Schedule | None, optimizer: Optimizer | None, usual: float
) -> tuple[Remedy, ...]:
    now = _now(schedule, optimizer)
    expect = f"An update ratio near {usual:g}, and a loss that falls several times faster."
    if not now:
        return (Remedy(f"Raise the learning rate by {about(factor)} times", "", expect),)
    name = optimizer.type if optimizer is not None else "SGD"
    code = f"torch.optim.{name}(model.parameters(), lr={now * factor:.1g})"
    if optimizer is not None and now * factor >= optimizer.highest:
        action = f"Raise the learning rate from {now:g} to {now * factor:.1g}, and look again: hardly any training wants more"
        return (Remedy(action, code, expect),)
    return (Remedy(f"Raise the learning rate from {now:g} to about {now * factor:.1g}", code, expect),)
