"""Follow many runs, in a process of its own: `python -m benchmarks.reading.following FOLDER` prints what diagnosing and polls took.

The runs grow by the events that are appended: give it a copy.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path

from benchmarks.reading.layouts import NAME, frame, plain
from tb_lossdiag.store import Store


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
    idle, news = [], []
    for repeat in range(5):
        cpu = time.process_time()
        store.refresh()
        idle.append(time.process_time() - cpu)
        record = frame(plain(b"loss/train", 1_000_000 + repeat, 1.8e9 + repeat, 0.5))
        for path in folder.glob(f"*/{NAME}"):
            with path.open("ab") as file:
                file.write(record)
        cpu = time.process_time()
        store.refresh()
        news.append(time.process_time() - cpu)
    return found | {"idle": statistics.median(idle), "one_each": statistics.median(news)}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
