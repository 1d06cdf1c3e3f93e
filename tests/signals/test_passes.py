from __future__ import annotations

import pytest
from made import flat

from tb_lossdiag.series import Run, series
from tb_lossdiag.signals.passes import passes


def test_passes_are_steps_over_those_of_an_epoch() -> None:
    run = Run("a", facts={"data": {"steps_per_epoch": 20}})
    assert passes(run=run, train_loss=flat(1.0, 50)) == 2.5


@pytest.mark.parametrize("facts", [{}, {"data": {}}, {"data": {"steps_per_epoch": 0}}])
def test_without_a_loader_nobody_knows(facts: dict[str, object]) -> None:
    assert passes(run=Run("a", facts=facts), train_loss=flat(1.0)) is None
    assert passes(run=Run("a", facts={"data": {"steps_per_epoch": 20}}), train_loss=series()) is None
