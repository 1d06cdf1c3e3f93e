"""Weights on a wrong scale, by their gain, by what they do to the activations, and by the first loss."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

from tb_lossdiag.evidence import Bars, Evidence, Fact
from tb_lossdiag.finding import REMARK, Finding, Remedy, about, confidence
from tb_lossdiag.rules.bad_initialization.alike import MATRIX
from tb_lossdiag.series import Layers, Series, middle
from tb_lossdiag.signals.structure import Modules, Parameter

__all__ = ["HELD", "NOTHING", "first", "loud", "quiet", "scaled", "single", "swelling", "wrapped"]

WIDEST = (
    2.0  # gain std * sqrt(fan_in): LeCun 1, He 1.41, PyTorch's own default 0.58; LayerNorm-era transformers about 0.55
)
NARROWEST = 0.2
DOUBTFUL = 2.0  # times beyond that range, the median over the hidden layers
CERTAIN = 5.0
FORGIVEN = 4.0  # with normalisation layers the scale must be further off by this
CHANCE = 2.0  # times the loss of a network that puts out zeros: a first loss that a sane network hardly has (Karpathy: verify the loss at init) ...
HOPELESS = 6.0  # ... and cannot have
HIGH, HIGHER = 1.5, 3.0  # the same in a run that gets nowhere: a sound first loss is within a fifth of it
HELD = 0.6  # share of the loss that is left there
FADING, DEPTH = 0.3, 6  # gain of the hidden layers, half of PyTorch's own, and layers that such weights add up over ...
FADED, GONE = -2.5, -4.0  # ... to this logarithm of what the last hidden layer puts out over what the first does
SWOLLEN, BURST = 10.0, 60.0  # the same the other way: the largest output of a layer over the first one's
NOTHING, SEVERAL = 0.97, 3  # share of the loss that is left, and layers of small weights: ...
MORE = 0.25  # ... by how much surer both make us that these are why
ALIGNED = 1 / math.pi  # squared mean over mean square of what a ReLU makes of a normal distribution around zero
FAR_OFF, LATE = 30.0, 0.1  # first loss over the last ones, and those as a share of the run
# times beyond the usual range, of one layer among others that begin as usual, in a run whose first loss is hopeless, and how sure both make us
ALONE, SURE = 5.0, 0.9
LOUD = 1.5  # gain of some hidden layer above which a high first loss is the weights' doing


def wrapped(hidden: list[Parameter], modules: Modules) -> bool:
    """Whether layers stand alone in modules of the user's own, which may multiply what they put out."""
    own = {each.name for each in modules if each.name and each.children == 1 and each.type != "Sequential"}
    return any(each.module.rpartition(".")[0] in own for each in hidden)


def swelling(scales: Layers | None, loss: Series | None) -> Finding | None:
    """A remark on what grows from layer to layer whatever its weights are, as sums over many neighbours do, in a run whose loss had a long way to come down."""
    known = {name: float(each.values[0]) for name, each in (scales or {}).items() if len(each)}
    begun, last = first(loss), middle(loss.tail(LATE)) if loss is not None and len(loss) else math.nan
    if len(known) < SEVERAL or begun is None or not 0 < last * FAR_OFF < begun:
        return None
    names = list(known)
    low, high = known[names[0]], known[names[-1]]
    if not (high > BURST * low > 0 and high >= max(known.values()) / HOPELESS):
        return None
    return Finding(
        summary=f"What passes grows {about(high / low)} times from {names[0]} to {names[-1]} before the first step, and the first loss is {begun:,.3g}, where the last "
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


def scaled(
    hidden: list[Parameter],
    modules: Modules | None,
    scale: Layers | None,
    first: float | None,
    blank: float | None,
    *,
    alone: bool = False,
    stuck: bool = False,
    held: bool = False,
) -> Finding | None:
    """Weights on a wrong scale: by how many times beyond the usual range, in the middle of the hidden layers. One that stands alone may begin at zero.

    In a run that learns nothing (`stuck`), small weights in several layers are more than a suspicion; in one that has most of its loss left (`held`), a
    first loss is sooner too high.
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
        chance, hopeless = (HIGH, HIGHER) if held else (CHANCE, HOPELESS)
        high = confidence(math.log(first / blank), doubtful=math.log(chance), certain=math.log(hopeless))
        sure = min(0.99, max(sure, high) + 0.1 * (min(sure, high) > 0.5))  # noqa: PLR2004  (as sure as not)
    if sure > 0.5:  # noqa: PLR2004  (as sure as not)
        evidence: list[Evidence] = [_shown(gains)]
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


def single(
    hidden: list[Parameter], modules: Modules | None, first: float | None, blank: float | None
) -> Finding | None:
    """One layer that multiplies what passes many times over, which the first loss shows."""
    gains = {each.name: _gain(each) for each in hidden if each.init_std}
    normed = any("Norm" in each.type for each in modules or ())
    if normed or len(gains) <= 1 or first is None or not blank or not first > HOPELESS * blank > 0:
        return None
    name = max(gains, key=gains.__getitem__)
    if not gains[name] > ALONE * WIDEST:
        return None
    return Finding(
        summary=f"The weights of {name} start {about(gains[name])} times too large, and the first loss is {first:,.3g}, where a network that puts out zeros has "
        f"{blank:,.3g}.",
        confidence=SURE,
        since=0,
        where=[name],
        evidence=[_shown(gains), Fact("First loss", first, "loss", blank, "of a network that puts out zeros")],
        factor=gains[name],
    )


def _shown(gains: Mapping[str, float]) -> Bars:
    return Bars(
        "Gain of the weights at the start (spread times root of inputs)",
        list(gains),
        list(gains.values()),
        "ratio",
        1.0,
        "log",
    )


def _swells(gain: float, scale: Layers | None) -> float:
    """How sure that activations grow from layer to layer, each layer of weights being a little too large."""
    start = [float(each.values[0]) for each in (scale or {}).values() if len(each)]
    if gain < LOUD or len(start) < DEPTH or not start[0] > 0 or not math.isfinite(max(start)):
        return 0.0
    return confidence(math.log(max(start) / start[0]), doubtful=math.log(SWOLLEN), certain=math.log(BURST))


def loud(own: list[Parameter], first: float | None, blank: float | None) -> Finding | None:
    """Matrices that are no layer's, as of a network that is written with functions: what each is for nobody tells, but the first loss what comes of them.

    Which of the axes is that of the inputs is not known, unless they make a chain: the shorter one is taken for it.
    """
    inputs = _chain(own) or [
        replace(each, fan_in=min(each.fan_in or 1, each.fan_out or each.fan_in or 1)) for each in own
    ]
    if len(inputs) <= 1 or first is None or not blank or not first > HOPELESS * blank > 0:
        return None
    return scaled(inputs[:-1], None, None, first, blank)


def quiet(own: list[Parameter], *, stuck: bool) -> Finding | None:
    """Matrices of the same sort that are too small, several in a chain, in a run that learns nothing."""
    chain = _chain([each for each in own if each.init_std])
    return scaled(chain[:-1], None, None, None, None, stuck=True) if stuck and len(chain) > SEVERAL else None


def _chain(own: list[Parameter]) -> list[Parameter]:
    """Matrices of which each takes what the one before puts out, with the axis of inputs that this tells; none where they do not fit."""
    shapes = [each.shape for each in own if len(each.shape) == MATRIX]
    if len(shapes) < len(own):
        return []
    for inputs in (1, 0):  # W @ x, as torch's layers keep theirs, or x @ W
        if all(one[1 - inputs] == next_[inputs] for one, next_ in pairwise(shapes)):
            return [replace(each, fan_in=each.shape[inputs]) for each in own]
    return []


def _gain(weights: Parameter) -> float:
    """By how much a layer of these weights multiplies the scale of what a ReLU passes on: spread times root of inputs, and what a mean adds up to."""
    inputs = weights.fan_in or 1
    return math.sqrt(inputs * (weights.init_std or 0.0) ** 2 + ALIGNED * (inputs * (weights.init_mean or 0.0)) ** 2)


def _fades(gain: float, scale: Layers | None) -> float:
    """How sure activations make us that grow smaller from layer to layer, until nothing is left of them, where weights are below half of torch's own."""
    start = [float(each.values[0]) for each in (scale or {}).values() if len(each)]
    if not gain < FADING or len(start) < DEPTH or not start[0] > 0 or not start[-2] > 0:
        return 0.0
    first = min(start[0], 1.0)  # what raw inputs make of it is not the weights' doing
    return confidence(math.log10(start[-2] / first), doubtful=FADED, certain=GONE)


def first(train_loss: Series | None) -> float | None:
    """The first loss of all."""
    return float(train_loss.values[0]) if train_loss is not None and len(train_loss) else None
