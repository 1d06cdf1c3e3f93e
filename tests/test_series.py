"""Plain values."""

from __future__ import annotations

import numpy as np

from tb_lossdiag.series import Packed, common_steps, series


def test_layers_measured_together_share_their_steps() -> None:
    values = np.arange(12, dtype=np.float32).reshape(3, 2, 2)
    packed = Packed("parameters", "train", ("a", "b"), ("x", "y"), np.array([0, 5, 9]), values)
    columns = packed.columns_of("b")
    assert common_steps(columns.values()) is packed.steps
    assert [columns["y"].values.tolist(), columns["x"].values.tolist()] == [[3, 7, 11], [2, 6, 10]]


def test_steps_of_layers_measured_apart_are_joined_in_order() -> None:
    found = common_steps([series(1.0, 2.0, steps=[3, 7]), series(1.0, 2.0, steps=[1, 7])])
    assert found.tolist() == [1, 3, 7]
    assert len(common_steps([])) == 0
