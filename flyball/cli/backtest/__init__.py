"""Backtests and training: policies played on recorded demand."""
