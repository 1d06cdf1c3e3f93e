"""Every training of the benchmark, by name; resumable, because what has an outcome is not trained again."""

from __future__ import annotations

import hashlib
import json
import os
import traceback
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from rich.progress import Progress, TimeRemainingColumn

from benchmarks.faults.healthy import HEALTHY
from benchmarks.faults.injections import FAULTS
from benchmarks.faults.recipe import BASES, Recipe, base_recipe, train

__all__ = ["CLEAN", "Trial", "all_trials", "train_all"]

CLEAN = "clean"
TWINS = 5  # seeds of each clean base: what a fault is measured against
SEEDS = 3  # of faults
DEAR = {"transformer/text", "recurrent/text", "resnet/mnist"}  # bases that take a third of the time


@dataclass(frozen=True, slots=True)
class Trial:
    """One training: a base with one fault, one temptation, or nothing (`clean`) put into it."""

    base: str
    cause: str  # an id of the catalogue, "clean" or "healthy"
    variant: str
    seed: int

    @property
    def key(self) -> str:
        """A folder's name for it."""
        text = "|".join((self.base, self.cause, self.variant, str(self.seed)))
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    @property
    def fault(self) -> bool:
        return self.cause in FAULTS


def all_trials(*, every_seed: bool = False, quick: bool = False) -> list[Trial]:
    """Clean twins first; then healthy temptations and faults, in a random order that is always the same.

    Each variant of a fault is put into each base once. The seeds take turns, so that each variant, and each base, has all of
    them; with `every_seed` each pair has. `quick` takes one trial in sixty-four of the cheaper bases, chosen by its name, so that it is always
    the same ones.
    """
    found = [Trial(base, CLEAN, "", seed) for seed in range(TWINS if not quick else 2) for base in BASES]
    variants = [(cause, each.name) for cause, variants in FAULTS.items() for each in variants]
    block = [
        Trial(each.base, "healthy", each.name, seed) for each in HEALTHY for seed in range(SEEDS if every_seed else 1)
    ]
    block += [
        Trial(base, cause, variant, seed)
        for turn, base in enumerate(BASES)
        for number, (cause, variant) in enumerate(variants)
        if applies(base, cause, variant)
        for seed in (range(SEEDS) if every_seed else [(turn + number) % SEEDS])
    ]
    if quick:
        found = [each for each in found if each.base not in DEAR]
        block = [each for each in block if each.base not in DEAR and int(each.key, 16) % 64 == 0]
    return found + sorted(block, key=lambda each: each.key)


def applies(base: str, cause: str, variant: str) -> bool:
    """Whether the fault can be put into this base."""
    return _recipe(Trial(base, cause, variant, 0)) is not None


def _recipe(trial: Trial) -> Recipe | None:
    """The trial's training, or None where its fault cannot be put into its base."""
    recipe = base_recipe(BASES[trial.base])
    if not trial.fault:
        return recipe
    change = next(each.change for each in FAULTS[trial.cause] if each.name == trial.variant)
    return change(recipe, torch.Generator().manual_seed(1000 + trial.seed))


def run_trial(trial: Trial, folder: Path) -> None:
    """Train it and leave the log and the outcome in its folder."""
    place = folder / trial.key
    try:
        if trial.cause == "healthy":
            change = next(each for each in HEALTHY if each.name == trial.variant and each.base == trial.base)
            outcome = change.train(str(place), trial.seed)
        else:
            recipe = _recipe(trial)
            if recipe is None:
                message = f"{trial} cannot be"
                raise ValueError(message)  # noqa: TRY301
            outcome = train(recipe, str(place), trial.seed)
        result = {"trial": asdict(trial), "scores": outcome.scores, "curves": outcome.curves}
    except Exception:  # noqa: BLE001  (one trial that cannot run must not end the benchmark)
        result = {"trial": asdict(trial), "error": traceback.format_exc()}
        place.mkdir(parents=True, exist_ok=True)
    (place / "outcome.json").write_text(json.dumps(result), encoding="utf-8")


def _start() -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")


def train_all(trials: Iterable[Trial], folder: Path, processes: int | None = None) -> Iterator[Trial]:
    """Train what has no outcome yet, on all cores, and show how far it is."""
    left = [each for each in trials if not (folder / each.key / "outcome.json").exists()]
    os.environ["OMP_NUM_THREADS"] = "1"
    with (
        Progress(*Progress.get_default_columns()[:-1], TimeRemainingColumn()) as progress,
        ProcessPoolExecutor(processes or os.cpu_count(), initializer=_start) as pool,
    ):
        bar = progress.add_task("training", total=len(left))
        waiting = {pool.submit(run_trial, each, folder): each for each in left}
        for done in as_completed(waiting):
            progress.advance(bar)
            yield waiting[done]
