"""# Uninformative features

## What you see

The validation loss never gets below that of a blind guess, or hardly, and then rises. The training loss may fall later, by memorising.

## Why it happens

What the network is given does not tell what it is asked: the features do not carry the target, or inputs and targets have been
paired wrongly on the way (shuffled apart, shifted by one, joined on the wrong key).

## What to do

Look at some samples with their targets, as they enter the network. Check the pairing first, then look for features that a person could decide from.

## When this is wrong

A network that does not move, or whose output does not depend on its input, stays at a blind guess with the best of features: those causes
come first. Of a few dozen samples a network learns little from the best of features. Some tasks (parity, modular arithmetic) look like this for a long time before they are understood.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from tb_lossdiag.evidence import Curve, Evidence, Fact, Line, Mark
from tb_lossdiag.finding import Finding, Remedy, confidence, percent
from tb_lossdiag.rule import Lacking, rule
from tb_lossdiag.series import Layers, Series, middle
from tb_lossdiag.signals.data import Features, Targets
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.probe import Answers
from tb_lossdiag.signals.splits import Shift
from tb_lossdiag.signals.structure import Modules

ABOVE = 0.95  # best validation loss as a share of a blind guess's: features that explain a tenth get to 0.85 to 0.94
AT = 0.98
LITTLE = 0.6  # the same where the network memorises: McFadden (1977) calls 0.6 to 0.8 a very good fit of choices
HARDLY = 0.75
LITTLE_SPREAD, HARDLY_SPREAD = 0.8, 0.9  # of the targets' variance: there no accuracy says the same a second time
GAP = 0.2  # of a blind guess's loss, by which training gets below the best validation loss: the network had the freedom to do better
ENOUGH, ENOUGH_BY_CLASS = 200, 10  # training samples: with fewer, memorising says nothing of the features
SOME = 100  # training samples: with fewer, not even a loss that never gets below a blind guess's does
EVALUATIONS = 5
SAMPLES = 50  # of validation: fewer do not tell a few percent from chance
OTHERS = 10  # of validation that are not of the most frequent class: of fewer, luck decides what a blind guess costs
MOVED = 0.25  # shift of validation inputs, targets or unseen classes: more explains a poor validation loss by itself
OTHER_IDS = 0.4  # share of the tokens of validation that would have to be others
WIDER = 0.14  # logarithm of the ratio of the spreads: an eighth wider may already be the whole trouble
TRIED = 60  # steps: after fewer most networks are still near a blind guess, whatever they are shown
SLOW, FAST = 3e-3, 0.2  # largest update ratio that lasts: outside, the steps are to blame
AWAY = 1.0  # update / weights, added up over all steps
SCALE = (0.02, 8.0)  # root mean square of the largest feature; outside, the scale is to blame
ANSWERS = 0.02  # spread of the output over samples as a share of its size: less does not depend on the input
SILENT, LATE = 0.9, 0.2  # share of a layer's units that are dead late in the run: more may be why nothing is learnt
UNSURE = 0.8  # confidence at most, where the weights decay faster than they learn, or nobody has looked at validation
STAYS, FAR = (
    0.93,
    1.3,
)  # level of the first half over a blind guess's that is no progress, and one that has other reasons
LEARNT = (
    0.5  # last training loss over a blind guess's: late, but learnt or memorised, which only an evaluation could tell
)
LONG, HALVES = 200, 8  # steps, and points of the level
EVENS_OUT = {"Softmax", "LogSoftmax", "Softmin", "Softmax2d"}
RIGHT = 0.2  # of the way from the largest class's share to all right: the features do tell, the loss is high for another reason
PARTLY = 0.35  # the same where the network memorises and the loss stays high, too: a third of the way is still little
RARER = 4.0  # standard deviations of the number of right answers
HANDFUL = 4  # samples that are too few for BatchNorm
SURE, FALLING = (
    3.0,
    0.1,
)  # standard errors, and share of all progress, of a validation loss that is still on its way down
TOGETHER = 3  # steps whose median counts


@rule(
    cause="The features do not tell the target, or inputs and targets are paired wrongly.",
    stage="train",
    severity="error",
    remedies=(
        Remedy(
            "Look at samples with their targets as they enter the network",
            "x, y = next(iter(train_loader)); print(x[:5], y[:5])",
            "A person can tell the target from the input.",
        ),
        Remedy("Check that inputs and targets go through shuffling, filtering and joining together"),
        Remedy("Add features that carry the target"),
    ),
    explains=(
        "overfitting",
        "insufficient-capacity",
        "label-noise",
        "undertrained",
        "learning-rate-too-high",
        "learning-rate-too-low",
        "learning-rate-not-decayed",
    ),
)
def uninformative_features(
    train_shape: Shape,
    train_loss: Series,
    update_ratio: Series,
    output_spread: Layers,
    eval_shape: Shape | None = None,
    eval_loss: Series | None = None,
    val_prior_loss: float | None = None,
    prior_loss: float | None = None,
    model_count: int | None = None,
    input_features: Features | None = None,
    val_shift: Shift | None = None,
    val_accuracy: Series | None = None,
    targets: Targets | None = None,
    test_accuracy: Series | None = None,
    sample_count: float | None = None,
    modules: Modules | None = None,
    class_answers: Mapping[str, Answers] | None = None,
    batch_size: int | None = None,
    travel: float | None = None,
    dead_share: Layers | None = None,
    decay_share: Layers | None = None,
) -> Finding | None:
    """A validation loss that hardly gets below a blind guess, in a network that moves and answers to its input; where nothing is known of
    validation's blind guess, a training loss that does not.
    """
    tries = _tries(train_shape, update_ratio, output_spread, modules, dead_share, batch_size, travel)
    fair = _fair(input_features, val_shift, targets, sample_count) and not _avoided((class_answers or {}).get("val"))
    if not tries or not fair:
        return None
    if val_prior_loss is None or eval_shape is None or eval_loss is None:
        stuck = _stuck(train_shape, train_loss, eval_shape, prior_loss) if model_count == 1 else None
        if stuck is None and (eval_shape is None or prior_loss is None):
            raise Lacking("eval_loss" if eval_shape is None else "val_prior_loss")
        return stuck
    if eval_shape.points < EVALUATIONS:
        return None
    right = max(
        _named_rightly((class_answers or {}).get("val")) if val_accuracy is None else 0.0,
        _right(val_accuracy, targets),
        _right(test_accuracy, targets),
        _right(test_accuracy, targets, eval_shape.best_step),
    )
    best = float(np.median(np.sort(eval_loss.finite().values)[:TOGETHER]))
    share = best / val_prior_loss
    below = train_shape.last < 1.3 * val_prior_loss  # far above it is another trouble
    coming = eval_shape.late_fall > max(SURE * eval_shape.late_error, FALLING * eval_shape.fall)
    never = confidence(share, doubtful=ABOVE, certain=AT) if below and right <= RIGHT and not coming else 0.0
    memorises = best - train_shape.last > GAP * val_prior_loss and _enough(sample_count, targets)
    hardly = _hardly(share, val_accuracy, targets) if below and memorises and right <= PARTLY else 0.0
    sure = max(never, hardly)
    if _decays(decay_share or {}):
        sure = min(sure, UNSURE)
    if sure > 0.5:  # noqa: PLR2004  (as sure as not)
        marks = [Mark("level", "blind guess", val_prior_loss)]
        lines = [Line("train", "observed", train_loss), Line("validation", "observed", eval_loss)]
        evidence: list[Evidence] = [
            Curve("Losses and the blind guess", lines, "loss", marks),
            Fact("Best validation loss", best, "loss", val_prior_loss, "the reference is a blind guess"),
            Fact("Largest update ratio that lasts", _largest(update_ratio), "ratio", None, "the network does move"),
        ]
        return Finding(
            summary=(
                f"The features do not tell the target: the validation loss never gets below {best:.3g}, and guessing without "
                f"looking at the input reaches {val_prior_loss:.3g}."
                if never >= sure
                else f"The features tell hardly anything of the target: the validation loss gets no lower than {percent(share)} of what "
                f"guessing without looking at the input reaches, and the network memorises."
            ),
            confidence=sure,
            since=0,
            severity="info" if never >= sure and _told_what_there_is(share, train_shape, eval_shape) else None,
            evidence=evidence,
        )
    return None


def _fair(inputs: Features | None, shift: Shift | None, targets: Targets | None, sample_count: float | None) -> bool:
    """Whether the data are such as a network learns from: sane inputs, enough of them, and a validation of the same kind."""
    sane = inputs is None or _sane(inputs)
    return sane and _comparable(shift) and _mixed(shift, targets) and not (sample_count or SOME) < SOME


def _tries(
    train: Shape,
    ratio: Series,
    spread: Layers,
    modules: Modules | None,
    dead: Layers | None,
    batch_size: int | None,
    travel: float | None,
) -> bool:
    """Whether the network moves, answers to its input, and had the steps to learn something."""
    enough = train.level.steps[-1] - train.level.steps[0] >= TRIED
    return (
        bool(enough) and _moves(ratio, travel) and _answers(spread, modules, dead) and not _shaken(modules, batch_size)
    )


def _stuck(train: Shape, loss: Series, evaluation: Shape | None, blind: float | None) -> Finding | None:
    """A training loss that stays at a blind guess for the first half of the run, when samples are new, and an evaluation that does so throughout."""
    levels = train.level.values
    if blind is None or train.level.steps[-1] - train.level.steps[0] < LONG or len(levels) < HALVES:
        return None
    best = float(np.median(np.sort(levels[: len(levels) // 2])[:TOGETHER]))
    coming = train.late_fall > max(SURE * train.late_error, FALLING * train.fall)  # slowly, as a text's loss may
    far = max(train.last, best) > FAR * blind or (evaluation is not None and evaluation.best < AT * blind)
    sure = min(confidence(best / blind, doubtful=STAYS, certain=AT), UNSURE)
    if far or not sure > 0.5:  # noqa: PLR2004  (as sure as not)
        return None
    return Finding(
        summary=f"The features do not tell the target: the training loss stays near {best:.3g} while samples are new, and guessing without looking at "
        f"the input reaches {blind:.3g}.",
        confidence=sure,
        severity="info" if evaluation is None and (coming or train.last < LEARNT * blind) else None,
        since=0,
        evidence=[
            Curve(
                "Loss and the blind guess",
                [Line("train", "observed", loss)],
                "loss",
                [Mark("level", "blind guess", blind)],
            )
        ],
    )


def _decays(share: Layers) -> bool:
    """Whether a decay pulls the weights harder than the loss does: that alone would keep the network from learning."""
    known = [middle(each.tail(0.5)) for each in share.values() if len(each)]
    return bool(known) and float(np.nanmedian(known)) > 1


def _told_what_there_is(share: float, train: Shape, evaluation: Shape) -> bool:
    """Whether the features do tell a little, and all of it was learnt: clicks and returns can be told no better. Validation came below a blind
    guess, stayed there, and nothing is memorised.
    """
    risen = evaluation.rise > max(SURE * evaluation.error, FALLING * evaluation.fall)
    return share < AT and not risen and train.last > share * evaluation.last


def _hardly(share: float, accuracy: Series | None, targets: Targets | None) -> float:
    """How sure a best validation loss makes us that is below a blind guess's, but not by much."""
    if targets is not None and targets.counts is not None and accuracy is not None:
        return confidence(share, doubtful=LITTLE, certain=HARDLY)
    return confidence(share, doubtful=LITTLE_SPREAD, certain=HARDLY_SPREAD)


def _enough(samples: float | None, targets: Targets | None) -> bool:
    """Whether there are training samples enough to learn from."""
    classes = 0 if targets is None or targets.counts is None else int((targets.counts > 0).sum())
    return samples is not None and samples >= max(ENOUGH, ENOUGH_BY_CLASS * classes)


def _largest(ratio: Series) -> float:
    values = ratio.finite().values
    if len(values) < TOGETHER:
        return math.nan
    return float(np.median(np.lib.stride_tricks.sliding_window_view(values, TOGETHER), axis=1).max())


def _moves(ratio: Series, travel: float | None) -> bool:
    """Whether the steps are neither much too large nor much too small, or small but so many that the weights moved by more than their own size."""
    far = travel is not None and travel > AWAY
    return (_largest(ratio) > SLOW or far) and middle(ratio.values) < FAST


def _answers(spread: Layers, modules: Modules | None, dead: Layers | None) -> bool:
    """Whether the last layer's output differs from sample to sample, and no layer is dead; a softmax that evens it out is none."""
    if any(middle(each.tail(LATE)) > SILENT for each in (dead or {}).values() if len(each)):
        return False
    even = {each.name for each in modules or () if each.type in EVENS_OUT}
    last = [each for name, each in spread.items() if name not in even][-1:]
    return bool(last) and middle(last[0].tail(0.5)) > ANSWERS


def _shaken(modules: Modules | None, batch_size: int | None) -> bool:
    """Whether BatchNorm takes its statistics of a handful of samples: then evaluation mode is another network."""
    return batch_size is not None and batch_size <= HANDFUL and any("BatchNorm" in each.type for each in modules or ())


def _named_rightly(answers: Answers | None) -> float:
    """As `_right`, of the answers of one evaluation."""
    if answers is None or not answers.count.sum() > 0:
        return 0.0
    share, reached = (float(each / answers.count.sum()) for each in (answers.count.max(), answers.right.sum()))
    return (reached - share) / (1 - share) if share < 1 and reached > share else 0.0


def _avoided(answers: Answers | None) -> bool:
    """Whether right answers are rarer than luck makes them: then something is learnt, and turned round in validation."""
    if answers is None or not answers.count.sum() > 0:
        return False
    by_luck = float((answers.count * answers.predicted).sum() / answers.count.sum())
    return float(answers.right.sum()) < by_luck - RARER * math.sqrt(by_luck)


def _comparable(shift: Shift | None) -> bool:
    """Whether validation has samples enough, and they are like those of training."""
    if shift is None:
        return True
    moved = max((each for each in (shift.inputs, shift.target, shift.unseen) if each == each), default=0.0)  # noqa: PLR0124  (NaN)
    wider = abs(math.log(shift.spread)) - shift.chance_spread if shift.spread > 0 else 0.0
    others = shift.ids > OTHER_IDS  # NaN where there are no tokens
    return shift.samples >= SAMPLES and moved < MOVED and abs(wider) < WIDER and not others


def _mixed(shift: Shift | None, targets: Targets | None) -> bool:
    """Whether enough validation samples are of other classes than the most frequent: only on those a blind guess is wrong."""
    if shift is None or targets is None or targets.counts is None or not targets.counts.sum() > 0:
        return True
    return (1 - float(targets.counts.max() / targets.counts.sum())) * shift.samples >= OTHERS


def _right(accuracy: Series | None, targets: Targets | None, step: int | None = None) -> float:
    """How far answers are right beyond the most frequent class, as a share of the way to all right; 0 where nobody says.

    At the end, or around a step: a network that memorises wrong labels was better before.
    """
    if accuracy is None or targets is None or targets.counts is None or not targets.counts.sum() > 0:
        return 0.0
    share = float(targets.counts.max() / targets.counts.sum())
    near = np.argsort(np.abs(accuracy.steps - step))[:TOGETHER] if step is not None else slice(len(accuracy) // 2, None)
    reached = middle(accuracy.values[near])
    return (reached - share) / (1 - share) if share < 1 and reached > share else 0.0


def _sane(features: Features) -> bool:
    """Whether the inputs vary, and are of ordinary scale."""
    scale = np.sqrt(np.square(features.mean) + np.square(features.std))
    return SCALE[0] < float(np.max(scale, initial=0.0)) < SCALE[1] and bool((features.std > 0).any())
