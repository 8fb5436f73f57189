"""Leases of API keys, in a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import redis.asyncio as redis

from hadron_tasks.local.redis_server import RedisServer
from streamer.leases import Leases, Renewal, fair_share, lease_key

KEYS = ["1", "2", "3", "4"]


@pytest.mark.parametrize(
    ("keys", "streamers", "expected"),
    [(4, 1, 4), (4, 2, 2), (4, 3, 2), (4, 5, 1), (1, 2, 1), (0, 3, 0), (4, 0, 4)],
)
def test_fair_share(keys: int, streamers: int, expected: int) -> None:
    assert fair_share(keys, streamers) == expected


def with_redis(server: RedisServer, scene: Callable[[redis.Redis], Awaitable[None]]) -> None:
    async def run() -> None:
        client = redis.Redis.from_url(server.url)
        try:
            await scene(client)
        finally:
            await client.aclose()

    asyncio.run(run())


TTL_S = 600.0
"""No test takes so long: where a time is over, the test says so."""
PRESENCE = "hadron:streamers:kalshi:1,2,3,4"


def leases(client: redis.Redis, streamer: str) -> Leases:
    return Leases(client, "kalshi", KEYS, streamer, TTL_S)


async def left_s(client: redis.Redis) -> list[float]:
    """For how much longer each lease is held."""
    return [await client.pttl(lease_key("kalshi", name)) / 1000 for name in KEYS]


async def cut_to(client: redis.Redis, ms: int) -> None:
    """Let every lease run out so soon."""
    for name in KEYS:
        await client.pexpire(lease_key("kalshi", name), ms)


async def age(client: redis.Redis, streamer: str, seconds: float) -> None:
    """Make a streamer one that was last seen so much earlier."""
    for token, _seen_ms in await client.zrange(PRESENCE, 0, -1, withscores=True):
        if token.startswith(streamer.encode()):
            await client.zincrby(PRESENCE, -seconds * 1000, token)


def test_no_key_is_held_twice_and_each_gets_its_share(redis_server: RedisServer) -> None:
    async def scene(client: redis.Redis) -> None:
        one, two = leases(client, "a:1"), leases(client, "b:1")
        await two.claim()
        await two.leave()
        assert sorted(await one.claim()) == KEYS
        assert await two.claim() == []
        assert two.share == 2
        await one.claim()
        assert one.share == 2
        await one.release("4")
        assert await two.claim() == ["4"]
        assert one.held.isdisjoint(two.held)

    with_redis(redis_server, scene)


def test_streamers_with_other_keys_do_not_count(redis_server: RedisServer) -> None:
    async def scene(client: redis.Redis) -> None:
        one = Leases(client, "kalshi", ["1", "2"], "a:1", TTL_S)
        two = Leases(client, "kalshi", ["3", "4"], "b:1", TTL_S)
        assert sorted(await one.claim()) == ["1", "2"]
        assert sorted(await two.claim()) == ["3", "4"]

    with_redis(redis_server, scene)


def test_a_dead_streamers_keys_are_free_after_the_time_to_live(redis_server: RedisServer) -> None:
    async def scene(client: redis.Redis) -> None:
        one, two = leases(client, "a:1"), leases(client, "b:1")
        await one.claim()
        assert all(TTL_S / 2 < left <= TTL_S for left in await left_s(client))
        await cut_to(client, 120_000)
        assert set((await one.renew()).values()) == {Renewal.HELD}
        assert all(TTL_S / 2 < left <= TTL_S for left in await left_s(client))
        assert await two.claim() == []
        await age(client, "a:1", TTL_S / 2)
        assert await two.claim() == []
        assert two.share == 2
        await cut_to(client, 1)
        await age(client, "a:1", TTL_S / 2)
        while await client.exists(*(lease_key("kalshi", name) for name in KEYS)):
            await asyncio.sleep(0.001)
        assert sorted(await two.claim()) == KEYS

    with_redis(redis_server, scene)


def test_a_lease_of_another_is_lost_and_never_released(redis_server: RedisServer) -> None:
    async def scene(client: redis.Redis) -> None:
        one = leases(client, "a:1")
        await one.claim()
        await client.set(lease_key("kalshi", "2"), "another")
        renewed = await one.renew()
        assert renewed.pop("2") is Renewal.LOST
        assert set(renewed.values()) == {Renewal.HELD}
        await one.leave()
        assert await client.keys("hadron:lease:*") == [b"hadron:lease:kalshi:2"]

    with_redis(redis_server, scene)


def test_a_holder_takes_its_leases_again_before_others_may(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamer.leases.CLAIM_HOLDOFF_S", 600.0)

    async def scene(client: redis.Redis) -> None:
        one, two = leases(client, "a:1"), leases(client, "b:1")
        await one.claim()
        await client.flushall()
        two.redis_was_away()
        assert await two.claim() == []
        assert set((await one.renew()).values()) == {Renewal.HELD}
        assert sorted(await one.holders()) == KEYS

    with_redis(redis_server, scene)


def test_a_restarted_streamer_of_the_same_name_does_not_hold_the_old_leases(
    redis_server: RedisServer,
) -> None:
    async def scene(client: redis.Redis) -> None:
        before, after = leases(client, "host:1"), leases(client, "host:1")
        await before.claim()
        assert await after.claim() == []
        await after.leave()
        assert sorted(await before.holders()) == KEYS

    with_redis(redis_server, scene)
