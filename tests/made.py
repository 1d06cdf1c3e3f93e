"""Signals written down by hand, for tests: what a run would hold, in a line."""

from __future__ import annotations

import numpy as np

from tb_lossdiag.finding import Finding
from tb_lossdiag.series import Series, series
from tb_lossdiag.signals.loss import Shape, shape
from tb_lossdiag.signals.structure import Module, Parameter


def alarms(finding: Finding | None) -> bool:
    """Whether a rule says more than a remark."""
    return finding is not None and finding.severity != "info"


def remarks(finding: Finding | None) -> bool:
    """Whether a rule says something, but alarms nobody."""
    return finding is not None and finding.severity == "info"


def flat(value: float, points: int = 50) -> Series:
    """The same value again and again."""
    return series(*[value] * points)


def falling(start: float, end: float, points: int = 200, noise: float = 0.02) -> Series:
    """An ordinary loss: exponential from `start` towards `end`, with reproducible jitter."""
    time = np.linspace(0, 6, points)
    jitter = noise * (end + 0.1 * start) * np.sin(37.0 * np.arange(points) ** 1.3)
    return series(*((start - end) * np.exp(-time) + end + jitter))


def line(start: float, end: float, points: int = 200) -> Series:
    """A straight line."""
    return series(*np.linspace(start, end, points))


def form(curve: Series) -> Shape:
    """A curve's shape; the curve must have one."""
    found = shape(curve)
    assert found is not None
    return found


def weight(name: str, **changes: object) -> Parameter:
    """A healthy trainable weight of 64 x 64."""
    facts: dict[str, object] = {
        "name": name,
        "module": name.rpartition(".")[0],
        "kind": "weight",
        "shape": (64, 64),
        "numel": 4096,
        "trainable": True,
        "optimized": True,
        "fan_in": 64,
        "fan_out": 64,
        "init_std": 0.072,
        "init_abs_max": 0.125,
        "identical_rows": False,
    }
    return Parameter(**(facts | changes))  # type: ignore[arg-type]


def module(name: str, kind: str, order: int, **settings: object) -> Module:
    """A leaf module in its place of the forward pass."""
    return Module(name, kind, order, settings, 0)
