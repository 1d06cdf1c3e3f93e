"""Runs that end in the middle: by a checkpoint that is resumed, by a crash, in forked workers."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tb_lossdiag.reader import read_runs
from tb_lossdiag.writer import DiagWriter

SEEN = 100  # steps


def evaluate(writer: DiagWriter, training: Any) -> None:
    with writer.evaluating("val"):
        training.loss_fn(training.model(training.x), training.y)


@pytest.mark.parametrize("first", ["watch", "load"])
def test_a_resumed_run_is_the_run_that_was_never_interrupted(first: str, tmp_path: Path, make: Any) -> None:
    torch.manual_seed(0)
    whole = make(momentum=0.9, samples=320)
    with DiagWriter(tmp_path / "whole") as writer:
        writer.watch(whole.model, whole.optimizer, whole.loss_fn)
        whole.steps(8)
        evaluate(writer, whole)
        whole.x, whole.y = whole.x.roll(-128, 0), whole.y.roll(-128, 0)
        whole.steps(8)
    broken = make(momentum=0.9, samples=320)
    with DiagWriter(tmp_path / "resumed") as writer:
        writer.watch(broken.model, broken.optimizer, broken.loss_fn)
        broken.steps(8)
        evaluate(writer, broken)
        file = tmp_path / "checkpoint"
        torch.save(
            {
                "model": broken.model.state_dict(),
                "optimizer": broken.optimizer.state_dict(),
                "writer": writer.state_dict(),
            },
            file,
        )
        broken.steps(4)  # lost: the run crashed before the next checkpoint
    resumed = make(momentum=0.9, samples=320)
    found = torch.load(file, weights_only=True)
    resumed.model.load_state_dict(found["model"])
    resumed.optimizer.load_state_dict(found["optimizer"])
    resumed.x, resumed.y = resumed.x.roll(-128, 0), resumed.y.roll(-128, 0)
    with DiagWriter(tmp_path / "resumed") as writer:
        if first == "load":
            writer.load_state_dict(found["writer"])
        writer.watch(resumed.model, resumed.optimizer, resumed.loss_fn)
        if first == "watch":
            writer.load_state_dict(found["writer"])
        resumed.steps(8)
    (one,), (other,) = read_runs(tmp_path / "whole"), read_runs(tmp_path / "resumed")
    assert other.series["loss/train"].steps.tolist() == list(range(16))
    for tag in ("loss/train", "loss/val", "diag/grad_norm"):
        np.testing.assert_array_equal(other.series[tag].values, one.series[tag].values)
    packed = [{(each.group, each.split): each for each in run.packed} for run in (one, other)]
    for key in (
        ("parameters", "train"),
        ("inputs", "train"),
        ("targets", "train"),
        ("samples", "train"),
        ("inputs", "val"),
    ):
        assert packed[1][key].steps.tolist() == packed[0][key].steps.tolist()
        np.testing.assert_array_equal(packed[1][key].values, packed[0][key].values)
    for run in (one, other):
        run.facts["models"][""]["modules"] = run.facts["models"][""]["notes"] = None
    assert other.facts == one.facts, "how the parameters began, above all"
    seen = EventAccumulator(str(tmp_path / "resumed")).Reload().Scalars("loss/train")
    assert [each.step for each in seen] == list(range(16)), "TensorBoard drops what was lost, too"


def steps_on_disk(logdir: Path) -> int:
    curves = [run.series["loss/train"] for run in read_runs(logdir) if "loss/train" in run.series]
    return int(curves[0].steps[-1]) if curves else 0


def test_what_was_seen_up_to_the_last_seconds_is_on_disk_when_the_process_is_killed(tmp_path: Path) -> None:
    script = f"""
import time, torch
from torch import nn
from tb_lossdiag.writer import DiagWriter
model, loss_fn = nn.Linear(4, 2), nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
writer = DiagWriter({str(tmp_path)!r}, flush_secs=0.2)
writer.watch(model, optimizer, loss_fn)
for step in range(100_000):
    loss_fn(model(torch.randn(8, 4)), torch.zeros(8, dtype=torch.long)).backward()
    optimizer.step()
    time.sleep(0.001)
    if step % 10 == 0:
        print(step, flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while int(process.stdout.readline()) < SEEN:
            pass
        deadline = time.monotonic() + 60
        while steps_on_disk(tmp_path) < SEEN and time.monotonic() < deadline:
            time.sleep(0.1)
        assert process.poll() is None, "it goes on and has neither flushed nor closed"
        process.kill()
    assert steps_on_disk(tmp_path) >= SEEN
    assert read_runs(tmp_path)[0].facts["models"][""]["parameters"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system that forks, such as Linux")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")  # that is what is tested
def test_forked_workers_of_a_loader_neither_hang_nor_write(tmp_path: Path, make: Any, read: Any) -> None:
    training = make()
    loader = DataLoader(
        TensorDataset(training.x, training.y), batch_size=16, num_workers=2, multiprocessing_context="fork"
    )
    with DiagWriter(tmp_path) as writer:
        writer.watch(training.model, training.optimizer, training.loss_fn, train_loader=loader)
        for _ in range(3):
            for x, y in loader:
                training.optimizer.zero_grad()
                training.loss_fn(training.model(x), y).backward()
                training.optimizer.step()
    log = read(tmp_path)
    assert list(log.scalars["loss/train"]) == list(range(12))
    assert set(log.packed["lossdiag/parameters/train"]) == set(range(12))


def test_a_state_of_models_that_are_not_watched_any_more_is_kept(tmp_path: Path, make: Any) -> None:
    training = make()
    with DiagWriter(tmp_path) as writer:
        writer.watch(training.model, training.optimizer, training.loss_fn, name="one")
        training.steps(2)
        state = writer.state_dict()
    with DiagWriter(tmp_path / "more") as writer:
        writer.load_state_dict(state)
        assert writer.state_dict()["models"]["one"]["step"] == 2
        writer.watch(nn.Linear(1, 1), name="other")
        assert set(writer.state_dict()["models"]) == {"one", "other"}
