"""What a pass draws at random in evaluation mode, too: dropout that is called as a function, and is not told the mode, and layers that add noise."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  (everybody's name for it)
from torch import nn
from torch.overrides import TorchFunctionMode

__all__ = ["Dropping"]

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


class Dropping(TorchFunctionMode):
    """`with Dropping() as seen: ...`, and `seen.share` says afterwards which share of values was dropped at most, `seen.noise` which layer draws noise. Changes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.share = 0.0
        self.noise = ""

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
        elif function in DRAWS and not self.noise:
            self.noise = layer_that_draws()
        return function(*args, **given)

    def _see(self, share: object, *, on: object) -> None:
        if on and isinstance(share, (int, float)):
            self.share = max(self.share, float(share))


def layer_that_draws() -> str:
    """The class of the module whose forward is running, if it is a layer of noise: without parameters or parts, given one input only.

    A variational autoencoder draws as well, in a model with parameters, or in a layer that is given a mean and a spread.
    """
    frame = sys._getframe(1)  # noqa: SLF001  (as `traceback` does)
    for _ in range(OUTWARD):
        code = frame.f_code
        module = frame.f_locals.get("self") if code.co_name == "forward" else None
        if isinstance(module, nn.Module):
            bare = next(module.parameters(), None) is None and next(module.children(), None) is None
            return type(module).__name__ if bare and code.co_argcount == 2 else ""  # noqa: PLR2004  (itself and what it is given)
        if frame.f_back is None:
            break
        frame = frame.f_back
    return ""
