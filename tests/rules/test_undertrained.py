from __future__ import annotations

import pytest
from made import falling, form, line

from tb_lossdiag.rules.undertrained import undertrained
from tb_lossdiag.series import Series, series


def signals(train: Series) -> dict[str, object]:
    return {"train_loss": train, "train_shape": form(train)}


SICK = signals(line(2.3, 0.8))
HEALTHY = signals(falling(2.3, 0.1))


def late(share: float) -> Series:
    """A curve that makes `share` of its progress in the last third."""
    return series(*line(3.0, 2.0, 134).values, *line(2.0, 2.0 - share / (1 - share), 67).values[1:])


@pytest.mark.parametrize(("share", "found"), [(0.06, False), (0.15, True)])
def test_threshold_is_a_tenth_of_all_progress_in_the_last_third(share: float, found: bool) -> None:
    assert (undertrained.check(**signals(late(share))) is not None) == found


def test_a_run_that_has_all_but_settled_is_only_mentioned() -> None:
    finding = undertrained.check(**signals(late(0.15)))
    assert finding is not None
    assert finding.severity == "info"


def test_a_validation_loss_that_has_turned_says_more_training_is_no_cure() -> None:
    turned = form(series(*line(2.0, 1.0, 20).values, *line(1.0, 2.0, 20).values))
    assert undertrained.check(**SICK, eval_shape=turned) is None
