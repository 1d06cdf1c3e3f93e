"""What all tests share: goldens that `--update-golden` rewrites, and one browser for the session."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

GOLDEN = Path(__file__).parent / "golden"
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
CHROMIUM_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="write the golden files instead of comparing with them"
    )


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """`golden("name.txt", text)` compares the text with tests/golden/name.txt."""

    def check(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"{name} is missing: run pytest --update-golden and read the diff"
        assert text == path.read_text(encoding="utf-8"), f"{name} differs: run pytest --update-golden and read the diff"

    return check


def absent(what: str) -> None:
    """Skip, saying what to install; fail in CI, where everything must be there."""
    message = f"the browser tests need {what}"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium, driven by Playwright: `page = browser.new_page()`."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        absent("Playwright: pip install playwright")
    executable = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if executable is None:
        absent("Chromium: install the package chromium (apt, dnf, brew) or Google Chrome, on the PATH")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=list(CHROMIUM_ARGUMENTS))
        yield chromium
        chromium.close()
