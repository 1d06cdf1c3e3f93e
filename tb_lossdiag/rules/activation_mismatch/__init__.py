"""# Activation does not fit

## What you see

The loss stops well above zero. Predictions crowd at a limit, and some targets or classes are never reached.

## Why it happens

An activation at the end decides what the network can say at all: a ReLU no negative number, a sigmoid nothing outside 0 to 1, a tanh
nothing outside -1 to 1, nor do the states of a recurrent layer reach further. A softmax gives its classes a total of 1 to share: wrong where a sample has several of them, or none, and wrong
between layers, where little of the signal and hardly any gradient gets through. A loss that takes the logarithm of shares itself needs them: of a linear
layer's numbers all that are below 0 are cut off before the logarithm, and get no gradient. And where the loss holds second derivatives of the network by
its inputs, as that of a physics-informed network does, a ReLU has none: its pieces are straight.

## What to do

Let the last layer be linear, or bring the targets into the range of the activation. Where several classes may be right at once, give each
a sigmoid of its own. Give a generator the range of its data. Between layers use ReLU or GELU; tanh, SiLU or sine where second derivatives are taken.

## When this is wrong

An output activation is right where it can produce all targets: a sigmoid for shares, a ReLU or softplus for amounts that are never
negative. A few targets beyond the limit do little harm. A softmax that weighs (attention, mixtures, topics) belongs where it is.
"""

from __future__ import annotations

import math

from tb_lossdiag.finding import Finding, Remedy
from tb_lossdiag.rule import Lacking, rule
from tb_lossdiag.rules.activation_mismatch import reach, stuck, within
from tb_lossdiag.rules.activation_mismatch.reach import DIFFERENCES, SCORES
from tb_lossdiag.rules.activation_mismatch.stuck import BATCHES, UNLEARNT
from tb_lossdiag.rules.activation_mismatch.within import PIECEWISE
from tb_lossdiag.series import Series
from tb_lossdiag.signals.chains import Chains
from tb_lossdiag.signals.data import Features, Targets
from tb_lossdiag.signals.limits import Limit
from tb_lossdiag.signals.loss import Shape, signed
from tb_lossdiag.signals.outputs import Contract, Imitation, Outputs
from tb_lossdiag.signals.structure import LossFunction, Module, Modules

CLASSES = {"classification", "binary"}


@rule(
    cause="An activation keeps the network from saying what it should: at the output, a softmax between layers, or one without the derivatives that the loss takes.",
    stage="setup",
    severity="error",
    shows_in_loss=False,
    remedies=(Remedy("Let the last layer be linear", "nn.Linear(width, targets)  # and no activation after it"),),
    explains=(
        "class-imbalance",
        "dead-units",
        "saturated-units",
        "vanishing-gradient",
        "learning-rate-too-low",
        "learning-rate-not-decayed",
        "undertrained",
        "insufficient-capacity",
        "uninformative-features",
        "over-regularization",
        "batch-too-small",
        "batch-too-large",
        "parameters-not-updated",
        "non-finite-values",
    ),
)
def activation_mismatch(
    modules: Modules,
    loss_function: LossFunction | None = None,
    outputs: Outputs | None = None,
    output_limit: Limit | None = None,
    target_range: Features | None = None,
    last_module: Module | None = None,
    chains: Chains | None = None,
    loss_left: float | None = None,
    least_left: float | None = None,
    train_loss: Series | None = None,
    targets: Targets | None = None,
    flat_derivative: bool | None = None,
    imitation: Imitation | None = None,
    train_shape: Shape | None = None,
    finished: bool | None = None,
    hidden_shares: tuple[int, ...] | None = None,
    raw_logarithm: bool | None = None,
    contract: Contract | None = None,
) -> Finding | None:
    """Second derivatives that are zero everywhere; the range that the outputs never leave, held against the targets or the data that they
    imitate; else what saturates between layers.
    """
    if flat_derivative and (last_module is None or last_module.type not in PIECEWISE):
        return within.flat(modules)
    fake = reach.imitates(imitation) if imitation is not None else None
    if fake is not None:
        return fake
    left = loss_left if loss_left is not None else 0.0
    if raw_logarithm and left > UNLEARNT and _of_classes(contract, target_range):
        return within.raw_logarithm(last_module)
    alone = stuck.at_an_end(outputs, output_limit, last_module, left) if outputs is not None else None
    if alone is not None:
        return alone
    if outputs is not None and loss_function is not None and len(outputs.steps) >= BATCHES:
        least = least_left if least_left is not None else math.nan
        found = (
            reach.at_the_end(output_limit, loss_function, outputs, target_range, least)
            or reach.own_loss(output_limit, loss_function, outputs, targets, least)
            or reach.behind_logarithms(last_module, loss_function, outputs, least)
        )
        if loss_function.type not in DIFFERENCES | SCORES and train_loss is not None and signed(train_loss):
            found = None  # no distance: what it is given beside the output may be a return or an advantage
        found = found or reach.several_at_once(outputs, target_range, last_module, loss_function)
        if found is not None:
            return found
    between = (
        within.hidden_softmax(chains or (), left)
        or within.shares(hidden_shares or (), left)
        or within.sigmoids(modules, last_module, within.reached(left, train_shape), goes_on=finished is False)
    )
    if between is None and (outputs is None or loss_function is None):
        raise Lacking(
            *(name for name, each in (("loss_function", loss_function), ("outputs", outputs)) if each is None)
        )
    return between


def _of_classes(contract: Contract | None, targets: Features | None) -> bool:
    """Whether targets are classes, or each is 0 or 1."""
    return (contract is not None and contract.task in CLASSES) or (targets is not None and targets.yes_or_no)
