"""# Label noise

## What you see

The training loss settles on a plateau well above zero. Most samples cost little, some cost more than an even guess: the network is
sure of another class than the label says. Or the network memorises the wrong labels in the end: then the validation loss was at such a
plateau when it was best. Where the test labels are right, the network does far better there than in validation.

## Why it happens

A sizeable share of the labels is wrong: mistakes of annotators, of a heuristic, or of a join. The loss cannot fall below the entropy of
those mistakes unless the network memorises them, which hurts everything else. An augmentation that flips pictures and leaves the places in their
labels as they are makes half of these wrong: one coordinate is learnt, the other is not.

## What to do

Look at the samples with the largest loss, and mend or drop their labels. Until then: label smoothing, a loss that forgives, and stopping early.

## When this is wrong

Hard data with right labels also has costly samples, but a network that is right about most of them then does better than evenly spread mistakes
would allow. Where classes overlap, some samples are beyond doubt and others open: that makes a remark, since wrong labels at random leave no sample
beyond doubt. A network that is unsure of everything is not done, or regularised too much. Wrong labels of two classes, or wrong
amounts, look like features that tell little, unless there are test data with right labels. Samples of training that cost more than held-out ones make a
remark, since augmentation does the same; so do amounts of which a few are far off, since some targets have a long tail.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tb_lossdiag.evidence import Bars, Curve, Evidence, Fact, Line
from tb_lossdiag.finding import Finding, Remedy, confidence, percent
from tb_lossdiag.rule import rule
from tb_lossdiag.series import Layers, Series
from tb_lossdiag.signals.data import Features, Targets
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.mistakes import Best, cost_of_mistakes, share_of_mistakes
from tb_lossdiag.signals.outputs import Outputs
from tb_lossdiag.signals.probe import Answers, ModeGap
from tb_lossdiag.signals.splits import Shift
from tb_lossdiag.signals.structure import LossFunction, Modules

CLASSES = 3  # with two, weak features look the same
COSTLY, SURELY = 1.1, 1.3  # 95th percentile of the samples' losses over an even guess's: confidently wrong
WRONG = 1.6  # ... and where held-out samples cost far less, augmented ones of training may cost more than an even guess, but not so much
APART, FAR_APART = 1.5, 2.0  # training loss in evaluation mode over the loss of held-out samples
CHEAP = 0.75  # median of the samples' losses over an even guess's: most samples are understood
FLOOR = 0.8  # validation loss over what evenly spread mistakes of that accuracy cost; hard clean data: 0.3 to 0.7
AT_FLOOR = 0.95
HONEST = 0.88  # the same where the validation loss was best: there wrong labels hold it at 1, as sure as it may be
HELD = 0.97
CALIBRATED = 1.3  # more is the doubt of a network that has not begun to understand
FAR = 2.5  # beyond, the network is sure of nonsense
SETTLED = 0.25  # of all progress, made in the last third
TOGETHER, SURELY_TOGETHER = 0.6, 0.8  # training loss over validation loss: a lower one memorises
MEMORISED = 0.8  # training loss at the end over that at the best validation loss: a higher one is judged as a plateau
HALF = 0.5  # held-out accuracy below which it is only suspect
ACCURATE = 0.4  # validation accuracy: below, too little is understood to blame the labels
LATE = 0.25  # of the run
FEW_WRONG = 0.08  # share of wrong labels that seldom does harm: of seven trainings with 5 % of them two were hurt
HIGH = 0.12  # plateau over an even guess's loss: a lower one is the floor of less than 5 % wrong labels
FEWEST = 3  # late batches that show the range of the outputs
BETTER = 0.65  # mistakes on test data over those on validation data; sound splits of some hundred samples: 0.7 to 1.4
FAR_BETTER = 0.45
ERRORS, SURE_ERRORS = 2.0, 3.0  # standard errors between the two
MOVED = (
    0.25  # shift of validation or test inputs, or the logarithm of their spread: more explains the difference by itself
)
UNSEEN = 0.05  # and so do samples of classes that training hardly holds
CONVOLUTIONS = {"Conv2d", "LazyConv2d"}
ALIKE = 1.5  # largest over smallest standard deviation of targets that are places in a picture
LEARNT, NOT_LEARNT = 0.7, 0.4  # range of a batch's outputs over that of all targets: learnt ones reach 0.85 to 1.02
PLACES = 0.8  # how sure that makes: a coordinate may be nowhere in the picture
OPEN = 0.2  # cheapest samples' loss (5th percentile) as a share of what any sample costs at least under labels that are wrong at random
DROPOUT = 0.6  # beyond, costly samples are the dropout's doing
HARDER, FAR_HARDER, OTHERWISE = (
    1.25,
    1.6,
    4.0,
)  # training loss over that of held-out samples, in the same mode; beyond, they are not the same loss
SAME_MODE = 0.1  # (training - evaluation) / the larger of both, of the same batches
EVALUATIONS = 5
TAIL, LONG_TAIL = 1.6, 4.0  # times as far from the median as the 95th percentile of normal errors is
SQUARES = 8.4  # that of a normal error's square (chi-squared with one degree of freedom: 3.84 and 0.455); of a mean of several it is lower
ABSOLUTE = {"L1Loss", "l1_loss"}
OTHERS, ENOUGH = 3, 20  # classes beside the two, and held-out samples of each
COIN, KNOWN, SAME_TOTAL = (
    0.12,
    0.85,
    0.1,
)  # how far the right answers of two classes, as shares, add up to other than 1; share of right answers in each other class; answers for the two beyond their number
REMARK = 0.6  # no more can be said without looking at the samples


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
    explains=("overfitting", "insufficient-capacity", "undertrained", "learning-rate-not-decayed"),
)
def label_noise(
    targets: Targets,
    loss_function: LossFunction,
    train_shape: Shape,
    eval_shape: Shape,
    sample_losses: Layers,
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
    """Sure and wrong on some samples, at the loss that evenly spread mistakes cost; or far better on test data alike, or on any held-out data.
    Of places in pictures: some coordinates are learnt, and others of the same spread are not.
    """
    right = val_accuracy if val_accuracy is not None else test_accuracy
    if targets.counts is None and outputs is not None and target_range is not None:
        found = _not_learnt(outputs, target_range, train_shape, modules)
    elif right is not None and loss_function.is_cross_entropy and _dropout(modules) <= DROPOUT:
        like = _like(val_shift) and _like(test_shift)
        found = _wrong_classes(
            targets, train_shape, eval_shape, sample_losses, right, mode_gap, at_best, split_sizes or {} if like else {}
        )
    else:
        found = None
    if found is None and train_shape.late_fall < SETTLED * train_shape.fall:
        harder = _harder(train_shape, eval_shape, mode_gap) if _like(val_shift) else None
        answers = (class_answers or {}).get("val")
        exchanged = _exchanged(answers) if answers is not None else None
        found = exchanged or harder or _outlying(targets, loss_function, sample_losses)
    return found


def _wrong_classes(
    targets: Targets,
    train_shape: Shape,
    eval_shape: Shape,
    sample_losses: Layers,
    right: Series,
    mode_gap: ModeGap | None,
    best: Best | None,
    sizes: Mapping[str, int],
) -> Finding | None:
    """Of classes: `sizes` are those of splits that are alike."""
    classes = 0 if targets.counts is None else int((targets.counts > 0).sum())
    if classes < 2:  # noqa: PLR2004  (one class has no wrong label)
        return None
    plateau = _plateau(classes, train_shape, eval_shape, sample_losses, right)
    found = [
        plateau,
        _cleaner(classes, train_shape, eval_shape, sample_losses, right, mode_gap),
        _memorised(classes, train_shape, best),
        _tested(classes, best, sizes),
    ]
    way = max(found, key=lambda each: each.sure)
    if not way.sure > 0.5:  # noqa: PLR2004  (as sure as not)
        return None
    open_ = way is plateau and _open(_late(sample_losses, "p05"), train_shape.last, classes)
    reached, accuracy = (best.eval, best.accuracy) if best is not None else (eval_shape.last, _middle(right))
    return Finding(
        summary=way.summary,
        confidence=way.sure,
        severity="info"
        if accuracy < HALF or open_ or way.share < FEW_WRONG
        else None,  # below half, as likely the inputs leave open what is right
        since=0,
        evidence=_evidence(sample_losses, math.log(classes), reached, cost_of_mistakes(1 - accuracy, classes), best),
    )


@dataclass(frozen=True, slots=True)
class Way:
    """One way to tell wrong labels: how sure it makes us, in words, and which share of the labels that would be."""

    sure: float = 0.0
    summary: str = ""
    share: float = 0.0


def _not_learnt(outputs: Outputs, targets: Features, train: Shape, modules: Modules | None) -> Finding | None:
    """Amounts of the same spread, read off pictures, of which the network puts out some over their whole range and others hardly at all."""
    pictures = any(each.type in CONVOLUTIONS for each in modules or ())
    late = outputs.steps >= train.level.steps[0] + 2 / 3 * (train.level.steps[-1] - train.level.steps[0])
    alike = len(targets.std) > 1 and bool(targets.std.max() < ALIKE * targets.std.min())
    settled = train.late_fall < SETTLED * train.fall
    if not pictures or not alike or not settled or list(outputs.names) != list(targets.names) or late.sum() < FEWEST:
        return None
    share = np.median(outputs.max[late] - outputs.min[late], axis=0) / (targets.max - targets.min)
    learnt, not_learnt = share > LEARNT, share < NOT_LEARNT
    if not (learnt.any() and not_learnt.any() and (learnt | not_learnt).all()):
        return None
    where = [name for name, missing in zip(targets.names, not_learnt, strict=True) if missing]
    return Finding(
        summary=f"The network has learnt some of the targets and not {where[0]}, though all are places of the same spread: half of these labels may be "
        "wrong, as where pictures are flipped and their labels are not.",
        confidence=PLACES,
        since=0,
        where=where[:10],
        evidence=[
            Bars(
                "Range of the outputs over that of the targets, late in the run",
                list(map(str, targets.names)),
                list(map(float, share)),
                "share",
                NOT_LEARNT,
            )
        ],
        remedies=(
            Remedy(
                "Look at augmented samples with their labels drawn in; what moves the picture must move them, too",
                "x = image.flip(-1); target[0] = width - 1 - target[0]  # and left becomes right",
                "A training loss that falls for each coordinate alike.",
            ),
        ),
    )


def _harder(train: Shape, evaluation: Shape, gap: ModeGap | None) -> Finding | None:
    """Training samples that cost more than held-out ones, though the network is in the same mode with both and has seen only the former."""
    if gap is None or not abs(gap.late) < SAME_MODE or evaluation.points < EVALUATIONS:
        return None
    (own, own_error), (held, held_error) = _late_level(train), _late_level(evaluation)
    if not 0 < held < own <= OTHERWISE * held or own - held < SURE_ERRORS * math.hypot(own_error, held_error):
        return None
    sure = min(confidence(math.log(own / held), doubtful=math.log(HARDER), certain=math.log(FAR_HARDER)), REMARK)
    if sure <= 0.5:  # noqa: PLR2004  (as sure as not)
        return None
    return Finding(
        summary=f"The loss of the training samples settles at {own:.3g}, that of held-out samples at {held:.3g}, though dropout and "
        "running statistics make no difference: labels may be wrong in the training data only, or augmentation makes its samples harder.",
        confidence=sure,
        severity="info",
        since=int(evaluation.level.steps[0]),
        evidence=[
            Curve(
                "Loss",
                [Line("training", "observed", train.level), Line("held-out", "observed", evaluation.level)],
                "loss",
            )
        ],
    )


def _late_level(form: Shape) -> tuple[float, float]:
    """The level over the last third of a run, and its standard error."""
    late = form.level.values[-max(1, len(form.level) // 3) :]
    return float(np.median(late)), form.error / math.sqrt(len(late))


def _exchanged(answers: Answers) -> Finding | None:
    """Two classes that are told apart from all others and not from each other: a coin decides between them."""
    if len(answers.count) < 2 + OTHERS or answers.count.min() < ENOUGH:
        return None
    recall = answers.right / answers.count
    first, second = np.argsort(recall)[:2]
    if recall[second] > KNOWN:  # the coin says always the same
        second = np.argmax(answers.predicted - answers.count)
    pair = np.array([first, second])
    others = np.delete(recall, pair)
    together = float(answers.predicted[pair].sum() / answers.count[pair].sum())
    if abs(float(recall[pair].sum()) - 1) > COIN or others.min() < KNOWN or abs(together - 1) > SAME_TOTAL:
        return None
    names = [answers.classes[int(each)] for each in np.sort(pair)]
    return Finding(
        summary=f"Classes {names[0]} and {names[1]} are told from all others and not from each other: their labels may be mixed up, as where pictures are "
        "flipped that differ in nothing but their direction.",
        confidence=REMARK,
        severity="info",
        since=0,
        where=[f"class {each}" for each in names],
        evidence=[
            Bars(
                "Right answers, as a share of each class",
                [f"class {each}" for each in answers.classes],
                recall.tolist(),
                "share",
                KNOWN,
            )
        ],
        remedies=(
            Remedy(
                "Look at samples of both classes as the network gets them, augmented, with their labels",
                "",
                "Right answers in both classes.",
            ),
            Remedy("Leave out the augmentation that makes one class of the other, or exchange the labels with it"),
        ),
    )


def _outlying(targets: Targets, loss: LossFunction, losses: Layers) -> Finding | None:
    """Amounts of which most are fitted and a few are far off: farther than errors spread as a normal distribution are."""
    if targets.std is None or not loss.is_distance:
        return None
    costly, median = (_late(losses, name) for name in ("p95", "p50"))
    usual = math.sqrt(SQUARES) if loss.type in ABSOLUTE else SQUARES
    ratio = costly / (usual * median) if median > 0 else math.nan
    sure = min(confidence(ratio, doubtful=TAIL, certain=LONG_TAIL), REMARK)
    if not sure > 0.5:  # noqa: PLR2004  (as sure as not)
        return None
    return Finding(
        summary=f"Most samples are fitted and a few are far off: the costliest twentieth of a batch costs {costly / median:.3g} times its median sample, where "
        f"normal errors make that {usual:.2g}. Their targets may be wrong, or some of their inputs missing.",
        confidence=sure,
        severity="info",
        since=0,
        evidence=[
            Bars(
                "Losses of a batch's samples, end of the run",
                ["half of the samples below", "95 % of the samples below", "largest"],
                [_late(losses, name) for name in ("p50", "p95", "max")],
                "loss",
                usual * median,
            )
        ],
        remedies=(
            Remedy(
                "Look at the samples with the largest loss, their inputs as well as their targets",
                'losses = F.mse_loss(model(x), y, reduction="none"); worst = losses.flatten(1).mean(1).topk(50).indices',
                "They have something in common: a source, a date, a column that is missing.",
            ),
            Remedy(
                "Where such targets are right: a loss that forgives, or the logarithm of the target", "nn.HuberLoss()"
            ),
        ),
    )


def _plateau(classes: int, train: Shape, evaluation: Shape, losses: Layers, right: Series) -> Way:
    """How sure the end of the run makes us, where nothing is memorised."""
    even, accuracy = math.log(classes), _middle(right)
    costly, median = (_late(losses, name) / even for name in ("p95", "p50"))
    floor = cost_of_mistakes(1 - accuracy, classes)
    settled = train.late_fall < SETTLED * train.fall and train.last > HIGH * even
    together = train.last > TOGETHER * evaluation.last
    understood = median < CHEAP and accuracy > ACCURATE and evaluation.last < FAR * floor
    if classes >= CLASSES and settled and together and understood:
        share = share_of_mistakes(train.last, classes)
        return Way(
            min(
                confidence(costly, doubtful=COSTLY, certain=SURELY),
                confidence(evaluation.last / floor, doubtful=FLOOR, certain=AT_FLOOR),
                confidence(train.last / evaluation.last, doubtful=TOGETHER, certain=SURELY_TOGETHER),
            ),
            f"About {percent(share)} of the training labels look wrong: the loss settles at {train.last:.2g}, where such labels hold it.",
            share,
        )
    return Way()


def _open(least: float, level: float, classes: int) -> bool:
    """Whether some samples cost far less than any may where labels are wrong at random: who allows for a share e of such labels gives
    no more than 1 - e to any class. Where some are beyond doubt, and others are not, it is the classes that overlap.
    """
    return least < OPEN * -math.log(1 - min(share_of_mistakes(level, classes), 0.99))


def _cleaner(classes: int, train: Shape, evaluation: Shape, losses: Layers, right: Series, gap: ModeGap | None) -> Way:
    """How sure a training loss makes us that stays far above that of data with clean labels, on batches that are looked at in the same mode."""
    even, own = math.log(classes), gap.late_evaluation if gap is not None else math.nan
    costly, median = (_late(losses, name) / even for name in ("p95", "p50"))
    settled = train.late_fall < SETTLED * train.fall
    understood = (
        median < CHEAP
        and _middle(right) > ACCURATE
        and evaluation.last < FAR * cost_of_mistakes(1 - _middle(right), classes)
    )
    if classes >= CLASSES and settled and understood and 0 < evaluation.last < own:
        share = share_of_mistakes(own, classes)
        return Way(
            min(
                confidence(costly, doubtful=SURELY, certain=WRONG),
                confidence(math.log(own / evaluation.last), doubtful=math.log(APART), certain=math.log(FAR_APART)),
            ),
            f"About {percent(share)} of the training labels look wrong: their loss settles at {own:.2g}, and that of held-out samples, "
            f"of which the network names {percent(_middle(right))} rightly, is {evaluation.last:.2g}.",
            share,
        )
    return Way()


def _memorised(classes: int, train: Shape, best: Best | None) -> Way:
    """How sure the best validation loss makes us, where the training loss has left it behind since."""
    if best is None or classes < CLASSES:
        return Way()
    even, floor = math.log(classes), cost_of_mistakes(1 - best.accuracy, classes)
    together = best.train > TOGETHER * best.eval and train.last < MEMORISED * best.train
    understood = best.median < CHEAP * even and best.accuracy > ACCURATE
    if together and understood and HIGH * even < best.eval < CALIBRATED * floor:
        share = share_of_mistakes(best.eval, classes)
        return Way(
            min(
                confidence(best.costly / even, doubtful=COSTLY, certain=SURELY),
                confidence(best.eval / floor, doubtful=HONEST, certain=HELD),
            ),
            f"About {percent(share)} of the labels look wrong: the validation loss was best at {best.eval:.2g}, where such labels hold it, and the network "
            f"has memorised them since step {best.step:,}.",
            share,
        )
    return Way()


def _tested(classes: int, best: Best | None, sizes: Mapping[str, int]) -> Way:
    """How sure test data make us on which the network is far better than on data like those it was trained on."""
    val, test = sizes.get("val", 0), sizes.get("test", 0)
    if best is None or not val or not test:
        return Way()
    wrong, there = 1 - best.accuracy, 1 - best.test_accuracy
    error = math.sqrt(max(wrong * (1 - wrong), 1 / val) / val + max(there * (1 - there), 1 / test) / test)
    floor = cost_of_mistakes(wrong, classes)
    if best.train > TOGETHER * best.eval and 0 < best.eval < FAR * floor and wrong > there >= 0:
        return Way(
            min(
                confidence((wrong - there) / error, doubtful=ERRORS, certain=SURE_ERRORS),
                confidence(
                    math.log(max(there, 1 / test) / wrong), doubtful=math.log(BETTER), certain=math.log(FAR_BETTER)
                ),
                confidence(best.eval / floor, doubtful=FLOOR, certain=AT_FLOOR),
            ),
            f"About {percent(wrong - there)} of the validation labels look wrong, and probably of the training labels: the network is right on "
            f"{percent(best.test_accuracy)} of the test samples and on {percent(best.accuracy)} in validation, with inputs alike.",
            wrong - there,
        )
    return Way()


def _like(shift: Shift | None) -> bool:
    """Whether a split looks like the training data, as far as that is known."""
    if shift is None:
        return True
    wider = abs(math.log(shift.spread)) - shift.chance_spread if shift.spread > 0 else 0.0
    return not max(shift.inputs, wider) > MOVED and not shift.unseen > UNSEEN


def _middle(right: Series) -> float:
    return float(np.median(right.tail(LATE))) if len(right) else math.nan


def _late(losses: Layers, name: str) -> float:
    values = losses[name].finite().tail(LATE) if name in losses else np.zeros(0)
    return float(np.median(values)) if len(values) else math.nan


def _dropout(modules: Modules | None) -> float:
    return max((float(each.settings.get("p") or 0.0) for each in modules or () if "Dropout" in each.type), default=0.0)


def _evidence(losses: Layers, even: float, reached: float, floor: float, best: Best | None) -> list[Evidence]:
    shown = {"5 %": "p05", "half": "p50", "95 %": "p95", "largest": "max"}
    evidence: list[Evidence] = [
        Bars(
            "Losses of a batch's samples, end of the run",
            [f"{label} of the samples below" if name != "max" else label for label, name in shown.items()],
            [_late(losses, name) for name in shown.values()],
            "loss",
            even,
        ),
        Fact(
            "Best validation loss" if best is not None else "Validation loss",
            reached,
            "loss",
            floor,
            "the reference is what evenly spread mistakes of this accuracy cost",
        ),
    ]
    if best is not None and best.test_accuracy == best.test_accuracy:
        evidence.append(
            Fact(
                "Test accuracy", best.test_accuracy, "share", best.accuracy, "the reference is the validation accuracy"
            )
        )
    return evidence
