"""A run's directory being followed, and a whole log directory read at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tb_lossdiag.reader.assemble import assemble
from tb_lossdiag.reader.discover import discover, event_files
from tb_lossdiag.reader.siblings import join, partners
from tb_lossdiag.reader.tail import Tail
from tb_lossdiag.series import Run

__all__ = ["Log", "joined", "read_runs"]


class Log:
    """One run's directory: `poll` takes in what was appended, `run` is what the directory holds now."""

    def __init__(self, directory: str | Path, name: str | None = None) -> None:
        self._directory = Path(directory)
        self._name = self._directory.name if name is None else name
        self._tails: dict[Path, Tail] = {}

    def poll(self) -> bool:
        """Read what is new; whether anything is. A file that vanished takes its values with it."""
        files = event_files(self._directory)
        gone = self._tails.keys() - set(files)
        for path in gone:
            del self._tails[path]
        news = [self._tails.setdefault(path, Tail(path)).poll() for path in files]
        return bool(gone) or any(news)

    def run(self) -> Run:
        """The run as it stands."""
        tails = [self._tails[path] for path in sorted(self._tails)]
        warnings = [each for tail in tails for each in tail.warnings()]
        return assemble(self._name, [each.columns for each in tails], warnings)


def read_runs(logdir: str | Path, *, follow_links: bool = False) -> list[Run]:
    """Every run of a log directory, read once. Raises OSError with a sentence where the directory cannot be used."""
    runs = {}
    for name, directory in discover(logdir, follow_links=follow_links).items():
        log = Log(directory, name)
        log.poll()
        runs[name] = log.run()
    return joined(runs)


def joined(runs: Mapping[str, Run]) -> list[Run]:
    """The runs with those that belong together made one (`x/train` and `x/validation`), under the training's name."""
    found: dict[str, Run] = {}
    belongs = partners(runs)
    taken: set[str] = set()
    for name, run in runs.items():
        others = {split: runs[other] for split, other in belongs.get(name, {}).items()}
        found[name], splits = join(run, others)
        taken.update(belongs[name][split] for split in splits)
    return [run for name, run in found.items() if name not in taken]
