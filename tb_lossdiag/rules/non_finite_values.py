"""# Non-finite values

## What you see

The loss becomes NaN or infinite, and stays so.

## Why it happens

Somewhere a number overflowed, or an undefined operation was made: the logarithm of zero, a division by zero, a square root at
zero, an infinity minus an infinity. Once a parameter is NaN everything after it is. Usually it is the end of a story that
began with steps that were too large, or with a NaN in the data.

## What to do

Repair the root cause where one is named. Otherwise look at the named step and layer: check the batch for NaN, add a small epsilon to
logarithms, divisions and roots, use the losses that take logits, and lower the learning rate.

## When this is wrong

With mixed precision a few skipped steps with infinite gradients are how the loss scale finds its value.
"""

from __future__ import annotations

import numpy as np

from tb_lossdiag.evidence import Curve, Evidence, Fact, Line, Mark
from tb_lossdiag.finding import Finding, Remedy, confidence
from tb_lossdiag.rule import rule
from tb_lossdiag.series import Layers, Series

DOUBTFUL = 0.0  # share of the last tenth of the loss that is not finite: none of it is no finding ...
CERTAIN = 0.2  # ... and where it is a fifth, it is not a single skipped step any more


@rule(
    cause="The loss or the gradients became NaN or infinite.",
    stage="train",
    severity="error",
    symptom=True,
    remedies=(
        Remedy(
            "Find the operation",
            "torch.autograd.set_detect_anomaly(True)",
            "It raises at the operation that made the NaN.",
        ),
        Remedy("Check the data", "assert torch.isfinite(x).all() and torch.isfinite(y).all()"),
        Remedy("Lower the learning rate, or warm it up"),
    ),
)
def non_finite_values(
    train_loss: Series, layer_gradients: Layers | None = None, skipped_steps: int | None = None
) -> Finding | None:
    """The first step whose loss is not finite, and the first layer whose gradient is not."""
    broken = len(train_loss) - len(train_loss.finite())
    lasting = float(np.mean(~np.isfinite(train_loss.tail(0.1)))) if len(train_loss) else 0.0
    share = max(lasting, broken / max(len(train_loss), 1))
    if share > DOUBTFUL:
        bad = ~np.isfinite(train_loss.values)
        first = int(np.argmax(bad))
        since = int(train_loss.steps[first])
        before = train_loss.values[:first][-1] if first else float("nan")
        where = _first_layers(layer_gradients or {})
        evidence: list[Evidence] = [
            Curve(
                "Training loss",
                [Line("train", "observed", train_loss)],
                "loss",
                [Mark("step", "first value that is not finite", since)],
                "log" if bad.any() and np.all(train_loss.values[~bad] > 0) else "linear",
            ),
            Fact("Last finite loss", float(before), "loss", note=f"the value just before step {since:,}"),
        ]
        if skipped_steps:
            evidence.append(
                Fact("Steps left out by the GradScaler", skipped_steps, "count", note="their gradients were not finite")
            )
        named = f"; the first layer with a gradient that is not finite is {where[0]}" if where else ""
        return Finding(
            summary=f"The loss is {_word(float(train_loss.values[first]))} from step {since:,} on{named}.",
            confidence=confidence(share, doubtful=DOUBTFUL, certain=CERTAIN),
            since=since,
            where=where,
            evidence=evidence,
        )
    return None


def _first_layers(gradients: Layers) -> list[str]:
    """The layers whose gradient was the first to be NaN or infinite, nearest to the loss first."""
    onset = {
        name: int(each.steps[int(np.argmax(~np.isfinite(each.values)))])
        for name, each in gradients.items()
        if not np.isfinite(each.values).all()
    }
    first = min(onset.values(), default=0)
    return [name for name in reversed(list(gradients)) if onset.get(name) == first][:5]


def _word(value: float) -> str:
    return "NaN" if np.isnan(value) else "infinite"
