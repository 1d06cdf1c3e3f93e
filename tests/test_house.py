"""The house's rules: who imports whom, what the core must not touch, what is public, and that all code reads alike."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import tb_lossdiag
from tb_lossdiag import export

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "tb_lossdiag"
CORE = (
    "series", "tags", "evidence", "finding", "rule", "signals", "rules", "verdict", "ranking", "report", "comparison",
)  # fmt: skip
OUTSIDE = {
    "asyncio", "datetime", "glob", "http", "io", "os", "pathlib", "random", "secrets", "shutil", "socket", "subprocess",
    "tempfile", "tensorboard", "threading", "time", "torch", "urllib", "uuid",
}  # fmt: skip
PUBLIC = ["Alert", "DiagWriter", "HopelessRunError", "compare", "diagnose"]
MARKERS = re.compile(r"(?<=<!-- causes -->\n).*?(?=<!-- /causes -->)", re.DOTALL)


def core_files() -> Iterator[Path]:
    for name in CORE:
        path = PACKAGE / name
        yield from sorted(path.glob("*.py")) if path.is_dir() else [path.with_suffix(".py")]


def imported(tree: ast.AST) -> Iterator[str]:
    """The first part of every module's name that the code imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def printed(code: str) -> str:
    """What the code prints in a fresh interpreter."""
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


@pytest.mark.parametrize("command", ["ruff check", "ruff format --check", "mypy", "lint-imports"])
def test_the_checkers_have_nothing_to_say(command: str) -> None:
    name, *arguments = command.split()
    program = shutil.which(name, path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip(f"{name} is not installed: pip install -e '.[test]'")
    finished = subprocess.run([program, *arguments], capture_output=True, text=True, cwd=ROOT, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr


@pytest.mark.parametrize("path", list(core_files()), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_core_touches_no_file_no_clock_and_no_network(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert OUTSIDE.isdisjoint(imported(tree))
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert {"open", "eval", "exec", "input"}.isdisjoint(called)


def test_the_core_runs_where_neither_torch_nor_tensorboard_can_be_imported() -> None:
    printed(
        "import sys; sys.modules['torch'] = sys.modules['tensorboard'] = None\n"
        "from tb_lossdiag.report import diagnose\n"
        "from tb_lossdiag.series import Run, series\n"
        "assert diagnose(Run('r', series={'loss/train': series(*[2.0] * 50)})).run == 'r'\n"
    )


def test_importing_the_package_loads_neither_torch_nor_tensorboard() -> None:
    heavy = printed(
        "import sys, tb_lossdiag\n"
        "print({name.partition('.')[0] for name in sys.modules} & {'torch', 'tensorboard', 'sklearn', 'rich'})"
    )
    assert heavy.strip() == "set()"


def test_these_names_are_public_and_no_others() -> None:
    assert tb_lossdiag.__all__ == PUBLIC
    assert all(getattr(tb_lossdiag, name).__doc__ for name in PUBLIC)


def test_the_readme_lists_the_causes_that_there_are(request: pytest.FixtureRequest) -> None:
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    fresh = MARKERS.sub(lambda _: export.causes_table().strip() + "\n", text)
    if request.config.getoption("--update-golden"):
        readme.write_text(fresh, encoding="utf-8")
        text = fresh
    assert MARKERS.search(text), "README.md has lost its markers <!-- causes --> and <!-- /causes -->"
    assert text == fresh, "README's table of causes is stale: run pytest --update-golden and read the diff"
