"""Evaluations that no block announces: found where they are, called what they are, and nothing else is taken for one."""

from __future__ import annotations

import contextlib
import copy
import gc
import itertools
import math
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812  (everybody's name for it)
from torch import Tensor, nn
from torch._dynamo.testing import CompileCounter
from torch.overrides import TorchFunctionMode

from tb_lossdiag.writer import DiagWriter, unannounced
from tb_lossdiag.writer.overheard import STAND_INS
from tb_lossdiag.writer.overheard import torchs_own as torchs_own_of
from tb_lossdiag.writer.per_sample import FUNCTIONS
from tb_lossdiag.writer.splits import Splits

EPOCHS, STEPS = 6, 10


class Script:
    """A script as people write it, with its own evaluation: `evaluate` is the place, `lines` are where it is called from."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.x, self.y = torch.randn(400, 6), torch.randint(0, 3, (400,))
        self.model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3))
        self.optimizer = torch.optim.Adam(self.model.parameters(), 1e-3)
        self.loss_fn = nn.CrossEntropyLoss()
        self.said: dict[str, list[float]] = {}

    def rows(self, begin: int, end: int) -> tuple[Tensor, Tensor]:
        return self.x[begin:end], self.y[begin:end]

    def epoch(self) -> None:
        self.model.train()
        for i in range(STEPS):
            x, y = self.rows(20 * i, 20 * i + 20)
            self.optimizer.zero_grad()
            self.loss_fn(self.model(x), y).backward()
            self.optimizer.step()

    def evaluate(self, name: str, begin: int, end: int, model: nn.Module | None = None, size: int = 32) -> None:
        model = model or self.model
        model.eval()
        total = 0.0
        with torch.no_grad():
            for i in range(begin, end, size):
                x, y = self.rows(i, min(end, i + size))
                total += self.loss_fn(model(x), y).item() * len(x)
        self.said.setdefault(name, []).append(total / (end - begin))


def watched(script: Script, folder: Path, loop: Callable[[Script], None]) -> None:
    with DiagWriter(folder) as writer:
        writer.watch(script.model, script.optimizer, script.loss_fn)
        loop(script)


def validated(script: Script) -> None:
    for _ in range(EPOCHS):
        script.epoch()
        script.evaluate("val", 200, 300)


@pytest.mark.parametrize("size", [32, 100])
def test_an_evaluation_after_each_epoch_is_validation(tmp_path: Path, read: Any, size: int) -> None:
    def loop(script: Script) -> None:
        for _ in range(EPOCHS):
            script.epoch()
            script.evaluate("val", 200, 300, size=size)

    script = Script()
    watched(script, tmp_path, loop)
    log = read(tmp_path)
    assert list(log.scalars["loss/val"]) == [STEPS * (i + 1) for i in range(EPOCHS)]
    assert list(log.scalars["loss/val"].values()) == pytest.approx(script.said["val"], rel=1e-5)
    assert set(log.scalars["accuracy/val"]) == set(log.scalars["loss/val"])
    assert log.facts["data"]["val_size"] == 100
    assert log.facts["data"]["taken_for"]["val"].count("test_unannounced.py:") == 2
    assert log.packed["lossdiag/inputs/val"].keys() == {STEPS}
    assert log.packed["lossdiag/answers/val"].keys() == set(log.scalars["loss/val"])
    assert "loss/test" not in log.scalars


def test_it_tells_what_a_block_would(tmp_path: Path, read: Any) -> None:
    def announced(script: Script) -> None:
        with DiagWriter(tmp_path / "block") as writer:
            writer.watch(script.model, script.optimizer, script.loss_fn)
            for _ in range(EPOCHS):
                script.epoch()
                with writer.evaluating("val"):
                    script.evaluate("val", 200, 300)

    announced(Script())
    watched(Script(), tmp_path / "own", validated)
    block, own = read(tmp_path / "block"), read(tmp_path / "own")
    assert block.scalars["loss/val"] == own.scalars["loss/val"]
    for tag in (each for each in block.packed if each.endswith("/val")):
        assert own.schemas[tag] == block.schemas[tag]
        assert {step: each.tolist() for step, each in own.packed[tag].items()} == {
            step: each.tolist() for step, each in block.packed[tag].items()
        }
    shared = [each.figure("lossdiag/samples/train", "in_val", "input") for each in (own, block)]
    later = [{step: value for step, value in each.items() if step > 2 * STEPS} for each in shared]
    assert later[0] == later[1] == dict.fromkeys(later[0], 0.0)


def reported(script: Script, folder: Path, loop: Callable[[Script, DiagWriter], None]) -> None:
    with DiagWriter(folder) as writer:
        writer.watch(script.model, script.optimizer, script.loss_fn)
        for _ in range(EPOCHS):
            script.epoch()
            loop(script, writer)


def test_a_reported_loss_names_the_place_where_it_was_computed(tmp_path: Path, read: Any) -> None:
    def loop(script: Script, writer: DiagWriter) -> None:
        script.evaluate("val", 200, 300)
        writer.add_loss("val", script.said["val"][-1])

    script = Script()
    reported(script, tmp_path, loop)
    log = read(tmp_path)
    assert list(log.scalars["loss/val"].values()) == pytest.approx(script.said["val"], rel=1e-5)
    assert list(log.scalars["loss/val"]) == [STEPS * (i + 1) for i in range(EPOCHS)]
    assert set(log.scalars["accuracy/val"]) == set(log.scalars["loss/val"])
    assert log.packed["lossdiag/inputs/val"].keys() == {STEPS}
    assert log.facts["data"]["val_size"] == 100
    assert "loss/test" not in log.scalars


def test_of_several_places_the_reported_loss_is_that_of_the_one_with_its_mean(tmp_path: Path, read: Any) -> None:
    def loop(script: Script, writer: DiagWriter) -> None:
        script.evaluate("other", 300, 400)
        script.evaluate("val", 200, 290)
        writer.add_loss("val", round(script.said["val"][-1], 4))

    script = Script()
    reported(script, tmp_path, loop)
    log = read(tmp_path)
    assert log.facts["data"]["val_size"] == 90
    assert "test_size" not in log.facts["data"]
    assert len(log.scalars["loss/val"]) == EPOCHS
    assert "loss/test" not in log.scalars


def test_a_function_s_loss_is_not_that_of_the_training_data_beside_it(tmp_path: Path, read: Any) -> None:
    """Only the loss on the training data is computed by the loss that is watched: it must not be called validation, which would leak."""

    def loop(script: Script, writer: DiagWriter) -> None:
        script.evaluate("train", 0, 200)
        with torch.no_grad():
            loss = nn.functional.cross_entropy(script.model(script.x[200:300]), script.y[200:300])
        writer.add_loss("val", loss)

    reported(Script(), tmp_path, loop)
    log = read(tmp_path)
    assert len(log.scalars["loss/val"]) == EPOCHS
    assert not {"val_size", "test_size"} & log.facts["data"].keys()
    assert "lossdiag/inputs/val" not in log.packed


def test_a_mean_over_batches_of_different_sizes_is_known_as_well(tmp_path: Path, read: Any) -> None:
    def loop(script: Script, writer: DiagWriter) -> None:
        script.evaluate("other", 300, 400)
        script.model.eval()
        with torch.no_grad():
            losses = [
                script.loss_fn(script.model(script.x[i:j]), script.y[i:j]).item() for i, j in ((200, 264), (264, 270))
            ]
        writer.add_loss("val", sum(losses) / len(losses))

    reported(Script(), tmp_path, loop)
    assert read(tmp_path).facts["data"]["val_size"] == 70


@pytest.mark.parametrize("times", [1.0, 32.0])
def test_a_reported_loss_that_no_place_has_names_none(tmp_path: Path, read: Any, times: float) -> None:
    def loop(script: Script, writer: DiagWriter) -> None:
        if times != 1:
            script.evaluate("one", 200, 300)
            script.evaluate("two", 300, 400)
            writer.add_loss("val", times * script.said["one"][-1])  # a sum, of which nobody knows the number
        else:
            writer.add_loss("val", 1.0)  # nothing was evaluated, or nobody saw it

    reported(Script(), tmp_path, loop)
    log = read(tmp_path)
    assert len(log.scalars["loss/val"]) == EPOCHS
    assert not {"val_size", "test_size"} & log.facts["data"].keys()
    assert "loss/test" not in log.scalars


def test_a_reported_loss_of_training_mode_is_known_as_such(tmp_path: Path, read: Any) -> None:
    def loop(script: Script, writer: DiagWriter) -> None:
        with torch.no_grad():  # and no script.model.eval()
            loss = script.loss_fn(script.model(script.x[200:300]), script.y[200:300])
        writer.add_loss("test", loss)

    reported(Script(), tmp_path, loop)
    assert read(tmp_path).facts["data"]["in_training_mode"] == {"test": True}


@pytest.mark.parametrize("forgotten", [True, False])
def test_the_mode_of_a_reported_loss_is_known_where_a_function_computed_it(
    tmp_path: Path, read: Any, forgotten: bool
) -> None:
    def loop(script: Script, writer: DiagWriter) -> None:
        script.model.train(forgotten)
        with torch.no_grad():
            loss = nn.functional.cross_entropy(script.model(script.x[200:300]), script.y[200:300])
        writer.add_loss("val", loss.item())

    reported(Script(), tmp_path, loop)
    assert read(tmp_path).facts["data"].get("in_training_mode") == ({"val": True} if forgotten else None)


class ByFunction(Script):
    """The loss is a function of torch's, in training and in evaluation, and nobody has said which."""

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(output, target)

    def epoch(self) -> None:
        self.model.train()
        for i in range(STEPS):
            x, y = self.rows(20 * i, 20 * i + 20)
            self.optimizer.zero_grad()
            self.loss(self.model(x), y).backward()
            self.optimizer.step()

    def evaluate(self, name: str, begin: int, end: int, model: nn.Module | None = None, size: int = 32) -> None:
        model = model or self.model
        model.eval()
        total = 0.0
        with torch.no_grad():
            for i in range(begin, end, size):
                x, y = self.rows(i, min(end, i + size))
                total += self.loss(model(x), y).item() * len(x)
        self.said.setdefault(name, []).append(total / (end - begin))


class Module(ByFunction):
    """It is a module, but the writer does not know it."""

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        return self.loss_fn(output, target)


class Examples(ByFunction):
    """As the examples of torch do it: logarithms, whose losses an evaluation adds up; and no `no_grad`."""

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        return F.nll_loss(F.log_softmax(output, 1), target)

    def evaluate(self, name: str, begin: int, end: int, model: nn.Module | None = None, size: int = 32) -> None:
        model = model or self.model
        model.eval()
        total = 0.0
        for i in range(begin, end, size):
            x, y = self.rows(i, min(end, i + size))
            total += F.nll_loss(F.log_softmax(model(x), 1), y, reduction="sum").item()
        self.said.setdefault(name, []).append(total / (end - begin))


def torchs_own() -> bool:
    """Whether torch's functions are where they belong."""
    return all(getattr(F, each.__name__) is each for each in FUNCTIONS)


@pytest.mark.parametrize("script", [ByFunction, Module, Examples])
@pytest.mark.parametrize("first", [unannounced.FIRST, 3])
def test_the_loss_of_a_function_that_nobody_has_named_is_heard_in_evaluations(
    script: type[ByFunction], first: int, tmp_path: Path, read: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unannounced, "FIRST", first)
    plain = script()
    validated(plain)
    seen = script()
    with DiagWriter(tmp_path) as writer:
        writer.watch(seen.model, seen.optimizer)
        validated(seen)
    assert torchs_own()
    assert plain.said == seen.said
    log = read(tmp_path)
    assert list(log.scalars["loss/val"].values()) == pytest.approx(seen.said["val"], rel=1e-5)
    assert list(log.scalars["loss/val"]) == [STEPS * (i + 1) for i in range(EPOCHS)]
    assert set(log.scalars["accuracy/val"]) == set(log.scalars["loss/val"])
    assert log.facts["data"]["val_size"] == 100
    assert len(log.scalars["loss/train"]) == EPOCHS * STEPS


def test_another_function_than_that_of_the_training_is_a_figure(tmp_path: Path, read: Any) -> None:
    script = ByFunction()
    with DiagWriter(tmp_path) as writer:
        writer.watch(script.model, script.optimizer)
        for _ in range(EPOCHS):
            script.epoch()
            script.model.eval()
            with torch.no_grad():
                output = script.model(script.x[200:300])
                F.mse_loss(output.softmax(1), F.one_hot(script.y[200:300], 3).float())
                script.said.setdefault("val", []).append(F.cross_entropy(output, script.y[200:300]).item())
    assert list(read(tmp_path).scalars["loss/val"].values()) == pytest.approx(script.said["val"], rel=1e-5)


def test_a_loss_of_the_training_after_a_pass_without_gradients_is_none_of_an_evaluation(
    tmp_path: Path, read: Any
) -> None:
    """As a target that the network computes itself is."""
    script = ByFunction()
    with DiagWriter(tmp_path) as writer:
        writer.watch(script.model, script.optimizer)
        for i in range(40):
            x, y = script.rows(5 * i, 5 * i + 5)
            output = script.model(x)
            with torch.no_grad():
                script.model(x)
            script.optimizer.zero_grad()
            F.cross_entropy(output, y).backward()
            script.optimizer.step()
    log = read(tmp_path)
    assert len(log.scalars["loss/train"]) == 40
    assert {"loss/val", "loss/test"}.isdisjoint(log.scalars)


class Penalised(ByFunction):
    """The loss function computes but a part of the loss."""

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(output, target) + 0.1 * self.model[0].weight.square().sum()


@pytest.mark.parametrize("script", [ByFunction, Module, Penalised])
@pytest.mark.parametrize("announced", [True, False])
def test_a_batch_is_looked_at_again_where_a_function_that_nobody_has_named_computes_its_loss(
    script: type[ByFunction], announced: bool, tmp_path: Path, read: Any
) -> None:
    """And the training is bit for bit as without."""

    def loop(seen: ByFunction, writer: DiagWriter | None) -> None:
        for _ in range(EPOCHS):
            seen.epoch()
            with writer.evaluating("val") if writer is not None and announced else contextlib.nullcontext():
                seen.evaluate("val", 200, 300)

    plain = script()
    loop(plain, None)
    seen = script()
    with DiagWriter(tmp_path) as writer:
        writer.watch(seen.model, seen.optimizer)
        loop(seen, writer)
    assert plain.said == seen.said
    assert all(torch.equal(a, b) for a, b in zip(plain.model.parameters(), seen.model.parameters(), strict=True))
    log = read(tmp_path)
    looks = log.packed["lossdiag/probe/train"]
    assert len(looks) >= 4
    assert max(looks) > STEPS, "after the first evaluation, too"
    modes = (
        log.figure("lossdiag/probe/train", "train_loss", "batch"),
        log.figure("lossdiag/probe/train", "eval_loss", "batch"),
    )
    assert all(modes[0][step] != modes[1][step] for step in looks), "there is dropout"
    along = log.figure("lossdiag/penalty/train", "along", "0.weight")
    assert (min(along.values()) > 0.2) == (script is Penalised)


def test_what_stands_for_torchs_functions_does_what_they_do_and_goes_when_the_writer_is_closed(tmp_path: Path) -> None:
    script = ByFunction()
    writer = DiagWriter(tmp_path)
    writer.watch(script.model, script.optimizer)
    assert torchs_own()
    script.epoch()
    assert not torchs_own()
    count = CompileCounter()
    compiled = torch.compile(lambda said, right: 2 * F.cross_entropy(said, right), backend=count, fullgraph=True)
    said, right = torch.randn(5, 3), torch.arange(5) % 3
    assert [float(compiled(said, right)) for _ in range(3)] == [2 * float(F.cross_entropy(said, right))] * 3
    assert count.frame_count == 1
    assert F.cross_entropy.__doc__ == next(each for each in FUNCTIONS if each.__name__ == "cross_entropy").__doc__
    assert pickle.loads(pickle.dumps(F.cross_entropy)) is F.cross_entropy  # noqa: S301
    writer.close()
    assert torchs_own()
    assert float(compiled(said, right)) == 2 * float(F.cross_entropy(said, right))


def test_torchs_functions_come_back_when_the_last_writer_is_closed_or_gone(tmp_path: Path, read: Any) -> None:
    script, other = ByFunction(), ByFunction()
    writer, second = DiagWriter(tmp_path / "one"), DiagWriter(tmp_path / "two")
    for each, model in ((writer, script), (second, other)):
        each.watch(model.model, model.optimizer)
    for _ in range(EPOCHS):
        script.epoch()
        other.epoch()
        script.evaluate("val", 200, 300)
        other.evaluate("val", 300, 400)
    writer.close()
    assert not torchs_own()
    assert torchs_own_of(F.cross_entropy) in FUNCTIONS
    assert torchs_own_of(F.relu) is F.relu
    del second, each, model, other
    gc.collect()
    assert torchs_own()
    log = read(tmp_path / "one")
    assert list(log.scalars["loss/val"].values()) == pytest.approx(script.said["val"], rel=1e-5)


class Broken:
    """Listens, and cannot."""

    def hear(self, *_: object) -> None:
        raise ValueError


def test_who_fails_as_it_listens_is_not_told_again() -> None:
    broken, said = Broken(), torch.zeros(2, 3)
    STAND_INS.tell(broken.hear)
    assert not torchs_own()
    assert float(F.cross_entropy(said, torch.tensor([0, 1]))) == pytest.approx(math.log(3))
    assert torchs_own()


class Noted(TorchFunctionMode):
    """A mode of the user's own, which knows torch's functions from before."""

    def __init__(self) -> None:
        super().__init__()
        self.known: list[object] = []

    def __torch_function__(self, function: Any, _types: object, args: Any = (), kwargs: Any = None) -> Any:
        self.known += [each for each in FUNCTIONS if each is function]
        return function(*args, **(kwargs or {}))


def test_modes_of_the_user_s_own_are_told_of_torchs_functions(tmp_path: Path, read: Any) -> None:
    script = ByFunction()
    with DiagWriter(tmp_path) as writer:
        writer.watch(script.model, script.optimizer)
        for _ in range(EPOCHS):
            script.epoch()
            with Noted() as mode:
                script.evaluate("val", 200, 300)
            assert [each.__name__ for each in mode.known] == ["cross_entropy"] * 4
    assert list(read(tmp_path).scalars["loss/val"].values()) == pytest.approx(script.said["val"], rel=1e-5)


def test_training_is_bit_for_bit_as_without(tmp_path: Path) -> None:
    plain = Script()
    validated(plain)
    other = Script()
    watched(other, tmp_path, validated)
    assert plain.said == other.said
    assert all(torch.equal(a, b) for a, b in zip(plain.model.parameters(), other.model.parameters(), strict=True))
    assert not other.model._forward_pre_hooks
    assert not other.loss_fn._forward_hooks


def test_places_are_told_apart_and_training_data_is_left_out(tmp_path: Path, read: Any) -> None:
    def loop(script: Script) -> None:
        for _ in range(EPOCHS):
            script.epoch()
            script.evaluate("train", 0, 200)
            script.evaluate("val", 200, 300)
            script.evaluate("test", 300, 400)

    script = Script()
    watched(script, tmp_path, loop)
    log = read(tmp_path)
    assert list(log.scalars["loss/val"].values()) == pytest.approx(script.said["val"], rel=1e-5)
    assert list(log.scalars["loss/test"].values()) == pytest.approx(script.said["test"], rel=1e-5)
    assert len(log.scalars["loss/train"]) == EPOCHS * STEPS


@pytest.mark.parametrize("validation", [True, False])
def test_what_is_evaluated_once_at_the_end_is_test(tmp_path: Path, read: Any, validation: bool) -> None:
    def loop(script: Script) -> None:
        for _ in range(EPOCHS):
            script.epoch()
            if validation:
                script.evaluate("val", 200, 300)
        script.evaluate("test", 300, 400)

    script = Script()
    watched(script, tmp_path, loop)
    log = read(tmp_path)
    assert log.scalars["loss/test"] == {EPOCHS * STEPS: pytest.approx(script.said["test"][0], rel=1e-5)}
    assert ("loss/val" in log.scalars) == validation


def test_validation_and_test_at_the_end_only(tmp_path: Path, read: Any) -> None:
    def loop(script: Script) -> None:
        script.epoch()
        script.evaluate("train", 0, 200)
        script.evaluate("val", 200, 300)
        script.evaluate("test", 300, 400)

    script = Script()
    watched(script, tmp_path, loop)
    found = read(tmp_path).scalars
    assert found["loss/val"] == {STEPS: pytest.approx(script.said["val"][0], rel=1e-5)}
    assert found["loss/test"] == {STEPS: pytest.approx(script.said["test"][0], rel=1e-5)}


def test_another_model_is_not_the_watched_one(tmp_path: Path, read: Any) -> None:
    def loop(script: Script) -> None:
        average = copy.deepcopy(script.model)
        for _ in range(EPOCHS):
            script.epoch()
            script.evaluate("average", 200, 300, average)
            script.evaluate("val", 200, 300)

    script = Script()
    watched(script, tmp_path, loop)
    found = read(tmp_path).scalars
    assert list(found["loss/val"].values()) == pytest.approx(script.said["val"], rel=1e-5)
    assert "loss/test" not in found


def test_a_figure_of_a_step_is_no_evaluation(tmp_path: Path, read: Any) -> None:
    def loop(script: Script) -> None:
        for i in range(40):
            x, y = script.rows(20 * (i % 10), 20 * (i % 10) + 20)
            script.optimizer.zero_grad()
            output = script.model(x)
            loss = script.loss_fn(output, y)
            with torch.no_grad():
                script.loss_fn(script.model(script.x[200:300]), script.y[200:300])
            script.loss_fn(output.detach(), y)
            loss.backward()
            script.optimizer.step()

    watched(Script(), tmp_path, loop)
    log = read(tmp_path)
    assert not {"loss/val", "loss/test"} & set(log.scalars)
    assert len(log.scalars["loss/train"]) == 40
    assert log.facts["models"][""]["unattributed_evaluations"] > 40


def test_who_forgets_no_grad_is_in_evaluation_mode_all_the_same(tmp_path: Path, read: Any) -> None:
    def loop(script: Script) -> None:
        for _ in range(EPOCHS):
            script.epoch()
            script.model.eval()
            loss = script.loss_fn(script.model(script.x[200:300]), script.y[200:300])
            script.said.setdefault("val", []).append(loss.item())

    script = Script()
    watched(script, tmp_path, loop)
    log = read(tmp_path)
    assert list(log.scalars["loss/val"].values()) == pytest.approx(script.said["val"], rel=1e-5)
    assert len(log.scalars["loss/train"]) == EPOCHS * STEPS
    assert log.facts["models"][""]["mode"]["training_flag_during_training"] is True


def test_who_forgets_to_go_back_to_training_mode_still_trains(tmp_path: Path, read: Any) -> None:
    def loop(script: Script) -> None:
        script.epoch()
        script.evaluate("val", 200, 300)
        for i in range(30):
            x, y = script.rows(20 * (i % 10), 20 * (i % 10) + 20)
            script.optimizer.zero_grad()
            loss = script.loss_fn(script.model(x), y)
            loss.backward()
            script.optimizer.step()
            script.said.setdefault("train", []).append(loss.item())

    script = Script()
    watched(script, tmp_path, loop)
    log = read(tmp_path)
    assert list(log.scalars["loss/train"].values())[STEPS:] == pytest.approx(script.said["train"], rel=1e-5)
    assert log.facts["models"][""]["mode"]["training_flag_during_training"] is False


@pytest.mark.parametrize(("evaluates", "switched"), [(True, 0), (False, None)])
def test_a_mode_that_an_evaluation_before_the_first_step_leaves_behind_is_not_meant(
    evaluates: bool, switched: int | None, tmp_path: Path, read: Any
) -> None:
    def loop(script: Script) -> None:
        if evaluates:
            script.evaluate("val", 200, 300)
        script.model.eval()  # which says of a training that begins like this, without an evaluation, that it is meant
        for i in range(30):
            x, y = script.rows(20 * (i % 10), 20 * (i % 10) + 20)
            script.optimizer.zero_grad()
            script.loss_fn(script.model(x), y).backward()
            script.optimizer.step()

    watched(Script(), tmp_path, loop)
    mode = read(tmp_path).facts["models"][""]["mode"]
    assert mode["training_flag_during_training"] is False
    assert mode["switched"] == switched


def test_nothing_is_guessed_where_evaluations_are_announced(tmp_path: Path, read: Any) -> None:
    script = Script()
    with DiagWriter(tmp_path) as writer:
        writer.watch(script.model, script.optimizer, script.loss_fn)
        for _ in range(EPOCHS):
            script.epoch()
            script.evaluate("other", 300, 400)
            with writer.evaluating("val"):
                script.evaluate("val", 200, 300)
    found = read(tmp_path).scalars
    assert list(found["loss/val"].values()) == pytest.approx(script.said["val"], rel=1e-5)
    assert "loss/test" not in found


def test_nothing_is_guessed_of_several_models(tmp_path: Path, read: Any) -> None:
    script, second = Script(), Script()
    with DiagWriter(tmp_path) as writer:
        writer.watch(script.model, script.optimizer, script.loss_fn)
        writer.watch(second.model, second.optimizer, script.loss_fn, name="second")
        validated(script)
    assert not {"loss/val", "loss/test"} & set(read(tmp_path).scalars)


def test_an_evaluation_at_each_step_is_looked_at_now_and_then(tmp_path: Path, read: Any) -> None:
    def loop(script: Script) -> None:
        for _ in range(40):
            script.model.train()
            for i in range(STEPS):
                x, y = script.rows(20 * i, 20 * i + 20)
                script.optimizer.zero_grad()
                script.loss_fn(script.model(x), y).backward()
                script.optimizer.step()
                script.evaluate("val", 200, 300, size=100)
                script.model.train()

    watched(Script(), tmp_path, loop)
    steps = list(read(tmp_path).scalars["loss/val"])
    assert steps[:90] == list(range(1, 91))
    assert {b - a for a, b in itertools.pairwise(steps[120:])} == {5}


def test_who_never_closes_the_writer_has_all_but_the_last_evaluation(tmp_path: Path, read: Any) -> None:
    script = Script()
    writer = DiagWriter(tmp_path)
    writer.watch(script.model, script.optimizer, script.loss_fn)
    validated(script)
    del writer, script
    gc.collect()
    assert len(read(tmp_path).scalars["loss/val"]) >= EPOCHS - 1


@pytest.mark.parametrize("forgotten", [True, False])
def test_the_mode_of_an_evaluation_is_noted(tmp_path: Path, read: Any, forgotten: bool) -> None:
    def loop(script: Script) -> None:
        for _ in range(EPOCHS):
            script.epoch()
            script.model.train(forgotten)
            with torch.no_grad():
                script.loss_fn(script.model(script.x[200:300]), script.y[200:300])

    watched(Script(), tmp_path, loop)
    assert read(tmp_path).facts["data"].get("in_training_mode") == ({"val": True} if forgotten else None)


def test_a_validation_that_turns_out_to_share_samples_with_training_stays_validation(
    tmp_path: Path, read: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def loop(script: Script) -> None:
        for i in range(EPOCHS):
            script.epoch()
            script.evaluate("val", 200, 300)
            if i == 2:  # it has its name; all of it is trained on from now on, as far as anybody can tell
                monkeypatch.setattr(Splits, "trained_on", lambda *_: 1.0)

    watched(Script(), tmp_path, loop)
    assert len(read(tmp_path).scalars["loss/val"]) == EPOCHS


def test_who_begins_to_evaluate_late_is_heard_from_the_second_time_on(
    tmp_path: Path, read: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unannounced, "FIRST", 15)

    def loop(script: Script) -> None:
        for i in range(EPOCHS):
            script.epoch()
            if i > 1:
                script.evaluate("val", 200, 300, size=100)

    script = Script()
    watched(script, tmp_path, loop)
    log = read(tmp_path)
    assert list(log.scalars["loss/val"].values()) == pytest.approx(script.said["val"], rel=1e-5)
    assert "lossdiag/inputs/val" in log.packed


def test_code_that_is_made_anew_each_time_is_not_told_apart_for_ever(tmp_path: Path) -> None:
    script = Script()
    with DiagWriter(tmp_path) as writer:
        writer.watch(script.model, script.optimizer, script.loss_fn)
        kept = []
        for i in range(3 * unannounced.MOST):
            source = "def evaluate(script):\n    with torch.no_grad():\n        script.loss_fn(script.model(script.x[200:300]), script.y[200:300])"
            space: dict[str, Any] = {"torch": torch}
            exec(compile(source, f"cell {i}", "exec"), space)  # noqa: S102  (as a notebook does with a cell)
            kept.append(space)
            x, y = script.rows(0, 20)
            script.optimizer.zero_grad()
            script.loss_fn(script.model(x), y).backward()
            script.optimizer.step()
            space["evaluate"](script)
        assert len(writer._unannounced._sources) == unannounced.MOST
