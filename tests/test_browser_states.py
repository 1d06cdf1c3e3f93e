"""The tab where something is missing, damaged, still to come or gone: each state says so, and is no barrier for anybody."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from eventfiles import NAME, curve, frame, version, write
from tabs import THEMES, barriers, row, tab_of

expect = pytest.importorskip(
    "playwright.sync_api", reason="the browser tests need Playwright: pip install playwright"
).expect

FALLING = [2.3 * 0.97**step + 0.2 for step in range(150)]
RUNS = "**/plugin/lossdiag/runs*"


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One damaged file among many runs, plain logs, and a run without any loss."""
    logdir = tmp_path_factory.mktemp("odd")
    for number in range(8):
        write(logdir / f"plain-{number}", [version(), *curve("loss/train", FALLING), *curve("loss/val", FALLING)])
    write(logdir / "no-losses", [version(), *curve("images per second", [300.0] * 20)])
    records = [frame(each) for each in [version(), *curve("loss/train", FALLING)]]
    flipped = bytearray(records[60])
    flipped[-8] ^= 0x10
    (logdir / "damaged").mkdir()
    (logdir / "damaged" / NAME).write_bytes(b"".join([*records[:60], bytes(flipped), *records[61:]]))
    return logdir


@pytest.fixture(scope="module")
def board(odd: Path, start_tensorboard: Callable[..., Any]) -> str:
    """The address of a TensorBoard over these runs."""
    return str(start_tensorboard("--logdir", odd).url)


@pytest.fixture(params=THEMES)
def at(request: pytest.FixtureRequest, board: str) -> Callable[..., str]:
    """The address of a place in the tab, in one theme and then in the other."""

    def address(run: str | None = None, base: str = board) -> str:
        place = "" if run is None else f"&p.lossdiag.view=run&p.lossdiag.run={run}"
        return f"{base}?darkMode={'true' if request.param == 'dark' else 'false'}#lossdiag{place}"

    return address


def test_one_damaged_file_costs_the_others_nothing_and_says_what_was_passed_over(page: Any, at: Any) -> None:
    tab = tab_of(page, at())
    for run in ["damaged", *(f"plain-{number}" for number in range(8))]:
        expect(row(tab, run)).to_contain_text(re.compile("Learning|Converged"))
    tab = tab_of(page, at("damaged"))
    expect(tab.locator(".banner")).to_contain_text(re.compile(r"damaged.*bytes|bytes.*damaged", re.IGNORECASE))
    expect(tab.get_by_role("heading", level=1)).to_contain_text("Nothing is wrong")
    assert barriers(page) == []


def test_plain_logs_say_what_the_curves_do_and_which_line_would_tell_more(page: Any, at: Any) -> None:
    tab = tab_of(page, at("plain-3"))
    expect(tab.get_by_role("heading", level=1)).to_contain_text("Nothing is wrong")
    tab.get_by_text("Layer by layer: not logged").click()
    expect(tab.get_by_text("writer.watch(model, optimizer, loss_fn)").first).to_be_visible()
    assert barriers(page) == []


def test_a_run_without_losses_says_how_to_log_one(page: Any, at: Any) -> None:
    tab = tab_of(page, at("no-losses"))
    expect(tab.get_by_text("No loss was found in this run")).to_be_visible()
    expect(tab.get_by_text('writer.add_scalar("loss/train", loss.item(), step)')).to_be_visible()
    assert barriers(page) == []


def test_an_empty_directory_is_no_barrier(
    page: Any, at: Any, tmp_path: Path, start_tensorboard: Callable[..., Any]
) -> None:
    tab = tab_of(page, at(base=start_tensorboard("--logdir", tmp_path).url))
    expect(tab.get_by_role("heading", name="No runs yet")).to_be_visible()
    assert barriers(page) == []


def test_runs_that_are_still_read_are_counted_and_the_list_fills_by_itself(page: Any, at: Any) -> None:
    loading = True

    def half_read(route: Any) -> None:
        document = route.fetch().json()
        for entry in document["runs"][5:] if loading else ():
            entry |= {"status": "reading", "verdict": None, "root": None, "headline": "", "spark": [], "figures": {}}
        route.fulfill(body=json.dumps(document | {"loading": loading}), content_type="application/json")

    page.route(RUNS, half_read)
    tab = tab_of(page, at())
    progress = tab.get_by_role("progressbar", name="Runs read")
    expect(progress).to_have_attribute("value", "5")
    expect(progress).to_have_attribute("max", "10")
    expect(tab.get_by_text("reading …").first).to_be_visible()
    assert barriers(page) == []
    loading = False  # the route stays: one that is taken away leaves its last request to two who answer it
    expect(progress).to_have_count(0)
    expect(tab.get_by_text("reading …")).to_have_count(0)


def test_a_run_that_is_asked_for_before_it_is_read_comes_by_itself(page: Any, at: Any) -> None:
    reports = "**/plugin/lossdiag/report*"
    page.route(
        reports,
        lambda route: route.fulfill(
            body=json.dumps({"runs": [], "status": "reading", "revision": 0, "schema": 1, "tool": ""}),
            content_type="application/json",
        ),
    )
    tab = tab_of(page, at("plain-1"))
    expect(tab.get_by_role("status").filter(has_text="still being read")).to_be_visible()
    assert barriers(page) == []
    page.unroute(reports)
    expect(tab.get_by_role("heading", level=1)).to_contain_text("Nothing is wrong")


def test_a_server_that_is_gone_leaves_what_was_read_and_the_page_goes_on_when_it_is_back(
    troubled: Any, at: Any
) -> None:
    tab = tab_of(troubled, at())
    expect(row(tab, "plain-0")).to_contain_text("Learning")
    everything = "**/plugin/lossdiag/*"
    troubled.route(everything, lambda route: route.abort())
    row(tab, "plain-0").get_by_role("link").click()
    expect(tab.get_by_role("alert")).to_contain_text("TensorBoard does not answer")
    assert barriers(troubled) == []
    troubled.unroute(everything)
    expect(tab.get_by_role("heading", level=1)).to_contain_text("Nothing is wrong", timeout=15_000)
