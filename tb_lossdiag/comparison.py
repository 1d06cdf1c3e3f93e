"""compare(reports) -> Comparison: what differs between runs, what got better, and whether the fix worked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tb_lossdiag.evidence import Curve, Evidence
from tb_lossdiag.report import Report

__all__ = ["CauseRow", "Comparison", "Difference", "EvidenceRow", "FigureRow"]


@dataclass(frozen=True, slots=True)
class CauseRow:
    """A cause that at least one run has. `confidence[i]` and `role[i]` are the i-th run's, None where it was not found."""

    cause: str
    title: str
    confidence: Sequence[float | None]
    role: Sequence[str | None]


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting that is not the same in all runs; None where a run does not tell."""

    setting: str
    values: Sequence[str | float | None]


@dataclass(frozen=True, slots=True)
class FigureRow:
    """A number about each run, and each run's difference to the baseline (0 for the baseline itself)."""

    figure: str
    values: Sequence[float | None]
    change: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """The same picture of every run, to be drawn on equal axes; None where a run lacks it."""

    title: str
    evidence: Sequence[Evidence | None]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two or more runs side by side. The first run is the baseline.

    `curves` overlays each loss, one line a run; `parting` is the first step at which the training losses part, if they do.
    """

    runs: Sequence[str]
    summary: str
    verdicts: Sequence[str]
    headlines: Sequence[str]
    causes: Sequence[CauseRow]
    differences: Sequence[Difference]
    same: Mapping[str, str | float]
    figures: Sequence[FigureRow]
    curves: Sequence[Curve]
    evidence: Sequence[EvidenceRow]
    parting: int | None = None


def compare(reports: Sequence[Report]) -> Comparison:
    """Set reports side by side; the first is the baseline. Raises ValueError for fewer than two."""
    raise NotImplementedError
