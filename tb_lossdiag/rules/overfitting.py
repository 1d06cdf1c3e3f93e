"""# Overfitting

## What you see

The training loss goes on falling while the validation loss has stopped, or rises again.

## Why it happens

The network has more freedom than the data can tie down, so it begins to memorise single samples.

## What to do

Four families of remedy: regularise (weight decay, dropout) or use fewer features; use a smaller network; get more data; augment the
data you have. Until then use the weights of the step with the best validation loss.

## When this is wrong

Validation data that are drawn or preprocessed differently lie above the training loss from the start. A small validation set
wobbles, and so does validation under batch normalisation: the rise must be larger than that. A little memorising at the end of a training is usual and does little harm.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from tb_lossdiag.evidence import Curve, Evidence, Fact, Line, Mark, Scale
from tb_lossdiag.finding import REMARK, Finding, Remedy, confidence
from tb_lossdiag.rule import rule
from tb_lossdiag.series import Series
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.probe import ModeGap

EVALUATIONS = 5  # at least so many: a rise must be seen to last
RISE = 0.06  # of the best validation loss: a rise that is doubtful ...
HARM = 0.25  # ... and one that is certain
# changes from one level to the next that tell how much they differ, and how far beyond that a rise says something
JUMPS, STEADY = 3, 1.5
SURE = 3.0  # standard errors of the validation loss that the rise must exceed
FALLEN = 0.1  # share of its level that the training loss must have lost since then
GAP = 1.0  # a flat validation loss counts where it lies this share above the training loss ...
WIDE = 4.0  # ... and surely where it is five times as high
SMALL = 0.1  # gap between the losses as a share of what validation has gained: less is how every good training ends ...
LARGE = 0.25  # ... and this is not
COSTS = 0.05  # rise of the validation loss as a share of all it had gained: less, or less than it wobbles by, is worth a remark only
PLAIN = 0.15  # gap as a share of that gain, and rise as a share of the best loss, which together are no remark
APART = 0.5  # gap as a share of that gain: validation has had two thirds, and half, of what training has had
UTTERLY = 1.0
BEHIND = 3.0  # times the training loss
NOTHING = 0.01  # training loss at the end as a share of what validation has gained: all is memorised, and nothing is left to fall
LOOKS, MOSTLY = 2, 0.5  # batches seen again last, and share of a gap that is theirs: then it is one between the modes
FIRST_PASS = 1.0
ROOMY = 10.0  # parameters per sample: far more freedom than data


@rule(
    cause="The network memorises the training samples instead of what they have in common.",
    stage="val",
    severity="error",
    symptom=True,
    remedies=(
        Remedy("Regularise: weight decay, dropout", "torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=0.05)"),
        Remedy("Use a smaller network"),
        Remedy("Get more data"),
        Remedy("Augment the data you have"),
    ),
)
def overfitting(
    train_shape: Shape,
    eval_shape: Shape,
    train_loss: Series,
    eval_loss: Series,
    settings: Mapping[str, str | float] | None = None,
    prior_loss: float | None = None,
    mode_gap: ModeGap | None = None,
    passes: float | None = None,
) -> Finding | None:
    """The rise of the validation loss above its best, or a gap that opens while the validation loss stands still; and on the training batches
    themselves evaluation mode shows none. Within the first pass through the data there is nothing to remember.
    """
    if passes is not None and passes < FIRST_PASS:
        return None
    if eval_shape.points < EVALUATIONS or (mode_gap is not None and _of_the_mode(mode_gap, train_shape, eval_shape)):
        return None
    gained = max(train_shape.first, eval_shape.first, prior_loss or 0.0) - eval_shape.best
    matters = _matters(train_shape, eval_shape, gained)
    harmed = max(_rises(train_shape, eval_shape), _stands(train_shape, eval_shape, gained))
    sure = min(matters, max(harmed, _parts(train_shape, eval_shape, gained)))
    if sure <= REMARK and _is_apart(train_shape, eval_shape, gained):
        sure = REMARK
    if sure > 0.5:  # noqa: PLR2004  (as sure as not)
        best = eval_shape.best_step
        marks = [
            Mark("step", "best validation loss", best),
            Mark("stretch", "memorises", best, int(eval_loss.steps[-1])),
        ]
        lines = [Line("train", "observed", train_loss), Line("validation", "observed", eval_loss)]
        evidence: list[Evidence] = [
            Curve("Training and validation loss", lines, "loss", marks, _scale(train_shape)),
            Fact("Validation loss now", eval_shape.last, "loss", eval_shape.best, f"the best was at step {best:,}"),
        ]
        return Finding(
            summary=_summary(train_shape, eval_shape),
            confidence=sure,
            since=best,
            evidence=evidence,
            remedies=_remedies(settings or {}, best),
            severity=None if harmed > 0.5 and _costs(train_shape, eval_shape, gained) else "info",  # noqa: PLR2004
        )
    return None


def _of_the_mode(gap: ModeGap, train: Shape, evaluation: Shape) -> bool:
    """Whether most of the distance to the validation loss is there on batches of training, too, once they are seen in evaluation mode."""
    late = float(np.median(gap.evaluation.values[-LOOKS:] - gap.train.values[-LOOKS:]))
    return late > MOSTLY * (evaluation.last - train.last) > 0


def _costs(train: Shape, evaluation: Shape, gained: float) -> bool:
    """Whether a rise beyond chance has cost a good part of what validation had gained, or comes with a wide gap; or a gap says it all."""
    gap = evaluation.last - train.last
    risen = evaluation.rise > SURE * evaluation.error
    evident = evaluation.rise > PLAIN * evaluation.best > 0 and gap > PLAIN * gained
    lasts = evaluation.rise <= 0 or evaluation.rise > STEADY * _jumps(evaluation)
    plain = risen and (evaluation.rise > COSTS * gained or gap > LARGE * gained or evident)
    return lasts and (plain or gap > APART * gained)


def _jumps(evaluation: Shape) -> float:
    """By how much the validation loss jumps about since it was best, as a standard deviation of single levels: a steady rise has next to none."""
    changes = np.diff(evaluation.level.values[int(np.argmin(evaluation.level.values)) :])
    return float(np.std(changes, ddof=1)) / math.sqrt(2) if len(changes) >= JUMPS else 0.0


def _matters(train: Shape, evaluation: Shape, gained: float) -> float:
    """How sure the gap makes us that something was lost, beside all that was gained since the start, or over a blind guess.

    The first evaluation often comes after an epoch, when most is gained already: the training loss knows where it began. What
    was learnt in an earlier training only the blind guess knows.
    """
    gap = evaluation.last - train.last
    return confidence(gap / max(gained, 1e-12), doubtful=SMALL, certain=LARGE) if gap > 0 else 0.0


def _rises(train: Shape, evaluation: Shape) -> float:
    """How sure a lasting rise makes us."""
    if (
        evaluation.rise > SURE * evaluation.error
        and _fell_since(train, evaluation.best_step) > FALLEN
        and evaluation.best > 0
    ):
        return confidence(math.log(evaluation.rise / evaluation.best), doubtful=math.log(RISE), certain=math.log(HARM))
    return 0.0


def _stands(train: Shape, evaluation: Shape, gained: float) -> float:
    """How sure a gap makes us that opened while the validation loss stood still over the last half."""
    half = int((train.level.steps[0] + train.level.steps[-1]) // 2)
    still = evaluation.late_fall < max(SURE * evaluation.late_error, 0.02 * abs(evaluation.best))
    gap = (evaluation.last - train.last) / max(abs(train.last), 1e-12)
    memorises = _fell_since(train, half) > 3 * FALLEN or train.last < NOTHING * gained
    if still and gap > GAP and memorises and train.last > 0:
        harm = evaluation.rise / max(
            abs(evaluation.best), 1e-12
        )  # without any rise it is thrift, not harm, unless little was understood
        apart = confidence((evaluation.last - train.last) / max(gained, 1e-12), doubtful=APART, certain=UTTERLY)
        sure = confidence(math.log(gap), doubtful=math.log(GAP), certain=math.log(WIDE))
        return min(sure, max(apart, confidence(harm, doubtful=0.0, certain=RISE)))
    return 0.0


def _parts(train: Shape, evaluation: Shape, gained: float) -> float:
    """How sure a gap alone makes us that is as wide as much of what validation has gained, though it still gains a little."""
    if not (0 < train.last * (1 + WIDE) < evaluation.last and evaluation.late_fall < gained * SMALL):
        return 0.0
    return confidence((evaluation.last - train.last) / max(gained, 1e-12), doubtful=APART, certain=UTTERLY)


def _is_apart(train: Shape, evaluation: Shape, gained: float) -> bool:
    """Whether validation has stayed far behind training, though nothing says that it has lost by that: worth a word."""
    gap = evaluation.last - train.last
    opened = evaluation.first - train.first < gap / 2  # one that was there from the start is another trouble
    wide = 0 < train.last < evaluation.last / BEHIND and gap > LARGE * gained
    return wide and opened and evaluation.late_fall < gained * SMALL


def _fell_since(train: Shape, step: int) -> float:
    """Share of its level that the training loss has lost since `step`."""
    then = min(
        (value for at, value in zip(train.level.steps, train.level.values, strict=True) if at >= step),
        default=train.last,
    )
    after = [value for at, value in zip(train.level.steps, train.level.values, strict=True) if at <= step]
    level = after[-1] if after else then
    return float((level - train.last) / max(abs(level), 1e-12))


def _summary(train: Shape, evaluation: Shape) -> str:
    if evaluation.rise > RISE * abs(evaluation.best):
        return (
            f"The network overfits: the validation loss has risen from {evaluation.best:.3g} to {evaluation.last:.3g} since "
            f"step {evaluation.best_step:,}, while the training loss fell to {train.last:.3g}."
        )
    return (
        f"The network overfits: the validation loss stays at {evaluation.last:.3g} while the training loss fell to "
        f"{train.last:.3g}."
    )


def _scale(train: Shape) -> Scale:
    return "log" if train.last > 0 and train.first > 10 * train.last else "linear"


def _remedies(settings: Mapping[str, str | float], best: int) -> tuple[Remedy, ...]:
    """The four families, those first that this run leaves room for."""
    size, samples = settings.get("parameters"), settings.get("training samples")
    ratio = size / samples if isinstance(size, (int, float)) and isinstance(samples, (int, float)) and samples else None
    decay, dropout = settings.get("weight_decay"), settings.get("dropout")
    expect = "The validation loss goes on falling past this step."
    regularise = Remedy(
        "Regularise: " + ("no weight decay and no dropout are in use" if not decay and not dropout else "more of it"),
        "torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=0.05)  # and nn.Dropout(0.3) between layers",
        expect,
    )
    smaller = Remedy(
        "Use a smaller network" + (f": it has {ratio:,.0f} parameters for each training sample" if ratio else ""),
        "",
        expect,
    )
    data = Remedy("Get more data" + (f": {samples:,.0f} training samples are few" if ratio and ratio > ROOMY else ""))
    augment = Remedy("Augment the data: vary each sample in ways that keep its label", "", expect)
    stop = Remedy(f"Until then: use the weights of step {best:,}, where the validation loss was best")
    first = [smaller, regularise] if ratio and ratio > ROOMY and (decay or dropout) else [regularise, smaller]
    return (*first, data, augment, stop)
