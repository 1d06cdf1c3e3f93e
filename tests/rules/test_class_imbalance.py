from __future__ import annotations

import numpy as np
import pytest
from made import falling, flat, form

from tb_lossdiag.rules.class_imbalance import class_imbalance
from tb_lossdiag.signals.data import Targets
from tb_lossdiag.signals.splits import Shift


def blind(rare: float, share: float = 1.0, accuracy: float | None = None) -> dict[str, object]:
    """A run with `rare` samples of 1,000 in the rare class, that reaches this share of a blind guess's loss."""
    frequent = 1 - rare / 1000
    prior = float(-(frequent * np.log(frequent) + (1 - frequent) * np.log(1 - frequent)))
    return {
        "targets": Targets(counts=np.array([1000 - rare, rare])),
        "train_shape": form(falling(0.7, share * prior)),
        "eval_shape": form(falling(0.7, share * prior, 20)),
        "val_prior_loss": prior,
        "val_accuracy": flat(frequent if accuracy is None else accuracy, 20),
    }


SICK = blind(30)
HEALTHY = blind(30, share=0.1, accuracy=0.995)


@pytest.mark.parametrize(("share", "found"), [(0.72, False), (0.8, True)])
def test_threshold_is_three_quarters_of_a_blind_guess(share: float, found: bool) -> None:
    assert (class_imbalance.check(**blind(30, share)) is not None) == found


@pytest.mark.parametrize(("rare", "found"), [(115, False), (105, True)])
def test_threshold_is_eight_to_one(rare: float, found: bool) -> None:
    assert (class_imbalance.check(**blind(rare)) is not None) == found


def test_uneven_classes_that_are_learnt_are_no_trouble() -> None:
    assert class_imbalance.check(**blind(5, share=0.2, accuracy=0.999)) is None


def tail(validation: float, evenness: float) -> dict[str, object]:
    counts = np.array([120.0 * 0.6**i for i in range(10)])
    return {
        "targets": Targets(counts=counts),
        "train_shape": form(falling(2.3, 0.1)),
        "eval_shape": form(falling(2.3, validation, 20)),
        "val_shift": Shift(500, unseen=0.0, evenness=evenness, train_evenness=0.5),
    }


def test_balanced_validation_shows_what_a_long_tail_did_not_teach() -> None:
    finding = class_imbalance.check(**tail(1.2, 0.99))
    assert finding is not None
    assert finding.where == ["class 9"]


def test_a_gap_on_validation_data_with_the_same_tail_is_another_trouble() -> None:
    assert class_imbalance.check(**tail(1.2, 0.5)) is None


def test_balanced_validation_that_goes_well_is_fine() -> None:
    assert class_imbalance.check(**tail(0.15, 0.99)) is None


def test_without_classes_or_evaluations_it_is_silent() -> None:
    assert (
        class_imbalance.check(targets=Targets(mean=np.ones(1), std=np.ones(1)), train_shape=form(falling(1, 0.1)))
        is None
    )
    assert class_imbalance.check(targets=SICK["targets"], train_shape=SICK["train_shape"]) is None
