"""Histograms of weights and gradients, as other frameworks' users log them: what they tell about the norms of layers.

A histogram's proto carries count, sum and sum of squares, so that the L2 norm of the tensor is exact; of TensorFlow 2's, which
are tensors of (left, right, count), it follows from the buckets. Which tensor a histogram is of is told by its tag.
"""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tb_lossdiag.reader.names import words
from tb_lossdiag.series import Packed, Series

__all__ = [
    "HistogramColumn",
    "Moments",
    "layer_facts",
    "layer_norms",
    "moments_of_buckets",
    "parameter_of",
    "whole_norm",
]

BUCKET = 3  # left, right, count
GRADIENT = {"grad", "grads", "gradient", "gradients"}
PARAMETER = {"weight", "weights", "kernel", "kernels", "bias", "biases", "embedding", "embeddings", "gamma", "beta"}
OTHER = {  # what passes through a network, and what comes out of it
    "activation", "activations", "output", "outputs", "input", "inputs", "logits", "prediction", "predictions", "relu", "loss",
    "moment", "exp", "avg", "update", "updates",
}  # fmt: skip
DECORATION = {
    "histogram",
    "histograms",
    "summaries",
    "weights",
    "params",
    "param",
    "parameters",
    "distribution",
    "model",
    *GRADIENT,
}
KINDS = {
    "bias": {"bias", "biases", "beta"},
    "norm": {"norm", "bn", "gamma", "layernorm", "batchnorm", "ln"},
    "embedding": {"embedding", "embeddings", "embed", "wte", "wpe"},
}
_gradient_word = re.compile(r"(?i)(?:^|(?<=[._\-/: ]))(?:grads?|gradients?)(?=$|[._\-/: ])")
_numbered = re.compile(r"(?:[:_]\d+)$")  # TensorFlow's `kernel:0`, which Keras writes `kernel_0`

Moments = tuple[float, float]
"""How many values, and the L2 norm of all."""


@dataclass(slots=True)
class HistogramColumn:
    """A tag's histograms: step, count and norm of each, in the order of writing."""

    steps: array[int] = field(default_factory=lambda: array("q"))
    counts: array[float] = field(default_factory=lambda: array("d"))
    norms: array[float] = field(default_factory=lambda: array("d"))

    def append(self, step: int, moments: Moments) -> None:
        """Add a histogram."""
        self.steps.append(step)
        self.counts.append(moments[0])
        self.norms.append(moments[1])


def moments_of_buckets(buckets: NDArray[np.generic]) -> Moments | None:
    """Count and norm of a flat tensor of buckets, where values are spread evenly within each; None for what is none."""
    if not len(buckets) or len(buckets) % BUCKET:
        return None
    left, right, count = buckets.astype(np.float64).reshape(-1, BUCKET).T
    with np.errstate(all="ignore"):
        squares = count * (left * left + left * right + right * right) / 3
        return float(count.sum()), float(np.sqrt(squares.sum()))


def parameter_of(tag: str) -> tuple[str, bool] | None:
    """The parameter tensor that a histogram is of, and whether it is of its gradient; None for a histogram of anything else.

    >>> parameter_of("fc1.weight"), parameter_of("gradients/fc1.weight"), parameter_of("fc1/weight/grad")
    (('fc1.weight', False), ('fc1.weight', True), ('fc1/weight', True))
    >>> parameter_of("dense_1/kernel_0/histogram"), parameter_of("weights/conv1"), parameter_of("fc1/activations")
    (('dense_1/kernel', False), ('conv1', False), None)
    """
    spoken = set(words(tag))
    gradient = bool(spoken & GRADIENT)
    if spoken & OTHER or not spoken & (GRADIENT | PARAMETER):
        return None
    parts = [each for each in tag.split("/") if each]
    kept = [each for each in parts if each.lower() not in DECORATION] or parts
    name = _gradient_word.sub("", "/".join(kept)).strip("._-/: ")
    return _numbered.sub("", name) or tag, gradient


def layer_norms(curves: Mapping[str, tuple[Series, float]]) -> list[Packed]:
    """Groups `parameters` out of each histogram's norms over training (by tag): of the gradients, and of the weights."""
    known = {tag: found for tag in curves if (found := parameter_of(tag)) is not None}
    groups = []
    for figure, wanted in (("grad_norm", True), ("param_norm", False)):
        tags = {name: tag for tag, (name, gradient) in known.items() if gradient is wanted}
        if tags:
            steps = np.unique(np.concatenate([curves[tag][0].steps for tag in tags.values()]))
            values = np.full((len(steps), 1, len(tags)), np.nan, np.float32)
            for i, tag in enumerate(tags.values()):
                values[np.searchsorted(steps, curves[tag][0].steps), 0, i] = curves[tag][0].values
            groups.append(Packed("parameters", "train", (figure,), tuple(tags), steps, values))
    return groups


def layer_facts(curves: Mapping[str, tuple[Series, float]]) -> list[dict[str, Any]]:
    """What the histograms tell of the model's parameter tensors, as the writer's facts would say it."""
    sizes: dict[str, int] = {}
    for tag, (_, count) in curves.items():
        found = parameter_of(tag)
        if found is not None:
            sizes[found[0]] = max(sizes.get(found[0], 0), int(count) if math.isfinite(count) else 0)
    return [
        {"name": name, "module": _module(name), "kind": _kind(name), "numel": size, "shape": [size]}
        for name, size in sizes.items()
    ]


def whole_norm(curves: Mapping[str, tuple[Series, float]]) -> tuple[Series, int] | None:
    """The norm of the whole gradient, and of how many tensors it is made: at the steps at which all of them were logged."""
    found = [curve for tag, (curve, _) in curves.items() if (parameter_of(tag) or ("", False))[1]]
    if not found:
        return None
    steps = _common(each.steps for each in found)
    with np.errstate(all="ignore"):
        squares = sum((each.values[np.isin(each.steps, steps)] ** 2 for each in found), np.zeros(len(steps)))
    return (Series(steps, np.sqrt(squares)), len(found)) if len(steps) else None


def _common(steps: Iterable[NDArray[np.int64]]) -> NDArray[np.int64]:
    first, *others = steps
    for each in others:
        first = first[np.isin(first, each)]
    return first


def _module(name: str) -> str:
    """The layer that a parameter belongs to."""
    head, _, last = name.replace(".", "/").rpartition("/")
    return head if set(words(last)) & PARAMETER and head else name


def _kind(name: str) -> str:
    spoken = set(words(name))
    return next((kind for kind, marks in KINDS.items() if spoken & marks), "weight")
