from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tb_lossdiag.series import Packed, Run
from tb_lossdiag.signals import Signals

FIGURES = ("loss", "same_batch", "epoch")
VALUES = np.array([[[1, 1], [0, 0], [0, 0]], [[1, 1], [1, 1], [0, 0]], [[1, 1], [0, 0], [1, 1]]], dtype=np.float32)
PACKED = Packed("ranks", "train", FIGURES, ("0", "1"), np.arange(3), VALUES)


def found(*packed: Packed) -> Any:
    return Signals(Run("r", packed=packed)).get("ranks")


def test_they_say_how_often_two_saw_the_same_and_which_epochs_there_were() -> None:
    seen = found(PACKED)
    assert seen is not None
    assert (seen.processes, seen.steps, seen.epochs) == (2, 3, 2.0)
    assert seen.same_batch == pytest.approx(1 / 3)


def test_without_a_sampler_that_shares_out_no_epochs_are_known() -> None:
    values = VALUES.copy()
    values[:, 2] = np.nan
    assert math.isnan(found(replace(PACKED, values=values)).epochs)
    assert math.isnan(found(replace(PACKED, figures=("loss", "same_batch"), values=values[:, :2])).epochs)


@pytest.mark.parametrize(
    "packed",
    [
        (),
        (replace(PACKED, group="batch"),),
        (replace(PACKED, columns=("0",), values=VALUES[:, :, :1]),),
        (replace(PACKED, figures=("loss",), values=VALUES[:, :1]),),
        (replace(PACKED, steps=np.arange(0), values=VALUES[:0]),),
    ],
    ids=["nothing", "another group", "one process", "another figure", "no steps"],
)
def test_one_process_tells_nothing(packed: tuple[Packed, ...]) -> None:
    assert found(*packed) is None
