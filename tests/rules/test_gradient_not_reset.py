from __future__ import annotations

import math

import numpy as np
import pytest
from made import alarms, flat, weight

from tb_lossdiag.rules.gradient_not_reset import gradient_not_reset
from tb_lossdiag.series import Series, series
from tb_lossdiag.signals.gradients import Resets

STEPS = 40


def gradients(kept: float, shared: float, *, drift: float = 1.0) -> dict[str, object]:
    """Cosines and norms of gradients that keep a share of the one before and add a fresh one.

    Fresh gradients agree with each other as much as `shared` says (their squared common part), and shrink by `drift` a step.
    """
    rng = np.random.default_rng(0)
    common = np.zeros(4000)
    common[0] = 1.0
    total, found = np.zeros(4000), []
    for step in range(STEPS):
        fresh = math.sqrt(shared) * common + math.sqrt(1 - shared) * rng.normal(size=4000) / math.sqrt(4000)
        total = kept * total + drift**step * fresh
        found.append(total)
    norms = [float(np.linalg.norm(each)) for each in found]
    cosines = [float(a @ b / (n * m)) for a, b, n, m in zip(found, found[1:], norms, norms[1:], strict=False)]
    return {
        "grad_norm": series(*norms),
        "grad_cosine": series(*cosines, steps=np.arange(1, STEPS)),
        "parameters": (weight("fc.weight"),),
    }


SICK = gradients(1.0, 0.6)
HEALTHY = gradients(0.0, 0.5)


@pytest.mark.parametrize("shared", [0.0, 0.3, 0.9])
def test_gradients_that_pile_up_are_found_whether_batches_agree_or_not(shared: float) -> None:
    assert gradient_not_reset.check(**gradients(1.0, shared)) is not None


@pytest.mark.parametrize(("resets", "found"), [(Resets(0.0, 0.0), True), (None, False), (Resets(1.0, 0.0), False)])
def test_gradients_that_are_never_new_tensors_need_not_be_as_alike(resets: Resets | None, found: bool) -> None:
    """Several batches a step, and clipped after that: the loss leaves for good after a few steps, which turns the gradients."""
    piled = gradients(1.0, 0.3)
    cosines = piled["grad_cosine"].values - np.where(np.arange(1, STEPS) < 6, 0.0, 0.16)
    turned = series(*cosines, steps=np.arange(1, STEPS))
    run = piled | {"grad_cosine": turned} | ({} if resets is None else {"resets": resets})
    assert (gradient_not_reset.check(**run) is not None) == found


@pytest.mark.parametrize(("kept", "found"), [(0.3, False), (1.0, True)])
def test_gradients_that_fade_do_not_pile_up(kept: float, found: bool) -> None:
    assert (gradient_not_reset.check(**gradients(kept, 0.3)) is not None) == found


@pytest.mark.parametrize("growth", [0.99, 1.0, 1.2, 1.26, 1.3, 1.5])
def test_one_batch_of_all_data_gives_gradients_that_are_alike_even_where_they_grow_out_of_a_saddle(
    growth: float,
) -> None:
    assert gradient_not_reset.check(**gradients(0.0, 1.0, drift=growth)) is None


def test_what_the_optimizer_does_not_hold_is_not_reset_and_does_no_harm() -> None:
    parts = (weight("body.weight", optimized=False), weight("head.weight"))
    assert gradient_not_reset.check(**{**SICK, "parameters": parts}) is None
    frozen = (weight("body.weight", optimized=False, trainable=False), weight("head.weight"))
    assert gradient_not_reset.check(**{**SICK, "parameters": frozen}) is not None


@pytest.mark.parametrize("norm", [series(), flat(0.0), series(*[1.0] * 3), series(*[math.nan] * 40)])
def test_without_its_first_steps_nothing_is_said(norm: Series) -> None:
    assert gradient_not_reset.check(**{**SICK, "grad_norm": norm}) is None


@pytest.mark.parametrize(("share", "found"), [(0.3, False), (0.2, True)])
def test_gradients_that_differ_in_every_third_pair_were_reset(share: float, found: bool) -> None:
    pairs = [0.2] * round(share * 100) + [0.99] * round((1 - share) * 100)
    first: list[float] = SICK["grad_cosine"].values.tolist()  # type: ignore[attr-defined]
    late = series(*first[:5], *reversed(pairs), steps=np.arange(1, 106))
    assert (gradient_not_reset.check(**{**SICK, "grad_cosine": late}) is not None) == found


def test_a_reset_now_and_then_is_found_without_the_first_steps_where_the_batch_s_own_gradient_is_known() -> None:
    saw = series(*[0.1, 0.7, 0.82, 0.87, *[0.96] * 16] * 5, steps=np.arange(40, 140))
    known = {**SICK, "grad_cosine": saw, "grad_norm": flat(1.0, 40)}
    assert gradient_not_reset.check(**known) is None
    assert gradient_not_reset.check(**known, grad_excess=series(1.0, 2.0, 4.0, 9.0, 1.2, 5.0, 8.0)) is not None


@pytest.mark.parametrize("excess", [[4.0] * 6, [1.0] * 6, [0.3, 0.5, 1.0, 1.0, 0.4, 0.2], [1.0, 9.0, 9.0]])
def test_a_fixed_number_of_batches_for_each_step_is_accumulation(excess: list[float]) -> None:
    known = {**SICK, "grad_norm": flat(1.0), "grad_excess": series(*excess)}
    assert gradient_not_reset.check(**known) is None


@pytest.mark.parametrize(("times", "found"), [(1.45, False), (1.55, True)])
def test_threshold_of_what_a_gradient_holds(times: float, found: bool) -> None:
    known = {**SICK, "grad_norm": flat(1.0), "grad_excess": series(0.5, *[times] * 9)}
    assert (gradient_not_reset.check(**known) is not None) == found


@pytest.mark.parametrize(("alike", "found"), [(0.84, False), (0.86, True)])
def test_threshold(alike: float, found: bool) -> None:
    first: list[float] = SICK["grad_cosine"].values.tolist()  # type: ignore[attr-defined]
    late = series(*first[:5], *[alike] * 100, steps=np.arange(1, 106))
    assert (gradient_not_reset.check(**{**SICK, "grad_cosine": late}) is not None) == found


def test_a_few_pairs_are_not_enough() -> None:
    few = series(*[0.99] * 9, steps=np.arange(1, 10))
    assert gradient_not_reset.check(**{**SICK, "grad_cosine": few}) is None


@pytest.mark.parametrize(("before", "found"), [(SICK, True), (HEALTHY, False)])
def test_what_comes_after_the_loss_has_left_for_infinity_is_not_asked(before: dict[str, object], found: bool) -> None:
    cosines, norms = before["grad_cosine"], before["grad_norm"]
    assert isinstance(cosines, Series)
    assert isinstance(norms, Series)
    early = cosines.steps < 15
    thrown = np.where(early, cosines.values, np.cos(37.0 * cosines.steps))
    loss = series(*np.where(np.arange(STEPS) < 15, 2.3, 1e3), math.nan)
    broken = before | {"grad_cosine": Series(cosines.steps, thrown), "train_loss": loss}
    assert (gradient_not_reset.check(**broken) is not None) == found
    assert gradient_not_reset.check(**broken | {"train_loss": flat(2.3, STEPS)}) is None


@pytest.mark.parametrize(("anew", "found"), [(0.49, True), (0.51, False), (1.0, False)])
def test_gradients_that_were_seen_to_be_made_anew_were_reset_however_alike_they_are(anew: float, found: bool) -> None:
    assert (gradient_not_reset.check(**SICK, resets=Resets(anew=anew, added=0.0)) is not None) == found


@pytest.mark.parametrize(("added", "found"), [(0.79, False), (0.81, True)])
def test_gradients_that_were_seen_to_be_added_to_need_no_growth(added: float, found: bool) -> None:
    shrinking = gradients(1.0, 0.3, drift=0.6)
    assert gradient_not_reset.check(**shrinking) is None
    finding = gradient_not_reset.check(**shrinking, resets=Resets(anew=0.0, added=added))
    assert (finding is not None) == found


@pytest.mark.parametrize(("anew", "added", "found"), [(0.25, 0.75, True), (0.25, 0.6, False), (0.55, 0.45, False)])
def test_a_reset_at_every_fourth_batch_is_one_too_few(anew: float, added: float, found: bool) -> None:
    """Each step's gradients were made anew or added to, and the optimizer steps at all of them."""
    sums, fresh = gradients(1.0, 0.3), gradients(0.0, 0.3)
    across = np.arange(1, STEPS) % 4 == 0
    cosines = np.where(across, fresh["grad_cosine"].values, 0.7)
    run = sums | {"grad_cosine": series(*cosines, steps=np.arange(1, STEPS))}
    finding = gradient_not_reset.check(**run, resets=Resets(anew, added))
    assert (finding is not None) == found
    assert finding is None or "some of the steps only" in finding.summary


def test_a_reset_behind_torchs_back_leaves_gradients_that_are_not_alike() -> None:
    assert gradient_not_reset.check(**gradients(0.0, 0.3), resets=Resets(anew=0.0, added=1.0)) is None


@pytest.mark.parametrize(("added", "found"), [(1.0, True), (0.0, False)])
def test_a_run_that_is_soon_thrown_off_needs_few_steps_where_adding_was_seen(added: float, found: bool) -> None:
    thrown = gradients(1.0, 0.9) | {"train_loss": series(*[1.0] * 7, *[5.0] * 200)}
    assert (gradient_not_reset.check(**thrown, resets=Resets(0.0, added)) is not None) == found


@pytest.mark.parametrize(("excess", "found"), [(1.0, False), (3.0, True)])
def test_gradients_of_their_batch_alone_were_reset_however_torch_was_passed_by(excess: float, found: bool) -> None:
    """As by `grad.data.zero_()`, with all samples in one batch, so that gradients in a row are alike."""
    alike = gradients(0.0, 0.99) | {"grad_excess": flat(excess, 8)}
    assert (gradient_not_reset.check(**alike, resets=Resets(0.0, 1.0)) is not None) == found


@pytest.mark.parametrize(("added", "cosine", "found"), [(1.0, 0.99, True), (0.0, 0.99, False), (1.0, 0.3, False)])
def test_of_two_models_the_one_whose_gradients_pile_up_is_named(added: float, cosine: float, found: bool) -> None:
    """As where the encoder's optimizer is told twice to reset, and the decoder's never."""
    beside = {"decoder": (Resets(1 - added, added), flat(cosine))}
    finding = gradient_not_reset.check(**HEALTHY | {"resets": Resets(1.0, 0.0), "piled_up": beside})
    assert alarms(finding) == found
    assert finding is None or finding.where == ["decoder"]
