"""The package in Chinese: nothing is missing, nothing is stale, and reports come out whole."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sentences
from hypothesis import given
from hypothesis import strategies as st
from reports import finding, report
from test_catalogue import examples

from tb_lossdiag import comparison, evidence, ranking, verdict, wire
from tb_lossdiag import finding as findings
from tb_lossdiag import report as reports
from tb_lossdiag.cli import main
from tb_lossdiag.export import cause_document, to_markdown
from tb_lossdiag.rule import SECTIONS, Rule
from tb_lossdiag.rules import catalogue
from tb_lossdiag.signals import known_signals
from tb_lossdiag.translation import AMONG_NAMES, TEXTS, names, page, say, translated

LOCALE = sentences.PACKAGE / "locales/zh"
TABLE: dict[str, dict[str, str]] = json.loads((LOCALE / "sentences.json").read_text(encoding="utf-8"))
KNOWN = {text: translation for group in TABLE.values() for text, translation in group.items()}
LOOSE = {"counts", "parts", "signals", "words"}
"""Groups of what stands in slots: ids and names of things, and joints that hold no words of their own."""
PLURALS = {
    "Two activations follow each other in {0} place{1}: {2}.": {"1"},
    "{0} place{1}": {"1"},
    "{0} part{1}": {"1"},
    "{0} is damaged in {1} {2}: {3} bytes were skipped, the size of about {4} {5} (bytes {6}{7}), all else was read.": {
        "2",
        "5",
    },
    "{0} {1} below could not be read and {2} left out ({3}: {4}).": {"1", "2"},
}
"""Slots that hold nothing but the English plural."""
NAMES = re.compile(
    r"\b(?:Adam|AdamW|BatchNorm|Dropout|GELU|Glorot|GroupNorm|He|Inf|LayerNorm|LeakyReLU|McCandlish|NaN|ReLU|SGD|\w+Loss|\w*[Ss]igmoid|\w*[Ss]oftmax"
    r"|batch|beta1|dropout|epochs?|eps|epsilon|logits|momentum|one-hot|relu|shuffle|softplus|tanh)\b|\w*(?:[.()_=]|\d)[\w.()=-]*|`[^`]*`"
)
"""Names that Chinese practitioners write as they are, and those of layers, settings and functions."""
RULES = list(catalogue().values())
each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)


def sources() -> Iterator[Path]:
    return (path for pattern in sentences.SPEAKERS for path in sorted(sentences.PACKAGE.glob(pattern)))


SAID = {text: path for path in sources() for _, text in sentences.texts(path)}


def test_every_text_of_the_sources_is_translated() -> None:
    missing = {text: str(path.relative_to(sentences.PACKAGE)) for text, path in SAID.items() if text not in KNOWN}
    assert not missing, "add these to tb_lossdiag/locales/zh/sentences.json, in the group of their source"


def test_no_translation_is_of_a_text_that_nobody_says() -> None:
    told = {text for group, texts in TABLE.items() if group not in LOOSE for text in texts}
    assert sorted(told - SAID.keys()) == []


def test_every_translation_keeps_the_slots_of_its_text() -> None:
    for text, translation in KNOWN.items():
        slots, kept = (set(re.findall(r"\{(\d+)", each)) for each in (text, translation))
        assert slots - PLURALS.get(text, set()) == kept, text


def test_each_text_is_translated_once() -> None:
    assert len(KNOWN) == sum(len(group) for group in TABLE.values())


@each_rule
def test_each_page_of_the_catalogue_is_translated_section_by_section(rule: Rule) -> None:
    chinese = page(rule, "zh")
    assert re.match(r"# \S+\n\n## ", chinese)
    assert len(re.findall(r"^## ", chinese, re.MULTILINE)) == len(SECTIONS)
    assert english(chinese) == []


def test_no_page_is_of_a_cause_that_is_gone() -> None:
    assert {path.stem for path in (LOCALE / "causes").iterdir()} == set(catalogue())


@each_rule
def test_what_a_rule_finds_comes_out_in_chinese(rule: Rule) -> None:
    for name, example in vars(examples(rule)).items():
        found = rule.check(**example) if name.isupper() and isinstance(example, dict) and "SICK" in name else None
        if found is not None:
            said = [say(found.summary, "zh"), *texts(translated([*found.evidence, *found.remedies], "zh"))]
            assert [each for each in said if english(each)] == [], name
    catalogued = translated(cause_document(rule), "zh")
    assert [each for each in texts(catalogued) if english(each)] == []


def english(text: str) -> list[str]:
    """The English words that are left in a text."""
    return re.findall(r"[A-Za-z]{2,}", NAMES.sub("", text))


def texts(value: Any) -> Iterator[str]:
    """Every text of a report or a part of one."""
    if isinstance(value, (list, tuple)):
        for each in value:
            yield from texts(each)
    elif dataclasses.is_dataclass(value):
        kind = type(value).__name__
        for field in dataclasses.fields(value):
            inner = getattr(value, field.name)
            if field.name in TEXTS.get(kind, ()) and not (kind == "Line" and inner in {"train", "val", "test"}):
                yield from strings(inner)
            elif field.name not in AMONG_NAMES.get(kind, ()):
                yield from texts(inner)


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from strings(each)


def test_the_texts_are_fields_that_exist() -> None:
    modules = (comparison, evidence, findings, ranking, reports, verdict, wire)
    known = {name: each for module in modules for name, each in vars(module).items()}
    for kind, fields in [*TEXTS.items(), *AMONG_NAMES.items()]:
        assert {field.name for field in dataclasses.fields(known[kind])} >= set(fields), kind


@given(st.text())
def test_whatever_is_said_something_is_shown(text: str) -> None:
    assert bool(say(text, "zh")) == bool(text)


@given(st.from_regex(r"[^\s“”]+", fullmatch=True))
def test_the_name_of_a_layer_stays_as_it_is(name: str) -> None:
    sentence = f"Everything passes through 2 units of {name}, and 40 % of the loss is left."
    said = f"所有信息都要经过 {name} 的 2 个单元，而损失还剩 40 %。"
    assert say(sentence, "zh").replace(" ", "") == said.replace(" ", "")


NAMES_LIKE_WORDS = ("healthy", "test", "Loss", "usual", "training loss")
"""Names of runs that are words of ours."""


@pytest.mark.parametrize("run", NAMES_LIKE_WORDS)
def test_a_run_keeps_its_name_whatever_it_is_called(run: str) -> None:
    sick = report(run, finding("overfitting"), train=(3.0, 1.0), val=(3.0, 2.0))
    cured = report("cured", checked=["overfitting"], train=(3.0, 1.0), val=(3.0, 0.5))
    both = comparison.compare([sick, cured])
    chinese = translated(both, "zh")
    assert chinese.runs == both.runs
    assert [line.name for curve in chinese.curves for line in curve.lines] == [run, "cured"] * 2
    assert f"| {run} | cured |" in to_markdown([], both, "zh")


def test_a_comparison_comes_out_in_chinese() -> None:
    sick = report("a", finding("overfitting"), train=(3.0, 1.0), val=(3.0, 2.0))
    cured = report("b", finding("dead-units", since=30), checked=["overfitting"], train=(3.0, 1.0), val=(3.0, 0.5))
    summary = translated(comparison.compare([sick, cured]), "zh").summary
    assert summary == "b 解决了“过拟合”：验证损失为 0.5，原来为 2；剩下的是单元失活（从第 30 步起）。"


def test_english_reports_are_passed_on_untouched() -> None:
    original = report("a", finding())
    assert translated(original, "en") is original


def test_the_command_and_its_pages_speak_chinese(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "dead-units", "--lang", "zh"]) == 0
    page_in_chinese = capsys.readouterr().out
    assert "单元失活" in page_in_chinese
    assert english(page_in_chinese.replace("nn.LeakyReLU()  # or nn.GELU()", "").split("所需信号")[0]) == []
    assert main(["causes", "--lang", "zh"]) == 0
    assert "训练" in capsys.readouterr().out


def test_every_signal_has_a_name_and_every_name_is_a_signals() -> None:
    called = names("zh")
    assert {name for name in known_signals() if called[name] == name.replace("_", " ")} == set()
    assert set(TABLE["signals"]) <= {name.replace("_", " ") for name in known_signals()}
