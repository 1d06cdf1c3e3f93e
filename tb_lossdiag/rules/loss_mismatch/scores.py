"""Outputs of another kind than the loss expects: shares for raw scores, raw scores for logarithms, rates for their logarithms."""

from __future__ import annotations

import math

import numpy as np

from tb_lossdiag.evidence import Curve, Evidence, Fact, Line, Mark
from tb_lossdiag.finding import REMARK, Finding, Remedy
from tb_lossdiag.series import Series
from tb_lossdiag.signals.data import Features
from tb_lossdiag.signals.outputs import Contract, Outputs
from tb_lossdiag.signals.structure import LossFunction, Module

__all__ = ["BATCHES", "CERTAIN", "CROSS_ENTROPY", "no_logarithms", "no_low_rates", "several", "squeezed"]

CERTAIN = 0.97  # what arrives at the loss is measured, and the loss function's definition rules it out
BATCHES = 4  # so many outputs must all lie in range before the range is a rule and no chance
CLOSE = (
    0.03  # outputs come so near to both ends of their range, and never cross them: only a squeezing function does that
)
HALFWAY = 0.5  # of that distance, which a network gets to that learns something
ONE = 1e-3  # from 1, that the shares of all classes add up to
CROSS_ENTROPY = {"CrossEntropyLoss", "cross_entropy"}
NEGATIVE_LIKELIHOOD = {"NLLLoss", "nll_loss"}
COUNTED = {"PoissonNLLLoss", "poisson_nll_loss"}
RATES = {"Softplus", "ReLU"}  # which make a rate of a score: its logarithm would need none
# classes that a sample has on average, where one is meant; and so many that they are labels, no catalogue
SEVERAL, FEW_CLASSES = 1.1, 64
LEFT = 0.2  # share of the loss that is left: below it the sum of all classes' losses does the job
PRESSED = 0.01  # least output of a batch that cannot go below 0, and would
WITH_LOGITS = {"BCEWithLogitsLoss", "binary_cross_entropy_with_logits"}


def squeezed(
    loss: LossFunction, contract: Contract, outputs: Outputs | None, last: Module | None, curve: Series | None
) -> Finding | None:
    """Outputs between 0 and 1 where raw scores are expected."""
    # cross_entropy is called so where a validation is overheard, while the graph of the training tells of its logarithms
    again = outputs is not None and loss.type in NEGATIVE_LIKELIHOOD | {"cross_entropy"} and _twice(outputs, last)
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


def several(loss: LossFunction, targets: Features | None, left: float | None) -> Finding | None:
    """Cross-entropy of zeros and ones of which a sample has several: its softmax shares out a total of 1 among them.

    Of a large catalogue, whose items are counted as draws (Liang et al. 2018 train recommenders so), it is a remark only.
    """
    if loss.type not in CROSS_ENTROPY or targets is None or len(targets.mean) <= 1 or not targets.yes_or_no:
        return None
    classes = float(targets.mean.sum())
    if not classes > SEVERAL:
        return None
    harms = left is not None and left > LEFT and len(targets.mean) <= FEW_CLASSES and not loss.settings.get("part")
    return Finding(
        summary=f"{loss.type} expects one class for each sample, or shares that add up to 1, and the targets hold {classes:.2g} ones of {len(targets.mean)} on "
        "average: its softmax lets the classes of a sample compete.",
        confidence=CERTAIN if harms else REMARK,
        since=0,
        severity="error" if harms else "info",
        evidence=[Fact("Classes of a sample, on average", classes, "count", 1.0)],
        remedies=[
            Remedy(
                "Ask of each class by itself whether it is there",
                "loss_fn = nn.BCEWithLogitsLoss()  # and no activation after the last layer",
                "A loss that can fall to 0.",
            )
        ],
    )


def no_logarithms(loss: LossFunction, outputs: Outputs | None) -> Finding | None:
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


def no_low_rates(
    loss: LossFunction, outputs: Outputs | None, targets: Features | None, last: Module | None
) -> Finding | None:
    """The logarithm of a rate that cannot be negative, as a softplus leaves it, and is pressed against 0: the last module is one, or most
    counts are 0 and 1.
    """
    if loss.type not in COUNTED or loss.settings.get("log_input", True) is False or outputs is None or targets is None:
        return None
    late = outputs.min[-max(1, len(outputs.steps) // 3) :].min(axis=1)
    pressed = float(outputs.min.min()) >= 0 and float(np.median(late)) < PRESSED
    rates = last is not None and last.type in RATES
    if len(outputs.steps) < BATCHES or not pressed or not (rates or float(targets.mean.min()) < 1):
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
