"""Answers that suit any other sample as well as their own."""

from __future__ import annotations

from tb_lossdiag.evidence import Curve, Line, Mark
from tb_lossdiag.finding import Finding, Remedy, confidence
from tb_lossdiag.series import middle
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.pairs import Swapped

__all__ = ["unpaired"]

EVALUATIONS, SAMPLES = 5, 24
LONG = 200  # steps: before them a network may only have learnt what all targets have in common
ALIKE = 0.97  # share of values that two targets have in common: of more there is too little to tell them apart by
LATE = 0.5
ABOVE, AT = 0.9, 0.97  # validation loss over that with swapped answers
FALLING = 0.1  # of all progress, made in the last third: then it may yet learn to look
UNSURE = 0.9


def unpaired(swapped: Swapped | None, train: Shape | None, *, receptive: bool) -> Finding | None:
    """A network that moves and whose output follows its input, trained to the end, and what it says of a sample suits the others as well.

    The targets of one sample were those of another: what all targets have in common could be learnt, as the middle of a picture, and nothing else.
    """
    if swapped is None or train is None or not receptive or len(swapped.share) < EVALUATIONS:
        return None
    long = train.level.steps[-1] - train.level.steps[0] >= LONG
    if not long or swapped.samples < SAMPLES or swapped.alike > ALIKE or train.late_fall > FALLING * train.fall:
        return None
    share = middle(swapped.share.tail(LATE))
    sure = min(confidence(share, doubtful=ABOVE, certain=AT), UNSURE)
    if not sure > 0.5:  # noqa: PLR2004  (as sure as not)
        return None
    return Finding(
        summary="Inputs and targets may not belong together: what the network says of a validation sample suits any other as well, "
        "though its output follows its input.",
        confidence=sure,
        since=0,
        evidence=[
            Curve(
                "Validation loss over that with the answers to other samples",
                [Line("own / other", "observed", swapped.share)],
                "ratio",
                [Mark("level", "no better than for others", 1.0)],
            )
        ],
        remedies=(
            Remedy(
                "Look at inputs with their targets as they enter the network",
                "x, y = next(iter(train_loader)); plt.imshow(x[0].permute(1, 2, 0)); plt.figure(); plt.imshow(y[0])",
                "A person can see that they belong together.",
            ),
            Remedy(
                "Pair files by name: os.listdir and glob come in no order, and 10 sorts before 2",
                "images, masks = sorted(folder.glob('images/*')), sorted(folder.glob('masks/*'))",
            ),
            Remedy("Shuffle, augment, filter and repeat inputs and targets together, by one index and one seed"),
        ),
    )
