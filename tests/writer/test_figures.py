"""Each figure against a slow and obvious reference."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from tb_lossdiag.writer import DiagWriter

PARAMETERS = "lossdiag/parameters/train"
ACTIVATIONS = "lossdiag/activations/train"


def test_norms_of_gradient_parameter_and_update_are_those_of_the_tensors(training: Any, watched: Any) -> None:
    expected: dict[tuple[str, str], list[float]] = {}

    class Spy(torch.optim.SGD):
        def step(self, closure: Any = None) -> Any:
            before = {name: each.detach().clone() for name, each in training.model.named_parameters()}
            super().step(closure)
            for name, each in training.model.named_parameters():
                expected.setdefault(("grad_norm", name), []).append(float(each.grad.norm()))
                expected.setdefault(("param_norm", name), []).append(float(before[name].norm()))
                expected.setdefault(("update_norm", name), []).append(float((each.detach() - before[name]).norm()))

    training.optimizer = Spy(training.model.parameters(), lr=0.1, momentum=0.9)
    log = watched(training, steps=5)
    for (figure, name), values in expected.items():
        assert list(log.figure(PARAMETERS, figure, name).values()) == pytest.approx(values, rel=1e-4)
    names = [name for name, _ in training.model.named_parameters()]
    whole = [math.sqrt(sum(expected["grad_norm", name][i] ** 2 for name in names)) for i in range(5)]
    assert list(log.scalars["diag/grad_norm"].values()) == pytest.approx(whole, rel=1e-4)
    ratios = [
        np.median([expected["update_norm", n][i] / expected["param_norm", n][i] for n in names]) for i in range(5)
    ]
    assert list(log.scalars["diag/update_ratio"].values()) == pytest.approx(ratios, rel=1e-3)


def test_cosine_is_that_of_two_gradients_in_a_row(training: Any, watched: Any) -> None:
    gradients: list[Tensor] = []
    training.optimizer.register_step_pre_hook(
        lambda *_: gradients.append(torch.cat([each.grad.flatten() for each in training.model.parameters()]).clone())
    )
    log = watched(training, steps=6)
    expected = [float(F.cosine_similarity(gradients[i], gradients[i - 1], dim=0)) for i in range(1, 6)]
    assert list(log.scalars["diag/grad_cosine"]) == [1, 2, 3, 4, 5]
    assert list(log.scalars["diag/grad_cosine"].values()) == pytest.approx(expected, abs=1e-5)


def test_a_large_model_s_update_is_estimated_within_a_few_percent(watched: Any, make: Any) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 1500), nn.ReLU(), nn.Linear(1500, 900), nn.ReLU(), nn.Linear(900, 3))
    training = make(model, lr=0.5)
    before = model[2].weight.detach().clone()
    log = watched(training, steps=1)
    expected = float((model[2].weight.detach() - before).norm())
    assert log.figure(PARAMETERS, "update_norm", "2.weight")[0] == pytest.approx(expected, rel=0.15)


def test_activation_figures_are_those_of_the_outputs(watched: Any, make: Any) -> None:
    training = make(nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)))
    with torch.no_grad():
        out = training.model[1](training.model[0](training.x[:16]))
    log = watched(training, steps=1)
    assert log.schemas[ACTIVATIONS].columns == ("0", "1", "2")
    figures = {name: log.figure(ACTIVATIONS, name, "1")[0] for name in log.schemas[ACTIVATIONS].figures}
    assert figures["mean"] == pytest.approx(float(out.mean()), rel=1e-5)
    assert figures["rms"] == pytest.approx(float(out.square().mean().sqrt()), rel=1e-5)
    assert figures["zero_share"] == pytest.approx(float((out == 0).float().mean()), abs=1e-6)
    assert figures["nonfinite_share"] == 0
    assert figures["sample_std"] == pytest.approx(float(out.std(0).mean()), rel=1e-4)
    assert math.isnan(figures["dead_share"]), "16 samples are too few to call a unit dead"
    assert math.isnan(figures["saturated_share"]), "a ReLU does not saturate"


def test_a_unit_is_dead_only_after_512_samples_without_a_sign_of_life(watched: Any, make: Any) -> None:
    training = make(lr=0.0, samples=2000)
    with torch.no_grad():
        training.model[0].bias[:2] = -1e3  # two of eight never fire
        training.model[0].bias[2] = -6.0  # fires now and then
        training.model[0].weight[2] = 3.0
    training.steps, batches = lambda count: type(training).steps(training, count, batch=100), 12
    log = watched(training, steps=batches)
    dead = list(log.figure(ACTIVATIONS, "dead_share", "1").values())
    assert np.isnan(dead[:5]).all()
    assert dead[5:] == pytest.approx([0.25] * 7)
    assert log.scalars["diag/dead_units"][11] == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("module", "function"),
    [
        (nn.ReLU(), torch.relu),
        (nn.Sigmoid(), torch.sigmoid),
        (nn.Tanh(), torch.tanh),
        (nn.GELU(), F.gelu),
        (nn.SiLU(), F.silu),
    ],
)
def test_an_activation_written_as_a_function_shows_the_same_as_a_module(
    module: nn.Module, function: Callable[[Tensor], Tensor], make: Any, tmp_path: Any, read: Any
) -> None:
    class Functional(nn.Module):
        def __init__(self, a: nn.Linear, b: nn.Linear) -> None:
            super().__init__()
            self.a, self.b = a, b

        def forward(self, x: Tensor) -> Tensor:
            return self.b(function(self.a(x)))

    from tb_lossdiag.writer import DiagWriter

    found = {}
    for kind in ("module", "function"):
        torch.manual_seed(3)
        a, b = nn.Linear(6, 8), nn.Linear(8, 3)
        with torch.no_grad():
            a.bias[:3] = -40.0
        training = make(nn.Sequential(a, module, b) if kind == "module" else Functional(a, b), lr=0.0, samples=600)
        with DiagWriter(tmp_path / kind) as writer:
            writer.watch(training.model, training.optimizer, training.loss_fn)
            training.steps(6, batch=150)
        log = read(tmp_path / kind)
        column = "1" if kind == "module" else "b (input)"
        found[kind] = [
            list(log.figure(ACTIVATIONS, name, column).values()) for name in log.schemas[ACTIVATIONS].figures
        ]
    np.testing.assert_allclose(found["function"], found["module"], rtol=1e-4, atol=1e-6)


def test_positive_inputs_of_the_model_are_no_activation(watched: Any, make: Any) -> None:
    class TwoDoors(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second, self.out = nn.Linear(6, 8), nn.Linear(6, 8), nn.Linear(8, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.out(self.first(x) + self.second(x))

    training = make(TwoDoors())
    training.x = training.x.clamp(min=0)
    assert watched(training, steps=2).schemas[ACTIVATIONS].columns == ("first", "second", "out")


def test_saturated_units_are_those_at_their_limits_for_most_samples(watched: Any, make: Any) -> None:
    training = make(nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3)), lr=0.0)
    with torch.no_grad():
        training.model[0].bias[:2] = torch.tensor([30.0, -30.0])
    log = watched(training, steps=1)
    assert log.figure(ACTIVATIONS, "saturated_share", "1")[0] == pytest.approx(0.25)
    assert log.scalars["diag/saturated_units"][0] == pytest.approx(0.25)


@pytest.mark.parametrize(("bias", "saturated", "dead"), [(100.0, 0.25, 0.0), (-100.0, 0.0, 0.25)])
def test_a_clipped_rectifier_saturates_at_its_upper_limit_and_is_dead_at_zero(
    watched: Any, make: Any, bias: float, saturated: float, dead: float
) -> None:
    training = make(nn.Sequential(nn.Linear(6, 8), nn.Hardtanh(0.0, 20.0), nn.Linear(8, 3)), lr=0.0)
    with torch.no_grad():
        training.model[0].bias[:2] = bias
    log = watched(training, steps=200)
    late_saturated, late_dead = (
        list(log.figure(ACTIVATIONS, name, "1").values())[-1] for name in ("saturated_share", "dead_share")
    )
    assert late_saturated == pytest.approx(saturated)
    assert (late_dead >= 0.25) == (dead > 0)


def test_a_dead_network_s_output_does_not_depend_on_its_input(watched: Any, make: Any) -> None:
    training = make(lr=0.0)
    with torch.no_grad():
        training.model[0].bias.fill_(-1e4)
    assert watched(training, steps=1).figure(ACTIVATIONS, "sample_std", "2")[0] == 0


def test_values_that_are_not_finite_are_counted_and_stay_visible(watched: Any, make: Any) -> None:
    training = make()
    with torch.no_grad():
        training.model[2].weight[0, 0] = math.nan
    log = watched(training, steps=1)
    assert log.figure(ACTIVATIONS, "nonfinite_share", "2")[0] == pytest.approx(1 / 3)
    assert log.figure(ACTIVATIONS, "nonfinite_share", "1")[0] == 0
    assert math.isnan(log.scalars["loss/train"][0])
    assert math.isnan(log.scalars["diag/grad_norm"][0])


def test_input_statistics_run_over_all_samples_looked_at(training: Any, watched: Any) -> None:
    training.x = training.x * torch.tensor([1.0, 1e3, 1e-3, 1.0, 1.0, 0.0]) + torch.tensor(
        [0.0, 1e6, 0.0, 0.0, 5.0, 2.0]
    )
    log = watched(training, steps=4)
    values = training.x.double().numpy()
    expected = [values.mean(0), values.std(0, ddof=1), values.min(0), values.max(0)]
    np.testing.assert_allclose(log.packed["lossdiag/inputs/train"][3], expected, rtol=1e-3, atol=1e-6)
    assert log.schemas["lossdiag/inputs/train"].columns == tuple(f"feature {i}" for i in range(6))


def test_images_have_a_column_a_channel(watched: Any, make: Any) -> None:
    training = make(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 3)))
    training.x = torch.rand(64, 3, 8, 8) * torch.tensor([1.0, 255.0, 2.0]).view(1, 3, 1, 1)
    log = watched(training, steps=4)
    assert log.schemas["lossdiag/inputs/train"].columns == ("channel 0", "channel 1", "channel 2")
    values = training.x.double().movedim(1, -1).reshape(-1, 3).numpy()
    np.testing.assert_allclose(log.packed["lossdiag/inputs/train"][3][:2], [values.mean(0), values.std(0)], rtol=1e-3)
    assert log.schemas[ACTIVATIONS].columns == ("0", "1", "3")


def test_targets_and_batches_count_classes(training: Any, watched: Any) -> None:
    log = watched(training, steps=4)
    np.testing.assert_array_equal(log.packed["lossdiag/targets/train"][3][0], np.bincount(training.y, minlength=3))
    for step in range(4):
        expected = np.bincount(training.y[step * 16 : step * 16 + 16], minlength=3)
        np.testing.assert_array_equal(log.packed["lossdiag/batch/train"][step][0], expected)


def test_a_step_after_a_sampled_one_logs_its_batch_and_cosine_only(training: Any, watched: Any) -> None:
    log = watched(training, steps=60)
    sampled, composed = set(log.packed[PARAMETERS]), set(log.packed["lossdiag/batch/train"])
    later = {step for step in sampled if step >= 20}
    assert later
    assert composed == {step for each in sampled for step in (each, each + 1)} & set(range(60))
    assert set(log.scalars["diag/grad_cosine"]) <= composed
    assert set(log.scalars["diag/grad_norm"]) == composed
    assert len(log.scalars["loss/train"]) == 60


def test_the_spread_of_losses_is_that_of_the_samples(training: Any, watched: Any) -> None:
    with torch.no_grad():
        losses = F.cross_entropy(training.model(training.x[:16]), training.y[:16], reduction="none").double().numpy()
    found = watched(training, steps=1).packed["lossdiag/losses/train"][0][:, 0]
    low, middle, high = np.percentile(losses, [5, 50, 95])
    np.testing.assert_allclose(found, [losses.mean(), losses.std(ddof=1), low, middle, high, losses.max()], rtol=1e-4)


def test_a_regression_has_components_and_outputs_of_the_batch(watched: Any, make: Any) -> None:
    training = make(nn.Linear(6, 2))
    training.loss_fn, training.y = nn.MSELoss(), torch.randn(64, 2) * 3
    log = watched(training, steps=4)
    assert log.schemas["lossdiag/targets/train"].columns == ("component 0", "component 1")
    np.testing.assert_allclose(log.packed["lossdiag/targets/train"][3][1], training.y.std(0), rtol=1e-4)
    assert "lossdiag/batch/train" not in log.packed
    assert log.facts["models"][""]["task"] == "regression"


def test_the_learning_rate_is_logged_when_it_changes(training: Any, watched: Any) -> None:
    steps: list[float] = []

    def schedule(*_: object) -> None:
        steps.append(training.optimizer.param_groups[0]["lr"])
        training.optimizer.param_groups[0]["lr"] = 0.05 if len(steps) < 25 else 0.005

    training.optimizer.register_step_post_hook(schedule)
    log = watched(training, steps=60)
    assert log.scalars["lr"][25] == pytest.approx(0.005), "the step on which it changes, sampled or not"
    assert all(value == pytest.approx(steps[step]) for step, value in log.scalars["lr"].items())
    assert len(log.scalars["lr"]) < 40, "and otherwise on sampled steps only"


def test_further_groups_have_a_learning_rate_where_it_differs(training: Any, watched: Any) -> None:
    first, last = training.model[0], training.model[2]
    training.optimizer = torch.optim.SGD(
        [{"params": first.parameters()}, {"params": last.parameters(), "lr": 0.5}], lr=0.1
    )
    log = watched(training, steps=2)
    assert log.scalars["lr"][1] == pytest.approx(0.1)
    assert log.scalars["lr/1"][1] == pytest.approx(0.5)


def test_positions_that_never_vary_are_counted_over_all_batches(watched: Any, make: Any) -> None:
    training = make(nn.Sequential(nn.Flatten(), nn.Linear(64, 3)))
    x = torch.rand(64, 1, 8, 8)
    x[:, :, 0] = 0.0  # a border, at the end of the range ...
    x[:, :, 3:5] = 0.5  # ... and what was lost, within it
    x[:16, :, 7] = 0.25  # the same in the first batch only
    training.x = x
    log = watched(training, steps=4)
    tag = "lossdiag/positions/train"
    assert list(log.figure(tag, "still", "input").values()) == pytest.approx([4 / 8, 3 / 8, 3 / 8, 3 / 8])
    assert log.figure(tag, "inside", "input")[3] == pytest.approx(2 / 3)
    assert log.figure(tag, "positions", "input")[3] == 64


def test_of_a_large_input_some_positions_stand_for_all(watched: Any, make: Any) -> None:
    training = make(nn.Sequential(nn.Flatten(), nn.Linear(9000, 3)))
    training.x = torch.rand(64, 1, 90, 100)
    training.x[:, :, :45] = 0.0
    log = watched(training, steps=2)
    assert log.figure("lossdiag/positions/train", "positions", "input")[1] == 3000
    assert log.figure("lossdiag/positions/train", "still", "input")[1] == pytest.approx(0.5, abs=0.02)


def test_a_table_s_columns_are_told_one_by_one_and_no_positions_besides(watched: Any, training: Any) -> None:
    assert "lossdiag/positions/train" not in watched(training).packed


class Decoder(nn.Module):
    """Takes a sequence, and a second one to go on from."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(6, 3)

    def forward(self, x: Tensor, before: Tensor, mask: Tensor) -> Tensor:
        return self.fc(x + before.mean(1) * mask[:, None])


def test_sequences_beside_the_first_input_are_told_by_their_range(tmp_path: Path, read: Any, make: Any) -> None:
    training = make(Decoder())
    with DiagWriter(tmp_path / "run") as writer:
        writer.watch(training.model, training.optimizer, training.loss_fn)
        for step in range(3):
            training.optimizer.zero_grad()
            before = torch.full((16, 4, 6), float(step))
            output = training.model(training.x[:16], before, torch.ones(16))
            training.loss_fn(output, training.y[:16]).backward()
            training.optimizer.step()
    log = read(tmp_path / "run")
    assert log.schemas["lossdiag/beside/train"].columns == ("input 1",), "a mask of one axis has no places"
    assert [each[:, 0].tolist() for each in log.packed["lossdiag/beside/train"].values()] == [[0, 0], [0, 1], [0, 2]]
    assert log.figure("lossdiag/samples/train", "values", "input")[2] == 6 + 24 + 1


def test_masks_are_answered_place_by_place(tmp_path: Path, read: Any, make: Any) -> None:
    training = make(nn.Conv2d(1, 1, 1))
    with torch.no_grad():
        training.model.weight.fill_(1.0)
        training.model.bias.fill_(0.0)
    x = torch.tensor([[1.0, -1.0], [1.0, -1.0]]).expand(4, 1, 2, 2)
    y = torch.tensor([[1.0, 1.0], [0.0, 0.0]]).expand(4, 1, 2, 2)
    bce = nn.BCEWithLogitsLoss()
    with DiagWriter(tmp_path / "run") as writer:
        writer.watch(training.model, training.optimizer, bce)
        with writer.evaluating("val"):
            bce(training.model(x), y)
    log = read(tmp_path / "run")
    (answers,) = log.packed["lossdiag/answers/val"].values()
    assert answers.tolist() == [[8, 8], [8, 8], [4, 4]]
    assert not any("accuracy" in tag for tag in log.scalars)


def test_classes_of_places_are_answered_one_by_one(tmp_path: Path, read: Any, make: Any) -> None:
    training = make(nn.Conv2d(1, 3, 1))
    with torch.no_grad():
        training.model.weight.copy_(torch.tensor([1.0, -1.0, 0.0])[:, None, None, None])
        training.model.bias.fill_(0.0)
    x = torch.tensor([[1.0, -1.0], [1.0, -1.0]]).expand(4, 1, 2, 2)
    y = torch.tensor([[0, 1], [2, 2]]).expand(4, 2, 2)
    loss_fn = nn.CrossEntropyLoss()
    with DiagWriter(tmp_path / "run") as writer:
        writer.watch(training.model, training.optimizer, loss_fn)
        with writer.evaluating("val"):
            loss_fn(training.model(x), y)
    (answers,) = read(tmp_path / "run").packed["lossdiag/answers/val"].values()
    assert answers.tolist() == [[4, 4, 8], [8, 8, 0], [4, 4, 0]]


def test_a_batch_of_a_ctc_loss_is_as_large_as_its_predictions_say(tmp_path: Path, read: Any, make: Any) -> None:
    """Their targets may be those of all samples, one after the other."""
    training, loss_fn = make(nn.Linear(4, 5)), nn.CTCLoss()
    with DiagWriter(tmp_path / "run") as writer:
        writer.watch(training.model, training.optimizer, loss_fn)
        for _ in range(3):
            training.optimizer.zero_grad()
            scores = training.model(torch.randn(12, 6, 4)).log_softmax(2)
            lengths = torch.full((6,), 12), torch.full((6,), 3)
            loss_fn(scores, torch.randint(1, 5, (18,)), *lengths).backward()
            training.optimizer.step()
    (found,) = read(tmp_path / "run").facts["models"].values()
    assert found["batch_size"] == 6


class Convolution(nn.Module):
    """Of a graph: each node takes in its neighbours."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(6, 3)

    def forward(self, edges: Tensor, x: Tensor) -> Tensor:
        return torch.sparse.mm(edges, self.fc(x))


def test_a_graph_s_sparse_edges_are_no_input_to_look_at(tmp_path: Path, read: Any, make: Any) -> None:
    training = make(Convolution())
    edges = torch.eye(64).to_sparse()
    with DiagWriter(tmp_path / "run") as writer:
        writer.watch(training.model, training.optimizer, training.loss_fn)
        for _ in range(3):
            training.optimizer.zero_grad()
            training.loss_fn(training.model(edges, training.x), training.y).backward()
            training.optimizer.step()
        with writer.evaluating("val"):
            training.loss_fn(training.model(edges, training.x), training.y)
    log = read(tmp_path / "run")
    assert not log.facts["models"][""]["notes"]
    assert log.figure("lossdiag/inputs/train", "mean", "feature 0")[2] == pytest.approx(
        float(training.x[:, 0].mean()), abs=1e-6
    )
    assert "fc" in log.schemas[ACTIVATIONS].columns
    assert "lossdiag/inputs/val" in log.packed


@pytest.mark.parametrize(("axis", "over"), [(0, True), (1, False)])
def test_along_which_axis_a_softmax_went_is_told_by_the_totals(watched: Any, make: Any, axis: int, over: bool) -> None:
    training = make(nn.Sequential(nn.Linear(6, 3), nn.LogSoftmax(dim=axis)))
    training.loss_fn = nn.NLLLoss()
    totals = watched(training).facts["models"][""]["output"]["totals"]
    assert (totals["class"] < 1e-3 < totals["sample"]) == over
    assert (totals["sample"] < 1e-3 < totals["class"]) != over


def test_outputs_by_the_million_are_not_added_up(watched: Any, make: Any) -> None:
    training = make(nn.Linear(6, 70_000))
    assert watched(training, steps=1).facts["models"][""]["output"]["totals"] is None


def test_losses_are_seen_though_what_they_are_given_cannot_be_described(
    watched: Any, training: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("tb_lossdiag.writer.about.totals", fails)
    log = watched(training, steps=6)
    assert list(log.scalars["loss/train"]) == [0, 1, 2, 3, 4, 5]
    assert any("what the loss function is given" in each for each in log.facts["models"][""]["notes"])


class ByMethods(nn.Module):
    """Never called itself."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head, self.spare = nn.Linear(4, 8), nn.Linear(8, 3), nn.Linear(4, 8)

    def loss(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(self.head(torch.relu(self.body(x))), y)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.relu(self.body(x)))


@pytest.mark.parametrize("calls", ["its methods", "a part first", "itself"])
def test_layers_are_seen_whichever_way_the_model_is_used(
    calls: str, tmp_path: Path, read: Any, caplog: pytest.LogCaptureFixture
) -> None:
    model = ByMethods()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x, y = torch.randn(12, 4), torch.arange(12) % 3
    with DiagWriter(str(tmp_path)) as writer:
        writer.watch(model, optimizer)
        for _ in range(6):
            optimizer.zero_grad()
            if calls == "a part first":
                model.spare(x)
            loss = model.loss(x, y) if calls == "its methods" else nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            writer.add_loss("train", loss)
            with torch.no_grad():
                model.body(x)  # no part of the training
    log = read(tmp_path)
    columns = log.schemas["lossdiag/activations/train"].columns
    assert columns == ("body", "head (input)", "head")
    assert len(log.packed["lossdiag/activations/train"]) == 6
    assert not caplog.records
    expected = model.body.in_features if calls != "its methods" else 0
    inputs = log.schemas.get("lossdiag/inputs/train")
    assert len(inputs.columns if inputs else ()) == expected
    assert [each.partition(" of ")[2] for each in log.schemas["lossdiag/entering/train"].columns] == ["body"] * 4


class Recurrence(nn.Module):
    """By hand, as PyTorch's tutorial has it: letter and state side by side go to two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.i2h, self.i2o = nn.Linear(10 + 6, 6), nn.Linear(10 + 6, 3)

    def forward(self, x: Tensor) -> Tensor:
        state = torch.zeros(len(x), 6)
        for letter in x.unbind(1):
            both = torch.cat([letter, state], 1)
            state, out = self.i2h(both), self.i2o(both)
        return out


def test_what_two_layers_are_given_is_no_activation_of_the_first(tmp_path: Path, read: Any) -> None:
    model, loss_fn = Recurrence(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with DiagWriter(str(tmp_path)) as writer:
        writer.watch(model, optimizer, loss_fn)
        for _ in range(3):
            letters = torch.nn.functional.one_hot(torch.randint(0, 10, (16, 4)), 10).float()
            optimizer.zero_grad()
            loss_fn(model(letters), torch.arange(16) % 3).backward()
            optimizer.step()
    (columns,) = [each.columns for each in read(tmp_path).schemas.values() if each.group == "activations"]
    assert not [each for each in columns if "input" in each]
