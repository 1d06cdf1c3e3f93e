"""Terms of a loss that ask for small activations."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from tb_lossdiag.writer.activity import asks_for_silence, shut
from tb_lossdiag.writer.nodes import walked

X = torch.randn(6, 8)
ENCODER, DECODER = nn.Sequential(nn.Linear(8, 4), nn.ReLU()), nn.Linear(4, 8)


@pytest.mark.parametrize(
    "penalty",
    [
        lambda code: code.abs().sum(1).mean(),
        lambda code: code.sum(1).mean(),
        lambda code: code.norm(1),
        lambda code: torch.linalg.vector_norm(code, 1, dim=1).mean(),
        lambda code: 0.5 * (code**2).mean(),
    ],
)
def test_a_penalty_on_a_code_is_one(penalty: Callable[[Tensor], Tensor]) -> None:
    code = ENCODER(X)
    assert asks_for_silence(F.mse_loss(DECODER(code), X) + 1e-3 * penalty(code))


@pytest.mark.parametrize(
    "term",
    [
        lambda _: F.l1_loss(DECODER(ENCODER(X)), X),  # compares
        lambda code: F.l1_loss(code, torch.ones_like(code)),
        lambda _: sum(each.abs().sum() for each in ENCODER.parameters()),  # of weights
        lambda code: -DECODER(code).mean(),  # a critic's
        lambda code: F.relu(1 - DECODER(code)).mean(),  # a hinge
        lambda code: -(code.softmax(1) * code.log_softmax(1)).sum(1).mean(),  # an entropy
    ],
)
def test_other_terms_are_none(term: Callable[[Tensor], Tensor]) -> None:
    code = ENCODER(X)
    assert not asks_for_silence(F.mse_loss(DECODER(code), X) + 1e-3 * term(code))


def test_a_loss_of_one_term_is_no_penalty() -> None:
    assert not asks_for_silence(ENCODER(X).abs().mean())
    assert not asks_for_silence(torch.tensor(1.0))


@pytest.mark.parametrize(("shift", "found"), [(-100.0, True), (0.0, False)])
def test_a_rectifier_that_lets_nothing_through_is_shut(shift: float, found: bool) -> None:
    loss = F.mse_loss(F.relu(DECODER(ENCODER(X)) + shift), X)
    nodes = walked(loss.grad_fn)
    assert nodes is not None
    assert shut(nodes) == found
    loss.backward()
    assert not shut(nodes), "what it kept is gone"
