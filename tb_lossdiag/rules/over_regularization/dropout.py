"""Dropout that is stronger than the network bears."""

from __future__ import annotations

import math
from collections.abc import Mapping

from tb_lossdiag.evidence import Curve, Evidence, Fact, Line, Mark
from tb_lossdiag.finding import REMARK, Finding, Remedy, confidence, percent
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.outputs import Contract
from tb_lossdiag.signals.probe import ModeGap
from tb_lossdiag.signals.structure import LossFunction, Module, Modules

__all__ = ["PENALTY", "TRIED", "behind_the_last", "dropped", "drowned", "emptied", "much_dropped", "noisy", "unknown"]

PENALTY = 0.9
TRIED = 100  # steps, before which a code may yet wake up
ALL = 0.95  # share of the loss that is left: nothing is learnt
# share of the signal that gets through all dropouts: a tenth is three layers of 0.5, which some networks stand
THROUGH, DROWNED = 0.1, 0.03
DROPS = 0.5  # dropout that is doubtful, the most that recipes use; the variance that it adds to a unit is p / (1 - p) times its square: 1 here
MOST = 0.8  # dropout that is certain: 4 times, a fifth of the units is left
MUCH = 0.3  # share of the training loss that is left, where validation is no better: then dropout kept the network from learning at all
SOME = 0.05  # share of the loss that is left, from which a dropout beyond what recipes use is worth a remark
KNOWN = 0.2  # share by which new samples cost more than those of the training do in evaluation mode, where these are being memorised
BETTER = 0.1  # share by which the validation loss lies below the training loss
FELT, ANSWERS = 0.1, 0.9  # dropout behind the last layer that is felt, and how sure we are that nobody means it
PLAIN = 0.15  # share of the loss that is gone in evaluation mode
OFTEN = 0.05  # cases in which dropout leaves no unit of a layer at all: five units and one of 0.5, none of wider layers and usual dropout
UNIT_BY_UNIT = {
    "ReLU",
    "LeakyReLU",
    "ELU",
    "SELU",
    "GELU",
    "SiLU",
    "Tanh",
    "Sigmoid",
    "Softplus",
    "Dropout",
    "BatchNorm1d",
    "LayerNorm",
    "Identity",
}
"""What leaves as many units as it is given."""
TO_SHARES = {"Softmax", "LogSoftmax", "Sigmoid", "LogSigmoid"}
"""What makes shares, or their logarithms, of the scores that the last layer puts out."""
BY_BATCH = {"BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm"}
THREE_LAYERS, FOUR_LAYERS = 0.13, 0.065  # share of the signal that three, and four, layers of 0.5 let through
LESS_NOISE = (
    0.2  # as NOISE below, where three layers of 0.5 and more leave little of the signal that amounts are told from
)
# share of a batch's training loss that is gone without dropout, of the signal that dropout lets through at most, of the loss that is left; and how sure
NOISE, HALF, GETS, NOISY = 0.35, 0.5, 0.15, 0.75


def much_dropped(train: Shape, settings: Mapping[str, str | float], left: float) -> Finding | None:
    """A remark on a dropout beyond what recipes use, which may be right, in a run that leaves something to be learnt."""
    dropout = settings.get("dropout")
    if not (left > SOME and isinstance(dropout, (int, float)) and DROPS < dropout < 1):
        return None
    return Finding(
        summary=f"A dropout of {dropout:g} is more than recipes use, and {percent(left)} of the loss is left.",
        confidence=REMARK,
        since=0,
        severity="info",
        evidence=[
            Fact("Dropout", float(dropout), "share", DROPS),
            Curve("Training loss", [Line("train", "observed", train.level)], "loss"),
        ],
        remedies=(Remedy(f"Lower the dropout from {dropout:g} to 0.2", "nn.Dropout(0.2)"),),
    )


def drowned(train: Shape, survives: float | None, left: float) -> Finding | None:
    """Dropout after dropout, each no stronger than others use, in a network that learns nothing at all; a remark where it learns little."""
    if survives is None or not left > MUCH or train.level.steps[-1] - train.level.steps[0] < TRIED:
        return None
    sure = confidence(-math.log(survives), doubtful=-math.log(THROUGH), certain=-math.log(DROWNED))
    if not sure > 0.5 or (left < ALL and survives > FOUR_LAYERS):  # noqa: PLR2004  (as sure as not)
        return None
    return Finding(
        summary=f"The dropout layers leave {percent(survives)} of the signal, one after the other, and nothing is learnt."
        if left >= ALL
        else f"The dropout layers leave {percent(survives)} of the signal, one after the other, and {percent(left)} of the loss is left.",
        confidence=min(sure, PENALTY) if left >= ALL else REMARK,
        severity=None if left >= ALL else "info",
        since=0,
        evidence=[
            Fact(
                "Share that gets through all dropout layers",
                survives,
                "share",
                THROUGH,
                "two layers of 0.5 leave a quarter",
            ),
            Curve("Training loss", [Line("train", "observed", train.level)], "loss"),
        ],
        remedies=(
            Remedy(
                "Leave out the dropout, or keep one layer before the last",
                "nn.Dropout(0.5)",
                "A training loss that falls below a blind guess.",
            ),
        ),
    )


def behind_the_last(modules: Modules, contract: Contract | None, left: float) -> Finding | None:
    """Dropout of what the network says: of its answers some are zeros, and the others are too large, as long as it is in training mode."""
    called = sorted((each for each in modules if each.order is not None and not each.children), key=_place)
    while called and called[-1].type in TO_SHARES:
        called.pop()
    if contract is None or len(called) < 3 or not contract.output:  # noqa: PLR2004  (a layer before the last, that, and the dropout)
        return None
    layer, last = called[-2:]
    p = last.settings.get("p")
    says = layer.type == "Linear" and layer.settings.get("out_features") == contract.output[-1]
    if last.type != "Dropout" or not says or not isinstance(p, (int, float)) or p < FELT:
        return None
    return Finding(
        summary=f"{last.name} drops {percent(p)} of the network's own answers: it stands behind {layer.name}, the last layer.",
        confidence=ANSWERS,
        severity=None if left > SOME else "info",
        since=0,
        where=[last.name],
        evidence=[Fact("Answers that are zeros in training", float(p), "share", 0.0, "none is dropped")],
        remedies=(
            Remedy(
                "Put the dropout before the last layer, or leave it out",
                "nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Dropout(0.2), nn.Linear(width, outputs))",
                "A training loss that comes down to the validation loss.",
            ),
        ),
    )


def emptied(modules: Modules, left: float) -> Finding | None:
    """Dropout of so few units that often none of them is left: then the network says the same whatever it is given."""
    called = sorted((each for each in modules if each.order is not None and not each.children), key=_place)
    chain: list[Module] = []  # the last layer, and what follows it unit by unit
    for each in called:
        if each.type == "Linear":
            drops = _emptied(chain, each.settings.get("in_features")) if chain else None
            if drops is not None and left > SOME:
                return _none_left(*drops, left)
            chain = [each]
        elif chain and each.type in UNIT_BY_UNIT:
            chain.append(each)
        else:
            chain = []
    return None


def _emptied(chain: list[Module], wanted: object) -> tuple[Module, float, int] | None:
    """The dropout between a layer and the next, which wants as many units as that puts out, if it often drops all of them; its share, and how many units."""
    units = chain[0].settings.get("out_features")
    for each in chain:
        p = each.settings.get("p")
        if isinstance(units, int) and units == wanted and each.type == "Dropout" and isinstance(p, (int, float)):
            return (each, float(p), units) if p**units > OFTEN else None
    return None


def _none_left(layer: Module, p: float, units: int, left: float) -> Finding:
    return Finding(
        summary=f"{layer.name} drops {percent(p)} of {units} units: in {percent(p**units)} of all cases none is left, and {percent(left)} of the loss "
        "is left.",
        confidence=ANSWERS,
        since=0,
        where=[layer.name],
        evidence=[Fact("Cases in which every unit is dropped", p**units, "share", OFTEN)],
        remedies=(
            Remedy(
                "Leave out the dropout: so few units have none to spare",
                "",
                "A training loss that comes down to the validation loss.",
            ),
        ),
    )


def _place(module: Module) -> int:
    return module.order or 0


def unknown(
    train: Shape,
    evaluation: Shape | None,
    gap: ModeGap | None,
    modules: Modules,
    settings: Mapping[str, str | float],
    left: float,
) -> Finding | None:
    """A remark on training losses that are a good part higher in training mode, with no dropout or statistics of torch's that would make them so: blocks that are
    dropped as a whole, or noise.
    """
    if gap is None or evaluation is None or not modules or left < MUCH:
        return None
    if settings.get("dropout") or any("Dropout" in each.type or each.type in BY_BATCH for each in modules):
        return None
    share = gap.latest
    if not share > PLAIN or not train.last - evaluation.last > PLAIN * train.last:
        return None
    return Finding(
        summary=f"{percent(share)} of the training loss is there in training mode only, though the model holds no dropout of torch's: something else "
        "drops parts of it, or adds noise, and does so strongly.",
        confidence=REMARK,
        severity="info",
        since=0,
        evidence=[
            Curve(
                "The same batches in training mode and in evaluation mode",
                [Line("training", "observed", gap.train), Line("evaluation", "reference", gap.evaluation)],
                "loss",
            )
        ],
        remedies=(
            Remedy(
                "Look at what asks for self.training: a probability of dropping, where that of keeping is meant, drops nearly all",
                "drop_path = 0.1",
                "The two losses come together, and both fall.",
            ),
        ),
    )


def noisy(
    train: Shape,
    evaluation: Shape | None,
    gap: ModeGap | None,
    loss: LossFunction | None,
    survives: float | None,
    left: float,
) -> Finding | None:
    """Dropout no stronger than classifiers use, where amounts are to be told: the noise that it adds is a good part of the error. Of classes
    as many such layers as hardly any network has are worth a remark.
    """
    if gap is None or loss is None or evaluation is None or survives is None:
        return None
    many = loss.is_distance and survives <= THREE_LAYERS
    least = LESS_NOISE if many else NOISE
    noise = gap.late > least and train.last - evaluation.last > least * train.last
    bears, may = (HALF, GETS) if loss.is_distance else (THREE_LAYERS, MUCH)
    if not noise or survives > bears or left < may:
        return None
    summary = f"{percent(gap.late)} of the training loss is the noise of dropout, which lets {percent(survives)} of the signal through"
    return Finding(
        summary=f"{summary}: amounts do not bear what classes do."
        if loss.is_distance
        else f"{summary}, one layer after the other.",
        confidence=NOISY if loss.is_distance else REMARK,
        severity=None if loss.is_distance else "info",
        since=0,
        evidence=[
            Curve(
                "The same batches with dropout and without",
                [Line("with", "observed", gap.train), Line("without", "reference", gap.evaluation)],
                "loss",
            ),
            Fact("Share of the signal that gets through", survives, "share", HALF),
        ],
        remedies=(
            Remedy(
                "Leave out the dropout, or use 0.1 where there are many units",
                "nn.Dropout(0.1)",
                "The two losses come together, and both fall.",
            ),
        ),
    )


def _memorises(train: Shape, evaluation: Shape | None, gap: ModeGap | None, left: float) -> bool:
    """Whether the network, without its dropout, knows the training data better than new samples: less dropout would only widen that."""
    if evaluation is None or gap is None or left > ALL:
        return False
    return evaluation.last > (1 + KNOWN) * train.last * (1 - gap.latest)


def dropped(
    train: Shape,
    evaluation: Shape | None,
    settings: Mapping[str, str | float],
    left: float,
    gap: ModeGap | None = None,
) -> Finding | None:
    """Dropout beyond what recipes use, which only the training loss suffers from, or with which little was learnt."""
    dropout = settings.get("dropout")
    if not isinstance(dropout, (int, float)) or not DROPS < dropout < 1:
        return None
    summary = (
        f"A dropout of {dropout:g} leaves {percent(1 - dropout)} of the units, and {percent(left)} of the loss is left."
    )
    evidence: list[Evidence] = [
        Curve("Training loss", [Line("train", "observed", train.level)], "loss"),
        Fact("Dropout", float(dropout), "share", DROPS),
    ]
    better = evaluation is not None and train.last - evaluation.last > max(
        BETTER * train.last, 3 * (train.error + evaluation.error)
    )
    if better and evaluation is not None:
        summary = f"A dropout of {dropout:g} keeps the training loss at {train.last:.3g}, where validation is at {evaluation.last:.3g}."
        losses = [Line("train", "observed", train.level), Line("validation", "observed", evaluation.level)]
        marks = [Mark("level", "validation", evaluation.last)]
        evidence[0] = Curve("Training and validation loss", losses, "loss", marks)
    if better or (left > MUCH and not _memorises(train, evaluation, gap, left)):
        noise = math.log(dropout / (1 - dropout))
        return Finding(
            summary=summary,
            confidence=confidence(noise, doubtful=math.log(DROPS / (1 - DROPS)), certain=math.log(MOST / (1 - MOST))),
            since=0,
            evidence=evidence,
            remedies=(
                Remedy(
                    f"Lower the dropout from {dropout:g} to 0.2", "nn.Dropout(0.2)", "The two losses come together."
                ),
            ),
        )
    return None
