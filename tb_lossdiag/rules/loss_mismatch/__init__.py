"""# Loss and output do not match

## What you see

The loss stops at a floor far above zero although the accuracy may be fair, or it does not fall at all, or it is negative, or it rises from the
first step on.

## Why it happens

The loss function expects something else than it gets. Cross-entropy applies its own softmax: given shares between 0 and 1 it cannot
fall below ln(1 + (C - 1) / e) for C classes. Where a sample has several classes at once, its softmax lets them compete. A divergence of probabilities that were not turned into logarithms falls below 0, and so does a CTC loss whose blank is one of the symbols, or that is given raw scores.
Binary cross-entropy of targets beyond 0 and 1 has no lower bound at all. Losses of pairs take labels 1 and -1, and a 0 for neither. A prediction of shape (B, 1) against a target of shape (B) compares each sample
with every other. A softmax along the batch compares samples instead of classes. A sum over the batch multiplies each step by the batch size.
`PoissonNLLLoss` takes the logarithm of a rate unless it is told otherwise. A language model's targets that the data set has moved by one place are moved once more by a
model that computes its loss itself. Padding that a loss counts is learnt in place of words. Errors that are averaged before they
are squared cancel each other, and a cross-entropy whose prediction and target are exchanged is linear in the prediction. Absolute errors of amounts that are mostly 0 are least where all is 0. And where a sign is wrong, training walks uphill, or away without end.
A likeness such as Dice that is minimised, or a focal weight turned round, makes wrong answers worse. A cross-entropy of which the half for
"no" is left out, as that of classes is for a single output, is least where all is "yes".

## What to do

Give the loss what it expects: raw scores to `CrossEntropyLoss` and `BCEWithLogitsLoss`, logarithms of shares to `NLLLoss` and `KLDivLoss`,
equal shapes to losses of differences. Average over the batch, without padding. What an optimizer is given it makes as small as it can.

## When this is wrong

A sum over the batch is no fault where the learning rate was chosen for it, nor where the optimizer scales steps by itself.
Labels that say that two things belong together ask for small distances, and a policy may be told not to do a thing again: neither is a loss turned round.
A LogSoftmax before cross-entropy is superfluous but changes nothing. Ratings and counts are whole numbers, yet no classes.
"""

from __future__ import annotations

from collections.abc import Mapping

from tb_lossdiag.finding import Finding, Remedy
from tb_lossdiag.rule import Lacking, rule
from tb_lossdiag.rules.loss_mismatch import aims, bounds, choice, constant, scores, shapes
from tb_lossdiag.series import Series
from tb_lossdiag.signals.data import Features
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.optimizer import Optimizer
from tb_lossdiag.signals.outputs import Contract, Outputs
from tb_lossdiag.signals.probe import Answers
from tb_lossdiag.signals.structure import LossFunction, Module
from tb_lossdiag.signals.towards import Towards


@rule(
    cause="The loss function does not fit what the model puts out, or what it is compared with.",
    stage="setup",
    severity="error",
    shows_in_loss=False,
    remedies=(
        Remedy(
            "Give the loss what it expects: raw scores to CrossEntropyLoss and BCEWithLogitsLoss, equal shapes to MSELoss"
        ),
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
        "over-regularization",
        "optimizer-mismatch",
        "batch-too-small",
        "batch-too-large",
        "overfitting",
        "class-imbalance",
        "parameters-not-updated",
    ),
)
def loss_mismatch(
    loss_function: LossFunction | None = None,
    contract: Contract | None = None,
    outputs: Outputs | None = None,
    target_range: Features | None = None,
    last_module: Module | None = None,
    update_ratio: Series | None = None,
    optimizer: Optimizer | None = None,
    train_loss: Series | None = None,
    loss_left: float | None = None,
    divergence_of_shares: bool | None = None,
    train_shape: Shape | None = None,
    grad_cosine: Series | None = None,
    model_count: int | None = None,
    class_answers: Mapping[str, Answers] | None = None,
    ahead: int | None = None,
    padding: tuple[int, float] | None = None,
    aim: str | None = None,
    whole_targets: float | None = None,
    towards: Towards | None = None,
    eval_shape: Shape | None = None,
) -> Finding | None:
    """What arrives at the loss, held against what that loss is defined for; the surest contradiction is told."""
    whatever = bounds.divergence_of_shares() if divergence_of_shares else bounds.bottomless(train_shape)
    whatever = whatever or (bounds.always_zero(train_loss) if (model_count or 1) == 1 else None)
    whatever = whatever or choice.too_far_ahead(ahead) or aims.aimed_elsewhere(aim, train_loss)
    whatever = whatever or aims.pulled_away(towards, evaluated=eval_shape is not None and (model_count or 1) == 1)
    if whatever is not None:
        return whatever
    padded = choice.counted_padding(padding)
    if loss_function is None or contract is None:
        if padded is not None:
            return padded
        raise Lacking("loss_function" if loss_function is None else "contract")
    supervised = loss_function.is_cross_entropy or loss_function.is_binary_cross_entropy or loss_function.is_distance
    uphill = bounds.uphill(train_shape, update_ratio, grad_cosine) if supervised and model_count == 1 else None
    return (
        shapes.unequal(loss_function, contract)
        or shapes.single_class(loss_function, contract)
        or shapes.over_the_batch(contract)
        or scores.squeezed(loss_function, contract, outputs, last_module, train_loss)
        or scores.several(loss_function, target_range, loss_left)
        or scores.no_logarithms(loss_function, outputs)
        or scores.no_low_rates(loss_function, outputs, target_range, last_module)
        or bounds.no_divergence(loss_function, train_loss)
        or bounds.blanks_in_targets(loss_function, train_loss)
        or bounds.no_shares(loss_function, target_range, train_loss)
        or bounds.unsigned(loss_function, target_range)
        or uphill
        or choice.summed(loss_function, contract, optimizer, update_ratio, loss_left)
        or choice.squared_labels(loss_function, target_range, loss_left, whole_targets)
        or choice.median_of_zeros(loss_function, target_range, outputs, train_shape)
        or constant.satisfied(loss_function, outputs, target_range, train_shape)
        or choice.left_out(contract, (class_answers or {}).get("val"))
        or padded
    )
