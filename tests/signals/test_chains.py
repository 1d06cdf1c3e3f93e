from __future__ import annotations

from tb_lossdiag.signals.chains import chains
from tb_lossdiag.signals.structure import Module


def names(*modules: tuple[str, str, int | None]) -> list[list[str]]:
    """The chains of modules given as (name, type, order), by the modules' names."""
    found = chains(modules=tuple(Module(name, kind, order, {}, 0) for name, kind, order in modules))
    return [[each.name for each in chain] for chain in found]


def test_a_sequential_is_a_chain() -> None:
    assert names(("", "Sequential", 0), ("0", "Linear", 1), ("1", "ReLU", 2), ("2", "Linear", 3)) == [["0", "1", "2"]]


def test_nested_ones_are_unrolled_in_place() -> None:
    inner = [("0.0", "Linear", 2), ("0.1", "ReLU", 3)]
    assert names(("", "Sequential", 0), ("0", "Sequential", 1), *inner, ("1", "Linear", 4)) == [["0.0", "0.1", "1"]]


def test_an_activation_that_is_used_twice_is_listed_once_so_the_chain_is_cut_where_it_is_missing() -> None:
    listed = [("0", "Linear", 1), ("1", "ReLU", 2), ("2", "Linear", 3), ("4", "Linear", 4)]
    assert names(("", "Sequential", 0), *listed) == [["0", "1", "2"]]


def test_a_sequential_within_a_module_of_the_users_own_is_a_chain_of_its_own() -> None:
    listed = [("net", "Sequential", 1), ("net.0", "Linear", 2), ("net.1", "Linear", 3), ("head", "Linear", 4)]
    assert names(("", "Net", 0), *listed) == [["net.0", "net.1"]]


def test_a_watched_model_keeps_its_prefix() -> None:
    assert names(("g/", "Sequential", 0), ("g/0", "Linear", 1), ("g/1", "Linear", 2)) == [["g/0", "g/1"]]


def test_what_was_never_called_and_named_children_are_no_chain() -> None:
    assert names(("", "Sequential", None), ("0", "Linear", 1), ("1", "Linear", 2)) == []
    assert names(("", "Sequential", 0), ("fc1", "Linear", 1), ("fc2", "Linear", 2)) == []
