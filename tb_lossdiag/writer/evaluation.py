"""What an evaluation shows, and what `writer.evaluating("val")` does: evaluation mode, no gradients, the mean of the losses seen within."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_pre_hook

from tb_lossdiag.tags import ACCURACY, Schema, loss_tag
from tb_lossdiag.writer.data import Batch
from tb_lossdiag.writer.guard import Ear, Hook
from tb_lossdiag.writer.loss_tap import LossTap
from tb_lossdiag.writer.modules import around_calls, compiled_within, elsewhere, owns_parameters
from tb_lossdiag.writer.outbox import Outbox
from tb_lossdiag.writer.samples import tensors_of
from tb_lossdiag.writer.transfer import Transfer, fetch
from tb_lossdiag.writer.watch import Watch

__all__ = ["Evaluation", "Modes", "Tally"]

LOOKED_AT = 500  # batches of a split whose data is looked at, when it is evaluated for the first time
AGAIN = 4  # batches whose outputs are looked at, each time after
TOGETHER = 64  # batches whose sums may wait on the device
PART = "evaluations"
ANSWERS = ("count", "predicted", "right")


class Modes:
    """Each submodule's training flag, to be put back exactly: parts of a model may be in evaluation mode for good."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._flags = {module: module.training for module in model.modules()}

    def restore(self) -> None:
        """Put all flags back; a `train` of the user's own is called too, since it may do more than that."""
        self._model.train(self._flags[self._model])
        for module, training in self._flags.items():
            module.training = training


@dataclass(slots=True)
class Totals:
    """The losses of one loss function in one block, on their device, and how many samples each stands for."""

    losses: list[Tensor] = field(default_factory=list)
    samples: list[int] = field(default_factory=list)
    correct: list[Tensor] = field(default_factory=list)
    classified: int = 0
    answers: Tensor | None = None  # by class: labels, answers, right ones

    def count(self, batch: Batch) -> None:
        """Count a batch's answers."""
        correct, answers = batch.correct(), batch.answers()
        if correct is not None:
            self.correct.append(correct)
            self.classified += batch.size
        if self.answers is None or answers is None or self.answers.shape != answers.shape:
            self.answers = answers
        else:
            self.answers += answers


class Tally:
    """The losses of one evaluation of these models, and what its data were. `at` is its step, where models may go on before it is written."""

    def __init__(
        self, split: str, watches: Sequence[Watch], outbox: Outbox, *, again: bool, at: int | None = None
    ) -> None:
        self.split = split
        self.watches = list(watches)
        self.again = again
        self.at = at
        self.given: list[Tensor] = []  # losses that the user reported with add_loss
        self.called = 0  # samples that a model was called with, whether a loss was made of what it said or not
        self.told = False  # the user has reported its loss elsewhere: it is not written again
        self._begun: set[Watch] = set()  # models whose first batch was heard
        self._outbox = outbox
        self._wall = time.time()
        self._totals: dict[LossTap, Totals] = {}
        self._transfer = Transfer()
        self._written: dict[tuple[Watch, str], tuple[Schema, NDArray[np.float32]]] = {}

    @property
    def samples(self) -> int:
        """Samples seen, at the loss function that saw most."""
        return max((sum(each.samples) for each in self._totals.values()), default=0)

    def off(self, loss: float) -> float:
        """By which share this is off the mean loss so far, over samples or over batches, of the loss function that saw most."""
        most = max(self._totals.values(), key=lambda each: sum(each.samples), default=None)
        if most is None:
            return math.inf
        losses = np.concatenate(fetch(most.losses))
        means = (float(np.average(losses, weights=most.samples)), float(losses.mean()))
        return min(abs(each - loss) for each in means) / max(abs(loss), 1e-12)

    @property
    def changed(self) -> float | None:
        """The share of the first inputs that are others than at the evaluation before, though their targets are the same; None where that is not known."""
        return next((each.splits.of(self.split).repeats.changed for each in self.watches), None)

    @property
    def seen(self) -> bool:
        """Whether any loss was computed."""
        return bool(self._totals or self.given)

    def see_loss(self, tap: LossTap, loss: Tensor, batch: Batch | None, samples: int) -> None:
        """A loss was computed, of so many samples."""
        totals = self._totals.setdefault(tap, Totals())
        totals.losses.append(loss)
        totals.samples.append(batch.size if batch is not None else samples)
        if batch is None:
            return
        totals.count(batch)
        self._see_batch(tap, batch, len(totals.losses))

    def _see_batch(self, tap: LossTap, batch: Batch, number: int) -> None:
        for watch in [each for each in self.watches if each.tap is tap]:
            data, write = watch.splits.of(self.split), partial(self._write, watch)
            if number == 1:
                data.repeats.see_targets(batch.target)
                data.pairs.begin()
            if number <= AGAIN:
                data.see_pairs(batch, self._transfer, write)
            if number <= (AGAIN if self.again else LOOKED_AT):
                data.see_outputs(batch, self._transfer, write)
                if not self.again:
                    data.see_targets(batch, self._transfer, write)
        if len(self._transfer) > TOGETHER:
            self._transfer.deliver()

    def see_inputs(self, watch: Watch, inputs: Sequence[Tensor]) -> None:
        """A model was called with these; of an evaluation that comes again only the first batch is wanted."""
        repeats = watch.splits.of(self.split).repeats
        if watch not in self._begun and not repeats.over:
            with torch.no_grad():
                repeats.see_inputs(inputs)
        self._begun.add(watch)
        if self.again:
            return
        self.called += max((len(each) for each in inputs if each.dim()), default=0)
        totals = self._totals.get(watch.tap) if watch.tap is not None else None
        if inputs and (totals is None or len(totals.losses) < LOOKED_AT):
            with torch.no_grad():
                watch.splits.of(self.split).see_inputs(inputs, self._transfer, partial(self._write, watch))

    def _write(self, watch: Watch, schema: Schema, values: NDArray[np.float32]) -> None:
        """Keep what is newest of a group: the statistics are running ones."""
        self._written[watch, schema.group] = schema, values

    def settle(self) -> None:
        """Fetch what waits on the device, so that no batch is held any longer."""
        self._transfer.deliver()

    def finish(self, step: int) -> None:
        """Write the mean loss, the accuracy and the data's statistics, at the models' current steps if not `at` its own.

        Losses that the user reported go before those that were seen, at `step`.
        """
        self.settle()
        if self.given:
            self._outbox.scalar(loss_tag(self.split), step, float(np.mean(fetch(self.given))))
        for tap, totals in self._totals.items():
            for watch in [each for each in self.watches if each.tap is tap][:1]:
                self._finish(watch, totals)
        for (watch, _), (schema, values) in self._written.items():
            self._packed(watch, schema, values)

    def _finish(self, watch: Watch, totals: Totals) -> None:
        losses = np.concatenate(fetch(totals.losses))
        if not self.given and not self.told:
            self._scalar(watch, loss_tag(self.split), float(np.average(losses, weights=totals.samples)))
        if totals.correct:
            accuracy = float(np.sum(fetch(totals.correct))) / totals.classified
            self._scalar(watch, f"{ACCURACY}/{self.split}", accuracy)
        if totals.answers is not None:
            classes = tuple(map(str, range(totals.answers.shape[1])))
            schema = Schema("answers", self.split, ANSWERS, classes, watch.name)
            self._packed(watch, schema, np.stack(fetch(list(totals.answers))).astype(np.float32))

    def _scalar(self, watch: Watch, tag: str, value: float) -> None:
        self._outbox.scalar(watch.tag(tag), self._step(watch), value, self._wall)

    def _packed(self, watch: Watch, schema: Schema, values: NDArray[np.float32]) -> None:
        self._outbox.packed(replace(schema, split=self.split), self._step(watch), values, self._wall)

    def _step(self, watch: Watch) -> int:
        return watch.step if self.at is None else self.at


class Strangers:
    """Whether an evaluation is of the watched models: a copy of one, which averages its weights or was made before, is a model of its own."""

    def __init__(self, watches: Sequence[Watch]) -> None:
        self._watches = [each for each in watches if not (compiled_within(each.model) or elsewhere(each.model))]
        self._own = {id(module): watch for watch in self._watches for module in watch.model.modules()}
        losses = [each.tap.loss_fn for each in self._watches if each.tap is not None]
        self._losses = {id(module) for loss in losses if isinstance(loss, nn.Module) for module in loss.modules()}
        self._called: set[Watch] = set()
        self._other = False

    def listen(self) -> Callable[[], object]:
        """Note which modules with parameters are called; gives back what ends that."""
        if not self._watches:
            return lambda: None
        ear = Ear(self._watches[0].guard, PART, self._note)
        return register_module_forward_pre_hook(ear).remove

    def _note(self, module: nn.Module, _args: object) -> None:
        watch = self._own.get(id(module))
        if watch is not None:
            self._called.add(watch)
        elif owns_parameters(module) and id(module) not in self._losses:
            self._other = True

    def tell(self, tap: LossTap) -> None:
        """A loss was seen: of none of the modules of the only model that is trained by it, though others were called?"""
        for watch in self._watches:
            if self._other and watch.tap is tap and len(tap.learners) == 1 and watch not in self._called:
                watch.about.see_other_evaluated()


class Evaluation(Tally):
    """One `with writer.evaluating(split):` block."""

    def __init__(self, split: str, watches: Sequence[Watch], outbox: Outbox, *, again: bool) -> None:
        super().__init__(split, watches, outbox, again=again)
        self.in_training_mode = False  # a model was, as it was called: somebody has put it back
        self._modes = [Modes(each.model) for each in watches]
        self._remove: list[Callable[[], object]] = []
        self._strangers = Strangers(watches)

    def enter(self) -> None:
        """Go to evaluation mode."""
        for each in self.watches:
            each.model.eval()
            if not (self.again and each.splits.of(self.split).repeats.over):
                hook = Hook(each.guard, PART, partial(self._called, each))
                self._remove.append(around_calls(each.model, hook, None))
        if not self.again:
            self._remove.append(self._strangers.listen())

    def leave(self) -> None:
        """Go back to the modes of before."""
        for remove in self._remove:
            remove()
        for each in self._modes:
            each.restore()

    def finish(self, step: int) -> None:
        """The same, and whose loss it was."""
        super().finish(step)
        for tap in self._totals:
            self._strangers.tell(tap)

    def _called(self, watch: Watch, model: nn.Module, args: Any, kwargs: Mapping[str, Any]) -> None:  # noqa: ANN401
        self.in_training_mode |= model.training
        self.see_inputs(watch, tensors_of((args, kwargs), depth=4))
