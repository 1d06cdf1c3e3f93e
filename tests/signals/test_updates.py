"""Updates: recurrent layers that see no past."""

from __future__ import annotations

import pytest
from made import weight

from tb_lossdiag.signals.updates import memoryless

LSTM = tuple(
    weight(f"lstm.weight_{side}_l{i}", kind="recurrent", shape=(64, 3 if side == "ih" and i == 0 else 16))
    for i in range(2)
    for side in ("ih", "hh")
)
MOVES = {each.name: 0.0 for each in LSTM}


@pytest.mark.parametrize(
    ("still", "found"),
    [
        ({"lstm.weight_hh_l0": 1.0, "lstm.weight_hh_l1": 1.0}, {"lstm.weight_hh_l0": 3, "lstm.weight_hh_l1": 16}),
        ({"lstm.weight_hh_l0": 0.9}, None),
        (dict.fromkeys(MOVES, 1.0), None),  # none of them is trained
    ],
)
def test_weights_for_what_was_before_that_never_change(still: dict[str, float], found: dict[str, int] | None) -> None:
    assert memoryless(unchanged=MOVES | still, parameters=LSTM) == found
