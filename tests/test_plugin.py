"""The plugin inside TensorBoard: its routes through TensorBoard's own application, then the real program with its flags."""

from __future__ import annotations

import gzip
import json
import os
import threading
import time
import urllib.error
import urllib.request
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.backend import application
from tensorboard.plugins import base_plugin
from werkzeug.test import Client, TestResponse

from tb_lossdiag import export
from tb_lossdiag.plugin import STATIC, LossDiagPlugin, file_name, page_files
from tb_lossdiag.report import Report, diagnose
from tb_lossdiag.rules import catalogue
from tb_lossdiag.series import Packed, Run, series
from tb_lossdiag.wire import RootCause, RunEntry

ROUTES = ("runs", "report", "layers", "compare", "cause", "export")
ODD = '<b>odd</b> "run"/=0.1'
FALLING = [2.3 * 0.97**step + 0.1 for step in range(200)]
RISING = [2.3 * 1.02**step for step in range(200)]


def watched(name: str) -> Run:
    """A run with a figure by layer."""
    scales = np.ones((50, 1, 2), dtype=np.float32)
    packed = Packed("activations", "train", ("rms",), ("fc1", "fc2"), np.arange(50), scales)
    return Run(name, series={"loss/train": series(*FALLING)}, packed=[packed])


class KnownRuns:
    """A store that has read these runs, and counts what is asked of it."""

    def __init__(self, *runs: Run, loading: bool = False) -> None:
        self.known = {run.name: diagnose(run) for run in runs}
        self.loading, self.message = loading, ""
        self.started: list[float] = []
        self.woken = 0
        self.chosen: list[Mapping[str, str]] = []

    def start(self, interval: float) -> None:
        self.started.append(interval)

    def wake(self) -> None:
        self.woken += 1

    def entry(self, name: str) -> RunEntry:
        report = self.known[name]
        root = next((RootCause(f.cause, f.title, f.confidence, f.severity) for f in report.findings), None)
        return RunEntry(name, "ready", 1, verdict=report.verdict, headline=report.headline, root=root)

    def entries(self) -> list[RunEntry]:
        return [self.entry(name) for name in self.known]

    def report(self, name: str) -> Report:
        return self.known[name]

    def reports(self) -> list[Report]:
        return list(self.known.values())

    def report_with(self, name: str, roles: Mapping[str, str]) -> Report:
        self.chosen.append(roles)
        return self.known[name]


class HalfRead(KnownRuns):
    """A store that knows of a run without having read it."""

    def entries(self) -> list[RunEntry]:
        return [self.entry("early")]

    def entry(self, name: str) -> RunEntry:
        return {"early": RunEntry("early", "reading", 0)}[name]


class Broken(KnownRuns):
    """A store with a fault of ours in it."""

    def entries(self) -> list[RunEntry]:
        raise RuntimeError("/srv/somebody/secret")

    def report(self, name: str) -> Report:
        raise ZeroDivisionError(name)


def client_of(store: object, **flags: object) -> Client:
    """A client of TensorBoard's own application, with our plugin on this store."""

    class Loader(base_plugin.TBLoader):  # type: ignore[misc]
        def load(self, context: base_plugin.TBContext) -> base_plugin.TBPlugin:
            return LossDiagPlugin(context, store)  # type: ignore[arg-type]

    given = {"logdir": "runs", "logdir_spec": "", "samples_per_plugin": {}, "window_title": "", "path_prefix": ""}
    return Client(application.TensorBoardWSGIApp(Namespace(**{**given, "reload_interval": 5.0, **flags}), [Loader()]))


@pytest.fixture(scope="module")
def store() -> KnownRuns:
    return KnownRuns(
        Run("falling", series={"loss/train": series(*FALLING)}),
        Run("rising", series={"loss/train": series(*RISING)}),
        Run("broken", series={"loss/train": series(2.3, float("nan"), float("inf"))}),
        Run(ODD, series={"loss/train": series(*FALLING)}),
        Run("empty"),
        watched("watched"),
    )


@pytest.fixture(scope="module")
def client(store: KnownRuns) -> Client:
    return client_of(store)


@pytest.fixture(autouse=True)
def no_security_warning(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    assert not [record for record in caplog.records if "In 3.0" in record.getMessage()]


def get(client: Client, path: str, **query: str | list[str]) -> TestResponse:
    return client.get(f"/data/plugin/lossdiag/{path}", query_string=query)


def document(response: TestResponse, code: int = 200) -> dict[str, Any]:
    """The strict JSON of an answer that has what every answer must have."""
    assert response.status_code == code, response.text
    assert response.mimetype == "application/json"
    assert response.headers["X-Content-Type-Options"] == "nosniff"

    def no_bare_nan(name: str) -> None:
        raise AssertionError(f"bare {name} in JSON")

    parsed: dict[str, Any] = json.loads(response.text, parse_constant=no_bare_nan)
    return parsed


def refusal(response: TestResponse, code: int) -> str:
    answered = document(response, code)
    assert set(answered) == {"error"}
    assert answered["error"].endswith(".")
    return str(answered["error"])


def test_the_list_has_every_run_and_says_where_they_come_from(client: Client, store: KnownRuns) -> None:
    answered = document(get(client, "runs"))
    assert [each["run"] for each in answered["runs"]] == list(store.known)
    assert (answered["logdir"], answered["loading"], answered["schema"]) == ("runs", False, 1)


@pytest.mark.parametrize("run", ["falling", "rising", "broken", "empty", ODD])
def test_every_run_has_its_report(client: Client, run: str) -> None:
    answered = document(get(client, "report", run=run))
    assert [each["run"] for each in answered["runs"]] == [run]
    assert answered["status"] == "ready"


def test_the_heat_maps_may_come_after_the_rest_of_a_report(client: Client) -> None:
    (whole,) = document(get(client, "report", run="watched"))["runs"]
    (early,) = document(get(client, "report", run="watched", without="layers"))["runs"]
    later = document(get(client, "layers", run="watched"))
    assert later["layers"] == whole["layers"]
    assert whole["layers"][0]["rows"] == ["fc1", "fc2"]
    assert [each["title"] for each in early["layers"]] == [each["title"] for each in whole["layers"]]
    assert [each["rows"] for each in early["layers"]] == [each["rows"] for each in whole["layers"]]
    assert not any(each["steps"] or each["values"] for each in early["layers"])
    assert {**early, "layers": whole["layers"]} == whole


def test_two_runs_are_compared_in_the_order_that_was_asked(client: Client) -> None:
    answered = document(get(client, "compare", run=["rising", "falling"]))
    assert answered["comparison"]["runs"] == ["rising", "falling"]


def test_the_request_says_which_tag_is_what(client: Client, store: KnownRuns) -> None:
    for route, runs in (("report", ["falling"]), ("compare", ["falling", "rising"])):
        document(get(client, route, run=runs, train_loss="my/tag", lr="", other="x"))
        assert store.chosen[-1] == {"train_loss": "my/tag", "lr": ""}


def test_a_comparison_may_leave_the_heat_maps_to_another_request(client: Client, store: KnownRuns) -> None:
    store.known["twin"] = store.known["watched"]
    whole, early = (
        document(get(client, "compare", run=["watched", "twin"], **more))["comparison"]
        for more in ({}, {"without": "layers"})
    )
    del store.known["twin"]
    assert [each["evidence"][0]["kind"] for each in whole["evidence"]] == ["Heatmap"]
    assert {**early, "evidence": whole["evidence"]} == whole
    assert early["evidence"] == []


def test_every_cause_has_its_page(client: Client) -> None:
    for each in catalogue():
        answered = document(get(client, "cause", id=each))
        assert answered["id"] == each
        assert answered["markdown"].strip()
        assert "<script" not in answered["html"]


@pytest.mark.parametrize(
    ("wanted", "mimetype", "suffix"),
    [("json", "application/json", "json"), ("markdown", "text/markdown", "md"), ("html", "text/html", "html")],
)
def test_reports_leave_as_files(client: Client, wanted: str, mimetype: str, suffix: str) -> None:
    response = get(client, "export", run="falling", format=wanted)
    assert response.status_code == 200
    assert response.mimetype == mimetype
    assert response.headers["Content-Disposition"] == f'attachment; filename="lossdiag-falling.{suffix}"'
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "falling" in response.text


def test_all_runs_are_exported_where_none_is_named(client: Client, store: KnownRuns) -> None:
    answered = json.loads(get(client, "export", format="json").text)
    assert [each["run"] for each in answered["runs"]] == list(store.known)


def test_an_installation_without_the_page_says_how_to_get_it(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise export.PageMissing(f"The page's file {name} is missing: reinstall tb_lossdiag.")

    monkeypatch.setattr(export, "_static", missing)
    assert "reinstall" in refusal(get(client, "export", run="falling", format="html"), 503)


@given(name=st.text() | st.sampled_from(["../../etc/passwd", 'a"\r\nX: y', "..", "", "a/b\\c", "é" * 300]))
def test_an_exported_file_has_a_name_that_is_safe_everywhere(name: str) -> None:
    made = file_name([name], "json")
    assert made.isascii()
    assert len(made) <= 100
    assert made.startswith("lossdiag-")
    assert made.endswith(".json")
    assert not set(made) & set('/\\"\r\n:*?<>| ')


@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        ("report", {}, 400),
        ("report", {"run": ["falling", "rising"]}, 400),
        ("report", {"run": "no such run"}, 404),
        ("report", {"run": "../falling"}, 404),
        ("report", {"run": "\0" + "x" * 5000}, 404),
        ("compare", {}, 400),
        ("compare", {"run": ["falling"]}, 400),
        ("compare", {"run": ["falling", "falling"]}, 400),
        ("compare", {"run": ["falling", "no such run"]}, 404),
        ("cause", {}, 400),
        ("cause", {"id": "no-such-cause"}, 404),
        ("cause", {"id": "../rule"}, 404),
        ("export", {"run": "falling"}, 400),
        ("export", {"run": "falling", "format": "exe"}, 400),
        ("export", {"run": "no such run", "format": "json"}, 404),
        ("static/../plugin.py", {}, 404),
        ("static/%2e%2e/plugin.py", {}, 404),
        ("static//etc/passwd", {}, 404),
        ("static/", {}, 404),
    ],
)
def test_what_cannot_be_served_is_refused_with_a_sentence(
    client: Client, path: str, query: Mapping[str, str | list[str]], code: int
) -> None:
    response = get(client, path, **query)
    if path == "static/":  # TensorBoard takes the slash away, and then there is no such route
        assert response.status_code == code
    else:
        assert len(refusal(response, code)) < 300


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("route", [*ROUTES, "static/index.js"])
def test_everything_is_read_only(client: Client, route: str, method: str) -> None:
    response = client.open(f"/data/plugin/lossdiag/{route}", method=method)
    refusal(response, 405)
    assert response.headers["Allow"] == "GET, HEAD"


@given(
    route=st.sampled_from(ROUTES),
    query=st.lists(st.tuples(st.sampled_from(["run", "id", "format"]), st.text() | st.just("falling")), max_size=4),
)
def test_no_request_whatever_makes_a_server_error(client: Client, route: str, query: Sequence[tuple[str, str]]) -> None:
    several: dict[str, list[str]] = {}
    for name, value in query:
        several.setdefault(name, []).append(value)
    assert get(client, route, **several).status_code in {200, 400, 404}


@pytest.mark.parametrize(
    ("path", "query"), [("runs", {}), ("report", {"run": "falling"}), ("export", {"format": "json"})]
)
def test_a_fault_of_ours_is_logged_and_leaks_nothing(
    path: str, query: Mapping[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    broken = Broken(Run("falling", series={"loss/train": series(*FALLING)}))
    sentence = refusal(get(client_of(broken), path, **query), 503)
    assert "secret" not in sentence
    assert "Traceback" in caplog.text


def test_a_run_that_is_still_being_read_says_so() -> None:
    half = client_of(HalfRead(loading=True))
    assert document(get(half, "runs"))["loading"] is True
    for known_or_not in ("early", "perhaps later"):
        answered = document(get(half, "report", run=known_or_not))
        assert (answered["runs"], answered["status"]) == ([], "reading")
    assert "try again" in refusal(get(half, "compare", run=["early", "late"]), 404)


def test_a_tab_that_nobody_opens_reads_nothing() -> None:
    quiet = KnownRuns()
    client = client_of(quiet, reload_interval=7.0)
    listed = client.get("/data/plugins_listing").get_json()["lossdiag"]
    assert (listed["tab_name"], listed["enabled"], quiet.started) == ("Diagnosis", False, [])
    for _ in range(3):
        get(client, "runs")
    assert (quiet.started, quiet.woken) == ([7.0], 3)


def test_where_reloading_is_off_only_requests_look_for_news() -> None:
    quiet = KnownRuns()
    get(client_of(quiet, reload_interval=0.0), "runs")
    assert quiet.started == [threading.TIMEOUT_MAX]


def test_the_entry_page_imports_a_module_that_is_there(client: Client) -> None:
    path = client.get("/data/plugins_listing").get_json()["lossdiag"]["loading_mechanism"]["module_path"]
    response = client.get(path, headers={"Accept-Encoding": "gzip"})
    assert response.status_code == 200
    assert response.mimetype == "text/javascript"
    assert response.headers["Content-Encoding"] == "gzip"
    assert "max-age=86400" in response.headers["Cache-Control"]
    assert gzip.decompress(response.data) == (STATIC / "index.js").read_bytes()
    assert "./static/index.js?_file_hash=" in client.get("/data/plugin_entry.html?name=lossdiag").text


def test_a_browser_without_compression_gets_the_page_too(client: Client) -> None:
    response = get(client, "static/index.css")
    assert response.mimetype == "text/css"
    assert "Content-Encoding" not in response.headers
    assert "no-cache" in response.headers["Cache-Control"]
    assert response.data == (STATIC / "index.css").read_bytes()


def test_only_the_kinds_of_files_that_a_page_has_are_served(tmp_path: Path) -> None:
    for name in ("index.js", "notes.txt", ".secret"):
        (tmp_path / name).write_text("x", encoding="utf-8")
    (tmp_path / "deeper.js").mkdir()
    assert set(page_files(tmp_path)) == {"index.js"}


# The real program.

HEALTHY_LOG = {"loss/train": FALLING}
PREFIX = "data/plugin/lossdiag"


def fetch(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310  (our own server)
        return json.load(answer)


def until(condition: Callable[[], Any]) -> Any:
    """What the condition gives once it is true; TensorBoard and the store read in the background."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError("it did not come true within a minute")


def same_runs(url: str) -> list[str]:
    """The runs that the tab lists, once they are the ones that TensorBoard itself lists and none is being read."""

    def agreed() -> list[str]:
        theirs = fetch(f"{url}data/runs")
        ours = fetch(f"{url}{PREFIX}/runs")
        names = [each["run"] for each in ours["runs"]]
        return names if sorted(names) == sorted(theirs) and not ours["loading"] else []

    found: list[str] = until(agreed)
    return found


@pytest.mark.parametrize("load_fast", ["true", "false"])
def test_a_log_directory_is_diagnosed_below_a_path_prefix_and_without_torch(
    load_fast: str, tmp_path: Path, log_scalars: Callable[..., None], start_tensorboard: Callable[..., Any]
) -> None:
    log_scalars(tmp_path / "runs/sweep/a", HEALTHY_LOG)
    log_scalars(tmp_path / "runs", {"val_loss": RISING})
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    (blocked / "torch.py").write_text("raise ImportError('no torch here')", encoding="utf-8")
    board = start_tensorboard(
        "--logdir", tmp_path / "runs", "--load_fast", load_fast, "--path_prefix", "/behind/a proxy".replace(" ", "-"),
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(blocked), os.environ.get("PYTHONPATH", "")])},
    )  # fmt: skip
    assert sorted(same_runs(board.url)) == [".", "sweep/a"]
    report = fetch(f"{board.url}{PREFIX}/report?run=sweep/a")
    assert report["runs"][0]["verdict"]["id"] in {"learning", "converged"}
    listed = until(lambda: fetch(f"{board.url}data/plugins_listing")["lossdiag"]["enabled"])
    assert listed
    assert "In 3.0" not in board.printed()
    assert "Traceback" not in board.printed()


def test_several_log_directories_keep_the_names_that_they_were_given(
    tmp_path: Path, log_scalars: Callable[..., None], start_tensorboard: Callable[..., Any]
) -> None:
    log_scalars(tmp_path / "one", HEALTHY_LOG)
    log_scalars(tmp_path / "two/deep", HEALTHY_LOG)
    log_scalars(tmp_path / "three/a", HEALTHY_LOG)
    folders = [f"first:{tmp_path / 'one'}", f"second:{tmp_path / 'two'}", tmp_path / "three"]
    board = start_tensorboard("--logdir_spec", ",".join(map(str, folders)))
    assert sorted(same_runs(board.url)) == ["a", "first/.", "second/deep"]
    assert "Traceback" not in board.printed()


def test_a_directory_may_be_relative_and_appear_later(
    tmp_path: Path, log_scalars: Callable[..., None], start_tensorboard: Callable[..., Any]
) -> None:
    board = start_tensorboard("--logdir", "later", "--reload_interval", "1", cwd=tmp_path)
    nothing = until(lambda: (answer := fetch(f"{board.url}{PREFIX}/runs"))["loading"] is False and answer)
    assert nothing["runs"] == []
    assert nothing["message"]
    log_scalars(tmp_path / "later/run", HEALTHY_LOG)
    assert same_runs(board.url) == ["run"]


def test_a_directory_may_be_given_from_home_and_be_empty(
    tmp_path: Path, log_scalars: Callable[..., None], start_tensorboard: Callable[..., Any]
) -> None:
    (tmp_path / "runs").mkdir()
    board = start_tensorboard("--logdir", "~/runs", "--reload_interval", "1", env={**os.environ, "HOME": str(tmp_path)})
    nothing = until(lambda: (answer := fetch(f"{board.url}{PREFIX}/runs"))["loading"] is False and answer)
    assert nothing["runs"] == []
    with pytest.raises(urllib.error.HTTPError, match="404"):
        fetch(f"{board.url}{PREFIX}/report?run=run")
    log_scalars(tmp_path / "runs/run", HEALTHY_LOG)
    assert same_runs(board.url) == ["run"]


def test_a_log_that_is_no_local_directory_is_read_through_tensorboard(
    tmp_path: Path, log_scalars: Callable[..., None], start_tensorboard: Callable[..., Any]
) -> None:
    pytest.importorskip("fsspec", reason="TensorBoard opens remote addresses with fsspec: pip install fsspec")
    log_scalars(tmp_path / "run", HEALTHY_LOG)
    board = start_tensorboard("--logdir", f"file://{tmp_path}", "--reload_interval", "1")
    assert same_runs(board.url) == ["run"]
    (report,) = fetch(f"{board.url}{PREFIX}/report?run=run")["runs"]
    assert report["resolution"] == {"points": len(FALLING), "sampled": True}


def test_texts_come_in_the_language_that_is_asked_for(client: Client) -> None:
    assert document(get(client, "cause", id="dead-units", lang="zh"))["title"] == "单元失活"
    assert document(get(client, "cause", id="dead-units", lang="xx"))["title"] == "Dead units"
    refused = get(client, "report", run="nowhere", lang="zh")
    assert "日志目录中没有运行" in document(refused, 404)["error"]
