"""# Bad initialisation

## What you see

The first loss is far from what guessing gives, or activations shrink or grow from layer to layer. With weights that are
all alike the loss stays where it is.

## Why it happens

Each layer multiplies the scale of what passes by about the spread of its weights times the square root of its inputs. Far from one,
a few layers are enough to lose the signal or blow it up. Weights that are all positive, as `torch.rand` draws them, do not even out: what passes
grows with the number of inputs. Units that start with the same weights stay the same for ever, and two layers in a row that start at zero hold each
other there: each gets its gradient through the other. A loop over all parameters that also draws the scales of
normalisation layers around zero makes each of them shrink what passes.

## What to do

Initialise for the activation in use: He (2015) for ReLU, Glorot (2010) for tanh and sigmoid; biases at zero.

## When this is wrong

The last layer, and the last layer of a residual block, may start at zero on purpose. Normalisation layers forgive most scales.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

from tb_lossdiag.finding import Finding, Remedy
from tb_lossdiag.rule import rule
from tb_lossdiag.rules.bad_initialization import alike, beside, scale
from tb_lossdiag.rules.bad_initialization.alike import MATRIX
from tb_lossdiag.rules.bad_initialization.scale import HELD, NOTHING
from tb_lossdiag.series import Layers, Series
from tb_lossdiag.signals.structure import Modules, Parameters

OVERCOME = 0.02  # share of the loss that is left: below it the start was overcome
GROWN = 0.1  # the same of weights that begin small, whose activation may multiply by itself, as a sine of 30 times its input does (Sitzmann et al. 2020)
MENDED = 0.4  # the same of normalisations, whose few scales are soon learnt: DnCNN starts them small, and is fine


@rule(
    cause="The weights start all alike, far too large or far too small.",
    stage="setup",
    severity="error",
    remedies=(
        Remedy(
            "Initialise for the activation in use",
            "for m in model.modules():\n    if isinstance(m, (nn.Linear, nn.Conv2d)):\n"
            '        nn.init.kaiming_normal_(m.weight, nonlinearity="relu")\n        nn.init.zeros_(m.bias)',
            "The scale of the activations stays within a factor of two from layer to layer, and the first loss is near chance.",
        ),
    ),
    explains=(
        "class-imbalance",
        "label-noise",
        "vanishing-gradient",
        "exploding-gradient",
        "saturated-units",
        "dead-units",
        "learning-rate-too-high",
        "learning-rate-too-low",
        "over-regularization",
        "non-finite-values",
        "undertrained",
        "insufficient-capacity",
        "uninformative-features",
        "parameters-not-updated",
    ),
)
def bad_initialization(
    parameters: Parameters,
    modules: Modules | None = None,
    activation_scale: Layers | None = None,
    train_loss: Series | None = None,
    blank_loss: float | None = None,
    loss_left: float | None = None,
    stacked: bool | None = None,
    recurring: Mapping[str, int] | None = None,
    unchanged: Mapping[str, float] | None = None,
) -> Finding | None:
    """Identical rows first, which only targets of their own could set apart; then the gain of the hidden layers' weights, and what it does to the activations and the first loss."""
    trainable = [each for each in parameters if each.trainable and each.fan_in and not each.of_weight_norm]
    weights = [each for each in trainable if each.kind in {"weight", "recurrent"}]
    if not weights and stacked is not False:  # else nothing is a layer: places and colours of what is drawn
        weights = list(filter(alike.one_sided, trainable))
    own = [] if weights else [each for each in trainable if each.kind == "other" and len(each.shape) >= MATRIX]
    sums = recurring or {}
    again = [replace(each, fan_in=sums[each.name]) for each in trainable if each.name in sums and each not in weights]
    hidden = [*again, *weights[:-1]] if again or len(weights) > 1 else weights
    first, stuck = scale.first(train_loss), loss_left is not None and loss_left > NOTHING
    wide = beside.embedded(parameters, first, blank_loss)
    silenced = beside.muted([each for each in parameters if each.trainable and each.kind == "norm"])
    if silenced is not None:
        return _softened(silenced, loss_left, MENDED)
    symmetric = alike.identical(trainable, own, hidden, loss_left, stacked=stacked is not False)
    if symmetric is not None:
        return symmetric
    if not hidden:
        return _softened(scale.loud(own, first, blank_loss) or scale.quiet(own, stuck=stuck) or wide, loss_left)
    twins = [
        one for one, next_ in pairwise(weights) if alike.constant(one) and one.init_abs_max and alike.constant(next_)
    ]
    if stacked is not False and twins:
        return _softened(alike.for_good(twins), loss_left)
    shut = alike.shut([each for each in weights if each.optimized], unchanged or {})
    if shut is not None:
        return _softened(shut, loss_left)
    held = loss_left is not None and loss_left > HELD
    scaled = scale.scaled(
        hidden, modules, activation_scale, first, blank_loss, alone=len(weights) == 1, stuck=stuck, held=held
    )
    small = scaled is not None and (scaled.factor or 1.0) < 1
    least = GROWN if small and scale.wrapped(hidden, modules or ()) else OVERCOME
    scaled = scaled or scale.single(hidden, modules, first, blank_loss)
    return _softened(scaled or alike.positive(hidden) or wide, loss_left, least) or scale.swelling(
        activation_scale, train_loss
    )


def _softened(found: Finding | None, left: float | None, least: float = OVERCOME) -> Finding | None:
    """A start that was overcome is worth a remark: less than this is left of the loss."""
    overcome = found is not None and left is not None and left < least
    return replace(found, severity="info") if found is not None and overcome else found
