"""Hugging Face Transformers: `Trainer(..., callbacks=[DiagCallback("runs/baseline")])`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import TrainerCallback

from tb_lossdiag.integrations.loop import Loop, OnFinding
from tb_lossdiag.integrations.own_loss import OwnLoss
from tb_lossdiag.writer import DiagWriter

__all__ = ["DiagCallback"]


class DiagCallback(TrainerCallback):
    """Watches the model that a Trainer trains, which computes its loss itself, or has it computed by one of torch's functions.

    `log_dir` is a folder of its own, or a DiagWriter; without it, `lossdiag` in the Trainer's `output_dir`.
    """

    def __init__(
        self,
        log_dir: str | Path | DiagWriter | None = None,
        *,
        overhead: float = 0.02,
        on_finding: OnFinding | None = None,
    ) -> None:
        self._loop = Loop(log_dir, overhead, on_finding)
        self._own: OwnLoss | None = None
        self._evaluated = False  # since the last step: of several sets the first one is the validation set

    @property
    def writer(self) -> DiagWriter | None:
        """The writer, once a training has begun."""
        return self._loop.writer

    def on_train_begin(self, args: Any, *_: Any, **given: Any) -> None:
        """Watch what is to be trained."""
        model: nn.Module = given["model"]
        self._leave()
        writer = self._loop.open(lambda: Path(args.output_dir) / "lossdiag")
        writer.watch(model, given["optimizer"], train_loader=given.get("train_dataloader"))
        self._loop.listen()
        self._own = OwnLoss(self._loop, model, self._begins)
        if getattr(args, "average_tokens_across_devices", False):
            self._own.processes = args.world_size

    def on_pre_optimizer_step(self, *_: Any, **__: Any) -> None:
        """Gradients are computed and clipped."""
        if self._own is not None:
            self._own.step()
        self._evaluated = False

    def on_optimizer_step(self, *_: Any, **__: Any) -> None:
        """The step was taken."""
        if self._own is not None:
            self._own.enter()

    def on_step_end(self, _args: Any, _state: Any, control: Any, **_: Any) -> None:
        """Stop where the writer wants to."""
        if self._loop.should_stop:
            control.should_training_stop = True

    def on_substep_end(self, *_: Any, **__: Any) -> None:
        """A batch has added to the gradients."""
        self._loop.computed()

    def on_prediction_step(self, *_: Any, **__: Any) -> None:
        """A batch was evaluated."""
        self._loop.computed()

    def on_evaluate(self, _args: Any, state: Any, *_: Any, metrics: Any = None, **__: Any) -> None:
        """The evaluation has ended; its mean loss is the one that the Trainer reports."""
        self._loop.computed()
        if self._loop.evaluation is not None:
            self._loop.evaluated(loss_in(metrics))
        elif not self._evaluated:
            self._report("val", metrics, state)
        self._evaluated = True

    def on_predict(self, _args: Any, state: Any, *_: Any, metrics: Any = None, **__: Any) -> None:
        """The test set was predicted."""
        self._report("test", metrics, state)

    def on_train_end(self, *_: Any, **__: Any) -> None:
        """Write what was seen; the model is free of hooks from here."""
        self._leave()
        self._loop.rest()

    def _leave(self) -> None:
        if self._own is not None:
            self._own.leave()

    def _report(self, split: str, metrics: object, state: Any) -> None:
        loss = loss_in(metrics)
        if self.writer is not None and loss is not None:
            self.writer.add_loss(split, loss, step=state.global_step)
            self.writer.flush()

    def _begins(self, model: nn.Module) -> None:
        """The Trainer says when an evaluation has ended, not when it begins: with the first pass in evaluation mode."""
        if not model.training and not torch.is_grad_enabled() and not self._evaluated:
            self._loop.evaluate("val")


def loss_in(metrics: object) -> float | None:
    """`eval_loss`, `test_loss` or `eval_<set>_loss` among the metrics."""
    found = metrics if isinstance(metrics, Mapping) else {}
    return next((float(value) for name, value in found.items() if str(name).endswith("_loss")), None)
