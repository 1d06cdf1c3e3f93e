"""The page of `reading.json`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tb_lossdiag.store import BUDGET

READERS = {
    "tb_lossdiag": "**tb_lossdiag**",
    "Rust data server": "Rust data server, all points, `--checksum` (server's own CPU)",
    "EventAccumulator": "TensorBoard's EventAccumulator",
    "EventFileLoader": "TensorBoard's EventFileLoader",
    "C parse": "C, checksums and columns",
    "C scan": "C, checksums only",
}


def page(result: Mapping[str, Any]) -> str:
    """What was measured, as Markdown."""
    lines = [
        "# How fast logs are read",
        "",
        f"Made by `python -m benchmarks.reading` ({result['machine']}): every value of every event, every checksum checked. Readers take turns,",
        "each reading is a process of its own, figures are medians of CPU time; memory is what reading added to the peak.",
        "`M/s` is millions of values a second of CPU.",
    ]
    for layout, readers in result["reading"].items():
        count = next(iter(readers.values()))["values"]
        lines += [
            "",
            f"## {layout}: {count:,.0f} values",
            "",
            "| reader | CPU, s | lowest to highest | M/s | memory, MB | readings |",
            "|---|---|---|---|---|---|",
        ]
        for reader, each in readers.items():
            low, high = each["cpu_range"]
            lines.append(
                f"| {READERS.get(reader, reader)} | {each['cpu']:.3g} | {low:.3g} to {high:.3g} | {each['values'] / each['cpu'] / 1e6:.3g} "
                f"| {each['memory'] / 1e6:.0f} | {each['rounds']} |"
            )
    many = result["following"]
    lines += [
        "",
        f"## Following {many['runs']:,} runs of 10,000 events",
        "",
        "| one process | |",
        "|---|---|",
        f"| the first run is diagnosed after | {many['first']:.2f} s |",
        f"| all are read and diagnosed | {many['all_cpu']:.1f} s of CPU |",
        f"| a poll where nothing is new, of runs that were all written this minute | {1000 * many['idle']:.1f} ms of CPU |",
        f"| the same of runs that ended an hour ago, as the tab looks | {1000 * many['idle_old']:.1f} ms of CPU |",
        f"| a poll with one event more in each run, as the tab looks | {1000 * many['one_each_in_turn']:.0f} ms of CPU |",
        f"| the same, every run diagnosed anew | {1000 * many['one_each']:.0f} ms of CPU |",
        f"| a poll with a hundredth more in each run, as the tab looks | {1000 * many['hundredth_in_turn']:.0f} ms of CPU |",
        f"| the same, every run diagnosed anew | {1000 * many['hundredth']:.0f} ms of CPU |",
        *one(many, "large", "one run of {:,} events in fifty curves"),
        *one(many, "long", "one run of {:,} events in five curves, which tell a whole training"),
        "",
        "Medians of polls in a row. As the tab looks, each new event is held against the run's report: a run is diagnosed at once when it is looked at, has",
        "grown by a tenth, or by something of another kind (a value that is no number or far from those before it, a new tag, damage, its",
        f"end); else its report stands until its turn, {1000 * BUDGET:.0f} ms of diagnosing a look. So what is appended costs its reading, and diagnosing never more",
        "than that; with up to about fifteen live runs every report is of this moment, with a thousand each has its turn every few minutes. Where",
        "every run is diagnosed anew, a diagnosis takes the whole run into account and is as dear after one event as after a hundredth.",
        "",
    ]
    if "directory" in result:
        lines += directory(result["directory"], many["runs"])
    return "\n".join(lines)


def one(many: Mapping[str, Any], name: str, words: str) -> list[str]:
    """What a run took, and what a hundredth more did."""
    cold, again, alone = (many[f"{name}_{each}"] for each in ("cold", "again", "alone"))
    return [
        f"| {words.format(many['large'])}, read and diagnosed | {1000 * cold:.0f} ms of CPU |",
        f"| a run of a hundredth of these events | {1000 * alone:.1f} ms of CPU |",
        f"| the large run again with a hundredth more | {1000 * again:.1f} ms of CPU, {again / alone:.2f} times that, {again / cold:.1%} of all |",
    ]


def directory(found: Mapping[str, Any], runs: int) -> list[str]:
    """What the command took for the same runs."""
    return [
        f"## `lossdiag diagnose` on these {runs:,} runs, {found['cores']['count']} cores",
        "",
        "| | wall, s | CPU, s |",
        "|---|---|---|",
        *(f"| {name} | {each['wall']:.1f} | {each['cpu']:.1f} |" for name, each in found.items() if "wall" in each),
        "",
    ]
