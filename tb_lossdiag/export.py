"""Reports, comparisons and pages of causes as texts to keep or to send: JSON, Markdown, and one HTML file.

Functions of values that return text. The HTML file is the tab's own page with its data inside; it needs no server and no
network.
"""

from __future__ import annotations

import dataclasses
import html
import json
import re
from collections.abc import Sequence
from importlib import resources

from tb_lossdiag import wire
from tb_lossdiag.comparison import Comparison
from tb_lossdiag.evidence import Bars, Curve, Evidence, Fact, Heatmap, Histogram, Table
from tb_lossdiag.finding import Remedy
from tb_lossdiag.ranking import Ranked
from tb_lossdiag.report import Report
from tb_lossdiag.rule import Rule
from tb_lossdiag.rules import catalogue
from tb_lossdiag.tags import SPLITS
from tb_lossdiag.translation import Language, names, page, say, speaking, translated
from tb_lossdiag.wording import counted, joined, likely, number, printable, quantity, sparkline

__all__ = [
    "PageMissing", "cause_document", "cause_markdown", "causes_table", "to_html", "to_json", "to_markdown",
]  # fmt: skip

SPARK = 40  # characters of a curve in Markdown
BARS = 8  # bars that Markdown lists; the page shows them all
SPECIAL = re.compile(r"([\\`*_\[\]#|~])")
CLOSING_SCRIPT = re.compile(r"</(script)", re.IGNORECASE)
COMMENT_IN_SCRIPT = "<!--"
INDENT = "  "  # of what belongs to an item of a list


class PageMissing(Exception):  # noqa: N818  (it names the trouble)
    """The built page is not there, so no HTML can be made."""


# --- JSON ---------------------------------------------------------------------------------------------------------


def to_json(reports: Sequence[Report], comparison: Comparison | None = None, language: Language = "en") -> str:
    """The report document of DESIGN's contract, or the comparison document where there is a comparison."""
    document = wire.ReportDocument(reports) if comparison is None else wire.ComparisonDocument(comparison)
    return wire.dumps(translated(document, language), indent=2) + "\n"


# --- HTML ---------------------------------------------------------------------------------------------------------


def to_html(reports: Sequence[Report], comparison: Comparison | None = None, language: Language = "en") -> str:
    """One file that shows the tab's page for these reports, offline. Raises PageMissing where the page is not built."""
    script, style = _static("index.js"), _static("index.css")
    compared = None if comparison is None else wire.ComparisonDocument(_lean(comparison, reports))
    data = {
        "reports": [wire.plain(translated(wire.ReportDocument([report]), language)) for report in reports],
        "comparison": wire.plain(translated(compared, language)),
        "causes": {cause: wire.plain(cause_document(rule, language)) for cause, rule in _mentioned(reports).items()},
        "language": language,
        "names": names(language),
    }
    runs = joined([printable(report.run) for report in reports], most=4)
    return "\n".join(
        [
            "<!doctype html>",
            f'<html lang="{language}">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{html.escape(say(f'Diagnosis of {runs}', language))}</title>",
            '<link rel="icon" href="data:,">',
            f"<style>\n{style}\n</style>",
            "</head>",
            "<body>",
            f'<script type="application/json" id="lossdiag-data">{_json_in_html(data)}</script>',
            f'<script type="module">\n{_script_in_html(script)}\n</script>',
            "</body>",
            "</html>",
            "",
        ]
    )


def _static(name: str) -> str:
    try:
        return resources.files("tb_lossdiag").joinpath("static", name).read_text(encoding="utf-8")
    except OSError as error:
        message = f"The page's file static/{name} is missing: reinstall tb_lossdiag, or in a checkout run"
        raise PageMissing(f"{message} `npm ci && npm run build` in frontend/.") from error


def _json_in_html(data: object) -> str:
    """JSON that no name in it can close: `<` is written as an escape."""
    return json.dumps(data, allow_nan=False, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _script_in_html(script: str) -> str:
    """The module with what would end its element, or open a comment in it, written as an escape of its strings."""
    return CLOSING_SCRIPT.sub(r"<\\/\1", script).replace(COMMENT_IN_SCRIPT, "\\x3c!--")


def _mentioned(reports: Sequence[Report]) -> dict[str, Rule]:
    """The rules of all causes that the reports name anywhere: each can be opened on the page."""
    known = catalogue()
    named = [
        cause
        for report in reports
        for cause in (
            *(finding.cause for finding in report.findings),
            *(each for finding in report.findings for each in finding.explains),
            *(each for undecided in report.undecided for each in undecided.causes),
            *report.checked,
            *(each.cause for each in report.not_checked),
        )
    ]
    return {cause: known[cause] for cause in dict.fromkeys(named) if cause in known}


# --- pages of the catalogue ---------------------------------------------------------------------------------------


def cause_document(rule: Rule, language: Language = "en") -> wire.CauseDocument:
    """A rule's page for the wire, with its Markdown turned into HTML that TensorBoard has made safe."""
    from tensorboard.plugin_util import markdown_to_safe_html  # noqa: PLC0415  (slow, and only needed here)

    with speaking(language):  # what it needs and explains the wire says by itself
        prose = "\n".join(_prose(page(rule, language), translated(list(rule.remedies), language), indent=""))
    document = wire.CauseDocument(
        id=rule.id,
        title=rule.title,
        cause=rule.cause,
        stage=rule.stage,
        severity=rule.severity,
        needs=rule.needs,
        welcome=rule.welcome,
        explains=rule.explains,
        remedies=rule.remedies,
        markdown=cause_markdown(rule, language),
        html=str(markdown_to_safe_html(prose)),
    )
    return translated(document, language)


def cause_markdown(rule: Rule, language: Language = "en") -> str:
    """A rule's whole page: what its docstring says, then what its signature and decorator say."""
    with speaking(language):
        return _cause(rule, page(rule, language), translated(list(rule.remedies), language))


def _cause(rule: Rule, text: str, remedies: Sequence[Remedy]) -> str:
    parts = [*_prose(text, remedies), "", f"## {say('Needs')}", "", _names(rule.needs)]
    if rule.welcome:
        parts += ["", say(f"Sharper with {_names(rule.welcome)}.")]
    if rule.explains:
        parts += ["", f"## {say('Explains')}", "", _names(rule.explains)]
    return "\n".join(parts) + "\n"


def _prose(text: str, remedies: Sequence[Remedy], indent: str = INDENT) -> list[str]:
    """What the page says in sentences, and its remedies."""
    return [
        text.rstrip(),
        "",
        f"## {say('Remedies')}",
        "",
        *(line for each in remedies for line in _remedy(each, indent)),
    ]


def _names(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def causes_table() -> str:
    """The catalogue as a Markdown table: README's list of causes."""
    rows = [f"| `{each.id}` | {each.stage} | {each.severity} | {each.cause} |" for each in catalogue().values()]
    return "\n".join(["| cause | stage | severity | what is wrong |", "|---|---|---|---|", *rows]) + "\n"


# --- Markdown -----------------------------------------------------------------------------------------------------


def _lean(comparison: Comparison, reports: Sequence[Report]) -> Comparison:
    """The comparison without the heat maps that the reports beside it hold already: they are most of a page's bytes."""
    held = {heatmap.title for report in reports for heatmap in report.layers}
    rows = [
        row
        for row in comparison.evidence
        if row.title not in held or not all(isinstance(each, Heatmap | None) for each in row.evidence)
    ]
    return dataclasses.replace(comparison, evidence=rows)


def to_markdown(reports: Sequence[Report], comparison: Comparison | None = None, language: Language = "en") -> str:
    """The reports one after the other, or their comparison, as Markdown that shows names as they are."""
    with speaking(language):
        if comparison is not None:
            return _comparison(translated(comparison, language))
        return "\n".join("\n".join(_report(translated(report, language))) + "\n" for report in reports)


def _report(report: Report) -> list[str]:
    verdict = report.verdict
    span = say(f"steps {verdict.steps[0]:,} to {verdict.steps[1]:,}")
    judged = say(f"Verdict: *{verdict.id}*, {likely(verdict.confidence)}, {span}.")
    lines = [
        f"# {_text(report.run)}",
        "",
        f"**{_text(report.headline)}**",
        "",
        f"{judged} {_text(verdict.summary)}",
    ]
    if report.losses is not None and report.losses.lines:
        lines += ["", *_evidence(report.losses)]
    if report.reference is not None:
        lines += ["", _text(report.reference.summary)]
    for finding in report.findings:
        lines += ["", *_finding(finding)]
    for undecided in report.undecided:
        ask = say(f"Cannot tell apart: {_names(undecided.causes)}. To tell, log {joined(undecided.missing)}:")
        lines += ["", ask, ""]
        lines += _code(undecided.log)
    lines += _not_checked(report)
    if report.settings:
        rows = [[say(name), value] for name, value in report.settings.items()]
        lines += ["", f"## {say('Settings')}", "", *_table([say("setting"), say("value")], rows)]
    if report.warnings:
        lines += ["", f"## {say('Warnings')}", "", *(f"- {_text(each)}" for each in report.warnings)]
    return lines


def _finding(finding: Ranked) -> list[str]:
    since = say(f", since step {finding.since:,}") if finding.since is not None else ""
    where = say(f", in {_text(joined(finding.where))}") if finding.where else ""
    judged = (finding.role, finding.severity, likely(finding.confidence))
    lines = [
        f"## {_text(finding.title)}",
        "",
        f"{_text(finding.summary)} ({', '.join(map(say, judged))}{since}{where})",
    ]
    for evidence in finding.evidence:
        lines += ["", *_evidence(evidence)]
    if finding.remedies:
        lines += ["", say("What to do:"), ""]
        for remedy in finding.remedies:
            lines += _remedy(remedy)
    return lines


def _remedy(remedy: Remedy, indent: str = INDENT) -> list[str]:
    """A remedy as an item of a list; TensorBoard's Markdown knows fenced code only where it is not indented."""
    lines = [f"- {_text(remedy.action)}"]
    if remedy.code:
        lines += ["", *(f"{indent}{line}".rstrip() for line in _code(remedy.code)), ""]
    if remedy.expect:
        lines += [indent + say(f"If this is right: {_text(remedy.expect)}")]
    return lines


def _code(code: str) -> list[str]:
    """A fenced block whose fence is longer than any in the code."""
    longest = max((len(each) for each in re.findall("`+", code)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}python", *code.splitlines(), fence]


def _not_checked(report: Report) -> list[str]:
    by_log: dict[str, list[str]] = {}
    told = {cause for undecided in report.undecided for cause in undecided.causes}
    for each in [each for each in report.not_checked if each.cause not in told]:
        by_log.setdefault(each.log, []).append(each.cause)
    lines = [] if not by_log else ["", f"## {say('Not checked')}"]
    for log, causes in by_log.items():
        ask = say(f"{counted(len(causes), 'cause')} ({_names(causes)}): log what is needed with")
        lines += ["", ask, "", *_code(log)]
    return lines


def _evidence(evidence: Evidence) -> list[str]:
    title = f"**{_text(evidence.title)}**"
    match evidence:
        case Curve():
            return [title, "", *(f"- {each}" for each in _curve(evidence))]
        case Bars():
            level = "" if evidence.threshold is None else say(f" (limit {quantity(evidence.threshold, evidence.unit)})")
            pairs = list(zip(evidence.labels, evidence.values, strict=True))
            rows = [[label, quantity(value, evidence.unit)] for label, value in pairs[:BARS]]
            more = ["", say(f"and {len(pairs) - BARS} more")] if len(pairs) > BARS else []
            return [title + level, "", *_table(["", say("value")], rows), *more]
        case Heatmap():
            rows = [[row, sparkline(values, SPARK)] for row, values in zip(evidence.rows, evidence.values, strict=True)]
            return [title, "", *_table(["", say("over the steps")], rows)]
        case Histogram():
            span = f"{quantity(evidence.edges[0], evidence.unit)} to {quantity(evidence.edges[-1], evidence.unit)}"
            return [say(f"{title}: `{sparkline(evidence.counts, SPARK)}` from {span}")]
        case Table():
            return [title, "", *_table(evidence.columns, evidence.rows)]
        case Fact():
            against = (
                "" if evidence.reference is None else say(f" against {quantity(evidence.reference, evidence.unit)}")
            )
            note = f" ({evidence.note})" if evidence.note else ""
            return [f"{title}: {_text(quantity(evidence.value, evidence.unit) + against + note)}"]


def _curve(curve: Curve) -> list[str]:
    lines = []
    for line in curve.lines:
        if len(line.series):
            first, last = (quantity(line.series.values[i], curve.unit) for i in (0, -1))
            lines.append(
                f"{_text(say(line.name) if line.name in SPLITS else line.name)}: {first} `{sparkline(line.series.values, SPARK)}` {last}"
            )
    for mark in curve.marks:
        where = quantity(mark.at, curve.unit) if mark.kind == "level" else say(f"step {number(mark.at)}")
        to = say(f" to {number(mark.to)}") if mark.to is not None else ""
        lines.append(f"{_text(mark.label)}: {where}{to}")
    return lines


def _comparison(comparison: Comparison) -> str:
    runs = list(comparison.runs)
    title = say(f"Comparison of {_text(joined(runs, most=len(runs)))}")
    lines = [f"# {title}", "", f"**{_text(comparison.summary)}**", ""]
    judged = [[say("verdict"), *map(say, comparison.verdicts)], [say("headline"), *comparison.headlines]]
    lines += _table(["", *runs], judged)
    tables: list[tuple[str, list[list[str | float]]]] = [
        (
            say("Causes"),
            [
                [row.title, *(_cause_cell(*pair) for pair in zip(row.confidence, row.role, strict=True))]
                for row in comparison.causes
            ],
        ),
        (say("Figures"), [[say(row.figure), *map(_cell_or_dash, row.values)] for row in comparison.figures]),
        (
            say("Settings that differ"),
            [[say(row.setting), *map(_cell_or_dash, row.values)] for row in comparison.differences],
        ),
    ]
    for title, rows in tables:
        if rows:
            lines += ["", f"## {title}", "", *_table(["", *runs], rows)]
    if comparison.parting is not None:
        lines += ["", say(f"The training losses part at step {comparison.parting:,}.")]
    for curve in comparison.curves:
        lines += ["", *_evidence(curve)]
    return "\n".join(lines) + "\n"


def _cause_cell(confidence: float | None, role: str | None) -> str:
    return "–" if confidence is None else f"{say(role or '')}, {say(likely(confidence))}"


def _cell_or_dash(value: str | float | None) -> str | float:
    return "–" if value is None else value


def _table(columns: Sequence[str], rows: Sequence[Sequence[str | float]]) -> list[str]:
    return [_row(columns), _row(["---"] * len(columns), raw=True), *(_row(row) for row in rows)]


def _row(cells: Sequence[str | float], *, raw: bool = False) -> str:
    shown = [each if raw and isinstance(each, str) else _cell(each) for each in cells]
    return f"| {' | '.join(shown)} |"


def _cell(value: str | float) -> str:
    return _text(value) if isinstance(value, str) else number(value)


def _text(text: str) -> str:
    """Text from anywhere as plain words of Markdown: nothing in it is markup or HTML."""
    return SPECIAL.sub(r"\\\1", html.escape(printable(" ".join(text.split()) or text), quote=False))
