"""Damage event files at random, and kill writers: `python -m benchmarks.fuzz`. Writes `benchmarks/fuzz.json`.

Of each damaged file a point may be read only if it was written, in the order of writing, and exactly those records must be found that
stand whole in the file: those that a slow and obvious reader finds, which tries every byte.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import struct
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.fuzz.damage import run
from benchmarks.fuzz.killing import WRITERS, kill_one
from benchmarks.reading.layouts import frame, plain
from tb_lossdiag.reader.crc import masked_crc
from tb_lossdiag.reader.tail import Tail

PIECE = 500
RESULT = Path(__file__).parents[1] / "fuzz.json"


def piece(first: int) -> int:
    run(range(first, first + PIECE))
    return PIECE


def garbage(kind: str, size: int) -> dict[str, Any]:
    """Read a file of garbage between two good records, and tell how much memory and time that took."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.out.tfevents.1.garbage"
        noise = os.urandom(1 << 24)
        with path.open("wb") as file:
            file.write(frame(plain(b"loss", 0, 1.0, 1.0)))
            if kind == "a length of 2 GB that lies":
                length = struct.pack("<Q", (1 << 31) - 1)
                file.write(length + struct.pack("<I", masked_crc(length)))
            for _ in range(size >> 24):
                file.write(bytes(1 << 24) if kind == "zeros" else noise)
            file.write(frame(plain(b"loss", 1, 1.0, 2.0)))
        before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
        tail = Tail(path)
        tail.poll()
        assert tail.columns.scalars[b"loss"].values.tolist() == [1.0, 2.0]
        memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10
        return {
            "kind": kind,
            "bytes": size,
            "memory": memory,
            "cpu": round(time.process_time() - began, 2),
            "warning": tail.warnings()[0],
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--garbage", type=int, default=1 << 30, help="bytes of garbage")
    given = parser.parse_args()
    began = time.perf_counter()
    with ProcessPoolExecutor() as pool:
        done = sum(pool.map(piece, range(given.seed, given.seed + given.inputs, PIECE)))
    print(f"{done:,} damaged files, {time.perf_counter() - began:.0f} s")
    with ProcessPoolExecutor(1) as pool:  # a process whose peak of memory is this one's
        kinds = ("noise", "zeros", "a length of 2 GB that lies")
        dirty = [pool.submit(garbage, kind, given.garbage).result() for kind in kinds]
    killed: dict[str, dict[str, int]] = {}
    for name in WRITERS:
        found = []
        for seed in range(given.kills):
            with tempfile.TemporaryDirectory() as folder:
                found.append(kill_one(name, given.seed + seed, Path(folder)))
        killed[name] = {
            "kills": len(found),
            "flushed": sum(each for each, _ in found),
            "read": sum(each for _, each in found),
        }
        print(name, killed[name])
    result = {"inputs": done, "seed": given.seed, "failures": 0, "garbage": dirty, "killed": killed}
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
