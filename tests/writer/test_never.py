"""What watching never does, besides changing a training (`test_loops.py` has that for every loop)."""

from __future__ import annotations

import gc
import random
import signal
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from loops import LOOPS, STEPS
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from tb_lossdiag.writer import DiagWriter


def test_hooks_of_others_are_called_in_their_own_order_and_see_what_they_would_have_seen(
    tmp_path: Path, make: Any
) -> None:
    def calls(watched: bool) -> list[Any]:
        training, found = make(), []
        for i in range(2):
            training.model[0].register_forward_pre_hook(lambda *_, i=i: found.append(("before", i)))
            training.model[0].register_forward_hook(lambda *_, i=i: found.append(("after", i)))
            training.model[2].register_full_backward_hook(lambda *_, i=i: found.append(("backward", i)))
            training.loss_fn.register_forward_hook(lambda *_, i=i: found.append(("loss", i)))
            training.optimizer.register_step_pre_hook(lambda *_, i=i: found.append(("step", i)))
            training.optimizer.register_step_post_hook(lambda *_, i=i: found.append(("stepped", i)))
            training.model[0].weight.register_hook(lambda each, i=i: found.append(("gradient", i, each.sum().item())))
            if i == 0 and watched:
                writer = DiagWriter(tmp_path, overhead=0.5)
                writer.watch(training.model, training.optimizer, training.loss_fn)
        training.steps(30)
        if watched:
            writer.close()
        return found

    assert calls(watched=True) == calls(watched=False)


@pytest.mark.parametrize("name", ["a gan", "float16 with a scaler", "recurrent layers and a dataclass"])
def test_nothing_around_the_training_is_touched(name: str, tmp_path: Path) -> None:
    def around() -> list[Any]:
        signals = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
        flags = torch.is_grad_enabled(), torch.is_anomaly_enabled(), torch.get_num_threads(), torch.get_default_dtype()
        modules = torch.nn.modules.module
        hooks = len(modules._global_forward_hooks), len(modules._global_forward_pre_hooks)
        return [list(warnings.filters), signals, flags, hooks, np.geterr()]

    before, threads = around(), set(threading.enumerate())
    with DiagWriter(tmp_path, overhead=0.5) as writer:
        LOOPS[name](writer.watch)
        assert around() == before
    assert around() == before
    assert set(threading.enumerate()) <= threads  # another test's may end meanwhile


def test_random_numbers_are_those_of_an_unwatched_run_at_every_step(tmp_path: Path, make: Any) -> None:
    def numbers(watch: Any) -> list[Any]:
        torch.manual_seed(3)
        random.seed(3)
        np.random.seed(3)  # noqa: NPY002
        training = make(nn.Sequential(nn.Linear(6, 8), nn.Dropout(0.5), nn.Linear(8, 3)))
        watch(training.model, training.optimizer, training.loss_fn)
        found = []
        for _ in range(30):
            training.steps(1)
            found.append((torch.rand(1).item(), random.random(), np.random.rand()))  # noqa: NPY002
        return found

    with DiagWriter(tmp_path, overhead=0.5) as writer:
        assert numbers(writer.watch) == numbers(lambda *_: None)


def test_between_steps_no_more_is_held_after_many_steps_than_after_few(tmp_path: Path, make: Any) -> None:
    def held() -> tuple[int, int]:
        writer.flush()
        gc.collect()
        tensors = [each for each in gc.get_objects() if type(each) in {torch.Tensor, nn.Parameter}]
        return len(tensors), sum(each.numel() for each in tensors)

    training = make()
    with DiagWriter(tmp_path, overhead=0.9) as writer:
        writer.watch(training.model, training.optimizer, training.loss_fn)
        training.steps(3 * STEPS)
        count, elements = held()
        training.steps(5 * STEPS)
        more, bigger = held()
    assert more <= count + 5
    assert bigger <= elements * 1.05 + 1000


def test_while_sampling_a_large_model_less_than_one_copy_of_its_parameters_is_held(tmp_path: Path, make: Any) -> None:
    def within(watched: bool) -> int:
        training = make(
            nn.Sequential(nn.Linear(6, 1500), nn.ReLU(), nn.Linear(1500, 1500), nn.ReLU(), nn.Linear(1500, 3))
        )
        found: list[int] = []

        def measure(*_: Any) -> None:
            gradients = [
                each.grad for each in training.model.parameters()
            ]  # which Python knows of only once it was asked
            gc.collect()
            tensors = [each for each in gc.get_objects() if type(each) in {torch.Tensor, nn.Parameter}]
            assert gradients
            found.append(
                sum({each.untyped_storage().data_ptr(): each.untyped_storage().nbytes() for each in tensors}.values())
            )

        writer = DiagWriter(tmp_path)
        if watched:
            writer.watch(training.model, training.optimizer, training.loss_fn)
        training.optimizer.register_step_pre_hook(measure)
        training.steps(3)
        writer.close()
        return found[-1]

    parameters = 4 * (6 * 1500 + 1500 + 1500 * 1500 + 1500 + 3 * 1500 + 3)
    assert within(watched=True) - within(watched=False) < parameters


class Operations(TorchDispatchMode):
    """Remembers the names of all operations that are called."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.append(str(function))
        return function(*args, **(kwargs or {}))


def test_a_step_that_is_not_sampled_calls_no_operation_but_sees_its_loss(tmp_path: Path, make: Any) -> None:
    def operations(watched: bool) -> list[str]:
        training = make()
        writer = DiagWriter(tmp_path)
        if watched:
            writer.watch(training.model, training.optimizer, training.loss_fn)
        training.steps(25)
        while watched and writer.watches[""].looking:
            training.steps(1)
        with Operations() as found:
            training.steps(1)
        writer.close()
        return found.names

    alone, watched = operations(watched=False), operations(watched=True)
    for each in alone:
        watched.remove(each)
    assert watched == ["aten._local_scalar_dense.default"], "which on the CPU waits for nothing"


def test_nothing_is_called_before_a_step_that_is_not_sampled_unless_others_change_settings_after_it(
    tmp_path: Path, make: Any
) -> None:
    def hooks(others: bool) -> set[tuple[bool, int]]:
        training = make()
        if others:
            training.optimizer.register_step_post_hook(lambda *_: None)
        with DiagWriter(tmp_path) as writer:
            writer.watch(training.model, training.optimizer, training.loss_fn)
            found = set()
            for _ in range(40):
                found.add((writer.watches[""].looking, len(training.optimizer._optimizer_step_pre_hooks)))
                training.steps(1)
        return found

    assert hooks(others=False) == {(True, 1), (False, 0)}
    assert hooks(others=True) == {(True, 1), (False, 1)}
