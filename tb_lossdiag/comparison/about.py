"""What a comparison asks of a report."""

from __future__ import annotations

import math

from tb_lossdiag.comparison.parting import SAME_NUMBER
from tb_lossdiag.ranking import Ranked
from tb_lossdiag.report import Report
from tb_lossdiag.series import Series
from tb_lossdiag.verdict import GOOD

__all__ = ["LOSS_NAMES", "findings_of", "is_healthy", "losses_of", "roots_of", "same"]

LOSS_NAMES = {"train": "training loss", "val": "validation loss", "test": "test loss"}


def findings_of(report: Report) -> dict[str, Ranked]:
    """The findings by cause."""
    return {finding.cause: finding for finding in report.findings}


def roots_of(report: Report) -> dict[str, Ranked]:
    """What is to be fixed: findings that are serious and no consequence of another."""
    return {each.cause: each for each in report.findings if each.role != "consequence" and each.severity != "info"}


def is_healthy(report: Report) -> bool:
    """Whether the curves do well and nothing more than a remark was found."""
    return report.verdict.id in GOOD and all(each.severity == "info" for each in report.findings)


def losses_of(report: Report) -> dict[str, Series]:
    """The observed loss of each split, where it has any point."""
    lines = report.losses.lines if report.losses is not None else ()
    return {line.name: line.series for line in lines if line.role == "observed" and len(line.series)}


def same(one: str | float | None, other: str | float | None) -> bool:
    """Equal, up to the rounding of float32; NaN equals itself."""
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return math.isclose(one, other, rel_tol=SAME_NUMBER) or (math.isnan(one) and math.isnan(other))
    return one == other
