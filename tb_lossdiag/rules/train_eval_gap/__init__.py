"""# Train and eval mode differ

## What you see

The training loss falls as it should, but the validation loss stays high, rises, or jumps about; on the very same batch the loss is
several times higher in evaluation mode than in training mode.

## Why it happens

BatchNorm normalises by the batch in training and by running statistics in evaluation. With a small momentum these statistics lie far
behind, with a handful of samples in a batch they are rough, and where the weights move fast they belong to a network that is gone. Code that
asks for `self.training` can differ in the same way. BatchNorm that keeps no statistics (`track_running_stats=False`) normalises each evaluation
batch by itself: one of a single class, or of a few samples, loses what sets it apart. Dropout that is called as a function does not know the mode: `F.dropout(x, 0.5)` goes on
dropping in evaluation, and so does a layer of one's own that adds noise and does not ask for `self.training`. Or `model.eval()` was forgotten: then validation itself is computed with dropout, and
with the statistics of its own batches. Or an average of the weights is evaluated that remembers more steps than there were. Or `model.train()` was forgotten after an evaluation: then the training goes on without either.

## What to do

Use `nn.Dropout`, or tell the function the mode. Call `model.eval()` before each evaluation and `model.train()` after it. Set the momentum of BatchNorm back to 0.1, use larger batches, or compute the statistics anew before the network is used. With small
batches GroupNorm or LayerNorm, which have no such statistics, are the better choice.

## When this is wrong

Dropout makes the loss in training mode higher, often two or three times, and is right all the same. In the first steps running
statistics know little yet; that passes by itself. Some networks drop in use on purpose: to sample from (Monte Carlo dropout), or before a speech decoder.
"""

from __future__ import annotations

import math

from tb_lossdiag.evidence import Curve, Fact, Line
from tb_lossdiag.finding import Finding, Remedy, confidence, percent
from tb_lossdiag.rule import rule
from tb_lossdiag.rules.train_eval_gap.both import curve, keeping
from tb_lossdiag.rules.train_eval_gap.running import by_itself, forgetful, sluggish, worse
from tb_lossdiag.rules.train_eval_gap.switched import forgotten, noise, off, still_drops
from tb_lossdiag.series import Series, middle
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.modes import ModesUsed
from tb_lossdiag.signals.probe import ModeGap
from tb_lossdiag.signals.structure import Modules

WARM = 100  # steps after which running statistics have forgotten where they began: usual ones do so within 30
UNDER_DROPOUT = 0.75  # training mode's loss is four times evaluation mode's: the curve shows dropout, not learning ...
MOSTLY_DROPOUT = 0.9  # ... and ten times
# of the trained model's way that another one has come; and share of the first loss that training took away
HALFWAY, HARDLY, LEARNT = 0.6, 0.3, 0.3
LEFT = 0.3  # share of its first level at which a training loss looks as if nothing were learnt


@rule(
    cause="The network computes something else in evaluation mode than it was trained to.",
    stage="val",
    severity="warning",
    symptom=True,
    remedies=(
        Remedy(
            "Compute the running statistics anew before evaluating",
            "torch.optim.swa_utils.update_bn(train_loader, model)",
        ),
        Remedy("Use GroupNorm or LayerNorm instead of BatchNorm", "nn.GroupNorm(8, channels)"),
    ),
    explains=(
        "overfitting",
        "uninformative-features",
        "unrepresentative-validation",
        "class-imbalance",
    ),
)
def train_eval_gap(
    modes_used: ModesUsed,
    train_shape: Shape,
    eval_shape: Shape,
    mode_gap: ModeGap | None = None,
    modules: Modules | None = None,
    batch_size: int | None = None,
    update_ratio: Series | None = None,
    finished: bool | None = None,
) -> Finding | None:
    """Batches whose loss in evaluation mode is much higher, in a run whose validation loss is as high; or one that only dropout hides.

    Or a training in evaluation mode, or a validation in training mode, where that makes a difference.
    """
    if modes_used.training_off_since is not None:
        return off(modes_used.training_off_since, modes_used, modules or ())
    if modes_used.drops > 0:
        return still_drops(modes_used.drops)
    behind = _behind(train_shape, eval_shape) if modes_used.other_evaluated else None
    behind = behind or by_itself(train_shape, eval_shape, modules)
    if behind is None and mode_gap is not None and modes_used.validation_on:
        behind = forgotten(mode_gap)
    elif behind is None and mode_gap is not None:
        # statistics that are known to lag have no later where they could catch up
        late = mode_gap.train.steps[-1] >= WARM or (finished is True and sluggish(keeping(modules)))
        behind = _between(mode_gap, train_shape, eval_shape, modules, batch_size, update_ratio) if late else None
    return behind or (noise(modes_used.noise) if modes_used.noise else None)


def _between(
    mode_gap: ModeGap,
    train_shape: Shape,
    eval_shape: Shape,
    modules: Modules | None,
    batch_size: int | None,
    update_ratio: Series | None,
) -> Finding | None:
    """What the same batches cost in both modes."""
    pace = middle(update_ratio.tail(0.1)) if update_ratio is not None else math.nan
    norms = keeping(modules)
    return (
        worse(mode_gap, train_shape, eval_shape, norms, batch_size, pace)
        or forgetful(mode_gap, train_shape, eval_shape, norms)
        or _better(mode_gap, train_shape, eval_shape)
    )


def _behind(train: Shape, evaluation: Shape) -> Finding | None:
    """Another model than the trained one is evaluated, as a copy that averages its weights, and knows next to nothing of what the trained one learnt."""
    fall = max(train.first, evaluation.first) - train.last
    reached = (evaluation.first - evaluation.best) / fall if fall > 0 else 1.0
    learnt = fall > LEARNT * max(train.first, evaluation.first) and not train.last > evaluation.last
    sure = confidence(-reached, doubtful=-HALFWAY, certain=-HARDLY)
    if learnt and sure > 0.5:  # noqa: PLR2004  (as sure as not)
        return Finding(
            summary=f"Another model than the trained one is evaluated, such as an average of its weights, and has come {percent(max(reached, 0.0))} of the way "
            f"of the trained one: its loss is {evaluation.last:.3g}, where training is at {train.last:.3g}.",
            confidence=sure,
            since=0,
            evidence=[
                Curve(
                    "Losses, smoothed",
                    [Line("train", "observed", train.level), Line("evaluated", "observed", evaluation.level)],
                    "loss",
                )
            ],
            remedies=(
                Remedy(
                    "Evaluate the trained model beside it; let an average forget sooner: its memory of 1 / (1 - decay) steps must be a small part of the run",
                    "AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.99))",
                    "Both models' losses come together.",
                ),
                Remedy("A copy that is not averaged: load the trained weights before each evaluation"),
            ),
        )
    return None


def _better(gap: ModeGap, train: Shape, evaluation: Shape) -> Finding | None:
    """Worth a remark: the training loss looks bad, and the network is not."""
    high = train.first > 0 and train.last > LEFT * train.first
    if gap.late > UNDER_DROPOUT and high and evaluation.last < train.last:
        return Finding(
            summary=(
                f"The network knows more than its training loss shows: on the same batches the loss is {gap.late_train:.3g} in training "
                f"mode, but {gap.late_evaluation:.3g} in evaluation mode."
            ),
            confidence=confidence(gap.late, doubtful=UNDER_DROPOUT, certain=MOSTLY_DROPOUT),
            since=0,
            evidence=[curve(gap, []), Fact("Of the training loss, due to the mode", gap.late, "share", UNDER_DROPOUT)],
            remedies=(Remedy(f"Lower the dropout: it makes {percent(gap.late)} of the loss", "nn.Dropout(0.2)"),),
            severity="info",
        )
    return None
