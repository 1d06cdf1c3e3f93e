"""One event's bytes -> values. A plain scalar is parsed by hand, everything else goes through protobuf.

Nothing here executes or unpickles anything: an event is wall time, step, and values of fixed types.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import DATA_CLASS_SCALAR, HistogramProto, Summary
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.types_pb2 import DataType

__all__ = [
    "STEP",
    "WALL",
    "Lone",
    "Tensor",
    "Value",
    "lone",
    "number",
    "numbers",
    "plain_scalar",
    "size",
    "tensor",
    "text",
    "values",
]

_double = struct.Struct("<d").unpack_from
_float = struct.Struct("<f").unpack_from

WALL, STEP, SUMMARY, FIELD_1, SIMPLE_VALUE, TENSOR, CONTENT = (
    0x09,
    0x10,
    0x2A,
    0x0A,
    0x15,
    0x42,
    0x22,
)  # keys of protobuf fields
NUMBERS = {0x22, 0x2A, 0x2D, 0x32, 0x31}  # and those of a tensor that hold numbers of fixed width, packed or not
VARINT, LENGTH_DELIMITED, WIDTHS = 0, 2, {1: 8, 5: 4}  # protobuf's ways to write a field
FIXED = 9  # bytes of a plain scalar's value besides its tag: three keys and lengths, and the number
SHORT = 128  # lengths below take one byte
HEADS = [
    bytes((SUMMARY, rest, FIELD_1, rest - 2, FIELD_1, rest - FIXED)) if rest >= FIXED else b"" for rest in range(SHORT)
]
"""By the length of the summary: the six bytes between an event's step and its tag."""

TYPES: dict[int, tuple[str, str]] = {
    DataType.DT_FLOAT: ("<f4", "float_val"),
    DataType.DT_DOUBLE: ("<f8", "double_val"),
    DataType.DT_INT8: ("<i1", "int_val"),
    DataType.DT_INT16: ("<i2", "int_val"),
    DataType.DT_INT32: ("<i4", "int_val"),
    DataType.DT_INT64: ("<i8", "int64_val"),
    DataType.DT_UINT8: ("<u1", "int_val"),
    DataType.DT_UINT16: ("<u2", "int_val"),
    DataType.DT_UINT32: ("<u4", "uint32_val"),
    DataType.DT_UINT64: ("<u8", "uint64_val"),
    DataType.DT_BOOL: ("<?", "bool_val"),
    DataType.DT_HALF: ("<f2", "half_val"),
    DataType.DT_BFLOAT16: ("<u2", "half_val"),
}
"""For each type: how `tensor_content` holds it, and the repeated field that may hold it instead."""


@dataclass(frozen=True, slots=True)
class Value:
    """One value of an event: a number, or a tensor or histogram that has still to be looked into.

    `plugin` and `content` are its metadata, which only a tag's first event must have; `scalar` says that the metadata calls
    it a scalar.
    """

    tag: str
    step: int
    wall: float
    number: float | None
    tensor: TensorProto | None
    histogram: HistogramProto | None
    plugin: str
    content: bytes
    scalar: bool


def plain_scalar(payload: bytes) -> tuple[bytes, int, float, float] | None:
    """Tag, step, wall time and number of an event that is one `simple_value` and nothing more, as `add_scalar` writes it.

    None for any other event, and for the rare forms of this one (a long tag, fields in another order).
    """
    end = len(payload) - 5
    if end <= WALL or payload[0] != WALL or payload[end] != SIMPLE_VALUE:
        return None
    step, place = _varint(payload, 10) if payload[9] == STEP else (0, 9)
    rest = end + 3 - place
    if not FIXED <= rest < SHORT or payload[place : place + 6] != HEADS[rest]:
        return None
    return payload[place + 6 : end], step, _double(payload, 1)[0], _float(payload, end + 1)[0]


def _varint(payload: bytes, place: int) -> tuple[int, int]:
    """The number at `place` and the place after it; a place at which nothing fits, where it is no step from 0 to 2^63."""
    number = payload[place]
    if number < SHORT:
        return number, place + 1
    number = 0
    for i, byte in enumerate(payload[place : place + 9]):
        number |= (byte & 0x7F) << (7 * i)
        if byte < SHORT:
            return number, place + i + 1
    return 0, len(payload)


def values(payload: bytes) -> Iterator[Value]:
    """The values of any event. Raises ValueError for bytes that are no event."""
    try:
        event = Event.FromString(payload)
    except Exception as error:  # each implementation of protobuf has its own
        raise ValueError("not an event") from error
    for each in event.summary.value:
        yield _value(event, each)


@dataclass(frozen=True, slots=True)
class Lone:
    """An event's only value, a number: its tag, where it stands in the payload, and as what. `tensor` where it is one."""

    tag: bytes
    place: int
    kind: str
    tensor: Value | None


def lone(payload: bytes) -> Lone | None:
    """Where the number stands in an event of wall time, step and one value that is one number of fixed width; else None."""
    plain = plain_scalar(payload)
    if plain is not None:
        return Lone(plain[0], len(payload) - 4, "<f4", None)
    if not payload or payload[0] != WALL:
        return None
    try:
        start = _varint(payload, 10)[1] if payload[9] == STEP else 9
        summary = _fields(payload, start, len(payload))
        value = _fields(payload, *summary[SUMMARY])
        found = _fields(payload, *value[FIELD_1])
        (read,) = values(payload)
        if len(summary) > 1 or len(value) > 1:
            return None
        if read.tensor is None:
            return Lone(read.tag.encode(), found[SIMPLE_VALUE][0], "<f4", None) if TENSOR not in found else None
        place, kind = _number_in(payload, read.tensor, found[TENSOR])
    except (ValueError, KeyError, IndexError):
        return None
    same = np.frombuffer(payload, kind, 1, place)[0].tobytes() == np.array(number(read.tensor), kind).tobytes()
    return Lone(read.tag.encode(), place, kind, read) if same else None


@dataclass(frozen=True, slots=True)
class Tensor:
    """What the events of one tensor of floats have in common: all but wall time, step and its content."""

    tag: str
    start: int
    """Behind the step."""
    head: bytes
    """From there to the content."""
    tail: bytes

    def in_(self, payload: bytes) -> tuple[int, float, bytes] | None:
        """Step, wall time and content of an event that is like it, and of the same length; None of any other."""
        step, start = _varint(payload, 10) if payload[9] == STEP else (0, 9)
        begin = start + len(self.head)
        if start != self.start or payload[0] != WALL or payload[start:begin] != self.head:
            return None
        end = len(payload) - len(self.tail)
        return (step, _double(payload, 1)[0], payload[begin:end]) if payload.endswith(self.tail) else None


def tensor(payload: bytes) -> Tensor | None:
    """The form of an event of wall time, step and one value that is a tensor of floats, kept as `tensor_content`; else None."""
    try:
        if payload[0] != WALL:
            return None
        start = _varint(payload, 10)[1] if payload[9] == STEP else 9
        summary = _fields(payload, start, len(payload))
        value = _fields(payload, *summary[SUMMARY])
        begin, end = _fields(payload, *_fields(payload, *value[FIELD_1])[TENSOR])[CONTENT]
        (read,) = values(payload)
    except (ValueError, KeyError, IndexError):
        return None
    lone = len(summary) == len(value) == 1 and read.tensor is not None and read.tensor.dtype == DataType.DT_FLOAT
    return Tensor(read.tag, start, payload[start:begin], payload[end:]) if lone else None


def _number_in(payload: bytes, tensor: TensorProto, span: tuple[int, int]) -> tuple[int, str]:
    """Where the only number of a tensor stands. Raises KeyError where it has none, or several, or one of variable width."""
    kind = TYPES[tensor.dtype][0]
    for key, (begin, end) in _fields(payload, *span).items():
        if key in NUMBERS and end - begin == np.dtype(kind).itemsize and tensor.dtype != DataType.DT_BFLOAT16:
            return begin, kind
    raise KeyError(tensor.dtype)


def _fields(payload: bytes, place: int, end: int) -> dict[int, tuple[int, int]]:
    """Where each field's content stands in a message, by its key. Raises ValueError where a key comes twice, or all ends amid."""
    found: dict[int, tuple[int, int]] = {}
    while place < end:
        key, begin = _varint(payload, place)
        kind = key & 7
        if kind == LENGTH_DELIMITED:
            length, begin = _varint(payload, begin)
            place = begin + length
        elif kind == VARINT:
            place = _varint(payload, begin)[1]
        else:
            place = begin + WIDTHS[kind]
        if key in found or place > end:
            raise ValueError("not a message of single fields")
        found[key] = begin, place
    return found


def _value(event: Event, each: Summary.Value) -> Value:
    plugin, kind = each.metadata.plugin_data, each.WhichOneof("value")
    return Value(
        tag=each.tag,
        step=event.step,
        wall=event.wall_time,
        number=each.simple_value if kind == "simple_value" else None,
        tensor=each.tensor if kind == "tensor" else None,
        histogram=each.histo if kind == "histo" else None,
        plugin=plugin.plugin_name,
        content=plugin.content,
        scalar=plugin.plugin_name == "scalars" or each.metadata.data_class == DATA_CLASS_SCALAR,
    )


def size(tensor: TensorProto) -> int:
    """How many values the tensor claims to have; 1 for a scalar."""
    count = 1
    for each in tensor.tensor_shape.dim:
        count *= each.size
    return count


def numbers(tensor: TensorProto) -> NDArray[np.generic] | None:
    """A numeric tensor's values, flat, in their own type, or None for what holds no numbers.

    There may be fewer than `size` says: nothing is allocated for values that are claimed and not there.
    """
    if tensor.dtype not in TYPES:
        return None
    kind, field = TYPES[tensor.dtype]
    content = tensor.tensor_content
    if content:
        if len(content) % np.dtype(kind).itemsize:
            return None
        found: NDArray[np.generic] = np.frombuffer(content, dtype=kind)
    elif field == "half_val":  # the bits of a half, in the lower half of an int
        found = np.array(tensor.half_val, dtype=np.int64).astype("<u2").view(kind)
    else:
        found = np.array(getattr(tensor, field))
    if tensor.dtype == DataType.DT_BFLOAT16:  # the upper half of a float32
        found = (found.astype("<u4") << np.uint32(16)).view("<f4")
    return found


def number(tensor: TensorProto) -> float | None:
    """A numeric tensor's first value, or None where it has none."""
    if tensor.dtype == DataType.DT_FLOAT and tensor.float_val:  # as TensorFlow writes scalars
        return float(tensor.float_val[0])
    found = numbers(tensor)
    return None if found is None or not len(found) else float(found[0])


def text(tensor: TensorProto) -> bytes | None:
    """The one string of a string tensor, or None."""
    return tensor.string_val[0] if tensor.dtype == DataType.DT_STRING and len(tensor.string_val) == 1 else None
