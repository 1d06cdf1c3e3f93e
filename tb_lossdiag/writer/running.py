"""Statistics of columns (features, components, classes) over all samples looked at so far.

A batch is summed up on its device into a small tensor; the host merges these sums (Chan, Golub and LeVeque 1979), so
that nothing grows and means far from zero lose no digits.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tb_lossdiag.writer.transfer import wide

__all__ = ["COLUMNS", "Counts", "Running", "chosen_columns", "class_counts", "column_summary", "columns_last"]

COLUMNS = 256  # columns that are kept at most; of more, evenly chosen ones
ELEMENTS = 65536  # elements of one batch that are looked at, about
ROWS = 512  # rows that a large batch is never thinned out below


def columns_last(values: Tensor) -> Tensor:
    """A batch as (samples, columns): features are last, but the channels of images (B, C, H, W) are second.

    Of a large batch evenly spaced positions are taken, and of many columns `COLUMNS` evenly chosen ones.
    """
    values = wide(values)
    if values.dim() <= 1:
        return values.reshape(-1, 1)[:ELEMENTS]
    if values.dim() >= 4:  # noqa: PLR2004  (images and volumes)
        values = values.flatten(2).transpose(1, 2)
    columns = values.shape[-1]
    if columns > COLUMNS:
        values = values.index_select(-1, chosen_index(columns, values.device))
    if values.dim() > 2:  # noqa: PLR2004
        positions = values.flatten(1, -2)
        every = min(max(1, values.numel() // ELEMENTS), max(1, positions.shape[1]))
        values = positions[:, ::every].flatten(0, 1)
    return values[:: max(1, min(values.numel() // ELEMENTS, len(values) // ROWS))]


def chosen_columns(count: int) -> list[int]:
    """At most `COLUMNS` columns of `count`, evenly chosen, the first and the last among them."""
    return list(range(count)) if count <= COLUMNS else [i * (count - 1) // (COLUMNS - 1) for i in range(COLUMNS)]


@lru_cache(maxsize=64)
def chosen_index(count: int, device: torch.device) -> Tensor:
    """The chosen columns, where they are needed."""
    return torch.tensor(chosen_columns(count), device=device)


def column_summary(values: Tensor) -> Tensor:
    """Mean, sum of squared deviations, minimum and maximum of each column of (samples, columns): shape (4, columns)."""
    mean = values.mean(0)
    deviation = values - mean
    # amin and amax by themselves are twelve times faster than aminmax on a CPU
    return torch.stack((mean, (deviation * deviation).sum(0), values.amin(0), values.amax(0)))


def class_counts(targets: Tensor, classes: int) -> Tensor:
    """How often each class occurs; what is no class (such as the index to ignore) is left out. Needs no host."""
    flat = targets.detach().reshape(-1).long()
    flat = torch.where((flat >= 0) & (flat < classes), flat, classes)
    counts = torch.zeros(classes + 1, device=flat.device)
    return counts.scatter_add_(0, flat, torch.ones_like(flat, dtype=counts.dtype))[:classes]


class Running:
    """Mean, standard deviation, minimum and maximum of each column over all that was merged."""

    def __init__(self, columns: int) -> None:
        self.count = 0
        self._mean = np.zeros(columns)
        self._squares = np.zeros(columns)
        self._low = np.full(columns, np.inf)
        self._high = np.full(columns, -np.inf)

    def merge(self, samples: int, summary: NDArray[np.float64]) -> None:
        """Add a batch of `samples`, summed up by `column_summary`."""
        mean, squares, low, high = summary.reshape(4, -1)
        total = self.count + samples
        with np.errstate(invalid="ignore", over="ignore"):
            apart = mean - self._mean
            self._mean = self._mean + apart * (samples / total)
            self._squares = self._squares + squares + apart**2 * (self.count * samples / total)
            self._low, self._high = np.minimum(self._low, low), np.maximum(self._high, high)
        self.count = total

    def state_dict(self) -> dict[str, Any]:
        """What it has summed up so far, as plain values and tensors."""
        sums = np.stack([self._mean, self._squares, self._low, self._high])
        return {"count": self.count, "sums": torch.from_numpy(sums)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.count = int(state["count"])
        self._mean, self._squares, self._low, self._high = state["sums"].cpu().double().numpy().copy()

    def figures(self) -> NDArray[np.float32]:
        """The rows `mean`, `std`, `min`, `max`; of a single sample no deviation is known."""
        with np.errstate(invalid="ignore", over="ignore"):
            std = np.sqrt(self._squares / (self.count - 1)) if self.count > 1 else np.full_like(self._mean, np.nan)
            return np.stack([self._mean, std, self._low, self._high]).astype(np.float32)


class Counts:
    """How often each class was seen."""

    def __init__(self, classes: int) -> None:
        self._counts = np.zeros(classes)

    def merge(self, counts: NDArray[np.float64]) -> None:
        """Add a batch's counts."""
        self._counts += counts

    def state_dict(self) -> dict[str, Any]:
        """What was counted so far."""
        return {"counts": torch.from_numpy(self._counts.copy())}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self._counts = state["counts"].cpu().double().numpy().copy()

    def figures(self) -> NDArray[np.float32]:
        """The one row `count`."""
        return self._counts[None].astype(np.float32)
