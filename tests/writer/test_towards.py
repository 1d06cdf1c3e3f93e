"""Where a loss of the user's own pulls wrong answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the writer watches its trainings: pip install torch")

from torch import Tensor, nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402, N812

from tb_lossdiag import DiagWriter, diagnose  # noqa: E402
from tb_lossdiag.reader import read_runs  # noqa: E402
from tb_lossdiag.signals import Signals  # noqa: E402

Loss = Callable[[Tensor, Tensor], Tensor]


def dice(output: Tensor, target: Tensor) -> Tensor:
    shares = output.sigmoid()
    return 2 * (shares * target).sum() / (shares.sum() + target.sum())


def focal(output: Tensor, target: Tensor, *, turned: bool) -> Tensor:
    bce = F.binary_cross_entropy_with_logits(output, target, reduction="none")
    right = torch.exp(-bce)
    return ((right if turned else 1 - right) ** 2 * bce).mean()


def contrastive(distance: Tensor, same: Tensor) -> Tensor:
    return (same * distance.square() + (1 - same) * (1.5 - distance).clamp(min=0).square()).mean()


def by_hand(output: Tensor, target: Tensor) -> Tensor:
    shares = output.sigmoid()
    return (target * shares.log() + (1 - target) * (1 - shares).log()).mean()


STEPS = 60


def trained(
    place: Path, loss: Loss, *, ends: nn.Module | None = None, classes: int = 0, amounts: bool = False
) -> Signals:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, max(classes, 1)), ends or nn.Identity())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    x = torch.randn(64, 4)
    y = x[:, :1] + torch.randn(64, 1) if not classes else (x[:, 0] > 0).long()
    y = y if amounts or classes else (y > 0).float()
    with DiagWriter(place) as writer:
        writer.watch(model, optimizer, loss)
        for _ in range(STEPS):
            optimizer.zero_grad()
            writer.loss_fn(model(x), y).backward()
            optimizer.step()
            with writer.evaluating("val"):
                writer.loss_fn(model(x), y)
    return Signals(read_runs(place)[0])


@pytest.mark.parametrize(
    ("loss", "ends", "away"),
    [
        (lambda o, y: 1 - dice(o, y), None, False),
        (dice, None, True),
        (lambda o, y: focal(o, y, turned=False), None, False),
        (lambda o, y: focal(o, y, turned=True), None, True),
        (lambda o, y: -by_hand(o, y), None, False),
        (by_hand, None, True),
        (lambda o, y: -(y * o.log() + (1 - y) * (1 - o).log()).mean(), nn.Sigmoid(), False),
        (lambda o, y: (1 - (2 * y - 1) * o).clamp(min=0).square().mean(), None, False),
    ],
)
def test_wrong_answers_are_pulled_towards_their_labels_unless_the_loss_is_turned_round(
    tmp_path: Path, loss: Loss, ends: nn.Module | None, away: bool
) -> None:
    found = trained(tmp_path, loss, ends=ends).get("towards")
    assert found.median == (1.0 if away else 0.0)
    assert len(found.away) >= 4


def test_classes_are_left_alone_as_they_may_say_which_embeddings_are_of_one_kind(tmp_path: Path) -> None:
    def triplet(embedding: Tensor, label: Tensor) -> Tensor:
        apart = torch.cdist(embedding, embedding)
        same = label[:, None] == label[None]
        return (apart * same).mean() + ((1 - apart).clamp(min=0) * ~same).mean()

    assert trained(tmp_path, triplet, classes=3).get("towards") is None


@pytest.mark.parametrize(
    ("loss", "ends"),
    [
        (contrastive, nn.Softplus()),  # distances, small where two things are the same
        (nn.BCEWithLogitsLoss(), None),  # torch's own, of which it is known
        (lambda o, y: (o - 3 * y).square().log1p().mean() + 0 * y.sum(), nn.Softplus()),
    ],
)
def test_distances_and_what_is_known_are_left_alone(tmp_path: Path, loss: Loss, ends: nn.Module | None) -> None:
    assert trained(tmp_path, loss, ends=ends).get("towards") is None


def test_amounts_are_no_labels(tmp_path: Path) -> None:
    assert trained(tmp_path, lambda o, y: -((o - y) ** 4).mean(), amounts=True).get("towards") is None


def test_a_loss_that_is_turned_round_is_told(tmp_path: Path) -> None:
    trained(tmp_path, dice)
    first = diagnose(read_runs(tmp_path)[0]).findings[0]
    assert (first.cause, first.severity) == ("loss-mismatch", "error")
    assert "further away from their labels" in first.summary


def test_training_is_the_same_bit_for_bit(tmp_path: Path) -> None:
    def weights(watched: bool) -> Tensor:
        torch.manual_seed(1)
        model = nn.Linear(4, 1)
        optimizer = torch.optim.Adam(model.parameters())
        x = torch.randn(32, 4)
        y = (x[:, :1] > 0).float()
        writer = DiagWriter(tmp_path / str(watched)) if watched else None
        loss_fn: Loss = dice
        if writer is not None:
            writer.watch(model, optimizer, dice)
            loss_fn = writer.loss_fn
        for _ in range(10):
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()
        if writer is not None:
            writer.close()
        return model.weight.detach().clone()

    assert torch.equal(weights(True), weights(False))
