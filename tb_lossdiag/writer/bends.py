"""Whether anything bends between the weighted sums of a network, read off the graph of its loss: a function of the user's own is no module."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tb_lossdiag.writer.graph_loss import NEGATIVE
from tb_lossdiag.writer.nodes import WEIGHTED, Node, inputs, kind_of

__all__ = ["bending"]

STRAIGHT = {
    "AccumulateGrad", "Add", "AdaptiveAvgPool1D", "AdaptiveAvgPool2D", "AdaptiveAvgPool3D", "Alias", "AvgPool1D", "AvgPool2D", "AvgPool3D",
    "AsStrided", "Cat", "Clone", "ConstantPadNd", "Copy", "CudnnBatchNorm", "Embedding", "Expand", "Index", "IndexSelect", "Mean",
    "NativeBatchNorm", "NativeDropout", "Neg", "Permute", "Repeat", "Reshape", "ReshapeAlias", "Select", "Slice", "Split", "SplitWithSizes",
    "Squeeze", "Stack", "Sub", "Sum", "T", "ToCopy", "Transpose", "Unbind", "UnsafeView", "Unsqueeze", "UpsampleNearest2D", "View",
}  # fmt: skip
"""Operations that are linear in what passes through them, batch normalisation in use among them; the names that torch gives their gradients."""
EXTREMES = {"Amax", "Amin", "Max", "Min"}
PRODUCTS = {
    "Mul",
    "Div",
    "Bmm",
}  # by a number, a mask or the edges of a graph they are linear, by another activation they are not
NO_BEND = 0.9  # slope below zero, of 1 above it


def bending(nodes: Sequence[Node]) -> tuple[int, int]:
    """How many weighted sums take what another one puts out, and how many operations between two of them bend.

    `nodes` come from the loss's side, each before those that it leads to.
    """
    kinds = {node: kind_of(node) for node in nodes}
    weighted: dict[Node, bool] = {}  # whether there is a weighted sum further down
    for node in reversed(nodes):
        weighted[node] = any(weighted[each] or kinds[each] in WEIGHTED for each in inputs(node))
    below = set()  # what lies further down than some weighted sum
    places = bends = 0
    for node in nodes:
        kind = kinds[node]
        if kind in WEIGHTED or node in below:
            below.update(inputs(node))
        if not weighted[node]:
            continue
        if kind in WEIGHTED:
            places += 1
        elif (
            node in below and kind not in STRAIGHT and not (scales(node, weighted, kinds) or picks(node) or leaks(node))
        ):
            bends += 1
    return places, bends


def scales(node: Node, weighted: Mapping[Node, bool], kinds: Mapping[Node, str]) -> bool:
    """Whether this is a product with a number, a mask, or what parameters alone make, as a scale that is learnt."""
    factors = [each for each in inputs(node) if weighted[each] or kinds[each] in WEIGHTED]
    return kinds[node] in PRODUCTS and (len(factors) == 1 or len(inputs(node)) == 1)


def leaks(node: Node) -> bool:
    """Whether this is a leaky ReLU that lets (nearly) everything through: `LeakyReLU(True)` has a slope of 1, and bends nothing."""
    return kind_of(node) == "LeakyRelu" and float(getattr(node, "_saved_negative_slope", 0.0)) >= NO_BEND


def picks(node: Node) -> bool:
    """Whether this is the largest or smallest of one value, or of the same value twice: what was meant for an activation, and is none."""
    kind = kind_of(node)
    if kind in {"Maximum", "Minimum"}:
        return len(node.next_functions) == 2 and node.next_functions[0] == node.next_functions[1]  # noqa: PLR2004
    if kind not in EXTREMES:
        return False
    try:
        sizes = getattr(node, "_saved_self_sym_sizes", None) or node._saved_self.shape  # noqa: SLF001
        axes = getattr(node, "_saved_dim", range(len(sizes)))
    except (AttributeError, RuntimeError):  # it is kept otherwise, or no more
        return False
    chosen = axes if isinstance(axes, Iterable) else (axes,)
    return all(sizes[each - 2 * NEGATIVE if each >= NEGATIVE else each] == 1 for each in chosen)
