"""Reshapes that stand where axes should be swapped, seen in the graph of a loss and at the layers that are given the inputs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from tb_lossdiag import DiagWriter
from tb_lossdiag.reader import Log
from tb_lossdiag.signals import Signals
from tb_lossdiag.signals.structure import Reshape
from tb_lossdiag.writer.reshapes import mixes

SAMPLES, STEPS, FEATURES, WIDTH = 16, 10, 6, 16


class Sequences(nn.Module):
    """A projection, a recurrent network, attention, a convolution over time and a head; `through` says what goes through which of them."""

    def __init__(self, through: Callable[[Sequences, Tensor], Tensor]) -> None:
        super().__init__()
        self.project = nn.Linear(FEATURES, WIDTH)
        self.lstm = nn.LSTM(FEATURES, WIDTH, 2, batch_first=True)
        self.attention = nn.TransformerEncoderLayer(WIDTH, 1, 32)  # its heads are as wide as the batch is large
        self.conv, self.wide = nn.Conv1d(FEATURES, WIDTH, 3), nn.Conv1d(WIDTH, WIDTH, 3)
        self.head, self.both = nn.Linear(WIDTH, 3), nn.Linear(2 * WIDTH, 3)
        self.through = through

    def forward(self, x: Tensor) -> Tensor:
        return self.through(self, x)


def states(net: Sequences, x: Tensor) -> Tensor:
    return net.both(net.lstm(x)[1][0].view(len(x), -1))


def states_by_sample(net: Sequences, x: Tensor) -> Tensor:
    return net.both(net.lstm(x)[1][0].transpose(0, 1).reshape(len(x), -1))


def channels(net: Sequences, x: Tensor) -> Tensor:
    return net.head(net.conv(x.view(-1, FEATURES, STEPS)).relu().mean(2))


def channels_by_step(net: Sequences, x: Tensor) -> Tensor:
    return net.head(net.conv(x.permute(0, 2, 1)).relu().mean(2))


def projected(net: Sequences, x: Tensor) -> Tensor:
    return net.head(net.wide(net.project(x).reshape(-1, WIDTH, STEPS)).relu().mean(2))


def attended(net: Sequences, x: Tensor) -> Tensor:
    return net.head(net.attention(net.project(x).transpose(0, 1)).mean(0))


def beside_time(net: Sequences, x: Tensor) -> Tensor:
    """As the channels of a spectrogram and its frequencies, before a recurrent network."""
    maps = torch.stack([net.project(x), net.project(x).relu()], 1)
    return net.both(maps.reshape(len(x), -1, STEPS).permute(0, 2, 1).mean(1))


def beside_time_by_step(net: Sequences, x: Tensor) -> Tensor:
    maps = torch.stack([net.project(x), net.project(x).relu()], 1)
    return net.both(maps.permute(0, 2, 1, 3).reshape(len(x), STEPS, -1).mean(1))


def by_row(net: Sequences, x: Tensor) -> Tensor:
    """All steps of all samples as the rows of one table, as a layer wants them that knows no time."""
    return net.head(net.lstm(x)[0].reshape(-1, WIDTH)).relu()


def taken_apart(net: Sequences, x: Tensor) -> Tensor:
    return by_row(net, x).view(STEPS, len(x), -1).mean(0)


def taken_apart_by_sample(net: Sequences, x: Tensor) -> Tensor:
    return by_row(net, x).view(len(x), STEPS, -1).permute(1, 0, 2).mean(0)


def one_by_one(net: Sequences, x: Tensor) -> Tensor:
    """The first of them begins where all do, in memory; as the first step of a sequence does that has time first."""
    return net.head(torch.stack([net.project(each) for each in x]).mean(1))


@pytest.mark.parametrize(
    ("through", "found"),
    [
        (one_by_one, None),
        (taken_apart, Reshape((SAMPLES, STEPS, WIDTH), (STEPS, SAMPLES, 3), "")),
        (taken_apart_by_sample, None),
        (states, Reshape((2, SAMPLES, WIDTH), (SAMPLES, 2 * WIDTH), "")),
        (channels, Reshape((SAMPLES, STEPS, FEATURES), (SAMPLES, FEATURES, STEPS), "conv")),
        (projected, Reshape((SAMPLES, STEPS, WIDTH), (SAMPLES, WIDTH, STEPS), "")),
        (beside_time, Reshape((SAMPLES, 2, STEPS, WIDTH), (SAMPLES, 2 * WIDTH, STEPS), "")),
        (beside_time_by_step, None),
        (states_by_sample, None),
        (channels_by_step, None),
        (attended, None),
    ],
)
def test_a_reshape_that_mixes_axes_up_is_seen(
    through: Callable[[Sequences, Tensor], Tensor], found: Reshape | None, tmp_path: Path
) -> None:
    model, loss_fn = Sequences(through), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with DiagWriter(str(tmp_path)) as writer:
        writer.watch(model, optimizer, loss_fn)
        for _ in range(3):
            optimizer.zero_grad()
            loss_fn(model(torch.randn(SAMPLES, STEPS, FEATURES)), torch.arange(SAMPLES) % 3).backward()
            optimizer.step()
    log = Log(tmp_path)
    log.poll()
    assert Signals(log.run()).get("mixed_up") == (None if found is None else (found,))


@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.integers(0, 4))
def test_what_only_joins_or_splits_axes_is_no_mistake(sizes: list[int], at: int) -> None:
    at %= len(sizes)
    joined = [*sizes[:at], sizes[at] * (sizes[at + 1] if at + 1 < len(sizes) else 1), *sizes[at + 2 :]]
    assert not mixes(sizes, sizes)
    assert not mixes(sizes, [*sizes, 1])
    if joined[:1] == sizes[:1]:  # the samples stay where they are
        assert not mixes(sizes, joined) or sizes[:1] == [1]


@pytest.mark.parametrize(
    ("swap", "compare", "found"), [(False, "shares", True), (True, "shares", False), (False, "values", False)]
)
def test_a_softmax_over_channels_that_were_torn_apart_is_seen(
    swap: bool, compare: str, found: bool, tmp_path: Path
) -> None:
    """As `logits.view(-1, classes)` does with the (samples, classes, steps) of a convolution; value by value nothing is lost by it."""
    model = nn.Conv1d(FEATURES, 3, 1)
    loss_fn: nn.Module = nn.CrossEntropyLoss() if compare == "shares" else nn.MSELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with DiagWriter(str(tmp_path)) as writer:
        writer.watch(model, optimizer, loss_fn)
        for _ in range(3):
            optimizer.zero_grad()
            scores = model(torch.randn(SAMPLES, FEATURES, STEPS))
            rows = (scores.permute(0, 2, 1) if swap else scores).reshape(-1, 3)
            targets = torch.arange(len(rows)) % 3 if compare == "shares" else torch.randn(rows.shape)
            loss_fn(rows, targets).backward()
            optimizer.step()
    log = Log(tmp_path)
    log.poll()
    torn = Reshape((SAMPLES, 3, STEPS), (SAMPLES * STEPS, 3), "")
    assert Signals(log.run()).get("mixed_up") == ((torn,) if found else None)
