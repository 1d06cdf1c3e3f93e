from __future__ import annotations

import numpy as np
import pytest
from made import alarms, flat, module, weight

from tb_lossdiag.rules.parameters_not_updated import parameters_not_updated
from tb_lossdiag.rules.vanishing_gradient import vanishing_gradient
from tb_lossdiag.series import Series, series

SICK = {"layer_gradients": {"0.weight": flat(1e-9), "2.weight": flat(1e-6), "4.weight": flat(1e-2)}}
HEALTHY = {"layer_gradients": {"0.weight": flat(2e-3), "2.weight": flat(4e-3), "4.weight": flat(1e-2)}}


@pytest.mark.parametrize(("first", "found"), [(10**-4.4, False), (10**-4.6, True)])
def test_threshold_is_two_and_a_half_decades_below_the_largest(first: float, found: bool) -> None:
    gradients = {"a": flat(first), "b": flat(1e-3), "c": flat(1e-2)}
    finding = vanishing_gradient.check(layer_gradients=gradients)
    assert (finding is not None and finding.confidence > 0.5 + 1e-9) == found


def test_layers_that_shrink_together_have_converged() -> None:
    assert vanishing_gradient.check(layer_gradients={name: flat(1e-9) for name in "abcd"}) is None


def test_a_gradient_of_exactly_zero_is_a_dead_layer_not_a_vanishing_gradient() -> None:
    assert vanishing_gradient.check(layer_gradients={"a": flat(0.0), "b": flat(1e-3), "c": flat(1e-2)}) is None


def test_two_layers_have_no_depth_to_vanish_over() -> None:
    assert vanishing_gradient.check(layer_gradients={"a": flat(1e-9), "b": flat(1.0)}) is None


def test_the_remedy_names_the_activation_of_this_network() -> None:
    finding = vanishing_gradient.check(**SICK, modules=(module("1", "Sigmoid", 1), module("3", "Sigmoid", 3)))
    assert finding is not None
    assert "2 nn.Sigmoid" in finding.remedies[0].action


def test_the_first_weak_layers_are_named() -> None:
    finding = vanishing_gradient.check(**SICK)
    assert finding is not None
    assert finding.where == ["0.weight", "2.weight"]


def test_layers_sampled_on_different_steps_are_still_compared() -> None:
    finding = vanishing_gradient.check(layer_gradients={"a": flat(1e-9, 10), "b": flat(1e-6, 20), "c": flat(1e-2, 20)})
    assert finding is not None
    assert len(finding.evidence) == 1


def test_weights_that_no_step_moves_for_want_of_a_gradient_follow_from_it() -> None:
    assert "parameters-not-updated" in vanishing_gradient.explains
    assert "vanishing-gradient" not in parameters_not_updated.explains


def test_beyond_a_million_nobody_counts_digits() -> None:
    profile = {f"{i}.weight": flat(10.0 ** (i - 9)) for i in range(10)}
    finding = vanishing_gradient.check(layer_gradients=profile)
    assert finding is not None
    assert "more than 1,000,000 times less" in finding.summary


def test_what_a_layer_before_it_gets_does_not_vanish() -> None:
    """Attention that hardly matters yet, and the branch of an actor beside that of a critic, are reached by other ways."""
    attention = {"embed": flat(1e-4), "decode": flat(8e-4), "attend": flat(1e-5), "rnn": flat(2e-3), "out": flat(1e-2)}
    assert vanishing_gradient.check(layer_gradients=attention) is None
    agent = {"a.0": flat(1.2e-5), "a.2": flat(3e-6), "a.4": flat(1e-3), "c.0": flat(1e-3), "c.2": flat(3e-3)}
    finding = vanishing_gradient.check(layer_gradients=agent)
    assert finding is None or finding.confidence < 0.5


def test_models_are_looked_at_one_by_one() -> None:
    apart = {
        "actor/0.weight": flat(1e-7),
        "actor/2.weight": flat(2e-7),
        "model/0.weight": flat(1e-2),
        "model/2.weight": flat(2e-2),
    }
    assert vanishing_gradient.check(layer_gradients=apart) is None
    assert (
        vanishing_gradient.check(
            layer_gradients={f"actor/{name}": each for name, each in SICK["layer_gradients"].items()}
        )
        is not None
    )


def test_embeddings_are_no_first_layers() -> None:
    table = weight("0.weight", kind="embedding")
    assert vanishing_gradient.check(**SICK, parameters=(table, weight("2.weight"), weight("4.weight"))) is None


def test_an_actor_with_as_many_actions_as_the_state_has_parts_is_beside_its_critic_too() -> None:
    shapes = {"pi.0": (48, 3), "pi.2": (48, 48), "pi.4": (3, 48), "v.0": (48, 3), "v.2": (48, 48), "v.4": (1, 48)}
    parameters = tuple(weight(f"{name}.weight", shape=shape) for name, shape in shapes.items())
    apart = {each.name: flat(1e-5 if each.name.startswith("pi") else 1e-2) for each in parameters}
    assert vanishing_gradient.check(layer_gradients=apart, parameters=parameters) is None
    follow = {f"{i}.weight": each for i, each in enumerate(apart.values())}
    parameters = tuple(weight(name, shape=each.shape) for name, each in zip(follow, parameters, strict=True))
    assert vanishing_gradient.check(layer_gradients=follow, parameters=parameters) is not None


def test_branches_side_by_side_are_looked_at_one_by_one() -> None:
    wide = {
        "actor.0": (64, 4),
        "actor.2": (64, 64),
        "actor.4": (2, 64),
        "critic.0": (64, 4),
        "critic.2": (64, 64),
        "critic.4": (1, 64),
    }
    parameters = tuple(weight(f"{name}.weight", shape=shape) for name, shape in wide.items())
    apart = {each.name: flat(1e-6 if "actor" in each.name else 1e-2) for each in parameters}
    assert vanishing_gradient.check(layer_gradients=apart, parameters=parameters) is None
    chain = tuple(weight(each.name, shape=(64, 64)) for each in parameters)
    assert vanishing_gradient.check(layer_gradients=apart, parameters=chain) is not None


@pytest.mark.parametrize(
    ("first", "left", "steps", "loud"),
    [(1e-5, 0.5, 150, False), (1e-5, 0.9, 150, True), (1e-5, 0.9, 90, False), (1e-9, 0.5, 90, True)],
)
def test_of_a_network_that_learns_all_the_same_it_is_a_remark(
    first: float, left: float, steps: int, loud: bool
) -> None:
    """An LSTM autoencoder of electrocardiograms: a thousandth at the encoder, and a loss that halves."""
    gradients = {name: flat(value, steps) for name, value in (("a", first), ("b", 1e-3), ("c", 1e-2))}
    finding = vanishing_gradient.check(layer_gradients=gradients, loss_left=left)
    assert finding is not None
    assert alarms(finding) == loud


@pytest.mark.parametrize(("end", "sure"), [(1e-15, True), (3e-6, False)])
def test_a_gradient_that_is_gone_in_the_end_was_on_its_way_from_the_start(end: float, sure: bool) -> None:
    """As in ten graph convolutions one after the other, whose weights decay."""
    first = series(*[6e-6] * 20, *np.geomspace(6e-6, end, 20), *[end] * 20)
    gradients = {"0.weight": first} | {f"{i}.weight": flat(3e-3 * 2.0 ** (i - 9), 60) for i in range(3, 10)}
    finding = vanishing_gradient.check(layer_gradients=gradients)
    assert finding is not None
    assert (finding.confidence > 0.8) == sure


@pytest.mark.parametrize(("embedding", "found"), [(3e-3, False), (1e-8, True)])
def test_what_reaches_the_embeddings_has_not_vanished_on_the_way(embedding: float, found: bool) -> None:
    """Queries and keys of an attention that looks everywhere alike get next to nothing, at first."""
    names = ("words.weight", "query.weight", "value.weight", "dense.weight", "pooler.weight", "head.weight")
    sizes = (embedding, 3e-7, 2e-5, 3e-5, 3e-3, 1e-2)
    parameters = (weight("words.weight", kind="embedding"), *(weight(each) for each in names[1:]))
    gradients = {name: flat(size) for name, size in zip(names, sizes, strict=True)}
    finding = vanishing_gradient.check(layer_gradients=gradients, parameters=parameters)
    assert (finding is not None) == found


def test_branches_behind_a_small_factor_get_little_at_any_depth() -> None:
    """LayerScale begins at 1e-5, and what leads past the branches brings the gradient to the first layer."""
    blocks = {f"blocks.{i}.{part}.weight": flat(1e-12) for i in range(12) for part in ("qkv", "fc1", "fc2")}
    profile = {"patch.weight": flat(1e-7), **blocks, "head.weight": flat(0.1)}
    assert vanishing_gradient.check(layer_gradients=profile) is None
    fading = {name: flat(10 ** (i / 4 - 12)) for i, name in enumerate(blocks)}
    assert alarms(vanishing_gradient.check(layer_gradients={**fading, "head.weight": flat(0.1)}))


@pytest.mark.parametrize(("first", "at_first"), [(1e-6, True), (0.01, False)])
def test_it_says_whether_it_was_so_before_the_first_step(first: float, at_first: bool) -> None:
    gradients = {"a": series(first, *[1e-8] * 40), "b": flat(1e-5, 41), "c": flat(1e-2, 41)}
    finding = vanishing_gradient.check(layer_gradients=gradients)
    assert finding is not None
    assert finding.at_first == at_first


def test_relu_is_no_remedy_for_a_network_of_relus() -> None:
    finding = vanishing_gradient.check(**SICK, modules=(module("1", "ReLU", 1),))
    assert finding is not None
    assert not any("ReLU" in each.action for each in finding.remedies)


def test_a_run_that_goes_on_from_elsewhere_was_not_seen_before_its_first_step() -> None:
    steps = np.arange(500, 541)
    gradients = {name: Series(steps, np.full(41, size)) for name, size in (("a", 1e-6), ("b", 1e-4), ("c", 1e-2))}
    finding = vanishing_gradient.check(layer_gradients=gradients)
    assert finding is not None
    assert not finding.at_first
