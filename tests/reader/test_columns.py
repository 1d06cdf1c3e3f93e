"""What a file holds, and whether the last of it was to be expected."""

from __future__ import annotations

import math

import pytest

from tb_lossdiag.reader.columns import ScalarColumn

FALLING = [3.0 * 0.99**i for i in range(300)]
ROUGH = [1 + 0.2 * math.sin(7.3 * i) for i in range(300)]


def column(values: list[float]) -> ScalarColumn:
    found = ScalarColumn()
    for step, value in enumerate(values):
        found.append(step, 1.7e9 + step, value)
    return found


@pytest.mark.parametrize("values", [[2.0] * 300, FALLING, ROUGH, FALLING[::-1]])
def test_more_of_the_same_is_no_surprise(values: list[float]) -> None:
    assert not any(column(values[: i + 1]).surprises for i in range(10, len(values)))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 10.0, -10.0])
@pytest.mark.parametrize("before", [FALLING, ROUGH, [1.0]])
def test_what_lies_far_from_what_was_before_is_one(before: list[float], value: float) -> None:
    assert column([*before, value]).surprises
    assert not math.isfinite(value) or not column([*before, before[-1]]).surprises


def test_nothing_at_all_is_none() -> None:
    assert not column([]).surprises


def test_a_constant_that_changes_is_one() -> None:
    assert column([1e-3] * 50 + [1e-4]).surprises
