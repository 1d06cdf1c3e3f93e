"""Compiled models: what is compiled is compiled as often as without us, and seen as if it were not."""

from __future__ import annotations

import copy
import logging
import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from loops import same, state
from torch import Tensor, nn
from torch._dynamo.utils import counters

from tb_lossdiag.writer import DiagWriter

STEPS = 45
ACTIVATIONS, PARAMETERS = "lossdiag/activations/train", "lossdiag/parameters/train"

pytestmark = [
    pytest.mark.skipif(not hasattr(torch.compiler, "set_stance"), reason="needs torch 2.6 or later"),
    pytest.mark.filterwarnings("ignore"),  # the compiler's own
]


@pytest.fixture(autouse=True)
def _as_new() -> Iterator[None]:
    torch._dynamo.reset()
    counters.clear()
    logging.getLogger("torch.__trace").setLevel(logging.CRITICAL)
    yield
    torch._dynamo.reset()


class Inner(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear, self.tanh = nn.Linear(16, 16), nn.Tanh()

    def forward(self, x: Tensor) -> Tensor:
        return self.tanh(self.linear(x))


class Network(nn.Module):
    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.drop = nn.Dropout(dropout)
        self.first = nn.Linear(6, 16)
        self.norm = nn.BatchNorm1d(16)
        self.inner = Inner()
        self.last = nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.inner(self.drop(torch.relu(self.norm(self.first(x))))))


def eager(model: nn.Module, _backend: str) -> nn.Module:
    return model


def wrapped(model: nn.Module, backend: str) -> nn.Module:
    return torch.compile(model, backend=backend)  # type: ignore[return-value]


def in_place(model: nn.Module, backend: str) -> nn.Module:
    model.compile(backend=backend)
    return model


def a_part_in_place(model: nn.Module, backend: str) -> nn.Module:
    model.inner.compile(backend=backend)
    return model


def a_wrapped_part(model: nn.Module, backend: str) -> nn.Module:
    model.inner = torch.compile(model.inner, backend=backend)
    return model


COMPILED = [wrapped, in_place, a_part_in_place, a_wrapped_part]


@dataclass
class Count:
    """Graphs that were compiled by each step, and how often one had to be broken."""

    graphs: list[int] = field(default_factory=list)
    breaks: int = 0


def train(
    how: Callable[[nn.Module, str], nn.Module],
    watch: Callable[..., None],
    backend: str = "eager",
    dropout: float = 0.0,
) -> tuple[dict[str, Any], Count]:
    torch.manual_seed(0)
    plain = Network(dropout)
    model, loss_fn = how(plain, backend), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x = torch.randn(16, 6)
    y = x[:, :3].argmax(1)
    watch(model, optimizer, loss_fn)
    losses, count = [], Count()
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
        count.graphs.append(counters["stats"]["unique_graphs"])
    count.breaks = sum(counters["graph_break"].values())
    return state([model], [optimizer], losses), count


def nothing(*_: Any) -> None:
    """A watch that does not watch."""


@pytest.mark.parametrize("how", COMPILED)
def test_nothing_is_compiled_anew_no_graph_is_broken_and_no_bit_is_changed(
    how: Any, tmp_path: Path, caplog: Any
) -> None:
    alone, expected = train(how, nothing, dropout=0.2)
    torch._dynamo.reset()
    counters.clear()
    with caplog.at_level(logging.WARNING, "tb_lossdiag"), DiagWriter(tmp_path, overhead=0.5) as writer:
        watched, found = train(how, writer.watch, dropout=0.2)
    assert expected.graphs[-1] > 0
    assert found.graphs == expected.graphs
    assert found.breaks == expected.breaks == 0
    for part, values in alone.items():
        assert same(watched[part], values), part
    assert not [each for each in caplog.records if each.name == "tb_lossdiag"]


@pytest.mark.parametrize("how", COMPILED)
def test_layers_show_the_same_as_uncompiled_ones(how: Any, tmp_path: Path, read: Any) -> None:
    logs = {}
    for each in (eager, how):
        torch._dynamo.reset()
        with DiagWriter(tmp_path / each.__name__, overhead=0.5) as writer:
            train(each, writer.watch, backend="aot_eager")
        logs[each.__name__] = read(tmp_path / each.__name__)
    alone, found = logs["eager"], logs[how.__name__]
    for tag in (ACTIVATIONS, PARAMETERS, "lossdiag/inputs/train"):
        assert found.schemas[tag] == alone.schemas[tag]
        for step in range(20):
            np.testing.assert_allclose(found.packed[tag][step], alone.packed[tag][step], rtol=1e-3, atol=1e-5)
    assert found.scalars["loss/train"] == pytest.approx(alone.scalars["loss/train"], rel=1e-4)
    names = [[each["name"] for each in log.facts["models"][""]["modules"]] for log in (alone, found)]
    assert names[0] == names[1]
    orders = [[each["order"] for each in log.facts["models"][""]["modules"]] for log in (alone, found)]
    assert orders[0] == orders[1]


@pytest.mark.parametrize("what", ["the model", "the loss", "everything"])
def test_what_is_compiled_out_of_our_sight_is_not_compiled_again_and_again(
    what: str, tmp_path: Path, read: Any, caplog: Any
) -> None:
    torch.manual_seed(0)
    model, loss_fn = Network(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x = torch.randn(16, 6)
    y = x[:, :3].argmax(1)
    graphs = []
    with caplog.at_level(logging.WARNING, "tb_lossdiag"), DiagWriter(tmp_path, overhead=0.5) as writer:
        writer.watch(model, optimizer, loss_fn)
        seen = torch.compile(model, backend="eager") if what == "the model" else model
        whole = torch.compile(lambda: loss_fn(model(x), y), backend="eager")
        step = torch.compile(optimizer.step, backend="eager") if what == "everything" else optimizer.step
        for _ in range(STEPS):
            optimizer.zero_grad()
            (loss_fn(seen(x), y) if what == "the model" else whole()).backward()
            step()
            graphs.append(counters["stats"]["unique_graphs"])
    assert graphs[2:] == [graphs[2]] * (STEPS - 2), "one more at most, when we stop looking"
    assert not [each for each in counters["graph_break"] if "graph_break()" not in each], "but for torch's own"
    said = " ".join(each.getMessage() for each in caplog.records)
    if what == "everything":
        return  # then no hook of ours is ever called
    assert "forward pass" in said
    assert "loss" not in said, "it is seen where its gradient is taken"
    log = read(tmp_path)
    assert len(log.scalars["loss/train"]) == STEPS
    assert len(log.scalars["diag/grad_norm"]) >= 20
    assert any("forward pass" in each for each in log.facts["models"][""]["notes"])


def test_a_model_compiled_in_place_can_be_copied_and_is_left_as_it_was(tmp_path: Path) -> None:
    model = in_place(Network(), "eager")
    before = model._compiled_call_impl
    with DiagWriter(tmp_path) as writer:
        writer.watch(model, torch.optim.SGD(model.parameters(), lr=0.1), nn.CrossEntropyLoss())
        assert model._compiled_call_impl is not before
        for each in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):  # noqa: S301
            assert each._compiled_call_impl is None
    assert model._compiled_call_impl is before


def test_a_compiled_model_that_remembers_what_it_saw_is_left_alone(tmp_path: Path, read: Any, caplog: Any) -> None:
    class Counting(Network):
        def forward(self, x: Tensor) -> Tensor:
            self.largest = x.detach().abs().max()
            return super().forward(x)

    def counting(backend: str) -> nn.Module:
        torch.manual_seed(0)
        return wrapped(Counting(), backend)

    with caplog.at_level(logging.WARNING, "tb_lossdiag"), DiagWriter(tmp_path) as writer:
        train(lambda _, backend: counting(backend), writer.watch)
    assert sum("remember" in each.getMessage() for each in caplog.records) == 1
    log = read(tmp_path)
    assert len(log.packed.get(ACTIVATIONS, {})) <= 1
    assert len(log.scalars["loss/train"]) == STEPS
