from __future__ import annotations

import numpy as np
import pytest
from made import falling, form, line, weight

from tb_lossdiag.rules.insufficient_capacity import insufficient_capacity
from tb_lossdiag.series import series
from tb_lossdiag.signals.data import Targets

SETTLED = form(series(*falling(2.3, 1.2, 100).values, *[1.2] * 150))
TEN = Targets(counts=np.full(10, 100.0))
HEAD = weight("head.weight", shape=(10, 64))


def narrow(units: int) -> dict[str, object]:
    parameters = (weight("a.weight", shape=(64, 64)), weight("b.weight", shape=(units, 64)), HEAD)
    return {"parameters": parameters, "targets": TEN, "train_shape": SETTLED, "loss_left": 0.5}


SICK = narrow(2)
HEALTHY = narrow(64)


@pytest.mark.parametrize(("units", "found"), [(5, False), (4, True)])
def test_threshold_is_half_as_many_units_as_classes(units: int, found: bool) -> None:
    assert (insufficient_capacity.check(**narrow(units)) is not None) == found


def test_a_narrow_layer_that_is_wide_enough_for_its_task_is_fine() -> None:
    assert insufficient_capacity.check(**SICK | {"loss_left": 0.05}) is None


def test_a_training_that_is_not_done_has_not_shown_its_limits() -> None:
    assert insufficient_capacity.check(**SICK | {"train_shape": form(line(2.3, 1.2))}) is None


def test_two_classes_fit_through_one_unit() -> None:
    assert insufficient_capacity.check(**narrow(1) | {"targets": Targets(counts=np.array([50.0, 50.0]))}) is None


def test_a_gap_to_validation_is_no_lack_of_room() -> None:
    assert insufficient_capacity.check(**SICK | {"eval_shape": form(falling(3.0, 2.4))}) is None
