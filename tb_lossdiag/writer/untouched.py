"""Runs users' code once more and leaves everything as it was: modes, buffers, random numbers, and what modules remember."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable, MutableMapping
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

__all__ = ["Unsure", "Untouched", "compiled"]

BASE = frozenset(vars(nn.Module()))  # attributes of every module
CONTENTS = ("_parameters", "_modules")
DEPTH = 3  # attributes of attributes that are looked at
THINGS = 20_000  # that may have to be put back
ELEMENTS = 1 << 22  # of tensors and arrays that are attributes but no buffers
PLAIN = (int, float, complex, str, bytes, bool, type(None))
STATELESS = (ModuleType, type, FunctionType, BuiltinFunctionType, MethodType, nn.Module, nn.Parameter)

Undo = Callable[[], bool]  # puts something back; says whether it had changed


class Unsure(Exception):  # noqa: N818  (no error: a reason to leave a model alone)
    """It cannot be told what running this code would change."""


class Untouched:
    """`with Untouched(modules, functions, devices) as kept: ...`, and `kept.changes` says afterwards whether code has changed
    something besides buffers and random numbers. That is put back too, as far as it can be found: attributes of modules with
    what lists, dictionaries and plain objects among them hold, and the variables around `functions`.

    Within, each buffer is a copy, of what it was `before` where that is given.
    """

    def __init__(
        self,
        modules: Iterable[nn.Module],
        functions: Iterable[object],
        devices: Iterable[torch.device],
        before: Iterable[tuple[Tensor, Tensor]] = (),
    ) -> None:
        self.changes = False
        self._modules = list(modules)
        self._functions = [getattr(each, "__func__", each) for each in functions]
        self._devices = set(devices)
        self._before = {id(buffer): values for buffer, values in before}
        self._flags: dict[nn.Module, bool] = {}
        self._buffers: list[tuple[dict[str, Any], dict[str, Any]]] = []
        self._undo: list[Undo] = []
        self._generators: list[Callable[[], object]] = []
        self._seen: set[int] = set()
        self._left = THINGS
        self._elements = ELEMENTS

    def __enter__(self) -> Untouched:  # noqa: PYI034  (Self is of Python 3.11)
        self._generators = list(map(generator, self._devices))
        python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002  (the generator that users' code may use)
        self._generators += [lambda: random.setstate(python), lambda: np.random.set_state(numpy)]  # noqa: NPY002
        for module in self._modules:
            for name in CONTENTS:
                self._container(vars(module)[name])
            self._container(vars(module))
            self._flags[module] = module.training
        for module in self._modules:
            for name, value in vars(module).items():
                if name not in BASE:
                    self._walk(value, DEPTH)
        for function in self._functions:
            self._variables(function)
        own = [vars(module)["_buffers"] for module in self._modules]
        self._buffers = [(buffers, dict(buffers)) for buffers in own]
        found = {id(each): each for buffers in own for each in buffers.values() if each is not None}
        copies = {key: self._before.get(key, each).detach().clone() for key, each in found.items()}
        for buffers in own:
            buffers.update({name: copies.get(id(each)) for name, each in buffers.items()})
        return self

    def evaluation_mode(self) -> None:
        """Each module's flag as in evaluation mode. Calls no code of the user's."""
        for module in self._modules:
            vars(module)["training"] = False

    def own_mode(self) -> None:
        """Each module's flag as it was."""
        for module, training in self._flags.items():
            vars(module)["training"] = training

    def __exit__(self, *_: object) -> None:
        self.own_mode()
        for put_back in self._generators:
            put_back()
        for buffers, before in self._buffers:
            buffers.clear()
            buffers.update(before)
        for undo in reversed(self._undo):
            self.changes |= undo()

    def _container(self, values: Any) -> None:  # noqa: ANN401
        """Remember what a container holds."""
        self._take(len(values))
        self._undo.append(contents(values))

    def _take(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise Unsure

    def _walk(self, value: object, depth: int) -> None:  # noqa: C901  (one branch for each kind of thing)
        if isinstance(value, (*PLAIN, *STATELESS)) or id(value) in self._seen or depth < 0:
            return
        self._seen.add(id(value))
        self._take(1)
        if isinstance(value, (Tensor, np.ndarray)):
            self._elements -= value.numel() if isinstance(value, Tensor) else value.size
            if self._elements < 0:
                raise Unsure
            self._undo.append(tensor(value) if isinstance(value, Tensor) else array(value))
        elif isinstance(value, (dict, list, set, deque)):
            self._container(value)
            for each in list(value.values() if isinstance(value, dict) else value):
                self._walk(each, depth - 1)
        elif isinstance(value, (tuple, frozenset)):
            for each in value:
                self._walk(each, depth - 1)
        elif isinstance(value, (torch.Generator, random.Random, np.random.Generator, np.random.RandomState)):
            self._generators.append(own_generator(value))
        elif hasattr(type(value), "__next__"):  # where it stands is nowhere to be seen
            raise Unsure
        elif hasattr(value, "__dict__") and not type(value).__module__.startswith("tb_lossdiag"):
            self._container(vars(value))
            for each in list(vars(value).values()):
                self._walk(each, depth - 1)

    def _variables(self, function: object) -> None:
        """The variables around a function that it names, and what they hold."""
        if compiled(function):
            raise Unsure
        if not isinstance(function, FunctionType) or function.__module__.startswith("torch."):
            return
        around = function.__globals__
        names = [name for name in function.__code__.co_names if name in around]
        self._undo.append(some_of(around, names))
        values = [around[name] for name in names]
        if any(map(compiled, values)):
            raise Unsure
        for cell in function.__closure__ or ():
            self._undo.append(closed_over(cell))
            values.append(held(cell))
        for value in values:
            if isinstance(value, (dict, list, set, deque)) and id(value) not in self._seen:
                self._seen.add(id(value))
                self._container(value)


def compiled(function: object) -> bool:
    """Whether it was compiled: how such code computes may depend on how, and how often, it was called before."""
    kinds = (torch.jit.ScriptFunction, torch.jit.ScriptModule)
    return isinstance(function, kinds) or "_torchdynamo_orig_callable" in getattr(function, "__dict__", {})


def same(one: object, other: object) -> bool:
    """Whether it is the same object, or a number or text of the same value."""
    return one is other or (isinstance(one, PLAIN) and type(one) is type(other) and bool(one == other))


def all_same(one: Iterable[object], other: Iterable[object]) -> bool:
    """Whether two collections hold the same."""
    one, other = list(one), list(other)
    return len(one) == len(other) and all(map(same, one, other))


def contents(values: Any) -> Undo:  # noqa: ANN401  (a dictionary, list, set or deque)
    """Puts back what a container held."""
    before = dict(values) if isinstance(values, dict) else list(values)

    def undo() -> bool:
        if isinstance(values, dict):
            if all_same(values, before) and all_same(values.values(), dict(before).values()):
                return False
        elif all_same(values, before):
            return False
        values.clear()
        (values.extend if isinstance(values, (list, deque)) else values.update)(before)
        return True

    return undo


def some_of(values: MutableMapping[str, Any], names: Iterable[str]) -> Undo:
    """Puts back some entries."""
    before = {name: values[name] for name in names}

    def undo() -> bool:
        changed = {name: value for name, value in before.items() if not same(values.get(name, undo), value)}
        values.update(changed)
        return bool(changed)

    return undo


def held(cell: Any) -> object:  # noqa: ANN401  (its type has no name in Python 3.10)
    """What a variable around a function holds; None before it was given a value."""
    try:
        return cell.cell_contents
    except ValueError:
        return None


def closed_over(cell: Any) -> Undo:  # noqa: ANN401
    """Puts back a variable around a function."""
    before = held(cell)

    def undo() -> bool:
        if same(held(cell), before):
            return False
        cell.cell_contents = before
        return True

    return undo


def tensor(values: Tensor) -> Undo:
    """Puts back a tensor's values."""
    version, before = values._version, values.detach().clone()  # noqa: SLF001  (counts what was done in place)

    def undo() -> bool:
        if values._version == version:  # noqa: SLF001
            return False
        with torch.no_grad():
            values.copy_(before)
        return True

    return undo


def array(values: np.ndarray[Any, Any]) -> Undo:
    """Puts back an array's values."""
    before = values.copy()

    def undo() -> bool:
        if values.dtype.hasobject or values.tobytes() == before.tobytes():
            return False
        values[...] = before
        return True

    return undo


def generator(device: torch.device) -> Callable[[], object]:
    """Puts back a device's generator of random numbers."""
    if device.type == "cpu":
        state = torch.get_rng_state()
        return lambda: torch.set_rng_state(state)
    if device.type == "cuda":
        state = torch.cuda.get_rng_state(device)
        return lambda: torch.cuda.set_rng_state(state, device)
    raise Unsure


def own_generator(
    value: torch.Generator | random.Random | np.random.Generator | np.random.RandomState,
) -> Callable[[], object]:
    """Puts back a generator of the module's own."""
    if isinstance(value, torch.Generator):
        state = value.get_state()
        return lambda: value.set_state(state)
    if isinstance(value, random.Random):
        numbers = value.getstate()
        return lambda: value.setstate(numbers)
    if isinstance(value, np.random.Generator):
        bits = value.bit_generator.state
        return lambda: setattr(value.bit_generator, "state", bits)
    words = value.get_state()
    return lambda: value.set_state(words)
