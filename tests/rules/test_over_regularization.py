from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from made import alarms, falling, flat, form, line, module, remarks, weight

from tb_lossdiag.rules.over_regularization import over_regularization
from tb_lossdiag.series import series
from tb_lossdiag.signals.optimizer import Optimizer
from tb_lossdiag.signals.outputs import Contract
from tb_lossdiag.signals.probe import ModeGap
from tb_lossdiag.signals.structure import LossFunction

SETTLED = form(falling(2.3, 1.5))
SHRINKS = {"a": line(8.0, 2.0), "b": line(6.0, 1.0)}
SICK = {
    "loss_left": 0.65,
    "train_shape": SETTLED,
    "decay_share": {"a": flat(1.5), "b": flat(0.9)},
    "layer_weights": SHRINKS,
    "settings": {"weight_decay": 0.1},
}
HEALTHY = {
    "loss_left": 0.65,
    "train_shape": SETTLED,
    "decay_share": {"a": flat(0.05), "b": flat(0.02)},
    "layer_weights": {"a": line(8.0, 9.0), "b": line(6.0, 7.0)},
}


@pytest.mark.parametrize(("share", "found"), [(0.149, False), (0.151, True)])
def test_threshold_of_the_share(share: float, found: bool) -> None:
    signals = SICK | {"decay_share": {"a": flat(share)}}
    assert (over_regularization.check(**signals) is not None) == found


def test_decay_beside_the_small_gradient_of_a_good_end_is_healthy() -> None:
    assert over_regularization.check(**SICK | {"loss_left": 0.05}) is None


def test_weights_that_grow_are_not_held_down() -> None:
    grows = SICK | {"layer_weights": HEALTHY["layer_weights"], "decay_share": {"a": flat(0.3), "b": flat(0.3)}}
    assert not alarms(over_regularization.check(**grows))


@pytest.mark.parametrize(("share", "found"), [(0.49, False), (0.51, True)])
def test_decay_that_undoes_half_of_each_step_holds_down_even_weights_that_grow(share: float, found: bool) -> None:
    signals = SICK | {"layer_weights": HEALTHY["layer_weights"], "decay_share": {"a": flat(share), "b": flat(share)}}
    assert alarms(over_regularization.check(**signals)) == found


def test_dropout_that_only_the_training_loss_suffers_from_is_found() -> None:
    dropped = {
        "loss_left": 0.6,
        "train_shape": form(falling(2.3, 1.4)),
        "eval_shape": form(falling(2.3, 0.5)),
        "settings": {"dropout": 0.8},
    }
    finding = over_regularization.check(**dropped)
    assert finding is not None
    assert "from 0.8 to 0.2" in finding.remedies[0].action


def test_moderate_dropout_keeps_the_training_loss_a_little_higher() -> None:
    usual = {
        "loss_left": 0.35,
        "train_shape": form(falling(2.3, 0.7)),
        "eval_shape": form(falling(2.3, 0.5)),
        "settings": {"dropout": 0.5},
    }
    assert over_regularization.check(**usual) is None


@pytest.mark.parametrize(("left", "found"), [(0.29, False), (0.31, True)])
def test_dropout_with_which_nothing_is_learnt_is_found_without_a_better_validation_loss(
    left: float, found: bool
) -> None:
    flat_out = {"loss_left": left, "train_shape": SETTLED, "settings": {"dropout": 0.9}}
    assert alarms(over_regularization.check(**flat_out)) == found
    assert alarms(over_regularization.check(**flat_out, eval_shape=SETTLED)) == found


@pytest.mark.parametrize(
    ("without", "left", "found"), [(1.5, 0.6, True), (1.27, 0.6, True), (1.2, 0.6, False), (1.2, 0.96, True)]
)
def test_dropout_is_right_where_the_network_knows_its_samples_better_than_new_ones_even_so(
    without: float, left: float, found: bool
) -> None:
    few = {"loss_left": left, "train_shape": SETTLED, "eval_shape": SETTLED, "settings": {"dropout": 0.7}}
    apart = 1 - without / 1.5
    gap = ModeGap(flat(1.5), flat(without), flat(apart), apart, apart, 1.5, without)
    finding = over_regularization.check(**few, mode_gap=gap)
    assert alarms(finding) == found
    assert found or remarks(finding)


@pytest.mark.parametrize(("dropout", "sure"), [(0.5, 0.0), (0.6, 0.6), (0.7, 0.75), (0.8, 0.95), (1.0, 0.0)])
def test_the_more_is_dropped_the_surer(dropout: float, sure: float) -> None:
    finding = over_regularization.check(loss_left=0.6, train_shape=SETTLED, settings={"dropout": dropout})
    assert (finding.confidence if finding is not None else 0.0) == pytest.approx(sure, abs=0.04)


@pytest.mark.parametrize(("left", "found"), [(0.049, False), (0.051, True)])
def test_more_dropout_than_recipes_use_is_worth_a_remark_where_something_is_left(left: float, found: bool) -> None:
    well = {"loss_left": left, "train_shape": SETTLED}
    assert remarks(over_regularization.check(**well, settings={"dropout": 0.6})) == found
    assert over_regularization.check(**well, settings={"dropout": 0.5}) is None


def test_decay_that_leads_while_weights_grow_is_worth_a_remark() -> None:
    grows = SICK | {"layer_weights": HEALTHY["layer_weights"], "decay_share": {"a": flat(0.3), "b": flat(0.3)}}
    assert remarks(over_regularization.check(**grows))


@pytest.mark.parametrize(
    ("share", "decay", "action"),
    [
        (1.5, 0.1, "from 0.1 to about 0.001"),
        (5e7, 0.01, "Turn the weight decay off: it is 0.01"),
        (1.5, "unknown", "by about 80 times"),
    ],
)
def test_the_remedy_says_what_decay_to_use(share: float, decay: object, action: str) -> None:
    finding = over_regularization.check(
        **SICK | {"decay_share": {"a": flat(share)}, "settings": {"weight_decay": decay}}
    )
    assert finding is not None
    assert action in finding.remedies[0].action
    assert "e+" not in finding.summary


@pytest.mark.parametrize(("last", "found"), [(0.12, False), (0.02, True)])
def test_a_hidden_layer_that_the_loss_silences_is_named(last: float, found: bool) -> None:
    """As a KL divergence does that is summed beside an error that is averaged: nothing gets through any more."""
    scale = {"enc": flat(1.0), "mu": series(*np.geomspace(0.4, 0.4 * last, 30), *[0.4 * last] * 30), "dec": flat(1.0)}
    layers = tuple(weight(f"{name}.weight") for name in scale)
    run = HEALTHY | {"loss_left": 0.04, "activation_scale": scale, "parameters": layers}
    finding = over_regularization.check(**run)
    assert (finding is not None) == found
    assert finding is None or finding.where == ["mu"]
    came_down = scale | {"mu": series(*(50 * scale["mu"].values))}
    assert over_regularization.check(**run | {"activation_scale": came_down}) is None, "of raw inputs it had to"
    ends = {"enc": flat(1.0), "mu": scale["mu"]}
    assert over_regularization.check(**run | {"activation_scale": ends}) is None, "targets may be small"


def test_one_of_several_branches_may_fall_silent_where_its_feature_tells_nothing() -> None:
    """An additive model has a small network for each feature, and one that is of no use puts out zero."""
    shrunk = series(*np.geomspace(0.4, 0.01, 30), *[0.01] * 30)
    scale = {"nets.0.out": line(0.4, 0.9), "nets.1.out": shrunk, "nets.2.out": line(0.4, 0.7), "last": flat(1.0)}
    layers = tuple(weight(f"{name}.weight") for name in scale)
    run = HEALTHY | {"loss_left": 0.7, "activation_scale": scale, "parameters": layers}
    assert over_regularization.check(**run) is None
    alone = {"first": flat(1.0), "nets.1.out": shrunk, "last": flat(1.0)}
    layers = tuple(weight(f"{name}.weight") for name in alone)
    assert alarms(over_regularization.check(**run | {"activation_scale": alone, "parameters": layers}))


def test_weights_that_have_grown_much_were_not_held_down_however_strong_the_decay_is_in_the_end() -> None:
    grown = {"a": line(8.0, 16.0), "b": line(6.0, 12.0)}
    assert remarks(over_regularization.check(**SICK | {"layer_weights": grown}))


def test_layers_that_no_gradient_reaches_say_nothing_of_the_decay() -> None:
    starved = {"a": flat(1e6), "b": flat(30.0), "c": flat(0.05)}
    assert over_regularization.check(**SICK | {"decay_share": starved}) is None
    assert over_regularization.check(**SICK | {"decay_share": {"a": flat(np.inf), "b": flat(np.inf)}}) is None


def test_of_embeddings_the_loss_asks_only_for_the_rows_in_the_batch() -> None:
    tables = (weight("a", kind="embedding"), weight("b", kind="embedding"), weight("c"))
    shares = {"decay_share": {"a": flat(1.2), "b": flat(1.1), "c": flat(0.05)}, "parameters": tables}
    assert over_regularization.check(**SICK | shares) is None
    assert alarms(over_regularization.check(**SICK | {"parameters": tables[:2]}))


def test_a_penalty_in_the_loss_is_a_weight_decay_by_another_name() -> None:
    by_hand = {key: value for key, value in SICK.items() if key != "decay_share"} | {"settings": {}}
    finding = over_regularization.check(**by_hand, penalty_share=SICK["decay_share"])
    assert alarms(finding)
    assert "by about 60 times" in finding.remedies[0].action
    assert over_regularization.check(**by_hand, penalty_share=HEALTHY["decay_share"]) is None
    assert not alarms(over_regularization.check(**HEALTHY, penalty_share={"a": flat(0.3), "b": flat(0.3)}))


def test_layers_that_are_not_penalised_may_grow() -> None:
    weights = {"a": line(6.7, 6.3), "b": line(3.0, 9.0)}
    run = {"loss_left": 0.56, "train_shape": SETTLED, "layer_weights": weights}
    assert alarms(over_regularization.check(**run, penalty_share={"a": flat(0.6)}))
    little = run | {"loss_left": 0.05}  # below what regularisation harms, but a penalty that rules the weights is told
    assert remarks(over_regularization.check(**little, penalty_share={"a": flat(0.6)}))
    assert over_regularization.check(**little, decay_share={"a": flat(0.6)}) is None
    assert over_regularization.check(**little | {"loss_left": 0.01}, penalty_share={"a": flat(0.6)}) is None
    assert not alarms(over_regularization.check(**run, penalty_share={"a": flat(0.6), "b": flat(0.6)}))


@pytest.mark.parametrize(("decay", "left", "loud"), [(0.0, 0.35, True), (5e-5, 0.35, False), (0.05, 1.0, True)])
def test_a_layer_that_a_skip_connection_makes_superfluous_decays_to_nothing(
    decay: float, left: float, loud: bool
) -> None:
    scale = {"enc": flat(1.0), "deep": series(*np.geomspace(0.4, 4e-3, 30), *[4e-3] * 30), "dec": flat(1.0)}
    layers = tuple(weight(f"{name}.weight") for name in scale)
    run = HEALTHY | {"loss_left": left, "activation_scale": scale, "parameters": layers}
    finding = over_regularization.check(**run | {"settings": {"weight_decay": decay}})
    assert finding is not None
    assert alarms(finding) == loud


@pytest.mark.parametrize(("early", "left", "loud"), [(0.01, 0.16, False), (0.8, 0.16, True), (0.01, 0.5, True)])
def test_where_a_loss_has_settled_decay_and_gradient_are_as_large_as_each_other(
    early: float, left: float, loud: bool
) -> None:
    """Both add up to nothing at the end of any training with decay: what counts is whether it led before."""
    share = series(*[early] * 100, *[1.2] * 100)
    settled = SICK | {
        "loss_left": left,
        "train_shape": form(falling(2.3, 0.3)),
        "decay_share": {"a": share, "b": share},
    }
    assert alarms(over_regularization.check(**settled)) == loud


def test_a_dropout_is_not_excused_by_a_decay_that_is_small() -> None:
    """What excuses a decay where the loss has settled says nothing of anything else that holds the network down."""
    small = {"decay_share": {"a": flat(0.01)}, "layer_weights": SHRINKS}
    dropped = {"loss_left": 0.16, "train_shape": form(falling(2.3, 1.4)), "eval_shape": form(falling(2.3, 0.5))}
    assert alarms(over_regularization.check(**small, **dropped, settings={"dropout": 0.8}))


@pytest.mark.parametrize(
    ("samples", "share", "left", "alarm"),
    [
        (2e3, 0.3, 0.5, False),  # a ridge regression of few samples
        (1e6, 0.3, 0.5, True),
        (None, 0.3, 0.5, True),
        (2e3, 0.3, 0.9, True),  # hardly anything was learnt
        (2e3, 0.9, 0.5, True),  # it undoes nearly all of each step
    ],
)
def test_a_decay_that_few_samples_may_want_is_a_remark(
    samples: float | None, share: float, left: float, alarm: bool
) -> None:
    held = SICK | {"decay_share": {"a": flat(share), "b": flat(share)}, "loss_left": left}
    parameters = (weight("a", numel=500), weight("b", numel=500))
    finding = over_regularization.check(**held, parameters=parameters, sample_count=samples)
    assert finding is not None
    assert alarms(finding) == alarm


def adam(decay: float = 0.01, kind: str = "Adam", *, decoupled: bool = False) -> Optimizer:
    return Optimizer(kind, ({"lr": 1e-3, "weight_decay": decay, "decoupled_weight_decay": decoupled},))


WITHERS = HEALTHY | {
    "loss_left": 0.3,
    "layer_weights": {"a": line(8.0, 2.0), "b": line(6.0, 1.0)},
    "train_shape": form(series(1.0, 0.8, 0.5, *[0.34] * 100)),
    "optimizer": adam(),
}


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, True),
        ({"optimizer": adam(0.009)}, False),
        ({"optimizer": adam(kind="AdamW")}, False),
        ({"optimizer": adam(decoupled=True)}, False),
        ({"optimizer": Optimizer("SGD", ({"weight_decay": 0.01},))}, False),
        ({"layer_weights": {"a": line(8.0, 5.0), "b": line(6.0, 4.0)}}, False),
        ({"train_shape": form(falling(1.0, 0.3))}, False),  # it goes on learning
        ({"loss_left": 0.05}, False),
    ],
)
def test_weights_that_adams_penalty_withers_while_nothing_is_learnt(changes: dict[str, object], found: bool) -> None:
    assert alarms(over_regularization.check(**WITHERS | changes)) == found


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, True),
        ({"quieted": False}, False),  # they are dead for another reason
        ({"quieted": None}, False),
        ({"dead_share": {"code": flat(0.4)}}, False),  # a sparse code
        ({"loss_left": 0.05}, False),
    ],
)
def test_a_penalty_on_activations_that_silences_a_code_is_named(changes: dict[str, object], found: bool) -> None:
    run = HEALTHY | {"quieted": True, "dead_share": {"code": series(*[0.1] * 5, *[1.0] * 20)}} | changes
    assert alarms(over_regularization.check(**run)) == found


def test_weights_of_which_nothing_was_logged_say_nothing() -> None:
    unknown = WITHERS | {"layer_weights": {"a": series(), "b": series()}}
    assert over_regularization.check(**unknown) is None


@pytest.mark.parametrize(
    ("survives", "left", "found"),
    [(0.4**4, 1.0, True), (0.5**3, 1.0, False), (0.4**4, 0.9, False), (None, 1.0, False)],
)
def test_dropout_after_dropout_leaves_nothing_to_learn_from(survives: float | None, left: float, found: bool) -> None:
    given = {} if survives is None else {"survives": survives}
    finding = over_regularization.check(train_shape=form(flat(2.3, 200)), loss_left=left, **given)
    assert alarms(finding) == found


@pytest.mark.parametrize(
    ("survives", "left", "found"), [(0.0625, 0.6, True), (0.125, 0.6, False), (0.0625, 0.29, False)]
)
def test_four_layers_of_dropout_that_learn_little_are_worth_a_remark(survives: float, left: float, found: bool) -> None:
    assert remarks(over_regularization.check(**HEALTHY | {"survives": survives, "loss_left": left})) == found


def noisy(gap: float, loss: str = "MSELoss", survives: float = 0.5, left: float = 0.3, validation: float = 0.15) -> Any:
    both = ModeGap(flat(0.3), flat(0.3 * (1 - gap)), flat(gap), gap, gap, 0.3, 0.3 * (1 - gap))
    return over_regularization.check(
        loss_left=left,
        train_shape=form(falling(1.0, 0.3)),
        eval_shape=form(falling(1.0, validation, 20)),
        mode_gap=both,
        loss_function=LossFunction(loss, {}),
        survives=survives,
    )


def test_dropout_before_an_amount_is_an_error_that_stays() -> None:
    """As 0.5 of a layer of seven units, or of three layers that are normalised after it."""
    finding = noisy(0.4)
    assert alarms(finding)
    assert "40\N{NO-BREAK SPACE}%" in finding.summary


@pytest.mark.parametrize(("gap", "survives", "found"), [(0.25, 0.125, True), (0.25, 0.25, False), (0.15, 0.125, False)])
def test_of_three_layers_of_dropout_less_of_the_loss_need_be_noise(gap: float, survives: float, found: bool) -> None:
    assert alarms(noisy(gap, survives=survives)) == found


@pytest.mark.parametrize(
    "changes",
    [{"gap": 0.3}, {"loss": "CrossEntropyLoss"}, {"survives": 0.7}, {"left": 0.1}, {"validation": 0.25}],
)
def test_dropout_that_classes_bear_or_that_costs_little_is_left_alone(changes: dict[str, Any]) -> None:
    assert noisy(**{"gap": 0.4} | changes) is None


@pytest.mark.parametrize(
    ("changes", "found"), [({}, True), ({"survives": 0.25}, False), ({"left": 0.28}, False), ({"gap": 0.3}, False)]
)
def test_of_classes_three_layers_of_dropout_whose_noise_is_much_of_the_loss_make_a_remark(
    changes: dict[str, Any], found: bool
) -> None:
    finding = noisy(**{"gap": 0.5, "loss": "CrossEntropyLoss", "survives": 0.125, "left": 0.4} | changes)
    assert remarks(finding) == found


def answered(*kinds: str, p: float = 0.5, says: int = 1) -> dict[str, Any]:
    """A network of these modules, the last linear one of which has one output; the loss is given `says`."""
    layers = tuple(
        module(f"{kind.lower()}{i}", kind, i, **({"p": p} if kind == "Dropout" else {"out_features": 1}))
        for i, kind in enumerate(kinds)
    )
    return {"modules": layers, "contract": Contract((says,), (1,), 32, "regression", None)}


@pytest.mark.parametrize(
    ("network", "found"),
    [
        (answered("Linear", "Linear", "Dropout"), True),
        (answered("Linear", "Linear", "Dropout", "Softmax"), True),
        (answered("Linear", "Dropout", "Linear", "Softmax"), False),
        (answered("Linear", "Dropout", "Linear"), False),
        (answered("Linear", "Linear", "Dropout", p=0.05), False),
        (answered("Linear", "Linear", "Dropout", says=9), False),  # a function behind it puts out the answers
        (answered("Linear", "ReLU", "Dropout"), False),
    ],
)
def test_dropout_behind_the_last_layer_throws_answers_away(network: dict[str, Any], found: bool) -> None:
    assert alarms(over_regularization.check(**HEALTHY | network)) == found


def test_dropout_of_answers_that_did_no_harm_is_a_remark() -> None:
    assert remarks(over_regularization.check(**HEALTHY | answered("Linear", "Linear", "Dropout") | {"loss_left": 0.01}))


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, True),
        ({"gap": 0.1}, False),
        ({"validation": 0.28}, False),
        ({"left": 0.2}, False),
        ({"modules": (module("norm", "BatchNorm2d", 0),)}, False),
        ({"modules": (module("drop", "Dropout", 0),)}, False),
        ({"settings": {"dropout": 0.5}}, False),  # called as a function
        ({"modules": ()}, False),
    ],
)
def test_a_loss_that_is_there_in_training_mode_only_without_any_dropout_is_worth_a_remark(
    changes: dict[str, Any], found: bool
) -> None:
    """As blocks that are dropped as a whole, with the probability of keeping them."""
    given = {"gap": 0.3, "validation": 0.2, "left": 0.6, "modules": (module("conv", "Conv2d", 0),)} | changes
    gap = given.pop("gap")
    finding = over_regularization.check(
        loss_left=given["left"],
        train_shape=form(falling(1.0, 0.3)),
        eval_shape=form(falling(1.0, given["validation"], 20)),
        mode_gap=ModeGap(flat(0.3), flat(0.3 * (1 - gap)), flat(gap), gap, gap, 0.3, 0.3 * (1 - gap)),
        modules=given["modules"],
        settings=given.get("settings"),
    )
    assert remarks(finding) == found


@pytest.mark.parametrize(
    ("decay", "optimizer", "found"), [(5e-4, "SGD", False), (5e-3, "SGD", True), (5e-4, "Adam", True)]
)
def test_the_usual_decay_of_sgd_outweighs_only_a_gradient_that_is_next_to_none(
    decay: float, optimizer: str, found: bool
) -> None:
    """As where inputs tell nothing of the labels."""
    given = SICK | {"settings": {"weight_decay": decay}, "optimizer": Optimizer(optimizer, ({"lr": 0.02},))}
    assert (over_regularization.check(**given) is not None) == found


def dropping(p: float, units: int, wanted: int) -> dict[str, Any]:
    modules = (
        module("hidden", "Linear", 0, in_features=1, out_features=units),
        module("act", "Tanh", 1),
        module("drop", "Dropout", 2, p=p),
        module("out", "Linear", 3, in_features=wanted, out_features=1),
    )
    return {"modules": modules, "train_shape": form(falling(1.0, 0.3)), "loss_left": 0.3}


@pytest.mark.parametrize(
    ("p", "units", "wanted", "found"),
    [
        (0.5, 2, 2, True),
        (0.5, 4, 4, True),
        (0.5, 5, 5, False),
        (0.1, 1, 8, False),  # of several that were put side by side
        (0.1, 2, 2, False),
    ],
)
def test_dropout_that_often_leaves_no_unit_at_all(p: float, units: int, wanted: int, found: bool) -> None:
    finding = over_regularization.check(**dropping(p, units, wanted))
    assert alarms(finding) == found
    assert finding is None or finding.where == ["drop"]
    assert over_regularization.check(**dropping(p, units, wanted) | {"loss_left": 0.02}) is None
