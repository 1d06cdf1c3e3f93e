"""Root causes before their consequences: the only place where rules are weighed against each other.

Three questions, in this order. *Does it count?* A run that learns must give very strong evidence before any cause is
reported. *Whose fault is it?* A symptom that another finding explains, and that did not begin long before it, is its
consequence; a choice of the user's or a property of the data is nobody's consequence, and is not claimed then, unless what explains it
is but a remark. *Which root comes first?* The surest; among equals the one seen first, in the order setup, train, val, test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Literal

from tb_lossdiag.calibration import calibrated
from tb_lossdiag.evidence import Evidence
from tb_lossdiag.finding import Finding, Remedy, Severity, Stage
from tb_lossdiag.rule import Rule
from tb_lossdiag.verdict import GOOD, Verdict

__all__ = ["STAGES", "Found", "Ranked", "Rival", "Role", "Undecided", "log_lines", "rank", "undecided"]

Role = Literal["root", "consequence", "contributing"]

ENOUGH = 0.6  # confidence that a cause needs in a run that goes wrong: of the fault benchmark's findings below it few came first
NOTED = 0.5  # ... and what a rule itself calls a remark
STRONG = 0.75  # in a run that learns: a healthy run that draws an alarm costs more trust than a missed cause
SLOW = 0.6  # in a run that learns, or has settled, with much of its loss left: it may be too slow, or held up
MOST_LEFT = 0.3  # share of the loss that is left
WELL = 0.12  # the same: of the planned faults that hurt, 3 of 100 were causes of the setup or the training, told aloud, that left less; two sound programs were alarmed there
CERTAIN = 0.9  # a root beside which a mere suspicion is not worth a word
DOUBT = 0.25  # by how much less sure a cause may be than what it explains: a guess does not explain a certainty
TEST = 0.7  # for a fault of the test data, of which the verdict on training and validation says nothing
ELSEWHERE = 0.75  # in a run that goes wrong at another stage, or is too short to tell
BREAK = "non-finite-values"
CLOSE = 0.15  # roots whose confidence differs by less are not told apart
STAGES: Mapping[str, tuple[Stage, ...]] = {
    "overfitting": ("val", "test"),
    "suspect-data": ("setup", "train", "val"),
    "stuck": ("setup", "train"),
    "diverging": ("setup", "train"),
    "unstable": ("setup", "train"),
    "non-finite": ("setup", "train"),
}
"""The stages at which a bad verdict looks for its cause."""


@dataclass(frozen=True, slots=True)
class Rival:
    """Another cause of the same symptoms, and what became of it.

    `found`: in this run too, with this confidence. `weak`: a trace of it, too faint to report. `clear`: looked for, nothing of
    it. `unchecked`: what was logged does not hold what it needs.
    """

    cause: str
    title: str
    state: Literal["found", "weak", "clear", "unchecked"]
    confidence: float | None = None
    needs: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Ranked:
    """A finding in its place: its role among the others, and which of them it explains.

    `confidence` is calibrated: the share of such findings that were right on faults of known cause. `wrong_when` says what would
    speak against it; `rivals` are the causes that could look like it.
    """

    cause: str
    title: str
    stage: Stage
    role: Role
    confidence: float
    severity: Severity
    since: int | None
    where: Sequence[str]
    summary: str
    explains: Sequence[str]
    evidence: Sequence[Evidence]
    remedies: Sequence[Remedy]
    factor: float | None = None
    wrong_when: str = ""
    rivals: Sequence[Rival] = ()


@dataclass(frozen=True, slots=True)
class Undecided:
    """Causes that what was logged cannot tell apart, the signals that would, and the line of code that logs them."""

    causes: Sequence[str]
    missing: Sequence[str]
    log: str


Found = tuple[Rule, Finding]


def rank(
    found: Iterable[Found], verdict: Verdict, left: float | None = None, *, several: bool = False
) -> tuple[Ranked, ...]:
    """The findings that count for this verdict, most important first: each root followed by its chain.

    `left` is the share of the training loss that is left, where it is known. With `several` models trained against or
    beside each other a loss that rises or stays need not be a fault: then everything needs strong evidence.
    """
    found = [(rule, _harmless(rule, each, verdict, left)) for rule, each in found]
    needed = {rule.id: max(_needed(rule, each, verdict, left), STRONG if several else 0.0) for rule, each in found}
    kept = {rule.id: (rule, each) for rule, each in found if each.confidence >= needed[rule.id]}
    if not several and not any(_severity(*each) != "info" for each in kept.values()):
        kept |= {
            rule.id: (rule, replace(each, severity="info"))
            for rule, each in found
            if ENOUGH <= each.confidence < needed[rule.id]
        }
    kept, parent = _explained_away(kept, _parents(kept))
    # what made the loss NaN comes before what held it up till then
    broke = _root(parent, BREAK) if BREAK in parent else ""

    def first(name: str) -> tuple[object, ...]:
        info, *rest = _order(*kept[name])
        return (info, name != broke, *rest)

    roots = _worth_naming(sorted((each for each in kept if each not in parent), key=first), kept, parent)
    ordered: list[Ranked] = []
    for root in roots:
        ordered.append(_ranked(kept, parent, root, "contributing" if ordered else "root"))
        chain = sorted(
            (each for each in kept if _root(parent, each) == root and each != root), key=_depth_first(kept, parent)
        )
        ordered += [
            _ranked(kept, parent, each, "consequence" if _is_symptom(kept, each) else "contributing") for each in chain
        ]
    return tuple(ordered)


def undecided(
    ranked: Sequence[Ranked], verdict: Verdict, missing: Mapping[str, Sequence[str]], log: Mapping[str, str]
) -> tuple[Undecided, ...]:
    """What cannot be told, from the signals each cause lacks (`missing`) and the line that logs each signal (`log`).

    With no finding in a run that goes wrong: every cause that could not be checked; `missing` holds those of the
    verdict's stages. With several roots of about the same confidence: those, if one of them lacks a signal that would help.
    """
    roots = [each for each in ranked if each.role != "consequence" and each.severity != "info"]
    if len(roots) > 1 and roots[0].confidence - roots[1].confidence < CLOSE and roots[0].stage == roots[1].stage:
        causes = [each.cause for each in roots if roots[0].confidence - each.confidence < CLOSE]
    elif roots or verdict.id not in STAGES:
        return ()
    else:
        causes = list(missing)
    lacking = list(dict.fromkeys(name for cause in causes for name in missing.get(cause, ())))
    if not lacking:
        return ()
    return (Undecided(tuple(causes), tuple(lacking), log_lines(lacking, log)),)


def log_lines(names: Iterable[str], log: Mapping[str, str]) -> str:
    """The lines of code that log these signals, each once; one that only lacks a further argument of another is left out."""
    lines = dict.fromkeys(log[name] for name in names)
    return "\n".join(
        line for line in lines if not any(other != line and other.startswith(line[:-1]) for other in lines)
    )


def _harmless(rule: Rule, finding: Finding, verdict: Verdict, left: float | None) -> Finding:
    """The finding, as a remark where a low training loss speaks against it: a run that learns, and has little left, was hardly held up."""
    well = verdict.id in GOOD and left is not None and 0 <= left < WELL
    if not (well and rule.shows_in_loss and not finding.hidden and rule.stage in {"setup", "train"}):
        return finding
    return replace(finding, severity="info")


def _needed(rule: Rule, finding: Finding, verdict: Verdict, left: float | None) -> float:
    """The confidence below which a finding is not reported."""
    severity = finding.severity or rule.severity
    if severity == "info":
        return NOTED
    if rule.stage == "test" and verdict.id != "overfitting":
        return TEST
    if verdict.id in GOOD:
        far = left is not None and left > MOST_LEFT
        return SLOW if far and rule.stage in {"setup", "train"} else STRONG
    return ENOUGH if rule.stage in STAGES.get(verdict.id, ()) else ELSEWHERE if verdict.id != "overfitting" else STRONG


def _parents(kept: Mapping[str, Found]) -> dict[str, str]:
    """For each explained finding the one that explains it: the surest of those that began no later."""
    parent: dict[str, str] = {}
    for each in sorted(kept, key=lambda name: _order(*kept[name]), reverse=True):
        candidates = [
            other
            for other in kept
            if other != each and each in kept[other][0].explains and _explains(kept[other], kept[each], kept)
        ]
        candidates = [other for other in candidates if _root(parent, other) != each]
        if candidates:
            parent[each] = min(candidates, key=lambda name: _order(*kept[name]))
    return parent


def _explained_away(kept: Mapping[str, Found], parent: Mapping[str, str]) -> tuple[dict[str, Found], dict[str, str]]:
    """Without the findings that are no symptoms and that another one explains; what they explained hangs on that one.

    A mere remark explains nothing away: what it might explain is listed beside it.
    """
    gone = {each for each in parent if not _is_symptom(kept, each) and _severity(*kept[_root(parent, each)]) != "info"}
    left = {each: found for each, found in kept.items() if each not in gone}
    return left, {each: _first_left(parent, each, gone) for each in parent if each not in gone}


def _is_symptom(kept: Mapping[str, Found], name: str) -> bool:
    return kept[name][0].symptom


def _first_left(parent: Mapping[str, str], name: str, gone: AbstractSet[str]) -> str:
    """The nearest of those that explain this finding which is still there."""
    name = parent[name]
    while name in gone:
        name = parent[name]
    return name


def _worth_naming(roots: Sequence[str], kept: Mapping[str, Found], parent: Mapping[str, str]) -> list[str]:
    """Without guesses beside a certainty: what is less than sure, explains nothing, and comes after a root that is sure."""
    if not roots or kept[roots[0]][1].confidence < CERTAIN:
        return list(roots)
    explaining = set(parent.values())
    return [
        each
        for each in roots
        if kept[each][1].confidence >= ELSEWHERE
        or each in explaining
        or _severity(*kept[each]) == "info"
        or each == roots[0]
    ]


def _severity(rule: Rule, finding: Finding) -> Severity:
    return finding.severity or rule.severity


def _explains(cause: Found, effect: Found, kept: Mapping[str, Found]) -> bool:
    """Whether `cause` is sure enough to explain the effect, and may have come first.

    Setup always comes first, and what was so before the first step is not the steps' doing; else a cause began no later than its effect, where both are known. Detection needs points, so
    a cause may be noticed a little after its effect: a tenth of the run's known span is allowed.
    """
    if cause[1].confidence < effect[1].confidence - DOUBT:
        return False
    if (_severity(*cause) == "info" and _severity(*effect) != "info") or (cause[0].by_steps and effect[1].at_first):
        return False
    if cause[0].stage == "setup" or cause[1].since is None or effect[1].since is None:
        return True
    last = max((finding.since or 0) for _, finding in kept.values())
    return cause[1].since <= effect[1].since + max(20, 0.1 * last)


def _root(parent: Mapping[str, str], name: str) -> str:
    while name in parent:
        name = parent[name]
    return name


def _depth_first(kept: Mapping[str, Found], parent: Mapping[str, str]) -> Callable[[str], tuple[object, ...]]:
    def key(name: str) -> tuple[object, ...]:
        path = [name]
        while path[-1] in parent:
            path.append(parent[path[-1]])
        return tuple(_order(*kept[each]) for each in reversed(path))

    return key


def _order(rule: Rule, finding: Finding) -> tuple[int, float, int, int, str]:
    """Sort key: what matters before what is only worth knowing, then the surest, the first, the earliest stage."""
    severity = finding.severity or rule.severity
    stage = ("setup", "train", "val", "test").index(rule.stage)
    since = finding.since if finding.since is not None else 0
    return (int(severity == "info"), -round(finding.confidence, 2), stage, since, rule.id)


def _ranked(kept: Mapping[str, Found], parent: Mapping[str, str], name: str, role: Role) -> Ranked:
    rule, finding = kept[name]
    return Ranked(
        cause=rule.id,
        title=rule.title,
        stage=rule.stage,
        role=role,
        confidence=calibrated(finding.confidence),
        severity=finding.severity or rule.severity,
        since=finding.since,
        where=tuple(finding.where),
        summary=finding.summary,
        explains=tuple(each for each in kept if parent.get(each) == name and _is_symptom(kept, each)),
        evidence=tuple(finding.evidence),
        remedies=tuple(finding.remedies) or tuple(rule.remedies),
        factor=finding.factor,
        wrong_when=rule.section("When this is wrong"),
    )
