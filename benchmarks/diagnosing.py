"""How long a diagnosis takes, once the run is read: `python benchmarks/diagnosing.py`. A run of 10,000 steps and 100 layers, made up."""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np

from tb_lossdiag import diagnose
from tb_lossdiag.series import Packed, Run, Series

FIGURES = {
    "parameters": ("grad_norm", "param_norm", "update_norm"),
    "activations": ("mean", "rms", "dead_share", "saturated_share", "zero_share", "nonfinite_share", "sample_std"),
}


def made(steps: int, layers: int) -> Run:
    """A run that learns, with every tenth step looked at."""
    random = np.random.default_rng(0)
    every = np.arange(steps)
    loss = 2.3 * np.exp(-every / (steps / 4)) + 0.1 + 0.05 * random.random(steps)
    seen = every[::10]
    names = [f"layer{i}" for i in range(layers)]
    weights = tuple(f"{name}.weight" for name in names)

    def packed(group: str, columns: tuple[str, ...]) -> Packed:
        values = 0.5 + random.random((len(seen), len(FIGURES[group]), len(columns)))
        if group == "activations":
            values[:, 2:6] *= 0.01
        return Packed(group, "train", FIGURES[group], columns, seen, values.astype(np.float32))

    parameter = {
        "kind": "weight",
        "shape": [64, 64],
        "numel": 4096,
        "fan_in": 64,
        "fan_out": 64,
        "init_std": 0.07,
        "init_abs_max": 0.12,
    }
    facts = {
        "models": {
            "": {
                "class": "Net",
                "modules": [{"name": name, "type": "Linear", "order": i} for i, name in enumerate(names)],
                "parameters": [
                    {"name": weight, "module": name, **parameter} for name, weight in zip(names, weights, strict=True)
                ],
                "optimizer": {"type": "Adam", "groups": [{"lr": 1e-3, "parameters": list(weights)}]},
                "loss": {"type": "CrossEntropyLoss", "settings": {"reduction": "mean"}},
                "batch_size": 64,
            }
        },
        "data": {"train_size": 10_000, "val_size": 1_000},
    }
    evaluated = every[:: max(1, steps // 100)]
    series = {
        "loss/train": Series(every, loss),
        "loss/val": Series(evaluated, loss[evaluated] + 0.02),
        "lr": Series(seen, np.full(len(seen), 1e-3)),
        "diag/grad_norm": Series(seen, 1 + random.random(len(seen))),
        "diag/grad_cosine": Series(seen, 0.2 * random.random(len(seen))),
        "diag/update_ratio": Series(seen, 0.01 + 0.005 * random.random(len(seen))),
    }
    return Run(
        "made", series=series, packed=[packed("parameters", weights), packed("activations", tuple(names))], facts=facts
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--layers", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=21)
    given = parser.parse_args()
    run = made(given.steps, given.layers)
    report = diagnose(run)
    taken = []
    for _ in range(given.repeats):
        since = time.perf_counter()
        diagnose(run)
        taken.append(1000 * (time.perf_counter() - since))
    low, high = statistics.quantiles(taken, n=4)[::2]
    print(
        f"{given.steps:,} steps, {given.layers} layers: {statistics.median(taken):.1f} ms (quartiles {low:.1f} to {high:.1f}); {report.verdict.id}"
    )


if __name__ == "__main__":
    main()
