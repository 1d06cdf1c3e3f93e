"""What it costs to log 500 figures of layers a step, what a tiny step pays when nothing is sampled, and what memory is held."""

from __future__ import annotations

import gc
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.tensorboard import SummaryWriter

from benchmarks.overhead.trainings import MODELS, Training
from benchmarks.overhead.watchers import Always, Empty, Never, Watcher
from tb_lossdiag import DiagWriter
from tb_lossdiag.tags import Schema
from tb_lossdiag.writer.outbox import At
from tb_lossdiag.writer.transfer import Transfer

VALUES = 500


def packed(steps: int) -> dict[str, float]:
    """Figures of one tensor, handed over as a sampled step does: seconds of the thread, of all CPU, and bytes, each of a value."""
    schema = Schema("parameters", "train", ("grad_norm",), tuple(f"layer.{i}.weight" for i in range(VALUES)))
    with tempfile.TemporaryDirectory() as logdir:
        writer = DiagWriter(logdir)
        writer.flush()
        values = torch.randn(VALUES)
        before, thread, process = size(logdir), time.thread_time(), time.process_time()
        for step in range(steps):
            at, transfer = At(writer._outbox, step, ""), Transfer()
            transfer.add([values], lambda found, at=at: at.packed(schema, found[0][None].astype(np.float32)))
            writer._outbox.deliver(transfer)
            if step % 100 == 99:
                time.sleep(0.01)  # a training's other work
        thread = time.thread_time() - thread
        writer.flush()
        process = time.process_time() - process
        found = cost(thread, process, size(logdir) - before, steps)
        writer.close()
    return found


def scalars(steps: int) -> dict[str, float]:
    """The same with add_scalar."""
    tags = [f"grad_norm/layer.{i}.weight" for i in range(VALUES)]
    with tempfile.TemporaryDirectory() as logdir:
        writer = SummaryWriter(logdir)
        values = torch.randn(VALUES)
        writer.flush()
        before, thread, process = size(logdir), time.thread_time(), time.process_time()
        for step in range(steps):
            for tag, value in zip(tags, values.tolist(), strict=True):
                writer.add_scalar(tag, value, step)
        thread = time.thread_time() - thread
        writer.flush()
        found = cost(thread, time.process_time() - process, size(logdir) - before, steps)
        writer.close()
    return found


def cost(thread: float, process: float, written: int, steps: int) -> dict[str, float]:
    count = steps * VALUES
    return {"thread_us": thread / count * 1e6, "cpu_us": process / count * 1e6, "bytes": written / count}


def size(logdir: str) -> int:
    return sum(each.stat().st_size for each in Path(logdir).glob("*tfevents*"))


def unsampled(blocks: int, steps: int = 40) -> tuple[float, float]:
    """Microseconds that a step of a single small layer pays where no step is sampled, and for hooks that do nothing: the fastest block
    less the fastest one without.
    """
    make, shape = lambda: nn.Sequential(nn.Linear(8, 10)), (4, 8)
    with tempfile.TemporaryDirectory() as logdir:
        trainings = [Training(make, shape, each, logdir) for each in (Watcher, Never, Empty)]
        for each in trainings:
            each.block(200)
        taken = [[each.block(steps)[0] for each in trainings] for _ in range(blocks)]
        trainings[1].watcher.close()
    alone, watched, empty = np.array(taken).min(0)  # others' work on the machine only ever adds
    return float(watched - alone) * 1e6, float(empty - alone) * 1e6


def memory(model: str, steps: int) -> dict[str, float]:
    """Bytes of tensors that are alive within the optimizer's step of a sampled step, and between steps, beyond those without a
    writer, as multiples of the parameters; and tensors that were added while so many steps were taken.
    """
    make, shape = MODELS[model]
    found: dict[str, Any] = {}
    for kind in (Watcher, Always):
        with tempfile.TemporaryDirectory() as logdir:
            training = Training(make, shape, kind, logdir)
            training.block(5)
            within: list[int] = []
            handle = training.optimizer.register_step_pre_hook(
                lambda *_, within=within, training=training: within.append(alive(training)[0])
            )
            training.step()
            handle.remove()
            between, count = alive(training)
            training.block(steps)
            if isinstance(training.watcher, Always):
                training.watcher.writer.flush()
            found[kind.__name__] = within[0], between, alive(training)[1] - count
            parameters = sum(each.numel() * each.element_size() for each in training.model.parameters())
            training.watcher.close()
    ours, none = found["Always"], found["Watcher"]
    return {
        "megabytes": (ours[0] - none[0]) / 1e6,
        "within": (ours[0] - none[0]) / parameters,
        "between": (ours[1] - none[1]) / parameters,
        "grown": ours[2] - none[2],
    }


def alive(training: Training) -> tuple[int, int]:
    """Bytes and number of the tensors that Python holds; views of the same memory count once."""
    gradients = [each.grad for each in training.model.parameters()]  # which Python knows of only once it was asked
    gc.collect()
    tensors = [each for each in gc.get_objects() if issubclass(type(each), torch.Tensor)]
    storages = {
        each.untyped_storage().data_ptr(): each.untyped_storage().nbytes() for each in tensors if not each.is_sparse
    }
    del gradients
    return sum(storages.values()), len(tensors)
