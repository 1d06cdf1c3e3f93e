"""What a report shows beside its findings: the loss curves, the learning rate, when it was, figures, and the layers as heat maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tb_lossdiag.evidence import Curve, Heatmap, Line, Mark, Scale, Unit
from tb_lossdiag.series import Layers, Series, common_steps, every, quantiles
from tb_lossdiag.signals import Signals
from tb_lossdiag.verdict import Verdict

__all__ = ["Clock", "clock", "figures", "layers", "losses", "schedule"]

JUMP = 1.5  # by what factor a learning rate changes at once where somebody changed it; schedules go in small steps
MOST_JUMPS = 6  # more lines would hide the losses, and the learning rate has its own curve
TICKS = 200  # moments of the clock: between them a training runs evenly enough
COLUMNS = 150  # steps of a heat map: more cannot be told apart on a screen

MAPS: tuple[tuple[str, str, Unit, bool], ...] = (
    ("layer_gradients", "Gradient by layer (root mean square)", "norm", True),
    ("layer_updates", "Update ratio by layer", "ratio", True),
    ("activation_scale", "Activation scale by layer (root mean square)", "norm", True),
    ("dead_share", "Dead units by layer", "share", False),
    ("saturated_share", "Saturated units by layer", "share", False),
)


@dataclass(frozen=True, slots=True)
class Clock:
    """When the steps were: `seconds[i]` after the first point of the loss came `steps[i]`; empty where nobody recorded it.

    `steps_per_epoch` is known where the training loader is.
    """

    steps: Sequence[int]
    seconds: Sequence[float]
    steps_per_epoch: float | None = None


def clock(signals: Signals) -> Clock | None:
    """The time that passed and the length of an epoch, as far as either is known."""
    curve = signals.get("train_loss") or signals.get("eval_loss")
    if curve is None or not len(curve):
        return None
    passes = signals.get("passes")
    epoch = None if not passes else float(curve.steps[-1] - curve.steps[0] + 1) / passes
    steps, seconds = _moments(curve)
    return Clock(steps, seconds, epoch) if len(steps) or epoch else None


def _moments(curve: Series) -> tuple[list[int], list[float]]:
    """Steps and the seconds since the first one, both rising; nothing where the times tell nothing."""
    chosen = np.unique(np.linspace(0, len(curve) - 1, TICKS).astype(int))
    wall = None if curve.wall is None else curve.wall[chosen]
    if wall is None or not np.isfinite(wall).all() or not wall[-1] > wall[0]:
        return [], []
    passed = np.maximum.accumulate(wall - wall[0])
    return curve.steps[chosen].tolist(), np.round(passed, 3).tolist()


def schedule(signals: Signals) -> Curve | None:
    """The learning rate over training, where it changed."""
    rate = signals.get("lr")
    finite = None if rate is None else rate.finite()
    if finite is None or not len(finite) or not finite.values.max() > finite.values.min():
        return None
    wide = finite.values.min() > 0 and finite.values.max() > 10 * finite.values.min()
    line = Line("learning rate", "observed", rate)
    return Curve("Learning rate", [line], "learning rate", [], "log" if wide else "linear")


def _jumps(rate: Series | None) -> list[Mark]:
    """The steps at which the learning rate was changed at once: none where it never is, or where it always moves."""
    if rate is None:
        return []
    rate = rate.finite()
    places = np.flatnonzero(rate.values[1:] != rate.values[:-1]) + 1
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = rate.values[places] / rate.values[places - 1]
    places = places[(ratio >= JUMP) | (ratio <= 1 / JUMP)]
    if len(places) > MOST_JUMPS:
        return []
    return [
        Mark("step", f"learning rate {rate.values[i - 1]:.3g} → {rate.values[i]:.3g}", float(rate.steps[i]))
        for i in places
    ]


def _best(signals: Signals) -> list[Mark]:
    """The step of the best checkpoint, as the loss of unseen data tells it."""
    for name in ("val", "test"):
        curve = signals.get(f"{name}_loss")
        finite = None if curve is None else curve.finite()
        if finite is not None and len(finite) > 1:
            return [Mark("step", f"best {name} loss", float(finite.steps[np.argmin(finite.values)]))]
    return []


def losses(signals: Signals, verdict: Verdict) -> Curve | None:
    """Training, validation and test loss in one chart: the verdict's stretch, the best checkpoint, changes of the learning rate."""
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
    marks += [*_best(signals), *_jumps(signals.get("lr"))]
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
        if name != "train":
            best = int(np.argmin(finite.values))
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
    known = [values for each in lines if len(values := each.series.finite().values)]
    if not known or min(float(each.min()) for each in known) <= 0:
        return "linear"
    some = every(sum(map(len, known)))
    (low,) = quantiles(np.concatenate([each[::some] for each in known]), 0.02)
    return "log" if max(float(each.max()) for each in known) > 10 * low else "linear"
