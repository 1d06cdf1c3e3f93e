"""Signals by layer: from packed groups to one series a layer, in the network's order."""

from __future__ import annotations

import math

import numpy as np
import pytest
from strategies import facts_of

from tb_lossdiag.series import Packed, Run, series
from tb_lossdiag.signals import Signals
from tb_lossdiag.tags import LR

STEPS = np.arange(4)


def parameters(gradient: list[float], weight: list[float], update: list[float]) -> Packed:
    columns = tuple(f"{i}.weight" for i in range(len(gradient)))
    values = np.tile(np.array([gradient, weight, update], dtype=np.float32), (4, 1, 1))
    return Packed("parameters", "train", ("grad_norm", "param_norm", "update_norm"), columns, STEPS, values)


def signals(*packed: Packed, **scalars: list[float]) -> Signals:
    names = {"norm": "diag/grad_norm", "cosine": "diag/grad_cosine"}
    curves = {names[name]: series(*values) for name, values in scalars.items()}
    return Signals(Run("a", curves, packed, facts_of(("0.weight", "1.weight"), "CrossEntropyLoss")))


def test_the_gradient_of_a_layer_is_a_root_mean_square() -> None:
    found = signals(parameters([8.0, 16.0], [1.0, 1.0], [0.0, 0.0])).get("layer_gradients")
    assert found["0.weight"].values.tolist() == [1.0] * 4  # a norm of 8 over 64 elements
    assert found["1.weight"].values.tolist() == [2.0] * 4


def test_the_update_ratio_is_relative_to_the_weights() -> None:
    found = signals(parameters([1.0, 1.0], [2.0, 4.0], [0.2, 0.1]))
    assert found.get("layer_updates")["0.weight"].values == pytest.approx([0.1] * 4)
    assert found.get("update_ratio").values == pytest.approx([(0.1 + 0.025) / 2] * 4)


@pytest.mark.parametrize(("tables", "ratio"), [(3, 0.04), (2, 0.025)])
def test_tables_of_embeddings_do_not_outvote_the_layers(tables: int, ratio: float) -> None:
    names = tuple(f"{i}.weight" for i in range(tables + 2))
    facts = facts_of(names, "CrossEntropyLoss")
    for each in facts["models"][""]["parameters"][:tables]:
        each["kind"] = "embedding"
    columns = parameters([1.0] * len(names), [2.0] * len(names), [0.02] * tables + [0.08] * 2)
    assert Signals(Run("a", {}, (columns,), facts)).get("update_ratio").values == pytest.approx([ratio] * 4)


def test_a_parameter_that_never_changes_is_seen_as_such() -> None:
    found = signals(parameters([1.0, 1.0], [1.0, 1.0], [0.0, 0.1])).get("unchanged")
    assert found == {"0.weight": 1.0, "1.weight": 0.0}


@pytest.mark.parametrize("start", [0.0, 1e-3])
def test_weights_that_start_next_to_nothing_have_to_grow_which_is_no_large_step(start: float) -> None:
    found = signals(parameters([1.0, 1.0], [start, 4.0], [0.1, 0.1])).get("layer_updates")
    usual = math.sqrt(64 / (3 * 8))  # 64 weights of 8 inputs, with a variance of 1 / 24
    assert found["0.weight"].values == pytest.approx([0.1 / (usual / 4)] * 4)
    assert found["1.weight"].values == pytest.approx([0.025] * 4)


def test_what_is_left_of_a_gradient_is_its_projection() -> None:
    found = signals(norm=[1.0, 2.0, 4.0], cosine=[math.nan, 0.5, -0.5]).get("step_response")
    assert found.steps.tolist() == [1, 2]
    assert found.values.tolist() == [1.0, -1.0]


def test_activations_recorded_without_the_figure_are_not_missing() -> None:
    packed = Packed(
        "activations", "train", ("rms", "dead_share"), ("a",), STEPS, np.full((4, 2, 1), np.nan, np.float32)
    )
    assert signals(packed).get("dead_share") == {}
    assert not signals(packed).missing("dead_share")
    assert signals().get("dead_share") is None
    assert signals().missing("dead_share")


def test_the_spread_of_an_output_is_relative_to_its_scale() -> None:
    values = np.tile(np.array([[2.0], [1.0]], dtype=np.float32), (4, 1, 1))
    packed = Packed("activations", "train", ("rms", "sample_std"), ("a",), STEPS, values)
    assert signals(packed).get("output_spread")["a"].values == pytest.approx([0.5] * 4)


def test_a_step_at_which_a_scale_was_not_measured_has_no_spread() -> None:
    values = np.tile(np.array([[2.0], [1.0]], dtype=np.float32), (4, 1, 1))
    values[1, 0] = np.nan
    packed = Packed("activations", "train", ("rms", "sample_std"), ("a",), STEPS, values)
    found = signals(packed).get("output_spread")["a"]
    assert found.steps.tolist() == [STEPS[0], STEPS[2], STEPS[3]]
    assert found.values == pytest.approx([0.5] * 3)


def test_a_loss_that_is_nan_throughout_has_no_shape_and_logging_more_would_not_help() -> None:
    found = Signals(Run("a", {"loss/train": series(*[math.nan] * 9)}))
    assert found.get("train_shape") is None
    assert not found.missing("train_shape")
    assert found.missing("eval_shape")


def with_decay(kind: str, **changes: object) -> Signals:
    facts = facts_of(("0.weight", "1.weight"), "CrossEntropyLoss")
    group = {"lr": 0.1, "weight_decay": 0.5, "parameters": ["0.weight"], **changes}
    facts["models"][""]["optimizer"] = {"type": kind, "groups": [group]}  # type: ignore[index]
    return Signals(Run("a", {}, (parameters([2.0, 2.0], [4.0, 4.0], [0.4, 0.4]),), facts))


def test_decay_is_measured_against_the_gradient_or_against_the_update_where_it_is_decoupled() -> None:
    coupled = with_decay("SGD").get("decay_share")
    assert list(coupled) == ["0.weight"]
    assert coupled["0.weight"].values == pytest.approx([0.5 * 4.0 / 2.0] * 4)
    assert with_decay("AdamW").get("decay_share")["0.weight"].values == pytest.approx([0.1 * 0.5 * 4.0 / 0.4] * 4)
    assert with_decay("SGD", weight_decay=0).get("decay_share") is None


def test_how_an_optimizer_of_ones_own_applies_its_decay_is_not_known() -> None:
    assert with_decay("Lion").get("decay_share") is None


def test_decoupled_decay_goes_by_the_learning_rate_of_its_step() -> None:
    facts = facts_of(("0.weight", "1.weight"), "CrossEntropyLoss")
    group = {"lr": 0.1, "weight_decay": 0.5, "parameters": ["0.weight"]}
    facts["models"][""]["optimizer"] = {"type": "AdamW", "groups": [group]}  # type: ignore[index]
    run = Run("a", {LR: series(10.0, 1.0, 0.1, 0.1)}, (parameters([2.0, 2.0], [4.0, 4.0], [0.4, 0.4]),), facts)
    share = Signals(run).get("decay_share")["0.weight"]
    assert share.values == pytest.approx(np.array([10.0, 1.0, 0.1, 0.1]) * 0.5 * 4.0 / 0.4)


def test_a_schedule_that_moves_the_rate_once_more_after_the_last_step_changes_no_earlier_share() -> None:
    facts = facts_of(("0.weight", "1.weight"), "CrossEntropyLoss")
    groups = [{"lr": 0.1 * each, "weight_decay": 0.5, "parameters": [f"{i}.weight"]} for i, each in enumerate((1, 3))]
    facts["models"][""]["optimizer"] = {"type": "AdamW", "groups": groups}  # type: ignore[index]
    packed = parameters([2.0, 2.0], [4.0, 4.0], [0.4, 0.4])
    share = Signals(Run("a", {LR: series(0.1, 0.05, 0.01, 1e-5)}, (packed,), facts)).get("decay_share")
    assert share["0.weight"].values == pytest.approx(np.array([0.1, 0.05, 0.01, 1e-5]) * 0.5 * 4.0 / 0.4)
    assert share["1.weight"].values == pytest.approx(3 * share["0.weight"].values)


@pytest.mark.parametrize(
    ("norms", "since"),
    [([1.0, 0.5, 0.0, 0.0], None), ([1.0, 0.0, 0.0, 0.0], 1), ([0.0] * 4, None), ([1.0, 0.0, 0.0, 1.0], None)],
)
def test_a_gradient_that_is_zero_to_the_end_was_cut_off(norms: list[float], since: int | None) -> None:
    values = np.array(norms, dtype=np.float32)[:, None, None]
    found = signals(Packed("parameters", "train", ("grad_norm",), ("0.weight",), STEPS, values)).get("cut_off")
    assert found == (None if since is None else {"0.weight": since})


@pytest.mark.parametrize(("rates", "fastest"), [((1e-5, 1e-2), 0.3), ((1e-2, 1e-2), None), ((5e-3, 1e-2), None)])
def test_the_fastest_part_of_a_network_is_looked_at_by_itself(
    rates: tuple[float, float], fastest: float | None
) -> None:
    facts = facts_of(("0.weight", "1.weight"), "CrossEntropyLoss")
    groups = [{"lr": 0.0, "initial_lr": rate, "parameters": [f"{i}.weight"]} for i, rate in enumerate(rates)]
    facts["models"][""]["optimizer"] = {"type": "AdamW", "groups": groups}  # type: ignore[index]
    found = Signals(Run("a", {}, (parameters([1.0, 1.0], [1.0, 1.0], [0.1, 0.3]),), facts)).get("fastest_updates")
    assert (found is None) == (fastest is None)
    assert found is None or found.values == pytest.approx([fastest] * 4)


def test_runs_without_activations_or_updates_hold_no_signal_of_them() -> None:
    assert signals().get("output_spread") is None
    assert signals(parameters([1.0], [1.0], [1.0])).get("update_ratio") is not None
    assert Signals(Run("a", {}, (), facts_of(("0.weight",), "MSELoss"))).get("update_ratio") is None


def test_two_models_sampled_at_different_steps_share_one_update_ratio() -> None:
    first, second = (parameters([1.0], [1.0], [update]) for update in (0.1, 0.3))
    later = Packed("parameters", "train", second.figures, ("1.weight",), second.steps + 2, second.values)
    found = signals(first, later).get("update_ratio")
    assert found.steps.tolist() == [0, 1, 2, 3, 4, 5]
    assert found.values == pytest.approx([0.1, 0.1, 0.2, 0.2, 0.3, 0.3])


def probe(
    values: list[list[float]], steps: list[int], figures: tuple[str, ...] = ("signal", "noise", "samples")
) -> Packed:
    table = np.array(values, dtype=np.float32)[:, :, None]
    return Packed("probe", "train", figures, ("batch",), np.array(steps), table)


def test_a_gradient_is_compared_with_that_of_its_own_batch() -> None:
    # halves (3, 0) and (0, 3) of 8 samples each: the batch's own gradient is (1.5, 1.5)
    halves = [0.0, 8 * 18 / 2, 8.0]
    found = signals(probe([halves, halves, [math.nan] * 3], [0, 1, 2]), norm=[4.5**0.5, 18**0.5, 1.0]).get(
        "grad_excess"
    )
    assert found.values == pytest.approx([1.0, 2.0])


def test_without_halves_nothing_is_known_of_the_batch_s_own_gradient() -> None:
    assert signals(norm=[1.0]).get("grad_excess") is None
    assert signals(probe([[1.0]], [0], ("signal",)), norm=[1.0]).get("grad_excess") is None
    assert signals(probe([[math.nan] * 3], [0]), norm=[1.0]).get("grad_excess") is None


@pytest.mark.parametrize(("optimizer", "usual"), [("SGD", 0.022), ("AdamW", 0.055), ("RMSprop", 0.055)])
def test_usual_updates_are_larger_where_the_optimizer_scales_each_coordinate(optimizer: str, usual: float) -> None:
    facts = {"models": {"": {"optimizer": {"type": optimizer, "groups": []}}}}
    assert Signals(Run("run", facts=facts)).get("usual_update") == usual


@pytest.mark.parametrize(("cell", "times"), [("GRU", 1.4), ("LSTMCell", 1.4), ("Conv1d", 1)])
def test_the_ratio_to_aim_at_is_larger_in_recurrent_networks(cell: str, times: float) -> None:
    modules = [
        {"name": str(i), "type": kind, "order": i, "settings": {}, "children": 0}
        for i, kind in enumerate([cell, "Linear"])
    ]
    facts = {"models": {"model": {"optimizer": {"type": "SGD", "groups": []}, "modules": modules}}}
    assert Signals(Run("run", facts=facts)).get("best_update") == pytest.approx(times * 0.022)


@pytest.mark.parametrize(("norms", "times"), [(0, 1), (1, 1), (2, 3)])
def test_the_ratio_to_aim_at_is_larger_where_layers_are_normalised(norms: int, times: int) -> None:
    """A single normalisation at the entry of a network leaves the size of its weights as it matters elsewhere."""
    kinds = ["Linear", "BatchNorm1d"] * norms + ["Linear"] * (4 - norms)
    modules = [
        {"name": str(i), "type": kind, "order": i, "settings": {}, "children": 0} for i, kind in enumerate(kinds)
    ]
    facts = {"models": {"model": {"optimizer": {"type": "SGD", "groups": []}, "modules": modules}}}
    assert Signals(Run("run", facts=facts)).get("best_update") == pytest.approx(times * 0.022)


def test_tables_of_embeddings_that_begin_tiny_count_as_large_as_other_weights() -> None:
    """Recommenders draw theirs from a hundredth: their first steps are as long as their weights, and sound."""
    facts = {
        "name": "e.weight",
        "module": "e",
        "shape": [400, 16],
        "numel": 6400,
        "kind": "embedding",
        "fan_in": 16,
        "optimized": True,
    }
    values = np.array([[[0.4], [0.8]]])
    norms = Packed("parameters", "train", ("update_norm", "param_norm"), ("e.weight",), np.array([0]), values)
    found = {}
    for kind in ("embedding", "weight"):
        run = Run("run", {}, [norms], {"models": {"": {"parameters": [facts | {"kind": kind}]}}})
        found[kind] = float(Signals(run).get("layer_updates")["e.weight"].values[0])
    assert found["embedding"] == pytest.approx(0.4 / (6400 / 48) ** 0.5)
    assert found["weight"] == pytest.approx(4 * found["embedding"])


def test_of_a_network_that_is_written_without_layers_the_matrices_count() -> None:
    """As in textbooks that build a recurrent network from its formulas."""

    def found(kind: str) -> list[str]:
        common = {"module": "", "optimized": True, "numel": 64, "fan_in": 8}
        matrix = common | {"name": "W_hh", "shape": [8, 8], "kind": "other"}
        offset = common | {"name": "b_h", "shape": [8], "kind": "other"}
        layer = common | {"name": "head.weight", "shape": [8, 8], "kind": kind}
        names = ("W_hh", "b_h", "head.weight")
        norms = Packed("parameters", "train", ("update_norm", "param_norm"), names, np.array([0]), np.ones((1, 2, 3)))
        run = Run("run", {}, [norms], {"models": {"": {"parameters": [matrix, offset, layer]}}})
        return list(Signals(run).get("layer_updates"))

    assert found("weight") == ["head.weight"], "as a positional table beside layers"
    assert found("embedding") == ["W_hh", "head.weight"]
    assert found("other") == ["W_hh", "head.weight"]


@pytest.mark.parametrize(
    ("spread", "since"),
    [
        ([0.2, 0.1, 0.05, 1e-5, 0.0, 0.0, 0.0, 0.0], 3),
        ([0.2, 0.1, 0.05, 1e-5, 0.0, 0.0, 0.0, 0.02], None),  # it comes back
        ([0.0] * 8, None),  # it never told them apart
        ([0.2] * 8, None),
        ([0.2, 0.2, 0.0, 0.0], None),  # too few looks
    ],
)
def test_a_network_is_mute_from_where_its_last_layer_says_the_same_for_good(
    spread: list[float], since: int | None
) -> None:
    values = np.stack([np.ones((len(spread), 2)), np.array([[0.5, each] for each in spread])], axis=1)
    packed = Packed(
        "activations", "train", ("rms", "sample_std"), ("a", "b"), np.arange(len(spread)), values.astype(np.float32)
    )
    assert signals(packed).get("mute_since") == since
