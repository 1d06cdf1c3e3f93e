from __future__ import annotations

import os
from pathlib import Path

import pytest
from eventfiles import curve, write
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer

from tb_lossdiag.reader.discover import THOROUGH, TURNS, Tree, discover, event_files


def make(directory: Path) -> Path:
    return write(directory, curve("loss", [1.0]))


def test_runs_are_named_as_tensorboard_names_them(tmp_path: Path) -> None:
    for run in (".", "a", "a/b", "with space/ü <b>", "deep/er/and/deeper"):
        make(tmp_path / run)
    (tmp_path / "empty").mkdir()
    multiplexer = EventMultiplexer().AddRunsFromDirectory(str(tmp_path))
    assert sorted(discover(tmp_path)) == sorted(multiplexer.Runs())
    assert discover(tmp_path)["a/b"] == tmp_path / "a" / "b"


def test_only_event_files_make_a_run(tmp_path: Path) -> None:
    write(tmp_path / "yes" / "my.tfevents.log", [])
    write(tmp_path / "empty" / "events.out.tfevents.1.profile-empty", [])
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "notes.txt").write_text("tfevents")
    (tmp_path / "directory" / "events.out.tfevents.1").mkdir(parents=True)
    assert list(discover(tmp_path)) == ["yes"]


def test_a_pipe_is_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "events.out.tfevents.1")
    assert discover(tmp_path) == {}


def test_files_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    for time in (300, 100, 200):
        write(tmp_path / f"events.out.tfevents.{time}.host", [])
    assert [path.name.split(".")[3] for path in event_files(tmp_path)] == ["100", "200", "300"]


def test_a_directory_that_vanished_meanwhile_has_no_files(tmp_path: Path) -> None:
    assert event_files(tmp_path / "gone") == []


def test_links_inside_are_followed_and_links_that_lead_out_only_when_asked(tmp_path: Path) -> None:
    make(tmp_path / "logs" / "a")
    make(tmp_path / "elsewhere" / "b")
    (tmp_path / "logs" / "again").symlink_to("a")
    (tmp_path / "logs" / "out").symlink_to("../elsewhere")
    assert list(discover(tmp_path / "logs")) == ["a", "again"]
    assert list(discover(tmp_path / "logs", follow_links=True)) == ["a", "again", "out/b"]


def test_circles_end_where_they_close(tmp_path: Path) -> None:
    make(tmp_path / "a")
    (tmp_path / "a" / "up").symlink_to("..")
    (tmp_path / "a" / "self").symlink_to(".")
    assert list(discover(tmp_path, follow_links=True)) == ["a"]


def test_the_log_directory_itself_may_be_a_link(tmp_path: Path) -> None:
    make(tmp_path / "real" / "a")
    (tmp_path / "logs").symlink_to("real")
    assert list(discover(tmp_path / "logs")) == ["a"]


def test_a_name_that_is_no_text_can_still_be_sent(tmp_path: Path) -> None:
    make(tmp_path / os.fsdecode(b"caf\xe9"))
    (name,) = discover(tmp_path)
    assert name.encode() == "caf\ufffd".encode()


def test_what_cannot_be_looked_into_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileNotFoundError, match=r"There is no directory .*: check the path, or start a training"):
        discover(tmp_path / "missing")
    with pytest.raises(FileNotFoundError, match="There is no directory"):
        discover("a\0b")
    with pytest.raises(NotADirectoryError, match="is not a directory: name the directory that holds"):
        discover(make(tmp_path))
    deny(monkeypatch, tmp_path / "closed")
    (tmp_path / "closed").mkdir()
    with pytest.raises(PermissionError, match="cannot be read: permission denied"):
        discover(tmp_path / "closed")


def test_a_closed_directory_below_hides_only_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "closed" / "a")
    make(tmp_path / "open")
    deny(monkeypatch, tmp_path / "closed")
    told: list[OSError] = []
    assert list(discover(tmp_path, on_error=told.append)) == ["open"]
    assert [Path(each.filename).name for each in told] == ["closed"]
    assert list(discover(tmp_path)) == ["open"]


def deny(monkeypatch: pytest.MonkeyPatch, closed: Path) -> None:
    """Close a directory, for the superuser too."""
    scandir = os.scandir

    def refuse(path: str | Path) -> object:
        if Path(path) == closed:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)


def test_event_files_that_are_links_out_are_followed_only_when_asked(tmp_path: Path) -> None:
    outside = make(tmp_path / "elsewhere")
    inside = make(tmp_path / "logs" / "a")
    (tmp_path / "logs" / "b").mkdir()
    (tmp_path / "logs" / "b" / inside.name).symlink_to(outside)
    (tmp_path / "logs" / "c").mkdir()
    (tmp_path / "logs" / "c" / inside.name).symlink_to(inside)
    assert list(discover(tmp_path / "logs")) == ["a", "c"]
    assert list(discover(tmp_path / "logs", follow_links=True)) == ["a", "b", "c"]


def test_a_tree_sees_runs_and_files_come_and_go(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    assert not tree.look()
    first = make(tmp_path / "a")
    assert tree.look()
    assert tree.runs == {"a": [first]}
    assert not tree.look()
    second = write(tmp_path / "a" / "events.out.tfevents.1800000000", [])
    third = make(tmp_path / "b" / "c")
    assert tree.look()
    assert tree.runs == {"a": [first, second], "b/c": [third]}
    first.unlink()
    third.unlink()
    assert tree.look()
    assert tree.runs == {"a": [second]}


def test_directories_that_did_not_change_are_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "a")
    for path in (tmp_path, tmp_path / "a"):
        os.utime(path, (1e9, 1e9))
    tree = Tree(tmp_path)
    tree.look()
    read: list[str] = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: (read.append(str(path)), scandir(path))[1])
    for _ in range(THOROUGH - 2):
        assert not tree.look()
    assert read == []
    tree.look()  # now and then all is read: not all file systems keep the time
    assert str(tmp_path / "a") in read


def test_a_directory_that_changes_within_a_tick_is_read_again(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    make(tmp_path / "a")
    tree.look()
    told = (tmp_path / "a").stat().st_mtime_ns
    second = write(tmp_path / "a" / "events.out.tfevents.1800000000", [])
    os.utime(tmp_path / "a", ns=(told, told))
    assert tree.look()
    assert second in tree.runs["a"]


def test_runs_that_lie_still_are_looked_at_in_turn_and_new_runs_are_seen_at_once(tmp_path: Path) -> None:
    for name in "abcd":
        make(tmp_path / name)
    for path in (tmp_path, *tmp_path.iterdir()):
        os.utime(path, (1e9, 1e9))
    tree = Tree(tmp_path)
    tree.look()
    second = write(tmp_path / "c" / "events.out.tfevents.1800000000", [])  # a training that was resumed
    assert any(tree.look() for _ in range(TURNS))
    assert second in tree.runs["c"]
    make(tmp_path / "e")
    assert tree.look()
    assert "e" in tree.runs


def test_a_look_at_many_runs_that_lie_still_asks_for_a_third_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(9):
        make(tmp_path / f"run{i}")
    for path in (tmp_path, *tmp_path.iterdir()):
        os.utime(path, (1e9, 1e9))
    tree = Tree(tmp_path)
    tree.look()
    asked: list[str] = []
    stat = os.stat
    monkeypatch.setattr(os, "stat", lambda path, **there: (asked.append(str(path)), stat(path, **there))[1])
    assert not tree.look()
    assert len(asked) == 1 + 9 // TURNS
    for _ in range(TURNS - 1):
        assert not tree.look()
    assert len(set(asked)) == 1 + 9
