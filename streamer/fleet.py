"""All connections of one streamer process: set up from the settings, run until told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable, Collection, Mapping, Sequence

import structlog

from hadron_tasks.errors import ConfigurationError
from hadron_tasks.pokes import DrainPoker
from hadron_tasks.raw_stream import drains_wanted
from hadron_tasks.settings import Settings
from hadron_tasks.venues.kalshi.signing import KalshiSigner
from streamer.append_link import Appended
from streamer.conversation import Endpoint
from streamer.kalshi_endpoint import KalshiEndpoint
from streamer.metrics import StreamerCollector, serve_metrics
from streamer.plan import assign, wanted_items
from streamer.polygon import PolygonEndpoint, subscriptions_by_class
from streamer.pool import Planner, Pool, PoolOptions
from streamer.publisher import Publisher, PublisherOptions

log = structlog.get_logger()

VENUES = ("kalshi", "polygon")
POKE_EVERY_S = 0.2
POKE_COMPLAINT_EVERY_S = 60.0
ADOPTED_FIRST_S = 5.0
"""How long adopted frames may take to reach Redis before the connections open all the same."""
FLUSH_WITHIN_S = 5.0


class Pokes:
    """Asks for drain tasks when a stream has more backlog than drains at work.

    Never more than one poke of a venue on its way, and at most five a second.
    """

    def __init__(self, poker: DrainPoker, max_parallel: int) -> None:
        self._poker = poker
        self._max_parallel = max_parallel
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._not_before: dict[str, float] = {}
        self._next_complaint = 0.0

    def on_appended(self, venue: str, appended: Appended) -> None:
        """After each batch: poke if that is worth it."""
        if appended.active_drains >= drains_wanted(appended.backlog, self._max_parallel):
            return
        now = time.monotonic()
        if venue in self._under_way or now < self._not_before.get(venue, 0.0):
            return
        self._not_before[venue] = now + POKE_EVERY_S
        self._under_way[venue] = asyncio.create_task(self._poke(venue))

    async def _poke(self, venue: str) -> None:
        try:
            await asyncio.to_thread(self._poker.poke, venue)
        except Exception as error:  # noqa: BLE001 - the broker's client raises many types, and a poke may fail
            if time.monotonic() >= self._next_complaint:
                self._next_complaint = time.monotonic() + POKE_COMPLAINT_EVERY_S
                log.warning("no drain task could be asked for", venue=venue, reason=str(error))
        finally:
            del self._under_way[venue]

    async def close(self, within_s: float = 1.0) -> None:
        """Wait a moment for pokes under way."""
        if self._under_way:
            await asyncio.wait(self._under_way.values(), timeout=within_s)


class Fleet:
    """The publishers and pools of one process."""

    def __init__(self, settings: Settings, venues: Collection[str]) -> None:
        """Read every key.

        Raises:
            ConfigurationError: A key or setting cannot be used; names it and the remedy.
        """
        self._settings = settings
        self._streamer = streamer_name()
        self._pool_options = [
            options
            for options in (self._kalshi(settings), self._polygon(settings))
            if options.venue in venues and options.endpoints
        ]
        found = {options.venue for options in self._pool_options}
        for venue in venues:
            if venue not in found:
                raise ConfigurationError(_nothing_to_stream(venue))

    async def run(self) -> None:
        """Stream until SIGTERM or SIGINT, then flush."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        poker = DrainPoker(self._settings.redis_url.get_secret_value())
        pokes = Pokes(poker, self._settings.drain_max_parallel)
        publishers = [self._publisher(o.venue, pokes) for o in self._pool_options]
        pools = [
            Pool(options, publisher)
            for options, publisher in zip(self._pool_options, publishers, strict=True)
        ]
        stop_metrics = self._serve_metrics(pools, publishers)
        publishing = [asyncio.create_task(publisher.run()) for publisher in publishers]
        await self._adopted_first(publishers, stop)
        pooling = [asyncio.create_task(pool.run()) for pool in pools]
        stopped = asyncio.create_task(stop.wait())
        log.info("streaming", streamer=self._streamer, venues=[o.venue for o in self._pool_options])
        await asyncio.wait({stopped, *publishing, *pooling}, return_when=asyncio.FIRST_COMPLETED)
        log.info("stopping: what was received goes to Redis, or to the spool")
        for task in pooling:
            if not task.done():
                task.cancel()
        await asyncio.gather(*(pool.stop_reading() for pool in pools))
        await asyncio.gather(
            *(p.close(t, FLUSH_WITHIN_S) for p, t in zip(publishers, publishing, strict=True))
        )
        await asyncio.gather(*(pool.leave() for pool in pools))
        await pokes.close()
        poker.close()
        stop_metrics()
        stopped.cancel()
        log.info("stopped")
        _raise_first_fault([*publishing, *pooling])

    def _serve_metrics(
        self, pools: Sequence[Pool], publishers: Sequence[Publisher]
    ) -> Callable[[], None]:
        port = self._settings.streamer_metrics_port
        if port is None:
            return lambda: None
        collector = StreamerCollector(pools, publishers, asyncio.get_running_loop())
        address = self._settings.metrics_address
        try:
            served = serve_metrics(collector, address, port)
        except OSError as error:
            raise ConfigurationError(
                f"Metrics cannot be served on {address}:{port} ({error.strerror}). Choose another "
                "port with --metrics-port or HADRON_STREAMER_METRICS_PORT."
            ) from None
        log.info("metrics are served", address=address, port=served.port)
        return served.stop

    async def _adopted_first(self, publishers: Sequence[Publisher], stop: asyncio.Event) -> None:
        """Frames of a dead streamer, found on disk, go before new ones, so gaps are exact."""
        until = time.monotonic() + ADOPTED_FIRST_S
        while not stop.is_set() and time.monotonic() < until:
            if all(publisher.idle for publisher in publishers):
                return
            await asyncio.sleep(0.05)

    def _publisher(self, venue: str, pokes: Pokes) -> Publisher:
        settings = self._settings
        options = PublisherOptions(
            redis_url=settings.redis_url.get_secret_value(),
            spool_root=settings.data_dir / "spool" / venue,
            streamer=self._streamer,
            flush_max_frames=settings.flush_max_frames,
            memory_mark=settings.redis_memory_mark,
            spool_max_bytes=settings.spool_max_bytes,
        )
        return Publisher(venue, options, pokes.on_appended)

    def _kalshi(self, settings: Settings) -> PoolOptions:
        keys = settings.kalshi_keys() if "kalshi" in settings.venues else ()
        endpoints: list[Endpoint] = [
            KalshiEndpoint(
                ref.slot,
                KalshiSigner.load(ref),
                settings.kalshi_ws_address,
                settings.kalshi_books,
            )
            for ref in keys
        ]
        items = wanted_items(settings.kalshi_channels, settings.kalshi_books)

        def plan(up: Collection[str]) -> Mapping[str, str]:
            return assign(items, up)

        return self._options("kalshi", endpoints, plan)

    def _polygon(self, settings: Settings) -> PoolOptions:
        key = settings.polygon_api_key
        classes = subscriptions_by_class(settings.polygon_subscriptions)
        endpoints: list[Endpoint] = []
        fixed: dict[str, str] = {}
        if key is not None and "polygon" in settings.venues:
            for asset_class, items in classes.items():
                endpoint = PolygonEndpoint(asset_class, key, settings.polygon_ws_url)
                endpoints.append(endpoint)
                fixed.update(dict.fromkeys(items, endpoint.name))
        return self._options("polygon", endpoints, lambda _up: fixed)

    def _options(self, venue: str, endpoints: Sequence[Endpoint], planner: Planner) -> PoolOptions:
        settings = self._settings
        books = settings.kalshi_books if venue == "kalshi" else ()
        return PoolOptions(
            venue=venue,
            streamer=self._streamer,
            redis_url=settings.redis_url.get_secret_value(),
            lease_ttl_s=settings.lease_ttl_s,
            stale_after_s=settings.stale_after_s,
            endpoints=endpoints,
            planner=planner,
            movable=venue == "kalshi",
            books=books,
            most_books=settings.kalshi_max_books_per_connection,
        )


def streamer_name() -> str:
    """This process' name in leases, health and the spool."""
    return f"{socket.gethostname()}:{os.getpid()}"


def _nothing_to_stream(venue: str) -> str:
    if venue == "kalshi":
        return (
            "No Kalshi API key is set. Set KALSHI_API_KEY_1 and KALSHI_PRIVATE_KEY_1_PATH, "
            "or leave kalshi out of HADRON_VENUES."
        )
    if venue == "polygon":
        return (
            "Nothing to stream from Polygon. Set POLYGON_API_KEY and HADRON_POLYGON_SUBSCRIPTIONS, "
            "or leave polygon out of HADRON_VENUES."
        )
    return f"{venue!r} is no venue. Known: {', '.join(VENUES)}."


def _raise_first_fault(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        if task.done() and not task.cancelled() and (error := task.exception()) is not None:
            raise error
