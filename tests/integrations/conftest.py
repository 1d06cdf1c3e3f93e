"""What the frameworks' tests share: one task, the loop a user would write for it by hand, and what to compare."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.util import tensor_util
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import tb_lossdiag
from tb_lossdiag.tags import FACTS

os.environ["KERAS_BACKEND"] = "torch"  # read when it is first imported, by whomever


def needed(name: str) -> Any:
    """The framework; where it is missing the test is skipped, saying what to install, and fails in CI."""
    try:
        return importlib.import_module(name)
    except ImportError:
        message = f"these tests need {name}: pip install {name}"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)


@pytest.fixture(scope="session")
def framework() -> Callable[[str], Any]:
    return needed


@dataclass
class Logged:
    """Scalars by tag and step, packed figures by tag and step, and the last facts."""

    scalars: dict[str, dict[int, float]] = field(default_factory=dict)
    packed: dict[str, dict[int, NDArray[np.float32]]] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)


def read_log(directory: Path) -> Logged:
    (path,) = directory.glob("*tfevents*")
    log = Logged()
    for event in EventFileLoader(str(path)).Load():
        for value in event.summary.value:
            if value.tag == FACTS:
                log.facts = json.loads(value.tensor.string_val[0])
                continue
            array = tensor_util.make_ndarray(value.tensor)
            if array.dtype.kind == "O":  # text
                continue
            if value.tag.startswith("lossdiag/"):
                log.packed.setdefault(value.tag, {})[event.step] = array
            else:
                log.scalars.setdefault(value.tag, {})[event.step] = float(array)
    return log


@pytest.fixture(scope="session")
def read() -> Callable[[Path], Logged]:
    return read_log


ALIKE = (
    "loss/train",
    "loss/val",
    "lr",
    "accuracy/val",
    "diag/grad_norm",
    "diag/update_ratio",
    "diag/grad_cosine",
    "diag/clip_factor",
)


def assert_same_report(one: Path, other: Path, *, but: tuple[str, ...] = ()) -> None:
    """What matters in both logs is alike: every figure of the steps that both looked at, and the diagnosis.

    Which of the later steps are looked at depends on how long they took; every one of the first twenty is.
    """
    by_hand, framed = read_log(one), read_log(other)
    for tag in set(ALIKE) - set(but):
        assert by_hand.scalars.get(tag, {}).keys() or tag in {"accuracy/val", "diag/clip_factor"}, tag
        mine, theirs = by_hand.scalars.get(tag, {}), framed.scalars.get(tag, {})
        shared = mine.keys() & theirs.keys()
        assert {step for step in mine if step < 20} == {step for step in theirs if step < 20}, tag
        if tag.startswith("loss/"):
            assert mine.keys() == theirs.keys(), tag
        for step in shared:
            assert theirs[step] == pytest.approx(mine[step], rel=1e-4, abs=1e-6), (tag, step)
    groups = set(by_hand.packed) - set(but)
    assert groups == set(framed.packed) - set(but)
    for tag in groups - {"lossdiag/samples/train"}:  # running figures follow the steps that were looked at
        for step in (by_hand.packed[tag].keys() & framed.packed[tag].keys()) & set(range(20)):
            np.testing.assert_allclose(
                framed.packed[tag][step], by_hand.packed[tag][step], rtol=1e-3, atol=1e-5, err_msg=f"{tag} {step}"
            )
    (mine,), (theirs,) = tb_lossdiag.diagnose(one), tb_lossdiag.diagnose(other)
    assert theirs.verdict.id == mine.verdict.id
    assert [(each.cause, each.role) for each in theirs.findings] == [(each.cause, each.role) for each in mine.findings]
    assert but or {each.cause for each in theirs.not_checked} == {each.cause for each in mine.not_checked}


@pytest.fixture(scope="session")
def same_report() -> Callable[..., None]:
    return assert_same_report


class Digits:
    """Scikit-learn's digits, and a small network for them."""

    classes = 10

    def __init__(self) -> None:
        digits = load_digits()
        mixed = torch.randperm(len(digits.target), generator=torch.Generator().manual_seed(5))
        x = torch.tensor(digits.data / 8 - 1, dtype=torch.float32)[mixed]
        y = torch.tensor(digits.target)[mixed]
        self.train, self.val = TensorDataset(x[:960], y[:960]), TensorDataset(x[1000:1300], y[1000:1300])
        self.test = TensorDataset(x[1300:], y[1300:])

    def loader(self, split: str = "train", batch: int = 32) -> DataLoader[tuple[Tensor, ...]]:
        """Mixed once and for all: how often a framework starts to shuffle anew is its own business."""
        return DataLoader(getattr(self, split), batch_size=batch)

    @staticmethod
    def network(dropout: float = 0.0) -> nn.Sequential:
        """Dropout draws random numbers, of which frameworks use some for themselves: no two loops draw the same."""
        torch.manual_seed(3)
        return nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Dropout(dropout), nn.Linear(32, 10))


@pytest.fixture(scope="session")
def digits() -> Digits:
    return Digits()


def weights(model: nn.Module) -> list[Tensor]:
    return [each.detach().clone() for each in model.state_dict().values()]


def bitwise(one: list[Tensor], other: list[Tensor]) -> bool:
    return len(one) == len(other) and all(map(torch.equal, one, other))
