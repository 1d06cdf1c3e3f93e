from __future__ import annotations

from dataclasses import replace

import pytest
from made import alarms, falling, flat, form, line, remarks

from tb_lossdiag.rules.batch_too_large import batch_too_large
from tb_lossdiag.series import series
from tb_lossdiag.signals.probe import NoiseScale
from tb_lossdiag.signals.samples import Samples

SICK = {
    "grad_cosine": flat(0.95),
    "update_ratio": flat(0.01),
    "train_shape": form(line(2.3, 1.5)),
    "loss_left": 0.65,
    "batch_size": 600,
    "sample_count": 1200,
}
HEALTHY = SICK | {"grad_cosine": flat(0.3), "batch_size": 32}


@pytest.mark.parametrize(("cosine", "found"), [(0.69, False), (0.71, True)])
def test_threshold(cosine: float, found: bool) -> None:
    assert (batch_too_large.check(**SICK | {"grad_cosine": flat(cosine)}) is not None) == found


@pytest.mark.parametrize(("samples", "found"), [(12_000, True), (36_000, False)])
def test_before_its_second_epoch_ends_nobody_knows_how_many_steps_a_training_will_have(
    samples: int, found: bool
) -> None:
    young = SICK | {"train_shape": form(line(2.3, 1.5, points=45)), "sample_count": samples}
    assert (batch_too_large.check(**young) is not None) == found


@pytest.mark.parametrize(
    ("finished", "size", "found"), [(True, 600, True), (False, 600, False), (None, 600, False), (True, 100, False)]
)
def test_a_large_batch_is_worth_a_remark_where_a_training_has_ended_within_two_epochs(
    finished: bool | None, size: int, found: bool
) -> None:
    over = SICK | {"train_shape": form(line(2.3, 1.5, points=45)), "sample_count": 36_000, "batch_size": size}
    finding = batch_too_large.check(**over, finished=finished)
    assert (finding is not None) == found
    assert finding is None or remarks(finding)


@pytest.mark.parametrize(("steps", "found"), [(10, True), (9, False)])
def test_ten_steps_are_enough_to_tell(steps: int, found: bool) -> None:
    brief = SICK | {"train_shape": form(line(2.3, 1.5, points=steps)), "sample_count": 1200}
    assert (batch_too_large.check(**brief) is not None) == found


def test_of_a_graph_all_nodes_go_through_the_model_together() -> None:
    nodes = Samples(seen=20_000.0, distinct=2000.0, in_val=2000.0, in_test=2000.0, values=500.0)
    assert batch_too_large.check(**SICK, samples=nodes) is None
    assert batch_too_large.check(**SICK, samples=replace(nodes, in_val=0.0)) is not None


def test_tiny_steps_agree_at_any_batch_size() -> None:
    assert batch_too_large.check(**SICK | {"update_ratio": flat(1e-4)}) is None


def test_a_training_by_full_batches_that_had_many_steps_is_slow_for_other_reasons() -> None:
    long = form(line(2.3, 1.5, points=400))
    assert batch_too_large.check(**SICK | {"train_shape": long}) is None


def test_full_batches_that_got_there_are_fine() -> None:
    assert batch_too_large.check(**SICK | {"loss_left": 0.05}) is None


def test_the_batch_to_use_is_near_the_noise_scale() -> None:
    finding = batch_too_large.check(**SICK)
    assert finding is not None
    assert "about 32" in finding.remedies[0].action


def scale(late: float, batch: float) -> NoiseScale:
    return NoiseScale(late, late, late / 2, batch, 12)


def test_samples_that_are_all_alike_make_no_noise() -> None:
    assert batch_too_large.check(**SICK | {"noise_scale": scale(0.0, 600.0)}) is not None


@pytest.mark.parametrize(("late", "found"), [(250.0, True), (265.0, False)])
def test_a_measured_noise_scale_tells_it_even_where_steps_turn_the_gradient(late: float, found: bool) -> None:
    signals = SICK | {"grad_cosine": flat(0.3), "noise_scale": scale(late, 600.0)}
    finding = batch_too_large.check(**signals)
    assert (finding is not None) == found
    assert finding is None or "noise scale is about 250" in finding.summary


def test_of_a_text_samples_count_and_not_their_tokens() -> None:
    text = {"batch_size": 19200, "noise_scale": scale(100.0, 600.0)}
    finding = batch_too_large.check(**SICK | text)
    assert finding is not None
    assert "batch of 600" in finding.summary
    assert batch_too_large.check(**SICK | {"sample_count": 12_000} | text) is None


def test_without_a_noise_scale_the_agreement_of_gradients_tells_it() -> None:
    assert batch_too_large.check(**SICK | {"noise_scale": scale(float("nan"), 600.0)}) is not None
    assert batch_too_large.check(**SICK | {"noise_scale": scale(100.0, float("nan"))}) is not None


@pytest.mark.parametrize(("size", "found"), [(63, False), (64, True)])
def test_a_usual_batch_is_not_large(size: int, found: bool) -> None:
    signals = SICK | {"batch_size": size, "sample_count": 2 * size}
    assert (batch_too_large.check(**signals) is not None) == found


def test_a_schedule_that_ends_after_a_few_steps_hides_that_they_were_few() -> None:
    values = [*line(2.3, 1.5, points=30).values, *[1.49] * 15]
    settled = {"train_shape": form(series(*values)), "sample_count": 12_000}
    assert alarms(batch_too_large.check(**SICK | settled))
    slowly = form(series(*[each for each in values for _ in range(2)]))
    assert not alarms(batch_too_large.check(**SICK | settled | {"train_shape": slowly}))


FEW = SICK | {"grad_cosine": flat(0.3), "loss_left": 0.1, "step_response": flat(0.9), "travel": 1.0}


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, True),
        ({"step_response": flat(0.39)}, False),
        ({"step_response": None}, False),
        ({"travel": 2.4}, False),
        ({"travel": None}, False),
        ({"loss_left": 0.029}, False),
        ({"sample_count": 6001}, False),
        ({"batch_size": 63, "sample_count": 120}, False),
    ],
)
def test_gradients_that_outlive_their_step_are_worth_a_remark_after_a_few_steps(
    changes: dict[str, object], found: bool
) -> None:
    assert remarks(batch_too_large.check(**FEW | changes)) == found


def test_a_table_in_one_batch_that_has_settled_is_fine() -> None:
    """Full batches agree at the floor of the noise, too."""
    settled = form(series(*falling(2.3, 1.2, 60).values, *[1.2] * 150))
    assert batch_too_large.check(**FEW | {"train_shape": settled, "loss_left": 0.5}) is None


def test_a_loss_that_never_fell_has_no_second_half() -> None:
    assert batch_too_large.check(**FEW | {"train_shape": form(line(1.0, 1.5))}) is None


@pytest.mark.parametrize(
    ("losses", "left", "severity"),
    [(38, 0.65, None), (38, 0.1, "info"), (38, 0.01, "silent"), (12, 0.65, "silent"), (1, 0.65, "silent")],
)
def test_a_step_an_epoch_is_told_by_losses_as_many_as_batches(losses: int, left: float, severity: str | None) -> None:
    finding = batch_too_large.check(**HEALTHY | {"losses_per_step": losses, "loss_left": left})
    assert (finding.severity if finding is not None else "silent") == severity


@pytest.mark.parametrize(("points", "found"), [(9, False), (30, True)])
def test_a_handful_of_steps_is_only_the_beginning(points: int, found: bool) -> None:
    assert (batch_too_large.check(**SICK | {"train_shape": form(line(2.3, 1.5, points=points))}) is not None) == found


BRIEF = SICK | {"grad_cosine": flat(0.4), "train_shape": form(line(2.3, 1.5, points=60))}


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, True),
        ({"sample_count": 13_800}, True),  # 23 steps in an epoch
        ({"sample_count": 15_000}, False),
        ({"train_shape": form(line(2.3, 1.5, points=180))}, False),
        ({"train_shape": form(series(*falling(2.3, 1.2, 25).values, *[1.2] * 60))}, False),  # it has settled
        ({"loss_left": 0.02}, False),
        ({"update_ratio": flat(1e-4)}, True),  # so few small steps have hardly begun
        ({"update_ratio": flat(1e-4), "loss_left": 0.4}, False),
        ({"update_ratio": flat(1e-4), "batch_size": 32, "sample_count": 64}, False),
        ({"batch_size": 32, "sample_count": 64}, False),
    ],
)
def test_a_run_of_a_handful_of_steps_that_still_gets_on_is_worth_a_remark(
    changes: dict[str, object], found: bool
) -> None:
    finding = batch_too_large.check(**BRIEF | changes)
    assert (finding is not None) == found
    assert finding is None or remarks(finding)


def test_gradients_that_do_not_agree_advise_no_larger_batch() -> None:
    finding = batch_too_large.check(**BRIEF | {"grad_cosine": flat(-0.1)})
    assert finding is not None
    assert finding.factor is not None
    assert finding.factor > 1
    assert "noise scale" not in finding.summary


@pytest.mark.parametrize(("finished", "severity"), [(False, "info"), (True, None), (None, None)])
def test_a_young_training_that_goes_on_may_yet_have_its_steps(finished: bool | None, severity: str | None) -> None:
    young = SICK | {"train_shape": form(line(2.3, 1.5, points=80)), "finished": finished}
    finding = batch_too_large.check(**young)
    assert finding is not None
    assert finding.severity == severity
