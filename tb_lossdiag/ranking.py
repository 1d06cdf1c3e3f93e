"""Root causes before their consequences: the only place where rules are weighed against each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tb_lossdiag.evidence import Evidence
from tb_lossdiag.finding import Remedy, Severity, Stage

__all__ = ["Ranked", "Role", "Undecided"]

Role = Literal["root", "consequence", "contributing"]


@dataclass(frozen=True, slots=True)
class Ranked:
    """A finding in its place: its role among the others, and which of them it explains."""

    cause: str
    title: str
    stage: Stage
    role: Role
    confidence: float
    severity: Severity
    since: int | None
    where: Sequence[str]
    summary: str
    explains: Sequence[str]
    evidence: Sequence[Evidence]
    remedies: Sequence[Remedy]
    factor: float | None = None


@dataclass(frozen=True, slots=True)
class Undecided:
    """Causes that what was logged cannot tell apart, the signals that would, and the line of code that logs them."""

    causes: Sequence[str]
    missing: Sequence[str]
    log: str
