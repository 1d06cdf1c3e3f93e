"""The lines of `SummaryWriter.add_scalars`, which torch writes as a run each: back into the run that they were logged beside.

`add_scalars("Loss", {"train": a, "val": b})` in `runs/x` makes the runs `x/Loss_train` and `x/Loss_val`, each with the tag
`Loss`. Names alone tell which runs may be lines (`lines`), their one tag whether they are (`with_lines`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from tb_lossdiag.reader.assemble import named
from tb_lossdiag.reader.names import SPLIT_WORDS, metrics, speaks_of_loss, split_of, words
from tb_lossdiag.series import Run, Series
from tb_lossdiag.tags import PLUS

__all__ = ["lines", "raw_series", "with_lines"]

MOST = 24  # lines of one run: more of its children are runs of their own, beside a stray event file
BETWEEN = frozenset({"vs", "versus", "and"})


def lines(names: Iterable[str]) -> dict[str, list[str]]:
    """Run -> the runs just below it whose names look like lines of its charts."""
    known = set(names)
    found: dict[str, list[str]] = {}
    for name in sorted(known):
        parent, _, last = name.rpartition("/")
        parent = parent or "."
        if name != "." and parent in known and "_" in last and (split_of(last) is not None or speaks_of_loss(last)):
            found.setdefault(parent, []).append(name)
    return {parent: each for parent, each in found.items() if len(each) <= MOST}


def with_lines(run: Run, others: Sequence[Run]) -> tuple[Run, set[str]]:
    """`run` with the curves of those `others` that are lines of its charts, and the names of these."""
    added: dict[str, Series] = {}
    cleaned: dict[str, str] = {}
    taken: set[str] = set()
    for other in others:
        tag = _line(other)
        if tag is None:
            continue
        (curve,) = other.series.values()
        added[_clean(tag)], cleaned[_clean(tag)] = curve, tag
        taken.add(other.name)
    if not taken:
        return run, set()
    series, sources = named({**added, **raw_series(run)})
    updated = max((each.updated for each in (run, *others) if each.updated is not None), default=None)
    sources = {role: cleaned.get(tag, tag) for role, tag in sources.items()}
    return replace(
        run,
        series={cleaned.get(name, name): each for name, each in series.items()},
        sources=sources,
        metrics=metrics(tag for tag in series if tag not in sources),
        warnings=[*run.warnings, *(each for other in others if other.name in taken for each in other.warnings)],
        updated=updated,
    ), taken


def raw_series(run: Run) -> dict[str, Series]:
    """A run's series under the tags of the log. A sum of several tags is left out: its parts are there."""
    return {
        tag: each
        for name, each in run.series.items()
        if PLUS not in (tag := run.sources.get(name, name)) or name not in run.sources
    }


def _line(run: Run) -> str | None:
    """`Loss/train` for the run `x/Loss_train` that holds the tag `Loss` alone; None for any other run."""
    if len(run.series) != 1 or run.packed or run.facts:
        return None
    (name,) = run.series
    tag = run.sources.get(name, name)
    _, _, last = run.name.rpartition("/")
    begin = tag.replace("/", "_") + "_"
    return f"{tag}/{last.removeprefix(begin)}" if last.startswith(begin) and last != begin else None


def _clean(line: str) -> str:
    """A chart's name that speaks of several splits (`Training vs. Validation Loss/Training`) says nothing of its lines' split."""
    tag, _, key = line.rpartition("/")
    spoken = [split for split in SPLIT_WORDS.values() if split.intersection(words(tag))]
    if len(spoken) < 2:  # noqa: PLR2004
        return line
    rest = [word for word in words(tag) if not any(word in split for split in spoken) and word not in BETWEEN]
    return f"{' '.join(rest)}/{key}"
