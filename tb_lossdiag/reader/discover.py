"""Which directories of a log directory are runs, named as TensorBoard names them, and which files are theirs.

A look at a directory whose runs are known costs at most one `stat` a directory: what a directory holds changes its time.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tb_lossdiag.reader.near import from_there, within

__all__ = ["Tree", "discover", "event_files"]

SETTLED = 2.0  # seconds after a directory's change before its time is believed: within a tick it may change unseen
THOROUGH = 12  # looks after which all is read again: some network file systems do not keep a directory's time
STILL = 60.0  # seconds without a change after which a run's own directory is looked at in turn: its files grow, new ones are rare
TURNS = 3  # looks that such a turn takes


@dataclass(slots=True)
class _Folder:
    """What a directory held, and its time; 0 where that is not to be believed. `below` is (path, real path).

    It is `still` where it is a run, with no other below, and had not changed for a while when it was looked at.
    """

    time: int
    files: list[Path]
    below: list[tuple[str, str]]
    still: bool = False


@dataclass(slots=True)
class Tree:
    """The runs of a log directory, and the event files of each, by name, followed as they come and go.

    Symbolic links are followed where they stay inside the log directory, and elsewhere with `follow_links`; circles end where
    they close. `closed` are the errors of those directories below that cannot be read; they are left out.
    """

    logdir: str | Path
    follow_links: bool = False
    runs: dict[str, list[Path]] = field(default_factory=dict)
    closed: list[OSError] = field(default_factory=list)
    _folders: dict[str, _Folder] = field(default_factory=dict)
    _turns: list[list[tuple[bytes, int]]] = field(default_factory=list)  # as the root calls them, and their times
    _looks: int = 0

    def look(self) -> bool:
        """Bring `runs` up to date; whether anything changed.

        Raises FileNotFoundError, NotADirectoryError or PermissionError, with a sentence, where there is nothing to look into.
        """
        self._looks += 1
        if self._folders and self._looks % THOROUGH and self._unchanged():
            return False
        root = Path(self._root)
        try:
            _check(root, self.logdir)
        except OSError:
            self.runs, self._folders = {}, {}
            raise
        known = self._folders if self._looks % THOROUGH else {}
        self._folders, self.closed = {}, []
        top = os.path.realpath(root)
        self._enter(str(root), top, (top,), known)
        self._take_turns()
        runs = {_name(Path(path), root): each.files for path, each in sorted(self._folders.items()) if each.files}
        before, self.runs = self.runs, runs
        return runs != before

    @property
    def _root(self) -> str:
        return str(Path(self.logdir).expanduser())

    def _unchanged(self) -> bool:
        stat = os.stat  # a Path made for each would cost as much again
        try:
            with within(self._root) as root:
                return all(
                    stat(path, dir_fd=root).st_mtime_ns == time for path, time in self._turns[self._looks % TURNS]
                )
        except OSError:
            return False

    def _take_turns(self) -> None:
        """Share those directories that lie still among the next looks; all others are looked at each time."""
        known = [(from_there(self._root, path), each.time, each.still) for path, each in self._folders.items()]
        alive = [(path, time) for path, time, still in known if not still]
        lie = [(path, time) for path, time, still in known if still]
        self._turns = [alive + lie[turn::TURNS] for turn in range(TURNS)]

    def _enter(self, path: str, top: str, above: tuple[str, ...], known: dict[str, _Folder]) -> None:
        """Take in a directory and all below it; `above` are the real paths on the way down, so that circles are seen."""
        try:
            changed = Path(path).stat().st_mtime_ns
            folder = known.get(path)
            if folder is None or folder.time != changed:
                folder = self._read(path, changed, top, above[-1])
            inner = len(above) > 1 and folder.files and not folder.below  # new runs come elsewhere
            folder.still = bool(inner) and time.time() - changed / 1e9 > STILL
        except OSError as error:
            self.closed.append(error)
            self._folders[path] = _Folder(0, [], [])
            return
        self._folders[path] = folder
        for below, real in folder.below:
            if real not in above:
                self._enter(below, top, (*above, real), known)

    def _read(self, path: str, changed: int, top: str, real: str) -> _Folder:
        settled = time.time() - changed / 1e9 > SETTLED
        folder = _Folder(changed if settled else 0, [], [])
        with os.scandir(path) as entries:
            for each in entries:
                if each.is_dir():
                    target = os.path.realpath(each.path) if each.is_symlink() else os.path.join(real, each.name)  # noqa: PTH118
                    if not each.is_symlink() or self._allowed(target, top):
                        folder.below.append((each.path, target))
                elif (is_event_file(each.name) and each.is_file()) and (
                    not each.is_symlink() or self._allowed(os.path.realpath(each.path), top)
                ):
                    folder.files.append(Path(each.path))
        folder.files.sort(key=str)  # by name, which begins with the time of writing
        return folder

    def _allowed(self, real: str, top: str) -> bool:
        """Whether a link may be followed there."""
        return self.follow_links or real == top or real.startswith(top.rstrip(os.sep) + os.sep)


def discover(
    logdir: str | Path, *, follow_links: bool = False, on_error: Callable[[OSError], None] | None = None
) -> dict[str, Path]:
    """Every directory that holds event files, by its path relative to `logdir`; the root itself is called `.`.

    A directory below that cannot be read is left out, and told to `on_error`. Raises what `Tree.look` raises.
    """
    tree = Tree(logdir, follow_links)
    tree.look()
    if on_error is not None:
        for error in tree.closed:
            on_error(error)
    return {name: files[0].parent for name, files in tree.runs.items()}


def event_files(directory: Path) -> list[Path]:
    """A directory's event files by name, which begins with the time of writing; none where it cannot be read."""
    try:
        with os.scandir(directory) as entries:
            names = sorted(each.name for each in entries if is_event_file(each.name) and each.is_file())
    except OSError:
        return []
    return [directory / name for name in names]


def is_event_file(name: str) -> bool:
    """As TensorBoard decides (`io_wrapper.IsTensorFlowEventsFile`, less the profiler's empty marker)."""
    return "tfevents" in name and not name.endswith(".profile-empty")


def _check(root: Path, logdir: str | Path) -> None:
    """Raise what is wrong with the root, saying what to do."""
    try:
        root.stat()
    except PermissionError as error:
        raise PermissionError(f"{logdir} cannot be read: permission denied.") from error
    except (OSError, ValueError) as error:
        raise FileNotFoundError(
            f"There is no directory {logdir}: check the path, or start a training that logs there."
        ) from error
    if not root.is_dir():
        raise NotADirectoryError(f"{logdir} is not a directory: name the directory that holds the event files.")
    try:
        os.scandir(root).close()
    except OSError as error:
        raise PermissionError(f"{logdir} cannot be read: {(error.strerror or str(error)).lower()}.") from error


def _name(path: Path, root: Path) -> str:
    """The run's name as text that can be shown and sent: bytes that are no UTF-8 become question marks."""
    return os.fsencode(path.relative_to(root).as_posix()).decode("utf-8", "replace")
