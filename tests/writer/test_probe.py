"""Looking at a batch once more: it changes nothing, its figures are right, and where that cannot be promised it is not done."""

from __future__ import annotations

import copy
import gc
import itertools
import random
import warnings
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from tb_lossdiag.writer import DiagWriter
from tb_lossdiag.writer.probe import FIGURES
from tb_lossdiag.writer.schedule import Schedule

TAG = "lossdiag/probe/train"


@pytest.fixture(autouse=True)
def _nothing_is_wrong(caplog: pytest.LogCaptureFixture) -> Any:
    yield
    assert not [each for each in caplog.records if "has stopped" in each.getMessage()]


class Mlp(nn.Module):
    """Dropout, and random numbers from everywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.4), nn.Linear(16, 3))
        self.generator = torch.Generator().manual_seed(5)
        self.numbers = np.random.default_rng(7)

    def forward(self, x: Tensor) -> Tensor:
        x = x + 0.1 * random.random() + 0.1 * float(np.random.rand()) + 0.1 * float(self.numbers.random())  # noqa: NPY002
        return self.layers(x + 0.1 * torch.rand(x.shape, generator=self.generator))


class Norm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv1d(1, 4, 3), nn.BatchNorm1d(4, momentum=0.3)
        self.frozen = nn.BatchNorm1d(4).eval()
        self.spectral = nn.utils.parametrizations.spectral_norm(nn.Linear(16, 8))
        self.out = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.frozen(self.norm(self.conv(x.unsqueeze(1)))))
        return self.out(self.spectral(x.flatten(1)))

    def train(self, mode: bool = True) -> Norm:
        super().train(mode)
        self.frozen.eval()
        return self


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.GRU(2, 5, num_layers=2, dropout=0.3, batch_first=True)
        self.out = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        hidden, last = self.rnn(x.reshape(len(x), 3, 2))
        return self.out(hidden[:, -1]), last


class Remembers(nn.Module):
    """Keeps its hidden state, counts, and lists what it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.out = nn.GRUCell(6, 5), nn.Linear(5, 3)
        self.hidden: Tensor | None = None
        self.calls, self.seen, self.total = 0, [0.0], torch.zeros(3)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.hidden if self.hidden is not None and len(self.hidden) == len(x) else None
        self.hidden = self.cell(x, hidden).detach() if hidden is not None else torch.zeros(len(x), 5)
        self.calls += 1
        self.seen.append(float(x.detach().mean()))
        out = self.out(self.cell(x, self.hidden))
        self.total += out.detach().mean(0)
        return out + self.total + self.calls / 100


class Language(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.mix, self.out = nn.Embedding(7, 8), nn.Linear(8, 8), nn.Linear(8, 7)
        self.drop = nn.Dropout(0.2)

    def forward(self, tokens: Tensor, *, scale: float = 1.0) -> dict[str, Tensor]:
        return {"logits": self.out(self.drop(torch.tanh(self.mix(self.embed(tokens) * scale))))}


MODELS: dict[str, Callable[[], nn.Module]] = {
    "mlp": Mlp, "norm": Norm, "recurrent": Recurrent, "remembers": Remembers, "language": Language,
}  # fmt: skip


def loss_of(model: nn.Module, loss_fn: Any, x: Tensor, y: Tensor) -> Tensor:
    if isinstance(model, Language):
        tokens = (x.abs() * 3).long().clamp(max=6)
        return loss_fn(model(tokens, scale=1.5)["logits"].view(-1, 7), tokens.roll(-1, 1).reshape(-1))
    out = model(x)
    return loss_fn(out[0] if isinstance(out, tuple) else out, y)


def train(model: nn.Module, writer: DiagWriter | None, steps: int = 40, batch: int = 8) -> dict[str, Any]:
    torch.manual_seed(1)
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    x, y = torch.randn(64, 6), torch.randint(0, 3, (64,))
    step, loss_fn = torch.optim.Adam(model.parameters(), lr=0.01), nn.CrossEntropyLoss()
    if writer is not None:
        writer.watch(model, step, loss_fn)
    losses = []
    for _ in range(steps):
        rows = torch.randint(0, 64, (batch,))
        step.zero_grad()
        loss = loss_of(model, loss_fn, x[rows], y[rows])
        loss.backward()
        step.step()
        losses.append(loss.detach())
    return {
        "model": model.state_dict(),
        "modes": {name: each.training for name, each in model.named_modules()},
        "optimizer": step.state_dict(),
        "losses": losses,
        "gradients": [each.grad for each in model.parameters()],
        "torch": torch.get_rng_state(),
        "python": random.getstate(),
        "numpy": [str(each) for each in np.random.get_state()],  # noqa: NPY002
        "remembered": [str(getattr(model, each, None)) for each in ("hidden", "calls", "seen", "total")],
        "own": model.generator.get_state() if isinstance(model, Mlp) else None,
        "data": (x, y),
    }


def same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


@pytest.mark.parametrize("name", MODELS)
def test_a_training_that_is_probed_is_bit_identical_to_one_that_is_not(name: str, tmp_path: Path, read: Any) -> None:
    torch.manual_seed(0)
    model = MODELS[name]()
    alone = train(copy.deepcopy(model) if name != "mlp" else model, None)
    torch.manual_seed(0)
    with DiagWriter(tmp_path, overhead=0.9) as writer:
        observed = train(MODELS[name](), writer)
    for part in alone:
        assert same(observed[part], alone[part]), part
    if name == "remembers":
        assert TAG not in read(tmp_path).packed, "what a module remembers makes the batch another one"
        return
    found = read(tmp_path).packed[TAG]
    assert list(found)[:2] == [2, 6]
    assert all(np.isfinite(each[:, 0]).all() for each in found.values()), "everything was measured"


def probed(tmp_path: Path, read: Any, training: Any, steps: int = 3, batch: int = 16) -> dict[str, float] | None:
    with DiagWriter(tmp_path) as writer:
        writer.watch(training.model, training.optimizer, training.loss_fn)
        training.steps(steps, batch)
    log = read(tmp_path)
    if TAG not in log.packed:
        return None
    assert log.schemas[TAG].figures == FIGURES
    assert log.schemas[TAG].columns == ("batch",)
    return {name: log.figure(TAG, name, "batch")[2] for name in FIGURES}


def test_the_loss_in_evaluation_mode_is_that_of_the_model_before_it_saw_the_batch(
    tmp_path: Path, read: Any, make: Any
) -> None:
    training = make(nn.Sequential(nn.Linear(6, 9), nn.BatchNorm1d(9), nn.Dropout(0.5), nn.Linear(9, 3)))
    twin = copy.deepcopy(training.model)
    with DiagWriter(tmp_path) as writer:
        writer.watch(training.model, training.optimizer, training.loss_fn)
        training.steps(2)
        twin.load_state_dict(training.model.state_dict())
        training.steps(1)
    with torch.no_grad():
        expected = training.loss_fn(twin.eval()(training.x[:16]), training.y[:16])
    log = read(tmp_path)
    assert log.figure(TAG, "eval_loss", "batch") == {2: np.float32(expected)}
    assert log.figure(TAG, "train_loss", "batch") == {2: np.float32(training.losses[2])}


def test_signal_and_noise_are_those_of_single_samples_gradients(tmp_path: Path, read: Any, make: Any) -> None:
    """A linear regression on two samples a part: everything can be written down."""
    training = make(nn.Linear(6, 1), lr=0.01)
    training.loss_fn, training.y = nn.MSELoss(), torch.randn(64, 1)
    weights: list[Tensor] = []
    training.optimizer.register_step_pre_hook(
        lambda *_: weights.append(torch.cat([each.detach().flatten() for each in training.model.parameters()]))
    )
    found = probed(tmp_path, read, training, batch=5)
    x = torch.cat([training.x, torch.ones(64, 1)], 1)[10:15]
    gradients = 2 * (x @ weights[2][:, None] - training.y[10:15]) * x
    one, other = gradients[[0, 2]].mean(0), gradients[[1, 3]].mean(0)
    assert found is not None
    assert found["samples"] == 2
    assert found["batch"] == 5
    assert found["signal"] == pytest.approx(float(one @ other), rel=1e-4, abs=1e-6)
    assert found["noise"] == pytest.approx(float((one - other).square().sum()), rel=1e-4)


def test_the_ratio_of_means_is_the_noise_scale(
    tmp_path: Path, read: Any, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("sampled", "probed"):
        monkeypatch.setattr(Schedule, name, lambda *_: True)
    training = make(nn.Linear(6, 1), lr=0.0, samples=4096)
    training.loss_fn = nn.MSELoss()
    training.y = training.x.sum(1, keepdim=True) + 3 * torch.randn(4096, 1)
    with DiagWriter(tmp_path) as writer:
        writer.watch(training.model, training.optimizer, training.loss_fn)
        training.steps(256)
    log = read(tmp_path)
    x = torch.cat([training.x, torch.ones(4096, 1)], 1)
    gradients = 2 * (training.model(training.x).detach() - training.y) * x
    expected = float(gradients.var(0).sum() / gradients.mean(0).square().sum())
    signal, noise = (np.mean(list(log.figure(TAG, name, "batch").values())) for name in ("signal", "noise"))
    assert noise / signal == pytest.approx(expected, rel=0.25)


def test_no_more_than_128_samples_a_part(tmp_path: Path, read: Any, make: Any) -> None:
    found = probed(tmp_path, read, make(samples=1024), batch=512)
    assert found is not None
    assert found["samples"] == 128


def test_no_graph_and_no_batch_outlives_the_step(tmp_path: Path, training: Any) -> None:
    alive: list[Any] = []
    with DiagWriter(tmp_path) as writer:
        writer.watch(training.model, training.optimizer, training.loss_fn)
        for _ in range(3):
            x, y = training.x[:16].clone(), training.y[:16].clone()
            out = training.model(x)
            loss = training.loss_fn(out, y)
            loss.backward()
            training.optimizer.step()
            alive += map(weakref.ref, (x, y, out, loss))
            del x, y, out, loss
            gc.collect()
            assert not [each for each in alive if each() is not None]


def with_hook(training: Any) -> None:
    training.model[0].register_forward_hook(lambda *_: None)


def with_pre_hook(training: Any) -> None:
    training.model[0].register_forward_pre_hook(lambda *_: None)


def with_backward_hook(training: Any) -> None:
    training.model[2].register_full_backward_hook(lambda *_: None)


def with_parameter_hook(training: Any) -> None:
    training.model[0].weight.register_hook(lambda gradient: gradient)


def with_weight_norm(training: Any) -> None:
    with pytest.warns(FutureWarning):
        nn.utils.weight_norm(training.model[0])
    training.optimizer = torch.optim.SGD(training.model.parameters(), 0.1)


def with_an_iterator(training: Any) -> None:
    training.model.turn = itertools.count()


def as_if_compiled(function: Any) -> Any:
    """As torch.compile marks it: to compile takes seconds, and warns of what is none of ours."""

    def same(*args: Any) -> Any:
        return function(*args)

    same._torchdynamo_orig_callable = function  # type: ignore[attr-defined]
    return same


def with_a_compiled_part(training: Any) -> None:
    training.model[1].forward = as_if_compiled(training.model[1].forward)


def with_a_compiled_loss(training: Any) -> None:
    training.loss_fn.forward = as_if_compiled(training.loss_fn.forward)


def with_another_prediction(training: Any) -> None:
    """What the loss function gets is not what the model puts out."""
    model, training.loss_fn = training.model, nn.NLLLoss()

    def steps(count: int, batch: int) -> None:
        for _ in range(count):
            training.optimizer.zero_grad()
            training.loss_fn(model(training.x[:batch]).log_softmax(1), training.y[:batch]).backward()
            training.optimizer.step()

    training.steps = steps


@pytest.mark.parametrize(
    "prepare",
    [
        with_hook, with_pre_hook, with_backward_hook, with_parameter_hook, with_weight_norm, with_an_iterator,
        with_a_compiled_part, with_a_compiled_loss, with_another_prediction,
    ],
)  # fmt: skip
def test_what_cannot_be_repeated_is_left_alone(
    prepare: Callable[[Any], None], tmp_path: Path, read: Any, training: Any
) -> None:
    prepare(training)
    assert probed(tmp_path, read, training, steps=8) is None


@pytest.mark.parametrize(
    ("loss_fn", "parts"),
    [
        (nn.CrossEntropyLoss(), True),
        (nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 3.0])), True),
        (nn.CrossEntropyLoss(reduction="sum"), False),
        (nn.MSELoss(), True),
        (nn.BCEWithLogitsLoss(weight=torch.ones(16, 3)), False),
    ],
)
def test_gradients_of_parts_are_taken_only_of_a_mean(
    loss_fn: nn.Module, parts: bool, tmp_path: Path, read: Any, training: Any
) -> None:
    training.loss_fn = loss_fn
    if not isinstance(loss_fn, nn.CrossEntropyLoss):
        training.y = torch.rand(64, 3)
    found = probed(tmp_path, read, training)
    assert found is not None
    assert found["eval_loss"] == found["train_loss"]
    assert np.isfinite(found["signal"]) == np.isfinite(found["samples"]) == parts


@pytest.mark.parametrize(
    ("loss_fn", "parts"), [(F.cross_entropy, True), (lambda out, y: F.cross_entropy(out * 2, y), False)]
)
def test_functions_are_called_again_too(loss_fn: Any, parts: bool, tmp_path: Path, read: Any, training: Any) -> None:
    with DiagWriter(tmp_path) as writer:
        writer.watch(training.model, training.optimizer, loss_fn)
        training.loss_fn = writer.loss_fn
        training.steps(3)
    log = read(tmp_path)
    assert log.figure(TAG, "eval_loss", "batch")[2] == np.float32(training.losses[2])
    assert np.isfinite(log.figure(TAG, "signal", "batch")[2]) == parts


def test_a_loss_function_that_counts_its_calls_counts_those_of_the_training(tmp_path: Path, training: Any) -> None:
    calls, history = 0, []

    def loss_fn(out: Tensor, y: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        history.append(calls)
        return F.cross_entropy(out, y) * calls

    with DiagWriter(tmp_path) as writer:
        writer.watch(training.model, training.optimizer, loss_fn)
        training.loss_fn = writer.loss_fn
        training.steps(12)
    assert calls == 12
    assert history == list(range(1, 13))


def test_an_error_in_the_second_look_ends_only_that(tmp_path: Path, read: Any, make: Any) -> None:
    class Picky(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.out = nn.Linear(6, 3)

        def forward(self, x: Tensor) -> Tensor:
            assert self.training
            return self.out(x)

    found = probed(tmp_path, read, make(Picky()))
    assert found is not None
    assert np.isnan(found["eval_loss"])
    assert np.isfinite(found["signal"])


def test_gradient_accumulation_is_seen_at_its_first_batch(tmp_path: Path, read: Any, training: Any) -> None:
    with DiagWriter(tmp_path) as writer:
        writer.watch(training.model, training.optimizer, training.loss_fn)
        for i in range(3):
            for j in range(2):
                rows = slice(16 * j, 16 * j + 16)
                loss = training.loss_fn(training.model(training.x[rows]), training.y[rows])
                if j == 0 and i == 2:
                    expected = loss.item()
                loss.backward()
            training.optimizer.step()
            training.optimizer.zero_grad()
    assert read(tmp_path).figure(TAG, "eval_loss", "batch")[2] == np.float32(expected)


def test_two_losses_of_one_pass_are_left_alone(tmp_path: Path, read: Any, training: Any) -> None:
    with DiagWriter(tmp_path) as writer:
        writer.watch(training.model, training.optimizer, training.loss_fn)
        for _ in range(4):
            out = training.model(training.x)
            (training.loss_fn(out, training.y) + training.loss_fn(out, 2 - training.y)).backward()
            training.optimizer.step()
    assert TAG not in read(tmp_path).packed


def test_an_input_that_was_overwritten_is_not_the_batch_any_more(tmp_path: Path, read: Any, training: Any) -> None:
    with DiagWriter(tmp_path) as writer:
        writer.watch(training.model, training.optimizer, training.loss_fn)
        for _ in range(4):
            training.loss_fn(training.model(training.x), training.y).backward()
            training.x.normal_()
            training.optimizer.step()
    assert TAG not in read(tmp_path).packed


def test_under_autocast_the_second_look_is_cast_too(tmp_path: Path, read: Any, training: Any) -> None:
    with DiagWriter(tmp_path) as writer:
        writer.watch(training.model, training.optimizer, training.loss_fn)
        for _ in range(3):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = training.loss_fn(training.model(training.x), training.y)
            loss.backward()
            training.optimizer.step()
            training.optimizer.zero_grad()
    log = read(tmp_path)
    assert log.figure(TAG, "eval_loss", "batch")[2] == np.float32(loss.item())
    assert np.isfinite(log.figure(TAG, "signal", "batch")[2])


def test_a_segmentation_is_parted_by_image(tmp_path: Path, read: Any, make: Any) -> None:
    class Segments(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.out = nn.Conv2d(1, 3, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.out(x.reshape(-1, 1, 2, 3)).permute(0, 2, 3, 1)

    training = make(Segments())
    cross = nn.CrossEntropyLoss()
    with DiagWriter(tmp_path) as writer:
        writer.watch(training.model, training.optimizer, cross)
        for _ in range(3):
            training.optimizer.zero_grad()
            cross(training.model(training.x).movedim(-1, 1), training.x.reshape(-1, 2, 3).gt(0).long()).backward()
            gradient = torch.cat([each.grad.flatten() for each in training.model.parameters()])
            training.optimizer.step()
    log = read(tmp_path)
    figures = {name: log.figure(TAG, name, "batch")[2] for name in FIGURES}
    assert figures["samples"] == 32
    assert figures["eval_loss"] == figures["train_loss"]
    # |(g1 + g2) / 2|^2 = <g1, g2> + |g1 - g2|^2 / 4
    assert figures["signal"] + figures["noise"] / 64 == pytest.approx(float(gradient.square().sum()), rel=1e-4)


def test_in_evaluation_mode_there_is_nothing_to_compare(tmp_path: Path, read: Any, training: Any) -> None:
    training.model.eval()
    assert probed(tmp_path, read, training, steps=8) is None


def test_a_closure_runs_the_model_by_itself(tmp_path: Path, read: Any, training: Any) -> None:
    def closure() -> float:
        training.optimizer.zero_grad()
        loss = training.loss_fn(training.model(training.x), training.y)
        loss.backward()
        return loss.item()

    with DiagWriter(tmp_path) as writer:
        writer.watch(training.model, training.optimizer, training.loss_fn)
        for _ in range(5):
            training.optimizer.step(closure)
    assert TAG not in read(tmp_path).packed


def test_answers_are_counted_by_class_over_the_whole_evaluation(tmp_path: Path, read: Any, training: Any) -> None:
    with DiagWriter(tmp_path) as writer:
        writer.watch(training.model, training.optimizer, training.loss_fn)
        training.steps(5)
        for _ in range(2):
            with writer.evaluating("val"):
                for rows in (slice(0, 40), slice(40, 64)):
                    training.loss_fn(training.model(training.x[rows]), training.y[rows])
            training.steps(1)
        said = training.model(training.x).argmax(1)
    log = read(tmp_path)
    assert list(log.packed["lossdiag/answers/val"]) == [5, 6]
    assert log.schemas["lossdiag/answers/val"].figures == ("count", "predicted", "right")
    count, predicted, right = log.packed["lossdiag/answers/val"][6]
    np.testing.assert_array_equal(count, np.bincount(training.y, minlength=3))
    assert predicted.sum() == 64
    assert right.sum() / 64 == pytest.approx(log.scalars["accuracy/val"][6])
    assert said.shape == (64,)


def test_where_other_processes_train_along_nothing_is_done_alone(tmp_path: Path, read: Any, training: Any) -> None:
    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    try:
        assert probed(tmp_path, read, training, steps=8) is None
    finally:
        torch.distributed.destroy_process_group()


@pytest.mark.parametrize("parts", [1, 4])
def test_the_facts_tell_how_many_losses_a_step_is_taken_for(
    parts: int, tmp_path: Path, read: Any, training: Any
) -> None:
    with DiagWriter(tmp_path) as writer:
        writer.watch(training.model, training.optimizer, training.loss_fn)
        for _ in range(3):
            training.optimizer.zero_grad()
            for x, y in zip(training.x.chunk(parts), training.y.chunk(parts), strict=True):
                training.loss_fn(training.model(x), y).backward()
            training.optimizer.step()
    model = read(tmp_path).facts["models"][""]
    assert (model["losses_per_step"], model["batch_size"]) == (parts, 64 // parts)


@pytest.mark.parametrize("shares", [False, True])
def test_a_single_output_names_one_of_two_classes(tmp_path: Path, read: Any, shares: bool) -> None:
    torch.manual_seed(0)
    model: nn.Module = nn.Sequential(nn.Linear(4, 1), *([nn.Sigmoid()] if shares else []))
    loss_fn = nn.BCELoss() if shares else nn.BCEWithLogitsLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x, y = torch.randn(50, 4), (torch.arange(50) % 5 == 0).float()[:, None]
    with DiagWriter(tmp_path) as writer:
        writer.watch(model, optimizer, loss_fn)
        loss_fn(model(x), y).backward()
        optimizer.step()
        with writer.evaluating("val"):
            loss_fn(model(x), y)
        named = (model(x) > (0.5 if shares else 0.0)).float()
    log = read(tmp_path)
    count, predicted, right = log.packed["lossdiag/answers/val"][1]
    assert count.tolist() == [40, 10]
    assert predicted.tolist() == [50 - named.sum(), named.sum()]
    assert right.sum() == (named == y).sum()
    assert log.scalars["accuracy/val"][1] == pytest.approx(float((named == y).float().mean()))


def test_torch_warns_of_a_broadcast_no_more_often_than_without_the_writer(tmp_path: Path) -> None:
    """It does once for each number of samples, so a part of the batch would bring a further one."""
    model, loss_fn = nn.Linear(6, 1), nn.MSELoss()
    step = torch.optim.SGD(model.parameters(), lr=0.01)
    x, y = torch.randn(16, 6), torch.randn(16)
    with DiagWriter(str(tmp_path)) as writer, warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        writer.watch(model, step, loss_fn)
        for _ in range(8):
            step.zero_grad()
            loss_fn(model(x), y).backward()
            step.step()
    sizes = {str(each.message).partition("torch.Size([")[2].partition("]")[0] for each in said}
    assert sizes == {"16"}
