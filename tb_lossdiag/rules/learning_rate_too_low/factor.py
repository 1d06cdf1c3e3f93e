"""By how much to raise the rate, and how to say so."""

from __future__ import annotations

from tb_lossdiag.finding import Remedy, about
from tb_lossdiag.signals.optimizer import Optimizer
from tb_lossdiag.signals.schedule import Schedule

__all__ = ["raised", "remedies"]


def _now(schedule: Schedule | None, optimizer: Optimizer | None) -> float:
    """The learning rate, or 0 where it is not known."""
    now = schedule.highest if schedule is not None else None
    if now is None and optimizer is not None and optimizer.groups:
        now = float(optimizer.groups[0].get("lr") or 0.0)
    return now or 0.0


def raised(factor: float, schedule: Schedule | None, optimizer: Optimizer | None) -> float:
    """The factor, to a learning rate that is worth a try: on a first plateau steps are small because gradients are, and tell less."""
    now = _now(schedule, optimizer)
    highest = optimizer.highest if optimizer is not None else factor * now
    return min(factor, highest / now) if 0 < now < highest else factor


def remedies(factor: float, schedule: Schedule | None, optimizer: Optimizer | None, usual: float) -> tuple[Remedy, ...]:
    """What to do, with numbers where the rate is known."""
    now = _now(schedule, optimizer)
    expect = f"An update ratio near {usual:g}, and a loss that falls several times faster."
    if not now:
        return (Remedy(f"Raise the learning rate by {about(factor)} times", "", expect),)
    name = optimizer.type if optimizer is not None else "SGD"
    code = f"torch.optim.{name}(model.parameters(), lr={now * factor:.1g})"
    if optimizer is not None and now * factor >= optimizer.highest:
        action = f"Raise the learning rate from {now:g} to {now * factor:.1g}, and look again: hardly any training wants more"
        return (Remedy(action, code, expect),)
    return (Remedy(f"Raise the learning rate from {now:g} to about {now * factor:.1g}", code, expect),)
