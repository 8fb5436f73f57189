"""Kalshi: wire messages, normaliser, signing."""
