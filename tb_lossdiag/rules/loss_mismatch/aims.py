"""Losses that are written by hand and ask for something else than what was meant."""

from __future__ import annotations

from tb_lossdiag.evidence import Curve, Fact, Line, Mark
from tb_lossdiag.finding import REMARK, Finding, Remedy, confidence, percent
from tb_lossdiag.series import Series
from tb_lossdiag.signals.towards import Towards

__all__ = ["aimed_elsewhere", "pulled_away"]

AWAY, ALL_AWAY = 0.75, 0.95  # share of the gradient of wrong answers that takes them further away ...
# ... 0 in each of the sound programs that compute such a loss themselves
SURE = 0.97  # by definition: the graph of the loss says what it is


MEAN_ERROR = Finding(
    summary="The errors are averaged before they are squared: those above and below cancel, and all that is learnt is the targets' mean.",
    confidence=SURE,
    since=0,
    evidence=[Fact("What the loss is", "mean(error) ** 2", "value", "mean(error ** 2)", "what learns each sample")],
    remedies=(
        Remedy(
            "Square first, then average",
            "loss = ((prediction - target) ** 2).mean()",
            "A loss that is small only where each prediction is near its target.",
        ),
    ),
)
EXCHANGED = Finding(
    summary="Prediction and target are exchanged: the loss takes the logarithm of the targets and is linear in the output, which it drives to 0 or 1.",
    confidence=SURE,
    since=0,
    evidence=[
        Fact("What the logarithm is taken of", "the targets", "value", "the output", "what a cross-entropy wants")
    ],
    remedies=(
        Remedy(
            "Give the prediction first, then the target",
            "loss = F.binary_cross_entropy(output, target)",
            "Outputs that come near the targets between 0 and 1, too.",
        ),
    ),
)
RAW_SCORES = Finding(
    summary="The CTC loss is given raw scores, and expects logarithms of probabilities: it can be made small by scores that grow without end.",
    confidence=SURE,
    since=0,
    evidence=[Fact("What the CTC loss is given", "raw scores", "value", "log_softmax", "what it expects")],
    remedies=(
        Remedy(
            "Take the logarithm of the softmax first, over the classes",
            "loss = F.ctc_loss(F.log_softmax(scores, dim=-1), targets, lengths, target_lengths)",
            "A loss that is never below 0, and texts that come near.",
        ),
    ),
)
SHARES_AGAIN = Finding(
    summary="The logarithm of a softmax is taken of probabilities, which a softmax has made before: no answer can be surer than e to 1, and gradients are small.",
    confidence=SURE,
    since=0,
    evidence=[Fact("What the second softmax is given", "a softmax", "value", "raw scores", "what it expects")],
    remedies=(
        Remedy(
            "Give raw scores, or say that these are probabilities",
            "Categorical(probs=policy(state))",
            "Answers that become sure, and a loss that can come near 0.",
        ),
    ),
)
EVERY_PAIR = Finding(
    summary="A term of the loss multiplies each sample's value with those of all samples, as torch stretches (B) and (B, 1) to (B, B): on average hardly "
    "anything of what belongs to a sample is left.",
    confidence=SURE,
    since=0,
    evidence=[Fact("Size of the product", "(B, B)", "value", "(B)", "one number for each sample")],
    remedies=(
        Remedy(
            "Give both the same shape before they are multiplied",
            "loss = -(ratio * advantage.reshape(ratio.shape)).mean()",
            "Each sample is weighted by its own number, and the term moves.",
        ),
    ),
)


def aimed_elsewhere(aim: str | None, loss: Series | None) -> Finding | None:
    """Errors that cancel before they are squared; a cross-entropy of the targets, given the output; one of amounts, if the loss shows it: what is
    masked may be anything.
    """
    known = (
        MEAN_ERROR if aim == "mean error"
        else EXCHANGED if aim == "exchanged"
        else RAW_SCORES if aim == "raw scores"
        else SHARES_AGAIN if aim == "shares again"
        else EVERY_PAIR if aim == "every pair"
        else None
    )  # fmt: skip
    if known is not None:
        return known
    lowest = float(loss.finite().values.min(initial=0.0)) if loss is not None else 0.0
    if aim == "no shares" and lowest < 0:
        return Finding(
            summary=f"A term of the loss is a binary cross-entropy, and some of its targets lie outside of 0 and 1: it falls below 0 without end, to {lowest:,.3g} so far.",
            confidence=SURE,
            since=0,
            evidence=[Fact("Lowest loss", lowest, "loss", 0.0, "the least that binary cross-entropy has")],
            remedies=(
                Remedy(
                    "Look at how these targets are made: each is to be a share between 0 and 1",
                    "assert 0 <= target.min() and target.max() <= 1",
                    "A loss that never falls below 0.",
                ),
            ),
        )
    return None


def pulled_away(towards: Towards | None, *, evaluated: bool) -> Finding | None:
    """A loss of the user's own that falls as wrong answers get worse. A remark in a run that is not evaluated: there a policy may be told what
    it is not to do again.
    """
    sure = confidence(towards.median, doubtful=AWAY, certain=ALL_AWAY) if towards is not None else 0.0
    if towards is None or not sure > 0.5:  # noqa: PLR2004  (as sure as not)
        return None
    return Finding(
        summary=f"The loss function falls as wrong answers get worse: {percent(towards.median)} of the gradient that comes back to them takes them "
        "further away from their labels.",
        confidence=sure if evaluated else REMARK,
        severity=None if evaluated else "info",
        since=0,
        evidence=[
            Curve(
                "Share of the gradient of wrong answers that takes them further away",
                [Line("share", "observed", towards.away)],
                "share",
                [Mark("level", "half", 0.5)],
            )
        ],
        remedies=(
            Remedy(
                "Look at the signs and powers in the loss function, and whether it is a likeness that is to grow",
                "loss = 1 - dice; weight = (1 - p_t) ** gamma",
                "The loss of an answer that is made better by hand is lower.",
            ),
        ),
    )
