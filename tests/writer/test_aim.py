"""What losses that are written by hand ask for: errors that cancel, arguments that are exchanged, scores where logarithms are wanted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the writer watches its trainings: pip install torch")

import torch.nn.functional as F  # noqa: E402, N812
from torch import Tensor, nn  # noqa: E402
from torch.distributions import Categorical  # noqa: E402

from tb_lossdiag import DiagWriter, diagnose  # noqa: E402
from tb_lossdiag.writer.aim import aim_of  # noqa: E402

torch.manual_seed(0)
X, Y, T = torch.randn(8, 4), torch.randn(8, 1), torch.rand(8, 1)
LAYER = nn.Linear(4, 1)
Loss = Callable[[Tensor, Tensor], Tensor]
LENGTHS = torch.full((3,), 6), torch.full((3,), 2)


def by_hand(first: Tensor, second: Tensor) -> Tensor:
    """A binary cross-entropy of `second`, given `first`."""
    return -(second * first.clamp(1e-6, 1).log() + (1 - second) * (1 - first).clamp(1e-6, 1).log()).mean()


@pytest.mark.parametrize(
    "loss",
    [
        lambda p, y: (p - y).mean() ** 2,
        lambda p, y: torch.mean(y - p).square(),
        lambda p, y: (p - y).mean().abs(),
        lambda p, y: ((p - y).sum() / len(y)) ** 2,
        lambda p, y: (p - y).squeeze(1).mean().pow(2).reshape(()),
    ],
)
def test_errors_that_are_averaged_before_they_are_squared_cancel(loss: Loss) -> None:
    assert aim_of(loss(LAYER(X), Y)) == "mean error"


@pytest.mark.parametrize(
    "loss",
    [
        F.mse_loss,
        lambda p, y: ((p - y) ** 2).mean().sqrt(),
        lambda p, y: ((p - y).mean(1) ** 2).mean(),  # of each sample
        lambda p, _: (p.mean() - 1) ** 2,  # a moment
        lambda p, y: (p - y).mean() ** 2 + F.l1_loss(p, y),  # beside another
        lambda p, _: (p - LAYER(X.flip(0))).mean() ** 2,  # of two that are learnt
        lambda p, _: -p.mean(),
    ],
)
def test_other_losses_are_what_they_seem(loss: Loss) -> None:
    assert aim_of(loss(LAYER(X), Y)) is None


def test_a_cross_entropy_of_the_targets_is_one_with_its_arguments_exchanged() -> None:
    shares = torch.sigmoid(LAYER(X))
    assert aim_of(F.binary_cross_entropy(T, shares)) == "exchanged"
    assert aim_of(by_hand(T, shares)) == "exchanged"


@pytest.mark.parametrize(
    "loss",
    [
        F.binary_cross_entropy,
        by_hand,
        lambda p, t: ((t > 0.5) * (1 - p) + (t <= 0.5) * p).mean(),
        lambda p, _: (1 - torch.sigmoid(p - p.flip(0))).mean(),  # pairs in the wrong order
        lambda p, t: 1 - 2 * (p * t).sum() / (p.sum() + t.sum()),  # Dice
    ],
)
def test_losses_of_shares_in_their_order_are_none(loss: Loss) -> None:
    assert aim_of(loss(torch.sigmoid(LAYER(X)), T)) is None


@pytest.mark.parametrize(("logarithms", "aim"), [(False, "raw scores"), (True, None)])
def test_a_ctc_loss_wants_logarithms(logarithms: bool, aim: str | None) -> None:
    scores = nn.Linear(4, 5)(torch.randn(6, 3, 4))
    given = scores.log_softmax(-1) if logarithms else scores
    loss = F.ctc_loss(given, torch.randint(1, 5, (3, 2)), *LENGTHS)
    assert aim_of(0.5 * loss + scores.square().mean()) == aim


@pytest.mark.parametrize(("factor", "aim"), [(1.0, None), (3.0, "no shares"), (-1.0, "no shares")])
def test_a_binary_cross_entropy_of_amounts_is_one_among_other_terms(factor: float, aim: str | None) -> None:
    scores = LAYER(X)
    places = F.binary_cross_entropy_with_logits(scores, factor * T, reduction="none").sum(-1).sum()
    assert aim_of(0.5 * places / 8 + F.mse_loss(scores, Y)) == aim


@pytest.mark.parametrize(
    ("advantage", "aim"),
    [(Y, "every pair"), (Y.squeeze(1), None), (Y.squeeze(1)[:1], None), (torch.tensor(2.0), None)],
)
def test_a_product_of_each_sample_with_all_others(advantage: Tensor, aim: str | None) -> None:
    ratio = LAYER(X).squeeze(1).exp()
    surrogate = torch.min(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage)
    assert aim_of(-surrogate.mean() + 0.5 * F.mse_loss(LAYER(X), Y)) == aim


@pytest.mark.parametrize(
    "loss",
    [
        lambda p: (p.unsqueeze(1) * Y.squeeze(1)).mean(),  # each with each is meant
        lambda p: (p[:, None] * p[None, :]).mean(),
        lambda p: (p * torch.randn(3, 8)).mean(),  # several weightings of the batch
        lambda p: (p.unsqueeze(1).clone() * torch.randn(8, 8)).mean(),  # as many columns as samples
    ],
)
def test_other_products_are_what_they_seem(loss: Callable[[Tensor], Tensor]) -> None:
    assert aim_of(loss(LAYER(X).squeeze(1))) is None


def test_what_carries_no_gradient_has_no_aim() -> None:
    assert aim_of(torch.tensor(1.0)) is None


def test_the_report_says_that_errors_cancel(tmp_path: Path) -> None:
    def my_mse(prediction: Tensor, target: Tensor) -> Tensor:
        return torch.mean(prediction - target) ** 2

    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    with DiagWriter(tmp_path) as writer:
        writer.watch(model, optimizer, my_mse)
        for _ in range(40):
            optimizer.zero_grad()
            x = torch.randn(64, 4)
            writer.loss_fn(model(x), x.sum(1, keepdim=True)).backward()
            optimizer.step()
    first = diagnose(tmp_path)[0].findings[0]
    assert first.cause == "loss-mismatch"
    assert "cancel" in first.summary


def chosen(logarithms: Tensor, labels: Tensor) -> Tensor:
    return -logarithms.gather(1, labels[:, None]).squeeze(1).mean()


@pytest.mark.parametrize(
    ("loss", "aim"),
    [
        (lambda s, y: -Categorical(logits=s.softmax(-1)).log_prob(y).mean(), "shares again"),
        (
            lambda s, y: -(Categorical(logits=s.softmax(-1)).log_prob(y) * y.float()).mean() + s.square().mean(),
            "shares again",
        ),
        (lambda s, y: chosen(s.softmax(-1).log_softmax(-1), y), "shares again"),
        (lambda s, y: -s.softmax(-1).log_softmax(-1)[torch.arange(len(y)), y].mean(), "shares again"),
        (lambda s, y: -Categorical(logits=s).log_prob(y).mean(), None),
        (lambda s, y: -Categorical(probs=s.softmax(-1)).log_prob(y).mean(), None),
        (lambda s, y: -Categorical(logits=s.log_softmax(-1)).log_prob(y).mean(), None),
        (
            lambda s, y: chosen((s.softmax(-1) @ torch.eye(5)).log_softmax(-1), y),
            None,
        ),  # a mixture of what is attended to
    ],
)
def test_a_softmax_of_a_softmax_is_seen_where_a_distribution_takes_it(
    loss: Callable[[Tensor, Tensor], Tensor], aim: str | None
) -> None:
    assert aim_of(loss(nn.Linear(4, 5)(torch.randn(6, 4)), torch.arange(6) % 5)) == aim
