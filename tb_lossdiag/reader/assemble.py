"""The columns of a run's files -> Run: curves in the order of their steps under names of our own, packed groups, facts."""

from __future__ import annotations

import json
import math
import threading
from array import array
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tb_lossdiag.reader.columns import Columns, PackedColumn, ScalarColumn
from tb_lossdiag.reader.histograms import HistogramColumn, layer_facts, layer_norms, parameter_of, whole_norm
from tb_lossdiag.reader.names import metrics, roles
from tb_lossdiag.reader.order import Order, in_order
from tb_lossdiag.reader.written import Part, Written
from tb_lossdiag.series import Packed, Run, Series
from tb_lossdiag.tags import PLUS, Schema

__all__ = ["assemble", "curves", "groups", "named", "parsed_facts", "said"]

NAMED = 3  # series that a warning names one by one
Number = TypeVar("Number", bound=np.generic)


@dataclass(slots=True)
class _Notes:
    """What had to be done to the order of the steps, by series, so that many series make one sentence."""

    orders: dict[str, Order] = field(default_factory=dict)

    def warnings(self) -> list[str]:
        found = []
        back = {name: each for name, each in self.orders.items() if each.kind == "restarted"}
        if back:
            at = min(each.at for each in back.values())
            dropped = sum(each.dropped for each in back.values())
            found.append(
                f"Steps go back to {at:,} in {_names(back)} (a run that was resumed or repeated): "
                f"{dropped:,} earlier points from there on are superseded by the later ones."
            )
        mixed = {name: each for name, each in self.orders.items() if each.kind == "mixed"}
        if mixed:
            dropped = sum(each.dropped for each in mixed.values())
            found.append(
                f"{dropped:,} points of {_names(mixed)} stand at steps of another count, such as epochs among batches, and are left out: "
                "log them under a tag of their own."
            )
        counted = [name for name, each in self.orders.items() if each.kind == "counted"]
        if counted:
            found.append(
                f"The steps of {_names(counted)} do not tell the order (all the same, or counted anew each epoch): "
                "the points are shown in the order of writing, counted from 0."
            )
        return found


def assemble(
    name: str, files: Sequence[Columns], warnings: Sequence[str] = (), lock: threading.RLock | None = None
) -> Run:
    """One run out of its files, earliest first.

    `lock` is held whenever a curve is brought together, now or later: by whoever adds to the files in another thread, too.
    """
    files = sorted(files, key=lambda each: each.began)  # stable: files without a time stay in the order of their names
    notes = _Notes()
    series, sources = named(curves(files, notes, lock or threading.RLock()))
    packed = groups(files, notes)
    facts, problems = parsed_facts([each.facts for each in files if each.facts is not None])
    norms = histograms(files, notes)
    if norms and "models" not in facts:
        facts = {**facts, "histograms": layer_facts(norms)}
        packed += layer_norms(norms)
        whole = whole_norm(norms)
        if whole is not None and "diag/grad_norm" not in series:
            series["diag/grad_norm"], sources["diag/grad_norm"] = whole[0], f"{whole[1]:,} histograms of gradients"
    settings = {name: value for each in files for name, value in each.settings.items()}
    facts = {**facts, "settings": settings} if settings else facts
    updated = max((each.updated for each in files), default=-math.inf)
    return Run(
        name=name,
        series=series,
        packed=packed,
        facts=facts,
        sources=sources,
        metrics=metrics(series),
        warnings=[*warnings, *notes.warnings(), *problems, *said(facts)],
        updated=updated if math.isfinite(updated) else None,
    )


def named(series: Mapping[str, Series]) -> tuple[dict[str, Series], dict[str, str]]:
    """Series by tag -> series under our names, all others under their tags; and which tag each of our names came from."""
    sources = roles({tag: len(each) for tag, each in series.items()})
    ours = {tag: role for role, tag in sources.items()}
    found = {ours.get(tag, tag): each for tag, each in series.items()}
    for role, tag in sources.items():
        if tag not in series:
            found[role] = _summed([series[part] for part in tag.split(PLUS)])
    return found, sources


def _summed(parts: Sequence[Series]) -> Series:
    """The sum of several curves, at the steps that all of them have."""
    steps = parts[0].steps
    for each in parts[1:]:
        steps = np.intersect1d(steps, each.steps)
    at = [np.searchsorted(each.steps, steps) for each in parts]
    values = np.sum([each.values[where] for each, where in zip(parts, at, strict=True)], axis=0)
    return Series(steps, values, None if parts[0].wall is None else parts[0].wall[at[0]])


def curves(files: Sequence[Columns], notes: _Notes, lock: threading.RLock) -> dict[str, Series]:
    """Every scalar tag's points over all files, in the order of their steps."""
    by_tag: defaultdict[bytes, list[ScalarColumn]] = defaultdict(list)
    for file in files:
        for raw, column in file.scalars.items():
            by_tag[raw].append(column)
    found: dict[str, Series] = {}
    for raw, columns in by_tag.items():
        tag = raw.decode("utf-8", "replace")
        counts = [len(each.steps) for each in columns]
        order = None
        if not _rise(columns):
            order = in_order(_joined([each.steps for each in columns], np.int64), _joins(columns))
            notes.orders[tag] = order
        points = sum(counts) if order is None else len(order.chosen)
        found[tag] = Written(points, partial(_brought_together, columns, counts, order), lock)
    return found


def _rise(columns: Sequence[ScalarColumn]) -> bool:
    """Whether the steps go up throughout, from file to file as well: then there is nothing to put in order."""
    filled = [each for each in columns if len(each.steps)]
    return all(each.rises for each in filled) and all(a.steps[-1] < b.steps[0] for a, b in pairwise(filled))


def _brought_together(
    columns: Sequence[ScalarColumn], counts: Sequence[int], order: Order | None, part: Part
) -> NDArray[Any]:
    """The steps, values or walls of the first so many points of each column, put in order."""
    parts = [each.first(count, part) for each, count in zip(columns, counts, strict=True)]
    found = parts[0] if len(parts) == 1 else np.concatenate(parts)
    if order is None:
        return found
    return order.steps(found) if part == "steps" else order.of(found)


def groups(files: Sequence[Columns], notes: _Notes) -> list[Packed]:
    """Every packed group over all files. Files (and tags) that announce the same schema continue each other."""
    by_schema: defaultdict[Schema, list[PackedColumn]] = defaultdict(list)
    for file in files:
        for column in file.packed.values():
            by_schema[replace(column.schema, version=1)].append(column)
    return [_packed(schema, columns, notes) for schema, columns in by_schema.items()]


def histograms(files: Sequence[Columns], notes: _Notes) -> dict[str, tuple[Series, float]]:
    """The norms over all files, by tag, of what parameters' histograms were logged of, and how many values each has."""
    by_tag: defaultdict[str, list[HistogramColumn]] = defaultdict(list)
    for file in files:
        for tag, column in file.histograms.items():
            if parameter_of(tag) is not None:
                by_tag[tag].append(column)
    found: dict[str, tuple[Series, float]] = {}
    for tag, columns in by_tag.items():
        steps = _joined([each.steps for each in columns], np.int64)
        order = in_order(steps, _joins(columns))
        notes.orders[tag] = order
        norms = order.of(_joined([each.norms for each in columns], np.float64))
        found[tag] = Series(order.steps(steps), norms), max(max(each.counts) for each in columns)
    return found


def parsed_facts(texts: Sequence[bytes]) -> tuple[dict[str, Any], list[str]]:
    """The last facts that can be read, and a warning for each that cannot."""
    facts: dict[str, Any] = {}
    problems = []
    for text in texts:
        try:
            parsed = json.loads(text)
        except (ValueError, RecursionError):
            parsed = None
        if isinstance(parsed, dict):
            facts = parsed
        else:
            problems.append("The facts about the model are damaged and were left out.")
    return facts, problems[:1]


def said(facts: Mapping[str, Any]) -> list[str]:
    """What the writer had to say while it watched: what it could not see, and why. Each once."""
    models = facts.get("models")
    holders = [facts, *(models.values() if isinstance(models, dict) else ())]
    notes = [each.get("notes") for each in holders if isinstance(each, dict)]
    return list(
        dict.fromkeys(text for each in notes if isinstance(each, list) for text in each if isinstance(text, str))
    )


def _packed(schema: Schema, columns: Sequence[PackedColumn], notes: _Notes) -> Packed:
    shape = (-1, len(schema.figures), len(schema.columns))
    steps = _joined([each.steps for each in columns], np.int64)
    order = in_order(steps, _joins(columns))
    notes.orders[f"{schema.group}/{schema.split}" + (f" of {schema.name}" if schema.name else "")] = order
    if 0 in shape:
        values = np.zeros((len(steps), *shape[1:]), np.float32)
    else:
        values = _joined([each.values for each in columns], np.float32).reshape(shape)
    prefix = f"{schema.name}/" if schema.name else ""
    return Packed(
        group=schema.group,
        split=schema.split,
        figures=schema.figures,
        columns=tuple(prefix + each for each in schema.columns),
        steps=order.steps(steps),
        values=order.of(values),
    )


def _joins(columns: Sequence[ScalarColumn | PackedColumn | HistogramColumn]) -> NDArray[np.int64]:
    """The indices at which a further file begins."""
    return np.cumsum([len(each.steps) for each in columns])[:-1]


def _joined(parts: Sequence[array[Any]], kind: type[Number]) -> NDArray[Number]:
    """One array out of several growing ones. A copy: while numpy looks at a growing array, it cannot grow."""
    return np.concatenate(
        [np.zeros(0, kind), *(np.frombuffer(each, each.typecode) for each in parts if each)], dtype=kind
    )


def _names(names: Sequence[str] | Mapping[str, object]) -> str:
    listed = list(names)
    more = f" and {len(listed) - NAMED:,} more series" if len(listed) > NAMED else ""
    return ", ".join(listed[:NAMED]) + more
