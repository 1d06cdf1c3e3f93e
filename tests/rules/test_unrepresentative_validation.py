from __future__ import annotations

import math

import numpy as np
import pytest
from made import alarms, falling, flat, form, line, remarks

from tb_lossdiag.rule import Lacking
from tb_lossdiag.rules.unrepresentative_validation import unrepresentative_validation
from tb_lossdiag.series import Series, series
from tb_lossdiag.signals.outputs import Contract
from tb_lossdiag.signals.probe import Answers, ModeGap
from tb_lossdiag.signals.samples import Samples
from tb_lossdiag.signals.splits import Shift

SOUND = {"spread": 1.0, "chance_spread": 0.05, "inputs": 0.0, "features": (("x3", 1.2), ("x1", -0.4))}


def signals(validation: float, samples: int = 500, **shift: object) -> dict[str, object]:
    return {
        "val_shift": Shift(samples, **SOUND | shift),  # type: ignore[arg-type]
        "train_shape": form(falling(2.3, 0.1)),
        "train_loss": falling(2.3, 0.1),
        "eval_shape": form(falling(2.3, validation, 20)),
        "split_sizes": {"train": 2000, "val": samples},
    }


SICK = signals(0.9, inputs=1.0)
HEALTHY = signals(0.15)


@pytest.mark.parametrize(("inputs", "found"), [(0.24, False), (0.26, True)])
def test_threshold_of_the_inputs(inputs: float, found: bool) -> None:
    assert (unrepresentative_validation.check(**signals(0.9, inputs=inputs)) is not None) == found


@pytest.mark.parametrize(
    ("train", "validation", "blind", "loud"),
    [
        (0.01, 0.012, 2.3, False),  # a law without noise
        (0.01, 0.2, 2.3, True),
        (0.2, 0.012, 2.3, True),
        (0.01, 0.012, None, True),
    ],
)
def test_a_handful_of_samples_is_enough_where_all_are_told_exactly(
    train: float, validation: float, blind: float | None, *, loud: bool
) -> None:
    few = signals(validation, samples=4) | {"train_shape": form(falling(2.3, train)), "val_prior_loss": blind}
    finding = unrepresentative_validation.check(**{name: each for name, each in few.items() if each is not None})
    assert finding is not None
    assert (finding.severity is None) == loud


@pytest.mark.parametrize(
    ("shift", "word"),
    [
        ({"spread": 16.0}, "scaled"),
        ({"target": 2.0}, "targets"),
        ({"unseen": 0.4}, "classes"),
        ({"ids": 0.6}, "tokens"),
    ],
)
def test_each_way_of_differing_is_named(shift: dict[str, float], word: str) -> None:
    finding = unrepresentative_validation.check(**signals(0.9, **shift))
    assert finding is not None
    assert word in finding.summary


@pytest.mark.parametrize("spread", [1.3, 1 / 1.3])
def test_a_spread_that_differs_by_chance_is_none(spread: float) -> None:
    assert unrepresentative_validation.check(**signals(0.9, spread=spread)) is None


def test_a_network_that_memorises_does_worse_on_data_that_look_the_same() -> None:
    assert unrepresentative_validation.check(**signals(1.5)) is None


def test_data_that_differ_and_do_no_harm_are_left_alone() -> None:
    assert unrepresentative_validation.check(**signals(0.12, inputs=2.0)) is None


def test_what_is_not_known_is_no_difference() -> None:
    unknown = {"inputs": math.nan, "spread": math.nan, "chance_spread": math.nan, "features": ()}
    assert unrepresentative_validation.check(**signals(0.9, **unknown)) is None


@pytest.mark.parametrize(("samples", "found"), [(31, False), (29, True)])
def test_a_handful_of_samples_is_worth_a_note(samples: int, found: bool) -> None:
    finding = unrepresentative_validation.check(**signals(0.15, samples))
    assert (finding is not None) == found
    assert finding is None or finding.severity == "info"


@pytest.mark.parametrize(("samples", "severity"), [(14, "info"), (12, None), (6, None)])
def test_hardly_a_handful_is_a_trouble(samples: int, severity: str | None) -> None:
    finding = unrepresentative_validation.check(**signals(0.15, samples))
    assert finding is not None
    assert finding.severity == severity


def seen(in_val: float, distinct: float = 720.0) -> Samples:
    return Samples(1280.0, distinct, in_val, 0.0, 64.0, 720.0)


@pytest.mark.parametrize(("shared", "found"), [(45, False), (55, True)])
def test_threshold_of_a_leak_is_a_tenth_of_the_validation_samples(shared: float, found: bool) -> None:
    finding = unrepresentative_validation.check(**signals(0.15), samples=seen(shared))
    assert (finding is not None) == found
    assert finding is None or "leaks" in finding.summary


@pytest.mark.parametrize(("called", "found"), [(500, True), (1220, False), (None, True)])
def test_training_data_that_are_put_through_the_model_beside_the_validation_loss_do_not_leak(
    called: int | None, found: bool
) -> None:
    """As for the accuracy on the training data, in the same block."""
    known = {} if called is None else {"val_called": called}
    assert (unrepresentative_validation.check(**signals(0.15), samples=seen(720), **known) is not None) == found
    assert unrepresentative_validation.check(**signals(0.15), samples=seen(300), val_called=1220) is not None


@pytest.mark.parametrize(("called", "shared", "found"), [(6000, 6000, False), (1000, 6000, True), (6000, 900, True)])
def test_nodes_of_a_graph_of_which_the_loss_counts_a_part_are_no_samples(
    called: int, shared: float, found: bool
) -> None:
    nodes = Samples(204000.0, 6000.0, shared, math.nan, 12.0, 6000.0)
    finding = unrepresentative_validation.check(**signals(0.15, 1000), samples=nodes, val_called=called)
    assert (finding is not None) == found


def test_samples_that_are_alike_by_nature_are_no_leak() -> None:
    assert unrepresentative_validation.check(**signals(0.15), samples=seen(300, distinct=300.0)) is None


def test_a_split_that_nobody_compared_does_not_leak() -> None:
    assert unrepresentative_validation.check(**signals(0.15), samples=seen(math.nan)) is None
    assert unrepresentative_validation.check(**signals(0.15, 0), samples=seen(50)).severity is None


def test_of_a_handful_that_also_differs_the_surer_is_named() -> None:
    finding = unrepresentative_validation.check(**signals(0.9, 6, target=0.6))
    assert finding is not None
    assert "6 samples only" in finding.summary


def answers(right: list[float]) -> Answers:
    return Answers(("0", "1", "2"), np.array([13.0, 25.0, 15.0]), np.array([15.0, 25.0, 13.0]), np.array(right))


def test_classes_that_are_never_named_rightly_have_other_numbers() -> None:
    learnt = HEALTHY | {"val_prior_loss": 1.1, "train_shape": form(falling(1.1, 0.05))}
    finding = unrepresentative_validation.check(**learnt, class_answers={"val": answers([0, 25, 0])})
    assert finding is not None
    assert finding.where == ["class 0", "class 2"]
    for fine in ([1, 25, 0], [12, 24, 12]):
        assert unrepresentative_validation.check(**learnt, class_answers={"val": answers(fine)}) is None
    instead = unrepresentative_validation.check(
        **learnt | {"val_prior_loss": None}, prior_loss=1.1, class_answers={"test": answers([0, 25, 0])}
    )
    assert instead is not None, "a test set that is evaluated in place of a validation set"
    assert "in the test data than in training" in instead.summary
    young = learnt | {"train_shape": form(falling(1.1, 0.9))}
    assert unrepresentative_validation.check(**young, class_answers={"val": answers([0, 25, 0])}) is None


@pytest.mark.parametrize(("absent", "found"), [(0.19, False), (0.25, True)])
def test_classes_that_validation_lacks_are_told(absent: float, found: bool) -> None:
    finding = unrepresentative_validation.check(**signals(0.9, absent=absent))
    assert (finding is not None) == found
    assert finding is None or "Validation holds no sample" in finding.summary


@pytest.mark.parametrize(("spread", "best", "found"), [(1.28, 2.4, True), (1.28, 1.2, False), (1.15, 2.4, False)])
def test_a_smaller_difference_counts_where_nothing_that_was_learnt_is_of_use(
    spread: float, best: float, found: bool
) -> None:
    blind = signals(best, spread=spread) | {"eval_shape": form(flat(best, 20)), "val_prior_loss": 2.3}
    assert (unrepresentative_validation.check(**blind) is not None) == found


@pytest.mark.parametrize(("target", "loud"), [((1,), True), ((), True), ((139,), False), ((8, 8), False)])
def test_a_handful_of_sequences_holds_many_answers(target: tuple[int, ...], loud: bool) -> None:
    contract = Contract(target, target, 8)
    assert alarms(unrepresentative_validation.check(**signals(0.0, 3), contract=contract)) == loud
    assert unrepresentative_validation.check(**signals(0.0, 3), contract=contract) is not None


def useless(validation: Series, train: Series, **more: object) -> dict[str, object]:
    """Evaluations every 100 steps, of a training that has seen each sample once by the first of them."""
    evaluation = Series(100 * (1 + np.arange(len(validation))), validation.values)
    return {
        "train_shape": form(train),
        "train_loss": train,
        "eval_shape": form(evaluation),
        "samples": Samples(seen=1500, distinct=1400, in_val=0, in_test=math.nan, values=30),
        "batch_size": 16,
        "prior_loss": 2.3,
    } | more


LEARNS = falling(2.3, 0.1, 800)


@pytest.mark.parametrize(
    ("validation", "found"),
    [
        (line(2.9, 8.8, 8), True),  # surely wrong, and more and more so
        (flat(112.7, 8), True),  # it does not react at all
        (falling(1.2, 0.3, 8), False),
        (line(1.1, 2.4, 8), False),  # better than a guess at first: it memorises
        (flat(2.25, 8), True),  # what new samples of training gain is nowhere to be seen
        (flat(0.12, 8), False),
    ],
)
def test_a_validation_that_nothing_helps_is_of_other_data(validation: Series, found: bool) -> None:
    given = useless(validation, LEARNS)
    if not found:
        with pytest.raises(Lacking, match="val_shift"):
            unrepresentative_validation.check(**given)
        return
    finding = unrepresentative_validation.check(**given)
    assert finding is not None
    assert "helps in validation" in finding.summary


def test_what_may_be_memorised_by_then_proves_nothing() -> None:
    often = Samples(seen=400, distinct=120, in_val=0, in_test=math.nan, values=30)
    with pytest.raises(Lacking):
        unrepresentative_validation.check(**useless(line(2.9, 8.8, 8), LEARNS, samples=often))


def test_a_network_that_is_another_one_in_evaluation_mode_is_another_trouble() -> None:
    steps, low, high = np.arange(4), np.full(4, 0.3), np.full(4, 3.0)
    modes = ModeGap(Series(steps, low), Series(steps, high), Series(steps, low - high), -0.9, -0.9, 0.3, 3.0)
    with pytest.raises(Lacking):
        unrepresentative_validation.check(**useless(line(2.9, 8.8, 8), LEARNS, mode_gap=modes))


@pytest.mark.parametrize(("blind", "loud"), [(None, True), (2.3, False)])
def test_a_validation_that_gains_as_much_as_training_is_of_a_later_time_however_late_its_first_evaluation_comes(
    blind: float | None, loud: bool
) -> None:
    late = signals(0.5, inputs=1.0) | {"eval_shape": form(falling(0.7, 0.5, 20))}
    finding = unrepresentative_validation.check(**late, val_prior_loss=blind)
    assert finding is not None
    assert alarms(finding) == loud


@pytest.mark.parametrize(
    ("validation", "found"),
    [
        (flat(0.8, 8), True),  # most of what training had gained by then is nowhere to be seen
        (flat(0.5, 8), False),
        (falling(0.87, 0.2, 8), False),  # it comes
    ],
)
def test_a_validation_far_above_new_training_samples_is_of_other_data(validation: Series, found: bool) -> None:
    train = series(*falling(1.4, 0.43, 100).values, *[0.42] * 700)
    given = useless(validation, train, prior_loss=1.0, batch_size=14)
    if not found:
        with pytest.raises(Lacking, match="val_shift"):
            unrepresentative_validation.check(**given)
        return
    finding = unrepresentative_validation.check(**given)
    assert finding is not None
    assert "at its first evaluation" in finding.summary
    with pytest.raises(Lacking, match="val_shift"):  # seen twice by then: it may memorise
        unrepresentative_validation.check(**given, sample_count=700.0)


def test_a_few_samples_that_make_most_of_a_loss_are_no_other_data() -> None:
    """Latencies with outliers: most batches hold none and cost little, and the validation loss is that of its own few."""
    cost = np.random.default_rng(0).pareto(1.2, 800) * 0.1
    given = useless(flat(float(cost.mean()), 8), Series(np.arange(800), cost), prior_loss=0.6, batch_size=14)
    with pytest.raises(Lacking, match="val_shift"):
        unrepresentative_validation.check(**given)


@pytest.mark.parametrize(("changed", "found"), [(1.0, True), (0.6, True), (0.1, False), (0.0, False), (None, False)])
def test_inputs_that_are_changed_from_evaluation_to_evaluation_are_worth_a_remark(
    changed: float | None, found: bool
) -> None:
    finding = unrepresentative_validation.check(**HEALTHY | {"val_changed": changed})
    assert remarks(finding) == found
    assert not alarms(finding)
