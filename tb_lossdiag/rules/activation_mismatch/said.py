"""What is said of outputs that an activation limits: their range, and how to let them out."""

from __future__ import annotations

import math

from tb_lossdiag.evidence import Curve, Evidence, Line, Mark
from tb_lossdiag.finding import Remedy
from tb_lossdiag.series import Series
from tb_lossdiag.signals.limits import Limit
from tb_lossdiag.signals.outputs import Outputs

__all__ = ["linear", "range_of"]


def range_of(limit: Limit, outputs: Outputs) -> list[Evidence]:
    """A picture of the outputs between their limits."""
    marks = [Mark("level", "limit of the output", each) for each in (limit.low, limit.high) if math.isfinite(each)]
    lines = [
        Line("largest output", "observed", Series(outputs.steps, outputs.max.max(axis=1))),
        Line("smallest output", "observed", Series(outputs.steps, outputs.min.min(axis=1))),
    ]
    return [Curve("Range of the outputs, batch by batch", lines, "value", marks)]


def linear(limit: Limit, expect: str) -> tuple[Remedy, ...]:
    """What lets the outputs out of their limits."""
    name = limit.where[0] if limit.where else "the activation after the last layer"
    if limit.recurrent:
        return (Remedy(f"Put a linear layer behind {name}", "y = nn.Linear(hidden, targets)(states)", expect),)
    return (Remedy(f"Remove {name}", "", expect), Remedy("Or bring the targets into its range"))
