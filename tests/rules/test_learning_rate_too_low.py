from __future__ import annotations

import numpy as np
import pytest
from made import alarms, falling, flat, form, line, remarks, weight

from tb_lossdiag.finding import REMARK
from tb_lossdiag.rules.learning_rate_too_low import learning_rate_too_low
from tb_lossdiag.series import Series, series
from tb_lossdiag.signals.optimizer import Optimizer
from tb_lossdiag.signals.schedule import Schedule


def signals(ratio: float, loss: Series) -> dict[str, object]:
    left = float(loss.values[-1] / loss.values[0])
    return {"update_ratio": flat(ratio), "train_shape": form(loss), "loss_left": left, "grad_cosine": flat(0.95, 20)}


SICK = signals(5e-5, line(2.3, 2.2)) | {"schedule": Schedule(flat(1e-5))}
HEALTHY = signals(5e-3, falling(2.3, 0.1))


@pytest.mark.parametrize(("ratio", "found"), [(3.1e-3, False), (2.9e-3, True)])
def test_threshold_of_the_update_ratio(ratio: float, found: bool) -> None:
    assert (learning_rate_too_low.check(**signals(ratio, line(2.3, 2.2))) is not None) == found


@pytest.mark.parametrize(("travel", "loud"), [(0.9, True), (1.2, False)])
def test_where_the_loss_stands_and_the_weights_have_moved_by_their_size_small_steps_are_a_remark(
    travel: float, loud: bool
) -> None:
    """A floor that noisy targets leave far above zero."""
    floor = signals(2e-3, falling(1.5, 1.2, 900)) | {"eval_shape": form(falling(1.5, 1.2, 9)), "travel": travel}
    finding = learning_rate_too_low.check(**floor)
    assert alarms(finding) == loud
    assert remarks(finding) != loud


@pytest.mark.parametrize(("evaluation", "loud"), [(falling(1.5, 1.2, 20), False), (line(1.5, 1.35, 20), True)])
def test_where_validation_has_stood_for_half_of_the_run_small_steps_got_it_there(
    evaluation: Series, loud: bool
) -> None:
    train = line(1.5, 1.35, 900) if loud else falling(1.5, 1.2, 900)
    noisy = signals(2e-3, train) | {"eval_shape": form(evaluation), "travel": 0.6}
    assert alarms(learning_rate_too_low.check(**noisy)) == loud


@pytest.mark.parametrize(("rate", "loud"), [(1e-3, True), (0.3, False)])
def test_where_no_usual_rate_makes_up_for_it_the_gradient_is_small_and_the_rate_only_suspect(
    rate: float, loud: bool
) -> None:
    finding = learning_rate_too_low.check(
        **SICK | {"schedule": Schedule(flat(rate)), "optimizer": Optimizer("SGD", ({"lr": rate},))}
    )
    assert alarms(finding) == loud
    assert remarks(finding) != loud
    assert finding is not None
    assert ("gradient is small" in finding.summary) != loud


def test_small_steps_that_got_somewhere_are_fine() -> None:
    assert learning_rate_too_low.check(**signals(1e-4, falling(2.3, 0.1))) is None


def test_a_schedule_that_decays_at_the_end_is_judged_at_its_full_rate() -> None:
    decayed = {
        "update_ratio": series(*[5e-3] * 20, *[1e-6] * 30),
        "schedule": Schedule(series(*[0.1] * 20, *[1e-5] * 30)),
        "train_shape": form(falling(2.3, 1.0)),
        "loss_left": 0.4,
    }
    assert learning_rate_too_low.check(**decayed) is None


def test_the_remedy_says_what_learning_rate_to_use() -> None:
    finding = learning_rate_too_low.check(**SICK)
    assert finding is not None
    assert finding.factor == pytest.approx(5e-5 / 0.022)
    assert "from 1e-05 to about 0.004" in finding.remedies[0].action


@pytest.mark.parametrize(("ratio", "finished", "loud"), [(1e-3, False, False), (1e-3, True, True), (5e-5, False, True)])
def test_a_run_that_goes_on_may_yet_get_there_unless_the_steps_are_tiny(
    ratio: float, finished: bool, loud: bool
) -> None:
    finding = learning_rate_too_low.check(**signals(ratio, line(2.3, 2.2)) | {"finished": finished})
    assert finding is not None
    assert alarms(finding) == loud


def test_two_sampled_steps_are_not_enough() -> None:
    assert learning_rate_too_low.check(**SICK | {"update_ratio": flat(5e-5, 2)}) is None


def test_fine_tuning_takes_small_steps_on_purpose() -> None:
    assert learning_rate_too_low.check(**signals(1e-4, line(0.05, 0.04)) | {"loss_left": 0.02}) is None


@pytest.mark.parametrize(("travel", "found"), [(1.1, False), (0.9, True), (0.0, False)])
def test_steps_that_could_not_move_the_weights_by_their_own_size_all_together_are_too_small(
    travel: float, found: bool
) -> None:
    slow = signals(8e-3, line(2.3, 1.2)) | {"update_ratio": flat(8e-3, 150), "travel": travel}
    assert (learning_rate_too_low.check(**slow) is not None) == found
    assert learning_rate_too_low.check(**slow | {"update_ratio": flat(1.2e-2, 150)}) is None
    assert learning_rate_too_low.check(**slow | {"train_shape": form(line(2.3, 1.2, 99))}) is None


def test_a_warm_up_that_is_still_running_has_small_steps_on_purpose() -> None:
    assert learning_rate_too_low.check(**SICK | {"schedule": Schedule(line(1e-6, 1e-4))}) is None
    assert learning_rate_too_low.check(**SICK | {"schedule": Schedule(series(1e-6, 1e-4, 1e-5))}) is not None


def test_what_begins_far_below_a_blind_guess_is_fine_tuned() -> None:
    assert learning_rate_too_low.check(**SICK | {"loss_left": 0.4}) is None


def test_a_first_batch_that_is_easy_by_chance_is_no_fine_tuning() -> None:
    noise = np.random.default_rng(0).normal(0, 0.25, 100)
    noise[0] = -0.4
    chance = form(series(*(1.0 + noise)))
    assert chance.first < 0.7
    stuck = SICK | {"train_shape": chance, "loss_left": chance.last}
    assert learning_rate_too_low.check(**stuck) is not None
    tuned = form(series(*(0.4 + noise / 10)))
    assert learning_rate_too_low.check(**stuck | {"train_shape": tuned, "loss_left": tuned.last}) is None


def test_steps_that_do_not_help_are_not_too_small() -> None:
    flat_out = signals(8e-3, falling(2.3, 1.5)) | {"update_ratio": flat(8e-3, 150), "travel": 0.4}
    assert learning_rate_too_low.check(**flat_out) is None
    assert learning_rate_too_low.check(**flat_out, eval_shape=form(line(2.3, 1.5, 20))) is not None
    falls = signals(8e-3, line(2.3, 1.5)) | {"update_ratio": flat(8e-3, 150), "travel": 0.4}
    assert learning_rate_too_low.check(**falls, eval_shape=form(line(2.3, 2.9, 20))) is None
    assert learning_rate_too_low.check(**falls | {"loss_left": 1.7}) is None


BESIDE = {
    "update_ratio": flat(4e-3, 150),
    "train_shape": form(line(2.3, 0.5)),
    "loss_left": 0.2,
    "travel": 0.6,
    "eval_shape": form(line(2.3, 0.52, 20)),
    "grad_cosine": flat(0.4, 20),
}


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, True),
        ({"update_ratio": flat(7e-3, 150)}, False),
        ({"usual_update": 0.012, "best_update": 0.012}, False),
        ({"loss_left": 0.029}, False),
        ({"travel": 1.7}, False),
        ({"travel": None}, False),
        ({"eval_shape": None}, True),
        ({"eval_shape": form(line(2.3, 0.75, 20))}, False),  # a network that memorises has had steps enough
        ({"eval_shape": form(series(*[*line(2.3, 0.5, 12).values, *line(0.5, 0.6, 8).values]))}, False),
        ({"train_shape": form(series(*[*line(2.3, 0.5, 120).values, *line(0.5, 0.9, 80).values]))}, False),
    ],
)
def test_steps_small_beside_the_usual_ones_are_worth_a_remark_after_a_short_way(
    changes: dict[str, object], found: bool
) -> None:
    assert remarks(learning_rate_too_low.check(**BESIDE | changes)) == found


def test_they_are_an_alarm_where_much_is_left_and_they_are_far_below() -> None:
    steps = {"loss_left": 0.5, "update_ratio": flat(3.5e-3, 150)}
    slowing = [series(*(1.1 + 1.2 * np.exp(-np.linspace(0, 4.5, points)))) for points in (200, 20)]
    slow = {"train_shape": form(slowing[0]), "eval_shape": form(slowing[1])}
    assert alarms(learning_rate_too_low.check(**BESIDE | slow | steps))
    assert remarks(learning_rate_too_low.check(**BESIDE | slow | steps | {"travel": 1.3}))  # by small steps, but far
    arrived = {"train_shape": form(falling(2.3, 1.1)), "eval_shape": form(falling(2.3, 1.1, 20))}
    assert remarks(learning_rate_too_low.check(**BESIDE | arrived | steps))  # a floor, as of noisy targets


@pytest.mark.parametrize(
    ("gamma", "left", "travel", "killed"),
    [(0.5, 0.99, 0.03, True), (0.99, 0.99, 0.03, False), (0.5, 0.3, 0.5, False), (0.5, 0.99, 3.0, False)],
)
def test_a_schedule_that_counts_batches_ends_training_before_it_began(
    gamma: float, left: float, travel: float, killed: bool
) -> None:
    """A schedule that acts on a plateau has moved the weights a long way before; one that decays slowly leaves something."""
    rates = series(*(0.1 * gamma ** (i // 5) for i in range(200)))
    seen = {
        "train_shape": form(flat(2.3, 200)),
        "loss_left": left,
        "travel": travel,
        "schedule": Schedule(rates),
        "update_ratio": flat(1e-5, 200),
    }
    finding = learning_rate_too_low.check(**seen)
    assert (finding is not None and "schedule" in finding.summary) == killed
    if killed and finding is not None:
        assert "step 35 on" in finding.summary


def test_what_never_fell_does_not_say_that_its_steps_help() -> None:
    stays = BESIDE | {"train_shape": form(flat(2.3, 200)), "eval_shape": form(flat(2.3, 20)), "loss_left": 0.99}
    assert learning_rate_too_low.check(**stays) is None


@pytest.mark.parametrize(("kind", "rate", "most"), [("SGD", 0.01, "1"), ("Adam", 1e-3, "0.03")])
def test_no_rate_is_advised_that_hardly_any_training_wants(kind: str, rate: float, most: str) -> None:
    far = SICK | {
        "update_ratio": flat(1e-6),
        "schedule": Schedule(flat(rate)),
        "optimizer": Optimizer(kind, ({"lr": rate},)),
    }
    finding = learning_rate_too_low.check(**far)
    assert finding is not None
    assert f"from {rate:g} to {most}, and look again" in finding.remedies[0].action


def test_the_factor_is_told_from_the_ratio_to_aim_at_and_ends_at_the_highest_rate() -> None:
    """A deep network's first plateau: gradients are tiny, and so are steps, whatever the rate (SGD on 6 ReLU layers: 1500 for 30)."""
    plain = learning_rate_too_low.check(**SICK)
    normalised = learning_rate_too_low.check(**SICK, best_update=0.066)
    assert plain is not None
    assert normalised is not None
    assert normalised.factor == pytest.approx(plain.factor / 3)
    momentum = Optimizer("SGD", ({"lr": 1e-3, "momentum": 0.9},))
    finding = learning_rate_too_low.check(
        **SICK | {"update_ratio": flat(1e-6), "schedule": Schedule(flat(1e-3)), "optimizer": momentum}
    )
    assert finding is not None
    assert finding.factor == pytest.approx(1 / 100)


@pytest.mark.parametrize(("end", "loud"), [(2.0, True), (1.2, False)])
def test_a_loss_that_falls_fast_is_young_and_a_short_run_is_no_alarm(end: float, loud: bool) -> None:
    """A first epoch at a usual rate of Adam's: small steps, and a loss that is soon halved."""
    young = signals(2e-3, line(2.3, end)) | {"update_ratio": flat(2e-3, 150)}
    assert alarms(learning_rate_too_low.check(**young)) == loud
    assert remarks(learning_rate_too_low.check(**young | {"train_shape": form(line(2.3, end, 199))}))


def test_weights_that_went_their_way_by_small_steps_had_steps_enough() -> None:
    long = SICK | {"update_ratio": flat(1e-3)}
    assert learning_rate_too_low.check(**long) is not None
    assert learning_rate_too_low.check(**long, travel=1.7) is None


def test_steps_that_go_one_way_at_a_blind_guess_are_too_small() -> None:
    """A network that comes down from far above to what a blind guess reaches, and crawls there."""
    crawls = series(*(0.09 + 0.2 * np.exp(-np.arange(1000) / 100) + np.linspace(1e-3, 0, 1000)))
    stuck = signals(3.1e-3, crawls) | {"loss_left": 1.0, "travel": 0.46}
    assert alarms(learning_rate_too_low.check(**stuck))
    assert learning_rate_too_low.check(**stuck | {"grad_cosine": flat(0.05, 20)}) is None, "steps without a direction"


def test_a_loss_that_rises_does_not_want_larger_steps() -> None:
    """The returns of an agent that gets better grow, and the error of its critic with them."""
    assert learning_rate_too_low.check(**signals(1e-3, line(21, 32)) | {"loss_left": 1.5}) is None


def test_of_a_few_steps_only_tiny_ones_are_too_small() -> None:
    few = {"train_shape": form(line(2.32, 2.22, 40)), "loss_left": 0.96, "travel": 0.1}
    assert learning_rate_too_low.check(**signals(2e-3, line(2.32, 2.22, 40)) | few) is None
    assert remarks(learning_rate_too_low.check(**signals(5e-5, line(2.32, 2.22, 40)) | few))


def test_small_steps_that_go_nowhere_are_worth_a_remark() -> None:
    noise = series(*(2.3 + 0.05 * np.random.default_rng(0).normal(size=1000)))
    aimless = signals(2e-3, noise) | {"loss_left": 1.0, "grad_cosine": flat(0.02, 20), "travel": 1.0}
    assert remarks(learning_rate_too_low.check(**aimless))
    assert alarms(learning_rate_too_low.check(**aimless | {"grad_cosine": flat(0.5, 20)}))


@pytest.mark.parametrize(("died", "left", "found"), [(40, 0.4, True), (40, 0.01, False), (160, 0.4, False)])
def test_a_rate_of_zero_is_told_where_something_is_left(died: int, left: float, found: bool) -> None:
    rate = series(*[0.006] * died, *[0.0] * (200 - died))
    loss = series(*np.linspace(2.3, 0.9, died), *[0.9] * (200 - died))
    finding = learning_rate_too_low.check(
        update_ratio=flat(0.02), train_shape=form(loss), loss_left=left, schedule=Schedule(rate), travel=2.0
    )
    assert (finding is not None and "is 0 from step" in finding.summary) == found


def test_a_part_that_is_held_back_on_purpose_does_not_make_the_rate_too_low() -> None:
    assert learning_rate_too_low.check(**SICK) is not None
    assert learning_rate_too_low.check(**SICK | {"fastest_updates": flat(0.05)}) is None


@pytest.mark.parametrize(("lowered", "found"), [(True, True), (False, False)])
def test_a_loss_that_fell_until_a_schedule_took_the_rate_down_is_not_done(lowered: bool, found: bool) -> None:
    steps = np.arange(400)
    rate = 0.5 * (1 + np.cos(np.pi * steps / 400)) if lowered else np.ones(400)
    way = np.cumsum(rate) / rate.sum()
    loss = series(*(2.3 - 1.8 * way)) if lowered else series(*(2.3 - 1.8 * np.minimum(1, steps / 150)))
    slow = {
        "update_ratio": flat(0.003),
        "train_shape": form(loss),
        "loss_left": 0.22,
        "schedule": Schedule(series(*rate)),
        "travel": 0.5,
    }
    finding = learning_rate_too_low.check(**slow)
    assert (finding is not None) == found
    assert finding is None or finding.severity == "info"


def test_a_part_that_is_frozen_by_a_rate_of_zero_leaves_the_others_learning() -> None:
    rate, loss = series(*[0.006] * 40, *[0.0] * 160), falling(2.3, 0.9)
    given = {
        "update_ratio": flat(0.02),
        "train_shape": form(loss),
        "loss_left": 0.4,
        "schedule": Schedule(rate),
        "travel": 2.0,
    }
    groups = ({"lr": 0.0}, {"lr": 0.01})
    assert learning_rate_too_low.check(**given, optimizer=Optimizer("Adam", groups[:1])) is not None
    assert learning_rate_too_low.check(**given, optimizer=Optimizer("Adam", groups)) is None


def cut(
    *, at: int, before: float, validation: float | None = None, rates: tuple[float, ...] = (0.01, 1e-5)
) -> dict[str, object]:
    """A training of 300 steps whose loss falls by the share `before` in the last third before the rate is taken away, and stands still then."""
    steps = np.arange(300)
    fallen = 1.2 * np.exp(-steps / 8) + 0.4 * (1 - before * np.clip((steps - at / 3) / (at / 3), 0, 2) / 2)
    noise = np.random.default_rng(0).normal(0, 0.01, 300)
    lr = np.where(steps < at, rates[0], rates[1])
    evaluated = np.arange(10, 300, 10)
    curve = 0.5 - (validation or 0.0) * np.clip(evaluated, 0, at) / at
    return {
        "update_ratio": flat(5e-3, 100),
        "train_shape": form(Series(steps, fallen + noise)),
        "train_loss": Series(steps, fallen + noise),
        "eval_loss": None if validation is None else Series(evaluated, curve),
        "schedule": Schedule(Series(steps, lr)),
        "loss_left": 0.25,
    }  # fmt: skip


@pytest.mark.parametrize("validation", [None, 0.2])
def test_a_schedule_that_takes_the_rate_away_while_the_loss_falls_is_an_alarm(validation: float | None) -> None:
    found = learning_rate_too_low.check(**cut(at=90, before=0.3, validation=validation))
    assert alarms(found)
    assert found is not None
    assert "though the loss still fell" in found.summary


@pytest.mark.parametrize(
    "sound",
    [
        cut(at=90, before=0.0),  # a plateau, as ReduceLROnPlateau waits for
        cut(at=90, before=0.3, validation=0.0),  # validation stands still: what the schedule looks at
        cut(at=90, before=0.3, validation=-0.2),
        cut(at=200, before=0.3),  # a step at two thirds
        cut(at=90, before=0.3, rates=(0.01, 1e-3)),
        cut(at=90, before=0.3) | {"loss_left": 0.05},
    ],
)
def test_a_schedule_that_waits_for_its_time_is_none(sound: dict[str, object]) -> None:
    assert not alarms(learning_rate_too_low.check(**sound))


def ramps(count: int, *, falls: bool = False) -> dict[str, object]:
    """So many warm-ups one after the other; or rates that fall in between, as cyclic schedules do."""
    ramp = np.linspace(1e-6, 4e-4, 20)
    cycle = np.concatenate([ramp, ramp[::-1]]) if falls else ramp
    return signals(5e-3, line(2.3, 1.5)) | {"schedule": Schedule(series(*np.tile(cycle, count)))}


@pytest.mark.parametrize(("count", "found"), [(1, False), (2, False), (4, True), (10, True)])
def test_a_warm_up_that_begins_anew_again_and_again_never_gets_there(count: int, found: bool) -> None:
    assert alarms(learning_rate_too_low.check(**ramps(count))) == found


@pytest.mark.parametrize(
    "schedule",
    [
        ramps(6, falls=True),
        ramps(6)
        | {"schedule": Schedule(series(*np.tile(1e-3 * (1 + np.cos(np.linspace(0, 3.1, 20))), 6)))},  # warm restarts
        ramps(6) | {"schedule": Schedule(series(*np.repeat([0.1, 0.01, 0.001, 1e-4, 1e-5], 20)))},
        ramps(6) | {"loss_left": 0.05},
    ],
)
def test_cycles_restarts_and_steps_are_schedules(schedule: dict[str, object]) -> None:
    assert not alarms(learning_rate_too_low.check(**schedule))


WARMS = signals(5e-4, line(0.7, 0.62)) | {"schedule": Schedule(line(1e-6, 2e-4)), "finished": True}


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, True),
        ({"finished": False}, False),  # it may go on
        ({"finished": None}, False),
        ({"update_ratio": flat(3.1e-3)}, False),
        ({"loss_left": 0.2}, False),
        ({"schedule": Schedule(series(*line(1e-6, 2e-4).values, 1e-4))}, False),  # it is over
    ],
)
def test_a_warm_up_that_is_longer_than_the_run_never_gets_there(changes: dict[str, object], found: bool) -> None:
    finding = learning_rate_too_low.check(**WARMS | changes)
    assert (finding is not None and "warm-up" in finding.summary) == found


@pytest.mark.parametrize(("travel", "loud"), [(0.09, True), (0.11, False)])
def test_weights_that_stand_where_they_were_drawn_have_learnt_nothing_wherever_their_steps_go(
    travel: float, loud: bool
) -> None:
    stands = signals(5e-5, flat(2.3, 300)) | {"loss_left": 1.0, "grad_cosine": flat(0.02, 20), "travel": travel}
    finding = learning_rate_too_low.check(**stands)
    assert finding is not None
    assert alarms(finding) == loud


def test_a_loss_that_came_down_at_once_and_is_flat_since_lies_at_its_floor() -> None:
    """As of targets that the inputs tell a third of, under a rate that goes round and round: the same steps got it there."""
    jitter = 0.05 * np.sin(37.0 * np.arange(600) ** 1.3)
    floor = form(series(*(1.4 + 0.9 * np.exp(-np.arange(600) / 12) + jitter)))
    slow = form(series(*(2.3 - 0.9 * np.arange(600) / 600 + jitter)))
    given = {"update_ratio": flat(5e-5), "loss_left": 0.61, "grad_cosine": flat(0.3, 20), "travel": 0.03}
    assert learning_rate_too_low.check(**given, train_shape=slow) is not None
    assert learning_rate_too_low.check(**given, train_shape=floor) is None


@pytest.mark.parametrize(("end", "found"), [(0.2, True), (0.01, False)])
def test_where_the_gradient_has_all_but_gone_larger_steps_are_not_what_is_lacking(end: float, found: bool) -> None:
    """As of inputs that tell nothing: steps that are too small leave the gradient what it was."""
    gradient = series(*np.geomspace(1.0, end, 100), *[end] * 200)
    standing = SICK | {"train_shape": form(flat(2.3, 300)), "grad_norm": gradient}
    assert (learning_rate_too_low.check(**standing) is not None) == found


@pytest.mark.parametrize(("largest", "loud"), [(0.13, True), (0.2, False)])
def test_a_network_that_was_trained_before_may_be_meant_to_take_small_steps(largest: float, loud: bool) -> None:
    """As the second phase of deep embedded clustering: no first loss tells of it."""
    bias = weight("encoder.bias", kind="bias", shape=(64,), numel=64, init_std=0.075, init_abs_max=largest)
    assert alarms(learning_rate_too_low.check(**SICK | {"parameters": (bias,)})) == loud


@pytest.mark.parametrize(("evaluations", "found"), [((1.2, 0.5), False), ((1.2, 0.9), True), ((1.2, 0.7, 0.5), True)])
def test_a_run_of_two_epochs_that_got_far_lacks_steps(evaluations: tuple[float, ...], found: bool) -> None:
    """It has got rid of most of its loss, and would soon be rid of more."""
    run = signals(8e-3, line(2.3, 0.5, 300)) | {"loss_left": 0.2, "travel": 1.4, "best_update": 0.06}
    assert (learning_rate_too_low.check(**run, eval_loss=series(*evaluations)) is not None) == found


@pytest.mark.parametrize(
    ("passes", "evaluations", "loss", "first"),
    [
        (4.0, 20, line(2.3, 1.5, 200), False),
        (None, 5, line(2.3, 1.5, 200), False),  # as most people do, one evaluation an epoch
        (30.0, 5, line(2.3, 1.5, 200), True),
        (None, 30, line(2.3, 1.5, 200), True),
        (4.0, 5, falling(2.3, 1.2, 200), True),  # it slows down already
    ],
)
def test_a_loss_that_does_not_slow_down_after_a_handful_of_epochs_lacks_steps_in_the_first_place(
    passes: float | None, evaluations: int, loss: Series, first: bool
) -> None:
    held_out = line(2.3, 1.5, evaluations)
    known = signals(4e-3, loss) | {
        "travel": 0.3,
        "passes": passes,
        "eval_loss": held_out,
        "usual_update": 0.03,
        "best_update": 0.03,
    }
    finding = learning_rate_too_low.check(**known)
    assert remarks(finding)
    assert finding is not None
    assert (finding.confidence > REMARK) == first
