"""Report, Comparison -> JSON. The only place that knows JSON.

Evidence becomes an object whose `kind` is its class's name; NaN and infinities become the strings that JavaScript's
`Number()` understands; a long series is thinned to at most `POINTS` points, keeping what a reader would miss.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from json.encoder import encode_basestring
from typing import Any, Literal, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from tb_lossdiag.comparison import Comparison
from tb_lossdiag.evidence import Heatmap
from tb_lossdiag.finding import Remedy, Severity, Stage
from tb_lossdiag.ranking import Ranked
from tb_lossdiag.report import Report
from tb_lossdiag.series import Series
from tb_lossdiag.verdict import Verdict

__all__ = [
    "POINTS", "SCHEMA", "CauseDocument", "ComparisonDocument", "ErrorDocument", "LayersDocument", "NamesDocument", "ReportDocument", "RootCause",
    "RunEntry", "RunsDocument", "Status", "dumps", "plain", "run_entry", "shortened", "thin", "without_layers",
]  # fmt: skip

T = TypeVar("T")

SCHEMA = 1
SPARK = 60  # points of the small curve in the list of runs
POINTS = 1000  # about one point for each pixel of a wide chart
COLUMNS = 200  # of a heat map: cells of a few pixels
DIGITS = (
    4  # of the values of heat maps and small curves: more than a colour or its tip can tell, and a third of the bytes
)
LEAVES: Mapping[type, Callable[[Any], str]] = {str: encode_basestring, float: float.__repr__, int: int.__repr__}
"""How JSON writes what holds nothing else; numbers that it has no word for are strings by then."""
NESTED, AS_THEY_ARE = {list, dict}, {int, bool, type(None)}
EVIDENCE_KINDS = {"Curve", "Bars", "Heatmap", "Histogram", "Table", "Fact"}


def tool() -> str:
    """Name and version, as in `"tool": "tb_lossdiag 0.1.0"`."""
    try:
        return f"tb_lossdiag {version('tb_lossdiag')}"
    except PackageNotFoundError:
        return "tb_lossdiag (not installed)"


Status = Literal["reading", "ready", "failed"]


@dataclass(frozen=True, slots=True)
class RootCause:
    """The first finding of a run, as the list of runs shows it."""

    cause: str
    title: str
    confidence: float
    severity: Severity


@dataclass(frozen=True, slots=True)
class RunEntry:
    """One run in the list of runs. `spark` is the training loss in at most 60 points; `message` says what failed.

    `causes` are all that is to be fixed, the most important first: serious findings that are no consequence of another.
    """

    run: str
    status: Status
    revision: int
    message: str = ""
    verdict: Verdict | None = None
    headline: str = ""
    root: RootCause | None = None
    causes: Sequence[RootCause] = ()
    figures: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, str | float] = field(default_factory=dict)
    spark: Sequence[float] = ()
    updated: float | None = None
    closed: bool | None = None


def run_entry(report: Report, revision: int) -> RunEntry:
    """A diagnosed run as the list of runs shows it."""
    loud = [each for each in report.findings if each.severity != "info"]
    train = next((line.series for line in report.losses.lines if line.name == "train"), None) if report.losses else None
    return RunEntry(
        run=report.run,
        status="ready",
        revision=revision,
        verdict=report.verdict,
        headline=report.headline,
        root=_root_cause(loud[0]) if loud else None,
        causes=[_root_cause(each) for each in loud if each.role != "consequence"],
        figures=report.figures,
        settings=report.settings,
        spark=()
        if train is None
        else [float(f"{value:.{DIGITS}g}") for value in train.values[thin(train.values, SPARK)]],
        updated=report.updated,
        closed=report.closed,
    )


def _root_cause(finding: Ranked) -> RootCause:
    return RootCause(finding.cause, finding.title, finding.confidence, finding.severity)


@dataclass(frozen=True, slots=True)
class RunsDocument:
    """What the route `runs` answers. `loading` while runs are still being read; `message` says what the user should know."""

    runs: Sequence[RunEntry]
    loading: bool = False
    message: str = ""
    logdir: str = ""
    schema: int = SCHEMA
    tool: str = field(default_factory=tool)


@dataclass(frozen=True, slots=True)
class ReportDocument:
    """What `lossdiag diagnose --format json` prints and the route `report` answers (there with one run)."""

    runs: Sequence[Report]
    status: Status = "ready"
    revision: int = 0
    schema: int = SCHEMA
    tool: str = field(default_factory=tool)


@dataclass(frozen=True, slots=True)
class LayersDocument:
    """What the route `layers` answers: a run's heat maps, which are many times as large as the rest of its report."""

    layers: Sequence[Heatmap]
    revision: int = 0
    schema: int = SCHEMA
    tool: str = field(default_factory=tool)


def without_layers(report: Report) -> Report:
    """The report with its heat maps and their rows named but empty, for a page that draws what comes first and then the rest."""
    named = [dataclasses.replace(each, steps=(), values=()) for each in report.layers]
    return dataclasses.replace(report, layers=named)


@dataclass(frozen=True, slots=True)
class ComparisonDocument:
    """What `lossdiag compare --format json` prints and the route `compare` answers."""

    comparison: Comparison
    schema: int = SCHEMA
    tool: str = field(default_factory=tool)


@dataclass(frozen=True, slots=True)
class CauseDocument:
    """What the route `cause` answers: a rule's page, as Markdown and as sanitised HTML."""

    id: str
    title: str
    cause: str
    stage: Stage
    severity: Severity
    needs: Sequence[str]
    welcome: Sequence[str]
    explains: Sequence[str]
    remedies: Sequence[Remedy]
    markdown: str
    html: str


@dataclass(frozen=True, slots=True)
class NamesDocument:
    """What the route `names` answers: causes and signals by their ids, as a person of this language calls them."""

    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ErrorDocument:
    """What every route answers when the request cannot be served: a sentence for a person."""

    error: str


def shortened(value: T, points: int = 4 * POINTS) -> T:
    """A report whose curves have at most so many points, keeping what a reader would miss; the same one where all have."""
    if isinstance(value, Series):
        return cast("T", value[thin(value.values, points)]) if len(value) > points else value
    if isinstance(value, (list, tuple)):
        if not value or isinstance(value[0], (str, int, float)):  # plain throughout, and often long
            return value
        items = [shortened(each, points) for each in value]
        return value if all(new is old for new, old in zip(items, value, strict=True)) else type(value)(items)
    if not is_dataclass(value) or isinstance(value, (type, Heatmap)):
        return value
    found = {each.name: getattr(value, each.name) for each in fields(value)}
    changed = {name: new for name, old in found.items() if (new := shortened(old, points)) is not old}
    return replace(value, **changed) if changed else value


def dumps(document: object, *, indent: int | None = None) -> str:
    """A document (any dataclass above) as strict JSON text: never a bare NaN."""
    content = plain(document)
    if indent is None:
        return json.dumps(content, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return _indented(content, json.JSONEncoder(allow_nan=False, ensure_ascii=False).encode, "\n", " " * indent)


def _indented(content: Any, encode: Callable[[Any], str], begin: str, deeper: str) -> str:  # noqa: ANN401
    """JSON for people: a line for each entry, but one line for what holds no further lists or objects, such as a curve's values.

    Of its own, because json writes every number of an indented list on its own line, and in Python instead of C.
    """
    kind = type(content)
    leaf = LEAVES.get(kind)
    if leaf is not None:
        return leaf(content)
    each_begins = begin + deeper
    if kind is dict and content:
        entries = [
            f"{encode_basestring(key)}: {_indented(each, encode, each_begins, deeper)}" for key, each in content.items()
        ]
        return f"{{{each_begins}{(',' + each_begins).join(entries)}{begin}}}"
    if kind is list and not NESTED.isdisjoint(map(type, content)):
        entries = [_indented(each, encode, each_begins, deeper) for each in content]
        return f"[{each_begins}{(',' + each_begins).join(entries)}{begin}]"
    return encode(content)


def thin(values: NDArray[np.float64], points: int = POINTS) -> NDArray[np.int64]:
    """Indices of at most `points` (8 or more) that keep both ends and, of each stretch, extremes and first non-finite value."""
    count = len(values)
    if count <= points:
        return np.arange(count)
    # as numpy's array_split: the first `longer` stretches hold a point more; those of equal length are taken together
    stretches = (points - 2) // 4
    short, longer = divmod(count, stretches)
    cut = longer * (short + 1)
    parts = [_telling(values[:cut].reshape(longer, short + 1)), cut + _telling(values[cut:].reshape(-1, short))]
    return np.unique(np.concatenate([*parts, [0, count - 1]]))


def _telling(stretches: NDArray[np.float64]) -> NDArray[np.int64]:
    """Of each row the first value, the lowest and highest finite one, and the first that is not finite, as indices of all."""
    rows, length = stretches.shape
    if not rows:
        return np.empty(0, np.int64)
    begins = length * np.arange(rows)
    finite = np.isfinite(stretches)
    if finite.all():
        return np.concatenate([begins, begins + stretches.argmin(axis=1), begins + stretches.argmax(axis=1)])
    lowest = np.where(finite, stretches, np.inf).argmin(axis=1)
    highest = np.where(finite, stretches, -np.inf).argmax(axis=1)
    some, broken = finite.any(axis=1), ~finite.all(axis=1)
    return np.concatenate([
        begins, (begins + lowest)[some], (begins + highest)[some], (begins + finite.argmin(axis=1))[broken]
    ])  # fmt: skip


def plain(value: Any) -> Any:  # noqa: ANN401  (one return for each sort of value)
    """`value` in the types that JSON has."""
    if type(value) is list and AS_THEY_ARE.issuperset(map(type, value)):
        return list(value)
    if value is None or isinstance(value, (str, bool, int, float, np.generic)):
        return _plain_scalar(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain_dataclass(value)
    if isinstance(value, Mapping):
        return {text(str(key)): plain(each) for key, each in value.items()}
    if isinstance(value, np.ndarray):
        numbers = value.dtype.kind in "biuf" and bool(np.isfinite(value).all())  # as nearly all are: no look at each
        return value.tolist() if numbers else plain(value.tolist())
    if isinstance(value, (Sequence, set, frozenset)) and not isinstance(value, (bytes, bytearray)):
        return [plain(each) for each in value]
    message = f"cannot put a {type(value).__name__} on the wire"
    raise TypeError(message)


def _plain_scalar(value: str | bool | float | np.generic | None) -> str | bool | int | float | None:
    scalar: str | bool | float | None = value.item() if isinstance(value, np.generic) else value
    if isinstance(scalar, str):
        return text(scalar)
    return number(scalar) if isinstance(scalar, float) else scalar


def _plain_dataclass(value: Any) -> dict[str, Any]:  # noqa: ANN401  (any dataclass)
    if isinstance(value, Series):
        chosen = thin(value.values)
        return {"steps": value.steps[chosen].tolist(), "values": plain(value.values[chosen])}
    done: dict[str, Any] = {}
    if isinstance(value, Heatmap):
        value = _narrowed(value) if len(value.steps) > COLUMNS else value
        done = {
            "values": list(map(_rounded, value.values))
        }  # far more numbers than anything else: through numpy together
    kind = type(value).__name__
    found = {name: done[name] if name in done else plain(getattr(value, name)) for name in _names(value.__class__)}
    return {"kind": kind, **found} if kind in EVIDENCE_KINDS else found


@cache
def _names(kind: Any) -> tuple[str, ...]:  # noqa: ANN401  (any dataclass)
    return tuple(each.name for each in fields(kind))


def _rounded(row: Sequence[float]) -> list[float | str]:
    """The values to `DIGITS` significant digits; what is not finite as its string."""
    values = np.asarray(row, dtype=np.float64)
    finite = np.isfinite(values)
    with np.errstate(all="ignore"):  # what overflows below is kept as it is
        exponent = DIGITS - 1 - np.floor(np.log10(np.abs(values)))
        scale = 10.0 ** np.abs(exponent)
        short = np.where(exponent > 0, np.round(values * scale) / scale, np.round(values / scale) * scale)
    texts: list[float | str] = np.where(np.isfinite(short), short, values).tolist()
    for index in np.flatnonzero(~finite):
        texts[index] = number(float(values[index]))
    return texts


def _narrowed(heatmap: Heatmap) -> Heatmap:
    """The heat map in `COLUMNS` columns: of each row and stretch of steps, the value furthest from the row's median."""
    values = np.asarray(heatmap.values, dtype=np.float64)
    stretches = np.array_split(np.arange(len(heatmap.steps)), COLUMNS)
    rows = []
    for row in values:
        finite = row[np.isfinite(row)]
        middle = np.quantile(finite, 0.5, method="nearest") if len(finite) else 0.0
        distance = np.where(np.isnan(row), -1.0, np.abs(row / 2 - middle / 2))  # halves, so that nothing overflows
        rows.append([float(row[stretch[np.argmax(distance[stretch])]]) for stretch in stretches])
    return dataclasses.replace(heatmap, steps=[heatmap.steps[stretch[0]] for stretch in stretches], values=rows)


def text(value: str) -> str:
    """`value` as text that can be encoded: bytes of a file's name that are not UTF-8 become escapes."""
    return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode("utf-8")


def number(value: float) -> float | str:
    """A float, or the string that stands for it where JSON has no number."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
