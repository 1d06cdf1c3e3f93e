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
from collections.abc import Sequence

from tb_lossdiag.evidence import Curve, Evidence, Fact, Line, Mark
from tb_lossdiag.finding import REMARK, Finding, Remedy, confidence, percent
from tb_lossdiag.rule import rule
from tb_lossdiag.series import Series, middle
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.modes import ModesUsed
from tb_lossdiag.signals.probe import ModeGap
from tb_lossdiag.signals.structure import Module, Modules

WARM = 100  # steps after which running statistics have forgotten where they began: usual ones do so within 30
TIMES = 2.5  # evaluation mode's loss over training mode's that is doubtful: statistics of sound trainings lag while the network moves ...
MANY = 6.0  # ... and certain
SOMEWHAT, PLAINLY = 1.3, 1.7  # the same where a setting is known to keep the statistics behind
EXPLAINED = 0.3  # of the distance between both losses, found on the training batches themselves, too ...
MOSTLY = 0.7  # ... and nearly all of it
SMALL, LARGE = 0.05, 0.12  # what the mode costs, as a share of all that was gained: here nothing else explains it
FORGETFUL, FORGETS = 0.5, 0.8  # a BatchNorm momentum with which the last batch outweighs all before it
SLUGGISH = 0.02  # a BatchNorm momentum that is too small for a training of some hundred steps: PyTorch's own is 0.1
HANDFUL = 8  # samples that are too few for statistics of a batch (Wu and He 2018, "Group normalization", figure 1)
FAST = 0.005  # update / weights at the end that any running statistics lag behind: they catch up as the rate comes down
UNDER_DROPOUT = 0.75  # training mode's loss is four times evaluation mode's: the curve shows dropout, not learning ...
MOSTLY_DROPOUT = 0.9  # ... and ten times
NOTICED, CERTAIN = 0.05, 0.2  # what the mode makes of a loss that was validated in training mode, as a share of it
STILL_NOISY = 0.8  # that noise in evaluation mode is not meant
DROPS = 0.1  # share of the units that a dropout takes: less is hardly missed
HELD, KEPT = (
    0.5,
    0.2,
)  # share of what training has gained that validation gains too, where batches are normalised by themselves
BY_ITSELF = 0.85  # how sure we are then
SWITCHED = 0.95  # nobody switches dropout and batch statistics off in the middle of a training on purpose
HALFWAY, HARDLY, LEARNT = (
    0.6,
    0.3,
    0.3,
)  # of the trained model's way that another one has come; and share of the first loss that training took away
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
) -> Finding | None:
    """Batches whose loss in evaluation mode is much higher, in a run whose validation loss is as high; or one that only dropout hides.

    Or a training in evaluation mode, or a validation in training mode, where that makes a difference.
    """
    if modes_used.training_off_since is not None:
        return _off(modes_used.training_off_since, modes_used, modules or ())
    if modes_used.drops > 0:
        return _still_drops(modes_used.drops)
    behind = _behind(train_shape, eval_shape) if modes_used.other_evaluated else None
    behind = behind or _by_itself(train_shape, eval_shape, modules)
    if behind is None and mode_gap is not None:
        behind = _between(mode_gap, modes_used, train_shape, eval_shape, modules, batch_size, update_ratio)
    return behind or (_noise(modes_used.noise) if modes_used.noise else None)


def _between(
    mode_gap: ModeGap,
    modes_used: ModesUsed,
    train_shape: Shape,
    eval_shape: Shape,
    modules: Modules | None,
    batch_size: int | None,
    update_ratio: Series | None,
) -> Finding | None:
    """What the same batches cost in both modes."""
    if modes_used.validation_on:
        return _forgotten(mode_gap)
    if not mode_gap.train.steps[-1] >= WARM:
        return None
    pace = middle(update_ratio.tail(0.1)) if update_ratio is not None else math.nan
    norms = _norms(modules)
    return (
        _worse(mode_gap, train_shape, eval_shape, norms, batch_size, pace)
        or _forgetful(mode_gap, train_shape, eval_shape, norms)
        or _better(mode_gap, train_shape, eval_shape)
    )


def _worse(
    gap: ModeGap, train: Shape, evaluation: Shape, norms: Sequence[Module], batch_size: int | None, pace: float
) -> Finding | None:
    times = (
        1 / (1 + gap.late) if gap.late > -1 else math.inf
    )  # evaluation's loss over training's, where both are positive
    apart = evaluation.last - train.last
    gained = max(train.first, evaluation.first) - evaluation.best
    if not gap.late < 0 or not apart > 0:
        return None
    costs = min(gap.late_evaluation - gap.late_train, apart)
    low, high = (SOMEWHAT, PLAINLY) if _momentum(norms) < SLUGGISH else (TIMES, MANY)
    sure = min(
        confidence(math.log(times), doubtful=math.log(low), certain=math.log(high)),
        confidence(costs / apart, doubtful=EXPLAINED, certain=MOSTLY),
        confidence(costs / max(gained, 1e-12), doubtful=SMALL, certain=LARGE),
    )
    if sure > 0.5:  # noqa: PLR2004  (as sure as not)
        reason, remedies = _reason(norms, batch_size)
        outrun = bool(norms) and not reason and pace > FAST
        if outrun:
            reason, remedies = _outrun(pace)
        evidence: list[Evidence] = [
            _curve(gap, [Mark("level", "validation loss at the end", evaluation.last)]),
            Fact("Evaluation mode's loss over training mode's", min(times, 1e6), "ratio", TIMES),
            Fact("Share of the distance to the validation loss that this explains", costs / apart, "share"),
        ]
        return Finding(
            summary=(
                f"On the same batches the loss is {gap.late_evaluation:.3g} in evaluation mode and {gap.late_train:.3g} in training "
                f"mode{reason}."
            ),
            confidence=sure,
            since=0 if reason else Series(gap.apart.steps, -gap.apart.values).above_since(1 - 1 / TIMES),
            where=[each.name for each in norms],
            evidence=evidence,
            remedies=remedies,
            severity="info" if outrun else None,
        )
    return None


def _forgetful(gap: ModeGap, train: Shape, evaluation: Shape, norms: Sequence[Module]) -> Finding | None:
    """Running statistics that are those of the last few batches: on one of these nothing is amiss, but on others there is."""
    momentum = {each.name: float(each.settings.get("momentum") or 0.0) for each in norms}
    largest = max(momentum.values(), default=0.0)
    gained = max(train.first, evaluation.first) - evaluation.best
    apart = (evaluation.last - train.last) / max(gained, 1e-12)
    sure = min(
        confidence(largest, doubtful=FORGETFUL, certain=FORGETS),
        confidence(apart, doubtful=SMALL / 2, certain=SMALL),
    )
    if sure > 0.5:  # noqa: PLR2004  (as sure as not)
        usual = 1 - largest if largest < 1 else 0.1
        return Finding(
            summary=(
                f"A momentum of {largest:g} makes BatchNorm's running statistics those of the last batch: PyTorch's momentum is the share of the "
                f"new, in Keras it is that of the old."
            ),
            confidence=sure,
            severity=None
            if apart > LARGE
            else "info",  # some mean it: each task of few examples has statistics of its own
            since=0,
            where=[name for name, each in momentum.items() if each == largest],
            evidence=[
                Fact("Largest momentum of BatchNorm", largest, "share", FORGETFUL, "PyTorch's own is 0.1"),
                Fact("Validation loss", evaluation.last, "loss", train.last, "the reference is the training loss"),
                _curve(gap, []),
            ],
            remedies=(
                Remedy(
                    f"Set the momentum of BatchNorm to {usual:g}",
                    f"nn.BatchNorm2d(channels, momentum={usual:g})",
                    "A validation loss that no longer jumps from one evaluation to the next.",
                ),
            ),
        )
    return None


def _by_itself(train: Shape, evaluation: Shape, modules: Modules | None) -> Finding | None:
    """BatchNorm without running statistics, in a run whose evaluation gains next to nothing of what is learnt."""
    norms = [
        each for each in modules or () if "BatchNorm" in each.type and each.settings.get("track_running_stats") is False
    ]
    gained = train.first - train.last
    if not norms or not gained > (1 - LEARNT) * train.first > 0:
        return None
    held = (train.first - evaluation.best) / gained
    sure = min(confidence(-held, doubtful=-HELD, certain=-KEPT), BY_ITSELF)
    if not sure > 0.5:  # noqa: PLR2004  (as sure as not)
        return None
    return Finding(
        summary="BatchNorm keeps no running statistics (track_running_stats=False), so that evaluation normalises each batch by itself, and next to nothing "
        "of what is learnt holds there.",
        confidence=sure,
        since=0,
        where=[each.name for each in norms],
        evidence=[
            Fact("Best validation loss", evaluation.best, "loss", train.last, "the reference is the training loss"),
            Fact("Of what training gained, in validation", max(held, 0.0), "share", HELD),
        ],
        remedies=(
            Remedy(
                "Let BatchNorm keep its running statistics, as it does by default",
                "nn.BatchNorm2d(channels)",
                "A validation loss near that of training, whatever the samples of a batch have in common.",
            ),
        ),
    )


def _off(since: int, modes: ModesUsed, modules: Modules) -> Finding | None:
    """Layers that do not do in training what they are there for. From the beginning that may be meant: of a network that is fine-tuned."""
    dropping = [each.name for each in modules if "Dropout" in each.type and float(each.settings.get("p") or 0) >= DROPS]
    norms = [each.name for each in _norms(modules)]
    if not (dropping or norms):
        return None
    kinds = " and ".join(kind for kind, names in (("dropout", dropping), ("batch statistics", norms)) if names)
    return Finding(
        summary=f"The network is trained in evaluation mode from step {since:,} on: {kinds} are off.",
        confidence=SWITCHED if modes.switched else REMARK,
        severity=None if modes.switched else "info",
        since=since,
        where=[*dropping, *norms],
        evidence=[Fact("Training in evaluation mode since step", float(since), "step")],
        remedies=(
            Remedy(
                "Call model.train() before each epoch: an evaluation has called model.eval()",
                "for epoch in range(epochs):\n    model.train()\n    ...\n    model.eval()",
                "Dropout and batch statistics at work in all of the training.",
            ),
        ),
    )


def _still_drops(share: float) -> Finding:
    """Dropout as a function, which nobody has told that this is evaluation."""
    return Finding(
        summary=f"{percent(share)} of the values are dropped in evaluation mode, too: dropout is called as a function that is not told the mode.",
        confidence=SWITCHED,
        severity=None if share >= DROPS else "info",
        since=0,
        evidence=[Fact("Values that are dropped in evaluation mode", share, "share", 0.0)],
        remedies=(
            Remedy(
                "Tell the function the mode, or use the module",
                "F.dropout(x, p, training=self.training)  # or self.dropout = nn.Dropout(p)",
                "A better validation loss, and the same one each time.",
            ),
        ),
    )


def _noise(layer: str) -> Finding:
    """A layer of noise that does not ask for the mode."""
    return Finding(
        summary=f"{layer} draws random numbers in evaluation mode, too: what it adds to training is an error in use.",
        confidence=STILL_NOISY,
        severity="info",
        since=0,
        where=[layer],
        evidence=[Fact("Draws random numbers in evaluation mode", layer, "value")],
        remedies=(
            Remedy(
                "Pass on what it is given where the model is not being trained",
                "if not self.training: return x",
                "The same output each time for the same input, and a lower validation loss.",
            ),
        ),
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


def _forgotten(gap: ModeGap) -> Finding | None:
    """Validation shows another network than the one that will be used."""
    sure = confidence(abs(gap.late), doubtful=NOTICED, certain=CERTAIN)
    if sure > 0.5:  # noqa: PLR2004  (as sure as not)
        return Finding(
            summary=(
                f"Validation runs in training mode: on the same batches the loss is {gap.late_train:.3g} in training mode, but "
                f"{gap.late_evaluation:.3g} in evaluation mode."
            ),
            confidence=sure,
            since=0,
            evidence=[_curve(gap, []), Fact("Of the loss, due to the mode", abs(gap.late), "share", NOTICED)],
            remedies=(
                Remedy(
                    "Call model.eval() before each evaluation, and model.train() after it",
                    "model.eval()\nwith torch.no_grad():\n    ...\nmodel.train()",
                    "A validation loss of the network as it will be used.",
                ),
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
            evidence=[_curve(gap, []), Fact("Of the training loss, due to the mode", gap.late, "share", UNDER_DROPOUT)],
            remedies=(Remedy(f"Lower the dropout: it makes {percent(gap.late)} of the loss", "nn.Dropout(0.2)"),),
            severity="info",
        )
    return None


def _curve(gap: ModeGap, marks: Sequence[Mark]) -> Curve:
    lines = [Line("training mode", "observed", gap.train), Line("evaluation mode", "observed", gap.evaluation)]
    positive = bool((gap.train.values > 0).all() and (gap.evaluation.values > 0).all())
    return Curve("Loss of the same batches in both modes", lines, "loss", marks, "log" if positive else "linear")


def _norms(modules: Modules | None) -> list[Module]:
    """The layers that keep running statistics."""
    return [each for each in modules or () if "BatchNorm" in each.type or each.settings.get("track_running_stats")]


def _momentum(norms: Sequence[Module]) -> float:
    """The smallest momentum of the running statistics; NaN where none is known."""
    momentum = [each.settings.get("momentum") for each in norms]
    return min((float(each) for each in momentum if isinstance(each, (int, float))), default=math.nan)


def _outrun(pace: float) -> tuple[str, tuple[Remedy, ...]]:
    """Sound running statistics of a network that is gone; worth a remark, for they catch up as the rate comes down."""
    slower = Remedy(
        "Lower the learning rate towards the end",
        "torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)",
        "The two losses of the same batch come together.",
    )
    anew = Remedy(
        "Or compute the running statistics anew before evaluating",
        "torch.optim.swa_utils.update_bn(train_loader, model)",
    )
    return f": steps of {pace:.1%} of the weights outrun BatchNorm's running statistics", (slower, anew)


def _reason(norms: Sequence[Module], batch_size: int | None) -> tuple[str, tuple[Remedy, ...]]:
    """What makes the running statistics bad, as far as that can be seen, and what helps against it."""
    smallest = _momentum(norms)
    expect = "The two losses of the same batch come together, and the validation loss comes down to them."
    if smallest < SLUGGISH:
        raised = Remedy("Set the momentum of BatchNorm to 0.1", "nn.BatchNorm2d(channels, momentum=0.1)", expect)
        return f": a momentum of {smallest:g} keeps BatchNorm's running statistics behind", (raised,)
    if norms and batch_size is not None and batch_size < HANDFUL:
        group = Remedy("Use GroupNorm instead of BatchNorm", "nn.GroupNorm(8, channels)", expect)
        larger = Remedy("Use a batch of at least 16", "DataLoader(train_set, batch_size=16, shuffle=True)", expect)
        return f": batches of {batch_size:,} give BatchNorm no statistics to rely on", (group, larger)
    if not norms:
        return "", (Remedy("Look for what depends on `self.training` in the model's forward pass"),)
    return "", ()
