"""The results as a page in Markdown: `benchmarks/page/README.md` is made here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["page"]


def page(results: Mapping[str, Any]) -> str:
    """The whole page."""
    about = results["about"]
    rows = [
        (f"the list of {results['runs']:,} runs that are already read, in the tab", "first_content_ms", "≤ 1,000 ms"),
        ("the same, from the navigation to TensorBoard itself", "first_content_with_tensorboard_ms", "–"),
        (
            f"click to the drawn report of {results['layers']} layers and {results['steps']:,} steps",
            "click_to_report_ms",
            "≤ 150 ms",
        ),
        ("unfolding its layers to their drawn heat maps", "layers_unfolded_ms", "–"),
        (f"one frame while {results['many']:,} runs are scrolled", "scroll_frame_ms", "–"),
        (f"a word typed into the filter of {results['many']:,} runs", "filter_typed_ms", "–"),
    ]
    table = "\n".join(
        f"| {what} | {results[key]['median']:,} ms | {results[key]['low']:,} to {results[key]['high']:,} ms | {goal} |"
        for what, key, goal in rows
    )
    return f"""# The page's speed

`python -m benchmarks.page` measured this: TensorBoard {about["tensorboard"]}, headless Chromium {about["chromium"]} without a GPU, Python {about["python"]},
{about["processors"]} processors at a load of {about["load"]}. Medians and quartiles of {results["repeats"]} repeats, each in a fresh browser profile.

| what | median | quartiles | goal |
|---|---|---|---|
{table}

Scrolling {results["many"]:,} runs to the end and back, {results["repeats"]} times: {results["scroll_long_tasks"]} tasks over 50 ms, the longest {results["scroll_longest_task_ms"]:.0f} ms (goal: none). By processor time,
which a machine that does other things does not lengthen: {results["scroll_busy_long_tasks"]} tasks over 50 ms, the longest {results["scroll_busiest_task_ms"]:.0f} ms.
The built page, compressed: {results["size_kb"]} kB (goal: at most 150 kB).
"""
