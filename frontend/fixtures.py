# ruff: noqa: INP001  (a script, not a package)
"""Write `fixtures/*.json`: what the server answers, made from live Python objects, for the page's tests and `npm run dev`.

    python frontend/fixtures.py            write them
    python frontend/fixtures.py --check    exit 1 where one is stale

They hold what real runs seldom show together: all six kinds of evidence, NaN and infinities, HTML in names.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

from tb_lossdiag import wire
from tb_lossdiag.comparison import CauseRow, Comparison, Difference, EvidenceRow, FigureRow
from tb_lossdiag.evidence import Bars, Curve, Fact, Heatmap, Histogram, Line, Mark, Table
from tb_lossdiag.finding import Remedy
from tb_lossdiag.overview import Clock
from tb_lossdiag.ranking import Ranked, Rival, Undecided
from tb_lossdiag.report import NotChecked, Report, Resolution
from tb_lossdiag.series import Series, series
from tb_lossdiag.verdict import Verdict

FOLDER = Path(__file__).parent / "fixtures"
TOOL = "tb_lossdiag 0.1.0"
EVIL = '<img src=x onerror="alert(1)">'
LAYERS = ("conv1", "conv2", "conv3", "fc1", "fc2")
UPDATED = 1_700_000_000.0
STEPS = tuple(range(0, 400, 4))


def falling(start: float, end: float, *, pace: float = 80.0, noise: float = 0.03, phase: float = 0.0) -> Series:
    """A loss that falls from `start` to `end` with a repeatable ripple, the same on every machine."""
    values = [
        round(end + (start - end) * math.exp(-step / pace) * (1 + noise * math.sin(1.7 * step + phase)), 5)
        for step in STEPS
    ]
    return series(*values, steps=STEPS)


def exploding() -> Series:
    """A loss that rises until it is infinite, then NaN."""
    values = [round(2.3 * 1.035 ** max(0, step - 40) + 0.2 * math.sin(step), 5) for step in STEPS[:70]]
    return series(*values, math.inf, *[math.nan] * 29, steps=STEPS)


def too_high() -> Report:
    """The first run: diverging, one root with a chain of two, one contributing cause."""
    loss = exploding()
    norms = series(*[round(0.8 * 1.03**i, 4) for i in range(70)], *[math.nan] * 30, steps=STEPS)
    ratio = series(*[round(0.04 * 1.02**i, 5) for i in range(70)], *[math.nan] * 30, steps=STEPS)
    root = Ranked(
        cause="learning-rate-too-high",
        title="Learning rate too high",
        stage="train",
        role="root",
        confidence=0.97,
        severity="error",
        since=40,
        where=("fc1", "fc2"),
        summary="Each step changes the weights by 8.1% of their size, about 12 times more than they can take.",
        explains=("exploding-gradient", "non-finite-values"),
        evidence=(
            Curve(
                "Update ratio",
                (
                    Line("all layers", "observed", ratio),
                    Line("healthy", "reference", series(0.003, 0.003, steps=(0, 396))),
                ),
                "ratio",
                (Mark("level", "too large above", 0.01), Mark("step", "loss rises", 40)),
                "log",
            ),
            Fact("Learning rate", 0.3, "learning rate", 0.025, "the largest at which this loss would still fall"),
            Bars("Update ratio by layer", LAYERS, (0.02, 0.03, 0.05, 0.11, 0.081), "ratio", 0.01, "log"),
        ),
        remedies=(
            Remedy(
                "Divide the learning rate by 12",
                "optimizer = torch.optim.SGD(model.parameters(), lr=0.025)",
                "The loss falls from the first steps on and the update ratio stays near 0.003.",
            ),
            Remedy("Warm up over the first 200 steps"),
        ),
        factor=12.0,
        wrong_when="A single *spike* is a bad batch.\n\nLook at `lr` first.",
        rivals=(
            Rival("bad-initialization", "Bad initialisation", "found", 0.61),
            Rival("broken-input", "Broken input", "unchecked", needs=("input_spread",)),
            Rival("gradient-not-reset", "Gradients are never reset", "clear"),
        ),
    )
    gradient = Ranked(
        cause="exploding-gradient",
        title="Exploding gradient",
        stage="train",
        role="consequence",
        confidence=0.91,
        severity="error",
        since=96,
        where=("fc2",),
        summary="The gradient norm grew 7-fold in 270 steps, from fc2 on.",
        explains=("non-finite-values",),
        evidence=(
            Curve("Gradient norm", (Line("all parameters", "observed", norms),), "norm", (), "log"),
            Heatmap(
                "Gradient by layer",
                LAYERS,
                STEPS[::5],
                [[*(round(0.1 * row * 1.15**i, 4) for i in range(14)), *[math.nan] * 6] for row in range(1, 6)],
                "norm",
                "log",
            ),
        ),
        remedies=(Remedy("Clip the gradient", "torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)"),),
    )
    broken = Ranked(
        cause="non-finite-values",
        title="Non-finite values",
        stage="train",
        role="consequence",
        confidence=0.99,
        severity="error",
        since=280,
        where=("fc2",),
        summary="The loss became infinite at step 280, first in fc2.",
        explains=(),
        evidence=(
            Table(
                "First non-finite values",
                ("where", "step", "value", "loss before"),
                (("fc2.weight", 280, math.inf, 8.9e3), (f"fc1 {EVIL}", 284, math.nan, 9.1e3)),
            ),
        ),
        remedies=(),
    )
    inputs = Ranked(
        cause="unnormalized-input",
        title="Unnormalised input",
        stage="setup",
        role="contributing",
        confidence=0.58,
        severity="warning",
        since=None,
        where=("pixel 3",),
        summary="The largest feature is 210 times as wide as the smallest.",
        explains=(),
        evidence=(
            Histogram(
                "Standard deviation of the features",
                [round(10 ** (-1 + 0.25 * i), 4) for i in range(13)],
                (1, 4, 9, 14, 11, 6, 3, 2, 1, 1, 0, 2),
                "value",
                (Mark("level", "unit scale", 1.0),),
            ),
        ),
        remedies=(Remedy("Standardise each feature", "x = (x - mean) / std"),),
    )
    return Report(
        run="lr-too-high",
        verdict=Verdict(
            "diverging", 0.97, (40, 280), "The training loss rises from 2.3 at step 40 to infinity at step 280."
        ),
        headline="The learning rate is about 12 times too high: the loss has risen since step 40.",
        findings=(root, gradient, broken, inputs),
        undecided=(),
        checked=("dead-units", "vanishing-gradient", "learning-rate-too-low"),
        not_checked=(NotChecked("overfitting", ("val_loss",), 'with writer.evaluating("val"): loss_fn(model(x), y)'),),
        resolution=Resolution(100, sampled=False),
        warnings=("4,096 damaged bytes were skipped in one event file.",),
        losses=Curve(
            "Loss",
            (Line("train", "observed", loss), Line("val", "observed", falling(2.4, 2.2))),
            "loss",
            (
                Mark("stretch", "diverging", 40, 280),
                Mark("level", "blind guess", 2.303),
                Mark("step", "best val loss", 380),
                Mark("step", "learning rate 0.3 → 0.03", 300),
            ),
            "log",
        ),
        schedule=Curve(
            "Learning rate",
            (Line("learning rate", "observed", series(*[0.3] * 75, *[0.03] * 25, steps=STEPS)),),
            "learning rate",
        ),
        clock=Clock((0, 200, 396), (0.0, 90.0, 7300.0), 50.0),
        layers=(layer_map("Gradient by layer (root mean square)", "norm"), layer_map("Dead units by layer", "share")),
        figures={"train loss": math.nan, "val loss": 2.21, "best val loss": 2.2, "step of best val loss": 380.0},
        settings={"optimizer": "SGD", "learning rate": 0.3, "batch size": 32, "momentum": 0.9, "model": EVIL},
        sources={"loss/train": "loss/train", "loss/val": "loss/val"},
        updated=UPDATED,
    )


def layer_map(title: str, unit: str) -> Heatmap:
    """A heat map of the layers; shares lie between 0 and 1."""
    share = unit == "share"
    values = [
        [round(min(1.0, 0.02 * row * i) if share else 0.01 * 1.3**row * (1 + 0.1 * i), 4) for i in range(40)]
        for row in range(len(LAYERS))
    ]
    return Heatmap(
        title, LAYERS, tuple(range(0, 400, 10)), values, "share" if share else "norm", "linear" if share else "log"
    )


def healthy() -> Report:
    """The second run: nothing found."""
    return Report(
        run="healthy",
        verdict=Verdict("learning", 0.94, (0, 396), "Training and validation loss still fall."),
        headline="Still learning: validation loss 0.31 and falling.",
        findings=(),
        undecided=(),
        checked=("learning-rate-too-high", "learning-rate-too-low", "vanishing-gradient", "dead-units", "overfitting"),
        not_checked=(),
        resolution=Resolution(100, sampled=False),
        warnings=(),
        losses=Curve(
            "Loss",
            (Line("train", "observed", falling(2.3, 0.22)), Line("val", "observed", falling(2.35, 0.31, phase=1.0))),
            "loss",
            (Mark("stretch", "learning", 0, 396), Mark("level", "blind guess", 2.303)),
        ),
        layers=(layer_map("Gradient by layer (root mean square)", "norm"),),
        figures={"train loss": 0.2361, "val loss": 0.3142, "best val loss": 0.3101, "step of best val loss": 384.0},
        settings={"optimizer": "SGD", "learning rate": 0.025, "batch size": 32, "momentum": 0.9, "model": EVIL},
        sources={"loss/train": "loss/train", "loss/val": "loss/val"},
        updated=UPDATED + 600,
    )


def plain_logs() -> Report:
    """The third run: scalars of another framework only, so most cannot be told. Its name holds HTML."""
    return Report(
        run=f"plain {EVIL}",
        verdict=Verdict("stuck", 0.81, (60, 396), "The training loss has stayed at 2.3 since step 60."),
        headline="The loss has been stuck at 2.3 since step 60; what was logged does not tell why.",
        findings=(),
        undecided=(
            Undecided(
                ("learning-rate-too-low", "vanishing-gradient"),
                ("layer_gradients", "update_ratio"),
                "writer = DiagWriter(logdir); writer.watch(model, optimizer, loss_fn)",
            ),
        ),
        checked=("non-finite-values",),
        not_checked=(
            NotChecked("dead-units", ("dead_share",), "writer.watch(model, optimizer, loss_fn)"),
            NotChecked("vanishing-gradient", ("layer_gradients",), "writer.watch(model, optimizer, loss_fn)"),
        ),
        resolution=Resolution(1000, sampled=True),
        warnings=(),
        losses=Curve(
            "Loss",
            (Line("train", "observed", falling(2.31, 2.3, noise=0.5)),),
            "loss",
            (Mark("stretch", "stuck", 60, 396),),
        ),
        figures={"train loss": 2.3},
        settings={"learning rate": 1e-05},
        sources={"loss/train": "train/loss"},
        updated=UPDATED - 86_400,
    )


def entry(report: Report, revision: int) -> wire.RunEntry:
    """A report's line in the list of runs."""
    causes = [wire.RootCause(each.cause, each.title, each.confidence, each.severity) for each in report.findings]
    roots = [brief for brief, each in zip(causes, report.findings, strict=True) if each.role != "consequence"]
    spark = report.losses.lines[0].series.values[::2].tolist() if report.losses else ()
    return wire.RunEntry(
        run=report.run,
        status="ready",
        revision=revision,
        verdict=report.verdict,
        headline=report.headline,
        root=causes[0] if causes else None,
        causes=roots,
        figures=report.figures,
        settings=report.settings,
        spark=spark,
        updated=report.updated,
    )


def comparison(before: Report, after: Report) -> Comparison:
    """The first run against the second."""
    ratio = before.findings[0].evidence[0]
    calm = series(*[0.003] * len(STEPS), steps=STEPS)
    return Comparison(
        runs=(before.run, after.run),
        summary="healthy fixed the learning rate: validation loss 0.31 instead of 2.21.",
        verdicts=(before.verdict.id, after.verdict.id),
        headlines=(before.headline, after.headline),
        causes=tuple(
            CauseRow(each.cause, each.title, (each.confidence, None), (each.role, None)) for each in before.findings
        ),
        differences=(Difference("learning rate", (0.3, 0.025)), Difference("weight decay", (None, 0.01))),
        same={"optimizer": "SGD", "batch size": 32, "momentum": 0.9},
        figures=(
            FigureRow("val loss", (2.21, 0.3142), (0.0, -1.8958)),
            FigureRow("train loss", (math.nan, 0.2361), (0.0, math.nan)),
            FigureRow("best val loss", (None, 0.3101), (None, None)),
        ),
        curves=(
            Curve(
                "Training loss",
                (Line(before.run, "observed", exploding()), Line(after.run, "observed", falling(2.3, 0.22))),
                "loss",
                (),
                "log",
            ),
        ),
        evidence=(
            EvidenceRow(
                "Update ratio",
                (ratio, Curve("Update ratio", (Line("all layers", "observed", calm),), "ratio", (), "log")),
            ),
            EvidenceRow("Update ratio by layer", (before.findings[0].evidence[2], None)),
        ),
        parting=44,
    )


def cause() -> wire.CauseDocument:
    """A page of the catalogue, as the server sends it."""
    return wire.CauseDocument(
        id="learning-rate-too-high",
        title="Learning rate too high",
        cause="The steps are so large that they overshoot.",
        stage="train",
        severity="error",
        needs=("update_ratio", "train_loss"),
        welcome=("lr",),
        explains=("exploding-gradient", "non-finite-values"),
        remedies=(Remedy("Divide the learning rate by 3 to 10", "lr = lr / 10", "The loss falls."),),
        markdown="# Learning rate too high\n\n## What you see\n\nThe loss jumps, rises or becomes NaN.\n",
        html="<h1>Learning rate too high</h1><h2>What you see</h2><p>The loss jumps, rises or becomes <code>NaN</code>.</p>",
    )


def fixtures() -> dict[str, str]:
    """The text of each fixture by file name."""
    reports = (too_high(), healthy(), plain_logs())
    entries = [entry(each, revision=i) for i, each in enumerate(reports)]
    unread = wire.RunEntry(run="still-reading", status="reading", revision=0)
    failed = wire.RunEntry(run="unreadable", status="failed", revision=0, message="Permission denied: ask its owner.")
    documents: dict[str, object] = {
        "runs": wire.RunsDocument([*entries, unread, failed], logdir="runs", tool=TOOL),
        "report": wire.ReportDocument(reports[:1], revision=3, tool=TOOL),
        "layers": wire.LayersDocument(reports[0].layers, revision=3, tool=TOOL),
        "healthy": wire.ReportDocument(reports[1:2], revision=1, tool=TOOL),
        "plain": wire.ReportDocument(reports[2:], revision=1, tool=TOOL),
        "compare": wire.ComparisonDocument(comparison(reports[0], reports[1]), tool=TOOL),
        "cause": cause(),
        "empty": wire.RunsDocument((), logdir="runs", message="No event files below runs yet.", tool=TOOL),
        "error": wire.ErrorDocument("No run is called nowhere."),
    }
    return {f"{name}.json": wire.dumps(document, indent=1) + "\n" for name, document in documents.items()}


def main() -> int:
    """Write the files, or with `--check` only say which are stale."""
    stale = []
    for name, text in fixtures().items():
        path = FOLDER / name
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in sys.argv[1:]:
            FOLDER.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if stale and "--check" in sys.argv[1:]:
        sys.stderr.write(f"frontend/fixtures is stale ({', '.join(stale)}): run `python frontend/fixtures.py`\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
