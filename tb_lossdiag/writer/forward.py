"""Hooks on a model's modules, there only while a step is looked at: on all other steps the model is as it was."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from torch import Tensor, nn

from tb_lossdiag.writer.about import About
from tb_lossdiag.writer.activations import Activations
from tb_lossdiag.writer.entrances import Entrances
from tb_lossdiag.writer.graph_loss import Output
from tb_lossdiag.writer.guard import Guard, Hook
from tb_lossdiag.writer.layer import Layer
from tb_lossdiag.writer.modules import (
    around_calls,
    compiled_among,
    compiled_within,
    computes,
    elsewhere,
    plain,
    unwrapped,
    walk,
)
from tb_lossdiag.writer.replay import Replay
from tb_lossdiag.writer.reshapes import Reshapes
from tb_lossdiag.writer.samples import first_tensor, tensors_of

__all__ = ["ForwardHooks"]

PART = "the layers of the model"


class ForwardHooks:
    """Looks at one forward pass of each sampled step: the first one, in training mode.

    `training` says whether a pass at this moment belongs to training; `see_inputs` gets the model's inputs; `before` is called
    when a pass begins, and may arm or disarm for another step.
    """

    def __init__(  # noqa: PLR0913  (what it looks at, and whom it tells)
        self,
        model: nn.Module,
        about: About,
        guard: Guard,
        *,
        training: Callable[[], bool],
        see_inputs: Callable[[Sequence[Tensor]], None],
        before: Callable[[], None],
        name: str = "",
        keep_output: bool = False,
    ) -> None:
        self._model = model
        self._about = about
        self._guard = guard
        self._training = training
        self._see_inputs = see_inputs
        self._before = before
        self._remove: list[Callable[[], object]] = []
        self._inside = self._partial = False  # a pass is being looked at; one that began at a part of the model
        self._passes = 0
        self._step = 0
        self._replay = Replay(model, guard)
        self._replayed = compiled_within(model)
        self._known: dict[str, tuple[nn.Module, Hook]] = {}  # layers, and what is called when they return
        self.activations = Activations()
        self.entrances = Entrances(name)
        self.reshapes = Reshapes()
        self.output: Output | None = None  # of the pass of this step, until the step is taken: its graph lives as long
        self._keep_output = keep_output
        if elsewhere(model):
            guard.say("The layers of a scripted or replicated model cannot be watched: activations are not logged.")

    @property
    def unseen(self) -> bool:
        """Whether no pass was seen since `arm`."""
        return self._passes == 0

    @property
    def once(self) -> bool:
        """Whether the model was called once since `arm`, as a whole: what it was given are the samples of the step."""
        return self._passes == 1 and not self._partial

    def arm(self, step: int) -> None:
        """Register the hooks for the step to come."""
        self.disarm()
        self._step, self._passes, self._inside, self._partial = step, 0, False, False
        self.activations.drop()
        modules = walk(self._model)  # each time: modules come and go, and may be compiled later than they are watched
        self._replayed = compiled_among(modules)
        self._remove.append(around_calls(self._model, self._hook(self._begins), None))
        if not self._replayed:
            self._remove.append(self._hook_layers(modules if unwrapped(self._model) is self._model else None))
        self._remove.append(around_calls(self._model, None, self._hook(self._ends)))

    def disarm(self) -> None:
        """Remove all hooks."""
        removing, self._remove = self._remove, []
        for each in removing:
            each()
        self._inside, self.output = False, None

    def _run_again(self, args: Any, kwargs: Any) -> None:  # noqa: ANN401
        """Look at the layers of a compiled model, where that is possible."""

        def forward(inner: nn.Module) -> None:
            remove = self._hook_layers()
            try:
                self._called("", inner, args)
                output = inner.forward(*args, **kwargs)  # past the hooks on the model itself
                if computes(inner):
                    self._hook_of("", inner, self._known)(inner, args, output)
                else:
                    self._returned("", inner, args, output)
            finally:
                remove()

        self._replay.run((args, kwargs), forward)

    def _hook_layers(self, modules: Sequence[tuple[str, nn.Module]] | None = None) -> Callable[[], object]:
        """Hooks on the layers: on all modules until a pass was seen, to learn their order and shapes. `modules` are those, where they are known."""
        if elsewhere(self._model):
            return lambda: None
        discovering = not self._about.discovered
        handles: list[Any] = []
        earlier, self._known = self._known, {}  # a module that has gone is not kept alive
        named = {plain(name): each for name, each in modules or walk(unwrapped(self._model))}
        for name, module in named.items():
            if discovering:
                handles.append(module.register_forward_pre_hook(self._hook(partial(self._called, name))))
            if computes(module):
                self._known[name] = module, self._hook_of(name, module, earlier)
                handles.append(module.register_forward_hook(self._known[name][1]))
            elif discovering:
                handles.append(module.register_forward_hook(self._hook(partial(self._returned, name))))
        return lambda: [each.remove() for each in handles]

    def _hook_of(self, name: str, module: nn.Module, earlier: Mapping[str, tuple[nn.Module, Hook]]) -> Hook:
        """What is called when this layer returns: the same as `earlier`, as long as it is the same module."""
        known, hook = earlier.get(name, (None, None))
        if known is module and hook is not None:
            return hook
        return self._hook(partial(self._layer_returned, Layer.of(name, module)))

    def _hook(self, function: Callable[..., None]) -> Hook:
        return Hook(self._guard, PART, function)

    def _begins(self, _module: nn.Module, args: Any, kwargs: Any) -> None:  # noqa: ANN401
        if not self._training():
            return
        self._before()
        if not self._remove:
            return
        self._passes += not self._partial  # what was seen of its parts before was no pass of the model
        self._partial = False
        self._inside = self._passes == 1
        if self._inside:
            inputs = tensors_of((args, kwargs), depth=4)
            self.activations.start(self._step, inputs)
            self.entrances.start(inputs)
            self.reshapes.start(inputs)
            if inputs:
                self._see_inputs(inputs)

    def _begins_within(self, args: Any) -> None:  # noqa: ANN401
        """A module is called before the model was: its own methods use it, such as `encode` or `time_derivative`.

        What the module is given need not be a sample, so nothing is said of the model's inputs. The pass is over when the step is.
        """
        if self._passes or not self._training():
            return
        self._before()
        if self._remove:
            self._passes, self._inside, self._partial = 1, True, True
            self.activations.start(self._step, tensors_of(args, depth=4))
            self.entrances.start(())
            self.reshapes.start(())

    def _called(self, name: str, _module: nn.Module, args: Any) -> None:  # noqa: ANN401
        if name and not self._inside:
            self._begins_within(args)
        if self._inside:
            self._about.called(name)

    def _returned(self, name: str, _module: nn.Module, args: Any, output: Any) -> None:  # noqa: ANN401
        if name and not self._inside:
            self._begins_within(args)
        if self._inside:
            self._about.returned(name, args, output)

    def _layer_returned(self, layer: Layer, module: nn.Module, args: Any, output: Any) -> None:  # noqa: ANN401
        self._returned(layer.name, module, args, output)
        if self._inside:
            given = first_tensor(args)
            self.entrances.see(layer.name, module, given)
            self._about.changed |= self.reshapes.see(layer.name, given)
            self.activations.see(layer, given, output)

    def _ends(self, _module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:  # noqa: ANN401
        first = output[0] if isinstance(output, (tuple, list)) and output else output
        if (
            self._inside
            and self._keep_output
            and isinstance(first, Tensor)
            and first.dim()
            and first.grad_fn is not None
        ):
            self.output = Output.of(first)
        if self._inside and self._replayed and not self._replay.over:
            self._run_again(args, kwargs)
        self._inside = False
