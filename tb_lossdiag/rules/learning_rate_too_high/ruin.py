"""Steps that lose the network at once: a loss that is not finite or blows up, or a network that is off from then on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tb_lossdiag.finding import REMARK, Finding, about, confidence, percent
from tb_lossdiag.rules.learning_rate_too_high.harm import HALF, SMALL
from tb_lossdiag.rules.learning_rate_too_high.sizes import EARLY, LEAST, OFF, Steps
from tb_lossdiag.series import Layers, Series
from tb_lossdiag.signals.loss import signed
from tb_lossdiag.signals.structure import Parameters

__all__ = [
    "BEYOND",
    "LATE",
    "MOST",
    "at_once",
    "ended",
    "leapt",
    "mute",
    "remark",
    "silenced",
    "switched_off",
    "thrown",
]

BEYOND = 2.5  # times the optimizer's usual one, which is as doubtful where that is more
MOST = 0.5  # share of a layer's units, as for `saturated-units` and `dead-units`
LATE = 0.2  # of the run, as for `dead-units`
BLOWS_UP, BLOWN = 100.0, 0.9  # times the largest of the first losses at which a run ends, and how sure that makes us
RUNS = 2  # losses in a row, ever larger and that many times the usual one, before it is not finite: a NaN in the data comes at once
# update / weights from which on steps are what made a network mute, and how sure that makes us
MUTED, GONE = 0.05, 0.85
# update / weights of a single step that replaces them, and what is left of that in the middle of the later ones
LEAPS, REST = 1.0, 0.01
# times the first loss that one of the next few comes to; and share of the loss that is left, as in `ranking.WELL`
THROWN, SOME = 10.0, 0.12
LEAPT = 1.3  # times the first loss that the next few come to
SEVERAL, ENDED = 2, 0.75  # layers without any gradient, and how sure of the steps that makes us
FATAL = 10.0  # times lower is worth a try where steps have switched a network off, however large they were


def at_once(steps: Steps, *, alone: bool) -> Finding | None:
    """A loss that is lost at the first steps, so that none of them lasts, or that blows up at the end; a critic's may grow with the values."""
    thrown = _thrown_off(steps.loss, steps.ratios)
    if thrown is not None:
        summary = f"A step changes the weights by {percent(thrown)} of their size, and the loss is not finite at once."
        sure = min(confidence(thrown, doubtful=OFF, certain=2 * OFF), BLOWN)
        return steps.finding(summary, sure, max(thrown / steps.best, steps.beyond_all, LEAST), since=0)
    return _ran_away(steps) or _blew_up(steps, alone=alone)


def _blew_up(steps: Steps, *, alone: bool) -> Finding | None:
    if not alone or not _blows_up(steps.loss) or signed(steps.loss):
        return None
    factor = max(steps.factor, steps.beyond_all)
    summary = f"The learning rate is {about(factor)} times too high: the loss ends at {steps.loss.values[-1]:.2g}, far above where it began."
    return steps.finding(summary, BLOWN, factor, since=int(steps.loss.steps[-1]))


def _ran_away(steps: Steps) -> Finding | None:
    """A loss that leaps by orders of magnitude, step after step, until it is not finite any more."""
    lost = ~np.isfinite(steps.loss.values)
    first = int(np.argmax(lost))
    if not lost[-1] or first <= SMALL:
        return None
    known, last = steps.loss.values[: first - RUNS], steps.loss.values[first - RUNS : first]
    usual = float(np.median(np.abs(known)))
    if not usual > 0 or not last.min() > BLOWS_UP * usual or not (np.diff(last) > 0).all():
        return None
    since = int(steps.loss.steps[first])
    summary = (
        f"The loss runs away, from about {usual:.2g} to {last[-1]:.2g} within a few steps, and is not finite from step {since:,} on: "
        "each step goes past where it aims, and farther than the one before."
    )
    return steps.finding(summary, BLOWN, max(steps.factor, steps.beyond_all, FATAL), since=since)


def switched_off(steps: Steps, usual: float, whole: Finding | None, dead: Layers, left: float | None) -> Finding | None:
    """Steps after which the network is off as a whole, and has not done its job; or most of a layer is, or whose harm a loss such as a policy's
    does not tell, which is worth a remark.
    """
    if whole is not None and left is not None and left > HALF:
        return whole
    mum = signed(steps.loss)
    if steps.ratio > BEYOND * usual and (mum or silenced(dead) or _survived(steps)):
        factor = max(steps.told / steps.best, LEAST)
        share = percent(min(steps.ratio, 9.99))
        summary = f"Steps are large, about {about(factor)} times the usual ones: the first changed the weights by {share} each, which this loss does not judge."
        return steps.finding(summary if mum else remark(factor, steps.ratio), REMARK, factor, since=0, severity="info")
    return None


def thrown(steps: Steps, dead: Layers, left: float | None) -> Finding | None:
    """First steps that throw the loss far up, and after which most units of a layer are silent: what is learnt later is learnt without them."""
    leap = _leap(steps.loss)
    if not leap > THROWN or steps.warming or left is None or not left > SOME or not silenced(dead):
        return None
    factor = max(steps.factor, steps.beyond_all, LEAST)
    summary = (
        f"The first steps throw the loss up {about(leap)} times, and most units of a layer are silent from then on: they changed the weights by "
        f"{percent(min(steps.ratio, 9.99))} each."
    )
    return steps.finding(summary, GONE, factor, since=0)


def _leap(loss: Series) -> float:
    """The largest of the losses after the first few steps over the first of all."""
    values = loss.finite().values
    return float(values[1 : SMALL + 1].max(initial=0.0) / values[0]) if len(values) > SMALL and values[0] > 0 else 0.0


def _survived(steps: Steps) -> bool:
    """Whether the very first step replaced the weights and the loss leapt, which may be made up for, but not as if it had not been."""
    loss, ratio = steps.loss.finite().values, steps.ratios.finite().values
    known = len(loss) > SMALL and len(ratio) > 0 and not steps.warming and loss[0] > 0
    return known and bool(ratio[0] > LEAPS and loss[:SMALL].max() > LEAPT * loss[0])


def mute(steps: Steps, since: int | None) -> Finding | None:
    """Large steps after which nothing gets through the network any more."""
    if since is None or not steps.ratio > MUTED:
        return None
    summary = (
        f"From step {since:,} on the network says the same of every sample: steps that changed the weights by {percent(min(steps.ratio, 9.99))} "
        "each have carried it where nothing gets through."
    )
    return steps.finding(summary, GONE, max(steps.told / steps.best, steps.beyond_all, FATAL), since=since)


def leapt(steps: Steps) -> Finding | None:
    """One step that replaced the weights, at first, and hardly a move since: the loss has stayed where that step left it."""
    known, loss = steps.ratios.finite(), steps.loss.finite().values
    first = float(known.values[:SMALL].max(initial=0.0))
    if len(known) < EARLY // 2 or not first > LEAPS or not float(np.median(known.values[SMALL:])) < REST * first:
        return None
    if not float(np.median(loss[len(loss) // 2 :])) > loss[0]:
        return None
    return steps.finding(
        f"One of the first steps changed the weights by {percent(min(first, 9.99))}, and the loss has never come back to where it began.",
        GONE,
        max(first / steps.best, steps.beyond_all, FATAL),
        since=int(known.steps[int(np.argmax(known.values[:SMALL]))]),
    )


def ended(steps: Steps, since: Mapping[str, int], parameters: Parameters) -> Finding | None:
    """Steps after which no gradient comes back at all: what was alive before the first of them did not die by itself."""
    layers = [each.name for each in parameters if each.trainable and len(each.shape) > 1]
    if len(layers) < SEVERAL or not all(since.get(each, 0) > int(steps.loss.steps[0]) for each in layers):
        return None
    began = max(since[each] for each in layers)
    return steps.finding(
        f"No gradient comes back from step {began:,} on: the steps before it, of {percent(min(steps.ratio, 9.99))} of the weights, have switched the network off.",
        ENDED,
        max(steps.told / steps.best, steps.beyond_all, FATAL),
        since=began,
    )


def _thrown_off(loss: Series, ratio: Series) -> float | None:
    """The largest step before the loss is lost for good, where that is within the first few, so that no step lasts; None unless it replaces the weights."""
    lost = loss.steps[~np.isfinite(loss.values)]
    if not len(lost) or lost[0] > SMALL or np.isfinite(loss.values[-1]):
        return None
    known = ratio.finite()
    largest = float(known.values[known.steps < lost[0]].max(initial=0.0))
    return largest if largest > OFF else None


def _blows_up(loss: Series) -> bool:
    """Whether the run ends with a loss that is many times what it was at first, though finite yet."""
    values = loss.values
    return len(values) > SMALL and bool(values[-1] > BLOWS_UP * np.max(np.abs(values[:SMALL])) > 0)


def silenced(share: Layers) -> bool:
    """Whether most units of a layer fall silent on the way, and stay so: steps have brought them there."""
    return any(len(each) and each.values[0] <= MOST < float(np.median(each.tail(LATE))) for each in share.values())


def remark(factor: float, ratio: float) -> str:
    """What is said of large steps that a loss does not condemn."""
    share = percent(min(ratio, 9.99))
    return f"Steps are large, {about(factor)} times the usual ones: the first changed the weights by {share} each, though the loss falls."
