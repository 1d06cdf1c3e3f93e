"""The data of one watched model, split by split."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tb_lossdiag.tags import SPLITS
from tb_lossdiag.writer.data import SplitData
from tb_lossdiag.writer.identity import Identity

__all__ = ["Splits"]


class Splits:
    """Statistics of each split, and which samples they share. A split that nobody announced goes by a name of its own at first."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._data: dict[str, SplitData] = {}
        self._identity = Identity()

    def of(self, split: str) -> SplitData:
        """The statistics of a split's data."""
        return self._data.setdefault(split, SplitData(split, self._model, self._identity))

    def rename(self, split: str, name: str) -> None:
        """The data of a split that had no name yet are those of `name`."""
        data = self._data.pop(split, None)
        if data is not None:
            data.split = name
            self._data[name] = data
        self._identity.rename(split, name)

    def forget(self, split: str) -> None:
        """Nothing more is wanted of a split."""
        self._data.pop(split, None)
        self._identity.forget(split)

    def trained_on(self, split: str) -> float:
        """Share of a split's samples, as far as they are known, that training has seen, too; NaN if none is known."""
        return self._identity.trained_on(split)

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run goes on from, as plain values and tensors."""
        return {
            "samples": self._identity.state_dict(),
            "splits": {name: each.state_dict() for name, each in self._data.items() if name in SPLITS},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self._identity.load_state_dict(state["samples"])
        for name, each in state["splits"].items():
            self.of(name).load_state_dict(each)
