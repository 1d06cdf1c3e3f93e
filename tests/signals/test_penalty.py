"""What a penalty in the loss amounts to, beside what the loss function asks for."""

from __future__ import annotations

import numpy as np
import pytest
from made import flat

from tb_lossdiag.signals.penalty import _scaled_at

SAME = {"a": flat(0.3, 4), "b": flat(0.3, 4)}, {"a": flat(1.0, 4), "b": flat(1.0, 4)}


def test_where_one_share_was_added_to_all_tensors_the_gradient_was_clipped() -> None:
    norm, own = SAME
    assert _scaled_at(norm, own).tolist() == [0, 1, 2, 3]
    assert not _scaled_at(norm | {"b": flat(0.9, 4)}, own).size
    assert not _scaled_at({"a": norm["a"]}, own).size


@pytest.mark.parametrize("late", [flat(0.3, 2), flat(0.3, 0)])
def test_a_parameter_that_comes_later_does_not_get_in_the_way(late: object) -> None:
    norm, own = SAME
    steps = _scaled_at(norm | {"c": late}, own | {"c": flat(1.0, 2)})  # type: ignore[dict-item]
    assert np.array_equal(steps, [0, 1, 2, 3])
