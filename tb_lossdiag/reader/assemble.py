"""The values of a run's event files -> Run: curves in the order of their steps, packed groups, facts."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tb_lossdiag.reader.event import Value
from tb_lossdiag.reader.names import roles
from tb_lossdiag.series import Packed, Run, Series
from tb_lossdiag.tags import FACTS, PLUGIN, Schema

__all__ = ["Columns"]


@dataclass(slots=True)
class _Scalar:
    """One tag's points in the order in which they were written."""

    steps: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("d"))
    walls: array[float] = field(default_factory=lambda: array("d"))


@dataclass(slots=True)
class _Tensor:
    """One packed tag's tensors, flattened, in the order in which they were written."""

    schema: Schema
    steps: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("f"))


class Columns:
    """Everything that one run has logged, growing as more is read."""

    def __init__(self) -> None:
        self._scalars: dict[str, _Scalar] = {}
        self._tensors: dict[str, _Tensor] = {}
        self._facts: dict[str, Any] = {}
        self._notes: dict[str, None] = {}
        self.updated: float | None = None

    def add(self, values: Iterable[Value]) -> bool:
        """Take in values; whether there were any."""
        any_new = False
        for value in values:
            any_new = True
            if self.updated is None or value.wall > self.updated:
                self.updated = value.wall
            if value.number is not None:
                scalar = self._scalars.get(value.tag)
                if scalar is None:
                    scalar = self._scalars[value.tag] = _Scalar()
                scalar.steps.append(value.step)
                scalar.values.append(value.number)
                scalar.walls.append(value.wall)
            elif value.array is not None:
                self._add_tensor(value, value.array)
            elif value.tag == FACTS and value.text is not None:
                self._add_facts(value.text)
        return any_new

    def _add_tensor(self, value: Value, tensor: NDArray[np.float64]) -> None:
        known = self._tensors.get(value.tag)
        if known is None:
            if value.plugin != PLUGIN or not value.content:
                return
            try:
                known = self._tensors[value.tag] = _Tensor(Schema.from_json(value.content))
            except ValueError as error:
                self._notes[f"{value.tag}: {error}."] = None
                return
        if tensor.shape != (len(known.schema.figures), len(known.schema.columns)):
            self._notes[
                f"{value.tag} at step {value.step:,} does not have the size that it was announced with: left out."
            ] = None
            return
        known.steps.append(value.step)
        known.values.frombytes(tensor.astype(np.float32).tobytes())

    def _add_facts(self, text: bytes) -> None:
        try:
            facts = json.loads(text)
        except ValueError:
            self._notes["The facts about the model are damaged: left out."] = None
            return
        if isinstance(facts, dict):
            self._facts = facts

    def scalars(self) -> dict[str, int]:
        """The scalar tags and how many points each has."""
        return {tag: len(each.steps) for tag, each in self._scalars.items()}

    def run(
        self, name: str, warnings: Iterable[str] = (), siblings: Mapping[str, tuple[str, Columns]] | None = None
    ) -> Run:
        """The run as it stands. `siblings` gives roles that another run's files hold: role -> (that run's name, its columns)."""
        notes = dict.fromkeys(warnings) | self._notes
        tags = roles(self.scalars())
        series: dict[str, Series] = {}
        for tag, each in self._scalars.items():
            series[tag] = _curve(each, tag, notes if tag in tags.values() else {})
        sources = {}
        for role, tag in tags.items():
            series[role] = series[tag]
            sources[role] = tag
        for role, (other, columns) in (siblings or {}).items():
            theirs = roles(columns.scalars()).get("loss/train" if role.startswith("loss/") else "accuracy/train")
            if theirs is not None and role not in sources:
                series[role] = _curve(columns._scalars[theirs], theirs, notes)  # noqa: SLF001  (the same class)
                sources[role] = f"{theirs} of {other}"
        packed = [_packed(each) for each in self._tensors.values() if len(each.steps)]
        return Run(name, series, packed, self._facts, sources, list(notes), sampled=False, updated=self.updated)


def _curve(scalar: _Scalar, tag: str, notes: dict[str, None]) -> Series:
    """Points by step. After a restart (steps that go back) the later points count; one step for all means: count them."""
    steps = np.frombuffer(scalar.steps, dtype=np.int64).copy() if len(scalar.steps) else np.zeros(0, np.int64)
    values = np.frombuffer(scalar.values, dtype=np.float64).copy() if len(scalar.values) else np.zeros(0)
    walls = np.frombuffer(scalar.walls, dtype=np.float64).copy() if len(scalar.walls) else np.zeros(0)
    if len(steps) > 1 and (steps == steps[0]).all():
        notes[
            f"All {len(steps):,} points of {tag} were logged at step {steps[0]:,}: they are shown in the order of writing."
        ] = None
        return Series(np.arange(len(steps)), values, walls)
    back = np.flatnonzero(np.diff(steps) < 0)
    if len(back):
        kept = _latest(steps)
        dropped = len(steps) - int(kept.sum())
        notes[
            f"{tag} goes back {_times(len(back))} (first at step {steps[back[0]]:,}): the later points count, {dropped:,} were dropped."
        ] = None
        steps, values, walls = steps[kept], values[kept], walls[kept]
    if len(steps) > 1:
        last = np.append(np.diff(steps) != 0, True)  # several points at one step: the last one
        steps, values, walls = steps[last], values[last], walls[last]
    return Series(steps, values, walls)


def _latest(steps: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which points no later restart has overtaken: those before the smallest step that is still to come."""
    ahead = np.minimum.accumulate(steps[::-1])[::-1]
    kept = np.ones(len(steps), dtype=bool)
    kept[:-1] = steps[:-1] < ahead[1:]
    same = np.append(steps[1:] == steps[:-1], False)
    for i in np.flatnonzero(same)[::-1]:
        kept[i] |= kept[i + 1] and bool(steps[i] == steps[i + 1])
    return kept


def _packed(tensor: _Tensor) -> Packed:
    schema = tensor.schema
    shape = (len(tensor.steps), len(schema.figures), len(schema.columns))
    steps = np.frombuffer(tensor.steps, dtype=np.int64).copy()
    values = np.frombuffer(tensor.values, dtype=np.float32).reshape(shape).copy()
    kept = _latest(steps)
    prefix = f"{schema.name}/" if schema.name else ""
    columns = tuple(prefix + each for each in schema.columns)
    return Packed(schema.group, schema.split, schema.figures, columns, steps[kept], values[kept])


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"
