"""The page's own checks and tests, run by npm: types, lint, vitest."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

FRONTEND = Path(__file__).parents[1] / "frontend"


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
def test_the_page_passes_its_own(npm: str, command: list[str]) -> None:
    run(npm, *command)
