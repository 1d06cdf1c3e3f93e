"""# Insufficient capacity

## What you see

Everything is sound, gradients and updates and data, but the loss settles far above what is possible, in training as in validation.

## Why it happens

The network is squeezed through a bottleneck: a layer that everything passes through has far fewer units than there are classes to tell
apart, or amounts to put out. Very narrow layers of ReLUs also tend to die as a whole.

## What to do

Widen the narrowest layer named, or add layers.

## When this is wrong

Data with noise have a floor of their own, which no network gets below. An autoencoder's code is narrow on purpose; it is only named where it
loses most of what it was given.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from tb_lossdiag.evidence import Bars, Curve, Evidence, Fact, Line
from tb_lossdiag.finding import REMARK, Finding, Remedy, confidence, percent
from tb_lossdiag.rule import rule
from tb_lossdiag.signals.data import Targets
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.structure import LossFunction, Modules
from tb_lossdiag.signals.widths import Widths

LEFT = 0.2  # share of the loss that is left: below it the network found room enough
CLASSES = 5  # with fewer, one or two units are enough
ROOM = (
    1.5  # times log2(classes) units that are doubtful: with fewer than log2 not even on and off tell the classes apart
)
AMOUNTS = 8  # of the output: with fewer, they may well follow from one or two numbers
CODE, SLIT = 1 / 8, 1 / 16  # units for each amount of the output: codes of 1/5 are usual
LOST, MOST = 0.5, 0.8  # share of the targets' variance that is lost: a code for a drawing in the plane loses half
STILL = 0.1  # of all progress, made in the last third: more is a training that is not done
GAP = 0.5  # share by which validation may lie above training: more is no lack of room ...
UNFIT = 0.5  # ... unless so much of the training loss is left: a network with room fits what it was trained on
SIGNS = 2  # features: less their mean, over their spread, two are plus and minus one
NO_AMOUNTS = 0.99  # by arithmetic
TABLES = {
    "Embedding",
    "EmbeddingBag",
}  # which tell many things apart by a few numbers each: it is what comes later that squeezes
SLIM = 4  # units that everything passes through, or channels of the widest convolution, and share of the loss that is left, which are worth a remark
SOME = 0.03
BEGUN = (
    0.7  # first loss as a share of a blind guess's: below it the network has been trained before, wide enough or not
)


@rule(
    cause="The network is too small, or squeezed through a bottleneck.",
    stage="train",
    severity="warning",
    remedies=(Remedy("Widen the narrowest layer"),),
    explains=(
        "dead-units",
        "saturated-units",  # as few units are driven to their limits, to tell as much as they can
        "uninformative-features",
        "label-noise",
        "learning-rate-too-low",
        "learning-rate-too-high",  # that rule takes a loss that stays for harm done by large steps
        "vanishing-gradient",
    ),
)
def insufficient_capacity(
    widths: Widths,
    targets: Targets,
    train_shape: Shape,
    loss_left: float,
    eval_shape: Shape | None = None,
    modules: Modules | None = None,
    loss_function: LossFunction | None = None,
) -> Finding | None:
    """A normalisation that leaves next to nothing; else the narrowest layer that everything passes through against what is to come out, in a run that has settled too high."""
    lost = _normalised_away(modules or ())
    if lost and loss_left > LEFT:
        return _without_amounts(lost, loss_left)
    if not widths or not loss_left > SOME:
        return None
    narrowest = min(widths, key=widths.__getitem__)
    channels = _channels(modules or (), widths)
    slim = None
    if widths[narrowest] <= SLIM:
        slim = _slim(narrowest, widths[narrowest], loss_left, train_shape)
    elif channels and max(channels.values()) <= SLIM:
        slim = _thin(channels, loss_left)
    tables = {each.name for each in modules or () if each.type in TABLES}
    within = {name: width for name, width in widths.items() if name not in tables}
    if not within or not loss_left > LEFT:
        return slim
    falls = any(each is not None and each.late_fall > STILL * each.fall for each in (train_shape, eval_shape))
    last = train_shape.last
    gap = (eval_shape.last - last) / last if eval_shape is not None and last > 0 else 0.0
    begun = loss_left * train_shape.first / last if last > 0 else 1.0
    if (gap > GAP and loss_left < UNFIT) or begun < BEGUN:
        return slim
    narrowest = min(within, key=within.__getitem__)
    sure, wanted, purpose = _squeezed(widths[narrowest], targets, 0.0 if _has_a_floor(loss_function) else loss_left)
    if falls and sure > 0.5:  # noqa: PLR2004  (as sure as not)
        slim = slim or _slim(narrowest, widths[narrowest], loss_left, train_shape)
    elif sure > 0.5:  # noqa: PLR2004
        evidence: list[Evidence] = [
            Bars(
                "Units by hidden layer", list(widths), [float(each) for each in widths.values()], "count", wanted, "log"
            ),
            Fact("Share of the loss that is left", loss_left, "share", LEFT),
        ]
        wide = 2 ** math.ceil(math.log2(4 * wanted))
        return Finding(
            summary=f"Everything passes through {widths[narrowest]} units of {narrowest}: too few {purpose}.",
            confidence=max(sure, REMARK),
            severity=None if sure > REMARK else "info",
            since=0,
            where=[narrowest],
            evidence=evidence,
            remedies=(
                Remedy(f"Widen {narrowest} to {wide} units or more", "", "A training loss well below this one."),
            ),
        )
    return slim


def _normalised_away(modules: Modules) -> dict[str, int]:
    """The layers that normalise over so few features that hardly more than signs are left, and over how many they do."""
    over = {}
    for each in modules:
        shape = each.settings.get("normalized_shape")
        if each.type == "LayerNorm" and isinstance(shape, (list, tuple)) and each.order is not None:
            over[each.name] = math.prod(shape)
    return {name: features for name, features in over.items() if features <= SIGNS}


def _without_amounts(lost: dict[str, int], left: float) -> Finding:
    name, features = next(iter(lost.items()))
    kept = "two signs" if features == SIGNS else "nothing"
    return Finding(
        summary=f"{name} normalises over a width of {features}, which leaves {kept} of what comes in, and "
        f"{percent(left)} of the loss is left.",
        confidence=NO_AMOUNTS,
        since=0,
        where=list(lost),
        evidence=[
            Bars("Features that are normalised together", list(lost), [float(each) for each in lost.values()], "count"),
            Fact("Share of the loss that is left", left, "share", LEFT),
        ],
        remedies=(
            Remedy(
                "Project the input to a wider representation before the first normalisation",
                "nn.Linear(features, 64)",
                "A training loss well below this one.",
            ),
        ),
    )


def _slim(name: str, units: int, left: float, train: Shape) -> Finding:
    """A remark on a layer of a few units, which may be all that the task needs."""
    return Finding(
        summary=f"Everything passes through {units} units of {name}, and {percent(left)} of the loss is left.",
        confidence=REMARK,
        since=0,
        severity="info",
        where=[name],
        evidence=[
            Fact("Units of the narrowest layer", float(units), "count", SLIM),
            Curve("Training loss, smoothed", [Line("train", "observed", train.level)], "loss"),
        ],
        remedies=(Remedy(f"Widen {name} to {8 * SLIM} units, to see whether it helps", "", "A lower training loss."),),
    )


def _channels(modules: Modules, widths: Widths) -> dict[str, int]:
    """The channels of each convolution that everything passes through."""
    told = {each.name: each.settings.get("out_channels") for each in modules if each.name in widths}
    return {name: channels for name, channels in told.items() if isinstance(channels, int)}


def _thin(channels: Mapping[str, int], left: float) -> Finding:
    """A remark on convolutions that look for a few patterns only."""
    return Finding(
        summary=f"No convolution has more than {max(channels.values())} channels, and {percent(left)} of the loss is left.",
        confidence=REMARK,
        since=0,
        severity="info",
        where=list(channels),
        evidence=[
            Bars("Channels by convolution", list(channels), [float(each) for each in channels.values()], "count", SLIM)
        ],
        remedies=(
            Remedy(f"Give each convolution {8 * SLIM} channels, to see whether it helps", "", "A lower training loss."),
        ),
    )


def _has_a_floor(loss: LossFunction | None) -> bool:
    """Whether what is left of the loss says nothing of the variance that is lost: the binary cross-entropy of amounts never gets to 0,
    other terms beside it, as the divergence of a variational autoencoder, stay, and of a loss of the user's own nobody knows.
    """
    return loss is not None and (bool(loss.settings.get("part")) or not loss.is_distance)


def _squeezed(units: int, targets: Targets, left: float) -> tuple[float, float, str]:
    """How sure that so few units are too few, how many would surely do, and for what."""
    if targets.counts is not None:
        classes = int((targets.counts > 0).sum())
        bits = math.log2(max(classes, 2))
        sure = confidence(math.log(max(units, 1)), doubtful=math.log(ROOM * bits), certain=math.log(bits))
        return (sure if classes >= CLASSES else 0.0), ROOM * bits, f"to tell {classes} classes apart"
    amounts = len(targets.mean) if targets.mean is not None else 0
    if amounts < AMOUNTS:
        return 0.0, 1.0, ""
    share = math.log(max(units, 1) / amounts)
    sure = min(
        confidence(share, doubtful=math.log(CODE), certain=math.log(SLIT)),
        confidence(left, doubtful=LOST, certain=MOST),
    )
    return sure, CODE * amounts, f"for {amounts} different amounts"
