"""Tensors that modules hold as plain attributes: neither parameters nor buffers, so that nobody trains them, moves them or saves them."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

from tb_lossdiag.writer.facts import initial
from tb_lossdiag.writer.modules import named_modules

__all__ = ["Loose"]

ENOUGH = 64  # elements, and axes: fewer are a scale or a bound
AXES = 2
LISTED = 20


class Loose:
    """Those that stand where they stood when this was made."""

    def __init__(self, model: nn.Module) -> None:
        self._began = {name: (weakref.ref(each), each._version) for name, each in loose(model)}  # noqa: SLF001  (counts what was done in place)

    def left(self, model: nn.Module) -> list[dict[str, Any]]:
        """The first of those that nobody has changed or replaced since, as facts."""
        found: list[dict[str, Any]] = []
        for name, each in loose(model):
            seen = self._began.get(name)
            if seen is not None and seen[0]() is each and seen[1] == each._version and len(found) < LISTED:  # noqa: SLF001
                found.append({"name": name, "shape": list(each.shape), "numel": each.numel(), **initial(each)})
        return found


def loose(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Matrices of numbers in the attributes of the user's own modules, with their names."""
    for place, module in named_modules(model).items():
        if type(module).__module__.partition(".")[0] == "torch":
            continue
        for key, value in vars(module).items():
            if (
                type(value) is Tensor
                and value.is_floating_point()
                and not value.requires_grad
                and not value.is_inference()  # nobody counts what is done to it
                and value.dim() >= AXES
                and value.numel() >= ENOUGH
            ):
                yield f"{place}.{key}" if place else key, value
