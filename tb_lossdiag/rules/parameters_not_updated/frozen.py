"""Layers that `requires_grad` freezes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Set as AbstractSet

from tb_lossdiag.evidence import Table
from tb_lossdiag.finding import Finding, Remedy, percent
from tb_lossdiag.rules.parameters_not_updated.outside import HELD_UP
from tb_lossdiag.signals.beginning import LAYERS, fresh, trained, untouched
from tb_lossdiag.signals.structure import Parameters

__all__ = ["frozen"]

FRESH = 0.95  # weights that stand where the dice put them, in a network that still has most of its loss
SEVERAL = 4  # frozen parameters of which each has a trained one of its size: a copy
FROZEN = 0.5  # share of the elements frozen by requires_grad that is worth saying


def frozen(parameters: Parameters, elsewhere: AbstractSet[str], left: float | None) -> Finding | None:
    """Layers frozen by `requires_grad`: worth saying, for it may be on purpose; of layers that never learnt anything it is not, unless
    they follow others that learn, as a momentum encoder does.
    """
    held = [each for each in parameters if not each.trainable]
    copy = Counter(each.shape for each in held) <= Counter(each.shape for each in parameters if each.trainable)
    follows = (copy and len(held) >= SEVERAL) or any(each.module in elsewhere for each in held)
    total = sum(each.numel for each in parameters)
    share = sum(each.numel for each in held) / total if total else 0.0
    raw = [each for each in held if each.kind in LAYERS and fresh(each)]
    random = untouched(held) or (bool(raw) and not any(map(trained, held)))
    harmful = random and not follows and left is not None and left > HELD_UP
    if share > FROZEN or harmful:
        names = ", ".join(each.name for each in held[:3])
        meant = "they stand as they were drawn at random" if harmful else "fine if that is meant"
        return Finding(
            summary=f"{percent(share)} of the parameters are frozen ({names}, ...): {meant}.",
            confidence=FRESH if harmful else 0.9,
            evidence=[
                Table("Frozen parameters", ["parameter", "elements"], [[each.name, each.numel] for each in held])
            ],
            where=[each.name for each in held[:10]],
            severity="error" if harmful else "info",
            remedies=(Remedy("Thaw what should learn", "for p in model.parameters():\n    p.requires_grad_(True)"),),
        )
    return None
