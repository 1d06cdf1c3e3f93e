"""Why does my loss not go down? Root causes, evidence and remedies for PyTorch training runs.

>>> import tb_lossdiag
>>> sorted(tb_lossdiag.__all__) == tb_lossdiag.__all__
True
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from tb_lossdiag.comparison import Comparison
    from tb_lossdiag.lookout import Alert, HopelessRunError
    from tb_lossdiag.report import Report
    from tb_lossdiag.series import Run
    from tb_lossdiag.writer import DiagWriter

__all__ = ["Alert", "DiagWriter", "HopelessRunError", "compare", "diagnose"]


@overload
def diagnose(logdir_or_run: Run, *, roles: Mapping[str, str] | None = None) -> Report: ...


@overload
def diagnose(
    logdir_or_run: str | Path, *, roles: Mapping[str, str] | None = None, executor: Executor | None = None
) -> list[Report]: ...


def diagnose(
    logdir_or_run: str | Path | Run, *, roles: Mapping[str, str] | None = None, executor: Executor | None = None
) -> Report | list[Report]:
    """The diagnosis of a run, or of every run below a log directory, by name.

    Any `concurrent.futures.Executor` whose workers see the same directory shares the work: a `ProcessPoolExecutor`, or
    `dask.distributed.Client(...).get_executor()`. A run that could not be read is then left out, with a warning.

    `roles` says which tag is what where the names do not tell: `{"train_loss": "my/tag"}`, and `val_loss`, `test_loss`, `lr`,
    `grad_norm`. Raises FileNotFoundError or NotADirectoryError, with a sentence that says what to do, where there is no such
    directory, and ValueError for a role that does not exist.
    """
    from tb_lossdiag import comparison, reader, report  # noqa: PLC0415  (importing the package must cost nothing)

    chosen = reader.checked_roles(roles or {})
    if isinstance(logdir_or_run, (str, Path)) and executor is not None:
        from tb_lossdiag import batch  # noqa: PLC0415

        return comparison.with_references(batch.diagnose_all(logdir_or_run, executor, chosen))
    if isinstance(logdir_or_run, (str, Path)):
        reports = [report.diagnose(run) for run in reader.read_runs(logdir_or_run, roles=chosen)]
        return comparison.with_references(reports)
    return report.diagnose(reader.overruled(logdir_or_run, chosen) if chosen else logdir_or_run)


def compare(reports: Sequence[Report]) -> Comparison:
    """Set two or more reports side by side; the first is the baseline. Raises ValueError for fewer than two."""
    from tb_lossdiag import comparison  # noqa: PLC0415  (importing the package must cost nothing)

    return comparison.compare(reports)


def __getattr__(name: str) -> Any:  # noqa: ANN401  (whatever is asked for)
    """Import the writer, and torch with it, when it is first used: importing the package costs nothing."""
    if name == "DiagWriter":
        return importlib.import_module("tb_lossdiag.writer").DiagWriter
    if name in {"Alert", "HopelessRunError"}:
        return getattr(importlib.import_module("tb_lossdiag.lookout"), name)
    message = f"module 'tb_lossdiag' has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
