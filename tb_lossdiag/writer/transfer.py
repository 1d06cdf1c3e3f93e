"""One trip from the device for everything that a step produced, off the training thread: the waiting is what costs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["Tensors", "Transfer", "fetch", "later", "wide"]

Array = NDArray[np.float64]
Tensors = Sequence[Tensor] | Callable[[], Sequence[Tensor]]


class Transfer:
    """Tensors that wait on their device, each group with the function that is to have its values.

    A group may be a function that makes the tensors of copies of its own: what need not be done at once is done where
    everything is fetched, on the event file's thread.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[Tensors, Callable[[list[Array]], None]]] = []
        self.weight = 0  # bytes
        self._ready: list[Callable[[], object]] = []

    def add(self, tensors: Tensors, consume: Callable[[list[Array]], None], holds: Iterable[Tensor] = ()) -> None:
        """Hand the values of `tensors`, flattened, to `consume` when they are fetched; until then it `holds` copies."""
        self.weight += sum(each.numel() * each.element_size() for each in holds)
        self._waiting.append((tensors, consume))

    def __len__(self) -> int:
        return len(self._waiting)

    def seal(self) -> None:
        """All is added. Another thread will fetch it, and has to wait until a GPU's stream has come this far."""
        tensors = [each for some, _ in self._waiting if not callable(some) for each in some]
        for device in {each.device for each in tensors if each.device.type == "cuda"}:
            self._ready.append(torch.cuda.current_stream(device).record_event().synchronize)

    def deliver(self) -> None:
        """Fetch everything at once and hand it out, in the order in which it was added."""
        waiting, self._waiting = self._waiting, []
        ready, self._ready = self._ready, []
        for wait in ready:
            wait()
        with torch.no_grad():
            groups = [list(some() if callable(some) else some) for some, _ in waiting]
            values = iter(fetch([tensor for tensors in groups for tensor in tensors]))
        for tensors, (_, consume) in zip(groups, waiting, strict=True):
            consume([next(values) for _ in tensors])


def later(make: Callable[[], Sequence[Tensor]], of: Iterable[Tensor]) -> Tensors:
    """What is made of these tensors: when it is fetched where they are on the CPU, else at once, as a GPU does not wait."""
    return make if all(each.device.type == "cpu" for each in of) else make()


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
