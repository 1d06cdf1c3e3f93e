"""diagnose(run) -> Report: the whole pipeline in one function, and what a report holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tb_lossdiag.evidence import Curve, Heatmap
from tb_lossdiag.ranking import Ranked, Undecided
from tb_lossdiag.verdict import Verdict

__all__ = ["NotChecked", "Report", "Resolution"]


@dataclass(frozen=True, slots=True)
class NotChecked:
    """A cause that could not be looked for: the signals it needs, and the line of code that logs them."""

    cause: str
    needs: Sequence[str]
    log: str


@dataclass(frozen=True, slots=True)
class Resolution:
    """How much of the log was seen: points of the longest loss curve, and whether TensorBoard had sampled them."""

    points: int
    sampled: bool


@dataclass(frozen=True, slots=True)
class Report:
    """The diagnosis of one run.

    `findings` come most important first. `losses` draws the loss curves with the verdict's stretch marked; `layers` are heat maps of
    the figures by layer and step; `figures` are numbers about the run (`train loss, last`, `val loss, best`, ...);
    `settings` are what the user chose (`lr`, `batch size`, `optimizer`, ...) and what comparisons compare; `sources` says
    which tag was taken for which quantity. `updated` is seconds since the epoch of the last event.
    """

    run: str
    verdict: Verdict
    headline: str
    findings: Sequence[Ranked]
    undecided: Sequence[Undecided]
    checked: Sequence[str]
    not_checked: Sequence[NotChecked]
    resolution: Resolution
    warnings: Sequence[str]
    losses: Curve | None = None
    layers: Sequence[Heatmap] = ()
    figures: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, str | float] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    updated: float | None = None
