"""Accelerate, really installed: its tracker is the writer, and a loop written for it is watched like any other."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tb_lossdiag import DiagWriter

EPOCHS = 2


@pytest.fixture(scope="module")
def accelerate(framework: Callable[[str], Any]) -> Iterator[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what it says while it is imported is its own business
        yield framework("accelerate")


def train(accelerate: Any, digits: Any, tracker: Any = None, *, accumulate: int = 1, dropout: float = 0.0) -> Any:
    """The loop of Accelerate's own examples."""
    torch.manual_seed(11)
    accelerator = accelerate.Accelerator(log_with=tracker, gradient_accumulation_steps=accumulate, cpu=True)
    accelerator.init_trackers("digits", config={"batch": 32, "of": ["two", "things"]})
    net, loss_fn = digits.network(dropout), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    net, optimizer, loader = accelerator.prepare(net, optimizer, digits.loader())
    if tracker is not None:
        tracker.watch(net, optimizer, loss_fn, train_loader=loader)
    for epoch in range(EPOCHS):
        for x, y in loader:
            with accelerator.accumulate(net):
                loss = loss_fn(net(x), y)
                accelerator.backward(loss)
                if accelerator.sync_gradients:
                    accelerator.clip_grad_norm_(net.parameters(), 0.5)
                optimizer.step()
                optimizer.zero_grad()
        accelerator.log({"epoch": epoch, "note": "fine", "more": {"loss": loss.item()}}, step=epoch)
        net.eval()
        with tracker.evaluating("val") if tracker is not None else torch.no_grad():
            for x, y in digits.loader("val", 100):
                loss_fn(net(x), y)
        net.train()
    accelerator.end_training()
    return net


@pytest.mark.parametrize("accumulate", [1, 2])
def test_the_report_is_that_of_a_loop_without_accelerate(
    accelerate: Any, digits: Any, tmp_path: Path, same_report: Any, accumulate: int
) -> None:
    from tb_lossdiag.integrations.accelerate import DiagTracker

    framed = train(accelerate, digits, DiagTracker(tmp_path / "framed"), accumulate=accumulate)
    net, loss_fn = digits.network(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    loader = digits.loader()
    with DiagWriter(tmp_path / "hand") as writer:
        writer.watch(net, optimizer, loss_fn, train_loader=loader)
        for _ in range(EPOCHS):
            for i, (x, y) in enumerate(loader, 1):
                (loss_fn(net(x), y) / accumulate).backward()
                if i % accumulate == 0:
                    nn.utils.clip_grad_norm_(net.parameters(), 0.5)
                    optimizer.step()
                    optimizer.zero_grad()
            with writer.evaluating("val"):
                for x, y in digits.loader("val", 100):
                    loss_fn(net(x), y)
    for mine, theirs in zip(net.state_dict().values(), framed.state_dict().values(), strict=True):
        torch.testing.assert_close(theirs, mine)
    same_report(tmp_path / "hand", tmp_path / "framed")


def test_training_is_bit_for_bit_the_same_with_it(accelerate: Any, digits: Any, tmp_path: Path) -> None:
    from tb_lossdiag.integrations.accelerate import DiagTracker

    alone = train(accelerate, digits, dropout=0.2)
    random = torch.get_rng_state()
    watched = train(accelerate, digits, DiagTracker(tmp_path, overhead=0.9), dropout=0.2)
    assert torch.equal(torch.get_rng_state(), random)
    assert all(map(torch.equal, alone.state_dict().values(), watched.state_dict().values()))
    assert not any(each._forward_hooks or each._forward_pre_hooks for each in watched.modules())


def test_what_is_logged_through_the_accelerator_is_in_the_same_file(
    accelerate: Any, digits: Any, tmp_path: Path, read: Any
) -> None:
    from tb_lossdiag.integrations.accelerate import DiagTracker

    train(accelerate, digits, DiagTracker(tmp_path))
    log = read(tmp_path)
    assert log.scalars["epoch"] == {0: 0.0, 1: 1.0}
    assert log.scalars["more/loss"].keys() == {0, 1}
    assert len(log.scalars["loss/train"]) == EPOCHS * 30


class Own(nn.Module):
    """Computes its loss itself, as the models of Hugging Face do."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor, labels: Tensor) -> dict[str, Tensor]:
        logits = self.net(x)
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


def test_a_model_that_computes_its_loss_itself_needs_no_loss_function(
    accelerate: Any, digits: Any, tmp_path: Path, read: Any
) -> None:
    from tb_lossdiag.integrations.accelerate import DiagTracker

    tracker = DiagTracker(tmp_path)
    accelerator = accelerate.Accelerator(log_with=tracker, cpu=True)
    accelerator.init_trackers("digits")
    model = Own(digits.network())
    model, optimizer, loader = accelerator.prepare(model, torch.optim.SGD(model.parameters(), lr=0.1), digits.loader())
    tracker.watch(model, optimizer, train_loader=loader)
    losses = []
    for x, y in loader:
        loss = model(x, labels=y)["loss"]
        accelerator.backward(loss)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    with tracker.evaluating("val"):
        val = [model(x, labels=y)["loss"].item() for x, y in digits.loader("val", 100)]
    accelerator.end_training()
    log = read(tmp_path)
    assert list(log.scalars["loss/train"].values()) == pytest.approx(losses)
    assert list(log.scalars["loss/val"].values()) == [pytest.approx(sum(val) / len(val), rel=1e-4)]
    assert {"lossdiag/targets/val", "lossdiag/targets/train", "lossdiag/probe/train"} <= log.packed.keys()
    assert log.facts["models"][""]["loss"]["type"] == "cross_entropy"
    assert not any(each._forward_hooks or each._forward_pre_hooks for each in model.modules())
    assert not optimizer.optimizer._optimizer_step_pre_hooks
