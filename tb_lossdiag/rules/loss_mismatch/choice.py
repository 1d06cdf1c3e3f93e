"""Losses that are defined for what they get, and badly chosen: a sum over the batch, a distance between class numbers."""

from __future__ import annotations

import math

import numpy as np

from tb_lossdiag.evidence import Bars, Curve, Evidence, Fact, Line, Mark
from tb_lossdiag.finding import REMARK, Finding, Remedy, confidence, percent
from tb_lossdiag.series import Series
from tb_lossdiag.signals.data import Features
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.optimizer import Optimizer
from tb_lossdiag.signals.outputs import Contract, Outputs
from tb_lossdiag.signals.probe import Answers
from tb_lossdiag.signals.structure import LossFunction

__all__ = ["counted_padding", "left_out", "median_of_zeros", "squared_labels", "summed", "too_far_ahead"]

TOTAL = 0.02  # from 1, that the shares of one-hot targets add up to
SUMMED = 0.65  # a sum over the batch is a suspect where a run goes wrong ...
FAST, TOO_FAST = 0.05, 0.2  # ... and the culprit where early steps change the weights by such a share of their size
FIRST = 20  # points at the start that are always logged
MOST_CLASSES = 20  # whole numbers from 0 up to so many are probably class numbers
WHOLE = 0.75  # probably: amounts that end exactly on 0 and on a small whole number are rare ...
MIDDLE = 0.2, 0.8  # ... where their mean lies between these shares of the highest: counts of what is rare lie near 0
YES_OR_NO, ONE_HOT = 0.58, 0.75  # squared errors can learn these too, if slowly: a plain reason comes before them
MEDIAN = 0.9  # ... but the guess that is nearest to one-hot targets by absolute differences is 0 throughout
# share of the targets' variance that is left: below it squared errors did the job, as they do of the scores of relations
LEFT, LEFT_OF_SHARES = 0.2, 0.45
ALLOWED = 0.5  # share of the loss that is left: below it a rate that allows for a sum did the job ...
DONE = 0.05  # ... and below this whatever the first steps did
ABSOLUTE = {"L1Loss", "l1_loss"}
# spread of targets over their mean where most are 0; last outputs; how near the loss is to that of zeros; and how sure we are
RARE, LATE, AT_ZERO, ZERO = 2.0, 5, 0.1, 0.85
SQUARED = {"MSELoss", "mse_loss"}
MOVED_TWICE = 0.9  # how sure we are that nobody means a target beyond the next token, where there is one for each place
PADDED = 0.3  # share of the targets that is padding: less does little harm
MAP = 3  # axes of an output that answers each place of a picture
# share of the places that a class has, of those that are taken for it, and of the others' that are named rightly
FREQUENT, NEVER, KNOWN = 0.3, 0.001, 0.6


def summed(
    loss: LossFunction, contract: Contract, optimizer: Optimizer | None, ratio: Series | None, left: float | None
) -> Finding | None:
    """A sum over the batch with an optimizer that takes the gradient at its word; a remark where the rate allows for it, and most is learnt."""
    if loss.settings.get("reduction") != "sum" or optimizer is None or optimizer.is_adaptive or contract.batch < 2:  # noqa: PLR2004
        return None
    early = ratio.finite().values[:FIRST] if ratio is not None else np.array([])
    fastest = float(early.max(initial=0.0))
    speed = confidence(math.log(fastest), doubtful=math.log(FAST), certain=math.log(TOO_FAST)) if fastest > 0 else 0.0
    evidence: list[Evidence] = [Fact("Samples that are summed", contract.batch, "count", 1, "an average counts as one")]
    if ratio is not None:
        mark = Mark("level", "too fast", TOO_FAST)
        evidence.append(
            Curve(
                "Update ratio (median over layers)",
                [Line("update / weights", "observed", ratio)],
                "ratio",
                [mark],
                "log",
            )
        )
    return Finding(
        summary=f"{loss.type} sums over the batch, which makes each step of {optimizer.type} {contract.batch} times as large as an average.",
        confidence=max(SUMMED, speed),
        since=0,
        evidence=evidence,
        remedies=[
            Remedy(
                "Average over the batch, or divide the learning rate by the batch size",
                f'{loss.type}(reduction="mean")',
                f"Update ratios {contract.batch} times smaller.",
            )
        ],
        severity="info" if left is not None and left < (ALLOWED if 0 < fastest < TOO_FAST else DONE) else "warning",
    )


def squared_labels(
    loss: LossFunction, targets: Features | None, left: float | None, whole: float | None
) -> Finding | None:
    """Squared error where the targets are zeros and ones, or count from 0 as classes do; absolute error of classes, whose median is 0.

    `whole` is the share of whole numbers among them, if it is known: ratings that are cut off at both ends of their scale have others.
    """
    if not loss.is_distance or targets is None or not len(targets.mean):
        return None
    squared = loss.type in SQUARED
    shares = targets.yes_or_no and bool(np.all((targets.min == 0) & (targets.max == 1)))
    highest = float(targets.max[0])
    if shares and (len(targets.mean) == 1 or abs(float(targets.mean.sum()) - 1) < TOTAL):
        what, sure = (
            "targets are zeros and ones",
            YES_OR_NO if len(targets.mean) == 1 else ONE_HOT if squared else MEDIAN,
        )
    elif (
        squared
        and len(targets.mean) == 1
        and whole in {None, 1.0}
        and targets.min[0] == 0
        and highest.is_integer()
        and 1 < highest < MOST_CLASSES
        and MIDDLE[0] < targets.mean[0] / highest < MIDDLE[1]
    ):
        what, sure = f"targets run from 0 to exactly {highest:.0f}, as class numbers do", WHOLE
    else:
        return None
    return Finding(
        summary=f"{loss.type} measures distances, and the {what}: with {max(2, len(targets.mean), int(highest) + 1)} classes "
        "cross-entropy learns faster.",
        confidence=sure,
        since=0,
        evidence=[
            Fact(
                "Targets", f"{targets.min.min():g} to {targets.max.max():g}", "value", None, "smallest and largest seen"
            )
        ],
        remedies=[
            Remedy(
                "If the targets are classes: one score for each class, and cross-entropy",
                "loss_fn = nn.CrossEntropyLoss()  # targets: class numbers, dtype long",
                "Larger gradients for samples that are classified wrongly.",
            )
        ],
        severity="error" if left is not None and left > (LEFT_OF_SHARES if shares else LEFT) else "info",
    )


def median_of_zeros(
    loss: LossFunction, targets: Features | None, outputs: Outputs | None, train: Shape | None
) -> Finding | None:
    """Absolute errors of amounts that are 0 nearly everywhere: their median is 0, and that is what the network has learnt to say."""
    if loss.type not in ABSOLUTE or targets is None or len(targets.mean) != 1 or outputs is None or train is None:
        return None
    mean, spread = float(targets.mean[0]), float(targets.std[0])
    rare = targets.min[0] == 0 and mean > 0 and spread > RARE * mean
    says = float(np.abs([outputs.max[-LATE:], outputs.min[-LATE:]]).max(initial=0.0))
    if not (rare and len(outputs.steps) >= LATE and says < mean and abs(train.last / mean - 1) < AT_ZERO):
        return None
    return Finding(
        summary=f"{loss.type} is least at the median of the targets, which is 0 here: the network says nothing above {says:.2g}, and the loss of {train.last:.3g} is "
        f"that of zeros throughout.",
        confidence=ZERO,
        since=0,
        evidence=[
            Fact("Mean of the targets", mean, "loss", None, "the absolute error of zeros throughout"),
            Curve("Training loss", [Line("train", "observed", train.level)], "loss", [Mark("level", "zeros", mean)]),
        ],
        remedies=(
            Remedy(
                "Use squared errors, which are least at the mean, or weigh what is not 0 more",
                "loss_fn = nn.MSELoss()",
                "Outputs that rise where something is.",
            ),
        ),
    )


def left_out(contract: Contract, answers: Answers | None) -> Finding | None:
    """The most frequent class of a picture's places is never named, though all others are learnt: it does not count in the loss, or should not."""
    if answers is None or len(contract.output) != MAP or len(answers.count) < 2 or not answers.count.sum() > 0:  # noqa: PLR2004
        return None
    most = int(np.argmax(answers.count))
    share, named = (float(each[most] / each.sum()) for each in (answers.count, np.maximum(answers.predicted, 1e-9)))
    others = np.delete(answers.right, most).sum() / max(np.delete(answers.count, most).sum(), 1.0)
    if not (share > FREQUENT and named < NEVER and others > KNOWN):
        return None
    name = answers.classes[most]
    return Finding(
        summary=f"Class {name}, which {percent(share)} of the places have, is never named, and of the others' {percent(float(others))} are named rightly: the loss "
        "leaves it out, by its ignore_index or a weight of 0. That is right only where its places are to be left open.",
        confidence=REMARK,
        severity="info",
        since=0,
        where=[f"class {name}"],
        evidence=[
            Bars("Places that have each class", list(answers.classes), answers.count.tolist(), "count"),
            Bars("Places that are taken for each class", list(answers.classes), answers.predicted.tolist(), "count"),
        ],
        remedies=(
            Remedy(
                "Let all classes that are to be told count in the loss",
                "nn.CrossEntropyLoss(ignore_index=255)  # not 0, where 0 is the background",
                "A background that is named as such.",
            ),
        ),
    )


def too_far_ahead(places: int | None) -> Finding | None:
    """Targets that were moved by one place already, as a data set does, and are moved once more, as a model does that computes its loss itself."""
    if places is None or places < 2:  # noqa: PLR2004  (the next token is the rule)
        return None
    return Finding(
        summary=f"The target of each token is not the next one but the one {places:,} places on: targets that were moved already are moved once more.",
        confidence=MOVED_TWICE,
        since=0,
        evidence=[Fact("Places from a token to its target", float(places), "count", 1.0, "the next token")],
        remedies=(
            Remedy(
                "Move targets once: either in the data, or in the loss",
                "loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())  # targets = tokens[:, 1:], inputs = tokens[:, :-1]",
                "A validation loss that falls, and texts that read on where they began.",
            ),
            Remedy(
                "Give a model that computes its loss itself its own inputs as labels",
                "model(input_ids=ids, labels=ids)",
            ),
        ),
    )


def counted_padding(padding: tuple[int, float] | None) -> Finding | None:
    """Texts that were filled up to one length, and whose padding the loss counts: what is easily told takes the place of the words."""
    if padding is None or padding[1] < PADDED:
        return None
    name, share = padding
    return Finding(
        summary=f"{percent(share)} of the places that the loss counts are padding (id {name}): it is low for what is no text, and the gradient of the words is thinned out.",
        confidence=REMARK,
        severity="info",
        since=0,
        evidence=[Fact("Padding among the targets of the first batch", share, "share")],
        remedies=(
            Remedy(
                "Leave padding out of the loss",
                f"nn.CrossEntropyLoss(ignore_index={name})",
                "A loss that is higher, for it is of the words alone, and falls as these are learnt.",
            ),
            Remedy("Fill up less: sort texts of about one length into each batch"),
        ),
    )
