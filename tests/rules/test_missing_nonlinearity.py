from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from made import alarms, remarks, weight

from tb_lossdiag.rules.missing_nonlinearity import missing_nonlinearity
from tb_lossdiag.signals.chains import chains
from tb_lossdiag.signals.structure import Module


def network(*steps: str | tuple[int, int], name: str = "") -> dict[str, object]:
    """A Sequential of linear layers, given as (in, out), and of other modules, given by type."""
    modules = [Module(name, "Sequential", 0, {}, len(steps))]
    for i, step in enumerate(steps):
        path = f"{name}.{i}" if name else str(i)
        if isinstance(step, str):
            modules.append(Module(path, step, i + 1, {}, 0))
        else:
            modules.append(Module(path, "Linear", i + 1, {"in_features": step[0], "out_features": step[1]}, 0))
    return {"modules": tuple(modules), "chains": chains(modules=tuple(modules))}


def convolutions(*settings: dict[str, object]) -> dict[str, object]:
    modules = [Module("", "Sequential", 0, {}, len(settings))]
    modules += [Module(str(i), "Conv2d", i + 1, each, 0) for i, each in enumerate(settings)]
    return {"modules": tuple(modules), "chains": chains(modules=tuple(modules))}


SICK = network((2, 32), (32, 32), (32, 2))
HEALTHY = network((2, 32), "ReLU", (32, 32), "ReLU", (32, 2))


@pytest.mark.parametrize(("activations", "found"), [(5, True), (6, False)])
def test_one_missing_activation_among_many_is_no_matter(activations: int, found: bool) -> None:
    steps = [step for _ in range(activations) for step in ((8, 8), "ReLU")]
    assert (missing_nonlinearity.check(**network(*steps, (8, 8), (8, 8))) is not None) == found


def test_a_network_that_still_bends_is_only_told() -> None:
    finding = missing_nonlinearity.check(**network((8, 8), "ReLU", (8, 8), "ReLU", (8, 8), (8, 2)))
    assert finding is not None
    assert finding.severity == "info"
    assert finding.where == ["4", "5"]


def test_a_narrow_layer_between_wide_ones_is_a_small_matrix_on_purpose() -> None:
    assert missing_nonlinearity.check(**network((64, 8), (8, 64))) is None


def test_dropout_and_batch_normalisation_do_not_bend() -> None:
    assert missing_nonlinearity.check(**network((2, 32), "BatchNorm1d", "Dropout", (32, 2))) is not None


@pytest.mark.parametrize(("slope", "found"), [(True, True), (1.0, True), (0.3, False), (0.01, False)])
def test_a_leaky_relu_of_slope_1_does_not_bend(slope: float, found: bool) -> None:
    """`LeakyReLU(True)`, where `inplace=True` was meant."""
    seen = network((2, 32), "LeakyReLU", (32, 32), "LeakyReLU", (32, 2))
    modules = tuple(
        replace(each, settings={"negative_slope": slope}) if each.type == "LeakyReLU" else each
        for each in seen["modules"]  # type: ignore[attr-defined]
    )
    finding = missing_nonlinearity.check(modules=modules, chains=chains(modules=modules))
    assert alarms(finding) == found


def test_a_depthwise_convolution_before_a_pointwise_one_is_one_layer() -> None:
    full: dict[str, object] = {"in_channels": 16, "out_channels": 16, "groups": 1, "kernel_size": [3, 3]}
    assert missing_nonlinearity.check(**convolutions(full, full)) is not None
    assert missing_nonlinearity.check(**convolutions(full | {"groups": 16}, full | {"kernel_size": [1, 1]})) is None
    assert (
        missing_nonlinearity.check(**convolutions(full | {"kernel_size": [7, 1]}, full | {"kernel_size": [1, 7]}))
        is None
    )


def test_layers_whose_widths_nobody_wrote_down_are_not_judged() -> None:
    assert missing_nonlinearity.check(**convolutions({}, {})) is None


@pytest.mark.parametrize(
    ("pair", "severity"),
    [(("Sigmoid", "Sigmoid"), "warning"), (("ReLU", "LogSoftmax"), "warning"), (("ReLU", "ReLU"), "info")],
)
def test_an_activation_after_another_is_named(pair: tuple[str, str], severity: str) -> None:
    finding = missing_nonlinearity.check(**network((2, 32), *pair, (32, 2)))
    assert finding is not None
    assert finding.severity == severity
    assert finding.where == ["2"]


def test_a_function_that_no_hook_sees_cannot_be_excluded_outside_a_sequential() -> None:
    modules = [Module("", "Net", 0, {}, 2)]
    modules += [Module(f"fc{i}", "Linear", i, {"in_features": 8, "out_features": 8}, 0) for i in (1, 2)]
    assert missing_nonlinearity.check(modules=tuple(modules), chains=chains(modules=tuple(modules))) is None


def scattered(*sizes: tuple[int, int]) -> dict[str, Any]:
    """Linear layers of a module with a forward method of its own, in the order of their calls."""
    layers = [
        Module(f"layer{i}", "Linear", i + 1, {"in_features": a, "out_features": b}, 0) for i, (a, b) in enumerate(sizes)
    ]
    modules = (Module("", "Net", 0, {}, len(layers)), *layers)
    return {"modules": modules, "chains": chains(modules=modules)}


def test_activations_that_are_functions_are_missed_by_the_graph_alone() -> None:
    seen = scattered((2, 64), (64, 64), (64, 1))
    assert missing_nonlinearity.check(**seen) is None
    assert missing_nonlinearity.check(**seen, straight=False) is None
    finding = missing_nonlinearity.check(**seen, straight=True)
    assert finding is not None
    assert finding.severity == "error"
    assert list(finding.where) == ["layer0", "layer1", "layer2"]


def test_a_recurrent_layer_bends_although_the_graph_shows_one_node() -> None:
    """As LSTM, Dense, Dense in tutorials: two layers of a head that does not bend."""
    seen = scattered((32, 16), (16, 1))
    assert alarms(missing_nonlinearity.check(**seen, straight=True))
    modules = (Module("lstm", "LSTM", 0, {}, 0), *scattered((32, 16), (16, 1))["modules"])
    assert not alarms(missing_nonlinearity.check(modules=modules, chains=chains(modules=modules), straight=True))


def test_two_heads_of_one_trunk_do_not_follow_each_other() -> None:
    assert missing_nonlinearity.check(**scattered((64, 10), (64, 3)), straight=True) is None
    assert missing_nonlinearity.check(**scattered((64, 12), (12, 64)), straight=True) is None  # principal components


def test_of_a_network_that_learns_nothing_a_layer_that_does_nothing_is_the_first_thing_to_mend() -> None:
    pair = network((2, 2), (2, 2), "ReLU", (2, 1), "ReLU")
    told, named = (missing_nonlinearity.check(**pair, loss_left=left) for left in (0.5, 1.0))
    assert remarks(told)
    assert alarms(named)
    many = network(*[step for _ in range(4) for step in ((8, 8), "ReLU")], (8, 8), (8, 8))
    assert remarks(missing_nonlinearity.check(**many, loss_left=1.0))


FACTORS = convolutions(
    {"in_channels": 1, "out_channels": 6, "kernel_size": [1, 24], "groups": 1},
    {"in_channels": 6, "out_channels": 12, "kernel_size": [8, 1], "groups": 6},
    {"in_channels": 12, "out_channels": 12, "kernel_size": [1, 8], "groups": 12},
    {"in_channels": 12, "out_channels": 12, "kernel_size": [1, 1], "groups": 1},
)


@pytest.mark.parametrize(
    ("straight", "left", "found"), [(True, 0.98, True), (False, 0.98, False), (None, 0.98, False), (True, 0.3, False)]
)
def test_factors_of_convolutions_without_any_activation_in_the_whole_network(
    straight: bool | None, left: float, found: bool
) -> None:
    finding = missing_nonlinearity.check(**FACTORS, straight=straight, loss_left=left)
    assert alarms(finding) == found


def products(*shapes: tuple[int, int]) -> dict[str, Any]:
    """A network that is written out as products with matrices: no module but the model itself."""
    modules = (Module("", "Raw", 0, {}, 0),)
    own = tuple(weight(f"w{i}", kind="other", shape=shape) for i, shape in enumerate(shapes))
    return {"modules": modules, "chains": chains(modules=modules) or (), "parameters": own}


@pytest.mark.parametrize("shapes", [((144, 256), (256, 256), (256, 10)), ((256, 144), (256, 256), (10, 256))])
def test_products_with_matrices_follow_each_other_too(shapes: tuple[tuple[int, int], ...]) -> None:
    finding = missing_nonlinearity.check(**products(*shapes), straight=True)
    assert alarms(finding)
    assert finding is not None
    assert finding.where == ["w0", "w1", "w2"]
    assert missing_nonlinearity.check(**products(*shapes), straight=False) is None


@pytest.mark.parametrize(
    ("shapes", "recurring"),
    [
        (((50, 8), (8, 50)), {}),  # factors of a matrix
        (((50, 8), (60, 8)), {}),  # tables of two kinds of things
        (((8, 8), (8, 4)), {"w0": 8}),  # a linear system that goes from step to step
    ],
)
def test_products_that_are_straight_on_purpose(shapes: tuple[tuple[int, int], ...], recurring: dict[str, int]) -> None:
    assert missing_nonlinearity.check(**products(*shapes), straight=True, recurring=recurring) is None
