"""A run's directory being followed, and a whole log directory read at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tb_lossdiag.reader.assemble import Columns
from tb_lossdiag.reader.discover import discover, event_files
from tb_lossdiag.reader.siblings import partners
from tb_lossdiag.reader.tail import Tail
from tb_lossdiag.series import Run

__all__ = ["Log", "read_runs"]


class Log:
    """One run directory: `poll` takes in what was appended, `run` is what has been read so far."""

    def __init__(self, directory: str | Path) -> None:
        self._directory = Path(directory)
        self._tails: dict[str, Tail] = {}
        self.columns = Columns()

    def poll(self) -> bool:
        """Read what is new; whether there was anything. A replaced file makes the whole run be read anew."""
        for path in event_files(self._directory):
            self._tails.setdefault(path.name, Tail(path))
        before = [(tail.restarted, tail.problem) for tail in self._tails.values()]
        new = False
        for tail in self._tails.values():
            if tail.changed:
                new |= self.columns.add(tail.poll())
        if any(tail.restarted > was[0] for tail, was in zip(self._tails.values(), before, strict=True)):
            self._tails = {path.name: Tail(path) for path in event_files(self._directory)}
            self.columns = Columns()
            for tail in self._tails.values():
                self.columns.add(tail.poll())
            return True
        return new or any(tail.problem != was[1] for tail, was in zip(self._tails.values(), before, strict=True))

    def run(self, name: str, siblings: Mapping[str, tuple[str, Log]] | None = None) -> Run:
        """The run under `name`; `siblings` are the logs that hold some of its roles: role -> (their name, their log)."""
        warnings = [each for tail in self._tails.values() for each in tail.warnings()]
        theirs = {role: (other, log.columns) for role, (other, log) in (siblings or {}).items()}
        return self.columns.run(name, warnings, theirs)


def read_runs(logdir: str | Path) -> list[Run]:
    """Every run of a log directory, read once. Raises FileNotFoundError or NotADirectoryError as `discover` does."""
    logs = {name: Log(directory) for name, directory in discover(logdir).items()}
    for log in logs.values():
        log.poll()
    belongs = partners(logs)
    taken = {other for roles in belongs.values() for other in roles.values()}
    return [
        log.run(name, {role: (other, logs[other]) for role, other in belongs.get(name, {}).items()})
        for name, log in logs.items()
        if name not in taken
    ]
