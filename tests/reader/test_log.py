from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from eventfiles import NAME, curve, packed, tensor_event, version, write
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import numbers as any_number
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.types_pb2 import DataType
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from tensorboard.util import tensor_util

from tb_lossdiag.reader import Log, read_runs
from tb_lossdiag.tags import Schema

DATA = Path(__file__).parents[1] / "data"


def log_with_tensorboard(directory: Path, points: Sequence[tuple[str, int, float]]) -> None:
    writer = EventFileWriter(str(directory))
    for tag, step, value in points:
        writer.add_event(
            Event(wall_time=1.7e9, step=step, summary=Summary(value=[Summary.Value(tag=tag, simple_value=value)]))
        )
    writer.close()


floats = any_number.map(lambda value: float(np.float32(value)) if abs(value) < 1e38 or math.isnan(value) else math.inf)


@given(values=st.lists(st.tuples(st.sampled_from(["loss/train", "lr", "ü <b>", "x" * 200]), floats), max_size=20))
@settings(max_examples=30)
def test_what_tensorboard_reads_of_its_own_files_we_read_too(
    tmp_path_factory: pytest.TempPathFactory, values: list[tuple[str, float]]
) -> None:
    directory = tmp_path_factory.mktemp("run")
    log_with_tensorboard(directory, [(tag, step, value) for step, (tag, value) in enumerate(values)])
    theirs = EventAccumulator(str(directory), size_guidance={"scalars": 0, "tensors": 0}).Reload()
    (ours,) = read_runs(directory)
    tags = theirs.Tags()["scalars"]
    assert set(ours.series) == set(tags)
    for tag in tags:
        expected = theirs.Scalars(tag)
        assert ours.series[tag].steps.tolist() == [each.step for each in expected]
        np.testing.assert_array_equal(ours.series[tag].values, [each.value for each in expected])


def test_scalars_as_tensors_are_those_that_tensorboard_reads(tmp_path: Path) -> None:
    values = [1.5, math.nan, -math.inf, 0.0]
    tensors = [TensorProto(dtype=DataType.DT_FLOAT, float_val=[each]) for each in values]
    write(
        tmp_path,
        [version(), *(tensor_event("loss/train", i, each, plugin="scalars") for i, each in enumerate(tensors))],
    )
    theirs = EventAccumulator(str(tmp_path), size_guidance={"tensors": 0}).Reload().Tensors("loss/train")
    expected = [float(tensor_util.make_ndarray(each.tensor_proto)) for each in theirs]
    (ours,) = read_runs(tmp_path)
    np.testing.assert_array_equal(ours.series["loss/train"].values, expected)
    np.testing.assert_array_equal(ours.series["loss/train"].values, values)


def test_what_torch_writes_is_read(tmp_path: Path) -> None:
    tensorboard = pytest.importorskip("torch.utils.tensorboard")
    with tensorboard.SummaryWriter(str(tmp_path)) as writer:
        for step in range(5):
            writer.add_scalar("loss/train", 1.0 / (step + 1), step)
            writer.add_scalar("loss/val", 2.0, step, new_style=True)
            writer.add_scalar("lr", 0.1, step, new_style=True, double_precision=True)
            writer.add_histogram("weights", np.arange(10.0), step)
            writer.add_text("note", "hello", step)
        writer.add_scalars("both", {"train": 1.0, "val": 2.0}, 0)
    runs = {run.name: run for run in read_runs(tmp_path)}
    assert set(runs["."].series) == {"loss/train", "loss/val", "lr", "both/train", "both/val"}
    assert runs["."].series["loss/train"].values.tolist() == [float(np.float32(1.0 / (step + 1))) for step in range(5)]
    assert runs["."].series["lr"].values.tolist() == [0.1] * 5
    assert runs["."].warnings == []


def test_polling_follows_the_files_of_a_run(tmp_path: Path) -> None:
    log = Log(tmp_path, "r")
    assert not log.poll()
    assert log.run().series == {}
    write(tmp_path, curve("loss/train", [3.0]))
    assert log.poll()
    assert not log.poll()
    write(tmp_path, curve("loss/train", [2.0], start=1), append=True)
    second = write(tmp_path / "events.out.tfevents.1800000000", curve("loss/train", [1.0], start=2, wall=1.8e9))
    assert log.poll()
    assert log.run().series["loss/train"].values.tolist() == [3.0, 2.0, 1.0]
    second.unlink()
    assert log.poll()
    assert log.run().series["loss/train"].values.tolist() == [3.0, 2.0]
    assert log.run().name == "r"


def test_a_run_that_was_handed_out_does_not_change(tmp_path: Path) -> None:
    log = Log(tmp_path)
    schema = Schema("inputs", "train", ("mean",), ("x",))
    write(tmp_path, [*curve("loss/train", [3.0]), packed(schema, 0, [[1.0]])])
    log.poll()
    before = log.run()
    write(tmp_path, [*curve("loss/train", [2.0], start=1), packed(schema, 1, [[2.0]], first=False)], append=True)
    log.poll()
    assert before.series["loss/train"].values.tolist() == [3.0]
    assert before.packed[0].values.tolist() == [[[1.0]]]
    assert log.run().packed[0].values.tolist() == [[[1.0]], [[2.0]]]


def test_a_whole_log_directory_is_read_at_once(tmp_path: Path) -> None:
    write(tmp_path / "keras" / "train", curve("epoch_loss", [3.0, 2.0]))
    write(tmp_path / "keras" / "validation", curve("epoch_loss", [4.0, 3.0]))
    write(tmp_path / "plain", curve("loss/train", [1.0]))
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / NAME).touch()
    runs = {run.name: run for run in read_runs(str(tmp_path))}
    assert list(runs) == ["empty", "keras/train", "plain"]
    assert runs["keras/train"].series["loss/val"].values.tolist() == [4.0, 3.0]
    assert runs["empty"].series == {}


def test_a_log_of_the_first_version_is_read_for_ever() -> None:
    """tests/data/version-1 is what DiagWriter 0.1.0 wrote of twelve steps; it stays as it is, whatever later versions write."""
    (run,) = read_runs(DATA / "version-1")
    assert {name: len(each) for name, each in run.series.items()} == {
        "loss/train": 12, "loss/val": 1, "accuracy/val": 1, "lr": 12, "diag/grad_norm": 12, "diag/grad_cosine": 11,
        "diag/update_ratio": 12, "diag/overhead": 12,
    }  # fmt: skip
    groups = {(each.group, each.split): each for each in run.packed}
    assert set(groups) == {
        *((group, split) for group in ("inputs", "targets", "outputs") for split in ("train", "val")),
        *((group, "train") for group in ("parameters", "activations", "losses", "batch")),
    }
    parameters = groups["parameters", "train"]
    assert parameters.figures == ("grad_norm", "param_norm", "update_norm")
    assert parameters.columns == ("0.weight", "0.bias", "2.weight", "2.bias")
    assert parameters.values.shape == (12, 3, 4)
    np.testing.assert_allclose(parameters.values[:, 2], 0.1 * parameters.values[:, 0], rtol=1e-4)  # SGD, lr 0.1
    assert run.facts["version"] == 1
    assert run.warnings == []


def test_files_that_somebody_knows_are_read_when_they_change_or_are_recalled(tmp_path: Path) -> None:
    path = write(tmp_path, curve("loss/train", [3.0, 2.0]))
    log = Log(tmp_path, "r")
    log.skip([path])
    assert not log.poll([path])
    assert log.run_now([path]).series["loss/train"].values.tolist() == [3.0, 2.0]
    other = Log(tmp_path, "r")
    other.skip([path])
    write(tmp_path, curve("loss/train", [1.0], start=2), append=True)
    assert other.poll([path])
    assert other.run().series["loss/train"].values.tolist() == [3.0, 2.0, 1.0]
    gone = Log(tmp_path, "r")
    path.unlink()
    gone.skip([path])
    assert gone.poll([path])
