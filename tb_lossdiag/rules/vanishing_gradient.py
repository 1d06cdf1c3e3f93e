"""# Vanishing gradient

## What you see

The loss stays flat or creeps. The last layers change, the first ones hardly do: their gradient is thousands of times
smaller.

## Why it happens

On its way back the gradient is multiplied once for each layer. Sigmoid passes on at most a quarter of it, tanh less than
all of it, and weights that are too small shrink it further; ten such factors leave nothing for the first layers.

## What to do

Use activations that pass the gradient on (ReLU, GELU), initialise for them (He et al., 2015), and give a deep network
normalisation layers or skip connections.

## When this is wrong

All layers' gradients shrink together when a network has converged: that is not this. A network with an adaptive
optimizer can learn in spite of a steep profile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

import numpy as np

from tb_lossdiag.evidence import Bars, Evidence, Heatmap
from tb_lossdiag.finding import Finding, Remedy, confidence
from tb_lossdiag.rule import rule
from tb_lossdiag.series import Layers, Series, middle
from tb_lossdiag.signals.structure import Modules, Parameter, Parameters

PART = 3  # layers of an actor or a critic: fewer of the same shapes may as well follow each other
LAYERS = 3  # with fewer there is no depth to vanish over
DOUBTFUL = -2.5  # log10(first / last): healthy networks stay above -2 ...
CERTAIN = -4.0  # ... AutoTrainer calls 1e-3 vanishing (monitor.py), and ten sigmoids reach 1e-7
# where the profile was steep from the start and ends like this, it is no profile that a failed network settles into
DEEP, NOTHING, LOST = -2.0, 1e-6, 0.85
EARLY = 0.3  # of the run: later, a network that failed to learn has settled into whatever profile
MILLION = 1e6  # beyond it nobody counts digits
YOUNG = 100  # steps
LEARNT, SURE = 0.6, 0.9  # share of the loss that is left, and confidence
SQUASHING = {"Sigmoid", "Tanh", "Softsign", "Hardsigmoid", "Hardtanh"}


RECTIFYING = {"CELU", "ELU", "GELU", "LeakyReLU", "Mish", "PReLU", "ReLU", "SELU", "SiLU"}
UNSQUASH = Remedy("Use ReLU or GELU instead of saturating activations", "nn.ReLU()")
OTHERWISE = (
    Remedy("Add normalisation layers", "nn.LayerNorm(width)  # or nn.BatchNorm1d(width), after each hidden layer"),
    Remedy("Add skip connections", "x = x + block(x)"),
)


@rule(
    cause="The gradient shrinks on its way back, so that the first layers hardly learn.",
    stage="train",
    severity="error",
    symptom=True,
    remedies=(UNSQUASH, *OTHERWISE),
    explains=(
        "parameters-not-updated",
        "class-imbalance",
        "learning-rate-too-low",
        "undertrained",
        "uninformative-features",
        "label-noise",
    ),
)
def vanishing_gradient(
    layer_gradients: Layers,
    modules: Modules | None = None,
    parameters: Parameters | None = None,
    loss_left: float | None = None,
) -> Finding | None:
    """The first layers' gradient against the largest of the later layers', over the first part of the run, in each model by itself."""
    known = {each.name: each for each in parameters or ()}
    found = [
        finding
        for each in _branches(layer_gradients, known)
        if (finding := _vanishing(each, modules, _arrives(layer_gradients, known, next(iter(each), "")))) is not None
    ]
    most = max(found, key=lambda each: each.confidence, default=None)
    young = max((int(each.steps[-1]) for each in layer_gradients.values() if len(each)), default=0) < YOUNG
    learns = young or (loss_left is not None and loss_left < LEARNT)  # as a recurrent one does after a plateau
    if most is not None and most.confidence < SURE and learns:
        return replace(most, severity="info")
    return most


def _branches(gradients: Layers, known: Mapping[str, Parameter]) -> list[dict[str, Series]]:
    """The layers model by model, and branch by branch: one begins where a layer takes what the first one takes, and not what the one before
    it puts out, as the critic does beside an actor. Embeddings are none of them: few of their rows are in a batch.
    """
    found: dict[str, list[dict[str, Series]]] = {}
    weighed = [known[name] for name in gradients if name in known]
    beside = _beside([each for each in weighed if len(each.shape) > 1])
    first: dict[str, Parameter] = {}
    before: dict[str, Parameter] = {}
    for name, each in gradients.items():
        weights = known.get(name)
        if weights is not None and weights.kind == "embedding":
            continue
        model = _model_of(name)
        branches = found.setdefault(model, [{}])
        if weights is not None and len(weights.shape) > 1:
            begins = first.setdefault(model, weights)
            last = before.get(model)
            if last is not None and (name in beside or weights.shape[1] == begins.shape[1] != last.shape[0]):
                branches.append({})
            before[model] = weights
        branches[-1][name] = each
    return [each for branches in found.values() for each in branches]


def _beside(weights: list[Parameter]) -> set[str]:
    """The first weights of parts of the model, by the first word of their names, that look like the part before in all but the last layer."""
    parts: dict[str, list[Parameter]] = {}
    for each in weights:
        parts.setdefault(each.name.partition(".")[0], []).append(each)
    return {
        part[0].name
        for other, part in pairwise(parts.values())
        if len(part) == len(other) >= PART
        and part[0].shape != part[1].shape
        and all(one.shape == two.shape for one, two in zip(part[:-1], other[:-1], strict=True))
    }


def _arrives(gradients: Layers, known: Mapping[str, Parameter], first: str) -> float:
    """The gradient that embeddings get before a branch's first layer, though few of their rows are in a batch: what comes that far has not vanished."""
    found = [0.0]
    for name, each in gradients.items():
        if name == first:
            break
        if name in known and known[name].kind == "embedding" and _model_of(name) == _model_of(first):
            found.append(middle(each.head(EARLY)))
    return max(found)


def _model_of(name: str) -> str:
    return name.partition("/")[0] if "/" in name else ""


def _vanishing(layer_gradients: Layers, modules: Modules | None, arrives: float) -> Finding | None:
    scale = {name: float(np.median(each.head(EARLY))) for name, each in layer_gradients.items()}
    known = {name: value for name, value in scale.items() if value > 0 and np.isfinite(value)}
    if len(known) < LAYERS or len(known) < len(scale):  # an exact zero is a dead or detached layer, not a vanishing one
        return None
    names, values = list(known), np.array(list(known.values()))
    largest = int(np.argmax(values))
    first = int(np.argmin(values[: largest + 1]))
    # what vanishes stays away: a layer before it that gets more of it is reached by another way
    depth = -np.inf if largest == 0 else float(np.log10(max(arrives, values[: first + 1].max()) / values[largest]))
    if np.isfinite(depth) and depth < DOUBTFUL + 1 and first < len(names) / 2 and _declines(values[: largest + 1]):
        sure = confidence(depth, doubtful=DOUBTFUL, certain=CERTAIN)
        if depth < DEEP and _gone(layer_gradients[names[first]], layer_gradients[names[largest]]):
            sure = max(sure, LOST)
        weak = [name for name in names[: largest + 1] if known[name] < 10**DOUBTFUL * values[largest]]
        return Finding(
            summary=(
                f"The gradient vanishes: {names[first]} gets {_times(10**-depth)} less of it than {names[largest]}, "
                f"{largest - first} layers later."
            ),
            confidence=sure,
            since=0,
            where=weak or [names[first]],
            evidence=_evidence(layer_gradients, names, values, values[largest]),
            remedies=_remedies(modules),
            at_first=_at_first(layer_gradients[names[first]], layer_gradients[names[largest]]),
        )
    return None


def _declines(values: np.ndarray) -> bool:
    """Whether it gets less from the later third to the first one, too: branches behind a small factor of their own (LayerScale, Touvron et al.,
    2021) all get little, the last as the first.
    """
    third = max(1, len(values) // 3)
    return float(np.median(np.log10(values[:third])) - np.median(np.log10(values[-third:]))) < DOUBTFUL / 2


def _at_first(first: Series, last: Series) -> bool:
    """Whether the first layer's gradient was as small beside the last one's before any step was taken."""
    here, there = float(first.values[0]), float(last.values[0])
    return bool(first.steps[0] == last.steps[0] == 0) and 0 <= here < 10**DOUBTFUL * there


def _gone(first: Series, last: Series) -> bool:
    """Whether in the end all but nothing is left of the first layer's gradient, beside that of a layer which still gets one."""
    here, there = (middle(each.tail(EARLY)) for each in (first, last))
    return 0 <= here < NOTHING * there


def _evidence(rows: Layers, names: list[str], values: np.ndarray, largest: float) -> list[Evidence]:
    steps = next(iter(rows.values())).steps
    chosen = np.unique(np.linspace(0, len(steps) - 1, min(len(steps), 80)).astype(int))
    evidence: list[Evidence] = [
        Bars("Gradient by layer, early in the run", names, values.tolist(), "norm", 10**DOUBTFUL * largest, "log")
    ]
    if all(len(each) == len(steps) for each in rows.values()):
        cells = [each.values[chosen].tolist() for each in rows.values()]
        evidence.append(Heatmap("Gradient by layer and step", list(rows), steps[chosen].tolist(), cells, "norm", "log"))
    return evidence


def _remedies(modules: Modules | None) -> tuple[Remedy, ...]:
    """Name the saturating activations of this network, if it has any; else the general advice, of which ReLU is none where it is there."""
    found = [each.type for each in modules or () if each.type in SQUASHING]
    if not found:
        rectified = any(each.type in RECTIFYING for each in modules or ())
        return (*OTHERWISE, *(() if rectified else (UNSQUASH,)))
    kind = max(set(found), key=found.count)
    return (
        Remedy(
            f"Replace the {found.count(kind)} nn.{kind} layers by nn.ReLU or nn.GELU",
            f"nn.ReLU()  # instead of nn.{kind}()",
            "The gradient of the first layer comes within a factor of 100 of the last one's, and the loss starts to fall.",
        ),
        Remedy("Or add a normalisation layer before each of them", f"nn.LayerNorm(width), nn.{kind}()"),
        Remedy("Or add skip connections", "x = x + block(x)"),
    )


def _times(factor: float) -> str:
    return f"{factor:,.0f} times" if factor < MILLION else f"more than {MILLION:,.0f} times"
