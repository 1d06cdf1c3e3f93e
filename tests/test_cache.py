from __future__ import annotations

import os
import pickle
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from eventfiles import curve, write
from hypothesis import example, given
from hypothesis import strategies as st
from reports import finding, report

from tb_lossdiag import cache as module
from tb_lossdiag import wire
from tb_lossdiag.cache import FILE, OFF, VARIABLE, Cache, folder_of, key_of
from tb_lossdiag.report import Report, diagnose
from tb_lossdiag.series import Run, series

KEY = b"k" * 32


def real_report() -> Report:
    values = [3.0 * 0.9**i for i in range(30)]
    return diagnose(Run("x", {"loss/train": series(*values), "loss/val": series(*values)}))


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def test_what_was_kept_comes_back_the_same_after_a_restart(tmp_path: Path) -> None:
    reports = [real_report(), report("A", finding(severity="warning"))]
    first = Cache(tmp_path)
    first.put(KEY, reports)
    first.close()
    found = Cache(tmp_path).get(KEY)
    assert found is not None
    assert wire.dumps(found) == wire.dumps(reports)


def test_what_was_never_kept_is_not_there(cache: Cache) -> None:
    assert cache.get(KEY) is None
    assert cache.get(None) is None
    cache.put(None, [])


def test_without_a_folder_nothing_is_kept() -> None:
    off = Cache(None)
    off.put(KEY, [real_report()])
    assert off.get(KEY) is None
    off.close()


@pytest.mark.parametrize("damage", [b"", b"no database at all", b"SQLite format 3\0" + bytes(4096)])
def test_a_damaged_cache_is_begun_anew(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / FILE).write_bytes(damage)
    cache = Cache(tmp_path)
    cache.put(KEY, [real_report()])
    assert cache.get(KEY) is not None


@given(st.integers(0, 2**31), st.binary(min_size=1, max_size=200))
@example(4013, b"\x80")  # inside the name of a table, which then no message can hold
def test_damage_inside_costs_no_more_than_what_was_kept(place: int, damage: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        first = Cache(Path(folder))
        first.put(KEY, [report("A")])
        first.close()
        path = Path(folder) / FILE
        with path.open("r+b") as file:
            file.seek(place % path.stat().st_size)
            file.write(damage)
        cache = Cache(Path(folder))
        found = cache.get(KEY)
        assert found is None or all(isinstance(each, Report) for each in found)
        cache.close()
        assert any(_keeps(Cache(Path(folder))) for _ in range(3))  # each may come upon more of the damage


def _keeps(cache: Cache) -> bool:
    cache.put(KEY, [report("A")])
    kept = cache.get(KEY) is not None
    cache.close()
    return kept


class Evil:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (self.path,)


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps([np.load]),
        pickle.dumps([Cache]),
        pickle.dumps([wire.dumps]),
        pickle.dumps("no list"),
        pickle.dumps(["no report"]),
        b"no pickle",
    ],
)
def test_what_is_no_report_is_not_taken_for_one(tmp_path: Path, content: bytes) -> None:
    cache = Cache(tmp_path)
    cache._ask("INSERT INTO reports VALUES (?, 0, ?)", (KEY, content))
    assert cache.get(KEY) is None


def test_code_that_somebody_put_there_is_not_run(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache._ask("INSERT INTO reports VALUES (?, 0, ?)", (KEY, pickle.dumps([Evil(str(tmp_path / "made"))])))
    assert cache.get(KEY) is None
    assert not (tmp_path / "made").exists()


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    cache = Cache(tmp_path / "file")
    cache.put(KEY, [real_report()])
    assert cache.get(KEY) is None
    cache.close()


def test_what_was_not_used_for_longest_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter(range(100))
    monkeypatch.setattr(module.time, "time", lambda: float(next(times)))
    cache = Cache(tmp_path)
    keys = [bytes([i]) * 32 for i in range(4)]
    for key in keys:
        cache.put(key, [report("A")])
    one = len(pickle.dumps([report("A")], protocol=5))
    monkeypatch.setattr(module, "LARGEST", 2 * one)
    cache.get(keys[0])
    cache.close()
    again = Cache(tmp_path)
    assert [again.get(key) is not None for key in keys] == [True, False, False, True]


def test_two_processes_use_it_at_once(tmp_path: Path) -> None:
    one, other = Cache(tmp_path), Cache(tmp_path)
    one.put(KEY, [report("A")])
    assert other.get(KEY) is not None
    other.put(b"o" * 32, [report("B")])
    assert one.get(b"o" * 32) is not None


def test_another_writer_is_waited_for_and_then_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.01)
    cache = Cache(tmp_path)
    other = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    cache.put(KEY, [report("A")])
    other.execute("ROLLBACK")
    assert cache.get(KEY) is None
    cache.put(KEY, [report("A")])
    assert cache.get(KEY) is not None


def test_the_key_changes_with_all_that_a_report_depends_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, curve("loss/train", [3.0, 2.0]))
    files = {"x": [path]}
    key = key_of(files, {}, None)
    assert key == key_of(files, {}, None)
    different = {
        key_of({"y": [path]}, {}, None),
        key_of(files, {"train_loss": "a"}, None),
        key_of(files, {}, 1000),
        key_of({"x": [path, path]}, {}, None),
    }
    monkeypatch.setattr(module, "rules_version", lambda: "another")
    different.add(key_of(files, {}, None))
    monkeypatch.undo()
    write(tmp_path, curve("loss/train", [1.0], start=2), append=True)
    different.add(key_of(files, {}, None))
    assert len(different | {key}) == 7
    assert key_of({"x": [tmp_path / "nowhere"]}, {}, None) is None


def test_the_user_says_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert folder_of() == tmp_path
    assert folder_of("elsewhere") == Path("elsewhere")
    assert folder_of(OFF) is None
    monkeypatch.setenv(VARIABLE, "OFF")
    assert folder_of() is None
    monkeypatch.delenv(VARIABLE)
    pytest.importorskip("platformdirs")
    assert (folder_of() or Path()).name == "tb_lossdiag"


def test_the_rules_have_a_version() -> None:
    assert len(module.rules_version()) == 64
