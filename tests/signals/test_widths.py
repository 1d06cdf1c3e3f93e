from __future__ import annotations

from tb_lossdiag.series import Run
from tb_lossdiag.signals.widths import widths

Leaf = tuple[str, str, list[int] | None, list[int] | None]


def found(*leaves: Leaf) -> object:
    modules = [
        {"name": name, "type": kind, "order": i, "in_shape": before, "out_shape": after}
        for i, (name, kind, before, after) in enumerate(leaves)
    ]
    return widths(run=Run("a", facts={"models": {"": {"modules": modules}}}))


def test_a_width_is_what_a_layer_hands_on_whatever_is_pooled_in_between() -> None:
    net = found(
        ("conv", "Conv2d", [1, 8, 8], [2, 8, 8]),
        ("relu", "ReLU", [2, 8, 8], [2, 8, 8]),
        ("fc", "Linear", [32], [3]),
        ("head", "Linear", [3], [10]),
    )
    assert net == {"conv": 128, "fc": 3}


def test_positions_of_a_sequence_are_no_units() -> None:
    net = found(
        ("embed", "Embedding", [32], [32, 4]), ("rnn", "GRU", [32, 4], [32, 6]), ("head", "Linear", [32, 6], [32, 64])
    )
    assert net == {"embed": 4, "rnn": 6}


def test_what_something_comes_around_is_no_bottleneck() -> None:
    net = found(
        ("conv", "Conv2d", [1, 8, 8], [16, 8, 8]),
        ("squeeze", "Linear", [16], [1]),
        ("excite", "Linear", [1], [16]),
        ("mix", "Conv2d", [16, 8, 8], [8, 8, 8]),
        ("head", "Linear", [512], [10]),
    )
    assert net == {"mix": 512}


def test_without_shapes_or_a_second_layer_there_is_no_width() -> None:
    assert found(("a", "Linear", None, None), ("b", "Linear", [3], [10])) is None
    assert widths(run=Run("a")) is None


def test_a_layer_that_is_called_for_each_sample_says_how_wide_it_is() -> None:
    modules = [
        {
            "name": name,
            "type": "Linear",
            "order": i,
            "in_shape": [],
            "out_shape": [],
            "settings": {"out_features": width},
        }
        for i, (name, width) in enumerate([("a", 100), ("b", 10)])
    ]
    assert widths(run=Run("a", facts={"models": {"": {"modules": modules}}})) == {"a": 100}


def test_an_embedding_takes_in_what_no_layer_has_put_out() -> None:
    """Of users, of items, and a bias of one number for each: they are multiplied and added."""
    assert (
        found(("user", "Embedding", [], [50]), ("bias", "Embedding", [], [1]), ("item", "Embedding", [], [50])) is None
    )
