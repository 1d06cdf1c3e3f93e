"""# Parameters not updated

## What you see

Some layers, or all of them, never change. The loss stays where it was, or falls less far than it should.

## Why it happens

The optimizer was given other parameters than the model's (it was made before the model was rebuilt or moved, or from one part only), a
parameter group has learning rate zero, the layers were frozen and never thawed, `detach()` or `no_grad()` cuts the
graph, `backward()` is called on one term of the loss only, weights are plain tensors instead of `nn.Parameter`, mixed precision
skips every step, or `optimizer.step()` is never reached at all.

## What to do

Make the optimizer from all parameters that should learn, after the model is complete; check `requires_grad`; look for
`detach`, `.data`, `.item()` and `no_grad` between the named layers and the loss.

## When this is wrong

Fine-tuning freezes layers on purpose. A layer that this batch did not use (a further head, an expert) has no gradient. Libraries keep
layers that are never called (a pooler, the later stages of a backbone): they do no harm.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tb_lossdiag.finding import Finding, Remedy
from tb_lossdiag.rule import rule
from tb_lossdiag.rules.parameters_not_updated.frozen import frozen
from tb_lossdiag.rules.parameters_not_updated.never import LOOKS, WAITED, flat, no_slope, no_step, not_backward
from tb_lossdiag.rules.parameters_not_updated.outside import attributes
from tb_lossdiag.rules.parameters_not_updated.outside import outside as left_outside
from tb_lossdiag.rules.parameters_not_updated.still import LEFT_OUT, STILL, UNCHANGED, standing
from tb_lossdiag.series import Layers, Series
from tb_lossdiag.signals.optimizer import Optimizer
from tb_lossdiag.signals.structure import Modules, Outside, Parameters

DEAD = 0.999  # share of a layer's units that never fire: no gradient comes through
MOVES = 1e-6  # range of a norm over the largest: rounding does not change one that nobody writes to


@rule(
    cause="Parameters that should learn are never changed.",
    stage="setup",
    severity="error",
    remedies=(
        Remedy(
            "Give the optimizer all parameters, after the model is complete",
            "optimizer = torch.optim.AdamW(model.parameters(), lr=lr)",
            "Every layer has an update ratio above zero.",
        ),
        Remedy("Look for detach(), .data and no_grad() between these layers and the loss"),
    ),
    explains=(
        "class-imbalance",
        "learning-rate-too-low",
        "undertrained",
        "insufficient-capacity",
        "uninformative-features",
        "label-noise",  # a network of which a part stands at random settles where wrong labels would hold it
    ),
)
def parameters_not_updated(
    parameters: Parameters,
    unchanged: Mapping[str, float] | None = None,
    optimizer: Optimizer | None = None,
    lr: Series | None = None,
    loss_left: float | None = None,
    dead_share: Layers | None = None,
    outside: tuple[Outside, ...] | None = None,
    loose: tuple[Outside, ...] | None = None,
    grad_norm: Series | None = None,
    saturated_share: Layers | None = None,
    layer_weights: Layers | None = None,
    losses_without_step: int | None = None,
    without_gradient: tuple[str, ...] | None = None,
    modules: Modules | None = None,
    layer_gradients: Layers | None = None,
    memoryless: Mapping[str, int] | None = None,
    shut: bool | None = None,
) -> Finding | None:
    """An optimizer that never takes a step; layers that are not even part of the model; trainable parameters that the optimizer does not hold or that never change; else,
    mildly, those frozen on purpose. What something else changes, as the copy of a target network, is none of these.
    """
    if losses_without_step is not None and losses_without_step >= WAITED:
        return no_step(losses_without_step, parameters)
    if outside:
        return left_outside(outside, parameters, loss_left)
    if grad_norm is not None and flat(grad_norm) and not (_cut_off(dead_share) or _cut_off(saturated_share)):
        return no_slope(grad_norm, parameters) if not shut else None  # else `dead-units` tells
    if without_gradient and grad_norm is not None and len(grad_norm) >= LOOKS:
        behind = [each for each in parameters if each.name in without_gradient and each.optimized]
        if 0 < len(behind) < sum(each.trainable for each in parameters):
            return not_backward(behind)
    if memoryless:  # there is no step before that they could learn from
        unchanged = {name: each for name, each in (unchanged or {}).items() if name not in memoryless}
    elsewhere = _changed_elsewhere(parameters, layer_weights or {})
    trainable = [each for each in parameters if each.trainable and each.module not in elsewhere]
    reasons = {each.name: _reason(each.optimized, unchanged, each.name, optimizer, lr) for each in trainable}
    still = {name: reason for name, reason in reasons.items() if reason}
    if set(still.values()) == {UNCHANGED} and _cut_off(dead_share):
        still = {}  # no gradient comes through a layer whose units are all dead: `dead-units` tells
    found = standing(trainable, still, unchanged or {}, modules or (), layer_gradients or {}, grad_norm, loss_left)
    found = found or frozen(parameters, elsewhere, loss_left)
    return found or (attributes(loose, parameters, loss_left) if loose else None)


def _changed_elsewhere(parameters: Parameters, weights: Layers) -> set[str]:
    """Modules that the optimizer does not hold and whose weights change all the same, from one look to another."""
    found = set()
    for each in parameters:
        norms = weights[each.name].finite().values if each.name in weights else ()
        if not each.optimized and len(norms) > 1 and float(np.ptp(norms)) > MOVES * float(np.max(norms)):
            found.add(each.module)
    return found


def _reason(
    optimized: bool, unchanged: Mapping[str, float] | None, name: str, optimizer: Optimizer | None, lr: Series | None
) -> str:
    """Why a parameter does not learn, or "" if it does."""
    if not optimized and optimizer is not None:
        return LEFT_OUT
    for group in optimizer.groups if optimizer is not None else ():
        if (
            name in (group.get("parameters") or ())
            and group.get("lr") == 0
            and not (lr is not None and lr.values.any())
        ):
            return "its learning rate is 0"
    if unchanged is not None and unchanged.get(name, 0.0) > STILL:
        return UNCHANGED
    return ""


def _cut_off(dead: Layers | None) -> bool:
    """Whether some layer was dead as a whole from the first to the last step looked at."""
    return any(len(each) and float(each.values.min()) > DEAD for each in (dead or {}).values())
