"""Faults of how the training is set up: layers, loss, what the optimizer is given, the scale of inputs and targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import torch
import torch.nn.functional as F  # noqa: N812  (everybody's name for it)
from torch import nn

from benchmarks.faults.injections.variant import CHAIN, Change, Variant, activation, classes, each_of, floats
from benchmarks.faults.recipe import Recipe, changed, loss_of, with_options
from benchmarks.faults.tasks import Split

__all__ = ["FAULTS"]


def _always(**fields: object) -> Change:
    return lambda recipe, _: changed(recipe, **fields)


def _table(recipe: Recipe) -> bool:
    return floats(recipe) and recipe.task.splits["train"].x.dim() == 2  # noqa: PLR2004


def _weights(change: Callable[[nn.Parameter], object]) -> Change:
    def edit(model: nn.Module) -> None:
        with torch.no_grad():
            for each in model.parameters():
                if each.dim() > 1:
                    change(each)

    return lambda recipe, _: changed(recipe, edit=edit)


def _scaled_weights(factor: float) -> Change:
    return _weights(lambda each: each.mul_(factor))


def _linear(every: int) -> Change:
    def change(recipe: Recipe, _: torch.Generator) -> Recipe | None:
        return with_options(recipe, activate_every=every) if recipe.family in CHAIN else None

    return change


def _head(kinds: set[str], *make: Callable[[], nn.Module]) -> Change:
    return lambda recipe, _: with_options(recipe, head=make) if recipe.task.kind in kinds else None


def _squared_labels(recipe: Recipe, _: torch.Generator) -> Recipe | None:
    """A regression on class numbers: one output, squared error."""
    if not classes(recipe) or recipe.task.classes < 3:  # noqa: PLR2004
        return None
    data = {name: Split(each.x, each.y.float()[:, None]) for name, each in recipe.data.items()}
    return changed(with_options(recipe, outputs=1), loss=nn.MSELoss, data=data, judge=data)


def _squared_one_hot(recipe: Recipe, _: torch.Generator) -> Recipe | None:
    """Squared error between a softmax and one-hot classes."""
    if not classes(recipe):
        return None
    data = {name: Split(each.x, F.one_hot(each.y, recipe.task.classes).float()) for name, each in recipe.data.items()}
    return changed(with_options(recipe, head=(partial(nn.Softmax, dim=1),)), loss=nn.MSELoss, data=data)


def _broadcast(recipe: Recipe, _: torch.Generator) -> Recipe | None:
    if recipe.task.kind != "regression":
        return None
    return changed(recipe, data={name: Split(each.x, each.y[:, 0]) for name, each in recipe.data.items()})


def _sum(recipe: Recipe, _: torch.Generator) -> Recipe | None:
    sgd = recipe.optimizer is torch.optim.SGD
    return changed(recipe, loss=partial(loss_of(recipe.task), reduction="sum")) if sgd else None


def _logits_to_nll(recipe: Recipe, _: torch.Generator) -> Recipe | None:
    return changed(recipe, loss=nn.NLLLoss) if classes(recipe) else None


def _missing(which: Callable[[str, int, int], bool], *, grad: bool = False) -> Change:
    """Leave out of the optimizer the parameter tensors chosen by name, place and number."""

    def change(recipe: Recipe, _: torch.Generator) -> Recipe | None:
        from benchmarks.faults.models import build  # noqa: PLC0415

        names = [name for name, _ in build(recipe.family, recipe.options, recipe.task).named_parameters()]
        gone = {name for i, name in enumerate(names) if which(name, i, len(names))}
        if not gone or len(gone) == len(names):
            return None
        return changed(recipe, frozen=gone.__contains__, freeze_grad=grad)

    return change


def _cut(recipe: Recipe, _: torch.Generator) -> Recipe | None:
    return with_options(recipe, cut=True)


def _raw_inputs(recipe: Recipe, _: torch.Generator) -> Recipe | None:
    if not floats(recipe):
        return None
    data = {name: replace(each, x=recipe.task.raw[name].x) for name, each in recipe.data.items()}
    return changed(recipe, data=data, judge=data)


def _scaled_inputs(scale: float, offset: float) -> Change:
    def change(recipe: Recipe, _: torch.Generator) -> Recipe | None:
        return changed(recipe, prepare=lambda x: x * scale + offset) if floats(recipe) else None

    return change


def _uneven_inputs(decades: float) -> Change:
    """Features whose scales spread over so many decades."""

    def change(recipe: Recipe, generator: torch.Generator) -> Recipe | None:
        if not _table(recipe):
            return None
        scales = 10 ** (decades * torch.rand(recipe.task.splits["train"].x.shape[1], generator=generator))
        return changed(recipe, prepare=lambda x: x * scales)

    return change


def _targets(scale: float, offset: float) -> Change:
    def change(recipe: Recipe, _: torch.Generator) -> Recipe | None:
        if recipe.task.kind != "regression":
            return None
        data = {name: replace(each, y=each.y * scale + offset) for name, each in recipe.data.items()}
        return changed(recipe, data=data, judge=data)

    return change


SIGMOID = {"mlp", "deep-mlp", "cnn", "autoencoder"}
FAULTS: Mapping[str, tuple[Variant, ...]] = {
    "bad-initialization": (
        *each_of("weights x", _scaled_weights, 0.03, 0.1, 5, 10, 30),
        Variant("all weights alike", _weights(lambda each: nn.init.constant_(each, 0.01))),
        Variant("all weights zero", _weights(nn.init.zeros_)),
    ),
    "missing-nonlinearity": (
        Variant("no activation", _linear(0)),
        Variant("every 2nd layer only", _linear(2)),
        Variant("every 3rd layer only", _linear(3)),
    ),
    "activation-mismatch": (
        Variant("sigmoid in hidden layers", activation(nn.Sigmoid, SIGMOID)),
        Variant("softmax in hidden layers", activation(partial(nn.Softmax, dim=1), SIGMOID - {"cnn"})),
        Variant("ReLU at the output", _head({"regression", "reconstruction"}, nn.ReLU)),
        Variant("sigmoid at the output", _head({"regression", "reconstruction"}, nn.Sigmoid)),
        Variant("tanh at the output", _head({"regression", "reconstruction"}, nn.Tanh)),
        Variant("ReLU before the loss", _head({"classification"}, nn.ReLU)),
    ),
    "loss-mismatch": (
        Variant("softmax before cross-entropy", _head({"classification", "language"}, partial(nn.Softmax, dim=-1))),
        Variant("sigmoid before cross-entropy", _head({"classification", "language"}, nn.Sigmoid)),
        Variant("logits into NLL", _logits_to_nll),
        Variant("squared error on class numbers", _squared_labels),
        Variant("squared error on one-hot classes", _squared_one_hot),
        Variant("(B,1) against (B)", _broadcast),
        Variant("sum, not mean", _sum),
    ),
    "parameters-not-updated": (
        Variant("only the last layer is given", _missing(lambda _, i, n: i < n - 2)),
        Variant("first half is not given", _missing(lambda _, i, n: i < n // 2)),
        Variant("first half is frozen", _missing(lambda _, i, n: i < n // 2, grad=True)),
        Variant("last layer is not given", _missing(lambda _, i, n: i >= n - 2)),
        Variant("detached before the last layer", _cut),
    ),
    "gradient-not-reset": (
        Variant("never", _always(zero_every=0)),
        Variant("every 100th step", _always(zero_every=100)),
        Variant("every 20th step", _always(zero_every=20)),
    ),
    "unnormalized-input": (
        Variant("raw", _raw_inputs),
        *(Variant(f"x {scale}", _scaled_inputs(scale, 0.0)) for scale in (10, 30, 100)),
        *(Variant(f"+ {offset}", _scaled_inputs(1.0, offset)) for offset in (5, 20)),
        *each_of("decades", _uneven_inputs, 2, 3),
    ),
    "unnormalized-target": tuple(
        Variant(f"x {scale} + {offset}", _targets(scale, offset))
        for scale, offset in ((10, 30), (50, 150), (300, 0), (1, 20), (1000, 5000))
    ),
}
