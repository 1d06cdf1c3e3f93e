from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from eventfiles import curve, write

import tb_lossdiag
from tb_lossdiag import batch, wire
from tb_lossdiag.batch import Family, diagnose_family, diagnosed, families_of, processes
from tb_lossdiag.cache import Cache

FALLING = [3.0 * 0.9**i for i in range(30)]


NAMES = ["a", "b", "c", "d", "e/train"]


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Six runs, two of which are one training."""
    for name in ("a", "b", "c", "d", "e/train", "e/validation"):
        write(tmp_path / name, curve("epoch_loss", FALLING))
    return tmp_path


def names_of(found: Iterator[tuple[Family, batch.Outcome]]) -> list[str]:
    return sorted(report.run for _, outcome in found for report in outcome.reports)


def test_families_are_found_with_their_files(logs: Path) -> None:
    found = families_of(logs)
    assert [each.name for each in found] == NAMES
    assert list(found[-1].files) == ["e/train", "e/validation"]
    assert [each.name for each in families_of(logs, wanted=lambda name: name == "e/validation")] == ["e/train"]


@pytest.mark.parametrize("make", [None, lambda: ThreadPoolExecutor(2), lambda: ProcessPoolExecutor(2)])
def test_wherever_it_is_done_the_reports_are_the_same(logs: Path, make: Any) -> None:
    wanted = tb_lossdiag.diagnose(logs)
    if make is None:
        found = [report for _, outcome in diagnosed(families_of(logs)) for report in outcome.reports]
    else:
        with make() as executor:
            found = tb_lossdiag.diagnose(logs, executor=executor)
    assert wire.dumps(found) == wire.dumps(wanted)
    assert [each.run for each in found] == NAMES


def test_what_is_in_the_cache_is_not_read_again(logs: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    cache = Cache(tmp_path_factory.mktemp("cache"))
    assert names_of(diagnosed(families_of(logs), cache=cache)) == NAMES
    read: list[str] = []

    class Here(Executor):
        def submit(self, _function: object, family: Family, *_: object) -> Future[batch.Outcome]:  # type: ignore[override]
            read.append(family.name)
            done: Future[batch.Outcome] = Future()
            done.set_result(diagnose_family(family, {}, None))
            return done

    assert names_of(diagnosed(families_of(logs), cache=cache, executor=Here())) == NAMES
    assert read == []
    write(logs / "e/validation", curve("epoch_loss", [0.1], start=30), append=True)
    assert names_of(diagnosed(families_of(logs), cache=cache, executor=Here())) == NAMES
    assert read == ["e/train"]


def test_an_interruption_keeps_what_is_done(logs: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    cache = Cache(tmp_path_factory.mktemp("cache"))
    running = diagnosed(families_of(logs), cache=cache)
    done = [next(running)[0].name for _ in range(3)]
    running.close()  # type: ignore[attr-defined]
    known = [family.name for family in families_of(logs) if cache.get(batch.key_of(family.files, {}, None)) is not None]
    assert known == done
    assert [next(diagnosed(families_of(logs), cache=cache))[0].name] == done[:1]


def test_a_file_that_grew_while_it_was_read_is_not_kept(
    logs: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = Cache(tmp_path_factory.mktemp("cache"))
    honest = batch.diagnose_family

    def grows(family: Family, *rest: Any) -> batch.Outcome:
        outcome = honest(family, *rest)
        write(logs / "a", curve("epoch_loss", [0.1], start=99), append=True)
        return outcome

    monkeypatch.setattr(batch, "diagnose_family", grows)
    (family,) = families_of(logs, wanted=lambda name: name == "a")
    assert names_of(diagnosed([family], cache=cache)) == ["a"]
    assert cache.get(batch.key_of(family.files, {}, None)) is None


def test_a_run_that_fails_costs_only_itself(logs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = batch.diagnose

    def fails(run: Any) -> Any:
        if run.name == "b":
            raise ValueError("our fault")
        return honest(run)

    monkeypatch.setattr(batch, "diagnose", fails)
    found = list(diagnosed(families_of(logs)))
    assert names_of(iter(found)) == ["a", "c", "d", "e/train"]
    assert [outcome.failed for _, outcome in found if outcome.failed] == [
        {"b": "This run could not be read or diagnosed: ValueError: our fault"}
    ]
    with ThreadPoolExecutor(2) as executor, pytest.warns(RuntimeWarning, match="our fault"):
        assert len(tb_lossdiag.diagnose(logs, executor=executor)) == 4


def killed_by_b(family: Family, *rest: Any) -> batch.Outcome:
    if family.name == "b":
        os.kill(os.getpid(), signal.SIGKILL)
    return diagnose_family(family, *rest)


def test_a_process_that_is_killed_costs_only_the_run_that_it_died_of(
    logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "diagnose_family", killed_by_b)
    with ProcessPoolExecutor(2) as executor:
        found = list(diagnosed(families_of(logs), executor=executor))
    assert sorted(family.name for family, _ in found) == NAMES
    assert names_of(iter(found)) == ["a", "c", "d", "e/train"]
    assert "ended" in {family.name: outcome for family, outcome in found}["b"].failed["b"]


def test_one_process_reads_what_is_small_and_as_many_as_asked_for_what_is_not(
    logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    todo = families_of(logs)
    assert processes(todo) is None
    assert processes(todo, jobs=1) is None
    assert processes(todo[:1], jobs=8) is None
    asked = processes(todo, jobs=2)
    assert asked is not None
    asked.shutdown()
    monkeypatch.setattr(batch, "SMALL", 1)
    monkeypatch.setattr(batch, "cores", lambda: 3)
    pool = processes(todo)
    assert pool is not None
    assert pool._max_workers == 3  # type: ignore[attr-defined]
    pool.shutdown()


def test_a_worker_of_dask_may_be_killed_in_the_middle(logs: Path) -> None:
    distributed = pytest.importorskip("distributed", reason="pip install 'tb_lossdiag[dask]'")
    for i in range(60):
        write(logs / f"run{i:02}", curve("loss/train", FALLING))
    todo = families_of(logs)
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        pids = list(client.run(os.getpid).values())
        assert len(set(pids)) == 2
        running = diagnosed(todo, executor=client.get_executor(pure=False))
        found = [next(running)]
        os.kill(pids[0], signal.SIGKILL)
        found += running
    names = sorted(report.run for _, outcome in found for report in outcome.reports)
    assert names == sorted([*NAMES, *(f"run{i:02}" for i in range(60))])
    assert not [outcome.failed for _, outcome in found if outcome.failed]


def test_nobody_waits_for_what_was_given_up(logs: Path) -> None:
    began = time.monotonic()
    executor = ThreadPoolExecutor(1)
    running = diagnosed(families_of(logs), executor=executor)
    next(running)
    running.close()  # type: ignore[attr-defined]
    executor.shutdown()
    assert time.monotonic() - began < 60
