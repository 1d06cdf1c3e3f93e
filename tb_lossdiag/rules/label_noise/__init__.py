"""# Label noise

## What you see

The training loss settles on a plateau well above zero. Most samples cost little, some cost more than an even guess: the network is
sure of another class than the label says. Or the network memorises the wrong labels in the end: then the validation loss was at such a
plateau when it was best, or, where only training labels are wrong, far below the training loss. Where the test labels are right, the network does far better there than in validation.

## Why it happens

A sizeable share of the labels is wrong: mistakes of annotators, of a heuristic, or of a join. The loss cannot fall below the entropy of
those mistakes unless the network memorises them, which hurts everything else. Where inputs and labels are shuffled each by itself, or a table holds the
same sample twice with different labels, one and the same input is told to be of different classes. An augmentation that flips pictures and leaves the places in their
labels as they are makes half of these wrong: one coordinate is learnt, the other is not. Class numbers that are read like pictures, and scaled, may
all become 0: then there is nothing to tell apart, and the loss is as low as can be.

## What to do

Look at the samples with the largest loss, and mend or drop their labels. Until then: label smoothing, a loss that forgives, and stopping early.

## When this is wrong

Where labels are numbers within an episode, as in learning from a few examples, the same sample has different ones on purpose, and is learnt all the same. Hard data with right labels also has costly samples, but a network that is right about most of them then does better than evenly spread mistakes
would allow. Where classes overlap, some samples are beyond doubt and others open: that makes a remark, since wrong labels at random leave no sample
beyond doubt. A network that is unsure of everything is not done, or regularised too much. Wrong labels of two classes, or wrong
amounts, look like features that tell little, unless there are test data with right labels. Samples of training that cost more than held-out ones make a
remark, since augmentation does the same; so do amounts of which a few are far off, since some targets have a long tail.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from tb_lossdiag.finding import REMARK, Finding, Remedy
from tb_lossdiag.rule import Lacking, rule
from tb_lossdiag.rules.label_noise import amounts, beside, classes, twice
from tb_lossdiag.rules.label_noise.amounts import SETTLED
from tb_lossdiag.series import Layers, Series
from tb_lossdiag.signals.data import Features, Targets
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.mistakes import Best
from tb_lossdiag.signals.outputs import Outputs
from tb_lossdiag.signals.probe import Answers, ModeGap
from tb_lossdiag.signals.samples import Relabelled
from tb_lossdiag.signals.splits import Shift
from tb_lossdiag.signals.structure import LossFunction, Modules

MOVED = (
    0.25  # shift of validation or test inputs, or the logarithm of their spread: more explains the difference by itself
)
UNSEEN = 0.05  # and so do samples of classes that training hardly holds
EVEN = 0.8  # the split's evenness of classes over that of training: labels that are wrong at random make them more even, too
DROPOUT = 0.6  # beyond, costly samples are the dropout's doing


@rule(
    cause="A sizeable share of the labels is wrong.",
    stage="train",
    severity="warning",
    remedies=(
        Remedy(
            "Look at the samples with the largest loss",
            'losses = F.cross_entropy(model(x), y, reduction="none"); worst = losses.topk(50).indices',
            "Many of them carry a label that a person would not give.",
        ),
        Remedy(
            "Until they are mended: label smoothing, and early stopping", "nn.CrossEntropyLoss(label_smoothing=0.1)"
        ),
    ),
    explains=(
        "overfitting",
        "insufficient-capacity",
        "learning-rate-not-decayed",
        "uninformative-features",
    ),
)
def label_noise(
    targets: Targets,
    train_shape: Shape,
    loss_function: LossFunction | None = None,
    eval_shape: Shape | None = None,
    sample_losses: Layers | None = None,
    relabelled: Relabelled | None = None,
    loss_left: float | None = None,
    val_accuracy: Series | None = None,
    modules: Modules | None = None,
    at_best: Best | None = None,
    test_accuracy: Series | None = None,
    split_sizes: Mapping[str, int] | None = None,
    val_shift: Shift | None = None,
    test_shift: Shift | None = None,
    mode_gap: ModeGap | None = None,
    outputs: Outputs | None = None,
    target_range: Features | None = None,
    class_answers: Mapping[str, Answers] | None = None,
) -> Finding | None:
    """Samples that come again with another label; else sure and wrong on some samples, at the loss that evenly spread mistakes cost; or far better on test data alike, or on any held-out data.
    Of places in pictures: some coordinates are learnt, and others of the same spread are not.
    """
    one = beside.all_the_same(targets, (class_answers or {}).get("val"), train_shape)
    anew = one or twice.contradicted(relabelled, loss_left)
    if anew is not None:
        return anew
    if loss_function is None or eval_shape is None or sample_losses is None:
        needed = {"loss_function": loss_function, "eval_shape": eval_shape, "sample_losses": sample_losses}
        raise Lacking(*(name for name, each in needed.items() if each is None))
    right = val_accuracy if val_accuracy is not None else test_accuracy
    if targets.counts is None and outputs is not None and target_range is not None:
        found = amounts.not_learnt(outputs, target_range, train_shape, modules)
    elif right is not None and loss_function.is_cross_entropy and _dropout(modules) <= DROPOUT:
        like = _like(val_shift) and _like(test_shift)
        sizes = split_sizes or {} if like else {}
        alike = _like(val_shift) and _as_even(val_shift)
        found = classes.wrong(
            targets, train_shape, eval_shape, sample_losses, right, mode_gap, at_best, sizes, alike=alike
        )
    else:
        found = None
    if found is not None and found.confidence >= REMARK:
        return found
    settled = train_shape.late_fall < SETTLED * train_shape.fall
    costly = beside.harder(train_shape, eval_shape, mode_gap, settled=settled) if _like(val_shift) else None
    if not settled:
        return costly or found
    answers = (class_answers or {}).get("val")
    mixed = beside.exchanged(answers) if answers is not None else None
    default = (
        beside.too_often(targets.counts, answers, val_shift)
        if answers is not None and targets.counts is not None
        else None
    )
    return mixed or default or costly or amounts.outlying(targets, loss_function, sample_losses) or found


def _like(shift: Shift | None) -> bool:
    """Whether a split looks like the training data, as far as that is known."""
    if shift is None:
        return True
    wider = abs(math.log(shift.spread)) - shift.chance_spread if shift.spread > 0 else 0.0
    return not max(shift.inputs, wider) > MOVED and not shift.unseen > UNSEEN


def _as_even(shift: Shift | None) -> bool:
    """Whether no sampler has made the classes of training much more even than those of the split: the rare ones cost more."""
    return shift is None or not shift.evenness < EVEN * shift.train_evenness


def _dropout(modules: Modules | None) -> float:
    return max((float(each.settings.get("p") or 0.0) for each in modules or () if "Dropout" in each.type), default=0.0)
