"""The model, its parameters and its loss function, as the writer's facts tell them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tb_lossdiag.series import Run
from tb_lossdiag.signals.signal import signal

__all__ = [
    "RECURRENT",
    "LossFunction",
    "Module",
    "Modules",
    "Outside",
    "Parameter",
    "Parameters",
    "Reshape",
    "across_samples",
    "ahead",
    "aim",
    "divergence_of_shares",
    "ends_in",
    "flat_derivative",
    "hidden_shares",
    "logged_tensors",
    "loss_function",
    "mixed_up",
    "model_count",
    "modules",
    "outside",
    "padding",
    "parameters",
    "places",
    "quieted",
    "raw_logarithm",
    "recurring",
    "shut",
    "stacked",
    "straight",
    "watched",
    "without_gradient",
]  # fmt: skip

SEQUENCES = {"CTCLoss", "ctc_loss"}
WATCH = "writer.watch(model, optimizer, loss_fn)"
CROSS_ENTROPIES = {"CrossEntropyLoss", "NLLLoss", "cross_entropy", "nll_loss"}
BINARY_CROSS_ENTROPIES = {
    "BCELoss", "BCEWithLogitsLoss", "binary_cross_entropy", "binary_cross_entropy_with_logits",
}  # fmt: skip
WEIGHT_NORM = (".original0", ".original1", "weight_g", "weight_v")  # as torch names its parts, today and before 2.0
SQUARED_ERRORS = {"MSELoss", "mse_loss"}
DISTANCES = SQUARED_ERRORS | {"L1Loss", "l1_loss", "SmoothL1Loss", "smooth_l1_loss", "HuberLoss", "huber_loss"}
RECURRENT = {"GRU", "GRUCell", "LSTM", "LSTMCell", "RNN", "RNNCell"}
LIKELIHOODS = {"PoissonNLLLoss", "poisson_nll_loss", "GaussianNLLLoss", "gaussian_nll_loss"}


@dataclass(frozen=True, slots=True)
class LossFunction:
    """The loss: its type's name and its settings (`reduction`, `label_smoothing`, `weight`, ...)."""

    type: str
    settings: Mapping[str, Any]

    @property
    def is_mean(self) -> bool:
        """Whether it is the plain mean over samples: only then is its value comparable with a reference."""
        weighted = self.settings.get("weight") is not None
        return self.settings.get("reduction", "mean") == "mean" and not weighted and not self.settings.get("part")

    @property
    def is_cross_entropy(self) -> bool:
        """Plain mean cross-entropy over classes, in nats."""
        return self.type in CROSS_ENTROPIES and self.is_mean and not self.settings.get("label_smoothing")

    @property
    def is_binary_cross_entropy(self) -> bool:
        """Plain mean cross-entropy of yes and no, in nats, whether of shares or of scores."""
        return self.type in BINARY_CROSS_ENTROPIES and self.is_mean and self.settings.get("pos_weight") is None

    @property
    def is_squared_error(self) -> bool:
        """Plain mean squared error."""
        return self.type in SQUARED_ERRORS and self.is_mean

    @property
    def is_distance(self) -> bool:
        """Whether it measures how far amounts are from each other."""
        return self.type in DISTANCES

    @property
    def has_floor(self) -> bool:
        """Whether 0 is what it would be of perfect answers: the likelihood of counts, or of amounts and their spread, has its floor elsewhere."""
        return self.type not in LIKELIHOODS


@dataclass(frozen=True, slots=True)
class Module:
    """A module of the model, in the order of its first call (`order` is None where it was never called)."""

    name: str
    type: str
    order: int | None
    settings: Mapping[str, Any]
    children: int


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter tensor; the figures are those of its values when `watch` was called."""

    name: str
    module: str
    kind: str
    shape: tuple[int, ...]
    numel: int
    trainable: bool
    optimized: bool
    fan_in: int | None
    fan_out: int | None
    init_std: float | None
    init_abs_max: float | None
    identical_rows: bool
    init_mean: float | None = None

    @property
    def of_weight_norm(self) -> bool:
        """Whether it is a part of what weight normalisation makes the weights of: lengths, which are positive, or directions, which have no scale."""
        return self.name.endswith(WEIGHT_NORM)


@dataclass(frozen=True, slots=True)
class Outside:
    """A parameter that takes part in the loss, though neither a watched model nor an optimizer holds it; a `plain` tensor is no `nn.Parameter`.
    It has a `name` where a module holds it.
    """

    shape: tuple[int, ...]
    numel: int
    init_std: float | None
    init_abs_max: float | None
    plain: bool = False
    name: str = ""


@dataclass(frozen=True, slots=True)
class Reshape:
    """A reshape that mixes axes up: the sizes before and after, and the layer that is given the outcome, where it is known."""

    before: tuple[int, ...]
    after: tuple[int, ...]
    layer: str


Modules = tuple[Module, ...]
Parameters = tuple[Parameter, ...]


@signal(log=WATCH)
def loss_function(run: Run) -> LossFunction | None:
    """The loss function of the first watched model that has one."""
    for _, model in watched(run):
        loss = model.get("loss")
        if isinstance(loss, Mapping) and loss.get("type"):
            return LossFunction(str(loss["type"]), loss.get("settings") or {})
    return None


@signal(log=WATCH)
def model_count(run: Run) -> int | None:
    """How many models train together: more than one in adversarial and actor-critic training, though only one may be watched."""
    models = [model for _, model in watched(run)]
    graphs = [graph for model in models if isinstance(graph := model.get("graph"), Mapping)]
    others = len(models) == 1 and any(graph.get("learning_outside") is True for graph in graphs)
    return len(models) + others or None


@signal(log=WATCH)
def modules(run: Run) -> Modules | None:
    """All modules in the order of their first call; those never called come last."""
    found = [
        Module(
            name=prefix + str(each.get("name", "")),
            type=str(each.get("type", "")),
            order=each.get("order"),
            settings=each.get("settings") or {},
            children=int(each.get("children") or 0),
        )
        for prefix, model in watched(run)
        for each in model.get("modules") or ()
    ]
    last = len(found)
    found.sort(key=lambda each: last if each.order is None else each.order)
    return tuple(found) or None


@signal(log=WATCH)
def parameters(run: Run, modules: Modules | None = None) -> Parameters | None:
    """All parameter tensors, in the order in which their modules are first called."""
    found = [_parameter(each, prefix) for prefix, model in watched(run) for each in model.get("parameters") or ()]
    place = {each.name: i for i, each in enumerate(modules or ())}
    found.sort(key=lambda each: place.get(each.module, len(place)))
    return tuple(found) or None


@signal(log=WATCH)
def outside(run: Run) -> tuple[Outside, ...] | None:
    """Parameters that somebody left out of the model, as the gradient's graph shows; of many the first."""
    return tuple(_outside(each) for graph in _graphs(run) for each in graph.get("outside") or ()) or None


@signal(log=WATCH)
def loose(run: Run) -> tuple[Outside, ...] | None:
    """Tensors that modules hold as plain attributes, neither parameters nor buffers, and that nobody changes."""
    return tuple(_outside(each) for graph in _graphs(run) for each in graph.get("loose") or ()) or None


@signal(log=WATCH)
def recurring(run: Run) -> Mapping[str, int] | None:
    """Parameters that something is multiplied by again and again in one pass, and how many inputs that sums: a recurrence that is written out."""
    return {
        prefix + str(name): int(inputs)
        for prefix, model in watched(run)
        if isinstance(graph := model.get("graph"), Mapping)
        for name, inputs in (graph.get("recurring") or {}).items()
    } or None


@signal(log=WATCH)
def without_gradient(run: Run) -> tuple[str, ...] | None:
    """Parameters that the training loss is made of, as its graph shows, and that no gradient came back to at any step that was looked at."""
    found = [
        prefix + str(name)
        for prefix, model in watched(run)
        if isinstance(graph := model.get("graph"), Mapping)
        for name in graph.get("without_gradient") or ()
    ]
    return tuple(found) or None


@signal(log=WATCH)
def quieted(run: Run) -> bool | None:
    """Whether a term of the only model's loss asks for small activations, as its graph shows."""
    graphs = list(_graphs(run))
    return bool(graphs[0].get("quieted")) if len(graphs) == 1 else None


@signal(log=WATCH)
def divergence_of_shares(run: Run) -> bool | None:
    """Whether a term of a model's loss is a divergence that was given probabilities, as its graph shows."""
    return any(graph.get("divergence_of_shares") is True for graph in _graphs(run)) or None


@signal(log=WATCH)
def shut(run: Run) -> bool | None:
    """Whether a ReLU put out zero for each sample at the first step, as the graph of the only model's loss shows."""
    graphs = list(_graphs(run))
    return bool(graphs[0].get("shut")) if len(graphs) == 1 else None


@signal(log=WATCH)
def aim(run: Run) -> str | None:
    """What a loss that is written by hand asks for instead of what was meant, as its graph shows: "mean error", "exchanged" for prediction and target, "raw scores" in a CTC loss, or "no shares" as targets of a binary
    cross-entropy, "every pair" of samples multiplied, or "shares again" in a softmax.
    """
    return next((str(graph["aim"]) for graph in _graphs(run) if "aim" in graph), None)


@signal(log=WATCH)
def straight(run: Run) -> bool | None:
    """Whether weighted sums follow each other and nothing between them bends, as the graph of the only model's gradient shows."""
    graphs = list(_graphs(run))
    return bool(graphs[0].get("straight")) if len(graphs) == 1 else None


@signal(log=WATCH)
def stacked(run: Run) -> bool | None:
    """Whether any weighted sum takes what another one puts out, as the graphs show: else no layer is hidden, for all put out what the loss is of."""
    known = [bool(each["stacked"]) for each in _graphs(run) if "stacked" in each]
    return any(known) if known else None


@signal(log=WATCH)
def across_samples(run: Run) -> tuple[str, ...] | None:
    """Recurrent layers that read the samples of a batch as the elements of a sequence: `batch_first` is false, and where the batch should
    be stands a number that neither divides the samples that the loss is of nor is divided by them. None where nobody can tell.
    """
    found, seen = [], False
    for prefix, model in watched(run):
        samples = model.get("batch_size")
        loss = model.get("loss")
        if isinstance(loss, Mapping) and loss.get("type") in SEQUENCES:
            continue  # its targets may be of all samples, one after the other
        for each in model.get("modules") or ():
            shape = each.get("in_shape")
            recurrent = each.get("type") in RECURRENT and (each.get("settings") or {}).get("batch_first") is False
            if not (recurrent and isinstance(samples, int) and isinstance(shape, (list, tuple)) and len(shape) == 2):  # noqa: PLR2004
                continue
            seen = True
            if samples > 1 and shape[0] > 1 and samples % shape[0] and shape[0] % samples:
                found.append(prefix + str(each.get("name", "")))
    return tuple(found) if seen else None


@signal(log=WATCH)
def flat_derivative(run: Run) -> bool | None:
    """Whether a loss holds a second derivative by the inputs that is zero everywhere, for the activations are made of straight pieces."""
    return any(graph.get("flat") is True for graph in _graphs(run)) or None


@signal(log=WATCH)
def ends_in(run: Run) -> str | None:
    """The activation that puts out the prediction of the loss function, as the graph of the only model's gradient shows."""
    graphs = list(_graphs(run))
    ends = graphs[0].get("ends") if len(graphs) == 1 else None
    return ends if isinstance(ends, str) else None


@signal(log=WATCH)
def raw_logarithm(run: Run) -> bool | None:
    """Whether the loss takes the logarithm of what a layer puts out, with no activation in between, as the graph of the only model's loss shows."""
    graphs = list(_graphs(run))
    return graphs[0].get("raw_logarithm") is True if len(graphs) == 1 else None


@signal(log=WATCH)
def ahead(run: Run) -> int | None:
    """How many places after the token at which a prediction is made its target stands, as the graph of the only model's loss shows."""
    graphs = list(_graphs(run))
    places = graphs[0].get("ahead") if len(graphs) == 1 else None
    return places if isinstance(places, int) else None


@signal(log=WATCH)
def padding(run: Run) -> tuple[int, float] | None:
    """The id that the targets of the only model's texts are filled up with, and its share of all that the loss counts, as its graph shows."""
    graphs = list(_graphs(run))
    found = graphs[0].get("padding") if len(graphs) == 1 else None
    return (int(found["id"]), float(found["share"])) if isinstance(found, Mapping) else None


@signal(log=WATCH)
def hidden_shares(run: Run) -> tuple[int, ...] | None:
    """The width of each softmax over what a layer puts out that is the input of a further layer, as the graph of a loss shows."""
    return tuple(int(each) for graph in _graphs(run) for each in graph.get("shares") or ()) or None


@signal(log=WATCH)
def mixed_up(run: Run) -> tuple[Reshape, ...] | None:
    """Reshapes where axes should have been swapped: of the models' inputs, and of what their layers put out."""
    found = [
        Reshape(tuple(before), tuple(after), prefix + layer)
        for prefix, model in watched(run)
        for layer, (before, after) in (model.get("mixed_inputs") or {}).items()
    ]
    found += [
        Reshape(tuple(before), tuple(after), "") for graph in _graphs(run) for before, after in graph.get("mixed") or ()
    ]
    return tuple(found) or None


def _outside(facts: Mapping[str, Any]) -> Outside:
    return Outside(
        tuple(facts.get("shape") or ()),
        int(facts.get("numel") or 0),
        _number(facts.get("init_std")),
        _number(facts.get("init_abs_max")),
        facts.get("plain") is True,
        str(facts.get("name") or ""),
    )


def _graphs(run: Run) -> Iterator[Mapping[str, Any]]:
    for _, model in watched(run):
        graph = model.get("graph")
        if isinstance(graph, Mapping):
            yield graph


def logged_tensors(run: Run) -> Parameters:
    """The parameter tensors that histograms were logged of, in the order of logging: their names, kinds and sizes, no more."""
    return tuple(_parameter(each) for each in run.facts.get("histograms") or ())


def _parameter(facts: Mapping[str, Any], prefix: str = "") -> Parameter:
    return Parameter(
        name=prefix + str(facts.get("name", "")),
        module=prefix + str(facts.get("module", "")),
        kind=str(facts.get("kind", "other")),
        shape=tuple(facts.get("shape") or ()),
        numel=int(facts.get("numel") or 0),
        trainable=bool(facts.get("trainable", True)),
        optimized=bool(facts.get("optimized", True)),
        fan_in=facts.get("fan_in"),
        fan_out=facts.get("fan_out"),
        init_std=_number(facts.get("init_std")),
        init_abs_max=_number(facts.get("init_abs_max")),
        identical_rows=bool(facts.get("identical_rows", False)),
        init_mean=_number(facts.get("init_mean")),
    )


def watched(run: Run) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each watched model's facts, with the prefix that its layers' names carry."""
    models = run.facts.get("models")
    for name, model in models.items() if isinstance(models, Mapping) else ():
        if isinstance(model, Mapping):
            yield (f"{name}/" if name else ""), model


def places(model: Mapping[str, Any]) -> int:
    """Places of a sample, tokens of a text or dots of a picture, each of which the loss takes for a sample of its own; 1 where it takes the output as it is."""
    whole = next((each.get("out_shape") for each in model.get("modules") or () if each.get("name") == ""), None)
    output = model.get("output")
    scores = output.get("shape") if isinstance(output, Mapping) else None
    if not isinstance(whole, (list, tuple)) or not isinstance(scores, (list, tuple)) or not scores:
        return 1
    alike = len(whole) > len(scores) and (list(whole[-len(scores) :]) == list(scores) or whole[0] == scores[0])
    count = math.prod(each for each in whole if isinstance(each, int)) // max(math.prod(scores), 1)
    return max(count, 1) if alike else 1


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None
