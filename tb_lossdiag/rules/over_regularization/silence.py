"""Layers that a term of the loss silences."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

import numpy as np

from tb_lossdiag.evidence import Bars, Curve, Line
from tb_lossdiag.finding import Finding, Remedy, confidence, percent
from tb_lossdiag.rules.over_regularization.dropout import PENALTY
from tb_lossdiag.series import Layers, Series
from tb_lossdiag.signals.structure import Parameters

__all__ = ["layers", "left_alone", "units"]

# looks at a layer, and root mean square of its first output: a larger one had to come down
POINTS, USUAL_SIZE = 10, 3.0
NUMBERED = re.compile(r"\.\d+\.(?=.)")
FAINT, SILENT = 0.1, 0.04  # of the first size of a layer's output
# of the run; share of a layer's units; and how sure a penalty on activations makes us then
LATE, MOST_UNITS, HUSHED = 0.2, 0.5, 0.92


def left_alone(gradient: Series) -> bool:
    """Whether no gradient comes back to a parameter in the end: what shrinks there is dead, for another reason."""
    known = gradient.finite().tail(LATE)
    return len(known) > 0 and float(np.median(known)) == 0


def layers(scale: Layers, parameters: Parameters, *, unused: bool) -> Finding | None:
    """Hidden layers whose output has shrunk to next to nothing: of a hundred sound programs none had one that came below a sixth.

    Where the weights decay and much was learnt, they may be layers that a skip connection has made superfluous (`unused`): a remark.
    """
    own = {each.module for each in parameters}
    kept = {}
    for name, each in list(scale.items())[:-1]:
        values = each.finite().values
        if name in own and len(values) > POINTS and 0 < values[0] < USUAL_SIZE:
            kept[name] = float(np.median(values[-max(3, len(values) // 5) :]) / values[0])
    kept = {name: share for name, share in kept.items() if not _one_of_several(name, kept)}
    lowest = min(kept, key=kept.__getitem__, default="")
    sure = confidence(math.log(max(kept.get(lowest, 1.0), 1e-12)), doubtful=math.log(FAINT), certain=math.log(SILENT))
    if not sure > 0.5:  # noqa: PLR2004  (as sure as not)
        return None
    return Finding(
        summary=f"The output of {lowest} has shrunk to {percent(kept[lowest])} of what it was: a term of the loss drives it to zero, and outweighs "
        "what the network is to learn.",
        confidence=min(sure, PENALTY),
        severity="info" if unused else "warning",
        since=0,
        where=[name for name, share in kept.items() if share < FAINT],
        evidence=[
            Bars(
                "Size of each layer's output, as a share of its first", list(kept), list(kept.values()), "share", FAINT
            ),
            Curve("Size of the output", [Line(lowest, "observed", scale[lowest])], "norm", [], "log"),
        ],
        remedies=(
            Remedy(
                "Add up all terms of the loss in the same way: a KL divergence or a penalty that is summed beside an error that is averaged is "
                "too strong by the number of values",
                "loss = F.mse_loss(output, x, reduction='sum') + kl",
                "A layer that goes on telling samples apart.",
            ),
            Remedy("Or lower the weight of the penalty, and raise it slowly", "loss = error + beta * kl"),
        ),
    )


def _one_of_several(name: str, kept: Mapping[str, float]) -> bool:
    """Whether a layer has counterparts in branches or blocks beside its own, and one of these has not shrunk: the network has chosen among them."""
    alike = [share for other, share in kept.items() if other != name and _part(other) == _part(name)]
    return bool(_part(name)) and max(alike, default=0.0) > 1


def _part(name: str) -> str:
    """A layer's name within one of several branches that are numbered; "" where it is in none."""
    found = NUMBERED.sub(".#.", f".{name}")
    return found if ".#." in found else ""


def units(dead: Layers) -> Finding | None:
    """Units that give nothing any more, in a network whose loss asks for small activations."""
    late = {name: float(np.median(each.tail(LATE))) for name, each in dead.items() if len(each)}
    worst = max(late, key=late.__getitem__, default="")
    if not late or not late[worst] > MOST_UNITS:
        return None
    return Finding(
        summary=f"A term of the loss asks for small activations, and has silenced {percent(late[worst])} of the units of {worst}.",
        confidence=HUSHED,
        since=0,
        where=[name for name, share in late.items() if share > MOST_UNITS],
        evidence=[
            Bars("Dead units by layer, end of the run", list(late), list(late.values()), "share", MOST_UNITS),
            Curve("Dead units", [Line(worst, "observed", dead[worst])], "share"),
        ],
        remedies=(
            Remedy(
                "Lower the weight of the penalty on the activations by 10 to 30 times",
                "loss = loss_fn(output, x) + 1e-4 * code.abs().mean()",
                "Units that answer to some of the samples, and a loss that falls.",
            ),
        ),
    )
