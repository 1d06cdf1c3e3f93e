"""The loss of each sample of a batch, for the loss functions that torch itself brings."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  (everybody's name for it)
from numpy.typing import NDArray
from torch import Tensor, nn

__all__ = ["FIGURES", "REGRESSION", "broadcasts", "loss_by_sample", "spread", "task_of", "type_of"]

FIGURES = ("mean", "std", "p05", "p50", "p95", "max")
ELEMENTS = 1 << 18  # of a prediction that are looked at, about
SAMPLES = 1024  # of a batch, at most; at least 32

CLASSIFICATION = {
    "CrossEntropyLoss",
    "NLLLoss",
    "NLLLoss2d",
    "MultiMarginLoss",
    "cross_entropy",
    "nll_loss",
    "multi_margin_loss",
}
BINARY = {
    "BCELoss", "BCEWithLogitsLoss", "SoftMarginLoss", "MultiLabelSoftMarginLoss",
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "soft_margin_loss",
}  # fmt: skip
REGRESSION = {
    "MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss", "PoissonNLLLoss",
    "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "poisson_nll_loss",
}  # fmt: skip
PAIRS = {
    "CosineEmbeddingLoss", "MarginRankingLoss", "HingeEmbeddingLoss",
    "cosine_embedding_loss", "margin_ranking_loss", "hinge_embedding_loss",
}  # fmt: skip
"""Losses whose labels say by their sign whether two things belong together, or which comes first."""
MODULES = {
    nn.CrossEntropyLoss, nn.NLLLoss, nn.MultiMarginLoss, nn.BCELoss, nn.BCEWithLogitsLoss, nn.SoftMarginLoss,
    nn.MSELoss, nn.L1Loss, nn.SmoothL1Loss, nn.HuberLoss, nn.PoissonNLLLoss,
}  # fmt: skip
FUNCTIONS = {
    F.cross_entropy, F.nll_loss, F.multi_margin_loss, F.binary_cross_entropy, F.binary_cross_entropy_with_logits,
    F.soft_margin_loss, F.mse_loss, F.l1_loss, F.smooth_l1_loss, F.huber_loss, F.poisson_nll_loss,
}  # fmt: skip


def type_of(loss_fn: object) -> str:
    """The loss function's name: its class's, or the function's own."""
    if isinstance(loss_fn, functools.partial):
        return type_of(loss_fn.func)
    return (
        type(loss_fn).__name__
        if isinstance(loss_fn, nn.Module)
        else getattr(loss_fn, "__name__", type(loss_fn).__name__)
    )


def task_of(loss_fn: object, prediction: Tensor, target: Tensor) -> str | None:
    """What is learnt: `classification`, `binary` or `regression`; None where that cannot be told."""
    name = type_of(loss_fn)
    for task, names in (("classification", CLASSIFICATION), ("binary", BINARY), ("regression", REGRESSION)):
        if name in names:
            return task
    if not target.is_floating_point() and name not in PAIRS and prediction.dim() == target.dim() + 1:
        return (
            "classification" if prediction.dim() == 1 or prediction.shape[1] > 1 else None
        )  # a single score tells no class from others
    return None


def without_reduction(loss_fn: object) -> Callable[..., Tensor] | None:
    """The loss function with `reduction="none"`, or None where it is not one of torch's own."""
    if type(loss_fn) in MODULES:
        single: Any = copy.copy(loss_fn)
        single.reduction = "none"
        forward: Callable[..., Tensor] = single.forward  # not the call: the copy shares the hooks
        return forward
    function = loss_fn.func if isinstance(loss_fn, functools.partial) else loss_fn
    if callable(loss_fn) and function in FUNCTIONS:
        return functools.partial(loss_fn, reduction="none")
    return None


def loss_by_sample(loss_fn: object, prediction: Tensor, target: Tensor) -> Tensor | None:
    """The loss of each sample, on its device, shape (samples,); of a large batch the first ones."""
    function = without_reduction(loss_fn)
    if (
        function is None
        or prediction.dim() == 0
        or len(prediction) != len(target)
        or broadcasts(loss_fn, prediction, target)
        or refused(loss_fn, prediction, target)
    ):
        return None
    rows = max(32, min(SAMPLES, ELEMENTS * len(prediction) // max(1, prediction.numel())))
    with torch.no_grad():
        losses = function(prediction[:rows].detach(), target[:rows].detach())
    return losses.reshape(len(losses), -1).mean(1)


def refused(loss_fn: object, prediction: Tensor, target: Tensor) -> bool:
    """Whether torch's binary cross-entropy would not take these targets, which one that is written by hand has taken."""
    if type_of(loss_fn) != "binary_cross_entropy" or not target.numel():
        return False
    return prediction.shape != target.shape or bool((target.min() < 0) | (target.max() > 1))


def broadcasts(loss_fn: object, prediction: Tensor, target: Tensor) -> bool:
    """Whether a loss of differences compares each prediction with many targets, of which torch warns: each number of samples once."""
    return type_of(loss_fn) in REGRESSION and prediction.shape != target.shape


def spread(losses: NDArray[np.float64]) -> NDArray[np.float32]:
    """The figures of a batch's losses, as a column."""
    with np.errstate(invalid="ignore", over="ignore"):
        low, middle, high = np.percentile(losses, [5, 50, 95])
        std = losses.std(ddof=1) if len(losses) > 1 else np.nan
        return np.array([[losses.mean()], [std], [low], [middle], [high], [losses.max()]]).astype(np.float32)
