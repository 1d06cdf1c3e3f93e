"""Which tag is what: the names that people and frameworks give to losses, learning rates and metrics, as data.

A tag is taken apart into words (`Train/Loss_step` -> train, loss, step). The words of a role must be there; every other
word costs something, and the tag that costs least takes the role. Add a framework's habit to the tables, not to the code,
and its tags to `tests/reader/test_frameworks.py`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Literal

from tb_lossdiag.tags import EPOCH, GRAD_NORM, LR, PLUS, SPLITS, TRAIN_LOSS, loss_tag

__all__ = ["SPLIT_WORDS", "metrics", "roles", "speaks_of_loss", "split_of", "words"]


SPLIT_WORDS: Mapping[str, frozenset[str]] = {
    "train": frozenset({"train", "training", "trn", "tr"}),
    "val": frozenset({"val", "valid", "validation", "eval", "evaluation", "dev"}),
    "test": frozenset({"test", "testing"}),
}

LOSS_WORDS = frozenset({"loss", "losses", "cost", "objective"})
ACCURACY_WORDS = frozenset({"acc", "accuracy"})
GRADIENT_WORDS = frozenset({"grad", "grads", "gradient", "gradients"})
GLUED = frozenset({"batch", "epoch", "step", "avg", "mean", "total", "running"})  # `batchloss` is two words

LOSS_COSTS: Mapping[str, float] = {
    "total": 1, "overall": 1, "all": 1, "full": 1, "reduced": 1, "current": 1, "learning": 1, "perf": 1,
    "epoch": 2, "step": 2, "avg": 2, "average": 2, "mean": 2, "global": 2, "lm": 2,
    "iter": 3, "iteration": 3, "smooth": 3, "smoothed": 3, "running": 3, "raw": 3, "samples": 3, "dataloader": 0.5, "idx": 0.5,
    "nll": 4, "ce": 4, "xent": 4, "mse": 4, "bce": 4, "entropy": 22,  # alone, entropy is a bonus of exploration
    "batch": 5, "minibatch": 5,
    "metrics": 1, "scalar": 1, "scalars": 1, "log": 1, "stats": 1, "summary": 1,
    "value": 15, "critic": 5, "policy": 26, "actor": 26, "kl": 26, "reg": 26, "regularization": 26, "aux": 26,
    "pre": 30, **dict.fromkeys("0123456789", 0.5),
}  # fmt: skip
"""What a further word costs a loss. Others name a part of the loss, or one of several: some parts say more than others
(a critic's loss is a regression, a policy's tells nothing by its height), and pre-training is not the training.
"""

PERIODS = frozenset({"epoch", "step", "iter", "iteration", "batch"})

PARTS = frozenset({
    "box", "bbox", "obj", "objectness", "cls", "dfl", "seg", "sem", "mask", "pose", "kpt", "kobj", "rle", "angle", "giou", "iou", "conf",
    "landmark",
})  # fmt: skip
"""Parts of a detector's loss, whose sum is what is minimised; YOLO's trainers log the parts alone."""

STEP_OR_EPOCH: Mapping[str, Mapping[str, float]] = {
    "train": {"step": 1.5},
    "val": {"epoch": 1.5},
    "test": {"epoch": 1.5},
}
"""Frameworks that log both: every step tells most about training; a validation's steps count batches, not training."""

NOT_A_LOSS = frozenset({
    "acc", "accuracy", "coef", "coefficient", "decay", "delta", "grad", "gradient", "gradients", "gap", "lambda", "lr",
    "max", "min", "best", "norm", "per", "rate", "ratio", "runtime", "scale", "scaler", "sec", "second", "std", "var",
    "variance", "vs", "weight", "weights",
})  # fmt: skip

LR_COSTS: Mapping[str, float] = {
    **dict.fromkeys(("train", "training", "optimizer", "optim", "opt", "schedule", "scheduler", "epoch", "step", "params"), 1),
    **dict.fromkeys(("adam", "adamw", "sgd", "rmsprop", "radam", "ranger", "lion", "adagrad", "lamb", "nadam", "lbfgs"), 1),
    **dict.fromkeys(("group", "pg", "x", "hparams", "current", "policy", "backbone", "unet", "iter", "stats", "charts", "loss"), 1),
    "samples": 3, "base": 3, "0": 0.5, "1": 2, "2": 3, "3": 4, **dict.fromkeys(("momentum", "vs", "decay", "weight", "ratio", "scale", "mult"), 100),
}  # fmt: skip

ACCURACY_COSTS: Mapping[str, float] = {
    **dict.fromkeys(("epoch", "top", "1", "metrics", "step", "mean", "avg", "perf", "multiclass"), 1), "categorical": 2,
    "sparse": 2, "binary": 2, "balanced": 3,
}  # fmt: skip

GRAD_NORM_COSTS: Mapping[str, float] = {
    **dict.fromkeys(("train", "training", "total", "global", "all", "l", "step", "diag", "model", "opt", "optimizer"), 1),
    **dict.fromkeys(("learning", "iter", "stats"), 1), "2": 0.5, "0": 0.5, "2.0": 0.5, "epoch": 2, "before": 2, "raw": 2,
    "unclipped": 1, "clip": 2,
}  # fmt: skip

EPOCH_COSTS: Mapping[str, float] = dict.fromkeys(("train", "training", "trainer", "current", "global", "progress"), 1)

HIGHER = frozenset({
    "acc", "accuracy", "ap", "auc", "auprc", "auroc", "bleu", "ciou", "dice", "em", "f1", "fscore", "hit", "hits", "iou", "jaccard", "kappa",
    "map", "macc", "mcc", "meteor", "miou", "mrr", "ndcg", "pearson", "pesq", "precision", "psnr", "r2", "recall", "return", "returns", "rew",
    "reward", "rewards", "roc", "rouge", "sensitivity", "si-sdr", "sisdr", "spearman", "specificity", "ssim", "stoi", "success", "top", "winrate",
})  # fmt: skip
LOWER = frozenset({
    "bpb", "bpc", "cer", "eer", "epe", "err", "error", "fid", "kid", "lpips", "mae", "mape", "mpjpe", "mse", "perplexity", "ppl", "rmse", "smape",
    "ter", "wer",
})  # fmt: skip
MEASURES = frozenset({"nll", "ce", "xent", "bce", "mse"})
"""What is minimised, in logs that call nothing a loss."""

NOT_A_METRIC = LOSS_WORDS | {"coef", "lr", "norm", "rate", "scale", "std", "time", "weight"}

UNKNOWN = 20.0  # a word that no table has
UNSPLIT = 6.0  # a loss of no split is the training's where no better one is there
AGAIN = 8.0  # `train/train_loss`: of Hugging Face's two, the final mean
LONELY = 10.0  # one point, where other candidates are curves

TOTAL = 4.0  # `eval/total_loss` where the training's is no total: a sum over batches, perhaps

Cost = Callable[[tuple[str, ...]], float | None]


def roles(points: Mapping[str, int]) -> dict[str, str]:
    """Role -> tag, for a run's scalar tags and how many points each has. A tag takes one role at most.

    A loss of which only the parts are there is their sum: `train/box_loss + train/cls_loss`.
    """
    return dict(_roles(tuple(points.items())))


@lru_cache(maxsize=1024)
def _roles(counted: tuple[tuple[str, int], ...]) -> Mapping[str, str]:
    """The same; the runs of a directory often have the same tags, and as many points of each."""
    points = dict(counted)
    found: dict[str, str] = {}
    for role, cost in ROLES.items():
        free = {tag: count for tag, count in points.items() if tag not in found.values()}
        train = found.get(TRAIN_LOSS) if role in EVALUATED else None
        best = role if role in free else _cheapest(free, cost, train)
        if best is None and role in LOSSES:
            best = _cheapest(free, _measure(role, train), train)
        if best is not None:
            found[role] = _with_other_parts(best, free) if role in LOSSES else best
    return found


def metrics(tags: Iterable[str]) -> dict[str, Literal["higher", "lower"]]:
    """The tags that measure how good the model is, and which way is better."""
    found: dict[str, Literal["higher", "lower"]] = {}
    for tag in tags:
        pieces = re.findall(r"[a-z]+\d*", tag.lower())
        said = {*pieces, *(each.rstrip("0123456789") for each in pieces)}
        if said & NOT_A_METRIC:
            continue
        if said & HIGHER:
            found[tag] = "higher"
        elif said & LOWER:
            found[tag] = "lower"
    return found


def speaks_of_loss(text: str) -> bool:
    """Whether a tag or a run's name speaks of a loss or an accuracy."""
    return bool((LOSS_WORDS | ACCURACY_WORDS).intersection(words(text)))


@lru_cache(maxsize=4096)
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
    """`trainloss` is two words, and so is fairseq's `gnorm`."""
    if word == "gnorm":
        return "grad", "norm"
    for last in LOSS_WORDS | ACCURACY_WORDS:
        first = word.removesuffix(last)
        if first != word and (first in GLUED or _is_split(first)):
            return first, last
    return (word,)


def _cheapest(points: Mapping[str, int], cost: Cost, train: str | None) -> str | None:
    """The tag that fits best: of equals the one with the most points, then the one that was logged first.

    `train` is what the training loss was taken from, where the same of another split is wanted.
    """
    costs = {tag: each for tag in points if (each := cost(words(tag))) is not None}
    most = max((points[tag] for tag in costs), default=0)
    part = _part(train.partition(PLUS)[0]) if train is not None else frozenset()

    def order(tag: str) -> tuple[bool, float, int]:
        other_part = bool(part) and _part(tag) != part
        lonely = LONELY if points[tag] == 1 < most else 0.0
        total = TOTAL if train is not None and "total" in words(tag) and "total" not in words(train) else 0.0
        return other_part, costs[tag] + lonely + total, -points[tag]

    return min(costs, key=order, default=None)


def _with_other_parts(tag: str, points: Mapping[str, int]) -> str:
    """The sum of a loss's parts where `tag` is one of them and was logged with others; else the tag itself."""
    if not _part(tag) or not _part(tag) <= PARTS:
        return tag
    frame = tuple("*" if word in PARTS else word for word in words(tag))
    parts = [
        other
        for other in points
        if points[other] == points[tag] and tuple("*" if word in PARTS else word for word in words(other)) == frame
    ]
    return PLUS.join(parts)


def _part(tag: str) -> frozenset[str]:
    """The words of a loss's tag that no table explains: where the loss is one part of several, they name it."""
    known = LOSS_WORDS.union(LOSS_COSTS, *SPLIT_WORDS.values())
    return frozenset(words(tag)) - known


def _loss(split: str) -> Cost:
    table = {**LOSS_COSTS, **STEP_OR_EPOCH[split]}

    def cost(parts: Sequence[str]) -> float | None:
        spoken = _split(parts)
        said = _with_pairs(parts)
        if not LOSS_WORDS.intersection(said) and "metrics" in said and "ce" in said:
            said = ["loss", *said]  # a cross-entropy among the metrics is the loss itself
        refused = NOT_A_LOSS.intersection(said) or {"learning", "rate"}.issubset(said)
        if not LOSS_WORDS.intersection(said) or refused or (spoken or "train") != split:
            return None
        rest = [each for each in said if each not in LOSS_WORDS]
        others = [each for each in rest if not _is_split(each)]
        again = AGAIN * max(0, len(rest) - len(others) - 1)
        return _sum(dict.fromkeys(others), table) + again + (UNSPLIT if spoken is None else 0.0)

    return cost


def _measure(role: str, train: str | None) -> Cost:
    """What takes the role of a loss where nothing is called one: for an evaluation, the same that the training has."""
    table = {**LOSS_COSTS, **dict.fromkeys(MEASURES, 0.0)}
    wanted = MEASURES if train is None else MEASURES.intersection(_with_pairs(words(train)))
    known = train is None or not LOSS_WORDS.intersection(words(train))

    def cost(parts: Sequence[str]) -> float | None:
        said = _with_pairs(parts)
        if not known or not wanted.intersection(said) or loss_tag(_split(parts) or "train") != role:
            return None
        total = _sum([each for each in said if not _is_split(each)], table)
        return total if total < UNKNOWN and not NOT_A_LOSS.intersection(said) else None

    return cost


def _with_pairs(parts: Sequence[str]) -> list[str]:
    """The words, of which cross-entropy is one, and entropy alone another; `per epoch` says nothing of what is measured."""
    said = list(parts)
    if {"cross", "entropy"}.issubset(said):
        said = [*(each for each in said if each not in {"cross", "entropy"}), "ce"]
    for first, second in itertools.pairwise(parts):
        if first == "per" and second in PERIODS:
            said.remove("per")
    return said


def _accuracy(split: str) -> Cost:
    def cost(parts: Sequence[str]) -> float | None:
        spoken = _split(parts)
        metric = spoken is None and "metrics" in parts  # YOLO's `metrics/...` are measured on validation data
        meant = spoken or ("val" if metric else "train")
        first = any(pair == ("top", "1") for pair in itertools.pairwise(parts))
        if not (ACCURACY_WORDS.intersection(parts) or first) or meant != split:
            return None
        others = [each for each in parts if each not in ACCURACY_WORDS and not _is_split(each)]
        total = _sum(others, ACCURACY_COSTS)
        return total if total < UNKNOWN else None

    return cost


def _learning_rate(parts: Sequence[str]) -> float | None:
    if "lr" not in parts and not {"learning", "rate"}.issubset(parts):
        return None
    total = _sum([each for each in parts if each not in {"lr", "learning", "rate"}], LR_COSTS)
    return total if total < (3 if parts[0] == "lr" else 2) * UNKNOWN else None  # `lr-DecoupledSGDW`


def _grad_norm(parts: Sequence[str]) -> float | None:
    squares = any(pair == ("l", "2") for pair in itertools.pairwise(parts))
    if not GRADIENT_WORDS.intersection(parts) or not ("norm" in parts or squares):
        return None
    total = _sum([each for each in parts if each not in GRADIENT_WORDS | {"norm"}], GRAD_NORM_COSTS)
    return total if total < UNKNOWN else None


def _epoch(parts: Sequence[str]) -> float | None:
    if "epoch" not in parts:
        return None
    total = _sum([each for each in parts if each != "epoch"], EPOCH_COSTS)
    return total if total < UNKNOWN else None


def _sum(parts: Iterable[str], costs: Mapping[str, float]) -> float:
    return sum((costs.get(each, UNKNOWN) for each in parts), 0.0)


def _is_split(word: str) -> bool:
    return any(word in SPLIT_WORDS[split] for split in SPLITS)


ROLES: Mapping[str, Cost] = {
    role: lru_cache(maxsize=4096)(cost)  # every run has the same few tags
    for role, cost in {
        **{loss_tag(split): _loss(split) for split in SPLITS},
        LR: _learning_rate,
        GRAD_NORM: _grad_norm,
        **{f"accuracy/{split}": _accuracy(split) for split in ("val", "test", "train")},
        EPOCH: _epoch,
    }.items()
}
"""What each of our names is looked for by; earlier ones choose first."""

LOSSES = frozenset(map(loss_tag, SPLITS))
EVALUATED = LOSSES - {TRAIN_LOSS}
