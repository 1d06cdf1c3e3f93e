"""The learning rates that optimizers take their steps with, logged where they change."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from tb_lossdiag.tags import LR

__all__ = ["Rates"]


class Rates:
    """Of all parameter groups of some optimizers, which may be added to while training goes on."""

    def __init__(self, optimizers: Sequence[Optimizer], write: Callable[[str, float], None]) -> None:
        self._optimizers = optimizers
        self._write = write
        self._written: dict[int, float] = {}
        self._held: list[object] = []  # as the optimizers hold them

    def same(self, groups: Sequence[Mapping[str, Any]]) -> bool:
        """Whether these groups, of the only optimizer, hold the very learning rates that were seen last; comparing tensors would wait for the device."""
        if len(groups) != len(self._held):
            return False
        for group, lr in zip(groups, self._held):  # noqa: B905, SIM110  (as long as each other; on every step)
            if group.get("lr") is not lr:
                return False
        return True

    def see(self, *, sampled: bool) -> None:
        """Write the first group's where it has changed, and on sampled steps; of further groups where it differs from that."""
        groups = [group for each in self._optimizers for group in each.param_groups]
        self._held = [group.get("lr") for group in groups]
        first = None
        for i, group in enumerate(groups):
            lr = group.get("lr")
            if lr is None or (isinstance(lr, Tensor) and not sampled):  # reading it would wait for the device
                continue
            lr = float(lr)
            first = lr if first is None else first
            if (i == 0 or lr != first or i in self._written) and (sampled or self._written.get(i) != lr):
                self._written[i] = lr
                self._write(f"{LR}/{i}" if i else LR, lr)
