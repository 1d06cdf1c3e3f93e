"""One trip from the device for everything that a step produced: on a GPU the waiting is what costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["Transfer", "fetch", "wide"]

Array = NDArray[np.float64]


class Transfer:
    """Tensors that wait on their device, each group with the function that is to have its values."""

    def __init__(self) -> None:
        self._waiting: list[tuple[list[Tensor], Callable[[list[Array]], None]]] = []

    def add(self, tensors: Sequence[Tensor], consume: Callable[[list[Array]], None]) -> None:
        """Hand the values of `tensors`, flattened, to `consume` when they are fetched."""
        self._waiting.append((list(tensors), consume))

    def __len__(self) -> int:
        return len(self._waiting)

    def deliver(self) -> None:
        """Fetch everything at once and hand it out, in the order in which it was added."""
        waiting, self._waiting = self._waiting, []
        values = iter(fetch([tensor for tensors, _ in waiting for tensor in tensors]))
        for tensors, consume in waiting:
            consume([next(values) for _ in tensors])


def fetch(tensors: Sequence[Tensor]) -> list[Array]:
    """The tensors' values, each flattened, with one transfer for each device."""
    found: list[Array] = [np.empty(0)] * len(tensors)
    devices: dict[torch.device, list[int]] = {}
    for i, tensor in enumerate(tensors):
        devices.setdefault(tensor.device, []).append(i)
    for places in devices.values():
        flat = [wide(tensors[i]).reshape(-1) for i in places]
        values = torch.cat(flat).cpu().numpy().astype(np.float64)
        for i, part in zip(places, np.split(values, np.cumsum([len(each) for each in flat])[:-1]), strict=True):
            found[i] = part
    return found


def wide(tensor: Tensor) -> Tensor:
    """As a real floating tensor of at least 32 bits, so that sums and squares of it have room."""
    tensor = tensor.detach()
    if tensor.is_complex():
        tensor = tensor.abs()
    return tensor if tensor.dtype in {torch.float32, torch.float64} else tensor.float()
