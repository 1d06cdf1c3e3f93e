from __future__ import annotations

import pytest
from made import alarms, falling, flat, form, remarks, weight

from tb_lossdiag.rule import Lacking
from tb_lossdiag.rules.saturated_units import saturated_units
from tb_lossdiag.series import series
from tb_lossdiag.signals.attention import Look
from tb_lossdiag.signals.structure import Module, Parameter

SICK = {"saturated_share": {"1": flat(0.95), "3": flat(0.2)}}
OUTPUT = Module("7", "Sigmoid", 4, {}, 0)
HEALTHY = {"saturated_share": {"1": flat(0.05), "3": flat(0.2)}}


@pytest.mark.parametrize(("share", "found"), [(0.49, False), (0.51, True)])
def test_threshold_is_half_of_a_layer(share: float, found: bool) -> None:
    assert (saturated_units.check(saturated_share={"1": flat(share)}) is not None) == found


def test_units_that_come_back_from_their_limits_are_healthy() -> None:
    assert saturated_units.check(saturated_share={"1": series(*[0.9] * 20, *[0.3] * 80)}) is None


@pytest.mark.parametrize(("left", "severity"), [(0.04, "info"), (0.06, None), (None, None)])
def test_a_loss_that_is_gone_shows_that_they_do_no_harm(left: float | None, severity: str | None) -> None:
    finding = saturated_units.check(**SICK, **({} if left is None else {"loss_left": left}))
    assert finding is not None
    assert finding.severity == severity


def test_a_sigmoid_that_puts_out_black_pixels_is_where_it_should_be() -> None:
    assert saturated_units.check(saturated_share={"7": flat(0.9)}, last_module=OUTPUT) is None
    assert saturated_units.check(saturated_share={"1": flat(0.9), "7": flat(0.9)}, last_module=OUTPUT) is not None


@pytest.mark.parametrize(("first", "left", "severity"), [(0.1, 0.15, "info"), (0.1, 0.25, None), (0.9, 0.15, None)])
def test_units_that_saturate_while_the_loss_goes_are_only_mentioned(
    first: float, left: float, severity: str | None
) -> None:
    late = series(first, *[0.95] * 50)
    finding = saturated_units.check(saturated_share={"1": late}, loss_left=left)
    assert finding is not None
    assert finding.severity == severity


@pytest.mark.parametrize(("last", "severity"), [(0.3, "info"), (1.5, None)])
def test_without_a_blind_guess_a_loss_that_is_mostly_gone_says_the_same(last: float, severity: str | None) -> None:
    finding = saturated_units.check(**SICK, train_shape=form(falling(2.3, last)))
    assert finding is not None
    assert finding.severity == severity


@pytest.mark.parametrize(("prior", "severity"), [(None, "info"), (2.3, None)])
def test_a_critic_whose_targets_grow_saturates_on_the_way(prior: float | None, severity: str | None) -> None:
    late = series(0.0, *[0.2] * 20, *[1.0] * 60)
    finding = saturated_units.check(saturated_share={"critic": late}, loss_left=0.8, prior_loss=prior)
    assert finding is not None
    assert finding.severity == severity


@pytest.mark.parametrize(("left", "severity"), [(0.51, "info"), (0.7, None)])
def test_units_that_learnt_to_say_yes_or_no_are_only_mentioned(left: float, severity: str | None) -> None:
    """Of targets that are noisy half of the loss stays; none of them was at its limit at the start."""
    learnt = series(0.0, *[0.3] * 10, *[0.75] * 50)
    finding = saturated_units.check(saturated_share={"3": learnt}, loss_left=left, prior_loss=0.56)
    assert finding is not None
    assert finding.severity == severity


SCRATCH = (weight("q.weight"), weight("k.weight"), weight("q.bias", kind="bias", init_std=0.0))
LEARNT = (
    weight("q.weight", init_abs_max=0.6),
    weight("k.weight", init_abs_max=0.6),
    weight("norm.weight", kind="norm", init_std=0.1),
)


@pytest.mark.parametrize(
    ("peaks", "parameters", "found"),
    [
        ((0.64, 0.65), SCRATCH, True),
        ((0.98, 0.98), SCRATCH, True),
        ((0.5, 0.5), SCRATCH, False),  # states of a recurrent network, multiplied as they are
        ((0.9, 0.1, 0.1), SCRATCH, False),  # one of several
        ((0.98, 0.98), LEARNT, False),  # what was learnt before may be sharp
    ],
)
def test_attention_that_looks_at_one_place_from_the_start_is_saturated(
    peaks: tuple[float, ...], parameters: tuple[Parameter, ...], *, found: bool
) -> None:
    looks = tuple(Look(25, each) for each in peaks)
    told = {"first_looks": looks, "parameters": parameters, "loss_left": 0.8}
    finding = saturated_units.check(**HEALTHY | told)
    assert alarms(finding) == found
    assert not found or "of 25 places" in (finding.summary if finding else "")
    assert not found or remarks(saturated_units.check(**HEALTHY | told | {"loss_left": 0.01}))


def test_two_places_are_no_sharp_look() -> None:
    assert Look(2, 0.6).sharpness < Look(25, 0.6).sharpness


def test_without_units_or_attention_nothing_can_be_told() -> None:
    with pytest.raises(Lacking):
        saturated_units.check(parameters=SCRATCH)
