"""# Saturated units

## What you see

A network with sigmoid or tanh activations stops learning, or never starts. Its hidden units sit at their limits
whatever the input is.

## Why it happens

Far from zero these functions are flat: the unit's output hardly depends on its input, and its gradient is next to
nothing. Inputs on a large scale, weights that start too large, or steps that are too large push units there. Attention has a limit, too: products
of queries and keys grow with their width, and a softmax of large ones gives all to a single place, so that no gradient says which one would be better.

## What to do

Normalise the inputs, start with smaller weights, lower the learning rate, or use an activation that does not saturate. Divide attention's
products by the root of the width (Vaswani et al. 2017, section 3.2.1).

## When this is wrong

Gates of recurrent networks and the output of a classifier are meant to reach their limits, and attention that has learnt something may look at
one place only.
"""

from __future__ import annotations

import numpy as np

from tb_lossdiag.evidence import Bars, Curve, Line, Mark
from tb_lossdiag.finding import Finding, Remedy, confidence, percent
from tb_lossdiag.rule import Lacking, rule
from tb_lossdiag.series import Layers, Series
from tb_lossdiag.signals.attention import Look
from tb_lossdiag.signals.beginning import from_scratch
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.structure import Module, Parameters

SATURATED = 0.50  # share of a layer's units at their limits (TheDeepChecker, DeepDiagnosis)
CERTAIN = 0.85
DONE = 0.05  # share of the loss that is left: below it such units do no harm (a certain answer sits at its limit)
ON_THE_WAY = 0.6  # the same for units that became saturated while the loss fell: what they say is what was learnt
FAR = 0.2  # last loss over the first, where no blind guess tells what is left
BEGUN = 0.1  # share of a layer's units: with fewer at the start they became saturated on the way
LATE = 0.2  # of the run
# sharpness of attention before anything is learnt: 0.3 at most in sound transformers, 0.5 in one that matches words by products of unscaled states ...
SHARP = 0.55
ONE_PLACE = 0.75  # ... 0.63 where scores are multiplied by the root of 16 instead of divided, 0.97 where they are not divided by that of 96


@rule(
    cause="Sigmoid or tanh units are pinned at their limits, where they pass on no gradient.",
    stage="train",
    severity="error",
    symptom=True,
    remedies=(
        Remedy("Normalise the inputs to zero mean and unit variance", "x = (x - x.mean(0)) / x.std(0)"),
        Remedy(
            "Start with smaller weights", 'nn.init.xavier_uniform_(layer.weight, gain=nn.init.calculate_gain("tanh"))'
        ),
        Remedy("Use an activation that does not saturate", "nn.ReLU()  # or nn.GELU()"),
    ),
    explains=(
        "class-imbalance",
        "vanishing-gradient",
        "learning-rate-too-low",
        "undertrained",
        "uninformative-features",
    ),
)
def saturated_units(
    saturated_share: Layers | None = None,
    loss_left: float | None = None,
    last_module: Module | None = None,
    train_shape: Shape | None = None,
    prior_loss: float | None = None,
    first_looks: tuple[Look, ...] | None = None,
    parameters: Parameters | None = None,
) -> Finding | None:
    """Attention that looks at single places from the start; else the hidden layer with the largest share of saturated units at the end of the run.

    Units that became saturated on the way are a remark where no blind guess tells how far the run has come: a critic's targets grow with its success.
    """
    sharp = _one_place(first_looks or (), parameters or (), loss_left)
    if sharp is not None:
        return sharp
    if saturated_share is None:
        raise Lacking("saturated_share")
    late = {layer: float(np.median(each.tail(LATE))) for layer, each in saturated_share.items() if len(each)}
    late = {
        layer: share
        for layer, share in late.items()
        if np.isfinite(share) and not (last_module is not None and layer == last_module.name)
    }
    if not late:
        return None
    worst = max(late, key=late.__getitem__)
    if late[worst] > SATURATED:
        return Finding(
            summary=f"{percent(late[worst])} of the units of {worst} are saturated: they give the same value for nearly all samples.",
            confidence=confidence(late[worst], doubtful=SATURATED, certain=CERTAIN),
            since=saturated_share[worst].above_since(SATURATED),
            where=[layer for layer, share in late.items() if share > SATURATED],
            evidence=[
                Bars("Saturated units by layer, end of the run", list(late), list(late.values()), "share", SATURATED),
                Curve(
                    "Saturated units",
                    [Line(worst, "observed", saturated_share[worst])],
                    "share",
                    [Mark("level", "half of the layer", SATURATED)],
                ),
            ],
            severity="info"
            if _no_harm(loss_left, train_shape, saturated_share[worst])
            or (prior_loss is None and saturated_share[worst].values[0] < BEGUN)
            else None,
        )
    return None


def _no_harm(left: float | None, train: Shape | None, share: Series) -> bool:
    """Whether the run got where it was to get; or, with units that became saturated on the way there, or where nobody knows how far that is, a
    long way.
    """
    if left is not None:
        return left < (DONE if share.values[0] > SATURATED else ON_THE_WAY if share.values[0] < BEGUN else FAR)
    return train is not None and 0 < train.last < FAR * train.first


def _one_place(looks: tuple[Look, ...], parameters: Parameters, left: float | None) -> Finding | None:
    """Attention that gives nearly all to one place before it has learnt anything, in a network whose weights are fresh."""
    if not looks or not from_scratch(parameters):
        return None
    sharpness = [each.sharpness for each in looks]
    sure = confidence(float(np.median(sharpness)), doubtful=SHARP, certain=ONE_PLACE)
    if not sure > 0.5:  # noqa: PLR2004  (as sure as not)
        return None
    widest = max(looks, key=lambda each: each.keys)
    return Finding(
        summary=f"Attention is saturated from the start: of {widest.keys} places the middle query gives {percent(widest.peak)} to a single one before "
        "anything is learnt.",
        confidence=sure,
        since=0,
        severity="info" if left is not None and left < DONE else None,
        evidence=[
            Bars(
                "How sharply attention looks at one place, at the start",
                [f"softmax {i + 1}" for i in range(len(looks))],
                sharpness,
                "share",
                SHARP,
            )
        ],
        remedies=(
            Remedy(
                "Divide the products of queries and keys by the root of their width",
                "scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))",
                "Shares that are nearly even at first, and a loss that begins to fall.",
            ),
        ),
    )
