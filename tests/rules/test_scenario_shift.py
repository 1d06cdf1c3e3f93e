from __future__ import annotations

import pytest
from made import flat

from tb_lossdiag.rules.scenario_shift import scenario_shift
from tb_lossdiag.signals.splits import Gap, Shift

BAD, FAIR = Gap(0.1, 1.9, 0.8, 60.0), Gap(0.1, 0.12, 0.01, 1.0)


def shift(**changes: object) -> Shift:
    sound: dict[str, object] = {"inputs": 0.0, "spread": 1.0, "chance_spread": 0.06, "features": (("x2", 1.3),)}
    return Shift(300, **sound | changes)  # type: ignore[arg-type]


SICK = {"test_shift": shift(inputs=1.0), "test_gap": BAD, "val_shift": shift()}
HEALTHY = {"test_shift": shift(), "test_gap": FAIR, "val_shift": shift()}


@pytest.mark.parametrize(("inputs", "found"), [(0.24, False), (0.26, True)])
def test_threshold_of_the_inputs(inputs: float, found: bool) -> None:
    gap = Gap(0.1, 0.5, 0.2, 20.0)
    assert (scenario_shift.check(test_shift=shift(inputs=inputs), test_gap=gap) is not None) == found


@pytest.mark.parametrize(("share", "found"), [(0.049, False), (0.051, True)])
def test_threshold_of_the_gap(share: float, found: bool) -> None:
    finding = scenario_shift.check(test_shift=shift(inputs=1.0), test_gap=Gap(0.1, 0.2, share, 20.0))
    assert finding is not None
    assert (finding.severity != "info") == found


@pytest.mark.parametrize("changes", [{"target": 1.0}, {"unseen": 0.4}, {"spread": 0.5}, {"ids": 0.5}])
def test_targets_classes_and_scale_may_differ_too(changes: dict[str, float]) -> None:
    assert scenario_shift.check(test_shift=shift(**changes), test_gap=Gap(0.1, 0.5, 0.2, 20.0)) is not None


def test_a_few_test_samples_that_go_worse_by_chance_are_no_shift() -> None:
    finding = scenario_shift.check(test_shift=shift(inputs=1.0), test_gap=Gap(0.5, 0.8, 0.6, 2.0))
    assert finding is not None
    assert finding.severity == "info"
    assert scenario_shift.check(test_shift=shift(), test_gap=Gap(0.5, 0.8, 0.6, 2.0)) is None


def test_other_data_that_go_as_well_are_left_alone() -> None:
    assert scenario_shift.check(test_shift=shift(inputs=2.0), test_gap=FAIR) is None


@pytest.mark.parametrize(
    ("inputs", "gap", "found"),
    [
        (0.8, Gap(0.33, 0.41, 0.053, 2.9), True),
        (0.3, Gap(0.33, 0.41, 0.053, 2.9), False),
        (0.8, Gap(0.33, 0.35, 0.02, 1.0), False),
        (0.8, Gap(0.33, 0.28, -0.04, 2.0), False),
    ],
)
def test_inputs_that_surely_differ_and_go_a_little_worse_are_worth_a_remark(
    inputs: float, gap: Gap, found: bool
) -> None:
    finding = scenario_shift.check(test_shift=shift(inputs=inputs), test_gap=gap, val_shift=shift())
    assert (finding is not None) == found
    assert finding is None or finding.severity == "info"


def test_what_validation_shows_as_well_does_not_explain_the_test() -> None:
    gap = Gap(0.1, 0.5, 0.2, 20.0)
    assert scenario_shift.check(test_shift=shift(inputs=1.0), test_gap=gap, val_shift=shift(inputs=1.0)) is None


def test_noise_of_the_same_mean_is_another_trouble() -> None:
    assert scenario_shift.check(test_shift=shift(spread=2.0), test_gap=BAD) is None


HUGE = {"test_shift": shift(), "test_gap": Gap(0.05, 4.1, 1.5, 200.0)}


@pytest.mark.parametrize(("there", "found"), [(0.96, False), (0.8, True)])
def test_a_few_samples_of_a_huge_loss_are_no_other_situation(there: float, *, found: bool) -> None:
    """A network without activations, whose scores have no bound: one sample in a hundred costs thousands."""
    finding = scenario_shift.check(**HUGE, val_accuracy=flat(0.97, 5), test_accuracy=flat(there, 1))
    assert (finding is not None) == found


def test_a_huge_gap_that_no_statistic_explains_is_said_with_reserve() -> None:
    finding = scenario_shift.check(**HUGE)
    assert finding is not None
    assert finding.confidence == pytest.approx(0.8)
    assert "do not show" in finding.summary
    assert not finding.where
    assert any("person, device or place" in each.action for each in finding.remedies)  # it may be validation's fault


def test_values_that_are_lost_move_the_means_a_little_and_spread_a_lot() -> None:
    gap = Gap(0.1, 0.5, 0.2, 20.0)
    assert scenario_shift.check(test_shift=shift(inputs=0.6, scatter=1.5, spread=1.4), test_gap=gap) is None
    assert scenario_shift.check(test_shift=shift(inputs=0.6, scatter=0.1), test_gap=gap) is not None


def test_without_validation_only_a_difference_that_shows_tells_of_another_situation() -> None:
    beside_training = Gap(0.05, 4.1, 1.5, 200.0, "training")  # a network that has memorised is as bad on any test data
    assert scenario_shift.check(test_shift=shift(), test_gap=beside_training) is None
    assert scenario_shift.check(test_shift=shift(inputs=1.0), test_gap=beside_training) is not None
