"""# Dead units

## What you see

The loss stops falling early and stays flat, although nothing is infinite. Large parts of a layer are silent.

## Why it happens

A ReLU whose input is negative for every sample gives zero and gets no gradient, so it never recovers. One step that is
too large, or a bias that starts far below zero, pushes many units there at once. Where whole layers are silent, no weight behind or before
them gets a gradient.

## What to do

Lower the learning rate or warm it up; start biases at zero; use an activation that keeps a small slope below zero.

## When this is wrong

A unit that is silent on *some* samples is healthy: that is how ReLU networks represent things. A network that is far
wider than its task needs can afford many dead units: where the loss goes on falling without them, they are worth a remark only.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tb_lossdiag.evidence import Bars, Curve, Line, Mark
from tb_lossdiag.finding import Finding, Remedy, confidence, percent
from tb_lossdiag.rule import Lacking, rule
from tb_lossdiag.series import Layers, Series
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.structure import Parameters

DEAD = 0.50  # share of a layer's units that are silent for each of at least 512 samples (SageMaker Debugger, TheDeepChecker)
CERTAIN = 0.90
DONE = 0.05  # share of the loss that is left: below it such units do no harm
FAR = 0.2  # ... and in units that died on the way there, not much
FROM_THE_START = (
    Remedy(
        "Start biases at zero, and weights at their usual scale: no step has brought the units there",
        "nn.init.zeros_(layer.bias)",
    ),
    Remedy("Use an activation that keeps a slope below zero", "nn.LeakyReLU()  # or nn.GELU()"),
    Remedy("Look at the inputs of the layer: none of them may make its sums positive"),
)
SPREAD = 0.02  # over samples, as a share of the size of what a layer puts out
SEVERAL = 2  # weight matrices: a single one may have nothing to learn
MATRIX = 2  # axes of weights
CUT_OFF = 0.95  # confidence where the weights of all layers get a gradient of zero, and what is added to them may still get one
ALL = 0.999  # share of the units of a layer
LATE = 0.2  # of the run: an early silence that recovers is not death
LEARNS_ON = 0.15  # of the loss's whole fall, after most of a layer fell silent: the others go on without them


SHUT, LOOKS = 0.96, 3  # by definition, where the gradient was zero at so many looks


@rule(
    cause="Most units of a layer no longer fire for any sample, and get no gradient any more.",
    stage="train",
    severity="error",
    symptom=True,
    remedies=(
        Remedy("Lower the learning rate, or warm it up over the first few hundred steps"),
        Remedy("Use an activation that keeps a slope below zero", "nn.LeakyReLU()  # or nn.GELU()"),
        Remedy("Start biases at zero", "nn.init.zeros_(layer.bias)"),
    ),
    explains=(
        "class-imbalance",
        "vanishing-gradient",
        "learning-rate-too-low",
        "parameters-not-updated",
        "undertrained",
    ),
)
def dead_units(
    parameters: Parameters,
    dead_share: Layers | None = None,
    loss_left: float | None = None,
    cut_off: Mapping[str, int] | None = None,
    layer_gradients: Layers | None = None,
    output_spread: Layers | None = None,
    train_shape: Shape | None = None,
    shut: bool | None = None,
    grad_norm: Series | None = None,
) -> Finding | None:
    """The layer with the largest share of units that are silent at the end of the run; or weights that all get no gradient any more."""
    if shut and grad_norm is not None and len(grad_norm) >= LOOKS and not grad_norm.values.any():
        return _shut(grad_norm)
    if dead_share is None:
        found = _cut_off(parameters, cut_off or {}, loss_left)
        if found is None:
            raise Lacking("dead_share")
        return found
    late = {layer: float(np.median(each.tail(LATE))) for layer, each in dead_share.items() if len(each)}
    late = {
        layer: share
        for layer, share in late.items()
        if np.isfinite(share)
        and not (share > ALL and _fed(layer, layer_gradients or {}))
        and not (dead_share[layer].values[0] > DEAD and _says_the_same((output_spread or {}).get(layer)))
    }
    worst = max(late, key=late.__getitem__, default="")
    if not late or not late[worst] > DEAD:
        return _cut_off(parameters, cut_off or {}, loss_left)
    curve = dead_share[worst]
    first = curve.values[0] > DEAD  # 512 samples take a while to gather: they were dead from the start
    since = 0 if first else curve.above_since(DEAD)
    return Finding(
        summary=f"{percent(late[worst])} of the units of {worst} are dead: no sample has activated them since step {since:,}.",
        confidence=confidence(late[worst], doubtful=DEAD, certain=CERTAIN),
        since=since,
        where=[layer for layer, share in late.items() if share > DEAD],
        evidence=[
            Bars("Dead units by layer, end of the run", list(late), list(late.values()), "share", DEAD),
            Curve("Dead units", [Line(worst, "observed", curve)], "share", [Mark("level", "half of the layer", DEAD)]),
        ],
        severity="info"
        if (loss_left is not None and loss_left < (DONE if first else FAR))
        or (not first and late[worst] < ALL and train_shape is not None and _fall_after(since, train_shape) > LEARNS_ON)
        else None,
        remedies=FROM_THE_START if first else (),
    )


def _fall_after(step: int, train: Shape) -> float:
    """The share of the loss's whole fall that came after a step."""
    fall = train.first - train.last
    at = int(np.searchsorted(train.level.steps, step))
    return float(train.level.values[at] - train.last) / fall if fall > 0 and at < len(train.level) else 0.0


def _says_the_same(spread: Series | None) -> bool:
    """Whether a layer said about the same of every sample before the first step: its units are constant, some of them at zero, for the layers
    before it let hardly anything through.
    """
    return spread is not None and len(spread) > 0 and bool(spread.values[0] < SPREAD)


def _fed(layer: str, gradients: Layers) -> bool:
    """Whether weights that are multiplied with these units get a gradient, as they could not if all of them were zero: they are only
    in the call that is looked at, as the first of a solver that begins at zero.
    """
    module, _, seen = layer.partition(" (")
    known = gradients.get(f"{module}.weight")
    late = known.finite().tail(LATE) if known is not None else ()
    return seen == "input)" and len(late) > 0 and float(np.median(late)) > 0


def _shut(norm: Series) -> Finding:
    """A rectifier, as of an output that is not to be negative, that puts out zero for each sample from the first step on."""
    return Finding(
        summary="A ReLU puts out zero for every sample from the first step on, and no gradient comes back through it: nothing can be learnt.",
        confidence=SHUT,
        since=0,
        evidence=[Curve("Gradient norm", [Line("gradient norm", "observed", norm)], "norm")],
        remedies=(
            Remedy(
                "Use a function that keeps a slope where an output must not be negative",
                "density = F.softplus(raw)  # or torch.exp",
                "A gradient norm above zero from the first step.",
            ),
            *FROM_THE_START,
        ),
    )


def _cut_off(parameters: Parameters, since: Mapping[str, int], left: float | None) -> Finding | None:
    """Weights of all layers whose gradient became zero and stays so: whatever they are multiplied with is zero. Where activations are
    functions and layers the user's own, nobody has counted their units.
    """
    weights = [each.name for each in parameters if each.trainable and len(each.shape) >= MATRIX]
    if len(weights) < SEVERAL or not all(each in since for each in weights):
        return None
    began = max(since[each] for each in weights)
    return Finding(
        summary=f"The weights of all {len(weights)} layers get a gradient of exactly zero since step {began:,}: no unit fires for any sample any more.",
        confidence=CUT_OFF,
        since=began,
        where=weights,
        evidence=[Bars("First step without any gradient", weights, [float(since[each]) for each in weights], "step")],
        severity="info" if left is not None and left < DONE else None,
    )
