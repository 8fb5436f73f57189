"""Both simulated exchanges together: started, found, paused, struck with faults, and stopped."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any

from streamer.simulator.config import SimulatorConfig
from streamer.simulator.connections import LiveConnection
from streamer.simulator.control import ControlServer
from streamer.simulator.emitter import Emitter
from streamer.simulator.faults import Faults
from streamer.simulator.kalshi_exchange import KalshiExchange
from streamer.simulator.kalshi_forms import CentsForm, DollarForm
from streamer.simulator.kalshi_server import PATH, KalshiServer
from streamer.simulator.kalshi_session import SessionLimits
from streamer.simulator.keys import ensure_keys
from streamer.simulator.ledger_file import LedgerFile, MalformedRecord
from streamer.simulator.lifecycle import Lifecycle
from streamer.simulator.outbox import Records, Stats
from streamer.simulator.plants import Plants
from streamer.simulator.polygon_exchange import PolygonExchange
from streamer.simulator.polygon_rest import PolygonRestSide
from streamer.simulator.polygon_server import PolygonServer
from streamer.simulator.rest_server import PREFIX, RestSide
from streamer.simulator.underlyings import make_underlyings
from streamer.simulator.universe import Listing, list_events, series_listed

DESCRIPTION_FILE = "simulator.json"
_FLUSH_EVERY_S = 0.1
_DRAIN_AT_STOP_S = 2.0
_OPEN_SINCE = timedelta(days=2)


class Simulator:
    """Use as ``async with Simulator(config) as sim:``; addresses are known inside."""

    def __init__(
        self,
        config: SimulatorConfig,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Make the exchanges; nothing listens yet.

        Args:
            config: What to simulate.
            monotonic: The clock that the pace of messages is kept by.
            sleep: Waits so many seconds of that clock.

        Raises:
            ConfigurationError: A key file in the data directory cannot be used.
        """
        self.config = config
        directory = config.data_dir.resolve()
        self.keys = ensure_keys(directory / "keys", config.keys)
        started = datetime.now(UTC)
        stamp = f"{started:%Y%m%dT%H%M%S%f}"
        self.records = Records(
            LedgerFile(directory / f"ledger-{stamp}.tsv"),
            LedgerFile(directory / f"skipped-{stamp}.tsv"),
            MalformedRecord(directory / f"malformed-{stamp}.tsv"),
            Stats(),
        )
        rng = Random(config.seed)
        form = CentsForm() if config.era == "cents" else DollarForm()
        underlyings = make_underlyings(config.seed + 2)
        opened = started.replace(minute=0, second=0, microsecond=0) - _OPEN_SINCE
        listing = Listing(
            Random(config.seed + 1),
            underlyings,
            config.seed,
            config.era == "cents",
            int(opened.timestamp()),
        )
        first_day = config.first_day or (started + timedelta(days=1)).date()
        self.clock_ahead_s = 0.0
        """How far the exchanges' clocks, which their messages tell, are ahead of ours."""
        self.kalshi = KalshiExchange(form, config.mix, rng, self._now_ms)
        self.lifecycle = Lifecycle(
            self.kalshi, list_events(listing, first_day), config.lifecycle_every_s, monotonic
        )
        self.lifecycle.list_until(config.markets)
        self.polygon = PolygonExchange(underlyings, rng, self._now_ms)
        limits = SessionLimits(config.subscription_market_limit, config.commands_per_second)
        self.kalshi_server = KalshiServer(
            self.kalshi, self.keys, limits, self.records, config.heartbeat_s
        )
        self.polygon_server = PolygonServer(self.polygon, config.polygon_api_key, self.records, rng)
        self.rest = RestSide(config, self.kalshi, self.keys, first_day, int(opened.timestamp()))
        self.polygon_rest = PolygonRestSide(config, self.polygon)
        self.faults = Faults(
            self.connections,
            {"kalshi": self.kalshi_server.refusals, "polygon": self.polygon_server.refusals},
            {"kalshi": self.rest.faults, "polygon": self.polygon_rest.faults},
            {"kalshi": self.kalshi, "polygon": self.polygon},
        )
        self.plants = Plants(self.kalshi, self.lifecycle, self.rest.catalogue.each_combo)
        self.control = ControlServer(self)
        self.kalshi_ws_url = ""
        self.kalshi_rest_url = ""
        self.polygon_ws_url = ""
        self.polygon_rest_url = ""
        self.control_url = ""
        self._rng = rng
        self._monotonic = monotonic
        self._sleep = sleep
        self._emitter: Emitter | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def stats(self) -> Stats:
        """What was counted since the start."""
        return self.records.stats

    @property
    def ledger_path(self) -> Path:
        """The ledger of this run; complete up to now after :meth:`pause` or :meth:`stop`."""
        return self.records.ledger.path

    @property
    def skipped_path(self) -> Path:
        """Messages that faults kept back, in the ledger's format."""
        return self.records.skipped.path

    @property
    def malformed_path(self) -> Path:
        """Frames sent broken on purpose."""
        return self.records.malformed.path

    @property
    def rate(self) -> float:
        """Data messages a second over both venues; 0 for no limit."""
        return self._running_emitter.rate

    @rate.setter
    def rate(self, messages_per_second: float) -> None:
        self._running_emitter.rate = messages_per_second

    @property
    def is_paused(self) -> bool:
        """Whether nothing is being sent because of :meth:`pause`."""
        return self._running_emitter.is_paused

    def connections(self) -> list[LiveConnection]:
        """Every connection that was accepted and is open."""
        return [*self.kalshi_server.connections, *self.polygon_server.connections]

    async def start(self) -> None:
        """Listen on all ports, begin to emit, and write ``simulator.json``."""
        config = self.config
        emitter = Emitter(
            self.kalshi,
            self.lifecycle,
            self.polygon,
            self.connections,
            self.records,
            self._rng,
            monotonic=self._monotonic,
            sleep=self._sleep,
        )
        emitter.rate = config.rate
        emitter.polygon_share = config.polygon_share
        emitter.slow_client_after_s = config.slow_client_after_s
        self._emitter = emitter
        if "kalshi" in config.venues:
            port = await self.kalshi_server.start(config.host, config.kalshi_port)
            self.kalshi_ws_url = f"ws://{config.host}:{port}{PATH}"
        if "polygon" in config.venues:
            port = await self.polygon_server.start(config.host, config.polygon_port)
            self.polygon_ws_url = f"ws://{config.host}:{port}"
        port = self.control.start(config.host, config.control_port)
        self.control_url = f"http://{config.host}:{port}"
        if "kalshi" in config.venues:
            self.kalshi_rest_url = self.control_url + PREFIX
        if "polygon" in config.venues:
            self.polygon_rest_url = self.control_url
        self._tasks = [
            asyncio.create_task(emitter.run(), name="emitter"),
            asyncio.create_task(self._keep_flushing(), name="ledger"),
        ]
        self._write_description()

    async def stop(self) -> None:
        """Stop emitting, write the ledger, close every connection with 1001."""
        if self._tasks:
            self.faults.clear()
            if not self._tasks[0].done():
                await self._running_emitter.pause(_DRAIN_AT_STOP_S)
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.control.stop()
        await self.kalshi_server.stop()
        await self.polygon_server.stop()
        self.records.ledger.close()
        self.records.skipped.close()
        self.records.malformed.close()

    async def __aenter__(self) -> Simulator:
        await self.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    async def pause(self) -> None:
        """Send nothing more; when this returns, sockets have taken all and the ledger is whole."""
        if self._tasks[0].done():
            self._tasks[0].result()
        await self._running_emitter.pause()

    def resume(self) -> None:
        """Go on after :meth:`pause`."""
        self._running_emitter.resume()

    async def wait_failed(self) -> None:
        """Wait until a part fails, and raise what it failed with; else wait for ever."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    def describe(self) -> dict[str, Any]:
        """What others need to use this simulator: the content of ``simulator.json``."""
        return {
            "pid": os.getpid(),
            "kalshi_ws_url": self.kalshi_ws_url,
            "kalshi_rest_url": self.kalshi_rest_url,
            "polygon_ws_url": self.polygon_ws_url,
            "polygon_rest_url": self.polygon_rest_url,
            "control_url": self.control_url,
            "kalshi_keys": [
                {
                    "slot": key.slot,
                    "key_id": key.key_id,
                    "private_key_path": str(key.private_key_path),
                }
                for key in self.keys
            ],
            "kalshi_series": series_listed() if self.kalshi_ws_url else [],
            "polygon_api_key": self.config.polygon_api_key,
            "polygon_requests_per_minute": self.config.polygon_requests_per_minute,
            "ledger_path": str(self.ledger_path),
            "skipped_path": str(self.skipped_path),
            "malformed_path": str(self.malformed_path),
            "seed": self.config.seed,
        }

    def _now_ms(self) -> int:
        """By the exchanges' clocks."""
        return time.time_ns() // 1_000_000 + int(self.clock_ahead_s * 1000)

    @property
    def _running_emitter(self) -> Emitter:
        if self._emitter is None:
            raise RuntimeError("The simulator has not been started.")
        return self._emitter

    def _write_description(self) -> None:
        path = self.config.data_dir / DESCRIPTION_FILE
        unfinished = path.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(self.describe(), indent=2) + "\n", encoding="utf-8")
        unfinished.chmod(0o600)
        unfinished.replace(path)

    async def _keep_flushing(self) -> None:
        while True:
            await asyncio.sleep(_FLUSH_EVERY_S)
            self.records.ledger.flush()
            self.records.skipped.flush()
