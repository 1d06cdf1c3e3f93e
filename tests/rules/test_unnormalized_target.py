from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from made import alarms, flat, form, line, remarks, weight

from tb_lossdiag.rule import Lacking
from tb_lossdiag.rules.unnormalized_target import unnormalized_target
from tb_lossdiag.series import series
from tb_lossdiag.signals.data import Features
from tb_lossdiag.signals.optimizer import Optimizer
from tb_lossdiag.signals.outputs import Contract, Outputs
from tb_lossdiag.signals.structure import LossFunction

REGRESSION = Contract((1,), (1,), 32, "regression")
SQUARED = LossFunction("MSELoss", {"reduction": "mean"})


def targets(mean: float, std: float) -> Features:
    return Features(["component 0"], *(np.array([each]) for each in (mean, std, mean - 2 * std, mean + 2 * std)))


def run(mean: float, std: float, last: float) -> dict[str, object]:
    """Targets, and a training loss that ends at so many times their variance."""
    curve = series(mean**2 + std**2, *[last * std**2] * 100)
    return {
        "target_range": targets(mean, std),
        "contract": REGRESSION,
        "loss_function": SQUARED,
        "train_loss": curve,
        "train_shape": form(curve),
    }


def outputs(first: float, spread: float) -> Outputs:
    mean = np.linspace(first, 0, 20)[:, None]
    return Outputs(["component 0"], np.arange(20), mean, mean - spread / 2, mean + spread / 2)


SICK = run(152.0, 77.0, 1.4)
HEALTHY = run(0.0, 1.0, 0.45)


@pytest.mark.parametrize(("scale", "found"), [(7.9, False), (8.1, True), (0.021, False), (0.019, True)])
def test_threshold(scale: float, found: bool) -> None:
    assert (unnormalized_target.check(**run(0.0, scale, 1.4)) is not None) == found


@pytest.mark.parametrize(("last", "found"), [(0.59, False), (0.62, True)])
def test_a_network_that_has_learnt_the_scale_was_not_hindered(last: float, found: bool) -> None:
    assert alarms(unnormalized_target.check(**run(152.0, 77.0, last))) == found


@pytest.mark.parametrize(("late", "found"), [(170, False), (190, True)])
def test_a_network_that_takes_long_to_find_the_mean_is_hindered(late: int, found: bool) -> None:
    curve = series(*[2000.0] * late, *[450.0] * (600 - late))
    found_now = unnormalized_target.check(**{**run(0.0, 30.0, 0.5), "train_loss": curve, "train_shape": form(curve)})
    assert alarms(found_now) == found


@pytest.mark.parametrize(("ratio", "found"), [(0.0, False), (0.14, False), (0.16, True)])
def test_plain_steps_that_throw_the_weights_about_are_the_targets_doing(ratio: float, found: bool) -> None:
    plain, adaptive = Optimizer("SGD", ({"lr": 0.02},)), Optimizer("Adam", ({"lr": 0.02},))
    sick = {**run(0.0, 30.0, 0.5), "update_ratio": flat(ratio)}
    assert alarms(unnormalized_target.check(**sick, optimizer=plain)) == found
    assert remarks(unnormalized_target.check(**sick, optimizer=adaptive))


def test_outputs_that_have_hardly_spread_are_hindered_too() -> None:
    assert alarms(unnormalized_target.check(**run(0.0, 1000.0, 0.5), outputs=outputs(0.0, 60.0)))
    assert remarks(unnormalized_target.check(**run(0.0, 1000.0, 0.5), outputs=outputs(0.0, 2500.0)))
    assert remarks(unnormalized_target.check(**run(0.0, 1000.0, 0.5), outputs=outputs(0.0, 0.0)))


def test_a_last_bias_that_starts_at_the_mean_is_no_hindrance() -> None:
    assert unnormalized_target.check(**SICK, outputs=outputs(150.0, 200.0)) is None


def test_a_loss_that_is_no_number_any_more_was_hindered() -> None:
    broken = {**SICK, "train_loss": series(3e4, 1e20, np.nan)}
    del broken["train_shape"]
    finding = unnormalized_target.check(**broken)
    assert finding is not None
    assert finding.confidence > 0.9
    assert unnormalized_target.check(**{**broken, "train_loss": series(3e4, 1e4)}) is None


def test_absolute_errors_are_held_against_the_deviation() -> None:
    absolute = LossFunction("L1Loss", {"reduction": "mean"})
    curve = flat(0.8 * 77.0)
    stuck = {**SICK, "loss_function": absolute, "train_loss": curve, "train_shape": form(curve)}
    assert unnormalized_target.check(**stuck) is not None


@pytest.mark.parametrize(
    "other",
    [
        {"loss_function": LossFunction("MSELoss", {"reduction": "sum"})},
        {"loss_function": LossFunction("MyLoss", {})},
        {"contract": Contract((1,), (), 32, "regression")},
        {"train_loss": series(), "train_shape": None},
    ],
)
def test_what_cannot_be_judged_is_not(other: dict[str, object]) -> None:
    assert unnormalized_target.check(**{**SICK, **other}) is None


def test_a_loss_whose_predictions_are_logarithms_is_not_judged_by_the_targets_scale() -> None:
    counts = {**SICK, "loss_function": LossFunction("PoissonNLLLoss", {"log_input": True})}
    assert unnormalized_target.check(**counts, outputs=outputs(0.0, 0.5)) is None


def test_tiny_targets_and_several_components_are_named() -> None:
    tiny = unnormalized_target.check(**run(0.0, 1e-3, 600.0))
    assert tiny is not None
    assert "tiny" in tiny.summary
    both = Features(["a", "b"], *(np.array(each) for each in ([0.0, 100.0], [1.0, 30.0], [-2.0, 40.0], [2.0, 160.0])))
    curve = flat(500.0)
    shapes = {"contract": Contract((2,), (2,), 32, "regression"), "train_loss": curve, "train_shape": form(curve)}
    finding = unnormalized_target.check(target_range=both, loss_function=SQUARED, **shapes)
    assert finding is not None
    assert finding.where == ["b"]


def test_targets_that_are_met_all_the_same_were_no_hindrance_although_the_first_steps_were_large() -> None:
    thrown = {"update_ratio": flat(0.5), "optimizer": Optimizer("SGD", ({"lr": 0.1},))}
    assert unnormalized_target.check(**run(11.0, 44.0, 0.02), **thrown) is not None
    assert unnormalized_target.check(**run(11.0, 44.0, 0.005), **thrown) is None


def test_what_was_overcome_is_worth_a_remark() -> None:
    late = series(152.0**2 + 77.0**2, *[77.0**2 * 1.4] * 60, *[77.0**2 * 0.02] * 40)
    overcome = SICK | {"train_loss": late, "train_shape": form(late)}
    assert remarks(unnormalized_target.check(**overcome))
    assert alarms(unnormalized_target.check(**SICK))


@pytest.mark.parametrize(
    ("scale", "left", "found"),
    [(13.5, 0.3, False), (14.5, 0.3, True), (14.5, 0.04, False), (26.0, 0.04, True), (26.0, 0.005, False)],
)
def test_a_very_large_scale_is_worth_a_remark_where_something_is_left(scale: float, left: float, found: bool) -> None:
    finding = unnormalized_target.check(**run(0.0, scale, left))
    assert remarks(finding) == found
    assert not alarms(finding)


def unseen(reached: float, spread: float, first: float, outputs: int = 1) -> dict[str, Any]:
    """A network whose loss is its owner's: the output goes from 0.1 to `reached`, and the loss falls from `first` to half of it."""
    loss = line(first, first / 2, 400)
    way = {"body": flat(1.0, 60), "head": series(*np.geomspace(0.1, reached, 60))}
    return {
        "train_loss": loss,
        "train_shape": form(loss),
        "activation_scale": way,
        "output_spread": {name: flat(spread, 60) for name in way},
        "parameters": (weight("body.weight"), weight("head.weight", shape=(outputs, 64), numel=64 * outputs)),
    }


def test_an_output_that_travels_to_targets_that_nobody_has_seen_is_worth_a_remark() -> None:
    finding = unnormalized_target.check(**unseen(140.0, 0.001, 6.8e5))
    assert remarks(finding)
    assert finding is not None
    assert finding.where == ["head"]


@pytest.mark.parametrize(
    "sound",
    [
        unseen(140.0, 0.9, 6.8e5),  # it tells samples apart
        unseen(5.0, 0.001, 6.8e5),
        unseen(140.0, 0.001, 300.0),  # the loss of logits that grow
        unseen(140.0, 0.001, 6.8e5, outputs=784),  # a sum over pixels
        unseen(140.0, 0.001, 6.8e5) | {"activation_scale": {}},
    ],
)
def test_a_large_loss_of_one_s_own_need_not_be_one_of_large_targets(sound: dict[str, object]) -> None:
    with pytest.raises(Lacking):
        unnormalized_target.check(**sound)


def test_of_several_heads_the_first_is_named_each_time() -> None:
    given = unseen(140.0, 0.001, 6.8e5)
    heads = [f"head{i}" for i in range(8)]
    given["activation_scale"] = dict.fromkeys(heads, given["activation_scale"]["head"])
    given["output_spread"] = dict.fromkeys(heads, flat(0.001, 60))
    given["parameters"] = tuple(weight(f"{each}.weight", shape=(1, 64), numel=64) for each in heads)
    finding = unnormalized_target.check(**given)
    assert finding is not None
    assert finding.where == ["head0"]


@pytest.mark.parametrize(
    ("grows", "scale", "found"),
    [
        (1000.0, 18_000.0, True),
        (50.0, 18_000.0, False),  # a false friend: any gradient grows a little
        (1000.0, 2.0, False),  # targets of no scale have nothing to do with it
    ],
)
def test_a_gradient_that_grows_on_the_way_to_far_targets_is_their_doing(
    grows: float, scale: float, found: bool
) -> None:
    """Prices of tractors in euros: each layer's weights grow a little, and what comes back through all of them a thousandfold."""
    norm = series(*[1e5] * 12, *np.geomspace(1e5, grows * 1e5, 30), *[grows * 1e5] * 8)
    assert alarms(unnormalized_target.check(**run(1.3 * scale, scale, 0.17), grad_norm=norm)) == found


@pytest.mark.parametrize(("layers", "end", "found"), [(1, math.nan, False), (1, 0.9, True), (2, math.nan, True)])
def test_a_single_layer_runs_away_for_other_reasons(layers: int, end: float, found: bool) -> None:
    """Whether the steps of a linear regression overshoot is a matter of its inputs and of the rate alone."""
    given = run(152.0, 77.0, 0.9)
    curve = series(*given["train_loss"].values[:-1], end * 77.0**2)
    own = tuple(weight(f"{i}.weight", shape=(1, 6), numel=6) for i in range(layers))
    finding = unnormalized_target.check(**given | {"train_loss": curve, "train_shape": form(curve)}, parameters=own)
    assert alarms(finding) == found
