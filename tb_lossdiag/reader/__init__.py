"""Event files, or TensorBoard's data provider, -> Run."""

from tb_lossdiag.reader.discover import Tree, discover
from tb_lossdiag.reader.log import Log, families, joined, read_runs
from tb_lossdiag.reader.overrule import checked_roles, overruled
from tb_lossdiag.reader.provider import Given, runs_from_provider
from tb_lossdiag.reader.siblings import join, partners

__all__ = [
    "Given",
    "Log",
    "Tree",
    "checked_roles",
    "discover",
    "families",
    "join",
    "joined",
    "overruled",
    "partners",
    "read_runs",
    "runs_from_provider",
]
