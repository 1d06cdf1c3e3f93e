"""BatchNorm whose running statistics are not those of the network that is evaluated, or that keeps none."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tb_lossdiag.evidence import Evidence, Fact, Mark
from tb_lossdiag.finding import Finding, Remedy, confidence
from tb_lossdiag.rules.train_eval_gap.both import curve
from tb_lossdiag.series import Series
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.probe import ModeGap
from tb_lossdiag.signals.structure import Module, Modules

__all__ = ["by_itself", "forgetful", "sluggish", "worse"]

TIMES = 2.5  # evaluation mode's loss over training mode's that is doubtful: statistics of sound trainings lag while the network moves ...
MANY = 6.0  # ... and certain
# looks that tell whether it grows; and how far apart both modes were at the last but one: 1.7 times
LOOKS, BEFORE = 3, 0.4
SOMEWHAT, PLAINLY = 1.3, 1.7  # the same where a setting is known to keep the statistics behind
EXPLAINED = 0.3  # of the distance between both losses, found on the training batches themselves, too ...
MOSTLY = 0.7  # ... and nearly all of it
SMALL, LARGE = 0.05, 0.12  # what the mode costs, as a share of all that was gained: here nothing else explains it
FORGETFUL, FORGETS = 0.5, 0.8  # a BatchNorm momentum with which the last batch outweighs all before it
SLUGGISH = 0.02  # a BatchNorm momentum that is too small for a training of some hundred steps: PyTorch's own is 0.1
HANDFUL = 8  # samples that are too few for statistics of a batch (Wu and He 2018, "Group normalization", figure 1)
FAST = 0.005  # update / weights at the end that any running statistics lag behind: they catch up as the rate comes down
# share of what training has gained that validation gains too, where batches are normalised by themselves
HELD, KEPT = 0.5, 0.2
LEARNT = 0.3  # share of the first loss that training took away
BY_ITSELF = 0.85  # how sure we are then


def worse(
    gap: ModeGap, train: Shape, evaluation: Shape, norms: Sequence[Module], batch_size: int | None, pace: float
) -> Finding | None:
    """Batches that cost several times as much in evaluation mode, in a run whose validation loss is as high."""
    between, own, other = gap.late, gap.late_train, gap.late_evaluation
    if _widens(gap):  # looks are far between: the middle of the last ones is of a network that knew less
        between, own, other = gap.latest, float(gap.train.values[-1]), float(gap.evaluation.values[-1])
    times = (
        1 / (1 + between) if between > -1 else math.inf
    )  # evaluation's loss over training's, where both are positive
    apart = evaluation.last - train.last
    gained = max(train.first, evaluation.first) - evaluation.best
    if not between < 0 or not apart > 0:
        return None
    costs = min(other - own, apart)
    low, high = (SOMEWHAT, PLAINLY) if sluggish(norms) else (TIMES, MANY)
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
            curve(gap, [Mark("level", "validation loss at the end", evaluation.last)]),
            Fact("Evaluation mode's loss over training mode's", min(times, 1e6), "ratio", TIMES),
            Fact("Share of the distance to the validation loss that this explains", costs / apart, "share"),
        ]
        return Finding(
            summary=(
                f"On the same batches the loss is {other:.3g} in evaluation mode and {own:.3g} in training "
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


def _widens(gap: ModeGap) -> bool:
    """Whether both modes have come further apart from look to look, and were so before the last."""
    last = gap.apart.values[-LOOKS:]
    return len(last) == LOOKS and bool((np.diff(last) < 0).all()) and last[0] < 0 and last[-2] < -BEFORE


def forgetful(gap: ModeGap, train: Shape, evaluation: Shape, norms: Sequence[Module]) -> Finding | None:
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
                curve(gap, []),
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


def by_itself(train: Shape, evaluation: Shape, modules: Modules | None) -> Finding | None:
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
    if sluggish(norms):
        raised = Remedy("Set the momentum of BatchNorm to 0.1", "nn.BatchNorm2d(channels, momentum=0.1)", expect)
        return f": a momentum of {smallest:g} keeps BatchNorm's running statistics behind", (raised,)
    if norms and batch_size is not None and batch_size < HANDFUL:
        group = Remedy("Use GroupNorm instead of BatchNorm", "nn.GroupNorm(8, channels)", expect)
        larger = Remedy("Use a batch of at least 16", "DataLoader(train_set, batch_size=16, shuffle=True)", expect)
        return f": batches of {batch_size:,} give BatchNorm no statistics to rely on", (group, larger)
    if not norms:
        return "", (Remedy("Look for what depends on `self.training` in the model's forward pass"),)
    return "", ()


def sluggish(norms: Sequence[Module]) -> bool:
    """Whether a momentum is known to keep the statistics behind."""
    return _momentum(norms) < SLUGGISH


def _momentum(norms: Sequence[Module]) -> float:
    """The smallest momentum of the running statistics; NaN where none is known."""
    momentum = [each.settings.get("momentum") for each in norms]
    return min((float(each) for each in momentum if isinstance(each, (int, float))), default=math.nan)
