"""Hooks that can do no harm: an error in one is logged once and ends that part of the watching, never the training."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections.abc import Callable
from typing import Any

import torch

__all__ = ["Ear", "Guard", "Hook", "QuickHook"]

LOG = logging.getLogger("tb_lossdiag")

FUNCTORCH = getattr(torch._C, "_functorch", None)  # noqa: SLF001  (there is no public way to ask)
transforming: Callable[[], int | None] = getattr(FUNCTORCH, "maybe_current_level", lambda: None)
"""None but within the transforms of torch.func, where a tensor stands for many."""


class Guard:
    """Remembers which parts of the watching have failed, says each thing only once, and adds up the time that hooks take."""

    def __init__(self) -> None:
        self._spent = 0.0
        self._since: float | None = None
        self.quick = 0.0  # seconds of hooks that had next to nothing to do
        self.aside = 0.0  # seconds of CPU that another thread has spent on it
        self.broken: set[str] = set()
        self._said: set[str] = set()
        self.notes: list[str] = []  # all that was said, for the report

    @property
    def spent(self) -> float:
        """Seconds spent in hooks until now, in the one that is running too."""
        return self._spent + self.quick + (time.perf_counter() - self._since if self._since is not None else 0.0)

    @property
    def busy(self) -> bool:
        """Whether a hook is running, so that whatever is called is no call of the user's."""
        return self._since is not None

    def enter(self) -> bool:
        """A hook begins; whether it is the outermost one, which is to call `leave`."""
        outermost = self._since is None
        if outermost:
            self._since = time.perf_counter()
        return outermost

    def leave(self) -> None:
        """The outermost hook ends."""
        if self._since is not None:
            self._spent += time.perf_counter() - self._since
            self._since = None

    def on_thread(self, part: str, job: Callable[[], None]) -> None:
        """Do this on another thread: as a hook, but its time is counted apart."""
        if part in self.broken:
            return
        since = time.thread_time()
        try:
            job()
        except Exception:  # noqa: BLE001  (as in a hook)
            self.failed(part)
        self.aside += time.thread_time() - since

    def failed(self, part: str) -> None:
        """Called while an exception is handled: `part` is not watched any more."""
        if part not in self.broken:
            self.broken.add(part)
            self.notes.append(f"Watching {part} stopped because of an error: {sys.exc_info()[1]!r}.")
            LOG.warning(
                "Watching %s has stopped because of an error; training and everything else go on. "
                "Please report the error below to tb_lossdiag; to be rid of it, do not watch this model.",
                part,
                exc_info=sys.exc_info(),
            )

    def say(self, sentence: str, *values: object) -> None:
        """Log a warning, the first time only."""
        if sentence not in self._said:
            self._said.add(sentence)
            self.notes.append(sentence % values if values else sentence)
            LOG.warning(sentence, *values)


class Hook:
    """A function to register with torch. It returns None, so that it changes nothing, whatever happens in it.

    A model that is copied or pickled while it is watched takes along a function that does nothing, and that needs
    nothing of tb_lossdiag to be loaded again: hooks belong to this model, not to its copies.
    """

    def __init__(self, guard: Guard, part: str, function: Callable[..., None]) -> None:
        self._guard = guard
        self._part = part
        self._function = function

    def __call__(self, *arguments: Any) -> None:  # noqa: ANN401  (whatever torch hands to hooks)
        """Run the function, unless this part has failed before."""
        # is_compiling first: found while torch.compile looks at what it compiles, nothing of ours gets in there
        if torch.compiler.is_compiling() or transforming() is not None or self._part in self._guard.broken:
            return
        outermost = self._guard.enter()
        try:
            self._function(*arguments)
        except Exception:  # noqa: BLE001  (nothing that goes wrong here may reach the training loop)
            self._guard.failed(self._part)
        if outermost:
            self._guard.leave()

    def __reduce__(self) -> tuple[Any, ...]:
        # the one callable of the standard library that takes anything and returns None
        return getattr, (contextlib.nullcontext(), "__exit__")


class QuickHook(Hook):
    """A hook that nearly always has little to do: `quick` does that and says so, or leaves it to the function by saying False."""

    def __init__(self, guard: Guard, part: str, quick: Callable[..., bool], function: Callable[..., None]) -> None:
        super().__init__(guard, part, function)
        self._quick = quick

    def __call__(self, *arguments: Any) -> None:  # noqa: ANN401
        """Run `quick`, and the function where that is not enough."""
        if torch.compiler.is_compiling() or transforming() is not None or self._part in self._guard.broken:
            return
        since = time.perf_counter()
        try:
            done = self._quick(*arguments)
        except Exception:  # noqa: BLE001  (as in any hook)
            self._guard.failed(self._part)
            return
        if done:
            self._guard.quick += time.perf_counter() - since
        else:
            super().__call__(*arguments)


class Ear(Hook):
    """A hook that does nothing but take note: the model computes the same where it is called once more."""
