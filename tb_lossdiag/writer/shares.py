"""Softmaxes between layers, read off the graph of a loss: a layer that is given shares, of which a function of the user's own tells nothing."""

from __future__ import annotations

from collections.abc import Sequence

from tb_lossdiag.writer.nodes import WEIGHTED, Node, inputs, kind_of, sizes_of

__all__ = ["shares_between"]

SHARES = {"Softmax", "LogSoftmax"}
THROUGH = {"Cat", "Clone", "NativeDropout", "Reshape", "ReshapeAlias", "Squeeze", "UnsafeView", "Unsqueeze", "View"}
"""What passes values on as they are, dropout among them."""
WEIGHTS = {"AccumulateGrad", "T"}
TABLE = 2  # axes: shares of a sample, and not of each step of a sequence, as attention has


def shares_between(nodes: Sequence[Node]) -> list[int]:
    """The width of each softmax over what a layer puts out, sample by sample, that is the input of a further layer.

    What multiplies its shares with something else, as attention and a mixture of experts do, is no layer.
    """
    found = {}
    for node in nodes:
        if kind_of(node) in WEIGHTED:
            for given in inputs(node):
                for share in _shares_behind(given):
                    found[share] = (sizes_of(share) or (0,))[-1]
    return list(found.values())


def _shares_behind(node: Node) -> list[Node]:
    """The softmaxes whose values arrive here as they are."""
    kind = kind_of(node)
    if kind in SHARES:
        table = len(sizes_of(node) or ()) == TABLE
        return [node] if table and any(map(_is_layer, inputs(node))) else []
    masked = kind == "Mul" and len(inputs(node)) == 1  # dropout on a CPU
    if kind not in THROUGH and not masked:
        return []
    return [share for each in inputs(node) for share in _shares_behind(each)]


def _is_layer(node: Node) -> bool:
    """Whether these are a layer's outputs: a weighted sum with parameters."""
    return kind_of(node) in WEIGHTED and any(kind_of(each) in WEIGHTS for each in inputs(node))
