"""A run of the same experiment that does better: what is possible, and what may make the difference."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reports import report

from tb_lossdiag.comparison import with_references
from tb_lossdiag.report import Reference, Report
from tb_lossdiag.translation import translated

SETTINGS: dict[str, str | float] = {
    "model": "Net",
    "parameters": 5130,
    "loss": "CrossEntropyLoss",
    "lr": 1.0,
    "training samples": 1437,
}


def run(name: str, end: float, **changes: str | float | None) -> Report:
    settings = {name.replace("_", " "): value for name, value in (SETTINGS | changes).items() if value is not None}
    return report(name, settings=settings, figures={"train loss": end, "val loss": end})


def reference_of(first: Report, *others: Report) -> Reference | None:
    return with_references([first, *others])[0].reference


def test_it_names_the_run_its_loss_and_what_differs() -> None:
    found = reference_of(run("sick", 2.3), run("cured", 0.31, lr=0.01), run("middling", 1.5, lr=0.1))
    assert found is not None
    assert (found.run, found.differs) == ("cured", {"lr": (1.0, 0.01)})
    assert found.summary == (
        "cured trains the same network and ends at a validation loss of 0.31 instead of 2.3; it differs in lr (1 here, 0.01 there)."
    )


def test_where_nothing_that_was_logged_differs_code_and_data_must() -> None:
    found = reference_of(run("sick", 2.3), run("cured", 0.31))
    assert found is not None
    assert "compare code and data" in found.summary


def test_a_setting_that_only_one_run_tells_differs() -> None:
    found = reference_of(run("sick", 2.3), run("cured", 0.31, dropout=0.2))
    assert found is not None
    assert found.differs == {"dropout": (None, 0.2)}
    assert "dropout (not told here, 0.2 there)" in found.summary


def test_a_run_that_became_nan_has_any_that_did_not_as_reference() -> None:
    found = reference_of(run("sick", math.nan), run("worse", 2.0, lr=0.5), run("cured", 0.31, lr=0.01))
    assert found is not None
    assert found.run == "cured"


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(run("other", 0.31, parameters=9), id="another network"),
        pytest.param(run("other", 0.31, model="Resnet"), id="another model"),
        pytest.param(run("other", 0.31, loss="MSELoss"), id="another loss"),
        pytest.param(run("other", 0.31, **{"training samples": 99}), id="other data"),
        pytest.param(run("other", 0.31, model=None), id="a log that does not tell its model"),
        pytest.param(run("other", 2.0), id="hardly better, as another seed might be"),
        pytest.param(run("other", 3.0), id="worse"),
        pytest.param(run("other", math.nan), id="not a number"),
    ],
)
def test_another_experiment_or_one_that_is_no_better_is_no_reference(other: Report) -> None:
    assert reference_of(run("first", 2.3), other) is None


def test_a_run_alone_has_none_and_others_may_be_given() -> None:
    sick, cured = run("sick", 2.3), run("cured", 0.31)
    assert reference_of(sick) is None
    assert with_references([sick], [sick, cured])[0].reference is not None
    assert with_references([], [cured]) == []


@pytest.mark.parametrize(
    ("figures", "loss"),
    [
        ({"val loss": 0.31, "train loss": 2.0}, "validation loss of 0.31"),
        ({"test loss": 0.3, "train loss": 0.1}, "training loss of 0.1"),
        ({"val loss": 2.3, "train loss": 0.1}, None),
        ({"test loss": 0.1}, None),
        ({}, None),
    ],
)
def test_the_first_loss_that_both_have_decides(figures: dict[str, float], loss: str | None) -> None:
    found = reference_of(run("sick", 2.3), report("other", settings=SETTINGS, figures=figures))
    assert (found is not None and loss is not None and loss in found.summary) or (found is None and loss is None)


def test_it_comes_out_in_chinese() -> None:
    found = reference_of(run("sick", 2.3), run("cured", 0.31, lr=0.01))
    told = translated(found, "zh")
    assert told is not None
    assert (
        told.summary == "cured 训练同样的网络，最终验证损失为 0.31，而不是 2.3；不同之处：学习率（这里 1，那里 0.01）。"
    )


@given(st.lists(st.floats(), max_size=6))
def test_any_losses_are_compared_and_a_reference_is_never_worse(ends: list[float]) -> None:
    reports = [run(str(number), end) for number, end in enumerate(ends)]
    by_name = {each.run: end for each, end in zip(reports, ends, strict=True)}
    for each, end in zip(with_references(reports), ends, strict=True):
        assert each.reference is None or not (math.isfinite(end) and end < by_name[each.reference.run])
