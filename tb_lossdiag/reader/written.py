"""A curve that is brought together when somebody looks at it: a log may hold hundreds, of which a diagnosis looks at a few."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from tb_lossdiag.series import Series

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Part", "Written"]

Part = Literal["steps", "values", "walls"]


class Written(Series):
    """A `Series` of so many `points`. `make` makes its steps, values or wall times when they are first looked at, holding `lock`."""

    __slots__ = ("_finite", "_lock", "_made", "_make", "_points")

    _finite: Series | None
    _lock: threading.RLock
    _made: dict[str, NDArray[Any]]
    _make: Callable[[Part], NDArray[Any]]
    _points: int

    def __init__(self, points: int, make: Callable[[Part], NDArray[Any]], lock: threading.RLock) -> None:
        known = {"_points": points, "_make": make, "_lock": lock, "_made": {}, "_finite": None}
        for name, value in known.items():
            object.__setattr__(self, name, value)  # a Series is frozen

    def __len__(self) -> int:
        return self._points

    @property
    def steps(self) -> NDArray[np.int64]:
        """As of any `Series`."""
        return self._part("steps")

    @property
    def values(self) -> NDArray[np.float64]:
        """As of any `Series`."""
        return self._part("values")

    @property
    def wall(self) -> NDArray[np.float64]:
        """As of any `Series`."""
        return self._part("walls")

    def finite(self) -> Series:
        """As of any `Series`; which points these are is asked by many, and told once."""
        found = self._finite
        if found is None:
            found = super().finite()
            object.__setattr__(self, "_finite", found)
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        return Series, (self.steps, self.values, self.wall)

    def _part(self, name: Part) -> NDArray[Any]:
        with self._lock:
            found = self._made.get(name)
            if found is None:
                found = self._made[name] = self._make(name)
            return found
