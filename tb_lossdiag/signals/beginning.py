"""How weights stood when the training began: as somebody drew them, or trained before."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tb_lossdiag.signals.structure import Outside, Parameter, Parameters

__all__ = ["LAYERS", "drawn", "fresh", "from_scratch", "trained", "untouched"]

LAYERS = {"weight", "recurrent"}
UNIFORM = 1.85  # largest weight over the standard deviation: sqrt(3) = 1.73 where they are drawn evenly, as torch does; 2.2 and more once trained
# weights that tell what they were drawn from; standard errors of their spread about a round number; and standard deviations of the furthest
MANY, CHANCE, ABOUT = 1000, 3.0, 1.0
ENOUGH = 64  # elements from which on this ratio says something
SPREAD = 1e-4  # standard deviation of the weights of a normalisation, which begin at one


def fresh(parameter: Parameter | Outside) -> bool:
    """Whether the weights were still evenly spread when the training began, as only a fresh layer's are."""
    std, largest = parameter.init_std, parameter.init_abs_max
    return bool(std and largest and parameter.numel >= ENOUGH and largest / std < UNIFORM)


def drawn(parameter: Outside) -> bool:
    """Whether many weights stand as they were drawn from a normal distribution: of a spread that somebody chose, and none further out than chance has it."""
    std, largest, count = parameter.init_std, parameter.init_abs_max, parameter.numel
    if not (std and largest and count >= MANY):
        return False
    chosen = float(f"{std:.0e}")
    furthest = math.sqrt(2 * math.log(count))  # of so many, about
    return abs(std / chosen - 1) < CHANCE / math.sqrt(2 * count) and abs(largest / std - furthest) < ABOUT


def trained(parameter: Parameter) -> bool:
    """Whether it had been trained before: weights that are no longer evenly spread, or a normalisation that does not begin at one."""
    std, largest = parameter.init_std, parameter.init_abs_max
    if parameter.kind == "norm":
        return parameter.name.endswith("weight") and bool(std and std > SPREAD)
    return parameter.kind in LAYERS and bool(
        std and largest and parameter.numel >= ENOUGH and largest / std > 1.2 * UNIFORM
    )


def untouched(frozen: Sequence[Parameter]) -> bool:
    """Whether normalisations among them stand at one and zero, all of them: no training leaves them so, whatever the other weights are drawn from."""
    norms = [each for each in frozen if each.kind == "norm"]
    ones, zeros = (
        [each for each in norms if each.name.endswith("weight")], [each for each in norms if each.name.endswith("bias")]
    )  # fmt: skip
    return bool(ones and zeros) and all(
        each.init_std == 0 and each.init_abs_max == stand for group, stand in ((ones, 1), (zeros, 0)) for each in group
    )


def from_scratch(parameters: Parameters) -> bool:
    """Whether a network begins untrained: most of its weights are evenly spread, or most of its biases and normalisations stand where libraries put them."""
    weights = [fresh(each) for each in parameters if each.kind in LAYERS and each.numel >= ENOUGH]
    plain = [each.init_std == 0 for each in parameters if each.kind in {"bias", "norm"} and each.numel > 1]
    return any(found and 2 * sum(found) > len(found) for found in (weights, plain))
