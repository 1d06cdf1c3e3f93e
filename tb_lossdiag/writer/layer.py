"""What a module is to those who look at activations, by its kind: found out once, since it stays the same from call to call."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import nn

from tb_lossdiag.writer.modules import owns_parameters

__all__ = ["Layer"]

RECTIFIERS = (
    nn.ReLU,
    nn.ReLU6,
    nn.GELU,
    nn.SiLU,
    nn.Mish,
    nn.ELU,
    nn.CELU,
    nn.SELU,
    nn.Hardswish,
    nn.Softplus,
    nn.Threshold,
)
LIMITED: dict[type[nn.Module], tuple[float, float]] = {
    nn.Sigmoid: (0.0, 1.0),
    nn.Hardsigmoid: (0.0, 1.0),
    nn.Tanh: (-1.0, 1.0),
    nn.Softsign: (-1.0, 1.0),
    nn.RNN: (-1.0, 1.0),
    nn.LSTM: (-1.0, 1.0),
    nn.GRU: (-1.0, 1.0),
}
OTHER_ACTIVATIONS = (nn.LeakyReLU, nn.PReLU, nn.RReLU, nn.Softmax, nn.LogSoftmax, nn.GLU, nn.Hardtanh, nn.Tanhshrink)
ACTIVATIONS = (*RECTIFIERS, *OTHER_ACTIVATIONS, nn.Sigmoid, nn.Hardsigmoid, nn.Tanh, nn.Softsign)
NOT_MEASURED = (nn.Identity, nn.Flatten, nn.Unflatten, nn.modules.dropout._DropoutNd)  # noqa: SLF001  (it has no public name)
CONSUMERS = (nn.Linear, nn.modules.conv._ConvNd)  # noqa: SLF001
CHANNELS_SECOND = (nn.modules.conv._ConvNd, nn.modules.batchnorm._BatchNorm, nn.modules.instancenorm._InstanceNorm)  # noqa: SLF001  (they have no public name)
FEATURES_LAST = (nn.Linear, nn.LayerNorm, nn.Embedding, nn.RNNBase, nn.MultiheadAttention)


@dataclass(frozen=True, slots=True)
class Layer:
    """One module under its user's name for it."""

    name: str
    column: str  # its name in tables
    measured: bool  # unlike what passes on what it is given
    consumes: bool  # it weighs its inputs, so that these are worth a look
    activation: bool
    rectifier: bool  # its units may fall silent
    limits: tuple[float, float] | None  # between which it puts out values, if it saturates
    own_parameters: bool
    channels_second: (
        bool | None
    )  # whether units of a 3-D tensor are second (B, C, L) rather than last; None: as before it

    @classmethod
    def of(cls, name: str, module: nn.Module) -> Layer:
        """What is known of this module."""
        second = True if isinstance(module, CHANNELS_SECOND) else False if isinstance(module, FEATURES_LAST) else None
        return cls(
            name,
            column=name or type(module).__name__,
            measured=not isinstance(module, NOT_MEASURED),
            consumes=isinstance(module, CONSUMERS),
            activation=isinstance(module, ACTIVATIONS),
            rectifier=isinstance(module, RECTIFIERS) or clipped_rectifier(module),
            limits=limits_of(module),
            own_parameters=owns_parameters(module),
            channels_second=second,
        )


def limits_of(module: nn.Module) -> tuple[float, float] | None:
    """Between which values a module that saturates puts out; a clipped rectifier does not at 0, where it rests."""
    if isinstance(module, nn.Hardtanh) and not isinstance(module, nn.ReLU6):
        return (-math.inf if clipped_rectifier(module) else float(module.min_val)), float(module.max_val)
    if isinstance(module, nn.RNN) and module.nonlinearity != "tanh":
        return None
    return next((limits for kind, limits in LIMITED.items() if isinstance(module, kind)), None)


def clipped_rectifier(module: nn.Module) -> bool:
    """Whether it is a ReLU with an upper limit, as `nn.Hardtanh(0, 20)` is."""
    return isinstance(module, nn.Hardtanh) and module.min_val == 0
