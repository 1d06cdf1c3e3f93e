from __future__ import annotations

import pytest
from made import flat, form, line

from tb_lossdiag.rules.batch_too_large import batch_too_large

SICK = {
    "grad_cosine": flat(0.95),
    "update_ratio": flat(0.01),
    "train_shape": form(line(2.3, 1.5)),
    "loss_left": 0.65,
    "batch_size": 600,
    "train_size": 1200,
}
HEALTHY = SICK | {"grad_cosine": flat(0.3), "batch_size": 32}


@pytest.mark.parametrize(("cosine", "found"), [(0.69, False), (0.71, True)])
def test_threshold(cosine: float, found: bool) -> None:
    assert (batch_too_large.check(**SICK | {"grad_cosine": flat(cosine)}) is not None) == found


def test_tiny_steps_agree_at_any_batch_size() -> None:
    assert batch_too_large.check(**SICK | {"update_ratio": flat(1e-4)}) is None


def test_a_training_by_full_batches_that_had_many_steps_is_slow_for_other_reasons() -> None:
    long = form(line(2.3, 1.5, points=400))
    assert batch_too_large.check(**SICK | {"train_shape": long}) is None


def test_full_batches_that_got_there_are_fine() -> None:
    assert batch_too_large.check(**SICK | {"loss_left": 0.05}) is None


def test_the_batch_to_use_is_near_the_noise_scale() -> None:
    finding = batch_too_large.check(**SICK)
    assert finding is not None
    assert "about 32" in finding.remedies[0].action
