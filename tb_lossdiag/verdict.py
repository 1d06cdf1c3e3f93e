"""What the curves do, judged from the loss curves alone: one verdict per run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Verdict", "VerdictId"]

VerdictId = Literal[
    "learning", "converged", "overfitting", "suspect-data", "stuck", "diverging", "non-finite", "unstable", "too-short"
]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the curves do, how sure, and the first and last step that it is about."""

    id: VerdictId
    confidence: float
    steps: tuple[int, int]
    summary: str
