"""What the page is made of: types and fixtures made from Python's own values, and a bundle that is safe to serve and to inline.

None of this needs Node; `test_page.py` builds the page afresh.
"""

from __future__ import annotations

import gzip
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from tb_lossdiag.rules import catalogue

ROOT = Path(__file__).parents[1]
STATIC = ROOT / "tb_lossdiag/static"
KILOBYTE = 1000


def script(name: str) -> ModuleType:
    """A script of `frontend/`, which is no package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "frontend" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def built(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")


def test_the_page_has_the_types_that_python_has() -> None:
    wire_types = script("wire_types")
    stale = "frontend/src/wire.ts is stale: run `python frontend/wire_types.py`"
    assert wire_types.TARGET.read_text(encoding="utf-8") == wire_types.wire_types(), stale


def test_the_page_is_tested_on_what_python_sends() -> None:
    fixtures = script("fixtures")
    kept = {path.name: path.read_text(encoding="utf-8") for path in fixtures.FOLDER.iterdir()}
    assert kept == fixtures.fixtures(), "frontend/fixtures is stale: run `python frontend/fixtures.py`"


def test_an_annotation_that_the_page_cannot_have_is_named() -> None:
    with pytest.raises(TypeError, match="no TypeScript type for <class 'complex'>"):
        script("wire_types").Writer().expression(complex)


def test_the_page_is_one_module_and_one_stylesheet() -> None:
    assert sorted(path.name for path in STATIC.iterdir()) == ["index.css", "index.js"]
    assert "as render" in built("index.js")


def test_the_page_is_small() -> None:
    size = sum(len(gzip.compress(built(name).encode())) for name in ("index.js", "index.css"))
    assert size <= 100 * KILOBYTE


@pytest.mark.parametrize("name", ["index.js", "index.css"])
@pytest.mark.parametrize(
    "unwanted", ["</script", "</style", "<!--", "sourceMappingURL", "https://", "eval(", "new Function", "@import"]
)
def test_the_page_can_be_inlined_and_asks_no_other_host(name: str, unwanted: str) -> None:
    assert unwanted not in built(name)


def test_the_page_knows_no_cause() -> None:
    named = [cause for cause in catalogue() if cause in built("index.js")]
    assert named == [], "the page draws any cause alike; what is special about one belongs to its rule"
