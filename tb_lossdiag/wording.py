"""Values as a person reads them: numbers, lists of names, how sure, and a curve in one line of characters.

For texts only (sentences, the terminal, Markdown); the page formats its own numbers.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["counted", "inline", "joined", "likely", "number", "percent", "printable", "quantity", "sparkline"]

BLOCKS = "▁▂▃▄▅▆▇█"
BROKEN = "×"  # stands for NaN and infinity in a sparkline
CONFIDENCE = ((0.95, "almost certain"), (0.80, "very likely"), (0.60, "likely"), (0.40, "possible"), (0.0, "unlikely"))
DECADES = 100.0  # a sparkline whose values span more than this is drawn on a logarithmic scale
UNPRINTABLE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")  # control, invisible (and text-turning), broken, unassigned


def number(value: float) -> str:
    """Three significant digits, thousands separated: `1,234`, `0.00123`, `1.2e-07`, `NaN`.

    >>> [number(each) for each in (2.3, 1234.5, 1e-7, 0.1 + 0.2, float("inf"))]
    ['2.3', '1,234', '1e-07', '0.3', '∞']
    """
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞" if value > 0 else "-∞"
    if value == int(value) and abs(value) < 1e7:  # noqa: PLR2004  (beyond, digits are counted rather than read)
        return f"{int(value):,}"
    if 100 <= abs(value) < 1e7:  # noqa: PLR2004
        return f"{value:,.0f}"
    return f"{value:.3g}"


def percent(share: float) -> str:
    """A share as a percentage, with a decimal only where it says something.

    >>> [percent(each) for each in (0.98, 0.0042, 1.0, float("nan"))]
    ['98 %', '0.42 %', '100 %', 'NaN']
    """
    if not math.isfinite(share):
        return number(share)
    return f"{100 * share:.2g} %" if 0 < abs(share) < 0.1 else f"{100 * share:.0f} %"  # noqa: PLR2004


def quantity(value: str | float, unit: str) -> str:
    """A value of evidence with its unit; `unit` is one of `evidence.Unit`.

    >>> [quantity(0.98, "share"), quantity(3, "seconds"), quantity(0.1, "learning rate"), quantity("SGD", "value")]
    ['98 %', '3 s', '0.1', 'SGD']
    """
    if isinstance(value, str):
        return printable(value)
    if unit == "share":
        return percent(value)
    return f"{number(value)} s" if unit == "seconds" else number(value)


def likely(confidence: float) -> str:
    """How sure, in words and as a number.

    >>> likely(0.93)
    'very likely (93 %)'
    """
    word = next((word for least, word in CONFIDENCE if confidence >= least), "unlikely")
    return f"{word} ({percent(confidence)})"


def counted(count: int, noun: str) -> str:
    """A count and its noun.

    >>> counted(1, "cause"), counted(2, "cause")
    ('1 cause', '2 causes')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def joined(names: Sequence[str], *, most: int = 5) -> str:
    """Names as part of a sentence; beyond `most` they are counted.

    >>> joined(["fc1"]), joined(["fc1", "fc2"]), joined(["a", "b", "c", "d"], most=3)
    ('fc1', 'fc1 and fc2', 'a, b and 2 more')
    """
    if len(names) > most:
        return f"{', '.join(names[: most - 1])} and {len(names) - most + 1} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def inline(title: str) -> str:
    """A title in the middle of a sentence: its first letter is small unless the word is a name of its own.

    >>> inline("Dead units"), inline("NaN or infinity"), inline("ReLU never fires")
    ('dead units', 'NaN or infinity', 'ReLU never fires')
    """
    first = title.partition(" ")[0]
    return title[:1].lower() + title[1:] if first[1:].islower() else title


def printable(text: str) -> str:
    r"""`text` on one line, with characters that a terminal would obey, hide or refuse shown as escapes.

    >>> printable("run" + chr(27) + "[31m" + chr(0x202e) + "é")
    'run\\x1b[31m\\u202eé'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character.encode("unicode_escape").decode() if unicodedata.category(character) in UNPRINTABLE else character
        for character in text
    )


def sparkline(values: ArrayLike, width: int) -> str:
    """A curve in at most `width` characters; `×` where it is NaN or infinite, on a logarithmic scale if it spans decades.

    >>> sparkline([1, 2, 3, 4, float("nan")], 5)
    '▁▃▆█×'
    """
    heights = np.asarray(values, dtype=np.float64)
    finite = heights[np.isfinite(heights)]
    if len(finite) and finite.min() > 0 and finite.max() / DECADES > finite.min():
        heights = np.log(heights, out=np.full(len(heights), np.nan), where=np.isfinite(heights))
    columns = np.array([_column(each) for each in np.array_split(heights, min(width, len(heights)) or 1)])
    finite = columns[np.isfinite(columns)]
    low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 0.0)
    return "".join(_block(each, low, high) for each in columns) if len(heights) else ""


def _column(stretch: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    """What one character stands for: the middle of its stretch, or broken where any point of it is."""
    return float(np.median(stretch)) if len(stretch) and np.isfinite(stretch).all() else math.nan


def _block(height: float, low: float, high: float) -> str:
    if not math.isfinite(height):
        return BROKEN
    span = high / 2 - low / 2  # halves, so that no range overflows; half of the smallest number is 0
    share = (height / 2 - low / 2) / span if span > 0 else 0.5
    return BLOCKS[round(share * (len(BLOCKS) - 1))] if math.isfinite(share) else BLOCKS[0]
