"""TensorBoard's entry point. An error while this module is imported stops all of TensorBoard, so it imports nothing that
could fail: the standard library and TensorBoard's own base class. The rest is imported in `load`, whose errors TensorBoard
only logs.
"""

from __future__ import annotations

import argparse
import contextlib
from typing import Any

from tensorboard.plugins import base_plugin

__all__ = ["LossDiagLoader"]

PLUGIN = "lossdiag"  # tags.PLUGIN, spelt out: see above
KEEP_EVERY_POINT = 0  # TensorBoard's word for no limit; its default keeps 10 or 100 points a tag of other plugins' data


class LossDiagLoader(base_plugin.TBLoader):  # type: ignore[misc]  # TensorBoard is untyped
    """Makes the plugin when TensorBoard starts."""

    def define_flags(self, parser: Any) -> None:  # noqa: ANN401  (an argparse parser)
        """Offer our flags; a clash with another plugin's must not keep TensorBoard from starting."""
        group = parser.add_argument_group("Diagnosis plugin")
        with contextlib.suppress(argparse.ArgumentError):
            group.add_argument(
                "--lossdiag_memory",
                metavar="MB",
                type=float,
                default=None,
                help="Most memory for the values that the Diagnosis tab holds (default: 1024).",
            )
        with contextlib.suppress(argparse.ArgumentError):
            group.add_argument(
                "--lossdiag_cache",
                metavar="DIR",
                default=None,
                help="Where the Diagnosis tab keeps reports between starts, `off` for nowhere "
                "(default: $LOSSDIAG_CACHE, else the system's place for caches).",
            )

    def fix_flags(self, flags: Any) -> None:  # noqa: ANN401  (an argparse namespace)
        """Have TensorBoard keep every point of our own data, unless the user said otherwise by --samples_per_plugin."""
        limits = getattr(flags, "samples_per_plugin", None)
        if isinstance(limits, dict):
            limits.setdefault(PLUGIN, KEEP_EVERY_POINT)

    def load(self, context: base_plugin.TBContext) -> base_plugin.TBPlugin:
        """The plugin for one TensorBoard."""
        from tb_lossdiag.plugin import LossDiagPlugin  # noqa: PLC0415  (see the module's docstring)

        return LossDiagPlugin(context)
