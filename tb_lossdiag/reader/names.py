"""Which tag is what: the names that people and frameworks give to losses, learning rates and metrics, as data.

A tag is taken apart into words (`Train/Loss_step` -> train, loss, step). The words of a role must be there; every other
word costs something, and the tag that costs least takes the role. Add a framework's habit to the tables, not to the code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache

from tb_lossdiag.tags import LR, SPLITS, loss_tag

__all__ = ["SPLIT_WORDS", "roles", "split_of", "words"]

SPLIT_WORDS: Mapping[str, frozenset[str]] = {
    "train": frozenset({"train", "training", "trn", "tr"}),
    "val": frozenset({"val", "valid", "validation", "eval", "evaluation", "dev"}),
    "test": frozenset({"test", "testing"}),
}

LOSS_WORDS = frozenset({"loss", "losses", "cost", "objective"})
ACCURACY_WORDS = frozenset({"acc", "accuracy"})

LOSS_COSTS: Mapping[str, float] = {
    "total": 1, "overall": 1, "all": 1, "full": 1,
    "epoch": 2, "step": 2, "avg": 2, "average": 2, "mean": 2, "global": 2,
    "iter": 3, "iteration": 3, "smooth": 3, "smoothed": 3, "running": 3,
    "nll": 4, "ce": 4, "xent": 4, "mse": 4, "bce": 4, "cross": -18, "entropy": 22,  # alone, entropy is a bonus of exploration
    "batch": 5, "minibatch": 5,
    "metrics": 1, "scalar": 1, "scalars": 1, "log": 1, "stats": 1, "summary": 1,
    "value": 15, "critic": 5, "policy": 26, "actor": 26, "kl": 26, "reg": 26, "regularization": 26, "aux": 26,
    "pre": 30, **dict.fromkeys("0123456789", 0.5),
}  # fmt: skip
"""What a further word costs a loss. Others name a part of the loss, or one of several: some parts say more than others
(a critic's loss is a regression, a policy's tells nothing by its height), and pre-training is not the training.
"""

STEP_OR_EPOCH: Mapping[str, Mapping[str, float]] = {
    "train": {"step": 1.5},
    "val": {"epoch": 1.5},
    "test": {"epoch": 1.5},
}
"""Frameworks that log both: every step tells most about training; a validation's steps count batches, not training."""

NOT_A_LOSS = frozenset({
    "acc", "accuracy", "coef", "coefficient", "decay", "delta", "grad", "gradient", "gradients", "gap", "lambda", "learning", "lr",
    "max", "min", "best", "norm", "per", "rate", "ratio", "runtime", "scale", "scaler", "sec", "second", "std", "var",
    "variance", "vs", "weight", "weights",
})  # fmt: skip

LR_COSTS: Mapping[str, float] = {
    **dict.fromkeys(("train", "training", "optimizer", "optim", "opt", "schedule", "scheduler", "epoch", "step", "params"), 1),
    **dict.fromkeys(("adam", "adamw", "sgd", "rmsprop", "radam", "ranger", "lion", "adagrad", "lamb", "nadam", "lbfgs"), 1),
    **dict.fromkeys(("group", "pg", "x", "hparams", "current", "policy", "backbone"), 1), "0": 0.5, "1": 2, "2": 3, "3": 4,
}  # fmt: skip

ACCURACY_COSTS: Mapping[str, float] = {
    **dict.fromkeys(("epoch", "top", "1", "metrics", "step", "mean", "avg"), 1), "categorical": 2, "sparse": 2, "binary": 2,
    "balanced": 3,
}  # fmt: skip

GRAD_NORM_COSTS: Mapping[str, float] = {
    **dict.fromkeys(("train", "training", "total", "global", "all", "l", "step", "diag", "model"), 1), "2": 0.5, "0": 0.5,
    "2.0": 0.5, "epoch": 2, "before": 2, "unclipped": 1, "clip": 2,
}  # fmt: skip

UNKNOWN = 20.0  # a word that no table has
UNSPLIT = 6.0  # a loss of no split is the training's where no better one is there
AGAIN = 8.0  # `train/train_loss`: of Hugging Face's two, the final mean
LONELY = 10.0  # one point, where other candidates are curves

Cost = Callable[[Sequence[str]], float | None]


def roles(points: Mapping[str, int]) -> dict[str, str]:
    """Role -> tag, for a run's scalar tags and how many points each has. A tag takes one role at most."""
    found: dict[str, str] = {}
    for role, cost in ROLES.items():
        free = {tag: count for tag, count in points.items() if tag not in found.values()}
        best = role if role in free else _cheapest(free, cost, _part_of(found, role))
        if best is not None:
            found[role] = best
    return found


def words(text: str) -> tuple[str, ...]:
    """The words of a tag or a name, in lower case: at every separator, between letters and digits, and in camelCase.

    >>> words("Train/valLoss_top5")
    ('train', 'val', 'loss', 'top', '5')
    """
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", text)
    return tuple(piece for part in parts for piece in _unglued(part.lower()))


def split_of(text: str) -> str | None:
    """The split that a tag or a run's name speaks of; the last word counts, as in `train/val_loss`."""
    return _split(words(text))


def _split(parts: Sequence[str]) -> str | None:
    for word in reversed(parts):
        for split in SPLITS:
            if word in SPLIT_WORDS[split]:
                return split
    return None


@lru_cache(maxsize=4096)
def _unglued(word: str) -> tuple[str, ...]:
    """`trainloss` is two words."""
    for split in SPLITS:
        for first in SPLIT_WORDS[split]:
            if word.startswith(first) and word[len(first) :] in LOSS_WORDS | ACCURACY_WORDS:
                return first, word[len(first) :]
    return (word,)


def _cheapest(points: Mapping[str, int], cost: Cost, part: frozenset[str]) -> str | None:
    """The tag that fits best: of equals the one with the most points, then the one that was logged first."""
    costs = {tag: each for tag in points if (each := cost(words(tag))) is not None}
    most = max((points[tag] for tag in costs), default=0)

    def order(tag: str) -> tuple[bool, float, int]:
        other_part = bool(part) and _names(tag) != part
        return other_part, costs[tag] + (LONELY if points[tag] == 1 < most else 0.0), -points[tag]

    return min(costs, key=order, default=None)


def _part_of(found: Mapping[str, str], role: str) -> frozenset[str]:
    """Where the training loss is one part of several (`train/box_loss`), the words that name it: the other splits' is wanted."""
    train = found.get(loss_tag("train"))
    if train is None or role not in {loss_tag("val"), loss_tag("test")}:
        return frozenset()
    return _names(train)


def _names(tag: str) -> frozenset[str]:
    """The words of a loss's tag that no table explains."""
    known = LOSS_WORDS.union(LOSS_COSTS, *SPLIT_WORDS.values())
    return frozenset(words(tag)) - known


def _loss(split: str) -> Cost:
    def cost(parts: Sequence[str]) -> float | None:
        spoken = _split(parts)
        if not LOSS_WORDS.intersection(parts) or NOT_A_LOSS.intersection(parts) or (spoken or "train") != split:
            return None
        rest = [each for each in parts if each not in LOSS_WORDS]
        others = [each for each in rest if not _is_split(each)]
        table = {**LOSS_COSTS, **STEP_OR_EPOCH[split]}
        again = AGAIN * max(0, len(rest) - len(others) - 1)
        return _sum(dict.fromkeys(others), table) + again + (UNSPLIT if spoken is None else 0.0)

    return cost


def _accuracy(split: str) -> Cost:
    def cost(parts: Sequence[str]) -> float | None:
        spoken = _split(parts)
        metric = spoken is None and "metrics" in parts  # YOLO's `metrics/...` are measured on validation data
        meant = spoken or ("val" if metric else "train")
        if not ACCURACY_WORDS.intersection(parts) or meant != split:
            return None
        others = [each for each in parts if each not in ACCURACY_WORDS and not _is_split(each)]
        total = _sum(others, ACCURACY_COSTS)
        return total if total < UNKNOWN else None

    return cost


def _learning_rate(parts: Sequence[str]) -> float | None:
    if "lr" not in parts and not {"learning", "rate"}.issubset(parts):
        return None
    total = _sum([each for each in parts if each not in {"lr", "learning", "rate"}], LR_COSTS)
    return total if total < 2 * UNKNOWN else None


def _grad_norm(parts: Sequence[str]) -> float | None:
    if not {"grad", "gradient", "gradients"}.intersection(parts) or "norm" not in parts:
        return None
    total = _sum([each for each in parts if each not in {"grad", "gradient", "gradients", "norm"}], GRAD_NORM_COSTS)
    return total if total < UNKNOWN else None


def _sum(parts: Iterable[str], costs: Mapping[str, float]) -> float:
    return sum((costs.get(each, UNKNOWN) for each in parts), 0.0)


def _is_split(word: str) -> bool:
    return any(word in SPLIT_WORDS[split] for split in SPLITS)


ROLES: Mapping[str, Cost] = {
    **{loss_tag(split): _loss(split) for split in SPLITS},
    LR: _learning_rate,
    "diag/grad_norm": _grad_norm,
    **{f"accuracy/{split}": _accuracy(split) for split in ("val", "test", "train")},
}
"""What each of our names is looked for by; earlier ones choose first."""
