"""How sharply attention looked at single places before anything was learnt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tb_lossdiag.series import Run
from tb_lossdiag.signals.signal import signal
from tb_lossdiag.signals.structure import watched

__all__ = ["Look", "first_looks"]


@dataclass(frozen=True, slots=True)
class Look:
    """One softmax over the products of queries and keys: how many `keys` there are, and the largest share that the middle query gives to one."""

    keys: int
    peak: float

    @property
    def sharpness(self) -> float:
        """0 where all keys have the same share, 1 where one has all of it."""
        return (self.peak - 1 / self.keys) / (1 - 1 / self.keys)


@signal(log="writer.watch(model, optimizer, loss_fn)")
def first_looks(run: Run) -> tuple[Look, ...] | None:
    """Attention that is written out, as the graph of one of the first losses shows it; torch's own, which is computed in one piece, shows nothing."""
    found = [
        Look(keys, float(peak))
        for _, model in watched(run)
        if isinstance(graph := model.get("graph"), Mapping)
        for each in graph.get("attention") or ()
        if isinstance(keys := each.get("keys"), int) and keys > 1 and isinstance(peak := each.get("peak"), (int, float))
    ]
    return tuple(found) or None
