"""Softmaxes between layers, whoever calls them, and those that multiply something else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from tb_lossdiag.writer.nodes import walked
from tb_lossdiag.writer.shares import shares_between

WIDTH = 24


class Net(nn.Module):
    def __init__(self, through: Callable[[Net, Tensor], Tensor]) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, WIDTH), nn.Linear(WIDTH, 3)
        self.beside, self.wide = nn.Linear(6, WIDTH), nn.Linear(WIDTH + 6, 3)
        self.steps = nn.Linear(6, 6)
        self.drop = nn.Dropout(0.2)
        self.through = through

    def forward(self, x: Tensor) -> Tensor:
        return self.through(self, x)


def hidden(net: Net, x: Tensor) -> Tensor:
    return net.second(F.softmax(net.first(x), dim=1))


def beside_others(net: Net, x: Tensor) -> Tensor:
    return net.wide(torch.cat([x, net.drop(net.first(x).softmax(1))], 1))


def rectified(net: Net, x: Tensor) -> Tensor:
    return net.second(net.first(x).relu())


def at_the_end(net: Net, x: Tensor) -> Tensor:
    return net.second(net.first(x).relu()).softmax(1)


def gate(net: Net, x: Tensor) -> Tensor:
    return net.second(net.first(x).softmax(1) * net.beside(x))


def attention(net: Net, x: Tensor) -> Tensor:
    states = net.steps(x.reshape(-1, 1, 6).expand(-1, 4, -1))
    weights = (states @ states.transpose(1, 2)).softmax(-1)
    return net.second(net.first((weights @ states).mean(1)))


@pytest.mark.parametrize(
    ("through", "widths"),
    [
        (hidden, [WIDTH]),
        (beside_others, [WIDTH]),
        (rectified, []),
        (at_the_end, []),
        (gate, []),
        (attention, []),
    ],
)
def test_only_shares_that_a_layer_is_given_are_between_layers(
    through: Callable[[Net, Tensor], Tensor], widths: list[int]
) -> None:
    loss = Net(through)(torch.randn(8, 6)).square().mean()
    nodes = walked(loss.grad_fn)
    assert nodes is not None
    assert shares_between(nodes) == widths
