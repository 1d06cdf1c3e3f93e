from __future__ import annotations

import math

import pytest
from made import alarms, flat, line, module, remarks, weight

from tb_lossdiag.rules.parameters_not_updated import parameters_not_updated
from tb_lossdiag.signals.optimizer import Optimizer
from tb_lossdiag.signals.structure import Module, Outside, Parameter

SGD = Optimizer("SGD", ({"lr": 0.1, "parameters": ["a.weight", "b.weight"]},))
SICK = {"parameters": (weight("a.weight"), weight("b.weight", optimized=False)), "optimizer": SGD}
HEALTHY = {
    "parameters": (weight("a.weight"), weight("b.weight")),
    "optimizer": SGD,
    "unchanged": {"a.weight": 0.0, "b.weight": 0.0},
}


@pytest.mark.parametrize(("numel", "found"), [(80, False), (90, True)])
def test_a_share_of_two_percent_is_the_threshold(numel: int, found: bool) -> None:
    parameters = (weight("a.weight", numel=4096), weight("b.weight", numel=numel, optimized=False, **LEARNT))
    assert (parameters_not_updated.check(parameters=parameters, optimizer=SGD) is not None) == found


def test_layers_frozen_on_purpose_are_only_mentioned() -> None:
    parameters = (weight("backbone.weight", trainable=False, optimized=False), weight("head.weight", numel=640))
    finding = parameters_not_updated.check(parameters=parameters, optimizer=SGD, unchanged={"head.weight": 0.0})
    assert finding is not None
    assert finding.severity == "info"


def test_a_unit_that_rests_on_some_steps_is_updated() -> None:
    parameters = HEALTHY["parameters"]
    assert parameters_not_updated.check(parameters=parameters, unchanged={"a.weight": 0.9, "b.weight": 0.0}) is None


def test_a_learning_rate_of_zero_is_named() -> None:
    stopped = Optimizer("SGD", ({"lr": 0, "parameters": ["a.weight", "b.weight"]},))
    finding = parameters_not_updated.check(parameters=HEALTHY["parameters"], optimizer=stopped, lr=flat(0.0))
    assert finding is not None
    assert "learning rate is 0" in finding.summary


def test_a_warm_up_that_starts_at_zero_is_fine() -> None:
    starting = Optimizer("SGD", ({"lr": 0, "parameters": ["a.weight", "b.weight"]},))
    assert parameters_not_updated.check(parameters=HEALTHY["parameters"], optimizer=starting, lr=flat(0.1)) is None


def test_a_head_trained_alone_that_learns_is_only_mentioned() -> None:
    finding = parameters_not_updated.check(**SICK, loss_left=0.05)
    assert finding is not None
    assert finding.severity == "info"
    stays = parameters_not_updated.check(**SICK, loss_left=0.9)
    assert stays is not None
    assert stays.severity is None


LEARNT = {"init_std": 0.09, "init_abs_max": 0.4}  # weights that were trained before: no longer evenly spread


@pytest.mark.parametrize(("left", "severity"), [(0.09, "info"), (0.11, None)])
def test_fresh_layers_left_out_are_a_fault_where_the_loss_shows_it(left: float, severity: str | None) -> None:
    finding = parameters_not_updated.check(**SICK, loss_left=left)
    assert finding is not None
    assert finding.severity == severity


def test_a_body_learnt_before_and_left_out_is_only_mentioned_for_longer() -> None:
    parameters = (weight("a.weight"), weight("b.weight", optimized=False, **LEARNT))
    finding = parameters_not_updated.check(parameters=parameters, optimizer=SGD, loss_left=0.4)
    assert finding is not None
    assert finding.severity == "info"


@pytest.mark.parametrize(("facts", "left", "severity"), [({}, 0.5, "error"), ({}, 0.05, "info"), (LEARNT, 0.5, "info")])
def test_layers_frozen_as_they_were_drawn_are_a_fault(facts: dict[str, float], left: float, severity: str) -> None:
    parameters = (weight("body.weight", trainable=False, optimized=False, **facts), weight("head.weight", numel=640))
    finding = parameters_not_updated.check(parameters=parameters, optimizer=SGD, loss_left=left)
    assert finding is not None
    assert finding.severity == severity


def test_one_small_layer_left_out_counts_as_a_layer() -> None:
    parameters = (
        *(weight(f"{i}.weight") for i in range(4)),
        weight("head.weight", numel=128, optimized=False, **LEARNT),
    )
    assert parameters_not_updated.check(parameters=parameters, optimizer=SGD, loss_left=0.9) is None
    larger = (*parameters[:4], weight("head.weight", numel=640, optimized=False))
    finding = parameters_not_updated.check(parameters=larger, optimizer=SGD, loss_left=0.9)
    assert finding is not None
    assert finding.confidence > 0.9


def test_what_no_gradient_reaches_behind_dead_units_is_left_to_their_rule() -> None:
    cut = HEALTHY | {"unchanged": {"a.weight": 1.0, "b.weight": 0.0}}
    assert parameters_not_updated.check(**cut) is not None
    assert parameters_not_updated.check(**cut, dead_share={"act": flat(1.0)}) is None
    assert parameters_not_updated.check(**cut, dead_share={"act": flat(0.99)}) is not None
    assert parameters_not_updated.check(**SICK, dead_share={"act": flat(1.0)}) is not None


def left_out(*shapes: tuple[int, ...], largest: float = 0.1) -> tuple[Outside, ...]:
    """Parameters outside of the model, evenly spread as fresh ones are."""
    return tuple(Outside(shape, math.prod(shape), 0.06, largest) for shape in shapes)


def test_layers_outside_of_the_model_are_an_alarm_where_they_are_fresh_and_the_loss_stays() -> None:
    inside = {"parameters": (weight("head.weight", shape=(3, 16), numel=48),), "loss_left": 0.9}
    fresh = parameters_not_updated.check(**inside, outside=left_out((16, 4), (16, 16)))
    assert alarms(fresh)
    assert "320 parameters" in (fresh.summary if fresh else "")
    assert remarks(parameters_not_updated.check(**inside, outside=left_out((16, 4), (16, 16), largest=0.4)))
    assert remarks(parameters_not_updated.check(**inside | {"loss_left": 0.05}, outside=left_out((16, 4), (16, 16))))


@pytest.mark.parametrize(
    ("std", "largest", "found"),
    [(0.0999965, 0.435876, True), (1.0012, 4.9, True), (0.0731, 0.33, False), (0.1, 1.2, False), (0.1, 0.25, False)],
)
def test_a_large_table_of_random_numbers_outside_of_the_model_is_as_fresh(
    std: float, largest: float, found: bool
) -> None:
    inside = {"parameters": (weight("head.weight", shape=(6, 48), numel=288),), "loss_left": 0.6}
    table = Outside((2925, 48), 140_400, std, largest)
    assert alarms(parameters_not_updated.check(**inside, outside=(table,))) == found
    few = Outside((10, 48), 480, std, largest)
    assert not alarms(parameters_not_updated.check(**inside, outside=(few,)))


@pytest.mark.parametrize(
    ("std", "count", "left", "found"),
    [
        (0.0500391, 3360, 0.6, True),
        (0.0500391, 3360, 0.05, False),  # random features were enough
        (0.0500391, 3360, None, True),
        (0.0731, 3360, 0.6, False),  # computed from something: a table of positions, a kernel
        (0.0500391, 1100, 0.6, True),
        (0.0500391, 300, 0.6, False),
    ],
)
def test_random_numbers_in_a_plain_attribute_are_worth_a_remark(
    std: float, count: int, left: float | None, *, found: bool
) -> None:
    furthest = std * math.sqrt(2 * math.log(count))
    table = Outside((count // 10, 10), count, std, furthest, name="factors.V")
    inside = {"parameters": (weight("linear.weight", shape=(336, 1), numel=336),), "loss_left": left}
    finding = parameters_not_updated.check(**inside, loose=(table,))
    assert (finding is not None) == found
    assert not finding or (remarks(finding) and "factors.V" in finding.summary)


def test_a_few_random_numbers_beside_a_large_model_are_not_worth_it() -> None:
    table = Outside((110, 10), 1100, 0.0500391, 0.19, name="V")
    large = (weight("linear.weight", shape=(1000, 100), numel=100_000),)
    assert parameters_not_updated.check(parameters=large, loss_left=0.9, loose=(table,)) is None


def test_a_copy_of_the_whole_model_is_a_target_network() -> None:
    shapes = ((16, 8), (3, 16))
    model = tuple(weight(f"{i}.weight", shape=shape, numel=math.prod(shape)) for i, shape in enumerate(shapes))
    assert remarks(parameters_not_updated.check(parameters=model, loss_left=0.9, outside=left_out(*shapes)))
    assert alarms(parameters_not_updated.check(parameters=model, loss_left=0.9, outside=left_out(shapes[0])))


def test_a_gradient_that_is_exactly_zero_all_along_has_no_way_back_from_the_loss() -> None:
    finding = parameters_not_updated.check(**HEALTHY, grad_norm=flat(0.0))
    assert finding is not None
    assert "exactly zero" in finding.summary
    assert alarms(finding)
    assert parameters_not_updated.check(**HEALTHY, grad_norm=flat(1e-12)) is None
    assert parameters_not_updated.check(**HEALTHY, grad_norm=flat(0.0, 3)) is None
    for behind in ("dead_share", "saturated_share"):
        assert parameters_not_updated.check(**HEALTHY, grad_norm=flat(0.0), **{behind: {"act": flat(1.0)}}) is None


@pytest.mark.parametrize(
    ("numel", "left", "loud"), [(900, 0.3, False), (900, None, False), (900, 0.6, True), (2000, 0.3, True)]
)
def test_a_small_part_that_no_gradient_reaches_in_a_run_that_learns_is_only_mentioned(
    numel: int, left: float | None, loud: bool
) -> None:
    parameters = (weight("a.weight"), weight("back.weight", numel=numel))
    unused = {"unchanged": {"a.weight": 0.0, "back.weight": 1.0}, "optimizer": None}
    finding = parameters_not_updated.check(parameters=parameters, loss_left=left, **unused)
    assert finding is not None
    assert alarms(finding) == loud


@pytest.mark.parametrize(("gradient", "left", "loud"), [(0.0, 0.75, False), (math.nan, 0.75, True), (0.0, 0.9, True)])
def test_keys_of_an_attention_to_a_single_place_have_no_slope(gradient: float, left: float, loud: bool) -> None:
    parameters = (weight("a.weight"), weight("key.weight", numel=300))
    given = {"unchanged": {"a.weight": 0.0, "key.weight": 1.0}, "optimizer": None, "loss_left": left}
    gradients = {"a.weight": flat(1.0), "key.weight": flat(gradient)}
    assert alarms(parameters_not_updated.check(parameters=parameters, layer_gradients=gradients, **given)) == loud


@pytest.mark.parametrize(
    "other",
    [
        weight(
            "norm.weight", kind="norm", numel=16, trainable=False, optimized=False, init_std=0.02, init_abs_max=1.03
        ),
        weight("conv.weight", trainable=False, optimized=False, **LEARNT),
    ],
)
def test_a_frozen_body_with_one_layer_that_was_trained_was_trained(other: Parameter) -> None:
    small = weight("first.weight", numel=144, trainable=False, optimized=False)
    finding = parameters_not_updated.check(parameters=(small, other, weight("head.weight", numel=64)), loss_left=0.5)
    assert not alarms(finding)
    fresh = weight("norm.weight", kind="norm", trainable=False, optimized=False, init_std=0.0, init_abs_max=1.0)
    assert alarms(
        parameters_not_updated.check(parameters=(small, fresh, weight("head.weight", numel=64)), loss_left=0.5)
    )


def test_a_small_layer_at_random_that_was_forgotten_spoils_all_that_learn() -> None:
    """As the head of a tagger, in a parameter group that was never added."""
    parameters = (*(weight(f"{i}.weight") for i in range(12)), weight("head.weight", numel=340, optimized=False))
    finding = parameters_not_updated.check(parameters=parameters, optimizer=SGD, loss_left=0.4)
    assert alarms(finding)
    assert finding.confidence > 0.8
    trained = (*parameters[:-1], weight("head.weight", numel=340, optimized=False, **LEARNT))
    assert parameters_not_updated.check(parameters=trained, optimizer=SGD, loss_left=0.4) is None


def test_a_target_network_is_changed_by_copying() -> None:
    parameters = (weight("online.weight"), weight("target.weight", optimized=False))
    run = {"parameters": parameters, "optimizer": SGD, "unchanged": {"online.weight": 0.0, "target.weight": 1.0}}
    copied = {"online.weight": line(8.0, 9.0), "target.weight": line(8.0, 8.9)}
    assert parameters_not_updated.check(**run, layer_weights=copied) is None
    assert parameters_not_updated.check(**run, layer_weights=copied | {"target.weight": flat(8.0)}) is not None


@pytest.mark.parametrize(("losses", "found"), [(29, False), (30, True)])
def test_losses_that_no_step_ever_follows(losses: int, found: bool) -> None:
    """A few may be added up before the first step."""
    finding = parameters_not_updated.check(parameters=HEALTHY["parameters"], losses_without_step=losses)
    assert (finding is not None) == found
    assert finding is None or "never takes a step" in finding.summary


@pytest.mark.parametrize(("steps", "loud"), [(90, False), (150, True)])
def test_a_run_that_has_only_begun_has_not_shown_that_a_small_part_is_missed(steps: int, loud: bool) -> None:
    """The last block of N-BEATS puts out a backcast that nobody uses."""
    parts = (weight("a.weight"), weight("b.weight", numel=700))
    known = {"optimizer": SGD, "unchanged": {"a.weight": 0.0, "b.weight": 1.0}, "loss_left": 0.9}
    finding = parameters_not_updated.check(parameters=parts, grad_norm=flat(0.1, steps), **known)
    assert finding is not None
    assert (finding.severity is None) == loud


def test_what_the_reported_loss_depends_on_and_gets_no_gradient_is_an_alarm_however_small() -> None:
    model = {"parameters": (weight("a.weight"), weight("b.weight", numel=4)), "grad_norm": flat(1.0, 10)}
    finding = parameters_not_updated.check(**model, without_gradient=("b.weight",))
    assert alarms(finding)
    assert finding is not None
    assert finding.where == ["b.weight"]
    few = model | {"grad_norm": flat(1.0, 4)}
    assert parameters_not_updated.check(**few, without_gradient=("b.weight",)) is None
    frozen = model | {"parameters": (weight("a.weight"), weight("b.weight", numel=4, optimized=False))}
    assert not alarms(parameters_not_updated.check(**frozen, without_gradient=("b.weight",)))


@pytest.mark.parametrize(("spread", "loud"), [(0.0, True), (0.05, False)])
def test_frozen_layers_whose_normalisations_stand_at_one_and_zero_never_learnt(spread: float, loud: bool) -> None:
    """Whatever their weights are drawn from: evenly spread, as torch does it, or as Kaiming does."""
    frozen = {"trainable": False, "optimized": False}
    parameters = (
        weight("stem.weight", **frozen, **LEARNT),
        weight("bn.weight", kind="norm", init_std=spread, init_abs_max=1.0 + spread, **frozen),
        weight("bn.bias", kind="norm", init_std=spread, init_abs_max=spread, **frozen),
        weight("head.weight", numel=8192),
    )
    assert alarms(parameters_not_updated.check(parameters=parameters, optimizer=SGD, loss_left=0.6)) == loud
    assert not alarms(parameters_not_updated.check(parameters=parameters, optimizer=SGD, loss_left=0.01))


def test_a_momentum_encoder_follows_the_one_that_learns() -> None:
    """As MoCo's, whose data are replaced: nobody sees its weights move."""
    layers = (
        ("conv.weight", "weight", 0.1),
        ("bn.weight", "norm", 0.0),
        ("bn.bias", "norm", 0.0),
        ("fc.weight", "weight", 0.1),
    )
    ones = {"bn.weight": 1.0, "bn.bias": 0.0}
    made = [
        weight(
            f"{net}.{name}",
            kind=kind,
            init_std=std,
            init_abs_max=ones.get(name, 0.17),
            trainable=net == "q",
            optimized=net == "q",
        )
        for net in ("q", "k")
        for name, kind, std in layers
    ]
    assert not alarms(parameters_not_updated.check(parameters=tuple(made), optimizer=SGD, loss_left=0.5))
    alone = (*made[4:], weight("head.weight", numel=8192, shape=(64, 128)))
    assert alarms(parameters_not_updated.check(parameters=alone, optimizer=SGD, loss_left=0.5))


def test_a_head_that_the_loss_has_no_use_for_comes_after_any_reason() -> None:
    """As the last of N-BEATS' backcasts."""
    parameters = (*(weight(f"{i}.weight") for i in range(12)), weight("back.weight"))
    unused = {each.name: float(each.name == "back.weight") for each in parameters}
    finding = parameters_not_updated.check(parameters=parameters, optimizer=SGD, unchanged=unused, loss_left=0.05)
    assert finding is not None
    assert not alarms(finding)
    assert finding.confidence < 0.6


@pytest.mark.parametrize(("called", "left", "loud"), [(False, 0.1, False), (True, 0.1, True), (False, 0.9, True)])
def test_layers_that_are_never_called_are_no_fault_of_a_run_that_learns(called: bool, left: float, loud: bool) -> None:
    """A segmentation network may take the first stages of a backbone only; but a layer that was forgotten in `forward` may be what is missing."""
    parts = (weight("a.weight"), weight("b.weight"))
    modules = (module("a", "Conv2d", 0), Module("b", "Conv2d", 1 if called else None, {}, 0))
    finding = parameters_not_updated.check(
        parameters=parts,
        optimizer=SGD,
        unchanged={"a.weight": 0.0, "b.weight": 1.0},
        loss_left=left,
        modules=modules,
        grad_norm=flat(0.1, 150),
    )
    assert finding is not None
    assert (finding.severity is None) == loud


def test_a_small_part_that_is_never_called_is_none_of_a_run_that_has_its_floor() -> None:
    """As the pooler of a language model."""
    parts = (weight("a.weight"), weight("b.weight", numel=700))
    known = {"optimizer": SGD, "unchanged": {"a.weight": 0.0, "b.weight": 1.0}, "grad_norm": flat(0.1, 150)}
    idle = (module("a", "Linear", 0), Module("b", "Linear", None, {}, 0))
    finding = parameters_not_updated.check(parameters=parts, loss_left=0.9, modules=idle, **known)
    assert finding is not None
    assert finding.severity == "info"


def test_weights_for_what_was_before_rest_where_nothing_was() -> None:
    lstm = tuple(weight(f"lstm.weight_{each}_l0", kind="recurrent") for each in ("ih", "hh"))
    still = {"parameters": lstm, "unchanged": {"lstm.weight_ih_l0": 0.0, "lstm.weight_hh_l0": 1.0}}
    assert parameters_not_updated.check(**still) is not None
    assert parameters_not_updated.check(**still, memoryless={"lstm.weight_hh_l0": 1}) is None


def test_a_rectifier_that_is_shut_is_told_as_dead_units() -> None:
    given = {"parameters": HEALTHY["parameters"], "grad_norm": flat(0.0)}
    assert alarms(parameters_not_updated.check(**given))
    assert parameters_not_updated.check(**given, shut=True) is None
