"""# Bad initialisation

## What you see

The first loss is far from what guessing gives, or activations shrink or grow from layer to layer. With weights that are
all alike the loss stays where it is.

## Why it happens

Each layer multiplies the scale of what passes by about the spread of its weights times the square root of its inputs. Far from one,
a few layers are enough to lose the signal or blow it up. Weights that are all positive, as `torch.rand` draws them, do not even out: what passes
grows with the number of inputs. Units that start with the same weights stay the same for ever. A loop over all parameters that also draws the scales of
normalisation layers around zero makes each of them shrink what passes.

## What to do

Initialise for the activation in use: He (2015) for ReLU, Glorot (2010) for tanh and sigmoid; biases at zero.

## When this is wrong

The last layer, and the last layer of a residual block, may start at zero on purpose. Normalisation layers forgive most scales.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np

from tb_lossdiag.evidence import Bars, Evidence, Fact, Table
from tb_lossdiag.finding import REMARK, Finding, Remedy, about, confidence
from tb_lossdiag.rule import rule
from tb_lossdiag.series import Layers, Series, middle
from tb_lossdiag.signals.structure import Modules, Parameter, Parameters

WIDEST = (
    2.0  # gain std * sqrt(fan_in): LeCun 1, He 1.41, PyTorch's own default 0.58; LayerNorm-era transformers about 0.55
)
NARROWEST = 0.2
DOUBTFUL = 2.0  # times beyond that range, the median over the hidden layers
CERTAIN = 5.0
ALIKE = 0.5  # share of the hidden weight tensors whose rows are all the same; residual blocks start up to half at zero
FORGIVEN = 4.0  # with normalisation layers the scale must be further off by this
CHANCE = 2.0  # times the loss of a network that puts out zeros: a first loss that a sane network hardly has (Karpathy: verify the loss at init) ...
HOPELESS = 6.0  # ... and cannot have
OVERCOME = 0.02  # share of the loss that is left: below it the start was overcome
GROWN = 0.1  # the same of weights that begin small, whose activation may multiply by itself, as a sine of 30 times its input does (Sitzmann et al. 2020)
MENDED = 0.4  # the same of normalisations, whose few scales are soon learnt: DnCNN starts them small, and is fine
FADING, DEPTH = 0.3, 6  # gain of the hidden layers, half of PyTorch's own, and layers that such weights add up over ...
FADED, GONE = -2.5, -4.0  # ... to this logarithm of what the last hidden layer puts out over what the first does
SWOLLEN, BURST = 10.0, 60.0  # the same the other way: the largest output of a layer over the first one's
NOTHING, SEVERAL = 0.97, 3  # share of the loss that is left, and layers of small weights: ...
MORE = 0.25  # ... by how much surer both make us that these are why
WIDE, SPREAD = 0.3, 0.05  # of embeddings at the start: torch's own is 1; GPT-2's 0.02, fastai's 0.01
HIGH, HIGHEST = 3.0, 10.0  # first loss over that of a network that puts out zeros, where embeddings may be the reason
ALIGNED = 1 / math.pi  # squared mean over mean square of what a ReLU makes of a normal distribution around zero
UNLEARNT = 0.6  # share of the loss that is left
MATRIX = 2  # axes
SCALES = {"weight", "gamma", "scale", "g"}  # as what a normalisation multiplies by is called
SOME = 16  # weights of a layer: of fewer, luck may decide their signs
ONE_SIDED = 0.85  # networks that are made to rise with each input want it so
DRAWN = 1e-3  # spread of scales that were drawn: a last one of zero in each block is a recipe, and has none
MUTED = 0.93  # by definition nearly: scales that were learnt before are seldom as much below zero as above
FOREVER, ROUNDING = (
    0.95,
    1e-5,
)  # sure by definition: units alike on both sides; spread of equal float32 numbers over their size
FAR_OFF, LATE = 30.0, 0.1  # first loss over the last ones, and those as a share of the run
LOUD = 1.5  # gain of some hidden layer above which a high first loss is the weights' doing


@rule(
    cause="The weights start all alike, far too large or far too small.",
    stage="setup",
    severity="error",
    remedies=(
        Remedy(
            "Initialise for the activation in use",
            "for m in model.modules():\n    if isinstance(m, (nn.Linear, nn.Conv2d)):\n"
            '        nn.init.kaiming_normal_(m.weight, nonlinearity="relu")\n        nn.init.zeros_(m.bias)',
            "The scale of the activations stays within a factor of two from layer to layer, and the first loss is near chance.",
        ),
    ),
    explains=(
        "class-imbalance",
        "label-noise",
        "vanishing-gradient",
        "exploding-gradient",
        "saturated-units",
        "dead-units",
        "learning-rate-too-high",
        "learning-rate-too-low",
        "over-regularization",
        "non-finite-values",
        "undertrained",
        "insufficient-capacity",
        "uninformative-features",
        "parameters-not-updated",
    ),
)
def bad_initialization(
    parameters: Parameters,
    modules: Modules | None = None,
    activation_scale: Layers | None = None,
    train_loss: Series | None = None,
    blank_loss: float | None = None,
    loss_left: float | None = None,
    stacked: bool | None = None,
) -> Finding | None:
    """Identical rows first, which only targets of their own could set apart; then the gain of the hidden layers' weights, and what it does to the activations and the first loss."""
    trainable = [each for each in parameters if each.trainable and each.fan_in and not each.of_weight_norm]
    weights = [each for each in trainable if each.kind in {"weight", "recurrent"}]
    if not weights and stacked is not False:  # else nothing is a layer: places and colours of what is drawn
        weights = list(filter(_one_sided, trainable))
    own = [] if weights else [each for each in trainable if each.kind == "other" and len(each.shape) >= MATRIX]
    hidden = weights[:-1] if len(weights) > 1 else weights
    embedded = _embedded(parameters, _first(train_loss), blank_loss)
    muted = _muted([each for each in parameters if each.trainable and each.kind == "norm"])
    if muted is not None:
        return _softened(muted, loss_left, MENDED)
    symmetric = _identical(trainable, own, hidden, loss_left, stacked=stacked is not False)
    if symmetric is not None:
        return symmetric
    if not hidden:
        return _softened(_loud(own, _first(train_loss), blank_loss) or embedded, loss_left)
    twins = [one for one, next_ in pairwise(weights) if _constant(one) and one.init_abs_max and _constant(next_)]
    if stacked is not False and twins:
        return _softened(_alike_for_good(twins), loss_left)
    first, stuck = _first(train_loss), loss_left is not None and loss_left > NOTHING
    scaled = _scaled(hidden, modules, activation_scale, first, blank_loss, alone=len(weights) == 1, stuck=stuck)
    small = scaled is not None and (scaled.factor or 1.0) < 1
    least = GROWN if small and _wrapped(hidden, modules or ()) else OVERCOME
    return _softened(scaled or _positive(hidden) or embedded, loss_left, least) or _swelling(
        activation_scale, train_loss
    )


def _wrapped(hidden: list[Parameter], modules: Modules) -> bool:
    """Whether layers stand alone in modules of the user's own, which may multiply what they put out."""
    own = {each.name for each in modules if each.name and each.children == 1 and each.type != "Sequential"}
    return any(each.module.rpartition(".")[0] in own for each in hidden)


def _swelling(scales: Layers | None, loss: Series | None) -> Finding | None:
    """A remark on what grows from layer to layer whatever its weights are, as sums over many neighbours do, in a run whose loss had a long way to come down."""
    known = {name: float(each.values[0]) for name, each in (scales or {}).items() if len(each)}
    first, last = _first(loss), middle(loss.tail(LATE)) if loss is not None and len(loss) else math.nan
    if len(known) < SEVERAL or first is None or not 0 < last * FAR_OFF < first:
        return None
    names = list(known)
    low, high = known[names[0]], known[names[-1]]
    if not (high > BURST * low > 0 and high >= max(known.values()) / HOPELESS):
        return None
    return Finding(
        summary=f"What passes grows {about(high / low)} times from {names[0]} to {names[-1]} before the first step, and the first loss is {first:,.3g}, where the last "
        f"ones are {last:.3g}.",
        confidence=REMARK,
        since=0,
        severity="info",
        where=names,
        evidence=[
            Bars("Scale of the activations by layer, at the start", names, list(known.values()), "value", None, "log")
        ],
        remedies=(
            Remedy(
                "Normalise in each layer, or average where sums are taken",
                "nn.LayerNorm(width)",
                "The scale of the activations stays within a factor of two from layer to layer, and the first loss is near chance.",
            ),
        ),
    )


def _identical(
    trainable: list[Parameter], own: list[Parameter], hidden: list[Parameter], left: float | None, *, stacked: bool
) -> Finding | None:
    """Weights whose rows are all the same: those that the user has made, where there are no others or nothing is learnt; else most of the hidden ones."""
    still = [each for each in own if each.identical_rows]
    if len(own) > 1 and len(still) == len(own):
        return _symmetric(still, len(own))
    ones = [each for each in trainable if each.kind == "other" and _matrix_of_one_value(each)]
    if len(ones) > 1 and left is not None and left > UNLEARNT:
        return _symmetric(ones, len(own) or len(hidden) + len(ones))
    alike = [each for each in hidden if each.identical_rows]
    return _symmetric(alike, len(hidden)) if hidden and stacked and len(alike) / len(hidden) > ALIKE else None


def _softened(found: Finding | None, left: float | None, least: float = OVERCOME) -> Finding | None:
    """A start that was overcome is worth a remark: less than this is left of the loss."""
    overcome = found is not None and left is not None and left < least
    return replace(found, severity="info") if found is not None and overcome else found


def _embedded(parameters: Parameters, first: float | None, blank: float | None) -> Finding | None:
    """Embeddings that start with a spread of 1, as torch draws them, where they are multiplied with each other: the first loss tells."""
    wide = {
        each.name: each.init_std for each in parameters if each.kind == "embedding" and (each.init_std or 0.0) > WIDE
    }
    if not wide or first is None or not blank or blank < 0 or not first > 0:
        return None
    sure = confidence(math.log(first / blank), doubtful=math.log(HIGH), certain=math.log(HIGHEST))
    if not sure > 0.5:  # noqa: PLR2004  (as sure as not)
        return None
    return Finding(
        summary=f"Embeddings start with a spread of {max(filter(None, wide.values())):.2g}, and the first loss is {first:.3g}, where a network that puts out zeros "
        f"has {blank:.3g}.",
        confidence=sure,
        since=0,
        where=list(wide),
        evidence=[
            Bars(
                "Spread of the embeddings at the start",
                list(wide),
                [float(each or 0.0) for each in wide.values()],
                "value",
                SPREAD,
            ),
            Fact("First loss", first, "loss", blank, "of a network that puts out zeros"),
        ],
        remedies=(
            Remedy(
                "Let embeddings start small",
                f"nn.init.normal_(embedding.weight, std={SPREAD})",
                "A first loss near that of a blind guess.",
            ),
        ),
    )


def _muted(norms: list[Parameter]) -> Finding | None:
    """Normalisations whose scales were drawn around zero, as the weights of other layers are: each shrinks what passes, and turns the sign of half."""
    scales = [each for each in norms if each.name.rpartition(".")[2] in SCALES and each.init_std is not None]
    drawn = [
        each
        for each in scales
        if (each.init_std or 0.0) > DRAWN and abs(each.init_mean or 0.0) < (each.init_std or 0.0)
    ]
    if not drawn or len(drawn) <= ALIKE * len(scales):
        return None
    size = float(np.median([each.init_std or 0.0 for each in drawn]))
    return Finding(
        summary=f"{len(drawn)} of {len(scales)} normalisation layers start with scales around 0 (spread {size:.2g}), where 1 is usual: each of them makes "
        f"what passes {about(1 / size)} times smaller.",
        confidence=MUTED,
        since=0,
        where=[each.name for each in drawn],
        evidence=[
            Bars(
                "Mean scale of the normalisation layers at the start",
                [each.name for each in scales],
                [float(each.init_mean or 0.0) for each in scales],
                "ratio",
                1.0,
            )
        ],
        remedies=(
            Remedy(
                "Leave normalisation layers as torch makes them: scales of 1, shifts of 0",
                "if isinstance(module, nn.LayerNorm):\n    nn.init.ones_(module.weight)\n    nn.init.zeros_(module.bias)",
                "A gradient of the same size in all layers.",
            ),
        ),
    )


def _matrix_of_one_value(weights: Parameter) -> bool:
    """Whether it is made by hand, several units wide on both sides, and the same number throughout, but not zero, as additions to a layer may be."""
    return (
        min(weights.shape, default=0) > 1
        and len(weights.shape) >= MATRIX
        and bool(weights.init_abs_max)
        and _constant(weights)
    )


def _constant(weights: Parameter) -> bool:
    """Whether all of them have the same value: not a zero alone, units that also lead on alike get the same gradient for ever."""
    return weights.identical_rows and (weights.init_std or 0.0) <= ROUNDING * (weights.init_abs_max or 0.0)


def _alike_for_good(twins: list[Parameter]) -> Finding:
    first = twins[0]
    return replace(
        _symmetric(twins, len(twins)),
        summary=f"All weights of {first.name} start at {first.init_abs_max:g}, and those of the layer behind it are equal, too: its {first.shape[0]} units get "
        "the same gradient and stay alike for good.",
        confidence=FOREVER,
    )


def _symmetric(alike: list[Parameter], count: int) -> Finding:
    value = "zero" if all(each.init_abs_max == 0 for each in alike) else "the same"
    return Finding(
        summary=f"{len(alike)} of {count} hidden layers start with all units alike (weights {value}), {alike[0].name} first.",
        confidence=confidence(len(alike) / count, doubtful=ALIKE, certain=0.8),
        since=0,
        where=[each.name for each in alike],
        evidence=[
            Table(
                "Layers whose units all start with the same weights",
                ["parameter", "largest absolute weight"],
                [[each.name, each.init_abs_max or 0.0] for each in alike],
            )
        ],
    )


def _scaled(
    hidden: list[Parameter],
    modules: Modules | None,
    scale: Layers | None,
    first: float | None,
    blank: float | None,
    *,
    alone: bool = False,
    stuck: bool = False,
) -> Finding | None:
    """Weights on a wrong scale: by how many times beyond the usual range, in the middle of the hidden layers. One that stands alone may begin at zero.

    In a run that learns nothing (`stuck`), small weights in several layers are more than a suspicion.
    """
    gains = {each.name: _gain(each) for each in hidden if each.init_std}
    if not gains:
        return None
    order = sorted(gains.values())
    gain = order[len(order) // 2]
    if alone and gain < 1:
        return None
    beyond = max(gain / WIDEST, NARROWEST / gain)
    normed = any("Norm" in each.type for each in modules or ())
    if normed:
        beyond /= FORGIVEN
    sure = confidence(math.log(beyond), doubtful=math.log(DOUBTFUL), certain=math.log(CERTAIN))
    if stuck and gain < 1 and len(gains) >= SEVERAL and sure > 0:
        sure = min(sure + MORE, 0.99)
    sure = max(sure, _fades(gain, scale), _swells(gain, scale)) if not normed else sure
    if first is not None and blank is not None and first > 0 and gain > LOUD:
        high = confidence(math.log(first / blank), doubtful=math.log(CHANCE), certain=math.log(HOPELESS))
        sure = min(0.99, max(sure, high) + 0.1 * (min(sure, high) > 0.5))  # noqa: PLR2004  (as sure as not)
    if sure > 0.5:  # noqa: PLR2004  (as sure as not)
        usual = 1.0
        evidence: list[Evidence] = [
            Bars(
                "Gain of the weights at the start (spread times root of inputs)",
                list(gains),
                list(gains.values()),
                "ratio",
                usual,
                "log",
            )
        ]
        if scale:
            start = {name: float(each.values[0]) for name, each in scale.items()}
            evidence.append(
                Bars(
                    "Activation scale at the first step, by layer",
                    list(start),
                    list(start.values()),
                    "norm",
                    1.0,
                    "log",
                )
            )
        if first is not None and blank is not None:
            evidence.append(Fact("First loss", first, "loss", blank, "of a network that puts out zeros"))
        word = "large" if gain > 1 else "small"
        times = max(gain, 1 / gain)
        return Finding(
            summary=f"The weights start about {times:.2g} times too {word}: the median gain of the hidden layers is {gain:.2g}, where 1 is usual.",
            confidence=sure,
            since=0,
            where=[name for name, each in gains.items() if max(each / WIDEST, NARROWEST / each) > DOUBTFUL],
            evidence=evidence,
            factor=gain,
        )
    return None


def _swells(gain: float, scale: Layers | None) -> float:
    """How sure that activations grow from layer to layer, each layer of weights being a little too large."""
    start = [float(each.values[0]) for each in (scale or {}).values() if len(each)]
    if gain < LOUD or len(start) < DEPTH or not start[0] > 0 or not math.isfinite(max(start)):
        return 0.0
    return confidence(math.log(max(start) / start[0]), doubtful=math.log(SWOLLEN), certain=math.log(BURST))


def _positive(hidden: list[Parameter]) -> Finding | None:
    """Weights that all have one sign: every unit answers to the same sum of what comes in, whatever their scale."""
    same = [each for each in hidden if abs(each.init_mean or 0.0) > (each.init_std or 0.0) > 0 and each.numel >= SOME]
    if len(same) <= ALIKE * len(hidden):
        return None
    return Finding(
        summary=f"The weights of {len(same)} of {len(hidden)} hidden layers start on one side of zero, {same[0].name} first (mean "
        f"{same[0].init_mean or 0.0:.2g}): all units of a layer answer alike.",
        confidence=ONE_SIDED,
        since=0,
        where=[each.name for each in same],
        evidence=[
            Bars(
                "Mean over spread of the weights at the start",
                [each.name for each in same],
                [float((each.init_mean or 0.0) / (each.init_std or 1.0)) for each in same],
                "ratio",
                0.0,
            )
        ],
        remedies=(
            Remedy(
                "Draw weights around zero",
                "nn.init.kaiming_uniform_(layer.weight)",
                "Units of a layer that differ, and a gradient that reaches the first layers.",
            ),
        ),
    )


def _loud(own: list[Parameter], first: float | None, blank: float | None) -> Finding | None:
    """Matrices that are no layer's, as of a network that is written with functions: what each is for nobody tells, but the first loss what comes of them.

    Which of the axes is that of the inputs is not known: the shorter one is taken for it.
    """
    inputs = [replace(each, fan_in=min(each.fan_in or 1, each.fan_out or each.fan_in or 1)) for each in own]
    if len(inputs) <= 1 or first is None or not blank or not first > HOPELESS * blank > 0:
        return None
    return _scaled(inputs[:-1], None, None, first, blank)


def _gain(weights: Parameter) -> float:
    """By how much a layer of these weights multiplies the scale of what a ReLU passes on: spread times root of inputs, and what a mean adds up to."""
    inputs = weights.fan_in or 1
    return math.sqrt(inputs * (weights.init_std or 0.0) ** 2 + ALIGNED * (inputs * (weights.init_mean or 0.0)) ** 2)


def _one_sided(parameter: Parameter) -> bool:
    """Whether this is a matrix of the user's own whose values lie on one side of zero, as `torch.rand` draws them."""
    mean, std = parameter.init_mean, parameter.init_std
    matrix = parameter.kind == "other" and len(parameter.shape) == MATRIX
    return matrix and mean is not None and std is not None and abs(mean) > std > 0


def _fades(gain: float, scale: Layers | None) -> float:
    """How sure activations make us that grow smaller from layer to layer, until nothing is left of them, where weights are below half of torch's own."""
    start = [float(each.values[0]) for each in (scale or {}).values() if len(each)]
    if not gain < FADING or len(start) < DEPTH or not start[0] > 0 or not start[-2] > 0:
        return 0.0
    first = min(start[0], 1.0)  # what raw inputs make of it is not the weights' doing
    return confidence(math.log10(start[-2] / first), doubtful=FADED, certain=GONE)


def _first(train_loss: Series | None) -> float | None:
    return float(train_loss.values[0]) if train_loss is not None and len(train_loss) else None
