"""Which samples were seen: fingerprints of inputs tell repeated samples, and those that training and validation share.

A fingerprint is 48 bits made of at most 64 evenly spaced values of each input of a sample, bit for bit: samples that an augmentation has
changed are different ones. Of inputs that are mostly zeros, as counts of words are, so few would be the same for most samples: there it is 4,096. It travels as two numbers of 24 bits, which a float32 holds exactly.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tb_lossdiag.tags import SPLITS

__all__ = ["FIGURES", "Identity", "fingerprints", "keys_of", "of_samples", "thinned"]

FIGURES = ("seen", "distinct", "in_val", "in_test", "values", "commonest")
VALUES = 64  # of an input, at most
# share of values that are not 0, below which an input is mostly zeros, and its values at most
SPARSE, OF_SPARSE = 0.1, 4096
KEPT = 1 << 16  # fingerprints of a split: half a megabyte
COUNTED = 64  # fingerprints that came twice in a batch, and are counted from then on: one that is a fifth of all is soon among them
HALF = 1 << 24


def thinned(values: Tensor, most: int = VALUES) -> Tensor:
    """Of each sample the values that its fingerprint is made of, at `most` so many; of what this gives, all of them."""
    flat = values.detach().reshape(len(values), -1)
    return flat[:, :: max(1, -(-flat.shape[1] // most))]


def of_samples(inputs: Sequence[Tensor]) -> list[Tensor]:
    """The model's first input and those beside it, on the same device, that have a row for each of its samples, too: numbers beside
    categories, a mask beside ids.
    """
    first = inputs[0]

    def belongs(each: Tensor) -> bool:
        known = each.dim() > 0 and each.numel() > 0 and not each.is_complex()
        return known and len(each) == len(first) and each.device == first.device  # lengths stay on the CPU

    return [first, *filter(belongs, inputs[1:])]


def fingerprints(*inputs: Tensor, most: int = VALUES) -> Tensor:
    """Two whole numbers below 2^24 for each sample (first axis of each input), as a float32 tensor of shape (samples, 2)."""
    bits = torch.cat([bits_of(thinned(each, most)) for each in inputs], 1)
    places = torch.arange(1, bits.shape[1] + 1, device=bits.device)
    mixed = bits * (places * 0x9E3779B1 + 0x7F4A7C15)  # an odd constant near 2^32 / golden ratio (Knuth): wraps around
    mixed = (mixed ^ (mixed >> 29)) * 0x5851F42D4C957F2D  # the multiplier of Knuth's MMIX generator
    total = mixed.sum(1)
    total = total ^ (total >> 31)
    return torch.stack((total % HALF, (total >> 24) % HALF), 1).to(torch.float32)


def bits_of(values: Tensor) -> Tensor:
    """The values' bits as whole numbers."""
    return (values.float().contiguous().view(torch.int32) if values.is_floating_point() else values).to(torch.int64)


def keys_of(halves: NDArray[np.float64]) -> list[int]:
    """The fingerprints that have travelled as two numbers each, as one whole number each."""
    pairs = halves.reshape(-1, 2).astype(np.int64)
    keys: list[int] = (pairs[:, 0] + HALF * pairs[:, 1]).tolist()
    return keys


class Identity:
    """The fingerprints of each split's samples, as many as are kept."""

    def __init__(self) -> None:
        self._seen = dict.fromkeys(("train", "val", "test"), 0)
        self._keys: dict[str, set[int]] = {"train": set(), "val": set(), "test": set()}
        self._common: Counter[int] = Counter()  # how often those came that are counted
        self._values = 0
        self._most: int | None = None  # values of an input that a fingerprint is made of

    def most(self, values: Tensor) -> int:
        """Of how many values of an input fingerprints are made, at most: decided once, by the first batch of any split."""
        if self._most is None:
            few = thinned(values)
            wide = few.shape[1] < values[0].numel()
            self._most = OF_SPARSE if wide and int(torch.count_nonzero(few)) < SPARSE * few.numel() else VALUES
        return self._most

    def see(self, split: str, halves: NDArray[np.float64], values: int) -> NDArray[np.float32]:
        """Add a batch, and give the figures of the training split: a column."""
        found = keys_of(halves)
        keys, self._values = self._keys.setdefault(split, set()), values
        if len(keys) < KEPT:
            self._seen[split] = self._seen.get(split, 0) + len(found)
            keys.update(found)
            if split == "train":
                self._count(found)
        return self.figures()

    def _count(self, found: Sequence[int]) -> None:
        """Add to those fingerprints that are counted; to others from the first batch on that has one of them twice."""
        for key, times in Counter(found).items():
            if key in self._common or (times > 1 and len(self._common) < COUNTED):
                self._common[key] += times

    def trained_on(self, split: str) -> float:
        """Share of a split's samples that training has seen, too, or of training's samples if those are fewer; NaN if either is unknown."""
        known, others = self._keys["train"], self._keys.get(split, set())
        return len(known & others) / min(len(known), len(others)) if known and others else math.nan

    def rename(self, split: str, name: str) -> None:
        """A split has turned out to be that one."""
        self._keys[name], self._seen[name] = self._keys.pop(split, set()), self._seen.pop(split, 0)

    def forget(self, split: str) -> None:
        """Nothing more is asked of a split."""
        self._keys.pop(split, None)
        self._seen.pop(split, None)

    def state_dict(self) -> dict[str, Any]:
        """What was seen so far, as plain values and tensors."""
        known = {split: self._keys[split] for split in SPLITS}
        keys = {split: torch.tensor(sorted(each), dtype=torch.int64) for split, each in known.items()}
        return {
            "seen": {split: self._seen[split] for split in SPLITS},
            "keys": keys,
            "values": self._values,
            "common": dict(self._common),
            "most": self._most,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self._seen = {**self._seen, **state["seen"]}
        self._keys = {**self._keys, **{split: set(each.tolist()) for split, each in state["keys"].items()}}
        self._values = int(state["values"])
        self._most = state.get("most", VALUES)
        self._common = Counter(state.get("common", {}))

    def figures(self) -> NDArray[np.float32]:
        """Samples of training looked at, how many of them are distinct and also in validation and test; values of a sample; how often the
        commonest came, 0 where none came twice in a batch.
        """
        train = self._keys["train"]
        shared: Mapping[str, float] = {
            split: len(train & self._keys[split]) if self._keys[split] else np.nan for split in ("val", "test")
        }
        figures = [
            self._seen["train"],
            len(train),
            shared["val"],
            shared["test"],
            self._values,
            max(self._common.values(), default=0),
        ]
        return np.array(figures, dtype=np.float32)[:, None]
