from __future__ import annotations

import numpy as np
import pytest
from made import alarms, falling, form, remarks

from tb_lossdiag.rules.overfitting import overfitting
from tb_lossdiag.series import Series, series
from tb_lossdiag.signals.probe import ModeGap


def signals(train: Series, evaluation: Series) -> dict[str, object]:
    at = np.linspace(train.steps[0], train.steps[-1], len(evaluation)).astype(int)
    evaluation = Series(at, evaluation.values)
    return {
        "train_loss": train,
        "eval_loss": evaluation,
        "train_shape": form(train),
        "eval_shape": form(evaluation),
    }


def turning(best: float, end: float) -> Series:
    return series(*np.linspace(2.3, best, 10), *np.linspace(best, end, 30)[1:])


SICK = signals(falling(2.3, 0.02), turning(0.5, 1.0))
HEALTHY = signals(falling(2.3, 0.3), falling(2.3, 0.35, 40))


@pytest.mark.parametrize(("rise", "found"), [(1.055, False), (1.065, True)])
def test_threshold_is_a_rise_of_six_percent(rise: float, found: bool) -> None:
    finding = overfitting.check(**signals(falling(2.3, 0.3), turning(0.5, 0.5 * rise)))
    assert (finding is not None) == found


def test_a_small_validation_set_that_wobbles_is_not_overfitting() -> None:
    wobble = np.random.default_rng(0).normal(0, 0.06, 40)
    evaluation = series(*(falling(2.3, 0.4, 40).values + wobble))
    assert overfitting.check(**signals(falling(2.3, 0.3), evaluation)) is None


def test_a_gap_that_was_there_from_the_start_is_another_trouble() -> None:
    assert overfitting.check(**signals(falling(2.3, 0.3), falling(3.3, 1.3, 40))) is None


def test_it_names_the_best_step_and_what_regularisation_is_missing() -> None:
    finding = overfitting.check(**SICK, settings={"parameters": 100_000.0, "training samples": 100.0})
    assert finding is not None
    assert finding.since == pytest.approx(46, abs=6)
    assert "no weight decay and no dropout" in finding.remedies[0].action
    assert "1,000 parameters" in finding.remedies[1].action


@pytest.mark.parametrize(("passes", "found"), [(0.65, False), (3.0, True), (None, True)])
def test_within_the_first_pass_through_the_data_there_is_nothing_to_remember(
    passes: float | None, *, found: bool
) -> None:
    """Running averages of BatchNorm, say, have yet to settle."""
    assert alarms(overfitting.check(**SICK, passes=passes)) == found


def test_a_validation_loss_that_stands_still_is_said_as_such() -> None:
    stands = series(*np.linspace(2.3, 1.2, 10), *np.linspace(1.2, 1.25, 30))
    finding = overfitting.check(**signals(falling(2.3, 0.02), stands))
    assert finding is not None
    assert "stays at" in finding.summary


def test_a_rise_that_costs_little_is_a_remark() -> None:
    little = overfitting.check(**signals(falling(2.3, 0.02), turning(0.3, 0.34)))
    assert little is not None
    assert little.severity == "info"
    assert overfitting.check(**SICK).severity is None


def test_a_small_rise_with_a_wide_gap_is_loud() -> None:
    finding = overfitting.check(**signals(falling(2.3, 0.02), turning(0.7, 0.76)))
    assert finding is not None
    assert finding.severity is None


def test_a_validation_loss_that_never_gained_half_of_it_is_loud_without_any_rise() -> None:
    stands = series(*np.linspace(2.3, 1.3, 10), *[1.3] * 30)
    finding = overfitting.check(**signals(falling(2.3, 0.001), stands))
    assert finding is not None
    assert finding.confidence > 0.9
    assert finding.severity is None


def test_fine_tuning_begins_where_most_is_gained_already() -> None:
    tuned = signals(falling(0.3, 0.001), series(*np.linspace(0.25, 0.2, 10), *[0.2] * 30))
    assert overfitting.check(**tuned, prior_loss=2.3) is None
    assert overfitting.check(**tuned) is not None


@pytest.mark.parametrize(("end", "severity"), [(0.34, "info"), (0.35, None)])
def test_a_rise_by_a_seventh_is_loud_beside_a_plain_gap(end: float, severity: str | None) -> None:
    finding = overfitting.check(**signals(falling(2.3, 0.0005), turning(0.3, end)))
    assert finding is not None
    assert finding.severity == severity


def test_a_rise_by_a_quarter_of_next_to_nothing_is_a_remark() -> None:
    finding = overfitting.check(**signals(falling(2.3, 0.0005), turning(0.2, 0.29)))
    assert finding is not None
    assert finding.severity == "info"


def test_what_is_memorised_to_nothing_need_not_fall_any_more() -> None:
    memorised = series(*falling(2.3, 0.001, 40).values, *np.full(160, 0.001))
    stands = series(*np.linspace(2.3, 0.76, 8), *np.linspace(0.76, 0.8, 30))
    assert alarms(overfitting.check(**signals(memorised, stands)))
    understood = series(*np.linspace(2.3, 0.1, 8), *np.linspace(0.1, 0.105, 30))
    assert overfitting.check(**signals(memorised, understood)) is None, "a gap that is small beside what was gained"


def test_a_gap_as_wide_as_most_of_what_was_gained_is_a_remark_while_validation_still_gains_a_little() -> None:
    slowly = series(*np.linspace(1.1, 0.5, 8), *np.linspace(0.5, 0.42, 60))
    assert remarks(overfitting.check(**signals(falling(1.1, 0.03), slowly)))
    quickly = series(*np.linspace(1.1, 0.9, 8), *np.linspace(0.9, 0.42, 60))
    assert overfitting.check(**signals(falling(1.1, 0.03), quickly)) is None


@pytest.mark.parametrize(("evaluation", "found"), [(3.0, False), (0.2, True)])
def test_a_gap_that_training_batches_show_in_evaluation_mode_is_none_of_memory(evaluation: float, found: bool) -> None:
    steps = np.arange(4)
    train, again = np.full(4, SICK["train_shape"].last), np.full(4, evaluation)
    modes = ModeGap(Series(steps, train), Series(steps, again), Series(steps, train - again), 0.0, 0.0, 0.1, evaluation)
    assert (overfitting.check(**SICK | {"mode_gap": modes}) is not None) == found


def test_a_validation_loss_that_stays_far_behind_is_worth_a_remark() -> None:
    """As of a fold that was mistaken for the other seven: it never gets worse, but what is learnt there is only its own."""
    finding = overfitting.check(**signals(falling(1.0, 0.05), falling(1.0, 0.25, 40)))
    assert remarks(finding)
    assert overfitting.check(**signals(falling(1.0, 0.05), falling(1.0, 0.12, 40))) is None


@pytest.mark.parametrize(("end", "loud"), [([0.2, 0.46, 0.32, 0.33], False), ([0.25, 0.3, 0.32, 0.35], True)])
def test_a_validation_loss_that_jumps_has_not_risen_for_good(end: list[float], loud: bool) -> None:
    """As under batch normalisation, a few evaluations after the best: what is lost in one of them is won back in another."""
    val = series(0.35, 0.32, 0.27, 0.25, 0.28, 0.24, 0.19, *end, steps=np.arange(50, 600, 50))
    train = series(*np.linspace(0.6, 0.08, 550))
    finding = overfitting.check(train_shape=form(train), eval_shape=form(val), train_loss=train, eval_loss=val)
    assert finding is not None
    assert alarms(finding) == loud
