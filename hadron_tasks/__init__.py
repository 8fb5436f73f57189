"""Hadron: a market-data recorder for prediction markets and equities."""

__version__ = "0.1.0"
