"""Kill a writer at a random moment, and read what it had flushed."""

from __future__ import annotations

import os
import random
import signal
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from tb_lossdiag.reader import Log

TAGS = ("loss/train", "lr")
LONGEST = 0.02  # seconds that a writer lives


class Writer(Protocol):
    """What writes events."""

    def add_event(self, event: Event) -> None: ...
    def flush(self) -> None: ...


def ours(folder: str) -> Writer:
    """`DiagWriter`'s event file."""
    from tb_lossdiag.writer.event_file import EventFile

    class Adapter:
        def __init__(self) -> None:
            self._file = EventFile(folder, flush_secs=0.002)

        def add_event(self, event: Event) -> None:
            self._file.add(event.SerializeToString())

        def flush(self) -> None:
            self._file.flush()

    return Adapter()


WRITERS: dict[str, Callable[[str], Writer]] = {
    "TensorBoard's EventFileWriter": EventFileWriter,
    "DiagWriter's EventFile": ours,
}


def write(writer: Writer, pipe: int, chance: random.Random) -> None:
    """Log without end, and tell after each flush how many steps are on the disk."""
    step = 0
    while True:
        for _ in range(chance.randint(1, 30)):
            for tag in TAGS:
                value = Summary.Value(tag=tag, simple_value=float(step))
                writer.add_event(Event(wall_time=1.7e9 + step, step=step, summary=Summary(value=[value])))
            step += 1
        writer.flush()
        os.write(pipe, struct.pack("<q", step))


def kill_one(name: str, seed: int, folder: Path) -> tuple[int, int]:
    """Steps that were flushed and steps that were read, of a writer that was killed. Raises AssertionError where some are lost."""
    chance = random.Random(seed)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            write(WRITERS[name](str(folder)), writing, chance)
        finally:
            os._exit(1)
    os.close(writing)
    told = os.read(reading, 8)  # alive: the first flush is done
    time.sleep(chance.uniform(0, LONGEST))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(reading, "rb") as pipe:
        told += pipe.read()
    flushed = struct.unpack_from("<q", told, len(told) // 8 * 8 - 8)[0]
    log = Log(folder)
    log.poll()
    run = log.run()
    read = [len(run.series[tag]) for tag in TAGS]
    for tag in TAGS:
        assert run.series[tag].values.tolist() == list(range(len(run.series[tag]))), f"seed {seed}: {tag} has gaps"
    assert min(read) >= flushed, f"seed {seed}: {flushed} steps were flushed, {min(read)} were read"
    assert not run.warnings, run.warnings
    return flushed, min(read)
