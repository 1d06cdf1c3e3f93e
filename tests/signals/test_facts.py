"""Signals from the writer's facts and its statistics of the data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from strategies import facts_of

from tb_lossdiag.series import Packed, Run, series
from tb_lossdiag.signals import Signals
from tb_lossdiag.signals.data import Positions
from tb_lossdiag.signals.optimizer import Optimizer

torch = pytest.importorskip("torch", reason="its optimizers are the reference: pip install torch")

FACTS = facts_of(("0.weight", "1.weight"), "MSELoss")


def packed(group: str, figures: dict[str, list[float]], columns: tuple[str, ...], split: str = "train") -> Packed:
    values = np.array([list(figures.values())], dtype=np.float32)
    return Packed(group, split, tuple(figures), columns, np.array([7]), values)


def test_facts_become_values() -> None:
    signals = Signals(Run("a", {}, (), FACTS))
    assert [each.name for each in signals.get("parameters")] == ["0.weight", "1.weight"]
    assert [each.type for each in signals.get("modules")] == ["Linear", "Linear"]
    assert signals.get("loss_function").type == "MSELoss"
    assert signals.get("optimizer").type == "SGD"
    assert signals.get("batch_size") == 32


def test_modules_come_in_the_order_of_their_first_call() -> None:
    facts = {"models": {"": {"modules": [{"name": "b", "order": 1}, {"name": "c"}, {"name": "a", "order": 0}]}}}
    assert [each.name for each in Signals(Run("a", {}, (), facts)).get("modules")] == ["a", "b", "c"]


def test_two_models_keep_their_names_apart() -> None:
    model = {"parameters": [{"name": "w"}]}
    found = Signals(Run("gan", {}, (), {"models": {"g": model, "d": model}})).get("parameters")
    assert sorted(each.name for each in found) == ["d/w", "g/w"]


def test_inputs_are_those_of_training() -> None:
    figures = {"mean": [1.0, 2.0], "std": [3.0, 4.0], "min": [0.0, 0.0], "max": [9.0, 9.0]}
    train = packed("inputs", figures, ("x", "y"))
    val = packed("inputs", figures | {"mean": [50.0, 50.0]}, ("x", "y"), "val")
    found = Signals(Run("a", {}, (val, train))).get("input_features")
    assert found.names == ("x", "y")
    assert found.mean.tolist() == [1.0, 2.0]


def test_the_spread_of_each_batch_is_got_back_from_what_all_so_far_have() -> None:
    generator = np.random.default_rng(0)
    batches = [generator.normal(3 * i, 1 + i, size=(32, 2)) for i in range(6)]
    so_far = [np.concatenate(batches[: i + 1]) for i in range(6)]
    values = np.array([[each.mean(0), each.std(0)] for each in so_far], dtype=np.float32)
    joined = Packed("inputs", "train", ("mean", "std"), ("x", "y"), np.arange(6), values)
    found = Signals(Run("a", {}, (joined,))).get("input_spread")
    own = [float(np.sqrt(np.mean(each.var(0)))) for each in batches]
    assert found.values == pytest.approx(own, rel=1e-3)
    shifted = (values + np.array([1e5, 0])[:, None]).astype(np.float32)
    far = Packed("inputs", "train", ("mean", "std"), ("x", "y"), np.arange(6), shifted)
    assert Signals(Run("a", {}, (far,))).get("input_spread") is None


def test_positions_are_those_of_the_last_look() -> None:
    figures = {"still": [0.5], "inside": [0.25], "positions": [784.0]}
    assert Signals(Run("a", {}, (packed("positions", figures, ("input",)),))).get("positions") == Positions(
        0.5, 0.25, 784
    )
    odd = figures | {"inside": [float("nan")]}
    assert Signals(Run("a", {}, (packed("positions", odd, ("input",)),))).get("positions") is None
    assert Signals(Run("a", {}, (packed("positions", {"still": [0.5]}, ("input",)),))).get("positions") is None


def test_how_alike_neighbours_are_is_the_middle_of_all_looks() -> None:
    def seen(*ratios: float) -> float | None:
        rows = [packed("positions", {"still": [0.0], "interleaved": [each]}, ("input",)) for each in ratios]
        values = np.concatenate([each.values for each in rows])
        joined = Packed("positions", "train", ("still", "interleaved"), ("input",), np.arange(len(ratios)), values)
        found: float | None = Signals(Run("a", {}, (joined,))).get("interleaved")
        return found

    assert seen(0.4, 2.0, 0.5) == pytest.approx(0.5)
    assert seen(float("nan"), 0.4) == pytest.approx(0.4)
    assert seen(float("nan")) is None
    old = packed("positions", {"still": [0.5]}, ("input",))
    assert Signals(Run("a", {}, (old,))).get("interleaved") is None


def test_targets_are_counts_or_moments() -> None:
    counted = Signals(Run("a", {}, (packed("targets", {"count": [3.0, 5.0]}, ("0", "1")),))).get("targets")
    assert counted.counts.tolist() == [3.0, 5.0]
    moments = {"mean": [1.0], "std": [2.0], "min": [0.0], "max": [3.0]}
    measured = Signals(Run("a", {}, (packed("targets", moments, ("y",)),))).get("targets")
    assert (measured.mean.tolist(), measured.std.tolist()) == ([1.0], [2.0])


def test_logs_of_others_hold_no_facts_and_that_is_no_error() -> None:
    signals = Signals(Run("a", {"lr": series(0.1)}))
    for name in ("modules", "parameters", "optimizer", "loss_function", "batch_size", "train_size", "input_features"):
        assert signals.get(name) is None
    assert signals.get("lr").values.tolist() == [0.1]
    assert signals.get("settings") == {}


def test_facts_of_the_wrong_sort_are_passed_over() -> None:
    for facts in ({"models": []}, {"models": {"": 3}}, {"data": "x"}, {"models": {"": {"optimizer": 1, "loss": 2}}}):
        signals = Signals(Run("a", {}, (), facts))
        assert signals.get("optimizer") is None
        assert signals.get("train_size") is None


def test_settings_are_what_the_user_chose() -> None:
    modules = [
        {"name": "0", "type": "Linear", "order": 0},
        {"name": "1", "type": "ReLU", "order": 1},
        {"name": "2", "type": "Dropout", "order": 2, "settings": {"p": 0.3}},
    ]
    model = {
        "class": "Net",
        "modules": modules,
        "optimizer": {"type": "Adam", "groups": [{"lr": 0.1, "foreach": None}, {}]},
    }
    found = Signals(Run("a", {}, (), {"models": {"": model}, "data": {"train_size": 1200}})).get("settings")
    assert found == {
        "model": "Net",
        "optimizer": "Adam",
        "lr": 0.1,
        "parameter groups": 2,
        "training samples": 1200,
        "activation": "ReLU",
        "dropout": 0.3,
    }


def test_inputs_without_all_their_figures_are_not_used() -> None:
    assert Signals(Run("a", {}, (packed("inputs", {"mean": [1.0]}, ("x",)),))).get("input_features") is None


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("SGD", {"momentum": 0.9}),
        ("SGD", {"momentum": 0.9, "nesterov": True}),
        ("SGD", {"momentum": 0.9, "dampening": 0.9}),
        ("SGD", {}),
        ("RMSprop", {"alpha": 0.99}),
        ("Adam", {}),
    ],
)
def test_the_first_step_beside_later_ones_is_what_torch_makes_of_a_constant_gradient(
    kind: str, settings: dict[str, Any]
) -> None:
    weight = torch.zeros(1, requires_grad=True)
    optimizer = getattr(torch.optim, kind)([weight], lr=0.1, **settings)
    steps = []
    for _ in range(2000):
        before = weight.item()
        weight.grad = torch.ones(1)
        optimizer.step()
        steps.append(abs(weight.item() - before))
    told = Optimizer(kind, optimizer.state_dict()["param_groups"]).first_step
    if settings.get("dampening"):
        assert told == 1.0  # its first step is a full one, later ones of a constant gradient too
    assert told == pytest.approx(steps[0] / steps[-1], rel=0.01)


def test_inputs_beside_the_first_are_blank_where_they_hold_one_number() -> None:
    beside = packed("beside", {"min": [0.0, -1.0], "max": [0.0, 1.0]}, ("input 1", "input 2"))
    assert Signals(Run("a", {}, [beside])).get("blank_inputs") == {"input 1": 0.0}
    assert Signals(Run("a")).get("blank_inputs") is None


@pytest.mark.parametrize(
    ("shape", "samples", "first", "found"),
    [
        ([8, 4], 50, False, ("rnn",)),
        ([50, 4], 50, False, ()),  # time comes first, as it should
        ([50, 4], 400, False, ()),  # ... and the loss is of all elements
        ([50, 4], 25, False, ()),  # ... or of pairs
        ([8, 4], 50, True, None),
    ],
)
def test_a_recurrent_layer_that_takes_samples_for_elements_is_told_by_its_input(
    shape: list[int], samples: int, first: bool, found: tuple[str, ...] | None
) -> None:
    layer = {"name": "rnn", "type": "LSTM", "order": 0, "in_shape": shape, "settings": {"batch_first": first}}
    facts = {"models": {"": {"modules": [layer], "batch_size": samples}}}
    assert Signals(Run("a", {}, (), facts)).get("across_samples") == found
    facts["models"][""]["loss"] = {"type": "CTCLoss", "settings": {}}
    assert Signals(Run("a", {}, (), facts)).get("across_samples") is None, "its targets may be of all samples in a row"


def adversaries(judged: list[int], columns: tuple[str, ...] = ("discriminator/feature 0",)) -> Run:
    """A generator that ends in a sigmoid and puts out 4 x 8 values, and a discriminator of inputs of this shape."""
    generator = {
        "modules": [
            {"name": "0", "type": "Linear", "order": 1, "children": 0, "out_shape": [32]},
            {"name": "1", "type": "Sigmoid", "order": 2, "children": 0, "out_shape": [32]},
            {"name": "2", "type": "Unflatten", "order": 3, "children": 0, "out_shape": [4, 8]},
            {"name": "", "type": "Sequential", "order": 0, "children": 3, "out_shape": [4, 8]},
        ],
        "input": {"shape": [8]},
    }
    facts = {"models": {"generator": generator, "discriminator": {"modules": [], "input": {"shape": judged}}}}
    inputs = packed("inputs", {"mean": [0.1], "std": [0.5], "min": [-1.0], "max": [1.0]}, columns)
    return Run("a", {}, [inputs], facts)


def test_a_generator_imitates_what_its_discriminator_is_shown() -> None:
    found = Signals(adversaries([4, 8])).get("imitation")
    assert (found.last.name, found.last.type) == ("generator/1", "Sigmoid")
    assert found.shown.min == [-1.0]


def test_models_of_other_sizes_do_not_imitate() -> None:
    assert Signals(adversaries([4, 9])).get("imitation") is None
    assert Signals(adversaries([4, 8], ("generator/feature 0",))).get("imitation") is None, "its own inputs are noise"


@pytest.mark.parametrize(("told", "known"), [(44, 44), (None, None), ("many", None)])
def test_losses_per_step_are_those_of_the_first_model_that_tells(told: object, known: int | None) -> None:
    facts = {"models": {"": {"losses_per_step": told}}}
    assert Signals(Run("a", {}, (), facts)).get("losses_per_step") == known
