"""Keras 3 on torch, really installed, on real data: one line more, nothing changed, the report of a loop written by hand."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import tb_lossdiag
from tb_lossdiag import DiagWriter

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning"
)  # Keras's own, with NumPy 2
EPOCHS = 3


@pytest.fixture(scope="module")
def keras(framework: Callable[[str], Any]) -> Iterator[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what it says while it is imported is its own business
        yield framework("keras")


def arrays(data: Any) -> tuple[Any, Any]:
    x, y = data.tensors
    return x.numpy(), y.numpy()


def network(keras: Any, digits: Any, *, dropout: float = 0.0, loss: Any = "sparse_categorical_crossentropy") -> Any:
    """The same network as by hand, with the same weights; it ends in shares, as Keras's do."""
    keras.utils.set_random_seed(7)
    ends = "softmax" if isinstance(loss, str) else None
    model = keras.Sequential(
        [
            keras.layers.Input((64,)),
            keras.layers.Dense(32, activation="relu", name="first"),
            keras.layers.Dropout(dropout, seed=4),
            keras.layers.Dense(10, activation=ends, name="second"),
        ]
    )
    plain = digits.network()
    for name, layer in (("first", plain[0]), ("second", plain[3])):
        model.get_layer(name).set_weights([layer.weight.detach().numpy().T.copy(), layer.bias.detach().numpy().copy()])
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), loss, metrics=["accuracy"])
    return model


def fit(digits: Any, model: Any, callbacks: list[Any], epochs: int = EPOCHS) -> Any:
    x, y = arrays(digits.train)
    return model.fit(
        x, y, batch_size=32, epochs=epochs, shuffle=False, verbose=0, callbacks=callbacks,
        validation_data=arrays(digits.val), validation_batch_size=100,
    )  # fmt: skip


@pytest.mark.parametrize("scores", [False, True], ids=["shares", "scores"])
def test_one_line_gives_the_report_of_a_loop_written_by_hand(
    keras: Any, digits: Any, tmp_path: Path, same_report: Any, read: Any, scores: bool
) -> None:
    from tb_lossdiag.integrations.keras import DiagCallback

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True) if scores else "sparse_categorical_crossentropy"
    history = fit(digits, network(keras, digits, loss=loss), [DiagCallback(tmp_path / "framed")])
    net, loss_fn = digits.network(), nn.CrossEntropyLoss()
    if not scores:
        net.append(nn.LogSoftmax(1))
        loss_fn = nn.NLLLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    loader = digits.loader()
    with DiagWriter(tmp_path / "hand") as writer:
        writer.watch(net, optimizer, loss_fn)
        for _ in range(EPOCHS):
            for x, y in loader:
                optimizer.zero_grad()
                loss_fn(net(x), y).backward()
                optimizer.step()
            with writer.evaluating("val"):
                for x, y in digits.loader("val", 100):
                    loss_fn(net(x), y)
    same_report(
        tmp_path / "hand",
        tmp_path / "framed",
        but=("lossdiag/probe/train", "lossdiag/penalty/train", "lossdiag/activations/train"),
    )
    log = read(tmp_path / "framed")
    assert list(log.scalars["loss/val"].values()) == pytest.approx(history.history["val_loss"], rel=1e-4)
    assert list(log.scalars["accuracy/val"].values()) == pytest.approx(history.history["val_accuracy"], rel=1e-4)
    (model,) = log.facts["models"].values()
    assert [each["name"] for each in model["parameters"]] == [
        "first.weight",
        "first.bias",
        "second.weight",
        "second.bias",
    ]
    assert [each["fan_in"] for each in model["parameters"]] == [64, None, 32, None]
    assert [each["type"] for each in model["modules"] if each["order"] is not None][1:3] == ["Linear", "ReLU"]
    assert model["optimizer"]["type"] == "SGD"
    assert model["loss"]["type"] == ("cross_entropy" if scores else "nll_loss")


def test_training_is_bit_for_bit_the_same_with_it(keras: Any, digits: Any, tmp_path: Path) -> None:
    from tb_lossdiag.integrations.keras import DiagCallback

    found = []
    for callbacks in ([], [DiagCallback(tmp_path / "run", overhead=0.9)]):
        model = network(keras, digits, dropout=0.2)
        history = fit(digits, model, callbacks)
        found.append((history.history, model.get_weights(), torch.get_rng_state()))
        assert "compute_loss" not in vars(model)
        assert "apply" not in vars(model.optimizer)
        layers = [model, *model.layers]
        assert not any(each._forward_hooks or each._forward_pre_hooks for each in layers)
    (history, weights, random), (other_history, other_weights, other_random) = found
    assert history == other_history
    assert all(map(np.array_equal, weights, other_weights))
    assert torch.equal(random, other_random)


def test_layers_are_seen_and_a_broken_network_is_found_out(keras: Any, digits: Any, tmp_path: Path, read: Any) -> None:
    from tb_lossdiag.integrations.keras import DiagCallback

    model = network(keras, digits)
    kernel, bias = model.get_layer("first").get_weights()
    model.get_layer("first").set_weights([kernel, bias - 30.0])  # no unit ever fires
    fit(digits, model, [DiagCallback(tmp_path / "run")])
    log = read(tmp_path / "run")
    assert log.packed["lossdiag/activations/train"]
    (report,) = tb_lossdiag.diagnose(tmp_path / "run")
    assert "dead-units" in {each.cause for each in report.findings}


def test_images_have_their_channels_where_torch_has_them(keras: Any, digits: Any, tmp_path: Path, read: Any) -> None:
    from tb_lossdiag.integrations.keras import DiagCallback

    keras.utils.set_random_seed(7)
    model = keras.Sequential(
        [
            keras.layers.Input((8, 8, 1)),
            keras.layers.Conv2D(6, 3, activation="relu", name="conv"),
            keras.layers.BatchNormalization(name="norm"),
            keras.layers.Flatten(),
            keras.layers.Dense(10, name="out"),
        ]
    )
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x, y = arrays(digits.train)
    model.fit(x.reshape(-1, 8, 8, 1), y, batch_size=64, epochs=1, verbose=0, callbacks=[DiagCallback(tmp_path / "run")])
    (facts,) = read(tmp_path / "run").facts["models"].values()
    shapes = {each["name"]: each["out_shape"] for each in facts["modules"]}
    assert shapes["conv"] == [6, 6, 6]
    assert facts["input"]["shape"] == [1, 8, 8]
    assert {each["name"]: each["fan_in"] for each in facts["parameters"]}["conv.weight"] == 9
    assert facts["optimizer"]["groups"][0]["betas"] == pytest.approx([0.9, 0.999])


def test_regression_and_a_test_after_training(keras: Any, digits: Any, tmp_path: Path, read: Any) -> None:
    from tb_lossdiag.integrations.keras import DiagCallback

    keras.utils.set_random_seed(7)
    model = keras.Sequential(
        [keras.layers.Input((64,)), keras.layers.Dense(8, activation="tanh"), keras.layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    x, y = arrays(digits.train)
    watching = DiagCallback(tmp_path / "run")
    history = model.fit(x, y.astype("float32") / 9, batch_size=64, epochs=2, verbose=0, callbacks=[watching])
    tested = model.evaluate(x[:100], y[:100].astype("float32") / 9, verbose=0, callbacks=[watching])
    log = read(tmp_path / "run")
    (facts,) = log.facts["models"].values()
    assert facts["task"] == "regression"
    first, second = np.split(np.array(list(log.scalars["loss/train"].values())), 2)
    assert [first.mean(), second.mean()] == pytest.approx(history.history["loss"], rel=1e-3)
    assert list(log.scalars["loss/test"].values()) == [pytest.approx(tested)]
    watching.writer.close()  # type: ignore[union-attr]


def test_a_writer_that_wants_the_training_to_stop_stops_the_model(
    keras: Any, digits: Any, tmp_path: Path, read: Any
) -> None:
    from tb_lossdiag.integrations.keras import DiagCallback

    watching = DiagCallback(tmp_path / "run", on_finding="stop")

    class Hopeless(keras.callbacks.Callback):  # type: ignore[name-defined, misc]
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
            watching.writer._lookout.stop = batch >= 3  # type: ignore[union-attr]

    fit(digits, network(keras, digits), [watching, Hopeless()])
    watching.writer.close()  # type: ignore[union-attr]
    assert len(read(tmp_path / "run").scalars["loss/train"]) == 4
