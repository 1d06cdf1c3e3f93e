"""An event file that a thread of its own writes, so that the training loop never waits for a checksum or a disk.

torch's own writer computes checksums byte by byte in Python behind a queue of ten; the loop waits for it. Here the
loop only appends to a queue: bytes, or jobs that have yet to make them. The queue is bounded, generously. When a disk is
that slow the loop waits to add what its user logs, because that must not be lost; our own jobs are left out instead, so
that watching never holds up training. A disk that fails is reported once, and how much was lost when the file is closed.
"""

from __future__ import annotations

import logging
import os
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from itertools import count, islice
from pathlib import Path
from typing import Any

import google_crc32c
from tensorboard.compat.proto.event_pb2 import Event, SourceMetadata
from torch.utils.tensorboard import writer as torch_writer

__all__ = ["EventFile", "FileWriter", "NoFile", "frame"]

LOG = logging.getLogger("tb_lossdiag")
OUTSTANDING = 64 << 20  # bytes that may wait for the disk before the training loop has to wait too
TOGETHER = 256  # events that are written at once
JOBS = 512  # that may wait
# jobs, or bytes that wait, that the thread is woken for: waking takes the interpreter from the training
SOON, HEAVY = 16, 1 << 20
SERIAL = count()  # tells apart the files that one process opens within a second


def masked_crc(data: bytes) -> int:
    """TFRecord's checksum: CRC-32C, rotated and shifted so that a checksum of checksums stays a good one."""
    crc: int = google_crc32c.value(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def frame(event: bytes) -> bytes:
    """A serialised event as a record: length, checksum of the length, event, checksum of the event."""
    length = struct.pack("<Q", len(event))
    return b"".join(
        (length, struct.pack("<I", masked_crc(length)), event, struct.pack("<I", masked_crc(event))),
    )


class EventFile:
    """One event file. `add` returns at once; what was added is on disk within `flush_secs`, or when `flush` returns."""

    def __init__(self, logdir: str, flush_secs: float = 5.0, suffix: str = "") -> None:
        Path(logdir).mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}"
        self.path = (
            Path(logdir) / f"{name}.{next(SERIAL):06d}{suffix}"
        )  # TensorBoard reads files in order of their names
        self._flush_secs = flush_secs
        self._waiting: deque[bytes | Callable[[], None]] = deque()
        self._weights: deque[int] = deque()  # of the jobs among them
        self._lock = threading.Lock()  # for what both threads count
        self._outstanding = self._jobs = 0
        self._lost = 0
        self._failed = self._closing = False
        self._wake = threading.Event()
        self._written = threading.Event()
        self._thread: threading.Thread | None = None
        self._process = os.getpid()
        self.reopen()
        about = SourceMetadata(writer="tb_lossdiag")
        self.add(Event(wall_time=time.time(), file_version="brain.Event:2", source_metadata=about).SerializeToString())
        self.flush()

    def reopen(self) -> None:
        """Go on adding to the same file after `close`: a second file beside it would freeze TensorBoard's view of it."""
        if self._thread is None:
            # unbuffered: a forked child must not write a copy of our buffer when it ends
            file = self.path.open("ab", buffering=0)
            self._closing = False
            self._thread = threading.Thread(target=self._run, args=(file,), name="tb_lossdiag events", daemon=True)
            self._thread.start()

    def add(self, event: bytes) -> None:
        """Hand over one serialised event. After `close`, and in a forked child, it is counted as lost."""
        if not self._alive():
            self._lost += 1
            return
        # appending wakes nobody: a thread that wakes takes the interpreter from the training loop
        with self._lock:
            self._waiting.append(event)
            self._outstanding += len(event)
        if self._outstanding > OUTSTANDING and threading.current_thread() is not self._thread:
            self.flush()

    def defer(self, job: Callable[[], None], weight: int = 0) -> None:
        """Have the thread do this, after what was added before; meanwhile it holds `weight` bytes.

        Where too much waits it is left out, and counted as lost.
        """
        full = self._jobs >= JOBS or (self._outstanding + weight > OUTSTANDING and self._jobs > 0)
        if full or not self._alive():
            if full and not self._lost:
                LOG.warning("Events come faster than they can be written to %s: some are left out.", self.path)
            self._lost += 1
            return
        with self._lock:
            self._waiting.append(job)
            self._weights.append(weight)
            self._outstanding += weight
            self._jobs += 1
        if self._jobs >= SOON or self._outstanding > HEAVY:
            self._wake.set()

    def flush(self) -> None:
        """Return when everything that was added is with the operating system."""
        while self._waiting and self._alive():
            self._written.clear()
            self._wake.set()
            self._written.wait(1.0)

    def close(self) -> None:
        """Write what is left and end the thread; says so if anything was lost. Closing twice does nothing."""
        if self._alive() and self._thread is not None:
            self._closing = True
            self._wake.set()
            self._thread.join()
        self._thread = None
        if self._lost:
            LOG.error("%d events could not be written to %s.", self._lost, self.path)
            self._lost = 0

    def _alive(self) -> bool:
        return self._thread is not None and self._process == os.getpid() and self._thread.is_alive()

    def _run(self, file: Any) -> None:  # noqa: ANN401  (an unbuffered binary file)
        with file:
            while not self._closing:
                self._wake.wait(self._flush_secs)
                self._wake.clear()
                self._drain(file)
            self._drain(file)

    def _drain(self, file: Any) -> None:  # noqa: ANN401
        """Do and write what waits, in order. Each leaves the queue when it is done, so that `flush` can tell."""
        while self._waiting:
            first = self._waiting[0]
            if callable(first):
                self._do(first)
                continue
            chosen = []
            for event in list(islice(self._waiting, TOGETHER)):
                if callable(event):
                    break
                chosen.append(event)
            self._write(file, chosen)
            with self._lock:
                for event in chosen:
                    self._waiting.popleft()
                    self._outstanding -= len(event)
        self._written.set()

    def _do(self, job: Callable[[], None]) -> None:
        try:
            job()
        except Exception:
            LOG.exception("Something could not be written to %s; training and everything else go on.", self.path)
        with self._lock:
            self._waiting.popleft()
            self._outstanding -= self._weights.popleft()
            self._jobs -= 1

    def _write(self, file: Any, events: list[bytes]) -> None:  # noqa: ANN401
        """Write all events, or none that follow a failure: a gap would make the rest of the file unreadable."""
        if self._failed:
            self._lost += len(events)
            return
        try:
            rest = memoryview(b"".join(map(frame, events)))
            while rest:
                rest = rest[file.write(rest) :]
        except OSError as error:
            self._failed = True
            self._lost += len(events)
            LOG.error(  # noqa: TRY400  (the sentence says it; the training goes on)
                "Cannot write %s (%s): nothing more is logged there. Free some space and start a new DiagWriter.",
                self.path,
                error,
            )


class FileWriter(torch_writer.FileWriter):
    """torch's FileWriter, on an `EventFile`. What `SummaryWriter` adds goes the same way into the same file."""

    def __init__(self, file: EventFile) -> None:  # it replaces torch's construction
        self.event_writer = self  # torch's methods call add_event on it
        self.file = file

    def get_logdir(self) -> str:
        """The directory that holds the file."""
        return str(self.file.path.parent)

    def add_event(self, event: Any, step: float | None = None, walltime: float | None = None) -> None:  # noqa: ANN401
        """Add one `Event`, with step and wall time set as torch sets them."""
        event.wall_time = time.time() if walltime is None else walltime
        if step is not None:
            event.step = int(step)
        self.file.add(event.SerializeToString())

    def flush(self) -> None:
        """Return when everything that was added is on disk."""
        self.file.flush()

    def close(self) -> None:
        """Write what is left and close the file."""
        self.file.close()

    def reopen(self) -> None:
        """Go on in the same file."""
        self.file.reopen()


class NoFile(torch_writer.FileWriter):
    """torch's FileWriter in a process that is not to write: another one does."""

    def __init__(self, logdir: str) -> None:  # it replaces torch's construction
        self.event_writer = self
        self._logdir = logdir

    def get_logdir(self) -> str:
        """The directory that the other process writes to."""
        return self._logdir

    def add_event(self, event: Any, step: float | None = None, walltime: float | None = None) -> None:  # noqa: ANN401
        """Nothing."""

    def flush(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""

    def reopen(self) -> None:
        """Nothing."""
