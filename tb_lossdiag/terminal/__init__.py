"""Reports, comparisons and the catalogue for a terminal: as wide as it is, coloured where it has colour.

Functions from values to something that rich can draw; `draw` turns that into text. All names are put in as plain text,
never as markup, with control characters shown as escapes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console, RenderableType
from rich.markdown import Markdown
from rich.table import Table as Grid
from rich.text import Text

from tb_lossdiag.comparison import Comparison
from tb_lossdiag.report import Report
from tb_lossdiag.rule import Rule
from tb_lossdiag.terminal import beside, runs
from tb_lossdiag.terminal.runs import SEVERITY
from tb_lossdiag.translation import Language, say, speaking, translated

__all__ = ["catalogue_table", "comparison_view", "draw", "page_view", "reports_view"]


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


def reports_view(reports: Sequence[Report], *, width: int, language: Language = "en") -> RenderableType:
    """Every run with its findings, healthy ones in a line where there are many, and a count at the end."""
    with speaking(language):
        return runs.view([translated(each, language) for each in reports], width)


def comparison_view(comparison: Comparison, *, width: int, language: Language = "en") -> RenderableType:
    """Runs side by side: one column a run."""
    with speaking(language):
        return beside.view(translated(comparison, language), width)


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
