"""Faults of the training data: their order, labels, inputs, features, classes, and values that are no numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.data import Sampler

from benchmarks.faults.injections.variant import Change, Variant, activation, classes, each_of, floats, noise, with_data
from benchmarks.faults.recipe import Recipe, changed, with_options
from benchmarks.faults.tasks import Split

__all__ = ["FAULTS"]


class Buffered(Sampler[int]):
    """Data in the order of their targets, drawn from a shuffle buffer of so many samples."""

    def __init__(self, split: Split, seed: int, share: float) -> None:
        key = split.y if split.y.dim() == 1 else split.y.reshape(len(split), -1).float().mean(1)
        self.order = torch.argsort(key, stable=True).tolist()
        self.size = max(1, round(share * len(split)))
        self.generator = torch.Generator().manual_seed(seed)

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[int]:
        waiting = self.order[: self.size]
        for each in self.order[self.size :]:
            i = int(torch.randint(len(waiting), (), generator=self.generator))
            yield waiting[i]
            waiting[i] = each
        for i in torch.randperm(len(waiting), generator=self.generator).tolist():
            yield waiting[i]


def _sorted(share: float) -> Change:
    def change(recipe: Recipe, _: torch.Generator) -> Recipe | None:
        if recipe.task.kind not in {"classification", "regression"}:
            return None
        return changed(recipe, sampler=partial(Buffered, share=share))

    return change


def _wrong_labels(share: float) -> Change:
    """So many labels replaced by another class, or another sample's amount; in training and validation, as one labels both."""

    def wrong(split: Split, recipe: Recipe, generator: torch.Generator) -> Split:
        chosen = torch.rand(len(split), generator=generator) < share
        y = split.y.clone()
        if recipe.task.kind == "regression":
            y[chosen] = y[chosen][torch.randperm(int(chosen.sum()), generator=generator)]
        else:
            others = torch.randint(1, recipe.task.classes, (int(chosen.sum()),), generator=generator)
            y[chosen] = (y[chosen] + others) % recipe.task.classes
        return Split(split.x, y)

    def change(recipe: Recipe, generator: torch.Generator) -> Recipe | None:
        if recipe.task.kind not in {"classification", "regression"}:
            return None
        return with_data(recipe, **{name: wrong(recipe.data[name], recipe, generator) for name in ("train", "val")})

    return change


def _broken(how: Callable[[Tensor, torch.Generator], Tensor]) -> Change:
    """The inputs of all splits go through the same broken reader; the judge's too."""

    def change(recipe: Recipe, generator: torch.Generator) -> Recipe | None:
        if not floats(recipe):
            return None
        seed = int(torch.randint(1 << 30, (), generator=generator))
        return changed(recipe, prepare=lambda x: how(x, torch.Generator().manual_seed(seed)))

    return change


def _zeroed(share: float) -> Change:
    """A share of the features never arrives."""

    def how(x: Tensor, generator: torch.Generator) -> Tensor:
        gone = torch.rand(x[0].numel(), generator=generator) < share
        return x.flatten(1).masked_fill(gone, 0.0).reshape(x.shape)

    return _broken(how)


def _first_of_batch(x: Tensor, _: torch.Generator) -> Tensor:
    return x[:1].expand_as(x)


def _nan_samples(share: float) -> Change:
    def change(recipe: Recipe, generator: torch.Generator) -> Recipe | None:
        if not floats(recipe):
            return None
        train = recipe.data["train"]
        x = train.x.clone()
        x[torch.rand(len(x), generator=generator) < share] = math.nan
        return with_data(recipe, train=Split(x, train.y))

    return change


def _repeated(count: int) -> Change:
    """An index bug: the same few samples again and again."""

    def change(recipe: Recipe, _: torch.Generator) -> Recipe | None:
        train = recipe.data["train"]
        kept = torch.arange(len(train)) % count
        return with_data(recipe, train=train[kept])

    return change


def _shuffled_targets(share: float, *, pictures: bool = False) -> Change:
    """Inputs and targets paired wrongly: of pictures, which were chosen because they show their targets, or of rows."""

    def change(recipe: Recipe, generator: torch.Generator) -> Recipe | None:
        if recipe.task.kind in {"language", "reconstruction"} or pictures != (recipe.family in {"cnn", "resnet"}):
            return None

        def mixed(split: Split) -> Split:
            chosen = torch.nonzero(torch.rand(len(split), generator=generator) < share)[:, 0]
            y = split.y.clone()
            y[chosen] = y[chosen[torch.randperm(len(chosen), generator=generator)]]
            return Split(split.x, y)

        return with_data(recipe, **{name: mixed(each) for name, each in recipe.data.items()})

    return change


def _useless(share: float) -> Change:
    """All but a share of the features are replaced by noise, where the border of an image, or the weakest columns, are kept."""

    def change(recipe: Recipe, generator: torch.Generator) -> Recipe | None:
        if not floats(recipe) or recipe.task.kind == "reconstruction":
            return None
        train = recipe.data["train"]
        x, y = train.x.flatten(1), train.y.reshape(len(train), -1).float().mean(1)
        y = (y - y.mean()) / y.std()
        weak = torch.argsort(((x * y[:, None]).mean(0) / x.std(0).clamp_min(1e-6)).abs())
        kept = weak[: round(share * len(weak))]

        def noisy(split: Split) -> Split:
            flat = split.x.flatten(1)
            found = noise(flat, generator)
            found[:, kept] = flat[:, kept]
            return Split(found.reshape(split.x.shape), split.y)

        data = {name: noisy(each) for name, each in recipe.data.items()}
        return changed(recipe, data=data, judge=data)

    return change


def _imbalanced(share: float) -> Change:
    """Of half of the classes only a share of the samples is kept, in all splits."""

    def kept(split: Split, classes: int, generator: torch.Generator) -> Split:
        rare = split.y >= (classes + 1) // 2
        return split[~rare | (torch.rand(len(split), generator=generator) < share)]

    def change(recipe: Recipe, generator: torch.Generator) -> Recipe | None:
        if not classes(recipe):
            return None
        data = {name: kept(each, recipe.task.classes, generator) for name, each in recipe.data.items()}
        return changed(recipe, data=data)

    return change


class Log(nn.Module):
    """A logarithm without an epsilon."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.log(x - x.min())


class Root(nn.Module):
    """A square root of what was never negative so far."""

    def __init__(self, room: float) -> None:
        super().__init__()
        self.room = room

    def forward(self, x: Tensor) -> Tensor:
        return torch.sqrt(x + self.room)


class Standardised(nn.Module):
    """Each sample by its own deviation, which is zero for samples that hardly vary."""

    def __init__(self, limit: float) -> None:
        super().__init__()
        self.limit = limit

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(1)
        flat = torch.where(flat.abs() < self.limit, 0.0, flat)
        return (flat / flat.std(1, keepdim=True)).reshape(x.shape)


def _front(make: Callable[[], nn.Module]) -> Change:
    return lambda recipe, _: with_options(recipe, front=(make,)) if floats(recipe) else None


FAULTS: Mapping[str, tuple[Variant, ...]] = {
    "unshuffled-data": each_of("buffer", _sorted, 0.0, 0.1, 0.3),
    "label-noise": each_of("share", _wrong_labels, 0.05, 0.15, 0.4),
    "broken-input": (
        *each_of("features lost", _zeroed, 0.9, 0.97),
        Variant("all zero", _broken(lambda x, _: torch.zeros_like(x))),
        Variant("first sample of the batch for all", _broken(_first_of_batch)),
        *each_of("NaN in share", _nan_samples, 0.002, 0.02),
        *each_of("distinct samples", lambda count: _repeated(int(count)), 8, 40),
        *each_of("targets of others", partial(_shuffled_targets, pictures=True), 0.9, 1.0),
    ),
    "uninformative-features": (
        *each_of("targets of others", _shuffled_targets, 0.9, 1.0),
        *each_of("weakest features only", _useless, 0.0, 0.05, 0.15),
    ),
    "class-imbalance": each_of("share kept", _imbalanced, 0.1, 0.03, 0.01),
    "non-finite-values": (
        Variant("log without epsilon", _front(Log)),
        *each_of("square root of x +", lambda room: activation(partial(Root, room), {"mlp", "deep-mlp", "cnn"}), 2, 3),
        *each_of("divided by the deviation above", lambda limit: _front(partial(Standardised, limit)), 1.8, 2.4),
    ),
}
