"""Inject faults into real trainings, diagnose them, and write what came of it: `python -m benchmarks.faults --help`."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.faults.calibrate import fitted, knots, left_one_out
from benchmarks.faults.diagnoses import Tried, read, tried
from benchmarks.faults.harm import HURTS
from benchmarks.faults.page import figures, page
from benchmarks.faults.score import held_out, score, stated
from benchmarks.faults.trials import all_trials, train_all
from tb_lossdiag.series import Run
from tb_lossdiag.tags import LR, TRAIN_LOSS, VAL_LOSS

HERE = Path(__file__).parent.parent
FIGURES = re.compile(r"(?<=<!-- figures -->).*(?=<!-- /figures -->)", re.DOTALL)
FEWER, MORE = 0.15, 0.08  # by how much a quick look may be worse than the committed results: two standard errors
CURVES = {
    "train": TRAIN_LOSS, "val": VAL_LOSS, "lr": LR, "grad_norm": "diag/grad_norm", "update_ratio": "diag/update_ratio",
    "accuracy_val": "accuracy/val",
}  # fmt: skip


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    size = found.add_mutually_exclusive_group(required=True)
    size.add_argument(
        "--quick",
        action="store_true",
        help="one trial in sixty-four of the cheaper bases, a few minutes; fails where figures are far below the committed ones",
    )
    size.add_argument(
        "--full",
        action="store_true",
        help="every fault in every base, about two hours on two cores; writes results and page",
    )
    found.add_argument(
        "--every-seed",
        action="store_true",
        help="put each fault into each base under each of three seeds (by default the seeds take turns): six hours",
    )
    found.add_argument(
        "--folder",
        type=Path,
        default=Path("benchmarks/.runs"),
        help="where trainings are kept; what lies there is not trained again",
    )
    found.add_argument("--processes", type=int, default=None, help="trainings at a time (default: one for each core)")
    found.add_argument("--only-trained", action="store_true", help="train nothing: judge what has been trained so far")
    found.add_argument(
        "--peers",
        metavar="PYTHON",
        help="a Python that has the peers installed (see peers.py); else their last results stay",
    )
    return found


def main() -> int:
    options = parser().parse_args()
    trials = all_trials(every_seed=options.every_seed, quick=options.quick)
    options.folder.mkdir(parents=True, exist_ok=True)
    since = time.time()
    if not options.only_trained:
        for _ in train_all(trials, options.folder, options.processes):
            pass
    done = tried(trials, options.folder, options.processes)
    failed = [each for each in done if each.error is not None]
    for each in failed:
        sys.stderr.write(f"could not be trained: {each.trial}\n{each.error}\n")
    kept = HERE / "results.json"
    before = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    peers = _peers(done, options.folder, options.peers) if options.peers else before.get("peers", {})
    results = _results(done, len(trials), time.time() - since, peers)
    print(json.dumps(results["summary"], indent=2))
    if options.quick:
        return 1 if failed or _worse(results["summary"], before.get("summary", {})) else 0
    if options.full:
        kept.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        (HERE / "README.md").write_text(page(results), encoding="utf-8")
        readme = HERE.parent / "README.md"
        text = readme.read_text(encoding="utf-8")
        readme.write_text(FIGURES.sub(lambda _: "\n" + figures(results) + "\n", text), encoding="utf-8")
        print(f"wrote {kept}, the page beside it, and the table in README.md")
    return 1 if failed else 0


def _worse(now: dict[str, float | None], committed: dict[str, float | None]) -> bool:
    """Whether a quick look shows figures that chance does not explain: it holds a fraction of the runs."""
    missed = (committed.get("root") or 0.0) - (now["root"] or 0.0)
    alarms = (now["false_alarms"] or 0.0) - (committed.get("false_alarms") or 0.0)
    for name, amount, room in (
        ("injected causes found first", missed, FEWER),
        ("healthy runs with an alarm", alarms, MORE),
    ):
        if amount > room:
            sys.stderr.write(f"{name}: {amount:.0%} worse than the committed results\n")
    return missed > FEWER or alarms > MORE


def _results(done: list[Tried], planned: int, seconds: float, peers: dict[str, Any]) -> dict[str, Any]:
    """Everything that the page shows; `summary` is of families and tasks that no threshold was set on."""
    tuned, unseen = [each for each in done if not held_out(each)], [each for each in done if held_out(each)]
    pairs = [pair for each in tuned for pair in stated(each)]
    curve = fitted(pairs)
    halves = {"unseen": score(unseen, curve), "tuned": score(tuned, curve)}
    return {
        "summary": halves["unseen"].figures,
        "planned": planned,
        "trained": len(done),
        "minutes": round(seconds / 60, 1),
        "milliseconds": round(1000 * float(np.median([each.seconds for each in done if each.error is None])), 1),
        "knots": knots(pairs),  # to be put into tb_lossdiag/calibration.py
        "left_out": {
            "family": left_one_out(done, 0),
            "task": left_one_out(done, 1),
            "figures": {
                name: score([each for each in done if name in each.trial.base.split("/")], curve).figures
                for name in sorted({part for each in done if "/" in each.trial.base for part in each.trial.base.split("/")})
            },
        },
        **{
            name: {
                "figures": half.figures, "loud": half.loud, "counts": half.counts, "causes": half.causes, "variants": half.variants,
                "alarms": half.alarms, "calibration": half.calibration, "views": half.views,
            }
            for name, half in halves.items()
        },
        "peers": peers,
    }  # fmt: skip


def _peers(done: list[Tried], folder: Path, python: str) -> dict[str, Any]:
    """Give every run's curves to the peers, in their own environment, and score what they say."""
    from benchmarks.faults.peers import PEERS  # noqa: PLC0415

    curves, said = folder / "curves", folder / "peers.json"
    curves.mkdir(exist_ok=True)
    counted = [
        each for each in done if each.error is None and held_out(each) and (not each.trial.fault or each.harm >= HURTS)
    ]
    for each in counted:
        text = json.dumps(_curves(read(folder / each.trial.key)))
        (curves / f"{each.trial.key}.json").write_text(text, encoding="utf-8")
    command = [python, "-I", str(Path(__file__).parent / "peers.py"), str(curves), str(said)]
    subprocess.run(command, check=True)  # noqa: S603  (the user names it)
    answers = json.loads(said.read_text(encoding="utf-8"))
    return {
        name: {"version": peer.version, "given": peer.given, **_scored(counted, answers[name])}
        for name, peer in PEERS.items()
    }


def _scored(trials: list[Tried], answers: dict[str, Any]) -> dict[str, Any]:
    faults = [each for each in trials if each.trial.fault]
    healthy = [each for each in trials if not each.trial.fault]

    def causes(each: Tried) -> list[str]:
        return answers.get(each.trial.key, {}).get("causes", [])

    return {
        "root": float(np.mean([causes(each)[:1] == [each.trial.cause] for each in faults])),
        "top3": float(np.mean([each.trial.cause in causes(each)[:3] for each in faults])),
        "false_alarms": float(np.mean([bool(answers.get(each.trial.key, {}).get("alarms")) for each in healthy])),
        "failed": sum(bool(answers.get(each.trial.key, {}).get("error")) for each in trials),
    }


def _curves(run: Run) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, tag in CURVES.items():
        each = run.series.get(tag)
        found[name] = None if each is None else [each.steps.tolist(), [_number(value) for value in each.values]]
    return found


def _number(value: float) -> float | str:
    if np.isfinite(value):
        return float(value)
    return "NaN" if np.isnan(value) else "Infinity" if value > 0 else "-Infinity"


if __name__ == "__main__":
    sys.exit(main())
