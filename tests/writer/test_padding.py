"""Padding that counts in the loss of texts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the writer watches its trainings: pip install torch")

from torch import Tensor, nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402, N812

from tb_lossdiag import DiagWriter  # noqa: E402
from tb_lossdiag.reader import read_runs  # noqa: E402
from tb_lossdiag.signals import Signals  # noqa: E402
from tb_lossdiag.writer.padding import padding_in  # noqa: E402

WORDS, LENGTH, TEXTS, PAD = 30, 20, 8, 0
LENGTHS = [20, 17, 12, 12, 9, 8, 5, 3]
SHARE = 1 - sum(LENGTHS) / (TEXTS * LENGTH)


def texts(*, least: int = 1, most: int = WORDS) -> Tensor:
    torch.manual_seed(0)
    words = torch.randint(least, most, (TEXTS, LENGTH))
    return words.masked_fill(torch.arange(LENGTH) >= torch.tensor(LENGTHS)[:, None], PAD)


def scores(ids: Tensor) -> Tensor:
    """What a model says at each place, shape (texts, length, words)."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Embedding(WORDS, 8), nn.Linear(8, WORDS))(ids)


def loss(target: Tensor, **settings: object) -> Tensor:
    return F.cross_entropy(scores(target).reshape(-1, WORDS), target.reshape(-1), **settings)


def weights() -> Tensor:
    return torch.ones(WORDS).index_fill(0, torch.tensor([PAD]), 0.0)


@pytest.mark.parametrize(
    "compute",
    [
        loss,
        lambda ids: loss(ids, reduction="sum"),
        lambda ids: loss(ids.t()),
        lambda ids: loss(ids.flip(1)),  # filled up in front
        lambda ids: F.cross_entropy(scores(ids).transpose(1, 2), ids),
        lambda ids: loss(ids) / 3,
        lambda ids: loss(ids, weight=1 + weights()),
    ],
)
def test_padding_that_counts_is_found_with_its_share(compute: Callable[[Tensor], Tensor]) -> None:
    found = padding_in(compute(texts()), (TEXTS, 99))
    assert found is not None
    assert found[0] == PAD
    assert found[1] == pytest.approx(SHARE)


@pytest.mark.parametrize(
    "compute",
    [
        lambda ids: loss(ids, ignore_index=PAD),
        lambda ids: F.cross_entropy(scores(ids).flatten(0, 1), ids.masked_fill(ids == PAD, -100).flatten()),
        lambda ids: loss(ids, weight=weights()),
        lambda ids: (loss(ids, reduction="none") * (ids != PAD).reshape(-1)).sum() / (ids != PAD).sum(),
        lambda _: loss(texts(least=0)),  # a word like any other, or the tag of what has none
        lambda _: loss(texts(most=4)),  # a state that lasts to the end
        lambda ids: loss(ids[:1].repeat(TEXTS, 1)),  # all of one length
        lambda ids: loss(ids[:, :3]),  # all are longer
        lambda ids: loss(ids[:, 0]),  # one word of each
        lambda ids: scores(ids).square().mean(),
    ],
)
def test_padding_that_is_left_out_and_what_only_looks_like_it_is_none(compute: Callable[[Tensor], Tensor]) -> None:
    assert padding_in(compute(texts()), (TEXTS, 99)) is None


def test_a_gradient_that_was_taken_tells_nothing() -> None:
    taken = loss(texts())
    taken.backward()
    assert padding_in(taken, (TEXTS,)) is None


def test_of_which_texts_a_batch_is_made_must_fit() -> None:
    assert padding_in(loss(texts()), (7, 3)) is None
    assert padding_in(loss(texts()), ()) is None


@pytest.mark.parametrize(("settings", "found"), [({}, PAD), ({"ignore_index": PAD}, None)])
def test_a_watched_training_tells_of_it(tmp_path: Path, settings: dict[str, int], found: int | None) -> None:
    ids = texts()
    model = nn.Sequential(nn.Embedding(WORDS, 8), nn.Linear(8, WORDS), nn.Flatten(0, 1))
    optimizer, loss_fn = torch.optim.SGD(model.parameters(), lr=0.1), nn.CrossEntropyLoss(**settings)
    with DiagWriter(tmp_path) as writer:
        writer.watch(model, optimizer, loss_fn)
        for _ in range(3):
            optimizer.zero_grad()
            loss_fn(model(ids), ids.flatten()).backward()
            optimizer.step()
    (run,) = read_runs(tmp_path)
    padding = Signals(run).get("padding")
    assert (padding and padding[0]) == found
