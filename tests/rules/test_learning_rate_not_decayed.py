from __future__ import annotations

import numpy as np
import pytest
from made import alarms, falling, flat, form, line, remarks

from tb_lossdiag.rules.learning_rate_not_decayed import learning_rate_not_decayed
from tb_lossdiag.series import Series, series
from tb_lossdiag.signals.optimizer import Optimizer

RATTLING = [0.77, 0.83, 0.81, 0.79]
SETTLED = form(series(*falling(2.3, 0.8, 100).values, *RATTLING * 38))
SICK = {
    "grad_cosine": flat(-0.4),
    "update_ratio": flat(0.02),
    "train_shape": SETTLED,
    "loss_left": 0.35,
    "lr": flat(0.1),
}
HEALTHY = SICK | {"grad_cosine": flat(0.1)}


@pytest.mark.parametrize(("cosine", "found"), [(-0.19, False), (-0.21, True)])
def test_threshold(cosine: float, found: bool) -> None:
    assert (learning_rate_not_decayed.check(**SICK | {"grad_cosine": flat(cosine)}) is not None) == found


def test_the_noise_floor_of_the_data_rattles_at_right_angles() -> None:
    assert learning_rate_not_decayed.check(**SICK | {"grad_cosine": flat(-0.05)}) is None


@pytest.mark.parametrize(("late", "loud"), [(0.83, False), (0.95, True)])
def test_where_validation_stays_at_its_best_rattling_costs_little(late: float, loud: bool) -> None:
    """As at the noise floor, under RMSprop, whose steps go to and fro for good."""
    finding = learning_rate_not_decayed.check(**SICK | {"eval_shape": form(series(2.0, 1.2, 0.9, 0.8, *[late] * 16))})
    assert alarms(finding) == loud
    assert finding is not None


def test_a_schedule_that_came_down_is_no_fault() -> None:
    assert learning_rate_not_decayed.check(**SICK | {"lr": line(0.1, 0.001)}) is None


def test_where_little_is_left_there_is_little_to_gain() -> None:
    assert learning_rate_not_decayed.check(**SICK | {"loss_left": 0.02}) is None


def test_a_loss_that_still_falls_does_not_rattle() -> None:
    assert learning_rate_not_decayed.check(**SICK | {"train_shape": form(line(2.3, 0.8))}) is None


@pytest.mark.parametrize(("points", "found"), [(99, False), (100, True)])
def test_a_run_of_a_few_steps_may_stand_on_its_first_plateau(points: int, found: bool) -> None:
    values = [*falling(2.3, 0.8, points // 3).values, *RATTLING * points][:points]
    young = form(series(*values))
    assert (learning_rate_not_decayed.check(**SICK | {"train_shape": young}) is not None) == found


def test_gradients_of_all_samples_that_oppose_each_other_while_the_loss_falls_do_not_rattle() -> None:
    """At the edge of stability, where full batches train for long."""
    smooth = form(series(*falling(2.3, 0.8, 100, noise=0).values, *[0.8] * 150))
    assert learning_rate_not_decayed.check(**SICK | {"grad_cosine": flat(-0.95), "train_shape": smooth}) is None


def test_a_loss_that_fell_far_and_still_gains_a_good_part_of_what_is_left_has_not_settled() -> None:
    slow = np.linspace(0.5, 0.35, 150) + np.tile([0.02, -0.02], 75)
    assert (
        learning_rate_not_decayed.check(**SICK | {"train_shape": form(series(*falling(4.0, 0.5, 100).values, *slow))})
        is None
    )


def test_a_run_that_goes_on_may_yet_lower_its_rate() -> None:
    sways = SICK | {"eval_shape": form(series(2.0, 1.2, 0.9, 0.8, *[0.95] * 16))}
    assert alarms(learning_rate_not_decayed.check(**sways, finished=True))
    assert alarms(learning_rate_not_decayed.check(**sways)), "nobody says that it is not over"
    assert remarks(learning_rate_not_decayed.check(**sways, finished=False))
    assert remarks(learning_rate_not_decayed.check(**SICK, finished=True)), "nobody knows what it costs"


def test_a_few_cosines_are_not_enough() -> None:
    assert learning_rate_not_decayed.check(**SICK | {"grad_cosine": flat(-0.4, 6)}) is None


SWAYS = HEALTHY | {"travel": 4.5, "eval_shape": form(series(*falling(2.3, 0.8, 20).values, 0.9, 0.95))}


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, True),
        ({"travel": 3.8}, False),
        ({"travel": None}, False),
        ({"update_ratio": flat(0.007)}, False),
        ({"lr": line(0.1, 0.05)}, False),
        ({"eval_shape": form(falling(2.3, 0.8, 20, noise=0.0))}, False),
        ({"eval_shape": None}, False),
    ],
)
def test_a_validation_loss_that_sways_under_large_steps_is_worth_a_remark(
    changes: dict[str, object], found: bool
) -> None:
    assert remarks(learning_rate_not_decayed.check(**SWAYS | changes)) == found


def test_a_schedule_that_lowers_nothing_is_a_plainer_reason_than_a_loss_that_sways() -> None:
    planned = {"optimizer": Optimizer("Adam", ({"lr": 0.1, "initial_lr": 0.1},)), "lr": flat(0.1), "finished": True}
    finding = learning_rate_not_decayed.check(**SWAYS | planned)
    assert "A schedule is set up" in (finding.summary if finding else "")


@pytest.mark.parametrize(
    ("group", "rate", "finished", "found"),
    [
        ({"lr": 0.1, "initial_lr": 0.1}, flat(0.1), True, True),
        ({"lr": 0.1}, flat(0.1), True, False),  # no schedule
        ({"lr": 0.1, "initial_lr": 0.1}, flat(0.1), False, False),  # it may come yet
        ({"lr": 0.01, "initial_lr": 0.1}, line(0.1, 0.01), True, False),
        ({"lr": 0.1, "initial_lr": 0.01}, flat(0.1), True, False),  # multiplied once
    ],
)
def test_a_schedule_that_never_changes_anything_is_worth_a_remark(
    group: dict[str, float], rate: Series, finished: bool, found: bool
) -> None:
    told = {"optimizer": Optimizer("Adam", (group,)), "lr": rate, "finished": finished}
    finding = learning_rate_not_decayed.check(**HEALTHY | told)
    assert remarks(finding) == found
    assert finding is None or finding.at_first, "it was set up so: neither noise nor large steps have brought it about"


@pytest.mark.parametrize(
    ("group", "rate", "found"),
    [
        ({"lr": 0.1, "learning_rate": 1e-3}, flat(0.1), True),
        ({"lr": 0.1, "learning_rate": 0.1}, flat(0.1), False),  # kept there too
        ({"lr": 0.1, "learning_rate": 0.3}, line(0.1, 0.01), False),  # a schedule changes the one that counts
        ({"lr": 0.1, "initial_lr": 0.1}, flat(0.1), False),
        ({"learning_rate": 1e-3}, series(), False),  # an optimizer of the user's own
    ],
)
def test_a_rate_that_is_written_where_no_optimizer_reads_it(group: dict[str, float], rate: Series, found: bool) -> None:
    finding = learning_rate_not_decayed.check(**HEALTHY | {"optimizer": Optimizer("SGD", (group,)), "lr": rate})
    assert alarms(finding) == found
    assert not found or "learning_rate is 0.001" in finding.summary
