"""Loss functions of torch's that nobody has named, heard where they are called."""

from __future__ import annotations

import functools
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  (everybody's name for it)
from torch import Tensor
from torch.overrides import TorchFunctionMode, handle_torch_function, has_torch_function

from tb_lossdiag.writer.per_sample import FUNCTIONS

__all__ = ["STAND_INS", "Calls", "Overheard", "torchs_own"]

COUNTED = {F.cross_entropy, F.nll_loss}  # whose mean is over the targets that are not to be ignored

See = Callable[[Any, Sequence[Any], Mapping[str, Any], Any], object]
"""Is told the function with its settings, its tensors by position and by name, and what it said."""
Tell = Callable[[Callable[..., Tensor], Any, Any, Tensor], None]
"""Is told the function, what it was given by position and by name, and what it said."""


class Calls:
    """Hands over the first call of one of torch's loss functions in a batch, wherever it is made."""

    def __init__(self, see: See) -> None:
        self._see = see
        self._known: dict[tuple[Callable[..., Tensor], str], Callable[..., Tensor]] = {}
        self._open = True

    def batch(self) -> None:
        """The next batch begins: several losses of one batch are one loss of several terms."""
        self._open = True

    def called(
        self, function: Callable[..., Tensor], args: Sequence[Any], kwargs: Mapping[str, Any], value: Tensor
    ) -> None:
        """The function was called and said `value`."""
        if not self._open:
            return
        self._open, said = False, value
        given = {name: each for name, each in kwargs.items() if each is not None}
        tensors = {name: each for name, each in given.items() if isinstance(each, Tensor)}
        settings = {name: each for name, each in given.items() if name not in tensors}
        if settings.get("reduction") == "sum" and function in COUNTED and not tensors:
            # Transformers divides the sum by all targets that a step sees; what is compared is a mean
            count = (args[1] != settings.get("ignore_index", -100)).sum()
            settings, said = {**settings, "reduction": "mean"}, value / count.clamp_min(1)
        self._see(self._settled(function, settings), args, tensors, said)

    def _settled(self, function: Callable[..., Tensor], settings: Mapping[str, Any]) -> Callable[..., Tensor]:
        """The function with its settings, the same object for the same ones."""
        key = function, repr(settings)
        return self._known.setdefault(key, functools.partial(function, **settings) if settings else function)


class Overheard(TorchFunctionMode):
    """While it is entered, tells `calls` of each call of a loss function."""

    def __init__(self, calls: Calls) -> None:
        super().__init__()
        self._calls = calls

    def __torch_function__(
        self,
        function: Any,  # noqa: ANN401  (as torch declares it)
        _types: object,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        """Called by torch in place of each of its functions."""
        value = function(*args, **(kwargs or {}))
        if function in FUNCTIONS:
            self._calls.called(function, args, kwargs or {}, value)
        return value


class StandIns:
    """Stand for torch's loss functions in `torch.nn.functional` as long as somebody listens: call them, and tell of it.

    For where nobody says when an evaluation begins and ends, as a mode has to be told. A function that a program has imported by itself
    (`from torch.nn.functional import cross_entropy`) is called as ever, and not heard.
    """

    def __init__(self) -> None:
        self._listeners: list[tuple[weakref.WeakMethod[Tell], int]] = []  # and the threads that they listen to
        self._there: dict[Callable[..., Tensor], Callable[..., Tensor]] = {}

    def tell(self, listener: Tell) -> None:
        """Tell this method of each call that this thread makes from now on. Its object is not kept alive."""
        self._listeners.append((weakref.WeakMethod(listener, lambda _: self._leave(None)), threading.get_ident()))
        if self._there:
            return
        for function in FUNCTIONS:
            if getattr(F, function.__name__) is function:  # somebody else's stands there otherwise
                self._there[function] = self._stand_in(function)
                setattr(F, function.__name__, self._there[function])

    def tell_no_more(self, listener: Tell) -> None:
        """The method is not told any more."""
        self._leave(listener)

    def _leave(self, listener: Tell | None) -> None:
        """Have torch's own functions there again if nobody is left."""
        self._listeners = [each for each in self._listeners if each[0]() not in {listener, None}]
        if self._listeners:
            return
        there, self._there = self._there, {}
        for function, stand_in in there.items():
            if getattr(F, function.__name__) is stand_in:
                setattr(F, function.__name__, function)

    def _stand_in(self, function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        @functools.wraps(function)
        def stand_in(*args: Any, **kwargs: Any) -> Tensor:  # noqa: ANN401  (as the function)
            if torch.compiler.is_compiling():
                return function(*args, **kwargs)
            tensors = tuple(each for each in (*args, *kwargs.values()) if isinstance(each, Tensor))
            if has_torch_function(
                tensors
            ):  # modes and kinds of tensors of the user's own know the function, not this one
                value: Tensor = handle_torch_function(function, tensors, *args, **kwargs)
            else:
                value = function(*args, **kwargs)
            for known, thread in self._listeners:
                listener = known() if threading.get_ident() == thread else None
                if listener is not None:
                    try:
                        listener(function, args, kwargs, value)
                    except Exception:  # noqa: BLE001  (nothing that goes wrong here may reach the user)
                        self._leave(listener)
            return value

        return stand_in


def torchs_own(loss_fn: Any) -> Any:  # noqa: ANN401  (a module or a function)
    """What stands for one of torch's functions -> that function; anything else as it is."""
    inside = getattr(loss_fn, "__wrapped__", None)
    return inside if inside in FUNCTIONS else loss_fn


STAND_INS = StandIns()
"""There is one for all writers, as there is one `torch.nn.functional`."""
