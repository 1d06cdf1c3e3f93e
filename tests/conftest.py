"""What all tests share: goldens that `--update-golden` rewrites, one browser and the demo's runs for the session, and real
TensorBoards.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from tabs import REPORT_VIOLATIONS, absent, foreign
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

os.environ["LOSSDIAG_CACHE"] = "off"  # tests keep nothing in the user's own cache, nor do the commands that they start
settings.register_profile("patient", deadline=None)  # a slow machine is no fault of the code
settings.load_profile("patient")

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


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium, driven by Playwright: `page = browser.new_page()`."""
    try:
        from playwright.sync_api import expect, sync_playwright
    except ImportError:
        absent("Playwright: pip install playwright")
    executable = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if executable is None:
        absent("Chromium: install the package chromium (apt, dnf, brew) or Google Chrome, on the PATH")
    expect.set_options(timeout=20_000)  # milliseconds: a page that is busy, on a machine that is, is not wrong yet
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=list(CHROMIUM_ARGUMENTS))
        yield chromium
        chromium.close()


@pytest.fixture
def complaints() -> list[str]:
    """What went wrong behind the scenes of `page`. A test that provokes it clears the list."""
    return []


@pytest.fixture
def page(browser: Any, complaints: list[str]) -> Iterator[Any]:
    """A page on which nothing may go wrong behind the scenes: no error, no violation, no request to another host."""
    yield from opened_page(browser, complaints)


@pytest.fixture
def chinese_page(browser: Any, complaints: list[str]) -> Iterator[Any]:
    """The same in a browser that asks for Chinese."""
    yield from opened_page(browser, complaints, locale="zh-CN")


@pytest.fixture
def troubled(browser: Any) -> Iterator[Any]:
    """A page on which requests may fail."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    yield context.new_page()
    context.close()


def opened_page(browser: Any, complaints: list[str], **more: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1400, "height": 1000}, **more)
    context.add_init_script(REPORT_VIOLATIONS)
    opened = context.new_page()
    opened.on("console", lambda said: complaints.append(f"console: {said.text}") if said.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(f"uncaught: {error}"))
    # what a reload, or leaving the page, breaks off is no failure
    opened.on(
        "requestfailed",
        lambda request: (
            None
            if "ERR_ABORTED" in str(request.failure)
            else complaints.append(f"failed: {request.url} {request.failure}")
        ),
    )
    opened.on(
        "response", lambda answer: complaints.append(f"{answer.status}: {answer.url}") if answer.status >= 400 else None
    )
    opened.on(
        "request", lambda request: complaints.append(f"another host: {request.url}") if foreign(request.url) else None
    )
    yield opened
    context.close()
    assert not complaints


def log_scalars(folder: Path, scalars: Mapping[str, Sequence[float]]) -> None:
    """Write an event file as other tools do: one event a point, steps from 0."""
    writer = EventFileWriter(str(folder))
    for tag, values in scalars.items():
        for step, value in enumerate(values):
            summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
            writer.add_event(Event(step=step, wall_time=1.7e9 + step, summary=summary))
    writer.close()


@pytest.fixture(name="log_scalars", scope="session")
def log_scalars_fixture() -> Callable[[Path, Mapping[str, Sequence[float]]], None]:
    """`log_scalars(folder, {"loss/train": [2.3, 1.9]})` writes an event file."""
    return log_scalars


@dataclass(frozen=True)
class TensorBoard:
    """A real TensorBoard: where it answers, and the file that holds what it prints."""

    url: str
    log: Path

    def printed(self) -> str:
        return self.log.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def start_tensorboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., TensorBoard]]:
    """`start_tensorboard("--logdir", folder)` starts one on a free port; all end with the session."""
    running: list[subprocess.Popen[bytes]] = []
    logs = tmp_path_factory.mktemp("tensorboard")

    def start(*arguments: str | Path, python: str = sys.executable, **options: Any) -> TensorBoard:
        log = logs / f"{len(running)}.log"
        command = [python, "-m", "tensorboard.main", *map(str, arguments), "--port", "0", "--host", "localhost"]
        with log.open("wb") as output:
            running.append(subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, **options))
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and running[-1].poll() is None:
            found = re.search(r"at (http://\S+)", log.read_text(encoding="utf-8"))
            if found:
                return TensorBoard(found[1], log)
            time.sleep(0.1)
        raise AssertionError(f"TensorBoard did not start:\n{log.read_text(encoding='utf-8')}")

    yield start
    for process in running:
        process.terminate()
    for process in running:
        process.wait(timeout=30)


@pytest.fixture(scope="session")
def demo_logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The log directory of the demo's runs, trained once a session."""
    for module in ("torch", "sklearn"):
        pytest.importorskip(module, reason="the demo needs torch and scikit-learn: pip install -e '.[demo]'")
    logdir = tmp_path_factory.mktemp("demo") / "runs"
    command = [sys.executable, "-m", "tb_lossdiag", "demo", "--train-only", "--logdir", str(logdir)]
    single = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
    }  # threads that wait for each other on busy cores take ten times as long
    trained = subprocess.run(command, capture_output=True, text=True, env=single, check=False)
    assert trained.returncode == 0, trained.stdout + trained.stderr
    return logdir
