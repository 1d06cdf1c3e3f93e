from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from made import alarms, falling, flat, form, line, remarks, weight

from tb_lossdiag.rules.class_imbalance import class_imbalance
from tb_lossdiag.signals.batches import Composition
from tb_lossdiag.signals.data import Targets
from tb_lossdiag.signals.outputs import Contract, Outputs
from tb_lossdiag.signals.probe import Answers
from tb_lossdiag.signals.splits import Shift
from tb_lossdiag.signals.structure import LossFunction


def blind(rare: float, share: float = 1.0, accuracy: float | None = None) -> dict[str, object]:
    """A run with `rare` samples of 1,000 in the rare class, that reaches this share of a blind guess's loss."""
    frequent = 1 - rare / 1000
    prior = float(-(frequent * np.log(frequent) + (1 - frequent) * np.log(1 - frequent)))
    return {
        "targets": Targets(counts=np.array([1000 - rare, rare])),
        "train_shape": form(falling(0.7, share * prior)),
        "eval_shape": form(falling(0.7, share * prior, 20)),
        "val_prior_loss": prior,
        "val_accuracy": flat(frequent if accuracy is None else accuracy, 20),
    }


SICK = blind(30)
HEALTHY = blind(30, share=0.1, accuracy=0.995)


@pytest.mark.parametrize(("share", "found"), [(0.72, False), (0.8, True)])
def test_threshold_is_three_quarters_of_a_blind_guess(share: float, found: bool) -> None:
    assert (class_imbalance.check(**blind(30, share)) is not None) == found


@pytest.mark.parametrize(("rare", "found"), [(115, False), (105, True)])
def test_threshold_is_eight_to_one(rare: float, found: bool) -> None:
    assert (class_imbalance.check(**blind(rare)) is not None) == found


def test_uneven_classes_that_are_learnt_are_no_trouble() -> None:
    assert class_imbalance.check(**blind(5, share=0.2, accuracy=0.999)) is None


def tail(validation: float, evenness: float) -> dict[str, object]:
    counts = np.array([120.0 * 0.6**i for i in range(10)])
    return {
        "targets": Targets(counts=counts),
        "train_shape": form(falling(2.3, 0.1)),
        "eval_shape": form(falling(2.3, validation, 20)),
        "val_shift": Shift(500, unseen=0.0, evenness=evenness, train_evenness=0.5),
    }


def test_balanced_validation_shows_what_a_long_tail_did_not_teach() -> None:
    finding = class_imbalance.check(**tail(1.2, 0.99))
    assert finding is not None
    assert finding.where == ["class 9"]


def test_a_gap_on_validation_data_with_the_same_tail_is_another_trouble() -> None:
    assert class_imbalance.check(**tail(1.2, 0.5)) is None


def test_balanced_validation_that_goes_well_is_fine() -> None:
    assert class_imbalance.check(**tail(0.15, 0.99)) is None


def test_without_classes_or_evaluations_it_is_silent() -> None:
    assert (
        class_imbalance.check(targets=Targets(mean=np.ones(1), std=np.ones(1)), train_shape=form(falling(1, 0.1)))
        is None
    )
    assert class_imbalance.check(targets=SICK["targets"], train_shape=SICK["train_shape"]) is None


def answered(
    rare: int, right: int, often: float = 0.98, train: tuple[float, ...] = (100, 100, 100, 5, 5)
) -> dict[str, object]:
    """Three frequent and two rare classes; so many of the rare validation samples are named rightly."""
    count = np.array([40.0, 40.0, 40.0, rare / 2, rare / 2])
    rightly = np.array([40 * often] * 3 + [right / 2] * 2)
    return {
        "targets": Targets(counts=np.array(train)),
        "train_shape": form(falling(1.2, 0.01)),
        "eval_shape": form(falling(1.2, 0.2, 20)),
        "val_prior_loss": 1.2,
        "class_answers": {"val": Answers(tuple("abcde"), count, count, rightly)},
    }


@pytest.mark.parametrize(("right", "found"), [(17, True), (18, False)])
def test_threshold_is_a_tenth_less_often_right(right: int, found: bool) -> None:
    assert (class_imbalance.check(**answered(20, right)) is not None) == found


def test_rare_classes_that_fail_are_named_though_the_accuracy_hides_them() -> None:
    finding = class_imbalance.check(**answered(6, 2))
    assert finding is not None
    assert finding.confidence > 0.9
    assert "33\N{NO-BREAK SPACE}%" in finding.summary


def test_one_rare_sample_that_fails_may_be_bad_luck() -> None:
    finding = class_imbalance.check(**answered(1, 0, often=0.9))
    assert finding is None


def test_rare_classes_that_are_hard_for_everyone_or_learnt_are_no_trouble() -> None:
    assert class_imbalance.check(**answered(20, 14, often=0.75)) is None
    assert class_imbalance.check(**answered(20, 20)) is None


def test_a_network_that_learns_nothing_has_another_trouble() -> None:
    nothing = answered(20, 0, often=0.4) | {"train_shape": form(falling(1.2, 1.15))}
    assert class_imbalance.check(**nothing) is None


def test_of_two_classes_nine_to_one_the_rarer_may_fail_for_other_reasons() -> None:
    two = answered(20, 0) | {
        "targets": Targets(counts=np.array([900.0, 100.0])),
        "class_answers": {"val": Answers(("a", "b"), np.array([360.0, 40.0]), np.zeros(2), np.array([358.0, 20.0]))},
    }
    finding = class_imbalance.check(**two)
    assert finding is not None
    assert finding.confidence < 0.7


def test_classes_drawn_uneven_in_a_tiny_set_in_order_or_for_another_split_are_left_alone() -> None:
    sick = answered(20, 0)
    assert class_imbalance.check(**sick, train_size=30) is None
    assert class_imbalance.check(**sick, val_shift=Shift(140, unseen=0.3)) is None
    assert class_imbalance.check(**sick, composition=Composition(20.0, 0.9, 40, 5, by_sample=True)) is None


def test_answers_that_do_not_fit_the_classes_are_no_evidence() -> None:
    sick = answered(20, 0)
    other = {"val": Answers(("a",), np.ones(1), np.ones(1), np.ones(1))}
    assert class_imbalance.check(**sick | {"class_answers": other}) is None
    assert class_imbalance.check(**answered(0, 0)) is None
    assert class_imbalance.check(**sick | {"class_answers": None}) is None


def test_the_letters_of_a_language_are_uneven_by_nature() -> None:
    embedding = weight("embed.weight", kind="embedding", shape=(5, 48))
    assert class_imbalance.check(**answered(20, 0), parameters=(embedding,)) is None
    assert class_imbalance.check(**answered(20, 0), parameters=(weight("fc.weight"),)) is not None


def test_a_language_may_be_read_one_hot() -> None:
    often, rare = np.array([40.0] * 18), np.array([10.0, 10.0])
    answers = Answers(
        tuple(map(str, range(20))),
        np.concatenate([often, rare]),
        np.concatenate([often, rare]),
        np.concatenate([often, 0 * rare]),
    )
    counts = Targets(counts=np.array([100.0] * 18 + [5.0, 5.0]))
    sick = answered(20, 0) | {"targets": counts, "class_answers": {"val": answers}}
    reads = weight("rnn.weight_ih_l0", shape=(64, 20))
    assert class_imbalance.check(**sick, parameters=(reads,)) is None
    assert class_imbalance.check(**sick, parameters=(weight("fc.weight", shape=(64, 30)), reads)) is not None
    few = weight("fc.weight", shape=(64, 5))
    assert class_imbalance.check(**answered(20, 0), parameters=(few,)) is not None, (
        "five features may be five by chance"
    )


def test_of_three_samples_a_network_learns_those_three_though_validation_has_none_to_say_so() -> None:
    none = answered(0, 0, train=(1000, 1000, 1000, 10, 10))
    finding = class_imbalance.check(**none, train_size=905)
    assert finding is not None
    assert finding.confidence > 0.9
    assert "handful" in finding.summary
    assert class_imbalance.check(**none, train_size=9050) is None, "thirty may do"
    assert class_imbalance.check(**none) is None, "and of how many nobody says"


def test_a_handful_that_validation_names_rightly_is_learnt() -> None:
    learnt = answered(2, 2, train=(1000, 1000, 1000, 10, 10))
    assert class_imbalance.check(**learnt, train_size=905) is None


@pytest.mark.parametrize(("samples", "named", "found"), [(5.0, 0.0, True), (4.0, 0.0, False), (5.0, 1.0, False)])
def test_a_class_that_is_never_named_is_worth_a_remark_whatever_the_loss(
    samples: float, named: float, found: bool
) -> None:
    answers = Answers(("a", "b"), np.array([300.0, samples]), np.array([305.0, named]), np.array([300.0, named]))
    below = blind(30, share=0.6)
    assert remarks(class_imbalance.check(**below | {"class_answers": {"val": answers}})) == found
    other = Answers(("a",), np.ones(1), np.ones(1), np.ones(1))
    assert class_imbalance.check(**below | {"class_answers": {"val": other}}) is None


def test_a_rare_class_that_is_never_named_makes_a_blind_guess_surer() -> None:
    alone = class_imbalance.check(**blind(30, 0.85))
    counts = np.array([970.0, 30.0])
    never = Answers(("0", "1"), counts, np.array([1000.0, 0.0]), np.array([970.0, 0.0]))
    both = class_imbalance.check(**blind(30, 0.85), class_answers={"val": never})
    assert alone is not None
    assert both is not None
    assert both.confidence > alone.confidence
    named = Answers(("0", "1"), counts, np.array([980.0, 20.0]), np.array([965.0, 15.0]))
    some = class_imbalance.check(**blind(30, 0.85), class_answers={"val": named})
    assert some is None or some.confidence <= alone.confidence


@pytest.mark.parametrize(("share", "loud"), [(0.92, False), (0.99, True), (0.8, True)])
def test_features_that_tell_little_make_no_sample_more_likely_rare_than_not(share: float, loud: bool) -> None:
    """Insurance claims: the frequent answer is the honest one for each of them. Nothing learnt at all is something else."""
    counts = np.array([970.0, 30.0])
    never = Answers(("0", "1"), counts, np.array([1000.0, 0.0]), np.array([970.0, 0.0]))
    finding = class_imbalance.check(**blind(30, share), class_answers={"val": never})
    assert finding is not None
    assert (finding.severity is None) == loud


def mask(yes: float, predicted: float, last: float) -> dict[str, object]:
    """Masks of which this share is marked, and a network that marks so much of them rightly."""
    places = 100_000.0
    prior = -(yes * np.log(yes) + (1 - yes) * np.log(1 - yes))
    marked = places * yes
    answers = np.array([[places - marked, marked], [places - predicted, predicted], [places - marked, predicted]])
    return {
        "targets": Targets(mean=np.array([yes]), std=np.array([np.sqrt(yes * (1 - yes))])),
        "train_shape": form(falling(0.7, last * prior)),
        "eval_shape": form(falling(0.7, last * prior, 20)),
        "val_prior_loss": prior,
        "class_answers": {"val": Answers(("0", "1"), *answers)},
    }


def test_a_mask_that_stays_empty_is_named_with_the_weight_that_binary_losses_have() -> None:
    finding = class_imbalance.check(**mask(0.013, 0, 0.8))
    assert finding is not None
    assert "pos_weight" in finding.remedies[0].code
    assert class_imbalance.check(**mask(0.013, 1200, 0.2)) is None
    assert class_imbalance.check(**mask(0.3, 0, 0.8)) is None


@pytest.mark.parametrize(("named", "by_sample", "loud"), [(0, False, True), (0, True, False), (600, False, False)])
def test_places_of_a_rare_class_that_are_never_named_make_an_empty_mask(
    named: float, by_sample: bool, loud: bool
) -> None:
    """Of samples the threshold is a matter of taste; of places it is not, however well their order is known."""
    known = mask(0.021, named, 0.7)
    counts = {
        "targets": Targets(counts=np.array([97_900.0, 2_100.0])),
        "composition": Composition(3.5, 0.0, 40, 2, by_sample),
    }
    assert alarms(class_imbalance.check(**known | counts)) == loud


def test_shades_of_grey_are_no_classes() -> None:
    grey = mask(0.013, 0, 0.8) | {"targets": Targets(mean=np.array([0.013]), std=np.array([0.02]))}
    assert class_imbalance.check(**grey) is None


def test_a_rare_class_that_is_seldom_named_rightly_is_worth_a_remark() -> None:
    cautious = blind(30, share=0.6, accuracy=0.985)
    few, many = (
        cautious
        | {"class_answers": {"val": Answers(("0", "1"), *np.array([[970, 30], [993, 7], [969, right]], float))}}
        for right in (6, 20)
    )
    assert remarks(class_imbalance.check(**few))
    assert class_imbalance.check(**many) is None


@pytest.mark.parametrize(("right", "loud"), [(40.0, True), (70.0, False)])
def test_of_two_classes_most_samples_of_the_rare_one_are_enough(right: float, loud: bool) -> None:
    """How many are named is a matter of the threshold, which nobody need leave at one half."""
    answers = Answers(("0", "1"), *np.array([[3400, 100], [3430, 70], [3395, right]], float))
    cautious = blind(30, share=0.25, accuracy=0.99) | {"class_answers": {"val": answers}}
    finding = class_imbalance.check(**cautious)
    assert finding is not None
    assert (finding.severity is None) == loud


def of_yes(share: np.typing.NDArray[np.float64]) -> Targets:
    return Targets(mean=share, std=np.sqrt(share * (1 - share)))


def maps(
    highest: float, *, yes: float = 0.002, shape: tuple[int, ...] = (3, 16, 16), **changes: object
) -> dict[str, object]:
    """A network that answers each place of a map by yes or no, and whose highest score of a batch is this."""
    names, steps = ["component 0"], np.arange(0, 200, 10)
    scores = np.full((len(steps), 1), highest)
    return {
        "targets": of_yes(np.array([yes])),
        "train_shape": form(falling(2.0, 0.05)),
        "outputs": Outputs(names, steps, scores - 4, scores - 8, scores),
        "contract": Contract(shape, shape, 16, "binary"),
        "loss_function": LossFunction("binary_cross_entropy_with_logits", {"part": True}),
    } | changes


@pytest.mark.parametrize(
    "changes", [{}, {"shape": (1, 128), "targets": of_yes(np.repeat([0.0, 0.02, 0.0], [14, 100, 14]))}]
)
def test_a_map_that_never_says_yes_is_an_alarm(changes: dict[str, Any]) -> None:
    """Also of places in time, of which those near the ends never hold what is looked for."""
    found = class_imbalance.check(**maps(-3.0, **changes))
    assert alarms(found)
    assert found is not None
    assert "pos_weight" in found.remedies[0].code


@pytest.mark.parametrize(
    "sound",
    [
        maps(0.5),
        maps(-3.0, yes=0.3),  # no rare answer
        maps(-3.0, shape=(5,)),  # labels of a sample: no map
        maps(-3.0, yes=1e-5),  # hardly a batch holds one
        maps(-3.0, train_shape=form(line(2.0, 1.0))),  # still on its way
        maps(-3.0, targets=Targets(mean=np.array([0.002]), std=np.array([0.02]))),  # bumps around a place
        maps(-3.0, loss_function=LossFunction("MSELoss", {})),
        maps(0.3, loss_function=LossFunction("MSELoss", {})),
    ],
)
def test_maps_that_say_yes_or_hardly_should_are_left_alone(sound: dict[str, object]) -> None:
    assert class_imbalance.check(**sound) is None


def test_of_shares_yes_begins_at_a_half() -> None:
    shares = LossFunction("BCELoss", {})
    assert alarms(class_imbalance.check(**maps(0.3, loss_function=shares)))
    assert class_imbalance.check(**maps(0.6, loss_function=shares)) is None


@pytest.mark.parametrize(
    ("weights", "counts", "found"),
    [
        ((3.0, 1.4, 0.4, 0.2), (1087, 513, 133, 65), True),
        ((0.2, 0.4, 1.4, 3.0), (1087, 513, 133, 65), False),  # as is meant
        ((1.0, 1.0, 1.0, 1.0), (1087, 513, 133, 65), False),
        ((3.0, 1.4, 0.4, 0.2), (100, 98, 97, 96), False),
        ((3.0, 1.4), (1087, 513, 133, 65), False),
    ],
)
def test_weights_that_grow_with_the_frequency_of_a_class_are_turned_round(
    weights: tuple[float, ...], counts: tuple[int, ...], found: bool
) -> None:
    loss = LossFunction("CrossEntropyLoss", {"weight": list(weights)})
    targets = Targets(counts=np.array(counts, dtype=np.float64))
    finding = class_imbalance.check(targets=targets, train_shape=form(falling(2.3, 0.1)), loss_function=loss)
    assert alarms(finding) == found


@pytest.mark.parametrize(("right", "loud"), [(9, True), (11, False)])
def test_rare_classes_of_which_most_samples_are_named_rightly_are_worth_a_remark(right: int, loud: bool) -> None:
    finding = class_imbalance.check(**answered(20, right))
    assert finding is not None
    assert alarms(finding) == loud


@pytest.mark.parametrize(("rare", "right", "loud"), [(6, 2, False), (20, 7, True), (6, 1, True)])
def test_what_so_few_samples_teach_of_classes_that_are_as_rare_in_validation_is_worth_a_remark(
    rare: int, right: int, loud: bool
) -> None:
    finding = class_imbalance.check(**answered(rare, right))
    assert finding is not None
    assert alarms(finding) == loud
