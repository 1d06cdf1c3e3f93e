from __future__ import annotations

import os
import re
import struct
from pathlib import Path

import pytest
from eventfiles import NAME, checksum, curve, frame, scalar, version, write
from hypothesis import given
from strategies import Damaged, damaged

from tb_lossdiag.reader import tail as module
from tb_lossdiag.reader.tail import Tail


def values(tail: Tail, tag: bytes = b"loss") -> list[float]:
    return tail.columns.scalars[tag].values.tolist() if tag in tail.columns.scalars else []


def test_each_poll_reads_what_was_appended(tmp_path: Path) -> None:
    tail = Tail(write(tmp_path, curve("loss", [3.0])))
    assert tail.poll()
    assert not tail.poll()
    write(tail.path, curve("loss", [2.0, 1.0], start=1), append=True)
    assert tail.poll()
    assert values(tail) == [3.0, 2.0, 1.0]
    assert tail.warnings() == []


def test_a_half_written_record_waits_for_its_rest(tmp_path: Path) -> None:
    tail = Tail(write(tmp_path, curve("loss", [3.0])))
    record = frame(scalar("loss", 1, 2.0))
    for cut in (5, 13, len(record) - 1):
        write(tail.path, curve("loss", [3.0]))
        with tail.path.open("ab") as file:
            file.write(record[:cut])
        tail.poll()
        assert values(tail) == [3.0]
        assert tail.warnings() == []
        with tail.path.open("ab") as file:
            file.write(record[cut:])
        tail.poll()
        assert values(tail) == [3.0, 2.0]


def test_a_file_that_was_replaced_or_cut_is_read_from_its_beginning(tmp_path: Path) -> None:
    tail = Tail(write(tmp_path, curve("loss", [3.0, 2.0, 1.0])))
    tail.poll()
    write(tail.path, curve("loss", [9.0]))  # shorter
    tail.poll()
    assert values(tail) == [9.0]
    write(tail.path, curve("other", [1.0, 1.0, 1.0, 1.0]))  # longer, but other bytes
    tail.poll()
    assert values(tail) == []
    other = write(tmp_path / "new", curve("loss", [5.0, 4.0, 3.0, 2.0, 1.0]))
    other.replace(tail.path)  # another file under the name
    tail.poll()
    assert values(tail) == [5.0, 4.0, 3.0, 2.0, 1.0]


def test_a_file_that_vanished_or_is_closed_keeps_its_values_and_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tail = Tail(write(tmp_path, curve("loss", [3.0])))
    tail.poll()
    hidden = tail.path.rename(tmp_path / "hidden")
    assert tail.poll()
    assert not tail.poll()
    assert tail.warnings() == [f"{NAME} cannot be read (No such file or directory)."]
    assert values(tail) == [3.0]
    hidden.rename(tail.path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        assert tail.poll()
        assert tail.warnings() == [f"{NAME} cannot be read (Permission denied)."]
    assert tail.poll()
    assert tail.warnings() == []
    assert values(tail) == [3.0]


def refuse(path: Path, *_: object) -> None:
    raise PermissionError(13, "Permission denied", str(path))


def test_damage_is_told_with_its_place_and_size(tmp_path: Path) -> None:
    path = write(tmp_path, [version(), *curve("loss", [5.0, 4.0, 3.0, 2.0, 1.0])])
    data = bytearray(path.read_bytes())
    start, size = len(frame(version())), len(frame(scalar("loss", 1, 1.0)))
    first = len(frame(scalar("loss", 0, 1.0)))
    data[start + 20] ^= 1
    data[start + first + size + 20] ^= 1
    path.write_bytes(data)
    tail = Tail(path)
    tail.poll()
    assert values(tail) == [4.0, 2.0, 1.0]
    (warning,) = tail.warnings()
    assert warning == (
        f"{NAME} is damaged in 2 places: {first + size} bytes were skipped, the size of about 2 records "
        f"(bytes {start} to {start + first - 1}, {start + first + size} to {start + first + 2 * size - 1}), all else was read."
    )


def test_many_damaged_places_are_counted_and_not_all_listed(tmp_path: Path) -> None:
    path = write(tmp_path, curve("loss", [1.0] * 40))
    data = bytearray(path.read_bytes())
    for i in range(5):
        data[300 + 200 * i] ^= 1
    path.write_bytes(data)
    tail = Tail(path)
    tail.poll()
    (warning,) = tail.warnings()
    assert "damaged in 5 places" in warning
    assert "and 2 more" in warning
    assert len(values(tail)) == 35


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", None),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 1\n", "Git LFS pointer .* `git lfs pull`"),
        (b"<html><body>404 Not Found</body></html>\n" * 3, "is not an event file"),
        (bytes(5000), None),
    ],
)
def test_files_that_hold_no_events_say_what_they_are(tmp_path: Path, content: bytes, said: str | None) -> None:
    path = tmp_path / NAME
    path.write_bytes(content)
    tail = Tail(path)
    tail.poll()
    assert tail.columns.scalars == {}
    assert bool(tail.warnings()) == bool(said)
    assert said is None or re.search(said, tail.warnings()[0])


def test_records_that_are_no_events_are_counted(tmp_path: Path) -> None:
    tail = Tail(write(tmp_path, [b"\xff no event", *curve("loss", [1.0]), b"\xff"]))
    tail.poll()
    assert values(tail) == [1.0]
    assert tail.warnings() == [f"{NAME} holds 2 records that no event can be read from."]


def test_no_warning_tells_where_the_file_lies(tmp_path: Path) -> None:
    path = tmp_path / NAME
    path.write_bytes(frame(b"\xff") + b"noise" * 20 + frame(version()))
    tail = Tail(path)
    tail.poll()
    assert len(tail.warnings()) == 2
    assert not any(str(tmp_path) in each for each in tail.warnings())


def test_a_file_is_read_in_pieces_and_a_record_longer_than_a_piece_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK", 64)
    long = scalar("long/" + "x" * 1000, 0, 7.0)
    tail = Tail(write(tmp_path, [*curve("loss", [3.0, 2.0]), long, *curve("loss", [1.0], start=2)]))
    tail.poll()
    assert values(tail) == [3.0, 2.0, 1.0]
    assert values(tail, b"long/" + b"x" * 1000) == [7.0]
    assert tail.warnings() == []


def test_damage_longer_than_a_piece_is_one_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 64)
    path = write(tmp_path, curve("loss", [2.0]))
    with path.open("ab") as file:
        file.write(bytes(1000) + frame(scalar("loss", 1, 1.0)))
    tail = Tail(path)
    tail.poll()
    assert values(tail) == [2.0, 1.0]
    assert (tail.lost.places, tail.lost.total) == (1, 1000)


@given(case=damaged())
def test_a_damaged_file_that_grows_gives_what_it_gives_at_once(
    tmp_path_factory: pytest.TempPathFactory, case: Damaged
) -> None:
    path = tmp_path_factory.mktemp("tail") / NAME
    growing = Tail(path)
    for end in range(0, len(case.data) + 1, 37):
        path.write_bytes(case.data[:end])
        os.utime(path, ns=(end, end))
        growing.poll()
    path.write_bytes(case.data)
    os.utime(path, ns=(10**9, 10**9))
    growing.poll()
    at_once = Tail(path)
    at_once.poll()
    assert growing._records == at_once._records
    assert len(case.before) + len(case.behind) <= at_once._records <= len(case.payloads)


def test_a_record_too_large_to_hold_is_checked_left_out_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK", 64)
    monkeypatch.setattr(module, "LARGE", 256)
    large = scalar("x" * 2000, 0, 7.0)
    tail = Tail(write(tmp_path, [*curve("loss", [3.0]), large, *curve("loss", [2.0], start=1)]))
    tail.poll()
    assert values(tail) == [3.0, 2.0]
    assert set(tail.columns.scalars) == {b"loss"}
    assert tail.warnings() == [f"{NAME} holds 1 record of more than 0 MB, left out."]


@pytest.mark.parametrize("claimed", [500, 3000, 1 << 30])
def test_behind_a_large_length_that_lies_reading_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, claimed: int
) -> None:
    monkeypatch.setattr(module, "CHUNK", 64)
    monkeypatch.setattr(module, "LARGE", 256)
    length = struct.pack("<Q", claimed)
    lie = length + checksum(length) + bytes(range(256)) * 2
    path = write(tmp_path, curve("loss", [3.0]))
    with path.open("ab") as file:
        file.write(lie)
    tail = Tail(path)
    tail.poll()
    assert values(tail) == [3.0]
    write(path, curve("loss", [2.0] * 60, start=1), append=True)
    tail.poll()
    assert values(tail) == [3.0, *[2.0] * 60]
    assert (tail.lost.places, tail.lost.total) == (1, len(lie))
    assert tail._large == 0


def test_a_large_record_that_is_still_being_written_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 64)
    monkeypatch.setattr(module, "LARGE", 256)
    record = frame(scalar("x" * 2000, 0, 7.0))
    path = write(tmp_path, curve("loss", [3.0]))
    tail = Tail(path)
    for cut in range(0, len(record), 97):
        with path.open("ab") as file:
            file.write(record[cut : cut + 97])
        tail.poll()
        assert tail.warnings() == [] or cut + 97 >= len(record)
    assert tail._large == 1


def test_a_file_full_of_damage_is_described_in_little_memory(tmp_path: Path) -> None:
    path = write(tmp_path, curve("loss", [1.0] * 2000))
    data = bytearray(path.read_bytes())
    for place in range(50, len(data), 120):
        data[place] ^= 1
    path.write_bytes(data)
    tail = Tail(path)
    tail.poll()
    assert tail.lost.places > 500
    assert len(tail.lost.first) == 3
    assert f"about {2000 - tail._records:,} records" in tail.warnings()[0]
