from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from eventfiles import curve, write
from reports import finding, report

from tb_lossdiag import cli
from tb_lossdiag.report import Report
from tb_lossdiag.watching import News

FALLING = [2.3 * 0.98**step + 0.1 for step in range(100)]


def told(news: News, *reports: Report, last: bool = False) -> list[tuple[str, str]]:
    return [(each.run, found.cause) for each, found in news.look({each.run: each for each in reports}, last=last)]


SICK = report("A", finding("dead-units", severity="error"))


def test_what_is_there_at_first_is_told_at_once_and_only_once() -> None:
    news = News()
    assert told(news, SICK) == [("A", "dead-units")]
    assert told(news, SICK) == []
    assert told(news, report("A")) == []
    assert told(news, SICK) == []
    assert told(news, SICK) == []


def test_what_turns_up_later_is_told_once_a_second_look_confirms_it() -> None:
    news = News()
    assert told(news, report("A")) == []
    assert told(news, SICK) == []
    assert told(news, SICK) == [("A", "dead-units")]
    assert told(news, SICK, last=True) == []


def test_what_vanishes_at_the_second_look_was_nothing() -> None:
    news = News()
    assert [told(news, each) for each in (report("A"), SICK, report("A"), SICK)] == [[], [], [], []]


def test_the_last_look_tells_what_would_have_had_to_wait() -> None:
    news = News()
    assert told(news, report("A")) == []
    assert told(news, SICK, last=True) == [("A", "dead-units")]


def test_remarks_and_consequences_are_not_news() -> None:
    assert told(News(), report("A", finding(severity="info"), finding("stuck-units", role="consequence"))) == []


class Watching:
    """The command in a process of its own, and the lines that it has printed."""

    def __init__(self, *arguments: object) -> None:
        before = signal.signal(
            signal.SIGINT, signal.default_int_handler
        )  # ignored, and inherited so, in the background
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tb_lossdiag", "diagnose", "--watch", "--every", "0.2", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        )
        signal.signal(signal.SIGINT, before)
        self.lines: queue.Queue[str] = queue.Queue()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self.lines.put(line)

    def until(self, word: str) -> str:
        """The next line with this word; the time is a limit, not an expectation."""
        while word not in (line := self.lines.get(timeout=60)):
            pass
        return line

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.reader.join()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def interrupt(self) -> tuple[int, list[str]]:
        self.process.send_signal(signal.SIGINT)
        status = self.process.wait(60)
        self.reader.join()
        left = []
        while not self.lines.empty():
            left.append(self.lines.get())
        return status, left


@pytest.fixture
def started() -> Iterator[list[Watching]]:
    running: list[Watching] = []
    yield running
    for each in running:
        each.close()


def test_a_live_directory_is_followed_and_each_finding_told_once(tmp_path: Path, started: list[Watching]) -> None:
    write(tmp_path / "a", curve("loss/train", FALLING))
    watching = Watching(tmp_path)
    started.append(watching)
    assert "watching 1 run below" in watching.until("watching")
    write(tmp_path / "b", curve("loss/train", [2.3] * 50 + [float("nan")] * 50))
    assert "error in b: " in watching.until("error in")
    write(tmp_path / "a", curve("loss/train", [float("nan")] * 50, start=100), append=True)
    assert "error in a: " in watching.until("error in")
    status, left = watching.interrupt()
    assert status == 1
    assert not [line for line in left if "error in" in line]


def test_findings_come_as_lines_of_json_where_asked_for(tmp_path: Path, started: list[Watching]) -> None:
    write(tmp_path / "b", curve("loss/train", [2.3] * 50 + [float("nan")] * 50))
    watching = Watching(tmp_path, "--format", "json", "--fail-on", "never")
    started.append(watching)
    line = json.loads(watching.until('"finding"'))
    assert (line["run"], line["verdict"]["id"], line["finding"]["cause"]) == ("b", "non-finite", "non-finite-values")
    assert watching.interrupt()[0] == 0


@pytest.mark.parametrize("arguments", [["--output", "report.txt"], ["--format", "html"]])
def test_what_is_followed_is_printed(tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["diagnose", str(tmp_path), "--watch", *arguments]) == 2
    assert "--watch prints" in capsys.readouterr().err


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "1e9"])
def test_the_pace_is_a_time(tmp_path: Path, seconds: str) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main(["diagnose", str(tmp_path), "--watch", "--every", seconds])
    assert left.value.code == 2
