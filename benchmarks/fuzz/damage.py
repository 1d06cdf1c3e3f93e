"""Damaged event files from a seed, and what a reader may and must find in them."""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from benchmarks.reading.layouts import frame, plain, tensor
from tb_lossdiag.reader import bulk
from tb_lossdiag.reader import tail as tails
from tb_lossdiag.reader.columns import Columns
from tb_lossdiag.reader.crc import masked_crc
from tb_lossdiag.reader.remote import RemoteFile
from tb_lossdiag.reader.tail import Tail

Point = tuple[bytes, int, float, float]
Mutation = Callable[[random.Random, bytes], bytes]

NAMES = (b"loss/train", b"lr", b"val_loss", b"x" * 150)
ODD = (math.nan, math.inf, -math.inf, 0.0, -0.0, 1e-45, 3.4e38)


@dataclass(slots=True)
class Log:
    """An event file before it is damaged: its records, and the points that they hold."""

    records: list[bytes] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)


def log(chance: random.Random) -> Log:
    """A small training's log. No two points are alike: each has a wall time of its own."""
    found = Log()
    names = chance.sample(NAMES, chance.randint(1, 4))
    forms = [chance.choice((plain, plain, tensor)) for _ in names]
    step = chance.choice((0, 0, 100, 16_380, 2**40))
    wall = 1.7e9
    for _ in range(chance.choice((1, 5, 20, 20, 60))):
        for name, form in zip(names, forms, strict=True):
            wall += 0.001 + chance.random()
            number = struct.unpack(
                "<f", struct.pack("<f", chance.choice(ODD) if chance.random() < 0.1 else chance.gauss(0, 1))
            )[0]
            found.records.append(frame(form(name, step, wall, number)))
            found.points.append((name, step, wall, number))
        step += chance.choice((1, 1, 1, 7))
    return found


def flip(chance: random.Random, data: bytes) -> bytes:
    place = chance.randrange(len(data))
    return data[:place] + bytes((data[place] ^ 1 << chance.randrange(8),)) + data[place + 1 :]


def overwrite(chance: random.Random, data: bytes) -> bytes:
    place = chance.randrange(len(data))
    noise = chance.randbytes(min(chance.choice((1, 4, 16, 300)), len(data) - place))
    return data[:place] + noise + data[place + len(noise) :]


def zeros(chance: random.Random, data: bytes) -> bytes:
    place = chance.randrange(len(data))
    size = min(chance.choice((1, 16, 512, 4096)), len(data) - place)
    return data[:place] + bytes(size) + data[place + size :]


def cut(chance: random.Random, data: bytes) -> bytes:
    place = chance.randrange(len(data))
    return data[:place] + data[place + chance.choice((1, 4, 50, 500)) :]


def truncate(chance: random.Random, data: bytes) -> bytes:
    return data[: chance.randrange(len(data))]


def push(chance: random.Random, data: bytes) -> bytes:
    place = chance.randrange(len(data) + 1)
    return data[:place] + chance.choice((bytes(100), chance.randbytes(chance.randint(1, 200)))) + data[place:]


def lie(chance: random.Random, data: bytes) -> bytes:
    """A length that is wrong, with a checksum that is right."""
    place = chance.randrange(len(data) + 1)
    length = struct.pack("<Q", chance.choice((0, 1, 60, 5000, 1 << 24, 1 << 31, 1 << 40, (1 << 64) - 1)))
    return data[:place] + length + struct.pack("<I", masked_crc(length)) + data[place:]


def tear(chance: random.Random, data: bytes) -> bytes:
    """The beginning of a record amid others, as two writers on one file leave it."""
    record = frame(plain(b"torn", 1, 1.0, 1.0))
    place = chance.randrange(len(data) + 1)
    return data[:place] + record[: chance.randrange(1, len(record))] + data[place:]


MUTATIONS: tuple[Mutation, ...] = (flip, flip, overwrite, zeros, cut, truncate, push, lie, tear)


def damaged(chance: random.Random, data: bytes) -> bytes:
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        if data:
            data = chance.choice(MUTATIONS)(chance, data)
    return data


def obvious(data: bytes) -> list[bytes]:
    """Every whole record that stands in the data, from left to right: the slow and obvious reader."""
    found, place = [], 0
    while place + 16 <= len(data):
        length = int.from_bytes(data[place : place + 8], "little")
        end = place + 12 + length
        if (
            end + 4 <= len(data)  # before the checksums, as it is so rarely true
            and masked_crc(data[place : place + 8]) == int.from_bytes(data[place + 8 : place + 12], "little")
            and masked_crc(data[place + 12 : end]) == int.from_bytes(data[end : end + 4], "little")
        ):
            found.append(data[place + 12 : end])
            place = end + 4
        else:
            place += 1
    return found


def points_of(columns: Columns) -> dict[bytes, list[tuple[int, float, bytes]]]:
    """Every point by tag, in order; the value as bytes, so that NaN equals itself."""
    return {
        tag: list(zip(each.steps, each.walls, [struct.pack("<d", value) for value in each.values], strict=True))
        for tag, each in columns.scalars.items()
    }


@dataclass(slots=True)
class Held:
    """A file system that holds one file, of which as much is there as its size says."""

    data: bytes

    def cat_file(self, _: str, start: int, end: int) -> bytes:
        return self.data[start:end]


def check(seed: int) -> None:
    """Damage one log, read it as it grows or at once, and compare. Raises AssertionError with what is wrong."""
    chance = random.Random(seed)
    whole = log(chance)
    data = damaged(chance, b"".join(whole.records))
    file = RemoteFile(Held(data), "events.out.tfevents.1.fuzz")
    tail = Tail(file)
    at_once = chance.random() < 0.5
    for end in [len(data)] if at_once else [*sorted(chance.randrange(len(data) + 1) for _ in range(3)), len(data)]:
        file.about = {"size": end}
        tail.poll()
    found = points_of(tail.columns)
    written: dict[bytes, list[tuple[int, float, bytes]]] = {}
    for tag, step, wall, number in whole.points:
        written.setdefault(tag, []).append((step, wall, struct.pack("<d", number)))
    for tag, points in found.items():
        rest = iter(written.get(tag, []))
        assert all(any(each == known for known in rest) for each in points), (
            f"{tag!r} holds a point that nobody wrote, or out of order"
        )
    expected = Columns()
    expected.add(obvious(data))
    assert found == points_of(expected), "other records than stand in the file"
    lost = sum(len(each) for each in written.values()) - sum(len(each) for each in found.values())
    assert lost >= 0
    assert all(isinstance(each, str) for each in tail.warnings())
    assert tail.lost.total <= len(data)


def run(seeds: range) -> None:
    """Check each seed; small strokes and pieces, so that small files go through what large ones go through."""
    kept = {(module, name): getattr(module, name) for module, name in SMALL}
    try:
        for (module, name), value in SMALL.items():
            setattr(module, name, value)
        with np.errstate(all="ignore"):
            for seed in seeds:
                try:
                    check(seed)
                except Exception as error:
                    raise AssertionError(f"seed {seed}: {error!r}") from error
    finally:
        for (module, name), value in kept.items():
            setattr(module, name, value)


SMALL = {
    (bulk, "WORTH"): 2,
    (bulk, "FIRST_WINDOW"): 16,
    (bulk, "ALIKE"): 3,
    (bulk, "SHORT"): 1,
    (tails, "MANY"): 64,
    (tails, "FEW"): 2,
    (tails, "CHUNK"): 1 << 12,
    (tails, "LARGE"): 1 << 13,
}
