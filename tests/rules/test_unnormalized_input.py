from __future__ import annotations

import numpy as np
import pytest
from made import alarms, falling, form, module, remarks, weight

from tb_lossdiag.rules.unnormalized_input import unnormalized_input
from tb_lossdiag.signals.data import Features


def features(scales: list[float], means: list[float] | None = None) -> Features:
    std, mean = np.array(scales), np.array(means or [0.0] * len(scales))
    return Features([f"x{i}" for i in range(len(scales))], mean, std, mean - 2 * std, mean + 2 * std)


def given(scales: list[float], means: list[float] | None = None) -> dict[str, Features]:
    """Inputs that the first layer is given as they are."""
    found = features(scales, means)
    return {"first_features": found, "input_features": found}


SICK = given([12.0, 0.5, 35.0], [48.0, 1.5, 189.0])
HEALTHY = given([1.0, 0.9, 1.1])


@pytest.mark.parametrize(("scale", "found"), [(7.9, False), (8.1, True), (0.021, False), (0.019, True)])
def test_threshold(scale: float, found: bool) -> None:
    assert (unnormalized_input.check(**given([scale])) is not None) == found


@pytest.mark.parametrize(("scale", "loud"), [(9.0, False), (14.0, True)])
def test_a_scale_that_is_as_likely_one_s_own_choice_is_worth_a_remark(scale: float, loud: bool) -> None:
    finding = unnormalized_input.check(**given([scale]))
    assert alarms(finding) == loud
    assert loud or remarks(finding)


def test_pixels_that_are_nearly_always_black_are_no_wrong_scale() -> None:
    assert unnormalized_input.check(**given([0.3, 0.4, 0.001, 0.0], [0.3, 0.4, 0.0, 0.0])) is None


def test_a_network_that_normalises_first_needs_no_help() -> None:
    modules = (module("norm", "BatchNorm1d", 0), module("fc", "Linear", 1))
    assert unnormalized_input.check(**SICK, modules=modules) is None


def test_the_few_parameters_of_a_filter_multiply_no_feature() -> None:
    """Three variances of a state space model, beside series as they were measured."""
    few = weight("log_var", shape=(2,), numel=2)
    assert unnormalized_input.check(**SICK, parameters=(few,)) is None
    assert unnormalized_input.check(**SICK, parameters=(few, weight("w", shape=(3,), numel=3))) is not None
    assert unnormalized_input.check(**SICK, parameters=(weight("fc.weight", shape=(2, 1), numel=2),)) is not None
    excitation = weight("a", shape=(1, 2), numel=2, kind="other")  # of a Hawkes process, beside the times of its events
    assert unnormalized_input.check(**SICK, parameters=(excitation,)) is None


def test_the_largest_feature_is_named() -> None:
    finding = unnormalized_input.check(**SICK)
    assert finding is not None
    assert finding.where[0] == "x2"
    assert "x2" in finding.summary


def test_one_feature_far_larger_than_the_rest_is_compared_with_them() -> None:
    finding = unnormalized_input.check(**given([0.5, 0.4, 0.6, 500.0]))
    assert finding is not None
    assert "times as large as the median" in finding.summary


@pytest.mark.parametrize(("mean", "found"), [(2.9, False), (3.1, True), (-4.0, True)])
def test_inputs_all_to_one_side_of_zero(mean: float, found: bool) -> None:
    finding = unnormalized_input.check(**given([1.0] * 5, [mean] * 5))
    assert (finding is not None) == found
    assert finding is None or "not centred" in finding.summary


def test_one_feature_off_centre_among_many_does_little_harm() -> None:
    assert unnormalized_input.check(**given([1.0] * 5, [6.0, 0.0, 0.0, 0.0, 0.0])) is None


def test_pixels_between_zero_and_one_are_centred_enough() -> None:
    assert unnormalized_input.check(**given([0.05] * 5, [0.9] * 5)) is None


RAW = features([60.0, 80.0, 70.0], [120.0, 90.0, 100.0])
CONVOLUTION = (module("conv", "Conv2d", 0),)
TABLE = (module("words", "Embedding", 0), module("fc", "Linear", 1))


def test_a_network_that_divides_by_255_by_itself_needs_no_help() -> None:
    divided = features([0.24, 0.31, 0.27], [0.47, 0.35, 0.39])
    assert unnormalized_input.check(first_features=divided, input_features=RAW) is None
    assert unnormalized_input.check(first_features=RAW, input_features=RAW) is not None


def test_bytes_that_become_floats_in_the_network_are_raw_all_the_same() -> None:
    assert unnormalized_input.check(first_features=RAW, modules=CONVOLUTION) is not None
    assert unnormalized_input.check(first_features=features([0.3, 0.3, 0.3]), modules=CONVOLUTION) is None


def test_embeddings_may_be_large_unless_one_amount_stands_out_among_them() -> None:
    scaled = [22.0] * 64
    assert unnormalized_input.check(first_features=features(scaled), modules=TABLE) is None
    beside = features([*[1.0] * 16, 40000.0])
    finding = unnormalized_input.check(first_features=beside, modules=TABLE)
    assert finding is not None
    assert finding.where[0] == "x16"


def test_a_raw_time_step_beside_sound_inputs_is_found() -> None:
    sound = features([1.0, 1.1])
    assert unnormalized_input.check(first_features=features([1.0, 1.1, 144.0]), input_features=sound) is not None
    assert unnormalized_input.check(first_features=features([9.0, 11.0, 14.0]), input_features=sound) is None


def test_where_everything_was_learnt_all_the_same_it_is_but_a_remark() -> None:
    learnt, lost = form(falling(40.0, 0.01)), form(falling(40.0, 2.2))
    assert remarks(unnormalized_input.check(**SICK, prior_loss=2.3, train_shape=learnt))
    assert remarks(unnormalized_input.check(**SICK, prior_loss=2.3, train_shape=learnt, eval_shape=learnt))
    assert alarms(unnormalized_input.check(**SICK, prior_loss=2.3, train_shape=lost))
    assert alarms(unnormalized_input.check(**SICK, prior_loss=2.3, train_shape=learnt, eval_shape=lost))
    assert alarms(unnormalized_input.check(**SICK, train_shape=learnt)), "of what, is not known"


def test_a_scale_that_all_share_is_taken_away_by_a_normalisation_after_the_first_layer() -> None:
    modules = (module("conv", "Conv2d", 0), module("norm", "BatchNorm2d", 1))
    assert remarks(unnormalized_input.check(**given([60.0, 80.0, 70.0]), modules=modules))
    assert alarms(unnormalized_input.check(**given([1.0, 0.5, 500.0]), modules=modules)), (
        "one feature drowns the others"
    )


@pytest.mark.parametrize(("std", "found"), [(0.0012, True), (0.2, False)])
def test_a_spread_that_drowns_in_the_mean_is_told_however_small_both_are(std: float, found: bool) -> None:
    finding = unnormalized_input.check(**given([std] * 4, [1.1] * 4))
    assert (finding is not None) == found
    assert finding is None or "not centred" in finding.summary
