from __future__ import annotations

import random
import struct

from eventfiles import checksum, frame
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import Damaged, damaged

from tb_lossdiag.reader.record import Scan, scan


def whole(data: bytes) -> Scan:
    return scan(data, last=True)


def test_records_come_back_as_they_were_written() -> None:
    payloads = [b"first", b"", b"x" * 70_000]
    assert whole(b"".join(map(frame, payloads))) == Scan(payloads, [], sum(map(len, map(frame, payloads))))


def test_a_torn_tail_waits_wherever_it_is_torn() -> None:
    first, second = frame(b"first"), frame(b"second")
    for cut in range(len(second)):
        assert whole(first + second[:cut]) == Scan([b"first"], [], len(first))


def test_a_flipped_bit_costs_its_own_record_only() -> None:
    records = [frame(b"payload %d" % i) for i in range(5)]
    start = len(records[0]) + len(records[1])
    for at in range(len(records[2])):
        damaged_bytes = bytearray(b"".join(records))
        damaged_bytes[start + at] ^= 0x04
        found = whole(bytes(damaged_bytes))
        assert found.payloads == [b"payload 0", b"payload 1", b"payload 3", b"payload 4"]
        assert found.lost == [(start, start + len(records[2]))]
        assert found.consumed == len(damaged_bytes)


def test_a_hole_of_zeros_is_skipped_and_counted() -> None:
    data = frame(b"a") + bytes(4096) + frame(b"b")
    assert whole(data) == Scan([b"a", b"b"], [(len(frame(b"a")), len(frame(b"a")) + 4096)], len(data))


def test_zeros_at_the_end_wait_because_data_may_still_come_there() -> None:
    assert whole(frame(b"a") + bytes(4096)) == Scan([b"a"], [], len(frame(b"a")))


def test_a_lying_length_with_a_right_checksum_hides_nothing_behind_it() -> None:
    for claimed in (10_000, 1 << 30, (1 << 31) - 1, 1 << 40, (1 << 64) - 1):
        length = struct.pack("<Q", claimed)
        lie = length + checksum(length) + b"whatever"
        data = frame(b"a") + lie + frame(b"b")
        found = whole(data)
        assert found.payloads == [b"a", b"b"]
        assert found.lost == [(len(frame(b"a")), len(frame(b"a")) + len(lie))]


def test_records_inside_what_a_damaged_one_claims_are_found() -> None:
    long = frame(b"l" * 300)
    data = frame(b"a") + long[:100] + frame(b"b") + frame(b"c") + long[160:] + frame(b"d")
    assert whole(data).payloads == [b"a", b"b", b"c", b"d"]


def test_damage_at_the_end_is_told_and_what_is_appended_later_is_read() -> None:
    noise = random.Random(1).randbytes(500)
    found = whole(frame(b"a") + noise)
    assert found.payloads == [b"a"]
    assert found.lost
    rest = (frame(b"a") + noise)[found.consumed :]
    assert whole(rest + frame(b"b")).payloads == [b"b"]


def test_where_more_is_to_come_a_long_record_waits_instead_of_being_called_damage() -> None:
    long = frame(b"l" * 5000)
    assert scan(frame(b"a") + long[:3000], last=False) == Scan([b"a"], [], len(frame(b"a")))


def test_after_damage_the_first_header_that_is_right_waits_for_its_record() -> None:
    waiting = frame(b"w" * 900)[:300] + frame(b"v" * 900)[:300]
    found = whole(frame(b"a") + b"noise" * 5 + waiting)
    assert (found.payloads, found.consumed) == ([b"a"], len(frame(b"a")) + 25)


@given(damaged())
@example(Damaged([b"a", b"b"], bytes(100), 0, 0))
def test_whatever_the_damage_no_false_payload_appears_and_all_outside_it_is_read(case: Damaged) -> None:
    found = whole(case.data)
    remaining = iter(case.payloads)
    assert all(any(each == known for known in remaining) for each in found.payloads)  # in order, none invented
    assert found.payloads[: len(case.before)] == case.before
    assert case.behind == found.payloads[len(found.payloads) - len(case.behind) :]
    assert all(0 <= start < end <= found.consumed <= len(case.data) for start, end in found.lost)
    assert all(end <= start for (_, end), (start, _) in zip(found.lost, found.lost[1:], strict=False))
    intact = sum(len(frame(each)) for each in found.payloads)
    assert intact + sum(end - start for start, end in found.lost) == found.consumed


@given(damaged(), st.integers(0, 400))
def test_reading_in_two_pieces_finds_what_reading_at_once_finds(case: Damaged, cut: int) -> None:
    first = scan(case.data[:cut], last=cut >= len(case.data))
    second = whole(case.data[first.consumed :])
    assert first.payloads + second.payloads == whole(case.data).payloads


@given(st.binary(max_size=400))
def test_bytes_that_are_no_event_file_hold_nothing(data: bytes) -> None:
    found = whole(data)
    assert found.payloads == []
    assert found.consumed <= len(data)
