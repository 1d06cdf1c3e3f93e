"""The catalogue: one cause, one file, one page. The folder is collected; there is no list to edit."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache

from tb_lossdiag.rule import Rule

__all__ = ["catalogue"]


@cache
def catalogue() -> Mapping[str, Rule]:
    """Every rule of this folder, by id, in alphabetical order."""
    found: dict[str, Rule] = {}
    for info in sorted(pkgutil.iter_modules(__path__), key=lambda each: each.name):
        module = importlib.import_module(f"{__name__}.{info.name}")
        found.update({each.id: each for each in vars(module).values() if isinstance(each, Rule)})
    return found
