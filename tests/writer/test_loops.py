"""Real training loops: the writer changes none of them, and sees what there is to see in each."""

from __future__ import annotations

import copy
import gc
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from loops import LOOPS, OwnLoss, same
from torch import Tensor, nn

from tb_lossdiag.writer import DiagWriter

PARAMETERS = "lossdiag/parameters/train"


def nothing(*_: Any, **__: Any) -> None:
    """A watch that does not watch."""


@pytest.fixture
def seen(tmp_path: Path, read: Callable[[Path], Any]) -> Callable[[str], tuple[Any, dict[str, Any]]]:
    """What a loop's log holds, and what the loop gave back."""

    def run(name: str) -> tuple[Any, dict[str, Any]]:
        with DiagWriter(tmp_path, overhead=0.5) as writer:
            state = LOOPS[name](writer.watch)
        return read(tmp_path), state

    return run


@pytest.mark.parametrize("name", LOOPS)
def test_the_loop_is_the_same_to_the_last_bit_and_no_part_of_the_watching_breaks(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    alone = LOOPS[name](nothing)
    with caplog.at_level(logging.WARNING), DiagWriter(tmp_path, overhead=0.5) as writer:
        watched = LOOPS[name](writer.watch)
    for part, values in alone.items():
        assert same(watched[part], values), part
    assert not [each.getMessage() for each in caplog.records if "has stopped" in each.getMessage()]


def test_the_comparison_sees_a_single_bit() -> None:
    alone = LOOPS["bfloat16 by autocast"](nothing)
    other = copy.deepcopy(alone)
    other["losses"][3] = other["losses"][3] * (1 + 2e-7)
    assert not same(alone, other)


@pytest.mark.parametrize("name", [each for each in LOOPS if each != "a gan"])
def test_each_step_has_its_loss_and_sampled_ones_their_figures(name: str, seen: Any) -> None:
    log, state = seen(name)
    losses = [float(each) for each in state["losses"]]
    if name == "an averaged copy":
        losses = [each for i, each in enumerate(losses) if (i + 1) % 11]
    if name.startswith("accumulated"):
        losses = [2 * (a + b) / 2 for a, b in zip(losses[::2], losses[1::2], strict=True)]
    expected = dict(enumerate(losses))
    if name == "copies in the middle":  # the loop's loss holds a term that the loss function does not know
        assert list(log.scalars["loss/train"]) == list(expected)
    else:
        assert log.scalars["loss/train"] == pytest.approx(expected, rel=1e-4)
    sampled = [
        step for tag, each in log.packed.items() if tag.startswith("lossdiag/activations/train") for step in each
    ]
    assert len(sampled) >= 16, "those that a scaler leaves out before it is known have none"
    assert all(np.isfinite(each) for each in log.scalars["diag/update_ratio"].values())


@pytest.mark.parametrize("name", ["float16 with a scaler", "float16 with a fused optimizer"])
def test_steps_that_a_scaler_leaves_out_are_counted_and_gradients_are_unscaled(name: str, seen: Any) -> None:
    log, state = seen(name)
    model = log.facts["models"][""]
    assert model["grad_scaler"]
    left_out = round(24 - np.log2(state["scaler"]["scale"]))
    assert left_out > 3
    assert model["skipped_steps"] == left_out
    assert model["losses_per_step"] == 1, "a step that was left out is no accumulation"
    assert max(log.scalars["diag/skipped_steps"].values()) == left_out
    finite = [each for each in log.scalars["diag/grad_norm"].values() if np.isfinite(each)]
    assert 0 < np.median(finite) < 10, "not times the scale"


def test_the_share_that_clipping_leaves_of_the_gradient_is_logged(seen: Any) -> None:
    log, _ = seen("accumulated gradients with clipping and a schedule")
    factors = log.scalars["diag/clip_factor"]
    assert len(factors) >= 19, "all sampled steps but the first"
    for step, factor in factors.items():
        assert factor <= 1.0001
        assert log.scalars["diag/grad_norm"][step] <= 0.1 * 1.0001
        if factor < 0.99:
            assert log.scalars["diag/grad_norm"][step] == pytest.approx(0.1, rel=1e-3)
    assert min(factors.values()) < 0.5


def test_clipping_after_unscaling_is_told_from_unscaling(seen: Any) -> None:
    log, _ = seen("float16 with a scaler")
    factors = [each for each in log.scalars["diag/clip_factor"].values() if np.isfinite(each)]
    assert factors
    assert all(0.05 < each <= 1.001 for each in factors)


def test_where_nobody_clips_no_share_is_logged(seen: Any) -> None:
    assert "diag/clip_factor" not in seen("bfloat16 by autocast")[0].scalars


def test_a_closure_s_step_has_one_loss(seen: Any) -> None:
    assert seen("a closure")[0].facts["models"][""]["losses_per_step"] == 1


def test_accumulated_losses_are_told(seen: Any) -> None:
    assert seen("accumulated gradients with clipping and a schedule")[0].facts["models"][""]["losses_per_step"] == 2


def test_all_optimizers_of_a_model_are_seen(seen: Any) -> None:
    log, _ = seen("two optimizers of one model")
    facts = log.facts["models"][""]
    assert facts["optimizer"]["type"] == "SparseAdam"
    assert facts["optimizer"]["types"] == ["SparseAdam", "AdamW"]
    assert [each["parameters"] for each in facts["optimizer"]["groups"]] == [["0.weight"], ["2.weight", "2.bias"]]
    assert all(each["optimized"] for each in facts["parameters"])
    for figure in ("grad_norm", "update_norm"):
        for name in ("0.weight", "2.weight", "2.bias"):
            assert all(each > 0 for each in log.figure(PARAMETERS, figure, name).values())


def test_both_players_of_a_game_have_their_losses_and_figures(seen: Any) -> None:
    log, state = seen("a gan")
    assert log.scalars["loss/train@critic"] == pytest.approx(
        {i: float(each) / 2 for i, each in enumerate(state["losses"][::2])}, rel=1e-4
    )
    assert log.scalars["loss/train"] == pytest.approx(
        {i: float(each) for i, each in enumerate(state["losses"][1::2])}, rel=1e-4
    )
    assert {"lossdiag/parameters/train@maker", "lossdiag/parameters/train@critic"} <= set(log.packed)


def test_what_is_frozen_or_added_while_training_goes_on_is_told(seen: Any) -> None:
    log, _ = seen("parameters that are frozen and added")
    facts = log.facts["models"][""]
    assert facts["frozen"] == []
    assert [each["name"] for each in facts["parameters"] if each["optimized"]][-2:] == ["4.weight", "4.bias"]
    assert log.figure(PARAMETERS, "update_norm", "0.weight")[9] != log.figure(PARAMETERS, "update_norm", "0.weight")[9]
    assert log.figure(f"{PARAMETERS}#1", "update_norm", "4.weight")[12] > 0
    assert log.schemas["lossdiag/activations/train#1"].columns[-1] == "4"


def test_tied_weights_are_one_parameter_and_checkpointed_blocks_are_seen_once(seen: Any) -> None:
    log, _ = seen("gradient checkpoints and tied weights")
    assert "first.weight" in log.schemas[PARAMETERS].columns
    assert "last.weight" not in log.schemas[PARAMETERS].columns
    assert "blocks.0.0" in log.schemas["lossdiag/activations/train"].columns
    assert "blocks.0.0 (2)" not in log.schemas["lossdiag/activations/train"].columns


def test_a_dataclass_s_tensors_and_a_cell_s_calls_are_seen(seen: Any) -> None:
    log, _ = seen("recurrent layers and a dataclass")
    assert {"embedding", "lstm", "cell", "cell (2)", "out"} <= set(log.schemas["lossdiag/activations/train"].columns)
    assert log.facts["models"][""]["input"]["integer"]


def test_a_loss_within_the_model_comes_with_its_labels(seen: Any, caplog: Any) -> None:
    log, _ = seen("a loss within the model")
    assert log.facts["models"][""]["task"] == "classification"
    assert log.packed["lossdiag/batch/train"][0].sum() == 16
    assert not caplog.records


def test_an_evaluation_of_a_model_with_its_own_loss_is_weighted_by_samples(tmp_path: Path, read: Any) -> None:
    torch.manual_seed(0)
    model, x = OwnLoss(), torch.randn(20, 6)
    y = x[:, :3].argmax(1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with DiagWriter(tmp_path) as writer:
        writer.watch(model, optimizer)
        model(x, labels=y)["loss"].backward()
        optimizer.step()
        with writer.evaluating("val"):
            for rows in (slice(0, 16), slice(16, 20)):
                model(x[rows], labels=y[rows])
            expected = float(model(x)["logits"].log_softmax(1).gather(1, y[:, None]).neg().mean())
    log = read(tmp_path)
    assert log.scalars["loss/val"] == {1: pytest.approx(expected, rel=1e-5)}
    assert log.facts["data"]["val_size"] == 20


def test_a_dictionary_of_losses_is_summed_and_that_is_said(seen: Any, caplog: Any) -> None:
    with caplog.at_level(logging.WARNING):
        seen("a dictionary of losses")
    assert [each.getMessage() for each in caplog.records] == [
        "There are 2 losses: their sum is logged, without any weights."
    ]


@pytest.mark.parametrize("name", LOOPS)
def test_no_tensor_of_the_graph_outlives_the_loop(name: str, tmp_path: Path) -> None:
    with DiagWriter(tmp_path, overhead=0.5) as writer:
        LOOPS[name](writer.watch)
        gc.collect()
        graph = [each for each in gc.get_objects() if type(each) is torch.Tensor and each.grad_fn is not None]
    assert not graph


def test_of_two_models_with_one_loss_none_is_said_to_lack_it(tmp_path: Path, caplog: Any) -> None:
    """An encoder and a decoder, or a generator and a critic."""
    torch.manual_seed(0)
    encoder, decoder, loss_fn = torch.nn.Linear(6, 4), torch.nn.Linear(4, 3), torch.nn.CrossEntropyLoss()
    optimizers = [torch.optim.SGD(each.parameters(), lr=0.1) for each in (encoder, decoder)]
    x = torch.randn(16, 6)
    y = x[:, :3].argmax(1)
    with DiagWriter(tmp_path) as writer:
        writer.watch(encoder, optimizers[0], name="encoder")
        writer.watch(decoder, optimizers[1], loss_fn, name="decoder")
        for _ in range(60):
            for optimizer in optimizers:
                optimizer.zero_grad()
            loss_fn(decoder(encoder(x)), y).backward()
            for optimizer in optimizers:
                optimizer.step()
    assert not [each.getMessage() for each in caplog.records]


def test_a_network_that_is_frozen_while_its_input_is_optimised_is_watched_without_an_error(
    tmp_path: Path, read: Any
) -> None:
    """As where the style of a picture is moved: the network only judges it."""
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)).requires_grad_(False)
    picture = torch.randn(3, 4, requires_grad=True)
    optimizer, loss_fn = torch.optim.LBFGS([picture], max_iter=4), nn.MSELoss()
    with DiagWriter(tmp_path) as writer:
        writer.watch(net, optimizer, loss_fn)

        def closure() -> Tensor:
            optimizer.zero_grad()
            loss: Tensor = loss_fn(net(picture), torch.zeros(3, 2))
            loss.backward()
            return loss

        for _ in range(25):
            optimizer.step(closure)
    log = read(tmp_path)
    assert log.facts["models"][""]["notes"] == []
    assert len(log.scalars["loss/train"]) == 25


def test_gradients_of_single_samples_by_torch_func_are_left_alone(tmp_path: Path, read: Any) -> None:
    """As differentially private training takes them: within the transforms a tensor stands for many, and nothing of ours looks at it."""
    net, loss_fn = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    inputs, labels = torch.randn(16, 4), torch.randint(0, 3, (16,))

    def loss(parameters: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        value: Tensor = loss_fn(torch.func.functional_call(net, parameters, (x[None],)), y[None])
        return value

    each = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))
    with DiagWriter(tmp_path) as writer:
        writer.watch(net, optimizer, loss_fn)
        for _ in range(30):
            gradients = each({name: value.detach() for name, value in net.named_parameters()}, inputs, labels)
            for name, value in net.named_parameters():
                value.grad = gradients[name].mean(0)
            optimizer.step()
            writer.add_loss("train", loss_fn(net(inputs), labels))
    log = read(tmp_path)
    assert not [note for note in log.facts["models"][""]["notes"] if "error" in note]
    assert list(log.scalars["loss/train"]) == list(range(1, 31))
    assert log.scalars["diag/grad_norm"][0] > 0
