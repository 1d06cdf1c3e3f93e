"""A bounded sample of what a module puts out, laid out as (samples, positions, units)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import is_dataclass
from typing import Any

import torch
from torch import Tensor

from tb_lossdiag.writer.transfer import wide

__all__ = ["empty", "first_tensor", "parts_of", "place", "sample", "tensors_of"]

ELEMENTS = 32768  # of each module's output, about: within a CPU's cache, and 64 samples of 512 units
UNITS = 2048  # of each module; of more, evenly spaced ones, always the same


def first_tensor(value: object) -> Tensor | None:
    """The first floating tensor, else the first tensor, in whatever a module takes or returns."""
    if type(value) is tuple and len(value) == 1:  # as what most modules take
        value = value[0]
    if isinstance(value, Tensor):
        return value if dense(value) else None
    found = tensors_of(value, depth=3)
    return next((each for each in found if each.is_floating_point()), found[0] if found else None)


def tensors_of(value: object, depth: int) -> list[Tensor]:
    """The tensors in nested tuples, lists, dictionaries and dataclasses; sparse and ragged ones, such as a graph's edges, are no samples."""
    if isinstance(value, Tensor):
        return [value] if dense(value) else []
    if depth and isinstance(value, (tuple, list)):
        return [each for part in value for each in tensors_of(part, depth - 1)]
    if depth and (parts := parts_of(value)):
        return [each for part in parts.values() for each in tensors_of(part, depth - 1)]
    return []


def dense(values: Tensor) -> bool:
    """Whether each of its values has a place in memory: neither sparse nor ragged."""
    return values.layout is torch.strided and not values.is_nested


def parts_of(value: object) -> Mapping[Any, object]:
    """What a dictionary, or a dataclass, holds by name; of anything else nothing."""
    if isinstance(value, Mapping):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return getattr(value, "__dict__", None) or {
            name: getattr(value, name) for name in value.__dataclass_fields__ if hasattr(value, name)
        }
    return {}


def sample(
    values: Tensor, turn: int, *, channels_second: bool = False, elements: int = ELEMENTS, fewest: int = 2
) -> Tensor:
    """About so many `elements` of `values` as (samples, positions, units), of no fewer samples than `fewest`; another `turn` takes others.

    Samples come before positions: whether a unit ever fires is a question about many samples. It may share memory with `values`.
    """
    values = values.detach()
    if values.dim() <= 1:
        values = values.reshape(-1, 1)
    if values.dim() >= 4 or (values.dim() == 3 and channels_second):  # noqa: PLR2004  (images, or sequences of conv1d)
        values = values.movedim(1, -1)
    if values.shape[-1] > UNITS:
        values = values[..., :: -(-values.shape[-1] // UNITS)]
    samples, units = values.shape[0], values.shape[-1]
    rows = min(samples, max(fewest, elements // units))
    if rows < samples:
        values = values.narrow(0, turn * rows % (samples - rows + 1), rows)
    if values.numel() > elements:
        values = thinned_out(values, turn, elements)
    if type(values) is not Tensor or values.dtype is not torch.float32:
        values = wide(values)
    return values.reshape(rows, -1, units).contiguous()


def thinned_out(values: Tensor, turn: int, elements: int) -> Tensor:
    """Each axis of positions, between samples and units, by about the same."""
    for axis in range(1, values.dim() - 1):
        axes = values.dim() - 1 - axis
        every = min(values.shape[axis], max(1, round((values.numel() / elements) ** (1 / axes))))
        chosen = [slice(None)] * axis + [slice(turn % every, None, every)]
        values = values[tuple(chosen)]
    return values


def empty(values: Tensor) -> bool:
    """Whether there is nothing to look at."""
    return values.numel() == 0 or torch.is_complex(values)


def place(values: Tensor) -> int:
    """Where the tensor's memory lies: the same for all views of it."""
    return values.untyped_storage().data_ptr()
