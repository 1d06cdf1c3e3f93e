"""Runs side by side: one column a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from tb_lossdiag.comparison import Comparison
from tb_lossdiag.terminal.pictures import INDENT, QUIET, spark
from tb_lossdiag.translation import say
from tb_lossdiag.wording import likely, number, printable

__all__ = ["view"]


def view(comparison: Comparison, width: int) -> RenderableType:
    """The verdicts, curves, causes and figures of each run, and the settings that differ."""
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
        yield curve.title.lower(), [spark(by_run[run], room) if run in by_run else "–" for run in comparison.runs]


def _cause(confidence: float | None, role: str | None) -> str:
    return "–" if confidence is None else f"{say(role or '')}, {say(likely(confidence))}"


def _figure(value: float | None, change: float | None) -> str:
    if value is None:
        return "–"
    sign = f" ({'+' if change > 0 else ''}{number(change)})" if change else ""
    return number(value) + sign


def _cell(value: str | float | None) -> str:
    return "–" if value is None else printable(value) if isinstance(value, str) else number(value)
