"""Losses that hold derivatives of the network by its inputs, as those of physics-informed networks do: whether one of them is zero everywhere."""

from __future__ import annotations

from collections.abc import Sequence

from tb_lossdiag.writer.nodes import WEIGHTED, Node, inputs, kind_of

__all__ = ["flat"]

PIECEWISE = {
    "Hardtanh",
    "LeakyRelu",
    "PreluKernel",
    "Relu",
}  # activations made of straight pieces, as torch calls their gradients


def flat(nodes: Sequence[Node]) -> bool:
    """Whether a second derivative is taken through a hidden activation that has none, such as ReLU.

    A first derivative comes back to a hidden layer through the layers behind it, and so depends on their weights. What comes back
    as a second one starts there, with zeros that depend on nothing: for ReLU at its own gradient, for others at the layer before
    them. (Behind an activation at the end of the network a first derivative starts with ones in the same way.)
    """
    kinds = {node: kind_of(node) for node in nodes}
    bending = {node for node in nodes if kinds[node] in PIECEWISE}
    before = {each for node in bending for each in inputs(node) if kinds[each] in WEIGHTED}
    weights = {each for layer in before for each in inputs(layer) if kinds[each] == "T"}
    for node in nodes:
        edges = [each for each, _ in node.next_functions]
        if len(edges) < 2 or edges[0] is not None or edges[1] is None:  # noqa: PLR2004  (what comes back, and what it is multiplied with)
            continue
        through_relu = kinds[node] == "ThresholdBackward" and edges[1] in bending
        if through_relu or (kinds[node] == "Mm" and not weights.isdisjoint(inputs(edges[1]))):
            return True
    return False
