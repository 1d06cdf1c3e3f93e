"""How many places ahead of its input a language model's target lies, read off the first loss, whose graph holds the targets."""

from __future__ import annotations

import torch
from torch import Tensor

from tb_lossdiag.writer.graph_loss import NEGATIVE, SHAPED, term_of
from tb_lossdiag.writer.nodes import Node, inputs, kind_of

__all__ = ["ahead_in"]

FARTHEST = 3  # places that are tried
# share of the tokens that agree, and of those that may agree so many places on or back: texts repeat themselves
SAME, OTHERS = 0.99, 0.8
FEWEST = 64  # tokens that are compared
TEXTS = 2  # axes of ids
BETWEEN = SHAPED | {"LogSoftmax", "Permute", "Slice", "Transpose"}
"""What stands between a model's scores and cross-entropy."""


def ahead_in(loss: Tensor, ids: Tensor) -> int | None:
    """How many places after the token at which a prediction is made the token stands that is its target: 1 for the next one.

    `ids` of shape (batch, length), or the other way round, are what the model was given. None where the loss is no cross-entropy of tokens, or
    where nothing is certain.
    """
    node = term_of(loss)
    if node is None or kind_of(node) not in {"NllLoss", "NllLoss2D"} or ids.dim() != TEXTS:
        return None
    try:
        target = node._saved_target  # noqa: SLF001  (documented, for all their underscores: "Saved tensors" in torch's notes)
    except RuntimeError:  # the gradient was taken, and what it needed is gone
        return None
    shares = _agree(target, ids) or _agree(target, ids.t(), turned=True)
    if shares is None:
        return None
    best = max(range(len(shares)), key=shares.__getitem__)
    alone = all(each < OTHERS for place, each in enumerate(shares) if place != best)
    left_out = _left_out(node, ids.shape)
    return best - left_out if shares[best] > SAME and alone and left_out is not None else None


def _agree(target: Tensor, ids: Tensor, *, turned: bool = False) -> list[float] | None:
    """The share of the targets that are the token so many places on; None where these are no targets of such texts."""
    texts, length = ids.shape
    width, left = divmod(target.numel(), max(texts, 1))
    if left or not max(1, length - FARTHEST) <= width <= length or target.device != ids.device:
        return None
    rows = target.reshape(width, texts).t() if turned else target.reshape(texts, width)
    found = []
    for places in range(FARTHEST + 1):
        common = min(width, length - places)
        told = rows[:, :common] >= 0  # those that are not to be told are below, as a rule
        if common < 1 or int(told.sum()) < FEWEST:
            return None
        same = (rows[:, :common] == ids[:, places : places + common]) & told
        found.append(float(torch.count_nonzero(same) / torch.count_nonzero(told)))
    return found if max(found) > SAME else None


def _left_out(node: Node, texts: torch.Size) -> int | None:
    """How many predictions at the beginning of each text the loss leaves out; None where that cannot be told.

    Those at what the model puts before a text, as a picture's tokens are, are no predictions of it.
    """
    places = 0
    below = inputs(node)
    while len(below) == 1 and kind_of(below[0]) in BETWEEN:
        if kind_of(below[0]) == "Slice":
            start = int(below[0]._saved_start)  # noqa: SLF001
            if not 0 <= start < NEGATIVE:  # counted from the end
                return None
            places += start - _before(below[0], texts) if start else 0
        below = inputs(below[0])
    return places


def _before(node: Node, texts: torch.Size) -> int:
    """By how many places what is cut is longer than a text."""
    sizes, axis = node._saved_self_sym_sizes, int(node._saved_dim)  # noqa: SLF001
    axis = (axis - 2 * NEGATIVE if axis >= NEGATIVE else axis) % len(sizes)
    return max(0, int(sizes[axis]) - texts[min(axis, 1)])
