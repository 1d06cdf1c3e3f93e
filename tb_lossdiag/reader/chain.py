"""Where records begin: each one's length says where the next one is, so that a file has to be walked record by record.

Python walks some twelve million records a second. Writers, however, log the same tags again and again, so that the sizes of records
repeat: where they do, the next places are foretold from those before and checked all at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["AROUND", "HEADER", "Chain", "Lengths", "Places", "lag_of"]

HEADER, AROUND = 12, 16  # bytes before a payload, and those around it
ENOUGH = 32  # records in a row whose sizes were seen before: then the next ones are foretold
LONGEST = 1024  # as many at most are compared
WALK = 128  # records that are walked before the next attempt; more where attempts fail

Places = NDArray[np.int64]
Lengths = NDArray[np.uint64]


@dataclass(slots=True)
class Chain:
    """Remembers, from stretch to stretch, how many records must be alike before a repetition is trusted."""

    alike: int = ENOUGH
    walk: int = WALK

    def places(self, data: bytes, start: int, most: int) -> tuple[Places, int]:
        """The places of up to `most` whole records of `data` that follow each other from `start` on, and where they end.

        Only lengths are looked at here, not their checksums.
        """
        lengths = np.ndarray(max(0, len(data) - 7), "<u8", data, 0, (1,))  # at every byte, aligned or not
        parts: list[Places] = []
        count, place = 0, start
        while count < most:
            walked, place = _walk(data, place, min(self.walk, most - count))
            trusted = np.array(walked, dtype=np.int64)
            sizes = np.diff(trusted, append=place)
            right = lengths[trusted] == (sizes - AROUND).astype(np.uint64)  # the walk knows lengths below 65,536 only
            if not right.all():
                good = int(right.argmin())
                parts.append(trusted[:good])
                place = int(trusted[good])
                break
            parts.append(trusted)
            count += len(trusted)
            if len(trusted) < self.walk or count >= most:
                break
            foretold, place = self._foretell(lengths, len(data), np.concatenate(parts), place, most - count)
            parts.append(foretold)
            count += len(foretold)
        return np.concatenate(parts) if parts else np.empty(0, np.int64), place

    def _foretell(self, lengths: Lengths, size: int, known: Places, place: int, most: int) -> tuple[Places, int]:
        """The places after `place` as far as the sizes before it repeat."""
        recent = known[-4 * LONGEST :]
        sizes = np.diff(recent, append=place)
        lag = lag_of(sizes, self.alike)
        begun = place
        found: list[Places] = []
        ask = max(4 * lag, WALK)
        total = 0
        while lag and total < most:
            wanted = min(ask, most - total)
            ahead = np.tile(sizes[len(sizes) - lag :], -(-wanted // lag))[:wanted]
            ends = place + np.cumsum(ahead)
            places = ends - ahead
            inside = int(np.searchsorted(ends, size, side="right"))
            right = lengths[places[:inside]] == (ahead[:inside] - AROUND).astype(np.uint64)
            good = inside if right.all() else int(right.argmin())
            found.append(places[:good])
            total += good
            if good:
                place = int(ends[good - 1])
            if good < len(ahead) or good % lag:
                break
            ask *= 4
        worth = place - begun > 0 and total >= self.walk
        self.walk = WALK if worth else min(2 * self.walk, 1 << 16)
        self.alike = self.alike if worth else min(2 * self.alike, LONGEST)
        return np.concatenate(found) if found else np.empty(0, np.int64), place


def _walk(data: bytes, place: int, most: int) -> tuple[list[int], int]:
    """Up to `most` whole records from `place` on, by the lower two bytes of their lengths, and where they end."""
    found: list[int] = []
    add = found.append
    last = len(data) - AROUND
    size = len(data)
    for _ in range(most):
        if place > last:
            break
        after = place + AROUND + data[place] + (data[place + 1] << 8)
        if after > size:
            break
        add(place)
        place = after
    return found, place


def lag_of(numbers: NDArray[np.integer[Any]], alike: int) -> int:
    """How many records ago the last `alike` sizes, or tags, were seen before; 0 where they were not."""
    if len(numbers) <= alike:
        return 0
    text = numbers[::-1].astype("<u4").tobytes()  # backwards, as only bytes.find takes linear time
    pattern = text[: 4 * alike]
    found = text.find(pattern, 4)
    while found > 0 and found % 4:
        found = text.find(pattern, found + 1)
    return found // 4 if found > 0 else 0
