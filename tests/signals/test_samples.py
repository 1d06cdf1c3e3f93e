"""Signals about single samples: fingerprints counted."""

from __future__ import annotations

import math

import numpy as np
import pytest
from made import flat, form, line

from tb_lossdiag.rules.batch_too_large import batch_too_large
from tb_lossdiag.series import Packed, Run
from tb_lossdiag.signals import Signals

FIGURES = ("seen", "distinct", "in_val", "in_test", "values")


def run(*rows: list[float], size: int | None = 1000, figures: tuple[str, ...] = FIGURES) -> Signals:
    values = np.array(rows, dtype=np.float32)[:, :, None]
    packed = Packed("samples", "train", figures, ("input",), np.arange(len(rows)), values)
    return Signals(Run("a", {}, [packed], {"data": {"train_size": size} if size else {}}))


def test_the_last_count_holds_and_chance_says_how_many_are_expected() -> None:
    found = run([32, 32, 0, 0, 64], [1000, 630, 63, 0, 64]).get("samples")
    assert found.distinct == 630
    assert found.expected == pytest.approx(1000 * (1 - math.exp(-1)))
    assert found.kept == pytest.approx(1.0, abs=0.01)
    assert found.shared == pytest.approx(0.1)


@pytest.mark.parametrize(("values", "known"), [(1, False), (3, False), (4, True)])
def test_samples_of_a_number_or_two_are_the_same_by_nature(values: int, known: bool) -> None:
    """As ages are, of which there are a hundred, in a training set of thousands."""
    assert math.isnan(run([700, 87, 0, 0, values]).get("samples").kept) != known


def test_of_a_set_of_unknown_size_nothing_is_expected() -> None:
    found = run([1000, 8, 0, 0, 64], size=None).get("samples")
    assert math.isnan(found.expected)
    assert math.isnan(found.kept)


def test_nothing_distinct_shares_nothing() -> None:
    assert math.isnan(run([10, 0, 0, 0, 64]).get("samples").shared)


def test_without_counts_there_is_no_signal() -> None:
    assert Signals(Run("a")).get("samples") is None
    assert run([0, 0, 0, 0, 64]).get("samples") is None
    assert run([5, 5], figures=("seen", "distinct")).get("samples") is None


@pytest.mark.parametrize(("first", "apart"), [([320, 320], True), ([320, 300], False), ([150, 150], False)])
def test_samples_that_do_not_repeat_by_nature_are_known_without_their_number(first: list[float], apart: bool) -> None:
    """Before the second epoch: how many differ of the first hundreds; of fewer it is not told."""
    found = run([*first, 0, 0, 64], [3000, 1290, 395, 0, 64], size=None).get("samples")
    assert (found.kept == 1.0) == apart
    assert math.isnan(found.kept) != apart


def test_of_a_few_categories_some_agree_in_all_sooner_or_later() -> None:
    assert math.isnan(run([320, 320, 0, 0, 4], [3000, 1290, 395, 0, 4], size=None).get("samples").kept)


@pytest.mark.parametrize(
    ("seen", "distinct", "count"), [(24_000, 4000, 4010), (1000, 630, 1000), (5000, 5000, None), (3e5, 65_536, None)]
)
def test_samples_that_come_again_tell_how_many_there_are(seen: float, distinct: float, count: float | None) -> None:
    found = run([seen, distinct, 0, 0, 64], size=None).get("sample_count")
    assert found == (None if count is None else pytest.approx(count, rel=0.02))


def test_the_loader_knows_better() -> None:
    assert run([1000, 100, 0, 0, 64], size=700).get("sample_count") == 700


@pytest.mark.parametrize(
    ("losses", "evaluations", "found"),
    [(43, 30, 43 * 32), (43, 31, 43 * 32), (43, 6, None), (12, 30, None), (None, 30, None)],
)
def test_where_a_step_is_taken_from_one_evaluation_to_the_next_its_losses_are_an_epoch_s(
    losses: int | None, evaluations: int, found: int | None
) -> None:
    curves = {"loss/train": line(2.3, 2.2, points=30), "loss/val": line(2.3, 2.2, points=evaluations)}
    model = {"losses_per_step": losses, "batch_size": 32}
    assert Signals(Run("a", curves, [], {"models": {"": model}})).get("sample_count") == found


def test_a_step_an_epoch_is_told_though_nobody_says_how_many_samples_there_are() -> None:
    run = {"grad_cosine": flat(0.3), "update_ratio": flat(0.01), "train_shape": form(line(2.3, 2.2, points=30))}
    finding = batch_too_large.check(**run, loss_left=0.96, batch_size=32, sample_count=43 * 32, losses_per_step=43)
    assert finding is not None
    assert "one step an epoch" in finding.summary
