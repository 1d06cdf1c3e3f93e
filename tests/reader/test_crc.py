from __future__ import annotations

import random
import struct

import numpy as np
from eventfiles import checksum
from hypothesis import given
from hypothesis import strategies as st

from tb_lossdiag.reader import crc


@given(st.binary(max_size=300))
def test_the_checksum_is_tensorboards(data: bytes) -> None:
    assert crc.masked_crc(data) == struct.unpack("<I", checksum(data))[0]


@given(st.binary(max_size=100), st.binary(max_size=100))
def test_a_checksum_may_be_taken_piece_by_piece(first: bytes, second: bytes) -> None:
    assert crc.mask_one(crc.extend(crc.crc(first), second)) == crc.masked_crc(first + second)


def test_the_checksums_of_many_lengths_are_those_of_each() -> None:
    lengths = [0, 1, 255, 256, 65_535, 1 << 24, (1 << 31) - 1, *random.Random(2).sample(range(1 << 31), 200)]
    got = crc.lengths_masked(np.array(lengths, dtype=np.uint64)).tolist()
    assert got == [crc.masked_crc(struct.pack("<Q", each)) for each in lengths]


@given(st.binary(min_size=1, max_size=300), st.data())
def test_a_byte_changes_the_checksum_by_what_its_table_says(data: bytes, draw: st.DataObject) -> None:
    place = draw.draw(st.integers(0, len(data) - 1))
    byte = draw.draw(st.integers(0, 255))
    other = data[:place] + bytes((byte,)) + data[place + 1 :]
    table = crc.of_byte(len(data) - 1 - place)
    assert crc.crc(other) == crc.crc(data) ^ int(table[data[place]]) ^ int(table[byte])


def test_masked_checksums_come_back() -> None:
    crcs = np.random.default_rng(0).integers(0, 1 << 32, 1000, dtype=np.uint32)
    assert (crc.unmask(crc.mask(crcs)) == crcs).all()
    assert crc.mask(crcs[:5]).tolist() == [crc.mask_one(each) for each in crcs[:5].tolist()]
