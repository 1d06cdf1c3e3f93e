"""What watching adds to a training step: `python benchmarks/overhead.py [--steps N] [--repeats N]`.

For each model two copies are trained in one process, block by block in turn, one with `DiagWriter` and one without, on
random data of the model's shape; a block is `--steps` steps. Reported is the median over the blocks of the ratio of each
pair's mean step times, less one, with the quartiles: pairs cancel the machine's drift, medians its hiccups.
The first block of each is not counted: the first twenty steps are always sampled.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from tb_lossdiag import DiagWriter


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
    """One model with its optimizer, and a writer or none."""

    def __init__(self, make: Callable[[], nn.Module], shape: tuple[int, ...], logdir: str | None) -> None:
        torch.manual_seed(0)
        self.model, self.loss = make(), nn.CrossEntropyLoss()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-4)
        self.x, self.y = torch.randn(shape), torch.randint(0, 10, (shape[0],))
        self.writer = DiagWriter(logdir) if logdir is not None else None
        if self.writer is not None:
            self.writer.watch(self.model, self.optimizer, self.loss)

    def block(self, steps: int) -> float:
        """Mean seconds of a step."""
        start = time.perf_counter()
        for _ in range(steps):
            self.optimizer.zero_grad()
            self.loss(self.model(self.x), self.y).backward()
            self.optimizer.step()
        return (time.perf_counter() - start) / steps


def measure(
    make: Callable[[], nn.Module], shape: tuple[int, ...], steps: int, repeats: int
) -> tuple[float, list[float]]:
    """Milliseconds of a step without the writer, and quartiles of the added share."""
    with tempfile.TemporaryDirectory() as logdir:
        plain, watched = Training(make, shape, None), Training(make, shape, logdir)
        pairs = [(plain.block(steps), watched.block(steps)) for _ in range(repeats + 1)][1:]
        if watched.writer is not None:
            watched.writer.close()
    added = [b / a - 1 for a, b in pairs]
    return 1000 * float(np.median([a for a, _ in pairs])), np.percentile(added, [25, 50, 75]).tolist()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--steps", type=int, default=200, help="steps in a block (default: 200)")
    options.add_argument("--repeats", type=int, default=9, help="pairs of blocks (default: 9)")
    chosen = options.parse_args()
    torch.set_num_threads(1)
    print("| model | step, ms | added, median | quartiles |")
    print("|---|---|---|---|")
    for name, (make, shape) in MODELS.items():
        alone, (low, middle, high) = measure(make, shape, chosen.steps, chosen.repeats)
        print(f"| {name} | {alone:.2f} | {middle:+.1%} | {low:+.1%} to {high:+.1%} |", flush=True)


if __name__ == "__main__":
    main()
