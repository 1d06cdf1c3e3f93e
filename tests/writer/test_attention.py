from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from tb_lossdiag import DiagWriter
from tb_lossdiag.reader import Log
from tb_lossdiag.signals import Signals
from tb_lossdiag.writer.attention import attention_in
from tb_lossdiag.writer.nodes import walked


class Attention(nn.Module):
    """One head, written out."""

    def __init__(self, width: int = 64, *, scale: float = 1.0, causal: bool = False, again: bool = False) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(width, width) for _ in range(3))
        self.head = nn.Linear(width, 3)
        self.scale, self.causal, self.again = scale, causal, again
        self.drop = nn.Dropout(0.1)

    def attend(self, x: Tensor) -> Tensor:
        scores = self.q(x) @ self.k(x).transpose(-2, -1) * self.scale
        if self.causal:
            scores = scores.masked_fill(torch.ones(x.size(1), x.size(1)).triu(1).bool(), -math.inf)
        return self.drop(scores.softmax(-1)) @ self.v(x)

    def forward(self, x: Tensor) -> Tensor:
        x = checkpoint(self.attend, x, use_reentrant=False) if self.again else self.attend(x)
        return self.head(x).mean(1)


def looked(model: nn.Module, places: int = 12) -> list[dict[str, float]]:
    torch.manual_seed(0)
    nodes = walked(model(torch.randn(8, places, 64)).sum().grad_fn)
    assert nodes is not None
    return attention_in(nodes)


@pytest.mark.parametrize("causal", [False, True])
def test_products_that_are_too_large_make_attention_look_at_one_place(*, causal: bool) -> None:
    (even,), (sharp,) = looked(Attention(scale=0.125, causal=causal)), looked(Attention(scale=8, causal=causal))
    assert even["keys"] == 12
    assert even["peak"] < 0.25
    assert sharp["peak"] > 0.8


def test_heads_in_an_axis_of_their_own_are_seen() -> None:
    class Heads(Attention):
        def attend(self, x: Tensor) -> Tensor:
            q, k, v = (each(x).unflatten(-1, (4, 16)).transpose(1, 2) for each in (self.q, self.k, self.v))
            return ((q @ k.transpose(-2, -1) / 4).softmax(-1) @ v).transpose(1, 2).flatten(2)

    (found,) = looked(Heads())
    assert found["keys"] == 12
    assert found["peak"] < 0.25


def test_queries_and_keys_that_one_layer_puts_out_are_two_things() -> None:
    class Fused(Attention):
        def __init__(self) -> None:
            super().__init__()
            self.qkv = nn.Linear(64, 192)

        def attend(self, x: Tensor) -> Tensor:
            q, k, v = self.qkv(x).unflatten(-1, (3, 4, 16)).permute(2, 0, 3, 1, 4)
            return ((q @ k.transpose(-2, -1) * 8).softmax(-1) @ v).transpose(1, 2).flatten(2)

    (found,) = looked(Fused())
    assert found["peak"] > 0.8


def test_a_few_places_are_left_alone() -> None:
    assert looked(Attention(), places=3) == []


def test_what_would_be_computed_once_more_is_left_alone() -> None:
    """Gradient checkpointing keeps no shares: to ask for them is to run the layer again."""
    model, calls = Attention(again=True), 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    model.q.register_forward_hook(count)
    assert looked(model) == []
    assert calls == 1


def test_states_that_are_compared_with_themselves_look_at_themselves() -> None:
    """As over the outputs of a recurrent layer, without queries and keys of their own: sharp from the start, and it does no harm."""

    class Pooled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.states = nn.Linear(64, 512)

        def forward(self, x: Tensor) -> Tensor:
            h = self.states(x).tanh()
            return (h @ h.transpose(1, 2)).softmax(-1) @ h

    assert looked(Pooled()) == []


def test_softmaxes_of_something_else_are_no_attention() -> None:
    class Mixture(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gate, self.value = nn.Linear(64, 12), nn.Linear(64, 64)

        def forward(self, x: Tensor) -> Tensor:
            return self.gate(x).softmax(-1).transpose(1, 2) @ self.value(x)

    assert looked(Mixture()) == []


@pytest.mark.parametrize(("scale", "found"), [(8.0, True), (0.125, False)])
def test_attention_reaches_the_signals(tmp_path: Path, scale: float, *, found: bool) -> None:
    torch.manual_seed(0)
    model = Attention(scale=scale)
    optimizer, loss_fn = torch.optim.SGD(model.parameters(), lr=0.01), nn.CrossEntropyLoss()
    with DiagWriter(tmp_path) as writer:
        writer.watch(model, optimizer, loss_fn)
        for _ in range(8):
            optimizer.zero_grad()
            loss_fn(model(torch.randn(8, 12, 64)), torch.randint(0, 3, (8,))).backward()
            optimizer.step()
    log = Log(tmp_path)
    log.poll()
    (look,) = Signals(log.run()).get("first_looks")
    assert (look.sharpness > 0.55) == found
