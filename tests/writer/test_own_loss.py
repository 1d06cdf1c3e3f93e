"""Loss functions of the user's own that come down to one of torch's."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the writer watches its trainings: pip install torch")

from torch import Tensor, nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402, N812

from tb_lossdiag import DiagWriter  # noqa: E402
from tb_lossdiag.reader import read_runs  # noqa: E402
from tb_lossdiag.signals import Signals  # noqa: E402
from tb_lossdiag.writer.own_loss import Meaning, is_own, meaning_of  # noqa: E402
from tb_lossdiag.writer.per_sample import type_of  # noqa: E402

SAMPLES, CLASSES, LENGTH = 12, 5, 4


def said(*sizes: int) -> Tensor:
    return nn.Linear(3, sizes[-1])(torch.randn(SAMPLES, *sizes[:-1], 3))


LABELS = torch.arange(SAMPLES) % CLASSES
AMOUNTS = torch.linspace(0, 1, SAMPLES)


@pytest.mark.parametrize(
    ("criterion", "prediction", "target", "name"),
    [
        (F.cross_entropy, (CLASSES,), LABELS, "cross_entropy"),
        (lambda p, y: F.cross_entropy(p, y.long()), (CLASSES,), LABELS.float(), "cross_entropy"),
        (lambda p, y: F.nll_loss(F.log_softmax(p, -1), y), (CLASSES,), LABELS, "cross_entropy"),
        (F.nll_loss, (CLASSES,), LABELS, "nll_loss"),
        (lambda p, y: F.mse_loss(p.squeeze(1), y), (1,), AMOUNTS, "mse_loss"),
        (lambda p, y: nn.SmoothL1Loss()(p, y.view(-1, 1).float()), (1,), AMOUNTS.double(), "smooth_l1_loss"),
        (lambda p, y: ((p.squeeze() - y) ** 2).mean(), (1,), AMOUNTS, "mse_loss"),
        (lambda p, y: torch.mean(torch.abs(y[:, None] - p)), (1,), AMOUNTS, "l1_loss"),
        (lambda p, y: F.binary_cross_entropy(torch.sigmoid(p[:, 0]), y), (1,), AMOUNTS, "binary_cross_entropy_with_logits"),
        (lambda p, y: F.binary_cross_entropy(torch.sigmoid(p).view(-1), y), (1,), AMOUNTS, "binary_cross_entropy_with_logits"),
        (lambda p, y: F.binary_cross_entropy_with_logits(p.flatten(), y), (1,), AMOUNTS, "binary_cross_entropy_with_logits"),
        (lambda p, y: F.cross_entropy(p.view(-1, CLASSES), y.view(-1)), (LENGTH, CLASSES), LABELS[:, None].repeat(1, LENGTH), "cross_entropy"),
    ],
)  # fmt: skip
def test_what_a_function_of_the_users_own_comes_down_to(
    criterion: Callable[..., Tensor], prediction: tuple[int, ...], target: Tensor, name: str | None
) -> None:
    output = said(*prediction)
    loss = criterion(output, target)
    meaning = meaning_of(loss, output, target)
    assert (meaning and type_of(meaning.loss_fn)) == name
    if meaning is not None:
        batch = meaning.batch(output.detach(), target)
        assert batch is not None
        again = meaning.loss_fn(batch.prediction, batch.target)
        assert float(again) == pytest.approx(float(loss.detach()), rel=1e-5)


@pytest.mark.parametrize(
    "criterion",
    [
        lambda p, y: F.cross_entropy(2 * p, y),
        lambda p, y: F.cross_entropy(p, y, reduction="none").square().mean(),
        lambda p, y: F.cross_entropy(p, y, reduction="sum"),
        lambda p, y: F.cross_entropy(p[1:], y[1:]),
        lambda p, y: F.nll_loss(F.log_softmax(p, 0), y),  # shares of the batch
        lambda p, y: -p[torch.arange(SAMPLES), y].mean(),
        lambda p, y: (p.sum(1) - y).square().mean(),
        lambda p, y: (p[:, 0] - 2 * y).square().mean(),
        lambda p, y: F.cross_entropy(p, (y + 1) % CLASSES),  # the labels as given may be none of its classes
        lambda p, y: F.cross_entropy(p, y - 1, ignore_index=-1),
    ],
)
def test_what_is_more_or_other_than_that_is_not_taken_for_it(criterion: Callable[..., Tensor]) -> None:
    output = said(CLASSES)
    assert meaning_of(criterion(output, LABELS), output, LABELS) is None


@pytest.mark.parametrize(
    ("criterion", "part"),
    [
        (F.cross_entropy, False),
        (lambda p, y: F.cross_entropy(p, y) + 1e-3 * p.square().mean(), True),
        (lambda p, y: 0.5 * F.cross_entropy(p, y), True),
        (lambda p, y: F.cross_entropy(p, y, label_smoothing=0.1), True),
    ],
)
def test_one_of_several_terms_is_known_as_such(criterion: Callable[..., Tensor], part: bool) -> None:
    output = said(CLASSES)
    meaning = meaning_of(criterion(output, LABELS), output, LABELS)
    assert meaning is not None
    assert meaning.loss_fn is F.cross_entropy
    assert meaning.part == part


def test_weights_go_along() -> None:
    weight, output = torch.rand(CLASSES), said(CLASSES)
    meaning = meaning_of(F.cross_entropy(output, LABELS, weight=weight), output, LABELS)
    assert meaning is not None
    assert isinstance(meaning.loss_fn, partial)
    assert torch.equal(meaning.loss_fn.keywords["weight"], weight)


def test_only_torchs_own_are_known_without_looking() -> None:
    class Own(nn.CrossEntropyLoss):
        def forward_of_a_trainer(self, output: Tensor, target: Tensor) -> Tensor:
            return self(output, target)

    assert is_own(lambda p, _: p)
    assert is_own(Own())
    assert is_own(Own().forward_of_a_trainer)
    assert not is_own(nn.CrossEntropyLoss())
    assert not is_own(F.cross_entropy)
    assert not is_own(partial(F.cross_entropy, label_smoothing=0.1))


def test_what_does_not_fit_is_no_batch() -> None:
    meaning = Meaning(F.mse_loss, (2,), (), torch.float32)
    assert meaning.batch(torch.zeros(3, 3), torch.zeros(3)) is None
    assert meaning.batch(torch.zeros(3, 2), torch.zeros(4)) is None


@pytest.mark.parametrize("swapped", [False, True])
def test_a_watched_training_is_known_by_it(tmp_path: Path, swapped: bool) -> None:
    def criterion(first: Tensor, second: Tensor) -> Tensor:
        output, labels = (second, first) if swapped else (first, second)
        return F.cross_entropy(output, labels.long())

    model = nn.Linear(3, CLASSES)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x = torch.randn(SAMPLES, 3)
    with DiagWriter(tmp_path) as writer:
        writer.watch(model, optimizer, criterion)

        def loss() -> Tensor:
            return writer.loss_fn(LABELS, model(x)) if swapped else writer.loss_fn(model(x), LABELS)

        for _ in range(5):
            optimizer.zero_grad()
            loss().backward()
            optimizer.step()
        with writer.evaluating("val"), torch.no_grad():
            loss()
    signals = Signals(read_runs(tmp_path)[0])
    assert signals.get("loss_function").is_cross_entropy
    assert len(signals.get("targets").counts) == CLASSES
    assert signals.get("class_answers")["val"].count.sum() == SAMPLES


def test_one_of_two_targets_is_not_taken_for_the_other(tmp_path: Path) -> None:
    kinds, times = torch.randint(0, CLASSES, (SAMPLES, LENGTH)), torch.randn(SAMPLES, LENGTH) - 3

    def criterion(output: tuple[Tensor, Tensor], target: tuple[Tensor, Tensor]) -> Tensor:
        (logits, time), (kind, wait) = output, target
        return F.cross_entropy(logits.flatten(0, 1), kind.flatten()) + (time.squeeze(-1) - wait).square().mean()

    class Streams(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.kind, self.time = nn.Linear(3, CLASSES), nn.Linear(3, 1)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return self.kind(x), self.time(x)

    model, x = Streams(), torch.randn(SAMPLES, LENGTH, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with DiagWriter(tmp_path) as writer:
        writer.watch(model, optimizer, criterion)
        for _ in range(5):
            optimizer.zero_grad()
            writer.loss_fn(model(x), (kinds, times)).backward()
            optimizer.step()
    run = read_runs(tmp_path)[0]
    assert len(run.series["loss/train"]) == 5
    assert run.facts["models"][""]["notes"] == []


def test_what_single_samples_cost_may_fail_and_the_loss_is_seen_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tb_lossdiag.writer.data.loss_by_sample", lambda *_: 1 / 0)
    model, x = nn.Linear(3, CLASSES), torch.randn(SAMPLES, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with DiagWriter(tmp_path) as writer:
        loss_fn = nn.CrossEntropyLoss()
        writer.watch(model, optimizer, loss_fn)
        for _ in range(5):
            optimizer.zero_grad()
            loss_fn(model(x), LABELS).backward()
            optimizer.step()
    run = read_runs(tmp_path)[0]
    assert len(run.series["loss/train"]) == 5
    assert "the losses of single samples" in run.facts["models"][""]["notes"][0]
