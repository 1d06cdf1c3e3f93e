"""How fast logs are read: `python -m benchmarks.reading` measures ours and other readers in one run, interleaved.

Each reading is a process of its own, so that its peak of memory is its own; CPU time, medians over the rounds. Writes
`benchmarks/reading.json` and its page.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.reading.layouts import TAGS, make, make_runs, scalars, write
from benchmarks.reading.page import page
from benchmarks.reading.peers import READERS, SLOW

HERE = Path(__file__).parents[1]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(HERE.parent)}


def run(module: str, *arguments: str) -> Any:
    command = [sys.executable, "-W", "ignore", "-m", f"benchmarks.reading.{module}", *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=ENVIRONMENT, cwd=HERE.parent)
    return json.loads(done.stdout.splitlines()[-1])


def wanted(layout: str, reader: str) -> bool:
    """Which reader is asked for which layout: the slow ones for one, the loader for tensors, C for what it can."""
    if layout == "packed":
        return reader in {"tb_lossdiag", "EventFileLoader"}
    if reader == "EventFileLoader" or (reader in SLOW and layout != "one file"):
        return False
    return not reader.startswith("C ") or layout in {"one file", "2,000 tags", "mixed cadence"}


def medians(found: list[dict[str, float]]) -> dict[str, float]:
    middle = {key: statistics.median([each[key] for each in found]) for key in found[0]}
    spread = {
        f"{key}_range": [min(values), max(values)] for key in ("cpu",) if (values := [each[key] for each in found])
    }
    return {**middle, **spread, "rounds": len(found)}  # type: ignore[dict-item]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--slow-rounds", type=int, default=1, help="rounds of the readers that take a minute")
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--folder", type=Path, help="where the logs are made (default: a temporary folder)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root = given.folder or Path(scratch)
        layouts = make(root, given.events)
        write(root / "warm", scalars(3), 2000)
        taken: dict[str, dict[str, list[dict[str, float]]]] = {}
        for turn in range(given.rounds):
            for layout, folder in layouts.items():
                for reader in READERS:
                    if wanted(layout, reader) and (reader not in SLOW or turn < given.slow_rounds):
                        found = run("peers", reader, str(folder))
                        if found is not None:
                            taken.setdefault(layout, {}).setdefault(reader, []).append(found)
                            print(turn, layout, reader, found, flush=True)
        many = make_runs(root / "many", given.runs)
        write(root / "large", scalars(TAGS), given.events)
        following = run("following", str(many), str(root / "large"), str(given.events))
        print(following)
        directory = run("directory", str(many))
        print(directory)
        shutil.rmtree(many)
        shutil.rmtree(root / "large")
    reading = {name: {reader: medians(each) for reader, each in readers.items()} for name, readers in taken.items()}
    result = {
        "events": given.events,
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}",
        "reading": reading,
        "following": following,
        "directory": directory,
    }
    (HERE / "reading.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    (HERE / "reading.md").write_text(page(result), encoding="utf-8")


if __name__ == "__main__":
    main()
