"""Curves that are brought together when somebody looks at them."""

from __future__ import annotations

import pickle
import threading
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from eventfiles import curve, version, write
from hypothesis import given
from hypothesis import strategies as st

from tb_lossdiag.reader import Log, assemble, columns
from tb_lossdiag.reader.columns import LONG, Columns, ScalarColumn
from tb_lossdiag.reader.written import Written
from tb_lossdiag.series import Series


def test_a_curve_is_as_long_as_it_was_when_the_run_was_taken_however_late_it_is_looked_at() -> None:
    file = Columns()
    file.add([version(), *curve("loss/train", [3.0, 2.0])])
    run = assemble.assemble("r", [file])
    file.add(curve("loss/train", [1.0, 1e300], start=2))
    found = run.series["loss/train"]
    assert len(found) == 2
    assert found.steps.tolist() == [0, 1]
    assert found.values.tolist() == [3.0, 2.0]
    assert found.wall is not None
    assert found.wall.tolist() == [1.7e9, 1.7e9 + 1]


def test_what_nobody_looks_at_is_not_brought_together(monkeypatch: pytest.MonkeyPatch) -> None:
    file = Columns()
    file.add([version(), *curve("loss/train", [3.0, 2.0]), *curve("fps", [60.0, 61.0])])
    run = assemble.assemble("r", [file])
    monkeypatch.setattr(ScalarColumn, "first", None)  # whoever needs it from now on fails
    assert [len(each) for each in run.series.values()] == [2, 2]
    with pytest.raises(TypeError):
        _ = run.series["fps"].steps


def test_a_curve_can_be_sent_to_another_process() -> None:
    file = Columns()
    file.add([version(), *curve("loss/train", [3.0, np.nan])])
    sent = pickle.loads(pickle.dumps(assemble.assemble("r", [file]).series["loss/train"]))  # noqa: S301  (our own)
    assert type(sent) is Series
    np.testing.assert_array_equal(sent.values, [3.0, np.nan])
    assert sent.steps.tolist() == [0, 1]


def test_each_part_is_made_once_and_so_are_the_finite_points() -> None:
    asked = []

    def make(part: str) -> np.ndarray:
        asked.append(part)
        return np.array([1.0, np.nan]) if part == "values" else np.arange(2)

    found = Written(2, make, threading.RLock())
    assert found.finite() is found.finite()
    assert len(found.finite()) == 1
    assert found.values is found.values
    assert sorted(asked) == ["steps", "values", "walls"]


def test_curves_can_be_looked_at_while_another_thread_reads_on(tmp_path: Path) -> None:
    write(tmp_path / "r", [version(), *curve("loss/train", [1.0] * 2000)])
    log = Log(tmp_path / "r")
    log.poll()
    path = next((tmp_path / "r").iterdir())
    more = write(tmp_path / "more", curve("loss/train", [1.0] * 2000, start=2000)).read_bytes()
    done = threading.Event()

    def follow() -> None:
        for begin in range(0, len(more), 100):  # a record's torn tail waits for its rest
            with path.open("ab") as file:
                file.write(more[begin : begin + 100])
            log.poll()
        done.set()

    thread = threading.Thread(target=follow)
    thread.start()
    while not done.is_set():
        found = log.run_now().series["loss/train"]
        assert len(found.values) == len(found.steps) == len(found)
    thread.join()
    assert len(log.run_now().series["loss/train"]) == 4000


@given(st.lists(st.lists(st.integers(-3, 12), max_size=5), max_size=6))
def test_whether_the_steps_rise_is_the_same_however_often_it_is_asked(pieces: list[list[int]]) -> None:
    column, steps = ScalarColumn(), []
    for piece in pieces:
        for step in piece:
            column.append(step, 0.0, 0.0)
        steps += piece
        assert column.rises == all(a < b for a, b in pairwise(steps))


@given(st.lists(st.tuples(st.lists(st.floats(), max_size=6), st.booleans()), max_size=8))
def test_a_long_column_is_copied_as_it_grows_and_what_was_handed_out_stays_as_it_was(
    pieces: list[tuple[list[float], bool]],
) -> None:
    column, written, handed = ScalarColumn(), [], []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "LONG", 4)
        for piece, looked in pieces:
            for value in piece:
                column.append(len(written), 2.0 * len(written), value)
                written.append(value)
            if looked:
                count = len(written)
                handed.append((count, *(column.first(count, part) for part in ("steps", "walls", "values"))))
    for count, steps, walls, values in handed:
        np.testing.assert_array_equal(steps, np.arange(count))
        np.testing.assert_array_equal(walls, 2.0 * np.arange(count))
        np.testing.assert_array_equal(values, np.array(written[:count], np.float64))


def test_of_a_long_column_only_what_is_new_is_copied_and_what_was_copied_counts_as_memory() -> None:
    column = ScalarColumn()
    for step in range(LONG):
        column.append_single(step, 0.0, 1.0)
    before, found = column.size, column.first(LONG, "values")
    assert column.size >= before + found.nbytes
    column.append_single(LONG, 0.0, 2.0)
    again = column.first(LONG + 1, "values")
    assert np.shares_memory(found, again)
    assert again[-1] == 2.0
    with pytest.raises(ValueError, match="read-only"):
        again[0] = 0.0
