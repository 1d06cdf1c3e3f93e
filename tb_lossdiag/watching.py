"""`lossdiag diagnose --watch`: follows a live log directory and tells each new finding once.

What the first look finds is told at once; what turns up later, when a second look confirms it: a training that has just
begun looks like many things for a moment.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from io import TextIOWrapper
from pathlib import Path

from tb_lossdiag.cache import Cache, folder_of
from tb_lossdiag.ranking import Ranked
from tb_lossdiag.reading import check_directory, roles_of
from tb_lossdiag.refusal import shown
from tb_lossdiag.report import Report
from tb_lossdiag.store import MEMORY, Store
from tb_lossdiag.wire import plain
from tb_lossdiag.wording import printable

__all__ = ["News", "watch"]


@dataclass(slots=True)
class News:
    """What was told so far, and what is new. Knows no clock and no file."""

    _told: set[tuple[str, str]] = field(default_factory=set)
    _before: set[tuple[str, str]] | None = None

    def look(self, reports: Mapping[str, Report], *, last: bool = False) -> list[tuple[Report, Ranked]]:
        """The findings to be told at this look at all runs, each with its report. `last`: there is no look after this one."""
        found = {
            (name, finding.cause): (report, finding)
            for name, report in reports.items()
            for finding in report.findings
            if finding.severity != "info" and finding.role != "consequence"
        }
        sure = found.keys() if last or self._before is None else found.keys() & self._before
        news = [each for key, each in found.items() if key in sure and key not in self._told]
        self._told |= set(sure)
        self._before = set(found)
        return news


def watch(options: argparse.Namespace, wanted: Callable[[str], bool]) -> Sequence[Report]:
    """Follow the runs that are wanted until an interruption; the reports as they are then."""
    if isinstance(options.logdir, Path):
        check_directory(options.logdir)
    store = Store(
        str(options.logdir),
        roles=roles_of(options),
        follow_links=options.follow_links,
        memory=options.memory or MEMORY,
        cache=Cache(folder_of(options.cache)),
    )
    tell = _as_json if options.format == "json" else _as_text
    if isinstance(sys.stdout, TextIOWrapper) and options.format == "json":
        sys.stdout.reconfigure(encoding="utf-8")
    news, reports, revisions = News(), dict[str, Report](), dict[str, int]()
    try:
        store.refresh()
        _bring_up_to_date(store, wanted, reports, revisions)
        runs = "1 run" if len(reports) == 1 else f"{len(reports):,} runs"
        print(f"lossdiag: watching {runs} below {shown(options.logdir)}; Ctrl-C ends it", file=sys.stderr, flush=True)  # noqa: T201
        while True:
            for report, finding in news.look(reports):
                tell(report, finding)
            time.sleep(options.every)
            store.refresh()
            _bring_up_to_date(store, wanted, reports, revisions)
    except KeyboardInterrupt:
        for report, finding in news.look(reports, last=True):
            tell(report, finding)
    store.stop()
    return list(reports.values())


def _bring_up_to_date(
    store: Store, wanted: Callable[[str], bool], reports: dict[str, Report], revisions: dict[str, int]
) -> None:
    """Take over the reports that have changed, and forget those of runs that vanished."""
    entries = {entry.run: entry for entry in store.entries() if entry.verdict is not None and wanted(entry.run)}
    for name in reports.keys() - entries.keys():
        del reports[name], revisions[name]
    for name, entry in entries.items():
        if revisions.get(name) != entry.revision:
            reports[name], revisions[name] = store.report(name), entry.revision


def _as_text(report: Report, finding: Ranked) -> None:
    since = f" (since step {finding.since:,})" if finding.since is not None else ""
    remedy = f"\n         {printable(finding.remedies[0].action)}" if finding.remedies else ""
    print(  # noqa: T201  (what the command is for)
        f"{time.strftime('%H:%M:%S')} {finding.severity} in {printable(report.run)}: "
        f"{printable(finding.summary)}{since}{remedy}",
        flush=True,
    )


def _as_json(report: Report, finding: Ranked) -> None:
    line = {"run": report.run, "verdict": plain(report.verdict), "finding": plain(finding)}
    print(json.dumps(line, allow_nan=False, ensure_ascii=False), flush=True)  # noqa: T201
