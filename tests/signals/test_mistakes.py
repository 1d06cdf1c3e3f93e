from __future__ import annotations

import math

import numpy as np
import pytest
from made import falling, form

from tb_lossdiag.series import Series, series
from tb_lossdiag.signals.mistakes import at_best, cost_of_mistakes, share_of_mistakes


@pytest.mark.parametrize("share", [0.05, 0.2, 0.6])
def test_the_cost_of_mistakes_tells_how_many_there_are(share: float) -> None:
    assert share_of_mistakes(cost_of_mistakes(share, 10), 10) == pytest.approx(share, abs=0.01)


def test_labels_drawn_at_random_cost_an_even_guess() -> None:
    assert cost_of_mistakes(1.0, 10) == pytest.approx(math.log(10))
    assert cost_of_mistakes(0.0, 10) < 1e-4


def test_figures_around_the_best_held_out_loss_are_not_those_of_the_end() -> None:
    held = Series(np.arange(0, 200, 10), np.concatenate([np.linspace(2, 1, 10), np.linspace(1, 3, 10)]))
    train = series(*np.linspace(2.0, 0.0, 200))
    found = at_best(eval_shape=form(held), train_loss=train, sample_losses={"p95": train}, test_accuracy=train)
    assert found is not None
    assert found.step == 90
    assert found.eval == pytest.approx(1.0)
    assert found.train == found.costly == found.accuracy == found.test_accuracy == pytest.approx(1.1, abs=0.02)
    assert math.isnan(found.median)


def test_a_loss_that_was_best_at_the_start_has_no_moment_before() -> None:
    rising = form(series(*np.linspace(1, 3, 20)))
    assert at_best(eval_shape=rising, train_loss=falling(2, 0.1), sample_losses={}) is None
