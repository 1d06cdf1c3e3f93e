"""Why this cause and not another: for each root, the causes that could look like it, and what became of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from tb_lossdiag.ranking import Ranked, Rival
from tb_lossdiag.rule import Rule

__all__ = ["with_rivals"]

MOST = 6  # of a list that a person reads
ORDER = ("found", "unchecked", "weak", "clear")  # what is open before what is settled


def with_rivals(
    ranked: Sequence[Ranked], rules: Mapping[str, Rule], *, weak: AbstractSet[str], lacking: Mapping[str, Sequence[str]]
) -> tuple[Ranked, ...]:
    """The findings, each root with its rivals. `weak` causes were found too faintly to report, `lacking` ones lack signals."""
    found = {each.cause: each for each in ranked}
    return tuple(
        each
        if each.role == "consequence"
        else dataclasses.replace(each, rivals=_rivals(_symptoms(each, found), rules, found, weak, lacking))
        for each in ranked
    )


def _symptoms(root: Ranked, found: Mapping[str, Ranked]) -> set[str]:
    """The root and all that follows from it: another cause of any of them is a rival."""
    seen: set[str] = set()
    open_ = [root.cause]
    while open_:
        cause = open_.pop()
        if cause not in seen:
            seen.add(cause)
            open_ += found[cause].explains if cause in found else ()
    return seen


def _rivals(
    symptoms: AbstractSet[str],
    rules: Mapping[str, Rule],
    found: Mapping[str, Ranked],
    weak: AbstractSet[str],
    lacking: Mapping[str, Sequence[str]],
) -> tuple[Rival, ...]:
    others = [rule for rule in rules.values() if rule.id not in symptoms and symptoms & set(rule.explains)]
    others.sort(key=lambda rule: -len(symptoms & set(rule.explains)))  # those that would explain the most come first
    return tuple(sorted(_judged(others, found, weak, lacking), key=lambda each: ORDER.index(each.state))[:MOST])


def _judged(
    rules: Iterable[Rule],
    found: Mapping[str, Ranked],
    weak: AbstractSet[str],
    lacking: Mapping[str, Sequence[str]],
) -> Iterable[Rival]:
    for rule in rules:
        if rule.id in found:
            yield Rival(rule.id, rule.title, "found", found[rule.id].confidence)
        elif rule.id in lacking:
            yield Rival(rule.id, rule.title, "unchecked", needs=tuple(lacking[rule.id]))
        else:
            yield Rival(rule.id, rule.title, "weak" if rule.id in weak else "clear")
