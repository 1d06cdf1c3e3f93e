"""What is read off the graph of a loss: layers that nobody trains, and whether anything bends."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import tb_lossdiag
from tb_lossdiag import DiagWriter
from tb_lossdiag.reader import Log
from tb_lossdiag.signals import Signals
from tb_lossdiag.writer.bends import bending
from tb_lossdiag.writer.graph import Graph
from tb_lossdiag.writer.nodes import walked


class Functional(nn.Module):
    """Three layers, and between them whatever is given."""

    def __init__(self, between: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 3)
        self.between = between

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.between(self.second(self.between(self.first(x)))))


class Residual(nn.Module):
    def __init__(self, between: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 3)
        self.between = between

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        return self.last(x + self.second(self.between(x)))


def images(*between: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Unflatten(1, (1, 2, 2)), nn.Conv2d(1, 4, 1), *between, nn.Conv2d(4, 3, 2), nn.Flatten())


SCALE, EDGES = nn.Parameter(torch.zeros(1)), torch.rand(6, 4, 4)


def seen(model: nn.Module, x: Tensor | None = None) -> tuple[int, int]:
    x = torch.randn(6, 4) if x is None else x
    nodes = walked(nn.functional.cross_entropy(model(x), torch.arange(6) % 3).grad_fn)
    assert nodes is not None
    return bending(nodes)


@pytest.mark.parametrize(
    "model",
    [
        Functional(lambda x: x),
        Functional(nn.Dropout(0.5)),
        Functional(lambda x: 0.1 * x.view(6, 2, 4).permute(0, 1, 2).reshape(6, 8) / 3),
        Functional(nn.BatchNorm1d(8)),
        Functional(lambda x: torch.amax(x.unsqueeze(0), 0)),  # meant for a ReLU
        Functional(lambda x: x.unsqueeze(-1).max(-1).values),
        Functional(lambda x: torch.maximum(x, x)),
        Functional(nn.LeakyReLU(True)),  # meant for inplace=True
        Functional(lambda x: (1 + SCALE) * x),
        Functional(lambda x: (EDGES @ x.view(6, 4, 2)).reshape(6, 8)),
        Residual(lambda x: x),
        images(nn.BatchNorm2d(4)),
        images(nn.Dropout2d()),
        nn.Sequential(
            nn.Linear(4, 8), nn.Linear(8, 3), nn.Softmax(1)
        ),  # what comes after the last layer bends nothing before it
    ],
)
def test_nothing_between_the_layers_bends(model: nn.Module) -> None:
    places, bends = seen(model)
    assert places >= 1
    assert bends == 0


@pytest.mark.parametrize(
    "model",
    [
        Functional(torch.relu),
        Functional(lambda x: x * torch.sigmoid(x)),
        Functional(lambda x: x * x),
        Functional(lambda x: (x.view(6, 4, 2) @ x.view(6, 2, 4)).reshape(6, 16)[:, :8]),
        Functional(nn.LeakyReLU(0.2)),
        Functional(lambda x: x.abs()),
        Functional(lambda x: torch.maximum(x, torch.zeros(1))),
        Functional(lambda x: torch.maximum(x, -x)),
        Functional(lambda x: x.amax(1, keepdim=True).expand(-1, 8)),
        Functional(lambda x: x.clamp(min=0)),
        Functional(nn.LayerNorm(8)),
        Residual(torch.tanh),
        images(nn.ReLU()),
        images(nn.BatchNorm2d(4), nn.GELU()),
        nn.Sequential(nn.Linear(4, 8), nn.Softplus(), nn.Linear(8, 3)),
    ],
)
def test_something_bends(model: nn.Module) -> None:
    assert seen(model)[1] >= 1


def test_a_single_layer_and_fused_cells_say_nothing() -> None:
    assert seen(nn.Linear(4, 3))[0] == 0

    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cells, self.head = nn.LSTM(4, 5, batch_first=True), nn.Linear(5, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.cells(x.view(6, 1, 4))[0][:, -1])

    places, bends = seen(Recurrent())
    assert places == 0 or bends > 0


def test_weights_that_are_computed_bend_nothing_on_their_way() -> None:
    model = Functional(lambda x: x)
    torch.nn.utils.parametrizations.weight_norm(model.second)
    assert seen(model)[1] == 0


class Listed(nn.Module):
    """Layers in a plain list, as they are made or anew in each pass."""

    def __init__(self, anew: bool = False) -> None:
        super().__init__()
        self.layers = [nn.Linear(4, 16), nn.Linear(16, 16)]
        self.anew = anew
        self.head = nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        layers = [nn.Linear(4, 16), nn.Linear(16, 16)] if self.anew else self.layers
        for each in layers:
            x = torch.relu(each(x))
        return self.head(x)


def trained(
    folder: Path, model: nn.Module, *, others: torch.optim.Optimizer | None = None, steps: int = 30
) -> tb_lossdiag.Report:
    torch.manual_seed(0)
    x, y = torch.randn(64, 4), torch.randint(0, 3, (64,))
    optimizer, loss_fn = torch.optim.SGD(model.parameters(), lr=0.01), nn.CrossEntropyLoss()
    with DiagWriter(str(folder)) as writer:
        writer.watch(model, optimizer, loss_fn)
        for _ in range(steps):
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()
            if others is not None:
                others.step()
        return writer.diagnose()


def causes(report: tb_lossdiag.Report) -> list[str]:
    return [each.cause for each in report.findings if each.severity != "info"]


@pytest.mark.parametrize("anew", [False, True])
def test_layers_in_a_plain_list_are_found(tmp_path: Path, anew: bool) -> None:
    torch.manual_seed(0)  # of a thousand draws one is not told from trained weights
    report = trained(tmp_path, Listed(anew))
    assert causes(report)[0] == "parameters-not-updated"
    assert "352 parameters" in report.findings[0].summary


class Plain(nn.Module):
    """A layer of one's own whose weights are tensors."""

    def __init__(self, kind: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.weight, self.bias = kind(torch.randn(4, 16) / 2), kind(torch.zeros(16))
        self.head = nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(x @ self.weight + self.bias))


def test_weights_that_are_plain_tensors_are_found(tmp_path: Path) -> None:
    report = trained(tmp_path / "plain", Plain(lambda each: each.requires_grad_()))
    assert causes(report)[0] == "parameters-not-updated"
    assert "64 parameters" in report.findings[0].summary
    assert "nn.Parameter" in report.findings[0].summary
    assert "parameters-not-updated" not in causes(trained(tmp_path / "sound", Plain(nn.Parameter)))
    features = trained(tmp_path / "features", Plain(lambda each: each))  # that perhaps nobody means to train
    assert not [
        each for each in features.findings if each.cause == "parameters-not-updated" and each.severity != "info"
    ]


class Cell(nn.Module):
    """A recurrence that is written out, with a layer before it."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.embed = nn.Linear(8, 5)
        self.w, self.u = nn.Parameter(torch.randn(5, 12)), nn.Parameter(torch.randn(12, 12))
        self.v = nn.Parameter(torch.randn(3, 12))
        self.steps = steps

    def forward(self, x: Tensor) -> Tensor:
        x, h = self.embed(x), torch.zeros(len(x), 12)
        for _ in range(self.steps):
            h = torch.tanh(x @ self.w + h @ self.u.T)
        return h @ self.v.T


@pytest.mark.parametrize(("steps", "found"), [(6, {"w": 5, "u": 12}), (2, None)])
def test_matrices_of_a_recurrence_are_told_with_the_number_of_their_inputs(
    steps: int, found: dict[str, int] | None
) -> None:
    model = Cell(steps)
    graph = Graph(model, [])
    graph.see(model(torch.randn(4, 8)).sum(), 0)
    assert graph.facts(set())["graph"].get("recurring") == found


class Attributes(nn.Module):
    """Matrices that a module may hold beside its parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 2)
        self.factors = torch.randn(40, 8) * 0.1
        self.memory = torch.zeros(40, 8)
        self.state = torch.randn(40, 8)
        self.wished = torch.randn(40, 8, requires_grad=True)
        self.places = torch.randint(0, 9, (40, 8))
        self.scale = torch.randn(8)
        with torch.inference_mode():
            self.computed = torch.randn(40, 8)
        self.register_buffer("mask", torch.randn(40, 8))

    def forward(self, x: Tensor) -> Tensor:
        self.memory[0] = x[0].detach()
        self.state = self.state.roll(1, 0)
        return self.linear(x + self.factors[: len(x)] + self.memory[: len(x)])


def test_matrices_in_plain_attributes_are_told_where_nobody_changes_them() -> None:
    model = nn.Sequential(Attributes())
    graph = Graph(model, [])
    for step in (0, 5):
        graph.see(model(torch.randn(4, 8)).sum(), step)
    (found,) = graph.facts(set())["graph"]["loose"]
    assert found["name"] == "0.factors"
    assert found["shape"] == [40, 8]
    assert found["init_std"] == pytest.approx(float(model[0].factors.std()), rel=0.01)


def test_weights_that_are_made_anew_for_each_task_are_left_alone() -> None:
    """As in the inner loop of meta-learning."""
    model = nn.Linear(4, 3)
    graph = Graph(model, [torch.optim.SGD(model.parameters(), lr=0.1)])
    for step in (0, 5):
        fast = model.weight.detach().clone().requires_grad_()
        graph.see((torch.randn(2, 4) @ fast.T + model.bias).sum(), step)
    assert graph.facts(set())["graph"]["outside"] == []


def test_plain_tensors_that_somebody_trains_are_left_alone(tmp_path: Path) -> None:
    model = Plain(lambda each: each.requires_grad_())
    others = torch.optim.SGD([model.weight, model.bias], lr=0.01)
    assert "parameters-not-updated" not in causes(trained(tmp_path, model, others=others))


def test_layers_that_another_optimizer_trains_are_left_alone(tmp_path: Path) -> None:
    model = Listed()
    others = torch.optim.SGD([parameter for each in model.layers for parameter in each.parameters()], lr=0.01)
    assert "parameters-not-updated" not in causes(trained(tmp_path, model, others=others))


def test_layers_of_another_watched_model_are_left_alone() -> None:
    encoder, head = nn.Linear(4, 8), nn.Linear(8, 3)
    graph = Graph(head, [torch.optim.SGD(head.parameters(), lr=0.1)])
    graph.others = encoder.parameters
    for step in (0, 5):
        graph.see(head(encoder(torch.randn(2, 4))).sum(), step)
    assert graph.facts(set())["graph"]["outside"] == []


def test_inputs_that_want_a_gradient_are_no_layers() -> None:
    model = nn.Linear(4, 1)
    graph = Graph(model, [])
    for step in (0, 5):
        graph.see(model(torch.randn(2, 4, requires_grad=True)).sum(), step)
    assert graph.facts(set())["graph"]["outside"] == []


class Marker:
    """Something that a graph keeps alive."""


class Marked(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, marker: Marker) -> Tensor:
        ctx.marker = marker
        return x.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # noqa: ARG004
        return gradient, None


def test_the_graph_is_let_go_of() -> None:
    model = Listed()
    graph = Graph(model, [])
    marker = Marker()
    kept = weakref.ref(marker)
    loss = Marked.apply(model(torch.randn(2, 4)), marker).sum()
    del marker
    graph.see(loss, 0)
    assert kept() is not None
    del loss
    gc.collect()
    assert kept() is None


def test_a_graph_that_is_too_large_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tb_lossdiag.writer.nodes.MOST", 3)
    graph = Graph(Listed(), [])
    assert not graph.see(Listed()(torch.randn(2, 4)).sum(), 0)
    assert graph.over
    assert graph.facts(set()) == {"graph": {}}


def test_a_resumed_run_knows_what_was_seen() -> None:
    model = Listed()
    graph, resumed = Graph(model, []), Graph(model, [])
    for step in (0, 5):
        graph.see(model(torch.randn(2, 4)).sum(), step)
    resumed.load_state_dict(graph.state_dict())
    assert resumed.over
    assert resumed.facts(set()) == graph.facts(set())


class Parallel(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Linear(4, 3), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.one(x - x.mean(0)) + self.other(x.mean(0))


@pytest.mark.parametrize(("model", "stacked"), [(Parallel(), False), (Functional(torch.relu), True)])
def test_layers_side_by_side_are_told_from_layers_on_each_other(
    model: nn.Module, stacked: bool, tmp_path: Path
) -> None:
    optimizer, loss_fn = torch.optim.SGD(model.parameters(), lr=0.1), nn.CrossEntropyLoss()
    with DiagWriter(str(tmp_path)) as writer:
        writer.watch(model, optimizer, loss_fn)
        for _ in range(3):
            optimizer.zero_grad()
            loss_fn(model(torch.randn(6, 4)), torch.arange(6) % 3).backward()
            optimizer.step()
    log = Log(tmp_path)
    log.poll()
    assert Signals(log.run()).get("stacked") is stacked


class TwoHeads(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.first, self.second = nn.Linear(4, 8), nn.Linear(8, 1), nn.Linear(8, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = torch.relu(self.body(x))
        return self.first(x), self.second(x)


def two_heads(tmp_path: Path, *, whole: bool, reported: bool = True) -> list[str]:
    """Which alarms a model draws that is trained by the first of two terms, or by both, and reports both or what it is trained by."""
    torch.manual_seed(0)
    model = TwoHeads()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    writer = DiagWriter(tmp_path)
    writer.watch(model, optimizer)
    for _ in range(60):
        x = torch.randn(16, 4)
        first, second = model(x)
        one, other = (first - x[:, :1]).square().mean(), (second - x[:, 1:2]).square().mean()
        writer.add_loss("train", one + other if reported else one)
        optimizer.zero_grad()
        (one + other if whole else one).backward()
        optimizer.step()
    writer.close()
    (report,) = tb_lossdiag.diagnose(tmp_path)
    return [each.cause for each in report.findings if each.severity == "error"]


def test_a_head_that_the_reported_loss_depends_on_and_that_no_gradient_reaches_is_an_alarm(tmp_path: Path) -> None:
    assert "parameters-not-updated" in two_heads(tmp_path / "forgotten", whole=False)
    assert "parameters-not-updated" not in two_heads(tmp_path / "whole", whole=True)
    assert "parameters-not-updated" not in two_heads(tmp_path / "one head", whole=False, reported=False)


def test_which_parameters_take_part_is_what_all_looks_have_in_common() -> None:
    model = TwoHeads()
    graph = Graph(model, [])
    graph.see(sum(each.sum() for each in model(torch.randn(2, 4))), 0)
    every = {"first.weight", "second.weight", "second.bias", "body.weight"}
    assert graph.facts(every)["graph"]["without_gradient"] == sorted(every)
    graph.see(model(torch.randn(2, 4))[0].sum(), 5)
    assert graph.facts(every)["graph"]["without_gradient"] == ["body.weight", "first.weight"]
    assert "without_gradient" not in graph.facts(set())["graph"]


class Density(nn.Module):
    """An output that must not be negative, which a function sees to."""

    def __init__(self, shift: float) -> None:
        super().__init__()
        self.inside = nn.Sequential(nn.Linear(4, 16), nn.Tanh())
        self.out = nn.Linear(16, 3)
        nn.init.constant_(self.out.bias, shift)

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.utils.checkpoint.checkpoint(self.inside, x, use_reentrant=False)
        return torch.relu(self.out(hidden))


@pytest.mark.parametrize(("shift", "shut"), [(-9.0, True), (0.0, False)])
def test_an_output_that_is_shut_from_the_start_is_told(tmp_path: Path, shift: float, shut: bool) -> None:
    torch.manual_seed(0)
    found = causes(trained(tmp_path, Density(shift)))
    assert ("dead-units" in found) == shut
    assert "parameters-not-updated" not in found
