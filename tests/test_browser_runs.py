"""Many runs and runs side by side, in the real TensorBoard: no barrier for anybody, everything by keyboard, and how it looks."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tabs import TAB, THEMES, barriers, frame_of, tab_of, unfolded

pytest.importorskip("torch", reason="the logs are written as DiagWriter writes them: pip install torch")
expect = pytest.importorskip(
    "playwright.sync_api", reason="the browser tests need Playwright: pip install playwright"
).expect

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests/golden"
SWEEP = 240  # runs: more than are drawn at once
PAIR = ("sweep/0006-adam-lr3-b16", "sweep/0012-sgd-lr0.1-b16")
PLACES = {
    "list": "",
    "nothing left": "&p.lossdiag.list=q%3Dno-such-run",
    "run": f"&p.lossdiag.view=run&p.lossdiag.run={PAIR[0].replace('/', '%252F')}",
    "cause": f"&p.lossdiag.view=run&p.lossdiag.run={PAIR[0].replace('/', '%252F')}&p.lossdiag.cause=dead-units",
    "comparison": "&p.lossdiag.view=compare&p.lossdiag.run=" + "%2C".join(each.replace("/", "%252F") for each in PAIR),
    "vanished": "&p.lossdiag.view=run&p.lossdiag.run=no-such-run",
}


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the runs of a sweep."""
    logdir = tmp_path_factory.mktemp("sweep")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT))
        from benchmarks.page import logs
    logs.write(logdir, logs.sweep(SWEEP))
    return logdir


@pytest.fixture(scope="module")
def board(sweep: Path, start_tensorboard: Callable[..., Any]) -> str:
    """The address of a TensorBoard over the sweep."""
    return str(start_tensorboard("--logdir", sweep).url)


def opened(page: Any, board: str, place: str = "", theme: str = "light", query: str = "") -> Any:
    """The tab at a place, with everything read."""
    tab = tab_of(
        page, f"{board}?darkMode={'true' if theme == 'dark' else 'false'}{query}#lossdiag{PLACES.get(place, place)}"
    )
    expect(tab.locator("h1, [role=alert]").first).to_be_attached(timeout=60_000)
    expect(tab.locator(".progress, .spinner")).to_have_count(0, timeout=60_000)
    return tab


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("place", PLACES)
def test_axe_finds_no_barrier(page: Any, board: str, place: str, theme: str, complaints: list[str]) -> None:
    opened(page, board, place, theme)
    within = ".panel" if place == "cause" else "html"  # the run beside it is a place of its own
    assert barriers(page, within) == []
    if place == "vanished":
        complaints.clear()  # the server answers 404


# By keyboard alone

CONTROLS = "button:not(:disabled), a[href], input:not(:disabled), select, summary, [tabindex='0']"
TABBED = """(selector) => {
  const shown = (each) => each.getClientRects().length > 0 && getComputedStyle(each).visibility !== "hidden";
  return [...document.querySelectorAll(selector)].filter(shown).filter((each) => !each.dataset.tabbed)
    .map((each) => each.outerHTML.slice(0, 120));
}"""


@pytest.mark.parametrize("place", ["run", "comparison"])
def test_the_tab_key_reaches_every_control(page: Any, board: str, place: str) -> None:
    opened(page, board, place)
    unfolded(page)
    frame = frame_of(page)
    frame.evaluate("document.addEventListener('focusin', (event) => { event.target.dataset.tabbed = 'yes'; })")
    frame.locator("button, a, select").first.focus()
    for _ in range(400):
        page.keyboard.press("Tab")
        if frame.evaluate("() => document.activeElement === document.body"):
            break
    assert frame.evaluate(TABBED, CONTROLS) == []


def test_the_list_is_filtered_sorted_and_compared_by_keyboard(page: Any, board: str) -> None:
    tab = opened(page, board)
    press = page.keyboard.press
    tab.get_by_role("searchbox", name="Filter runs").focus()
    page.keyboard.type("lr=0.1$")
    expect(tab.get_by_role("status").filter(has_text="of 240 runs")).to_be_visible()
    press("Tab")
    page.keyboard.type("Over")  # a list chooses what one types
    expect(tab.get_by_role("combobox", name="Verdict")).to_have_value("overfitting")
    for _ in range(2):
        press("Tab")
    press("Enter")
    press("Tab")
    press("Space")  # the first column goes
    press("Escape")
    expect(tab.locator(".menu")).not_to_have_attribute("open", "")
    tab.get_by_role("button", name="Run", exact=True).focus()
    press("Enter")
    expect(tab.locator(".run-table").get_by_role("columnheader", name="Run")).to_have_attribute(
        "aria-sort", "ascending"
    )
    boxes = tab.get_by_role("checkbox", name="Compare sweep")
    boxes.first.focus()
    press("Space")
    press("ArrowDown")
    press("Space")
    tab.get_by_role("button", name="Compare 2 runs").focus()
    press("Enter")
    expect(tab.get_by_role("button", name="Make baseline")).to_be_visible()
    tab.get_by_role("button", name="Runs", exact=True).focus()
    press("Enter")
    expect(tab.get_by_role("searchbox", name="Filter runs")).to_have_value("lr=0.1$")


def test_keys_move_through_all_rows_and_open_the_last(page: Any, board: str) -> None:
    tab = opened(page, board)
    tab.locator("tr[data-run] a").first.focus()
    page.keyboard.press("End")
    last = tab.locator("tr[data-run]").filter(has_text=f"sweep/0{SWEEP - 1}-")
    expect(last.get_by_role("link")).to_be_focused()
    expect(last).to_be_in_viewport()
    assert tab.locator("tr[data-run]").count() < SWEEP
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(tab.get_by_role("heading", level=1)).to_be_visible()
    page.go_back()
    expect(tab.get_by_text(f"{SWEEP} runs shown")).to_be_visible()


def test_the_focus_stays_on_a_row_that_is_scrolled_away(page: Any, board: str) -> None:
    tab = opened(page, board)
    first = tab.locator("tr[data-run] a").first
    first.focus()
    frame = frame_of(page)
    frame.evaluate("() => window.scrollTo(0, document.documentElement.scrollHeight)")
    page.wait_for_timeout(300)
    assert frame.evaluate("() => document.activeElement?.closest('tr')?.getAttribute('aria-rowindex')") == "2"


# Many runs


def test_tensorboards_own_filter_holds_until_it_is_lifted(page: Any, board: str) -> None:
    tab = opened(page, board, query="&runFilter=adam-lr3")
    chip = tab.get_by_role("button", name="TensorBoard’s run filter: adam-lr3")
    expect(chip).to_have_attribute("aria-pressed", "true")
    names = tab.locator("tr[data-run] th").all_inner_texts()
    assert names
    assert all("adam-lr3" in name for name in names)
    chip.click()
    expect(tab.get_by_text(f"{SWEEP} runs shown")).to_be_visible()


def test_the_overview_tells_which_setting_goes_with_which_cause(page: Any, board: str) -> None:
    tab = opened(page, board)
    causes = tab.get_by_role("row").filter(has=tab.get_by_role("button", name="Over-regularisation"))
    with_decay = causes.get_by_role("button", name="weight_decay = 0.3")
    expect(with_decay).to_contain_text("else 0 of")
    with_decay.click()
    expect(tab.get_by_role("status").filter(has_text=f"of {SWEEP} runs")).to_be_visible()
    page.reload()
    again = page.frame_locator(TAB)
    expect(again.locator(".in-force").get_by_role("button", name="weight_decay = 0.3")).to_be_visible()


# Side by side


def test_another_baseline_turns_the_comparison_round_and_going_back_turns_it_again(page: Any, board: str) -> None:
    tab = opened(page, board, "comparison")
    said = tab.get_by_role("heading", level=1).inner_text()
    expect(tab.locator(".sides li").first).to_contain_text(PAIR[0])
    expect(tab.locator(".changed").get_by_text("3 → 0.1")).to_be_visible()
    tab.get_by_role("button", name="Make baseline").click()
    expect(tab.locator(".sides li").first).to_contain_text(PAIR[1])
    expect(tab.locator(".changed").get_by_text("0.1 → 3")).to_be_visible()
    page.go_back()
    expect(tab.get_by_role("heading", level=1)).to_have_text(said)


def test_layers_are_compared_as_a_difference(page: Any, board: str) -> None:
    tab = opened(page, board, "comparison")
    maps = tab.get_by_role("img", name=f"Update ratio by layer, {PAIR[1]}, against {PAIR[0]}")
    expect(maps).to_have_attribute("aria-label", re.compile(r"÷ \d+ to × \d+"))
    tab.get_by_label(f"as the difference to {PAIR[0]}").first.uncheck()
    expect(tab.get_by_role("img", name=f"Gradient by layer (root mean square), {PAIR[1]}, against")).to_have_count(0)
    expect(maps).to_be_attached()  # the others stay as they were


# How it looks

SMALL = (64, 40)  # of 1280 x 800: text becomes a grey that depends little on the font
FAR = 20  # of 255: an area that looks different
MOST_FAR = 0.012  # share of the areas that may: another font breaks a line elsewhere


def small(picture: bytes) -> Image.Image:
    return Image.open(io.BytesIO(picture)).convert("RGB").resize(SMALL, Image.Resampling.BOX)


def far(one: Image.Image, other: Image.Image) -> float:
    """The share of the areas that look different."""
    difference = np.abs(np.asarray(one, dtype=int) - np.asarray(other, dtype=int)).max(axis=2)
    return float((difference > FAR).mean())


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("place", ["list", "comparison"])
def test_it_looks_as_it_did(page: Any, board: str, request: pytest.FixtureRequest, place: str, theme: str) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    tab = opened(page, board, place, theme)
    expect(tab.locator("tr[data-run], figure canvas").first).to_be_visible()
    page.wait_for_timeout(1000)
    now = small(page.locator(TAB).screenshot(animations="disabled"))
    path = GOLDEN / f"screens/{place}-{theme}.png"
    if request.config.getoption("--update-golden"):
        path.parent.mkdir(parents=True, exist_ok=True)
        now.save(path, optimize=True)
    assert path.exists(), f"{path.name} is missing: run pytest --update-golden and look at it"
    kept = Image.open(path).convert("RGB")
    assert far(now, kept) <= MOST_FAR, f"{path.name} looks different: run pytest --update-golden and look at it"


@pytest.mark.parametrize("place", ["list", "comparison"])
def test_a_screenshot_of_the_other_theme_would_be_noticed(place: str) -> None:
    light, dark = (Image.open(GOLDEN / f"screens/{place}-{theme}.png").convert("RGB") for theme in THEMES)
    assert far(light, dark) > 0.5


@pytest.mark.parametrize("theme", THEMES)
def test_a_chart_that_is_not_drawn_would_be_noticed(theme: str) -> None:
    drawn = Image.open(GOLDEN / f"screens/comparison-{theme}.png").convert("RGB")
    empty = drawn.copy()
    empty.paste(drawn.getpixel((63, 23)), (5, 24, 63, 36))
    assert far(drawn, empty) > MOST_FAR
