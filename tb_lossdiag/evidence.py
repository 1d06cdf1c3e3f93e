"""The closed set of shapes that evidence takes: what was seen, and what it was judged against.

A rule says *what* is shown and in which role; how it looks is the page's business. A new kind needs three rules that
want it. Long arrays are thinned when they leave Python (`wire.py`), not here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from tb_lossdiag.series import Series

__all__ = ["Bars", "Curve", "Evidence", "Fact", "Heatmap", "Histogram", "Line", "Mark", "Scale", "Table", "Unit"]

Unit = Literal["loss", "share", "ratio", "norm", "count", "learning rate", "step", "value", "cosine", "seconds"]
"""`share` is 0 to 1 and shown in percent; `ratio` is a quotient of like things; `value` has the data's own unit."""

Scale = Literal["linear", "log"]


@dataclass(frozen=True, slots=True)
class Mark:
    """Something to point at: a step (`at`), a stretch of steps (`at` to `to`) or a level of the value axis."""

    kind: Literal["step", "stretch", "level"]
    label: str
    at: float
    to: float | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a curve: observed in this run, or a reference that it is judged against."""

    name: str
    role: Literal["observed", "reference"]
    series: Series


@dataclass(frozen=True, slots=True)
class Curve:
    """Lines over steps, with marks. `scale` says which axis the value has by nature; the page lets the user change it."""

    title: str
    lines: Sequence[Line]
    unit: Unit
    marks: Sequence[Mark] = ()
    scale: Scale = "linear"


@dataclass(frozen=True, slots=True)
class Bars:
    """One number for each label (layers, features, classes), and the level that it is judged against, if any."""

    title: str
    labels: Sequence[str]
    values: Sequence[float]
    unit: Unit
    threshold: float | None = None
    scale: Scale = "linear"


@dataclass(frozen=True, slots=True)
class Heatmap:
    """A number for each row (layer) and step: `values[row][i]` was seen at `steps[i]`."""

    title: str
    rows: Sequence[str]
    steps: Sequence[int]
    values: Sequence[Sequence[float]]
    unit: Unit
    scale: Scale = "linear"


@dataclass(frozen=True, slots=True)
class Histogram:
    """How often values fell between `edges[i]` and `edges[i + 1]`; `marks` are levels on the axis of the edges."""

    title: str
    edges: Sequence[float]
    counts: Sequence[float]
    unit: Unit
    marks: Sequence[Mark] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells below a header; numbers stay numbers."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | float]]


@dataclass(frozen=True, slots=True)
class Fact:
    """One value that speaks for itself, and what it is compared with."""

    title: str
    value: str | float
    unit: Unit
    reference: str | float | None = None
    note: str = field(default="")


Evidence = Curve | Bars | Heatmap | Histogram | Table | Fact
