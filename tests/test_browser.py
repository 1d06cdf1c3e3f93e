"""The Diagnosis tab as a person sees it: the real TensorBoard on the demo's real logs, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tb_lossdiag.demo import RECIPES, Recipe
from tb_lossdiag.rules import catalogue

expect = pytest.importorskip(
    "playwright.sync_api", reason="the browser tests need Playwright: pip install playwright"
).expect

BRIGHT, DARK = 200, 80  # of 255
TAB = "iframe[src*='lossdiag']"
REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`blocked by the content security policy: ${event.violatedDirective} ${event.blockedURI}`));
"""


@pytest.fixture(scope="module")
def diagnosis(demo_logs: Path, start_tensorboard: Callable[..., Any]) -> str:
    """The address of the tab over the demo's runs."""
    return f"{start_tensorboard('--logdir', demo_logs).url}#lossdiag"


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page on which nothing may go wrong behind the scenes: no error, no violation, no request to another host."""
    yield from opened_page(browser)


@pytest.fixture
def chinese_page(browser: Any) -> Iterator[Any]:
    """The same in a browser that asks for Chinese."""
    yield from opened_page(browser, locale="zh-CN")


def opened_page(browser: Any, **more: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1400, "height": 1000}, **more)
    context.add_init_script(REPORT_VIOLATIONS)
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda said: complaints.append(f"console: {said.text}") if said.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(f"uncaught: {error}"))
    opened.on("requestfailed", lambda request: complaints.append(f"failed: {request.url} {request.failure}"))
    opened.on(
        "response", lambda answer: complaints.append(f"{answer.status}: {answer.url}") if answer.status >= 400 else None
    )
    opened.on(
        "request", lambda request: complaints.append(f"another host: {request.url}") if foreign(request.url) else None
    )
    yield opened
    context.close()
    assert not complaints


def foreign(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in {"http", "https", "ws", "wss"} and parts.hostname != "localhost"


def tab_of(page: Any, address: str) -> Any:
    """The tab's own document once TensorBoard shows it."""
    page.goto(address)
    return page.frame_locator(TAB)


def row(tab: Any, run: str) -> Any:
    return tab.get_by_role("row").filter(has=tab.get_by_role("button", name=run, exact=True))


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_the_list_names_what_is_wrong_with_each_run(page: Any, diagnosis: str, recipe: Recipe) -> None:
    tab = tab_of(page, diagnosis)
    cause = catalogue()[recipe.cause].title if recipe.cause else "none"
    expect(row(tab, recipe.name)).to_contain_text(cause)


def test_a_sick_run_has_its_headline_its_evidence_and_its_remedy(page: Any, diagnosis: str) -> None:
    tab = tab_of(page, diagnosis)
    row(tab, "dead-relu").get_by_role("button", name="dead-relu").click()
    answer = page.request.get(diagnosis.replace("#lossdiag", "data/plugin/lossdiag/report?run=dead-relu"))
    (report,) = answer.json()["runs"]
    finding = report["findings"][0]
    card = tab.get_by_role("article", name=finding["title"], exact=True)
    expect(tab.get_by_role("heading", level=1)).to_have_text(report["headline"])
    expect(card.get_by_text("Root cause", exact=True)).to_be_visible()
    expect(card.get_by_role("figure").filter(has_text=finding["evidence"][0]["title"]).first).to_be_visible()
    expect(card.get_by_role("heading", name="What to do")).to_be_visible()
    expect(card.get_by_text(finding["remedies"][0]["action"])).to_be_visible()
    losses = tab.get_by_role("figure").filter(has_text=report["losses"]["title"]).locator("canvas").first
    expect(losses).to_be_visible()
    assert drawn(losses)


def drawn(canvas: Any) -> bool:
    """Whether something was painted on it."""
    code = "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((value) => value > 0)"
    return bool(canvas.evaluate(code))


def test_a_healthy_run_says_that_nothing_is_wrong(page: Any, diagnosis: str) -> None:
    tab = tab_of(page, f"{diagnosis}&p.lossdiag.view=run&p.lossdiag.run=healthy")
    expect(tab.get_by_role("heading", level=1)).to_contain_text("Nothing is wrong")
    expect(tab.get_by_role("heading", name="Nothing found")).to_be_visible()
    expect(tab.get_by_role("article", name="Root cause")).to_have_count(0)


def test_two_runs_are_compared_side_by_side(page: Any, diagnosis: str) -> None:
    tab = tab_of(page, diagnosis)
    for run in ("lr-too-high", "healthy"):
        tab.get_by_role("checkbox", name=f"Compare {run}", exact=True).check()
    tab.get_by_role("button", name="Compare").click()
    causes = tab.get_by_role("row", name=catalogue()["learning-rate-too-high"].title)
    expect(causes).to_contain_text("gone")
    settings = tab.get_by_role("row").filter(has=tab.get_by_role("rowheader", name="lr", exact=True))
    expect(settings).to_contain_text("3")
    expect(tab.locator("figure canvas").first).to_be_visible()


def test_a_link_into_a_report_survives_a_reload(page: Any, diagnosis: str) -> None:
    tab = tab_of(page, diagnosis)
    row(tab, "overfitting").get_by_role("button", name="overfitting").click()
    headline = tab.get_by_role("heading", level=1)
    expect(headline).to_contain_text("overfit")
    said = headline.inner_text()
    page.reload()
    expect(page.frame_locator(TAB).get_by_role("heading", level=1)).to_have_text(said)
    page.go_back()
    expect(row(page.frame_locator(TAB), "overfitting")).to_be_visible()


def test_the_page_of_a_cause_opens_beside_the_report(page: Any, diagnosis: str) -> None:
    tab = tab_of(page, f"{diagnosis}&p.lossdiag.view=run&p.lossdiag.run=dead-relu")
    tab.get_by_role("button", name="About this cause").first.click()
    expect(tab.get_by_role("complementary").get_by_role("heading", name="When this is wrong")).to_be_visible()


def test_the_tab_is_as_dark_as_tensorboard(page: Any, diagnosis: str) -> None:
    tab = tab_of(page, diagnosis)
    expect(row(tab, "healthy")).to_be_visible()
    light = brightness(tab)
    page.evaluate("document.body.classList.add('dark-mode')")
    expect(tab.locator("html[data-theme=dark]")).to_have_count(1)
    assert light > BRIGHT
    assert brightness(tab) < DARK


def brightness(tab: Any) -> float:
    """How bright the page's own background is, 0 to 255."""
    color = tab.locator("body").evaluate("body => getComputedStyle(body).backgroundColor")
    red, green, blue = map(float, re.findall(r"[\d.]+", color)[:3])
    return (red + green + blue) / 3


def test_an_empty_directory_says_how_to_begin(page: Any, tmp_path: Path, start_tensorboard: Callable[..., Any]) -> None:
    tab = tab_of(page, f"{start_tensorboard('--logdir', tmp_path).url}#lossdiag")
    expect(tab.get_by_role("heading", name="No runs yet")).to_be_visible()
    expect(tab.get_by_text("writer.watch(model, optimizer, loss_fn)")).to_be_visible()


def test_a_report_leaves_as_one_page_that_needs_no_server(page: Any, diagnosis: str, tmp_path: Path) -> None:
    tab = tab_of(page, f"{diagnosis}&p.lossdiag.view=run&p.lossdiag.run=dead-relu")
    with page.expect_download() as started:
        tab.get_by_role("link", name="HTML").click()
    saved = tmp_path / started.value.suggested_filename
    started.value.save_as(saved)
    assert saved.name == "lossdiag-dead-relu.html"
    said = tab.get_by_role("heading", level=1).inner_text()
    page.goto(saved.as_uri())
    expect(page.get_by_role("heading", level=1)).to_have_text(said)
    expect(page.locator("figure canvas").first).to_be_visible()


LEFT_OVER = """() => {
  const texts = [];
  const walker = document.createTreeWalker(document.querySelector("#lossdiag"), NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode())
    if (!node.parentElement.closest("code, pre, [lang=en]")) texts.push(node.textContent);
  for (const element of document.querySelectorAll("#lossdiag *"))
    for (const name of ["title", "aria-label", "placeholder"]) texts.push(element.getAttribute(name) ?? "");
  return [...new Set(texts)];
}"""
"""All that the tab says, but for code to copy."""
NAMES_IN_CHINESE = re.compile(
    r"\b(?:TensorBoard|DiagWriter|SummaryWriter|CSV|HTML|JSON|Markdown|NaN|Inf|ReLU|GELU|Sigmoid|SGD|AdamW?|Sequential|Dropout|dropout"
    r"|CrossEntropyLoss|MSELoss|lr|eps|betas|dampening|epoch|one-hot|feature|sigmoid|tanh|min|batch)\b|\w*(?:[.()_=/-]|\d)[\w.()=/-]*"
)
"""Names that Chinese practitioners write as they are, and those of layers, tags, settings and functions."""


def english_of(page: Any, names: set[str]) -> list[str]:
    """The texts of the tab in which English words are left, run names aside."""
    tab = next(each for each in page.frames if "plugin_entry" in each.url)
    said = tab.evaluate(LEFT_OVER)
    plain = [re.sub("|".join(sorted(map(re.escape, names), key=len, reverse=True)), "", each) for each in said]
    return [each for each in plain if re.search(r"[A-Za-z]{2,}", NAMES_IN_CHINESE.sub("", each))]


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("", "显示 7 次运行"),
        ("&p.lossdiag.view=run&p.lossdiag.run=raw-features&p.lossdiag.cause=unnormalized-input", "输入未归一化"),
        ("&p.lossdiag.view=run&p.lossdiag.run=healthy", "没有发现问题"),
        ("&p.lossdiag.view=compare&p.lossdiag.run=lr-too-high%2Chealthy", "解决了"),
    ],
    ids=["list", "run", "healthy run", "comparison"],
)
def test_a_browser_that_asks_for_chinese_finds_no_english(
    chinese_page: Any, diagnosis: str, place: str, says: str
) -> None:
    tab = tab_of(chinese_page, diagnosis + place)
    expect(tab.get_by_text(says).first).to_be_visible()
    expect(tab.locator("html")).to_have_attribute("lang", "zh-CN")
    tab.locator("details:not([open]) > summary").evaluate_all("(all) => all.forEach((each) => each.click())")
    expect(tab.get_by_role("status").filter(has_text="正在")).to_have_count(0)
    assert english_of(chinese_page, {recipe.name for recipe in RECIPES}) == []


def test_the_language_is_switched_and_remembered(page: Any, diagnosis: str) -> None:
    tab = tab_of(page, diagnosis)
    expect(row(tab, "overfitting")).to_contain_text("Overfitting")
    tab.get_by_role("button", name="简体中文").click()
    expect(row(tab, "overfitting")).to_contain_text("过拟合")
    page.reload()
    expect(row(page.frame_locator(TAB), "overfitting")).to_contain_text("过拟合")
    page.frame_locator(TAB).get_by_role("button", name="English").click()
    expect(row(page.frame_locator(TAB), "overfitting")).to_contain_text("Overfitting")
