"""Reports below each other: what the losses do, the findings in order, what cannot be told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from tb_lossdiag import evidence as shapes
from tb_lossdiag.finding import Remedy
from tb_lossdiag.ranking import Ranked
from tb_lossdiag.report import Report
from tb_lossdiag.series import Series
from tb_lossdiag.terminal.pictures import INDENT, QUIET, picture, spark
from tb_lossdiag.translation import say
from tb_lossdiag.verdict import GOOD
from tb_lossdiag.wording import counted, joined, likely, number, printable

__all__ = ["SEVERITY", "view"]


COMPACT_FROM = 4  # with so many runs, a healthy one gets a line of its own and no more
WORDS = ("with errors", "with warnings", "unexplained", "too short", "healthy")
SEVERITY = {"error": "bold red", "warning": "bold yellow", "info": "bold blue"}
SIGN = {"error": "✖", "warning": "▲", "info": "●"}
BAD_VERDICT = "red"
GOOD_VERDICT = "green"


def view(reports: Sequence[Report], width: int) -> RenderableType:
    """Every run with its findings, healthy ones in a line where there are many, and a count at the end."""
    compact = len(reports) >= COMPACT_FROM
    parts: list[RenderableType] = []
    for report in reports:
        short = compact and _severity(report) is None and report.verdict.id in GOOD
        parts.append(_compact(report, width) if short else Group(*_report(report, width), Text()))
    if len(reports) > 1:
        parts.append(_count(reports))
    return Group(*parts)


def _severity(report: Report) -> str | None:
    """The worst severity that counts, None for a run that nothing is wrong with."""
    found = {finding.severity for finding in report.findings}
    return "error" if "error" in found else "warning" if "warning" in found else None


def _count(reports: Sequence[Report]) -> Text:
    words = [_word(report) for report in reports]
    told = [f"{words.count(word)} {say(word)}" for word in WORDS if word in words]
    return Text(say(f"{counted(len(reports), 'run')}: {', '.join(told)}"))


def _word(report: Report) -> str:
    """What the count at the end calls the run; one of WORDS."""
    severity = _severity(report)
    if severity is not None:
        return f"with {severity}s"
    return (
        "healthy" if report.verdict.id in GOOD else "too short" if report.verdict.id == "too-short" else "unexplained"
    )


def _verdict_style(report: Report) -> str:
    return GOOD_VERDICT if report.verdict.id in GOOD else QUIET if report.verdict.id == "too-short" else BAD_VERDICT


def _compact(report: Report, width: int) -> RenderableType:
    """One run on one line."""
    curve = next((spark(series, 12) for _, series in _losses(report)), "")
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append("✔ ", GOOD_VERDICT).append(printable(report.run), "bold")
    line.append(f"  {say(report.verdict.id)}  ", _verdict_style(report)).append(f"{curve}  ")
    line.append(printable(report.headline), QUIET)
    line.truncate(width, overflow="ellipsis")
    return line


def _report(report: Report, width: int) -> Iterator[RenderableType]:
    yield _title(report, width)
    yield Text(printable(report.headline), "bold" if _severity(report) else "")
    yield from _loss_lines(report, width)
    if report.reference is not None:
        yield Text.assemble((say("beside  "), QUIET), printable(report.reference.summary))
    for finding, depth in _in_order(report.findings):
        yield Text()
        for part in _finding(report, finding, depth, width):
            yield Padding(part, (0, 0, 0, INDENT * (depth + 1)))
    yield from _open_questions(report)
    for warning in report.warnings:
        yield Text.assemble((say("note  "), "yellow"), printable(warning))


def _title(report: Report, width: int) -> RenderableType:
    verdict = f"{say(report.verdict.id)}, {say(likely(report.verdict.confidence))}"
    name = Text(printable(report.run), "bold underline")
    if name.cell_len + len(verdict) + INDENT > width:
        return Group(name, Text(verdict, _verdict_style(report)))
    return name.append(" " * INDENT, "not underline").append(
        verdict, f"not bold not underline {_verdict_style(report)}"
    )


def _losses(report: Report) -> Iterator[tuple[str, Series]]:
    for line in report.losses.lines if report.losses is not None else ():
        if line.role == "observed" and len(line.series):
            yield say(line.name), line.series


def _loss_lines(report: Report, width: int) -> Iterator[Text]:
    """Each loss in a line: where it began, its shape, where it ended."""
    rows = [(name, number(each.values[0]), each, number(each.values[-1])) for name, each in _losses(report)]
    if not rows:
        return
    names, firsts, lasts = (max(len(row[i]) for row in rows) for i in (0, 1, 3))
    for name, first, series, last in rows:
        room = min(60, max(8, width - names - firsts - lasts - 8))
        yield Text.assemble(
            (f"  {name:<{names}}  {first:>{firsts}} ", QUIET), (spark(series, room), "cyan"), (f" {last}", "")
        )


def _in_order(findings: Sequence[Ranked]) -> Iterator[tuple[Ranked, int]]:
    """Findings with their depth: each root, below it what it explains; a consequence that no root explains stands alone."""
    left = {finding.cause: finding for finding in findings}
    for finding in findings:
        if finding.role != "consequence" and finding.cause in left:
            del left[finding.cause]
            yield finding, 0
            yield from _consequences(finding, left, 1)
    yield from ((finding, 0) for finding in left.values())


def _consequences(finding: Ranked, left: dict[str, Ranked], depth: int) -> Iterator[tuple[Ranked, int]]:
    for cause in finding.explains:
        if cause in left and left[cause].role == "consequence":
            consequence = left.pop(cause)
            yield consequence, depth
            yield from _consequences(consequence, left, depth + 1)


def _finding(report: Report, finding: Ranked, depth: int, width: int) -> Iterator[RenderableType]:
    """A finding below its run's headline and losses, which are not shown a second time."""
    style = SEVERITY[finding.severity]
    head = Text.assemble(
        (f"{SIGN[finding.severity]} " if depth == 0 else say("└ leads to: "), style), (finding.title, style)
    )
    yield head.append(f"  {say(likely(finding.confidence))}{_since(finding)}", QUIET)
    if finding.summary != report.headline:
        yield Text(printable(finding.summary))
    room = max(20, width - INDENT * (depth + 1))
    fresh = [each for each in finding.evidence if not _is_drawn(each, report)]
    for evidence in fresh[: 2 if depth == 0 else 1]:
        yield from picture(evidence, room)
    if depth == 0:
        for remedy in finding.remedies:
            yield from _remedy(remedy)


def _is_drawn(evidence: shapes.Evidence, report: Report) -> bool:
    """Whether it shows nothing but the run's losses."""
    drawn = [series for _, series in _losses(report)]
    return isinstance(evidence, shapes.Curve) and all(
        any(line.series is series for series in drawn) for line in evidence.lines
    )


def _since(finding: Ranked) -> str:
    since = say(f", since step {finding.since:,}") if finding.since is not None else ""
    where = say(f", in {joined([printable(each) for each in finding.where], most=3)}") if finding.where else ""
    return since + where


def _remedy(remedy: Remedy) -> Iterator[RenderableType]:
    yield Text.assemble(("→ ", "green"), printable(remedy.action))
    if remedy.code:
        yield Padding(_code(remedy.code), (0, 0, 0, 4))
    if remedy.expect:
        yield Padding(Text(say(f"If this is right: {printable(remedy.expect)}"), QUIET), (0, 0, 0, 2))


def _code(code: str) -> Text:
    return Text("\n".join(printable(line) for line in code.splitlines()), "cyan")


def _open_questions(report: Report) -> Iterator[RenderableType]:
    """What could not be told apart, or not be looked for, and what to log so that it can."""
    for undecided in report.undecided:
        yield Text()
        yield Text.assemble(("? ", "bold magenta"), say(f"Cannot tell apart {joined(undecided.causes)}. To tell, log:"))
        yield Padding(_code(undecided.log), (0, 0, 0, 4))
    by_log: dict[str, list[str]] = {}
    told = {cause for undecided in report.undecided for cause in undecided.causes}
    for each in [each for each in report.not_checked if each.cause not in told]:
        by_log.setdefault(each.log, []).append(each.cause)
    if by_log:
        yield Text()
    for log, causes in by_log.items():
        listed = say(f"{counted(len(causes), 'cause')} not checked ({joined(causes, most=3)}). To check, log:")
        yield Text(listed, QUIET)
        yield Padding(_code(log), (0, 0, 0, 4))
