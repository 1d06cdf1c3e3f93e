"""Losses whose terms compare each sample with every other one, read off the graph; and losses that do so on purpose."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tb_lossdiag import DiagWriter, diagnose
from tb_lossdiag.writer.crossing import crossed_in

B = 16
Loss = Callable[[Tensor, Tensor], Tensor]


def sizes(prediction: tuple[int, ...], target: tuple[int, ...], loss: Loss) -> tuple[tuple[int, ...], ...] | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of it
        found = crossed_in(loss(torch.randn(prediction, requires_grad=True) * 1.0, torch.randn(target)))
    return None if found is None else (found.prediction, found.target)


def squared(prediction: Tensor, target: Tensor) -> Tensor:
    return ((prediction - target) ** 2).mean()


def root(prediction: Tensor, target: Tensor) -> Tensor:
    return torch.sqrt((target - prediction).pow(2).sum() / len(target))


def two_terms(prediction: Tensor, target: Tensor) -> Tensor:
    return 0.1 * prediction.square().mean() + functional.l1_loss(prediction, target)


def clipped_huber(prediction: Tensor, target: Tensor) -> Tensor:
    error = target - prediction
    whole = torch.where(error.abs() < 1, 0.5 * error**2, error.abs() - 0.5)
    return torch.max(whole, 0.9 * whole).mean()


@pytest.mark.parametrize(
    "loss", [functional.mse_loss, functional.l1_loss, functional.smooth_l1_loss, functional.huber_loss, squared, root, two_terms, clipped_huber]
)  # fmt: skip
@pytest.mark.parametrize(
    ("prediction", "target"),
    [((B, 1), (B,)), ((B,), (B, 1)), ((B, 3, 1, 1), (B, 3)), ((B, 1, 5), (B, 5))],
)
def test_samples_that_are_compared_with_each_other_are_found(
    loss: Loss, prediction: tuple[int, ...], target: tuple[int, ...]
) -> None:
    assert sizes(prediction, target, loss) == (prediction, target)


def pairwise(prediction: Tensor, _: Tensor) -> Tensor:
    return ((prediction[:, None] - prediction[None]) ** 2).mean()


def to_each_centre(prediction: Tensor, centres: Tensor) -> Tensor:
    return (prediction.unsqueeze(1) - centres).abs().mean()


def soft_histogram(prediction: Tensor, bins: Tensor) -> Tensor:
    return torch.exp(-((prediction - bins) ** 2)).mean()


@pytest.mark.parametrize(
    ("prediction", "target", "loss"),
    [
        ((B, 3), (B, 3), squared),
        ((B, 3), (1, 3), squared),
        ((B, 3), (), functional.mse_loss),
        ((B, 5), (B, 1), squared),  # quantiles
        ((B, 1), (B, 5), squared),
        ((B, 4), (B, 4), pairwise),
        ((B,), (B,), to_each_centre),
        ((B, 1), (B,), soft_histogram),
        ((1, 1), (4,), squared),
    ],
)
def test_what_is_meant_is_no_crossing(prediction: tuple[int, ...], target: tuple[int, ...], loss: Loss) -> None:
    assert sizes(prediction, target, loss) is None


@pytest.mark.parametrize(("flat", "found"), [(True, False), (False, True)])
def test_a_term_of_a_reported_loss_is_named(tmp_path: Path, flat: bool, found: bool) -> None:
    torch.manual_seed(0)
    x = torch.randn(64, 6)
    y = x[:, :2] * torch.tensor([1.0, -1.0])
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 2), nn.Unflatten(1, (2, 1, 1)))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    writer = DiagWriter(tmp_path)
    writer.watch(model, optimizer)
    for step in range(60):
        rows = torch.arange(16) + 16 * (step % 4)
        out = model(x[rows])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loss = functional.l1_loss(out.flatten(1) if flat else out, y[rows]) + 1e-3 * out.square().mean()
        writer.add_loss("train", loss)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    writer.close()
    (report,) = diagnose(tmp_path)
    assert any(each.cause == "loss-mismatch" and each.severity == "error" for each in report.findings) == found
