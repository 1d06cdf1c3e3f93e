from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from eventfiles import tensor_event, write
from hypothesis import given
from hypothesis import strategies as st
from strategies import numbers as any_number
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.types_pb2 import DataType

from tb_lossdiag import diagnose
from tb_lossdiag.reader import read_runs
from tb_lossdiag.reader.histograms import moments_of_buckets, parameter_of
from tb_lossdiag.signals import Signals


def histogram(tag: str, step: int, values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> bytes:
    """What `add_histogram` of torch, tensorboardX and TensorFlow 1 writes."""
    proto = HistogramProto(
        min=values.min(), max=values.max(), num=len(values), sum=values.sum(), sum_squares=values @ values
    )
    return Event(
        wall_time=1.7e9, step=step, summary=Summary(value=[Summary.Value(tag=tag, histo=proto)])
    ).SerializeToString()


def buckets(tag: str, step: int, values: np.ndarray[tuple[int], np.dtype[np.float64]], *, first: bool) -> bytes:
    """What TensorFlow 2 writes."""
    counts, edges = np.histogram(values, bins=30)
    table = np.stack([edges[:-1], edges[1:], counts], axis=1)
    tensor = TensorProto(dtype=DataType.DT_DOUBLE, tensor_content=table.tobytes())
    return tensor_event(tag, step, tensor, plugin="histograms" if first else "")


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("fc1.weight", ("fc1.weight", False)),
        ("fc1.weight.grad", ("fc1.weight", True)),
        ("fc1.weight_grad", ("fc1.weight", True)),
        ("fc1.bias/grad", ("fc1.bias", True)),
        ("grad/fc1.weight", ("fc1.weight", True)),
        ("Gradients/fc1.weight", ("fc1.weight", True)),
        ("gradients/fc1", ("fc1", True)),
        ("rnn.weight_hh_l0", ("rnn.weight_hh_l0", False)),
        ("dense_3/kernel_0/histogram", ("dense_3/kernel", False)),
        ("dense/kernel:0", ("dense/kernel", False)),
        ("layer1/weights/summaries/histogram", ("layer1", False)),
        ("weights", ("weights", False)),
        ("classes", None),
        ("fc1/activations", None),
        ("predictions/weight", None),
        ("", None),
    ],
)  # fmt: skip
def test_tags_tell_the_parameter(tag: str, expected: tuple[str, bool] | None) -> None:
    assert parameter_of(tag) == expected


@given(st.text(max_size=60))
def test_any_tag_names_something_or_nothing(tag: str) -> None:
    found = parameter_of(tag)
    assert found is None or found[0]


@given(st.lists(any_number, max_size=30))
def test_any_tensor_is_buckets_or_not(values: list[float]) -> None:
    found = moments_of_buckets(np.array(values))
    assert (found is None) == (not values or len(values) % 3 != 0)


def test_the_norm_of_buckets_is_close_to_the_tensors() -> None:
    values = np.random.default_rng(0).normal(size=5000)
    counts, edges = np.histogram(values, bins=30)
    found = moments_of_buckets(np.stack([edges[:-1], edges[1:], counts], axis=1).ravel())
    assert found is not None
    assert found[0] == 5000
    assert found[1] == pytest.approx(np.linalg.norm(values), rel=0.01)


def test_gradients_of_torch_are_exact_norms_by_layer_and_of_the_whole(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    layers = {"fc1.weight": rng.normal(size=100), "fc1.bias": rng.normal(size=10), "fc2.weight": rng.normal(size=50)}
    events = []
    for step in range(3):
        for name, values in layers.items():
            events += [histogram(name, step, values), histogram(f"{name}.grad", step, values / (step + 1))]
    write(tmp_path, events)
    (run,) = read_runs(tmp_path)
    signals = Signals(run)
    gradients, weights = signals.get("layer_gradients"), signals.get("layer_weights")
    assert list(gradients) == list(weights) == ["fc1.weight", "fc2.weight"]
    norm = np.linalg.norm(layers["fc1.weight"])
    np.testing.assert_allclose(weights["fc1.weight"].values, norm, rtol=1e-6)
    np.testing.assert_allclose(gradients["fc1.weight"].values, norm / 10 / np.arange(1, 4), rtol=1e-6)
    whole = math.sqrt(sum(float(each @ each) for each in layers.values()))
    np.testing.assert_allclose(signals.get("grad_norm").values, whole / np.arange(1, 4))
    assert run.sources["diag/grad_norm"] == "3 histograms of gradients"
    assert signals.get("parameters") is None  # names and sizes alone do not say what is trained, and how it began


def test_a_gradient_that_vanishes_is_seen_in_histograms(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    events = [
        histogram(f"gradients/layer{i}.weight", step, rng.normal(size=200) * 10.0 ** (i - 8))
        for step in range(30)
        for i in range(8)
    ]
    write(tmp_path, events)
    (report,) = diagnose(tmp_path)
    assert "vanishing-gradient" in [each.cause for each in report.findings]


def test_weights_of_tensorflow_2_are_norms_and_no_gradients(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=400)
    write(tmp_path, [buckets("dense/kernel_0/histogram", step, values, first=step == 0) for step in range(3)])
    (run,) = read_runs(tmp_path)
    signals = Signals(run)
    assert signals.get("layer_weights")["dense/kernel"].values == pytest.approx([np.linalg.norm(values)] * 3, rel=0.02)
    assert signals.get("layer_gradients") is None
    assert signals.get("grad_norm") is None


def test_a_gradient_norm_that_was_logged_is_kept(tmp_path: Path) -> None:
    from eventfiles import curve

    write(tmp_path, [*curve("grad_norm", [2.0, 1.0]), histogram("fc.weight.grad", 0, np.ones(4))])
    (run,) = read_runs(tmp_path)
    assert run.sources["diag/grad_norm"] == "grad_norm"
