"""What the loss shows of the progress that steps make."""

from __future__ import annotations

import math

import numpy as np

from tb_lossdiag.series import Series
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.schedule import Schedule

__all__ = [
    "GOING",
    "SURE",
    "TOGETHER",
    "TRIED",
    "crawls",
    "goes_on",
    "held",
    "helps",
    "long_settled",
    "nothing_left",
    "rises",
    "seen_a_few_times",
    "seen_once_or_twice",
    "soon_flat",
    "went_on",
]

GOING = 0.03  # of all progress, made in the last third: with less the run has arrived, however small its steps
TOGETHER = 3  # steps whose median counts: a single large step is a bad batch
TRIED = 100  # steps: before them any run has come a short way only
GAP = 0.1  # between validation and training, of what validation gained: a network that memorises has had steps enough
PATIENT = 3.0  # further runs of this length, at the late pace, until half of what is left is gone: with fewer the run is young rather than slow
SURE = 3.0  # standard errors of the late fall, in training or validation: steps that go the right way
RISEN = 0.1  # last loss above the first, as a share of it
NEARLY = 1.25  # level by then over the last one
BETTER = 0.7  # second evaluation over the first
HANDFUL = 10  # epochs, or evaluations, which most people do once an epoch
STEEP = 0.3  # of all progress, made in the last third: a loss that falls in a straight line, or faster and faster
GONE = 0.05  # norm of the gradient in the end over that of the first steps
EVALUATIONS, STOOD = 10, (0.15, 0.02)  # evaluations; fall as a share of the first, and what the second half added to it
# part of the run by which such a share of all that is ever gained was gained; and that as a share of the first loss
SOON, BY_THEN, FELL = (0.12, 0.25), 0.8, 0.2


def seen_once_or_twice(evaluations: Series | None) -> bool:
    """Whether the training ended after an epoch or two, the second far better than the first: it is steps that it lacks."""
    values = evaluations.finite().values if evaluations is not None else np.empty(0)
    return len(values) == 2 and bool(values[1] < BETTER * values[0])  # noqa: PLR2004


def seen_a_few_times(form: Shape, passes: float | None, evaluations: Series | None) -> bool:
    """Whether the data were gone through a handful of times, and the loss does not slow down yet: more steps come before larger ones."""
    times = passes if passes is not None else len(evaluations) if evaluations is not None else 0
    return 1 < times < HANDFUL and form.late_fall > max(STEEP * form.fall, SURE * form.late_error)


def soon_flat(form: Shape) -> bool:
    """Whether most of what was gained was gained early, and nothing since: steps of the same size got there, and went on for long."""
    levels = form.level.values
    early = levels[int(SOON[0] * len(levels)) : int(SOON[1] * len(levels))]
    gained = form.first - form.last
    if not len(early) or gained < FELL * abs(form.first):
        return False
    then = float(np.median(early))
    return form.first - then > BY_THEN * gained and then < NEARLY * form.last and form.late_fall < form.late_error


def long_settled(evaluation: Shape | None) -> bool:
    """Whether the validation loss has stood for half of the run, after a fall: steps of the same size had got it there, and no noise of batches hides a slope."""
    if evaluation is None or evaluation.points < EVALUATIONS or evaluation.fall < STOOD[0] * abs(evaluation.first):
        return False
    late = evaluation.level.values[len(evaluation.level) // 2 :]
    return bool(np.median(late[: len(late) // 2]) - np.median(late[len(late) // 2 :]) < STOOD[1] * evaluation.fall)


def nothing_left(gradient: Series | None, form: Shape) -> bool:
    """Whether the gradient has all but gone, and the loss with it stands: steps that were too small would have left it what it was."""
    known = gradient.finite().values if gradient is not None else np.zeros(0)
    if len(known) < TRIED // 2:
        return False
    gone = np.median(known[-len(known) // 5 :]) < GONE * np.median(known[:TOGETHER])
    return bool(gone) and form.late_fall < SURE * form.late_error


def crawls(train: Shape, evaluation: Shape | None) -> bool:
    """Whether the run would have to go on for long at its late pace, that of training or of validation, to get rid of half of what is left."""
    paces = [
        0.5 * each.last / (3 * each.late_fall)
        for each in (train, evaluation)
        if each is not None and each.late_fall > max(SURE * each.late_error, 0.0)
    ]
    return min(paces, default=math.inf) > PATIENT


def helps(train: Shape, evaluation: Shape | None) -> bool:
    """Whether the loss still falls, in training or, which is less noisy, in validation; and does not rise in either."""
    falls = [each.late_fall / max(each.late_error, 1e-300) for each in (train, evaluation) if each is not None]
    turned = evaluation is not None and evaluation.rise > 2 * evaluation.error
    return max(falls) > SURE and min(falls) > -SURE and not turned


def goes_on(form: Shape) -> bool:
    """Whether the last third of the run has brought a part of all progress that is worth a word, and no chance."""
    return form.late_fall > max(SURE * form.late_error, GOING * form.fall)


def held(form: Shape, schedule: Schedule | None) -> bool:
    """Whether the loss still fell when a schedule took the rate down: in the last third of the way, as learning rates added up measure it."""
    if schedule is None or not schedule.lowered:
        return False
    steps = form.level.steps
    rates = np.interp(steps, schedule.rates.steps, schedule.rates.values)
    way = np.concatenate([[0.0], np.cumsum(np.diff(steps) * (rates[1:] + rates[:-1]) / 2)])
    before = np.flatnonzero(way >= 2 / 3 * way[-1])[0]
    around = form.level.values[max(0, before - 1) : before + 2]
    return bool(np.median(around) - form.last > max(SURE * form.error, GOING * form.fall))


def went_on(train: Shape, evaluation: Shape | None) -> bool:
    """Whether the loss rises late, or the network has begun to memorise: then larger steps are not what it lacks."""
    if train.late_fall < -SURE * train.late_error:
        return True
    if evaluation is None:
        return False
    gap = evaluation.last - train.last > GAP * evaluation.fall
    return gap or evaluation.late_fall < -SURE * evaluation.late_error


def rises(form: Shape) -> bool:
    """Whether the loss ends above where it began: then larger steps would only take it there sooner, or it is no measure of progress."""
    return form.last - form.first > max(SURE * form.error, RISEN * abs(form.first))
