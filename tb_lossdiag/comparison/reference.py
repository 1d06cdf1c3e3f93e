"""What is possible: a run of the same experiment that does clearly better, and what it does otherwise."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace

from tb_lossdiag.comparison.about import LOSS_NAMES, ended_at, gain_of, judged_loss, same
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
BY = ("val", "test", "train")  # the first loss that a better run has in common with this one
NAMED = 4  # differing settings in the sentence

Pair = tuple[str | float | None, str | float | None]


def with_references(reports: Sequence[Report], among: Iterable[Report] | None = None) -> list[Report]:
    """The reports, each with the best run of the same experiment `among` those given (or themselves) where that does clearly better."""
    groups: dict[Hashable, list[Report]] = {}
    for report in reports if among is None else among:
        groups.setdefault(_experiment(report), []).append(report)
    groups.pop(None, None)
    return [replace(each, reference=_reference(each, groups.get(_experiment(each), ()))) for each in reports]


def _experiment(report: Report) -> Hashable:
    """What runs of one experiment have in common, or None where too little was logged to tell."""
    known = tuple(report.settings.get(name) for name in IDENTITY)
    return None if None in known else known


def _reference(report: Report, others: Iterable[Report]) -> Reference | None:
    better: dict[str | None, list[Report]] = {}
    for each in others:
        if _is_sibling(report, each) and _gain(report, each) > CLEARLY:
            better.setdefault(judged_loss([report, each]), []).append(each)
    split = next((each for each in BY if each in better), None)
    if split is None:
        return None
    best = min(better[split], key=lambda each: ended_at(each, split))
    names = dict.fromkeys([*report.settings, *best.settings])
    pairs = {name: (report.settings.get(name), best.settings.get(name)) for name in names}
    differs = {name: pair for name, pair in pairs.items() if not same(*pair)}
    return Reference(best.run, _summary(report, best, split, differs), differs)


def _is_sibling(report: Report, other: Report) -> bool:
    samples = report.settings.get(SAMPLES), other.settings.get(SAMPLES)
    return report.run != other.run and (None in samples or same(*samples))


def _gain(report: Report, other: Report) -> float:
    gain = gain_of(report, other)
    return -math.inf if gain is None or math.isnan(gain) else gain


def _summary(report: Report, best: Report, split: str, differs: Mapping[str, Pair]) -> str:
    here, there = number(ended_at(report, split)), number(ended_at(best, split))
    told = [f"{name} ({_shown(ours)} here, {_shown(theirs)} there)" for name, (ours, theirs) in differs.items()]
    if told:
        what = f"it differs in {joined(told, most=NAMED)}"
    else:
        what = "no setting that was logged differs: compare code and data"
    name = printable(best.run)
    return f"{name} trains the same network and ends at a {LOSS_NAMES[split]} of {there} instead of {here}; {what}."


def _shown(value: str | float | None) -> str:
    return "not told" if value is None else number(value) if isinstance(value, (int, float)) else printable(value)
