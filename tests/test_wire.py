"""What leaves Python: strict JSON, long curves thinned to what a reader would miss, documents that keep their shape."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reports import HOSTILE, cured, sick
from strategies import numbers, runs

from tb_lossdiag import wire
from tb_lossdiag.comparison import compare
from tb_lossdiag.evidence import Heatmap
from tb_lossdiag.report import diagnose
from tb_lossdiag.series import Run, series

long_values = st.lists(numbers, min_size=9, max_size=400).map(np.array)


def strict(text: str) -> Any:
    """Parse JSON as browsers do: a bare NaN is an error."""

    def refuse(name: str) -> None:
        message = f"{name} is not JSON"
        raise ValueError(message)

    return json.loads(text, parse_constant=refuse)


@given(runs())
def test_the_report_of_any_run_is_strict_json(run: Run) -> None:
    report = diagnose(run)
    document = strict(wire.dumps(wire.ReportDocument([report])))
    assert document["schema"] == 1
    assert document["runs"][0]["verdict"]["id"] == report.verdict.id
    strict(wire.dumps(wire.RunsDocument([wire.run_entry(report, 1)])))
    strict(wire.dumps(wire.ComparisonDocument(compare([report, report]))))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        (np.float32("nan"), "NaN"),
        (np.float64(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.array([1.0, math.nan]), [1.0, "NaN"]),
        ({"a": (1, None)}, {"a": [1, None]}),
    ],
)
def test_numbers_that_json_lacks_become_strings(value: object, shown: object) -> None:
    assert wire.plain(value) == shown


def test_what_has_no_form_on_the_wire_is_refused() -> None:
    for value in (object(), b"bytes", wire.RunEntry):
        with pytest.raises(TypeError, match="on the wire"):
            wire.plain(value)


def test_a_name_that_is_no_text_can_still_be_sent() -> None:
    document = wire.dumps(wire.RunsDocument([wire.RunEntry("bad\udcffname", "ready", 1)]))
    assert json.loads(document.encode("utf-8"))["runs"][0]["run"] == "bad\\udcffname"


@given(long_values, st.integers(8, 60))
def test_thinning_keeps_ends_extremes_and_the_first_broken_value(values: np.ndarray, points: int) -> None:
    kept = wire.thin(values, points)
    assert len(kept) <= points
    assert (np.diff(kept) > 0).all()
    assert {0, len(values) - 1} <= set(kept.tolist())
    finite = values[np.isfinite(values)]
    if len(finite):
        assert finite.min() in values[kept]
        assert finite.max() in values[kept]
    broken = np.flatnonzero(~np.isfinite(values))
    if len(broken):
        assert broken[0] in kept


def test_a_curve_of_a_million_points_is_sent_as_a_thousand_and_its_spike_is_among_them() -> None:
    values = np.zeros(1_000_000)
    values[123_456], values[654_321] = 7.0, math.nan
    document = wire.plain(series(*values))
    assert len(document["values"]) <= wire.POINTS
    assert document["steps"][document["values"].index(7.0)] == 123_456
    assert document["steps"][document["values"].index("NaN")] == 654_321


@given(st.lists(numbers, min_size=201, max_size=500))
def test_a_wide_heat_map_is_narrowed_and_keeps_what_stands_out(row: list[float]) -> None:
    heatmap = Heatmap("Gradient", ["fc", "quiet"], list(range(len(row))), [row, [1.0] * len(row)], "norm")
    document = wire.plain(heatmap)
    assert document["kind"] == "Heatmap"
    assert [len(each) for each in (document["steps"], *document["values"])] == [wire.COLUMNS] * 3
    assert document["values"][1] == [1.0] * wire.COLUMNS
    measured = [each for each in row if not math.isnan(each)]
    if math.inf in measured:
        assert {"Infinity", "-Infinity"} & set(map(str, document["values"][0]))
    if measured and len(set(row)) == 1:
        assert set(document["values"][0]) == {wire.number(measured[0])}


@given(st.lists(numbers, max_size=50))
def test_a_heat_map_keeps_its_values_to_four_digits_and_what_is_not_finite(row: list[float]) -> None:
    document = strict(wire.dumps(Heatmap("Gradient", ["fc"], list(range(len(row))), [row], "norm")))
    sent = [float(value) for value in document["values"][0]]
    assert sent == pytest.approx(row, rel=5.1e-4, nan_ok=True)


@pytest.mark.parametrize(("value", "sent"), [(0.123456, 0.1235), (-98765.4, -98770.0), (0.0, 0.0), (1e-300, 1e-300)])
def test_a_heat_map_sends_no_digits_that_nobody_can_see(value: float, sent: float) -> None:
    assert wire.plain(Heatmap("Gradient", ["fc"], [0], [[value]], "norm"))["values"] == [[sent]]


def test_a_report_without_its_layers_still_names_them() -> None:
    (heatmap,) = wire.plain(wire.without_layers(sick()))["layers"]
    assert (heatmap["title"], heatmap["unit"], heatmap["scale"]) == ("Gradient by layer", "norm", "log")
    assert [heatmap[name] for name in ("rows", "steps", "values")] == [["fc1", "fc2"], [], []]


def test_a_spike_of_one_step_survives_in_a_wide_heat_map() -> None:
    row = [1.0] * 3000
    row[1234] = 50.0
    document = wire.plain(Heatmap("Gradient", ["fc"], list(range(3000)), [row], "norm"))
    assert document["values"][0].count(50.0) == 1


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("report.json", wire.ReportDocument([sick(), cured()], tool="tb_lossdiag")),
        ("comparison.json", wire.ComparisonDocument(compare([sick(), cured()]), tool="tb_lossdiag")),
        (
            "runs.json",
            wire.RunsDocument(
                [wire.run_entry(sick(), 1), wire.RunEntry("x", "failed", 2, "broken")], tool="tb_lossdiag"
            ),
        ),
        ("error.json", wire.ErrorDocument("There is no run 'x'.")),
    ],
)
def test_documents_look_like_this(name: str, document: object, golden: Callable[[str, str], None]) -> None:
    text = wire.dumps(document, indent=1) + "\n"
    strict(text)
    golden(f"wire/{name}", text)


def test_the_list_of_runs_tells_causes_but_no_consequences_and_the_settings() -> None:
    entry = wire.run_entry(sick(), 3)
    assert [each.cause for each in entry.causes] == ["learning-rate-too-high"]
    assert entry.root == entry.causes[0]
    assert entry.settings == {"optimizer": "SGD", "lr": 0.1}
    assert wire.run_entry(cured(), 3).causes == []


def test_the_small_curve_has_few_points_and_digits_and_keeps_what_is_not_finite() -> None:
    run = Run("long", series={"loss/train": series(*(2.3 / (1 + step / 7) for step in range(5000)), math.nan)})
    spark = wire.run_entry(diagnose(run), 1).spark
    assert len(spark) <= wire.SPARK
    assert math.isnan(spark[-1])
    assert all(len(f"{value:g}") <= 9 for value in spark)
    assert spark[0] == 2.3


def test_names_arrive_as_they_are() -> None:
    document = json.loads(wire.dumps(wire.ReportDocument([cured(HOSTILE)])))
    assert document["runs"][0]["run"] == HOSTILE.replace("\udcff", "\\udcff")


def test_evidence_says_its_kind_and_nothing_else_does() -> None:
    document = wire.plain(sick())
    kinds = [each["kind"] for each in document["findings"][0]["evidence"]]
    assert kinds == ["Bars", "Fact", "Histogram", "Table"]
    assert "kind" not in document
    assert "kind" not in document["verdict"]
