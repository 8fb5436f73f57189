"""A request to a simulated REST API: what goes wrong with it on demand, and how errors are told."""

from __future__ import annotations

import asyncio
import contextlib
import json
from http import HTTPStatus
from typing import Any

from tornado.web import HTTPError, RequestHandler

from streamer.simulator.rest_faults import RestFault
from streamer.simulator.rest_limits import RestStats
from streamer.simulator.rest_queries import WrongQuery


class FaultyHandler(RequestHandler):
    """What the REST sides have in common; subclasses say how their exchange words things."""

    stats: RestStats
    fault: RestFault | None = None
    """What strikes this request."""

    def initialize(self, **_: Any) -> None:
        """Tornado hands over what the route was made with."""
        self._gone = asyncio.Event()
        self._retry_after_s: float | None = None

    def error_body(self, status: int, message: str) -> dict[str, Any]:
        """An error as the exchange explains it."""
        raise NotImplementedError

    def repeat_cursor(self, body: dict[str, Any]) -> None:
        """Let a page lead to itself."""
        raise NotImplementedError

    def spoil_first_item(self, body: dict[str, Any]) -> None:
        """Take what it needs from the first item of a page."""
        raise NotImplementedError

    async def suffer(self, fault: RestFault) -> None:
        """Let a fault strike before there is an answer; some strike with it."""
        self.stats.faults[fault.kind] += 1
        self.fault = fault
        if fault.kind == "hang":
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._gone.wait(), fault.seconds)
        elif fault.kind == "status":
            self.set_status(fault.status)
            if fault.retry_after:
                self.set_header("Retry-After", fault.retry_after)
            error = self.error_body(fault.status, "struck by a fault")
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
        kind = self.fault.kind if self.fault is not None else None
        if kind == "repeat_cursor":
            self.repeat_cursor(body)
        if kind == "malformed_item":
            self.spoil_first_item(body)
        await self.send(json.dumps(body, separators=(",", ":")).encode())

    async def send(self, data: bytes) -> None:
        """Send JSON as it is, unless a fault garbles it."""
        kind = self.fault.kind if self.fault is not None else None
        self.set_header("Content-Type", "application/json")
        if kind == "truncate":
            data = data[: len(data) // 2]
        if kind == "cut_off":
            await self._cut_off(data)
        else:
            await self.finish(data)

    async def _cut_off(self, data: bytes) -> None:
        self.set_header("Content-Length", str(len(data)))
        self.write(data[: len(data) // 2])
        await self.flush()
        connection: Any = self.request.connection
        connection.stream.close()

    def refuse_for(self, seconds: float, *, tells: bool) -> HTTPError:
        """The 429 of a request beyond the limit; ``tells`` whether it says for how long."""
        self._retry_after_s = seconds if tells else None
        return HTTPError(429, "too many requests")

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """An error as the exchange explains them."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        message = HTTPStatus(status_code).phrase
        if isinstance(error, WrongQuery):
            status_code, message = 400, str(error)
            self.set_status(status_code)
        elif isinstance(error, HTTPError) and error.log_message:
            message = error.log_message
        self.set_header("Content-Type", "application/json")
        if self._retry_after_s is not None:
            self.set_header("Retry-After", f"{self._retry_after_s:.3f}")
        self.finish(json.dumps(self.error_body(status_code, message)))

    def log_exception(self, typ: Any, value: BaseException | None, tb: Any) -> None:
        """A refused request is no exception worth a traceback."""
        if not isinstance(value, WrongQuery | HTTPError):
            super().log_exception(typ, value, tb)

    def finish(self, chunk: Any = None) -> asyncio.Future[None]:
        """Answer; counted first, so that who has the answer finds it counted."""
        self.stats.by_status[self.get_status()] += 1
        return super().finish(chunk)
