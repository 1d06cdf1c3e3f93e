"""The programs that people write: each has a label that the catalogue knows, and the page says what the results hold."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tb_lossdiag.rules import catalogue

ROOT = Path(__file__).parents[2]
PROGRAMS = ROOT / "benchmarks" / "programs"
KINDS = {"faulty": ("/faulty", "/fixed"), "healthy": ("",)}


def labels(kind: str) -> dict[str, Any]:
    return json.loads((PROGRAMS / kind / "labels.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("kind", KINDS)
def test_each_program_has_a_label_and_each_label_a_program(kind: str) -> None:
    scripts = {
        each.stem for each in (PROGRAMS / kind).glob("*.py") if "DiagWriter(" in each.read_text(encoding="utf-8")
    }
    assert scripts == labels(kind).keys()


def test_sound_programs_are_given_a_log_directory_and_nothing_else() -> None:
    more = re.compile(r"""arg[sv]\[2\]|add_argument\(['"]form['"]""")
    others = [each.name for each in (PROGRAMS / "healthy").glob("*.py") if more.search(each.read_text("utf-8"))]
    assert others == []


def test_what_is_accepted_is_a_cause_of_the_catalogue() -> None:
    known = set(catalogue())
    assert all(each["accept"] and set(each["accept"]) <= known for each in labels("faulty").values())


def test_the_page_says_what_the_results_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks.programs.page import page

    results = json.loads((ROOT / "benchmarks" / "programs.json").read_text(encoding="utf-8"))
    assert set(results["said"]) == {
        f"{kind}/{name}{form}" for kind, forms in KINDS.items() for name in labels(kind) for form in forms
    }
    text = page(results, {kind: labels(kind) for kind in KINDS})
    assert (ROOT / "benchmarks" / "programs.md").read_text(encoding="utf-8") == text, (
        "run python -m benchmarks.programs"
    )
