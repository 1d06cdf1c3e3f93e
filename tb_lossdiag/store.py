"""Keeps every run of a log directory read and diagnosed, incrementally; shared by TensorBoard's tab and the command line.

`refresh` reads what was appended and diagnoses again what changed. It may run in the background (`start`): the lock is
held only to exchange finished values, so whoever asks never waits for reading or diagnosing.
"""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tb_lossdiag import wire
from tb_lossdiag.reader import Given, Log, discover, families, joined
from tb_lossdiag.report import Report, diagnose
from tb_lossdiag.series import Run

__all__ = ["Store", "parse_logdir_spec"]

logger = logging.getLogger(__name__)

Progress = Callable[[int, int, str], None]
PAUSE = 0.5  # seconds of rest between two looks at the directory, however often the thread is woken

NOTHING = "No event files below {}. Log with DiagWriter or any SummaryWriter; new runs appear here by themselves."
NOWHERE = "No log directory was given: start TensorBoard with --logdir DIR."
REMOTE = "{} is not a local directory: copy the event files here, or mount it."
FAILED = "This run could not be {}; the output of this program says why. The other runs are not affected."
_uri = re.compile(r"[a-zA-Z][0-9a-zA-Z.]*://.*")


@dataclass(frozen=True, slots=True)
class _State:
    """What is known of a run: its entry in the list, and its report once it could be diagnosed."""

    entry: wire.RunEntry
    report: Report | None = None


class Store:
    """The runs of one log directory, or of several with a name each (as `--logdir_spec` gives them).

    `remote` gives the runs of a log that is no local directory, all of them each time it is called. `roles` is the user's own
    word on which tag is what.
    """

    def __init__(
        self,
        logdir: str | Mapping[str, str],
        *,
        follow_links: bool = False,
        remote: Callable[[], Sequence[Run]] | None = None,
        roles: Mapping[str, str] | None = None,
    ) -> None:
        self._roots = dict(logdir) if isinstance(logdir, Mapping) else {"": logdir} if logdir else {}
        self._follow_links = follow_links
        self._remote = remote
        self._roles = dict(roles or {})
        self._logs: dict[str, Log | Given] = {}
        self._runs: dict[str, Run] = {}
        self._broken: dict[str, str] = {}
        self._states: dict[str, _State] = {}
        self._revision = 0
        self._message = ""
        self._refreshed = False
        self._lock = threading.Lock()
        self._refreshing = threading.Lock()
        self._starting = threading.Lock()
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def loading(self) -> bool:
        """Whether the first reading of the directory is not finished yet."""
        with self._lock:
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
        """Every run as the list of runs shows it, by name; those that are still to be read have the status `reading`."""
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

    def report_with(self, name: str, roles: Mapping[str, str]) -> Report:
        """The run's report with other tags in these roles. Raises KeyError as `report` does."""
        self.report(name)
        family = next((each for each in families(list(self._runs)) if name in each), [])
        runs = {each: run for each in family if (run := self._runs.get(each)) is not None}
        found = {run.name: run for run in joined(runs, {**self._roles, **roles})}
        return diagnose(found[name])

    def refresh(self, progress: Progress | None = None) -> bool:
        """Read what was appended and diagnose what changed; whether anything did. `progress` gets (done, all, run)."""
        return self._refresh(progress or _silent, stopped=lambda: False)

    def start(self, interval: float = 5.0) -> None:
        """Refresh in the background: at once, whenever woken, and every `interval` seconds. Calling it again does nothing."""
        with self._starting:
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
        """End the background thread after the run that it is at."""
        with self._starting:
            thread, self._thread = self._thread, None
            self._stopped.set()
            self._wake.set()
            if thread is not None:
                thread.join()

    def _follow(self, interval: float) -> None:
        while not self._stopped.is_set():
            self._wake.clear()
            began = time.monotonic()
            try:
                self._refresh(_silent, self._stopped.is_set)
            except Exception:
                logger.exception("reading the log directory failed; trying again in %s seconds", interval)
            self._wake.wait(interval)
            self._stopped.wait(max(0.0, began + PAUSE - time.monotonic()))

    def _refresh(self, progress: Progress, stopped: Callable[[], bool]) -> bool:
        with self._refreshing:
            self._look_around()
            groups = families(self._logs)
            changed = self._announce(groups)
            for done, family in enumerate(groups):
                if stopped():
                    return changed
                progress(done, len(groups), family[0])
                changed |= self._read(family)
            progress(len(groups), len(groups), "")
            with self._lock:
                self._refreshed = True
            return changed

    def _look_around(self) -> None:
        """Follow the runs that are there now, and say what the user should know about the whole."""
        if self._remote is not None:
            given = {run.name: run for run in self._remote()}
            self._keep(given)
            for name, run in given.items():
                log = self._logs.setdefault(name, Given())
                if isinstance(log, Given):
                    log.update(run)
            problems = [] if given else [NOTHING.format("what TensorBoard reads")]
        else:
            found, problems = self._discovered()
            self._keep(found)
            for name, directory in found.items():
                if name not in self._logs:
                    self._logs[name] = Log(directory, name)
            if not found and not problems:
                problems = [NOTHING.format(self.logdir) if self._roots else NOWHERE]
        with self._lock:
            self._message = " ".join(problems)

    def _keep(self, names: Iterable[str]) -> None:
        """Forget what is known of all other runs."""
        gone = self._logs.keys() - set(names)
        for known in (self._logs, self._runs, self._broken):
            for name in gone & known.keys():
                del known[name]

    def _discovered(self) -> tuple[dict[str, Path], list[str]]:
        """Run name -> directory, over all roots, and what could not be looked into."""
        found: dict[str, Path] = {}
        problems: list[str] = []
        closed: list[OSError] = []
        for prefix, root in self._roots.items():
            if _uri.fullmatch(root):
                problems.append(REMOTE.format(root))
                continue
            try:
                runs = discover(root, follow_links=self._follow_links, on_error=closed.append)
            except OSError as error:
                problems.append(str(error))
                continue
            found |= {f"{prefix}/{name}" if prefix else name: path for name, path in runs.items()}
        if closed:
            one = len(closed) == 1
            first = Path(closed[0].filename or "").name
            problems.append(
                f"{len(closed):,} {'directory' if one else 'directories'} below could not be read and "
                f"{'was' if one else 'were'} left out ({first}: {closed[0].strerror})."
            )
        return found, problems

    def _announce(self, groups: Sequence[Sequence[str]]) -> bool:
        """Show the runs that are still to be read, and no longer those that vanished; whether any did."""
        known = {name for family in groups for name in family}
        with self._lock:
            vanished = self._states.keys() - known
            for name in vanished:
                del self._states[name]
            for family in groups:
                if not self._states.keys() & set(family):
                    self._states[family[0]] = _State(wire.RunEntry(family[0], "reading", 0))
        return bool(vanished)

    def _read(self, family: Sequence[str]) -> bool:
        """Read the runs that may belong together, and diagnose what they turn out to be; whether anything is new."""
        news = [self._poll(name) for name in family]  # a list: all of them are polled, even if the first has news
        if not any(news):
            return False
        runs = joined({name: self._runs[name] for name in family if name in self._runs}, self._roles)
        states = {run.name: self._diagnosed(run) for run in runs}
        states |= {name: self._failed(name, "read") for name in family if name in self._broken}
        with self._lock:
            for name in family:
                self._states.pop(name, None)
            self._states |= states
        return True

    def _poll(self, name: str) -> bool:
        """Bring one run's values up to date; whether there is news, and that it cannot be read is news once."""
        try:
            if not self._logs[name].poll() and name in self._runs:
                return False
            self._runs[name] = self._logs[name].run()
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
            if self._broken.get(name) == problem:
                return False
            logger.exception("reading the run %s failed", name)
            self._broken[name] = problem
            self._runs.pop(name, None)
            return True
        self._broken.pop(name, None)
        return True

    def _diagnosed(self, run: Run) -> _State:
        try:
            report = diagnose(run)
            return _State(wire.run_entry(report, self._next_revision()), report)
        except Exception:
            logger.exception("diagnosing the run %s failed", run.name)
            return self._failed(run.name, "diagnosed")

    def _failed(self, name: str, deed: str) -> _State:
        return _State(wire.RunEntry(name, "failed", self._next_revision(), FAILED.format(deed)))

    def _next_revision(self) -> int:
        """A number that no state of any run had before."""
        self._revision += 1
        return self._revision


def parse_logdir_spec(spec: str) -> dict[str, str]:
    """Name -> directory for TensorBoard's `--logdir_spec`: `a:/x,b:/y`, as its `_parse_event_files_spec` reads it.

    The runs of a directory without a name keep their own names (the key is ""); a further one, or one whose name is taken,
    is called by its path, so that no two runs have one name.

    >>> parse_logdir_spec("a:/x,b:/y")
    {'a': '/x', 'b': '/y'}
    >>> parse_logdir_spec("/x:y,/z,s3://bucket/logs")
    {'': '/x:y', '/z': '/z', 's3://bucket/logs': 's3://bucket/logs'}
    """
    found: dict[str, str] = {}
    for part in filter(None, spec.split(",")):
        name, colon, path = part.partition(":")
        if not colon or part.startswith("/") or _uri.fullmatch(part) or os.path.splitdrive(part)[0]:
            name, path = "", part
        if not _uri.fullmatch(path):
            path = os.path.realpath(Path(path).expanduser())
        found[path if name in found else name] = path
    return found


def _silent(_done: int, _all: int, _run: str) -> None:
    """Tell nobody."""
