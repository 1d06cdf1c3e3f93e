"""Event files written down by hand, byte by byte as TensorBoard's own writer frames them."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import DATA_CLASS_SCALAR, DATA_CLASS_TENSOR, Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DataType
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

from tb_lossdiag.tags import FACTS, PLUGIN, Schema, packed_tag

NAME = "events.out.tfevents.1700000000.host"


def frame(payload: bytes) -> bytes:
    """A payload as a record."""
    length = struct.pack("<Q", len(payload))
    return b"".join((length, checksum(length), payload, checksum(payload)))


def checksum(data: bytes) -> bytes:
    """What TensorBoard itself computes, in Python, bit by bit."""
    return struct.pack("<I", masked_crc32c(data))


def write(path: Path, events: Iterable[bytes], *, append: bool = False) -> Path:
    """An event file; directories are made as needed. `path` may be the run's directory."""
    if path.suffix != ".tfevents" and "tfevents" not in path.name:
        path = path / NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab" if append else "wb") as file:
        file.writelines(frame(each) for each in events)
    return path


def version(wall: float = 1.7e9) -> bytes:
    """The event that every file begins with."""
    return Event(wall_time=wall, file_version="brain.Event:2").SerializeToString()


def scalar(tag: str, step: int, value: float, wall: float | None = None) -> bytes:
    """What `add_scalar` writes."""
    summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
    return Event(wall_time=1.7e9 + step if wall is None else wall, step=step, summary=summary).SerializeToString()


def curve(tag: str, values: Sequence[float], start: int = 0, wall: float | None = None) -> list[bytes]:
    """One event a value, steps from `start`."""
    return [scalar(tag, start + i, value, wall) for i, value in enumerate(values)]


def tensor_event(tag: str, step: int, tensor: TensorProto, *, plugin: str = "", content: bytes = b"") -> bytes:
    """An event with one tensor; without a plugin it has no metadata, as all but a tag's first need not."""
    value = Summary.Value(tag=tag, tensor=tensor)
    if plugin:
        data_class = DATA_CLASS_SCALAR if plugin == "scalars" else DATA_CLASS_TENSOR
        data = SummaryMetadata.PluginData(plugin_name=plugin, content=content)
        value.metadata.CopyFrom(SummaryMetadata(plugin_data=data, data_class=data_class))
    return Event(wall_time=1.7e9 + step, step=step, summary=Summary(value=[value])).SerializeToString()


def packed(schema: Schema, step: int, values: object, *, first: bool = True, generation: int = 0) -> bytes:
    """What `DiagWriter` writes of a group: figures by columns."""
    array = np.asarray(values, dtype=np.float32)
    tensor = TensorProto(
        dtype=DataType.DT_FLOAT,
        tensor_shape=TensorShapeProto(dim=[TensorShapeProto.Dim(size=each) for each in array.shape]),
        tensor_content=array.tobytes(),
    )
    tag = packed_tag(schema.group, split=schema.split, name=schema.name, generation=generation)
    return tensor_event(tag, step, tensor, plugin=PLUGIN if first else "", content=schema.to_json() if first else b"")


def facts(text: bytes, step: int = 0) -> bytes:
    """What `DiagWriter` writes of the model."""
    tensor = TensorProto(dtype=DataType.DT_STRING, string_val=[text])
    return tensor_event(FACTS, step, tensor, plugin=PLUGIN)
