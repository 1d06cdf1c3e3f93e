"""What the writer's tests share: reading a log back with TensorBoard's own parts, and a training to watch."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.util import tensor_util
from torch import nn

from tb_lossdiag.tags import FACTS, Schema
from tb_lossdiag.writer import DiagWriter


@dataclass
class Log:
    """A log directory's single event file: scalars by tag, packed groups by tag, the last facts."""

    scalars: dict[str, dict[int, float]] = field(default_factory=dict)
    packed: dict[str, dict[int, NDArray[np.float32]]] = field(default_factory=dict)
    schemas: dict[str, Schema] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    def figure(self, tag: str, figure: str, column: str) -> dict[int, float]:
        """One figure of one column by step."""
        schema = self.schemas[tag]
        row, place = schema.figures.index(figure), schema.columns.index(column)
        return {step: float(values[row, place]) for step, values in self.packed[tag].items()}


def read_log(directory: Path) -> Log:
    (path,) = directory.glob("*tfevents*")
    log = Log()
    for event in EventFileLoader(str(path)).Load():
        for value in event.summary.value:
            if value.tag == FACTS:
                log.facts = json.loads(value.tensor.string_val[0])
                continue
            array = tensor_util.make_ndarray(value.tensor)
            if value.tag.startswith("lossdiag/"):
                log.packed.setdefault(value.tag, {})[event.step] = array
                if value.metadata.plugin_data.content:
                    log.schemas[value.tag] = Schema.from_json(value.metadata.plugin_data.content)
            else:
                log.scalars.setdefault(value.tag, {})[event.step] = float(array)
    return log


@pytest.fixture
def read() -> Callable[[Path], Log]:
    return read_log


@dataclass
class Training:
    """A small classification, and its loop as a user writes it."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    loss_fn: Any
    x: torch.Tensor
    y: torch.Tensor
    losses: list[float] = field(default_factory=list)

    def steps(self, count: int, batch: int = 16) -> None:
        for i in range(count):
            rows = torch.arange(i * batch, (i + 1) * batch) % len(self.x)
            self.optimizer.zero_grad()
            loss = self.loss_fn(self.model(self.x[rows]), self.y[rows])
            loss.backward()
            self.optimizer.step()
            self.losses.append(loss.item())


def make_training(model: nn.Module | None = None, lr: float = 0.05, samples: int = 64, **settings: Any) -> Training:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)) if model is None else model
    x = torch.randn(samples, 6)
    y = (x[:, :3]).argmax(1)
    return Training(model, torch.optim.SGD(model.parameters(), lr=lr, **settings), nn.CrossEntropyLoss(), x, y)


@pytest.fixture
def training() -> Training:
    return make_training()


@pytest.fixture
def make() -> Callable[..., Training]:
    return make_training


@pytest.fixture
def watched(tmp_path: Path, read: Callable[[Path], Log]) -> Callable[..., Log]:
    """Train for some steps under a writer's eyes and read what it wrote."""

    def run(training: Training, steps: int = 4, **watching: Any) -> Log:
        with DiagWriter(tmp_path / "run") as writer:
            writer.watch(training.model, training.optimizer, training.loss_fn, **watching)
            training.steps(steps)
        return read(tmp_path / "run")

    return run
