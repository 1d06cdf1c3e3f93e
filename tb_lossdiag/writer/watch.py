"""One watched model: follows its steps, and looks closely at some of them."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from tb_lossdiag.tags import LR, Schema, loss_tag
from tb_lossdiag.writer import activations, gradients
from tb_lossdiag.writer.about import About
from tb_lossdiag.writer.data import Batch, SplitData
from tb_lossdiag.writer.forward import ForwardHooks, unwrapped
from tb_lossdiag.writer.guard import Guard, Hook
from tb_lossdiag.writer.identity import Identity
from tb_lossdiag.writer.loss_tap import Call, LossTap
from tb_lossdiag.writer.outbox import Outbox
from tb_lossdiag.writer.probe import FIGURES as PROBED
from tb_lossdiag.writer.probe import PART as PROBING
from tb_lossdiag.writer.probe import Probe
from tb_lossdiag.writer.schedule import Schedule
from tb_lossdiag.writer.transfer import Transfer

__all__ = ["Watch"]

FIGURES = ("grad_norm", "param_norm", "update_norm")


def embeddings(model: nn.Module) -> set[str]:
    """The names of parameter tensors of which a step may change a few rows only."""
    found = {name for name, each in model.named_modules() if isinstance(each, (nn.Embedding, nn.EmbeddingBag))}
    return {name for name, _ in model.named_parameters() if name.rpartition(".")[0] in found}


class Watch:
    """A model with its optimizer and its loss function. `step` counts the optimizer's steps since `watch`.

    A sampled step goes: forward hooks are registered at the end of the step before; inputs, activations and the loss are
    seen; just before the optimizer's step gradients and parameters are measured, just after it the update; then
    everything is fetched from the device in one trip and written.
    """

    def __init__(  # noqa: PLR0913  (the arguments of DiagWriter.watch and what the watch writes to)
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer | None,
        loss_fn: object,
        *,
        name: str,
        primary: bool,
        outbox: Outbox,
        overhead: float,
        evaluating: Callable[[], bool],
        write_facts: Callable[[], None],
        step: int,
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.name = name
        self.step = step
        self.guard = Guard()
        self.about = About(unwrapped(model), optimizer, loss_fn)
        self.tap: LossTap | None = None
        self.train_loss_given = False  # the user reports it with add_loss
        self._suffix = "" if primary else f"@{name}"
        self._outbox = outbox
        self._evaluating = evaluating
        self._write_facts = write_facts
        self._schedule = Schedule(overhead, step)
        self._transfer = Transfer()
        self._splits: dict[str, SplitData] = {}
        self._identity = Identity()
        self._forward = ForwardHooks(model, self.about, self.guard, self._training, self._see_input)
        self._probe = Probe(model, self.guard, self._training)
        self._handles: list[RemovableHandle] = []
        self._sampled = self._paired = self._probed = False
        self._closure = False
        self._trains_in_eval_mode = False
        self._composition: list[Tensor] = []
        self._batches = 0
        self._parameters: dict[str, Tensor] = {}
        self._by_rows = embeddings(unwrapped(model))
        self._updates: gradients.Updates | None = None
        self._norms: dict[str, dict[str, Tensor]] = {}
        self._sketch: dict[str, Tensor] = {}
        self._cosine: Tensor | None = None
        self._lr: dict[int, float] = {}
        self._started = self._stepped = time.perf_counter()
        self._away = self._away_in_step = self._spent_away = 0.0
        self._spent_before = self._pair_cost = self._probing = 0.0
        self._paused = (0.0, 0.0)

    def attach(self) -> None:
        """Register the hooks that stay: before and after each step of the optimizer."""
        if self.optimizer is not None:
            before = Hook(self.guard, "gradients and parameters", self._before_step)
            after = Hook(self.guard, "the steps", self._after_step)
            self._handles.append(self.optimizer.register_step_pre_hook(before))
            self._handles.append(self.optimizer.register_step_post_hook(after))
        self._arm()

    def close(self) -> None:
        """Remove all hooks and let go of what was copied."""
        for handle in self._handles:
            handle.remove()
        self._handles = []
        self._forward.disarm()
        self._probe.disarm()
        if self.tap is not None:
            self.tap.learners.remove(self)
            if not self.tap.learners:
                self.tap.close()
            self.tap = None
        self._updates = None
        self._sketch = {}

    @property
    def looking(self) -> bool:
        """Whether something of this step is wanted besides its loss."""
        return self._sampled or self._paired

    def tag(self, tag: str) -> str:
        """A scalar's tag: plain for the first model, with the model's name for further ones."""
        return tag + self._suffix

    def split(self, split: str) -> SplitData:
        """The statistics of a split's data."""
        return self._splits.setdefault(split, SplitData(split, self.name, self._identity))

    @property
    def counts(self) -> bool:
        """Whether it counts steps: by its optimizer, or else by its training losses."""
        return self.optimizer is not None or self.tap is not None

    def pause(self) -> None:
        """An evaluation begins, which is no part of a step."""
        self._paused = time.perf_counter(), self.guard.spent

    def resume(self) -> None:
        """An evaluation has ended."""
        since, spent = self._paused
        away, watching = time.perf_counter() - since, self.guard.spent - spent
        self._away += away
        self._away_in_step += away
        self._spent_away += watching
        self._spent_before += watching

    def see_loss(self, batch: Batch | None, call: Call) -> None:
        """A training loss was computed; `batch` is given on steps that are looked at."""
        if self._probed:
            self._probe.see_loss(call)
        if batch is not None:
            self._see_batch(batch)
        if self.optimizer is None:  # nothing else counts steps
            self._after_step()

    def unattributed(self) -> None:
        """A loss belongs to no step and to no evaluation."""
        self.about.unattributed()

    def _training(self) -> bool:
        """Whether a forward pass at this moment belongs to training."""
        return torch.is_grad_enabled() and not self._evaluating() and (self.model.training or self._trains_in_eval_mode)

    def _see_input(self, values: Tensor) -> None:
        self.about.see_input(values)
        with torch.no_grad():
            self.split("train").see_inputs(values.detach(), self._transfer, self._write)

    def _see_batch(self, batch: Batch) -> None:
        counts = batch.counts()
        if counts is not None:
            self._composition.append(counts)
        if not self._sampled:
            return
        data = self.split("train")
        data.see_targets(batch, self._transfer, self._write)
        if self._batches == 0:
            self.about.see_batch(batch)
            data.see_outputs(batch, self._transfer, self._write)
            data.see_losses(batch, self._transfer, self._write)
        self._batches += 1

    def _before_step(self, _optimizer: object, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        self._closure = any(callable(each) for each in (*args, *kwargs.values()))
        self._log_lr()
        if not self.looking:
            return
        self._parameters = gradients.named_parameters(unwrapped(self.model))
        if self._sampled:
            self._norms["param_norm"] = dict(
                zip(self._parameters, gradients.norms(list(self._parameters.values())), strict=True)
            )
            moving = {name: each for name, each in self._parameters.items() if each.requires_grad}
            self._updates = gradients.Updates(moving, self._by_rows)
        if not self._closure:  # a closure has yet to compute the gradients
            self._see_gradients()
            if self._probed:
                Hook(self.guard, PROBING, self._look_again)()

    def _see_gradients(self) -> None:
        """Just before the step, or just after it where a closure has computed them."""
        if self._sampled:
            self._forward.disarm()
            self.about.see_gradients(self._parameters)
        found = {name: each.grad for name, each in self._parameters.items() if each.grad is not None}
        norms = gradients.norms([gradients.dense(each) for each in found.values()])
        scale = getattr(self.optimizer, "grad_scale", None)  # set while a GradScaler leaves unscaling to a fused step
        if isinstance(scale, Tensor):
            norms = [each / scale.to(each.device) for each in norms]
        self._norms["grad_norm"] = dict(zip(found, norms, strict=True))
        sketch = gradients.sketch(found)
        self._cosine = gradients.cosine(self._sketch, sketch) if self._paired else None
        self._sketch = sketch if self._sampled else {}

    def _look_again(self) -> None:
        """At the step's batch, which may have taken the time of a whole step: not every sampled step is worth it."""
        since = self.guard.spent
        found = self._probe.run()
        if found is not None:
            tensors, *samples = found

            def consume(values: list[NDArray[np.float64]]) -> None:
                table = np.array([[float(each[0])] for each in values] + [[each or np.nan] for each in samples])
                with np.errstate(over="ignore"):
                    self._write(Schema("probe", "train", PROBED, ("batch",), self.name), table.astype(np.float32))

            self._transfer.add(tensors, consume)
        self._probing = self.guard.spent - since
        self._schedule.probe(self.step, self._probing)

    def _after_step(self, *_: object) -> None:
        self._take_losses()
        if self.looking:
            Hook(self.guard, "the figures of a step", self._finish_step)()
            self._transfer = Transfer()  # nothing may pile up where that fails
        elif self._outbox.overdue:
            self._outbox.settle()
        self._plan()

    def _take_losses(self) -> None:
        if self.tap is None:
            return
        losses, training = self.tap.take()
        if losses:
            self._trains_in_eval_mode = not training
            self.about.see_mode(training=training)
            self.about.see_losses(len(losses))
            if not self.train_loss_given:
                self._outbox.later(self.tag(loss_tag("train")), self.step, losses)

    def _finish_step(self) -> None:
        """Fetch all that this step has left on the device, and write it."""
        if self._closure:
            self._see_gradients()
        with torch.no_grad():
            self._add_figures()
        if self._sampled:
            self._add_activations()
        self._transfer.deliver()
        self._outbox.settle()
        if self._sampled:
            self._log_overhead()
            if self.about.changed:
                self._write_facts()

    def _add_figures(self) -> None:
        """Queue parameter figures, the gradient's norm and cosine, and the batch's composition."""
        if self._updates is not None:
            self._norms["update_norm"] = self._updates.norms()
            self._updates = None
        names = list(self._parameters)
        order = [(figure, name) for figure in FIGURES for name in self._norms.get(figure, {})]
        tensors = [self._norms[figure][name] for figure, name in order]
        sampled = self._sampled

        def consume(values: list[NDArray[np.float64]]) -> None:
            table = np.full((len(FIGURES), len(names)), np.nan)
            for (figure, name), value in zip(order, values, strict=True):
                table[FIGURES.index(figure), names.index(name)] = value[0]
            if sampled:
                with np.errstate(over="ignore"):
                    self._write(
                        Schema("parameters", "train", FIGURES, tuple(names), self.name), table.astype(np.float32)
                    )
            measured = [value[0] for (figure, _), value in zip(order, values, strict=True) if figure == "grad_norm"]
            self._log_model(measured, table[1], table[2])

        if tensors:
            self._transfer.add(tensors, consume)
        if self._cosine is not None:
            self._transfer.add([self._cosine], lambda values: self._scalar("diag/grad_cosine", float(values[0][0])))
        self.split("train").see_composition(self._composition, self._transfer, self._write)
        self._norms, self._parameters, self._cosine, self._composition = {}, {}, None, []

    def _add_activations(self) -> None:
        seen = self._forward.activations

        def consume(values: list[NDArray[np.float64]]) -> None:
            finished = seen.finish(values)
            if finished is not None:
                table, figures = finished
                self._write(Schema("activations", "train", activations.FIGURES, tuple(seen.columns), self.name), table)
                for tag, value in figures.items():
                    self._scalar(tag, value)

        self._transfer.add(seen.tensors(), consume)

    def _log_model(self, gradient: list[float], size: NDArray[np.float64], update: NDArray[np.float64]) -> None:
        """The figures of the whole model, from those of its parameter tensors."""
        if gradient:
            self._scalar("diag/grad_norm", math.sqrt(math.fsum(each * each for each in gradient)))
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            ratios = (update / size)[(size > 0) & ~np.isnan(update)]
        if len(ratios):
            self._scalar("diag/update_ratio", statistics.median(ratios.tolist()))

    def _log_lr(self) -> None:
        """The learning rate where it has changed, and on sampled steps; of further groups where it differs."""
        groups = self.optimizer.param_groups if self.optimizer is not None else []
        first = None
        for i, group in enumerate(groups):
            lr = group.get("lr")
            if lr is None or (isinstance(lr, Tensor) and not self._sampled):  # reading it would wait for the device
                continue
            lr = float(lr)
            first = lr if first is None else first
            if (i == 0 or lr != first or i in self._lr) and (self._sampled or self._lr.get(i) != lr):
                self._lr[i] = lr
                self._scalar(f"{LR}/{i}" if i else LR, lr)

    def _log_overhead(self) -> None:
        elapsed = time.perf_counter() - self._started - self._away
        if elapsed > 0:
            self._scalar("diag/overhead", min(1.0, (self.guard.spent - self._spent_away) / elapsed))

    def _plan(self) -> None:
        """End this step: learn what it took, and prepare the next."""
        now = time.perf_counter()
        spent = self.guard.spent - self._spent_before
        self._schedule.took(max(0.0, now - self._stepped - self._away_in_step - spent))
        if self._sampled:
            self._schedule.cost(self.step, spent - self._probing + self._pair_cost)
        elif self._paired:
            self._pair_cost = spent
        self._spent_before, self._stepped, self._away_in_step = self.guard.spent, now, 0.0
        self._probing = 0.0
        self.step += 1
        self._arm()

    def _arm(self) -> None:
        self._sampled, self._paired = self._schedule.sampled(self.step), self._schedule.paired(self.step)
        self._batches = 0
        self._probed = self.optimizer is not None and self._schedule.probed(self.step)
        self._probe.disarm()
        if self._sampled:
            Hook(self.guard, "the layers of the model", self._forward.arm)(self.step)
        if self._probed:
            Hook(self.guard, PROBING, self._probe.arm)()

    def _write(self, schema: Schema, values: NDArray[np.float32]) -> None:
        self._outbox.packed(schema, self.step, values)

    def _scalar(self, tag: str, value: float) -> None:
        self._outbox.scalar(self.tag(tag), self.step, value)
