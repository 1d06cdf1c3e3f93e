"""Chains: modules of which it is certain that each hands its output to the next, with nothing in between."""

from __future__ import annotations

from itertools import pairwise

from tb_lossdiag.signals.signal import signal
from tb_lossdiag.signals.structure import Module, Modules

__all__ = ["Chains", "chains"]

Chains = tuple[tuple[Module, ...], ...]


@signal(log="writer.watch(model, optimizer, loss_fn)")
def chains(modules: Modules) -> Chains | None:
    """What the model's `nn.Sequential` containers run one after the other, nested ones unrolled; () where there are none.

    In a forward method of the user's own a function may stand between two modules that were called in a row, and no hook sees
    it. Within a Sequential nothing can. Its numbered children must be complete: a module that is registered twice is listed
    once, so a number that is missing may be an activation that is used again; the chain is cut there.
    """
    called = {each.name: each for each in modules if each.order is not None}
    found: list[tuple[Module, ...]] = []
    for each in called.values():
        outer = called.get(_parent(each.name)) if _own(each.name) else None
        if each.type == "Sequential" and (outer is None or outer.type != "Sequential"):
            found += _cut(_unrolled(each, called))
    return tuple(chain for chain in found if len(chain) > 1)


def _unrolled(container: Module, called: dict[str, Module]) -> list[Module | None]:
    """What a Sequential runs, in order; None where it cannot be known what comes next."""
    children = sorted(
        (int(_own(name)), each)
        for name, each in called.items()
        if name != container.name and _own(name).isdecimal() and _parent(name) == container.name
    )
    found: list[Module | None] = []
    expected = 0
    for number, each in children:
        found += [None] if number != expected else []
        found += _unrolled(each, called) if each.type == "Sequential" else [each]
        expected = number + 1
    return found


def _cut(steps: list[Module | None]) -> list[tuple[Module, ...]]:
    """The stretches between the places where it is unknown what happens."""
    gaps = [-1, *(i for i, each in enumerate(steps) if each is None), len(steps)]
    return [tuple(each for each in steps[low + 1 : high] if each is not None) for low, high in pairwise(gaps)]


def _parent(name: str) -> str:
    """The module that holds this one; a watched model's own prefix stays."""
    prefix, slash, path = name.rpartition("/")
    return prefix + slash + path.rpartition(".")[0]


def _own(name: str) -> str:
    """The name of a module within the one that holds it; "" for the model itself."""
    return name.rpartition("/")[2].rpartition(".")[2]
