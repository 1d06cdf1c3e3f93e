from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import falling

from tb_lossdiag.overview import TICKS, clock, losses, schedule
from tb_lossdiag.series import Run, Series, series
from tb_lossdiag.signals import Signals
from tb_lossdiag.verdict import Verdict

VERDICT = Verdict("learning", 0.9, (0, 100), "So it goes.")
LOSS = falling(2.3, 0.1)


def signals(**named: Series) -> Signals:
    names = {"train": "loss/train", "val": "loss/val", "test": "loss/test"}
    return Signals(Run("run", {names.get(name, name): each for name, each in named.items()}))


def marked(**named: Series) -> list[tuple[str, float]]:
    curve = losses(signals(**named), VERDICT)
    assert curve is not None
    return [(mark.label, mark.at) for mark in curve.marks if mark.kind == "step"]


def test_the_best_checkpoint_is_marked_where_the_validation_loss_is_lowest() -> None:
    assert marked(train=LOSS, val=series(2.0, 1.0, 1.5, steps=[0, 10, 20])) == [("best val loss", 10)]


def test_a_changed_learning_rate_is_marked_with_both_values() -> None:
    assert marked(train=LOSS, lr=series(0.1, 0.1, 0.01, 0.01, steps=[0, 50, 60, 90])) == [
        ("learning rate 0.1 → 0.01", 60)
    ]


def test_a_schedule_that_always_moves_is_a_curve_and_no_forest_of_marks() -> None:
    warm = series(*np.geomspace(1e-6, 0.1, 20))
    assert marked(train=LOSS, lr=warm) == []
    assert schedule(signals(train=LOSS, lr=warm)) is not None


def test_a_learning_rate_that_never_changed_needs_no_curve() -> None:
    assert schedule(signals(train=LOSS, lr=series(0.1, 0.1, 0.1))) is None
    assert schedule(signals(train=LOSS)) is None


def test_the_clock_tells_the_seconds_since_the_first_point() -> None:
    timed = dataclasses.replace(series(3.0, 2.0, 1.0, steps=[0, 10, 20]), wall=np.array([100.0, 101.5, 130.0]))
    told = clock(signals(train=timed))
    assert told is not None
    assert (told.steps, told.seconds, told.steps_per_epoch) == ([0, 10, 20], [0.0, 1.5, 30.0], None)


def test_the_clock_knows_the_length_of_an_epoch_from_the_loader() -> None:
    run = Run("run", {"loss/train": LOSS}, facts={"data": {"steps_per_epoch": 25}})
    told = clock(Signals(run))
    assert told is not None
    assert told.steps_per_epoch == pytest.approx(25)
    assert told.steps == []


def test_times_that_tell_nothing_make_no_clock() -> None:
    for wall in ([5.0, 5.0, 5.0], [1.0, np.nan, 3.0], [3.0, 2.0, 1.0]):
        assert clock(signals(train=dataclasses.replace(series(3.0, 2.0, 1.0), wall=np.array(wall)))) is None
    assert clock(signals()) is None


@given(st.lists(st.floats(0, 1e10), min_size=1, max_size=500))
def test_the_clock_never_goes_back_and_has_few_moments(walls: list[float]) -> None:
    timed = dataclasses.replace(series(*[1.0] * len(walls)), wall=np.array(walls))
    told = clock(signals(train=timed))
    if told is not None:
        assert list(told.seconds) == sorted(told.seconds)
        assert len(told.steps) == len(told.seconds) <= TICKS
