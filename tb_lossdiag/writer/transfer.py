"""One trip from the device for everything that a step produced, off the training thread: the waiting is what costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["Tensors", "Transfer", "fetch", "later", "wide"]

Array = NDArray[np.float64]
Tensors = Sequence[Tensor] | Callable[[], Sequence[Tensor]]


@dataclass(slots=True)
class Group:
    """Tensors on their device, and the function that is to have their values."""

    tensors: Tensors
    consume: Callable[[list[Array]], None]
    shares: list[float]
    early: bool


class Transfer:
    """Tensors that wait on their device, each group with the function that is to have its values.

    A group may be a function that makes the tensors of copies of its own: what need not be done at once is done where
    everything is fetched, on the event file's thread.
    """

    def __init__(self) -> None:
        self._waiting: list[Group] = []
        self._fetched: list[tuple[Group, list[Array]]] = []
        self.weight = 0  # bytes
        self._ready: list[Callable[[], object]] = []

    def add(
        self,
        tensors: Tensors,
        consume: Callable[[list[Array]], None],
        holds: Iterable[Tensor] = (),
        *,
        shares: Sequence[float] = (),
        early: bool = False,
    ) -> None:
        """Hand the values of `tensors`, flattened, to `consume` when they are handed out, or `early`, when they are fetched.

        Until then it `holds` copies. Norms may have `shares`, one for each number: what its square counts for in the sum over all processes.
        """
        self.weight += sum(each.numel() * each.element_size() for each in holds)
        self._waiting.append(Group(tensors, consume, list(shares), early))

    def __len__(self) -> int:
        return len(self._waiting)

    def seal(self) -> None:
        """All is added. Another thread will fetch it, and has to wait until a GPU's stream has come this far."""
        tensors = [each for some in self._waiting if not callable(some.tensors) for each in some.tensors]
        for device in {each.device for each in tensors if each.device.type == "cuda"}:
            self._ready.append(torch.cuda.current_stream(device).record_event().synchronize)

    def deliver(self) -> None:
        """Fetch everything at once and hand it out, in the order in which it was added."""
        self.fetch()
        self.hand_out()

    def fetch(self) -> None:
        """Fetch everything at once."""
        waiting, self._waiting = self._waiting, []
        ready, self._ready = self._ready, []
        for wait in ready:
            wait()
        with torch.no_grad():
            groups = [list(each.tensors() if callable(each.tensors) else each.tensors) for each in waiting]
            values = iter(fetch([tensor for tensors in groups for tensor in tensors]))
        for tensors, each in zip(groups, waiting, strict=True):
            found = [next(values) for _ in tensors]
            if each.early:
                each.consume(found)
            else:
                self._fetched.append((each, found))

    def squares(self) -> Array:
        """Of all norms that have shares, this process's contribution to the sum of squares over processes."""
        shared = [(each.shares, values) for each, values in self._fetched if each.shares and values]
        found = [np.square(np.concatenate(values)) * shares for shares, values in shared]
        return np.concatenate(found) if found else np.empty(0)

    def replace(self, sums: Array) -> None:
        """The sums of those squares over all processes: the norms are the root of them."""
        places = iter(np.sqrt(sums))
        for each, values in self._fetched:
            for i, value in enumerate(values if each.shares else ()):
                values[i] = np.array([next(places) for _ in value])

    def hand_out(self) -> None:
        """Hand out what was fetched, in the order in which it was added."""
        fetched, self._fetched = self._fetched, []
        for each, values in fetched:
            each.consume(values)


PLAIN = {Tensor, torch.nn.Parameter}


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
    if type(tensor) in PLAIN and tensor.dtype is torch.float32:  # as nearly all are
        return tensor.detach() if tensor.requires_grad else tensor
    tensor = local(tensor).detach()
    if tensor.is_complex():
        tensor = tensor.abs()
    return tensor if tensor.dtype in {torch.float32, torch.float64} else tensor.float()


def local(tensor: Tensor) -> Tensor:
    """Of a tensor that is spread over processes, the part that lies here: always the same object."""
    if type(tensor) in PLAIN:  # asking them for what they lack takes longer than all else here
        return tensor
    held = getattr(tensor, "_local_tensor", None)  # DTensor's; its public `to_local` makes another one each time
    return held if isinstance(held, Tensor) else tensor


def shards(tensor: Tensor) -> int:
    """Into how many different parts it is cut, over processes; 1 where each process holds all of it."""
    mesh, placements = getattr(tensor, "device_mesh", None), getattr(tensor, "placements", ())
    return math.prod(mesh.size(i) for i, each in enumerate(placements) if each.is_shard()) if mesh is not None else 1
