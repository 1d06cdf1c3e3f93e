"""The faults: for each cause its variants, from mild to plain, each a change to a sound recipe.

A variant says where it applies by returning None elsewhere. Sizes are what people get wrong: a learning rate 3, 10 or 30 times
off, 5, 15 or 40 % of the labels, a shuffle buffer rather than only sorted data.
"""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.faults.injections import data, evaluation, setup, training
from benchmarks.faults.injections.variant import Variant

__all__ = ["FAULTS", "Variant"]

FAULTS: Mapping[str, tuple[Variant, ...]] = {**setup.FAULTS, **training.FAULTS, **data.FAULTS, **evaluation.FAULTS}
"""Each cause of the catalogue and its variants."""
