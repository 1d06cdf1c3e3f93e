from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest
from eventfiles import curve, facts, packed, scalar, tensor_event, version
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.types_pb2 import DataType

from tb_lossdiag.reader.assemble import assemble
from tb_lossdiag.reader.columns import Columns
from tb_lossdiag.series import Run
from tb_lossdiag.tags import PLUGIN, VERSION, Schema

WEIGHTS = Schema("parameters", "train", ("grad_norm", "param_norm"), ("a", "b", "c"))


def columns(*events: bytes) -> Columns:
    found = Columns()
    found.add(events)
    return found


def run(*files: list[bytes]) -> Run:
    return assemble("r", [columns(*events) for events in files])


def number(value: float) -> TensorProto:
    return TensorProto(dtype=DataType.DT_FLOAT, float_val=[value])


def test_series_carry_our_names_and_say_where_they_came_from() -> None:
    found = run([version(5.0), *curve("train_loss", [3.0, 2.0]), *curve("val_loss", [4.0]), *curve("fps", [60.0])])
    assert set(found.series) == {"loss/train", "loss/val", "fps"}
    assert found.sources == {"loss/train": "train_loss", "loss/val": "val_loss"}
    assert found.series["loss/train"].values.tolist() == [3.0, 2.0]
    assert found.series["loss/train"].steps.tolist() == [0, 1]
    assert found.series["loss/train"].wall is not None
    assert found.series["loss/train"].wall.tolist() == [1.7e9, 1.7e9 + 1]
    assert found.updated == 1.7e9 + 1
    assert not found.sampled
    assert found.warnings == []


def test_values_that_are_not_finite_stay() -> None:
    values = run([*curve("loss/train", [1.0, math.nan, math.inf, -math.inf])]).series["loss/train"].values
    np.testing.assert_array_equal(values, [1.0, math.nan, math.inf, -math.inf])


def test_files_are_read_in_the_order_of_their_times_whatever_their_names_are() -> None:
    late, early = [*curve("loss/train", [1.0], start=1, wall=200.0)], [*curve("loss/train", [2.0], wall=100.0)]
    assert run(late, early).series["loss/train"].values.tolist() == [2.0, 1.0]


def test_a_resumed_run_is_told_once_for_all_its_series() -> None:
    tags = ("loss/train", "lr", "a", "b", "c")
    first = [event for tag in tags for event in curve(tag, [9.0] * 10, wall=100.0)]
    second = [event for tag in tags for event in curve(tag, [1.0] * 3, start=5, wall=200.0)]
    found = run(first, second)
    assert found.series["loss/train"].values.tolist() == [9.0] * 5 + [1.0] * 3
    warning = (
        "Steps go back to 5 in loss/train, lr, a and 2 more series (a run that was resumed or repeated): "
        "25 earlier points from there on are superseded by the later ones."
    )
    assert found.warnings == [warning]


def test_points_that_are_all_at_one_step_are_shown_in_the_order_of_writing() -> None:
    found = run([scalar("loss/train", 0, value) for value in (3.0, 2.0, 1.0)])
    assert found.series["loss/train"].steps.tolist() == [0, 1, 2]
    assert found.series["loss/train"].values.tolist() == [3.0, 2.0, 1.0]
    (warning,) = found.warnings
    assert warning.startswith("The steps of loss/train do not tell the order")


def test_both_forms_of_scalars_may_follow_each_other_under_one_tag() -> None:
    found = run([scalar("loss/train", 0, 2.0), tensor_event("loss/train", 1, number(1.0), plugin="scalars")])
    assert found.series["loss/train"].values.tolist() == [2.0, 1.0]


def test_only_a_tags_first_tensor_needs_metadata() -> None:
    found = run([tensor_event("a", 0, number(2.0), plugin="scalars"), tensor_event("a", 1, number(1.0))])
    assert found.series["a"].values.tolist() == [2.0, 1.0]


def test_tensors_that_are_no_scalars_are_left_out() -> None:
    three = TensorProto(dtype=DataType.DT_FLOAT, float_val=[1.0, 2.0, 3.0])
    three.tensor_shape.dim.add().size = 3
    text = TensorProto(dtype=DataType.DT_STRING, string_val=[b"1.0"])
    events = [
        tensor_event("a", 0, three), tensor_event("b", 0, text), tensor_event("c", 0, number(1.0), plugin="pr_curves"),
        tensor_event("c", 1, number(1.0)),
    ]  # fmt: skip
    assert run(events).series == {}


def test_packed_tensors_come_back_in_their_shape() -> None:
    values = np.arange(12.0).reshape(2, 2, 3)
    (found,) = run([packed(WEIGHTS, 10, values[0]), packed(WEIGHTS, 20, values[1], first=False)]).packed
    assert (found.group, found.split, found.figures, found.columns) == (
        "parameters",
        "train",
        WEIGHTS.figures,
        tuple("abc"),
    )
    assert found.steps.tolist() == [10, 20]
    assert found.values.dtype == np.float32
    np.testing.assert_array_equal(found.values, values)


def test_a_named_model_has_its_name_before_its_columns() -> None:
    schema = Schema("parameters", "train", ("grad_norm",), ("a", "b"), name="critic")
    (found,) = run([packed(schema, 0, [[1.0, 2.0]])]).packed
    assert found.columns == ("critic/a", "critic/b")


def test_a_new_generation_is_a_group_of_its_own_and_the_same_layout_goes_on() -> None:
    wider = Schema("parameters", "train", WEIGHTS.figures, (*"abcd",))
    first = [packed(WEIGHTS, 0, np.zeros((2, 3))), packed(wider, 1, np.zeros((2, 4)), generation=1)]
    resumed = [packed(wider, 2, np.ones((2, 4)))]
    found = run(first, resumed).packed
    assert [(each.columns, each.steps.tolist()) for each in found] == [(tuple("abc"), [0]), (tuple("abcd"), [1, 2])]


def test_packed_tensors_follow_a_restart_too() -> None:
    first = [packed(WEIGHTS, step, np.zeros((2, 3)), first=step == 0) for step in range(5)]
    second = [packed(WEIGHTS, step, np.ones((2, 3)), first=step == 2) for step in range(2, 4)]
    (found,) = run(first, second).packed
    assert found.steps.tolist() == [0, 1, 2, 3]
    assert found.values[:, 0, 0].tolist() == [0.0, 0.0, 1.0, 1.0]


def test_a_model_without_parameters_has_no_columns_and_is_read() -> None:
    nothing = Schema("parameters", "train", ("grad_norm",), ())
    (found,) = run([packed(nothing, 0, np.zeros((1, 0))), packed(nothing, 5, np.zeros((1, 0)), first=False)]).packed
    assert found.values.shape == (2, 1, 0)


def test_a_tensor_of_another_size_is_counted_and_left_out() -> None:
    file = columns(packed(WEIGHTS, 0, np.zeros((2, 3))), packed(WEIGHTS, 1, np.zeros((2, 4)), first=False))
    assert file.packed["lossdiag/parameters/train"].unfit == 1
    (found,) = assemble("r", [file]).packed
    assert found.steps.tolist() == [0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (json.dumps({"version": VERSION + 1}).encode(), "newer tb_lossdiag .*: upgrade to read it"),
        (b"{}", "not a layout of tb_lossdiag"),
        (b"\xff", "not a layout of tb_lossdiag"),
        (b"[" * 100_000, "not a layout of tb_lossdiag"),
        (b"", "the first record, which tells its layout, is missing"),
    ],
)
def test_a_layout_that_cannot_be_read_is_told_once(content: bytes, said: str) -> None:
    events = [tensor_event("lossdiag/x/train", step, number(1.0), plugin=PLUGIN, content=content) for step in range(3)]
    file = columns(*events)
    assert list(file.unreadable) == ["lossdiag/x/train"]
    assert re.search(said, file.unreadable["lossdiag/x/train"])
    assert assemble("r", [file]).packed == []


def test_what_the_writer_could_not_see_is_a_warning_of_the_run_and_anything_odd_is_not() -> None:
    text = b'{"notes": ["a"], "models": {"g": {"notes": ["b", "a", 3]}, "h": {"notes": "c"}, "i": 1}}'
    assert run([facts(text)]).warnings == ["a", "b"]
    assert run([facts(b'{"notes": 1, "models": 2}')]).warnings == []


def test_the_last_facts_count() -> None:
    assert run([facts(b'{"a": 1}'), facts(b'{"a": 2}')], [facts(b'{"a": 3}')]).facts == {"a": 3}


@pytest.mark.parametrize("text", [b"{", b"\xff", b"[1]", b"", b"[" * 100_000])
def test_broken_facts_are_left_out_with_a_warning(text: bytes) -> None:
    found = run([facts(b'{"a": 1}')], [facts(text)])
    assert found.facts == {"a": 1}
    assert found.warnings == ["The facts about the model are damaged and were left out."]


def test_a_run_without_events_is_an_empty_run() -> None:
    found = run([])
    assert (found.series, found.packed, found.facts, found.updated) == ({}, [], {}, None)


def test_a_tag_is_text_whatever_bytes_it_has() -> None:
    payload = scalar("caf\u00e9 <b>", 1, 1.0).replace("\u00e9".encode(), b"\xe9\xe9")
    assert list(run([payload]).series) == ["caf\ufffd\ufffd <b>"]


@given(st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.floats(width=32)), max_size=30), st.floats())
def test_any_scalars_make_a_run(points: list[tuple[int, float]], wall: float) -> None:
    found = run([scalar("loss/train", step, value, wall) for step, value in points])
    for each in found.series.values():
        assert len(each.steps) == len(each.values) <= len(points)
        assert (each.steps[1:] > each.steps[:-1]).all()
    assert found.updated is None or math.isfinite(found.updated)
