"""Positions of an input that never vary: a pixel that reads the same in every sample tells the network nothing."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

__all__ = ["FIGURES", "Positions"]

FIGURES = ("still", "inside", "positions", "interleaved", "smooth")
MOST = 4096  # positions that are watched, evenly spaced over larger inputs: the error of a share is below 0.8 %
CONSTANT = 1e-4  # spread over the largest value: float32 sums leave constants that much
MARGIN = 0.1  # of the range of all: a lost value reads as a mean inside it, a border pixel lies at its end
IMAGE, COLOURS, WIDTH = 4, (2, 3, 4), 4  # axes and channels of pictures, and how many times wider than that they are
FEW, ENOUGH = 8, 10  # samples, and batches, that tell how alike neighbours are
FEWEST = 4  # samples of which a mean can be taken off


class Positions:
    """The lowest and the highest value that each position of the input ever had, kept on its device."""

    def __init__(self) -> None:
        self._low: Tensor | None = None
        self._high: Tensor | None = None
        self._looks = 0

    def state_dict(self) -> dict[str, Tensor | None]:
        """What was seen so far."""
        return {
            name: None if each is None else each.clone() for name, each in (("low", self._low), ("high", self._high))
        }

    def load_state_dict(self, state: Mapping[str, Tensor | None]) -> None:
        """Go on from there."""
        self._low, self._high = state["low"], state["high"]

    def see(self, values: Tensor) -> Tensor:
        """Figures, shape (5,): share that never varied so far, share of these well inside the range, positions, and of the
        first batches what `interleaved` and `smooth` say.
        """
        flat = values.detach().flatten(1)
        flat = flat[:, :: -(-flat.shape[1] // MOST)].float()
        low, high = flat.amin(0), flat.amax(0)
        if self._low is None or self._high is None or self._low.shape != low.shape or self._low.device != low.device:
            self._low, self._high = low, high
        else:
            self._low, self._high = torch.minimum(self._low, low), torch.maximum(self._high, high)
        low, high = self._low, self._high
        still = high - low <= CONSTANT * torch.maximum(low.abs(), high.abs())
        margin = MARGIN * (high.max() - low.min())
        inside = still & (low > low.min() + margin) & (high < high.max() - margin)
        count = still.sum()
        self._looks += 1
        unknown = torch.full((), torch.nan, device=values.device)
        neighbours = (interleaved(values), smooth(values)) if self._looks <= ENOUGH else (unknown, unknown)
        figures = [count / len(low), inside.sum() / count.clamp(min=1), torch.full_like(low[0], len(low)), *neighbours]
        return torch.stack(figures)


def interleaved(values: Tensor) -> Tensor:
    """How far apart the values of a row are that lie as many places apart as there are channels, over how far neighbours are; NaN for
    what is no picture in colours.

    Neighbours are the more alike. Only where (height, width, channels) was reshaped to (channels, height, width) are they the colours of
    one place, and the next place comes that many values later.
    """
    channels = values.shape[1] if values.dim() == IMAGE else 0
    if channels not in COLOURS or values.shape[-1] < WIDTH * channels:
        return torch.full((), torch.nan, device=values.device)
    rows = values[:FEW].detach().float()
    near = (rows[..., 1:] - rows[..., :-1]).abs().mean()
    return (rows[..., channels:] - rows[..., :-channels]).abs().mean() / near


def smooth(values: Tensor) -> Tensor:
    """How much a place of a picture tells of the next one: the correlation of neighbours in a row, less what all samples of the batch
    have in common; about 0 of noise. NaN for what is no picture.
    """
    if values.dim() != IMAGE or values.shape[-1] < WIDTH or len(values) < FEWEST:
        return torch.full((), torch.nan, device=values.device)
    rows = values[:FEW].detach().float()
    rows = rows - rows.mean(0)
    return (rows[..., 1:] * rows[..., :-1]).mean() / (rows * rows).mean()
