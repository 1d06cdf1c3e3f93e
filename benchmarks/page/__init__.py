"""How fast the Diagnosis tab is, in the real TensorBoard and a real browser: `python -m benchmarks.page`."""
