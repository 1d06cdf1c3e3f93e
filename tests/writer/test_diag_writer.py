"""The writer as its users meet it."""

from __future__ import annotations

import copy
import functools
import io
import logging
import pickle
import subprocess
import sys
import threading
import warnings
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.tensorboard import SummaryWriter

from tb_lossdiag import diagnose
from tb_lossdiag.writer import DiagWriter


@pytest.fixture(autouse=True)
def _nothing_is_wrong(caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest) -> Any:
    """A part that stops watching says so in the log; a test that does not expect it must fail."""
    yield
    if "breaks" not in request.node.name:
        assert not [each for each in caplog.records if "has stopped" in each.getMessage()]


def hooks_of(*modules: nn.Module) -> int:
    parts = [part for module in modules for part in module.modules()]
    return sum(len(part._forward_hooks) + len(part._forward_pre_hooks) for part in parts)


def test_it_is_a_summary_writer_with_one_event_file(tmp_path: Path, training: Any) -> None:
    writer = DiagWriter(tmp_path)
    assert isinstance(writer, SummaryWriter)
    writer.watch(training.model, training.optimizer, training.loss_fn)
    training.steps(3)
    writer.add_scalar("mine", 4.5, 7)
    writer.add_text("note", "hello", 1)
    writer.add_histogram("weights", np.arange(10.0), 2)
    writer.close()
    writer.add_scalar("mine", 5.5, 8)  # as with torch's: opens it again
    writer.close()
    files = list(tmp_path.iterdir())
    assert len(files) == 1
    events = EventAccumulator(str(tmp_path)).Reload()
    assert [(each.step, each.value) for each in events.Scalars("mine")] == [(7, 4.5), (8, 5.5)]
    assert [each.value for each in events.Scalars("loss/train")] == pytest.approx(training.losses)
    assert "lossdiag/parameters/train" in events.Tags()["tensors"]
    assert events.Tags()["histograms"] == ["weights"]


def test_flush_brings_every_loss_to_disk(tmp_path: Path, training: Any, read: Any) -> None:
    with DiagWriter(tmp_path) as writer:
        writer.watch(training.model, training.optimizer, training.loss_fn)
        training.steps(33)
        writer.flush()
        assert list(read(tmp_path).scalars["loss/train"].values()) == pytest.approx(training.losses)


def test_close_removes_every_hook_and_twice_is_fine(tmp_path: Path, training: Any) -> None:
    before = len(threading.enumerate())
    writer = DiagWriter(tmp_path)
    writer.watch(training.model, training.optimizer, training.loss_fn)
    assert hooks_of(training.model, training.loss_fn) > 0
    writer.close()
    writer.close()
    assert hooks_of(training.model, training.loss_fn) == 0
    assert not training.optimizer._optimizer_step_pre_hooks
    assert not training.optimizer._optimizer_step_post_hooks
    assert len(threading.enumerate()) == before
    training.steps(2)


def test_a_closed_log_says_so_and_no_longer_once_it_goes_on(tmp_path: Path, training: Any) -> None:
    def closed() -> bool | None:
        return diagnose(tmp_path)[0].closed

    writer = DiagWriter(tmp_path)
    writer.watch(training.model, training.optimizer, training.loss_fn)
    training.steps(3)
    writer.flush()
    assert closed() is False
    writer.close()
    assert closed() is True
    with DiagWriter(tmp_path) as resumed:
        resumed.watch(training.model, training.optimizer, training.loss_fn)
        training.steps(2)
        resumed.flush()
        assert closed() is False
    assert closed() is True


def test_a_log_of_another_writer_cannot_say_whether_it_was_closed(tmp_path: Path) -> None:
    with SummaryWriter(tmp_path) as writer:
        writer.add_scalar("loss/train", 1.0, 0)
    assert diagnose(tmp_path)[0].closed is None


def test_hooks_of_others_stay(tmp_path: Path, training: Any) -> None:
    calls: list[int] = []
    training.model[0].register_forward_hook(lambda *_: calls.append(1))
    with DiagWriter(tmp_path) as writer:
        writer.watch(training.model, training.optimizer, training.loss_fn)
        training.steps(2)
    training.steps(1)
    assert len(calls) == 3


def test_evaluating_logs_the_mean_over_samples_and_restores_every_mode(
    tmp_path: Path, training: Any, read: Any
) -> None:
    training.model.append(nn.Dropout(0.5).eval())
    modes = [each.training for each in training.model.modules()]
    with DiagWriter(tmp_path) as writer:
        writer.watch(training.model, training.optimizer, training.loss_fn)
        training.steps(5)
        with writer.evaluating("val"):
            assert not torch.is_grad_enabled()
            assert not any(each.training for each in training.model.modules())
            for rows in (slice(0, 40), slice(40, 64)):
                training.loss_fn(training.model(training.x[rows]), training.y[rows])
        assert torch.is_grad_enabled()
        assert [each.training for each in training.model.modules()] == modes
        training.model.eval()
        logits = training.model(training.x).detach()
    log = read(tmp_path)
    assert log.scalars["loss/val"] == {5: pytest.approx(float(training.loss_fn(logits, training.y)), rel=1e-5)}
    accuracy = float((logits.argmax(1) == training.y).float().mean())
    assert log.scalars["accuracy/val"] == {5: pytest.approx(accuracy)}
    np.testing.assert_array_equal(log.packed["lossdiag/targets/val"][5][0], np.bincount(training.y, minlength=3))
    np.testing.assert_allclose(log.packed["lossdiag/inputs/val"][5][0], training.x.mean(0), atol=1e-5)
    assert log.facts["data"]["val_size"] == 64
    assert len(log.scalars["loss/train"]) == 5


def test_an_evaluation_that_fails_restores_the_modes_and_logs_nothing(tmp_path: Path, training: Any, read: Any) -> None:
    def fail() -> None:
        training.loss_fn(training.model(training.x), training.y)
        raise KeyError("mine")

    with DiagWriter(tmp_path) as writer:
        writer.watch(training.model, training.optimizer, training.loss_fn)
        with pytest.raises(KeyError, match="mine"), writer.evaluating("val"):
            fail()
        assert training.model.training
        training.steps(1)
    log = read(tmp_path)
    assert "loss/val" not in log.scalars
    assert len(log.scalars["loss/train"]) == 1


@pytest.mark.parametrize("back", [True, False])
def test_an_evaluation_whose_model_was_put_back_to_training_mode_is_known(
    back: bool, tmp_path: Path, training: Any, read: Any
) -> None:
    with DiagWriter(tmp_path) as writer:
        writer.watch(training.model, training.optimizer, training.loss_fn)
        training.steps(5)
        with writer.evaluating("val"):
            training.model.train(back)
            training.loss_fn(training.model(training.x), training.y)
    assert read(tmp_path).facts["data"].get("in_training_mode") == ({"val": True} if back else None)


@pytest.mark.parametrize(
    ("evaluated", "other"),
    [
        ("the model", False),
        ("a copy", True),
        ("its layers one by one", False),
        ("predictions of before", False),
        ("a copy, and the model", False),
    ],
)
def test_an_evaluation_of_a_copy_is_told(evaluated: str, other: bool, tmp_path: Path, training: Any, read: Any) -> None:
    average = copy.deepcopy(training.model)
    with DiagWriter(tmp_path) as writer:
        writer.watch(training.model, training.optimizer, training.loss_fn)
        training.steps(4)
        early = training.model(training.x).detach()
        with writer.evaluating("val"):
            if evaluated.endswith("the model"):
                early = training.model(training.x)
            if evaluated.startswith("a copy"):
                early = average(training.x)
            if evaluated == "its layers one by one":
                early = training.x
                for each in training.model:
                    early = each(early)
            training.loss_fn(early, training.y)
        training.steps(20)
    assert not torch.nn.modules.module._global_forward_pre_hooks
    assert read(tmp_path).facts["models"][""]["mode"]["other_evaluated"] == other


def test_a_loss_with_weights_of_its_own_is_no_other_model(tmp_path: Path, training: Any, read: Any) -> None:
    class Margins(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Linear(3, 3)

        def forward(self, scores: Tensor, labels: Tensor) -> Tensor:
            return F.cross_entropy(self.scale(scores), labels)

    training.loss_fn = Margins()
    with DiagWriter(tmp_path) as writer:
        writer.watch(training.model, training.optimizer, training.loss_fn)
        training.steps(4)
        early = training.model(training.x).detach()
        with writer.evaluating("val"):
            training.loss_fn(early, training.y)
        training.steps(20)
    assert not read(tmp_path).facts["models"][""]["mode"]["other_evaluated"]


def test_an_evaluation_without_losses_says_what_to_do(tmp_path: Path, training: Any, caplog: Any) -> None:
    with DiagWriter(tmp_path) as writer:
        writer.watch(training.model, training.optimizer, training.loss_fn)
        for _ in range(2):
            with writer.evaluating("test"):
                training.model(training.x)
    (said,) = [each.message for each in caplog.records]
    assert "within writer.evaluating('test'): call the loss function that was given to watch()" in said


@pytest.mark.parametrize("split", ["holdout", "", "train"])
def test_an_unknown_split_is_refused_with_the_known_ones(tmp_path: Path, split: str) -> None:
    with DiagWriter(tmp_path) as writer, pytest.raises(ValueError, match="val"), writer.evaluating(split):
        pass


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [(("net",), "the model"), ((nn.Linear(1, 1), nn.Linear(1, 1)), "Optimizer"), ((nn.Linear(1, 1), None, 3), "loss")],
)
def test_watch_says_which_argument_is_wrong(tmp_path: Path, arguments: Any, sentence: str) -> None:
    with DiagWriter(tmp_path) as writer, pytest.raises(TypeError, match=sentence):
        writer.watch(*arguments)


@pytest.mark.parametrize("overhead", [0, 1, -0.1, float("nan")])
def test_an_overhead_that_is_no_share_is_refused(tmp_path: Path, overhead: float) -> None:
    with pytest.raises(ValueError, match="share"):
        DiagWriter(tmp_path, overhead=overhead)


def test_losses_of_one_step_are_averaged(tmp_path: Path, training: Any, read: Any) -> None:
    losses = []
    with DiagWriter(tmp_path) as writer:
        writer.watch(training.model, training.optimizer, training.loss_fn)
        for step in range(3):
            for part in range(4):
                rows = slice(part * 16, part * 16 + 16)
                loss = training.loss_fn(training.model(training.x[rows]), training.y[rows])
                losses.append(loss.item())
                loss /= 4
                loss.backward()
            training.optimizer.step()
            training.optimizer.zero_grad()
            assert writer._watches[""].step == step + 1
    log = read(tmp_path)
    expected = np.array(losses).reshape(3, 4).mean(1)
    assert list(log.scalars["loss/train"].values()) == pytest.approx(expected.tolist(), rel=1e-5)
    assert log.packed["lossdiag/batch/train"][0].sum() == 64, "the batch of a step is all its parts"


@pytest.mark.parametrize("since", [0, 45])
def test_losses_that_are_written_into_are_logged_as_they_were(
    since: int, tmp_path: Path, training: Any, read: Any
) -> None:
    losses = []
    with DiagWriter(tmp_path) as writer:
        writer.watch(training.model, training.optimizer, training.loss_fn)
        for step in range(60):
            loss = training.loss_fn(training.model(training.x), training.y)
            losses.append(loss.item())
            if step >= since:
                loss /= 4
            loss.backward()
            training.optimizer.step()
            training.optimizer.zero_grad()
    found = read(tmp_path).scalars["loss/train"]
    assert all(value == pytest.approx(losses[step], rel=1e-6) for step, value in found.items())
    assert set(range(60)) - set(found) <= {since} - {0}, (
        "all but the first, where it begins on a step that nobody looks at"
    )


def test_losses_outside_of_training_are_counted_not_logged(tmp_path: Path, training: Any, read: Any) -> None:
    with DiagWriter(tmp_path) as writer:
        writer.watch(training.model, training.optimizer, training.loss_fn)
        training.steps(2)
        with torch.no_grad():
            training.loss_fn(training.model(training.x), training.y)
        training.model.eval()
        training.loss_fn(training.model(training.x), training.y)
        training.model.train()
        training.steps(2)
    log = read(tmp_path)
    assert list(log.scalars["loss/train"].values()) == pytest.approx(training.losses)
    assert log.facts["models"][""]["unattributed_evaluations"] == 2
    assert log.facts["models"][""]["mode"]["training_flag_during_training"] is True


def test_training_in_evaluation_mode_is_still_logged_and_told(training: Any, watched: Any) -> None:
    training.model.eval()
    log = watched(training, steps=4)
    assert list(log.scalars["loss/train"].values()) == pytest.approx(training.losses)
    assert log.facts["models"][""]["mode"]["training_flag_during_training"] is False
    assert set(log.packed["lossdiag/activations/train"]) == {1, 2, 3}


def test_a_loss_that_is_no_single_number_is_averaged_with_one_warning(training: Any, watched: Any, caplog: Any) -> None:
    each = nn.CrossEntropyLoss(reduction="none")
    training.loss_fn = each
    steps = []

    def mean(prediction: Tensor, target: Tensor) -> Tensor:
        steps.append(each(prediction, target).mean())
        return steps[-1]

    loop = copy.copy(training)
    loop.loss_fn = mean  # what the loop minimises; the writer is given the loss function itself
    training.steps = loop.steps
    log = watched(training, steps=3)
    assert list(log.scalars["loss/train"].values()) == pytest.approx([loss.item() for loss in steps])
    assert [record.message for record in caplog.records if "its mean is logged" in record.message] == [
        "The loss has the shape (16,), not a single number: its mean is logged."
    ]


def test_a_loss_that_is_no_tensor_is_ignored_with_one_message(
    tmp_path: Path, training: Any, read: Any, caplog: Any
) -> None:
    class Odd(nn.Module):
        def forward(self, *_: Tensor) -> str:
            return "high"

    odd = Odd()
    with DiagWriter(tmp_path) as writer:
        writer.watch(training.model, training.optimizer, odd)
        for _ in range(3):
            assert odd(training.x) == "high"
        training.steps(2)
    assert len(read(tmp_path).scalars["loss/train"]) == 2, "those whose gradient is taken"
    assert sum("not a floating-point tensor" in each.message for each in caplog.records) == 1


@pytest.mark.parametrize(
    "function",
    [F.cross_entropy, functools.partial(F.cross_entropy, label_smoothing=0.1), lambda a, b: F.cross_entropy(a, b) * 2],
)
def test_a_loss_that_is_a_function_is_called_through_the_writer(
    tmp_path: Path, training: Any, read: Any, function: Any
) -> None:
    with DiagWriter(tmp_path) as writer:
        writer.watch(training.model, training.optimizer, function)
        training.loss_fn = writer.loss_fn
        training.steps(3)
    log = read(tmp_path)
    assert list(log.scalars["loss/train"].values()) == pytest.approx(training.losses)
    assert log.schemas["lossdiag/targets/train"].columns == ("0", "1", "2")
    assert "lossdiag/losses/train" in log.packed


def test_a_module_called_through_the_writer_counts_once(tmp_path: Path, training: Any, read: Any) -> None:
    with DiagWriter(tmp_path) as writer:
        writer.watch(training.model, training.optimizer, training.loss_fn)
        training.loss_fn = writer.loss_fn
        training.steps(3)
    assert list(read(tmp_path).scalars["loss/train"].values()) == pytest.approx(training.losses)


def test_calling_the_writer_s_loss_without_one_says_where_to_give_it(tmp_path: Path, training: Any) -> None:
    with DiagWriter(tmp_path) as writer:
        writer.watch(training.model, training.optimizer)
        with pytest.raises(RuntimeError, match="third argument"):
            writer.loss_fn(training.x, training.y)


def test_add_loss_replaces_what_hooks_see(tmp_path: Path, training: Any, read: Any) -> None:
    with DiagWriter(tmp_path) as writer:
        writer.watch(training.model, training.optimizer, training.loss_fn)
        writer.add_loss("train", 7.0)
        for step in range(3):
            training.steps(1)
            writer.add_loss("train", torch.tensor(8.0 + step, requires_grad=True))
        writer.add_loss("val", 3.5)
        writer.add_loss("test", float("nan"), step=50)
        with writer.evaluating("val"):
            writer.add_loss("val", 1.0)
            writer.add_loss("val", 2.0)
    log = read(tmp_path)
    assert log.scalars["loss/train"] == {0: 7.0, 1: 8.0, 2: 9.0, 3: 10.0}
    assert log.scalars["loss/val"] == {3: 1.5}
    assert np.isnan(log.scalars["loss/test"][50])


def test_without_an_optimizer_training_losses_count_the_steps(tmp_path: Path, training: Any, read: Any) -> None:
    with DiagWriter(tmp_path / "added") as writer:
        for value in (3.0, 2.0, 1.0):
            writer.add_loss("train", value)
        writer.add_loss("val", 5.0)
    assert read(tmp_path / "added").scalars == {"loss/train": {0: 3.0, 1: 2.0, 2: 1.0}, "loss/val": {3: 5.0}}
    with DiagWriter(tmp_path / "seen") as writer:
        writer.watch(training.model, loss_fn=training.loss_fn)
        training.steps(3)
    log = read(tmp_path / "seen")
    assert list(log.scalars["loss/train"].values()) == pytest.approx(training.losses)
    assert set(log.packed["lossdiag/activations/train"]) == {0, 1, 2}


def test_watching_again_replaces_what_was_watched(tmp_path: Path, training: Any, read: Any) -> None:
    with DiagWriter(tmp_path) as writer:
        for _ in range(3):
            writer.watch(training.model, training.optimizer, training.loss_fn)
            training.steps(2)
        assert len(training.optimizer._optimizer_step_post_hooks) == 1
        assert len(training.loss_fn._forward_hooks) == 1
    log = read(tmp_path)
    assert list(log.scalars["loss/train"]) == list(range(6))
    assert list(log.scalars["loss/train"].values()) == pytest.approx(training.losses)


def test_several_models_have_their_own_names(tmp_path: Path, make: Any, read: Any) -> None:
    one, two = make(), make(nn.Linear(6, 3))
    two.loss_fn = one.loss_fn
    with DiagWriter(tmp_path) as writer:
        writer.watch(one.model, one.optimizer, one.loss_fn, name="one")
        writer.watch(two.model, two.optimizer, two.loss_fn, name="two")
        for _ in range(3):
            one.steps(1)
            two.steps(1)
    log = read(tmp_path)
    assert list(log.scalars["loss/train"].values()) == pytest.approx(one.losses)
    assert list(log.scalars["loss/train@two"].values()) == pytest.approx(two.losses)
    assert {"lossdiag/parameters/train@one", "lossdiag/parameters/train@two"} <= set(log.packed)
    assert log.schemas["lossdiag/parameters/train@two"].columns == ("weight", "bias")
    assert set(log.facts["models"]) == {"one", "two"}


def test_a_resumed_run_starts_at_its_purge_step(tmp_path: Path, training: Any, read: Any) -> None:
    with DiagWriter(tmp_path, purge_step=100) as writer:
        writer.watch(training.model, training.optimizer, training.loss_fn)
        training.steps(3)
    log = read(tmp_path)
    assert list(log.scalars["loss/train"]) == [100, 101, 102]
    assert set(log.packed["lossdiag/parameters/train"]) == {100, 101, 102}


def test_an_error_in_a_hook_breaks_that_part_only_and_is_said_once(
    tmp_path: Path, training: Any, read: Any, caplog: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr("tb_lossdiag.writer.activations.Activations.see", fail)
    monkeypatch.setattr("tb_lossdiag.writer.gradients.norms", fail)
    with caplog.at_level(logging.WARNING), DiagWriter(tmp_path) as writer:
        writer.watch(training.model, training.optimizer, training.loss_fn)
        training.steps(30)
    messages = [each.getMessage() for each in caplog.records]
    assert len(messages) == 2
    assert any("the layers of the model" in each for each in messages)
    assert any("gradients and parameters" in each for each in messages)
    assert all(each.exc_info is not None for each in caplog.records)
    log = read(tmp_path)
    assert list(log.scalars["loss/train"].values()) == pytest.approx(training.losses)
    assert "lossdiag/inputs/train" in log.packed


def test_a_disk_that_fails_breaks_nothing_and_is_said(
    tmp_path: Path, training: Any, caplog: Any, monkeypatch: Any
) -> None:
    writer = DiagWriter(tmp_path)

    def full(_event: bytes) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tb_lossdiag.writer.event_file.frame", full)
    writer.watch(training.model, training.optimizer, training.loss_fn)
    training.steps(3)
    writer.close()
    messages = [each.getMessage() for each in caplog.records]
    assert len(messages) == 2
    assert "No space left on device" in messages[0]
    assert "events could not be written" in messages[1]


class Talkative(nn.Module):
    """Takes and returns dictionaries and tuples."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.LSTM(6, 5, batch_first=True)
        self.out = nn.Linear(5, 3)

    def forward(self, batch: dict[str, Tensor], *, extra: object = None) -> dict[str, Any]:
        hidden, state = self.rnn(batch["x"].unsqueeze(1))
        return {"state": state, "logits": self.out(hidden[:, 0]), "extra": extra}


def test_models_may_take_and_return_dictionaries_and_tuples(tmp_path: Path, read: Any) -> None:
    torch.manual_seed(0)
    model, loss_fn = Talkative(), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters())
    with DiagWriter(tmp_path) as writer:
        writer.watch(model, optimizer, loss_fn)
        for _ in range(3):
            loss_fn(input=model({"x": torch.randn(8, 6)}, extra=3)["logits"], target=torch.arange(8) % 3).backward()
            optimizer.step()
    log = read(tmp_path)
    assert log.schemas["lossdiag/activations/train"].columns == ("rnn", "out")
    assert log.schemas["lossdiag/inputs/train"].columns == tuple(f"feature {i}" for i in range(6))
    assert log.packed["lossdiag/targets/train"][2].sum() == 24


def test_a_model_without_parameters_is_no_trouble(tmp_path: Path, read: Any) -> None:
    model, loss_fn = nn.Tanh(), nn.MSELoss()
    shift = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([shift], lr=0.1)
    with DiagWriter(tmp_path) as writer:
        writer.watch(model, optimizer, loss_fn)
        for _ in range(3):
            optimizer.zero_grad()
            loss_fn(model(torch.randn(4, 2)) + shift, torch.ones(4, 2)).backward()
            optimizer.step()
    log = read(tmp_path)
    assert len(log.scalars["loss/train"]) == 3
    assert log.facts["models"][""]["parameters"] == []
    assert log.facts["models"][""]["optimizer"]["unknown_parameters"] == 1


def test_token_ids_have_no_statistics(make: Any, watched: Any) -> None:
    training = make(nn.Sequential(nn.Embedding(10, 4, sparse=True), nn.Flatten(), nn.Linear(24, 3)))
    training.x = torch.randint(0, 10, (64, 6))
    log = watched(training, steps=3)
    assert "lossdiag/inputs/train" not in log.packed
    assert log.facts["models"][""]["input"] == {"shape": [6], "dtype": "int64", "integer": True}
    assert log.figure("lossdiag/parameters/train", "grad_norm", "0.weight")[0] > 0
    assert log.facts["models"][""]["parameters"][0]["kind"] == "embedding"


def test_an_optimizer_with_a_closure_is_watched_too(tmp_path: Path, training: Any, read: Any) -> None:
    optimizer = torch.optim.LBFGS(training.model.parameters(), max_iter=4)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss: Tensor = training.loss_fn(training.model(training.x), training.y)
        loss.backward()
        return loss

    with DiagWriter(tmp_path) as writer:
        writer.watch(training.model, optimizer, training.loss_fn)
        for _ in range(3):
            optimizer.step(closure)
    log = read(tmp_path)
    assert list(log.scalars["loss/train"]) == [0, 1, 2]
    assert set(log.scalars["diag/grad_norm"]) == {0, 1, 2}
    assert set(log.packed["lossdiag/activations/train"]) == {0, 1, 2}


def test_a_lazy_layer_begins_when_it_has_a_shape(watched: Any, make: Any) -> None:
    model = nn.Sequential(nn.LazyLinear(8), nn.ReLU(), nn.Linear(8, 3))
    training = make(nn.Linear(1, 1))
    training.model, training.optimizer = model, torch.optim.SGD(model.parameters(), lr=0.1)
    log = watched(training, steps=2)
    first = log.facts["models"][""]["parameters"][0]
    assert first["shape"] == [8, 6]
    assert first["init_std"] > 0


def test_half_precision_gradients_do_not_overflow(watched: Any, make: Any) -> None:
    training = make()
    training.model.bfloat16()
    training.x = training.x.bfloat16()
    log = watched(training, steps=3)
    assert all(np.isfinite(value) for value in log.scalars["diag/grad_norm"].values())


def test_a_watched_model_can_be_copied_pickled_and_saved(tmp_path: Path, training: Any) -> None:
    with DiagWriter(tmp_path) as writer:
        writer.watch(training.model, training.optimizer, training.loss_fn)
        training.steps(3)
        assert hooks_of(training.model) > 0, "hooks are there: the step to come is sampled"
        buffer = io.BytesIO()
        torch.save(training.model, buffer)
        buffer.seek(0)
        copies = [
            copy.deepcopy(training.model),
            pickle.loads(pickle.dumps(training.model)),  # noqa: S301
            torch.load(buffer, weights_only=False),
        ]
        loss_fn = copy.deepcopy(training.loss_fn)
        expected = training.model(training.x)
        for each in copies:
            assert torch.equal(each(training.x), expected)
            assert loss_fn(each(training.x), training.y).item() > 0
        assert b"tb_lossdiag" not in pickle.dumps(training.model)
        assert len(writer._watches[""].tap._losses) == 0, "the copies are not watched"


def test_memory_does_not_grow(tmp_path: Path, training: Any) -> None:
    def alive() -> int:
        import gc

        gc.collect()
        writer.flush()
        return sum(issubclass(type(each), Tensor) for each in gc.get_objects())

    with DiagWriter(tmp_path, overhead=0.9) as writer:
        writer.watch(training.model, training.optimizer, training.loss_fn)
        training.steps(45)
        before = alive()
        training.steps(200)
        assert alive() <= before + 5


def test_a_forgotten_writer_does_not_keep_the_model_alive(tmp_path: Path, make: Any, read: Any) -> None:
    import gc

    training = make()
    writer = DiagWriter(tmp_path)
    writer.watch(training.model, training.optimizer, training.loss_fn)
    training.steps(25)
    losses, model = training.losses, weakref.ref(training.model)
    del training, writer
    gc.collect()
    assert model() is None
    assert list(read(tmp_path).scalars["loss/train"].values()) == pytest.approx(losses)


@pytest.mark.parametrize("end", ["raise SystemExit(3)", "1 / 0"])
def test_a_script_that_never_closes_its_writer_loses_nothing(tmp_path: Path, read: Any, end: str) -> None:
    script = f"""
import torch
from torch import nn
from tb_lossdiag.writer import DiagWriter
model, loss_fn = nn.Linear(4, 2), nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
writer = DiagWriter({str(tmp_path)!r})
writer.watch(model, optimizer, loss_fn)
for _ in range(33):
    loss_fn(model(torch.randn(8, 4)), torch.zeros(8, dtype=torch.long)).backward()
    optimizer.step()
{end}
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == (1 if end == "1 / 0" else 3)
    assert ("ZeroDivisionError" in done.stderr) == (end == "1 / 0")
    assert len(read(tmp_path).scalars["loss/train"]) == 33


def test_facts_describe_model_optimizer_loss_and_data(tmp_path: Path, training: Any, read: Any) -> None:
    training.model[2].bias.requires_grad_(requires_grad=False)
    with torch.no_grad():
        training.model[0].weight.fill_(0.25)
    unused = nn.Linear(2, 2)
    training.model.add_module("unused", nn.Identity())
    training.model.unused.extra = unused
    parameters = [each for each in training.model.parameters() if each is not unused.bias]
    training.optimizer = torch.optim.AdamW(parameters, lr=0.01, weight_decay=0.1)
    loader = DataLoader(TensorDataset(training.x, training.y), batch_size=16, shuffle=True)
    with DiagWriter(tmp_path) as writer:
        writer.watch(training.model, training.optimizer, training.loss_fn, train_loader=loader)
        training.steps(3)
    facts = read(tmp_path).facts
    model = facts["models"][""]
    modules = {each["name"]: each for each in model["modules"]}
    assert (modules["0"]["type"], modules["0"]["in_shape"], modules["0"]["out_shape"]) == ("Linear", [6], [8])
    assert modules["0"]["order"] < modules["1"]["order"] < modules["2"]["order"]
    assert modules["unused.extra"]["order"] is None
    assert modules["2"]["settings"] == {"in_features": 8, "out_features": 3}
    found = {each["name"]: each for each in model["parameters"]}
    assert found["0.weight"]["identical_rows"]
    assert (found["0.weight"]["init_mean"], found["0.weight"]["init_std"]) == (0.25, 0)
    assert (found["2.weight"]["fan_in"], found["2.weight"]["fan_out"], found["2.weight"]["kind"]) == (8, 3, "weight")
    assert not found["2.bias"]["trainable"]
    assert not found["unused.extra.bias"]["optimized"]
    assert model["frozen"] == ["2.bias"]
    assert model["grad_none"] == ["unused.extra.bias", "unused.extra.weight"]
    assert model["optimizer"]["type"] == "AdamW"
    assert model["optimizer"]["groups"][0]["weight_decay"] == 0.1
    assert model["optimizer"]["groups"][0]["betas"] == [0.9, 0.999]
    assert model["loss"] == {"type": "CrossEntropyLoss", "settings": model["loss"]["settings"]}
    assert model["loss"]["settings"]["label_smoothing"] == 0
    assert (model["task"], model["classes"], model["batch_size"]) == ("classification", 3, 16)
    assert facts["data"] == {
        "train_size": 64,
        "batch_size": 16,
        "steps_per_epoch": 4,
        "drop_last": False,
        "shuffled": True,
    }
    assert facts["environment"]["device"] == "cpu"


def test_diagnose_reports_this_run(tmp_path: Path, training: Any, monkeypatch: Any) -> None:
    asked: list[str] = []
    monkeypatch.setattr("tb_lossdiag.diagnose", lambda logdir: asked.append(logdir) or ["report"])
    with DiagWriter(tmp_path) as writer:
        writer.watch(training.model, training.optimizer, training.loss_fn)
        training.steps(2)
        assert writer.diagnose() == "report"  # type: ignore[comparison-overlap]
    assert asked == [str(tmp_path)]


def test_parts_of_a_loss_that_its_criterion_keeps_are_no_settings(training: Any, watched: Any) -> None:
    class Criterion(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.strength = 0.5

        def forward(self, output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
            self.parts = nn.functional.cross_entropy(output, target)
            return self.parts + self.strength * output.square().mean()

    training.loss_fn = Criterion()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of torch, where a tensor with a gradient is made a number
        log = watched(training, steps=3)
    assert log.facts["models"][""]["loss"] == {"type": "cross_entropy", "settings": {"strength": 0.5, "part": True}}


@pytest.mark.parametrize(
    ("name", "split"),
    [("validation", "val"), ("Valid", "val"), ("dev", "val"), ("training", "train"), ("testing", "test")],
)
def test_a_split_may_go_by_another_of_its_names(name: str, split: str, tmp_path: Path, read: Any) -> None:
    with DiagWriter(str(tmp_path)) as writer:
        writer.add_loss(name, 0.5)
    assert list(read(tmp_path).scalars[f"loss/{split}"].values()) == [0.5]


def test_a_loss_by_the_name_of_a_model_is_that_models_and_by_any_other_it_is_a_scalar(
    tmp_path: Path, read: Any
) -> None:
    """As of a GAN, whose author has no training loss but two; and nothing may stop the training over a name."""
    generator, critic = nn.Linear(2, 2), nn.Linear(2, 1)
    steps = [torch.optim.SGD(each.parameters(), lr=0.1) for each in (generator, critic)]
    with DiagWriter(str(tmp_path)) as writer:
        writer.watch(generator, steps[0], name="generator")
        writer.watch(critic, steps[1], name="critic")
        for i in range(3):
            for step, model, name in zip(steps, (generator, critic), ("generator", "critic"), strict=True):
                step.zero_grad()
                loss = model(torch.ones(4, 2)).mean() + i
                loss.backward()
                step.step()
                writer.add_loss(name, loss)
            writer.add_loss("penalty", torch.tensor([1.0, 3.0]))
    scalars = read(tmp_path).scalars
    for tag in ("loss/train", "loss/train@critic"):
        assert list(scalars[tag]) == [0, 1, 2, 3], "the first was seen going back, before anybody reported it"
    assert list(scalars["loss/penalty"].values()) == [2.0] * 3


@pytest.mark.parametrize("name", ["", "  ", None, 3])
def test_what_is_no_name_is_no_split(name: Any, tmp_path: Path) -> None:
    with DiagWriter(str(tmp_path)) as writer, pytest.raises(ValueError, match="a split is called"):
        writer.add_loss(name, 0.5)


def test_an_evaluation_may_go_by_another_of_its_names(tmp_path: Path, read: Any) -> None:
    with DiagWriter(str(tmp_path)) as writer, writer.evaluating("Validation"):
        writer.add_loss("validation", 0.25)
    assert list(read(tmp_path).scalars["loss/val"].values()) == [0.25]


class Task(nn.Module):
    """A model that holds its loss function, as Lightning's modules do."""

    def __init__(self, *further: nn.Module) -> None:
        super().__init__()
        self.net, self.criterion, self.further = nn.Linear(4, 1), nn.MSELoss(), nn.ModuleList(further)

    def training_step(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return self.criterion(self.net(x), y)


@pytest.mark.parametrize("given", [False, True])
def test_the_loss_function_that_a_model_holds_is_seen(given: bool, tmp_path: Path, read: Any) -> None:
    model = Task()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = []
    with DiagWriter(str(tmp_path)) as writer:
        writer.watch(model, optimizer)
        for _ in range(5):
            optimizer.zero_grad()
            loss = model.training_step(torch.randn(6, 4), torch.randn(6, 1))
            if given:
                writer.add_loss("train", 2 * loss)
            loss.backward()
            optimizer.step()
            losses.append(loss.item() * (1 + given))
    log = read(tmp_path)
    assert list(log.scalars["loss/train"].values()) == pytest.approx(losses)
    assert log.facts["models"][""]["loss"]["type"] == "MSELoss"
    assert log.facts["models"][""]["target"]["shape"] == [1]


def test_tokens_are_counted_by_their_last_eight_bits(tmp_path: Path, read: Any) -> None:
    model = nn.Sequential(nn.Embedding(600, 4), nn.Flatten(), nn.Linear(12, 2))
    optimizer, loss_fn = torch.optim.SGD(model.parameters(), lr=0.1), nn.CrossEntropyLoss()
    tokens, labels = torch.tensor([[1, 2, 257], [3, 2, 599], [0, 0, 2]]), torch.tensor([0, 1, 1])
    with DiagWriter(str(tmp_path)) as writer:
        writer.watch(model, optimizer, loss_fn)
        for _ in range(2):
            loss_fn(model(tokens), labels).backward()
            optimizer.step()
        with writer.evaluating("val"):
            loss_fn(model(tokens[:1]), labels[:1])
    packed = read(tmp_path).packed
    counted = packed["lossdiag/ids/train"][1][0]
    assert {place: int(count) for place, count in enumerate(counted) if count} == {0: 4, 1: 4, 2: 6, 3: 2, 599 % 256: 2}
    assert next(iter(packed["lossdiag/ids/val"].values()))[0, 1:3].tolist() == [2.0, 1.0]


def test_of_several_loss_functions_in_a_model_none_is_taken(tmp_path: Path, read: Any) -> None:
    """But the loss, wherever it was computed, is seen where its gradient is taken."""
    model = Task(nn.L1Loss())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with DiagWriter(str(tmp_path)) as writer:
        writer.watch(model, optimizer)
        assert writer.watches[""].tap.of_model
        loss = model.training_step(torch.randn(6, 4), torch.randn(6, 1))
        loss.backward()
        optimizer.step()
    assert read(tmp_path).scalars["loss/train"] == pytest.approx({0: loss.item()})


def test_what_is_frozen_while_another_model_steps_is_not_frozen(tmp_path: Path, read: Any) -> None:
    """Generators are trained with their critic's parameters switched off, to save computing."""
    generator, critic = nn.Linear(2, 2), nn.Linear(2, 1)
    optimizers = [torch.optim.SGD(each.parameters(), lr=0.01) for each in (generator, critic)]
    with DiagWriter(tmp_path) as writer:
        for name, model, optimizer in zip(("generator", "critic"), (generator, critic), optimizers, strict=True):
            writer.watch(model, optimizer, name=name)
        for _ in range(4):
            for model, optimizer in ((critic, optimizers[1]), (generator, optimizers[0])):
                critic.requires_grad_(model is critic)
                optimizer.zero_grad()
                critic(generator(torch.randn(8, 2))).mean().backward()
                optimizer.step()
    found = read(tmp_path).facts["models"]["critic"]
    assert found["frozen"] == []
    assert all(each["trainable"] for each in found["parameters"])


@pytest.mark.parametrize(("steps", "other", "waiting"), [(0, False, 7), (1, False, None), (0, True, 0)])
def test_losses_that_no_step_follows_are_counted(
    tmp_path: Path, read: Any, steps: int, other: bool, waiting: int | None
) -> None:
    """But not where another optimizer, made after watch(), takes the steps."""
    model, loss_fn = nn.Linear(3, 1), nn.MSELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with DiagWriter(tmp_path) as writer:
        writer.watch(model, optimizer, loss_fn)
        later = torch.optim.SGD(model.parameters(), lr=0.01)
        for i in range(7):
            loss_fn(model(torch.randn(4, 3)), torch.randn(4, 1)).backward()
            if i < steps:
                optimizer.step()
            if other:
                later.step()
    (found,) = read(tmp_path).facts["models"].values()
    assert found.get("losses_without_step") == waiting


def test_what_the_model_puts_out_is_known_of_any_loss_that_is_reported(tmp_path: Path, read: Any) -> None:
    """Nobody can tell what a loss of one's own compares it with; the first of several outputs is looked at."""

    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(3, 2)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            found = torch.relu(self.fc(x) - 100)
            return found, x

    model = Two()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with DiagWriter(tmp_path) as writer:
        writer.watch(model, optimizer)
        for _ in range(5):
            optimizer.zero_grad()
            loss = model(torch.randn(8, 3))[0].sum(1).sin().mean() / 2
            writer.add_loss("train", loss)
            loss.backward()
            optimizer.step()
    log = read(tmp_path)
    assert set(log.figure("lossdiag/outputs/train", "max", "component 1").values()) == {0.0}
    assert len(log.packed["lossdiag/outputs/train"]) == 5


def test_samples_that_are_put_through_the_model_beside_the_loss_are_counted(
    tmp_path: Path, training: Any, read: Any
) -> None:
    with DiagWriter(tmp_path) as writer:
        writer.watch(training.model, training.optimizer, training.loss_fn)
        training.steps(2)
        for _ in range(2):
            with writer.evaluating("val"):
                training.loss_fn(training.model(training.x), training.y)
                training.model(training.x[:5])  # for a figure of their own
    data = read(tmp_path).facts["data"]
    assert data["val_size"] == len(training.x)
    assert data["val_called"] == len(training.x) + 5
