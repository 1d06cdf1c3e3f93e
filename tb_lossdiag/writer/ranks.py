"""Several processes that train one model together (DistributedDataParallel, FSDP2), and what they tell each other of a step.

The processes talk only at the end of steps that all of them look at: which these are, the first of them agrees with the
others the time before, so no process ever waits for one that does not come. They do so only where every process watches, which each
writes into the store that torch.distributed was started with; a model watched by one process alone is watched as it is.
"""

from __future__ import annotations

import math
import os
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.hooks import RemovableHandle

from tb_lossdiag.tags import Schema
from tb_lossdiag.writer.guard import Guard, Hook
from tb_lossdiag.writer.identity import fingerprints
from tb_lossdiag.writer.modules import unwrapped
from tb_lossdiag.writer.transfer import fetch, shards, wide

__all__ = ["FIGURES", "Ranks", "Said", "own_rank"]

FIGURES = ("loss", "seconds", "param_norm", "grad_norm", "same_batch", "epoch")
PART = "other processes"
SAID = ("ok", "squares", "losses", "spacing", "stop", "high", "low", "samples", "loss", "seconds", "param_norm", "grad_square", "epoch")  # fmt: skip
ALIKE = 1e-4  # relative difference of the norms of two replicas' parameters: rounding leaves 1e-7
APART = "The parameters of the processes differ: their norms lie %.2g apart. Replicas must start and step alike."
PACES = 20  # looks whose median says how fast each process is
STRAGGLES, SECONDS = 1.5, 0.005  # times, and seconds, by which one is slower than is usual among them
STRAGGLER = (
    "Process %d takes %.1f times as long as the others to load a batch and to compute its loss: they wait for it."
)
SOME = (
    "Only some of the processes watch the model: what the others see is missing. Call watch() in each of them, on a "
    "DiagWriter of each; only that of rank 0 writes."
)

Array = NDArray[np.float64]

SENT: deque[Sequence[Tensor]] = deque(maxlen=4)
"""What was sent last. A thread of gloo may let go of it late, and must not be the last to: it would then need the interpreter,
which ends the process where the interpreter is just ending (pytorch/pytorch pull request 179291)."""


def own_rank() -> int:
    """This process's number among those that train together; 0 where it is alone."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank()
    return (
        int(os.environ.get("RANK", "0")) if "TORCHELASTIC_RUN_ID" in os.environ else 0
    )  # torchrun, before init_process_group


@dataclass(frozen=True, slots=True)
class Said:
    """What all processes have said of one step: a row for each, and sums over all where all said as much."""

    table: Array
    sums: Array | None
    losses: Array | None

    def column(self, name: str) -> Array:
        """One figure, by process."""
        return self.table[:, SAID.index(name)]


class Ranks:
    """One watched model's view of the other processes."""

    def __init__(self, model: nn.Module, name: str, guard: Guard, sampler: Callable[[], object]) -> None:
        self.agreed: int | None = None  # steps to the next one that all look at
        self.stop = False  # some process wants to stop, and all know
        self._model = model
        self._guard = guard
        self._sampler = sampler
        self._name = name
        self._key = ""
        self._wrapper = model if isinstance(model, DistributedDataParallel) else None
        self._joined: bool | None = None
        self._print: Tensor | None = None
        self._samples = math.nan
        self._seconds = math.nan
        self._paces: deque[Array] = deque(maxlen=PACES)
        self._norms: list[Tensor] = []  # of this process's own gradients, before they are averaged
        self._handles: list[RemovableHandle] = []

    @property
    def joined(self) -> bool:
        """Whether all processes watch this model, and train it together."""
        return bool(self._joined)

    @property
    def size(self) -> int:
        """How many processes there are."""
        return dist.get_world_size() if self.joined else 1

    def announce(self) -> None:
        """The first forward pass: tell the others that this process watches.

        How often the processes have talked before, on whatever, is the same in all of them at this place of the program, and
        makes the place known: one may have watched something before that others have not.
        """
        if self._key or self._joined is not None or not dist.is_available() or not dist.is_initialized():
            return
        names = zlib.crc32(",".join(name for name, _ in unwrapped(self._model).named_parameters()).encode())
        group: Any = dist.distributed_c10d._get_default_group()  # noqa: SLF001
        talked = group._get_sequence_number_for_group()  # noqa: SLF001  (torch's own checks for deadlocks use it)
        self._key = f"lossdiag/{self._name}/{names}/{talked}"
        own = f"{self._key}/{dist.get_rank()}"
        store().set(own, "1")
        store().get(
            own
        )  # a TCPStore's set does not wait for the server: on a busy machine another process would look too early

    def ready(self) -> bool:
        """Whether to talk now. Decided at the end of the first step: its gradients were averaged, so that each process was there."""
        if self._joined is None:
            together = self._wrapper is not None or any(shards(each) > 1 for each in self._model.parameters())
            self._joined = together and bool(self._key) and self._everybody()
            if self._key and not self._joined:
                store().delete_key(f"{self._key}/{dist.get_rank()}")
                if together and dist.get_world_size() > 1:
                    self._guard.say(SOME)
        uneven = self._wrapper is not None and self._wrapper._join_config.enable  # noqa: SLF001  (some processes may have ended)
        return self._joined and not uneven

    def see_input(self, values: Tensor) -> None:
        """A step's first batch: its fingerprint and its size."""
        self.announce()
        if self._wrapper is None:
            # it may be wrapped after watch
            self._wrapper = DistributedDataParallel._get_active_ddp_module()  # type: ignore[no-untyped-call]  # noqa: SLF001
        if self._key and values.dim() and values.numel() and not values.is_complex():
            self._print = fingerprints(values if values.dim() > 1 else values[:, None]).double().sum(0)
            self._samples = float(len(values))

    def see_loss(self, seconds: float) -> None:
        """So long after the last step the loss was there: what loading data and the forward pass took."""
        if math.isnan(self._seconds):
            self._seconds = seconds

    def arm(self) -> None:
        """A step begins whose own gradients are looked at, before they are averaged over the processes."""
        self.disarm()
        if self.joined and self._wrapper is not None:
            hook = Hook(self._guard, PART, self._see_gradient)
            self._handles = [each.register_hook(hook) for each in self._model.parameters() if each.requires_grad]  # type: ignore[no-untyped-call]

    def disarm(self) -> None:
        """The gradients are there."""
        handles, self._handles = self._handles, []
        for handle in handles:
            handle.remove()

    def exchange(  # noqa: PLR0913  (what a process has to say)
        self, squares: Array, losses: Array, *, gradients: int, parameters: float, spacing: int, stop: bool, ok: bool
    ) -> Said:
        """Say it, and hear what the others say. Every process comes here at the same steps, whatever else has failed in it."""
        prints, self._print = self._print, None
        norms, self._norms = self._norms, []
        high, low, own = math.nan, math.nan, math.nan
        try:
            if prints is not None:
                high, low = fetch([prints])[0]
            if norms and len(norms) == gradients:  # more where gradients of several batches were added up
                own = float(np.square(np.concatenate(fetch(norms))).sum())
        except Exception:  # noqa: BLE001  (the others wait)
            self._guard.failed(PART)
        loss = float(losses[-1]) if len(losses) else math.nan
        said = [
            float(ok), len(squares), len(losses), spacing, float(stop), high, low, self._samples, loss, self._seconds, parameters, own,
            float(getattr(self._sampler(), "epoch", math.nan)),
        ]  # fmt: skip
        self._seconds = math.nan
        table = gathered(said)
        found = Said(table, None, None)
        alike = (table[:, :3] == table[0, :3]).all(axis=0)
        if alike[0] and alike[1] and table[0, 0]:
            total = summed(np.concatenate([squares, losses if alike[2] else []]))
            found = Said(table, total[: len(squares)], total[len(squares) :] if alike[2] else None)
        self.agreed = int(np.nanmax(found.column("spacing")))
        self.stop |= bool(found.column("stop").any())
        return found

    def figures(self, said: Said) -> tuple[Schema, NDArray[np.float32]]:
        """What is logged of it: a column for each process."""
        prints = np.stack([said.column("high"), said.column("low")])
        same = [float((prints == prints[:, [i]]).all(axis=0).sum() - 1) for i in range(len(said.table))]
        rows = [
            said.column("loss"), said.column("seconds"), said.column("param_norm"), np.sqrt(said.column("grad_square")), same,
            said.column("epoch"),
        ]  # fmt: skip
        self._compare(said)
        columns = tuple(map(str, range(len(said.table))))
        with np.errstate(over="ignore"):
            return Schema("ranks", "train", FIGURES, columns, self._name), np.array(rows).astype(np.float32)

    def _compare(self, said: Said) -> None:
        """Say so where replicas are not alike, or where the others wait for one."""
        norms = said.column("param_norm")
        spread = (norms.max() - norms.min()) / norms.max() if norms.max() > 0 else 0.0
        if self._wrapper is not None and spread > ALIKE:
            self._guard.say(APART, spread)
        self._paces.append(said.column("seconds"))
        if len(self._paces) == PACES:
            pace = np.nanmedian(np.stack(self._paces), axis=0)
            slowest, usual = int(np.nanargmax(pace)), float(np.nanmedian(pace))
            if len(pace) == 2:  # noqa: PLR2004  (then the other one is what is usual)
                usual = float(np.nanmin(pace))
            if pace[slowest] > STRAGGLES * usual and pace[slowest] - usual > SECONDS:
                self._guard.say(STRAGGLER, slowest, pace[slowest] / usual)

    def noise(self, said: Said, gradient: float) -> list[float] | None:
        """`signal`, `noise`, `samples`, `batch` of the group `probe`, from the norms before and after averaging over processes.

        McCandlish et al. 2018, arXiv 1812.06162, appendix A: the gradient of one process is an estimate from its own batch,
        the averaged one from all of them.
        """
        samples, squares = said.column("samples"), said.column("grad_square")
        if (
            self._wrapper is None
            or not np.isfinite(squares).all()
            or len(set(samples)) > 1
            or not math.isfinite(gradient)
        ):
            return None
        small, whole, mean = samples[0], float(samples.sum()), float(squares.mean())
        big = gradient * gradient
        signal = (whole * big - small * mean) / (whole - small)
        return [signal, (mean - big) / (1 / small - 1 / whole), small, whole]

    def _see_gradient(self, gradient: Tensor) -> None:
        with torch.no_grad():
            self._norms.append(torch.linalg.vector_norm(wide(gradient)))

    def _everybody(self) -> bool:
        if dist.get_world_size() == 1:
            return False
        return bool(store().check([f"{self._key}/{rank}" for rank in range(dist.get_world_size())]))


def store() -> Any:  # noqa: ANN401  (a Store, where torch was built with it)
    """The store that all processes share."""
    return dist.distributed_c10d._get_default_store()  # noqa: SLF001  (it has no public name)


def device() -> torch.device:
    """Where numbers have to be to be sent."""
    backend = str(dist.get_backend())
    return (
        torch.device("cpu")
        if "gloo" in backend or not torch.cuda.is_available()
        else torch.device("cuda", torch.cuda.current_device())
    )


def gathered(row: Sequence[float]) -> Array:
    """Every process's row."""
    own = torch.tensor(row, dtype=torch.float64, device=device())
    rows = [torch.empty_like(own) for _ in range(dist.get_world_size())]
    SENT.append([own, *rows])
    dist.all_gather(rows, own)
    return np.asarray(torch.stack(rows).cpu().numpy(), dtype=np.float64)


def summed(values: Array) -> Array:
    """The sum over all processes."""
    total = torch.from_numpy(values).to(device())
    SENT.append([total])
    dist.all_reduce(total)
    return np.asarray(total.cpu().numpy(), dtype=np.float64)
