"""Updates: what a step changes, as a share of what it changes."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tb_lossdiag.series import Layers, Run, Series, common_steps
from tb_lossdiag.signals.optimizer import Optimizer
from tb_lossdiag.signals.signal import signal
from tb_lossdiag.signals.structure import RECURRENT, Modules, Parameters
from tb_lossdiag.signals.weights import figure_of_weights

__all__ = [
    "best_update",
    "cut_off",
    "decay_share",
    "fastest_updates",
    "layer_updates",
    "memoryless",
    "scale_free",
    "unchanged",
    "update_ratio",
    "usual_update",
]

COUPLED = {"SGD", "Adam", "NAdam", "RAdam", "Adamax", "ASGD", "RMSprop", "Adagrad", "Adadelta", "Rprop"}
USUAL, USUAL_ADAPTIVE = 0.022, 0.055
NORMALISED = 3.0  # times larger where each layer's output is normalised, and the size of its weights does not matter
LARGER = 1.4  # times larger in recurrent networks
NORMS = {"BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm", "GroupNorm", "InstanceNorm1d", "InstanceNorm2d"}
LAYERS = {"Linear", "Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d"}
SMALL = (
    0.25  # of the usual size of weights, uniform with a variance of 1 / (3 inputs) as nn.Linear and nn.Conv2d draw them
)
APART = 3.0  # between the learning rates of parts of a network that are trained in different ways
FEWEST = 2  # layers, to tell the pace of a network by them alone
LASTING = 0.5  # of the sampled steps: what comes back within them was not cut off
WATCH = "writer.watch(model, optimizer, loss_fn)"


@signal(log=WATCH)
def layer_updates(run: Run, parameters: Parameters) -> Layers | None:
    """|update| / |weights| of each weight tensor, in the network's order (CS231n: about 1e-3 is good).

    Weights that start far smaller than usual have to grow at first: they count as `SMALL` of the size that PyTorch gives them. Tables of
    embeddings often begin at a hundredth: they count as large as a linear layer's weights.
    """
    updates = figure_of_weights(run, parameters, "update_norm")
    norms = figure_of_weights(run, parameters, "param_norm")
    least = {
        each.name: (1.0 if each.kind == "embedding" else SMALL) * math.sqrt(each.numel / (3 * each.fan_in))
        if each.fan_in
        else 0.0
        for each in parameters
    }
    ratios = {}
    for name in updates.keys() & norms.keys():
        with np.errstate(divide="ignore", invalid="ignore"):
            size = np.maximum(norms[name].values, least.get(name, 0.0))
            ratios[name] = Series(updates[name].steps, updates[name].values / size)
    return {name: ratios[name] for name in updates if name in ratios} or None


@signal(log=WATCH)
def update_ratio(layer_updates: Layers, parameters: Parameters | None = None) -> Series | None:
    """Median over the weight tensors of |update| / |weights|, step by step; over those sampled at the step.

    Tables of embeddings, which begin far larger than layers do and of which a step changes some rows, are left out where most tensors are such.
    """
    tables = {each.name for each in parameters or () if each.kind == "embedding"}
    layers = {name: each for name, each in layer_updates.items() if name not in tables}
    outnumbered = FEWEST <= len(layers) < len(layer_updates) / 2
    return _middle(layers if outnumbered else layer_updates)


@signal(log=WATCH)
def fastest_updates(layer_updates: Layers, optimizer: Optimizer) -> Series | None:
    """The same over the tensors with the largest learning rate, where others have one that is several times smaller."""
    rates = {
        name: float(group.get("initial_lr") or group.get("lr") or 0.0)
        for group in optimizer.groups
        for name in group.get("parameters") or ()
    }
    known = {name: rates[name] for name in layer_updates if name in rates}
    if not known or not min(known.values()) * APART < max(known.values()):
        return None
    return _middle({name: layer_updates[name] for name, rate in known.items() if rate == max(known.values())})


def _middle(layer_updates: Layers) -> Series | None:
    steps = common_steps(layer_updates.values())
    table = np.full((len(layer_updates), len(steps)), np.nan)
    for row, each in zip(table, layer_updates.values(), strict=True):
        row[slice(None) if each.steps is steps else np.searchsorted(steps, each.steps)] = each.values
    known = ~np.isnan(table).all(axis=0)
    return Series(steps[known], np.nanmedian(table[:, known], axis=0)) if known.any() else None


@signal(log=WATCH)
def usual_update(optimizer: Optimizer) -> float:
    """The largest update ratio that lasts in sound trainings from scratch with such an optimizer, as a middle of its range.

    Trainings of the fault benchmark at the best learning rate of a sweep: 0.012 to 0.03 with SGD and momentum, 0.026 to 0.14
    with Adam, whose first steps are as long as the learning rate in every coordinate.
    """
    return USUAL_ADAPTIVE if optimizer.is_adaptive else USUAL


def scale_free(modules: Modules) -> bool:
    """Whether each layer is normalised before the next one is called, so that the size of no weights matters."""
    known = LAYERS | NORMS
    kinds = [each.type for each in modules if each.order is not None and each.type in known]
    behind = [after for kind, after in pairwise([*kinds, ""]) if kind in LAYERS]
    return bool(behind) and NORMS.issuperset(behind)


@signal(log=WATCH)
def best_update(usual_update: float, modules: Modules | None = None) -> float:
    """The update ratio to aim at, from which the factor of a learning rate is told: the usual one, or more behind batch normalisation and
    in recurrent networks.

    There the size of weights does not matter, and steps that turn them further are sound (van Laarhoven 2017, arXiv 1706.05350). In
    sweeps of multilayer perceptrons and convolutional networks on digits, with and without it, the best ratio was three times as large.
    Of sound programs that people have written (benchmarks/programs, with Adam and its kin), those 63 with recurrent layers take steps of
    0.46 of the usual ones (quartiles 0.31 and 0.70), 307 others of 0.33 (0.20 and 0.62): 1.4 times as large.
    """
    kinds = [each.type for each in modules or () if each.order is not None]
    layers = sum(each in LAYERS for each in kinds)
    normalised = sum(each in NORMS for each in kinds)
    if normalised and normalised >= layers / 2:
        return usual_update * NORMALISED
    return usual_update * (LARGER if any(each in RECURRENT for each in kinds) else 1.0)


@signal(log=WATCH)
def unchanged(run: Run, parameters: Parameters) -> dict[str, float] | None:
    """For each trainable parameter tensor, the share of sampled steps on which it did not change at all."""
    found: dict[str, float] = {}
    for packed in run.packed:
        if packed.group == "parameters":
            for name, each in packed.columns_of("update_norm").items():
                known = each.values[~np.isnan(each.values)]
                if len(known):
                    found[name] = float(np.mean(known == 0))
    return {each.name: found[each.name] for each in parameters if each.name in found} or None


@signal(log=WATCH)
def memoryless(unchanged: dict[str, float], parameters: Parameters) -> dict[str, int] | None:
    """Recurrent layers whose weights for what was before never change though those for the input do, and how many numbers they are given.

    They get no gradient where each sequence is a single step that begins anew.
    """
    known = {each.name: each for each in parameters if each.kind == "recurrent"}
    found = {}
    for name in known:
        of_input = known.get(name.replace("weight_hh", "weight_ih"))
        if unchanged.get(name) == 1 and of_input is not None and unchanged.get(of_input.name, 1.0) < 1:
            found[name] = of_input.shape[-1]
    return found or None


@signal(log=WATCH)
def cut_off(run: Run, parameters: Parameters) -> dict[str, int] | None:
    """The trainable parameter tensors whose gradient is exactly zero to the end, after it was not, and the step since when.

    Only what lasted for the later half of the sampled steps counts.
    """
    found: dict[str, int] = {}
    for packed in run.packed:
        if packed.group == "parameters":
            for name, each in packed.columns_of("grad_norm").items():
                known = each.finite()
                begin = int(np.flatnonzero(known.values)[-1]) + 1 if known.values.any() else 0
                if 0 < begin < LASTING * len(known):
                    found[name] = int(known.steps[begin])
    return {each.name: found[each.name] for each in parameters if each.name in found} or None


@signal(log=WATCH)
def decay_share(run: Run, parameters: Parameters, optimizer: Optimizer, lr: Series | None = None) -> Layers | None:
    """How weight decay compares with what the loss asks for, by weight tensor: below 1 the loss leads, above it the decay.

    Decoupled (AdamW, or `decoupled_weight_decay`): lr * decay * |weights| / |update|; it cannot exceed 1 by much. The learning rate
    is that of the step, where it was logged: a schedule ends far below where it began.
    Coupled (SGD, Adam): decay * |weights| / |gradient|, for the gradient is taken before the decay is added (TheDeepChecker
    compares the regulariser's gradient with the loss's in this way), and NaN where that is zero. None where no decay is set, or an optimizer of one's own may
    apply it in either way: Lion's is decoupled, and its steps do not go by the gradient's size.
    """
    norms = figure_of_weights(run, parameters, "param_norm")
    found: dict[str, Series] = {}
    first = float(optimizer.groups[0].get("lr") or 0.0) if optimizer.groups else 0.0
    for group in optimizer.groups:
        decay, rate = float(group.get("weight_decay") or 0.0), float(group.get("lr") or 0.0)
        decoupled = optimizer.type == "AdamW" or bool(group.get("decoupled_weight_decay"))
        if not decoupled and optimizer.type not in COUPLED:
            continue
        against = figure_of_weights(run, parameters, "update_norm" if decoupled else "grad_norm")
        for name in group.get("parameters") or ():
            if decay and name in norms and name in against:
                strength = norms[name].values * decay * (_rates(rate, first, norms[name], lr) if decoupled else 1.0)
                asked = np.where(against[name].values == 0, np.nan, against[name].values)  # nothing, as of what is dead
                found[name] = Series(norms[name].steps, strength / asked)
    return {each.name: found[each.name] for each in parameters if each.name in found} or None


def _rates(rate: float, first: float, curve: Series, lr: Series | None) -> NDArray[np.float64]:
    """A group's learning rate at the steps of a curve: the first group's, as logged, times what it is of that now."""
    known = lr.finite() if lr is not None else None
    if known is None or not len(known) or not known.values[-1] > 0:
        return np.full(len(curve), rate)
    there: NDArray[np.float64] = np.interp(curve.steps, known.steps, known.values)
    return (rate / first if first > 0 else 1.0) * there
