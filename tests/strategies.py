"""What Hypothesis may throw at us. Values that are not finite, empty and single ones have weight of their own."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from eventfiles import frame
from hypothesis import strategies as st

from tb_lossdiag.series import Packed, Run, Series
from tb_lossdiag.tags import SPLITS

numbers = st.sampled_from([math.nan, math.inf, -math.inf, 0.0, 1.0, 1e300, -1e300, 1e-300]) | st.floats()


@st.composite
def curves(draw: st.DrawFn) -> Series:
    """Any curve, of 0 to 80 points; steps rise but may leap."""
    values = draw(st.lists(numbers, max_size=80))
    gaps = draw(st.lists(st.integers(1, 10**6), min_size=len(values), max_size=len(values)))
    return Series(np.cumsum(np.array(gaps, dtype=np.int64)), np.array(values, dtype=np.float64))


@st.composite
def packed(
    draw: st.DrawFn, group: str, figures: tuple[str, ...], columns: tuple[str, ...], split: str = "train"
) -> Packed:
    """Any packed group with these figures and columns."""
    count = draw(st.integers(0, 30))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    size = (count, len(figures), len(columns))
    values = 10.0 ** rng.uniform(-12, 12, size) * rng.choice([-1.0, 0.0, 1.0, 1.0, 1.0], size)
    odd = draw(st.sampled_from([0.0, 0.1, 1.0]))
    values[rng.random(size) < odd] = draw(st.sampled_from([math.nan, math.inf, 0.0]))
    return Packed(group, split, figures, columns, np.arange(count) * 7, values.astype(np.float32))


@st.composite
def runs(draw: st.DrawFn) -> Run:
    """Any run: some curves, some packed groups, some facts."""
    names = ["loss/train", "loss/val", "loss/test", "lr", "diag/grad_norm", "diag/grad_cosine", "accuracy/val"]
    series = {name: draw(curves()) for name in draw(st.lists(st.sampled_from(names), unique=True))}
    weights = tuple(f"{i}.weight" for i in range(draw(st.integers(1, 5))))
    layers = tuple(f"{i}" for i in range(3))
    moments = ("mean", "std", "min", "max")
    classes, target = draw(st.sampled_from([(("count",), ("0", "1", "2")), (moments, ("y",))]))
    groups = [
        draw(packed("parameters", ("grad_norm", "param_norm", "update_norm"), weights)),
        draw(packed("activations", ("rms", "sample_std", "dead_share", "saturated_share"), layers)),
        draw(packed("losses", ("mean", "std", "p05", "p50", "p95", "max"), ("loss",))),
        draw(packed("batch", ("count",), ("0", "1", "2"))),
        draw(packed("probe", ("train_loss", "eval_loss", "signal", "noise", "samples", "batch"), ("batch",))),
        draw(packed("answers", ("count", "predicted", "right"), ("0", "1", "2"), "val")),
        *(draw(packed("inputs", moments, ("x", "y"), split)) for split in SPLITS),
        *(draw(packed("targets", classes, target, split)) for split in SPLITS),
        *(draw(packed("outputs", moments, target, split)) for split in SPLITS),
    ]
    facts = draw(st.sampled_from([{}, facts_of(weights, "CrossEntropyLoss"), facts_of(weights, "MSELoss")]))
    return Run("any", series, draw(st.lists(st.sampled_from(groups), unique_by=id)), facts)


def facts_of(weights: tuple[str, ...], loss: str) -> dict[str, object]:
    """What the writer says of a small network."""
    parameters = [
        {
            "name": name,
            "module": name.split(".")[0],
            "kind": "weight",
            "shape": [8, 8],
            "numel": 64,
            "trainable": True,
            "optimized": True,
            "fan_in": 8,
            "fan_out": 8,
            "init_std": 0.2,
            "init_abs_max": 0.35,
        }
        for name in weights
    ]
    modules = [{"name": name.split(".")[0], "type": "Linear", "order": i} for i, name in enumerate(weights)]
    optimizer = {"type": "SGD", "groups": [{"lr": 0.1, "parameters": list(weights)}]}
    model = {"class": "Net", "modules": modules, "parameters": parameters, "optimizer": optimizer}
    return {"version": 1, "models": {"": model | {"loss": {"type": loss, "settings": {}}, "batch_size": 32}}}


@dataclass(frozen=True)
class Damaged:
    """The records of a file, and the file's bytes with the stretch `start` to `end` replaced by others."""

    payloads: list[bytes]
    replacement: bytes
    start: int
    end: int

    @property
    def data(self) -> bytes:
        """What is on the disk."""
        whole = b"".join(map(frame, self.payloads))
        return whole[: self.start] + self.replacement + whole[self.end :]

    @property
    def before(self) -> list[bytes]:
        """The records that end before the damage."""
        ends = list(accumulate(len(frame(each)) for each in self.payloads))
        return [each for each, end in zip(self.payloads, ends, strict=True) if end <= self.start]

    @property
    def behind(self) -> list[bytes]:
        """The records that begin behind the damage."""
        starts = [0, *accumulate(len(frame(each)) for each in self.payloads)][:-1]
        return [each for each, start in zip(self.payloads, starts, strict=True) if start >= self.end]


@st.composite
def damaged(draw: st.DrawFn) -> Damaged:
    """Any stretch of a file cut out, filled with zeros, overwritten, or something pushed in between.

    Payloads are numbered, so that none is another's copy.
    """
    fillings = draw(st.lists(st.binary(max_size=40), min_size=1, max_size=8))
    payloads = [b"%d:" % i + each for i, each in enumerate(fillings)]
    size = sum(len(frame(each)) for each in payloads)
    start, end = sorted(draw(st.tuples(st.integers(0, size), st.integers(0, size))))
    length = end - start
    replacement = draw(st.sampled_from([b"", bytes(length), bytes(100)]) | st.binary(max_size=60))
    return Damaged(payloads, replacement, start, end)
