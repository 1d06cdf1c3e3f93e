"""Runs side by side: the sentence, what differs, where the curves part, and that no log whatever breaks it."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reports import BARS, finding, report

from tb_lossdiag import wire
from tb_lossdiag.comparison import compare, parting_step
from tb_lossdiag.evidence import Bars, Fact, Heatmap
from tb_lossdiag.report import Report
from tb_lossdiag.series import Series, series

NOISE = np.random.default_rng(7).normal(size=(4, 2000))
FACT = Fact("Update ratio", 0.12, "ratio", 0.001)


SICK = report("sick", finding(), verdict="diverging", train=[2.3, 2.3], val=[2.3, 2.3])
CURED = report("cured", verdict="learning", checked=["learning-rate-too-high"], train=[2.3, 0.2], val=[2.3, 0.31])


@pytest.mark.parametrize(
    ("reports", "sentence"),
    [
        pytest.param(
            [SICK, CURED],
            "cured fixed “learning rate too high”: validation loss 0.31 instead of 2.3; nothing else is wrong.",
            id="the fix worked",
        ),
        pytest.param(
            [
                SICK,
                report(
                    "B",
                    finding("overfitting", since=1200),
                    verdict="overfitting",
                    checked=["learning-rate-too-high"],
                    val=[2.3, 0.31],
                ),
            ],
            "B fixed “learning rate too high”: validation loss 0.31 instead of 2.3; "
            "what remains is overfitting from step 1,200.",
            id="the fix worked and shows the next cause",
        ),
        pytest.param(
            [SICK, report("B", checked=["learning-rate-too-high"], val=[2.3, 5.0], verdict="stuck")],
            "B no longer has “learning rate too high”, but does worse: validation loss 5 instead of 2.3; "
            "no further cause was found, but the verdict is “stuck”.",
            id="the cause is gone and the run is worse",
        ),
        pytest.param(
            [SICK, report("B", val=[2.3, 0.31])],
            "Whether “learning rate too high” is gone cannot be told from what B logged: "
            "validation loss 0.31 instead of 2.3.",
            id="the other run did not log enough",
        ),
        pytest.param(
            [SICK, report("B", finding(), val=[2.3, 2.29])],
            "Both runs have “learning rate too high”: about the same validation loss, 2.29 and 2.3.",
            id="nothing changed",
        ),
        pytest.param(
            [CURED, SICK],
            "sick has “learning rate too high”, which cured has not: validation loss 2.3 instead of 0.31.",
            id="worse",
        ),
        pytest.param(
            [CURED, report("B", finding(), verdict="non-finite", val=[2.3, math.nan])],
            "B has “learning rate too high”, which cured has not: validation loss NaN instead of 0.31.",
            id="one failed",
        ),
        pytest.param(
            [CURED, report("B", val=[2.3, 0.25])],
            "Both runs are healthy: validation loss 0.25 instead of 0.31.",
            id="both healthy",
        ),
        pytest.param(
            [CURED, report("B", train=[2.3, 0.2])],
            "Both runs are healthy: about the same training loss, 0.2 and 0.2.",
            id="only the training loss in common",
        ),
        pytest.param(
            [CURED, report("B")],
            "Both runs are healthy: they logged no loss in common, so which does better cannot be told.",
            id="no losses in common",
        ),
        pytest.param(
            [
                report("A", val=[2.0], settings={"loss": "MSELoss"}),
                report("B", val=[1.0], settings={"loss": "CrossEntropyLoss"}),
            ],
            "Both runs are healthy: their losses cannot be compared, the loss functions differ.",
            id="losses of different functions",
        ),
        pytest.param(
            [report("A", verdict="stuck"), report("B", verdict="stuck")],
            "No cause was found in either run, and both are judged “stuck”: "
            "they logged no loss in common, so which does better cannot be told.",
            id="both unexplained",
        ),
        pytest.param(
            [report("A", verdict="stuck", val=[2.0]), report("B", val=[1.0])],
            "No cause was found in either run; B is judged “learning”, A “stuck”: validation loss 1 instead of 2.",
            id="one unexplained",
        ),
        pytest.param(
            [SICK, CURED, report("C", finding(), val=[2.3, 2.2])],
            "cured does best of 3: validation loss 0.31 instead of 2.3 in sick; "
            "cured fixed “learning rate too high” of sick; what remains is “learning rate too high” in C.",
            id="three runs",
        ),
        pytest.param(
            [CURED, report("B", val=[2.3, 0.25]), report("C", val=[2.3, 0.5])],
            "B does best of 3: validation loss 0.25 instead of 0.31 in cured; all runs are healthy.",
            id="three healthy runs",
        ),
        pytest.param(
            [CURED, CURED, CURED],
            "All 3 runs end at about the same validation loss, 0.31; all runs are healthy.",
            id="three equal runs",
        ),
        pytest.param(
            [report("A", verdict="non-finite", val=[math.inf])] * 3,
            "In none of the 3 runs does the validation loss stay finite.",
            id="three failures",
        ),
    ],
)
def test_the_sentence_says_whether_the_fix_worked(reports: list[Report], sentence: str) -> None:
    assert compare(reports).summary == sentence


def test_fewer_than_two_runs_are_no_comparison() -> None:
    with pytest.raises(ValueError, match="at least two"):
        compare([SICK])


def test_settings_are_parted_into_what_differs_and_what_is_the_same() -> None:
    one = report("A", settings={"lr": 0.1, "momentum": 0.9, "optimizer": "SGD", "noise": math.nan})
    other = report("B", settings={"lr": 0.01, "momentum": float(np.float32(0.9)), "optimizer": "SGD", "noise": math.nan, "dropout": 0.5})  # fmt: skip
    found = compare([one, other])
    assert {each.setting: tuple(each.values) for each in found.differences} == {
        "lr": (0.1, 0.01),
        "dropout": (None, 0.5),
    }
    assert list(found.same) == ["momentum", "optimizer", "noise"]


def test_figures_carry_the_change_to_the_baseline() -> None:
    one = report("A", figures={"val loss": 2.0, "train loss": math.nan})
    other = report("B", figures={"val loss": 0.5, "train loss": 1.0, "test loss": 3.0})
    rows = {row.figure: (list(row.values), list(row.change)) for row in compare([one, other]).figures}
    assert rows["val loss"] == ([2.0, 0.5], [0.0, -1.5])
    assert rows["train loss"][1] == [0.0, None]
    assert rows["test loss"] == ([None, 3.0], [None, None])


def test_causes_are_listed_once_with_every_runs_confidence_and_role() -> None:
    one, other = report("A", finding(), finding("overfitting")), report("B", finding(role="consequence"))
    rows = compare([one, other]).causes
    assert [(row.cause, list(row.role)) for row in rows] == [
        ("learning-rate-too-high", ["root", "consequence"]),
        ("overfitting", ["root", None]),
    ]
    assert list(rows[1].confidence) == [0.9, None]


def test_evidence_of_one_title_stands_in_one_row_and_what_the_fix_was_for_is_shown() -> None:
    secondary = Fact("Batch size", 8, "count")
    heat = Heatmap("Dead units by layer", ["fc1"], [0], [[0.1]], "share")
    one = report("A", finding(evidence=[BARS, FACT, secondary]), layers=[heat])
    other = report("B", finding(evidence=[FACT]), layers=[heat])
    rows = compare([one, other]).evidence
    assert [(row.title, [each is not None for each in row.evidence]) for row in rows] == [
        ("Update ratio by layer", [True, False]),
        ("Update ratio", [True, True]),
        ("Dead units by layer", [True, True]),
    ]


def test_pictures_of_one_title_but_another_kind_are_not_mixed() -> None:
    one = report("A", finding(evidence=[Fact("Update ratio", 0.1, "ratio")]))
    other = report("B", finding(evidence=[Bars("Update ratio", ["fc1"], [0.1], "ratio")]))
    for row in compare([one, other]).evidence:
        assert len({type(each) for each in row.evidence if each is not None}) == 1


def test_each_loss_is_overlaid_with_one_line_a_run() -> None:
    curves = compare([SICK, CURED, report("C", train=[1.0])]).curves
    assert [(curve.title, [line.name for line in curve.lines]) for curve in curves] == [
        ("Training loss", ["sick", "cured", "C"]),
        ("Validation loss", ["sick", "cured"]),
    ]


# --- where the curves part ----------------------------------------------------------------------------------------


def falling(row: int, rate: float = 0.004, noise: float = 0.05) -> np.ndarray:
    return 2.0 * np.exp(-rate * np.arange(2000)) + noise * NOISE[row] + 0.3


def of(values: np.ndarray) -> Series:
    return series(*values)


def test_curves_that_part_are_said_to_part_where_they_do() -> None:
    other = falling(1)
    other[600:] += 0.8
    step = parting_step(of(falling(0)), of(other))
    assert step is not None
    assert 560 <= step <= 640


def test_two_noisy_trainings_of_one_kind_do_not_part() -> None:
    assert parting_step(of(falling(0)), of(falling(1))) is None
    assert parting_step(of(falling(2, noise=0.3)), of(falling(3, noise=0.3))) is None


def test_a_detour_that_ends_is_no_parting() -> None:
    other = falling(1)
    other[300:900] += 1.0
    assert parting_step(of(falling(0)), of(other)) is None


def test_a_curve_that_turns_to_nan_parts_there() -> None:
    other = falling(0)
    other[700:] = math.nan
    assert parting_step(of(falling(0)), of(other)) == 700


def test_curves_that_never_share_a_step_do_not_part() -> None:
    late = Series(np.arange(5000, 7000), falling(1), None)
    assert parting_step(of(falling(0)), late) is None


def test_curves_apart_from_the_start_part_at_the_first_common_step() -> None:
    assert parting_step(of(falling(0)), of(falling(1) + 3.0)) == 0


def test_the_parting_is_marked_on_the_training_loss() -> None:
    parted = compare([report("A", train=falling(0)), report("B", train=falling(1) + 3.0)])
    assert parted.parting == 0
    assert [mark.at for mark in parted.curves[0].marks] == [0]


wild = st.lists(st.sampled_from([math.nan, math.inf, -math.inf, 0.0, 1.7e308, -1.7e308]) | st.floats(), max_size=30)


@given(one=wild, other=wild, more=wild)
def test_any_losses_whatever_can_be_compared_and_put_on_the_wire(
    one: list[float], other: list[float], more: list[float]
) -> None:
    for reports in (
        [report("A", train=one), report("B", train=other)],
        [report("A", val=one), report("B", val=other, train=one), report("C", val=more)],
    ):
        found = compare(reports)
        assert found.summary.endswith(".")
        json.loads(wire.dumps(wire.ComparisonDocument(found)))


def test_each_run_parts_from_the_baseline_at_its_own_step_and_is_named() -> None:
    steps = np.arange(1000)
    still = np.full(1000, 2.0)
    early, late = (np.where(steps < step, still, still - 0.01 * (steps - step)) for step in (100, 600))
    found = compare(
        [report(name, train=values) for name, values in zip("abcd", (still, early, late, still), strict=True)]
    )
    _, first, second, never = found.partings
    assert first is not None
    assert second is not None
    assert 50 <= first < 150
    assert 550 <= second < 650
    assert (found.partings[0], never, found.parting) == (None, None, first)
    assert [(mark.label, mark.at) for mark in found.curves[0].marks] == [("b parts", first), ("c parts", second)]


def test_runs_that_part_together_share_a_mark() -> None:
    steps = np.arange(1000)
    still = np.full(1000, 2.0)
    gone = np.where(steps < 100, still, still - 0.01 * (steps - 100))
    found = compare([report(name, train=values) for name, values in zip("abc", (still, gone, gone), strict=True)])
    assert [mark.label for mark in found.curves[0].marks] == ["b and c part"]


def test_a_pair_needs_no_names() -> None:
    found = compare([report("a", train=[2.0] * 200), report("b", train=[2.0] * 20 + [1.0] * 180)])
    assert [mark.label for mark in found.curves[0].marks] == ["the runs part"]
