"""The page's own checks and tests, run by npm: types, lint, vitest."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FRONTEND = ROOT / "frontend"
STATIC = ROOT / "tb_lossdiag/static"


@pytest.fixture(scope="module")
def npm() -> str:
    """The npm to call, with what the page needs installed as its lock file says."""
    program = shutil.which("npm")
    if program is None or shutil.which("node") is None:
        message = "the page's own tests need Node 20 or newer with npm: https://nodejs.org"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    installed, wanted = FRONTEND / "node_modules/.package-lock.json", FRONTEND / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < wanted.stat().st_mtime:
        run(program, "ci", "--no-audit", "--no-fund")
    return program


def run(npm: str, *arguments: str) -> None:
    environment = {**os.environ, "NO_COLOR": "1"}
    finished = subprocess.run(
        [npm, *arguments], cwd=FRONTEND, capture_output=True, text=True, env=environment, check=False
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr


@pytest.mark.parametrize("command", [["run", "check"], ["test"]], ids=" ".join)
def test_the_page_passes_its_own_checks(npm: str, command: list[str]) -> None:
    run(npm, *command)


def test_the_committed_page_is_what_its_sources_build(npm: str, tmp_path: Path) -> None:
    run(npm, "run", "build", "--", "--outDir", str(tmp_path), "--emptyOutDir")
    stale = "the page is stale: run npm run build in frontend/ and commit tb_lossdiag/static/"
    assert contents(tmp_path) == contents(STATIC), stale


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}
