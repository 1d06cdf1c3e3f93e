"""Predictions and targets whose shapes do not go together, and a softmax along the wrong axis."""

from __future__ import annotations

from tb_lossdiag.evidence import Fact
from tb_lossdiag.finding import Finding, Remedy
from tb_lossdiag.rules.loss_mismatch.scores import CROSS_ENTROPY
from tb_lossdiag.signals.outputs import Contract
from tb_lossdiag.signals.structure import LossFunction

__all__ = ["over_the_batch", "single_class", "unequal"]


def unequal(loss: LossFunction, contract: Contract) -> Finding | None:
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


def single_class(loss: LossFunction, contract: Contract) -> Finding | None:
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


def over_the_batch(contract: Contract) -> Finding | None:
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


def _shape(rest: tuple[int, ...]) -> str:
    return "(" + ", ".join(["B", *map(str, rest)]) + ")"
