"""Which directories of a log directory are runs, named as TensorBoard names them."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["discover", "event_files"]


def discover(logdir: str | Path) -> dict[str, Path]:
    """Every directory that holds event files, by its path relative to `logdir`; the root itself is called `.`.

    Symbolic links to directories are not followed: they may lead out of the log directory, or in circles. Raises
    FileNotFoundError or NotADirectoryError, with a sentence, where there is nothing to look into.
    """
    root = Path(logdir).expanduser()
    if not root.exists():
        message = f"There is no directory {logdir}: check the path, or start a training that logs there."
        raise FileNotFoundError(message)
    if not root.is_dir():
        message = f"{logdir} is not a directory: name the directory that holds the event files."
        raise NotADirectoryError(message)
    found = {}
    for directory, below, names in os.walk(root, followlinks=False):
        below.sort()
        if any(is_event_file(name) for name in names):
            path = Path(directory)
            found[path.relative_to(root).as_posix()] = path
    return found


def event_files(directory: Path) -> list[Path]:
    """A run's event files, in the order in which they were begun (their names start with the time)."""
    try:
        names = sorted(entry.name for entry in os.scandir(directory) if is_event_file(entry.name) and entry.is_file())
    except OSError:
        return []
    return [directory / name for name in names]


def is_event_file(name: str) -> bool:
    """As TensorBoard decides (`io_wrapper.IsTensorFlowEventsFile`, less the profiler's empty marker)."""
    return "tfevents" in name and not name.endswith(".profile-empty")
