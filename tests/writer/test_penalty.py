"""What is added to the loss by hand is seen in the gradient: how hard it pulls at the weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tb_lossdiag.reader import Log
from tb_lossdiag.series import Packed, Run
from tb_lossdiag.signals import Signals
from tb_lossdiag.writer import DiagWriter

FACTOR = 0.05
Penalty = Callable[[nn.Module], Tensor]


def weights(model: nn.Module) -> list[Tensor]:
    return [each for each in model.parameters() if each.dim() > 1]


def squares(model: nn.Module) -> Tensor:
    return FACTOR * sum((each.square().sum() for each in weights(model)), torch.zeros(()))


def sizes(model: nn.Module) -> Tensor:
    return FACTOR * sum((each.abs().sum() for each in weights(model)), torch.zeros(()))


def elsewhere(model: nn.Module) -> Tensor:
    """A loss of its own, as of a further task."""
    drawn = torch.randn(16, 8, generator=torch.Generator().manual_seed(3))
    found: Tensor = model(drawn)[:, 0].sub(torch.linspace(-3, 3, 16)).square().mean()
    return found


def trained(
    penalty: Penalty | None, folder: Path, dropout: float = 0.0, clip: float | None = None
) -> tuple[Run, nn.Module]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Dropout(dropout), nn.Linear(16, 3))
    x = torch.randn(64, 8)
    y = x[:, :3].argmax(1)
    optimizer, loss_fn = torch.optim.SGD(model.parameters(), lr=0.02), nn.CrossEntropyLoss()
    with DiagWriter(str(folder), overhead=0.9) as writer:
        writer.watch(model, optimizer, loss_fn)
        for step in range(120):
            rows = torch.arange(16 * step, 16 * step + 16) % 64
            optimizer.zero_grad()
            loss = loss_fn(model(x[rows]), y[rows])
            (loss + penalty(model) if penalty else loss).backward()
            if clip is not None:
                nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
    log = Log(folder)
    log.poll()
    return log.run(), model


def pulls(run: Run, figure: str) -> list[float]:
    """Of the first layer's weights, at each look."""
    (table,) = [each for each in run.packed if each.group == "penalty"]
    return list(table.columns_of(figure)["0.weight"].values)


@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_the_pull_of_a_penalty_is_told_for_each_weight_tensor(dropout: float, tmp_path: Path) -> None:
    run, _ = trained(squares, tmp_path, dropout)
    assert list(Signals(run).get("penalty_share") or ()) == ["0.weight", "3.weight"]


def test_that_of_squared_weights_is_twice_the_factor_times_their_norm(tmp_path: Path) -> None:
    run, _ = trained(squares, tmp_path)
    (norms,) = [each.columns_of("param_norm")["0.weight"] for each in run.packed if each.group == "parameters"]
    (looks,) = [each.steps for each in run.packed if each.group == "penalty"]
    expected = [2 * FACTOR * norm for step, norm in zip(norms.steps, norms.values, strict=True) if step in looks]
    assert pulls(run, "along") == pytest.approx(expected, rel=1e-3)
    assert pulls(run, "norm") == pytest.approx(expected, rel=1e-3)


def test_that_of_absolute_weights_points_along_their_signs(tmp_path: Path) -> None:
    run, model = trained(sizes, tmp_path)
    expected = FACTOR * model[0].weight.numel() ** 0.5
    assert pulls(run, "signs")[0] == pytest.approx(expected, rel=1e-3)
    assert Signals(run).get("penalty_share") is not None


@pytest.mark.parametrize("added", [None, elsewhere])
@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_nothing_pulls_without_a_penalty_nor_with_a_loss_of_another_kind(
    added: Penalty | None, dropout: float, tmp_path: Path
) -> None:
    run, _ = trained(added, tmp_path, dropout)
    assert Signals(run).get("penalty_share") is None


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_clipping_is_no_penalty_however_the_gradient_lies(dropout: float, tmp_path: Path) -> None:
    """Weights that grow have a gradient along themselves, and what clipping takes off it then points to zero."""
    run, _ = trained(None, tmp_path, dropout, clip=0.02)
    assert max(pulls(run, "norm")) > 0
    grows = Signals(replace(run, packed=[outwards(each) if each.group == "penalty" else each for each in run.packed]))
    assert grows.get("penalty_share") is None


def outwards(seen: Packed) -> Packed:
    """The same, had all that was taken off pointed along the weights."""
    values = seen.values.copy()
    for figure in ("along", "signs"):
        values[:, seen.figures.index(figure)] = 0.9 * values[:, seen.figures.index("norm")]
    return replace(seen, values=values)


def test_of_several_batches_for_one_step_it_is_not_known(tmp_path: Path) -> None:
    model = nn.Linear(8, 3)
    optimizer, loss_fn = torch.optim.SGD(model.parameters(), lr=0.02), nn.CrossEntropyLoss()
    with DiagWriter(str(tmp_path)) as writer:
        writer.watch(model, optimizer, loss_fn)
        for _ in range(20):
            optimizer.zero_grad()
            for _ in range(2):
                (loss_fn(model(torch.randn(16, 8)), torch.arange(16) % 3) + squares(model)).backward()
            optimizer.step()
    log = Log(tmp_path)
    log.poll()
    groups = {each.group for each in log.run().packed}
    assert "probe" in groups
    assert "penalty" not in groups
