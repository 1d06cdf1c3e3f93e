"""What people install: the wheel holds what it must, and works in a fresh environment without torch."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
DATA = {"static", "locales"}
PACKAGE = ROOT / "tb_lossdiag"


def finished(command: list[str | Path], *, status: int = 0, cwd: Path | None = None) -> str:
    """What the command prints; it must end with the status."""
    ended = subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd=cwd, check=False)
    assert ended.returncode == status, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built as for a release: from the source distribution, out of a clean copy of the sources."""
    sources = tmp_path_factory.mktemp("sources")
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, sources)
    shutil.copytree(PACKAGE, sources / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__"))
    finished([sys.executable, "-m", "build", "--outdir", sources / "dist", sources])
    (built,) = (sources / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a fresh environment that holds the wheel and what it says it needs: no torch."""
    folder = tmp_path_factory.mktemp("environment")
    finished([sys.executable, "-m", "venv", folder])
    interpreter = next(path for path in (folder / "bin/python", folder / "Scripts/python.exe") if path.exists())
    finished([interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel])
    return interpreter


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    sources = {
        str(path.relative_to(ROOT).as_posix())
        for path in PACKAGE.rglob("*")
        if path.is_file()
        and (path.suffix == ".py" or path.name == "py.typed" or DATA & set(path.relative_to(PACKAGE).parts))
    }
    assert {"tb_lossdiag/py.typed", "tb_lossdiag/static/index.js", "tb_lossdiag/static/index.css"} <= held
    assert {name for name in held if ".dist-info/" not in name} == sources
    assert any(name.endswith("/LICENSE") for name in held)


def test_the_command_works_without_torch(python: Path, tmp_path: Path, log_scalars: Callable[..., None]) -> None:
    log_scalars(tmp_path / "run", {"loss/train": [2.3 * 1.02**step for step in range(200)]})
    command = python.with_name("lossdiag")
    assert "learning-rate-too-high" in finished([command, "causes"])
    told = json.loads(finished([command, "diagnose", tmp_path, "--format", "json", "--fail-on", "never"]))
    assert [each["run"] for each in told["runs"]] == ["run"]
    assert told["runs"][0]["verdict"]["id"] == "diverging"
    missing = finished([python, "-c", "import torch"], status=1)
    assert missing == ""


def test_tensorboard_shows_the_tab_without_torch(
    python: Path, tmp_path: Path, log_scalars: Callable[..., None], start_tensorboard: Callable[..., Any]
) -> None:
    log_scalars(tmp_path / "run", {"loss/train": [1.0, 0.9]})
    board = start_tensorboard("--logdir", tmp_path, python=python)
    with urllib.request.urlopen(f"{board.url}data/plugins_listing", timeout=30) as answer:  # noqa: S310
        listed = json.load(answer)
    assert listed["lossdiag"]["tab_name"] == "Diagnosis"
    assert "Traceback" not in board.printed()
