"""How alike neighbours are in pictures that are whole, and in such whose channels were reshaped to the front. The pictures are photographs."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.datasets import load_sample_images
from torch import Tensor

from tb_lossdiag.writer.positions import Positions, interleaved, smooth


@pytest.fixture(scope="module", params=[0, 1], ids=["china", "flower"])
def photographs(request: pytest.FixtureRequest) -> Tensor:
    """Eight pictures, (pictures, height, width, channels)."""
    image = load_sample_images().images[request.param][::2, ::2] / 255
    return torch.tensor(np.stack([image[i * 48 :, j * 60 :][:48, :64] for i in range(2) for j in range(4)]))


def standardised(x: Tensor) -> Tensor:
    return (x - x.mean((0, 2, 3), keepdim=True)) / x.std((0, 2, 3), keepdim=True)


def test_reshaped_pictures_are_told_from_whole_ones(photographs: Tensor) -> None:
    whole = photographs.permute(0, 3, 1, 2)
    scrambled = photographs.reshape(8, 3, 48, 64)
    for each in (
        whole,
        standardised(whole),
        whole.flip(3),
        whole.transpose(2, 3),
        whole + 0.1 * torch.randn(whole.shape),
    ):
        assert interleaved(each) > 1
    for each in (scrambled, standardised(scrambled), 255 * scrambled):
        assert interleaved(each) < 0.75


def test_noise_has_no_neighbours() -> None:
    torch.manual_seed(0)
    assert interleaved(torch.randn(8, 3, 32, 32)).item() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("shape", [(8, 1, 28, 28), (8, 16, 32, 32), (8, 3, 32), (8, 3, 8, 8), (8, 3)])
def test_of_other_inputs_nothing_is_said(shape: tuple[int, ...]) -> None:
    assert interleaved(torch.rand(shape)).isnan()
    if len(shape) > 2:
        assert math.isnan(Positions().see(torch.rand(shape))[3])


def test_pictures_of_one_colour_say_nothing() -> None:
    assert not interleaved(torch.ones(8, 3, 32, 32)) < 1


def test_the_first_batches_are_enough() -> None:
    positions = Positions()
    told = [not positions.see(torch.rand(8, 3, 32, 32))[3].isnan() for _ in range(12)]
    assert told == [True] * 10 + [False] * 2


def test_neighbours_in_a_picture_are_alike_and_those_in_noise_are_not(photographs: Tensor) -> None:
    torch.manual_seed(0)
    pictures = photographs.permute(0, 3, 1, 2)
    assert smooth(pictures) > 0.6
    assert smooth(pictures[:, :1] * 255) > 0.6
    noise = torch.randn(pictures.shape) * pictures.std(0) + pictures.mean(0)
    assert abs(smooth(noise).item()) < 0.05, "though all of it looks like the mean of the pictures"
    for other in (pictures[:2], pictures[:, 0], pictures[..., :3], torch.ones(8, 1, 8, 8)):
        assert smooth(other).isnan()
