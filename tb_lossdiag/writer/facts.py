"""What does not change from step to step: model, parameters, optimizer, loss and data, as plain values for JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, RandomSampler, SequentialSampler, SubsetRandomSampler, WeightedRandomSampler

from tb_lossdiag.writer.modules import named_modules, named_parameters
from tb_lossdiag.writer.per_sample import type_of
from tb_lossdiag.writer.transfer import local

__all__ = [
    "data_facts",
    "initial",
    "loss_facts",
    "module_facts",
    "optimizer_facts",
    "parameter_facts",
    "rounded",
    "settings_of",
]

Facts = dict[str, Any]

TEXT = 200  # characters of a setting that is shown as text
FEW = 8  # numbers that a setting may hold: kernel sizes, betas
MODULES = 5000  # modules that are listed at most
NORMS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm)  # noqa: SLF001  (the first has no public name)
SHUFFLING = (RandomSampler, SubsetRandomSampler, WeightedRandomSampler)


def rounded(value: float) -> float | None:
    """Six digits are enough for a person; JSON has no NaN and no infinity."""
    return float(f"{value:.6g}") if math.isfinite(value) else None


def settings_of(thing: object, leave_out: Iterable[str] = ()) -> Facts:
    """The simple public attributes of a module: `p`, `kernel_size`, `negative_slope`, `eps`, ..."""
    found = {}
    for key, value in vars(thing).items():
        if not key.startswith("_") and key not in {"training", *leave_out}:
            simple = plain(value)
            if simple is not None:
                found[key] = simple
    return found


def plain(value: object) -> Any:  # noqa: ANN401  (what JSON has)
    """A setting as JSON has it, or None where it is not one."""
    if isinstance(value, (bool, int, str)):
        return value[:TEXT] if isinstance(value, str) else value
    if isinstance(value, float):
        return rounded(value) if math.isfinite(value) else str(value)
    if (
        isinstance(value, Tensor) and value.numel() == 1 and not value.requires_grad
    ):  # else it is a part of a loss, kept to be shown
        return rounded(float(value))
    if isinstance(value, (tuple, list)) and len(value) <= FEW:
        return list(value) if all(isinstance(each, (bool, int, float)) for each in value) else None
    return None


def module_facts(
    modules: Mapping[str, nn.Module], order: Sequence[str], shapes: Mapping[str, tuple[Any, Any]]
) -> list[Facts]:
    """Every module: its type, settings, shapes without the batch, and its place in the order of first calls."""
    place = {name: i for i, name in enumerate(order)}
    found = []
    for name, module in list(modules.items())[:MODULES]:
        in_shape, out_shape = shapes.get(name, (None, None))
        found.append(
            {
                "name": name,
                "type": type(module).__name__,
                "order": place.get(name),
                "in_shape": in_shape,
                "out_shape": out_shape,
                "settings": settings_of(module),
                "children": sum(1 for _ in module.children()),
                "training": module.training,
            }
        )
    return found


def kind_of(module: nn.Module, name: str, parameter: Tensor) -> str:
    """What a parameter tensor is for: `weight`, `bias`, `norm`, `embedding`, `recurrent` or `other`."""
    leaf = name.rpartition(".")[2]
    if isinstance(module, NORMS) or type(module).__name__.lower().endswith("norm"):
        return "norm"
    if isinstance(module, (nn.Embedding, nn.EmbeddingBag)):
        return "embedding"
    if "bias" in leaf:
        return "bias"
    if isinstance(module, (nn.RNNBase, nn.RNNCellBase)):
        return "recurrent"
    return "weight" if parameter.dim() >= 2 and "weight" in leaf else "other"  # noqa: PLR2004  (a matrix)


def initial(parameter: Tensor) -> Facts:
    """Figures of a parameter's values as they are now, which `watch` takes to be how they begin."""
    values = local(parameter).detach().float()
    if not values.numel():
        return {}
    matrix = values.dim() >= 2 and len(values) > 1  # noqa: PLR2004
    return {
        "init_mean": rounded(float(values.mean())),
        "init_std": rounded(float(values.std(correction=0))),
        "init_abs_max": rounded(float(values.abs().max())),
        "identical_rows": bool(matrix and (values == values[:1]).all()),
    }


def parameter_facts(
    model: nn.Module, optimized: set[int], initials: Mapping[str, Facts], trainable: Mapping[str, bool]
) -> list[Facts]:
    """Every parameter tensor: shape, kind, fans, how it began, and whether anything trains it; `trainable` knows better than this moment."""
    modules = named_modules(model)
    found = []
    for name, each in named_parameters(model).items():
        owner = name.rpartition(".")[0]
        fan_in, fan_out = fans_within(modules[owner], name, each)
        found.append(
            {
                "name": name,
                "module": owner,
                "shape": list(each.shape),
                "numel": each.numel(),
                "trainable": trainable.get(name, each.requires_grad),
                "optimized": id(each) in optimized,
                "dtype": str(each.dtype).removeprefix("torch."),
                "kind": kind_of(modules[owner], name, each),
                "fan_in": fan_in,
                "fan_out": fan_out,
                "init_mean": None,
                "init_std": None,
                "init_abs_max": None,
                "identical_rows": False,
                **initials.get(name, {}),
            }
        )
    return found


def fans_within(module: nn.Module, name: str, parameter: Tensor) -> tuple[int | None, int | None]:
    """As `fans`, unless the module knows better: other frameworks lay their kernels out in other ways."""
    own = getattr(module, "fans_of", None)
    found: tuple[int | None, int | None] = fans(parameter) if own is None else own(name.rpartition(".")[2])
    return found


def fans(parameter: Tensor) -> tuple[int | None, int | None]:
    """How many inputs each unit sums over, and how many units each input feeds; None for vectors."""
    if parameter.dim() < 2:  # noqa: PLR2004
        return None, None
    field = math.prod(parameter.shape[2:])
    return parameter.shape[1] * field, parameter.shape[0] * field


def optimizer_facts(optimizers: Sequence[torch.optim.Optimizer], names: Mapping[int, str]) -> Facts:
    """The first optimizer's type, and every group's simple settings with the names of its parameters, of all optimizers."""
    groups = []
    unknown = 0
    for group in [group for each in optimizers for group in each.param_groups]:
        settings = {key: plain(value) for key, value in group.items() if key != "params"}
        known = [names[id(each)] for each in group["params"] if id(each) in names]
        unknown += len(group["params"]) - len(known)
        groups.append({**{key: value for key, value in settings.items() if value is not None}, "parameters": known})
    found = {"type": type(optimizers[0]).__name__, "groups": groups, "unknown_parameters": unknown}
    return found | ({"types": [type(each).__name__ for each in optimizers]} if len(optimizers) > 1 else {})


def loss_facts(loss_fn: object, *, part: bool = False) -> Facts | None:
    """The loss function's name and settings; of a weighting it says that there is one. It may be a `part` of the loss only."""
    if loss_fn is None:
        return None
    settings = settings_of(loss_fn) if isinstance(loss_fn, nn.Module) else dict(getattr(loss_fn, "keywords", {}))
    simple = {key: plain(value) for key, value in settings.items()}
    found = {key: value for key, value in simple.items() if value is not None}
    for key in ("weight", "pos_weight"):
        weights = getattr(loss_fn, key, settings.get(key))
        if isinstance(weights, Tensor):
            found[key] = [rounded(each) for each in weights.flatten()[:TEXT].tolist()]
    return {"type": type_of(loss_fn), "settings": found | ({"part": True} if part else {})}


def data_facts(loader: object) -> Facts:
    """What a data loader says about the training data without being run."""
    if not isinstance(loader, DataLoader):
        return {"steps_per_epoch": size_of(loader)}
    sampler, dataset = loader.sampler, loader.dataset
    shuffled = True if isinstance(sampler, SHUFFLING) else False if isinstance(sampler, SequentialSampler) else None
    found: Facts = {
        "train_size": size_of(dataset),
        "batch_size": loader.batch_size,
        "steps_per_epoch": size_of(loader),
        "drop_last": loader.drop_last,
        "shuffled": getattr(sampler, "shuffle", shuffled),
    }
    transform = getattr(dataset, "transform", None)
    return found | ({"transform": " ".join(str(transform).split())[: 2 * TEXT]} if transform is not None else {})


def size_of(thing: object) -> int | None:
    """`len(thing)`, or None where it has none."""
    try:
        return len(thing)  # type: ignore[arg-type]
    except (TypeError, NotImplementedError):
        return None
