from __future__ import annotations

import numpy as np
import pytest
from made import falling, flat, form, module

from tb_lossdiag.rules.label_noise import label_noise
from tb_lossdiag.signals.data import Targets
from tb_lossdiag.signals.structure import LossFunction


def signals(
    *, train: float = 0.94, val: float = 1.1, accuracy: float = 0.77, p50: float = 0.4, p95: float = 3.7
) -> dict[str, object]:
    return {
        "targets": Targets(counts=np.full(10, 120.0)),
        "loss_function": LossFunction("CrossEntropyLoss", {}),
        "train_shape": form(falling(2.3, train)),
        "eval_shape": form(falling(2.3, val, 20)),
        "sample_losses": {"p05": flat(0.1), "p50": flat(p50), "p95": flat(p95), "max": flat(5.0)},
        "val_accuracy": flat(accuracy, 20),
    }


SICK = signals()
HEALTHY = signals(train=0.1, val=0.13, accuracy=0.96, p50=0.02, p95=0.6)


@pytest.mark.parametrize(("p95", "found"), [(2.5, False), (2.6, True)])
def test_threshold_is_costlier_than_an_even_guess(p95: float, found: bool) -> None:
    assert (label_noise.check(**signals(p95=p95)) is not None) == found


@pytest.mark.parametrize(("val", "found"), [(0.80, False), (0.87, True)])
def test_threshold_is_what_even_mistakes_cost(val: float, found: bool) -> None:
    assert (label_noise.check(**signals(train=0.7, val=val)) is not None) == found


def test_it_says_how_many_labels_are_wrong() -> None:
    finding = label_noise.check(**SICK)
    assert finding is not None
    assert "20\N{NO-BREAK SPACE}%" in finding.summary or "21\N{NO-BREAK SPACE}%" in finding.summary


def test_wrong_labels_in_training_only_are_found_too() -> None:
    assert label_noise.check(**signals(val=0.47, accuracy=0.93)) is not None


def test_hard_data_with_right_labels_does_better_than_even_mistakes() -> None:
    assert label_noise.check(**signals(train=0.65, val=0.72, accuracy=0.75, p50=0.3, p95=2.9)) is None


def test_a_network_that_is_unsure_of_everything_is_not_done() -> None:
    assert label_noise.check(**signals(train=1.5, val=1.5, accuracy=0.8, p50=1.4, p95=2.2)) is None


def test_memorised_noise_is_seen_as_overfitting_instead() -> None:
    assert label_noise.check(**signals(train=0.2, val=1.8)) is None


def test_heavy_dropout_two_classes_and_other_losses_are_left_alone() -> None:
    assert label_noise.check(**SICK, modules=(module("drop", "Dropout", 0, p=0.8),)) is None
    assert label_noise.check(**SICK, modules=(module("drop", "Dropout", 0, p=0.2),)) is not None
    assert label_noise.check(**SICK | {"targets": Targets(counts=np.array([600.0, 600.0]))}) is None
    assert label_noise.check(**SICK | {"targets": Targets(mean=np.ones(1), std=np.ones(1))}) is None
    smoothed = LossFunction("CrossEntropyLoss", {"label_smoothing": 0.1})
    assert label_noise.check(**SICK | {"loss_function": smoothed}) is None


def test_figures_that_are_missing_are_no_evidence() -> None:
    assert label_noise.check(**SICK | {"sample_losses": {}}) is None
    assert label_noise.check(**SICK | {"val_accuracy": flat(0.7, 0)}) is None
