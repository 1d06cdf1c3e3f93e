"""Hooks on a model's modules, there only while a step is looked at: on all other steps the model is as it was."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from tb_lossdiag.writer.about import About
from tb_lossdiag.writer.activations import Activations, observed_modules
from tb_lossdiag.writer.guard import Guard, Hook
from tb_lossdiag.writer.samples import tensors_of

__all__ = ["ForwardHooks", "unwrapped"]

PART = "the layers of the model"


def unwrapped(model: nn.Module) -> nn.Module:
    """The user's own model within `torch.compile` and data-parallel wrappers, so that names are those of the user."""
    while True:
        inner = getattr(model, "_orig_mod", None)
        if inner is None and isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            inner = model.module
        if not isinstance(inner, nn.Module):
            return model
        model = inner


def opaque(model: nn.Module) -> bool:
    """Whether layers run where Python hooks cannot see them: compiled, or replicated on several devices."""
    compiled = hasattr(model, "_orig_mod") or getattr(model, "_compiled_call_impl", None) is not None
    return compiled or isinstance(model, (nn.DataParallel, torch.jit.ScriptModule))


class ForwardHooks:
    """Looks at one forward pass of each sampled step: the first one, in training mode.

    `training` says whether a pass at this moment belongs to training; `see_input` gets the model's input; `before` is called
    when a pass begins, and may arm or disarm for another step.
    """

    def __init__(  # noqa: PLR0913  (what it looks at, and whom it tells)
        self,
        model: nn.Module,
        about: About,
        guard: Guard,
        *,
        training: Callable[[], bool],
        see_input: Callable[[Tensor], None],
        before: Callable[[], None],
    ) -> None:
        self._model = model
        self._about = about
        self._guard = guard
        self._training = training
        self._see_input = see_input
        self._before = before
        self._handles: list[RemovableHandle] = []
        self._inside = False
        self._passes = 0
        self._step = 0
        self.activations = Activations()
        self._observed: dict[str, nn.Module] = {}
        if opaque(model):
            guard.say(
                "The layers of a compiled, scripted or replicated model cannot be watched: activations are not logged. "
                "Watch the model as it is before torch.compile, run eagerly for a few hundred steps, to see them."
            )

    def arm(self, step: int) -> None:
        """Register the hooks for the step to come."""
        self.disarm()
        self._step, self._passes, self._inside = step, 0, False
        self.activations.drop()
        model, hook = self._model, self._hook
        self._handles.append(model.register_forward_pre_hook(hook(self._begins), with_kwargs=True))
        discovering = not self._about.discovered
        inner = unwrapped(model)
        self._observed = {} if opaque(model) else observed_modules(inner)  # each time: modules come and go
        modules = dict(inner.named_modules()) if discovering and not opaque(model) else self._observed
        for name, module in modules.items():
            if discovering:
                self._handles.append(module.register_forward_pre_hook(hook(partial(self._called, name))))
            self._handles.append(module.register_forward_hook(hook(partial(self._returned, name))))
        self._handles.append(model.register_forward_hook(hook(self._ends)))

    def disarm(self) -> None:
        """Remove all hooks."""
        handles, self._handles = self._handles, []
        for handle in handles:
            handle.remove()
        self._inside = False

    def _hook(self, function: Callable[..., None]) -> Hook:
        return Hook(self._guard, PART, function)

    def _begins(self, _module: nn.Module, args: Any, kwargs: Any) -> None:  # noqa: ANN401
        if not self._training():
            return
        self._before()
        if not self._handles:
            return
        self._passes += 1
        self._inside = self._passes == 1
        if self._inside:
            inputs = tensors_of((args, kwargs), depth=4)
            self.activations.start(self._step, inputs)
            if inputs:
                self._see_input(inputs[0])

    def _called(self, name: str, _module: nn.Module, _args: Any) -> None:  # noqa: ANN401
        if self._inside:
            self._about.called(name)

    def _returned(self, name: str, module: nn.Module, args: Any, output: Any) -> None:  # noqa: ANN401
        if self._inside:
            self._about.returned(name, args, output)
            if name in self._observed:
                with torch.no_grad():
                    self.activations.see(name, module, args, output)

    def _ends(self, _module: nn.Module, _args: Any, _output: Any) -> None:  # noqa: ANN401
        self._inside = False
