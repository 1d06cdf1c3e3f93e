"""Dropout that is called as a function, and what a pass draws at random in evaluation mode, too: such dropout that is not told the mode, and layers that add noise."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  (everybody's name for it)
from torch import nn
from torch.nn.modules.dropout import _DropoutNd
from torch.overrides import TorchFunctionMode

__all__ = ["Drawn", "Dropping"]

FUNCTIONS: Sequence[Callable[..., Any]] = (
    F.dropout, F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout, F.feature_alpha_dropout, torch.dropout,
    torch.alpha_dropout, torch.feature_dropout, torch.feature_alpha_dropout,
)  # fmt: skip
"""All take (input, share, whether to drop), under one name or another."""
DRAWS = {
    torch.rand, torch.rand_like, torch.randn, torch.randn_like, torch.normal, torch.bernoulli, torch.Tensor.normal_, torch.Tensor.uniform_,
    torch.Tensor.bernoulli, torch.Tensor.bernoulli_, torch.Tensor.exponential_, torch.Tensor.random_,
}  # fmt: skip
"""What draws numbers at random."""
OUTWARD = 8  # callers that are asked which layer draws
HALF = 0.5  # what F.dropout drops where it is not told
KEPT = 64  # lines of code that are kept in mind


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was seen in evaluation mode: the `share` of values that was dropped at most, the class of a layer that draws `noise`, and what dropout
    that is called as a function drops in training mode: of each line of code that calls it, as a recurrence does again and again.
    """

    share: float = 0.0
    noise: str = ""
    functions: Sequence[float] = ()

    def and_then(self, other: Drawn) -> Drawn:
        """What is known after another pass."""
        functions = other.functions if len(other.functions) > len(self.functions) else self.functions
        return Drawn(max(self.share, other.share), self.noise or other.noise, functions)

    def facts(self) -> dict[str, Any]:
        """Its part of the facts of the model's modes."""
        return {
            "drops_in_evaluation": self.share,
            "noise_in_evaluation": self.noise or None,
            "dropout_functions": list(self.functions),
        }


class Dropping(TorchFunctionMode):
    """`with Dropping() as seen: ...` around a pass in evaluation mode, and `seen.drawn` says afterwards what was seen. Changes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self._share = 0.0
        self._noise = ""
        self._functions: dict[tuple[CodeType, int], float] = {}

    @property
    def drawn(self) -> Drawn:
        """What was seen so far."""
        return Drawn(self._share, self._noise, tuple(self._functions.values()))

    def __torch_function__(
        self,
        function: Callable[..., Any],
        _types: object,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401  (what the function returns)
        """Called by torch in place of each of its functions."""
        given = kwargs or {}
        if function in FUNCTIONS:
            on = given.get("training", given.get("train", args[2] if len(args) > 2 else True))  # noqa: PLR2004
            self._see(given.get("p", args[1] if len(args) > 1 else HALF), on=on)
        elif function is F.scaled_dot_product_attention:
            self._see(given.get("dropout_p", args[4] if len(args) > 4 else 0.0), on=True)  # noqa: PLR2004
        elif function in DRAWS and not self._noise:
            self._noise = layer_that_draws()
        return function(*args, **given)

    def _see(self, share: object, *, on: object) -> None:
        if not isinstance(share, (int, float)):
            return
        if on:
            self._share = max(self._share, float(share))
        caller = running()
        if share and caller is not None and len(self._functions) < KEPT and not isinstance(caller.module, _DropoutNd):
            self._functions.setdefault((caller.code, caller.line), float(share))


@dataclass(frozen=True, slots=True)
class Caller:
    """A module whose forward is running, and at which line of its code."""

    module: nn.Module
    code: CodeType
    line: int


def running() -> Caller | None:
    """The innermost module whose forward is running."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  (as `traceback` does)
    for _ in range(OUTWARD):
        if frame is None:
            break
        module = frame.f_locals.get("self") if frame.f_code.co_name == "forward" else None
        if isinstance(module, nn.Module):
            return Caller(module, frame.f_code, frame.f_lineno)
        frame = frame.f_back
    return None


def layer_that_draws() -> str:
    """The class of the module whose forward is running, if it is a layer of noise: without parameters or parts, given one input only.

    A variational autoencoder draws as well, in a model with parameters, or in a layer that is given a mean and a spread.
    """
    caller = running()
    if caller is None:
        return ""
    bare = next(caller.module.parameters(), None) is None and next(caller.module.children(), None) is None
    return type(caller.module).__name__ if bare and caller.code.co_argcount == 2 else ""  # noqa: PLR2004  (itself and what it is given)
