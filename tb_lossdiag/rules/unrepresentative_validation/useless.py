"""A validation that nothing of what is learnt helps."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tb_lossdiag.evidence import Curve, Fact, Line, Mark
from tb_lossdiag.finding import Finding, Remedy, confidence
from tb_lossdiag.series import Series
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.probe import ModeGap
from tb_lossdiag.signals.samples import Samples

__all__ = ["useless"]

EVALUATIONS, FIRST = 4, 12  # evaluations, and training losses before the first of them, that tell
OFTEN = 5.0  # times that a sample was seen by then, at most: more is time to memorise
EASILY = 0.8  # of what takes no learning, reached by then
# first validation loss over that: of new samples both are the same, but for a gap between the modes
ABOVE, FAR_ABOVE = 1.3, 1.7
WORSE, MUCH_WORSE = 1.2, 1.6  # last validation loss over the first
ONCE = 1.5  # times that a sample was seen by then, at most, where no validation loss that rises says so
LOST, MOSTLY_LOST = 0.5, 0.9  # of what training had gained on new samples by then, share that validation does not show
SURE = 4.0  # standard errors of the training loss that lie between the two
FROM_THE_START, BY_FAR = 3.0, 8.0  # first validation loss over that of new training samples, where it stays there
# share by which a validation loss moves that does not react to training, and how sure that makes us
UNMOVED, STILL = 0.01, 0.93
BARELY, SAME, TWICE = 0.85, 0.95, 2.0


def useless(
    train: Shape,
    evaluation: Shape,
    loss: Series,
    blind: float | None,
    batch_size: int | None,
    samples: Samples | None,
    modes: ModeGap | None,
    count: float | None,
) -> Finding | None:
    """A validation that is never better than a blind guess, and gets worse or does not move, while training gets better on samples that it
    has hardly seen before: what it learns holds for others of their kind, but not for these.
    """
    if samples is None or batch_size is None or evaluation.points < EVALUATIONS or train.first <= 0:
        return None
    until = int(evaluation.level.steps[evaluation.level.steps > loss.steps[0]][:1].max(initial=0))
    before = loss.values[(loss.steps < until) & np.isfinite(loss.values)]
    if len(before) < FIRST:
        return None
    often = (until - int(loss.steps[0])) * batch_size / max(samples.distinct, 1.0)
    reference = blind if blind is not None else train.first
    fresh = float(np.median(before[-(len(before) // 3) :]))
    differs = modes is not None and modes.late_evaluation > TWICE * modes.late_train
    if often > OFTEN or differs or not fresh < EASILY * reference or not evaluation.best > 0:
        return None
    first, low, high = (float(each(evaluation.level.values)) for each in (lambda values: values[0], np.min, np.max))
    worse = min(
        confidence(math.log(evaluation.last / first), doubtful=math.log(WORSE), certain=math.log(MUCH_WORSE)),
        confidence(math.log(first / max(fresh, 1e-12)), doubtful=math.log(ABOVE), certain=math.log(FAR_ABOVE)),
    )
    no_better = evaluation.best > BARELY * reference
    still = STILL if high - low < UNMOVED * high and low > TWICE * reference else 0.0
    new = (until - int(loss.steps[0])) * batch_size < ONCE * _about_all(samples, count)
    apart = _apart(first, before[-(len(before) // 3) :], reference) if new else 0.0
    sure = min(max(worse if no_better else 0.0, still, apart), STILL)
    if not sure > 0.5 or low < SAME * first:  # noqa: PLR2004  (as sure as not)
        return None
    return Finding(
        summary=(
            f"Nothing of what is learnt helps in validation: its loss is {evaluation.best:.3g} at best, where {reference:.3g} takes no learning, and that of "
            f"training was {fresh:.3g} by step {until:,}, on samples that were all but new."
            if no_better
            else f"The validation loss is {first:.3g} at its first evaluation and comes down no further, where that of training was {fresh:.3g} by then, at "
            f"step {until:,}, on samples that were all but new."
        ),
        confidence=sure,
        since=0,
        evidence=[
            Curve(
                "Training and validation loss",
                [Line("train", "observed", loss), Line("validation", "observed", evaluation.level)],
                "loss",
                [Mark("level", "without learning", reference)],
                "log",
            ),
            Fact("Training loss before the first evaluation", fresh, "loss", reference, "what takes no learning"),
        ],
        remedies=(
            Remedy(
                "Send one training batch through the code of the validation: its loss must be that of training",
                "x, y = next(iter(train_loader))  # the same vocabulary, class numbers, scaling and loss for both",
                "A validation loss that starts near the training loss, and falls with it.",
            ),
        ),
    )


def _about_all(samples: Samples, count: float | None) -> float:
    """How many different samples there are to train on, where that is known; else hardly any came again: of N that are drawn S times about S^2 / 2N do."""
    again = samples.seen - samples.distinct
    return count or max(samples.distinct, samples.seen**2 / (2 * again) if again > 0 else math.inf)


def _apart(validation: float, batches: NDArray[np.float64], reference: float) -> float:
    """How sure a first validation loss makes us that lies above that of new training samples by a multiple, or by most of what was gained.

    Means are compared, for a few samples may make most of either loss.
    """
    train, error = float(batches.mean()), float(batches.std()) / math.sqrt(len(batches))
    times = math.log(validation / max(train, 1e-12))
    if not times > math.log(ABOVE) or validation - train < SURE * error or not train < reference:
        return 0.0
    lost = (validation - train) / (reference - train)
    return max(
        confidence(times, doubtful=math.log(FROM_THE_START), certain=math.log(BY_FAR)),
        confidence(lost, doubtful=LOST, certain=MOSTLY_LOST),
    )
