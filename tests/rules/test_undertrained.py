from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from made import falling, flat, form, line

from tb_lossdiag.rules.undertrained import undertrained
from tb_lossdiag.series import Series, series
from tb_lossdiag.signals.schedule import schedule


def signals(train: Series) -> dict[str, object]:
    return {"train_loss": train, "train_shape": form(train), "passes": 1.5}


SICK = signals(line(2.3, 0.8))
HEALTHY = signals(falling(2.3, 0.1))


def late(share: float) -> Series:
    """A curve that makes `share` of its progress in the last third."""
    return series(*line(3.0, 2.0, 134).values, *line(2.0, 2.0 - share / (1 - share), 67).values[1:])


@pytest.mark.parametrize(("share", "found"), [(0.06, False), (0.15, True)])
def test_threshold_is_a_tenth_of_all_progress_in_the_last_third(share: float, found: bool) -> None:
    assert (undertrained.check(**signals(late(share))) is not None) == found


def test_to_come_down_to_a_blind_guess_is_no_progress() -> None:
    steps = np.arange(400)
    rare = signals(Series(steps, 0.6 * np.exp(-steps / 10) + 0.1 - 0.04 * steps / 400))
    assert undertrained.check(**rare) is None
    finding = undertrained.check(**rare, prior_loss=0.1)
    assert finding is not None
    assert "0.0604 to about 0.0274" in finding.summary


def test_it_is_never_more_than_a_remark_for_a_training_may_go_on() -> None:
    assert undertrained.severity == "info"
    assert all(undertrained.check(**signals(each)).severity is None for each in (late(0.15), late(0.6), line(2.3, 0.8)))


def test_a_validation_loss_that_has_turned_says_more_training_is_no_cure() -> None:
    turned = form(series(*line(2.0, 1.0, 20).values, *line(1.0, 2.0, 20).values))
    assert undertrained.check(**SICK, eval_shape=turned) is None


def test_a_validation_loss_that_plainly_falls_counts_where_batches_are_too_noisy_to_tell() -> None:
    noisy = series(*(line(2.3, 1.2, 40).values + [0.5, -0.5, 0.3, -0.3] * 10))
    assert undertrained.check(**signals(noisy)) is None
    finding = undertrained.check(**signals(noisy), eval_shape=form(line(2.3, 1.2, 12)), loss_left=0.5)
    assert finding is not None
    assert "validation" in finding.summary


def test_a_validation_loss_of_a_few_points_has_no_trend() -> None:
    assert undertrained.check(**HEALTHY, eval_shape=form(series(2.3, 1.3, 1.25, 1.2, 1.15))) is None


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ((0.8, 0.2, 0.05), True),
        ((0.8, 0.75, 0.74), False),
        ((0.8, 0.2, 0.19), False),
        ((0.8, 0.2, 0.3, 0.1), False),
    ],
)
def test_a_few_evaluations_each_better_than_the_one_before_are_worth_a_word(
    values: tuple[float, ...], found: bool
) -> None:
    finding = undertrained.check(**HEALTHY, eval_shape=form(series(*values)))
    assert (finding is not None) == found
    assert finding is None or f"{len(values)} evaluations only" in finding.summary


@pytest.mark.parametrize(
    ("evaluation", "left", "found"),
    [
        ((1.0, *np.linspace(0.5, 0.38, 14)), 0.4, True),
        ((1.0, *np.linspace(0.5, 0.38, 14)), 0.1, False),  # it got there
        ((1.0, *np.linspace(0.5, 0.49, 14)), 0.4, False),  # next to nothing
        ((1.0, *(0.4 + 0.1 * 0.7 ** np.arange(14))), 0.4, False),  # it flattens
        ((1.0, *np.linspace(0.5, 0.38, 6)), 0.4, False),
        ((1.0, *np.linspace(0.5, 0.38, 12), 0.42, 0.37), 0.4, False),  # it comes and goes
    ],
)
def test_a_slope_that_does_not_flatten_is_worth_a_remark(evaluation: Any, left: float, found: bool) -> None:
    finding = undertrained.check(
        **HEALTHY | {"eval_shape": form(series(*evaluation)), "loss_left": left, "train_shape": form(flat(0.5))}
    )
    assert (finding is not None and "does not flatten" in finding.summary) == found


def test_a_training_loss_that_rises_is_not_on_its_way_down() -> None:
    rises = signals(series(*falling(2.3, 0.5).values, *line(0.5, 0.9, 100).values))
    assert undertrained.check(**rises, eval_shape=form(line(2.3, 1.2, 12))) is None


def test_a_last_batch_that_is_worse_is_no_rise_where_validation_falls() -> None:
    uneven = series(*line(2.3, 1.2, 40).values, 1.9)
    assert undertrained.check(**signals(uneven)) is None
    assert undertrained.check(**signals(uneven), eval_shape=form(line(2.3, 1.2, 12))) is not None


def test_it_says_how_much_longer_is_worth_it_within_bounds() -> None:
    half_way = series(*(2.3 * np.exp(-np.linspace(0, 1.5, 300)) + 0.002 * np.sin(np.arange(300) ** 1.5)))
    finding = undertrained.check(train_shape=form(half_way), train_loss=half_way)
    assert finding is not None
    (longer,) = finding.remedies
    low, high = (int(each.replace(",", "")) for each in longer.action.split() if each.replace(",", "").isdigit())
    assert (
        100 < low <= high < 1200
    )  # each third brings 0.61 of the one before: a hundredth of all is left after seven to eight
    assert "between" in longer.expect


def test_a_straight_line_has_no_end_in_sight() -> None:
    straight = series(*np.linspace(2.3, 1.5, 300))
    finding = undertrained.check(train_shape=form(straight), train_loss=straight, passes=5.0)
    assert finding is not None
    assert "more epochs or longer" in finding.remedies[0].action


CUT = HEALTHY | {"loss_left": 0.2, "update_ratio": flat(0.02), "travel": 1.5}


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, True),
        ({"update_ratio": flat(0.009)}, False),
        ({"update_ratio": None}, False),
        ({"travel": 2.8}, False),
        ({"travel": None}, False),
        ({"loss_left": 0.029}, False),
        ({"loss_left": None}, False),
        ({"train_shape": form(line(2.3, 2.25)), "train_loss": line(2.3, 2.25)}, False),
    ],
)
def test_steps_that_end_large_after_a_short_way_are_worth_a_remark(changes: dict[str, object], found: bool) -> None:
    finding = undertrained.check(**CUT | changes)
    assert (finding is not None) == found
    assert finding is None or "steps were still large" in finding.summary


@pytest.mark.parametrize(
    ("lr", "found"),
    [
        (line(0.1, 0.06), True),
        (line(0.1, 0.04), False),
        (series(*line(0.01, 0.1, 20).values, *line(0.1, 0.07, 60).values), True),
        (flat(0.1), False),
        (series(*[0.1] * 50, *[0.06] * 50), False),  # a milestone, perhaps the last
        (series(*line(0.1, 0.02, 40).values, *line(0.09, 0.06, 40).values), False),  # it restarts
        (series(), False),
    ],
)
def test_a_gradual_schedule_that_has_hardly_begun_was_cut_short(lr: Series, found: bool) -> None:
    finding = undertrained.check(**CUT | {"travel": 4.0, "schedule": schedule.function(lr)})
    assert (finding is not None) == found
    assert finding is None or "schedule" in finding.summary
    assert (undertrained.check(**CUT | {"travel": None, "schedule": schedule.function(lr)}) is not None) == found


def test_a_training_of_a_few_steps_is_hardly_begun() -> None:
    begun = signals(line(2.32, 2.22, 15)) | {"loss_left": 0.96, "travel": 0.1}
    finding = undertrained.check(**begun)
    assert finding is not None
    assert "15 steps" in finding.summary
    assert "hardly begun" in str(undertrained.check(**begun | {"loss_left": 0.2}))
    for more in ({"loss_left": 0.1}, {"travel": 2.0}, signals(line(2.305, 2.3, 300))):
        others = undertrained.check(**begun | more)
        assert others is None or "hardly begun" not in others.summary


@pytest.mark.parametrize(("values", "found"), [((0.8, 0.7), True), ((0.8, 0.75), False), ((0.8,), False), ((), False)])
def test_so_are_two_which_have_no_shape_yet(values: tuple[float, ...], found: bool) -> None:
    finding = undertrained.check(**HEALTHY, eval_loss=series(*values))
    assert (finding is not None) == found


@pytest.mark.parametrize(("points", "left", "found"), [(100, 0.6, True), (100, 0.4, False), (400, 0.6, False)])
def test_of_a_short_run_that_left_much_a_fall_needs_less_proof(points: int, left: float, found: bool) -> None:
    """A fall of the last third by three standard errors."""
    train = line(2.0, 1.6, points)
    shape = form(train)
    given = {"train_loss": train, "train_shape": replace(shape, late_error=shape.late_fall / 3), "loss_left": left}
    assert (undertrained.check(**given) is not None) == found


@pytest.mark.parametrize(
    ("validation", "steps", "left", "found"),
    [
        ((0.0450, 0.0390, 0.0363, 0.0353, 0.0351, 0.0350), 100, 0.46, True),
        ((0.0450, 0.0390, 0.0363, 0.0353, 0.0351, 0.0354), 100, 0.46, False),
        ((0.0450, 0.0390, 0.0363, 0.0353, 0.0351, 0.0350), 900, 0.46, False),
        ((0.0450, 0.0390, 0.0363, 0.0353, 0.0351, 0.0350), 100, 0.1, False),
        ((0.072, 0.039, 0.036), 180, 0.29, True),
        ((0.072, 0.039, 0.036), 180, 0.1, False),
        ((0.072, 0.039, 0.040), 180, 0.46, False),
        ((0.045, 0.039, 0.036), 180, 0.46, False),
        ((0.072, 0.039, 0.036), 240, 0.46, False),
    ],
)
def test_a_brief_run_on_its_way_is_worth_a_remark(
    validation: tuple[float, ...], steps: int, left: float, found: bool
) -> None:
    train = series(
        *falling(0.076, 0.036, steps // 2, noise=0.1).values,
        *falling(0.036, 0.036, steps - steps // 2, noise=0.1).values,
    )
    apart = steps // len(validation)
    evaluation = series(*validation, steps=range(apart, steps + 1, apart)[: len(validation)])
    finding = undertrained.check(**signals(train), eval_shape=form(evaluation), loss_left=left, prior_loss=0.3)
    assert (finding is not None and "better than the one before" in finding.summary) == found
