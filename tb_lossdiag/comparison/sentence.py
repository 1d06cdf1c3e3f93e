"""The comparison in a sentence: what became of the causes, of the loss, and what is left to do."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tb_lossdiag.comparison.about import LOSS_NAMES, findings_of, is_healthy, losses_of, roots_of
from tb_lossdiag.report import Report
from tb_lossdiag.verdict import GOOD
from tb_lossdiag.wording import inline, joined, number, printable

__all__ = ["summary"]

NOTABLE = 0.02  # losses within 2 % are "about the same": repeating a training with another seed moves them as much
END = 0.05  # the share of the points that stands for how a run ended: a single last point is noise


def summary(reports: Sequence[Report]) -> str:
    """One sentence about these runs; the first is the baseline."""
    baseline, *others = reports
    parts = _pair(baseline, others[0]) if len(others) == 1 else _many(baseline, others)
    sentence = "; ".join(filter(None, parts)) + "."
    is_name = any(sentence.startswith(f"{printable(report.run)} ") for report in reports)
    return sentence if is_name else sentence[0].upper() + sentence[1:]


def _pair(baseline: Report, other: Report) -> list[str]:
    """What became of the causes, of the loss, and what is left to do, for a run and its baseline."""
    before, after = roots_of(baseline), findings_of(other)
    solved = [each.title for cause, each in before.items() if cause in other.checked]
    unknown = [each.title for cause, each in before.items() if cause not in after and cause not in other.checked]
    kept = [each.title for cause, each in before.items() if cause in after]
    new = [each.title for cause, each in roots_of(other).items() if cause not in findings_of(baseline)]
    gain, names = _gain(baseline, other), (printable(baseline.run), printable(other.run))
    better = ", but does better" if gain is not None and gain > NOTABLE else ""
    parts = [
        _solved(names[1], solved, gain) if solved else "",
        f"whether {_causes(unknown)} is gone cannot be told from what {names[1]} logged" if unknown else "",
        f"both runs have {_causes(kept)}" if kept and not solved else "",
        f"{names[1]} has {_causes(new)}, which {names[0]} has not{better}" if new and not solved else "",
        _both_fine(baseline, other) if not (before or new or solved) else "",
    ]
    parts = [each for each in parts if each]
    if parts:
        parts[0] += f": {_loss_words(baseline, other, gain)}"
    return [*parts, _remains(other) if solved else ""]


def _solved(name: str, titles: Sequence[str], gain: float | None) -> str:
    if gain is not None and gain < -NOTABLE:
        return f"{name} no longer has {_causes(titles)}, but does worse"
    return f"{name} fixed {_causes(titles)}"


def _causes(titles: Sequence[str]) -> str:
    return joined([f"“{inline(title)}”" for title in titles])


def _both_fine(baseline: Report, other: Report) -> str:
    if is_healthy(baseline) and is_healthy(other):
        return "both runs are healthy"
    verdicts = baseline.verdict.id, other.verdict.id
    if verdicts[0] == verdicts[1]:
        return f"no cause was found in either run, and both are judged “{verdicts[0]}”"
    names = printable(baseline.run), printable(other.run)
    return f"no cause was found in either run; {names[1]} is judged “{verdicts[1]}”, {names[0]} “{verdicts[0]}”"


def _remains(report: Report) -> str:
    """What the run still suffers from."""
    roots = list(roots_of(report).values())
    if not roots:
        if report.verdict.id in GOOD:
            return "nothing else is wrong"
        return f"no further cause was found, but the verdict is “{report.verdict.id}”"
    since = f" from step {roots[0].since:,}" if roots[0].since else ""
    more = f" and {_causes([each.title for each in roots[1:]])}" if roots[1:] else ""
    return f"what remains is {inline(roots[0].title)}{since}{more}"


def _judged_loss(reports: Sequence[Report]) -> str | None:
    """The split by which runs are compared: validation, else test, else training, where all have it in the same unit."""
    functions = {report.settings["loss"] for report in reports if "loss" in report.settings}
    if len(functions) > 1:
        return None
    losses = [losses_of(report) for report in reports]
    return next((split for split in ("val", "test", "train") if all(split in each for each in losses)), None)


def _ended_at(report: Report, split: str) -> float:
    """The loss at the end of a run: a median, or NaN or infinity where it ended so."""
    curve = losses_of(report)[split]
    return (
        float(np.quantile(curve.finite().tail(END), 0.5, method="nearest"))
        if math.isfinite(curve.values[-1])
        else float(curve.values[-1])
    )


def _gain(baseline: Report, other: Report) -> float | None:
    """By which share of the larger one the loss got smaller (negative: larger); None where losses cannot be compared."""
    split = _judged_loss([baseline, other])
    if split is None:
        return None
    before, after = _ended_at(baseline, split), _ended_at(other, split)
    if not (math.isfinite(before) and math.isfinite(after)):
        return float(math.isfinite(after)) - float(math.isfinite(before))
    largest = max(abs(before), abs(after))
    return before / largest - after / largest if largest else 0.0


def _loss_words(baseline: Report, other: Report, gain: float | None) -> str:
    split = _judged_loss([baseline, other])
    if split is None or gain is None:
        return _why_incomparable([baseline, other])
    before, after = _ended_at(baseline, split), _ended_at(other, split)
    if abs(gain) < NOTABLE:
        return f"about the same {LOSS_NAMES[split]}, {number(after)} and {number(before)}"
    return f"{LOSS_NAMES[split]} {number(after)} instead of {number(before)}"


def _why_incomparable(reports: Sequence[Report]) -> str:
    if len({report.settings.get("loss") for report in reports} - {None}) > 1:
        return "their losses cannot be compared, the loss functions differ"
    return "they logged no loss in common, so which does better cannot be told"


def _many(baseline: Report, others: Sequence[Report]) -> list[str]:
    """Which of several runs does best, which got rid of the baseline's causes, and which still fail."""
    reports = [baseline, *others]
    solved = [
        each for each in others if roots_of(baseline) and all(cause in each.checked for cause in roots_of(baseline))
    ]
    parts = [_best_words(reports)]
    if solved:
        causes = _causes([each.title for each in roots_of(baseline).values()])
        parts.append(f"{_names(solved)} fixed {causes} of {printable(baseline.run)}")
    failing = [each for each in others if roots_of(each)]
    if failing:
        causes = _causes(list(dict.fromkeys(next(iter(roots_of(each).values())).title for each in failing)))
        parts.append(f"what remains is {causes} in {_names(failing)}")
    elif all(is_healthy(each) for each in reports):
        parts.append("all runs are healthy")
    return parts


def _best_words(reports: Sequence[Report]) -> str:
    split = _judged_loss(reports)
    if split is None:
        return _why_incomparable(reports)
    ends = [(end if math.isfinite(end := _ended_at(report, split)) else math.inf) for report in reports]
    best = int(np.argmin(ends))
    if not math.isfinite(ends[best]):
        return f"in none of the {len(reports)} runs does the {LOSS_NAMES[split]} stay finite"
    close = [end for end in ends if end - ends[best] <= NOTABLE * abs(ends[best])]
    if len(close) == len(ends):
        return f"all {len(reports)} runs end at about the same {LOSS_NAMES[split]}, {number(ends[best])}"
    instead = "" if best == 0 else f" instead of {number(_ended_at(reports[0], split))} in {printable(reports[0].run)}"
    return (
        f"{printable(reports[best].run)} does best of {len(reports)}: {LOSS_NAMES[split]} {number(ends[best])}{instead}"
    )


def _names(reports: Sequence[Report]) -> str:
    return joined([printable(report.run) for report in reports])
