"""# Gradients are never reset

## What you see

The loss falls at first, then swings ever wider or rises. The gradient's norm grows from step to step.

## Why it happens

`backward()` adds to the gradients that are there. Without `zero_grad()` each step follows the sum of all gradients so far, which is
momentum without any friction: the network rolls through every valley.

## What to do

Call `optimizer.zero_grad()` once for each step, before `backward()`.

## When this is wrong

Gradients of several batches may be added up on purpose; then the optimizer steps once for all of them and the gradients are reset
after that, so that two steps in a row have little in common. With all data in one batch, or with a tiny learning rate, gradients in a row
are alike too, but they do not grow by one gradient a step. A model of which the optimizer holds only a part is not judged.
"""

from __future__ import annotations

import math

import numpy as np

from tb_lossdiag.evidence import Curve, Evidence, Fact, Line, Mark
from tb_lossdiag.finding import Finding, Remedy, confidence
from tb_lossdiag.rule import rule
from tb_lossdiag.series import Series, middle
from tb_lossdiag.signals.structure import Parameters

ALIKE, SAME = 0.85, 0.93  # median cosine of gradients in a row: sums of t batches differ by one part in t
ALWAYS = 0.75  # the cosine that nine of ten pairs reach: it is so all along, not now and then
GROWN, SUMMED = (
    1.7,
    2.2,
)  # norm of the fifth gradient over the first: the sum of five has sqrt(5) where they are unrelated, else up to 5
ADDED = (0.4, 2.8)  # what each of the first steps adds, in units of the first gradient: one fresh gradient
STEADY = 1.7  # what the last two of those steps add over the first two: gradients that grow by themselves, leaving a saddle, add ever more
FIRST = 5  # steps that tell whether gradients pile up
PAIRS = 10  # cosines that are enough to judge


@rule(
    cause="Gradients are added up over all steps: zero_grad() is missing.",
    stage="setup",
    severity="error",
    remedies=(
        Remedy(
            "Reset the gradients once for each step",
            "optimizer.zero_grad()\nloss.backward()\noptimizer.step()",
            "A gradient norm that no longer grows with the steps, and cosines of gradients in a row well below 1.",
        ),
    ),
    explains=(
        "learning-rate-too-high",
        "learning-rate-too-low",
        "learning-rate-not-decayed",
        "exploding-gradient",
        "non-finite-values",
        "dead-units",
        "saturated-units",
        "vanishing-gradient",
        "undertrained",
        "insufficient-capacity",
        "uninformative-features",
        "optimizer-mismatch",
        "batch-too-small",
        "batch-too-large",
        "overfitting",
    ),
)
def gradient_not_reset(grad_cosine: Series, grad_norm: Series, parameters: Parameters) -> Finding | None:
    """Gradients in a row that are alike throughout, after first steps that each added one more gradient.

    Parameters that the optimizer does not hold are not reset by its `zero_grad()` either, and nothing uses their gradients;
    where there are such, as in fine-tuning, the gradient of all says nothing.
    """
    if any(each.trainable and not each.optimized for each in parameters):
        return None
    cosines = grad_cosine.finite().values
    start = _start(grad_cosine, grad_norm)
    if len(cosines) < PAIRS or start is None:
        return None
    grown, added = start
    if not (ADDED[0] < added < ADDED[1] and float(np.quantile(cosines, 0.1)) > ALWAYS):
        return None
    alike = middle(cosines)
    sure = min(
        confidence(alike, doubtful=ALIKE, certain=SAME),
        confidence(math.log(grown), doubtful=math.log(GROWN), certain=math.log(SUMMED)),
    )
    if sure > 0.5:  # noqa: PLR2004  (as sure as not)
        evidence: list[Evidence] = [
            Curve(
                "Agreement of consecutive gradients",
                [Line("cosine", "observed", grad_cosine)],
                "cosine",
                [Mark("level", "sums that differ by one batch", SAME)],
            ),
            Curve("Norm of the gradient", [Line("gradient", "observed", grad_norm)], "norm", (), "log"),
            Fact("What each of the first steps adds", added, "ratio", 1.0, "in units of the first gradient"),
        ]
        return Finding(
            summary=f"Gradients are never reset: each holds the one before (cosine {alike:.2f}), and the fifth was {grown:.1f} times "
            "as large as the first.",
            confidence=sure,
            since=int(grad_norm.steps[0]),
            evidence=evidence,
        )
    return None


def _start(cosine: Series, norm: Series) -> tuple[float, float] | None:
    """Growth of the gradient over the first steps, and what each step added, both in units of the first gradient.

    None where the steps are not known, or where they add more and more.
    """
    norms = dict(zip(norm.steps.tolist(), norm.values.tolist(), strict=True))
    cosines = dict(zip(cosine.steps.tolist(), cosine.values.tolist(), strict=True))
    if not norms:
        return None
    begin = min(norms)
    first = norms[begin]
    if not first > 0:
        return None
    added, grown = [], []
    for step in range(begin + 1, begin + FIRST + 1):
        before, now, between = (
            each.get(at, math.nan) for each, at in ((norms, step - 1), (norms, step), (cosines, step))
        )
        added.append(math.sqrt(max(0.0, before * before + now * now - 2 * before * now * between)) / first)
        grown += [now / first] if step >= begin + FIRST - 2 else []
    found = float(np.median(grown)), float(np.median(added))
    steady = sum(added[-2:]) < STEADY * sum(added[:2])
    return found if steady and all(math.isfinite(each) and each > 0 for each in found) else None
