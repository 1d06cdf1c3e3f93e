"""Runs from TensorBoard's data provider, for logs that are no local directory: what TensorBoard has kept of them.

TensorBoard keeps a random sample of long series, and drops what a restart superseded; the runs say that they are
`sampled`. It may list a tag and have no values for it (doubles, under its fast loader): such a series is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from tensorboard.data.provider import DataProvider, RunTagFilter

from tb_lossdiag.reader.assemble import assemble
from tb_lossdiag.reader.columns import Columns
from tb_lossdiag.reader.log import joined
from tb_lossdiag.series import Run
from tb_lossdiag.tags import FACTS, PLUGIN

__all__ = ["Given", "runs_from_provider"]

MOST = 1_000_000  # points a series: more than TensorBoard keeps, so its own sampling is the only one
TOGETHER = 50  # scalar tags in one question


class Given:
    """A run that is handed over whole each time, followed like a `Log`."""

    def __init__(self) -> None:
        self._run: Run | None = None
        self._news = False
        self.seen = [("", -1, -1, -1)]  # not a file: what a `Log` would say of one that has to be polled

    def update(self, run: Run) -> None:
        """Take the run as it is now."""
        self._news = self._news or self._run is None or _extent(run) != _extent(self._run)
        self._run = run

    @property
    def size(self) -> int:
        """The provider's, not ours to let go of."""
        return 0

    @property
    def records(self) -> int:
        """How many points the run has."""
        return 0 if self._run is None else sum(map(len, self._run.series.values()))

    @property
    def nature(self) -> tuple[object, ...]:
        """What kind of things the run has, as a `Log` says it."""
        series = {} if self._run is None else self._run.series
        odd = frozenset(tag for tag, each in series.items() if len(each) and not np.isfinite(each.values[-1]))
        return len(series), odd, self._run and self._run.warnings

    @property
    def updated(self) -> float | None:
        """Seconds since the epoch of the run's last event."""
        return None if self._run is None else self._run.updated

    def poll(self, files: object = None) -> bool:
        """Whether the run has changed since the last poll; `files` is what a `Log` is told."""
        del files
        news, self._news = self._news, False
        return news

    def run_now(self, files: object = None) -> Run:
        """The run; `files` is what a `Log` is told."""
        del files
        return self.run()

    def forget(self) -> None:
        """Keep the run: it is handed over whole each time."""

    def recall(self) -> None:
        """Nothing was forgotten."""

    def run(self) -> Run:
        """The run as it stands. Raises LookupError before the first `update`."""
        if self._run is None:
            raise LookupError("no run was given yet")
        return self._run


def runs_from_provider(provider: DataProvider, context: Any, experiment_id: str) -> list[Run]:  # noqa: ANN401
    """Every run that the provider has scalars or tensors of ours for. `context` is TensorBoard's RequestContext."""
    asked = {"ctx": context, "experiment_id": experiment_id}
    scalars = provider.list_scalars(**asked, plugin_name="scalars")
    tensors = provider.list_tensors(**asked, plugin_name=PLUGIN)
    runs = {}
    for name in sorted(scalars.keys() | tensors.keys()):
        columns = Columns()
        _read_scalars(provider, asked, name, scalars.get(name, {}), columns)
        _read_tensors(provider, asked, name, tensors.get(name, {}), columns)
        warnings = [f"{tag} is left out: {why}." for tag, why in columns.unreadable.items()]
        runs[name] = replace(assemble(name, [columns], warnings), sampled=True)
    return joined(runs)


def _read_scalars(
    provider: DataProvider, asked: Mapping[str, Any], run: str, tags: Iterable[str], columns: Columns
) -> None:
    """All scalars of a run, a few tags at a time: one answer of a remote provider may not grow without bounds."""
    wanted = list(tags)
    for start in range(0, len(wanted), TOGETHER):
        some = RunTagFilter(runs=[run], tags=wanted[start : start + TOGETHER])
        found = provider.read_scalars(**asked, plugin_name="scalars", downsample=MOST, run_tag_filter=some)
        for tag, points in found.get(run, {}).items():
            for each in points:
                columns.add_scalar(tag.encode("utf-8", "replace"), each.step, each.wall_time, each.value)


def _read_tensors(
    provider: DataProvider, asked: Mapping[str, Any], run: str, tags: Mapping[str, Any], columns: Columns
) -> None:
    """What `DiagWriter` wrote, tag by tag; the tag's metadata holds the schema."""
    for tag, series in tags.items():
        one = RunTagFilter(runs=[run], tags=[tag])
        found = provider.read_tensors(**asked, plugin_name=PLUGIN, downsample=MOST, run_tag_filter=one)
        for each in found.get(run, {}).get(tag, ()):
            values = np.asarray(each.numpy).reshape(-1)
            columns.see(each.wall_time)
            if tag == FACTS:
                columns.facts = _bytes(values[0]) if len(values) == 1 else None
            else:
                numeric = values if values.dtype.kind in "fiub" else None
                columns.add_packed(tag, series.plugin_content, each.step, numeric)


def _bytes(text: object) -> bytes:
    return text if isinstance(text, bytes) else str(text).encode("utf-8", "replace")


def _extent(run: Run) -> tuple[object, ...]:
    """What differs when a run has grown."""
    ends = [(name, len(each), each.steps[-1:].tolist()) for name, each in run.series.items()]
    return run.updated, ends, [len(each.steps) for each in run.packed], run.facts
