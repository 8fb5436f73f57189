"""Clients for the simulated Kalshi's REST API, and faults for it."""

from __future__ import annotations

from typing import Any

from simulator.exchange_clients import signer

from hadron_tasks.venues.kalshi.rate_limit import TokenBucket
from hadron_tasks.venues.kalshi.rest import KalshiRest
from streamer.simulator.rest_faults import RestFault
from streamer.simulator.simulator import Simulator

QUICK_S = (2.0, 0.7)
"""To connect and to read, for tests in which the exchange does not answer."""
UNHURRIED_S = (5.0, 5.0)
"""For those in which it does: a busy machine may take long for it."""


def client_of(exchange: Simulator, bucket: TokenBucket, **options: Any) -> KalshiRest:
    """A client that does not really sleep between its tries."""
    signers = [signer(key) for key in exchange.keys]
    options = {"timeouts_s": UNHURRIED_S, "sleep": lambda _: None, "patience_s": 10.0} | options
    return KalshiRest(exchange.kalshi_rest_url, signers, bucket, **options)


def strike(exchange: Simulator, kind: Any, **changes: Any) -> None:
    """Let it have a fault."""
    exchange.rest.faults.strike(RestFault(kind, **changes))
