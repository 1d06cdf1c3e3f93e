"""Follow many runs, and one large one: `python -m benchmarks.reading.following FOLDER LARGE EVENTS` prints what diagnosing and polls took.

The runs grow by what their trainings would log next: give it copies.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

from benchmarks.reading.layouts import EVENTS, NAME, TAGS, frame, scalars, training, write
from tb_lossdiag.store import BUDGET, Store

HUNDREDTH = EVENTS // 100
OLD = 3600.0  # seconds
QUIET = 9  # polls in a row: a machine that has slept for a while first wakes up its memory, which is no work of ours


def main(folder: Path, large: Path, events: int) -> dict[str, float]:
    warm = Store(str(folder.parent / "warm"))
    warm.refresh()
    store = Store(str(folder))
    first: list[float] = []

    def progress(done: int, _all: int, _run: str) -> None:
        if done == 1 and not first:
            first.append(time.perf_counter() - began)

    began, cpu = time.perf_counter(), time.process_time()
    store.refresh(progress)
    found = {
        "runs": len(store.entries()),
        "first": first[0],
        "all_cpu": time.process_time() - cpu,
        "all_wall": time.perf_counter() - began,
        "idle": statistics.median([took(store.refresh) for _ in range(QUIET)]),
        "idle_old": idle_when_old(folder),
    }
    paths, more = sorted(folder.glob(f"*/{NAME}")), islice(training(), EVENTS, None)

    def look(events: int, budget: float, times: int) -> float:
        taken = []
        for _ in range(times):
            append(paths, more, events)
            taken.append(took(lambda: store.refresh(budget=budget)))
        return statistics.median(taken)

    found["one_each_in_turn"] = look(1, BUDGET, QUIET)
    found["hundredth_in_turn"] = look(HUNDREDTH, BUDGET, 3)
    found["one_each"] = look(1, float("inf"), 3)
    found["hundredth"] = look(HUNDREDTH, float("inf"), 3)
    return found | {"large": events} | follow_one(large, events)


def idle_when_old(folder: Path) -> float:
    """Polls as the tab looks at runs that ended before `OLD`, as most of a large directory have."""
    places = [folder, *folder.iterdir(), *folder.glob(f"*/{NAME}")]
    times = [each.stat().st_mtime for each in places]
    for each, written in zip(places, times, strict=True):
        os.utime(each, (written - OLD, written - OLD))
    store = Store(str(folder))
    store.refresh()
    taken = statistics.median([took(lambda: store.refresh(budget=BUDGET)) for _ in range(QUIET)])
    for each, written in zip(places, times, strict=True):
        os.utime(each, (written, written))
    return taken


def follow_one(folder: Path, events: int) -> dict[str, float]:
    """One run of so many events read and diagnosed, and again after a hundredth more: of many curves, and of few that a diagnosis looks at."""
    few = folder.parent / "one training"
    write(few, training(), events)
    return followed("large", folder, scalars(TAGS), events) | followed("long", few, training(), events)


def followed(name: str, folder: Path, more: Iterator[bytes], events: int) -> dict[str, float]:
    """How long one run of so many events took, each time of seven that it grew by a hundredth of that, and such hundredths as runs of their own."""
    store = Store(str(folder))
    found = {f"{name}_cold": took(store.refresh)}
    for _ in islice(more, events):
        pass
    again, alone = [], []
    for turn in range(7):
        hundredth = list(islice(more, events // 100))
        append([folder / NAME], iter(hundredth), len(hundredth))
        again.append(took(store.refresh))
        write(folder.parent / f"{name} {turn}", iter(hundredth), len(hundredth))
        alone.append(took(Store(str(folder.parent / f"{name} {turn}")).refresh))
    return found | {f"{name}_again": statistics.median(again), f"{name}_alone": statistics.median(alone)}


def took(look: Callable[[], object]) -> float:
    """Seconds of CPU."""
    cpu = time.process_time()
    look()
    return time.process_time() - cpu


def append(paths: Iterable[Path], more: Iterator[bytes], events: int) -> None:
    """Append the next so many events to each file."""
    records = b"".join(frame(each) for each in islice(more, events))
    for path in paths:
        with path.open("ab") as file:
            file.write(records)


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))))
