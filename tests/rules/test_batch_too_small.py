from __future__ import annotations

import pytest
from made import alarms, flat, module, remarks

from tb_lossdiag.rules.batch_too_small import batch_too_small
from tb_lossdiag.signals.probe import ModeGap, NoiseScale

SICK = {"grad_cosine": flat(0.02), "update_ratio": flat(0.02), "mean_left": 0.6, "step_targets": 2, "batch_size": 2}
HEALTHY = SICK | {"update_ratio": flat(0.001), "mean_left": 0.02}
NORM = (module("norm", "BatchNorm2d", 0),)


def scale(late: float, batch: float = 4.0) -> NoiseScale:
    return NoiseScale(20.0, late, late / 2, batch, 12)


def gap(late: float) -> ModeGap:
    return ModeGap(flat(1.0), flat(1.0), flat(late), 0.0, late, 1.0, 1.0)


@pytest.mark.parametrize(("targets", "found"), [(3, True), (4, False)])
def test_threshold_of_the_batch(targets: int, found: bool) -> None:
    assert alarms(batch_too_small.check(**SICK | {"step_targets": targets})) == found


@pytest.mark.parametrize(("cosine", "found"), [(0.17, True), (0.21, False), (-0.19, True), (-0.21, False)])
def test_thresholds_of_the_agreement(cosine: float, found: bool) -> None:
    assert alarms(batch_too_small.check(**SICK | {"grad_cosine": flat(cosine)})) == found


@pytest.mark.parametrize(("ratio", "found"), [(0.0039, False), (0.0052, True)])
def test_threshold_of_the_steps(ratio: float, found: bool) -> None:
    assert alarms(batch_too_small.check(**SICK | {"update_ratio": flat(ratio)})) == found


@pytest.mark.parametrize(("left", "found"), [(0.119, False), (0.16, True)])
def test_threshold_of_the_harm(left: float, found: bool) -> None:
    assert alarms(batch_too_small.check(**SICK | {"mean_left": left})) == found


@pytest.mark.parametrize(
    ("changes", "found"),
    [({}, True), ({"mean_left": 0.029}, False), ({"step_targets": 5}, False), ({"grad_cosine": flat(0.46)}, False)],
)
def test_a_handful_with_something_left_is_worth_a_remark(changes: dict[str, object], found: bool) -> None:
    quiet = SICK | {"update_ratio": flat(0.001), "mean_left": 0.031, "step_targets": 4}
    assert remarks(batch_too_small.check(**quiet | changes)) == found


@pytest.mark.parametrize(
    ("changes", "found"),
    [({}, True), ({"step_passages": 5}, False), ({"update_ratio": flat(0.001)}, False), ({"mean_left": 0.1}, False), ({"grad_cosine": flat(0.3)}, False)],
)  # fmt: skip
def test_a_few_passages_of_a_text_in_large_steps_are_worth_a_remark(changes: dict[str, object], found: bool) -> None:
    finding = batch_too_small.check(**SICK | {"step_targets": 128, "step_passages": 4} | changes)
    assert remarks(finding) == found
    assert finding is None or ("4 samples" in finding.summary and finding.factor == 4 / 32)


def test_a_small_batch_with_steps_as_small_trains_well_although_its_gradients_are_noise() -> None:
    assert not alarms(batch_too_small.check(**SICK | {"update_ratio": flat(0.001), "noise_scale": scale(200.0)}))


def test_gradients_that_are_added_up_make_a_larger_batch() -> None:
    assert not alarms(batch_too_small.check(**SICK | {"step_targets": 32}))


def test_a_handful_of_gradients_tells_nothing() -> None:
    assert not alarms(batch_too_small.check(**SICK | {"grad_cosine": flat(0.02, points=10)}))


def test_the_batch_to_use_is_near_the_noise_scale() -> None:
    finding = batch_too_small.check(**SICK | {"batch_size": 4, "step_targets": 4, "noise_scale": scale(70.0)})
    assert finding is not None
    assert "about 64" in finding.remedies[0].action
    assert "every 16 batches" in finding.remedies[1].action
    assert finding.factor == 1 / 16


def test_of_a_single_sample_only_gradients_in_a_row_tell() -> None:
    finding = batch_too_small.check(**SICK | {"batch_size": 1, "step_targets": 1, "grad_cosine": flat(-0.01)})
    assert finding is not None
    assert finding.summary.startswith("A batch of one sample is too small: its gradient holds more than 50 times")
    assert "about 32" in finding.remedies[0].action


def test_batch_norm_needs_more_than_a_handful() -> None:
    signals = SICK | {"step_targets": 4, "batch_size": 4, "update_ratio": flat(0.001), "modules": NORM}
    assert not alarms(batch_too_small.check(**signals | {"mode_gap": gap(-0.1)}))
    finding = batch_too_small.check(**signals | {"mode_gap": gap(-0.6)})
    assert finding is not None
    assert "BatchNorm" in finding.summary
    assert "GroupNorm" in finding.remedies[1].action
    assert not alarms(
        batch_too_small.check(**signals | {"mode_gap": gap(-0.6), "modules": (module("fc", "Linear", 0),)})
    )
