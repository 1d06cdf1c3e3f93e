"""Losses that no module computes and nobody reports: seen where their gradient is taken."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from tb_lossdiag.writer import DiagWriter

X, LABELS, VALUES = torch.randn(16, 5), torch.randint(0, 3, (16,)), torch.randn(16, 3)
BACKWARD = torch.autograd.backward


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    yield
    assert torch.autograd.backward is BACKWARD


def model() -> nn.Module:
    return nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 3))


def trained(
    writer: DiagWriter,
    loss: Callable[[nn.Module], Tensor],
    *watched: object,
    steps: int = 30,
    net: nn.Module | None = None,
) -> list[float]:
    """The losses of a loop that says nothing to the writer but the two lines."""
    net = model() if net is None else net
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    writer.watch(net, optimizer, *watched)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        value = loss(net)
        losses.append(value.item())
        value.backward()
        optimizer.step()
    return losses


def own_loss(prediction: Tensor, target: Tensor) -> Tensor:
    return (prediction - target).abs().pow(1.5).mean()


@pytest.mark.parametrize(
    ("loss", "watched"),
    [
        (lambda net: F.cross_entropy(net(X), LABELS), ()),
        (lambda net: F.cross_entropy(net(X), LABELS), (F.cross_entropy,)),
        (lambda net: own_loss(net(X), VALUES), (own_loss,)),
        (lambda net: F.mse_loss(net(X), VALUES) + F.l1_loss(net(X), VALUES), ()),
        (lambda net: F.mse_loss(net(X), VALUES), (nn.L1Loss(),)),  # which is never called
    ],
)
def test_each_loss_is_logged_though_nobody_tells_of_it(
    loss: Callable[[nn.Module], Tensor], watched: tuple[object, ...], tmp_path: Path, read: Any
) -> None:
    with DiagWriter(str(tmp_path)) as writer:
        losses = trained(writer, loss, *watched)
    log = read(tmp_path)
    assert list(log.scalars["loss/train"]) == list(range(30))
    assert list(log.scalars["loss/train"].values()) == pytest.approx(losses)
    assert not log.facts["models"][""]["notes"]


def test_predictions_and_targets_are_seen_too(tmp_path: Path, read: Any) -> None:
    with DiagWriter(str(tmp_path)) as writer:
        trained(writer, lambda net: F.cross_entropy(net(X), LABELS))
    assert {each.group for each in read(tmp_path).schemas.values()} >= {"losses", "targets", "outputs"}


@pytest.mark.parametrize(
    "scale", [lambda loss: loss / 4, lambda loss: 0.25 * loss, lambda loss: torch.tensor(8.0) * (loss / 2)]
)
def test_a_loss_is_logged_as_it_was_before_numbers_scaled_it(
    scale: Callable[[Tensor], Tensor], tmp_path: Path, read: Any
) -> None:
    losses: list[float] = []

    def loss(net: nn.Module) -> Tensor:
        value = F.mse_loss(net(X), VALUES)
        losses.append(value.item())
        return scale(value)

    with DiagWriter(str(tmp_path)) as writer:
        trained(writer, loss)
    assert list(read(tmp_path).scalars["loss/train"].values()) == pytest.approx(losses)


def test_losses_of_several_batches_before_a_step_are_averaged(tmp_path: Path, read: Any) -> None:
    net = model()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    means = []
    with DiagWriter(str(tmp_path)) as writer:
        writer.watch(net, optimizer)
        for _ in range(25):
            optimizer.zero_grad()
            parts = [F.mse_loss(net(X[i::2]), VALUES[i::2]) for i in range(2)]
            means.append(sum(each.item() for each in parts) / 2)
            for each in parts:
                (each / 2).backward()
            optimizer.step()
    assert list(read(tmp_path).scalars["loss/train"].values()) == pytest.approx(means)


def test_with_a_gradient_scaler_the_loss_is_the_unscaled_one(tmp_path: Path, read: Any) -> None:
    net = model()
    losses: list[float] = []
    optimizer, scaler = torch.optim.SGD(net.parameters(), lr=0.1), torch.amp.GradScaler("cpu", init_scale=1024.0)
    with DiagWriter(str(tmp_path)) as writer:
        writer.watch(net, optimizer)
        for _ in range(25):
            optimizer.zero_grad()
            loss = F.mse_loss(net(X), VALUES)
            losses.append(loss.item())
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
    assert list(read(tmp_path).scalars["loss/train"].values()) == pytest.approx(losses)


def test_two_models_each_have_the_loss_that_their_optimizer_steps_on(tmp_path: Path, read: Any) -> None:
    generator, critic = nn.Linear(4, 5), nn.Linear(5, 1)
    steps = [torch.optim.SGD(each.parameters(), lr=0.01) for each in (generator, critic)]
    ours: dict[str, list[float]] = {"generator": [], "critic": []}
    with DiagWriter(str(tmp_path)) as writer:
        writer.watch(generator, steps[0], name="generator")
        writer.watch(critic, steps[1], name="critic")
        for _ in range(25):
            fake = generator(torch.randn(16, 4))
            loss = F.softplus(critic(fake.detach())).mean() + F.softplus(-critic(X)).mean()
            ours["critic"].append(loss.item())
            steps[1].zero_grad()
            loss.backward()
            steps[1].step()
            loss = F.softplus(-critic(fake)).mean()  # its gradient reaches both
            ours["generator"].append(loss.item())
            steps[0].zero_grad()
            loss.backward()
            steps[0].step()
    log = read(tmp_path)
    scalars = log.scalars
    assert not {"outputs", "targets"} & {each.group for each in log.schemas.values()}, (
        "it may be either's that is judged"
    )
    assert list(scalars["loss/train"].values()) == pytest.approx(ours["generator"])
    assert list(scalars["loss/train@critic"].values()) == pytest.approx(ours["critic"])


def test_models_that_one_line_trains_in_turn_are_told_apart(tmp_path: Path, read: Any) -> None:
    nets = {name: nn.Linear(5, 3) for name in ("one", "two")}
    steps = {name: torch.optim.SGD(each.parameters(), lr=0.1) for name, each in nets.items()}
    ours: dict[str, list[float]] = {"one": [], "two": []}
    with DiagWriter(str(tmp_path)) as writer:
        for name, net in nets.items():
            writer.watch(net, steps[name], name=name)
        for i in range(60):
            name = "one" if i < 20 or i % 3 else "two"
            steps[name].zero_grad()
            loss = F.mse_loss(nets[name](X), VALUES)
            ours[name].append(loss.item())
            loss.backward()
            steps[name].step()
    scalars = read(tmp_path).scalars
    assert list(scalars["loss/train"].values()) == pytest.approx(ours["one"])
    assert list(scalars["loss/train@two"].values()) == pytest.approx(ours["two"])


def test_the_loss_of_a_model_that_nobody_watches_is_not_taken(tmp_path: Path, read: Any) -> None:
    other = model()

    def loss(net: nn.Module) -> Tensor:
        (100 * F.l1_loss(other(X), VALUES) + 7).backward()
        return F.mse_loss(net(X), VALUES)

    with DiagWriter(str(tmp_path)) as writer:
        losses = trained(writer, loss)
    assert list(read(tmp_path).scalars["loss/train"].values()) == pytest.approx(losses)


def test_training_in_evaluation_mode_is_told(tmp_path: Path, read: Any) -> None:
    with DiagWriter(str(tmp_path)) as writer:
        losses = trained(writer, lambda net: F.mse_loss(net.eval()(X), VALUES))
    log = read(tmp_path)
    assert list(log.scalars["loss/train"].values()) == pytest.approx(losses)
    assert log.facts["models"][""]["mode"]["training_flag_during_training"] is False


def test_a_closure_counts_its_first_loss(tmp_path: Path, read: Any) -> None:
    net = model()
    losses: list[list[float]] = []
    optimizer = torch.optim.LBFGS(net.parameters(), lr=0.1, max_iter=4)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.mse_loss(net(X), VALUES)
        losses[-1].append(loss.item())
        loss.backward()
        return loss

    with DiagWriter(str(tmp_path)) as writer:
        writer.watch(net, optimizer)
        for _ in range(5):
            losses.append([])
            optimizer.step(closure)
    assert list(read(tmp_path).scalars["loss/train"].values()) == pytest.approx([each[0] for each in losses])


@pytest.mark.parametrize(
    "telling",
    [
        pytest.param("module", id="a loss function that is a module"),
        pytest.param("reported", id="a loss that is reported with its graph"),
        pytest.param("model", id="a model that computes its loss"),
    ],
)
def test_where_losses_are_seen_elsewhere_nobody_listens(telling: str, tmp_path: Path, read: Any) -> None:
    class Whole(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = model()

        def forward(self, x: Tensor) -> dict[str, Tensor]:
            return {"loss": F.mse_loss(self.net(x), VALUES)}

    function = nn.MSELoss()
    net = Whole() if telling == "model" else model()
    writer = DiagWriter(str(tmp_path))

    def loss(net: nn.Module) -> Tensor:
        if telling == "model":
            value: Tensor = net(X)["loss"]
            return value
        value = function(net(X), VALUES)
        if telling == "reported":
            writer.add_loss("train", value)
        return value

    losses = trained(writer, loss, *([function] if telling == "module" else []), net=net)
    assert torch.autograd.backward is BACKWARD  # since the first step
    writer.close()
    assert list(read(tmp_path).scalars["loss/train"].values()) == pytest.approx(losses)


def test_what_was_there_before_is_there_again_and_what_came_later_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def before(*args: Any, **kwargs: Any) -> Any:
        calls.append("before")
        return BACKWARD(*args, **kwargs)

    monkeypatch.setattr(torch.autograd, "backward", before)
    writer = DiagWriter(str(tmp_path / "a"))
    trained(writer, lambda net: F.mse_loss(net(X), VALUES), steps=1)
    ours = torch.autograd.backward
    assert ours is not before

    def later(*args: Any, **kwargs: Any) -> Any:
        calls.append("later")
        return ours(*args, **kwargs)

    torch.autograd.backward = later
    writer.close()
    assert torch.autograd.backward is later
    with DiagWriter(str(tmp_path / "b")) as writer:
        calls.clear()
        trained(writer, lambda net: F.mse_loss(net(X), VALUES), steps=1)
    assert calls == ["later", "before"]
    assert torch.autograd.backward is later
    torch.autograd.backward = before


def test_a_writer_that_is_forgotten_is_not_kept(tmp_path: Path) -> None:
    writer = DiagWriter(str(tmp_path))
    net = model()
    trained(writer, lambda net: F.mse_loss(net(X), VALUES), steps=25, net=net)
    known, kept = weakref.ref(writer), weakref.ref(net)
    writer.flush()  # what waits to be written may hold the model
    del writer, net
    gc.collect()
    assert known() is None
    assert kept() is None
    torch.zeros(1, requires_grad=True).sum().backward()  # the next call finds nobody left


def test_an_error_of_ours_does_not_reach_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: Any
) -> None:
    monkeypatch.setattr("tb_lossdiag.writer.whose_loss.trained_by", lambda *_: 1 / 0)
    with DiagWriter(str(tmp_path)) as writer:
        trained(writer, lambda net: F.mse_loss(net(X), VALUES))
    (note, *_) = read(tmp_path).facts["models"][""]["notes"]
    assert "ZeroDivisionError" in note


def test_gradients_are_bit_for_bit_those_without_a_writer(tmp_path: Path) -> None:
    def weights(writer: DiagWriter | None) -> list[Tensor]:
        torch.manual_seed(3)
        net = model()
        optimizer = torch.optim.Adam(net.parameters())
        if writer is not None:
            writer.watch(net, optimizer)
        for _ in range(40):
            optimizer.zero_grad()
            (F.cross_entropy(net(X), LABELS) / 2).backward()
            optimizer.step()
        return [each.detach().clone() for each in net.parameters()]

    with DiagWriter(str(tmp_path)) as writer:
        watched = weights(writer)
    assert all(map(torch.equal, watched, weights(None)))


def test_of_a_generator_that_is_watched_alone_the_critics_losses_are_left_out(tmp_path: Path, read: Any) -> None:
    """One loss function trains both, and only one of them is watched."""
    generator, critic, function = nn.Linear(4, 5), nn.Linear(5, 1), nn.BCEWithLogitsLoss()
    steps = [torch.optim.SGD(each.parameters(), lr=0.01) for each in (generator, critic)]
    ours = []
    with DiagWriter(str(tmp_path)) as writer:
        writer.watch(generator, steps[0], function)
        for _ in range(60):
            fake = generator(torch.randn(16, 4))
            steps[1].zero_grad()
            real = function(critic(X), torch.ones(16, 1))
            (real + function(critic(fake.detach()), torch.zeros(16, 1))).backward()
            steps[1].step()
            steps[0].zero_grad()
            loss = function(critic(fake), torch.ones(16, 1))
            ours.append(loss.item())
            loss.backward()
            steps[0].step()
    log = read(tmp_path)
    assert list(log.scalars["loss/train"].values())[1:] == pytest.approx(ours[1:])  # at first nobody knows yet
    assert log.facts["models"][""]["graph"]["learning_outside"] is True


@pytest.mark.parametrize("weight", [0.0, 0.1])
def test_what_is_added_to_a_loss_functions_value_is_seen_at_the_first_step(
    weight: float, tmp_path: Path, read: Any
) -> None:
    function, code = nn.MSELoss(), nn.Sequential(nn.Linear(5, 8), nn.ReLU())
    net = nn.Sequential(code, nn.Linear(8, 3))

    def loss(net: nn.Module) -> Tensor:
        value: Tensor = function(net(X), VALUES)
        return value + weight * code(X).abs().mean() if weight else value

    with DiagWriter(str(tmp_path)) as writer:
        trained(writer, loss, function, net=net)
        assert torch.autograd.backward is BACKWARD
    assert read(tmp_path).facts["models"][""]["graph"].get("quieted", False) is bool(weight)


@pytest.mark.filterwarnings("ignore:.*The .grad attribute")  # Dynamo looks at it
def test_a_step_that_is_compiled_whole_breaks_no_more_graphs_because_of_us(tmp_path: Path) -> None:
    counters = pytest.importorskip("torch._dynamo.utils").counters

    def breaks(watched: bool) -> int:
        torch._dynamo.reset()
        counters.clear()
        net = nn.Linear(5, 3)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        writer = DiagWriter(str(tmp_path))
        if watched:
            writer.watch(net, optimizer)

        @torch.compile(backend="eager")
        def step() -> Tensor:
            loss = F.cross_entropy(net(X), LABELS)
            loss.backward()
            return loss

        for _ in range(8):
            optimizer.zero_grad()
            step()
            optimizer.step()
        writer.close()
        return len(counters["graph_break"])

    assert breaks(watched=True) == breaks(watched=False)


@pytest.mark.parametrize(
    ("loss", "found"),
    [
        (lambda net: F.cross_entropy(net(X), LABELS), True),
        (lambda net: F.nll_loss(F.log_softmax(net(X), 1), LABELS), True),
        (
            lambda net: F.cross_entropy(net(X), LABELS) + F.mse_loss(net(X), VALUES),
            False,
        ),  # one of two terms is no loss
    ],
)
def test_in_an_evaluation_torchs_own_function_is_heard_where_it_computes_the_whole_loss(
    loss: Callable[[nn.Module], Tensor], found: bool, tmp_path: Path, read: Any
) -> None:
    net, losses = model(), []
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with DiagWriter(str(tmp_path)) as writer:
        writer.watch(net, optimizer)
        for _ in range(3):
            for _ in range(10):
                optimizer.zero_grad()
                loss(net).backward()
                optimizer.step()
            with writer.evaluating("val"):
                parts = [loss(net).item() for _ in range(2)]
            losses.append(sum(parts) / 2)
    scalars = read(tmp_path).scalars
    assert list(scalars.get("loss/val", {}).values()) == (pytest.approx(losses) if found else [])
    assert ("accuracy/val" in scalars) == found
    assert list(scalars["loss/train"]) == list(range(30)), "training is heard as before"


def test_a_function_that_the_user_names_is_heard_in_an_evaluation_whatever_training_makes_of_it(
    tmp_path: Path, read: Any
) -> None:
    net, weights = model(), torch.rand(len(X))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with DiagWriter(str(tmp_path)) as writer:
        writer.watch(net, optimizer, F.cross_entropy)
        for _ in range(30):
            optimizer.zero_grad()
            (F.cross_entropy(net(X), LABELS, reduction="none") * weights).mean().backward()
            optimizer.step()
        with writer.evaluating("val"):
            loss = F.cross_entropy(net(X), LABELS).item()
    assert list(read(tmp_path).scalars["loss/val"].values()) == [pytest.approx(loss)]


def test_a_sum_in_an_evaluation_is_logged_as_the_mean_that_training_has(tmp_path: Path, read: Any) -> None:
    """As the examples of PyTorch do, which divide it by the size of the data set."""
    with DiagWriter(str(tmp_path)) as writer:
        net = model()
        trained(writer, lambda net: F.cross_entropy(net(X), LABELS), net=net)
        with writer.evaluating("test"):
            total = F.cross_entropy(net(X), LABELS, reduction="sum").item()
    assert list(read(tmp_path).scalars["loss/test"].values()) == pytest.approx([total / len(X)])


def test_a_loss_that_is_reported_when_its_graph_is_gone_is_still_seen_going_back(tmp_path: Path, read: Any) -> None:
    """So that what the loss function was given is the same at each step: its logarithms of probabilities, and not the scores."""
    net = model()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with DiagWriter(str(tmp_path)) as writer:
        writer.watch(net, optimizer)
        for _ in range(25):
            optimizer.zero_grad()
            loss = F.cross_entropy(5 * net(X), LABELS)
            loss.backward()
            optimizer.step()
            writer.add_loss("train", loss)
    log = read(tmp_path)
    (tag,) = [tag for tag, each in log.schemas.items() if each.group == "outputs"]
    highest = [each[log.schemas[tag].figures.index("max")].max() for each in log.packed[tag].values()]
    assert len(highest) > 15
    assert max(highest) <= 0.0
    assert not log.facts["models"][""]["notes"]


def test_a_function_that_is_called_through_the_writer_in_an_evaluation_counts_once(tmp_path: Path, read: Any) -> None:
    with DiagWriter(str(tmp_path)) as writer:
        net = model()
        trained(writer, lambda net: F.cross_entropy(net(X), LABELS), F.cross_entropy, net=net)
        with writer.evaluating("val"):
            loss = writer.loss_fn(net(X), LABELS).item()
    log = read(tmp_path)
    assert list(log.scalars["loss/val"].values()) == pytest.approx([loss])
    assert log.facts["data"]["val_size"] == len(X)


def own_loss(prediction: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(prediction, target) + 1.0


@pytest.mark.parametrize("announced", [True, False])
def test_training_losses_are_heard_after_an_evaluation_that_went_through_the_writer(
    tmp_path: Path, read: Any, announced: bool
) -> None:
    net = model()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with DiagWriter(str(tmp_path)) as writer:
        writer.watch(net, optimizer, own_loss)
        for _ in range(3):
            net.train()
            for _ in range(4):
                optimizer.zero_grad()
                own_loss(net(X), LABELS).backward()
                optimizer.step()
            net.eval()
            with writer.evaluating("val") if announced else torch.no_grad():
                writer.loss_fn(net(X), LABELS)
    log = read(tmp_path)
    assert list(log.scalars["loss/train"]) == list(range(12))
    assert not announced or len(log.scalars["loss/val"]) == 3
