"""A close look at a step: what goes into the model, what the layers and the loss make of it, and what the optimizer does with that."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tb_lossdiag.tags import Schema
from tb_lossdiag.writer import activations
from tb_lossdiag.writer.about import About
from tb_lossdiag.writer.backward import Backward
from tb_lossdiag.writer.crossing import crossed_in
from tb_lossdiag.writer.data import Batch, is_ids
from tb_lossdiag.writer.forward import ForwardHooks
from tb_lossdiag.writer.graph import Graph
from tb_lossdiag.writer.graph_loss import batch_in, differences_in, part_in, shares_in
from tb_lossdiag.writer.guard import Guard, Hook
from tb_lossdiag.writer.loss_tap import Call
from tb_lossdiag.writer.losses import Found
from tb_lossdiag.writer.modules import unwrapped
from tb_lossdiag.writer.outbox import At, Outbox
from tb_lossdiag.writer.parameters import ParameterFigures
from tb_lossdiag.writer.probe import FIGURES as PROBED
from tb_lossdiag.writer.probe import PART as PROBING
from tb_lossdiag.writer.probe import Probe
from tb_lossdiag.writer.ranks import Ranks, Said
from tb_lossdiag.writer.scaling import Scaling
from tb_lossdiag.writer.splits import Splits
from tb_lossdiag.writer.towards import PART as TOWARDS
from tb_lossdiag.writer.towards import Towards
from tb_lossdiag.writer.transfer import Transfer

__all__ = ["FINISHING", "Look"]

FINISHING = "the figures of a step"
PATIENCE = 2  # steps without a forward pass, after which it is not looked for any more
UNSEEN = (
    "The forward pass of the model was not seen: layers and inputs are not logged. Call the model itself, model(x) rather than "
    "model.forward(x), outside of other code that is compiled, or transformed by torch.func; and watch what is called, such as what torch.compile returned."
)


class Look:
    """Looks at the steps of one model that `arm` says so of, from the inputs to the update.

    A step is `sampled`: all of it is seen; `paired`: only its gradient, to be compared with that of the sampled step before;
    or `probed`, too: its batch is looked at once more. What is seen stays on the device until `write` has it fetched in one trip.
    """

    def __init__(  # noqa: PLR0913  (what it looks at, and what it writes to)
        self,
        model: nn.Module,
        optimizers: Sequence[torch.optim.Optimizer],
        *,
        name: str,
        suffix: str,
        about: About,
        guard: Guard,
        outbox: Outbox,
        scaling: Scaling,
        training: Callable[[], bool],
        before_loss: Callable[[], None],
        sampler: Callable[[], object],
    ) -> None:
        inner = unwrapped(model)
        self.sampled = self.paired = self.probed = False
        self.probing = 0.0  # seconds that the last second look has taken
        self.splits = Splits(name)
        self.graph = Graph(inner, optimizers)
        self.ranks = Ranks(model, name, guard, sampler)
        self._name, self._suffix = name, suffix
        self._several = len(optimizers) > 1
        self._about, self._guard, self._outbox, self._scaling = about, guard, outbox, scaling
        self._forward = ForwardHooks(
            model,
            about,
            guard,
            training=training,
            see_inputs=self._see_inputs,
            before=before_loss,
            name=name,
            keep_output=bool(optimizers),  # nobody says when a step is over where there are none
        )
        self._probe = Probe(model, guard, training)
        self._backward = Backward(guard, inner.parameters)
        self._parameters = ParameterFigures(inner)
        self._towards = Towards(guard, name)
        self._transfer = Transfer()
        self._step = 0
        self._at = At(outbox, 0, suffix)
        self._said: Said | None = None
        self._looked_again = False
        self._composition: list[Tensor] = []
        self._ids: Tensor | None = None  # tokens that the model was given, until the first loss of them
        self._batches = 0
        self._unseen = 0  # sampled steps in a row whose forward pass was not seen

    @property
    def wanted(self) -> bool:
        """Whether something of this step is wanted besides its loss."""
        return self.sampled or self.paired

    @property
    def blind(self) -> bool:
        """Whether forward passes are not looked for any more: hooks that are compiled along see nothing."""
        return self._unseen >= PATIENCE

    @property
    def mixed_inputs(self) -> dict[str, list[list[int]]]:
        """Inputs of layers whose dimensions were rearranged on the way."""
        return {name: list(map(list, sizes)) for name, sizes in self._forward.reshapes.mixed.items()}

    def arm(self, step: int, *, sampled: bool, paired: bool, probed: bool) -> None:
        """Register the hooks for the step to come."""
        self.sampled, self.paired, self.probed = sampled, paired, probed and not self.blind
        self._step, self._batches, self._looked_again = step, 0, False
        if self.wanted:
            self._at = At(self._outbox, step, self._suffix)
        if self._probe.armed:
            self._probe.disarm()
        if self.sampled:
            self._backward.arm()
            Hook(self._guard, "other processes", self.ranks.arm)()
        if self.sampled and not self.blind:
            Hook(self._guard, "the layers of the model", self._forward.arm)(step)
        if self.probed:
            Hook(self._guard, PROBING, self._probe.arm)()

    def disarm(self) -> None:
        """Free the model of hooks."""
        self._forward.disarm()
        self._probe.disarm()
        self._backward.disarm()
        self.ranks.disarm()

    def close(self) -> None:
        """Free the model of hooks, and let go of what was copied."""
        self.disarm()
        self._parameters.drop()

    def passes_over(self) -> None:
        """No forward pass of this step is to come, and no hook may see the next one."""
        self._forward.disarm()

    def look_once(self) -> None:
        """Never look at a batch again: calling the model would not compute it anew."""
        self._probe.over = True

    def see_loss(self, batch: Batch | None, call: Call, found: Found) -> None:
        """A training loss was computed from a batch."""
        if self.sampled and found.whole:
            self.goes_back(found.value)
            Hook(self._guard, "the graph of the loss", self._see_graph)(found.value)
        if self.probed:
            self._probe.see_loss(call)
        if batch is not None:
            self._see_batch(batch)
        if self.sampled and found.whole:
            Hook(self._guard, TOWARDS, self._towards.see)(call, self._transfer, self._at)

    def see_given_loss(self, loss: Tensor, *, alone: bool = True) -> None:
        """A training loss that was not seen where it was computed; its graph may still be there, and tell what it was made of.

        Where other models are watched, too, not `alone`, what is compared may be the output of any of them.
        """
        self.goes_back(loss)
        Hook(self._guard, "the graph of the loss", self._see_graph)(loss)
        if not alone:
            return
        output = self._forward.output
        batch = batch_in(loss) or (differences_in(loss, output) if output is not None else None) or shares_in(loss)
        known = batch or part_in(loss)
        if known is not None:
            self._about.see_loss_fn(known.loss_fn, part=batch is None)
            self._see_batch(known, part=batch is None)
        elif output is not None and self._batches == 0:  # nobody knows what it is compared with, but what it is
            self._batches += 1
            self.splits.of("train").see_output(output.values, self._transfer, self._at.packed)

    def see_call(self, call: Call) -> None:
        """A training loss, or a part of it, was computed by a function that was overheard."""
        if self.probed:
            self._probe.see_loss(call)

    def goes_back(self, loss: Tensor) -> None:
        """The gradient of this loss is about to be taken."""
        self._backward.see_loss(loss)

    def begin_update(self, *, closure: bool) -> None:
        """The first of the optimizers is about to step; a closure has yet to compute the gradients."""
        if self.sampled and not closure:
            self._forward.disarm()
        if self.wanted:
            self._parameters.begin(sampled=self.sampled)

    def see_gradients(self, optimizer: torch.optim.Optimizer) -> None:
        """Just before the optimizer's step, or just after it where a closure has computed them."""
        own = None
        if self._several:
            own = [each for group in optimizer.param_groups for each in group["params"]]
        scale = getattr(optimizer, "grad_scale", None)  # set while a GradScaler leaves unscaling to a fused step
        scale = scale if isinstance(scale, Tensor) else None
        with torch.no_grad():
            self._parameters.see_gradients(own, scale)
        self._about.see_versions(self._step, self._parameters.named)
        if self.sampled:
            self._about.see_gradients(self._parameters.named)
            left = self._backward.left()
            if left is not None:
                unscaled = self._scaling.scale if scale is None else None
                self._parameters.clipped(left if scale is None else left / scale, unscaled)

    def again(self) -> None:
        """At the step's batch, which may take the time of a whole step: not every sampled step is worth it."""
        since = self._guard.spent
        Hook(self._guard, PROBING, self._look_again)()
        self.probing = self._guard.spent - since

    def note_passes(self) -> None:
        """At the end of a sampled step: give up where no forward pass was seen, since looking again would compile anew."""
        self._unseen = self._unseen + 1 if self._forward.unseen else 0
        if self.blind:
            self._guard.say(UNSEEN)

    def write(self, spacing: Callable[[], int], stop: Callable[[], bool]) -> None:
        """The step is over: have its figures fetched and written. `spacing` and `stop` are told to the other processes."""
        together = self.ranks.ready()
        Hook(self._guard, FINISHING, self._queue)(together)
        if together:
            self._talk(spacing(), stop=stop())
            Hook(self._guard, FINISHING, self._transfer.hand_out)()
            Hook(self._guard, FINISHING, self._write_ranks)()
        self._transfer = Transfer()  # nothing may pile up where that fails

    def scalar(self, tag: str, value: float) -> None:
        """Write one more figure of the step."""
        self._at.scalar(tag, value)

    def _see_inputs(self, inputs: Sequence[Tensor]) -> None:
        values = inputs[0]
        self._about.see_input(values)
        self._ids = values.detach() if not self.graph.begun and is_ids(values) else None
        with torch.no_grad():
            Hook(self._guard, "other processes", self.ranks.see_input)(values.detach())
            self.splits.of("train").see_inputs(inputs, self._transfer, self._at.packed)

    def _see_graph(self, loss: Tensor) -> None:
        first = not self.graph.begun
        self._about.changed |= self.graph.see(loss, self._step, self._ids)
        self._ids = None
        crossing = crossed_in(loss) if first else None
        if crossing is not None:
            self._about.see_crossing(crossing)

    def _see_batch(self, batch: Batch, *, part: bool = False) -> None:
        counts = batch.counts()
        if counts is not None:
            self._composition.append(counts)
        if not self.sampled:
            return
        data, write = self.splits.of("train"), self._at.packed
        data.see_targets(batch, self._transfer, write)
        if self._batches == 0:
            Hook(self._guard, "what the loss function is given", self._about.see_batch)(batch)
            if self._forward.once:
                data.see_labels(batch, self._transfer, write)
            data.see_outputs(batch, self._transfer, write)
            if not part:
                Hook(self._guard, "the losses of single samples", data.see_losses)(batch, self._transfer, write)
        self._batches += 1

    def _look_again(self) -> None:
        found = self._probe.run()
        self._about.see_drawn(self._probe.drawn)
        if found is None:
            return
        tensors, part, batch = found
        samples = part, batch * self.ranks.size
        write, name = self._at.packed, self._name

        def consume(values: list[NDArray[np.float64]]) -> None:
            table = np.array([[float(each[0])] for each in values] + [[each or np.nan] for each in samples])
            with np.errstate(over="ignore"):
                write(Schema("probe", "train", PROBED, ("batch",), name), table.astype(np.float32))

        self._transfer.add(tensors, consume)
        self._looked_again = True
        if self._probe.pull is not None and not self._scaling.found:
            self._probe.pull.queue(self._transfer, self._at, name)

    def _queue(self, together: bool) -> None:
        """Have all fetched that this step has left on the device: at once where the processes now talk together."""
        with torch.no_grad():
            self._parameters.queue(
                self._transfer,
                self._at,
                sampled=self.sampled,
                paired=self.paired,
                model=self._name,
                processes=self.ranks.size if together else 1,
            )
            self.splits.of("train").see_composition(self._composition, self._transfer, self._at.packed)
        self._composition = []
        if self.sampled:
            self._queue_activations()
            self._scaling.queue(self._transfer, self._at.scalar)
        if together:
            self._transfer.fetch()
        else:
            self._outbox.deliver(self._transfer, partial(self._guard.on_thread, FINISHING))

    def _queue_activations(self) -> None:
        tensors, finish, copies = self._forward.activations.take()
        write, scalar, name = self._at.packed, self._at.scalar, self._name
        self._forward.entrances.queue(self._transfer, write)

        def consume(values: list[NDArray[np.float64]]) -> None:
            finished = finish(values)
            if finished is not None:
                columns, table, figures = finished
                write(Schema("activations", "train", activations.FIGURES, columns, name), table)
                for tag, value in figures.items():
                    scalar(tag, value)

        self._transfer.add(tensors, consume, copies)

    def _talk(self, spacing: int, *, stop: bool) -> None:
        """With the other processes: norms of what is spread over them, the losses of all, and what only many can tell.

        The others wait for this one, so it comes here whatever has failed before.
        """
        self._about.changed |= not self._outbox.patient
        self._outbox.patient = True
        means, squares, ok = [], np.empty(0), FINISHING not in self._guard.broken
        try:
            means, squares = self._outbox.means(), self._transfer.squares()
        except Exception:  # noqa: BLE001
            self._guard.failed(FINISHING)
            ok = False
        said = self.ranks.exchange(
            squares,
            np.array([mean for _, mean in means]),
            gradients=self._parameters.gradients,
            parameters=self._parameters.total,
            spacing=spacing,
            stop=stop,
            ok=ok,
        )
        if said.sums is not None:
            self._transfer.replace(said.sums)
        if said.losses is not None:
            losses = said.losses / self.ranks.size
            means = [(each, float(loss)) for (each, _), loss in zip(means, losses, strict=True)]
        self._outbox.write(means)
        self._said = said if self.sampled else None

    def _write_ranks(self) -> None:
        """What was heard from the other processes."""
        said, self._said = self._said, None
        if said is None:
            return
        self._at.packed(*self.ranks.figures(said))
        noise = self.ranks.noise(said, self._parameters.gradient)
        if noise is not None and not self._looked_again and not self._scaling.found:
            table = np.array([[math.nan], [math.nan], *([each] for each in noise)])
            self._at.packed(Schema("probe", "train", PROBED, ("batch",), self._name), table.astype(np.float32))
