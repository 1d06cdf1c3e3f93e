"""Watching never changes training: the contract of the writer."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tb_lossdiag.writer import DiagWriter

OPTIMIZERS: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "sgd with momentum": lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.9, weight_decay=1e-3),
    "adam": lambda parameters: torch.optim.Adam(parameters, lr=0.01),
    "adamw": lambda parameters: torch.optim.AdamW(parameters, lr=0.01, amsgrad=True),
}


class Network(nn.Module):
    """Dropout, BatchNorm, a functional activation, a tuple inside and a frozen part in evaluation mode."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.frozen = nn.BatchNorm2d(4).eval()
        self.rnn = nn.GRU(4, 5, batch_first=True)
        self.drop = nn.Dropout(0.3)
        self.out = nn.Linear(5, 3)
        self.frozen.weight.requires_grad_(requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.frozen(self.norm(self.conv(x))))
        hidden, _ = self.rnn(x.flatten(2).transpose(1, 2))
        return self.out(torch.tanh(self.drop(hidden[:, -1])))

    def train(self, mode: bool = True) -> Network:
        super().train(mode)
        self.frozen.eval()
        return self


def train(optimizer: str, writer: DiagWriter | None) -> dict[str, Any]:
    torch.manual_seed(1)
    model = Network()
    step = OPTIMIZERS[optimizer](model.parameters())
    loss_fn = nn.CrossEntropyLoss()
    x, y = torch.randn(40, 1, 6, 6), torch.randint(0, 3, (40,))
    if writer is not None:
        writer.watch(model, step, loss_fn)
    losses = []
    for i in range(70):
        rows = torch.randint(0, 40, (8,))
        step.zero_grad()
        loss = loss_fn(model(x[rows]), y[rows])
        loss.backward()
        step.step()
        losses.append(loss.detach())
        if i % 20 == 5:
            if writer is not None:
                with writer.evaluating("val"):
                    losses.append(loss_fn(model(x), y))
            else:
                model.eval()
                with torch.no_grad():
                    losses.append(loss_fn(model(x), y))
                model.train()
    return {
        "model": model.state_dict(),
        "modes": {name: each.training for name, each in model.named_modules()},
        "optimizer": step.state_dict(),
        "losses": losses,
        "gradients": [each.grad for each in model.parameters()],
        "rng": torch.get_rng_state(),
    }


def same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_training_with_the_writer_is_bit_identical_to_training_without(optimizer: str, tmp_path: Path) -> None:
    alone = train(optimizer, None)
    with DiagWriter(tmp_path, overhead=0.9) as writer:
        observed = train(optimizer, writer)
    assert observed.keys() == alone.keys()
    for part in alone:
        assert same(observed[part], alone[part]), part


def test_the_comparison_above_sees_a_single_bit() -> None:
    alone = train("adam", None)
    other = copy.deepcopy(alone)
    other["losses"][3] += 1e-7
    assert not same(alone, other)
