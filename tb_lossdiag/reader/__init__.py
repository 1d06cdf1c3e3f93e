"""Event files, or TensorBoard's data provider, -> Run."""
