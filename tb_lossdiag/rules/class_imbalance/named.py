"""How often the samples of rare classes are named rightly, and the others."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tb_lossdiag.evidence import Bars, Evidence
from tb_lossdiag.finding import confidence, percent
from tb_lossdiag.signals.probe import Answers

__all__ = [
    "NEVER",
    "PARTLY",
    "SEVERAL",
    "SHOWN",
    "UNEQUAL",
    "failing",
    "handful",
    "mostly",
    "never",
    "partly",
    "recall",
    "seldom",
]

UNEQUAL = 8.0  # most frequent to rarest class; SageMaker Debugger takes 10, and counts of few samples wobble
LOST = 0.1  # by how much less often rare classes are named rightly: half is lost where half the classes are rare
SURE_LOST = 0.2
LUCK = -1.3  # logarithm of the chance that the rare samples fail so if all classes were equally hard: 5 %, 0.1 %
NO_LUCK = -3.0
HANDFUL, NOTHING = 8.0, 3.5  # samples of a class in training: of three, a network learns those three
KNOWN = 0.6  # share of the frequent classes' samples that are named rightly: it tells these from each other
MOSTLY = 0.5  # share of the rare samples that is named rightly: they are learnt
BEHIND = 0.45  # how far that may lie behind the others
MANY, SELDOM = 20, 0.3  # validation samples of the rarest class, and the share named rightly, that are worth a remark
PARTLY = 0.25  # share of the rare samples that is named rightly: now and then
HARDLY_ANY = 0.05  # share of the validation samples that are of rare classes: next to nothing of all mistakes
SEVERAL = 5  # validation samples of a class that is never named: worth a remark
SHOWN = 40  # classes in the picture
NEVER = 0.97  # confidence where a network that is hardly better than a blind guess names the rarest class for no sample at all


def failing(
    counts: NDArray[np.float64], answers: Answers | None, *, learnt: bool
) -> tuple[float, str, float, float] | None:
    """How sure the answers make us that rare classes fail where frequent ones do not, a clause that says so, and how often either are named rightly."""
    if answers is None or len(answers.count) != len(counts):
        return None
    rare = (counts < counts.max() * 2 / UNEQUAL) & (answers.count > 0)
    usual = (counts >= counts.max() * 2 / UNEQUAL) & (answers.count > 0)
    few, many = float(answers.count[rare].sum()), float(answers.count[usual].sum())
    if not few > 0 or not many > 0:
        return None
    right, often = float(answers.right[rare].sum()), float(answers.right[usual].sum()) / many
    learnt = learnt or (int(usual.sum()) > 1 and often > KNOWN)
    if learnt and 0 <= right <= few and 0 <= often <= 1:
        luck = _at_most(int(right), int(few), (often * many + 1) / (many + 2))  # Laplace's rule: nothing is certain
        sure = min(
            confidence(often - right / few, doubtful=LOST, certain=SURE_LOST),
            confidence(math.log10(max(luck, 1e-300)), doubtful=LUCK, certain=NO_LUCK),
        )
        clause = f"of their validation samples {percent(right / few)} are named rightly, of the others {percent(often)}"
        return sure, clause, right / few, often
    return None


def mostly(rare: float, others: float, classes: int) -> bool:
    """Whether most samples of the rare classes are named rightly: of two classes the threshold decides how many, of several they are hardly behind."""
    return rare >= MOSTLY and (classes == 2 or others - rare < BEHIND)  # noqa: PLR2004


def partly(rare: float, counts: NDArray[np.float64], answers: Answers | None) -> bool:
    """Whether of several classes those that are rare are named rightly now and then, and are as rare in validation: as much as so few samples teach."""
    if answers is None or len(counts) == 2:  # noqa: PLR2004
        return False
    share = answers.count[counts < counts.max() * 2 / UNEQUAL].sum() / max(answers.count.sum(), 1.0)
    return rare > PARTLY and bool(share < HARDLY_ANY)


def handful(
    counts: NDArray[np.float64],
    answers: Answers | None,
    known: NDArray[np.float64],
    samples: int | None,
) -> float:
    """How sure a class of one to three samples makes us, where validation does not hold enough of it to say otherwise."""
    if samples is None or answers is None or len(answers.count) != len(known):
        return 0.0
    rare = (known < known.max() * 2 / UNEQUAL) & (answers.count > 0)
    told = float(answers.right[rare].sum()) > 0  # some of them are named rightly: then they are learnt, or partly
    held = float(counts.min() / counts.sum()) * samples
    return 0.0 if told else confidence(math.log(held), doubtful=math.log(HANDFUL), certain=math.log(NOTHING))


def never(answers: Answers | None, counts: NDArray[np.float64], rarest: int) -> bool:
    """Whether not one validation sample is taken for the rarest class, although several are of it."""
    if answers is None or len(answers.count) != len(counts):
        return False
    return bool(answers.count[rarest] >= SEVERAL and answers.predicted[rarest] == 0)


def seldom(answers: Answers | None, counts: NDArray[np.float64], rarest: int) -> bool:
    """Whether few of the rarest class's validation samples are named rightly, though it is named: cautious, or hardly learnt."""
    if answers is None or len(answers.count) != len(counts) or not answers.count[rarest] >= MANY:
        return False
    return bool(0 < answers.right[rarest] < SELDOM * answers.count[rarest])


def _at_most(right: int, samples: int, chance: float) -> float:
    """The probability of at most so many right answers, each right with this chance."""
    log = math.lgamma(samples + 1)
    terms = (
        log
        - math.lgamma(k + 1)
        - math.lgamma(samples - k + 1)
        + k * math.log(chance)
        + (samples - k) * math.log1p(-chance)
        for k in range(right + 1)
    )
    return sum(math.exp(each) for each in terms)


def recall(answers: Answers) -> list[Evidence]:
    """A picture of it, class by class."""
    shown = np.flatnonzero(answers.count > 0)[:SHOWN]
    values = [float(answers.right[i] / answers.count[i]) for i in shown]
    return [Bars("Validation samples named rightly, by class", [answers.classes[i] for i in shown], values, "share")]
