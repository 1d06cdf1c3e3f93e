"""Which runs a log directory holds, or several directories do, and the files of each; followed as they come and go."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import chain
from pathlib import Path

from tb_lossdiag.reader import Given, Log, RemoteFile, from_there, is_remote, tree_of, within
from tb_lossdiag.series import Run

__all__ = ["Directory", "parse_logdir_spec"]

NOTHING = "No event files below {}. Log with DiagWriter or any SummaryWriter; new runs appear here by themselves."
NOWHERE = "No log directory was given: start TensorBoard with --logdir DIR."

QUIET = 600.0  # seconds without a change after which a file is looked at in turn: few trainings go on after that
TURNS = 3  # looks that such a turn takes
THOROUGH = 12  # looks after which it is told anew which files have been quiet for so long

Seen = tuple[bytes, int, int, int]
"""A file as it was read: its path, as its root calls it, time, size and number."""

Turns = list[list[Seen]]
"""Files that are looked at each time, and then those of each turn."""


class Directory:
    """The runs of one log directory, or of several with a name each; or those that `remote` gives, all of them each time.

    `logs` reads each run, by name, and `files` are its event files; `message` is what the user should know about the whole, or "".
    """

    def __init__(
        self, logdir: str | Mapping[str, str], *, follow_links: bool, remote: Callable[[], Sequence[Run]] | None
    ) -> None:
        self._roots = dict(logdir) if isinstance(logdir, Mapping) else {"": logdir} if logdir else {}
        self._trees = {prefix: tree_of(root, follow_links=follow_links) for prefix, root in self._roots.items()}
        self._remote = remote
        self._seen: list[tuple[str, Turns]] = []  # files as they were read, by root; filled when it is asked for
        self._looks = 0
        self.logs: dict[str, Log | Given] = {}
        self.files: dict[str, Sequence[Path | RemoteFile]] = {}
        self.message = ""

    @property
    def name(self) -> str:
        """The directory (or directories) as the user named them."""
        return ", ".join(self._roots.values())

    def look(self) -> bool:
        """Bring `logs`, `files` and `message` up to date; whether there are other runs or files than before."""
        if self._remote is not None:
            given = {run.name: run for run in self._remote()}
            changed = self._keep(given)
            for name, run in given.items():
                log = self.logs.setdefault(name, Given())
                if isinstance(log, Given):
                    log.update(run)
            problems = [] if given else [NOTHING.format("what TensorBoard reads")]
        else:
            changed, problems = self._discover()
            if not self.files and not problems:
                problems = [NOTHING.format(self.name) if self._roots else NOWHERE]
        self.message = " ".join(problems)
        if changed:
            self._seen = []
        return changed

    def unchanged(self, *, thorough: bool = True) -> bool:
        """Whether no file has changed since all were read: one `stat` each and hardly more, as this is what most looks come to.

        Unless it is `thorough`, files that have been quiet for long share the next looks: what goes on in one of them is seen
        two looks later.
        """
        self._looks += 1
        if not self._seen or self._looks % THOROUGH == 0:
            self._seen = self._all_seen()
        turns = range(TURNS) if thorough else (self._looks % TURNS,)
        try:
            if all(_as_read(root, [files[0], *(files[1 + turn] for turn in turns)]) for root, files in self._seen):
                return True
        except OSError:
            pass
        self._seen = []
        return False

    def _all_seen(self) -> list[tuple[str, Turns]]:
        """Every file as it was read, by the root that it is asked for from: those that grow, then the quiet ones by their turn."""
        roots = [str(Path(each).expanduser()) for each in self._roots.values()]
        grow: dict[str, list[Seen]] = {}
        quiet: dict[str, list[Seen]] = {}
        since = (time.time() - QUIET) * 1e9
        for log in self.logs.values():
            for path, modified, size, inode in log.seen:
                root = next((each for each in roots if path.startswith(each.rstrip(os.sep) + os.sep)), os.curdir)
                files = quiet if modified < since else grow
                files.setdefault(root, []).append((from_there(root, path), modified, size, inode))
        return [
            (root, [grow.get(root, []), *(quiet.get(root, [])[turn::TURNS] for turn in range(TURNS))])
            for root in dict.fromkeys([*grow, *quiet])
        ]

    def _keep(self, names: Collection[str]) -> bool:
        """Let go of all other runs; whether these are others than before."""
        same = self.logs.keys() == set(names)
        for gone in self.logs.keys() - set(names):
            del self.logs[gone]
        return not same

    def _discover(self) -> tuple[bool, list[str]]:
        """Bring runs and their files up to date: whether they are others than before, and what could not be looked into."""
        changed = False
        problems: list[str] = []
        closed: list[OSError] = []
        for tree in self._trees.values():
            had = len(tree.runs)
            try:
                changed |= tree.look()
            except OSError as error:
                problems.append(str(error))
                changed |= had > 0
                continue
            closed += tree.closed
        if closed:
            one = len(closed) == 1
            first = Path(closed[0].filename or "").name
            problems.append(
                f"{len(closed):,} {'directory' if one else 'directories'} below could not be read and "
                f"{'was' if one else 'were'} left out ({first}: {closed[0].strerror})."
            )
        if changed:
            trees = self._trees.items()
            self.files = {_below(prefix, name): each for prefix, tree in trees for name, each in tree.runs.items()}
            self._keep(self.files)
            for name, files in self.files.items():
                if name not in self.logs:
                    self.logs[name] = Log(files[0].parent, name)
        return changed, problems


def _as_read(root: str, turns: Turns) -> bool:
    """Whether all these files are as they were read."""
    stat = os.stat
    with within(root) as place:
        for path, modified, size, inode in chain.from_iterable(turns):
            now = stat(path, dir_fd=place)
            if now.st_mtime_ns != modified or now.st_size != size or now.st_ino != inode:
                return False
    return True


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
        if not colon or part.startswith("/") or is_remote(part) or os.path.splitdrive(part)[0]:
            name, path = "", part
        if not is_remote(path):
            path = os.path.realpath(Path(path).expanduser())
        found[path if name in found else name] = path
    return found


def _below(prefix: str, name: str) -> str:
    """The name of a run below a root that has a name itself."""
    return f"{prefix}/{name}" if prefix else name
