"""The writer's parts by themselves: schedule, running statistics, dead units, samples."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tb_lossdiag.writer.activations import ENOUGH, Deadness, recognised
from tb_lossdiag.writer.data import CLASSES, Batch
from tb_lossdiag.writer.gradients import RUN, Updates, cosine, part, sketch
from tb_lossdiag.writer.per_sample import loss_by_sample, task_of
from tb_lossdiag.writer.running import COLUMNS, Running, chosen_columns, class_counts, column_summary, columns_last
from tb_lossdiag.writer.samples import ELEMENTS, first_tensor, sample
from tb_lossdiag.writer.schedule import ALWAYS, FARTHEST, GROWN, NEAREST, YOUNG, Schedule
from tb_lossdiag.writer.transfer import Transfer, fetch, later


def sampled_steps(overhead: float, step: float, cost: float, count: int, first: int = 0) -> list[int]:
    schedule, found = Schedule(overhead, first), []
    for i in range(first, first + count):
        schedule.took(step)
        if schedule.sampled(i):
            found.append(i)
            schedule.cost(i, cost)
            assert schedule.paired(i + 1)
    return found


def test_the_first_steps_are_sampled_and_then_as_many_as_the_share_allows() -> None:
    found = sampled_steps(0.02, step=1.0, cost=1.0, count=10_000)
    assert found[:ALWAYS] == list(range(ALWAYS))
    young = np.diff([each for each in found if each < YOUNG])
    assert set(young[-2:]) <= set(range(15, 26)), "an eighth of the steps so far, whatever it costs"
    assert len([each for each in found if each < 10_000]) < 0.02 * 10_000, "and in all no more than the share"


def test_a_training_that_has_grown_pays_a_part_of_the_share() -> None:
    found = sampled_steps(0.02, step=1.0, cost=0.06, count=10_000)
    late = np.diff([each for each in found if each > YOUNG / GROWN])
    assert set(late) == {21}, "0.06 / (0.02 * 0.15), rounded up"
    assert set(np.diff([each for each in found if ALWAYS < each < YOUNG])) == {NEAREST}


@pytest.mark.parametrize(
    ("cost", "spacing"), [(0.0, NEAREST), (0.02, NEAREST), (1000.0, FARTHEST), (math.inf, FARTHEST)]
)
def test_spacing_has_its_limits(cost: float, spacing: int) -> None:
    late = [each for each in sampled_steps(0.02, step=1.0, cost=cost, count=5000) if each > 2000]
    assert set(np.diff(late)) == {spacing}


def test_a_short_run_of_tiny_steps_is_seen_to_its_end() -> None:
    found = sampled_steps(0.02, step=1e-4, cost=1e-2, count=300)
    assert found[-1] > 300 * 7 / 8 - 1
    assert len(found) < 45


def test_a_resumed_run_is_sampled_from_its_first_step_on() -> None:
    assert sampled_steps(0.02, 1.0, 1e9, 100, first=5000) == [
        each + 5000 for each in sampled_steps(0.02, 1.0, 1e9, 100)
    ]


def probed_steps(cost: float, count: int, first: int = 0) -> list[int]:
    schedule, found = Schedule(0.02, first), []
    for i in range(first, first + count):
        schedule.took(1.0)
        if schedule.probed(i):
            assert schedule.sampled(i)
            found.append(i)
            schedule.probe(i, cost)
        if schedule.sampled(i):
            schedule.cost(i, 0.01)
    return found


def test_probes_begin_early_and_are_at_most_every_fourth_step() -> None:
    found = probed_steps(0.0, 1000)
    assert found[:5] == [2, 6, 10, 14, 18]
    assert set(np.diff(found[5:])) == {NEAREST}, "only sampled steps are probed"


def test_dear_probes_are_twice_as_far_apart_each_time_until_the_share_allows_more() -> None:
    found = probed_steps(1.5, 20_000)
    assert found[:5] == [2, 6, 12, 29, 59], "on sampled steps"
    assert set(np.diff([each for each in found if each > 4000])) == {1000}, "1.5 / (0.02 * 0.15 / 2)"
    dear = probed_steps(1e9, 10_000)
    assert len(dear) < 15
    assert dear[-1] > 10_000 / 2
    assert probed_steps(1e9, 500, first=7) == [each + 7 for each in probed_steps(1e9, 500)]


batches = st.lists(
    st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=8), min_size=1, max_size=6
)  # each a batch of one column


@settings(deadline=None)  # others may keep the machine busy
@given(batches, st.sampled_from([0.0, 1e6]))
def test_running_statistics_are_those_of_everything_at_once(values: list[list[float]], shift: float) -> None:
    running = Running(1)
    for batch in values:
        column = torch.tensor(batch, dtype=torch.float64).unsqueeze(1) + shift
        running.merge(len(batch), column_summary(column).numpy().ravel())
    every = np.concatenate(values) + shift
    mean, std, low, high = running.figures()[:, 0]
    assert mean == pytest.approx(every.mean(), rel=1e-5, abs=1e-5)
    assert (low, high) == (np.float32(every.min()), np.float32(every.max()))
    if len(every) > 1:
        assert std == pytest.approx(every.std(ddof=1), rel=1e-3, abs=1e-2)
    else:
        assert math.isnan(std)


@settings(deadline=None)  # others may keep the machine busy
@given(st.lists(st.sampled_from([math.nan, math.inf, -math.inf, 0.0]), min_size=1, max_size=5))
def test_statistics_of_what_is_not_finite_raise_nothing(values: list[float]) -> None:
    running = Running(1)
    running.merge(len(values), column_summary(torch.tensor(values).unsqueeze(1)).numpy().ravel())
    assert running.figures().shape == (4, 1)


@pytest.mark.parametrize(
    ("shape", "columns"),
    [((5,), 1), ((5, 3), 3), ((5, 7, 3), 3), ((5, 3, 8, 8), 3), ((2, 3, 4, 4, 4), 3), ((5, 1000), COLUMNS), ((), 1)],
)
def test_columns_are_features_or_channels(shape: tuple[int, ...], columns: int) -> None:
    assert columns_last(torch.rand(shape)).shape[1] == columns


def test_large_batches_are_thinned_evenly() -> None:
    images = torch.rand(16, 3, 128, 128)
    table = columns_last(images)
    assert 40_000 < table.numel() < 200_000
    assert table.mean(0).tolist() == pytest.approx(images.mean((0, 2, 3)).tolist(), abs=0.02)
    assert 512 <= columns_last(torch.rand(4096, 784)).shape[0] < 4096


def test_chosen_columns_span_all() -> None:
    chosen = chosen_columns(1000)
    assert (chosen[0], chosen[-1], len(set(chosen))) == (0, 999, COLUMNS)
    assert chosen_columns(3) == [0, 1, 2]


def test_what_is_no_class_is_not_counted() -> None:
    assert class_counts(torch.tensor([0, 1, 1, -100, 7]), 3).tolist() == [1, 2, 0]


def test_dead_units_need_enough_samples_and_come_back_to_life() -> None:
    deadness, silent, alive = Deadness(), np.array([0.0, 1.0]), np.array([1.0, 1.0])
    deadness.add(silent, ENOUGH - 1)
    assert deadness.dead() is None
    deadness.add(silent, 1)
    assert deadness.dead() == (1, 2)
    deadness.add(alive, 10)
    assert deadness.dead() == (0, 2), "it has spoken just now"
    for _ in range(2):
        deadness.add(silent, ENOUGH)
    assert deadness.dead() == (1, 2), "what it said is long ago"


def test_a_unit_that_is_not_a_number_is_not_dead() -> None:
    deadness = Deadness()
    deadness.add(np.array([math.nan, 0.0]), ENOUGH)
    assert deadness.dead() == (1, 2)


@settings(deadline=None)  # others may keep the machine busy
@given(st.lists(st.integers(1, 24), min_size=1, max_size=4), st.integers(0, 1000), st.booleans())
def test_a_sample_is_small_and_keeps_the_units(shape: list[int], turn: int, second: bool) -> None:
    values = torch.arange(math.prod(shape), dtype=torch.float32).reshape(shape)
    small = sample(values, turn, channels_second=second)
    units = 1 if len(shape) == 1 else shape[1] if len(shape) == 4 or (len(shape) == 3 and second) else shape[-1]
    assert small.shape[2] == units
    assert small.numel() <= 2 * ELEMENTS
    assert torch.isin(small, values).all()
    assert small.data_ptr() != values.data_ptr() or small.numel() == values.numel()


def test_another_turn_takes_other_samples() -> None:
    values = torch.arange(4096.0).unsqueeze(1).expand(4096, 512)
    assert set(sample(values, 0)[:, 0, 0].tolist()).isdisjoint(sample(values, 1)[:, 0, 0].tolist())


@pytest.mark.parametrize("function", [torch.relu, torch.tanh, torch.sigmoid])
def test_functions_are_recognised_by_value(function: object) -> None:
    before = torch.randn(8, 1, 16)
    assert recognised(function(before), before) == function.__name__  # type: ignore[operator, attr-defined]


def test_a_pooled_rectifier_is_recognised_and_a_linear_path_is_not() -> None:
    before = torch.randn(8, 16, 16)
    assert recognised(torch.relu(before)[:, ::2], before) == "relu"
    assert recognised(before * 2, before) is None
    assert recognised(before.abs() + 0.1, before) is None
    assert recognised(torch.zeros(before.shape[0], 3), before) is None, "the state in which a recurrence begins"


@pytest.mark.parametrize(
    ("loss", "prediction", "target"),
    [
        (nn.CrossEntropyLoss(label_smoothing=0.1), torch.randn(8, 3), torch.arange(8) % 3),
        (nn.CrossEntropyLoss(), torch.randn(8, 3, 5), torch.arange(40).reshape(8, 5) % 3),
        (nn.BCEWithLogitsLoss(), torch.randn(8), torch.ones(8)),
        (nn.MSELoss(), torch.randn(8, 2), torch.randn(8, 2)),
        (nn.functional.l1_loss, torch.randn(8, 2), torch.randn(8, 2)),
    ],
)
def test_losses_by_sample_have_the_batch_s_loss_as_their_mean(
    loss: nn.Module, prediction: torch.Tensor, target: torch.Tensor
) -> None:
    losses = loss_by_sample(loss, prediction, target)
    assert losses is not None
    assert losses.shape == (8,)
    assert float(losses.mean()) == pytest.approx(float(loss(prediction, target)), rel=1e-5)


def test_a_loss_of_the_user_s_own_has_no_losses_by_sample() -> None:
    class Mine(nn.MSELoss):
        pass

    assert loss_by_sample(Mine(), torch.zeros(3), torch.zeros(3)) is None
    assert loss_by_sample(lambda a, b: (a - b).mean(), torch.zeros(3), torch.zeros(3)) is None


def test_tasks_are_told_from_the_loss_or_from_the_target() -> None:
    logits, classes, reals = torch.randn(4, 3), torch.arange(4) % 3, torch.randn(4, 3)
    assert task_of(nn.CrossEntropyLoss(), logits, classes) == "classification"
    assert task_of(nn.BCEWithLogitsLoss(), reals, reals) == "binary"
    assert task_of(nn.functional.mse_loss, reals, reals) == "regression"
    assert task_of(lambda a, _: a, logits, classes) == "classification"
    assert task_of(lambda a, _: a, reals, reals) is None
    binary = Batch(nn.BCEWithLogitsLoss(), torch.randn(4, 1), torch.tensor([[0.0], [1.0], [1.0], [1.0]]))
    assert binary.counts().tolist() == [1, 3]  # type: ignore[union-attr]


def test_parts_of_a_tensor_are_evenly_spaced_runs() -> None:
    values = torch.arange(100_000)
    chosen = part(values, 1024).flatten()
    assert len(chosen) == 1024
    assert chosen[:RUN].tolist() == list(range(RUN))
    assert chosen[-1] > 98_000
    assert part(values, 200_000).tolist() == values.tolist()


@pytest.mark.parametrize("total", [16384, 16400, 17000, 40_000])
def test_a_large_tensor_s_change_is_seen_whatever_its_size(total: int) -> None:
    parameters = {"odd": torch.zeros(total), "large": torch.zeros(1 << 21)}
    updates = Updates(parameters)
    parameters["odd"] += 1.0
    found = updates.scaled(
        dict(zip(*(each.tolist() if isinstance(each, torch.Tensor) else each for each in updates.norms()), strict=True))
    )
    assert found["odd"] == pytest.approx(total**0.5, rel=1e-3)
    assert found["large"] == 0


def test_a_change_is_seen_of_parameters_that_lie_elsewhere_after_the_step_and_of_transposed_ones() -> None:
    parameters = {name: nn.Parameter(torch.zeros(2048, 1024)) for name in ("moved", "still")}
    parameters["transposed"] = nn.Parameter(torch.zeros(1024, 2048).t())
    updates = Updates(parameters)
    parameters["moved"].data = torch.ones(2048, 1024)  # as optimizers do that gather what is spread over processes
    with torch.no_grad():
        parameters["transposed"] += 1.0
    found = updates.scaled(
        dict(zip(*((each if isinstance(each, list) else each.tolist()) for each in updates.norms()), strict=True))
    )
    assert found["moved"] == pytest.approx(2048**0.5 * 1024**0.5, rel=1e-3)
    assert found["transposed"] == pytest.approx(found["moved"], rel=1e-3)
    assert found["still"] == 0


def test_the_cosine_of_sketches_is_near_that_of_the_whole() -> None:
    one = {"a": torch.randn(300, 300), "b": torch.randn(50)}
    other = {name: each * 0.5 + torch.randn_like(each) * 0.5 for name, each in one.items()}
    whole = torch.nn.functional.cosine_similarity(
        torch.cat([each.flatten() for each in one.values()]),
        torch.cat([each.flatten() for each in other.values()]),
        dim=0,
    )
    found = cosine(sketch(one), sketch(other))
    assert found is not None
    assert float(found) == pytest.approx(float(whole), abs=0.03)
    assert cosine(sketch(one), {}) is None


def test_tensors_come_back_as_they_went() -> None:
    tensors = [
        torch.tensor(2),
        torch.tensor([1.5, 2.5]),
        torch.zeros(2, 2).half(),
        torch.tensor([True]),
        torch.zeros(0),
    ]
    assert [each.tolist() for each in fetch(tensors)] == [[2], [1.5, 2.5], [0, 0, 0, 0], [1], []]
    assert fetch([]) == []
    seen: list[list[float]] = []
    transfer = Transfer()
    transfer.add([tensors[1]], lambda values: seen.append(values[0].tolist()))
    transfer.deliver()
    transfer.deliver()
    assert seen == [[1.5, 2.5]]


def test_the_first_floating_tensor_is_found_in_what_modules_return() -> None:
    wanted = torch.rand(2)
    assert first_tensor({"ids": torch.arange(2), "more": (None, [wanted])}) is wanted
    assert first_tensor("nothing") is None


def test_very_many_classes_are_not_counted_one_by_one() -> None:
    few = Batch(nn.CrossEntropyLoss(), torch.randn(4, CLASSES), torch.arange(4))
    many = Batch(nn.CrossEntropyLoss(), torch.randn(4, CLASSES + 1), torch.arange(4))
    assert few.counts() is not None
    assert many.counts() is None
    assert many.classes == CLASSES + 1, "which is still told"


def test_what_is_made_later_is_made_of_copies_when_it_is_fetched() -> None:
    made: list[str] = []

    def make() -> list[torch.Tensor]:
        made.append("now")
        return [torch.ones(2)]

    transfer, seen = Transfer(), []
    transfer.add(later(make, [torch.ones(1)]), seen.append, holds=[torch.zeros(10)])
    assert (made, transfer.weight) == ([], 40)
    transfer.seal()
    transfer.deliver()
    assert made == ["now"]
    assert seen[0][0].tolist() == [1, 1]
