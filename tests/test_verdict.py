"""The nine verdicts, from curves written down in a line each."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import falling, flat, line
from strategies import curves

from tb_lossdiag import verdict
from tb_lossdiag.series import Series, series
from tb_lossdiag.verdict import judge

RANDOM = np.random.default_rng(0)


def over(train: Series, values: np.ndarray) -> Series:
    """An evaluation curve over the same steps as the training curve."""
    return Series(np.linspace(train.steps[0], train.steps[-1], len(values)).astype(int), np.asarray(values, float))


FALLS = falling(2.3, 0.1)
SETTLES = series(*falling(2.3, 0.1, 100).values, *flat(0.1, 200).values)
STUCK = series(*(2.303 + 0.01 * np.sin(np.arange(200) ** 1.7)))

CASES = {
    "learning": (line(2.3, 1.0), over(FALLS, np.linspace(2.4, 1.2, 20))),
    "converged": (SETTLES, over(SETTLES, falling(2.3, 0.2, 30).values)),
    "overfitting": (FALLS, over(FALLS, np.concatenate((np.linspace(2.3, 0.6, 10), np.linspace(0.6, 1.1, 20))))),
    "suspect-data": (STUCK, over(STUCK, np.linspace(2.3, 1.0, 20))),
    "stuck": (STUCK, over(STUCK, 2.303 + 0.001 * RANDOM.normal(size=20))),
    "diverging": (line(2.3, 30.0), None),
    "non-finite": (series(*[2.3] * 20, *[math.nan] * 20), None),
    "unstable": (series(*(2.3 * np.exp(RANDOM.normal(size=300)))), None),
    "too-short": (series(2.3, 2.0, 1.9), None),
}


@pytest.mark.parametrize("verdict", CASES)
def test_each_verdict(verdict: str) -> None:
    train, evaluation = CASES[verdict]
    found = judge(train, evaluation)
    assert found.id == verdict
    assert 0.5 <= found.confidence <= 0.99


@pytest.mark.parametrize("verdict", [each for each in CASES if each not in {"too-short", "non-finite"}])
@pytest.mark.parametrize("factor", [1e-4, 1e4])
def test_the_unit_of_the_loss_changes_nothing(verdict: str, factor: float) -> None:
    train, evaluation = CASES[verdict]
    scaled = Series(train.steps, train.values * factor)
    also = None if evaluation is None else Series(evaluation.steps, evaluation.values * factor)
    assert judge(scaled, also).id == verdict


@pytest.mark.parametrize("every", [1, 10, 100])
@pytest.mark.parametrize("verdict", ["learning", "converged", "stuck", "diverging"])
def test_logging_less_often_does_not_flip_it(verdict: str, every: int) -> None:
    steps = np.arange(5000)
    progress = steps / 5000
    noise = 0.03 * np.random.default_rng(1).normal(size=5000)
    values = {
        "learning": 2.3 - 1.5 * progress,
        "converged": 0.2 + 2.1 * np.exp(-12 * progress),
        "stuck": 2.3 + 0 * progress,
        "diverging": 2.3 + 20 * progress**2,
    }[verdict] + noise
    assert judge(Series(steps[::every], values[::every]), None).id == verdict


def test_no_loss_at_all_is_too_short() -> None:
    assert judge(None, None).id == "too-short"


def test_a_single_skipped_step_is_no_verdict() -> None:
    values = line(2.3, 1.0).values.copy()
    values[5] = math.inf
    assert judge(series(*values), None).id == "learning"


def test_a_loss_at_the_level_of_a_blind_guess_is_stuck_however_far_it_fell() -> None:
    fell = series(*falling(90.0, 1.0).values, *flat(1.0, 200).values)
    assert judge(fell, None, prior=1.0).id == "stuck"
    assert judge(fell, None).id == "converged"


def test_fine_tuning_that_starts_below_a_blind_guess_is_not_stuck() -> None:
    assert judge(series(*(0.2 + 0.005 * np.sin(np.arange(200) ** 1.7))), None, prior=2.3).id == "converged"


def test_a_plateau_before_the_drop_is_forgotten_after_it() -> None:
    grokked = series(*[2.3] * 100, *np.linspace(2.3, 0.1, 40), *[0.1] * 100)
    assert judge(grokked, None).id == "converged"


def test_the_overfitting_starts_at_the_best_evaluation() -> None:
    train, evaluation = CASES["overfitting"]
    assert judge(train, evaluation).steps[0] == pytest.approx(62, abs=8)


@given(train=curves() | st.none(), evaluation=curves() | st.none())
@settings(max_examples=200, deadline=None)
def test_any_curves_whatever_get_one(train: Series | None, evaluation: Series | None) -> None:
    with np.errstate(all="ignore"):
        found = judge(train, evaluation)
    assert found.id in CASES
    assert 0 <= found.confidence <= 1


def test_a_loss_that_loses_what_it_had_gained_diverges_from_its_best_step_on() -> None:
    found = judge(series(*np.linspace(2.3, 0.5, 60), *np.linspace(0.5, 2.2, 60)), None)
    assert found.id == "diverging"
    assert found.steps[0] == pytest.approx(60, abs=5)


def test_an_evaluation_loss_that_stands_still_far_above_training_is_overfitting() -> None:
    train = falling(2.3, 0.02)
    stands = over(train, np.concatenate((np.linspace(2.3, 1.2, 10), np.full(30, 1.2))))
    assert judge(train, stands).id == "overfitting"


def test_a_loss_between_the_blind_guess_and_half_of_it_is_judged_by_its_fall() -> None:
    assert judge(STUCK, None, prior=2.6).id == "stuck"


def test_a_slow_fall_is_learning_while_the_end_is_in_sight() -> None:
    assert judge(line(2.3, 2.0), None).id == "learning"


def test_batches_with_one_hard_sample_each_are_not_unstable() -> None:
    rng = np.random.default_rng(3)
    heavy = 0.02 * np.exp(rng.normal(0, 1.2, 400))
    assert judge(series(*heavy), None, prior=2.3).id == "converged"


def test_a_first_step_that_threw_the_loss_off_is_no_beginning() -> None:
    thrown = np.concatenate(([1.0], np.geomspace(4500, 3.3, 2000)))
    assert judge(series(*thrown), None).id == "diverging"
    assert judge(series(*np.concatenate(([1.0], np.geomspace(4500, 0.3, 2000)))), None).id != "diverging"


def test_a_validation_loss_that_still_falls_shows_what_noise_hides() -> None:
    noise = 0.5 * np.random.default_rng(3).normal(size=400)
    train = series(*(np.linspace(2.3, 1.0, 400) + noise))
    assert judge(train, over(train, np.linspace(2.3, 1.0, 20))).id == "learning"


def test_losses_that_fall_together_to_a_blind_guess_are_not_suspect() -> None:
    falls = np.concatenate((np.linspace(0.69, 0.32, 30), np.full(170, 0.32)))
    found = judge(
        series(*falls), over(series(*falls), np.concatenate((np.linspace(0.69, 0.32, 4), np.full(16, 0.32)))), 0.32
    )
    assert found.id == "stuck"


def test_a_loss_that_begins_at_zero_can_rise() -> None:
    assert judge(series(*np.arange(100.0)), None).id == "diverging"


def test_spikes_of_a_loss_that_is_gone_are_nothing() -> None:
    gone = np.concatenate((np.geomspace(27.0, 1e-5, 100), np.full(200, 1e-5)))
    gone[[150, 190, 230, 270]] = 0.3
    assert judge(series(*gone), None).id == "converged"
    gone[[150, 190, 230, 270]] = 3.0
    assert judge(series(*gone), None).id == "converged"  # one batch that is odd: the step after it is as good as any
    gone[[151, 191, 231, 271]] = 1.0
    assert judge(series(*gone), None).id == "unstable"


def test_validation_that_plainly_rises_is_overfitting_though_batches_are_noisy() -> None:
    noise = 0.12 * np.random.default_rng(1).normal(size=240)
    train = series(*(0.02 + 0.65 * np.exp(-np.arange(240) / 15) + 0.1 * np.exp(-np.arange(240) / 100) + np.abs(noise)))
    rises = over(train, np.concatenate((np.linspace(0.7, 0.1, 5), np.linspace(0.1, 0.25, 15))))
    assert judge(train, rises).id == "overfitting"


def test_a_training_loss_too_noisy_to_show_its_fall_is_not_suspect_where_validation_falls_to_the_end() -> None:
    noise = 0.15 * np.random.default_rng(0).normal(size=150)
    train = series(*(np.linspace(1.15, 0.95, 150) + noise))
    assert judge(train, over(train, np.linspace(1.35, 0.76, 18))).id == "learning"


def test_a_loss_that_comes_down_only_to_where_it_began_is_stuck() -> None:
    thrown = np.concatenate(([2.3, 900.0, 40.0, 12.0], np.geomspace(12.0, 2.31, 40), np.full(160, 2.31)))
    level = over(series(*thrown), np.full(18, 2.3))
    assert judge(series(*thrown), level).id == "stuck"


def test_validation_that_stays_above_its_best_is_overfitting_though_it_jitters() -> None:
    train = series(*falling(0.7, 0.02, 200).values)
    jitter = 0.02 * np.sin(np.arange(14) ** 2)
    rises = over(train, np.concatenate(([0.7, 0.5, 0.4, 0.33, 0.3, 0.3], 0.36 + jitter)))
    assert judge(train, rises).id == "overfitting"


def test_a_loss_that_stays_far_above_its_start_diverges_however_wildly_it_swings() -> None:
    wild = np.exp(3 * np.random.default_rng(0).normal(size=60))
    assert judge(series(*np.linspace(0.7, 0.4, 40), *(1.5 + wild)), None).id == "diverging"


@pytest.mark.parametrize("offset", [0.0, 2.303, 10.0])
def test_a_flat_loss_that_crosses_zero_does_not_swing(offset: float) -> None:
    flat_ = 2.303 + 0.05 * np.random.default_rng(2).normal(size=300) - offset
    assert judge(series(*flat_), None).id in {"stuck", "converged"}


def test_a_spike_of_a_loss_that_crosses_zero_is_measured_by_what_the_loss_has_gained() -> None:
    crossing = falling(1.0, -1.0, 300).values.copy()
    assert judge(series(*crossing), None).id in {"converged", "learning"}
    for at in (100, 160, 220, 280):
        crossing[at : at + 2] = 50.0
    assert judge(series(*crossing), None).id == "unstable"


def test_noise_that_was_smoothed_wanders_and_does_not_diverge() -> None:
    noise, smooth, wandering = np.random.default_rng(5).normal(size=3000), 0.0, []
    for each in noise:
        smooth = 0.99 * smooth + 0.01 * each
        wandering.append(3.5 + smooth)
    assert judge(series(*wandering), None).id != "diverging"


def test_a_curve_of_little_more_than_sixty_points_is_judged_by_its_last_third_too() -> None:
    still = 5.5 / (1 + np.arange(83) / 12) ** 0.6 + 0.1 * np.random.default_rng(2).normal(size=83)
    assert judge(series(*still), None).id == "learning"


def test_a_loss_around_zero_is_not_said_to_have_fallen_by_a_share() -> None:
    policy = series(*np.random.default_rng(3).normal(0.0, 5.0, 100))
    verdict = judge(policy, None)
    assert (verdict.id, verdict.confidence) == ("stuck", 0.5)
    assert "above and below zero" in verdict.summary


@given(
    st.lists(st.floats(0.01, 10), min_size=6, max_size=60),
    st.lists(st.tuples(st.integers(0, 59), st.sampled_from([8.0, 12.0, 40.0, 2000.0])), max_size=5),
    st.booleans(),
)
def test_spikes_are_those_that_a_look_at_every_point_finds(
    values: list[float], jumps: list[tuple[int, float]], shifted: bool
) -> None:
    array = np.asarray(values)
    for at, factor in jumps:
        array[at % len(array)] *= factor
    curve = series(*(array - 5 if shifted else array))
    form = verdict.shape(curve)
    floor = 1e-12 if curve.values.min() >= 0 else max(form.fall, form.noise, 1e-12)
    level = verdict._neighbourhood(curve.values)
    jump = (curve.values - level) / np.maximum(np.abs(level), floor)
    beyond = np.log(np.maximum(jump + 1, 1e-12))
    tail = verdict.TAIL * 1.4826 * np.median(np.abs(beyond - np.median(beyond)))
    risen = np.pad(jump > 1, 1)
    expected = [
        i
        for i in range(max(3, len(array) // 20), len(array))
        if jump[i] > verdict.JUMP
        and beyond[i] > tail
        and (curve.values[i] > form.first or jump[i] > verdict.JUMP**3)
        and curve.values[i] - level[i] > verdict.VISIBLE * form.fall
        and (risen[i] or risen[i + 2])
    ]
    assert verdict._spikes(curve, form, floor).tolist() == expected


def test_to_come_down_to_a_blind_guess_is_no_progress() -> None:
    arrives = series(*falling(1.4, 0.161, 100).values, *[0.161] * 300)
    assert judge(arrives, None, prior=0.167).id == "stuck"
    assert judge(arrives, None).id == "converged"
    assert judge(series(*falling(1.4, 0.1, 100).values, *[0.1] * 300), None, prior=0.167).id == "converged"


@pytest.mark.parametrize("name", ["stuck", "diverging", "unstable"])
def test_the_loss_of_models_that_train_against_each_other_proves_nothing(name: str) -> None:
    train, evaluation = CASES[name][0], CASES["overfitting"][1]
    assert judge(train, None).id == name
    found = judge(train, None, several=True)
    assert found.confidence == pytest.approx(0.5)
    assert "does not tell" in found.summary
    assert judge(CASES["overfitting"][0], evaluation, several=True).id == "overfitting"
    assert judge(CASES["non-finite"][0], None, several=True).id == "non-finite"
    assert judge(CASES["converged"][0], None, several=True).id == "converged"


def test_what_has_come_down_from_far_above_a_blind_guess_and_stays_above_it_has_not_settled() -> None:
    steps = np.arange(400)
    falls = 4000 * np.exp(-steps / 20) + 30 * (1 - steps / 400)
    noise = 4 * np.random.default_rng(0).normal(size=400)
    train, evaluation = Series(steps, 12 + falls + noise), Series(steps[::20], (12 + falls)[::20])
    assert judge(train, evaluation).id == "converged"  # the late fall is small beside the first
    assert judge(train, evaluation, prior=2.3).id == "learning"
    flat_end = Series(steps, 12 + 4000 * np.exp(-steps / 20) + noise)
    assert judge(flat_end, evaluation, prior=2.3).id == "stuck"


def test_what_is_learnt_below_a_blind_guess_counts_as_progress() -> None:
    """Rare labels: the loss falls from ln 2 to what guessing by frequency reaches in no time, and what is learnt comes after that."""
    steps = np.arange(400)
    loss = 0.6 * np.exp(-steps / 10) + 0.1 - 0.04 * steps / 400
    assert judge(Series(steps, loss), None).id == "converged"
    assert judge(Series(steps, loss), None, prior=0.1).id == "learning"


def test_what_was_learnt_before_the_first_evaluation_is_learnt() -> None:
    train = series(*falling(1.0, 0.34, 100).values, *[0.34, 0.33, 0.35, 0.34] * 300)
    evaluation = Series(np.arange(150, 1300, 100), np.full(12, 0.32))
    assert judge(train, evaluation).id == "converged"


def test_of_a_few_evaluations_nobody_can_say_that_they_stay_where_they_are() -> None:
    train = falling(0.6, 0.02, 190)
    few = Series(np.array([60, 120, 189]), np.array([0.40, 0.18, 0.20]))
    many = Series(np.linspace(10, 189, 18).astype(int), np.array([0.4, 0.18, *[0.2] * 16]))
    assert judge(train, few).id != "overfitting"
    assert judge(train, many).id == "overfitting"


def test_how_often_a_noisy_loss_is_logged_hardly_ever_changes_whether_it_overfits() -> None:
    """Of 30 runs that overfit, and whose single points scatter by a third of their late fall, at most two in ten look settled from every tenth step."""
    changed = 0
    for seed in range(30):
        random, step, seen = np.random.default_rng(seed), np.arange(400), np.arange(19, 400, 20)
        train = 2 * np.exp(-step / 60) + 0.35 - 0.0004 * step + 0.05 * random.standard_normal(400)
        val = 2 * np.exp(-seen / 50) + 0.45 + 0.12 * (seen - 150).clip(0) / 250 + 0.008 * random.standard_normal(20)
        whole, sparse = Series(step, train), Series(step[::10], train[::10])
        assert judge(whole, Series(seen, val)).id == "overfitting"
        changed += judge(sparse, Series(seen, val)).id != "overfitting"
    assert changed <= 6


@pytest.mark.parametrize(("best", "end", "overfits"), [(0.2, 0.25, False), (0.2, 0.4, True)])
def test_a_gap_that_is_small_beside_what_was_gained_is_no_loss(best: float, end: float, overfits: bool) -> None:
    """The training loss goes on to 0.02; 1.8 were gained."""
    train = falling(2.0, 0.02, 400)
    evaluation = Series(
        np.linspace(10, 399, 20).astype(int), np.concatenate([np.linspace(2.0, best, 10), np.linspace(best, end, 10)])
    )
    assert (judge(train, evaluation).id == "overfitting") == overfits
