"""The simulated Polygon's REST API: reference tickers, trades, market status (Massive, REST).

Served on the control port, at the paths of the exchange. Needs the key, as ``Authorization:
Bearer`` or as ``apiKey``.
"""

from __future__ import annotations

import hmac
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections import deque
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode
from uuid import uuid4

from tornado.web import HTTPError

from streamer.simulator.config import SimulatorConfig
from streamer.simulator.polygon_exchange import PolygonExchange
from streamer.simulator.polygon_reference import PolygonReference
from streamer.simulator.polygon_tape import PolygonTape
from streamer.simulator.rest_faults import RestFaults
from streamer.simulator.rest_handler import FaultyHandler
from streamer.simulator.rest_limits import RestStats
from streamer.simulator.rest_queries import WrongQuery

_MINUTE_S = 60.0
_TOO_MANY = (
    "You've exceeded the maximum requests per minute, please wait or upgrade your subscription "
    "to continue."
)
_NOT_ENTITLED = "You are not entitled to this data. Please upgrade your plan."


class MinuteLimit:
    """So many requests within any minute."""

    def __init__(self, requests: int, monotonic: Callable[[], float]) -> None:
        self.requests = requests
        self._monotonic = monotonic
        self._admitted: deque[float] = deque()

    def admit(self) -> float:
        """Count a request; returns 0, or the seconds to wait if it is one too many."""
        now = self._monotonic()
        while self._admitted and self._admitted[0] <= now - _MINUTE_S:
            self._admitted.popleft()
        if len(self._admitted) < self.requests:
            self._admitted.append(now)
            return 0.0
        return self._admitted[0] + _MINUTE_S - now


class PolygonRestSide:
    """What the REST API knows and counts."""

    def __init__(self, config: SimulatorConfig, exchange: PolygonExchange) -> None:
        self.instruments = exchange.instruments
        self.tape: PolygonTape = exchange.tape
        self.reference = PolygonReference(self.instruments.values(), config.polygon_reference)
        self.has_trades = config.polygon_plan != "basic"
        self.limit = MinuteLimit(config.polygon_requests_per_minute, time.monotonic)
        self.faults = RestFaults()
        self.stats = RestStats()
        self._api_key = config.polygon_api_key
        self._started = time.monotonic()

    def admit(self, endpoint: str) -> float:
        """Charge a request and count it; returns 0, or the seconds to wait if it is refused."""
        wait = self.limit.admit()
        if wait > 0:
            self.stats.limited += 1
            self.stats.limited_at_s.append(time.monotonic() - self._started)
        else:
            self.stats.tokens += 1
            self.stats.by_endpoint[endpoint] += 1
        return wait

    def is_key(self, given: str) -> bool:
        """Whether a key is the one."""
        if self.faults.refused_keys:
            return False
        return hmac.compare_digest(given.encode(), self._api_key.encode())


class PolygonHandler(FaultyHandler):
    """One endpoint: subclasses say its route and answer ``get``."""

    route = ""
    is_of_paid_plans = False

    def initialize(self, rest: PolygonRestSide) -> None:  # type: ignore[override]
        """Tornado hands over what the route was made with."""
        super().initialize()
        self.rest = rest
        self.stats = rest.stats

    async def prepare(self) -> None:
        """Count, authenticate, charge, and let a fault strike."""
        self.stats.requests += 1
        bearer = self.request.headers.get("Authorization", "")
        given = bearer.removeprefix("Bearer ") or self.argument("apiKey")
        self.stats.by_key["header" if bearer else "query" if given else "none"] += 1
        if not given:
            raise HTTPError(401, "API Key was not provided")
        if not self.rest.is_key(given):
            raise HTTPError(401, "Unknown API Key")
        wait = self.rest.admit(f"GET {self.route}")
        if wait > 0:
            raise self.refuse_for(wait, tells=False)
        has_cursor = bool(self.argument("cursor"))
        fault = self.rest.faults.take(self.request.path, has_cursor=has_cursor)
        if fault is not None:
            await self.suffer(fault)
        elif self.is_of_paid_plans and not self.rest.has_trades:
            raise HTTPError(403, _NOT_ENTITLED)

    def error_body(self, status: int, message: str) -> dict[str, Any]:
        """An error in the vendor's words."""
        request_id = uuid4().hex
        words = {403: "NOT_AUTHORIZED", 404: "NOT_FOUND"}.get(status)
        if words is not None:
            return {"status": words, "request_id": request_id, "message": message}
        error = _TOO_MANY if status == 429 else message
        return {"status": "ERROR", "request_id": request_id, "error": error}

    def repeat_cursor(self, body: dict[str, Any]) -> None:
        """Let the next page be this one."""
        if "next_url" in body:
            body["next_url"] = self._url(self.argument("cursor"))

    def spoil_first_item(self, body: dict[str, Any]) -> None:
        """A ticker without its name, a trade without its price."""
        first = body["results"][0]
        body["results"][0] = {n: said for n, said in first.items() if n not in ("ticker", "price")}

    async def page(self, results: list[dict[str, Any]], following: dict[str, str] | None) -> None:
        """Answer a page of a list; ``following`` is the query of the next one."""
        body: dict[str, Any] = {
            "results": results,
            "status": "OK",
            "request_id": uuid4().hex,
            "count": len(results),
        }
        if following:
            cursor = urlsafe_b64encode(urlencode(following).encode()).decode()
            body["next_url"] = self._url(cursor)
        await self.answer(body)

    def query(self) -> Callable[[str], str]:
        """The arguments: those of the cursor if there is one, which holds them all."""
        cursor = self.argument("cursor")
        if not cursor:
            return self.argument
        try:
            kept = dict(parse_qsl(urlsafe_b64decode(cursor).decode()))
        except (NotBase64, ValueError):
            raise WrongQuery("invalid cursor") from None
        return lambda name: kept.get(name, "")

    def _url(self, cursor: str) -> str:
        request = self.request
        return f"{request.protocol}://{request.host}{request.path}?{urlencode({'cursor': cursor})}"
