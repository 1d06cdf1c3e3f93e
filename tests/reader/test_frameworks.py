"""The tags that frameworks give, as they give them, and what each must be taken for."""

from __future__ import annotations

import pytest

from tb_lossdiag.reader.names import metrics, roles

FRAMEWORKS: dict[str, tuple[str, dict[str, str]]] = {
    "PyTorch's tutorials": (
        "Loss/train Loss/test Accuracy/train Accuracy/test",
        {
            "loss/train": "Loss/train",
            "loss/test": "Loss/test",
            "accuracy/train": "Accuracy/train",
            "accuracy/test": "Accuracy/test",
        },
    ),
    "Lightning": (
        "train_loss_step train_loss_epoch val_loss val_acc lr-Adam lr-Adam-momentum epoch hp_metric grad_2.0_norm_total grad_2.0_norm/fc",
        {
            "loss/train": "train_loss_step",
            "loss/val": "val_loss",
            "accuracy/val": "val_acc",
            "lr": "lr-Adam",
            "epoch": "epoch",
            "diag/grad_norm": "grad_2.0_norm_total",
        },
    ),
    "Lightning, several loaders": (
        "train_loss val_loss/dataloader_idx_0 val_loss/dataloader_idx_1 epoch",
        {"loss/train": "train_loss", "loss/val": "val_loss/dataloader_idx_0", "epoch": "epoch"},
    ),
    "Hugging Face Trainer": (
        (
            "train/loss train/grad_norm train/learning_rate train/epoch eval/loss eval/accuracy eval/f1 eval/runtime "
            "eval/samples_per_second eval/steps_per_second train/train_loss train/train_runtime train/total_flos"
        ),
        {
            "loss/train": "train/loss",
            "loss/val": "eval/loss",
            "lr": "train/learning_rate",
            "diag/grad_norm": "train/grad_norm",
            "accuracy/val": "eval/accuracy",
            "epoch": "train/epoch",
        },
    ),
    "TRL": (
        "train/loss train/rewards/chosen train/rewards/margins train/logps/chosen train/kl train/learning_rate eval/loss",
        {"loss/train": "train/loss", "loss/val": "eval/loss", "lr": "train/learning_rate"},
    ),
    "Keras": (
        "epoch_loss epoch_accuracy epoch_learning_rate batch_loss evaluation_loss_vs_iterations evaluation_accuracy_vs_iterations",
        {"loss/train": "epoch_loss", "accuracy/train": "epoch_accuracy", "lr": "epoch_learning_rate"},
    ),
    "TF Estimator": (
        "loss global_step/sec",
        {"loss/train": "loss"},
    ),
    "TF Object Detection": (
        "Loss/total_loss Loss/classification_loss Loss/localization_loss Loss/regularization_loss learning_rate",
        {"loss/train": "Loss/total_loss", "lr": "learning_rate"},
    ),
    "Ultralytics": (
        (
            "train/box_loss train/cls_loss train/dfl_loss val/box_loss val/cls_loss val/dfl_loss metrics/precision(B) metrics/recall(B) "
            "metrics/mAP50(B) metrics/mAP50-95(B) lr/pg0 lr/pg1 lr/pg2"
        ),
        {
            "loss/train": "train/box_loss + train/cls_loss + train/dfl_loss",
            "loss/val": "val/box_loss + val/cls_loss + val/dfl_loss",
            "lr": "lr/pg0",
        },
    ),
    "YOLOv5": (
        "train/box_loss train/obj_loss train/cls_loss val/box_loss val/obj_loss val/cls_loss metrics/mAP_0.5 x/lr0 x/lr1 x/lr2",
        {
            "loss/train": "train/box_loss + train/obj_loss + train/cls_loss",
            "loss/val": "val/box_loss + val/obj_loss + val/cls_loss",
            "lr": "x/lr0",
        },
    ),
    "YOLOX": (
        "train/total_loss train/iou_loss train/l1_loss train/conf_loss train/cls_loss train/lr val/COCOAP50 val/COCOAP50_95",
        {"loss/train": "train/total_loss", "lr": "train/lr"},
    ),
    "MMEngine": (
        "lr base_lr data_time grad_norm loss loss_rpn_cls loss_rpn_bbox loss_cls acc loss_bbox time epoch iter memory coco/bbox_mAP",
        {"loss/train": "loss", "lr": "lr", "diag/grad_norm": "grad_norm", "accuracy/train": "acc", "epoch": "epoch"},
    ),
    "MMSegmentation": (
        "lr data_time loss decode.loss_ce decode.acc_seg aux.loss_ce aux.acc_seg time aAcc mIoU mAcc",
        {"loss/train": "loss", "lr": "lr"},
    ),
    "MMCV's hook": (
        "learning_rate momentum train/loss train/loss_cls train/grad_norm val/loss val/accuracy_top-1",
        {
            "lr": "learning_rate",
            "loss/train": "train/loss",
            "loss/val": "val/loss",
            "diag/grad_norm": "train/grad_norm",
            "accuracy/val": "val/accuracy_top-1",
        },
    ),
    "Detectron2": (
        (
            "total_loss loss_cls loss_box_reg loss_rpn_cls loss_rpn_loc lr time data_time rank_data_time eta_seconds "
            "fast_rcnn/cls_accuracy fast_rcnn/false_negative bbox/AP bbox/AP50 validation_loss"
        ),
        {"loss/train": "total_loss", "loss/val": "validation_loss", "lr": "lr"},
    ),
    "fairseq": (
        "loss nll_loss ppl wps ups wpb bsz num_updates lr gnorm clip loss_scale train_wall gb_free wall",
        {"loss/train": "loss", "lr": "lr", "diag/grad_norm": "gnorm"},
    ),
    "MAE, DeiT": (
        "train_loss lr perf/test_acc1 perf/test_acc5 perf/test_loss",
        {"loss/train": "train_loss", "lr": "lr", "accuracy/test": "perf/test_acc1", "loss/test": "perf/test_loss"},
    ),
    "ConvNeXt, BEiT": (
        "loss/loss loss/class_acc loss/loss_scale opt/lr opt/min_lr opt/weight_decay opt/grad_norm perf/test_loss perf/test_acc1",
        {
            "loss/train": "loss/loss",
            "lr": "opt/lr",
            "diag/grad_norm": "opt/grad_norm",
            "loss/test": "perf/test_loss",
            "accuracy/test": "perf/test_acc1",
        },
    ),
    "timm": (
        "epoch lr train/loss eval/loss eval/top1 eval/top5",
        {
            "epoch": "epoch",
            "lr": "lr",
            "loss/train": "train/loss",
            "loss/val": "eval/loss",
            "accuracy/val": "eval/top1",
        },
    ),
    "Stable-Baselines3, DQN": (
        "rollout/ep_len_mean rollout/ep_rew_mean rollout/exploration_rate time/fps train/learning_rate train/loss",
        {"loss/train": "train/loss", "lr": "train/learning_rate"},
    ),
    "Stable-Baselines3, SAC": (
        "train/actor_loss train/critic_loss train/ent_coef train/ent_coef_loss train/learning_rate rollout/ep_rew_mean eval/mean_reward",
        {"loss/train": "train/critic_loss", "lr": "train/learning_rate"},
    ),
    "CleanRL": (
        "charts/learning_rate charts/episodic_return charts/SPS losses/value_loss losses/policy_loss losses/entropy losses/approx_kl",
        {"loss/train": "losses/value_loss", "lr": "charts/learning_rate"},
    ),
    "Unity ML-Agents": (
        "Losses/Policy_Loss Losses/Value_Loss Policy/Learning_Rate Policy/Entropy Environment/Cumulative_Reward",
        {"loss/train": "Losses/Value_Loss", "lr": "Policy/Learning_Rate"},
    ),
    "Accelerate's examples": (
        "accuracy f1 train_loss epoch",
        {"accuracy/train": "accuracy", "loss/train": "train_loss", "epoch": "epoch"},
    ),
    "diffusers": (
        "train_loss step_loss lr",
        {"loss/train": "train_loss", "lr": "lr"},
    ),
    "kohya": (
        "loss/current loss/average loss/epoch_average lr/unet lr/textencoder",
        {"loss/train": "loss/current", "lr": "lr/unet"},
    ),
    "flax": (
        "train_loss train_accuracy train_learning_rate eval_loss eval_accuracy steps_per_second",
        {
            "loss/train": "train_loss",
            "loss/val": "eval_loss",
            "lr": "train_learning_rate",
            "accuracy/train": "train_accuracy",
            "accuracy/val": "eval_accuracy",
        },
    ),
    "big_vision": (
        "training_loss l2_params l2_grads l2_updates global_schedule val/loss val/acc@1 uptime",
        {
            "loss/train": "training_loss",
            "loss/val": "val/loss",
            "accuracy/val": "val/acc@1",
            "diag/grad_norm": "l2_grads",
        },
    ),
    "MaxText": (
        (
            "learning/loss learning/moe_lb_loss learning/grad_norm learning/raw_grad_norm learning/param_norm learning/current_learning_rate "
            "learning/total_weights eval/avg_loss eval/total_loss perf/step_time_seconds"
        ),
        {
            "loss/train": "learning/loss",
            "loss/val": "eval/avg_loss",
            "lr": "learning/current_learning_rate",
            "diag/grad_norm": "learning/grad_norm",
        },
    ),
    "T5X": (
        "loss cross_ent_loss z_loss accuracy learning_rate/current weight_rms loss_per_nonpadding_target_token",
        {"loss/train": "loss", "accuracy/train": "accuracy", "lr": "learning_rate/current"},
    ),
    "Megatron": (
        (
            "lm_loss lm_loss_vs_samples lm_loss_validation lm_loss_validation_ppl learning-rate learning-rate_vs_samples grad-norm "
            "grad-norm_vs_samples loss-scale params-norm batch-size"
        ),
        {
            "loss/train": "lm_loss",
            "loss/val": "lm_loss_validation",
            "lr": "learning-rate",
            "diag/grad_norm": "grad-norm",
        },
    ),
    "NeMo": (
        "reduced_train_loss val_loss lr grad_norm global_step consumed_samples train_step_timing",
        {"loss/train": "reduced_train_loss", "loss/val": "val_loss", "lr": "lr", "diag/grad_norm": "grad_norm"},
    ),
    "DeepSpeed": (
        "Train/Samples/train_loss Train/Samples/lr Train/Samples/loss_scale",
        {"loss/train": "Train/Samples/train_loss", "lr": "Train/Samples/lr"},
    ),
    "torchtitan": (
        "loss_metrics/global_avg_loss loss_metrics/global_max_loss grad_norm lr throughput(tps) validation_metrics/loss",
        {
            "loss/train": "loss_metrics/global_avg_loss",
            "loss/val": "validation_metrics/loss",
            "lr": "lr",
            "diag/grad_norm": "grad_norm",
        },
    ),
    "Composer": (
        (
            "loss/train/total metrics/train/MulticlassAccuracy metrics/eval/MulticlassAccuracy metrics/eval/CrossEntropy "
            "lr-DecoupledSGDW/group0"
        ),
        {
            "loss/train": "loss/train/total",
            "loss/val": "metrics/eval/CrossEntropy",
            "accuracy/train": "metrics/train/MulticlassAccuracy",
            "accuracy/val": "metrics/eval/MulticlassAccuracy",
            "lr": "lr-DecoupledSGDW/group0",
        },
    ),
    "Ignite": (
        "training/batchloss training/lr/group_0 validation/loss validation/accuracy",
        {
            "loss/train": "training/batchloss",
            "loss/val": "validation/loss",
            "accuracy/val": "validation/accuracy",
            "lr": "training/lr/group_0",
        },
    ),
    "fastai": (
        "train_loss raw_loss valid_loss accuracy lr_0 lr_1 mom_0",
        {"loss/train": "train_loss", "loss/val": "valid_loss", "accuracy/train": "accuracy", "lr": "lr_0"},
    ),
    "Tacotron 2": (
        "training.loss grad.norm learning.rate duration validation.loss",
        {
            "loss/train": "training.loss",
            "loss/val": "validation.loss",
            "lr": "learning.rate",
            "diag/grad_norm": "grad.norm",
        },
    ),
    "Coqui TTS": (
        "TrainIterStats/loss TrainIterStats/grad_norm TrainIterStats/current_lr EvalStats/avg_loss TrainEpochStats/avg_loss",
        {
            "loss/train": "TrainIterStats/loss",
            "loss/val": "EvalStats/avg_loss",
            "lr": "TrainIterStats/current_lr",
            "diag/grad_norm": "TrainIterStats/grad_norm",
        },
    ),
    "ESPnet": (
        "loss loss_ctc loss_att acc optim0_lr0 train_time",
        {"loss/train": "loss", "accuracy/train": "acc", "lr": "optim0_lr0"},
    ),
    "OpenAI's baselines": (
        "loss/policy_loss loss/value_loss loss/policy_entropy misc/explained_variance eprewmean",
        {"loss/train": "loss/value_loss"},
    ),
}


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_frameworks_tags_are_taken_for_what_they_are(framework: str) -> None:
    tags, wanted = FRAMEWORKS[framework]
    listed = tags.split()
    assert roles(dict.fromkeys(listed, 100)) == wanted
    assert roles(dict.fromkeys(reversed(listed), 100)).keys() == wanted.keys()


@pytest.mark.parametrize(
    ("tag", "better"),
    [
        *((tag, "higher") for tag in ("eval/f1", "metrics/mAP50-95(B)", "val_auc", "mIoU", "eval/bleu", "val/dice", "coco/bbox_mAP")),
        *((tag, "higher") for tag in ("rollout/ep_rew_mean", "Environment/Cumulative Reward", "val_acc_top5", "eval/r2", "psnr")),
        *((tag, "lower") for tag in ("eval/wer", "val_MAE", "eval/perplexity", "ppl", "val/rmse", "fid", "val_error", "val_SMAPE")),
    ],
)  # fmt: skip
def test_metrics_are_known_with_their_better_direction(tag: str, better: str) -> None:
    assert metrics([tag]) == {tag: better}


@pytest.mark.parametrize(
    "tag", ["epoch", "lr", "train/loss", "time/fps", "train/grad_norm", "f1_loss", "learning_rate", ""]
)
def test_what_is_no_metric_has_no_direction(tag: str) -> None:
    assert metrics([tag]) == {}
