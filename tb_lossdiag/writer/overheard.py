"""Loss functions of torch's that nobody has named, heard where they are called."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch.nn.functional as F  # noqa: N812  (everybody's name for it)
from torch import Tensor
from torch.overrides import TorchFunctionMode

from tb_lossdiag.writer.per_sample import FUNCTIONS

__all__ = ["Overheard"]

COUNTED = {F.cross_entropy, F.nll_loss}  # whose mean is over the targets that are not to be ignored


class Overheard(TorchFunctionMode):
    """While it is entered, hands over the first call of one of torch's loss functions in a batch, wherever it is made."""

    def __init__(self, see: Callable[[Any, Sequence[Any], Mapping[str, Any], object], None]) -> None:
        super().__init__()
        self._see = see
        self._known: dict[tuple[Callable[..., Tensor], str], Callable[..., Tensor]] = {}
        self._open = True

    def batch(self) -> None:
        """The next batch begins: several losses of one batch are one loss of several terms."""
        self._open = True

    def __torch_function__(
        self,
        function: Any,  # noqa: ANN401  (as torch declares it)
        _types: object,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        value = said = function(*args, **(kwargs or {}))
        if function in FUNCTIONS and self._open:
            self._open = False
            given = {name: each for name, each in (kwargs or {}).items() if each is not None}
            tensors = {name: each for name, each in given.items() if isinstance(each, Tensor)}
            settings = {name: each for name, each in given.items() if name not in tensors}
            if settings.get("reduction") == "sum" and function in COUNTED and not tensors:
                # Transformers divides the sum by all targets that a step sees; what is compared is a mean
                count = (args[1] != settings.get("ignore_index", -100)).sum()
                settings, said = {**settings, "reduction": "mean"}, value / count.clamp_min(1)
            self._see(self._settled(function, settings), args, tensors, said)
        return value

    def _settled(self, function: Callable[..., Tensor], settings: Mapping[str, Any]) -> Callable[..., Tensor]:
        """The function with its settings, the same object for the same ones."""
        key = function, repr(settings)
        return self._known.setdefault(key, functools.partial(function, **settings) if settings else function)
