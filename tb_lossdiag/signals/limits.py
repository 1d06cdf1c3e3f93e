"""Limits: between which values the outputs stay, whatever the network learns, by its last module or by what the outputs show."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tb_lossdiag.signals.data import Features
from tb_lossdiag.signals.outputs import CLOSE, Outputs
from tb_lossdiag.signals.signal import signal
from tb_lossdiag.signals.structure import RECURRENT, Module

__all__ = ["Limit", "limit_of", "output_limit"]

OFTEN = 0.1  # share of the batches that reach a limit: a function that is pressed against its limits does so often
A_LITTLE = (
    0.3  # standard deviations that the furthest value lies beyond a limit: noise about it, which costs next to nothing
)
USUAL = 0.5  # share of the batches in which a rectified output has an exact zero

INFINITE = math.inf
LIMITS = {
    "ReLU": (0.0, INFINITE), "Softplus": (0.0, INFINITE), "ReLU6": (0.0, 6.0), "Sigmoid": (0.0, 1.0), "Hardsigmoid": (0.0, 1.0),
    "Softmax": (0.0, 1.0), "Tanh": (-1.0, 1.0), "Softsign": (-1.0, 1.0), "LogSigmoid": (-INFINITE, 0.0),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Limit:
    """Between which values the outputs stay, and what keeps them there: `function` in words, `where` by the names of modules."""

    low: float
    high: float
    function: str
    where: tuple[str, ...]
    recurrent: bool = False

    @property
    def words(self) -> str:
        """What the function gives, as the end of a sentence."""
        if self.high == INFINITE:
            return f"nothing below {self.low:g}"
        return (
            f"nothing above {self.high:g}"
            if self.low == -INFINITE
            else f"only values from {self.low:g} to {self.high:g}"
        )

    def beyond(self, values: Features) -> float:
        """The share of all values out of reach, as if each component were normally distributed; none of one where none was seen well beyond."""
        return float(np.mean([self._beyond(values, i) for i in range(len(values.mean))]))

    def _beyond(self, values: Features, i: int) -> float:
        mean, std = float(values.mean[i]), max(float(values.std[i]), 1e-6 * abs(float(values.mean[i])), 1e-12)
        below = _normal((self.low - mean) / std) if values.min[i] < self.low - A_LITTLE * std else 0.0
        above = _normal((mean - self.high) / std) if values.max[i] > self.high + A_LITTLE * std else 0.0
        return below + above


def limit_of(module: Module) -> Limit | None:
    """What a module of this kind cannot put out; None for one that is not known to have a limit."""
    projected = bool(module.settings.get("proj_size"))
    rectified = any("relu" in str(module.settings.get(each)).lower() for each in ("mode", "nonlinearity"))
    if module.type in RECURRENT and not projected and not rectified:
        return Limit(*LIMITS["Tanh"], f"{module.name} ({module.type})", (module.name,), recurrent=True)
    if module.type not in LIMITS:
        return None
    return Limit(*LIMITS[module.type], f"{module.name} ({module.type})", (module.name,))


@signal(log="writer.watch(model, optimizer, loss_fn)")
def output_limit(outputs: Outputs, last_module: Module | None = None) -> Limit | None:
    """The limits that the last module has and the outputs keep, or those that the outputs alone show."""
    low, high = float(outputs.min.min()), float(outputs.max.max())
    own = limit_of(last_module) if last_module is not None else None
    if own is not None:
        return own if low >= own.low and high <= own.high else None
    least, most = outputs.min.min(axis=1), outputs.max.max(axis=1)
    zeros = float(np.mean(least == 0))
    if low == 0 and zeros > USUAL and not (outputs.mean.shape[1] > 1 and outputs.add_up):
        return Limit(0.0, INFINITE, "a ReLU at the end", ())
    # scores that happen to end near 1 do so once, not again and again
    top = float(np.mean(most > 1 - CLOSE))
    if low >= 0 and high <= 1 and min(top, float(np.mean(least < CLOSE))) > OFTEN:
        return Limit(0.0, 1.0, "a sigmoid at the end", ())
    if low >= -1 and high <= 1 and min(top, float(np.mean(least < CLOSE - 1))) > OFTEN:
        return Limit(-1.0, 1.0, "a tanh at the end", ())
    return None


def _normal(deviations: float) -> float:
    """Share of a normal distribution below so many standard deviations."""
    return 0.5 * math.erfc(-deviations / math.sqrt(2))
