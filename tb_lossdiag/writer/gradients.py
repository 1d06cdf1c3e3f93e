"""Norms of gradients, parameters and updates, tensor by tensor, and the cosine of two gradients in a row.

Everything stays on the device until `transfer.fetch`; the `_foreach_` functions take all tensors in one call.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

import torch
from torch import Tensor

from tb_lossdiag.writer.transfer import wide

__all__ = ["Updates", "cosine", "norms", "sketch"]

COORDINATES = 16384  # of the gradient, for the cosine
RUN = 16  # coordinates that are taken side by side: a cache line, so that a sample of a tensor does not touch all of it
COPIED = 1 << 20  # elements; a larger model is not copied whole to see its update: 4 MB still fit a CPU's cache
PARTIAL = 1 << 14  # elements of each tensor that are then copied


def dense(gradient: Tensor) -> Tensor:
    """The values of a gradient, of a sparse one those that are there."""
    gradient = gradient.detach()
    return wide(gradient.coalesce().values() if gradient.is_sparse else gradient)


def norms(tensors: Sequence[Tensor]) -> Tensor:
    """The L2 norm of each tensor, together on the device of the first; to be called without gradients."""
    found = torch._foreach_norm([wide(each) for each in tensors])  # noqa: SLF001  (as torch's own clip_grad_norm_ does)
    first = found[0]
    return torch.stack([each.to(first.device, first.dtype) for each in found])


def part(tensor: Tensor, count: int) -> Tensor:
    """About `count` of the tensor's elements in evenly spaced runs, always the same ones for the same shape: a view of it where that can be."""
    total = tensor.numel()
    if total <= count or total < 2 * RUN:
        return tensor
    flat = tensor if tensor.is_contiguous() else tensor.contiguous()
    runs = max(1, count // RUN)
    return flat.as_strided((runs, RUN), (total // runs, 1), flat.storage_offset())


def sketch(gradients: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Some coordinates of each gradient, as many in proportion as the tensor has; a copy, since gradients are reused."""
    total = sum(each.numel() for each in gradients.values())
    share = min(1.0, COORDINATES / max(1, total))
    return {
        name: wide(part(each, max(1, int(share * each.numel())))).clone()
        for name, each in gradients.items()
        if not each.is_sparse
    }


def cosine(before: Mapping[str, Tensor], now: Mapping[str, Tensor]) -> Tensor | None:
    """The cosine of two sketches over the tensors that both hold; NaN where one of them is zero."""
    shared = [name for name in now if name in before and now[name].shape == before[name].shape]
    if not shared:
        return None
    device = now[shared[0]].device
    one = torch.cat([before[name].to(device).reshape(-1) for name in shared])
    other = torch.cat([now[name].to(device).reshape(-1) for name in shared])
    found: Tensor = torch.dot(one, other) / (torch.linalg.vector_norm(one) * torch.linalg.vector_norm(other))
    return found


class Updates:
    """What a step changes: holds a copy of the parameters from just before the step until just after it.

    Of the larger tensors of a model too large to copy cheaply, evenly spaced parts are copied and their change is scaled up
    (a few percent off). `by_rows` names tensors of which a step may change a few rows only, such as embeddings: that a part of
    those stands still does not show that the whole does.
    """

    def __init__(self, parameters: Mapping[str, Tensor], by_rows: Container[str] = ()) -> None:
        whole = sum(each.numel() for each in parameters.values()) <= COPIED
        self._limit = COPIED if whole else PARTIAL
        self._parameters = parameters
        self._by_rows = by_rows
        self._factors: dict[str, float] = {}
        self._now = {name: part(each.detach(), self._limit) for name, each in parameters.items()}
        self._before = {name: each.clone() for name, each in self._now.items()}

    def norms(self) -> tuple[list[str], Tensor]:
        """The L2 norm of each tensor's change since, of what was copied; the copy is used up."""
        changes, names = list(self._before.values()), list(self._before)
        torch._foreach_sub_(changes, [self._now_of(name) for name in names])
        for name, change in self._before.items():
            self._factors[name] = (self._parameters[name].numel() / max(1, change.numel())) ** 0.5
        self._before, self._now, self._parameters = {}, {}, {}
        return names, norms(changes)

    def _now_of(self, name: str) -> Tensor:
        """The same part of a parameter as was copied; it may lie elsewhere by now, or be none that can be viewed."""
        tensor, seen = self._parameters[name], self._now[name]
        return seen if seen.data_ptr() == tensor.data_ptr() else part(tensor.detach(), self._limit)

    def scaled(self, found: Mapping[str, float]) -> dict[str, float]:
        """Norms of the changes of whole tensors, from those of what was copied."""
        unsure = {name for name, factor in self._factors.items() if factor > 1 and name in self._by_rows}
        return {
            name: float("nan") if not norm and name in unsure else norm * self._factors[name]
            for name, norm in found.items()
        }
