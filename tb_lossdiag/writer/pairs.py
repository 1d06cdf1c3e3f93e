"""Whether an answer suits its own sample better than another one: the loss of a batch, and what it would be if the answers were handed out to other samples.

A permutation test (Fisher 1935) of what the network has learnt of single samples, for targets that have many values each, as masks and pictures
do: there a network that is shown wrong pairs still learns what all targets have in common, and gets below every guess of one number.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tb_lossdiag.writer.per_sample import loss_by_sample

__all__ = ["FIGURES", "Pairs", "of_pairs"]

FIGURES = ("own", "other", "alike", "samples")
VALUES = 64  # of a target, at least
FEWEST = 4  # samples of a batch


class Pairs:
    """The mean losses of one evaluation, over the batches of it that are looked at."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Another evaluation begins."""
        self._sums = np.zeros(3)
        self._samples = 0

    def see(self, sums: NDArray[np.float64], samples: int) -> NDArray[np.float32]:
        """Add a batch (`of_pairs`), and say what all of them come to, as a column of `FIGURES`."""
        self._sums = self._sums + sums
        self._samples += samples
        return np.array([*(self._sums / self._samples), self._samples], dtype=np.float32)[:, None]


def of_pairs(loss_fn: object, prediction: Tensor, target: Tensor) -> tuple[Tensor, int] | None:
    """Summed over the samples: their loss, that with the answers of samples half a batch away, and the share of values that both targets have
    in common; shape (3,). None of targets with few values, and of loss functions that are not torch's own.
    """
    count = len(target) if target.dim() > 1 else 0
    if count < FEWEST or target[0].numel() < VALUES or len(prediction) != count:
        return None
    own = loss_by_sample(loss_fn, prediction, target)
    if own is None:
        return None
    rows = len(own)
    away = rows // 2
    other = loss_by_sample(loss_fn, prediction[:rows].roll(away, 0), target[:rows])
    if other is None:
        return None
    alike = (target[:rows] == target[:rows].roll(away, 0)).float().mean() * rows
    return torch.stack([own.sum().float(), other.sum().float(), alike]), rows
