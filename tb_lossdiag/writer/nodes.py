"""The graph that a loss's gradient goes back through, node by node, as torch keeps it."""

from __future__ import annotations

from typing import Any

__all__ = ["WEIGHTED", "Node", "inputs", "kind_of", "sizes_of", "walked"]

MOST = 20_000  # nodes: of a larger graph nothing is said

WEIGHTED = {
    "Addmm", "Mm", "Addmv", "Mv", "Linear", "Convolution", "MkldnnConvolution", "CudnnConvolution", "ThnnConv2D", "ConvolutionOverrideable",
    "MkldnnLinear",
}  # fmt: skip
"""Weighted sums of inputs, by the names that torch gives their gradients."""

Node = Any


def walked(root: Node) -> list[Node] | None:
    """All nodes from here to the leaves, each after those that lead to it from the loss's side; None where there are too many."""
    entered: set[Node] = set()
    order: list[Node] = []
    stack: list[tuple[Node, bool]] = [(root, False)]
    while stack:
        node, left = stack.pop()
        if left:
            order.append(node)
        elif node not in entered:
            if len(entered) >= MOST:
                return None
            entered.add(node)
            stack.append((node, True))
            stack += [(each, False) for each in inputs(node) if each not in entered]
    return order[::-1]


def inputs(node: Node) -> list[Node]:
    """The nodes that this one's gradient goes on to."""
    return [each for each, _ in node.next_functions if each is not None]


def kind_of(node: Node) -> str:
    """`Addmm` for AddmmBackward0."""
    return type(node).__name__.rstrip("0123456789").removesuffix("Backward")


def sizes_of(node: Node) -> tuple[int, ...] | None:
    """The shape of what it has put out, if it is known."""
    about = getattr(node, "_input_metadata", None)  # torch keeps it, though not in older releases
    return tuple(map(int, about[0].shape)) if about else None
