"""Whether answers suit their own samples better than others."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the writer watches its trainings: pip install torch")

import torch.nn.functional as F  # noqa: E402, N812
from torch import Tensor, nn  # noqa: E402

from tb_lossdiag import DiagWriter, diagnose  # noqa: E402
from tb_lossdiag.reader import Log  # noqa: E402
from tb_lossdiag.signals import Signals  # noqa: E402
from tb_lossdiag.writer.pairs import Pairs, of_pairs  # noqa: E402

SIDE, SAMPLES, HELD_OUT = 8, 128, 64


def pictures(count: int) -> tuple[Tensor, Tensor]:
    """Squares somewhere in noise, and their masks."""
    made = torch.Generator().manual_seed(0)
    masks = torch.zeros(count, 1, SIDE, SIDE)
    for mask, (row, column) in zip(masks, torch.randint(0, 5, (count, 2), generator=made), strict=True):
        mask[0, row : row + 4, column : column + 4] = 1
    return masks + 0.3 * torch.randn(masks.shape, generator=made), masks


def train(folder: Path, *, mixed: bool) -> Path:
    torch.manual_seed(0)
    x, y = pictures(SAMPLES + HELD_OUT)
    if mixed:
        y = y[torch.randperm(len(y))]
    model = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1))
    loss_fn, optimizer = nn.BCEWithLogitsLoss(), torch.optim.Adam(model.parameters(), lr=0.01)
    writer = DiagWriter(folder)
    writer.watch(model, optimizer, loss_fn)
    for _ in range(40):
        for chosen in torch.randperm(SAMPLES).split(16):
            optimizer.zero_grad()
            loss_fn(model(x[chosen]), y[chosen]).backward()
            optimizer.step()
        with writer.evaluating("val"):
            loss_fn(model(x[SAMPLES:]), y[SAMPLES:])
    writer.close()
    return folder


def said(folder: Path) -> dict[str, str]:
    (report,) = diagnose(folder)
    return {each.cause: each.severity for each in report.findings}


def share(folder: Path) -> float:
    log = Log(folder)
    log.poll()
    found = Signals(log.run()).get("swapped")
    assert found.samples == HELD_OUT
    return float(found.share.values[-1])


def test_masks_of_other_pictures_are_told(tmp_path: Path) -> None:
    folder = train(tmp_path, mixed=True)
    assert share(folder) > 0.9
    assert said(folder)["broken-input"] == "error"


def test_masks_of_their_own_pictures_are_fine(tmp_path: Path) -> None:
    folder = train(tmp_path, mixed=False)
    assert share(folder) < 0.3
    assert not {"broken-input", "uninformative-features"} & said(folder).keys()


def test_an_answer_that_is_right_costs_less_than_one_to_another_sample() -> None:
    target = torch.arange(4.0).repeat_interleave(64).reshape(4, 64)
    found = of_pairs(F.mse_loss, target + 1, target)
    assert found is not None
    sums, samples = found
    assert samples == 4
    assert sums.tolist() == pytest.approx([4.0, 1 + 1 + 9 + 9, 0.0])  # two samples away: off by 3, 3, -1 and -1


@pytest.mark.parametrize("shape", [(3, 64), (32, 63), (32,), ()])
def test_few_samples_and_few_values_tell_nothing(shape: tuple[int, ...]) -> None:
    assert of_pairs(F.mse_loss, torch.zeros(shape), torch.zeros(shape)) is None


def test_a_loss_of_the_users_own_is_not_called_again() -> None:
    calls: list[int] = []
    assert of_pairs(lambda *_: calls.append(1), torch.zeros(8, 64), torch.zeros(8, 64)) is None
    assert not calls


def test_each_evaluation_begins_anew() -> None:
    pairs = Pairs()
    first, one = torch.tensor([8.0, 16.0, 4.0]).double().numpy(), torch.tensor([2.0, 2.0, 2.0]).double().numpy()
    assert pairs.see(first, 8)[:, 0].tolist() == [1.0, 2.0, 0.5, 8.0]
    assert pairs.see(one, 2)[:, 0].tolist() == pytest.approx([1.0, 1.8, 0.6, 10.0])
    pairs.begin()
    assert pairs.see(one, 2)[:, 0].tolist() == [1.0, 1.0, 1.0, 2.0]


def test_what_is_not_finite_is_no_share(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, loss_fn = nn.Linear(64, 64), nn.MSELoss()
    writer = DiagWriter(tmp_path)
    writer.watch(model, torch.optim.SGD(model.parameters(), lr=0.1), loss_fn)
    for bad in (0.0, math.nan, math.inf):
        with writer.evaluating("val"):
            loss_fn(model(torch.randn(8, 64)) + bad, torch.randn(8, 64))
    writer.close()
    log = Log(tmp_path)
    log.poll()
    found = Signals(log.run()).get("swapped")
    assert found is None or len(found.share) == 1
