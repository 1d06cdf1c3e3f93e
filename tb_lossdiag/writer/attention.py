"""How sharply attention looks at single places, read off the graph of a loss: a function of the user's own computes it, which no module shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from tb_lossdiag.writer.nodes import Node, inputs, kind_of, sizes_of

__all__ = ["attention_in"]

PRODUCT = "Bmm"
SHAPED = {
    "Clone", "Expand", "NativeDropout", "Permute", "Reshape", "ReshapeAlias", "Squeeze", "ToCopy", "Transpose", "UnsafeView", "Unsqueeze", "View",
}  # fmt: skip
"""What passes shares on as they are."""
SCORED = SHAPED | {"Add", "Div", "MaskedFill", "Mul", "Sub", "Where"}
"""What lies between the product of queries and keys and its softmax: a scale, a mask, a term for the distance."""
KEYS = 4  # places that a query chooses among; of fewer a sharp look says little
MOST = 1 << 20  # shares that are looked at, of each softmax
LISTED = 20
UNKNOWN = object()


def attention_in(nodes: Sequence[Node]) -> list[dict[str, Any]]:
    """For each softmax over the products of queries and keys: how many places there are, and the largest share that the middle query gives to one of them."""
    found: dict[Node, dict[str, Any]] = {}
    for node in nodes:
        if kind_of(node) == PRODUCT and len(found) < LISTED:
            for given in inputs(node):
                softmax = _behind(given, SHAPED, "Softmax")
                if softmax is not None and softmax not in found and _of_products(softmax):
                    peak = _peak(softmax)
                    found |= {softmax: peak} if peak is not None else {}
    return list(found.values())


def _behind(node: Node, through: set[str], kind: str) -> Node | None:
    """The node of this kind whose values arrive here through these, and through dropout, which on a CPU is a product with a mask."""
    while node is not None and kind_of(node) != kind:
        below = inputs(node)
        dropped = kind_of(node) == "Mul" and len(below) == 1
        node = below[0] if (dropped or kind_of(node) in through) and below else None
    return node


def _of_products(softmax: Node) -> bool:
    """Whether it weighs products of two things: those of one thing with itself are largest where each meets itself, and what it passes on is itself."""
    product = next((found for each in inputs(softmax) if (found := _behind(each, SCORED, PRODUCT)) is not None), None)
    factors = [_unshaped(*each) for each in product.next_functions] if product is not None else []
    return product is not None and len(set(factors)) == len(factors)


def _unshaped(node: Node | None, which: int) -> tuple[Node | None, int]:
    """What these values were before they were laid out otherwise: a node, and which of its outputs, as of the parts that a tensor was split into."""
    while node is not None and kind_of(node) in SHAPED and inputs(node):
        node, which = next(each for each in node.next_functions if each[0] is not None)
    return node, which


def _peak(softmax: Node) -> dict[str, Any] | None:
    """The largest share of the middle query, of those with several keys that are not masked in the whole batch."""
    kept = getattr(softmax, "_raw_saved_result", None)
    if (
        kept is None or getattr(kept, "unpack_hook", UNKNOWN) is not None
    ):  # it would be computed once more, as by checkpointing
        return None
    sizes = sizes_of(softmax)
    try:
        shares = softmax._saved_result  # noqa: SLF001  (documented: "Saved tensors" in torch's notes)
    except (AttributeError, RuntimeError):  # it is kept otherwise, or no more
        return None
    along = sizes is not None and softmax._saved_dim % (1 << 64) in {len(sizes) - 1, (1 << 64) - 1}  # noqa: SLF001
    if not isinstance(shares, Tensor) or shares.dim() < 3 or not along:  # noqa: PLR2004  (a batch of queries and keys)
        return None
    shares = shares.detach().flatten(0, -3)
    shares = shares[: max(1, MOST // max(1, shares[0].numel()))].float()
    open_ = (shares > 0).any(0).sum(-1)  # keys of each query
    known = shares[:, open_ >= KEYS].amax(-1)
    if not known.numel():
        return None
    return {"keys": int(open_.max()), "peak": round(float(known.median()), 4)}
