"""What is measured, and how: in the page itself, by the browser's own clock, from the first event to after the next frame."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Frame, Page, sync_playwright

import tb_lossdiag
from benchmarks.page.logs import large, sweep, write

__all__ = ["measured"]

RUNS, MANY = 1000, 2000
LAYERS, STEPS = 500, 10_000
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
LONG = 50.0  # milliseconds, as browsers define a long task
SIZE = {"width": 1400, "height": 1000}

# Runs in every frame before anything else: notes when the first row of the list was on the screen, and every long task.
WATCH = """
window.longTasks = [];
new PerformanceObserver((list) => window.longTasks.push(...list.getEntries().map((each) => each.duration)))
  .observe({ type: "longtask", buffered: true });
window.painted = (then) => requestAnimationFrame(() => { const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => then(performance.now()); port2.postMessage(0); });
window.when = (test, then) => { if (test()) return window.painted(then);
  const watcher = new MutationObserver(() => { if (test()) { watcher.disconnect(); window.painted(then); } });
  watcher.observe(document, { subtree: true, childList: true, attributes: true }); };
if (location.pathname.includes("plugin_entry")) {
  window.when(() => document.querySelector("tr[data-run]"), (at) => { window.firstRow = at; });
}
"""

# From the click on a run to after the frame in which its headline, its loss chart and its first finding's picture are drawn.
OPEN_RUN = """(run) => new Promise((done) => {
  const since = performance.now();
  window.when(() => document.querySelector(".run h1") && document.querySelector(".run .chart canvas")
    && document.querySelector(".finding .figure"), (at) => done(at - since));
  [...document.querySelectorAll("tr[data-run] .link")].find((each) => each.textContent === run).click();
})"""

# Every frame a screenful further, to the end and back.
SCROLL = """() => new Promise((done) => {
  window.longTasks.length = 0;
  const frames = []; let last = performance.now(), by = 700;
  const next = () => {
    const now = performance.now(); frames.push(now - last); last = now;
    const end = window.scrollY + window.innerHeight >= document.documentElement.scrollHeight - 1;
    if (by > 0 && end) by = -700;
    else if (by < 0 && window.scrollY === 0) return setTimeout(() => done({ frames, tasks: [...window.longTasks] }), 100);
    window.scrollBy(0, by); requestAnimationFrame(next);
  };
  requestAnimationFrame(next);
})"""

TYPE = """(text) => new Promise((done) => {
  const field = document.querySelector("input[type=search]");
  const since = performance.now();
  field.value = text;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  window.painted((at) => done(at - since));
})"""


def measured(folder: Path, repeats: int) -> dict[str, Any]:
    """All figures, with what they were measured on."""
    write(folder / "thousand", sweep(RUNS))
    write(folder / "thousand", (large(f"large-{i}", layers=LAYERS, steps=STEPS) for i in range(repeats)))
    write(folder / "many", sweep(MANY))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=next(filter(None, map(shutil.which, CHROMIUMS))), args=["--no-sandbox", "--disable-gpu"]
        )
        with tensorboard(folder / "thousand") as url:
            opening = [first_content(browser, url) for _ in range(repeats)]
            clicks = [click(browser, url, f"large-{i}") for i in range(repeats)]
        with tensorboard(folder / "many") as url:
            scrolls = [scrolled(browser, url) for _ in range(repeats)]
        about = {
            "chromium": browser.version,
            "tensorboard": version("tensorboard"),
            "python": platform.python_version(),
            "processors": os.cpu_count(),
            "load": round(os.getloadavg()[0], 1),
        }
        browser.close()
    return {
        "about": about,
        "runs": RUNS,
        "many": MANY,
        "layers": LAYERS,
        "steps": STEPS,
        "repeats": repeats,
        "size_kb": round(size() / 1000, 1),
        "first_content_ms": spread([each["tab"] for each in opening]),
        "first_content_with_tensorboard_ms": spread([each["all"] for each in opening]),
        "click_to_report_ms": spread([each["report"] for each in clicks]),
        "layers_unfolded_ms": spread([each["layers"] for each in clicks]),
        "scroll_long_tasks": sum(len(each["tasks"]) for each in scrolls),
        "scroll_longest_task_ms": max((task for each in scrolls for task in each["tasks"]), default=0.0),
        "scroll_busy_long_tasks": sum(task > LONG for each in scrolls for task in each["busy"]),
        "scroll_busiest_task_ms": max(task for each in scrolls for task in each["busy"]),
        "scroll_frame_ms": spread([frame for each in scrolls for frame in each["frames"]]),
        "filter_typed_ms": spread([each["typed"] for each in scrolls]),
    }


def spread(values: Sequence[float]) -> dict[str, float]:
    """The median and the quartiles."""
    low, middle, high = statistics.quantiles(values, n=4) if len(values) > 1 else [values[0]] * 3
    return {"median": round(middle, 1), "low": round(low, 1), "high": round(high, 1)}


def size() -> int:
    """Bytes of the built page, compressed as it is served."""
    static = Path(tb_lossdiag.__file__).parent / "static"
    return sum(len(gzip.compress(path.read_bytes())) for path in static.iterdir())


@contextlib.contextmanager
def tensorboard(logdir: Path) -> Iterator[str]:
    """A TensorBoard that has read everything."""
    log = logdir.parent / f"{logdir.name}.log"
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(logdir), "--port", "0", "--host", "localhost"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)  # noqa: S603  (our own command)
    try:
        url = until(lambda: (found := re.search(r"at (http://\S+)", log.read_text())) and found[1])
        until(lambda: not asked(f"{url}data/plugin/lossdiag/runs")["loading"])
        until(lambda: len(asked(f"{url}data/runs")) >= len(list(logdir.rglob("*tfevents*"))))
        time.sleep(5)  # TensorBoard's own server is done with its first round
        yield str(url)
    finally:
        process.terminate()
        process.wait(timeout=30)


def asked(url: str) -> Any:  # noqa: ANN401  (JSON)
    with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310  (the server that was just started)
        return json.load(answer)


def until(condition: Callable[[], Any], patience: float = 300.0) -> Any:  # noqa: ANN401  (what the condition found)
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.5)
    raise TimeoutError


@contextlib.contextmanager
def opened(browser: Browser, url: str) -> Iterator[tuple[Page, Frame, float]]:
    """A fresh browser profile on the tab, its own frame, and the milliseconds until the list was seen."""
    context = browser.new_context(viewport=SIZE)
    context.add_init_script(WATCH)
    page = context.new_page()
    page.goto(f"{url}#lossdiag", wait_until="commit")
    tab = until(lambda: page.wait_for_timeout(50) or next((f for f in page.frames if "plugin_entry" in f.url), None))
    tab.wait_for_function("() => window.firstRow !== undefined", timeout=60_000)
    origin = tab.evaluate("() => performance.timeOrigin + window.firstRow")
    yield page, tab, origin - page.evaluate("() => performance.timeOrigin")
    context.close()


def first_content(browser: Browser, url: str) -> dict[str, float]:
    """From the frame's navigation, and from TensorBoard's own, to the first row on the screen."""
    with opened(browser, url) as (_, tab, overall):
        return {"tab": tab.evaluate("() => window.firstRow"), "all": overall}


def click(browser: Browser, url: str, run: str) -> dict[str, float]:
    """From the click on a run, never opened before, to its report; and from unfolding its layers to their maps."""
    with opened(browser, url) as (page, tab, _):
        tab.evaluate(TYPE, f"^{run}$")
        page.wait_for_timeout(500)
        report = tab.evaluate(OPEN_RUN, run)
        page.wait_for_timeout(500)
        layers = tab.evaluate(UNFOLD)
        return {"report": report, "layers": layers}


UNFOLD = """() => new Promise((done) => {
  const since = performance.now();
  window.when(() => document.querySelector(".heat-map canvas"), (at) => done(at - since));
  const fold = [...document.querySelectorAll("details.fold")].find((each) => each.textContent.includes("Layer"));
  if (fold) fold.open = true;
})"""


def scrolled(browser: Browser, url: str) -> dict[str, Any]:
    """The list from top to end and back, then typing into its filter."""
    with opened(browser, url) as (page, tab, _):
        page.wait_for_timeout(500)
        browser.start_tracing(page=page, categories=["devtools.timeline", "disabled-by-default-devtools.timeline"])
        found: dict[str, Any] = tab.evaluate(SCROLL)
        found["busy"] = busy(json.loads(browser.stop_tracing())["traceEvents"])
        found["typed"] = tab.evaluate(TYPE, "adam")
        return found


def busy(events: Sequence[Mapping[str, Any]]) -> list[float]:
    """Of each task of a page's main thread, the milliseconds that it had a processor: waiting for one is not the page's fault."""
    named = [each for each in events if each["name"] == "thread_name"]
    mains = {(each["pid"], each["tid"]) for each in named if each["args"]["name"] == "CrRendererMain"}
    tasks = (each for each in events if each["name"] == "RunTask" and (each["pid"], each["tid"]) in mains)
    return [each.get("tdur", 0) / 1000 for each in tasks]
