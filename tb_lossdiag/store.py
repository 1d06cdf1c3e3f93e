"""Keeps every run of a log directory read and diagnosed, incrementally; shared by TensorBoard's tab and the command line.

`refresh` reads what was appended and diagnoses again what changed. It may run in the background (`start`): the lock is
held only to exchange finished values, so whoever asks never waits for reading or diagnosing. In the background a run that
grew by little, and by more of the same, waits for its turn, so that a thousand live runs cost what was appended; one that is
asked for comes first.

What the cache knows from an earlier start is shown at once. Values beyond `memory` are let go of, those of the runs first that were asked for or grew least lately. Their reports stay, with
long curves thinned, and they are read again when they grow or are asked for.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from tb_lossdiag import wire
from tb_lossdiag.cache import Cache, key_of
from tb_lossdiag.directory import Directory
from tb_lossdiag.reader import Log, families, joined
from tb_lossdiag.report import Report, diagnose
from tb_lossdiag.series import Run

__all__ = ["MEMORY", "Store"]

logger = logging.getLogger(__name__)

Progress = Callable[[int, int, str], None]
MEMORY = 1 << 30  # bytes for the values of all runs together
POINT = 24  # bytes of a point of a curve in a report
NOTABLE = 0.1  # share by which a run must have grown to be diagnosed at once in the background
BUDGET = 0.04  # seconds a look in the background for diagnosing runs that grew by less
PAUSE = 0.5  # seconds of rest between two looks at the directory, however often the thread is woken

FAILED = "This run could not be {}; the output of this program says why. The other runs are not affected."


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

    def __init__(  # noqa: PLR0913  (each may be left out)
        self,
        logdir: str | Mapping[str, str],
        *,
        follow_links: bool = False,
        remote: Callable[[], Sequence[Run]] | None = None,
        roles: Mapping[str, str] | None = None,
        memory: int = MEMORY,
        cache: Cache | None = None,
    ) -> None:
        self._directory = Directory(logdir, follow_links=follow_links, remote=remote)
        self._roles = dict(roles or {})
        self._memory = memory
        self._cache = cache if cache is not None and remote is None else Cache(None)
        self._families: list[list[str]] = []
        self._diagnosed_at: dict[str, int] = {}  # records that there were; runs that were never diagnosed are not there
        self._natures: dict[str, tuple[object, ...]] = {}  # what kind of things they had then
        self._behind: dict[str, None] = {}  # families that grew by little since, by their first run; longest ago first
        self._grew: dict[str, float] = {}  # those: seconds since the epoch of the last write
        self._forgotten: set[str] = set()
        self._held: dict[str, int] = {}  # bytes of the values of those that are not forgotten
        self._wanted: dict[str, None] = {}  # what was asked for since the last look
        self._used: dict[str, int] = {}  # by which count a run was last asked for or grew
        self._broken: dict[str, str] = {}
        self._states: dict[str, _State] = {}
        self._revision = 0
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
        return self._directory.message

    @property
    def logdir(self) -> str:
        """The directory (or directories) as the user named them."""
        return self._directory.name

    def entries(self) -> list[wire.RunEntry]:
        """Every run as the list of runs shows it, by name; those that are still to be read have the status `reading`."""
        with self._lock:
            return [self._entry(name) for name in sorted(self._states)]

    def entry(self, name: str) -> wire.RunEntry:
        """One run as the list shows it. Raises KeyError for an unknown one."""
        with self._lock:
            return self._entry(name)

    def _entry(self, name: str) -> wire.RunEntry:
        entry = self._states[name].entry
        grew = self._grew.get(name)
        return entry if grew is None else replace(entry, updated=grew)

    def report(self, name: str) -> Report:
        """A run's report. Raises KeyError for a run that is unknown, or could not be diagnosed (yet)."""
        with self._lock:
            report = self._states[name].report
            self._wanted[name] = None
        if report is None:
            raise KeyError(name)
        return report

    def reports(self) -> list[Report]:
        """The reports of all runs that have one, without asking for any run's values."""
        with self._lock:
            return [state.report for state in self._states.values() if state.report is not None]

    def report_with(self, name: str, roles: Mapping[str, str]) -> Report:
        """The run's report with other tags in these roles. Raises KeyError as `report` does."""
        self.report(name)
        with self._lock:
            family = next((each for each in self._families if name in each), [])
            logs = {each: (self._directory.logs[each], self._directory.files.get(each)) for each in family}
        runs = {each: log.run_now(files) for each, (log, files) in logs.items()}
        found = {run.name: run for run in joined(runs, {**self._roles, **roles})}
        return diagnose(found[name])

    def refresh(self, progress: Progress | None = None, *, budget: float = math.inf) -> bool:
        """Read what was appended and diagnose what changed; whether any report did. `progress` gets (done, all, run).

        Runs that grew by little are diagnosed within `budget` seconds, at least one of them, those that wait longest first; and
        files that have been quiet for long are looked at in turn, where there is a budget.
        """
        return self._refresh(progress or _silent, lambda: False, budget)

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
        self._cache.close()

    def _follow(self, interval: float) -> None:
        while not self._stopped.is_set():
            self._wake.clear()
            began = time.monotonic()
            try:
                self._refresh(_silent, self._stopped.is_set, BUDGET)
            except Exception:
                logger.exception("reading the log directory failed; trying again in %s seconds", interval)
            self._wake.wait(interval)
            self._stopped.wait(max(0.0, began + PAUSE - time.monotonic()))

    def _refresh(self, progress: Progress, stopped: Callable[[], bool], budget: float) -> bool:
        with self._refreshing:
            changed, others = False, self._directory.look()
            if others:
                self._forget_gone()
                self._families = families(self._directory.logs)
                changed = self._announce(self._families)
            with self._lock:
                wanted, self._wanted = self._wanted, {}
            if (
                not (others or wanted or self._behind or self._broken)
                and self._refreshed
                and self._directory.unchanged(thorough=budget == math.inf)
            ):
                return False
            for done, family in enumerate(self._families):
                if stopped():
                    return changed
                progress(done, len(self._families), family[0])
                changed |= self._read(family, wanted, at_once=budget == math.inf)
            changed |= self._catch_up(budget)
            progress(len(self._families), len(self._families), "")
            with self._lock:
                self._refreshed = True
            return changed

    def _forget_gone(self) -> None:
        """Forget what is known of runs that are there no more."""
        names = self._directory.logs.keys()
        for known in (
            self._broken,
            self._diagnosed_at,
            self._natures,
            self._behind,
            self._used,
            self._held,
            self._grew,
        ):
            for name in known.keys() - names:
                del known[name]
        self._forgotten &= names

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

    def _read(self, family: Sequence[str], wanted: Mapping[str, None], *, at_once: bool) -> bool:
        """Read the runs that may belong together, and diagnose what they turn out to be; whether anything is new of them."""
        new = self._diagnosed_at.keys().isdisjoint(family)
        key = self._key(family) if new else None
        if key is not None and self._kept(family, key):
            return True
        changed = self._read_anew(family, wanted, at_once=at_once)
        if key is not None and changed and key == self._key(family):  # nobody wrote while it was read
            self._keep_report(family, key)
        return changed

    def _key(self, family: Sequence[str]) -> bytes | None:
        """What the family's reports are kept by: the same as on the command line."""
        if not self._cache.works:
            return None
        return key_of({name: self._directory.files.get(name, ()) for name in family}, self._roles, wire.POINTS)

    def _kept(self, family: Sequence[str], key: bytes) -> bool:
        """Take the reports of the last start where the files are as they were; their values are read when they are asked for."""
        reports = self._cache.get(key)
        if reports is None:
            return False
        logs = {name: log for name in family if isinstance(log := self._directory.logs[name], Log)}
        for name, log in logs.items():
            log.skip(self._directory.files[name])
        if key != self._key(family):  # it grew just now
            for log in logs.values():
                log.recall()
            return False
        states = {report.run: _State(wire.run_entry(report, self._next_revision()), report) for report in reports}
        with self._lock:
            for name in family:
                self._states.pop(name, None)
            self._states |= states
        self._forgotten.update(family)
        self._diagnosed_at.update(dict.fromkeys(family, 0))
        return True

    def _keep_report(self, family: Sequence[str], key: bytes) -> None:
        with self._lock:
            states = [self._states[name] for name in family if name in self._states]
        reports = [state.report for state in states if state.report is not None]
        if len(reports) == len(states):
            self._cache.put(key, [wire.shortened(each, wire.POINTS) for each in reports])

    def _read_anew(self, family: Sequence[str], wanted: Mapping[str, None], *, at_once: bool) -> bool:
        """As `_read`, from the files."""
        asked = [name for name in family if name in wanted] if wanted else []
        recalled = self._forgotten.intersection(asked)
        news = [self._poll(name) for name in family]  # a list: all of them are polled, even if the first has news
        if asked or any(news):
            for name in family:
                self._used[name] = self._revision
        if any(news) and not (at_once or asked or self._grown(family)):
            self._behind.setdefault(family[0])
            self._note_growth(family)
        elif (
            any(news) or recalled or (asked and family[0] in self._behind) or not self._broken.keys().isdisjoint(family)
        ):
            return self._diagnose(family, told=not (recalled or any(news)))
        return False

    def _note_growth(self, family: Sequence[str]) -> None:
        """Say when the runs were last written, though their reports are still of a little earlier: they are live."""
        logs = self._directory.logs
        written = [each for name in family if (each := logs[name].updated) is not None]
        if written:
            with self._lock:
                self._grew.update(dict.fromkeys(family, max(written)))

    def _grown(self, family: Sequence[str]) -> bool:
        """Whether the runs have grown notably since they were diagnosed, if they were, or by something of another kind."""
        before = [self._diagnosed_at.get(name) for name in family]
        logs = [self._directory.logs[name] for name in family]
        known = [each for each in before if each is not None]
        if len(known) < len(before) or sum([each.records for each in logs]) > (1 + NOTABLE) * sum(known):
            return True
        return [each.nature for each in logs] != [self._natures.get(name) for name in family]

    def _catch_up(self, budget: float) -> bool:
        """Diagnose runs that grew by little, as many as there is time for."""
        until = time.monotonic() + budget
        families = {family[0]: family for family in self._families} if self._behind else {}
        changed = False
        for name in list(self._behind):
            if name in families:
                changed |= self._diagnose(families[name], told=False)
            self._behind.pop(name, None)
            if time.monotonic() > until:
                break
        return changed

    def _poll(self, name: str) -> bool:
        """Read what is new of a run; whether there is news, or it is read for the first time. Errors are news, too."""
        try:
            return self._directory.logs[name].poll(self._directory.files.get(name)) or name not in self._diagnosed_at
        except Exception as error:  # noqa: BLE001  (told by `_break`)
            self._break(name, error)
            return False

    def _diagnose(self, family: Sequence[str], *, told: bool) -> bool:
        """Diagnose what the runs are now; whether anything changed. `told`: only if one that failed fails otherwise now."""
        before = {name: self._broken.get(name) for name in family}
        runs = {name: run for name in family if (run := self._run(name)) is not None}
        if told and before == {name: self._broken.get(name) for name in family} and family[0] not in self._behind:
            return False
        states = {run.name: self._diagnosed(run) for run in joined(runs, self._roles)}
        states |= {name: self._failed(name, "read") for name in family if name in self._broken}
        with self._lock:
            for name in family:
                self._states.pop(name, None)
                self._grew.pop(name, None)
            self._states |= states
        for name in family:
            self._diagnosed_at[name] = self._directory.logs[name].records
            self._natures[name] = self._directory.logs[name].nature
        self._behind.pop(family[0], None)
        self._make_room(family)
        return True

    def _run(self, name: str) -> Run | None:
        """A run as it stands, or None where it cannot be read, which is told once."""
        try:
            if name in self._forgotten:
                self._directory.logs[name].recall()
                self._directory.logs[name].poll(self._directory.files.get(name))
                self._forgotten.discard(name)
            run = self._directory.logs[name].run()
        except Exception as error:  # noqa: BLE001  (told by `_break`)
            self._break(name, error)
            return None
        self._broken.pop(name, None)
        return run

    def _break(self, name: str, error: Exception) -> None:
        problem = f"{type(error).__name__}: {error}"
        if self._broken.get(name) != problem:
            logger.error("reading the run %s failed", name, exc_info=error)
            self._broken[name] = problem

    def _make_room(self, family: Sequence[str]) -> None:
        """Let go of the values of runs that were not used lately, until those that are held fit into memory."""
        for name in family:
            with self._lock:
                state = self._states.get(name)
            curves = state.report.losses if state is not None and state.report is not None else None
            shown = 0 if curves is None else sum(POINT * len(each.series) for each in curves.lines)
            self._held[name] = self._directory.logs[name].size + shown
        total = sum(self._held.values())
        if total <= self._memory:
            return
        for name in sorted(self._held.keys() - set(family), key=lambda each: self._used.get(each, 0)):
            if total <= self._memory:
                return
            self._directory.logs[name].forget()
            self._forgotten.add(name)
            total -= self._held.pop(name)
            with self._lock:
                state = self._states.get(name)
                if state is not None and state.report is not None:
                    self._states[name] = _State(state.entry, wire.shortened(state.report))

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


def _silent(_done: int, _all: int, _run: str) -> None:
    """Tell nobody."""
