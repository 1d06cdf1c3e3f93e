from __future__ import annotations

import math

import numpy as np
import pytest
from made import alarms, falling, flat, form, line, module, remarks, weight

from tb_lossdiag.rules.broken_input import broken_input
from tb_lossdiag.series import series
from tb_lossdiag.signals.data import Features, Positions
from tb_lossdiag.signals.pairs import Swapped
from tb_lossdiag.signals.samples import Relabelled, Samples
from tb_lossdiag.signals.splits import Shift
from tb_lossdiag.signals.structure import Reshape
from tb_lossdiag.signals.told import Told


def features(constant: int, varying: int, value: float = 0.0, edge: float | None = None) -> Features:
    mean = np.array([value if edge is None else edge] * constant + [value] * varying)
    std = np.array([0.0] * constant + [1.0] * varying)
    return Features([f"x{i}" for i in range(len(mean))], mean, std, mean - 2 * std, mean + 2 * std)


STUCK = falling(2.4, 2.3)
SICK = {"input_features": features(10, 0, 0.7), "train_loss": STUCK}
HEALTHY = {
    "input_features": features(1, 9),
    "train_loss": falling(2.3, 0.1),
    "loss_left": 0.05,
    "output_spread": {"fc1": flat(0.7), "fc2": flat(0.8)},
    "parameters": (weight("fc1.weight"),),
    "train_shape": form(falling(2.3, 0.1)),
    "eval_shape": form(falling(2.3, 0.12, 20)),
    "val_shift": Shift(500, inputs=0.0, spread=1.0, chance_spread=0.04),
}


@pytest.mark.parametrize(("constant", "found"), [(59, False), (61, True)])
def test_threshold_is_sixty_percent_of_the_features(constant: int, found: bool) -> None:
    finding = broken_input.check(
        input_features=features(constant, 100 - constant, edge=-2.0), train_loss=STUCK, loss_left=0.9
    )
    assert (finding is not None) == found


def test_border_pixels_and_rare_columns_do_no_harm_where_the_loss_falls() -> None:
    margins = features(70, 30, edge=-2.0)
    assert broken_input.check(input_features=margins, train_loss=falling(2.3, 0.1), loss_left=0.05) is None


def test_float_sums_leave_a_constant_a_little_spread() -> None:
    mean = np.full(3, 0.7)
    almost = Features(["a", "b", "c"], mean, np.full(3, 1e-8), mean, mean + 1e-7)
    assert broken_input.check(input_features=almost, train_loss=STUCK) is not None


def test_nan_in_the_input_is_named_where_the_loss_is_nan() -> None:
    found = features(0, 3)
    mean = np.array([0.0, np.nan, 0.0])
    odd = Features(found.names, mean, found.std, found.min, found.max)
    finding = broken_input.check(input_features=odd, train_loss=series(*[2.3] * 5, *[np.nan] * 50))
    assert finding is not None
    assert finding.where == ["x1"]
    assert broken_input.check(input_features=odd, train_loss=falling(2.3, 0.1)) is None, "the model may mask it"


def test_a_batch_of_one_and_the_same_image_says_the_same_everywhere() -> None:
    same = {"conv1": flat(0.0), "fc": flat(0.0)}
    image = {"input_features": features(0, 1), "train_loss": STUCK, "output_spread": same}
    assert broken_input.check(**image, parameters=(weight("conv1.weight"),)) is not None


def test_a_network_whose_weights_are_all_equal_hides_its_input() -> None:
    same = {"fc1": flat(0.0)}
    zero = (weight("fc1.weight", init_std=0.0),)
    assert (
        broken_input.check(input_features=features(0, 3), train_loss=STUCK, output_spread=same, parameters=zero) is None
    )


@pytest.mark.parametrize(("spread", "found"), [(1.18, False), (1.22, True)])
def test_empty_training_samples_make_validation_inputs_spread_wider(spread: float, found: bool) -> None:
    shift = Shift(500, spread=spread, chance_spread=0.04)
    finding = broken_input.check(**HEALTHY | {"train_shape": form(falling(2.3, 1.4)), "val_shift": shift})
    assert (finding is not None) == found


def test_validation_inputs_that_spread_wider_and_go_worse_are_another_trouble() -> None:
    shift = Shift(500, spread=3.0, chance_spread=0.04)
    assert broken_input.check(**HEALTHY | {"val_shift": shift}) is None


@pytest.mark.parametrize(("constant", "found"), [(49, False), (51, True)])
def test_columns_lost_after_they_were_standardised_lie_in_the_middle_of_the_others(constant: int, found: bool) -> None:
    finding = broken_input.check(**HEALTHY | {"input_features": features(constant, 100 - constant)})
    assert (finding is not None) == found


def drawn(distinct: float, in_val: float = 0.0, values: float = 64.0, expected: float = 720.0) -> Samples:
    return Samples(1280.0, distinct, in_val, 0.0, values, expected)


@pytest.mark.parametrize(
    ("commonest", "otherwise", "left", "found"),
    [
        (700.0, 400.0, 0.6, True),
        (100.0, 60.0, 0.6, False),  # now and then a blank one
        (700.0, 10.0, 0.6, False),  # always the same class: silence, or an empty cell, which is what it is
        (700.0, 400.0, 0.1, False),  # learnt all the same
        (math.nan, 400.0, 0.6, False),  # a log of before they were counted
    ],
)
def test_one_sample_that_stands_for_many_classes_stands_for_what_could_not_be_read(
    commonest: float, otherwise: float, left: float, found: bool
) -> None:
    seen = Samples(1300.0, 500.0, 0.0, 0.0, 784.0, math.nan, commonest)
    run = HEALTHY | {"samples": seen, "relabelled": Relabelled(800.0, otherwise), "loss_left": left}
    finding = broken_input.check(**run)
    assert (finding is not None) == found
    assert finding is None or "One and the same input" in finding.summary


MEMORISED = HEALTHY | {"eval_shape": form(falling(2.3, 0.9, 20))}


@pytest.mark.parametrize(("distinct", "found"), [(365, False), (355, True)])
def test_threshold_is_half_of_the_samples_expected(distinct: float, found: bool) -> None:
    assert (broken_input.check(**MEMORISED, samples=drawn(distinct)) is not None) == found


def test_the_same_few_samples_again_and_again_are_named_with_certainty() -> None:
    finding = broken_input.check(**MEMORISED, samples=drawn(40))
    assert finding is not None
    assert finding.confidence > 0.95
    assert "only 40 are distinct" in finding.summary


def test_a_small_set_repeated_on_purpose_does_no_harm() -> None:
    finding = broken_input.check(**HEALTHY, samples=drawn(100))
    assert finding is not None
    assert finding.confidence <= 0.8
    without = {name: each for name, each in HEALTHY.items() if name != "eval_shape"}
    assert broken_input.check(**without, samples=drawn(100)).confidence <= 0.8


def test_a_table_of_a_few_discrete_columns_repeats_itself_in_validation_too() -> None:
    assert broken_input.check(**MEMORISED, samples=drawn(8, in_val=8.0, values=3.0)) is None
    assert broken_input.check(**MEMORISED, samples=drawn(8, in_val=math.nan, values=3.0)) is None
    assert broken_input.check(**MEMORISED, samples=drawn(17, in_val=17.0)).confidence <= 0.8


def test_without_the_size_of_the_training_set_nothing_can_be_expected() -> None:
    assert broken_input.check(**MEMORISED, samples=drawn(8, expected=math.nan)) is None


def test_texts_that_repeat_are_seen_without_any_statistics_of_the_input() -> None:
    text = {"train_loss": STUCK, "train_shape": form(falling(4.0, 0.1)), "eval_shape": form(falling(4.0, 3.0, 20))}
    finding = broken_input.check(**text, samples=drawn(8, values=32.0))
    assert finding is not None
    assert finding.confidence > 0.9
    assert broken_input.check(**text) is None


CHANNELS = {"input_features": features(0, 1), "train_loss": STUCK, "loss_left": 0.2}


@pytest.mark.parametrize(
    ("positions", "left", "found"),
    [
        (Positions(0.49, 1.0, 784), 0.2, False),
        (Positions(0.51, 1.0, 784), 0.2, True),
        (Positions(0.84, 0.0, 784), 0.9, False),  # margins
        (Positions(0.86, 0.0, 784), 0.9, True),
        (Positions(0.86, 0.0, 784), 0.2, False),
        (Positions(0.9, 1.0, 7), 0.9, False),
        (None, 0.9, False),
    ],
)
def test_pixels_that_are_the_same_in_every_sample_were_lost(
    positions: Positions | None, left: float, found: bool
) -> None:
    assert (broken_input.check(**CHANNELS | {"positions": positions, "loss_left": left}) is not None) == found


def test_a_single_sample_that_is_learnt_is_no_broken_data_set() -> None:
    """As whoever tries out a network on one sequence, or one batch, does."""
    still = Positions(share=1.0, inside=0.7, count=21)
    one, several = (Samples(51, distinct, math.nan, math.nan, 21) for distinct in (1, 30))
    sequence = {"input_features": features(0, 1), "train_loss": falling(1, 1e-5), "positions": still, "loss_left": 1e-5}
    assert broken_input.check(**sequence, samples=one) is None
    assert broken_input.check(**sequence, samples=several) is not None
    constant = {"input_features": features(10, 0, 0.7), "train_loss": falling(1, 1e-5)}
    assert broken_input.check(**constant, loss_left=1e-5) is None
    assert broken_input.check(**constant, loss_left=0.9) is not None


def test_a_decoder_that_is_given_nothing_is_named_where_the_run_gets_nowhere() -> None:
    blank = HEALTHY | {"blank_inputs": {"input 1": 0.0}, "loss_left": 0.9}
    finding = broken_input.check(**blank)
    assert finding is not None
    assert finding.where == ["input 1"]
    assert broken_input.check(**blank | {"loss_left": 0.05}) is None, "it is not needed"
    assert broken_input.check(**blank | {"blank_inputs": {}}) is None
    assert broken_input.check(train_loss=STUCK, blank_inputs={"input 1": 0.0}, loss_left=0.9) is not None, "words first"


@pytest.mark.parametrize(("weights", "bias"), [("weight_ih_l0", "bias_ih_l0"), ("in_proj_weight", "in_proj_bias")])
def test_a_layer_that_sees_padding_only_is_named(weights: str, bias: str) -> None:
    """Its biases learn, so it is not cut off: what it reads, where the gradient gets to, is zero."""
    still = {"emb.weight": 1.0, f"rnn.{weights}": 1.0, f"rnn.{bias}": 0.0, "fc.weight": 0.0}
    finding = broken_input.check(train_loss=STUCK, unchanged=still, loss_left=1.0)
    assert finding is not None
    assert finding.where == [f"rnn.{weights}"]
    assert broken_input.check(train_loss=STUCK, unchanged=still, loss_left=0.3) is None
    cut = still | {f"rnn.{bias}": 1.0}
    assert broken_input.check(train_loss=STUCK, unchanged=cut, loss_left=1.0) is None, "a frozen or detached layer"
    assert "parameters-not-updated" in broken_input.explains


def test_a_recurrent_layer_that_reads_across_samples_is_named() -> None:
    across = HEALTHY | {"across_samples": ("lstm",), "loss_left": 0.4}
    finding = broken_input.check(**across)
    assert finding is not None
    assert "batch_first=True" in finding.remedies[0].code
    assert broken_input.check(**across | {"across_samples": ()}) is None
    assert broken_input.check(**across | {"loss_left": 0.01}) is None, "it has learnt what there is"


def test_a_reshape_that_mixes_axes_up_is_named() -> None:
    mixed = HEALTHY | {"mixed_up": (Reshape((16, 10, 6), (16, 6, 10), "conv"),), "loss_left": 0.4}
    finding = broken_input.check(**mixed)
    assert finding is not None
    assert "before conv makes 16 x 6 x 10 of 16 x 10 x 6" in finding.summary
    assert finding.severity is None
    learns = broken_input.check(**mixed | {"loss_left": 0.2})
    assert learns is not None
    assert learns.severity == "warning"
    assert broken_input.check(**mixed | {"loss_left": 0.01}) is None, "it has learnt what there is"


def test_an_augmentation_that_makes_samples_anew_may_make_them_vary_less() -> None:
    poorer = HEALTHY | {
        "train_shape": form(falling(2.3, 1.4)),
        "val_shift": Shift(500, spread=1.4, chance_spread=0.04),
    }
    assert broken_input.check(**poorer, samples=drawn(720)) is not None
    assert broken_input.check(**poorer, samples=drawn(1280)) is None


@pytest.mark.parametrize(
    ("ratio", "left", "found"), [(0.85, 0.6, False), (0.75, 0.6, True), (1.0, 0.9, False), (0.3, 1e-3, False), (None, 0.9, False)]
)  # fmt: skip
def test_pictures_whose_colours_follow_one_another_along_a_row_are_scrambled(
    ratio: float | None, left: float, found: bool
) -> None:
    finding = broken_input.check(**CHANNELS | {"interleaved": ratio, "loss_left": left})
    assert (finding is not None) == found
    assert alarms(finding) == found


@pytest.mark.parametrize(
    ("best", "smooth", "right", "coming", "found"),
    [
        (2.29, 0.3, 0.0, False, True),
        (2.29, 0.03, 0.0, False, False),  # of noise: the features are at fault
        (2.29, None, 0.0, False, False),  # of a table
        (2.1, 0.3, 0.0, False, False),
        (2.29, 0.3, 0.4, False, False),  # answers are right, and too sure where they are not
        (2.29, 0.3, 0.0, True, False),
    ],
)
def test_pictures_that_tell_nothing_are_paired_wrongly(
    best: float, smooth: float | None, right: float, coming: bool, found: bool
) -> None:
    told = Told(best, 2.3, right, below=True, coming=coming)
    given = {"train_loss": falling(2.4, 2.3), "smooth": smooth, "told": told}
    finding = broken_input.check(**given, modules=(module("0", "Conv2d", 0),))
    assert (finding is not None) == found
    assert alarms(finding) == found
    assert broken_input.check(**given, modules=(module("0", "Linear", 0),)) is None, "of what is no picture"


UNPAIRED = {
    "train_loss": falling(1.6, 0.75, 400),
    "train_shape": form(falling(1.6, 0.75, 400)),
    "swapped": Swapped(flat(1.01, 12), alike=0.8, samples=32.0),
    "receptive": True,
}


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, True),
        ({"swapped": Swapped(flat(0.89, 12), alike=0.8, samples=32.0)}, False),  # hardly, but it does look
        ({"swapped": Swapped(flat(1.01, 4), alike=0.8, samples=32.0)}, False),
        ({"swapped": Swapped(flat(1.01, 12), alike=0.98, samples=32.0)}, False),  # hardly anything is not background
        ({"swapped": Swapped(flat(1.01, 12), alike=0.8, samples=16.0)}, False),
        ({"swapped": Swapped(line(1.0, 0.7, 12), alike=0.8, samples=32.0)}, False),  # it begins to look
        ({"train_shape": form(line(1.6, 1.2, 400))}, False),
        ({"train_shape": form(falling(1.6, 0.75, 150))}, False),
        ({"receptive": False}, False),  # a network that does not move, or is dead, says the same of all samples
    ],
)
def test_answers_that_suit_any_other_sample_as_well_were_learnt_from_wrong_pairs(
    changes: dict[str, object], found: bool
) -> None:
    assert alarms(broken_input.check(**UNPAIRED | changes)) == found


def test_queries_that_are_learnt_are_the_same_for_every_sample() -> None:
    """As the inducing points of a Set Transformer, or the object queries of DETR, which come first."""
    image = {"input_features": features(0, 1), "train_loss": STUCK, "parameters": (weight("q.weight"),)}
    queries = {"q": flat(0.0), "k": flat(0.9), "o": flat(0.3)}
    assert broken_input.check(**image, output_spread=queries) is None


def test_noise_of_a_dropout_does_not_hide_that_samples_are_the_same() -> None:
    image = {"input_features": features(0, 1), "train_loss": STUCK, "parameters": (weight("fc1.weight"),)}
    noisy = {"fc1": flat(0.0), "act": flat(0.0), "drop": flat(0.7), "fc2": flat(0.4)}
    modules = (module("fc1", "Linear", 0), module("drop", "Dropout", 2))
    assert alarms(broken_input.check(**image, output_spread=noisy, modules=modules))


@pytest.mark.parametrize(
    ("ones", "kind", "left", "found"),
    [
        (4e-4, "Conv2d", 0.99, True),
        (1 / 361, "Conv2d", 0.99, False),
        (4e-4, "Linear", 0.99, False),
        (4e-4, "Conv2d", 0.5, False),
    ],
)
def test_pictures_of_which_whole_numbers_leave_a_few_ones(ones: float, kind: str, left: float, found: bool) -> None:
    mean = np.array([ones])
    left_over = Features(["channel 0"], mean, np.sqrt(mean * (1 - mean)), np.zeros(1), np.ones(1))
    finding = broken_input.check(
        input_features=left_over, train_loss=STUCK, loss_left=left, modules=(module("conv", kind, 0),)
    )
    assert alarms(finding) == found


def spreads(
    late: float, *, jitter: float = 0.02, looks: int = 40, left: float = 0.6, models: int = 1
) -> dict[str, object]:
    """Inputs that spread by 1 at first and by so much in the end, in a run of so many models."""
    way = np.exp(np.linspace(0, np.log(late), looks) + jitter * np.sin(37.0 * np.arange(looks) ** 1.3))
    return {**HEALTHY, "loss_left": left, "model_count": models, "input_spread": series(*way)}


@pytest.mark.parametrize("late", [1e5, 5.0, 0.01])
def test_samples_that_are_changed_where_they_are_kept_spread_otherwise_in_each_epoch(late: float) -> None:
    finding = broken_input.check(**spreads(late))
    assert alarms(finding)
    assert finding is not None
    assert "their spread goes from" in finding.summary


@pytest.mark.parametrize(
    "sound",
    [
        spreads(1.4),  # an augmentation that grows
        spreads(3.0, jitter=0.8),  # batches of sorted data
        spreads(5.0, left=0.03),
        spreads(5.0, models=2),  # one model feeds the other
        spreads(5.0, looks=16),
    ],
)
def test_inputs_that_differ_a_little_or_by_chance_or_on_purpose_are_left_alone(sound: dict[str, object]) -> None:
    assert broken_input.check(**sound) is None


def test_a_spread_that_comes_and_goes_is_no_trend() -> None:
    comes_and_goes = series(*[1.0] * 12, *[0.1] * 16, *[3.0] * 12)
    assert broken_input.check(**spreads(5.0) | {"input_spread": comes_and_goes}) is None


@pytest.mark.parametrize(
    ("constant", "varying", "left", "found"),
    [(5, 2, 0.2, True), (3, 3, 0.2, False), (5, 2, 0.02, False), (2, 1, 0.2, False), (60, 40, 0.2, False)],
)
def test_a_table_of_which_most_columns_never_vary_is_worth_a_remark(
    constant: int, varying: int, left: float, found: bool
) -> None:
    """At a value of their own, as where an image has a border."""
    table = features(constant, varying, edge=-2.0)
    finding = broken_input.check(**HEALTHY | {"input_features": table, "loss_left": left})
    assert remarks(finding) == found
    assert not alarms(finding)
