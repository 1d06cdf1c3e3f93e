"""Log directories on other machines (`s3://`, `gs://`, `hf://`, `http://`, ...), through fsspec: listed, and read in ranges.

What a look lists is all that is known of a file; of its content only the bytes that were not read yet are asked for.
"""

from __future__ import annotations

import errno
import os
import posixpath
import re
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any
from urllib.parse import unquote

from tb_lossdiag.reader.discover import is_event_file

__all__ = ["RemoteContent", "RemoteFile", "RemoteTree", "Status", "is_remote"]

SCHEME = re.compile(r"[a-zA-Z][0-9a-zA-Z.+]*://.*")
VERSION = (
    "ETag",
    "etag",
    "mtime",
    "LastModified",
    "last_modified",
    "updated",
    "modified",
    "md5Hash",
    "generation",
    "blob_id",
)
"""What file systems call that which changes with a file's content."""

File = dict[str, Any]


def is_remote(logdir: object) -> bool:
    """Whether this names a place that fsspec reads, rather than a directory of this machine."""
    return isinstance(logdir, str) and SCHEME.fullmatch(logdir) is not None


@dataclass(frozen=True, slots=True)
class Status:
    """What is known of a file, under the names that `os.stat` gives it; `st_mtime_ns` is any number that changes with the file."""

    st_size: int
    st_mtime_ns: int
    st_dev: int = 0
    st_ino: int = 0


@dataclass(slots=True, eq=False)
class RemoteFile:
    """An event file elsewhere, with as much of a `Path` as reading needs."""

    system: Any
    path: str
    about: File = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The last part of its path."""
        return unquote(posixpath.basename(self.path))

    @property
    def parent(self) -> str:
        """Where it lies."""
        return posixpath.dirname(self.path)

    def __str__(self) -> str:
        return self.path

    def stat(self) -> Status:
        """Its size and version, as of the last look. Raises OSError where they cannot be had."""
        if self.about.get("size") is None:  # a listing over HTTP has names only
            with _told(self.path):
                self.about = dict(self.system.info(self.path))
        size = self.about.get("size")
        if size is None:
            raise OSError(0, "the server does not say how long it is")
        version = repr([self.about.get(each) for each in VERSION])
        return Status(int(size), zlib.crc32(version.encode()))

    def open(self) -> RemoteContent:
        """Its content, read in ranges."""
        return RemoteContent(self, self.stat())


@dataclass(slots=True)
class RemoteContent:
    """An open remote file: nothing is fetched that is not read."""

    file: RemoteFile
    status: Status
    _place: int = 0

    def __enter__(self) -> RemoteContent:  # noqa: PYI034  (typing.Self is newer than Python 3.10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held open."""

    def seek(self, place: int) -> int:
        """Read from here next."""
        self._place = place
        return place

    def read(self, count: int) -> bytes:
        """So many bytes, or fewer at the end. Raises OSError where they cannot be had."""
        count = min(count, self.status.st_size - self._place)
        if count <= 0:
            return b""
        with _told(self.file.path):
            data: bytes = self.file.system.cat_file(self.file.path, start=self._place, end=self._place + count)
        if len(data) > count:  # a server without ranges sends all of it
            data = data[self._place : self._place + count]
        self._place += len(data)
        return data


@dataclass(slots=True)
class RemoteTree:
    """The runs of a log directory elsewhere, and the event files of each, by name, like `discover.Tree`."""

    logdir: str
    runs: Mapping[str, list[RemoteFile]] = field(default_factory=dict)
    closed: list[OSError] = field(default_factory=list)
    _files: dict[str, RemoteFile] = field(default_factory=dict)

    def look(self) -> bool:
        """List the files again; whether there are others. Raises OSError, with a sentence, where that cannot be done."""
        system, root = _system(self.logdir)
        try:
            system.invalidate_cache()
            listed = _listed(system, root)
        except Exception as error:  # each file system's library has its own
            raise OSError(f"{self.logdir} cannot be read: {error or type(error).__name__}.") from error
        before = self._files
        self._files = {}
        runs: dict[str, list[RemoteFile]] = {}
        top = root.rstrip("/")
        for path, about in sorted(listed.items()):
            if is_event_file(posixpath.basename(path)) and about.get("type") != "directory" and _inside(path, top):
                file = before.get(path) or RemoteFile(system, path)
                file.about = dict(about)
                self._files[path] = file
                name = unquote(posixpath.relpath(posixpath.dirname(path), top or "/"))
                runs.setdefault(name, []).append(file)
        if self._files.keys() == before.keys():
            return False
        self.runs = dict(sorted(runs.items()))
        return True


def _listed(system: Any, root: str) -> Mapping[str, File]:  # noqa: ANN401  (fsspec is untyped)
    """Every file below, with what the listing tells of it."""
    if not {"http", "https"}.intersection([system.protocol] if isinstance(system.protocol, str) else system.protocol):
        listed: Mapping[str, File] = system.find(root, detail=True)
        return listed
    found: dict[str, File] = {}  # `find` would take two links with the same last part for one
    ahead, seen = [root], {root}
    while ahead:
        for about in system.ls(ahead.pop(), detail=True):
            path = about["name"]
            if about["type"] != "directory":
                found[path] = about
            elif path not in seen and _inside(path.rstrip("/"), root.rstrip("/")):
                seen.add(path)
                ahead.append(path)
    return found


def _inside(path: str, top: str) -> bool:
    """Whether a path leads into a directory: a page may link to anywhere."""
    return path.startswith(top + "/") and not {".", ".."}.intersection(unquote(path.removeprefix(top)).split("/"))


def _system(logdir: str) -> tuple[Any, str]:
    """The file system of an address, and the path there. Raises OSError where what reads it is not installed."""
    scheme = logdir.partition("://")[0]
    try:
        import fsspec  # noqa: PLC0415  (only those who read elsewhere need it)
    except ImportError as error:
        raise OSError(f"Reading {scheme}:// needs fsspec: pip install 'tb_lossdiag[remote]'.") from error
    try:
        system, root = fsspec.core.url_to_fs(logdir)
    except ImportError as error:
        raise OSError(f"Reading {scheme}:// needs one more package: {error}.") from error
    except ValueError as error:
        raise OSError(f"{logdir} cannot be read: {error}.") from error
    return system, str(root)


@contextmanager
def _told(path: str) -> Iterator[None]:
    """Have whatever the file system's library raises be an OSError with a sentence."""
    try:
        yield
    except FileNotFoundError as error:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from error
    except OSError:
        raise
    except Exception as error:
        raise OSError(errno.EIO, f"{type(error).__name__}: {error}", path) from error
