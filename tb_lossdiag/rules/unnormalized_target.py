"""# Unnormalised target

## What you see

The first loss is huge. For a long time progress is only that the predictions reach the targets' average, or the training diverges at
ordinary learning rates.

## Why it happens

A network begins with outputs near 0. Targets in the hundreds make errors, and with them gradients, that large, and the first layers are
thrown about while the last bias travels. Targets of a thousandth make losses and gradients so small that nothing moves.

## What to do

Give the targets zero mean and unit variance, with the statistics of the training set, and undo it for the predictions.

## When this is wrong

A network can learn any scale in the end: where the loss came below the variance of the targets without delay, and no step threw the
weights about, or where less than a hundredth of the variance is left, nothing is reported. Where the last layer's bias starts at the targets' mean, or the model multiplies its outputs up, the
scale is no hindrance. A loss of one's own that is a sum over many values is large, too: its targets are not seen, and only an output that
travels far makes a remark.
"""

from __future__ import annotations

import math

import numpy as np

from tb_lossdiag.evidence import Bars, Curve, Evidence, Line, Mark, Table
from tb_lossdiag.finding import REMARK, Finding, Remedy, confidence
from tb_lossdiag.rule import Lacking, rule
from tb_lossdiag.series import Layers, Series, middle
from tb_lossdiag.signals.data import Features
from tb_lossdiag.signals.gradients import growth
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.optimizer import Optimizer
from tb_lossdiag.signals.outputs import Contract, Outputs
from tb_lossdiag.signals.structure import LossFunction, Parameters

DOUBTFUL, CERTAIN = 8.0, 25.0  # root mean square of the largest target: standardised ones have 1, ratings up to 5
LARGE = 14.0  # worth a remark where something is left; beyond CERTAIN in any case
TINY = 0.02  # targets all below this leave a squared error below 4e-4, and gradients with it
REACHED = 0.3  # share of the targets' scale that the outputs begin with: then they start near enough
LEARNT, BLIND = 0.6, 0.9  # last loss over the variance of the targets: explained by the inputs, or not at all
GONE = 0.01  # share of the variance: below it nothing was in the way
NEARLY_GONE = 0.05  # ... and below this it was overcome
MOVED, STILL = 0.5, 0.15  # range of the last outputs over the deviation of the targets: less than it, or next to none
LATE = 1 / 3
ABOVE = 1.3  # times the variance: a loss above it has not even found the targets' mean ...
LONG, MOST = 0.3, 0.6  # ... for this share of the run
OVERSHOT, THROWN = 0.15, 0.4  # largest early update / weights of plain gradient steps, which are as large as the errors
# orders of magnitude that the gradient norm grows by, as later layers' weights do on the way to far targets: healthy ones move by a factor of ten
GROWN, FAR_GROWN = 2.0, 3.0
FIRST = 20  # points at the start that are always logged
# outputs of a last layer; spread over samples as a share of their size: with less the offset is what has been learnt
FEW, ALIKE = 8, 0.25
TOGETHER = 3  # looks whose median counts
UNSEEN = 0.75  # how sure an output makes us whose targets nobody has seen
SHOWN = 30  # components in the picture
SQUARED = {"MSELoss", "mse_loss"}
ABSOLUTE = {"L1Loss", "l1_loss", "SmoothL1Loss", "smooth_l1_loss", "HuberLoss", "huber_loss"}


@rule(
    cause="The targets are on a large (or tiny) scale or far from zero, where the network's outputs do not begin.",
    stage="setup",
    severity="error",
    remedies=(
        Remedy(
            "Standardise the targets with the training set's statistics, and undo it for predictions",
            "mean, std = y_train.mean(0), y_train.std(0)\ny = (y - mean) / std  # prediction * std + mean to undo it",
            "A first loss near 1, and a loss that falls below it within the first epochs.",
        ),
        Remedy("Or start the last layer's bias at the targets' mean", "nn.init.constant_(last.bias, y_train.mean())"),
    ),
    explains=(
        "learning-rate-too-high",
        "learning-rate-too-low",
        "learning-rate-not-decayed",
        "exploding-gradient",
        "vanishing-gradient",
        "non-finite-values",
        "dead-units",
        "saturated-units",
        "undertrained",
        "insufficient-capacity",
        "uninformative-features",
        "optimizer-mismatch",
        "over-regularization",
        "batch-too-small",
        "batch-too-large",
    ),
)
def unnormalized_target(
    train_loss: Series,
    contract: Contract | None = None,
    loss_function: LossFunction | None = None,
    target_range: Features | None = None,
    train_shape: Shape | None = None,
    outputs: Outputs | None = None,
    update_ratio: Series | None = None,
    optimizer: Optimizer | None = None,
    activation_scale: Layers | None = None,
    output_spread: Layers | None = None,
    parameters: Parameters | None = None,
    grad_norm: Series | None = None,
) -> Finding | None:
    """The scale of the largest target, where the loss shows that it was a hindrance; a very large one is worth a remark at least. Where nobody has
    seen the targets, an output that is on its way to them.
    """
    if contract is None or loss_function is None:
        travels = _travels(activation_scale or {}, output_spread or {}, parameters or (), train_shape)
        if travels is None:
            raise Lacking("loss_function" if loss_function is None else "contract")
        return travels
    amounts = loss_function.type in SQUARED | ABSOLUTE and contract.output == contract.target
    runs_away = _linear(parameters or ()) and not train_loss.values[-1] <= train_loss.values[0]
    if target_range is None or not amounts or not len(target_range.mean) or runs_away:  # classes have no scale
        return None
    scale = np.sqrt(np.square(target_range.mean) + np.square(target_range.std))
    largest = float(scale.max())
    begun = float(np.abs(outputs.mean[0]).max()) if outputs is not None else 0.0
    if not largest > 0 or begun > REACHED * largest > 0:
        return None
    sure = max(
        confidence(math.log(largest), doubtful=math.log(DOUBTFUL), certain=math.log(CERTAIN)),
        confidence(math.log(largest), doubtful=math.log(TINY), certain=math.log(TINY / 10)),
    )
    left = _left(target_range, loss_function, train_loss, train_shape)
    if left is not None and left < GONE:
        return None
    harm = max(
        confidence(left, doubtful=LEARNT, certain=BLIND) if left is not None else 0.0,
        _still(target_range, outputs, int(np.argmax(scale))),
        _long(_reference(target_range, loss_function), train_shape),
        _thrown(optimizer, update_ratio),
        _swept(grad_norm) if largest > CERTAIN else 0.0,
    )
    huge = left is not None and (largest > CERTAIN or (largest > LARGE and left > NEARLY_GONE))
    beside = harm <= 0.5 and huge  # noqa: PLR2004  (worth knowing, though nothing shows that it was in the way)
    if huge:
        harm = max(harm, REMARK)
    if min(sure, harm) > 0.5:  # noqa: PLR2004  (as sure as not)
        first = int(np.argmax(scale))
        return Finding(
            summary=_summary(target_range, first, largest),
            confidence=min(sure, harm),
            since=0,
            where=[target_range.names[first]],
            evidence=_evidence(target_range, scale, loss_function, train_loss),
            factor=largest,
            severity="info" if beside or (left is not None and left < NEARLY_GONE) else None,
        )
    return None


def _linear(parameters: Parameters) -> bool:
    """Whether there is a single layer: that its loss runs away is a matter of its inputs and of the rate, whatever the targets are."""
    return sum(len(each.shape) > 1 for each in parameters) == 1


def _travels(scale: Layers, spread: Layers, parameters: Parameters, form: Shape | None) -> Finding | None:
    """The output of a small last layer that has come far from 0 and hardly differs between samples, under a loss that began as high as squares of such
    targets are: progress so far was to reach their average.
    """
    narrow = {each.module for each in parameters if len(each.shape) > 1 and each.shape[0] <= FEW}
    if form is None or form.first < CERTAIN**2:
        return None
    for name in (each for each in scale if each in narrow and each in spread):
        known, alike = scale[name].finite().values, spread[name].tail(LATE)
        if len(known) < FIRST or not len(alike) or not middle(alike) < ALIKE:
            continue
        begun = float(np.median(known[:TOGETHER]))
        reached = float(np.median(np.lib.stride_tricks.sliding_window_view(known, TOGETHER), axis=1).max())
        if begun < 1 and reached > DOUBTFUL:
            return Finding(
                summary=f"The targets seem to lie far from 0: the output of {name} has come from {begun:.2g} to {reached:.3g} on its way to them, hardly "
                f"differs from sample to sample, and the loss began at {form.first:,.3g}.",
                confidence=min(
                    confidence(math.log(reached), doubtful=math.log(DOUBTFUL), certain=math.log(CERTAIN)), UNSEEN
                ),
                since=0,
                where=[name],
                severity="info",
                evidence=[
                    Curve("Size of the output", [Line(name, "observed", scale[name])], "norm", [], "log"),
                    Curve("Training loss, smoothed", [Line("train", "observed", form.level)], "loss", [], "log"),
                ],
            )
    return None


def _reference(targets: Features, loss: LossFunction) -> float | None:
    """The loss of predicting each component's mean: the variance, or nearly the deviation where errors count as they are."""
    if loss.settings.get("reduction", "mean") != "mean":
        return None
    if loss.type in SQUARED:
        return float(np.mean(np.square(targets.std)))
    return (
        0.8 * float(np.mean(targets.std)) if loss.type in ABSOLUTE else None
    )  # sqrt(2 / pi): a normal's mean distance


def _left(targets: Features, loss: LossFunction, curve: Series, form: Shape | None) -> float | None:
    """The last loss over that of predicting the mean; infinite where the loss no longer is a number."""
    reference = _reference(targets, loss)
    if not reference or not len(curve):
        return None
    if not np.isfinite(curve.values[-1]):
        return math.inf
    return form.last / reference if form is not None else None


def _long(reference: float | None, form: Shape | None) -> float:
    """How sure the time makes us that it took to find the targets' mean."""
    if not reference or form is None:
        return 0.0
    return confidence(float(np.mean(form.level.values > ABOVE * reference)), doubtful=LONG, certain=MOST)


def _thrown(optimizer: Optimizer | None, ratio: Series | None) -> float:
    """How sure early steps make us that the errors' size threw the weights about; adaptive optimizers do not heed it."""
    if optimizer is None or optimizer.is_adaptive or ratio is None:
        return 0.0
    fastest = float(ratio.finite().values[:FIRST].max(initial=0.0))
    return confidence(math.log(fastest), doubtful=math.log(OVERSHOT), certain=math.log(THROWN)) if fastest > 0 else 0.0


def _swept(norm: Series | None) -> float:
    """How sure the gradient makes us that the way to far targets was what made it grow."""
    grown = growth(norm, GROWN) if norm is not None else None
    return confidence(grown.orders, doubtful=GROWN, certain=FAR_GROWN) if grown is not None else 0.0


def _still(targets: Features, outputs: Outputs | None, component: int) -> float:
    """How sure the late outputs make us that they have not yet spread as the targets do."""
    if outputs is None or outputs.mean.shape[1] != len(targets.mean) or not targets.std[component] > 0:
        return 0.0
    late = max(1, round(LATE * len(outputs.steps)))
    spread = float(np.median(outputs.max[-late:, component] - outputs.min[-late:, component])) / float(
        targets.std[component]
    )
    return confidence(math.log(spread), doubtful=math.log(MOVED), certain=math.log(STILL)) if spread > 0 else 0.0


def _summary(targets: Features, first: int, largest: float) -> str:
    name = targets.names[first] if len(targets.names) > 1 else "they"
    if largest < 1:
        return f"The targets are tiny: {name} have a scale of {largest:.2g} where 1 is usual."
    return (
        f"The targets are not normalised: {name} have a mean of {targets.mean[first]:,.3g} and a deviation of "
        f"{targets.std[first]:,.3g}, and the outputs begin near 0."
    )


def _evidence(targets: Features, scale: np.ndarray, loss: LossFunction, curve: Series) -> list[Evidence]:
    order = np.argsort(-scale)[:SHOWN]
    shown = np.sort(order)
    rows = [
        [targets.names[i], *(float(each[i]) for each in (targets.mean, targets.std, targets.min, targets.max))]
        for i in order
    ]
    reference = _reference(targets, loss)
    marks = [Mark("level", "loss of predicting the mean", reference)] if reference else []
    return [
        Bars(
            "Scale of the targets (root mean square)",
            [targets.names[i] for i in shown],
            [float(scale[i]) for i in shown],
            "value",
            1.0,
            "log",
        ),
        Curve("Training loss", [Line("train", "observed", curve)], "loss", marks, "log"),
        Table("Targets, largest first", ["component", "mean", "std", "min", "max"], rows),
    ]
