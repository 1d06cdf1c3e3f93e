"""Trainings in which nothing is learnt at all, or a term of the loss never is: no step, no `backward()` on it, no slope."""

from __future__ import annotations

from collections.abc import Sequence

from tb_lossdiag.evidence import Curve, Fact, Line, Table
from tb_lossdiag.finding import Finding, Remedy
from tb_lossdiag.series import Series
from tb_lossdiag.signals.structure import Parameter, Parameters

__all__ = ["LOOKS", "WAITED", "flat", "no_slope", "no_step", "not_backward"]

LOOKS = 5  # at gradients
WAITED = 30  # losses without any step: more than anybody adds up before the first one
STEPLESS = 0.98  # sure by definition
NOT_BACKWARD = 0.95  # sure by definition, but for a reported loss that holds more than was meant to be learnt


def no_step(losses: int, parameters: Parameters) -> Finding:
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


def not_backward(behind: Sequence[Parameter]) -> Finding:
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


def flat(norm: Series) -> bool:
    """Whether the gradient was zero all along, to the last bit."""
    return len(norm) >= LOOKS and not norm.values.any()


def no_slope(norm: Series, parameters: Parameters) -> Finding:
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
