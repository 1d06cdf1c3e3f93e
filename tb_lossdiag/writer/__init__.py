"""Inside the user's training loop; the only importer of torch."""

from tb_lossdiag.writer.diag_writer import DiagWriter

__all__ = ["DiagWriter"]
