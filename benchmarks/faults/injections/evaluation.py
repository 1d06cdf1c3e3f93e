"""Faults that show on unseen data: too few samples, a mode that differs, splits that are unlike what was learnt."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from benchmarks.faults.injections.variant import Change, Variant, classes, each_of, floats, noise, with_data
from benchmarks.faults.recipe import Recipe, changed, with_options
from benchmarks.faults.tasks import Split

__all__ = ["FAULTS"]


def _few(samples: int, longer: float) -> Change:
    """So few training samples, trained on for longer."""

    def change(recipe: Recipe, generator: torch.Generator) -> Recipe | None:
        train = recipe.data["train"]
        if samples > len(train) // 2:
            return None
        chosen = torch.randperm(len(train), generator=generator)[:samples]
        steps = round(recipe.steps * longer)
        return changed(with_data(recipe, train=train[chosen]), steps=steps, eval_every=max(5, steps // 20))

    return change


def _norm(momentum: float, batch: int) -> Change:
    def change(recipe: Recipe, _: torch.Generator) -> Recipe | None:
        if recipe.family not in {"resnet", "cnn"}:
            return None
        return changed(with_options(recipe, norm_momentum=momentum, batch_norm=True), batch=batch or recipe.batch)

    return change


def _split_changed(split: str, how: Callable[[Tensor, torch.Generator], Tensor]) -> Change:
    """The inputs of one split only are prepared otherwise."""

    def change(recipe: Recipe, generator: torch.Generator) -> Recipe | None:
        if not floats(recipe) or recipe.task.kind == "reconstruction":
            return None
        part = recipe.data[split]
        return with_data(recipe, **{split: Split(how(part.x, generator), part.y)})

    return change


def _split_smaller(split: str, samples: int) -> Change:
    return lambda recipe, _: with_data(recipe, **{split: recipe.data[split][:samples]})


def _split_classes(split: str, share: float) -> Change:
    """A split in which some classes are far more frequent, and which training hardly saw."""

    def change(recipe: Recipe, generator: torch.Generator) -> Recipe | None:
        if not classes(recipe) or recipe.task.classes < 3:  # noqa: PLR2004
            return None
        few = recipe.task.classes // 3

        def thin(part: Split) -> Split:
            return part[(part.y >= few) | (torch.rand(len(part), generator=generator) < share)]

        data = {name: thin(each) if name != split else each for name, each in recipe.data.items()}
        part = recipe.data[split]
        return changed(recipe, data={**data, split: part[part.y < 2 * few]})

    return change


def _moved(amount: float, scale: float = 1.0) -> Callable[[Tensor, torch.Generator], Tensor]:
    return lambda x, _: x * scale + amount


def _noisy(amount: float) -> Callable[[Tensor, torch.Generator], Tensor]:
    return lambda x, generator: x + amount * noise(x, generator)


def _occluded(share: float) -> Callable[[Tensor, torch.Generator], Tensor]:
    """Values that are missing at random, and read as extremes."""

    def how(x: Tensor, generator: torch.Generator) -> Tensor:
        gone = torch.rand(x.shape, generator=generator) < share
        extreme = torch.where(torch.rand(x.shape, generator=generator) < 0.5, x.min(), x.max())  # noqa: PLR2004
        return torch.where(gone, extreme, x)

    return how


FAULTS: Mapping[str, tuple[Variant, ...]] = {
    "overfitting": tuple(
        Variant(f"{samples} samples, {longer:g} times as long", _few(samples, longer))
        for samples, longer in ((30, 2), (60, 2), (120, 2), (200, 3))
    ),
    "train-eval-gap": (
        *(Variant(f"BatchNorm momentum {each:g}", _norm(each, 0)) for each in (0.001, 0.003)),
        *(Variant(f"BatchNorm, batch {each}", _norm(1.0, each)) for each in (2, 4)),
    ),
    "unrepresentative-validation": (
        *each_of("samples", lambda count: _split_smaller("val", int(count)), 6, 12),
        Variant("inputs x 3", _split_changed("val", _moved(0.0, 3.0))),
        Variant("inputs + 1", _split_changed("val", _moved(1.0))),
        Variant("inputs / 4", _split_changed("val", _moved(0.0, 0.25))),
        Variant("other classes", _split_classes("val", 0.05)),
    ),
    "scenario-shift": (
        *(Variant(f"inputs + {each:g}", _split_changed("test", _moved(each))) for each in (0.5, 1.0, 2.0)),
        Variant("inputs x 0.4 - 0.5", _split_changed("test", _moved(-0.5, 0.4))),
        Variant("other classes", _split_classes("test", 0.05)),
    ),
    "noisy-test-data": (
        *(Variant(f"noise {each:g}", _split_changed("test", _noisy(each))) for each in (0.5, 1.0, 2.0)),
        *(Variant(f"occluded {each:g}", _split_changed("test", _occluded(each))) for each in (0.15, 0.3)),
    ),
}
