from __future__ import annotations

import math

import pytest

from tb_lossdiag.series import series
from tb_lossdiag.signals.travel import travel


def test_all_steps_count_whether_they_were_sampled_or_not() -> None:
    dense = series(*[0.01] * 101)
    sparse = series(0.01, 0.01, math.nan, 0.01, steps=[0, 10, 20, 60])
    assert travel(update_ratio=dense) == pytest.approx(1.0)
    assert travel(update_ratio=sparse, train_loss=series(1.0, 1.0, steps=[0, 100])) == pytest.approx(1.0)


def test_one_step_says_nothing_of_the_others() -> None:
    assert travel(update_ratio=series(0.1)) is None
