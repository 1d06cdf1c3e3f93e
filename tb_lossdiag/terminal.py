"""Reports, comparisons and the catalogue for a terminal: as wide as it is, coloured where it has colour.

Functions from values to something that rich can draw; `draw` turns that into text. All names are put in as plain text,
never as markup, with control characters shown as escapes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.markdown import Markdown
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from tb_lossdiag import evidence as shapes
from tb_lossdiag.comparison import Comparison
from tb_lossdiag.finding import Remedy
from tb_lossdiag.ranking import Ranked
from tb_lossdiag.report import Report
from tb_lossdiag.rule import Rule
from tb_lossdiag.series import Series
from tb_lossdiag.translation import Language, say, speaking, translated
from tb_lossdiag.verdict import GOOD
from tb_lossdiag.wording import counted, joined, likely, number, printable, quantity, sparkline

__all__ = ["catalogue_table", "comparison_view", "draw", "page_view", "reports_view"]

COMPACT_FROM = 4  # with so many runs, a healthy one gets a line of its own and no more
INDENT = 2
WORDS = ("with errors", "with warnings", "unexplained", "too short", "healthy")
BARS = 6  # bars, lines and rows of one piece of evidence; the page shows them all
BAR = "█"
PARTS = " ▏▎▍▌▋▊▉█"  # eighths of a bar's last character
SEVERITY = {"error": "bold red", "warning": "bold yellow", "info": "bold blue"}
SIGN = {"error": "✖", "warning": "▲", "info": "●"}
BAD_VERDICT = "red"
GOOD_VERDICT = "green"
QUIET = "dim"


def draw(view: RenderableType, *, width: int, colour: bool = False) -> str:
    """What the view looks like in a terminal of this width; without colour it holds no escape codes."""
    console = Console(
        width=width,
        force_terminal=colour,
        color_system="truecolor" if colour else None,
        no_color=not colour,
        legacy_windows=False,
        highlight=False,
        markup=False,
        emoji=False,
    )
    with console.capture() as capture:
        console.print(view)
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"


# --- reports ------------------------------------------------------------------------------------------------------


def reports_view(reports: Sequence[Report], *, width: int, language: Language = "en") -> RenderableType:
    """Every run with its findings, healthy ones in a line where there are many, and a count at the end."""
    with speaking(language):
        return _reports([translated(each, language) for each in reports], width)


def _reports(reports: Sequence[Report], width: int) -> RenderableType:
    compact = len(reports) >= COMPACT_FROM
    parts: list[RenderableType] = []
    for report in reports:
        short = compact and _severity(report) is None and report.verdict.id in GOOD
        parts.append(_compact(report, width) if short else Group(*_report(report, width), Text()))
    if len(reports) > 1:
        parts.append(_count(reports))
    return Group(*parts)


def _severity(report: Report) -> str | None:
    """The worst severity that counts, None for a run that nothing is wrong with."""
    found = {finding.severity for finding in report.findings}
    return "error" if "error" in found else "warning" if "warning" in found else None


def _count(reports: Sequence[Report]) -> Text:
    words = [_word(report) for report in reports]
    told = [f"{words.count(word)} {say(word)}" for word in WORDS if word in words]
    return Text(say(f"{counted(len(reports), 'run')}: {', '.join(told)}"))


def _word(report: Report) -> str:
    """What the count at the end calls the run; one of WORDS."""
    severity = _severity(report)
    if severity is not None:
        return f"with {severity}s"
    return (
        "healthy" if report.verdict.id in GOOD else "too short" if report.verdict.id == "too-short" else "unexplained"
    )


def _verdict_style(report: Report) -> str:
    return GOOD_VERDICT if report.verdict.id in GOOD else QUIET if report.verdict.id == "too-short" else BAD_VERDICT


def _compact(report: Report, width: int) -> RenderableType:
    """One run on one line."""
    spark = next((_spark(series, 12) for _, series in _losses(report)), "")
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append("✔ ", GOOD_VERDICT).append(printable(report.run), "bold")
    line.append(f"  {say(report.verdict.id)}  ", _verdict_style(report)).append(f"{spark}  ")
    line.append(printable(report.headline), QUIET)
    line.truncate(width, overflow="ellipsis")
    return line


def _report(report: Report, width: int) -> Iterator[RenderableType]:
    yield _title(report, width)
    yield Text(printable(report.headline), "bold" if _severity(report) else "")
    yield from _loss_lines(report, width)
    if report.reference is not None:
        yield Text.assemble((say("beside  "), QUIET), printable(report.reference.summary))
    for finding, depth in _in_order(report.findings):
        yield Text()
        for part in _finding(report, finding, depth, width):
            yield Padding(part, (0, 0, 0, INDENT * (depth + 1)))
    yield from _open_questions(report)
    for warning in report.warnings:
        yield Text.assemble((say("note  "), "yellow"), printable(warning))


def _title(report: Report, width: int) -> RenderableType:
    verdict = f"{say(report.verdict.id)}, {say(likely(report.verdict.confidence))}"
    name = Text(printable(report.run), "bold underline")
    if name.cell_len + len(verdict) + INDENT > width:
        return Group(name, Text(verdict, _verdict_style(report)))
    return name.append(" " * INDENT, "not underline").append(
        verdict, f"not bold not underline {_verdict_style(report)}"
    )


def _losses(report: Report) -> Iterator[tuple[str, Series]]:
    for line in report.losses.lines if report.losses is not None else ():
        if line.role == "observed" and len(line.series):
            yield say(line.name), line.series


def _loss_lines(report: Report, width: int) -> Iterator[Text]:
    """Each loss in a line: where it began, its shape, where it ended."""
    rows = [(name, number(each.values[0]), each, number(each.values[-1])) for name, each in _losses(report)]
    if not rows:
        return
    names, firsts, lasts = (max(len(row[i]) for row in rows) for i in (0, 1, 3))
    for name, first, series, last in rows:
        room = min(60, max(8, width - names - firsts - lasts - 8))
        yield Text.assemble(
            (f"  {name:<{names}}  {first:>{firsts}} ", QUIET), (_spark(series, room), "cyan"), (f" {last}", "")
        )


def _spark(series: Series, width: int) -> str:
    return sparkline(series.values, width)


def _in_order(findings: Sequence[Ranked]) -> Iterator[tuple[Ranked, int]]:
    """Findings with their depth: each root, below it what it explains; a consequence that no root explains stands alone."""
    left = {finding.cause: finding for finding in findings}
    for finding in findings:
        if finding.role != "consequence" and finding.cause in left:
            del left[finding.cause]
            yield finding, 0
            yield from _consequences(finding, left, 1)
    yield from ((finding, 0) for finding in left.values())


def _consequences(finding: Ranked, left: dict[str, Ranked], depth: int) -> Iterator[tuple[Ranked, int]]:
    for cause in finding.explains:
        if cause in left and left[cause].role == "consequence":
            consequence = left.pop(cause)
            yield consequence, depth
            yield from _consequences(consequence, left, depth + 1)


def _finding(report: Report, finding: Ranked, depth: int, width: int) -> Iterator[RenderableType]:
    """A finding below its run's headline and losses, which are not shown a second time."""
    style = SEVERITY[finding.severity]
    head = Text.assemble(
        (f"{SIGN[finding.severity]} " if depth == 0 else say("└ leads to: "), style), (finding.title, style)
    )
    yield head.append(f"  {say(likely(finding.confidence))}{_since(finding)}", QUIET)
    if finding.summary != report.headline:
        yield Text(printable(finding.summary))
    room = max(20, width - INDENT * (depth + 1))
    fresh = [each for each in finding.evidence if not _is_drawn(each, report)]
    for evidence in fresh[: 2 if depth == 0 else 1]:
        yield from _evidence(evidence, room)
    if depth == 0:
        for remedy in finding.remedies:
            yield from _remedy(remedy)


def _is_drawn(evidence: shapes.Evidence, report: Report) -> bool:
    """Whether it shows nothing but the run's losses."""
    drawn = [series for _, series in _losses(report)]
    return isinstance(evidence, shapes.Curve) and all(
        any(line.series is series for series in drawn) for line in evidence.lines
    )


def _since(finding: Ranked) -> str:
    since = say(f", since step {finding.since:,}") if finding.since is not None else ""
    where = say(f", in {joined([printable(each) for each in finding.where], most=3)}") if finding.where else ""
    return since + where


def _remedy(remedy: Remedy) -> Iterator[RenderableType]:
    yield Text.assemble(("→ ", "green"), printable(remedy.action))
    if remedy.code:
        yield Padding(_code(remedy.code), (0, 0, 0, 4))
    if remedy.expect:
        yield Padding(Text(say(f"If this is right: {printable(remedy.expect)}"), QUIET), (0, 0, 0, 2))


def _code(code: str) -> Text:
    return Text("\n".join(printable(line) for line in code.splitlines()), "cyan")


def _open_questions(report: Report) -> Iterator[RenderableType]:
    """What could not be told apart, or not be looked for, and what to log so that it can."""
    for undecided in report.undecided:
        yield Text()
        yield Text.assemble(("? ", "bold magenta"), say(f"Cannot tell apart {joined(undecided.causes)}. To tell, log:"))
        yield Padding(_code(undecided.log), (0, 0, 0, 4))
    by_log: dict[str, list[str]] = {}
    told = {cause for undecided in report.undecided for cause in undecided.causes}
    for each in [each for each in report.not_checked if each.cause not in told]:
        by_log.setdefault(each.log, []).append(each.cause)
    if by_log:
        yield Text()
    for log, causes in by_log.items():
        listed = say(f"{counted(len(causes), 'cause')} not checked ({joined(causes, most=3)}). To check, log:")
        yield Text(listed, QUIET)
        yield Padding(_code(log), (0, 0, 0, 4))


# --- evidence -----------------------------------------------------------------------------------------------------


def _evidence(evidence: shapes.Evidence, width: int) -> Iterator[Text]:
    """One kind of evidence in a few lines."""
    match evidence:
        case shapes.Curve():
            yield from _curve(evidence, width)
        case shapes.Bars():
            yield from _bars(evidence, width)
        case shapes.Heatmap():
            yield from _heatmap(evidence, width)
        case shapes.Histogram():
            span = [quantity(edge, evidence.unit) for edge in (*evidence.edges[:1], *evidence.edges[-1:])]
            yield _caption(evidence.title, say(" to ".join(span)))
            yield Text(sparkline(evidence.counts, min(40, width)), "cyan")
        case shapes.Table():
            yield _caption(evidence.title)
            for row in evidence.rows[:BARS]:
                cells = [each if isinstance(each, str) else number(each) for each in row]
                pairs = zip(evidence.columns, cells, strict=False)
                yield Text("  " + ", ".join(f"{printable(name)} {printable(cell)}" for name, cell in pairs if cell))
        case shapes.Fact():
            against = (
                say(f" against {quantity(evidence.reference, evidence.unit)}") if evidence.reference is not None else ""
            )
            note = f" ({printable(evidence.note)})" if evidence.note else ""
            yield _caption(f"{evidence.title}: {quantity(evidence.value, evidence.unit)}{against}{note}")


def _caption(title: str, aside: str = "") -> Text:
    return Text.assemble((printable(title), "italic"), (f"  {aside}" if aside else "", QUIET))


def _curve(curve: shapes.Curve, width: int) -> Iterator[Text]:
    """Each observed line between its first and last value, and the levels that it is judged against."""
    levels = [
        f"{printable(mark.label)} {quantity(mark.at, curve.unit)}" for mark in curve.marks if mark.kind == "level"
    ]
    yield _caption(curve.title, ", ".join(levels))
    for line in [each for each in curve.lines if len(each.series)][:BARS]:
        name = f"{_fitted(say(line.name), 20)}  " if len(curve.lines) > 1 else ""
        first, last = (quantity(line.series.values[i], curve.unit) for i in (0, -1))
        room = min(40, max(8, width - len(name) - len(first) - len(last) - 6))
        yield Text.assemble(
            (f"  {name}{first} ", QUIET), (_spark(line.series, room), "cyan"), (f" {last}", ""), no_wrap=True
        )


def _bars(bars: shapes.Bars, width: int) -> Iterator[Text]:
    """The bars in the order of the labels; of many, the lowest and the highest (which are the bad ones, the rule knows)."""
    heights = _heights(bars)
    order = np.argsort(heights, kind="stable")  # NaN comes last, with the highest
    ends = order if len(order) <= BARS else np.concatenate([order[: BARS // 2], order[-BARS // 2 :]])
    hidden = len(order) - len(ends)
    limit = say(f"limit {quantity(bars.threshold, bars.unit)}") if bars.threshold is not None else ""
    yield _caption(bars.title, ", ".join(filter(None, [limit, say(f"{hidden} more not shown") if hidden else ""])))
    shown = sorted(ends.tolist())
    labels = {i: _fitted(bars.labels[i], max(6, width // 3)) for i in shown}
    column = max((Text(label).cell_len for label in labels.values()), default=0)
    lengths = _lengths(heights)
    for i in shown:
        pad = " " * (column - Text(labels[i]).cell_len)
        bar = _bar(lengths[i], min(24, max(4, width - column - 16)))
        value = quantity(bars.values[i], bars.unit)
        yield Text.assemble((f"  {labels[i]}{pad} ", QUIET), (bar, "cyan"), f" {value}", no_wrap=True)


def _heights(bars: shapes.Bars) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The values on the scale on which they are drawn; what a logarithm cannot show is the lowest."""
    values = np.asarray(bars.values, dtype=np.float64)
    if bars.scale == "linear":
        return np.abs(values)
    logs = np.log10(values, out=np.full(len(values), np.nan), where=values > 0)
    return np.where(values == 0, np.min(logs[np.isfinite(logs)], initial=0.0), logs)


def _lengths(heights: np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[float]:
    """Heights as shares of the highest: from 0 where none is negative, else from a little below the lowest."""
    finite = heights[np.isfinite(heights)]
    low, high = (min(0.0, finite.min() - 0.5), finite.max()) if len(finite) else (0.0, 0.0)
    span = high - low
    shares = (heights - low) / span if span > 0 and np.isfinite(span) else np.zeros(len(heights))
    return np.clip(np.nan_to_num(shares, nan=0.0), 0.0, 1.0).tolist()  # type: ignore[no-any-return]


def _bar(share: float, width: int) -> str:
    eighths = round(share * width * 8)
    return BAR * (eighths // 8) + PARTS[eighths % 8].strip()


def _heatmap(heatmap: shapes.Heatmap, width: int) -> Iterator[Text]:
    """The first, a middle and the last row as curves: how the figure changes with depth and over time."""
    hidden = max(0, len(heatmap.rows) - BARS)
    yield _caption(heatmap.title, say(f"{hidden} more rows not shown") if hidden else "")
    chosen = sorted({0, len(heatmap.rows) // 2, len(heatmap.rows) - 1}) if heatmap.rows else []
    for i in chosen:
        name = _fitted(heatmap.rows[i], max(6, width // 3))
        values = heatmap.values[i]
        last = quantity(values[-1], heatmap.unit) if len(values) else ""
        room = min(40, max(8, width - len(name) - 16))
        yield Text.assemble((f"  {name} ", QUIET), (sparkline(values, room), "cyan"), f" {last}", no_wrap=True)


def _fitted(name: str, width: int) -> str:
    """A name in at most `width` cells: the end of a layer's name says more than its beginning."""
    text = printable(name)
    return text if len(text) <= width else f"…{text[len(text) - width + 1 :]}"


# --- comparison, catalogue ----------------------------------------------------------------------------------------


def comparison_view(comparison: Comparison, *, width: int, language: Language = "en") -> RenderableType:
    """Runs side by side: one column a run."""
    with speaking(language):
        return _comparison(translated(comparison, language), width)


def _comparison(comparison: Comparison, width: int) -> RenderableType:
    grid = Grid(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=True, header_style="bold underline")
    grid.add_column("", style=QUIET, max_width=max(22, width // 5))
    for name in comparison.runs:
        grid.add_column(Text(printable(name)), overflow="fold")
    _section(
        grid,
        "",
        [(say("verdict"), [say(each) for each in comparison.verdicts]), (say("headline"), comparison.headlines)],
    )
    for name, values in _spark_rows(comparison, width):
        grid.add_row(Text(name), *(Text(each, "cyan", no_wrap=True) for each in values))
    causes = [
        (row.title, [_cause(*pair) for pair in zip(row.confidence, row.role, strict=True)]) for row in comparison.causes
    ]
    _section(grid, say("causes"), causes)
    figures = [
        (say(row.figure), [_figure(*pair) for pair in zip(row.values, row.change, strict=True)])
        for row in comparison.figures
    ]
    _section(grid, say("figures"), figures)
    settings = [(say(row.setting), [_cell(each) for each in row.values]) for row in comparison.differences]
    _section(grid, say("settings"), settings)
    parts: list[RenderableType] = [Text(comparison.summary, "bold"), Text(), grid]
    if comparison.parting is not None:
        parts += [Text(), Text(say(f"The training losses part at step {comparison.parting:,}."))]
    if comparison.same:
        parts += [Text(), Text(say("The same in all: ") + _pairs(comparison.same), QUIET)]
    return Group(*parts)


def _pairs(settings: Mapping[str, str | float]) -> str:
    return ", ".join(f"{say(printable(name))} {_cell(value)}" for name, value in settings.items())


def _section(grid: Grid, title: str, rows: Iterable[tuple[str, Sequence[str]]]) -> None:
    rows = list(rows)
    if rows and title:
        grid.add_row()
        grid.add_row(Text(title, "not dim bold"))
    for name, cells in rows:
        grid.add_row(Text(printable(name)), *(Text(printable(each)) for each in cells))


def _spark_rows(comparison: Comparison, width: int) -> Iterator[tuple[str, list[str]]]:
    """Each loss as one small curve a run; all of a row begin at the same step but are scaled each for itself."""
    room = max(6, min(30, (width - max(22, width // 5)) // len(comparison.runs) - INDENT))
    for curve in comparison.curves:
        by_run = {line.name: line.series for line in curve.lines}
        yield curve.title.lower(), [_spark(by_run[run], room) if run in by_run else "–" for run in comparison.runs]


def _cause(confidence: float | None, role: str | None) -> str:
    return "–" if confidence is None else f"{say(role or '')}, {say(likely(confidence))}"


def _figure(value: float | None, change: float | None) -> str:
    if value is None:
        return "–"
    sign = f" ({'+' if change > 0 else ''}{number(change)})" if change else ""
    return number(value) + sign


def _cell(value: str | float | None) -> str:
    return "–" if value is None else printable(value) if isinstance(value, str) else number(value)


def catalogue_table(rules: Iterable[Rule], language: Language = "en") -> RenderableType:
    """Every cause with its stage and severity."""
    with speaking(language):
        return _catalogue(rules)


def _catalogue(rules: Iterable[Rule]) -> RenderableType:
    grid = Grid(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold underline")
    grid.add_column(say("cause"), no_wrap=True, style="bold")
    for title in (say("stage"), say("severity"), say("what is wrong")):
        grid.add_column(title)
    for rule in rules:
        severity = Text(say(rule.severity), SEVERITY[rule.severity])
        grid.add_row(rule.id, say(rule.stage), severity, Text(say(rule.cause)))
    return grid


def page_view(markdown: str) -> RenderableType:
    """A rule's page."""
    return Markdown(markdown, hyperlinks=False)
