"""Faults of training itself: rates, steps, depth, what the gradient meets on its way, regularisation, size, batches."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from benchmarks.faults.injections.variant import Change, Variant, activation, each_of
from benchmarks.faults.recipe import Recipe, changed, cosine, with_options

__all__ = ["FAULTS"]


def _rate(factor: float) -> Change:
    return lambda recipe, _: changed(recipe, lr=recipe.lr * factor)


def _constant_rate(factor: float) -> Change:
    def change(recipe: Recipe, _: torch.Generator) -> Recipe | None:
        return changed(recipe, lr=recipe.lr * factor, schedule=None) if recipe.schedule is cosine else None

    return change


def _adam(**options: object) -> Change:
    def change(recipe: Recipe, _: torch.Generator) -> Recipe | None:
        return changed(recipe, optimizer_options=options) if recipe.optimizer is not torch.optim.SGD else None

    return change


def _sgd(**options: object) -> Change:
    def change(recipe: Recipe, _: torch.Generator) -> Recipe | None:
        return changed(recipe, optimizer_options=options) if recipe.optimizer is torch.optim.SGD else None

    return change


def _steps(share: float) -> Change:
    def change(recipe: Recipe, _: torch.Generator) -> Recipe:
        """Stopped early: the schedule is that of the whole training."""
        steps = max(20, round(recipe.steps * share))
        whole, plan = recipe.steps, recipe.schedule
        schedule = (lambda optimizer, _: plan(optimizer, whole)) if plan else None
        return changed(recipe, steps=steps, schedule=schedule, eval_every=max(2, steps // 12))

    return change


def _deep(depth: int) -> Change:
    def change(recipe: Recipe, _: torch.Generator) -> Recipe | None:
        return with_options(recipe, depth=depth) if recipe.family == "deep-mlp" else None

    return change


def _recurrent_gain(gain: float) -> Change:
    """A plain recurrent network whose state grows by this factor a step."""

    def edit(model: nn.Module) -> None:
        for name, each in model.named_parameters():
            if "weight_hh" in name:
                nn.init.orthogonal_(each, gain)

    def change(recipe: Recipe, _: torch.Generator) -> Recipe | None:
        if recipe.family != "recurrent":
            return None
        return changed(with_options(recipe, recurrent="RNN-relu"), edit=edit)

    return change


def _unnormalised_blocks(depth: int) -> Change:
    """Residual blocks without normalisation: what they add up to grows with each."""

    def change(recipe: Recipe, _: torch.Generator) -> Recipe | None:
        if recipe.family not in {"resnet", "transformer"}:
            return None
        return with_options(recipe, norm=False, depth=depth)

    return change


def _hidden_biases(value: float) -> Change:
    """Biases so low that units begin dead."""

    def edit(model: nn.Module) -> None:
        layers = [each for each in model.modules() if isinstance(each, (nn.Linear, nn.Conv2d))]
        for each in layers[:-1]:
            if each.bias is not None:
                nn.init.constant_(each.bias, value)

    def change(recipe: Recipe, _: torch.Generator) -> Recipe | None:
        return changed(recipe, edit=edit) if recipe.family in {"mlp", "deep-mlp", "cnn"} else None

    return change


class Times(nn.Module):
    """Multiplies by a constant."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor


def _sharp_tanh(factor: float) -> Change:
    return activation(lambda: nn.Sequential(Times(factor), nn.Tanh()), {"mlp", "deep-mlp", "cnn"})


def _decay(strength: float) -> Change:
    """Weight decay: decoupled with Adam, so that the strength means the same."""

    def change(recipe: Recipe, _: torch.Generator) -> Recipe | None:
        if recipe.optimizer is torch.optim.SGD:
            return changed(recipe, optimizer_options={**recipe.optimizer_options, "weight_decay": strength})
        return changed(
            recipe, optimizer=torch.optim.AdamW, optimizer_options={"weight_decay": strength / recipe.lr * 0.05}
        )

    return change


def _coupled_decay(strength: float) -> Change:
    return _adam(weight_decay=strength)


def _dropout(p: float) -> Change:
    def change(recipe: Recipe, _: torch.Generator) -> Recipe | None:
        return with_options(recipe, dropout=p)

    return change


def _width(width: int, bottleneck: int = 0) -> Change:
    def change(recipe: Recipe, _: torch.Generator) -> Recipe | None:
        if recipe.family in {"transformer", "resnet"} and not bottleneck:
            return None
        return with_options(recipe, width=width or recipe.options.width, bottleneck=bottleneck)

    return change


def _batch(times: int) -> Change:
    """A larger batch at the same number of epochs: fewer steps."""

    def change(recipe: Recipe, _: torch.Generator) -> Recipe | None:
        size = recipe.batch * times
        if size > len(recipe.data["train"]):
            return None
        steps = max(10, recipe.steps // times)
        return changed(recipe, batch=size, steps=steps, eval_every=max(1, steps // 12))

    return change


def _small_batch(size: int) -> Change:
    def change(recipe: Recipe, _: torch.Generator) -> Recipe | None:
        return changed(recipe, batch=size) if recipe.batch > 2 * size else None

    return change


FAULTS: Mapping[str, tuple[Variant, ...]] = {
    "learning-rate-too-high": tuple(Variant(f"x {each}", _rate(each), each) for each in (3, 10, 30, 100)),
    "learning-rate-too-low": tuple(Variant(f"/ {each}", _rate(1 / each), 1 / each) for each in (3, 10, 30, 100)),
    "learning-rate-not-decayed": each_of("constant, x", _constant_rate, 1, 2, 4),
    "optimizer-mismatch": (
        *(Variant(f"eps {eps:g}", _adam(eps=eps)) for eps in (0.01, 0.1, 1.0)),
        *(Variant(f"momentum {beta:g}", _sgd(momentum=beta)) for beta in (0.98, 0.99, 0.995)),
        *(Variant(f"betas {beta:g}", _adam(betas=(beta, 0.999))) for beta in (0.99, 0.998)),
    ),
    "undertrained": each_of("steps x", _steps, 0.05, 0.1, 0.2, 0.35),
    "vanishing-gradient": each_of("layers", lambda depth: _deep(int(depth)), 12, 20, 30),
    "exploding-gradient": (
        *each_of("recurrent gain", _recurrent_gain, 1.2, 1.5, 2.0),
        *each_of("blocks without normalisation", lambda depth: _unnormalised_blocks(int(depth)), 6, 12),
    ),
    "dead-units": each_of("biases", _hidden_biases, -0.5, -1, -3),
    "saturated-units": each_of("tanh of x", _sharp_tanh, 5, 15, 50),
    "over-regularization": (
        *each_of("weight decay", _decay, 0.01, 0.03, 0.1, 0.3),
        *each_of("coupled weight decay", _coupled_decay, 0.01, 0.1),
        *each_of("dropout", _dropout, 0.7, 0.85, 0.95),
    ),
    "insufficient-capacity": (
        Variant("width 2", _width(2)),
        Variant("width 4", _width(4)),
        Variant("bottleneck 1", _width(0, 1)),
        Variant("bottleneck 2", _width(0, 2)),
    ),
    "batch-too-large": each_of("batch x", lambda times: _batch(int(times)), 4, 8, 16, 32),
    "batch-too-small": each_of("batch", lambda size: _small_batch(int(size)), 1, 2, 4),
}
