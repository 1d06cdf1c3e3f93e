"""A run's directory being followed, and a whole log directory read at once."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tb_lossdiag.reader.assemble import assemble
from tb_lossdiag.reader.discover import Tree, event_files
from tb_lossdiag.reader.lines import lines, with_lines
from tb_lossdiag.reader.overrule import overruled
from tb_lossdiag.reader.remote import RemoteFile, RemoteTree, is_remote
from tb_lossdiag.reader.siblings import join, partners
from tb_lossdiag.reader.tail import Tail
from tb_lossdiag.series import Run
from tb_lossdiag.tags import CHOOSABLE, TRAIN_LOSS

__all__ = ["Log", "families", "joined", "read_runs", "tree_of"]


class Log:
    """One run's directory: `poll` takes in what was appended, `run` is what the directory holds now."""

    def __init__(self, directory: str | Path, name: str | None = None) -> None:
        self._directory = Path(directory)
        self._name = self._directory.name if name is None else name
        self._files: Sequence[Path | RemoteFile] = ()
        self._tails: list[Tail] = []
        self._lock = threading.RLock()  # what is being read cannot be looked at
        self.seen: list[tuple[str, int, int, int]] = []  # each file's path, time, size and number when it was last read

    @property
    def size(self) -> int:
        """About how many bytes its values take in memory."""
        return sum(each.size for each in self._tails)

    @property
    def records(self) -> int:
        """How many records were read."""
        return sum([each.records for each in self._tails])

    @property
    def nature(self) -> tuple[object, ...]:
        """What kind of things were read. It changes with a new tag, with values that are no numbers any more, with damage, or where
        the run says that it is finished; not where it goes on as it did.
        """
        return tuple([each.nature for each in self._tails])

    @property
    def updated(self) -> float | None:
        """Seconds since the epoch of the last event that was read."""
        last = max([each.columns.updated for each in self._tails], default=-math.inf)
        return last if math.isfinite(last) else None

    def poll(self, files: Sequence[Path | RemoteFile] | None = None) -> bool:
        """Read what is new; whether anything is. A file that vanished takes its values with it.

        `files` are the run's event files where they are known already, as a `Tree` tells them.
        """
        with self._lock:
            return self._poll(files)

    def skip(self, files: Sequence[Path | RemoteFile]) -> None:
        """Take the files as read and forgotten as they are now: somebody knows what is in them."""
        with self._lock:
            self._tails = [Tail(path) for path in files]
            self._files = files
            for each in self._tails:
                each.skip()
            self.seen = [each.seen for each in self._tails]

    def forget(self) -> None:
        """Let go of all values. They are read again, from the beginning, once a file has changed, or after `recall`."""
        with self._lock:
            for each in self._tails:
                each.forget()

    def recall(self) -> None:
        """Have the next poll read all again that was forgotten."""
        with self._lock:
            for each in self._tails:
                each.recall()

    def run(self) -> Run:
        """The run as it stands."""
        with self._lock:
            return self._run()

    def run_now(self, files: Sequence[Path | RemoteFile] | None = None) -> Run:
        """The run, read again if it was forgotten. May be called while another thread polls."""
        with self._lock:
            if any(each.forgotten for each in self._tails):
                for each in self._tails:
                    each.recall()
                self._poll(files)
            return self._run()

    def _poll(self, files: Sequence[Path | RemoteFile] | None) -> bool:
        files = event_files(self._directory) if files is None else files
        gone = False
        if files is not self._files:
            tails = {each.path: each for each in self._tails}
            gone = not tails.keys() <= set(files)
            self._tails = [tails.get(path) or Tail(path) for path in files]
            self._files = files
        news = [each.poll() for each in self._tails]  # a list: all of them are polled, even if the first has news
        if gone or True in news:
            self.seen = [each.seen for each in self._tails]
            return True
        return False

    def _run(self) -> Run:
        warnings = [each for tail in self._tails for each in tail.warnings()]
        return assemble(self._name, [each.columns for each in self._tails], warnings, self._lock)


def tree_of(logdir: str | Path, *, follow_links: bool = False) -> Tree | RemoteTree:
    """What follows a log directory, here or elsewhere."""
    return RemoteTree(str(logdir)) if is_remote(logdir) else Tree(logdir, follow_links)


def read_runs(logdir: str | Path, *, follow_links: bool = False, roles: Mapping[str, str] | None = None) -> list[Run]:
    """Every run of a log directory, read once. Raises OSError with a sentence where the directory cannot be used."""
    runs = {}
    tree = tree_of(logdir, follow_links=follow_links)
    tree.look()
    for name, files in tree.runs.items():
        log = Log(files[0].parent, name)
        log.poll(files)
        runs[name] = log.run()
    return joined(runs, roles)


def families(names: Iterable[str]) -> list[list[str]]:
    """The runs in the groups that may turn out to be one training, each beginning with the training itself."""
    names = sorted(names)
    heads = {name: name for name in names}
    for head, others in [
        *((head, list(others.values())) for head, others in partners(names).items()),
        *lines(names).items(),
    ]:
        first = _head(heads, head)
        for other in others:
            heads[_head(heads, other)] = first
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(_head(heads, name), []).append(name)
    return [[head, *(name for name in members if name != head)] for head, members in found.items()]


def joined(runs: Mapping[str, Run], roles: Mapping[str, str] | None = None) -> list[Run]:
    """The runs with those that belong together made one (`x/train` and `x/validation`), under the training's name.

    `roles` is the user's own word on which tag is what (`{"train_loss": "my/tag"}`).
    """
    roles = roles or {}
    training = {role: tag for role, tag in roles.items() if CHOOSABLE[role] == TRAIN_LOSS}
    further = {role: tag for role, tag in roles.items() if role not in training}
    whole = dict(runs)
    for name, below in lines(runs).items():
        whole[name], gone = with_lines(whole[name], [whole[each] for each in below if each in whole])
        for each in gone:
            del whole[each]
    if training:  # what belongs together is told by the training loss
        whole = {name: overruled(run, training) for name, run in whole.items()}
    found: dict[str, Run] = {}
    belongs = partners(whole)
    taken: set[str] = set()
    for name, run in whole.items():
        partner = {split: whole[other] for split, other in belongs.get(name, {}).items()}
        found[name], splits = join(run, partner)
        taken.update(belongs[name][split] for split in splits)
    return [overruled(run, further) if further else run for name, run in found.items() if name not in taken]


def _head(heads: Mapping[str, str], name: str) -> str:
    while heads[name] != name:
        name = heads[name]
    return name
