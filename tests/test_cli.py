"""The command as a person or a script meets it: exit statuses, one clear line for bad input, formats, pipes."""

from __future__ import annotations

import json
import math
import os
import pty
import signal
import subprocess
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from tb_lossdiag import batch, cli, export, reading
from tb_lossdiag.report import Report
from tb_lossdiag.rules import catalogue
from tb_lossdiag.series import Run

FALLING = [2.3 * 0.98**step + 0.1 for step in range(300)]
HTML_NAME = "a<b>bold[red]"
Log = Callable[[Path, Mapping[str, Sequence[float]]], None]


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory, log_scalars: Log) -> Path:
    """A healthy run, one that overfits, one that turns to NaN, and one with HTML in its name."""
    folder = tmp_path_factory.mktemp("logs")
    falling_val = [2.3 * 0.98**step + 0.15 for step in range(300)]
    log_scalars(folder / "healthy", {"loss/train": FALLING, "loss/val": falling_val})
    rising_val = [each + 0.004 * step for step, each in enumerate(falling_val)]
    log_scalars(folder / "overfit", {"loss/train": [each - 0.099 for each in FALLING], "loss/val": rising_val})
    log_scalars(folder / "broken", {"loss/train": [2.3] * 50 + [math.nan] * 50})
    log_scalars(folder / HTML_NAME, {"loss/train": FALLING})
    return folder


def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    plain = {name: value for name, value in os.environ.items() if name not in {"FORCE_COLOR", "NO_COLOR", "COLUMNS"}}
    return subprocess.run(
        [sys.executable, "-m", "tb_lossdiag", *map(str, arguments)],
        capture_output=True,
        encoding="utf-8",
        env=plain | {"PYTHONIOENCODING": "utf-8"} | environment,
        check=False,
    )


def called(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """The command in this process: status, standard output, standard error."""
    try:
        status = cli.main([str(each) for each in arguments])
    except SystemExit as left:
        status = int(left.code or 0)
    output = capsys.readouterr()
    return status, output.out, output.err


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["--run", "healthy"], 0),
        (["--run", "overfit"], 1),
        (["--run", "broken"], 1),
        ([], 1),
        (["--run", "overfit", "--fail-on", "never"], 0),
        (["--run", "healthy", "--fail-on", "warning"], 0),
        (["--run", "overfit", "--fail-on", "warning"], 1),
    ],
)
def test_the_exit_status_says_whether_something_was_found(
    logs: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], status: int
) -> None:
    assert called(capsys, "diagnose", logs, *arguments)[0] == status


def test_little_memory_changes_no_report(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert called(capsys, "diagnose", str(logs), "--memory", "0.001") == called(capsys, "diagnose", str(logs))


def test_links_that_lead_out_are_followed_when_asked(
    logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "link").symlink_to(logs / "healthy")
    assert called(capsys, "diagnose", str(tmp_path))[0] == 2
    assert called(capsys, "diagnose", str(tmp_path), "--follow-links")[0] == 0


def test_a_warning_fails_only_where_warnings_are_to_fail() -> None:
    from reports import finding, report

    reports = [report("A", finding(severity="warning")), report("B", finding(severity="info"))]
    assert [cli._status(reports, limit) for limit in ("error", "warning", "never")] == [0, 1, 0]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["diagnose", "{logs}/missing"], "does not exist"),
        (["diagnose", "{file}"], "is a file"),
        (["diagnose", "{empty}"], "No event files below"),
        (["diagnose", "{logs}", "--run", "("], "not a regular expression"),
        (["diagnose", "{logs}", "--run", "zebra"], "no run matches 'zebra'; there are"),
        (["diagnose", "{logs}", "--output", "{logs}/no/such/report.html"], "its directory does not exist"),
        (["diagnose", "{logs}", "--output", "{logs}"], "it is a directory"),
        (["diagnose", "{logs}", "--format", "pdf"], "invalid choice"),
        (["diagnose", "{logs}", "--memory", "-1"], "a number above 0"),
        (["diagnose"], "LOGDIR"),
        (["compare", "{logs}", "healthy"], "RUN"),
        (["compare", "{logs}", "healthy", "overfti"], "did you mean overfit"),
        (["compare", "{logs}", "healthy", "zzz"], "there are"),
        (
            ["diagnose", "{logs}", "--train-loss", "loss/trian"],
            "--train-loss: no run has the tag 'loss/trian'; did you mean",
        ),
        (["explain", "dead-unit"], "did you mean dead-units"),
        (["explain", "\x1b[31mqqq"], "lossdiag causes"),
        (["demo", "--port", "99999"], "0 to 65535"),
        (["frobnicate"], "invalid choice"),
        ([], "COMMAND"),
    ],
)
def test_input_that_cannot_be_used_is_answered_with_one_line(
    logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    file, empty = tmp_path / "file", tmp_path / "empty"
    file.write_text("no log", encoding="utf-8")
    empty.mkdir()
    given = [each.format(logs=logs, file=file, empty=empty) for each in arguments]
    status, out, err = called(capsys, *given)
    assert (status, out) == (2, "")
    assert says in err
    assert err.count("\n") == 1
    assert err.startswith("lossdiag")
    assert "\x1b" not in err


def test_a_place_that_cannot_be_written_to_is_an_unusable_input(
    logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "write_text", refuse)
    status, _, err = called(capsys, "diagnose", logs, "--output", tmp_path / "report.json")
    assert status == 2
    assert "Permission denied" in err


def test_a_directory_that_may_not_be_listed_is_said_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    status, _, err = called(capsys, "diagnose", tmp_path)
    assert (status, err.count("\n")) == (2, 1)
    assert "Permission denied" in err


def test_a_run_that_cannot_be_diagnosed_does_not_hide_the_others(
    logs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = batch.diagnose

    def fails(run: Run) -> Report:
        if run.name == "broken":
            raise ValueError("our fault")
        return honest(run)

    monkeypatch.setattr(batch, "diagnose", fails)
    status, out, err = called(capsys, "diagnose", logs, "--format", "json", "--run", "broken|healthy")
    assert status == 0
    assert [each["run"] for each in json.loads(out)["runs"]] == ["healthy"]
    assert "'broken'" in err
    assert called(capsys, "diagnose", logs, "--run", "broken")[0] == 2


def test_json_on_standard_output_is_the_contract_and_nothing_else(logs: Path) -> None:
    finished = run("diagnose", logs, "--format", "json", PYTHONIOENCODING="ascii")
    document = json.loads(finished.stdout)
    assert [each["run"] for each in document["runs"]] == sorted(["healthy", "overfit", "broken", HTML_NAME])
    assert finished.stderr == ""


def test_the_suffix_of_the_file_chooses_the_format(
    logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, begins in (("r.json", "{"), ("r.md", "# "), ("r.txt", "healthy  ")):
        status, out, _ = called(capsys, "diagnose", logs, "--run", "healthy", "--output", tmp_path / name)
        assert (status, out) == (0, "")
        assert (tmp_path / name).read_text(encoding="utf-8").startswith(begins)
    called(capsys, "diagnose", logs, "--run", "healthy", "--output", tmp_path / "r.txt", "--format", "json")
    assert json.loads((tmp_path / "r.txt").read_text(encoding="utf-8"))["schema"] == 1


def test_html_without_a_built_page_is_an_unusable_input(
    logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export.resources, "files", lambda _: tmp_path)
    status, _, err = called(capsys, "diagnose", logs, "--format", "html")
    assert (status, err.count("\n")) == (2, 1)


def test_html_in_a_runs_name_stays_text(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert HTML_NAME in called(capsys, "diagnose", logs)[1]


def test_a_comparison_judges_the_runs_after_the_baseline(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = called(capsys, "compare", logs, "overfit", "healthy")
    assert status == 0
    assert "overfitting" in out
    assert called(capsys, "compare", logs, "healthy", "overfit")[0] == 1
    assert called(capsys, "compare", logs, "healthy", "overfit", "--fail-on", "never")[0] == 0
    status, out, _ = called(
        capsys, "compare", logs, "overfit", "healthy", "broken", "--format", "json", "--fail-on", "never"
    )
    assert json.loads(out)["comparison"]["runs"] == ["overfit", "healthy", "broken"]


@pytest.mark.parametrize("spelling", ["dead-units", "dead_units", "Dead units"])
def test_a_cause_is_explained_however_it_is_spelt(spelling: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = called(capsys, "explain", spelling)
    assert status == 0
    assert "When this is wrong" in out


def test_the_causes_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = called(capsys, "causes")
    assert status == 0
    assert all(cause in out for cause in catalogue())


@pytest.mark.parametrize("command", [[], ["diagnose"], ["compare"], ["explain"], ["causes"], ["demo"]])
def test_help_teaches(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = called(capsys, *command, "--help")
    assert status == 0
    assert out.startswith("usage: lossdiag")
    if command in ([], ["diagnose"], ["compare"]):
        assert "examples:" in out
        assert "exit status" in out


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = called(capsys, "--version")
    assert status == 0
    assert out.startswith("tb_lossdiag ")


def test_help_and_version_import_nothing_heavy() -> None:
    code = (
        "import sys; from tb_lossdiag import cli; cli.parser(cli.COMMANDS).format_help()\n"
        "print({name.partition('.')[0] for name in sys.modules} & {'numpy', 'rich', 'torch', 'tensorboard'})"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"


def test_reports_are_made_where_torch_cannot_be_imported(logs: Path) -> None:
    code = (
        f"import sys; sys.modules['torch'] = None; from tb_lossdiag.cli import main; main(['diagnose', {str(logs)!r}])"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=False)
    assert finished.returncode == 0, finished.stderr
    assert "4 runs" in finished.stdout


def test_the_demo_gets_what_was_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[object] = []
    demo = types.ModuleType("tb_lossdiag.demo")
    demo.run_demo = lambda logdir, **options: asked.append((logdir, options)) or 7  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tb_lossdiag.demo", demo)
    arguments = ["demo", "--logdir", str(tmp_path), "--seed", "3", "--train-only", "--port", "0", "--no-browser"]
    assert cli.main(arguments) == 7
    assert asked == [(tmp_path, {"seed": 3, "train_only": True, "port": 0, "open_browser": False})]


@pytest.mark.parametrize("missing", ["torch", "sklearn.datasets"])
def test_a_demo_that_lacks_a_package_says_what_to_install(
    missing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run_demo(*_: object, **__: object) -> int:
        raise ModuleNotFoundError(name=missing)

    demo = types.ModuleType("tb_lossdiag.demo")
    demo.run_demo = run_demo  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tb_lossdiag.demo", demo)
    status, _, err = called(capsys, "demo")
    assert status == 2
    assert "pip install 'tb_lossdiag[demo]'" in err


def test_a_demo_does_not_mix_with_runs_that_are_there(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("sklearn")
    (tmp_path / "something").touch()
    status, _, err = called(capsys, "demo", "--logdir", str(tmp_path), "--train-only")
    assert status == 2
    assert err.count("\n") == 1
    assert "is not empty" in err


def test_ctrl_c_is_answered_in_a_word(
    logs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(batch, "diagnose", interrupted)
    assert called(capsys, "diagnose", logs) == (128 + signal.SIGINT, "", "lossdiag: stopped\n")


def test_what_is_done_is_shown_after_ctrl_c_and_the_next_call_goes_on_from_there(
    logs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    asked: list[str] = []
    honest = batch.diagnose

    def interrupted(run: Run) -> Report:
        asked.append(run.name)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return honest(run)

    monkeypatch.setattr(batch, "diagnose", interrupted)
    arguments = ["diagnose", logs, "--format", "json", "--cache", tmp_path]
    status, out, err = called(capsys, *arguments)
    assert status == 128 + signal.SIGINT
    assert [each["run"] for each in json.loads(out)["runs"]] == sorted(asked[:2])
    assert err == "lossdiag: stopped after 2 of 4 runs; call it again to go on from there\n"
    status, out, err = called(capsys, *arguments)
    assert (status, err) == (1, "")
    assert len(json.loads(out)["runs"]) == 4
    assert len(asked) == 3 + 2
    assert called(capsys, *arguments)[1] == out
    assert len(asked) == 3 + 2
    assert called(capsys, *arguments[:-2], "--jobs", "2", "--cache", "off")[1] == out
    assert called(capsys, *arguments, "--train-loss", "")[1] != out


@pytest.mark.parametrize(
    ("arguments", "says"), [(["--dask", "tcp://127.0.0.1:9"], "no dask scheduler at"), (["--jobs", "0"], "at least 1")]
)
def test_an_engine_that_is_not_there_is_an_unusable_input(
    logs: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "--dask" in arguments:
        pytest.importorskip("distributed", reason="pip install 'tb_lossdiag[dask]'")
        monkeypatch.setattr(reading, "PATIENCE", "1s")
    status, out, err = called(capsys, "diagnose", logs, *arguments)
    assert (status, out) == (2, "")
    assert says in err


def test_an_engine_that_is_not_installed_says_how_to_get_it(
    logs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    status, _, err = called(capsys, "diagnose", logs, "--dask", "tcp://127.0.0.1:9")
    assert status == 2
    assert "pip install 'tb_lossdiag[dask]'" in err


def test_dasks_workers_read_what_this_process_would(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    distributed = pytest.importorskip("distributed", reason="pip install 'tb_lossdiag[dask]'")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        found = called(capsys, "diagnose", logs, "--format", "json", "--dask", cluster.scheduler_address)
    assert found == called(capsys, "diagnose", logs, "--format", "json")


def test_a_closed_pipe_is_no_news(logs: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "tb_lossdiag", "diagnose", str(logs), "--format", "json"]
    finished = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (finished.returncode, finished.stderr) == (128 + signal.SIGPIPE, b"")


@pytest.mark.parametrize("width", [60, 120])
def test_output_is_as_wide_as_told_and_uncoloured_where_nobody_looks(logs: Path, width: int) -> None:
    finished = run("diagnose", logs, COLUMNS=str(width))
    assert "\x1b" not in finished.stdout
    assert finished.stderr == ""
    longest = max(map(len, finished.stdout.splitlines()))
    assert width // 2 < longest <= width


def test_a_terminal_without_the_characters_still_gets_its_report(logs: Path) -> None:
    finished = run("diagnose", logs, PYTHONIOENCODING="ascii")
    assert finished.returncode == 1
    assert "4 runs" in finished.stdout


def in_a_terminal(*arguments: object, **environment: str) -> str:
    """What the command writes to a terminal of its own, standard error too."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "tb_lossdiag", *map(str, arguments)]
    plain = {name: value for name, value in os.environ.items() if name not in {"FORCE_COLOR", "NO_COLOR"}}
    process = subprocess.Popen(
        command, stdout=theirs, stderr=theirs, stdin=theirs, env=plain | {"TERM": "xterm-256color"} | environment
    )
    os.close(theirs)
    seen = b""
    while True:
        try:
            chunk = os.read(ours, 65536)
        except OSError:  # Linux's way to say that the other side has closed
            break
        if not chunk:
            break
        seen += chunk
    process.wait()
    os.close(ours)
    return seen.decode("utf-8", "replace")


def test_a_terminal_gets_colour_unless_it_wants_none(logs: Path) -> None:
    assert "\x1b[1;31m✖" in in_a_terminal("diagnose", logs, "--run", "overfit")
    assert "\x1b[1;31m" not in in_a_terminal("diagnose", logs, "--run", "overfit", NO_COLOR="1")


def test_the_user_says_which_tag_is_what(
    logs: Path, capsys: pytest.CaptureFixture[str], log_scalars: Log, tmp_path: Path
) -> None:
    log_scalars(tmp_path / "a", {"loss/train": FALLING, "mine": FALLING[::-1]})
    for arguments in (["--train-loss", "mine"], ["--train-loss=mine", "--lr="]):
        status, out, _ = called(capsys, "diagnose", tmp_path, "--format", "json", *arguments)
        (report,) = json.loads(out)["runs"]
        assert report["verdict"]["id"] == "diverging"
        assert report["sources"]["loss/train"] == "mine"
    status, out, _ = called(capsys, "compare", logs, "healthy", "overfit", "--val-loss", "", "--format", "json")
    assert status == 0
    assert {row["figure"] for row in json.loads(out)["comparison"]["figures"]} == {"train loss"}
