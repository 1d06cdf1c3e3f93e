"""Tags that people gave, in some fifty programs found in public code by the calls that log them, and what each must be taken for."""

from __future__ import annotations

import pytest

from tb_lossdiag.reader.names import roles

PEOPLE: dict[str, dict[str, str]] = {
    "Loss/train|Loss/validation|Accuracy/train/linear|Accuracy/validation/linear": {
        "loss/train": "Loss/train",
        "loss/val": "Loss/validation",
    },
    "LR|Loss/epoch_losses/Train|Loss/epoch_losses/Val|Loss/epoch_losses/Test": {
        "loss/train": "Loss/epoch_losses/Train",
        "loss/val": "Loss/epoch_losses/Val",
        "loss/test": "Loss/epoch_losses/Test",
        "lr": "LR",
    },
    "Batch Loss|Training Loss|Validation Loss": {"loss/train": "Training Loss", "loss/val": "Validation Loss"},
    "Train/Loss|Train/Accuracy|Val/Loss": {
        "loss/train": "Train/Loss",
        "loss/val": "Val/Loss",
        "accuracy/train": "Train/Accuracy",
    },
    "train/acc|train/loss|test/acc": {
        "loss/train": "train/loss",
        "accuracy/test": "test/acc",
        "accuracy/train": "train/acc",
    },
    "Train/Policy_Loss|Train/Value_Loss|Train/Entropy_Loss": {"loss/train": "Train/Value_Loss"},
    "train/global_loss|train/global_acc": {"loss/train": "train/global_loss"},
    "train/train_loss|train/train_acc|train/train_f1|val/val_loss|val/val_acc|LR": {
        "loss/train": "train/train_loss",
        "loss/val": "val/val_loss",
        "lr": "LR",
        "accuracy/val": "val/val_acc",
        "accuracy/train": "train/train_acc",
    },
    "train/loss_total|train/loss_policy|train/loss_value": {"loss/train": "train/loss_total"},
    "train/loss_step|train/lr|val/loss|val/acc": {
        "loss/train": "train/loss_step",
        "loss/val": "val/loss",
        "lr": "train/lr",
        "accuracy/val": "val/acc",
    },
    "Validation/MSE|Validation/R2|Training/MSE|Training/R2": {
        "loss/train": "Training/MSE",
        "loss/val": "Validation/MSE",
    },
    "validation/loss|validation/psnr": {"loss/val": "validation/loss"},
    "valid/epoch_loss|valid/mse_loss|valid/bce_loss|loss": {"loss/train": "loss", "loss/val": "valid/epoch_loss"},
    "validation/validation_loss|validation/validation_recons_loss|train/train_loss": {
        "loss/train": "train/train_loss",
        "loss/val": "validation/validation_loss",
    },
    "validation loss|validation acc": {"loss/val": "validation loss", "accuracy/val": "validation acc"},
    "loss/policy|loss/value|metrics/entropy": {"loss/train": "loss/value"},
    "loss|loss_f_4|loss_f_3|loss_f_2": {"loss/train": "loss"},
    "Loss|eval_Loss|eval_mIoU|learning_rate": {"loss/train": "Loss", "loss/val": "eval_Loss", "lr": "learning_rate"},
    "Loss/train|Loss/val|MSE/train|MSE/val": {"loss/train": "Loss/train", "loss/val": "Loss/val"},
    "loss/total|loss/rec|loss/vq": {"loss/train": "loss/total"},
    "loss/train|acc/train|loss/val|acc/val|lr": {
        "loss/train": "loss/train",
        "loss/val": "loss/val",
        "lr": "lr",
        "accuracy/val": "acc/val",
        "accuracy/train": "acc/train",
    },
    "loss/train/|lr|loss/val/": {"loss/train": "loss/train/", "loss/val": "loss/val/", "lr": "lr"},
    "loss/total|loss/reconstruction|loss/kl_divergence": {"loss/train": "loss/total"},
    "Loss/loss|Accuracy/acc|Learning_rate/group0": {
        "loss/train": "Loss/loss",
        "lr": "Learning_rate/group0",
        "accuracy/train": "Accuracy/acc",
    },
    "Loss/Total|Loss/Depth|Loss/Mask": {"loss/train": "Loss/Total"},
    "cross_entropy|accuracy": {"loss/train": "cross_entropy", "accuracy/train": "accuracy"},
    "Training_Loss_step|Training_Loss_epoch|Validation_Loss": {
        "loss/train": "Training_Loss_step",
        "loss/val": "Validation_Loss",
    },
    "train/loss_step|train/loss_epoch|train/mean_preds|train/lr": {"loss/train": "train/loss_step", "lr": "train/lr"},
    "train loss|train accuracy|train specificity|val loss": {
        "loss/train": "train loss",
        "loss/val": "val loss",
        "accuracy/train": "train accuracy",
    },
    "Loss/train|Loss/val|Accuracy/train|Accuracy/val": {
        "loss/train": "Loss/train",
        "loss/val": "Loss/val",
        "accuracy/val": "Accuracy/val",
        "accuracy/train": "Accuracy/train",
    },
    "data/loss/trn_loss|data/loss/val_loss|data/miou/trn_miou|data/miou/val_miou": {
        "loss/train": "data/loss/trn_loss",
        "loss/val": "data/loss/val_loss",
    },
    "1_Loss/1_Total_Loss/Train|1_Loss/1_Total_Loss/Valid|1_Loss/2_Reconstruction_Loss/Train|1_Loss/2_Reconstruction_Loss/Valid": {
        "loss/train": "1_Loss/1_Total_Loss/Train",
        "loss/val": "1_Loss/1_Total_Loss/Valid",
    },
    "losses/training|losses/validation|recall/20": {"loss/train": "losses/training", "loss/val": "losses/validation"},
    "Test/Average_loss|Test/Accuracy|Train/loss": {
        "loss/train": "Train/loss",
        "loss/test": "Test/Average_loss",
        "accuracy/test": "Test/Accuracy",
    },
    "train_loss|test_accuracy": {"loss/train": "train_loss", "accuracy/test": "test_accuracy"},
    "Test/loss|Test/recons_loss|Test/kld|Train/loss|Train/recons_loss": {
        "loss/train": "Train/loss",
        "loss/test": "Test/loss",
    },
    "Train/Loss|Train/PLP|Test/Loss|Test/PLP": {"loss/train": "Train/Loss", "loss/test": "Test/Loss"},
    "loss|acc|test_acc": {"loss/train": "loss", "accuracy/test": "test_acc", "accuracy/train": "acc"},
    "train_nll|train_err|test_nll|test_err": {"loss/train": "train_nll", "loss/test": "test_nll"},
    "Test/Acc|Test/loss|Train/loss": {
        "loss/train": "Train/loss",
        "loss/test": "Test/loss",
        "accuracy/test": "Test/Acc",
    },
    "learning_rate|train_total_loss|train_total_accuracy|test_total_loss|test_total_accuracy": {
        "loss/train": "train_total_loss",
        "loss/test": "test_total_loss",
        "lr": "learning_rate",
    },
    "Epoch|Learning Rate|Loss/train": {"loss/train": "Loss/train", "lr": "Learning Rate", "epoch": "Epoch"},
    "val_acc:|loss": {"loss/train": "loss", "accuracy/val": "val_acc:"},
    "Epoch/Train_Loss|Epoch/Val_Loss|Epoch/Accuracy": {
        "loss/train": "Epoch/Train_Loss",
        "loss/val": "Epoch/Val_Loss",
        "accuracy/train": "Epoch/Accuracy",
    },
    "epoch_loss/train|epoch_loss/val|epoch_accuracy/train|epoch_accuracy/val": {
        "loss/train": "epoch_loss/train",
        "loss/val": "epoch_loss/val",
        "accuracy/val": "epoch_accuracy/val",
        "accuracy/train": "epoch_accuracy/train",
    },
    "epoch|lr_bert|train_loss": {"loss/train": "train_loss", "lr": "lr_bert", "epoch": "epoch"},
    "epoch/train_loss|epoch/lr|epoch/val_loss": {
        "loss/train": "epoch/train_loss",
        "loss/val": "epoch/val_loss",
        "lr": "epoch/lr",
    },
    "Epoch|Iter|Step|Lr/all_except_backbone|Loss/total": {
        "loss/train": "Loss/total",
        "lr": "Lr/all_except_backbone",
        "epoch": "Epoch",
    },
    "epoch_trn_loss|epoch_trn_acc|epoch_val_loss|epoch_val_acc": {
        "loss/train": "epoch_trn_loss",
        "loss/val": "epoch_val_loss",
        "accuracy/val": "epoch_val_acc",
        "accuracy/train": "epoch_trn_acc",
    },
    "train_losses_rgb|train_loss": {"loss/train": "train_loss"},
    "Debug/Steps per second|train_loss": {"loss/train": "train_loss"},
    "train/WER|train/ctc_loss|validation/WER|validation/ctc_loss": {
        "loss/train": "train/ctc_loss",
        "loss/val": "validation/ctc_loss",
    },
    "Train Loss|Val Loss|Val Accuracy": {
        "loss/train": "Train Loss",
        "loss/val": "Val Loss",
        "accuracy/val": "Val Accuracy",
    },
    "Losses/loss_train|Losses/loss_valid": {"loss/train": "Losses/loss_train", "loss/val": "Losses/loss_valid"},
    "MSE Loss/Train|MSE Loss/Val": {"loss/train": "MSE Loss/Train", "loss/val": "MSE Loss/Val"},
    "train/avg_loss_per_epoch|val/avg_loss_per_epoch|learning rate": {
        "loss/train": "train/avg_loss_per_epoch",
        "loss/val": "val/avg_loss_per_epoch",
        "lr": "learning rate",
    },
    "loss/train_epoch|loss/test_epoch|lr/train": {
        "loss/train": "loss/train_epoch",
        "loss/test": "loss/test_epoch",
        "lr": "lr/train",
    },
    "train/perplexity|valid/perplexity|train/nll|valid/nll": {"loss/train": "train/nll", "loss/val": "valid/nll"},
}


@pytest.mark.parametrize("tags", PEOPLE)
def test_what_people_call_things_is_understood(tags: str) -> None:
    listed = tags.split("|")
    assert roles(dict.fromkeys(listed, 100)) == PEOPLE[tags]
    assert roles(dict.fromkeys(reversed(listed), 100)) == PEOPLE[tags]
