"""Watching prices across markets and venues: groups kept up to date, arbitrage, reconciliation.

What follows from prices is decided by :mod:`hadron_tasks.markets`, which does no I/O; here it is
fed from the tables and its findings are stored. Nothing is ever traded.
"""
