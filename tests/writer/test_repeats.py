"""Whether an evaluation's inputs are the same each time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the writer watches its trainings: pip install torch")

from torch import Tensor, nn  # noqa: E402

from tb_lossdiag import DiagWriter  # noqa: E402
from tb_lossdiag.reader import Log  # noqa: E402
from tb_lossdiag.signals import Signals  # noqa: E402

SAMPLES, FEATURES = 24, 6

X = torch.randn(SAMPLES, FEATURES, generator=torch.Generator().manual_seed(0))
Y = torch.arange(SAMPLES) % 3


def augmented(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return x + 0.1 * torch.randn_like(x), y


def as_they_are(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return x, y


def shuffled(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    order = torch.randperm(len(x))
    return x[order], y[order]


def of_one_class(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return torch.randn_like(x), torch.zeros_like(y)


def a_few(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return augmented(x[:4], y[:4])


def validated(
    prepare: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]], folder: Path, *, announced: bool, width: int = 3
) -> float | None:
    """What is known after a training with two evaluations of the same 24 samples, which go through `prepare`."""
    model = nn.Linear(FEATURES, width)
    loss_fn: nn.Module = nn.CrossEntropyLoss() if width == 3 else nn.MSELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x, y = torch.randn(64, FEATURES), torch.arange(64) % 3 if width == 3 else torch.randn(64, width)
    with DiagWriter(str(folder)) as writer:
        writer.watch(model, optimizer, loss_fn)
        for _ in range(3):
            for _ in range(3):
                optimizer.zero_grad()
                loss_fn(model(x), y).backward()
                optimizer.step()
            inputs, targets = prepare(X, Y if width == 3 else X)
            if announced:
                with writer.evaluating("val"):
                    loss_fn(model(inputs), targets)
            else:
                model.eval()
                with torch.no_grad():
                    loss_fn(model(inputs), targets)
                model.train()
    log = Log(folder)
    log.poll()
    return Signals(log.run()).get("val_changed")


@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize(
    ("prepare", "changed"),
    [(augmented, 1.0), (as_they_are, 0.0), (shuffled, None), (of_one_class, None), (a_few, None)],
)
def test_targets_tell_that_the_data_are_the_same_and_inputs_that_they_are_changed(
    prepare: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]], changed: float | None, announced: bool, tmp_path: Path
) -> None:
    torch.manual_seed(1)
    assert validated(prepare, tmp_path, announced=announced) == changed


def test_noise_that_is_to_be_taken_away_is_drawn_anew_on_purpose(tmp_path: Path) -> None:
    assert validated(augmented, tmp_path, announced=True, width=FEATURES) is None
