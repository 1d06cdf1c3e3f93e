from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_lossdiag.reader.log import joined
from tb_lossdiag.reader.siblings import partners
from tb_lossdiag.series import Run, series


def of(name: str, tag: str = "epoch_loss", role: str = "loss/train", **more: object) -> Run:
    return Run(name, {role: series(3.0, 2.0, 1.0)}, sources={role: tag}, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("train", "other", "split"),
    [
        ("x/train", "x/validation", "val"),
        ("x/train", "x/val", "val"),
        ("train", "validation", "val"),
        ("log/train", "log/test", "test"),
        ("x/train_loss", "x/valid_loss", "val"),
        ("x/loss_train", "x/loss_val", "val"),
        ("x/Loss_Training", "x/Loss_Validation", "val"),
        ("model", "model/eval", "val"),
        ("model", "model/eval_holdout", "val"),
        (".", "eval", "val"),
    ],
)
def test_names_tell_what_belongs_together(train: str, other: str, split: str) -> None:
    assert partners([train, other, "unrelated"]) == {train: {split: other}}


@pytest.mark.parametrize(
    "names",
    [["x/train", "y/validation"], ["validation"], ["a", "b"], ["x/train_1", "x/val_2"], ["train", "training"], ["x/test", "x/val"]],
)  # fmt: skip
def test_other_runs_stay_alone(names: list[str]) -> None:
    assert partners(names) == {}


@given(
    st.sets(st.lists(st.sampled_from(["train", "val", "eval", "test", "x", "."]), min_size=1, max_size=3).map("/".join))
)
def test_a_run_belongs_to_one_training_at_most_and_never_to_one_that_belongs_elsewhere(names: set[str]) -> None:
    found = partners(names)
    taken = [other for others in found.values() for other in others.values()]
    assert len(set(taken)) == len(taken)
    assert not set(taken) & set(found)
    assert set(taken) | set(found) <= names


def test_the_validation_run_becomes_the_trainings_validation_loss() -> None:
    (found,) = joined({run.name: run for run in (of("x/train"), of("x/validation", warnings=["w"], updated=7.0))})
    assert found.name == "x/train"
    assert set(found.series) == {"loss/train", "loss/val"}
    assert found.sources == {"loss/train": "epoch_loss", "loss/val": "epoch_loss of the run x/validation"}
    assert found.warnings == ["w"]
    assert found.updated == 7.0


def test_its_accuracy_comes_along() -> None:
    names = {"loss/train": "loss", "accuracy/train": "acc"}
    runs = [Run(name, {role: series(1.0, 2.0) for role in names}, sources=names) for name in ("t/train", "t/test")]
    (found,) = joined({run.name: run for run in runs})
    assert set(found.series) == {"loss/train", "accuracy/train", "loss/test", "accuracy/test"}
    assert found.sources["accuracy/test"] == "acc of the run t/test"


@pytest.mark.parametrize(
    "other",
    [
        of("x/validation", tag="another_loss"),
        Run("x/validation"),
        Run("x/validation", {r: series(1.0) for r in ("loss/train", "loss/val")}, sources={"loss/train": "epoch_loss"}),
    ],
    ids=["another loss", "no loss", "a training of its own"],
)
def test_names_alone_do_not_join_runs(other: Run) -> None:
    assert [run.name for run in joined({"x/train": of("x/train"), "x/validation": other})] == [
        "x/train",
        "x/validation",
    ]


def test_a_training_with_a_validation_loss_of_its_own_keeps_it() -> None:
    own = Run("x/train", {"loss/train": series(1.0), "loss/val": series(5.0)}, sources={"loss/train": "epoch_loss"})
    found = joined({"x/train": own, "x/validation": of("x/validation")})
    assert [run.name for run in found] == ["x/train", "x/validation"]
    assert found[0].series["loss/val"].values.tolist() == [5.0]


def test_the_same_tag_is_taken_even_where_the_other_run_calls_it_otherwise() -> None:
    other = Run("x/validation", {"loss/train": series(9.0), "epoch_loss": series(4.0)}, sources={"loss/train": "loss"})
    (found,) = joined({"x/train": of("x/train"), "x/validation": other})
    assert found.series["loss/val"].values.tolist() == [4.0]
