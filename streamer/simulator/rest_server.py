"""The simulated Kalshi's REST side: its state, and what happens to a request before its answer.

Served on the control port under ``/trade-api/v2``. Market data may be asked for unsigned, as on
the exchange; books and the account need a key; a signature that is there must be right.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
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
from streamer.simulator.rest_faults import RestFault, RestFaults
from streamer.simulator.rest_forms import CentsRestForm, DollarRestForm, RestForm
from streamer.simulator.rest_limits import RestLimits, RestStats
from streamer.simulator.rest_queries import WrongQuery

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
        legs = [
            (market.event.ticker, market.ticker)
            for market in islice(exchange.markets.values(), _LEGS_TO_COMBINE)
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


class RestHandler(RequestHandler):
    """One endpoint: subclasses say its route and answer ``get``."""

    route = ""
    """As the exchange's documents write it: ``/markets/{ticker}``."""
    needs_key = False

    def initialize(self, rest: RestSide) -> None:
        """Tornado hands over what the route was made with."""
        self.rest = rest
        self.fault: RestFault | None = None
        self._gone = asyncio.Event()
        self._retry_after_s: float | None = None

    async def prepare(self) -> None:
        """Count, authenticate, charge, and let a fault strike."""
        stats = self.rest.stats
        stats.requests += 1
        key = self.rest.key_of(self)
        if key is None and self.needs_key:
            raise HTTPError(401, "this endpoint needs a signed request")
        stats.by_key[key.name if key else "unsigned"] += 1
        wait = self.rest.limits.admit(f"GET {self.route}", signed=key is not None)
        if wait > 0:
            self._retry_after_s = wait if self.rest.tells_retry_after else None
            raise HTTPError(429, "too many requests")
        path = self.request.path.removeprefix(PREFIX)
        has_cursor = bool(self.argument("cursor"))
        self.fault = fault = self.rest.faults.take(path, has_cursor=has_cursor)
        if fault is not None:
            stats.faults[fault.kind] += 1
            await self._suffer(fault)

    async def _suffer(self, fault: RestFault) -> None:
        if fault.kind == "hang":
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._gone.wait(), fault.seconds)
        elif fault.kind == "status":
            self.set_status(fault.status)
            if fault.retry_after:
                self.set_header("Retry-After", fault.retry_after)
            error = {"code": "fault", "message": "struck by a fault", "service": "simulator"}
            bodies = {"standard": error, "wrapped": {"error": error}, "plain": "struck by a fault"}
            body = bodies[fault.form]
            self.finish(body if isinstance(body, str) else json.dumps(body))
        elif fault.kind == "html":
            self.finish("<html><body><h1>Please wait</h1></body></html>")

    def on_connection_close(self) -> None:
        """The client went: nothing is worth waiting for."""
        self._gone.set()

    def argument(self, name: str) -> str:
        """A query argument, empty where it was left out; the last one counts."""
        return self.get_query_argument(name, "")

    async def answer(self, body: dict[str, Any]) -> None:
        """Send an answer, unless a fault garbles it."""
        fault = self.fault
        if fault is not None and fault.kind == "repeat_cursor" and "cursor" in body:
            body["cursor"] = self.argument("cursor")
        if fault is not None and fault.kind == "malformed_item":
            _spoil_first_item(body)
        data = json.dumps(body, separators=(",", ":")).encode()
        self.set_header("Content-Type", "application/json")
        if fault is not None and fault.kind == "truncate":
            data = data[: len(data) // 2]
        if fault is not None and fault.kind == "cut_off":
            await self._cut_off(data)
        else:
            await self.finish(data)

    async def _cut_off(self, data: bytes) -> None:
        self.set_header("Content-Length", str(len(data)))
        self.write(data[: len(data) // 2])
        await self.flush()
        connection: Any = self.request.connection
        connection.stream.close()

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """An error as the exchange explains them."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        phrase = HTTPStatus(status_code).phrase
        message = phrase
        if isinstance(error, WrongQuery):
            status_code, message = 400, str(error)
            self.set_status(status_code)
        elif isinstance(error, HTTPError) and error.log_message:
            message = error.log_message
        code = HTTPStatus(status_code).name.lower()
        body = {"code": code, "message": message, "details": "", "service": "simulator"}
        self.set_header("Content-Type", "application/json")
        if self._retry_after_s is not None:
            self.set_header("Retry-After", f"{self._retry_after_s:.3f}")
        self.finish(json.dumps(body))

    def log_exception(self, typ: Any, value: BaseException | None, tb: Any) -> None:
        """A refused request is no exception worth a traceback."""
        if not isinstance(value, WrongQuery | HTTPError):
            super().log_exception(typ, value, tb)

    def on_finish(self) -> None:
        """Count what was answered."""
        self.rest.stats.by_status[self.get_status()] += 1


def _spoil_first_item(body: dict[str, Any]) -> None:
    for value in body.values():
        if isinstance(value, list) and value:
            for name in ("ticker", "event_ticker", "trade_id"):
                value[0].pop(name, None)
            return
