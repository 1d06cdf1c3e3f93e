"""Two processes that train together, started as users start them: one log, true figures, and what only both can tell."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import tb_lossdiag
from tb_lossdiag.writer import DiagWriter
from tb_lossdiag.writer.guard import Guard
from tb_lossdiag.writer.ranks import Ranks, own_rank
from tb_lossdiag.writer.transfer import shards

SCRIPT = Path(__file__).with_name("ranks_script.py")
MODES = (
    "ddp", "ddp alone", "wrapped later", "fsdp", "fsdp alone", "same data", "only first", "apart", "fails in one", "straggles",
    "stops", "set_epoch", "no set_epoch",
)  # fmt: skip

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="torch.distributed's processes are started here as on Linux and macOS"
)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of every mode's log and weights; a process that waits for the other in vain ends the test."""
    folder = tmp_path_factory.mktemp("ranks")
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc_per_node",
        "2",
        SCRIPT,
        folder,
        *MODES,
    ]
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONFAULTHANDLER": "1",
        "PYTHONPATH": str(Path(tb_lossdiag.__file__).parents[1]),
    }
    started = subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment,
        start_new_session=True,
    )  # fmt: skip
    try:
        printed, _ = started.communicate(timeout=400)
    except subprocess.TimeoutExpired:
        os.killpg(started.pid, signal.SIGKILL)
        raise
    assert started.returncode == 0, printed
    return folder


def log_of(runs: Path, mode: str, read: Callable[[Path], Any]) -> Any:
    return read(runs / mode.replace(" ", "-") / "run")


def weights(runs: Path, mode: str) -> Any:
    return json.loads((runs / mode.replace(" ", "-") / "weights.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same training in one process, with batches twice as large."""
    sys.path.insert(0, str(SCRIPT.parent))
    try:
        import ranks_script
    finally:
        sys.path.remove(str(SCRIPT.parent))
    folder = tmp_path_factory.mktemp("alone")
    ranks_script.train(ranks_script.network(), DiagWriter(folder), ranks_script.data(), clip=0.7)
    return folder


@pytest.mark.parametrize("mode", ["ddp", "wrapped later", "fsdp"])
def test_the_log_is_that_of_one_process(mode: str, runs: Path, alone: Path, read: Any) -> None:
    one, many = read(alone), log_of(runs, mode, read)
    assert list(many.scalars["loss/train"]) == list(one.scalars["loss/train"]) == list(range(45))
    late = max(many.packed["lossdiag/ranks/train"])  # the steps after the last talk are those of one process
    for tag in ("loss/train", "diag/grad_norm", "diag/clip_factor", "lr", "diag/update_ratio"):
        shared = [step for step in one.scalars[tag].keys() & many.scalars[tag].keys() if step <= late]
        assert {step for step in shared if step < 20} == {step for step in one.scalars[tag] if step < 20}, tag
        for step in shared:
            assert many.scalars[tag][step] == pytest.approx(one.scalars[tag][step], rel=2e-3), (tag, step)
    parameters = "lossdiag/parameters/train"
    assert many.schemas[parameters] == one.schemas[parameters]
    for step in one.packed[parameters].keys() & many.packed[parameters].keys():
        np.testing.assert_allclose(many.packed[parameters][step], one.packed[parameters][step], rtol=5e-3, atol=1e-6)
    (mine,), (theirs,) = one.facts["models"].values(), many.facts["models"].values()
    assert [each["name"] for each in theirs["parameters"]] == [each["name"] for each in mine["parameters"]]
    assert [each["shape"] for each in theirs["parameters"]] == [each["shape"] for each in mine["parameters"]]
    assert (mine["processes"], theirs["processes"]) == (1, 2)
    assert (mine["batch_size"], theirs["batch_size"]) == (32, 16)
    others = [
        note for note in theirs["notes"] if "they wait for it" not in note
    ]  # true where the machine has other work
    assert not others


@pytest.mark.parametrize("mode", ["ddp", "fsdp"])
def test_training_is_bit_for_bit_the_same_in_all_processes(mode: str, runs: Path) -> None:
    assert weights(runs, mode) == weights(runs, f"{mode} alone")


def test_the_gradient_noise_comes_from_the_processes_for_free(runs: Path, read: Any) -> None:
    log = log_of(runs, "ddp", read)
    tag = "lossdiag/probe/train"
    signal, noise = (np.array(list(log.figure(tag, name, "batch").values())) for name in ("signal", "noise"))
    assert set(log.figure(tag, "samples", "batch").values()) == {16.0}
    assert set(log.figure(tag, "batch", "batch").values()) == {32.0}
    assert len(noise) >= 19
    # noise and signal of this very model at its first step, from gradients of single samples
    sys.path.insert(0, str(SCRIPT.parent))
    import ranks_script

    sys.path.remove(str(SCRIPT.parent))
    model = ranks_script.network()
    x, y = (torch.cat(each) for each in zip(*ranks_script.data()[:20], strict=True))
    each_one = []
    for i in range(len(x)):
        loss = torch.nn.functional.cross_entropy(model(x[i : i + 1]), y[i : i + 1])
        each_one.append(torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(model.parameters()))]))
    gradients = torch.stack(each_one)
    true_noise = float((gradients - gradients.mean(0)).square().sum(1).mean())
    # the estimate of one step is rough; the first few see about this model still
    assert np.median(noise[:6]) == pytest.approx(true_noise, rel=0.6)
    assert np.median(signal[:6]) > 0


def test_processes_that_see_the_same_batches_are_found_out(runs: Path, read: Any) -> None:
    log = log_of(runs, "same data", read)
    assert set(log.figure("lossdiag/ranks/train", "same_batch", "0").values()) == {1.0}
    (report,) = tb_lossdiag.diagnose(runs / "same-data" / "run")
    (found,) = [each for each in report.findings if each.cause == "unshuffled-data"]
    assert "The 2 processes train on the same batches" in found.summary
    (fine,) = tb_lossdiag.diagnose(runs / "ddp" / "run")
    assert "unshuffled-data" not in {each.cause for each in fine.findings}
    assert fine.settings["processes"] == 2


def test_a_sampler_that_is_never_told_of_a_new_epoch_is_found_out(runs: Path) -> None:
    (sick,) = tb_lossdiag.diagnose(runs / "no-set_epoch" / "run")
    (found,) = [each for each in sick.findings if each.cause == "unshuffled-data"]
    assert "never told of a new epoch" in found.summary
    assert "set_epoch" in found.remedies[0].code
    (fine,) = tb_lossdiag.diagnose(runs / "set_epoch" / "run")
    assert "unshuffled-data" not in {each.cause for each in fine.findings}


def notes(log: Any) -> list[str]:
    return [note for model in log.facts["models"].values() for note in model["notes"]]


def test_replicas_that_differ_are_told_in_the_log(runs: Path, read: Any) -> None:
    assert any("The parameters of the processes differ" in each for each in notes(log_of(runs, "apart", read)))


def test_a_process_that_the_others_wait_for_is_told_in_the_log(runs: Path, read: Any) -> None:
    (note,) = notes(log_of(runs, "straggles", read))
    assert note.startswith("Process 1 takes")


def test_where_only_the_first_process_watches_nobody_waits_for_the_other(runs: Path, read: Any) -> None:
    log = log_of(runs, "only first", read)
    assert len(log.scalars["loss/train"]) == 45
    assert "lossdiag/ranks/train" not in log.packed
    assert any(each.startswith("Only some of the processes watch") for each in notes(log))


def test_a_failure_in_one_process_stops_neither_the_training_nor_the_others_watching(runs: Path, read: Any) -> None:
    log = log_of(runs, "fails in one", read)
    assert len(log.scalars["loss/train"]) == 45
    assert {5, 6, 7, 8, 19} <= log.packed["lossdiag/parameters/train"].keys()
    assert len(weights(runs, "fails in one")[0]) == 4


def test_all_processes_stop_at_the_same_step(runs: Path, read: Any) -> None:
    assert list(log_of(runs, "stops", read).scalars["loss/train"]) == list(range(7))


def test_a_process_knows_its_number_before_it_has_met_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "3")
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    assert own_rank() == 0  # some other tool's variable
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "run")
    assert own_rank() == 3


def test_a_process_that_is_not_the_first_writes_no_file_and_accepts_everything(
    tmp_path: Path, training: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "run")
    with DiagWriter(tmp_path / "run") as writer:
        writer.on_finding("stop")
        writer.watch(training.model, training.optimizer, training.loss_fn)
        training.steps(3)
        writer.add_scalar("mine", 1.0, 1)
        writer.add_loss("val", 1.0)
        with writer.evaluating("val"):
            training.loss_fn(training.model(training.x), training.y)
        assert not writer.should_stop
    assert not (tmp_path / "run").exists()


class Placement:
    def __init__(self, shard: bool) -> None:
        self.is_shard = lambda: shard


@pytest.mark.parametrize(
    ("placements", "sizes", "parts"), [((True,), (8,), 8), ((False,), (8,), 1), ((False, True), (2, 4), 4)]
)
def test_a_part_counts_once_however_many_replicas_of_it_there_are(
    placements: tuple[bool, ...], sizes: tuple[int, ...], parts: int
) -> None:
    mesh = SimpleNamespace(size=lambda i: sizes[i])
    tensor: Any = SimpleNamespace(device_mesh=mesh, placements=tuple(map(Placement, placements)))
    assert shards(tensor) == parts
    assert shards(torch.zeros(3)) == 1


def test_a_process_goes_on_when_the_store_knows_that_it_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    known: set[str] = set()

    def answer(key: str) -> bytes:
        known.update(sent)  # what came before it on the same connection is done first
        assert key in known
        return b"1"

    late = SimpleNamespace(set=lambda key, _: sent.append(key), get=answer)
    group = SimpleNamespace(_get_sequence_number_for_group=lambda: 3)
    monkeypatch.setattr("tb_lossdiag.writer.ranks.store", lambda: late)
    monkeypatch.setattr("torch.distributed.is_initialized", lambda: True)
    monkeypatch.setattr("torch.distributed.get_rank", lambda: 0)
    monkeypatch.setattr("torch.distributed.distributed_c10d._get_default_group", lambda: group)
    Ranks(torch.nn.Linear(1, 1), "", Guard(), lambda: None).announce()
    assert known == set(sent)
    assert len(known) == 1
