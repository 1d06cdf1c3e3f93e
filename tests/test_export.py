"""Reports as files: JSON, Markdown and the one HTML file, which must show in a real browser with no network."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import markdown
import pytest
from reports import HOSTILE, cured, sick

from tb_lossdiag import export, wire
from tb_lossdiag.comparison import compare
from tb_lossdiag.evidence import Heatmap
from tb_lossdiag.rule import SECTIONS
from tb_lossdiag.rules import catalogue

PAGE = 'const text = document.getElementById("lossdiag-data").textContent;\nconst trap = "</script><!--";\n'


class Scripts(HTMLParser):
    """Collects what each script element of a document holds, as a browser parses it."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[dict[str, str | None], str]] = []
        self.outside: list[str] = []
        self.inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = tag == "script"
        if self.inside:
            self.found.append((dict(attrs), ""))
        else:
            self.outside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag != "script"

    def handle_data(self, data: str) -> None:
        if self.inside:
            attributes, text = self.found[-1]
            self.found[-1] = attributes, text + data


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An installation whose built page is the little module above."""
    static = tmp_path / "static"
    static.mkdir()
    (static / "index.js").write_text(PAGE, encoding="utf-8")
    (static / "index.css").write_text("body { color: black }", encoding="utf-8")
    monkeypatch.setattr(export.resources, "files", lambda _: tmp_path)
    return static


def parsed(text: str) -> Scripts:
    scripts = Scripts()
    scripts.feed(text)
    return scripts


def test_json_is_the_document_of_the_contract() -> None:
    document = json.loads(export.to_json([sick(), cured()]))
    assert [run["run"] for run in document["runs"]] == ["lr-too-high", "lr-fixed"]
    assert document["schema"] == 1
    assert document["runs"][0]["findings"][0]["cause"] == "learning-rate-too-high"
    compared = json.loads(export.to_json([sick(), cured()], compare([sick(), cured()])))
    assert compared["comparison"]["runs"] == ["lr-too-high", "lr-fixed"]


def test_markdown_looks_like_this(golden: Callable[[str, str], None]) -> None:
    golden("export/reports.md", export.to_markdown([sick(), cured()]))
    golden("export/comparison.md", export.to_markdown([sick(), cured()], compare([sick(), cured()])))


def test_names_in_markdown_are_no_markup() -> None:
    for text in (
        export.to_markdown([sick(HOSTILE)]),
        export.to_markdown([], compare([sick(HOSTILE), cured("other")])),
    ):
        text.encode("utf-8")
        rendered = markdown.markdown(text, extensions=["tables", "fenced_code"])
        assert not re.search(r"<script|<b>|alert\(1\)<", rendered)
        assert "&lt;b&gt;odd&lt;/b&gt; [red]run[/red]" in rendered


def test_the_fence_around_code_is_longer_than_any_in_it() -> None:
    assert export._code("a = '''\n````\n'''")[0] == "`````python"


def test_the_html_file_holds_the_page_and_the_data_and_no_name_closes_the_script(page: Path) -> None:
    assert page.is_dir()
    text = export.to_html([sick(HOSTILE), cured()], compare([sick(HOSTILE), cured()]))
    (data_attributes, data), (module_attributes, module) = parsed(text).found
    assert data_attributes == {"type": "application/json", "id": "lossdiag-data"}
    assert module_attributes == {"type": "module"}
    assert "getElementById" in module
    assert "trap" in module
    document = json.loads(data)
    assert set(document) == {"reports", "comparison", "causes", "language", "names"}
    assert document["reports"][0] == json.loads(wire.dumps(wire.ReportDocument([sick(HOSTILE)])))
    assert document["comparison"]["comparison"]["runs"][1] == "lr-fixed"
    assert "learning-rate-too-high" in document["causes"]
    assert "<h2>" in document["causes"]["dead-units"]["html"]
    assert set(parsed(text).outside) == {"html", "head", "meta", "title", "link", "style", "body"}


@pytest.mark.usefixtures("page")
def test_the_html_file_of_a_comparison_holds_heat_maps_by_layer_once() -> None:
    reports = [sick("a"), sick("b")]
    comparison = compare(reports)
    assert any(isinstance(each, Heatmap) for row in comparison.evidence for each in row.evidence)
    (_, text), _ = parsed(export.to_html(reports, comparison)).found
    data = json.loads(text)
    assert not [row for row in data["comparison"]["comparison"]["evidence"] if row["title"] == "Gradient by layer"]
    assert [each["runs"][0]["layers"][0]["title"] for each in data["reports"]] == ["Gradient by layer"] * 2


def test_without_a_built_page_it_is_said_how_to_get_it(page: Path) -> None:
    (page / "index.js").unlink()
    with pytest.raises(export.PageMissing, match="npm run build"):
        export.to_html([cured()])


@pytest.mark.parametrize("cause", catalogue())
def test_the_page_of_a_cause_has_all_that_the_rule_says(cause: str) -> None:
    rule = catalogue()[cause]
    document = export.cause_document(rule)
    headings = re.findall(r"^## (.*)$", document.markdown, re.MULTILINE)
    assert headings[: len(SECTIONS) + 2] == [*SECTIONS, "Remedies", "Needs"]
    assert all(f"`{need}`" in document.markdown for need in rule.needs)
    assert document.html.startswith("<h1>")
    assert not re.search("<code>.*?```|<h2>(Needs|Explains)</h2>|<code>python", document.html)  # said beside it
    assert document.html.count("<pre>") == sum(bool(each.code) for each in rule.remedies)
    json.loads(wire.dumps(document))


def test_the_table_of_causes_has_a_row_a_cause() -> None:
    lines = export.causes_table().splitlines()
    assert len(lines) == 2 + len(catalogue())
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 5 for line in lines)


def test_the_html_file_shows_the_diagnosis_in_a_browser_without_a_network(browser: Any, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    reports = [sick(HOSTILE), cured()]
    file.write_text(export.to_html(reports, compare(reports)), encoding="utf-8")
    page = browser.new_page()
    trouble: list[str] = []
    page.on("console", lambda message: trouble.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("dialog", lambda dialog: trouble.append("a name ran as code") or dialog.dismiss())
    page.on(
        "request", lambda request: None if request.url.startswith(("file:", "data:")) else trouble.append(request.url)
    )
    page.goto(file.as_uri())
    page.get_by_text("12 times too high").first.wait_for()
    assert page.get_by_text("<b>odd</b> [red]run[/red]").count()
    assert trouble == []
    page.close()
