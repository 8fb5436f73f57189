"""Polygon (Massive): wire messages, normaliser."""
