"""The parameters of one model over one step: their gradients and sizes before it, and what the step has changed."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tb_lossdiag.tags import Schema
from tb_lossdiag.writer import gradients
from tb_lossdiag.writer.modules import named_modules, named_parameters
from tb_lossdiag.writer.outbox import At
from tb_lossdiag.writer.transfer import Transfer, later, local, shards

__all__ = ["FIGURES", "ParameterFigures"]

FIGURES = ("grad_norm", "param_norm", "update_norm")

Array = NDArray[np.float64]


def embeddings(model: nn.Module) -> set[str]:
    """The names of parameter tensors of which a step may change a few rows only."""
    found = {name for name, each in named_modules(model).items() if isinstance(each, (nn.Embedding, nn.EmbeddingBag))}
    return {name for name in named_parameters(model) if name.rpartition(".")[0] in found}


class ParameterFigures:
    """Measures one step at a time: `begin`, then `see_gradients` for each optimizer, then `queue` when all have stepped."""

    def __init__(self, model: nn.Module) -> None:
        self.named: Mapping[str, Tensor] = {}
        self.gradients = 0  # tensors that had one
        self.total = math.nan  # norm of all parameters that lie here
        self.gradient = math.nan  # norm of the whole gradient, before it was clipped
        self._model = model
        self._by_rows = embeddings(model)
        self._measured: dict[str, tuple[list[str], Tensor]] = {}
        self._updates: gradients.Updates | None = None
        self._norms: list[tuple[list[str], Tensor]] = []  # of gradients, by optimizer
        self._sketch: dict[str, Tensor] = {}
        self._sketch_before: dict[str, Tensor] = {}
        self._kept: tuple[Tensor, Tensor | None] | None = None

    def begin(self, *, sampled: bool) -> None:
        """A step begins; parameters and updates are measured on sampled ones."""
        self._norms, self._sketch, self._kept, self._updates = [], {}, None, None
        self.named = named_parameters(self._model)
        if sampled and self.named:
            self._measured["param_norm"] = list(self.named), gradients.norms(list(self.named.values()))
            moving = {name: local(each) for name, each in self.named.items() if each.requires_grad}
            if moving:  # of a network that is frozen on purpose nothing does
                self._updates = gradients.Updates(moving, self._by_rows)

    def see_gradients(self, of: Iterable[Tensor] | None, scale: Tensor | None) -> None:
        """Gradients as an optimizer is given them: of its own parameters, or of all."""
        chosen = None if of is None else {id(each) for each in of}
        found = {
            name: local(each.grad)
            for name, each in self.named.items()
            if each.grad is not None and (chosen is None or id(each) in chosen)
        }
        if not found:
            return
        norms = gradients.norms([gradients.dense(each) for each in found.values()])
        if scale is not None:
            norms = norms / scale.to(norms.device)
        self._norms.append((list(found), norms))
        self._sketch.update(gradients.sketch(found))

    def clipped(self, left: Tensor, scale: Tensor | None) -> None:
        """What backward left, before somebody changed it, times `scale`."""
        self._kept = left, None if scale is None else scale.clone()

    def queue(  # noqa: PLR0913  (what a step was, and where its figures go)
        self, transfer: Transfer, at: At, *, sampled: bool, paired: bool, model: str, processes: int
    ) -> None:
        """All optimizers have stepped: have what was measured fetched, and written. So many `processes` train the model together."""
        self.gradient, self.total, self.gradients = math.nan, math.nan, sum(len(names) for names, _ in self._norms)
        if sampled and self._updates is not None:
            self._measured["update_norm"] = self._updates.norms()
        if self._norms:
            order = [name for names, _ in self._norms for name in names]
            device = self._norms[0][1].device
            self._measured["grad_norm"] = order, torch.cat([each.to(device) for _, each in self._norms])
        shares = self._shares(processes)
        if shares and "param_norm" in self._measured:
            transfer.add([torch.linalg.vector_norm(self._measured["param_norm"][1])], self._see_total, early=True)
        measured, names, updates, self._measured = self._measured, list(self.named), self._updates, {}
        self._updates, self.named = None, {}
        if paired and self._sketch:
            self._queue_cosine(transfer, at)
        self._sketch_before, self._sketch = self._sketch if sampled else {}, {}

        def consume(values: list[Array]) -> None:
            rows = {
                name: dict(zip(measured[name][0], found, strict=True))
                for name, found in zip(measured, values, strict=True)
            }
            if updates is not None:
                rows["update_norm"] = updates.scaled(rows["update_norm"])
            table = np.array([[rows.get(figure, {}).get(name, np.nan) for name in names] for figure in FIGURES])
            if sampled:
                with np.errstate(over="ignore"):
                    at.packed(Schema("parameters", "train", FIGURES, tuple(names), model), table.astype(np.float32))
            gradient = list(rows.get("grad_norm", {}).values())
            self.gradient = math.sqrt(math.fsum(each * each for each in gradient))
            summarise(gradient, table[1], table[2], at.scalar)

        if measured:
            transfer.add([tensor for _, tensor in measured.values()], consume, shares=shares)
        self._queue_clipping(transfer, at)

    def drop(self) -> None:
        """Let go of what was copied."""
        self._measured, self._updates, self._norms, self._kept = {}, None, [], None
        self._sketch, self._sketch_before, self.named = {}, {}, {}

    def _shares(self, processes: int) -> list[float]:
        """What each square counts for in the sum over processes: of whole parameters, and of parts, as many as there are replicas are seen."""
        if processes == 1:
            return []
        share = {name: shards(each) / processes for name, each in self.named.items()}
        return [share[name] for names, _ in self._measured.values() for name in names]

    def _see_total(self, values: list[Array]) -> None:
        self.total = float(values[0][0])

    def _queue_cosine(self, transfer: Transfer, at: At) -> None:
        before, now = self._sketch_before, self._sketch  # copies, which nobody changes

        def cosine() -> list[Tensor]:
            found = gradients.cosine(before, now)
            return [] if found is None else [found]

        def consume(values: list[Array]) -> None:
            for each in values:
                at.scalar("diag/grad_cosine", float(each[0]))

        transfer.add(later(cosine, now.values()), consume)

    def _queue_clipping(self, transfer: Transfer, at: At) -> None:
        kept, norms, self._kept, self._norms = self._kept, self._norms, None, []
        if kept is None or len(norms) != 1:  # with several optimizers it is not known whose gradients were clipped
            return
        left, scale = kept

        def consume(values: list[Array]) -> None:
            given, before, scaled = (float(each[0]) for each in values)
            self.gradient = before / scaled if scaled else math.nan
            if before > 0 and math.isfinite(before / scaled):
                at.scalar("diag/clip_factor", given * scaled / before)

        one = torch.ones_like(left) if scale is None else scale
        transfer.add([torch.linalg.vector_norm(norms[0][1]), left, one], consume)


def summarise(gradient: list[float], size: Array, update: Array, scalar: Callable[[str, float], None]) -> None:
    """The figures of the whole model, from those of its parameter tensors."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        if gradient:
            scalar("diag/grad_norm", math.sqrt(math.fsum(each * each for each in gradient)))
        ratios = (update / size)[(size > 0) & ~np.isnan(update)]
    if len(ratios):
        scalar("diag/update_ratio", statistics.median(ratios.tolist()))
