from __future__ import annotations

import numpy as np

from tb_lossdiag.series import Packed, Run
from tb_lossdiag.signals.outputs import contract, last_module, outputs, target_range, whole_targets
from tb_lossdiag.signals.structure import Module

FIGURES = ("mean", "std", "min", "max")


def packed(group: str, *rows: list[float], figures: tuple[str, ...] = FIGURES, split: str = "train") -> Packed:
    """One component; a row for each step holds its figures."""
    values = np.array(rows, dtype=np.float32)[:, :, None]
    return Packed(group, split, figures, ("component 0",), np.arange(len(rows)), values)


def test_outputs_leave_out_batches_that_are_not_finite() -> None:
    found = outputs(run=Run("r", packed=[packed("outputs", [0, 1, -1, 1], [np.nan, 1, -1, np.inf], [0.5, 1, 0, 2])]))
    assert found is not None
    assert found.steps.tolist() == [0, 2]
    assert found.max[:, 0].tolist() == [1, 2]


def test_outputs_are_none_where_nothing_usable_was_recorded() -> None:
    assert outputs(run=Run("r")) is None
    assert outputs(run=Run("r", packed=[packed("outputs", [1, 1], figures=("mean", "std"))])) is None
    assert outputs(run=Run("r", packed=[packed("outputs", [np.nan] * 4)])) is None
    assert outputs(run=Run("r", packed=[packed("outputs", [0, 1, -1, 1], split="val")])) is None


def test_the_targets_range_is_the_last_of_the_running_figures() -> None:
    found = target_range(run=Run("r", packed=[packed("targets", [0, 1, -1, 1], [0.5, 1, -2, 3])]))
    assert found is not None
    assert (found.min[0], found.max[0]) == (-2, 3)


def test_one_batch_with_fractions_is_enough() -> None:
    shares = packed("whole", [1.0], [0.4], [1.0], figures=("share",))
    assert whole_targets(run=Run("r", packed=[shares])) == np.float32(0.4)
    assert whole_targets(run=Run("r")) is None
    assert whole_targets(run=Run("r", packed=[packed("whole", [np.nan], figures=("share",))])) is None


def test_classes_have_no_range() -> None:
    assert target_range(run=Run("r")) is None
    assert target_range(run=Run("r", packed=[packed("targets", [5], figures=("count",))])) is None
    assert target_range(run=Run("r", packed=[packed("targets", [0, 1, -np.inf, 1])])) is None


def test_the_contract_is_what_the_first_batch_had() -> None:
    facts = {"output": {"shape": [1]}, "target": {"shape": []}, "batch_size": 32, "task": "regression", "classes": None}
    found = contract(run=Run("r", facts={"models": {"": facts}}))
    assert found is not None
    assert (found.output, found.target, found.batch, found.task, found.classes) == ((1,), (), 32, "regression", None)
    assert contract(run=Run("r", facts={"models": {"": {"output": {"shape": None}, "target": None}}})) is None
    assert contract(run=Run("r")) is None


def test_the_last_module_is_the_one_called_last_that_changes_values() -> None:
    modules = (Module("", "Net", 0, {}, 2), Module("fc", "Linear", 1, {}, 0), Module("drop", "Dropout", 2, {}, 0))
    found = last_module(modules=modules)
    assert found is not None
    assert found.name == "fc"
    assert last_module(modules=(Module("fc", "Linear", None, {}, 0),)) is None
