"""Dropout as a function that goes on in evaluation mode, seen when a batch is looked at once more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F  # noqa: N812  (everybody's name for it)
from torch import Tensor, nn

from tb_lossdiag import DiagWriter
from tb_lossdiag.reader import Log
from tb_lossdiag.signals import Signals
from tb_lossdiag.writer.dropping import Dropping


class Dropped(nn.Module):
    """Two layers, and something that drops between them."""

    def __init__(self, between: Callable[[nn.Module, Tensor], Tensor]) -> None:
        super().__init__()
        self.first, self.last, self.drop = nn.Linear(4, 8), nn.Linear(8, 3), nn.Dropout(0.3)
        self.between = between

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.between(self, self.first(x)))


def attention(x: Tensor, share: float) -> Tensor:
    states = x[:, None, None]
    return F.scaled_dot_product_attention(states, states, states, dropout_p=share)[:, 0, 0]


@pytest.mark.parametrize(
    ("between", "share"),
    [
        (lambda _, x: F.dropout(x, 0.4), 0.4),
        (lambda _, x: F.dropout(x), 0.5),
        (lambda _, x: torch.dropout(x, 0.2, train=True), 0.2),
        (lambda _, x: attention(x, 0.1), 0.1),
        (lambda net, x: F.dropout(x, 0.4, net.training), 0.0),
        (lambda net, x: F.dropout(x, 0.4, training=net.training), 0.0),
        (lambda net, x: net.drop(x), 0.0),
        (lambda net, x: attention(x, 0.1 if net.training else 0.0), 0.0),
    ],
)
def test_what_is_dropped_in_evaluation_mode_is_told(
    between: Callable[[nn.Module, Tensor], Tensor], share: float, tmp_path: Path
) -> None:
    model, loss_fn = Dropped(between), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with DiagWriter(str(tmp_path)) as writer:
        writer.watch(model, optimizer, loss_fn)
        for _ in range(3):
            optimizer.zero_grad()
            loss_fn(model(torch.randn(6, 4)), torch.arange(6) % 3).backward()
            optimizer.step()
    log = Log(tmp_path)
    log.poll()
    assert Signals(log.run()).get("modes_used").drops == pytest.approx(share)


class Recurrence(nn.Module):
    """One dropout, as a function, at each step, and another one behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.last, self.drop = nn.Linear(4, 4), nn.Linear(4, 3), nn.Dropout(0.3)

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(5):
            x = F.dropout(self.cell(x), 0.6, self.training)
        return self.last(self.drop(keeping(x, 0.2, training=self.training)))


def keeping(x: Tensor, share: float, *, training: bool) -> Tensor:
    return F.dropout(x, p=1 - share, training=training)


def test_dropout_as_a_function_counts_like_the_module_once_for_each_line_that_calls_it(tmp_path: Path) -> None:
    model, loss_fn = Recurrence(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with DiagWriter(str(tmp_path)) as writer:
        writer.watch(model, optimizer, loss_fn)
        for _ in range(3):
            optimizer.zero_grad()
            loss_fn(model(torch.randn(6, 4)), torch.arange(6) % 3).backward()
            optimizer.step()
    log = Log(tmp_path)
    log.poll()
    signals = Signals(log.run())
    assert signals.get("modes_used").functions == pytest.approx((0.6, 0.8))
    assert signals.get("settings")["dropout"] == pytest.approx(0.8)
    assert signals.get("survives") == pytest.approx(0.7 * 0.4 * 0.2)


class Noise(nn.Module):
    """Adds noise, and does not ask for the mode unless it is told to."""

    def __init__(self, *, asks: bool) -> None:
        super().__init__()
        self.asks = asks

    def forward(self, x: Tensor) -> Tensor:
        return x if self.asks and not self.training else x + 0.1 * torch.randn_like(x)


class Sampling(nn.Module):
    """What a variational autoencoder draws from."""

    def forward(self, mean: Tensor, spread: Tensor) -> Tensor:
        return mean + spread * torch.randn_like(mean)


def drawn(_: nn.Module, x: Tensor) -> Tensor:
    return x + torch.randn_like(x)


@pytest.mark.parametrize(
    ("between", "layer"),
    [
        (lambda net, x: net.noise(x), "Noise"),
        (lambda net, x: net.quiet(x), ""),
        (lambda net, x: net.sampling(x, x), ""),
        (drawn, ""),
    ],
)
def test_a_layer_of_noise_that_does_not_ask_for_the_mode_is_told(
    between: Callable[[nn.Module, Tensor], Tensor], layer: str, tmp_path: Path
) -> None:
    model, loss_fn = Dropped(between), nn.CrossEntropyLoss()
    model.noise, model.quiet, model.sampling = Noise(asks=False), Noise(asks=True), Sampling()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with DiagWriter(str(tmp_path)) as writer:
        writer.watch(model, optimizer, loss_fn)
        for _ in range(3):
            optimizer.zero_grad()
            loss_fn(model(torch.randn(6, 4)), torch.arange(6) % 3).backward()
            optimizer.step()
    log = Log(tmp_path)
    log.poll()
    assert Signals(log.run()).get("modes_used").noise == layer


def test_looking_changes_nothing() -> None:
    x = torch.ones(100)
    torch.manual_seed(0)
    plain = F.dropout(x, 0.5)
    torch.manual_seed(0)
    with Dropping() as seen:
        watched = F.dropout(x, p=0.5)
    assert torch.equal(plain, watched)
    assert seen.drawn.share == 0.5
