"""What each leaf module puts out: its scale, and the units that say nothing.

Activations written as functions (`F.relu(self.fc1(x))`) are seen where they arrive: the input of the next Linear or
convolution is compared with what the last module before it put out. Which function it was is found out in the
first forward passes, by value, and the layer is then listed as `fc2 (input)`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  (everybody's name for it)
from numpy.typing import NDArray
from torch import Tensor

from tb_lossdiag.writer.layer import Layer
from tb_lossdiag.writer.samples import ELEMENTS, empty, first_tensor, place, sample, tensors_of
from tb_lossdiag.writer.transfer import Tensors, later

__all__ = ["FIGURES", "Activations", "Deadness"]

FIGURES = ("mean", "rms", "dead_share", "saturated_share", "zero_share", "nonfinite_share", "sample_std")

FUNCTIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "gelu": F.gelu, "silu": F.silu, "relu6": F.relu6,
}  # fmt: skip
DISCOVERY = 3  # forward passes in which functional activations are looked for
CALLS = 4  # of the same module in one forward pass; a module used in a loop is looked at this often

AVERAGED = 8192  # elements of a module's output that means and deviations are taken of
FEWEST = 8  # samples that they are taken of, where there are as many
ENOUGH = 512  # samples after which a silent unit is dead: silence on a few is healthy sparsity
SILENT = 1e-5  # a unit's largest |activation| below which it says nothing (TheDeepChecker)
NEAR = 0.01  # of the largest value: how near to its limit a sigmoid or tanh is saturated


Finished = tuple[tuple[str, ...], NDArray[np.float32], Mapping[str, float]]


@dataclass(slots=True)
class Deadness:
    """The largest |activation| of each unit over the last 512 to 1,023 samples, as two windows of samples."""

    _now: NDArray[np.float64] | None = None
    _before: NDArray[np.float64] | None = None
    _samples: int = 0

    def add(self, largest: NDArray[np.float64], samples: int) -> None:
        """Add a batch: each unit's largest |activation| over so many samples."""
        if self._now is None or self._now.shape != largest.shape:
            self._now, self._before, self._samples = largest, None, samples
        elif self._samples >= ENOUGH:
            self._now, self._before, self._samples = largest, self._now, samples
        else:
            self._now = np.fmax(self._now, largest)
            self._samples += samples

    def dead(self) -> tuple[int, int] | None:
        """Dead units and all units, or None before enough samples were seen."""
        if self._now is None or (self._samples < ENOUGH and self._before is None):
            return None
        largest = self._now if self._samples >= ENOUGH or self._before is None else np.fmax(self._now, self._before)
        return int((largest < SILENT).sum()), len(largest)


@dataclass(slots=True)
class Seen:
    """What one call of one module showed, still on the device."""

    column: str
    few: Tensor  # a copy of the samples that means and deviations are taken of
    samples: int
    largest: Tensor | None = None
    saturated: Tensor | None = None


@dataclass(slots=True)
class Forward:
    """What is known within one forward pass."""

    given: frozenset[int] = frozenset()  # where the model's own inputs lie in memory
    taken: set[int] = field(default_factory=set)  # where those of its layers lie
    calls: dict[str, int] = field(default_factory=dict)
    channels_second: bool = False
    last: Tensor | None = None  # a sample of what the last layer with parameters put out
    since: bool = False  # whether an activation module was called since that layer


class Activations:
    """Collects figures of one forward pass and keeps what has to be accumulated over many."""

    def __init__(self) -> None:
        self.columns: list[str] = []
        self._deadness: dict[str, Deadness] = {}
        self._functional: dict[str, str] = {}
        self._passes = 0
        self._turn = 0
        self._seen: list[Seen] = []
        self._forward = Forward()

    def start(self, turn: int, inputs: object = ()) -> None:
        """A forward pass begins; what an earlier one of the same step showed is forgotten."""
        given = frozenset(place(each) for each in tensors_of(inputs, depth=3))
        self._turn, self._seen, self._forward = turn, [], Forward(given)

    def see(self, layer: Layer, given: Tensor | None, output: object) -> None:
        """A module was called with this tensor. Everything it takes to judge it is copied here, in a small sample."""
        forward = self._forward
        call = forward.calls[layer.name] = forward.calls.get(layer.name, 0) + 1
        if call > CALLS:
            return
        column = f"{layer.column} ({call})" if call > 1 else layer.column
        if layer.consumes and given is not None:
            self._see_input(column, given)
        values = first_tensor(output)
        if values is None or not values.is_floating_point() or empty(values):
            return
        if layer.channels_second is not None:
            forward.channels_second = layer.channels_second
        if not layer.measured:
            return
        recognising = layer.own_parameters and self._passes < DISCOVERY
        if recognising or layer.rectifier or layer.limits is not None:
            small = self._sample(values)
            self._measure(column, small, limits=layer.limits, rectifier=layer.rectifier)
        else:
            small = self._sample(values, AVERAGED, FEWEST)
            self._seen.append(Seen(column, copy_of(small, values), len(small)))
        if layer.activation:
            forward.since = True
        elif layer.own_parameters:
            forward.last, forward.since = small, False

    def _sample(self, values: Tensor, elements: int = ELEMENTS, fewest: int = 2) -> Tensor:
        return sample(
            values, self._turn, channels_second=self._forward.channels_second, elements=elements, fewest=fewest
        )

    def _see_input(self, column: str, values: Tensor) -> None:
        """Look at a functional activation where it arrives, if there is one."""
        forward = self._forward
        known = self._functional.get(column)
        if empty(values):
            return
        here = place(values)
        # by a layer that was called earlier: what this one has put out is no reason of it
        before = here in forward.taken
        forward.taken.add(here)
        if before or forward.last is None or forward.since:
            return
        if here in forward.given or (known is None and self._passes >= DISCOVERY):
            return
        small = self._sample(values)
        if known is None:
            known = recognised(small, forward.last)
            if known is None:
                return
            self._functional[column] = known
        limits = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}.get(known)
        self._measure(f"{column} (input)", small, limits=limits, rectifier=limits is None)
        forward.since = True

    def _measure(self, column: str, small: Tensor, *, limits: tuple[float, float] | None, rectifier: bool) -> None:
        samples = small.shape[0]
        few = min(samples, max(FEWEST, AVERAGED * samples // small.numel()))
        seen = Seen(column, small[:few].clone(), samples)
        if rectifier:
            seen.largest = torch.amax(small.abs(), dim=(0, 1))
        if limits is not None:
            seen.saturated = saturated(small, *limits)
        self._seen.append(seen)

    def take(self) -> tuple[Tensors, Callable[[Iterable[NDArray[np.float64]]], Finished | None], list[Tensor]]:
        """What was seen of this pass, to be fetched, what is to be done with it then, and the copies held until then."""
        taken, self._seen, self._forward = self._seen, [], Forward()
        self._passes += bool(taken)

        def tensors() -> list[Tensor]:
            found: list[Tensor] = []
            for seen in taken:
                found.append(figures_of(seen.few))
                found += [each for each in (seen.largest, seen.saturated) if each is not None]
            return found

        few = [each.few for each in taken]
        return later(tensors, few), partial(self._finish, taken), few

    def _finish(self, taken: Sequence[Seen], fetched: Iterable[NDArray[np.float64]]) -> Finished | None:
        """The columns, the table of shape (figures, columns) and the figures of the whole model, from what was fetched."""
        if not taken:
            return None
        values = iter(fetched)
        rows: dict[str, list[float]] = {}
        dead: list[tuple[int, int]] = []
        limited: list[tuple[float, int]] = []
        for seen in taken:
            mean, rms, zero, nonfinite, spread = next(values)
            dead_share = saturated_share = float("nan")
            if seen.largest is not None:
                window = self._deadness.setdefault(seen.column, Deadness())
                window.add(next(values), seen.samples)
                counted = window.dead()
                if counted is not None:
                    dead_share = counted[0] / counted[1]
                    dead.append(counted)
            if seen.saturated is not None:
                units = next(values)
                saturated_share = float(np.mean(units))
                limited.append((saturated_share * len(units), len(units)))
            rows[seen.column] = [mean, rms, dead_share, saturated_share, zero, nonfinite, spread]
        self._order(list(rows))
        nothing = [float("nan")] * len(FIGURES)
        with np.errstate(over="ignore"):
            table = np.array([rows.get(column, nothing) for column in self.columns], dtype=np.float64).T.astype(
                np.float32
            )
        whole = {"diag/dead_units": share(dead), "diag/saturated_units": share(limited)}
        return tuple(self.columns), table, {name: value for name, value in whole.items() if value is not None}

    def _order(self, columns: list[str]) -> None:
        """Keep all columns ever seen: in the order of this pass where it shows new ones, others after them."""
        if set(columns) - set(self.columns):
            self.columns = columns + [each for each in self.columns if each not in columns]

    def drop(self) -> None:
        """Forget what was seen since `start`."""
        self._seen, self._forward = [], Forward()


def copy_of(small: Tensor, values: Tensor) -> Tensor:
    """A sample of these values that nobody changes."""
    return small.clone() if place(small) == place(values) else small


def figures_of(small: Tensor) -> Tensor:
    """Mean, rms, shares of zeros and of non-finite values, deviation over samples; `small` is (samples, positions, units)."""
    # sums, products and comparisons run at memory speed on a CPU; var_mean and count_nonzero are ten to ninety times slower
    spread = small - small[:1]  # shifted, so that a large mean costs no digits
    mean = spread.mean(0)
    samples = small.shape[0]
    variance = ((spread * spread).mean(0) - mean * mean).clamp_(min=0) * (samples / max(1, samples - 1))
    deviation = variance.sqrt().mean() if samples > 1 else torch.full_like(small[0, 0, 0], torch.nan)
    return torch.stack(
        (
            small.mean(),
            (small * small).mean().sqrt(),
            (small == 0).to(small.dtype).mean(),
            1 - (small - small == 0).to(small.dtype).mean(),  # infinity less infinity is not a number
            deviation,
        )
    )


def saturated(small: Tensor, low: float, high: float) -> Tensor:
    """For each unit whether most of its samples lie at a limit."""
    near = NEAR * max(abs(each) for each in (low, high) if math.isfinite(each))
    at_limit = (small < low + near) | (small > high - near)
    return (at_limit.to(small.dtype).mean((0, 1)) > 0.5).to(small.dtype)  # noqa: PLR2004  (most)


def recognised(arrived: Tensor, put_out: Tensor) -> str | None:
    """Which activation function leads from what the last layer put out to what arrived at the next one, if any.

    By value where the shapes agree. After pooling or dropout only a rectifier is recognisable: nothing below zero, and exact zeros. Nothing but
    zeros is the state in which a recurrence begins.
    """
    if arrived.shape == put_out.shape and arrived.dtype == put_out.dtype:
        for name, function in FUNCTIONS.items():
            if torch.allclose(arrived, function(put_out), rtol=1e-3, atol=1e-5):
                return name
    low = float(arrived.min())
    return "relu" if low == 0 and bool(arrived.any()) and bool((put_out < 0).any()) else None


def share(parts: Sequence[tuple[float, int]]) -> float | None:
    """Of the parts' totals, or None where there are none."""
    total = sum(size for _, size in parts)
    return sum(count for count, _ in parts) / total if total else None
