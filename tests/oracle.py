"""Reading the obvious way, record by record, to hold the fast ways against."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tb_lossdiag.reader import record
from tb_lossdiag.reader.columns import Columns
from tb_lossdiag.reader.losses import Losses


def all_of(columns: Columns) -> dict[str, object]:
    """Everything that was read, in a form that can be compared, NaN included."""
    scalars = {
        tag: (each.steps.tolist(), np.array(each.walls).tobytes(), _bits(each.values))
        for tag, each in columns.scalars.items()
    }
    groups = {
        tag: (each.schema, each.steps.tolist(), each.values.tobytes(), each.unfit)
        for tag, each in columns.packed.items()
    }
    return {
        "scalars": scalars, "order": list(scalars), "packed": groups, "facts": columns.facts, "began": columns.began,
        "updated": columns.updated, "undecoded": columns.undecoded, "unreadable": columns.unreadable,
    }  # fmt: skip


def _bits(values: Iterable[float]) -> bytes:
    """Every bit of these numbers; but one NaN is as good as another, and converting one may change its spare bits."""
    found = np.array(values, dtype=np.float64)
    return np.where(np.isnan(found), np.nan, found).tobytes()


def slowly(data: bytes) -> tuple[Columns, Losses]:
    """One record after the other, each event through the obvious way."""
    columns, losses = Columns(), Losses()
    found = record.scan(data, last=True)
    columns.add(found.payloads)
    for start, end in found.lost:
        losses.add(start, end)
    return columns, losses
