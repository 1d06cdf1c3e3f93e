from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_lossdiag.reader.names import roles, split_of, words

MANY = 100


def roles_of(*tags: str) -> dict[str, str]:
    return roles(dict.fromkeys(tags, MANY))


@pytest.mark.parametrize(
    "tag",
    [
        "loss/train", "Loss/train", "train/loss", "Train/Loss", "train_loss", "Training_Loss", "training loss", "trainloss",
        "train/loss_step", "train/loss_epoch", "train_loss_step", "TrainLoss", "loss", "total_loss", "epoch_loss", "cost",
        "train/total_loss", "batch_loss", "cost/cross_entropy", "train/nll_loss", "losses/train", "log/train/loss",
    ],
)  # fmt: skip
def test_a_training_loss_by_any_name(tag: str) -> None:
    assert roles_of(tag, "train/runtime", "grad_norm") == {"loss/train": tag, "diag/grad_norm": "grad_norm"}


@pytest.mark.parametrize(
    ("tag", "role"),
    [
        *((tag, "loss/val") for tag in ("loss/val", "val/loss", "val_loss", "eval/loss", "Loss/valid", "Validation Loss")),
        *((tag, "loss/val") for tag in ("eval_loss", "loss/dev", "validation/epoch_loss", "Val/Total_Loss", "valLoss")),
        *((tag, "loss/test") for tag in ("loss/test", "test_loss", "Test/Loss", "test/loss_epoch", "testing loss")),
        *((tag, "lr") for tag in ("lr", "learning_rate", "train/learning_rate", "lr-AdamW", "lr-SGD/pg1", "x/lr0", "lr/pg0")),
        *((tag, "lr") for tag in ("epoch_learning_rate", "Policy/Learning Rate", "optimizer/lr", "lr-Ranger")),
        *((tag, "accuracy/train") for tag in ("accuracy", "train_acc", "epoch_accuracy", "Train/Accuracy")),
        *((tag, "accuracy/val") for tag in ("eval/accuracy", "val_acc_top1", "metrics/accuracy_top1", "Accuracy/valid")),
        ("Test/Accuracy", "accuracy/test"),
        *((tag, "diag/grad_norm") for tag in ("grad_norm", "train/grad_norm", "global_gradient_norm", "grad_2.0_norm_total")),
    ],
)  # fmt: skip
def test_other_roles_by_any_name(tag: str, role: str) -> None:
    assert roles_of(tag) == {role: tag}


@pytest.mark.parametrize(
    "tag",
    [
        "train/loss_scale", "loss_weight", "lr_loss_ratio", "evaluation_loss_vs_iterations", "train/runtime", "glossary",
        "grad_norm/layer1.conv", "time_per_epoch", "val_acc_top5", "lr-Adam-momentum", "gloss", "loss_std", "",
    ],
)  # fmt: skip
def test_what_only_looks_like_one_is_none(tag: str) -> None:
    assert roles_of(tag) == {}


@pytest.mark.parametrize(
    "tags",
    [
        ("loss/train", "train/loss", "Train Loss"),
        ("train_loss", "train_loss_epoch", "train_loss_step"),
        ("train/loss_step", "train/loss_epoch"),
        ("train/loss", "train/train_loss"),
        ("total_loss", "loss_ce", "loss_mask"),
        ("epoch_loss", "batch_loss"),
        ("train/loss", "train/value_loss", "train/policy_gradient_loss", "train/entropy_loss"),
        ("train/value_loss", "train/entropy_loss", "train/policy_loss"),
        ("loss", "loss_cls", "loss_bbox"),
    ],
)
def test_of_several_training_losses_the_first_here_is_the_loss(tags: tuple[str, ...]) -> None:
    assert roles_of(*tags)["loss/train"] == tags[0]
    assert roles_of(*reversed(tags))["loss/train"] == tags[0]


def test_a_validation_by_epoch_is_preferred_to_one_by_its_own_batches() -> None:
    assert roles_of("val_loss_step", "val_loss_epoch")["loss/val"] == "val_loss_epoch"


def test_a_single_point_is_no_curve_where_others_are() -> None:
    assert roles({"train_loss": 1, "epoch_loss": 50})["loss/train"] == "epoch_loss"
    assert roles({"train_loss": 1, "epoch_loss": 1})["loss/train"] == "train_loss"


def test_the_validation_loss_is_the_same_part_as_the_training_loss() -> None:
    parts = {f"train/{part}_loss": MANY for part in ("tone", "pitch")} | {
        f"val/{part}_loss": MANY for part in ("pitch", "tone")
    }
    found = roles(parts)
    assert (found["loss/train"], found["loss/val"]) == ("train/tone_loss", "val/tone_loss")


def test_a_detectors_loss_that_is_logged_in_parts_only_is_their_sum() -> None:
    assert roles_of("train/box_loss", "train/cls_loss")["loss/train"] == "train/box_loss + train/cls_loss"
    assert roles_of("train/box_loss", "train/cls_loss", "train/loss")["loss/train"] == "train/loss"
    assert roles({"train/box_loss": 9, "train/cls_loss": 5})["loss/train"] == "train/box_loss"


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        ("cross_entropy accuracy", {"loss/train": "cross_entropy", "accuracy/train": "accuracy"}),
        ("train_nll test_nll train_err", {"loss/train": "train_nll", "loss/test": "test_nll"}),
        ("Training/MSE Validation/MSE Validation/R2", {"loss/train": "Training/MSE", "loss/val": "Validation/MSE"}),
        ("Training/MSE Validation/NLL", {"loss/train": "Training/MSE"}),
        ("loss val/mse", {"loss/train": "loss"}),
        ("mse_of_layer_3 mse_weight", {}),
    ],
)
def test_what_is_minimised_is_the_loss_where_nothing_is_called_one(tags: str, found: dict[str, str]) -> None:
    assert roles_of(*tags.split()) == found


def test_a_loss_per_epoch_is_a_loss_and_one_per_token_is_another_measure() -> None:
    assert roles_of("train/avg_loss_per_epoch", "val/avg_loss_per_epoch", "loss_per_token") == {
        "loss/train": "train/avg_loss_per_epoch",
        "loss/val": "val/avg_loss_per_epoch",
    }


def test_adversaries_are_not_added_up() -> None:
    assert roles_of("loss/generator", "loss/discriminator")["loss/train"] == "loss/generator"


def test_a_validation_loss_in_total_is_not_set_beside_a_training_loss_that_is_a_mean() -> None:
    assert roles_of("train/loss", "eval/total_loss", "eval/avg_loss")["loss/val"] == "eval/avg_loss"
    assert roles_of("train/total_loss", "eval/total_loss", "eval/avg_loss")["loss/val"] == "eval/total_loss"


def test_a_name_of_our_own_wins_whatever_else_there_is() -> None:
    assert roles({"loss/train": 1, "train_loss": 10**6})["loss/train"] == "loss/train"


@pytest.mark.parametrize(
    ("text", "split"),
    [("train/val_loss", "val"), ("x/train", "train"), ("Testing", "test"), ("latest", None), ("", None)],
)
def test_the_last_word_tells_the_split(text: str, split: str | None) -> None:
    assert split_of(text) == split


def test_words_are_found_at_separators_and_in_camel_case() -> None:
    assert words("Foo/bar-Baz_top5 CELoss") == ("foo", "bar", "baz", "top", "5", "ce", "loss")


@given(st.dictionaries(st.text(max_size=30) | st.sampled_from(["loss", "val/loss", "lr", "acc"]), st.integers(0, 10)))
def test_any_tags_give_each_role_a_tag_of_its_own(points: dict[str, int]) -> None:
    found = roles(points)
    assert set(found.values()) <= set(points)
    assert len(set(found.values())) == len(found)
