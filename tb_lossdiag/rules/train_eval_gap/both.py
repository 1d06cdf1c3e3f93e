"""What both modes are shown by, and which layers they concern."""

from __future__ import annotations

from collections.abc import Sequence

from tb_lossdiag.evidence import Curve, Line, Mark
from tb_lossdiag.signals.probe import ModeGap
from tb_lossdiag.signals.structure import Module, Modules

__all__ = ["curve", "keeping"]


def curve(gap: ModeGap, marks: Sequence[Mark]) -> Curve:
    """The losses of the same batches in training mode and in evaluation mode."""
    lines = [Line("training mode", "observed", gap.train), Line("evaluation mode", "observed", gap.evaluation)]
    positive = bool((gap.train.values > 0).all() and (gap.evaluation.values > 0).all())
    return Curve("Loss of the same batches in both modes", lines, "loss", marks, "log" if positive else "linear")


def keeping(modules: Modules | None) -> list[Module]:
    """The layers that keep running statistics."""
    return [each for each in modules or () if "BatchNorm" in each.type or each.settings.get("track_running_stats")]
