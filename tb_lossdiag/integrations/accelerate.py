"""Accelerate: `tracker = DiagTracker("runs/baseline")`, `Accelerator(log_with=tracker)`, then `tracker.watch(model, optimizer, loss_fn)`."""

from __future__ import annotations

import json
import numbers
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from accelerate.tracking import GeneralTracker
from torch import nn
from torch.utils.hooks import RemovableHandle

from tb_lossdiag.integrations.loop import Loop, OnFinding
from tb_lossdiag.integrations.own_loss import OwnLoss
from tb_lossdiag.writer import DiagWriter
from tb_lossdiag.writer.diag_writer import listed, unwrapped_optimizer

__all__ = ["DiagTracker"]


class DiagTracker(GeneralTracker):
    """A tracker whose log is diagnosed. What is logged through the Accelerator goes into the same event file.

    `watch` takes what `Accelerator.prepare` returned. Where the model computes its loss itself, leave `loss_fn` out.
    """

    name = "lossdiag"
    requires_logging_directory = False

    def __init__(
        self,
        log_dir: str | Path | DiagWriter | None = None,
        *,
        overhead: float = 0.02,
        on_finding: OnFinding | None = None,
    ) -> None:
        super().__init__()
        self._loop = Loop(log_dir, overhead, on_finding)
        self._own: OwnLoss | None = None
        self._handles: list[RemovableHandle] = []

    @property
    def tracker(self) -> DiagWriter:
        """The writer: `accelerator.get_tracker("lossdiag", unwrap=True)`."""
        return self._loop.open(lambda: None)

    def watch(
        self,
        model: nn.Module,
        optimizer: Any = None,
        loss_fn: Any = None,
        *,
        train_loader: Any = None,
        name: str = "",
    ) -> None:
        """As `DiagWriter.watch`."""
        own = loss_fn is None and not name
        if own:
            self._leave()
            self._own = OwnLoss(self._loop, model)
            for each in map(unwrapped_optimizer, listed(optimizer)):  # its hooks come before the writer's
                self._handles += [
                    each.register_step_pre_hook(self._own.step),
                    each.register_step_post_hook(self._own.enter),
                ]
        self.tracker.watch(model, optimizer, loss_fn, train_loader=train_loader, name=name)
        if own:
            self._loop.listen()

    @property
    def should_stop(self) -> bool:
        """As `DiagWriter.should_stop`."""
        return self._loop.should_stop

    def evaluating(self, split: str) -> AbstractContextManager[None]:
        """As `DiagWriter.evaluating`."""
        return self.tracker.evaluating(split)

    def store_init_configuration(self, values: Mapping[str, Any]) -> None:
        """The run's settings, as text."""
        self.tracker.add_text("configuration", f"```\n{json.dumps(dict(values), indent=2, default=str)}\n```", 0)

    def log(self, values: Mapping[str, Any], step: int | None = None, **_: Any) -> None:
        """Numbers as scalars, text as text; anything else has no place in a curve."""
        for tag, value in values.items():
            if isinstance(value, str):
                self.tracker.add_text(tag, value, step)
            elif isinstance(value, numbers.Number) or getattr(value, "size", None) == 1:
                self.tracker.add_scalar(tag, value, step)
            elif isinstance(value, Mapping):
                self.log({f"{tag}/{name}": each for name, each in value.items()}, step)

    def finish(self) -> None:
        """Write what is left and remove all hooks."""
        self._leave()
        self.tracker.close()

    def _leave(self) -> None:
        if self._own is not None:
            self._own.leave()
        for handle in self._handles:
            handle.remove()
        self._own, self._handles = None, []
