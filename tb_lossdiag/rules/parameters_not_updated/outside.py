"""Layers that take part though neither model nor optimizer holds them, and random tensors that modules hold as plain attributes."""

from __future__ import annotations

from collections import Counter

from tb_lossdiag.evidence import Table
from tb_lossdiag.finding import REMARK, Finding, Remedy, confidence
from tb_lossdiag.signals.beginning import drawn, fresh
from tb_lossdiag.signals.structure import Outside, Parameters

__all__ = ["CERTAIN", "DOUBTFUL", "HELD_UP", "attributes", "outside"]

DOUBTFUL = 0.02  # share of the trainable elements that never change
CERTAIN = 0.2
HELD_UP = 0.1  # share of the loss that is left: below it random features were enough
LISTED = 20  # parameters outside of the model that the writer tells one by one


def outside(found: tuple[Outside, ...], parameters: Parameters, left: float | None) -> Finding:
    """Layers that take part, and that `parameters()` does not list: nobody trains them.

    A copy of the whole model is a target network or a teacher: it is not to learn, only its graph is not needed.
    """
    inside = sum(each.numel for each in parameters)
    shapes = Counter(each.shape for each in parameters)
    copy = Counter(each.shape for each in found) <= shapes and len(found) >= min(len(parameters), LISTED)
    elements = sum(each.numel for each in found)
    plain = any(each.plain for each in found)
    new = plain or any(fresh(each) or drawn(each) for each in found)
    where = "plain tensors, not nn.Parameter" if plain else "in a plain list, or made anew in each forward pass"
    return Finding(
        summary=f"Layers with {elements:,} parameters take part in the loss, and neither the model nor the optimizer holds them: they are {where}.",
        confidence=max(0.75, confidence(elements / (elements + inside), doubtful=DOUBTFUL, certain=CERTAIN)),
        since=0,
        evidence=[
            Table(
                "Parameters outside of the model",
                ["shape", "elements"],
                [[" x ".join(map(str, each.shape)), each.numel] for each in found],
            )
        ],
        severity=None if new and not copy and not (left is not None and left < HELD_UP) else "info",
        remedies=(
            Remedy("Make them parameters of the module", "self.weight = nn.Parameter(weight)")
            if plain
            else Remedy(
                "Keep layers in nn.ModuleList or nn.ModuleDict, made once in __init__, and give the optimizer the parameters after that",
                "self.layers = nn.ModuleList(layers)",
                "model.parameters() lists them, and their gradients arrive.",
            ),
        ),
    )


def attributes(found: tuple[Outside, ...], parameters: Parameters, left: float | None) -> Finding | None:
    """A remark on tensors that a module holds as plain attributes and that stand as they were drawn: random features are meant to, weights are not."""
    random = [each for each in found if fresh(each) or drawn(each)]
    elements = sum(each.numel for each in random)
    inside = sum(each.numel for each in parameters)
    if not elements > DOUBTFUL * (elements + inside) or (left is not None and left < HELD_UP):
        return None
    names = ", ".join(each.name for each in random[:3])
    return Finding(
        summary=f"{elements:,} random numbers ({names}) are plain tensors in a module, in no parameters(): they stay as they were drawn. Fine if that is meant.",
        confidence=REMARK,
        severity="info",
        since=0,
        where=[each.name for each in random],
        evidence=[
            Table(
                "Plain tensors that stand as they were drawn",
                ["tensor", "shape", "elements"],
                [[each.name, " x ".join(map(str, each.shape)), each.numel] for each in random],
            )
        ],
        remedies=(
            Remedy("Make them parameters of the module", "self.weight = nn.Parameter(weight)"),
            Remedy("Register them as a buffer if they are to stay", 'self.register_buffer("weight", weight)'),
        ),
    )
