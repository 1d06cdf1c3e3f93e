"""The models whose training is watched, on random data of the shape that they take."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from benchmarks.overhead.watchers import Watcher


class Residual(nn.Module):
    """A block of a small residual network for images."""

    def __init__(self, width: int) -> None:
        super().__init__()
        convolutions = [nn.Conv2d(width, width, 3, padding=1, bias=False) for _ in range(2)]
        self.inside = nn.Sequential(
            convolutions[0], nn.BatchNorm2d(width), nn.ReLU(), convolutions[1], nn.BatchNorm2d(width)
        )
        self.activation = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(x + self.inside(x))


def mlp(depth: int, width: int) -> nn.Module:
    hidden = [layer for _ in range(depth) for layer in (nn.Linear(width, width), nn.ReLU())]
    return nn.Sequential(*hidden, nn.Linear(width, 10))


def residual() -> nn.Module:
    blocks = [Residual(32) for _ in range(6)]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10)]
    return nn.Sequential(nn.Conv2d(3, 32, 3, padding=1), *blocks, *head)


def transformer() -> nn.Module:
    layer = nn.TransformerEncoderLayer(128, 4, 512, batch_first=True, norm_first=True)
    encoder = nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)
    return nn.Sequential(encoder, nn.Flatten(), nn.Linear(128 * 32, 10))


MODELS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "MLP 2 x 64, batch 32": (lambda: mlp(2, 64), (32, 64)),
    "MLP 6 x 512, batch 128": (lambda: mlp(6, 512), (128, 512)),
    "residual CNN, 13 convolutions, batch 32": (residual, (32, 3, 32, 32)),
    "transformer, 4 layers of 128, batch 16": (transformer, (16, 32, 128)),
}


class Training:
    """One model with its optimizer, under somebody's eyes or nobody's."""

    def __init__(
        self, make: Callable[[], nn.Module], shape: tuple[int, ...], watcher: Callable[..., Watcher], logdir: str
    ) -> None:
        torch.manual_seed(0)
        self.model, self.loss = make(), nn.CrossEntropyLoss()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-4)
        self.x, self.y = torch.randn(shape), torch.randint(0, 10, (shape[0],))
        self.watcher = watcher(self.model, self.optimizer, self.loss, logdir)
        self.steps = 0

    def step(self) -> None:
        self.watcher.before(self.steps)
        self.optimizer.zero_grad()
        loss = self.loss(self.model(self.x), self.y)
        loss.backward()
        self.optimizer.step()
        self.watcher.after(self.steps, loss)
        self.steps += 1

    def block(self, steps: int) -> tuple[float, float]:
        """Seconds of a step: of the training thread's CPU, and of the whole process's."""
        thread, process = time.thread_time(), time.process_time()
        for _ in range(steps):
            self.step()
        return (time.thread_time() - thread) / steps, (time.process_time() - process) / steps
