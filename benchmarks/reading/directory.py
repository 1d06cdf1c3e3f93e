"""The command on a large directory: `python -m benchmarks.reading.directory FOLDER` prints what `lossdiag diagnose` took.

With an empty cache on one process and on all cores, again from the cache, and after a hundredth of the runs has grown. The
runs grow by the events that are appended: give it a copy.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.reading.layouts import NAME, frame, plain


def took(folder: Path, cache: str, *more: str) -> dict[str, float]:
    command = [sys.executable, "-m", "tb_lossdiag", "diagnose", str(folder), "--cache", cache, "--format", "json"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    done = subprocess.run([*command, "--fail-on", "never", *more], check=True, stdout=subprocess.PIPE)
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    runs = len(json.loads(done.stdout)["runs"])
    return {"runs": runs, "wall": wall, "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}


def main(folder: Path) -> dict[str, dict[str, float]]:
    with tempfile.TemporaryDirectory() as cache:
        found = {
            "one process": took(folder, "off", "--jobs", "1"),
            "all cores": took(folder, cache),
            "from the cache": took(folder, cache),
        }
        record = frame(plain(b"loss/train", 1_000_000, 1.8e9, 0.5))
        for path in sorted(folder.glob(f"*/{NAME}"))[::100]:
            with path.open("ab") as file:
                file.write(record)
        found["one in a hundred has grown"] = took(folder, cache)
    return found | {"cores": {"count": len(os.sched_getaffinity(0))}}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
