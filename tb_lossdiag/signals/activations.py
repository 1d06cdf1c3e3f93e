"""Activations: their scale layer by layer, and units that say nothing."""

from __future__ import annotations

import numpy as np

from tb_lossdiag.series import Layers, Run, Series
from tb_lossdiag.signals.signal import signal

__all__ = ["activation_scale", "dead_share", "mute_since", "output_spread", "saturated_share"]

WATCH = "writer.watch(model, optimizer, loss_fn)"
FEW = 3  # looks in a row: one batch may be odd
# spread over the samples of a batch, as a share of the outputs: some networks start with little
TELLS, MUTE = 3e-3, 1e-4


@signal(log=WATCH)
def activation_scale(run: Run) -> Layers | None:
    """Root mean square of each leaf module's output, in the order of the first call."""
    return _figure(run, "rms")


@signal(log=WATCH)
def dead_share(run: Run) -> Layers | None:
    """Share of an activation's units that were silent for every one of at least 512 samples."""
    return _figure(run, "dead_share")


@signal(log=WATCH)
def saturated_share(run: Run) -> Layers | None:
    """Share of a sigmoid's or tanh's units that sit at their limits."""
    return _figure(run, "saturated_share")


@signal(log=WATCH)
def output_spread(run: Run) -> Layers | None:
    """Standard deviation over the samples of a batch of each leaf module's output, as a share of its scale.

    0 means that what comes out does not depend on what went in.
    """
    spread, scale = _figure(run, "sample_std"), _figure(run, "rms")
    if spread is None or scale is None:
        return None
    found: dict[str, Series] = {}
    for name in spread.keys() & scale.keys():  # each lacks the steps at which it was not measured
        one, other = spread[name], scale[name]
        if one.steps is not other.steps:
            _, here, there = np.intersect1d(one.steps, other.steps, return_indices=True)
            one, other = one[here], other[there]
        with np.errstate(divide="ignore", invalid="ignore"):
            found[name] = Series(one.steps, one.values / other.values)
    return {name: found[name] for name in spread if name in found}


@signal(log=WATCH)
def mute_since(output_spread: Layers) -> int | None:
    """The step from which on the last module says the same of every sample, in a network that told them apart at first."""
    known = [each.finite() for each in output_spread.values()]
    last = next((each for each in reversed(known) if len(each) > 2 * FEW), None)
    if last is None or not np.median(last.values[:FEW]) > TELLS:
        return None
    silent = last.values < MUTE
    since = len(silent) - int(np.argmin(silent[::-1])) if not silent.all() else 0
    return int(last.steps[since]) if len(silent) - since >= FEW else None


def _figure(run: Run, name: str) -> Layers | None:
    """A figure of the `activations` group by module, without the modules and the steps where it was not measured.

    Empty where activations were recorded but no module has that figure: a network without ReLU has no dead units.
    """
    groups = [each for each in run.packed if each.group == "activations" and len(each.steps)]
    if not groups:
        return None
    found: dict[str, Series] = {}
    for packed in groups:
        for column, each in packed.columns_of(name).items():
            known = ~np.isnan(each.values)
            if known.any():
                found[column] = each if known.all() else each[known]
    return found
