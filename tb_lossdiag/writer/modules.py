"""A model as its user wrote it: names without those of wrappers, and which parts run compiled, where no hook may be."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from tb_lossdiag.writer.guard import Hook

__all__ = [
    "COMPILED",
    "around_calls",
    "compiled_among",
    "compiled_within",
    "computes",
    "eagerly",
    "elsewhere",
    "hooks_of_others",
    "loss_module",
    "named_modules",
    "named_parameters",
    "owns_parameters",
    "plain",
    "unwrapped",
    "walk",
]

COMPILED = "_orig_mod"  # the name of the user's module within what torch.compile returns
WRAPPED = (COMPILED, "_checkpoint_wrapped_module")
COUNT = itertools.count()

Before = Callable[[nn.Module, tuple[Any, ...], dict[str, Any]], None]
After = Callable[[nn.Module, tuple[Any, ...], dict[str, Any], Any], None]


def unwrapped(model: nn.Module) -> nn.Module:
    """The user's own model within `torch.compile` and data-parallel wrappers, so that names are those of the user."""
    while True:
        inner = getattr(model, COMPILED, None)
        if inner is None and isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            inner = model.module
        if not isinstance(inner, nn.Module):
            return model
        model = inner


def plain(name: str) -> str:
    """A name without the parts that wrappers add."""
    if not any(each in name for each in WRAPPED):
        return name
    return ".".join(each for each in name.split(".") if each not in WRAPPED)


def named_modules(model: nn.Module) -> dict[str, nn.Module]:
    """Every module by its user's name for it; of a wrapper and what it wraps the latter."""
    return {plain(name): each for name, each in walk(model)}


def loss_module(model: nn.Module) -> nn.Module | None:
    """The model's loss function, if it holds exactly one of torch's."""
    found = [each for each in model.modules() if isinstance(each, nn.modules.loss._Loss)]  # noqa: SLF001  (their common class)
    return found[0] if len(found) == 1 else None


def named_parameters(model: nn.Module) -> dict[str, Tensor]:
    """The model's parameter tensors by name; a lazy one that has no shape yet is left out."""
    named: list[tuple[str, Tensor]]
    if type(model).named_parameters is not nn.Module.named_parameters:
        named = list(model.named_parameters())
    else:
        seen: dict[int, tuple[str, Tensor]] = {}
        for prefix, module in walk(model):
            for name, each in module._parameters.items():  # noqa: SLF001  (as named_parameters does, in a fifth of the time)
                if each is not None:
                    seen.setdefault(id(each), (f"{prefix}.{name}" if prefix else name, each))
        named = list(seen.values())
    # by type: `isinstance` asks a method of a parameter's metaclass
    return {plain(name): each for name, each in named if type(each) is not UninitializedParameter}


def computes(module: nn.Module) -> bool:
    """Whether it computes something itself: it has no children, or parameters of its own."""
    return owns_parameters(module) or not any(child is not None for child in module._modules.values())  # noqa: SLF001


def owns_parameters(module: nn.Module) -> bool:
    """Whether it has parameters besides those of its children."""
    return any(each is not None for each in module._parameters.values())  # noqa: SLF001  (`parameters` takes 20 times as long)


def walk(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """What `named_modules` yields, in a fifth of the time."""
    found: list[tuple[str, nn.Module]] = []
    seen: set[int] = set()
    ahead = [("", model)]
    while ahead:
        name, module = ahead.pop()
        if id(module) in seen:
            continue
        if type(module).named_modules is not nn.Module.named_modules:
            inside = [(inner, each) for inner, each in module.named_modules(prefix=name) if id(each) not in seen]
            seen.update(id(each) for _, each in inside)
            found += inside
            continue
        seen.add(id(module))
        found.append((name, module))
        children = module._modules  # noqa: SLF001
        if children:
            start = f"{name}." if name else ""
            ahead += [(start + own, child) for own, child in reversed(children.items()) if child is not None]
    return found


def compiled_within(model: nn.Module) -> bool:
    """Whether any part of it is compiled: by torch.compile(module) or module.compile()."""
    return compiled_among(walk(model))


def compiled_among(modules: Iterable[tuple[str, nn.Module]]) -> bool:
    """Whether any of these is compiled."""
    return any(COMPILED in each._modules or compiled_in_place(each) for _, each in modules)  # noqa: SLF001


def compiled_in_place(module: nn.Module) -> bool:
    """Whether `module.compile()` was called."""
    return vars(module).get("_compiled_call_impl") is not None


def elsewhere(model: nn.Module) -> bool:
    """Whether layers run where Python hooks cannot follow: scripted, or replicated on several devices."""
    return isinstance(model, (nn.DataParallel, torch.jit.ScriptModule))


def hooks_of_others(module: nn.Module) -> bool:
    """Whether anything but ours is called together with this module."""
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return any(not isinstance(hook, Hook) for kind in kinds for hook in getattr(module, kind).values())


@contextlib.contextmanager
def eagerly() -> Iterator[bool]:
    """Whatever is compiled runs as it was written; False where this version of torch cannot do that."""
    if not hasattr(torch.compiler, "set_stance"):  # of torch 2.6
        yield False
        return
    with torch.compiler.set_stance("force_eager"):
        yield True


def around_calls(module: nn.Module, before: Before | None, after: After | None) -> Callable[[], object]:
    """Have functions called around each call of a module, outside of what is compiled; gives back what ends that."""
    if compiled_in_place(module):
        return InPlace.of(module).add(before, after)
    handles: list[Any] = []
    if before is not None:
        handles.append(module.register_forward_pre_hook(before, with_kwargs=True))
    if after is not None:
        handles.append(module.register_forward_hook(after, with_kwargs=True))
    return lambda: [each.remove() for each in handles]


class InPlace:
    """Stands for the compiled code of a module that was compiled in place: a hook would be compiled along.

    Copies and pickles of the module leave it out, as they leave out compiled code.
    """

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self._compiled: Any = vars(module)["_compiled_call_impl"]
        self._around: dict[int, tuple[Before | None, After | None]] = {}

    @classmethod
    def of(cls, module: nn.Module) -> InPlace:
        """The one that stands there already, or a new one."""
        there = vars(module)["_compiled_call_impl"]
        return there if isinstance(there, InPlace) else cls(module)

    def add(self, before: Before | None, after: After | None) -> Callable[[], object]:
        """Call these too; gives back what ends that."""
        key = next(COUNT)
        self._around[key] = before, after
        vars(self._module)["_compiled_call_impl"] = self
        return lambda: self._remove(key)

    def _remove(self, key: int) -> None:
        self._around.pop(key, None)
        if not self._around and vars(self._module).get("_compiled_call_impl") is self:
            vars(self._module)["_compiled_call_impl"] = self._compiled

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  (as the module)
        for before, _ in list(self._around.values()):
            if before is not None:
                before(self._module, args, kwargs)
        output = self._compiled(*args, **kwargs)
        for _, after in list(self._around.values()):
            if after is not None:
                after(self._module, args, kwargs, output)
        return output
