"""Reports kept between starts, in one SQLite file of the user's own cache directory: what has not changed is not read again.

A report is found by what it was made of: each file's path, number, size and time, the roles that were chosen, and the rules
themselves; whatever differs is another report, so nothing here is ever out of date. A damaged cache is begun anew, and one
that cannot be used is done without. What is stored is unpickled with our own values and numpy's arrays only: nothing of it
can run code, wherever the user has put the cache.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import pickle
import sqlite3
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tb_lossdiag.report import Report

__all__ = ["OFF", "VARIABLE", "Cache", "folder_of", "key_of"]

logger = logging.getLogger(__name__)

VARIABLE = "LOSSDIAG_CACHE"  # a directory, or OFF
OFF = "off"
FILE = "reports.sqlite"
LARGEST = 256 << 20  # bytes of all reports together; beyond that, those go that were not used for longest
PATIENCE = 2.0  # seconds to wait for another process that writes
OWN = "tb_lossdiag."
ARRAYS = {
    (f"numpy.{core}.{module}", name)
    for core in ("core", "_core")
    for module, name in (("multiarray", "_reconstruct"), ("multiarray", "scalar"), ("numeric", "_frombuffer"))
} | {("numpy", "ndarray"), ("numpy", "dtype")}
FAILURES = (sqlite3.Error, UnicodeDecodeError)  # the latter where even the error's message is damaged
PASSING = {
    3,
    5,
    6,
    7,
    8,
    9,
    10,
    13,
    14,
}  # SQLite's codes: PERM, BUSY, LOCKED, NOMEM, READONLY, INTERRUPT, IOERR, FULL, CANTOPEN
TABLE = "CREATE TABLE IF NOT EXISTS reports (key BLOB PRIMARY KEY, used REAL NOT NULL, content BLOB NOT NULL)"


class Cache:
    """Reports by key. May be used from several threads and processes; without a folder it keeps nothing."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.Lock()
        self._used: set[bytes] = set()
        if folder is not None:
            self._open(folder)

    @property
    def works(self) -> bool:
        """Whether anything can be kept."""
        return self._connection is not None

    def get(self, key: bytes | None) -> list[Report] | None:
        """The reports that were kept under `key`, or None."""
        if key is None:
            return None
        row = self._ask("SELECT content FROM reports WHERE key = ?", (key,))
        if not row:
            return None
        try:
            found = _Reports(io.BytesIO(row[0][0])).load()
        except Exception:  # noqa: BLE001  (bytes that are no reports raise whatever they like)
            self._ask("DELETE FROM reports WHERE key = ?", (key,))
            return None
        if not (isinstance(found, list) and all(isinstance(each, Report) for each in found)):
            return None
        self._used.add(key)
        return found

    def put(self, key: bytes | None, reports: Sequence[Report]) -> None:
        """Keep `reports` under `key`."""
        if key is not None and self._connection is not None:
            content = pickle.dumps(list(reports), protocol=5)
            self._ask("INSERT OR REPLACE INTO reports VALUES (?, ?, ?)", (key, time.time(), content))

    def close(self) -> None:
        """Note what was used, and let go of what was not used for longest where there is too much."""
        now = time.time()
        used, self._used = self._used, set()
        if used and self._connection is not None:
            self._ask_many("UPDATE reports SET used = ? WHERE key = ?", [(now, key) for key in used])
        sizes = self._ask("SELECT key, length(content) FROM reports ORDER BY used DESC, key")
        total, gone = 0, []
        for key, size in sizes:
            total += size
            if total > LARGEST:
                gone.append((key,))
        if gone:
            self._ask_many("DELETE FROM reports WHERE key = ?", gone)
            self._ask("VACUUM")
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _open(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                self._connection = _connected(folder / FILE)
            except FAILURES as error:
                if not _is_damage(error):
                    raise
                _remove(folder / FILE)
                self._connection = _connected(folder / FILE)
        except (OSError, *FAILURES) as error:  # locked, read-only, full: not ours to mend
            logger.debug("no cache in %s: %s", folder, error)

    def _ask(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """The rows that answer, or none where the cache fails: it is done without then, and begun anew if it is damaged."""
        with self._lock:
            if self._connection is None:
                return []
            try:
                return self._connection.execute(sql, values).fetchall()
            except FAILURES as error:
                logger.debug("the cache in %s failed: %s", self._folder, error)
                if _is_damage(error):
                    self._begin_anew()
            return []

    def _ask_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        with self._lock:
            if self._connection is None:
                return
            try:
                self._connection.execute("BEGIN")
                self._connection.executemany(sql, rows)
                self._connection.execute("COMMIT")
            except FAILURES as error:
                logger.debug("the cache in %s failed: %s", self._folder, error)

    def _begin_anew(self) -> None:
        if self._connection is not None and self._folder is not None:
            self._connection.close()
            self._connection = None
            _remove(self._folder / FILE)
            self._open(self._folder)


def _connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")  # what power failures take is only read again
        connection.execute(TABLE)
    except FAILURES:
        connection.close()
        raise
    return connection


def _is_damage(error: Exception) -> bool:
    """Whether the file is no database or a damaged one, rather than locked, read-only or the disk full."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:  # Python 3.10
        return not isinstance(error, sqlite3.OperationalError)
    return (code & 0xFF) not in PASSING


def folder_of(choice: str | None = None) -> Path | None:
    """Where reports are kept: `choice`, else what the environment says, else the system's place for caches; None for `off`."""
    said = choice if choice is not None else os.environ.get(VARIABLE, "")
    if said.strip().lower() == OFF:
        return None
    if said:
        return Path(said).expanduser()
    try:
        from platformdirs import user_cache_path  # noqa: PLC0415  (only where it is needed: importing costs every start)
    except ModuleNotFoundError:
        return None
    return user_cache_path("tb_lossdiag", appauthor=False)


def key_of(runs: Mapping[str, Sequence[object]], roles: Mapping[str, str], points: int | None) -> bytes | None:
    """What reports depend on: run -> its event files as they are now, the chosen roles, and how long their curves may be.

    None where a file cannot be looked at, or is not of this machine: not every server says when it has changed.
    """
    try:
        files = [(name, [_identity(path) for path in paths]) for name, paths in runs.items()]
    except OSError:
        return None
    made_of = (rules_version(), files, sorted(roles.items()), points)
    return hashlib.sha256(repr(made_of).encode("utf-8", "surrogateescape")).digest()


@cache
def rules_version() -> str:
    """What changes with whatever could change a report: this package's code, numpy's version and Python's."""
    digest = hashlib.sha256(f"{np.__version__} {sys.version_info[:2]}".encode())
    root = Path(__file__).parent
    for path in sorted(root.rglob("*.py")):
        if path.parent.name != "writer":
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _identity(path: object) -> tuple[str, int, int, int, int]:
    if not isinstance(path, Path):
        raise FileNotFoundError(path)
    status = path.stat()
    return str(path.absolute()), status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


class _Reports(pickle.Unpickler):
    """Knows our own frozen values and numpy's arrays, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401
        """The class of that name. Raises UnpicklingError for all that could do more than hold values."""
        if (module, name) in ARRAYS:
            return super().find_class(module, name)
        if module.startswith(OWN):
            found = super().find_class(module, name)
            if isinstance(found, type) and is_dataclass(found) and found.__module__ == module:
                return found
        raise pickle.UnpicklingError(f"{module}.{name} is no part of a report")


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
