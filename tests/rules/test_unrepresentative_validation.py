from __future__ import annotations

import math

import pytest
from made import falling, form

from tb_lossdiag.rules.unrepresentative_validation import unrepresentative_validation
from tb_lossdiag.signals.splits import Shift

SOUND = {"spread": 1.0, "chance_spread": 0.05, "inputs": 0.0, "features": (("x3", 1.2), ("x1", -0.4))}


def signals(validation: float, samples: int = 500, **shift: object) -> dict[str, object]:
    return {
        "val_shift": Shift(samples, **SOUND | shift),  # type: ignore[arg-type]
        "train_shape": form(falling(2.3, 0.1)),
        "eval_shape": form(falling(2.3, validation, 20)),
        "split_sizes": {"train": 2000, "val": samples},
    }


SICK = signals(0.9, inputs=1.0)
HEALTHY = signals(0.15)


@pytest.mark.parametrize(("inputs", "found"), [(0.24, False), (0.26, True)])
def test_threshold_of_the_inputs(inputs: float, found: bool) -> None:
    assert (unrepresentative_validation.check(**signals(0.9, inputs=inputs)) is not None) == found


@pytest.mark.parametrize(
    ("shift", "word"), [({"spread": 16.0}, "scaled"), ({"target": 2.0}, "targets"), ({"unseen": 0.4}, "classes")]
)
def test_each_way_of_differing_is_named(shift: dict[str, float], word: str) -> None:
    finding = unrepresentative_validation.check(**signals(0.9, **shift))
    assert finding is not None
    assert word in finding.summary


@pytest.mark.parametrize("spread", [1.3, 1 / 1.3])
def test_a_spread_that_differs_by_chance_is_none(spread: float) -> None:
    assert unrepresentative_validation.check(**signals(0.9, spread=spread)) is None


def test_a_network_that_memorises_does_worse_on_data_that_look_the_same() -> None:
    assert unrepresentative_validation.check(**signals(1.5)) is None


def test_data_that_differ_and_do_no_harm_are_left_alone() -> None:
    assert unrepresentative_validation.check(**signals(0.12, inputs=2.0)) is None


def test_what_is_not_known_is_no_difference() -> None:
    unknown = {"inputs": math.nan, "spread": math.nan, "chance_spread": math.nan, "features": ()}
    assert unrepresentative_validation.check(**signals(0.9, **unknown)) is None


@pytest.mark.parametrize(("samples", "found"), [(31, False), (29, True)])
def test_a_handful_of_samples_is_worth_a_note(samples: int, found: bool) -> None:
    finding = unrepresentative_validation.check(**signals(0.15, samples))
    assert (finding is not None) == found
    assert finding is None or finding.severity == "info"
