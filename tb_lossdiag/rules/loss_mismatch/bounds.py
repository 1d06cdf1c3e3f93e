"""Losses below what they can be, or that run away: a divergence or a binary cross-entropy below 0, a sign that is wrong."""

from __future__ import annotations

import numpy as np

from tb_lossdiag.evidence import Curve, Fact, Line
from tb_lossdiag.finding import Finding, Remedy
from tb_lossdiag.rules.loss_mismatch.scores import BATCHES, CERTAIN
from tb_lossdiag.series import Series
from tb_lossdiag.signals.data import Features
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.structure import BINARY_CROSS_ENTROPIES, LossFunction

__all__ = [
    "always_zero",
    "blanks_in_targets",
    "bottomless",
    "divergence_of_shares",
    "no_divergence",
    "no_shares",
    "unsigned",
    "uphill",
]

UNCERTAIN = 0.02  # of a divergence below zero: targets that do not quite add up to 1
BELOW = 1e-3  # of a loss below zero: more than rounding
BEYOND = 0.25  # of a target above 1 or below 0: the soft labels of adversarial training go up to 1.2 on purpose
# times the first loss, or 1, below 0; share of the fall in the last third: a straight line makes a third; and how sure that makes us
BOTTOM, STEADY, RUNS_AWAY = 100.0, 0.4, 0.85
UPWARDS, ALL_ALONG = 3.0, 0.85  # last loss over the first, and share of the levels that lie above the one before
# largest update / weights; looks at consecutive gradients, and their cosine
ORDINARY, AGREEING, SAME_WAY = 0.1, 10, 0.3
PROVED = 1.0  # of targets that are out of range, and a loss that has run away because of it
POINTS, NOUGHT = 20, 1e-6  # losses that are all as good as nothing
UNLABELLED = -1.0  # what places are labelled with, as a rule, that are to be left out
DIVERGENCE = {"KLDivLoss", "kl_div"}
ALIGNED = {"CTCLoss", "ctc_loss"}
SIGNED = {
    "CosineEmbeddingLoss", "MarginRankingLoss", "HingeEmbeddingLoss",
    "cosine_embedding_loss", "margin_ranking_loss", "hinge_embedding_loss",
}  # fmt: skip
"""Losses whose labels are 1 and -1."""


def bottomless(form: Shape | None) -> Finding | None:
    """A loss that begins near 0 and runs away below it, no slower in the end: likelihoods go below 0 as well, but slow down."""
    if form is None or not form.last < -BOTTOM * max(1.0, abs(form.first)) or form.late_fall < STEADY * form.fall:
        return None
    return Finding(
        summary=f"The loss has no bottom: it runs from {form.first:.3g} to {form.last:,.3g}, faster and faster, as where a sign is wrong and something grows that "
        "should shrink.",
        confidence=RUNS_AWAY,
        since=0,
        evidence=[Curve("Training loss, smoothed", [Line("train", "observed", form.level)], "loss")],
        remedies=[
            Remedy(
                "Check the sign of each term: what an optimizer is given it makes as small as it can",
                "loss_g = -critic(generator(z)).mean()",
                "A loss that settles.",
            )
        ],
    )


def always_zero(curve: Series | None) -> Finding | None:
    """A loss that is 0 from the first step on, whatever the network says: a choice among one class."""
    values = curve.finite().values if curve is not None else np.empty(0)
    if len(values) < POINTS or not abs(float(values[0])) < NOUGHT or not np.all(np.abs(values) < NOUGHT):
        return None
    return Finding(
        summary="The loss is 0 from the first step on, whatever the network says, and teaches nothing: a softmax over a single score has nothing to choose.",
        confidence=PROVED,
        since=0,
        evidence=[Fact("Largest loss", float(np.abs(values).max()), "loss", None, "from the first step on")],
        remedies=[
            Remedy(
                "Give each class a score of its own, or use binary cross-entropy for a single score",
                "nn.Linear(width, classes)  # with nn.CrossEntropyLoss(), or one output with nn.BCEWithLogitsLoss()",
                "A first loss near that of a blind guess.",
            )
        ],
    )


def uphill(form: Shape | None, ratio: Series | None, cosine: Series | None) -> Finding | None:
    """A loss that rises step by step, by steps of an ordinary size whose gradients agree with each other: steps that are too large make gradients
    oppose each other, and the loss leap.
    """
    if form is None or ratio is None or cosine is None or not form.best > 0:
        return None
    above = np.flatnonzero(form.level.values > UPWARDS * max(form.first, form.best))
    if not len(above):
        return None
    until = form.level.steps[above[0]]  # what comes later is what becomes of a network that was thrown off
    steps, agreement = (each.finite().values[each.finite().steps <= until] for each in (ratio, cosine))
    later = form.level.values[max(above[0] - 1, 0) :]
    rises = form.last >= later[0] and float(np.mean(later[1:] > later[:-1])) > ALL_ALONG
    ordinary = len(steps) > 0 and float(steps.max()) < ORDINARY
    if not rises or not ordinary or len(agreement) < AGREEING or not float(np.median(agreement)) > SAME_WAY:
        return None
    return Finding(
        summary=f"Training walks uphill: the loss rises from {form.first:.3g} to {form.last:,.3g}, step by step, though steps are small and their gradients agree.",
        confidence=RUNS_AWAY,
        since=0,
        evidence=[
            Curve("Training loss, smoothed", [Line("train", "observed", form.level)], "loss", [], "log"),
            Curve("Agreement of consecutive gradients", [Line("cosine", "observed", cosine)], "cosine"),
        ],
        remedies=[
            Remedy(
                "Look for a sign that is wrong: backward() on the negative loss, maximize=True, a gradient that is reversed",
                "loss_fn(model(x), y).backward()",
                "A loss that falls from the first steps on.",
            )
        ],
    )


def divergence_of_shares() -> Finding:
    """The same as a term of a loss, which hides that it is below 0."""
    return Finding(
        summary="A term of the loss is kl_div of a softmax: it expects logarithms of probabilities first, and pulls towards the most likely class instead "
        "of towards the target.",
        confidence=CERTAIN,
        since=0,
        evidence=[Fact("What kl_div is given", "softmax", "value", "log_softmax", "what it expects")],
        remedies=[
            Remedy(
                "Give it logarithms of probabilities first, and probabilities as targets",
                "F.kl_div(F.log_softmax(output, dim=1), target, reduction='batchmean')",
                "A term that falls towards 0 and never below.",
            )
        ],
    )


def no_divergence(loss: LossFunction, curve: Series | None) -> Finding | None:
    """KLDivLoss below 0: a divergence of two distributions never is, whatever they are (Gibbs' inequality)."""
    values = curve.finite().values if curve is not None else np.empty(0)
    if loss.type not in DIVERGENCE or len(values) < BATCHES or np.mean(values < -UNCERTAIN) < 0.5:  # noqa: PLR2004  (most)
        return None
    lowest = float(values.min())
    return Finding(
        summary=f"{loss.type} falls to {lowest:.3g}, and no divergence is below 0: it expects logarithms of probabilities first, and gets something else.",
        confidence=CERTAIN,
        since=0,
        evidence=[Fact("Lowest loss", lowest, "loss", 0.0, "the least that a divergence can be")],
        remedies=[
            Remedy(
                "Give it logarithms of probabilities first, and probabilities as targets",
                "loss_fn(F.log_softmax(output, dim=1), target)",
                "A loss that falls towards 0 and never below.",
            )
        ],
    )


def blanks_in_targets(loss: LossFunction, curve: Series | None) -> Finding | None:
    """CTC loss below 0: it is the logarithm of a probability, unless the blank is among the labels, so that paths are counted twice."""
    values = curve.finite().values if curve is not None else np.empty(0)
    if loss.type not in ALIGNED or len(values) < BATCHES or not float(np.quantile(values, 0.05)) < -BELOW:
        return None
    lowest = float(values.min())
    return Finding(
        summary=f"{loss.type} falls to {lowest:.3g}, which no probability allows: the targets hold the index of its blank, which stands for no symbol.",
        confidence=CERTAIN,
        since=0,
        evidence=[Fact("Lowest loss", lowest, "loss", 0.0, "the least that a CTC loss can be")],
        remedies=[
            Remedy(
                "Give the blank an index of its own: number the symbols from 1, with one score more, or name another blank",
                "nn.CTCLoss(blank=len(alphabet))  # and len(alphabet) + 1 scores",
                "A loss that never falls below 0, and a first symbol that is read.",
            )
        ],
    )


def no_shares(loss: LossFunction, targets: Features | None, curve: Series | None) -> Finding | None:
    """Binary cross-entropy of targets beyond 0 and 1: it has no lower bound, and pushes outputs to their limits for ever.

    Of a single output labels are counted, and their values are not known; but a loss below 0 has no other reason. A loss of the user's own may
    leave out what is labelled -1: then it is a loss below 0 that tells, too.
    """
    if not any(each in loss.type.lower().replace("_", "") for each in ("bce", "binarycross")):
        return None
    lowest = float(curve.finite().values.min(initial=0.0)) if curve is not None else 0.0
    if targets is not None and len(targets.mean):
        low, high = float(targets.min.min()), float(targets.max.max())
        marked = low == UNLABELLED and loss.type not in BINARY_CROSS_ENTROPIES and not lowest < -BELOW
        beyond = not marked and (low < -BEYOND or high > 1 + BEYOND)
        summary = f"{loss.type} expects targets from 0 to 1, and they run from {low:.3g} to {high:.3g}: it can fall below 0 without end."
        fact = Fact("Largest target", high, "value", 1.0, "the most that binary cross-entropy is defined for")
    else:
        beyond = lowest < -BELOW
        summary = f"{loss.type} falls to {lowest:.3g}, which it cannot where targets lie between 0 and 1: labels such as -1 and 1, or 1 and 2."
        fact = Fact("Lowest loss", lowest, "loss", 0.0, "the least that binary cross-entropy has")
    if not beyond:
        return None
    sure = PROVED if lowest < -BELOW and loss.type in BINARY_CROSS_ENTROPIES else CERTAIN
    return Finding(
        summary=summary,
        confidence=sure,
        since=0,
        evidence=[fact],
        remedies=[
            Remedy(
                "If there are two classes: label them 0 and 1; if more: one score for each class, and cross-entropy; if the targets are "
                "amounts: a loss of differences",
                "",
                "A loss that never falls below 0.",
            )
        ],
    )


def unsigned(loss: LossFunction, targets: Features | None) -> Finding | None:
    """Labels 0 and 1 for a loss that wants -1 and 1: a pair with 0 costs nothing where it should be pushed apart, or counts both ways."""
    if loss.type not in SIGNED or targets is None or not len(targets.mean):
        return None
    low, high, mean = float(targets.min.min()), float(targets.max.max()), float(np.mean(targets.mean))
    if low != 0 or high != 1 or not 0 < mean < 1:
        return None
    return Finding(
        summary=f"{loss.type} expects labels 1 and -1, and gets 1 and 0, which stands for neither: such a pair teaches nothing.",
        confidence=CERTAIN,
        since=0,
        evidence=[Fact("Lowest label", low, "value", -1.0, "what the loss expects")],
        remedies=[
            Remedy(
                "Turn labels 0 into -1",
                "loss_fn(a, b, 2 * y - 1)",
                "Pairs of both kinds that shape what the model puts out.",
            )
        ],
    )
