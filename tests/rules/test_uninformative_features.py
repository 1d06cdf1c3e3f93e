from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from made import falling, flat, form, line, module, remarks, weight

from tb_lossdiag.finding import Finding
from tb_lossdiag.rule import Lacking
from tb_lossdiag.rules.uninformative_features import uninformative_features
from tb_lossdiag.series import Series, series
from tb_lossdiag.signals.data import Features, Targets
from tb_lossdiag.signals.probe import Answers
from tb_lossdiag.signals.splits import Shift
from tb_lossdiag.signals.structure import Outside
from tb_lossdiag.signals.told import receptive, told


def features(scale: float = 1.0) -> Features:
    std = np.full(3, scale)
    return Features(["a", "b", "c"], np.zeros(3), std, -std, std)


def signals(evaluation: Series, train: Series) -> dict[str, object]:
    return {
        "train_shape": form(train),
        "eval_shape": form(evaluation),
        "eval_loss": evaluation,
        "train_loss": train,
        "val_prior_loss": 2.3,
        "update_ratio": flat(0.02),
        "output_spread": {"fc1": flat(0.8), "fc2": flat(0.5)},
        "input_features": features(),
        "val_shift": Shift(500, inputs=0.0, spread=1.0, chance_spread=0.05, unseen=0.0),
    }


def made(given: Mapping[str, object]) -> dict[str, Any]:
    """What the rule is given, with the signals that are made of others."""
    known = dict(given)
    for each in (receptive, told):
        inputs = {name: known[name] for name in (*each.needs, *each.welcome) if name in known}
        value = each(**inputs) if all(name in inputs for name in each.needs) else None
        if value is not None:
            known[each.name] = value
    rule = uninformative_features
    return {name: known[name] for name in (*rule.needs, *rule.welcome) if name in known}


def check(**given: object) -> Finding | None:
    return uninformative_features.check(**made(given))


STUCK = signals(falling(2.4, 2.3, 20), falling(2.4, 2.25))
LEARNS = signals(falling(2.4, 0.4, 20), falling(2.4, 0.3))
SICK, HEALTHY = made(STUCK), made(LEARNS)


@pytest.mark.parametrize(("first", "found"), [(1e-4, True), (1e-9, False), (0.0, False)])
def test_a_network_whose_first_layers_get_no_gradient_is_not_one_that_could_learn(first: float, found: bool) -> None:
    gradients = {"0.weight": flat(first), "1.weight": flat(1e-2)}
    assert (check(**STUCK | {"layer_gradients": gradients}) is not None) == found


def test_a_network_whose_weights_have_stopped_dead_is_not_one_that_could_learn() -> None:
    moving = series(*[0.02] * 10, *[0.003] * 40)
    dead = series(*[0.02] * 10, *[0.0] * 40)
    assert check(**STUCK | {"update_ratio": moving}) is not None
    assert check(**STUCK | {"update_ratio": dead}) is None


@pytest.mark.parametrize(
    ("first", "last", "found"),
    [
        (0.2, 0.0005, False),  # 3.6 times what serves best, and then nothing: ten times the rate
        (0.1, 0.0005, True),  # large, but no larger than sound trainings begin with
        (0.2, 0.01, True),  # it went on moving, and answered to its input
    ],
)
def test_a_network_that_its_first_steps_threw_off_is_not_one_that_could_learn(
    first: float, last: float, found: bool
) -> None:
    steps = series(*[first] * 8, *[last] * 42)
    assert (check(**STUCK | {"update_ratio": steps, "best_update": 0.055, "travel": 2.0}) is not None) == found


@pytest.mark.parametrize(("elements", "found"), [(18_000, False), (100, True)])
def test_a_network_of_layers_that_are_made_anew_at_each_pass_is_not_one_that_could_learn(
    elements: int, found: bool
) -> None:
    outside = (Outside((elements,), elements, 0.03, 0.06),)
    assert (check(**STUCK | {"outside": outside, "parameters": (weight("conv.weight"),)}) is not None) == found


@pytest.mark.parametrize(("share", "found"), [(0.94, False), (0.96, True)])
def test_threshold_is_the_blind_guess(share: float, found: bool) -> None:
    finding = check(**signals(flat(2.3 * share, 20), falling(2.4, 2.2)))
    assert (finding is not None and "never gets below" in finding.summary) == found


def test_memorising_does_not_hide_it() -> None:
    assert check(**signals(falling(2.3, 7.0, 20), falling(2.3, 0.4))) is not None


def test_a_network_that_hardly_moves_is_another_trouble() -> None:
    assert check(**STUCK | {"update_ratio": flat(1e-4)}) is None
    assert check(**STUCK | {"update_ratio": flat(0.5)}) is None
    assert check(**STUCK | {"update_ratio": flat(0.02, 2)}) is None


def test_an_output_that_does_not_depend_on_the_input_is_another_trouble() -> None:
    assert check(**STUCK | {"output_spread": {"fc1": flat(0.8), "fc2": flat(1e-6)}}) is None


@pytest.mark.parametrize("scale", [0.0, 0.001, 50.0])
def test_inputs_that_are_wrong_are_another_trouble(scale: float) -> None:
    assert check(**STUCK | {"input_features": features(scale)}) is None


@pytest.mark.parametrize(
    "shift", [Shift(20), Shift(500, inputs=1.0), Shift(500, spread=3.0, chance_spread=0.05), Shift(500, unseen=0.9)]
)
def test_validation_data_that_are_few_or_different_say_nothing_about_the_features(shift: Shift) -> None:
    assert check(**STUCK | {"val_shift": shift}) is None


@pytest.mark.parametrize(("accuracy", "found"), [(0.27, True), (0.29, False), (0.93, False)])
def test_answers_that_are_often_right_come_from_features_that_tell(accuracy: float, found: bool) -> None:
    even = Targets(counts=np.full(10, 100.0))
    finding = check(**STUCK, val_accuracy=flat(accuracy, 20), targets=even)
    assert (finding is not None) == found


def test_targets_without_classes_have_no_accuracy() -> None:
    moments = Targets(mean=np.zeros(1), std=np.ones(1))
    assert check(**STUCK, val_accuracy=flat(0.9, 20), targets=moments) is not None


def test_a_loss_far_above_a_blind_guess_is_another_trouble() -> None:
    assert check(**signals(flat(9.0, 20), flat(8.0))) is None


def test_it_needs_no_statistics_of_the_data_and_some_evaluations() -> None:
    fewer = {name: each for name, each in STUCK.items() if name not in ("val_shift", "input_features")}
    assert check(**fewer) is not None
    assert check(**fewer | {"eval_shape": form(flat(2.3, 4))}) is None


def memorising(share: float, accuracy: float | None = 0.25, samples: int | None = 1000) -> dict[str, object]:
    """Validation gets down to this share of a blind guess's loss and rises again, while training is memorised."""
    evaluation = series(*np.linspace(2.3, 2.3 * share, 5), *[2.3 * share] * 3, *np.linspace(2.3 * share, 3.2, 12))
    found = signals(evaluation, falling(2.4, 0.1)) | {
        "sample_count": samples,
        "targets": Targets(counts=np.full(10, 100.0)),
    }
    return found if accuracy is None else found | {"val_accuracy": flat(accuracy, 20)}


@pytest.mark.parametrize(("share", "found"), [(0.59, False), (0.62, True)])
def test_threshold_of_features_that_explain_hardly_anything(share: float, found: bool) -> None:
    assert (check(**memorising(share)) is not None) == found


def test_features_that_explain_hardly_anything_come_before_memorising() -> None:
    finding = check(**memorising(0.8))
    assert finding is not None
    assert finding.confidence > 0.9
    assert "80\N{NO-BREAK SPACE}%" in finding.summary


def test_of_a_few_samples_the_best_of_features_teach_little() -> None:
    assert check(**memorising(0.8, samples=60)) is None
    assert check(**memorising(0.8, samples=None)) is None
    assert check(**STUCK, sample_count=30) is None


@pytest.mark.parametrize(
    ("share", "accuracy", "samples", "found"),
    [
        (0.93, 0.12, 150, True),
        (0.85, 0.12, 150, False),  # something is told
        (0.93, 0.3, 150, False),
        (0.93, None, 150, False),  # nobody says how much is named rightly
        (0.93, 0.12, 90, False),
    ],
)
def test_of_more_than_a_hundred_samples_good_features_teach_more_than_the_most_frequent_class(
    share: float, accuracy: float | None, samples: int, *, found: bool
) -> None:
    assert (check(**memorising(share, accuracy, samples)) is not None) == found


def test_answers_that_are_right_half_the_time_clear_weak_features_too() -> None:
    assert check(**memorising(0.8, accuracy=0.5)) is None
    assert check(**memorising(0.8), test_accuracy=flat(0.9, 20)) is None


def test_without_an_accuracy_features_must_explain_less_still() -> None:
    assert check(**memorising(0.78, accuracy=None)) is None
    assert check(**memorising(0.88, accuracy=None)) is not None


def test_a_network_that_does_not_memorise_may_be_too_small() -> None:
    small = memorising(0.8) | {"train_shape": form(falling(2.4, 1.6))}
    assert check(**small) is None


def test_wrong_labels_that_were_memorised_do_not_hide_what_the_features_told_before() -> None:
    before = Series(np.arange(20), np.array([0.1, 0.5, 0.8, *[0.9] * 5, *np.linspace(0.9, 0.2, 4), *[0.2] * 8]))
    noisy = memorising(0.8)
    assert noisy["eval_shape"].best_step in range(4, 8)
    assert check(**noisy, test_accuracy=before) is None


def test_a_validation_set_of_one_class_only_has_no_blind_guess() -> None:
    alone = STUCK | {"targets": Targets(counts=np.array([1000.0, 5.0]))}
    assert check(**alone) is None


def test_losses_far_above_a_blind_guess_are_another_trouble_even_with_a_gap() -> None:
    far = signals(flat(5.7, 20), falling(9.0, 4.5)) | {"sample_count": 1000}
    assert check(**far) is None


def test_a_softmax_at_the_end_does_not_hide_that_the_network_answers() -> None:
    ends = STUCK | {"output_spread": {"fc": flat(0.5), "out": flat(0.014)}}
    assert check(**ends) is None
    modules = (module("fc", "Linear", 1), module("out", "LogSoftmax", 2))
    assert check(**ends, modules=modules) is not None


def test_a_few_steps_tell_nothing_of_the_features() -> None:
    assert check(**signals(falling(2.4, 2.3, 20), falling(2.4, 2.25, 40))) is None


def test_a_validation_loss_on_its_way_down_may_get_below_a_blind_guess_yet() -> None:
    assert check(**signals(line(3.4, 2.28, 40), line(3.4, 2.25))) is None


def test_batchnorm_with_a_handful_of_samples_says_nothing_in_evaluation_mode() -> None:
    norms = (module("norm", "BatchNorm1d", 1),)
    assert check(**STUCK, modules=norms, batch_size=2) is None
    assert check(**STUCK, modules=norms, batch_size=32) is not None


def test_places_of_a_mask_that_are_found_come_from_features_that_tell() -> None:
    found = Answers(("0", "1"), *np.array([[800, 200], [800, 200], [780, 180]], float))
    assert check(**STUCK, class_answers={"val": found}) is None
    missed = Answers(("0", "1"), *np.array([[800, 200], [1000, 0], [800, 0]], float))
    assert check(**STUCK, class_answers={"val": missed}) is not None


@pytest.mark.parametrize(("best", "severity"), [(0.965, "info"), (0.99, None)])
def test_features_that_tell_a_little_all_of_which_was_learnt_are_worth_a_remark(
    best: float, severity: str | None
) -> None:
    learnt = signals(falling(2.35, 2.3 * best, 20, noise=0.0005), falling(2.35, 2.3 * best, noise=0.0005))
    finding = check(**learnt)
    assert finding is not None
    assert finding.severity == severity


def test_small_steps_that_came_far_have_moved_the_network() -> None:
    slow = STUCK | {"update_ratio": flat(2e-3)}
    assert check(**slow, travel=0.5) is None
    assert check(**slow, travel=1.5) is not None


def test_validation_inputs_that_spread_an_eighth_wider_explain_it_by_themselves() -> None:
    assert check(**STUCK | {"val_shift": Shift(500, inputs=0.0, spread=1.25, chance_spread=0.05)}) is None


def without_validation(train: Series, **more: object) -> dict[str, object]:
    known = signals(falling(2.4, 2.3, 20), train)
    left_out = {"eval_shape", "eval_loss", "val_prior_loss", "val_shift"}
    return (
        {name: each for name, each in known.items() if name not in left_out}
        | {"prior_loss": 2.3, "model_count": 1}
        | more
    )


def test_a_training_loss_that_stays_at_a_blind_guess_tells_it_where_nobody_validates() -> None:
    finding = check(**without_validation(falling(2.35, 2.28, 400)))
    assert finding is not None
    assert finding.confidence <= 0.8
    assert finding.severity is None
    coming = check(**without_validation(line(2.35, 2.1, 400)))
    assert coming is not None
    assert coming.severity == "info", "a text's loss takes a while to get below the frequencies of its letters"
    late = check(**without_validation(series(*[2.3] * 250, *falling(2.3, 0.1, 150).values)))
    assert late is None or late.severity == "info", "learnt or memorised, only an evaluation could tell"
    with pytest.raises(Lacking, match="eval_loss"):
        check(**without_validation(falling(2.35, 1.5, 400)))
    with pytest.raises(Lacking):  # a plateau may take a while
        check(**without_validation(falling(2.35, 2.28, 100)))
    with pytest.raises(Lacking):  # adversaries keep each other at a guess
        check(**without_validation(falling(2.35, 2.28, 400), model_count=2))


def test_an_evaluation_whose_targets_nobody_saw_is_held_against_trainings_blind_guess() -> None:
    stuck = without_validation(falling(2.35, 2.28, 400))
    for best, found in ((2.31, True), (1.9, False)):
        evaluation = {"eval_shape": form(falling(2.4, best, 20)), "eval_loss": falling(2.4, best, 20)}
        assert (check(**stuck | evaluation) is not None) == found


@pytest.mark.parametrize(("share", "confident"), [(0.3, True), (3.0, False)])
def test_weights_that_decay_faster_than_they_learn_are_another_reason(share: float, confident: bool) -> None:
    finding = check(**STUCK | {"decay_share": {"fc1.weight": flat(share)}})
    assert finding is not None
    assert (finding.confidence > 0.8) == confident


def test_a_dead_layer_is_another_reason() -> None:
    assert check(**STUCK | {"dead_share": {"1": flat(0.95)}}) is None
    assert check(**STUCK | {"dead_share": {"1": flat(0.7)}}) is not None


def test_a_training_loss_that_is_far_above_a_blind_guess_for_long_is_another_trouble() -> None:
    """Scaled margins: scores begin far too sure, and come down past the blind guess later."""
    margin = series(*np.linspace(12.0, 3.6, 200), *np.linspace(3.6, 2.4, 200))
    with pytest.raises(Lacking):
        check(**without_validation(margin))


@pytest.mark.parametrize(("right", "found"), [(100, True), (80, True), (40, False), (0, False)])
def test_answers_that_are_right_less_often_than_luck_makes_them_were_turned_round(right: int, found: bool) -> None:
    """Ten classes, a hundred samples of each: by luck a hundred are right."""
    hits = np.zeros(10)
    hits[:5] = right / 5
    answers = Answers(tuple("0123456789"), np.full(10, 100.0), np.full(10, 100.0), hits)
    memorised = signals(falling(2.3, 7.0, 20), falling(2.3, 0.4)) | {"class_answers": {"val": answers}}
    assert (check(**memorised) is not None) == found


AIMLESS = {
    "train_loss": flat(2.3, 300),
    "train_shape": form(flat(2.3, 300)),
    "prior_loss": 2.3,
    "update_ratio": flat(2e-4),
    "grad_cosine": flat(0.02),
    "output_spread": {"fc2": flat(0.03)},
}


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, True),
        ({"grad_cosine": flat(0.2)}, False),
        ({"train_shape": form(falling(2.3, 2.2, 300))}, False),
        ({"train_shape": form(flat(2.3, 150))}, False),
        ({"eval_shape": form(flat(2.8, 20))}, False),
        ({"prior_loss": 1.5}, False),
        ({"update_ratio": flat(0.0)}, False),  # nothing was tried
    ],
)
def test_steps_that_had_nothing_to_follow_are_worth_a_remark(changes: Mapping[str, object], found: bool) -> None:
    """In a network that hardly moves, which therefore proves nothing."""
    assert remarks(check(**{**AIMLESS, **changes})) == found


@pytest.mark.parametrize(
    ("width", "left", "severity"),
    [
        (1, 0.5, "warning"),
        (12, 0.5, "info"),
        (1, 0.1, None),
    ],  # a row of lags may tell all; and a random walk's last value does
)
def test_a_recurrent_layer_that_is_given_single_steps_sees_no_past(
    width: int, left: float, severity: str | None
) -> None:
    given = signals(flat(0.5, 20), falling(1.0, 0.5)) | {"val_prior_loss": 1.0}
    finding = uninformative_features.check(**made(given), memoryless={"lstm.weight_hh_l0": width}, loss_left=left)
    assert (None if finding is None else finding.severity) == severity


def settling(share: float, train: float, accuracy: float = 0.2) -> dict[str, object]:
    """Ten classes; validation and training settle at these shares of a blind guess's loss."""
    known = {"targets": Targets(counts=np.full(10, 100.0)), "val_accuracy": flat(accuracy, 20)}
    held_out = series(*falling(2.3, 2.3 * share, 10).values, *[2.3 * share] * 30)
    return signals(held_out, series(*falling(2.3, 2.3 * train, 50).values, *[2.3 * train] * 250)) | known


@pytest.mark.parametrize(
    ("share", "train", "accuracy", "found"),
    [
        (0.88, 0.87, 0.2, True),
        (0.7, 0.7, 0.2, False),  # the features do tell
        (0.88, 0.87, 0.6, False),  # most answers are right: the loss is high for another reason
        (0.88, 0.5, 0.2, False),  # there is more to learn in training
    ],
)
def test_losses_that_settle_together_not_far_below_a_blind_guess_are_worth_a_remark(
    share: float, train: float, accuracy: float, found: bool
) -> None:
    finding = check(**settling(share, train, accuracy))
    assert (finding is not None and "settle" in finding.summary) == found
    assert not found or remarks(finding)


@pytest.mark.parametrize(
    ("share", "train", "loud"),
    [
        (0.972, 0.91, False),  # of an hourly return a few percent can be told, and were
        (0.972, 0.8, True),  # memorises
        (0.99, 0.985, True),  # nothing is told
    ],
)
def test_the_little_that_features_tell_is_worth_a_remark_where_all_of_it_was_learnt(
    share: float, train: float, *, loud: bool
) -> None:
    smooth = falling(2.3, 2.3 * share, 40, noise=0.0)
    told_little = settling(share, train, accuracy=0.1) | {"eval_shape": form(smooth), "eval_loss": smooth}
    finding = check(**told_little)
    assert finding is not None
    assert (finding.severity is None) == loud


def test_losses_that_still_fall_say_nothing_yet() -> None:
    falls = settling(0.88, 0.87) | {"eval_shape": form(line(2.3, 2.02, 40)), "eval_loss": line(2.3, 2.02, 40)}
    assert check(**falls) is None
