"""Event files by the thousand, as `DiagWriter` would have written them: a sweep of small trainings, and one that is large.

What the curves do follows from the settings in simple closed forms, so that causes and settings go together as they do
in a real sweep: steps that are too large diverge, steps that are too small hardly move, a heavy weight decay holds the loss up.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tb_lossdiag.tags import LR, TRAIN_LOSS, VAL_LOSS, Schema
from tb_lossdiag.writer.encoding import Packer, facts_event, scalar_event
from tb_lossdiag.writer.event_file import frame

__all__ = ["Training", "large", "sweep", "write"]

BEGAN = 1.76e9  # seconds since the epoch
CHANCE = 2.303  # the loss of a guess among ten classes
GOOD_LR = 0.03
PARAMETER_FIGURES = ("grad_norm", "param_norm", "update_norm")
ACTIVATION_FIGURES = ("mean", "rms", "dead_share", "saturated_share", "zero_share", "nonfinite_share", "sample_std")


@dataclass(frozen=True)
class Training:
    """What one run is about."""

    name: str
    lr: float = GOOD_LR
    batch: int = 64
    optimizer: str = "SGD"
    weight_decay: float = 0.0
    train_size: int = 10_000
    steps: int = 200
    layers: int = 4
    every: int = 10
    seed: int = 0


def sweep(count: int) -> Iterator[Training]:
    """`count` trainings over a grid of settings, again with another seed when the grid is used up."""
    grid = list(
        product((0.0001, 0.003, 0.03, 0.1, 3.0), (16, 64, 256), ("SGD", "Adam"), (0.0, 1e-4, 0.3), (300, 10_000))
    )
    random = np.random.default_rng(1)
    order = random.permutation(len(grid))
    for index in range(count):
        lr, batch, optimizer, decay, size = grid[order[index % len(grid)]]
        name = f"sweep/{index:04d}-{optimizer.lower()}-lr{lr:g}-b{batch}"
        yield Training(name, lr, batch, optimizer, decay, size, seed=index)


def large(name: str = "large", *, layers: int = 500, steps: int = 10_000) -> Training:
    """A deep training, looked at on every tenth step, with something wrong: its report has findings and pictures."""
    return Training(name, lr=3.0, layers=layers, steps=steps, every=10)


def write(logdir: Path, trainings: Iterable[Training]) -> None:
    """An event file for each."""
    for each in trainings:
        folder = logdir / each.name
        folder.mkdir(parents=True, exist_ok=True)
        began = BEGAN + 300.0 * each.seed
        with (folder / "events.out.tfevents.1760000000.benchmark").open("wb") as file:
            file.writelines(frame(event) for event in events(each, began))


def events(training: Training, began: float) -> Iterator[bytes]:
    random = np.random.default_rng(training.seed)
    train, val = losses(training, random)
    packer = Packer()
    names = [f"blocks.{i // 4}.{('qkv', 'proj', 'fc1', 'fc2')[i % 4]}" for i in range(training.layers)]
    parameters = Schema("parameters", "train", PARAMETER_FIGURES, tuple(f"{name}.weight" for name in names))
    activations = Schema("activations", "train", ACTIVATION_FIGURES, tuple(names))
    yield facts_event(json.dumps(facts(training, names)), 0, began)
    for step in range(training.steps):
        wall = began + 0.1 * step
        yield scalar_event(TRAIN_LOSS, step, float(train[step]), wall)
        if step % training.every == 0:
            yield scalar_event(LR, step, training.lr, wall)
            yield packer.event(parameters, step, parameter_figures(training, random), wall)
            yield packer.event(activations, step, activation_figures(training, random, step), wall)
        if step % max(1, training.steps // 20) == 0:
            yield scalar_event(VAL_LOSS, step, float(val[step]), wall)


def losses(training: Training, random: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Training and validation loss at every step."""
    time = np.arange(training.steps) / training.steps
    speed = training.lr / GOOD_LR
    noise = random.normal(0, 0.3 / np.sqrt(training.batch), training.steps)
    if speed > 30:  # noqa: PLR2004  (far beyond what any optimizer bears)
        rise = CHANCE * np.exp(np.minimum(9 * time, 5)) * (1 + noise)
        return rise, rise * 1.05
    floor = 0.08 + 4 * training.weight_decay
    train = floor + (CHANCE - floor) * np.exp(-8 * min(speed, 3.0) * time) * (1 + noise) + 0.02 * np.abs(noise)
    forgotten = 1.6 * time**1.5 if training.train_size < 1000 and speed > 0.1 else 0.0  # noqa: PLR2004
    return train, train * 1.05 + forgotten


def parameter_figures(training: Training, random: np.random.Generator) -> NDArray[np.float32]:
    gradient = 0.3 * np.exp(random.normal(0, 0.2, training.layers))
    size = np.full(training.layers, 4.0)
    ratio = 0.02 * training.lr / GOOD_LR * np.exp(random.normal(0, 0.1, training.layers))
    return np.stack([gradient, size, np.minimum(ratio, 2.0) * size]).astype(np.float32)


def activation_figures(training: Training, random: np.random.Generator, step: int) -> NDArray[np.float32]:
    figures = np.zeros((len(ACTIVATION_FIGURES), training.layers))
    figures[0] = random.normal(0.4, 0.05, training.layers)
    figures[1] = 0.8 * np.exp(random.normal(0, 0.1, training.layers))
    figures[2] = 0.02 if training.lr < 1 else min(0.9, 4 * step / training.steps)
    figures[4] = 0.5
    figures[6] = 0.6
    return figures.astype(np.float32)


def facts(training: Training, names: list[str]) -> dict[str, object]:
    shape = {"kind": "weight", "shape": [64, 64], "numel": 4096, "fan_in": 64, "fan_out": 64}
    values = {"init_std": 0.07, "init_abs_max": 0.12}
    weights = [f"{name}.weight" for name in names]
    group = {"lr": training.lr, "weight_decay": training.weight_decay, "parameters": weights}
    return {
        "models": {
            "": {
                "class": "Net",
                "modules": [
                    each
                    for i, name in enumerate(names)
                    for each in (
                        {"name": name, "type": "Linear", "order": 2 * i},
                        {"name": f"{name}.act", "type": "ReLU", "order": 2 * i + 1},
                    )
                ],
                "parameters": [
                    {"name": weight, "module": name, **shape, **values}
                    for name, weight in zip(names, weights, strict=True)
                ],
                "optimizer": {"type": training.optimizer, "groups": [group]},
                "loss": {"type": "CrossEntropyLoss", "settings": {"reduction": "mean"}},
                "batch_size": training.batch,
            }
        },
        "data": {"train_size": training.train_size, "val_size": 1_000},
    }
