"""What watching adds to a training step: `python -m benchmarks.overhead [--model NAME] [--rounds N]`.

Each model is trained in one process once for each watcher and once for nobody, block by block in turn; reported is the median
over the rounds of the ratio to nobody's block, less one, with the quartiles: rounds cancel the machine's drift, medians
its hiccups. Times are CPU seconds of the training thread, which is what a step waits for; beside them those of the
whole process, with what is done on other threads.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.overhead import values
from benchmarks.overhead.trainings import MODELS, Training
from benchmarks.overhead.watchers import OURS, Make, Ours, Watcher, others

HERE = Path(__file__).parent
YOUNG, YOUNG_OF_SLOW = 420, 90  # steps
GROWN = 2000  # steps, from which on samples are as far apart as the share allows
GOALS = {"MLP 6 x 512, batch 128": (0.02, 0.15)}
GOAL = (0.005, 0.05)  # at the defaults, and with every step sampled
PAIR = 2
LATER = 6  # steps after the first look
ROUNDS = 3  # at least, to be written down


def in_turn(model: str, watchers: dict[str, Make], steps: int, rounds: int) -> dict[str, dict[str, Any]]:
    """What each watcher adds."""
    make, shape = MODELS[model]
    with tempfile.TemporaryDirectory() as logdir:
        trainings = {
            name: Training(make, shape, each, f"{logdir}/{i}")
            for i, (name, each) in enumerate({"nobody": Watcher, **watchers}.items())
        }
        for training in trainings.values():
            training.block(PAIR)
        found = [{name: each.block(steps) for name, each in trainings.items()} for _ in range(rounds)]
        for training in trainings.values():
            training.watcher.close()
    result: dict[str, dict[str, Any]] = {
        "nobody": {"ms": 1000 * float(np.median([each["nobody"][0] for each in found]))}
    }
    for name in watchers:
        for kind, part in (("thread", 0), ("process", 1)):
            ratios = [each[name][part] / each["nobody"][part] - 1 for each in found]
            result.setdefault(name, {})[kind] = np.percentile(ratios, [25, 50, 75]).round(4).tolist()
    return result


def grown(model: str, steps: int, rounds: int) -> dict[str, dict[str, Any]]:
    """What a step costs from step `GROWN` on, where looks are too far apart for a block to hold its due share of them.

    Each kind of step is compared with nobody's, step by step in turn; each look counts for as many steps as the schedule
    leaves from it to the next.
    """
    make, shape = MODELS[model]
    found: list[tuple[float, float]] = []
    alone: list[float] = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as logdir:
            nobody, ours = (Training(make, shape, each, logdir) for each in (Watcher, Ours))
            for training in (nobody, ours):
                training.block(30)
            skip(ours, GROWN)
            watch: Any = ours.watcher.watch  # type: ignore[attr-defined]
            schedule = watch._schedule
            kinds: dict[str, list[NDArray[np.float64]]] = {}
            probe = look = GROWN
            for step in range(steps):
                probed, sampled, paired = watch._look.probed, watch._look.sampled, watch._look.paired
                kind = "probed" if probed else "sampled" if sampled else "paired" if paired else "quiet"
                now = watch.step
                kinds.setdefault(kind, []).append(np.array([nobody.block(1), ours.block(1)]))
                look = schedule.next - now if sampled else look
                probe = schedule.next_probe - now if probed else probe
                if step == LATER:
                    schedule.next = watch.step  # a sampled step by itself
            ours.watcher.close()
        step_alone = np.median([each[0] for some in kinds.values() for each in some], axis=0)
        more = {kind: np.median([each[1] - each[0] for each in some], axis=0) for kind, some in kinds.items()}
        added = more["quiet"] + (more["sampled"] + more["paired"]) / look + more["probed"] / probe
        alone.append(float(step_alone[0]))
        found.append(tuple(added / step_alone))
    parts = np.percentile(found, [25, 50, 75], axis=0).round(4)
    named = {kind: parts[:, i].tolist() for i, kind in enumerate(("thread", "process"))}
    return {"nobody": {"ms": 1000 * float(np.median(alone))}, "at its defaults": named}


def skip(training: Training, steps: int) -> None:
    """Make believe that so many steps were taken: how far apart samples may be depends on it."""
    if isinstance(training.watcher, Ours) and steps:
        watch = training.watcher.watch
        schedule: Any = watch._schedule
        schedule._first -= steps
        schedule.next_probe = schedule.next = 0


def measure(models: list[str], rounds: int) -> dict[str, Any]:
    known, said = others()
    print(*said, sep="\n")
    found: dict[str, Any] = {"models": {}}
    for model in models:
        slow = model.startswith(("residual", "transformer"))
        here = found["models"][model] = {}
        young = YOUNG_OF_SLOW if slow else YOUNG
        here["young"] = in_turn(model, {"at its defaults": Ours}, young // 3, 3) | {"steps": young}
        here["grown"] = grown(model, 40 if slow else 150, rounds)
        here["always"] = in_turn(
            model, {"every step sampled": OURS["every step sampled"], **known}, 3 if slow else 15, rounds
        )
        print(model, json.dumps(here, indent=1), flush=True)
    found["unsampled_us"], found["empty_us"] = values.unsampled(100)
    found["values"] = {
        "tb_lossdiag, one packed tensor": values.packed(400),
        "SummaryWriter, 500 add_scalar": values.scalars(20),
    }
    found["memory"] = {model: values.memory(model, 50) for model in models}
    found["machine"] = (
        f"{platform.machine()}, Python {platform.python_version()}, torch {torch.__version__}, one torch thread"
    )
    return found


def percent(parts: list[float]) -> str:
    low, middle, high = parts
    return f"{middle:+.1%} ({low:+.1%} to {high:+.1%})"


def page(found: dict[str, Any]) -> str:
    """The results as Markdown."""
    lines = [
        "# What watching costs",
        "",
        "Generated by `python -m benchmarks.overhead`; the figures are in [overhead.json](overhead.json). Each watcher trains a copy of the model, block by block",
        "in turn with one that nobody watches, in one process. Added time is CPU time of the training thread, which is what a step waits for;",
        "in brackets the quartiles over the rounds. *In all* adds what other threads of the process do meanwhile.",
        f"Measured on {found['machine']}, on a machine with other work: believe the ratios, not the milliseconds.",
        "",
        "## At the defaults",
        "",
        f"Over the first steps, where sampling is densest and batches are looked at twice at steps 2, 6, 12, 24, 48, ..., and from step {GROWN:,} on.",
        "",
        "| model | step, ms | first steps (how many) | later | goal | later, in all |",
        "|---|---|---|---|---|---|",
    ]
    for model, each in found["models"].items():
        young, grown = each["young"]["at its defaults"], each["grown"]["at its defaults"]
        goal = "" if model.startswith("MLP 2") else f"{GOALS.get(model, GOAL)[0]:.1%}"
        lines.append(
            f"| {model} | {each['grown']['nobody']['ms']:.2f} | {percent(young['thread'])} ({each['young']['steps']}) | {percent(grown['thread'])} | {goal} | {percent(grown['process'])} |"
        )
    lines += ["", "## Every step, beside others", "", "| model | watcher | added | in all |", "|---|---|---|---|"]
    for model, each in found["models"].items():
        for name, figures in each["always"].items():
            if name != "nobody":
                lines.append(f"| {model} | {name} | {percent(figures['thread'])} | {percent(figures['process'])} |")
    goals = f"{GOAL[1]:.0%} ({GOALS['MLP 6 x 512, batch 128'][1]:.0%} for the MLP 6 x 512)"
    lines += [
        "",
        f"The goal with every step sampled is {goals}. Ours logs about a dozen figures by layer and parameter, SummaryWriter here nine, torch-module-monitor three,",
        "wandb histograms; wandb writes in a process of its own, whose time is not counted.",
        "",
        "## 500 values of layers a step",
        "",
        "| | training thread, µs a value | CPU in all, µs a value | bytes on disk a value |",
        "|---|---|---|---|",
        *(
            f"| {name} | {each['thread_us']:.2f} | {each['cpu_us']:.2f} | {each['bytes']:.2f} |"
            for name, each in found["values"].items()
        ),
        "| goal | 10 | 20 | 4.5 |",
        "",
        "## A step that is not sampled",
        "",
        f"{found['unsampled_us']:.1f} µs (goal 5): the loss is kept, settings of the optimizer are compared, steps are counted. Hooks that do nothing, at the loss function and on both sides of the step,",
        f"cost {found['empty_us']:.1f} µs.",
        "",
        "## Memory",
        "",
        "Tensors beyond those without a writer, every step sampled: within the optimizer's step, in megabytes and as a multiple of the parameters, and between steps;",
        "and how many more tensors there are after further steps. Small models hold more than a copy of their parameters (the goal) because of copies of",
        "activations, 32 kB for each layer, which wait for the other thread.",
        "",
        "| model | within, MB | within | between | grown |",
        "|---|---|---|---|---|",
        *(
            f"| {model} | {each['megabytes']:.1f} | {each['within']:.2f} | {each['between']:.2f} | {each['grown']} |"
            for model, each in found["memory"].items()
        ),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m benchmarks.overhead", description=__doc__)
    options.add_argument("--model", choices=[*MODELS], action="append", help="only this one, writing nothing")
    options.add_argument(
        "--rounds", type=int, default=7, help="rounds (default 7); with fewer than three nothing is written"
    )
    chosen = options.parse_args()
    torch.set_num_threads(1)
    found = measure(chosen.model or [*MODELS], chosen.rounds)
    text = page(found)
    print(text)
    if not chosen.model and chosen.rounds >= ROUNDS:
        (HERE.parent / "overhead.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        (HERE.parent / "overhead.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
