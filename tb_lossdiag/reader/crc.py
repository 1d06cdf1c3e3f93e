"""The checksum of event files, CRC32C: of one piece of bytes in C, and of thousands of records in one stroke of numpy.

A checksum is linear: flipping a byte changes it by an amount that depends only on the flip and on how many bytes follow. So
the checksum of a record is that of its constant bytes XOR one table look-up for each byte that varies.
"""

from __future__ import annotations

from functools import cache, lru_cache

import google_crc32c
import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BLANK",
    "crc",
    "extend",
    "length_masked",
    "lengths_masked",
    "mask",
    "mask_one",
    "masked_crc",
    "of_byte",
    "unmask",
]

BLANK = 0xFFFFFFFF  # the checksum whose register is all zeros
MASK = 0xA282EAD8
POLYNOMIAL = 0x82F63B78  # Castagnoli's, bits reversed
STRIDE = 16  # tables on the way that are kept: few enough calls, and few enough tables
LENGTH_BYTES = 4  # of a length's eight bytes: those above are zeros

U32 = NDArray[np.uint32]


def crc(data: bytes) -> int:
    """CRC32C of these bytes."""
    found: int = google_crc32c.value(data)
    return found


def extend(before: int, data: bytes) -> int:
    """The checksum of what had the checksum `before`, with `data` behind it."""
    found: int = google_crc32c.extend(before, data)
    return found


def masked_crc(data: bytes) -> int:
    """CRC32C as TFRecord stores it: rotated by 15 bits, plus a constant."""
    return mask_one(google_crc32c.value(data))


@lru_cache(1 << 12)
def length_masked(length: int) -> int:
    """The checksum of a record's length, which is that of many records, as TFRecord stores it."""
    return masked_crc(length.to_bytes(8, "little"))


def mask_one(found: int) -> int:
    """One checksum as TFRecord stores it."""
    return (((found >> 15) | (found << 17)) + MASK) & 0xFFFFFFFF


def mask(crcs: U32) -> U32:
    """Checksums as TFRecord stores them."""
    return ((crcs >> np.uint32(15)) | (crcs << np.uint32(17))) + np.uint32(MASK)


def unmask(stored: U32) -> U32:
    """The opposite of `mask`."""
    rotated = stored - np.uint32(MASK)
    return (rotated >> np.uint32(17)) | (rotated << np.uint32(15))


@cache
def of_byte(behind: int) -> U32:
    """What each value of a byte, with `behind` bytes after it, changes in the checksum against a zero there; shape (256,)."""
    if behind == 0:
        table = np.arange(256, dtype=np.uint32)
        for _ in range(8):
            table = np.where(
                table & np.uint32(1), (table >> np.uint32(1)) ^ np.uint32(POLYNOMIAL), table >> np.uint32(1)
            )
        return table
    first = of_byte(0)
    table = of_byte(max(0, behind - STRIDE))
    for _ in range(min(behind, STRIDE)):
        table = first[table & np.uint32(255)] ^ (table >> np.uint32(8))
    return table


def lengths_masked(lengths: NDArray[np.uint64]) -> U32:
    """`masked_crc` of each length's 8 bytes, all at once. No length may be above 2^32."""
    crcs = np.full(len(lengths), crc(bytes(8)), dtype=np.uint32)
    for i in range(LENGTH_BYTES):
        crcs ^= of_byte(7 - i)[(lengths >> np.uint64(8 * i)).astype(np.uint8)]
    return mask(crcs)
