"""Keeps every run of a log directory read and diagnosed, incrementally; shared by TensorBoard's tab and the command line.

`refresh` reads what was appended and diagnoses again what changed. It may run in the background (`start`): the lock is
held only to exchange finished values, so whoever asks never waits for reading or diagnosing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tb_lossdiag import wire
from tb_lossdiag.reader import Log, discover, partners
from tb_lossdiag.report import Report, diagnose

__all__ = ["Store", "parse_logdir_spec"]

logger = logging.getLogger(__name__)

Progress = Callable[[int, int, str], None]
NOTHING = "No event files below {}. Log with DiagWriter or any SummaryWriter; new runs appear here by themselves."


@dataclass(frozen=True, slots=True)
class _State:
    """What is known of a run: its entry in the list, and its report once it could be diagnosed."""

    entry: wire.RunEntry
    report: Report | None = None


class Store:
    """The runs of one log directory, or of several with a name each (as `--logdir_spec` gives them)."""

    def __init__(self, logdir: str | Mapping[str, str]) -> None:
        self._roots = {"": logdir} if isinstance(logdir, str) else dict(logdir)
        self._logs: dict[str, Log] = {}
        self._states: dict[str, _State] = {}
        self._message = ""
        self._refreshed = False
        self._lock = threading.Lock()
        self._refreshing = threading.Lock()
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def loading(self) -> bool:
        """Whether the first reading of the directory is not finished yet."""
        return not self._refreshed

    @property
    def message(self) -> str:
        """What the user should know about the directory as a whole, or ""."""
        with self._lock:
            return self._message

    @property
    def logdir(self) -> str:
        """The directory (or directories) as the user named them."""
        return ", ".join(self._roots.values())

    def entries(self) -> list[wire.RunEntry]:
        """Every run as the list of runs shows it, by name."""
        with self._lock:
            return [self._states[name].entry for name in sorted(self._states)]

    def entry(self, name: str) -> wire.RunEntry:
        """One run as the list shows it. Raises KeyError for an unknown one."""
        with self._lock:
            return self._states[name].entry

    def report(self, name: str) -> Report:
        """A run's report. Raises KeyError for a run that is unknown, or could not be diagnosed (yet)."""
        with self._lock:
            report = self._states[name].report
        if report is None:
            raise KeyError(name)
        return report

    def refresh(self, progress: Progress | None = None) -> bool:
        """Read what was appended and diagnose what changed; whether anything did. `progress` gets (done, all, run)."""
        with self._refreshing:
            found = self._discover()
            gone = [name for name in self._logs if name not in found]
            for name in gone:
                del self._logs[name]
            for name, directory in found.items():
                self._logs.setdefault(name, Log(directory))
            belongs = partners(found)
            helpers = {other for roles in belongs.values() for other in roles.values()}
            with self._lock:
                for name in set(self._states) - (set(found) - helpers):
                    del self._states[name]
            changed = bool(gone)
            fresh = {name: self._poll(name) for name in helpers}
            leading = [name for name in found if name not in helpers]
            for done, name in enumerate(leading):
                if progress is not None:
                    progress(done, len(leading), name)
                theirs = {role: other for role, other in belongs.get(name, {}).items() if other in self._logs}
                new = self._poll(name) or any(fresh.get(other) for other in theirs.values())
                if new or name not in self._states:
                    self._diagnose(name, theirs)
                    changed = True
            if progress is not None:
                progress(len(leading), len(leading), "")
            self._refreshed = True
            return changed

    def start(self, interval: float = 5.0) -> None:
        """Refresh in the background: at once, whenever woken, and every `interval` seconds. Calling it again does nothing."""
        with self._lock:
            if self._thread is None:
                self._stopped.clear()
                self._thread = threading.Thread(
                    target=self._follow, args=(interval,), name="lossdiag-store", daemon=True
                )
                self._thread.start()

    def wake(self) -> None:
        """Let the background thread look now."""
        self._wake.set()

    def stop(self) -> None:
        """End the background thread after what it is doing."""
        self._stopped.set()
        self._wake.set()
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.join()

    def _follow(self, interval: float) -> None:
        while not self._stopped.is_set():
            self._wake.clear()
            try:
                self.refresh()
            except Exception:
                logger.exception("reading the log directory failed; trying again in %s seconds", interval)
            self._wake.wait(interval)

    def _discover(self) -> dict[str, Path]:
        """Run name -> directory, over all roots; notes what the user should know."""
        found: dict[str, Path] = {}
        problems = []
        for prefix, root in self._roots.items():
            try:
                runs = discover(root)
            except OSError as error:
                problems.append(str(error))
                continue
            found.update({f"{prefix}/{name}" if prefix else name: path for name, path in runs.items()})
        if not found and not problems:
            problems.append(NOTHING.format(self.logdir))
        with self._lock:
            self._message = " ".join(problems)
        return found

    def _poll(self, name: str) -> bool:
        try:
            return self._logs[name].poll()
        except Exception:
            logger.exception("reading the run %s failed", name)
            self._set_failed(name, "This run could not be read; the log of this program says why.")
            return False

    def _diagnose(self, name: str, siblings: Mapping[str, str]) -> None:
        """Make a run's report anew and put it in its place."""
        try:
            run = self._logs[name].run(name, {role: (other, self._logs[other]) for role, other in siblings.items()})
            report = diagnose(run)
        except Exception:
            logger.exception("diagnosing the run %s failed", name)
            self._set_failed(name, "This run could not be diagnosed; the log of this program says why.")
            return
        with self._lock:
            revision = self._states[name].entry.revision + 1 if name in self._states else 1
            self._states[name] = _State(wire.run_entry(report, revision), report)

    def _set_failed(self, name: str, message: str) -> None:
        with self._lock:
            revision = self._states[name].entry.revision + 1 if name in self._states else 1
            self._states[name] = _State(wire.RunEntry(name, "failed", revision, message))


def parse_logdir_spec(spec: str) -> dict[str, str]:
    """Name -> directory for TensorBoard's `--logdir_spec`: `a:/x,b:/y`; a directory without a name is its own name.

    As TensorBoard's `_parse_event_files_spec` reads it: a colon that belongs to `s3://` or to a Windows drive names nothing.
    """
    found: dict[str, str] = {}
    for part in filter(None, spec.split(",")):
        name, colon, path = part.partition(":")
        if (
            not colon
            or path.startswith("//")
            or (len(name) == 1 and name.isalpha() and path[:1] in {"\\", "/"} and "\\" in path)
        ):
            name, path = part, part
        found[name] = path if "://" in path else str(Path(path).expanduser())
    return found
