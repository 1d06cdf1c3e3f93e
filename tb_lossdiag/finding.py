"""What a rule returns: that a cause was found, how sure, where, since when, and the evidence for it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tb_lossdiag.evidence import Evidence

__all__ = ["REMARK", "Finding", "Remedy", "Severity", "Stage", "about", "confidence", "percent"]

BEYOND = 10.0  # as a share: of more than that nobody counts percents
REMARK = 0.6  # how sure a rule is of what is suspect, and no more: severity "info", which alarms nobody
THOUSANDS = 1000  # beyond that a factor's digits say nothing

Severity = Literal["error", "warning", "info"]
Stage = Literal["setup", "train", "val", "test"]


@dataclass(frozen=True, slots=True)
class Remedy:
    """A change to make, as code for this run where possible, and what the next run shows if the diagnosis is right."""

    action: str
    code: str = ""
    expect: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """A cause that a rule found. `summary` is one sentence with the number and the name in it; evidence[0] is primary.

    `confidence` is between 0 and 1 and comes from `confidence()`. `since` is the step at which it began, `where` the
    layers or features concerned, earliest in the network first. `remedies` replace the rule's general ones. `factor` is by how
    many times a setting is too large (above 1) or too small (below 1), where the evidence gives it. `severity` overrides
    the rule's where this run deserves a milder word. `at_first` tells that it was so before the first step was taken,
    `hidden` that no training loss speaks against it, however low.
    """

    summary: str
    confidence: float
    evidence: Sequence[Evidence]
    since: int | None = None
    where: Sequence[str] = ()
    remedies: Sequence[Remedy] = ()
    factor: float | None = None
    severity: Severity | None = None
    at_first: bool = False
    hidden: bool = False


def confidence(value: float, *, doubtful: float, certain: float) -> float:
    """How sure `value` makes us: 0.5 at `doubtful`, 0.95 at `certain`, straight between and beyond, within 0 and 0.99.

    `certain` may lie on either side of `doubtful`; give logarithms for quantities that are judged by their magnitude.
    NaN gives 0: what is not known is no evidence.

    >>> confidence(0.5, doubtful=0.5, certain=0.95)
    0.5
    >>> confidence(10.0, doubtful=4.0, certain=8.0)
    0.99
    """
    scaled = 0.5 + 0.45 * (value - doubtful) / (certain - doubtful)
    return float(min(max(scaled, 0.0), 0.99)) if scaled == scaled else 0.0  # noqa: PLR0124  (NaN differs from itself)


def about(factor: float) -> str:
    """A factor to the one digit that an estimate has.

    >>> about(12.3), about(370), about(1e7)
    ('about 10', 'about 400', 'more than 1,000')
    """
    if not factor < THOUSANDS:
        return f"more than {THOUSANDS:,}"
    digit = 10 ** math.floor(math.log10(factor))
    return f"about {round(factor / digit) * digit:g}"


def percent(share: float) -> str:
    """A share as the summaries write it, with a space that does not break.

    >>> percent(0.981) == "98\N{NO-BREAK SPACE}%"
    True
    >>> percent(5.7e10) == "more than 1,000\N{NO-BREAK SPACE}%"
    True
    """
    text = f"{share:.0%}" if not share > BEYOND else f"more than {BEYOND:,.0%}"
    return text.replace("%", "\N{NO-BREAK SPACE}%")
