"""Samples that come again with another label."""

from __future__ import annotations

from tb_lossdiag.evidence import Fact
from tb_lossdiag.finding import REMARK, Finding, Remedy, percent
from tb_lossdiag.signals.samples import Relabelled

__all__ = ["contradicted"]

FEWEST = 30  # samples that came again
SHARE = 0.1  # of them, with another label: two readers of one picture differ less often
SURE = 0.999  # of what was seen bit for bit: surer than any rule that goes by what a loss comes to
LEARNT = 0.6  # share of the loss that is left: below it the labels are learnt as they are, as those of an episode


def contradicted(seen: Relabelled | None, left: float | None) -> Finding | None:
    """The same input with different labels; a remark where that is learnt, or where nobody knows."""
    if seen is None or seen.again < FEWEST or not seen.otherwise > SHARE * seen.again:
        return None
    share = seen.otherwise / seen.again
    stays = left is not None and left > LEARNT
    return Finding(
        summary=f"{percent(share)} of the training samples that came again had another label than before: the same input is told to be of different classes.",
        confidence=SURE if stays else REMARK,
        severity="error" if stays else "info",
        since=0,
        evidence=[
            Fact("Samples that came again with another label", share, "share", 0.0, "a sample has one label"),
            Fact("Samples that came again", seen.again, "count", FEWEST),
        ],
        remedies=(
            Remedy(
                "Shuffle inputs and labels together",
                "order = torch.randperm(len(x))\nx, y = x[order], y[order]",
                "A loss that falls below a blind guess.",
            ),
            Remedy(
                "Look for samples that the data hold twice, with different labels",
                "table.groupby(features).label.nunique().max()",
            ),
        ),
    )
