"""What a loss is made of, read off the loss itself."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from tb_lossdiag.reader import Log
from tb_lossdiag.report import diagnose
from tb_lossdiag.signals import Signals
from tb_lossdiag.writer import DiagWriter
from tb_lossdiag.writer.graph_loss import (
    Output,
    batch_in,
    differences_in,
    divergence_of_shares,
    ends_in,
    part_in,
    raw_logarithm,
    shares_in,
)

X, LABELS, VALUES = torch.randn(8, 5), torch.randint(0, 5, (8,)), torch.randn(8, 5)
WEIGHTS = torch.arange(1.0, 6.0)


def output() -> Tensor:
    return (X * 2).requires_grad_()


@pytest.mark.parametrize(
    ("loss", "name", "target"),
    [
        (lambda out: F.cross_entropy(out, LABELS), "nll_loss", LABELS),
        (lambda out: F.cross_entropy(out, LABELS, reduction="none").mean(), "nll_loss", LABELS),
        (lambda out: nn.MSELoss()(out, VALUES), "mse_loss", VALUES),
        (
            lambda out: F.binary_cross_entropy_with_logits(out, VALUES.sigmoid()),
            "binary_cross_entropy_with_logits",
            VALUES.sigmoid(),
        ),
        (lambda out: F.smooth_l1_loss(out, VALUES).squeeze(), "smooth_l1_loss", VALUES),
    ],
)
def test_prediction_and_target_are_those_of_the_call(
    loss: Callable[[Tensor], Tensor], name: str, target: Tensor
) -> None:
    out = output()
    found = batch_in(loss(out))
    assert found is not None
    assert found.loss_fn.__name__ == name
    assert torch.equal(found.target, target)
    assert torch.allclose(found.prediction, F.log_softmax(out, 1) if name == "nll_loss" else out)
    assert torch.allclose(found.loss_fn(found.prediction, found.target), loss(out))


def test_weights_are_known() -> None:
    found = batch_in(F.cross_entropy(output(), LABELS, WEIGHTS))
    assert found is not None
    assert torch.equal(found.loss_fn.keywords["weight"], WEIGHTS)


@pytest.mark.parametrize("ignored", [-1, -100, 3])
def test_labels_that_the_loss_ignores_are_ignored_again(ignored: int, tmp_path: Path, read: Any) -> None:
    labels = torch.where(torch.arange(8) % 2 == 0, ignored, LABELS)
    model = nn.Linear(5, 5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with DiagWriter(str(tmp_path)) as writer:
        writer.watch(model, optimizer)
        for _ in range(3):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(X), labels, ignore_index=ignored)
            writer.add_loss("train", loss)
            loss.backward()
            optimizer.step()
    log = read(tmp_path)
    assert not log.facts["models"][""]["notes"]
    assert len(log.scalars["loss/train"]) == 3
    assert {each.group for each in log.schemas.values()} >= {"losses", "targets"}


@pytest.mark.parametrize(
    ("loss", "keywords"),
    [
        (lambda out: F.huber_loss(out, VALUES, delta=0.3), {"delta": 0.3}),
        (lambda out: F.smooth_l1_loss(out, VALUES, beta=0.3), {"beta": 0.3}),
        (lambda out: F.cross_entropy(out, LABELS, ignore_index=-1), {"ignore_index": -1}),
    ],
)
def test_settings_of_the_call_are_known(loss: Callable[[Tensor], Tensor], keywords: dict[str, object]) -> None:
    out = output()
    found = batch_in(loss(out))
    assert found is not None
    assert found.loss_fn.keywords == keywords
    assert torch.allclose(found.loss_fn(found.prediction, found.target), loss(out))


def test_a_look_at_what_a_loss_is_made_of_that_fails_does_not_lose_the_loss(
    tmp_path: Path, read: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tb_lossdiag.writer.look.batch_in", lambda _: 1 / 0)
    model = nn.Linear(5, 5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with DiagWriter(str(tmp_path)) as writer:
        writer.watch(model, optimizer)
        for _ in range(3):
            optimizer.zero_grad()
            loss = model(X).square().mean()
            writer.add_loss("train", loss)
            loss.backward()
            optimizer.step()
    assert len(read(tmp_path).scalars["loss/train"]) == 3


@pytest.mark.parametrize(
    "loss",
    [
        lambda out: F.mse_loss(out, VALUES) + out.square().mean(),
        lambda out: 0.1 * F.mse_loss(out, VALUES),
        lambda out: F.mse_loss(out, VALUES, reduction="sum"),
        lambda out: ((out - VALUES) ** 2).mean(),
        lambda _: torch.tensor(1.0),
    ],
)
def test_what_is_more_than_one_mean_is_left_alone(loss: Callable[[Tensor], Tensor]) -> None:
    assert batch_in(loss(output())) is None


def test_after_the_gradient_nothing_is_left_to_read() -> None:
    loss = F.mse_loss(output(), VALUES)
    loss.backward()
    assert batch_in(loss) is None


def test_a_loss_that_is_reported_tells_its_targets(tmp_path: Path, training: Any, read: Any) -> None:
    with DiagWriter(tmp_path) as writer:
        writer.watch(training.model, training.optimizer)
        for _ in range(5):
            training.optimizer.zero_grad()
            loss = F.cross_entropy(training.model(training.x), training.y)
            writer.add_loss("train", loss)
            loss.backward()
            training.optimizer.step()
    log = read(tmp_path)
    counts = log.packed["lossdiag/targets/train"][4][0]
    assert counts.tolist() == (5 * torch.bincount(training.y, minlength=len(counts))).tolist()
    assert log.facts["models"][""]["loss"]["type"] == "nll_loss"
    assert log.facts["models"][""]["graph"]
    assert "lossdiag/outputs/train" in log.packed


TRUE = torch.randn(8, 1)


def itself(differences: Tensor) -> Tensor:
    return (differences * differences).mean()


BY_HAND: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "squares": (lambda out: ((out - TRUE) ** 2).mean(), "mse_loss"),
    "squares the other way": (lambda out: torch.mean(torch.square(TRUE - out)), "mse_loss"),
    "products": (lambda out: ((out - TRUE) * (out - TRUE)).mean(), ""),
    "the product with itself": (lambda out: itself(out - TRUE), "mse_loss"),
    "of a view": (lambda out: (out.squeeze(1) - TRUE.squeeze(1)).pow(2).mean(), "mse_loss"),
    "distances": (lambda out: (TRUE.view(-1) - out.view(-1)).abs().mean(), "l1_loss"),
    "from a number": (lambda out: ((1 - out) ** 2).mean(), "mse_loss"),
    "a sum": (lambda out: ((out - TRUE) ** 2).sum(), ""),
    "of something else": (lambda out: ((out.exp() - TRUE) ** 2).mean(), ""),
    "a cube": (lambda out: ((out - TRUE) ** 3).mean(), ""),
    "two terms": (lambda out: ((out - TRUE) ** 2).mean() + out.mean(), ""),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_differences_that_are_written_by_hand_tell_their_targets(name: str) -> None:
    loss_of, function = BY_HAND[name]
    out = nn.Linear(5, 1)(X)
    loss = loss_of(out)
    found = differences_in(loss, Output.of(out))
    assert (found.loss_fn.__name__ if found else "") == function  # type: ignore[attr-defined]
    if found is not None:
        expected = torch.ones(8, 1) if name == "from a number" else TRUE
        assert torch.allclose(found.target.reshape(8, 1), expected, atol=1e-6)
        assert torch.allclose(found.loss_fn(found.prediction, found.target), loss)
    loss.backward()
    assert differences_in(loss, Output.of(out)) is None, "the differences are gone"


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("flat", ["prediction", "target"])
def test_each_prediction_compared_with_each_target_is_told_by_the_shapes(flat: str, first: bool) -> None:
    out = nn.Linear(5, 1)(X)
    prediction = out.squeeze(1) if flat == "prediction" else out
    target = TRUE.squeeze(1) if flat == "target" else TRUE
    loss = ((prediction - target if first else target - prediction) ** 2).mean()
    found = differences_in(loss, Output.of(prediction))
    assert found is not None
    assert (found.prediction.shape, found.target.shape) == (prediction.shape, target.shape)
    assert torch.allclose(found.target, target, atol=1e-6)


def test_a_loss_by_hand_that_is_reported_before_its_gradient_is_taken_tells_its_targets(
    tmp_path: Path, read: Any
) -> None:
    model = nn.Linear(5, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with DiagWriter(tmp_path) as writer:
        writer.watch(model, optimizer)
        for _ in range(5):
            optimizer.zero_grad()
            loss = ((model(X) - (TRUE + 40)) ** 2).mean()
            writer.add_loss("train", loss)
            loss.backward()
            optimizer.step()
    log = read(tmp_path)
    assert log.facts["models"][""]["loss"]["type"] == "mse_loss"
    assert log.figure("lossdiag/targets/train", "mean", "component 0")[4] == pytest.approx(
        40 + float(TRUE.mean()), rel=1e-4
    )


class Square(nn.Module):
    """Its gradient needs its input, which the graph keeps."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[weakref.ref[Tensor]] = []

    def forward(self, x: Tensor) -> Tensor:
        self.kept.append(weakref.ref(x))
        return x * x


@pytest.mark.parametrize("stepped", [True, False])
def test_no_graph_outlives_its_step_because_of_the_output(stepped: bool, tmp_path: Path) -> None:
    square = Square()
    model = nn.Sequential(nn.Linear(5, 8), square, nn.Linear(8, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with DiagWriter(tmp_path) as writer:
        writer.watch(model, optimizer if stepped else None)
        for _ in range(4):
            optimizer.zero_grad()
            loss = ((model(X) - TRUE) ** 2).mean()
            writer.add_loss("train", loss)
            loss.backward(retain_graph=True)
            optimizer.step()
            del loss
            writer.flush()
            gc.collect()
            assert not any(each() is not None for each in square.kept)


def test_a_target_that_is_given_first_is_the_target_all_the_same() -> None:
    out = output()
    found = batch_in(F.mse_loss(VALUES, out))
    assert found is not None
    assert torch.equal(found.target, VALUES)
    assert torch.equal(found.prediction, out)


@pytest.mark.parametrize(
    ("loss", "known"),
    [
        (lambda out: F.mse_loss(out, VALUES) + 0.1 * out.square().sum(), True),
        (lambda out: (F.cross_entropy(out, LABELS) - 0.01 * out.mean()) / 4, True),
        (lambda out: F.mse_loss(out, VALUES) + F.l1_loss(out, VALUES) + F.smooth_l1_loss(out, VALUES), False),
        (lambda out: F.cross_entropy(out, LABELS) + F.cross_entropy(out.flip(1), LABELS), False),
        (lambda out: F.mse_loss(out, VALUES, reduction="sum") + out.square().sum(), False),
        (lambda out: out.square().mean(), False),
    ],
)
def test_one_loss_function_among_the_terms_of_a_loss_is_known(loss: Callable[[Tensor], Tensor], known: bool) -> None:
    value = loss(output())
    assert (part_in(value) is not None) == known
    assert batch_in(value) is None


def test_of_several_terms_the_one_of_classes_is_known() -> None:
    out = output()
    found = part_in(5 * F.smooth_l1_loss(out.sigmoid(), VALUES) + F.cross_entropy(out, LABELS))
    assert found is not None
    assert found.loss_fn.__name__ == "nll_loss"
    assert torch.equal(found.target, LABELS)


@pytest.mark.parametrize("shuffled", [False, True])
def test_a_detector_whose_classes_come_in_an_order_is_told(shuffled: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    labels = torch.arange(6).repeat_interleave(80)
    order = torch.randperm(480) if shuffled else torch.arange(480)
    x, box = F.one_hot(labels, 6) + 0.3 * torch.randn(480, 6), torch.rand(480, 3)
    model = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 9))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
    with DiagWriter(str(tmp_path)) as writer:
        writer.watch(model, optimizer)
        for step in range(300):
            rows = order[(16 * step + torch.arange(16)) % 480]
            optimizer.zero_grad()
            out = model(x[rows])
            loss = F.cross_entropy(out[:, :6], labels[rows]) + F.mse_loss(out[:, 6:].sigmoid(), box[rows])
            writer.add_loss("train", loss)
            loss.backward()
            optimizer.step()
    log = Log(tmp_path)
    log.poll()
    report = diagnose(log.run())
    assert ("unshuffled-data" in [each.cause for each in report.findings]) != shuffled


@pytest.mark.parametrize(
    ("loss", "ends"),
    [
        (lambda out: F.binary_cross_entropy_with_logits(out.sigmoid(), VALUES.sigmoid()), "Sigmoid"),
        (lambda out: F.cross_entropy(nn.Softmax(1)(out), LABELS), "Softmax"),
        (lambda out: F.nll_loss(F.log_softmax(out.softmax(1), 1), LABELS), "Softmax"),
        (lambda out: F.cross_entropy(out.softmax(1)[[0, 2, 5]], LABELS[[0, 2, 5]]), "Softmax"),
        (lambda out: F.mse_loss(VALUES, out.tanh().view(8, 5)) + 0.1 * out.abs().sum(), "Tanh"),
        (lambda out: F.smooth_l1_loss(out.relu(), VALUES), "ReLU"),
        (lambda out: F.cross_entropy(out, LABELS), None),
        (lambda out: F.cross_entropy(out.sigmoid() * 5, LABELS), None),
        (lambda out: F.mse_loss(out.sigmoid(), out), None),
    ],
)
def test_the_activation_before_the_loss_function_is_known(loss: Callable[[Tensor], Tensor], ends: str | None) -> None:
    assert ends_in(loss(output())) == ends


def test_a_part_of_the_loss_tells_its_targets_and_is_no_reference_for_the_whole(tmp_path: Path) -> None:
    model = nn.Linear(5, 5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with DiagWriter(str(tmp_path)) as writer:
        writer.watch(model, optimizer)
        for _ in range(4):
            optimizer.zero_grad()
            out = model(X).sigmoid()
            loss = F.mse_loss(out, VALUES) + 0.01 * out.square().sum()
            writer.add_loss("train", loss)
            loss.backward()
            optimizer.step()
    log = Log(tmp_path)
    log.poll()
    signals = Signals(log.run())
    assert signals.get("loss_function").type == "mse_loss"
    assert not signals.get("loss_function").is_squared_error
    assert signals.get("prior_loss") is None
    assert signals.get("target_range") is not None
    assert signals.get("last_module").type == "Sigmoid"


def test_the_facts_are_written_once_for_a_loss_that_is_reported_again_and_again(tmp_path: Path) -> None:
    model = nn.Linear(5, 5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with DiagWriter(str(tmp_path)) as writer:
        writer.watch(model, optimizer)
        about = writer._watches[""].about
        changed = []
        for _ in range(6):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(X), LABELS)
            about.changed = False
            writer.add_loss("train", loss)
            changed.append(about.changed)
            loss.backward()
            optimizer.step()
    assert not any(changed[4:])  # the graph is looked at a second time before


@pytest.mark.parametrize("swapped", [False, True])
def test_a_loss_module_that_is_given_the_target_first_tells_the_same(swapped: bool, tmp_path: Path) -> None:
    model, loss_fn = nn.Linear(5, 5), nn.MSELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def cost() -> Tensor:
        out = model(X)
        return loss_fn(VALUES + 7, out) if swapped else loss_fn(out, VALUES + 7)

    with DiagWriter(str(tmp_path)) as writer:
        writer.watch(model, optimizer, loss_fn)
        for _ in range(4):
            optimizer.zero_grad()
            cost().backward()
            optimizer.step()
        with writer.evaluating("val"):
            cost()
    log = Log(tmp_path)
    log.poll()
    run = log.run()
    assert Signals(run).get("target_range").mean == pytest.approx((VALUES + 7).mean(0).numpy(), abs=1e-4)
    validation = next(each for each in run.packed if (each.group, each.split) == ("targets", "val"))
    assert validation.figure("mean")[-1] == pytest.approx((VALUES + 7).mean(0).numpy(), abs=1e-4)


@pytest.mark.parametrize("detached", [False, True])
def test_a_function_of_two_things_that_the_model_has_put_out_has_no_target(detached: bool, tmp_path: Path) -> None:
    """As one of the scores of what was bought and of what was not, whatever the function is called."""

    def bce(liked: Tensor, others: Tensor) -> Tensor:
        return -F.logsigmoid(liked).mean() - F.logsigmoid(-others).mean()

    model = nn.Linear(5, 5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with DiagWriter(str(tmp_path)) as writer:
        writer.watch(model, optimizer, bce)
        for _ in range(4):
            optimizer.zero_grad()
            out = model(X)
            others = out[:, 2:4].detach() if detached else out[:, 2:4]
            writer.loss_fn(out[:, :2], others).backward()
            optimizer.step()
        with writer.evaluating("val"):
            writer.loss_fn(model(X)[:, :2], model(X)[:, 2:4])
    log = Log(tmp_path)
    log.poll()
    run = log.run()
    assert (
        len(run.series["diag/train/loss"] if "diag/train/loss" in run.series else next(iter(run.series.values()))) > 0
    )
    assert {each.split for each in run.packed if each.group == "targets"} == ({"train", "val"} if detached else set())


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("ranking", [False, True])
def test_the_label_of_a_pair_is_what_comes_third(whole: bool, ranking: bool, tmp_path: Path) -> None:
    """Even as whole numbers, which are no classes here."""
    model = nn.Linear(5, 1 if ranking else 5)
    loss_fn = nn.MarginRankingLoss(1.0) if ranking else nn.CosineEmbeddingLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    label = torch.arange(len(X)) % 2
    with DiagWriter(str(tmp_path)) as writer:
        writer.watch(model, optimizer, loss_fn)
        for _ in range(4):
            optimizer.zero_grad()
            first, second = (model(each).squeeze(1) if ranking else model(each) for each in (X, X.flip(0)))
            loss_fn(first, second, label if whole else label.float()).backward()
            optimizer.step()
    log = Log(tmp_path)
    log.poll()
    seen = Signals(log.run()).get("target_range")
    assert (seen.min.tolist(), seen.max.tolist()) == ([0.0], [1.0])
    assert diagnose(log.run()).findings[0].cause == "loss-mismatch"


SHARES, FOUR = torch.full((4, 3), 1 / 3), torch.tensor([0, 1, 2, 0])


@pytest.mark.parametrize(
    ("loss", "found"),
    [
        (lambda scores: F.kl_div(F.softmax(scores, 1), SHARES, reduction="batchmean"), True),
        (
            lambda scores: 4 * F.kl_div(scores.softmax(1), SHARES, reduction="sum") + F.cross_entropy(scores, FOUR),
            True,
        ),
        (lambda scores: F.kl_div(F.softmax(scores, 1).view(-1), SHARES.view(-1), reduction="batchmean").mean(), True),
        (lambda scores: F.kl_div(F.log_softmax(scores, 1), SHARES, reduction="batchmean"), False),
        (lambda scores: F.kl_div(F.log_softmax(scores, 1), SHARES.log(), reduction="sum", log_target=True), False),
        (lambda scores: F.kl_div(SHARES.log(), F.softmax(scores, 1), reduction="sum"), False),  # the other way round
        (lambda scores: (scores.softmax(1) * SHARES).sum(1).mean(), False),  # an expected cost
        (lambda scores: (1 - scores.softmax(1) * SHARES).mean(), False),
        (lambda scores: ((SHARES - scores.softmax(1)) ** 2).mean(), False),
    ],
)
def test_a_divergence_is_told_from_one_that_was_given_probabilities(loss: Any, found: bool) -> None:
    assert divergence_of_shares(loss(torch.randn(4, 3, requires_grad=True))) == found


def kept_within(values: Tensor) -> Tensor:
    return values.clamp(1e-7, 1 - 1e-7)


def both_logarithms(share: Tensor, target: Tensor) -> Tensor:
    return -(target * share.log() + (1 - target) * (1 - share).log())


YES_OR_NO = (VALUES > 0).float()


@pytest.mark.parametrize(
    ("loss", "known"),
    [
        (lambda out: both_logarithms(out.sigmoid(), YES_OR_NO).mean(), True),
        (lambda out: both_logarithms(kept_within(out.sigmoid()), YES_OR_NO).mean(), True),
        (lambda out: both_logarithms(kept_within(out.sigmoid()), 3 * YES_OR_NO).mean(), True),
        (lambda out: -((1 - YES_OR_NO) * (1 - out.sigmoid()).log() + YES_OR_NO * out.sigmoid().log()).mean(), True),
        (lambda out: both_logarithms(kept_within(out.sigmoid()), (YES_OR_NO > -1).float()[:, :1]).mean(), True),
        (lambda out: -(YES_OR_NO * torch.log(out.sigmoid() + 1e-7)).mean(), False),  # of one class only
        (lambda out: -(WEIGHTS * YES_OR_NO * out.sigmoid().log()).mean(), False),
        (lambda out: -(YES_OR_NO * out.sigmoid().log() + YES_OR_NO * (1 - out.sigmoid()).log()).mean(), False),
        (lambda out: (out.sigmoid() - YES_OR_NO).square().mean(), False),
    ],
)
def test_a_binary_cross_entropy_that_is_written_by_hand_tells_its_targets(
    loss: Callable[[Tensor], Tensor], known: bool
) -> None:
    out = output()
    found = shares_in(loss(out))
    assert (found is not None) == known
    if found is not None:
        assert torch.allclose(found.prediction, out.sigmoid())
        assert set(found.target.unique().tolist()) <= {0.0, 1.0, 3.0}
        assert found.target.shape[1] == 1 or torch.equal(found.target > 0, YES_OR_NO > 0)
    spent = loss(out)
    spent.backward()
    assert shares_in(spent) is None


ONE_HOT = F.one_hot(LABELS, 5).float()


@pytest.mark.parametrize(
    ("loss", "known"),
    [
        (lambda out: -(ONE_HOT * kept_within(out.softmax(1)).log()).sum(1).mean(), True),
        (lambda out: -(kept_within(out.softmax(1)).log() * ONE_HOT).sum() / 8, True),
        (lambda out: -(YES_OR_NO * kept_within(out.softmax(1)).log()).sum(1).mean(), False),  # several at once
        (lambda out: -(ONE_HOT.mean(1) * out.softmax(1)[:, 0].log()).sum(), False),
    ],
)
def test_a_cross_entropy_that_is_written_by_hand_tells_its_classes(
    loss: Callable[[Tensor], Tensor], known: bool
) -> None:
    out = output()
    found = shares_in(loss(out))
    assert (found is not None) == known
    if found is not None:
        assert torch.equal(found.target, LABELS)
        assert torch.allclose(found.prediction, out.log_softmax(1), atol=1e-5)


@pytest.mark.parametrize(
    ("loss", "raw"),
    [
        (lambda out: -(ONE_HOT * kept_within(out.relu() / out.relu().sum(1, keepdim=True)).log()).sum(1).mean(), True),
        (lambda out: -(ONE_HOT * kept_within(out.exp() / out.exp().sum(1, keepdim=True)).log()).sum(1).mean(), False),
        (lambda out: F.nll_loss(kept_within(out).log(), LABELS), True),
        (lambda out: F.cross_entropy(kept_within(out).log(), LABELS), True),
        (lambda out: both_logarithms(kept_within(out), YES_OR_NO).mean(), True),
        (lambda out: -torch.log(kept_within(out)[torch.arange(8), LABELS]).mean(), False),  # not looked for there
        (lambda out: -kept_within(out).log().gather(1, LABELS[:, None]).mean(), True),
        (lambda out: F.nll_loss(kept_within(out.softmax(1)).log(), LABELS), False),
        (lambda out: -(ONE_HOT * (out.relu() + 1).log()).sum(1).mean(), False),  # evidence (Sensoy et al. 2018)
        (lambda out: both_logarithms(kept_within(out.sigmoid()), YES_OR_NO).mean(), False),
        (lambda out: F.cross_entropy(out, LABELS), False),
        (lambda out: F.binary_cross_entropy_with_logits(out, YES_OR_NO), False),
        (lambda out: (out - VALUES).square().mean(), False),
    ],
)
def test_a_logarithm_of_what_a_layer_puts_out_is_told(loss: Callable[[Tensor], Tensor], raw: bool) -> None:
    layer = nn.Linear(5, 5)
    assert raw_logarithm(loss(layer(X))) == raw


def test_a_loss_of_shares_by_hand_is_told_from_a_loop_as_people_write_it(tmp_path: Path) -> None:
    """Three classes for one sigmoid, and then scores without one."""
    for name, last, target in (("classes", nn.Sigmoid(), 2.0), ("scores", nn.Identity(), 1.0)):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(5, 16), nn.Tanh(), nn.Linear(16, 1), last)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        x = torch.randn(200, 5)
        y = target * (x[:, :1] > 0)
        with DiagWriter(tmp_path / name) as writer:
            writer.watch(model, optimizer)
            for _ in range(150):
                optimizer.zero_grad()
                both_logarithms(kept_within(model(x)), y).mean().backward()
                optimizer.step()
    causes = {}
    for name in ("classes", "scores"):
        log = Log(tmp_path / name)
        log.poll()
        assert not log.run().warnings, "what torch's function would refuse is not handed to it"
        causes[name] = [each.cause for each in diagnose(log.run()).findings if each.severity != "info"][:1]
    assert causes == {"classes": ["loss-mismatch"], "scores": ["activation-mismatch"]}
