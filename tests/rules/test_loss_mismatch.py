from __future__ import annotations

import numpy as np
import pytest
from made import alarms, falling, flat, form, module, remarks

from tb_lossdiag.rule import Lacking
from tb_lossdiag.rules.loss_mismatch import loss_mismatch
from tb_lossdiag.series import series
from tb_lossdiag.signals.data import Features
from tb_lossdiag.signals.optimizer import Optimizer
from tb_lossdiag.signals.outputs import Contract, Outputs
from tb_lossdiag.signals.probe import Answers
from tb_lossdiag.signals.structure import LossFunction
from tb_lossdiag.signals.towards import Towards

CROSS_ENTROPY = LossFunction("CrossEntropyLoss", {"reduction": "mean"})
LOGITS = LossFunction("BCEWithLogitsLoss", {"reduction": "mean"})
LIKELIHOOD = LossFunction("NLLLoss", {"reduction": "mean"})
SQUARED = LossFunction("MSELoss", {"reduction": "mean"})
TEN = Contract((10,), (), 32, "classification", 10)
ONE = Contract((1,), (1,), 32, "regression")


def outputs(low: float, high: float, mean: float, components: int = 10, steps: int = 20) -> Outputs:
    """The same range in every batch."""
    shape = (steps, components)
    names = [f"component {i}" for i in range(components)]
    return Outputs(names, np.arange(steps), np.full(shape, mean), np.full(shape, low), np.full(shape, high))


def targets(mean: float, std: float, low: float, high: float, components: int = 1) -> Features:
    names = [f"component {i}" for i in range(components)]
    return Features(names, *(np.full(components, each) for each in (mean, std, low, high)))


SICK = {
    "loss_function": CROSS_ENTROPY,
    "contract": TEN,
    "outputs": outputs(1e-6, 0.99, 0.1),
    "train_loss": falling(2.3, 1.5),
}
HEALTHY = {"loss_function": CROSS_ENTROPY, "contract": TEN, "outputs": outputs(-6.0, 8.0, 0.1)}


def test_the_floor_of_a_softmax_applied_twice_is_named() -> None:
    finding = loss_mismatch.check(**SICK)
    assert finding is not None
    assert "1.46" in finding.summary


@pytest.mark.parametrize(("batches", "found"), [(3, False), (4, True)])
def test_a_range_needs_several_batches(batches: int, found: bool) -> None:
    few = outputs(1e-6, 0.99, 0.1, steps=batches)
    assert (loss_mismatch.check(loss_function=CROSS_ENTROPY, contract=TEN, outputs=few) is not None) == found


def test_young_scores_within_0_and_1_are_not_yet_a_sigmoid() -> None:
    young = outputs(0.2, 0.6, 0.4, components=1)
    assert loss_mismatch.check(loss_function=LOGITS, contract=ONE, outputs=young) is None
    finding = loss_mismatch.check(
        loss_function=LOGITS, contract=ONE, outputs=young, last_module=module("4", "Sigmoid", 4)
    )
    assert finding is not None
    assert finding.where == ["4"]


def test_outputs_that_touch_both_ends_and_never_cross_them_are_a_sigmoids() -> None:
    squeezed = outputs(1e-5, 0.999, 0.5, components=1)
    assert loss_mismatch.check(loss_function=LOGITS, contract=ONE, outputs=squeezed) is not None


def test_a_relu_that_stays_small_is_no_sigmoid() -> None:
    assert loss_mismatch.check(loss_function=CROSS_ENTROPY, contract=TEN, outputs=outputs(0.0, 0.98, 0.3)) is None


@pytest.mark.parametrize(("highest", "found"), [(-0.01, False), (5.0, True)])
def test_logarithms_of_probabilities_never_lie_above_0(highest: float, found: bool) -> None:
    finding = loss_mismatch.check(loss_function=LIKELIHOOD, contract=TEN, outputs=outputs(-9.0, highest, -3.0))
    assert (finding is not None) == found


@pytest.mark.parametrize(
    ("loss", "level", "found"),
    [("KLDivLoss", -1.2, True), ("kl_div", -1.2, True), ("KLDivLoss", -0.01, False), ("GaussianNLLLoss", -1.2, False)],
)
def test_no_divergence_is_below_0(loss: str, level: float, found: bool) -> None:
    function = LossFunction(loss, {"reduction": "batchmean"})
    assert (loss_mismatch.check(loss_function=function, contract=TEN, train_loss=flat(level)) is not None) == found


@pytest.mark.parametrize(("output", "target"), [((1,), ()), ((), (1,))])
def test_shapes_that_torch_stretches_are_a_contradiction(output: tuple[int, ...], target: tuple[int, ...]) -> None:
    finding = loss_mismatch.check(loss_function=SQUARED, contract=Contract(output, target, 32, "regression"))
    assert finding is not None
    assert "(B, 1)" in finding.summary
    assert loss_mismatch.check(loss_function=SQUARED, contract=Contract(output, target, 1, "regression")) is None


def test_cross_entropy_over_one_class_is_always_0() -> None:
    assert loss_mismatch.check(loss_function=CROSS_ENTROPY, contract=Contract((1,), (), 32)) is not None


@pytest.mark.parametrize(("ratio", "certain"), [(0.01, False), (0.3, True)])
def test_a_sum_is_the_culprit_only_where_steps_are_too_large(ratio: float, certain: bool) -> None:
    summed = LossFunction("MSELoss", {"reduction": "sum"})
    optimizer = Optimizer("SGD", ({"lr": 0.02},))
    finding = loss_mismatch.check(loss_function=summed, contract=ONE, optimizer=optimizer, update_ratio=flat(ratio))
    assert finding is not None
    assert (finding.confidence > 0.9) == certain


@pytest.mark.parametrize(
    ("ratio", "left", "loud"), [(0.1, 0.2, False), (0.1, 0.7, True), (0.3, 0.2, True), (0.5, 0.002, False)]
)
def test_a_sum_that_the_rate_allows_for_is_a_remark(ratio: float, left: float, loud: bool) -> None:
    summed = LossFunction("MSELoss", {"reduction": "sum"})
    optimizer = Optimizer("SGD", ({"lr": 2e-4},))
    finding = loss_mismatch.check(
        loss_function=summed, contract=ONE, optimizer=optimizer, update_ratio=flat(ratio), loss_left=left
    )
    assert alarms(finding) == loud
    assert finding is not None


def test_a_sum_does_not_matter_to_adam() -> None:
    summed = LossFunction("MSELoss", {"reduction": "sum"})
    assert loss_mismatch.check(loss_function=summed, contract=ONE, optimizer=Optimizer("Adam", ({"lr": 1e-3},))) is None


def test_a_sum_is_told_without_update_ratios_too() -> None:
    summed = LossFunction("MSELoss", {"reduction": "sum"})
    assert loss_mismatch.check(loss_function=summed, contract=ONE, optimizer=Optimizer("SGD", ({"lr": 1},))) is not None


@pytest.mark.parametrize(
    ("seen", "found"),
    [
        (targets(0.1, 0.3, 0.0, 1.0, 10), True),  # one-hot: variance p (1 - p), shares that add up to 1
        (targets(0.1, 0.2, 0.0, 1.0, 10), False),  # pixels
        (targets(4.4, 2.9, 0.0, 9.0), True),
        (targets(4.4, 2.9, 0.0, 9.5), False),
        (targets(3.0, 1.2, 1.0, 5.0), False),  # ratings
        (targets(0.14, 0.39, 0.0, 5.0), False),  # counts of what is rare, as on a map of a crowd
    ],
)
def test_squared_error_on_what_looks_like_classes_is_only_told(seen: Features, found: bool) -> None:
    finding = loss_mismatch.check(loss_function=SQUARED, contract=ONE, target_range=seen)
    assert (finding is not None) == found
    assert finding is None or finding.severity == "info"


@pytest.mark.parametrize(("whole", "found"), [(1.0, True), (None, True), (0.3, False)])
def test_ratings_that_are_cut_off_at_both_ends_are_no_classes(whole: float | None, found: bool) -> None:
    cut = targets(3.4, 1.0, 0.0, 7.0)
    finding = loss_mismatch.check(loss_function=SQUARED, contract=ONE, target_range=cut, whole_targets=whole)
    assert (finding is not None) == found


@pytest.mark.parametrize(("left", "severity"), [(0.19, "info"), (0.21, "error"), (None, "info")])
def test_squared_error_on_classes_is_a_fault_where_it_does_not_do_the_job(left: float | None, severity: str) -> None:
    finding = loss_mismatch.check(
        loss_function=SQUARED, contract=ONE, target_range=targets(4.4, 2.9, 0.0, 9.0), loss_left=left
    )
    assert finding is not None
    assert finding.severity == severity


@pytest.mark.parametrize(("left", "severity"), [(0.4, "info"), (0.5, "error")])
def test_squared_error_of_zeros_and_ones_is_what_relations_are_learnt_by(left: float, severity: str) -> None:
    hot, contract = targets(0.2, 0.4, 0.0, 1.0, 5), Contract((5,), (5,), 32, "regression")
    finding = loss_mismatch.check(loss_function=SQUARED, contract=contract, target_range=hot, loss_left=left)
    assert finding is not None
    assert finding.severity == severity


@pytest.mark.parametrize("loss", ["BCELoss", "BCEWithLogitsLoss", "binary_cross_entropy"])
@pytest.mark.parametrize(
    ("low", "high", "found"),
    [(0.0, 2.0, True), (-1.0, 1.0, True), (0.0, 255.0, True), (0.0, 1.0, False), (0.0, 1.2, False)],
)
def test_binary_cross_entropy_is_for_targets_from_0_to_1(loss: str, low: float, high: float, found: bool) -> None:
    seen = targets(0.5, 0.4, low, high)
    finding = loss_mismatch.check(loss_function=LossFunction(loss, {}), contract=ONE, target_range=seen)
    assert (finding is not None) == found
    other = LossFunction("SmoothL1Loss", {})
    assert loss_mismatch.check(loss_function=other, contract=ONE, target_range=seen) is None


@pytest.mark.parametrize(
    ("low", "high", "end", "found"),
    [(0.0, 255.0, 0.1, True), (-1.0, 1.0, 0.1, False), (-1.0, 1.0, -3.0, True), (0.0, 1.0, 0.1, False)],
)
def test_a_loss_of_ones_own_may_leave_out_what_is_labelled_minus_one(
    low: float, high: float, end: float, found: bool
) -> None:
    """`MaskedBCE`: padded places have the label -1 and are dropped before torch's function is called."""
    seen = {"target_range": targets(0.1, 0.4, low, high), "contract": ONE, "train_loss": falling(0.7, end)}
    finding = loss_mismatch.check(loss_function=LossFunction("MaskedBCE", {}), **seen)
    assert (finding is not None) == found


@pytest.mark.parametrize(("end", "found"), [(-5.0, True), (0.0, False)])
def test_binary_cross_entropy_below_zero_tells_of_labels_that_are_counted(end: float, found: bool) -> None:
    """Of a single output only the counts of classes are known, not that they are written as -1 and 1."""
    seen = {"loss_function": LossFunction("BCEWithLogitsLoss", {}), "contract": ONE, "train_loss": falling(0.7, end)}
    finding = loss_mismatch.check(**seen)
    assert (finding is not None) == found
    assert loss_mismatch.check(**seen | {"loss_function": LossFunction("GaussianNLLLoss", {})}) is None


def test_the_median_of_one_hot_targets_is_nothing_at_all() -> None:
    hot = targets(0.1, 0.3, 0.0, 1.0, 10)
    contract = Contract((10,), (10,), 32, "regression")
    absolute, squared = (
        loss_mismatch.check(loss_function=LossFunction(name, {}), contract=contract, target_range=hot, loss_left=0.9)
        for name in ("L1Loss", "MSELoss")
    )
    assert absolute is not None
    assert squared is not None
    assert absolute.confidence > squared.confidence
    ratings = targets(4.4, 2.9, 0.0, 9.0)
    assert loss_mismatch.check(loss_function=LossFunction("L1Loss", {}), contract=ONE, target_range=ratings) is None


DOTS = {
    "loss_function": LossFunction("L1Loss", {}),
    "contract": Contract((1, 32, 32), (1, 32, 32), 16, "regression"),
    "target_range": targets(0.42, 6.5, 0.0, 200.0),
    "outputs": outputs(-0.04, 0.05, 0.0, 1),
    "train_shape": form(falling(0.65, 0.41)),
}


def test_the_median_of_amounts_that_are_mostly_nothing_is_nothing() -> None:
    assert alarms(loss_mismatch.check(**DOTS))


@pytest.mark.parametrize(
    "sound",
    [
        {"loss_function": SQUARED},
        {"outputs": outputs(-0.04, 8.0, 0.3, 1)},  # something is said
        {"train_shape": form(falling(0.65, 0.2))},  # it is below the loss of zeros
        {"target_range": targets(0.42, 0.5, 0.0, 3.0)},  # amounts that are seldom 0
        {"target_range": targets(0.42, 6.5, -200.0, 200.0)},
    ],
)
def test_absolute_errors_are_right_where_something_is_learnt_or_amounts_are_seldom_nothing(
    sound: dict[str, object],
) -> None:
    assert loss_mismatch.check(**DOTS | sound) is None


def test_a_softmax_along_the_batch_is_named() -> None:
    likelihood = LossFunction("NLLLoss", {})
    wrong, right = (Contract((10,), (), 64, "classification", 10, over) for over in (True, False))
    finding = loss_mismatch.check(loss_function=likelihood, contract=wrong)
    assert finding is not None
    assert "dim=1" in finding.remedies[0].code
    assert loss_mismatch.check(loss_function=likelihood, contract=right) is None


@pytest.mark.parametrize(
    ("low", "high", "last", "found"),
    [
        (-2.165, -1.166, "Softmax", True),
        (-2.165, -1.166, "Linear", False),  # scores that are small so far
        (-7.0, -0.01, "Softmax", False),  # the logarithm of a softmax, as it should be
        (-2.4, -2.2, "Softmax", False),  # nothing is learnt yet: nobody can tell
    ],
)
def test_cross_entropy_of_shares_is_known_by_its_logarithms(low: float, high: float, last: str, found: bool) -> None:
    finding = loss_mismatch.check(
        loss_function=LossFunction("nll_loss", {}),
        contract=TEN,
        outputs=outputs(low, high, -2.0),
        last_module=module("out", last, 5),
    )
    assert (finding is not None) == found
    if finding is not None:
        assert "cross_entropy expects raw scores" in finding.summary


def test_a_divergence_of_probabilities_is_known_whatever_else_the_loss_holds() -> None:
    finding = loss_mismatch.check(divergence_of_shares=True)
    assert finding is not None
    assert "kl_div" in finding.summary


@pytest.mark.parametrize(
    ("loss", "end", "found"), [("CTCLoss", -0.4, True), ("CTCLoss", 0.01, False), ("X", -0.4, False)]
)
def test_no_likelihood_of_a_sequence_is_above_1(loss: str, end: float, found: bool) -> None:
    known = {"loss_function": LossFunction(loss, {}), "contract": Contract((32, 11), (), 32, None)}
    finding = loss_mismatch.check(**known, train_loss=falling(20.0, end))
    assert (finding is not None and "blank" in finding.summary) == found


@pytest.mark.parametrize(
    ("loss", "low", "high", "found"),
    [
        ("CosineEmbeddingLoss", 0.0, 1.0, True),
        ("margin_ranking_loss", 0.0, 1.0, True),
        ("CosineEmbeddingLoss", -1.0, 1.0, False),
        ("CosineEmbeddingLoss", 1.0, 1.0, False),  # alike pairs only
        ("MSELoss", 0.0, 1.0, False),
    ],
)
def test_labels_of_pairs_are_1_and_minus_1(loss: str, low: float, high: float, found: bool) -> None:
    pair = Contract((16,), (), 32, None)
    labels = targets((low + high) / 2, 0.5, low, high)
    finding = loss_mismatch.check(loss_function=LossFunction(loss, {}), contract=pair, target_range=labels)
    assert (finding is not None and "1 and -1" in finding.summary) == found


def test_without_a_loss_function_that_is_known_it_says_what_it_lacks() -> None:
    with pytest.raises(Lacking, match="loss_function"):
        loss_mismatch.check(contract=TEN)


def bits(share: float, components: int) -> Features:
    return targets(share, (share * (1 - share)) ** 0.5, 0.0, 1.0, components)


@pytest.mark.parametrize(
    ("function", "seen", "left", "found", "severity"),
    [
        (CROSS_ENTROPY, bits(0.43, 10), 0.4, True, "error"),
        (CROSS_ENTROPY, bits(0.43, 10), 0.1, True, "info"),  # it does the job
        (CROSS_ENTROPY, bits(0.02, 500), 0.9, True, "info"),  # items of a catalogue, as draws
        (CROSS_ENTROPY, bits(0.1, 10), 0.4, False, None),  # one-hot
        (CROSS_ENTROPY, bits(0.05, 10), 0.4, False, None),  # some samples have none: they do not count
        (CROSS_ENTROPY, targets(0.3, 0.1, 0.0, 1.0, 10), 0.4, False, None),  # weights
        (LossFunction("BCEWithLogitsLoss", {}), bits(0.43, 10), 0.4, False, None),
    ],
)
def test_cross_entropy_of_samples_that_have_several_classes(
    function: LossFunction, seen: Features, left: float, found: bool, severity: str | None
) -> None:
    finding = loss_mismatch.check(loss_function=function, contract=TEN, target_range=seen, loss_left=left)
    assert (finding is not None) == found
    assert finding is None or finding.severity == severity


COUNTS = LossFunction("PoissonNLLLoss", {"reduction": "mean", "log_input": True})


@pytest.mark.parametrize(
    ("function", "last", "lowest", "average", "found"),
    [
        (COUNTS, "Linear", 1e-4, 0.7, True),
        (COUNTS, "Linear", 0.2, 0.7, False),  # it is not pressed against 0
        (COUNTS, "Linear", -0.4, 0.7, False),
        (COUNTS, "Linear", 1e-4, 3.0, False),
        (COUNTS, "Softplus", 1e-4, 3.0, True),
        (COUNTS, "Softplus", 0.2, 3.0, False),
        (LossFunction("PoissonNLLLoss", {"reduction": "mean", "log_input": False}), "Softplus", 1e-4, 0.7, False),
    ],
)
def test_a_logarithm_that_cannot_be_negative_says_no_low_rate(
    function: LossFunction, last: str, lowest: float, average: float, found: bool
) -> None:
    given = {
        "outputs": outputs(lowest, 1.2, 0.1, components=1),
        "target_range": targets(average, 1.0, 0, 10),
        "last_module": module("out", last, 3),
    }
    assert (loss_mismatch.check(loss_function=function, contract=ONE, **given) is not None) == found


@pytest.mark.parametrize(
    ("curve", "found"),
    [
        (-(np.linspace(0, 40, 200) ** 2), True),  # a generator that runs away from its critic
        (-0.5 * np.linspace(0, 40, 200), False),  # a straight line gets no faster
        (-1500 * (1 - np.exp(-np.linspace(0, 6, 200))), False),  # a likelihood that settles
        (2000 - 2.2 * np.linspace(0, 45, 200) ** 2, False),  # it began as far from 0
    ],
)
def test_a_loss_that_runs_away_below_0_ever_faster_has_no_bottom(curve: np.ndarray, found: bool) -> None:
    given = {"loss_function": LossFunction("GeneratorLoss", {}), "contract": ONE}
    finding = loss_mismatch.check(**given, train_shape=form(series(*curve)))
    assert (finding is not None) == found


UP = series(*np.geomspace(2.3, 3e4, 300))


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, True),
        ({"grad_cosine": flat(-0.4, 40)}, False),  # it overshoots
        ({"update_ratio": flat(0.4, 40)}, False),
        ({"train_shape": form(falling(2.3, 0.3))}, False),
        ({"train_shape": form(series(*[2.3] * 150, *[40.0] * 150))}, False),  # one leap
        ({"model_count": 2}, False),  # models against each other
        ({"loss_function": LossFunction("PolicyLoss", {})}, False),
    ],
)
def test_steps_of_an_ordinary_size_that_make_the_loss_rise_walk_uphill(changes: dict[str, object], found: bool) -> None:
    given = {
        "loss_function": CROSS_ENTROPY,
        "contract": TEN,
        "train_shape": form(UP),
        "update_ratio": flat(0.01, 40),
        "grad_cosine": flat(0.95, 40),
        "model_count": 1,
    }
    finding = loss_mismatch.check(**given | changes)
    assert (finding is not None) == found


def places(
    count: tuple[int, ...], predicted: tuple[int, ...], right: tuple[int, ...], size: tuple[int, ...] = (3, 32, 32)
) -> dict[str, object]:
    """Pictures whose places have one of three classes each."""
    names = tuple(map(str, range(len(count))))
    answers = Answers(names, np.array(count, float), np.array(predicted, float), np.array(right, float))
    contract = Contract(size, size[1:], 8, "classification", 3)
    return {"loss_function": CROSS_ENTROPY, "contract": contract, "class_answers": {"val": answers}}


def test_a_frequent_class_that_is_never_named_beside_others_that_are_learnt_does_not_count_in_the_loss() -> None:
    finding = loss_mismatch.check(**places((700, 200, 100), (0, 600, 400), (0, 190, 95)))
    assert remarks(finding)
    assert finding is not None
    assert finding.where == ["class 0"]


@pytest.mark.parametrize(
    "sound",
    [
        places((700, 200, 100), (10, 590, 400), (9, 190, 95)),  # it is named, if seldom
        places((700, 200, 100), (0, 900, 100), (0, 60, 30)),  # nothing is learnt
        places((280, 260, 230), (0, 400, 370), (0, 250, 220), (3, 7)),  # the padding of texts
        places((250, 400, 350), (0, 560, 440), (0, 390, 340)),  # a rare one
    ],
)
def test_a_class_that_nobody_left_out_or_that_is_no_place_of_a_picture_is_left_alone(sound: dict[str, object]) -> None:
    assert loss_mismatch.check(**sound) is None


@pytest.mark.parametrize(("places", "found"), [(0, False), (1, False), (2, True)])
def test_targets_that_are_moved_twice_are_not_the_next_tokens(places: int, found: bool) -> None:
    finding = loss_mismatch.check(loss_function=CROSS_ENTROPY, contract=TEN, ahead=places)
    assert (finding is not None) == found
    assert finding is None or "2 places on" in finding.summary


@pytest.mark.parametrize("known", [{"loss_function": CROSS_ENTROPY, "contract": TEN}, {}])
def test_much_padding_that_counts_in_the_loss_is_a_remark(known: dict[str, object]) -> None:
    finding = loss_mismatch.check(padding=(0, 0.6), **known)
    assert remarks(finding)
    assert finding is not None
    assert "ignore_index=0" in (finding.remedies[0].code or "")


def test_a_little_padding_does_little_harm() -> None:
    assert loss_mismatch.check(loss_function=CROSS_ENTROPY, contract=TEN, padding=(0, 0.1)) is None


@pytest.mark.parametrize(
    ("aim", "lowest", "word"),
    [
        ("mean error", 0.0, "cancel"),
        ("exchanged", 0.4, "exchanged"),
        ("raw scores", 0.7, "raw scores"),
        ("every pair", 0.7, "(B, B)"),
        ("shares again", 0.7, "which a softmax has made before"),
        ("no shares", -793.0, "-793"),
        ("no shares", 2.1, None),  # what lies outside is masked
        (None, -793.0, None),
    ],
)
def test_what_a_loss_asks_for_that_is_written_by_hand(aim: str | None, lowest: float, word: str | None) -> None:
    given = {} if aim is None else {"aim": aim}
    known = {"loss_function": SQUARED, "contract": ONE, "train_loss": series(3.0, 2.5, 2.2, lowest)}
    finding = loss_mismatch.check(**known, **given)
    assert (finding is not None) == (word is not None)
    if finding is not None and word is not None:
        assert word in finding.summary


@pytest.mark.parametrize(("away", "evaluated", "heard"), [
    (0.5, True, None), (0.8, True, "error"), (1.0, True, "error"), (1.0, False, "info"), (0.02, True, None),
])  # fmt: skip
def test_a_loss_that_takes_wrong_answers_further_away_is_turned_round(
    away: float, evaluated: bool, heard: str | None
) -> None:
    """Share of the gradient of wrong answers; a policy that is told what not to do again is not evaluated."""
    known = {"towards": Towards(series(away, away, away, away), away)} | (
        {"eval_shape": form(falling(1.0, 0.5, 20))} if evaluated else {}
    )
    finding = loss_mismatch.check(loss_function=SQUARED, contract=ONE, **known)
    assert (finding and (finding.severity or "error")) == heard


def test_two_models_may_pull_against_each_other() -> None:
    towards = Towards(series(1.0, 1.0, 1.0, 1.0), 1.0)
    evaluation = form(falling(1.0, 0.5, 20))
    finding = loss_mismatch.check(
        loss_function=SQUARED, contract=ONE, towards=towards, eval_shape=evaluation, model_count=2
    )
    assert remarks(finding)


def answers(last: float, steps: int = 30, width: float = 0.5) -> Outputs:
    """Outputs that begin around a half, and come to be the same for each sample, near `last`."""
    share = np.linspace(0, 1, steps)[:, None]
    mean, half = 0.5 + (last - 0.5) * share, 0.5 * width * np.exp(-8 * share)
    return Outputs(["component 0"], np.arange(steps), mean, mean - half, mean + half)


HALF = {
    "loss_function": LossFunction("categorical_crossentropy", {}),
    "contract": ONE,
    "outputs": answers(1.0),
    "target_range": targets(0.31, 0.46, 0.0, 1.0),
    "train_shape": form(falling(0.22, 1e-4)),
}


def test_a_loss_that_one_answer_satisfies_asks_for_nothing_else() -> None:
    finding = loss_mismatch.check(**HALF)
    assert alarms(finding)
    assert "came to be 1, and the targets differ" in (finding.summary if finding else "")


@pytest.mark.parametrize(
    "changed",
    [
        {"loss_function": LossFunction("BCELoss", {"reduction": "mean"})},  # has a floor where all answers are alike
        {"loss_function": SQUARED, "target_range": targets(0.31, 0.46, -1.2, 1.7)},
        {"train_shape": form(falling(0.22, 0.1))},  # costs something still
        {"train_shape": form(falling(0.22, -4.0))},  # a likelihood, of which nobody knows the least
        {"outputs": outputs(-0.1, 1.0, 0.3, components=1)},  # each sample has its answer
        {"outputs": answers(1.0, steps=9)},  # seen a few times only
        {"target_range": targets(40.0, 0.46, 38.0, 42.0)},  # far away at the start: a constant is progress
        {"target_range": targets(1.0, 0.0, 1.0, 1.0)},  # one answer is right
        {"target_range": None},
        {"outputs": None},
        {"train_shape": None},
    ],
)
def test_a_small_loss_of_one_answer_is_right_elsewhere(changed: dict[str, object]) -> None:
    assert loss_mismatch.check(**HALF | changed) is None


@pytest.mark.parametrize(
    ("losses", "models", "found"),
    [
        ([0.0] * 40, 1, True),
        ([-1e-8] * 40, 1, True),
        ([0.4, *[0.0] * 39], 1, False),  # learnt by heart
        ([0.0] * 10, 1, False),
        ([0.0] * 40, 2, False),  # one of two that are trained against each other has nothing to do
    ],
)
def test_a_loss_that_is_nothing_from_the_first_step_on(losses: list[float], models: int, found: bool) -> None:
    """What a softmax over a single score makes of cross-entropy."""
    finding = loss_mismatch.check(
        loss_function=LossFunction("own", {}), contract=ONE, train_loss=series(*losses), model_count=models
    )
    assert alarms(finding) == found
