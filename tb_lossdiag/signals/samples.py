"""Single samples: how many of training are distinct, and how many of them are in validation and test, too."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tb_lossdiag.series import Packed, Run, Series
from tb_lossdiag.signals.signal import signal

__all__ = ["Relabelled", "Samples", "relabelled", "sample_count", "samples"]

FIGURES = ("seen", "distinct", "in_val", "in_test", "values")
MANY, APART = 200, 0.99  # samples of which as many differ: then samples are not alike by nature ...
AGAIN = 0.8  # different ones among the samples looked at: with more it is only known that there are many
# losses for a step that nobody adds up by chance between two evaluations, of which there are several
ACCUMULATED, SEVERAL = 20, 8
KEPT = 1 << 16  # samples that the writer knows at most
HALVINGS = 50
LOADER = "writer.watch(model, optimizer, loss_fn, train_loader=train_loader)"
FEW = 4  # values of a sample, below which many are the same by nature: of ages there are a hundred
SOME = 8  # ... if they have so many values; of a few categories some agree in all, sooner or later


@dataclass(frozen=True, slots=True)
class Samples:
    """What the fingerprints of the samples that were looked at tell; NaN where it is not known.

    `seen` were looked at in training, `distinct` of them differ; `in_val` and `in_test` are how many of the distinct ones are in that
    split, too. `expected` is how many of `seen` would differ if each was drawn at random, with replacement, from a training set
    of which no two samples are alike; going through the set in turn gives more. `values` is how many numbers a sample has, and `commonest`
    how many of `seen` are one and the same sample, the one that came most often; 0 where hardly any sample comes twice in a batch.
    """

    seen: float
    distinct: float
    in_val: float
    in_test: float
    values: float
    expected: float = math.nan
    commonest: float = math.nan

    @property
    def kept(self) -> float:
        """Distinct samples as a share of those expected: 1, or a little more, where none is repeated."""
        return self.distinct / self.expected if self.expected > 0 else math.nan

    @property
    def shared(self) -> float:
        """Share of the distinct training samples that are in validation, too."""
        return self.in_val / self.distinct if self.distinct > 0 else math.nan


@signal(log=LOADER)
def sample_count(
    run: Run,
    train_size: int | None = None,
    losses_per_step: int | None = None,
    batch_size: int | None = None,
    train_loss: Series | None = None,
    eval_loss: Series | None = None,
) -> float | None:
    """How many samples there are to train on: as the loader says, or from how often those that were looked at came again; else, where a step is
    taken from one evaluation to the next only, after many losses, as many as those were of.

    N samples that are drawn S times at random show N (1 - exp(-S / N)) different ones; None where hardly any came again.
    """
    if train_size:
        return float(train_size)
    packed = _counted(run)
    seen, distinct = (each[-1, 0] for each in _figures(packed)[:2]) if packed is not None else (0.0, 0.0)
    if not 0 < distinct < min(AGAIN * seen, KEPT):
        once = train_loss is not None and eval_loss is not None and _once_an_epoch(train_loss, eval_loss)
        losses = losses_per_step or 0
        return float(losses * batch_size) if once and losses >= ACCUMULATED and batch_size else None
    low, high = float(distinct), 10 * float(seen)
    for _ in range(HALVINGS):
        middle = math.sqrt(low * high)
        if -middle * math.expm1(-seen / middle) < distinct:
            low = middle
        else:
            high = middle
    return low


def _once_an_epoch(losses: Series, evaluations: Series) -> bool:
    """Whether there were about as many evaluations as steps, several of each: an epoch ends with an evaluation."""
    steps = int(losses.steps[-1] - losses.steps[0]) + 1
    return len(evaluations) >= SEVERAL and abs(len(evaluations) - steps) <= 1


@signal(log=LOADER)
def samples(run: Run, train_size: int | None = None) -> Samples | None:
    """How many of the training samples that were looked at are distinct, and in which other splits they are."""
    packed = _counted(run)
    if packed is None:
        return None
    known = [float(each[-1, 0]) for each in _figures(packed)]
    seen, distinct, in_val, in_test, values = known
    if train_size:
        expected = -train_size * math.expm1(-seen / train_size) if values >= FEW else math.nan
    else:  # how many there are is not known; but that none is repeated by nature shows before the first repetition of all
        counted, apart = packed.figure("seen"), packed.figure("distinct")
        alone = values >= SOME and (
            counted is not None and apart is not None and bool(((counted >= MANY) & (apart > APART * counted)).any())
        )
        expected = distinct if alone else math.nan
    commonest = packed.figure("commonest")  # of logs that have it
    most = float(commonest[-1, 0]) if commonest is not None else math.nan
    return Samples(seen, distinct, in_val, in_test, values, float(np.float64(expected)), most)


@dataclass(frozen=True, slots=True)
class Relabelled:
    """Training samples that were looked at `again`, and how many of them `otherwise`: with another label than before, and the same input."""

    again: float
    otherwise: float


@signal(log="writer.watch(model, optimizer, loss_fn)")
def relabelled(run: Run) -> Relabelled | None:
    """Whether samples have the label that they had before, where inputs are amounts and targets are classes."""
    groups = [each for each in run.packed if each.group == "labels" and len(each.steps) and len(each.columns)]
    if len(groups) != 1:
        return None
    again, otherwise = (groups[0].figure(name) for name in ("again", "otherwise"))
    return None if again is None or otherwise is None else Relabelled(float(again[-1, 0]), float(otherwise[-1, 0]))


def _counted(run: Run) -> Packed | None:
    """The counts of the model of which most are there; None where they do not tell."""
    groups = [each for each in run.packed if each.group == "samples" and len(each.steps) and len(each.columns)]
    packed = max(groups, key=lambda each: len(each.steps), default=None)
    figures = _figures(packed) if packed is not None else []
    return packed if len(figures) == len(FIGURES) and figures[0][-1, 0] > 0 else None


def _figures(packed: Packed) -> list[NDArray[np.floating[Any]]]:
    return [each for name in FIGURES if (each := packed.figure(name)) is not None]
