"""Whether a sample that comes again has the label that it had before."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tb_lossdiag.writer.identity import keys_of

__all__ = ["FIGURES", "Labels", "broken", "label_of"]

FIGURES = ("again", "otherwise")
KEPT = 1 << 14  # samples whose labels are kept
LOOKED_AT = 256  # samples of a batch
MIDDLE = 0.5


def broken(values: Tensor) -> Tensor:
    """1 where there are amounts among these values, 0 where all are whole numbers: of categories, many samples are alike by nature."""
    return (values != values.round()).any().to(values.dtype)[None] if values.is_floating_point() else values[:0].float()


def label_of(target: Tensor, samples: int) -> Tensor | None:
    """The class of each of so many samples, or yes and no, shape (samples,); None where a sample has several, or an amount."""
    if target.numel() != samples or target.dim() == 0:
        return None
    flat = target.detach().reshape(-1)[:LOOKED_AT]
    return (flat > MIDDLE).float() if flat.is_floating_point() else flat.float()


class Labels:
    """The labels of the samples that were looked at, as many as are kept."""

    def __init__(self) -> None:
        self._known: dict[int, int] = {}
        self._again = self._otherwise = 0

    def see(self, halves: NDArray[np.float64], labels: NDArray[np.float64]) -> NDArray[np.float32]:
        """Add a batch: its samples' fingerprints and their labels. How many have come again so far, and how many of them with another label: a column."""
        # of a large batch only the first have a label here
        for key, label in zip(keys_of(halves), labels.astype(np.int64).tolist(), strict=False):
            known = self._known.get(key)
            if known is not None:
                self._again += 1
                self._otherwise += known != label
            elif len(self._known) < KEPT:
                self._known[key] = label
        return np.array([[self._again], [self._otherwise]], dtype=np.float32)
