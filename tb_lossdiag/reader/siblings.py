"""Runs that belong together: Keras writes `x/train` and `x/validation`, an estimator `x` and `x/eval`, fairseq also
`x/train_inner`, which is `x/train` in more detail, `add_hparams` one below `x` that is named by the time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from tb_lossdiag.reader.names import SPLIT_WORDS, split_of, words
from tb_lossdiag.series import Run, Series
from tb_lossdiag.tags import GRAD_NORM, LR, SPLITS, TRAIN_LOSS, loss_tag

__all__ = ["INNER", "join", "partners"]

HPARAMS = "hparams "  # and a number: not a split, but what `add_hparams` wrote for the run above
MOMENT = re.compile(r"\d{9,}(\.\d+)?")
INNER = "train_inner"
EVALUATION = re.compile(r"eval(uation)?(_.*)?|validation|val|valid")


def partners(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """For each training run the runs whose names say that they are its other splits: run -> {"val": other run}.

    Names alone decide, so that runs that belong together can be read together; whether they do is `join`'s to say.
    """
    by_key: dict[tuple[str, str], dict[str, str]] = {}
    known = sorted(names)
    for name in known:
        split = split_of(_last(name))
        if split is not None:
            by_key.setdefault(_without_split(name), {}).setdefault(split, name)
    found = {
        each["train"]: {split: other for split, other in each.items() if split != "train"}
        for each in by_key.values()
        if "train" in each and len(each) > 1
    }
    taken = {other for each in found.values() for other in each.values()}
    for name in known:
        parent = name.rpartition("/")[0] or "."
        free = name != "." and name not in taken and parent in known and parent not in taken
        if free and EVALUATION.fullmatch(_last(name).lower()) and "val" not in found.get(parent, {}):
            found.setdefault(parent, {})["val"] = name
            taken.add(name)
        elif free and MOMENT.fullmatch(_last(name)):
            others = found.setdefault(parent, {})
            others[f"{HPARAMS}{len(others)}"] = name
            taken.add(name)
    for name in known:
        train = name.removesuffix(INNER) + "train"
        if _last(name) == INNER and train in known and name not in found and train not in taken:
            found.setdefault(train, {})[INNER] = name
    return found


def join(run: Run, others: Mapping[str, Run]) -> tuple[Run, set[str]]:
    """`run` with the losses and accuracies of its other splits (split -> run), and the splits that were indeed taken over.

    A run is taken over where it has the curve that `run` calls its training loss and no validation loss of its own, and
    `run` has no loss of that split.
    """
    series, sources, warnings, taken = dict(run.series), dict(run.sources), list(run.warnings), set()
    updated = run.updated
    facts = dict(run.facts)
    for split, other in others.items():
        if split.startswith(HPARAMS):
            if _only_settings(other):
                taken.add(split)
                facts["settings"] = {**facts.get("settings", {}), **other.facts["settings"]}
            continue
        tag = run.sources.get(TRAIN_LOSS)
        loss = _under(other, tag)
        complete = any(loss_tag(each) in other.series for each in ("val", "test"))  # then it is a training of its own
        if tag is None or loss is None or complete or (split != INNER and loss_tag(split) in series):
            continue
        taken.add(split)
        if split == INNER:
            for role in (TRAIN_LOSS, LR, GRAD_NORM):
                if len(other.series.get(role, ())) > len(series.get(role, ())):
                    series[role], sources[role] = other.series[role], f"{other.sources[role]} of the run {other.name}"
            continue
        series[loss_tag(split)], sources[loss_tag(split)] = loss, f"{tag} of the run {other.name}"
        for role in ("accuracy/train", f"accuracy/{split}"):
            if role in other.series and f"accuracy/{split}" not in series:
                series[f"accuracy/{split}"] = other.series[role]
                sources[f"accuracy/{split}"] = f"{other.sources[role]} of the run {other.name}"
        warnings += [each for each in other.warnings if each not in warnings]
        updated = max(filter(None, (updated, other.updated)), default=None)
    return replace(run, series=series, facts=facts, sources=sources, warnings=warnings, updated=updated), taken


def _only_settings(run: Run) -> bool:
    """Whether a run is what `add_hparams` writes: hyperparameters, and single numbers."""
    return bool(run.facts.get("settings")) and not run.packed and all(len(each) == 1 for each in run.series.values())


def _under(run: Run, tag: str | None) -> Series | None:
    """The series that came from `tag`, whatever it is called by now."""
    role = next((role for role, source in run.sources.items() if source == tag), tag)
    return run.series.get(role) if role is not None else None


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _without_split(name: str) -> tuple[str, str]:
    """What runs of different splits have in common: where they are, and the other words of their name."""
    parent, _, last = name.rpartition("/")
    everything = set().union(*(SPLIT_WORDS[split] for split in SPLITS))
    return parent, " ".join("*" if word in everything else word for word in words(last))
