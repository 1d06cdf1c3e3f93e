"""The page of what watching costs says what was measured."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


def test_the_page_of_costs_is_made_of_the_committed_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    page = importlib.import_module("benchmarks.overhead.__main__").page
    figures = json.loads((ROOT / "benchmarks" / "overhead.json").read_text(encoding="utf-8"))
    assert (ROOT / "benchmarks" / "overhead.md").read_text(encoding="utf-8") == page(figures), (
        "benchmarks/overhead.md is stale: run python -m benchmarks.overhead"
    )
