"""One event's bytes -> values. Plain scalars and our packed tensors on a fast path, everything else through protobuf.

Nothing here executes or unpickles anything: an event is wall time, step, and values of fixed types.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.types_pb2 import DataType

from tb_lossdiag.tags import PLUGIN

__all__ = ["Value", "read_event"]

_double = struct.Struct("<d")
_float = struct.Struct("<f")

FRAME, ONE_BYTE = 9, 127  # bytes of a summary besides its tag; the largest length that takes one byte
SHORTEST, LONGEST = 20, 150  # bytes of a plain scalar event with tags of up to about 100 characters
WALL, STEP, SUMMARY, NAME, NUMBER = 0x09, 0x10, 0x2A, 0x0A, 0x15  # keys of the fields of a plain scalar event, in order

# DataType -> numpy type of `tensor_content`, and the repeated field that may hold the values instead
TYPES: dict[int, tuple[str, str]] = {
    DataType.DT_FLOAT: ("<f4", "float_val"),
    DataType.DT_DOUBLE: ("<f8", "double_val"),
    DataType.DT_INT32: ("<i4", "int_val"),
    DataType.DT_INT64: ("<i8", "int64_val"),
    DataType.DT_INT16: ("<i2", "int_val"),
    DataType.DT_INT8: ("<i1", "int_val"),
    DataType.DT_UINT8: ("<u1", "int_val"),
    DataType.DT_UINT16: ("<u2", "int_val"),
    DataType.DT_UINT32: ("<u4", "uint32_val"),
    DataType.DT_UINT64: ("<u8", "uint64_val"),
    DataType.DT_BOOL: ("<?", "bool_val"),
    DataType.DT_HALF: ("<f2", "half_val"),
    DataType.DT_BFLOAT16: ("<u2", "half_val"),
}


@dataclass(frozen=True, slots=True)
class Value:
    """One value of an event: a number, an array, or bytes; `plugin` and `content` are its metadata where it has any."""

    wall: float
    step: int
    tag: str
    number: float | None = None
    array: NDArray[np.float64] | None = None
    text: bytes | None = None
    plugin: str = ""
    content: bytes = b""


def read_event(payload: bytes | memoryview) -> Iterator[Value]:
    """The values of one serialised event. Raises ValueError for bytes that are no event."""
    fast = _plain_scalar(payload)
    if fast is not None:
        yield fast
        return
    try:
        event = Event.FromString(bytes(payload))
    except Exception as error:  # protobuf's DecodeError has another home in each implementation
        raise ValueError("not an event") from error
    for each in event.summary.value:
        value = _value(event, each)
        if value is not None:
            yield value


def _value(event: Event, each: Summary.Value) -> Value | None:
    """A summary's value, or None for what no diagnosis uses (images, audio, histograms of TensorFlow 1)."""
    metadata = each.metadata.plugin_data
    number: float | None = None
    array: NDArray[np.float64] | None = None
    text: bytes | None = None
    if each.HasField("simple_value"):
        number = each.simple_value
    elif each.HasField("tensor") and each.tensor.dtype == DataType.DT_STRING and len(each.tensor.string_val) == 1:
        text = each.tensor.string_val[0]
    elif each.HasField("tensor"):
        array = tensor_array(each.tensor)
        if array is not None and array.size == 1 and not each.tag.startswith(f"{PLUGIN}/"):
            number, array = float(array.reshape(-1)[0]), None
    if number is None and array is None and text is None:
        return None
    return Value(event.wall_time, event.step, each.tag, number, array, text, metadata.plugin_name, metadata.content)


def tensor_array(tensor: TensorProto) -> NDArray[np.float64] | None:
    """A numeric tensor's values in its shape, or None for other types and for shapes that its values do not fill."""
    if tensor.dtype not in TYPES:
        return None
    kind, field = TYPES[tensor.dtype]
    if tensor.tensor_content:
        if len(tensor.tensor_content) % np.dtype(kind).itemsize:
            return None
        raw = np.frombuffer(tensor.tensor_content, dtype=kind)
    elif field == "half_val":
        raw = np.array(tensor.half_val, dtype="<u2").view("<f2" if tensor.dtype == DataType.DT_HALF else "<u2")
    else:
        raw = np.array(getattr(tensor, field))
    if tensor.dtype == DataType.DT_BFLOAT16:  # the upper half of a float32
        raw = (raw.astype("<u4") << 16).view("<f4")
    shape = tuple(each.size for each in tensor.tensor_shape.dim)
    size = int(np.prod(shape)) if shape else 1
    if raw.size == 1 and size > 1:  # protobuf's short form of a constant tensor; ours are never that
        return None
    return raw.astype(np.float64).reshape(shape) if raw.size == size and size else None


def _plain_scalar(payload: bytes | memoryview) -> Value | None:
    """An event that holds wall time, step and one `simple_value` without metadata, as every `add_scalar` writes it."""
    size = len(payload)
    if not SHORTEST <= size <= LONGEST or payload[0] != WALL:
        return None
    step, place = _varint(payload, 10) if payload[9] == STEP else (0, 9)
    rest = size - place - 2
    head = (SUMMARY, rest, NAME, rest - 2, NAME, rest - 9)  # the summary, its one value and the tag, with their lengths
    if (
        step >= 1 << 63
        or not FRAME <= rest <= ONE_BYTE
        or tuple(payload[place : place + 6]) != head
        or payload[size - 5] != NUMBER
    ):
        return None  # a length above 127 takes two bytes: the general way reads it
    try:
        tag = bytes(payload[place + 6 : size - 5]).decode()
    except UnicodeDecodeError:
        return None
    (wall,) = _double.unpack_from(payload, 1)
    (number,) = _float.unpack_from(payload, size - 4)
    return Value(wall, step, tag, number=number)


def _varint(payload: bytes | memoryview, place: int) -> tuple[int, int]:
    """The protobuf varint at `place` and the place after it; a very large number where it does not end."""
    number = 0
    for i, byte in enumerate(payload[place : place + 10]):
        number |= (byte & 0x7F) << (7 * i)
        if byte < 0x80:  # noqa: PLR2004  (the continuation bit)
            return number, place + i + 1
    return 1 << 64, place
