"""# Label noise

## What you see

The training loss settles on a plateau well above zero. Most samples cost little, some cost more than an even guess: the network is
sure of another class than the label says.

## Why it happens

A sizeable share of the labels is wrong: mistakes of annotators, of a heuristic, or of a join. The loss cannot fall below the entropy of
those mistakes unless the network memorises them, which hurts everything else.

## What to do

Look at the samples with the largest loss, and mend or drop their labels. Until then: label smoothing, a loss that forgives, and stopping early.

## When this is wrong

Hard data with right labels also has costly samples, but a network that is right about most of them then does better than evenly spread mistakes
would allow. A network that is unsure of everything is not done, or regularised too much.
"""

from __future__ import annotations

import math

import numpy as np

from tb_lossdiag.evidence import Bars, Evidence, Fact
from tb_lossdiag.finding import Finding, Remedy, confidence, percent
from tb_lossdiag.rule import rule
from tb_lossdiag.series import Layers, Series
from tb_lossdiag.signals.data import Targets
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.structure import LossFunction, Modules

CLASSES = 3  # with two, weak features look the same
COSTLY, SURELY = 1.1, 1.3  # 95th percentile of the samples' losses over an even guess's: confidently wrong
CHEAP = 0.75  # median of the samples' losses over an even guess's: most samples are understood
FLOOR, AT_FLOOR = (
    0.8,
    0.95,
)  # validation loss over what evenly spread mistakes of that accuracy cost; hard clean data: 0.3 to 0.7
FAR = 2.5  # beyond, the network is sure of nonsense
SETTLED = 0.25  # of all progress, made in the last third
TOGETHER = 0.6  # training loss over validation loss: a lower one memorises
ACCURATE = 0.4  # validation accuracy: below, too little is understood to blame the labels
LATE = 0.25  # of the run
HIGH = 0.12  # plateau over an even guess's loss: a lower one is the floor of less than 5 % wrong labels
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
    explains=("overfitting", "insufficient-capacity", "undertrained", "learning-rate-not-decayed"),
)
def label_noise(
    targets: Targets,
    loss_function: LossFunction,
    train_shape: Shape,
    eval_shape: Shape,
    sample_losses: Layers,
    val_accuracy: Series,
    modules: Modules | None = None,
) -> Finding | None:
    """Confidently wrong on some samples and right on most, at the loss that evenly spread mistakes cost."""
    classes = 0 if targets.counts is None else int((targets.counts > 0).sum())
    if classes < CLASSES or not loss_function.is_cross_entropy or _dropout(modules) > DROPOUT:
        return None
    even = math.log(classes)
    costly, median = (_late(sample_losses, name) / even for name in ("p95", "p50"))
    accuracy = float(np.median(val_accuracy.tail(LATE))) if len(val_accuracy) else math.nan
    floor = _cost(1 - accuracy, classes)
    settled = train_shape.late_fall < SETTLED * train_shape.fall and train_shape.last > HIGH * even
    together = train_shape.last > TOGETHER * eval_shape.last
    if settled and together and median < CHEAP and accuracy > ACCURATE and eval_shape.last < FAR * floor:
        sure = min(
            confidence(costly, doubtful=COSTLY, certain=SURELY),
            confidence(eval_shape.last / floor, doubtful=FLOOR, certain=AT_FLOOR),
        )
        if sure > 0.5:  # noqa: PLR2004  (as sure as not)
            share = _noise(train_shape.last, classes)
            return Finding(
                summary=f"About {percent(share)} of the training labels look wrong: the loss settles at {train_shape.last:.2g}, where such labels hold it.",
                confidence=sure,
                since=0,
                evidence=_evidence(sample_losses, even, eval_shape.last, floor),
                factor=None,
            )
    return None


def _late(losses: Layers, name: str) -> float:
    values = losses[name].finite().tail(LATE) if name in losses else np.zeros(0)
    return float(np.median(values)) if len(values) else math.nan


def _cost(wrong: float, classes: int) -> float:
    """The cross-entropy of the best answer where a share of the labels is replaced evenly by other classes."""
    wrong = min(max(wrong, 1e-6), 1 - 1 / classes)
    return -(1 - wrong) * math.log(1 - wrong) - wrong * math.log(wrong / (classes - 1))


def _noise(loss: float, classes: int) -> float:
    """The share of wrong labels whose cost is `loss`."""
    shares = np.linspace(0.01, 1 - 1 / classes, 200)
    costs = np.array([_cost(float(share), classes) for share in shares])
    return float(shares[np.argmin(np.abs(costs - loss))])


def _dropout(modules: Modules | None) -> float:
    return max((float(each.settings.get("p") or 0.0) for each in modules or () if "Dropout" in each.type), default=0.0)


def _evidence(losses: Layers, even: float, reached: float, floor: float) -> list[Evidence]:
    shown = {"5 %": "p05", "half": "p50", "95 %": "p95", "largest": "max"}
    return [
        Bars(
            "Losses of a batch's samples, end of the run",
            [f"{label} of the samples below" if name != "max" else label for label, name in shown.items()],
            [_late(losses, name) for name in shown.values()],
            "loss",
            even,
        ),
        Fact(
            "Validation loss",
            reached,
            "loss",
            floor,
            "the reference is what evenly spread mistakes of this accuracy cost",
        ),
    ]
