"""Signals of batches that were looked at once more, and of answers by class."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tb_lossdiag.series import Packed, Run
from tb_lossdiag.signals import Signals
from tb_lossdiag.signals.probe import NoiseScale

FIGURES = ("train_loss", "eval_loss", "signal", "noise", "samples", "batch")


def probes(figures: tuple[str, ...] = FIGURES, **values: list[float]) -> Signals:
    """A run whose probes have these figures; all others are NaN."""
    count = len(next(iter(values.values())))
    table = np.array([values.get(name, [math.nan] * count) for name in figures], np.float32)
    packed = Packed("probe", "train", figures, ("batch",), np.arange(count) * 10, table.T[:, :, None])
    return Signals(Run("a", {}, [packed]))


def test_the_gap_is_a_share_of_the_larger_loss() -> None:
    found = probes(train_loss=[2.0, 1.0, 1.0, 1.0], eval_loss=[2.0, 2.0, 4.0, 4.0]).get("mode_gap")
    assert list(found.apart.values) == [0.0, -0.5, -0.75, -0.75]
    assert (found.early, found.late) == (0.0, -0.75)
    assert (found.late_train, found.late_evaluation) == (1.0, 4.0)


def test_probes_that_measured_one_mode_only_have_no_gap() -> None:
    assert probes(train_loss=[1.0, 1.0], eval_loss=[math.nan, math.inf]).get("mode_gap") is None
    found = probes(train_loss=[1.0, 0.0, 1.0], eval_loss=[math.nan, 0.0, 1.0]).get("mode_gap")
    assert list(found.train.steps) == [10, 20]
    assert found.late == 0


def test_a_run_without_probes_has_none_of_it() -> None:
    empty = Signals(Run("a"))
    assert [empty.get(name) for name in ("mode_gap", "noise_scale", "class_answers")] == [None] * 3
    assert probes(("signal",), signal=[1.0] * 8).get("noise_scale") is None


def scale(signal: list[float], noise: list[float], **more: list[float]) -> NoiseScale:
    count = len(signal)
    found = probes(**{"signal": signal, "noise": noise, "samples": [16.0] * count, "batch": [33.0] * count} | more)
    result: NoiseScale = found.get("noise_scale")
    return result


def test_the_noise_scale_is_that_of_gradients_drawn_at_random() -> None:
    rng = np.random.default_rng(0)
    true, samples = np.array([1.0, 2.0, 0.0]), 8
    signal, noise = [], []
    for _ in range(3000):
        one, other = (true + rng.normal(0, 5, (samples, 3)).mean(0) for _ in range(2))
        signal.append(float(one @ other))
        noise.append(float(samples * np.square(one - other).sum() / 2))
    found = scale(signal, noise)
    assert found.late == pytest.approx(75 / 5, rel=0.15)
    assert found.least < found.late
    assert found.batch == 33


def test_it_is_told_apart_early_and_late_although_gradients_shrink() -> None:
    noise = np.logspace(0, -6, 16)
    found = scale([*(noise[:8] / 10), *(noise[8:] / 1000)], list(noise))
    assert found.early == pytest.approx(10, rel=0.01)
    assert found.late == pytest.approx(1000, rel=0.01)


def test_a_signal_that_does_not_stand_out_has_no_scale_but_a_bound() -> None:
    found = scale([1.0, -1.0] * 8, [100.0] * 16)
    assert math.isnan(found.late)
    assert 100 < found.least < 300
    assert math.isnan(scale([-1.0, -1.1] * 8, [100.0] * 16).least)


def test_three_probes_or_no_noise_tell_nothing() -> None:
    assert probes(signal=[1.0] * 3, noise=[1.0] * 3, samples=[4.0] * 3).get("noise_scale") is None
    assert probes(signal=[1.0] * 8, noise=[0.0] * 8, samples=[4.0] * 8).get("noise_scale") is None


def test_logs_without_the_batch_tell_it_from_the_parts_while_these_are_not_cut_short() -> None:
    older = FIGURES[:-1]
    signals = probes(older, signal=[1.0] * 8, noise=[1.0] * 8, samples=[16.0] * 8)
    assert signals.get("noise_scale").batch == 32
    signals = probes(older, signal=[1.0] * 8, noise=[1.0] * 8, samples=[128.0] * 8)
    assert math.isnan(signals.get("noise_scale").batch)


def answers(split: str, *events: list[list[float]]) -> Packed:
    table = np.array(events, np.float32)
    return Packed("answers", split, ("count", "predicted", "right"), ("0", "1"), np.arange(len(table)), table)


def test_answers_are_those_of_the_last_evaluation_of_each_split() -> None:
    events = [[5, 5], [9, 1], [5, 1]], [[5, 5], [6, 4], [4, 3]]
    groups = [answers("val", *events), answers("test", [[2, 0], [1, 1], [1, 0]]), answers("val", [[0, 0]] * 3)]
    found = Signals(Run("a", {}, groups)).get("class_answers")
    assert list(found) == ["val", "test"]
    assert found["val"].classes == ("0", "1")
    last = found["val"].count, found["val"].predicted, found["val"].right
    assert [list(each) for each in last] == events[1]


def step_targets(target: dict[str, object], losses: int | None, *groups: Packed) -> int:
    model = {"batch_size": 4, "target": target, "losses_per_step": losses}
    found: int = Signals(Run("a", {}, groups, {"models": {"": model}})).get("step_targets")
    return found


def test_a_step_averages_over_all_targets_of_all_its_batches() -> None:
    assert step_targets({"shape": [], "dtype": "int64"}, 1) == 4
    assert step_targets({"shape": [], "dtype": "int64"}, 8) == 32
    assert step_targets({"shape": [16, 16], "dtype": "uint8"}, 1) == 1024, "pixels"
    assert step_targets({"shape": [64], "dtype": "float32"}, 1) == 4, "components of one target"


@pytest.mark.parametrize(
    ("shape", "dtype", "passages"),
    [([2, 50], "int64", 2), ([50, 2, 1], "int64", 2), ([50], "int64", None), ([3, 50], "int64", None), ([2, 50], "float32", None), ([100], "int64", None), (None, "int64", None)],
)  # fmt: skip
def test_a_step_of_a_text_averages_over_passages(shape: list[int] | None, dtype: str, passages: int | None) -> None:
    """Of four targets a step, of one of fifty classes each."""
    whole = {"name": "", "out_shape": shape}
    target, output = {"shape": [], "dtype": dtype}, {"shape": [50]}
    model = {"batch_size": 4, "target": target, "output": output, "losses_per_step": 1, "modules": [whole]}
    assert Signals(Run("a", {}, (), {"models": {"": model}})).get("step_passages") == passages


def test_older_logs_tell_it_from_the_classes_of_a_step() -> None:
    counts = Packed("batch", "train", ("count",), ("0", "1"), np.arange(3), np.full((3, 1, 2), 8, np.float32))
    assert step_targets({"shape": [], "dtype": "int64"}, None, counts) == 16
    assert step_targets({"shape": [], "dtype": "int64"}, None) == 4
