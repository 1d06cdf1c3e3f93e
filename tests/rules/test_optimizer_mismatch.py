from __future__ import annotations

import math

import pytest
from made import alarms, falling, flat, form, line, remarks

from tb_lossdiag.rules.optimizer_mismatch import optimizer_mismatch
from tb_lossdiag.series import series
from tb_lossdiag.signals.optimizer import Optimizer
from tb_lossdiag.signals.samples import Samples


def adam(eps: float, gradient: float = 1e-2, ratio: float = 2e-4, **changes: object) -> dict[str, object]:
    """A run with Adam, its gradients and its steps."""
    return {
        "optimizer": Optimizer("Adam", ({"lr": 1e-3, "eps": eps},)),
        "update_ratio": flat(ratio),
        "train_shape": form(line(2.3, 2.1)),
        "layer_gradients": {"fc1.weight": flat(gradient / 3), "fc2.weight": flat(gradient)},
        **changes,
    }


def heavy(momentum: float, ratio: float = 0.2, **changes: object) -> dict[str, object]:
    """A run with momentum whose loss rises after all."""
    return {
        "optimizer": Optimizer("SGD", ({"lr": 0.1, "momentum": momentum},)),
        "update_ratio": flat(ratio),
        "train_shape": form(series(*[2.3, 1.2, 0.9, 1.5, 2.4, 2.5] * 5)),
        "layer_gradients": {"fc.weight": flat(1e-2)},
        **changes,
    }


SICK = adam(1.0)
HEALTHY = adam(1e-8, ratio=1e-2)


@pytest.mark.parametrize(("eps", "found"), [(0.6e-2, False), (0.7e-2, True)])
def test_eps_rules_once_it_exceeds_the_gradient_of_the_typical_layer(eps: float, found: bool) -> None:
    assert alarms(optimizer_mismatch.check(**adam(eps))) == found


@pytest.mark.parametrize(
    ("kind", "distinct", "found"), [("Rprop", 2286.0, True), ("Rprop", 60.0, False), ("SGD", 2286.0, False)]
)
def test_signs_of_the_gradients_of_batches_are_nothing_for_rprop(kind: str, distinct: float, found: bool) -> None:
    run = adam(1e-8, ratio=1e-2, optimizer=Optimizer(kind, ({"lr": 0.01},)), batch_size=50)
    seen = Samples(seen=2800.0, distinct=distinct, in_val=0.0, in_test=math.nan, values=14.0)
    finding = optimizer_mismatch.check(**run, samples=seen)
    assert alarms(finding) == found
    assert finding is None or "2,286 samples" in finding.summary


@pytest.mark.parametrize(
    ("kind", "distinct", "end", "found"),
    [
        ("LBFGS", 2286.0, 1.5, True),
        ("LBFGS", 2286.0, 0.05, False),
        ("LBFGS", 60.0, 1.5, False),
        ("SGD", 2286.0, 1.5, False),
    ],
)
def test_the_curvature_between_two_batches_is_chance(kind: str, distinct: float, end: float, found: bool) -> None:
    """Where it does its work all the same, or sees all samples at each step, nothing is to be said."""
    known = adam(1e-8, ratio=1e-2, optimizer=Optimizer(kind, ({"lr": 1},)), batch_size=50)
    seen = Samples(seen=2800.0, distinct=distinct, in_val=0.0, in_test=math.nan, values=14.0)
    finding = optimizer_mismatch.check(**known | {"train_shape": form(falling(2.3, end))}, samples=seen)
    assert alarms(finding) == found
    assert finding is None or "2,286 samples" in finding.summary


@pytest.mark.parametrize(("ratio", "found"), [(0.023, False), (0.021, True)])
def test_a_large_eps_with_a_learning_rate_chosen_for_it_is_a_recipe(ratio: float, found: bool) -> None:
    assert alarms(optimizer_mismatch.check(**adam(1.0, ratio=ratio))) == found


@pytest.mark.parametrize(
    ("beta", "points", "found"), [(0.9, 20, False), (0.98, 150, True), (0.98, 300, False), (0.998, 500, True)]
)
def test_a_beta_that_remembers_much_of_the_run_comes_too_late(beta: float, points: int, found: bool) -> None:
    known = adam(1e-8, update_ratio=flat(1e-2, points), train_shape=form(falling(2.3, 1.2)))
    known |= {"optimizer": Optimizer("Adam", ({"lr": 1e-3, "eps": 1e-8, "betas": [beta, 0.999]},))}
    assert alarms(optimizer_mismatch.check(**known)) == found
    assert not alarms(optimizer_mismatch.check(**known | {"train_shape": form(line(2.3, 1.2))}))
    assert not alarms(optimizer_mismatch.check(**known | {"train_shape": form(falling(2.3, 0.1))}))


def test_a_run_that_got_somewhere_is_left_alone() -> None:
    assert remarks(optimizer_mismatch.check(**adam(1.0, train_shape=form(falling(2.3, 0.1)))))
    assert optimizer_mismatch.check(**adam(1.0, train_shape=form(falling(2.3, 0.02)))) is None


@pytest.mark.parametrize(("eps", "gradient", "found"), [(2e-3, 1e-2, True), (2e-3, 4e-2, False), (5e-4, 1e-3, False)])
def test_an_odd_eps_is_worth_a_remark_once_it_is_felt(eps: float, gradient: float, found: bool) -> None:
    assert remarks(optimizer_mismatch.check(**adam(eps, gradient=gradient, ratio=0.05))) == found


@pytest.mark.parametrize(("momentum", "found"), [(0.97, False), (0.98, True), (1.0, False)])
def test_a_heavy_momentum_and_a_heavy_beta_are_worth_a_remark(momentum: float, found: bool) -> None:
    well = form(falling(2.3, 0.3))
    assert remarks(optimizer_mismatch.check(**heavy(momentum, ratio=0.01, train_shape=well))) == found
    betas = Optimizer("Adam", ({"lr": 1e-3, "eps": 1e-8, "betas": [momentum, 0.999]},))
    assert remarks(optimizer_mismatch.check(**adam(1e-8, optimizer=betas, train_shape=well))) == found


def test_a_loss_that_is_divided_too_far_is_told_to_be() -> None:
    finding = optimizer_mismatch.check(**adam(1e-8, gradient=1e-11))
    assert finding is not None
    assert "tiny" in finding.remedies[0].action


def test_gradients_that_vanish_on_their_way_are_not_the_default_eps_s_fault() -> None:
    vanish = {"fc1.weight": flat(1e-11), "fc2.weight": flat(1e-9), "fc3.weight": flat(1e-2)}
    assert not alarms(optimizer_mismatch.check(**adam(1e-8, layer_gradients=vanish)))
    assert optimizer_mismatch.check(**adam(1e-2, layer_gradients=vanish)) is not None


@pytest.mark.parametrize("gradient", [0.0, math.nan])
def test_without_a_gradient_nothing_is_said_of_eps(gradient: float) -> None:
    assert not alarms(optimizer_mismatch.check(**adam(1.0, gradient=gradient)))


@pytest.mark.parametrize(
    ("momentum", "found"), [(0.9, False), (0.979, False), (0.98, True), (0.999, True), (1.0, False)]
)
def test_only_a_heavy_momentum_is_to_blame(momentum: float, found: bool) -> None:
    assert alarms(optimizer_mismatch.check(**heavy(momentum))) == found


@pytest.mark.parametrize(("ratio", "found"), [(0.019, False), (0.021, True)])
def test_a_heavy_momentum_with_small_steps_is_a_recipe(ratio: float, found: bool) -> None:
    settled = form(series(*falling(2.3, 1.5).values))
    assert alarms(optimizer_mismatch.check(**heavy(0.99, ratio=ratio, train_shape=settled))) == found


@pytest.mark.parametrize(("peak", "found"), [(0.45, False), (0.65, True)])
def test_a_heavy_momentum_rolls_past_the_bottom_and_comes_back(peak: float, found: bool) -> None:
    rolls = series(*line(2.1, 0.1, 30).values, *line(0.1, peak, 20).values, *line(peak, 0.1, 30).values)
    known = heavy(0.99, ratio=1e-3, train_shape=form(falling(2.3, 0.1)), eval_shape=form(rolls))
    finding = optimizer_mismatch.check(**known)
    assert alarms(finding) == found
    if finding is not None and found:
        assert "rose again" in finding.summary
    assert not alarms(optimizer_mismatch.check(**known | {"optimizer": Optimizer("SGD", ({"momentum": 0.9},))}))


def test_a_heavy_momentum_whose_loss_falls_is_left_alone() -> None:
    assert not alarms(optimizer_mismatch.check(**heavy(0.99, train_shape=form(falling(2.3, 0.1)))))


def test_it_says_by_how_much_the_momentum_is_too_heavy() -> None:
    finding = optimizer_mismatch.check(**heavy(0.99))
    assert finding is not None
    assert finding.factor == pytest.approx(10)


def test_without_groups_or_steps_nothing_is_said() -> None:
    assert optimizer_mismatch.check(**adam(1.0, optimizer=Optimizer("Adam", ()))) is None
    assert not alarms(optimizer_mismatch.check(**adam(1.0, update_ratio=series(1.0, 2.0))))


def clipped(left: float, ratio: float = 1e-5, kind: str = "SGD", **changes: object) -> dict[str, object]:
    """A run whose gradients are clipped to such a share of themselves."""
    return {
        "optimizer": Optimizer(kind, ({"lr": 0.02, "momentum": 0.9, "eps": 1e-8},)),
        "update_ratio": flat(ratio),
        "train_shape": form(line(2.3, 2.1)),
        "layer_gradients": {"fc.weight": flat(1e-4)},
        "clip_factor": flat(left),
        **changes,
    }


@pytest.mark.parametrize(
    ("left", "ratio", "kind", "found"),
    [
        (1.5e-4, 1e-5, "SGD", True),
        (0.04, 1e-5, "SGD", True),
        (0.06, 1e-5, "SGD", False),
        (1.5e-4, 1e-2, "SGD", False),  # a learning rate that was chosen for it
        (1.5e-4, 1e-5, "Adam", False),  # which divides by the size of what is left
        (1.0, 1e-5, "SGD", False),
    ],
)
def test_clipping_that_leaves_next_to_nothing_makes_steps_tiny(
    left: float, ratio: float, kind: str, found: bool
) -> None:
    assert alarms(optimizer_mismatch.check(**clipped(left, ratio, kind))) == found


def test_a_loss_scale_that_is_still_in_clipped_gradients_is_named() -> None:
    scaled = optimizer_mismatch.check(**clipped(1.5e-4, loss_scale=flat(65536.0)))
    assert scaled is not None
    assert "65,536" in scaled.summary
    assert "unscale_" in scaled.remedies[0].code
    plain = optimizer_mismatch.check(**clipped(1.5e-4))
    assert plain is not None
    assert "unscale_" not in plain.remedies[0].code
