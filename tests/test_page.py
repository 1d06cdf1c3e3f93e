"""The page's own checks and tests, run by npm: types, lint, vitest."""

from __future__ import annotations

from pathlib import Path

import pytest
from node import packages, run

ROOT = Path(__file__).parents[1]
STATIC = ROOT / "tb_lossdiag/static"


@pytest.fixture(scope="module")
def npm() -> str:
    return packages()


@pytest.mark.parametrize("command", [["run", "check"], ["test"]], ids=" ".join)
def test_the_page_passes_its_own_checks(npm: str, command: list[str]) -> None:
    run(npm, *command)


def test_the_committed_page_is_what_its_sources_build(npm: str, tmp_path: Path) -> None:
    run(npm, "run", "build", "--", "--outDir", str(tmp_path), "--emptyOutDir")
    stale = "the page is stale: run npm run build in frontend/ and commit tb_lossdiag/static/"
    assert contents(tmp_path) == contents(STATIC), stale


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}
