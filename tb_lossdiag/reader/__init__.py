"""Event files, or TensorBoard's data provider, -> Run."""

from tb_lossdiag.reader.discover import discover
from tb_lossdiag.reader.log import Log, read_runs
from tb_lossdiag.reader.siblings import partners

__all__ = ["Log", "discover", "partners", "read_runs"]
