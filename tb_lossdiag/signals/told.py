"""What the features have told of the target, in a network that could have learnt it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tb_lossdiag.series import Layers, Series, middle
from tb_lossdiag.signals.data import Features, Targets
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.probe import Answers
from tb_lossdiag.signals.signal import signal
from tb_lossdiag.signals.splits import Shift
from tb_lossdiag.signals.structure import Modules, Outside, Parameters

__all__ = ["Told", "largest_ratio", "receptive", "shaken", "told"]

WATCH = "writer.watch(model, optimizer, loss_fn)"
EVALUATING_VAL = 'with writer.evaluating("val"): ...'

EVALUATIONS = 5
FAR_ABOVE = 1.3  # times a blind guess's loss, above which training has another trouble
# standard errors, and share of all progress, of a validation loss that is still on its way down
SURE, FALLING = 3.0, 0.1
TOGETHER = 3  # steps whose median counts
SOME = 100  # training samples: with fewer, not even a loss that never gets below a blind guess's does
SAMPLES = 50  # of validation: fewer do not tell a few percent from chance
OTHERS = 10  # of validation that are not of the most frequent class: of fewer, luck decides what a blind guess costs
MOVED = 0.25  # shift of validation inputs, targets or unseen classes: more explains a poor validation loss by itself
OTHER_IDS = 0.4  # share of the tokens of validation that would have to be others
WIDER = 0.14  # logarithm of the ratio of the spreads: an eighth wider may already be the whole trouble
TRIED = 60  # steps: after fewer most networks are still near a blind guess, whatever they are shown
SLOW, FAST = 3e-3, 0.2  # largest update ratio that lasts: outside, the steps are to blame
THROWN = 3.0  # largest update ratio that lasts, in usual ones: may throw a network off
QUIET = 0.01  # what is left of the update ratio where it was thrown off
UNTRAINED = 0.2  # share of the weights in layers that nobody holds, which may be others at each pass
AWAY = 1.0  # update / weights, added up over all steps
SCALE = (0.02, 8.0)  # root mean square of the largest feature; outside, the scale is to blame
ANSWERS = 0.02  # spread of the output over samples as a share of its size: less does not depend on the input
SILENT, LATE = 0.9, 0.2  # share of a layer's units that are dead late in the run: more may be why nothing is learnt
EVENS_OUT = {"Softmax", "LogSoftmax", "Softmin", "Softmax2d"}
RARER = 4.0  # standard deviations of the number of right answers
DROWNED = 0.05  # share of a signal that gets through all dropouts: with less a network hardly learns anything
GONE = 1e-6  # gradient of the layer that gets least of it, over that of the one which gets most
HANDFUL = 4  # samples that are too few for BatchNorm


@dataclass(frozen=True, slots=True)
class Told:
    """The best validation loss beside that of a guess that does not look at the input, `blind`.

    `right` is how far answers are right beyond the most frequent class, as a share of the way to all right; 0 where nobody says.
    `below` tells that training does not end far above a blind guess, `coming` that validation is still on its way down.
    """

    best: float
    blind: float
    right: float
    below: bool
    coming: bool

    @property
    def share(self) -> float:
        """What is left of a blind guess's loss."""
        return self.best / self.blind


@signal(log=WATCH)
def receptive(
    train_shape: Shape,
    update_ratio: Series,
    output_spread: Layers,
    modules: Modules | None = None,
    dead_share: Layers | None = None,
    batch_size: int | None = None,
    travel: float | None = None,
    input_features: Features | None = None,
    val_shift: Shift | None = None,
    targets: Targets | None = None,
    sample_count: float | None = None,
    class_answers: Mapping[str, Answers] | None = None,
    survives: float | None = None,
    layer_gradients: Layers | None = None,
    best_update: float = FAST,
    outside: tuple[Outside, ...] | None = None,
    parameters: Parameters | None = None,
) -> bool:
    """Whether a network that moves and answers to its input was shown data that networks learn from, for long enough."""
    tries = _tries(train_shape, update_ratio, output_spread, modules, dead_share, batch_size, travel)
    tries = tries and not _thrown_off(update_ratio, best_update) and not _untrained(outside or (), parameters or ())
    fair = _fair(input_features, val_shift, targets, sample_count) and not _avoided((class_answers or {}).get("val"))
    return tries and fair and (survives or 1.0) > DROWNED and _arrives(layer_gradients or {})


@signal(log=EVALUATING_VAL)
def told(
    receptive: bool,
    train_shape: Shape,
    eval_shape: Shape,
    eval_loss: Series,
    val_prior_loss: float,
    val_accuracy: Series | None = None,
    test_accuracy: Series | None = None,
    targets: Targets | None = None,
    class_answers: Mapping[str, Answers] | None = None,
) -> Told | None:
    """How far a receptive network got below a blind guess in validation; None of fewer than five evaluations, and of any other network."""
    if not receptive or eval_shape.points < EVALUATIONS:
        return None
    right = max(
        _named_rightly((class_answers or {}).get("val")) if val_accuracy is None else 0.0,
        _right(val_accuracy, targets),
        _right(test_accuracy, targets),
        _right(test_accuracy, targets, eval_shape.best_step),
    )
    best = float(np.median(np.sort(eval_loss.finite().values)[:TOGETHER]))
    below = train_shape.last < FAR_ABOVE * val_prior_loss
    coming = eval_shape.late_fall > max(SURE * eval_shape.late_error, FALLING * eval_shape.fall)
    return Told(best, val_prior_loss, right, below, coming)


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
        bool(enough) and _moves(ratio, travel) and _answers(spread, modules, dead) and not shaken(modules, batch_size)
    )


def _arrives(gradients: Layers) -> bool:
    """Whether the gradient gets to all layers in the end, so that the features could have been put to use."""
    late = [middle(each.tail(LATE)) for each in gradients.values() if len(each)]
    known = [each for each in late if each > 0]
    reached = len(known) > len(late) / 2 or not late  # a layer of which nothing is made has no gradient either
    return reached and (len(known) < 2 or min(known) > GONE * max(known))  # noqa: PLR2004


def _fair(inputs: Features | None, shift: Shift | None, targets: Targets | None, sample_count: float | None) -> bool:
    """Whether the data are such as a network learns from: sane inputs, enough of them, and a validation of the same kind."""
    sane = inputs is None or _sane(inputs)
    return sane and _comparable(shift) and _mixed(shift, targets) and not (sample_count or SOME) < SOME


def largest_ratio(ratio: Series) -> float:
    """The largest |update| / |weights| that lasts for a few steps."""
    values = ratio.finite().values
    if len(values) < TOGETHER:
        return math.nan
    return float(np.median(np.lib.stride_tricks.sliding_window_view(values, TOGETHER), axis=1).max())


def _moves(ratio: Series, travel: float | None) -> bool:
    """Whether the steps are neither much too large nor much too small, or small but so many that the weights moved by more than their own size."""
    far = travel is not None and travel > AWAY
    largest = largest_ratio(ratio)
    stopped = (
        middle(ratio.tail(LATE)) <= GONE * largest
    )  # most weights get no gradient any more: the network is cut off
    return (largest > SLOW or far) and middle(ratio.values) < FAST and not stopped


def _thrown_off(ratio: Series, best: float) -> bool:
    """Whether steps that lasted were several times as large as those that serve best, and hardly any are left after them."""
    largest = largest_ratio(ratio)
    return largest > THROWN * best and middle(ratio.tail(LATE)) < QUIET * largest


def _untrained(outside: tuple[Outside, ...], parameters: Parameters) -> bool:
    """Whether a good part of the network is in layers that neither model nor optimizer holds: random ones, made anew at each pass perhaps."""
    left, held = (sum(each.numel for each in group) for group in (outside, parameters))
    return left > UNTRAINED * (left + held)


def _answers(spread: Layers, modules: Modules | None, dead: Layers | None) -> bool:
    """Whether the last layer's output differs from sample to sample, and no layer is dead; a softmax that evens it out is none."""
    if any(middle(each.tail(LATE)) > SILENT for each in (dead or {}).values() if len(each)):
        return False
    even = {each.name for each in modules or () if each.type in EVENS_OUT}
    last = [each for name, each in spread.items() if name not in even][-1:]
    return bool(last) and middle(last[0].tail(0.5)) > ANSWERS


def shaken(modules: Modules | None, batch_size: int | None) -> bool:
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
