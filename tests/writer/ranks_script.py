"""Trains with the processes that torchrun starts, as its user would: `torchrun --nproc_per_node 2 ranks_script.py FOLDER MODE`."""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

from tb_lossdiag import DiagWriter

STEPS, BATCH = 45, 16


def network() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(64, 33), nn.ReLU(), nn.Linear(33, 10))


def data(rank: int = 0, size: int = 1) -> list[tuple[Tensor, Tensor]]:
    """Batches, of which each process takes its part."""
    digits = load_digits()
    mixed = torch.randperm(1797, generator=torch.Generator().manual_seed(5))
    x = torch.tensor(digits.data / 8 - 1, dtype=torch.float32)[mixed]
    y = torch.tensor(digits.target)[mixed]
    own, found = BATCH * 2 // size, []
    for i in range(STEPS):
        first = i * BATCH * 2 + rank * own
        rows = torch.arange(first, first + own) % len(x)
        found.append((x[rows], y[rows]))
    return found


def train(model: nn.Module, writer: DiagWriter | None, batches: Any, *, clip: float = 0.0) -> nn.Module:
    """The loop of a user: nothing in it knows how many processes there are."""
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    if writer is not None:
        writer.watch(model, optimizer, loss_fn)
    for x, y in batches:
        optimizer.zero_grad()
        loss_fn(model(x), y).backward()
        if clip:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        if writer is not None and writer.should_stop:
            break
    if writer is not None:
        writer.close()
    return model


def whole(model: nn.Module) -> list[list[float]]:
    return [
        (each.full_tensor() if hasattr(each, "full_tensor") else each).detach().flatten().tolist()
        for each in model.parameters()
    ]


def ddp(folder: Path, rank: int, *, watched: bool = True) -> nn.Module:
    model = DistributedDataParallel(network())
    return train(model, DiagWriter(folder) if watched else None, data(rank, 2), clip=0.7)


def wrapped_later(folder: Path, rank: int) -> nn.Module:
    """Watched before it is wrapped; the steps are those of the wrapped one."""
    inner, loss_fn = network(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(inner.parameters(), lr=0.1, momentum=0.9)
    writer = DiagWriter(folder)
    writer.watch(inner, optimizer, loss_fn)
    model = DistributedDataParallel(inner)
    for x, y in data(rank, 2):
        optimizer.zero_grad()
        loss_fn(model(x), y).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.7)
        optimizer.step()
    writer.close()
    return model


def fsdp(folder: Path, rank: int, *, watched: bool = True) -> nn.Module:
    from torch.distributed.fsdp import fully_shard

    model = network()
    for layer in (model[0], model[2], model):  # type: ignore[index]
        fully_shard(layer)
    return train(model, DiagWriter(folder) if watched else None, data(rank, 2), clip=0.7)


def same_data(folder: Path, _rank: int) -> nn.Module:
    """Nobody has given each process its own part."""
    return train(DistributedDataParallel(network()), DiagWriter(folder), data(0, 2))


def only_first(folder: Path, rank: int) -> nn.Module:
    """As people do with SummaryWriter; the second process must not be waited for."""
    return train(DistributedDataParallel(network()), DiagWriter(folder) if rank == 0 else None, data(rank, 2))


def apart(folder: Path, rank: int) -> nn.Module:
    """One process has loaded other weights after wrapping."""
    model = DistributedDataParallel(network())
    if rank == 1:
        with torch.no_grad():
            for each in model.parameters():
                each.mul_(1.5)
    return train(model, DiagWriter(folder), data(rank, 2))


def fails_in_one(folder: Path, rank: int) -> nn.Module:
    """A part of the watching breaks in one process: nobody waits for it."""
    from tb_lossdiag.writer.look import Look

    queue = Look._queue

    def broken(self: Look, together: bool) -> None:
        if rank == 1 and self._step == 7:
            raise KeyError("ours")
        queue(self, together)

    Look._queue = broken  # type: ignore[method-assign]
    try:
        return train(DistributedDataParallel(network()), DiagWriter(folder), data(rank, 2))
    finally:
        Look._queue = queue  # type: ignore[method-assign]


def straggles(folder: Path, rank: int) -> nn.Module:
    """One process is slow to load its data."""

    def batches() -> Any:
        for each in data(rank, 2):
            if rank == 1:
                time.sleep(0.03)
            yield each

    return train(DistributedDataParallel(network()), DiagWriter(folder), batches())


def stops(folder: Path, rank: int) -> nn.Module:
    """One process wants to stop: all do, at the same step."""
    writer = DiagWriter(folder)
    writer.on_finding("stop")

    def batches() -> Any:
        for i, each in enumerate(data(rank, 2)):
            if i == 6 and rank == 0:
                writer._lookout.stop = True  # type: ignore[union-attr]
            yield each

    return train(DistributedDataParallel(network()), writer, batches())


def epochs(folder: Path, rank: int, *, told: bool) -> nn.Module:
    """Several epochs through a DistributedSampler, with or without set_epoch."""
    x = torch.cat([each for each, _ in data()][:9])
    y = torch.cat([each for _, each in data()][:9])
    dataset = TensorDataset(x, y)
    sampler: DistributedSampler[Any] = DistributedSampler(dataset, 2, rank, shuffle=True)
    loader = DataLoader(dataset, batch_size=BATCH, sampler=sampler)
    model, loss_fn = DistributedDataParallel(network()), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    with DiagWriter(folder) as writer:
        writer.watch(model, optimizer, loss_fn, train_loader=loader)
        for epoch in range(6):
            if told:
                sampler.set_epoch(epoch)
            for xs, ys in loader:
                optimizer.zero_grad()
                loss_fn(model(xs), ys).backward()
                optimizer.step()
    return model


MODES: dict[str, Any] = {
    "ddp": ddp,
    "ddp alone": lambda folder, rank: ddp(folder, rank, watched=False),
    "wrapped later": wrapped_later,
    "fsdp": fsdp,
    "fsdp alone": lambda folder, rank: fsdp(folder, rank, watched=False),
    "same data": same_data,
    "only first": only_first,
    "apart": apart,
    "fails in one": fails_in_one,
    "straggles": straggles,
    "stops": stops,
    "set_epoch": lambda folder, rank: epochs(folder, rank, told=True),
    "no set_epoch": lambda folder, rank: epochs(folder, rank, told=False),
}


def main() -> None:
    folder, modes = Path(sys.argv[1]), sys.argv[2:]
    torch.set_num_threads(1)
    dist.init_process_group("gloo", timeout=timedelta(seconds=90))  # a process that waits in vain says so
    rank = int(os.environ["RANK"])
    for mode in modes:  # one start of the processes for all: that is what takes long
        place = folder / mode.replace(" ", "-")
        model = MODES[mode](place / "run", rank)
        random = torch.get_rng_state().tolist()
        values = whole(model)
        if rank == 0:
            (place / "weights.json").parent.mkdir(parents=True, exist_ok=True)
            (place / "weights.json").write_text(json.dumps([values, random]), encoding="utf-8")
        dist.barrier()
        del model
    gc.collect()
    time.sleep(
        0.5
    )  # gloo's threads outlive the group, and one that still held a tensor would end the process at its exit
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
