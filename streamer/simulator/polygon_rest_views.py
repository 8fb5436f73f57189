"""The endpoints of the simulated Polygon's REST API: tickers, trades, market status."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from tornado.web import HTTPError

from hadron_tasks.times import to_ns
from streamer.simulator.polygon_forms import CONDITIONS, SIZE_DECIMALS, reporting_facility
from streamer.simulator.polygon_rest import PolygonHandler, PolygonRestSide
from streamer.simulator.polygon_tape import NS_A_MS, PolygonTrade
from streamer.simulator.rest_queries import WrongQuery, limit, one_of
from streamer.simulator.underlyings import Instrument

MOST_TICKERS_A_PAGE = 1000
MOST_TRADES_A_PAGE = 50_000
_TICKERS_A_PAGE = 100
_TRADES_A_PAGE = 1000
_PARTICIPANT_EARLIER_NS = 340_000
_BOUNDS = ("timestamp.gte", "timestamp.gt", "timestamp.lte", "timestamp.lt")
_DAY_NS = 86_400 * 10**9
_PLACE = "place"
"""In a cursor of trades: how far the tape was read."""


class TickersView(PolygonHandler):
    """Reference tickers; ``date`` is taken and makes no difference."""

    route = "/v3/reference/tickers"

    async def get(self) -> None:
        """Answer a page."""
        query = self.query()
        size = limit(query, _TICKERS_A_PAGE, MOST_TICKERS_A_PAGE)
        one_of(query, "sort", ("ticker",))
        market = one_of(query, "market", ("stocks", "otc", "indices", "crypto", "fx"))
        wanted = {
            "market": market,
            "type": query("type"),
            "primary_exchange": query("exchange"),
            "cik": query("cik"),
        }
        active = one_of(query, "active", ("true", "false")) != "false"
        listed = self._listed(query)
        if one_of(query, "order", ("asc", "desc")) == "desc":
            listed.reverse()
        found: list[dict[str, Any]] = []
        for ticker in listed:
            body = self.rest.reference.body(ticker)
            if body["active"] is not active or not _is_like(body, wanted, query("search")):
                continue
            if len(found) == size:
                await self.page(found, self._following(query, found[-1]["ticker"]))
                return
            found.append(body)
        await self.page(found, None)

    def _listed(self, query: Callable[[str], str]) -> list[str]:
        exact = query("ticker")
        return self.rest.reference.between(
            at_least=max(exact, query("ticker.gte")),
            above=query("ticker.gt"),
            at_most=exact or query("ticker.lte"),
            below=query("ticker.lt"),
        )

    def _following(self, query: Callable[[str], str], last: str) -> dict[str, str]:
        names = ("type", "market", "exchange", "cik", "search", "active", "order", "limit")
        kept = {name: query(name) for name in (*names, "ticker.lt", "ticker.lte", "ticker.gte")}
        kept["ticker.lt" if query("order") == "desc" else "ticker.gt"] = last
        return {name: value for name, value in kept.items() if value}


class TradesView(PolygonHandler):
    """The trades that happened on the WebSocket side."""

    route = "/v3/trades/{ticker}"
    is_of_paid_plans = True

    async def get(self, ticker: str) -> None:
        """Answer a page; an instrument that is not known has no trades."""
        query = self.query()
        size = limit(query, _TRADES_A_PAGE, MOST_TRADES_A_PAGE)
        one_of(query, "sort", ("timestamp",))
        newest_first = one_of(query, "order", ("asc", "desc")) != "asc"
        first, end = self._range(ticker, query)
        reached = _place(query)
        if newest_first:
            end = end if reached is None else min(end, reached)
            places = range(end - 1, max(first, end - size) - 1, -1)
        else:
            first = first if reached is None else max(first, reached)
            places = range(first, min(end, first + size))
        instrument = self.rest.instruments.get(ticker)
        tape = self.rest.tape
        results = [
            trade_body(instrument, tape.read(ticker, place))
            for place in places
            if instrument is not None
        ]
        following = None
        if len(places) < end - first:
            names = ("limit", "order", "timestamp", *_BOUNDS)
            following = {name: query(name) for name in names if query(name)}
            # Backwards: the page ends before the place it has reached.
            following[_PLACE] = str(places[-1] if newest_first else places.stop)
        await self.page(results, following)

    def _range(self, ticker: str, query: Callable[[str], str]) -> tuple[int, int]:
        """The places of the trades within the bounds that were asked for."""
        tape = self.rest.tape
        instrument = self.rest.instruments.get(ticker)
        is_exact = instrument is not None and instrument.asset_class == "stocks"
        bounds = {name: _ns(query(name), name) for name in _BOUNDS if query(name)}
        if query("timestamp"):
            bounds["timestamp.gte"] = _ns(query("timestamp"), "timestamp")
            is_day = not query("timestamp").isdecimal()
            bounds["timestamp.lt"] = bounds["timestamp.gte"] + (_DAY_NS if is_day else 1)
        first, end = 0, tape.count(ticker)
        for name, ns in bounds.items():
            later = name.endswith((".gt", ".lte"))
            place = tape.place_of(ticker, ns + later, is_exact=is_exact)
            if name.endswith((".gt", ".gte")):
                first = max(first, place)
            else:
                end = min(end, place)
        return first, max(first, end)


class MarketStatusView(PolygonHandler):
    """Always open."""

    route = "/v1/marketstatus/now"

    async def get(self) -> None:
        """Answer."""
        exchanges = dict.fromkeys(("nasdaq", "nyse", "otc"), "open")
        await self.answer(
            {
                "market": "open",
                "earlyHours": False,
                "afterHours": False,
                "exchanges": exchanges,
                "currencies": {"crypto": "open", "fx": "open"},
                "serverTime": datetime.now(UTC).isoformat(timespec="seconds"),
            }
        )


class UnknownView(PolygonHandler):
    """Whatever else is asked for."""

    route = "/*"

    async def get(self, _: str) -> None:
        """Refuse."""
        raise HTTPError(404, "no such endpoint")


def polygon_rest_routes(
    rest: PolygonRestSide,
) -> list[tuple[str, type[PolygonHandler], dict[str, Any]]]:
    """The routes for a tornado application; the first that matches a path is taken."""
    views: list[tuple[str, type[PolygonHandler]]] = [
        (TickersView.route, TickersView),
        (r"/v3/trades/([^/]+)", TradesView),
        (MarketStatusView.route, MarketStatusView),
        (r"/v[0-9]/(.*)", UnknownView),
    ]
    return [(pattern, view, {"rest": rest}) for pattern, view in views]


def trade_body(instrument: Instrument, trade: PolygonTrade) -> dict[str, Any]:
    """A trade in the form that its asset class has."""
    asset_class = instrument.asset_class
    body: dict[str, Any] = {
        "conditions": list(CONDITIONS[asset_class][trade.conditions]),
        "exchange": trade.exchange,
        "id": str(trade.trade_id),
        "price": trade.price / 10**instrument.decimals,
        "size": trade.size / 10 ** SIZE_DECIMALS[asset_class],
    }
    if asset_class != "stocks":
        return body | {"participant_timestamp": trade.ms * NS_A_MS}
    if not body["conditions"]:
        del body["conditions"]
    body |= {
        "size": trade.size,
        "participant_timestamp": trade.sip_ns - _PARTICIPANT_EARLIER_NS,
        "sequence_number": trade.sequence,
        "sip_timestamp": trade.sip_ns,
        "tape": 3,
    }
    facility = reporting_facility(trade.exchange)
    if facility is not None:
        body |= {"trf_id": facility, "trf_timestamp": trade.ms * NS_A_MS}
    return body


def _place(query: Callable[[str], str]) -> int | None:
    said = query(_PLACE)
    if not said:
        return None
    if not (said.isascii() and said.isdecimal()):
        raise WrongQuery("invalid cursor")
    return int(said)


def _is_like(body: dict[str, Any], wanted: dict[str, str], search: str) -> bool:
    if any(value and body.get(name) != value for name, value in wanted.items()):
        return False
    return search.lower() in f"{body['ticker']} {body['name']}".lower()


def _ns(said: str, name: str) -> int:
    """A time in nanoseconds, or a day (UTC)."""
    if said.isascii() and said.isdecimal() and len(said) <= 19:
        return int(said)
    try:
        day = date.fromisoformat(said)
    except ValueError:
        raise WrongQuery(f"{name} must be a date or Unix nanoseconds") from None
    return to_ns(datetime(day.year, day.month, day.day, tzinfo=UTC))
