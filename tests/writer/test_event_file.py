"""Events on their way to disk: bytes, order, flushing, closing, and other processes."""

from __future__ import annotations

import logging
import math
import os
import struct
import threading
import time
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import numbers
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.summary.writer.record_writer import RecordWriter
from tensorboard.util import tensor_util

from tb_lossdiag.tags import PLUGIN, Schema
from tb_lossdiag.writer.encoding import Packer, facts_event, scalar_event
from tb_lossdiag.writer.event_file import JOBS, EventFile, frame


def tags(path: Path) -> list[str]:
    return [value.tag for event in EventFileLoader(str(path)).Load() for value in event.summary.value]


@settings(deadline=None)  # others may keep the machine busy
@given(st.text(max_size=200), st.integers(-(2**63), 2**63 - 1), numbers, st.floats(0, 2e9))
def test_a_scalar_s_bytes_are_those_that_protobuf_reads(tag: str, step: int, value: float, wall: float) -> None:
    event = Event.FromString(scalar_event(tag, step, value, wall))
    (found,) = event.summary.value
    assert (event.step, event.wall_time, found.tag) == (step, wall, tag)
    with np.errstate(over="ignore"):
        expected = float(np.float32(value))
    assert found.simple_value == expected or (math.isnan(found.simple_value) and math.isnan(expected))


@settings(deadline=None)  # others may keep the machine busy
@given(st.binary(max_size=300))
def test_a_record_is_framed_as_tensorboard_frames_it(event: bytes) -> None:
    class Sink(bytearray):
        def write(self, data: bytes) -> None:
            self.extend(data)

    sink = Sink()
    RecordWriter(sink).write(event)
    assert frame(event) == bytes(sink)


def test_a_layout_travels_with_a_tag_s_first_event_and_a_new_one_gets_a_new_tag() -> None:
    packer = Packer()
    two = Schema("inputs", "val", ("mean", "std"), ("a",), "net")
    more = Schema("inputs", "val", ("mean", "std"), ("a", "b"), "net")
    found = []
    for schema in (two, two, more, more):
        values = np.arange(2.0 * len(schema.columns), dtype=np.float32).reshape(2, -1)
        (value,) = Event.FromString(packer.event(schema, 5, values, 1.0)).summary.value
        np.testing.assert_array_equal(tensor_util.make_ndarray(value.tensor), values)
        content = value.metadata.plugin_data.content
        found.append((value.tag, Schema.from_json(content) if content else None))
    assert found == [
        ("lossdiag/inputs/val@net", two),
        ("lossdiag/inputs/val@net", None),
        ("lossdiag/inputs/val@net#1", more),
        ("lossdiag/inputs/val@net#1", None),
    ]


def test_facts_are_one_string_under_the_plugin_s_name() -> None:
    (value,) = Event.FromString(facts_event('{"ü": 1}', 3, 1.0)).summary.value
    assert value.tensor.string_val[0].decode() == '{"ü": 1}'
    assert value.metadata.plugin_data.plugin_name == PLUGIN


def test_events_are_on_disk_in_order_after_a_flush_and_in_time_without_one(tmp_path: Path) -> None:
    file = EventFile(str(tmp_path), flush_secs=0.05)
    for i in range(2000):
        file.add(scalar_event(f"t{i}", i, 0.5, 1.0))
    file.flush()
    assert tags(file.path) == [f"t{i}" for i in range(2000)]
    file.add(scalar_event("late", 0, 0.5, 1.0))
    deadline = time.monotonic() + 30
    while "late" not in tags(file.path) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert "late" in tags(file.path)
    file.close()


def test_it_goes_on_in_the_same_file_after_close(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = EventFile(str(tmp_path))
    file.add(scalar_event("one", 0, 1.0, 1.0))
    file.close()
    file.add(scalar_event("lost", 0, 1.0, 1.0))
    with caplog.at_level(logging.ERROR):
        file.close()
    assert "1 events could not be written" in caplog.text
    file.reopen()
    file.add(scalar_event("two", 0, 1.0, 1.0))
    file.close()
    assert tags(file.path) == ["one", "two"]
    assert len(list(tmp_path.iterdir())) == 1


def test_a_slow_disk_makes_the_loop_wait_rather_than_lose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tb_lossdiag.writer.event_file.OUTSTANDING", 500)
    file = EventFile(str(tmp_path), flush_secs=60)
    for i in range(200):
        file.add(scalar_event(f"t{i}", i, 0.5, 1.0))
        assert file._outstanding < 600
    file.close()
    assert len(tags(file.path)) == 200


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system that forks, such as Linux")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")  # that is what is tested
def test_a_forked_child_neither_hangs_nor_writes(tmp_path: Path) -> None:
    file = EventFile(str(tmp_path), flush_secs=60)
    file.add(scalar_event("parent", 0, 1.0, 1.0))
    child = os.fork()
    if child == 0:
        try:
            file.add(scalar_event("child", 0, 1.0, 1.0))
            file.flush()
            file.close()
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    file.close()
    assert tags(file.path) == ["parent"]


def test_the_file_begins_with_its_version(tmp_path: Path) -> None:
    file = EventFile(str(tmp_path), suffix=".mine")
    file.close()
    data = file.path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    assert Event.FromString(data[12 : 12 + length]).file_version == "brain.Event:2"
    assert file.path.name.startswith("events.out.tfevents.")
    assert file.path.name.endswith(".mine")


def test_a_process_s_later_files_have_later_names_also_within_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tb_lossdiag.writer.event_file.SERIAL", count(9))
    monkeypatch.setattr("tb_lossdiag.writer.event_file.time.time", lambda: 1.7e9)
    files = [EventFile(str(tmp_path)) for _ in range(2)]
    for each in files:
        each.close()
    assert files[0].path.name < files[1].path.name, "TensorBoard reads a run's files in order of their names"


def test_jobs_are_done_in_order_on_the_thread_and_a_flush_waits_for_what_they_add(tmp_path: Path) -> None:
    file, threads = EventFile(str(tmp_path), flush_secs=60), []

    def job(i: int) -> None:
        threads.append(threading.current_thread())
        file.add(scalar_event(f"job {i}", i, 0.5, 1.0))

    for i in range(3):
        file.defer(lambda i=i: job(i))
        file.add(scalar_event(f"between {i}", i, 0.5, 1.0))
    file.flush()
    assert [each for each in tags(file.path) if each.startswith("job")] == ["job 0", "job 1", "job 2"]
    assert [each for each in tags(file.path) if each.startswith("between")] == ["between 0", "between 1", "between 2"]
    assert set(threads) == {file._thread}
    file.close()


def test_a_job_that_fails_is_said_and_the_rest_is_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = EventFile(str(tmp_path))
    file.defer(lambda: 1 / 0)
    file.add(scalar_event("after", 0, 1.0, 1.0))
    file.close()
    assert tags(file.path) == ["after"]
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("weight", [0, 1 << 22])
def test_jobs_that_pile_up_are_left_out_and_counted_and_never_wait(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, weight: int
) -> None:
    file, held = EventFile(str(tmp_path), flush_secs=60), threading.Event()
    done: list[int] = []
    file.defer(held.wait)
    for i in range(2 * JOBS):
        file.defer(lambda i=i: done.append(i), weight)
    assert not done, "the thread was held up, and we were not"
    held.set()
    file.close()
    assert done == list(range(len(done)))
    assert 10 < len(done) <= JOBS
    assert f"{2 * JOBS - len(done)} events could not be written" in caplog.text
    assert sum("left out" in each.message for each in caplog.records) == 1
