from __future__ import annotations

import json
from pathlib import Path

import pytest
from eventfiles import curve, tensor_event, write
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.types_pb2 import DataType
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionStartInfo

from tb_lossdiag import compare, diagnose
from tb_lossdiag.reader import read_runs
from tb_lossdiag.reader.settings import arguments, hyperparameters


def session(**settings: float | str | bool) -> bytes:
    """What HParams writes where a session starts."""
    start = SessionStartInfo()
    for name, value in settings.items():
        if isinstance(value, bool):
            start.hparams[name].bool_value = value
        elif isinstance(value, str):
            start.hparams[name].string_value = value
        else:
            start.hparams[name].number_value = value
    return HParamsPluginData(session_start_info=start).SerializeToString()


def hparams_event(content: bytes) -> bytes:
    metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="hparams", content=content))
    value = Summary.Value(tag="_hparams_/session_start_info", metadata=metadata)
    return Event(wall_time=1.7e9, summary=Summary(value=[value])).SerializeToString()


def test_hyperparameters_are_settings_that_runs_are_compared_by(tmp_path: Path) -> None:
    for name, rate in (("a", 0.1), ("b", 0.01)):
        content = session(lr=rate, act="relu", nesterov=True)
        write(tmp_path / name, [hparams_event(content), *curve("loss/train", [3.0, 2.0, 1.0] * 10)])
    found = compare(diagnose(tmp_path))
    assert [(each.setting, each.values) for each in found.differences] == [("lr", [0.1, 0.01])]
    assert found.same == {"act": "relu", "nesterov": "true"}


def test_what_add_hparams_writes_belongs_to_the_run_above(tmp_path: Path) -> None:
    tensorboard = pytest.importorskip("torch.utils.tensorboard")
    with tensorboard.SummaryWriter(str(tmp_path / "run")) as writer:
        for step in range(5):
            writer.add_scalar("loss/train", 1.0, step)
        writer.add_hparams({"lr": 0.1}, {"accuracy": 0.5})
    (run,) = read_runs(tmp_path)
    assert (run.name, run.facts["settings"]) == ("run", {"lr": 0.1})


def test_a_run_named_by_the_time_that_has_curves_is_a_run(tmp_path: Path) -> None:
    write(tmp_path / "run", curve("loss/train", [1.0] * 5))
    write(tmp_path / "run" / "1700000000.5", [hparams_event(session(lr=0.1)), *curve("loss/train", [1.0] * 5)])
    assert [each.name for each in read_runs(tmp_path)] == ["run", "run/1700000000.5"]


def test_arguments_of_hugging_face_are_settings(tmp_path: Path) -> None:
    text = json.dumps(
        {
            "learning_rate": 5e-6,
            "output_dir": "out",
            "adam_beta1": 0.9,
            "fp16": False,
            "lr_scheduler_type": "linear",
        }
    )
    tensor = TensorProto(dtype=DataType.DT_STRING, string_val=[text.encode()])
    write(tmp_path, [tensor_event("args/text_summary", 0, tensor, plugin="text")])
    (run,) = read_runs(tmp_path)
    assert run.facts["settings"] == {"learning_rate": 5e-6, "adam_beta1": 0.9, "lr_scheduler_type": "linear"}


@given(st.binary(max_size=60) | st.binary(max_size=30).map(lambda each: session(lr=0.1) + each))
def test_damaged_hyperparameters_are_none(content: bytes) -> None:
    assert isinstance(hyperparameters(content), dict)


@pytest.mark.parametrize(
    "text", [b"", b"hello", b"{", b"{]", b"[1]", b'{"lr": null}', b'{"a": 1}', b"{" * 100_000, b"\xff{"]
)
def test_texts_without_arguments_are_none(text: bytes) -> None:
    assert arguments(text) == {}
