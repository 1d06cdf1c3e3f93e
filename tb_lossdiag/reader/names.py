"""Which tag is what: the names that other frameworks give to losses, learning rates and metrics, as data.

Each role has patterns in order of preference, matched against the whole tag in lower case with backslashes
read as `/` and dots, hyphens and spaces as `_`. The first pattern that some tag matches decides; among its matches the tag with the most points wins.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["roles"]

PATTERNS: Mapping[str, tuple[str, ...]] = {
    "loss/train": (
        r"loss/train(ing)?",
        r"train(ing)?/loss",
        r"train(ing)?/(loss_step|step_loss|total_loss|loss_total|batch_loss)",
        r"train(ing)?_loss(_step)?",
        r"loss_train(ing)?",
        r"train(ing)?/(loss_epoch|epoch_loss)",
        r"train(ing)?_loss_epoch",
        r"total_loss",
        r"loss",
        r"epoch_loss",
        r"(losses?|train|training)/(total_?)?loss",
        r"(.*/)?train(ing)?[/_](total_|nll_|ce_|mse_)?loss",
        r"(.*/)?loss(es)?[/_]train(ing)?",
        r"train(ing)?/.*_loss",
        r"batch_loss|cost|objective",
        r"(?!(.*[/_])?(val|valid|validation|eval|evaluation|test|dev)[/_]).*loss.*",
    ),
    "loss/val": (
        r"loss/val(id|idation)?",
        r"val(id|idation)?/loss",
        r"val(id|idation)?_loss(_epoch)?",
        r"loss_val(id|idation)?",
        r"eval/loss|eval_loss|loss/eval|loss_eval|evaluation/loss|dev/loss|dev_loss|loss/dev",
        r"val(id|idation)?/(loss_epoch|epoch_loss|total_loss)",
        r"(.*/)?(val|valid|validation|eval|dev)[/_](total_|nll_|ce_|mse_)?loss",
        r"(.*/)?loss(es)?[/_](val|valid|validation|eval|dev)",
        r"(val|valid|validation|eval)/.*_loss",
    ),
    "loss/test": (r"loss/test", r"test/loss", r"test_loss(_epoch)?", r"loss_test", r"(.*/)?test[/_]loss", r"(.*/)?loss(es)?[/_]test"),
    "lr": (
        r"lr",
        r"learning_rate",
        r"train(ing)?/(learning_rate|lr)",
        r"lr_[a-z0-9_]+(/pg1)?",
        r"(.*/)?(lr|learning_rate)(/?(pg)?_?0)?",
        r"epoch_learning_rate|optimizer/lr|x/lr0",
    ),
    "grad_norm": (r"diag/grad_norm", r"grad_norm|gradient_norm", r"(.*/)?(global_)?grad(ient)?_norm(_total)?|.*grad_2\\.0_norm_total"),
    "accuracy/val": (r"accuracy/val", r"(.*/)?(val|valid|validation|eval)[/_](acc|accuracy)(_?top_?1)?", r"metrics/accuracy_top1"),
    "accuracy/test": (r"accuracy/test", r"(.*/)?test[/_](acc|accuracy)"),
    "accuracy/train": (r"accuracy/train", r"(.*/)?train(ing)?[/_](acc|accuracy)", r"epoch_accuracy|accuracy|acc"),
}  # fmt: skip


def roles(points: Mapping[str, int]) -> dict[str, str]:
    """Role -> tag, for the scalar tags of a run and how many points each has. A tag takes one role at most."""
    taken: set[str] = set()
    found: dict[str, str] = {}
    for role, patterns in PATTERNS.items():
        for pattern in patterns:
            matches = [tag for tag in points if tag not in taken and re.fullmatch(pattern, plain(tag))]
            if matches:
                found[role] = max(matches, key=lambda tag: (points[tag], -len(tag)))
                taken.add(found[role])
                break
    return found


def plain(tag: str) -> str:
    """A tag in lower case, with one separator for levels and one for words."""
    return re.sub(r"[.\s-]+", "_", tag.strip().lower().replace("\\", "/")).strip("/_")
