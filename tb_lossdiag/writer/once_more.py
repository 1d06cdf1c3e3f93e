"""Which calls can be made once more, and how: of plain arguments, by modules that Python can follow, with a loss that is a mean over samples."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from tb_lossdiag.writer.guard import Ear
from tb_lossdiag.writer.loss_tap import Call
from tb_lossdiag.writer.modules import elsewhere
from tb_lossdiag.writer.per_sample import FUNCTIONS, MODULES
from tb_lossdiag.writer.samples import place
from tb_lossdiag.writer.untouched import Unsure, compiled

__all__ = [
    "DEPTH",
    "ambient",
    "hidden",
    "hooks_of",
    "lists_of",
    "mapped",
    "means",
    "plain",
    "random_elsewhere",
    "time_first",
    "together",
    "view_of",
    "within",
    "within_autocast",
]

DEPTH = 3  # of containers in what the model takes and returns
PLAIN = (int, float, complex, str, bytes, bool, type(None), torch.dtype, torch.device, torch.Size)
BY_CLASS = {"weight", "pos_weight"}  # arguments of loss functions that are tensors but no part of the batch


def plain(value: object, depth: int = DEPTH) -> bool:
    """Whether this is made of tensors, numbers and the like, in containers that can be made anew."""
    if isinstance(value, (Tensor, *PLAIN)):
        return True
    if type(value) is dict:
        return depth >= 0 and all(plain(each, depth - 1) for each in value.values())
    if type(value) in {list, tuple} or (isinstance(value, tuple) and hasattr(value, "_fields")):
        return depth >= 0 and all(plain(each, depth - 1) for each in value)  # type: ignore[attr-defined]
    return value is Call.PREDICTION


def mapped(value: Any, function: Callable[[Tensor], Tensor]) -> Any:  # noqa: ANN401
    """The same with other tensors, in containers of its own."""
    if isinstance(value, Tensor):
        return function(value)
    if type(value) is dict:
        return {name: mapped(each, function) for name, each in value.items()}
    if type(value) in {list, tuple}:
        return type(value)(mapped(each, function) for each in value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(mapped(each, function) for each in value))
    return value


def lists_of(value: object, batch: int) -> bool:
    """Whether a list within holds something else than tensors for each sample."""
    if isinstance(value, Mapping):
        return any(lists_of(each, batch) for each in value.values())
    if isinstance(value, (list, tuple)):
        listed = len(value) == batch and any(not isinstance(each, Tensor) for each in value)
        return (listed and all(isinstance(each, PLAIN) for each in value)) or any(
            lists_of(each, batch) for each in value
        )
    return False


def within(prediction: Tensor, output: Tensor) -> bool:
    """Whether the prediction lies in the memory of this output."""
    if place(prediction) != place(output) or prediction.dtype != output.dtype or not prediction.numel():
        return False
    first, last = extent(output)
    begins, ends = extent(prediction)
    return first <= begins and ends <= last


def extent(values: Tensor) -> tuple[int, int]:
    """The first and the last element's place in memory."""
    first = int(values.storage_offset())
    return first, first + sum(
        (size - 1) * int(stride) for size, stride in zip(values.shape, values.stride(), strict=True)
    )


def view_of(output: Tensor, like: Tensor, prediction: Tensor, samples: int) -> Tensor:
    """What `prediction` is of `like`, of an output that is laid out like it, for so many samples."""
    if not like.dim():
        return output
    laid_out = [
        size == there and (size <= 1 or stride == step)
        for size, there, stride, step in zip(
            output.shape[1:], like.shape[1:], output.stride()[1:], like.stride()[1:], strict=True
        )
    ]
    if len(output) != samples or not all(laid_out) or (samples > 1 and output.stride(0) != like.stride(0)):
        raise Unsure
    offset = prediction.storage_offset() - like.storage_offset() + output.storage_offset()
    shape = list(prediction.shape)
    if samples != len(like):
        shape[0] = shape[0] // len(like) * samples
    same = tuple(shape) == tuple(output.shape) and prediction.stride() == output.stride()
    return (
        output if same and offset == output.storage_offset() else output.as_strided(shape, prediction.stride(), offset)
    )


def means(call: Call) -> bool:
    """Whether the loss is known to be the mean of the samples' own losses, so that a part's is one too."""
    function = call.loss_fn
    if isinstance(function, nn.Module):
        weight = getattr(function, "weight", None)
        return (
            type(function) in MODULES
            and function.reduction == "mean"
            and (weight is None or not isinstance(function, (nn.BCELoss, nn.BCEWithLogitsLoss)))
            and len(call.args) + len(call.kwargs) == 2  # noqa: PLR2004  (prediction and target)
        )
    given = dict(call.kwargs)
    while isinstance(function, functools.partial):
        if function.args:
            return False
        given, function = {**function.keywords, **given}, function.func
    tensors = {name for name, each in given.items() if isinstance(each, Tensor)} - {"input", "target"}
    return (
        callable(function)
        and function in FUNCTIONS
        and given.get("reduction", "mean") == "mean"
        and not {"size_average", "reduce"} & given.keys()
        and len(call.args) <= 2  # noqa: PLR2004
        and (not tensors or (tensors <= BY_CLASS and "binary" not in getattr(function, "__name__", "")))
    )


def hooks_of(module: nn.Module) -> bool:
    """Whether anything is called together with this module."""
    return bool(
        module._forward_hooks  # noqa: SLF001  (they have no public name)
        or any(not isinstance(each, Ear) for each in module._forward_pre_hooks.values())  # noqa: SLF001
        or module._backward_hooks  # noqa: SLF001
        or module._backward_pre_hooks  # noqa: SLF001
    )


def hidden(module: nn.Module) -> bool:
    """Whether this module runs where Python cannot follow, or together with others."""
    return elsewhere(module) or isinstance(module, nn.parallel.DistributedDataParallel) or compiled(module.forward)


def together() -> bool:
    """Whether other processes train along: one that does something by itself would have them wait for ever."""
    return torch.distributed.is_available() and torch.distributed.is_initialized()


def time_first(module: nn.Module) -> bool:
    """Whether the samples may be in the second dimension."""
    return getattr(module, "batch_first", None) is False


def random_elsewhere(module: nn.Module) -> bool:
    """Whether it draws random numbers from where they cannot be put back: cuDNN keeps those of its dropout to itself."""
    return isinstance(module, nn.RNNBase) and module.dropout > 0 and any(each.is_cuda for each in module.parameters())


def ambient(devices: set[str]) -> list[tuple[str, bool, torch.dtype]]:
    """Autocast as it is at this moment: device, whether it is on, and to what."""
    known = sorted(devices & {"cpu", "cuda"})
    if hasattr(torch, "get_autocast_dtype"):
        return [(each, torch.is_autocast_enabled(each), torch.get_autocast_dtype(each)) for each in known]
    if "cuda" not in known:  # before torch 2.4 there was a function for each device
        return [(each, torch.is_autocast_cpu_enabled(), torch.get_autocast_cpu_dtype()) for each in known]
    return [("cuda", torch.is_autocast_enabled(), torch.get_autocast_gpu_dtype())]


@contextlib.contextmanager
def within_autocast(around: Sequence[tuple[str, bool, torch.dtype]]) -> Any:  # noqa: ANN401
    """As it was then. Nothing is kept: what was cast without gradients must not be met by those who want them."""
    with contextlib.ExitStack() as stack:
        for device, on, dtype in around:
            stack.enter_context(torch.autocast(device, dtype=dtype, enabled=on, cache_enabled=False))
        yield
