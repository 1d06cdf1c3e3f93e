"""Targets that are amounts: some are not learnt beside others, or a few are far off."""

from __future__ import annotations

import math

import numpy as np

from tb_lossdiag.evidence import Bars
from tb_lossdiag.finding import REMARK, Finding, Remedy, confidence
from tb_lossdiag.series import Layers
from tb_lossdiag.signals.data import Features, Targets
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.outputs import Outputs
from tb_lossdiag.signals.structure import LossFunction, Modules

__all__ = ["LATE", "SETTLED", "late", "not_learnt", "outlying"]

SETTLED = 0.25  # of all progress, made in the last third
LATE = 0.25  # of the run
FEWEST = 3  # late batches that show the range of the outputs
CONVOLUTIONS = {"Conv2d", "LazyConv2d"}
ALIKE = 1.5  # largest over smallest standard deviation of targets that are places in a picture
LEARNT, NOT_LEARNT = 0.7, 0.4  # range of a batch's outputs over that of all targets: learnt ones reach 0.85 to 1.02
PLACES = 0.8  # how sure that makes: a coordinate may be nowhere in the picture
TAIL, LONG_TAIL = 1.6, 4.0  # times as far from the median as the 95th percentile of normal errors is
SQUARES = 8.4  # that of a normal error's square (chi-squared with one degree of freedom: 3.84 and 0.455); of a mean of several it is lower
ABSOLUTE = {"L1Loss", "l1_loss"}


def not_learnt(outputs: Outputs, targets: Features, train: Shape, modules: Modules | None) -> Finding | None:
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


def outlying(targets: Targets, loss: LossFunction, losses: Layers) -> Finding | None:
    """Amounts of which most are fitted and a few are far off: farther than errors spread as a normal distribution are."""
    if targets.std is None or not loss.is_distance:
        return None
    costly, median = (late(losses, name) for name in ("p95", "p50"))
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
                [late(losses, name) for name in ("p50", "p95", "max")],
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


def late(losses: Layers, name: str) -> float:
    """The median of a figure of the samples' losses at the end of the run, NaN where it was not logged."""
    values = losses[name].finite().tail(LATE) if name in losses else np.zeros(0)
    return float(np.median(values)) if len(values) else math.nan
