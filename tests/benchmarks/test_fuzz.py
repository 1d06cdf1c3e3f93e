"""A quick share of the fuzzing that `python -m benchmarks.fuzz` does at length, and of its killing of writers."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


def test_a_thousandth_of_the_damaged_files_is_read_rightly() -> None:
    from benchmarks.fuzz.damage import run

    run(range(1_000_000, 1_000_150))


def test_fuzzing_notices_a_reader_that_believes_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.fuzz.damage import run
    from tb_lossdiag.reader import record

    monkeypatch.setattr(record, "masked_crc", lambda data: 0 if len(data) > 8 else 1)
    with pytest.raises(AssertionError, match="seed"):
        run(range(50))


def test_fuzzing_notices_strokes_that_do_not_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were constant bytes not compared, and residues taken as they come, flipped bits would become values."""
    import numpy as np

    from benchmarks.fuzz.damage import run
    from tb_lossdiag.reader import bulk

    monkeypatch.setattr(bulk, "_part", lambda rows, _: np.zeros(len(rows), np.uint32))
    monkeypatch.setattr(bulk.crc, "unmask", np.zeros_like)
    with pytest.raises(AssertionError, match="seed"):
        run(range(400))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="killing a writer needs os.fork, which this system lacks")
@pytest.mark.filterwarnings(
    "ignore:.*fork.*:DeprecationWarning"
)  # newer Pythons warn where threads are about: the child is killed
@pytest.mark.parametrize("seed", range(3))
def test_what_a_killed_writer_had_flushed_is_read(tmp_path: Path, seed: int) -> None:
    from benchmarks.fuzz.killing import WRITERS, kill_one

    for name in WRITERS:
        if name.startswith("DiagWriter") and importlib.util.find_spec("torch") is None:
            continue
        kill_one(name, seed, tmp_path / name)


def test_the_committed_run_was_of_a_hundred_thousand_files_and_found_nothing() -> None:
    found = json.loads((ROOT / "benchmarks" / "fuzz.json").read_text(encoding="utf-8"))
    assert found["inputs"] >= 100_000
    assert found["failures"] == 0
    assert all(each["kills"] >= 200 and each["read"] >= each["flushed"] > 0 for each in found["killed"].values())
    assert all(each["memory"] < 64 << 20 for each in found["garbage"])
