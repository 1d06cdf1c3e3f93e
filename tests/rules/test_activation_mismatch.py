from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from made import alarms, falling, form, module, remarks

from tb_lossdiag.finding import Finding
from tb_lossdiag.rule import Lacking
from tb_lossdiag.rules.activation_mismatch import activation_mismatch
from tb_lossdiag.series import series
from tb_lossdiag.signals.data import Features, Targets
from tb_lossdiag.signals.limits import limit_of, output_limit
from tb_lossdiag.signals.outputs import Contract, Imitation, Outputs
from tb_lossdiag.signals.structure import LossFunction, Module

SQUARED = LossFunction("MSELoss", {})
CROSS_ENTROPY = LossFunction("CrossEntropyLoss", {})


def outputs(low: list[float], high: list[float], steps: int = 20) -> Outputs:
    """The same range in every batch, component by component."""
    names = [f"component {i}" for i in range(len(low))]
    lows, highs = np.tile(low, (steps, 1)), np.tile(high, (steps, 1))
    return Outputs(names, np.arange(steps), (lows + highs) / 2, lows, highs)


RAW = outputs([-5.0] * 3, [5.0] * 3)


def check(**signals: Any) -> Finding | None:
    """Ask the rule, of a model whose modules do not matter where they are not given, nor its outputs; their limit is as it follows."""
    given = {"modules": (), "loss_function": SQUARED, "outputs": RAW, **signals}
    limit = output_limit(outputs=given["outputs"], last_module=given.get("last_module"))
    return activation_mismatch.check(**given | {"output_limit": limit})


def targets(mean: float, std: float, low: float, high: float) -> Features:
    return Features(["component 0"], *(np.array([each]) for each in (mean, std, low, high)))


SICK = {
    "modules": (module("0", "Linear", 1),),
    "loss_function": SQUARED,
    "outputs": outputs([0.0], [1.9]),
    "target_range": targets(0.0, 1.0, -1.6, 2.4),
    "output_limit": limit_of(module("3", "ReLU", 4)),
    "last_module": module("3", "ReLU", 4),
}
HEALTHY = {**SICK, "outputs": outputs([-1.2], [1.9]), "output_limit": None, "last_module": module("2", "Linear", 3)}


@pytest.mark.parametrize(("mean", "found"), [(1.60, True), (1.70, False)])
def test_a_tail_beyond_the_limit_does_little_harm(mean: float, found: bool) -> None:
    assert (check(**{**SICK, "target_range": targets(mean, 1.0, -1.6, 4.0)}) is not None) == found


@pytest.mark.parametrize(("lowest", "found"), [(-0.2, False), (-0.4, True)])
def test_noise_about_the_limit_costs_next_to_nothing(lowest: float, found: bool) -> None:
    """As of pictures' dark places: many lie at the limit, none well beyond."""
    assert (check(**{**SICK, "target_range": targets(0.3, 1.0, lowest, 3.0)}) is not None) == found


def test_a_sigmoid_for_shares_is_right() -> None:
    shares = {"target_range": targets(0.4, 0.2, 0.0, 1.0), "last_module": module("3", "Sigmoid", 4)}
    assert check(**{**SICK, **shares, "outputs": outputs([0.01], [0.99])}) is None


@pytest.mark.parametrize(
    ("low", "high", "name"), [(0.0, 3.0, "ReLU"), (0.001, 0.999, "sigmoid"), (-0.999, 0.999, "tanh"), (0.1, 0.8, None)]
)
def test_a_function_at_the_end_shows_by_its_limits(low: float, high: float, name: str | None) -> None:
    finding = check(**{**HEALTHY, "outputs": outputs([low], [high]), "target_range": targets(0, 2, -5, 5)})
    assert (finding is not None) == (name is not None)
    assert finding is None or name is None or name in finding.summary


def test_a_module_whose_limits_the_outputs_leave_is_not_the_last() -> None:
    assert check(**{**SICK, "outputs": outputs([-2.0], [1.9])}) is None


def test_few_batches_or_other_shapes_say_nothing() -> None:
    assert check(**{**SICK, "outputs": outputs([0.0], [1.9], steps=3)}) is None
    assert check(**{**SICK, "outputs": outputs([0.0, 0.0], [1.9, 1.9])}) is None


def test_a_loss_whose_predictions_are_logarithms_needs_no_output_as_large_as_the_targets() -> None:
    assert check(**{**SICK, "loss_function": LossFunction("PoissonNLLLoss", {"log_input": True})}) is None


def test_shares_of_a_softmax_are_not_taken_for_a_relus() -> None:
    shares = {**HEALTHY, "outputs": outputs([0.0, 0.0, 0.0], [1.0, 0.5, 0.5])}
    assert check(**{**shares, "loss_function": CROSS_ENTROPY}) is None


def test_scores_that_cannot_be_negative_are_worst_where_a_class_is_dead() -> None:
    clipped = {"loss_function": CROSS_ENTROPY, "last_module": module("3", "ReLU", 4)}
    alive = check(**clipped, outputs=outputs([0.0] * 3, [9.0] * 3))
    dead = check(**clipped, outputs=outputs([0.0] * 3, [9.0, 9.0, 0.0]))
    assert alive is not None
    assert dead is not None
    assert alive.confidence < 0.9 < dead.confidence
    assert dead.where == ["3", "component 2"]


@pytest.mark.parametrize(("reach", "found"), [(0.99, True), (0.4, False)])
def test_scores_within_minus_1_and_1_matter_once_they_press_against_it(reach: float, found: bool) -> None:
    tanh = {"loss_function": CROSS_ENTROPY, "last_module": module("3", "Tanh", 4)}
    assert (check(**tanh, outputs=outputs([-reach] * 3, [reach] * 3)) is not None) == found


def test_shares_before_cross_entropy_are_left_to_the_rule_for_losses() -> None:
    last = module("3", "Softmax", 4)
    shares = outputs([0.01] * 3, [0.98] * 3)
    assert check(loss_function=CROSS_ENTROPY, outputs=shares, last_module=last) is None


@pytest.mark.parametrize(
    ("kind", "limits"), [("Softplus", "nothing below 0"), ("ReLU6", "from 0 to 6"), ("LogSigmoid", "nothing above 0")]
)
def test_the_limits_are_said_in_words(kind: str, limits: str) -> None:
    low, high = (-4.0, -0.1) if kind == "LogSigmoid" else (0.1, 5.0)
    sick = {
        **SICK,
        "outputs": outputs([low], [high]),
        "last_module": module("3", kind, 4),
        "target_range": targets(0, 9, -30, 30),
    }
    finding = check(**sick)
    assert finding is not None
    assert limits in finding.summary


def test_a_softmax_between_layers_is_named_and_one_at_the_end_is_not() -> None:
    layer = [module(str(i), kind, i) for i, kind in enumerate(("Linear", "Softmax", "Dropout", "Linear", "Softmax"))]
    inner = check(loss_function=CROSS_ENTROPY, outputs=RAW, chains=(tuple(layer),))
    assert inner is not None
    assert inner.where == ["1"]
    last: tuple[tuple[Module, ...], ...] = (tuple(layer[3:]),)
    assert check(loss_function=CROSS_ENTROPY, outputs=RAW, chains=last) is None


def test_a_constant_target_beyond_the_limit_is_out_of_reach() -> None:
    finding = check(**{**SICK, "target_range": targets(-0.8, 0.0, -0.8, -0.8)})
    assert finding is not None
    assert math.isclose(finding.confidence, 0.99)


def test_scores_that_happen_to_end_near_one_once_are_not_squeezed() -> None:
    lows, highs = np.full((40, 1), -0.6), np.full((40, 1), 0.6)
    lows[3], highs[8] = -0.999, 0.999
    once = Outputs(["component 0"], np.arange(40), (lows + highs) / 2, lows, highs)
    assert check(**{**HEALTHY, "outputs": once, "target_range": targets(0, 2, -5, 5)}) is None


def sigmoids(*kinds: str) -> tuple[Module, ...]:
    return tuple(module(str(i), kind, i) for i, kind in enumerate(kinds))


DEEP = sigmoids("Linear", "Sigmoid", "Linear", "Sigmoid", "Linear")
SQUASHED = {"loss_function": CROSS_ENTROPY, "outputs": RAW, "last_module": DEEP[-1]}


@pytest.mark.parametrize(("left", "found"), [(0.24, False), (0.36, True), (math.nan, False)])
def test_nothing_but_sigmoids_between_layers_where_most_of_the_loss_is_left(left: float, found: bool) -> None:
    assert alarms(check(**SQUASHED, modules=DEEP, loss_left=left)) == found


@pytest.mark.parametrize(("left", "found"), [(0.014, False), (0.016, True), (0.36, False)])
def test_sigmoids_are_worth_a_remark_where_something_is_left(left: float, found: bool) -> None:
    assert remarks(check(**SQUASHED, modules=DEEP, loss_left=left)) == found


def test_sigmoids_in_a_run_that_goes_on_are_worth_a_remark() -> None:
    assert alarms(check(**SQUASHED, modules=DEEP, loss_left=0.95, finished=True))
    assert remarks(check(**SQUASHED, modules=DEEP, loss_left=0.95, finished=False))


def test_sigmoids_that_let_the_network_learn_are_not_why_it_was_lost_again() -> None:
    """As where their slope grows with each batch."""
    lost = form(series(*falling(1.0, 0.2, 100).values, *np.linspace(0.2, 1.0, 200)))
    assert alarms(check(**SQUASHED, modules=DEEP, loss_left=0.95))
    assert not alarms(check(**SQUASHED, modules=DEEP, loss_left=0.95, train_shape=lost))


@pytest.mark.parametrize(
    "modules",
    [
        sigmoids("Linear", "Sigmoid", "Linear"),
        sigmoids("Linear", "Sigmoid", "Linear", "ReLU", "Linear", "Sigmoid", "Linear"),
    ],
)
def test_a_gate_is_no_mismatch(modules: tuple[Module, ...]) -> None:
    assert check(**SQUASHED, modules=modules, loss_left=0.9) is None


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, True),
        ({"contract": Contract((3,), (3,), 8, None, None)}, False),  # of amounts, as a squared error of logarithms is
        ({"loss_left": 0.05}, False),
        ({"raw_logarithm": False}, False),
    ],
)
def test_a_logarithm_of_raw_scores_is_a_missing_softmax(changes: dict[str, Any], found: bool) -> None:
    given = {"raw_logarithm": True, "loss_left": 0.9, "contract": Contract((3,), (), 8, "classification", 3)} | changes
    finding = check(**given, last_module=module("2", "Linear", 3), loss_function=LossFunction("nll_loss", {}))
    assert alarms(finding) == found
    assert finding is None or "2" in finding.where


LOGARITHMS = outputs([-9.0, -9.0, -9.0, -8.0], [-1.6, -1.6, -0.01, -0.02])


@pytest.mark.parametrize(
    ("changes", "dead"),
    [
        ({}, ["component 0", "component 1"]),
        ({"outputs": outputs([-9.0, -8.0, -9.0, -8.0], [-1.6, -0.1, -0.01, -0.02])}, []),  # a rare class is the lowest
        ({"last_module": module("2", "Linear", 3)}, None),
        ({"loss_function": LossFunction("nll_loss", {}), "outputs": RAW}, None),  # no logarithms of shares
    ],
)
def test_a_relu_before_the_logarithms_of_shares_shows_in_classes_with_the_same_lowest_score(
    changes: dict[str, Any], dead: list[str] | None
) -> None:
    """As `F.cross_entropy(F.relu(x), y)` is seen; the module is what the gradient shows before the logarithm."""
    given = {
        "loss_function": LossFunction("nll_loss", {}),
        "outputs": LOGARITHMS,
        "last_module": module("3", "ReLU", 4),
    }
    found = check(**given | {"loss_left": 0.4, "least_left": 0.4} | changes)
    assert (found is not None) == (dead is not None)
    assert found is None or found.where == ["3", *(dead or [])]
    assert remarks(check(**given | {"least_left": 0.05} | changes)) == (dead == []), "it did no harm"


def test_a_rectified_score_is_surer_where_the_loss_shows_it() -> None:
    rectified = {
        "loss_function": CROSS_ENTROPY,
        "outputs": outputs([0.0] * 3, [4.0] * 3),
        "last_module": module("3", "ReLU", 4),
    }
    fine, held_up = (check(**rectified, loss_left=0.3, least_left=left) for left in (0.05, 0.3))
    assert fine is not None
    assert held_up is not None
    assert fine.confidence < 0.9 < held_up.confidence
    assert remarks(fine), "held-out samples show that it did no harm"
    assert alarms(held_up)
    assert alarms(check(**rectified)), "nobody knows what is left"


@pytest.mark.parametrize(("layers", "found"), [(8, True), (9, False)])
def test_many_sigmoids_are_the_vanishing_gradients_business(layers: int, found: bool) -> None:
    modules = sigmoids(*["Linear", "Sigmoid"] * layers, "Linear")
    assert (check(**SQUASHED, modules=modules, loss_left=0.9) is not None) == found


@pytest.mark.parametrize("last", [module("3", "Softmax", 4), module("2", "Linear", 3), None])
def test_a_softmax_over_a_single_score_is_always_one(last: Module | None) -> None:
    lone = {"loss_function": LossFunction("BCELoss", {}), "last_module": last}
    finding = check(**lone, outputs=outputs([1.0], [1.0]))
    assert finding is not None
    assert "sigmoid" in finding.remedies[0].action
    assert check(**lone, outputs=outputs([0.9999], [1.0])) is None
    assert check(**lone, outputs=outputs([1.0], [1.0], steps=3)) is None


def test_a_sigmoid_that_is_pinned_at_one_is_no_softmax() -> None:
    pinned = {"loss_function": LossFunction("BCELoss", {}), "last_module": module("3", "Sigmoid", 4)}
    assert check(**pinned, outputs=outputs([1.0], [1.0])) is None


def yes_or_no(*shares: float) -> Features:
    """Targets of zeros and ones, with these shares of ones."""
    mean = np.array(shares)
    names = [f"component {i}" for i in range(len(shares))]
    return Features(names, mean, np.sqrt(mean * (1 - mean)), np.zeros(len(mean)), np.ones(len(mean)))


def shares_of_a_softmax(*means: float) -> Outputs:
    found = outputs([0.0] * len(means), [1.0] * len(means))
    return Outputs(found.names, found.steps, np.tile(means, (len(found.steps), 1)), found.min + 0.01, found.max - 0.01)


SEVERAL = {
    "loss_function": SQUARED,
    "outputs": shares_of_a_softmax(0.2, 0.5, 0.3),
    "target_range": yes_or_no(0.4, 0.8, 0.5),
    "last_module": module("3", "Softmax", 4),
}


@pytest.mark.parametrize("loss", ["MSELoss", "BCELoss", "categorical_crossentropy"])
@pytest.mark.parametrize("shares", [(0.4, 0.8, 0.5), (0.1, 0.3, 0.2)])
def test_a_softmax_where_samples_have_several_classes_or_none(loss: str, shares: tuple[float, ...]) -> None:
    seen = {**SEVERAL, "loss_function": LossFunction(loss, {}), "target_range": yes_or_no(*shares)}
    finding = check(**seen)
    assert finding is not None
    assert f"{sum(shares):.2g} of the 3 classes" in finding.summary
    assert finding.where == ("3",)


@pytest.mark.parametrize(("total", "found"), [(0.4, True), (1.2, False), (3.0, True)])
@pytest.mark.parametrize("loss", ["MSELoss", "BCELoss"])
def test_a_softmax_where_amounts_do_not_add_up_to_one(total: float, found: bool, loss: str) -> None:
    amounts = Features(["a", "b", "c"], *np.array([[total / 3] * 3, [0.1] * 3, [0.0] * 3, [1.0] * 3]))
    finding = check(**SEVERAL | {"loss_function": LossFunction(loss, {}), "target_range": amounts})
    assert alarms(finding) == (found and loss == "MSELoss")
    assert finding is None or f"add up to {total:.2g}" in finding.summary


@pytest.mark.parametrize(
    "other",
    [
        {"target_range": yes_or_no(0.2, 0.5, 0.3)},  # one class a sample
        {"target_range": yes_or_no(0.2, 0.5, 0.33)},  # nearly all of them: a few are left out on purpose
        {"outputs": outputs([0.01] * 3, [0.99] * 3), "last_module": module("3", "Sigmoid", 4)},  # one for each
        {"target_range": Features(["a", "b", "c"], *np.array([[0.5] * 3, [0.1] * 3, [0.0] * 3, [1.0] * 3]))},  # amounts
        {"loss_function": LossFunction("KLDivLoss", {})},
    ],
)
def test_a_softmax_over_the_classes_of_a_sample_is_right(other: dict[str, object]) -> None:
    assert check(**{**SEVERAL, **other}) is None


RECTIFIED = {
    "loss_function": LossFunction("categorical_crossentropy", {}),
    "outputs": outputs([0.0] * 3, [2.0, 3.0, 0.0]),
    "target_range": yes_or_no(0.2, 0.5, 0.3),
    "last_module": module("3", "ReLU", 4),
}


def test_a_relu_before_a_loss_of_ones_own_leaves_classes_at_zero() -> None:
    finding = check(**RECTIFIED)
    assert finding is not None
    assert list(finding.where) == ["3", "component 2"]
    alive = check(**{**RECTIFIED, "outputs": outputs([0.0] * 3, [2.0, 3.0, 1.0])})
    assert alive is not None
    assert alive.confidence < finding.confidence
    amounts = Features(["a", "b", "c"], *np.array([[5.0] * 3, [2.0] * 3, [0.0] * 3, [9.0] * 3]))
    assert check(**{**RECTIFIED, "target_range": amounts}) is None
    assert check(**{**RECTIFIED, "outputs": outputs([-1.0] * 3, [2.0] * 3)}) is None


@pytest.mark.parametrize(("highest", "found"), [(2.0, True), (1.0, False)])
def test_targets_beyond_a_sigmoid_are_out_of_reach_of_a_loss_of_ones_own_too(highest: float, found: bool) -> None:
    seen = {**SICK, "loss_function": LossFunction("my_loss", {}), "last_module": module("3", "Sigmoid", 4)}
    seen |= {"outputs": outputs([0.01], [0.99]), "target_range": targets(highest / 2, 0.8, 0.0, highest)}
    assert (check(**seen) is not None) == found


def test_what_a_policy_gets_beside_its_output_is_no_target() -> None:
    """A probability and a return, in a loss that goes above and below zero."""
    seen = {**SICK, "loss_function": LossFunction("policy_gradient", {}), "last_module": module("3", "Sigmoid", 4)}
    seen |= {"outputs": outputs([0.01], [0.99]), "target_range": targets(0.0, 3.0, -9.0, 9.0)}
    up_and_down = series(*np.random.default_rng(0).normal(0.0, 1.0, 100))
    assert check(**seen, train_loss=up_and_down) is None
    assert check(**seen, train_loss=series(*[4.0] * 100)) is not None


@pytest.mark.parametrize(("counts", "found"), [([9.0, 9.0, 9.0], True), ([9.0, 9.0, 0.0], False)])
def test_a_relu_before_a_loss_of_ones_own_counts_for_class_numbers_too(counts: list[float], found: bool) -> None:
    """But the outputs may be an embedding, of another size than there are classes."""
    numbers = {**RECTIFIED, "target_range": None, "targets": Targets(counts=np.array(counts))}
    assert alarms(check(**numbers)) == found
    assert check(**{**numbers, "loss_function": SQUARED}) is None


@pytest.mark.parametrize(("last", "found"), [("Linear", True), ("ReLU", False)])
def test_straight_pieces_have_no_second_derivative(last: str, found: bool) -> None:
    called = (module("0", "Linear", 1), module("1", "ReLU", 2), module("2", last, 3))
    finding = check(modules=called, last_module=called[-1], flat_derivative=True)
    assert (finding is not None) == found, "behind an activation at the end the first derivative looks the same"
    assert finding is None or finding.where == ["1"]
    assert check(modules=called, last_module=called[-1]) is None


@pytest.mark.parametrize(
    ("last", "low", "high", "found"),
    [("Sigmoid", -1, 1, True), ("Tanh", -1, 1, False), ("Tanh", 0, 1, False), ("Linear", -9, 9, False)],
)
def test_a_generator_must_reach_its_data(last: str, low: float, high: float, found: bool) -> None:
    shown = Features(["a", "b"], *(np.array([each] * 2) for each in ((low + high) / 2, (high - low) / 4, low, high)))
    finding = check(imitation=Imitation(module("generator/4", last, 5), shown))
    assert (finding is not None) == found
    assert finding is None or tuple(finding.where) == ("generator/4",)


def test_what_cannot_be_told_without_the_outputs_is_said_so() -> None:
    with pytest.raises(Lacking, match="outputs"):
        activation_mismatch.check(modules=(), loss_function=SQUARED)


@pytest.mark.parametrize(("late", "found"), [(0.0, True), (0.4, False)])
def test_a_rectified_output_that_is_zero_for_every_sample_passes_no_gradient_on(late: float, found: bool) -> None:
    """Targets that are never negative are within its reach, and still nothing is learnt."""
    reach = outputs([0.0], [0.0], 30)
    reach.max[:3], reach.max[20:] = 0.7, late
    counts = targets(2.0, 1.0, 0.1, 5.0)
    finding = check(outputs=reach, target_range=counts, last_module=module("3", "ReLU", 4))
    assert (finding is not None) == found
    assert finding is None or "0 for every sample" in finding.summary


def test_an_output_that_was_rounded_before_it_shrank_to_zero_is_no_rectified_one() -> None:
    """Its gradient was zero from the start: `parameters-not-updated` tells."""
    reach = outputs([0.0], [1.0], 30)
    reach.max[10:] = 0
    assert check(outputs=reach, target_range=targets(0.5, 0.5, 0, 1), last_module=module("3", "ReLU", 4)) is None
    reach.max[:] = 0  # silent from the start
    assert check(outputs=reach, target_range=targets(0.5, 0.5, 0, 1), last_module=module("3", "ReLU", 4)) is not None


@pytest.mark.parametrize(
    ("widths", "left", "found", "loud"),
    [
        ((128,), 0.2, True, True),
        ((128,), 0.05, True, False),
        ((5,), 0.2, True, False),  # topics, or a choice
        ((), 0.2, False, False),
    ],
)
def test_a_softmax_between_layers_is_seen_in_the_graph(
    widths: tuple[int, ...], left: float, found: bool, loud: bool
) -> None:
    finding = check(hidden_shares=widths, loss_left=left)
    assert (finding is not None) == found
    assert alarms(finding) == loud


@pytest.mark.parametrize(
    ("kind", "settings", "limited"),
    [
        ("LSTM", {"mode": "LSTM", "proj_size": 0}, True),
        ("GRUCell", {}, True),
        ("LSTM", {"mode": "LSTM", "proj_size": 4}, False),
        ("RNN", {"mode": "RNN_RELU"}, False),
        ("RNNCell", {"nonlinearity": "tanh"}, True),
    ],
)
def test_the_states_of_a_recurrent_layer_do_not_reach_beyond_1(
    kind: str, settings: dict[str, object], limited: bool
) -> None:
    last = module("lstm", kind, 1, **settings)
    limit = limit_of(last)
    assert (limit is not None) == limited
    given = {**SICK, "outputs": outputs([-0.9], [0.95]), "target_range": targets(0.0, 1.2, -2.1, 2.1)}
    finding = check(**{**given, "output_limit": limit, "last_module": last})
    assert (finding is not None) == limited
    assert finding is None or "linear layer" in finding.remedies[0].action


def pressed(start: float, end: float, *, spread: float = 0.005, left: float = 0.6, points: int = 30) -> dict[str, Any]:
    """Outputs that go from one value to another, in a run of the user's own loss, whose targets nobody knows."""
    way = np.linspace(start, end, points)
    way[points // 2 :] = end
    steps, half = np.arange(points), np.full((points, 1), spread)
    found = Outputs(["component 0"], steps, way[:, None], way[:, None] - half, way[:, None] + half)
    return {"outputs": found, "loss_function": LossFunction("error", {}), "loss_left": left}


def test_outputs_that_all_come_to_the_end_of_a_tanh_cannot_reach_the_targets() -> None:
    finding = check(**pressed(0.2, 0.994))
    assert alarms(finding)
    assert finding is not None
    assert "gone to 1" in finding.summary
    assert alarms(check(**pressed(0.2, -0.994)))
    named = check(**pressed(0.2, 0.994), last_module=module("3", "Tanh", 4))
    assert named is not None
    assert list(named.where) == ["3"]


@pytest.mark.parametrize(
    "sound",
    [
        pressed(0.2, 1.0),  # a linear layer crosses it now and then
        pressed(0.2, 0.994, left=0.05),  # and that is what the targets are
        pressed(0.2, 0.9),  # on its way
        pressed(0.99, 0.994),  # has never been elsewhere
        pressed(0.2, 0.994, points=6),
    ],
)
def test_outputs_that_come_to_one_by_themselves_are_left_alone(sound: dict[str, Any]) -> None:
    assert check(**sound) is None
