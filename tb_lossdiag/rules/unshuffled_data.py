"""# Unshuffled data

## What you see

The training loss goes up and down with the epoch, or falls in each batch and yet validation stays poor: the network
learns what the present batches hold, and forgets what came before.

## Why it happens

Samples come in the order of their class or target, file by file, or through a shuffle buffer that is much smaller than the data. Each
batch then pulls towards a few classes instead of towards the whole task. Processes that train together may each draw the same
batches, or the same order in each epoch, where nothing tells them apart.

## What to do

Shuffle the training set anew in each epoch. Where the data is streamed, make the shuffle buffer larger than the longest stretch of one class,
or shuffle the files' contents once beforehand. Where several processes train together, give each its own part of the data with a
`DistributedSampler`, and call its `set_epoch(epoch)` at the beginning of each epoch.

## When this is wrong

A balanced sampler makes batches *more* alike than chance, which is no trouble. Text and images with a label for each position have batches that
differ more than chance although they are shuffled: only likeness of neighbouring batches counts there.
"""

from __future__ import annotations

import math

from tb_lossdiag.evidence import Bars, Evidence, Fact
from tb_lossdiag.finding import Finding, Remedy, Severity, confidence, percent
from tb_lossdiag.rule import rule
from tb_lossdiag.signals.batches import PURE, Composition
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.ranks import Ranks
from tb_lossdiag.signals.structure import LossFunction

EXCESS = 2.0  # times what chance makes of batches: 0.6 to 1.6 in shuffled data, text among it ...
CERTAIN = 4.0  # ... 3.5 with a shuffle buffer of a third of sorted data, 29 in sorted data
ALIKE = 0.2  # correlation of neighbouring batches: shuffled data stays below 0.1 in classification ...
SURELY_ALIKE = 0.5  # ... and below 0.4 for the mean target of twenty batches
FORGETS = (
    0.3  # share by which validation lies above training in regression: 0.17 at most where the same data was shuffled
)
SAME, ALWAYS_SAME = 0.5, 0.9  # share of steps at which two processes see one batch: chance makes none
LEAST = 8  # steps that all processes have looked at
PASSES = 2.0  # over the training set, from which on the sampler should have been told of a new epoch
# passes over the data, and likeness of neighbours: a jump back between passes leaves no more than 0.4
ROUND, NO_JUMP = 1.5, 0.8
SLIDES = 0.6  # likeness of mean targets a pass apart and more: eight or more of data in an order leave 0.4 in one case of twenty
WELL = 0.08  # validation loss as a share of a blind guess's: the run got there in spite of the order


SHARE_OUT = Remedy(
    "Give each process its own part of the data",
    "DataLoader(train_set, batch_size=batch_size, sampler=DistributedSampler(train_set))",
    "No two processes see the same batch, and each epoch takes as many steps fewer as there are processes.",
)
TELL_EPOCH = Remedy(
    "Tell the sampler of each new epoch",
    "for epoch in range(epochs): train_loader.sampler.set_epoch(epoch)",
    "Another order in each epoch.",
)


@rule(
    cause="The training data comes in an order: neighbouring batches hold the same classes or targets.",
    stage="train",
    severity="error",
    shows_in_loss=False,  # of batches of one class each a loss is as low as it likes
    remedies=(
        Remedy(
            "Shuffle the training set in each epoch",
            "DataLoader(train_set, batch_size=batch_size, shuffle=True)",
            "Batches that differ from each other by chance only, and a loss without the rhythm of the epoch.",
        ),
        Remedy("Where data is streamed: a shuffle buffer longer than the longest stretch of one class"),
    ),
    explains=(
        "learning-rate-too-high",
        "learning-rate-too-low",
        "learning-rate-not-decayed",
        "undertrained",
        "overfitting",
        "batch-too-small",
        "class-imbalance",
        "insufficient-capacity",
        "uninformative-features",
        "unrepresentative-validation",
        "dead-units",
        "over-regularization",
    ),
)
def unshuffled_data(
    composition: Composition,
    shuffled: bool | None = None,
    eval_shape: Shape | None = None,
    prior_loss: float | None = None,
    loss_left: float | None = None,
    train_shape: Shape | None = None,
    ranks: Ranks | None = None,
    passes: float | None = None,
    loss_function: LossFunction | None = None,
    sample_count: float | None = None,
    batch_size: int | None = None,
    model_count: int | None = None,
) -> Finding | None:
    """Batches that differ from each other by more than chance, and are like their neighbours; processes that draw alike."""
    differ = confidence(math.log(max(composition.excess, 1e-9)), doubtful=math.log(EXCESS), certain=math.log(CERTAIN))
    neighbours = confidence(composition.alike, doubtful=ALIKE, certain=SURELY_ALIKE)
    if composition.by_sample and composition.classes and composition.excess > PURE:
        neighbours = max(neighbours, confidence(composition.excess, doubtful=PURE / 2, certain=PURE))
    sure = min(differ, neighbours)
    if (model_count or 1) > 1:  # a critic is told what is real, a policy what it is worth
        sure = 0.0
    if sure > 0.5:  # noqa: PLR2004  (as sure as not)
        beside = loss_function is not None and bool(loss_function.settings.get("part")) and not composition.classes
        drifts = beside or _drifts(composition, sample_count, batch_size)
        return Finding(
            summary=(
                f"The training data is not shuffled: batches differ from each other {composition.excess:.0f} times as much as "
                f"chance makes them."
            ),
            confidence=sure,
            since=0,
            evidence=_evidence(composition, shuffled),
            severity="info"  # as a critic beside a policy, which learns from what the policy meets now
            if drifts
            else _severity(composition, eval_shape, prior_loss, loss_left, train_shape),
        )
    return _among_processes(ranks, passes) if ranks is not None else None


def _drifts(composition: Composition, samples: float | None, batch_size: int | None) -> bool:
    """Whether amounts change slowly though the samples have come round meanwhile: values that are learnt from one's own estimates, as a
    Q network's. Data in an order jump back to its beginning with each pass: of two passes neighbours are alike by 0.4. Or whether a batch
    is larger than all samples together: states that an episode meets again and again, of which no order is known.
    """
    if composition.classes:
        return False
    if samples and batch_size and batch_size > samples:
        return True
    round_ = bool(samples and batch_size and composition.pairs * batch_size > ROUND * samples)
    return composition.slides > SLIDES or (round_ and composition.alike > NO_JUMP)


def _among_processes(ranks: Ranks, passes: float | None) -> Finding | None:
    """Processes that see the same batches, or go through their parts in the same order in each epoch."""
    if ranks.steps < LEAST:
        return None
    sure = confidence(ranks.same_batch, doubtful=SAME, certain=ALWAYS_SAME)
    if sure > 0.5:  # noqa: PLR2004  (as sure as not)
        return Finding(
            summary=(
                f"The {ranks.processes} processes train on the same batches: at {percent(ranks.same_batch)} of the steps "
                f"two of them saw the very same samples."
            ),
            confidence=sure,
            since=0,
            evidence=[Fact("Steps at which processes saw the same batch", ranks.same_batch, "share", SAME)],
            remedies=(SHARE_OUT,),
            severity="warning",
        )
    if passes is not None and passes > PASSES and ranks.epochs == 1:
        return Finding(
            summary=f"The sampler was never told of a new epoch: all {passes:.1f} passes over the data have the same order.",
            confidence=confidence(passes, doubtful=PASSES, certain=1.25 * PASSES),
            since=0,
            evidence=[
                Fact(
                    "Epochs that the sampler was told of",
                    ranks.epochs,
                    "count",
                    note=f"{passes:.1f} passes over the data",
                )
            ],
            remedies=(TELL_EPOCH,),
            severity="warning",
        )
    return None


def _severity(
    composition: Composition,
    evaluation: Shape | None,
    prior: float | None,
    left: float | None,
    train: Shape | None,
) -> Severity | None:
    """A note only, where the run does well all the same."""
    if not composition.by_sample:
        return "info"  # streams of text and of states are read in order on purpose
    if (
        not composition.classes
    ):  # regression: no floor is known, any real progress counts, unless only the present batches gain by it
        forgets = evaluation is not None and train is not None and evaluation.last > (1 + FORGETS) * train.last
        return "info" if left is not None and left < 0.8 and not forgets else None  # noqa: PLR2004
    reached = evaluation.last / prior if evaluation is not None and prior else left
    return "info" if reached is not None and reached < WELL else None


def _evidence(composition: Composition, shuffled: bool | None) -> list[Evidence]:
    evidence: list[Evidence] = [
        Bars(
            "How much batches differ, as a multiple of chance",
            ["this run", "shuffled data"],
            [composition.excess, 1.0],
            "ratio",
            EXCESS,
        ),
    ]
    if composition.pairs:
        evidence.append(
            Fact(
                "Likeness of neighbouring batches",
                composition.alike,
                "cosine",
                ALIKE,
                f"correlation over {composition.pairs} pairs; about 0 in shuffled data",
            )
        )
    if shuffled is not None:
        evidence.append(Fact("The loader shuffles", "yes" if shuffled else "no", "value"))
    return evidence
