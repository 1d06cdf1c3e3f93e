"""Lightning: `Trainer(callbacks=[DiagCallback("runs/baseline")])`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tb_lossdiag.integrations.loop import Loop, OnFinding, child_for
from tb_lossdiag.writer import DiagWriter
from tb_lossdiag.writer.modules import loss_module

try:
    import lightning.pytorch as pl
except ImportError:  # the same under its older name
    import pytorch_lightning as pl

__all__ = ["DiagCallback"]

NAMES = {"val": ("val_loss", "val/loss", "valid_loss", "loss/val"), "test": ("test_loss", "test/loss", "loss/test")}


class DiagCallback(pl.Callback):
    """Watches the module that a Trainer fits, with its optimizers and data.

    `log_dir` is a folder of its own, or a DiagWriter; without it, one beside what the Trainer logs. `loss_fn` need only be given
    where the module holds several of torch's loss modules.
    """

    def __init__(
        self,
        log_dir: str | Path | DiagWriter | None = None,
        *,
        loss_fn: nn.Module | None = None,
        overhead: float = 0.02,
        on_finding: OnFinding | None = None,
    ) -> None:
        self._loss_fn = loss_fn
        self._loop = Loop(log_dir, overhead, on_finding)
        self._losses: list[tuple[Tensor, int]] = []

    @property
    def writer(self) -> DiagWriter | None:
        """The writer, once a fit has begun."""
        return self._loop.writer

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Watch what is to be trained: optimizers and data are there by now."""
        writer = self._loop.open(lambda: Path(trainer.log_dir or trainer.default_root_dir) / "lossdiag")
        loss_fn = self._loss_fn or loss_module(pl_module)
        for i, optimizer in enumerate(trainer.optimizers):
            parameters = [each for group in optimizer.param_groups for each in group["params"]]
            name, model = child_for(pl_module, parameters) or (f"optimizer {i}", pl_module)
            loader = None if i else trainer.train_dataloader
            writer.watch(model, optimizer, loss_fn, train_loader=loader, name=name if i else "")
        if loss_fn is None and trainer.optimizers:
            self._loop.listen()

    def on_train_batch_start(self, *_: Any) -> None:
        """A batch begins."""
        self._loop.batch()

    def on_before_backward(self, trainer: Any, _pl_module: Any, loss: Tensor) -> None:
        """The loss as the optimizer sees it, times what was divided out for accumulation, over what was multiplied in for float16."""
        self._loop.computed()
        scale = getattr(getattr(trainer.precision_plugin, "scaler", None), "_scale", None)
        factor = trainer.accumulate_grad_batches
        self._loop.loss(loss, factor=factor / scale if isinstance(scale, Tensor) else factor)

    def on_before_optimizer_step(self, _trainer: Any, _pl_module: Any, optimizer: Any) -> None:
        """Lightning computes gradients within the optimizer's step: this is the place between both."""
        self._loop.step(getattr(optimizer, "optimizer", optimizer))

    def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
        """A batch has ended, perhaps without a loss."""
        self._loop.computed()
        if self._loop.should_stop:
            trainer.should_stop = True

    def on_validation_start(self, trainer: Any, _pl_module: Any) -> None:
        """The model is in evaluation mode by now."""
        if not trainer.sanity_checking:
            self._begin("val")

    def on_test_start(self, _trainer: Any, _pl_module: Any) -> None:
        """The model is in evaluation mode by now."""
        self._begin("test")

    def on_validation_batch_start(self, *_: Any) -> None:
        """A batch begins."""
        self._loop.batch()

    def on_test_batch_start(self, *_: Any) -> None:
        """A batch begins."""
        self._loop.batch()

    def on_validation_batch_end(self, _trainer: Any, _pl_module: Any, outputs: Any, batch: Any, *_: Any) -> None:
        """Keep the loss that the validation step returned, if any."""
        self._keep(outputs, batch)

    def on_test_batch_end(self, _trainer: Any, _pl_module: Any, outputs: Any, batch: Any, *_: Any) -> None:
        """Keep the loss that the test step returned, if any."""
        self._keep(outputs, batch)

    def on_validation_end(self, trainer: Any, _pl_module: Any) -> None:
        """Write what it has shown."""
        self._end(trainer)

    def on_test_end(self, trainer: Any, _pl_module: Any) -> None:
        """Write what it has shown."""
        self._end(trainer)
        self._loop.rest()

    def on_exception(self, *_: Any) -> None:
        """Write what was seen."""
        self._loop.rest()

    def on_fit_end(self, *_: Any) -> None:
        """Write what was seen; the module is free of hooks from here."""
        self._loop.rest()

    def _begin(self, split: str) -> None:
        self._losses = []
        self._loop.evaluate(split)

    def _keep(self, outputs: object, batch: object) -> None:
        self._loop.computed()
        loss = outputs.get("loss") if isinstance(outputs, Mapping) else outputs
        if self._loop.evaluation is not None and isinstance(loss, Tensor) and loss.numel() == 1:
            self._losses.append((loss.detach().reshape(()), size_of(batch)))

    def _end(self, trainer: Any) -> None:
        """The mean of what the steps returned counts, else what was seen at the loss function, else what the module has logged."""
        evaluation = self._loop.evaluation
        if evaluation is None:
            return
        loss = None
        if self._losses:
            values = torch.stack([loss.double() for loss, _ in self._losses]).cpu()
            sizes = torch.tensor([size for _, size in self._losses], dtype=torch.float64)
            loss = float((values * sizes).sum() / sizes.sum())
        elif not evaluation.seen:
            logged = trainer.callback_metrics
            loss = next((float(logged[name]) for name in NAMES[evaluation.split] if name in logged), None)
        self._loop.evaluated(loss)


def size_of(batch: object) -> int:
    """Samples in a batch: the length of the first tensor in it."""
    if isinstance(batch, Tensor):
        return len(batch) if batch.dim() else 1
    parts = batch.values() if isinstance(batch, Mapping) else batch if isinstance(batch, (tuple, list)) else ()
    return next((size_of(each) for each in parts if isinstance(each, (Tensor, Mapping, tuple, list))), 1)
