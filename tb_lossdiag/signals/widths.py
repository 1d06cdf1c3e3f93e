"""Widths: how much each layer hands on to the next, along the way that everything takes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tb_lossdiag.series import Run
from tb_lossdiag.signals.signal import signal
from tb_lossdiag.signals.structure import watched

__all__ = ["Widths", "widths"]

Widths = Mapping[str, int]
LINEAR = {"Linear", "LazyLinear", "Embedding", "RNN", "GRU", "LSTM", "RNNCell", "GRUCell", "LSTMCell"}
ENTRIES = {"Embedding", "EmbeddingBag"}  # of ids, which no layer has put out: here a way begins
CONVOLUTION = {f"{kind}{dim}d" for kind in ("Conv", "LazyConv", "ConvTranspose") for dim in (1, 2, 3)}


@signal(log="writer.watch(model, optimizer, loss_fn)")
def widths(run: Run) -> Widths | None:
    """Numbers that each hidden layer hands on, for a sample or for one position of a sequence, in the order of the calls.

    Only layers that everything passes through, followed backwards from the output: where a module takes in more than the one
    called before it put out, something came around that one (a skip connection, squeeze-and-excitation), and there it ends.
    """
    for prefix, model in watched(run):
        leaves = [each for each in model.get("modules") or () if _is_leaf(each)]
        leaves.sort(key=lambda each: int(each["order"]))
        way: list[Mapping[str, Any]] = []
        for each in reversed(leaves):
            if way and _size(way[-1]["in_shape"]) > _size(each["out_shape"]):
                break
            way.append(each)
            if each.get("type") in ENTRIES:
                break
        layers = [each for each in reversed(way) if each.get("type") in LINEAR | CONVOLUTION]
        if len(layers) > 1:
            return {prefix + str(each["name"]): _width(each) for each in layers[:-1]}
    return None


def _is_leaf(module: Mapping[str, Any]) -> bool:
    shapes = [module.get(name) for name in ("in_shape", "out_shape")]
    called = module.get("order") is not None and not module.get("children")
    return called and all(isinstance(each, (list, tuple)) and all(map(_whole, each)) for each in shapes)


def _whole(size: object) -> bool:
    return isinstance(size, int)


def _size(shape: Sequence[int]) -> int:
    return math.prod(shape)


def _width(module: Mapping[str, Any]) -> int:
    """All numbers of a convolution's output; of others the last axis, for the ones before it are positions.

    A layer that is called for each sample by itself has no axis beside that of the batch: it says how wide it is.
    """
    shape = module["out_shape"]
    told: object = (module.get("settings") or {}).get("out_features")
    if not shape and isinstance(told, int):
        return told
    return int(math.prod(shape) if module["type"] in CONVOLUTION else (shape or [1])[-1])
