"""What a comparison asks of a report."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tb_lossdiag.comparison.parting import SAME_NUMBER
from tb_lossdiag.ranking import Ranked
from tb_lossdiag.report import Report
from tb_lossdiag.series import Series
from tb_lossdiag.verdict import GOOD

__all__ = [
    "LOSS_NAMES", "ended_at", "findings_of", "gain_of", "is_healthy", "judged_loss", "losses_of", "roots_of", "same",
]  # fmt: skip

END = 0.05  # the share of the points that stands for how a run ended: a single last point is noise
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


def judged_loss(reports: Sequence[Report]) -> str | None:
    """The split by which runs are compared: validation, else test, else training, where all have it in the same unit."""
    functions = {report.settings["loss"] for report in reports if "loss" in report.settings}
    if len(functions) > 1:
        return None
    losses = [losses_of(report) for report in reports]
    return next((split for split in ("val", "test", "train") if all(split in each for each in losses)), None)


def ended_at(report: Report, split: str) -> float:
    """The loss at the end of a run: a median, or NaN or infinity where it ended so."""
    curve = losses_of(report)[split]
    return (
        float(np.quantile(curve.finite().tail(END), 0.5, method="nearest"))
        if math.isfinite(curve.values[-1])
        else float(curve.values[-1])
    )


def gain_of(baseline: Report, other: Report) -> float | None:
    """By which share of the larger one the loss got smaller (negative: larger); None where losses cannot be compared."""
    split = judged_loss([baseline, other])
    if split is None:
        return None
    before, after = ended_at(baseline, split), ended_at(other, split)
    if not (math.isfinite(before) and math.isfinite(after)):
        return float(math.isfinite(after)) - float(math.isfinite(before))
    largest = max(abs(before), abs(after))
    return before / largest - after / largest if largest else 0.0


def same(one: str | float | None, other: str | float | None) -> bool:
    """Equal, up to the rounding of float32; NaN equals itself."""
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return math.isclose(one, other, rel_tol=SAME_NUMBER) or (math.isnan(one) and math.isnan(other))
    return one == other
