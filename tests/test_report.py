from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest
from made import falling, flat, line
from strategies import facts_of

from tb_lossdiag import report
from tb_lossdiag.evidence import Fact
from tb_lossdiag.finding import Finding
from tb_lossdiag.report import diagnose
from tb_lossdiag.rule import Rule, rule
from tb_lossdiag.series import Packed, Run, Series, series
from tb_lossdiag.wire import dumps


def parameters(columns: tuple[str, ...], gradient: list[float], update: list[float], points: int = 40) -> Packed:
    row = [gradient, [1.0] * len(columns), update]
    values = np.tile(np.array(row, dtype=np.float32), (points, 1, 1))
    return Packed(
        "parameters", "train", ("grad_norm", "param_norm", "update_norm"), columns, np.arange(points) * 10, values
    )


WEIGHTS = ("0.weight", "1.weight", "2.weight", "3.weight")
STUCK = series(*(2.303 + 0.003 * np.sin(np.arange(400) ** 1.7)))
VANISHED = Run(
    "sigmoids",
    {"loss/train": STUCK},
    [parameters(WEIGHTS, [1e-8, 1e-6, 1e-4, 1e-1], [1e-9, 1e-7, 1e-5, 1e-2])],
    facts_of(WEIGHTS, "CrossEntropyLoss"),
)


def test_a_sick_run_names_its_root_cause_in_the_headline() -> None:
    found = diagnose(VANISHED)
    assert found.verdict.id == "stuck"
    assert found.findings[0].cause == "vanishing-gradient"
    assert found.findings[0].role == "root"
    assert found.headline == found.findings[0].summary


def test_a_healthy_run_is_told_so() -> None:
    healthy = [parameters(WEIGHTS, [0.1, 0.1, 0.2, 0.3], [5e-3] * 4)]
    found = diagnose(Run("fine", {"loss/train": falling(2.3, 0.05)}, healthy, facts_of(WEIGHTS, "CrossEntropyLoss")))
    assert [each for each in found.findings if each.severity != "info"] == []
    assert found.headline.startswith("Nothing is wrong.")
    assert "vanishing-gradient" in found.checked


def test_loss_curves_alone_say_which_causes_remain_and_what_to_log() -> None:
    found = diagnose(Run("plain", {"loss/train": STUCK}))
    assert found.verdict.id == "stuck"
    assert found.findings == ()
    (left,) = found.undecided
    assert "vanishing-gradient" in left.causes
    assert "scenario-shift" not in left.causes
    assert "writer.watch(model, optimizer, loss_fn, train_loader=train_loader)" in left.log
    assert {each.cause for each in found.not_checked} >= {"dead-units", "learning-rate-too-high"}


def test_an_empty_run_is_no_error() -> None:
    found = diagnose(Run("empty"))
    assert found.verdict.id == "too-short"
    assert found.losses is None
    assert found.resolution.points == 0


def test_the_same_run_gives_the_same_report() -> None:
    assert dumps(diagnose(VANISHED)) == dumps(diagnose(VANISHED))


def test_a_rule_that_raises_loses_only_its_own_answer(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken_rule(train_loss: Series) -> Finding | None:  # noqa: ARG001  (a rule that asks for a signal)
        raise ZeroDivisionError

    broken: Rule = rule(cause="It is broken.", stage="train", severity="error", remedies=("Mend it",))(broken_rule)
    catalogue = {**report.catalogue(), broken.id: broken}
    monkeypatch.setattr(report, "catalogue", lambda: catalogue)
    with caplog.at_level(logging.CRITICAL):
        found = diagnose(VANISHED)
    assert found.findings[0].cause == "vanishing-gradient"
    assert any("broken-rule failed" in each for each in found.warnings)


def test_a_rule_that_speaks_of_a_healthy_run_without_being_sure_is_not_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    def loud(train_loss: Series) -> Finding | None:  # noqa: ARG001  (a rule that asks for a signal)
        return Finding("It is 1.", 0.7, [Fact("a number", 1.0, "ratio")])

    louder: Rule = rule(cause="It is loud.", stage="train", severity="error", remedies=("Mend it",))(loud)
    monkeypatch.setattr(report, "catalogue", lambda: {louder.id: louder})
    fine = diagnose(Run("fine", {"loss/train": falling(2.3, 0.05)}))
    assert [each.severity for each in fine.findings] == ["info"]
    assert fine.headline == f"Nothing is surely wrong, but see the notes. {fine.verdict.summary}"
    assert diagnose(Run("stuck", {"loss/train": STUCK})).findings[0].cause == "loud"


def test_where_there_is_a_remark_only_the_headline_does_not_say_that_nothing_was_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def quiet(train_loss: Series) -> Finding | None:  # noqa: ARG001
        return Finding("It may be 1.", 0.6, [Fact("a number", 1.0, "ratio")], severity="info")

    remark: Rule = rule(cause="It is quiet.", stage="train", severity="error", remedies=("Look",))(quiet)
    monkeypatch.setattr(report, "catalogue", lambda: {remark.id: remark})
    stuck = diagnose(Run("stuck", {"loss/train": STUCK}))
    assert stuck.headline == f"{stuck.verdict.summary} No cause is sure: the notes say what is suspect."


def test_figures_and_settings_are_there_for_comparison() -> None:
    found = diagnose(
        Run(
            "a",
            {"loss/train": line(2.0, 1.0), "loss/val": series(2.0, 1.5, 1.7), "accuracy/val": flat(0.9, 3)},
            [],
            facts_of(WEIGHTS, "MSELoss"),
        )
    )
    assert found.figures["best val loss"] == 1.5
    assert found.figures["step of best val loss"] == 1
    assert found.figures["val accuracy"] == 0.9
    settings: Any = found.settings
    assert (settings["optimizer"], settings["lr"], settings["batch size"]) == ("SGD", 0.1, 32)


def test_layers_are_drawn_in_the_networks_order() -> None:
    maps = {each.title: each for each in diagnose(VANISHED).layers}
    gradient = next(each for title, each in maps.items() if title.startswith("Gradient"))
    assert list(gradient.rows) == list(WEIGHTS)
    assert len(gradient.values) == 4


def test_a_long_run_is_drawn_with_the_steps_that_a_screen_can_show() -> None:
    long = [parameters(WEIGHTS, [0.1, 0.1, 0.2, 0.3], [5e-3] * 4, points=1000)]
    found = diagnose(Run("long", {"loss/train": falling(2.3, 0.05)}, long, facts_of(WEIGHTS, "CrossEntropyLoss")))
    assert len(found.layers[0].steps) <= 150
    assert found.layers[0].steps[-1] == 9990


def test_a_sick_run_that_no_cause_explains_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "catalogue", dict)
    found = diagnose(Run("stuck", {"loss/train": STUCK}))
    assert "None of the 0 causes that were checked explains it" in found.headline


def test_the_report_says_what_was_taken_for_what_and_what_else_could_have_been() -> None:
    run = Run(
        "x",
        {"loss/train": series(3.0, 2.0), "val/f1": series(0.1), "val/wer": series(0.9)},
        sources={"loss/train": "my_loss"},
        metrics={"val/f1": "higher", "val/wer": "lower"},
    )
    report = diagnose(run)
    assert report.sources == {
        "loss/train": "my_loss",
        "metrics, higher is better": "val/f1",
        "metrics, lower is better": "val/wer",
    }
    assert report.tags == ["my_loss", "val/f1", "val/wer"]
