"""What share of the targets that a loss counts is padding, read off the first loss, whose graph holds the targets."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from tb_lossdiag.writer.graph_loss import NEGATIVE, term_of
from tb_lossdiag.writer.nodes import Node, kind_of

__all__ = ["padding_in"]

FEWEST_TEXTS = 4
LENGTHS = 3  # different ones: tasks such as copying from memory begin with a blank of one length
KINDS = 5  # tokens beside the padding: a state that lasts to the end is no padding
FEWEST, MOST = 64, 1 << 16  # targets that are looked at: of few, chance makes what looks like padding
RUN = 3  # of the longest one


def padding_in(loss: Tensor, texts: Iterable[int]) -> tuple[int, float] | None:
    """The id that the targets of texts are filled up with, and which share of all that the loss counts it is.

    `texts` are the numbers of texts that a batch may hold: the lengths of the first two axes of what the model was given. None where
    nothing is filled up, where the loss leaves the padding out, or is weighted place by place, or is no cross-entropy of tokens.
    """
    node = term_of(loss)
    if node is None or kind_of(node) not in {"NllLoss", "NllLoss2D"} or not node._saved_reduction:  # noqa: SLF001  (documented, for all their underscores: "Saved tensors" in torch's notes)
        return None
    try:
        target, weight = node._saved_target, node._saved_weight  # noqa: SLF001
    except RuntimeError:  # the gradient was taken, and what it needed is gone
        return None
    if not FEWEST <= target.numel() <= MOST:
        return None
    for count in dict.fromkeys(texts):
        if FEWEST_TEXTS <= count < target.numel() and target.numel() % count == 0:
            for rows in (target.reshape(count, -1), target.reshape(-1, count).t()):
                found = _filled(rows) or _filled(rows.flip(1))
                if found is not None and _counts(node, weight, found[0]):
                    return found
    return None


def _filled(rows: Tensor) -> tuple[int, float] | None:
    """The id that rows of different lengths end in, and that stands nowhere else, with its share of all."""
    fill = rows[:, -1].mode().values
    is_fill = rows == fill
    ends = is_fill.flip(1).long().cumprod(1).sum(1)  # how many of them each row ends in
    enough = len(torch.unique(ends)) >= LENGTHS and int(ends.max()) >= RUN and int(ends.min()) < rows.shape[1]
    if not enough or int(is_fill.sum()) != int(ends.sum()) or len(torch.unique(rows)) <= KINDS:
        return None
    return int(fill), float(ends.sum()) / rows.numel()


def _counts(node: Node, weight: Tensor | None, fill: int) -> bool:
    """Whether the loss is of these places, too."""
    ignored = node._saved_ignore_index  # noqa: SLF001
    ignored -= 2 * NEGATIVE if ignored >= NEGATIVE else 0
    if fill < 0 or fill == ignored:
        return False
    return weight is None or bool(torch.ne(weight[fill], 0))
