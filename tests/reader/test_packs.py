"""Packed tensors read together: the same, in the same order, as read one by one."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from eventfiles import NAME, curve, frame, packed, version
from oracle import all_of, slowly

from tb_lossdiag.reader.bulk import Bulk
from tb_lossdiag.reader.columns import Columns
from tb_lossdiag.reader.packs import Packs
from tb_lossdiag.reader.tail import Tail
from tb_lossdiag.tags import Schema

WEIGHTS = Schema("parameters", "train", ("norm", "grad_norm"), tuple(f"layer{i}" for i in range(40)))
INPUTS = Schema("inputs", "train", ("mean",), tuple(f"layer{i}" for i in range(80)))


def log(steps: list[int]) -> list[bytes]:
    """Two groups at each step, of equal size, and now and then a curve's point between them."""
    noise = np.random.default_rng(0)
    events = [version()]
    for i, step in enumerate(steps):
        events.append(packed(WEIGHTS, step, noise.normal(size=(2, 40)), first=not i))
        if i % 7 == 0:
            events += curve("loss/train", [1.0], start=step)
        events.append(packed(INPUTS, step, noise.normal(size=(1, 80)), first=not i))
    return events


STEPS = [*range(60, 200), *range(16_300, 16_450), *range(100, 180), *range(3)]  # wider steps, and two restarts


def in_strokes(data: bytes) -> tuple[Columns, int]:
    columns = Columns()
    reader, place, count = Bulk(columns), 0, 1
    while count:
        place, count = reader.take(data, place, last=True)
    return columns, place


def test_they_come_in_the_order_of_the_records_whatever_the_width_of_their_steps() -> None:
    data = b"".join(map(frame, log(STEPS)))
    columns, end = in_strokes(data)
    assert end == len(data)
    assert all_of(columns) == all_of(slowly(data)[0])
    assert {tag: each.steps.tolist() for tag, each in columns.packed.items()} == {
        "lossdiag/parameters/train": STEPS,
        "lossdiag/inputs/train": STEPS,
    }


def test_most_are_not_looked_at_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []
    slow = Columns.scalars_of
    monkeypatch.setattr(Columns, "scalars_of", lambda self, payload: looked.append(payload) or slow(self, payload))
    events = log(list(range(1000)))
    in_strokes(b"".join(map(frame, events)))
    assert len(looked) < len(events) / 20


@pytest.mark.parametrize("where", ["content", "head", "step", "checksum", "length"])
def test_one_that_is_damaged_ends_what_is_believed(tmp_path_factory: pytest.TempPathFactory, where: str) -> None:
    records = [frame(each) for each in log(STEPS)]
    hit = 500
    at = {"content": -30, "head": 26, "step": 22, "checksum": -2, "length": 9}[where]
    broken = bytearray(records[hit])
    broken[at] ^= 4
    before = b"".join(records[:hit])
    data = b"".join([before, bytes(broken), *records[hit + 1 :]])
    assert all_of(in_strokes(data)[0]) == all_of(slowly(before)[0])
    path = tmp_path_factory.mktemp("damaged") / NAME
    path.write_bytes(data)
    tail = Tail(path)
    tail.poll()
    columns, losses = slowly(data)
    assert all_of(tail.columns) == all_of(columns)
    assert (tail.lost.places, tail.lost.total) == (losses.places, losses.total) == (1, len(broken))


def test_nothing_is_taken_where_no_form_is_known() -> None:
    data = frame(packed(WEIGHTS, 1, np.zeros((2, 40)), first=False)) * 20
    size = len(data) // 20
    places = np.arange(20) * size
    packs = Packs(data, places, np.full(20, size - 16))
    packs.learn(size - 16, [])
    assert packs.take(0, Columns()) == 0


def field(key: int, content: bytes) -> bytes:
    """A field of fewer than 128 bytes, as protobuf writes it."""
    return bytes((key, len(content))) + content


def test_tensors_that_hold_nothing_and_say_so_are_read_one_by_one() -> None:
    """No writer spells an empty content out, but a file may."""
    nothing = Schema("parameters", "train", ("norm",), ())
    tensor = field(0x42, b"\x08\x01" + field(0x22, b""))
    summary = field(0x2A, field(0x0A, field(0x0A, b"lossdiag/parameters/train") + tensor))
    spelt = [b"\x09" + struct.pack("<d", 1.7e9 + i) + b"\x10" + bytes((i,)) + summary for i in range(1, 40)]
    data = b"".join(map(frame, [version(), packed(nothing, 0, np.zeros((1, 0))), *spelt]))
    columns, end = in_strokes(data)
    assert end == len(data)
    assert columns.packed["lossdiag/parameters/train"].steps.tolist() == list(range(40))
    assert all_of(columns) == all_of(slowly(data)[0])
