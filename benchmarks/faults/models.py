"""The model families, each built from `Options`, so that an injected fault is a changed option and nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812  (everybody's name for it)
from torch import Tensor, nn

from benchmarks.faults.tasks import WINDOW, Task

__all__ = ["FAMILIES", "Options", "build"]


@dataclass(frozen=True)
class Options:
    """What a network is built from. `activation` makes a fresh module for each place; `before` is put in front of each."""

    width: int = 64
    depth: int = 2
    activation: Callable[[], nn.Module] = nn.ReLU
    activate_every: int = 1  # every n-th layer is followed by its activation; 0: none is
    dropout: float = 0.0
    norm: bool = True  # where the family has one
    norm_momentum: float = 0.1
    batch_norm: bool = False  # in the CNN, which has none of its own
    bottleneck: int = 0
    skip: bool = True  # residual connections, where the family has them
    recurrent: str = "GRU"
    embedding_sparse: bool = False
    head: tuple[Callable[[], nn.Module], ...] = ()  # after the last layer
    front: tuple[Callable[[], nn.Module], ...] = ()  # before the first layer
    outputs: int = 0  # 0: as many as the task needs
    cut: bool = False  # the graph is cut before the last layer

    def acted(self, layer: int) -> list[nn.Module]:
        """The activation that follows layer number `layer`, if any."""
        return [self.activation()] if self.activate_every and layer % self.activate_every == 0 else []


class Detach(nn.Module):
    """A `.detach()` left in the forward pass."""

    def forward(self, x: Tensor) -> Tensor:
        return x.detach()


def _tail(options: Options, width: int, outputs: int) -> list[nn.Module]:
    """Bottleneck, cut, last layer and what follows it."""
    squeeze: list[nn.Module] = []
    if options.bottleneck:
        squeeze = [nn.Linear(width, options.bottleneck), *options.acted(0)]
        width = options.bottleneck
    cut = [Detach()] if options.cut else []
    return [*squeeze, *cut, nn.Linear(width, outputs), *(each() for each in options.head)]


def mlp(options: Options, task: Task, outputs: int) -> nn.Module:
    """Linear layers in an nn.Sequential."""
    width = math.prod(task.splits["train"].x.shape[1:])
    layers: list[nn.Module] = [nn.Flatten(), *(each() for each in options.front)]
    for i in range(options.depth):
        layers += [nn.Linear(width, options.width), *options.acted(i)]
        layers += [nn.Dropout(options.dropout)] if options.dropout else []
        width = options.width
    return nn.Sequential(*layers, *_tail(options, width, outputs))


class ConvNet(nn.Module):
    """Convolutions with functional activations and pooling, as tutorials write it."""

    def __init__(self, options: Options, task: Task, outputs: int) -> None:
        super().__init__()
        size = task.splits["train"].x.shape[-1]
        width = options.width
        self.front = nn.Sequential(*(each() for each in options.front))
        self.conv1 = nn.Conv2d(1, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, 2 * width, 3, padding=1)
        self.bn1, self.bn2 = (
            nn.BatchNorm2d(each, momentum=options.norm_momentum) if options.batch_norm else nn.Identity()
            for each in (width, 2 * width)
        )
        self.act1, self.act2, self.act3 = (nn.Sequential(*options.acted(i)) for i in range(3))
        self.functional = options.activation is nn.ReLU and options.activate_every == 1
        self.dropout = nn.Dropout(options.dropout)
        self.fc1 = nn.Linear(2 * width * (size // 4) ** 2, 4 * width)
        self.fc2 = nn.Sequential(*_tail(options, 4 * width, outputs))

    def forward(self, x: Tensor) -> Tensor:
        x = self.front(x)
        if self.functional:
            x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 2)
            x = F.max_pool2d(F.relu(self.bn2(self.conv2(x))), 2)
            x = F.relu(self.fc1(torch.flatten(x, 1)))
        else:
            x = F.max_pool2d(self.act1(self.bn1(self.conv1(x))), 2)
            x = F.max_pool2d(self.act2(self.bn2(self.conv2(x))), 2)
            x = self.act3(self.fc1(torch.flatten(x, 1)))
        return self.fc2(self.dropout(x))


class Block(nn.Module):
    """Two convolutions with BatchNorm, and the input added again."""

    def __init__(self, options: Options, width: int) -> None:
        super().__init__()

        def norm() -> nn.Module:
            return nn.BatchNorm2d(width, momentum=options.norm_momentum) if options.norm else nn.Identity()

        self.conv1, self.bn1 = nn.Conv2d(width, width, 3, padding=1, bias=not options.norm), norm()
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, padding=1, bias=not options.norm), norm()
        self.act = options.activation()
        self.skip = options.skip

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(self.act(self.bn1(self.conv1(x)))))
        return self.act(x + y if self.skip else y)


class ResNet(nn.Module):
    """A residual CNN with BatchNorm and global average pooling."""

    def __init__(self, options: Options, task: Task, outputs: int) -> None:
        super().__init__()
        del task
        width = options.width
        self.front = nn.Sequential(*(each() for each in options.front))
        self.stem = nn.Conv2d(1, width, 3, padding=1, stride=2 if width > 8 else 1)  # noqa: PLR2004
        self.bn = nn.BatchNorm2d(width, momentum=options.norm_momentum) if options.norm else nn.Identity()
        self.blocks = nn.Sequential(*(Block(options, width) for _ in range(options.depth)))
        self.dropout = nn.Dropout(options.dropout)
        self.fc = nn.Sequential(*_tail(options, width, outputs))

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(F.relu(self.bn(self.stem(self.front(x)))))
        return self.fc(self.dropout(x.mean((2, 3))))


class Recurrent(nn.Module):
    """A GRU (or LSTM, RNN) over the rows of an image or the characters of a text."""

    def __init__(self, options: Options, task: Task, outputs: int) -> None:
        super().__init__()
        self.language = task.kind == "language"
        size = options.width // 2 if self.language else task.splits["train"].x.shape[-1]
        self.embed = (
            nn.Embedding(task.classes, size) if self.language else nn.Sequential(*(each() for each in options.front))
        )
        kind, extra = {"RNN-relu": (nn.RNN, {"nonlinearity": "relu"})}.get(
            options.recurrent, (getattr(nn, options.recurrent.partition("-")[0]), {})
        )
        self.rnn = kind(size, options.width, options.depth, batch_first=True, **extra)
        self.dropout = nn.Dropout(options.dropout)
        self.head = nn.Sequential(*_tail(options, options.width, outputs))

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x) if self.language else self.embed(x.squeeze(1))
        out, _ = self.rnn(x)
        return self.head(self.dropout(out if self.language else out[:, -1]))


class Layer(nn.Module):
    """Attention and a feed-forward part, each normalised first and added."""

    def __init__(self, options: Options, causal: bool) -> None:
        super().__init__()
        width = options.width
        self.norm1 = nn.LayerNorm(width) if options.norm else nn.Identity()
        self.norm2 = nn.LayerNorm(width) if options.norm else nn.Identity()
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.act = nn.GELU() if options.activation is nn.ReLU else options.activation()
        self.dropout, self.causal, self.heads = nn.Dropout(options.dropout), causal, 4

    def forward(self, x: Tensor) -> Tensor:
        b, t, c = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        x = x + self.dropout(self.out(mixed.transpose(1, 2).reshape(b, t, c)))
        return x + self.dropout(self.down(self.act(self.up(self.norm2(x)))))


class Transformer(nn.Module):
    """A small pre-norm transformer over the characters of a text or the rows of an image."""

    def __init__(self, options: Options, task: Task, outputs: int) -> None:
        super().__init__()
        self.language = task.kind == "language"
        shape = task.splits["train"].x.shape
        self.front = nn.Sequential(*(each() for each in options.front))
        self.embed = nn.Embedding(task.classes, options.width) if self.language else nn.Linear(shape[-1], options.width)
        self.places = nn.Parameter(0.02 * torch.randn(WINDOW if self.language else shape[-2], options.width))
        self.layers = nn.ModuleList([Layer(options, self.language) for _ in range(options.depth)])
        self.norm = nn.LayerNorm(options.width) if options.norm else nn.Identity()
        self.head = nn.Sequential(*_tail(options, options.width, outputs))

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x if self.language else self.front(x).squeeze(1)) + self.places
        for layer in self.layers:
            x = layer(x)
        x = self.norm(x)
        return self.head(x if self.language else x.mean(1))


class AutoEncoder(nn.Module):
    """An encoder and a decoder around a narrow code."""

    def __init__(self, options: Options, task: Task, outputs: int) -> None:
        super().__init__()
        inputs = math.prod(task.splits["train"].x.shape[1:])
        code = options.bottleneck or 12
        width = options.width
        self.encoder = nn.Sequential(
            nn.Flatten(), *(each() for each in options.front),
            nn.Linear(inputs, width), *options.acted(0), nn.Dropout(options.dropout), nn.Linear(width, code),
        )  # fmt: skip
        self.decoder = nn.Sequential(
            nn.Linear(code, width), *options.acted(0), *([Detach()] if options.cut else []),
            nn.Linear(width, outputs), *(each() for each in options.head),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(self.encoder(x))


FAMILIES: Mapping[str, Callable[[Options, Task, int], nn.Module]] = {
    "mlp": mlp,
    "deep-mlp": mlp,
    "cnn": ConvNet,
    "resnet": ResNet,
    "recurrent": Recurrent,
    "transformer": Transformer,
    "autoencoder": AutoEncoder,
}


def build(family: str, options: Options, task: Task) -> nn.Module:
    """A network of this family with as many outputs as the task needs."""
    y = task.splits["train"].y
    outputs = options.outputs or task.classes or y.shape[-1]
    return FAMILIES[family](options, task, outputs)
