"""The simulator's HTTP control port: JSON in, JSON out.

``GET /stats``, ``GET /markets``, ``POST /rate``, ``POST /pause``, ``POST /resume``,
``POST /clock``, ``POST /faults``, ``POST /rest``, ``POST /plants`` and ``POST /plants/offers``. A
new resource is a handler class and a line in :data:`_ROUTES`. The same port serves the REST sides
of both simulated exchanges.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, HTTPError, RequestHandler

from streamer.simulator.connections import GOING_AWAY, Ending
from streamer.simulator.faults import Faults, Malformation
from streamer.simulator.kalshi_forms import PRICE_TEXT
from streamer.simulator.market import ONE_DOLLAR, Market
from streamer.simulator.plants import PlantKind, Spoiler
from streamer.simulator.polygon_rest_views import polygon_rest_routes
from streamer.simulator.rest_faults import ErrorForm, RestFault, RestFaultKind
from streamer.simulator.rest_routes import rest_routes

if TYPE_CHECKING:
    from streamer.simulator.simulator import Simulator

_MARKETS_A_PAGE = 1000


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


_Asked = TypeVar("_Asked", bound=_Request)


class _Rate(_Request):
    rate: float = Field(ge=0, allow_inf_nan=False)


class _Clock(_Request):
    ahead_s: float = Field(ge=-3600, le=3600, allow_inf_nan=False)


class _Drop(_Request):
    fault: Literal["drop"]
    how: Ending = "close"
    code: int = Field(default=GOING_AWAY, ge=1000, lt=5000)
    venue: str | None = None
    connection: str | None = None

    async def strike(self, faults: Faults) -> int:
        return await faults.drop(
            self.how, venue=self.venue, connection=self.connection, code=self.code
        )


class _Skip(_Request):
    fault: Literal["skip"]
    count: int = Field(ge=1)
    channel: str | None = None
    connection: str | None = None

    async def strike(self, faults: Faults) -> int:
        return faults.skip(self.count, channel=self.channel, connection=self.connection)


class _Malformed(_Request):
    fault: Literal["malformed"]
    kind: Malformation
    count: int = Field(default=1, ge=1)
    venue: str | None = None
    connection: str | None = None

    async def strike(self, faults: Faults) -> int:
        return faults.malformed(self.kind, self.count, venue=self.venue, connection=self.connection)


class _RefuseAuthentication(_Request):
    fault: Literal["refuse_authentication"]
    count: int = Field(default=0, ge=0)
    seconds: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    venue: str | None = None

    async def strike(self, faults: Faults) -> int:
        return faults.refuse_authentication(
            count=self.count, seconds=self.seconds, venue=self.venue
        )


class _Stall(_Request):
    fault: Literal["stall"]
    seconds: float = Field(gt=0, allow_inf_nan=False)
    venue: str | None = None
    connection: str | None = None

    async def strike(self, faults: Faults) -> int:
        return faults.stall(self.seconds, venue=self.venue, connection=self.connection)


class _Away(_Request):
    fault: Literal["away"]
    seconds: float = Field(gt=0, allow_inf_nan=False)
    venue: str | None = None

    async def strike(self, faults: Faults) -> int:
        return await faults.away(self.seconds, venue=self.venue)


class _Overflow(_Request):
    fault: Literal["overflow", "channel_error"]
    channel: str | None = None
    connection: str | None = None

    async def strike(self, faults: Faults) -> int:
        end = faults.overflow if self.fault == "overflow" else faults.channel_error
        return end(channel=self.channel, connection=self.connection)


class _Rest(_Request):
    fault: Literal["rest"]
    venue: Literal["kalshi", "polygon"] = "kalshi"
    kind: RestFaultKind
    count: int = Field(default=1, ge=1)
    path: str = ""
    status: int = Field(default=500, ge=400, lt=600)
    form: ErrorForm = "standard"
    retry_after: str = ""
    seconds: float = Field(default=60.0, gt=0, allow_inf_nan=False)

    async def strike(self, faults: Faults) -> int:
        struck = RestFault(**self.model_dump(exclude={"fault", "venue"}))
        faults.rest_of[self.venue].strike(struck)
        return self.count


class _RefuseKeys(_Request):
    fault: Literal["refuse_rest_keys"]
    keys: list[str]
    venue: Literal["kalshi", "polygon"] = "kalshi"

    async def strike(self, faults: Faults) -> int:
        faults.rest_of[self.venue].refused_keys.update(self.keys)
        return len(self.keys)


class _Clear(_Request):
    fault: Literal["clear"]

    async def strike(self, faults: Faults) -> int:
        faults.clear()
        return 0


_AnyFault = (
    _Drop
    | _Skip
    | _Malformed
    | _RefuseAuthentication
    | _Stall
    | _Away
    | _Overflow
    | _Rest
    | _RefuseKeys
    | _Clear
)
_FAULT: TypeAdapter[_AnyFault] = TypeAdapter(Annotated[_AnyFault, Field(discriminator="fault")])


class _RestChange(_Request):
    """What to change about the REST side; what is left out stays."""

    reword: float | None = Field(default=None, gt=0, le=1)
    settle: float | None = Field(default=None, gt=0, le=1)
    archive: bool = False
    refill_per_s: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    capacity: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    polygon_requests_per_minute: int | None = Field(default=None, ge=1)


class _Plant(_Request):
    """An arbitrage to plant, or a near miss."""

    kind: PlantKind
    spoiled_by: Spoiler | None = None


class _Handler(RequestHandler):
    """Knows the simulator; answers JSON, errors too."""

    def initialize(self, simulator: Simulator) -> None:
        self.simulator = simulator

    def answer(self, body: dict[str, Any]) -> None:
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(body))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs.get("exc_info", (None, None, None))[1]
        message = None
        if isinstance(error, HTTPError) and error.log_message:
            message = error.log_message % error.args
        self.answer({"error": message or HTTPStatus(status_code).phrase})

    def number(self, name: str, default: int) -> int:
        """A query argument that is a number from zero up."""
        text = self.get_query_argument(name, str(default))
        if not (text.isascii() and text.isdecimal()):
            raise _wrong(f"{name} must be a number, zero or more")
        return int(text)


def _asked(model: type[_Asked], body: bytes) -> _Asked:
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise _explained(error) from None


def _explained(error: ValidationError) -> HTTPError:
    faults = error.errors(include_url=False, include_input=False)
    lines = [f"{'.'.join(map(str, fault['loc'])) or 'body'}: {fault['msg']}" for fault in faults]
    return _wrong("; ".join(lines))


def _wrong(explanation: str) -> HTTPError:
    # Tornado formats the message with the error's arguments when it logs it.
    return HTTPError(400, "%s", explanation)


class _StatsHandler(_Handler):
    def get(self) -> None:
        stats = self.simulator.stats
        self.answer(
            {
                "rate": self.simulator.rate,
                "paused": self.simulator.is_paused,
                "sent": stats.sent,
                "sent_total": stats.total_sent(),
                "frames": stats.frames,
                "skipped": stats.skipped,
                "malformed": stats.malformed,
                "connected": stats.connected,
                "connections": [c.name for c in self.simulator.connections()],
                "connections_now": stats.open_now,
                "connections_at_most": stats.open_at_most,
                "second_connections": stats.second_connections,
                "refused": stats.refused,
                "closed_as_slow": stats.closed_as_slow,
                "open_markets": len(self.simulator.kalshi.open_markets),
                "rest": self.simulator.rest.stats.described(),
                "polygon_rest": self.simulator.polygon_rest.stats.described(),
            }
        )


class _MarketsHandler(_Handler):
    def get(self) -> None:
        status = self.get_query_argument("status", "")
        offset, limit = self.number("offset", 0), self.number("limit", _MARKETS_A_PAGE)
        found = [
            market
            for market in self.simulator.kalshi.markets.values()
            if not status or market.status == status
        ]
        page = found[offset : offset + limit]
        self.answer({"total": len(found), "markets": [_market(market) for market in page]})


def _market(market: Market) -> dict[str, Any]:
    return {
        "ticker": market.ticker,
        "event_ticker": market.event.ticker,
        "series_ticker": market.event.series_ticker,
        "title": market.event.title,
        "yes_sub_title": market.yes_sub_title,
        "status": market.status,
        "result": market.result,
        "close_ts": market.close_s,
        "yes_bid_dollars": PRICE_TEXT[market.best_yes],
        "yes_ask_dollars": PRICE_TEXT[ONE_DOLLAR - market.best_no],
        "last_price_dollars": PRICE_TEXT[market.last_price],
    }


class _RateHandler(_Handler):
    def post(self) -> None:
        self.simulator.rate = _asked(_Rate, self.request.body).rate
        self.answer({"rate": self.simulator.rate})


class _ClockHandler(_Handler):
    def post(self) -> None:
        self.simulator.clock_ahead_s = _asked(_Clock, self.request.body).ahead_s
        self.answer({"ahead_s": self.simulator.clock_ahead_s})


class _PauseHandler(_Handler):
    async def post(self) -> None:
        await self.simulator.pause()
        self.answer({"paused": True, "sent_total": self.simulator.stats.total_sent()})


class _ResumeHandler(_Handler):
    def post(self) -> None:
        self.simulator.resume()
        self.answer({"paused": False})


class _FaultsHandler(_Handler):
    async def post(self) -> None:
        try:
            fault = _FAULT.validate_json(self.request.body)
        except ValidationError as error:
            raise _explained(error) from None
        self.answer({"fault": fault.fault, "struck": await fault.strike(self.simulator.faults)})


class _RestHandler(_Handler):
    def post(self) -> None:
        change = _asked(_RestChange, self.request.body)
        rest = self.simulator.rest
        now_s = self.simulator.kalshi.now_ms() // 1000
        bulk = rest.catalogue.bulk
        reworded = bulk.change("reword", change.reword, now_s) if change.reword else 0
        settled = bulk.change("settle", change.settle, now_s) if change.settle else 0
        if change.archive:
            rest.catalogue.cutoff_s = now_s + 1
        limits = rest.limits
        limits.change(
            change.refill_per_s or limits.refill_per_s, change.capacity or limits.capacity
        )
        if change.polygon_requests_per_minute is not None:
            self.simulator.polygon_rest.limit.requests = change.polygon_requests_per_minute
        self.answer({"reworded": reworded, "settled": settled})


class _PlantsHandler(_Handler):
    def post(self) -> None:
        wanted = _asked(_Plant, self.request.body)
        try:
            planted = self.simulator.plants.plant(wanted.kind, wanted.spoiled_by)
        except LookupError as error:
            raise HTTPError(409, "%s", error) from None
        self.answer(planted._asdict())


class _OffersHandler(_Handler):
    def post(self) -> None:
        self.answer({"offered": self.simulator.plants.offer()})


_ROUTES: tuple[tuple[str, type[_Handler]], ...] = (
    (r"/stats", _StatsHandler),
    (r"/markets", _MarketsHandler),
    (r"/rate", _RateHandler),
    (r"/pause", _PauseHandler),
    (r"/resume", _ResumeHandler),
    (r"/clock", _ClockHandler),
    (r"/faults", _FaultsHandler),
    (r"/rest", _RestHandler),
    (r"/plants", _PlantsHandler),
    (r"/plants/offers", _OffersHandler),
)


def _log_nothing(handler: RequestHandler) -> None:
    """Requests are asked for by tests and operators; a line for each tells nobody anything."""


class ControlServer:
    """Serves the control port on the running event loop."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._server: HTTPServer | None = None

    def start(self, host: str, port: int) -> int:
        """Listen; returns the port."""
        routes: list[Any] = [
            (path, handler, {"simulator": self._simulator}) for path, handler in _ROUTES
        ]
        if "kalshi" in self._simulator.config.venues:
            routes += rest_routes(self._simulator.rest)
        if "polygon" in self._simulator.config.venues:
            routes += polygon_rest_routes(self._simulator.polygon_rest)
        application = Application(routes, log_function=_log_nothing)
        sockets = bind_sockets(port, host)
        self._server = HTTPServer(application)
        self._server.add_sockets(sockets)
        chosen: int = sockets[0].getsockname()[1]
        return chosen

    async def stop(self) -> None:
        """Stop listening and close what is open."""
        if self._server is not None:
            self._server.stop()
            await self._server.close_all_connections()
