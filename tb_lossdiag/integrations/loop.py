"""What the frameworks share: a training loop that somebody else writes, as the writer is to see it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tb_lossdiag.writer import DiagWriter
from tb_lossdiag.writer.evaluation import Evaluation
from tb_lossdiag.writer.overheard import Calls, Overheard

__all__ = ["Loop", "OnFinding", "child_for"]

OnFinding = Callable[[Any], object] | str


class Loop:
    """One framework's training, told to a `DiagWriter` event by event. `log_dir` is a folder, or a writer of the user's own."""

    def __init__(self, log_dir: str | Path | DiagWriter | None, overhead: float, on_finding: OnFinding | None) -> None:
        self._on_finding = on_finding
        self._given = log_dir
        self._overhead = overhead
        self.writer: DiagWriter | None = log_dir if isinstance(log_dir, DiagWriter) else None
        self._stack = contextlib.ExitStack()
        self._calls: Calls | None = None
        self._listening = False
        self._losses: list[Tensor] = []
        self.evaluation: Evaluation | None = None

    def open(self, log_dir: Callable[[], str | Path | None]) -> DiagWriter:
        """The writer; `log_dir` says where to, if the user has not."""
        if self.writer is None:
            given = self._given if isinstance(self._given, (str, Path)) else log_dir()
            self.writer = DiagWriter(given, overhead=self._overhead)
        if self._on_finding is not None:
            self.writer.on_finding(self._on_finding)
            self._on_finding = None
        return self.writer

    def listen(self) -> None:
        """Loss functions are to be overheard: nobody has said which one is called."""
        if self.writer is not None and not any(compiled(each.model) for each in self.writer.watches.values()):
            tap = self.writer.overheard()
            self._calls = Calls(tap.saw)

    def batch(self) -> None:
        """The forward pass of a batch begins. Losses are overheard only on steps that are looked at, and in evaluations."""
        calls = self._calls
        for watch in self.writer.watches.values() if self.writer is not None else ():
            watch.before_loss()
        if self.writer is None or calls is None:
            return
        calls.batch()
        wanted = self.evaluation is not None or any(each.looking for each in self.writer.watches.values())
        if wanted and not self._listening:
            self._listening = True
            self._stack.enter_context(Overheard(calls))

    def computed(self) -> None:
        """The loss of the batch has been computed."""
        self._listening = False
        self._stack.close()

    def loss(self, value: Tensor, *, factor: float | Tensor = 1.0) -> None:
        """The loss of a training batch that a gradient will be taken of; times `factor` it is the one that people know."""
        for watch in self.writer.watches.values() if self.writer is not None else ():
            watch.loss_goes_back(value)
        self._losses.append(value.detach() * factor)

    def step(self, optimizer: object = None, *, shares: bool = False) -> None:
        """This optimizer, or the first one, is about to take the step that the losses so far lead to.

        They are `shares` of one loss where the framework has divided each by all that the step sees.
        """
        losses, self._losses = self._losses, []
        losses = [torch.stack(losses).sum()] if shares and losses else losses
        watches = self.writer.watches if self.writer is not None else {}
        for name, watch in list(watches.items())[: 1 if optimizer is None else None]:
            if self.writer is not None and (optimizer is None or optimizer in watch.optimizers):
                for value in losses:
                    self.writer.add_loss("train", value, name=name)
                watch.gradients_ready()

    def evaluate(self, split: str) -> None:
        """An evaluation begins, the model being in evaluation mode."""
        if self.writer is not None and self.evaluation is None:
            self.evaluation = self.writer.begin_evaluation(split)

    def evaluated(self, loss: float | None = None, *, done: bool = True) -> None:
        """The evaluation has ended; `loss` is its mean loss, where the framework knows better than what was seen."""
        evaluation, self.evaluation = self.evaluation, None
        if evaluation is None or self.writer is None:
            return
        if loss is not None and done:
            evaluation.given.append(torch.tensor(float(loss), dtype=torch.float64))
        self.writer.end_evaluation(evaluation, done=done)

    @property
    def should_stop(self) -> bool:
        """Whether the writer wants the training to end."""
        return self.writer is not None and self.writer.should_stop

    def rest(self) -> None:
        """Nothing happens for now, or something went wrong: leave everything as if nobody watched."""
        self.computed()
        self.evaluated(done=False)
        if self.writer is not None:
            self.writer.rest()


def compiled(model: nn.Module) -> bool:
    """Whether a part of it is compiled: a mode around compiled code would have it compiled once more."""
    return any(
        hasattr(each, "_orig_mod")
        or getattr(each, "_compiled_call_impl", None) is not None
        or isinstance(each, torch.jit.ScriptModule)
        for each in model.modules()
    )


def child_for(model: nn.Module, parameters: Sequence[Tensor]) -> tuple[str, nn.Module] | None:
    """The child that holds all of these parameters, by name, and its own ones only; None where several do."""
    wanted = set(map(id, parameters))
    holders = [
        (name, child)
        for name, child in model.named_children()
        if any(id(each) in wanted for each in child.parameters())
    ]
    if len(holders) != 1:
        return None
    held = set(map(id, holders[0][1].parameters()))
    return holders[0] if wanted <= held else None
