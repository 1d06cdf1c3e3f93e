"""What the tool says of each training: from the whole log, from logs that are ten and a hundred times sparser, and from curves alone."""

from __future__ import annotations

import json
import os
import pickle
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.faults.harm import harm, true_verdict
from benchmarks.faults.tasks import task
from benchmarks.faults.trials import CLEAN, Trial
from tb_lossdiag.calibration import raw
from tb_lossdiag.reader import Log
from tb_lossdiag.report import Report, diagnose
from tb_lossdiag.series import Run, Series
from tb_lossdiag.tags import TEST_LOSS, TRAIN_LOSS, VAL_LOSS

__all__ = ["VIEWS", "Said", "Tried", "tried"]

LOSSES = (TRAIN_LOSS, VAL_LOSS, TEST_LOSS)
MANY = 60  # points above which a curve is thinned: evaluations are rare as it is
VIEWS = ("full", "every 10", "every 100", "curves")


@dataclass(frozen=True, slots=True)
class Said:
    """One finding; `confidence` is the rule's own, before it is calibrated."""

    cause: str
    role: str
    severity: str
    confidence: float
    factor: float | None

    @property
    def loud(self) -> bool:
        return self.severity != "info"


@dataclass(slots=True)
class Tried:
    """A training, what it was, and what the tool said of it in each view."""

    trial: Trial
    harm: float
    truth: str | None
    verdicts: dict[str, str] = field(default_factory=dict)
    said: dict[str, list[Said]] = field(default_factory=dict)
    seconds: float = 0.0
    error: str | None = None


def read(folder: Path) -> Run:
    """The run in this folder; kept beside it, so that a changed rule is judged without reading again."""
    kept = folder / "run.pickle"
    if kept.exists():
        return pickle.loads(kept.read_bytes())  # noqa: S301  (our own, written below)
    log = Log(folder)
    log.poll()
    run = log.run()
    kept.write_bytes(pickle.dumps(run))
    return run


def seen(run: Run, view: str) -> Run:
    """The run as sparser logging would have left it, or as its loss curves alone."""
    if view == "full":
        return run
    if view == "curves":
        losses = {name: each for name, each in run.series.items() if name in LOSSES}
        return Run(run.name, series=losses, sources={name: name for name in losses})
    every = int(view.removeprefix("every "))

    def thin(curve: Series, ahead: int) -> Series:
        return curve if len(curve) < MANY else curve[curve.steps % every <= ahead]

    packed = []
    for each in run.packed:  # the writer looks at the step after a sampled one, too: the two gradients are compared
        kept = (each.steps % every <= 1) | (each.split != "train")
        packed.append(replace(each, steps=each.steps[kept], values=each.values[kept]))
    series = {name: thin(each, ahead=int(name not in LOSSES)) for name, each in run.series.items()}
    return replace(run, series=series, packed=[each for each in packed if len(each.steps)])


def diagnosed(trial: Trial, folder: Path) -> dict[str, Any]:
    """Verdict and findings in every view, and what the trial measured."""
    place = folder / trial.key
    outcome = json.loads((place / "outcome.json").read_text(encoding="utf-8"))
    if "error" in outcome:
        return {"error": outcome["error"]}
    run = read(place)
    found: dict[str, Any] = {"scores": outcome["scores"], "curves": outcome["curves"], "views": {}}
    train = run.series.get(TRAIN_LOSS)
    found["logged"] = train.values[-1:] if train is not None else np.empty(0)
    for view in VIEWS:
        since = time.perf_counter()
        report = diagnose(seen(run, view))
        found.setdefault("seconds", time.perf_counter() - since)
        found["views"][view] = (report.verdict.id, _said(report))
    return found


def _said(report: Report) -> list[Said]:
    return [Said(each.cause, each.role, each.severity, raw(each.confidence), each.factor) for each in report.findings]


def blind(trial: Trial) -> dict[str, float]:
    """The scores of a guess that does not look at the input."""
    found = task(trial.base.partition("/")[2])
    y = found.splits["test"].y
    if found.kind in {"classification", "language"}:
        share = np.bincount(y.flatten().numpy(), minlength=found.classes) / y.numel()
        known = share[share > 0]
        return {
            "error": 1 - float(share.max()),
            "balanced": 1 - 1 / len(known),
            "loss": float(-(known * np.log(known)).sum()),
        }
    return {"error": 1.0, "balanced": 1.0, "loss": 1.0}


def tried(trials: Iterable[Trial], folder: Path, processes: int | None = None) -> list[Tried]:
    """Every trial that has been trained, with what the tool says of it."""
    done = [each for each in trials if (folder / each.key / "outcome.json").exists()]
    with ProcessPoolExecutor(processes or os.cpu_count()) as pool:
        found = list(pool.map(diagnosed, done, [folder] * len(done), chunksize=16))
    clean: dict[str, list[Mapping[str, float]]] = {}
    for trial, each in zip(done, found, strict=True):
        if trial.cause == CLEAN and "error" not in each:
            clean.setdefault(trial.base, []).append(each["scores"])
    return [_tried(trial, each, clean.get(trial.base, [])) for trial, each in zip(done, found, strict=True)]


def _tried(trial: Trial, found: Mapping[str, Any], clean: list[Mapping[str, float]]) -> Tried:
    if "error" in found:
        return Tried(trial, 0.0, None, error=found["error"])
    hurt = harm(trial.cause, found["scores"], clean, blind(trial)) if trial.fault and len(clean) > 1 else 0.0
    truth = true_verdict(found["curves"], found["logged"]) if found["curves"] else None
    verdicts = {view: verdict for view, (verdict, _) in found["views"].items()}
    return Tried(
        trial, hurt, truth, verdicts, {view: said for view, (_, said) in found["views"].items()}, found["seconds"]
    )
