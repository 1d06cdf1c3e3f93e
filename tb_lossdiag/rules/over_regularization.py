"""# Over-regularisation

## What you see

The loss settles early, far above what is possible, in training as in validation. The weights shrink; or the validation loss lies far
below the training loss, which dropout keeps up.

## Why it happens

Weight decay pulls every weight towards zero at each step; where it pulls harder than the loss does, the network can't keep what it
has learnt. Dropout that removes most units leaves too few to learn with, and dropout layers in a row add up: four of 0.6 let
a fortieth of the signal through. Where amounts are to be told, the noise of a dropout of 0.5 is an error that no training removes. A penalty in the loss itself does the same: a KL divergence that is
summed beside an error that is averaged silences the layer that it acts on (a variational autoencoder's posterior collapses), and the sum of
all squared weights, times a factor that looks small, is a weight decay of twice that factor. A penalty on activations, such as a sparse code's,
switches units off for good. Adam scales an L2 penalty up where gradients are small or rare, as an embedding's are; AdamW does not.

## What to do

Lower the weight decay by the factor named, or the dropout to 0.1 to 0.5. Add up all terms of a loss in the same way.

## When this is wrong

At the end of a good training the gradient is small and any decay is large beside it. Moderate dropout keeps the training loss a little above
the validation loss, and that is how it should be.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from tb_lossdiag.evidence import Bars, Curve, Evidence, Fact, Line, Mark
from tb_lossdiag.finding import REMARK, THOUSANDS, Finding, Remedy, about, confidence, percent
from tb_lossdiag.rule import rule
from tb_lossdiag.series import Layers, Series
from tb_lossdiag.signals.loss import Shape
from tb_lossdiag.signals.optimizer import Optimizer
from tb_lossdiag.signals.probe import ModeGap
from tb_lossdiag.signals.structure import LossFunction, Parameters

LEADS = 0.15  # decay against gradient that is doubtful: sound trainings stayed below 0.06 while much of their loss was left ...
RULES = 0.5  # ... and certain: half of what the loss asks for is undone at once
FED = 0.15  # the same for the last layer, which gets its gradient whatever becomes of the others': below it theirs vanishes
USUAL = 0.02  # a decay that a sound training hardly feels
NOTHING = 1e-6  # a decay that small is none
POINTS, USUAL_SIZE = (
    10,
    3.0,
)  # looks at a layer, and root mean square of its first output: a larger one had to come down
FAINT, SILENT = 0.1, 0.04  # of the first size of a layer's output
PENALTY = 0.9
DEAD = 0.2  # share of the weights that get no gradient, from which on a layer's output shrinks for that reason
LEARNT = 0.5  # share of the loss that is left: below it the layers that matter have learnt
LITTLE = 0.02  # share of the loss that is left: below it not even a penalty that rules the weights is worth a remark
LEFT = 0.08  # share of the loss that is left: below it regularisation did no harm
MUCH_LEARNT, FEW = (
    0.7,
    10,
)  # share of the loss that is left, and samples for each parameter: there a strong decay may be right (ridge regression)
SETTLED, FALLEN = 0.2, 0.9  # share of the loss that is left, and of its fall that is made
GROWN = 1.5  # of their first norm: the decay did not keep such weights small, and is as strong as the gradient where the two have settled
SHRUNK = 0.95  # of their first norm: weights that grow are not held down, unless the decay undoes as much as the loss asks for
TRIED = 100  # steps, before which a code may yet wake up
LATE, MOST_UNITS, HUSHED = (
    0.2,
    0.5,
    0.92,
)  # of the run; share of a layer's units; and how sure a penalty on activations makes us then
COUPLED, HALVED = 1e-2, 0.5  # an L2 penalty in Adam's gradient that takes the weights to half of what they were ...
AT_ONCE, NO_GAIN, WITHERED = (
    0.2,
    0.05,
    0.75,
)  # ... in a run that after this part of it gains no more of its loss; and how sure that makes us
ALL = 0.95  # share of the loss that is left: nothing is learnt
THROUGH, DROWNED = (
    0.1,
    0.03,
)  # share of the signal that gets through all dropouts: a tenth is three layers of 0.5, which some networks stand
COMMON = (
    5e-4  # weight decay of SGD in most recipes for pictures (He et al., 2016, 1e-4; Simonyan and Zisserman, 2015, 5e-4)
)
DROPS = 0.5  # dropout that is doubtful, the most that recipes use; the variance that it adds to a unit is p / (1 - p) times its square: 1 here
MOST = 0.8  # ... and certain: 4 times, a fifth of the units is left
MUCH = 0.3  # share of the training loss that is left, where validation is no better: then dropout kept the network from learning at all
SOME = 0.05  # share of the loss that is left, from which a dropout beyond what recipes use is worth a remark
BETTER = 0.1  # share by which the validation loss lies below the training loss
NOISE, HALF, GETS, NOISY = (
    0.35,
    0.5,
    0.15,
    0.75,
)  # share of a batch's training loss that is gone without dropout, of the signal that dropout lets through at most, of the loss that is left; and how sure


@rule(
    cause="Weight decay or dropout is so strong that the network cannot learn.",
    stage="train",
    severity="error",
    remedies=(Remedy("Lower the weight decay by 10 times"), Remedy("Lower the dropout", "nn.Dropout(0.2)")),
    explains=(
        "class-imbalance",
        "insufficient-capacity",
        "uninformative-features",
        "learning-rate-too-low",
        "vanishing-gradient",
        "undertrained",
        "dead-units",
        "label-noise",
        "train-eval-gap",
    ),
)
def over_regularization(
    loss_left: float,
    train_shape: Shape,
    decay_share: Layers | None = None,
    penalty_share: Layers | None = None,
    layer_weights: Layers | None = None,
    eval_shape: Shape | None = None,
    settings: Mapping[str, str | float] | None = None,
    activation_scale: Layers | None = None,
    parameters: Parameters | None = None,
    sample_count: float | None = None,
    optimizer: Optimizer | None = None,
    layer_gradients: Layers | None = None,
    quieted: bool | None = None,
    dead_share: Layers | None = None,
    survives: float | None = None,
    mode_gap: ModeGap | None = None,
    loss_function: LossFunction | None = None,
) -> Finding | None:
    """Decay that outweighs the gradient while the weights shrink; else dropout that only the training loss suffers from, or whose noise is
    most of what is left where amounts are to be told; else a layer that the loss itself silences.
    """
    chosen = settings or {}
    if loss_left > LEFT and quieted and train_shape.level.steps[-1] - train_shape.level.steps[0] >= TRIED:
        hushed = _hushed(dead_share or {})
        if hushed is not None:
            return hushed
    if loss_left > LEFT:
        pulled = (
            (_decayed(_asked(decay_share, parameters), layer_weights, chosen, optimizer), decay_share),
            (_penalised(_asked(penalty_share, parameters), layer_weights), penalty_share),
        )
        for found, share in pulled:
            if found is not None:
                settled = loss_left < SETTLED and not _early(share, train_shape)
                wanted = (
                    loss_left < MUCH_LEARNT and _few(sample_count, parameters) and (found.factor or 0.0) < RULES / USUAL
                )
                return replace(found, severity="info") if settled or wanted else found
        drops = (
            _drowned(train_shape, survives, loss_left),
            _dropped(train_shape, eval_shape, chosen, loss_left),
            _noisy(train_shape, eval_shape, mode_gap, loss_function, survives, loss_left),
        )
        surest = max((each for each in drops if each is not None), key=lambda each: each.confidence, default=None)
        other = surest or _withered(train_shape, layer_weights, optimizer)
        if other is not None:
            return other
    elif loss_left > LITTLE and (found := _penalised(_asked(penalty_share, parameters), layer_weights)) is not None:
        return replace(found, severity="info")
    unused = loss_left < LEARNT and isinstance(decay := chosen.get("weight_decay"), float | int) and decay > NOTHING
    dead = sum(map(_left_alone, (layer_gradients or {}).values())) > DEAD * len(layer_gradients or {})
    silenced = None if dead else _silenced(activation_scale or {}, parameters or (), unused=unused)
    return silenced or _much_dropped(train_shape, chosen, loss_left)


def _few(samples: float | None, parameters: Parameters | None) -> bool:
    """Whether there are few samples for each parameter, so that something has to hold the weights down."""
    count = sum(each.numel for each in parameters or ())
    return samples is not None and samples < FEW * count


def _left_alone(gradient: Series) -> bool:
    """Whether no gradient comes back to a parameter in the end: what shrinks there is dead, for another reason."""
    known = gradient.finite().tail(LATE)
    return len(known) > 0 and float(np.median(known)) == 0


def _early(share: Layers | None, train: Shape) -> bool:
    """Whether the weights were pulled to zero already while the loss fell: where it has settled, decay and gradient are as large as each other."""
    level = train.level
    reached = level.values <= train.first - FALLEN * (train.first - train.best)
    until = int(level.steps[int(np.argmax(reached))]) if reached.any() else int(level.steps[-1])
    before = [each.values[each.steps <= until] for each in (share or {}).values()]
    known = [float(np.nanmedian(each)) for each in before if np.isfinite(each).any()]
    return not known or float(np.median(known)) > LEADS


def _silenced(scale: Layers, parameters: Parameters, *, unused: bool) -> Finding | None:
    """Hidden layers whose output has shrunk to next to nothing: of a hundred sound programs none had one that came below a sixth.

    Where the weights decay and much was learnt, they may be layers that a skip connection has made superfluous (`unused`): a remark.
    """
    own = {each.module for each in parameters}
    kept = {}
    for name, each in list(scale.items())[:-1]:
        values = each.finite().values
        if name in own and len(values) > POINTS and 0 < values[0] < USUAL_SIZE:
            kept[name] = float(np.median(values[-max(3, len(values) // 5) :]) / values[0])
    lowest = min(kept, key=kept.__getitem__, default="")
    sure = confidence(math.log(max(kept.get(lowest, 1.0), 1e-12)), doubtful=math.log(FAINT), certain=math.log(SILENT))
    if not sure > 0.5:  # noqa: PLR2004  (as sure as not)
        return None
    return Finding(
        summary=f"The output of {lowest} has shrunk to {percent(kept[lowest])} of what it was: a term of the loss drives it to zero, and outweighs "
        "what the network is to learn.",
        confidence=min(sure, PENALTY),
        severity="info" if unused else "warning",
        since=0,
        where=[name for name, share in kept.items() if share < FAINT],
        evidence=[
            Bars(
                "Size of each layer's output, as a share of its first", list(kept), list(kept.values()), "share", FAINT
            ),
            Curve("Size of the output", [Line(lowest, "observed", scale[lowest])], "norm", [], "log"),
        ],
        remedies=(
            Remedy(
                "Add up all terms of the loss in the same way: a KL divergence or a penalty that is summed beside an error that is averaged is "
                "too strong by the number of values",
                "loss = F.mse_loss(output, x, reduction='sum') + kl",
                "A layer that goes on telling samples apart.",
            ),
            Remedy("Or lower the weight of the penalty, and raise it slowly", "loss = error + beta * kl"),
        ),
    )


def _hushed(dead: Layers) -> Finding | None:
    """Units that give nothing any more, in a network whose loss asks for small activations."""
    late = {name: float(np.median(each.tail(LATE))) for name, each in dead.items() if len(each)}
    worst = max(late, key=late.__getitem__, default="")
    if not late or not late[worst] > MOST_UNITS:
        return None
    return Finding(
        summary=f"A term of the loss asks for small activations, and has silenced {percent(late[worst])} of the units of {worst}.",
        confidence=HUSHED,
        since=0,
        where=[name for name, share in late.items() if share > MOST_UNITS],
        evidence=[
            Bars("Dead units by layer, end of the run", list(late), list(late.values()), "share", MOST_UNITS),
            Curve("Dead units", [Line(worst, "observed", dead[worst])], "share"),
        ],
        remedies=(
            Remedy(
                "Lower the weight of the penalty on the activations by 10 to 30 times",
                "loss = loss_fn(output, x) + 1e-4 * code.abs().mean()",
                "Units that answer to some of the samples, and a loss that falls.",
            ),
        ),
    )


def _withered(train: Shape, weights: Layers | None, optimizer: Optimizer | None) -> Finding | None:
    """Weights that an L2 penalty in Adam's gradient has taken down by half and more, in a run that soon learns nothing more.

    Adam divides the penalty, too, by the size of past gradients: where those are small or rare, as an embedding's, it pulls as hard as
    the loss (Loshchilov and Hutter 2019, "Decoupled weight decay regularization").
    """
    if optimizer is None or not optimizer.is_adaptive or optimizer.type == "AdamW":
        return None
    decay = max(
        (float(each.get("weight_decay") or 0) for each in optimizer.groups if not each.get("decoupled_weight_decay")),
        default=0.0,
    )
    kept = {
        name: float(each.values[-1] / each.values[0])
        for name, each in (weights or {}).items()
        if len(each) and each.values[0] > 0
    }
    soon = float(train.level.values[int(AT_ONCE * (len(train.level) - 1))])
    if not decay >= COUPLED or soon - train.last > NO_GAIN * train.first:
        return None
    if not kept or not float(np.median(list(kept.values()))) < HALVED:
        return None
    return Finding(
        summary=f"Nothing more is learnt, and the weights have shrunk to {percent(float(np.median(list(kept.values()))))}: {optimizer.type} scales up a weight decay "
        f"of {decay:g} where gradients are small or rare.",
        confidence=WITHERED,
        since=0,
        where=[name for name, share in kept.items() if share < HALVED],
        evidence=[
            Bars(
                "Norm of the weights at the end, as a share of the first",
                list(kept),
                list(kept.values()),
                "share",
                HALVED,
            ),
            Curve(
                "Norm of the weights",
                [Line(name, "observed", each) for name, each in list((weights or {}).items())[:8]],
                "norm",
            ),
        ],
        remedies=(
            Remedy(
                "Decay the weights apart from the gradient, or much less",
                f"torch.optim.AdamW(model.parameters(), lr=lr, weight_decay={decay:g})",
                "Weights that grow, and a loss that falls.",
            ),
        ),
    )


def _asked(share: Layers | None, parameters: Parameters | None) -> Layers:
    """The layers of which the loss asks anything. Of an embedding it asks only for the rows in the batch, so the others count where there are any."""
    asked = {name: each for name, each in (share or {}).items() if np.isfinite(each.values).any()}
    tables = {each.name for each in parameters or () if each.kind == "embedding"}
    return {name: each for name, each in asked.items() if name not in tables} or asked


def _decayed(
    share: Layers | None, weights: Layers | None, settings: Mapping[str, str | float], optimizer: Optimizer | None
) -> Finding | None:
    """Weight decay; not the usual one of SGD, which outweighs nothing but a gradient that is next to none for another reason."""
    decay = settings.get("weight_decay")
    if optimizer is not None and optimizer.type == "SGD" and isinstance(decay, int | float) and decay <= COMMON:
        return None
    return _held_down(
        share,
        weights,
        "The weight decay is {} times too strong: it pulls {} times as hard as the loss does.",
        "Weight decay against gradient, its strongest lasting part",
        lambda factor: Remedy(
            _lower(settings.get("weight_decay"), factor),
            "",
            "The norm of the weights grows, and the loss falls further.",
        ),
    )


def _penalised(share: Layers | None, weights: Layers | None) -> Finding | None:
    return _held_down(
        share,
        weights,
        "The penalty on the weights that is added to the loss is {} times too strong: it pulls {} times as hard as the loss function does.",
        "Penalty against gradient, its strongest lasting part",
        lambda factor: Remedy(
            f"Lower the factor of the penalty by {about(factor)} times",
            "loss = loss_fn(output, target) + factor * sum(w.square().sum() for w in weights)",
            "The norm of the weights grows, and the loss falls further.",
        ),
    )


def _held_down(
    share: Layers | None, weights: Layers | None, summary: str, title: str, remedy: Callable[[float], Remedy]
) -> Finding | None:
    """What pulls the weights to zero, by layer as a share of the loss's gradient, where it outweighs that or the weights have shrunk."""
    if not share or not weights:
        return None
    strongest = {name: max(_parts(each)) for name, each in share.items() if len(each)}
    kept = {
        name: float(each.values[-1] / each.values[0])
        for name, each in weights.items()
        if name in strongest and len(each) and each.values[0] > 0
    }
    middle = float(np.median(list(strongest.values()))) if strongest else math.nan
    norm = float(np.median(list(kept.values()))) if kept else math.nan
    last = list(strongest.values())[-1] if strongest else 0.0
    sure = min(
        confidence(math.log(max(middle, 1e-12)), doubtful=math.log(LEADS), certain=math.log(RULES)),
        confidence(math.log(max(last, 1e-12)), doubtful=math.log(FED / 2), certain=math.log(FED)),
    )
    if not sure > 0.5:  # noqa: PLR2004  (as sure as not)
        return None
    held = norm < SHRUNK or (middle > RULES and norm < GROWN)
    factor = middle / USUAL
    return Finding(
        summary=summary.format(about(factor), f"{middle:.2g}" if middle < THOUSANDS else about(middle)),
        confidence=sure if held else max(sure, REMARK),
        severity=None if held else "info",
        since=0,
        where=[name for name, each in strongest.items() if each > LEADS],
        evidence=[
            Bars(title, list(strongest), list(strongest.values()), "ratio", LEADS, "log"),
            Curve(
                "Norm of the weights",
                [Line(name, "observed", each) for name, each in list(weights.items())[:8]],
                "norm",
            ),
        ],
        remedies=(remedy(factor),),
        factor=factor,
    )


def _lower(decay: object, factor: float) -> str:
    """What to do about the decay, with numbers where it is known."""
    if not isinstance(decay, (int, float)):
        return f"Lower the weight decay by {about(factor)} times"
    if decay < NOTHING * factor:
        return f"Turn the weight decay off: it is {decay:g}, and a usual one would still be too strong here"
    return f"Lower the weight decay from {decay:g} to about {decay / factor:.1g}"


def _parts(share: Series) -> list[float]:
    """The medians of the second quarter and of the second half: once the gradient has shrunk, and once all has settled."""
    count = len(share)
    quarter = share.values[count // 4 : max(count // 2, count // 4 + 1)]
    return [float(np.median(quarter)), float(np.median(share.tail(0.5)))]


def _much_dropped(train: Shape, settings: Mapping[str, str | float], left: float) -> Finding | None:
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


def _drowned(train: Shape, survives: float | None, left: float) -> Finding | None:
    """Dropout after dropout, each no stronger than others use, in a network that learns nothing at all."""
    if survives is None or left < ALL or train.level.steps[-1] - train.level.steps[0] < TRIED:
        return None
    sure = confidence(-math.log(survives), doubtful=-math.log(THROUGH), certain=-math.log(DROWNED))
    if not sure > 0.5:  # noqa: PLR2004  (as sure as not)
        return None
    return Finding(
        summary=f"The dropout layers leave {percent(survives)} of the signal, one after the other, and nothing is learnt.",
        confidence=min(sure, PENALTY),
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


def _noisy(
    train: Shape,
    evaluation: Shape | None,
    gap: ModeGap | None,
    loss: LossFunction | None,
    survives: float | None,
    left: float,
) -> Finding | None:
    """Dropout no stronger than classifiers use, where amounts are to be told: the noise that it adds is a good part of the error."""
    if gap is None or loss is None or evaluation is None or not loss.is_distance or survives is None:
        return None
    noise = gap.late > NOISE and train.last - evaluation.last > NOISE * train.last
    if not noise or survives > HALF or left < GETS:
        return None
    return Finding(
        summary=f"{percent(gap.late)} of the training loss is the noise of dropout, which lets {percent(survives)} of the signal through: amounts do not bear "
        "what classes do.",
        confidence=NOISY,
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


def _dropped(
    train: Shape, evaluation: Shape | None, settings: Mapping[str, str | float], left: float
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
    if better or left > MUCH:
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
