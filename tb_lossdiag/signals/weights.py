"""Parameters: their norms over training, layer by layer."""

from __future__ import annotations

from tb_lossdiag.series import Layers, Run, Series
from tb_lossdiag.signals.signal import signal
from tb_lossdiag.signals.structure import Parameters, logged_tensors

__all__ = ["figure_of_weights", "layer_weights"]

WATCH = "writer.watch(model, optimizer, loss_fn)"
WEIGHTS = {
    "weight",
    "embedding",
    "recurrent",
}  # the tensors that carry a layer's transformation; biases and norms do not
MATRIX = 2  # axes


@signal(log=WATCH)
def layer_weights(run: Run, parameters: Parameters | None = None) -> Layers | None:
    """L2 norm of each weight tensor, in the network's order; of foreign logs, of those with histograms."""
    return figure_of_weights(run, parameters or logged_tensors(run), "param_norm") or None


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
