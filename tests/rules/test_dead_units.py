from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from made import flat, form, weight

from tb_lossdiag.finding import Finding
from tb_lossdiag.rule import Lacking
from tb_lossdiag.rules.dead_units import dead_units
from tb_lossdiag.series import series

SICK = {"parameters": (weight("1.weight"), weight("3.weight")), "dead_share": {"1": flat(0.0), "3": flat(0.9)}}
HEALTHY = {"parameters": (weight("1.weight"), weight("3.weight")), "dead_share": {"1": flat(0.0), "3": flat(0.1)}}


def check(**signals: Any) -> Finding | None:
    """Ask the rule, of two layers where they are not given."""
    return dead_units.check(**{"parameters": SICK["parameters"], **signals})


@pytest.mark.parametrize(("share", "found"), [(0.49, False), (0.51, True)])
def test_threshold_is_half_of_a_layer(share: float, found: bool) -> None:
    assert (check(dead_share={"1": flat(share)}) is not None) == found


def test_an_early_silence_that_recovers_is_not_death() -> None:
    assert check(dead_share={"1": series(*[1.0] * 50, *[0.5] * 50)}) is None


def test_it_says_since_when() -> None:
    finding = check(dead_share={"1": series(*[0.1] * 30, *[0.8] * 70)})
    assert finding is not None
    assert finding.since == 30


@pytest.mark.parametrize(("left", "severity"), [(0.04, "info"), (0.06, None), (None, None)])
def test_a_loss_that_is_gone_shows_that_they_do_no_harm(left: float | None, severity: str | None) -> None:
    finding = check(**SICK, **({} if left is None else {"loss_left": left}))
    assert finding is not None
    assert finding.severity == severity


@pytest.mark.parametrize(("end", "share", "loud"), [(0.5, 0.8, False), (0.9, 0.8, True), (0.5, 1.0, True)])
def test_a_loss_that_goes_on_falling_shows_that_the_others_do_without_them(
    end: float, share: float, loud: bool
) -> None:
    """A layer that is silent altogether is no such case."""
    loss = form(series(*np.linspace(2.0, 1.0, 30), *np.linspace(1.0, end, 70)))
    finding = check(dead_share={"1": series(*[0.1] * 30, *[share] * 70)}, train_shape=loss)
    assert finding is not None
    assert (finding.severity is None) == loud


def test_units_dead_when_first_counted_were_dead_from_the_start() -> None:
    finding = check(dead_share={"1": series(0.8, 0.9, 0.9, steps=[40, 50, 60])})
    assert finding is not None
    assert finding.since == 0


@pytest.mark.parametrize(("spread", "found"), [(1e-4, False), (0.4, True)])
def test_units_of_a_deep_network_that_lets_nothing_through_are_constant_from_the_start(
    spread: float, found: bool
) -> None:
    constant = {"dead_share": {"1": flat(0.0), "3": flat(0.7)}, "output_spread": {"1": flat(0.5), "3": flat(spread)}}
    assert (check(**constant) is not None) == found
    died = constant | {"dead_share": {"1": flat(0.0), "3": series(*[0.1] * 20, *[0.8] * 80)}}
    assert check(**died) is not None, "some step has done that"


def test_units_that_were_dead_from_the_start_were_not_killed_by_a_step() -> None:
    born, killed = (check(dead_share={"fc": series(first, *[0.9] * 40)}) for first in (0.9, 0.1))
    assert born is not None
    assert killed is not None
    assert "biases" in born.remedies[0].action
    assert not killed.remedies, "those of the rule, which begin with the learning rate"


@pytest.mark.parametrize(("first", "left", "severity"), [(0.1, 0.15, "info"), (0.1, 0.25, None), (0.9, 0.15, None)])
def test_units_that_die_while_the_loss_goes_are_only_mentioned(first: float, left: float, severity: str | None) -> None:
    finding = check(dead_share={"1": series(first, *[0.95] * 50)}, loss_left=left)
    assert finding is not None
    assert finding.severity == severity


@pytest.mark.parametrize(
    ("cut", "found"), [({"1.weight": 3, "3.weight": 7}, True), ({"1.weight": 3}, False), ({}, False)]
)
def test_weights_that_all_get_no_gradient_any_more_belong_to_units_that_nobody_counted(
    cut: dict[str, int], found: bool
) -> None:
    if not found:
        with pytest.raises(Lacking, match="dead_share"):
            check(cut_off=cut, loss_left=0.5)
        return
    finding, gone = (check(cut_off=cut, loss_left=left) for left in (0.5, 0.0))
    assert finding is not None
    assert finding.since == 7
    assert gone is not None
    assert gone.severity == "info", "a hinge loss that has got to zero has no gradient either"


@pytest.mark.parametrize(("gradient", "found"), [(1e-3, False), (0.0, True)])
def test_weights_that_get_a_gradient_are_fed_by_units_that_were_silent_when_looked_at(
    gradient: float, found: bool
) -> None:
    """A solver of a deep equilibrium model calls its layers first with zeros."""
    begins = {"dead_share": {"3 (input)": flat(1.0)}, "layer_gradients": {"3.weight": flat(gradient)}}
    assert (check(**begins) is not None) == found


@pytest.mark.parametrize(("shut", "norm", "found"), [(True, 0.0, True), (True, 0.1, False), (False, 0.0, False)])
def test_a_rectifier_that_lets_nothing_through_from_the_start(shut: bool, norm: float, found: bool) -> None:
    """With a gradient, it is one of several branches."""
    finding = check(dead_share={"1": flat(0.0)}, shut=shut, grad_norm=flat(norm))
    assert (finding is not None) == found


@pytest.mark.filterwarnings("error")
def test_gradients_that_were_never_finite_feed_nothing() -> None:
    given = {"dead_share": {"1 (input)": flat(1.0)}, "layer_gradients": {"1.weight": flat(float("nan"))}}
    assert check(**given) is not None
