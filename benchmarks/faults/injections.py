"""The faults: for each cause its variants, from mild to plain, each a change to a sound recipe.

A variant says where it applies by returning None elsewhere. Sizes are what people get wrong: a learning rate 3, 10 or 30 times
off, 5, 15 or 40 % of the labels, a shuffle buffer rather than only sorted data.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

import torch
import torch.nn.functional as F  # noqa: N812  (everybody's name for it)
from torch import Tensor, nn
from torch.utils.data import Sampler

from benchmarks.faults.recipe import Recipe, changed, cosine, loss_of, with_options
from benchmarks.faults.tasks import Split

__all__ = ["FAULTS", "Variant"]

Change = Callable[[Recipe, torch.Generator], Recipe | None]
CHAIN = {"mlp", "deep-mlp", "autoencoder", "cnn"}  # families whose layers follow one another


@dataclass(frozen=True, slots=True)
class Variant:
    """One size of a fault. `factor` is by how many times the learning rate is off (below 1: too low)."""

    name: str
    change: Change
    factor: float | None = None


def _always(**fields: object) -> Change:
    return lambda recipe, _: changed(recipe, **fields)


def _classes(recipe: Recipe) -> bool:
    return recipe.task.kind == "classification"


def _floats(recipe: Recipe) -> bool:
    return recipe.task.splits["train"].x.is_floating_point()


def _table(recipe: Recipe) -> bool:
    return _floats(recipe) and recipe.task.splits["train"].x.dim() == 2  # noqa: PLR2004


def _with_data(recipe: Recipe, **splits: Split) -> Recipe:
    return changed(recipe, data={**recipe.data, **splits})


def _noise(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(like.shape, generator=generator)


# setup


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


def _activation(make: Callable[[], nn.Module], families: set[str]) -> Change:
    return lambda recipe, _: with_options(recipe, activation=make) if recipe.family in families else None


def _head(kinds: set[str], *make: Callable[[], nn.Module]) -> Change:
    return lambda recipe, _: with_options(recipe, head=make) if recipe.task.kind in kinds else None


def _squared_labels(recipe: Recipe, _: torch.Generator) -> Recipe | None:
    """A regression on class numbers: one output, squared error."""
    if not _classes(recipe) or recipe.task.classes < 3:  # noqa: PLR2004
        return None
    data = {name: Split(each.x, each.y.float()[:, None]) for name, each in recipe.data.items()}
    return changed(with_options(recipe, outputs=1), loss=nn.MSELoss, data=data, judge=data)


def _squared_one_hot(recipe: Recipe, _: torch.Generator) -> Recipe | None:
    """Squared error between a softmax and one-hot classes."""
    if not _classes(recipe):
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
    return changed(recipe, loss=nn.NLLLoss) if _classes(recipe) else None


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
    if not _floats(recipe):
        return None
    data = {name: replace(each, x=recipe.task.raw[name].x) for name, each in recipe.data.items()}
    return changed(recipe, data=data, judge=data)


def _scaled_inputs(scale: float, offset: float) -> Change:
    def change(recipe: Recipe, _: torch.Generator) -> Recipe | None:
        return changed(recipe, prepare=lambda x: x * scale + offset) if _floats(recipe) else None

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


# train


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


def _recurrent(kind: str) -> Change:
    def change(recipe: Recipe, _: torch.Generator) -> Recipe | None:
        return with_options(recipe, recurrent=kind) if recipe.family == "recurrent" else None

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
    return _activation(lambda: nn.Sequential(Times(factor), nn.Tanh()), {"mlp", "deep-mlp", "cnn"})


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
        return _with_data(recipe, **{name: wrong(recipe.data[name], recipe, generator) for name in ("train", "val")})

    return change


def _broken(how: Callable[[Tensor, torch.Generator], Tensor]) -> Change:
    """The inputs of all splits go through the same broken reader; the judge's too."""

    def change(recipe: Recipe, generator: torch.Generator) -> Recipe | None:
        if not _floats(recipe):
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
        if not _floats(recipe):
            return None
        train = recipe.data["train"]
        x = train.x.clone()
        x[torch.rand(len(x), generator=generator) < share] = math.nan
        return _with_data(recipe, train=Split(x, train.y))

    return change


def _repeated(count: int) -> Change:
    """An index bug: the same few samples again and again."""

    def change(recipe: Recipe, _: torch.Generator) -> Recipe | None:
        train = recipe.data["train"]
        kept = torch.arange(len(train)) % count
        return _with_data(recipe, train=train[kept])

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

        return _with_data(recipe, **{name: mixed(each) for name, each in recipe.data.items()})

    return change


def _useless(share: float) -> Change:
    """All but a share of the features are replaced by noise, where the border of an image, or the weakest columns, are kept."""

    def change(recipe: Recipe, generator: torch.Generator) -> Recipe | None:
        if not _floats(recipe) or recipe.task.kind == "reconstruction":
            return None
        train = recipe.data["train"]
        x, y = train.x.flatten(1), train.y.reshape(len(train), -1).float().mean(1)
        y = (y - y.mean()) / y.std()
        weak = torch.argsort(((x * y[:, None]).mean(0) / x.std(0).clamp_min(1e-6)).abs())
        kept = weak[: round(share * len(weak))]

        def noisy(split: Split) -> Split:
            flat = split.x.flatten(1)
            found = _noise(flat, generator)
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
        if not _classes(recipe):
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
    return lambda recipe, _: with_options(recipe, front=(make,)) if _floats(recipe) else None


# val and test


def _few(samples: int, longer: float) -> Change:
    """So few training samples, trained on for longer."""

    def change(recipe: Recipe, generator: torch.Generator) -> Recipe | None:
        train = recipe.data["train"]
        if samples > len(train) // 2:
            return None
        chosen = torch.randperm(len(train), generator=generator)[:samples]
        steps = round(recipe.steps * longer)
        return changed(_with_data(recipe, train=train[chosen]), steps=steps, eval_every=max(5, steps // 20))

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
        if not _floats(recipe) or recipe.task.kind == "reconstruction":
            return None
        part = recipe.data[split]
        return _with_data(recipe, **{split: Split(how(part.x, generator), part.y)})

    return change


def _split_smaller(split: str, samples: int) -> Change:
    return lambda recipe, _: _with_data(recipe, **{split: recipe.data[split][:samples]})


def _split_classes(split: str, share: float) -> Change:
    """A split in which some classes are far more frequent, and which training hardly saw."""

    def change(recipe: Recipe, generator: torch.Generator) -> Recipe | None:
        if not _classes(recipe) or recipe.task.classes < 3:  # noqa: PLR2004
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
    return lambda x, generator: x + amount * _noise(x, generator)


def _occluded(share: float) -> Callable[[Tensor, torch.Generator], Tensor]:
    """Values that are missing at random, and read as extremes."""

    def how(x: Tensor, generator: torch.Generator) -> Tensor:
        gone = torch.rand(x.shape, generator=generator) < share
        extreme = torch.where(torch.rand(x.shape, generator=generator) < 0.5, x.min(), x.max())  # noqa: PLR2004
        return torch.where(gone, extreme, x)

    return how


def _each(name: str, make: Callable[..., Change], *values: float) -> tuple[Variant, ...]:
    return tuple(Variant(f"{name} {value:g}", make(value)) for value in values)


SIGMOID = {"mlp", "deep-mlp", "cnn", "autoencoder"}
FAULTS: Mapping[str, tuple[Variant, ...]] = {
    "bad-initialization": (
        *_each("weights x", _scaled_weights, 0.03, 0.1, 5, 10, 30),
        Variant("all weights alike", _weights(lambda each: nn.init.constant_(each, 0.01))),
        Variant("all weights zero", _weights(nn.init.zeros_)),
    ),
    "missing-nonlinearity": (
        Variant("no activation", _linear(0)),
        Variant("every 2nd layer only", _linear(2)),
        Variant("every 3rd layer only", _linear(3)),
    ),
    "activation-mismatch": (
        Variant("sigmoid in hidden layers", _activation(nn.Sigmoid, SIGMOID)),
        Variant("softmax in hidden layers", _activation(partial(nn.Softmax, dim=1), SIGMOID - {"cnn"})),
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
        *_each("decades", _uneven_inputs, 2, 3),
    ),
    "unnormalized-target": tuple(
        Variant(f"x {scale} + {offset}", _targets(scale, offset))
        for scale, offset in ((10, 30), (50, 150), (300, 0), (1, 20), (1000, 5000))
    ),
    "learning-rate-too-high": tuple(Variant(f"x {each}", _rate(each), each) for each in (3, 10, 30, 100)),
    "learning-rate-too-low": tuple(Variant(f"/ {each}", _rate(1 / each), 1 / each) for each in (3, 10, 30, 100)),
    "learning-rate-not-decayed": _each("constant, x", _constant_rate, 1, 2, 4),
    "optimizer-mismatch": (
        *(Variant(f"eps {eps:g}", _adam(eps=eps)) for eps in (0.01, 0.1, 1.0)),
        *(Variant(f"momentum {beta:g}", _sgd(momentum=beta)) for beta in (0.98, 0.99, 0.995)),
        *(Variant(f"betas {beta:g}", _adam(betas=(beta, 0.999))) for beta in (0.99, 0.998)),
    ),
    "undertrained": _each("steps x", _steps, 0.05, 0.1, 0.2, 0.35),
    "vanishing-gradient": _each("layers", lambda depth: _deep(int(depth)), 12, 20, 30),
    "exploding-gradient": (
        *_each("recurrent gain", _recurrent_gain, 1.2, 1.5, 2.0),
        *_each("blocks without normalisation", lambda depth: _unnormalised_blocks(int(depth)), 6, 12),
    ),
    "dead-units": _each("biases", _hidden_biases, -0.5, -1, -3),
    "saturated-units": _each("tanh of x", _sharp_tanh, 5, 15, 50),
    "over-regularization": (
        *_each("weight decay", _decay, 0.01, 0.03, 0.1, 0.3),
        *_each("coupled weight decay", _coupled_decay, 0.01, 0.1),
        *_each("dropout", _dropout, 0.7, 0.85, 0.95),
    ),
    "insufficient-capacity": (
        Variant("width 2", _width(2)),
        Variant("width 4", _width(4)),
        Variant("bottleneck 1", _width(0, 1)),
        Variant("bottleneck 2", _width(0, 2)),
    ),
    "batch-too-large": _each("batch x", lambda times: _batch(int(times)), 4, 8, 16, 32),
    "batch-too-small": _each("batch", lambda size: _small_batch(int(size)), 1, 2, 4),
    "unshuffled-data": _each("buffer", _sorted, 0.0, 0.1, 0.3),
    "label-noise": _each("share", _wrong_labels, 0.05, 0.15, 0.4),
    "broken-input": (
        *_each("features lost", _zeroed, 0.9, 0.97),
        Variant("all zero", _broken(lambda x, _: torch.zeros_like(x))),
        Variant("first sample of the batch for all", _broken(_first_of_batch)),
        *_each("NaN in share", _nan_samples, 0.002, 0.02),
        *_each("distinct samples", lambda count: _repeated(int(count)), 8, 40),
        *_each("targets of others", partial(_shuffled_targets, pictures=True), 0.9, 1.0),
    ),
    "uninformative-features": (
        *_each("targets of others", _shuffled_targets, 0.9, 1.0),
        *_each("weakest features only", _useless, 0.0, 0.05, 0.15),
    ),
    "class-imbalance": _each("share kept", _imbalanced, 0.1, 0.03, 0.01),
    "non-finite-values": (
        Variant("log without epsilon", _front(Log)),
        *_each("square root of x +", lambda room: _activation(partial(Root, room), {"mlp", "deep-mlp", "cnn"}), 2, 3),
        *_each("divided by the deviation above", lambda limit: _front(partial(Standardised, limit)), 1.8, 2.4),
    ),
    "overfitting": tuple(
        Variant(f"{samples} samples, {longer:g} times as long", _few(samples, longer))
        for samples, longer in ((30, 2), (60, 2), (120, 2), (200, 3))
    ),
    "train-eval-gap": (
        *(Variant(f"BatchNorm momentum {each:g}", _norm(each, 0)) for each in (0.001, 0.003)),
        *(Variant(f"BatchNorm, batch {each}", _norm(1.0, each)) for each in (2, 4)),
    ),
    "unrepresentative-validation": (
        *_each("samples", lambda count: _split_smaller("val", int(count)), 6, 12),
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
"""Each cause of the catalogue and its variants."""
