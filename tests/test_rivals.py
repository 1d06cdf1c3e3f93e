from __future__ import annotations

import dataclasses

import pytest
from reports import finding

from tb_lossdiag.rivals import with_rivals
from tb_lossdiag.rules import catalogue

RULES = catalogue()
DEAD = finding("dead-units")
RATE = dataclasses.replace(finding("learning-rate-too-high"), explains=("dead-units",))


def test_a_root_names_the_other_causes_of_its_consequences_and_what_became_of_them() -> None:
    rate, dead = with_rivals(
        [RATE, dataclasses.replace(DEAD, role="consequence")],
        RULES,
        weak={"bad-initialization"},
        lacking={"broken-input": ["input_spread"]},
    )
    states = {each.cause: each.state for each in rate.rivals}
    assert states["broken-input"] == "unchecked"
    assert states["bad-initialization"] == "weak"
    assert dead.rivals == (), "what follows from another cause needs no rivals"


@pytest.mark.parametrize("cause", sorted(RULES))
def test_no_cause_is_its_own_rival_and_every_rival_explains_what_was_found(cause: str) -> None:
    (only,) = with_rivals([finding(cause)], RULES, weak=set(), lacking={})
    assert cause not in [each.cause for each in only.rivals]
    assert all(cause in RULES[each.cause].explains for each in only.rivals)


def test_a_rival_that_was_found_too_comes_first_with_its_confidence() -> None:
    _, dead = with_rivals([finding("bad-initialization"), DEAD], RULES, weak=set(), lacking={})
    assert (dead.rivals[0].cause, dead.rivals[0].state) == ("bad-initialization", "found")
    assert dead.rivals[0].confidence == pytest.approx(0.9)


def test_causes_that_explain_each_other_in_a_circle_come_to_an_end() -> None:
    one = dataclasses.replace(DEAD, explains=("vanishing-gradient",))
    other = dataclasses.replace(finding("vanishing-gradient"), role="consequence", explains=("dead-units",))
    first, _ = with_rivals([one, other], RULES, weak=set(), lacking={})
    assert "vanishing-gradient" not in [each.cause for each in first.rivals]
