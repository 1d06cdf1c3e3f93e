"""Paths that are asked for from a directory."""

import os
from pathlib import Path

import pytest

from tb_lossdiag.directory import TURNS, Directory
from tb_lossdiag.reader import from_there, near, within
from tests.reader.test_discover import make


@pytest.mark.parametrize("there", [True, False])
def test_the_same_file_is_meant_from_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    monkeypatch.setattr(near, "CAN", there and near.CAN)
    monkeypatch.chdir(tmp_path)
    for name in ("logs/a", "logs2/b", "c"):
        (tmp_path / name).mkdir(parents=True)
    for root in (str(tmp_path / "logs"), "logs", "./logs", ".", str(tmp_path)):
        for path in (root, f"{root}/a", str(tmp_path / "logs2" / "b"), str(tmp_path / "c")):
            if Path(path).exists():
                with within(root) as place:
                    assert os.stat(from_there(root, path), dir_fd=place).st_ino == Path(path).stat().st_ino


def test_a_directory_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    if near.CAN:
        with pytest.raises(FileNotFoundError), within(str(tmp_path / "none")):
            pass


def test_another_directory_under_the_name_of_one_that_was_read_is_noticed(tmp_path: Path) -> None:
    logs, moved = tmp_path / "logs", tmp_path / "moved"
    make(logs / "a")
    directory = Directory(str(logs), follow_links=False, remote=None)
    directory.look()
    for log in directory.logs.values():
        log.poll()
    assert directory.unchanged()
    logs.rename(moved)
    assert not directory.unchanged()
    make(logs / "a")
    assert not directory.unchanged()


def test_files_of_several_directories_are_followed(tmp_path: Path) -> None:
    for name in ("x/a", "xy/b"):
        make(tmp_path / name)
    directory = Directory({"": str(tmp_path / "x"), "more": str(tmp_path / "xy")}, follow_links=False, remote=None)
    directory.look()
    for log in directory.logs.values():
        log.poll()
    assert directory.unchanged()
    with next((tmp_path / "xy" / "b").iterdir()).open("ab") as file:
        file.write(b"more")
    assert not directory.unchanged()


def test_files_that_were_quiet_for_long_are_looked_at_in_turn_unless_all_are_asked_for(tmp_path: Path) -> None:
    for name in "abcdef":
        make(tmp_path / name)
    files = sorted(tmp_path.glob("*/*tfevents*"))
    for path in files:
        os.utime(path, (1e9, 1e9))
    directory = Directory(str(tmp_path), follow_links=False, remote=None)
    directory.look()

    def read() -> None:
        for log in directory.logs.values():
            log.poll()

    for path in files:
        read()
        assert all(directory.unchanged(thorough=False) for _ in range(TURNS))
        with path.open("ab") as file:
            file.write(b"more")
        assert not all(directory.unchanged(thorough=False) for _ in range(TURNS))
        os.utime(path, (1e9, 1e9))
        read()
        assert directory.unchanged()
        with path.open("ab") as file:
            file.write(b"more")
        assert not directory.unchanged()
        os.utime(path, (1e9, 1e9))


def test_a_look_asks_for_a_third_of_the_files_that_were_quiet_and_for_each_that_grows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(10):
        make(tmp_path / f"run{i}")
    for path in sorted(tmp_path.glob("*/*tfevents*"))[1:]:
        os.utime(path, (1e9, 1e9))
    directory = Directory(str(tmp_path), follow_links=False, remote=None)
    directory.look()
    for log in directory.logs.values():
        log.poll()
    asked: list[str] = []
    stat = os.stat
    monkeypatch.setattr(os, "stat", lambda path, **there: (asked.append(str(path)), stat(path, **there))[1])
    for _ in range(TURNS):
        assert directory.unchanged(thorough=False)
    assert len(asked) == TURNS + 9
    assert len(set(asked)) == 10
    asked.clear()
    assert directory.unchanged()
    assert len(asked) == 10
