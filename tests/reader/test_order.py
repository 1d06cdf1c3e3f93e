from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_lossdiag.reader.order import Order, in_order


def order(steps: list[int], *joins: int) -> Order:
    return in_order(np.array(steps, dtype=np.int64), np.array(joins, dtype=np.int64))


@pytest.mark.parametrize("steps", [[], [7], [0, 1, 2], [-3, 0, 10**15]])
def test_steps_that_rise_are_taken_as_they_are(steps: list[int]) -> None:
    found = order(steps)
    assert (found.kind, found.chosen.tolist()) == ("plain", list(range(len(steps))))


def test_of_several_points_at_one_step_the_last_counts() -> None:
    assert order([0, 1, 1, 1, 2]).chosen.tolist() == [0, 3, 4]


def test_points_that_are_all_at_one_step_are_counted() -> None:
    found = order([5, 5, 5])
    assert (found.kind, found.chosen.tolist()) == ("counted", [0, 1, 2])


def test_a_resumed_run_supersedes_what_it_repeats_and_keeps_what_came_before() -> None:
    found = order([0, 10, 20, 30, 40, 50, 20, 30, 40], 6)
    assert (found.kind, found.at, found.dropped) == ("restarted", 20, 4)
    assert found.chosen.tolist() == [0, 1, 6, 7, 8]


def test_a_further_file_is_a_restart_even_if_it_goes_back_over_one_point() -> None:
    assert order([0, 10, 20, 20, 30], 3).chosen.tolist() == [0, 1, 3, 4]
    assert order([0, 10, 20, 15, 30], 3).dropped == 1


def test_a_further_file_that_goes_on_is_no_restart() -> None:
    assert order([0, 10, 20, 30], 2).kind == "plain"


def test_of_several_restarts_each_supersedes_all_before_it() -> None:
    found = order([0, 1, 2, 3, 4, 5, 3, 4, 5, 6, 1, 2], 6, 10)
    assert found.chosen.tolist() == [0, 10, 11]
    assert found.at == 1


def test_a_training_that_was_repeated_in_one_file_counts_from_its_last_beginning() -> None:
    found = order([*range(10), *range(8)])
    assert (found.kind, found.dropped) == ("restarted", 10)
    assert found.chosen.tolist() == list(range(10, 18))


def test_writers_that_overtake_each_other_by_a_point_are_only_sorted() -> None:
    found = order([0, 1, 3, 2, 4, 6, 5])
    assert (found.kind, found.dropped) == ("plain", 0)
    assert found.chosen.tolist() == [0, 1, 3, 2, 4, 6, 5]


def test_a_step_that_each_epoch_counts_anew_does_not_tell_the_order() -> None:
    found = order([*range(10), *range(10), *range(10), *range(4)])
    assert found.kind == "counted"
    assert len(found.chosen) == 34


def test_as_many_resumes_from_files_are_no_epochs() -> None:
    assert order([*range(10), *range(10), *range(10)], 10, 20).kind == "restarted"


def test_means_of_epochs_among_the_batches_are_left_out() -> None:
    found = order([0, 1, 2, 3, 0, 4, 5, 6, 7, 1, 8, 9, 10, 11, 2])
    assert (found.kind, found.dropped) == ("mixed", 3)
    assert found.chosen.tolist() == [0, 1, 2, 3, 5, 6, 7, 8, 10, 11, 12, 13]


def test_a_validation_that_is_logged_at_its_step_and_at_its_epoch_is_taken_at_its_step() -> None:
    found = order([45, 0, 90, 1, 135, 2, 180, 3])
    assert (found.kind, found.chosen.tolist()) == ("mixed", [0, 2, 4, 6])


def test_going_back_once_or_for_good_is_no_other_count() -> None:
    assert order([0, 1, 2, 3, 4, 0, 5, 6]).kind == "restarted"
    assert order([0, 1, 2, 3, 0, 4, 5, 6, 2, 3, 4]).kind == "restarted"
    assert order([0, 10, 20, 30, 5, 40, 50, 15, 60], 4, 7).kind == "restarted"


def strays_slowly(steps: list[int], joins: list[int]) -> list[int]:
    """Each point at which the steps go back and then on again, if they never go back further than a point or two otherwise."""
    back = [i for i in range(1, len(steps)) if steps[i] < steps[i - 1]]
    far = [i for i in back if i in joins or (i >= 3 and max(steps[: i - 2]) >= steps[i])]
    alone = [
        i
        for i in back
        if i not in joins and i + 1 not in joins and (i + 1 == len(steps) or steps[i + 1] >= max(steps[:i]))
    ]
    return alone if len(far) >= 2 and set(far) <= set(alone) else []


def superseded_slowly(steps: list[int], joins: list[int]) -> list[int]:
    """The rule, point by point: a later restart from a step at or below a point's supersedes the point."""
    restarts = [
        i
        for i in range(1, len(steps))
        if steps[i] < steps[i - 1] and (i in joins or (i >= 3 and max(steps[: i - 2]) >= steps[i]))
    ]
    kept = [i for i, step in enumerate(steps) if not any(r > i and steps[r] <= step for r in restarts)]
    last = {steps[i]: i for i in kept}
    return [last[step] for step in sorted(last)]


@given(st.lists(st.integers(-3, 12), max_size=40), st.lists(st.integers(0, 40), max_size=3))
def test_the_quick_way_agrees_with_the_rule_point_by_point(steps: list[int], joins: list[int]) -> None:
    found = order(steps, *joins)
    if found.kind == "counted":
        assert found.chosen.tolist() == list(range(len(steps)))
    elif strays := strays_slowly(steps, joins):
        last = {step: i for i, step in enumerate(steps) if i not in strays}
        assert (found.kind, found.chosen.tolist()) == ("mixed", [last[step] for step in sorted(last)])
    else:
        assert found.chosen.tolist() == superseded_slowly(steps, joins)
        assert (np.diff(np.array(steps)[found.chosen]) > 0).all()


def test_steps_at_the_limits_of_their_type_do_not_overflow() -> None:
    low, high = -(2**63), 2**63 - 1
    assert order([low, 0, high]).chosen.tolist() == [0, 1, 2]
    assert order([low, high, high, low, 5], 3).chosen.tolist() == [3, 4]
