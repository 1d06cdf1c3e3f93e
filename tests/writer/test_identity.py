"""Fingerprints of samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tb_lossdiag import DiagWriter
from tb_lossdiag.reader import Log
from tb_lossdiag.signals import Signals
from tb_lossdiag.writer.identity import COUNTED, KEPT, VALUES, Identity, fingerprints, of_samples


def keys(values: torch.Tensor) -> set[tuple[float, float]]:
    return {(float(low), float(high)) for low, high in fingerprints(values)}


@pytest.mark.parametrize("shape", [(512, 3), (512, 64), (512, 1, 28, 28), (512, 7, 40)])
def test_different_samples_have_different_fingerprints(shape: tuple[int, ...]) -> None:
    values = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    assert len(keys(values)) == len(values)


def test_equal_samples_have_equal_fingerprints_wherever_they_stand() -> None:
    values = torch.randn(64, 20, generator=torch.Generator().manual_seed(0))
    assert keys(values) == keys(values.flip(0)) == keys(values.t().contiguous().t())
    assert torch.equal(fingerprints(values[10:20]), fingerprints(values)[10:20])


def test_the_smallest_change_and_the_order_of_values_count() -> None:
    values = torch.zeros(3, 8)
    values[1, 7] = 1e-7
    values[2, 6] = 1e-7
    assert len(keys(values)) == 3


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.bool, torch.float16, torch.float64])
def test_any_type_of_input_has_one(dtype: torch.dtype) -> None:
    values = torch.arange(60).reshape(20, 3).remainder(7).to(dtype)
    assert torch.isfinite(fingerprints(values)).all()
    assert (fingerprints(values) < 1 << 24).all()


def test_repeated_and_shared_samples_are_counted() -> None:
    identity = Identity()
    val = torch.arange(40.0).reshape(10, 4)
    train = torch.cat([val[:3], val[:3], 100 + torch.arange(20.0).reshape(5, 4)])
    identity.see("val", fingerprints(val).numpy().astype(np.float64), 4)
    figures = identity.see("train", fingerprints(train).numpy().astype(np.float64), 4)[:, 0]
    seen, distinct, in_val, in_test, values, commonest = figures
    assert (seen, distinct, in_val, values, commonest) == (11, 8, 3, 4, 2)
    assert np.isnan(in_test)


def test_the_commonest_sample_is_counted_from_the_first_batch_on_that_has_it_twice() -> None:
    identity, blank = Identity(), torch.zeros(12, 4)
    for batch in range(1, 11):
        own = 100.0 * batch + torch.arange(80.0).reshape(20, 4)
        identity.see("val", fingerprints(torch.cat([blank, blank])).numpy().astype(np.float64), 4)
        figures = identity.see("train", fingerprints(torch.cat([own, blank])).numpy().astype(np.float64), 4)
    assert figures[-1, 0] == 120, "of validation none is counted"
    again = Identity()
    again.load_state_dict(identity.state_dict())
    assert np.array_equal(again.figures(), identity.figures(), equal_nan=True)


def test_of_many_that_come_twice_few_are_counted() -> None:
    identity = Identity()
    twice = np.repeat(np.stack([np.arange(5000.0), np.zeros(5000)], 1), 2, axis=0)
    identity.see("train", twice, 4)
    assert len(identity._common) == COUNTED


def test_samples_that_are_mostly_zeros_are_told_apart_in_every_split() -> None:
    words = torch.zeros(300, 1024)
    words[torch.arange(300), 3 * torch.arange(300) + 1] = 1.0
    identity = Identity()
    most = identity.most(words)
    assert len(keys(words)) < 100, "one value in sixteen is not enough of these"
    assert len({tuple(each) for each in fingerprints(words, most=most).tolist()}) == 300
    assert identity.most(torch.randn(8, 1024)) == most, "validation is held against training"
    again = Identity()
    again.load_state_dict(identity.state_dict())
    assert again.most(torch.randn(8, 1024)) == most
    assert Identity().most(torch.randn(8, 1024)) == Identity().most(torch.zeros(8, 64)) == VALUES


def test_memory_is_bounded() -> None:
    identity = Identity()
    batch = np.stack([np.arange(50_000) % (1 << 24), np.arange(50_000)], 1).astype(np.float64)
    for shift in range(5):
        identity.see("train", batch + np.array([0, shift * 50_000 % (1 << 23)]), 4)
    assert len(identity._keys["train"]) < KEPT + 50_000


def test_samples_of_several_inputs_differ_where_any_of_them_does() -> None:
    categories, amounts = torch.zeros(6, 2, dtype=torch.int64), torch.arange(12.0).reshape(6, 2)
    hidden = torch.zeros(1, 6, 4)
    inputs = of_samples([categories, amounts, torch.arange(6), hidden])
    assert [each.shape for each in inputs] == [(6, 2), (6, 2), (6,)]
    assert len({tuple(each) for each in fingerprints(*inputs).tolist()}) == 6
    assert len({tuple(each) for each in fingerprints(categories).tolist()}) == 1


def test_what_has_no_values_or_lies_elsewhere_is_left_out() -> None:
    """The lengths of sequences stay on the CPU, as packing wants them."""
    ids = torch.zeros(6, 2, dtype=torch.int64)
    inputs = of_samples([ids, torch.zeros(6, 0), torch.zeros(6, device="meta"), torch.tensor(3.0)])
    assert [each.shape for each in inputs] == [(6, 2)]


class Sequences(nn.Module):
    """Numbers of one sequence after the other, with steps along the first axis."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.head = nn.LSTM(2, 8), nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.lstm(x)[0][-1])


@pytest.mark.parametrize(("model", "shape", "axis"), [(Sequences(), (7, 40, 2), 1), (nn.Linear(16, 3), (40, 16), 0)])
def test_samples_lie_where_there_are_as_many_as_the_loss_is_of(
    model: nn.Module, shape: tuple[int, ...], axis: int, tmp_path: Path
) -> None:
    """A last batch of other size than there are features, which the batches before it had as many of as samples, is of samples still."""
    torch.manual_seed(0)
    x, y = torch.randn(shape), torch.arange(40) % 3
    optimizer, loss_fn = torch.optim.SGD(model.parameters(), lr=0.1), nn.CrossEntropyLoss()
    with DiagWriter(str(tmp_path)) as writer:
        writer.watch(model, optimizer, loss_fn)
        for _ in range(6):
            for rows in torch.randperm(40).split(16):
                optimizer.zero_grad()
                loss_fn(model(x.index_select(axis, rows)), y[rows]).backward()
                optimizer.step()
    log = Log(tmp_path)
    log.poll()
    found = Signals(log.run()).get("samples")
    assert 40 <= found.distinct <= 40 + 7  # the first batch is looked at before its loss is known
