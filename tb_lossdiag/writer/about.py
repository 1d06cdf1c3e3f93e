"""What is known about one watched model, gathered as training goes on, as one JSON object of the facts."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from tb_lossdiag.writer.crossing import Crossing
from tb_lossdiag.writer.data import Batch
from tb_lossdiag.writer.dropping import Drawn
from tb_lossdiag.writer.facts import (
    Facts,
    initial,
    loss_facts,
    module_facts,
    optimizer_facts,
    parameter_facts,
    rounded,
    settings_of,
)
from tb_lossdiag.writer.modules import named_modules, named_parameters, plain
from tb_lossdiag.writer.per_sample import FUNCTIONS, REGRESSION, type_of
from tb_lossdiag.writer.samples import first_tensor

__all__ = ["About"]

FEW_PAIRS = 10  # of steps, each of which is worth writing down what was seen
OF_TORCH = {
    "beta",
    "delta",
    "ignore_index",
    "label_smoothing",
    "pos_weight",
    "reduction",
    "weight",
}  # settings that torch's own losses have
FEW = 1 << 20  # outputs that are added up, once: those of a language model would take gigabytes
KNOWN = {each.__name__ for each in FUNCTIONS}
KEPT = (
    "_initial",
    "_order",
    "_shapes",
    "_input",
    "_batch",
    "_losses",
    "_unattributed",
    "_training",
    "_switched",
    "_drawn",
    "_other_evaluated",
    "_versions",
    "_pairs",
)


class About:
    """The facts of one model. `changed` says that there is something new to write."""

    def __init__(self, model: nn.Module, optimizers: Sequence[torch.optim.Optimizer], loss_fn: object) -> None:
        self._model = model
        self._optimizers = optimizers
        self._loss_fn, self._part = loss_fn, False
        self._named = loss_fn  # by the user
        self._initial = {name: initial(each) for name, each in named_parameters(model).items()}
        self._order: list[str] = []
        self._shapes: dict[str, tuple[Any, Any]] = {}
        self._input: dict[str, Any] | None = None
        self._batch: dict[str, Any] = {
            "task": None,
            "classes": None,
            "target": None,
            "output": None,
            "batch_size": None,
        }
        self._grad_none: set[str] | None = None
        self._versions: tuple[int, dict[str, int]] = (
            -1,
            {},
        )  # how often each gradient was written into by then, and when that was
        self._pairs = {
            "seen": 0,
            "anew": 0,
            "added": 0,
        }  # steps in a row, and what had become of the gradients from one to the next
        self._losses = 0
        self._unattributed = 0
        self._training: bool | None = None
        self._switched: int | None = None  # step at which the mode of training changed last
        # the mode in which the training is to begin, where an evaluation comes before its first step
        self._meant: bool | None = None
        self._drawn = Drawn().facts()
        self._other_evaluated = False
        self._structure: object = None
        self._trainable: dict[
            str, bool
        ] = {}  # at this model's own steps: a critic is frozen while its generator takes one
        self._scaled = False
        self._skipped = 0
        self.changed = True

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run could not learn again: above all how the parameters began."""
        missing = None if self._grad_none is None else sorted(self._grad_none)
        return copy.deepcopy({name: vars(self)[name] for name in KEPT}) | {"_grad_none": missing}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        vars(self).update(copy.deepcopy({name: state[name] for name in KEPT if name in state}))
        self._grad_none = None if state["_grad_none"] is None else set(state["_grad_none"])
        self.changed = True

    @property
    def discovered(self) -> bool:
        """Whether a forward pass was seen, so that shapes and the order of modules are known."""
        return bool(self._order)

    def called(self, name: str) -> None:
        """A module was called, perhaps for the first time."""
        if name not in self._shapes:
            self._order.append(name)
            self._shapes[name] = (None, None)
            self.changed = True

    def returned(self, name: str, inputs: object, output: object) -> None:
        """A module returned, perhaps for the first time."""
        if self._shapes.get(name) == (None, None):
            self._shapes[name] = (shape_of(first_tensor(inputs)), shape_of(first_tensor(output)))

    def see_input(self, values: Tensor) -> None:
        """The model's input."""
        if self._input is None:
            self.changed = True
            self._input = {
                "shape": shape_of(values),
                "dtype": name_of(values.dtype),
                "integer": not values.is_floating_point(),
            }

    def see_batch(self, batch: Batch) -> None:
        """A training batch at the loss function."""
        if self._batch["output"] is None:
            self.changed = True
            self._batch = {
                "task": batch.task,
                "classes": batch.classes,
                "target": {"shape": shape_of(batch.target), "dtype": name_of(batch.target.dtype)},
                "output": {"shape": shape_of(batch.prediction), "totals": totals(batch.prediction)},
                "batch_size": batch.size,
            }

    def see_crossing(self, crossing: Crossing) -> None:
        """A loss that compares samples with each other: what was seen of a single batch gives way to that."""
        prediction, target = crossing.prediction, crossing.target
        known = self._batch["output"] is not None and self._batch["output"]["shape"] != self._batch["target"]["shape"]
        if known and type_of(self._loss_fn) in REGRESSION:
            return
        self.see_loss_fn(crossing.loss_fn, part=True)
        self.changed = True
        self._batch = {
            "task": "regression",
            "classes": None,
            "target": {"shape": list(target[1:]), "dtype": "float32"},
            "output": {"shape": list(prediction[1:]), "totals": None},
            "batch_size": prediction[0],
        }

    def see_loss_fn(self, loss_fn: object, *, part: bool = False) -> None:
        """The loss function, once it has been called; or the one that is a part of the loss."""
        before = self._loss_facts()
        self._loss_fn, self._part = loss_fn, part
        self.changed |= self._loss_facts() != before

    def _loss_facts(self) -> Facts | None:
        """What is known of the loss function; where it is called by one of the user's own, with the settings of that."""
        found = loss_facts(self._loss_fn, part=self._part)
        if found is None or self._named is self._loss_fn or not isinstance(self._named, nn.Module):
            return found
        own = {key: each for key, each in settings_of(self._named).items() if key not in OF_TORCH}
        return {**found, "settings": own | found["settings"]}

    @property
    def function(self) -> str | None:
        """The name of the function of torch's that computes the loss: so the user says, or it alone is known to."""
        return type_of(self._named) if type_of(self._named) in KNOWN else None if self._part else self.term

    @property
    def term(self) -> str | None:
        """The name of the function of torch's that computes the loss, or a part of it."""
        return next((each for each in (type_of(self._named), type_of(self._loss_fn)) if each in KNOWN), None)

    def see_gradients(self, parameters: Mapping[str, Tensor]) -> None:
        """A sampled step's gradients, just before the step: which are missing at every one so far?"""
        for name, each in parameters.items():
            if name not in self._initial:  # lazy until now: this is how it begins
                self._initial[name] = initial(each)
                self.changed = True
        self._trainable = {name: each.requires_grad for name, each in parameters.items()}
        missing = {name for name, each in parameters.items() if each.grad is None and each.requires_grad}
        before = self._grad_none
        self._grad_none = missing if before is None else before & missing
        self.changed |= self._grad_none != before

    @property
    def missing(self) -> set[str]:
        """Parameters that no gradient has come back to at any step that was looked at."""
        return self._grad_none or set()

    def see_versions(self, step: int, parameters: Mapping[str, Tensor]) -> None:
        """A step is about to be taken: are all of its gradients new tensors, or have they been added to since the step before, and no more?

        Only a tensor that is still the same has been written into more often, once with each sum and once with each reset to zeros.
        """
        now = {name: each.grad._version for name, each in parameters.items() if each.grad is not None}  # noqa: SLF001  (counts what was done in place)
        then, before = self._versions
        shared = now.keys() & before.keys()
        if then == step - 1 and shared:
            self._pairs["seen"] += 1
            self._pairs["anew"] += all(now[name] <= before[name] for name in shared)
            self._pairs["added"] += all(now[name] == before[name] + 1 for name in shared)
            self.changed |= self._pairs["seen"] <= FEW_PAIRS
        self._versions = step, now

    def unmoved(self) -> bool:
        """Whether all parameters are as they began: an optimizer that was made later, and is not watched, may train them."""
        return all(initial(each) == self._initial.get(name) for name, each in named_parameters(self._model).items())

    def see_losses(self, count: int) -> None:
        """A step was taken for so many losses: several where gradients of small batches are added up."""
        self.changed |= count > self._losses
        self._losses = max(count, self._losses)

    def see_mode(self, step: int, *, training: bool) -> None:
        """Whether the model was in training mode when a training loss was computed."""
        if self._training is not training:
            self.changed = True
            before = self._training if self._training is not None else self._meant
            self._switched = step if before is not None and before is not training else None
            self._training = training

    def evaluated(self, *, began_training: bool) -> None:
        """An evaluation begins, or is seen for the first time; a mode that it leaves behind is not meant for the training."""
        if self._training is None and began_training:
            self._meant = True

    def see_drawn(self, drawn: Drawn) -> None:
        """What is dropped, or drawn at random, in evaluation mode, and what would be dropped in training mode."""
        self.changed |= drawn.facts() != self._drawn
        self._drawn = drawn.facts()

    def see_other_evaluated(self) -> None:
        """What is evaluated is another model, such as a copy of this one."""
        self.changed |= not self._other_evaluated
        self._other_evaluated = True

    def unattributed(self, count: int = 1) -> None:
        """Losses that belong to no training step and to no `evaluating` block."""
        self.changed |= self._unattributed == 0
        self._unattributed += count

    def see_scaling(self, scaled: bool, skipped: int) -> None:
        """Whether a GradScaler is at work, and how many steps it has left out so far."""
        self.changed |= (self._scaled, self._skipped) != (scaled, skipped)
        self._scaled, self._skipped = scaled, skipped

    def see_structure(self) -> None:
        """Parameters may be frozen or added while training goes on, and given to the optimizer later."""
        groups = [[len(group["params"]) for group in each.param_groups] for each in self._optimizers]
        trainable = self._trainable  # of the step that ends, where an optimizer has taken one
        if not self._optimizers:
            trainable = {name: each.requires_grad for name, each in named_parameters(self._model).items()}
        structure = trainable, groups
        self.changed |= structure != self._structure
        self._structure = structure

    def facts(self) -> dict[str, Any]:
        """The object that `tags.FACTS` holds for this model."""
        self.changed = False
        parameters = {plain(name): each for name, each in self._model.named_parameters()}
        groups = [group for each in self._optimizers for group in each.param_groups]
        optimized = {id(each) for group in groups for each in group["params"]}
        names = {id(each): name for name, each in parameters.items()}
        return {
            "class": type(self._model).__name__,
            "modules": module_facts(named_modules(self._model), self._order, self._shapes),
            "parameters": parameter_facts(self._model, optimized, self._initial, self._trainable),
            "optimizer": optimizer_facts(self._optimizers, names) if self._optimizers else None,
            "loss": self._loss_facts(),
            **self._batch,
            "input": self._input,
            "losses_per_step": self._losses or None,
            "gradients": dict(self._pairs),
            "grad_scaler": self._scaled,
            "skipped_steps": self._skipped,
            "grad_none": sorted(self.missing),
            "frozen": [name for name, each in parameters.items() if not self._trainable.get(name, each.requires_grad)],
            "unattributed_evaluations": self._unattributed,
            "mode": {
                "training_flag_during_training": self._training,
                "switched": self._switched,
                **self._drawn,
                "other_evaluated": self._other_evaluated,
            },
        }


def shape_of(values: Tensor | None) -> list[int] | None:
    """The shape without the batch."""
    return None if values is None else [int(each) for each in values.shape[1:]]


def name_of(dtype: torch.dtype) -> str:
    """`float32` for torch.float32."""
    return str(dtype).removeprefix("torch.")


def totals(prediction: Tensor) -> dict[str, float] | None:
    """By how much the outputs, or what they are logarithms of, miss a total of 1 at most: of a sample, and of a class over the batch."""
    table = prediction.dim() == 2 and min(prediction.shape) > 1 and prediction.is_floating_point()  # noqa: PLR2004
    if not table or prediction.numel() > FEW:
        return None
    values = prediction.detach().double()
    shares = values.exp() if bool((values <= 0).all()) else values
    found = {name: rounded(float((shares.sum(axis) - 1).abs().max())) for name, axis in (("sample", 1), ("class", 0))}
    return {name: each for name, each in found.items() if each is not None} or None
