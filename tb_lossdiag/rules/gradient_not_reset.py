"""# Gradients are never reset

## What you see

The loss falls at first, then swings ever wider or rises. The gradient's norm grows from step to step; where gradients are reset now and
then, once an epoch say, it grows like the teeth of a saw.

## Why it happens

`backward()` adds to the gradients that are there. Without `zero_grad()` each step follows the sum of all gradients so far, which is
momentum without any friction: the network rolls through every valley. With two optimizers, each must reset its own.

## What to do

Call `optimizer.zero_grad()` once for each step, before `backward()`.

## When this is wrong

Gradients of several batches may be added up on purpose; then the optimizer steps once for all of them and the gradients are reset
after that, so that two steps in a row have little in common. With all data in one batch, or with a tiny learning rate, gradients in a row
are alike too, but they do not grow by one gradient a step. A model of which the optimizer holds only a part is not judged.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from tb_lossdiag.evidence import Curve, Evidence, Fact, Line, Mark
from tb_lossdiag.finding import Finding, Remedy, confidence, percent
from tb_lossdiag.rule import rule
from tb_lossdiag.series import Series, middle
from tb_lossdiag.signals.gradients import Resets
from tb_lossdiag.signals.structure import Parameters

ALIKE, SAME = 0.85, 0.93  # median cosine of gradients in a row: sums of t batches differ by one part in t
# the same where no gradient is ever a new tensor, as `zero_grad()` makes it unless it is told otherwise
NEVER_ANEW = 0.75, 0.88
ALWAYS = 0.75  # the cosine that three of four pairs reach: a reset every 20 steps spoils the one pair across it and two or three after
GROWN = 1.7  # fifth gradient norm over the first: the sum of five has sqrt(5) where they are unrelated, else up to 5
SUMMED = 2.2
ADDED = (0.4, 2.8)  # what each of the first steps adds, in units of the first gradient: one fresh gradient
STEADY = 1.7  # what the last two of those steps add over the first two: gradients that grow by themselves, leaving a saddle, add ever more
FIRST = 5  # steps that tell whether gradients pile up
# cosines that are enough to judge, and where gradients were seen to be added to: a run that is thrown off has few
PAIRS, FEW_PAIRS = 10, 5
ALONE = 1.1  # gradient in use over the batch's own, below which it holds nothing else
HOLDS = 1.5  # gradient in use over the batch's own: 1 in plain training, sqrt(2) to 2 with one batch more in it
MANY = 3.0
UNEVEN = 2.0  # the largest such ratio over the smallest: a fixed number of batches for each step has the same ratio throughout
PROBES = 5
MOSTLY = 0.5  # of the steps in a row: more with gradients made anew, and they are reset
NEARLY_ALWAYS = 0.8  # of them: a reset once an epoch leaves all others ...
EACH = 0.95  # of them, with gradients that were either made anew or added to: then some resets are left out
AKIN = 0.5  # ... and the sums are alike, at least so much; code that resets behind torch's back, as by `grad.data.zero_()`, leaves unlike ones
LEFT, LATE = 2.0, 0.1  # times the first loss, and of the run


@rule(
    cause="Gradients are added up over steps: zero_grad() is missing, or not called at each of them.",
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
def gradient_not_reset(
    grad_cosine: Series,
    grad_norm: Series,
    parameters: Parameters,
    grad_excess: Series | None = None,
    train_loss: Series | None = None,
    resets: Resets | None = None,
    piled_up: Mapping[str, tuple[Resets, Series]] | None = None,
) -> Finding | None:
    """Gradients in a row that are alike, and hold more than their own batch: seen directly, or in the first steps' growth.

    A reset now and then (once an epoch, every 20 steps) is the same mistake. Parameters that the optimizer does not hold are
    not reset by its `zero_grad()` either, and nothing uses their gradients; where there are such, as in fine-tuning, the
    gradient of all says nothing. Where the tensors themselves were seen to be made anew, they were reset, however alike they are.
    """
    if resets is not None and resets.anew > MOSTLY:
        return _of_another(piled_up or {})
    cosines = _in_order(grad_cosine, train_loss).finite().values
    added = None if _of_its_batch_alone(grad_excess) else _added(resets)
    enough = PAIRS if added is None else FEW_PAIRS
    if any(each.trainable and not each.optimized for each in parameters) or len(cosines) < enough:
        return None
    alike = middle(cosines)
    never = resets is not None and resets.anew == 0  # nor need they be: zeroed in place, they stay the same tensors
    now_and_then = resets is not None and _now_and_then(resets)
    if not float(np.quantile(cosines, 0.5 if now_and_then else 0.25)) > (AKIN if added or never else ALWAYS):
        return None
    sums = added or _held(grad_excess) or _grown(grad_cosine, grad_norm)
    if sums is None:
        return None
    sure, proof, fact = sums
    if added is None:
        doubtful, certain = NEVER_ANEW if never else (ALIKE, SAME)
        sure = min(sure, confidence(alike, doubtful=doubtful, certain=certain))
    if sure > 0.5:  # noqa: PLR2004  (as sure as not)
        evidence: list[Evidence] = [
            Curve(
                "Agreement of consecutive gradients",
                [Line("cosine", "observed", grad_cosine)],
                "cosine",
                [Mark("level", "sums that differ by one batch", SAME)],
            ),
            Curve("Norm of the gradient", [Line("gradient", "observed", grad_norm)], "norm", (), "log"),
            fact,
        ]
        return Finding(
            summary=f"Gradients are reset at some of the steps only (cosine of two in a row {alike:.2f}): {proof}."
            if added is not None and now_and_then
            else f"Gradients are not reset at each step: each holds the one before (cosine {alike:.2f}), and {proof}.",
            confidence=sure,
            since=int(grad_norm.steps[0]),
            evidence=evidence,
        )
    return None


def _of_another(models: Mapping[str, tuple[Resets, Series]]) -> Finding | None:
    """The first model's gradients are reset, and those of one beside it are not: the wrong optimizer's `zero_grad()` is called twice."""
    for name, (resets, cosine) in models.items():
        added, known = _added(resets), cosine.finite().values
        if added is None or len(known) < PAIRS or not float(np.quantile(known, 0.25)) > ALWAYS:
            continue
        _, proof, fact = added
        marks = [Mark("level", "sums that differ by one batch", SAME)]
        return Finding(
            summary=f"Gradients of {name} are not reset at each step: each holds the one before (cosine {middle(known):.2f}), and {proof}.",
            confidence=min(float(added[0]), confidence(middle(known), doubtful=ALIKE, certain=SAME)),
            since=int(cosine.steps[0]),
            where=[name],
            evidence=[
                Curve("Agreement of consecutive gradients", [Line("cosine", "observed", cosine)], "cosine", marks),
                fact,
            ],
        )
    return None


def _in_order(cosine: Series, loss: Series | None) -> Series:
    """The cosines from before the loss left for good, where it did: thrown-off gradients have nothing to do with each other."""
    if loss is None or not len(loss) or middle(loss.tail(LATE)) < LEFT * loss.values[0]:
        return cosine
    gone = np.flatnonzero(~(loss.values < LEFT * loss.values[0]))
    since = loss.steps[gone[0]] if len(gone) else math.inf
    return Series(cosine.steps[cosine.steps < since], cosine.values[cosine.steps < since])


def _now_and_then(resets: Resets) -> bool:
    """Whether each step's gradients were either made anew or added to, as where every fourth batch has a reset."""
    return resets.anew > 0 and resets.anew + resets.added >= EACH


def _added(resets: Resets | None) -> tuple[float, str, Evidence] | None:
    """Tensors that were written into exactly once from step to step: by the sum with the new gradient, and by no reset."""
    if resets is None:
        return None
    if not resets.added > (MOSTLY if _now_and_then(resets) else NEARLY_ALWAYS):
        return None
    fact = Fact("Steps before which gradients were only added to", resets.added, "share", 0.0)
    return 1.0, f"at {percent(resets.added)} of the steps the new one was added to what was there", fact


def _of_its_batch_alone(excess: Series | None) -> bool:
    """Whether the gradient in use is that of its batch: then it was reset, if behind torch's back, as by `grad.data.zero_()`."""
    return excess is not None and len(excess) >= PROBES and middle(excess.values) < ALONE


def _held(excess: Series | None) -> tuple[float, str, Evidence] | None:
    """Gradients that are larger than their own batch makes them, by a factor that changes with the steps since the last reset."""
    if excess is None or len(excess) < PROBES:
        return None
    typical, low = middle(excess.values), float(excess.values.min())
    if typical > HOLDS and low > 0 and float(excess.values.max()) > UNEVEN * low:
        sure = confidence(math.log(typical), doubtful=math.log(HOLDS), certain=math.log(MANY))
        lines = [Line("gradient in use / of the batch", "observed", excess)]
        marks = [Mark("level", "plain training", 1.0)]
        return (
            sure,
            f"is {typical:.1f} times as large as its batch alone makes it",
            Curve("Gradient in use over that of the batch alone", lines, "ratio", marks, "log"),
        )
    return None


def _grown(cosine: Series, norm: Series) -> tuple[float, str, Evidence] | None:
    """First steps of which each added one more gradient."""
    start = _start(cosine, norm)
    if start is not None and ADDED[0] < start[1] < ADDED[1]:
        grown, added = start
        sure = confidence(math.log(grown), doubtful=math.log(GROWN), certain=math.log(SUMMED))
        fact = Fact("What each of the first steps adds", added, "ratio", 1.0, "in units of the first gradient")
        return sure, f"the fifth was {grown:.1f} times as large as the first", fact
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
