from __future__ import annotations

import math

from made import flat

from tb_lossdiag.rules.non_finite_values import non_finite_values
from tb_lossdiag.series import series

SICK = {"train_loss": series(*[2.0] * 10, *[math.nan] * 10)}
HEALTHY = {"train_loss": series(*[2.0] * 20)}


def test_it_names_the_first_step_and_the_layer_nearest_to_the_loss() -> None:
    finding = non_finite_values.check(
        **SICK,
        layer_gradients={"a": series(*[1.0] * 9, math.nan), "b": series(*[1.0] * 9, math.inf), "c": flat(1.0, 10)},
    )
    assert finding is not None
    assert finding.since == 10
    assert finding.where == ["b", "a"]


def test_just_below_and_just_above() -> None:
    assert non_finite_values.check(train_loss=series(*[1.0] * 99, math.inf)).confidence > 0.5  # type: ignore[union-attr]
    assert non_finite_values.check(train_loss=flat(1.0, 100)) is None


def test_one_skipped_step_of_mixed_precision_is_hardly_a_finding() -> None:
    skipped = series(*[1.0] * 5, math.inf, *[1.0] * 200)
    finding = non_finite_values.check(train_loss=skipped)
    assert finding is not None
    assert finding.confidence < 0.55


def test_steps_that_a_scaler_has_left_out_are_evidence() -> None:
    def facts(skipped: int | None) -> list[object]:
        finding = non_finite_values.check(**SICK, skipped_steps=skipped)
        assert finding is not None
        return [each.value for each in finding.evidence if each.title == "Steps left out by the GradScaler"]

    assert (facts(7), facts(0), facts(None)) == ([7], [], [])
