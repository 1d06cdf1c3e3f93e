"""Trainable parameters that stay as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from tb_lossdiag.evidence import Bars, Evidence, Table
from tb_lossdiag.finding import Finding, Severity, confidence, percent
from tb_lossdiag.rules.parameters_not_updated.outside import CERTAIN, DOUBTFUL, HELD_UP
from tb_lossdiag.series import Layers, Series
from tb_lossdiag.signals.beginning import LAYERS, fresh
from tb_lossdiag.signals.structure import Modules, Parameter

__all__ = ["LEFT_OUT", "STILL", "UNCHANGED", "standing"]

STILL = 0.999  # share of the sampled steps without any change
LEFT_OUT = "the optimizer does not hold it"
UNCHANGED = "no step changed it"
LEARNT = 0.5  # share of the loss that is left: below it, training a head alone was probably meant
SOMETHING = 0.85  # ... and below it a small part does not stand in the way, as the keys of an attention to a single place, which have no slope
PART = 0.2  # of all trainable elements
YOUNG = 100  # steps
RAW = 0.85  # how sure a layer makes us that was drawn at random and forgotten, however small
UNUSED = 0.55  # how sure a part makes us that the loss has no use for: a reason comes before it


def standing(
    trainable: Sequence[Parameter],
    still: Mapping[str, str],
    unchanged: Mapping[str, float],
    modules: Modules,
    gradients: Layers,
    norm: Series | None,
    left: float | None,
) -> Finding | None:
    """Those of the trainable parameters that are `still`, each for its reason, where they are more than a trifle: by their size; as layers
    that stand at random among others that learn (`raw`); or as a layer, however small, that says something at each step while nobody
    listens (`unheard`), as one of several heads is.
    """
    total = sum(each.numel for each in trainable)
    stand = [each for each in trainable if each.name in still]
    part = sum(each.numel for each in stand) / total if total else 0.0
    reasons = set(still.values())
    layers = [each for each in trainable if each.kind in LAYERS]
    new = [each for each in layers if each.name in still and fresh(each)]
    raw = 0 < len(new) < len(layers) and reasons == {LEFT_OUT}
    called = {each.name for each in modules if each.order is not None}
    heard = [each for each in layers if each.name in still and each.module in called]
    unheard = reasons == {UNCHANGED} and bool(heard)
    if not (total and (part > DOUBTFUL or raw or unheard)):
        return None
    share = max(part, len(new) / max(1, len(layers)))
    severity = _mild(
        reasons,
        part,
        left,
        fresh=bool(new),
        young=_young(norm),
        idle=_idle(stand, modules),
        level=_level([each for name, each in gradients.items() if name in still]),
    )
    first, why = next(iter(still.items()))
    sure = max(confidence(share, doubtful=DOUBTFUL, certain=CERTAIN), RAW if raw else 0.0, UNUSED if unheard else 0.0)
    if severity == "info" and why == UNCHANGED:  # the loss has no use for it: nothing may be wrong at all
        sure = min(sure, UNUSED)
    return Finding(
        summary=f"{percent(share)} of the trainable parameters never change, {first} first among them: {why}.",
        confidence=sure,
        since=0,
        where=list(still)[:10],
        evidence=_evidence(stand, still, unchanged),
        severity=severity,
    )


def _evidence(stand: Sequence[Parameter], still: Mapping[str, str], unchanged: Mapping[str, float]) -> list[Evidence]:
    rows: list[list[str | float]] = [[each.name, each.numel, still[each.name]] for each in stand]
    evidence: list[Evidence] = [Table("Parameters that never change", ["parameter", "elements", "why"], rows)]
    if unchanged:
        steps = list(unchanged.values())
        evidence.append(Bars("Steps without any change, by parameter", list(unchanged), steps, "share", STILL))
    return evidence


def _young(norm: Series | None) -> bool:
    """Whether the run has had no time to learn."""
    return norm is not None and len(norm) > 0 and int(norm.steps[-1]) < YOUNG


def _mild(
    reasons: AbstractSet[str], share: float, left: float | None, *, fresh: bool, young: bool, idle: bool, level: bool
) -> Severity | None:
    """Worth a remark only: what was left out of a run that learns, or a part that no gradient reaches: a small one, as the last of several heads
    whose output nobody uses, or layers that are never called, as the stages of a backbone beyond the one that is wanted.
    """
    if reasons == {LEFT_OUT}:
        return "info" if left is not None and left < (HELD_UP if fresh else LEARNT) else None
    small = share < PART
    learns = young or left is None or left < (SOMETHING if small and level else LEARNT)
    return "info" if reasons == {UNCHANGED} and ((small and idle) or ((small or idle) and learns)) else None


def _level(gradients: Sequence[Series]) -> bool:
    """Whether a gradient does arrive, and is zero: where none does, somebody has cut the graph."""
    return bool(gradients) and all(len(each.finite()) > 0 for each in gradients)


def _idle(still: Sequence[Parameter], modules: Modules) -> bool:
    """Whether all of them belong to layers that are never called: they take no part in anything, whether forgotten or left over."""
    uncalled = {each.name for each in modules if each.order is None}
    return (
        bool(still)
        and any(each.order is not None for each in modules)
        and all(each.module in uncalled for each in still)
    )
