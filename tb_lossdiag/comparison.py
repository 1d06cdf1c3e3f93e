"""compare(reports) -> Comparison: what differs between runs, what got better, and whether the fix worked."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from tb_lossdiag.evidence import Curve, Evidence, Line, Mark
from tb_lossdiag.ranking import Ranked
from tb_lossdiag.report import Report
from tb_lossdiag.series import Series
from tb_lossdiag.tags import SPLITS
from tb_lossdiag.verdict import GOOD
from tb_lossdiag.wording import inline, joined, number, printable

__all__ = ["CauseRow", "Comparison", "Difference", "EvidenceRow", "FigureRow", "compare", "parting_step"]

LOSS_NAMES = {"train": "training loss", "val": "validation loss", "test": "test loss"}
NOTABLE = 0.02  # losses within 2 % are "about the same": repeating a training with another seed moves them as much
END = 0.05  # the share of the points that stands for how a run ended: a single last point is noise
SAME_NUMBER = 1e-6  # event files hold float32: 0.1 comes back as 0.10000000149
GRID = 1000  # steps at which two curves are compared: more would not move the parting by a visible amount
SMOOTHING = 50  # a curve is smoothed over 1/50 of its length before it is compared
NOISES = 3.0  # curves have parted where their difference is beyond this many standard deviations of their noise...
SPREAD = 0.02  # ... and beyond this share of the range that the calmer one covers, so that noiseless twins do not part over rounding
FOR_GOOD = 0.95  # share of all later points that are apart, too: a curve may touch the other once more by chance


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
    if len(reports) < 2:  # noqa: PLR2004
        raise ValueError("a comparison needs at least two runs")
    settings = _rows([report.settings for report in reports])
    differing = {name: values for name, values in settings.items() if not _all_same(values)}
    parting = _first_parting([_losses(report).get("train") for report in reports])
    return Comparison(
        runs=[report.run for report in reports],
        summary=_summary(reports),
        verdicts=[report.verdict.id for report in reports],
        headlines=[report.headline for report in reports],
        causes=_cause_rows(reports),
        differences=[Difference(name, values) for name, values in differing.items()],
        same={name: each for name, (each, *_) in settings.items() if name not in differing and each is not None},
        figures=_figure_rows(reports),
        curves=_overlays(reports, parting),
        evidence=_evidence_rows(reports),
        parting=parting,
    )


# --- what differs -------------------------------------------------------------------------------------------------


def _rows(mappings: Sequence[Mapping[str, T]]) -> dict[str, list[T | None]]:
    """Each key of any mapping, in the order of first appearance, with every mapping's value."""
    keys = dict.fromkeys(key for mapping in mappings for key in mapping)
    return {key: [mapping.get(key) for mapping in mappings] for key in keys}


def _all_same(values: Sequence[str | float | None]) -> bool:
    return all(_same(values[0], each) for each in values[1:])


def _same(one: str | float | None, other: str | float | None) -> bool:
    """Equal, up to the rounding of float32; NaN equals itself."""
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return math.isclose(one, other, rel_tol=SAME_NUMBER) or (math.isnan(one) and math.isnan(other))
    return one == other


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
    found = [_findings(report) for report in reports]
    return [
        CauseRow(
            cause=cause,
            title=title,
            confidence=[each[cause].confidence if cause in each else None for each in found],
            role=[each[cause].role if cause in each else None for each in found],
        )
        for cause, title in titles.items()
    ]


def _findings(report: Report) -> dict[str, Ranked]:
    return {finding.cause: finding for finding in report.findings}


def _evidence_rows(reports: Sequence[Report]) -> list[EvidenceRow]:
    """The same pictures of every run: evidence for a cause, then the heat maps by layer.

    Shown are pictures that two runs or more have, and the primary evidence of a root cause even where only one has it:
    it is what the fix was for.
    """
    rows: dict[tuple[str, str], EvidenceRow] = {}
    for cause in dict.fromkeys(finding.cause for report in reports for finding in report.findings):
        found = [_findings(report).get(cause) for report in reports]
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


def _losses(report: Report) -> dict[str, Series]:
    """The observed loss of each split, where it has any point."""
    lines = report.losses.lines if report.losses is not None else ()
    return {line.name: line.series for line in lines if line.role == "observed" and len(line.series)}


def _overlays(reports: Sequence[Report], parting: int | None) -> list[Curve]:
    """Each loss, one line a run, on a logarithmic axis where any run's own chart has one."""
    is_log = any(report.losses is not None and report.losses.scale == "log" for report in reports)
    scale: Literal["linear", "log"] = "log" if is_log else "linear"
    curves = []
    for split in SPLITS:
        lines = [
            Line(report.run, "observed", losses[split]) for report in reports if split in (losses := _losses(report))
        ]
        marks = [Mark("step", "the runs part", parting)] if split == "train" and parting is not None else []
        if lines:
            curves.append(Curve(LOSS_NAMES[split].capitalize(), lines, "loss", marks, scale))
    return curves


def _first_parting(losses: Sequence[Series | None]) -> int | None:
    """The first step at which any run parts from the baseline."""
    baseline, *others = losses
    if baseline is None:
        return None
    steps = [parting_step(baseline, other) for other in others if other is not None]
    return min((step for step in steps if step is not None), default=None)


def parting_step(one: Series, other: Series) -> int | None:
    """The first step from which two curves differ by more than their noise, and stay so; None where they do not.

    Compared are the steps that both cover. A curve that turns to NaN or infinity and stays there has parted, then.
    """
    first, second = one.finite(), other.finite()
    start, stop = _overlap(first, second)
    apart = _parted_within(first, second, start, stop) if stop > start else None
    return apart if apart is not None else _broken_since(one, other)


def _overlap(one: Series, other: Series) -> tuple[int, int]:
    if not (len(one) and len(other)):
        return 0, 0
    return max(int(one.steps.min()), int(other.steps.min())), min(int(one.steps.max()), int(other.steps.max()))


def _parted_within(one: Series, other: Series, start: int, stop: int) -> int | None:
    grid = np.unique(np.linspace(start, stop, GRID).astype(np.int64))
    (first, noise), (second, other_noise) = (_smoothed(each, grid) for each in (one, other))
    least = SPREAD * min(np.ptp(first), np.ptp(second)) + SAME_NUMBER * max(np.abs(first).max(), np.abs(second).max())
    apart = np.abs(first - second) > np.maximum(NOISES * np.hypot(noise, other_noise), least)
    stays = np.cumsum(apart[::-1])[::-1] / np.arange(len(apart), 0, -1)
    soon = _window_mean(apart.astype(float), _width(grid), ahead=True)
    ends_apart = apart[-max(1, len(apart) // 20) :].mean() >= FOR_GOOD
    settled = np.flatnonzero(apart & (stays >= FOR_GOOD) & (soon >= FOR_GOOD) & ends_apart)
    return int(grid[settled[0]]) if len(settled) else None


def _smoothed(curve: Series, grid: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The curve's running mean on the grid, and the standard error of that mean from the scatter around it."""
    order = np.argsort(curve.steps, kind="stable")
    limit = np.finfo(np.float64).max / (4 * GRID)  # so that no sum of values this large overflows
    values = np.interp(grid, curve.steps[order], np.clip(curve.values[order], -limit, limit))
    width = _width(grid)
    mean = _window_mean(values, width)
    scatter = _window_mean(np.abs(values - mean), 4 * width) * math.sqrt(math.pi / 2)  # mean deviation -> sigma
    independent = min(width, max(1.0, width * len(curve) / len(grid)))  # interpolated points tell nothing new
    return mean, scatter / math.sqrt(independent)


def _width(grid: NDArray[np.int64]) -> int:
    return max(1, len(grid) // SMOOTHING)


def _window_mean(values: NDArray[np.float64], width: int, *, ahead: bool = False) -> NDArray[np.float64]:
    """The mean over `width` points around each one (or from it on), over fewer at the ends."""
    before, after = (0, width) if ahead else (width // 2, width - width // 2)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    index = np.arange(len(values))
    low, high = np.maximum(index - before, 0), np.minimum(index + after, len(values))
    mean: NDArray[np.float64] = (sums[high] - sums[low]) / (high - low)
    return mean


def _broken_since(one: Series, other: Series) -> int | None:
    """The first step after which only one of the curves has finite values, although it goes on."""
    since = [_last_breaks(each) for each in (one, other)]
    if since.count(None) != 1:
        return None
    return since[0] if since[0] is not None else since[1]


def _last_breaks(curve: Series) -> int | None:
    """Where the curve's last stretch of non-finite values begins, None where it ends finite."""
    finite = np.flatnonzero(np.isfinite(curve.values))
    begins = int(finite[-1]) + 1 if len(finite) else 0
    return int(curve.steps[begins]) if begins < len(curve) else None


# --- the sentence -------------------------------------------------------------------------------------------------


def _summary(reports: Sequence[Report]) -> str:
    baseline, *others = reports
    parts = _pair(baseline, others[0]) if len(others) == 1 else _many(baseline, others)
    sentence = "; ".join(filter(None, parts)) + "."
    is_name = any(sentence.startswith(f"{printable(report.run)} ") for report in reports)
    return sentence if is_name else sentence[0].upper() + sentence[1:]


def _pair(baseline: Report, other: Report) -> list[str]:
    """What became of the causes, of the loss, and what is left to do, for a run and its baseline."""
    before, after = _roots(baseline), _findings(other)
    solved = [each.title for cause, each in before.items() if cause in other.checked]
    unknown = [each.title for cause, each in before.items() if cause not in after and cause not in other.checked]
    kept = [each.title for cause, each in before.items() if cause in after]
    new = [each.title for cause, each in _roots(other).items() if cause not in _findings(baseline)]
    gain, names = _gain(baseline, other), (printable(baseline.run), printable(other.run))
    better = ", but does better" if gain is not None and gain > NOTABLE else ""
    parts = [
        _solved(names[1], solved, gain) if solved else "",
        f"whether {_causes(unknown)} is gone cannot be told from what {names[1]} logged" if unknown else "",
        f"both runs have {_causes(kept)}" if kept and not solved else "",
        f"{names[1]} has {_causes(new)}, which {names[0]} has not{better}" if new and not solved else "",
        _both_fine(baseline, other) if not (before or new or solved) else "",
    ]
    parts = [each for each in parts if each]
    if parts:
        parts[0] += f": {_loss_words(baseline, other, gain)}"
    return [*parts, _remains(other) if solved else ""]


def _solved(name: str, titles: Sequence[str], gain: float | None) -> str:
    if gain is not None and gain < -NOTABLE:
        return f"{name} no longer has {_causes(titles)}, but does worse"
    return f"{name} fixed {_causes(titles)}"


def _causes(titles: Sequence[str]) -> str:
    return joined([f"“{inline(title)}”" for title in titles])


def _both_fine(baseline: Report, other: Report) -> str:
    if _is_healthy(baseline) and _is_healthy(other):
        return "both runs are healthy"
    verdicts = baseline.verdict.id, other.verdict.id
    if verdicts[0] == verdicts[1]:
        return f"no cause was found in either run, and both are judged “{verdicts[0]}”"
    names = printable(baseline.run), printable(other.run)
    return f"no cause was found in either run; {names[1]} is judged “{verdicts[1]}”, {names[0]} “{verdicts[0]}”"


def _remains(report: Report) -> str:
    """What the run still suffers from."""
    roots = list(_roots(report).values())
    if not roots:
        if report.verdict.id in GOOD:
            return "nothing else is wrong"
        return f"no further cause was found, but the verdict is “{report.verdict.id}”"
    since = f" from step {roots[0].since:,}" if roots[0].since else ""
    more = f" and {_causes([each.title for each in roots[1:]])}" if roots[1:] else ""
    return f"what remains is {inline(roots[0].title)}{since}{more}"


def _roots(report: Report) -> dict[str, Ranked]:
    """What is to be fixed: findings that are serious and no consequence of another."""
    return {each.cause: each for each in report.findings if each.role != "consequence" and each.severity != "info"}


def _is_healthy(report: Report) -> bool:
    return report.verdict.id in GOOD and all(each.severity == "info" for each in report.findings)


def _judged_loss(reports: Sequence[Report]) -> str | None:
    """The split by which runs are compared: validation, else test, else training, where all have it in the same unit."""
    functions = {report.settings["loss"] for report in reports if "loss" in report.settings}
    if len(functions) > 1:
        return None
    losses = [_losses(report) for report in reports]
    return next((split for split in ("val", "test", "train") if all(split in each for each in losses)), None)


def _ended_at(report: Report, split: str) -> float:
    """The loss at the end of a run: a median, or NaN or infinity where it ended so."""
    curve = _losses(report)[split]
    return (
        float(np.quantile(curve.finite().tail(END), 0.5, method="nearest"))
        if math.isfinite(curve.values[-1])
        else float(curve.values[-1])
    )


def _gain(baseline: Report, other: Report) -> float | None:
    """By which share of the larger one the loss got smaller (negative: larger); None where losses cannot be compared."""
    split = _judged_loss([baseline, other])
    if split is None:
        return None
    before, after = _ended_at(baseline, split), _ended_at(other, split)
    if not (math.isfinite(before) and math.isfinite(after)):
        return float(math.isfinite(after)) - float(math.isfinite(before))
    largest = max(abs(before), abs(after))
    return before / largest - after / largest if largest else 0.0


def _loss_words(baseline: Report, other: Report, gain: float | None) -> str:
    split = _judged_loss([baseline, other])
    if split is None or gain is None:
        return _why_incomparable([baseline, other])
    before, after = _ended_at(baseline, split), _ended_at(other, split)
    if abs(gain) < NOTABLE:
        return f"about the same {LOSS_NAMES[split]}, {number(after)} and {number(before)}"
    return f"{LOSS_NAMES[split]} {number(after)} instead of {number(before)}"


def _why_incomparable(reports: Sequence[Report]) -> str:
    if len({report.settings.get("loss") for report in reports} - {None}) > 1:
        return "their losses cannot be compared, the loss functions differ"
    return "they logged no loss in common, so which does better cannot be told"


def _many(baseline: Report, others: Sequence[Report]) -> list[str]:
    """Which of several runs does best, which got rid of the baseline's causes, and which still fail."""
    reports = [baseline, *others]
    solved = [each for each in others if _roots(baseline) and all(cause in each.checked for cause in _roots(baseline))]
    parts = [_best_words(reports)]
    if solved:
        causes = _causes([each.title for each in _roots(baseline).values()])
        parts.append(f"{_names(solved)} fixed {causes} of {printable(baseline.run)}")
    failing = [each for each in others if _roots(each)]
    if failing:
        causes = _causes(list(dict.fromkeys(next(iter(_roots(each).values())).title for each in failing)))
        parts.append(f"what remains is {causes} in {_names(failing)}")
    elif all(_is_healthy(each) for each in reports):
        parts.append("all runs are healthy")
    return parts


def _best_words(reports: Sequence[Report]) -> str:
    split = _judged_loss(reports)
    if split is None:
        return _why_incomparable(reports)
    ends = [(end if math.isfinite(end := _ended_at(report, split)) else math.inf) for report in reports]
    best = int(np.argmin(ends))
    if not math.isfinite(ends[best]):
        return f"in none of the {len(reports)} runs does the {LOSS_NAMES[split]} stay finite"
    close = [end for end in ends if end - ends[best] <= NOTABLE * abs(ends[best])]
    if len(close) == len(ends):
        return f"all {len(reports)} runs end at about the same {LOSS_NAMES[split]}, {number(ends[best])}"
    instead = "" if best == 0 else f" instead of {number(_ended_at(reports[0], split))} in {printable(reports[0].run)}"
    return (
        f"{printable(reports[best].run)} does best of {len(reports)}: {LOSS_NAMES[split]} {number(ends[best])}{instead}"
    )


def _names(reports: Sequence[Report]) -> str:
    return joined([printable(report.run) for report in reports])
