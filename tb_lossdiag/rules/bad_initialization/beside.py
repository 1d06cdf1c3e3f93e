"""What starts wrong beside the layers: embeddings that are too wide, and normalisations whose scales were drawn around zero."""

from __future__ import annotations

import math

import numpy as np

from tb_lossdiag.evidence import Bars, Fact
from tb_lossdiag.finding import Finding, Remedy, about, confidence
from tb_lossdiag.rules.bad_initialization.alike import ALIKE
from tb_lossdiag.signals.structure import Parameter, Parameters

__all__ = ["embedded", "muted"]

WIDE, SPREAD = 0.3, 0.05  # of embeddings at the start: torch's own is 1; GPT-2's 0.02, fastai's 0.01
HIGH, HIGHEST = 3.0, 10.0  # first loss over that of a network that puts out zeros, where embeddings may be the reason
SCALES = {"weight", "gamma", "scale", "g"}  # as what a normalisation multiplies by is called
DRAWN = 1e-3  # spread of scales that were drawn: a last one of zero in each block is a recipe, and has none
MUTED = 0.93  # by definition nearly: scales that were learnt before are seldom as much below zero as above


def embedded(parameters: Parameters, first: float | None, blank: float | None) -> Finding | None:
    """Embeddings that start with a spread of 1, as torch draws them, where they are multiplied with each other: the first loss tells."""
    wide = {
        each.name: each.init_std for each in parameters if each.kind == "embedding" and (each.init_std or 0.0) > WIDE
    }
    if not wide or first is None or not blank or blank < 0 or not first > 0:
        return None
    sure = confidence(math.log(first / blank), doubtful=math.log(HIGH), certain=math.log(HIGHEST))
    if not sure > 0.5:  # noqa: PLR2004  (as sure as not)
        return None
    return Finding(
        summary=f"Embeddings start with a spread of {max(filter(None, wide.values())):.2g}, and the first loss is {first:.3g}, where a network that puts out zeros "
        f"has {blank:.3g}.",
        confidence=sure,
        since=0,
        where=list(wide),
        evidence=[
            Bars(
                "Spread of the embeddings at the start",
                list(wide),
                [float(each or 0.0) for each in wide.values()],
                "value",
                SPREAD,
            ),
            Fact("First loss", first, "loss", blank, "of a network that puts out zeros"),
        ],
        remedies=(
            Remedy(
                "Let embeddings start small",
                f"nn.init.normal_(embedding.weight, std={SPREAD})",
                "A first loss near that of a blind guess.",
            ),
        ),
    )


def muted(norms: list[Parameter]) -> Finding | None:
    """Normalisations whose scales were drawn around zero, as the weights of other layers are: each shrinks what passes, and turns the sign of half."""
    scales = [each for each in norms if each.name.rpartition(".")[2] in SCALES and each.init_std is not None]
    drawn = [
        each
        for each in scales
        if (each.init_std or 0.0) > DRAWN and abs(each.init_mean or 0.0) < (each.init_std or 0.0)
    ]
    if not drawn or len(drawn) <= ALIKE * len(scales):
        return None
    size = float(np.median([each.init_std or 0.0 for each in drawn]))
    return Finding(
        summary=f"{len(drawn)} of {len(scales)} normalisation layers start with scales around 0 (spread {size:.2g}), where 1 is usual: each of them makes "
        f"what passes {about(1 / size)} times smaller.",
        confidence=MUTED,
        since=0,
        where=[each.name for each in drawn],
        evidence=[
            Bars(
                "Mean scale of the normalisation layers at the start",
                [each.name for each in scales],
                [float(each.init_mean or 0.0) for each in scales],
                "ratio",
                1.0,
            )
        ],
        remedies=(
            Remedy(
                "Leave normalisation layers as torch makes them: scales of 1, shifts of 0",
                "if isinstance(module, nn.LayerNorm):\n    nn.init.ones_(module.weight)\n    nn.init.zeros_(module.bias)",
                "A gradient of the same size in all layers.",
            ),
        ),
    )
