"""Weights that are all alike: units that start the same stay the same; and weights on one side of zero, whose units all answer alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

from tb_lossdiag.evidence import Bars, Table
from tb_lossdiag.finding import Finding, Remedy, confidence
from tb_lossdiag.signals.structure import Parameter

__all__ = ["ALIKE", "MATRIX", "constant", "for_good", "identical", "one_sided", "positive", "shut"]

ALIKE = 0.5  # share of the hidden weight tensors whose rows are all the same; residual blocks start up to half at zero
UNLEARNT = 0.6  # share of the loss that is left
MATRIX = 2  # axes
SOME = 16  # weights of a layer: of fewer, luck may decide their signs
ONE_SIDED = 0.85  # networks that are made to rise with each input want it so
# sure by definition: units alike on both sides; spread of equal float32 numbers over their size
FOREVER, ROUNDING = 0.95, 1e-5


def identical(
    trainable: list[Parameter], own: list[Parameter], hidden: list[Parameter], left: float | None, *, stacked: bool
) -> Finding | None:
    """Weights whose rows are all the same: those that the user has made, where there are no others or nothing is learnt; else most of the hidden ones."""
    still = [each for each in own if each.identical_rows]
    if len(own) > 1 and len(still) == len(own):
        return _symmetric(still, len(own))
    ones = [each for each in trainable if each.kind == "other" and _matrix_of_one_value(each)]
    if len(ones) > 1 and left is not None and left > UNLEARNT:
        return _symmetric(ones, len(own) or len(hidden) + len(ones))
    alike = [each for each in hidden if each.identical_rows]
    return _symmetric(alike, len(hidden)) if hidden and stacked and len(alike) / len(hidden) > ALIKE else None


def _matrix_of_one_value(weights: Parameter) -> bool:
    """Whether it is made by hand, several units wide on both sides, and the same number throughout, but not zero, as additions to a layer may be."""
    return (
        min(weights.shape, default=0) > 1
        and len(weights.shape) >= MATRIX
        and bool(weights.init_abs_max)
        and constant(weights)
    )


def constant(weights: Parameter) -> bool:
    """Whether all of them have the same value: not a zero alone, units that also lead on alike get the same gradient for ever."""
    return weights.identical_rows and (weights.init_std or 0.0) <= ROUNDING * (weights.init_abs_max or 0.0)


def for_good(twins: list[Parameter]) -> Finding:
    """Units that stay alike: the layer behind them is equal, too."""
    first = twins[0]
    return replace(
        _symmetric(twins, len(twins)),
        summary=f"All weights of {first.name} start at {first.init_abs_max:g}, and those of the layer behind it are equal, too: its {first.shape[0]} units get "
        "the same gradient and stay alike for good.",
        confidence=FOREVER,
    )


def shut(weights: list[Parameter], unchanged: Mapping[str, float]) -> Finding | None:
    """Two layers in a row that start at zero, and stay there: each gets its gradient through the other."""
    still = [each.init_abs_max == 0 and unchanged.get(each.name) == 1.0 for each in weights]
    pairs = [pair for pair, (one, other) in zip(pairwise(weights), pairwise(still), strict=True) if one and other]
    if not pairs:
        return None
    first, second = pairs[0]
    names = list(dict.fromkeys(each.name for pair in pairs for each in pair))
    return Finding(
        summary=f"{first.name} and {second.name} both start at zero, and no step has changed them: each gets its gradient through the other, which lets none "
        "through.",
        confidence=FOREVER,
        since=0,
        where=names,
        evidence=[Table("Layers that start at zero and stay there", ["parameter"], [[each] for each in names])],
        remedies=(
            Remedy(
                f"Let only the last of them start at zero: draw {first.name}",
                "nn.init.kaiming_uniform_(layer.weight)",
                "Weights that change from the first steps on, and a branch that takes part.",
            ),
        ),
    )


def _symmetric(alike: list[Parameter], count: int) -> Finding:
    value = "zero" if all(each.init_abs_max == 0 for each in alike) else "the same"
    return Finding(
        summary=f"{len(alike)} of {count} hidden layers start with all units alike (weights {value}), {alike[0].name} first.",
        confidence=confidence(len(alike) / count, doubtful=ALIKE, certain=0.8),
        since=0,
        where=[each.name for each in alike],
        evidence=[
            Table(
                "Layers whose units all start with the same weights",
                ["parameter", "largest absolute weight"],
                [[each.name, each.init_abs_max or 0.0] for each in alike],
            )
        ],
    )


def positive(hidden: list[Parameter]) -> Finding | None:
    """Weights that all have one sign: every unit answers to the same sum of what comes in, whatever their scale."""
    same = [each for each in hidden if abs(each.init_mean or 0.0) > (each.init_std or 0.0) > 0 and each.numel >= SOME]
    if len(same) <= ALIKE * len(hidden):
        return None
    return Finding(
        summary=f"The weights of {len(same)} of {len(hidden)} hidden layers start on one side of zero, {same[0].name} first (mean "
        f"{same[0].init_mean or 0.0:.2g}): all units of a layer answer alike.",
        confidence=ONE_SIDED,
        since=0,
        where=[each.name for each in same],
        evidence=[
            Bars(
                "Mean over spread of the weights at the start",
                [each.name for each in same],
                [float((each.init_mean or 0.0) / (each.init_std or 1.0)) for each in same],
                "ratio",
                0.0,
            )
        ],
        remedies=(
            Remedy(
                "Draw weights around zero",
                "nn.init.kaiming_uniform_(layer.weight)",
                "Units of a layer that differ, and a gradient that reaches the first layers.",
            ),
        ),
    )


def one_sided(parameter: Parameter) -> bool:
    """Whether this is a matrix of the user's own whose values lie on one side of zero, as `torch.rand` draws them."""
    mean, std = parameter.init_mean, parameter.init_std
    matrix = parameter.kind == "other" and len(parameter.shape) == MATRIX
    return matrix and mean is not None and std is not None and abs(mean) > std > 0
