"""Reports and pages in another language, at the edge: rules speak English and do not know that they are translated.

`locales/<language>/` holds data only: `causes/*.md`, the pages of the catalogue, and `sentences.json`, templates of all
sentences with their translations, sentence by sentence of the sources. A finished English sentence is matched against the templates, and what
stood in its slots is put into the translation's, translated itself where it is a part of a sentence. What no template matches stays
English. A slot `{0:word}` takes a single word for a word of the language; elsewhere that would be the name of a layer or run.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from typing import Any, Literal, TypeVar

from tb_lossdiag.rule import SECTIONS, Rule
from tb_lossdiag.rules import catalogue
from tb_lossdiag.signals import known_signals

__all__ = ["LANGUAGES", "Language", "names", "page", "say", "speaking", "translated"]

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")

T = TypeVar("T")

TEXTS: Mapping[str, tuple[str, ...]] = {
    "CauseDocument": ("title", "cause"),
    "CauseRow": ("title",),
    "Comparison": ("summary", "headlines"),
    "Curve": ("title",),
    "ErrorDocument": ("error",),
    "EvidenceRow": ("title",),
    "Fact": ("title", "value", "reference", "note"),
    "Heatmap": ("title",),
    "Histogram": ("title",),
    "Line": ("name",),
    "Mark": ("label",),
    "Bars": ("title",),
    "Ranked": ("title", "summary", "wrong_when"),
    "Reference": ("summary",),
    "Remedy": ("action", "expect"),
    "Report": ("headline", "warnings"),
    "Rival": ("title",),
    "RootCause": ("title",),
    "RunEntry": ("headline", "message"),
    "RunsDocument": ("message",),
    "Table": ("title", "columns"),
    "Verdict": ("summary",),
}
"""What a person reads of each class. Everything else is an id, a name of the user's, or code."""
AMONG_NAMES: Mapping[str, tuple[str, ...]] = {"Bars": ("labels",), "Ranked": ("where",), "Table": ("rows",)}
"""Fields that hold names beside texts: of these, only what has several words is translated."""
SPLITS = ("train", "val", "test")  # names of lines that the page looks up
SLOT = re.compile(r"\{(\d+)\}")
PLACE = re.compile(r"\{(\d+)(:word)?\}")
JOINTS = " ,;:("  # what a clause begins with that is added to a sentence
BETWEEN = re.compile(r"(?<=[\u4e00-\u9fff]) (?=[\u4e00-\u9fff])")  # Chinese has no spaces between its own words
ENGLISH = re.compile(r"[A-Za-z]")
NAME = re.compile(r"[^\s“”]+")  # a single word


_spoken: ContextVar[Language] = ContextVar("language", default="en")


@contextmanager
def speaking(language: Language) -> Iterator[None]:
    """Let `say` speak this language inside."""
    token = _spoken.set(language)
    try:
        yield
    finally:
        _spoken.reset(token)


def say(text: str, language: Language | None = None) -> str:
    """A sentence, title or word in this language, or in the one that is being spoken; as it is where no translation is known.

    >>> say("The loss rises since step 1,200.", "zh")
    '从第 1,200 步起，损失上升。'
    """
    language = language or _spoken.get()
    return text if language == "en" else _table(language).text(text)


def page(rule: Rule, language: Language) -> str:
    """The rule's page of the catalogue."""
    return rule.page if language == "en" else _page(rule.id, language)


def names(language: Language) -> Mapping[str, str]:
    """Causes and signals by their ids, as a person calls them."""
    titles = {rule.id: say(rule.title, language) for rule in catalogue().values()}
    return titles | {name: say(name.replace("_", " "), language) for name in known_signals()}


def translated(value: T, language: Language) -> T:
    """The same report, comparison or document with every text of it in this language."""
    return value if language == "en" else _translated(value, _table(language))


def _translated(value: Any, table: Table) -> Any:  # noqa: ANN401  (the same type as it was given)
    if isinstance(value, str) or value is None:
        return value
    if isinstance(value, (list, tuple)):  # the long lists of numbers are passed on as they are
        plain = not value or not (dataclasses.is_dataclass(value[0]) or isinstance(value[0], (list, tuple)))
        return value if plain else [_translated(each, table) for each in value]
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return value
    kind = type(value).__name__
    texts, among = TEXTS.get(kind, ()), AMONG_NAMES.get(kind, ())
    changes = {}
    for field in dataclasses.fields(value):
        before = getattr(value, field.name)
        if kind == "Line" and before in SPLITS:
            continue
        if kind == "Comparison" and field.name == "curves":  # whose lines are runs
            after = [_overlay(each, table) for each in before]
        elif field.name in texts:
            after = _each(before, table, words=True)
        elif field.name in among:
            after = _each(before, table, words=_all_known(before, table))
        else:
            after = _translated(before, table)
        if after is not before:
            changes[field.name] = after
    return dataclasses.replace(value, **changes) if changes else value


def _all_known(names: Sequence[Any], table: Table) -> bool:
    """Whether these are texts throughout, and no names."""
    return all(isinstance(each, str) and table.text(each) != each for each in names)


def _overlay(curve: Any, table: Table) -> Any:  # noqa: ANN401
    return dataclasses.replace(curve, title=table.text(curve.title), marks=_translated(curve.marks, table))


def _each(value: Any, table: Table, *, words: bool) -> Any:  # noqa: ANN401
    """A text, or all texts of a list, or of its lists."""
    if isinstance(value, str):
        return table.text(value, words=words)
    if isinstance(value, (list, tuple)):
        return [_each(each, table, words=words) for each in value]
    return value


@dataclass(frozen=True, slots=True)
class Template:
    """A sentence with slots, the ways to fill them, and its translation."""

    patterns: Sequence[re.Pattern[str]]
    anchor: str
    translation: str


@dataclass(frozen=True, eq=False)
class Table:
    """The translations of one language. `fixed` by their whole text, `templates` with those that say the most first."""

    fixed: Mapping[str, str]
    templates: Sequence[Template]

    @lru_cache(maxsize=10_000)  # noqa: B019  (there is one table for each language, for ever)
    def text(self, text: str, *, words: bool = True) -> str:
        """The translation of a text, or the text itself. With `words`, single words are looked up too."""
        if not text or (not words and NAME.fullmatch(text)):
            return text
        forms = (text, text[0].lower() + text[1:], text[0].upper() + text[1:])
        whole = next((self.fixed[each] for each in forms if each in self.fixed), None)
        return whole if whole is not None else min((text, *self._readings(text, forms)), key=_left)

    def _readings(self, text: str, forms: Iterable[str]) -> Iterator[str]:
        """Every way to read the text, as clauses that a semicolon joins, or as a template, what says the most first."""
        if "; " in text:
            clauses = [self.text(each) for each in text.removesuffix(".").split("; ")]
            yield "；".join(clauses) + ("。" if text.endswith(".") else "")
        for template in self.templates:
            for pattern, form in itertools.product(template.patterns, forms):
                found = pattern.fullmatch(form) if template.anchor in form else None
                if found:
                    yield self._filled(template, found)

    def _filled(self, template: Template, found: re.Match[str]) -> str:
        def fill(place: re.Match[str]) -> str:
            return self.text(found[f"slot{place[1]}"], words=place[2] is not None)

        return BETWEEN.sub("", PLACE.sub(fill, template.translation))


def _left(text: str) -> int:
    """How much English is left in a text: of several readings the one that leaves the least is right."""
    return len(ENGLISH.findall(text))


@cache
def _table(language: Language) -> Table:
    groups: dict[str, dict[str, str]] = json.loads(_read(language, "sentences.json"))
    known: dict[str, str] = {text: translation for group in groups.values() for text, translation in group.items()}
    for rule in catalogue().values():
        theirs = _sections(_page(rule.id, language))
        ours = _sections(rule.page)
        known |= dict(zip(ours, theirs, strict=True))
    clauses = "|".join(_loose(each) for each in known if each[0] in JOINTS and " " in each)
    slotted = sorted((each for each in known if SLOT.search(each)), key=_weight, reverse=True)
    return Table(
        {text: translation for text, translation in known.items() if not SLOT.search(text)},
        [
            Template(_patterns(each, clauses, counts=each in groups["counts"]), _anchor(each), known[each])
            for each in slotted
        ],
    )


def _sections(page: str) -> list[str]:
    """The title of a page and the texts of its sections."""
    title, _, rest = page.removeprefix("# ").partition("\n")
    texts = re.split(r"^## .*\n", rest, flags=re.MULTILINE)[1:]
    if len(texts) != len(SECTIONS):
        raise ValueError(f"the page {title!r} needs the sections {SECTIONS}")
    return [title.strip(), *(each.strip() for each in texts)]


def _weight(template: str) -> tuple[int, int]:
    """How much a template says: the letters outside its slots, and the fewer slots the better."""
    return len(SLOT.sub("", template)), -len(SLOT.findall(template))


def _loose(template: str) -> str:
    """A pattern for the template inside another one's."""
    return ".*?".join(map(re.escape, SLOT.split(template)[::2]))


def _patterns(template: str, clauses: str, *, counts: bool) -> list[re.Pattern[str]]:
    """How a text may fill the slots: as little in the first ones as possible, or as much; where slots touch, by known clauses."""
    parts = SLOT.split(template)
    if counts:
        return [_pattern(parts, dict.fromkeys(range(1, len(parts), 2), r"[\d,]+"))]
    touching = [place for place in range(3, len(parts), 2) if not parts[place - 1]]
    shortest = dict.fromkeys(range(1, len(parts), 2), ".*?")
    longest = dict.fromkeys(shortest, ".*")
    by_clauses = shortest | dict.fromkeys(touching, f"(?:{clauses})?")
    return [_pattern(parts, slots) for slots in ([by_clauses] if touching else [shortest, longest])]


def _pattern(parts: Sequence[str], slots: Mapping[int, str]) -> re.Pattern[str]:
    pieces = (
        f"(?P<slot{part}>{slots[place]})" if place in slots else re.escape(part) for place, part in enumerate(parts)
    )
    return re.compile("".join(pieces), re.DOTALL)


def _anchor(template: str) -> str:
    """The longest piece outside the slots: a text that lacks it need not be matched."""
    return max(SLOT.split(template)[::2], key=len)


@cache
def _page(cause: str, language: Language) -> str:
    return _read(language, "causes", f"{cause}.md").rstrip()


def _read(language: Language, *path: str) -> str:
    return resources.files("tb_lossdiag").joinpath("locales", language, *path).read_text(encoding="utf-8")
