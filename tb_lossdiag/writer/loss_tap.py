"""Where losses are seen: at the loss function, once for all models that are trained by it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

from torch import Tensor, nn

from tb_lossdiag.writer.data import Batch
from tb_lossdiag.writer.guard import Guard, QuickHook
from tb_lossdiag.writer.losses import Found, loss_of, loss_within
from tb_lossdiag.writer.modules import around_calls
from tb_lossdiag.writer.outbox import Loss
from tb_lossdiag.writer.own_loss import Meaning, is_own, meaning_of
from tb_lossdiag.writer.per_sample import type_of
from tb_lossdiag.writer.samples import first_tensor, parts_of, tensors_of
from tb_lossdiag.writer.whose_loss import WhoseLoss

__all__ = ["Call", "Heard", "Learner", "LossTap"]

EITHER_WAY = {
    "MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss", "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss",
}  # fmt: skip
"""Losses that are the same whichever of prediction and target is given first."""


TRIES = 3  # training losses at which it is asked what a loss function of the user's own comes down to
OF_THREE = {"CosineEmbeddingLoss", "MarginRankingLoss", "cosine_embedding_loss", "margin_ranking_loss"}
"""Losses that are given two predictions before the target."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the loss function, and what it said."""

    PREDICTION: ClassVar = object()  # stands for the prediction where that is left out

    loss_fn: Any
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    loss: Tensor

    @property
    def prediction(self) -> object:
        """The argument that the model has put out."""
        given = [*self.args, *self.kwargs.values()]
        return self.kwargs["input"] if "input" in self.kwargs else given[0] if given else None

    def without(self, prediction: Tensor) -> Call:
        """The same call, holding on neither to the prediction nor to its graph."""

        def kept(value: object) -> object:
            return Call.PREDICTION if value is prediction else value

        kwargs = {name: kept(each) for name, each in self.kwargs.items()}
        return replace(self, args=tuple(map(kept, self.args)), kwargs=kwargs)


@dataclass(slots=True)
class Heard:
    """A loss whose gradient is being taken. Of several models that it may train, the first to take a step has it."""

    value: Tensor
    training: bool  # mode
    taken: bool = False


class Learner(Protocol):
    """What a tap knows of a watched model."""

    guard: Guard
    model: nn.Module

    @property
    def looking(self) -> bool:
        """Whether this step is looked at, so that its batches are wanted."""

    def before_loss(self) -> None:
        """A training loss is about to be counted: whatever step came before it is over by now."""

    def only_counts(self) -> bool:
        """The same, and whether the loss is all that is wanted, rather than the call."""

    def see_loss(self, batch: Batch | None, call: Call, found: Found) -> None:
        """A training loss was computed for this batch."""

    def unattributed(self) -> None:
        """A loss was computed that belongs to no training step."""

    @property
    def trains_in_training_mode(self) -> bool:
        """Whether what is computed in evaluation mode is no training."""

    def knows_loss(self, loss_fn: object, *, part: bool = False) -> None:
        """Which loss function is called, or computes a part of the loss."""


class Evaluation(Protocol):
    """An evaluation that is announced."""

    def see_loss(self, tap: LossTap, loss: Tensor, batch: Batch | None, samples: int) -> object:
        """A loss of so many samples."""


class Elsewhere(Protocol):
    """Who takes the losses that are no training's, and that no evaluation was announced for."""

    @property
    def open(self) -> bool:
        """Whether there were any since the last training loss."""

    def see_loss(self, tap: LossTap, loss: Tensor, batch: Batch | None, samples: int) -> bool:
        """A loss of so many samples; whether it is taken."""

    def end(self) -> None:
        """The training goes on."""


class LossTap:
    """Sees each call of one loss function and keeps the training losses until an optimizer takes its step.

    The model itself takes the loss function's place where none is given: many compute their loss themselves.

    A loss belongs to training if it has a gradient and the model is in training mode; the model may also be trained in
    evaluation mode by mistake, so such a loss is kept aside and used where a step follows without another one.
    """

    def __init__(
        self,
        loss_fn: Any,  # noqa: ANN401  (a module or a function)
        learner: Learner,
        evaluations: Sequence[Evaluation],
        elsewhere: Elsewhere,
    ) -> None:
        self.loss_fn = loss_fn
        self.learners: list[Learner] = [learner]
        self.of_model = loss_fn is learner.model
        self.seen = False  # a training loss that a call of the loss function tells of
        self.heard = False  # losses that no call of the loss function tells of
        self._heard: list[Heard] = []
        self._whose = WhoseLoss()
        self._evaluations = evaluations  # those that are announced and go on, the innermost last
        self._elsewhere = elsewhere
        self._losses: list[Loss] = []
        self._in_eval_mode: list[Loss] = []
        self._taken: list[Loss] = []  # those of them that may be an evaluation's
        self._swapped = False  # the loss function is given the target first
        self._both_learnt = False  # it is a function of the user's own, of two things that the model has put out
        self._meaning: Meaning | None = None  # which of torch's loss functions one of the user's own comes down to
        self._tries = TRIES if is_own(loss_fn) and not self.of_model else 0  # that are left to find that out
        self._hook = QuickHook(learner.guard, "the loss function", self._only_counts, self._seen)
        self._calling = False  # the loss function, for the user: who overhears it hears nothing new
        self._remove: Callable[[], object] | None = None
        self.attach()

    def attach(self) -> None:
        """See the calls of a loss function that is a module."""
        if isinstance(self.loss_fn, nn.Module) and self._remove is None:
            self._remove = around_calls(self.loss_fn, None, self._hook)

    def detach(self) -> None:
        """Leave the loss function as it was, for now."""
        if self._remove is not None:
            self._remove()
            self._remove = None

    def saw(self, loss_fn: object, args: Sequence[Any], kwargs: Mapping[str, Any], value: object) -> None:
        """Somebody has called this loss function, and it said `value`."""
        if self._calling:
            return
        if self.loss_fn is not loss_fn:
            self.loss_fn = loss_fn
            for each in self.learners:
                each.knows_loss(loss_fn)
        self._hook(None, args, kwargs, value)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  (as the loss function)
        """Call the loss function and look at what it says."""
        self._calling = True
        try:
            value = self.loss_fn(*args, **kwargs)
        finally:
            self._calling = False
        if self._remove is None:
            self._hook(None, args, kwargs, value)
        return value

    @property
    def only_heard(self) -> bool:
        """Whether training losses are known, but no call that has computed one."""
        return self.heard and not self.seen

    def hear(self, loss: Heard) -> None:
        """A gradient is taken of a loss that the loss function was not seen to compute."""
        if self.of_model:  # which puts out something else, then
            self.detach()
            self.of_model, self.loss_fn = False, None
        self.heard = True
        self._heard.append(loss)
        if self._elsewhere.open:
            self._elsewhere.end()

    def hear_only(self, loss: Loss) -> None:
        """The same, of a step that nobody looks at, and of a loss that trains the only model."""
        if self._elsewhere.open:
            self._elsewhere.end()
        self._losses.append(loss)

    def close(self) -> None:
        """Leave the loss function as it was, for good."""
        self.detach()
        self._heard = []
        self._losses, self._in_eval_mode, self._taken = [], [], []

    def take(self) -> tuple[list[Loss], bool]:
        """The losses of the step that an optimizer has just taken, and whether the model was in training mode."""
        for each in self._heard:
            if not each.taken:
                each.taken = True
                (self._losses if each.training else self._in_eval_mode).append(each.value)
        self._heard.clear()
        losses, others, taken = self._losses, self._in_eval_mode, self._taken
        self._losses, self._in_eval_mode, self._taken = [], [], []
        if taken and not losses:
            others += taken
        if not others:
            return losses, True
        stray = others if losses else others[:-1]
        for _ in stray:
            self._stray()
        return (losses, True) if losses else (others[-1:], not others)

    def take_only(self) -> Loss | None:
        """The one loss of a step like nearly all others; None, and nothing is taken, where there is more to it."""
        losses = self._losses
        if len(losses) != 1 or self._in_eval_mode or self._taken or self._heard:
            return None
        return losses.pop()

    @property
    def waiting(self) -> int:
        """How many training losses no step has followed yet."""
        return len(self._losses) + sum(not each.taken for each in self._heard)

    def give_back(self, losses: Sequence[Loss], *, training: bool) -> None:
        """Losses that were taken too early."""
        (self._losses if training else self._in_eval_mode).extend(losses)

    def _seen(self, _module: object, args: Sequence[Any], kwargs: Mapping[str, Any], output: object) -> None:
        found = loss_within(output) if self.of_model else loss_of(output)
        if found is None or not found.value.is_floating_point() or not found.value.numel():
            if not self.of_model:
                self._say("The loss is not a floating-point tensor (%s): it is not logged.", type(output).__name__)
            return
        if found.trains and not self._evaluations:
            self.seen = True
        loss = found.value.detach()
        if loss.dim():
            self._say("The loss has the shape %s, not a single number: its mean is logged.", tuple(loss.shape))
            loss = loss.mean()
        elif found.whole:
            loss = loss.clone()  # `loss /= 4` would change it
        if found.parts > 1:
            self._say("There are %d losses: their sum is logged, without any weights.", found.parts)
        self._sort(Call(self.loss_fn, args, kwargs, loss), found, output)

    def _only_counts(self, _module: object, _args: object, _kwargs: object, output: object) -> bool:
        """Keep the training loss of a step that nobody looks at more closely, as nearly all are; whether it was one."""
        if type(output) is not Tensor or output.dim() or not output.requires_grad or self._evaluations:
            return False
        if self._whose.some and self._whose.none:  # not each trains these models
            return False
        training = False
        for each in self.learners:
            if not each.only_counts():
                return False
            training = training or each.model.training
        if self._elsewhere.open or not training:
            return False
        self.seen = True
        # by now: `loss /= 4` would change it, as a graph of CUDA's does, which writes its next loss to the same place
        self._losses.append(output.item() if output.is_cpu else output.detach().clone())
        return True

    def _say(self, sentence: str, *values: object) -> None:
        self.learners[0].guard.say(sentence, *values)

    def _sort(self, call: Call, found: Found, output: object) -> None:
        """Say whose loss it is: an evaluation's, a training step's, or nobody's."""
        evaluation, loss = self._evaluations[-1] if self._evaluations else None, call.loss
        training = any(each.model.training for each in self.learners)
        if evaluation is not None:
            evaluation.see_loss(self, loss, self._batch(call, output), samples_of(call))
        elif (
            not found.trains or (not training and all(each.trains_in_training_mode for each in self.learners))
        ) and self._elsewhere.see_loss(self, loss, self._batch(call, output), samples_of(call)):
            if found.trains:  # but if a step follows now, it was of this loss
                self._taken.append(loss)
        elif not found.trains:
            self._stray()
        elif not (found.whole and self._trains_others(found.value)):
            if self._elsewhere.open:
                self._elsewhere.end()
            for each in self.learners:
                each.before_loss()
            (self._losses if training else self._in_eval_mode).append(loss)
            if self._tries and found.whole and any(each.looking for each in self.learners):
                self._understand(call, found.value)
            for each in self.learners:
                each.see_loss(self._batch(call, output) if each.looking else None, call, found)

    def _trains_others(self, loss: Tensor) -> bool:
        """Whether it trains none of the models, as the critic's of a GAN of which only the generator is watched, where other losses do."""
        mine = self._whose.trained(loss, {str(i): each for i, each in enumerate(self.learners)})
        return not mine and self._whose.some

    def _understand(self, call: Call, loss: Tensor) -> None:
        """Find out which of torch's loss functions the user's own one calls, while the graph is there."""
        self._tries -= 1
        pair = pair_of(call.args, call.kwargs)
        if pair is None:
            return
        for swapped, (prediction, target) in enumerate((pair, pair[::-1])):
            meaning = meaning_of(loss, prediction, target) if prediction.grad_fn is not None else None
            if meaning is not None:
                self._meaning, self._swapped, self._tries = meaning, bool(swapped), 0
                for each in self.learners:
                    each.knows_loss(meaning.loss_fn, part=meaning.part)
                return

    def _batch(self, call: Call, output: object) -> Batch | None:
        if self.of_model:
            return batch_within(call, output)
        pair = pair_of(call.args, call.kwargs, target=2 if type_of(self.loss_fn) in OF_THREE else 1)
        if pair is None:
            return None
        first, second = pair
        if self._meaning is not None:
            return self._meaning.batch(*(pair[::-1] if self._swapped else pair))
        if first.requires_grad or second.requires_grad:  # in an evaluation neither does: it is as it was in training
            self._both_learnt = first.requires_grad and second.requires_grad and is_own(self.loss_fn)
        if self._both_learnt:
            return None
        if type_of(self.loss_fn) in EITHER_WAY and first.requires_grad != second.requires_grad:
            self._swapped = second.requires_grad  # in an evaluation neither does: it is as it was in training
        return Batch(self.loss_fn, second, first) if self._swapped else Batch(self.loss_fn, first, second)

    def _stray(self) -> None:
        for each in self.learners:
            each.unattributed()


def pair_of(args: Sequence[Any], kwargs: Mapping[str, Any], target: int = 1) -> tuple[Tensor, Tensor] | None:
    """Prediction and target of a call of the loss function: its first argument and that with this number, or those of these names."""
    given = [*args, *kwargs.values()]
    said = first_tensor(kwargs["input"] if "input" in kwargs else given[0] if given else None)
    right = first_tensor(kwargs["target"] if "target" in kwargs else given[target] if len(given) > target else None)
    return (said, right) if said is not None and right is not None else None


def batch_within(call: Call, output: object) -> Batch | None:
    """Prediction and target of a model that computes its loss itself, where a sample has one answer: `logits` and `labels`."""
    prediction = parts_of(output).get("logits")
    target = call.kwargs.get("labels", call.kwargs.get("label"))
    if not isinstance(prediction, Tensor) or not isinstance(target, Tensor) or len(prediction.shape) != 2:  # noqa: PLR2004  (samples and classes)
        return None
    return Batch(call.loss_fn, prediction, target) if len(target.shape) == 1 else None


def samples_of(call: Call) -> int:
    """How many samples the loss is of: as many as the first argument has rows."""
    given = tensors_of((call.args, call.kwargs), depth=4)
    return len(given[0]) if given and given[0].dim() else 1
