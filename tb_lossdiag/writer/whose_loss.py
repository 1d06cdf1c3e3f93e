"""Which of the watched models a loss trains, told by its graph, and remembered for the place in the user's code that it comes from."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from types import FrameType
from typing import Protocol, TypeVar

from torch import Tensor, nn

from tb_lossdiag.writer.nodes import walked

__all__ = ["SELDOM", "Place", "WhoseLoss", "trained_by", "way_here"]

MOST = 50  # places in the user's code that are told apart
SURE = 10  # losses of a place that have trained the same models, after which all of them are taken to; where they do not, each is looked at
OURS = ("torch", __name__.partition(".")[0])  # whose code is not the user's

SELDOM = 16  # of such losses one is looked at again, and each as long as a model is looked at: a look at the graph slows the way back through it
NEAR = 8  # nodes from a loss to the first parameter, which is one of the last layer

Place = tuple[int, ...]
"""Where the loss comes from, and where the function is called that it comes from; of a line that trains now this model, now that, the first
parameter on the way back, too, if it is near."""


class Trained(Protocol):
    """Whoever is trained."""

    model: nn.Module

    @property
    def looking(self) -> bool:
        """Whether its step is looked at."""


Learner = TypeVar("Learner", bound=Trained)


@dataclass(slots=True)
class Known:
    """The names of those whom the losses of a place train, how many losses have shown so, and the first parameter on the way back.

    `mixed` where now these, now those are trained.
    """

    names: list[str]
    leaf: int
    times: int = 1
    mixed: bool = False


class WhoseLoss:
    """Remembers whom the losses of each place train. `some` and `none` tell whether there were such as train anybody, or nobody."""

    def __init__(self) -> None:
        self.some = self.none = False
        self._places: dict[Place, Known] = {}

    def forget(self) -> None:
        """There are others to be trained now."""
        self._places.clear()
        self.some = self.none = False

    def sure(self, place: Place) -> bool:
        """Whether all losses of this place are taken to train the same models."""
        known = self._places.get(place)
        return known is not None and not known.mixed and known.times >= SURE

    def trained(self, loss: Tensor, learners: Mapping[str, Learner]) -> list[Learner]:
        """Those of the learners that this loss trains; all of them where its graph does not tell."""
        here = way_here()
        known = self._places.get(here)
        if known is not None and known.mixed:
            here = (*here, first_leaf(loss))
            known = self._places.get(here)
        if known is not None and not known.mixed and known.times >= SURE:
            known.times += 1
            due = known.times % SELDOM == 0 or any(each.looking for each in learners.values())
            if not due or first_leaf(loss) == known.leaf:
                return [learners[name] for name in known.names if name in learners]
        found = trained_by(loss, learners)
        if known is not None:
            known.mixed |= known.names != list(found)
            known.times += 1
        elif len(self._places) < MOST:
            self._places[here] = Known(list(found), first_leaf(loss))
        self.some |= bool(found)
        self.none |= not found
        return list(found.values())


def way_here() -> Place:
    """The two innermost places of the user's code on the way here."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  (inspect's way to it reads source files)
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in OURS:
        frame = frame.f_back
    around = frame.f_back if frame is not None else None
    inner, outer = ((id(each.f_code), each.f_lasti) if each is not None else (0, 0) for each in (frame, around))
    return (*inner, *outer)


def first_leaf(loss: Tensor) -> int:
    """The parameter that stands first on the way back, by its identity, or 0: one line of code may train now this model, now that."""
    node = loss.grad_fn
    for _ in range(NEAR):
        if node is None:
            return 0
        variable = getattr(node, "variable", None)
        if variable is not None:
            return id(variable)
        node = next((each for each, _ in node.next_functions if each is not None), None)
    return 0


def trained_by(loss: Tensor, learners: Mapping[str, Learner]) -> Mapping[str, Learner]:
    """Those whose parameters get a gradient of this loss; all where the graph does not tell."""
    nodes = walked(loss.grad_fn) if loss.grad_fn is not None else None
    if nodes is None:
        return learners
    leaves = {id(each) for node in nodes if isinstance(each := getattr(node, "variable", None), nn.Parameter)}
    if not leaves:  # parameters that are put together for each pass, or computed anew on the way back
        return learners
    return {name: each for name, each in learners.items() if any(id(own) in leaves for own in each.model.parameters())}
