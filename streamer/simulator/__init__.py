"""Simulated Kalshi and Polygon: the real protocols on local sockets; a ledger of what was sent.

:class:`~streamer.simulator.simulator.Simulator` runs both exchanges inside a process (tests do
so); ``python -m streamer.simulator`` runs them as a process of their own.
"""
