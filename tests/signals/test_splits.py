"""Signals about how splits differ, and what batches are made of."""

from __future__ import annotations

import math

import numpy as np
import pytest
from made import flat, form

from tb_lossdiag.series import Packed, Run, Series, series
from tb_lossdiag.signals import Signals, splits
from tb_lossdiag.signals.splits import Gap

RNG = np.random.default_rng(5)


def moments(group: str, split: str, mean: list[float], std: list[float], events: int = 3) -> Packed:
    """A group whose running statistics stand still."""
    row = np.array([mean, std, mean, mean], dtype=np.float32)
    columns = tuple(f"c{i}" for i in range(len(mean)))
    return Packed(group, split, ("mean", "std", "min", "max"), columns, np.arange(events), np.stack([row] * events))


def counts(group: str, split: str, rows: list[list[float]]) -> Packed:
    values = np.array(rows, dtype=np.float32)[:, None, :]
    columns = tuple(map(str, range(values.shape[2])))
    return Packed(group, split, ("count",), columns, np.arange(len(rows)), values)


def signals(*packed: Packed, loss: str = "CrossEntropyLoss", shape: list[int] | None = None) -> Signals:
    model = {"loss": {"type": loss, "settings": {}}, "batch_size": 32, "target": {"shape": shape or []}}
    data = {"train_size": 1000, "val_size": 100, "test_size": 100, "shuffled": False}
    return Signals(Run("a", {}, packed, {"models": {"": model}, "data": data}))


def test_a_shift_is_counted_in_deviations_of_training_beyond_chance() -> None:
    train = moments("inputs", "train", [0.0, 10.0], [1.0, 2.0])
    found = signals(train, moments("inputs", "val", [1.0, 12.0], [1.0, 2.0])).get("val_shift")
    assert found.inputs == pytest.approx(1.0, abs=0.02)
    assert found.spread == pytest.approx(1.0)
    assert dict(found.features) == pytest.approx({"c0": 1.0, "c1": 1.0})


def test_what_a_hundred_samples_wobble_by_is_no_shift() -> None:
    train = moments("inputs", "train", [0.0, 10.0], [1.0, 2.0])
    found = signals(train, moments("inputs", "val", [0.1, 10.2], [1.0, 2.0])).get("val_shift")
    assert found.inputs == 0


def test_a_pixel_that_is_nearly_always_black_moves_by_little() -> None:
    train = moments("inputs", "train", [0.0, 0.0, 0.0], [1.0, 1.0, 1e-3])
    found = signals(train, moments("inputs", "val", [0.0, 0.0, 0.1], [1.0, 1.0, 0.5])).get("val_shift")
    assert found.inputs == 0
    assert found.spread == pytest.approx(1.0)


def test_inputs_that_do_not_vary_have_no_shift() -> None:
    train = moments("inputs", "train", [0.7, 0.7], [1e-8, 0.0])
    assert math.isnan(signals(train, moments("inputs", "val", [0.7, 0.9], [0.1, 0.1])).get("val_shift").inputs)


def test_splits_with_other_columns_are_not_compared() -> None:
    train = moments("inputs", "train", [0.0, 10.0], [1.0, 2.0])
    assert signals(train, moments("inputs", "val", [1.0], [1.0])).get("val_shift") is None
    assert signals(train).get("val_shift") is None


def test_classes_that_training_hardly_holds_are_unseen() -> None:
    found = signals(counts("targets", "train", [[50, 50, 1]]), counts("targets", "test", [[10, 10, 20]])).get(
        "test_shift"
    )
    assert found.unseen == pytest.approx(0.5)
    assert found.train_evenness < found.evenness < 1


def test_tokens_of_another_kind_are_told_and_other_words_of_the_same_kind_are_not() -> None:
    words = np.concatenate([RNG.dirichlet(np.full(100, 0.3)), np.zeros(100)])
    ids = [
        counts("ids", split, [[900, *RNG.multinomial(size, words)]])
        for split, size in (("train", 20_000), ("val", 800))
    ]
    assert signals(*ids).get("val_shift").ids < 0.02
    foreign = counts("ids", "val", [[0, *RNG.multinomial(800, words[::-1])]])
    assert signals(ids[0], foreign).get("val_shift").ids > 0.6
    padding = counts("ids", "val", [[500, *[0] * 200]])
    assert math.isnan(signals(ids[0], padding).get("val_shift").ids)


def test_regression_targets_shift_in_deviations_too() -> None:
    train, val = moments("targets", "train", [0.0], [2.0]), moments("targets", "val", [4.0], [2.0])
    assert signals(train, val, loss="MSELoss").get("val_shift").target == pytest.approx(2.0, abs=0.02)
    still = moments("targets", "train", [0.0], [0.0])
    assert math.isnan(signals(still, val, loss="MSELoss").get("val_shift").target)


def test_a_blind_guess_is_judged_on_validation_labels() -> None:
    found = signals(counts("targets", "train", [[75, 25]]), counts("targets", "val", [[50, 50]])).get("val_prior_loss")
    assert found == pytest.approx(-0.5 * (math.log(0.75) + math.log(0.25)))
    train, val = moments("targets", "train", [0.0], [1.0]), moments("targets", "val", [1.0], [1.0])
    assert signals(train, val, loss="MSELoss").get("val_prior_loss") == pytest.approx(2.0)


def test_no_blind_guess_is_known_for_other_losses_or_unseen_classes() -> None:
    train, val = counts("targets", "train", [[75, 0]]), counts("targets", "val", [[50, 50]])
    assert signals(train, val).get("val_prior_loss") is None
    assert signals(train, val, loss="L1Loss").get("val_prior_loss") is None
    assert signals(train).get("val_prior_loss") is None
    assert signals(train, counts("targets", "val", [[1, 1, 1]])).get("val_prior_loss") is None
    two, one = moments("targets", "train", [0.0], [1.0]), moments("targets", "val", [1.0, 1.0], [1.0, 1.0])
    assert signals(two, one, loss="MSELoss").get("val_prior_loss") is None


def test_the_gap_is_counted_in_what_was_gained_and_in_errors() -> None:
    train = form(series(*np.linspace(2.1, 0.1, 50)))
    gap = splits.test_gap.function(train, series(2.0, 0.5), {"test": 100}, series(2.0, 0.1))
    assert gap == Gap(0.1, 0.5, pytest.approx(0.2, rel=0.05), pytest.approx(20.0))
    assert splits.test_gap.function(train, series(0.5), {"val": 100}, series(2.0, 0.1)) is None
    assert splits.test_gap.function(train, series(0.5), {"test": 100}, series(2.0, 3.0)) is None
    assert splits.test_gap.function(train, series(0.5), {"test": 100}, series(math.nan)) is None


def test_without_validation_the_gap_is_that_to_training() -> None:
    train = form(series(*np.linspace(2.1, 0.1, 50)))
    gap = splits.test_gap.function(train, series(0.5), {"test": 100})
    assert splits.test_gap.function(train, series(2.0, 0.5), {"test": 100}) is None, "that is validation"
    assert gap == Gap(train.last, 0.5, pytest.approx(0.2, abs=0.03), pytest.approx(20.0, rel=0.3), "training")


def test_test_data_that_are_evaluated_again_and_again_with_no_others_are_validation_data() -> None:
    moved = moments("inputs", "train", [0.0], [1.0]), moments("inputs", "test", [2.0], [1.0])
    data = {"data": {"train_size": 1000, "test_size": 100}}
    for points, found in ((1, False), (2, True)):
        run = Run("a", {"loss/test": flat(0.5, points)}, moved, data)
        assert (Signals(run).get("val_shift") is not None) == found
    both = Run("a", {"loss/test": flat(0.5, 2), "loss/val": flat(0.5, 2)}, moved, data)
    assert Signals(both).get("val_shift") is None


def test_sizes_are_those_that_were_counted() -> None:
    assert signals().get("split_sizes") == {"train": 1000, "val": 100, "test": 100}
    assert Signals(Run("a", {}, (), {"data": {"val_size": None}})).get("split_sizes") is None
    assert Signals(Run("a", {}, (), {"data": 3})).get("val_shift") is None


def batches(order: np.typing.NDArray[np.int64], size: int = 32, classes: int = 4) -> Packed:
    rows = [np.bincount(part, minlength=classes).tolist() for part in np.array_split(order, len(order) // size)]
    return counts("batch", "train", rows)


def test_shuffled_batches_differ_by_chance_and_sorted_ones_by_much_more() -> None:
    labels = np.repeat(np.arange(4), 320)
    apart = signals(batches(RNG.permutation(labels))).get("composition")
    assert 0.6 < apart.excess < 1.5
    assert abs(apart.alike) < 0.3
    together = signals(batches(labels)).get("composition")
    assert together.excess > 20
    assert together.alike > 0.7


@pytest.mark.parametrize(
    ("put_out", "scores", "by_sample"),
    [([250, 4], [4], False), ([4, 8, 8], [4], False), ([4], [4], True), ([16], [1], True), (None, [4], True)],
)
def test_places_of_a_sequence_that_the_loss_takes_for_samples_go_together(
    put_out: list[int] | None, scores: list[int], by_sample: bool
) -> None:
    run = signals(batches(np.repeat(np.arange(4), 320)))._run
    more = {"output": {"shape": scores}, "modules": [{"name": "", "out_shape": put_out}]}
    model = run.facts["models"][""] | more
    found = Signals(Run("a", {}, run.packed, run.facts | {"models": {"": model}})).get("composition")
    assert found.by_sample == by_sample


def test_the_mean_target_of_each_batch_is_won_back_from_the_running_mean() -> None:
    values = np.sort(RNG.normal(size=640)).reshape(20, 32)
    running = [(float(values[: i + 1].mean()), float(values[: i + 1].std())) for i in range(20)]
    rows = np.array([[[mean], [std], [0], [0]] for mean, std in running], dtype=np.float32)
    packed = Packed("targets", "train", ("mean", "std", "min", "max"), ("y",), np.arange(20), rows)
    found = signals(packed, loss="MSELoss").get("composition")
    assert found.excess > 15
    assert found.alike > 0.6
    assert found.classes == 0


def means(values: np.typing.NDArray[np.float64], steps: list[int]) -> Packed:
    """The running statistics of batches whose own means these are, one at each step."""
    many = np.arange(1, len(values) + 1)
    rows = np.array([[[mean], [1.0], [0], [0]] for mean in np.cumsum(values) / many], dtype=np.float32)
    return Packed("targets", "train", ("mean", "std", "min", "max"), ("y",), np.array(steps), rows)


LOOKS = [*range(20), *(int(20 * 1.2**i) for i in range(1, 25))]


def test_what_changed_once_is_no_order_and_what_changes_for_good_slides() -> None:
    chance = RNG.normal(0, 0.17, len(LOOKS))
    once = signals(means(chance + np.where(np.array(LOOKS) < 30, 2.0, 0.0), LOOKS), loss="MSELoss").get("composition")
    assert once.excess < 2
    slide = chance - np.log1p(np.array(LOOKS))
    good = signals(means(slide, LOOKS), loss="MSELoss").get("composition")
    assert good.excess > 3
    assert good.slides > 0.7
    order = np.linspace(-1.5, 1.5, 10)[np.array(LOOKS) % 10] + chance
    anew = signals(means(order, LOOKS), loss="MSELoss").get("composition")
    assert anew.excess > 3
    assert anew.slides < 0.5


def test_too_few_batches_or_one_class_have_no_order() -> None:
    assert signals(batches(np.repeat(np.arange(4), 32))).get("composition") is None
    assert signals(counts("batch", "train", [[32, 0]] * 20)).get("composition") is None
    assert signals(moments("targets", "train", [1.0], [0.0], 20), loss="MSELoss").get("composition") is None
    assert signals(moments("targets", "train", [1.0], [1.0], 3), loss="MSELoss").get("composition") is None
    assert signals().get("composition") is None
    apart = counts("batch", "train", [[16, 16], [20, 12]] * 10)
    steps = Packed("batch", "train", ("count",), ("0", "1"), np.arange(20) * 5, apart.values)
    assert signals(steps).get("composition") is None


def test_many_targets_a_sample_are_known_from_the_facts() -> None:
    packed = batches(RNG.permutation(np.repeat(np.arange(4), 320)))
    assert signals(packed).get("composition").by_sample
    assert not signals(packed, shape=[32]).get("composition").by_sample
    assert Signals(Run("a", {}, (packed,))).get("composition").by_sample


def test_the_loader_says_whether_it_shuffles() -> None:
    assert signals().get("shuffled") is False
    assert Signals(Run("a", {}, (), {"data": {"shuffled": None}})).get("shuffled") is None


def test_the_losses_of_samples_are_figures_over_steps() -> None:
    rows = np.array([[[1.0], [9.0]], [[2.0], [8.0]]], dtype=np.float32)
    packed = Packed("losses", "train", ("p50", "p95"), ("loss",), np.array([3, 4]), rows)
    found = signals(packed).get("sample_losses")
    assert isinstance(found["p95"], Series)
    assert found["p95"].values.tolist() == [9.0, 8.0]
    assert signals().get("sample_losses") is None


def test_noise_adds_to_the_variance_and_another_situation_moves_the_means() -> None:
    train = moments("inputs", "train", [0.0, 10.0], [1.0, 2.0])
    noisy = signals(train, moments("inputs", "val", [0.3, 10.6], [1.5, 3.0])).get("val_shift")
    assert noisy.scatter == pytest.approx(1.25)
    assert noisy.noisy
    assert not signals(train, moments("inputs", "val", [1.0, 12.0], [1.0, 2.0])).get("val_shift").noisy


def test_a_column_that_never_varied_and_now_does_moves_no_mean() -> None:
    train = moments("inputs", "train", [0.0, 0.0], [1.0, 0.0])
    found = signals(train, moments("inputs", "val", [1.0, 500.0], [1.0, 9000.0])).get("val_shift")
    assert found.inputs == pytest.approx(1.0, abs=0.02)


def of(samples: int, *packed: Packed) -> Signals:
    run = signals(*packed)._run  # the same run with a smaller training set
    return Signals(Run("a", {}, run.packed, run.facts | {"data": run.facts["data"] | {"train_size": samples}}))


def test_a_tiny_training_set_has_means_and_classes_of_its_own() -> None:
    inputs = moments("inputs", "train", [0.0], [1.0], 200), moments("inputs", "val", [0.3], [1.0])
    labels = counts("targets", "train", [[20.0, 20.0, 0.0]]), counts("targets", "val", [[45.0, 45.0, 10.0]])
    tiny, large = of(30, *inputs, *labels).get("val_shift"), of(1000, *inputs).get("val_shift")
    assert tiny.inputs == 0
    assert tiny.unseen == 0
    assert large.inputs > 0.2
    assert tiny.chance_spread > large.chance_spread


def test_pixels_of_a_channel_leave_less_to_chance() -> None:
    figures = ("seen", "distinct", "in_val", "in_test", "values")
    row = np.array([[[100.0], [90.0], [0.0], [0.0], [64.0]]], dtype=np.float32)
    told = Packed("samples", "train", figures, ("input",), np.arange(1), row)
    pair = moments("inputs", "train", [0.0], [1.0]), moments("inputs", "val", [0.0], [1.0])
    plain, pixels = signals(*pair).get("val_shift"), signals(*pair, told).get("val_shift")
    assert pixels.chance_spread == pytest.approx(plain.chance_spread / math.sqrt(8))


@pytest.mark.parametrize(("batch", "share", "known"), [(1, 0.06, False), (8, 0.06, True), (8, 0.02, False)])
def test_words_that_were_seen_once_or_twice_have_no_spread(batch: int, share: float, known: bool) -> None:
    """Of sixty samples, or of eight times as many, beside a hundred of validation, where a word must be seen, too."""
    row = np.array([[share] * 2, [math.sqrt(share)] * 2, [0.0] * 2, [1.0] * 2], dtype=np.float32)
    names = ("mean", "std", "min", "max")
    train = Packed("inputs", "train", names, ("a", "b"), np.arange(60), np.stack([row] * 60))
    other = Packed("inputs", "val", names, ("a", "b"), np.arange(1), (row * [[0.2], [0.45], [1.0], [1.0]])[None])
    run = signals(train, other)._run
    model = run.facts["models"][""] | {"batch_size": batch, "input": {"shape": [2]}}
    found = Signals(Run("a", {}, run.packed, run.facts | {"models": {"": model}})).get("val_shift")
    assert math.isfinite(found.spread) == known


def test_what_an_earlier_training_has_learnt_counts_as_gained() -> None:
    train = form(series(*np.linspace(0.15, 0.1, 50)))
    tuned = splits.test_gap.function(train, series(0.15, 0.15), {"test": 1000}, series(0.14, 0.1))
    known = splits.test_gap.function(train, series(0.15, 0.15), {"test": 1000}, series(0.14, 0.1), 2.3)
    assert tuned.share > 0.5
    assert known.share == pytest.approx(0.05 / 2.2)
