from __future__ import annotations

import numpy as np
import pytest
from made import alarms, falling, flat, form, module

from tb_lossdiag.rules.train_eval_gap import train_eval_gap
from tb_lossdiag.series import series
from tb_lossdiag.signals.modes import ModesUsed
from tb_lossdiag.signals.probe import ModeGap


def gap(train: float, evaluation: float, last: int = 400) -> ModeGap:
    """The same in both modes at first, then as given."""
    steps = np.linspace(2, last, 12).astype(int)
    ours, others = [2.3] * 3 + [train] * 9, [2.3] * 3 + [evaluation] * 9
    scale = max(abs(train), abs(evaluation))
    late = (train - evaluation) / scale
    lines = (series(*ours, steps=steps), series(*others, steps=steps), series(*[0.0] * 3, *[late] * 9, steps=steps))
    return ModeGap(*lines, 0.0, late, train, evaluation)


BATCH_NORM = (module("conv", "Conv2d", 0), module("norm", "BatchNorm2d", 1, momentum=0.1))
SICK = {
    "modes_used": ModesUsed(),
    "mode_gap": gap(0.1, 2.0),
    "train_shape": form(falling(2.3, 0.1)),
    "eval_shape": form(falling(2.3, 2.1, points=20)),
    "modules": (module("norm", "BatchNorm2d", 1, momentum=0.001),),
}
HEALTHY = {
    "modes_used": ModesUsed(),
    "mode_gap": gap(0.1, 0.11),
    "train_shape": form(falling(2.3, 0.1)),
    "eval_shape": form(falling(2.3, 0.15, points=20)),
    "modules": BATCH_NORM,
}


def widening(*apart: float) -> ModeGap:
    """Both modes further and further apart, at steps that are further and further apart; the middle of the last three counts as late."""
    evaluation = np.linspace(0.9, 1.8, len(apart))
    train = evaluation * (1 + np.array(apart))
    lines = (series(*each, steps=[2, 29, 126, 281][-len(apart) :]) for each in (train, evaluation, apart))
    return ModeGap(*lines, 0.0, apart[-2], float(train[-2]), float(evaluation[-2]))


@pytest.mark.parametrize(
    ("apart", "found"),
    [
        ((-0.05, -0.22, -0.56, -0.9), True),
        ((-0.05, -0.6, -0.5, -0.9), False),  # comes and goes
        ((-0.05, -0.1, -0.2, -0.9), False),  # one batch
        ((0.1, 0.05, -0.5, -0.9), False),
    ],
)
def test_modes_that_come_further_apart_are_judged_by_the_last_look(apart: tuple[float, ...], *, found: bool) -> None:
    given = SICK | {"mode_gap": widening(*apart), "modules": BATCH_NORM, "batch_size": 64}
    assert (train_eval_gap.check(**given) is not None) == found


def test_a_sluggish_momentum_is_named() -> None:
    finding = train_eval_gap.check(**SICK)
    assert finding is not None
    assert "momentum of 0.001" in finding.summary
    assert "momentum=0.1" in finding.remedies[0].code
    assert finding.since == 0


def test_a_handful_of_samples_is_named() -> None:
    finding = train_eval_gap.check(**SICK | {"modules": BATCH_NORM, "batch_size": 2})
    assert finding is not None
    assert "batches of 2" in finding.summary


def test_sound_settings_leave_the_statistics_to_be_computed_anew() -> None:
    finding = train_eval_gap.check(**SICK | {"modules": BATCH_NORM, "batch_size": 64})
    assert finding is not None
    assert finding.since == 110
    assert not finding.remedies, "those of the rule"


def test_weights_that_outrun_sound_statistics_are_worth_a_remark() -> None:
    sound = SICK | {"modules": BATCH_NORM, "batch_size": 64}
    finding = train_eval_gap.check(**sound | {"update_ratio": flat(0.01)})
    assert finding is not None
    assert finding.severity == "info"
    assert "1.0%" in finding.summary
    for more in ({"update_ratio": flat(0.001)}, {"update_ratio": flat(0.01), "modules": SICK["modules"]}):
        settled = train_eval_gap.check(**sound | more)
        assert settled is not None
        assert settled.severity is None


def test_without_running_statistics_it_must_be_the_model_s_own_code() -> None:
    finding = train_eval_gap.check(**SICK | {"modules": (module("fc", "Linear", 0),)})
    assert finding is not None
    assert "self.training" in finding.remedies[0].action


@pytest.mark.parametrize(
    ("evaluation", "modules", "found"),
    [
        (0.249, BATCH_NORM, False),
        (0.251, BATCH_NORM, True),
        (0.128, SICK["modules"], False),
        (0.132, SICK["modules"], True),
    ],
)
def test_threshold_of_the_gap(evaluation: float, modules: object, found: bool) -> None:
    signals = SICK | {"mode_gap": gap(0.1, evaluation), "modules": modules}
    late = 2 * evaluation - 0.1 if evaluation < 0.2 else 0.25  # enough harm, and the mode explains enough of it
    harmful = {"train_shape": form(falling(0.3, 0.1)), "eval_shape": form(falling(0.3, late, points=20))}
    assert (train_eval_gap.check(**signals | harmful) is not None) == found


@pytest.mark.parametrize(("evaluation", "found"), [(0.69, False), (0.71, True)])
def test_threshold_of_what_it_explains(evaluation: float, found: bool) -> None:
    signals = SICK | {"mode_gap": gap(0.1, evaluation), "eval_shape": form(falling(2.3, 2.1, points=20, noise=0))}
    assert (train_eval_gap.check(**{"modes_used": ModesUsed(), **signals}) is not None) == found


def test_statistics_that_lag_but_catch_up_do_no_harm() -> None:
    assert train_eval_gap.check(**SICK | {"eval_shape": HEALTHY["eval_shape"]}) is None


@pytest.mark.parametrize(
    ("finished", "momentum", "found"), [(True, 0.01, True), (False, 0.01, False), (True, 0.1, False)]
)
def test_the_first_steps_are_no_measure_unless_no_more_follow(finished: bool, momentum: float, found: bool) -> None:
    norm = module("norm", "BatchNorm2d", 1, momentum=momentum)
    early = SICK | {"mode_gap": gap(0.1, 2.0, last=90), "modules": (norm,), "finished": finished}
    assert (train_eval_gap.check(**early) is not None) == found


def test_a_validation_loss_that_is_high_for_another_reason_is_overfitting() -> None:
    assert train_eval_gap.check(**SICK | {"mode_gap": gap(0.1, 0.16)}) is None


def test_dropout_of_a_half_is_right() -> None:
    usual = {
        "mode_gap": gap(0.9, 0.35),
        "train_shape": form(falling(2.3, 0.9)),
        "eval_shape": form(falling(2.3, 0.4, points=20)),
    }
    assert train_eval_gap.check(**{"modes_used": ModesUsed(), **usual}) is None


@pytest.mark.parametrize(("evaluation", "found"), [(0.26, False), (0.24, True)])
def test_a_training_loss_that_is_mostly_dropout_is_worth_a_remark(evaluation: float, found: bool) -> None:
    dropped = {
        "mode_gap": gap(1.0, evaluation),
        "train_shape": form(falling(2.3, 1.0)),
        "eval_shape": form(falling(2.3, 0.3, points=20)),
    }
    finding = train_eval_gap.check(**{"modes_used": ModesUsed(), **dropped})
    assert (finding is not None) == found
    assert finding is None or finding.severity == "info"


def test_losses_below_zero_have_a_gap_too() -> None:
    below = {
        "mode_gap": gap(-3.0, 1.0),
        "train_shape": form(falling(2.3, -3.0)),
        "eval_shape": form(falling(2.3, 1.0, points=20)),
    }
    finding = train_eval_gap.check(**{"modes_used": ModesUsed(), **below})
    assert finding is not None
    assert finding.evidence[0].scale == "linear"


def test_statistics_that_are_those_of_the_last_batch_are_named() -> None:
    """The batch that was looked at is the last one: on it both modes agree."""
    forgets = HEALTHY | {
        "modules": (module("norm", "BatchNorm1d", 1, momentum=0.99),),
        "eval_shape": form(falling(2.3, 0.4, points=20)),
    }
    finding = train_eval_gap.check(**{"modes_used": ModesUsed(), **forgets})
    assert finding is not None
    assert "momentum=0.01" in finding.remedies[0].code
    assert finding.severity is None
    near = train_eval_gap.check(**forgets | {"eval_shape": form(falling(2.3, 0.3, points=20))})
    assert near is not None
    assert near.severity == "info", "some mean it, where each task has statistics of its own"
    assert train_eval_gap.check(**forgets | {"modules": BATCH_NORM}) is None
    assert train_eval_gap.check(**forgets | {"eval_shape": HEALTHY["eval_shape"]}) is None, "it does no harm"


def test_a_validation_in_training_mode_is_told_where_it_makes_a_difference() -> None:
    finding = train_eval_gap.check(**HEALTHY | {"mode_gap": gap(0.6, 0.3), "modes_used": ModesUsed(validation_on=True)})
    assert finding is not None
    assert finding.summary.startswith("Validation runs in training mode")
    assert "model.eval()" in finding.remedies[0].code
    assert (
        train_eval_gap.check(**HEALTHY | {"mode_gap": gap(0.6, 0.59), "modes_used": ModesUsed(validation_on=True)})
        is None
    )
    assert train_eval_gap.check(**HEALTHY | {"mode_gap": gap(0.6, 0.3), "modes_used": ModesUsed()}) is None


def test_a_training_that_goes_on_in_evaluation_mode_is_told_where_layers_depend_on_it() -> None:
    off = {"modes_used": ModesUsed(45, switched=True)}
    dropping = (module("drop", "Dropout", 0, p=0.5), *BATCH_NORM)
    finding = train_eval_gap.check(**HEALTHY | off | {"modules": dropping, "mode_gap": None})
    assert finding is not None
    assert (finding.severity, finding.since, list(finding.where)) == (None, 45, ["drop", "norm"])
    assert "dropout and batch statistics" in finding.summary
    plain = (module("fc", "Linear", 0), module("drop", "Dropout", 1, p=0.05))
    assert train_eval_gap.check(**HEALTHY | off | {"modules": plain}) is None
    function = {"modes_used": ModesUsed(45, switched=True, functions=(0.05, 0.5))}
    assert alarms(train_eval_gap.check(**HEALTHY | function | {"modules": plain})), "dropout as a function is dropout"


def test_a_layer_of_noise_that_does_not_know_the_mode_is_a_remark_beside_which_the_modes_are_still_compared() -> None:
    noisy = {"modes_used": ModesUsed(noise="GaussianNoise")}
    finding = train_eval_gap.check(**HEALTHY | noisy)
    assert finding is not None
    assert (finding.severity, list(finding.where)) == ("info", ["GaussianNoise"])
    assert "GaussianNoise" in finding.summary
    worse = train_eval_gap.check(**SICK | noisy)
    assert worse is not None
    assert worse.severity is None


def test_evaluation_mode_from_the_beginning_may_be_meant() -> None:
    finding = train_eval_gap.check(**HEALTHY | {"modes_used": ModesUsed(0)})
    assert finding is not None
    assert finding.severity == "info"


@pytest.mark.parametrize(("share", "severity"), [(0.5, None), (0.05, "info"), (0.0, "silent")])
def test_dropout_that_goes_on_in_evaluation_mode_is_told(share: float, severity: str | None) -> None:
    finding = train_eval_gap.check(**HEALTHY | {"modes_used": ModesUsed(drops=share)})
    assert (finding.severity if finding is not None else "silent") == severity
    assert finding is None or "training=self.training" in finding.remedies[0].code


@pytest.mark.parametrize(
    ("other", "reached", "found"),
    [(True, 2.2, True), (True, 0.2, False), (False, 2.2, False)],
)
def test_an_average_that_remembers_more_steps_than_there_were_lags_behind(
    other: bool, reached: float, found: bool
) -> None:
    known = HEALTHY | {
        "modes_used": ModesUsed(other_evaluated=other),
        "eval_shape": form(falling(2.3, reached, points=20)),
    }
    finding = train_eval_gap.check(**known)
    assert (finding is not None) == found
    assert finding is None or "Another model" in finding.summary


def test_an_average_that_overfits_has_come_its_way() -> None:
    turning = form(series(*np.linspace(2.3, 0.4, 10), *np.linspace(0.4, 2.5, 30)))
    known = HEALTHY | {"modes_used": ModesUsed(other_evaluated=True), "eval_shape": turning}
    assert train_eval_gap.check(**known) is None


@pytest.mark.parametrize(
    ("kind", "kept", "validation", "found"),
    [
        ("BatchNorm1d", False, 2.25, True),
        ("BatchNorm1d", True, 2.25, False),
        ("BatchNorm1d", False, 0.4, False),  # batches of all sorts have the statistics of all
        ("InstanceNorm1d", False, 2.25, False),  # each sample by itself, in both modes
    ],
)
def test_evaluation_batches_that_are_normalised_by_themselves(
    kind: str, kept: bool, validation: float, found: bool
) -> None:
    given = {**HEALTHY, "modules": (module("norm", kind, 1, track_running_stats=kept),)}
    finding = train_eval_gap.check(**given | {"eval_shape": form(falling(2.3, validation, points=20))})
    assert (finding is not None) == found
