"""# Saturated units

## What you see

A network with sigmoid or tanh activations stops learning, or never starts. Its hidden units sit at their limits
whatever the input is.

## Why it happens

Far from zero these functions are flat: the unit's output hardly depends on its input, and its gradient is next to
nothing. Inputs on a large scale, weights that start too large, or steps that are too large push units there.

## What to do

Normalise the inputs, start with smaller weights, lower the learning rate, or use an activation that does not saturate.

## When this is wrong

Gates of recurrent networks and the output of a classifier are meant to reach their limits.
"""

from __future__ import annotations

import numpy as np

from tb_lossdiag.evidence import Bars, Curve, Line, Mark
from tb_lossdiag.finding import Finding, Remedy, confidence, percent
from tb_lossdiag.rule import rule
from tb_lossdiag.series import Layers, Series
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.structure import Module

SATURATED = 0.50  # share of a layer's units at their limits (TheDeepChecker, DeepDiagnosis)
CERTAIN = 0.85
DONE = 0.05  # share of the loss that is left: below it such units do no harm (a certain answer sits at its limit)
ON_THE_WAY = 0.6  # the same for units that became saturated while the loss fell: what they say is what was learnt
FAR = 0.2  # last loss over the first, where no blind guess tells what is left
BEGUN = 0.1  # share of a layer's units: with fewer at the start they became saturated on the way
LATE = 0.2  # of the run


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
    saturated_share: Layers,
    loss_left: float | None = None,
    last_module: Module | None = None,
    train_shape: Shape | None = None,
    prior_loss: float | None = None,
) -> Finding | None:
    """The hidden layer with the largest share of saturated units at the end of the run.

    Units that became saturated on the way are a remark where no blind guess tells how far the run has come: a critic's targets grow with its success.
    """
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
