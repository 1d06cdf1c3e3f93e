from __future__ import annotations

import logging
import math
import os
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from eventfiles import NAME, curve, scalar, write
from tensorboard.backend.event_processing.data_ingester import _parse_event_files_spec

from tb_lossdiag import store as module
from tb_lossdiag.cache import Cache
from tb_lossdiag.directory import parse_logdir_spec
from tb_lossdiag.reader import Log, Tree
from tb_lossdiag.report import Report, diagnose
from tb_lossdiag.series import Run, series
from tb_lossdiag.store import Store

FALLING = [3.0 * 0.9**i for i in range(30)]


def names(store: Store) -> list[str]:
    return [entry.run for entry in store.entries()]


def until(condition: Callable[[], bool]) -> None:
    """Wait for a background thread; the time is a limit, not an expectation."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_runs_are_read_and_diagnosed(tmp_path: Path) -> None:
    write(tmp_path / "b", curve("loss/train", FALLING))
    write(tmp_path / "a", curve("train_loss", FALLING))
    store = Store(str(tmp_path))
    assert store.loading
    assert store.refresh()
    assert not store.loading
    assert names(store) == ["a", "b"]
    entry = store.entry("a")
    assert entry.status == "ready"
    assert entry.verdict == store.report("a").verdict
    assert entry.spark[0] == pytest.approx(3.0)
    assert store.message == ""
    assert store.logdir == str(tmp_path)


def test_only_what_changed_is_diagnosed_again(tmp_path: Path) -> None:
    path = write(tmp_path / "a", curve("loss/train", FALLING))
    write(tmp_path / "b", curve("loss/train", FALLING))
    store = Store(str(tmp_path))
    store.refresh()
    before = {entry.run: entry.revision for entry in store.entries()}
    assert not store.refresh()
    assert {entry.run: entry.revision for entry in store.entries()} == before
    write(path, curve("loss/train", [0.1], start=30), append=True)
    assert store.refresh()
    assert store.entry("a").revision > before["a"]
    assert store.entry("b").revision == before["b"]
    assert store.report("a").resolution.points == 31


def test_runs_come_and_go(tmp_path: Path) -> None:
    path = write(tmp_path / "a", curve("loss/train", FALLING))
    store = Store(str(tmp_path))
    store.refresh()
    write(tmp_path / "b", curve("loss/train", FALLING))
    path.unlink()
    assert store.refresh()
    assert names(store) == ["b"]
    with pytest.raises(KeyError):
        store.report("a")
    with pytest.raises(KeyError):
        store.entry("a")
    (tmp_path / "b" / NAME).unlink()
    assert store.refresh()
    assert names(store) == []
    assert "No event files below" in store.message


def test_a_validation_run_is_part_of_its_training(tmp_path: Path) -> None:
    write(tmp_path / "train", curve("epoch_loss", FALLING))
    store = Store(str(tmp_path))
    store.refresh()
    validation = write(tmp_path / "validation", curve("epoch_loss", FALLING))
    assert store.refresh()
    assert names(store) == ["train"]
    assert store.report("train").sources["loss/val"] == "epoch_loss of the run validation"
    before = store.entry("train").revision
    write(validation, curve("epoch_loss", [0.1], start=30), append=True)
    assert store.refresh()
    assert store.entry("train").revision > before
    (tmp_path / "train" / NAME).unlink()
    assert store.refresh()
    assert names(store) == ["validation"]


def test_runs_whose_names_alone_belong_together_stay_two(tmp_path: Path) -> None:
    for run in ("train", "test"):
        write(tmp_path / run, [*curve("loss/train", FALLING), *curve("loss/val", FALLING)])
    store = Store(str(tmp_path))
    store.refresh()
    assert names(store) == ["test", "train"]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path / "missing", "There is no directory .*missing: check the path"),
        (lambda path: write(path / "x", []), "is not a directory: name the directory"),
        (lambda path: path, "No event files below .* Log with DiagWriter or any SummaryWriter"),
        (lambda _: "nowhere://bucket/logs", "nowhere://bucket/logs cannot be read|needs fsspec"),
        (lambda _: "", "No log directory was given: start TensorBoard with --logdir"),
        (lambda _: {}, "No log directory was given"),
    ],
)
def test_a_log_directory_that_holds_nothing_says_what_to_do(
    tmp_path: Path, make: Callable[[Path], Any], said: str
) -> None:
    logdir = make(tmp_path)
    store = Store(logdir if isinstance(logdir, dict) else str(logdir))
    store.refresh()
    assert store.entries() == []
    assert not store.loading
    assert re.search(said, store.message)


def test_a_directory_that_appears_later_is_found(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "later"))
    store.refresh()
    assert "There is no directory" in store.message
    write(tmp_path / "later", curve("loss/train", FALLING))
    assert store.refresh()
    assert (names(store), store.message) == (["."], "")


def test_one_missing_root_does_not_hide_the_others(tmp_path: Path) -> None:
    write(tmp_path / "a" / "deep", curve("loss/train", FALLING))
    write(tmp_path / "a", curve("loss/train", FALLING))
    store = Store({"first": str(tmp_path / "a"), "second": str(tmp_path / "b")})
    store.refresh()
    assert names(store) == ["first/.", "first/deep"]
    assert "There is no directory" in store.message


def test_a_closed_directory_below_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a", curve("loss/train", FALLING))

    look = Tree.look

    def closed(tree: Tree) -> bool:
        changed = look(tree)
        tree.closed = [PermissionError(13, "Permission denied", str(tmp_path / "closed"))]
        return changed

    monkeypatch.setattr(Tree, "look", closed)
    store = Store(str(tmp_path))
    store.refresh()
    assert names(store) == ["a"]
    assert store.message == "1 directory below could not be read and was left out (closed: Permission denied)."


@pytest.mark.parametrize("content", [b"", b"not an event file, but long enough to look into" * 3, bytes(100)])
def test_a_file_without_events_is_a_run_without_a_diagnosis_that_could_be_wrong(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    store = Store(str(tmp_path))
    store.refresh()
    (entry,) = store.entries()
    assert entry.status == "ready"
    assert entry.root is None
    assert list(entry.spark) == []


def test_values_that_are_no_numbers_stay_in_the_spark(tmp_path: Path) -> None:
    write(tmp_path, curve("loss/train", [*FALLING, math.nan, math.inf]))
    store = Store(str(tmp_path))
    store.refresh()
    spark = store.entry(".").spark
    assert any(math.isnan(each) for each in spark)


def test_a_long_curve_makes_a_short_spark(tmp_path: Path) -> None:
    write(tmp_path, curve("loss/train", [float(i % 7) for i in range(2000)]))
    store = Store(str(tmp_path))
    store.refresh()
    assert 10 <= len(store.entry(".").spark) <= 60


def test_a_run_that_cannot_be_diagnosed_fails_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for run in ("good", "sick"):
        write(tmp_path / run, curve("loss/train", FALLING))
    sick = True

    def fail(run: Run) -> Report:
        if run.name == "sick" and sick:
            raise ZeroDivisionError("in a rule")
        return diagnose(run)

    monkeypatch.setattr(module, "diagnose", fail)
    store = Store(str(tmp_path))
    with caplog.at_level(logging.ERROR):
        store.refresh()
    assert [entry.status for entry in store.entries()] == ["ready", "failed"]
    assert "could not be diagnosed" in store.entry("sick").message
    assert str(tmp_path) not in store.entry("sick").message
    assert "ZeroDivisionError: in a rule" in caplog.text
    with pytest.raises(KeyError):
        store.report("sick")
    sick = False
    write(tmp_path / "sick", curve("loss/train", [0.1], start=30), append=True)
    assert store.refresh()
    assert store.entry("sick").status == "ready"


def test_a_run_that_cannot_be_read_fails_alone_is_told_once_and_recovers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for run in ("good", "sick"):
        write(tmp_path / run, curve("loss/train", FALLING))
    store = Store(str(tmp_path))
    run_of = Log.run

    def fail(log: Log) -> Run:
        if log._name == "sick":
            raise MemoryError("too much")
        return run_of(log)

    with monkeypatch.context() as patch:
        patch.setattr(Log, "run", fail)
        with caplog.at_level(logging.ERROR):
            assert store.refresh()
            assert not store.refresh()
    assert [entry.status for entry in store.entries()] == ["ready", "failed"]
    assert caplog.text.count("MemoryError: too much") == 1
    assert store.refresh()
    assert [entry.status for entry in store.entries()] == ["ready", "ready"]


def test_runs_show_as_soon_as_they_are_ready_and_as_reading_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for run in ("a", "b", "c"):
        write(tmp_path / run, curve("loss/train", FALLING))
    store = Store(str(tmp_path))
    seen: dict[str, list[str]] = {}

    def look(run: Run) -> Report:
        seen[run.name] = [entry.status for entry in store.entries()]  # would hang if a lock were held
        assert store.loading
        return diagnose(run)

    monkeypatch.setattr(module, "diagnose", look)
    steps: list[tuple[int, int, str]] = []
    store.refresh(lambda done, total, run: steps.append((done, total, run)))
    assert seen == {
        "a": ["reading", "reading", "reading"],
        "b": ["ready", "reading", "reading"],
        "c": ["ready", "ready", "reading"],
    }
    assert steps == [(0, 3, "a"), (1, 3, "b"), (2, 3, "c"), (3, 3, "")]


def test_nobody_waits_for_a_slow_diagnosis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, curve("loss/train", FALLING))
    begun, finish = threading.Event(), threading.Event()

    def slow(run: Run) -> Report:
        begun.set()
        assert finish.wait(60)
        return diagnose(run)

    monkeypatch.setattr(module, "diagnose", slow)
    store = Store(str(tmp_path))
    store.start(interval=3600)
    assert begun.wait(60)
    assert [entry.status for entry in store.entries()] == ["reading"]
    assert store.message == ""
    assert store.loading
    finish.set()
    until(lambda: not store.loading)
    assert store.entry(".").status == "ready"
    store.stop()


def test_the_background_thread_follows_when_woken_and_ends_when_stopped(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    store.start(interval=3600)
    store.start(interval=3600)
    until(lambda: not store.loading)
    assert sum(thread.name == "lossdiag-store" for thread in threading.enumerate()) == 1
    write(tmp_path / "a", curve("loss/train", FALLING))
    store.wake()
    until(lambda: bool(store.entries()) and store.entries()[0].status == "ready")
    store.stop()
    store.stop()
    assert all(thread.name != "lossdiag-store" for thread in threading.enumerate())
    write(tmp_path / "b", curve("loss/train", FALLING))
    store.start(interval=0.01)
    until(lambda: names(store) == ["a", "b"])
    store.stop()


def test_stopping_does_not_wait_for_all_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(20):
        write(tmp_path / f"{i:02}", curve("loss/train", FALLING[:3]))
    store = Store(str(tmp_path))
    diagnosed: list[str] = []

    def look(run: Run) -> Report:
        diagnosed.append(run.name)
        store._stopped.set()
        return diagnose(run)

    monkeypatch.setattr(module, "diagnose", look)
    store.start()
    until(lambda: bool(diagnosed))
    store.stop()
    assert diagnosed == ["00"]
    assert store.loading


def test_a_failure_of_the_whole_does_not_end_the_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, curve("loss/train", FALLING))
    failed = threading.Event()
    look = Tree.look

    def fail_once(tree: Tree) -> bool:
        if not failed.is_set():
            failed.set()
            raise RuntimeError("once")
        return look(tree)

    monkeypatch.setattr(Tree, "look", fail_once)
    store = Store(str(tmp_path))
    store.start(interval=0.01)
    until(lambda: not store.loading)
    store.stop()
    assert "RuntimeError: once" in caplog.text
    assert names(store) == ["."]


def test_readers_and_a_writer_at_once_see_whole_values(tmp_path: Path) -> None:
    path = write(tmp_path, curve("loss/train", FALLING))
    store = Store(str(tmp_path))
    store.refresh()
    problems: list[BaseException] = []
    done = threading.Event()

    def ask() -> None:
        last = 0
        try:
            while not done.is_set():
                entry = store.entry(".")
                assert entry.revision >= last
                assert store.report(".").run == "."
                last = entry.revision
        except BaseException as error:  # noqa: BLE001  (told by the main thread)
            problems.append(error)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for i in range(5):
        write(path, curve("loss/train", [1.0], start=100 + i), append=True)
        store.refresh()
    done.set()
    for thread in threads:
        thread.join()
    assert problems == []


def test_runs_may_come_from_elsewhere(tmp_path: Path) -> None:
    runs = [Run("a", {"loss/train": series(*FALLING)}, sampled=True)]
    store = Store(str(tmp_path), remote=lambda: runs)
    assert store.refresh()
    assert store.report("a").resolution.sampled
    assert not store.refresh()
    runs.append(Run("b", {"loss/train": series(*FALLING)}))
    assert store.refresh()
    assert names(store) == ["a", "b"]
    runs.clear()
    assert store.refresh()
    assert names(store) == []
    assert "No event files" in store.message


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("", {}),
        ("a:/x,b:/y", {"a": "/x", "b": "/y"}),
        ("/x", {"": "/x"}),
        ("/x:y", {"": "/x:y"}),
        ("/x,/y", {"": "/x", "/y": "/y"}),
        ("a:/x,a:/y", {"a": "/x", "/y": "/y"}),
        ("a:/x:y", {"a": "/x:y"}),
        ("gs://bucket/x", {"": "gs://bucket/x"}),
        ("a:gs://bucket/x,", {"a": "gs://bucket/x"}),
    ],
)
def test_a_specification_of_several_directories_is_taken_apart(spec: str, expected: dict[str, str]) -> None:
    found = parse_logdir_spec(spec)
    assert found == expected
    if spec and not spec.endswith(","):
        assert set(found.values()) == set(_parse_event_files_spec(spec))


def test_a_specification_may_be_relative_or_start_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    spec = "a:logs,b:~/logs"
    assert parse_logdir_spec(spec) == {name: path for path, name in _parse_event_files_spec(spec).items()}


def test_the_user_says_which_tag_is_what(tmp_path: Path) -> None:
    rising = [0.1 * 1.1**i for i in range(30)]
    write(tmp_path / "a", [*curve("loss/train", FALLING), *curve("mine", rising)])
    store = Store(str(tmp_path))
    store.refresh()
    assert store.report("a").verdict.id == "learning"
    assert store.report_with("a", {"train_loss": "mine"}).verdict.id == "diverging"
    assert store.report_with("a", {}).verdict.id == "learning"
    with pytest.raises(KeyError):
        store.report_with("b", {"train_loss": "mine"})
    chosen = Store(str(tmp_path), roles={"train_loss": "mine"})
    chosen.refresh()
    assert chosen.report("a").sources["loss/train"] == "mine"
    assert chosen.report("a").tags == ["loss/train", "mine"]


def test_values_beyond_the_memory_are_let_go_of_and_read_again_when_wanted(tmp_path: Path) -> None:
    paths = {name: write(tmp_path / name, curve("loss/train", FALLING * 200)) for name in "abc"}
    store = Store(str(tmp_path), memory=1)
    store.refresh()
    assert names(store) == ["a", "b", "c"]
    assert store._forgotten == {"a", "b"}  # what was read last is kept, however little room there is
    before = {each.run: each for each in store.entries()}
    assert store.report("a").resolution.points == 6000
    assert store.refresh()  # it was asked for
    assert store._forgotten == {"b", "c"}
    assert not store.refresh()
    write(paths["a"], curve("loss/train", [0.1] * 100, start=6000), append=True)
    assert store.refresh()
    assert store.report("a").resolution.points == 6100
    assert "a" not in store._forgotten
    assert store.entry("b") == before["b"]


def test_what_was_asked_for_or_grew_last_is_kept(tmp_path: Path) -> None:
    paths = {name: write(tmp_path / name, curve("loss/train", FALLING * 200)) for name in "abc"}
    store = Store(str(tmp_path), memory=600_000)
    store.refresh()
    assert store._forgotten == {"a"}
    store.report("b")
    write(paths["a"], curve("loss/train", [0.1] * 100, start=6000), append=True)
    store.refresh()
    assert store._forgotten == {"c"}
    assert sum(store._held.values()) <= 600_000


def test_a_run_that_is_forgotten_keeps_the_odd_points_of_its_curve(tmp_path: Path) -> None:
    values = [1.0] * 30_000
    values[12_345], values[20_001] = math.nan, 50.0
    write(tmp_path / "a", curve("loss/train", values))
    write(tmp_path / "b", curve("loss/train", FALLING))
    store = Store(str(tmp_path), memory=1)
    store.refresh()
    losses = store.report("a").losses
    assert losses is not None
    kept = losses.lines[0].series
    assert len(kept) <= 4000
    assert math.isnan(kept.values[kept.steps == 12_345].item())
    assert kept.values[kept.steps == 20_001].item() == 50.0


def test_a_family_of_which_one_grows_is_read_again_as_a_whole(tmp_path: Path) -> None:
    write(tmp_path / "x" / "train", curve("epoch_loss", FALLING))
    validation = write(tmp_path / "x" / "validation", curve("epoch_loss", FALLING))
    write(tmp_path / "y", curve("loss/train", FALLING))
    store = Store(str(tmp_path), memory=1)
    store.refresh()
    assert store._forgotten == {"x/train", "x/validation"}
    write(validation, curve("epoch_loss", [0.5] * 10, start=30), append=True)
    assert store.refresh()
    report = store.report("x/train")
    assert report.losses is not None
    assert [len(each.series) for each in report.losses.lines] == [30, 40]


def test_in_the_background_runs_that_grew_by_little_wait_and_one_that_is_asked_for_comes_first(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{i}", curve("loss/train", FALLING * 20)) for i in range(5)]
    store = Store(str(tmp_path))
    store.refresh(budget=0.0)
    before = {each.run: each.revision for each in store.entries()}
    for path in paths:
        write(path, curve("loss/train", [0.1], start=600), append=True)
    store.report("3")
    assert store.refresh(budget=0.0)
    assert renewed(store, before) == {"3", "0"}  # and one more: nobody waits for ever
    assert store.refresh(budget=0.0)
    assert renewed(store, before) == {"3", "0", "1"}
    write(paths[4], curve("loss/train", [0.1] * 70, start=601), append=True)
    store.refresh(budget=0.0)
    assert renewed(store, before) == {"3", "0", "1", "2", "4"}
    assert store.report("4").resolution.points == 671
    assert not store.refresh(budget=0.0)


@pytest.mark.parametrize("news", ["not a number", "far away", "another tag", "damage"])
def test_a_run_that_grew_by_little_of_another_kind_does_not_wait(tmp_path: Path, news: str) -> None:
    paths = [write(tmp_path / f"{i}", curve("loss/train", FALLING * 20)) for i in range(9)]
    store = Store(str(tmp_path))
    store.refresh(budget=0.0)
    for path in paths[:-1]:
        write(path, curve("loss/train", [0.1], start=600), append=True)
    if news == "damage":
        with paths[-1].open("ab") as file:
            file.write(b"garbage" * 20)
    tag = "loss/val" if news == "another tag" else "loss/train"
    value = {"not a number": math.nan, "far away": 40.0}.get(news, 0.1)
    write(paths[-1], [scalar(tag, 600, value)], append=True)
    store.refresh(budget=0.0)
    report = store.report("8")
    assert report.losses is not None
    seen = {
        "far away": report.losses.lines[0].series.values[-1] == 40.0,
        "not a number": report.verdict.id == "non-finite",
        "another tag": report.tags == ["loss/train", "loss/val"],
        "damage": len(report.warnings) == 1,
    }
    assert [name for name, known in seen.items() if known] == [news]
    assert sum(store.report(f"{i}").resolution.points == 600 for i in range(8)) == 7  # one of the others had its turn


def test_a_run_whose_report_waits_is_live_all_the_same(tmp_path: Path) -> None:
    paths = [write(tmp_path / name, curve("loss/train", FALLING * 20, wall=1.7e9)) for name in "ab"]
    store = Store(str(tmp_path))
    store.refresh()
    for path in paths:
        write(path, [scalar("loss/train", 600, 0.1, 1.8e9)], append=True)
    store.refresh(budget=0.0)
    assert [each.updated for each in store.entries()] == [1.8e9, 1.8e9]
    assert {store.report(name).resolution.points for name in "ab"} == {600, 601}  # one was diagnosed, the other waits


def renewed(store: Store, before: dict[str, int]) -> set[str]:
    return {each.run for each in store.entries() if each.revision > before[each.run]}


def test_a_look_at_files_that_did_not_change_opens_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(3):
        write(tmp_path / f"{i}", curve("loss/train", FALLING))
        os.utime(tmp_path / f"{i}", (1e9, 1e9))
    os.utime(tmp_path, (1e9, 1e9))
    store = Store(str(tmp_path))
    store.refresh()
    opened: list[object] = []
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", lambda *arguments: opened.append(arguments))
        patch.setattr(os, "scandir", lambda *arguments: opened.append(arguments))
        assert not store.refresh()
    assert opened == []


def test_a_file_that_came_later_is_followed_when_all_was_quiet_before_and_after(tmp_path: Path) -> None:
    write(tmp_path / "a", curve("loss/train", FALLING[:10]))
    store = Store(str(tmp_path))
    store.refresh()
    assert not store.refresh()
    second = write(tmp_path / "a" / "events.out.tfevents.1800000000", curve("loss/train", FALLING[10:20], start=10))
    assert store.refresh()
    assert not store.refresh()
    write(second, curve("loss/train", FALLING[20:], start=20), append=True)
    assert store.refresh()
    losses = store.report("a").losses
    assert losses is not None
    assert losses.lines[0].series.steps[-1] == len(FALLING) - 1


def test_hundreds_of_requests_during_a_read_are_answered_rightly(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{i}", curve("loss/train", FALLING * 5)) for i in range(10)]
    store = Store(str(tmp_path), memory=10_000)
    store.refresh()
    problems: list[BaseException] = []
    done = threading.Event()

    def ask(name: str) -> None:
        points = 0
        try:
            while not done.is_set():
                report = store.report(name)
                assert report.run == name
                assert report.resolution.points >= points
                points = report.resolution.points
                assert len(store.entries()) == 10
        except BaseException as error:  # noqa: BLE001  (told by the main thread)
            problems.append(error)

    threads = [threading.Thread(target=ask, args=(f"{i % 10}",)) for i in range(200)]
    for thread in threads:
        thread.start()
    for turn in range(3):
        for path in paths:
            write(path, curve("loss/train", [1.0] * 10, start=1000 + 10 * turn), append=True)
        store.refresh(budget=0.0)
    done.set()
    for thread in threads:
        thread.join()
    assert problems == []
    store.refresh()
    assert {each.resolution.points for each in map(store.report, names(store))} == {180}


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the runs whose values were put together, as that happens."""
    found: list[str] = []
    honest = Log.run

    def run(log: Log) -> Run:
        found.append(log._name)
        return honest(log)

    monkeypatch.setattr(Log, "run", run)
    return found


def test_what_was_kept_is_shown_at_the_next_start_and_read_when_asked_for(tmp_path: Path, read: list[str]) -> None:
    logs = tmp_path / "logs"
    for name in ("a", "b", "x/train", "x/validation"):
        write(logs / name, curve("epoch_loss", FALLING))
    first = Store(str(logs), cache=Cache(tmp_path / "cache"))
    first.refresh()
    first.stop()
    assert read == ["a", "b", "x/train", "x/validation"]
    read.clear()
    store = Store(str(logs), cache=Cache(tmp_path / "cache"))
    assert store.refresh()
    assert not store.refresh()
    assert names(store) == ["a", "b", "x/train"]
    assert store.report("x/train").sources["loss/val"] == "epoch_loss of the run x/validation"
    assert read == []
    store.refresh()
    assert read == ["x/train", "x/validation"]
    assert len(store.report("x/train").losses.lines[0].series) == 30  # type: ignore[union-attr]
    before = {entry.run: entry.revision for entry in store.entries()}
    write(logs / "b", curve("epoch_loss", [math.nan] * 30, start=30), append=True)
    assert store.refresh()
    assert store.report("b").verdict.id == "non-finite"
    assert store.entry("a").revision == before["a"]
    assert store.report_with("a", {"train_loss": ""}).losses is None
    third = Store(str(logs), cache=Cache(tmp_path / "cache"))
    read.clear()
    third.refresh()
    assert read == ["b"]
    assert third.report("b").verdict.id == "non-finite"


def test_a_run_that_grows_between_two_looks_at_the_cache_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs, cache = tmp_path / "logs", Cache(tmp_path / "cache")
    write(logs / "a", curve("loss/train", FALLING))
    Store(str(logs), cache=cache).refresh()
    honest = Cache.get

    def grows(cache: Cache, key: bytes | None) -> list[Report] | None:
        found = honest(cache, key)
        write(logs / "a", curve("loss/train", [math.nan] * 30, start=30), append=True)
        return found

    monkeypatch.setattr(Cache, "get", grows)
    store = Store(str(logs), cache=cache)
    store.refresh()
    assert store.report("a").verdict.id == "non-finite"


def test_the_command_line_and_the_tab_share_what_is_kept(tmp_path: Path, read: list[str]) -> None:
    from tb_lossdiag.batch import diagnosed, families_of
    from tb_lossdiag.wire import POINTS

    write(tmp_path / "logs/a", curve("loss/train", FALLING))
    cache = Cache(tmp_path / "cache")
    list(diagnosed(families_of(tmp_path / "logs"), points=POINTS, cache=cache))
    read.clear()
    store = Store(str(tmp_path / "logs"), cache=cache)
    store.refresh()
    assert names(store) == ["a"]
    assert read == []
