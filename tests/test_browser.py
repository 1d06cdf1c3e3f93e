"""The Diagnosis tab as a person sees it: the real TensorBoard on the demo's real logs, in a real browser."""

from __future__ import annotations

import io
import math
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from PIL import Image  # comes with TensorBoard
from tabs import TAB, row, tab_of
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from tb_lossdiag.demo import RECIPES
from tb_lossdiag.rules import catalogue

expect = pytest.importorskip(
    "playwright.sync_api", reason="the browser tests need Playwright: pip install playwright"
).expect

GOLDEN = Path(__file__).parent / "golden"
BRIGHT, DARK = 200, 80  # of 255


@pytest.fixture(scope="module")
def diagnosis(demo_logs: Path, start_tensorboard: Callable[..., Any]) -> str:
    """The address of the tab over the demo's runs."""
    return f"{start_tensorboard('--logdir', demo_logs).url}#lossdiag"


def test_the_list_names_what_is_wrong_with_each_run(page: Any, diagnosis: str) -> None:
    tab = tab_of(page, diagnosis)
    for recipe in RECIPES:
        cause = catalogue()[recipe.cause].title if recipe.cause else "none"
        expect(row(tab, recipe.name)).to_contain_text(cause)


def test_a_sick_run_has_its_headline_its_evidence_and_its_remedy(page: Any, diagnosis: str) -> None:
    tab = tab_of(page, diagnosis)
    row(tab, "dead-relu").get_by_role("link", name="dead-relu").click()
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
    row(tab, "overfitting").get_by_role("link", name="overfitting").click()
    headline = tab.get_by_role("heading", level=1)
    expect(headline).to_contain_text(
        "overfits"
    )  # not the name of the run, which stands there until the report has come
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
    r"\b(?:TensorBoard|DiagWriter|SummaryWriter|CSV|SVG|PNG|HTML|JSON|Markdown|NaN|Inf|ReLU|GELU|Sigmoid|SGD|AdamW?|Sequential|Dropout|dropout"
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
    expect(tab.get_by_text(says).locator("visible=true").first).to_be_visible()
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


def run_address(diagnosis: str, run: str, **kept: str) -> str:
    pairs = {"view": "run", "run": run, **kept}
    return diagnosis + "".join(f"&p.lossdiag.{key}={value}" for key, value in pairs.items())


def kept_in(page: Any) -> dict[str, str]:
    """What the address remembers of how the run is looked at."""
    pairs = [each.removeprefix("p.lossdiag.").split("=", 1) for each in urlsplit(page.url).fragment.split("&")[1:]]
    return {key: unquote(unquote(value)) for key, value in pairs}


def eventually(page: Any, key: str, wanted: Callable[[str | None], bool]) -> str | None:
    """What the address comes to remember under a key: it is written a moment after the change."""
    deadline = time.monotonic() + 10
    while not wanted(found := kept_in(page).get(key)) and time.monotonic() < deadline:
        page.wait_for_timeout(50)
    assert wanted(found), f"the address holds {found!r} as {key}"
    return found


def losses_of(tab: Any) -> Any:
    return tab.locator(".overview .chart").first


def test_a_dragged_zoom_holds_for_all_charts_survives_a_reload_and_a_double_click_leaves_it(
    page: Any, diagnosis: str
) -> None:
    tab = tab_of(page, run_address(diagnosis, "lr-too-high"))
    over = losses_of(tab).locator(".u-over")
    box = over.bounding_box()
    page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 60, steps=5)
    page.mouse.up()
    zoom = eventually(page, "zoom", lambda found: found is not None)
    assert zoom is not None
    low, high = map(int, zoom.split("-"))
    assert (low, high) == (pytest.approx(190, abs=12), pytest.approx(380, abs=12))
    page.reload()
    tab = page.frame_locator(TAB)
    expect(tab.get_by_role("button", name="Show all")).to_be_visible()
    assert kept_in(page)["zoom"] == zoom
    losses_of(tab).locator(".u-over").dblclick()
    expect(tab.get_by_role("button", name="Show all")).to_have_count(0)
    eventually(page, "zoom", lambda found: found is None)


def test_the_axis_counts_epochs_where_the_loader_is_known_and_the_address_keeps_it(page: Any, diagnosis: str) -> None:
    tab = tab_of(page, run_address(diagnosis, "lr-too-high", axis="epoch"))
    choice = tab.get_by_role("combobox", name="Horizontal axis")
    expect(choice).to_have_value("epoch")
    choice.select_option("time")
    assert eventually(page, "axis", lambda found: found == "time")
    tab.get_by_role("button", name="log scale").first.click()
    assert eventually(page, "flipped", lambda found: found == "Loss")


def test_one_cursor_points_at_the_same_step_in_every_chart_of_a_run(page: Any, diagnosis: str) -> None:
    tab = tab_of(page, run_address(diagnosis, "lr-too-high"))
    box = losses_of(tab).locator(".u-over").bounding_box()
    page.mouse.move(box["x"] + 4, box["y"] + 50)
    expect(tab.locator(".overview .legend .at").first).to_contain_text("step")
    expect(tab.locator(".finding .legend .at").first).to_contain_text("step")


def test_opened_parts_are_in_the_address_and_going_back_closes_the_page_of_a_cause(page: Any, diagnosis: str) -> None:
    tab = tab_of(page, run_address(diagnosis, "lr-too-high"))
    tab.get_by_text("Could it be something else?").first.click()
    eventually(page, "folds", lambda found: found == "learning-rate-too-high.doubt")
    tab.get_by_role("button", name="About this cause").first.click()
    expect(tab.get_by_role("complementary")).to_be_visible()
    page.go_back()
    expect(tab.get_by_role("complementary")).to_have_count(0)
    page.reload()
    expect(page.frame_locator(TAB).get_by_role("heading", name="What would speak against it")).to_be_visible()


def test_a_layer_that_a_finding_names_leads_to_its_curves(page: Any, diagnosis: str) -> None:
    tab = tab_of(page, run_address(diagnosis, "dead-relu"))
    tab.locator(".where button").first.click()
    curves = tab.get_by_role("region", name="Curves of 1", exact=True)
    expect(curves.get_by_role("figure")).not_to_have_count(0)
    expect(tab.locator(".heat-chosen").first).to_be_visible()
    eventually(page, "layer", lambda found: found == "1")


def test_the_keyboard_walks_a_heat_map_and_enter_shows_the_layers_curves(page: Any, diagnosis: str) -> None:
    tab = tab_of(page, run_address(diagnosis, "ten-sigmoid-layers", folds="layers"))
    tab.locator(".maps canvas").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(tab.locator(".tip")).to_contain_text("2.weight")
    page.keyboard.press("Enter")
    expect(tab.get_by_role("region", name="Curves of 2", exact=True)).to_be_visible()


def test_the_keyboard_moves_a_charts_cursor_zooms_and_shows_everything_again(page: Any, diagnosis: str) -> None:
    tab = tab_of(page, run_address(diagnosis, "lr-too-high"))
    chart = tab.locator(".overview .chart").first
    expect(chart.locator("canvas")).to_be_visible()  # keys before it is drawn have nothing to move
    chart.focus()
    page.keyboard.press("ArrowRight")
    at = tab.locator(".overview .legend .at").first
    expect(at).to_contain_text("step")
    before = at.inner_text()
    page.keyboard.press("ArrowRight")
    expect(at).not_to_have_text(before)
    page.keyboard.press("ArrowLeft")
    expect(at).to_have_text(before)
    tab.locator(".overview").get_by_role("button", name="log scale").first.click()  # draws the chart anew
    expect(at).to_have_text(before)
    chart.focus()
    page.keyboard.press("+")
    low, high = map(int, str(eventually(page, "zoom", lambda found: found is not None)).split("-"))
    page.keyboard.press("-")
    eventually(
        page, "zoom", lambda found: found is None or int(found.split("-")[1]) - int(found.split("-")[0]) > high - low
    )
    page.keyboard.press("+")
    expect(tab.get_by_role("button", name="Show all")).to_be_visible()
    page.keyboard.press("Escape")
    expect(tab.get_by_role("button", name="Show all")).to_have_count(0)


def test_the_letters_do_what_the_sheet_of_keys_says(page: Any, diagnosis: str) -> None:
    tab = tab_of(page, run_address(diagnosis, "lr-too-high"))
    press = page.keyboard.press
    tab.get_by_role("heading", level=1).click()
    press("j")
    press("a")
    expect(tab.get_by_role("complementary")).to_be_visible()
    press("Escape")
    expect(tab.get_by_role("complementary")).to_have_count(0)
    scale = tab.locator(".overview").get_by_role("button", name="log scale").first
    before = scale.get_attribute("aria-pressed")
    press("l")
    expect(scale).not_to_have_attribute("aria-pressed", str(before))
    press("x")
    expect(tab.get_by_role("combobox", name="Horizontal axis")).to_be_focused()
    tab.get_by_role("heading", level=1).click()
    press("u")
    expect(row(tab, "healthy")).to_be_visible()
    press("/")
    expect(tab.get_by_role("searchbox", name="Filter runs")).to_be_focused()


def test_a_question_mark_names_the_keys_and_they_lead_through_the_findings(page: Any, diagnosis: str) -> None:
    tab = tab_of(page, run_address(diagnosis, "lr-too-high"))
    tab.get_by_role("heading", level=1).click()
    page.keyboard.press("?")
    expect(tab.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(tab.get_by_role("dialog", name="Keys")).to_have_count(0)
    page.keyboard.press("j")
    expect(tab.locator("#finding-learning-rate-too-high")).to_be_focused()
    page.keyboard.press("j")
    expect(tab.locator("#finding-dead-units")).to_be_focused()
    page.keyboard.press("o")
    expect(tab.locator("#finding-dead-units").get_by_role("heading", name="What to do")).to_be_visible()
    page.keyboard.press("u")
    expect(row(tab, "healthy")).to_be_visible()


@pytest.mark.parametrize(
    ("button", "suffix", "begins"),
    [("CSV", "csv", b"step,train,val"), ("SVG", "svg", b"<svg"), ("PNG", "png", b"\x89PNG")],
)
def test_a_chart_is_saved_as_a_file(page: Any, diagnosis: str, button: str, suffix: str, begins: bytes) -> None:
    tab = tab_of(page, run_address(diagnosis, "lr-too-high"))
    tab.locator(".overview .numbers summary").first.click()
    with page.expect_download() as started:
        tab.get_by_role("button", name=f"Save as {button}").first.click()
    assert started.value.suggested_filename == f"Loss.{suffix}"
    assert Path(started.value.path()).read_bytes().startswith(begins)
    if suffix == "png":
        picture = np.asarray(Image.open(started.value.path()).convert("RGB"))
        assert picture.shape == (720, 1440, 3)
        assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 50  # lines, words and marks, not an empty sheet


class Growing:
    """A training that writes while it is watched."""

    def __init__(self, folder: Path) -> None:
        self.writer = EventFileWriter(str(folder), flush_secs=1)
        self.step = 0

    def log(self, *losses: float) -> None:
        for loss in losses:
            summary = Summary(value=[Summary.Value(tag="loss/train", simple_value=loss)])
            self.writer.add_event(Event(step=self.step, wall_time=time.time(), summary=summary))
            self.step += 1
        self.writer.flush()


def test_a_running_training_is_followed_without_losing_the_zoom_and_what_is_new_is_announced(
    page: Any, tmp_path: Path, start_tensorboard: Callable[..., Any]
) -> None:
    training = Growing(tmp_path / "run")
    training.log(*(2.0 * 0.98**i for i in range(150)))
    started = start_tensorboard("--logdir", tmp_path, "--reload_interval", "1").url
    tab = tab_of(page, run_address(f"{started}#lossdiag", "run", zoom="10-60"))
    expect(tab.get_by_text("Live: last written")).to_be_visible()
    training.log(*[math.nan] * 50)
    expect(tab.get_by_role("status").get_by_text("New: Non-finite values")).to_be_visible(timeout=30_000)
    assert kept_in(page)["zoom"] == "10-60"
    expect(tab.get_by_role("heading", level=1)).to_contain_text("NaN")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/lossdiag/report" in request.url else None)
    page.get_by_role("tab", name="Scalars").click()
    page.wait_for_timeout(3000)  # TensorBoard hides a tab when the next one is drawn
    asked.clear()
    page.wait_for_timeout(11_000)  # a live run is asked for every five seconds while it is looked at
    assert asked == []


def test_a_server_that_is_gone_is_told_and_the_page_goes_on_when_it_is_back(troubled: Any, diagnosis: str) -> None:
    routes = "**/plugin/lossdiag/report*"
    troubled.route(routes, lambda route: route.abort())
    tab = tab_of(troubled, run_address(diagnosis, "healthy"))
    expect(tab.get_by_role("alert")).to_contain_text("TensorBoard does not answer")
    troubled.unroute(routes)
    expect(tab.get_by_role("heading", level=1)).to_contain_text("Nothing is wrong", timeout=15_000)


def test_a_run_that_vanished_says_so_and_leads_back_to_the_others(troubled: Any, diagnosis: str) -> None:
    tab = tab_of(troubled, run_address(diagnosis, "deleted-yesterday"))
    expect(tab.get_by_role("alert")).to_contain_text("deleted-yesterday")
    tab.get_by_role("button", name="Show all runs").click()
    expect(row(tab, "healthy")).to_be_visible()


def test_the_page_fits_a_narrow_frame_and_a_very_wide_one(page: Any, diagnosis: str) -> None:
    for width in (480, 3840):
        page.set_viewport_size({"width": width, "height": 1000})
        tab = tab_of(page, run_address(diagnosis, "lr-too-high"))
        expect(tab.get_by_role("heading", level=1)).to_be_visible()
        assert tab.locator("html").evaluate("html => html.scrollWidth <= html.clientWidth"), f"{width} px"
        beside = tab.locator(".columns").evaluate("e => getComputedStyle(e).display === 'grid'")
        assert beside is (width > 2000), "curves stand beside the findings where there is room"
        page.goto("about:blank")


SMALL = (320, 225)
"""Screenshots are compared at a quarter of their size, where the shape of a letter no longer shows."""
MEAN = 6.0  # of 255: the whole picture
# by how much a pixel may differ, and how many may differ by more: texts move a little with the font
STRONG, FEW = 64, 0.03


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_run_looks_as_it_was_meant_to(  # noqa: PLR0913, PLR0917  (fixtures)
    page: Any,
    tmp_path: Path,
    start_tensorboard: Callable[..., Any],
    log_scalars: Callable[..., None],
    request: pytest.FixtureRequest,
    theme: str,
) -> None:
    falls = [2.3 * 0.985**i + 0.05 * math.sin(1.7 * i) for i in range(120)]
    log_scalars(tmp_path / "run", {"loss/train": [*falls, *[math.nan] * 60], "loss/val": [*(x + 0.1 for x in falls)]})
    url = start_tensorboard("--logdir", tmp_path).url
    page.set_viewport_size({"width": 1280, "height": 900})
    dark = "?darkMode=true" if theme == "dark" else ""
    tab = tab_of(page, run_address(f"{url}{dark}#lossdiag", "run"))
    expect(tab.get_by_role("heading", level=1)).to_contain_text("NaN")
    expect(tab.locator(f"html[data-theme={theme}]")).to_have_count(1)
    assert drawn(tab.locator("figure canvas").first)
    page.mouse.move(1, 1)
    picture = small(page.locator(TAB).screenshot())
    reference = GOLDEN / "screens" / f"run-{theme}.png"
    if request.config.getoption("--update-golden"):
        reference.parent.mkdir(parents=True, exist_ok=True)
        picture.save(reference, optimize=True)
    with Image.open(reference) as kept:
        difference = np.abs(np.asarray(picture, dtype=float) - np.asarray(kept.convert("L"), dtype=float))
    said = f"run-{theme}.png differs (mean {difference.mean():.1f}): look at it, then pytest --update-golden"
    assert difference.mean() <= MEAN, said
    assert (difference > STRONG).mean() <= FEW, said


def small(screenshot: bytes) -> Image.Image:
    with Image.open(io.BytesIO(screenshot)) as picture:
        return picture.convert("L").resize(SMALL, Image.Resampling.BOX)
