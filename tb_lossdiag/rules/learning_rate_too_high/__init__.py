"""# Learning rate too high

## What you see

The loss jumps, swings, rises or becomes NaN, often within the first steps; or it leaps up once and then stays flat, because that one
leap has switched the network off; or it stops at what guessing by frequency reaches, and the network says the same of every sample; or it
falls for a while and then goes back to a blind guess, in training as in validation.

## Why it happens

Each step goes past the bottom of the valley that it aims for and lands higher up on the other side. Then the next
gradient points back: consecutive gradients oppose each other, and the steps are large beside the weights themselves.

## What to do

Lower the learning rate by the factor named; warm it up over the first few hundred steps; clip the gradient norm if
only rare steps are too large.

## When this is wrong

A loss that jitters with consecutive gradients at right angles is noise of small batches. A single spike is a bad batch. Large steps
right at the edge of stability are healthy as long as the loss falls: a language model or a linear classifier may be
trained with steps of a tenth of its weights, and their gradients clipped. Where a good part of the first loss is gone and has stayed
away, large steps are worth a remark and no more. A NaN all at once, long after the steps have become small, has another reason.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from tb_lossdiag.finding import REMARK, Finding, Remedy, Severity, about, confidence, percent
from tb_lossdiag.rule import rule
from tb_lossdiag.rules.learning_rate_too_high import harm, recipes, ruin, sizes
from tb_lossdiag.rules.learning_rate_too_high.harm import KEPT, STUCK
from tb_lossdiag.rules.learning_rate_too_high.ruin import BEYOND, LATE, MOST
from tb_lossdiag.rules.learning_rate_too_high.sizes import EARLY, LEAST, RATIO, Steps
from tb_lossdiag.series import Layers, Series
from tb_lossdiag.signals.limits import Limit
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.optimizer import Optimizer
from tb_lossdiag.signals.structure import LossFunction, Modules, Parameters
from tb_lossdiag.signals.told import shaken
from tb_lossdiag.signals.updates import scale_free

WILD = 0.6  # update / weights that is certain: weights replaced by half at every step
PINNED = 0.7  # taken off where the network was switched off before the first step
SHAKEN = 0.4  # taken off where BatchNorm's statistics are of a handful of samples, which shakes the network at any rate
USUAL = 0.022  # the middle of sound trainings, where the optimizer is not known
BACK = -0.15  # what is left of a gradient after its own step: below zero the step went too far
FAR = -0.6
# last level of a handful of steps that lead down, over the first, and standard errors above the best
FALLS, WITHIN = 0.8, 3.0
BEGINS = 25  # steps of a run that goes on, after which large ones may have done lasting harm
ALL_LOST = 0.85  # how sure a loss makes us that gives back all that was gained
PLAIN = 0.75  # harm that nobody would argue about
HARMS = 0.4  # weights of harm, and of its absence, beside the steps' size: large steps that help are healthy
HELPS = 0.7
MOSTLY = 0.5  # of the largest steps that lasted, which is lost in the size of the weights
SHRUNK = 0.3  # of the largest steps that lasted, and of the usual ones
WEIGHTS = {"weight", "recurrent"}
GROWING = (
    0.5  # of the looks, in which weights that all begin at zero have hardly any size for a step to be compared with
)
MILD = 2.5  # times too high, told by what steps leave of a gradient alone: noise does that, too, where there is nothing to learn


HANDFUL = 4  # weights, biases among them


@rule(
    cause="The steps are too large: the optimizer overshoots.",
    stage="train",
    severity="error",
    by_steps=True,
    remedies=(
        Remedy("Lower the learning rate by 3 to 10 times"),
        Remedy("Warm the learning rate up", "torch.optim.lr_scheduler.LinearLR(optimizer, 0.01, total_iters=500)"),
    ),
    explains=(
        "class-imbalance",
        "exploding-gradient",
        "non-finite-values",
        "dead-units",
        "saturated-units",
        "vanishing-gradient",
        "learning-rate-too-low",
        "learning-rate-not-decayed",
        "uninformative-features",
        "insufficient-capacity",
        "undertrained",
        "batch-too-small",
    ),
)
def learning_rate_too_high(
    update_ratio: Series,
    train_loss: Series,
    train_shape: Shape | None = None,
    step_response: Series | None = None,
    lr: Series | None = None,
    optimizer: Optimizer | None = None,
    usual_update: float = USUAL,
    best_update: float = USUAL,
    saturated_share: Layers | None = None,
    modules: Modules | None = None,
    batch_size: int | None = None,
    eval_shape: Shape | None = None,
    loss_left: float | None = None,
    dead_share: Layers | None = None,
    model_count: int | None = None,
    finished: bool | None = None,
    mute_since: int | None = None,
    cut_off: Mapping[str, int] | None = None,
    parameters: Parameters | None = None,
    loss_function: LossFunction | None = None,
    output_limit: Limit | None = None,
    shrinking: float | None = None,
) -> Finding | None:
    """Steps that are large beside the weights and go too far, in a run whose loss shows it; or a loss that rises again in training and
    validation; or after which the network says the same of every sample; or large steps that silenced most units of a layer, which is
    worth a remark.
    """
    if optimizer is not None and optimizer.searches:  # no step that it takes makes the loss higher
        return None
    settled = optimizer.settled(update_ratio) if optimizer is not None else update_ratio
    steps = Steps(
        sizes.lasting(_telling(settled, parameters or (), train_shape)),
        update_ratio,
        step_response,
        train_loss,
        lr,
        optimizer,
        best_update,
    )
    known = harm.before(train_loss, update_ratio, usual_update)
    floor = loss_function is None or loss_function.has_floor
    shown = harm.shown(known, train_shape, floor=floor)
    fell = train_shape is not None and harm.fell_for_good(known, train_shape)
    sure = _too_far(steps, usual_update, shown, loss_left)
    sure -= PINNED * _pinned_before(saturated_share) + SHAKEN * shaken(modules, batch_size)
    if 0.5 < sure < PLAIN and loss_left is not None and loss_left > KEPT and ruin.silenced(dead_share or {}):  # noqa: PLR2004
        sure = PLAIN  # nothing is learnt, and layers are dead: what large steps leave behind
    lost = ruin.at_once(steps, alone=model_count is None or model_count == 1)
    thrown = ruin.thrown(steps, dead_share or {}, loss_left)
    if sure > 0.5 and shown > 0 and len(update_ratio):  # noqa: PLR2004
        # a weight decay's steps, with hardly a gradient beside them
        wither = shrinking is not None and shrinking > MOSTLY * steps.ratio
        if fell or wither or _have_shrunk(steps, dead_share or {}, modules or ()):
            return thrown or _harmless(steps, fell=fell, wither=wither)
        if lost is None or sure >= REMARK:
            return _overshooting(steps, sure, goes_on=finished is False or _falls(train_shape))
    if lost is not None or thrown is not None:
        return lost or thrown
    again = 0.0
    if loss_left is not None:
        planned = optimizer is not None and lr is not None and optimizer.idle_schedule(lr)  # the rate was to be lowered
        again = harm.lost_again(train_shape, eval_shape) if steps.ratio > usual_update and not planned else 0.0
        again = max(again, ALL_LOST if loss_left > KEPT and harm.all_lost(train_shape, eval_shape) else 0.0)
    if again > 0.5 and train_shape is not None and eval_shape is not None:  # noqa: PLR2004
        summary = (
            f"What was learnt is lost again: the training loss rises from {train_shape.best:.3g} to {train_shape.last:.3g}, and validation with it, "
            f"from {eval_shape.best:.3g} to {eval_shape.last:.3g}."
        )
        factor = max(steps.ratio / best_update, LEAST)
        return steps.finding(summary, again, factor, since=int(train_shape.best_step))
    rectified = output_limit is not None and output_limit.low == 0  # nothing comes back from an output at its lower end
    over = ruin.ended(steps, cut_off or {}, parameters or ()) if not rectified else None
    whole = None if _pinned_before(saturated_share) else ruin.mute(steps, mute_since) or over or ruin.leapt(steps)
    off = ruin.switched_off(steps, usual_update, whole, dead_share or {}, loss_left)
    return off or recipes.beyond_recipes(steps, modules or (), parameters or (), loss_left)


def _telling(ratios: Series, parameters: Parameters, form: Shape | None) -> Series:
    """The update ratios that tell of steps that are too large: of weights that begin at nothing the later ones, and none of a model that is a weight or
    two, as long as its loss does not rise: what those began with says nothing of how far they have to go.
    """
    handful = 0 < sum(each.numel for each in parameters) <= HANDFUL
    fine = form is not None and form.last <= form.first
    skipped = len(ratios) if handful and fine else round(GROWING * len(ratios)) if _from_nothing(parameters) else 0
    return Series(ratios.steps[skipped:], ratios.values[skipped:]) if skipped else ratios


def _from_nothing(parameters: Parameters) -> bool:
    """Whether all weights begin at zero, as those of a linear model may."""
    weights = [each for each in parameters if each.kind in WEIGHTS]
    return bool(weights) and all(each.init_abs_max == 0 for each in weights)


def _harmless(steps: Steps, *, fell: bool, wither: bool) -> Finding:
    """Large steps that hold no loss up, or are no gradient's."""
    factor = _times(steps, fell=fell)
    told = _withering(steps.ratio) if wither else ruin.remark(factor, steps.ratio)
    return steps.finding(told, REMARK, factor, since=steps.since, severity="info")


def _overshooting(steps: Steps, sure: float, *, goes_on: bool) -> Finding:
    """Steps that are too large, in a run whose loss shows it."""
    factor, loss = _times(steps, fell=False), steps.loss
    ends = bool(np.isfinite(loss.values[-1]))
    small = bool((steps.ratios.values[:EARLY] < RATIO).all())  # none of them, not the first either, is large
    mild = factor < MILD and small and ends
    begins = goes_on and loss.steps[-1] < BEGINS and ends
    perhaps = sure < REMARK and not ends  # large steps are the usual reason, not the only one
    severity: Severity | None = "info" if mild or begins or perhaps else None
    sure = REMARK if perhaps else min(sure, 0.99)
    return steps.finding(_summary(factor, steps.ratio, loss), sure, factor, since=steps.since, severity=severity)


def _falls(shape: Shape | None) -> bool:
    """Whether the loss is well below its start, and has not been lower."""
    return shape is not None and shape.last < FALLS * shape.first and not shape.rise > WITHIN * shape.error


def _times(steps: Steps, *, fell: bool) -> float:
    """How many times the rate is too high; where gradients are clipped a rate above all others may be right."""
    return steps.factor if fell else max(steps.factor, steps.beyond_all)


def _have_shrunk(steps: Steps, dead: Layers, modules: Modules) -> bool:
    """Whether the steps have long since made themselves small, and have silenced nothing: these hold no loss up any more.

    Adagrad's do so, and those of weights whose size does not matter, for each makes them longer (Arora, Li and Lyu 2018, arXiv 1812.03981).
    """
    if steps.optimizer is not None and steps.optimizer.type == "Adagrad":
        ratios = steps.ratios
    elif scale_free(modules):
        ratios = steps.at_highest_rate
    else:
        return False
    late = float(np.median(ratios.tail(LATE))) if len(ratios) else math.nan
    return late < SHRUNK * min(steps.ratio, steps.best) and not ruin.silenced(dead)


def _too_far(steps: Steps, usual: float, harm: float, left: float | None) -> float:
    """How sure the size of the steps and what they leave of a gradient make us, weighed with the harm that the loss shows."""
    if left is not None and left < STUCK and steps.stop_short:
        return 0.0
    doubtful = max(RATIO, BEYOND * usual)
    large = confidence(math.log(max(steps.ratio, 1e-12)), doubtful=math.log(doubtful), certain=math.log(WILD))
    beyond = confidence(steps.response, doubtful=BACK, certain=FAR) if steps.ratio > USUAL else 0.0
    agree = min(large, beyond) > 0.5 and harm > PLAIN  # noqa: PLR2004  (as sure as not)
    return max(large, beyond) + 0.15 * agree + (HELPS if harm < 0.5 else HARMS) * (harm - 0.5)  # noqa: PLR2004


def _pinned_before(share: Layers | None) -> bool:
    """Whether most units of a layer were at their limits before the first step: no step has brought them there."""
    return any(len(each) and each.values[0] > MOST for each in (share or {}).values())


def _withering(ratio: float) -> str:
    share = percent(min(ratio, 9.99))
    return f"Steps change the weights by {share} each, and more than half of that makes them smaller: that is a weight decay's doing."


def _summary(factor: float, ratio: float, loss: Series) -> str:
    bad = np.flatnonzero(~np.isfinite(loss.values))
    outcome = f"the loss is NaN since step {loss.steps[bad[0]]:,}" if len(bad) and bad[-1] == len(loss) - 1 else ""
    if not outcome:
        outcome = f"the first steps changed the weights by {percent(min(ratio, 9.99))} each"
    return f"The learning rate is {about(factor)} times too high: {outcome}."
