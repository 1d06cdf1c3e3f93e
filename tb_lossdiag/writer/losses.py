"""Which number is the loss in what a loss function, or a model that computes its own loss, has returned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from tb_lossdiag.writer.samples import first_tensor, parts_of

__all__ = ["Found", "loss_of", "loss_within"]

TOTALS = ("loss", "total_loss", "loss_total", "total")  # what the whole is called beside its parts


@dataclass(frozen=True, slots=True)
class Found:
    """A loss, whether a gradient can be taken of it, and of how many named parts it is the sum."""

    value: Tensor
    trains: bool
    parts: int = 1
    whole: bool = True  # the very tensor, or a sum that only the user's own code makes


def loss_of(output: object) -> Found | None:
    """The loss that a loss function has returned: a tensor, one among others, or the sum of a dictionary of losses."""
    if isinstance(output, Tensor):
        return found(output)
    known = named(output)
    if known is None and (parts := numbers(output)):
        known = summed(parts)
    if known is not None:
        return known
    value = first_tensor(output)
    return None if value is None else found(value)


def loss_within(output: object) -> Found | None:
    """The loss that a model returns beside its outputs, as those of Hugging Face and torchvision's detectors do; else None."""
    if isinstance(output, Tensor):
        return found(output) if single(output) else None
    known = named(output)
    if known is not None:
        return known
    parts = numbers(output)
    if parts and all("loss" in name for name in parts):
        return summed(parts)
    first = output[0] if isinstance(output, (tuple, list)) and output else None
    return found(first) if isinstance(first, Tensor) and single(first) else None


def named(output: object) -> Found | None:
    """The entry that is called the loss."""
    entries = parts_of(output)
    for name in TOTALS:
        value = entries.get(name)
        if isinstance(value, Tensor) and single(value):
            return found(value)
    return None


def numbers(output: object) -> dict[str, Tensor]:
    """The entries of a dictionary where each is a single number; of anything else, or where one is not, nothing."""
    entries = {name: each for name, each in parts_of(output).items() if each is not None}
    parts = {str(name): each for name, each in entries.items() if isinstance(each, Tensor) and single(each)}
    return parts if len(parts) == len(entries) else {}


def summed(parts: Mapping[str, Tensor]) -> Found:
    """The sum of losses that are given one by one."""
    first = next(iter(parts.values()))
    with torch.no_grad():
        value = torch.stack([each.detach().to(first.device, torch.float32) for each in parts.values()]).sum()
    return Found(value, any(each.requires_grad for each in parts.values()), len(parts), whole=False)


def found(value: Tensor) -> Found:
    """This tensor is the loss."""
    return Found(value, value.requires_grad)


def single(value: Tensor) -> bool:
    """Whether it is one real number, as a loss is."""
    return value.is_floating_point() and value.dim() == 0
