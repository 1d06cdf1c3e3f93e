"""Keras 3 on torch: `model.fit(..., callbacks=[DiagCallback("runs/baseline")])`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import torch
import torch.nn.functional as F  # noqa: N812  (everybody's name for it)
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from tb_lossdiag.integrations.loop import Loop, OnFinding
from tb_lossdiag.writer import DiagWriter
from tb_lossdiag.writer.guard import Guard, Hook

__all__ = ["DiagCallback"]

PART = "what Keras trains"
SMALL = 1e-7  # as Keras's epsilon: shares are kept this far from 0 before their logarithm is taken
LAYERS: dict[str, type[nn.Module]] = {
    "Dense": nn.Linear, "Conv1D": nn.Conv1d, "Conv2D": nn.Conv2d, "Conv3D": nn.Conv3d, "Embedding": nn.Embedding,
    "BatchNormalization": nn.BatchNorm2d, "LayerNormalization": nn.LayerNorm, "Dropout": nn.Dropout, "Flatten": nn.Flatten,
    "ReLU": nn.ReLU, "LeakyReLU": nn.LeakyReLU, "ELU": nn.ELU, "Softmax": nn.Softmax,
}  # fmt: skip
ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "softmax": nn.Softmax, "gelu": nn.GELU, "silu": nn.SiLU,
    "elu": nn.ELU, "selu": nn.SELU, "leaky_relu": nn.LeakyReLU, "softplus": nn.Softplus, "hard_sigmoid": nn.Hardsigmoid,
    "relu6": nn.ReLU6, "log_softmax": nn.LogSoftmax,
}  # fmt: skip
WEIGHTS = {"kernel": "weight", "gamma": "weight", "beta": "bias", "embeddings": "weight"}
SETTINGS = {"epsilon": "eps", "momentum": "momentum", "nesterov": "nesterov", "weight_decay": "weight_decay", "rho": "alpha", "amsgrad": "amsgrad"}  # fmt: skip
IMAGE = 4  # dimensions from which on torch has the channels second


class Part(nn.Module):
    """Stands for a Keras layer in a module tree as torch has them; when it is called it says what the layer has put out."""

    output: Any = None

    def forward(self, *_: Any, **__: Any) -> Any:
        """What the layer has put out."""
        return self.output

    def fans_of(self, name: str) -> tuple[int | None, int | None]:
        """How many inputs each unit sums over, and how many units each feeds: Keras has the units of a kernel last."""
        shape = getattr(self, name).shape
        if name != "weight" or len(shape) < 2:  # noqa: PLR2004  (a vector)
            return None, None
        field = int(torch.Size(shape[:-2]).numel())
        return int(shape[-2]) * field, int(shape[-1]) * field


def part_of(kind: type[nn.Module] | None, name: str) -> Part:
    """A part that looks like torch's own layer of this kind, so that everybody takes it for one."""
    look: Any = type(name, (Part,), {}) if kind is None else type(kind.__name__, (Part, kind), {})
    part: Part = look.__new__(look)
    nn.Module.__init__(part)  # what torch's own layer would make at its construction is Keras's
    if kind is not None and kind in ACTIVATIONS.values():
        vars(part).update({key: value for key, value in vars(kind()).items() if not key.startswith("_")})
    return part


class Mirror(nn.Module):
    """A Keras model as torch knows models: named layers with named parameters, the very tensors of Keras.

    Keras calls its layers; what they took and put out is kept while somebody looks, and told when the model returns.
    """

    def __init__(self, model: Any, log_softmax: bool) -> None:
        super().__init__()
        self._parts: dict[int, list[Part]] = {}
        self._calls: list[tuple[Part, Any, Any]] = []
        self._output: Any = None
        layers = [each for each in model._flatten_layers(include_self=False) if not getattr(each, "_layers", None)]  # noqa: SLF001
        for layer in layers:
            self._parts[id(layer)] = self._add(layer, last=log_softmax and layer is layers[-1])
        self.layers = tuple(layers)

    def _add(self, layer: Any, *, last: bool) -> list[Part]:
        kind = type(layer).__name__
        part = part_of(LAYERS.get(kind), kind)
        for weight in layer.trainable_weights:
            name = weight.path.rpartition("/")[2]
            part.register_parameter(WEIGHTS.get(name, name), weight.value)
        if isinstance(part, nn.Linear):
            part.in_features, part.out_features = part.weight.shape
        if isinstance(part, nn.Dropout):
            part.p = float(layer.rate)
        parts = [part]
        activation = ACTIVATIONS.get(getattr(getattr(layer, "activation", None), "__name__", ""))
        if activation is not None:
            parts.append(part_of(nn.LogSoftmax if last and activation is nn.Softmax else activation, ""))
        for each, suffix in zip(parts, ("", "_activation"), strict=False):
            self.add_module(layer.name.replace(".", "_") + suffix, each)
        return parts

    def called(self, layer: Any, args: Any, output: Any) -> None:
        """A layer was called."""
        first, *rest = self._parts[id(layer)]
        self._calls.append((first, args, output))
        self._calls += [(each, (output,), output) for each in rest]

    def returned(self, args: Any, output: Any) -> None:
        """The model has returned: tell it, as if it happened now."""
        self._output = output
        self(*channels_second(args))

    def forgets(self) -> None:
        """Let go of what was kept."""
        self._calls, self._output = [], None

    def forward(self, *_: Any) -> Any:
        """Call the parts in the order of the layers."""
        for part, args, output in self._calls:
            part.output = channels_second(output)
            part(*channels_second(args))
            part.output = None
        output = self._output
        self.forgets()
        return output


class Steps(torch.optim.Optimizer):
    """A Keras optimizer as torch knows optimizers: `step` has Keras apply the gradients that it was given."""

    def __init__(self, optimizer: Any, parameters: list[Tensor]) -> None:
        super().__init__(parameters, settings(optimizer))
        self._keras = optimizer
        self._apply: Callable[..., Any] = optimizer.apply
        self._given: tuple[tuple[Any, ...], dict[str, Any]] = ((), {})

    def apply(self, *args: Any, **kwargs: Any) -> Any:
        """Takes the place of the Keras optimizer's own."""
        self._given = args, kwargs
        return self.step()

    def step(self, closure: Any = None) -> Any:  # noqa: ARG002  (as torch's)
        """Take the step."""
        args, kwargs = self._given
        self._given = (), {}
        return self._apply(*args, **kwargs)

    def refresh(self) -> None:
        """The learning rate as it is now."""
        self.param_groups[0]["lr"] = number(self._keras.learning_rate)


def steps_of(optimizer: Any, parameters: list[Tensor]) -> Steps:
    """The steps of this optimizer, under its own type's name."""
    kind: type[Steps] = type(type(optimizer).__name__, (Steps,), {})
    return kind(optimizer, parameters)


def settings(optimizer: Any) -> dict[str, Any]:
    """An optimizer's settings under torch's names."""
    found: dict[str, Any] = {"lr": number(optimizer.learning_rate)}
    for name, ours in SETTINGS.items():
        if hasattr(optimizer, name):
            found[ours] = getattr(optimizer, name) or 0.0
    if hasattr(optimizer, "beta_1"):
        found["betas"] = (float(optimizer.beta_1), float(optimizer.beta_2))
    return found


def number(value: Any) -> float:
    """A number that may be a variable of Keras's."""
    value = getattr(value, "value", value)
    return float(value.item() if isinstance(value, Tensor) else value)


class DiagCallback(keras.callbacks.Callback):
    """Watches a model that `fit` trains. `log_dir` is a folder of its own, or a DiagWriter."""

    def __init__(
        self,
        log_dir: str | Path | DiagWriter | None = None,
        *,
        overhead: float = 0.02,
        on_finding: OnFinding | None = None,
    ) -> None:
        super().__init__()
        if keras.backend.backend() != "torch":
            message = (
                f"tb_lossdiag watches Keras on torch only (set KERAS_BACKEND=torch); this is {keras.backend.backend()}."
            )
            raise RuntimeError(message)
        self._loop = Loop(log_dir, overhead, on_finding)
        self._guard = Guard()
        self._mirror: Mirror | None = None
        self._steps: Steps | None = None
        self._handles: list[RemovableHandle] = []

    @property
    def writer(self) -> DiagWriter | None:
        """The writer, once a training has begun."""
        return self._loop.writer

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002
        """Watch what is to be trained."""
        self._leave()
        model, writer = self.model, self._loop.open(lambda: None)
        loss, shares = loss_of(model)
        self._mirror = mirror = Mirror(model, log_softmax=shares)
        self._steps = steps_of(model.optimizer, [each.value for each in model.trainable_variables])
        writer.watch(mirror, self._steps)
        writer.watches[""].look_once()
        tap = writer.overheard()
        compute = model.compute_loss

        @functools.wraps(compute)
        def computed(*args: Any, **kwargs: Any) -> Any:
            value = compute(*args, **kwargs)
            given = dict(zip(("x", "y", "y_pred"), args, strict=False)) | kwargs
            prediction, target = given.get("y_pred"), given.get("y")
            if isinstance(prediction, Tensor) and isinstance(target, Tensor) and value is not None:
                prepared = Hook(
                    self._guard, PART, lambda: tap.saw(loss, comparable(loss, shares, prediction, target), {}, value)
                )
                prepared()
            return value

        # Keras has no hook there; an attribute of the object goes before its class's method, and is taken away again
        model.__dict__["compute_loss"] = computed
        model.optimizer.__dict__["apply"] = self._steps.apply
        called = Hook(self._guard, PART, self._called)
        self._handles = [each.register_forward_hook(called) for each in mirror.layers]
        self._handles.append(model.register_forward_pre_hook(Hook(self._guard, PART, lambda *_: mirror.forgets())))
        self._handles.append(model.register_forward_hook(Hook(self._guard, PART, self._returned)))

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        """A batch begins."""
        if self._looking and self._steps is not None:
            Hook(self._guard, PART, self._steps.refresh)()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        """A step was taken."""
        if self._loop.should_stop:
            self.model.stop_training = True

    def on_test_begin(self, logs: Any = None) -> None:  # noqa: ARG002
        """Within a training it is the validation set that is evaluated."""
        if self._mirror is not None:
            self._loop.evaluate("val")

    def on_test_end(self, logs: Any = None) -> None:
        """Outside of a training it is the test set."""
        if self._loop.evaluation is not None:
            self._loop.evaluated(None if self._loop.evaluation.seen else (logs or {}).get("loss"))
        elif self.writer is not None and logs and "loss" in logs:
            self.writer.add_loss("test", float(logs["loss"]))
            self.writer.flush()

    def on_train_end(self, logs: Any = None) -> None:  # noqa: ARG002
        """Write what was seen; the model is free of hooks from here."""
        self._leave()
        self._loop.rest()

    @property
    def _looking(self) -> bool:
        writer = self.writer
        return self._loop.evaluation is not None or (
            writer is not None and any(each.looking for each in writer.watches.values())
        )

    def _called(self, layer: Any, args: Any, output: Any) -> None:
        if self._mirror is not None and self._looking and self._loop.evaluation is None:
            self._mirror.called(layer, args, output)

    def _returned(self, model: Any, args: Any, output: Any) -> None:
        if self._mirror is not None and self._looking:
            self._mirror.training = bool(model.training)
            self._mirror.returned(args, output)

    def _leave(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles = []
        if self._mirror is not None:
            self.model.__dict__.pop("compute_loss", None)
            self.model.optimizer.__dict__.pop("apply", None)
        self._mirror = None


def loss_of(model: Any) -> tuple[Callable[..., Any], bool]:
    """The loss function under torch's name, and whether it takes the shares of classes rather than scores."""
    flat = getattr(model._compile_loss, "_flat_losses", None)  # noqa: SLF001  (what compile() has made of it)
    given = flat[0].loss if flat else model.loss
    function = getattr(given, "fn", given)
    name = function if isinstance(function, str) else getattr(function, "__name__", type(given).__name__)
    scores = bool((getattr(given, "_fn_kwargs", None) or {}).get("from_logits", False))
    if name in {"sparse_categorical_crossentropy", "categorical_crossentropy"}:
        return (F.cross_entropy, False) if scores else (F.nll_loss, True)
    if name == "binary_crossentropy":
        return (F.binary_cross_entropy_with_logits if scores else F.binary_cross_entropy), False
    known: Mapping[str, Callable[..., Any]] = {
        "mean_squared_error": F.mse_loss,
        "mean_absolute_error": F.l1_loss,
        "huber": F.huber_loss,
    }
    return known.get(str(name), given if callable(given) else F.mse_loss), False


def comparable(loss: object, shares: bool, prediction: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Prediction and target as torch's function of the same meaning takes them."""
    if loss in {F.nll_loss, F.cross_entropy}:
        target = target.argmax(-1) if target.shape == prediction.shape else target.reshape(prediction.shape[:-1])
        return (prediction.clamp_min(SMALL).log() if shares else prediction), target.long()
    return prediction, target.reshape(prediction.shape).to(prediction.dtype)


def channels_second(values: Any) -> Any:
    """Images as torch has them."""
    if isinstance(values, (tuple, list)):
        return tuple(map(channels_second, values))
    if isinstance(values, Tensor) and values.dim() >= IMAGE and keras.config.image_data_format() == "channels_last":
        return values.movedim(-1, 1)
    return values
