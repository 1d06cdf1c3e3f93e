"""Reshapes where axes should have been swapped: `x.view(...)` keeps the order of the values, whatever the new sizes are meant to say."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Sequence
from itertools import accumulate, permutations

from torch import Tensor

from tb_lossdiag.writer.nodes import Node, inputs, kind_of

__all__ = ["Reshapes", "Sizes", "mixes", "mixing", "regroups", "tears"]

Sizes = tuple[int, ...]
VIEWS = {"Reshape", "ReshapeAlias", "UnsafeView", "View"}
SWAPS = {"Permute", "T", "Transpose"}
SHARES = {"LogSoftmax", "Softmax"}  # what makes shares of each row
ROW_BY_ROW = {
    "Addmm", "Clone", "Elu", "Gelu", "LeakyRelu", "LogSoftmax", "Mm", "NativeBatchNorm", "NativeDropout", "NativeLayerNorm", "Relu", "Sigmoid",
    "Silu", "Softmax", "Tanh",
}  # fmt: skip
"""What leaves each row of a table where it is."""
NEAR = 24  # nodes that are looked at for where rows come from
MOST_AXES = 6  # with more, sizes fit by chance
TABLE = 2  # axes of what a sequence of states is put together to, sample by sample


class Reshapes:
    """What layers are given of the model's own inputs, which no gradient goes back to: the sizes before and after, by layer."""

    def __init__(self) -> None:
        self.mixed: dict[str, tuple[Sizes, Sizes]] = {}
        self._given: dict[int, Sizes] = {}

    def start(self, given: Sequence[Tensor]) -> None:
        """A forward pass begins, with these inputs."""
        self._given = {each.data_ptr(): tuple(each.shape) for each in given if each.is_contiguous()}

    def see(self, name: str, values: Tensor | None) -> bool:
        """A layer was called with this tensor; whether that is news. Axes that were swapped are not contiguous in memory, reshaped ones are."""
        before = self._given.get(values.data_ptr()) if values is not None and name not in self.mixed else None
        if values is None or before is None or not values.is_contiguous() or values.numel() != math.prod(before):
            return False  # a part of it, as the first step of a sequence, begins at the same place
        if not mixes(before, values.shape):
            return False
        self.mixed[name] = before, tuple(values.shape)
        return True


def mixing(nodes: Sequence[Node]) -> Iterator[tuple[Sizes, Sizes]]:
    """The sizes before and after each reshape in a loss's graph that mixes axes up; those before are those of rows that were put together to
    one axis, where it is a table of these that is taken apart.

    Where a swap of axes follows, a reshape to as many axes splits one, as attention does with its heads, and sizes are the same by chance.
    """
    swapped = {each for node in nodes if kind_of(node) in SWAPS for each in inputs(node)}
    shared_out = {each for node in nodes if kind_of(node) in SHARES for each in inputs(node)}
    for node in nodes:
        if kind_of(node) in VIEWS and inputs(node):
            about = getattr(node, "_input_metadata", None)  # torch keeps it, though not in older releases
            before = tuple(map(int, getattr(node, "_saved_self_sym_sizes", ())))
            after = tuple(map(int, about[0].shape)) if about else ()
            torn = node in shared_out and tears(before, after)
            if (mixes(before, after) and node not in swapped) or regroups(before, after) or torn:
                yield before, after
            elif len(before) == TABLE and len(after) == TABLE + 1:
                rows = _rows_of(node)
                if rows[:1] != after[:1] and rows[:TABLE] == (after[1], after[0]):
                    yield rows, after


def _rows_of(node: Node) -> Sizes:
    """The sizes of what the rows of a table were made of, row by row, before they were put together to one axis; () where that is not seen."""
    left, seen = list(inputs(node)), 0
    while left and seen < NEAR:
        node, seen = left.pop(), seen + 1
        kind = kind_of(node)
        before = tuple(map(int, getattr(node, "_saved_self_sym_sizes", ()))) if kind in VIEWS else ()
        if len(before) == TABLE + 1:
            return before
        if kind in ROW_BY_ROW or kind in VIEWS:
            left += inputs(node)
    return ()


def mixes(before: Sequence[int], after: Sequence[int]) -> bool:
    """Whether a reshape from these sizes to those gives values of one sample, or of one step, to another.

    The same sizes in another order ask for `permute` or `transpose`. So do the states of several layers or directions that are laid
    side by side for each sample.

    >>> mixes((32, 20, 8), (20, 32, 8)), mixes((2, 32, 64), (32, 128)), mixes((32, 1, 8), (32, 8, 1))
    (True, True, False)
    """
    old, new = ([int(each) for each in sizes if each != 1] for sizes in (before, after))
    if sorted(old) == sorted(new):
        return old != new
    states = len(old) == TABLE + 1 and len(new) == TABLE
    return (states and new[0] == old[1] != old[0]) or regroups(before, after)


def regroups(before: Sequence[int], after: Sequence[int]) -> bool:
    """Whether a reshape, sample by sample, merges axes that are no neighbours: as channels and frequencies around the axis of time.

    >>> regroups((32, 16, 20, 8), (32, 128, 20)), regroups((32, 16, 20, 8), (32, 20, 128)), regroups((32, 4, 20, 8), (32, 20, 32))
    (True, True, True)
    >>> regroups((32, 16, 20, 8), (32, 320, 8)), regroups((32, 16, 20, 8), (32, 2560)), regroups((32, 64, 8, 8), (32, 64, 64))
    (False, False, False)
    """
    old, new = ([int(each) for each in sizes if each != 1] for sizes in (before, after))
    if not MOST_AXES >= len(old) > len(new) > TABLE or old[0] != new[0]:
        return False
    return not _merges(old[1:], new[1:]) and any(_merges(list(each), new[1:]) for each in permutations(old[1:]))


def tears(before: Sequence[int], after: Sequence[int]) -> bool:
    """Whether a reshape to rows of as many values as there are channels tears the channels of each place apart, since they are not the last axis.

    It does no harm where predictions and targets are compared value by value; a softmax over such rows does.

    >>> tears((32, 7, 30), (960, 7)), tears((8, 3, 16, 16), (2048, 3)), tears((32, 30, 7), (960, 7)), tears((32, 7, 7), (224, 7))
    (True, True, False, False)
    """
    old, new = ([int(each) for each in sizes if each != 1] for sizes in (before, after))
    return MOST_AXES >= len(old) > TABLE == len(new) and new[1] == old[1] != old[-1]


def _merges(old: Sequence[int], new: Sequence[int]) -> bool:
    """Whether the new sizes are products of old ones that follow each other."""
    ends = list(accumulate(old, operator.mul))
    return ends[-1] == math.prod(new) and set(accumulate(new, operator.mul)) <= set(ends)
