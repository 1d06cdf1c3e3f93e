"""What became of the learning rate."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from made import flat, line
from strategies import numbers

from tb_lossdiag.series import Series, series
from tb_lossdiag.signals.schedule import Schedule, schedule


def test_no_finite_rate_is_no_schedule() -> None:
    assert schedule(lr=series()) is None
    assert schedule(lr=series(math.nan, math.inf)) is None


@pytest.mark.parametrize(
    ("rates", "died"),
    [
        (series(0.1, 0.1, 0.0005, 0.0004), 2),
        (series(0.1, 0.0005, 0.1, 0.0004), 3),  # it had come back
        (flat(0.1, 4), None),
        (flat(0.0, 4), None),
        (series(0.1, 0.0), None),  # two points are no schedule
    ],
)
def test_it_has_died_where_it_never_comes_back(rates: Series, died: int | None) -> None:
    assert Schedule(rates).died(0.01) == died


@pytest.mark.parametrize(
    ("rates", "cut"),
    [
        (series(0.01, 0.1, 0.1, 0.04), 3),
        (series(0.01, 0.1, 0.1, 0.06), None),
        (series(0.01, 0.04, 0.1), None),  # low before its largest value only
    ],
)
def test_it_is_cut_where_most_of_the_largest_rate_is_gone(rates: Series, cut: int | None) -> None:
    assert Schedule(rates).cut == cut


def test_a_warm_up_that_begins_anew_is_counted_and_warm_restarts_are_not() -> None:
    again = Schedule(series(*np.tile(np.linspace(1e-5, 1e-3, 20), 4)))
    assert again.ramps == 3
    assert again.falls == [20, 40, 60]
    assert Schedule(series(*np.tile(np.linspace(1e-3, 1e-5, 20), 4))).ramps == 0


def test_it_is_warming_up_while_the_last_rate_is_the_largest() -> None:
    assert Schedule(line(1e-6, 1e-4)).warming_up
    assert not Schedule(line(1e-4, 1.2e-4)).warming_up
    assert not Schedule(series(1e-6, 1e-4, 1e-5)).warming_up


@given(st.lists(numbers, max_size=30), st.floats(0, 1))
@example([0.0, 0.0, 1.0], 1.0)
def test_any_rates_are_taken(values: list[float], least: float) -> None:
    known = schedule(lr=series(*values))
    assert (known is None) == (not np.isfinite(values).any() if values else True)
    if known is not None:
        died = known.died(least)
        assert died is None or known.rates.values[known.rates.steps >= died].max() <= max(least * known.highest, 0.0)
        assert known.ramps >= 0
        assert isinstance(known.come_down, float)
        assert isinstance(known.lowered | known.warming_up, bool)
