"""A recipe is everything that makes a training; a base is a sound one, and a fault is a changed field of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  (everybody's name for it)
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Sampler

from benchmarks.faults.models import Options, build
from benchmarks.faults.tasks import Split, Task, task
from tb_lossdiag import DiagWriter

__all__ = ["BASES", "HELD_OUT", "Base", "Outcome", "Recipe", "base_recipe", "loss_of", "train"]

CHECKPOINTS = (
    24  # at which the whole training and validation sets are measured, unseen by the tool: the truth about the curves
)
SEEN = {"classification": 1000, "regression": 1000, "reconstruction": 500, "language": 150}  # samples, then
SHARES = 1e-3  # from 1, that shares add up to
Edit = Callable[[nn.Module], None]


@dataclass(frozen=True)
class Recipe:
    """A training. `data` holds the splits that it sees; what it is judged by afterwards is always the task's own."""

    task: Task
    family: str
    options: Options
    data: Mapping[str, Split]
    loss: Callable[[], nn.Module]
    optimizer: Callable[..., torch.optim.Optimizer]
    lr: float
    steps: int
    batch: int = 32
    optimizer_options: Mapping[str, object] = field(default_factory=dict)
    schedule: Callable[[torch.optim.Optimizer, int], object] | None = None
    shuffle: bool = True
    sampler: Callable[[Split, int], Sampler[int]] | None = None
    loader: bool = True  # whether the writer is given the loader, too
    edit: Edit | None = None  # of the freshly made model
    frozen: Callable[[str], bool] | None = None  # parameters that the optimizer is not given
    freeze_grad: bool = False  # ... which then need no gradient either
    zero_every: int = 1  # steps between two calls of zero_grad; 0: never
    accumulate: int = 1
    clip: float = 0.0
    prepare: Callable[[Tensor], Tensor] | None = None  # of the inputs, in training and evaluation alike
    augment: Callable[[Tensor], Tensor] | None = None  # of training batches
    judge: Mapping[str, Split] | None = None  # clean data in the recipe's own units, where those are not the task's
    eval_every: int = 25
    eval_batch: int = 256


@dataclass(frozen=True, slots=True)
class Base:
    """A sound training: a family on a task, with settings that a sweep of the learning rate found best."""

    family: str
    task: str
    lr: float
    steps: int = 400
    batch: int = 32
    adam: bool = True
    options: Options = field(default_factory=Options)
    decays: bool = True

    @property
    def name(self) -> str:
        return f"{self.family}/{self.task}"


MLP = Options(64, 2)
BASES: Mapping[str, Base] = {
    each.name: each
    for each in (
        Base("mlp", "digits", 1e-2, options=MLP),
        Base("mlp", "mnist", 3e-3, decays=False, options=MLP, batch=64),
        Base("mlp", "cancer", 0.03, decays=False, adam=False, options=Options(32, 2), steps=120),
        Base("mlp", "rare", 1e-2, options=MLP),
        Base("mlp", "diabetes", 5e-3, decays=False, options=Options(16, 1), steps=150),
        Base("mlp", "mpg", 1e-2, options=Options(32, 2), steps=300),
        Base("deep-mlp", "digits", 5e-3, options=Options(64, 6), steps=500),
        Base("deep-mlp", "mnist", 0.05, adam=False, options=Options(64, 6), steps=600, batch=64),
        Base("deep-mlp", "mpg", 3e-3, decays=False, options=Options(48, 5), steps=400),
        Base("cnn", "digits", 0.05, adam=False, options=Options(12), steps=400),
        Base("cnn", "mnist", 6e-3, options=Options(8), steps=350, batch=64),
        Base("resnet", "digits", 2e-2, options=Options(8, 2), steps=250),
        Base("resnet", "mnist", 0.2, adam=False, options=Options(12, 2), steps=300, batch=64),
        Base("recurrent", "digits", 1.5e-2, options=Options(48, 1), steps=400),
        Base("recurrent", "text", 1e-2, decays=False, options=Options(64, 1), steps=300, batch=16),
        Base("recurrent", "mnist", 1.2e-2, options=Options(48, 1), steps=400, batch=64),
        Base("transformer", "text", 6e-3, options=Options(48, 2), steps=300, batch=16),
        Base("transformer", "digits", 4e-3, options=Options(48, 2), steps=350),
        Base("autoencoder", "digits-again", 1e-2, options=Options(64), steps=500),
        Base("autoencoder", "mnist-again", 6e-3, options=Options(96), steps=500, batch=64),
    )
}
HELD_OUT = {"resnet", "transformer", "mnist", "mnist-again", "mpg"}
"""Families and tasks that no threshold was set on: their faults were not looked at one by one."""


def loss_of(found: Task) -> Callable[[], nn.Module]:
    """The loss that fits the task."""
    return nn.CrossEntropyLoss if found.kind in {"classification", "language"} else nn.MSELoss


def base_recipe(base: Base) -> Recipe:
    """The sound training."""
    found = task(base.task)
    adam = partial(torch.optim.Adam)
    return Recipe(
        task=found,
        family=base.family,
        options=base.options,
        data=found.splits,
        loss=loss_of(found),
        optimizer=adam if base.adam else torch.optim.SGD,
        lr=base.lr,
        steps=base.steps,
        batch=base.batch,
        optimizer_options={} if base.adam else {"momentum": 0.9},
        schedule=cosine if base.decays else None,
        eval_every=max(5, base.steps // 16),
    )


def cosine(optimizer: torch.optim.Optimizer, steps: int) -> object:
    """Down to a fiftieth of the learning rate over the whole training."""
    rate = optimizer.param_groups[0]["lr"]
    return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps, eta_min=rate / 50)


class Samples(Dataset[tuple[Tensor, Tensor]]):
    """A split as a data set that hands out whole batches at once."""

    def __init__(self, split: Split) -> None:
        self.split = split

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.split.x[index], self.split.y[index]

    def __getitems__(self, indices: list[int]) -> tuple[Tensor, Tensor]:
        return self.split.x[indices], self.split.y[indices]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a training, measured on the task's own data: `scores` at the end, `curves` at the checkpoints.

    `error` is the share of wrong answers, or the mean squared error over the targets' variance; `loss` is the recipe's
    own loss in evaluation mode. Curves hold (steps, own training loss, own validation loss).
    """

    scores: Mapping[str, float]
    curves: Mapping[str, list[float]]


def train(recipe: Recipe, logdir: str, seed: int) -> Outcome:
    """Train as the recipe says, watched and logged below `logdir`."""
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002  (what a user's script does)
    model = build(recipe.family, recipe.options, recipe.task)
    if recipe.edit is not None:
        recipe.edit(model)
    loss_fn = recipe.loss()
    optimizer = recipe.optimizer(_given(recipe, model), lr=recipe.lr, **recipe.optimizer_options)
    schedule = recipe.schedule(optimizer, recipe.steps) if recipe.schedule else None
    loader = _loader(recipe, seed)
    truth: dict[str, list[float]] = {"steps": [], "train": [], "val": []}
    checkpoints = {round(i * recipe.steps / (CHECKPOINTS - 1)) for i in range(CHECKPOINTS)}

    with DiagWriter(logdir) as writer:
        writer.watch(model, optimizer, loss_fn, train_loader=loader if recipe.loader else None)
        for step, (x, y) in zip(range(recipe.steps + 1), _endless(loader), strict=False):
            if step in checkpoints:
                _look(recipe, model, step, truth)
            if step % recipe.eval_every == 0 or step == recipe.steps:
                evaluate(recipe, writer, model, loss_fn)
            if step == recipe.steps:
                break
            if recipe.zero_every and step % recipe.zero_every == 0:
                optimizer.zero_grad()
            _gradients(recipe, model, loss_fn, x, y)
            optimizer.step()
            if schedule is not None:
                schedule.step()  # type: ignore[attr-defined]
    return Outcome(scores(recipe, model), truth)


def _given(recipe: Recipe, model: nn.Module) -> list[nn.Parameter]:
    """What the optimizer is given."""
    frozen = recipe.frozen or (lambda _: False)
    for name, each in model.named_parameters():
        if frozen(name) and recipe.freeze_grad:
            each.requires_grad_(requires_grad=False)
    return [each for name, each in model.named_parameters() if not frozen(name)]


def _gradients(recipe: Recipe, model: nn.Module, loss_fn: nn.Module, x: Tensor, y: Tensor) -> None:
    """One step's forward and backward passes."""
    for part_x, part_y in zip(x.chunk(recipe.accumulate), y.chunk(recipe.accumulate), strict=True):
        inputs = recipe.augment(part_x) if recipe.augment else part_x
        output = model(recipe.prepare(inputs) if recipe.prepare else inputs)
        loss = loss_fn(*for_loss(recipe, output, part_y))
        if loss.requires_grad:
            (loss / recipe.accumulate if recipe.accumulate > 1 else loss).backward()
    if recipe.clip:
        nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)


def for_loss(recipe: Recipe, output: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Output and target as the loss takes them: the characters of a text are samples of their own."""
    return (output.flatten(0, 1), y.flatten()) if recipe.task.kind == "language" else (output, y)


def evaluate(recipe: Recipe, writer: DiagWriter, model: nn.Module, loss_fn: nn.Module) -> None:
    """As a user's loop does: validation and test sets, batch by batch."""
    for split in ("val", "test"):
        with writer.evaluating(split):
            for x, y in batches(recipe.data[split], recipe.eval_batch):
                loss_fn(*for_loss(recipe, model(recipe.prepare(x) if recipe.prepare else x), y))


def batches(split: Split, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """One after the other."""
    for first in range(0, len(split), size):
        yield split.x[first : first + size], split.y[first : first + size]


def _loader(recipe: Recipe, seed: int) -> DataLoader[tuple[Tensor, Tensor]]:
    split = recipe.data["train"]
    sampler = recipe.sampler(split, seed) if recipe.sampler else None
    return DataLoader(
        Samples(split),
        batch_size=min(recipe.batch, len(split)),
        shuffle=recipe.shuffle if sampler is None else None,
        sampler=sampler,
        drop_last=len(split) > 2 * recipe.batch,
        collate_fn=lambda batch: batch,
        generator=torch.Generator().manual_seed(seed),
    )


def _endless(loader: DataLoader[tuple[Tensor, Tensor]]) -> Iterator[tuple[Tensor, Tensor]]:
    while True:
        yield from loader


def _look(recipe: Recipe, model: nn.Module, step: int, truth: dict[str, list[float]]) -> None:
    """The losses of the whole training and validation sets, as the recipe defines and prepares them."""
    truth["steps"].append(step)
    for split in ("train", "val"):
        truth[split].append(_own_loss(recipe, model, recipe.data[split]))


def _own_loss(recipe: Recipe, model: nn.Module, split: Split) -> float:
    flags = {each: each.training for each in model.modules()}
    model.eval()
    split = split[: SEEN[recipe.task.kind]]
    with torch.no_grad():
        output = model(recipe.prepare(split.x) if recipe.prepare else split.x)
        value = float(recipe.loss()(*for_loss(recipe, output, split.y)))
    for each, flag in flags.items():
        each.training = flag
    return value


def scores(recipe: Recipe, model: nn.Module) -> dict[str, float]:
    """How good the model is, split by split: `train_error` on clean data, `train_own_error` on what it was given."""
    model.eval()
    clean = recipe.judge or recipe.task.splits
    found: dict[str, float] = {}
    for name in ("train", "val", "test"):
        for key, whole in ((name, clean[name]), (f"{name}_own", recipe.data[name])):
            split = whole[: 3 * SEEN[recipe.task.kind]]
            with torch.no_grad():
                output = model(recipe.prepare(split.x) if recipe.prepare else split.x)
            found |= {f"{key}_{figure}": value for figure, value in judged(recipe.task, output, split.y).items()}
    return found


def judged(found: Task, output: Tensor, y: Tensor) -> dict[str, float]:
    """Error and standard loss; outputs that are shares of the classes already are taken as such."""
    if found.kind == "language":
        output, y = output.flatten(0, 1), y.flatten()
    if found.kind == "classification" and output.shape[1] == 1:  # class numbers as amounts
        wrong = float((output.round() != y).float().mean())
        return {"error": wrong, "balanced": wrong, "loss": float(F.mse_loss(output, y))}
    if y.is_floating_point() and found.kind == "classification":  # one-hot classes
        y = y.argmax(1)
    if found.kind in {"classification", "language"}:
        wrong = float((output.argmax(1) != y).float().mean())
        balanced = [float((output.argmax(1) != y)[y == each].float().mean()) for each in y.unique()]
        shares = bool((output >= 0).all()) and bool(((output.sum(1) - 1).abs() < SHARES).all())
        loss = F.nll_loss(output.clamp_min(1e-12).log(), y) if shares else F.cross_entropy(output, y)
        return {"error": wrong, "balanced": float(np.mean(balanced)), "loss": float(loss)}
    value = float(F.mse_loss(output, y.reshape(output.shape)) / y.var())
    return {"error": value, "balanced": value, "loss": value}


def changed(recipe: Recipe, **fields: object) -> Recipe:
    """The recipe with some fields changed."""
    return replace(recipe, **fields)  # type: ignore[arg-type]


def with_options(recipe: Recipe, **fields: object) -> Recipe:
    """The recipe with some options of its network changed."""
    return replace(recipe, options=replace(recipe.options, **fields))  # type: ignore[arg-type]
