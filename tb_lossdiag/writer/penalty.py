"""What pulls at the weights besides the loss function: a penalty that the user adds to the loss by hand, as `loss + factor * w.square().sum()`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tb_lossdiag.tags import Schema
from tb_lossdiag.writer.outbox import At
from tb_lossdiag.writer.transfer import Transfer, wide

__all__ = ["FIGURES", "Pull", "pull"]

FIGURES = ("along", "signs", "norm", "loss_grad")


@dataclass(frozen=True, slots=True)
class Pull:
    """Of each weight tensor the `FIGURES`, one row each; still on the device."""

    names: Sequence[str]
    figures: Tensor

    def queue(self, transfer: Transfer, at: At, model: str) -> None:
        """Have it fetched and written."""

        def consume(values: list[NDArray[np.float64]]) -> None:
            with np.errstate(over="ignore"):
                table = values[0].reshape(len(FIGURES), len(self.names)).astype(np.float32)
            at.packed(Schema("penalty", "train", FIGURES, tuple(self.names), model), table)

        transfer.add([self.figures], consume)


def pull(weights: Mapping[str, Tensor], one: Sequence[Tensor | None], other: Sequence[Tensor | None]) -> Pull | None:
    """Compare the gradient that the optimizer is given with the loss function's own, that of two halves of the batch.

    What is left, d, is the gradient of all that was added to the loss. `along` is <d, w> / |w| and `signs` <d, sign(w)> / sqrt(n): the
    parts of it that an L2 and an L1 penalty make. `norm` is |d|, `loss_grad` the norm of the loss function's own. Biases are left out.
    """
    names, rows = [], []
    for (name, weight), a, b in zip(weights.items(), one, other, strict=True):
        given = weight.grad
        if a is None or b is None or given is None or given.is_sparse or weight.dim() < 2:  # noqa: PLR2004  (a bias, or a normalisation's)
            continue
        own = (wide(a) + wide(b)).reshape(-1) / 2
        w, d = wide(weight).reshape(-1), wide(given).reshape(-1) - own
        norm = torch.linalg.vector_norm
        rows.append(
            torch.stack([torch.dot(d, w) / norm(w), torch.dot(d, w.sign()) / w.numel() ** 0.5, norm(d), norm(own)])
        )
        names.append(name)
    return Pull(names, torch.stack([each.to(rows[0].device) for each in rows], 1)) if rows else None
