"""Leases in Redis: who may use an API key now. One connection a key, fleet-wide.

A lease is a key with a time to live, its value the holder's token. Redis that restarts empty has
lost the leases, not the connections: a holder takes its own again at once, while a claimant that
has just seen Redis away waits (:data:`CLAIM_HOLDOFF_S`), so that holders come first.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from enum import Enum
from typing import cast
from uuid import uuid4

import redis.asyncio as redis

CLAIM_HOLDOFF_S = 2.0

# Renew, or take again when nobody has it: 1 held, 0 another's.
_RENEW = """
local holder = redis.call('GET', KEYS[1])
if holder == ARGV[1] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) return 1 end
if holder then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
_RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""
# Note that this streamer lives, forget those that do not, count. Redis' own clock is used, so
# hosts whose clocks differ agree.
_ATTEND = """
local now = redis.call('TIME')
local now_ms = now[1] * 1000 + math.floor(now[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now_ms - ARGV[2])
redis.call('ZADD', KEYS[1], now_ms, ARGV[1])
return redis.call('ZCARD', KEYS[1])
"""


class Renewal(Enum):
    """What became of a lease."""

    HELD = "held"
    LOST = "lost"
    """Another process has it: the connection must close at once."""


def lease_key(venue: str, name: str) -> str:
    """The Redis key of a lease: of a Kalshi key's slot, or of a Polygon asset class."""
    return f"hadron:lease:{venue}:{name}"


def fair_share(keys: int, streamers: int) -> int:
    """How many of ``keys`` one of ``streamers`` may take, itself included."""
    return -(-keys // max(1, streamers))


class Leases:
    """The leases of one venue, seen from one streamer process.

    Every method raises :class:`redis.exceptions.RedisError` (or OSError) when Redis is away;
    nothing is given up by that.
    """

    def __init__(
        self, client: redis.Redis, venue: str, keys: Sequence[str], streamer: str, ttl_s: float
    ) -> None:
        self._redis = client
        self._venue = venue
        self._keys = tuple(keys)
        # A restarted container has the same host and process id: its old leases are not its own.
        self._token = f"{streamer}:{uuid4().hex[:8]}"
        self._ttl_ms = int(ttl_s * 1000)
        self._renew = client.register_script(_RENEW)
        self._release = client.register_script(_RELEASE)
        self._attend = client.register_script(_ATTEND)
        # Only streamers with the same keys can share them.
        self._presence = f"hadron:streamers:{venue}:{','.join(self._keys)}"
        self._claim_after = 0.0
        self.share = len(self._keys)
        """How many leases this process may hold while all streamers get as many."""
        self.held: set[str] = set()
        """Names of the leases this process holds."""

    def redis_was_away(self) -> None:
        """Let the holders take their leases again before this process claims any."""
        self._claim_after = time.monotonic() + CLAIM_HOLDOFF_S

    async def renew(self) -> dict[str, Renewal]:
        """Renew all held leases; those lost are no longer in :attr:`held`."""
        found = {}
        for name in sorted(self.held):
            key = lease_key(self._venue, name)
            answer = await self._renew(keys=[key], args=[self._token, self._ttl_ms])
            found[name] = Renewal.HELD if answer else Renewal.LOST
            if not answer:
                self.held.discard(name)
        return found

    async def claim(self) -> list[str]:
        """Take free leases up to this process' fair share; the names taken."""
        streamers = await self._attend(keys=[self._presence], args=[self._token, self._ttl_ms])
        self.share = fair_share(len(self._keys), streamers)
        if time.monotonic() < self._claim_after:
            return []
        room = self.share - len(self.held)
        taken: list[str] = []
        for name in self._keys:
            if len(taken) >= room:
                break
            if name in self.held:
                continue
            key = lease_key(self._venue, name)
            if await self._redis.set(key, self._token, nx=True, px=self._ttl_ms):
                self.held.add(name)
                taken.append(name)
        return taken

    async def holders(self) -> dict[str, str]:
        """Who holds each lease of this venue's configured keys."""
        values = await self._redis.mget([lease_key(self._venue, name) for name in self._keys])
        named = cast("list[bytes | None]", values)
        return {
            name: value.decode() for name, value in zip(self._keys, named, strict=True) if value
        }

    async def release(self, name: str) -> None:
        """Give one lease back."""
        await self._release(keys=[lease_key(self._venue, name)], args=[self._token])
        self.held.discard(name)

    async def leave(self) -> None:
        """Give all held leases back, and this process' presence."""
        for name in sorted(self.held):
            await self.release(name)
        await self._redis.zrem(self._presence, self._token)
