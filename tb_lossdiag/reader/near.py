"""Asking the system about many paths below one directory, from there: so it need not walk down to the directory for each of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["from_there", "within"]

CAN = os.stat in os.supports_dir_fd  # not on Windows
OPENED = os.O_RDONLY | getattr(os, "O_PATH", 0)  # for which it is enough that a directory may be passed through


@contextmanager
def within(directory: str) -> Iterator[int | None]:
    """What `os.stat` takes as `dir_fd` for the paths of `from_there`. Raises OSError where there is no such directory.

    It is opened for each look anew: what is called so by then may be another directory than before.
    """
    if not CAN:
        yield None
        return
    place = os.open(directory, OPENED)
    try:
        yield place
    finally:
        os.close(place)


def from_there(directory: str, path: str) -> bytes:
    """A path as it is called from the directory; whole where it is elsewhere, or where the system knows no such names."""
    if not CAN:
        return os.fsencode(path)
    return os.fsencode("." if path == directory else path.removeprefix(directory.rstrip(os.sep) + os.sep))
