"""Whether a split's samples are the same when it is evaluated again: its first targets tell that it is the same data, its inputs that something changes them.

An augmentation that is drawn anew each time does so, as where the validation set was split off an augmented training set, and so does code
that normalises the data in place.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from tb_lossdiag.writer.identity import fingerprints, of_samples

__all__ = ["Repeats"]

ROWS = 64  # samples that are compared, at most
FEWEST = 8  # targets; fewer may be the same by chance


class Repeats:
    """The first batch of the first two evaluations of a split. `changed` is the share of its inputs that are others, once that is known."""

    def __init__(self) -> None:
        self.changed: float | None = None
        self._inputs: Tensor | None = None
        self._shape: torch.Size | None = None  # of the first input
        self._before: tuple[Tensor, Tensor] | None = None
        self._looks = 0

    @property
    def over(self) -> bool:
        """Whether nothing more is wanted."""
        return self._looks >= 2  # noqa: PLR2004  (the first two evaluations)

    def see_inputs(self, inputs: Sequence[Tensor]) -> None:
        """What the model was called with first in an evaluation."""
        same = [each[:ROWS] for each in of_samples(inputs)] if inputs and inputs[0].dim() else []
        self._inputs = fingerprints(*same) if same and same[0].numel() else None
        self._shape = inputs[0].shape if inputs else None

    def see_targets(self, target: Tensor) -> None:
        """The targets of that batch; what has a target like its input may be told to take a noise away that is drawn anew."""
        inputs, self._inputs = self._inputs, None
        if self.over or inputs is None or not target.dim() or not target.numel():
            return
        self._looks += 1
        rows = target[:ROWS].reshape(len(target[:ROWS]), -1)
        odd = target.shape == self._shape or rows.is_complex() or rows.device != inputs.device
        if odd or not FEWEST <= len(rows) == len(inputs):
            self._looks = 2
            return
        now = fingerprints(rows), inputs
        if self._before is None:
            self._before = now
            return
        (targets, others), self._before = self._before, None
        if targets.shape == now[0].shape and torch.equal(targets, now[0]) and bool((targets != targets[0]).any()):
            self.changed = float((others != inputs).any(1).float().mean())
