"""What the curves do, judged from the loss curves alone: one verdict per run.

The order of the questions matters: a run that became NaN is not asked whether it learns. Every comparison is made
against the curve's own noise and against references (where the loss started, what a blind guess reaches), never against
zero alone. The limits were set on the labelled logs of other people's runs and on the fault runs of `benchmarks/`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tb_lossdiag.finding import confidence, percent
from tb_lossdiag.series import Series
from tb_lossdiag.signals.loss import BLIND, Shape, shape, signed

__all__ = ["GOOD", "Verdict", "VerdictId", "judge"]

VerdictId = Literal[
    "learning", "converged", "overfitting", "suspect-data", "stuck", "diverging", "non-finite", "unstable", "too-short"
]
GOOD = ("learning", "converged")

FEWEST = 6  # points: below that a trend cannot be told from chance (Mann-Kendall needs 6 for p < 0.01, two-sided)
SURE = 3.0  # standard errors that a change must exceed to be called one
STILL_FALLING = 0.03  # of the whole fall, lost during the last third: less is the end of learning
HARDLY = 0.05  # a fall below this share of the loss at the start is hardly one
ABOVE = 1.5  # times the blind guess's loss: nothing that is learnt stays there
SLOW = 8.0  # further runs of this length needed to get halfway to the floor: more is stuck, whatever the slope
RISEN = 0.3  # a last level this share above the first one (or of the fall, above the best): diverging
ALONG = 0.3  # of the evaluation loss's fall: a training loss that falls by more does go down
LEAP = 3.0  # times the very first loss: a level of the first few points above it means that the first step did harm
NEARLY_ALL = (
    0.9  # share of the last third's points, at least so many, that lie above where the loss began: no noise does that
)
POINTS = 10
JUMP = 10.0  # a point this many times above its neighbourhood's level is a spike
VISIBLE = 0.02  # height of a spike over the whole fall: of a loss near zero a thousand times is still nothing
TAIL = 5.0  # standard deviations of the logarithm around the neighbourhood's level that a spike must also exceed
SPIKES = 3  # isolated spikes that make a run unstable
GAP = 0.15  # between the losses at the end, as a share of what the evaluation loss has gained: a smaller one is no loss, and turns with how often was logged
NEAR = 0.06  # of the run, before and after a step: what counts as about it
UNLEARNT = 0.75  # that a network memorises whose evaluation loss gained next to nothing and rises, little though it be
MEMORISED = 0.03  # rise of the evaluation loss above its best, as a share of it: less is jitter


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the curves do, how sure, and the first and last step that it is about."""

    id: VerdictId
    confidence: float
    steps: tuple[int, int]
    summary: str


def judge(  # noqa: PLR0913  (curves, and what is known beside them)
    train: Series | None,
    evaluation: Series | None,
    prior: float | None = None,
    *,
    train_shape: Shape | None = None,
    eval_shape: Shape | None = None,
    several: bool = False,
) -> Verdict:
    """The verdict from the training loss, the validation (or test) loss, and the loss of a blind guess where it is known.

    The curves' shapes are derived here unless they are given. With `several` models, as adversarial training has, a loss that does
    not fall proves nothing, where no evaluation loss does.
    """
    curve = train if train is not None and len(train) else evaluation
    if curve is None or not len(curve):
        return Verdict("too-short", 0.99, (0, 0), "No loss was logged.")
    span = (int(curve.steps[0]), int(curve.steps[-1]))
    broken = _non_finite(curve, span) or (_non_finite(evaluation, span) if evaluation is not None else None)
    if broken:
        return broken
    points = max(len(each.finite()) for each in (train, evaluation) if each is not None)
    form = (train_shape if curve is train else eval_shape) or shape(curve)
    if points < FEWEST or form is None:
        more = FEWEST - min(points, FEWEST - 1)
        return Verdict("too-short", 0.95, span, f"Only {points} points: {more} more are needed to say anything.")
    eval_form = None if evaluation is None or curve is evaluation else eval_shape or shape(evaluation)
    found = (
        _diverging(form, curve.finite().values, span)
        or _unstable(curve, form, span)
        or _overfitting(form, eval_form, span)
        or _suspect_data(form, eval_form, span, prior)
        or (None if _hidden_fall(form, eval_form) else _around_zero(curve, form, span) or _stuck(form, span, prior))
        or _never_better(form, eval_form, float(curve.finite().values[0]), span)
        or _learning(form, eval_form, span, prior)
    )
    if found.id == "converged" and prior is not None and form.last > ABOVE * prior > 0:
        found = _far_above(form, prior, span)
    if several and evaluation is None and found.id not in GOOD:
        return _as_stuck(
            0.5,
            span,
            "The loss of models that train against each other need not fall: it does not tell whether anything is learnt.",
        )
    return found


def _non_finite(curve: Series, span: tuple[int, int]) -> Verdict | None:
    """NaN or infinity that stays, or keeps coming back; a single skipped point is not a verdict."""
    if len(curve.finite()) == len(curve):
        return None
    bad = ~np.isfinite(curve.values)
    share = float(bad.mean())
    since = int(curve.steps[int(np.argmax(bad))])
    if bad[-1] or share > 0.1:  # noqa: PLR2004  (a tenth of the points is no accident)
        return Verdict("non-finite", 0.99, (since, span[1]), f"The loss is NaN or infinite since step {since:,}.")
    return None


def _diverging(form: Shape, values: NDArray[np.float64], span: tuple[int, int]) -> Verdict | None:
    """Ends well above where it began, or has lost most of what it had gained, and not just by noise."""
    start, ends = float(values[0]), values[-max(POINTS, len(values) // 3) :]
    begin = form.first if form.first < LEAP * abs(start) else start  # a first step that threw it off is no beginning
    above = form.last - begin
    size = max(abs(begin), begin - form.best, 1e-12)
    late = float(np.median(form.level.values[-max(1, len(form.level) // 6) :]))
    sustained = late - begin > RISEN * size / 2
    rises = above > 2 * SURE * form.error or bool(np.mean(ends > begin + RISEN * size) > NEARLY_ALL)
    if above > RISEN * size and rises and sustained:
        began = form.best_step
        sure = confidence(math.log(above / size), doubtful=math.log(RISEN / 2), certain=math.log(2 * RISEN))
        return Verdict("diverging", sure, (began, span[1]), f"The loss rises since step {began:,}.")
    lost = late - form.best
    kept = begin - late
    gained = begin - form.best > max(2 * SURE * form.error, HARDLY * abs(begin))  # smoothed noise wanders by less
    if gained and lost > 2 * SURE * form.error and lost > 2 * max(kept, 0.0):
        sure = confidence(lost / (lost + max(kept, 0.0)), doubtful=0.6, certain=0.9)
        summary = f"The loss has risen again since step {form.best_step:,}."
        return Verdict("diverging", sure, (form.best_step, span[1]), summary)
    return None


def _unstable(curve: Series, form: Shape, span: tuple[int, int]) -> Verdict | None:
    """Isolated jumps far above the level, a last point far above it, or swings larger than all progress."""
    finite = curve.finite()
    values = finite.values
    measured = bool(values.min() >= 0)  # of a loss that crosses zero, shares of its level say nothing
    spikes = _spikes(finite, form, floor=1e-12 if measured else max(form.fall, form.noise, 1e-12))
    count = len(spikes)
    if count >= SPIKES or (count and spikes[-1] == len(values) - 1):
        since = int(finite.steps[spikes[0]])
        sure = confidence(count, doubtful=SPIKES / 2, certain=3 * SPIKES)
        return Verdict(
            "unstable", max(sure, 0.6), (since, span[1]), f"The loss jumps {count} times from step {since:,} on."
        )
    swing = form.noise / max(abs(float(np.median(form.level.values))), 1e-12)
    gained = form.first - float(np.median(form.level.values[-max(1, len(form.level) // 3) :]))
    if measured and swing > 0.5 and gained < form.noise:  # noqa: PLR2004  (points off by half the level)
        sure = confidence(swing, doubtful=0.5, certain=1.5)
        return Verdict("unstable", sure, span, "The loss swings without getting anywhere.")
    return None


def _spikes(curve: Series, form: Shape, floor: float) -> NDArray[np.int64]:
    """Where a finite curve jumps far above its neighbourhood: the indices of the points, in order.

    Heights are told in shares of the neighbourhood's level, or of `floor` where that is more.
    """
    values = curve.values
    lowest = float(values.min())
    least = max(VISIBLE * form.fall, JUMP * max(lowest, floor))  # no level lies below the lowest value
    if not float(values.max()) > lowest + least:  # of most curves
        return np.empty(0, dtype=np.int64)
    high = values > lowest + least
    high &= (values > form.first) | (values > lowest + JUMP**3 * max(lowest, floor))
    high[: max(3, len(values) // 20)] = False
    if not high.any():  # nearly always: the running median is dear
        return np.empty(0, dtype=np.int64)
    level = _neighbourhood(values)
    jump = (values - level) / np.maximum(np.abs(level), floor)
    away = high & (jump > JUMP) & ((values > form.first) | (jump > JUMP**3)) & (values - level > VISIBLE * form.fall)
    if away.any():
        beyond = np.log(np.maximum(jump + 1, 1e-12))
        away &= beyond > TAIL * 1.4826 * float(np.median(np.abs(beyond - np.median(beyond))))  # a heavy tail is no row
    if np.median(np.diff(curve.steps)) == 1:
        risen = np.pad(jump > 1, 1)  # a step that does harm is felt for several; one batch that is odd is not
        away &= risen[:-2] | risen[2:]
    return np.flatnonzero(away)


def _neighbourhood(values: NDArray[np.float64], width: int = 9) -> NDArray[np.float64]:
    """Running median over `width` points, mirrored at the ends: what a point is compared with to be called a spike."""
    padded = np.pad(values, min(width // 2, len(values) - 1), mode="reflect")
    width = min(width, len(padded) - len(values) + 1)
    median: NDArray[np.float64] = np.median(np.lib.stride_tricks.sliding_window_view(padded, width), axis=1)
    return median


def _overfitting(form: Shape, evaluation: Shape | None, span: tuple[int, int]) -> Verdict | None:
    """The training loss went on falling after the evaluation loss had stopped, or turned."""
    if evaluation is None or evaluation.points < 3 or form.fall < HARDLY * abs(form.first):  # noqa: PLR2004
        return None
    end, error = _about(form, span[1])
    if evaluation.last - end < GAP * (max(form.first, evaluation.first) - evaluation.best):
        return None
    at_best, _ = _about(form, evaluation.best_step)
    train_fell = at_best - end
    rise = evaluation.rise
    size = max(abs(evaluation.best), 1e-12)
    plainly = (
        rise > 2 * SURE * evaluation.error and rise > 2 * MEMORISED * size
    )  # then noisy batches need not show their fall
    falls_on = train_fell > max(0.0 if plainly else 2 * error, 0.1 * max(abs(at_best), 1e-12))
    stays = float(np.median(evaluation.level.values[-max(3, len(evaluation.level) // 3) :])) - evaluation.best
    lasting = evaluation.points >= FEWEST and stays > max(2 * MEMORISED * size, evaluation.error)
    gained = max(form.first, evaluation.first) - evaluation.best
    nothing = rise > 2 * SURE * evaluation.error and rise > 2 * gained
    if falls_on and (lasting or rise > SURE * evaluation.error) and (rise > MEMORISED * size or nothing):
        sure = confidence(math.log(rise / size), doubtful=math.log(MEMORISED), certain=math.log(3 * MEMORISED))
        sure = max(sure, UNLEARNT if nothing else 0.0)
        summary = f"The evaluation loss rises since step {evaluation.best_step:,} while the training loss falls."
        return Verdict("overfitting", sure, (evaluation.best_step, span[1]), summary)
    half = float(np.interp(span[0] + (span[1] - span[0]) / 2, form.level.steps, form.level.values))
    late_train = (half - form.last) / max(abs(half), 1e-12)
    told = evaluation.points >= FEWEST  # of fewer nobody can say that they stay where they are
    flat = told and evaluation.late_fall < max(SURE * evaluation.late_error, 0.02 * size)
    gap = (evaluation.last - form.last) / max(abs(form.last), 1e-12)
    if flat and late_train > 0.3 and gap > 1.0 and half - form.last > SURE * form.error:  # noqa: PLR2004
        sure = confidence(math.log(gap), doubtful=0.0, certain=math.log(4))
        summary = "The training loss goes on falling while the evaluation loss stays where it is."
        return Verdict("overfitting", sure, (evaluation.best_step, span[1]), summary)
    return None


def _about(form: Shape, step: int) -> tuple[float, float]:
    """The level about a step, and its standard error: where few points were logged, each level is one of them."""
    steps, values = form.level.steps, form.level.values
    near = values[np.abs(steps - step) <= NEAR * (steps[-1] - steps[0])]
    if len(near) < 2:  # noqa: PLR2004
        return float(np.interp(step, steps, values)), form.error
    return float(np.median(near)), form.error / math.sqrt(len(near))


def _suspect_data(form: Shape, evaluation: Shape | None, span: tuple[int, int], prior: float | None) -> Verdict | None:
    """The evaluation loss falls although the training loss does not."""
    if evaluation is None or _stuck(form, span, prior) is None:
        return None
    fall = evaluation.first - evaluation.last
    if form.first - form.last + SURE * form.error > ALONG * fall:
        return None  # it falls as well; where both end, at a blind guess, is another question
    if fall > 2 * SURE * evaluation.error and fall > 4 * HARDLY * abs(evaluation.first) and evaluation.points >= FEWEST:
        return Verdict("suspect-data", 0.8, span, "The evaluation loss falls although the training loss does not.")
    return None


def _stuck(form: Shape, span: tuple[int, int], prior: float | None) -> Verdict | None:
    """No progress worth the name: against the start, against a blind guess, and at the present pace."""
    floor = min(0.0, form.best)
    left = form.last - floor
    fall = form.first - form.last
    if prior is not None and prior > 0:
        if form.last > BLIND * prior:
            sure = confidence(form.last / prior, doubtful=BLIND - 0.05, certain=BLIND)
            summary = f"The loss is {form.last:.3g}; guessing without looking at the input reaches {prior:.3g}."
            return (
                None if _halfway(form, left) < SLOW and fall > HARDLY * form.first else _as_stuck(sure, span, summary)
            )
        if form.last < 0.7 * prior:
            return None
    above = prior is not None and 0 < prior < form.first
    start = prior if above and prior is not None else form.first  # to come down to a blind guess is no progress
    share = (start - form.last) / max(abs(start), 1e-12)
    if share < 4 * HARDLY and _halfway(form, left) > SLOW:
        sure = confidence(share, doubtful=4 * HARDLY, certain=HARDLY)
        fell = f"The loss has fallen by {percent(max(share, 0.0))} only, and hardly moves."
        if above:
            fell = f"The loss has come down to {form.last:.3g}, hardly below the {start:.3g} of a guess that does not look at the input."
        return _as_stuck(sure, span, fell)
    return None


def _far_above(form: Shape, prior: float, span: tuple[int, int]) -> Verdict:
    """What has come down from a height that makes the last fall look small, and stands higher than a blind guess, has not settled."""
    if form.late_fall > SURE * form.late_error:
        return Verdict("learning", 0.6, span, "The loss is still falling: let it run.")
    return _as_stuck(
        0.9, span, f"The loss is {form.last:.3g}; guessing without looking at the input reaches {prior:.3g}."
    )


def _around_zero(curve: Series, form: Shape, span: tuple[int, int]) -> Verdict | None:
    """A loss above and below zero without a trend, as a policy gradient's: no share of it can be gone, and no more is known."""
    if not signed(curve) or form.late_fall > SURE * form.late_error:
        return None
    return _as_stuck(
        0.5, span, "The loss goes above and below zero, with no trend: it does not tell whether anything is learnt."
    )


def _hidden_fall(form: Shape, evaluation: Shape | None) -> bool:
    """Whether the evaluation loss falls plainly to the end, by as much as noise may hide in the training loss."""
    if evaluation is None or evaluation.points < FEWEST:
        return False
    falls = evaluation.late_fall > SURE * evaluation.late_error and evaluation.fall > 4 * HARDLY * abs(evaluation.first)
    return falls and form.first - form.last + SURE * form.error > ALONG * evaluation.fall


def _never_better(form: Shape, evaluation: Shape | None, start: float, span: tuple[int, int]) -> Verdict | None:
    """A training loss that was thrown up, or is kept up by dropout, comes down again only to where it began: at a blind guess."""
    if evaluation is None or evaluation.points < FEWEST or form.late_fall > SURE * form.late_error:
        return None
    began = min(start, evaluation.first)
    if evaluation.first < start / ABOVE:  # it came when much was learnt already
        return None
    if evaluation.fall < HARDLY / 2 * abs(evaluation.first) and form.last > (1 - HARDLY / 2) * began > 0:
        return _as_stuck(
            0.9,
            span,
            f"The loss ends at {form.last:.3g}, no better than at the start, and the evaluation loss never fell.",
        )
    return None


def _as_stuck(sure: float, span: tuple[int, int], summary: str) -> Verdict:
    return Verdict("stuck", sure, span, summary)


def _halfway(form: Shape, left: float) -> float:
    """Further runs of this length until half of what is left is gone, at the pace of the last third; infinite if none."""
    if form.late_fall < SURE * form.late_error or form.late_fall <= 0:
        return math.inf
    return 0.5 * left / (3 * form.late_fall)


def _learning(form: Shape, evaluation: Shape | None, span: tuple[int, int], prior: float | None) -> Verdict:
    """Still falling at the end, or done."""
    share = form.late_fall / max(form.gained(prior), 1e-12)
    falling = form.late_fall > SURE * form.late_error and share > STILL_FALLING
    if evaluation is not None and evaluation.fall > 0 and evaluation.points >= FEWEST:
        eval_share = evaluation.late_fall / evaluation.gained(prior)
        eval_falling = evaluation.late_fall > SURE * evaluation.late_error and eval_share > STILL_FALLING
        falling = falling and (eval_falling or share > 4 * STILL_FALLING)
        if eval_share > 2 * STILL_FALLING and eval_falling and form.late_fall > -SURE * form.late_error:
            falling = True  # the noise of small batches hides in the training loss what the whole validation set shows
    if falling:
        sure = confidence(
            math.log(max(share, 1e-9)), doubtful=math.log(STILL_FALLING), certain=math.log(5 * STILL_FALLING)
        )
        return Verdict("learning", max(sure, 0.5), span, "The loss is still falling: let it run.")
    sure = confidence(share, doubtful=STILL_FALLING, certain=STILL_FALLING / 5)
    return Verdict("converged", max(sure, 0.5), span, "The loss has settled.")
