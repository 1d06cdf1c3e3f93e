"""Diagnoses all runs of a log directory once, on as many processes as there are: here, or wherever an executor has them.

The unit of work is a family: the runs that may turn out to be one training. Each is read and diagnosed by one process,
which gives back reports and forgets the values, so that thousands of runs need no more memory than the largest few. What
is done is in the cache at once: after an interruption the next call goes on from there.
"""

from __future__ import annotations

import logging
import os
import signal
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path

from tb_lossdiag import wire
from tb_lossdiag.cache import Cache, key_of
from tb_lossdiag.reader import Log, RemoteFile, families, joined, tree_of
from tb_lossdiag.report import Report, diagnose
from tb_lossdiag.series import Run

__all__ = ["Family", "Outcome", "diagnose_all", "diagnose_family", "diagnosed", "families_of", "processes"]

logger = logging.getLogger(__name__)

SMALL = 16 << 20  # bytes of event files that one process reads sooner than others have started
FAILED = "This run could not be read or diagnosed: {}"
KILLED = "the process that read it was ended, perhaps because the memory was full"


@dataclass(frozen=True, slots=True)
class Family:
    """Runs that may turn out to be one training, with the event files of each."""

    files: Mapping[str, Sequence[Path | RemoteFile]]

    @property
    def name(self) -> str:
        """The name of the training that it may be."""
        return next(iter(self.files))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a family: its reports, and why a run has none."""

    reports: Sequence[Report] = ()
    failed: Mapping[str, str] = field(default_factory=dict)


def families_of(
    logdir: str | Path, *, follow_links: bool = False, wanted: Callable[[str], bool] | None = None
) -> list[Family]:
    """The families of a log directory of which any run is wanted. Raises OSError with a sentence, as `discover` does."""
    tree = tree_of(logdir, follow_links=follow_links)
    tree.look()
    return [
        Family({name: tuple(tree.runs[name]) for name in group})
        for group in families(tree.runs)
        if wanted is None or any(map(wanted, group))
    ]


def diagnose_family(family: Family, roles: Mapping[str, str], points: int | None) -> Outcome:
    """Read and diagnose a family, wherever this is called. `points` is how long the curves in its reports may be."""
    failed: dict[str, str] = {}
    runs = {name: run for name, files in family.files.items() if (run := _run(name, files, failed)) is not None}
    reports = [report for run in joined(runs, roles) if (report := _report(run, points, failed)) is not None]
    return Outcome(reports, failed)


def _run(name: str, files: Sequence[Path | RemoteFile], failed: dict[str, str]) -> Run | None:
    try:
        log = Log(files[0].parent, name)
        log.poll(files)
        return log.run()
    except Exception as error:
        logger.exception("reading the run %s failed", name)
        failed[name] = FAILED.format(f"{type(error).__name__}: {error}")
        return None


def _report(run: Run, points: int | None, failed: dict[str, str]) -> Report | None:
    try:
        report = diagnose(run)
    except Exception as error:
        logger.exception("diagnosing the run %s failed", run.name)
        failed[run.name] = FAILED.format(f"{type(error).__name__}: {error}")
        return None
    return report if points is None else wire.shortened(report, points)


def diagnose_all(logdir: str | Path, executor: Executor, roles: Mapping[str, str]) -> list[Report]:
    """Every run below a log directory, by name, diagnosed by the executor; warns of those that could not be."""
    found: list[Report] = []
    for _, outcome in diagnosed(families_of(logdir), executor=executor, roles=roles):
        found += outcome.reports
        for name, why in outcome.failed.items():
            warnings.warn(f"{name}: {why}", RuntimeWarning, stacklevel=3)
    return sorted(found, key=lambda report: report.run)


def diagnosed(
    todo: Sequence[Family],
    *,
    executor: Executor | None = None,
    roles: Mapping[str, str] | None = None,
    points: int | None = None,
    cache: Cache | None = None,
) -> Iterator[tuple[Family, Outcome]]:
    """Every family with what became of it, in the order in which they are done: what the cache knows comes first.

    Without an `executor`, everything happens here. Closing the iterator gives up what was not begun.
    """
    roles, cache = roles or {}, cache or Cache(None)
    keys, unknown = {}, []
    for family in todo:
        key = keys[family.name] = key_of(family.files, roles, points)
        kept = cache.get(key)
        if kept is None:
            unknown.append(family)
        else:
            yield family, Outcome(kept)
    results = _here(unknown, roles, points) if executor is None else _there(unknown, executor, roles, points)
    for family, outcome in results:
        key = keys[family.name]
        if not outcome.failed and key == key_of(family.files, roles, points):  # nobody wrote while it was read
            cache.put(key, outcome.reports)
        yield family, outcome


def _here(todo: Iterable[Family], roles: Mapping[str, str], points: int | None) -> Iterator[tuple[Family, Outcome]]:
    for family in todo:
        yield family, diagnose_family(family, roles, points)


def _there(
    todo: Sequence[Family], executor: Executor, roles: Mapping[str, str], points: int | None
) -> Iterator[tuple[Family, Outcome]]:
    largest = sorted(todo, key=_size, reverse=True)  # the long ones first, so that none is left over at the end
    asked = {executor.submit(diagnose_family, family, roles, points): family for family in largest}
    try:
        yield from _as_done(asked, roles, points)
    finally:
        for future in asked:
            future.cancel()


def _as_done(
    asked: Mapping[Future[Outcome], Family], roles: Mapping[str, str], points: int | None
) -> Iterator[tuple[Family, Outcome]]:
    broken = []
    for future in as_completed(asked):
        family = asked[future]
        try:
            outcome = future.result()
        except BrokenProcessPool:
            broken.append(family)
            continue
        except Exception as error:  # noqa: BLE001  (an engine's own: it has given this family up)
            outcome = Outcome(failed={family.name: FAILED.format(f"{type(error).__name__}: {error}")})
        yield family, outcome
    yield from _alone(broken, roles, points)


def _alone(todo: Iterable[Family], roles: Mapping[str, str], points: int | None) -> Iterator[tuple[Family, Outcome]]:
    """Where a process was ended, its pool loses all that was still to do: each in turn, so that only the culprit is lost."""
    pool: ProcessPoolExecutor | None = None
    try:
        for family in todo:
            pool = pool or ProcessPoolExecutor(1, initializer=_quiet)
            try:
                outcome = pool.submit(diagnose_family, family, roles, points).result()
            except BrokenProcessPool:
                pool = None
                outcome = Outcome(failed={family.name: FAILED.format(KILLED)})
            yield family, outcome
    finally:
        if pool is not None:
            pool.shutdown(cancel_futures=True)


def processes(todo: Sequence[Family], jobs: int | None = None) -> ProcessPoolExecutor | None:
    """As many processes as there are cores for these families, or None where one is as quick."""
    most = min(jobs or cores(), len(todo))
    if most < 2 or (jobs is None and sum(map(_size, todo)) < SMALL):  # noqa: PLR2004
        return None
    return ProcessPoolExecutor(most, initializer=_quiet)


def cores() -> int:
    """The cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def _quiet() -> None:
    """An interruption is the business of the process that someone watches."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _size(family: Family) -> int:
    return sum(_bytes(path) for paths in family.files.values() for path in paths)


def _bytes(path: Path | RemoteFile) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
