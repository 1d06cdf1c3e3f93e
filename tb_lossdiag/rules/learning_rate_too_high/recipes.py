"""Rates beyond all that networks of this kind are trained with: where nothing was learnt, and nothing else says why."""

from __future__ import annotations

import math

from tb_lossdiag.finding import Finding, about, confidence
from tb_lossdiag.rules.learning_rate_too_high.sizes import Steps
from tb_lossdiag.signals.structure import Modules, Parameters

__all__ = ["beyond_recipes"]

ADAPTIVE = {
    "Adam",
    "AdamW",
    "NAdam",
    "RAdam",
    "Adamax",
}  # whose steps are as large as the rate says, whatever the gradient
SEVERAL = 3  # layers that normalise each place by itself, as a transformer's do
# Kaplan et al. 2020, "Scaling laws for neural language models", equation D.1: the best rate of a transformer ...
HIGH, PER_LOG = 0.003239, 0.0001395
SMALLEST = 1e-4  # ... which has fewer than 10^9 parameters, or so
UNLEARNT = 0.6  # share of the loss that is left
DOUBTFUL, CERTAIN = 5.0, 15.0  # times that rate
SURE = 0.8  # at most: a recipe is no law


def beyond_recipes(steps: Steps, modules: Modules, parameters: Parameters, left: float | None) -> Finding | None:
    """A transformer that learns little at a rate several times that of those who train such."""
    norms = sum(each.type in {"LayerNorm", "RMSNorm"} for each in modules)
    adaptive = steps.optimizer is not None and steps.optimizer.type in ADAPTIVE
    if not adaptive or norms < SEVERAL or left is None or left < UNLEARNT:
        return None
    count = sum(each.numel for each in parameters if each.trainable and each.kind != "embedding")
    best = max(SMALLEST, HIGH - PER_LOG * math.log(max(count, 1)))
    times = max(steps.highest, steps.now) / best
    sure = min(SURE, confidence(math.log(max(times, 1e-12)), doubtful=math.log(DOUBTFUL), certain=math.log(CERTAIN)))
    if not sure > 0.5:  # noqa: PLR2004  (as sure as not)
        return None
    return steps.finding(
        f"The learning rate is {about(times)} times too high: networks with layer normalisation and so many parameters are trained with about {best:.1g} "
        f"at most, and this one learns little at {max(steps.highest, steps.now):.2g}.",
        sure,
        times,
        since=0,
        severity="warning",
    )
