"""# Learning rate not decayed

## What you see

After a good start the loss rattles around a level and gets no further. Where the learning rate is cut it falls at once.

## Why it happens

With a constant step size the weights never settle: they swing across the bottom of the valley, as far as a step reaches. Consecutive gradients
point against each other. Or a schedule is there and never comes to lower anything: its milestones count batches and it is stepped once an epoch, or
`scheduler.step()` is not called. Or the rate is written by hand under a name that no optimizer reads, such as `group["learning_rate"]`.

## What to do

Lower the learning rate towards the end: a cosine or step schedule.

## When this is wrong

A loss at the noise floor of the data rattles too, with gradients at right angles to each other. There a smaller learning rate gains little.
Only where the validation loss ends above its best is it more than a remark.
With all data in one batch gradients may oppose each other for long while the loss falls smoothly, step by step: that is no rattling.
"""

from __future__ import annotations

import numpy as np

from tb_lossdiag.evidence import Curve, Evidence, Line, Mark
from tb_lossdiag.finding import REMARK, Finding, Remedy, confidence
from tb_lossdiag.rule import rule
from tb_lossdiag.series import Series, middle
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.optimizer import Optimizer

AGAINST = -0.2  # late cosine of consecutive gradients: pure noise gives 0, swinging across a valley -1
OPPOSED = -0.5
LATE = 0.4  # of the run
CONSTANT = 0.9  # last learning rate as a share of the largest: below it there is a schedule
BRISK = 0.005  # late update / weights: smaller steps cannot be what keeps the loss up
GAINS = 0.15  # of the last level, gained in the last third: that is no standstill, little though it may be beside the first fall
STILL = 0.05  # of all progress, made in the last third: more is not rattling
FALL = 0.2  # share of the first loss: without a good start the learning rate was wrong from the beginning
LEFT = 0.1  # share of the loss that is left: below it there is little to gain
RATTLES = 0.01  # noise of single losses, as a share of the last level: gradients of the whole data set oppose each other at the edge of
# stability while the loss falls step by step (Cohen et al. 2021)
POINTS = 5
TRIED = 100  # steps: sooner a loss that stands still is on its first plateau
FAR = 3.9  # update / weights, added up over all steps: sound runs that end with large steps did not go as far
LARGE = 0.008  # late update / weights of steps that are still large
COSTS = 0.1  # rise of the late validation loss above its best, from which on rattling costs something
SET_UP = 0.65  # that a schedule which never lowers anything is not as it was meant: some choose a constant one
UNREAD = ("learning_rate", "learningrate", "lrate", "LR")  # what torch's optimizers call "lr"
FACT = 0.97  # that a rate which stands where no optimizer reads it was meant for one
SWAYS = 0.02  # rise of the last validation level above the best one, as a share of all that validation gained


@rule(
    cause="The step size keeps the loss from settling: the learning rate is never lowered.",
    stage="train",
    severity="warning",
    remedies=(
        Remedy(
            "Lower the learning rate towards the end",
            "torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=total_steps)",
            "The loss falls once more while the rate does.",
        ),
    ),
)
def learning_rate_not_decayed(
    grad_cosine: Series,
    update_ratio: Series,
    train_shape: Shape,
    loss_left: float,
    lr: Series,
    eval_shape: Shape | None = None,
    travel: float | None = None,
    optimizer: Optimizer | None = None,
    finished: bool | None = None,
) -> Finding | None:
    """Late gradients that oppose each other, under a constant learning rate, with a loss that has stopped falling; else a
    validation loss that sways under steps that stay large, or a schedule that never lowers anything, or whose rate nobody reads.
    """
    unread = _unread(lr, optimizer)
    if unread is not None:
        return unread
    late = grad_cosine.tail(LATE)
    steps = int(train_shape.level.steps[-1] - train_shape.level.steps[0]) + 1
    if len(late) < POINTS or steps < TRIED or not len(update_ratio) or not len(lr):
        return None
    cosine, ratio = middle(late), middle(update_ratio.tail(LATE))
    constant = lr.values[-1] >= CONSTANT * lr.finite().values.max(initial=0.0)
    settled = abs(train_shape.late_fall) < STILL * train_shape.fall and train_shape.fall > FALL * abs(train_shape.first)
    settled &= train_shape.late_fall < GAINS * abs(train_shape.last)
    rattles = train_shape.noise > RATTLES * abs(train_shape.last)
    if cosine < AGAINST and ratio > BRISK and constant and settled and rattles and loss_left > LEFT:
        marks = [Mark("level", "pure noise", 0.0), Mark("level", "swings across the valley", AGAINST)]
        evidence: list[Evidence] = [
            Curve("Agreement of consecutive gradients", [Line("cosine", "observed", grad_cosine)], "cosine", marks),
            Curve("Training loss, smoothed", [Line("train", "observed", train_shape.level)], "loss"),
            Curve("Learning rate", [Line("lr", "observed", lr)], "learning rate"),
        ]
        return Finding(
            summary=f"The loss rattles at {train_shape.last:.3g}: late gradients point against each other (cosine {cosine:.2f}).",
            confidence=confidence(cosine, doubtful=AGAINST, certain=OPPOSED),
            since=int(train_shape.best_step),
            # the end may be yet to come, where the rate is to be lowered; and only validation, which no batch's noise moves, tells the cost
            severity=None if finished is not False and eval_shape is not None and _costs(eval_shape) else "info",
            evidence=evidence,
        )
    never = _never_comes(lr, optimizer) if finished and constant else None
    if never is not None:
        return never
    far = travel is not None and travel > FAR and ratio > LARGE and constant
    if far and eval_shape is not None and eval_shape.rise > SWAYS * eval_shape.fall:
        return Finding(
            summary=f"The learning rate is never lowered, and the validation loss sways: it ends at {eval_shape.last:.3g} after a best of "
            f"{eval_shape.best:.3g}.",
            confidence=REMARK,
            since=int(eval_shape.best_step),
            severity="info",
            evidence=[
                Curve("Validation loss", [Line("validation", "observed", eval_shape.level)], "loss"),
                Curve("Learning rate", [Line("lr", "observed", lr)], "learning rate"),
            ],
        )
    return None


def _costs(evaluation: Shape) -> bool:
    """Whether the late level of a validation loss lies well above its best."""
    late = evaluation.level.values[-max(POINTS, len(evaluation.level) // 3) :]
    return float(np.median(late)) > (1 + COSTS) * abs(evaluation.best)


def _unread(lr: Series, optimizer: Optimizer | None) -> Finding | None:
    """A parameter group that was given a rate under a name that torch's optimizers do not know, and keeps the one it had."""
    group = optimizer.groups[0] if optimizer is not None and optimizer.groups else {}
    name = next((each for each in UNREAD if isinstance(group.get(each), (int, float))), None)
    if name is None or not len(lr) or np.ptp(lr.values) > 0 or np.isclose(float(group[name]), lr.values[-1], rtol=1e-3):
        return None
    return Finding(
        summary=f"The training writes its learning rate where no optimizer reads it: the parameter group's {name} is {float(group[name]):.3g}, and its lr "
        f"stays at {lr.values[-1]:.3g}.",
        confidence=FACT,
        at_first=True,
        since=0,
        evidence=[Curve("Learning rate", [Line("lr", "observed", lr)], "learning rate")],
        remedies=(
            Remedy(
                "Write the rate where the optimizer reads it",
                'for group in optimizer.param_groups:\n    group["lr"] = rate',
                "A learning rate that follows its schedule, and a loss that falls once more while it does.",
            ),
        ),
    )


def _never_comes(lr: Series, optimizer: Optimizer | None) -> Finding | None:
    """A schedule that has left the learning rate as it was until the end: its milestones lie beyond it, as where they count other steps."""
    if optimizer is None or not optimizer.idle_schedule(lr):
        return None
    return Finding(
        summary=f"A schedule is set up, and the learning rate is {lr.values[0]:.3g} from the first step to the last.",
        confidence=SET_UP,
        at_first=True,
        since=0,
        severity="info",
        evidence=[Curve("Learning rate", [Line("lr", "observed", lr)], "learning rate")],
        remedies=(
            Remedy(
                "Count milestones in what the schedule is stepped by, epochs or batches, so that they come before the end",
                "scheduler = MultiStepLR(optimizer, milestones=[epochs // 2, epochs * 3 // 4])  # with scheduler.step() once an epoch",
                "The loss falls once more while the rate does.",
            ),
            Remedy("Or call scheduler.step() at all"),
        ),
    )
