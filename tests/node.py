"""Node for tests: the page's packages, installed as its lock file says, by whichever test needs them first."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

__all__ = ["FRONTEND", "packages", "run"]

FRONTEND = Path(__file__).parents[1] / "frontend"
PATIENCE = 300.0  # seconds that one process waits for another's installation


def packages() -> str:
    """The npm to call, once `frontend/node_modules` is there; skips, or fails in CI, where Node is missing."""
    program = shutil.which("npm")
    if program is None or shutil.which("node") is None:
        message = "the page's own tests need Node 20 or newer with npm: https://nodejs.org"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    until = time.monotonic() + PATIENCE
    while not installed():
        try:
            lock = os.open(FRONTEND / ".installing", os.O_CREAT | os.O_EXCL)
        except FileExistsError:  # another process of this run is at it
            assert time.monotonic() < until, f"npm did not finish: remove {FRONTEND / '.installing'}"
            time.sleep(0.5)
            continue
        try:
            run(program, "ci", "--no-audit", "--no-fund")
        finally:
            os.close(lock)
            (FRONTEND / ".installing").unlink()
    return program


def installed() -> bool:
    """Whether the packages are there and as new as the lock file."""
    there, wanted = FRONTEND / "node_modules/.package-lock.json", FRONTEND / "package-lock.json"
    return (
        there.exists() and there.stat().st_mtime >= wanted.stat().st_mtime and not (FRONTEND / ".installing").exists()
    )


def run(npm: str, *arguments: str) -> None:
    """Call npm in the page's folder, and fail with what it said."""
    environment = {**os.environ, "NO_COLOR": "1"}
    finished = subprocess.run(
        [npm, *arguments], cwd=FRONTEND, capture_output=True, text=True, env=environment, check=False
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
