"""What a signal is: a plain function from the run, or from other signals, to a value or None.

`None` means "this run does not hold it". A signal's parameters are found by name like a rule's: `run` is the run itself,
anything else is another signal; a parameter with a default is optional. Thresholds belong to rules.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from tb_lossdiag.series import Run

__all__ = ["Signal", "Signals", "known_signals", "signal"]


@dataclass(frozen=True, slots=True)
class Signal:
    """A quantity that rules look at. `log` is the line of code that makes a run hold it."""

    name: str
    log: str
    needs: tuple[str, ...]
    welcome: tuple[str, ...]
    function: Callable[..., Any]

    def __call__(self, **inputs: Any) -> Any:  # noqa: ANN401  (each signal has its own type)
        """Derive it from its inputs, given by name."""
        return self.function(**inputs)


def signal(*, log: str) -> Callable[[Callable[..., Any]], Signal]:
    """Make a signal of a function. `log` tells the user how to get it, as a line of code where that is possible."""

    def make(function: Callable[..., Any]) -> Signal:
        parameters = inspect.signature(function).parameters.values()
        return Signal(
            name=function.__name__,
            log=log,
            needs=tuple(each.name for each in parameters if each.default is each.empty),
            welcome=tuple(each.name for each in parameters if each.default is not each.empty),
            function=function,
        )

    return make


@cache
def known_signals() -> Mapping[str, Signal]:
    """Every signal of the modules in this folder, by name."""
    package = importlib.import_module("tb_lossdiag.signals")
    found: dict[str, Signal] = {}
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda each: each.name):
        module = importlib.import_module(f"tb_lossdiag.signals.{info.name}")
        for name, each in vars(module).items():
            if isinstance(each, Signal) and found.setdefault(name, each) is not each:
                raise ValueError(f"Two signals are called {name}, one of them in {module.__name__}.")
    return found


class Signals:
    """The signals of one run, each derived at most once, on demand."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._values: dict[str, Any] = {}

    def get(self, name: str) -> Any:  # noqa: ANN401  (each signal has its own type)
        """The signal's value, or None where the run does not hold it. Raises KeyError for an unknown name."""
        if name not in self._values:
            self._values[name] = self._derive(known_signals()[name])
        return self._values[name]

    def missing(self, name: str) -> bool:
        """Whether the run would have to log more for this signal to exist.

        A signal can also be None although all it is made of is there: a loss that is NaN throughout has no shape. More
        logging would not change that.
        """
        if self.get(name) is not None:
            return False
        needs = known_signals()[name].needs
        return "run" in needs or any(self.missing(each) for each in needs)

    def _derive(self, each: Signal) -> Any:  # noqa: ANN401
        inputs: dict[str, Any] = {}
        for name in each.needs:
            value = self._run if name == "run" else self.get(name)
            if value is None:
                return None
            inputs[name] = value
        for name in each.welcome:
            value = self.get(name)
            if value is not None:
                inputs[name] = value
        return each.function(**inputs)
