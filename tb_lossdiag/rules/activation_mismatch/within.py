"""Activations between layers: a softmax, sigmoids one after the other, or what has no second derivative."""

from __future__ import annotations

from itertools import pairwise

from tb_lossdiag.evidence import Fact
from tb_lossdiag.finding import REMARK, Finding, Remedy, confidence, percent
from tb_lossdiag.rules.activation_mismatch.reach import SURER
from tb_lossdiag.rules.activation_mismatch.stuck import HIDDEN, LOST, UNLEARNT, WEIGHTS
from tb_lossdiag.signals.chains import Chains
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.structure import Module, Modules

__all__ = ["PIECEWISE", "flat", "hidden_softmax", "raw_logarithm", "reached", "shares", "sigmoids"]

MANY_SHARES = 16  # of a softmax between layers: with fewer they may be topics, or a choice that is meant
SIGMOIDS = 2  # hidden layers: one may be a gate,
DEEP = 8  # and of more than eight little gradient arrives at the first (4^-8 is 1e-5), which `vanishing-gradient` measures and tells
HELD_UP, STOPPED = 0.25, 0.7  # share of the loss that is left where nothing but sigmoids stands between the layers
FEW, PERHAPS = 3, 0.9  # so many have often been trained: what is as plain, as inputs that saturate them, comes first
SOME = 0.015  # ... and from which they are worth a remark
OPEN = {
    "ReLU", "ReLU6", "LeakyReLU", "PReLU", "RReLU", "ELU", "SELU", "CELU", "GELU", "SiLU", "Mish", "Hardswish", "Softplus", "Tanh", "GLU",
}  # fmt: skip
PIECEWISE = {"ReLU", "ReLU6", "LeakyReLU", "PReLU", "RReLU", "Hardtanh"}
QUIET = {"Identity", "Dropout", "Flatten", "BatchNorm1d", "BatchNorm2d", "LayerNorm"}


def flat(modules: Modules) -> Finding:
    """An activation made of straight pieces, in a loss that holds the network's second derivative."""
    found = [each for each in modules if each.order is not None and each.type in PIECEWISE]
    name = found[0].type if found else "ReLU"
    return Finding(
        summary=f"The loss holds a second derivative of the network, and that of {name} is 0 everywhere: this part of it teaches nothing.",
        confidence=LOST,
        since=0,
        where=[each.name for each in found],
        evidence=[
            Fact("Second derivative of each activation", 0.0, "value", None, ", ".join(each.name for each in found))
        ],
        remedies=[
            Remedy(
                f"Use an activation that can be differentiated twice in place of {name}",
                "nn.Tanh()  # or nn.SiLU(), or a sine",
                "A residual of the equation that falls.",
            )
        ],
    )


def raw_logarithm(last: Module | None) -> Finding:
    """A loss of shares that is given what a linear layer says: it is cut off at 0, and has no gradient there."""
    where = [last.name] if last is not None else []
    name = last.name if last is not None else "the last layer"
    return Finding(
        summary=f"The loss takes the logarithm of what {name} puts out, which is no share of 1: what is below 0 is cut off, and gets no gradient.",
        confidence=LOST,
        since=0,
        where=where,
        evidence=[Fact("What the logarithm is taken of", name, "value", "shares", "a softmax's, or a sigmoid's")],
        remedies=[
            Remedy(
                "Put a softmax behind it, or a sigmoid where there are two classes or several may be right; or use a loss that takes scores",
                "loss_fn = nn.CrossEntropyLoss()  # or nn.BCEWithLogitsLoss()",
                "A loss that falls below that of a blind guess.",
            )
        ],
    )


def hidden_softmax(chains: Chains, left: float) -> Finding | None:
    """A softmax whose result is the input of a further layer."""
    pairs = [
        (first, second)
        for chain in chains
        for plain in [[each for each in chain if each.type not in QUIET]]
        for first, second in pairwise(plain)
        if first.type in {"Softmax", "LogSoftmax"} and second.type in WEIGHTS
    ]
    if pairs:
        first, second = pairs[0]
        return Finding(
            summary=f"{first.name} is a {first.type} between layers, {len(pairs)} in all: {second.name} gets shares that add up to 1.",
            confidence=SURER if left > UNLEARNT else HIDDEN,
            since=0,
            where=[each.name for each, _ in pairs],
            evidence=[
                Fact("Softmax between layers", len(pairs), "count", 0, ", ".join(each.name for each, _ in pairs))
            ],
            remedies=[
                Remedy(f"Use a ReLU in place of {first.name}", "nn.ReLU()", "Larger gradients in the layers before it.")
            ],
        )
    return None


def shares(widths: tuple[int, ...], left: float) -> Finding | None:
    """The same of a softmax that no module tells of, or that no Sequential holds; of few classes it may be meant, as topics or a choice."""
    if not widths:
        return None
    wide = max(widths)
    return Finding(
        summary=f"A softmax stands between layers: the next one gets {wide:,} shares that add up to 1.",
        confidence=HIDDEN,
        since=0,
        severity=None if left > UNLEARNT and wide >= MANY_SHARES else "info",
        evidence=[Fact("Softmax between layers", len(widths), "count", 0)],
        remedies=[Remedy("Use a ReLU in its place", "F.relu(x)", "Larger gradients in the layers before it.")],
    )


def reached(left: float, train: Shape | None) -> float:
    """The least of the loss that ever was left: activations that let the network learn are not why it was lost again."""
    return left * min(1.0, train.best / train.last) if train is not None and train.last > 0 else left


def sigmoids(modules: Modules, last: Module | None, left: float, *, goes_on: bool) -> Finding | None:
    """Sigmoids as the only activation of several hidden layers, in a network that does not get far; of one that goes on that is not known yet.

    The slope of a sigmoid is a quarter at most (Glorot and Bengio 2010), and its outputs are never centred.
    """
    called = [each for each in modules if each.order is not None and not each.children]
    hidden = [each for each in called if each.type in {"Sigmoid", "Hardsigmoid"} and each != last]
    others = any(each.type in OPEN for each in called)
    sure = confidence(left, doubtful=HELD_UP, certain=STOPPED)
    sure = sure if len(hidden) > FEW else min(sure, PERHAPS)
    if SIGMOIDS <= len(hidden) <= DEEP and not others and left > SOME:
        names = ", ".join(each.name for each in hidden)
        return Finding(
            summary=f"{len(hidden)} hidden layers end in a sigmoid, whose slope is a quarter at most, and {percent(left)} of the loss is left.",
            confidence=max(sure, REMARK),
            severity=None if sure > REMARK and not goes_on else "info",
            since=0,
            where=[each.name for each in hidden],
            evidence=[
                Fact("Sigmoids between layers", len(hidden), "count", 0, names),
                Fact("Share of the loss that is left", left, "share", HELD_UP),
            ],
            remedies=[
                Remedy("Use a ReLU in place of the sigmoids", "nn.ReLU()", "Larger gradients in the first layers.")
            ],
        )
    return None
