"""# Optimizer settings that work against it

## What you see

With Adam: the loss hardly moves, although the learning rate is usual. With momentum: the loss swings or rises, although the learning rate
would be right without it.

## Why it happens

Adam divides each step by the size of the gradient plus eps. Where eps is the larger of the two it takes over, and the steps shrink
with the gradient. Momentum adds up past steps: 0.99 makes each a hundred times as large in the end, and remembers a hundred of them.

## What to do

Set eps well below the size of the gradients, or do not scale the loss down. Set the momentum to 0.9, or divide the learning rate by as
much as the momentum multiplies it.

## When this is wrong

Some recipes use a large eps, or a momentum of 0.99, with a learning rate that was chosen for it: then steps have their usual size, and
nothing is reported. Gradients also become small where training is done.
"""

from __future__ import annotations

import math

import numpy as np

from tb_lossdiag.evidence import Bars, Curve, Evidence, Fact, Line, Mark
from tb_lossdiag.finding import Finding, Remedy, about, confidence
from tb_lossdiag.rule import rule
from tb_lossdiag.series import Layers, Series
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.optimizer import Optimizer

EARLY = 1 / 3  # of the run: late gradients are small where training is done
TAKES_OVER = 10.0  # eps over the largest layer's gradient at which it surely rules; at 1 it halves the step
SLOW, TINY = 4e-3, 1e-3  # largest update / weights that lasts: sound trainings reach 3e-3 to 8e-2
LEFT = 0.25  # share of the first loss that is left: below it the run got somewhere
HEAVY = 0.99  # momentum that makes steps a hundred times as large; 0.9 is usual
USUAL = 0.9
SWING, WIDE = 0.02, 0.08  # largest update / weights of a heavy momentum in full swing
RISEN = 0.5  # share of the first loss that the run ends above, where its momentum carried it away
SUSPECT = 0.89  # a heavy momentum is no fault in a run that learns all the same
TOGETHER = 3  # steps whose median counts: a single large step is a bad batch


@rule(
    cause="A setting of the optimizer works against it: Adam's eps rules the steps, or the momentum is too heavy.",
    stage="train",
    severity="error",
    remedies=(Remedy("Use the optimizer's usual settings: eps=1e-8, momentum=0.9"),),
    explains=(
        "learning-rate-too-low",
        "learning-rate-too-high",
        "learning-rate-not-decayed",
        "exploding-gradient",
        "non-finite-values",
        "dead-units",
        "saturated-units",
        "undertrained",
        "insufficient-capacity",
        "uninformative-features",
        "batch-too-large",
        "overfitting",
    ),
)
def optimizer_mismatch(
    optimizer: Optimizer, update_ratio: Series, train_shape: Shape, layer_gradients: Layers
) -> Finding | None:
    """Adam's eps against the gradients, or the momentum, where steps and loss show the harm."""
    ratio = _largest(update_ratio)
    left = train_shape.last / train_shape.first if train_shape.first > 0 else 0.0
    if not optimizer.groups or not ratio > 0:
        return None
    eps, momentum = (optimizer.groups[0].get(name) or 0.0 for name in ("eps", "momentum"))
    if "adam" in optimizer.type.lower() and left > LEFT:
        return _eps(float(eps), ratio, update_ratio, layer_gradients)
    if optimizer.type == "SGD" and momentum >= HEAVY and left > RISEN:
        return _momentum(float(momentum), ratio, update_ratio, train_shape)
    return None


def _eps(eps: float, ratio: float, updates: Series, gradients: Layers) -> Finding | None:
    """Early gradients of all layers below eps, in a run of tiny steps."""
    sizes = {
        name: float(np.median(each.finite().head(EARLY))) for name, each in gradients.items() if len(each.finite())
    }
    largest = max(sizes.values(), default=0.0)
    if not (eps > 0 and largest > 0):
        return None
    sure = min(
        confidence(math.log(eps / largest), doubtful=0.0, certain=math.log(TAKES_OVER)),
        confidence(math.log(ratio), doubtful=math.log(SLOW), certain=math.log(TINY)),
    )
    if sure > 0.5:  # noqa: PLR2004  (as sure as not)
        factor = 1 + eps / largest
        bars = Bars(
            "Size of the gradient by layer, early in the run", list(sizes), list(sizes.values()), "value", eps, "log"
        )
        return Finding(
            summary=f"Adam's eps of {eps:g} is {about(eps / largest)} times the largest layer's gradient ({largest:.2g}): it makes "
            f"steps {about(factor)} times too small.",
            confidence=sure,
            since=0,
            evidence=[bars, _updates(updates, "too slow", TINY)],
            remedies=(_smaller_eps(eps, largest),),
            factor=factor,
        )
    return None


def _smaller_eps(eps: float, largest: float) -> Remedy:
    target = 10 ** math.floor(math.log10(largest / 1000))
    expect = "Update ratios near 1e-2, and a loss that falls from the first steps."
    if eps <= 1e-8:  # noqa: PLR2004  (Adam's own: the gradients are what is unusual)
        return Remedy("The gradients are tiny: do not divide the loss, or lower eps", f"eps={target:.0e}", expect)
    return Remedy(f"Lower eps from {eps:g} to 1e-8", "eps=1e-8", expect)


def _momentum(momentum: float, ratio: float, updates: Series, form: Shape) -> Finding | None:
    """A heavy momentum in full swing, in a run that ends no better than halfway."""
    sure = confidence(math.log(ratio), doubtful=math.log(SWING), certain=math.log(WIDE))
    sure = min(sure, SUSPECT)
    if sure > 0.5 and momentum < 1:  # noqa: PLR2004  (as sure as not)
        gain = 1 / (1 - momentum)
        evidence: list[Evidence] = [
            Fact(
                "Momentum",
                momentum,
                "ratio",
                USUAL,
                f"steps become {gain:,.0f} times as large; with {USUAL:g}, 10 times",
            ),
            _updates(updates, "full swing", WIDE),
            Curve("Training loss, smoothed", [Line("train", "observed", form.level)], "loss"),
        ]
        return Finding(
            summary=f"A momentum of {momentum:g} makes steps {gain:,.0f} times as large, and they no longer stop: the weights change by "
            f"{ratio:.2g} of their size in a step.",
            confidence=sure,
            since=0,
            evidence=evidence,
            remedies=(
                Remedy(
                    f"Lower the momentum from {momentum:g} to {USUAL:g}, or divide the learning rate by {gain * (1 - USUAL):,.0f}",
                    f"torch.optim.SGD(model.parameters(), lr=lr, momentum={USUAL:g})",
                    "A loss that falls without swinging.",
                ),
            ),
            factor=gain * (1 - USUAL),
        )
    return None


def _updates(ratio: Series, label: str, level: float) -> Curve:
    lines = [Line("update / weights", "observed", ratio)]
    return Curve("Update ratio (median over layers)", lines, "ratio", [Mark("level", label, level)], "log")


def _largest(ratio: Series) -> float:
    """The largest update ratio that lasted for a few sampled steps."""
    values = ratio.values[np.isfinite(ratio.values)]
    if len(values) < TOGETHER:
        return math.nan
    return float(np.median(np.lib.stride_tricks.sliding_window_view(values, TOGETHER), axis=1).max())
