"""What enters a network: the values at the first layers that weigh their inputs, past whatever the model does to its own before."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from tb_lossdiag.tags import Schema
from tb_lossdiag.writer.running import Running, chosen_columns, column_summary, columns_last
from tb_lossdiag.writer.samples import empty, place
from tb_lossdiag.writer.transfer import Transfer, later

__all__ = ["FIGURES", "Entrances"]

FIGURES = ("mean", "std", "min", "max")
PASSES = 20  # forward passes that are looked at: what a model does to its inputs stays the same
MOST = 4  # entrances of one model
IMAGE = 4  # axes from which on `columns_last` takes an input for images
MATRIX = 2  # axes of a weight that a module of the user's own multiplies its input with
CONSUMERS = (
    nn.Linear,
    nn.Bilinear,
    nn.RNNBase,
    nn.RNNCellBase,
    nn.MultiheadAttention,
    nn.modules.conv._ConvNd,  # noqa: SLF001  (it has no public name)
)

Write = Callable[[Schema, NDArray[np.float32]], None]


class Entrances:
    """Running statistics, feature by feature, of what enters the layer that is called first, and those that are given the model's own inputs."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._running: dict[str, tuple[tuple[str, ...], Running]] = {}
        self._given: frozenset[int] = frozenset()
        self._seen: dict[str, tuple[tuple[str, ...], Tensor]] = {}
        self._passes = 0

    def start(self, inputs: Sequence[Tensor]) -> None:
        """A forward pass begins; what was seen of one before, in the same step, is forgotten."""
        self._given, self._seen = frozenset(map(place, inputs)), {}

    def see(self, name: str, module: nn.Module, values: Tensor | None) -> None:
        """A module was called with this tensor."""
        if self._passes >= PASSES or not name or name in self._seen:
            return
        if (
            values is None
            or not values.is_floating_point()
            or empty(values)
            or not weighs(module, values)
            or (self._seen and place(values) not in self._given)
            or (name not in self._running and len(self._running) >= MOST)
        ):
            return
        table = columns_last(laid_out(values.detach(), module))
        total = features_of(values, module)
        columns = tuple(f"feature {i} of {name}" for i in chosen_columns(total)[: table.shape[1]])
        if name not in self._running or self._running[name][0] == columns:
            self._seen[name] = columns, table.clone() if place(table) == place(values) else table

    def queue(self, transfer: Transfer, write: Write) -> None:
        """Have what was seen of this pass fetched and written."""
        seen, self._seen = self._seen, {}
        if not seen:
            return
        self._passes += 1
        for name, (columns, _) in seen.items():
            self._running.setdefault(name, (columns, Running(len(columns))))

        def consume(fetched: list[NDArray[np.float64]]) -> None:
            for (name, (_, table)), values in zip(seen.items(), fetched, strict=True):
                self._running[name][1].merge(len(table), values)
            names = tuple(column for columns, _ in self._running.values() for column in columns)
            figures = np.concatenate([each.figures() for _, each in self._running.values()], 1)
            write(Schema("entering", "train", FIGURES, names, self._name), figures)

        tables = [table for _, table in seen.values()]
        transfer.add(later(lambda: list(map(column_summary, tables)), tables), consume, tables)


def weighs(module: nn.Module, values: Tensor) -> bool:
    """Whether it makes weighted sums of its input: one of torch's layers, or a module that holds a matrix which fits."""
    if isinstance(module, CONSUMERS):
        return True
    if next(module.children(), None) is not None or isinstance(module, (nn.Embedding, nn.EmbeddingBag)):
        return False
    matrices = [each for each in module.parameters(recurse=False) if each.dim() == MATRIX]
    return values.dim() > 1 and any(values.shape[-1] in each.shape for each in matrices)


def channel_axis(values: Tensor, module: nn.Module) -> int | None:
    """Where a convolution's input has its channels, which may come without a batch; None for all other modules, whose features are last."""
    if not isinstance(module, nn.modules.conv._ConvNd):  # noqa: SLF001
        return None
    return max(0, values.dim() - 1 - len(module.kernel_size))


def features_of(values: Tensor, module: nn.Module) -> int:
    """How many features, or channels, enter."""
    axis = channel_axis(values, module)
    return int(values.shape[-1 if axis is None else axis]) if values.dim() > 1 else 1


def laid_out(values: Tensor, module: nn.Module) -> Tensor:
    """So that `columns_last` takes features for columns: it looks for them at the end, of four axes and more behind the batch."""
    axis = channel_axis(values, module)
    if values.dim() >= IMAGE:
        return values if axis == 1 else values.flatten(1, -2) if axis is None else values.movedim(axis, 1)
    return values if axis is None else values.movedim(axis, -1)
