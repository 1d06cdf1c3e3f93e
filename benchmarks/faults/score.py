"""Figures from trials: how often the injected cause comes first, how often healthy runs alarm, and what confidence is worth."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.faults.diagnoses import VIEWS, Said, Tried
from benchmarks.faults.harm import HURTS
from benchmarks.faults.injections import FAULTS
from benchmarks.faults.recipe import HELD_OUT
from tb_lossdiag.verdict import GOOD

__all__ = ["CONSEQUENCES", "Scored", "calibration_error", "held_out", "score", "stated"]

Pick = Callable[[Tried], bool]

CONSEQUENCES: Mapping[str, frozenset[str]] = {
    cause: frozenset(effects.split())
    for cause, effects in {
        "bad-initialization": "exploding-gradient vanishing-gradient dead-units saturated-units non-finite-values learning-rate-too-low learning-rate-too-high overfitting",
        "missing-nonlinearity": "insufficient-capacity",
        "activation-mismatch": "vanishing-gradient saturated-units dead-units",
        "loss-mismatch": "vanishing-gradient exploding-gradient non-finite-values saturated-units class-imbalance",
        "parameters-not-updated": "insufficient-capacity",
        "gradient-not-reset": "exploding-gradient learning-rate-too-high non-finite-values dead-units saturated-units",
        "unnormalized-input": "saturated-units dead-units exploding-gradient vanishing-gradient learning-rate-too-high learning-rate-too-low non-finite-values optimizer-mismatch",
        "unnormalized-target": "exploding-gradient learning-rate-too-low learning-rate-too-high non-finite-values dead-units undertrained",
        "learning-rate-too-high": "exploding-gradient non-finite-values dead-units saturated-units vanishing-gradient learning-rate-not-decayed",
        "learning-rate-too-low": "undertrained",
        "learning-rate-not-decayed": "",
        "optimizer-mismatch": "learning-rate-too-low learning-rate-too-high undertrained exploding-gradient non-finite-values dead-units learning-rate-not-decayed",
        "undertrained": "",
        "vanishing-gradient": "learning-rate-too-low undertrained",
        "exploding-gradient": "non-finite-values dead-units saturated-units learning-rate-too-high",
        "dead-units": "vanishing-gradient insufficient-capacity parameters-not-updated",
        "saturated-units": "vanishing-gradient",
        "over-regularization": "insufficient-capacity vanishing-gradient dead-units train-eval-gap",
        "insufficient-capacity": "",
        "batch-too-large": "undertrained",
        "batch-too-small": "learning-rate-not-decayed train-eval-gap",
        "unshuffled-data": "class-imbalance",
        "label-noise": "overfitting",
        "broken-input": "non-finite-values overfitting unrepresentative-validation uninformative-features dead-units",
        "uninformative-features": "overfitting",
        "class-imbalance": "overfitting",
        "non-finite-values": "exploding-gradient parameters-not-updated",
        "overfitting": "",
        "train-eval-gap": "overfitting",
        "unrepresentative-validation": "overfitting",
        "scenario-shift": "",
        "noisy-test-data": "",
    }.items()
}
"""What truly follows from each fault, judged before any run was diagnosed: a finding of it is right, though not first."""


@dataclass(frozen=True, slots=True)
class Scored:
    """The figures of one half of the trials. Every fraction is None where nothing was there to count."""

    figures: Mapping[str, float | None]
    loud: float | None
    counts: Mapping[str, int]
    causes: Mapping[str, Mapping[str, Any]]
    variants: Mapping[str, Mapping[str, Any]]
    alarms: Sequence[tuple[str, str, str]]
    calibration: Sequence[tuple[float, float, int]]
    views: Mapping[str, Mapping[str, float | None]]


def held_out(tried: Tried) -> bool:
    """Whether its family or task was kept from those who set the thresholds."""
    return any(part in HELD_OUT for part in tried.trial.base.split("/"))


def score(trials: Iterable[Tried], calibrated: Callable[[float], float] = float) -> Scored:
    """All figures of these trials; `calibrated` is a curve that was fitted on others."""
    known = [each for each in trials if each.error is None]
    faults = [each for each in known if each.trial.fault and each.harm >= HURTS]
    healthy = [each for each in known if not each.trial.fault]
    pairs = [(calibrated(raw), right) for each in (*faults, *healthy) for raw, right in stated(each)]
    rates = [each for each in faults if _factor(each) is not None]
    curves = [each for each in known if each.truth is not None and each.verdicts["curves"] != "too-short"]
    figures = {
        "root": _share(faults, _first),
        "top3": _share(faults, _among),
        "precision": _precision(faults, healthy),
        "false_alarms": _share(healthy, lambda each: bool(_loud(each))),
        "calibration_error": calibration_error(pairs),
        "learning_rate_factor": _share(rates, _near),
        "verdict": _share(curves, lambda each: each.verdicts["curves"] == each.truth),
    }
    counts = {
        "faults": sum(each.trial.fault for each in known), "hurting": len(faults), "healthy": len(healthy),
        "rates": len(rates), "verdicts": len(curves), "stated": len(pairs),
    }  # fmt: skip
    return Scored(
        figures, _share(faults, _first_and_loud), counts,
        {cause: _of_cause([each for each in faults if each.trial.cause == cause], known, cause) for cause in FAULTS},
        {
            f"{cause}: {variant.name}": _of_variant(
                [each for each in known if (each.trial.cause, each.trial.variant) == (cause, variant.name)]
            )
            for cause, variants in FAULTS.items() for variant in variants
        },
        [(each.trial.base, each.trial.variant or "clean", ", ".join(said.cause for said in _loud(each))) for each in healthy if _loud(each)],
        _bins(pairs),
        {view: _of_view(view, faults, healthy, known) for view in VIEWS},
    )  # fmt: skip


def _loud(tried: Tried, view: str = "full") -> list[Said]:
    return [each for each in tried.said[view] if each.loud]


def _roots(tried: Tried, view: str = "full", *, loud: bool = False) -> list[str]:
    """The causes of the findings that are no consequence, first to last; remarks (`info`) come after all else."""
    return [each.cause for each in tried.said[view] if each.role != "consequence" and (each.loud or not loud)]


def _first(tried: Tried, view: str = "full") -> bool:
    """Whether the first root finding is the injected cause."""
    return _roots(tried, view)[:1] == [tried.trial.cause]


def _first_and_loud(tried: Tried) -> bool:
    """Whether it is an error or a warning, too: a training that was cut short is remarked upon, for nothing is wrong with it."""
    return _roots(tried, loud=True)[:1] == [tried.trial.cause]


def _among(tried: Tried, view: str = "full") -> bool:
    return tried.trial.cause in [each.cause for each in tried.said[view]][:3]


def _right(tried: Tried, said: Said) -> bool:
    return tried.trial.fault and (said.cause == tried.trial.cause or said.cause in CONSEQUENCES[tried.trial.cause])


def _precision(faults: Sequence[Tried], healthy: Sequence[Tried]) -> float | None:
    said = [_right(each, one) for each in (*faults, *healthy) for one in _loud(each)]
    return float(np.mean(said)) if said else None


def stated(tried: Tried) -> list[tuple[float, bool]]:
    """Each raw confidence, and whether what it was said of is right. A fault that does no harm says nothing of it."""
    if tried.error is not None or (tried.trial.fault and tried.harm < HURTS):
        return []
    return [(each.confidence, _right(tried, each)) for each in _loud(tried)]


def calibration_error(pairs: Sequence[tuple[float, bool]]) -> float | None:
    """Expected calibration error over ten bins of equal width (Naeini et al. 2015)."""
    if not pairs:
        return None
    return sum(count * abs(said - right) for said, right, count in _bins(pairs)) / len(pairs)


def _bins(pairs: Sequence[tuple[float, bool]]) -> list[tuple[float, float, int]]:
    found = []
    for low in np.arange(0, 1, 0.1):
        inside = [(said, right) for said, right in pairs if low <= said < low + 0.1 or (said == 1 and low > 0.85)]  # noqa: PLR2004
        if inside:
            found.append(
                (
                    float(np.mean([said for said, _ in inside])),
                    float(np.mean([right for _, right in inside])),
                    len(inside),
                )
            )
    return found


def _factor(tried: Tried) -> float | None:
    """By how much the learning rate was put off, where it was."""
    if not tried.trial.cause.startswith("learning-rate-too"):
        return None
    return next(each.factor for each in FAULTS[tried.trial.cause] if each.name == tried.trial.variant)


def _near(tried: Tried) -> bool:
    """Whether a factor was named, and is within three times of the truth."""
    truth = _factor(tried)
    named = next((each.factor for each in tried.said["full"] if each.cause == tried.trial.cause), None)
    return bool(truth and named and abs(math.log(named / truth)) < math.log(3) + 1e-9)


def _share(trials: Sequence[Tried], holds: Pick) -> float | None:
    return float(np.mean([holds(each) for each in trials])) if trials else None


def _of_cause(faults: Sequence[Tried], known: Sequence[Tried], cause: str) -> dict[str, Any]:
    said = [
        _right(each, one)
        for each in known
        for one in _loud(each)
        if one.cause == cause and (not each.trial.fault or each.harm >= HURTS)
    ]
    instead = Counter(next(iter(_roots(one)), "silence") for one in faults if not _first(one))
    return {
        "hurting": len(faults),
        "root": _share(faults, _first),
        "top3": _share(faults, _among),
        "precision": float(np.mean(said)) if said else None,
        "instead": dict(instead.most_common(3)),
    }


def _of_variant(trials: Sequence[Tried]) -> dict[str, Any]:
    hurting = [each for each in trials if each.harm >= HURTS]
    harmless = [each for each in trials if each.harm < HURTS]
    return {
        "runs": len(trials),
        "hurting": len(hurting),
        "root": _share(hurting, _first),
        "top3": _share(hurting, _among),
        "harmless_loud": _share(harmless, lambda each: bool(_loud(each))),
    }


def _of_view(
    view: str, faults: Sequence[Tried], healthy: Sequence[Tried], known: Sequence[Tried]
) -> dict[str, float | None]:
    """The same figures where less was logged, and how often the verdict and the first cause stay what they were."""
    told = [each for each in known if each.verdicts[view] != "too-short"]

    def kind(verdict: str) -> str:
        return "good" if verdict in GOOD else verdict

    return {
        "root": _share(faults, lambda each: _first(each, view)),
        "false_alarms": _share(healthy, lambda each: bool(_loud(each, view))),
        "same_verdict": _share(told, lambda each: kind(each.verdicts[view]) == kind(each.verdicts["full"])),
        "same_cause": _share(
            [each for each in told if each in faults and _first(each)], lambda each: _first(each, view)
        ),
        "too_short": _share(known, lambda each: each.verdicts[view] == "too-short"),
    }
