"""Weights that a decay or a penalty pulls to zero harder than the loss pulls them away."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from tb_lossdiag.evidence import Bars, Curve, Line
from tb_lossdiag.finding import REMARK, THOUSANDS, Finding, Remedy, about, confidence, percent
from tb_lossdiag.series import Layers, Series
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.optimizer import Optimizer
from tb_lossdiag.signals.structure import Parameters

__all__ = ["NOTHING", "RULES", "USUAL", "asked", "decayed", "early", "penalised", "withered"]

LEADS = 0.15  # decay against gradient that is doubtful: sound trainings stayed below 0.06 while much of their loss was left ...
RULES = 0.5  # ... and certain: half of what the loss asks for is undone at once
FED = 0.15  # the same for the last layer, which gets its gradient whatever becomes of the others': below it theirs vanishes
USUAL = 0.02  # a decay that a sound training hardly feels
NOTHING = 1e-6  # a decay that small is none
FALLEN = 0.9  # share of the whole fall: while it was made, nothing had come to rest yet
GROWN = 1.5  # of their first norm: the decay did not keep such weights small, and is as strong as the gradient where the two have settled
SHRUNK = 0.95  # of their first norm: weights that grow are not held down, unless the decay undoes as much as the loss asks for
COUPLED, HALVED = 1e-2, 0.5  # an L2 penalty in Adam's gradient that takes the weights to half of what they were ...
# ... in a run that after this part of it gains no more of its loss; and how sure that makes us
AT_ONCE, NO_GAIN, WITHERED = 0.2, 0.05, 0.75
COMMON = (
    5e-4  # weight decay of SGD in most recipes for pictures (He et al., 2016, 1e-4; Simonyan and Zisserman, 2015, 5e-4)
)


def early(share: Layers | None, train: Shape) -> bool:
    """Whether the weights were pulled to zero already while the loss fell: where it has settled, decay and gradient are as large as each other."""
    level = train.level
    reached = level.values <= train.first - FALLEN * (train.first - train.best)
    until = int(level.steps[int(np.argmax(reached))]) if reached.any() else int(level.steps[-1])
    before = [each.values[each.steps <= until] for each in (share or {}).values()]
    known = [float(np.nanmedian(each)) for each in before if np.isfinite(each).any()]
    return not known or float(np.median(known)) > LEADS


def withered(train: Shape, weights: Layers | None, optimizer: Optimizer | None) -> Finding | None:
    """Weights that an L2 penalty in Adam's gradient has taken down by half and more, in a run that soon learns nothing more.

    Adam divides the penalty, too, by the size of past gradients: where those are small or rare, as an embedding's, it pulls as hard as
    the loss (Loshchilov and Hutter 2019, "Decoupled weight decay regularization").
    """
    if optimizer is None or not optimizer.is_adaptive or optimizer.type == "AdamW":
        return None
    decay = max(
        (float(each.get("weight_decay") or 0) for each in optimizer.groups if not each.get("decoupled_weight_decay")),
        default=0.0,
    )
    kept = {
        name: float(each.values[-1] / each.values[0])
        for name, each in (weights or {}).items()
        if len(each) and each.values[0] > 0
    }
    soon = float(train.level.values[int(AT_ONCE * (len(train.level) - 1))])
    if not decay >= COUPLED or soon - train.last > NO_GAIN * train.first:
        return None
    if not kept or not float(np.median(list(kept.values()))) < HALVED:
        return None
    return Finding(
        summary=f"Nothing more is learnt, and the weights have shrunk to {percent(float(np.median(list(kept.values()))))}: {optimizer.type} scales up a weight decay "
        f"of {decay:g} where gradients are small or rare.",
        confidence=WITHERED,
        since=0,
        where=[name for name, share in kept.items() if share < HALVED],
        evidence=[
            Bars(
                "Norm of the weights at the end, as a share of the first",
                list(kept),
                list(kept.values()),
                "share",
                HALVED,
            ),
            Curve(
                "Norm of the weights",
                [Line(name, "observed", each) for name, each in list((weights or {}).items())[:8]],
                "norm",
            ),
        ],
        remedies=(
            Remedy(
                "Decay the weights apart from the gradient, or much less",
                f"torch.optim.AdamW(model.parameters(), lr=lr, weight_decay={decay:g})",
                "Weights that grow, and a loss that falls.",
            ),
        ),
    )


def asked(share: Layers | None, parameters: Parameters | None) -> Layers:
    """The layers of which the loss asks anything. Of an embedding it asks only for the rows in the batch, so the others count where there are any."""
    asked = {name: each for name, each in (share or {}).items() if np.isfinite(each.values).any()}
    tables = {each.name for each in parameters or () if each.kind == "embedding"}
    return {name: each for name, each in asked.items() if name not in tables} or asked


def decayed(
    share: Layers | None, weights: Layers | None, settings: Mapping[str, str | float], optimizer: Optimizer | None
) -> Finding | None:
    """Weight decay; not the usual one of SGD, which outweighs nothing but a gradient that is next to none for another reason."""
    decay = settings.get("weight_decay")
    if optimizer is not None and optimizer.type == "SGD" and isinstance(decay, int | float) and decay <= COMMON:
        return None
    return _held_down(
        share,
        weights,
        "The weight decay is {} times too strong: it pulls {} times as hard as the loss does.",
        "Weight decay against gradient, its strongest lasting part",
        lambda factor: Remedy(
            _lower(settings.get("weight_decay"), factor),
            "",
            "The norm of the weights grows, and the loss falls further.",
        ),
    )


def penalised(share: Layers | None, weights: Layers | None) -> Finding | None:
    """A penalty that the user adds to the loss."""
    return _held_down(
        share,
        weights,
        "The penalty on the weights that is added to the loss is {} times too strong: it pulls {} times as hard as the loss function does.",
        "Penalty against gradient, its strongest lasting part",
        lambda factor: Remedy(
            f"Lower the factor of the penalty by {about(factor)} times",
            "loss = loss_fn(output, target) + factor * sum(w.square().sum() for w in weights)",
            "The norm of the weights grows, and the loss falls further.",
        ),
    )


def _held_down(
    share: Layers | None, weights: Layers | None, summary: str, title: str, remedy: Callable[[float], Remedy]
) -> Finding | None:
    """What pulls the weights to zero, by layer as a share of the loss's gradient, where it outweighs that or the weights have shrunk."""
    if not share or not weights:
        return None
    strongest = {name: max(_parts(each)) for name, each in share.items() if len(each)}
    kept = {
        name: float(each.values[-1] / each.values[0])
        for name, each in weights.items()
        if name in strongest and len(each) and each.values[0] > 0
    }
    middle = float(np.median(list(strongest.values()))) if strongest else math.nan
    norm = float(np.median(list(kept.values()))) if kept else math.nan
    last = list(strongest.values())[-1] if strongest else 0.0
    sure = min(
        confidence(math.log(max(middle, 1e-12)), doubtful=math.log(LEADS), certain=math.log(RULES)),
        confidence(math.log(max(last, 1e-12)), doubtful=math.log(FED / 2), certain=math.log(FED)),
    )
    if not sure > 0.5:  # noqa: PLR2004  (as sure as not)
        return None
    held = norm < SHRUNK or (middle > RULES and norm < GROWN)
    factor = middle / USUAL
    return Finding(
        summary=summary.format(about(factor), f"{middle:.2g}" if middle < THOUSANDS else about(middle)),
        confidence=sure if held else max(sure, REMARK),
        severity=None if held else "info",
        since=0,
        where=[name for name, each in strongest.items() if each > LEADS],
        evidence=[
            Bars(title, list(strongest), list(strongest.values()), "ratio", LEADS, "log"),
            Curve(
                "Norm of the weights",
                [Line(name, "observed", each) for name, each in list(weights.items())[:8]],
                "norm",
            ),
        ],
        remedies=(remedy(factor),),
        factor=factor,
    )


def _lower(decay: object, factor: float) -> str:
    """What to do about the decay, with numbers where it is known."""
    if not isinstance(decay, (int, float)):
        return f"Lower the weight decay by {about(factor)} times"
    if decay < NOTHING * factor:
        return f"Turn the weight decay off: it is {decay:g}, and a usual one would still be too strong here"
    return f"Lower the weight decay from {decay:g} to about {decay / factor:.1g}"


def _parts(share: Series) -> list[float]:
    """The medians of the second quarter and of the second half: once the gradient has shrunk, and once all has settled."""
    count = len(share)
    quarter = share.values[count // 4 : max(count // 2, count // 4 + 1)]
    return [float(np.median(quarter)), float(np.median(share.tail(0.5)))]
