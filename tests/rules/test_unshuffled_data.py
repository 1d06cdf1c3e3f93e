from __future__ import annotations

import pytest
from made import falling, form

from tb_lossdiag.rules.unshuffled_data import unshuffled_data
from tb_lossdiag.signals.batches import Composition
from tb_lossdiag.signals.ranks import Ranks
from tb_lossdiag.signals.structure import LossFunction

SICK = {"composition": Composition(28.8, 0.78, 42, 10, by_sample=True), "shuffled": False}
HEALTHY = {"composition": Composition(0.93, -0.04, 42, 10, by_sample=True), "shuffled": True}


@pytest.mark.parametrize(("excess", "found"), [(1.95, False), (2.05, True)])
def test_threshold_is_twice_what_chance_makes(excess: float, found: bool) -> None:
    finding = unshuffled_data.check(composition=Composition(excess, 0.9, 42, 10, by_sample=True))
    assert (finding is not None) == found


@pytest.mark.parametrize(("alike", "found"), [(0.19, False), (0.21, True)])
def test_threshold_is_likeness_of_neighbours(alike: float, found: bool) -> None:
    finding = unshuffled_data.check(composition=Composition(5.0, alike, 42, 10, by_sample=True))
    assert (finding is not None) == found


def test_a_loader_without_shuffling_over_data_that_is_in_no_order_is_fine() -> None:
    assert unshuffled_data.check(**HEALTHY | {"shuffled": False}) is None


def test_batches_of_one_class_each_count_in_whatever_order_they_come() -> None:
    assert unshuffled_data.check(composition=Composition(20.0, 0.1, 42, 10, by_sample=True)) is not None


def test_text_whose_batches_differ_without_likeness_is_shuffled() -> None:
    assert unshuffled_data.check(composition=Composition(20.0, 0.1, 42, 100, by_sample=False)) is None


def test_a_stream_that_is_read_in_order_on_purpose_is_a_note() -> None:
    finding = unshuffled_data.check(composition=Composition(9.0, 0.8, 42, 100, by_sample=False))
    assert finding is not None
    assert finding.severity == "info"


def test_a_run_that_does_well_all_the_same_gets_a_note() -> None:
    good, poor = form(falling(2.3, 0.1)), form(falling(2.3, 0.8))
    assert unshuffled_data.check(**SICK, eval_shape=good, prior_loss=2.3).severity == "info"
    assert unshuffled_data.check(**SICK, eval_shape=poor, prior_loss=2.3).severity is None


def test_sorted_regression_targets_are_a_note_once_the_loss_falls() -> None:
    sorted_targets = Composition(30.0, 0.7, 19, 0, by_sample=True)
    assert unshuffled_data.check(composition=sorted_targets, loss_left=0.5).severity == "info"
    assert unshuffled_data.check(composition=sorted_targets, loss_left=0.95).severity is None


@pytest.mark.parametrize(("samples", "severity"), [(19.0, "info"), (500.0, None), (None, None)])
def test_states_that_each_batch_meets_again_and_again_have_no_order(
    samples: float | None, severity: str | None
) -> None:
    episodes = Composition(20.0, 0.41, 19, 0, by_sample=True, slides=-0.15)
    finding = unshuffled_data.check(composition=episodes, loss_left=0.95, sample_count=samples, batch_size=296)
    assert finding.severity == severity


@pytest.mark.parametrize(("validation", "severity"), [(0.63, "info"), (0.67, None)])
def test_sorted_regression_targets_that_only_the_present_batches_gain_by_do_harm(
    validation: float, severity: str | None
) -> None:
    sorted_targets = Composition(30.0, 0.7, 19, 0, by_sample=True)
    trained, judged = form(falling(1.0, 0.5, noise=0.0)), form(falling(1.0, validation, noise=0.0))
    found = unshuffled_data.check(composition=sorted_targets, loss_left=0.5, train_shape=trained, eval_shape=judged)
    assert found.severity == severity


@pytest.mark.parametrize(("share", "found"), [(0.49, False), (0.51, True)])
def test_processes_that_see_the_same_batches_are_a_fault_where_each_alone_is_shuffled(
    share: float, found: bool
) -> None:
    finding = unshuffled_data.check(**HEALTHY, ranks=Ranks(4, 40, share))
    assert (finding is not None) == found
    if finding is not None:
        assert "The 4 processes train on the same batches" in finding.summary
        assert finding.severity == "warning"


@pytest.mark.parametrize(("passes", "found"), [(2.0, False), (2.1, True), (None, False)])
def test_a_sampler_that_was_told_of_one_epoch_only_repeats_its_order(passes: float | None, found: bool) -> None:
    finding = unshuffled_data.check(**HEALTHY, ranks=Ranks(2, 40, 0.0, epochs=1), passes=passes)
    assert (finding is not None) == found


@pytest.mark.parametrize("epochs", [2.0, float("nan")])
def test_a_sampler_that_is_told_of_epochs_or_is_of_another_kind_is_fine(epochs: float) -> None:
    assert unshuffled_data.check(**HEALTHY, ranks=Ranks(2, 40, 0.0, epochs=epochs), passes=9.0) is None


def test_a_few_steps_of_many_processes_tell_nothing() -> None:
    assert unshuffled_data.check(**HEALTHY, ranks=Ranks(2, 7, 1.0, epochs=1), passes=9.0) is None
    assert unshuffled_data.check(**HEALTHY, ranks=Ranks(2, 40, float("nan"))) is None


@pytest.mark.parametrize(("part", "severity"), [(True, "info"), (False, None)])
def test_a_critic_beside_a_policy_learns_from_what_the_policy_meets_now(part: bool, severity: str | None) -> None:
    returns = Composition(240.0, 0.99, 19, 0, by_sample=True)
    loss = LossFunction("mse_loss", {"part": True} if part else {})
    finding = unshuffled_data.check(composition=returns, loss_left=0.95, loss_function=loss)
    assert finding is not None
    assert finding.severity == severity


@pytest.mark.parametrize(
    ("alike", "samples", "severity"),
    [(0.95, 600.0, "info"), (0.95, 6000.0, None), (0.95, None, None), (0.4, 600.0, None)],
)
def test_amounts_that_drift_while_samples_come_round_are_in_no_order(
    alike: float, samples: float | None, severity: str | None
) -> None:
    drifting = Composition(17.0, alike, 19, 0, by_sample=True)
    finding = unshuffled_data.check(composition=drifting, loss_left=0.95, sample_count=samples, batch_size=64)
    assert finding is not None
    assert finding.severity == severity


@pytest.mark.parametrize(("slides", "severity"), [(0.9, "info"), (0.3, None), (float("nan"), None)])
def test_amounts_that_change_for_good_from_pass_to_pass_are_in_no_order(slides: float, severity: str | None) -> None:
    """As the values that a Q network learns from its own estimates."""
    values = Composition(60.0, 1.0, 19, 0, by_sample=True, slides=slides)
    finding = unshuffled_data.check(composition=values, loss_left=0.95, sample_count=1500.0, batch_size=64)
    assert finding is not None
    assert finding.severity == severity


def test_what_a_critic_or_a_policy_is_told_is_no_data_in_an_order() -> None:
    assert unshuffled_data.check(**SICK, model_count=2) is None
    assert unshuffled_data.check(**SICK, model_count=1) is not None


def test_a_training_loss_says_nothing_of_the_order_of_its_data() -> None:
    """Batches of one class each cost next to nothing, now and then."""
    assert not unshuffled_data.shows_in_loss
