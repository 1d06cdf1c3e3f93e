"""What is true of all rules: a new rule is covered by existing."""

from __future__ import annotations

import importlib.util
import math
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from strategies import runs

from tb_lossdiag import wire
from tb_lossdiag.report import diagnose
from tb_lossdiag.rule import SECTIONS, Lacking, Rule
from tb_lossdiag.rules import catalogue
from tb_lossdiag.series import Run
from tb_lossdiag.signals import known_signals

RULES = list(catalogue().values())
each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)


def examples(rule: Rule) -> ModuleType:
    path = Path(__file__).parent / "rules" / f"test_{rule.id.replace('-', '_')}.py"
    assert path.exists(), f"{rule.id} needs tests/rules/{path.name} with SICK and HEALTHY"
    spec = importlib.util.spec_from_file_location(f"examples_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@each_rule
def test_its_file_its_function_and_its_id_share_one_name(rule: Rule) -> None:
    assert rule.function.__module__.rsplit(".", 1)[1] == rule.id.replace("-", "_")


@each_rule
def test_its_page_has_its_sections_in_order(rule: Rule) -> None:
    assert re.findall(r"^## (.+)$", rule.page, re.MULTILINE) == list(SECTIONS)
    assert rule.page.startswith("# ")


@each_rule
def test_it_asks_only_for_signals_that_exist_with_their_own_type(rule: Rule) -> None:
    hints = get_type_hints(rule.function)
    for name in (*rule.needs, *rule.welcome):
        signal = known_signals()[name]
        assert plain(hints[name]) == plain(get_type_hints(signal.function)["return"]), name


def plain(hint: Any) -> str:
    """A type's name without None, whether it is a dict or the mapping that it is used as."""
    options = (
        [each for each in get_args(hint) if each is not type(None)]
        if get_origin(hint) in {Union, UnionType}
        else [hint]
    )
    return " | ".join(map(str, options)).replace("dict[", "collections.abc.Mapping[")


@each_rule
def test_what_it_explains_is_in_the_list_of_causes_and_not_itself(rule: Rule) -> None:
    assert rule.id not in rule.explains
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", each) for each in rule.explains)


@each_rule
def test_it_speaks_on_its_sick_run_and_not_on_its_healthy_one(rule: Rule) -> None:
    module = examples(rule)
    finding = rule.check(**module.SICK)
    assert finding is not None
    assert 0.5 < finding.confidence <= 0.99
    assert finding.evidence
    assert re.search(r"\d", finding.summary), "the summary has no number in it"
    assert finding.remedies or rule.remedies
    assert rule.check(**module.HEALTHY) is None


@each_rule
def test_its_evidence_goes_through_the_wire(rule: Rule) -> None:
    finding = rule.check(**examples(rule).SICK)
    assert finding is not None
    assert wire.dumps(finding)


@given(run=runs())
@settings(max_examples=150, deadline=None)
def test_any_run_whatever_gives_a_report_with_sane_confidences(run: Run) -> None:
    report = diagnose(run)
    assert not [each for each in report.warnings if "failed" in each], report.warnings
    for each in report.findings:
        assert 0 <= each.confidence <= 1
        assert "nan" not in each.summary.replace("NaN", "")
    assert wire.dumps(wire.ReportDocument([report]))


def test_which_rules_fire_on_which_sick_run(golden: Callable[[str, str], None]) -> None:
    rows = []
    for rule in RULES:
        sick = examples(rule).SICK
        marks = "".join(mark(other, sick) for other in RULES)
        rows.append(f"{rule.id:28}{marks}")
    header = "rows: the sick run of a rule; columns: all rules in the same order; # fires, . silent, blank: signals missing\n"
    golden("confusion.txt", header + "\n".join(rows) + "\n")


def mark(rule: Rule, signals: dict[str, Any]) -> str:
    if any(name not in signals for name in rule.needs):
        return " "
    known = {name: value for name, value in signals.items() if name in (*rule.needs, *rule.welcome)}
    try:
        finding = rule.check(**known)
    except Lacking:
        return " "
    return "." if finding is None or math.isnan(finding.confidence) else "#"
