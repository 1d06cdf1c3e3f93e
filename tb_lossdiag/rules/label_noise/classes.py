"""Labels of classes, by what evenly spread mistakes cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tb_lossdiag.evidence import Bars, Evidence, Fact
from tb_lossdiag.finding import REMARK, Finding, confidence, percent
from tb_lossdiag.rules.label_noise.amounts import LATE, SETTLED, late
from tb_lossdiag.series import Layers, Series
from tb_lossdiag.signals.data import Targets
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.mistakes import Best, cost_of_mistakes, share_of_mistakes
from tb_lossdiag.signals.probe import ModeGap

__all__ = ["Way", "wrong"]

CLASSES = 3  # with two, weak features look the same
COSTLY, SURELY = 1.1, 1.3  # 95th percentile of the samples' losses over an even guess's: confidently wrong
WRONG = 1.6  # ... and where held-out samples cost far less, augmented ones of training may cost more than an even guess, but not so much
AUGMENTED = 1.5  # the same where they have been memorised since, which augmentation keeps from happening
# training loss over that of held-out samples when that was best; the usual way round is below 1
ABOVE, FAR_ABOVE = 1.25, 1.45
SAME_MODE = 0.1  # (training - evaluation) / the larger of both, of the same batches
APART, FAR_APART = 1.5, 2.0  # training loss in evaluation mode over the loss of held-out samples
CHEAP = 0.75  # median of the samples' losses over an even guess's: most samples are understood
FLOOR = 0.8  # validation loss over what evenly spread mistakes of that accuracy cost; hard clean data: 0.3 to 0.7
AT_FLOOR = 0.95
HONEST = 0.88  # the same where the validation loss was best: there wrong labels hold it at 1, as sure as it may be
HELD = 0.97
CALIBRATED = 1.3  # more is the doubt of a network that has not begun to understand
FAR = 2.5  # beyond, the network is sure of nonsense
PARTING = 0.15  # of all progress in training, made in the last third, while validation stands or rises: no plateau yet
TOGETHER, SURELY_TOGETHER = 0.6, 0.8  # training loss over validation loss: a lower one memorises
MEMORISED = 0.8  # training loss at the end over that at the best validation loss: a higher one is judged as a plateau
HALF = 0.45  # of what a guess leaves over, named rightly among held-out samples: with less it is only suspect
ACCURATE = 0.4  # validation accuracy: below, too little is understood to blame the labels
FEW_WRONG = 0.08  # share of wrong labels that seldom does harm: of seven trainings with 5 % of them two were hurt
HIGH = 0.12  # plateau over an even guess's loss: a lower one is the floor of less than 5 % wrong labels
BETTER = 0.65  # mistakes on test data over those on validation data; sound splits of some hundred samples: 0.7 to 1.4
FAR_BETTER = 0.45
ERRORS, SURE_ERRORS = 2.0, 3.0  # standard errors between the two: doubtful and certain
MORE = 1.2  # held-out mistakes over those that the loss allows for: evenly spread wrong labels made 0.8 to 1.2 ...
FAR_MORE = 1.35  # ... and overlapping classes 1.2 to 2
DEAR = 2.8  # middle sample's loss over that of a right label among so many wrong ones: no more than that ...
TOO_DEAR = 3.0  # ... and 2.5 to 4.5 where little is understood
CLEAN = (
    0.6  # the first of the two, below which held-out labels are cleaner than those of training: then any middle fits
)
OPEN = 0.2  # cheapest samples' loss (5th percentile) as a share of what any sample costs at least under labels that are wrong at random


def wrong(
    targets: Targets,
    train_shape: Shape,
    eval_shape: Shape,
    sample_losses: Layers,
    right: Series,
    mode_gap: ModeGap | None,
    best: Best | None,
    sizes: Mapping[str, int],
    *,
    alike: bool,
) -> Finding | None:
    """Of classes: `sizes` are those of splits that are alike, and `alike` says whether validation is, its shares of classes too."""
    classes = 0 if targets.counts is None else int((targets.counts > 0).sum())
    if classes < 2:  # noqa: PLR2004  (one class has no wrong label)
        return None
    plateau = _plateau(classes, train_shape, eval_shape, sample_losses, right)
    tested = _tested(classes, best, sizes)
    found = [
        plateau,
        _cleaner(classes, train_shape, eval_shape, sample_losses, right, mode_gap),
        _memorised(classes, train_shape, best),
        _memorised_beside(classes, train_shape, best, mode_gap) if alike else Way(),
        tested,
    ]
    way = max(found, key=lambda each: each.sure)
    if not way.sure > 0.5:  # noqa: PLR2004  (as sure as not)
        return None
    unsure = way is plateau and (
        _open(late(sample_losses, "p05"), train_shape.last, classes) or _parting(train_shape, eval_shape)
    )
    reached, accuracy = (best.eval, best.accuracy) if best is not None else (eval_shape.last, _middle(right))
    # below half the inputs may as well leave open what is right, unless those of the test data do not
    shown = way is tested and way.sure > REMARK
    vague = not shown and _beyond_guess(accuracy, targets) < HALF
    return Finding(
        summary=way.summary,
        confidence=way.sure,
        severity="info" if vague or unsure or way.share < FEW_WRONG else None,
        since=0,
        evidence=_evidence(sample_losses, math.log(classes), reached, cost_of_mistakes(1 - accuracy, classes), best),
    )


@dataclass(frozen=True, slots=True)
class Way:
    """One way to tell wrong labels: how sure it makes us, in words, and which share of the labels that would be."""

    sure: float = 0.0
    summary: str = ""
    share: float = 0.0


def _beyond_guess(accuracy: float, targets: Targets) -> float:
    """The accuracy as a share of the way from a guess to all right: three classes that overlap, or one that most samples are of, are
    named rightly in more than half of the cases.
    """
    counts = targets.counts if targets.counts is not None else np.ones(2)
    shares = counts / counts.sum()
    guess = float(shares.max() if shares.max() > 0.5 else np.square(shares).sum())  # noqa: PLR2004  (as sure as not)
    return (accuracy - guess) / max(1 - guess, 1e-12)


def _plateau(classes: int, train: Shape, evaluation: Shape, losses: Layers, right: Series) -> Way:
    """How sure the end of the run makes us, where nothing is memorised."""
    even, accuracy = math.log(classes), _middle(right)
    costly, median = (late(losses, name) / even for name in ("p95", "p50"))
    floor = cost_of_mistakes(1 - accuracy, classes)
    between = (train.last + evaluation.last) / 2  # what is memorised takes from one and adds to the other
    fits = _fits(share_of_mistakes(between, classes), 1 - accuracy, median * even)
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
                fits,
            ),
            f"About {percent(share)} of the training labels look wrong: the loss settles at {train.last:.2g}, where such labels hold it.",
            share,
        )
    return Way()


def _fits(share: float, mistakes: float, middle: float) -> float:
    """How well a share of labels that are wrong at random explains the share of held-out mistakes, and what the middle one of the training samples costs.

    A network that allows for such labels is wrong about as many held-out ones, and gives a right label a probability of 1 - share.
    """
    if not 0 < share < 1:
        return 0.0
    more = confidence(math.log(max(mistakes, 1e-9) / share), doubtful=math.log(FAR_MORE), certain=math.log(MORE))
    dear = confidence(middle / -math.log(1 - share), doubtful=TOO_DEAR, certain=DEAR)
    return more if mistakes < CLEAN * share else min(more, dear)


def _open(least: float, level: float, classes: int) -> bool:
    """Whether some samples cost far less than any may where labels are wrong at random: who allows for a share e of such labels gives
    no more than 1 - e to any class. Where some are beyond doubt, and others are not, it is the classes that overlap.
    """
    return least < OPEN * -math.log(1 - min(share_of_mistakes(level, classes), 0.99))


def _parting(train: Shape, evaluation: Shape) -> bool:
    """Whether training still gains what validation does not: what begins to memorise has not settled."""
    return train.late_fall > PARTING * train.fall and evaluation.late_fall < 0


def _cleaner(classes: int, train: Shape, evaluation: Shape, losses: Layers, right: Series, gap: ModeGap | None) -> Way:
    """How sure a training loss makes us that stays far above that of data with clean labels, on batches that are looked at in the same mode."""
    # looked at now and then: in a short run it may have been when the loss was not down yet
    even, own = math.log(classes), min(gap.late_evaluation, train.last) if gap is not None else math.nan
    costly, median = (late(losses, name) / even for name in ("p95", "p50"))
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
                _fits(share, 1 - _middle(right), median * even),
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
                _fits(share, 1 - best.accuracy, best.median),
            ),
            f"About {percent(share)} of the labels look wrong: the validation loss was best at {best.eval:.2g}, where such labels hold it, and the network "
            f"has memorised them since step {best.step:,}.",
            share,
        )
    return Way()


def _memorised_beside(classes: int, train: Shape, best: Best | None, gap: ModeGap | None) -> Way:
    """How sure a training loss makes us that lay far above that of held-out samples, in the same mode, when the latter was best, and that has been memorised since."""
    if best is None or gap is None or classes < CLASSES or not max(abs(gap.late), abs(gap.latest)) < SAME_MODE:
        return Way()
    even = math.log(classes)
    memorised = train.last < MEMORISED * best.train
    understood = best.median < CHEAP * even and best.accuracy > ACCURATE
    if memorised and understood and 0 < best.eval < FAR * cost_of_mistakes(1 - best.accuracy, classes):
        share = share_of_mistakes(best.train, classes)
        return Way(
            min(
                confidence(best.costly / even, doubtful=SURELY, certain=AUGMENTED),
                confidence(math.log(best.train / best.eval), doubtful=math.log(ABOVE), certain=math.log(FAR_ABOVE)),
                _fits(share, 1 - best.accuracy, best.median),
            ),
            f"About {percent(share)} of the training labels look wrong: when the validation loss was best, at {best.eval:.2g}, the training samples "
            f"cost {best.train:.2g}, and the network has memorised them since step {best.step:,}.",
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


def _middle(right: Series) -> float:
    return float(np.median(right.tail(LATE))) if len(right) else math.nan


def _evidence(losses: Layers, even: float, reached: float, floor: float, best: Best | None) -> list[Evidence]:
    shown = {"5 %": "p05", "half": "p50", "95 %": "p95", "largest": "max"}
    evidence: list[Evidence] = [
        Bars(
            "Losses of a batch's samples, end of the run",
            [f"{label} of the samples below" if name != "max" else label for label, name in shown.items()],
            [late(losses, name) for name in shown.values()],
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
