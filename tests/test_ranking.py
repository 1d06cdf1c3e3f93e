from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tb_lossdiag.evidence import Fact
from tb_lossdiag.finding import Finding, Remedy, Severity, Stage
from tb_lossdiag.ranking import log_lines, rank, undecided
from tb_lossdiag.rule import Rule
from tb_lossdiag.verdict import Verdict, VerdictId

FACT = Fact("a number", 1.0, "ratio")


def found(  # noqa: PLR0913  (a finding has that many sides)
    name: str,
    confidence: float = 0.8,
    *,
    explains: Sequence[str] = (),
    since: int | None = None,
    stage: Stage = "train",
    severity: Severity = "error",
    symptom: bool = True,
) -> tuple[Rule, Finding]:
    rule = Rule(
        name,
        name,
        "It is wrong.",
        stage,
        severity,
        (Remedy("Mend it"),),
        tuple(explains),
        (),
        (),
        "",
        lambda: None,
        symptom,
    )
    return rule, Finding(f"{name} is 1.", confidence, [FACT], since)


def verdict(name: VerdictId) -> Verdict:
    return Verdict(name, 0.9, (0, 100), "")


def roles(*findings: tuple[Rule, Finding], of: VerdictId = "stuck") -> list[tuple[str, str]]:
    return [(each.cause, each.role) for each in rank(findings, verdict(of))]


def loud(*findings: tuple[Rule, Finding], of: VerdictId) -> list[str]:
    return [each.cause for each in rank(findings, verdict(of)) if each.severity != "info"]


def test_the_cause_comes_before_what_it_explains_though_that_is_surer() -> None:
    cause, effect = found("high-rate", 0.7, explains=["explosion"]), found("explosion", 0.95)
    assert roles(effect, cause) == [("high-rate", "root"), ("explosion", "consequence")]


@pytest.mark.parametrize(
    ("by_steps", "at_first", "explained"), [(True, True, False), (True, False, True), (False, True, True)]
)
def test_what_was_so_before_the_first_step_no_step_has_brought_about(
    by_steps: bool, at_first: bool, explained: bool
) -> None:
    rule, finding = found("rate", 0.84, explains=["vanishing"])
    other, effect = found("vanishing", 0.9)
    ranked = roles((replace(rule, by_steps=by_steps), finding), (other, replace(effect, at_first=at_first)))
    assert ranked[0] == (("rate", "root") if explained else ("vanishing", "root"))


def test_a_chain_hangs_together() -> None:
    chain = [found("c", 0.9), found("b", 0.8, explains=["c"]), found("a", 0.6, explains=["b"])]
    ranked = rank(chain, verdict("stuck"))
    assert [each.cause for each in ranked] == ["a", "b", "c"]
    assert [each.explains for each in ranked] == [("b",), ("c",), ()]


def test_what_began_long_after_its_effect_does_not_explain_it() -> None:
    late = found("late", 0.7, explains=["early"], since=900)
    assert roles(late, found("early", 0.8, since=0)) == [("early", "root"), ("late", "contributing")]


def test_a_fault_of_the_setup_was_there_from_the_start_whenever_it_was_seen() -> None:
    setup = found("setup", 0.7, explains=["early"], since=900, stage="setup")
    assert roles(setup, found("early", 0.8, since=0))[0] == ("setup", "root")


def test_two_that_explain_each_other_do_not_go_in_circles() -> None:
    pair = [found("a", 0.9, explains=["b"]), found("b", 0.7, explains=["a"])]
    assert roles(*pair) == [("a", "root"), ("b", "consequence")]


def test_a_run_that_learns_needs_very_strong_evidence() -> None:
    assert loud(found("a", 0.74), of="learning") == []
    assert loud(found("a", 0.76), of="converged") == ["a"]


def test_what_is_not_strong_enough_is_a_remark_where_nothing_louder_is_said() -> None:
    (remark,) = rank([found("a", 0.7)], verdict("learning"))
    assert (remark.cause, remark.severity) == ("a", "info")
    assert roles(found("a", 0.7), found("b", 0.8), of="learning") == [("b", "root")]
    assert roles(found("a", 0.59), of="learning") == []


def test_what_is_only_worth_knowing_comes_last_and_needs_less() -> None:
    assert roles(found("note", 0.9, severity="info"), found("trouble", 0.6)) == [
        ("trouble", "root"),
        ("note", "contributing"),
    ]
    assert roles(found("note", 0.6, severity="info"), of="learning") == [("note", "root")]


def test_overfitting_is_looked_for_at_the_validation_stage() -> None:
    assert loud(found("train-trouble", 0.74), of="overfitting") == []
    assert roles(found("memorises", 0.6, stage="val"), of="overfitting") == [("memorises", "root")]


def test_without_data_by_layer_the_causes_that_remain_are_named() -> None:
    missing = {"dead-units": ["dead_share"], "vanishing-gradient": ["layer_gradients"]}
    log = {"dead_share": "writer.watch(model)", "layer_gradients": "writer.watch(model)"}
    (left,) = undecided((), verdict("stuck"), missing, log)
    assert left.causes == ("dead-units", "vanishing-gradient")
    assert left.log == "writer.watch(model)"
    assert undecided((), verdict("learning"), missing, log) == ()


def test_equal_roots_are_undecided_only_where_something_would_decide() -> None:
    ranked = rank([found("a", 0.8), found("b", 0.75)], verdict("stuck"))
    (left,) = undecided(ranked, verdict("stuck"), {"a": ["lr"]}, {"lr": "log the lr"})
    assert left.causes == ("a", "b")
    assert undecided(ranked, verdict("stuck"), {}, {}) == ()


def test_a_loss_that_two_models_fight_over_may_rise_without_a_fault() -> None:
    fight = [found("explodes", 0.7), found("is-nan", 0.95)]
    ranked = rank(fight, verdict("diverging"), several=True)
    assert [each.cause for each in ranked] == ["is-nan"]


@pytest.mark.parametrize("of", ["learning", "converged"])
def test_a_run_with_much_left_needs_a_little_less_though_it_learns_or_has_settled(of: VerdictId) -> None:
    slow = [found("too-low", 0.65)]
    assert [each.cause for each in rank(slow, verdict(of), 0.5)] == ["too-low"]
    assert loud(*slow, of=of) == []
    assert [each.severity for each in rank([found("shifted", 0.65, stage="val")], verdict(of), 0.5)] == ["info"]


def test_a_guess_does_not_explain_a_certainty() -> None:
    guess, certain = found("guess", 0.53, explains=["certain"]), found("certain", 0.95)
    assert roles(guess, certain)[0] == ("certain", "root")


def test_a_fault_of_the_test_data_is_shown_though_training_and_validation_go_well() -> None:
    assert roles(found("shifted", 0.8, stage="test"), of="learning") == [("shifted", "root")]
    assert loud(found("shifted", 0.6, stage="test"), of="converged") == []
    assert roles(found("shifted", 0.6, stage="test"), of="overfitting") == [("shifted", "root")]


def test_a_line_of_code_is_named_once_and_with_all_its_arguments() -> None:
    log = {"a": "watch(model)", "b": "watch(model, loader)", "c": "watch(model)", "d": "evaluate()"}
    assert log_lines("acd", log) == "watch(model)\nevaluate()"
    assert log_lines("abcd", log) == "watch(model, loader)\nevaluate()"


def test_what_something_else_explains_and_nothing_can_bring_about_is_not_claimed() -> None:
    chain = [
        found("inputs", 0.9, explains=["rate"]),
        found("rate", 0.9, explains=["dead"], symptom=False),
        found("dead", 0.95),
    ]
    assert roles(*chain) == [("inputs", "root"), ("dead", "consequence")]


def test_a_suspicion_beside_a_certainty_is_not_worth_a_word() -> None:
    assert roles(found("sure", 0.95), found("guess", 0.6)) == [("sure", "root")]
    assert roles(found("sure", 0.85), found("guess", 0.6)) == [("sure", "root"), ("guess", "contributing")]
    assert roles(found("sure", 0.95), found("note", 0.6, severity="info"))[1] == ("note", "contributing")
    explaining = found("guess", 0.6, explains=["effect"])
    assert ("guess", "contributing") in roles(found("sure", 0.97), explaining, found("effect", 0.7))


@pytest.mark.parametrize(("severity", "alone"), [("info", False), ("warning", True)])
def test_a_remark_does_not_explain_an_alarm_away(severity: Severity, alone: bool) -> None:
    remark = found("remark", 0.95, explains=["alarm"], severity=severity)
    alarm = found("alarm", 0.9, severity="warning", symptom=False)
    ranked = rank([remark, alarm], Verdict("stuck", 0.9, (0, 100), ""))
    assert ([each.cause for each in ranked] == ["remark"]) == alone
    assert (ranked[0].cause == "alarm") != alone


@pytest.mark.parametrize("severity", ["info", "warning"])
def test_a_remark_explains_no_other_remark_away_and_stays_before_it(severity: Severity) -> None:
    remark = found("remark", 0.8, explains=["other"], severity=severity)
    other = found("other", 0.9, severity="info", symptom=False)
    beside = [("other", "contributing")] if severity == "info" else []
    assert roles(other, remark) == [("remark", "root"), *beside]
    assert rank([other, remark], verdict("stuck"))[0].explains == ()


@pytest.mark.parametrize(
    ("left", "of", "stage", "shows_in_loss", "loudly"),
    [
        (0.05, "converged", "train", True, False),
        (0.05, "learning", "setup", True, False),
        (0.2, "converged", "train", True, True),
        (None, "converged", "train", True, True),
        (-0.5, "converged", "train", True, True),  # below zero nobody knows what little is
        (0.05, "overfitting", "train", True, True),
        (0.05, "converged", "test", True, True),
        (0.05, "converged", "train", False, True),  # a rare class, a loss that does not fit
    ],
)
def test_what_would_show_in_a_loss_that_has_come_down_is_a_remark(
    left: float | None, of: VerdictId, stage: Stage, shows_in_loss: bool, loudly: bool
) -> None:
    rule, finding = found("too-small", 0.97, stage=stage)
    (ranked,) = rank([(replace(rule, shows_in_loss=shows_in_loss), finding)], verdict(of), left)
    assert (ranked.severity != "info") == loudly


def test_what_no_training_loss_speaks_against_stays_however_low_that_is() -> None:
    rule, finding = found("label-noise", 0.97, stage="train")
    (soft,) = rank([(rule, finding)], verdict("converged"), 0.01)
    (loud_,) = rank([(rule, replace(finding, hidden=True))], verdict("converged"), 0.01)
    assert (soft.severity, loud_.severity) == ("info", "error")


def test_what_made_the_loss_nan_comes_before_what_held_it_up_till_then() -> None:
    held_up = found("a-no-activation", 0.98, stage="setup")
    broke = found("targets", 0.98, explains=["non-finite-values"], stage="setup")
    nan = found("non-finite-values", 0.98)
    assert roles(held_up, broke, nan, of="non-finite") == [
        ("targets", "root"), ("non-finite-values", "consequence"), ("a-no-activation", "contributing")
    ]  # fmt: skip
    assert roles(held_up, nan, of="non-finite")[0] == ("a-no-activation", "root")
