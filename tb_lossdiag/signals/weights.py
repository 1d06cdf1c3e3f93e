"""Parameters: their norms over training, layer by layer."""

from __future__ import annotations

import numpy as np

from tb_lossdiag.series import Layers, Run, Series
from tb_lossdiag.signals.signal import signal
from tb_lossdiag.signals.structure import Parameters, logged_tensors

__all__ = ["figure_of_weights", "layer_weights", "shrinking"]

WATCH = "writer.watch(model, optimizer, loss_fn)"
WEIGHTS = {
    "weight",
    "embedding",
    "recurrent",
}  # the tensors that carry a layer's transformation; biases and norms do not
MATRIX = 2  # axes
FIRST = 20  # steps, all of which are looked at


@signal(log=WATCH)
def layer_weights(run: Run, parameters: Parameters | None = None) -> Layers | None:
    """L2 norm of each weight tensor, in the network's order; of foreign logs, of those with histograms."""
    return figure_of_weights(run, parameters or logged_tensors(run), "param_norm") or None


@signal(log=WATCH)
def shrinking(layer_weights: Layers) -> float | None:
    """Share of its norm that the middle weight tensor lost with each of the first steps, below 0 where it grew; None where no steps in a row were seen."""
    lost = []
    for each in layer_weights.values():
        first = each[: FIRST + 1]
        with np.errstate(divide="ignore", invalid="ignore"):
            shares = 1 - first.values[1:] / first.values[:-1]
        shares = shares[(np.diff(first.steps) == 1) & np.isfinite(shares)]
        lost += [float(np.median(shares))] if len(shares) else []
    return float(np.median(lost)) if lost else None


def figure_of_weights(run: Run, parameters: Parameters, figure: str, group: str = "parameters") -> dict[str, Series]:
    """A figure of a group, of the `parameters` if no other, for each weight tensor, in the network's order."""
    columns: dict[str, Series] = {}
    for packed in run.packed:
        if packed.group == group and len(packed.steps):
            columns.update(packed.columns_of(figure))
    return {each.name: columns[each.name] for each in weights_of(parameters) if each.name in columns}


def weights_of(parameters: Parameters) -> Parameters:
    """The tensors that carry the layers' transformations; of a model that is written without layers, its matrices, or all that it has."""
    known = tuple(each for each in parameters if each.kind in WEIGHTS)
    if any(each.kind != "embedding" for each in known):
        return known
    own = tuple(each for each in parameters if each.kind == "other")
    own = tuple(each for each in own if len(each.shape) >= MATRIX) or own
    return tuple(each for each in parameters if each in known or each in own)
