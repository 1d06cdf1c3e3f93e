"""What a rule is: a page, a few numbers with names, and a function from signals to a finding.

A rule's parameters are its requirements: `dead_share: Layers` is needed, `lr: Series | None = None` is welcome. The
function's name is the rule's id with `_` for `-`; its module's docstring is its page in the catalogue.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tb_lossdiag.finding import Finding, Remedy, Severity, Stage

__all__ = ["SECTIONS", "Lacking", "Rule", "rule"]

SECTIONS = ("What you see", "Why it happens", "What to do", "When this is wrong")
"""The headings of a rule's page, in this order."""


class Lacking(Exception):  # noqa: N818  (no error: an answer)
    """Raised by a rule that would need these signals, too, to say more: what it can tell without them it has looked for in vain."""

    def __init__(self, *signals: str) -> None:
        super().__init__(*signals)
        self.signals = signals


@dataclass(frozen=True, slots=True)
class Rule:
    """One cause of the catalogue and the function that looks for it.

    `cause` is one sentence that says what is wrong; `needs` and `welcome` are the names of the signals it cannot and can
    do without; `explains` are the ids of causes that follow from this one. A `symptom` is something that happens to a training,
    and is shown as the consequence of what explains it; anything else is a choice or a property of the data, which nothing
    brings about: where something else explains what it was inferred from, it is not claimed. What acts
    `by_steps` explains nothing that was so before the first of them. Where it `shows_in_loss`, a run that learns and has little of its
    training loss left speaks against it; a loss that does not fit, or a rare class, goes with a low loss as well.
    """

    id: str
    title: str
    cause: str
    stage: Stage
    severity: Severity
    remedies: Sequence[Remedy]
    explains: Sequence[str]
    needs: Sequence[str]
    welcome: Sequence[str]
    page: str
    function: Callable[..., Finding | None]
    symptom: bool = False
    by_steps: bool = False
    shows_in_loss: bool = True

    def section(self, heading: str) -> str:
        """The text below one of the page's headings, or "" where the page lacks it."""
        _, _, below = self.page.partition(f"## {heading}\n")
        return below.partition("\n## ")[0].strip()

    def check(self, **signals: Any) -> Finding | None:  # noqa: ANN401  (each signal has its own type)
        """Ask the rule. Raises TypeError where a needed signal is missing, and `Lacking` where others would be needed to say more."""
        return self.function(**signals)


def rule(  # noqa: PLR0913  (all that a catalogue says of a cause)
    *,
    cause: str,
    stage: Stage,
    severity: Severity,
    remedies: Sequence[str | Remedy],
    explains: Sequence[str] = (),
    symptom: bool = False,
    by_steps: bool = False,
    shows_in_loss: bool = True,
) -> Callable[[Callable[..., Finding | None]], Rule]:
    """Make a rule of a function from signals to a finding, or None for silence."""

    def make(function: Callable[..., Finding | None]) -> Rule:
        parameters = inspect.signature(function).parameters.values()
        page = inspect.cleandoc(function.__globals__.get("__doc__") or "")
        return Rule(
            id=function.__name__.replace("_", "-"),
            title=page.partition("\n")[0].lstrip("# ").strip(),
            cause=cause,
            stage=stage,
            severity=severity,
            remedies=tuple(Remedy(each) if isinstance(each, str) else each for each in remedies),
            explains=tuple(explains),
            needs=tuple(each.name for each in parameters if each.default is each.empty),
            welcome=tuple(each.name for each in parameters if each.default is not each.empty),
            page=page,
            function=function,
            symptom=symptom,
            by_steps=by_steps,
            shows_in_loss=shows_in_loss,
        )

    return make
