from __future__ import annotations

import pytest
from made import falling, flat, form, line

from tb_lossdiag.rules.learning_rate_too_low import learning_rate_too_low
from tb_lossdiag.series import Series, series


def signals(ratio: float, loss: Series) -> dict[str, object]:
    left = float(loss.values[-1] / loss.values[0])
    return {"update_ratio": flat(ratio), "train_shape": form(loss), "loss_left": left, "grad_cosine": flat(0.95, 20)}


SICK = signals(5e-5, line(2.3, 2.2)) | {"lr": flat(1e-5)}
HEALTHY = signals(5e-3, falling(2.3, 0.1))


@pytest.mark.parametrize(("ratio", "found"), [(3.1e-3, False), (2.9e-3, True)])
def test_threshold_of_the_update_ratio(ratio: float, found: bool) -> None:
    assert (learning_rate_too_low.check(**signals(ratio, line(2.3, 2.2))) is not None) == found


def test_small_steps_that_got_somewhere_are_fine() -> None:
    assert learning_rate_too_low.check(**signals(1e-4, falling(2.3, 0.1))) is None


def test_a_schedule_that_decays_at_the_end_is_judged_at_its_full_rate() -> None:
    decayed = {
        "update_ratio": series(*[5e-3] * 20, *[1e-6] * 30),
        "lr": series(*[0.1] * 20, *[1e-5] * 30),
        "train_shape": form(falling(2.3, 1.0)),
        "loss_left": 0.4,
    }
    assert learning_rate_too_low.check(**decayed) is None


def test_the_remedy_says_what_learning_rate_to_use() -> None:
    finding = learning_rate_too_low.check(**SICK)
    assert finding is not None
    assert finding.factor == pytest.approx(5e-5 / 0.022)
    assert "from 1e-05 to about 0.004" in finding.remedies[0].action


def test_two_sampled_steps_are_not_enough() -> None:
    assert learning_rate_too_low.check(**SICK | {"update_ratio": flat(5e-5, 2)}) is None


def test_fine_tuning_takes_small_steps_on_purpose() -> None:
    assert learning_rate_too_low.check(**signals(1e-4, line(0.05, 0.04)) | {"loss_left": 0.02}) is None
