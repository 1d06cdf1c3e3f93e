"""What one event file holds: for each tag a column of steps, wall times and values, in the order of writing."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from tensorboard.compat.proto.tensor_pb2 import TensorProto

from tb_lossdiag.reader import event
from tb_lossdiag.tags import FACTS, PLUGIN, Schema

__all__ = ["Columns", "PackedColumn", "ScalarColumn"]


@dataclass(slots=True)
class ScalarColumn:
    """The points of one tag: 24 bytes each."""

    steps: array[int] = field(default_factory=lambda: array("q"))
    walls: array[float] = field(default_factory=lambda: array("d"))
    values: array[float] = field(default_factory=lambda: array("d"))


@dataclass(slots=True)
class PackedColumn:
    """The tensors of one packed tag, flat, one after the other. `unfit` counts those that do not fit the schema."""

    schema: Schema
    steps: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("f"))
    unfit: int = 0


class Columns:
    """Everything that diagnosis uses of one file, growing as it is read."""

    def __init__(self) -> None:
        self.scalars: dict[bytes, ScalarColumn] = {}
        self.packed: dict[str, PackedColumn] = {}
        self.facts: bytes | None = None
        self.began: float = math.inf
        self.updated: float = -math.inf
        self.undecoded = 0
        self.unreadable: dict[str, str] = {}
        self._plugins: dict[str, str] = {}
        self._wall = math.nan

    def add(self, payloads: Iterable[bytes]) -> None:
        """Take in events. What is no event is counted; what no diagnosis uses is left out."""
        plain, known = event.plain_scalar, self.scalars
        for payload in payloads:
            found = plain(payload)
            if found is None:
                self._add_any(payload)
                continue
            tag, step, wall, value = found
            column = known.get(tag)
            if column is None:
                column = known[tag] = ScalarColumn()
            column.steps.append(step)
            column.walls.append(wall)
            column.values.append(value)
            if wall != self._wall:  # what one step logs has often one time
                self.see(wall)

    def _add_any(self, payload: bytes) -> None:
        try:
            for each in event.values(payload):
                self._add(each)
        except ValueError:
            self.undecoded += 1

    def see(self, wall: float) -> None:
        """Note when something was logged."""
        self._wall = wall
        self.began = min(self.began, wall)
        if self.updated < wall < math.inf:
            self.updated = wall

    def add_scalar(self, tag: bytes, step: int, wall: float, value: float) -> None:
        """Add a point of a scalar tag."""
        self.see(wall)
        column = self.scalars.get(tag)
        if column is None:
            column = self.scalars[tag] = ScalarColumn()
        column.steps.append(step)
        column.walls.append(wall)
        column.values.append(value)

    def add_packed(self, tag: str, content: bytes, step: int, values: NDArray[np.generic] | None) -> None:
        """Add a packed tensor, flat; `content` is the tag's schema, which only its first event must have."""
        column = self.packed.get(tag)
        if column is None:
            if tag in self.unreadable:
                return
            try:
                column = self.packed[tag] = PackedColumn(_schema(content))
            except ValueError as error:
                self.unreadable[tag] = str(error)
                return
        if values is None or len(values) != len(column.schema.figures) * len(column.schema.columns):
            column.unfit += 1
            return
        column.steps.append(step)
        column.values.frombytes(values.astype(np.float32).tobytes())

    def _add(self, value: event.Value) -> None:
        """As TensorBoard does, believe a tag's first metadata."""
        if value.number is not None:
            self.add_scalar(value.tag.encode(), value.step, value.wall, value.number)
        elif value.tensor is not None:
            self._add_tensor(value, value.tensor)

    def _add_tensor(self, value: event.Value, tensor: TensorProto) -> None:
        self.see(value.wall)
        plugin = self._plugins.setdefault(value.tag, value.plugin)
        if plugin == PLUGIN and value.tag == FACTS:
            self.facts = event.text(tensor)
        elif plugin == PLUGIN:
            self.add_packed(value.tag, value.content, value.step, event.numbers(tensor))
        elif (value.scalar or plugin in {"", "scalars"}) and event.size(tensor) == 1:
            number = event.number(tensor)
            if number is not None:
                self.add_scalar(value.tag.encode(), value.step, value.wall, number)


def _schema(content: bytes) -> Schema:
    """The layout that a tag's first event tells. Raises ValueError, saying what is wrong."""
    if not content:
        raise ValueError("the first record, which tells its layout, is missing")
    try:
        return Schema.from_json(content)
    except RecursionError as error:
        raise ValueError("not a layout of tb_lossdiag") from error
