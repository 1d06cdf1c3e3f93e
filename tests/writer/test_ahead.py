"""How far ahead of its input a language model's target lies."""

from __future__ import annotations

from collections.abc import Callable

import pytest

torch = pytest.importorskip("torch", reason="the writer watches its trainings: pip install torch")

from torch import Tensor, nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402, N812

from tb_lossdiag.writer.ahead import ahead_in  # noqa: E402

LETTERS, LENGTH, TEXTS = 20, 24, 8


def texts() -> Tensor:
    return torch.randint(0, LETTERS, (TEXTS, LENGTH + 3), generator=torch.Generator().manual_seed(0))


def scores(ids: Tensor) -> Tensor:
    """What a model says at each place, shape (texts, length, letters)."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Embedding(LETTERS, 8), nn.Linear(8, LETTERS))(ids)


def loss(said: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(said.reshape(-1, LETTERS), target.reshape(-1))


TEXT = texts()
IDS = TEXT[:, :LENGTH]
NEXT = TEXT[:, 1 : LENGTH + 1]


@pytest.mark.parametrize(
    ("compute", "places"),
    [
        (lambda said: loss(said, NEXT), 1),
        (lambda said: loss(said[:, :-1], IDS[:, 1:]), 1),  # as models do that are given their inputs as labels
        (lambda said: loss(said[:, :-1], NEXT[:, 1:]), 2),  # moved by the data set, and by the model once more
        (lambda said: loss(said[:, 1:], NEXT[:, 1:]), 1),  # the first prediction does not count
        (lambda said: F.cross_entropy(said.transpose(1, 2), NEXT), 1),
        (lambda said: F.cross_entropy(said.transpose(1, 2)[:, :, :-1], NEXT[:, 1:]), 2),
        (lambda said: loss(said, NEXT.masked_fill(NEXT > 15, -100)), 1),
        (lambda said: loss(said, IDS), 0),
        (lambda said: loss(said, torch.roll(NEXT, 3, 0)), None),  # of other texts
        (lambda said: loss(said[:, -1], NEXT[:, -1]), None),  # one letter of each
        (lambda said: loss(said, NEXT) + loss(2 * said, NEXT), None),  # several losses
        (lambda said: loss(said[:, -LENGTH + 1 :], NEXT[:, 1:]), None),  # counted from the end
        (lambda said: said.square().mean(), None),
    ],
)
def test_how_far_ahead_the_targets_lie(compute: Callable[[Tensor], Tensor], places: int | None) -> None:
    assert ahead_in(compute(scores(IDS)), IDS) == places


def test_texts_may_lie_along_the_other_axis() -> None:
    ids, following = IDS.t().contiguous(), NEXT.t().contiguous()
    assert ahead_in(loss(scores(ids), following), ids) == 1
    assert ahead_in(loss(scores(ids)[:-1], following[1:]), ids) == 2


def led(said: Tensor) -> Tensor:
    """Three places of a picture before each text."""
    return torch.cat([said[:, :3].detach(), said], 1)


@pytest.mark.parametrize(
    ("compute", "places"),
    [
        (lambda said: loss(led(said)[:, 3:], NEXT), 1),
        (lambda said: loss(led(said)[:, 3:-1], IDS[:, 1:]), 1),
        (lambda said: loss(led(said)[:, 3:-1], F.pad(IDS[:, 2:], (0, 1), value=-100)), 2),
        (lambda said: loss(led(said)[:, 3:][:, 1:], NEXT[:, 1:]), 1),  # the first prediction does not count either
        (lambda said: loss(led(said)[:, 2:-1], IDS), 1),  # the picture's last place tells the first token
    ],
)
def test_what_stands_before_a_text_is_no_prediction_of_it(compute: Callable[[Tensor], Tensor], places: int) -> None:
    assert ahead_in(compute(scores(IDS)), IDS) == places


def test_a_text_that_repeats_itself_tells_nothing() -> None:
    same = torch.ones_like(IDS)
    assert ahead_in(loss(scores(same), same), same) is None


def test_a_few_tokens_and_a_gradient_that_was_taken_tell_nothing() -> None:
    assert ahead_in(loss(scores(IDS[:2]), NEXT[:2]), IDS[:2]) is None
    taken = loss(scores(IDS), NEXT)
    taken.backward()
    assert ahead_in(taken, IDS) is None
