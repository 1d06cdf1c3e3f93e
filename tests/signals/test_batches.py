"""What batches are made of, where the targets are ones and zeros."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tb_lossdiag.series import Packed, Run
from tb_lossdiag.signals import Signals

SIZE, CLASSES = 10, 4
RNG = np.random.default_rng(0)


def shares(labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """The running mean of one-hot targets, after each batch; `labels` is (batches, samples)."""
    batches = np.eye(CLASSES)[labels].mean(axis=1)
    return np.cumsum(batches, axis=0) / np.arange(1, len(batches) + 1)[:, None]


def run(mean: NDArray[np.float64], high: float = 1.0) -> Signals:
    low = np.zeros_like(mean)
    table = np.stack([mean, np.sqrt(mean * (1 - mean)), low, low + high], axis=1)
    columns = tuple(f"component {i}" for i in range(mean.shape[1]))
    packed = Packed("targets", "train", ("mean", "std", "min", "max"), columns, np.arange(len(mean)), table)
    model = {"": {"batch_size": SIZE, "target": {"shape": [CLASSES], "dtype": "float32"}}}
    return Signals(Run("a", {}, [packed], {"models": model}))


@pytest.mark.parametrize(("in_order", "excess"), [(True, SIZE), (False, 1.0)])
def test_one_hot_targets_tell_whether_batches_hold_one_class_each(in_order: bool, excess: float) -> None:
    labels = np.repeat(np.arange(CLASSES), 25 * SIZE)
    found = run(shares((labels if in_order else RNG.permutation(labels)).reshape(-1, SIZE))).get("composition")
    assert found.excess == pytest.approx(excess, rel=0.2)
    assert (found.alike > 0.9) == in_order
    assert found.classes == CLASSES
    assert found.by_sample


def test_other_targets_of_several_components_have_no_classes() -> None:
    mean = shares(RNG.integers(0, CLASSES, (100, SIZE)))
    assert run(mean, high=0.7).get("composition") is None
    assert run(mean * 0.5).get("composition") is None


def test_a_class_that_never_came_does_not_count() -> None:
    found = run(shares(RNG.integers(0, CLASSES - 1, (100, SIZE)))).get("composition")
    assert found.classes == CLASSES - 1
    assert found.excess == pytest.approx(1.0, rel=0.2)
    assert run(shares(np.zeros((100, SIZE), dtype=np.int64))).get("composition") is None


def counted(labels: NDArray[np.int64], steps: NDArray[np.int64]) -> Signals:
    """The class counts of those batches that were looked at; `labels` is (batches, samples)."""
    counts = np.stack([np.bincount(each, minlength=labels.max() + 1) for each in labels[steps]]).astype(float)
    columns = tuple(f"class {i}" for i in range(counts.shape[1]))
    return Signals(Run("a", {}, [Packed("batch", "train", ("count",), columns, steps, counts[:, None])], {}))


@pytest.mark.parametrize(("classes", "pairs", "told"), [(10, 5, True), (10, 2, False), (3, 5, False), (3, 8, True)])
def test_a_few_pairs_of_batches_are_enough_where_they_can_differ_in_many_ways(
    classes: int, pairs: int, told: bool
) -> None:
    steps = np.concatenate(
        [[i, i + 1] for i in range(0, 40 * pairs, 40)] + [np.arange(40 * pairs, 40 * pairs + 160, 40)]
    )
    labels = np.sort(RNG.integers(0, classes, 12000)).reshape(-1, 20)
    near = np.argsort(np.arange(labels.size) + RNG.uniform(0, labels.size / 3, labels.size))
    mixed = labels.ravel()[near].reshape(labels.shape)
    found = counted(mixed, steps).get("composition")
    assert (found is not None and found.alike > 0.4 and found.excess > 3) == told
    shuffled = [
        counted(RNG.permutation(mixed.ravel()).reshape(mixed.shape), steps).get("composition") for _ in range(200)
    ]
    assert all(each is None or min(each.excess / 2, each.alike / 0.5) < 1 for each in shuffled)


def test_batches_of_one_class_each_need_no_neighbours() -> None:
    labels = np.repeat(np.arange(2), 1000).reshape(-1, 20)
    steps = np.arange(0, 100, 10)
    found = counted(labels, steps).get("composition")
    assert found.excess == pytest.approx(20)
    assert found.pairs == 0
    assert counted(RNG.permutation(labels.ravel()).reshape(labels.shape), steps).get("composition") is None
