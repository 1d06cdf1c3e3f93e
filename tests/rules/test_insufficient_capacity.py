from __future__ import annotations

import numpy as np
import pytest
from made import alarms, falling, form, line, module, remarks

from tb_lossdiag.rules.insufficient_capacity import insufficient_capacity
from tb_lossdiag.series import series
from tb_lossdiag.signals.data import Targets
from tb_lossdiag.signals.structure import LossFunction

SETTLED = form(series(*falling(2.3, 1.2, 100).values, *[1.2] * 150))


def classes(count: int) -> Targets:
    return Targets(counts=np.full(count, 100.0))


def amounts(count: int) -> Targets:
    return Targets(mean=np.zeros(count), std=np.ones(count))


def narrow(units: int, *, targets: Targets | None = None, left: float = 0.5) -> dict[str, object]:
    """A run that has settled, with its narrowest layer in the middle."""
    found = targets or classes(10)
    return {"widths": {"a": 64, "b": units, "c": 64}, "targets": found, "train_shape": SETTLED, "loss_left": left}


SICK = narrow(2)
HEALTHY = narrow(64)


@pytest.mark.parametrize(
    ("units", "count", "found"), [(5, 10, False), (4, 10, True), (9, 64, False), (8, 64, True), (512, 50000, False)]
)
def test_threshold_is_one_and_a_half_units_for_each_bit_of_the_class(units: int, count: int, found: bool) -> None:
    assert alarms(insufficient_capacity.check(**narrow(units, targets=classes(count)))) == found


def test_fewer_units_than_bits_are_certain() -> None:
    finding = insufficient_capacity.check(**narrow(3))
    assert finding is not None
    assert finding.confidence > 0.9


@pytest.mark.parametrize(
    ("units", "left", "found"), [(1, 0.75, True), (4, 0.75, True), (2, 0.45, False), (12, 0.9, False)]
)
def test_a_code_is_too_narrow_where_it_loses_most_of_what_it_was_given(units: int, left: float, found: bool) -> None:
    assert alarms(insufficient_capacity.check(**narrow(units, targets=amounts(64), left=left))) == found


@pytest.mark.parametrize(
    ("loss", "found"),
    [
        (LossFunction("MSELoss", {}), True),
        (LossFunction("BCELoss", {}), False),
        (LossFunction("mse_loss", {"part": True}), False),
        (LossFunction("ELBO", {}), False),
    ],
)
def test_a_loss_with_a_floor_says_nothing_of_the_variance_that_is_lost(loss: LossFunction, found: bool) -> None:
    """A variational autoencoder of digits: six numbers for 64 pixels, and most of its loss is there to stay."""
    code = narrow(4, targets=amounts(64), left=0.8)
    assert alarms(insufficient_capacity.check(**code, loss_function=loss)) == found


def test_a_single_amount_may_follow_from_two_numbers() -> None:
    assert not alarms(insufficient_capacity.check(**narrow(2, targets=amounts(1), left=0.9)))
    assert not alarms(insufficient_capacity.check(**narrow(2, targets=Targets())))


def test_a_narrow_layer_that_is_wide_enough_for_its_task_is_fine() -> None:
    assert not alarms(insufficient_capacity.check(**SICK | {"loss_left": 0.05}))


def test_a_training_that_is_not_done_has_not_shown_its_limits() -> None:
    finding = insufficient_capacity.check(**SICK | {"train_shape": form(line(2.3, 1.2))})
    assert not alarms(finding)
    assert remarks(finding)


def test_two_classes_fit_through_one_unit() -> None:
    assert not alarms(insufficient_capacity.check(**narrow(1, targets=classes(2))))


@pytest.mark.parametrize(("end", "found"), [(0.9, False), (1.18, True)])
def test_a_validation_loss_that_still_falls_is_not_held_up(end: float, *, found: bool) -> None:
    """That of a few steps, whose batches differ by more than they gain."""
    falls = SICK | {"eval_shape": form(series(*np.linspace(2.3, 1.2, 10), *np.linspace(1.2, end, 5)))}
    assert alarms(insufficient_capacity.check(**falls)) == found


def test_a_gap_to_validation_is_no_lack_of_room() -> None:
    known = SICK | {"eval_shape": form(falling(3.0, 2.4))}
    assert not alarms(insufficient_capacity.check(**known | {"loss_left": 0.49}))
    assert insufficient_capacity.check(**known | {"loss_left": 0.51}) is not None


def test_a_network_that_was_trained_before_has_shown_what_it_can() -> None:
    tuned = form(series(*falling(1.3, 1.2, 100).values, *[1.2] * 150))
    assert not alarms(insufficient_capacity.check(**SICK | {"train_shape": tuned, "loss_left": 0.5}))


@pytest.mark.parametrize(("units", "left", "found"), [(4, 0.031, True), (5, 0.031, False), (4, 0.029, False)])
def test_a_layer_of_a_few_units_is_worth_a_remark_where_something_is_left(units: int, left: float, found: bool) -> None:
    assert remarks(insufficient_capacity.check(**narrow(units, targets=classes(2), left=left))) == found


@pytest.mark.parametrize(
    ("channels", "left", "found"), [((2, 4), 0.031, True), ((2, 5), 0.031, False), ((2, 4), 0.029, False)]
)
def test_convolutions_of_a_few_channels_are_worth_a_remark_where_something_is_left(
    channels: tuple[int, int], left: float, found: bool
) -> None:
    first, last = channels
    modules = (module("a", "Conv2d", 1, out_channels=first), module("c", "Conv2d", 2, out_channels=last))
    assert remarks(insufficient_capacity.check(**narrow(64, left=left), modules=modules)) == found


def test_a_convolution_to_the_output_has_as_many_channels_as_that() -> None:
    modules = (module("a", "Conv2d", 1, out_channels=32), module("out", "Conv2d", 2, out_channels=1))
    assert insufficient_capacity.check(**narrow(64, left=0.1), modules=modules) is None
    assert insufficient_capacity.check(**narrow(64, left=0.1), modules=modules[1:]) is None


@pytest.mark.parametrize(("shape", "found"), [([2], True), ([1], True), ([3], False), ([8, 2], False)])
def test_a_normalisation_over_two_features_leaves_their_signs(shape: list[int], found: bool) -> None:
    norm = module("norm", "LayerNorm", 1, normalized_shape=shape)
    assert alarms(insufficient_capacity.check(**HEALTHY, modules=(norm,))) == found
    assert insufficient_capacity.check(**HEALTHY | {"loss_left": 0.05}, modules=(norm,)) is None, "signs were enough"


def test_a_table_of_embeddings_tells_many_words_apart_by_a_few_numbers() -> None:
    modules = (module("a", "GRU", 1), module("b", "Embedding", 0))
    assert alarms(insufficient_capacity.check(**narrow(8, targets=classes(159))))
    assert not alarms(insufficient_capacity.check(**narrow(8, targets=classes(159)), modules=modules))
