"""The writer in training loops that frameworks write: Lightning, Hugging Face Transformers, Accelerate, Keras.

Each module needs its framework and is imported only by who uses it: `from tb_lossdiag.integrations.lightning import DiagCallback`.
"""
