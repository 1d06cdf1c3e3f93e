"""Labels of samples that come again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the writer watches its trainings: pip install torch")

from torch import Tensor, nn  # noqa: E402

from tb_lossdiag import DiagWriter  # noqa: E402
from tb_lossdiag.reader import read_runs  # noqa: E402
from tb_lossdiag.signals import Signals  # noqa: E402
from tb_lossdiag.signals.samples import Relabelled  # noqa: E402
from tb_lossdiag.writer.labels import KEPT, LOOKED_AT, Labels, broken, label_of  # noqa: E402

SAMPLES, CLASSES, STEPS = 40, 3, 10


def keys(*numbers: int) -> np.ndarray[Any, Any]:
    return np.array([[each, 0] for each in numbers], dtype=np.float64)


def test_labels_are_held_against_those_of_before() -> None:
    labels = Labels()
    assert labels.see(keys(1, 2, 3), np.array([0.0, 1, 2]))[:, 0].tolist() == [0, 0]
    assert labels.see(keys(3, 1), np.array([2.0, 1]))[:, 0].tolist() == [2, 1]
    assert labels.see(keys(4, 4), np.array([0.0, 1]))[:, 0].tolist() == [3, 2], "twice in one batch"


def test_of_a_large_batch_the_first_have_a_label() -> None:
    assert Labels().see(keys(1, 2, 1), np.array([0.0]))[:, 0].tolist() == [0, 0]
    told = label_of(torch.arange(2 * LOOKED_AT), 2 * LOOKED_AT)
    assert told is not None
    assert len(told) == LOOKED_AT


def test_memory_is_bounded() -> None:
    labels = Labels()
    for start in range(0, 2 * KEPT, 1000):
        labels.see(keys(*range(start, start + 1000)), np.zeros(1000))
    assert len(labels._known) == KEPT


@pytest.mark.parametrize(
    ("target", "samples", "told"),
    [
        (torch.tensor([2, 0, 1]), 3, [2.0, 0.0, 1.0]),
        (torch.tensor([[1.0], [0.0]]), 2, [1.0, 0.0]),
        (torch.zeros(3, 4), 3, None),
        (torch.tensor(1), 1, None),
        (torch.zeros(0), 3, None),
    ],
)
def test_a_sample_has_one_label_or_none_is_told(target: Tensor, samples: int, told: list[float] | None) -> None:
    found = label_of(target, samples)
    assert (None if found is None else found.tolist()) == told


@pytest.mark.parametrize(
    ("values", "amounts"), [(torch.tensor([[1.0, 2.0]]), [0.0]), (torch.tensor([[1.0, 2.5]]), [1.0]), (torch.tensor([[1, 2]]), [])]
)  # fmt: skip
def test_samples_of_whole_numbers_are_alike_by_nature(values: Tensor, amounts: list[float]) -> None:
    assert broken(values).tolist() == amounts


def shuffled_alone(y: Tensor, _: Tensor) -> Tensor:
    return y[torch.randperm(len(y))]


def shuffled_together(y: Tensor, order: Tensor) -> Tensor:
    return y[order]


def train(
    folder: Path, x: Tensor, labels: Callable[[Tensor, Tensor], Tensor], forward: Callable[..., Tensor]
) -> Relabelled | None:
    torch.manual_seed(0)
    model, y = nn.Linear(x.shape[1], CLASSES), torch.arange(SAMPLES) % CLASSES
    optimizer, loss_fn = torch.optim.SGD(model.parameters(), lr=0.1), nn.CrossEntropyLoss()
    with DiagWriter(folder) as writer:
        writer.watch(model, optimizer, loss_fn)
        for _ in range(STEPS):
            order = torch.randperm(SAMPLES)
            optimizer.zero_grad()
            loss_fn(forward(model, x[order]), labels(y, order)).backward()
            optimizer.step()
    found = Signals(read_runs(folder)[0]).get("relabelled")
    assert found is None or isinstance(found, Relabelled)
    return found


AMOUNTS = torch.randn(SAMPLES, 4, generator=torch.Generator().manual_seed(1))


def once(model: nn.Module, x: Tensor) -> Tensor:
    return model(x)


def test_inputs_and_labels_that_are_shuffled_each_by_itself_are_seen(tmp_path: Path) -> None:
    found = train(tmp_path, AMOUNTS, shuffled_alone, once)
    assert found is not None
    assert found.again == SAMPLES * (STEPS - 1)
    assert 0.5 * found.again < found.otherwise < 0.8 * found.again


def test_where_they_are_shuffled_together_each_sample_keeps_its_label(tmp_path: Path) -> None:
    assert train(tmp_path, AMOUNTS, shuffled_together, once) == Relabelled(SAMPLES * (STEPS - 1), 0)


def test_categories_and_pairs_that_are_passed_one_after_the_other_are_no_samples(tmp_path: Path) -> None:
    assert train(tmp_path / "categories", AMOUNTS.round(), shuffled_alone, once) is None
    pairs = train(tmp_path / "pairs", AMOUNTS, shuffled_alone, lambda model, x: model(x) - model(x.flip(0)))
    assert pairs is None
