"""# Parameters not updated

## What you see

Some layers, or all of them, never change. The loss stays where it was, or falls less far than it should.

## Why it happens

The optimizer was given other parameters than the model's (it was made before the model was rebuilt or moved, or from one part only), a
parameter group has learning rate zero, the layers were frozen and never thawed, `detach()` or `no_grad()` cuts the
graph, `backward()` is called on one term of the loss only, mixed precision skips every step, or `optimizer.step()` is never reached at all.

## What to do

Make the optimizer from all parameters that should learn, after the model is complete; check `requires_grad`; look for
`detach`, `.data`, `.item()` and `no_grad` between the named layers and the loss.

## When this is wrong

Fine-tuning freezes layers on purpose. A layer that this batch did not use (a further head, an expert) has no gradient. Libraries keep
layers that are never called (a pooler, the later stages of a backbone): they do no harm.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

import numpy as np

from tb_lossdiag.evidence import Bars, Curve, Evidence, Fact, Line, Table
from tb_lossdiag.finding import Finding, Remedy, Severity, confidence, percent
from tb_lossdiag.rule import rule
from tb_lossdiag.series import Layers, Series
from tb_lossdiag.signals.optimizer import Optimizer
from tb_lossdiag.signals.structure import Modules, Outside, Parameter, Parameters

STILL = 0.999  # share of the sampled steps without any change
DOUBTFUL = 0.02  # share of the trainable elements that never change
CERTAIN = 0.2
LAYERS = {"weight", "recurrent"}
HELD_UP = 0.1  # share of the loss that is left: below it random features were enough
LEFT_OUT = "the optimizer does not hold it"
UNCHANGED = "no step changed it"
DEAD = 0.999  # share of a layer's units that never fire: no gradient comes through
LEARNT = 0.5  # share of the loss that is left: below it, training a head alone was probably meant
SOMETHING = 0.85  # ... and below it a small part does not stand in the way, as the keys of an attention to a single place, which have no slope
UNIFORM = 1.85  # largest weight over the standard deviation: sqrt(3) = 1.73 where they are drawn evenly, as torch does; 2.2 and more once trained
# weights that tell what they were drawn from; standard errors of their spread about a round number; and standard deviations of the furthest
MANY, CHANCE, ABOUT = 1000, 3.0, 1.0
ENOUGH = 64  # elements from which on this ratio says something
SPREAD = 1e-4  # standard deviation of the weights of a normalisation, which begin at one
FRESH = 0.95  # weights that stand where the dice put them, in a network that still has most of its loss
PART = 0.2  # of all trainable elements
YOUNG = 100  # steps
LOOKS = 5  # at gradients
WAITED = 30  # losses without any step: more than anybody adds up before the first one
STEPLESS = 0.98  # sure by definition
LISTED = 20  # parameters outside of the model that the writer tells one by one
NOT_BACKWARD = 0.95  # sure by definition, but for a reported loss that holds more than was meant to be learnt
RAW = 0.85  # how sure a layer makes us that was drawn at random and forgotten, however small
MOVES = 1e-6  # range of a norm over the largest: rounding does not change one that nobody writes to
UNUSED = 0.55  # how sure a part makes us that the loss has no use for: a reason comes before it
SEVERAL = 4  # frozen parameters of which each has a trained one of its size: a copy
FROZEN = 0.5  # share of the elements frozen by requires_grad that is worth saying


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
        return _no_step(losses_without_step, parameters)
    if outside:
        return _outside(outside, parameters, loss_left)
    if grad_norm is not None and _flat(grad_norm) and not (_cut_off(dead_share) or _cut_off(saturated_share)):
        return _no_slope(grad_norm, parameters) if not shut else None  # else `dead-units` tells
    if without_gradient and grad_norm is not None and len(grad_norm) >= LOOKS:
        behind = [each for each in parameters if each.name in without_gradient and each.optimized]
        if 0 < len(behind) < sum(each.trainable for each in parameters):
            return _not_backward(behind)
    if memoryless:  # there is no step before that they could learn from
        unchanged = {name: each for name, each in (unchanged or {}).items() if name not in memoryless}
    elsewhere = _changed_elsewhere(parameters, layer_weights or {})
    trainable = [each for each in parameters if each.trainable and each.module not in elsewhere]
    total = sum(each.numel for each in trainable)
    reasons = {each.name: _reason(each.optimized, unchanged, each.name, optimizer, lr) for each in trainable}
    still = {name: reason for name, reason in reasons.items() if reason}
    if set(still.values()) == {UNCHANGED} and _cut_off(dead_share):
        still = {}  # no gradient comes through a layer whose units are all dead: `dead-units` tells
    count = sum(each.numel for each in trainable if each.name in still)
    layers = [each for each in trainable if each.kind in LAYERS]
    fresh = [each for each in layers if each.name in still and _fresh(each)]
    raw = 0 < len(fresh) < len(layers) and set(still.values()) == {
        LEFT_OUT
    }  # a layer at random among layers that learn
    called = {each.name for each in modules or () if each.order is not None}
    unheard = set(still.values()) == {UNCHANGED} and any(
        each.name in still and each.module in called for each in layers
    )  # small, as one of several heads is, but it says something at each step and nobody listens
    if total and (count / total > DOUBTFUL or raw or unheard):
        share = max(count / total, len(fresh) / max(1, len(layers)))
        size = {each.name: each.numel for each in parameters}
        rows: list[list[str | float]] = [[name, size[name], reason] for name, reason in still.items()]
        evidence: list[Evidence] = [Table("Parameters that never change", ["parameter", "elements", "why"], rows)]
        if unchanged:
            evidence.append(
                Bars(
                    "Steps without any change, by parameter", list(unchanged), list(unchanged.values()), "share", STILL
                )
            )
        why = next(iter(still.values()))
        idle = _idle([each for each in trainable if each.name in still], modules or ())
        young = _young(grad_norm)
        level = _level([each for name, each in (layer_gradients or {}).items() if name in still])
        severity = _mild(
            set(still.values()), count / total, loss_left, fresh=bool(fresh), young=young, idle=idle, level=level
        )
        unused = (
            severity == "info" and why == UNCHANGED
        )  # by the loss, as the last of several heads: nothing may be wrong at all
        sure = max(
            confidence(share, doubtful=DOUBTFUL, certain=CERTAIN), RAW if raw else 0.0, UNUSED if unheard else 0.0
        )
        return Finding(
            summary=f"{percent(share)} of the trainable parameters never change, {next(iter(still))} first among them: {why}.",
            confidence=min(sure, UNUSED) if unused else sure,
            since=0,
            where=list(still)[:10],
            evidence=evidence,
            severity=severity,
        )
    return _frozen(parameters, elsewhere, loss_left)


def _no_step(losses: int, parameters: Parameters) -> Finding:
    """`optimizer.step()` is nowhere, or in a branch that is not taken."""
    return Finding(
        summary=f"The optimizer never takes a step: there were {losses:,} training losses, and nothing followed.",
        confidence=STEPLESS,
        since=0,
        where=[each.name for each in parameters if each.trainable][:10],
        evidence=[
            Fact(
                "Training losses without a step", losses, "count", WAITED, "steps are taken after each, or after a few"
            )
        ],
        remedies=(
            Remedy(
                "Call optimizer.step() after each backward(): scheduler.step() does not do it",
                "loss.backward()\noptimizer.step()",
                "A training loss by step in the log, and update ratios above zero.",
            ),
        ),
    )


def _not_backward(behind: Sequence[Parameter]) -> Finding:
    """The loss that is reported is made of them; what `backward()` was called on is not."""
    return Finding(
        summary=f"The training loss that is reported depends on {behind[0].name}, but its gradient never came back to it: backward() was called "
        "on something else, as on one term of the loss.",
        confidence=NOT_BACKWARD,
        since=0,
        where=[each.name for each in behind][:10],
        evidence=[
            Table(
                "Parameters that the loss depends on and that get no gradient",
                ["parameter", "elements"],
                [[each.name, each.numel] for each in behind],
            )
        ],
        remedies=(
            Remedy(
                "Call backward() on the whole loss",
                "loss = first_term + second_term\nloss.backward()",
                "Every layer has a gradient and an update ratio above zero.",
            ),
        ),
    )


def _changed_elsewhere(parameters: Parameters, weights: Layers) -> set[str]:
    """Modules that the optimizer does not hold and whose weights change all the same, from one look to another."""
    found = set()
    for each in parameters:
        norms = weights[each.name].finite().values if each.name in weights else ()
        if not each.optimized and len(norms) > 1 and float(np.ptp(norms)) > MOVES * float(np.max(norms)):
            found.add(each.module)
    return found


def _young(norm: Series | None) -> bool:
    """Whether the run has had no time to learn."""
    return norm is not None and len(norm) > 0 and int(norm.steps[-1]) < YOUNG


def _mild(
    reasons: AbstractSet[str], share: float, left: float | None, *, fresh: bool, young: bool, idle: bool, level: bool
) -> Severity | None:
    """Worth a remark only: what was left out of a run that learns, or a part that no gradient reaches: a small one, as the last of several heads
    whose output nobody uses, or layers that are never called, as the stages of a backbone beyond the one that is wanted.
    """
    if reasons == {LEFT_OUT}:
        return "info" if left is not None and left < (HELD_UP if fresh else LEARNT) else None
    small = share < PART
    learns = young or left is None or left < (SOMETHING if small and level else LEARNT)
    return "info" if reasons == {UNCHANGED} and ((small and idle) or ((small or idle) and learns)) else None


def _level(gradients: Sequence[Series]) -> bool:
    """Whether a gradient does arrive, and is zero: where none does, somebody has cut the graph."""
    return bool(gradients) and all(len(each.finite()) > 0 for each in gradients)


def _idle(still: Sequence[Parameter], modules: Modules) -> bool:
    """Whether all of them belong to layers that are never called: they take no part in anything, whether forgotten or left over."""
    uncalled = {each.name for each in modules if each.order is None}
    return (
        bool(still)
        and any(each.order is not None for each in modules)
        and all(each.module in uncalled for each in still)
    )


def _flat(norm: Series) -> bool:
    """Whether the gradient was zero all along, to the last bit."""
    return len(norm) >= LOOKS and not norm.values.any()


def _no_slope(norm: Series, parameters: Parameters) -> Finding:
    """The loss does not depend on the parameters as far as a gradient can tell."""
    return Finding(
        summary="No gradient comes back from the loss: it was exactly zero at each step that was looked at, for all parameters.",
        confidence=0.95,
        since=0,
        where=[each.name for each in parameters if each.trainable][:10],
        evidence=[Curve("Gradient norm", [Line("gradient norm", "observed", norm)], "norm")],
        remedies=(
            Remedy(
                "Look for what has no slope between the model's output and the loss: round(), argmax(), sign(), a comparison, a clamp, or a softmax "
                "over a single number",
                "loss = loss_fn(output, y)  # of the output itself; round only to report",
                "A gradient norm above zero from the first step.",
            ),
        ),
    )


def _outside(outside: tuple[Outside, ...], parameters: Parameters, left: float | None) -> Finding:
    """Layers that take part, and that `parameters()` does not list: nobody trains them.

    A copy of the whole model is a target network or a teacher: it is not to learn, only its graph is not needed.
    """
    inside = sum(each.numel for each in parameters)
    shapes = Counter(each.shape for each in parameters)
    copy = Counter(each.shape for each in outside) <= shapes and len(outside) >= min(len(parameters), LISTED)
    elements = sum(each.numel for each in outside)
    plain = any(each.plain for each in outside)
    fresh = plain or any(_fresh(each) or _drawn(each) for each in outside)
    where = "plain tensors, not nn.Parameter" if plain else "in a plain list, or made anew in each forward pass"
    return Finding(
        summary=f"Layers with {elements:,} parameters take part in the loss, and neither the model nor the optimizer holds them: they are {where}.",
        confidence=max(0.75, confidence(elements / (elements + inside), doubtful=DOUBTFUL, certain=CERTAIN)),
        since=0,
        evidence=[
            Table(
                "Parameters outside of the model",
                ["shape", "elements"],
                [[" x ".join(map(str, each.shape)), each.numel] for each in outside],
            )
        ],
        severity=None if fresh and not copy and not (left is not None and left < HELD_UP) else "info",
        remedies=(
            Remedy("Make them parameters of the module", "self.weight = nn.Parameter(weight)")
            if plain
            else Remedy(
                "Keep layers in nn.ModuleList or nn.ModuleDict, made once in __init__, and give the optimizer the parameters after that",
                "self.layers = nn.ModuleList(layers)",
                "model.parameters() lists them, and their gradients arrive.",
            ),
        ),
    )


def _fresh(parameter: Parameter | Outside) -> bool:
    """Whether the weights were still evenly spread when the training began, as only a fresh layer's are."""
    std, largest = parameter.init_std, parameter.init_abs_max
    return bool(std and largest and parameter.numel >= ENOUGH and largest / std < UNIFORM)


def _drawn(parameter: Outside) -> bool:
    """Whether many weights stand as they were drawn from a normal distribution: of a spread that somebody chose, and none further out than chance has it."""
    std, largest, count = parameter.init_std, parameter.init_abs_max, parameter.numel
    if not (std and largest and count >= MANY):
        return False
    chosen = float(f"{std:.0e}")
    furthest = math.sqrt(2 * math.log(count))  # of so many, about
    return abs(std / chosen - 1) < CHANCE / math.sqrt(2 * count) and abs(largest / std - furthest) < ABOUT


def _trained(parameter: Parameter) -> bool:
    """Whether it had been trained before: weights that are no longer evenly spread, or a normalisation that does not begin at one."""
    std, largest = parameter.init_std, parameter.init_abs_max
    if parameter.kind == "norm":
        return parameter.name.endswith("weight") and bool(std and std > SPREAD)
    return parameter.kind in LAYERS and bool(
        std and largest and parameter.numel >= ENOUGH and largest / std > 1.2 * UNIFORM
    )


def _untouched(frozen: Sequence[Parameter]) -> bool:
    """Whether normalisations among them stand at one and zero, all of them: no training leaves them so, whatever the other weights are drawn from."""
    norms = [each for each in frozen if each.kind == "norm"]
    ones, zeros = (
        [each for each in norms if each.name.endswith("weight")], [each for each in norms if each.name.endswith("bias")]
    )  # fmt: skip
    return bool(ones and zeros) and all(
        each.init_std == 0 and each.init_abs_max == stand for group, stand in ((ones, 1), (zeros, 0)) for each in group
    )


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


def _frozen(parameters: Parameters, elsewhere: AbstractSet[str], left: float | None) -> Finding | None:
    """Layers frozen by `requires_grad`: worth saying, for it may be on purpose; of layers that never learnt anything it is not, unless
    they follow others that learn, as a momentum encoder does.
    """
    frozen = [each for each in parameters if not each.trainable]
    copy = Counter(each.shape for each in frozen) <= Counter(each.shape for each in parameters if each.trainable)
    follows = (copy and len(frozen) >= SEVERAL) or any(each.module in elsewhere for each in frozen)
    total = sum(each.numel for each in parameters)
    share = sum(each.numel for each in frozen) / total if total else 0.0
    raw = [each for each in frozen if each.kind in LAYERS and _fresh(each)]
    untouched = _untouched(frozen) or (bool(raw) and not any(map(_trained, frozen)))
    harmful = untouched and not follows and left is not None and left > HELD_UP
    if share > FROZEN or harmful:
        names = ", ".join(each.name for each in frozen[:3])
        meant = "they stand as they were drawn at random" if harmful else "fine if that is meant"
        return Finding(
            summary=f"{percent(share)} of the parameters are frozen ({names}, ...): {meant}.",
            confidence=FRESH if harmful else 0.9,
            evidence=[
                Table("Frozen parameters", ["parameter", "elements"], [[each.name, each.numel] for each in frozen])
            ],
            where=[each.name for each in frozen[:10]],
            severity="error" if harmful else "info",
            remedies=(Remedy("Thaw what should learn", "for p in model.parameters():\n    p.requires_grad_(True)"),),
        )
    return None
