"""Trains a handful of healthy and sick networks on real data, for a first look at the Diagnosis tab.

Each recipe is one ordinary training loop with two lines for `DiagWriter`. All but one have one thing wrong with them.
The data are scikit-learn's digits (1,797 images of 8 x 8) and diabetes (442 patients, 10 features), which it ships.
"""

from __future__ import annotations

import subprocess
import sys
import webbrowser
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from sklearn.datasets import load_diabetes, load_digits
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from tb_lossdiag.writer import DiagWriter

__all__ = ["RECIPES", "Recipe", "run_demo", "train"]

PORT = 6006  # TensorBoard's own default


@dataclass(frozen=True, slots=True)
class Split:
    """Training and validation set."""

    train: TensorDataset
    val: TensorDataset


@dataclass(frozen=True, slots=True)
class Recipe:
    """One training: what is done to it (`story`), the cause that the tab should name first, and how it is made."""

    name: str
    story: str
    cause: str | None
    model: Callable[[], nn.Module]
    data: Callable[[int], Split] = field(default_factory=lambda: digits)
    lr: float = 0.1
    epochs: int = 30
    batch_size: int = 32
    optimizer: type[torch.optim.Optimizer] = torch.optim.SGD
    loss: Callable[[], nn.Module] = nn.CrossEntropyLoss


def digits(seed: int) -> Split:
    """1,200 digits to learn from, 597 to validate on, standardised with the training set's mean and deviation."""
    x, y = (torch.as_tensor(each) for each in load_digits(return_X_y=True))
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    x, y = x[order].float(), y[order].long()
    x = (x - x[:1200].mean()) / x[:1200].std()
    return Split(TensorDataset(x[:1200], y[:1200]), TensorDataset(x[1200:], y[1200:]))


def few_digits(seed: int) -> Split:
    """Only 100 digits to learn from."""
    split = digits(seed)
    return Split(TensorDataset(*split.train[:100]), split.val)


def raw_diabetes(seed: int) -> Split:
    """Ten raw features of 342 patients: ages in years, blood values in mg/dl; the target is standardised."""
    x, y = (torch.as_tensor(each).float() for each in load_diabetes(return_X_y=True, scaled=False))
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    x, y = x[order], y[order].unsqueeze(1)
    y = (y - y[:342].mean()) / y[:342].std()
    return Split(TensorDataset(x[:342], y[:342]), TensorDataset(x[342:], y[342:]))


def mlp(*widths: int, activation: type[nn.Module] = nn.ReLU, dropout: float = 0.0) -> nn.Sequential:
    """Linear layers with an activation (and dropout) between them."""
    layers: list[nn.Module] = []
    for i, (fan_in, fan_out) in enumerate(pairwise(widths)):
        layers.append(nn.Linear(fan_in, fan_out))
        if i < len(widths) - 2:
            layers.append(activation())
            if dropout:
                layers.append(nn.Dropout(dropout))
    return nn.Sequential(*layers)


def regularised() -> nn.Module:
    """A network of the right size for the digits, with some dropout."""
    return mlp(64, 64, 64, 10, dropout=0.2)


def ten_sigmoids() -> nn.Module:
    """Ten hidden layers with the activation of the 1980s."""
    return mlp(64, *[64] * 10, 10, activation=nn.Sigmoid)


def dead_relu() -> nn.Module:
    """Biases that start so low that hardly any unit of the hidden layers ever fires."""
    model = mlp(64, 64, 64, 10)
    for layer in list(model)[:-1]:
        if isinstance(layer, nn.Linear):
            nn.init.constant_(layer.bias, -4.0)
    return model


RECIPES: Sequence[Recipe] = (
    Recipe("healthy", "everything as it should be", None, regularised, epochs=20),
    Recipe("lr-too-high", "learning rate 30 times too high", "learning-rate-too-high", regularised, lr=3.0, epochs=20),
    Recipe("lr-too-low", "learning rate 100 times too low", "learning-rate-too-low", regularised, lr=0.001, epochs=20),
    Recipe("ten-sigmoid-layers", "ten sigmoid layers", "vanishing-gradient", ten_sigmoids, epochs=20),
    Recipe("dead-relu", "hidden units that never fire", "dead-units", dead_relu, epochs=20),
    Recipe(
        "overfitting",
        "100 samples, a large network, a long training",
        "overfitting",
        lambda: mlp(64, 512, 512, 10),
        few_digits,
        lr=1e-3,
        epochs=250,
        batch_size=20,
        optimizer=torch.optim.Adam,
    ),
    Recipe(
        "raw-features",
        "a regression on features that nobody normalised",
        "unnormalized-input",
        lambda: mlp(10, 64, 64, 1),
        raw_diabetes,
        lr=0.01,
        epochs=60,
        loss=nn.MSELoss,
    ),
)


def train(recipe: Recipe, logdir: Path, seed: int, tick: Callable[[], None] = lambda: None) -> None:
    """The ordinary loop, plus `DiagWriter` and `watch`. `tick` is called after each epoch."""
    torch.manual_seed(seed)
    split = recipe.data(seed)
    loader = DataLoader(split.train, recipe.batch_size, shuffle=True)
    val_loader = DataLoader(split.val, 256)
    model, loss_fn = recipe.model(), recipe.loss()
    optimizer = recipe.optimizer(model.parameters(), lr=recipe.lr)  # type: ignore[call-arg]  # every optimizer has lr

    writer = DiagWriter(str(logdir / recipe.name))
    writer.watch(model, optimizer, loss_fn, train_loader=loader)
    for _ in range(recipe.epochs):
        for x, y in loader:
            optimizer.zero_grad()
            loss: Tensor = loss_fn(model(x), y)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        with writer.evaluating("val"):
            for x, y in val_loader:
                loss_fn(model(x), y)
        tick()
    writer.close()


def run_demo(
    logdir: Path, *, seed: int = 0, train_only: bool = False, port: int | None = None, open_browser: bool = True
) -> int:
    """Train every recipe below `logdir`, then start TensorBoard there; the exit status of the whole.

    Raises FileExistsError where `logdir` already holds something: the demo never mixes with other people's runs.
    """
    if logdir.exists() and any(logdir.iterdir()):
        message = (
            f"{logdir} is not empty: look at what it holds with `tensorboard --logdir {logdir}`, remove it, "
            "or choose another place with --logdir"
        )
        raise FileExistsError(message)
    console = Console(stderr=True)
    torch.set_num_threads(1)  # networks this small only lose time to more, most of all on a busy machine
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        tasks = [progress.add_task(f"{each.name}: {each.story}", total=each.epochs, start=False) for each in RECIPES]
        for recipe, task in zip(RECIPES, tasks, strict=True):
            progress.start_task(task)
            train(recipe, logdir, seed, lambda task=task: progress.advance(task))  # type: ignore[misc]
    if train_only:
        console.print(
            f"Trained {len(RECIPES)} networks. Now: lossdiag diagnose {logdir}", highlight=False, markup=False
        )
        return 0
    return _serve(logdir, port or PORT, console, open_browser=open_browser)


def _serve(logdir: Path, port: int, console: Console, *, open_browser: bool) -> int:
    """Start the real TensorBoard and wait for it to end."""
    address = f"http://localhost:{port}/#lossdiag"
    console.print(f"The Diagnosis tab: {address}  (Ctrl-C ends it)", highlight=False, markup=False)
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(logdir), "--port", str(port)]
    process = subprocess.Popen(command)  # noqa: S603  (our own command, no shell)
    try:
        if open_browser and not _ends_within(process, 5.0):
            webbrowser.open(address)
        return process.wait()
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        return 0


def _ends_within(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether TensorBoard gave up at once, as it does where the port is taken (and says so itself)."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True
