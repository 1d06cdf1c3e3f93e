"""`python -m tb_lossdiag` is `lossdiag`."""

from tb_lossdiag.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
