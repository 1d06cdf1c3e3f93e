"""What is possible: a run of the same experiment that does clearly better, and what it does otherwise."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from tb_lossdiag.comparison.about import LOSS_NAMES, same
from tb_lossdiag.report import Reference, Report
from tb_lossdiag.wording import joined, number, printable

__all__ = ["with_references"]

CLEARLY = 0.2  # share by which its loss ends lower: ten times what another seed makes of the same training
IDENTITY = (
    "model",
    "parameters",
    "loss",
)  # what runs of one experiment share; and the training samples, where both tell
SAMPLES = "training samples"
BY = ("val", "test", "train")  # the first loss that the run and others of its experiment have decides
NAMED = 4  # differing settings in the sentence


def with_references(reports: Sequence[Report], among: Iterable[Report] | None = None) -> list[Report]:
    """The reports, each with the best run of the same experiment `among` those given (or themselves) where that does clearly better."""
    experiments: dict[Hashable, list[Report]] = {}
    for report in reports if among is None else among:
        experiments.setdefault(_experiment(report), []).append(report)
    experiments.pop(None, None)
    best_first = {
        (experiment, split): sorted(
            (each for each in runs if f"{split} loss" in each.figures), key=partial(_order, split)
        )
        for experiment, runs in experiments.items()
        for split in BY
    }
    return [replace(each, reference=_reference(each, best_first)) for each in reports]


def _experiment(report: Report) -> Hashable:
    """What runs of one experiment have in common, or None where too little was logged to tell."""
    known = tuple(report.settings.get(name) for name in IDENTITY)
    return None if None in known else known


def _order(split: str, report: Report) -> float:
    """Where the loss ended: the lowest first, and last what is not finite."""
    end = report.figures[f"{split} loss"]
    return end if math.isfinite(end) else math.inf


def _reference(report: Report, best_first: Mapping[tuple[Hashable, str], Sequence[Report]]) -> Reference | None:
    for split in BY:
        here = report.figures.get(f"{split} loss")
        ranking = best_first.get((_experiment(report), split), ())
        best = next((each for each in ranking if _is_sibling(report, each)), None)
        if here is not None and best is not None:
            return _beside(report, best, split) if _clearly_lower(_order(split, best), here) else None
    return None


def _is_sibling(report: Report, other: Report) -> bool:
    samples = report.settings.get(SAMPLES), other.settings.get(SAMPLES)
    return report.run != other.run and (None in samples or same(*samples))


def _clearly_lower(there: float, here: float) -> bool:
    if not (math.isfinite(there) and math.isfinite(here)):
        return math.isfinite(there)
    return here - there > CLEARLY * max(abs(here), abs(there))


def _beside(report: Report, best: Report, split: str) -> Reference:
    names = dict.fromkeys([*report.settings, *best.settings])
    pairs = {name: (report.settings.get(name), best.settings.get(name)) for name in names}
    differs = {name: pair for name, pair in pairs.items() if not same(*pair)}
    told = [f"{name} ({_shown(ours)} here, {_shown(theirs)} there)" for name, (ours, theirs) in differs.items()]
    if told:
        what = f"it differs in {joined(told, most=NAMED)}"
    else:
        what = "no setting that was logged differs: compare code and data"
    here, there = (number(each.figures[f"{split} loss"]) for each in (report, best))
    summary = f"{printable(best.run)} trains the same network and ends at a {LOSS_NAMES[split]} of {there} instead of {here}; {what}."
    return Reference(best.run, summary, differs)


def _shown(value: str | float | None) -> str:
    return "not told" if value is None else number(value) if isinstance(value, (int, float)) else printable(value)
