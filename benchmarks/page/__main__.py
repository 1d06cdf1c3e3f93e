"""How fast the Diagnosis tab is: `python -m benchmarks.page` writes `benchmarks/page/results.json` and its page.

The real TensorBoard serves event files that are written for this; a headless Chromium opens the tab as a person would.
Every figure is a median of interleaved repeats; take them on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from benchmarks.page.measure import measured
from benchmarks.page.report import page

HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--folder", type=Path, help="where the event files are written, and kept")
    parser.add_argument("--dry", action="store_true", help="print the results and keep the committed ones")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        results = measured(given.folder or Path(scratch), given.repeats)
    print(page(results))
    if not given.dry:
        (HERE / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        (HERE / "README.md").write_text(page(results), encoding="utf-8")


if __name__ == "__main__":
    main()
