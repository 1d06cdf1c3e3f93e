from __future__ import annotations

import math

import numpy as np
import pytest
from made import falling, flat, line

from tb_lossdiag.series import Run, Series, series
from tb_lossdiag.signals import Signals
from tb_lossdiag.signals.data import Targets
from tb_lossdiag.signals.loss import (
    blank_loss,
    chance_loss,
    least_left,
    levels,
    loss_left,
    mean_left,
    prior_loss,
    shape,
    signed,
    unasked,
)
from tb_lossdiag.signals.structure import LossFunction

CE = LossFunction("CrossEntropyLoss", {"reduction": "mean"})
MSE = LossFunction("MSELoss", {})
EVEN = Targets(counts=np.full(10, 120.0))


def test_guessing_ten_even_classes_costs_ln_ten() -> None:
    assert chance_loss(targets=EVEN, loss_function=CE) == pytest.approx(math.log(10))
    assert prior_loss(targets=EVEN, loss_function=CE) == pytest.approx(math.log(10))


def test_a_network_that_puts_out_zeros_pays_the_mean_square_of_its_targets() -> None:
    far = Targets(mean=np.array([3.0, 0.0]), std=np.array([4.0, 1.0]))
    assert blank_loss(targets=far, loss_function=MSE) == pytest.approx((9 + 16 + 1) / 2)
    assert blank_loss(targets=EVEN, loss_function=CE, chance_loss=2.3) == 2.3
    assert blank_loss(targets=EVEN, loss_function=MSE) is None


def test_a_blind_guess_knows_how_common_each_class_is() -> None:
    skewed = Targets(counts=np.array([90.0, 10.0, 0.0]))
    expected = -(0.9 * math.log(0.9) + 0.1 * math.log(0.1))
    assert prior_loss(targets=skewed, loss_function=CE) == pytest.approx(expected)


def test_a_blind_guess_of_a_number_costs_its_variance() -> None:
    assert prior_loss(targets=Targets(mean=np.zeros(2), std=np.array([1.0, 3.0])), loss_function=MSE) == pytest.approx(
        5.0
    )


@pytest.mark.parametrize("settings", [{"reduction": "sum"}, {"label_smoothing": 0.1}, {"weight": True}])
def test_a_loss_on_another_scale_has_no_reference(settings: dict[str, object]) -> None:
    assert prior_loss(targets=EVEN, loss_function=LossFunction("CrossEntropyLoss", settings)) is None


def test_a_single_class_leaves_nothing_to_guess() -> None:
    assert prior_loss(targets=Targets(counts=np.array([10.0, 0.0])), loss_function=CE) is None


def test_noise_is_that_of_the_points_whatever_the_trend() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 2000)
    found = shape(series(*(np.linspace(5, 1, 2000) + noise)))
    assert found is not None
    assert found.noise == pytest.approx(0.1, rel=0.1)
    assert found.first == pytest.approx(5, abs=0.2)
    assert found.last == pytest.approx(1, abs=0.1)


def test_the_late_fall_of_a_line_is_a_third_of_its_fall() -> None:
    found = shape(line(3.0, 0.0))
    assert found is not None
    assert found.late_fall / found.fall == pytest.approx(1 / 3, abs=0.05)


def test_the_late_fall_of_noise_is_within_its_error() -> None:
    beyond = 0
    for seed in range(200):
        found = shape(series(*np.random.default_rng(seed).normal(1, 0.1, 300)))
        assert found is not None
        beyond += abs(found.late_fall) > 3 * found.late_error
    assert beyond <= 10


def test_a_spike_does_not_move_the_levels() -> None:
    values = flat(1.0, 600).values.copy()
    values[300] = 1e6
    assert levels(Series(np.arange(600), values))[0].values.max() == 1.0


def test_too_few_points_have_no_shape() -> None:
    assert shape(series(1.0, 2.0)) is None
    assert shape(series(1.0, math.nan, math.inf, 2.0)) is None


def test_what_is_left_is_measured_from_the_blind_guess_where_that_is_known() -> None:
    form = shape(falling(50.0, 1.0))
    assert form is not None
    assert loss_left(train_loss=falling(50.0, 1.0), train_shape=form, prior_loss=2.0) == pytest.approx(form.last / 2.0)
    assert loss_left(train_loss=falling(50.0, 1.0), train_shape=form) == pytest.approx(form.last / form.first)


def test_a_loss_that_goes_above_and_below_zero_has_no_share_that_is_left() -> None:
    around = series(*np.random.default_rng(0).normal(0.5, 2.0, 100))
    assert signed(around)
    assert loss_left(train_loss=around, train_shape=shape(around)) is None
    assert mean_left(train_loss=around, train_shape=shape(around)) is None
    assert not signed(series(*np.linspace(3.0, -2.0, 100)))  # a density's likelihood
    assert not signed(series(math.nan))


def test_the_test_loss_stands_in_for_a_missing_validation_loss() -> None:
    run = Run("a", {"loss/test": flat(1.0)})
    assert Signals(run).get("eval_loss") is run.series["loss/test"]


@pytest.mark.parametrize("points", [60_000, 1_000_003])
def test_levels_of_a_long_curve_are_medians_of_a_sample_and_say_of_how_many(points: int) -> None:
    curve = Series(np.arange(points), np.random.default_rng(0).normal(np.linspace(3.0, 1.0, points)))
    found, size = levels(curve)
    exact = np.array([np.median(each) for each in np.array_split(curve.values, 60)])
    off = found.values[1:] - exact
    assert 400 < size < 1_000
    assert 0.5 < float(off.std()) * np.sqrt(size) / 1.25 < 1.5  # the whole stretch's own error is a part of it
    assert float(np.abs(off.mean())) < 0.02
    assert found.steps[-1] == points - 1


@pytest.mark.parametrize("points", [61, 119, 120, 121, 600, 1234])
def test_levels_are_the_medians_of_equal_stretches(points: int) -> None:
    curve = series(*np.random.default_rng(points).normal(size=points))
    found, size = levels(curve)
    parts = np.array_split(np.arange(points), 60)
    assert np.array_equal(found.values[1:], [np.median(curve.values[part]) for part in parts])
    assert np.array_equal(found.steps[1:], [part[-1] for part in parts])
    assert size == points / 60


def test_what_is_left_on_average_sees_the_few_losses_that_are_high() -> None:
    values = [1.0] * 100 + [0.0, 0.0, 0.0, 3.0] * 50
    found = Signals(Run("a", {"loss/train": series(*values)}))
    assert found.get("loss_left") == pytest.approx(0.0)
    assert found.get("mean_left") == pytest.approx(0.75)


@pytest.mark.parametrize("kind", ["BCELoss", "BCEWithLogitsLoss", "binary_cross_entropy_with_logits"])
def test_a_blind_guess_of_yes_and_no_costs_their_entropy(kind: str) -> None:
    rare = Targets(counts=np.array([90.0, 10.0]))
    expected = -(0.9 * math.log(0.9) + 0.1 * math.log(0.1))
    assert prior_loss(targets=rare, loss_function=LossFunction(kind, {})) == pytest.approx(expected)
    weighted = LossFunction(kind, {"pos_weight": [9.0]})
    assert prior_loss(targets=rare, loss_function=weighted) is None


def test_a_blind_guess_at_yes_and_no_knows_how_often_each_label_is_yes() -> None:
    bce, several = LossFunction("BCEWithLogitsLoss", {}), np.array([0.5, 0.02])
    labels = Targets(mean=several, std=np.sqrt(several * (1 - several)))
    rare = -(0.02 * math.log(0.02) + 0.98 * math.log(0.98))
    assert prior_loss(targets=labels, loss_function=bce) == pytest.approx((math.log(2) + rare) / 2)
    grey = Targets(mean=several, std=np.array([0.1, 0.01]))
    assert prior_loss(targets=grey, loss_function=bce) is None, (
        "shades of grey cost something however well they are told"
    )
    assert prior_loss(targets=labels, loss_function=LossFunction("BCEWithLogitsLoss", {"pos_weight": True})) is None


def test_a_label_that_never_was_yes_costs_endlessly_where_it_is() -> None:
    told = np.array([0.0, 1.0])
    assert unasked(told, told) == 0
    assert unasked(np.array([0.1, 1.0]), told) == math.inf


@pytest.mark.parametrize("name", ["train_loss", "val_loss", "test_loss", "eval_loss"])
def test_a_curve_without_a_point_is_none(name: str) -> None:
    empty = Run("any", {f"loss/{split}": series() for split in ("train", "val", "test")}, [], {})
    assert Signals(empty).get(name) is None
    full = Run("any", {f"loss/{split}": series(1.0) for split in ("train", "val", "test")}, [], {})
    assert len(Signals(full).get(name)) == 1


@pytest.mark.parametrize(
    ("held_out", "blind", "least"), [(0.1, 2.0, 0.05), (1.5, 2.0, 0.4), (0.1, None, 0.4), (None, 2.0, 0.4)]
)
def test_what_is_left_of_held_out_samples_counts_where_it_is_less(
    held_out: float | None, blind: float | None, least: float
) -> None:
    evaluation = shape(falling(2.3, held_out, noise=0.0)) if held_out is not None else None
    assert least_left(loss_left=0.4, eval_shape=evaluation, prior_loss=blind) == pytest.approx(least, rel=0.1)
