"""Gradients: of the whole model and of each layer's weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tb_lossdiag.series import Layers, Run, Series
from tb_lossdiag.signals.signal import signal
from tb_lossdiag.signals.structure import Parameters, logged_tensors, watched
from tb_lossdiag.signals.weights import figure_of_weights

__all__ = [
    "START",
    "Growth",
    "Resets",
    "clip_factor",
    "grad_cosine",
    "grad_excess",
    "grad_norm",
    "growth",
    "layer_gradients",
    "loss_scale",
    "piled_up",
    "resets",
    "skipped_steps",
    "step_response",
]

FEWEST = 5  # pairs of steps in a row
START = 10  # points that say what the norm was at first
TOGETHER = 5  # points whose median must be large: a single large gradient is a bad batch
WATCH = "writer.watch(model, optimizer, loss_fn)"


@signal(log=WATCH)
def grad_norm(run: Run) -> Series | None:
    """L2 norm of the whole gradient."""
    return run.series.get("diag/grad_norm")


@signal(log=WATCH)
def grad_cosine(run: Run) -> Series | None:
    """Cosine between a step's gradient and the step's before. Below 0 the last step went too far."""
    return run.series.get("diag/grad_cosine")


@dataclass(frozen=True, slots=True)
class Resets:
    """Of steps in a row, the share before which all gradients were made anew, and the share before which all were added to and no more."""

    anew: float
    added: float


@signal(log=WATCH)
def resets(run: Run) -> Resets | None:
    """What becomes of gradients from step to step, seen at the tensors that hold them; of the first watched model, as cosines and norms are."""
    seen = [each for _, model in watched(run) if isinstance(each := model.get("gradients"), Mapping)]
    count = int(seen[0].get("seen") or 0) if seen else 0
    return Resets(seen[0]["anew"] / count, seen[0]["added"] / count) if count >= FEWEST else None


@signal(log=WATCH)
def piled_up(run: Run) -> Mapping[str, tuple[Resets, Series]] | None:
    """The same of each further watched model, with the cosines of its own gradients in a row."""
    found: dict[str, tuple[Resets, Series]] = {}
    for prefix, model in watched(run):
        name = prefix.rstrip("/")
        seen, cosine = model.get("gradients"), run.series.get(f"diag/grad_cosine@{name}")
        if isinstance(seen, Mapping) and int(seen.get("seen") or 0) >= FEWEST and cosine is not None and len(cosine):
            found[name] = Resets(seen["anew"] / seen["seen"], seen["added"] / seen["seen"]), cosine
    return found or None


@signal(log=WATCH)
def clip_factor(run: Run) -> Series | None:
    """Norm of the gradient that the optimizer is given over that which backward left, where somebody changes it: below 1 it is clipped."""
    return run.series.get("diag/clip_factor")


@signal(log=WATCH)
def loss_scale(run: Run) -> Series | None:
    """What a GradScaler multiplied the loss by, where there is one."""
    return run.series.get("diag/loss_scale")


@signal(log=WATCH)
def skipped_steps(run: Run) -> int | None:
    """Steps that a GradScaler has left out by the end, because their gradients were not finite."""
    counted = run.series.get("diag/skipped_steps")
    return (
        int(counted.values[-1]) if counted is not None and len(counted) and math.isfinite(counted.values[-1]) else None
    )


@signal(log=WATCH)
def grad_excess(run: Run, grad_norm: Series) -> Series | None:
    """Norm of the gradient that the optimizer is given, over that of the batch's own, where both are known.

    Of two halves of a batch |(g1 + g2) / 2|^2 = <g1, g2> + |g1 - g2|^2 / 4, which the probe holds: 1 is plain training, less is
    clipping, more is a gradient that holds other batches, too.
    """
    found = [each for each in run.packed if each.group == "probe" and each.split == "train" and len(each.steps)]
    if not found:
        return None
    packed = max(found, key=lambda each: len(each.steps))
    figures = [packed.figure(name) for name in ("signal", "noise", "samples")]
    if any(each is None or not each.shape[1] for each in figures):
        return None
    common, noise, samples = (each[:, 0] for each in figures if each is not None)
    steps, here, there = np.intersect1d(packed.steps, grad_norm.steps, return_indices=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        own = np.sqrt(common + noise / (2 * samples))[here]
        ratio = grad_norm.values[there] / own
    known = np.isfinite(ratio) & (own > 0)
    return Series(steps[known], ratio[known]) if known.any() else None


@signal(log=WATCH)
def layer_gradients(run: Run, parameters: Parameters | None = None) -> Layers | None:
    """Root mean square of each weight tensor's gradient, in the network's order: norm / sqrt(number of elements).

    Of foreign logs, of those tensors whose gradients were logged as histograms.
    """
    known = parameters or logged_tensors(run)
    size = {each.name: math.sqrt(max(1, each.numel)) for each in known}
    norms = figure_of_weights(run, known, "grad_norm")
    return {name: Series(each.steps, each.values / size[name]) for name, each in norms.items()} or None


@dataclass(frozen=True, slots=True)
class Growth:
    """From which norm at the start to which largest one that lasted, and since which step it has been ten times as large."""

    usual: float
    largest: float
    since: int

    @property
    def orders(self) -> float:
        """Orders of magnitude."""
        return math.log10(self.largest / self.usual)


def growth(norm: Series, least: float) -> Growth | None:
    """How far a gradient norm has grown, where that is at least `least` orders of magnitude; the median of five points counts."""
    finite = norm.finite()
    if len(finite) <= START + TOGETHER:
        return None
    usual = float(np.median(finite.values[:START]))
    if not usual > 0 or np.count_nonzero(finite.values[START:] > usual * 10**least) <= TOGETHER // 2:
        return None  # no median of so many exceeds it, then
    sustained = np.median(np.lib.stride_tricks.sliding_window_view(finite.values[START:], TOGETHER), axis=1)
    largest = float(sustained.max(initial=0.0))
    if not largest > usual * 10**least:
        return None
    return Growth(usual, largest, int(finite.steps[START + int(np.argmax(sustained > 10 * usual))]))


@signal(log=WATCH)
def step_response(grad_cosine: Series, grad_norm: Series) -> Series | None:
    """How much of a gradient is left after the step it caused: <g(t), g(t-1)> / |g(t-1)|^2, where both are known.

    On a quadratic it is 1 - lr * curvature along the gradient (plain gradient descent): near 1 the step is tiny, at 0 it
    is just right, below -1 each step makes things worse. Noise between batches pulls it towards 0 from above.
    """
    norm = dict(zip(grad_norm.steps.tolist(), grad_norm.values.tolist(), strict=True))
    steps, values = [], []
    for step, cosine in zip(grad_cosine.steps.tolist(), grad_cosine.values.tolist(), strict=True):
        before, now = norm.get(step - 1), norm.get(step)
        if before and now and np.isfinite(cosine * now / before):
            steps.append(step)
            values.append(cosine * now / before)
    return Series(np.array(steps, dtype=np.int64), np.array(values)) if steps else None
