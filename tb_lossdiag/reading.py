"""What the command line reads: a log directory's runs diagnosed, by all cores or an engine, through the cache, with progress.

An interruption is answered with what is done until then.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tb_lossdiag.batch import Family, diagnosed, families_of, processes
from tb_lossdiag.cache import Cache, folder_of
from tb_lossdiag.refusal import UnusableError, close_to, listed, shown
from tb_lossdiag.report import Report
from tb_lossdiag.tags import CHOOSABLE
from tb_lossdiag.wire import POINTS
from tb_lossdiag.wording import printable

__all__ = ["Read", "check_directory", "check_roles", "read", "roles_of"]


PATIENCE = "10s"  # for a scheduler to answer


@dataclass(slots=True)
class Read:
    """What came of reading: reports by run, why some have none, which others there are, and how many were left when it was interrupted."""

    reports: dict[str, Report] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    others: Sequence[str] = ()
    left: int = 0
    all: int = 0

    @property
    def names(self) -> list[str]:
        """Every run that is known now."""
        return sorted({*self.reports, *self.failed, *self.others})


def read(options: argparse.Namespace, wanted: Callable[[str], bool], *, whole: bool = False) -> Read:
    """The runs of the log directory that are wanted (and those that may belong to them), diagnosed.

    `whole` keeps every point of the curves, as comparing needs them. Raises UnusableError where there is nothing to read.
    """
    if isinstance(options.logdir, Path):
        check_directory(options.logdir)
    roles = roles_of(options)
    try:
        every = families_of(options.logdir, follow_links=options.follow_links)
    except OSError as error:
        raise UnusableError(str(error)) from error
    if not every:
        raise UnusableError(
            f"No event files below {printable(str(options.logdir))}. Log with DiagWriter or any SummaryWriter, then try again."
        )
    chosen = [family for family in every if any(map(wanted, family.files))]
    if not chosen:
        return Read(others=[name for family in every for name in family.files])
    others = [name for family in every if family not in chosen for name in family.files]
    found = Read(all=len(chosen), left=len(chosen), others=others)
    cache = Cache(folder_of(options.cache))
    try:
        with _workers(options, chosen) as executor, _progress() as tell:
            tell(0, len(chosen))
            points = None if whole else POINTS
            for _, outcome in diagnosed(chosen, executor=executor, roles=roles, points=points, cache=cache):
                found.reports |= {report.run: report for report in outcome.reports}
                found.failed |= outcome.failed
                found.left -= 1
                tell(len(chosen) - found.left, len(chosen))
    except KeyboardInterrupt:
        if not found.reports:
            raise
    finally:
        cache.close()
    return found


def roles_of(options: argparse.Namespace) -> dict[str, str]:
    """The tags that the user put into roles."""
    return {role: tag for role in CHOOSABLE if (tag := getattr(options, role)) is not None}


def check_directory(logdir: Path) -> None:
    """Raise UnusableError where there is no directory that can be read."""
    if not logdir.exists():
        raise UnusableError(f"{shown(logdir)} does not exist; name the directory that you give TensorBoard as --logdir")
    if not logdir.is_dir():
        raise UnusableError(f"{shown(logdir)} is a file; name the directory that holds it")
    try:
        next(logdir.iterdir(), None)
    except OSError as error:
        raise UnusableError(f"{shown(logdir)} cannot be read: {error.strerror}") from error


@contextmanager
def _workers(options: argparse.Namespace, chosen: Sequence[Family]) -> Iterator[Executor | None]:
    """Where the work is done: an engine that was named, processes of our own, or this process."""
    if options.dask is not None:
        with _engine(options.dask) as engine:
            yield engine
        return
    pool = processes(chosen, options.jobs)
    try:
        yield pool
    finally:
        if pool is not None:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _engine(address: str) -> Iterator[Executor]:
    """Dask's workers at `address`. They must see the log directory under the same path."""
    try:
        from distributed import Client  # noqa: PLC0415  (seconds, and only for this)
    except ModuleNotFoundError as error:
        raise UnusableError("--dask needs dask's distributed: pip install 'tb_lossdiag[dask]'") from error
    try:
        client = Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise UnusableError(f"there is no dask scheduler at {shown(address)}: {printable(str(error))}") from error
    with client:
        yield client.get_executor(pure=False)


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr while runs are read, where stderr is a terminal; it vanishes when done."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn("reading runs"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def check_roles(roles: Mapping[str, str], reports: Sequence[Report]) -> None:
    """Refuse a tag that none of the runs holds: it is misspelt."""
    tags = {tag for report in reports for each in report.tags for tag in (each, each.partition(" of the run ")[0])}
    for role, tag in roles.items():
        if tag and tag not in tags:
            hint = close_to(tag, sorted(tags)) or f"there are {listed(sorted(tags))}"
            raise UnusableError(f"--{role.replace('_', '-')}: no run has the tag {shown(tag)}; {hint}")
