"""What takes part in a loss, read off the graph that its gradient goes back through: layers that nobody trains, whether anything bends, what is mixed up.

Modules tell only what is registered. A layer in a plain list, or made anew in each forward pass, is in no `parameters()`; and an
activation may be a function. The graph has them all. It is walked at two losses, a few steps apart, and never kept.
"""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from tb_lossdiag.writer.activity import asks_for_silence, shut
from tb_lossdiag.writer.ahead import ahead_in
from tb_lossdiag.writer.aim import aim_of
from tb_lossdiag.writer.attention import attention_in
from tb_lossdiag.writer.bends import bending
from tb_lossdiag.writer.derivatives import flat
from tb_lossdiag.writer.facts import initial
from tb_lossdiag.writer.graph_loss import divergence_of_shares, ends_in, raw_logarithm
from tb_lossdiag.writer.loose import Loose
from tb_lossdiag.writer.modules import named_parameters
from tb_lossdiag.writer.nodes import Node, inputs, kind_of, walked
from tb_lossdiag.writer.padding import padding_in
from tb_lossdiag.writer.reshapes import mixing
from tb_lossdiag.writer.shares import shares_between

__all__ = ["Graph"]

LISTED = 20  # parameters that are told one by one
FEW = 8  # parameters, and values of each, that tell whether anything is learnt
TURNED = {"Permute", "T", "Transpose"}  # of a matrix: `W.T` is the first of these
AGAIN = 4  # products with one matrix in a pass, from which on it is a recurrence's
EARLY = 5  # steps, within which nothing much is learnt
LATER = 3  # steps after the first look: a parameter that somebody trains has been written into by then
Seen = tuple["weakref.ref[Tensor]", int]


class Graph:
    """What the graph of a model's loss tells. `others` are parameters that are known elsewhere, as those of other watched models."""

    def __init__(self, model: nn.Module, optimizers: Sequence[torch.optim.Optimizer]) -> None:
        self.others: Callable[[], Iterable[Tensor]] = tuple
        self._model = model
        self._optimizers = optimizers
        self._first: tuple[int, dict[int, Seen]] | None = None
        self._found: dict[str, Any] = {}
        # parameters, and a few of their values at the first look
        self._began: list[tuple[weakref.ref[Tensor], Tensor]] = []
        self._loose: Loose | None = None
        self._takes_part: set[str] | None = None  # parameters of the model that are in the graph at each look
        self.over = False

    @property
    def begun(self) -> bool:
        """Whether a loss has been looked at."""
        return self.over or self._first is not None

    def see(self, loss: Tensor, step: int, ids: Tensor | None = None) -> bool:
        """Look at a training loss before its gradient is taken, and at the `ids` that the model was given; whether there is something new to tell."""
        if self.over or loss.grad_fn is None or (self._first is not None and step < self._first[0] + LATER):
            return False
        nodes = walked(loss.grad_fn)
        if nodes is None or any(map(is_spread, self._model.parameters())):
            self.over = True  # too large, or made of parts that are put together for each pass
            return False
        leaves = {id(each): each for node in nodes if (each := getattr(node, "variable", None)) is not None}
        outside = self._outside(leaves, nodes)
        self._see_parameters(leaves)
        if self._first is None:
            self._begin(step, leaves, outside)
            self._found = first_look(loss, nodes, ids, early=step < EARLY)
            names = {id(each): name for name, each in named_parameters(self._model).items()}
            again = recurring(names, nodes)
            self._found |= {"recurring": again} if again else {}
            self.see_whole(loss)
        else:
            self.over = True
            self._found |= self._left(nodes, outside)
        return True

    def see_whole(self, loss: Tensor) -> bool:
        """Look at the terms of all that is minimised; whether there is something new to tell."""
        new = "quieted" not in self._found and asks_for_silence(loss)
        self._found |= {"quieted": True} if new else {}
        return new

    def facts(self, missing: AbstractSet[str]) -> dict[str, Any]:
        """What is known so far. `missing` are parameters that no gradient has come back to."""
        without = sorted(missing & (self._takes_part or set()))
        return {"graph": self._found | ({"without_gradient": without} if without else {})}

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run need not look for again."""
        names = None if self._takes_part is None else sorted(self._takes_part)
        return {"found": dict(self._found), "over": self.over, "takes_part": names}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self._found, self.over = dict(state["found"]), bool(state["over"])
        names = state.get("takes_part")
        self._takes_part = None if names is None else set(names)

    def _begin(self, step: int, leaves: Mapping[int, Tensor], outside: Sequence[Tensor]) -> None:
        """Remember how everything stands, to see at the second look what has been written into."""
        own = [each for each in self._model.parameters() if id(each) in leaves][:FEW]
        self._began = [(weakref.ref(each), each.detach().reshape(-1)[:FEW].clone()) for each in own]
        self._loose = Loose(self._model)
        self._first = step, {id(each): (weakref.ref(each), each._version) for each in outside}  # noqa: SLF001  (counts what was done in place)

    def _left(self, nodes: Sequence[Node], outside: Sequence[Tensor]) -> dict[str, Any]:
        """What nobody has trained between the two looks, of all that somebody may have meant to."""
        left = [each for each in outside if isinstance(each, nn.Parameter) or self._stands(each)]
        left = [each for each in left if not self._written(each)]
        known = {
            "shut": self._unmoved() and shut(nodes),
            "learning_outside": any(map(self._written, outside)),
            "loose": self._loose.left(self._model) if self._loose is not None else [],
        }
        return {name: each for name, each in known.items() if each} | {
            "outside": [
                {"shape": list(each.shape), "numel": each.numel(), **initial(each)}
                | ({} if isinstance(each, nn.Parameter) else {"plain": True})
                for each in left[:LISTED]
            ],
            "outside_elements": sum(each.numel() for each in left),
        }

    def _see_parameters(self, leaves: Mapping[int, Tensor]) -> None:
        """Which parameters of the model the loss is made of."""
        names = {name for name, each in named_parameters(self._model).items() if id(each) in leaves}
        self._takes_part = names if self._takes_part is None else self._takes_part & names

    def _outside(self, leaves: Mapping[int, Tensor], nodes: Sequence[Node]) -> list[Tensor]:
        """Parameters in the graph that neither a watched model nor an optimizer holds, and plain tensors that are used as weights."""
        weights = {id(each) for each, _ in as_weights(nodes)}
        groups = [group for each in self._optimizers for group in each.param_groups]
        held = [each for group in groups for each in group["params"]]
        known = {id(each) for each in (*self._model.parameters(), *held, *self.others())}
        return [
            each
            for key, each in leaves.items()
            if (isinstance(each, nn.Parameter) or key in weights) and key not in known
        ]

    def _stands(self, tensor: Tensor) -> bool:
        """Whether it was there at the first look: what is made anew for each task, as an inner loop's weights, is to be thrown away."""
        seen = self._first[1].get(id(tensor)) if self._first is not None else None
        return seen is not None and seen[0]() is tensor

    def _unmoved(self) -> bool:
        """Whether steps have changed nothing since the first look, as where the gradient is zero: only then is it worth asking for what layers have put out,
        which may have to be computed once more for that (gradient checkpointing).
        """
        now = [(ref(), values) for ref, values in self._began]
        return bool(now) and all(
            each is not None and torch.equal(each.detach().reshape(-1)[:FEW], values) for each, values in now
        )

    def _written(self, parameter: Tensor) -> bool:
        """Whether somebody has changed a parameter since the first look. One that is new was made anew for this pass, and learns nothing."""
        seen = self._first[1].get(id(parameter)) if self._first is not None else None
        return seen is not None and seen[0]() is parameter and parameter._version != seen[1]  # noqa: SLF001


def first_look(loss: Tensor, nodes: Sequence[Node], ids: Tensor | None, *, early: bool) -> dict[str, Any]:
    """What a graph tells at once; of attention only `early`, before it has learnt where to look."""
    places, bends = bending(nodes)
    padding = padding_in(loss, ids.shape[:2]) if ids is not None else None
    known = {
        "mixed": [[list(sizes) for sizes in each] for each in islice(dict.fromkeys(mixing(nodes)), LISTED)] or None,
        "flat": flat(nodes) or None,
        "shares": shares_between(nodes)[:LISTED] or None,
        "attention": (attention_in(nodes) if early else []) or None,
        "ends": ends_in(loss),
        "raw_logarithm": raw_logarithm(loss) or None,
        "ahead": ahead_in(loss, ids) if ids is not None else None,
        "padding": {"id": padding[0], "share": padding[1]} if padding is not None else None,
        "divergence_of_shares": divergence_of_shares(loss) or None,
        "aim": aim_of(loss),
    }
    found = {name: each for name, each in known.items() if each is not None}
    return {"straight": places > 0 and bends == 0, "stacked": places > 0} | found


def as_weights(nodes: Sequence[Node]) -> list[tuple[Tensor, int]]:
    """Leaves that something in the graph is multiplied by, as a layer's input is by its weights, and the axis of the inputs, once for each product: inputs
    that want a gradient stand on the other side.
    """
    found = []
    for node in nodes:
        if kind_of(node) not in {"Mm", "Addmm"}:
            continue
        axis = 0  # x @ W
        first, second = [each for each, _ in node.next_functions][-2:]
        while second is not None and kind_of(second) in TURNED:
            second, axis = inputs(second)[0], 1 - axis
        leaf = getattr(second, "variable", None)
        if leaf is not None and (first is None or getattr(first, "variable", None) is None):
            found.append((leaf, axis))
    return found


def recurring(names: Mapping[int, str], nodes: Sequence[Node]) -> dict[str, int]:
    """Parameters that something is multiplied by again and again in one pass, as a recurrence that is written out does, and how many inputs that sums."""
    products = as_weights(nodes)
    times = Counter(id(each) for each, _ in products)
    return {
        names[id(each)]: int(each.shape[axis])
        for each, axis in products
        if id(each) in names and times[id(each)] >= AGAIN
    }


def is_spread(parameter: Tensor) -> bool:
    """Whether other processes hold the rest of it, so that each pass works with a copy."""
    return type(parameter).__name__ == "DTensor" or hasattr(parameter, "_local_tensor")
