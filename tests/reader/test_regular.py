from __future__ import annotations

import struct
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from eventfiles import NAME, frame, scalar, tensor_event, version
from oracle import all_of, slowly
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.types_pb2 import DataType

from tb_lossdiag.reader import bulk, regular
from tb_lossdiag.reader import tail as tail_module
from tb_lossdiag.reader.bulk import Bulk
from tb_lossdiag.reader.columns import Columns
from tb_lossdiag.reader.regular import Period
from tb_lossdiag.reader.tail import Tail

LONG = 10_000  # steps


@cache  # bytes do not change, and making them takes longer than reading them
def loop(steps: int, start: int = 1) -> bytes:
    """A training's log: two losses of the same step, one of them in double precision, and one tag twice a step."""
    events = [version()]
    for i in range(start, start + steps):
        exact = TensorProto(dtype=DataType.DT_DOUBLE, tensor_content=struct.pack("<d", 0.1 * i))
        events += [
            scalar("loss/train", i, 1.0 / i),
            tensor_event("loss/val", i, exact, plugin="scalars"),
            *(scalar("grad", i, float(each)) for each in (i, -i)),
        ]
    return b"".join(map(frame, events))


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many records each call of `Period.read` took."""
    found: list[int] = []
    read = Period.read

    def counting(self: Period, data: bytes, start: int) -> regular.Found | None:
        taken = read(self, data, start)
        found.append(0 if taken is None else taken.count)
        return taken

    monkeypatch.setattr(Period, "read", counting)
    return found


def followed(data: bytes, tmp_path: Path) -> Tail:
    path = tmp_path / NAME
    path.write_bytes(data)
    tail = Tail(path)
    tail.poll()
    return tail


def test_a_loop_is_read_in_periods_exactly(tmp_path: Path, counted: list[int]) -> None:
    data = loop(LONG)
    tail = followed(data, tmp_path)
    assert all_of(tail.columns) == all_of(slowly(data)[0])
    assert not tail.lost.places
    assert sum(counted) > 0.9 * tail.records


def test_a_period_goes_on_in_the_next_piece_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counted: list[int]
) -> None:
    monkeypatch.setattr(tail_module, "CHUNK", 50_001)
    data = loop(10_000)
    tail = followed(data, tmp_path)
    assert all_of(tail.columns) == all_of(slowly(data)[0])
    assert sum(counted) > 0.8 * tail.records


@pytest.mark.parametrize("more", [1, 2, 3])
@pytest.mark.parametrize("damaged", [False, True])
def test_a_period_goes_on_where_the_file_ended_in_the_midst_of_it(
    tmp_path: Path, counted: list[int], more: int, damaged: bool
) -> None:
    whole, part = loop(LONG + 1_000), loop(LONG)
    rest = whole[len(part) :]
    part += b"".join(frame(each) for each in last_events()[:more])  # in the place of what is there in `whole`
    data = part + rest[len(part) - len(loop(LONG)) :]
    data = flipped(data, len(part) + 150_000) if damaged else data
    tail = followed(part, tmp_path)
    counted.clear()
    (tmp_path / NAME).write_bytes(data)
    tail.poll()
    columns, losses = slowly(data)
    assert all_of(tail.columns) == all_of(columns)
    assert tail.lost.places == losses.places == int(damaged)
    assert counted[0] > (500 if damaged else 3_900)


def flipped(data: bytes, *places: int) -> bytes:
    changed = bytearray(data)
    for each in places:
        changed[each] ^= 4
    return bytes(changed)


@pytest.mark.parametrize("field", ["number", "wall", "step", "checksum", "tag", "length"])
@pytest.mark.parametrize("twice", [False, True])
def test_damage_in_a_period_is_found_where_it_is(tmp_path: Path, field: str, twice: bool) -> None:
    """Twice the same flip, at the same place of two records: what cancels in a mere sum."""
    data = loop(LONG)
    record = frame(scalar("loss/train", 5_000, 1.0 / 5_000))
    within = {"number": -6, "wall": 15, "step": 22, "checksum": -2, "tag": 32, "length": 1}[field]
    places = [data.index(record) + within % len(record)]
    if twice:
        other = frame(scalar("loss/train", 5_321, 1.0 / 5_321))
        places.append(data.index(other) + within % len(other))
    damaged = flipped(data, *places)
    tail = followed(damaged, tmp_path)
    columns, losses = slowly(damaged)
    assert all_of(tail.columns) == all_of(columns)
    assert tail.lost.places == losses.places == 1 + twice
    assert tail.lost.total == losses.total


def test_records_that_are_exchanged_are_not_taken_for_each_other(tmp_path: Path) -> None:
    """Intact, of the same length, and elsewhere than in the period."""
    data = loop(LONG)
    first, second = frame(scalar("grad", 7_000, 7_000.0)), frame(scalar("grad", 7_000, -7_000.0))
    exchanged = data.replace(first + second, second + first)
    assert exchanged != data
    assert all_of(followed(exchanged, tmp_path).columns) == all_of(slowly(exchanged)[0])
    other = frame(scalar("dark", 7_000, 7_000.0))
    replaced = data.replace(first, other)
    columns = followed(replaced, tmp_path).columns
    assert columns.scalars[b"dark"].values.tolist() == [7_000.0]
    assert all_of(columns) == all_of(slowly(replaced)[0])


@pytest.mark.parametrize("cut", [1, 5, 13, 40])
def test_a_torn_end_waits(tmp_path: Path, cut: int) -> None:
    data = loop(LONG)
    tail = followed(data[:-cut], tmp_path)
    assert not tail.lost.places
    with tail.path.open("ab") as file:  # type: ignore[union-attr]
        file.write(data[-cut:])
    tail.poll()
    assert all_of(tail.columns) == all_of(slowly(data)[0])


def every(turn: int, *, other: int) -> Callable[[int], list[bytes]]:
    def events(step: int) -> list[bytes]:
        found = [scalar("often", step, 1.0)]
        found += [scalar("at times", step, 2.0)] if step % turn == 0 else []
        return found + ([scalar("seldom", step, 3.0)] if step % other == 0 else [])

    return events


def test_a_short_repetition_within_a_long_one_is_outgrown(monkeypatch: pytest.MonkeyPatch, counted: list[int]) -> None:
    monkeypatch.setattr(bulk, "LARGEST_WINDOW", 1 << 11)
    make = every(10, other=300)
    data = b"".join(map(frame, [version(), *(each for step in range(200, 16_000) for each in make(step))]))
    columns = Columns()
    reader, place = Bulk(columns), 0
    while place < len(data):
        place, count = reader.take(data, place, last=True)
        assert count
    assert all_of(columns) == all_of(slowly(data)[0])
    assert max(counted) > 8_000


def test_steps_beyond_what_is_read_at_once_are_read_one_by_one() -> None:
    data = b"".join(map(frame, [version(), *(scalar("a", step, 1.0) for step in range(2**60, 2**60 + 2_000))]))
    columns = Columns()
    reader, place = Bulk(columns), 0
    while place < len(data):
        place, _ = reader.take(data, place, last=True)
    assert columns.scalars[b"a"].steps.tolist() == np.arange(2**60, 2**60 + 2_000).tolist()


@pytest.mark.parametrize("left", [1, 2])
@pytest.mark.parametrize("damaged", [False, True])
def test_the_last_records_are_read_with_the_repetition_that_they_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: int, damaged: bool
) -> None:
    rests: list[int] = []
    read_rest = Period.read_rest

    def counting(self: Period, data: bytes, start: int) -> regular.Found | None:
        found = read_rest(self, data, start)
        rests.append(0 if found is None else found.count)
        return found

    monkeypatch.setattr(Period, "read_rest", counting)
    ends = np.cumsum([len(each) for each in map(frame, last_events())]).tolist()
    data = loop(LONG) + b"".join(map(frame, last_events()))[: ends[left - 1]]
    data = flipped(data, len(data) - 6) if damaged else data
    tail = followed(data, tmp_path)
    columns, losses = slowly(data)
    assert all_of(tail.columns) == all_of(columns)
    assert tail.lost.places == losses.places == int(damaged)
    assert tail.records == 4 * LONG + 1 + left - damaged
    assert any(rests) != damaged


def last_events() -> list[bytes]:
    """The beginning of one more step of `loop`, or of a repetition that begins elsewhere in it."""
    exact = TensorProto(dtype=DataType.DT_DOUBLE, tensor_content=struct.pack("<d", 0.5))
    step = LONG + 1
    return [
        scalar("loss/train", step, 0.25),
        tensor_event("loss/val", step, exact, plugin="scalars"),
        scalar("grad", step, 3.0),
    ]
