"""What goes into the model and what is to come out, split by split: inputs, targets, outputs, batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tb_lossdiag.tags import Schema
from tb_lossdiag.writer.identity import FIGURES as IDENTITY
from tb_lossdiag.writer.identity import Identity, fingerprints, of_samples, thinned
from tb_lossdiag.writer.labels import FIGURES as LABELS
from tb_lossdiag.writer.labels import Labels, broken, label_of
from tb_lossdiag.writer.pairs import FIGURES as PAIR_FIGURES
from tb_lossdiag.writer.pairs import Pairs, of_pairs
from tb_lossdiag.writer.per_sample import FIGURES as LOSS_FIGURES
from tb_lossdiag.writer.per_sample import PAIRS, loss_by_sample, spread, task_of, type_of
from tb_lossdiag.writer.positions import FIGURES as POSITIONS
from tb_lossdiag.writer.positions import Positions
from tb_lossdiag.writer.repeats import Repeats
from tb_lossdiag.writer.running import (
    COLUMNS,
    Counts,
    Running,
    chosen_columns,
    class_counts,
    column_summary,
    columns_last,
)
from tb_lossdiag.writer.transfer import Transfer, later

__all__ = ["Batch", "SplitData", "is_ids"]

FIGURES = ("mean", "std", "min", "max")
BESIDE = ("min", "max")
IDS = 256  # buckets that whole numbers are counted in, by their last eight bits
CLASSES = 1000  # that are counted one by one, at most
WHOLE = 1 << 14  # targets that are looked at for whether they are whole numbers
HALF = 0.5
MIDDLES = {
    "BCEWithLogitsLoss": 0.0, "binary_cross_entropy_with_logits": 0.0, "BCELoss": HALF, "binary_cross_entropy": HALF,
}  # fmt: skip
"""Losses of a single output that tells one of two classes, and the value above which it tells the second."""
SEQUENCES = {"CTCLoss", "ctc_loss"}
MASK = 3  # dimensions from which on a single channel of yes and no is a mask
IMAGE = 4  # dimensions from which on the columns are channels

Write = Callable[[Schema, NDArray[np.float32]], None]


class Batch:
    """One call of the loss function: what the model said, what it should have said, and of what kind that is."""

    def __init__(self, loss_fn: object, prediction: Tensor, target: Tensor) -> None:
        self.loss_fn = loss_fn
        self.prediction = prediction.detach()
        self.target = target.detach().float() if type_of(loss_fn) in PAIRS else target.detach()
        self.task = task_of(loss_fn, prediction, target)
        self.classes = self._classes()
        self._counts: Tensor | None = None

    @property
    def size(self) -> int:
        """Samples in the batch. The targets of a CTC loss may be of all samples, one after the other: its predictions are by time and sample."""
        if type_of(self.loss_fn) in SEQUENCES and self.prediction.dim() == MASK:
            return self.prediction.shape[1]
        return len(self.target) if self.target.dim() else 1

    def _classes(self) -> int | None:
        """How many classes there are, or None where the target is not a class."""
        if self.task == "classification" and not self.target.is_floating_point() and self.prediction.dim() > 0:
            return self.prediction.shape[1] if self.prediction.dim() > 1 else self.prediction.shape[0]
        single = self.prediction.dim() <= 1 or self.prediction[0].numel() == 1
        return 2 if self.task == "binary" and single else None

    def counts(self) -> Tensor | None:
        """How often each class occurs, on the device; None where the target is not a class, or one of very many."""
        if self._counts is None and self.classes is not None and self.classes <= CLASSES:
            self._counts = class_counts(self.target, self.classes)
        return self._counts

    def correct(self) -> Tensor | None:
        """How many samples the model names the class of; None where that is no question."""
        named = self._named()
        return None if named is None else (named[0] == named[1]).sum()

    def answers(self) -> Tensor | None:
        """How often each class is the label, the answer, and both; None where that is no question, or of too many classes."""
        named = self._named() if self.classes is not None and self.classes <= CLASSES else None
        if named is None or self.classes is None:
            return self._of_places()
        return by_class(*named, self.classes)

    def _of_places(self) -> Tensor | None:
        """The same for a mask: each place of it is answered with a class, or with yes or no."""
        shape = self.prediction.shape
        each = self.prediction.dim() >= MASK and self.target.shape == (shape[0], *shape[2:])
        if self.task == "classification" and each and self.classes is not None and self.classes <= CLASSES:
            return by_class(self.target.reshape(-1), self.prediction.argmax(1).reshape(-1), self.classes)
        middle = MIDDLES.get(type_of(self.loss_fn))
        if (
            middle is None
            or self.target.shape != self.prediction.shape
            or self.target.dim() < MASK
            or self.target.shape[1] != 1
        ):
            return None
        return by_class((self.target.reshape(-1) > HALF).long(), (self.prediction.reshape(-1) > middle).long(), 2)

    def _named(self) -> tuple[Tensor, Tensor] | None:
        """Each sample's class and the one that the model names: its largest output, or the side of the middle that its only one is on."""
        if self.task == "classification" and self.classes is not None and self.prediction.dim() == 2:  # noqa: PLR2004
            return self.target.reshape(-1), self.prediction.argmax(1)
        middle = MIDDLES.get(type_of(self.loss_fn))
        if self.classes == 2 and middle is not None and self.prediction.numel() == self.target.numel():  # noqa: PLR2004
            return (self.target.reshape(-1) > HALF).long(), (self.prediction.reshape(-1) > middle).long()
        return None


def by_class(label: Tensor, answer: Tensor, classes: int) -> Tensor:
    """How often each class is the label, the answer, and both, shape (3, classes)."""
    right = torch.where(label == answer, answer, -1)
    return torch.stack([class_counts(each, classes) for each in (label, answer, right)])


def first_of_numbers(inputs: Sequence[Tensor]) -> int:
    """Which of the inputs has statistics: the first, or the first beside categories that holds a row of numbers for each sample, and is no mask."""
    if inputs[0].is_floating_point():
        return 0
    for number, each in enumerate(inputs[1:], 1):
        rows = each.dim() > 1 and len(each) == len(inputs[0]) and each.is_floating_point() and each.numel() > 0
        if rows and bool(((each != 0) & (each != 1)).any()):
            return number
    return 0


def is_ids(values: Tensor) -> bool:
    """Whether these are whole numbers, several for each sample, as the tokens of texts are."""
    whole = not (values.is_floating_point() or values.is_complex() or values.dtype == torch.bool)
    return whole and values.dim() > 1 and values.numel() > 0


class SplitData:
    """Running statistics of one split of one watched model. Sums wait in the transfer until they are fetched."""

    def __init__(self, split: str, name: str, identity: Identity) -> None:
        self.split = split
        self._name = name
        self._identity = identity
        self._running: dict[tuple[str, tuple[str, ...]], Running] = {}
        self._counts: dict[int, Counts] = {}
        self._positions = Positions()
        self._ids = Counts(IDS)
        self._numbers: int | None = None  # which of the inputs has statistics
        self._labels = Labels()
        self._known: list[NDArray[np.float64]] = []  # the fingerprints of this step's samples, once they are fetched
        self._samples = 0  # of this step's inputs
        self._sizes: tuple[int, ...] = ()  # of the first two axes of these
        self._second = False  # samples lie along the second of them
        self._beside: dict[str, list[float]] = {}  # lowest and highest value of the inputs beside the first
        self.repeats = Repeats()
        self.pairs = Pairs()

    def state_dict(self) -> dict[str, Any]:
        """The running statistics, as plain values and tensors."""
        return {
            "running": [(group, list(columns), each.state_dict()) for (group, columns), each in self._running.items()],
            "counts": {classes: each.state_dict() for classes, each in self._counts.items()},
            "positions": self._positions.state_dict(),
            "beside": {name: list(each) for name, each in self._beside.items()},
            "ids": self._ids.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        for group, columns, sums in state["running"]:
            self._running.setdefault((group, tuple(columns)), Running(len(columns))).load_state_dict(sums)
        for classes, counts in state["counts"].items():
            self._counts.setdefault(classes, Counts(classes)).load_state_dict(counts)
        self._positions.load_state_dict(state["positions"])
        self._beside = {name: list(each) for name, each in state.get("beside", {}).items()}
        if "ids" in state:
            self._ids.load_state_dict(state["ids"])

    def see_inputs(self, inputs: Sequence[Tensor], transfer: Transfer, write: Write) -> None:
        """The model's inputs, of which the first of numbers has statistics; token ids and the like, that have no mean, are counted."""
        if is_ids(inputs[0]):
            self._see_ids(inputs[0], transfer, write)
        if self._numbers is None:
            self._numbers = first_of_numbers(inputs)
        values = inputs[self._numbers if self._numbers < len(inputs) else 0].detach()
        if values.is_floating_point() and values.numel():
            self._see_columns("inputs", values, "channel" if values.dim() >= IMAGE else "feature", transfer, write)
            if values.dim() > 2 and self.split == "train":  # noqa: PLR2004  (a table's columns tell the same)
                schema = Schema("positions", self.split, POSITIONS, ("input",), self._name)
                transfer.add(
                    [self._positions.see(values)], lambda seen: write(schema, seen[0][:, None].astype(np.float32))
                )
        if values.dim() > 1 and values.numel() and not values.is_complex():
            self._see_samples(self._by_sample(of_samples([each.detach() for each in inputs])), transfer, write)

    def _by_sample(self, parts: Sequence[Tensor]) -> Sequence[Tensor]:
        """The inputs with a row for each sample, which may lie along the second axis, as torch's recurrent layers want them."""
        self._sizes = tuple(parts[0].shape[:2])
        if not self._second:
            return parts
        return [each.transpose(0, 1) for each in parts if each.shape[1:2] == self._sizes[1:]]

    def _see_samples(self, parts: Sequence[Tensor], transfer: Transfer, write: Write) -> None:
        """Which samples these are, each of so many inputs, and whether inputs beside the first ever hold more than one number."""
        size = sum(each[0].numel() for each in parts)
        known: list[NDArray[np.float64]] = []
        self._known, self._samples = known, len(parts[0])

        def consume(fetched: list[NDArray[np.float64]]) -> None:
            figures = self._identity.see(self.split, fetched[0], size)
            if len(fetched[1]) and fetched[1][0]:
                known.append(fetched[0])
            if self.split == "train":
                write(Schema("samples", "train", IDENTITY, ("input",), self._name), figures)

        for number, each in enumerate(parts[1:], 1):
            if self.split == "train" and each.is_floating_point() and each.dim() > 2 and each.numel():  # noqa: PLR2004  (no state, no mask)
                self._see_beside(f"input {number}", each, transfer, write)
        most = self._identity.most(parts[0])
        chosen = [thinned(each, most).clone() for each in parts]
        transfer.add(later(lambda: [fingerprints(*chosen, most=most), broken(chosen[0])], chosen), consume)

    def _see_ids(self, values: Tensor, transfer: Transfer, write: Write) -> None:
        """How often each id occurs, by its last eight bits."""
        schema = Schema("ids", self.split, ("count",), tuple(map(str, range(IDS))), self._name)

        def consume(fetched: list[NDArray[np.float64]]) -> None:
            self._ids.merge(fetched[0])
            write(schema, self._ids.figures())

        transfer.add([class_counts(values.detach() % IDS, IDS)], consume)

    def _see_beside(self, name: str, values: Tensor, transfer: Transfer, write: Write) -> None:
        """Sequences or images that are given beside the first input: whether they ever hold more than one number."""

        def consume(fetched: list[NDArray[np.float64]]) -> None:
            low, high = self._beside.get(name, [np.inf, -np.inf])
            self._beside[name] = [min(low, float(fetched[0][0])), max(high, float(fetched[0][1]))]
            table = np.array(list(self._beside.values()), dtype=np.float32).T
            write(Schema("beside", "train", BESIDE, tuple(self._beside), self._name), table)

        transfer.add([torch.stack(torch.aminmax(values))], consume)

    def see_targets(self, batch: Batch, transfer: Transfer, write: Write) -> None:
        """What should have come out: classes are counted, anything else has statistics by component."""
        if batch.size in self._sizes:  # as many samples as the loss was of
            self._second = self._sizes.index(batch.size) > 0
        found = batch.counts()
        if batch.classes is not None and found is not None:
            counts = self._counts.setdefault(batch.classes, Counts(batch.classes))
            schema = Schema("targets", self.split, ("count",), tuple(map(str, range(batch.classes))), self._name)

            def consume(values: list[NDArray[np.float64]]) -> None:
                counts.merge(values[0])
                write(schema, counts.figures())

            transfer.add([found], consume)
        elif batch.target.is_floating_point() and batch.target.numel():
            self._see_columns("targets", batch.target, "component", transfer, write)
            if self.split == "train":
                self._see_whole(batch.target, transfer, write)

    def _see_whole(self, target: Tensor, transfer: Transfer, write: Write) -> None:
        """Whether the targets are whole numbers, as classes and counts are."""
        schema = Schema("whole", self.split, ("share",), ("target",), self._name)

        def consume(fetched: list[NDArray[np.float64]]) -> None:
            write(schema, fetched[0].astype(np.float32).reshape(1, 1))

        values = target.detach().reshape(-1)[:WHOLE]
        transfer.add([(values == values.round()).float().mean()[None]], consume)

    def see_labels(self, batch: Batch, transfer: Transfer, write: Write) -> None:
        """The label of each sample whose input was seen in this step: one that comes again is to have the same."""
        known, self._known = self._known, []
        labels = label_of(batch.target, self._samples) if batch.classes is not None else None
        if labels is None:
            return
        schema = Schema("labels", self.split, LABELS, ("label",), self._name)

        def consume(fetched: list[NDArray[np.float64]]) -> None:
            if known:
                write(schema, self._labels.see(known[0], fetched[0]))

        transfer.add([labels], consume)

    def see_composition(self, batches: list[Tensor], transfer: Transfer, write: Write) -> None:
        """How often each class occurs in the batches of one step (`class_counts`): it says whether the data is shuffled."""
        if batches and all(each.shape == batches[0].shape for each in batches):
            schema = Schema("batch", self.split, ("count",), tuple(map(str, range(len(batches[0])))), self._name)
            counts = torch.stack(batches).sum(0)
            transfer.add([counts], lambda values: write(schema, values[0][None].astype(np.float32)))

    def see_outputs(self, batch: Batch, transfer: Transfer, write: Write) -> None:
        """What came out, by component, in this batch only."""
        self.see_output(batch.prediction, transfer, write)

    def see_output(self, values: Tensor, transfer: Transfer, write: Write) -> None:
        """The same, where no more is known of the batch."""
        if values.is_floating_point() and values.numel():
            self._see_columns("outputs", values.detach(), "component", transfer, write, running=False)

    def see_pairs(self, batch: Batch, transfer: Transfer, write: Write) -> None:
        """Whether the answers suit their own samples better than others."""
        found = of_pairs(batch.loss_fn, batch.prediction, batch.target)
        if found is not None:
            sums, samples = found
            schema = Schema("pairs", self.split, PAIR_FIGURES, ("loss",), self._name)
            transfer.add([sums], lambda fetched: write(schema, self.pairs.see(fetched[0], samples)))

    def see_losses(self, batch: Batch, transfer: Transfer, write: Write) -> None:
        """How the losses of the batch's samples are spread."""
        losses = loss_by_sample(batch.loss_fn, batch.prediction, batch.target)
        if losses is not None and losses.numel():
            schema = Schema("losses", self.split, LOSS_FIGURES, ("loss",), self._name)
            transfer.add([losses], lambda values: write(schema, spread(values[0])))

    def _see_columns(  # noqa: PLR0913  (one call for each group)
        self, group: str, values: Tensor, word: str, transfer: Transfer, write: Write, *, running: bool = True
    ) -> None:
        total = values.shape[1] if values.dim() >= IMAGE else values.shape[-1] if values.dim() > 1 else 1
        table = columns_last(values)
        columns = called(word, total, min(COLUMNS, table.shape[1]))
        known = self._running if running else {}
        statistics = known.get((group, columns))
        if statistics is None:
            statistics = known[group, columns] = Running(len(columns))
        samples = len(table)

        def consume(fetched: list[NDArray[np.float64]]) -> None:
            statistics.merge(samples, fetched[0])
            write(Schema(group, self.split, FIGURES, columns, self._name), statistics.figures())

        if table.data_ptr() == values.data_ptr():  # not a copy yet, which nobody changes
            table = table.clone()
        transfer.add(later(lambda: [column_summary(table)], [table]), consume, [table])


@lru_cache
def called(word: str, total: int, most: int) -> tuple[str, ...]:
    """The names of those of so many columns that are looked at, `most` of them."""
    return tuple(f"{word} {i}" for i in chosen_columns(total)[:most])
