from __future__ import annotations

import math

import numpy as np
import pytest
from made import alarms, falling, flat, form, line, module, weight

from tb_lossdiag.rules.learning_rate_too_high import learning_rate_too_high
from tb_lossdiag.series import Series, series
from tb_lossdiag.signals.optimizer import Optimizer
from tb_lossdiag.signals.structure import LossFunction


def signals(ratio: float, loss: Series, response: float = 0.2) -> dict[str, object]:
    return {
        "update_ratio": flat(ratio),
        "train_loss": loss,
        "train_shape": form(loss),
        "step_response": flat(response, 20),
    }


LEAP = series(2.3, 8.0, 30.0, 12.0, 9.0, *[2.31] * 100)
SICK = signals(0.8, LEAP, -1.2) | {"lr": flat(3.0)}
HEALTHY = signals(0.02, falling(2.3, 0.1))


@pytest.mark.parametrize(("ratio", "found"), [(0.04, False), (0.1, True)])
def test_threshold_of_the_update_ratio(ratio: float, found: bool) -> None:
    assert (learning_rate_too_high.check(**signals(ratio, LEAP)) is not None) == found


@pytest.mark.parametrize(("points", "finished", "loud"), [(15, False, False), (15, True, True), (60, False, True)])
def test_the_first_steps_of_a_run_that_goes_on_are_worth_a_remark(points: int, finished: bool, loud: bool) -> None:
    leap = series(*LEAP.values[:points])
    finding = learning_rate_too_high.check(**signals(0.8, leap, -1.2) | {"finished": finished})
    assert finding is not None
    assert alarms(finding) == loud


DOWN = [
    2.44,
    2.43,
    2.22,
    2.2,
    2.19,
    2.17,
    2.06,
    2.08,
    2.02,
    1.9,
    1.87,
    1.86,
    1.94,
    1.71,
    1.79,
    1.85,
    1.72,
    1.93,
    1.49,
    1.66,
]


@pytest.mark.parametrize(("values", "loud"), [(DOWN, False), (LEAP.values[:20], True)])
def test_a_handful_of_steps_that_lead_down_were_too_few_rather_than_too_large(
    values: list[float], *, loud: bool
) -> None:
    """A residual network whose training was cut short."""
    finding = learning_rate_too_high.check(**signals(0.4, series(*values), -0.5) | {"finished": True})
    assert finding is not None
    assert alarms(finding) == loud


def test_large_steps_that_do_no_harm_are_healthy() -> None:
    assert learning_rate_too_high.check(**signals(0.3, falling(2.3, 0.1))) is None


def test_a_single_large_step_is_a_bad_batch() -> None:
    spike = signals(0.02, series(*falling(2.3, 0.5).values[:50], 40.0, *falling(0.6, 0.5).values))
    assert learning_rate_too_high.check(**spike) is None


def test_noise_of_small_batches_is_no_overshooting() -> None:
    noisy = series(*(1.0 + np.random.default_rng(0).normal(0, 0.3, 400)))
    assert learning_rate_too_high.check(**signals(0.01, noisy, response=0.0)) is None


def test_the_remedy_says_what_learning_rate_to_use() -> None:
    finding = learning_rate_too_high.check(**SICK)
    assert finding is not None
    assert finding.factor is not None
    assert finding.factor > 5
    assert "from 3 to about" in finding.remedies[0].action


def test_a_loss_that_became_nan_is_said() -> None:
    finding = learning_rate_too_high.check(**signals(5.0, series(2.3, 50.0, 1e9, *[math.nan] * 20), -3.0))
    assert finding is not None
    assert "NaN since step 3" in finding.summary


def test_the_rate_is_taken_from_the_optimizer_where_it_was_not_logged() -> None:
    known = {name: value for name, value in SICK.items() if name not in {"lr", "step_response"}}
    finding = learning_rate_too_high.check(**known, optimizer=Optimizer("SGD", ({"lr": 3.0},)))
    assert finding is not None
    assert "from 3 to about" in finding.remedies[0].action
    assert len(finding.evidence) == 2
    unknown = learning_rate_too_high.check(**known)
    assert unknown is not None
    assert "Lower the learning rate by" in unknown.remedies[0].action


def thrown_off(**more: object) -> float:
    """The factor named for a rate whose first step is 5.5 times the weights, and whose later ones are as large as those."""
    ratios = series(5.5, *[0.9] * 60)
    finding = learning_rate_too_high.check(**{**SICK, "update_ratio": ratios, "step_response": flat(0.2, 20), **more})
    assert finding is not None
    assert finding.factor is not None
    return finding.factor


def test_the_very_first_step_tells_the_factor_where_later_ones_are_thrown_off() -> None:
    assert thrown_off() == pytest.approx(5.5 / 0.022)
    assert thrown_off(usual_update=0.055, best_update=0.055) == pytest.approx(100)


def test_a_rate_above_all_that_are_worth_a_try_is_too_high_by_that_at_least() -> None:
    """The first step of a network whose gradients vanish is small, and later ones tell nothing."""
    large = Optimizer("SGD", ({"lr": 300.0},))
    assert thrown_off(lr=flat(300.0), optimizer=large) == pytest.approx(300)


def test_a_first_step_of_a_warm_up_tells_nothing() -> None:
    assert thrown_off(lr=series(*np.linspace(0.01, 3.0, 61))) == pytest.approx(0.9 / 0.022)


@pytest.mark.parametrize(("share", "found"), [(0.6, False), (0.4, True)])
def test_units_pinned_before_the_first_step_are_not_the_rates_doing(share: float, found: bool) -> None:
    sick = signals(0.3, series(*[2.31] * 200)) | {"saturated_share": {"1": flat(share)}}
    assert (learning_rate_too_high.check(**sick) is not None) == found


def test_the_very_first_step_of_momentum_is_a_tenth_of_what_it_will_be() -> None:
    momentum = Optimizer("SGD", ({"lr": 3.0, "momentum": 0.9},))
    assert thrown_off(optimizer=momentum) == pytest.approx(10 * thrown_off())


def test_a_language_model_at_its_floor_was_not_harmed_by_steps_on_the_edge_of_stability() -> None:
    """SGD at 20 with clipped gradients, as in PyTorch's word_language_model: a quarter of the rate ends far higher."""
    finding = learning_rate_too_high.check(**signals(0.08, falling(7.3, 3.9), response=-0.5))
    assert not alarms(finding)
    assert finding is not None
    assert "though the loss falls" in finding.summary


def test_a_loss_that_has_hardly_fallen_was_harmed_by_such_steps() -> None:
    assert learning_rate_too_high.check(**signals(0.08, falling(7.3, 6.5), response=-0.5)) is not None


def test_a_loss_around_zero_is_no_measure_of_harm() -> None:
    policy = series(*np.random.default_rng(0).normal(0.0, 5.0, 100))
    assert not alarms(learning_rate_too_high.check(**signals(0.3, policy)))


@pytest.mark.parametrize(
    ("kind", "batch", "found"), [("BatchNorm1d", 2, False), ("BatchNorm1d", 32, True), ("LayerNorm", 2, True)]
)
def test_what_the_statistics_of_a_handful_of_samples_shake_is_left_to_the_batch(
    kind: str, batch: int, found: bool
) -> None:
    shaken = signals(0.12, series(*[2.3] * 100)) | {"modules": (module("1", kind, 2),), "batch_size": batch}
    assert (learning_rate_too_high.check(**shaken) is not None) == found


def test_the_first_steps_of_rmsprop_are_long_whatever_the_rate() -> None:
    steps = np.arange(100)
    inflated = Series(steps, 0.06 / np.sqrt(1 - 0.99 ** (steps + 1.0)))
    known = {"train_loss": falling(0.7, 0.3), "train_shape": form(falling(0.7, 0.3)), "usual_update": 0.055}
    rmsprop, adam = (Optimizer(name, ({"lr": 0.006, "alpha": 0.99},)) for name in ("RMSprop", "Adam"))
    assert learning_rate_too_high.check(update_ratio=inflated, optimizer=rmsprop, **known) is None
    assert learning_rate_too_high.check(update_ratio=inflated, optimizer=adam, **known) is not None
    assert rmsprop.settled(inflated).values == pytest.approx(0.06)


def lost(train: float, evaluation: float, ratio: float = 0.04) -> dict[str, object]:
    """A run that came down to 0.3 and then went up again to these."""
    curves = [
        series(*falling(1.8, 0.3, points).values, *np.linspace(0.3, end, points))
        for end, points in ((train, 200), (evaluation, 20))
    ]
    return {
        "update_ratio": flat(ratio),
        "train_loss": curves[0],
        "train_shape": form(curves[0]),
        "eval_shape": form(curves[1]),
        "loss_left": 0.4,
    }


@pytest.mark.parametrize(
    ("train", "evaluation", "ratio", "found"),
    [(0.7, 0.7, 0.04, True), (0.3, 0.7, 0.04, False), (0.7, 0.3, 0.04, False), (0.7, 0.7, 0.01, False)],
)
def test_what_is_lost_again_in_training_and_validation_was_thrown_off(
    train: float, evaluation: float, ratio: float, found: bool
) -> None:
    finding = learning_rate_too_high.check(**lost(train, evaluation, ratio))
    assert (finding is not None) == found
    assert finding is None or "lost again" in finding.summary


@pytest.mark.parametrize(("rate", "found"), [(flat(0.02), False), (line(0.02, 0.01), True)])
def test_what_is_lost_again_under_a_schedule_that_lowers_nothing_is_the_schedules_doing(
    rate: Series, *, found: bool
) -> None:
    planned = Optimizer("Adam", ({"lr": 0.02, "initial_lr": 0.02},))
    finding = learning_rate_too_high.check(**lost(0.7, 0.7) | {"optimizer": planned, "lr": rate})
    assert (finding is not None) == found


def test_a_loss_that_nobody_knows_the_blind_guess_of_may_rise_by_design() -> None:
    unknown = lost(0.7, 0.7) | {"loss_left": None}
    assert learning_rate_too_high.check(**unknown) is None


@pytest.mark.parametrize(("first", "ratio", "found"), [(0.1, 0.25, True), (0.8, 0.25, False), (0.1, 0.03, False)])
def test_large_steps_that_silenced_a_layer_are_worth_a_remark(first: float, ratio: float, found: bool) -> None:
    dead = series(first, *[0.8] * 40)
    finding = learning_rate_too_high.check(**signals(ratio, falling(2.3, 0.1)) | {"dead_share": {"2": dead}})
    assert (finding is not None) == found
    assert finding is None or finding.severity == "info"


@pytest.mark.parametrize(
    ("second", "dead", "left", "found"),
    [
        (69.0, 0.9, 0.2, True),
        (9.0, 0.9, 0.2, False),  # large steps often begin so
        (69.0, 0.2, 0.2, False),  # nothing is lost
        (69.0, 0.9, 0.05, False),  # the rest of the layer did the job
        (69.0, 0.9, None, False),
    ],
)
def test_first_steps_that_throw_the_loss_up_and_silence_a_layer_are_why(
    second: float, dead: float, left: float | None, *, found: bool
) -> None:
    loss = series(2.3, second, *falling(2.3, 0.5).values)
    given = signals(0.3, loss) | {"dead_share": {"2": series(0.0, *[dead] * 40)}, "loss_left": left}
    assert alarms(learning_rate_too_high.check(**given)) == found


def test_a_young_run_whose_loss_has_plainly_fallen_is_not_alarmed_by_its_last_rough_level() -> None:
    young = series(
        2.34,
        2.2,
        2.0,
        1.6,
        1.5,
        1.2,
        1.3,
        0.9,
        1.0,
        0.7,
        0.8,
        0.5,
        0.45,
        0.55,
        0.8,
        0.5,
        0.75,
        0.6,
        0.9,
        0.55,
        0.8,
        0.7,
    )
    assert not alarms(learning_rate_too_high.check(**signals(0.36, young)))


def test_a_leap_of_the_second_step_is_no_fall_for_good() -> None:
    leaps = series(1.06, 174.0, 0.8, 0.75, *[0.72] * 400)
    finding = learning_rate_too_high.check(**signals(0.5, leaps))
    assert finding is not None
    assert finding.severity is None, "it ended where a good part of the first loss was left"


@pytest.mark.parametrize(("late", "found"), [(0.003, False), (0.3, True)])
def test_a_nan_long_after_the_steps_were_large_has_another_reason(late: float, found: bool) -> None:
    """The slope of a square root at zero: 200 steps of a falling loss, small steps, and NaN all at once."""
    loss = series(*falling(12.0, 2.0, 150).values, *[math.nan] * 50)
    sick = signals(0.3, loss) | {"update_ratio": series(*[0.5] * 20, *[late] * 130)}
    finding = learning_rate_too_high.check(**sick)
    assert alarms(finding) == found


@pytest.mark.parametrize(
    ("best", "last", "evaluation", "found"), [(0.5, 0.7, 0.7, True), (0.66, 0.7, 0.7, False), (0.5, 0.7, 0.5, False)]
)
def test_a_network_that_collapses_to_a_blind_guess_was_thrown_off_however_small_its_steps(
    best: float, last: float, evaluation: float, found: bool
) -> None:
    """A transformer whose gradients are clipped: steps of a fiftieth, and all that was learnt is gone at a tenth of the run."""
    curves = [series(*falling(0.7, best, 60).values, *falling(last, last, 140).values) for last in (last, evaluation)]
    collapsed = signals(0.02, curves[0]) | {"eval_shape": form(curves[1]), "loss_left": 1.0}
    finding = learning_rate_too_high.check(**collapsed)
    assert alarms(finding) == found


@pytest.mark.parametrize(("points", "pairs", "found"), [(60, 20, False), (150, 20, True)])
def test_a_young_run_that_falls_has_had_no_time_to_fall_far(points: int, pairs: int, found: bool) -> None:
    loss = line(2.3, 1.9, points)
    young = signals(0.15, loss) | {"update_ratio": flat(0.15, points), "step_response": flat(0.2, pairs)}
    assert alarms(learning_rate_too_high.check(**young)) == found


@pytest.mark.parametrize(("noise", "ratio", "found"), [(1.0, 0.09, False), (0.1, 0.09, True), (1.0, 0.3, True)])
def test_a_loss_that_is_mostly_noise_shows_no_harm_by_itself(noise: float, ratio: float, found: bool) -> None:
    """An actor-critic's, whose returns grow while it learns: only steps that are plainly too large count."""
    returns = series(*(12.0 * np.exp(noise * np.random.default_rng(0).standard_normal(150))))
    assert alarms(learning_rate_too_high.check(**signals(ratio, returns))) == found


@pytest.mark.parametrize(("last", "found"), [(231.0, True), (200.0, False)])
def test_a_run_that_ends_far_above_its_start_was_carried_away(last: float, found: bool) -> None:
    loss = series(*[2.3] * 60, last)
    assert alarms(learning_rate_too_high.check(**signals(0.01, loss))) == found


def test_a_single_bad_batch_on_the_way_carries_nothing_away() -> None:
    loss = series(*[2.3] * 30, 400.0, *[2.3] * 30)
    assert not alarms(learning_rate_too_high.check(**signals(0.01, loss)))


@pytest.mark.parametrize(("best", "found"), [(0.5, True), (0.68, False)])
def test_a_collapse_is_seen_though_the_first_evaluation_came_when_much_was_learnt(best: float, found: bool) -> None:
    train = series(*line(0.69, best, 30).values, *[0.695] * 150)
    evaluation = series(best + 0.02, *[0.692] * 11)
    collapsed = signals(0.004, train) | {"loss_left": 1.0, "eval_shape": form(evaluation)}
    assert alarms(learning_rate_too_high.check(**collapsed)) == found


@pytest.mark.parametrize(("first", "loud"), [(0.03, False), (0.3, True)])
def test_what_small_steps_leave_of_a_gradient_is_a_remark_where_the_loss_began_at_its_floor(
    first: float, loud: bool
) -> None:
    floor = signals(0.03, flat(0.17, 300), -0.5)
    finding = learning_rate_too_high.check(**floor | {"update_ratio": series(first, *[0.03] * 60)})
    assert finding is not None
    assert alarms(finding) == loud


@pytest.mark.parametrize(
    ("ratio", "lost", "found"), [(1.4, 1, True), (0.3, 1, False), (1.4, 60, False), (1.4, 200, False)]
)
def test_a_step_that_replaces_the_weights_is_why_the_loss_is_lost_at_once(ratio: float, lost: int, found: bool) -> None:
    """No step lasts then: the first is all that there is to see."""
    values = np.where(np.arange(100) < lost, 3.0, np.nan)
    finding = learning_rate_too_high.check(
        update_ratio=Series(np.arange(1), np.array([ratio])), train_loss=Series(np.arange(100), values)
    )
    assert alarms(finding) == found


@pytest.mark.parametrize(
    ("end", "found"),
    [
        ((400.0, 1e8), True),
        ((1e8,), False),  # a sample of that size, and NaN after it
        ((1e8, 400.0), False),
        ((20.0, 90.0), False),
        ((), False),  # a logarithm of zero
    ],
)
def test_a_loss_that_runs_away_before_it_is_lost_was_carried_off_by_its_steps(
    end: tuple[float, ...], *, found: bool
) -> None:
    """A deep network without normalisation, whose steps were small to the last: what was small grew within a few of them."""
    loss = series(*falling(2.3, 2.0, 60).values, *end, *[math.nan] * 100)
    finding = learning_rate_too_high.check(**signals(0.006, loss))
    assert alarms(finding) == found
    assert finding is None or (finding.factor is not None and finding.factor >= 10)


@pytest.mark.parametrize(("models", "found"), [(1, True), (None, True), (2, False)])
def test_a_critics_loss_may_grow_with_the_values_that_it_learns(models: int | None, found: bool) -> None:
    loss = series(*[0.5] * 200, *np.geomspace(0.5, 200.0, 20), *[200.0] * 20)
    told = {} if models is None else {"model_count": models}
    finding = learning_rate_too_high.check(update_ratio=flat(1e-3), train_loss=loss, **told)
    assert alarms(finding) == found


@pytest.mark.parametrize(("response", "left", "found"), [(0.3, 0.6, False), (0.1, 0.6, True), (0.3, 0.9, True)])
def test_steps_that_stop_short_of_where_the_gradient_leads_are_not_too_large(
    response: float, left: float, found: bool
) -> None:
    growing = signals(0.3, falling(7.0, 4.7), response) | {"loss_left": left}
    assert alarms(learning_rate_too_high.check(**growing)) == found


MUTE = signals(0.08, series(*falling(2.8, 1.7).values, *[1.7] * 300)) | {"mute_since": 30, "loss_left": 0.63}


def test_steps_that_make_a_network_mute_were_too_large() -> None:
    """As an SGD rate given to Adam: the loss stands where nothing but the answers' frequencies is known."""
    finding = learning_rate_too_high.check(**MUTE, usual_update=0.055)
    assert alarms(finding)
    assert finding is not None
    assert finding.since == 30
    assert "same of every sample" in finding.summary


@pytest.mark.parametrize(
    "changes", [{"mute_since": None}, {"loss_left": 0.1}, {"update_ratio": flat(0.02)}, {"loss_left": None}]
)
def test_a_network_that_is_mute_for_another_reason_or_does_its_job_is_left_alone(changes: dict[str, object]) -> None:
    assert learning_rate_too_high.check(**MUTE | changes, usual_update=0.055) is None


@pytest.mark.parametrize(("since", "left", "found"), [(59, 0.86, True), (0, 0.86, False), (59, 0.2, False)])
def test_a_network_that_gets_no_gradient_any_more_was_switched_off_by_its_steps(
    since: int, left: float, found: bool
) -> None:
    """As by a batch of one and a momentum of 0.95, where no single step is large."""
    off = signals(0.01, flat(0.1, 300)) | {"parameters": (weight("a.weight"), weight("b.weight")), "loss_left": left}
    finding = learning_rate_too_high.check(**off, cut_off={"a.weight": since, "b.weight": since})
    assert alarms(finding) == found
    assert learning_rate_too_high.check(**off, cut_off={"a.weight": since}) is None


def test_units_that_were_pinned_before_the_first_step_were_not_switched_off_by_any() -> None:
    pinned = MUTE | {"saturated_share": {"tanh": flat(0.9)}}
    assert learning_rate_too_high.check(**pinned, usual_update=0.055) is None


@pytest.mark.parametrize(("ratio", "told"), [(0.2, True), (0.04, False)])
def test_large_steps_are_worth_a_remark_where_a_loss_tells_of_no_harm(ratio: float, told: bool) -> None:
    """As that of a policy, which is above and below zero whatever is learnt."""
    policy = signals(ratio, series(*np.random.default_rng(0).normal(0, 0.02, 300)))
    finding = learning_rate_too_high.check(**policy)
    assert (finding is not None) == told
    assert not alarms(finding)


@pytest.mark.parametrize(("loss", "found"), [("MSELoss", True), ("PoissonNLLLoss", False)])
def test_of_counts_much_is_left_whatever_is_learnt(loss: str, found: bool) -> None:
    likelihood = signals(0.2, falling(2.7, 2.1)) | {"loss_function": LossFunction(loss, {})}
    assert alarms(learning_rate_too_high.check(**likelihood)) == found


@pytest.mark.parametrize(("after", "found"), [(400.0, True), (150.0, False)])
def test_one_step_that_replaced_the_weights_for_good_was_too_large(after: float, found: bool) -> None:
    """As one that throws a sigmoid to its end, where it stays."""
    loss = series(207.0, *np.random.default_rng(0).normal(after, 20.0, 299))
    thrown = signals(0.01, loss) | {"update_ratio": series(2.5, *[1e-3] * 49), "loss_left": after / 207}
    finding = learning_rate_too_high.check(**thrown)
    assert alarms(finding) == found
    assert finding is None or "never come back" in finding.summary


def test_after_a_warm_up_the_rate_that_it_led_to_is_the_one_to_lower() -> None:
    warmed = MUTE | {"lr": series(*np.linspace(4e-4, 0.025, 60), *[0.025] * 100, 2.5e-4)}
    finding = learning_rate_too_high.check(**warmed, usual_update=0.055, best_update=0.055)
    assert finding is not None
    assert "from 0.025 to about 0.003" in finding.remedies[0].action


@pytest.mark.parametrize(
    ("kind", "late", "loud"), [("Adagrad", 0.006, False), ("Adagrad", 0.03, True), ("SGD", 0.006, True)]
)
def test_steps_that_the_optimizer_has_long_since_made_small_hold_no_loss_up(kind: str, late: float, loud: bool) -> None:
    ratios = series(*[0.3] * 10, *[late] * 40)
    stays = signals(0.3, series(*LEAP.values), -1.2) | {
        "update_ratio": ratios,
        "optimizer": Optimizer(kind, ({"lr": 0.05},)),
    }
    finding = learning_rate_too_high.check(**stays, best_update=0.055, usual_update=0.055)
    assert finding is not None
    assert alarms(finding) == loud


@pytest.mark.parametrize(
    ("norms", "late", "cut", "loud"),
    [(4, 0.006, 1.0, False), (3, 0.006, 1.0, True), (4, 0.03, 1.0, True), (4, 0.006, 0.1, True)],
)
def test_steps_of_weights_whose_size_does_not_matter_make_themselves_small(
    norms: int, late: float, cut: float, loud: bool
) -> None:
    """Each layer is normalised, so that each step makes its weights longer; a schedule that makes the steps small is another thing."""
    kinds = [*["BatchNorm2d"] * (4 - norms), *["Conv2d", "BatchNorm2d"] * norms, *["Conv2d"] * (4 - norms)]
    stays = signals(0.3, series(*LEAP.values), -1.2) | {
        "update_ratio": series(*[0.3] * 10, *[late] * 40),
        "lr": series(*[0.5] * 10, *[0.5 * cut] * 40),
        "optimizer": Optimizer("SGD", ({"lr": 0.5},)),
        "modules": tuple(module(str(i), kind, i) for i, kind in enumerate(kinds)),
    }
    finding = learning_rate_too_high.check(**stays, best_update=0.066, usual_update=0.022)
    assert finding is not None
    assert alarms(finding) == loud


@pytest.mark.parametrize(("shrinking", "loud"), [(0.06, False), (0.02, True), (-0.1, True), (None, True)])
def test_steps_that_only_make_the_weights_smaller_are_a_decay_s(shrinking: float | None, loud: bool) -> None:
    known = {} if shrinking is None else {"shrinking": shrinking}
    finding = learning_rate_too_high.check(**signals(0.1, LEAP) | known)
    assert finding is not None
    assert alarms(finding) == loud


@pytest.mark.parametrize(("first", "leap", "found"), [(1.5, 4.5, True), (0.6, 4.5, False), (1.5, 2.4, False)])
def test_a_first_step_that_replaced_the_weights_is_worth_a_remark_though_it_was_made_up_for(
    first: float, leap: float, found: bool
) -> None:
    loss = series(2.3, leap, leap, 2.2, 2.0, *falling(2.0, 0.05).values)
    ratios = series(first, *[0.3] * 4, *[0.06] * 100)
    finding = learning_rate_too_high.check(**signals(0.1, loss) | {"update_ratio": ratios, "loss_left": 0.02})
    assert not alarms(finding)
    assert (finding is not None) == found


def transformer(rate: float, **more: object) -> dict[str, object]:
    """One that stays near a blind guess with steps of an ordinary size."""
    norms = tuple(module(f"ln{i}", "LayerNorm", i) for i in range(5))
    weights = tuple(weight(f"{i}.weight", numel=10_000) for i in range(6))
    return {
        **signals(0.02, falling(3.9, 3.1)),
        "modules": norms,
        "parameters": weights,
        "optimizer": Optimizer("AdamW", ({"lr": rate},)),
        "lr": flat(rate),
        "loss_left": 0.8,
        "best_update": 0.055,
    } | more


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (transformer(0.016), True),
        (transformer(0.003), False),
        (transformer(0.016, loss_left=0.4), False),  # a small one may bear it
        (transformer(0.016, optimizer=Optimizer("SGD", ({"lr": 0.016},))), False),
        (transformer(0.016, modules=()), False),
    ],
)
def test_a_rate_beyond_all_recipes_is_why_a_transformer_learns_little(given: dict[str, object], found: bool) -> None:
    finding = learning_rate_too_high.check(**given)
    assert alarms(finding) == found
    if finding is not None:
        assert finding.factor == pytest.approx(9.5, rel=0.1)


@pytest.mark.parametrize(("search", "found"), [("strong_wolfe", False), (None, True)])
def test_a_line_search_takes_no_step_that_goes_too_far(search: str | None, found: bool) -> None:
    """As for the few parameters of a kernel, which begin at zero, so that any step is large beside them."""
    group = {"lr": 0.5} | ({} if search is None else {"line_search_fn": search})
    finding = learning_rate_too_high.check(**SICK | {"optimizer": Optimizer("LBFGS", (group,))})
    assert (finding is not None) == found


@pytest.mark.parametrize(("began", "late", "found"), [(0.0, 0.03, False), (0.0, 0.5, True), (0.1, 0.03, True)])
def test_weights_that_begin_at_zero_have_no_size_for_early_steps_to_be_compared_with(
    began: float, late: float, found: bool
) -> None:
    """A generalised linear model that starts at the mean, and ends at the noise floor, 7 % lower."""
    loss = falling(0.92, 0.85)
    run = signals(0.2, loss) | {"update_ratio": series(*[0.25] * 20, *[late] * 20)}
    start = weight("lin.weight", shape=(1, 10), numel=10, init_std=began / 2, init_abs_max=began)
    finding = learning_rate_too_high.check(**run, parameters=(start,), loss_left=0.93)
    assert alarms(finding) == found


@pytest.mark.parametrize(("weights", "found"), [(2, False), (40, True)])
def test_a_weight_or_two_may_have_far_to_go(weights: int, found: bool) -> None:
    """A neuron without a bias, whose loss stops above zero whatever the rate is; the same steps of a layer are too large."""
    sick = signals(0.8, falling(0.7, 0.6), -1.2)
    layer = weight("lin.weight", shape=(1, weights), numel=weights, init_std=0.3, init_abs_max=0.6)
    assert alarms(learning_rate_too_high.check(**sick, parameters=(layer,), loss_left=0.9)) == found
    assert alarms(learning_rate_too_high.check(**SICK, parameters=(layer,))), "its loss rises"
