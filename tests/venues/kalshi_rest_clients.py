"""Clients for the simulated Kalshi's REST API, and faults for it."""

from __future__ import annotations

import time
from typing import Any

from requests.auth import AuthBase
from simulator.exchange_clients import signer

from hadron_tasks.venues.kalshi.rate_limit import TokenBucket
from hadron_tasks.venues.kalshi.rest import KalshiRest
from hadron_tasks.venues.rest.answers import Answer
from hadron_tasks.venues.rest.client import Query
from streamer.simulator.rest_faults import RestFault
from streamer.simulator.simulator import Simulator

UNHURRIED: dict[str, Any] = {"timeouts_s": (60.0, 60.0), "patience_s": 300.0}
"""Of a client whose requests are counted: one that was slow to be answered must not be sent
again, and a machine that stands still for a while is slow."""
HANG_S = 0.3
"""How long to wait for an answer that will not come."""


class HangsCutShort(KalshiRest):
    """Waits for an answer as long as a slow machine needs, but not for one that a fault holds back.

    So neither do hanging requests take long, nor is one that is answered ever sent twice.
    """

    def __init__(self, exchange: Simulator, bucket: TokenBucket, **options: Any) -> None:
        self._exchange_side = exchange.rest
        signers = [signer(key) for key in exchange.keys]
        super().__init__(exchange.kalshi_rest_url, signers, bucket, **(UNHURRIED | options))

    def _ask(
        self, endpoint: str, path: str, params: Query, auth: AuthBase | None, deadline: float
    ) -> Answer:
        fault = next((one for one in self._faults if path.startswith(one.path)), None)
        if fault is None or fault.kind != "hang":
            return super()._ask(endpoint, path, params, auth, deadline)
        hung = self._hung
        timeouts_s, self._timeouts_s = self._timeouts_s, (self._timeouts_s[0], HANG_S)
        try:
            return super()._ask(endpoint, path, params, auth, deadline)
        finally:
            self._timeouts_s = timeouts_s
            # Only what the exchange has met is behind us: else the next one would be taken for it.
            give_up_at = time.monotonic() + 60
            while self._hung == hung:
                assert time.monotonic() < give_up_at, "the request never came to the exchange"
                time.sleep(0.005)

    @property
    def _faults(self) -> list[RestFault]:
        return self._exchange_side.faults._waiting

    @property
    def _hung(self) -> int:
        """Requests that the exchange let hang."""
        return self._exchange_side.stats.faults["hang"]


def client_of(exchange: Simulator, bucket: TokenBucket, **options: Any) -> KalshiRest:
    """A client that does not really sleep between its tries."""
    return HangsCutShort(exchange, bucket, **({"sleep": lambda _: None} | options))


def strike(exchange: Simulator, kind: Any, **changes: Any) -> None:
    """Let it have a fault."""
    exchange.rest.faults.strike(RestFault(kind, **changes))
