"""What enters the first layers is seen past what the model does to its own inputs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tb_lossdiag.reader import Log
from tb_lossdiag.series import Run
from tb_lossdiag.signals import Signals
from tb_lossdiag.signals.data import Features
from tb_lossdiag.writer import DiagWriter


class Around(nn.Module):
    """Layers, and what is done to the input before them."""

    def __init__(self, layers: nn.Module, before: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.layers, self.before = layers, before

    def forward(self, x: Tensor) -> Tensor:
        out = self.layers(self.before(x))
        return (out[0] if isinstance(out, tuple) else out).flatten(1)


class WithTime(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words, self.time, self.out = nn.Embedding(5, 4), nn.Linear(1, 4), nn.Linear(9, 2)

    def forward(self, x: Tensor) -> Tensor:
        words, amount = self.words(x[:, 0].long() % 5), x[:, 1:2]
        return self.out(torch.cat([words, amount, self.time(amount / 255)], 1))


class Matrix(nn.Module):
    """A layer of the user's own."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(6, 2) / 10)

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight


def trained(model: nn.Module, x: Tensor, folder: Path, steps: int = 30) -> Run:
    optimizer, loss_fn = torch.optim.SGD(model.parameters(), lr=1e-4), nn.MSELoss()
    with DiagWriter(str(folder)) as writer:
        writer.watch(model, optimizer, loss_fn)
        for _ in range(steps):
            optimizer.zero_grad()
            out = model(x)
            loss_fn(out, torch.zeros_like(out)).backward()
            optimizer.step()
    log = Log(folder)
    log.poll()
    return log.run()


def entering(model: nn.Module, x: Tensor, folder: Path, steps: int = 30) -> Features:
    found: Features = Signals(trained(model, x, folder, steps)).get("entering_features")
    return found


def numbers(*shape: int) -> Tensor:
    return 255 * torch.rand(*shape, generator=torch.Generator().manual_seed(0))


LAYERS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], int]] = {
    "linear": (lambda: nn.Linear(6, 2), (16, 6), -1),
    "linear of sequences": (lambda: nn.Linear(6, 2), (16, 5, 6), -1),
    "linear of grids": (lambda: nn.Linear(6, 2), (16, 5, 4, 6), -1),
    "convolution of sequences": (lambda: nn.Conv1d(6, 2, 3), (16, 6, 9), 1),
    "convolution of images": (lambda: nn.Conv2d(6, 2, 3), (16, 6, 9, 8), 1),
    "convolution of volumes": (lambda: nn.Conv3d(6, 2, 2), (8, 6, 4, 4, 4), 1),
    "recurrent": (lambda: nn.LSTM(6, 2, batch_first=True), (16, 5, 6), -1),
    "own": (Matrix, (16, 6), -1),
}


@pytest.mark.parametrize("name", LAYERS)
def test_features_are_those_of_the_layer_whatever_was_done_to_them_before(name: str, tmp_path: Path) -> None:
    make, shape, axis = LAYERS[name]
    x = numbers(*shape)
    found = entering(Around(make(), lambda x: x / 255 - 0.5), x, tmp_path)
    values = (x / 255 - 0.5).movedim(axis, -1).flatten(0, -2)
    assert list(found.names) == [f"feature {i} of layers" for i in range(6)]
    assert found.mean == pytest.approx(values.mean(0).numpy(), abs=0.02)
    assert found.std == pytest.approx(values.std(0).numpy(), rel=0.05)


def test_normalisation_layers_are_past_too(tmp_path: Path) -> None:
    layers = nn.Sequential(nn.BatchNorm1d(6), nn.Linear(6, 2))
    found = entering(Around(layers, lambda x: x), numbers(64, 6), tmp_path)
    assert next(iter(found.names)) == "feature 0 of layers.1"
    assert found.scale == pytest.approx([1.0] * 6, rel=0.05)


def test_a_layer_that_is_given_the_models_own_input_is_an_entrance_wherever_it_comes(tmp_path: Path) -> None:
    model = WithTime()
    found = entering(model, torch.stack([numbers(32), numbers(32)], 1), tmp_path)
    assert list(found.names) == ["feature 0 of time"], "what the output layer is given was made by the model"

    class Later(WithTime):
        def forward(self, x: Tensor) -> Tensor:
            return self.time(x[:, 1:2] / 255) + self.out.weight.sum() + self.direct(x)

    later = Later()
    later.direct = nn.Linear(2, 4)
    found = entering(later, torch.stack([numbers(32), numbers(32)], 1), tmp_path / "later")
    assert list(found.names) == ["feature 0 of time", "feature 0 of direct", "feature 1 of direct"]
    assert found.scale[0] < 1 < found.scale[1]


def test_only_the_first_steps_are_looked_at(tmp_path: Path) -> None:
    run = trained(Around(nn.Linear(6, 2), lambda x: x), numbers(16, 6), tmp_path, steps=120)
    (packed,) = [each for each in run.packed if each.group == "entering"]
    assert len(packed.steps) <= 20


def test_the_models_inputs_are_told_by_their_own_names_where_nothing_is_done_to_them(tmp_path: Path) -> None:
    signals = Signals(trained(Around(nn.Linear(6, 2), lambda x: x), numbers(16, 6), tmp_path))
    assert signals.get("first_features") is signals.get("input_features")
    divided = Signals(trained(Around(nn.Linear(6, 2), lambda x: x / 255), numbers(16, 6), tmp_path / "divided"))
    assert divided.get("first_features") is divided.get("entering_features")
    assert np.all(divided.get("first_features").scale < 1)
    assert Signals(Run("a")).missing("first_features")
