from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
import pytest
from eventfiles import NAME, curve, facts, frame, packed, scalar, tensor_event, version
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle import all_of, slowly
from strategies import numbers as any_number
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.types_pb2 import DataType

from tb_lossdiag.reader import bulk, packs
from tb_lossdiag.reader import tail as tail_module
from tb_lossdiag.reader.bulk import Bulk
from tb_lossdiag.reader.columns import Columns
from tb_lossdiag.reader.tail import Tail
from tb_lossdiag.tags import Schema

SCHEMA = Schema("inputs", "train", ("mean", "std"), ("x",))


def in_strokes(data: bytes) -> Columns:
    columns = Columns()
    reader, place = Bulk(columns), 0
    while True:
        place, count = reader.take(data, place, last=True)
        if not count:
            assert place == len(data)
            return columns


def test_a_curve_is_read_in_strokes_exactly() -> None:
    values = np.random.default_rng(0).normal(size=40_000).astype(np.float32)
    data = b"".join(map(frame, [version(), *curve("loss/train", values.tolist())]))
    columns = in_strokes(data)
    assert columns.scalars[b"loss/train"].values.tolist() == values.tolist()
    assert columns.scalars[b"loss/train"].steps.tolist() == list(range(40_000))
    assert all_of(columns) == all_of(slowly(data)[0])


def test_values_stay_single_until_one_needs_more() -> None:
    events = [*curve("a", [0.1] * 50), *(double("b", i, 0.1) for i in range(50)), *curve("b", [0.5] * 50, start=50)]
    columns = in_strokes(b"".join(map(frame, events)) * 3)
    assert columns.scalars[b"a"].values.typecode == "f"
    assert columns.scalars[b"b"].values.typecode == "d"
    assert columns.scalars[b"b"].values[0] == 0.1


def single(tag: str, step: int, value: float, plugin: str = "scalars") -> bytes:
    with np.errstate(over="ignore"):
        number = float(np.float32(value))
    return tensor_event(tag, step, TensorProto(dtype=DataType.DT_FLOAT, float_val=[number]), plugin=plugin)


def double(tag: str, step: int, value: float) -> bytes:
    return tensor_event(
        tag, step, TensorProto(dtype=DataType.DT_DOUBLE, tensor_content=struct.pack("<d", value)), plugin="scalars"
    )


def whole(tag: str, step: int, value: float) -> bytes:
    number = int(np.clip(np.nan_to_num(value), -(2**62), 2**62))
    return tensor_event(tag, step, TensorProto(dtype=DataType.DT_INT64, int64_val=[number]), plugin="scalars")


def several(tag: str, step: int, value: float) -> bytes:
    with np.errstate(over="ignore"):
        number = float(np.float32(value))
    both = [Summary.Value(tag=each, simple_value=number) for each in (tag, "other", tag)]
    return Event(wall_time=1.7e9, step=step, summary=Summary(value=both)).SerializeToString()


def plain(tag: str, step: int, value: float) -> bytes:
    with np.errstate(over="ignore"):
        return scalar(tag, step, float(np.float32(value)))


FORMS = {
    "plain": plain,
    "single": single,
    "bare": lambda tag, step, value: single(tag, step, value, plugin=""),
    "foreign": lambda tag, step, value: single(tag, step, value, plugin="text"),
    "double": double,
    "whole": whole,
    "several": several,
    "packed": lambda _, step, value: packed(SCHEMA, step, [[value], [1.0]], first=step % 3 == 0),
    "facts": lambda _, step, __: facts(b'{"step": %d}' % step),
    "nonsense": lambda *_: b"no event",
    "empty": lambda *_: b"",
    "timeless": lambda tag, step, _: Event(step=step, summary=Summary(value=[Summary.Value(tag=tag, simple_value=1.0)])).SerializeToString(),
}  # fmt: skip
steps = st.sampled_from([0, 1, 100, 16_000, -5, 2**40, 2**62])


@st.composite
def logs(draw: st.DrawFn) -> bytes:
    """A training loop's log: some events, again and again with rising steps, then perhaps others."""
    events: list[bytes] = []
    with np.errstate(over="ignore"):
        for _ in range(draw(st.integers(1, 3))):
            tags = st.sampled_from(["loss/train", "lr", "ü", "a long tag " * 15])
            block = draw(st.lists(st.tuples(st.sampled_from(sorted(FORMS)), tags), min_size=1, max_size=5))
            start, values = draw(steps), draw(st.lists(any_number, min_size=1, max_size=4))
            for i in range(draw(st.sampled_from([1, 3, 30, 150]))):
                events += [FORMS[form](tag, start + i, values[i % len(values)]) for form, tag in block]
    return b"".join(map(frame, events))


@st.composite
def mutilated(draw: st.DrawFn) -> bytes:
    """A log with some stretches overwritten, cut out, zeroed or repeated."""
    data = draw(logs())
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(0, len(data) - 1)))
        kind, size = draw(st.sampled_from(["flip", "cut", "zero", "insert", "again"])), draw(st.integers(1, 200))
        if kind == "flip" and data:
            data = data[:place] + bytes((data[place] ^ (1 << size % 8),)) + data[place + 1 :]
        elif kind == "cut":
            data = data[:place] + data[place + size :]
        elif kind == "zero":
            data = data[:place] + bytes(min(size, len(data) - place)) + data[place + size :]
        elif kind == "insert":
            data = data[:place] + draw(st.binary(max_size=60)) + data[place:]
        else:
            data = data[:place] + data[max(0, place - size) : place] + data[place:]
    return data


@given(logs())
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_strokes_read_what_reading_one_by_one_reads(data: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bulk, "WORTH", 2)
        patch.setattr(bulk, "FIRST_WINDOW", 8)
        patch.setattr(bulk, "ALIKE", 3)
        patch.setattr(packs, "WORTH", 2)
        assert all_of(in_strokes(data)) == all_of(slowly(data)[0])


@given(data=mutilated())
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
def test_damage_is_the_same_damage_in_strokes(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("damaged") / NAME
    path.write_bytes(data)
    with pytest.MonkeyPatch.context() as patch:
        for module, name, value in (
            (bulk, "WORTH", 2),
            (bulk, "FIRST_WINDOW", 8),
            (bulk, "ALIKE", 3),
            (packs, "WORTH", 2),
            (tail_module, "MANY", 0),
            (tail_module, "FEW", 1),
        ):
            patch.setattr(module, name, value)
        tail = Tail(path)
        tail.poll()
    columns, losses = slowly(data)
    assert all_of(tail.columns) == all_of(columns)
    assert (tail.lost.places, tail.lost.total, tail.lost.first) == (losses.places, losses.total, losses.first)


def test_a_flipped_bit_anywhere_is_never_believed() -> None:
    events = [
        version(),
        *curve("loss/train", [float(i) for i in range(60)]),
        *(single("val", i, 0.5) for i in range(60)),
    ]
    data = b"".join(map(frame, events))
    intact = all_of(in_strokes(data))["scalars"]
    assert isinstance(intact, dict)
    at = len(data) // 3
    for place in range(at, at + 2 * len(frame(events[30]))):
        for bit in (0, 7):
            flipped = bytearray(data)
            flipped[place] ^= 1 << bit
            columns = Columns()
            reader = Bulk(columns)
            end, count = reader.take(bytes(flipped), 0, last=True)
            assert count < len(events)
            assert end <= place
            assert end > place - 100


def test_templates_of_few_residues_are_not_confused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were residues alike by chance, the constant bytes tell two tags apart."""
    monkeypatch.setattr(bulk, "_part", lambda rows, _: np.zeros(len(rows), np.uint32))
    monkeypatch.setattr(bulk.crc, "unmask", np.zeros_like)
    monkeypatch.setattr(bulk, "MOST_TEMPLATES", 500)  # as none is found again, each record is learnt once more
    events: Sequence[bytes] = [each for i in range(100) for each in (scalar("aa", i, 1.0), scalar("bb", i, 2.0))]
    columns = in_strokes(b"".join(map(frame, events)))
    assert set(columns.scalars[b"aa"].values) == {1.0}
    assert set(columns.scalars[b"bb"].values) == {2.0}
