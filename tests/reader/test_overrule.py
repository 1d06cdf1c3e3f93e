from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_lossdiag.reader.log import joined
from tb_lossdiag.reader.overrule import checked_roles, overruled
from tb_lossdiag.series import Run, series
from tb_lossdiag.tags import CHOOSABLE

RUN = Run(
    "x",
    {"loss/train": series(3.0, 2.0), "loss/val": series(4.0, 3.0), "mine": series(9.0, 8.0)},
    sources={"loss/train": "train_loss", "loss/val": "val_loss"},
)


def test_a_chosen_tag_takes_the_role_and_the_former_one_goes_by_its_own_name() -> None:
    found = overruled(RUN, {"train_loss": "mine"})
    assert found.sources == {"loss/train": "mine", "loss/val": "val_loss"}
    assert found.series["loss/train"].values.tolist() == [9.0, 8.0]
    assert found.series["train_loss"].values.tolist() == [3.0, 2.0]
    assert "mine" not in found.series
    assert not found.warnings


def test_a_tag_that_had_another_role_loses_it() -> None:
    found = overruled(RUN, {"train_loss": "val_loss"})
    assert found.sources == {"loss/train": "val_loss"}
    assert set(found.series) == {"loss/train", "train_loss", "mine"}


def test_roles_can_be_exchanged() -> None:
    found = overruled(RUN, {"train_loss": "val_loss", "val_loss": "train_loss"})
    assert found.sources == {"loss/train": "val_loss", "loss/val": "train_loss"}


def test_an_empty_tag_leaves_the_role_to_nobody() -> None:
    found = overruled(RUN, {"val_loss": ""})
    assert "loss/val" not in found.series
    assert "loss/val" not in found.sources


def test_a_tag_that_is_not_there_changes_nothing_and_is_said() -> None:
    found = overruled(RUN, {"val_loss": "nowhere"})
    assert found.series.keys() == RUN.series.keys()
    assert found.warnings == ["There is no tag nowhere in this run: val_loss was taken for the val loss."]
    assert overruled(RUN, {"lr": "lr"}).warnings == [
        "There is no tag lr in this run: nothing was taken for the learning rate."
    ]


def test_one_part_can_be_chosen_from_a_sum_and_the_sum_can_stay() -> None:
    run = Run(
        "x",
        {"loss/train": series(3.0), "train/box_loss": series(1.0), "train/cls_loss": series(2.0)},
        sources={"loss/train": "train/box_loss + train/cls_loss"},
    )
    assert overruled(run, {"train_loss": "train/cls_loss"}).series["loss/train"].values.tolist() == [2.0]
    kept = overruled(run, {"val_loss": "train/cls_loss"})
    assert kept.series["loss/train"].values.tolist() == [3.0]
    assert kept.series["loss/val"].values.tolist() == [2.0]


def test_runs_are_joined_by_the_chosen_training_loss() -> None:
    runs = {name: Run(name, {"mine": series(2.0, 1.0)}) for name in ("x/train", "x/validation")}
    assert len(joined(runs)) == 2
    (found,) = joined(runs, {"train_loss": "mine"})
    assert found.sources == {"loss/train": "mine", "loss/val": "mine of the run x/validation"}


def test_what_came_from_another_run_is_chosen_by_its_tag_or_as_the_report_names_it() -> None:
    runs = {name: Run(name, {"mine": series(2.0, 1.0)}, sources={}) for name in ("x/train", "x/validation")}
    (run,) = joined(runs, {"train_loss": "mine"})
    for tag in ("mine of the run x/validation", "mine"):
        assert overruled(run, {"test_loss": tag}).sources["loss/test"].startswith("mine")


def test_only_known_roles_can_be_given() -> None:
    with pytest.raises(ValueError, match=r"no role 'loss': roles are train_loss, val_loss"):
        checked_roles({"loss": "x"})


def test_a_tag_that_is_called_like_the_role_that_it_loses_does_not_keep_it() -> None:
    run = Run(
        "x",
        {"loss/train": series(3.0), "loss/val": series(4.0), "mine": series(9.0)},
        sources={"loss/train": "loss/train", "loss/val": "loss/val"},
    )
    found = overruled(run, {"train_loss": "mine", "val_loss": ""})
    assert {name: each.values.tolist() for name, each in found.series.items()} == {
        "loss/train": [9.0],
        "loss/train (as logged)": [3.0],
        "loss/val (as logged)": [4.0],
    }
    assert overruled(run, {"train_loss": "loss/val"}).series["loss/train"].values.tolist() == [4.0]


@given(
    st.sampled_from([RUN, Run("y", dict(RUN.series), sources={name: name for name in ("loss/train", "loss/val")})]),
    st.dictionaries(
        st.sampled_from(list(CHOOSABLE)),
        st.sampled_from(["mine", "train_loss", "val_loss", "loss/train", "loss/val", "nowhere", ""])
        | st.text(max_size=5),
    ),
)
def test_whatever_is_chosen_every_curve_stays_and_each_tag_has_one_role(run: Run, roles: dict[str, str]) -> None:
    found = overruled(run, roles)
    assert sorted(id(each) for each in found.series.values()) == sorted(id(each) for each in run.series.values())
    assert len(set(found.sources.values())) == len(found.sources)
    assert set(found.sources) <= set(found.series)
