"""Whether gradients are reset is seen at the tensors that hold them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from tb_lossdiag.reader import Log
from tb_lossdiag.series import Run
from tb_lossdiag.signals import Signals
from tb_lossdiag.signals.gradients import Resets
from tb_lossdiag.writer import DiagWriter

Optimizer = torch.optim.Optimizer
Reset = Callable[[Optimizer, int], object]


def to_none(optimizer: Optimizer, _step: int) -> None:
    optimizer.zero_grad()


def to_zero(optimizer: Optimizer, _step: int) -> None:
    optimizer.zero_grad(set_to_none=False)


def never(_optimizer: Optimizer, _step: int) -> None:
    """Forgotten."""


def at_times(optimizer: Optimizer, step: int) -> None:
    """Once an epoch."""
    if step % 10 == 0:
        optimizer.zero_grad()


def trained(reset: Reset, folder: Path, batches: int = 1, clip: bool = False) -> Run:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    optimizer, loss_fn = torch.optim.Adam(model.parameters(), lr=1e-3), nn.CrossEntropyLoss()
    with DiagWriter(str(folder)) as writer:
        writer.watch(model, optimizer, loss_fn)
        for step in range(30):
            reset(optimizer, step)
            for _ in range(batches):
                loss_fn(model(torch.randn(12, 4)), torch.arange(12) % 3).backward()
            if clip:
                nn.utils.clip_grad_norm_(model.parameters(), 0.1)
            optimizer.step()
    log = Log(folder)
    log.poll()
    return log.run()


@pytest.mark.parametrize(
    ("reset", "batches", "clip", "shares"),
    [
        (to_none, 1, False, (1.0, 0.0)),
        (to_none, 4, True, (1.0, 0.0)),
        (never, 1, False, (0.0, 1.0)),
        (to_zero, 1, False, (0.0, 0.0)),  # as much as clipping without a reset: it is not known
        (never, 1, True, (0.0, 0.0)),
        (at_times, 1, False, (0.1, 0.9)),
    ],
)
def test_steps_are_told_by_what_became_of_the_gradients(
    reset: Reset, batches: int, clip: bool, shares: tuple[float, float], tmp_path: Path
) -> None:
    found: Resets = Signals(trained(reset, tmp_path, batches, clip)).get("resets")
    assert (found.anew, found.added) == pytest.approx(shares, abs=0.06)


def test_a_run_of_a_few_steps_or_of_another_writer_tells_nothing() -> None:
    facts = {"models": {"": {"gradients": {"seen": 4, "anew": 4, "added": 0}}}}
    assert Signals(Run("a", {}, (), facts)).get("resets") is None
    assert Signals(Run("a")).get("resets") is None
