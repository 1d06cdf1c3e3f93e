from __future__ import annotations

import math
import struct
from contextlib import suppress

import numpy as np
import pytest
from eventfiles import scalar, tensor_event, version
from hypothesis import given
from hypothesis import strategies as st
from strategies import numbers as any_number
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DataType

from tb_lossdiag.reader import event

BFLOAT16_ONE_AND_A_HALF = 0x3FC0


@given(st.text(max_size=200), st.integers(0, 2**63 - 1), any_number, any_number)
def test_the_short_way_reads_what_protobuf_reads_or_steps_aside(tag: str, step: int, value: float, wall: float) -> None:
    with np.errstate(over="ignore"):
        number = float(np.float32(value))
    payload = scalar(tag, step, number, wall)
    found = event.plain_scalar(payload)
    (slow,) = event.values(payload)
    if found is None:
        assert (
            not tag or len(tag.encode()) > 100 or wall == 0.0
        )  # the rare forms: a length of two bytes, a field that is left out
    else:
        assert slow.number is not None
        assert struct.pack("<qdd", *found[1:]) == struct.pack("<qdd", slow.step, slow.wall, slow.number)
        assert found[0].decode() == slow.tag


@pytest.mark.parametrize("step", [0, 1, 127, 128, 16_384, 2**31, 2**62])
@pytest.mark.parametrize("value", [0.5, math.inf, -math.inf])
def test_an_ordinary_scalar_takes_the_short_way(step: int, value: float) -> None:
    assert event.plain_scalar(scalar("loss/train", step, value, 5.0)) == (b"loss/train", step, 5.0, value)


def test_not_a_number_stays_not_a_number() -> None:
    found = event.plain_scalar(scalar("loss", 3, math.nan))
    assert found is not None
    assert math.isnan(found[3])


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        version(),
        scalar("x" * 200, 1, 1.0),
        scalar("negative step", -1, 1.0),
        Event(wall_time=1.0, summary=Summary(value=[Summary.Value(tag=t, simple_value=1.0) for t in "ab"])).SerializeToString(),
        Event(wall_time=1.0, summary=Summary(value=[Summary.Value(tag="a", node_name="n", simple_value=1.0)])).SerializeToString(),
    ],
)  # fmt: skip
def test_all_else_goes_through_protobuf(payload: bytes) -> None:
    assert event.plain_scalar(payload) is None
    assert all(each.number == 1.0 for each in event.values(payload))


@given(st.binary(max_size=120) | st.binary(max_size=60).map(lambda rest: scalar("loss/train", 300, 1.0) + rest))
def test_bytes_that_are_no_event_raise_only_what_they_should(payload: bytes) -> None:
    event.plain_scalar(payload)
    with suppress(ValueError):
        list(event.values(payload))


def as_content(kind: int, values: np.ndarray[tuple[int], np.dtype[np.generic]]) -> TensorProto:
    return TensorProto(dtype=kind, tensor_content=values.tobytes())


@pytest.mark.parametrize(
    "tensor",
    [
        TensorProto(dtype=DataType.DT_FLOAT, float_val=[1.5]),
        TensorProto(dtype=DataType.DT_DOUBLE, double_val=[1.5]),
        TensorProto(dtype=DataType.DT_HALF, half_val=[int(np.float16(1.5).view(np.uint16))]),
        TensorProto(dtype=DataType.DT_BFLOAT16, half_val=[BFLOAT16_ONE_AND_A_HALF]),
        as_content(DataType.DT_FLOAT, np.array([1.5], "<f4")),
        as_content(DataType.DT_DOUBLE, np.array([1.5], "<f8")),
        as_content(DataType.DT_HALF, np.array([1.5], "<f2")),
        as_content(DataType.DT_BFLOAT16, np.array([BFLOAT16_ONE_AND_A_HALF], "<u2")),
    ],
)
def test_floating_tensors_give_their_number(tensor: TensorProto) -> None:
    assert event.number(tensor) == 1.5


@pytest.mark.parametrize(
    "tensor",
    [
        *(TensorProto(dtype=k, int_val=[3]) for k in (DataType.DT_INT32, DataType.DT_INT16, DataType.DT_INT8)),
        *(TensorProto(dtype=k, int_val=[3]) for k in (DataType.DT_UINT8, DataType.DT_UINT16)),
        TensorProto(dtype=DataType.DT_INT64, int64_val=[3]),
        TensorProto(dtype=DataType.DT_UINT32, uint32_val=[3]),
        TensorProto(dtype=DataType.DT_UINT64, uint64_val=[3]),
        as_content(DataType.DT_INT64, np.array([3], "<i8")),
        as_content(DataType.DT_UINT8, np.array([3], "<u1")),
    ],
)
def test_whole_numbers_give_their_number(tensor: TensorProto) -> None:
    assert event.number(tensor) == 3.0


@pytest.mark.parametrize(
    "tensor",
    [
        TensorProto(dtype=DataType.DT_FLOAT),
        TensorProto(dtype=DataType.DT_STRING, string_val=[b"1.5"]),
        TensorProto(dtype=DataType.DT_RESOURCE),
        TensorProto(dtype=DataType.DT_FLOAT, tensor_content=b"abc"),
    ],
)
def test_tensors_without_a_number_give_none(tensor: TensorProto) -> None:
    assert event.number(tensor) is None


def test_a_claimed_size_allocates_nothing() -> None:
    shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=1 << 40)])
    tensor = TensorProto(dtype=DataType.DT_FLOAT, tensor_shape=shape, float_val=[1.0])
    assert event.size(tensor) == 1 << 40
    found = event.numbers(tensor)
    assert found is not None
    assert found.tolist() == [1.0]


def test_a_text_is_one_string() -> None:
    assert event.text(TensorProto(dtype=DataType.DT_STRING, string_val=[b"{}"])) == b"{}"
    assert event.text(TensorProto(dtype=DataType.DT_STRING, string_val=[b"a", b"b"])) is None
    assert event.text(TensorProto(dtype=DataType.DT_FLOAT, float_val=[1.0])) is None


def test_metadata_is_told_where_an_event_has_it() -> None:
    tensor = TensorProto(dtype=DataType.DT_FLOAT, float_val=[1.0])
    (with_metadata,) = event.values(tensor_event("a", 1, tensor, plugin="scalars", content=b"c"))
    (without,) = event.values(tensor_event("a", 2, tensor))
    assert (with_metadata.plugin, with_metadata.content, with_metadata.scalar) == ("scalars", b"c", True)
    assert (without.plugin, without.content, without.scalar) == ("", b"", False)


def floats_event(tag: str, step: int, wall: float, values: list[float], plugin: str) -> bytes:
    content = np.array(values, np.float32).tobytes()
    tensor = TensorProto(dtype=DataType.DT_FLOAT, tensor_content=content)
    value = Summary.Value(tag=tag, tensor=tensor)
    if plugin:
        value.metadata.plugin_data.plugin_name = plugin
    return Event(wall_time=wall, step=step, summary=Summary(value=[value])).SerializeToString()


singles = st.lists(st.floats(width=32), min_size=1, max_size=40)
steps = st.sampled_from([0, 1, 127, 128, 20_000, 2**62, -1])


@given(
    st.text(max_size=200),
    st.sampled_from(["", "x", "lossdiag"]),
    singles,
    st.lists(st.tuples(steps, any_number), max_size=5),
    st.data(),
)
def test_the_form_of_a_tensor_reads_what_protobuf_reads_or_steps_aside(
    tag: str, plugin: str, values: list[float], others: list[tuple[int, float]], data: st.DataObject
) -> None:
    form = event.tensor(floats_event(tag, 5, 1.7e9, values, plugin))
    if form is None:
        assert not tag  # a field that is left out
        return
    for step, wall in others:
        fresh = data.draw(st.lists(st.floats(width=32), min_size=len(values), max_size=len(values)))
        name = data.draw(st.sampled_from([tag, tag[::-1]]))
        payload = floats_event(name, step, wall, fresh, plugin)
        found = form.in_(payload)
        if found is None:
            assert name != tag or not 0 < step < 128 or wall == 0.0
        else:
            (slow,) = event.values(payload)
            assert slow.tensor is not None
            assert (slow.tag, struct.pack("<qd", slow.step, slow.wall)) == (form.tag, struct.pack("<qd", *found[:2]))
            assert slow.tensor.tensor_content == found[2]


@given(st.binary(max_size=60))
def test_nonsense_has_no_form(payload: bytes) -> None:
    assert event.tensor(payload) is None
    form = event.tensor(floats_event("a", 5, 1.7e9, [1.0] * 8, ""))
    assert form is not None
    with suppress(IndexError):
        assert form.in_(payload.ljust(12, b"\0")) is None
