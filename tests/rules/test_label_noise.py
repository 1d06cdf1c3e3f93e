from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from made import alarms, falling, flat, form, line, module, remarks

from tb_lossdiag.finding import Finding
from tb_lossdiag.rule import Lacking
from tb_lossdiag.rules.label_noise import label_noise
from tb_lossdiag.series import Series, series
from tb_lossdiag.signals.data import Features, Targets
from tb_lossdiag.signals.mistakes import at_best
from tb_lossdiag.signals.outputs import Outputs
from tb_lossdiag.signals.probe import Answers, ModeGap
from tb_lossdiag.signals.samples import Relabelled
from tb_lossdiag.signals.splits import Shift
from tb_lossdiag.signals.structure import LossFunction


def check(**given: Any) -> Finding | None:
    """Ask the rule, with what follows from the curves."""
    curve = given.pop("train_loss", None)
    if curve is not None:
        right = {name: given[name] for name in ("val_accuracy", "test_accuracy") if name in given}
        given["at_best"] = at_best(
            eval_shape=given["eval_shape"], train_loss=curve, sample_losses=given["sample_losses"], **right
        )
    return label_noise.check(**given)


def signals(
    *, train: float = 0.94, val: float = 1.1, accuracy: float = 0.77, p50: float = 0.4, p95: float = 3.7
) -> dict[str, Any]:
    return {
        "targets": Targets(counts=np.full(10, 120.0)),
        "loss_function": LossFunction("CrossEntropyLoss", {}),
        "train_shape": form(falling(2.3, train)),
        "eval_shape": form(falling(2.3, val, 20)),
        "sample_losses": {"p05": flat(0.15), "p50": flat(p50), "p95": flat(p95), "max": flat(5.0)},
        "val_accuracy": flat(accuracy, 20),
    }


SICK = signals()
HEALTHY = signals(train=0.1, val=0.13, accuracy=0.96, p50=0.02, p95=0.6)


@pytest.mark.parametrize(("p95", "found"), [(2.5, False), (2.6, True)])
def test_threshold_is_costlier_than_an_even_guess(p95: float, found: bool) -> None:
    assert (check(**signals(p95=p95)) is not None) == found


@pytest.mark.parametrize(("val", "found"), [(0.80, False), (0.87, True)])
def test_threshold_is_what_even_mistakes_cost(val: float, found: bool) -> None:
    assert (check(**signals(train=0.87, val=val)) is not None) == found


def test_it_says_how_many_labels_are_wrong() -> None:
    finding = check(**SICK)
    assert finding is not None
    assert "20\N{NO-BREAK SPACE}%" in finding.summary or "21\N{NO-BREAK SPACE}%" in finding.summary


def test_wrong_labels_in_training_only_are_found_too() -> None:
    assert check(**signals(val=0.47, accuracy=0.93)) is not None


def test_hard_data_with_right_labels_does_better_than_even_mistakes() -> None:
    assert check(**signals(train=0.65, val=0.72, accuracy=0.75, p50=0.3, p95=2.9)) is None


def test_a_network_that_is_unsure_of_everything_is_not_done() -> None:
    assert check(**signals(train=1.5, val=1.5, accuracy=0.8, p50=1.4, p95=2.2)) is None


def test_what_begins_to_memorise_has_not_settled() -> None:
    gaining = series(*falling(2.3, 1.4, 140).values, *line(1.4, 1.15, 60).values)
    losing = series(*falling(2.3, 1.05, 14).values, *line(1.05, 1.2, 6).values)
    parting = signals() | {"train_shape": form(gaining), "eval_shape": form(losing)}
    assert remarks(check(**parting))
    assert alarms(check(**parting | {"eval_shape": form(falling(2.3, 1.2, 20))}))


def test_memorised_noise_is_seen_as_overfitting_instead() -> None:
    assert check(**signals(train=0.2, val=1.8)) is None


def test_heavy_dropout_two_classes_and_other_losses_are_left_alone() -> None:
    assert check(**SICK, modules=(module("drop", "Dropout", 0, p=0.8),)) is None
    assert check(**SICK, modules=(module("drop", "Dropout", 0, p=0.2),)) is not None
    assert check(**SICK | {"targets": Targets(counts=np.array([600.0, 600.0]))}) is None
    assert check(**SICK | {"targets": Targets(mean=np.ones(1), std=np.ones(1))}) is None
    smoothed = LossFunction("CrossEntropyLoss", {"label_smoothing": 0.1})
    assert check(**SICK | {"loss_function": smoothed}) is None


def test_figures_that_are_missing_are_no_evidence() -> None:
    assert check(**SICK | {"sample_losses": {}}) is None
    assert check(**SICK | {"val_accuracy": flat(0.7, 0)}) is None


def memorised(
    *, val: float = 1.0, accuracy: float = 0.77, p50: float = 0.4, p95: float = 3.7, end: float = 0.05
) -> dict[str, object]:
    """A validation loss that is best after a quarter of the run, while the training loss goes on to fall."""
    train = series(*np.linspace(2.3, val, 50), *np.linspace(val, end, 150))
    evaluation = series(
        *np.linspace(2.3, val, 5), *np.linspace(val, 2.5, 16)[1:], steps=np.linspace(0, 199, 20).astype(int)
    )
    return signals(train=0.1, p50=p50, p95=p95) | {
        "train_shape": form(train),
        "train_loss": train,
        "eval_shape": form(evaluation),
        "val_accuracy": Series(evaluation.steps, np.full(20, accuracy)),
    }


def test_noise_that_is_memorised_in_the_end_held_the_best_validation_loss() -> None:
    finding = check(**memorised(val=1.04))
    assert finding is not None
    assert finding.confidence > 0.9
    assert "memorised" in finding.summary


@pytest.mark.parametrize(("val", "found"), [(0.90, False), (0.95, True)])
def test_threshold_of_the_best_validation_loss_is_what_even_mistakes_cost(val: float, found: bool) -> None:
    assert (check(**memorised(val=val)) is not None) == found


def test_plain_overfitting_was_best_far_below_what_even_mistakes_cost() -> None:
    assert check(**memorised(val=0.6)) is None
    assert check(**memorised(val=1.04, p95=2.2)) is None, "and no sample was a sure mistake"
    assert check(**memorised(val=1.6, accuracy=0.77)) is None, "nor had it begun to understand"


def beside(
    *, train: float = 1.22, val: float = 0.71, accuracy: float = 0.87, p50: float = 0.9, p95: float = 3.9
) -> dict[str, object]:
    """The same, with a training loss that lies far from the validation loss when that is best."""
    curve = series(*np.linspace(2.3, train, 50), *np.linspace(train, 0.5, 150))
    return memorised(val=val, accuracy=accuracy, p50=p50, p95=p95) | {
        "train_shape": form(curve),
        "train_loss": curve,
        "mode_gap": gap(train),
    }


def test_wrong_labels_of_training_only_that_are_memorised_in_the_end() -> None:
    finding = check(**beside())
    assert finding is not None
    assert finding.confidence > 0.9
    assert finding.severity is None
    assert "the training samples cost" in finding.summary


def test_training_that_cost_little_more_or_otherwise_when_validation_was_best_is_plain_overfitting() -> None:
    assert check(**beside(train=0.9, val=0.99, accuracy=0.9)) is None
    assert check(**beside(p95=2.9)) is None, "augmented samples cost more than others, but few far more than a guess"
    assert check(**beside() | {"mode_gap": None}) is None
    dropout = ModeGap(flat(1.2), flat(0.7), flat(0.4), 0.4, 0.4, 1.2, 0.7)
    assert check(**beside() | {"mode_gap": dropout}) is None
    sampler = Shift(200, inputs=0.0, spread=1.0, evenness=0.5, train_evenness=1.0)
    assert check(**beside() | {"val_shift": sampler}) is None, "a sampler shows the rare classes more often"
    assert check(**beside() | {"val_shift": Shift(200, inputs=0.6, spread=1.0)}) is None


def two(test: float, *, val: float = 0.5, train: float = 0.45, accuracy: float = 0.8) -> dict[str, object]:
    """Two classes, and test data on which the network is right so often."""
    training, evaluation = falling(0.7, train), falling(0.7, val, 20)
    evaluation = Series(np.linspace(0, 199, 20).astype(int), evaluation.values)
    return {
        "targets": Targets(counts=np.array([170.0, 170.0])),
        "loss_function": LossFunction("CrossEntropyLoss", {}),
        "train_shape": form(training),
        "train_loss": training,
        "eval_shape": form(evaluation),
        "sample_losses": {"p95": flat(0.9), "p50": flat(0.3)},
        "val_accuracy": flat(accuracy, 20),
        "test_accuracy": flat(test, 20),
        "split_sizes": {"val": 200, "test": 200},
    }


@pytest.mark.parametrize(("test", "found"), [(0.86, False), (0.88, True)])
def test_threshold_is_two_thirds_of_the_mistakes(test: float, found: bool) -> None:
    assert (check(**two(test)) is not None) == found


def test_right_labels_in_the_test_data_show_the_wrong_ones_elsewhere() -> None:
    finding = check(**two(0.95))
    assert finding is not None
    assert finding.confidence > 0.9
    assert "95\N{NO-BREAK SPACE}%" in finding.summary


def test_validation_data_that_are_harder_or_different_also_go_worse_than_test_data() -> None:
    assert check(**two(0.95, train=0.05)) is None, "training has no such labels"
    assert check(**two(0.95, val=0.3)) is None, "hard samples cost less than wrong ones"
    assert check(**two(0.95), val_shift=Shift(200, inputs=0.6, spread=1.0, chance_spread=0.05)) is None
    assert check(**two(0.95), test_shift=Shift(200, inputs=0.0, spread=1.0, unseen=0.3)) is None
    assert check(**two(0.95), test_shift=Shift(200, inputs=0.0, spread=1.0, unseen=0.0)) is not None
    assert check(**two(0.95), val_shift=Shift(200)) is not None, "what is not known is no difference"


def test_a_few_samples_of_each_split_or_none_prove_nothing() -> None:
    assert check(**two(0.95) | {"split_sizes": {"val": 12, "test": 12}}) is None
    assert check(**two(0.95) | {"split_sizes": None}) is None
    assert check(**two(0.95) | {"test_accuracy": flat(0.95, 0)}) is None


def test_a_validation_loss_that_was_best_at_the_start_tells_nothing() -> None:
    rising = form(series(*np.linspace(0.5, 3.0, 20)))
    assert check(**two(0.95) | {"eval_shape": rising}) is None


def gap(evaluation: float) -> ModeGap:
    curve = flat(evaluation)
    return ModeGap(curve, curve, flat(0.0), 0.0, 0.0, evaluation, evaluation)


@pytest.mark.parametrize(("own", "found"), [(1.2, True), (0.55, False)])
def test_held_out_labels_that_are_right_show_that_those_of_training_are_not(own: float, found: bool) -> None:
    noisy = signals(train=own, val=0.38, accuracy=0.91, p50=0.7, p95=3.9) | {"mode_gap": gap(own)}
    finding = check(**noisy)
    assert alarms(finding) == found
    assert finding is not None
    assert "held-out samples" in finding.summary


def test_what_a_batch_cost_before_the_loss_came_down_is_no_measure_of_its_labels() -> None:
    """A run of forty steps, of which the batches of steps 6 and 12 were looked at twice."""
    early = signals(train=0.55, val=0.38, accuracy=0.91, p50=0.7, p95=3.9) | {"mode_gap": gap(1.2)}
    assert not alarms(check(**early))


@pytest.mark.parametrize("p95", [2.9, 3.07])
def test_augmented_samples_cost_more_than_plain_ones_but_none_is_surely_wrong(p95: float) -> None:
    """Nor does a mere suspicion of wrong labels, which nobody would report, stand before the remark."""
    augmented = signals(train=1.23, val=0.38, accuracy=0.91, p50=0.9, p95=p95) | {"mode_gap": gap(1.2)}
    assert remarks(check(**augmented))


@pytest.mark.parametrize(
    ("evaluation", "found"),
    [
        ((1.4, 1.1, 0.88, 0.82, 0.8), True),
        ((1.4, 1.1, 1.0, 0.9, 0.7), False),  # that of a network which has learnt more since
        ((1.1, 0.88, 0.82, 0.8), False),  # too few evaluations
    ],
)
def test_while_both_losses_fall_training_samples_must_cost_more_than_held_out_ones_did_before(
    evaluation: tuple[float, ...], found: bool
) -> None:
    falling = signals() | {
        "train_shape": form(line(1.7, 1.15)),
        "eval_shape": form(series(*evaluation)),
        "mode_gap": gap(1.15),
        "val_accuracy": None,
    }
    finding = check(**falling)
    assert remarks(finding) == found


def test_an_accuracy_on_test_data_will_do() -> None:
    tested = SICK | {"test_accuracy": SICK["val_accuracy"]}
    del tested["val_accuracy"]
    assert check(**tested) is not None
    del tested["test_accuracy"]
    assert check(**tested) is None


@pytest.mark.parametrize(("accuracy", "severity"), [(0.49, "info"), (0.51, None)])
def test_where_more_is_wrong_than_right_the_inputs_may_leave_it_open(accuracy: float, severity: str | None) -> None:
    finding = check(**signals(train=1.75, val=1.8, accuracy=accuracy, p50=1.0, p95=3.7))
    assert finding is not None
    assert finding.severity == severity


@pytest.mark.parametrize(("most", "severity"), [(120.0, None), (4000.0, "info")])
def test_where_most_samples_are_of_one_class_naming_that_is_no_merit(most: float, severity: str | None) -> None:
    """Of clothes seven in ten fit, and which do not is a matter of taste."""
    uneven = signals() | {"targets": Targets(counts=np.array([most, *[120.0] * 9]))}
    finding = check(**uneven)
    assert finding is not None
    assert finding.severity == severity


def places(
    shares: tuple[float, ...], *, std: tuple[float, ...] | None = None, kind: str = "Conv2d", loss: Series | None = None
) -> dict[str, object]:
    """A network that puts out such shares of the targets' range in the end."""
    names = [f"component {i}" for i in range(len(shares))]
    steps, half = np.arange(0, 200, 10), np.array(shares) / 2
    grown = np.linspace(0.1, 1, len(steps))[:, None].clip(max=0.6) / 0.6 * half
    curve = falling(0.3, 0.1) if loss is None else loss
    spread = np.array(std or (0.3,) * len(shares))
    ends = np.full(len(shares), 0.5)
    return {
        "targets": Targets(),
        "loss_function": LossFunction("MSELoss", {}),
        "train_shape": form(curve),
        "eval_shape": form(falling(0.3, 0.1, 20)),
        "sample_losses": {"p50": flat(0.1)},
        "modules": (module("0", kind, 0),),
        "outputs": Outputs(names, steps, 0 * grown, -grown, grown),
        "target_range": Features(names, 0 * ends, spread, -ends, ends),
    }


def test_coordinates_that_are_not_learnt_beside_others_that_are_have_wrong_labels() -> None:
    finding = check(**places((0.2, 0.9, 0.25, 0.95)))
    assert alarms(finding)
    assert finding is not None
    assert finding.where == ["component 0", "component 2"]


@pytest.mark.parametrize(
    "sound",
    [
        places((0.9, 0.95)),
        places((0.2, 0.25)),  # nothing is learnt: another trouble
        places((0.55, 0.95)),  # on its way
        places((0.2, 0.95), std=(0.1, 0.3)),  # amounts of different kinds
        places((0.2, 0.95), kind="Linear"),  # a table, one of whose targets may be unknowable
        places((0.2, 0.95), loss=line(0.3, 0.1)),  # has not settled
    ],
)
def test_targets_that_are_learnt_alike_or_are_no_places_are_left_alone(sound: dict[str, object]) -> None:
    assert check(**sound) is None


@pytest.mark.parametrize(("p05", "loud"), [(0.03, False), (0.06, True)])
def test_samples_beyond_doubt_speak_for_classes_that_overlap(p05: float, loud: bool) -> None:
    """Of 20 % wrong labels at random nobody can be surer than 0.8, which costs 0.22; a student who has failed everything drops out."""
    given = signals()
    finding = check(**given | {"sample_losses": {**given["sample_losses"], "p05": flat(p05)}})
    assert finding is not None
    assert (finding.severity is None) == loud


def amounts(*, train: float = 0.1, val: float = 0.1, p95: float = 0.5, late_gap: float = 0.0) -> dict[str, Any]:
    """A regression that has settled."""
    curve = flat(train)
    return {
        "targets": Targets(mean=np.zeros(1), std=np.ones(1)),
        "loss_function": LossFunction("MSELoss", {}),
        "train_shape": form(falling(1.0, train)),
        "eval_shape": form(falling(1.0, val, 20)),
        "sample_losses": {"p50": flat(0.06), "p95": flat(p95), "max": flat(2 * p95)},
        "mode_gap": ModeGap(curve, curve, flat(late_gap), 0.0, late_gap, train, train),
    }


@pytest.mark.parametrize(("val", "found"), [(0.085, False), (0.074, True), (0.015, False)])
def test_training_samples_that_cost_more_than_held_out_ones_make_a_remark(val: float, found: bool) -> None:
    finding = check(**amounts(val=val))
    assert remarks(finding) == found
    assert finding is None or "training data only" in finding.summary


@pytest.mark.parametrize(
    "sound",
    [
        amounts(val=0.06, late_gap=0.3),  # dropout
        amounts(val=0.06) | {"mode_gap": None},  # perhaps dropout
        amounts(val=0.06) | {"val_shift": Shift(500, inputs=0.6)},  # validation data are others
        amounts(val=0.06) | {"eval_shape": form(falling(1.0, 0.06, 4))},
        amounts(val=0.06) | {"train_shape": form(falling(1.0, 0.1, noise=3.0))},
    ],
)
def test_a_gap_that_has_another_reason_makes_none(sound: dict[str, Any]) -> None:
    assert check(**{name: each for name, each in sound.items() if each is not None}) is None


@pytest.mark.parametrize(
    ("loss", "p95", "found"), [("MSELoss", 0.75, False), ("MSELoss", 0.85, True), ("L1Loss", 0.3, True)]
)
def test_a_few_amounts_that_are_far_off_make_a_remark(loss: str, p95: float, found: bool) -> None:
    finding = check(**amounts(p95=p95) | {"loss_function": LossFunction(loss, {})})
    assert remarks(finding) == found
    assert finding is None or "a few are far off" in finding.summary


def test_scores_of_classes_have_other_tails() -> None:
    assert check(**amounts(p95=5.0) | {"loss_function": LossFunction("BCELoss", {})}) is None


@pytest.mark.parametrize(("train", "accuracy", "loud"), [(0.6, 0.88, True), (0.36, 0.935, False)])
def test_a_few_wrong_labels_are_worth_a_remark(train: float, accuracy: float, loud: bool) -> None:
    """The loss tells how many there are: 5 % hurt hardly anybody."""
    finding = check(**signals(train=train, val=1.1 * train, accuracy=accuracy, p50=0.1, p95=3.5))
    assert finding is not None
    assert alarms(finding) == loud


def test_a_training_loss_that_has_left_validation_behind_says_less() -> None:
    beside, behind = (check(**signals(train=train)) for train in (0.94, 0.68))
    assert beside is not None
    assert behind is not None
    assert behind.confidence + 0.3 < beside.confidence


def told(*right: float, predicted: tuple[float, ...] | None = None) -> dict[str, Any]:
    """Classes of a hundred held-out samples each, of which so many are named rightly."""
    count = np.full(len(right), 100.0)
    names = tuple(map(str, range(len(right))))
    answers = Answers(names, count, np.array(predicted or count), np.array(right))
    return HEALTHY | {"class_answers": {"val": answers}}


def test_two_classes_that_a_coin_tells_apart_have_labels_that_are_mixed_up() -> None:
    finding = check(**told(95, 42, 97, 93, 60, 99))
    assert remarks(finding)
    assert finding is not None
    assert finding.where == ["class 1", "class 4"]
    assert remarks(check(**told(95, 0, 97, 93, 99, 99, predicted=(100, 0, 100, 100, 200, 100))))


@pytest.mark.parametrize(
    "sound",
    [
        told(95, 70, 97, 93, 72, 99),  # alike, and yet told apart
        told(75, 45, 70, 93, 55, 99),  # others are as hard
        told(95, 42, 97, 93, 60, 99, predicted=(150, 50, 130, 100, 70, 100)),  # taken for others
        told(95, 45, 55, 90),  # few classes
    ],
)
def test_classes_that_are_merely_hard_are_left_alone(sound: dict[str, Any]) -> None:
    assert check(**sound) is None


def default(
    training: tuple[float, ...], held_out: tuple[float, ...] = (170, 160, 160, 170), **shift: float
) -> dict[str, Any]:
    """Labels by class in training and in validation, of which eight in ten are named rightly, with inputs alike."""
    count = np.array(held_out, float)
    answers = Answers(tuple("abcd"[: len(count)]), count, count, 0.8 * count)
    alike = {"inputs": 0.0, "spread": 1.01, "chance_spread": 0.03} | shift
    return HEALTHY | {
        "targets": Targets(counts=np.array(training, float)),
        "class_answers": {"val": answers},
        "val_shift": Shift(1000, **alike),
    }


def test_a_class_that_training_alone_is_full_of_is_what_unread_labels_become() -> None:
    finding = check(**default((1677, 314, 381, 356)))
    assert remarks(finding)
    assert finding is not None
    assert finding.where == ["class a"]


@pytest.mark.parametrize(
    "sound",
    [
        default((420, 400, 390, 410)),
        default((900, 500, 250, 120)),  # a long tail, which validation has not
        default((800, 750), (900, 100)),  # drawn evenly on purpose
        default((1677, 314, 381, 356), inputs=0.1),  # there really are more of them
        default((1677, 314, 381, 356), spread=1.2),
        default((1677, 314, 381, 356), spread=0.0),  # validation inputs that never vary
        default((12, 3, 3, 3)),  # chance
        default((1677, 314, 381, 356)) | {"val_shift": None},
    ],
)
def test_classes_that_are_uneven_for_another_reason_are_left_alone(sound: dict[str, Any]) -> None:
    assert check(**sound) is None


@pytest.mark.parametrize(("accuracy", "found"), [(0.75, True), (0.66, False)])
def test_more_mistakes_than_the_loss_allows_for_are_classes_that_overlap(accuracy: float, found: bool) -> None:
    assert alarms(check(**signals(val=1.3, accuracy=accuracy))) == found


@pytest.mark.parametrize(("middle", "found"), [(0.65, True), (0.8, False)])
def test_right_labels_that_cost_much_come_from_a_network_that_understands_little(middle: float, found: bool) -> None:
    assert alarms(check(**signals(p50=middle))) == found


@pytest.mark.parametrize(
    ("again", "otherwise", "left", "found", "loud"),
    [
        (100, 50, 1.0, True, True),
        (100, 50, 0.4, True, False),  # learnt all the same, as within an episode
        (100, 50, None, True, False),
        (100, 8, 1.0, False, False),
        (20, 15, 1.0, False, False),
    ],
)
def test_the_same_sample_with_another_label(
    again: float, otherwise: float, left: float | None, found: bool, loud: bool
) -> None:
    given = {"targets": SICK["targets"], "train_shape": form(flat(1.0)), "relabelled": Relabelled(again, otherwise)}
    if found:
        finding = label_noise.check(**given, loss_left=left)
        assert finding is not None
        assert alarms(finding) == loud
    else:
        with pytest.raises(Lacking):
            label_noise.check(**given, loss_left=left)


def labels(train: list[float], held_out: list[float], *, loss: float) -> dict[str, Any]:
    classes = tuple(map(str, range(len(held_out))))
    count = np.array(held_out)
    answers = Answers(classes, count, count, count)
    return {
        "targets": Targets(np.array(train)),
        "train_shape": form(falling(1.4, loss)),
        "class_answers": {"val": answers},
    }


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (labels([9000.0, 0, 0, 0], [900.0, 0, 0, 0], loss=1e-4), True),
        (labels([9000.0, 0, 0, 0], [900.0, 50.0, 0, 0], loss=1e-4), False),  # the others are in validation
        (labels([9000.0, 40.0, 0, 0], [900.0, 0, 0, 0], loss=1e-4), False),
        (
            labels([9000.0, 0, 0, 0], [900.0, 0, 0, 0], loss=0.5),
            False,
        ),  # the first of several is to be found, as in contrastive learning
        (labels([90.0, 0, 0, 0], [9.0, 0, 0, 0], loss=1e-4), False),
    ],
)
def test_labels_of_one_class_only_are_lost_in_reading(given: dict[str, Any], found: bool) -> None:
    try:
        finding = label_noise.check(**given)
    except Lacking:
        finding = None
    assert alarms(finding) == found
    assert finding is None or finding.hidden
