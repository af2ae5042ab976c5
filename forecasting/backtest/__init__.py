"""Backtests: policies played on recorded demand, scored and compared."""
