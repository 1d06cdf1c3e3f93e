"""What the command line says of input that it cannot use: one line, with a hint where there is one."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

__all__ = ["UnusableError", "close_to", "listed", "shown"]

MOST = 6


class UnusableError(Exception):
    """The input cannot be used; the message is the one line that says why."""


def close_to(name: str, names: Sequence[str]) -> str:
    """A question after a name that does not exist, or "" where none is like it."""
    from tb_lossdiag.wording import printable  # noqa: PLC0415  (numpy comes with it, and `--help` needs none)

    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(map(printable, close))}?" if close else ""


def listed(names: Sequence[str]) -> str:
    """Names in a sentence; many are counted."""
    from tb_lossdiag.wording import joined, printable  # noqa: PLC0415

    return joined([printable(name) for name in names], most=MOST)


def shown(name: object) -> str:
    """A name in a message, on one line whatever it holds."""
    from tb_lossdiag.wording import printable  # noqa: PLC0415

    return f"'{printable(str(name))}'"
