"""One watched model: follows its steps, and looks closely at some of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from tb_lossdiag.tags import loss_tag
from tb_lossdiag.writer.about import About
from tb_lossdiag.writer.clock import Clock
from tb_lossdiag.writer.data import Batch
from tb_lossdiag.writer.guard import Guard, Hook, QuickHook
from tb_lossdiag.writer.look import FINISHING, Look
from tb_lossdiag.writer.loss_tap import Call, Heard, LossTap
from tb_lossdiag.writer.losses import Found
from tb_lossdiag.writer.modules import unwrapped
from tb_lossdiag.writer.outbox import Loss, Outbox
from tb_lossdiag.writer.rates import Rates
from tb_lossdiag.writer.scaling import Scaling
from tb_lossdiag.writer.schedule import Schedule

__all__ = ["Watch"]


LOSSES = "losses"
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
        self._began_training = model.training  # mode
        self.tap: LossTap | None = None
        # another watched model's loss is seen: a GAN's, a decoder's
        self.loss_elsewhere: Callable[[], bool] = lambda: False
        self.train_loss_given = False  # the user reports it with add_loss
        self.found_its_loss = False  # nobody has named the loss function: the model holds one
        self.told_of_losses = False  # with their graph, by the user or by a framework
        self._suffix = "" if primary else f"@{name}"
        self._train_tag = self.tag(loss_tag("train"))
        self._outbox = outbox
        self._evaluating = evaluating
        self._write_facts = write_facts
        self._schedule = Schedule(overhead, step)
        self._scaling = Scaling()
        self._look = Look(
            model,
            self.optimizers,
            name=name,
            suffix=self._suffix,
            about=self.about,
            guard=self.guard,
            outbox=outbox,
            scaling=self._scaling,
            training=self._training,
            before_loss=self.before_loss,
            sampler=sampler,
        )
        self.splits, self.graph, self.ranks = self._look.splits, self._look.graph, self._look.ranks
        self._wants_to_stop = wants_to_stop
        self._quiet = False  # nothing is wanted of this step but its loss and learning rate
        self._passed = 0  # steps since the clock was read
        self._as_before = False  # the step before had one loss, in training mode
        self._handles: list[RemovableHandle] = []
        self._before: list[RemovableHandle] = []  # of steps that are looked at
        self._checks: list[RemovableHandle] = []
        self.aside: Callable[[], float] = lambda: 0.0  # seconds that other threads have spent on watching
        self._stepped: set[int] = set()  # optimizers that have taken their part of this step
        self._closure = self._called_once = False
        self._told = 0  # notes of the guard that are in the facts
        self._trains_in_eval_mode = False
        self._rates = Rates(self.optimizers, lambda tag, lr: outbox.scalar(self.tag(tag), self.step, lr))
        self.clock = Clock(self.guard)
        self._pair_cost = self._aside_before = 0.0

    def attach(self) -> None:
        """Register the hooks that stay: after each step of an optimizer."""
        for each in self.optimizers:
            after = QuickHook(self.guard, "the steps", self._pass_by, self._after_step)
            self._handles.append(each.register_step_post_hook(after))
        self._arm()

    def _hook_before(self, *, wanted: bool) -> None:
        """Register the hooks before each step of an optimizer, or remove them: there is nothing to do there where nobody looks."""
        if wanted and not self._before:
            before = Hook(self.guard, "gradients and parameters", self._before_step)
            self._before = [each.register_step_pre_hook(before) for each in self.optimizers]
        elif not wanted:
            remove(self._before)

    def _others_follow(self) -> bool:
        """Whether others do something after a step, such as to change the learning rate before it is seen there."""
        hooks = self._handles[0].hooks_dict_ref() if self._handles else None
        return hooks is None or len(hooks) > 1

    def close(self) -> None:
        """Remove all hooks and let go of what was copied."""
        for handles in (self._handles, self._before, self._checks):
            remove(handles)
        self._look.close()
        self.leave_tap()

    def leave_tap(self) -> None:
        """No losses are looked at any more."""
        if self.tap is not None:
            self.tap.learners.remove(self)
            if not self.tap.learners:
                self.tap.close()
            self.tap = None

    def rest(self) -> None:
        """Free the model of hooks until the optimizer takes its next step."""
        self._look.disarm()

    def let_through(self, check: Callable[..., None]) -> None:
        """Call this before each step of an optimizer; what it raises, it raises in the training."""
        remove(self._checks)
        self._checks = [each.register_step_pre_hook(check) for each in self.optimizers]

    def loss_goes_back(self, loss: Tensor) -> None:
        """A framework is about to take the gradient of this loss."""
        if self._look.sampled:
            Hook(self.guard, "what backward leaves in the gradients", self._look.goes_back)(loss)

    def gradients_ready(self) -> None:
        """A framework's closure, which is called once, has computed the gradients, within the optimizer's step."""
        self._called_once = True
        if self._closure and self._look.probed and not self._stepped:
            self._look.passes_over()
            self._look_again()

    def look_once(self) -> None:
        """Never look at a batch again: calling the model would not compute it anew."""
        self._look.look_once()

    def knows_loss(self, loss_fn: object, *, part: bool = False) -> None:
        """Which loss function the training calls, or which computes a part of the loss, where that was not known from the beginning."""
        self.about.see_loss_fn(loss_fn, part=part)

    @property
    def looking(self) -> bool:
        """Whether something of this step is wanted besides its loss."""
        return self._look.wanted

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
        mixed = self._look.mixed_inputs
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
        return not self._look.wanted and bool(self.optimizers)

    def see_loss(self, batch: Batch | None, call: Call, found: Found) -> None:
        """A training loss was computed; `batch` is given on steps that are looked at."""
        self.ranks.see_loss(self.clock.waited)
        self._look.see_loss(batch, call, found)
        if not self.optimizers:  # nothing else counts steps
            self._complete()

    def see_given_loss(self, loss: Tensor) -> None:
        """The user reports a training loss; one that was heard going back before has told already what it was made of."""
        if not loss.requires_grad or loss.dim() or (self.tap is not None and self.tap.heard):
            return
        self.told_of_losses = True
        seen = self.tap is not None and self.tap.seen  # where it was computed
        if self._look.sampled and not seen:
            self._look.see_given_loss(loss)

    def see_call(self, function: Callable[..., Tensor], args: Any, kwargs: Any, value: Tensor) -> None:  # noqa: ANN401
        """One of torch's functions was overheard as it computed a training loss, or a part of it."""
        if self._look.probed:
            self._look.see_call(Call(function, args, kwargs, value.detach().clone()))

    @property
    def asks_for_losses(self) -> bool:
        """Whether its losses are seen nowhere, so that those are wanted whose gradient is taken."""
        return bool(self.optimizers) and self.tap is not None and not (self.tap.seen or self.told_of_losses)

    @property
    def only_hears(self) -> bool:
        """Whether of this step nothing is wanted but its loss, which is seen where its gradient is taken."""
        return self._quiet and self.model.training and self.asks_for_losses

    def see_loss_go_back(self, loss: Tensor, heard: Heard, *, alone: bool) -> None:
        """A gradient is about to be taken of a loss that trains this model, `alone` if no other is watched, and `heard` is what it was."""
        if self.tap is not None:
            self.tap.hear(heard)
        self.ranks.see_loss(self.clock.waited)
        if self._look.sampled and not loss.dim():
            self._look.see_given_loss(loss, alone=alone)

    def evaluated(self) -> None:
        """An evaluation of the model is seen."""
        self.about.evaluated(began_training=self._began_training)

    def see_whole_loss(self, loss: Tensor) -> None:
        """A gradient is about to be taken of all that is minimised, of which the loss function may have computed a part."""
        self.about.changed |= self.graph.see_whole(loss)

    def unattributed(self) -> None:
        """A loss belongs to no step and to no evaluation."""
        self.about.unattributed()

    def _training(self) -> bool:
        """Whether a forward pass at this moment belongs to training."""
        return torch.is_grad_enabled() and not self._evaluating() and (self.model.training or self._trains_in_eval_mode)

    def _before_step(self, optimizer: torch.optim.Optimizer, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        if self._quiet:
            self._see_rates(optimizer)
            return
        if id(optimizer) in self._stepped:  # once more, before the others had their turn
            self._complete()
        self._closure = closure_in(args, kwargs)
        if not self._stepped:
            self._begin_step()
        if self._look.wanted and not self._closure:  # a closure has yet to compute the gradients
            self._look.see_gradients(optimizer)
            if self._look.probed and not self._stepped:
                self._look_again()

    def _see_rates(self, optimizer: torch.optim.Optimizer) -> None:
        if not self._rates.same(optimizer.param_groups):
            self._rates.see(sampled=False)

    def _begin_step(self) -> None:
        """The first of the optimizers is about to step."""
        self.ranks.disarm()
        self._scaling.look()
        if self._scaling.earlier:
            self._tell_earlier_steps()
        self._rates.see(sampled=self._look.sampled)
        self._look.begin_update(closure=self._closure)

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

    def _look_again(self) -> None:
        self._look.again()
        self._schedule.probe(self.step, self._look.probing)

    def _after_step(self, optimizer: torch.optim.Optimizer, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        if self._quiet:
            self._closure = closure_in(args, kwargs)
            if not self._before:
                self._see_rates(optimizer)
            self._complete()
            return
        self._stepped.add(id(optimizer))
        self._scaling.taken(optimizer)
        if self._look.wanted and self._closure:
            self._look.passes_over()
            Hook(self.guard, "gradients and parameters", self._look.see_gradients)(optimizer)
        if len(self._stepped) >= len(self.optimizers):
            self._complete()

    def _pass_by(self, optimizer: torch.optim.Optimizer, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
        """The only optimizer has taken a step that nobody looks at, as nearly all are; False where there is more to it than that."""
        if not self._quiet or not self._as_before or len(args) + len(kwargs) > 1 or self.tap is None:
            return False
        if not self._before and not self._rates.same(optimizer.param_groups):
            return False
        loss = self.tap.take_only()
        if loss is None:
            return False
        if not self.train_loss_given and self._outbox.keep(self._train_tag, self.step, loss):
            self._outbox.settle()
        self.step += 1
        self._passed += 1
        if self.step >= self._schedule.next:
            self._see_time()
            self._arm()
        return True

    def _complete(self) -> None:
        """This step is over."""
        Hook(self.guard, LOSSES, self._see_losses)()
        self._end_step()

    def _see_losses(self) -> None:
        if self.tap is not None:
            losses, training = self.tap.take()
            self._take_losses(losses, training=training)
        if self._look.sampled:
            self._look.note_passes()
            if not self._schedule.early(self.step):
                self._say_where_there_is_no_loss()

    def _say_where_there_is_no_loss(self) -> None:
        known = self.tap is None or self.tap.seen or self.tap.heard or self.train_loss_given
        if self.tap is not None and not known and not self.loss_elsewhere():
            self.guard.say(NO_LOSS_IN_MODEL if self.tap.of_model else NO_LOSS)

    def _end_step(self) -> None:
        self._stepped.clear()
        if self._look.wanted:
            self._look.write(self._schedule.spacing, self._wants_to_stop)
            Hook(self.guard, FINISHING, self._finish_step)()
        elif self._outbox.overdue:
            self._outbox.settle()
        self._plan()

    def _take_losses(self, losses: Sequence[Loss], *, training: bool) -> None:
        if not losses:
            return
        if (
            self._closure and not self._called_once
        ):  # it is called again wherever the optimizer tries: as torch's own do, the first counts
            losses = losses[:1]
        self._trains_in_eval_mode = not training
        self._as_before = training and len(losses) == 1
        self.about.see_mode(self.step, training=training)
        self.about.see_losses(len(losses))
        if not self.train_loss_given:
            self._outbox.later(self._train_tag, self.step, losses)

    def _finish_step(self) -> None:
        """What is written besides the figures."""
        self._outbox.settle()
        if self._look.sampled:
            self.about.see_structure()
            share = self.clock.share(self.aside())
            if share is not None:
                self._look.scalar("diag/overhead", share)
            if self.about.changed or self._told < len(self.guard.notes):
                self._write_facts()

    def _plan(self) -> None:
        """End this step: learn what it took, and prepare the next."""
        self._passed += 1
        spent = self._see_time()
        if self._look.sampled:
            aside, self._aside_before = self.guard.aside - self._aside_before, self.guard.aside
            self._schedule.cost(self.step, spent - self._look.probing + self._pair_cost + aside, self.ranks.agreed)
        elif self._look.paired:
            self._pair_cost = spent
        self._look.probing = 0.0
        self.step += 1
        self._arm()

    def _see_time(self) -> float:
        """How long the steps took since this was last asked, each of them, and how long it took to watch them."""
        took, spent = self.clock.step()
        self._schedule.took(took / self._passed)
        self._passed = 0
        return spent

    def _arm(self) -> None:
        sampled, paired = self._schedule.sampled(self.step), self._schedule.paired(self.step)
        plain = not (sampled or paired or self._scaling.found) and LOSSES not in self.guard.broken
        if self._quiet and plain:
            return  # as on the step before
        probed = bool(self.optimizers) and self._schedule.probed(self.step)
        self._look.arm(self.step, sampled=sampled, paired=paired, probed=probed)
        self._quiet = plain and len(self.optimizers) == 1 and not self._stepped
        self._hook_before(wanted=not self._quiet or self._others_follow())


def remove(handles: list[RemovableHandle]) -> None:
    """Remove these hooks, and forget them."""
    for each in handles:
        each.remove()
    handles.clear()


def closure_in(args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Whether an optimizer's step, itself among its arguments, was given a function to call."""
    return len(args) + len(kwargs) > 1 and any(map(callable, (*args[1:], *kwargs.values())))
