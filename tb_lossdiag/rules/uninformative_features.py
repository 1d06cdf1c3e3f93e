"""# Uninformative features

## What you see

The validation loss never gets below that of a blind guess, or hardly, and then rises. The training loss may fall later, by memorising.

## Why it happens

What the network is given does not tell what it is asked: the features do not carry the target, or inputs and targets have been
paired wrongly on the way (shuffled apart, shifted by one, joined on the wrong key). A recurrent network that is given one step at a time, and
begins anew each time, sees nothing of what was before.

## What to do

Look at some samples with their targets, as they enter the network. Check the pairing first, then look for features that a person could decide from.

## When this is wrong

A network that does not move, or whose output does not depend on its input, stays at a blind guess with the best of features: those causes
come first. Of a few dozen samples a network learns little from the best of features. Some tasks (parity, modular arithmetic) look like this for a long time before they are understood.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tb_lossdiag.evidence import Curve, Evidence, Fact, Line, Mark
from tb_lossdiag.finding import REMARK, Finding, Remedy, confidence, percent
from tb_lossdiag.rule import Lacking, rule
from tb_lossdiag.series import Layers, Series, middle
from tb_lossdiag.signals.data import Targets
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.told import Told, largest_ratio

ABOVE = 0.95  # best validation loss as a share of a blind guess's: features that explain a tenth get to 0.85 to 0.94
AT = 0.98
LITTLE = 0.6  # the same where the network memorises: McFadden (1977) calls 0.6 to 0.8 a very good fit of choices
HARDLY = 0.75
LITTLE_SPREAD, HARDLY_SPREAD = 0.8, 0.9  # of the targets' variance: there no accuracy says the same a second time
SHALLOW = 0.8  # the same of classes where training and validation settle together
GAP = 0.2  # of a blind guess's loss, by which training gets below the best validation loss: the network had the freedom to do better
ENOUGH, ENOUGH_BY_CLASS = 200, 10  # training samples: with fewer, memorising says nothing of the features ...
# ... unless nearly all of a blind guess's loss is left, and no more is named rightly than by it
FEWER, NEARLY_ALL, NO_BETTER = 100, 0.9, 0.1
BY_HEART = 0.9  # training loss over validation loss: a lower one memorises
UNSURE = 0.8  # confidence at most, where the weights decay faster than they learn, or nobody has looked at validation
# level of the first half over a blind guess's that is no progress, and one that has other reasons
STAYS, FAR = 0.93, 1.3
LEARNT = (
    0.5  # last training loss over a blind guess's: late, but learnt or memorised, which only an evaluation could tell
)
LONG, HALVES = 200, 8  # steps, and points of the level
RIGHT = 0.2  # of the way from the largest class's share to all right: the features do tell, the loss is high for another reason
PARTLY = 0.35  # the same where the network memorises and the loss stays high, too: a third of the way is still little
# standard errors, and share of all progress, of a validation loss that is still on its way down
SURE, FALLING = 3.0, 0.1
TOGETHER = 3  # steps whose median counts
NOTHING = 0.1  # cosine of consecutive gradients, over the second half of the run: ones that show a way agree better
LATE = 0.5
SINGLE = 0.8  # that its past is what is lacking
ONE_NUMBER = (
    2  # numbers that a recurrent layer is given at its only step: a lagged table has more, and may tell all there is
)
UNTOLD = 0.3  # share of the loss that is left


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
    receptive: bool,
    told: Told | None = None,
    eval_shape: Shape | None = None,
    eval_loss: Series | None = None,
    val_prior_loss: float | None = None,
    prior_loss: float | None = None,
    model_count: int | None = None,
    val_accuracy: Series | None = None,
    targets: Targets | None = None,
    sample_count: float | None = None,
    decay_share: Layers | None = None,
    grad_cosine: Series | None = None,
    memoryless: Mapping[str, int] | None = None,
    loss_left: float | None = None,
) -> Finding | None:
    """A validation loss that hardly gets below a blind guess, in a network that moves and answers to its input; where nothing is known of
    validation's blind guess, a training loss that does not. Of a network that does not move, a remark where its gradients show no way. A recurrent one that is given single values.
    """
    if memoryless and loss_left is not None and UNTOLD < loss_left < ABOVE:
        return _single_steps(memoryless)
    if not receptive:
        return _aimless(train_shape, eval_shape, prior_loss, grad_cosine, update_ratio)
    if val_prior_loss is None or eval_shape is None or eval_loss is None:
        stuck = _stuck(train_shape, train_loss, eval_shape, eval_loss, prior_loss) if model_count == 1 else None
        if stuck is None and (eval_shape is None or prior_loss is None):
            raise Lacking("eval_loss" if eval_shape is None else "val_prior_loss")
        return stuck
    if told is None:
        return None
    share, best = told.share, told.best
    never = (
        confidence(share, doubtful=ABOVE, certain=AT) if told.below and told.right <= RIGHT and not told.coming else 0.0
    )
    enough = _enough(sample_count, targets)
    blind = share > NEARLY_ALL and _no_better(told, val_accuracy, targets) and (sample_count or 0) >= FEWER
    memorises = best - train_shape.last > GAP * val_prior_loss and (enough or blind)
    hardly = _hardly(share, val_accuracy, targets) if told.below and memorises and told.right <= PARTLY else 0.0
    sure = max(never, hardly)
    if _decays(decay_share or {}) or (hardly >= sure and not enough):
        sure = min(sure, UNSURE)
    if sure > 0.5:  # noqa: PLR2004  (as sure as not)
        marks = [Mark("level", "blind guess", val_prior_loss)]
        lines = [Line("train", "observed", train_loss), Line("validation", "observed", eval_loss)]
        evidence: list[Evidence] = [
            Curve("Losses and the blind guess", lines, "loss", marks),
            Fact("Best validation loss", best, "loss", val_prior_loss, "the reference is a blind guess"),
            Fact(
                "Largest update ratio that lasts", largest_ratio(update_ratio), "ratio", None, "the network does move"
            ),
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
    return _shallow(told, train_shape, train_loss, eval_loss, targets)


def _shallow(told: Told, train: Shape, loss: Series, held_out: Series, targets: Targets | None) -> Finding | None:
    """A remark where training and validation settle together, not far below a blind guess: whatever there was to learn is little."""
    by_class = targets is not None and targets.counts is not None
    high = SHALLOW if by_class else HARDLY_SPREAD
    settled = not told.coming and not train.late_fall > FALLING * train.fall
    if not (high < told.share <= ABOVE and train.last > high * told.blind and told.right <= PARTLY and settled):
        return None
    return Finding(
        summary=f"The features tell little of the target: training and validation settle at {percent(told.share)} of what guessing without looking at the "
        "input reaches.",
        confidence=REMARK,
        severity="info",
        since=0,
        evidence=[
            Curve(
                "Losses and the blind guess",
                [Line("train", "observed", loss), Line("validation", "observed", held_out)],
                "loss",
                [Mark("level", "blind guess", told.blind)],
            )
        ],
    )


def _single_steps(memoryless: Mapping[str, int]) -> Finding:
    """Sequences of one step: a warning where that is one number, a remark where it is a row of a table."""
    layer, width = next(iter(memoryless.items()))
    return Finding(
        summary=f"The recurrent layer is given sequences of one step, and begins anew at each: {layer} gets no gradient, and nothing of what was before "
        "can be told.",
        confidence=SINGLE if width <= ONE_NUMBER else REMARK,
        severity="warning" if width <= ONE_NUMBER else "info",
        since=0,
        where=list(memoryless),
        evidence=[
            Fact("Numbers that it is given for each sample", width, "count", None, "one step of so many features")
        ],
        remedies=(
            Remedy(
                "Give it a window: the steps that the target depends on, in the axis of time",
                "x = series.unfold(0, window, 1).unsqueeze(-1)  # (samples, window, features), with batch_first=True",
                "The recurrent weights have a gradient, and the loss falls further.",
            ),
        ),
    )


def _stuck(
    train: Shape, loss: Series, evaluation: Shape | None, held_out: Series | None, blind: float | None
) -> Finding | None:
    """A training loss that stays at a blind guess for the first half of the run, when samples are new, and an evaluation that does so throughout."""
    levels = train.level.values
    if blind is None or train.level.steps[-1] - train.level.steps[0] < LONG or len(levels) < HALVES:
        return None
    best = float(np.median(np.sort(levels[: len(levels) // 2])[:TOGETHER]))
    coming = train.late_fall > max(SURE * train.late_error, FALLING * train.fall)  # slowly, as a text's loss may
    below = held_out is not None and bool((held_out.finite().values < AT * blind).any())
    far = max(train.last, best) > FAR * blind or below or (evaluation is not None and evaluation.best < AT * blind)
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


def _aimless(
    train: Shape, evaluation: Shape | None, blind: float | None, cosine: Series | None, ratio: Series
) -> Finding | None:
    """A remark on steps that had nothing to follow: the loss stays at a blind guess, and gradients of one batch and the next have nothing in common."""
    if blind is None or cosine is None or train.level.steps[-1] - train.level.steps[0] < LONG:
        return None
    agreement = middle(cosine.tail(LATE))
    left = [each.last / blind for each in (train, evaluation) if each is not None]
    if not all(AT < each < 1 / AT for each in left) or not abs(agreement) < NOTHING or not largest_ratio(ratio) > 0:
        return None
    return Finding(
        summary=f"Nothing was learnt, and gradients of one batch and the next have nothing in common (cosine {agreement:.2f}): the features may not tell "
        "the target.",
        confidence=REMARK,
        severity="info",
        since=0,
        evidence=[
            Curve(
                "Agreement of consecutive gradients",
                [Line("cosine", "observed", cosine)],
                "cosine",
                [Mark("level", "nothing in common", NOTHING)],
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
    return share < AT and not risen and train.last > BY_HEART * evaluation.last


def _hardly(share: float, accuracy: Series | None, targets: Targets | None) -> float:
    """How sure a best validation loss makes us that is below a blind guess's, but not by much."""
    if targets is not None and targets.counts is not None and accuracy is not None:
        return confidence(share, doubtful=LITTLE, certain=HARDLY)
    return confidence(share, doubtful=LITTLE_SPREAD, certain=HARDLY_SPREAD)


def _no_better(told: Told, accuracy: Series | None, targets: Targets | None) -> bool:
    """Whether it is known that hardly more is named rightly than by always saying the most frequent class."""
    return accuracy is not None and targets is not None and targets.counts is not None and told.right <= NO_BETTER


def _enough(samples: float | None, targets: Targets | None) -> bool:
    """Whether there are training samples enough to learn from."""
    classes = 0 if targets is None or targets.counts is None else int((targets.counts > 0).sum())
    return samples is not None and samples >= max(ENOUGH, ENOUGH_BY_CLASS * classes)
