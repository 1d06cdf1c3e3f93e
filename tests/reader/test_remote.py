"""Log directories elsewhere: fsspec's memory, and a web server of this machine that keeps books of what it sends."""

from __future__ import annotations

import http.server
import os
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from eventfiles import NAME, curve, frame, write

from tb_lossdiag import cli, diagnose
from tb_lossdiag.reader.log import Log
from tb_lossdiag.reader.remote import RemoteFile, RemoteTree, is_remote
from tb_lossdiag.reader.tail import Tail
from tb_lossdiag.store import Store

if os.environ.get("CI"):
    import fsspec
else:
    fsspec = pytest.importorskip("fsspec", reason="remote logs are read through fsspec: pip install 'fsspec[http]'")

FALLING = [3.0 * 0.9**i + 0.1 for i in range(60)]


def content(*values: float, start: int = 0) -> bytes:
    return b"".join(map(frame, curve("loss/train", list(values), start=start)))


@pytest.fixture
def memory() -> Iterator[Any]:
    system = fsspec.filesystem("memory")
    system.pipe(f"/logs/a/{NAME}", content(*FALLING))
    system.pipe(f"/logs/deep/b/{NAME}", content(*FALLING))
    system.pipe("/logs/a/notes.txt", b"tfevents")
    yield system
    system.rm("/", recursive=True)


def test_an_address_is_told_from_a_path() -> None:
    assert is_remote("s3://bucket/logs")
    assert not any(map(is_remote, ["logs", "/logs", "C:\\logs", "a:b", Path("logs")]))


def test_runs_elsewhere_are_named_as_here(memory: Any) -> None:
    tree = RemoteTree("memory://logs")
    assert tree.look()
    assert {name: [each.name for each in files] for name, files in tree.runs.items()} == {"a": [NAME], "deep/b": [NAME]}
    assert not tree.look()
    memory.pipe(f"/logs/{NAME}", content(1.0))
    assert tree.look()
    assert list(tree.runs) == [".", "a", "deep/b"]


def test_a_store_follows_them(memory: Any) -> None:
    store = Store("memory://logs")
    store.refresh()
    assert [each.run for each in store.entries()] == ["a", "deep/b"]
    assert not store.refresh()
    memory.pipe(f"/logs/a/{NAME}", content(*FALLING, *FALLING[-5:]))
    assert store.refresh()
    assert store.report("a").resolution.points == 65
    memory.pipe(f"/logs/a/{NAME}", content(9.0))
    assert store.refresh()
    assert store.report("a").resolution.points == 1
    memory.rm(f"/logs/a/{NAME}")
    assert store.refresh()
    assert [each.run for each in store.entries()] == ["deep/b"]


def test_python_and_the_command_line_take_addresses(memory: Any, capsys: pytest.CaptureFixture[str]) -> None:
    del memory
    assert [each.run for each in diagnose("memory://logs")] == ["a", "deep/b"]
    assert cli.main(["diagnose", "memory://logs", "--run", "deep"]) == 0
    assert "deep/b" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("memory://empty", "No event files below memory://empty"),
        ("nowhere://bucket", "nowhere://bucket cannot be read"),
        ("http://127.0.0.1:9/logs/", "127.0.0.1:9"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(address: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    if address.startswith("http"):
        needs_http()
    assert cli.main(["diagnose", address]) == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1


def test_a_file_that_vanishes_after_the_look_keeps_its_values_and_says_so(memory: Any) -> None:
    tree = RemoteTree("memory://logs")
    tree.look()
    log = Log("", "a")
    log.poll(tree.runs["a"])
    memory.pipe(f"/logs/a/{NAME}", content(*FALLING, 1.0))
    tree.look()
    memory.rm(f"/logs/a/{NAME}")
    assert log.poll(tree.runs["a"])
    run = log.run()
    assert len(run.series["loss/train"]) == 60
    assert run.warnings == [f"{NAME} cannot be read (No such file or directory)."]


class Counting(http.server.SimpleHTTPRequestHandler):
    """A web server with ranges, or without."""

    sent: list[int]
    ranges = True

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            super().do_GET()
            return
        data, asked = path.read_bytes(), self.headers.get("Range")
        if asked and self.ranges:
            first, last = (int(each) for each in asked.removeprefix("bytes=").split("-"))
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
            data = data[first : last + 1]
        else:
            self.send_response(200)
        self.sent.append(len(data))
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Be quiet."""


def needs_http() -> None:
    if not os.environ.get("CI"):
        pytest.importorskip("aiohttp", reason="reading over HTTP needs aiohttp: pip install 'fsspec[http]'")


@pytest.fixture(params=[True, False], ids=["with ranges", "without ranges"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, list[int], bool]]:
    needs_http()
    sent: list[int] = []
    handler = type("Handler", (Counting,), {"sent": sent, "ranges": request.param})
    serving = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(tmp_path)))
    thread = threading.Thread(target=serving.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{serving.server_port}", sent, request.param
    serving.shutdown()
    serving.server_close()
    thread.join()


def test_over_http_only_what_is_new_is_fetched(tmp_path: Path, server: tuple[str, list[int], bool]) -> None:
    address, sent, ranges = server
    path = write(tmp_path / "logs" / "run one", curve("loss/train", FALLING * 40))
    store = Store(f"{address}/logs/")
    store.refresh()
    assert store.message == ""
    assert [each.run for each in store.entries()] == ["run one"]
    assert store.report("run one").resolution.points == 2400
    sent.clear()
    assert not store.refresh()
    assert sent == []
    write(path, curve("loss/train", [0.5] * 30, start=2400), append=True)
    assert store.refresh()
    assert store.report("run one").resolution.points == 2430
    assert not ranges or sum(sent) < 2000


def test_links_to_elsewhere_are_not_followed(tmp_path: Path, server: tuple[str, list[int], bool]) -> None:
    address, _, _ = server
    write(tmp_path / "logs", curve("loss/train", FALLING))
    write(tmp_path / "secret", curve("loss/train", FALLING))
    (tmp_path / "logs" / "index.html").write_text(
        f'<a href="{NAME}">here</a> <a href="/secret/{NAME}">there</a> <a href="../secret/{NAME}">up</a>'
    )
    tree = RemoteTree(f"{address}/logs/")
    tree.look()
    assert list(tree.runs) == ["."]


def test_a_server_that_tells_no_length_is_a_problem_of_that_file() -> None:
    class System:
        def info(self, _: str) -> dict[str, object]:
            return {"size": None}

    tail = Tail(RemoteFile(System(), "x/events.out.tfevents.1"))
    assert tail.poll()
    assert tail.warnings() == ["events.out.tfevents.1 cannot be read (the server does not say how long it is)."]


def test_whatever_a_library_raises_is_a_problem_of_that_file() -> None:
    class System:
        def cat_file(self, _: str, start: int, end: int) -> bytes:
            raise RuntimeError(f"throttled at {start} to {end}")

    tail = Tail(RemoteFile(System(), "x/events.out.tfevents.1", {"size": 100}))
    assert tail.poll()
    assert tail.warnings() == ["events.out.tfevents.1 cannot be read (RuntimeError: throttled at 0 to 64)."]
