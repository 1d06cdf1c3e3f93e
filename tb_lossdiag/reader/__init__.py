"""Event files, or TensorBoard's data provider, -> Run."""

from tb_lossdiag.reader.discover import Tree, discover
from tb_lossdiag.reader.log import Log, families, joined, read_runs, tree_of
from tb_lossdiag.reader.near import from_there, within
from tb_lossdiag.reader.overrule import checked_roles, overruled
from tb_lossdiag.reader.provider import Given, runs_from_provider
from tb_lossdiag.reader.remote import RemoteFile, is_remote
from tb_lossdiag.reader.siblings import join, partners

__all__ = [
    "Given",
    "Log",
    "RemoteFile",
    "Tree",
    "checked_roles",
    "discover",
    "families",
    "from_there",
    "is_remote",
    "join",
    "joined",
    "overruled",
    "partners",
    "read_runs",
    "runs_from_provider",
    "tree_of",
    "within",
]
