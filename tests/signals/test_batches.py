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
