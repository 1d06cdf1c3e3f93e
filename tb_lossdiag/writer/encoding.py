"""What `tags.py` lays out, as serialised events.

Scalars are the many: their bytes are put together by hand, ten times cheaper than through protobuf objects. Packed
tensors and facts are few and go through protobuf.
"""

from __future__ import annotations

import math
import struct
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import DataClass, Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DataType

from tb_lossdiag.tags import FACTS, PLUGIN, Schema, packed_tag

__all__ = ["Packer", "facts_event", "scalar_event"]


def scalar_event(tag: str, step: int, value: float, wall: float) -> bytes:
    """An event with one plain scalar."""
    return b"".join((b"\x09", struct.pack("<d", wall), b"\x10", varint(step), prefix(tag), float32(value)))


@lru_cache(maxsize=256)
def prefix(tag: str) -> bytes:
    """All bytes of a scalar's summary but the number's four: a summary of one value of a tag and a float."""
    name = tag.encode()
    value = b"\x0a" + varint(len(name)) + name + b"\x15"
    summary = b"\x0a" + varint(len(value) + 4) + value
    return b"\x2a" + varint(len(summary) + 4) + summary


def varint(number: int) -> bytes:
    """Protobuf's integer: seven bits a byte, lowest first; a negative one as its 64-bit two's complement."""
    number &= (1 << 64) - 1
    encoded = bytearray()
    while number > 0x7F:  # noqa: PLR2004  (seven bits)
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def float32(value: float) -> bytes:
    """The value as float32; what is too large for it is infinite there."""
    try:
        return struct.pack("<f", value)
    except OverflowError:
        return struct.pack("<f", math.copysign(math.inf, value))


class Packer:
    """Packs figures into tensors. A tag's layout never changes: where the columns do, it moves on to a new tag."""

    def __init__(self) -> None:
        self._layouts: dict[tuple[str, str, str], tuple[Schema, int]] = {}

    def event(self, schema: Schema, step: int, values: NDArray[np.float32], wall: float) -> bytes:
        """One event with `values` of shape (figures, columns); the tag's first one carries the layout."""
        key = (schema.group, schema.split, schema.name)
        known, generation = self._layouts.get(key, (None, -1))
        metadata = None
        if known != schema:
            generation += 1
            self._layouts[key] = schema, generation
            plugin = SummaryMetadata.PluginData(plugin_name=PLUGIN, content=schema.to_json())
            metadata = SummaryMetadata(plugin_data=plugin, data_class=DataClass.DATA_CLASS_TENSOR)
        tensor = TensorProto(
            dtype=DataType.DT_FLOAT,
            tensor_shape=TensorShapeProto(dim=[TensorShapeProto.Dim(size=size) for size in values.shape]),
            tensor_content=np.ascontiguousarray(values, dtype="<f4").tobytes(),
        )
        tag = packed_tag(schema.group, split=schema.split, name=schema.name, generation=generation)
        return serialised(Summary.Value(tag=tag, tensor=tensor, metadata=metadata), step, wall)


def facts_event(text: str, step: int, wall: float) -> bytes:
    """The facts, as one string tensor."""
    tensor = TensorProto(dtype=DataType.DT_STRING, tensor_shape=TensorShapeProto(), string_val=[text.encode()])
    plugin = SummaryMetadata.PluginData(plugin_name=PLUGIN)
    metadata = SummaryMetadata(plugin_data=plugin, data_class=DataClass.DATA_CLASS_TENSOR)
    return serialised(Summary.Value(tag=FACTS, tensor=tensor, metadata=metadata), step, wall)


def serialised(value: Summary.Value, step: int, wall: float) -> bytes:
    """An event that holds one value."""
    event: bytes = Event(wall_time=wall, step=step, summary=Summary(value=[value])).SerializeToString()
    return event
