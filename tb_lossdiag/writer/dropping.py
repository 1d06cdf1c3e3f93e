"""Dropout that a pass calls for as a function, which drops in evaluation mode too unless it is told the mode."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  (everybody's name for it)
from torch.overrides import TorchFunctionMode

__all__ = ["Dropping"]

FUNCTIONS: Sequence[Callable[..., Any]] = (
    F.dropout, F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout, F.feature_alpha_dropout, torch.dropout,
    torch.alpha_dropout, torch.feature_dropout, torch.feature_alpha_dropout,
)  # fmt: skip
"""All take (input, share, whether to drop), under one name or another."""
HALF = 0.5  # what F.dropout drops where it is not told


class Dropping(TorchFunctionMode):
    """`with Dropping() as seen: ...`, and `seen.share` says afterwards which share of values was dropped at most. Changes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.share = 0.0

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
        return function(*args, **given)

    def _see(self, share: object, *, on: object) -> None:
        if on and isinstance(share, (int, float)):
            self.share = max(self.share, float(share))
