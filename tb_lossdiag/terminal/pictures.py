"""Evidence as lines of text: bars, small curves, rows of a heat map. `picture` draws one piece, `spark` a curve in one line."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from rich.text import Text

from tb_lossdiag import evidence as shapes
from tb_lossdiag.series import Series
from tb_lossdiag.translation import say
from tb_lossdiag.wording import number, printable, quantity, sparkline

__all__ = ["INDENT", "QUIET", "picture", "spark"]


INDENT = 2
QUIET = "dim"
BARS = 6  # bars, lines and rows of one piece of evidence; the page shows them all
BAR = "█"
PARTS = " ▏▎▍▌▋▊▉█"  # eighths of a bar's last character


def spark(series: Series, width: int) -> str:
    """A curve in one line of this width."""
    return sparkline(series.values, width)


def picture(evidence: shapes.Evidence, width: int) -> Iterator[Text]:
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
            (f"  {name}{first} ", QUIET), (spark(line.series, room), "cyan"), (f" {last}", ""), no_wrap=True
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
