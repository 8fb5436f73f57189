"""The open markets whose order books are wanted; kept in Redis by whoever sees one open or end."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Collection
from typing import cast

import redis.asyncio as redis
from redis.exceptions import RedisError

from hadron_tasks.book_requests import OPEN_MARKETS_KEY, SNAPSHOTS_WANTED_KEY
from streamer.conversation import MarketDelisted, MarketListed
from streamer.plan import exact_markets

REFRESH_EVERY_S = 5.0


class OpenMarkets:
    """What this process saw, and every few seconds what the others did."""

    def __init__(self, selection: Collection[str]) -> None:
        """Begin with what the selection names exactly.

        Args:
            selection: Series, event and market tickers.
        """
        self._exact = exact_markets(selection)
        self._wanted = bool(selection)
        self._listed: dict[str, str] = {}
        self._delisted: set[str] = set()
        self._next_refresh = 0.0
        self.tickers: set[str] = set(self._exact)
        """Markets whose books are to be recorded now."""

    def on_market(self, event: MarketListed | MarketDelisted) -> None:
        """A connection saw a market open or end."""
        if isinstance(event, MarketListed):
            self.tickers.add(event.market)
            self._listed[event.market] = event.event
            self._delisted.discard(event.market)
        else:
            self.tickers.discard(event.market)
            self._listed.pop(event.market, None)
            self._delisted.add(event.market)

    async def exchange(self, client: redis.Redis) -> None:
        """Write what was seen here; every few seconds read what was seen elsewhere.

        Raises:
            RedisError: Redis is away; nothing seen is forgotten.
        """
        if not self._wanted:
            return
        await self._write(client)
        if time.monotonic() >= self._next_refresh:
            self._next_refresh = time.monotonic() + REFRESH_EVERY_S
            names = await cast("Awaitable[list[bytes]]", client.hkeys(OPEN_MARKETS_KEY))
            known = {name.decode() for name in names}
            self.tickers = ((known | self._exact) - self._delisted) | self._listed.keys()

    async def wanted_snapshots(self, client: redis.Redis) -> set[str]:
        """Markets of which somebody wants a fresh snapshot.

        Raises:
            RedisError: Redis is away.
        """
        if not self._wanted:
            return set()
        names = await cast("Awaitable[set[bytes]]", client.smembers(SNAPSHOTS_WANTED_KEY))
        return {name.decode() for name in names}

    async def snapshots_asked(self, client: redis.Redis, markets: Collection[str]) -> None:
        """The exchange was asked for these; nobody else need.

        Raises:
            RedisError: Redis is away.
        """
        if markets:
            await cast("Awaitable[int]", client.srem(SNAPSHOTS_WANTED_KEY, *markets))

    async def _write(self, client: redis.Redis) -> None:
        listed, delisted = self._listed, self._delisted
        if not listed and not delisted:
            return
        self._listed, self._delisted = {}, set()
        pipeline = client.pipeline(transaction=False)
        for market, event in listed.items():
            pipeline.hset(OPEN_MARKETS_KEY, market, event)
        for market in delisted:
            pipeline.hdel(OPEN_MARKETS_KEY, market)
        try:
            await pipeline.execute()
        except (RedisError, OSError):
            self._listed = listed | self._listed
            self._delisted = delisted | self._delisted
            raise
