"""What the browser tests share: the tab inside TensorBoard, and what must not happen behind the scenes."""

from __future__ import annotations

import functools
import os
from typing import Any
from urllib.parse import urlsplit

import pytest
from node import FRONTEND, packages

AXE = FRONTEND / "node_modules/axe-core/axe.min.js"
TAB = "iframe[src*='lossdiag']"
THEMES = ("light", "dark")
COLOURS = ["color-contrast", "link-in-text-block"]
IN_THE_DARK = "() => document.documentElement.dataset.theme === 'dark'"
REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`blocked by the content security policy: ${event.violatedDirective} ${event.blockedURI}`));
"""


def tab_of(page: Any, address: str) -> Any:
    """The tab's own document once TensorBoard shows it."""
    page.goto(address)
    return page.frame_locator(TAB)


def row(tab: Any, run: str) -> Any:
    return tab.get_by_role("row").filter(has=tab.get_by_role("link", name=run, exact=True))


def frame_of(page: Any) -> Any:
    """The tab's own frame, for scripts to run in."""
    handle = page.locator(TAB).element_handle()
    frame = handle.content_frame()
    assert frame is not None
    return frame


def foreign(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in {"http", "https", "ws", "wss"} and parts.hostname != "localhost"


def absent(what: str) -> None:
    """Skip, saying what to install; fail in CI, where everything must be there."""
    message = f"the browser tests need {what}"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


def unfolded(page: Any) -> None:
    """Open every folded part, again and again until nothing is folded."""
    frame = frame_of(page)
    while frame.evaluate(
        "() => { const folded = document.querySelectorAll('details:not([open])');"
        "folded.forEach((each) => { each.open = true; }); return folded.length; }"
    ):
        page.wait_for_timeout(300)


def barriers(page: Any, within: str = "html") -> list[tuple[str, str, list[str]]]:
    """What axe-core finds to be a barrier for anybody in this part of the tab, with everything unfolded: rule, sentence, places.

    In the dark it looks at colours only: nothing else is different there.
    """
    script = axe()
    unfolded(page)
    frame = frame_of(page)
    frame.evaluate(script)
    options = {"resultTypes": ["violations"]} | ({"runOnly": COLOURS} if frame.evaluate(IN_THE_DARK) else {})
    found = frame.evaluate("([within, options]) => axe.run(within, options)", [within, options])["violations"]
    return [(each["id"], each["help"], [node["html"] for node in each["nodes"][:3]]) for each in found]


@functools.cache
def axe() -> str:
    packages()
    return AXE.read_text(encoding="utf-8")
