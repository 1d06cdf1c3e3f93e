"""The logs that are read: made up, byte by byte as their writers would, and the same each time."""

from __future__ import annotations

import math
import os
import random
import struct
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import DATA_CLASS_TENSOR, Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DataType

from tb_lossdiag.reader.crc import masked_crc
from tb_lossdiag.tags import PLUGIN, Schema, packed_tag

NAME = "events.out.tfevents.1700000000.host"
PACKED = 500  # values in a packed event
TAGS = 50  # of a run that logs many curves
EVENTS = 10_000  # of each of many runs
OLD = 7200.0  # seconds since their directories were made, as if they had been trained for hours

Scalar = Callable[[bytes, int, float, float], bytes]


def frame(payload: bytes) -> bytes:
    length = struct.pack("<Q", len(payload))
    checks = struct.pack("<I", masked_crc(length)), struct.pack("<I", masked_crc(payload))
    return b"".join((length, checks[0], payload, checks[1]))


def varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


def field(key: int, content: bytes) -> bytes:
    return bytes((key,)) + varint(len(content)) + content


def event(step: int, wall: float, value: bytes) -> bytes:
    return (
        b"\x09" + struct.pack("<d", wall) + (b"\x10" + varint(step) if step else b"") + field(0x2A, field(0x0A, value))
    )


def plain(tag: bytes, step: int, wall: float, number: float) -> bytes:
    """`simple_value`, as `SummaryWriter.add_scalar` writes it."""
    return event(step, wall, field(0x0A, tag) + b"\x15" + struct.pack("<f", number))


def tensor(tag: bytes, step: int, wall: float, number: float) -> bytes:
    """A tensor with its metadata in each event, as `tf.summary.scalar` writes it."""
    content = b"\x08\x01\x12\x00" + field(0x2A, struct.pack("<f", number))
    metadata = field(0x0A, field(0x0A, b"scalars"))
    return event(step, wall, field(0x0A, tag) + field(0x42, content) + field(0x4A, metadata))


def scalars(tags: int, form: Scalar = plain, every: Callable[[int], int] = lambda _: 1) -> Iterator[bytes]:
    """Events without end: at each step those tags whose turn it is."""
    names = [f"group{i % 7}/metric_{i}".encode() for i in range(tags)]
    turns = [every(i) for i in range(tags)]
    noise, wall, step = random.Random(0), 1.7e9, 0
    while True:
        for name, turn in zip(names, turns, strict=True):
            if step % turn == 0:
                wall += 0.0007 * noise.random()
                yield form(name, step, wall, noise.random())
        step += 1


def training() -> Iterator[bytes]:
    """A training that learns: five curves, and a validation every hundred steps."""
    noise, wall, step = random.Random(0), 1.7e9, 1
    while True:
        left = math.exp(-step / 500)
        values = {
            b"loss/train": 2 * left + 0.3 + 0.02 * noise.random(),
            b"lr": 0.1,
            b"grad_norm": 1 + noise.random(),
            b"train/acc": 1 - left,
            b"time/step": 0.1,
        }
        if step % 100 == 0:
            values[b"loss/val"] = 2 * left + 0.33
        for tag, value in values.items():
            wall += 0.01
            yield plain(tag, step, wall, value)
        step += 1


def packed() -> Iterator[bytes]:
    """What `DiagWriter` packs: one tensor a step."""
    schema = Schema("parameters", "train", ("grad_norm",), tuple(f"layer{i}.weight" for i in range(PACKED)))
    shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=1), TensorShapeProto.Dim(size=PACKED)])
    noise, step = np.random.default_rng(0), 0
    while True:
        content = noise.random(PACKED, dtype=np.float32).tobytes()
        value = Summary.Value(
            tag=packed_tag("parameters"),
            tensor=TensorProto(dtype=DataType.DT_FLOAT, tensor_shape=shape, tensor_content=content),
        )
        if step == 0:
            data = SummaryMetadata.PluginData(plugin_name=PLUGIN, content=schema.to_json())
            value.metadata.CopyFrom(SummaryMetadata(plugin_data=data, data_class=DATA_CLASS_TENSOR))
        yield Event(wall_time=1.7e9 + step, step=step, summary=Summary(value=[value])).SerializeToString()
        step += 1


def write(folder: Path, events: Iterator[bytes], count: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / NAME).open("wb") as file:
        file.write(frame(Event(wall_time=1.7e9, file_version="brain.Event:2").SerializeToString()))
        file.writelines(frame(each) for each in islice(events, count))


def mixed(index: int) -> int:
    """Ten tags at each step, ten at every tenth, fifty at every 500th."""
    return (1, 10, 500, 500, 500, 500, 500)[index // 10]


def make(root: Path, events: int) -> dict[str, Path]:
    """Every layout in a folder of its own: name -> folder. Layouts that are there already are left as they are."""
    found = {
        name: root / name for name in ("one file", "2,000 tags", "mixed cadence", "TF2 tensors", "100 files", "packed")
    }
    if not found["packed"].exists():
        write(found["one file"], scalars(TAGS), events)
        write(found["2,000 tags"], scalars(2000), events)
        write(found["mixed cadence"], scalars(70, every=mixed), events)
        write(found["TF2 tensors"], scalars(TAGS, tensor), events)
        for i in range(100):
            write(found["100 files"] / f"run{i}", scalars(TAGS), events // 100)
        write(found["packed"], packed(), events // PACKED)
    return found


def make_runs(root: Path, runs: int) -> Path:
    """Many runs of the same training."""
    if not root.exists():
        write(root / "run0", training(), EVENTS)
        content = (root / "run0" / NAME).read_bytes()
        for i in range(1, runs):
            (root / f"run{i}").mkdir()
            (root / f"run{i}" / NAME).write_bytes(content)
        made = time.time() - OLD
        for each in root.iterdir():
            os.utime(each, (made, made))
    return root
