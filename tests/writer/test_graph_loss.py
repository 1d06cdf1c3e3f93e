"""What a loss is made of, read off the loss itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from tb_lossdiag.writer import DiagWriter
from tb_lossdiag.writer.graph_loss import batch_in

X, LABELS, VALUES = torch.randn(8, 5), torch.randint(0, 5, (8,)), torch.randn(8, 5)
WEIGHTS = torch.arange(1.0, 6.0)


def output() -> Tensor:
    return (X * 2).requires_grad_()


@pytest.mark.parametrize(
    ("loss", "name", "target"),
    [
        (lambda out: F.cross_entropy(out, LABELS), "nll_loss", LABELS),
        (lambda out: F.cross_entropy(out, LABELS, reduction="none").mean(), "nll_loss", LABELS),
        (lambda out: nn.MSELoss()(out, VALUES), "mse_loss", VALUES),
        (
            lambda out: F.binary_cross_entropy_with_logits(out, VALUES.sigmoid()),
            "binary_cross_entropy_with_logits",
            VALUES.sigmoid(),
        ),
        (lambda out: F.smooth_l1_loss(out, VALUES).squeeze(), "smooth_l1_loss", VALUES),
    ],
)
def test_prediction_and_target_are_those_of_the_call(
    loss: Callable[[Tensor], Tensor], name: str, target: Tensor
) -> None:
    out = output()
    found = batch_in(loss(out))
    assert found is not None
    assert found.loss_fn.__name__ == name
    assert torch.equal(found.target, target)
    assert torch.allclose(found.prediction, F.log_softmax(out, 1) if name == "nll_loss" else out)
    assert torch.allclose(found.loss_fn(found.prediction, found.target), loss(out))


def test_weights_are_known() -> None:
    found = batch_in(F.cross_entropy(output(), LABELS, WEIGHTS))
    assert found is not None
    assert torch.equal(found.loss_fn.keywords["weight"], WEIGHTS)


@pytest.mark.parametrize(
    "loss",
    [
        lambda out: F.mse_loss(out, VALUES) + out.square().mean(),
        lambda out: 0.1 * F.mse_loss(out, VALUES),
        lambda out: F.mse_loss(out, VALUES, reduction="sum"),
        lambda out: ((out - VALUES) ** 2).mean(),
        lambda _: torch.tensor(1.0),
    ],
)
def test_what_is_more_than_one_mean_is_left_alone(loss: Callable[[Tensor], Tensor]) -> None:
    assert batch_in(loss(output())) is None


def test_after_the_gradient_nothing_is_left_to_read() -> None:
    loss = F.mse_loss(output(), VALUES)
    loss.backward()
    assert batch_in(loss) is None


def test_a_loss_that_is_reported_tells_its_targets(tmp_path: Path, training: Any, read: Any) -> None:
    with DiagWriter(tmp_path) as writer:
        writer.watch(training.model, training.optimizer)
        for _ in range(5):
            training.optimizer.zero_grad()
            loss = F.cross_entropy(training.model(training.x), training.y)
            writer.add_loss("train", loss)
            loss.backward()
            training.optimizer.step()
    log = read(tmp_path)
    counts = log.packed["lossdiag/targets/train"][4][0]
    assert counts.tolist() == (5 * torch.bincount(training.y, minlength=len(counts))).tolist()
    assert log.facts["models"][""]["loss"]["type"] == "nll_loss"
    assert log.facts["models"][""]["graph"]
    assert "lossdiag/outputs/train" in log.packed
