"""Reports written down by hand, for the tests of what is done with them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from tb_lossdiag.evidence import Bars, Curve, Evidence, Fact, Heatmap, Histogram, Line, Mark, Table
from tb_lossdiag.finding import Remedy, Severity
from tb_lossdiag.ranking import Ranked, Role, Undecided
from tb_lossdiag.report import NotChecked, Report, Resolution
from tb_lossdiag.series import series
from tb_lossdiag.verdict import Verdict, VerdictId

BARS = Bars("Update ratio by layer", ["fc1"], [0.12], "ratio", 0.1)
HOSTILE = "<b>odd</b> [red]run[/red] </script><script>alert(1)</script> \x1b[31m|`*_ \u202e\udcff"
"""A name that no terminal, page, table or script may obey."""


def finding(
    cause: str = "learning-rate-too-high",
    *,
    role: Role = "root",
    severity: Severity = "error",
    since: int | None = None,
    evidence: Sequence[Evidence] = (BARS,),
) -> Ranked:
    title = cause.replace("-", " ").capitalize()
    return Ranked(
        cause, title, "train", role, 0.9, severity, since, ["fc1"], f"There is {title}.", [], evidence, []
    )  # fmt: skip


def report(  # noqa: PLR0913  (what differs between runs is named)
    run: str,
    *findings: Ranked,
    verdict: VerdictId = "learning",
    checked: Sequence[str] = (),
    settings: Mapping[str, str | float] | None = None,
    figures: Mapping[str, float] | None = None,
    layers: Sequence[Heatmap] = (),
    **losses: Sequence[float],
) -> Report:
    lines = [Line(name, "observed", series(*values)) for name, values in losses.items()]
    return Report(
        run=run,
        verdict=Verdict(verdict, 0.9, (0, 10), "So it goes."),
        headline=f"About {run}.",
        findings=findings,
        undecided=[],
        checked=checked,
        not_checked=[],
        resolution=Resolution(10, sampled=False),
        warnings=[],
        losses=Curve("Loss", lines, "loss") if lines else None,
        layers=layers,
        figures=figures or {},
        settings=settings or {},
    )


def sick(run: str = "lr-too-high") -> Report:
    """A run with a root cause, its consequence, and every kind of evidence."""
    losses = [2.3, 2.1, 4.0, 9.0, 40.0, 80.0, math.nan, math.nan]
    train, val = series(*losses), series(2.3, 5.0, 60.0, steps=[0, 3, 5])
    limit = Mark("level", "prior", 2.3)
    root = Ranked(
        cause="learning-rate-too-high",
        title="Learning rate too high",
        stage="train",
        role="root",
        confidence=0.93,
        severity="error",
        since=2,
        where=["fc1.weight", "fc2.weight"],
        summary="The learning rate is about 12 times too high: the loss has risen since step 2.",
        explains=["exploding-gradient"],
        evidence=[
            Bars("Update ratio by layer", ["fc1.weight", "fc2.weight"], [0.12, 0.031], "ratio", 0.01, "log"),
            Fact("Largest rise", 0.98, "share", 0.1, "of the first loss"),
            Histogram("Updates", [0.0, 0.5, 1.0], [3.0, 5.0], "value", [limit]),
            Table("Steps", ["step", "loss"], [[2, 4.0], ["last", math.nan]]),
        ],
        remedies=[
            Remedy(
                "Lower lr from 0.1 to about 0.008", "optimizer = SGD(model.parameters(), lr=0.008)", "The loss falls."
            ),
            Remedy("Warm the learning rate up"),
        ],
        factor=12.0,
    )
    consequence = Ranked(
        cause="exploding-gradient",
        title="Exploding gradient",
        stage="train",
        role="consequence",
        confidence=0.81,
        severity="warning",
        since=3,
        where=["fc2.weight"],
        summary="The gradient norm has grown 400 times.",
        explains=[],
        evidence=[Curve("Gradient norm", [Line("norm", "observed", series(1.0, 20.0, 400.0))], "norm", [], "log")],
        remedies=[Remedy("Clip gradients")],
    )
    return Report(
        run=run,
        verdict=Verdict("diverging", 0.97, (0, 7), "The loss rises."),
        headline=root.summary,
        findings=[root, consequence],
        undecided=[Undecided(["dead-units", "bad-initialization"], ["dead_share"], "writer.watch(model, optimizer)")],
        checked=["overfitting"],
        not_checked=[
            NotChecked("dead-units", ["dead_share"], "writer.watch(model, optimizer)"),
            NotChecked("unnormalized-input", ["input_scale"], "writer.watch(model)"),
            NotChecked("saturated-units", ["saturated_share"], "writer.watch(model)"),
        ],
        resolution=Resolution(8, sampled=False),
        warnings=["12 damaged bytes were skipped."],
        losses=Curve("Loss", [Line("train", "observed", train), Line("val", "observed", val)], "loss", [limit]),
        layers=[
            Heatmap("Gradient by layer", ["fc1", "fc2"], [0, 1], [[1.0, math.inf], [0.1, math.nan]], "norm", "log")
        ],
        figures={"train loss": math.nan, "val loss": 60.0},
        settings={"optimizer": "SGD", "lr": 0.1},
        sources={"train": "loss/train"},
        updated=1.7e9,
    )


def cured(run: str = "lr-fixed") -> Report:
    """The same training with the learning rate put right: nothing is wrong with it."""
    lines = [
        Line("train", "observed", series(2.3, 1.6, 1.1, 0.8, 0.6, 0.5, 0.42, 0.4)),
        Line("val", "observed", series(2.3, 0.9, 0.45, steps=[0, 3, 5])),
    ]
    return Report(
        run=run,
        verdict=Verdict("learning", 0.9, (0, 7), "The loss still falls."),
        headline="Nothing is wrong. The loss still falls.",
        findings=[],
        undecided=[],
        checked=["exploding-gradient", "learning-rate-too-high", "overfitting"],
        not_checked=[],
        resolution=Resolution(8, sampled=False),
        warnings=[],
        losses=Curve("Loss", lines, "loss"),
        figures={"train loss": 0.4, "val loss": 0.45},
        settings={"optimizer": "SGD", "lr": 0.008},
        updated=1.7e9,
    )
