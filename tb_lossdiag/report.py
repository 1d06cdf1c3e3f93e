"""diagnose(run) -> Report: the whole pipeline in one function, and what a report holds."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tb_lossdiag.evidence import Curve, Heatmap
from tb_lossdiag.finding import Finding
from tb_lossdiag.overview import Clock, clock, figures, layers, losses, schedule
from tb_lossdiag.ranking import STAGES, Found, Ranked, Undecided, log_lines, rank, undecided
from tb_lossdiag.rivals import with_rivals
from tb_lossdiag.rule import Lacking, Rule
from tb_lossdiag.rules import catalogue
from tb_lossdiag.series import Run
from tb_lossdiag.signals import Signals, known_signals
from tb_lossdiag.tags import PLUS
from tb_lossdiag.verdict import GOOD, Verdict, judge
from tb_lossdiag.wording import joined

__all__ = ["NotChecked", "Reference", "Report", "Resolution", "diagnose"]

NAMED = 6  # metrics in one line
CHOOSABLE = 500  # tags that a report lists: more are no choice for a person

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class NotChecked:
    """A cause that could not be looked for: the signals it needs, and the line of code that logs them."""

    cause: str
    needs: Sequence[str]
    log: str


@dataclass(frozen=True, slots=True)
class Resolution:
    """How much of the log was seen: points of the longest loss curve, and whether TensorBoard had sampled them."""

    points: int
    sampled: bool


@dataclass(frozen=True, slots=True)
class Reference:
    """A run of the same experiment that does clearly better: what is possible, and what may make the difference.

    `differs` gives for each setting its value in this run and in that one, None where a run does not tell.
    """

    run: str
    summary: str
    differs: Mapping[str, tuple[str | float | None, str | float | None]]


@dataclass(frozen=True, slots=True)
class Report:
    """The diagnosis of one run.

    `findings` come most important first. `losses` draws the loss curves with the verdict's stretch marked; `layers` are heat maps of
    the figures by layer and step; `schedule` draws the learning rate where it changed; `clock` says when the steps were; `figures` are
    numbers about the run (`train loss`, `best val loss`, ...); `settings` are what the user chose (`lr`, `batch size`, `optimizer`, ...)
    and what comparisons compare; `sources` says which tag was taken for which quantity, `tags` which scalars could have been.
    `updated` is seconds since the epoch of the last event, `closed` whether the writer was closed after it (None where the writer was not
    ours). `reference` is known where the run was diagnosed together with others (`comparison.with_references`).
    """

    run: str
    verdict: Verdict
    headline: str
    findings: Sequence[Ranked]
    undecided: Sequence[Undecided]
    checked: Sequence[str]
    not_checked: Sequence[NotChecked]
    resolution: Resolution
    warnings: Sequence[str]
    losses: Curve | None = None
    layers: Sequence[Heatmap] = ()
    schedule: Curve | None = None
    clock: Clock | None = None
    figures: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, str | float] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    tags: Sequence[str] = ()
    updated: float | None = None
    closed: bool | None = None
    reference: Reference | None = None


@dataclass(slots=True)
class _Answers:
    """What the rules answered: findings, silence, and why some could not be asked."""

    found: list[Found] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    lacking: dict[str, tuple[str, ...]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)


def diagnose(run: Run) -> Report:
    """The diagnosis of a run: its verdict, the causes found, and what could not be told. Same run, same report.

    Figures that overflow become infinite or NaN, which is no evidence; numpy need not warn of each.
    """
    with np.errstate(all="ignore"):
        return _diagnose(run)


def _diagnose(run: Run) -> Report:
    signals = Signals(run)
    verdict = judge(
        signals.get("train_loss"),
        signals.get("eval_loss"),
        signals.get("prior_loss"),
        train_shape=signals.get("train_shape"),
        eval_shape=signals.get("eval_shape"),
        several=(signals.get("model_count") or 1) > 1,
    )
    answers = _ask(signals)
    ranked = rank(answers.found, verdict, signals.get("loss_left"), several=(signals.get("model_count") or 1) > 1)
    log = {name: each.log for name, each in known_signals().items()}
    reported = {each.cause for each in ranked}
    weak = [rule.id for rule, _ in answers.found if rule.id not in reported]
    ranked = with_rivals(ranked, catalogue(), weak=set(weak), lacking=answers.lacking)
    stages = STAGES.get(verdict.id, ())
    open_questions = {cause: needs for cause, needs in answers.lacking.items() if catalogue()[cause].stage in stages}
    left = undecided(ranked, verdict, open_questions, log)
    warnings = [
        *run.warnings,
        *(f"The rule {each} failed on this run; the others are not affected." for each in answers.failed),
    ]
    lengths = [len(curve) for name in ("train_loss", "eval_loss") if (curve := signals.get(name)) is not None]
    return Report(
        run=run.name,
        verdict=verdict,
        headline=_headline(verdict, ranked, answers, left),
        findings=ranked,
        undecided=left,
        checked=sorted([*answers.silent, *weak]),
        not_checked=[NotChecked(cause, needs, log_lines(needs, log)) for cause, needs in answers.lacking.items()],
        resolution=Resolution(max(lengths, default=0), run.sampled),
        warnings=warnings,
        losses=losses(signals, verdict),
        layers=layers(signals),
        schedule=schedule(signals),
        clock=clock(signals),
        figures=figures(signals),
        settings=signals.get("settings") or {},
        sources={**run.sources, **_metrics(run), **_places(run)},
        tags=sorted(tag for name in run.series if PLUS not in (tag := run.sources.get(name, name)))[:CHOOSABLE],
        updated=run.updated,
        closed=run.facts["closed"] is True if "closed" in run.facts else None,
    )


def _metrics(run: Run) -> dict[str, str]:
    """What else tells how good the model is, in one line for each direction."""
    found = {}
    for better in ("higher", "lower"):
        tags = [tag for tag, direction in run.metrics.items() if direction == better]
        if tags:
            found[f"metrics, {better} is better"] = joined(tags, most=NAMED)
    return found


def _places(run: Run) -> dict[str, str]:
    """Where in the user's code the losses come from that were taken for those of a split, though nobody said so."""
    data = run.facts.get("data")
    taken = data.get("taken_for") if isinstance(data, dict) else None
    return {f"evaluated at, {split}": str(place) for split, place in taken.items()} if isinstance(taken, dict) else {}


def _ask(signals: Signals) -> _Answers:
    """Put the question to every rule whose signals this run holds; a rule that fails loses only its own answer."""
    answers = _Answers()
    for rule in catalogue().values():
        try:
            needed = {name: signals.get(name) for name in rule.needs}
            lacking = tuple(name for name in needed if signals.missing(name))
            if lacking:
                answers.lacking[rule.id] = lacking
                continue
            known = all(value is not None for value in needed.values())
            finding = _check(rule, signals, needed) if known else None
        except Lacking as missing:
            answers.lacking[rule.id] = missing.signals
            continue
        except Exception:
            logger.exception("the rule %s failed", rule.id)
            answers.failed.append(rule.id)
            continue
        if finding is None:
            answers.silent.append(rule.id)
        else:
            answers.found.append((rule, finding))
    return answers


def _check(rule: Rule, signals: Signals, needed: Mapping[str, object]) -> Finding | None:
    welcome = {name: value for name in rule.welcome if (value := signals.get(name)) is not None}
    return rule.check(**needed, **welcome)


def _headline(verdict: Verdict, ranked: Sequence[Ranked], answers: _Answers, left: Sequence[Undecided]) -> str:
    """One sentence for a person: the root cause if there is one, else what the curves do."""
    loud = [each for each in ranked if each.severity != "info"]
    if loud:
        return loud[0].summary
    if verdict.id in GOOD:
        notes = f"Nothing is surely wrong, but see the notes. {verdict.summary}"
        return notes if ranked else f"Nothing is wrong. {verdict.summary}"
    if verdict.id == "too-short":
        return verdict.summary
    if left:
        return f"{verdict.summary} {len(left[0].causes)} possible causes could not be checked: see what to log."
    suspect = f"{verdict.summary} No cause is sure: the notes say what is suspect."
    return (
        suspect
        if ranked
        else f"{verdict.summary} None of the {len(answers.silent)} causes that were checked explains it."
    )
