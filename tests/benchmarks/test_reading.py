"""The reading benchmark's own reasoning: its logs hold what they say, and its page says what its results hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


def test_every_layout_is_read_whole_by_ours_and_by_tensorboard(tmp_path: Path) -> None:
    from benchmarks.reading.layouts import make
    from benchmarks.reading.peers import measured

    for name, folder in make(tmp_path, 2000).items():
        ours, theirs = measured("tb_lossdiag", folder), measured("EventFileLoader", folder)
        assert ours is not None
        assert theirs is not None
        assert ours["values"] == theirs["values"] == 2000, name


def test_the_page_says_what_the_results_hold() -> None:
    from benchmarks.reading.page import page

    results = json.loads((ROOT / "benchmarks" / "reading.json").read_text(encoding="utf-8"))
    assert (ROOT / "benchmarks" / "reading.md").read_text(encoding="utf-8") == page(results)
