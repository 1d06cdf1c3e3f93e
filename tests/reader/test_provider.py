from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from eventfiles import curve, facts, packed, write
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.context import RequestContext

from tb_lossdiag.reader import Given, read_runs, runs_from_provider
from tb_lossdiag.series import Run, series
from tb_lossdiag.tags import PLUGIN, Schema, packed_tag

SCHEMA = Schema("parameters", "train", ("grad_norm",), ("a", "b"))


def runs_of(logdir: Path) -> dict[str, Run]:
    multiplexer = EventMultiplexer(tensor_size_guidance={PLUGIN: 0, "scalars": 1000})
    provider = MultiplexerDataProvider(multiplexer.AddRunsFromDirectory(str(logdir)).Reload(), str(logdir))
    return {run.name: run for run in runs_from_provider(provider, RequestContext(), "")}


def test_tensorboards_runs_are_what_the_files_hold(tmp_path: Path) -> None:
    write(
        tmp_path / "a",
        [
            facts(b'{"version": 1}'),
            *curve("train_loss", [3.0, float("nan"), 1.0]),
            packed(SCHEMA, 0, [[1.0, 2.0]]),
            packed(SCHEMA, 1, [[3.0, 4.0]], first=False),
        ],
    )
    write(tmp_path / "k" / "train", curve("epoch_loss", [2.0]))
    write(tmp_path / "k" / "validation", curve("epoch_loss", [3.0]))
    (tmp_path / "empty").mkdir()
    theirs, ours = runs_of(tmp_path), {run.name: run for run in read_runs(tmp_path)}
    assert set(theirs) == {"a", "k/train"}
    for name, run in theirs.items():
        assert run.sampled
        assert run.sources == ours[name].sources
        assert run.facts == ours[name].facts
        assert run.updated == ours[name].updated
        assert set(run.series) == set(ours[name].series)
        for role, each in run.series.items():
            np.testing.assert_array_equal(each.values, ours[name].series[role].values)
            np.testing.assert_array_equal(each.steps, ours[name].series[role].steps)
    np.testing.assert_array_equal(theirs["a"].packed[0].values, ours["a"].packed[0].values)
    assert theirs["a"].packed[0].columns == ("a", "b")


def test_a_layout_from_the_future_is_told(tmp_path: Path) -> None:
    newer = Schema("parameters", "train", ("grad_norm",), ("a", "b"), version=99)
    write(tmp_path, [*curve("loss/train", [1.0]), packed(newer, 0, [[1.0, 2.0]])])
    (warning,) = runs_of(tmp_path)["."].warnings
    assert warning.startswith(packed_tag("parameters"))
    assert "upgrade" in warning


def test_more_tags_than_fit_one_question_are_all_read(tmp_path: Path) -> None:
    write(tmp_path, [event for i in range(120) for event in curve(f"metric {i}", [1.0, 2.0])])
    assert len(runs_of(tmp_path)["."].series) == 120


def test_a_tag_that_is_listed_and_has_no_points_is_left_out() -> None:
    class Forgetful:
        """Like the fast loader with doubles: the tag is there, its points are not."""

        def list_scalars(self, **_: object) -> dict[str, dict[str, object]]:
            return {"r": {"loss/train": object()}}

        def list_tensors(self, **_: object) -> dict[str, dict[str, object]]:
            return {}

        def read_scalars(self, **_: object) -> dict[str, dict[str, object]]:
            return {}

    (run,) = runs_from_provider(Forgetful(), RequestContext(), "")
    assert (run.name, run.series) == ("r", {})


@pytest.mark.parametrize(
    "grow",
    [
        lambda: Run("r", {"loss/train": series(1.0, 2.0)}),
        lambda: Run("r", {"loss/train": series(1.0, steps=[5])}),
        lambda: Run("r", {"loss/train": series(1.0)}, facts={"a": 1}),
        lambda: Run("r", {"loss/train": series(1.0)}, updated=5.0),
    ],
)
def test_a_run_that_is_given_has_news_when_it_has_grown(grow: Callable[[], Run]) -> None:
    given = Given()
    with pytest.raises(LookupError):
        given.run()
    given.update(Run("r", {"loss/train": series(1.0)}))
    assert given.poll()
    given.update(Run("r", {"loss/train": series(1.0)}))
    assert not given.poll()
    given.update(grow())
    assert given.poll()
    assert not given.poll()
