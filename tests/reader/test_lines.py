from __future__ import annotations

from pathlib import Path

import pytest

from tb_lossdiag.reader import families, read_runs
from tb_lossdiag.reader.lines import lines, with_lines
from tb_lossdiag.reader.log import joined
from tb_lossdiag.series import Run, series


def line(name: str, tag: str, *values: float) -> Run:
    return Run(name, {tag: series(*(values or (3.0, 2.0, 1.0)))})


def test_lines_of_charts_go_back_into_the_run_that_they_were_logged_beside() -> None:
    runs = [
        Run(".", {"lr": series(0.1)}, sources={"lr": "learning_rate"}),
        line("Loss_train", "Loss", 3.0, 2.0),
        line("Loss_val", "Loss", 4.0, 3.0),
        line("Accuracy_train", "Accuracy"),
        line("Accuracy_val", "Accuracy"),
    ]
    (found,) = joined({run.name: run for run in runs})
    assert found.name == "."
    assert found.sources == {
        "loss/train": "Loss/train",
        "loss/val": "Loss/val",
        "lr": "learning_rate",
        "accuracy/train": "Accuracy/train",
        "accuracy/val": "Accuracy/val",
    }
    assert found.series["loss/val"].values.tolist() == [4.0, 3.0]


def test_a_chart_that_speaks_of_both_splits_says_nothing_of_its_lines() -> None:
    tag = "Training vs. Validation Loss"  # as PyTorch's tutorial names it
    runs = {
        ".": Run("."),
        f"{tag}_Training": line(f"{tag}_Training", tag),
        f"{tag}_Validation": line(f"{tag}_Validation", tag),
    }
    (found,) = joined(runs)
    assert found.sources == {"loss/train": f"{tag}/Training", "loss/val": f"{tag}/Validation"}


@pytest.mark.parametrize(
    "child",
    [
        Run("loss_1", {"loss": series(1.0), "lr": series(0.1)}),  # two tags: a run
        line("loss_1", "other"),  # another name than its tag
        line("loss_", "loss"),
        Run("loss_1", {"loss": series(1.0)}, facts={"models": []}),
    ],
)
def test_a_run_that_is_no_line_stays_a_run(child: Run) -> None:
    parent = Run(".", {"a": series(1.0)})
    assert with_lines(parent, [child]) == (parent, set())


def test_many_children_of_a_stray_event_file_are_runs() -> None:
    assert lines([".", *(f"train_{seed}" for seed in range(100))]) == {}
    assert lines(["train_1"]) == {}


def test_what_may_belong_together_is_read_together() -> None:
    names = ["a", "a/Loss_train", "a/Loss_val", "b/train", "b/validation", "c"]
    assert families(names) == [["a", "a/Loss_train", "a/Loss_val"], ["b/train", "b/validation"], ["c"]]


def test_what_torch_writes_with_add_scalars_is_one_run(tmp_path: Path) -> None:
    tensorboard = pytest.importorskip("torch.utils.tensorboard")
    with tensorboard.SummaryWriter(str(tmp_path / "x")) as writer:
        for step in range(5):
            writer.add_scalars("Loss", {"train": 1.0 / (step + 1), "val": 2.0}, step)
            writer.add_scalar("lr", 0.1, step)
    (run,) = read_runs(tmp_path)
    assert (run.name, set(run.series)) == ("x", {"loss/train", "loss/val", "lr"})
