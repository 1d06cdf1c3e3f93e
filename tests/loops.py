"""Training loops as their users write them, each to be run with a writer and without one.

A loop is called with `watch`, which takes what `DiagWriter.watch` takes and may do nothing; it gives back all that must be
the same to the last bit in both cases.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

STEPS = 40  # the first twenty are sampled, and some later ones
Watch = Callable[..., None]
Loop = Callable[[Watch], dict[str, Any]]
LOOPS: dict[str, Loop] = {}


def loop(function: Loop) -> Loop:
    LOOPS[function.__name__.replace("_", " ")] = function
    return function


def same(one: Any, other: Any) -> bool:
    """To the last bit, NaN being NaN."""
    if isinstance(one, Tensor):
        if one.is_sparse:
            return same(one.coalesce().indices(), other.coalesce().indices()) and same(
                one.coalesce().values(), other.coalesce().values()
            )
        return one.dtype == other.dtype and torch.equal(one.nan_to_num(7.25), other.nan_to_num(7.25))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, np.ndarray):
        return bool(np.array_equal(one, other))
    return bool(one == other)


def state(
    models: Iterable[nn.Module], optimizers: Iterable[torch.optim.Optimizer], losses: list[Tensor]
) -> dict[str, Any]:
    """Everything that a watcher might have changed."""
    models = list(models)
    return {
        "parameters": [each.state_dict() for each in models],
        "gradients": [parameter.grad for each in models for parameter in each.parameters()],
        "trainable": [parameter.requires_grad for each in models for parameter in each.parameters()],
        "modes": [module.training for each in models for module in each.modules()],
        "optimizers": [each.state_dict() for each in optimizers],
        "losses": losses,
        "random": (torch.get_rng_state(), random.getstate(), np.random.get_state()),  # noqa: NPY002
    }


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3))


def begin() -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    x = torch.randn(16, 6)
    return x, x[:, :3].argmax(1)


@loop
def float16_with_a_scaler(watch: Watch) -> dict[str, Any]:
    """The first steps, and one in the middle, are left out: their gradients overflow."""
    x, y = begin()
    model, loss_fn = network(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**24, growth_interval=1000)
    watch(model, optimizer, loss_fn)
    losses = []
    for i in range(STEPS):
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.float16):
            loss = loss_fn(model(x), y)
        scaler.scale(loss * (float("inf") if i == 25 else 1)).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        scaler.step(optimizer)
        scaler.update()
        losses.append(loss.detach())
    return state([model], [optimizer], losses) | {"scaler": scaler.state_dict()}


@loop
def float16_with_a_fused_optimizer(watch: Watch) -> dict[str, Any]:
    x, y = begin()
    model, loss_fn = network(), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, fused=True)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**24)
    watch(model, optimizer, loss_fn)
    losses = []
    for i in range(STEPS):
        optimizer.zero_grad(set_to_none=False)
        with torch.autocast("cpu", dtype=torch.float16):
            loss = loss_fn(model(x), y)
        scaler.scale(loss * (float("inf") if i == 25 else 1)).backward()
        scaler.step(optimizer)
        scaler.update()
        losses.append(loss.detach())
    return state([model], [optimizer], losses) | {"scaler": scaler.state_dict()}


@loop
def bfloat16_by_autocast(watch: Watch) -> dict[str, Any]:
    x, y = begin()
    model, loss_fn = network(), nn.CrossEntropyLoss()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, foreach=True)
    watch(model, optimizer, loss_fn)
    losses = []
    for _ in range(STEPS):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.detach())
    return state([model], [optimizer], losses)


@loop
def bfloat16_throughout(watch: Watch) -> dict[str, Any]:
    x, y = begin()
    model, loss_fn = network().bfloat16(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    watch(model, optimizer, loss_fn)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = loss_fn(model(x.bfloat16()), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return state([model], [optimizer], losses)


@loop
def accumulated_gradients_with_clipping_and_a_schedule(watch: Watch) -> dict[str, Any]:
    x, y = begin()
    model, loss_fn = network(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.2, total_steps=STEPS)
    watch(model, optimizer, loss_fn)
    losses = []
    for _ in range(STEPS):
        for rows in (slice(0, 8), slice(8, 16)):
            loss = loss_fn(model(x[rows]), y[rows]) / 2
            loss.backward()
            losses.append(loss.detach())
        nn.utils.clip_grad_norm_(model.parameters(), 0.1)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=False)
    return state([model], [optimizer], losses) | {"schedule": schedule.state_dict()}


@loop
def a_closure(watch: Watch) -> dict[str, Any]:
    x, y = begin()
    model, loss_fn = network(), nn.CrossEntropyLoss()
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=3, line_search_fn="strong_wolfe")
    watch(model, optimizer, loss_fn)
    losses = []

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss: Tensor = loss_fn(model(x), y)
        loss.backward()
        return loss

    for _ in range(STEPS):
        losses.append(optimizer.step(closure).detach())  # noqa: PERF401  (as a loop is written)
    return state([model], [optimizer], losses)


@loop
def two_optimizers_of_one_model(watch: Watch) -> dict[str, Any]:
    begin()
    ids, y = torch.randint(0, 30, (16, 4)), torch.randint(0, 3, (16,))
    model = nn.Sequential(nn.Embedding(30, 5, sparse=True), nn.Flatten(), nn.Linear(20, 3))
    loss_fn = nn.CrossEntropyLoss()
    rows = torch.optim.SparseAdam(list(model[0].parameters()), lr=0.01)
    dense = torch.optim.AdamW(model[2].parameters(), lr=0.01)
    watch(model, [rows, dense], loss_fn)
    losses = []
    for _ in range(STEPS):
        loss = loss_fn(model(ids), y)
        loss.backward()
        rows.step()
        dense.step()
        rows.zero_grad()
        dense.zero_grad()
        losses.append(loss.detach())
    return state([model], [rows, dense], losses)


@loop
def a_gan(watch: Watch) -> dict[str, Any]:
    x, _ = begin()
    maker, critic = (
        nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 6)),
        nn.Sequential(nn.Linear(6, 8), nn.LeakyReLU(), nn.Linear(8, 1)),
    )
    for_maker, for_critic = (torch.optim.Adam(each.parameters(), lr=1e-3) for each in (maker, critic))
    loss_fn = nn.BCEWithLogitsLoss()
    watch(maker, for_maker, loss_fn, name="maker")
    watch(critic, for_critic, loss_fn, name="critic")
    losses, ones, zeros = [], torch.ones(16, 1), torch.zeros(16, 1)
    for _ in range(STEPS):
        made = maker(torch.randn(16, 4))
        for_critic.zero_grad()
        loss = loss_fn(critic(x), ones) + loss_fn(critic(made.detach()), zeros)
        loss.backward()
        for_critic.step()
        for_maker.zero_grad()
        deceived = loss_fn(critic(made), ones)
        deceived.backward()
        for_maker.step()
        losses += [loss.detach(), deceived.detach()]
    return state([maker, critic], [for_maker, for_critic], losses)


@loop
def an_averaged_copy(watch: Watch) -> dict[str, Any]:
    x, y = begin()
    model, loss_fn = network(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    watch(model, optimizer, loss_fn)
    average = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9))
    losses = []
    for i in range(STEPS):
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        average.update_parameters(model)
        losses.append(loss.detach())
        if i % 10 == 9:
            with torch.no_grad():
                losses.append(F.cross_entropy(average(x), y))
    return state([model, average], [optimizer], losses)


class Checkpointed(nn.Module):
    """Two of its blocks are computed again in backward; the last layer's weights are those of the first one."""

    def __init__(self, *, reentrant: bool) -> None:
        super().__init__()
        self.reentrant = reentrant
        self.first = nn.Linear(6, 6)
        self.blocks = nn.ModuleList(nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.Dropout(0.1)) for _ in range(2))
        self.last = nn.Linear(6, 6)
        self.last.weight = self.first.weight

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        for block in self.blocks:
            x = checkpoint(block, x, use_reentrant=self.reentrant)
        return self.last(x)


def checkpointed(watch: Watch, *, reentrant: bool) -> dict[str, Any]:
    x, y = begin()
    model, loss_fn = Checkpointed(reentrant=reentrant), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    watch(model, optimizer, loss_fn)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return state([model], [optimizer], losses)


@loop
def gradient_checkpoints_and_tied_weights(watch: Watch) -> dict[str, Any]:
    return checkpointed(watch, reentrant=False)


@loop
def reentrant_gradient_checkpoints(watch: Watch) -> dict[str, Any]:
    return checkpointed(watch, reentrant=True)


@loop
def parameters_that_are_frozen_and_added(watch: Watch) -> dict[str, Any]:
    x, y = begin()
    model, loss_fn = network(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    watch(model, optimizer, loss_fn)
    losses = []
    for i in range(STEPS):
        if i == 8:
            model[0].requires_grad_(requires_grad=False)
        if i == 12:
            model.append(nn.Linear(3, 3))
            optimizer.add_param_group({"params": model[4].parameters(), "lr": 0.02})
        if i == 16:
            model[0].requires_grad_(requires_grad=True)
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return state([model], [optimizer], losses)


@dataclass
class Answer:
    """What some models return."""

    logits: Tensor
    hidden: tuple[Tensor, ...]


class Recurrent(nn.Module):
    """Takes token ids by name, runs an LSTM and a cell in a loop, and returns a dataclass."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(30, 6)
        self.lstm = nn.LSTM(6, 8, num_layers=2, dropout=0.1, batch_first=True)
        self.cell = nn.GRUCell(8, 8)
        self.out = nn.Linear(8, 3)

    def forward(self, *, ids: Tensor) -> Answer:
        hidden, _ = self.lstm(self.embedding(ids))
        state = torch.zeros_like(hidden[:, 0])
        for i in range(hidden.shape[1]):
            state = self.cell(hidden[:, i], state)
        return Answer(self.out(state), (hidden, state))


@loop
def recurrent_layers_and_a_dataclass(watch: Watch) -> dict[str, Any]:
    begin()
    ids, y = torch.randint(0, 30, (16, 5)), torch.randint(0, 3, (16,))
    model, loss_fn = Recurrent(), nn.CrossEntropyLoss()
    optimizer = torch.optim.RMSprop(model.parameters(), lr=0.003)
    watch(model, optimizer, loss_fn)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = loss_fn(model(ids=ids).logits, y)
        loss.backward()
        nn.utils.clip_grad_value_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.detach())
    return state([model], [optimizer], losses)


class OwnLoss(nn.Module):
    """As Hugging Face's models: it is given the labels and returns the loss with the logits."""

    def __init__(self) -> None:
        super().__init__()
        self.body = network()

    def forward(self, x: Tensor, labels: Tensor | None = None) -> dict[str, Tensor]:
        logits = self.body(x)
        return {"logits": logits} | ({} if labels is None else {"loss": F.cross_entropy(logits, labels)})


@loop
def a_loss_within_the_model(watch: Watch) -> dict[str, Any]:
    x, y = begin()
    model = OwnLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    watch(model, optimizer)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = model(x, labels=y)["loss"]
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return state([model], [optimizer], losses)


class Criterion(nn.Module):
    """As detectors' criteria: a dictionary of losses."""

    def forward(self, logits: Tensor, target: Tensor) -> dict[str, Tensor]:
        return {"classes": F.cross_entropy(logits, target), "size": 0.01 * logits.square().mean()}


@loop
def a_dictionary_of_losses(watch: Watch) -> dict[str, Any]:
    x, y = begin()
    model, criterion = network(), Criterion()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    watch(model, optimizer, criterion)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = sum(criterion(model(x), y).values(), torch.zeros(()))
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return state([model], [optimizer], losses)


@loop
def copies_in_the_middle(watch: Watch) -> dict[str, Any]:
    """A deep copy is trained on beside the watched model."""
    x, y = begin()
    model, loss_fn = network(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    watch(model, optimizer, loss_fn)
    losses = []
    twin = model
    for i in range(STEPS):
        if i == 5:
            twin = copy.deepcopy(model)
        optimizer.zero_grad()
        loss = loss_fn(model(x), y) + 0.1 * F.mse_loss(model(x), twin(x).detach())
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return state([model, twin], [optimizer], losses)
