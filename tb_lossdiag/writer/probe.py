"""A step's batch once more, before the step: its loss in evaluation mode, and how far the gradients of two parts agree.

Nothing of the training changes (`untouched`), and where that cannot be promised nothing is done: models with hooks of
others, compiled or replicated ones, and batches of which it cannot be told how they became the prediction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from tb_lossdiag.writer.dropping import Drawn, Dropping
from tb_lossdiag.writer.guard import Guard, Hook
from tb_lossdiag.writer.loss_tap import Call
from tb_lossdiag.writer.modules import compiled_within, named_parameters, unwrapped
from tb_lossdiag.writer.once_more import (
    DEPTH,
    ambient,
    hidden,
    hooks_of,
    lists_of,
    mapped,
    means,
    plain,
    random_elsewhere,
    time_first,
    together,
    view_of,
    within,
    within_autocast,
)
from tb_lossdiag.writer.penalty import Pull, pull
from tb_lossdiag.writer.per_sample import broadcasts
from tb_lossdiag.writer.samples import first_tensor, place, tensors_of
from tb_lossdiag.writer.transfer import wide
from tb_lossdiag.writer.untouched import Unsure, Untouched

__all__ = ["FIGURES", "PART", "Probe"]

FIGURES = ("train_loss", "eval_loss", "signal", "noise", "samples", "batch")
PART = "the same batch in both modes"
MOST = 128  # samples of each part
ELEMENTS = 1 << 22  # of buffers that are kept as they were before the pass


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
        self.drawn = Drawn()  # in evaluation mode, so far
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
                self.drawn = self.drawn.and_then(dropping.drawn)

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
