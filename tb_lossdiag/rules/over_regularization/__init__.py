"""# Over-regularisation

## What you see

The loss settles early, far above what is possible, in training as in validation. The weights shrink; or the validation loss lies far
below the training loss, which dropout keeps up.

## Why it happens

Weight decay pulls every weight towards zero at each step; where it pulls harder than the loss does, the network can't keep what it
has learnt. Dropout that removes most units leaves too few to learn with, and dropout layers in a row add up: four of 0.6 let
a fortieth of the signal through. Of a layer of two units a dropout of 0.5 often leaves none. Dropout behind the last layer throws away the answers themselves, and blocks that are dropped with the probability of
keeping them are hardly ever there. Where amounts are to be told, the noise of a dropout of 0.5 is an error that no training removes. A penalty in the loss itself does the same: a KL divergence that is
summed beside an error that is averaged silences the layer that it acts on (a variational autoencoder's posterior collapses), and the sum of
all squared weights, times a factor that looks small, is a weight decay of twice that factor. A penalty on activations, such as a sparse code's,
switches units off for good. Adam scales an L2 penalty up where gradients are small or rare, as an embedding's are; AdamW does not.

## What to do

Lower the weight decay by the factor named, or the dropout to 0.1 to 0.5. Add up all terms of a loss in the same way.

## When this is wrong

At the end of a good training the gradient is small and any decay is large beside it. Moderate dropout keeps the training loss a little above
the validation loss, and that is how it should be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tb_lossdiag.finding import Finding, Remedy
from tb_lossdiag.rule import rule
from tb_lossdiag.rules.over_regularization import dropout, pulled, silence
from tb_lossdiag.rules.over_regularization.dropout import TRIED
from tb_lossdiag.rules.over_regularization.pulled import NOTHING, RULES, USUAL
from tb_lossdiag.series import Layers
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.optimizer import Optimizer
from tb_lossdiag.signals.outputs import Contract
from tb_lossdiag.signals.probe import ModeGap
from tb_lossdiag.signals.structure import LossFunction, Modules, Parameters

DEAD = 0.2  # share of the weights that get no gradient, from which on a layer's output shrinks for that reason
LEARNT = 0.5  # share of the loss that is left: below it the layers that matter have learnt
LITTLE = 0.02  # share of the loss that is left: below it not even a penalty that rules the weights is worth a remark
LEFT = 0.08  # share of the loss that is left: below it regularisation did no harm
# share of the loss that is left, and samples for each parameter: there a strong decay may be right (ridge regression)
MUCH_LEARNT, FEW = 0.7, 10
SETTLED = (
    0.2  # share of the loss that is left: below it decay and gradient may merely have come to rest with each other
)


@rule(
    cause="Weight decay or dropout is so strong that the network cannot learn.",
    stage="train",
    severity="error",
    shows_in_loss=False,
    remedies=(Remedy("Lower the weight decay by 10 times"), Remedy("Lower the dropout", "nn.Dropout(0.2)")),
    explains=(
        "class-imbalance",
        "insufficient-capacity",
        "uninformative-features",
        "learning-rate-too-low",
        "vanishing-gradient",
        "undertrained",
        "dead-units",
        "label-noise",
        "train-eval-gap",
        "learning-rate-too-high",  # what holds the loss up holds it against steps of any size
    ),
)
def over_regularization(
    loss_left: float,
    train_shape: Shape,
    decay_share: Layers | None = None,
    penalty_share: Layers | None = None,
    layer_weights: Layers | None = None,
    eval_shape: Shape | None = None,
    settings: Mapping[str, str | float] | None = None,
    activation_scale: Layers | None = None,
    parameters: Parameters | None = None,
    sample_count: float | None = None,
    optimizer: Optimizer | None = None,
    layer_gradients: Layers | None = None,
    quieted: bool | None = None,
    dead_share: Layers | None = None,
    survives: float | None = None,
    mode_gap: ModeGap | None = None,
    loss_function: LossFunction | None = None,
    modules: Modules | None = None,
    contract: Contract | None = None,
) -> Finding | None:
    """Decay that outweighs the gradient while the weights shrink; else dropout that only the training loss suffers from, or whose noise is
    most of what is left where amounts are to be told; else a layer that the loss itself silences.
    """
    chosen = settings or {}
    answers = dropout.behind_the_last(modules or (), contract, loss_left) or dropout.emptied(modules or (), loss_left)
    if answers is not None:
        return answers
    if loss_left > LEFT and quieted and train_shape.level.steps[-1] - train_shape.level.steps[0] >= TRIED:
        found = silence.units(dead_share or {})
        if found is not None:
            return found
    if loss_left > LEFT:
        asked = (
            (pulled.decayed(pulled.asked(decay_share, parameters), layer_weights, chosen, optimizer), decay_share),
            (pulled.penalised(pulled.asked(penalty_share, parameters), layer_weights), penalty_share),
        )
        for found, share in asked:
            if found is not None:
                settled = loss_left < SETTLED and not pulled.early(share, train_shape)
                wanted = (
                    loss_left < MUCH_LEARNT and _few(sample_count, parameters) and (found.factor or 0.0) < RULES / USUAL
                )
                return replace(found, severity="info") if settled or wanted else found
        drops = (
            dropout.drowned(train_shape, survives, loss_left),
            dropout.dropped(train_shape, eval_shape, chosen, loss_left, mode_gap),
            dropout.noisy(train_shape, eval_shape, mode_gap, loss_function, survives, loss_left),
            dropout.unknown(train_shape, eval_shape, mode_gap, modules or (), chosen, loss_left),
        )
        known = [each for each in drops if each is not None]
        surest = max(known, key=lambda each: (each.severity != "info", each.confidence), default=None)
        other = surest or pulled.withered(train_shape, layer_weights, optimizer)
        if other is not None:
            return other
    elif (
        loss_left > LITTLE
        and (found := pulled.penalised(pulled.asked(penalty_share, parameters), layer_weights)) is not None
    ):
        return replace(found, severity="info")
    unused = loss_left < LEARNT and isinstance(decay := chosen.get("weight_decay"), float | int) and decay > NOTHING
    dead = sum(map(silence.left_alone, (layer_gradients or {}).values())) > DEAD * len(layer_gradients or {})
    found = None if dead else silence.layers(activation_scale or {}, parameters or (), unused=unused)
    return found or dropout.much_dropped(train_shape, chosen, loss_left)


def _few(samples: float | None, parameters: Parameters | None) -> bool:
    """Whether there are few samples for each parameter, so that something has to hold the weights down."""
    count = sum(each.numel for each in parameters or ())
    return samples is not None and samples < FEW * count
