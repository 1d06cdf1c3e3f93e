"""What `on_finding("stop")` saves and what it breaks: recorded trials of the fault benchmark, replayed as if they were being trained.

    python -m benchmarks.faults --full --folder runs && python -m benchmarks.early runs

Each run is diagnosed again and again as it grows, and `Attention` decides as it does in a training. A run is hopeless where the
losses of the whole training set, which the tool never sees, say that it does not learn.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.faults.harm import true_verdict
from tb_lossdiag.lookout import NO_PROGRESS, Attention
from tb_lossdiag.reader import Log
from tb_lossdiag.report import diagnose
from tb_lossdiag.series import Run
from tb_lossdiag.tags import TRAIN_LOSS

FIRST, GROWTH = 30, 1.2  # the first look's step, and each next one's as a multiple


@dataclass(frozen=True, slots=True)
class Replayed:
    """One trial: what it was, whether it was hopeless, and where it would have been stopped, and for what."""

    trial: str
    cause: str
    hopeless: bool
    steps: int
    stopped: int | None
    blamed: str
    told: tuple[str, ...]

    @property
    def saved(self) -> float:
        return 0.0 if self.stopped is None else 1 - self.stopped / self.steps


def grown(run: Run, step: int) -> Run:
    """The run as it was at this step, going on. Its facts are those of the end: next to none of them change."""
    series = {name: each[each.steps <= step] for name, each in run.series.items()}
    packed = [
        replace(each, steps=each.steps[k], values=each.values[k]) for each in run.packed for k in [each.steps <= step]
    ]
    return replace(
        run,
        series={name: each for name, each in series.items() if len(each)},
        packed=[each for each in packed if len(each.steps)],
        facts=dict(run.facts) | {"closed": False},
    )


def looks(last: int) -> Iterator[int]:
    step = float(FIRST)
    while step < last:
        yield int(step)
        step *= GROWTH
    yield last


def replay(folder: Path) -> Replayed:
    outcome = json.loads((folder / "outcome.json").read_text(encoding="utf-8"))
    trial = outcome["trial"]
    log = Log(folder)
    log.poll()
    run = log.run()
    train = run.series[TRAIN_LOSS]
    last = int(train.steps[-1])
    truth = true_verdict(outcome["curves"], train.values[-1:]) if outcome["curves"] else None
    attention, stopped, blamed, told = Attention(), None, "", []
    for step in looks(last):
        for alert in attention.look(diagnose(grown(run, step)), step):
            told.append(alert.finding.cause)
            if alert.hopeless and stopped is None:
                stopped, blamed = step, alert.finding.cause
    name = " ".join((trial["base"], trial["cause"], trial["variant"], str(trial["seed"])))
    fault = trial["cause"] not in {"healthy", "clean"}
    return Replayed(
        name, trial["cause"], fault and truth in NO_PROGRESS, last, stopped, blamed, tuple(dict.fromkeys(told))
    )


def chosen(folder: Path, faults: int) -> list[Path]:
    """All healthy runs, and so many of the others, always the same ones."""
    sound, sick = [], []
    for path in sorted(folder.glob("*/outcome.json")):
        outcome = json.loads(path.read_text(encoding="utf-8"))
        if "error" not in outcome:
            (sound if outcome["trial"]["cause"] in {"healthy", "clean"} else sick).append(path.parent)
    return sound + sorted(sick, key=lambda each: hashlib.blake2b(each.name.encode()).hexdigest())[:faults]


def show(found: Sequence[Replayed]) -> None:
    sound = [each for each in found if each.cause in {"healthy", "clean"}]
    hopeless = [each for each in found if each.hopeless]
    others = [each for each in found if each not in sound and each not in hopeless]
    stopped = [each for each in hopeless if each.stopped is not None]
    print(f"hopeless runs: {len(hopeless)}, of which stopped {len(stopped)}")
    print(f"  share of their steps that is saved: {np.mean([each.saved for each in hopeless]):.1%}")
    print(f"  stopped for the injected cause: {sum(each.blamed == each.cause for each in stopped)} of {len(stopped)}")
    wrong = [each for each in sound if each.stopped is not None]
    print(
        f"healthy runs: {len(sound)}, of which stopped {len(wrong)}, told of anything {sum(bool(e.told) for e in sound)}"
    )
    for each in wrong:
        print(f"  {each.trial}: at step {each.stopped} of {each.steps} for {each.blamed}")
    early = [each for each in others if each.stopped is not None]
    right = sum(each.blamed == each.cause for each in early)
    print(
        f"faulty runs that got somewhere, or undecided: {len(others)}, of which stopped {len(early)}, {right} for the injected cause"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "folder", type=Path, help="the trials, as benchmarks.faults has left them; nothing is written there"
    )
    parser.add_argument(
        "--faults", type=int, default=500, help="how many of the faulty runs (all healthy ones are taken)"
    )
    arguments = parser.parse_args()
    with ProcessPoolExecutor() as pool:
        show(list(pool.map(replay, chosen(arguments.folder, arguments.faults), chunksize=8)))


if __name__ == "__main__":
    main()
