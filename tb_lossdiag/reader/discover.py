"""Which directories of a log directory are runs, named as TensorBoard names them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

__all__ = ["discover", "event_files"]


def discover(
    logdir: str | Path, *, follow_links: bool = False, on_error: Callable[[OSError], None] | None = None
) -> dict[str, Path]:
    """Every directory that holds event files, by its path relative to `logdir`; the root itself is called `.`.

    Symbolic links to directories are followed where they stay inside the log directory, and elsewhere with `follow_links`;
    circles end where they close. A directory below that cannot be read is left out, and told to `on_error`. Raises
    FileNotFoundError, NotADirectoryError or PermissionError, with a sentence, where there is nothing to look into.
    """
    root = Path(logdir).expanduser()
    _check(root, logdir)
    top = os.path.realpath(root)
    return {
        _name(path, root): path
        for path in sorted(_directories(root, top, (top,), follow_links, on_error))
        if event_files(path)
    }


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


def _directories(
    directory: Path,
    top: str,
    above: tuple[str, ...],
    follow_links: bool,
    on_error: Callable[[OSError], None] | None,
) -> Iterator[Path]:
    """`directory` and all below it; `above` are the real paths on the way down, so that circles are seen."""
    yield directory
    try:
        with os.scandir(directory) as entries:
            below = [(each.path, each.is_symlink()) for each in entries if each.is_dir()]
    except OSError as error:
        if on_error is not None:
            on_error(error)
        return
    for path, link in below:
        real = os.path.realpath(path) if link else os.path.join(above[-1], os.path.basename(path))  # noqa: PTH118, PTH119
        inside = real == top or real.startswith(top.rstrip(os.sep) + os.sep)
        if real not in above and (not link or inside or follow_links):
            yield from _directories(Path(path), top, (*above, real), follow_links, on_error)


def _name(path: Path, root: Path) -> str:
    """The run's name as text that can be shown and sent: bytes that are no UTF-8 become question marks."""
    return os.fsencode(path.relative_to(root).as_posix()).decode("utf-8", "replace")
