"""A step's batch once more, before the step: its loss in evaluation mode, and how far the gradients of two parts agree.

Nothing of the training changes (`untouched`), and where that cannot be promised nothing is done: models with hooks of
others, compiled or replicated ones, and batches of which it cannot be told how they became the prediction.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from tb_lossdiag.writer.dropping import Dropping
from tb_lossdiag.writer.guard import Ear, Guard, Hook
from tb_lossdiag.writer.loss_tap import Call
from tb_lossdiag.writer.modules import compiled_within, elsewhere, named_parameters, unwrapped
from tb_lossdiag.writer.penalty import Pull, pull
from tb_lossdiag.writer.per_sample import FUNCTIONS, MODULES, broadcasts
from tb_lossdiag.writer.samples import first_tensor, place, tensors_of
from tb_lossdiag.writer.transfer import wide
from tb_lossdiag.writer.untouched import Unsure, Untouched, compiled

__all__ = ["FIGURES", "PART", "Probe"]

FIGURES = ("train_loss", "eval_loss", "signal", "noise", "samples", "batch")
PART = "the same batch in both modes"
MOST = 128  # samples of each part
ELEMENTS = 1 << 22  # of buffers that are kept as they were before the pass
DEPTH = 3  # of containers in what the model takes and returns
PLAIN = (int, float, complex, str, bytes, bool, type(None), torch.dtype, torch.device, torch.Size)
BY_CLASS = {"weight", "pos_weight"}  # arguments of loss functions that are tensors but no part of the batch


@dataclass(frozen=True, slots=True)
class Seen:
    """A tensor as it was when seen; it holds the values, but no graph."""

    values: Tensor
    version: int

    @classmethod
    def of(cls, values: Tensor) -> Seen:
        """Look at this one."""
        return cls(values.detach(), values._version)  # noqa: SLF001  (counts what was done in place; views share it)

    @property
    def as_then(self) -> bool:
        """Whether nothing was written into it since."""
        return bool(self.values._version == self.version)  # noqa: SLF001


@dataclass(slots=True)
class Pass:
    """The first forward pass of a step, and then the loss of it."""

    args: Any
    kwargs: Any
    inputs: list[Seen]
    parameters: list[Seen]
    around: list[tuple[str, bool, torch.dtype]]
    buffers: list[tuple[Tensor, Tensor]]  # and what they were before the pass
    outputs: list[Seen] | None = None
    which: int = 0  # of the outputs became the prediction
    call: Call | None = None
    prediction: Tensor | None = None
    others: Sequence[Seen] = ()
    around_loss: Sequence[tuple[str, bool, torch.dtype]] = ()


class Probe:
    """Remembers a step's first pass and its loss, and looks at that batch again just before the optimizer's step."""

    def __init__(self, model: nn.Module, guard: Guard, training: Callable[[], bool]) -> None:
        self._model = model
        self._guard = guard
        self._training = training
        self._handles: list[RemovableHandle] = []
        self._pass: Pass | None = None
        self._within: Call | None = None
        self._passes = 0
        self._losses = 0
        self._both = True  # modes are compared, until that fails
        self._parts = True  # gradients of parts are taken, until that fails
        self.dropped = 0.0  # share of values that the model drops in evaluation mode, at most
        self.pull: Pull | None = None  # at the weights of the batch of the last look
        self.over = unwrapped(model) is not model or any(map(hidden, model.modules()))

    def arm(self) -> None:
        """Register the hooks for the step to come."""
        self.disarm()
        self._pass, self._passes, self._losses = None, 0, 0
        if compiled_within(self._model):
            self.over = True
        if not self.over and (self._both or self._parts) and not together():
            begins, ends = Hook(self._guard, PART, self._begins), Hook(self._guard, PART, self._ends)
            self._handles.append(self._model.register_forward_pre_hook(begins, with_kwargs=True))
            self._handles.append(self._model.register_forward_hook(ends))

    @property
    def armed(self) -> bool:
        """Whether there is something to disarm."""
        return bool(self._handles) or self._pass is not None

    def disarm(self) -> None:
        """Remove all hooks and let go of the batch."""
        handles, self._handles = self._handles, []
        for handle in handles:
            handle.remove()
        self._pass = self._within = None

    def see_loss(self, call: Call) -> None:
        """A training loss was computed."""
        Hook(self._guard, PART, self._see_loss)(call)

    def _begins(self, _module: nn.Module, args: Any, kwargs: Any) -> None:  # noqa: ANN401
        if not self._training():
            return
        self._passes += 1
        if self._passes > 1 or not self._model.training or not plain((args, kwargs)):
            return
        inputs, parameters = tensors_of((args, kwargs), DEPTH), list(self._model.parameters())
        if any(type(each) not in {Tensor, nn.Parameter} or each.is_inference() for each in (*inputs, *parameters)):
            return
        around = ambient({each.device.type for each in (*inputs, *parameters)})
        args, kwargs = mapped((args, kwargs), Tensor.detach)
        buffers = list(self._model.buffers())
        kept = sum(each.numel() for each in buffers) <= ELEMENTS
        self._pass = Pass(
            args,
            kwargs,
            list(map(Seen.of, inputs)),
            list(map(Seen.of, parameters)),
            around,
            [(each, each.detach().clone()) for each in buffers] if kept else [],
        )

    def _ends(self, _module: nn.Module, _args: Any, output: Any) -> None:  # noqa: ANN401
        if self._pass is not None and self._passes == 1 and self._pass.outputs is None:
            # holding the values keeps their memory from being used again, so that the prediction cannot be mistaken
            self._pass.outputs = [Seen.of(each) for each in tensors_of(output, DEPTH) if type(each) is Tensor]
            within_pass, self._within = self._within, None
            if within_pass is not None and not self._paired(self._pass, within_pass):
                self._pass = None

    def _see_loss(self, call: Call) -> None:
        self._losses += 1
        seen = self._pass
        if seen is None:
            return
        if self._losses == 1 and self._passes == 1:
            if seen.outputs is None:  # the model computes its loss itself: what it puts out is not known yet
                self._within = call
                return
            if self._paired(seen, call):
                return
        elif self._passes > 1 and seen.call is not None:
            return  # gradients of several batches are added up: this is the next one
        self._pass = None

    def _paired(self, seen: Pass, call: Call) -> bool:
        prediction = call.prediction
        return bool(seen.outputs) and type(prediction) is Tensor and self._pair(seen, prediction, call)

    def _pair(self, seen: Pass, prediction: Tensor, call: Call) -> bool:
        """Whether this is the loss of the pass that was seen: of its output, or of a view of that."""
        outputs = seen.outputs or []
        found = [i for i, each in enumerate(outputs) if within(prediction, each.values)]
        others = [each for each in tensors_of((call.args, call.kwargs), DEPTH) if each is not prediction]
        shared = {place(each.values) for each in outputs}
        if (
            not found
            or not all(each.as_then for each in outputs)
            or not plain((call.args, call.kwargs))
            or any(each.requires_grad or each.is_inference() or place(each) in shared for each in others)
        ):
            return False
        seen.which, seen.prediction = found[0], prediction.detach()
        seen.others = list(map(Seen.of, others))
        seen.around_loss = ambient({each.values.device.type for each in (*seen.inputs, *seen.parameters)})
        seen.call = call.without(prediction)
        return True

    def run(self) -> tuple[list[Tensor], int, int] | None:
        """Loss as it was, loss in evaluation mode, signal and noise, NaN where not measured; samples of a part and in all.

        Evaluation mode is that of just before the step: with running statistics that do not know the batch yet.
        """
        seen, over = self._pass, self.over
        self.pull = None
        self.disarm()
        if seen is None or seen.call is None or over or not self._unchanged(seen) or not self._alone(seen.call):
            return None
        devices = {each.values.device for each in (*seen.inputs, *seen.parameters)}
        if any(each.type == "cuda" for each in devices) and torch.cuda.is_current_stream_capturing():
            return None
        functions = [type(each).forward for each in self._model.modules()]
        modules = dict.fromkeys(self._model.modules())
        if isinstance(seen.call.loss_fn, nn.Module):
            modules.update(dict.fromkeys(seen.call.loss_fn.modules()))
            functions += [type(each).forward for each in seen.call.loss_fn.modules()]
        else:
            functions.append(seen.call.loss_fn)
        found = [seen.call.loss, None, None, None]
        samples = self._samples(seen) if self._parts else 0
        try:
            with Untouched(modules, functions, devices, seen.buffers) as kept:
                if self._both:
                    kept.evaluation_mode()
                    found[1] = self._again(seen)
                    kept.own_mode()
                if samples:
                    found[2:] = self._agreement(seen, samples) or (None, None)
        except Unsure:
            self.over = True
            return None
        self.over |= kept.changes
        for each in devices:
            if each.type == "cuda":  # so that it is seen how long it took
                torch.cuda.current_stream(each).synchronize()
        if kept.changes or all(each is None for each in found[1:]):
            return None
        missing = torch.full_like(seen.call.loss, torch.nan)
        known = [missing if each is None else each.to(missing.device) for each in found]
        samples = samples if found[2] is not None else 0
        return known, samples, len(seen.inputs[0].values) if samples else 0

    def _unchanged(self, seen: Pass) -> bool:
        """Whether inputs, parameters and targets are those of the pass, and the model is in training mode."""
        kept = [*seen.inputs, *seen.parameters, *seen.others]
        return self._model.training and all(each.as_then for each in kept)

    def _alone(self, call: Call) -> bool:
        """Whether no hook of anybody is called when the model runs."""
        inside = list(call.loss_fn.modules()) if isinstance(call.loss_fn, nn.Module) else []
        everywhere = torch.nn.modules.module
        return not (
            any(map(hidden, inside))
            or any(map(compiled_within, inside[:1]))
            or any(hooks_of(each) for each in (*self._model.modules(), *inside[1:]))
            or any(each._backward_hooks for each in self._model.parameters())  # noqa: SLF001  (they have no public name)
            or everywhere._global_forward_hooks  # noqa: SLF001
            or everywhere._global_forward_pre_hooks  # noqa: SLF001
            or everywhere._global_backward_hooks  # noqa: SLF001
            or everywhere._global_backward_pre_hooks  # noqa: SLF001
        )

    def _again(self, seen: Pass) -> Tensor | None:
        """The batch's loss in evaluation mode."""
        with Dropping() as dropping:
            try:
                with torch.no_grad():
                    return self._loss(seen, None).detach()
            except Exception:  # noqa: BLE001  (the user's code may not like to be called like this)
                self._both = False
                return None
            finally:
                self.dropped = max(self.dropped, dropping.share)

    def _agreement(self, seen: Pass, samples: int) -> tuple[Tensor, Tensor] | None:
        """The squared norm of the true gradient and the summed variance of single samples' gradients, both unbiased.

        From two independent estimates g1, g2 of `samples` samples each: <g1, g2> and samples * |g1 - g2|^2 / 2
        (McCandlish et al. 2018, arXiv 1812.06162, appendix A, for B_big = 2 B_small).
        """
        named = {name: each for name, each in named_parameters(self._model).items() if each.requires_grad}
        try:
            with torch.enable_grad():
                one, other = (
                    torch.autograd.grad(self._loss(seen, (i, samples)), list(named.values()), allow_unused=True)
                    for i in range(2)
                )
        except Exception:  # noqa: BLE001
            self._parts = False
            return None
        pairs = [(a, b) for a, b in zip(one, other, strict=True) if a is not None and b is not None]
        if not pairs or any(a.is_sparse or a.is_complex() for a, _ in pairs):
            self._parts = False
            return None
        device = seen.call.loss.device if seen.call is not None else pairs[0][0].device
        with torch.no_grad():
            signal = [torch.dot(wide(a).reshape(-1), wide(b).reshape(-1)).to(device) for a, b in pairs]
            noise = [(wide(a) - wide(b)).square().sum().to(device) for a, b in pairs]
            if self._passes == 1:  # else the gradient in use holds other batches, too
                self.pull = pull(named, one, other)
            return torch.stack(signal).sum(), torch.stack(noise).sum() * (samples / 2)

    def _loss(self, seen: Pass, part: tuple[int, int] | None) -> Tensor:
        """The loss of the batch, or of every other sample of it: (the first one, how many)."""
        if seen.call is None or seen.prediction is None or seen.outputs is None:
            raise Unsure
        batch = len(seen.inputs[0].values) if part else 0

        def chosen(values: Tensor) -> Tensor:
            if part is None:
                return values.clone()
            if not values.dim():
                return values
            rows = len(values) // batch
            first, samples = part
            return values.reshape(batch, rows, *values.shape[1:])[first : 2 * samples : 2].flatten(0, 1)

        def target(values: Tensor) -> Tensor:
            return chosen(values) if values.dim() and len(values) == len(rows_of) else values

        rows_of = seen.prediction
        args, kwargs = mapped((seen.args, seen.kwargs), chosen)
        with within_autocast(seen.around):
            outputs = [each for each in tensors_of(self._model(*args, **kwargs), DEPTH) if type(each) is Tensor]
        output, like = outputs[seen.which], seen.outputs[seen.which].values
        prediction = view_of(output, like, seen.prediction, part[1] if part else len(like) if like.dim() else 1)
        args, kwargs = seen.call.args, seen.call.kwargs
        if part:
            args, kwargs = mapped((args, kwargs), target)
        function = seen.call.loss_fn
        with within_autocast(seen.around_loss):
            value = (function.forward if isinstance(function, nn.Module) else function)(
                *(prediction if each is Call.PREDICTION else each for each in args),
                **{name: prediction if each is Call.PREDICTION else each for name, each in kwargs.items()},
            )
        loss = first_tensor(value)
        if loss is None:
            raise Unsure
        return loss.mean() if loss.dim() else loss

    def _samples(self, seen: Pass) -> int:
        """Samples of each part; 0 where the batch cannot be parted."""
        inputs = [each.values for each in seen.inputs if each.values.dim()]
        call, prediction, outputs = seen.call, seen.prediction, seen.outputs
        if (
            call is None
            or prediction is None
            or outputs is None
            or not inputs
            or inputs[0] is not seen.inputs[0].values
        ):
            return 0
        batch, like = len(inputs[0]), outputs[seen.which].values
        whole = (
            means(call)
            and not any(broadcasts(call.loss_fn, prediction, each.values) for each in seen.others)
            and all(len(each) == batch for each in inputs)
            and like.dim() > 0
            and len(like) == batch
            and prediction.dim() > 0
            and len(prediction) % batch == 0
            and len(prediction) // batch * prediction.stride(0) == like.stride(0)
            and all(dtype is not torch.float16 for _, on, dtype in (*seen.around, *seen.around_loss) if on)
            and any(each.requires_grad for each in self._model.parameters())
            and not lists_of((seen.args, seen.kwargs), batch)
            and not any(map(time_first, self._model.modules()))
            and not any(map(random_elsewhere, self._model.modules()))
        )
        samples = min(MOST, batch // 2)
        few = 2 if any(isinstance(each, nn.modules.batchnorm._BatchNorm) for each in self._model.modules()) else 1  # noqa: SLF001
        return samples if whole and samples >= few else 0


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
