"""What other tools say of the same runs: `python benchmarks/faults/peers.py --python PEERS_PYTHON CURVES_DIR OUT.json`.

The tools live in an environment of their own, made with `pip install` and `REQUIREMENTS`, whose interpreter is
PEERS_PYTHON. CURVES_DIR holds one `<run>.json` a run: the fields of `Curves`, each `[steps, values]` or null, with what is
not finite as "NaN", "Infinity" or "-Infinity". OUT.json becomes `{peer: {run: {"alarms", "causes", "error"}}}`.

All four install and run from Python. Each is asked in its most favourable documented mode, which `Peer.given` names; no
threshold is changed, but where a tool's own manual uses another than its default.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import json
import math
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from importlib import import_module, metadata
from pathlib import Path
from types import FrameType

import numpy as np
from numpy.typing import NDArray

__all__ = ["PEERS", "REQUIREMENTS", "Curves", "Peer", "Said", "ask_all", "read_curves"]

REQUIREMENTS = (
    "runmedic==0.1.1",
    "gradsnitch==0.1.0",
    "traintools==0.6.2",
    "losslint==0.4.1",
    "numpy",  # gradsnitch; the extras losslint[fast] and traintools[full]
    "pandas",  # gradsnitch
    "scipy",  # traintools[full]: without it TrainGuard draws a straight line
    "torch==2.13.0",  # traintools; a build for CPUs will do
)
PATIENCE = 300  # steps without progress until TrainGuard says stop: its manual's example; the default outlasts our runs
SETTLING = 5  # steps whose relative updates traintools is not told: the first are large with Adam, small with a warm-up
SECONDS = 20.0  # that a tool may take for a run

# How the tables below were made: by reading each tool's source for every finding that it can make of these curves, and
# taking what it writes there as the cause, and where it names none then as the advice, word by word and in its order, for
# whatever causes of ours the words could mean. Generous in two ways: "bad batch" counts as broken input, "unstable" as an
# exploding gradient and so on, though none of them points at anything; and a symptom with one usual cause (a diverging
# loss: a learning rate too high) counts as having named it. A finding that is a cause of ours by itself (an overfitted, a
# non-finite, an exploding run) asserts that too, after what it gives as the reasons.

RUNMEDIC_TEXTS: Mapping[str, tuple[str, ...]] = {  # a part of each text under "Likely causes"
    "LR schedule never stops increasing": ("learning-rate-too-high", "learning-rate-not-decayed"),
    "NaN from the very first steps": ("broken-input", "non-finite-values", "loss-mismatch", "bad-initialization"),
    "Exploding gradients: the learning rate is too high": (  # what follows the colon is the cause of the rest
        "learning-rate-too-high",
        "exploding-gradient",
    ),
    "Sudden blow-up with no visible lead-up": ("broken-input", "non-finite-values"),
    "fp16 overflow": ("non-finite-values",),
    "too high for the later phase": ("learning-rate-too-high", "learning-rate-not-decayed"),
    "Optimizer state blew up": ("optimizer-mismatch", "over-regularization"),
    "Data order changed": ("unshuffled-data", "scenario-shift"),
    "Individual bad batches": ("broken-input", "label-noise"),
    "so single steps overshoot": ("learning-rate-too-high",),
    "missing warmup": ("learning-rate-too-high",),
    "learning rate is zero for the whole run": ("learning-rate-too-low", "parameters-not-updated"),
    "same prediction for every input": ("dead-units", "parameters-not-updated"),
    "Weights are not updated": ("parameters-not-updated",),
    "Learning rate far too low": ("learning-rate-too-low",),
    "Labels are misaligned": ("uninformative-features", "label-noise", "broken-input"),
    "memorizes the training set": ("overfitting",),
    "dropout/augmentation only run in train mode": ("train-eval-gap", "over-regularization"),
    "validation set is easier": ("unrepresentative-validation",),
    "Learning rate too high or no warmup": ("learning-rate-too-high",),
    "Outlier batches": ("broken-input",),
    "Unstable layers": ("exploding-gradient", "bad-initialization"),
    "Without LR decay": ("learning-rate-not-decayed",),
}
RUNMEDIC_CHECKS: Mapping[str, tuple[str, ...]] = {  # what the finding itself says, by `Finding.check`
    "non_finite": ("non-finite-values",),
    "divergence": (),
    "loss_spikes": (),
    "no_learning": (),
    "overfitting": ("overfitting",),
    "grad_spikes": ("exploding-gradient",),
    "val_below_train": (),
    "constant_lr_plateau": (),
}
GRADSNITCH: Mapping[str, tuple[str, ...]] = {  # by `Finding.name`: GS001 to GS010 in order, GS008 twice
    "Loss became NaN/Inf": ("learning-rate-too-high", "non-finite-values", "broken-input"),
    "Gradient norm exploded (inf)": ("exploding-gradient", "learning-rate-too-high", "non-finite-values"),
    "Gradient-norm spike": ("learning-rate-too-high", "broken-input", "exploding-gradient"),
    "Train/val divergence (overfitting)": ("overfitting",),
    "Loss plateau (no early progress)": (
        "learning-rate-too-low",
        "dead-units",
        "bad-initialization",
        "parameters-not-updated",
        "broken-input",
        "label-noise",
    ),
    "Loss divergence (sustained rise)": ("learning-rate-too-high", "learning-rate-not-decayed", "exploding-gradient"),
    "Vanishing gradients": (
        "vanishing-gradient",
        "dead-units",
        "saturated-units",
        "learning-rate-too-low",
        "bad-initialization",
    ),
    "LR too high (update/weight ratio)": ("learning-rate-too-high",),
    "LR too low (update/weight ratio)": ("learning-rate-too-low", "parameters-not-updated"),
    "Loss oscillation (growing amplitude)": ("learning-rate-too-high", "learning-rate-not-decayed"),
    "LR schedule collapsed early": ("learning-rate-too-low", "undertrained"),
}
LOSSLINT: Mapping[str, tuple[str, ...]] = {  # by `Finding.check`
    "nan_inf": ("non-finite-values",),
    "step_backtrack": (),
    "parse": (),
    "loss_spike": ("broken-input", "unshuffled-data", "learning-rate-too-high"),  # "data shard or LR bug?"
    "divergence": ("learning-rate-too-high", "exploding-gradient"),
    "overfit_onset": ("overfitting",),
    "stagnation": ("learning-rate-too-low",),  # "consider stopping or raising the LR"
}
TRAINTOOLS_WARNINGS: Mapping[str, tuple[str, ...]] = {  # a part of each warning of GradientHealthMonitor
    "has non-finite gradients": ("non-finite-values", "exploding-gradient"),
    "gradient appears vanished": ("vanishing-gradient",),
    "gradient is very large": ("exploding-gradient",),
    "update/weight ratio is high": ("learning-rate-too-high",),
    "update/weight ratio is tiny": ("learning-rate-too-low", "parameters-not-updated"),
}
TRAINTOOLS_REASONS: Mapping[str, tuple[str, ...]] = {  # a part of each reason of TrainGuard
    "Warming up": (),
    "No improvement in": ("overfitting",),
    "Curve fit unstable": (),
    "Predicted improvement": (),
    "Upper 90% CI": (),
    "Expected improvement": ("undertrained",),  # "Continue training."
}

Curve = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Curves:
    """The scalars of a run: steps and values of each, or None where it has none."""

    train: Curve | None
    val: Curve | None = None
    lr: Curve | None = None
    grad_norm: Curve | None = None
    update_ratio: Curve | None = None
    accuracy_val: Curve | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """What a tool said of a run: whether anything at the level of a warning or above, and its causes in its order, notes included."""

    alarms: bool
    causes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Peer:
    """A tool; `given` says what it was given and why, and `diagnose` may use the folder it gets for files."""

    name: str
    version: str
    given: str
    diagnose: Callable[[Curves, Path], Said]


def runmedic(curves: Curves, folder: Path) -> Said:
    """What `runmedic diagnose` finds in a CSV file."""
    path = folder / "runmedic.csv"
    _write_csv(
        path,
        {
            "train_loss": curves.train,
            "val_loss": curves.val,
            "lr": curves.lr,
            "grad_norm": curves.grad_norm,
            "update_ratio": curves.update_ratio,
            "val_accuracy": curves.accuracy_val,
        },
    )
    check, detect = import_module("runmedic.checks").run_checks, import_module("runmedic.roles").detect
    runs = import_module("runmedic.loaders").load(str(path))
    findings = [finding for run in runs for finding in check(run, detect(run))]
    causes: list[str] = []
    for finding in findings:
        for text in finding.causes:
            causes += _meant(RUNMEDIC_TEXTS, text)
        causes += RUNMEDIC_CHECKS[finding.check]
    return _said((each.severity for each in findings), causes)


def gradsnitch(curves: Curves, _folder: Path) -> Said:
    """What `gradsnitch.lint` finds in a table with a row for each step."""
    if curves.train is None:
        return Said(alarms=False, causes=())
    steps, losses = curves.train
    columns = {
        "val_loss": _column(steps, curves.val),
        "lr": _column(steps, curves.lr, held=True),
        "grad_norm": _column(steps, curves.grad_norm),
        "update_ratio": _column(steps, curves.update_ratio, held=True),
    }
    known = {name: values for name, values in columns.items() if values is not None}
    table = import_module("pandas").DataFrame({"step": steps.astype(int), "train_loss": losses, **known})
    findings = import_module("gradsnitch").lint(table)
    return _said((each.severity for each in findings), [cause for each in findings for cause in GRADSNITCH[each.name]])


def traintools(curves: Curves, _folder: Path) -> Said:
    """What GradientHealthMonitor warns of, step by step, then what TrainGuard advises at the end of the run."""
    package = import_module("traintools")
    warned = _gradient_health(package.GradientHealthMonitor(), curves)
    causes = [cause for text in warned for cause in _meant(TRAINTOOLS_WARNINGS, text)]
    if curves.val is not None:
        np.random.seed(0)  # noqa: NPY002  (TrainGuard draws from it)
        guard = package.TrainGuard(patience_steps=PATIENCE)
        for step, value in zip(*curves.val, strict=True):
            if math.isfinite(value):
                guard.record(step=int(step), val_loss=float(value))
        causes += _meant(TRAINTOOLS_REASONS, guard.evaluate().reason)
    return _said(("warning" for _ in warned), causes)


def losslint(curves: Curves, folder: Path) -> Said:
    """What `losslint check` finds in a CSV file."""
    path = folder / "losslint.csv"
    _write_csv(path, {"loss": curves.train, "eval_loss": curves.val, "lr": curves.lr, "grad_norm": curves.grad_norm})
    found = import_module("losslint.checks").run_all_checks(import_module("losslint.parsing").load_run(path))
    return _said((each.severity for each in found), [cause for each in found for cause in LOSSLINT[each.check]])


def _version(name: str) -> str:
    return next(each.removeprefix(f"{name}==") for each in REQUIREMENTS if each.startswith(f"{name}=="))


PEERS: Mapping[str, Peer] = {
    each.name: each
    for each in (
        Peer(
            "runmedic",
            _version("runmedic"),
            "A CSV file under the names that it knows: train loss every step, validation loss, learning rate and gradient"
            " norm as logged. It reads event files to the same numbers. It has no use for the update ratio.",
            runmedic,
        ),
        Peer(
            "gradsnitch",
            _version("gradsnitch"),
            "A table for lint(), which is also what watch() and lint_csv() end in, one row a step as watch() would have made"
            " it, the update ratio included, which CSV exports lack. Learning rate and update ratio are held between the steps"
            " at which they were logged; a validation loss stands in the row of the step that follows it, as its adapters do.",
            gradsnitch,
        ),
        Peer(
            "traintools",
            _version("traintools"),
            "Hooks only, but two of its objects can be replayed from logs: GradientHealthMonitor sees a model of one weight"
            f" that has the logged gradient norm and, from step {SETTLING} on, the true update ratio (its own estimate is lr"
            " times gradient, wrong for Adam), and no clipping threshold, for that would warn of every larger norm; TrainGuard"
            f" sees the finite validation losses with its manual's patience of {PATIENCE} steps, and its advice to stop is no"
            " alarm. BatchInspector,"
            " PlasticityProbe, the gradient noise and the trackers of examples need the live training.",
            traintools,
        ),
        Peer(
            "losslint",
            _version("losslint"),
            "A CSV file in its manual's names: step, loss every step (what its window of 25 points is made for), eval_loss, lr,"
            " grad_norm. Not the update ratio: whatever is not finite there would be an error to it.",
            losslint,
        ),
    )
}


def _said(severities: Iterable[str], causes: Sequence[str]) -> Said:
    return Said(any(each in {"critical", "error", "warning"} for each in severities), tuple(dict.fromkeys(causes)))


def _meant(table: Mapping[str, tuple[str, ...]], text: str) -> tuple[str, ...]:
    """The causes that a text means. Raises LookupError for one that the table does not know: another version says it."""
    for part, causes in table.items():
        if part in text:
            return causes
    raise LookupError(f"not in the table: {text}")


def _gradient_health(monitor: object, curves: Curves) -> list[str]:
    """The warnings over a model whose only weight is 1 and has the logged gradient and the logged relative update."""
    if curves.grad_norm is None:
        return []
    nn, torch = import_module("torch.nn"), import_module("torch")
    model = nn.Module()
    model.register_parameter("model", nn.Parameter(torch.ones(1)))
    ratios = dict(zip(*curves.update_ratio, strict=True)) if curves.update_ratio is not None else {}
    found: list[str] = []
    for step, norm in zip(*curves.grad_norm, strict=True):
        model.model.grad = torch.full((1,), float(norm))
        ratio = float(ratios.get(step, math.nan))
        known = step >= SETTLING and math.isfinite(ratio) and math.isfinite(norm) and norm > 0
        found += monitor.inspect(model, step=int(step), lr=ratio / float(norm) if known else None).warnings  # type: ignore[attr-defined]
    return found


def _column(steps: NDArray[np.float64], curve: Curve | None, *, held: bool = False) -> NDArray[np.float64] | None:
    """The curve's values at these steps, each in the first row that is not before it, else in the last one; NaN between."""
    if curve is None or not len(steps):
        return None
    values = np.full(len(steps), np.nan)
    values[np.minimum(np.searchsorted(steps, curve[0]), len(steps) - 1)] = curve[1]
    if held:
        latest = np.maximum.accumulate(np.where(np.isnan(values), 0, np.arange(len(steps))))
        values = values[latest]
    return values


def _write_csv(path: Path, columns: Mapping[str, Curve | None]) -> None:
    """A table with a row for each step that any of the curves has, and empty cells where a curve has none."""
    known = {name: curve for name, curve in columns.items() if curve is not None}
    cells = {name: dict(zip(curve[0].tolist(), curve[1].tolist(), strict=True)) for name, curve in known.items()}
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["step", *cells])
        for step in sorted(set().union(*cells.values())):
            writer.writerow([int(step), *(each.get(step, "") for each in cells.values())])


def read_curves(path: Path) -> Curves:
    """The curves in a file."""
    found = json.loads(path.read_text(encoding="utf-8"))
    read: dict[str, Curve | None] = {}
    for field in fields(Curves):
        curve = found.get(field.name)
        read[field.name] = None
        if curve is not None and len(curve[0]):
            steps, values = (np.array([float(each) for each in numbers]) for numbers in curve)
            read[field.name] = steps, values
    return Curves(**read)


class _TooLongError(BaseException):
    """A tool did not answer in time; no `except Exception` of its own may catch it."""


@contextlib.contextmanager
def _limited(seconds: float) -> Iterator[None]:
    def stop(_number: int, _frame: FrameType | None) -> None:
        raise _TooLongError(f"no answer within {seconds:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _ask(peer: Peer, curves: Curves, folder: Path) -> dict[str, object]:
    """What the tool said, or why it could not; whatever it prints is dropped."""
    try:
        with _limited(SECONDS), warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            return {**asdict(peer.diagnose(curves, folder)), "error": None}
    except (Exception, SystemExit, _TooLongError) as error:  # noqa: BLE001  (a tool that fails must not end the benchmark)
        return {"alarms": False, "causes": (), "error": f"{type(error).__name__}: {error}"}


def ask_all(paths: Sequence[Path]) -> dict[str, dict[str, dict[str, object]]]:
    """Every peer's answer for every file of curves, peer by peer and run by run."""
    answers: dict[str, dict[str, dict[str, object]]] = {name: {} for name in PEERS}
    took = dict.fromkeys(PEERS, 0.0)
    with tempfile.TemporaryDirectory() as folder:
        for number, path in enumerate(paths, 1):
            curves = read_curves(path)
            for name, peer in PEERS.items():
                start = time.perf_counter()
                answers[name][path.stem] = _ask(peer, curves, Path(folder))
                took[name] += time.perf_counter() - start
            if number % 100 == 0 or number == len(paths):
                shares = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in took.items())
                print(f"{number} of {len(paths)} runs: {shares}", file=sys.stderr, flush=True)
    return answers


def _check_versions() -> None:
    """Raises SystemExit where a tool is missing, or another version than the tables were made for."""
    for name, peer in PEERS.items():
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            found = "not installed"
        if found != peer.version:
            raise SystemExit(
                f"{name} {peer.version} is needed, here it is {found}: pip install {' '.join(REQUIREMENTS)}"
            )


def main() -> int:
    """Ask the peers here, or start this file again with the interpreter that has them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", help="interpreter of the environment that has the peers; default: this one")
    parser.add_argument("curves", type=Path, metavar="CURVES_DIR")
    parser.add_argument("out", type=Path, metavar="OUT.json")
    given = parser.parse_args()
    if given.python:
        # Isolated, so that neither our modules nor our packages take the place of theirs.
        command = [given.python, "-I", str(Path(__file__).resolve()), str(given.curves), str(given.out)]
        return subprocess.run(command, check=False).returncode  # noqa: S603  (the user names it)
    _check_versions()
    answers = ask_all(sorted(given.curves.glob("*.json")))
    given.out.write_text(json.dumps(answers, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
