"""The steps of a run: how large they were, what they left of a gradient, and what is said of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tb_lossdiag.evidence import Curve, Evidence, Line, Mark
from tb_lossdiag.finding import Finding, Remedy, Severity, about
from tb_lossdiag.series import Series
from tb_lossdiag.signals.optimizer import Optimizer

__all__ = ["EARLY", "LEAST", "OFF", "RATIO", "TOGETHER", "Steps", "lasting"]

RATIO = 0.1  # update / weights that is doubtful when it lasts (TheDeepChecker: above 0.1 is too fast)
WARM = 0.5  # first learning rate as a share of the largest: below it the first step says nothing
OFF = 0.5  # half of the weights replaced at each step: from then on the ratio says little of the rate
EARLY = 40  # sampled steps in which a network that is thrown off is thrown off
TOGETHER = 3  # steps whose median must be large: a single large step is a bad batch
PAIRS = 10  # of steps in a row, before what is left of a gradient says something
SHORT = 0.15  # what all of the first steps leave of a gradient at least where they stop short of where it leads, however large they are
LEAST = 2.0  # times too high: less is no fault


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps of a run, and what any finding says of them. `ratio` is the largest update ratio that lasted, `best` the one to aim at."""

    ratio: float
    ratios: Series
    responses: Series | None
    loss: Series
    lr: Series | None
    optimizer: Optimizer | None
    best: float

    @property
    def response(self) -> float:
        """What the steps of the first half left of a gradient, NaN where that is not known."""
        return (
            float(np.median(self.responses.head(0.5)))
            if self.responses is not None and len(self.responses) >= PAIRS
            else math.nan
        )

    @property
    def stop_short(self) -> bool:
        """Whether each of the first steps left some of its gradient: small embeddings grow by large ones, and none goes too far."""
        first = self.responses.values[:PAIRS] if self.responses is not None else ()
        return len(first) == PAIRS and bool(np.min(first) > SHORT)

    @property
    def told(self) -> float:
        """The ratio that tells by how much the rate is off: of the very first step, where later ones are steps of a network thrown off.

        Weights grow with such steps, or explode, so that ratios end near 1 or far above, whatever the rate was.
        """
        first = float(self.ratios.values[0]) / (self.optimizer.first_step if self.optimizer is not None else 1.0)
        plain = self.ratio > OFF and first > RATIO and math.isfinite(first) and not self.warming
        return first if plain else self.ratio

    @property
    def warming(self) -> bool:
        """Whether the rate rises from its first value to a multiple of it."""
        known = self.lr is not None and len(self.lr) > 0
        return known and self.lr is not None and bool(self.lr.values[0] < WARM * self.highest)

    @property
    def highest(self) -> float:
        """The largest learning rate of the run."""
        return float(self.lr.finite().values.max(initial=0.0)) if self.lr is not None else 0.0

    @property
    def at_highest_rate(self) -> Series:
        """What the update ratios would be if the learning rate were at its highest all along; as they are where it is not known."""
        if self.lr is None or not len(self.lr):
            return self.ratios
        rates = np.interp(self.ratios.steps, self.lr.steps, self.lr.values)
        known = rates > 0
        return Series(self.ratios.steps[known], self.ratios.values[known] * self.highest / rates[known])

    @property
    def factor(self) -> float:
        """By how much the rate is too high, by the size of the steps and by what they leave of a gradient."""
        return max(self.told / self.best, 1.0 - self.response if math.isfinite(self.response) else 0.0, LEAST)

    @property
    def since(self) -> int:
        """The first step that was as large as those that lasted."""
        return int(self.ratios.steps[int(np.argmax(self.ratios.values >= self.ratio))])

    @property
    def now(self) -> float:
        """The learning rate at the start, or where a warm-up led to; 0 where it is not known."""
        if self.lr is not None and len(self.lr):
            return self.highest if self.warming else float(self.lr.values[0])
        groups = self.optimizer.groups if self.optimizer is not None else ()
        return float(groups[0].get("lr") or 0.0) if groups else 0.0

    @property
    def beyond_all(self) -> float:
        """By how much the learning rate is above any that is worth a try."""
        return self.now / self.optimizer.highest if self.optimizer is not None else 0.0

    def finding(
        self, summary: str, sure: float, factor: float, *, since: int, severity: Severity | None = None
    ) -> Finding:
        """What is to be said, with the pictures and the rate to use."""
        return Finding(
            summary=summary,
            confidence=sure,
            severity=severity,
            since=since,
            evidence=_evidence(self.ratios, self.responses, self.loss, self.best),
            remedies=_remedies(factor, self),
            factor=factor,
        )


def lasting(ratio: Series) -> float:
    """The largest update ratio that lasted for a few sampled steps, among the first ones; infinite where it overflowed."""
    early = ratio.values[:EARLY]
    early = np.where(np.isnan(early), np.inf, early) if not np.isfinite(early).all() else early
    if len(early) < TOGETHER:
        return 0.0
    lasting = np.median(np.lib.stride_tricks.sliding_window_view(early, TOGETHER), axis=1)
    return float(min(lasting.max(), 1e6))


def _evidence(ratio: Series, response: Series | None, loss: Series, usual: float) -> list[Evidence]:
    evidence: list[Evidence] = [
        Curve(
            "Update ratio (median over layers)",
            [Line("update / weights", "observed", ratio)],
            "ratio",
            [Mark("level", "too large", RATIO), Mark("level", "usual", usual)],
            "log",
        ),
        Curve("Training loss", [Line("train", "observed", loss)], "loss"),
    ]
    if response is not None:
        evidence.append(
            Curve(
                "What is left of a gradient after its own step",
                [Line("response", "observed", response)],
                "ratio",
                [Mark("level", "just right", 0.0), Mark("level", "every step makes it worse", -1.0)],
            )
        )
    return evidence


def _remedies(factor: float, steps: Steps) -> tuple[Remedy, ...]:
    expect = f"An update ratio near {steps.best:g}, and a loss that falls from the first steps."
    warm = Remedy("Or warm it up", "torch.optim.lr_scheduler.LinearLR(optimizer, 0.01, total_iters=500)")
    now = steps.now
    if not now:
        return (Remedy(f"Lower the learning rate by {about(factor)} times", "", expect), warm)
    name = steps.optimizer.type if steps.optimizer is not None else "SGD"
    code = f"torch.optim.{name}(model.parameters(), lr={now / factor:.1g})"
    return (Remedy(f"Lower the learning rate from {now:g} to about {now / factor:.1g}", code, expect), warm)
