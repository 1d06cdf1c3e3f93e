"""Train programs as people write them, diagnose them, and say how often that is right: `python -m benchmarks.programs --help`."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.progress import Progress, TimeRemainingColumn

from benchmarks.early import grown
from benchmarks.programs.page import page
from tb_lossdiag import diagnose
from tb_lossdiag.reader import Log
from tb_lossdiag.report import Report
from tb_lossdiag.tags import TRAIN_LOSS

HERE = Path(__file__).parent
RESULTS = HERE.parent / "programs.json"
BEGINNINGS = (0.03, 0.1, 0.2, 0.35, 0.5, 0.7, 0.85)  # shares of the steps
FEWEST = 20  # training losses, for a beginning to be one
PATIENCE = 600  # seconds for a program, which takes a minute at most on an idle machine
FORMS = {"faulty": ("faulty", "fixed"), "healthy": ("",)}


@dataclass(frozen=True, slots=True)
class Program:
    """One script in one form; `form` is "" where it has but one."""

    kind: str
    name: str
    form: str

    @property
    def log(self) -> str:
        return "/".join(filter(None, (self.kind, self.name, self.form)))


def labels(kind: str) -> dict[str, dict[str, Any]]:
    """What is known of each program of this kind, by name."""
    return json.loads((HERE / kind / "labels.json").read_text(encoding="utf-8"))


def programs() -> Iterator[Program]:
    for kind, forms in FORMS.items():
        for name in labels(kind):
            yield from (Program(kind, name, form) for form in forms)


def run(program: Program, folder: Path) -> str:
    """Run it and leave its log and what it printed in its folder; what went wrong, or ""."""
    place = folder / program.log
    place.mkdir(parents=True, exist_ok=True)
    script = HERE / program.kind / f"{program.name}.py"
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(HERE.parents[1])}
    arguments = [*filter(None, [program.form]), str(place / "log")]
    try:
        done = subprocess.run(  # noqa: S603  (our own scripts)
            [sys.executable, str(script), *arguments],
            env=environment,
            cwd=script.parent,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"took longer than {PATIENCE} seconds"
    (place / "printed.txt").write_text(done.stdout + done.stderr, encoding="utf-8")
    if done.returncode:
        return done.stderr.strip().rpartition("\n")[2]
    (place / "done").touch()
    return ""


def run_all(chosen: Sequence[Program], folder: Path, processes: int | None) -> dict[str, str]:
    """Run what has not been run yet, on all cores, and show how far it is; what failed, and why."""
    left = [each for each in chosen if not (folder / each.log / "done").exists()]
    failed: dict[str, str] = {}
    with (
        Progress(*Progress.get_default_columns()[:-1], TimeRemainingColumn()) as progress,
        ThreadPoolExecutor(processes or os.cpu_count()) as pool,
    ):
        bar = progress.add_task("programs", total=len(left))
        waiting = {pool.submit(run, each, folder): each for each in left}
        for done in as_completed(waiting):
            progress.advance(bar)
            if done.result():
                failed[waiting[done].log] = done.result()
    return failed


def said(program: Program, folder: Path) -> dict[str, Any]:
    """The verdict, and the findings in their order."""
    found = diagnose(folder / program.log / "log")
    report: Report = found[0] if isinstance(found, list) else found
    findings = [[each.cause, each.role, each.severity, round(each.confidence, 2)] for each in report.findings]
    return {"verdict": report.verdict.id, "findings": findings}


def scored(folder: Path, chosen: Sequence[Program], before: Mapping[str, Any]) -> dict[str, Any]:
    """What was said of each program, and the figures of each set; of programs that have not run what was said `before`, and how many these are."""
    answers = {each.log: said(each, folder) for each in chosen if (folder / each.log / "done").exists()}
    earlier = {each.log: before[each.log] for each in chosen if each.log not in answers and each.log in before}
    answers |= earlier
    known = [each for each in chosen if each.log in answers]
    sets = sorted({_set(each) for each in known}, key=int)
    figures = {name: _figures([each for each in known if _set(each) == name], answers) for name in sets}
    return {"figures": figures, "earlier": len(earlier), "said": {each.log: answers[each.log] for each in known}}


def young(folder: Path, chosen: Sequence[Program]) -> dict[str, Any]:
    """Alarms on the beginnings of sound trainings that the whole of them does not draw, by the share of the steps that was there to see."""
    found: dict[str, Any] = {"runs": 0, "alarms": dict.fromkeys(map(str, BEGINNINGS), 0), "said": []}
    for each in chosen:
        if each.form == "faulty" or not (folder / each.log / "done").exists():
            continue
        log = Log(folder / each.log / "log")
        log.poll()
        run = log.run()
        train = run.series.get(TRAIN_LOSS)
        if train is None or len(train) < FEWEST:
            continue
        found["runs"] += 1
        whole = set(_alarms(diagnose(run)))
        for share in BEGINNINGS:
            step = int(train.steps[-1] * share)
            alarms = [cause for cause in _alarms(diagnose(grown(run, step))) if cause not in whole]
            found["alarms"][str(share)] += bool(alarms)
            found["said"] += [f"{each.log} at step {step}: {cause}" for cause in alarms]
    return found


def _alarms(report: Report | list[Report]) -> list[str]:
    (one,) = report if isinstance(report, list) else (report,)
    return [each.cause for each in one.findings if each.severity != "info"]


def _set(program: Program) -> str:
    return str(labels(program.kind)[program.name]["set"])


def _figures(known: Sequence[Program], answers: dict[str, Any]) -> dict[str, Any]:
    faulty = [each for each in known if each.form == "faulty"]
    right = {each.log: _place(answers[each.log], labels("faulty")[each.name]["accept"]) for each in faulty}
    return {
        "faulty": len(faulty),
        "first": sum(place == 0 for place in right.values()),
        "first_and_loud": sum(right[each.log] == 0 and _loud(answers[each.log])[:1] == [0] for each in faulty),
        "among_three": sum(place is not None and place < 3 for place in right.values()),  # noqa: PLR2004
        **{
            kind: [
                sum(bool(_loud(answers[each.log])) for each in known if each.form == form),
                sum(each.form == form for each in known),
            ]
            for kind, form in (("mended", "fixed"), ("healthy", ""))
        },
    }


def _place(answer: dict[str, Any], accepted: Sequence[str]) -> int | None:
    """At which place the first accepted cause stands."""
    return next((i for i, each in enumerate(answer["findings"]) if each[0] in accepted), None)


def _loud(answer: dict[str, Any]) -> list[int]:
    """The places of errors and warnings."""
    return [i for i, each in enumerate(answer["findings"]) if each[2] != "info"]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.programs", description=__doc__)
    parser.add_argument(
        "--folder",
        type=Path,
        default=HERE.parent / ".programs",
        help="where logs are kept; what lies there is not run again",
    )
    parser.add_argument(
        "--only", metavar="TEXT", default="", help="only programs whose name holds this; nothing is written then"
    )
    parser.add_argument(
        "--only-run",
        action="store_true",
        help="run nothing: judge what has run so far; of the others stays what was said before",
    )
    parser.add_argument(
        "--young",
        action="store_true",
        help="run nothing: print what is said of the beginnings of the sound programs that have run, and of no more of them",
    )
    parser.add_argument("--processes", type=int, default=None, help="programs at a time (default: one for each core)")
    options = parser.parse_args()
    folder = options.folder.resolve()
    chosen = [each for each in programs() if options.only in each.name]
    if options.young:
        print(json.dumps(young(folder, chosen), indent=1))
        return 0
    failed = {} if options.only_run else run_all(chosen, folder, options.processes)
    for name, why in failed.items():
        sys.stderr.write(f"{name} failed: {why}\n")
    before = json.loads(RESULTS.read_text(encoding="utf-8"))["said"] if options.only_run else {}
    results = scored(folder, chosen, before)
    print(json.dumps(results["figures"], indent=2))
    if options.only:
        print(json.dumps(results["said"], indent=1))
    elif not failed:
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        RESULTS.with_suffix(".md").write_text(page(results, {kind: labels(kind) for kind in FORMS}), encoding="utf-8")
        print(f"wrote {RESULTS} and the page beside it")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
