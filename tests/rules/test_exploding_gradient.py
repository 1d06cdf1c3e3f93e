from __future__ import annotations

import pytest
from made import alarms, flat, module, remarks

from tb_lossdiag.rules.exploding_gradient import exploding_gradient
from tb_lossdiag.series import series

SICK = {"grad_norm": series(*[1.0] * 20, *[1e5] * 30)}
HEALTHY = {"grad_norm": series(*[1.0] * 20, *[8.0] * 30)}


@pytest.mark.parametrize(("norm", "found"), [(90.0, False), (110.0, True)])
def test_threshold_is_a_hundred_times_the_start(norm: float, found: bool) -> None:
    assert (exploding_gradient.check(grad_norm=series(*[1.0] * 20, *[norm] * 30)) is not None) == found


def test_a_single_large_gradient_is_a_bad_batch() -> None:
    assert exploding_gradient.check(grad_norm=series(*[1.0] * 30, 1e6, *[1.0] * 30)) is None


def test_the_remedy_clips_at_the_usual_norm() -> None:
    finding = exploding_gradient.check(**SICK, layer_gradients={"a": flat(1e5), "b": flat(1.0)})
    assert finding is not None
    assert "max_norm=1)" in finding.remedies[0].code
    assert finding.where == ["a"]


@pytest.mark.parametrize(
    ("factors", "share"), [([1.0, 1.0, 0.995, 0.2], 0.25), ([1.0], 0.0), ([float("nan")], None), ([], None)]
)
def test_how_many_steps_are_clipped_is_evidence(factors: list[float], share: float | None) -> None:
    finding = exploding_gradient.check(**SICK, clip_factor=series(*factors))
    assert finding is not None
    facts = [each.value for each in finding.evidence if each.title == "Steps whose gradient is clipped"]
    assert facts == ([] if share is None else [share])


def sequence(nonlinearity: str = "relu", first: float = 50.0, left: float = 0.9) -> dict[str, object]:
    """A recurrent network whose first loss is so much; a blind guess costs 2."""
    cells = module("cells", "RNN", 1, nonlinearity=nonlinearity)
    loss = series(first, *[2.0] * 50)
    return {"grad_norm": flat(3.0), "modules": (cells,), "train_loss": loss, "blank_loss": 2.0, "loss_left": left}


@pytest.mark.parametrize(("first", "found"), [(5.9, False), (6.1, True), (float("inf"), True)])
def test_a_state_without_bound_shows_by_the_first_loss(first: float, found: bool) -> None:
    finding = exploding_gradient.check(**sequence(first=first))
    assert (finding is not None) == found
    assert finding is None or finding.where == ["cells"]


def test_a_state_that_tanh_bounds_does_not_grow_and_a_start_that_was_overcome_is_a_remark() -> None:
    assert exploding_gradient.check(**sequence("tanh")) is None
    assert alarms(exploding_gradient.check(**sequence()))
    assert remarks(exploding_gradient.check(**sequence(left=0.1)))


@pytest.mark.parametrize(("norm", "left", "found"), [(60.0, 0.97, True), (20.0, 0.97, False), (60.0, 0.5, False)])
def test_one_huge_gradient_after_which_nothing_is_learnt_is_named(norm: float, left: float, found: bool) -> None:
    once = sequence(first=2.2, left=left) | {"grad_norm": series(norm, *[3.0] * 50)}
    assert alarms(exploding_gradient.check(**once)) == found
    bounded = sequence("tanh", first=2.2, left=left) | {"grad_norm": series(norm, *[3.0] * 50)}
    assert exploding_gradient.check(**bounded) is None


@pytest.mark.parametrize(("weights", "found"), [(0.3, True), (3.0, False)])
def test_a_gradient_that_was_next_to_none_may_become_an_ordinary_one(weights: float, found: bool) -> None:
    """As that of a policy does with its first reward, far below the size of the weights."""
    rare = series(*[1e-4] * 20, *[0.5] * 30)
    finding = exploding_gradient.check(grad_norm=rare, layer_weights={"a": flat(weights), "b": flat(0.1 * weights)})
    assert (finding is not None) == found
