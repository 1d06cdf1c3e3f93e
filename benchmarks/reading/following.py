"""Follow many runs, in a process of its own: `python -m benchmarks.reading.following FOLDER` prints what diagnosing and polls took.

The runs grow by the events that are appended: give it a copy.
"""

from __future__ import annotations

import itertools
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.reading.layouts import NAME, frame, plain
from tb_lossdiag.store import BUDGET, Store

HUNDREDTH = 100  # events: of the 10,000 that each run has
QUIET = 9  # polls in a row where nothing is new: a machine that has slept for a while first wakes up its memory, which is no work of ours
STEPS = itertools.count(1_000_000, 1000)


def main(folder: Path) -> dict[str, float]:
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
    }
    idle, at_once, in_turn, read, hundredth, hundredth_in_turn = [], [], [], [], [], []
    for _ in range(5):
        idle += [took(store.refresh) for _ in range(QUIET)]
        grow(folder, 1)
        at_once.append(took(store.refresh))
        grow(folder, 1)
        in_turn.append(took(lambda: store.refresh(budget=BUDGET)))
        took(store.refresh)
    for _ in range(3):
        grow(folder, HUNDREDTH)
        hundredth.append(took(store.refresh))
        grow(folder, HUNDREDTH)
        hundredth_in_turn.append(took(lambda: store.refresh(budget=BUDGET)))
        grow(folder, HUNDREDTH)
        read.append(took(lambda: store.refresh(budget=0.0)))
        took(store.refresh)
    return found | {
        "idle": statistics.median(idle),
        "one_each": statistics.median(at_once),
        "one_each_in_turn": statistics.median(in_turn),
        "hundredth": statistics.median(hundredth),
        "hundredth_in_turn": statistics.median(hundredth_in_turn),
        "hundredth_read": statistics.median(read),
    }


def took(look: Callable[[], object]) -> float:
    """Seconds of CPU."""
    cpu = time.process_time()
    look()
    return time.process_time() - cpu


def grow(folder: Path, events: int) -> None:
    """Append so many events to each run."""
    begin = next(STEPS)
    records = b"".join(frame(plain(b"loss/train", begin + each, 1.8e9 + begin, 0.5)) for each in range(events))
    for path in folder.glob(f"*/{NAME}"):
        with path.open("ab") as file:
            file.write(records)


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
