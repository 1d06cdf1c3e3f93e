"""What a report shows beside its findings: the loss curves, figures about the run, and the layers as heat maps."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tb_lossdiag.evidence import Curve, Heatmap, Line, Mark, Scale, Unit
from tb_lossdiag.series import Layers, Series, common_steps
from tb_lossdiag.signals import Signals
from tb_lossdiag.verdict import Verdict

__all__ = ["figures", "layers", "losses"]

COLUMNS = 150  # steps of a heat map: more cannot be told apart on a screen

MAPS: tuple[tuple[str, str, Unit, bool], ...] = (
    ("layer_gradients", "Gradient by layer (root mean square)", "norm", True),
    ("layer_updates", "Update ratio by layer", "ratio", True),
    ("activation_scale", "Activation scale by layer (root mean square)", "norm", True),
    ("dead_share", "Dead units by layer", "share", False),
    ("saturated_share", "Saturated units by layer", "share", False),
)


def losses(signals: Signals, verdict: Verdict) -> Curve | None:
    """Training, validation and test loss in one chart, with the stretch that the verdict is about."""
    lines = [
        Line(name, "observed", curve)
        for name in ("train", "val", "test")
        if (curve := signals.get(f"{name}_loss")) is not None and len(curve)
    ]
    if not lines:
        return None
    marks = [Mark("stretch", verdict.id, *verdict.steps)]
    prior = signals.get("prior_loss")
    if prior is not None:
        marks.append(Mark("level", "blind guess", prior))
    return Curve("Loss", lines, "loss", marks, _scale(lines))


def figures(signals: Signals) -> Mapping[str, float]:
    """First, last and best level of each loss, the step of the best one, and the accuracies where they were logged."""
    found: dict[str, float] = {}
    for name in ("train", "val", "test"):
        curve = signals.get(f"{name}_loss")
        finite = None if curve is None else curve.finite()
        if finite is None or not len(finite):
            continue
        recent = float(np.median(finite.tail(0.05)))  # a single batch says little about the end
        found[f"{name} loss"] = recent if np.isfinite(curve.values[-1]) else float(curve.values[-1])
        best = int(np.argmin(finite.values))
        if name != "train":
            found[f"best {name} loss"] = float(finite.values[best])
            found[f"step of best {name} loss"] = int(finite.steps[best])
    for name in ("val", "test"):
        accuracy = signals.get(f"{name}_accuracy")
        if accuracy is not None and len(accuracy):
            found[f"{name} accuracy"] = float(accuracy.values[-1])
    return found


def layers(signals: Signals) -> tuple[Heatmap, ...]:
    """Every figure that is known by layer and step."""
    maps = []
    for name, title, unit, log in MAPS:
        rows: Layers | None = signals.get(name)
        if rows:
            maps.append(_heatmap(rows, title, unit, log=log))
    return tuple(maps)


def _heatmap(rows: Layers, title: str, unit: Unit, *, log: bool) -> Heatmap:
    steps = common_steps(rows.values())
    if len(steps) > COLUMNS:
        steps = steps[np.unique(np.linspace(0, len(steps) - 1, COLUMNS).astype(int))]
    arrays = {id(each.steps): each.steps for each in rows.values()}
    places = {key: np.searchsorted(own, steps, side="right") - 1 for key, own in arrays.items()}
    values = [_at(each, places[id(each.steps)]) for each in rows.values()]
    return Heatmap(title, list(rows), steps.tolist(), values, unit, "log" if log else "linear")


def _at(curve: Series, place: np.typing.NDArray[np.int64]) -> list[float]:
    """The values at these places, NaN where one lies before the first."""
    values: list[float] = np.where(place >= 0, curve.values[np.maximum(place, 0)], np.nan).tolist()
    return values


def _scale(lines: list[Line]) -> Scale:
    """A loss that falls by more than ten times is read on a logarithmic axis."""
    values = np.concatenate([each.series.finite().values for each in lines])
    if not len(values) or values.min() <= 0:
        return "linear"
    return "log" if values.max() > 10 * np.percentile(values, 2) else "linear"
