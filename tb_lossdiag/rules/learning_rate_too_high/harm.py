"""What the loss shows of the harm that steps did."""

from __future__ import annotations

import math

import numpy as np

from tb_lossdiag.finding import confidence
from tb_lossdiag.rules.learning_rate_too_high.sizes import TOGETHER
from tb_lossdiag.series import Series
from tb_lossdiag.signals.loss import Shape, signed

__all__ = ["HALF", "KEPT", "SMALL", "STUCK", "all_lost", "before", "fell_for_good", "lost_again", "shown"]

SURE = 2.0  # standard errors of a level
AGAIN, AGAIN_IN_VALIDATION = (1.4, 2.2), (1.2, 1.5)  # last level over the best one: doubtful and certain
SMALL = 5  # sampled steps before a NaN that must all have been small for it to have another reason
YOUNG = 100  # steps
ROUGH = 0.5  # noise of single points, as a share of the last level
LEAP = 0.3  # rise of the loss above its start, as a share of it, that counts as harm ...
LEPT = 1.5  # ... and surely does
DONE = 0.1  # share of the first loss that is left where the steps plainly did no harm
HALF = 0.4  # share that is left where there is no telling: the floor of a language model lies there
STUCK = 0.85  # share that is left where nothing else was achieved
KEPT = 0.95  # of the whole fall, still there at the end
GAINED = 0.35  # of the first loss: what a fall must come to; a language model's floor leaves it no more
LEARNT = 0.1  # share of the first loss that was gone before it came back


def lost_again(train: Shape | None, evaluation: Shape | None) -> float:
    """How sure a loss makes us that rises again in training as in validation: nobody memorises here, the steps carry the network away."""
    if train is None or evaluation is None:
        return 0.0
    times = [
        each.last / each.best if each.best > 0 and each.rise > SURE * each.error else 1.0
        for each in (train, evaluation)
    ]
    return min(
        confidence(math.log(risen), doubtful=math.log(low), certain=math.log(high))
        for risen, (low, high) in zip(times, (AGAIN, AGAIN_IN_VALIDATION), strict=True)
    )


def all_lost(train: Shape | None, evaluation: Shape | None) -> bool:
    """Whether all that was learnt is lost again, in training as in validation, however large the steps are: a network that collapses."""
    if train is None or evaluation is None:
        return False
    began = max(train.first, evaluation.first)  # the first evaluation often comes when much is learnt already
    return all(
        first - each.best > LEARNT * abs(first) and each.rise > max(SURE * each.error, KEPT * (first - each.best))
        for each, first in ((train, train.first), (evaluation, began))
    )


def before(loss: Series, ratio: Series, usual: float) -> Series:
    """The loss without the NaN at its end, where steps had been small for long and the loss far below its start: not they have brought it about."""
    bad = np.flatnonzero(~np.isfinite(loss.values))
    if not len(bad):
        return loss
    first = int(bad[0])
    small = ratio.values[ratio.steps < loss.steps[first]][-SMALL:]
    learnt = first >= SMALL and float(np.median(loss.values[first - TOGETHER : first])) < HALF * float(loss.values[0])
    quiet = len(small) == SMALL and bool((small < usual).all())
    return Series(loss.steps[:first], loss.values[:first]) if learnt and quiet else loss


def shown(loss: Series, form: Shape | None, *, floor: bool) -> float:
    """How sure the loss curve makes us that the steps did harm: it becomes NaN, leaps above its start, or most of it is left, if 0 is its `floor`."""
    bad = ~np.isfinite(loss.values)
    if bad.any() and bad[-1]:
        return 1.0
    finite = loss.values[~bad]
    if len(finite) < TOGETHER or form is None or signed(loss):
        return 0.0
    size = max(abs(float(finite[0])), 1e-12)
    peak = float(np.median(np.lib.stride_tricks.sliding_window_view(finite, TOGETHER), axis=1).max())
    left = max(form.last / size, 1e-12)
    stays = confidence(math.log(left), doubtful=math.log(HALF), certain=math.log(STUCK))
    leapt = confidence((peak - finite[0]) / size, doubtful=LEAP, certain=LEPT)
    if len(finite) < YOUNG and form.late_fall > SURE * form.late_error and leapt < 0.5:  # noqa: PLR2004
        return 0.0  # it falls, and has had no time to fall far
    if not floor:
        return leapt if leapt > 0.5 and form.last > finite[0] else 0.0  # noqa: PLR2004  (as sure as not)
    harm = stays if left < DONE else max(stays, leapt)
    return min(harm, 0.5) if form.noise > ROUGH * abs(form.last) else harm  # a return's loss has no level to speak of


def fell_for_good(loss: Series, form: Shape) -> bool:
    """Whether a good part of the first loss is gone and stays away, without a leap before: the steps that took it there did no harm."""
    if not np.isfinite(loss.values).all():
        return False
    first = min(form.first, float(loss.values[0]))  # a leap of the second step is in the level of the first ones
    fell = first - form.last
    leap = np.median(np.lib.stride_tricks.sliding_window_view(loss.values, TOGETHER), axis=1).max() - loss.values[0]
    rough = SURE * form.error if len(loss) < YOUNG else 0.0  # the last level of a short run
    kept = form.last - form.best < max((1 - KEPT) * (first - form.best), rough)
    return bool(kept and fell > GAINED * abs(first) and leap < LEAP * abs(loss.values[0]))
