"""# Batch too small

## What you see

The loss jumps from step to step and settles high; consecutive gradients have nothing in common. With BatchNorm the network may
never get going, or do badly as soon as it is evaluated.

## Why it happens

The gradient of a few samples is mostly noise: far below the noise scale (McCandlish et al., 2018) a step goes anywhere but down. A
learning rate that suits larger batches then throws the weights about by more than they can learn. BatchNorm takes its statistics from
the batch as well, and those of a handful of samples say little.

## What to do

Use a larger batch, or add up the gradients of several batches before each step. Where memory allows neither, lower the learning rate
with the batch, and use GroupNorm or LayerNorm instead of BatchNorm.

## When this is wrong

Small batches train well with steps that are as small: noise then averages out over many steps. Text and images hold many
targets in each sample. A loss that jumps because single samples differ is no fault.
"""

from __future__ import annotations

import math

import numpy as np

from tb_lossdiag.evidence import Curve, Evidence, Fact, Line, Mark
from tb_lossdiag.finding import REMARK, Finding, Remedy, confidence
from tb_lossdiag.rule import rule
from tb_lossdiag.series import Series, middle
from tb_lossdiag.signals.probe import ModeGap, NoiseScale
from tb_lossdiag.signals.structure import Modules

HANDFUL = 4.5  # targets in a step that are doubtful: four can do, with steps to match ...
FOR_NORM = 8  # ... but for BatchNorm's statistics eight are doubtful (Wu and He 2018, "Group normalization", figure 1)
FEW = 2  # two are certainly few
NOISY = 4.0  # noise scale over batch that is doubtful: consecutive gradients then have a cosine of 1 / (1 + 4) ...
DROWNED = 9.0  # ... and certain: a cosine of 0.1, and nine parts of ten of a step's direction are noise
OVERSHOOT = -0.2  # a cosine below that says that steps are too large, whatever the noise
ROUGH = 0.004  # update / weights of steps that are too rough to average noise out; sound small batches took a third of it ...
WILD = 0.012  # ... and of steps that throw the weights about
LEFT, MUCH = 0.12, 0.35  # share of the loss that is left: a little, and much
APART, FAR = 0.2, 0.5  # by which share evaluation mode is worse, as BatchNorm's statistics of few samples make it
SOME = 0.03  # share of the loss that is left, and cosine of late gradients, from which a handful is worth a remark
DIM = 0.45
FEWEST = 8  # gradients that are compared
MOST = 50  # times as much noise as signal: beyond, nobody can count
USUAL, HIGHEST = 32, 256  # batches to begin with where the noise scale is not known, or far out


@rule(
    cause="The batch has so few samples that its gradient is mostly noise.",
    stage="train",
    severity="warning",
    by_steps=True,
    remedies=(
        Remedy("Use a larger batch", "DataLoader(train_set, batch_size=32, shuffle=True)"),
        Remedy("Add up the gradients of several batches before each step"),
        Remedy("Lower the learning rate with the batch"),
    ),
    explains=(
        "train-eval-gap",
        "learning-rate-too-high",
        "learning-rate-not-decayed",
        "label-noise",
        "undertrained",
        "overfitting",
        "class-imbalance",
    ),
)
def batch_too_small(
    grad_cosine: Series,
    update_ratio: Series,
    mean_left: float,
    step_targets: int,
    batch_size: int,
    noise_scale: NoiseScale | None = None,
    mode_gap: ModeGap | None = None,
    modules: Modules | None = None,
    step_passages: int | None = None,
) -> Finding | None:
    """A handful of samples whose gradients do not agree, taken in large steps, or that BatchNorm cannot do with."""
    late = grad_cosine.finite().tail(0.5)
    if len(late) < FEWEST or not np.mean(late) > OVERSHOOT:
        return None
    cosine = float(np.mean(late))
    times = _times(cosine, noise_scale)
    has_norm = any("BatchNorm" in each.type for each in modules or ())
    harm = confidence(math.log(max(mean_left, 1e-12)), doubtful=math.log(LEFT), certain=math.log(MUCH))
    rough = confidence(
        math.log(max(middle(update_ratio.head(0.5)), 1e-12)), doubtful=math.log(ROUGH), certain=math.log(WILD)
    )
    noisy = confidence(math.log(times), doubtful=math.log(NOISY), certain=math.log(DROWNED))
    apart = confidence(-mode_gap.late, doubtful=APART, certain=FAR) if mode_gap is not None and has_norm else 0.0
    noise, norm = min(_few(step_targets, HANDFUL), rough, noisy), min(_few(step_targets, FOR_NORM), apart)
    sure, beside = min(harm, max(noise, norm)), 0.0
    if step_targets < HANDFUL and mean_left > SOME and cosine < DIM:
        beside = REMARK
    samples = step_targets
    if step_passages is not None and step_passages < HANDFUL and min(harm, rough, noisy) > 0.5:  # noqa: PLR2004
        samples = batch_size = step_passages  # their tokens are many, but say much the same
        beside = REMARK
    if max(sure, beside) > 0.5:  # noqa: PLR2004  (as sure as not)
        better = _better(batch_size, noise_scale)
        return Finding(
            summary=_summary(samples, times, norm=norm > noise),
            confidence=max(sure, beside),
            severity=None if sure > REMARK else "info",
            since=0,
            evidence=_evidence(grad_cosine, samples, times, mode_gap if norm > noise else None),
            remedies=_remedies(batch_size, better, norm=has_norm),
            factor=batch_size / better,
        )
    return None


def _few(targets: int, enough: float) -> float:
    """How sure we are that so many targets are too few."""
    return confidence(math.log(max(targets, 1)), doubtful=math.log(enough), certain=math.log(FEW))


def _better(batch: int, scale: NoiseScale | None) -> int:
    """The batch to use: about the noise scale, where it is known and not far out."""
    noise = scale.late * batch / scale.batch if scale is not None else math.nan
    return 2 ** round(math.log2(min(max(noise, USUAL), HIGHEST))) if noise == noise else USUAL  # noqa: PLR0124  (NaN)


def _times(cosine: float, scale: NoiseScale | None) -> float:
    """By how many times the noise scale exceeds the batch: from parts of batches, or from gradients in a row (1 / (1 + times))."""
    parts = scale.late / scale.batch if scale is not None else math.nan
    steps = 1 / max(cosine, 1e-2) - 1
    return max(parts, steps, 1e-12) if parts == parts else max(steps, 1e-12)  # noqa: PLR0124  (NaN)


def _summary(targets: int, times: float, *, norm: bool) -> str:
    batch = "A batch of one sample" if targets == 1 else f"A batch of {targets:,} samples"
    if norm:
        return f"{batch} gives BatchNorm no statistics to rely on."
    share = f"about {times:.0f}" if times < MOST else f"more than {MOST}"
    return f"{batch} is too small: its gradient holds {share} times as much noise as signal."


def _evidence(cosine: Series, targets: int, times: float, gap: ModeGap | None) -> list[Evidence]:
    found: list[Evidence] = [
        Curve(
            "Agreement of consecutive gradients",
            [Line("cosine", "observed", cosine)],
            "cosine",
            [Mark("level", "mostly noise", 1 / (1 + NOISY))],
        ),
        Fact("Samples in a step", float(targets), "count", HANDFUL),
        Fact("Noise over signal in a step's gradient", min(times, MOST), "ratio", NOISY),
    ]
    if gap is not None:
        lines = [Line("training mode", "observed", gap.train), Line("evaluation mode", "observed", gap.evaluation)]
        found.append(Curve("Loss of the same batches in both modes", lines, "loss"))
    return found


def _remedies(batch: int, better: int, *, norm: bool) -> tuple[Remedy, ...]:
    ratio = max(2, round(better / batch))
    larger = Remedy(
        f"Use a batch of about {better}",
        f"DataLoader(train_set, batch_size={better}, shuffle=True)",
        "Consecutive gradients agree (cosine above 0.2), and the loss settles lower.",
    )
    add_up = Remedy(
        f"Or take a step every {ratio} batches",
        f"(loss / {ratio}).backward()  # and step() and zero_grad() every {ratio} batches",
    )
    slower = Remedy(f"Or lower the learning rate by {ratio} times and train for longer")
    group = Remedy("Use GroupNorm instead of BatchNorm", "nn.GroupNorm(8, channels)")
    return (larger, group, slower) if norm else (larger, add_up, slower)
