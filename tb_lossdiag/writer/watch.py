"""One watched model: follows its steps, and looks closely at some of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from tb_lossdiag.tags import Schema, loss_tag
from tb_lossdiag.writer import activations
from tb_lossdiag.writer.about import About
from tb_lossdiag.writer.backward import Backward
from tb_lossdiag.writer.clock import Clock
from tb_lossdiag.writer.crossing import crossed_in
from tb_lossdiag.writer.data import Batch
from tb_lossdiag.writer.forward import ForwardHooks
from tb_lossdiag.writer.graph import Graph
from tb_lossdiag.writer.graph_loss import batch_in, differences_in, part_in
from tb_lossdiag.writer.guard import Guard, Hook
from tb_lossdiag.writer.loss_tap import Call, LossTap
from tb_lossdiag.writer.losses import Found
from tb_lossdiag.writer.modules import unwrapped
from tb_lossdiag.writer.outbox import At, Outbox
from tb_lossdiag.writer.parameters import ParameterFigures
from tb_lossdiag.writer.probe import FIGURES as PROBED
from tb_lossdiag.writer.probe import PART as PROBING
from tb_lossdiag.writer.probe import Probe
from tb_lossdiag.writer.ranks import Ranks, Said
from tb_lossdiag.writer.rates import Rates
from tb_lossdiag.writer.scaling import Scaling
from tb_lossdiag.writer.schedule import Schedule
from tb_lossdiag.writer.splits import Splits
from tb_lossdiag.writer.transfer import Transfer

__all__ = ["Watch"]


FINISHING = "the figures of a step"
LOSSES = "losses"
PATIENCE = 2  # steps without a forward pass, after which it is not looked for any more
UNSEEN = (
    "The forward pass of the model was not seen: layers and inputs are not logged. Call the model itself, model(x) rather than "
    "model.forward(x), outside of other code that is compiled; and watch what is called, such as what torch.compile returned."
)
NO_LOSS = (
    "No loss was seen at the loss function that was given to watch(): call it outside of code that is compiled, or through "
    "writer.loss_fn where it is a plain function, or report losses with writer.add_loss."
)
NO_LOSS_IN_MODEL = "No loss was seen: give the loss function to watch(), or report losses with writer.add_loss."


class Watch:
    """A model with its optimizers and its loss function. `step` counts the optimizers' steps since `watch`.

    A sampled step goes: forward hooks are registered at the end of the step before; inputs, activations and the loss are
    seen; just before the optimizer's step gradients and parameters are measured, just after it the update; then
    everything is fetched from the device in one trip and written. A step is over when each optimizer has taken its own,
    or at the next training loss at the latest; it is one too where a GradScaler has left it out.
    """

    def __init__(  # noqa: PLR0913  (the arguments of DiagWriter.watch and what the watch writes to)
        self,
        model: nn.Module,
        optimizers: Sequence[torch.optim.Optimizer],
        loss_fn: object,
        *,
        name: str,
        primary: bool,
        outbox: Outbox,
        overhead: float,
        evaluating: Callable[[], bool],
        write_facts: Callable[[], None],
        step: int,
        sampler: Callable[[], object] = lambda: None,
        wants_to_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.model = model
        self.optimizers = list(optimizers)
        self.name = name
        self.step = step
        self.guard = Guard()
        self.about = About(unwrapped(model), self.optimizers, loss_fn)
        self.tap: LossTap | None = None
        self.loss_elsewhere: Callable[[], bool] = lambda: (
            False
        )  # another watched model's loss is seen: a GAN's, a decoder's
        self.train_loss_given = False  # the user reports it with add_loss
        self.found_its_loss = False  # nobody has named the loss function: the model holds one
        self._suffix = "" if primary else f"@{name}"
        self._outbox = outbox
        self._evaluating = evaluating
        self._write_facts = write_facts
        self._schedule = Schedule(overhead, step)
        self._transfer = Transfer()
        self._at = At(outbox, step, self._suffix)
        self.splits = Splits(name)
        self._forward = ForwardHooks(
            model,
            self.about,
            self.guard,
            training=self._training,
            see_inputs=self._see_inputs,
            before=self.before_loss,
            name=name,
            keep_output=bool(self.optimizers),  # nobody says when a step is over where there are none
        )
        self._probe = Probe(model, self.guard, self._training)
        self._backward = Backward(self.guard, unwrapped(model).parameters)
        self.graph = Graph(unwrapped(model), self.optimizers)
        self._scaling = Scaling()
        self._parameters = ParameterFigures(unwrapped(model))
        self.ranks = Ranks(model, name, self.guard, sampler)
        self._wants_to_stop = wants_to_stop
        self._said: Said | None = None
        self._looked_again = False
        self._quiet = False  # nothing is wanted of this step but its loss and learning rate
        self._handles: list[RemovableHandle] = []
        self._checks: list[RemovableHandle] = []
        self.aside: Callable[[], float] = lambda: 0.0  # seconds that other threads have spent on watching
        self._sampled = self._paired = self._probed = False
        self._stepped: set[int] = set()  # optimizers that have taken their part of this step
        self._closure = self._called_once = False
        self._told = 0  # notes of the guard that are in the facts
        self._unseen = 0  # sampled steps in a row whose forward pass was not seen
        self._trains_in_eval_mode = False
        self._composition: list[Tensor] = []
        self._batches = 0
        self._rates = Rates(self.optimizers, lambda tag, lr: outbox.scalar(self.tag(tag), self.step, lr))
        self.clock = Clock(self.guard)
        self._pair_cost = self._probing = self._aside_before = 0.0

    def attach(self) -> None:
        """Register the hooks that stay: before and after each step of an optimizer."""
        for each in self.optimizers:
            before = Hook(self.guard, "gradients and parameters", self._before_step)
            after = Hook(self.guard, "the steps", self._after_step)
            self._handles.append(each.register_step_pre_hook(before))
            self._handles.append(each.register_step_post_hook(after))
        self._arm()

    def close(self) -> None:
        """Remove all hooks and let go of what was copied."""
        for handle in (*self._handles, *self._checks):
            handle.remove()
        self._handles, self._checks = [], []
        self._forward.disarm()
        self._probe.disarm()
        self._backward.disarm()
        self.ranks.disarm()
        self.leave_tap()
        self._parameters.drop()

    def leave_tap(self) -> None:
        """No losses are looked at any more."""
        if self.tap is not None:
            self.tap.learners.remove(self)
            if not self.tap.learners:
                self.tap.close()
            self.tap = None

    def rest(self) -> None:
        """Free the model of hooks until the optimizer takes its next step."""
        self._forward.disarm()
        self._probe.disarm()
        self._backward.disarm()
        self.ranks.disarm()

    def let_through(self, check: Callable[..., None]) -> None:
        """Call this before each step of an optimizer; what it raises, it raises in the training."""
        for handle in self._checks:
            handle.remove()
        self._checks = [each.register_step_pre_hook(check) for each in self.optimizers]

    def loss_goes_back(self, loss: Tensor) -> None:
        """A framework is about to take the gradient of this loss."""
        if self._sampled:
            Hook(self.guard, "what backward leaves in the gradients", self._backward.see_loss)(loss)

    def gradients_ready(self) -> None:
        """A framework's closure, which is called once, has computed the gradients, within the optimizer's step."""
        self._called_once = True
        if self._closure and self._probed and not self._stepped:
            self._forward.disarm()  # the pass is over, and no hook may see the next one
            Hook(self.guard, PROBING, self._look_again)()

    def look_once(self) -> None:
        """Never look at a batch again: calling the model would not compute it anew."""
        self._probe.over = True

    def knows_loss(self, loss_fn: object) -> None:
        """Which loss function the training calls, where that was not known from the beginning."""
        self.about.see_loss_fn(loss_fn)

    @property
    def looking(self) -> bool:
        """Whether something of this step is wanted besides its loss."""
        return self._sampled or self._paired

    def tag(self, tag: str) -> str:
        """A scalar's tag: plain for the first model, with the model's name for further ones."""
        return tag + self._suffix

    @property
    def counts(self) -> bool:
        """Whether it counts steps: by its optimizers, or else by its training losses."""
        return bool(self.optimizers) or (self.tap is not None and (self.tap.seen or not self.tap.of_model))

    @property
    def trains_in_training_mode(self) -> bool:
        """Whether there were steps, and all of them in training mode: what is computed in evaluation mode is none, then."""
        return self.step > 0 and not self._trains_in_eval_mode

    def facts(self) -> dict[str, Any]:
        """What is known of the model, and what is to be said about watching it."""
        self._told = len(self.guard.notes)
        self.about.see_scaling(self._scaling.found, self._scaling.skipped)
        mixed = {name: list(map(list, sizes)) for name, sizes in self._forward.reshapes.mixed.items()}
        found = self.about.facts() | self.graph.facts(self.about.missing) | ({"mixed_inputs": mixed} if mixed else {})
        if self.optimizers and self.step == 0 and self.tap is not None:
            found["losses_without_step"] = self.tap.waiting if self.about.unmoved() else 0
        return found | {"notes": list(self.guard.notes), "processes": self.ranks.size}

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run goes on from, as plain values and tensors."""
        return {
            "step": self.step,
            "skipped": self._scaling.skipped,
            "about": self.about.state_dict(),
            "graph": self.graph.state_dict(),
            **self.splits.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.step = int(state["step"])
        self._scaling.skipped = int(state["skipped"])
        self.about.load_state_dict(state["about"])
        if "graph" in state:
            self.graph.load_state_dict(state["graph"])
        self.splits.load_state_dict(state)
        self._schedule = Schedule(self._schedule.overhead, self.step)
        self._arm()

    def before_loss(self) -> None:
        """A training loss is coming: a step that some optimizers have taken, or that was left out, is over."""
        if self._stepped or (self._scaling.found and self._scaling.left_out()):
            self._complete()

    def only_counts(self) -> bool:
        """The same, and whether no more is wanted than the loss: not on steps that are looked at, nor where nothing else counts steps."""
        if self._quiet:
            return True
        self.before_loss()
        return not (self._sampled or self._paired or self._probed) and bool(self.optimizers)

    def see_loss(self, batch: Batch | None, call: Call, found: Found) -> None:
        """A training loss was computed; `batch` is given on steps that are looked at."""
        self.ranks.see_loss(self.clock.waited)
        if self._sampled and found.whole:
            self._backward.see_loss(found.value)
            Hook(self.guard, "the graph of the loss", self._see_graph)(found.value)
        if self._probed:
            self._probe.see_loss(call)
        if batch is not None:
            self._see_batch(batch)
        if not self.optimizers:  # nothing else counts steps
            self._complete()

    def see_given_loss(self, loss: Tensor) -> None:
        """The user reports a training loss; its graph may still be there, and tell what it was made of."""
        seen = self.tap is not None and self.tap.seen  # where it was computed
        if seen or not (self._sampled and loss.requires_grad and loss.dim() == 0):
            return
        self._backward.see_loss(loss)
        Hook(self.guard, "the graph of the loss", self._see_graph)(loss)
        output = self._forward.output
        batch = batch_in(loss) or (differences_in(loss, output) if output is not None else None)
        known = batch or part_in(loss)
        if known is not None:
            self.about.see_loss_fn(known.loss_fn, part=batch is None)
            self._see_batch(known, part=batch is None)
        elif output is not None and self._batches == 0:  # nobody knows what it is compared with, but what it is
            self._batches += 1
            self.splits.of("train").see_output(output.values, self._transfer, self._at.packed)

    def _see_graph(self, loss: Tensor) -> None:
        first = not self.graph.begun
        self.about.changed |= self.graph.see(loss, self.step)
        crossing = crossed_in(loss) if first else None
        if crossing is not None:
            self.about.see_crossing(crossing)

    def unattributed(self) -> None:
        """A loss belongs to no step and to no evaluation."""
        self.about.unattributed()

    def _training(self) -> bool:
        """Whether a forward pass at this moment belongs to training."""
        return torch.is_grad_enabled() and not self._evaluating() and (self.model.training or self._trains_in_eval_mode)

    def _see_inputs(self, inputs: Sequence[Tensor]) -> None:
        values = inputs[0]
        self.about.see_input(values)
        with torch.no_grad():
            Hook(self.guard, "other processes", self.ranks.see_input)(values.detach())
            self.splits.of("train").see_inputs(inputs, self._transfer, self._at.packed)

    def _see_batch(self, batch: Batch, *, part: bool = False) -> None:
        counts = batch.counts()
        if counts is not None:
            self._composition.append(counts)
        if not self._sampled:
            return
        data, write = self.splits.of("train"), self._at.packed
        data.see_targets(batch, self._transfer, write)
        if self._batches == 0:
            Hook(self.guard, "what the loss function is given", self.about.see_batch)(batch)
            data.see_outputs(batch, self._transfer, write)
            if not part:
                data.see_losses(batch, self._transfer, write)
        self._batches += 1

    def _before_step(self, optimizer: torch.optim.Optimizer, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        if self._quiet:
            self._closure = closure_in(args, kwargs)
            if not self._rates.same(optimizer.param_groups):
                self._rates.see(sampled=False)
            return
        if id(optimizer) in self._stepped:  # once more, before the others had their turn
            self._complete()
        self._closure = closure_in(args, kwargs)
        if not self._stepped:
            self._begin_step()
        if self.looking and not self._closure:  # a closure has yet to compute the gradients
            self._see_gradients(optimizer)
            if self._probed and not self._stepped:
                Hook(self.guard, PROBING, self._look_again)()

    def _begin_step(self) -> None:
        """The first of the optimizers is about to step."""
        self.ranks.disarm()
        self._scaling.look()
        if self._scaling.earlier:
            self._tell_earlier_steps()
        self._rates.see(sampled=self._sampled)
        if self._sampled and not self._closure:
            self._forward.disarm()
        if self.looking:
            self._parameters.begin(sampled=self._sampled)

    def _tell_earlier_steps(self) -> None:
        """Steps that were left out before the scaler was known: their losses wait with that of this step."""
        earlier, self._scaling.earlier = self._scaling.earlier, 0
        losses, training = self.tap.take() if self.tap is not None else ([], True)
        each, left = divmod(len(losses), earlier + 1)
        if left or not each:
            self._take_losses(losses, training=training)
            return
        for i in range(earlier):
            self._take_losses(losses[i * each : (i + 1) * each], training=training)
            self._end_step()
        if self.tap is not None:
            self.tap.give_back(losses[earlier * each :], training=training)

    def _see_gradients(self, optimizer: torch.optim.Optimizer) -> None:
        """Just before the step, or just after it where a closure has computed them."""
        own = None
        if len(self.optimizers) > 1:
            own = [each for group in optimizer.param_groups for each in group["params"]]
        scale = getattr(optimizer, "grad_scale", None)  # set while a GradScaler leaves unscaling to a fused step
        scale = scale if isinstance(scale, Tensor) else None
        with torch.no_grad():
            self._parameters.see_gradients(own, scale)
        self.about.see_versions(self.step, self._parameters.named)
        if self._sampled:
            self.about.see_gradients(self._parameters.named)
            left = self._backward.left()
            if left is not None:
                unscaled = self._scaling.scale if scale is None else None
                self._parameters.clipped(left if scale is None else left / scale, unscaled)

    def _look_again(self) -> None:
        """At the step's batch, which may have taken the time of a whole step: not every sampled step is worth it."""
        since = self.guard.spent
        found = self._probe.run()
        self.about.see_dropping(self._probe.dropped)
        if found is not None:
            tensors, part, batch = found
            samples = part, batch * self.ranks.size
            write, name = self._at.packed, self.name

            def consume(values: list[NDArray[np.float64]]) -> None:
                table = np.array([[float(each[0])] for each in values] + [[each or np.nan] for each in samples])
                with np.errstate(over="ignore"):
                    write(Schema("probe", "train", PROBED, ("batch",), name), table.astype(np.float32))

            self._transfer.add(tensors, consume)
            self._looked_again = True
            if self._probe.pull is not None and not self._scaling.found:
                self._probe.pull.queue(self._transfer, self._at, name)
        self._probing = self.guard.spent - since
        self._schedule.probe(self.step, self._probing)

    def _after_step(self, optimizer: torch.optim.Optimizer, *_: object) -> None:
        if self._quiet:
            self._pass_by()
            return
        self._stepped.add(id(optimizer))
        self._scaling.taken(optimizer)
        if self.looking and self._closure:
            self._forward.disarm()
            Hook(self.guard, "gradients and parameters", self._see_gradients)(optimizer)
        if len(self._stepped) >= len(self.optimizers):
            self._complete()

    def _pass_by(self) -> None:
        """The only optimizer has taken a step that nobody looks at, as nearly all are."""
        try:
            if self.tap is not None:
                losses, training = self.tap.take()
                self._take_losses(losses, training=training)
            if self._outbox.overdue:
                self._outbox.settle()
        except Exception:  # noqa: BLE001  (as in a hook)
            self.guard.failed(LOSSES)
        self._plan()

    def _complete(self) -> None:
        """This step is over."""
        Hook(self.guard, LOSSES, self._see_losses)()
        self._end_step()

    def _see_losses(self) -> None:
        if self.tap is not None:
            losses, training = self.tap.take()
            self._take_losses(losses, training=training)
        if self._sampled:
            self._look_for_what_is_unseen()

    def _look_for_what_is_unseen(self) -> None:
        """Hooks that are compiled along see nothing, and looking again would compile anew: then it is given up."""
        self._unseen = self._unseen + 1 if self._forward.unseen else 0
        if self._unseen >= PATIENCE:
            self.guard.say(UNSEEN)
        if not self._schedule.early(self.step) and self.tap is not None and not self.tap.seen:
            self._say_that_there_is_no_loss()

    def _say_that_there_is_no_loss(self) -> None:
        if self.tap is not None and not self.train_loss_given and not self.loss_elsewhere():
            self.guard.say(NO_LOSS_IN_MODEL if self.tap.of_model else NO_LOSS)

    def _end_step(self) -> None:
        self._stepped.clear()
        if self.looking:
            together = self.ranks.ready()
            Hook(self.guard, FINISHING, self._queue_step)(together)
            if together:
                self._talk()
                Hook(self.guard, FINISHING, self._transfer.hand_out)()
                Hook(self.guard, FINISHING, self._write_ranks)()
            Hook(self.guard, FINISHING, self._finish_step)()
            self._transfer = Transfer()  # nothing may pile up where that fails
        elif self._outbox.overdue:
            self._outbox.settle()
        self._plan()

    def _take_losses(self, losses: Sequence[Tensor], *, training: bool) -> None:
        if not losses:
            return
        if (
            self._closure and not self._called_once
        ):  # it is called again wherever the optimizer tries: as torch's own do, the first counts
            losses = losses[:1]
        self._trains_in_eval_mode = not training
        self.about.see_mode(self.step, training=training)
        self.about.see_losses(len(losses))
        if not self.train_loss_given:
            self._outbox.later(self.tag(loss_tag("train")), self.step, losses)

    def _queue_step(self, together: bool) -> None:
        """Have all fetched that this step has left on the device: at once where the processes now talk together."""
        with torch.no_grad():
            self._parameters.queue(
                self._transfer,
                self._at,
                sampled=self._sampled,
                paired=self._paired,
                model=self.name,
                processes=self.ranks.size if together else 1,
            )
            self.splits.of("train").see_composition(self._composition, self._transfer, self._at.packed)
        self._composition = []
        if self._sampled:
            self._add_activations()
            self._scaling.queue(self._transfer, self._at.scalar)
        if together:
            self._transfer.fetch()
        else:
            self._outbox.deliver(self._transfer, partial(self.guard.on_thread, FINISHING))

    def _talk(self) -> None:
        """With the other processes: norms of what is spread over them, the losses of all, and what only many can tell.

        The others wait for this one, so it comes here whatever has failed before.
        """
        self.about.changed |= not self._outbox.patient
        self._outbox.patient = True
        means, squares, ok = [], np.empty(0), FINISHING not in self.guard.broken
        try:
            means, squares = self._outbox.means(), self._transfer.squares()
        except Exception:  # noqa: BLE001
            self.guard.failed(FINISHING)
            ok = False
        said = self.ranks.exchange(
            squares,
            np.array([mean for _, mean in means]),
            gradients=self._parameters.gradients,
            parameters=self._parameters.total,
            spacing=self._schedule.spacing(),
            stop=self._wants_to_stop(),
            ok=ok,
        )
        if said.sums is not None:
            self._transfer.replace(said.sums)
        if said.losses is not None:
            losses = said.losses / self.ranks.size
            means = [(each, float(loss)) for (each, _), loss in zip(means, losses, strict=True)]
        self._outbox.write(means)
        self._said = said if self._sampled else None

    def _write_ranks(self) -> None:
        """What was heard from the other processes."""
        said, self._said = self._said, None
        if said is None:
            return
        self._at.packed(*self.ranks.figures(said))
        noise = self.ranks.noise(said, self._parameters.gradient)
        if noise is not None and not self._looked_again and not self._scaling.found:
            table = np.array([[math.nan], [math.nan], *([each] for each in noise)])
            self._at.packed(Schema("probe", "train", PROBED, ("batch",), self.name), table.astype(np.float32))

    def _finish_step(self) -> None:
        """What is written besides the figures."""
        self._outbox.settle()
        if self._sampled:
            self.about.see_structure()
            self._log_overhead()
            if self.about.changed or self._told < len(self.guard.notes):
                self._write_facts()

    def _add_activations(self) -> None:
        tensors, finish, copies = self._forward.activations.take()
        write, scalar, name = self._at.packed, self._at.scalar, self.name
        self._forward.entrances.queue(self._transfer, write)

        def consume(values: list[NDArray[np.float64]]) -> None:
            finished = finish(values)
            if finished is not None:
                columns, table, figures = finished
                write(Schema("activations", "train", activations.FIGURES, columns, name), table)
                for tag, value in figures.items():
                    scalar(tag, value)

        self._transfer.add(tensors, consume, copies)

    def _log_overhead(self) -> None:
        share = self.clock.share(self.aside())
        if share is not None:
            self._at.scalar("diag/overhead", share)

    def _plan(self) -> None:
        """End this step: learn what it took, and prepare the next."""
        took, spent = self.clock.step()
        self._schedule.took(took)
        if self._sampled:
            aside, self._aside_before = self.guard.aside - self._aside_before, self.guard.aside
            self._schedule.cost(self.step, spent - self._probing + self._pair_cost + aside, self.ranks.agreed)
        elif self._paired:
            self._pair_cost = spent
        self._probing = 0.0
        self.step += 1
        self._arm()

    def _arm(self) -> None:
        self._sampled, self._paired = self._schedule.sampled(self.step), self._schedule.paired(self.step)
        if self._quiet and not self.looking and not self._scaling.found and LOSSES not in self.guard.broken:
            return  # as on the step before
        self._batches, self._looked_again = 0, False
        if self.looking:
            self._at = At(self._outbox, self.step, self._suffix)
        blind = self._unseen >= PATIENCE
        self._probed = bool(self.optimizers) and not blind and self._schedule.probed(self.step)
        if self._probe.armed:
            self._probe.disarm()
        if self._sampled:
            self._backward.arm()
            Hook(self.guard, "other processes", self.ranks.arm)()
        if self._sampled and not blind:
            Hook(self.guard, "the layers of the model", self._forward.arm)(self.step)
        if self._probed:
            Hook(self.guard, PROBING, self._probe.arm)()
        one = len(self.optimizers) == 1 and not self._stepped
        self._quiet = one and not self.looking and not self._scaling.found and LOSSES not in self.guard.broken


def closure_in(args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Whether an optimizer's step, itself among its arguments, was given a function to call."""
    return len(args) + len(kwargs) > 1 and any(map(callable, (*args[1:], *kwargs.values())))
