"""What one file teaches is used for the next one, and changes nothing that is read."""

from __future__ import annotations

import pytest
from eventfiles import curve, frame, scalar, tensor_event, version
from oracle import all_of, slowly
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.types_pb2 import DataType

from tb_lossdiag.reader import templates
from tb_lossdiag.reader.bulk import Bulk
from tb_lossdiag.reader.columns import Columns
from tb_lossdiag.reader.event import Lone
from tb_lossdiag.reader.templates import Templates


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Templates, "_lately", None)


@pytest.fixture
def learnt(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Tags of the records that were taken for templates."""
    found: list[bytes] = []
    lone = Columns.lone

    def counting(self: Columns, payload: bytes) -> Lone | None:
        known = lone(self, payload)
        if known is not None:
            found.append(known.tag)
        return known

    monkeypatch.setattr(Columns, "lone", counting)
    return found


def log(tags: list[str], steps: int = 300, start: int = 1000) -> bytes:
    """Some curves, one after the other: no repetition but of records of one kind."""
    return b"".join(map(frame, [version(), *(each for tag in tags for each in curve(tag, [0.5] * steps, start=start))]))


def read(data: bytes) -> Columns:
    columns = Columns()
    reader, place, count = Bulk(columns), 0, 1
    while count:
        place, count = reader.take(data, place, last=True)
    return columns


def test_the_next_file_of_the_same_tags_need_not_learn_them(learnt: list[bytes]) -> None:
    data = log(["loss/train", "lr"])
    assert all_of(read(data)) == all_of(slowly(data)[0])
    assert set(learnt) == {b"loss/train", b"lr"}
    learnt.clear()
    other = log(["lr", "loss/train", "accuracy"], start=2000)
    assert all_of(read(other)) == all_of(slowly(other)[0])
    assert set(learnt) == {b"accuracy"}


def test_what_a_file_adds_does_not_reach_those_that_are_being_read(learnt: list[bytes]) -> None:
    read(log(["loss"]))
    first, second = Columns(), Columns()
    readers = Bulk(first), Bulk(second)
    for reader, columns, tags in zip(readers, (first, second), (["aaaa", "bbbb"], ["cccc", "bbbb"]), strict=True):
        data, place, count = log(tags), 0, 1
        while count:
            place, count = reader.take(data, place, last=True)
        assert all_of(columns) == all_of(slowly(data)[0])
    assert learnt.count(b"bbbb") == 2


def test_tensors_are_learnt_for_each_file_as_only_it_tells_what_they_are(learnt: list[bytes]) -> None:
    number = TensorProto(dtype=DataType.DT_FLOAT, tensor_content=b"\0\0\x80\x3f")
    bare = [tensor_event("loss", step, number) for step in range(1000, 1300)]

    def told(plugin: str) -> bytes:
        return b"".join(map(frame, [version(), tensor_event("loss", 999, number, plugin=plugin), *bare]))

    scalars, text = told("scalars"), told("text")
    assert all_of(read(scalars)) == all_of(slowly(scalars)[0])
    assert learnt
    assert not read(text).scalars
    assert all_of(read(text)) == all_of(slowly(text)[0])


def test_a_file_of_too_many_tags_hands_nothing_on(monkeypatch: pytest.MonkeyPatch, learnt: list[bytes]) -> None:
    monkeypatch.setattr(templates, "MOST_HANDED_ON", 2)
    data = log(["loss", "rate", "norm"])
    for _ in range(2):
        assert all_of(read(data)) == all_of(slowly(data)[0])
    assert learnt.count(b"norm") == 2


def test_damage_is_found_in_a_file_whose_templates_are_known() -> None:
    data = log(["loss"])
    read(data)
    broken = data.replace(frame(scalar("loss", 1100, 0.5)), frame(scalar("loss", 1100, 0.5))[:-6] + b"\x01" * 6)
    assert len(broken) == len(data)
    assert broken != data
    assert len(read(broken).scalars[b"loss"].steps) == 100
