"""The fault benchmark's own reasoning: what counts as harm, as right, as calibrated, and that its page says what its results hold."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None or importlib.util.find_spec("sklearn") is None,
    reason="the fault benchmark trains networks: pip install -e '.[test]'",
)


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


def scores(error: float, loss: float, **changes: float) -> dict[str, float]:
    found = {
        f"{split}_{key}": value
        for split in ("train", "val", "test")
        for key, value in (("error", error), ("loss", loss), ("balanced", error))
    }
    own = {f"{name.partition('_')[0]}_own_{name.partition('_')[2]}": value for name, value in found.items()}
    return found | own | changes


CLEAN = [scores(0.05 + 0.001 * i, 0.1 + 0.001 * i) for i in range(5)]
BLIND = {"error": 0.9, "balanced": 0.9, "loss": 2.3}


@pytest.mark.parametrize(
    ("error", "hurts"), [(0.05, False), (0.09, False), (0.10, True), (0.9, True), (math.nan, True)]
)
def test_a_fault_hurts_where_it_costs_a_twentieth_of_what_there_was_to_gain(error: float, hurts: bool) -> None:
    from benchmarks.faults.harm import HURTS, harm

    assert (harm("dead-units", scores(error, 0.1), CLEAN, BLIND) >= HURTS) == hurts


def test_what_other_seeds_do_as_well_is_no_harm() -> None:
    from benchmarks.faults.harm import harm

    wobbly = [scores(each, 0.1) for each in (0.05, 0.25, 0.1, 0.3, 0.05)]
    assert harm("dead-units", scores(0.3, 0.1), wobbly, BLIND) == 0


def test_a_shifted_test_set_is_judged_by_itself() -> None:
    from benchmarks.faults.harm import HURTS, harm

    assert harm("scenario-shift", scores(0.05, 0.1, test_own_error=0.5), CLEAN, BLIND) >= HURTS
    assert harm("scenario-shift", scores(0.5, 0.1, test_own_error=0.5), CLEAN, BLIND) < HURTS


STEPS = np.linspace(0, 1, 24)
CURVES = {
    "learning": (2.3 - 1.5 * STEPS, 2.3 - 1.4 * STEPS),
    "converged": (0.1 + 2.2 * np.exp(-12 * STEPS), 0.15 + 2.2 * np.exp(-12 * STEPS)),
    "overfitting": (0.01 + 2.3 * np.exp(-6 * STEPS), 0.5 + 1.8 * np.exp(-12 * STEPS) + 0.8 * STEPS),
    "stuck": (2.3 - 0.01 * STEPS, 2.3 + 0 * STEPS),
    "diverging": (2.3 + 5 * STEPS, 2.3 + 5 * STEPS),
}


@pytest.mark.parametrize("verdict", CURVES)
def test_what_the_curves_do_is_plain_without_noise(verdict: str) -> None:
    from benchmarks.faults.harm import true_verdict

    train, val = CURVES[verdict]
    assert true_verdict({"train": list(train), "val": list(val)}, np.array([1.0])) == verdict


def test_a_loss_that_ends_in_nan_is_not_finite_whatever_came_before() -> None:
    from benchmarks.faults.harm import true_verdict

    train, val = CURVES["learning"]
    assert true_verdict({"train": list(train), "val": list(val)}, np.array([math.nan])) == "non-finite"


def a_trial(cause: str, said: list[tuple[str, str, str, float]], harm: float = 0.5, base: str = "mlp/digits") -> Any:
    from benchmarks.faults.diagnoses import VIEWS, Said, Tried
    from benchmarks.faults.injections import FAULTS
    from benchmarks.faults.trials import Trial

    variant = FAULTS[cause][0].name if cause in FAULTS else ""
    findings = [Said(*each, None) for each in said]
    return Tried(
        Trial(base, cause, variant, 0),
        harm,
        "converged",
        dict.fromkeys(VIEWS, "converged"),
        dict.fromkeys(VIEWS, findings),
        0.01,
    )


def test_only_the_first_root_counts_as_first() -> None:
    from benchmarks.faults.score import score

    first = a_trial("dead-units", [("dead-units", "root", "error", 0.9)])
    second = a_trial(
        "dead-units", [("label-noise", "root", "error", 0.9), ("dead-units", "contributing", "error", 0.8)]
    )
    remark = a_trial("dead-units", [("dead-units", "root", "info", 0.9)])
    harmless = a_trial("dead-units", [("overfitting", "root", "error", 0.9)], harm=0.01)
    scored = score([first, second, remark, harmless])
    found = scored.figures
    assert found["root"] == pytest.approx(2 / 3)
    assert scored.loud == pytest.approx(1 / 3)
    assert found["top3"] == pytest.approx(1)
    assert found["precision"] == pytest.approx(2 / 3)


def test_a_true_consequence_is_right_and_an_alarm_on_a_healthy_run_is_not() -> None:
    from benchmarks.faults.score import score

    chain = a_trial(
        "dead-units", [("dead-units", "root", "error", 0.9), ("vanishing-gradient", "consequence", "error", 0.8)]
    )
    alarm = a_trial("clean", [("overfitting", "root", "warning", 0.9)])
    quiet = a_trial("healthy", [("undertrained", "root", "info", 0.9)])
    found = score([chain, alarm, quiet])
    assert found.figures["precision"] == pytest.approx(2 / 3)
    assert found.figures["false_alarms"] == pytest.approx(1 / 2)
    assert found.alarms == [("mlp/digits", "clean", "overfitting")]


def test_every_cause_of_the_catalogue_is_injected_and_has_its_consequences() -> None:
    from benchmarks.faults.injections import FAULTS
    from benchmarks.faults.score import CONSEQUENCES
    from tb_lossdiag.rules import catalogue

    assert set(FAULTS) == set(CONSEQUENCES) == set(catalogue())
    assert all(len(variants) >= 3 for variants in FAULTS.values())
    assert set().union(*CONSEQUENCES.values()) <= set(FAULTS)


def test_the_curve_of_confidence_increases_and_comes_near_to_what_was_right() -> None:
    from benchmarks.faults.calibrate import fitted, knots

    random = np.random.default_rng(0)
    pairs = [(float(raw), bool(random.random() < raw**3)) for raw in random.uniform(0.5, 0.99, 4000)]
    values = [value for _, value in knots(pairs)]
    assert values == sorted(values)
    assert all(abs(fitted(pairs)(raw) - raw**3) < 0.06 for raw in (0.55, 0.7, 0.85, 0.97))


def test_there_are_enough_healthy_temptations() -> None:
    from benchmarks.faults.healthy import HEALTHY

    assert len(HEALTHY) >= 150
    assert len({(each.name, each.base) for each in HEALTHY}) == len(HEALTHY)


def test_each_fault_is_put_into_each_base_once_and_every_variant_has_all_seeds() -> None:
    from benchmarks.faults.injections import FAULTS
    from benchmarks.faults.trials import SEEDS, all_trials

    faults = [each for each in all_trials() if each.fault]
    assert len({(each.base, each.cause, each.variant) for each in faults}) == len(faults)
    for name in ("variant", "base"):
        seeds: dict[tuple[str, str], set[int]] = {}
        for each in faults:
            seeds.setdefault((each.cause, getattr(each, name)), set()).add(each.seed)
        counted = [found for (cause, _), found in seeds.items() if name == "variant" or len(FAULTS[cause]) >= SEEDS]
        assert sum(len(found) == SEEDS for found in counted) > 0.9 * len(counted)
    assert {*all_trials(quick=True)} < {*all_trials()} < {*all_trials(every_seed=True)}


def test_a_trial_is_trained_once_and_diagnosed_in_every_view(tmp_path: Path) -> None:
    from benchmarks.faults.diagnoses import VIEWS, diagnosed
    from benchmarks.faults.trials import Trial, run_trial

    trial = Trial("mlp/diabetes", "unnormalized-target", "x 50 + 150", 0)
    run_trial(trial, tmp_path)
    found = diagnosed(trial, tmp_path)
    assert set(found["views"]) == set(VIEWS)
    assert len(found["curves"]["train"]) == 24
    assert found["scores"]["val_error"] > 0.1


def test_the_page_is_made_from_the_committed_results() -> None:
    import json

    from benchmarks.faults.page import figures, page

    results = json.loads((ROOT / "benchmarks" / "results.json").read_text(encoding="utf-8"))
    assert (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8") == page(results), (
        "benchmarks/README.md is stale: run python -m benchmarks.faults --full --only-trained"
    )
    assert figures(results) in (ROOT / "README.md").read_text(encoding="utf-8")
    assert set(results["summary"]) == {
        "root", "top3", "precision", "false_alarms", "calibration_error", "learning_rate_factor", "verdict",
    }  # fmt: skip


def test_the_curve_of_confidence_that_is_shipped_is_the_one_that_was_fitted() -> None:
    import json

    from tb_lossdiag.calibration import KNOTS

    results = json.loads((ROOT / "benchmarks" / "results.json").read_text(encoding="utf-8"))
    shipped, fitted = ([each for pair in knots for each in pair] for knots in (KNOTS, results["knots"]))
    assert shipped == pytest.approx(
        fitted, abs=0.002
    )  # fitted to what the shipped curve said, rounded, and turned back
