"""A variant of a fault, and what several kinds of faults are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from benchmarks.faults.recipe import Recipe, changed, with_options
from benchmarks.faults.tasks import Split

__all__ = ["CHAIN", "Change", "Variant", "activation", "classes", "each_of", "floats", "noise", "with_data"]

Change = Callable[[Recipe, torch.Generator], Recipe | None]
CHAIN = {"mlp", "deep-mlp", "autoencoder", "cnn"}  # families whose layers follow one another


@dataclass(frozen=True, slots=True)
class Variant:
    """One size of a fault. `factor` is by how many times the learning rate is off (below 1: too low)."""

    name: str
    change: Change
    factor: float | None = None


def classes(recipe: Recipe) -> bool:
    return recipe.task.kind == "classification"


def floats(recipe: Recipe) -> bool:
    return recipe.task.splits["train"].x.is_floating_point()


def with_data(recipe: Recipe, **splits: Split) -> Recipe:
    return changed(recipe, data={**recipe.data, **splits})


def noise(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(like.shape, generator=generator)


def activation(make: Callable[[], nn.Module], families: set[str]) -> Change:
    return lambda recipe, _: with_options(recipe, activation=make) if recipe.family in families else None


def each_of(name: str, make: Callable[..., Change], *values: float) -> tuple[Variant, ...]:
    return tuple(Variant(f"{name} {value:g}", make(value)) for value in values)
