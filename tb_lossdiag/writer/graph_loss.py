"""Which loss function has made a loss of what, read off the loss itself: for one that was computed where nobody looked."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import torch.nn.functional as F  # noqa: N812  (everybody's name for it)
from torch import Tensor

from tb_lossdiag.writer.data import Batch
from tb_lossdiag.writer.graph import inputs, kind_of

__all__ = ["batch_in"]

FUNCTIONS: Mapping[str, Callable[..., Tensor]] = {
    "MseLoss": F.mse_loss, "NllLoss": F.nll_loss, "NllLoss2D": F.nll_loss, "BinaryCrossEntropy": F.binary_cross_entropy,
    "BinaryCrossEntropyWithLogits": F.binary_cross_entropy_with_logits, "SmoothL1Loss": F.smooth_l1_loss, "HuberLoss": F.huber_loss,
}  # fmt: skip
"""By the name that torch gives their gradients. Cross-entropy is the last of them but a logarithm: its predictions are log-probabilities."""
SAME = {"Alias", "Clone", "Mean", "Reshape", "Squeeze", "ToCopy", "Unsqueeze", "View"}
"""What leaves a mean what it is."""
SUM = 2  # torch's number for that reduction


def batch_in(loss: Tensor) -> Batch | None:
    """Prediction and target of a loss that is the mean of one of torch's loss functions and nothing else, before its gradient is taken."""
    node: Any = loss.grad_fn
    while node is not None and kind_of(node) in SAME and len(inputs(node)) == 1:
        node = inputs(node)[0]
    function = FUNCTIONS.get(kind_of(node)) if node is not None else None
    if function is None or node._saved_reduction == SUM:  # noqa: SLF001  (documented, for all their underscores: "Saved tensors" in torch's notes)
        return None
    try:
        prediction, target = node._saved_self, node._saved_target  # noqa: SLF001
        weights = {name: getattr(node, f"_saved_{name}", None) for name in ("weight", "pos_weight")}
    except RuntimeError:  # the gradient was taken, and what it needed is gone
        return None
    given = {name: each for name, each in weights.items() if each is not None}
    return Batch(functools.partial(function, **given) if given else function, prediction, target)
