from __future__ import annotations

from itertools import pairwise

import pytest
from made import alarms, falling, flat, module, remarks, weight

from tb_lossdiag.rules.bad_initialization import bad_initialization
from tb_lossdiag.series import series
from tb_lossdiag.signals.structure import Module, Parameter

HEAD = weight("head.weight", init_std=0.07)
SICK = {"parameters": (weight("a.weight", init_std=1.0), weight("b.weight", init_std=1.0), HEAD)}
HEALTHY = {"parameters": (weight("a.weight"), weight("b.weight"), HEAD)}


@pytest.mark.parametrize(("std", "found"), [(0.49, False), (0.51, True), (0.0126, False), (0.0124, True)])
def test_threshold_is_twice_beyond_the_usual_range(std: float, found: bool) -> None:
    parameters = (weight("a.weight", init_std=std), HEAD)
    assert (bad_initialization.check(parameters=parameters) is not None) == found


@pytest.mark.parametrize(
    ("left", "layers", "std", "loud"),
    [(1.0, 3, 0.0122, True), (0.9, 3, 0.0122, False), (1.0, 2, 0.0122, False), (1.0, 3, 0.03, False)],
)
def test_small_weights_in_several_layers_of_a_network_that_learns_nothing_are_why(
    left: float, layers: int, std: float, loud: bool
) -> None:
    """A little beyond the threshold, which is a mere suspicion elsewhere."""
    small = tuple(weight(f"{i}.weight", init_std=std) for i in range(layers))
    finding = bad_initialization.check(parameters=(*small, HEAD), loss_left=left)
    assert (finding is not None and finding.confidence > 0.7) == loud


def test_units_that_all_start_alike_are_found() -> None:
    zero = {"init_std": 0.0, "init_abs_max": 0.0, "identical_rows": True}
    finding = bad_initialization.check(parameters=(weight("a.weight", **zero), weight("b.weight", **zero), HEAD))
    assert finding is not None
    assert "zero" in finding.summary


def test_a_head_that_starts_at_zero_is_usual() -> None:
    head = weight("head.weight", init_std=0.0, init_abs_max=0.0, identical_rows=True)
    assert bad_initialization.check(parameters=(weight("a.weight"), weight("b.weight"), head)) is None


def test_residual_blocks_may_start_at_zero() -> None:
    zero = {"init_std": 0.0, "init_abs_max": 0.0, "identical_rows": True}
    blocks = [part for i in range(4) for part in (weight(f"{i}.a.weight"), weight(f"{i}.b.weight", **zero))]
    assert bad_initialization.check(parameters=(*blocks, HEAD)) is None


def test_normalisation_layers_forgive_the_scale() -> None:
    modules = (module("a", "Linear", 0), module("norm", "LayerNorm", 1))
    parameters = (weight("a.weight", init_std=0.8), HEAD)
    assert bad_initialization.check(parameters=parameters) is not None
    assert bad_initialization.check(parameters=parameters, modules=modules) is None


def test_a_first_loss_far_above_guessing_makes_it_surer() -> None:
    plain = bad_initialization.check(**SICK)
    worse = bad_initialization.check(**SICK, train_loss=flat(50.0), blank_loss=2.3)
    assert plain is not None
    assert worse is not None
    assert worse.confidence >= plain.confidence


@pytest.mark.parametrize(
    ("std", "first", "norm", "found"),
    [
        (2.5, 80.0, False, True),
        (2.5, 12.0, False, False),  # no more than a bad guess
        (1.2, 80.0, False, False),  # large, but the inputs may be as well
        (2.5, 80.0, True, False),  # a normalisation takes it back
    ],
)
def test_one_layer_far_too_large_is_told_by_the_first_loss(
    std: float, first: float, *, norm: bool, found: bool
) -> None:
    parameters = (weight("wide.weight", init_std=std), weight("b.weight"), weight("c.weight"), HEAD)
    modules = (module("norm", "BatchNorm1d", 1),) if norm else ()
    finding = bad_initialization.check(
        parameters=parameters, modules=modules, train_loss=falling(first, 2.0), blank_loss=2.3, loss_left=0.9
    )
    assert alarms(finding) == found
    assert not found or "wide.weight" in (finding.summary if finding else "")


@pytest.mark.parametrize(
    ("recurring", "std", "found"),
    [
        ({"W": 1, "U": 64}, 1.0, True),
        ({"W": 1, "U": 64}, 0.125, False),
        (None, 1.0, False),  # nobody knows what it is for: prototypes, tables of places
    ],
)
def test_a_recurrence_that_is_written_out_has_weights_too(
    recurring: dict[str, int] | None, std: float, *, found: bool
) -> None:
    own = (
        weight("W", kind="other", shape=(1, 256), fan_in=256, fan_out=1, init_std=std),
        weight("U", kind="other", shape=(64, 256), fan_in=256, fan_out=64, init_std=std),
    )
    finding = bad_initialization.check(parameters=(*own, HEAD), recurring=recurring, loss_left=0.5)
    assert alarms(finding) == found
    assert not found or (finding is not None and finding.factor == pytest.approx(8.0))


@pytest.mark.parametrize(("left", "first", "found"), [(0.83, 5.0, True), (0.83, 3.0, False), (0.3, 5.0, False)])
def test_a_first_loss_twice_too_high_says_more_in_a_run_that_gets_nowhere(
    left: float, first: float, *, found: bool
) -> None:
    """A transformer whose matrices are drawn with a standard deviation of a half: normalisation hides it from all but the first loss."""
    wide = tuple(weight(f"{i}.weight", init_std=0.5) for i in range(3))
    norm = (module("norm", "LayerNorm", 1),)
    finding = bad_initialization.check(
        parameters=(*wide, HEAD), modules=norm, train_loss=falling(first, 2.0), blank_loss=2.3, loss_left=left
    )
    assert (finding is not None and finding.confidence > 0.7) == found


def test_without_weights_there_is_nothing_to_say() -> None:
    assert bad_initialization.check(parameters=(weight("a.bias", kind="bias", fan_in=None),)) is None
    assert bad_initialization.check(parameters=(weight("a.weight", init_std=None), HEAD)) is None


def test_what_the_weights_do_to_the_activations_is_shown() -> None:
    finding = bad_initialization.check(**SICK, activation_scale={"a": flat(8.0), "b": flat(64.0)})
    assert finding is not None
    assert [list(each.values) for each in finding.evidence if each.title.startswith("Activation")] == [[8.0, 64.0]]  # type: ignore[union-attr]


@pytest.mark.parametrize(("left", "loud"), [(None, True), (0.03, True), (0.01, False)])
def test_a_start_that_was_overcome_is_worth_a_remark(left: float | None, loud: bool) -> None:
    finding = bad_initialization.check(**SICK, loss_left=left)
    assert alarms(finding) == loud
    assert remarks(finding) != loud


@pytest.mark.parametrize(("first", "found"), [(2.0, False), (60.0, True)])
def test_embeddings_that_are_multiplied_with_each_other_start_too_large(first: float, found: bool) -> None:
    """Those that a linear layer reads start with a spread of 1, too, and the first loss is that of a blind guess."""
    wide = tuple(weight(f"{name}.weight", kind="embedding", init_std=1.0) for name in ("user", "item"))
    finding = bad_initialization.check(parameters=wide, train_loss=series(first, first / 2), blank_loss=0.9)
    assert (finding is not None) == found
    assert finding is None or list(finding.where) == ["user.weight", "item.weight"]
    small = tuple(weight(f"{name}.weight", kind="embedding", init_std=0.05) for name in ("user", "item"))
    assert bad_initialization.check(parameters=small, train_loss=series(first, first / 2), blank_loss=0.9) is None


@pytest.mark.parametrize(
    ("std", "each", "norm", "found"),
    [(0.01, 0.15, False, True), (0.01, 0.15, True, False), (0.01, 0.6, False, False), (0.0417, 0.15, False, False)],
)
def test_activations_that_fade_from_layer_to_layer_show_that_small_weights_add_up(
    std: float, each: float, norm: bool, found: bool
) -> None:
    weights = tuple(weight(f"{i}.weight", fan_in=288, init_std=std) for i in range(7))
    scale = {f"{i}": flat(each**i) for i in range(7)}
    modules = (module("0", "Conv2d", 0), *((module("1", "BatchNorm2d", 1),) if norm else ()))
    finding = bad_initialization.check(parameters=weights, activation_scale=scale, modules=modules)
    assert (finding is not None) == found


@pytest.mark.parametrize(
    ("std", "each", "norm", "found"),
    [(0.17, 2.0, False, True), (0.17, 1.2, False, False), (0.08, 2.0, False, False), (0.17, 2.0, True, False)],
)
def test_activations_that_swell_from_layer_to_layer_show_that_large_weights_add_up(
    std: float, each: float, norm: bool, found: bool
) -> None:
    """As Xavier's formula does where a convolution's field is forgotten; He's gain of 1.4 keeps them as they are."""
    weights = tuple(weight(f"{i}.weight", fan_in=288, init_std=std) for i in range(8))
    scale = {f"{i}": flat(each**i) for i in range(8)}
    modules = (module("0", "Conv2d", 0), *((module("1", "BatchNorm2d", 1),) if norm else ()))
    finding = bad_initialization.check(parameters=weights, activation_scale=scale, modules=modules)
    assert alarms(finding) == found


def test_parallel_layers_that_start_alike_are_set_apart_by_their_own_targets() -> None:
    """As DLinear's two, which both put out the forecast: none is hidden."""
    branches = (weight("season.weight", identical_rows=True), weight("trend.weight", identical_rows=True))
    assert bad_initialization.check(parameters=branches, stacked=True) is not None
    assert bad_initialization.check(parameters=branches, stacked=False) is None


@pytest.mark.parametrize(("mean", "found"), [(0.5, True), (0.2, True), (0.01, False), (None, False)])
def test_weights_on_one_side_of_zero_add_up(mean: float | None, found: bool) -> None:
    weights = tuple(weight(f"{i}.weight", init_mean=mean) for i in range(3))
    assert (bad_initialization.check(parameters=(*weights, HEAD)) is not None) == found


@pytest.mark.parametrize(
    ("changes", "found"),
    [({"init_mean": 0.5}, True), ({"init_mean": 0.0}, False), ({"init_mean": 0.5, "shape": (64,)}, False)],
)
def test_matrices_of_ones_own_count_where_they_are_all_positive(changes: dict[str, object], found: bool) -> None:
    own = {"kind": "other", "init_std": 0.29} | changes
    parameters = tuple(weight(name, **own) for name in ("w1", "w2", "w3"))
    assert (bad_initialization.check(parameters=parameters) is not None) == found


@pytest.mark.parametrize(
    ("std", "first", "found"),
    [(1.0, 400.0, True), (1.0, 10.0, False), (0.1, 400.0, False), (1.0, None, False)],
)
def test_matrices_of_ones_own_are_too_large_where_the_first_loss_says_so(
    std: float, first: float | None, found: bool
) -> None:
    parameters = tuple(weight(name, kind="other", init_std=std) for name in ("w1", "w2", "w3"))
    loss = None if first is None else falling(first, 1.0)
    finding = bad_initialization.check(parameters=parameters, train_loss=loss, blank_loss=2.3)
    assert (finding is not None) == found


def norms(mean: float, std: float, *, drawn: int = 4, count: int = 4) -> dict[str, object]:
    """Layers of a usual scale, each with a normalisation; so many of these start with scales of this mean and spread."""
    layers = tuple(weight(f"{i}.weight") for i in range(count))
    scales = tuple(
        weight(
            f"norm{i}.weight",
            kind="norm",
            shape=(64,),
            fan_in=None,
            init_mean=mean if i < drawn else 1.0,
            init_std=std if i < drawn else 0.0,
        )
        for i in range(count)
    )
    return {"parameters": (*layers, *scales, HEAD)}


def test_normalisations_whose_scales_were_drawn_around_zero_are_named() -> None:
    found = bad_initialization.check(**norms(0.001, 0.05))
    assert alarms(found)
    assert found is not None
    assert "20 times smaller" in found.summary
    assert found.where == [f"norm{i}.weight" for i in range(4)]


@pytest.mark.parametrize(("alike", "found"), [((True, True), True), ((True, False), False)])
def test_a_network_written_without_layers_whose_matrices_are_all_zero_is_symmetric(
    alike: tuple[bool, bool], found: bool
) -> None:
    own = tuple(
        weight(
            f"W{i}",
            kind="other",
            shape=(8, 8),
            identical_rows=each,
            init_std=0.0 if each else 0.3,
            init_abs_max=0.0 if each else 1.0,
        )
        for i, each in enumerate(alike)
    )
    assert alarms(bad_initialization.check(parameters=own)) == found


def test_small_scales_of_normalisations_that_were_learnt_are_worth_a_remark() -> None:
    assert alarms(bad_initialization.check(**norms(0.001, 0.05), loss_left=0.8))
    assert remarks(bad_initialization.check(**norms(0.001, 0.02), loss_left=0.18)), "as DnCNN draws them"


@pytest.mark.parametrize(
    "sound",
    [
        norms(1.0, 0.02),  # as DCGAN draws them
        norms(0.0, 0.0, drawn=2),  # the last one of each block
        norms(0.0, 0.0),  # one is added to it, as Gemma's
        norms(0.4, 0.3),  # learnt before
        norms(0.001, 0.05, drawn=1),
    ],
)
def test_normalisations_that_are_near_one_or_exactly_zero_are_recipes(sound: dict[str, object]) -> None:
    assert bad_initialization.check(**sound) is None


@pytest.mark.parametrize(
    ("mean", "std", "numel", "found"),
    [(0.5, 0.29, 25, True), (-0.5, 0.29, 25, True), (0.02, 0.29, 25, False), (0.5, 0.29, 10, False)],
)
def test_weights_on_one_side_of_zero_are_named_whatever_their_scale(
    mean: float, std: float, numel: int, found: bool
) -> None:
    layers = tuple(weight(f"{i}.weight", init_mean=mean, init_std=std, numel=numel, fan_in=5) for i in range(4))
    finding = bad_initialization.check(parameters=(*layers, HEAD))
    assert alarms(finding) == found
    if finding is not None:
        assert "one side of zero" in finding.summary


@pytest.mark.parametrize(("std", "found"), [(0.001, False), (2.0, True)])
def test_a_layer_that_stands_alone_may_begin_at_zero(std: float, found: bool) -> None:
    """As the last layer that is trained anew on features of a frozen network."""
    assert (bad_initialization.check(parameters=(weight("final.weight", init_std=std),)) is not None) == found


@pytest.mark.parametrize(
    ("kind", "left", "loud"), [("SineLayer", 0.05, False), ("SineLayer", 0.2, True), ("Sequential", 0.05, True)]
)
def test_a_layer_in_a_module_of_its_own_may_multiply_what_it_puts_out(kind: str, left: float, loud: bool) -> None:
    """As a sine of 30 times its input, whose weights begin 30 times smaller."""
    layers = tuple(weight(f"{i}.linear.weight", init_std=0.003) for i in range(3))
    modules = tuple(
        each
        for i in range(3)
        for each in (Module(f"{i}", kind, 2 * i, {}, 1), module(f"{i}.linear", "Linear", 2 * i + 1))
    )
    finding = bad_initialization.check(parameters=(*layers, HEAD), modules=modules, loss_left=left)
    assert finding is not None
    assert alarms(finding) == loud


@pytest.mark.parametrize(("stacked", "found"), [(True, True), (None, True), (False, False)])
def test_places_and_colours_of_what_is_drawn_are_no_layers(stacked: bool | None, found: bool) -> None:
    places = weight("xy", kind="other", shape=(90, 2), init_mean=0.52, init_std=0.27, numel=180, fan_in=2)
    assert alarms(bad_initialization.check(parameters=(places,), stacked=stacked)) == found


@pytest.mark.parametrize("name", ["parametrizations.weight.original0", "weight_g"])
def test_lengths_of_weights_are_positive_by_nature(name: str) -> None:
    lengths = {"kind": "other", "init_mean": 0.58, "init_std": 0.02}
    assert bad_initialization.check(parameters=tuple(weight(f"{i}.{name}", **lengths) for i in range(3))) is None


CONSTANT = {"init_std": 4e-9, "init_abs_max": 0.05, "identical_rows": True}


def behind_convolutions(hidden: dict[str, object], out: dict[str, object]) -> list[Parameter]:
    """Two sound layers before one hidden layer and the last."""
    return [
        weight("conv1.weight"),
        weight("conv2.weight"),
        weight("dense.weight", **hidden),
        weight("out.weight", **out),
    ]


def test_units_that_are_alike_on_both_sides_stay_so_whatever_lies_before_them() -> None:
    finding = bad_initialization.check(parameters=behind_convolutions(CONSTANT, CONSTANT), loss_left=0.6)
    assert alarms(finding)
    assert finding is not None
    assert finding.where == ["dense.weight"]


@pytest.mark.parametrize(
    ("hidden", "out"),
    [
        (CONSTANT, {}),  # what leads on sets them apart
        ({"init_std": 0.0, "init_abs_max": 0.0, "identical_rows": True}, CONSTANT),  # a branch that begins at zero
        ({"identical_rows": True}, CONSTANT),  # a filter that repeats is no constant
    ],
)
def test_a_layer_alike_on_one_side_is_set_apart(hidden: dict[str, object], out: dict[str, object]) -> None:
    assert bad_initialization.check(parameters=behind_convolutions(hidden, out), loss_left=0.6) is None


@pytest.mark.parametrize(
    ("value", "left", "shape", "found"),
    [
        (1.0, 0.9, (160, 40), True),
        (0.0, 0.9, (160, 40), False),
        (1.0, 0.3, (160, 40), False),
        (1.0, 0.9, (64, 1, 1), False),
    ],
)
def test_matrices_of_ones_beside_layers_of_torch_are_a_start_from_which_nothing_is_learnt(
    value: float, left: float, shape: tuple[int, ...], found: bool
) -> None:
    """A recurrent cell that is written by hand; zeros may be additions to a layer, and gains have one value for each channel."""
    ones = {"kind": "other", "shape": shape, "init_std": 0.0, "init_abs_max": value, "identical_rows": True}
    parameters = (weight("cell.0", **ones), weight("cell.1", **ones), weight("fc.weight"), HEAD)
    assert (bad_initialization.check(parameters=parameters, loss_left=left) is not None) == found


@pytest.mark.parametrize(("growth", "first", "found"), [(5.0, 170.0, True), (1.1, 170.0, False), (5.0, 1.0, False)])
def test_sums_that_grow_from_layer_to_layer_are_worth_a_remark(growth: float, first: float, found: bool) -> None:
    """As those over all neighbours in a graph: weights of a usual scale, and a first loss far above what is reached."""
    scales = {f"layers.{i}": flat(0.4 * growth**i, 20) for i in range(5)}
    known = {**HEALTHY, "activation_scale": scales, "train_loss": series(first, *[0.3] * 200), "loss_left": 0.4}
    finding = bad_initialization.check(**known)
    assert not alarms(finding)
    assert (finding is not None) == found


def chain(std: float, *sizes: int, of_inputs: int = 1) -> dict[str, object]:
    """Matrices of the user's own, of which each takes what the one before puts out; `of_inputs` is the axis of inputs."""
    shapes = [(b, a) if of_inputs else (a, b) for a, b in pairwise(sizes)]
    return {
        "parameters": tuple(
            weight(f"W.{i}", kind="other", init_std=std, shape=each, fan_in=each[1], fan_out=each[0])
            for i, each in enumerate(shapes)
        )
    }


@pytest.mark.parametrize("of_inputs", [0, 1])
@pytest.mark.parametrize(
    ("std", "sizes", "left", "found"),
    [
        (0.01, (768, 20, 7, 5, 1), 1.0, True),
        (0.01, (768, 20, 7, 5, 1), 0.6, False),  # it learns
        (0.1, (768, 20, 7, 5, 1), 1.0, False),
        (0.01, (768, 20, 1), 1.0, False),  # two layers learn from small weights, if slowly
    ],
)
def test_small_matrices_in_a_chain_are_why_nothing_is_learnt(
    std: float, sizes: tuple[int, ...], left: float, found: bool, of_inputs: int
) -> None:
    finding = bad_initialization.check(**chain(std, *sizes, of_inputs=of_inputs), loss_left=left)
    assert alarms(finding) == found


def test_tables_that_do_not_fit_together_are_no_chain() -> None:
    tables = tuple(
        weight(f"t{i}", kind="other", init_std=0.01, shape=(rows, 8), fan_in=8, fan_out=rows)
        for i, rows in enumerate((50, 60, 70, 90))
    )
    assert bad_initialization.check(parameters=tables, loss_left=1.0) is None


@pytest.mark.parametrize(
    ("inner", "unchanged", "found"),
    [
        (0.0, {"gate.0": 1.0, "gate.2": 1.0}, True),
        (0.0, {"gate.0": 1.0, "gate.2": 0.0}, False),  # a bias lets the gradient through
        (0.0, {}, False),
        (0.1, {"gate.0": 1.0, "gate.2": 1.0}, False),  # the last of a branch, as is usual
    ],
)
def test_two_layers_in_a_row_that_start_at_zero_hold_each_other_there(
    inner: float, unchanged: dict[str, float], found: bool
) -> None:
    zero = {"init_std": 0.0, "init_abs_max": 0.0}
    gate = [weight("gate.0", **(zero if not inner else {})), weight("gate.2", **zero)]
    parameters = [*(weight(f"body.{i}") for i in range(4)), *gate, weight("head")]
    finding = bad_initialization.check(parameters=parameters, unchanged=unchanged, loss_left=0.5)
    assert alarms(finding) == found
    assert finding is None or finding.where == ["gate.0", "gate.2"]
