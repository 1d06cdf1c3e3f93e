"""What the user chose: the settings that two runs are compared by."""

from __future__ import annotations

import math
from collections.abc import Mapping

from tb_lossdiag.series import Run
from tb_lossdiag.signals.modes import ModesUsed
from tb_lossdiag.signals.optimizer import Optimizer
from tb_lossdiag.signals.signal import signal
from tb_lossdiag.signals.structure import LossFunction, Modules, Parameters, watched
from tb_lossdiag.signals.weights import WEIGHTS

__all__ = ["Settings", "finished", "settings", "survives"]

STRONG = 0.3  # dropout of which a signal notices the loss; transformers have 0.1, and connections that lead past it

Settings = Mapping[str, str | float]

QUIET = {
    "params",
    "parameters",
    "foreach",
    "fused",
    "maximize",
    "capturable",
    "differentiable",
    "decoupled_weight_decay",
}


@signal(log="writer.close()")
def finished(run: Run) -> bool | None:
    """Whether the training is over: its writer was closed."""
    return run.facts["closed"] is True if "closed" in run.facts else None


@signal(log="writer.watch(model, optimizer, loss_fn)")
def settings(
    run: Run,
    optimizer: Optimizer | None = None,
    loss_function: LossFunction | None = None,
    modules: Modules | None = None,
    parameters: Parameters | None = None,
    batch_size: int | None = None,
    train_size: int | None = None,
    modes_used: ModesUsed | None = None,
) -> Settings:
    """Optimizer and its settings, batch size, model and its size, loss, size of the training set: name -> value.

    What the user logged as hyperparameters or arguments comes first, under its own names.
    """
    told = run.facts.get("settings")
    found: dict[str, str | float] = dict(told) if isinstance(told, Mapping) else {}
    found.update({f"{prefix}model": str(model["class"]) for prefix, model in watched(run) if model.get("class")})
    found.update(_of_optimizer(optimizer) if optimizer is not None else {})
    counts = [model.get("processes") for _, model in watched(run)]
    processes = max((each for each in counts if isinstance(each, int) and each > 1), default=None)
    sizes = {"batch size": batch_size, "processes": processes, "training samples": train_size}
    found.update({name: size for name, size in sizes.items() if size is not None})
    if loss_function is not None:
        found["loss"] = loss_function.type
    if parameters is not None:
        found["parameters"] = sum(each.numel for each in parameters)
        found["layers"] = len({each.module for each in parameters if each.kind in WEIGHTS})
    return found | (_layers_that_matter(modules, modes_used) if modules is not None else {})


def _of_optimizer(optimizer: Optimizer) -> dict[str, str | float]:
    """Its type and the settings of its first parameter group."""
    found: dict[str, str | float] = {"optimizer": optimizer.type}
    for key, value in (optimizer.groups[0] if optimizer.groups else {}).items():
        if key not in QUIET and value is not None and not isinstance(value, bool):
            found[key] = value if isinstance(value, (int, float)) else str(value)
    if len(optimizer.groups) > 1:
        found["parameter groups"] = len(optimizer.groups)
    return found


def _layers_that_matter(modules: Modules, modes: ModesUsed | None) -> dict[str, str | float]:
    """Activations by type, and the largest dropout."""
    plain = [each for each in modules if not each.children]
    activations = list(dict.fromkeys(each.type for each in plain if each.type in ACTIVATIONS))
    dropouts = _dropouts(modules, modes)
    found: dict[str, str | float] = {"activation": ", ".join(activations)} if activations else {}
    if dropouts:
        found["dropout"] = max(dropouts)
    return found


def _dropouts(modules: Modules, modes: ModesUsed | None) -> list[float]:
    """What each dropout drops, as a module or as a function."""
    layers = [float(p) for each in modules if "Dropout" in each.type and (p := each.settings.get("p"))]
    return [*layers, *(modes.functions if modes is not None else ())]


ACTIVATIONS = {
    "ReLU", "ReLU6", "LeakyReLU", "PReLU", "RReLU", "ELU", "SELU", "CELU", "GELU", "SiLU", "Mish", "Hardswish", "Softplus",
    "Sigmoid", "Tanh", "Hardtanh", "Hardsigmoid", "Softsign", "Softmax", "LogSoftmax", "GLU",
}  # fmt: skip


@signal(log="writer.watch(model, optimizer, loss_fn)")
def survives(modules: Modules, modes_used: ModesUsed | None = None) -> float | None:
    """The share of a signal that gets through all strong dropouts of the model, one after the other; None without any.

    Weaker ones are those of transformers and residual networks, beside which a connection leads past.
    """
    strong = [each for each in _dropouts(modules, modes_used) if STRONG <= each < 1]
    return math.prod(1 - each for each in strong) if strong else None
