"""Runs that belong together: Keras writes `x/train` and `x/validation`, TF Estimator `x` and `x/eval`."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["partners"]

TRAIN = ("train", "training", "train_loss")
OTHERS = {
    "val": ("validation", "val", "valid", "eval", "valid_loss", "val_loss", "validation_loss", "dev"),
    "test": ("test", "test_loss"),
}


def partners(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """For each training run the runs that hold its other losses: run -> {"loss/val": other run, "accuracy/val": ...}."""
    known = set(names)
    found: dict[str, dict[str, str]] = {}
    for name in known:
        parent, _, last = name.rpartition("/")
        if last.lower() in TRAIN:
            places = {split: [_below(parent, word) for word in words] for split, words in OTHERS.items()}
        else:
            places = {"val": [_below("" if name == "." else name, "eval")]}
        for split, candidates in places.items():
            other = next((each for each in candidates if each in known), None)
            if other is not None:
                found.setdefault(name, {}).update({f"loss/{split}": other, f"accuracy/{split}": other})
    return found


def _below(parent: str, name: str) -> str:
    return f"{parent}/{name}" if parent else name
