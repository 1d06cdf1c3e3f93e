"""Losses that no module tells of, since a plain function computes them: seen where their gradient is taken.

As long as a watched model's losses are seen nowhere else, `torch.autograd.backward`, which `loss.backward()` calls, takes a look at what
it is given before it does what it always does. Where a loss function that is a module is called, or the user reports losses with their
graph, that ends with the first of them, which tells what was added to it since.
"""

from __future__ import annotations

import functools
import sys
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tb_lossdiag.writer.guard import Hook, QuickHook
from tb_lossdiag.writer.loss_tap import Heard
from tb_lossdiag.writer.nodes import Node, inputs, kind_of
from tb_lossdiag.writer.watch import Watch
from tb_lossdiag.writer.whose_loss import SELDOM, Place, WhoseLoss, trained_by, way_here

__all__ = ["BackwardCalls"]

PART = "the losses whose gradient is taken"
SCALED = {"Mul", "Div"}


class Entrance:
    """`torch.autograd.backward` while somebody listens to it. Who is forgotten listens no more."""

    def __init__(self) -> None:
        self._listeners: list[weakref.ref[BackwardCalls]] = []
        self._ours: Callable[..., Any] | None = None
        self._before: Any = None

    def open(self, listener: BackwardCalls) -> None:
        """Tell this listener what each call is given."""
        if all(each() is not listener for each in self._listeners):
            self._listeners.append(weakref.ref(listener))
        if self._ours is not None:
            return
        self._before = before = torch.autograd.backward

        @functools.wraps(before)
        def backward(tensors: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  (as torch's)
            if self._ours is ours:
                self._tell(tensors)
            return before(tensors, *args, **kwargs)

        # who compiles a whole step calls it within, where Dynamo would else look at each function of ours
        ours: Any = torch.compiler.disable(backward) if "torch._dynamo" in sys.modules else backward  # type: ignore[no-untyped-call]
        self._ours = torch.autograd.backward = ours

    def close(self, listener: BackwardCalls | None) -> None:
        """Tell it no more, nor whoever is forgotten."""
        self._listeners = [each for each in self._listeners if each() not in {None, listener}]
        if not self._listeners:
            self._restore()

    def _tell(self, tensors: object) -> None:
        for each in self._listeners:
            listener = each()
            if listener is None:
                self.close(listener)
            else:
                listener.hear(tensors)

    def _restore(self) -> None:
        """Put torch's function back, unless others have put theirs before ours: then ours stays within, and only passes on."""
        if self._ours is not None and torch.autograd.backward is self._ours:
            torch.autograd.backward = self._before
        self._ours = self._before = None


ENTRANCE = Entrance()


@dataclass(slots=True)
class Usual:
    """A place in the user's code from which losses come that are not scaled, and train the only watched model, or nobody.

    So many more of them are taken to be the same, without a look at their graph.
    """

    left: int
    trains: bool


class BackwardCalls:
    """Hears of the losses of those watched models that have no other way to tell of them."""

    def __init__(self, watches: Mapping[str, Watch]) -> None:
        self._watches = watches
        self._whose = WhoseLoss()
        self._usual: dict[Place, Usual] = {}

    def listen(self) -> None:
        """Hear of each loss whose gradient is taken, as long as somebody wants that."""
        self._whose.forget()
        self._usual.clear()
        ENTRANCE.open(self)

    def close(self) -> None:
        """Hear of nothing more."""
        ENTRANCE.close(self)

    def hear(self, tensors: object) -> None:
        """`torch.autograd.backward` is called with these."""
        watch = self._quiet_one()
        if watch is not None:
            QuickHook(watch.guard, PART, self._is_usual, self._hear_out)(tensors, watch)
        else:
            self._hear_out(tensors)

    def _quiet_one(self) -> Watch | None:
        """The only watched model, while nothing is wanted of its steps but the losses that are heard here."""
        if len(self._watches) != 1:
            return None
        (watch,) = self._watches.values()
        return watch if watch.only_hears else None

    def _hear_out(self, tensors: object, _quiet: object = None) -> None:
        asking = {name: each for name, each in self._watches.items() if each.asks_for_losses}
        if asking:
            Hook(next(iter(asking.values())).guard, PART, self._hear)(tensors, asking)
            return
        for each in self._watches.values():  # of a loss function's value the user may have made more since
            Hook(each.guard, PART, self._see_whole)(tensors, each)
        self.close()

    def _is_usual(self, tensors: object, quiet: Watch) -> bool:
        """Keep the loss of a step that nobody looks at more closely, as nearly all are; whether it was one."""
        if type(tensors) is not Tensor or tensors.dim() or not tensors.is_cpu:
            return False
        usual = self._usual.get(way_here())
        if usual is None or usual.left <= 0:
            return False
        usual.left -= 1
        if usual.trains and quiet.tap is not None:
            quiet.tap.hear_only(tensors.item())
        return True

    def _remember(self, learners: Sequence[Watch], loss: Tensor) -> None:
        """What is known by now of the place from which this loss comes."""
        here = way_here()
        if len(self._watches) == 1 and self._whose.sure(here) and not scaled(loss):
            self._usual[here] = Usual(SELDOM, bool(learners))

    def _see_whole(self, tensors: object, watch: Watch) -> None:
        loss = loss_in(tensors)
        if loss is not None and trained_by(loss, {"": watch}):
            watch.see_whole_loss(loss)

    def _hear(self, tensors: object, asking: Mapping[str, Watch]) -> None:
        loss = loss_in(tensors)
        if loss is None:
            return
        learners = self._whose.trained(loss, asking)
        self._remember(learners, loss)
        if not learners:
            return
        training = any(each.model.training for each in learners)
        for each in learners:
            each.before_loss()
        heard = Heard(unscaled(loss), training)
        for each in learners:
            each.see_loss_go_back(loss, heard, alone=len(self._watches) == 1)


def loss_in(tensors: object) -> Tensor | None:
    """The one number among these whose gradient can be taken."""
    loss = tensors[0] if isinstance(tensors, Sequence) and len(tensors) == 1 else tensors
    if not isinstance(loss, Tensor) or loss.grad_fn is None or loss.numel() != 1 or not loss.is_floating_point():
        return None
    return loss


def scaled(loss: Tensor) -> bool:
    """Whether it may have been multiplied by a number at last."""
    return kind_of(loss.grad_fn) in SCALED


def unscaled(loss: Tensor) -> Tensor:
    """The loss before it was multiplied by numbers, as by a GradScaler's scale or one over the batches that are accumulated."""
    value, node = loss.detach().clone(), loss.grad_fn
    if loss.dim():
        value = value.reshape(())
    if not scaled(loss):
        return value
    with torch.no_grad():
        while node is not None and kind_of(node) in SCALED and len(inputs(node)) == 1:
            number = number_of(node)
            if number is None:
                break
            number = number.to(value.dtype).reshape(())
            value = value / number if kind_of(node) == "Mul" else value * number
            node = inputs(node)[0]
    return value


def number_of(node: Node) -> Tensor | None:
    """What the one value that has a gradient is multiplied by, or divided by; None where that is not a single number."""
    first = node.next_functions[0][0] is not None
    number = node._saved_other if first else getattr(node, "_saved_self", None)  # noqa: SLF001  (documented: "Saved tensors" in torch's notes)
    if kind_of(node) == "Div" and not first:  # a number over something
        return None
    return number if isinstance(number, Tensor) and number.numel() == 1 else None
