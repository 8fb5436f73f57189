"""The simulated Kalshi's REST side: its state, and what happens to a request before its answer.

Served on the control port under ``/trade-api/v2``. Market data may be asked for unsigned, as on
the exchange; books and the account need a key; a signature that is there must be right.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import date
from http import HTTPStatus
from itertools import islice
from typing import Any

from tornado.web import HTTPError, RequestHandler

from hadron_tasks.venues.kalshi.signing import (
    KEY_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    verify_signature,
)
from streamer.simulator.bulk_markets import BulkMarkets
from streamer.simulator.combo_markets import ComboMarkets
from streamer.simulator.config import SimulatorConfig
from streamer.simulator.kalshi_exchange import KalshiExchange
from streamer.simulator.keys import SimulatedKey
from streamer.simulator.rest_catalogue import Catalogue
from streamer.simulator.rest_faults import RestFaults
from streamer.simulator.rest_forms import CentsRestForm, DollarRestForm, RestForm
from streamer.simulator.rest_handler import FaultyHandler
from streamer.simulator.rest_limits import RestLimits, RestStats

PREFIX = "/trade-api/v2"
_CLOCK_SKEW_MS = 30_000
_LEGS_TO_COMBINE = 200


class RestSide:
    """What the REST API of one simulated exchange knows and counts."""

    def __init__(
        self,
        config: SimulatorConfig,
        exchange: KalshiExchange,
        keys: Sequence[SimulatedKey],
        first_day: date,
        opened_s: int,
    ) -> None:
        """``opened_s`` is since when the first markets say they have been open."""
        self.exchange = exchange
        self.form: RestForm = CentsRestForm() if config.era == "cents" else DollarRestForm()
        self.stats = RestStats()
        self.limits = RestLimits(
            config.rest_refill_per_s,
            config.rest_capacity,
            dict(config.rest_costs),
            self.stats,
            time.monotonic,
        )
        self.announced_per_s = config.rest_announced_per_s
        self.tells_retry_after = config.rest_tells_retry_after
        self.faults = RestFaults()
        bulk = BulkMarkets(config.rest_markets, first_day)
        # One of each event, and of those that are to be open the longest.
        legs = [
            (event.ticker, event.markets[0].ticker)
            for event in islice(reversed(exchange.events), _LEGS_TO_COMBINE)
            if event.markets
        ]
        close_s = max((event.close_s for event in exchange.events), default=opened_s)
        combos = ComboMarkets(config.rest_combos, legs, opened_s, close_s)
        self.catalogue = Catalogue(exchange, bulk, combos, opened_s)
        self._keys = {key.key_id: key for key in keys}

    def key_of(self, handler: RequestHandler) -> SimulatedKey | None:
        """The key that signed a request, None for an unsigned one.

        Raises:
            HTTPError: 401, with the reason.
        """
        headers = handler.request.headers
        key_id = headers.get(KEY_HEADER)
        if key_id is None:
            return None
        key = self._keys.get(key_id)
        if key is None or key.name in self.faults.refused_keys:
            raise HTTPError(401, "unknown or revoked API key")
        timestamp = headers.get(TIMESTAMP_HEADER, "")
        if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) < 20):
            raise HTTPError(401, "timestamp missing")
        if abs(time.time_ns() // 1_000_000 - int(timestamp)) > _CLOCK_SKEW_MS:
            raise HTTPError(401, "timestamp too far off")
        signature = headers.get(SIGNATURE_HEADER, "")
        method, path = handler.request.method or "", handler.request.path
        if not verify_signature(key.public_key, signature, timestamp, method, path):
            raise HTTPError(401, "bad signature")
        return key


class RestHandler(FaultyHandler):
    """One endpoint: subclasses say its route and answer ``get``."""

    route = ""
    """As the exchange's documents write it: ``/markets/{ticker}``."""
    needs_key = False

    def initialize(self, rest: RestSide) -> None:  # type: ignore[override]
        """Tornado hands over what the route was made with."""
        super().initialize()
        self.rest = rest
        self.stats = rest.stats

    async def prepare(self) -> None:
        """Count, authenticate, charge, and let a fault strike."""
        stats = self.stats
        stats.requests += 1
        key = self.rest.key_of(self)
        if key is None and self.needs_key:
            raise HTTPError(401, "this endpoint needs a signed request")
        stats.by_key[key.name if key else "unsigned"] += 1
        wait = self.rest.limits.admit(f"GET {self.route}", signed=key is not None)
        if wait > 0:
            raise self.refuse_for(wait, tells=self.rest.tells_retry_after)
        path = self.request.path.removeprefix(PREFIX)
        fault = self.rest.faults.take(path, has_cursor=bool(self.argument("cursor")))
        if fault is not None:
            await self.suffer(fault)

    def error_body(self, status: int, message: str) -> dict[str, Any]:
        code = "fault" if self.fault is not None else HTTPStatus(status).name.lower()
        return {"code": code, "message": message, "details": "", "service": "simulator"}

    def repeat_cursor(self, body: dict[str, Any]) -> None:
        if "cursor" in body:
            body["cursor"] = self.argument("cursor")

    def spoil_first_item(self, body: dict[str, Any]) -> None:
        for value in body.values():
            if isinstance(value, list) and value:
                for name in ("ticker", "event_ticker", "trade_id"):
                    value[0].pop(name, None)
                return
