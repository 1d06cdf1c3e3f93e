"""What rules look at. Each signal is derived once per run; the modules of this folder are collected, no list to edit."""

from tb_lossdiag.signals.signal import Signal, Signals, known_signals, signal

__all__ = ["Signal", "Signals", "known_signals", "signal"]
