"""compare(reports) -> Comparison: what differs between runs, what got better, and whether the fix worked."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from tb_lossdiag.comparison.about import LOSS_NAMES, findings_of, losses_of, same
from tb_lossdiag.comparison.parting import parting_step
from tb_lossdiag.comparison.reference import with_references
from tb_lossdiag.comparison.sentence import summary
from tb_lossdiag.evidence import Curve, Evidence, Line, Mark
from tb_lossdiag.ranking import Ranked
from tb_lossdiag.report import Report
from tb_lossdiag.tags import SPLITS
from tb_lossdiag.wording import joined, printable

__all__ = [
    "CauseRow",
    "Comparison",
    "Difference",
    "EvidenceRow",
    "FigureRow",
    "compare",
    "parting_step",
    "with_references",
]

T = TypeVar("T")
E = TypeVar("E", bound=Evidence)


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

    `curves` overlays each loss, one line a run; `partings` says for each run at which step its training loss parts from the
    baseline's, None where it does not; `parting` is the first of these.
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
    partings: Sequence[int | None] = ()


def compare(reports: Sequence[Report]) -> Comparison:
    """Set reports side by side; the first is the baseline. Raises ValueError for fewer than two."""
    if len(reports) < 2:  # noqa: PLR2004
        raise ValueError("a comparison needs at least two runs")
    settings = _rows([report.settings for report in reports])
    differing = {name: values for name, values in settings.items() if not _all_same(values)}
    partings = _partings(reports)
    return Comparison(
        runs=[report.run for report in reports],
        summary=summary(reports),
        verdicts=[report.verdict.id for report in reports],
        headlines=[report.headline for report in reports],
        causes=_cause_rows(reports),
        differences=[Difference(name, values) for name, values in differing.items()],
        same={name: each for name, (each, *_) in settings.items() if name not in differing and each is not None},
        figures=_figure_rows(reports),
        curves=_overlays(reports, partings),
        evidence=_evidence_rows(reports),
        parting=min((step for step in partings if step is not None), default=None),
        partings=partings,
    )


# --- what differs -------------------------------------------------------------------------------------------------


def _rows(mappings: Sequence[Mapping[str, T]]) -> dict[str, list[T | None]]:
    """Each key of any mapping, in the order of first appearance, with every mapping's value."""
    keys = dict.fromkeys(key for mapping in mappings for key in mapping)
    return {key: [mapping.get(key) for mapping in mappings] for key in keys}


def _all_same(values: Sequence[str | float | None]) -> bool:
    return all(same(values[0], each) for each in values[1:])


def _figure_rows(reports: Sequence[Report]) -> list[FigureRow]:
    return [
        FigureRow(
            name, values, [0.0 if values[0] is not None else None, *(_change(values[0], each) for each in values[1:])]
        )
        for name, values in _rows([report.figures for report in reports]).items()
    ]


def _change(baseline: float | None, value: float | None) -> float | None:
    """The difference to the baseline, None where there is none to speak of (NaN, or infinity on both sides)."""
    if baseline is None or value is None or math.isnan(value - baseline):
        return None
    return value - baseline


def _cause_rows(reports: Sequence[Report]) -> list[CauseRow]:
    """A row for each cause that any run has: the baseline's in its order, then what the others add."""
    titles = {finding.cause: finding.title for report in reports for finding in report.findings}
    found = [findings_of(report) for report in reports]
    return [
        CauseRow(
            cause=cause,
            title=title,
            confidence=[each[cause].confidence if cause in each else None for each in found],
            role=[each[cause].role if cause in each else None for each in found],
        )
        for cause, title in titles.items()
    ]


def _evidence_rows(reports: Sequence[Report]) -> list[EvidenceRow]:
    """The same pictures of every run: evidence for a cause, then the heat maps by layer.

    Shown are pictures that two runs or more have, and the primary evidence of a root cause even where only one has it:
    it is what the fix was for.
    """
    rows: dict[tuple[str, str], EvidenceRow] = {}
    for cause in dict.fromkeys(finding.cause for report in reports for finding in report.findings):
        found = [findings_of(report).get(cause) for report in reports]
        for row in _rows_of_cause(found):
            rows.setdefault(_identity(row), row)
    for title in dict.fromkeys(heatmap.title for report in reports for heatmap in report.layers):
        row = EvidenceRow(title, [_titled(report.layers, title) for report in reports])
        if _shared(row):
            rows.setdefault(_identity(row), row)
    return list(rows.values())


def _rows_of_cause(found: Sequence[Ranked | None]) -> Iterable[EvidenceRow]:
    known = [finding for finding in found if finding is not None]
    for picture in _distinct(each for finding in known for each in finding.evidence):
        row = EvidenceRow(picture.title, [_like(finding, picture) for finding in found])
        primary = any(
            finding.role == "root" and finding.evidence[0] is picture for finding in known if finding.evidence
        )
        if _shared(row) or primary:
            yield row


def _distinct(pictures: Iterable[Evidence]) -> list[Evidence]:
    """The first picture of each title and kind."""
    first: dict[tuple[str, type[Evidence]], Evidence] = {}
    for picture in pictures:
        first.setdefault((picture.title, type(picture)), picture)
    return list(first.values())


def _like(finding: Ranked | None, picture: Evidence) -> Evidence | None:
    """The finding's evidence of the same title and kind."""
    same = (each for each in finding.evidence if type(each) is type(picture)) if finding is not None else ()
    return _titled(same, picture.title)


def _titled(pictures: Iterable[E], title: str) -> E | None:
    return next((each for each in pictures if each.title == title), None)


def _identity(row: EvidenceRow) -> tuple[str, str]:
    return row.title, next(type(each).__name__ for each in row.evidence if each is not None)


def _shared(row: EvidenceRow) -> bool:
    return sum(each is not None for each in row.evidence) > 1


# --- the curves ---------------------------------------------------------------------------------------------------


def _partings(reports: Sequence[Report]) -> list[int | None]:
    """For each run the step at which its training loss parts from the baseline's."""
    baseline, *others = (losses_of(report).get("train") for report in reports)
    return [
        None,
        *(parting_step(baseline, each) if baseline is not None and each is not None else None for each in others),
    ]


def _overlays(reports: Sequence[Report], partings: Sequence[int | None]) -> list[Curve]:
    """Each loss, one line a run, on a logarithmic axis where any run's own chart has one."""
    is_log = any(report.losses is not None and report.losses.scale == "log" for report in reports)
    scale: Literal["linear", "log"] = "log" if is_log else "linear"
    curves = []
    for split in SPLITS:
        lines = [
            Line(report.run, "observed", losses[split]) for report in reports if split in (losses := losses_of(report))
        ]
        if lines:
            marks = _parting_marks(reports, partings) if split == "train" else []
            curves.append(Curve(LOSS_NAMES[split].capitalize(), lines, "loss", marks, scale))
    return curves


def _parting_marks(reports: Sequence[Report], partings: Sequence[int | None]) -> list[Mark]:
    """Where each run parts from the baseline; runs that part at the same step share a mark."""
    if len(reports) == 2 and partings[1] is not None:  # noqa: PLR2004  (a pair needs no names)
        return [Mark("step", "the runs part", partings[1])]
    steps: dict[int, list[str]] = {}
    for report, step in zip(reports, partings, strict=True):
        if step is not None:
            steps.setdefault(step, []).append(printable(report.run))
    return [
        Mark("step", f"{joined(names)} part{'s' if len(names) == 1 else ''}", step) for step, names in steps.items()
    ]
