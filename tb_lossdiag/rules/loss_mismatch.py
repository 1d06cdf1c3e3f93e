"""# Loss and output do not match

## What you see

The loss stops at a floor far above zero although the accuracy may be fair, or it does not fall at all, or it is negative, or it rises from the
first step on.

## Why it happens

The loss function expects something else than it gets. Cross-entropy applies its own softmax: given shares between 0 and 1 it cannot
fall below ln(1 + (C - 1) / e) for C classes. A divergence of probabilities that were not turned into logarithms falls below 0.
Binary cross-entropy of targets beyond 0 and 1 has no lower bound at all. A prediction of shape (B, 1) against a target of shape (B) compares each sample
with every other. A softmax along the batch compares samples instead of classes. A sum over the batch multiplies each step by the batch size.
`PoissonNLLLoss` takes the logarithm of a rate unless it is told otherwise. And where a sign is wrong, training walks uphill, or away without end.

## What to do

Give the loss what it expects: raw scores to `CrossEntropyLoss` and `BCEWithLogitsLoss`, logarithms of shares to `NLLLoss` and `KLDivLoss`,
equal shapes to losses of differences. Average over the batch. What an optimizer is given it makes as small as it can.

## When this is wrong

A sum over the batch is no fault where the learning rate was chosen for it, nor where the optimizer scales steps by itself.
A LogSoftmax before cross-entropy is superfluous but changes nothing. Ratings and counts are whole numbers, yet no classes.
"""

from __future__ import annotations

import math

import numpy as np

from tb_lossdiag.evidence import Curve, Evidence, Fact, Line, Mark
from tb_lossdiag.finding import Finding, Remedy, confidence
from tb_lossdiag.rule import Lacking, rule
from tb_lossdiag.series import Series
from tb_lossdiag.signals.data import Features
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.optimizer import Optimizer
from tb_lossdiag.signals.outputs import Contract, Outputs
from tb_lossdiag.signals.structure import LossFunction, Module

CERTAIN = 0.97  # what arrives at the loss is measured, and the loss function's definition rules it out
BATCHES = 4  # so many outputs must all lie in range before the range is a rule and no chance
CLOSE = (
    0.03  # outputs come so near to both ends of their range, and never cross them: only a squeezing function does that
)
HALFWAY = 0.5  # of that distance, which a network gets to that learns something
TOTAL = 0.02  # from 1, that the shares of one-hot targets add up to
ONE = 1e-3  # from 1, that the shares of all classes add up to
SUMMED = 0.65  # a sum over the batch is a suspect where a run goes wrong ...
FAST, TOO_FAST = 0.05, 0.2  # ... and the culprit where early steps change the weights by such a share of their size
FIRST = 20  # points at the start that are always logged
MOST_CLASSES = 20  # whole numbers from 0 up to so many are probably class numbers
WHOLE = 0.75  # probably: amounts that end exactly on 0 and on a small whole number are rare ...
MIDDLE = 0.2, 0.8  # ... where their mean lies between these shares of the highest: counts of what is rare lie near 0
YES_OR_NO, ONE_HOT = 0.58, 0.75  # squared errors can learn these too, if slowly: a plain reason comes before them
MEDIAN = 0.9  # ... but the guess that is nearest to one-hot targets by absolute differences is 0 throughout
LEFT = 0.2  # share of the targets' variance that is left: below it squared errors did the job
ALLOWED = 0.5  # share of the loss that is left: below it a rate that allows for a sum did the job
UNCERTAIN = 0.02  # of a divergence below zero: targets that do not quite add up to 1
BELOW = 1e-3  # of a loss below zero: more than rounding
BEYOND = 0.25  # of a target above 1 or below 0: the soft labels of adversarial training go up to 1.2 on purpose

CROSS_ENTROPY = {"CrossEntropyLoss", "cross_entropy"}
NEGATIVE_LIKELIHOOD = {"NLLLoss", "nll_loss"}
BOTTOM, STEADY, RUNS_AWAY = (
    100.0,
    0.4,
    0.85,
)  # times the first loss, or 1, below 0; share of the fall in the last third: a straight line makes a third; and how sure that makes us
UPWARDS, ALL_ALONG = 3.0, 0.85  # last loss over the first, and share of the levels that lie above the one before
ORDINARY, AGREEING, SAME_WAY = (
    0.1,
    10,
    0.3,
)  # largest update / weights; looks at consecutive gradients, and their cosine
COUNTED = {"PoissonNLLLoss", "poisson_nll_loss"}
PRESSED = 0.01  # least output of a batch that cannot go below 0, and would
DIVERGENCE = {"KLDivLoss", "kl_div"}
WITH_LOGITS = {"BCEWithLogitsLoss", "binary_cross_entropy_with_logits"}
SQUARED = {"MSELoss", "mse_loss"}


@rule(
    cause="The loss function does not fit what the model puts out, or what it is compared with.",
    stage="setup",
    severity="error",
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
) -> Finding | None:
    """What arrives at the loss, held against what that loss is defined for; the surest contradiction is told."""
    whatever = _divergence_of_shares() if divergence_of_shares else _bottomless(train_shape)
    if whatever is not None:
        return whatever
    if loss_function is None or contract is None:
        raise Lacking("loss_function" if loss_function is None else "contract")
    supervised = loss_function.is_cross_entropy or loss_function.is_binary_cross_entropy or loss_function.is_distance
    uphill = _uphill(train_shape, update_ratio, grad_cosine) if supervised and model_count == 1 else None
    return (
        _shapes(loss_function, contract)
        or _single_class(loss_function, contract)
        or _over_the_batch(contract)
        or _squeezed(loss_function, contract, outputs, last_module, train_loss)
        or _no_logarithms(loss_function, outputs)
        or _no_low_rates(loss_function, outputs, target_range)
        or _no_divergence(loss_function, train_loss)
        or _no_shares(loss_function, target_range, train_loss)
        or uphill
        or _summed(loss_function, contract, optimizer, update_ratio, loss_left)
        or _squared_labels(loss_function, target_range, loss_left)
    )


def _shapes(loss: LossFunction, contract: Contract) -> Finding | None:
    """Prediction and target of different shapes, which torch stretches to fit each other."""
    if loss.is_distance and contract.output != contract.target and contract.batch > 1:
        output, target = _shape(contract.output), _shape(contract.target)
        lacking = len(contract.output) > len(contract.target)
        further = len(contract.output) > len(contract.target) + 1
        code = (
            "loss_fn(prediction.flatten(1), target)"
            if further
            else "loss_fn(prediction.squeeze(1), target)"
            if lacking
            else "loss_fn(prediction, target.squeeze(1))"
        )
        return Finding(
            summary=f"{loss.type} gets a prediction of shape {output} and a target of shape {target}: "
            f"each of {contract.batch} samples is compared with all others.",
            confidence=0.99,
            since=0,
            evidence=[Fact("Shape of the prediction", output, "value", target, "that of the target")],
            remedies=[Remedy("Give both the same shape", code, "A loss that falls below the variance of the targets.")],
        )
    return None


def _single_class(loss: LossFunction, contract: Contract) -> Finding | None:
    """Cross-entropy over one class: the softmax of a single number is 1, whatever the number."""
    if loss.type in CROSS_ENTROPY and contract.output[:1] == (1,):
        return Finding(
            summary=f"{loss.type} gets 1 score for each sample: its softmax is always 1, so nothing can be learnt.",
            confidence=0.99,
            since=0,
            evidence=[Fact("Scores for each sample", 1, "count", 2, "at least one for each class")],
            remedies=[
                Remedy("Use the loss for a single score", "nn.BCEWithLogitsLoss()", "A loss that is not constant.")
            ],
        )
    return None


def _over_the_batch(contract: Contract) -> Finding | None:
    """A softmax along the axis of the samples: each class shares out 1 among the samples of the batch."""
    if not contract.over_batch:
        return None
    return Finding(
        summary="The outputs add up to 1 over the samples of the batch instead of over the classes of a sample: the softmax goes along the wrong axis.",
        confidence=0.99,
        since=0,
        evidence=[
            Fact("Samples that share a total of 1", contract.batch, "count", 1, "the classes of one sample should")
        ],
        remedies=[
            Remedy(
                "Take the softmax along the classes",
                "F.log_softmax(scores, dim=1)",
                "Outputs of a sample that do not depend on the others in its batch.",
            )
        ],
    )


def _squeezed(
    loss: LossFunction, contract: Contract, outputs: Outputs | None, last: Module | None, curve: Series | None
) -> Finding | None:
    """Outputs between 0 and 1 where raw scores are expected."""
    again = outputs is not None and loss.type in NEGATIVE_LIKELIHOOD and _twice(outputs, last)
    if outputs is None or not (again or loss.type in CROSS_ENTROPY | WITH_LOGITS):
        return None
    function = last.type.lower() if again and last is not None else _squeezer(outputs, last)
    called = "cross_entropy" if again else loss.type
    least, most = (0.0, 1.0) if again else (outputs.min.min(), outputs.max.max())
    if function and len(outputs.steps) >= BATCHES:
        floor = _floor(loss, contract)
        name = f"{last.name} ({last.type})" if last is not None and last.type.lower() == function else f"a {function}"
        best = f": it cannot fall below {floor:.3g}" if floor else ""
        return Finding(
            summary=f"{called} expects raw scores and gets the result of {name}, between {least:.2g} and {most:.2g}{best}.",
            confidence=CERTAIN,
            since=0,
            where=[last.name] if last is not None and last.type.lower() == function else [],
            evidence=_range(outputs, "0 and 1: shares, not scores", 0.0, 1.0) + _floored(curve, floor),
            remedies=[
                Remedy(
                    f"Remove the {function} from the model: {called} applies its own",
                    "",
                    "A loss that falls below its present floor, and larger gradients from the start.",
                )
            ],
        )
    return None


def _twice(outputs: Outputs, last: Module | None) -> bool:
    """Whether logarithms of shares, as `F.cross_entropy` takes them, are those of shares again: then no two of a sample are further apart than 1."""
    widths = outputs.max.max(axis=1) - outputs.min.min(axis=1)
    squeezed = last is not None and last.type in {"Sigmoid", "Softmax"} and float(outputs.max.max()) < 0
    return squeezed and HALFWAY < float(widths.max()) <= 1 + ONE


def _squeezer(outputs: Outputs, last: Module | None) -> str | None:
    """Which function the outputs come from, by their values and by the model's last module: softmax or sigmoid."""
    low, high = float(outputs.min.min()), float(outputs.max.max())
    if not (low >= 0 and high <= 1 + ONE):
        return None
    components = outputs.mean.shape[1]
    if components > 1 and bool(np.all(np.abs(outputs.mean.sum(axis=1) - 1) < ONE)):
        return "softmax"
    if last is not None and last.type in {"Sigmoid", "Softmax"}:
        return last.type.lower()
    touches = low < CLOSE and high > 1 - CLOSE and bool(np.mean(outputs.min.min(axis=1) > 0) > 0.5)  # noqa: PLR2004  (a ReLU's is 0)
    return "sigmoid" if touches else None


def _floor(loss: LossFunction, contract: Contract) -> float | None:
    """The lowest cross-entropy of scores between 0 and 1: 1 for the right class, 0 for all others."""
    if loss.type in WITH_LOGITS:
        return None  # ln(1 + 1/e) for a positive sample and ln 2 for a negative one: it depends on their shares
    classes = contract.classes or (contract.output[0] if contract.output else 0)
    return math.log1p((classes - 1) / math.e) if classes > 1 and loss.is_cross_entropy else None


def _floored(curve: Series | None, floor: float | None) -> list[Evidence]:
    if curve is None or floor is None:
        return []
    mark = Mark("level", "lowest possible with outputs between 0 and 1", floor)
    return [Curve("Training loss", [Line("train", "observed", curve)], "loss", [mark])]


def _range(outputs: Outputs, label: str, *levels: float) -> list[Evidence]:
    lines = [
        Line("largest output", "observed", Series(outputs.steps, outputs.max.max(axis=1))),
        Line("smallest output", "observed", Series(outputs.steps, outputs.min.min(axis=1))),
    ]
    return [
        Curve("Range of the outputs, batch by batch", lines, "value", [Mark("level", label, each) for each in levels])
    ]


def _no_logarithms(loss: LossFunction, outputs: Outputs | None) -> Finding | None:
    """NLLLoss with anything above 0: logarithms of shares never are."""
    if loss.type not in NEGATIVE_LIKELIHOOD or outputs is None or len(outputs.steps) < BATCHES:
        return None
    above = float(np.mean(outputs.max.max(axis=1) > ONE))
    if above > 0.5:  # noqa: PLR2004  (most batches)
        highest = float(outputs.max.max())
        return Finding(
            summary=f"{loss.type} expects logarithms of probabilities, none above 0, and gets values up to {highest:.3g}.",
            confidence=CERTAIN,
            since=0,
            evidence=_range(outputs, "highest logarithm of a probability", 0.0),
            remedies=[
                Remedy(
                    "End the model with nn.LogSoftmax(dim=1), or use nn.CrossEntropyLoss() on raw scores",
                    "nn.CrossEntropyLoss()",
                )
            ],
        )
    return None


def _no_low_rates(loss: LossFunction, outputs: Outputs | None, targets: Features | None) -> Finding | None:
    """The logarithm of a rate that cannot be negative, as a softplus leaves it, where most counts are 0 and 1: it is pressed against 0."""
    if loss.type not in COUNTED or loss.settings.get("log_input", True) is False or outputs is None or targets is None:
        return None
    late = outputs.min[-max(1, len(outputs.steps) // 3) :].min(axis=1)
    pressed = float(outputs.min.min()) >= 0 and float(np.median(late)) < PRESSED
    if len(outputs.steps) < BATCHES or not pressed or not float(targets.mean.min()) < 1:
        return None
    return Finding(
        summary=f"{loss.type} takes the logarithm of a rate (log_input=True), and the outputs never go below 0: they cannot say a rate below 1, and the "
        f"counts are {float(targets.mean.min()):.3g} on average.",
        confidence=CERTAIN,
        since=0,
        evidence=_range(outputs, "least output", 0.0),
        remedies=[
            Remedy(
                "Say that the output is the rate itself, or leave out the activation before the loss",
                "nn.PoissonNLLLoss(log_input=False)",
                "Predictions whose mean is that of the counts.",
            )
        ],
    )


def _bottomless(form: Shape | None) -> Finding | None:
    """A loss that begins near 0 and runs away below it, no slower in the end: likelihoods go below 0 as well, but slow down."""
    if form is None or not form.last < -BOTTOM * max(1.0, abs(form.first)) or form.late_fall < STEADY * form.fall:
        return None
    return Finding(
        summary=f"The loss has no bottom: it runs from {form.first:.3g} to {form.last:,.3g}, faster and faster, as where a sign is wrong and something grows that "
        "should shrink.",
        confidence=RUNS_AWAY,
        since=0,
        evidence=[Curve("Training loss, smoothed", [Line("train", "observed", form.level)], "loss")],
        remedies=[
            Remedy(
                "Check the sign of each term: what an optimizer is given it makes as small as it can",
                "loss_g = -critic(generator(z)).mean()",
                "A loss that settles.",
            )
        ],
    )


def _uphill(form: Shape | None, ratio: Series | None, cosine: Series | None) -> Finding | None:
    """A loss that rises step by step, by steps of an ordinary size whose gradients agree with each other: steps that are too large make gradients
    oppose each other, and the loss leap.
    """
    if form is None or ratio is None or cosine is None or not form.best > 0:
        return None
    above = np.flatnonzero(form.level.values > UPWARDS * max(form.first, form.best))
    if not len(above):
        return None
    until = form.level.steps[above[0]]  # what comes later is what becomes of a network that was thrown off
    steps, agreement = (each.finite().values[each.finite().steps <= until] for each in (ratio, cosine))
    later = form.level.values[max(above[0] - 1, 0) :]
    rises = form.last >= later[0] and float(np.mean(later[1:] > later[:-1])) > ALL_ALONG
    ordinary = len(steps) > 0 and float(steps.max()) < ORDINARY
    if not rises or not ordinary or len(agreement) < AGREEING or not float(np.median(agreement)) > SAME_WAY:
        return None
    return Finding(
        summary=f"Training walks uphill: the loss rises from {form.first:.3g} to {form.last:,.3g}, step by step, though steps are small and their gradients agree.",
        confidence=RUNS_AWAY,
        since=0,
        evidence=[
            Curve("Training loss, smoothed", [Line("train", "observed", form.level)], "loss", [], "log"),
            Curve("Agreement of consecutive gradients", [Line("cosine", "observed", cosine)], "cosine"),
        ],
        remedies=[
            Remedy(
                "Look for a sign that is wrong: backward() on the negative loss, maximize=True, a gradient that is reversed",
                "loss_fn(model(x), y).backward()",
                "A loss that falls from the first steps on.",
            )
        ],
    )


def _divergence_of_shares() -> Finding:
    """The same as a term of a loss, which hides that it is below 0."""
    return Finding(
        summary="A term of the loss is kl_div of a softmax: it expects logarithms of probabilities first, and pulls towards the most likely class instead "
        "of towards the target.",
        confidence=CERTAIN,
        since=0,
        evidence=[Fact("What kl_div is given", "softmax", "value", "log_softmax", "what it expects")],
        remedies=[
            Remedy(
                "Give it logarithms of probabilities first, and probabilities as targets",
                "F.kl_div(F.log_softmax(output, dim=1), target, reduction='batchmean')",
                "A term that falls towards 0 and never below.",
            )
        ],
    )


def _no_divergence(loss: LossFunction, curve: Series | None) -> Finding | None:
    """KLDivLoss below 0: a divergence of two distributions never is, whatever they are (Gibbs' inequality)."""
    values = curve.finite().values if curve is not None else np.empty(0)
    if loss.type not in DIVERGENCE or len(values) < BATCHES or np.mean(values < -UNCERTAIN) < 0.5:  # noqa: PLR2004  (most)
        return None
    lowest = float(values.min())
    return Finding(
        summary=f"{loss.type} falls to {lowest:.3g}, and no divergence is below 0: it expects logarithms of probabilities first, and gets something else.",
        confidence=CERTAIN,
        since=0,
        evidence=[Fact("Lowest loss", lowest, "loss", 0.0, "the least that a divergence can be")],
        remedies=[
            Remedy(
                "Give it logarithms of probabilities first, and probabilities as targets",
                "loss_fn(F.log_softmax(output, dim=1), target)",
                "A loss that falls towards 0 and never below.",
            )
        ],
    )


def _no_shares(loss: LossFunction, targets: Features | None, curve: Series | None) -> Finding | None:
    """Binary cross-entropy of targets beyond 0 and 1: it has no lower bound, and pushes outputs to their limits for ever.

    Of a single output labels are counted, and their values are not known; but a loss below 0 has no other reason.
    """
    if not any(each in loss.type.lower().replace("_", "") for each in ("bce", "binarycross")):
        return None
    lowest = float(curve.finite().values.min(initial=0.0)) if curve is not None else 0.0
    if targets is not None and len(targets.mean):
        low, high = float(targets.min.min()), float(targets.max.max())
        beyond = low < -BEYOND or high > 1 + BEYOND
        summary = f"{loss.type} expects targets from 0 to 1, and they run from {low:.3g} to {high:.3g}: it can fall below 0 without end."
        fact = Fact("Largest target", high, "value", 1.0, "the most that binary cross-entropy is defined for")
    else:
        beyond = lowest < -BELOW
        summary = f"{loss.type} falls to {lowest:.3g}, which it cannot where targets lie between 0 and 1: labels such as -1 and 1, or 1 and 2."
        fact = Fact("Lowest loss", lowest, "loss", 0.0, "the least that binary cross-entropy has")
    if not beyond:
        return None
    return Finding(
        summary=summary,
        confidence=CERTAIN,
        since=0,
        evidence=[fact],
        remedies=[
            Remedy(
                "If there are two classes: label them 0 and 1; if more: one score for each class, and cross-entropy; if the targets are "
                "amounts: a loss of differences",
                "",
                "A loss that never falls below 0.",
            )
        ],
    )


def _summed(
    loss: LossFunction, contract: Contract, optimizer: Optimizer | None, ratio: Series | None, left: float | None
) -> Finding | None:
    """A sum over the batch with an optimizer that takes the gradient at its word; a remark where the rate allows for it, and most is learnt."""
    if loss.settings.get("reduction") != "sum" or optimizer is None or optimizer.is_adaptive or contract.batch < 2:  # noqa: PLR2004
        return None
    early = ratio.finite().values[:FIRST] if ratio is not None else np.array([])
    fastest = float(early.max(initial=0.0))
    speed = confidence(math.log(fastest), doubtful=math.log(FAST), certain=math.log(TOO_FAST)) if fastest > 0 else 0.0
    evidence: list[Evidence] = [Fact("Samples that are summed", contract.batch, "count", 1, "an average counts as one")]
    if ratio is not None:
        mark = Mark("level", "too fast", TOO_FAST)
        evidence.append(
            Curve(
                "Update ratio (median over layers)",
                [Line("update / weights", "observed", ratio)],
                "ratio",
                [mark],
                "log",
            )
        )
    return Finding(
        summary=f"{loss.type} sums over the batch, which makes each step of {optimizer.type} {contract.batch} times as large as an average.",
        confidence=max(SUMMED, speed),
        since=0,
        evidence=evidence,
        remedies=[
            Remedy(
                "Average over the batch, or divide the learning rate by the batch size",
                f'{loss.type}(reduction="mean")',
                f"Update ratios {contract.batch} times smaller.",
            )
        ],
        severity="info" if 0 < fastest < TOO_FAST and left is not None and left < ALLOWED else "warning",
    )


def _squared_labels(loss: LossFunction, targets: Features | None, left: float | None) -> Finding | None:
    """Squared error where the targets are zeros and ones, or count from 0 as classes do; absolute error of classes, whose median is 0."""
    if not loss.is_distance or targets is None or not len(targets.mean):
        return None
    squared = loss.type in SQUARED
    shares = targets.yes_or_no and bool(np.all((targets.min == 0) & (targets.max == 1)))
    highest = float(targets.max[0])
    if shares and (len(targets.mean) == 1 or abs(float(targets.mean.sum()) - 1) < TOTAL):
        what, sure = (
            "targets are zeros and ones",
            YES_OR_NO if len(targets.mean) == 1 else ONE_HOT if squared else MEDIAN,
        )
    elif (
        squared
        and len(targets.mean) == 1
        and targets.min[0] == 0
        and highest.is_integer()
        and 1 < highest < MOST_CLASSES
        and MIDDLE[0] < targets.mean[0] / highest < MIDDLE[1]
    ):
        what, sure = f"targets run from 0 to exactly {highest:.0f}, as class numbers do", WHOLE
    else:
        return None
    return Finding(
        summary=f"{loss.type} measures distances, and the {what}: with {max(2, len(targets.mean), int(highest) + 1)} classes "
        "cross-entropy learns faster.",
        confidence=sure,
        since=0,
        evidence=[
            Fact(
                "Targets", f"{targets.min.min():g} to {targets.max.max():g}", "value", None, "smallest and largest seen"
            )
        ],
        remedies=[
            Remedy(
                "If the targets are classes: one score for each class, and cross-entropy",
                "loss_fn = nn.CrossEntropyLoss()  # targets: class numbers, dtype long",
                "Larger gradients for samples that are classified wrongly.",
            )
        ],
        severity="error" if left is not None and left > LEFT else "info",
    )


def _shape(rest: tuple[int, ...]) -> str:
    return "(" + ", ".join(["B", *map(str, rest)]) + ")"
