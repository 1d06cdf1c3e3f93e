"""# Exploding gradient

## What you see

The gradient norm grows by orders of magnitude, by step or from the last layer to the first. The loss jumps and often
ends as NaN.

## Why it happens

On its way back the gradient is multiplied once for each layer or time step; factors above one make it grow without
bound. Weights that are too large, long sequences without gating, and steps that are too large all do it.

## What to do

Clip the gradient norm at about its usual value, initialise for the activation in use, add normalisation layers, and
lower the learning rate.

## When this is wrong

A single large gradient is one bad batch. In the losses of adversarial and reinforcement learning norms grow with the
reward.
"""

from __future__ import annotations

import math

import numpy as np

from tb_lossdiag.evidence import Bars, Curve, Evidence, Fact, Line, Mark
from tb_lossdiag.finding import Finding, Remedy, confidence
from tb_lossdiag.rule import rule
from tb_lossdiag.series import Layers, Series, middle
from tb_lossdiag.signals.gradients import growth
from tb_lossdiag.signals.structure import Modules

GROWTH = 2.0  # log10 of the growth over the run that is doubtful: healthy norms move by a factor of ten at most
CERTAIN = 4.0
CLIPPED = 0.99  # of its norm, below which a gradient was clipped rather than rounded
RECURRENT = {"RNN", "RNNCell"}
FIRST, SURELY_FIRST = 3.0, 10.0  # first loss over that of a blind guess: a sane start has about 1
NOTHING_LEARNT = 0.85  # share of the loss that is left
HUGE = 8.0  # times the usual norm of the gradient, at first
OVERCOME = (
    0.3  # share of the loss that is left: below it the start was overcome, as networks that begin at the identity do
)
SMALL = 1.0  # of the norm of the weights at first: of gradients that grew a hundredfold, those that explode reached 4 times that and more, and those
# that had been next to none, as on a plateau or where rewards are rare, a quarter of it


@rule(
    cause="The gradient norm grows without bound.",
    stage="train",
    severity="error",
    symptom=True,
    remedies=(
        Remedy("Clip the gradient norm", "torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)"),
        Remedy("Lower the learning rate"),
        Remedy("Add normalisation layers", "nn.LayerNorm(width)"),
    ),
    explains=("non-finite-values", "dead-units", "saturated-units"),
)
def exploding_gradient(
    grad_norm: Series,
    layer_gradients: Layers | None = None,
    clip_factor: Series | None = None,
    modules: Modules | None = None,
    train_loss: Series | None = None,
    blank_loss: float | None = None,
    loss_left: float | None = None,
    layer_weights: Layers | None = None,
) -> Finding | None:
    """The largest norm that lasted, against the norm at the start; else a recurrent state that grows along the sequence."""
    return _along_the_run(grad_norm, layer_gradients, clip_factor, layer_weights or {}) or _along_the_sequence(
        grad_norm, modules or (), train_loss, blank_loss, loss_left
    )


def _along_the_sequence(
    grad_norm: Series, modules: Modules, train_loss: Series | None, blank: float | None, left: float | None
) -> Finding | None:
    """A first loss that no guess explains, of a network whose recurrent state has no bound: it grows with each element.

    Gates and tanh keep a state within -1 and 1; with a ReLU its norm is multiplied again and again (Pascanu et al. 2013; Le et al.
    2015 start such weights at the identity).
    """
    growing = [each for each in modules if each.settings.get("nonlinearity") == "relu" and each.type in RECURRENT]
    if not growing or not len(grad_norm) or train_loss is None or not len(train_loss) or not blank or blank < 0:
        return None
    first = float(train_loss.values[0])
    above = math.log(first / blank) if 0 < first < math.inf else math.inf
    sure = confidence(above, doubtful=math.log(FIRST), certain=math.log(SURELY_FIRST))
    norm, usual, name = float(grad_norm.values[0]), middle(grad_norm.values), growing[0].name
    if left is not None and left > NOTHING_LEARNT and usual > 0 and norm > usual:  # one huge step, and nothing after it
        sure = max(sure, confidence(math.log(norm / usual), doubtful=math.log(HUGE), certain=math.log(10 * HUGE)))
    if not sure > 0.5:  # noqa: PLR2004  (as sure as not)
        return None
    return Finding(
        summary=f"The gradient explodes along the sequence: the state of {name} grows from element to element, so that the first loss is "
        f"{first:.3g} where a blind guess costs {blank:.3g}, and the norm of its gradient {norm:.3g}, later {usual:.3g}.",
        confidence=sure,
        since=0,
        where=[each.name for each in growing],
        severity="info" if left is not None and left < OVERCOME else None,
        evidence=[
            Curve("Gradient norm", [Line("gradient norm", "observed", grad_norm)], "norm", scale="log"),
            Fact("First loss", first, "loss", blank, "of a network that puts out zeros"),
        ],
        remedies=(
            Remedy(
                "Start the recurrent weights at the identity or as an orthogonal matrix, and clip the gradient norm",
                "nn.init.orthogonal_(cell.weight_hh_l0)\ntorch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)",
                "A first loss near that of a blind guess.",
            ),
            Remedy("Or use gates, which keep the state bounded", "nn.GRU(...)  # or nn.LSTM"),
        ),
    )


def _along_the_run(
    grad_norm: Series, layer_gradients: Layers | None, clip_factor: Series | None, weights: Layers
) -> Finding | None:
    grown = growth(grad_norm, GROWTH)
    if grown is None:
        return None
    usual, largest, since = grown.usual, grown.largest, grown.since
    size = math.hypot(*(float(each.finite().values[0]) for each in weights.values() if len(each.finite())))
    if largest < SMALL * size:
        return None
    level = Mark("level", "norm at the start", usual)
    evidence: list[Evidence] = [
        Curve("Gradient norm", [Line("gradient norm", "observed", grad_norm)], "norm", [level], "log")
    ]
    where: list[str] = []
    if layer_gradients:
        late = {name: float(each.finite().values.max()) for name, each in layer_gradients.items() if len(each.finite())}
        where = [name for name, value in late.items() if value >= 0.1 * max(late.values())]
        evidence.append(Bars("Largest gradient by layer", list(late), list(late.values()), "norm", scale="log"))
    if clip_factor is not None and len(clip_factor.finite()):
        clipped = float(np.mean(clip_factor.finite().values < CLIPPED))
        evidence.append(
            Fact("Steps whose gradient is clipped", clipped, "share", note="and still the norm grows like this")
        )
    return Finding(
        summary=f"The gradient explodes: its norm grows from {usual:.3g} to {largest:.3g} since step {since:,}.",
        confidence=confidence(grown.orders, doubtful=GROWTH, certain=CERTAIN),
        since=since,
        where=where[:5],
        evidence=evidence,
        remedies=(
            Remedy(
                f"Clip the gradient norm at about its usual value, {usual:.2g}",
                f"torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm={usual:.2g})",
                "The norm stays within a factor of ten of its start and the loss stops jumping.",
            ),
            Remedy("Lower the learning rate if most steps would then be clipped"),
        ),
    )
