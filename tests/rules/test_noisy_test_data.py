from __future__ import annotations

import math

import numpy as np
import pytest

from tb_lossdiag.rule import Lacking
from tb_lossdiag.rules.noisy_test_data import noisy_test_data
from tb_lossdiag.signals.probe import Answers
from tb_lossdiag.signals.splits import Gap, Shift

BAD, FAIR = Gap(0.1, 1.9, 0.8, 60.0), Gap(0.1, 0.12, 0.01, 1.0)


def shift(spread: float, inputs: float = 0.0) -> Shift:
    return Shift(300, inputs=inputs, spread=spread, chance_spread=0.06)


SICK = {"test_shift": shift(1.42), "test_gap": BAD, "val_shift": shift(1.0)}
HEALTHY = {"test_shift": shift(1.0), "test_gap": FAIR, "val_shift": shift(1.0)}


@pytest.mark.parametrize(("spread", "found"), [(1.07, False), (1.09, True)])
def test_threshold_is_a_spread_beyond_chance(spread: float, found: bool) -> None:
    assert (noisy_test_data.check(test_shift=shift(spread), test_gap=BAD) is not None) == found


def answers(right: list[float]) -> Answers:
    return Answers(("0", "1", "2"), np.array([13.0, 25.0, 15.0]), np.array([15.0, 25.0, 13.0]), np.array(right))


def test_classes_that_the_test_set_numbers_otherwise_than_validation_are_told() -> None:
    known = {"val": answers([12, 24, 12]), "test": answers([0, 25, 0])}
    finding = noisy_test_data.check(**HEALTHY, class_answers=known)
    assert finding is not None
    assert finding.where == ["class 0", "class 2"]
    assert noisy_test_data.check(**HEALTHY, class_answers=known | {"test": answers([12, 24, 12])}) is None
    assert noisy_test_data.check(**HEALTHY, class_answers=known | {"val": answers([0, 25, 0])}) is None, "nor do both"
    assert noisy_test_data.check(**HEALTHY, class_answers=known | {"val": answers([2, 24, 1])}) is None, "who knows one"
    assert noisy_test_data.check(class_answers=known) is not None, "nothing else is needed"
    with pytest.raises(Lacking):
        noisy_test_data.check(class_answers={"test": answers([0, 25, 0])})


def test_it_says_how_much_noise() -> None:
    finding = noisy_test_data.check(test_shift=shift(math.sqrt(5)), test_gap=BAD)
    assert finding is not None
    assert "noise of 2 standard deviations" in finding.summary


def test_inputs_whose_mean_has_moved_come_from_another_situation() -> None:
    assert noisy_test_data.check(test_shift=shift(1.42, inputs=1.0), test_gap=BAD) is None


def test_noise_that_does_no_harm_is_left_alone() -> None:
    assert noisy_test_data.check(test_shift=shift(1.42), test_gap=FAIR) is None


def test_noise_that_validation_has_as_well_does_not_explain_the_test() -> None:
    assert noisy_test_data.check(test_shift=shift(1.42), test_gap=BAD, val_shift=shift(1.42)) is None


def test_spreads_of_validation_are_shown_beside() -> None:
    finding = noisy_test_data.check(test_shift=shift(2.0), test_gap=BAD, val_shift=shift(1.1))
    assert finding is not None
    assert list(finding.evidence[0].labels) == ["training", "validation", "test"]


def test_values_that_are_lost_are_noise_though_they_move_the_means() -> None:
    lost = Shift(300, inputs=0.6, spread=1.4, chance_spread=0.06, scatter=1.5)
    assert noisy_test_data.check(test_shift=lost, test_gap=BAD) is not None
    moved = Shift(300, inputs=0.6, spread=1.4, chance_spread=0.06, scatter=0.2)
    assert noisy_test_data.check(test_shift=moved, test_gap=BAD) is None


@pytest.mark.parametrize("spread", [3.2, 2.6e5])
def test_what_no_noise_explains_are_values_that_do_not_belong(spread: float) -> None:
    finding = noisy_test_data.check(test_shift=shift(spread), test_gap=BAD)
    assert finding is not None
    assert "far outside of training's" in finding.summary
    assert "Look for test values" in finding.remedies[0].action


@pytest.mark.parametrize(("spread", "found"), [(1.27, False), (1.29, True)])
def test_without_validation_the_test_data_must_be_plainly_wider(spread: float, found: bool) -> None:
    beside_training = Gap(0.1, 1.9, 0.8, 60.0, "training")
    assert (noisy_test_data.check(test_shift=shift(spread), test_gap=beside_training) is not None) == found
