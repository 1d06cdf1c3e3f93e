"""What a terminal shows: goldens at two widths, names that stay text, colour only where there is colour."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reports import HOSTILE, cured, finding, report, sick
from rich.text import Text
from strategies import numbers, runs

from tb_lossdiag.comparison import compare
from tb_lossdiag.evidence import Bars, Curve, Heatmap, Line
from tb_lossdiag.export import cause_markdown
from tb_lossdiag.report import diagnose
from tb_lossdiag.rules import catalogue
from tb_lossdiag.series import Run, series
from tb_lossdiag.terminal import catalogue_table, comparison_view, draw, page_view, reports_view
from tb_lossdiag.wording import sparkline

ESCAPE = "\x1b"
UNDER = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\ud800-\udfff]")


def shown(*reports: object, width: int = 100, colour: bool = False) -> str:
    return draw(reports_view(reports, width=width), width=width, colour=colour)  # type: ignore[arg-type]


def widest(text: str) -> int:
    return max(Text(line).cell_len for line in text.splitlines())


@pytest.mark.parametrize("width", [60, 120])
def test_reports_look_like_this(width: int, golden: Callable[[str, str], None]) -> None:
    text = shown(sick(), cured(), width=width)
    assert widest(text) <= width
    golden(f"terminal/reports-{width}.txt", text)


@pytest.mark.parametrize("width", [60, 120])
def test_a_comparison_looks_like_this(width: int, golden: Callable[[str, str], None]) -> None:
    text = draw(comparison_view(compare([sick(), cured()]), width=width), width=width)
    assert widest(text) <= width
    golden(f"terminal/comparison-{width}.txt", text)


def test_the_catalogue_lists_every_cause_whole() -> None:
    text = draw(catalogue_table(catalogue().values()), width=80)
    assert all(f"\n{cause} " in text for cause in catalogue())
    assert widest(text) <= 80


@pytest.mark.parametrize("cause", catalogue())
def test_every_page_of_the_catalogue_can_be_shown(cause: str) -> None:
    text = draw(page_view(cause_markdown(catalogue()[cause])), width=60)
    assert catalogue()[cause].title.split()[0] in text
    assert widest(text) <= 60


def test_many_healthy_runs_take_a_line_each() -> None:
    lines = shown(*(cured(f"seed{i}") for i in range(50)), sick(), width=80).splitlines()
    assert sum(line.startswith("✔ seed") for line in lines) == 50
    assert lines[-1] == "51 runs: 1 with errors, 50 healthy"


def test_the_count_tells_unexplained_and_short_runs_from_healthy_ones() -> None:
    text = shown(
        report("A", verdict="stuck"), report("B", verdict="too-short"), report("C", finding(severity="warning"))
    )
    assert text.endswith("3 runs: 1 with warnings, 1 unexplained, 1 too short\n")


def test_consequences_stand_below_their_root_and_orphans_are_not_lost() -> None:
    text = shown(sick())
    assert text.index("✖ Learning rate too high") < text.index("└ leads to: Exploding gradient")
    assert "Overfitting" in shown(report("A", finding("overfitting", role="consequence")))


def test_what_was_said_is_not_said_again() -> None:
    text = shown(sick())
    assert text.count("12 times too high") == 1
    assert text.count("dead-units") == 1


def test_names_are_neither_markup_nor_commands_to_the_terminal() -> None:
    for text in (
        shown(sick(HOSTILE), cured(HOSTILE), width=300),
        draw(comparison_view(compare([sick(HOSTILE), cured(HOSTILE)]), width=300), width=300),
    ):
        assert "<b>odd</b> [red]run[/red]" in text
        assert not UNDER.search(text)


def test_colour_is_there_only_where_it_was_asked_for() -> None:
    assert ESCAPE not in shown(sick())
    coloured = shown(sick(), colour=True)
    assert ESCAPE in coloured
    assert draw(Text.from_ansi(coloured), width=100).rstrip() == shown(sick()).rstrip()


@given(runs(), st.integers(20, 200))
def test_any_run_whatever_can_be_shown_at_any_width(run: Run, width: int) -> None:
    found = diagnose(run)
    assert widest(shown(found, found, width=width)) <= width
    assert widest(draw(comparison_view(compare([found, found]), width=width), width=width)) <= width


@pytest.mark.parametrize("values", [[0.0, 5e-324], [-1.7e308, 1.7e308], [5e-324, 5e-324]])
def test_a_line_of_blocks_spans_the_smallest_and_the_largest_numbers(values: list[float]) -> None:
    """Half of the smallest number is nothing, and twice the largest is none."""
    assert set(sparkline(values, 2)) <= set("▁▂▃▄▅▆▇█")


@given(st.lists(numbers, max_size=20), st.sampled_from(["linear", "log"]))
def test_any_evidence_whatever_can_be_shown(values: list[float], scale: str) -> None:
    labels = [f"layer{i}" for i in range(len(values))]
    evidence = [
        Bars("Bars", labels, values, "share", 0.5, scale),  # type: ignore[arg-type]
        Heatmap("Map", labels, [0], [[each] for each in values], "norm"),
    ]
    for each in (*evidence, Curve("Curve", [Line("a", "observed", series(*values))], "norm")):
        text = shown(report("A", finding(evidence=[each])), width=50)
        assert each.title in text
        assert widest(text) <= 50


def test_of_many_bars_the_lowest_and_the_highest_are_shown() -> None:
    values = [0.5] * 40
    values[7], values[30] = 0.99, 0.01
    text = shown(report("A", finding(evidence=[Bars("Dead", [f"fc{i}" for i in range(40)], values, "share")])))
    assert "fc7 " in text
    assert "fc30 " in text
    assert "34 more not shown" in text
